-- Lineage: which columns of which relations steps, rollups, feature views, policies and views read and write, and what
-- is upstream and downstream of a column.

-- In PL/pgSQL, which keeps its plans from one step to the next.
CREATE FUNCTION etl._text_lineage(sql text, search_path text, owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT * FROM etl._statement_lineage(sql, search_path, owner) LOOP
        IF found.item = 'call' THEN
            RETURN QUERY
                SELECT found.statement, found.command, c.item, c.target, c.target_name, c.target_column, c.relation,
                       c.column_name, c.type, c.subtype, c.note
                FROM etl._call_lineage(found.note, jsonb_object(found.arguments), found.unknown, owner) AS c;
            CONTINUE;
        END IF;
        RETURN NEXT ROW(found.statement, found.command, found.item, found.target, found.target_name,
                        found.target_column, found.relation, found.column_name, found.type, found.subtype,
                        found.note)::etl._lineage_row;
        IF found.item = 'write' AND found.target IS NOT NULL THEN
            RETURN QUERY
                SELECT found.statement, found.command, t.item, t.target, t.target_name, t.target_column, t.relation,
                       t.column_name, t.type, t.subtype, t.note
                FROM etl._trigger_lineage(found.target, found.command) AS t;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._text_lineage(text, text, name) IS
    'What the statements of a text would read and write, the calls of the extension''s own functions resolved.';

CREATE FUNCTION etl._command_lineage(command text, "check" text, search_path text, owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT * FROM etl._text_lineage(command, search_path, owner);
    IF "check" IS NOT NULL THEN
        RETURN QUERY
            SELECT 0, 'CHECK', l.item, l.target, l.target_name, l.target_column, l.relation, l.column_name, l.type,
                   l.subtype, l.note
            FROM etl._text_lineage('SELECT ' || "check", search_path, owner) AS l;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._command_lineage(text, text, text, name) IS
    'What the command of a step and its check (as statement 0) read and write.';

CREATE FUNCTION etl._definition_lineage(step etl.step, search_path text)
RETURNS SETOF etl._lineage_row
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    command text;
BEGIN
    BEGIN
        SELECT c.command INTO STRICT command FROM etl._step_command(step.kind, step.action, step.params) AS c;
    EXCEPTION
        WHEN OTHERS THEN
            RETURN NEXT etl._lineage_note('error', SQLERRM);
            RETURN;
    END;
    RETURN QUERY SELECT * FROM etl._command_lineage(command, step."check", search_path,
                                                    coalesce(step.run_as, step.owner));
END
$$;
COMMENT ON FUNCTION etl._definition_lineage(etl.step, text) IS 'What a step reads and writes as it is defined now.';

CREATE FUNCTION etl._step_lineage()
RETURNS TABLE (pipeline text, step text, owner name, found etl._lineage_row)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.name, s.name, s.owner, l
    FROM etl.pipeline AS p
    JOIN etl.step AS s USING (pipeline_id)
    CROSS JOIN LATERAL etl._definition_lineage(s, p.search_path) AS l
$$;
COMMENT ON FUNCTION etl._step_lineage() IS 'What the steps of all pipelines that can be seen read and write.';

CREATE FUNCTION etl._lineage_source(found etl._lineage_row)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE (found).item WHEN 'outside' THEN (found).note ELSE etl._relation_name((found).relation) END
$$;
COMMENT ON FUNCTION etl._lineage_source(etl._lineage_row) IS
    'What is read: the name of a relation, or the URL of what is outside; NULL for nothing.';

CREATE VIEW etl.step_lineage WITH (security_invoker = true) AS
SELECT l.pipeline,
       l.step,
       (l.found).statement,
       max((l.found).command) AS command,
       array_agg(DISTINCT etl._lineage_source(l.found)) FILTER (WHERE etl._lineage_source(l.found) IS NOT NULL)
           AS reads,
       array_agg(DISTINCT coalesce((l.found).target_name, etl._relation_name((l.found).target)))
           FILTER (WHERE (l.found).item = 'write') AS writes,
       jsonb_agg(DISTINCT jsonb_strip_nulls(jsonb_build_object(
               'target', coalesce((l.found).target_name, etl._relation_name((l.found).target)),
               'target_column', (l.found).target_column,
               'relation', etl._lineage_source(l.found),
               'column', (l.found).column_name,
               'type', (l.found).type,
               'subtype', (l.found).subtype)))
           FILTER (WHERE (l.found).item IN ('edge', 'read', 'outside')
                         AND ((l.found).target_column IS NOT NULL OR (l.found).column_name IS NOT NULL)) AS columns,
       array_agg(DISTINCT (l.found).note) FILTER (WHERE (l.found).item = 'opaque') AS opaque,
       string_agg(DISTINCT (l.found).note, E'\n') FILTER (WHERE (l.found).item = 'error') AS error,
       l.owner
FROM etl._step_lineage() AS l
GROUP BY l.pipeline, l.step, (l.found).statement, l.owner;
COMMENT ON VIEW etl.step_lineage IS
    'What each statement of each step reads and writes as the definitions are now, from its analysed query tree; '
    'nothing is run. reads, writes: relations, and what extracts read outside of the database as its URL. columns: a '
    'JSON array of what goes where, each with target and '
    'target_column (without: it decides which rows are written, or the statement only reads), relation and column '
    '(without a column: a constant, or the relation''s rows), and OpenLineage''s type and subtype. opaque: what is '
    'called or set off and cannot be looked into, such as functions in PL/pgSQL, DO, files and triggers of users. '
    'error: why a statement could not be analysed, as when a table does not exist yet. Statement 0 is the check of '
    'the step.';
GRANT SELECT ON etl.step_lineage TO PUBLIC;

-- The whole database --------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._find_lineage(
    relations oid[], columns integer[], targets oid[], target_columns integer[], direct boolean[], start oid,
    start_column integer, downstream boolean, whole boolean, most integer,
    OUT edge integer, OUT depth integer, OUT value boolean)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE
AS 'MODULE_PATHNAME', 'etl_find_lineage';
COMMENT ON FUNCTION etl._find_lineage(
    oid[], integer[], oid[], integer[], boolean[], oid, integer, boolean, boolean, integer) IS
    'Walks edges from relations.columns to targets.target_columns (column 0: the rows; direct: a value comes through), '
    'upstream or downstream from a start, at most so many in a row; whole: by relations, whatever the columns. Returns '
    'each edge on a way (its place in the lists, from 1) once, with its distance, and whether there is a way of direct '
    'edges only. 22023 where the lists do not fit each other.';

CREATE FUNCTION etl._definition_edges()
RETURNS TABLE (kind text, via text, found etl._lineage_row)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'step', s.pipeline || '.' || s.step, s.found
    FROM etl._step_lineage() AS s
    UNION ALL
    SELECT 'rollup', r.name, l
    FROM etl.rollup AS r
    CROSS JOIN LATERAL etl._filled_by(r.name, r.query, true, r.owner) AS l
    UNION ALL
    SELECT 'retention', p.name, l
    FROM etl.retention_policy AS p
    CROSS JOIN LATERAL etl._retention_lineage(p.name, p.owner) AS l
    UNION ALL
    SELECT 'extract', e.name, l
    FROM etl.extract AS e
    CROSS JOIN LATERAL etl._extract_lineage(e.name, e.owner) AS l
    UNION ALL
    SELECT 'features', v.name, l
    FROM etl.feature_view AS v
    CROSS JOIN LATERAL etl._feature_view_lineage(v.name, v.owner) AS l
    UNION ALL
    SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'matview' END, etl._relation_name(c.oid),
           etl._lineage_edge(c.oid, v.column_name, v.relation, v.source_column, v.type, v.subtype)
    FROM pg_class AS c
    CROSS JOIN LATERAL etl._view_lineage(c.oid) AS v
    WHERE c.relkind IN ('v', 'm')
      AND c.relnamespace <> ALL ('{pg_catalog,information_schema,etl}'::regnamespace[])
    UNION ALL
    SELECT 'generated', etl._relation_name(g.attrelid),
           etl._lineage_edge(g.attrelid, g.attname, g.attrelid, a.attname, 'DIRECT', 'TRANSFORMATION')
    FROM pg_attribute AS g
    JOIN pg_attrdef AS x ON x.adrelid = g.attrelid AND x.adnum = g.attnum
    JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = x.oid
                       AND d.refclassid = 'pg_class'::regclass AND d.refobjid = g.attrelid
                       AND d.refobjsubid NOT IN (0, g.attnum)
    JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE g.attgenerated <> ''
$$;
COMMENT ON FUNCTION etl._definition_edges() IS
    'What everything that is defined in the database and can be seen reads and writes: steps, rollups, retention '
    'policies, extracts, feature views, views, materialized views and generated columns.';

CREATE TYPE etl._lineage_step AS (
    kind text, via text, relation oid, column_number integer, target oid, target_column integer, type text,
    subtype text);
COMMENT ON TYPE etl._lineage_step IS
    'An edge between columns by their numbers (0: the rows), and through what it goes.';
COMMENT ON COLUMN etl._lineage_step.kind IS
    'step, rollup, retention, extract, features, view, matview, generated or partition.';
COMMENT ON COLUMN etl._lineage_step.via IS 'Its name.';
COMMENT ON COLUMN etl._lineage_step.relation IS 'Where it comes from.';
COMMENT ON COLUMN etl._lineage_step.column_number IS 'The column there.';
COMMENT ON COLUMN etl._lineage_step.target IS 'Where it goes to.';
COMMENT ON COLUMN etl._lineage_step.target_column IS 'The column there.';
COMMENT ON COLUMN etl._lineage_step.type IS 'DIRECT or INDIRECT.';
COMMENT ON COLUMN etl._lineage_step.subtype IS 'As in etl._lineage_row.';

CREATE FUNCTION etl._lineage_steps()
RETURNS SETOF etl._lineage_step
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH edge AS MATERIALIZED (
        SELECT DISTINCT d.kind, d.via, (d.found).relation, (d.found).column_name, (d.found).target,
               (d.found).target_column, (d.found).type, (d.found).subtype
        FROM etl._definition_edges() AS d
        WHERE (d.found).relation IS NOT NULL AND (d.found).target IS NOT NULL
    ),
    -- What is written to a partition is in its parent, and what is written to a parent in the partition that is read.
    part AS (
        SELECT DISTINCT i.inhrelid AS relation, i.inhparent AS target
        FROM pg_inherits AS i JOIN edge AS e ON e.target = i.inhrelid
        UNION
        SELECT i.inhparent, i.inhrelid FROM pg_inherits AS i JOIN edge AS e ON e.relation = i.inhrelid
    ),
    every AS (
        SELECT * FROM edge
        UNION ALL
        SELECT 'partition', etl._relation_name(p.relation), s.relation, s.column_name, s.target, s.target_column,
               s.type, s.subtype
        FROM part AS p CROSS JOIN LATERAL etl._same_columns(p.relation, p.target) AS s
    )
    SELECT e.kind, e.via, e.relation, coalesce(a.attnum, 0)::integer, e.target, coalesce(b.attnum, 0)::integer, e.type,
           e.subtype
    FROM every AS e
    LEFT JOIN pg_attribute AS a ON a.attrelid = e.relation AND a.attname = e.column_name AND a.attnum > 0
    LEFT JOIN pg_attribute AS b ON b.attrelid = e.target AND b.attname = e.target_column AND b.attnum > 0
$$;
COMMENT ON FUNCTION etl._lineage_steps() IS 'All edges of the database, each once.';

CREATE FUNCTION etl._check_lineage(relation regclass, column_name name, direction text, depth integer)
RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF relation IS NULL OR etl._relation_kind(relation) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN relation IS NULL THEN 'invalid_parameter_value' ELSE 'undefined_table' END,
            MESSAGE = CASE WHEN relation IS NULL THEN 'no relation was given'
                           ELSE format('relation with OID %s does not exist', relation::oid) END,
            HINT = 'Name a table, a view or a materialized view, as in ''public.orders''.';
    ELSIF direction IS NULL OR direction NOT IN ('upstream', 'downstream', 'both') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('direction "%s" is not known', coalesce(direction, 'NULL')),
            HINT = 'It is upstream (where the data comes from), downstream (where it goes to) or both.';
    ELSIF depth < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('depth must be at least 1, not %s', depth),
            HINT = 'Leave it out to follow the data as far as it goes.';
    ELSIF column_name IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM etl._require_column(relation, column_name);
    RETURN (SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = column_name);
END
$$;
COMMENT ON FUNCTION etl._check_lineage(regclass, name, text, integer) IS
    'Checks the arguments of etl.lineage (22023, 42P01, 42703), and returns the number of the column, or 0.';

CREATE FUNCTION etl.lineage(
    relation regclass, "column" name DEFAULT NULL, direction text DEFAULT 'upstream', depth integer DEFAULT NULL)
RETURNS TABLE (
    way text, distance integer, from_relation regclass, from_column name, to_relation regclass, to_column name,
    kind text, via text, type text, subtype text, value boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    start_column CONSTANT integer := etl._check_lineage(relation, "column", direction, depth);
    steps CONSTANT etl._lineage_step[] := ARRAY(SELECT s FROM etl._lineage_steps() AS s);
BEGIN
    RETURN QUERY
        WITH step AS (
            SELECT s.* FROM unnest(steps) WITH ORDINALITY AS s(
                kind, via, relation, column_number, target, target_column, type, subtype, number)
        ),
        list AS (
            SELECT coalesce(array_agg(s.relation ORDER BY s.number), '{}') AS relations,
                   coalesce(array_agg(s.column_number ORDER BY s.number), '{}') AS columns,
                   coalesce(array_agg(s.target ORDER BY s.number), '{}') AS targets,
                   coalesce(array_agg(s.target_column ORDER BY s.number), '{}') AS target_columns,
                   coalesce(array_agg(s.type IS NOT DISTINCT FROM 'DIRECT' ORDER BY s.number), '{}') AS direct
            FROM step AS s
        )
        SELECT w.way, f.depth, s.relation::regclass, a.attname, s.target::regclass, b.attname, s.kind, s.via, s.type,
               s.subtype, f.value
        FROM unnest(ARRAY['upstream', 'downstream']) AS w(way)
        CROSS JOIN list AS l
        CROSS JOIN LATERAL etl._find_lineage(
            l.relations, l.columns, l.targets, l.target_columns, l.direct, lineage.relation, start_column,
            w.way = 'downstream', "column" IS NULL, coalesce(lineage.depth, 2147483647)) AS f
        JOIN step AS s ON s.number = f.edge
        LEFT JOIN pg_attribute AS a ON a.attrelid = s.relation AND a.attnum = s.column_number AND a.attnum > 0
        LEFT JOIN pg_attribute AS b ON b.attrelid = s.target AND b.attnum = s.target_column AND b.attnum > 0
        WHERE lineage.direction IN (w.way, 'both')
        ORDER BY w.way DESC, f.depth, s.target::regclass::text, b.attnum NULLS LAST, s.relation::regclass::text,
                 a.attnum NULLS LAST, s.subtype, s.kind, s.via;
END
$$;
COMMENT ON FUNCTION etl.lineage(regclass, name, text, integer) IS
    'Where the data of a relation comes from or goes to, through the steps of all pipelines, rollups, feature views, '
    'extracts from tables and retention policies that the current role sees (a superuser: all), and the views, '
    'materialized views, generated columns and partitions of the database. From the definitions as they are now: '
    'nothing is run, and nothing needs to have been. Arguments: relation; column (default: all of the relation); '
    'direction, upstream, downstream or both; depth, the most edges in a row (default: all). One row for each edge on '
    'a way: way (upstream, downstream), distance in edges from the start (1: it touches the start), what goes where '
    '(a NULL from_column: the rows of the relation, whatever their values; a NULL to_column: it decides which rows '
    'there are), through what (kind: step, rollup, retention, extract, features, view, matview, generated, partition; '
    'via: its name, of a step pipeline.step), and type and subtype as OpenLineage''s facet columnLineage has them: '
    'DIRECT (IDENTITY, TRANSFORMATION, AGGREGATION), INDIRECT (JOIN, FILTER, GROUP_BY, SORT, WINDOW, CONDITIONAL); '
    'NULL where only rows are read. What a step hides shows in etl.step_lineage (opaque, error). Errors: 22023 no '
    'relation, unknown direction, depth below 1; 42P01 a relation that is gone; 42703 no such column.';
