-- The first n values of every key of a query, for tables with very many keys: etl.top_n_per_key and etl.latest_per_key
-- give rows, etl.create_top_n and etl.create_latest make tables.
--
-- GROUP BY keeps the states of all groups at once, or sorts all rows. Here rows are set aside by key in one scan, which
-- parallel workers share (etl._top_parts), and selected part by part (sketch/top_n_parts.hpp).

CREATE FUNCTION etl._top_parts_step(internal, bytea, bool, "any", "any", VARIADIC "any")
RETURNS internal
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_parts_step';
COMMENT ON FUNCTION etl._top_parts_step(internal, bytea, bool, "any", "any", "any") IS
    'Transition function of etl._top_parts.';

CREATE FUNCTION etl._top_parts_combine(internal, internal)
RETURNS internal
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_parts_combine';
COMMENT ON FUNCTION etl._top_parts_combine(internal, internal) IS 'Combine function of etl._top_parts.';

CREATE FUNCTION etl._top_parts_chunks(internal)
RETURNS bytea
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_parts_chunks';
COMMENT ON FUNCTION etl._top_parts_chunks(internal) IS 'Final function of etl._top_parts, and its state as bytes.';

CREATE FUNCTION etl._top_parts_deserial(bytea, internal)
RETURNS internal
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_parts_deserial';
COMMENT ON FUNCTION etl._top_parts_deserial(bytea, internal) IS 'State of etl._top_parts from bytes.';

