-- The order in which materialized views that read each other are refreshed, and the refresh of all of them.

CREATE FUNCTION etl._refresh_depths(matviews oid[])
RETURNS TABLE (matview oid, depth integer)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET jit = off -- the guess of a recursion's cost is too high
AS $$
    -- The longest way down to a view; through views, which have no content of their own.
    WITH RECURSIVE beneath (relation, depth) AS (
        SELECT m, 0 FROM unnest(matviews) AS m
        UNION
        SELECT c.oid, b.depth + 1
        FROM beneath AS b
        CROSS JOIN LATERAL etl._reads(b.relation) AS r
        JOIN pg_class AS c ON c.oid = r AND c.relkind IN ('v', 'm')
    )
    SELECT b.relation, max(b.depth)
    FROM beneath AS b
    JOIN pg_class AS c ON c.oid = b.relation AND c.relkind = 'm'
    GROUP BY b.relation
$$;
COMMENT ON FUNCTION etl._refresh_depths(oid[]) IS
    'The materialized views given and all those beneath them, also through views. A view has a greater depth than '
    'every view that reads it.';

CREATE FUNCTION etl._refresh_list(matview regclass, with_dependencies boolean)
RETURNS regclass[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    views regclass[];
    foreign_view regclass;
BEGIN
    IF NOT coalesce(with_dependencies, (etl._refresh_policy_of(matview)).with_dependencies) THEN
        RETURN ARRAY[matview];
    END IF;
    FOR foreign_view IN
        SELECT d.matview FROM etl._refresh_depths(ARRAY[matview::oid]) AS d
        JOIN pg_class AS c ON c.oid = d.matview
        WHERE NOT pg_has_role(c.relowner, 'USAGE')
        ORDER BY d.matview::regclass::text
    LOOP
        RAISE NOTICE USING
            MESSAGE = format('materialized view "%s" beneath "%s" belongs to another role and is not refreshed',
                             foreign_view, matview);
    END LOOP;
    RETURN ARRAY(
        SELECT d.matview::regclass FROM etl._refresh_depths(ARRAY[matview::oid]) AS d
        JOIN pg_class AS c ON c.oid = d.matview
        WHERE pg_has_role(c.relowner, 'USAGE')
        ORDER BY d.depth DESC, d.matview::regclass::text
    );
END
$$;
COMMENT ON FUNCTION etl._refresh_list(regclass, boolean) IS
    'The materialized views to refresh for one view, in their order: itself alone, or also those beneath it that the '
    'current role may refresh.';

CREATE FUNCTION etl._refresh_order()
RETURNS regclass[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH p AS (
        SELECT etl._named_relation(p.matview)::oid AS matview, p.with_dependencies
        FROM etl.refresh_policy AS p WHERE p.owner = current_user
    ),
    wanted AS (
        SELECT p.matview FROM p
        UNION
        SELECT d.matview FROM etl._refresh_depths(ARRAY(SELECT p.matview FROM p WHERE p.with_dependencies)) AS d
    )
    SELECT coalesce(array_agg(d.matview::regclass ORDER BY d.depth DESC, d.matview::regclass::text), '{}')
    FROM etl._refresh_depths(ARRAY(SELECT p.matview FROM p WHERE p.matview IS NOT NULL)) AS d
    JOIN pg_class AS c ON c.oid = d.matview
    WHERE d.matview IN (SELECT w.matview FROM wanted AS w) AND pg_has_role(c.relowner, 'USAGE')
$$;
COMMENT ON FUNCTION etl._refresh_order() IS
    'The materialized views for which the current role has a refresh policy, and those beneath where it says '
    'with_dependencies, each after those that it reads. A view that is gone or no longer the role''s is left out.';

CREATE FUNCTION etl._raise_refresh_errors(failures jsonb, views integer)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number integer := jsonb_array_length(failures);
BEGIN
    IF number > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = failures #>> '{0, sqlstate}',
            MESSAGE = format('%s of %s materialized views could not be refreshed', number, views),
            DETAIL = (SELECT string_agg(format('"%s": %s', f ->> 'matview', f ->> 'message'), E'\n')
                      FROM jsonb_array_elements(failures) AS f),
            HINT = 'They keep the rows that they had; the others were refreshed. etl.runs has a row for each.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._raise_refresh_errors(jsonb, integer) IS
    'Raises one error for all refreshes that failed, if any, under the SQLSTATE of the first.';

CREATE FUNCTION etl._with_failure(failures jsonb, matview regclass, failure jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN failure IS NULL THEN failures
                ELSE failures || (failure || jsonb_build_object('matview', etl._relation_name(matview))) END
$$;
COMMENT ON FUNCTION etl._with_failure(jsonb, regclass, jsonb) IS 'A list of failures with one more, if it is one.';

-- Names everything with its schema and uses no operator: it cannot pin search_path, as it commits.
CREATE PROCEDURE etl.refresh_matviews(force boolean DEFAULT false)
LANGUAGE plpgsql
AS $$
DECLARE
    views pg_catalog.regclass[] := etl._refresh_order();
    view pg_catalog.regclass;
    failure pg_catalog.jsonb;
    failures pg_catalog.jsonb := '[]';
BEGIN
    PERFORM etl._require_flag(force, 'force'), etl._forget_lost_views(), etl._tell_lost_views();
    FOREACH view IN ARRAY views LOOP
        CALL etl._refresh_one(view, force, failure);
        failures := etl._with_failure(failures, view, failure);
    END LOOP;
    PERFORM etl._raise_refresh_errors(failures, pg_catalog.cardinality(views));
END
$$;
COMMENT ON PROCEDURE etl.refresh_matviews(boolean) IS
    'Refreshes every materialized view for which the current role has a refresh policy, now and as its policy says '
    '(with_dependencies: those beneath it, too), each after those that it reads: what pg_cron does by their schedules, '
    'without pg_cron. A view that fails does not keep the others from being refreshed; in the end it is an error that '
    'names all that failed. Called on its own it commits after each; inside a transaction the first failure ends it. '
    'force: also those that would be skipped because nothing has changed.';
