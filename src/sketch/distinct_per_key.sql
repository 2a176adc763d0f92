-- How many different values every key of a query has, for tables with very many keys: etl.count_distinct_per_key gives
-- rows, etl.create_distinct_counts makes a table.
--
-- GROUP BY keeps the states of all groups at once, or sorts all rows. Here values are set aside by key in one scan,
-- which parallel workers share (etl._distinct_parts), and counted part by part (sketch/distinct_per_key.hpp).

CREATE FUNCTION etl._distinct_parts_step(internal, bytea, integer, VARIADIC "any")
RETURNS internal
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_parts_step';
COMMENT ON FUNCTION etl._distinct_parts_step(internal, bytea, integer, "any") IS
    'Transition function of etl._distinct_parts.';

CREATE FUNCTION etl._distinct_parts_combine(internal, internal)
RETURNS internal
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_parts_combine';
COMMENT ON FUNCTION etl._distinct_parts_combine(internal, internal) IS 'Combine function of etl._distinct_parts.';

CREATE FUNCTION etl._distinct_parts_chunks(internal)
RETURNS bytea
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_parts_chunks';
COMMENT ON FUNCTION etl._distinct_parts_chunks(internal) IS
    'Final function of etl._distinct_parts, and its state as bytes.';

CREATE FUNCTION etl._distinct_parts_deserial(bytea, internal)
RETURNS internal
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_parts_deserial';
COMMENT ON FUNCTION etl._distinct_parts_deserial(bytea, internal) IS 'State of etl._distinct_parts from bytes.';

