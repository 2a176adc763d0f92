-- Exact deduplication of a table in place.
--
-- All of it is one transaction's work, under a lock that keeps other writers out (SHARE ROW EXCLUSIVE):
--   1. find the rows that are not kept, by place (losers.sql),
--   2. of so many at a time: look whether deleting them would carry rows of other tables away (etl._refuse_cascades),
--      point the rows of other tables at the row that is kept where that is wished (etl._repoint), delete them by
--      place, and write them down in the same statement (etl._remove_rows).
-- The places wait in a cursor, which lies on disk past work_mem, so their number has no limit. They come table by table
-- and in their order, so that each page is visited once.

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

CREATE FUNCTION etl._require_keep(keep text, known text[] DEFAULT '{first,last,most_complete,any,merge}')
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF keep IS NULL OR keep <> ALL (known) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN keep IS NULL THEN 'keep must not be NULL' ELSE format('unknown keep "%s"', keep) END,
            DETAIL = format('The known ones are %s.', array_to_string(known, ', ')),
            HINT = 'Say keep => ''last''.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_keep(text, text[]) IS 'Raises (22023) unless keep is one of the known ones.';

CREATE FUNCTION etl._require_batch_rows(batch_rows int)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF batch_rows IS NULL OR batch_rows < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('batch_rows must be at least 1, not %s', coalesce(batch_rows::text, 'NULL')),
            HINT = 'It is how many rows one statement deletes; leave it out to have 100000.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_batch_rows(int) IS 'Raises (22023) unless a batch has at least one row.';

