-- etl.training_set: labels joined with the features of several views as they were at the labels' moments.
--
-- Each view is one point-in-time join with the table that holds the versions of its rows (etl._feature_history). They
-- stand in each other: the result of one is the spine of the next.

CREATE TYPE etl._training_view AS (
    name text, relation regclass, entity name[], ts name, created_ts name, ttl interval, features name[]
);
COMMENT ON TYPE etl._training_view IS 'A feature view of a training set, and which of its features are wanted.';

CREATE FUNCTION etl._training_view(view text, wanted name[])
RETURNS etl._training_view
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._training_view;
    missing name;
BEGIN
    SELECT view, h.relation, h.entity, h.ts, h.created_ts, h.ttl, h.features INTO made
    FROM etl._feature_history(view) AS h;
    SELECT f INTO missing FROM unnest(wanted) AS f WHERE f <> ALL (made.features) LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('feature view "%s" has no feature "%s"', view, missing),
            DETAIL = format('It has %s.', etl._column_list(made.features)),
            HINT = 'Name one of these, or the view alone for all of them.';
    END IF;
    made.features := coalesce(wanted, made.features);
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._training_view(text, name[]) IS
    'A feature view, all of its features or the wanted ones. 42704 for an unknown view, 42703 for an unknown feature.';

CREATE FUNCTION etl._training_views(feature_views text[])
RETURNS etl._training_view[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twice text;
BEGIN
    IF coalesce(array_ndims(feature_views), 0) <> 1
       OR EXISTS (SELECT FROM unnest(feature_views) AS v WHERE v IS NULL) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN coalesce(cardinality(feature_views), 0) = 0 THEN 'no feature view was given'
                           WHEN array_ndims(feature_views) > 1 THEN 'feature_views must be one list of names'
                           ELSE 'a feature view must not be NULL' END,
            HINT = 'Name one or more: feature_views => ARRAY[''view'', ''other_view:feature'', …].';
    END IF;
    SELECT v INTO twice FROM unnest(feature_views) AS v
    WHERE strpos(v, ':') > 0 AND split_part(v, ':', 1) = ANY (feature_views)
       OR (SELECT count(*) FROM unnest(feature_views) AS o WHERE o = v) > 1
    LIMIT 1;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('"%s" is named twice', twice),
            HINT = 'Name a view once, or once with each feature that you want of it.';
    END IF;
    RETURN ARRAY(
        SELECT etl._training_view(g.view, CASE WHEN g.is_part THEN g.wanted END)
        FROM (SELECT split_part(v, ':', 1), bool_or(strpos(v, ':') > 0), min(n),
                     array_agg(substr(v, strpos(v, ':') + 1)::name ORDER BY n)
              FROM unnest(feature_views) WITH ORDINALITY AS u(v, n) GROUP BY 1) AS g(view, is_part, first, wanted)
        ORDER BY g.first);
END
$$;
COMMENT ON FUNCTION etl._training_views(text[]) IS
    'The views that are named, each once, in the order of their first names. 22023 for none, 42710 for what is named '
    'twice.';

CREATE FUNCTION etl._training_names(views etl._training_view[], spine name[], full_names bool, feature_times bool)
RETURNS TABLE(view int, source name, name name)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    SELECT min(n.label) INTO wrong
    FROM (SELECT c.name::text AS label FROM unnest(spine) AS c(name)
          UNION ALL
          SELECT CASE WHEN full_names THEN v.name || '__' || f.name ELSE f.name END
          FROM unnest(views) AS v CROSS JOIN unnest(v.features) AS f(name)
          UNION ALL
          SELECT v.name || '__ts' FROM unnest(views) AS v WHERE feature_times) AS n
    GROUP BY n.label HAVING count(*) > 1 LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_column',
            MESSAGE = format('the training set would have two columns "%s"', wrong),
            HINT = CASE WHEN full_names THEN 'Rename the column of the spine in a SELECT.'
                        ELSE 'Say full_feature_names => true, which puts the name of the view before each feature, or '
                             'choose features: ARRAY[''view:feature'', …].' END;
    END IF;
    FOR view, source, wrong IN
        SELECT v.number, c.source, c.label
        FROM ROWS FROM (unnest(views)) WITH ORDINALITY
             AS v(name, relation, entity, ts, created_ts, ttl, features, number)
        CROSS JOIN LATERAL (
            SELECT v.ts, v.name || '__ts', 0::bigint WHERE feature_times
            UNION ALL
            SELECT f.name, CASE WHEN full_names THEN v.name || '__' || f.name ELSE f.name END, f.position
            FROM unnest(v.features) WITH ORDINALITY AS f(name, position)
        ) AS c(source, label, position)
        ORDER BY v.number, c.position
    LOOP
        IF octet_length(wrong) > 63 THEN
            RAISE EXCEPTION USING
                ERRCODE = 'name_too_long',
                MESSAGE = format('the name "%s" has more than 63 bytes', wrong),
                HINT = 'Give the view or the feature a shorter name.';
        END IF;
        name := wrong;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._training_names(etl._training_view[], name[], bool, bool) IS
    'The columns that come from feature views: the number of the view, the column of its history, and its name in the '
    'training set. 42701 where two columns would have one name, 42622 for one that is too long.';

CREATE FUNCTION etl._require_entities(spine etl._asof_side, views etl._training_view[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing record;
BEGIN
    SELECT v.name AS view, e.name INTO missing
    FROM unnest(views) AS v CROSS JOIN unnest(v.entity) AS e(name)
    WHERE e.name <> ALL (spine.names) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('spine has no column "%s", an entity of feature view "%s"', missing.name, missing.view),
            DETAIL = format('It has %s.', etl._column_list(spine.names)),
            HINT = 'Give the column that name with AS in a SELECT.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_entities(etl._asof_side, etl._training_view[]) IS
    'Raises (42703) unless the spine has the entity columns of all views.';

CREATE FUNCTION etl._dollar_quoted(body text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tag text := '$q$';
BEGIN
    FOR n IN 1 .. length(body) + 1 LOOP
        EXIT WHEN strpos(body, tag) = 0 AND right(body, 1) <> '$';
        tag := '$q' || n || '$';
        body := body || CASE WHEN right(body, 1) = '$' THEN ' ' ELSE '' END;
    END LOOP;
    RETURN tag || body || tag;
END
$$;
COMMENT ON FUNCTION etl._dollar_quoted(text) IS
    'A query as a constant that stays as long however often it is quoted. A $ at its end gets a space behind it.';

CREATE FUNCTION etl._training_plan_of_view(
    spine text, view etl._training_view, ts name, include_backfilled bool, sources name[], names name[])
RETURNS etl._asof_plan
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._make_asof_plan(
        etl._asof_side(spine, 'spine'), etl._asof_side(view.relation::text, 'features'), view.entity, ts, view.ts,
        view.created_ts, etl._asof_rules('backward', true, view.created_ts, include_backfilled), view.ttl, NULL,
        sources, names)
$$;
COMMENT ON FUNCTION etl._training_plan_of_view(text, etl._training_view, name, bool, name[], name[]) IS
    'The plan of a point-in-time join with the history of one view, of which some columns are joined under new names.';

CREATE FUNCTION etl._joined_view(
    spine text, view etl._training_view, ts name, include_backfilled bool, sources name[], names name[])
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spine_side CONSTANT etl._asof_side := etl._asof_side(spine, 'spine');
    history CONSTANT etl._asof_side := etl._asof_side(view.relation::text, 'features');
    others CONSTANT name[] := ARRAY(
        SELECT c.name FROM unnest(history.names) WITH ORDINALITY AS c(name, position)
        WHERE c.name <> ALL (view.entity || view.ts) ORDER BY c.position);
    joined CONSTANT name[] := view.ts || others;
BEGIN
    RETURN format('SELECT %s FROM etl.asof_join(%s, %s, %L, ts => %L, ttl => %L, created_ts => %L, '
                  'feature_ts => %L, include_backfilled => %L) AS t(%s)',
        concat_ws(', ',
            (SELECT string_agg(format('t.s%s AS %I', n, spine_side.names[n]), ', ' ORDER BY n)
             FROM generate_subscripts(spine_side.names, 1) AS n),
            (SELECT string_agg(format('t.f%s AS %I', array_position(joined, sources[n]), names[n]), ', ' ORDER BY n)
             FROM generate_subscripts(sources, 1) AS n)),
        etl._dollar_quoted(spine), etl._dollar_quoted(view.relation::text), view.entity, ts, view.ttl,
        view.created_ts, view.ts, include_backfilled,
        concat_ws(', ',
            (SELECT string_agg(format('s%s %s', n, format_type(spine_side.types[n], -1)
                                      || coalesce(etl._collate_clause(spine_side.collations[n]), '')), ', ' ORDER BY n)
             FROM generate_subscripts(spine_side.names, 1) AS n),
            (SELECT string_agg(format('f%s %s', n, format_type(history.types[i], -1)
                                      || coalesce(etl._collate_clause(history.collations[i]), '')), ', ' ORDER BY n)
             FROM generate_subscripts(joined, 1) AS n
             CROSS JOIN LATERAL array_position(history.names, joined[n]) AS i)));
END
$$;
COMMENT ON FUNCTION etl._joined_view(text, etl._training_view, name, bool, name[], name[]) IS
    'A query for the rows of etl._training_plan_of_view.';

CREATE FUNCTION etl._plan_training_set(
    spine text, feature_views text[], ts name, full_feature_names bool, feature_times bool, include_backfilled bool)
RETURNS etl._asof_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spine_side CONSTANT etl._asof_side := etl._asof_side(spine, 'spine');
    views CONSTANT etl._training_view[] := etl._training_views(feature_views);
    query text := etl._query_of(spine, 'spine');
    sources name[];
    names name[];
BEGIN
    PERFORM etl._require_flag(full_feature_names, 'full_feature_names'),
            etl._require_flag(feature_times, 'feature_times'), etl._require_entities(spine_side, views),
            etl._require_asof_column(spine_side, ts, 'ts'),
            etl._training_names(views, spine_side.names, full_feature_names, feature_times);
    FOR i IN 1 .. cardinality(views) LOOP
        SELECT array_agg(n.source ORDER BY n.ordinality), array_agg(n.name ORDER BY n.ordinality) INTO sources, names
        FROM etl._training_names(views, spine_side.names, full_feature_names, feature_times) WITH ORDINALITY AS n
        WHERE n.view = i;
        IF i = cardinality(views) THEN
            RETURN etl._training_plan_of_view(query, views[i], ts, include_backfilled, sources, names);
        END IF;
        query := etl._joined_view(query, views[i], ts, include_backfilled, sources, names);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._plan_training_set(text, text[], name, bool, bool, bool) IS
    'The plan of etl.training_set; checks its arguments.';

CREATE FUNCTION etl.training_set(
    spine text, feature_views text[], ts name DEFAULT 'ts', full_feature_names bool DEFAULT false,
    feature_times bool DEFAULT false, include_backfilled bool DEFAULT false)
RETURNS SETOF record
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS 'MODULE_PATHNAME', 'etl_training_set';
COMMENT ON FUNCTION etl.training_set(text, text[], name, bool, bool, bool) IS
    'The rows of a spine, each with the features of some views as they were at its moment. Give the list of columns, '
    'which the error for a wrong one says: SELECT * FROM etl.training_set(…) AS t(…). spine: a table or view with its '
    'schema, or one SELECT; it has the entity columns of all views. feature_views: views, or features as '
    '''view:feature''. ts: the spine''s column with the moment. full_feature_names: columns are named view__feature, '
    'and not feature. feature_times: a column view__ts for each view tells as of when its features are. A feature is '
    'joined when its ts and the moment at which it was written are not after the row''s moment, and when it is not '
    'older than the ttl of its view; otherwise it is NULL. include_backfilled: when a feature was written does not '
    'matter, for views that were filled afterwards. Errors: 22023 no view, 42704 no such view, 42703 no such feature, '
    'or the spine lacks an entity column, 42701 two columns of one name, 42710 what is named twice, 42501 the view of '
    'another role, 42804 types that cannot be compared, or the list of columns is not that of the result.';

CREATE FUNCTION etl._write_training_set(
    target regclass, spine text, feature_views text[], ts name, full_feature_names bool, feature_times bool,
    include_backfilled bool)
RETURNS bigint
LANGUAGE C VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS 'MODULE_PATHNAME', 'etl_write_training_set';
COMMENT ON FUNCTION etl._write_training_set(regclass, text, text[], name, bool, bool, bool) IS
    'Writes the rows of etl.training_set into a table that was just made for them. Returns their number.';

CREATE FUNCTION etl.create_training_set(
    name text, spine text, feature_views text[], ts name DEFAULT 'ts', full_feature_names bool DEFAULT false,
    feature_times bool DEFAULT false, include_backfilled bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN etl._write_training_set(
        etl._make_asof_table(name, etl._plan_training_set(spine, feature_views, ts, full_feature_names, feature_times,
                                                          include_backfilled)),
        spine, feature_views, ts, full_feature_names, feature_times, include_backfilled);
END
$$;
COMMENT ON FUNCTION etl.create_training_set(text, text, text[], name, bool, bool, bool) IS
    'Makes a table of the rows of etl.training_set. name: the table, with its schema; the other arguments and their '
    'errors are those of etl.training_set. Returns the number of rows, which is that of the spine. Errors: 42602 a '
    'name without a schema, 42P07 there is such a table.';
