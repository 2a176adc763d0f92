-- What extracts read and write. What lies outside of the database is told as rows of item outside: note is its URL,
-- without a query, and column_name the field of a record.

CREATE FUNCTION etl._outside_url(definition etl.extract)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_replace(concat_ws('/', rtrim(o.option_value, '/'),
                                    nullif(ltrim((definition).source ->> 'path', '/'), '')), '[?#].*', '')
    FROM pg_foreign_server AS s
    CROSS JOIN LATERAL pg_options_to_table(s.srvoptions) AS o
    WHERE s.srvname = (definition).source ->> 'server' AND o.option_name = 'base_url'
$$;
COMMENT ON FUNCTION etl._outside_url(etl.extract) IS
    'The URL that an extract reads, with {column} for what is of a parent; NULL where there is no such server.';

CREATE FUNCTION etl._record_fields(definition etl.extract, target regclass)
RETURNS TABLE (column_name text, field text, is_plain boolean)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH given AS MATERIALIZED (
        SELECT p.column_name, p.path AS field,
               CASE jsonb_typeof(r.rule) WHEN 'object' THEN r.rule - '{from,default,required}'::text[] = '{}' ELSE true
               END AS is_plain
        FROM etl._mapping_paths((definition).mapping) AS p
        CROSS JOIN LATERAL (SELECT (definition).mapping -> p.column_name) AS r(rule)
        UNION ALL
        SELECT a.attname, a.attname, true FROM pg_attribute AS a
        WHERE (definition).mapping IS NULL AND a.attrelid = _record_fields.target AND a.attnum > 0
          AND NOT a.attisdropped AND a.attgenerated = ''
    )
    SELECT g.* FROM given AS g
    UNION ALL
    SELECT r.column_name, g.field, false
    FROM jsonb_each((definition).mapping) AS r(column_name, rule)
    CROSS JOIN LATERAL etl._statement_lineage(
        format('SELECT (%s) FROM (SELECT t.*, NULL::jsonb AS record FROM %s AS t) AS r', r.rule ->> 'sql', target),
        'pg_catalog, pg_temp', (definition).owner) AS l
    JOIN given AS g ON g.column_name = l.column_name
    WHERE jsonb_typeof(r.rule) = 'object' AND r.rule ? 'sql' AND l.relation = _record_fields.target
$$;
COMMENT ON FUNCTION etl._record_fields(etl.extract, regclass) IS
    'From which fields of a record the columns of its target come, each as the mapping writes it, and whether as it '
    'is. A computed column comes from the fields of the columns that its expression names; what that takes out of '
    'record itself is not followed.';

CREATE FUNCTION etl._outside_lineage(definition etl.extract)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 1, NULL, 'outside', t.target::oid, NULL, f.column_name, NULL::oid, f.field, f.type, f.subtype, u.url
    FROM etl._outside_url(definition) AS u(url)
    CROSS JOIN etl._named_relation((definition).target) AS t(target)
    CROSS JOIN LATERAL (
        SELECT NULL, NULL, NULL, NULL
        UNION ALL
        SELECT r.column_name, r.field, 'DIRECT', CASE WHEN r.is_plain THEN 'IDENTITY' ELSE 'TRANSFORMATION' END
        FROM etl._record_fields(definition, t.target) AS r
        WHERE t.target IS NOT NULL AND (definition).kind = 'http'
    ) AS f(column_name, field, type, subtype)
    WHERE u.url IS NOT NULL
    UNION ALL
    SELECT n.*
    FROM etl._lineage_note('error', format('server "%s" does not exist', (definition).source ->> 'server')) AS n
    WHERE (definition).source ? 'server' AND etl._outside_url(definition) IS NULL
$$;
COMMENT ON FUNCTION etl._outside_lineage(etl.extract) IS
    'What an extract reads outside of the database, and which fields of it go into which columns.';

CREATE FUNCTION etl._copied_lineage(definition etl.extract)
RETURNS SETOF etl._lineage_row
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    copy etl._table_copy;
BEGIN
    BEGIN
        copy := etl._table_copy(definition);
    EXCEPTION
        WHEN undefined_table THEN
            RETURN NEXT etl._lineage_note('error', SQLERRM);
            RETURN;
    END;
    RETURN QUERY
        SELECT * FROM etl._filled_by(definition.target, etl._table_query(copy), true, definition.owner)
        UNION ALL
        SELECT e.*
        FROM etl._lineage_edge(copy.target, NULL, copy.source, copy.cursor_column, 'INDIRECT', 'FILTER') AS e
        WHERE copy.cursor_column IS NOT NULL;
END
$$;
COMMENT ON FUNCTION etl._copied_lineage(etl.extract) IS
    'What a copy of a table reads and writes; its cursor decides which rows come.';

CREATE FUNCTION etl._extract_lineage(name text, owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.*
    FROM etl.extract AS e
    CROSS JOIN LATERAL (
        SELECT w.*
        FROM etl._lineage_edge(etl._named_relation(e.target), NULL, NULL, NULL, NULL, NULL) AS w
        WHERE e.kind <> 'table' AND etl._named_relation(e.target) IS NOT NULL
        UNION ALL
        SELECT o.* FROM etl._outside_lineage(e) AS o WHERE e.kind <> 'table'
        UNION ALL
        SELECT c.* FROM etl._copied_lineage(e) AS c WHERE e.kind = 'table'
    ) AS l
    WHERE e.owner = _extract_lineage.owner AND e.name = _extract_lineage.name
$$;
COMMENT ON FUNCTION etl._extract_lineage(text, name) IS 'What a role''s extract reads and writes.';

CREATE FUNCTION etl._replay_lineage(name text, owner name)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.*
    FROM etl.extract AS e
    CROSS JOIN etl._named_relation(e.target) AS t(target)
    CROSS JOIN (VALUES ('etl.dead_letter'::regclass::oid)) AS d(letters)
    CROSS JOIN LATERAL (
        SELECT * FROM etl._lineage_edge(t.target, NULL, NULL, NULL, NULL, NULL)
        UNION ALL
        SELECT * FROM etl._lineage_edge(d.letters, NULL, NULL, NULL, NULL, NULL)
        UNION ALL
        SELECT * FROM etl._lineage_edge(t.target, NULL, d.letters, 'record', 'DIRECT', 'TRANSFORMATION')
    ) AS l
    WHERE e.owner = _replay_lineage.owner AND e.name = _replay_lineage.name AND t.target IS NOT NULL
$$;
COMMENT ON FUNCTION etl._replay_lineage(text, name) IS 'That dead letters of an extract go into its target.';
