-- What a statement reads and writes, as rows.
--
-- A text is parsed and analysed, and never run (query_lineage_pg.cpp). Each statement gives rows of type
-- etl._lineage_row. Calls of the extension's own functions with constant arguments are resolved here to what they read
-- and write by the catalogs, and whatever cannot be looked into is told as opaque. Nothing is stored: the answer is
-- that of the definitions as they are.

CREATE FUNCTION etl._statement_lineage(
    sql text, search_path text, owner name, parameters oid[] DEFAULT '{}',
    OUT statement integer, OUT command text, OUT item text, OUT target oid, OUT target_name text,
    OUT target_column text, OUT relation oid, OUT column_name text, OUT type text, OUT subtype text, OUT note text,
    OUT arguments text[], OUT unknown text[])
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE ROWS 20
AS 'MODULE_PATHNAME', 'etl_statement_lineage';
COMMENT ON FUNCTION etl._statement_lineage(text, text, name, oid[]) IS
    'What the statements of a text would read and write, from their analysed trees; nothing is run. Analysed as the '
    'owner would, under a search path, and with the types of $1 and so on. No lock and no setting stays. item: '
    'statement (one row for each), write (target is written), edge (relation.column_name goes into '
    'target.target_column, or, with that NULL, decides the rows of target), read (the result has it), call (of a '
    'function of this extension, note: its constant arguments as names and values, and the names of the others that '
    'are given), opaque (note is called or used, and what it does is not seen), error (note: why the statement cannot '
    'be analysed). type and subtype are those of OpenLineage''s facet columnLineage, NULL where a relation is read '
    'and no column. target_name: of a table that does not exist yet. That the current role may not act as the owner '
    'is an error row as well.';

CREATE FUNCTION etl._view_lineage(
    view oid, OUT column_name text, OUT relation oid, OUT source_column text, OUT type text, OUT subtype text)
RETURNS SETOF record
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_view_lineage';
COMMENT ON FUNCTION etl._view_lineage(oid) IS
    'What the columns of a view or materialized view are computed from, and, with column_name NULL, what decides its '
    'rows: from its stored query, without a lock. No row for another relation.';

CREATE TYPE etl._lineage_row AS (
    statement integer, command text, item text, target oid, target_name text, target_column text, relation oid,
    column_name text, type text, subtype text, note text);
COMMENT ON TYPE etl._lineage_row IS 'A row of etl._statement_lineage in which no call is left to be resolved.';
COMMENT ON COLUMN etl._lineage_row.statement IS 'Number of the statement in its text, counted from 1.';
COMMENT ON COLUMN etl._lineage_row.command IS 'The command, such as INSERT.';
COMMENT ON COLUMN etl._lineage_row.item IS
    'statement, write, edge, read, outside (like edge, from what is not in this database), opaque or error.';
COMMENT ON COLUMN etl._lineage_row.target IS 'The relation that is written.';
COMMENT ON COLUMN etl._lineage_row.target_name IS 'Its name where it does not exist yet.';
COMMENT ON COLUMN etl._lineage_row.target_column IS 'The column that is written; NULL: all of its rows.';
COMMENT ON COLUMN etl._lineage_row.relation IS 'The relation that is read.';
COMMENT ON COLUMN etl._lineage_row.column_name IS 'The column that is read; NULL: no one of its own.';
COMMENT ON COLUMN etl._lineage_row.type IS 'DIRECT or INDIRECT.';
COMMENT ON COLUMN etl._lineage_row.subtype IS
    'IDENTITY, TRANSFORMATION, AGGREGATION; JOIN, FILTER, GROUP_BY, SORT, WINDOW, CONDITIONAL.';
COMMENT ON COLUMN etl._lineage_row.note IS 'What is opaque, the error, or the URL of what is outside.';

CREATE FUNCTION etl._lineage_edge(
    target oid, target_column text, relation oid, column_name text, type text, subtype text)
RETURNS etl._lineage_row
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ROW(1, NULL, CASE WHEN target IS NULL THEN 'read' WHEN relation IS NULL THEN 'write' ELSE 'edge' END, target,
               NULL, target_column, relation, column_name, type, subtype, NULL)::etl._lineage_row
