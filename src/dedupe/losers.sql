-- The rows that have an equal by key which is kept: found by the fingerprints of their keys, in one scan or in two.
--
-- One scan. What decides is set aside for each row, 32 bytes that are parted by key (etl._keyed_rows, an aggregate that
-- parallel workers share), and then compared part by part. Keys are equal when their fingerprints of 128 bits are, by
-- a seed that is new in each call; sketch/fingerprint_pg.hpp says how values become fingerprints. That serves one
-- table, keys whose own bytes tell them apart, and a number or moment of fixed size that says which row is kept.
--
-- Two scans, for all else. The first one notes, in a fixed number of bits, which keys may occur more than once
-- (etl._repeated_keys). The second one takes only the rows that have such a key, and one row in a hundred that has not;
-- these few are sorted by a hash of their keys, by the keys, and by what decides which of them stays. So neither scan
-- sorts or keeps a row whose key is unique. Both are of one statement, so they see the same rows. A key without a hash
-- function, and rows that differ from scan to scan, are sorted at once.

-- The first scan -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._repeated_keys_step(internal, bigint, bigint, bool, VARIADIC "any")
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_repeated_keys_step';
COMMENT ON FUNCTION etl._repeated_keys_step(internal, bigint, bigint, bool, "any") IS
    'Transition function of etl._repeated_keys.';

CREATE FUNCTION etl._repeated_keys_combine(internal, internal)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_repeated_keys_combine';
COMMENT ON FUNCTION etl._repeated_keys_combine(internal, internal) IS 'Combine function of etl._repeated_keys.';

CREATE FUNCTION etl._repeated_keys_serial(internal)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_repeated_keys_serial';
COMMENT ON FUNCTION etl._repeated_keys_serial(internal) IS 'State of etl._repeated_keys as bytes.';

CREATE FUNCTION etl._repeated_keys_deserial(bytea, internal)
RETURNS internal
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_repeated_keys_deserial';
COMMENT ON FUNCTION etl._repeated_keys_deserial(bytea, internal) IS 'State of etl._repeated_keys from bytes.';

CREATE FUNCTION etl._repeated_keys_final(internal)
RETURNS bytea
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_repeated_keys_final';
COMMENT ON FUNCTION etl._repeated_keys_final(internal) IS 'Final function of etl._repeated_keys.';