CREATE FUNCTION etl._check_dedupe(
    target regclass, keys name[], keep text, order_by name, nulls_equal bool, where_sql text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(nulls_equal, 'nulls_equal');
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
COMMENT ON FUNCTION etl._check_dedupe(regclass, name[], text, name, bool, text) IS
    'Checks what etl.dedupe shall find before anything is locked.';

CREATE FUNCTION etl._require_auditable(target regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    detail text;
BEGIN
    PERFORM etl._require_no_wider_children(target);
EXCEPTION
    WHEN wrong_object_type THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type', MESSAGE = message, DETAIL = detail,
            HINT = 'Call with audit => false, which deletes them without writing them down.';
END
$$;
COMMENT ON FUNCTION etl._require_auditable(regclass) IS
    'Raises (42809) when a child of the table has columns of its own, which an audit by way of the parent would lose.';

CREATE FUNCTION etl._check_removal(target regclass, audit bool, batch_rows int, dry_run bool, repoint regclass[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(audit, 'audit');
    PERFORM etl._require_flag(dry_run, 'dry_run');
    PERFORM etl._require_batch_rows(batch_rows);
    IF audit THEN
        PERFORM etl._require_auditable(target);
    END IF;
    PERFORM etl._check_repoint(target, repoint, audit);
END
$$;
COMMENT ON FUNCTION etl._check_removal(regclass, bool, int, bool, regclass[]) IS
    'Checks how etl.dedupe shall remove what it finds.';

-- Deleting ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._at_places(relation regclass, tab oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- What a partition's rows have in common keeps the planner away from the other partitions. Places that it does not
    -- see beforehand it takes for few, and goes straight to them: they are in order, so that is never worse than a scan.
    SELECT concat_ws(' AND ',
        CASE WHEN etl._has_children(relation) THEN pg_get_partition_constraintdef(tab) END,
        CASE WHEN etl._has_children(relation) THEN format('loser.tableoid = %s::oid', tab) END,
        'loser.ctid = ANY ((SELECT $1)::tid[])')
$$;
COMMENT ON FUNCTION etl._at_places(regclass, oid) IS
    'Condition on the alias "loser" of a relation: the row lies at one of the places $1 (tid[]) of one table of it.';

CREATE FUNCTION etl._delete_rows(target regclass, tab oid, places tid[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
BEGIN
    EXECUTE format('DELETE FROM %s AS loser WHERE %s', target, etl._at_places(target, tab)) USING places;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION etl._delete_rows(regclass, oid, tid[]) IS
    'Deletes the rows at these places of one table of the target, and returns how many went.';

CREATE FUNCTION etl._remove_rows(run bigint, target regclass, tab oid, places tid[], kept jsonb[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
BEGIN
    EXECUTE format($query$
        WITH gone AS (
            DELETE FROM %s AS loser WHERE %s
            RETURNING loser.ctid AS place, etl._row_as_texts(loser.*) AS "row"
        )
        INSERT INTO etl.removed_duplicate (run_id, "row", survivor)
        SELECT $3, g."row", k.kept FROM gone AS g JOIN unnest($1, $2) AS k(place, kept) ON k.place = g.place
        $query$, target, etl._at_places(target, tab)) USING places, kept, run;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION etl._remove_rows(bigint, regclass, oid, tid[], jsonb[]) IS
    'Moves the rows at these places of one table of the target to the audit of a run, in one statement, each with what '
    'tells the row that was kept; returns how many went.';

CREATE FUNCTION etl._remove_batch(
    run bigint, target regclass, audit bool, tab oid, places tid[], kept jsonb[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    detail text;
    schema_name text;
    table_name text;
    constraint_name text;
BEGIN
    PERFORM etl._refuse_cascades(target, CASE WHEN etl._has_children(target)
                                              THEN array_fill(tab, ARRAY[cardinality(places)]) END, places);
    RETURN CASE WHEN audit THEN etl._remove_rows(run, target, tab, places, kept)
                ELSE etl._delete_rows(target, tab, places) END;
EXCEPTION
    WHEN foreign_key_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, schema_name = SCHEMA_NAME,
            table_name = TABLE_NAME, constraint_name = CONSTRAINT_NAME;
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', MESSAGE = message, DETAIL = detail,
            HINT = format('Point the rows that refer to a duplicate at the row to keep with repoint => ''{%s}'', or '
                          'leave the referenced rows out with where_sql.', format('%I.%I', schema_name, table_name)),
            SCHEMA = schema_name, TABLE = table_name, CONSTRAINT = constraint_name;
END
$$;
COMMENT ON FUNCTION etl._remove_batch(bigint, regclass, bool, oid, tid[], jsonb[]) IS
    'Removes the rows at these places of one table of the target and returns how many went. A foreign key that holds '
    'one back stays an error, with a hint.';

CREATE FUNCTION etl._next_losers(losers refcursor, rows int)
RETURNS TABLE(nth bigint, tab oid, place tid, kept_tab oid, kept_place tid, kept jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format('FETCH FORWARD %s FROM %I', rows, losers);
END
$$;
COMMENT ON FUNCTION etl._next_losers(refcursor, int) IS 'The next rows of a cursor over etl._losers.';

CREATE FUNCTION etl._remove_losers(
    run bigint, target regclass, audit bool, batch_rows int, repoint regclass[], losers refcursor,
    OUT groups bigint, OUT duplicates bigint, OUT removed bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch record;
    fetched bigint := batch_rows;
BEGIN
    groups := 0;
    duplicates := 0;
    removed := 0;
    WHILE fetched = batch_rows LOOP
        fetched := 0;
        FOR batch IN
            SELECT n.tab, count(*) AS rows, count(*) FILTER (WHERE n.nth = 2) AS groups, array_agg(n.place) AS places,
                   array_agg(n.kept_tab) AS kept_tables, array_agg(n.kept_place) AS kept_places,
                   array_agg(n.kept) AS kept
            FROM etl._next_losers(losers, batch_rows) AS n GROUP BY n.tab ORDER BY n.tab
        LOOP
            fetched := fetched + batch.rows;
            groups := groups + batch.groups;
            PERFORM etl._repoint(run, target, audit, repoint, batch.tab, batch.places, batch.kept_tables,
                                 batch.kept_places);
            removed := removed + etl._remove_batch(run, target, audit, batch.tab, batch.places, batch.kept);
        END LOOP;
        duplicates := duplicates + fetched;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._remove_losers(bigint, regclass, bool, int, regclass[], refcursor) IS
    'Removes the rows of a cursor over etl._losers, so many at a time. Returns how many groups and rows there were, '
    'and how many rows went.';

-- What users call ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.dedupe(
    target regclass, keys name[], keep text DEFAULT 'last', order_by name DEFAULT NULL,
    nulls_equal bool DEFAULT false, where_sql text DEFAULT NULL, audit bool DEFAULT true,
    batch_rows int DEFAULT 100000, dry_run bool DEFAULT false, repoint regclass[] DEFAULT NULL,
    rules jsonb DEFAULT NULL)
RETURNS TABLE(groups bigint, duplicates bigint, removed bigint, run bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    losers refcursor;
    finished bool := false;
BEGIN
    PERFORM etl._check_dedupe(target, keys, keep, order_by, nulls_equal, where_sql);
    PERFORM etl._check_removal(target, audit, batch_rows, dry_run, repoint);
    PERFORM etl._check_merge(target, keys, keep, order_by, rules);
    BEGIN
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', target);
        PERFORM etl._lock_references(repoint);
        run := etl._start_dedupe(target, keys, keep, order_by, nulls_equal, where_sql, audit);
        IF keep = 'merge' THEN
            PERFORM etl._start_merge(run, target, keys, order_by, nulls_equal, where_sql, rules);
        END IF;
        OPEN losers FOR
            SELECT * FROM etl._losers(target, keys, keep, order_by, nulls_equal, where_sql,
                                      CASE WHEN audit THEN etl._identity(target) ELSE '{}' END,
                                      repoint IS NOT NULL);
        SELECT r.groups, r.duplicates, r.removed INTO groups, duplicates, removed
        FROM etl._remove_losers(run, target, audit, batch_rows, repoint, losers) AS r;
        CLOSE losers;
        IF keep = 'merge' THEN
            PERFORM etl._finish_merge(run, target, audit);
        END IF;
        PERFORM etl._finish_dedupe(run, groups, duplicates, removed);
        finished := true;
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN -- rolled back, counts kept
            IF NOT (dry_run AND finished) THEN
                RAISE; -- of a trigger of the table
            END IF;
            run := NULL;
    END;
    IF removed < duplicates THEN
        RAISE WARNING USING MESSAGE = format('%s of %s duplicates in table "%s" were not deleted',
                                             duplicates - removed, duplicates, target),
            HINT = 'A trigger, a rule or row security held them back.';
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION etl.dedupe(regclass, name[], text, name, bool, text, bool, int, bool, regclass[], jsonb) IS
    'Deletes all rows but one of each group of rows that agree in the key columns. target: ordinary or partitioned '
    'table; the caller needs SELECT and DELETE on it. keys: one column or more; values are equal when the column''s '
    'type and collation say so (numeric 1.0 and 1.00 are). Rows with a NULL key are never duplicates, unless '
    'nulls_equal. keep: which row of a group stays: first or last by order_by; most_complete, the one with the fewest '
    'NULL columns, and of those the last by order_by; any, which costs least; merge, the last by order_by, which '
    'takes values of the others by rules, those of etl.golden (by default of each column the last value that is not '
    'NULL). A NULL in order_by loses against any value. Ties, and all rows without order_by, are decided by the '
    'physical order in the table. where_sql: a condition; only rows for which it is true take part. audit: whether '
    'the rows deleted are written down in etl.removed_duplicates, from where etl.undo_dedupe puts them back. '
    'batch_rows: how many rows one statement deletes; all are of one transaction. dry_run: does all of it, triggers '
    'included, and rolls it back, so the counts are those of a real run. repoint: tables whose foreign keys to rows '
    'that are deleted shall be pointed at the row that stays. rules: for keep => merge. Returns groups (keys with '
    'more than one row), duplicates (rows beyond the one to keep), removed (rows deleted), run (the number for '
    'etl.undo_dedupe; NULL for a dry run). Locks the table against other writers (SHARE ROW EXCLUSIVE) to the end of '
    'the transaction; readers go on. Errors: 42809 not a table, 42501 missing privilege, 22023 no key, unknown keep '
    'or a NULL argument, 42703 unknown column, 42701 key given twice, 42883 values of a column''s type cannot be '
    'compared, 23503 a foreign key points at a row to delete, 23505 repoint breaks a unique key, 55000 repoint of a '
    'table without a primary key, 0A000 of the table itself, 09000 a trigger keeps a merged row from being stored, '
    '25000 isolation level above READ COMMITTED; for where_sql the error of its text.';

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
    'those of etl.dedupe; the caller needs SELECT.';
