-- The features of entities, served by one lookup in the primary key of the online table.
--
-- What a view serves is one query with parameters, made here from its definition and kept by each session together
-- with its plan (src/feature/served_view_pg.cpp): $1 is now, $2 the request, $3 and on are the entity's values.

CREATE FUNCTION etl._in_jsonb_order(names name[])
RETURNS name[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(n ORDER BY octet_length(n), n COLLATE "C") FROM unnest(names) AS n
$$;
COMMENT ON FUNCTION etl._in_jsonb_order(name[]) IS
    'Names in the order in which jsonb keeps the keys of an object: keys that come so need no sorting.';

CREATE FUNCTION etl._serving_query(view etl.feature_view, source text, found bool)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- All of it is pulled up into the target list of the source's scan: nothing is slower to start than a plain SELECT.
    SELECT format($query$
        SELECT pg_catalog.jsonb_build_object('as_of', o.as_of, 'found', %L::bool, 'stale', o.stale, 'features', f.*)
        FROM (SELECT %s AS stale, s.* FROM %s AS s) AS o
        CROSS JOIN LATERAL (SELECT %s) AS f
        $query$,
        found,
        CASE WHEN view.ttl IS NULL THEN 'false'
             ELSE format('coalesce(s.as_of OPERATOR(pg_catalog.+) %L::pg_catalog.interval OPERATOR(pg_catalog.<) $1, '
                         'false)', view.ttl) END,
        source,
        CASE WHEN view.on_demand = '{}' THEN f.fresh
             ELSE format('%s FROM (SELECT features.*%s FROM (SELECT %s, $2 AS request, o.as_of, $1 AS now) '
                         'AS features) AS w',
                         etl._feature_list(etl._in_jsonb_order(view.features || o.names), 'w.%1$I'),
                         o.expressions, f.fresh) END)
    FROM (SELECT etl._feature_list(etl._in_jsonb_order(view.features),
                                   CASE WHEN view.ttl IS NULL THEN 'o.%1$I'
                                        ELSE 'CASE WHEN NOT o.stale THEN o.%1$I END AS %1$I' END)) AS f(fresh)
    CROSS JOIN (SELECT string_agg(format(E', (\n%s\n) AS %I', e.value, e.key), '' ORDER BY e.key),
                       array_agg(e.key::name)
                FROM jsonb_each_text(view.on_demand) AS e) AS o(expressions, names)
$$;
COMMENT ON FUNCTION etl._serving_query(etl.feature_view, text, bool) IS
    'The query that gives what etl.features_of returns for one entity, from a source of its features (what stands '
    'after FROM), which has a row or has none.';

CREATE FUNCTION etl._served_view(
    name text,
    OUT online oid, OUT unlogged bool, OUT runs_code bool, OUT queries text[], OUT entity text[], OUT types oid[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view etl.feature_view := etl._feature_view(name);
    history regclass := etl._feature_table(view, view.history_table);
BEGIN
    online := etl._feature_table(view, view.online_table);
    unlogged := (SELECT c.relpersistence = 'u' FROM pg_class AS c WHERE c.oid = online);
    -- The types that PostgreSQL brings have numbers below that: nothing of theirs is written in SQL by a user.
    runs_code := view.on_demand <> '{}' OR EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = online AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384);
    entity := view.entity;
    SELECT array_agg(a.atttypid ORDER BY e.position) INTO types
    FROM unnest(view.entity) WITH ORDINALITY AS e(name, position)
    JOIN pg_attribute AS a ON a.attrelid = online AND a.attname = e.name;
    queries := ARRAY[
        etl._serving_query(view, format(
            '(SELECT o.as_of, %s FROM %s AS o WHERE %s)', etl._feature_list(view.features, 'o.%1$I'), online::regclass,
            etl._entity_condition(online, view.entity, 'o.%1$I', '$%2$s::%3$s')), true),
        etl._serving_query(view, format(
            '(SELECT l.* FROM (SELECT h.as_of, h.present, %s FROM %s AS h WHERE %s '
            'ORDER BY h.as_of DESC, h.created_at DESC LIMIT 1) AS l WHERE l.present)',
            etl._feature_list(view.features, 'h.%1$I'), history,
            etl._entity_condition(history, view.entity, 'h.%1$I', '$%2$s::%3$s')), true),
        etl._serving_query(view, (
            SELECT format('(SELECT NULL::timestamptz AS as_of, %s)',
                          string_agg(format('NULL::%s AS %I', t.type, t.name), ', '))
            FROM etl._feature_table_columns(online) AS t WHERE t.name = ANY (view.features)), false)];
END
$$;
COMMENT ON FUNCTION etl._served_view(text) IS
    'What a session has to know of a feature view to serve it: its online table, whether a query runs what a user has '
    'written, the queries for one entity (from the online table, from the history, and where there is none), and the '
    'names and types of the entity columns. Errors: 42704, 42501, 42P01, 55000.';

-- What users call ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.features_of(name text, VARIADIC entity "any")
RETURNS jsonb
LANGUAGE C STABLE PARALLEL RESTRICTED COST 10
AS 'MODULE_PATHNAME', 'etl_features_of';
COMMENT ON FUNCTION etl.features_of(text, "any") IS
    'The newest features of one entity from one feature view, by the values of its entity columns in their order: '
    'etl.features_of(''wallet_features'', ''0xabc''). Returns {"found", "stale", "as_of", "features": {…}}: found is '
    'false where the view has no such entity; stale is true where as_of is longer than the ttl before now(); in both '
    'cases the stored features are NULL. On-demand features are computed without a request. One lookup in the primary '
    'key of the online table; the plan is kept for the session. Whoever may SELECT from the online table may call it. '
    'Errors: 42704 no such view, 42501 no right to read it, 22023 another number of values, 42804 a value whose type '
    'does not fit, 55000 the online table was changed by hand and its key is no longer the entity.';

CREATE FUNCTION etl.get_features(
    names text[], entity jsonb, request jsonb DEFAULT '{}', as_of timestamptz DEFAULT now())
RETURNS jsonb
LANGUAGE C STABLE PARALLEL RESTRICTED COST 20
AS 'MODULE_PATHNAME', 'etl_get_features';
COMMENT ON FUNCTION etl.get_features(text[], jsonb, jsonb, timestamptz) IS
    'The newest features of one entity from several feature views: etl.get_features(ARRAY[''user_features'', '
    '''item_features''], ''{"user_id": 7, "item_id": 9}''). '
    'names: the views. entity: an object with the entity columns of all of them. request: what on-demand expressions '
    'read as request. as_of: the moment at which the ttl is judged. '
    'Returns {"<view>": {"found", "stale", "as_of", "features": {…}}, …}; see etl.features_of. '
    'Errors: 42704 no such view, 42501 no right to read it, 22023 an entity column is missing or unknown, and 22P02 '
    'and the like where a value is none of the column''s type.';

CREATE FUNCTION etl.get_features_of_all(
    names text[], entities jsonb, request jsonb DEFAULT '{}', as_of timestamptz DEFAULT now(),
    OUT number bigint, OUT entity jsonb, OUT features jsonb)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100 ROWS 100
AS 'MODULE_PATHNAME', 'etl_get_features_of_all';
COMMENT ON FUNCTION etl.get_features_of_all(text[], jsonb, jsonb, timestamptz) IS
    'etl.get_features for every entity of a JSON array, one row each, numbered from 1 in the array''s order.';
