-- etl.explain_rollup: what a rollup's plan comes to, in words.

CREATE FUNCTION etl._explain_whole(rollup etl.rollup, OUT item text, OUT what text, OUT how text, OUT why text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT rollup.name, 'refresh',
           CASE WHEN etl._is_delta(rollup)
                THEN format('delta: changes of %s are merged into %s, and what cannot be merged is computed anew',
                            etl._plan_source(rollup.plan, (rollup.plan -> 'delta' ->> 'fact')::integer) ->> 'relation',
                            etl._rollup_table(rollup.name, '_state'))
                ELSE 'recompute: the groups that a change touches are computed anew' END,
           CASE WHEN etl._is_delta(rollup) THEN 'All aggregates can be kept as states that merge exactly.'
                WHEN rollup.mode = 'recompute' THEN 'Its mode is recompute.'
                ELSE rollup.plan ->> 'delta_refused' END
    UNION ALL
    SELECT rollup.name, 'group computed anew',
           format('by literals for %s', r ->> 'expression')
           || CASE WHEN r ->> 'column' IS NULL THEN ''
                   ELSE format(', and intervals of %s for %s', r ->> 'upper', r ->> 'column') END,
           format('An index on %s serves; without one the table is read whole.',
                  coalesce(r ->> 'column', r ->> 'expression'))
    FROM jsonb_array_elements(rollup.plan -> 'restrictions') AS r
    UNION ALL
    SELECT rollup.name, 'moving filter',
           format('%s %s %s', m ->> 'column', CASE m ->> 'side' WHEN 'lower' THEN 'from' ELSE 'up to' END,
                  m ->> 'edge'),
           CASE WHEN m ->> 'keys_query' IS NULL THEN 'All groups are computed anew when its edge has moved.'
                ELSE 'The groups of rows that its edge has passed since the last refresh are computed anew.' END
    FROM jsonb_array_elements(rollup.plan -> 'moving') AS m
$$;
COMMENT ON FUNCTION etl._explain_whole(etl.rollup) IS
    'Of a rollup: how it is refreshed, how a group is computed anew, which filters move.';

CREATE FUNCTION etl._explain_log(
    rollup etl.rollup, source jsonb, OUT item text, OUT what text, OUT how text, OUT why text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH log AS (
        SELECT etl._joined_names(jsonb_path_query_array(source, '$.log[*].name')) AS columns
    )
    SELECT source ->> 'relation', 'log',
           CASE source ->> 'kind'
               WHEN 'keys' THEN format('the keys (%s) of changed rows, each once for a statement', l.columns)
               WHEN 'images' THEN format('old and new rows: %s', l.columns)
               ELSE CASE WHEN l.columns IS NULL THEN 'that rows have changed'
                         ELSE format('the values of (%s) of changed rows, each once for a statement', l.columns) END
           END,
           format('An UPDATE that changes none of (%s) logs nothing.', etl._joined_names(source -> 'used'))
    FROM log AS l
    UNION ALL
    SELECT source ->> 'relation', 'many rows at once',
           CASE source ->> 'kind' WHEN 'keys' THEN 'all groups between the least and the greatest key that changed'
                ELSE 'all groups' END || ' are computed anew',
           'Where a statement would log more than pg_etl.rollup_log_rows, one row of the log stands for them.'
    UNION ALL
    SELECT source ->> 'relation', 'groups',
           CASE WHEN (source ->> 'everything')::boolean THEN 'all of them'
                WHEN source ->> 'kind' = 'keys' THEN 'as the log has them'
                ELSE 'found at the refresh, by a query from the log to the keys' END,
           source ->> 'why'
$$;
COMMENT ON FUNCTION etl._explain_log(etl.rollup, jsonb) IS
    'Of a source: what is logged of a change, and how its groups are found.';

CREATE FUNCTION etl._explain_merges(rollup etl.rollup, source jsonb, OUT what text, OUT how text, OUT why text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH plan AS (
        SELECT (SELECT string_agg(DISTINCT a ->> 'aggregate', ', ')
                FROM jsonb_array_elements(rollup.plan -> 'delta' -> 'aggregates') AS a
                WHERE a ->> 'removal' LIKE '%computed anew%') AS lossy,
               jsonb_array_length(rollup.plan -> 'sources') > 1 AS has_partners
    )
    SELECT 'insert', 'merged', 'What the query makes of the new row is added to the states of its group.'
    UNION ALL
    SELECT e.event,
           'merged' || CASE WHEN p.lossy IS NULL AND NOT p.has_partners THEN ''
                            ELSE ', or the group is computed anew' END,
           CASE e.event WHEN 'update' THEN 'The old row is taken out and the new one added'
                ELSE 'The row is taken out' END
           || CASE WHEN p.lossy IS NULL THEN ''
                ELSE format('; where that cannot be done for %s, the group is computed anew', p.lossy) END
           || CASE WHEN p.has_partners THEN '; also where a partner of the old row has changed' ELSE '' END || '.'
    FROM plan AS p CROSS JOIN unnest('{update,delete}'::text[]) AS e(event)
$$;
COMMENT ON FUNCTION etl._explain_merges(etl.rollup, jsonb) IS
    'Of the source whose rows are merged: what a change does.';

CREATE FUNCTION etl._explain_changes(
    rollup etl.rollup, source jsonb, OUT item text, OUT what text, OUT how text, OUT why text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH plan AS (
        SELECT etl._is_delta(rollup) AS is_delta, rollup.plan -> 'delta' -> 'unique_join' AS identity,
               (rollup.plan -> 'delta' ->> 'fact')::integer AS fact
    )
    SELECT source ->> 'relation', m.what, m.how, m.why
    FROM plan AS p CROSS JOIN LATERAL etl._explain_merges(rollup, source) AS m
    WHERE p.is_delta AND (source ->> 'number')::integer = p.fact
    UNION ALL
    SELECT source ->> 'relation', 'insert, update, delete', 'the groups are computed anew',
           CASE
               WHEN NOT p.is_delta THEN 'The query is run for them alone.'
               WHEN jsonb_typeof(p.identity) = 'array' THEN
                   format('What is merged are rows of %s. Those that have come since the last refresh are merged with '
                          'this partner; they are known by (%s).', etl._plan_source(rollup.plan, p.fact) ->> 'relation',
                          etl._joined_names(p.identity))
               ELSE format('What is merged are rows of %s, of which new ones cannot be told from others: a primary key '
                           'would do that.', etl._plan_source(rollup.plan, p.fact) ->> 'relation')
           END
    FROM plan AS p
    WHERE NOT p.is_delta OR (source ->> 'number')::integer <> p.fact
    UNION ALL
    SELECT source ->> 'relation', 'truncate', 'all groups are computed anew', NULL
$$;
COMMENT ON FUNCTION etl._explain_changes(etl.rollup, jsonb) IS 'Of a source: what a change does at the next refresh.';

CREATE FUNCTION etl.explain_rollup(name text, OUT item text, OUT what text, OUT how text, OUT why text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rollup etl.rollup := etl._rollup(name);
    source jsonb;
BEGIN
    RETURN QUERY SELECT w.item, w.what, w.how, w.why FROM etl._explain_whole(rollup) AS w;
    FOR source IN SELECT s FROM jsonb_array_elements(rollup.plan -> 'sources') AS s LOOP
        RETURN QUERY SELECT l.item, l.what, l.how, l.why FROM etl._explain_log(rollup, source) AS l;
        RETURN QUERY SELECT c.item, c.what, c.how, c.why FROM etl._explain_changes(rollup, source) AS c;
    END LOOP;
    IF etl._is_delta(rollup) THEN
        RETURN QUERY
            SELECT a ->> 'aggregate', 'state', a ->> 'how', format('An old row: %s.', a ->> 'removal')
            FROM jsonb_array_elements(rollup.plan -> 'delta' -> 'aggregates') AS a
            ORDER BY (a ->> 'number')::integer;
    END IF;
END
$$;
COMMENT ON FUNCTION etl.explain_rollup(text) IS
    'What happens to a rollup, and why: in rows of item (the rollup, a table that it reads, an aggregate), what '
    '(refresh, log, groups, insert, update, delete, state …), how and why. For each table: what its triggers log, how '
    'the groups of a change are found, and whether a change is merged or its groups are computed anew; for each '
    'aggregate: how it is kept. 42704 where there is no such rollup.';