$$;
COMMENT ON FUNCTION etl._lineage_edge(oid, text, oid, text, text, text) IS
    'An edge; without a relation that target is written, without a target that relation is read.';

CREATE FUNCTION etl._lineage_note(item text, note text)
RETURNS etl._lineage_row
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ROW(1, NULL, item, NULL, NULL, NULL, NULL, NULL, NULL, NULL, note)::etl._lineage_row
$$;
COMMENT ON FUNCTION etl._lineage_note(text, text) IS 'That something is opaque, or cannot be analysed.';

-- What the extension's own objects read and write --------------------------------------------------------------------

CREATE FUNCTION etl._filled_by(
    target text, source text, by_column boolean, owner name, parameters oid[] DEFAULT '{}')
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.statement, l.command, l.item, l.target, l.target_name,
           CASE WHEN by_column OR a.attname IS NOT NULL THEN l.target_column END,
           l.relation, l.column_name, l.type, l.subtype, l.note
    FROM etl._statement_lineage(
             format(E'CREATE TABLE %s AS\n%s', target, CASE
                 WHEN source ~* '^\s*(select|with|values|table)\M' OR source ~ '^\s*(\(|--|/\*)' THEN source
                 ELSE 'TABLE ' || source END),
             'pg_catalog, pg_temp', owner, parameters) AS l
    LEFT JOIN pg_attribute AS a
        ON a.attrelid = l.target AND a.attname = l.target_column AND a.attnum > 0 AND NOT a.attisdropped
    WHERE l.statement = 1 AND l.item <> 'statement' AND l.item <> 'call'
$$;
COMMENT ON FUNCTION etl._filled_by(text, text, boolean, name, oid[]) IS
    'What a table gets from a query, or from another table: column by column, or, unless by_column, so only where '
    'they are called alike and otherwise into its rows.';

