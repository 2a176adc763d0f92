-- etl.duplicates: the groups that etl.dedupe would reduce to one row each.

CREATE FUNCTION etl._check_duplicates(target regclass, keys name[], nulls_equal bool, where_sql text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(nulls_equal, 'nulls_equal');
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    PERFORM etl._require_keys(target, keys);
    IF where_sql IS NOT NULL THEN
        PERFORM etl._require_condition(target, where_sql);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_duplicates(regclass, name[], bool, text) IS 'Checks the arguments of etl.duplicates.';

CREATE FUNCTION etl._group_query(target regclass, keys name[], nulls_equal bool, where_sql text, seed bigint)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The columns are renamed inside, so that no key's name meets that of the count.
    SELECT format($query$
        SELECT (SELECT to_jsonb(k.*) FROM (SELECT %s) AS k), g.n
        FROM (SELECT %s, count(*) FROM %s GROUP BY %s HAVING count(*) > 1) AS g(%s, n)
        ORDER BY 2 DESC, 1
        $query$,
        (SELECT string_agg(format('g.k%s AS %I', position, name), ', ' ORDER BY position)
         FROM unnest(keys) WITH ORDINALITY AS k(name, position)),
        etl._column_list(keys),
        etl._candidates(target, keys, nulls_equal, where_sql, seed),
        etl._column_list(keys),
        (SELECT string_agg('k' || position, ', ' ORDER BY position) FROM generate_subscripts(keys, 1) AS position))
$$;
COMMENT ON FUNCTION etl._group_query(regclass, name[], bool, text, bigint) IS 'The query of etl.duplicates.';

CREATE FUNCTION etl.duplicates(
    target regclass, keys name[], nulls_equal bool DEFAULT false, where_sql text DEFAULT NULL)
RETURNS TABLE(key jsonb, rows bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seed bigint;
BEGIN
    PERFORM etl._check_duplicates(target, keys, nulls_equal, where_sql);
    where_sql := etl._free_rows(target, where_sql);
    IF etl._are_hashable(etl._column_list(keys), target::text) THEN
        seed := etl._new_seed();
    END IF;
    BEGIN
        RETURN QUERY SELECT * FROM etl._locked_rows(etl._group_query(target, keys, nulls_equal, where_sql, seed))
                     AS g(key jsonb, rows bigint);
        RETURN;
    EXCEPTION
        WHEN undefined_function THEN -- a value within a key has no hash function
            IF seed IS NULL THEN
                RAISE;
            END IF;
    END;
    RETURN QUERY SELECT * FROM etl._locked_rows(etl._group_query(target, keys, nulls_equal, where_sql, NULL))
                 AS g(key jsonb, rows bigint);
END
$$;
COMMENT ON FUNCTION etl.duplicates(regclass, name[], bool, text) IS
    'Lists the groups that etl.dedupe would reduce to one row, the largest first, and changes nothing. Returns the '
    'key columns and their values as a jsonb object, and the number of rows of the group. Arguments and errors are '
    'those of etl.dedupe; the caller needs SELECT. Rows under a legal hold take no part.';