CREATE AGGREGATE etl._top_parts(area bytea, ascending bool, value "any", order_by "any", VARIADIC keys "any") (
    SFUNC = etl._top_parts_step,
    STYPE = internal,
    COMBINEFUNC = etl._top_parts_combine,
    SERIALFUNC = etl._top_parts_chunks,
    DESERIALFUNC = etl._top_parts_deserial,
    FINALFUNC = etl._top_parts_chunks,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._top_parts(bytea, bool, "any", "any", "any") IS
    'Sets values, their order and their keys aside in temporary files, which are named by the area, and tells where '
    'they lie. Rows without an order are left out. Errors: 0A000 keys that their bytes do not tell apart.';

CREATE FUNCTION etl._top_scan(
    query text, keys name[], value name, order_by name, descending bool, n integer)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement CONSTANT text := regexp_replace(query, '[\s;]+$', '');
    columns CONSTANT name[] := etl._require_query_columns(statement);
    column_name name;
BEGIN
    PERFORM etl._require_flag(descending, 'descending');
    IF n IS NULL OR n NOT BETWEEN 0 AND 10000000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('n must be between 0 and 10000000, not %s', coalesce(n::text, 'NULL'));
    END IF;
    IF coalesce(cardinality(keys), 0) NOT BETWEEN 1 AND 32 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('between 1 and 32 key columns can be given, not %s', coalesce(cardinality(keys), 0)),
            HINT = 'Name columns of the query: keys => ARRAY[''column'', …].';
    END IF;
    FOREACH column_name IN ARRAY keys || value || order_by LOOP
        PERFORM etl._require_query_column(columns, column_name);
    END LOOP;
    RETURN format(E'SELECT etl._top_parts($1, %L::bool, q.%I, q.%I, %s) FROM (\n%s\n) AS q',
                  NOT descending, value, order_by,
                  (SELECT string_agg(format('q.%I', k.name), ', ' ORDER BY k.position)
                   FROM unnest(keys) WITH ORDINALITY AS k(name, position)),
                  statement);
END
$$;
COMMENT ON FUNCTION etl._top_scan(text, name[], name, name, bool, integer) IS
    'The query that sets the rows of a query aside for etl.top_n_per_key; checks its arguments. Its $1 is the area.';

CREATE FUNCTION etl.top_n_per_key(
    query text, keys name[], value name, order_by name, n integer, descending bool DEFAULT true)
RETURNS SETOF record
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_top_n_per_key';
COMMENT ON FUNCTION etl.top_n_per_key(text, name[], name, name, integer, bool) IS
    'What SELECT keys, etl.top_n(value, order_by, n) FROM query GROUP BY keys gives, for queries with very many keys: '
    'one parallel scan sets the rows aside in temporary files, and memory is that of one part in 256 of them. Give the '
    'list of columns: SELECT * FROM etl.top_n_per_key(…) AS t(user_id bigint, items bigint[]). query: one SELECT; '
    'tables and functions outside of pg_catalog need their schema. keys, value, order_by: columns of the query. '
    'descending: whether the greatest come first. Rows without an order (NULL) are left out; a key of which no row is '
    'left, and every key when n is 0, has no row. Ties are decided as in etl.top_n. Errors: 22023 no single SELECT, no '
    'key, n out of range or a NULL argument; 42703 unknown column; 42701 two columns of one name; 42883 values of '
    'order_by have no order; 42804 the list of columns is not that of the result; 0A000 keys that their bytes do not '
    'tell apart, or values that cannot be elements of an array; 54000 more rows than about 200 GB.';

CREATE FUNCTION etl.latest_per_key(
    query text, keys name[], value name, order_by name, descending bool DEFAULT true)
RETURNS SETOF record
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_latest_per_key';
COMMENT ON FUNCTION etl.latest_per_key(text, name[], name, name, bool) IS
    'What SELECT keys, etl.latest(value, order_by) FROM query GROUP BY keys gives, or etl.first where descending is '
    'false, for queries with very many keys. SELECT * FROM etl.latest_per_key(…) AS t(user_id bigint, item bigint). '
    'Arguments and errors are those of etl.top_n_per_key.';

CREATE FUNCTION etl._top_n_into(
    query text, keys name[], value name, order_by name, n integer, descending bool, new_table oid)
RETURNS bigint
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_top_n_into';
COMMENT ON FUNCTION etl._top_n_into(text, name[], name, name, integer, bool, oid) IS
    'Writes what etl.top_n_per_key gives into a table that the same statement has made.';

CREATE FUNCTION etl._latest_into(
    query text, keys name[], value name, order_by name, descending bool, new_table oid)
RETURNS bigint
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_latest_into';
COMMENT ON FUNCTION etl._latest_into(text, name[], name, name, bool, oid) IS
    'Writes what etl.latest_per_key gives into a table that the same statement has made.';

CREATE FUNCTION etl._create_top_table(new_table text, query text, keys name[], value name, suffix text)
RETURNS oid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named CONSTANT text := etl._new_table_name(new_table);
    repeated CONSTANT name := (SELECT c.name FROM unnest(keys || value) AS c(name)
                               GROUP BY c.name HAVING count(*) > 1 ORDER BY c.name LIMIT 1);
BEGIN
    IF repeated IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_column',
            MESSAGE = format('column %I cannot be in the table twice', repeated),
            DETAIL = 'The table has the key columns and the value column.',
            HINT = CASE WHEN repeated = value
                        THEN format('Make the query return it by another name as well: SELECT *, %I AS value FROM ….',
                                    repeated)
                        ELSE 'Name each key column once.' END;
    END IF;
    EXECUTE format('CREATE TABLE %s (%s)', named, (
        SELECT string_agg(format('%I %s%s%s', k.name, format_type(q.type, -1), k.suffix,
                                 CASE WHEN q.collation_id <> 0
                                      THEN format(' COLLATE %s', q.collation_id::regcollation) END),
                          ', ' ORDER BY k.position)
        FROM (SELECT u.name, u.position, ''
              FROM unnest(keys) WITH ORDINALITY AS u(name, position)
              UNION ALL
              SELECT value, 1000, suffix) AS k(name, position, suffix)
        JOIN etl._query_columns(regexp_replace(query, '[\s;]+$', '')) AS q ON q.name = k.name));
    RETURN named::regclass;
END
$$;
COMMENT ON FUNCTION etl._create_top_table(text, text, name[], name, text) IS
    'Makes the table for key columns of a query and its value column, the latter''s type followed by the suffix.';

CREATE FUNCTION etl.create_top_n(
    new_table text, query text, keys name[], value name, order_by name, n integer, descending bool DEFAULT true)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET parallel_tuple_cost = 0.01 -- so that the rows are read by several
AS $$
BEGIN
    PERFORM etl._top_scan(query, keys, value, order_by, descending, n);
    RETURN etl._top_n_into(query, keys, value, order_by, n, descending,
                           etl._create_top_table(new_table, query, keys, value, '[]'));
END
$$;
COMMENT ON FUNCTION etl.create_top_n(text, text, name[], name, name, integer, bool) IS
    'Makes a table of what etl.top_n_per_key gives: the key columns, and the value column as an array of the first n '
    'values. new_table: its name with its schema; the other arguments and their errors are those of '
    'etl.top_n_per_key. Returns the number of rows. Errors: 42602 a name without a schema, 42P07 there is such a '
    'table, 42701 a key is named twice, or is the value column, too.';

CREATE FUNCTION etl.create_latest(
    new_table text, query text, keys name[], value name, order_by name, descending bool DEFAULT true)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET parallel_tuple_cost = 0.01 -- so that the rows are read by several
AS $$
BEGIN
    PERFORM etl._top_scan(query, keys, value, order_by, descending, 1);
    RETURN etl._latest_into(query, keys, value, order_by, descending,
                            etl._create_top_table(new_table, query, keys, value, ''));
END
$$;
COMMENT ON FUNCTION etl.create_latest(text, text, name[], name, name, bool) IS
    'Makes a table of what etl.latest_per_key gives: the key columns and the value of the latest row, or of the first '
    'one where descending is false. new_table: its name with its schema; the other arguments and their errors are '
    'those of etl.latest_per_key. Returns the number of rows. Errors: 42602 a name without a schema, 42P07 there is '
    'such a table, 42701 a key is named twice, or is the value column, too.';
