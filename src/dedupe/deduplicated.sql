-- The survivors of a query, for loads: etl.deduplicated gives them, etl.create_deduplicated makes a table of them.
--
-- Rows whose key is unique are by far the most. They go straight through; only the others are sorted (losers.sql tells
-- them apart). Both parts and the scan before them are one statement, so the query is evaluated three times on one
-- snapshot. A query that would not give the same rows each time is evaluated once and numbered as it is, and so is one
-- whose order of rows decides.

CREATE FUNCTION etl._require_comparable(source text, column_name name)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM etl._locked_rows(
        format('SELECT row_number() OVER (PARTITION BY %1$I ORDER BY %1$I) FROM %2$s WHERE false', column_name, source))
        AS n(number bigint);
EXCEPTION
    WHEN undefined_function THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_function',
            MESSAGE = format('the values of column "%s" cannot be compared', column_name),
            HINT = 'Choose a column whose type has a default btree operator class, or cast it in the query.';
END
$$;
COMMENT ON FUNCTION etl._require_comparable(text, name) IS
    'Raises (42883) unless the values of a column of a source (what stands after FROM) can be compared.';

CREATE FUNCTION etl._check_survivors(
    source text, columns name[], keys name[], keep text, order_by name, nulls_equal bool)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key name;
BEGIN
    PERFORM etl._require_flag(nulls_equal, 'nulls_equal');
    PERFORM etl._require_keep(keep, '{first,last,most_complete,any}');
    IF coalesce(cardinality(keys), 0) = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no key column was given',
            DETAIL = 'Rows are duplicates of each other when they agree in every key column.',
            HINT = 'Name one column of the query or more: keys => ARRAY[''column'', …].';
    END IF;
    FOREACH key IN ARRAY keys || CASE WHEN order_by IS NOT NULL THEN ARRAY[order_by] END LOOP
        PERFORM etl._require_query_column(columns, key);
        PERFORM etl._require_comparable(source, key);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._check_survivors(text, name[], name[], text, name, bool) IS
    'Checks the arguments of etl.deduplicated but the query.';

CREATE FUNCTION etl._numbered_survivors(
    source text, columns name[], keys name[], keep text, order_by name, nulls_equal bool)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The last column counts the rows as they come.
    SELECT format($query$
        SELECT %1$s
        FROM (
            SELECT q.*, row_number() OVER (PARTITION BY %2$s%3$s)
            FROM (SELECT q.*, row_number() OVER () FROM %4$s) AS q(%5$s)
        ) AS n(%5$s, nth)
        WHERE n.nth = 1%6$s
        $query$,
        (SELECT string_agg(format('n.c%s AS %I', position, name), ', ' ORDER BY position)
         FROM unnest(columns) WITH ORDINALITY AS c(name, position)),
        k.list,
        ' ORDER BY ' || CASE WHEN keep <> 'any' THEN concat_ws(', ',
            CASE WHEN keep = 'most_complete' THEN etl._null_count(r.names) END,
            'c' || array_position(columns, order_by) || ' ' || etl._keep_direction(keep) || ' NULLS LAST',
            'place ' || etl._keep_direction(keep)) END,
        source,
        array_to_string(r.names, ', ') || ', place',
        CASE WHEN NOT nulls_equal THEN ' OR NOT ' || etl._no_null(k.names) END)
    FROM (SELECT array_agg(('c' || position)::name ORDER BY position) FROM generate_subscripts(columns, 1) AS position)
         AS r(names)
    CROSS JOIN (SELECT array_agg(('c' || array_position(columns, key))::name ORDER BY position),
                       string_agg('c' || array_position(columns, key), ', ' ORDER BY position)
                FROM unnest(keys) WITH ORDINALITY AS u(key, position)) AS k(names, list)
$$;
COMMENT ON FUNCTION etl._numbered_survivors(text, name[], name[], text, name, bool) IS
    'A query for the survivors of a source (what stands after FROM, alias q) that reads it once and sorts it; ties are '
    'decided by the order in which its rows come.';

