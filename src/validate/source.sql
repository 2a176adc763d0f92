-- What is validated: the rows of a table or of a query, as scans read them.

CREATE FUNCTION etl._query_columns(query text, OUT name text, OUT type oid, OUT collation_id oid)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_query_columns';
COMMENT ON FUNCTION etl._query_columns(text) IS
    'The columns that a query returns, without running it. 22023 where it is no single SELECT.';

CREATE TYPE etl._source AS (
    target regclass, rows_sql text, columns json, keys name[], has_places bool
);
COMMENT ON TYPE etl._source IS
    'The rows that a validation reads: a FROM clause whose alias is "validated", with its WHERE; the columns as '
    '{"name": [type, collation]}; the key columns; and whether rows have a ctid to find them by.';

CREATE FUNCTION etl._columns_of(target regclass, query text)
RETURNS json
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(json_object_agg(c.name, json_build_array(
                        format_type(c.type, NULL),
                        CASE WHEN c.collation_id = 0 THEN '' ELSE c.collation_id::regcollation::text END)
                    ORDER BY c.number), '{}')
    FROM (SELECT a.attname::text AS name, a.atttypid AS type, a.attcollation AS collation_id, a.attnum AS number
          FROM pg_attribute AS a
          WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
          UNION ALL
          SELECT q.name, q.type, q.collation_id, q.number
          FROM ROWS FROM (etl._query_columns(query)) WITH ORDINALITY AS q (name, type, collation_id, number)
          WHERE target IS NULL) AS c
$$;
COMMENT ON FUNCTION etl._columns_of(regclass, text) IS
    'The columns of a table, or of a query where that is NULL, in their order: {"name": [type, collation]}.';

CREATE FUNCTION etl._key_columns(target regclass)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(a.attname ORDER BY k.number)
    FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, number)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = target AND i.indisprimary AND k.number <= i.indnkeyatts
$$;
COMMENT ON FUNCTION etl._key_columns(regclass) IS 'The columns of a table''s primary key; NULL without one.';

CREATE FUNCTION etl._table_source(target regclass, where_sql text, key_columns name[])
RETURNS etl._source
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._source;
    key name;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    FOREACH key IN ARRAY coalesce(key_columns, '{}') LOOP
        PERFORM etl._require_column(target, key);
    END LOOP;
    made.target := target;
    made.rows_sql := format('%s AS validated%s', target, ' WHERE (' || where_sql || E'\n)');
    made.columns := etl._columns_of(target, NULL);
    made.keys := coalesce(key_columns, etl._key_columns(target));
    made.has_places := true;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._table_source(regclass, text, name[]) IS
    'The rows of a table that where_sql admits, with the given keys or those of the primary key.';

CREATE FUNCTION etl._query_source(query text, key_columns name[])
RETURNS etl._source
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._source;
    unknown name;
BEGIN
    made.columns := etl._columns_of(NULL, query);
    made.rows_sql := format(E'(%s\n) AS validated', query);
    made.keys := key_columns;
    made.has_places := false;
    SELECT k INTO unknown FROM unnest(key_columns) AS k WHERE made.columns -> k IS NULL LIMIT 1;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('the query does not return the key column "%s"', unknown),
            DETAIL = (SELECT format('It returns %s.', string_agg(c, ', ')) FROM json_object_keys(made.columns) AS c);
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._query_source(text, name[]) IS 'The rows of a query.';
