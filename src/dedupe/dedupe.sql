-- Exact deduplication of a table in place.
--
-- The work has three steps, all under one lock that keeps other writers out (SHARE ROW EXCLUSIVE):
--   1. number the rows of each key group, the row to keep first (etl._find_losers),
--   2. look whether deleting the others would carry rows of other tables away (etl._refuse_cascades),
--   3. delete the others by their physical place (etl._delete_losers).
-- Step 1 sorts keys and places only, never whole rows, and sorts them by a 64-bit hash of the keys first: nearly
-- every comparison of the sort is one of two integers. The keys themselves come after the hash, so that two keys
-- with one hash stay two groups. It is a plain SELECT, which may use parallel workers; a DELETE may not.
-- Step 3 goes straight to these places or, where they are many, scans the table once: whichever the planner finds
-- cheaper.

-- Checks of arguments ------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_ordering(relation regclass, column_name name, purpose text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type_name text;
BEGIN
    PERFORM etl._require_column(relation, column_name);
    EXECUTE format('SELECT row_number() OVER (PARTITION BY %1$I ORDER BY %1$I) FROM %2$s WHERE false',
                   column_name, relation);
EXCEPTION
    WHEN undefined_function THEN
        SELECT format_type(atttypid, atttypmod) INTO type_name FROM pg_attribute
        WHERE attrelid = relation AND attname = column_name;
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_function',
            MESSAGE = format('%s "%s" has type %s, whose values cannot be compared', purpose, column_name, type_name),
            HINT = CASE WHEN type_name = 'json'
                THEN format('Add a column that can: ALTER TABLE %s ADD COLUMN %I jsonb GENERATED ALWAYS AS '
                            '(%I::text::jsonb) STORED;', relation, column_name || '_key', column_name)
                ELSE 'Choose a column whose type has a default btree operator class.' END;
END
$$;
COMMENT ON FUNCTION etl._require_ordering(regclass, name, text) IS
    'Raises unless the relation has the column (42703) and the values of its type can be compared (42883).';

CREATE FUNCTION etl._require_keys(relation regclass, keys name[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key name;
    seen name[] := '{}';
BEGIN
    IF coalesce(cardinality(keys), 0) = 0 OR array_position(keys, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('no key column given for table "%s"', relation),
            DETAIL = 'Rows are duplicates of each other when they agree in every key column.',
            HINT = 'Name one column or more, none of them NULL: keys => ARRAY[''column'', …].';
    END IF;
    FOREACH key IN ARRAY keys LOOP
        IF key = ANY (seen) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'duplicate_column',
                MESSAGE = format('key column "%s" is given twice', key),
                HINT = 'Name each key column once.';
        END IF;
        PERFORM etl._require_ordering(relation, key, 'key column');
        seen := seen || key;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._require_keys(regclass, name[]) IS
    'Raises unless there is at least one key column (22023), each is a column of the relation (42703) that is given '
    'once (42701) and can be compared (42883).';

CREATE FUNCTION etl._require_read_committed()
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_transaction_state',
            MESSAGE = format('etl.dedupe cannot run at isolation level %s', current_setting('transaction_isolation')),
            DETAIL = 'Its snapshot may be older than its lock: the row that it keeps may be gone already.',
            HINT = 'Call it in a transaction of its own that begins with BEGIN ISOLATION LEVEL READ COMMITTED.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_read_committed() IS
    'Checks that each statement sees what was committed before it (25000).';

CREATE FUNCTION etl._require_keep(keep text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF keep IS NULL OR keep NOT IN ('first', 'last', 'most_complete') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN keep IS NULL THEN 'keep must not be NULL' ELSE format('unknown keep "%s"', keep) END,
            DETAIL = 'The known ones are first, last, most_complete.',
            HINT = 'Call etl.dedupe(…, keep => ''last'').';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_keep(text) IS 'Raises (22023) unless keep is first, last or most_complete.';

-- Pieces of the query ------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._dedupe_hash(relation regclass, keys name[])
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hash text := format('hash_record_extended(ROW(%s), 0)', etl._column_list(keys));
BEGIN
    -- One row of NULLs is enough: the hash function of each column's type is looked up before its value.
    EXECUTE format('SELECT %s FROM (SELECT) AS one_row LEFT JOIN %s ON false', hash, relation);
    RETURN hash;
EXCEPTION
    WHEN undefined_function THEN
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._dedupe_hash(regclass, name[]) IS
    'Expression that hashes the keys with the hash functions of their types and collations; NULL when one has none.';

CREATE FUNCTION etl._dedupe_source(relation regclass, keys name[], nulls_equal bool, where_sql text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- IS DISTINCT FROM NULL, for IS NOT NULL asks a composite value for its fields.
    SELECT relation || coalesce(E'\n    WHERE ' || string_agg(condition, ' AND ' ORDER BY position), '')
    FROM (
        SELECT format('%I IS DISTINCT FROM NULL', k.name), k.position
        FROM unnest(keys) WITH ORDINALITY AS k(name, position) WHERE NOT nulls_equal
        UNION ALL
        SELECT format(E'(%s\n)', where_sql), 0 WHERE where_sql IS NOT NULL
    ) AS conditions(condition, position)
$$;
COMMENT ON FUNCTION etl._dedupe_source(regclass, name[], bool, text) IS
    'What stands after FROM: the relation and the conditions that choose the rows that take part.';

CREATE FUNCTION etl._null_count(relation regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- num_nulls() takes 100 arguments, a table may have 1,600 columns.
    SELECT string_agg(format('num_nulls(%s)', names), ' + ' ORDER BY part)
    FROM (
        SELECT attnum / 50, string_agg(format('%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped GROUP BY attnum / 50
    ) AS parts(part, names)
$$;
COMMENT ON FUNCTION etl._null_count(regclass) IS 'Expression that counts the NULL columns of a row.';

CREATE FUNCTION etl._dedupe_order(relation regclass, keep text, order_by name)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(', ',
        CASE WHEN keep = 'most_complete' THEN etl._null_count(relation) END,
        CASE WHEN order_by IS NOT NULL THEN format('%I %s NULLS LAST', order_by, direction) END,
        CASE WHEN etl._has_children(relation) THEN 'tableoid ' || direction END,
        'ctid ' || direction)
    FROM (SELECT CASE keep WHEN 'first' THEN 'ASC' ELSE 'DESC' END) AS d(direction)
$$;
COMMENT ON FUNCTION etl._dedupe_order(regclass, text, name) IS
    'What stands after ORDER BY so that the row to keep is the first of its group.';

-- The three steps ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._find_losers(
    target regclass, keys name[], keep text, order_by name, nulls_equal bool, where_sql text,
    at_most bigint DEFAULT 67000000,
    OUT groups bigint, OUT duplicates bigint, OUT tables oid[], OUT places tid[])
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format($query$
        SELECT count(*) FILTER (WHERE nth = 2), count(*), %s, array_agg(place)
        FROM (
            SELECT tab, place, nth
            FROM (
                SELECT tableoid, ctid, row_number() OVER (PARTITION BY %s ORDER BY %s)
                FROM %s
            ) AS numbered(tab, place, nth)
            WHERE nth > 1
            LIMIT $1 + 1
        ) AS losers
        $query$,
        CASE WHEN etl._has_children(target) THEN 'array_agg(tab)' ELSE 'NULL' END,
        concat_ws(', ', etl._dedupe_hash(target, keys), etl._column_list(keys)),
        etl._dedupe_order(target, keep, order_by),
        etl._dedupe_source(target, keys, nulls_equal, where_sql))
    INTO groups, duplicates, tables, places USING at_most;
    IF duplicates > at_most THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = format('table "%s" has more than %s duplicates', target, at_most),
            DETAIL = 'That is what one call can hold.',
            HINT = 'Dedupe one range of a key after another with where_sql.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._find_losers(regclass, name[], text, name, bool, text, bigint) IS
    'Counts the groups of more than one row and their rows beyond the one to keep, and returns where these lie. '
    'tables is NULL for a table without partitions or children. Raises (54000) where they are more than at_most; an '
    'array that grows to 2^27 places is beyond what PostgreSQL allocates.';

CREATE FUNCTION etl._delete_losers(target regclass, tables oid[], places tid[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
    message text;
    detail text;
    schema_name text;
    table_name text;
    constraint_name text;
BEGIN
    EXECUTE format('DELETE FROM %s AS loser WHERE %s', target, etl._at_losers(target)) USING tables, places;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
EXCEPTION
    WHEN foreign_key_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, schema_name = SCHEMA_NAME,
            table_name = TABLE_NAME, constraint_name = CONSTRAINT_NAME;
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', MESSAGE = message, DETAIL = detail,
            HINT = 'Point the rows that refer to a duplicate at the row to keep first, or leave the referenced rows '
                   'out with where_sql.',
            SCHEMA = schema_name, TABLE = table_name, CONSTRAINT = constraint_name;
END
$$;
COMMENT ON FUNCTION etl._delete_losers(regclass, oid[], tid[]) IS
    'Deletes the rows at the given places and returns how many went. A foreign key that holds one back stays an '
    'error, with a hint.';

-- What users call ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.dedupe(
    target regclass, keys name[], keep text DEFAULT 'last', order_by name DEFAULT NULL,
    nulls_equal bool DEFAULT false, where_sql text DEFAULT NULL, dry_run bool DEFAULT false)
RETURNS TABLE(groups bigint, duplicates bigint, removed bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    losers record;
BEGIN
    PERFORM etl._check_dedupe(target, keys, keep, order_by, nulls_equal, where_sql, dry_run);
    BEGIN
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', target);
        losers := etl._find_losers(target, keys, keep, order_by, nulls_equal, where_sql);
        groups := losers.groups;
        duplicates := losers.duplicates;
        removed := 0;
        IF duplicates > 0 THEN
            PERFORM etl._refuse_cascades(target, losers.tables, losers.places);
            removed := etl._delete_losers(target, losers.tables, losers.places);
        END IF;
        IF dry_run THEN
            RAISE EXCEPTION USING
                ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN NULL;  -- rolled back, counts kept
    END;
    IF removed < duplicates THEN
        RAISE WARNING USING MESSAGE = format('%s of %s duplicates in table "%s" were not deleted',
                                             duplicates - removed, duplicates, target),
            HINT = 'A trigger, a rule or row security held them back.';
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION etl.dedupe(regclass, name[], text, name, bool, text, bool) IS
    'Deletes all rows but one of each group of rows that agree in the key columns. target: ordinary or partitioned '
    'table; the caller needs SELECT and DELETE on it. keys: one column or more; values are equal when the column''s '
    'type and collation say so (numeric 1.0 and 1.00 are). Rows with a NULL key are never duplicates, unless '
    'nulls_equal. keep: which row of a group stays: first or last by order_by, or most_complete, the one with the '
    'fewest NULL columns, and of those the last by order_by. A NULL in order_by loses against any value. Ties, and '
    'all rows without order_by, are decided by the physical order in the table. where_sql: a condition; only rows '
    'for which it is true take part. dry_run: does all of it, triggers included, and rolls it back, so the counts '
    'are those of a real run. Returns groups (keys with more than one row), duplicates (rows beyond the one to '
    'keep), removed (rows deleted). Locks the table against other writers (SHARE ROW EXCLUSIVE) to the end of the '
    'transaction; readers go on. Errors: 42809 not a table, 42501 missing privilege, 22023 no key, unknown keep or a '
    'NULL argument, 42703 unknown column, 42701 key given twice, 42883 values of a column''s type cannot be '
    'compared, 23503 a foreign key points at a row to delete, 25000 isolation level above READ COMMITTED, 54000 more '
    'than 67 million duplicates; for where_sql the error of its text.';

CREATE FUNCTION etl._check_dedupe(
    target regclass, keys name[], keep text, order_by name, nulls_equal bool, where_sql text, dry_run bool)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(nulls_equal, 'nulls_equal');
    PERFORM etl._require_flag(dry_run, 'dry_run');
    PERFORM etl._require_read_committed();
    PERFORM etl._require_table(target, ARRAY['SELECT', 'DELETE']);
    PERFORM etl._require_no_foreign_children(target);
    PERFORM etl._require_keys(target, keys);
    PERFORM etl._require_keep(keep);
    IF order_by IS NOT NULL THEN
        PERFORM etl._require_ordering(target, order_by, 'order_by column');
    END IF;
    IF where_sql IS NOT NULL THEN
        PERFORM etl._require_condition(target, where_sql);
    END IF;
    IF row_security_active(target) THEN
        RAISE NOTICE 'row security is active on table "%": only rows that role "%" may see take part',
            target, current_user;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_dedupe(regclass, name[], text, name, bool, text, bool) IS
    'Checks the arguments of etl.dedupe before anything is locked.';

CREATE FUNCTION etl.duplicates(
    target regclass, keys name[], nulls_equal bool DEFAULT false, where_sql text DEFAULT NULL)
RETURNS TABLE(key jsonb, rows bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._check_duplicates(target, keys, nulls_equal, where_sql);
    -- The columns are renamed inside, so that no key's name meets that of the count.
    RETURN QUERY EXECUTE format($query$
        SELECT (SELECT to_jsonb(k.*) FROM (SELECT %s) AS k), g.n
        FROM (SELECT %s, count(*) FROM %s GROUP BY %s HAVING count(*) > 1) AS g(%s, n)
        ORDER BY 2 DESC, 1
        $query$,
        (SELECT string_agg(format('g.k%s AS %I', position, name), ', ' ORDER BY position)
         FROM unnest(keys) WITH ORDINALITY AS k(name, position)),
        etl._column_list(keys),
        etl._dedupe_source(target, keys, nulls_equal, where_sql),
        etl._column_list(keys),
        (SELECT string_agg('k' || position, ', ' ORDER BY position) FROM generate_subscripts(keys, 1) AS position));
END
$$;
COMMENT ON FUNCTION etl.duplicates(regclass, name[], bool, text) IS
    'Lists the groups that etl.dedupe would reduce to one row, the largest first, and changes nothing. Returns the '
    'key columns and their values as a jsonb object, and the number of rows of the group. Arguments and errors are '
    'those of etl.dedupe; the caller needs SELECT.';

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
