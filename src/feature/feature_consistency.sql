-- Whether what was served is what the query gives for that moment.

CREATE FUNCTION etl._sampled_states(view etl.feature_view, sample int, seed bigint)
RETURNS TABLE(version int, as_of timestamptz, places tid[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- the sample goes by hash of seed and state: the same for the same seed, whatever the plan
AS $$
DECLARE
    history regclass := etl._feature_table(view, view.history_table);
BEGIN
    -- Only states that were computed as of their own moment, which those that a backfill has restored were not, and
    -- none that was computed again later as of the same moment.
    RETURN QUERY EXECUTE format($query$
        SELECT s.version, s.as_of, pg_catalog.array_agg(s.place)
        FROM (
            SELECT m.version, h.as_of, h.ctid AS place
            FROM %1$s AS h
            JOIN etl.feature_materialization AS m
              ON m.view_id = $1 AND m.owner = current_user AND m.as_of = h.as_of AND m.created_at = h.created_at
            WHERE NOT EXISTS (
                SELECT FROM %1$s AS n WHERE %2$s AND n.as_of = h.as_of AND n.created_at > h.created_at)
            ORDER BY pg_catalog.hashtextextended(ROW(%3$s, h.as_of)::text, $2), ROW(%3$s, h.as_of)::text
            LIMIT $3
        ) AS s
        GROUP BY s.version, s.as_of
        ORDER BY s.as_of
        $query$, history, etl._entity_condition(history, view.entity, 'n.%1$I', 'h.%1$I'),
        etl._feature_list(view.entity, 'h.%1$I'))
    USING view.view_id, seed, sample;
END
$$;
COMMENT ON FUNCTION etl._sampled_states(etl.feature_view, int, bigint) IS
    'Some states of a feature view''s history by their places, chosen by the seed, for each version and moment.';

CREATE FUNCTION etl._compared_values(features name[], served text, source text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('(%1$L::name, %2$s.%3$I::text, c.%3$I::text, %4$L, %2$s.as_of IS NOT NULL '
                             'AND ROW(%2$s.%3$I)::record OPERATOR(pg_catalog.*<>) ROW(c.%3$I)::record)',
                             f, served, f, source), ', ')
    FROM unnest(features) AS f
$$;
COMMENT ON FUNCTION etl._compared_values(name[], text, text) IS
    'Rows for VALUES: feature, value that was served, value that was computed, where the former stands, whether they '
    'differ.';

-- Under the settings of etl._stage_features.
CREATE FUNCTION etl._inconsistent(view etl.feature_view, of_version int, as_of timestamptz, places tid[])
RETURNS TABLE(entity jsonb, feature name, served text, offline text, source text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
AS $$
DECLARE
    online regclass := etl._feature_table(view, view.online_table);
    history regclass := etl._feature_table(view, view.history_table);
    computed etl.feature_view_version;
BEGIN
    SELECT * INTO computed FROM etl.feature_view_version AS d
    WHERE d.view_id = view.view_id AND d.version = of_version AND d.owner = current_user;
    PERFORM etl._require_same_types(view, etl._feature_columns(computed.query), history);
    RETURN QUERY SELECT * FROM etl._locked_rows(format($query$
        SELECT jsonb_build_object(%6$s), v.feature, v.served, v.offline, v.source
        FROM %1$s AS s
        LEFT JOIN (SELECT true AS found, q.* FROM (
            %2$s
            ) AS q) AS c ON %3$s
        LEFT JOIN %4$s AS o ON %5$s AND o.as_of = s.as_of AND s.present
        CROSS JOIN LATERAL (
            SELECT NULL::name, CASE WHEN s.present THEN 'present' ELSE 'absent' END,
                   CASE WHEN c.found THEN 'present' ELSE 'absent' END, 'history'
            WHERE s.present <> (c.found IS NOT NULL)
            UNION ALL
            SELECT d.feature, d.served, d.offline, d.source
            FROM (VALUES %7$s) AS d(feature, served, offline, source, differs)
            WHERE d.differs AND s.present AND c.found
        ) AS v(feature, served, offline, source)
        WHERE s.ctid = ANY ($2)
        $query$, history, computed.query, etl._entity_condition(history, view.entity, 's.%1$I', 'c.%1$I'), online,
        etl._entity_condition(history, view.entity, 's.%1$I', 'o.%1$I'), etl._feature_list(view.entity, '%1$L, s.%1$I'),
        concat_ws(', ', etl._compared_values(computed.features, 's', 'history'), etl._compared_values(
            ARRAY(SELECT f FROM unnest(computed.features) AS f WHERE f = ANY (view.features)), 'o', 'online'))),
        as_of, places) AS r(entity jsonb, feature name, served text, offline text, source text);
END
$$;
COMMENT ON FUNCTION etl._inconsistent(etl.feature_view, int, timestamptz, tid[]) IS
    'The values among states of one moment that differ from what the query of that version gives for the moment.';

CREATE FUNCTION etl.feature_consistency(
    name text, sample int DEFAULT 1000, seed bigint DEFAULT 0,
    OUT entity jsonb, OUT as_of timestamptz, OUT feature name, OUT served text, OUT offline text, OUT source text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view etl.feature_view := etl._feature_view(name);
    moment record;
    states bigint := 0;
    moments bigint := 0;
BEGIN
    IF sample IS NULL OR sample < 1 OR seed IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN seed IS NULL THEN 'seed must not be NULL'
                           ELSE format('sample must be at least 1, not %s', coalesce(sample::text, 'NULL')) END,
            HINT = 'Leave it out to compare 1000 states.';
    END IF;
    FOR moment IN SELECT * FROM etl._sampled_states(view, sample, seed) LOOP
        states := states + cardinality(moment.places);
        moments := moments + 1;
        RETURN QUERY
            SELECT i.entity, moment.as_of, i.feature, i.served, i.offline, i.source
            FROM etl._inconsistent(view, moment.version, moment.as_of, moment.places) AS i
            ORDER BY i.entity, i.feature, i.source;
    END LOOP;
    RAISE NOTICE '% states of feature view "%" compared, as of % moments', states, name, moments;
END
$$;
COMMENT ON FUNCTION etl.feature_consistency(text, int, bigint) IS
    'Proves that the values that a feature view has served are those that its query gives. It looks at values that '
    'are stored: not for states that are missing, nor for rows of the online table that the history does not know '
    '(etl.rebuild_features removes those). Takes a sample of the states in the history, runs the query of their '
    'version again as of their moments, and returns each value that differs: the entity, the moment, the feature, '
    'the value that was served and the one computed now (offline), as text, and whether the former stands in the '
    'history or in the online table (source). Values are compared bit by bit; NULL equals NULL. feature NULL: the '
    'entity was present and is not, or the other way round. No row: all are equal; a NOTICE says how many states '
    'were compared. Differences come from rows that arrived or were changed after the moment was materialised, from '
    'a query that does not keep to $1, or from tables changed by hand. sample: how many states. seed: another seed '
    'takes other states. Errors: 42704, 42501, 22023.';