CREATE AGGREGATE etl._repeated_keys(rows bigint, seed bigint, nulls_equal bool, VARIADIC keys "any") (
    SFUNC = etl._repeated_keys_step,
    STYPE = internal,
    COMBINEFUNC = etl._repeated_keys_combine,
    SERIALFUNC = etl._repeated_keys_serial,
    DESERIALFUNC = etl._repeated_keys_deserial,
    FINALFUNC = etl._repeated_keys_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._repeated_keys(bigint, bigint, bool, "any") IS
    'Which keys may occur in more than one row, for etl._is_repeated. Arguments: how many rows are expected, which '
    'decides on the memory (4 bytes a row, within half of work_mem * hash_mem_multiplier), the seed of the hash, '
    'whether NULLs are equal, the keys. NULL for no rows. Errors: 42883 a value within a key has no hash function.';

-- The second scan ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._is_repeated_support(internal)
RETURNS internal
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_is_repeated_support';
COMMENT ON FUNCTION etl._is_repeated_support(internal) IS 'Tells the planner how many rows etl._is_repeated passes.';

CREATE FUNCTION etl._is_repeated(repeated bytea, VARIADIC keys "any")
RETURNS bool
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20
SUPPORT etl._is_repeated_support
AS 'MODULE_PATHNAME', 'etl_is_repeated';
COMMENT ON FUNCTION etl._is_repeated(bytea, "any") IS
    'Whether the keys may occur in more than one row of those that etl._repeated_keys has seen: true for every one '
    'that does, and for few others.';

CREATE FUNCTION etl._key_hash(seed bigint, VARIADIC keys "any")
RETURNS bigint
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'etl_key_hash';
COMMENT ON FUNCTION etl._key_hash(bigint, "any") IS
    'A hash of keys by the equality of their types and collations; NULLs are equal. Errors: 42883 a value within a '
    'key has no hash function.';

CREATE FUNCTION etl._repeatable_rows(query text)
RETURNS bigint
LANGUAGE C STRICT STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_repeatable_rows';
COMMENT ON FUNCTION etl._repeatable_rows(text) IS
    'How many rows the planner expects of a query that gives the same rows each time that it is evaluated on one '
    'snapshot. NULL for others: those that call a volatile function, have LIMIT, an aggregate, a window or DISTINCT '
    'ON, draw a sample, or read a foreign table.';

-- One scan ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._keyed_rows_step(internal, text, bigint, bigint, bool, bool, tid, "any", VARIADIC "any")
RETURNS internal
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_keyed_rows_step';
COMMENT ON FUNCTION etl._keyed_rows_step(internal, text, bigint, bigint, bool, bool, tid, "any", "any") IS
    'Transition function of etl._keyed_rows.';

CREATE FUNCTION etl._keyed_rows_combine(internal, internal)
RETURNS internal
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_keyed_rows_combine';
COMMENT ON FUNCTION etl._keyed_rows_combine(internal, internal) IS 'Combine function of etl._keyed_rows.';

CREATE FUNCTION etl._keyed_rows_chunks(internal)
RETURNS bytea
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_keyed_rows_chunks';
COMMENT ON FUNCTION etl._keyed_rows_chunks(internal) IS 'Final function of etl._keyed_rows, and its state as bytes.';

CREATE FUNCTION etl._keyed_rows_deserial(bytea, internal)
RETURNS internal
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_keyed_rows_deserial';
COMMENT ON FUNCTION etl._keyed_rows_deserial(bytea, internal) IS 'State of etl._keyed_rows from bytes.';

CREATE AGGREGATE etl._keyed_rows(
    area text, rows bigint, seed bigint, nulls_equal bool, down bool, place tid, "order" "any", VARIADIC keys "any") (
    SFUNC = etl._keyed_rows_step,
    STYPE = internal,
    COMBINEFUNC = etl._keyed_rows_combine,
    SERIALFUNC = etl._keyed_rows_chunks,
    DESERIALFUNC = etl._keyed_rows_deserial,
    FINALFUNC = etl._keyed_rows_chunks,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._keyed_rows(text, bigint, bigint, bool, bool, tid, "any", "any") IS
    'Sets rows aside for etl._losers_among: 32 bytes each, in files of an area of etl._open_spill. Arguments: the '
    'area, how many rows are expected, the seed of the hash, whether NULLs are equal, whether the highest row is kept, '
    'the place of the row, its order (a number of fixed size, a date or a timestamp), the keys. Errors: 42883 a value '
    'within a key has no hash function, 0A000 another order.';

CREATE FUNCTION etl._keys_are_exact(VARIADIC keys "any")
RETURNS bool
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_keys_are_exact';
COMMENT ON FUNCTION etl._keys_are_exact("any") IS
    'Whether the keys have types whose fingerprints etl._keyed_rows may take for the values: not those that are told '
    'apart by their own hash functions, nor those that may hold such values.';

CREATE FUNCTION etl._losers_among(area text, down bool, chunks bytea)
RETURNS TABLE(nth bigint, place tid, kept tid)
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'etl_losers_among';
COMMENT ON FUNCTION etl._losers_among(text, bool, bytea) IS
    'Of the rows that etl._keyed_rows has set aside those that are not kept: their number in their group, from 2, '
    'their place, and that of the row that is kept.';

-- Pieces of the query ------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._are_hashable(columns text, source text)
RETURNS bool
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- One row of NULLs is enough: the hash function of each column's type is looked up before its value.
    PERFORM FROM etl._locked_rows(
        format('SELECT hash_record_extended(ROW(%1$s), 0) '
               'FROM (SELECT) AS one_row LEFT JOIN (SELECT %1$s FROM %2$s) AS s ON false', columns, source))
        AS h(hash bigint);
    RETURN true;
EXCEPTION
    WHEN undefined_function THEN
        RETURN false;
END
$$;
COMMENT ON FUNCTION etl._are_hashable(text, text) IS
    'Whether the types of these columns of a source (what stands after FROM) have hash functions. Reads no row.';

CREATE FUNCTION etl._new_seed()
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT hashtextextended(gen_random_uuid()::text, 0)
$$;
COMMENT ON FUNCTION etl._new_seed() IS 'A seed that nobody knows who makes keys.';

CREATE FUNCTION etl._has_repeated_key(source text, columns text, nulls_equal bool, seed bigint, rows bigint)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('etl._is_repeated((SELECT etl._repeated_keys(%1$s::bigint, %2$L::bigint, %3$L::bool, %4$s) FROM %5$s'
                  '), %4$s)', rows, seed, nulls_equal, columns, source)
$$;
COMMENT ON FUNCTION etl._has_repeated_key(text, text, bool, bigint, bigint) IS
    'Condition on a row of the source: its key may occur more than once there.';

CREATE FUNCTION etl._rows_of(source text, VARIADIC conditions text[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT source
        || coalesce(E'\n    WHERE ' || string_agg(E'(' || c.condition || E'\n)', ' AND ' ORDER BY c.position), '')
    FROM unnest(conditions) WITH ORDINALITY AS c(condition, position)
    WHERE c.condition IS NOT NULL
$$;
COMMENT ON FUNCTION etl._rows_of(text, text[]) IS
    'What stands after FROM: a source and the conditions on its rows that are not NULL.';

CREATE FUNCTION etl._no_null(keys name[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- IS DISTINCT FROM NULL, for IS NOT NULL asks a composite value for its fields.
    SELECT '(' || string_agg(format('%I IS DISTINCT FROM NULL', k.name), ' AND ' ORDER BY k.position) || ')'
    FROM unnest(keys) WITH ORDINALITY AS k(name, position)
$$;
COMMENT ON FUNCTION etl._no_null(name[]) IS 'Condition on a row: none of its keys is NULL.';

CREATE FUNCTION etl._null_count(columns name[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- num_nulls() takes 100 arguments, a table may have 1,600 columns.
    SELECT string_agg(format('num_nulls(%s)', names), ' + ' ORDER BY part)
    FROM (
        SELECT position / 50, string_agg(format('%I', name), ', ' ORDER BY position)
        FROM unnest(columns) WITH ORDINALITY AS c(name, position) GROUP BY position / 50
    ) AS parts(part, names)
$$;
COMMENT ON FUNCTION etl._null_count(name[]) IS 'Expression that counts the NULL columns of a row.';

CREATE FUNCTION etl._columns_of(relation regclass)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(a.attname ORDER BY a.attnum), '{}') FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION etl._columns_of(regclass) IS 'The columns of a relation, in order.';

CREATE FUNCTION etl._null_count(relation regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._null_count(etl._columns_of(relation))
$$;
COMMENT ON FUNCTION etl._null_count(regclass) IS 'The same for all columns of a relation.';

CREATE FUNCTION etl._keep_direction(keep text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE keep WHEN 'first' THEN 'ASC' ELSE 'DESC' END
$$;
COMMENT ON FUNCTION etl._keep_direction(text) IS 'The direction in which the row to keep comes first.';

CREATE FUNCTION etl._keep_order(keep text, order_by name, columns name[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN keep <> 'any' THEN nullif(concat_ws(', ',
        CASE WHEN keep = 'most_complete' THEN etl._null_count(columns) END,
        quote_ident(order_by) || ' ' || etl._keep_direction(keep) || ' NULLS LAST'), '') END
$$;
COMMENT ON FUNCTION etl._keep_order(text, name, name[]) IS
    'What stands after ORDER BY so that the row to keep is the first of its group, but for ties; NULL for nothing.';

CREATE FUNCTION etl._dedupe_order(relation regclass, keep text, order_by name)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN keep <> 'any' THEN concat_ws(', ',
        etl._keep_order(keep, order_by, etl._columns_of(relation)),
        CASE WHEN etl._has_children(relation) THEN 'tableoid ' || etl._keep_direction(keep) END,
        'ctid ' || etl._keep_direction(keep)) END
$$;
COMMENT ON FUNCTION etl._dedupe_order(regclass, text, name) IS
    'The same for rows of a table, with ties decided by the place in it.';

-- The losers ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._candidates(relation regclass, keys name[], nulls_equal bool, where_sql text, seed bigint)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source CONSTANT text := etl._rows_of(relation::text, where_sql);
    rows bigint;
BEGIN
    IF seed IS NOT NULL THEN
        rows := etl._repeatable_rows('SELECT FROM ' || source);
    END IF;
    RETURN etl._rows_of(relation::text, where_sql,
        CASE WHEN rows IS NOT NULL
                 THEN etl._has_repeated_key(source, etl._column_list(keys), nulls_equal, seed, rows)
             WHEN NOT nulls_equal THEN etl._no_null(keys) END);
END
$$;
COMMENT ON FUNCTION etl._candidates(regclass, name[], bool, text, bigint) IS
    'What stands after FROM for the rows among which duplicates are: those with a repeated key, or, without a seed, '
    'all that take part.';

CREATE FUNCTION etl._kept_columns(
    identity name[], with_places bool, OUT "values" text, OUT names text, OUT tab text, OUT place text, OUT kept text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat(CASE WHEN with_places THEN ', first_value(tableoid) OVER w, first_value(ctid) OVER w' END,
                  string_agg(format(', first_value(%I) OVER w', name), '' ORDER BY position)),
           concat(CASE WHEN with_places THEN ', kept_tab, kept_place' END,
                  string_agg(', s' || position, '' ORDER BY position)),
           CASE WHEN with_places THEN 'n.kept_tab' ELSE 'NULL::oid' END,
           CASE WHEN with_places THEN 'n.kept_place' ELSE 'NULL::tid' END,
           coalesce('(SELECT etl._row_as_texts(s.*) FROM (SELECT '
                    || string_agg(format('n.s%s AS %I', position, name), ', ' ORDER BY position) || ') AS s)',
                    'NULL::jsonb')
    FROM unnest(identity) WITH ORDINALITY AS c(name, position)
$$;
COMMENT ON FUNCTION etl._kept_columns(name[], bool) IS
    'What a window "w" tells of the row that is kept: the expressions, their names in "n", and by these where it lies '
    '(where that is wished) and some of its columns as JSON.';

CREATE FUNCTION etl._loser_query(
    target regclass, keys name[], keep text, order_by name, nulls_equal bool, where_sql text, identity name[],
    with_places bool, seed bigint)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The columns are renamed inside, so that no name of the table's meets another one.
    SELECT format($query$
        SELECT n.nth, n.tab, n.place, %1$s, %2$s, %3$s
        FROM (
            SELECT row_number() OVER w, tableoid, ctid%4$s
            FROM %5$s
            WINDOW w AS (PARTITION BY %6$s%7$s)
        ) AS n(nth, tab, place%8$s)
        WHERE n.nth > 1
        ORDER BY n.tab, n.place
        $query$,
        k.tab, k.place, k.kept, k."values",
        etl._candidates(target, keys, nulls_equal, where_sql, seed),
        concat_ws(', ', 'etl._key_hash(' || quote_literal(seed) || '::bigint, ' || etl._column_list(keys) || ')',
                  etl._column_list(keys)),
        ' ORDER BY ' || etl._dedupe_order(target, keep, order_by),
        k.names)
    FROM etl._kept_columns(identity, with_places) AS k
$$;
COMMENT ON FUNCTION etl._loser_query(regclass, name[], text, name, bool, text, name[], bool, bigint) IS
    'A query for the rows that are not kept, in the order of their places: their number in their group, from 2; where '
    'they lie (table and place); where the row lies that is kept, where that is wished; and these columns of it as '
    'JSON (identity). Without a seed nothing is hashed.';

CREATE FUNCTION etl._has_fixed_order(relation regclass, keep text, order_by name)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT etl._has_children(relation) AND keep <> 'most_complete'
       AND (order_by IS NULL OR EXISTS (
               SELECT FROM pg_attribute AS a
               WHERE a.attrelid = relation AND a.attname = order_by
                 AND a.atttypid = ANY ('{int2,int4,int8,float4,float8,date,timestamp,timestamptz}'::regtype[])))
$$;
COMMENT ON FUNCTION etl._has_fixed_order(regclass, text, name) IS
    'Whether etl._keyed_rows can tell which row of a group is kept: in one table, by a number or moment of fixed size.';

CREATE FUNCTION etl._takes_one_scan(target regclass, keys name[], keep text, order_by name)
RETURNS bool
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_exact bool;
BEGIN
    IF NOT etl._has_fixed_order(target, keep, order_by) THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT etl._keys_are_exact(%s) FROM (SELECT) AS one_row LEFT JOIN %s ON false',
                   etl._column_list(keys), target) INTO is_exact;
    RETURN is_exact;
END
$$;
COMMENT ON FUNCTION etl._takes_one_scan(regclass, name[], text, name) IS
    'Whether etl._one_scan_query finds what is not kept. Reads no row.';

CREATE FUNCTION etl._one_scan_query(
    area text, target regclass, keys name[], keep text, order_by name, nulls_equal bool, where_sql text,
    identity name[], with_places bool)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($query$
        SELECT l.nth, %1$s::oid, l.place, %2$s, %3$s
        FROM etl._losers_among(%4$L, %5$L, (
            SELECT etl._keyed_rows(%4$L, %6$L, %7$L, %8$L, %5$L, ctid, %9$s, %10$s) FROM %11$s
        )) AS l
        ORDER BY l.place
        $query$,
        target::oid,
        CASE WHEN with_places THEN format('%s::oid, l.kept', target::oid) ELSE 'NULL::oid, NULL::tid' END,
        coalesce((SELECT format('(SELECT etl._row_as_texts(s.*) '
                                'FROM (SELECT %s FROM %s AS k WHERE k.ctid = l.kept) AS s)',
                                string_agg(format('k.%I', name), ', ' ORDER BY position), target)
                  FROM unnest(identity) WITH ORDINALITY AS c(name, position) HAVING count(*) > 0), 'NULL::jsonb'),
        area, keep <> 'first', coalesce(etl._repeatable_rows('SELECT FROM ' || target::text), 0), etl._new_seed(),
        nulls_equal,
        CASE WHEN order_by IS NULL OR keep = 'any' THEN 'NULL::bigint' ELSE quote_ident(order_by) END,
        etl._column_list(keys),
        etl._rows_of(target::text, where_sql))
$$;
COMMENT ON FUNCTION etl._one_scan_query(text, regclass, name[], text, name, bool, text, name[], bool) IS
    'The query of etl._loser_query for the tables, keys and orders of etl._takes_one_scan, with files in an area of '
    'etl._open_spill.';

CREATE FUNCTION etl._losers(
    target regclass, keys name[], keep text, order_by name DEFAULT NULL, nulls_equal bool DEFAULT false,
    where_sql text DEFAULT NULL, identity name[] DEFAULT '{}', with_places bool DEFAULT false)
RETURNS TABLE(nth bigint, tab oid, place tid, kept_tab oid, kept_place tid, kept jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_hashable CONSTANT bool := etl._are_hashable(etl._column_list(keys), target::text);
    area text;
    call CONSTANT text := 'SELECT * FROM etl._locked_rows($1) AS l(nth bigint, tab oid, place tid, kept_tab oid, '
                          'kept_place tid, kept jsonb)';
BEGIN
    BEGIN
        IF is_hashable AND etl._takes_one_scan(target, keys, keep, order_by) THEN
            area := etl._open_spill();
            RETURN QUERY EXECUTE call USING
                etl._one_scan_query(area, target, keys, keep, order_by, nulls_equal, where_sql, identity, with_places);
            PERFORM etl._close_spill(area);
        ELSE
            RETURN QUERY EXECUTE call USING
                etl._loser_query(target, keys, keep, order_by, nulls_equal, where_sql, identity, with_places,
                                 CASE WHEN is_hashable THEN etl._new_seed() END);
        END IF;
        RETURN;
    EXCEPTION
        WHEN undefined_function THEN -- a value within a key has no hash function
            IF NOT is_hashable THEN
                RAISE;
            END IF;
    END;
    RETURN QUERY EXECUTE call
        USING etl._loser_query(target, keys, keep, order_by, nulls_equal, where_sql, identity, with_places, NULL);
END
$$;
COMMENT ON FUNCTION etl._losers(regclass, name[], text, name, bool, text, name[], bool) IS
    'The rows of etl._one_scan_query or etl._loser_query. The arguments are checked already.';