CREATE AGGREGATE etl._distinct_parts(area bytea, keys integer, VARIADIC keys_and_values "any") (
    SFUNC = etl._distinct_parts_step,
    STYPE = internal,
    COMBINEFUNC = etl._distinct_parts_combine,
    SERIALFUNC = etl._distinct_parts_chunks,
    DESERIALFUNC = etl._distinct_parts_deserial,
    FINALFUNC = etl._distinct_parts_chunks,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._distinct_parts(bytea, integer, "any") IS
    'Sets values and their keys aside in temporary files, which are named by the area, and tells where they lie. keys: '
    'how many of the arguments after it are keys. Errors: 0A000 keys that their bytes do not tell apart.';

CREATE FUNCTION etl._distinct_scan(
    query text, keys name[], counted name[], OUT scan text, OUT key_types oidvector, OUT values_counted integer)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement CONSTANT text := regexp_replace(query, '[\s;]+$', '');
    columns CONSTANT name[] := etl._require_query_columns(statement);
    column_name name;
BEGIN
    IF coalesce(cardinality(keys), 0) NOT BETWEEN 1 AND 32 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('between 1 and 32 key columns can be given, not %s', coalesce(cardinality(keys), 0)),
            HINT = 'Name columns of the query: keys => ARRAY[''column'', …].';
    END IF;
    IF coalesce(cardinality(counted), 0) NOT BETWEEN 1 AND 32 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('between 1 and 32 columns can be counted, not %s', coalesce(cardinality(counted), 0)),
            HINT = 'Name columns of the query: counted => ARRAY[''column'', …].';
    END IF;
    FOREACH column_name IN ARRAY keys || counted LOOP
        PERFORM etl._require_query_column(columns, column_name);
    END LOOP;
    values_counted := cardinality(counted);
    SELECT string_agg(q.type::text, ' ' ORDER BY k.position)::oidvector INTO key_types
    FROM unnest(keys) WITH ORDINALITY AS k(name, position)
    JOIN etl._query_columns(statement) AS q ON q.name = k.name;
    scan := format(E'SELECT etl._distinct_parts($1, %s, %s) FROM (\n%s\n) AS q',
                   cardinality(keys),
                   (SELECT string_agg(format('q.%I', k.name), ', ' ORDER BY k.position)
                    FROM unnest(keys || counted) WITH ORDINALITY AS k(name, position)),
                   statement);
END
$$;
COMMENT ON FUNCTION etl._distinct_scan(text, name[], name[]) IS
    'The query that sets the values of a query aside for etl.count_distinct_per_key, the types of the keys and the '
    'number of columns to be counted; checks its arguments. Its $1 is the area.';

CREATE FUNCTION etl.count_distinct_per_key(query text, keys name[], counted name[])
RETURNS SETOF record
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_count_distinct_per_key';
COMMENT ON FUNCTION etl.count_distinct_per_key(text, name[], name[]) IS
    'What SELECT keys, count(DISTINCT value), … FROM query GROUP BY keys gives, for queries with very many keys: one '
    'parallel scan sets the values aside in temporary files, and memory is that of the keys of one part in 256 of '
    'them. Give the list of columns, the counts as bigint: SELECT * FROM etl.count_distinct_per_key(…) AS t(user_id '
    'bigint, items bigint). query: one SELECT; tables and functions outside of pg_catalog need their schema. keys, '
    'counted: columns of the query. NULLs are not counted; a NULL key is a key. Values are equal as their type and '
    'collation say, and are told apart as etl.count_distinct does. Of equal keys that look different, 1.0 and 1.00, '
    'always the same one stands for all. Errors: 22023 no single SELECT, no key or nothing to count; 42703 unknown '
    'column; 42701 two columns of one name; 42883 values or keys that have no equality; 42804 the list of columns is '
    'not that of the result; 0A000 keys that their bytes do not tell apart; 54000 more values than about 200 GB.';

CREATE FUNCTION etl._distinct_counts_into(query text, keys name[], counted name[], new_table oid)
RETURNS bigint
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_distinct_counts_into';
COMMENT ON FUNCTION etl._distinct_counts_into(text, name[], name[], oid) IS
    'Writes what etl.count_distinct_per_key gives into a table that the same statement has made.';

CREATE FUNCTION etl._create_distinct_table(new_table text, query text, keys name[], counted name[])
RETURNS oid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named CONSTANT text := etl._new_table_name(new_table);
    columns CONSTANT text := (
        SELECT string_agg(format('%I %s%s', k.name, format_type(q.type, -1),
                                 CASE WHEN q.collation_id <> 0
                                      THEN format(' COLLATE %s', q.collation_id::regcollation) END),
                          ', ' ORDER BY k.position)
        FROM unnest(keys) WITH ORDINALITY AS k(name, position)
        JOIN etl._query_columns(regexp_replace(query, '[\s;]+$', '')) AS q ON q.name = k.name);
    counts CONSTANT text := (
        SELECT string_agg(format('%I bigint', ('distinct_' || c.name)::name), ', ' ORDER BY c.position)
        FROM unnest(counted) WITH ORDINALITY AS c(name, position));
    repeated CONSTANT name := (
        SELECT c.name FROM (SELECT unnest(keys) UNION ALL SELECT ('distinct_' || u)::name FROM unnest(counted) AS u)
                           AS c(name)
        GROUP BY c.name HAVING count(*) > 1 ORDER BY c.name LIMIT 1);
BEGIN
    IF repeated IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_column',
            MESSAGE = format('column %I cannot be in the table twice', repeated),
            DETAIL = 'The table has the key columns, and for each counted column distinct_ and its name.',
            HINT = 'Name each column once, or make the query return one of them by another name.';
    END IF;
    EXECUTE format('CREATE TABLE %s (%s, %s)', named, columns, counts);
    RETURN named::regclass;
END
$$;
COMMENT ON FUNCTION etl._create_distinct_table(text, text, name[], name[]) IS
    'Makes the table for key columns of a query and the counts of others.';

CREATE FUNCTION etl.create_distinct_counts(new_table text, query text, keys name[], counted name[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET parallel_tuple_cost = 0.01 -- so that the rows are read by several
AS $$
BEGIN
    PERFORM etl._distinct_scan(query, keys, counted);
    RETURN etl._distinct_counts_into(query, keys, counted,
                                     etl._create_distinct_table(new_table, query, keys, counted));
END
$$;
COMMENT ON FUNCTION etl.create_distinct_counts(text, text, name[], name[]) IS
    'Makes a table of what etl.count_distinct_per_key gives: the key columns, and for each counted column a bigint '
    'named distinct_ and its name. new_table: its name with its schema; the other arguments and their errors are those '
    'of etl.count_distinct_per_key. Returns the number of rows. Errors: 42602 a name without a schema, 42P07 there is '
    'such a table, 42701 two columns would have one name.';
