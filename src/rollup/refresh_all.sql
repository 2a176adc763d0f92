-- All rollups of a role refreshed, those that read other rollups after these; then its materialized views.

CREATE FUNCTION etl._rollup_chain()
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The depth of a rollup is the longest way from a table that is none. There are no circles: etl.alter_rollup
    -- refuses them.
    WITH RECURSIVE own AS (
        SELECT r.rollup_id, r.name FROM etl.rollup AS r WHERE r.owner = current_user
    ), reads AS (
        SELECT s.rollup_id, o.rollup_id AS other
        FROM etl.rollup_source AS s JOIN own AS o ON o.name = s.relation
        WHERE s.owner = current_user
    ), depths AS (
        SELECT o.rollup_id, 0 AS depth FROM own AS o
        UNION
        SELECT r.rollup_id, d.depth + 1 FROM depths AS d JOIN reads AS r ON r.other = d.rollup_id
        WHERE d.depth < (SELECT count(*) FROM own)
    )
    SELECT ARRAY(SELECT o.name FROM own AS o JOIN depths AS d USING (rollup_id)
                 GROUP BY o.rollup_id, o.name ORDER BY max(d.depth), o.name)
$$;
COMMENT ON FUNCTION etl._rollup_chain() IS
    'The rollups of the current role in the order of their refresh: one that reads another comes after it.';

CREATE FUNCTION etl._raise_refresh_failures(failures jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_array_length(failures) = 1 THEN
        PERFORM etl._raise_refresh_failure(failures -> 0);
    ELSIF jsonb_array_length(failures) > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = failures -> 0 ->> 'sqlstate',
            MESSAGE = format('%s refreshes failed', jsonb_array_length(failures)),
            DETAIL = (SELECT string_agg(format('%s: %s.', f ->> 'name', f ->> 'message'), E'\n' ORDER BY n)
                      FROM jsonb_array_elements(failures) WITH ORDINALITY AS e(f, n)),
            HINT = 'SELECT * FROM etl.runs WHERE status = ''failed'' ORDER BY run_id DESC; tells more.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._raise_refresh_failures(jsonb) IS
    'Raises what ended refreshes, where something did, under the SQLSTATE of the first.';

CREATE FUNCTION etl._time_left(deadline timestamptz)
RETURNS interval
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN deadline > clock_timestamp() THEN deadline - clock_timestamp()
                WHEN deadline IS NOT NULL THEN interval '1 microsecond' END
$$;
COMMENT ON FUNCTION etl._time_left(timestamptz) IS
    'How long it is to a moment, and nearly nothing where it is past; NULL for NULL.';

CREATE FUNCTION etl._deadline(max_runtime interval)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF max_runtime IS NOT NULL THEN
        PERFORM etl._require_positive(max_runtime, 'max_runtime');
    END IF;
    IF max_runtime > interval '1000 years' THEN -- the end of time would be before it
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('max_runtime must not be longer than 1000 years, not "%s"', max_runtime),
            HINT = 'Leave it out to have no limit.';
    END IF;
    RETURN clock_timestamp() + max_runtime;
END
$$;
COMMENT ON FUNCTION etl._deadline(interval) IS
    'When a call that may take so long is over; 22023 unless it is positive, and no longer than 1000 years.';

CREATE FUNCTION etl._add_failure(failures jsonb, name text, failure jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN failure IS NULL THEN failures ELSE failures || (failure || jsonb_build_object('name', name)) END
$$;
COMMENT ON FUNCTION etl._add_failure(jsonb, text, jsonb) IS 'Adds what ended a refresh to a list, where something did.';

CREATE FUNCTION etl._is_cancelled(failure jsonb)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(failure ->> 'sqlstate' = '57014', false)
$$;
COMMENT ON FUNCTION etl._is_cancelled(jsonb) IS 'Whether a refresh was cancelled, and so are those after it.';

-- The body names everything with its schema and uses no operator: it cannot pin search_path, as it commits.
CREATE PROCEDURE etl.refresh_all(
    max_groups integer DEFAULT 10000,
    max_runtime interval DEFAULT NULL,
    newest_first boolean DEFAULT true,
    as_of timestamptz DEFAULT now()
)
LANGUAGE plpgsql
AS $$
DECLARE
    name pg_catalog.text;
    matview pg_catalog.regclass;
    deadline pg_catalog.timestamptz;
    failure pg_catalog.jsonb;
    failures pg_catalog.jsonb := '[]';
BEGIN
    deadline := etl._deadline(max_runtime);
    FOREACH name IN ARRAY etl._rollup_chain() LOOP
        CALL etl._refresh_rollup(name, max_groups, etl._time_left(deadline), newest_first, NULL, as_of, false, failure);
        failures := etl._add_failure(failures, name, failure);
        EXIT WHEN etl._is_cancelled(failure);
    END LOOP;
    IF NOT etl._is_cancelled(failure) THEN
        PERFORM etl._forget_lost_views(), etl._tell_lost_views();
        FOREACH matview IN ARRAY etl._refresh_order() LOOP
            CALL etl._refresh_one(matview, false, failure);
            failures := etl._add_failure(failures, etl._relation_name(matview), failure);
            EXIT WHEN etl._is_cancelled(failure);
        END LOOP;
    END IF;
    PERFORM etl._raise_refresh_failures(failures);
END
$$;
COMMENT ON PROCEDURE etl.refresh_all(integer, interval, boolean, timestamptz) IS
    'Refreshes all rollups of the current role, those that read other rollups after these, and then its materialized '
    'views that have a refresh policy. One that fails does not stop the rest; what went wrong is raised at the end. '
    'max_runtime: for all together; the rollups that are left then take what was noted, and leave the groups pending. '
    'The other arguments are those of etl.refresh_rollup. Where pg_cron runs schedules there is no need for it. '
    'Errors: those of etl.refresh_rollup and etl.refresh_matview.';