CREATE FUNCTION etl._filtered_survivors(
    source text, columns name[], keys name[], keep text, order_by name, nulls_equal bool, rows bigint, seed bigint)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($query$
        WITH repeated(keys) AS MATERIALIZED (
            SELECT etl._repeated_keys(%1$s::bigint, %2$L::bigint, %3$L::bool, %4$s) FROM %5$s
        )
        SELECT %6$s FROM %5$s WHERE NOT etl._is_repeated((SELECT r.keys FROM repeated AS r), %4$s)
        UNION ALL
        (
            SELECT DISTINCT ON (%7$s) %6$s FROM %5$s
            WHERE etl._is_repeated((SELECT r.keys FROM repeated AS r), %4$s)
            ORDER BY %7$s%8$s
        )
        $query$,
        rows, seed, nulls_equal, etl._column_list(keys), source, etl._column_list(columns),
        format('etl._key_hash(%L::bigint, %s), %s', seed, etl._column_list(keys), etl._column_list(keys)),
        ', ' || etl._keep_order(keep, order_by, columns))
$$;
COMMENT ON FUNCTION etl._filtered_survivors(text, name[], name[], text, name, bool, bigint, bigint) IS
    'A query for the survivors of a source (what stands after FROM) that reads it three times and sorts only rows that '
    'have a repeated key.';

CREATE FUNCTION etl._survivors(
    query text, keys name[], keep text, order_by name, nulls_equal bool)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement CONSTANT text := regexp_replace(query, '[\s;]+$', '');
    columns CONSTANT name[] := etl._require_query_columns(statement);
    source CONSTANT text := format(E'(\n%s\n) AS q', statement);
    rows bigint;
BEGIN
    PERFORM etl._check_survivors(source, columns, keys, keep, order_by, nulls_equal);
    IF (keep = 'any' OR order_by IS NOT NULL) AND etl._are_hashable(etl._column_list(keys), source) THEN
        rows := etl._repeatable_rows('SELECT FROM ' || source);
    END IF;
    RETURN CASE WHEN rows IS NULL
                THEN etl._numbered_survivors(source, columns, keys, keep, order_by, nulls_equal)
                ELSE etl._filtered_survivors(source, columns, keys, keep, order_by, nulls_equal, rows, etl._new_seed())
           END;
END
$$;
COMMENT ON FUNCTION etl._survivors(text, name[], text, name, bool) IS
    'The query that etl.deduplicated runs; checks its arguments.';

CREATE FUNCTION etl.deduplicated(
    query text, keys name[], keep text DEFAULT 'last', order_by name DEFAULT NULL, nulls_equal bool DEFAULT false)
RETURNS SETOF record
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_deduplicated';
COMMENT ON FUNCTION etl.deduplicated(text, name[], text, name, bool) IS
    'The rows of a query, but of each group that agrees in the key columns only one. Give the list of columns: SELECT '
    '* FROM etl.deduplicated(…) AS d(id bigint, …). query: one SELECT; tables and functions outside of pg_catalog need '
    'their schema. keys: columns of the query. keep: first or last by order_by, most_complete (the fewest NULL '
    'columns, and of those the last by order_by), or any. A NULL in order_by loses against any value. Of rows that are '
    'equal in that one stays, not always the same; without order_by first and last go by the order in which the '
    'query gives its rows. Rows with a NULL key are never duplicates, unless nulls_equal. A query whose rows are the '
    'same each time is evaluated three times on one snapshot; any other one once. Errors: 22023 no single SELECT, no '
    'key, unknown keep or a NULL argument, 42703 unknown column, 42701 two columns of one name, 42883 values of a '
    'column cannot be compared, 42804 the list of columns is not that of the query.';

CREATE FUNCTION etl.create_deduplicated(
    new_table text, query text, keys name[], keep text DEFAULT 'last', order_by name DEFAULT NULL,
    nulls_equal bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET parallel_tuple_cost = 0.01 -- the one process that writes the table is what all wait for: let others read for it
AS $$
BEGIN
    RETURN etl._locked_command(format('CREATE TABLE %s AS %s', etl._new_table_name(new_table),
                                      etl._survivors(query, keys, keep, order_by, nulls_equal)));
END
$$;
COMMENT ON FUNCTION etl.create_deduplicated(text, text, name[], text, name, bool) IS
    'CREATE TABLE AS of etl.deduplicated(query, …), without a copy between: the fastest way to a clean table where '
    'many rows are duplicates. new_table: its name with its schema; the other arguments and their errors are those of '
    'etl.deduplicated. Returns the number of rows. Errors: 42602 a name without a schema, 42P07 there is such a table.';
