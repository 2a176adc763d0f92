-- What is validated: the rows of a table or of a query, as scans read them.

CREATE TYPE etl._source AS (
    target regclass, alias name, rows_sql text, columns json, keys name[], has_places bool
);
COMMENT ON TYPE etl._source IS
    'The rows that a validation reads: a FROM clause with its WHERE, and its alias, which is the name of the table; '
    'the columns as {"name": [type, collation]}; the key columns; and whether rows have a ctid to find them by.';

CREATE FUNCTION etl._table_columns(target regclass)
RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(json_object_agg(a.attname, json_build_array(
                            format_type(a.atttypid, NULL),
                            CASE WHEN a.attcollation = 0 THEN '' ELSE a.attcollation::regcollation::text END)
                        ORDER BY a.attnum), '{}')
        FROM pg_attribute AS a
        WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped);
END
$$;
COMMENT ON FUNCTION etl._table_columns(regclass) IS
    'The columns of a table in their order: {"name": [type, collation]}.';

CREATE FUNCTION etl._columns_of_query(query text)
RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(json_object_agg(q.name, json_build_array(
                            format_type(q.type, NULL),
                            CASE WHEN q.collation_id = 0 THEN '' ELSE q.collation_id::regcollation::text END)
                        ORDER BY q.number), '{}')
        FROM ROWS FROM (etl._query_columns(query)) WITH ORDINALITY AS q (name, type, collation_id, number));
END
$$;
COMMENT ON FUNCTION etl._columns_of_query(text) IS
    'The columns that a query returns, in their order: {"name": [type, collation]}.';

CREATE FUNCTION etl._key_columns(target regclass)
RETURNS name[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT array_agg(a.attname ORDER BY k.number)
        FROM pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, number)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = target AND i.indisprimary AND k.number <= i.indnkeyatts);
END
$$;
COMMENT ON FUNCTION etl._key_columns(regclass) IS 'The columns of a table''s primary key; NULL without one.';

CREATE FUNCTION etl._base_type(type oid)
RETURNS oid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    base oid;
BEGIN
    LOOP
        SELECT t.typbasetype INTO base FROM pg_type AS t WHERE t.oid = type AND t.typtype = 'd';
        EXIT WHEN NOT FOUND;
        type := base;
    END LOOP;
    RETURN type;
END
$$;
COMMENT ON FUNCTION etl._base_type(oid) IS 'What a domain is made of in the end; any other type is its own.';

CREATE FUNCTION etl._tell_of_operators(source etl._source, conditions text[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    IF cardinality(conditions) = 0 THEN
        RETURN;
    END IF;
    FOR found IN
        SELECT c.key AS name, c.value ->> 0 AS type, t.typnamespace::regnamespace AS schema
        FROM json_each(source.columns) AS c
        JOIN pg_type AS t ON t.oid = etl._base_type((c.value ->> 0)::regtype)
        WHERE t.typtype = 'b' AND t.typcategory <> 'A' AND t.typnamespace <> 'pg_catalog'::regnamespace
          AND EXISTS (SELECT FROM unnest(conditions) AS s (sql)
                      WHERE strpos(s.sql, c.key) > 0 AND strpos(upper(s.sql), 'OPERATOR') = 0)
    LOOP
        RAISE NOTICE 'conditions on column "%" do not use the operators of its type %', found.name, found.type
            USING DETAIL = 'Conditions find the operators of pg_catalog alone, as if the column were of a type that '
                           'its own one turns into.',
                  HINT = format('Name the operator with its schema: %I OPERATOR(%s.=) ''…''.', found.name,
                                found.schema);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._tell_of_operators(etl._source, text[]) IS
    'A notice for each column that a condition may read whose type has operators of its own outside of pg_catalog, as '
    'citext does.';

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
    made.alias := (SELECT c.relname FROM pg_class AS c WHERE c.oid = target);
    made.rows_sql := format('%s AS %I%s', target, made.alias, E' WHERE (\n' || where_sql || E'\n)');
    made.columns := etl._table_columns(target);
    made.keys := coalesce(key_columns, etl._key_columns(target));
    made.has_places := true;
    IF where_sql IS NOT NULL THEN
        PERFORM etl._require_condition(target, where_sql);
        PERFORM etl._tell_of_operators(made, ARRAY[where_sql]);
    END IF;
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
    statement CONSTANT text := regexp_replace(query, '[\s;]+$', '');
    unknown name;
BEGIN
    IF query IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no query was given',
            HINT = 'Pass the text of one SELECT.';
    END IF;
    made.columns := etl._columns_of_query(statement);
    made.alias := 'validated';
    made.rows_sql := format(E'(%s\n) AS validated', statement);
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