CREATE FUNCTION etl._rollup_lineage(name text, owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.*
    FROM etl.rollup AS r
    CROSS JOIN LATERAL etl._filled_by(r.name, r.query, true, r.owner) AS l
    WHERE r.owner = _rollup_lineage.owner
      AND (_rollup_lineage.name IS NULL OR r.name = _rollup_lineage.name
           OR r.rollup_id = (etl._find_rollup(_rollup_lineage.name, _rollup_lineage.owner)).rollup_id)
$$;
COMMENT ON FUNCTION etl._rollup_lineage(text, name) IS 'What a role''s rollup, or all of them, read and write.';

CREATE FUNCTION etl._matview_lineage(matview oid, owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.statement, l.command, l.item, l.target, l.target_name, l.target_column, l.relation, l.column_name, l.type,
           l.subtype, l.note
    FROM etl._statement_lineage(format('REFRESH MATERIALIZED VIEW %s', etl._relation_name(matview)),
                                'pg_catalog, pg_temp', owner) AS l
    WHERE l.item <> 'statement'
$$;
COMMENT ON FUNCTION etl._matview_lineage(oid, name) IS 'What a refresh of a materialized view reads and writes.';

CREATE FUNCTION etl._refreshed_views_lineage(owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.*
    FROM etl.refresh_policy AS p
    CROSS JOIN LATERAL etl._matview_lineage(etl._named_relation(p.matview), p.owner) AS l
    WHERE p.owner = _refreshed_views_lineage.owner
$$;
COMMENT ON FUNCTION etl._refreshed_views_lineage(name) IS
    'What the refreshes of all materialized views read and write for which a role has a policy.';

CREATE FUNCTION etl._feature_view_lineage(name text, owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.*
    FROM etl.feature_view AS v
    CROSS JOIN LATERAL unnest(ARRAY[v.online_table, v.history_table]) AS t(filled)
    CROSS JOIN LATERAL etl._filled_by(t.filled, v.query, true, v.owner, ARRAY['timestamptz'::regtype::oid]) AS l
    WHERE v.owner = _feature_view_lineage.owner
      AND (_feature_view_lineage.name IS NULL OR v.name = _feature_view_lineage.name)
$$;
COMMENT ON FUNCTION etl._feature_view_lineage(text, name) IS
    'What the online tables and the histories of a role''s feature view, or of all, are filled from.';

CREATE FUNCTION etl._same_columns(relation oid, target oid)
RETURNS SETOF etl._lineage_row
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.*
    FROM (
        SELECT a.attname, 'DIRECT' AS type, 'IDENTITY' AS subtype
        FROM pg_attribute AS a
        JOIN pg_attribute AS b USING (attname)
        WHERE a.attrelid = relation AND b.attrelid = target
          AND a.attnum > 0 AND b.attnum > 0 AND NOT a.attisdropped AND NOT b.attisdropped
        UNION ALL
        SELECT NULL, NULL, NULL
    ) AS c
    CROSS JOIN LATERAL etl._lineage_edge(target, c.attname, relation, c.attname, c.type, c.subtype) AS e
    WHERE relation IS NOT NULL AND target IS NOT NULL
$$;
COMMENT ON FUNCTION etl._same_columns(oid, oid) IS
    'That rows go from one relation to another as they are, each column to that of the same name.';

CREATE FUNCTION etl._retention_lineage(name text, owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH policy AS (
        SELECT p.policy_id, p.owner, p.relation, p.time_column
        FROM etl.retention_policy AS p
        WHERE p.owner = _retention_lineage.owner
          AND (_retention_lineage.name IS NULL OR p.name = _retention_lineage.name)
    ),
    move AS (
        SELECT p.relation, p.time_column, t.archive_to, t.tier,
               etl._named_relation(coalesce(lag(t.archive_to) OVER w, p.relation)) AS source,
               CASE WHEN t.archive_to NOT LIKE 'file:%' AND t.archive_to NOT LIKE 'schema:%'
                    THEN etl._named_relation(t.archive_to) END AS target
        FROM policy AS p
        JOIN etl.retention_tier AS t ON t.policy_id = p.policy_id AND t.owner = p.owner
        WINDOW w AS (PARTITION BY p.policy_id ORDER BY t.tier)
    )
    SELECT e.*
    FROM move AS m
    CROSS JOIN LATERAL (
        SELECT * FROM etl._lineage_edge(m.source, NULL, NULL, NULL, NULL, NULL) WHERE m.source IS NOT NULL
        UNION ALL
        SELECT * FROM etl._lineage_edge(m.target, NULL, NULL, NULL, NULL, NULL) WHERE m.target IS NOT NULL
        UNION ALL
        SELECT * FROM etl._same_columns(m.source, m.target)
        UNION ALL
        SELECT x.*
        FROM unnest(ARRAY[m.source, m.target]) AS f(target)
        CROSS JOIN LATERAL etl._lineage_edge(f.target, NULL, m.source, m.time_column, 'INDIRECT', 'FILTER') AS x
        WHERE m.source IS NOT NULL AND f.target IS NOT NULL
        UNION ALL
        SELECT * FROM etl._lineage_note('opaque', format('etl.run_retention: to %s', m.archive_to))
        WHERE m.archive_to LIKE 'file:%' OR m.archive_to LIKE 'schema:%'
    ) AS e
$$;
COMMENT ON FUNCTION etl._retention_lineage(text, name) IS
    'What a role''s retention policy, or all of them, read and write: from each place to the next.';

CREATE FUNCTION etl._restore_lineage(name text, owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.*
    FROM etl._retention_lineage(name, owner) AS l
    CROSS JOIN LATERAL (
        SELECT * FROM etl._lineage_edge(l.relation, NULL, NULL, NULL, NULL, NULL)
        WHERE l.item = 'edge' AND l.column_name IS NULL
        UNION ALL
        SELECT * FROM etl._lineage_edge(l.relation, l.column_name, l.target, l.target_column, l.type, l.subtype)
        WHERE l.item = 'edge' AND l.type IS DISTINCT FROM 'INDIRECT'
        UNION ALL
        SELECT * FROM etl._lineage_note('opaque', 'etl.restore_archive: its archives are not tables')
        WHERE l.item = 'opaque'
    ) AS e
$$;
COMMENT ON FUNCTION etl._restore_lineage(text, name) IS 'That rows of a policy go back from their archives.';

CREATE FUNCTION etl._removal_lineage(target oid, columns text[])
RETURNS SETOF etl._lineage_row
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM etl._lineage_edge(target, NULL, NULL, NULL, NULL, NULL)
    UNION ALL
    SELECT e.*
    FROM pg_attribute AS a
    CROSS JOIN LATERAL etl._lineage_edge(target, NULL, target, a.attname, 'INDIRECT', 'FILTER') AS e
    WHERE a.attrelid = target AND a.attname = ANY (columns) AND a.attnum > 0
$$;
COMMENT ON FUNCTION etl._removal_lineage(oid, text[]) IS
    'That a function removes rows of a table, which some of its columns decide.';

CREATE FUNCTION etl._new_table_lineage(function text, target text, arguments jsonb, owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.*
    FROM unnest(ARRAY['query', 'target', 'positives', 'items', 'spine']) AS q(argument)
    CROSS JOIN LATERAL etl._filled_by(target, arguments ->> q.argument, function = 'create_deduplicated', owner) AS l
    WHERE arguments ->> q.argument IS NOT NULL
$$;
COMMENT ON FUNCTION etl._new_table_lineage(text, text, jsonb, name) IS
    'What a function such as etl.create_top_n fills its table from.';

CREATE FUNCTION etl._quarantine_lineage(function text, target oid)
RETURNS SETOF etl._lineage_row
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.*
    FROM (VALUES (target, 'etl.quarantined_rows'::regclass::oid)) AS t(users, quarantine)
    CROSS JOIN LATERAL (
        SELECT * FROM etl._lineage_edge(t.users, NULL, NULL, NULL, NULL, NULL)
        UNION ALL
        SELECT * FROM etl._lineage_edge(t.quarantine, NULL, NULL, NULL, NULL, NULL)
        UNION ALL
        SELECT * FROM etl._lineage_edge(t.quarantine, 'row', t.users, NULL, 'DIRECT', 'TRANSFORMATION')
        WHERE function = 'quarantine'
        UNION ALL
        SELECT * FROM etl._lineage_edge(t.users, NULL, t.quarantine, 'row', 'DIRECT', 'TRANSFORMATION')
        WHERE function = 'release_quarantined'
    ) AS e
$$;
COMMENT ON FUNCTION etl._quarantine_lineage(text, oid) IS 'That rows go into the quarantine, or back out of it.';

CREATE FUNCTION etl._needed_argument(function text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN function IN ('refresh_rollup', 'materialize_features', 'rebuild_features', 'create_rollup',
                          'create_training_set', 'run_extract', 'replay_dead_letters') THEN 'name'
        WHEN function = 'ingest' THEN 'source'
        WHEN function = 'refresh_matview' THEN 'matview'
        WHEN function IN ('run_retention', 'restore_archive') THEN 'policy'
        WHEN function = 'truncate_expired' THEN 'relation'
        WHEN function IN ('dedupe', 'load_deduplicated', 'quarantine', 'release_quarantined') THEN 'target'
        WHEN function IN ('create_deduplicated', 'create_top_n', 'create_latest', 'create_distinct_counts',
                          'create_rolling', 'create_negative_sample', 'create_training_data', 'create_ip_ranges',
                          'load_ip_ranges') THEN 'new_table'
    END
$$;
COMMENT ON FUNCTION etl._needed_argument(text) IS
    'The argument that names what a function of this extension writes; NULL: it writes nothing that lineage follows, '
    'or the same whatever its arguments.';

CREATE FUNCTION etl._call_lineage(function text, arguments jsonb, unknown text[], owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    needed CONSTANT text := etl._needed_argument(function);
    named CONSTANT text := arguments ->> needed;
BEGIN
    IF needed = ANY (unknown) OR function = 'load_ip_ranges' OR function = 'restore_archive' AND named IS NULL THEN
        RETURN NEXT etl._lineage_note('opaque', format('etl.%s', function) || CASE
            WHEN needed = ANY (unknown) THEN format(': %s is no constant', needed) ELSE '' END);
        RETURN;
    ELSIF function IN ('refresh_rollup', 'create_rollup') THEN
        RETURN QUERY SELECT * FROM etl._rollup_lineage(named, owner);
    ELSIF function = 'refresh_all' THEN
        RETURN QUERY SELECT * FROM etl._rollup_lineage(NULL, owner)
                     UNION ALL SELECT * FROM etl._refreshed_views_lineage(owner);
    ELSIF function = 'refresh_matviews' THEN
        RETURN QUERY SELECT * FROM etl._refreshed_views_lineage(owner);
    ELSIF function = 'refresh_matview' THEN
        RETURN QUERY SELECT * FROM etl._matview_lineage(named::oid, owner);
    ELSIF function = 'run_retention' THEN
        RETURN QUERY SELECT * FROM etl._retention_lineage(named, owner);
    ELSIF function = 'restore_archive' THEN
        RETURN QUERY SELECT * FROM etl._restore_lineage(named, owner);
    ELSIF function IN ('materialize_features', 'rebuild_features') THEN
        RETURN QUERY SELECT * FROM etl._feature_view_lineage(named, owner);
    ELSIF function IN ('run_extract', 'ingest') THEN
        RETURN QUERY SELECT * FROM etl._extract_lineage(named, owner);
    ELSIF function = 'replay_dead_letters' THEN
        RETURN QUERY SELECT * FROM etl._replay_lineage(named, owner);
    ELSIF function IN ('quarantine', 'release_quarantined') AND named IS NOT NULL THEN
        RETURN QUERY SELECT * FROM etl._quarantine_lineage(function, named::oid);
    ELSIF function = 'truncate_expired' THEN
        RETURN QUERY SELECT * FROM etl._removal_lineage(named::oid, ARRAY[arguments ->> 'time_column']);
    ELSIF function = 'dedupe' THEN
        RETURN QUERY SELECT * FROM etl._removal_lineage(
            named::oid, (arguments ->> 'keys')::text[] || (arguments ->> 'order_by'));
    ELSIF function = 'load_deduplicated' THEN
        RETURN QUERY SELECT * FROM etl._filled_by(
            etl._relation_name(named::oid), arguments ->> 'source', true, owner);
    ELSIF needed IN ('new_table', 'name') AND named IS NOT NULL THEN
        RETURN QUERY SELECT * FROM etl._new_table_lineage(function, named, arguments, owner);
    END IF;
    IF named IS NOT NULL AND NOT FOUND THEN
        RETURN NEXT etl._lineage_note('opaque', format('etl.%s: nothing is known of %s "%s"', function, needed, named));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._call_lineage(text, jsonb, text[], name) IS
    'What a call of a function of this extension reads and writes beside what its arguments read: the function, its '
    'constant arguments as texts (of regclass: numbers), the names of those that are given and no constants, and who '
    'calls.';

CREATE FUNCTION etl._trigger_lineage(relation oid, command text)
RETURNS SETOF etl._lineage_row
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The bits of pg_trigger.tgtype: 4 INSERT, 8 DELETE, 16 UPDATE, 32 TRUNCATE.
    events CONSTANT integer := CASE command
        WHEN 'INSERT' THEN 4 WHEN 'DELETE' THEN 8 WHEN 'UPDATE' THEN 16 WHEN 'TRUNCATE TABLE' THEN 32 ELSE 28 END;
    hidden text;
BEGIN
    FOR hidden IN
        SELECT format('trigger %I of %s', t.tgname, etl._relation_name(relation))
        FROM pg_trigger AS t
        JOIN pg_proc AS p ON p.oid = t.tgfoid
        WHERE t.tgrelid = relation AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & events <> 0
          AND p.pronamespace <> 'etl'::regnamespace
        UNION ALL
        SELECT format('rule %I of %s', r.rulename, etl._relation_name(relation))
        FROM pg_rewrite AS r
        WHERE r.ev_class = relation AND r.ev_type <> '1' AND r.ev_enabled <> 'D'
    LOOP
        RETURN NEXT etl._lineage_note('opaque', hidden);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._trigger_lineage(oid, text) IS
    'The triggers and rules of users that a command on a relation sets off: what they do is not seen.';
