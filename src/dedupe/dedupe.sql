-- Exact deduplication of a table in place.
--
-- All of it is one transaction's work, under a lock that keeps other writers out (etl._lock_deduplicated):   1. find
-- the rows that are not kept, by place (losers.sql),   2. of so many at a time: look whether deleting them would carry
-- rows of other tables away (etl._refuse_cascades),      point the rows of other tables at the row that is kept where
-- that is wished (etl._repoint), delete them by      place, and write them down in the same statement
-- (etl._remove_rows); where there are triggers on DELETE, look      whether the rows to keep are still there
-- (etl._require_survivors). Statements that reach rows of users run with the role locked: what a table brings along
-- (triggers, policies, defaults) may be another role's, and must not become who logged in. The places wait in a
-- cursor, which lies on disk past work_mem, so their number has no limit. They come table by table and in their order,
-- so that each page is visited once.

-- Deleting ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._at_places(relation regclass, tab oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- What a partition's rows have in common keeps the planner away from the other partitions. Places that it does not
    -- see beforehand it takes for few, and goes straight to them: in order, that is never worse than a scan.
    SELECT concat_ws(' AND ',
        CASE WHEN etl._has_children(relation) THEN pg_get_partition_constraintdef(tab) END,
        CASE WHEN etl._has_children(relation) THEN format('loser.tableoid = %s::oid', tab) END,
        'loser.ctid = ANY ((SELECT $1)::tid[])')
$$;
COMMENT ON FUNCTION etl._at_places(regclass, oid) IS
    'Condition on the alias "loser" of a relation: the row lies at one of the places $1 (tid[]) of one table of it.';

CREATE FUNCTION etl._delete_rows(target regclass, tab oid, places tid[])
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._locked_command(format('DELETE FROM %s AS loser WHERE %s', target, etl._at_places(target, tab)), places)
$$;
COMMENT ON FUNCTION etl._delete_rows(regclass, oid, tid[]) IS
    'Deletes the rows at these places of one table of the target, and returns how many went.';

CREATE FUNCTION etl._remove_rows(run bigint, target regclass, tab oid, places tid[], kept jsonb[], guarded name[])
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._locked_change(
        format($query$
            WITH gone AS (
                DELETE FROM %s AS loser WHERE %s
                RETURNING loser.ctid AS place, etl._row_as_texts(loser.*) AS "row"
            ), written AS (
                INSERT INTO etl.removed_duplicate (run_id, child, "row", survivor)
                SELECT $3, $4, g."row", nullif(k.kept - $5, '{}')
                FROM gone AS g JOIN unnest($1, $2) AS k(place, kept) ON k.place = g.place
                RETURNING 1
            )
            SELECT count(*) FROM written
            $query$, target, etl._at_places(target, tab)),
        NULL::bigint, places, kept, run, etl._name_of_child(target, tab),
        ARRAY(SELECT unnest(guarded) EXCEPT SELECT unnest(etl._identity(target)))::text[])
$$;
COMMENT ON FUNCTION etl._remove_rows(bigint, regclass, oid, tid[], jsonb[], name[]) IS
    'Moves the rows at these places of one table of the target to the audit of a run, in one statement, each with '
    'what tells the row that was kept; returns how many went.';

CREATE FUNCTION etl._remove_batch(
    run bigint, target regclass, audit bool, tab oid, places tid[], kept jsonb[], guarded name[])
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
    RETURN CASE WHEN audit THEN etl._remove_rows(run, target, tab, places, kept, guarded)
                ELSE etl._delete_rows(target, tab, places) END;
EXCEPTION
    WHEN foreign_key_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, schema_name = SCHEMA_NAME,
            table_name = TABLE_NAME, constraint_name = CONSTRAINT_NAME;
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', MESSAGE = message, DETAIL = detail,
            HINT = etl._way_out_of_reference(target, format('%I.%I', schema_name, table_name)),
            SCHEMA = schema_name, TABLE = table_name, CONSTRAINT = constraint_name;
END
$$;
COMMENT ON FUNCTION etl._remove_batch(bigint, regclass, bool, oid, tid[], jsonb[], name[]) IS
    'Removes the rows at these places of one table of the target and returns how many went. A foreign key that holds '
    'one back stays an error, with a hint.';

CREATE FUNCTION etl._way_out_of_reference(target regclass, referring text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN to_regclass(referring) IN (SELECT etl._family(target))
        THEN 'Point the rows of this table that refer to a duplicate at the row to keep with UPDATE before the call, '
             'or leave the referenced rows out with where_sql.'
        ELSE format('Point the rows that refer to a duplicate at the row to keep with repoint => ''{%s}'', or leave '
                    'the referenced rows out with where_sql.', referring) END
$$;
COMMENT ON FUNCTION etl._way_out_of_reference(regclass, text) IS
    'A hint for a duplicate to which a table refers, which may be the target itself.';

-- The rows that stay, where triggers might not let them ---------------------------------------------------------------

CREATE FUNCTION etl._guarded_keys(target regclass, keys name[])
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN etl._has_trigger(target, 8)
             OR EXISTS (SELECT FROM pg_rewrite AS r
                        WHERE r.ev_class = target AND r.ev_type = '4' AND r.ev_enabled <> 'D') THEN keys
        ELSE '{}' END
$$;
COMMENT ON FUNCTION etl._guarded_keys(regclass, name[]) IS
    'The keys, where triggers or rules on DELETE might change the rows that stay; otherwise none.';

CREATE FUNCTION etl._told_of_survivors(target regclass, audit bool, guarded name[])
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT unnest(etl._identity(target)) WHERE audit UNION SELECT unnest(guarded))
$$;
COMMENT ON FUNCTION etl._told_of_survivors(regclass, bool, name[]) IS
    'The columns that are needed of the row that stays: the primary key for the audit, and keys that are guarded.';

CREATE FUNCTION etl._key_without_row(target regclass, keys name[], kept jsonb[])
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET lc_monetary = 'C'
AS $$
    SELECT etl._locked_value(
        (SELECT format($query$
            SELECT (SELECT etl._row_as_texts(lost.*) FROM (
                SELECT %1$s FROM unnest($1) AS k("row") CROSS JOIN LATERAL jsonb_to_record(k."row") AS j(%2$s)
                EXCEPT
                SELECT %3$s FROM %4$s AS t
                LIMIT 1) AS lost)
            $query$,
            string_agg(format('j.%I', a.attname)
                       || CASE WHEN a.attcollation <> 0 THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END,
                       ', ' ORDER BY k.position),
            string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY k.position),
            string_agg(format('t.%I', a.attname), ', ' ORDER BY k.position),
            target)
         FROM unnest(keys) WITH ORDINALITY AS k(name, position)
         JOIN pg_attribute AS a ON a.attrelid = target AND a.attname = k.name),
        NULL::jsonb, kept)
$$;
COMMENT ON FUNCTION etl._key_without_row(regclass, name[], jsonb[]) IS
    'One of these keys that no row of the target has; NULL if there is none.';

CREATE FUNCTION etl._require_survivors(
    target regclass, guarded name[], kept_tables oid[], kept_places tid[], kept jsonb[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved jsonb[];
    lost jsonb;
BEGIN
    IF guarded = '{}' THEN
        RETURN;
    END IF;
    moved := etl._locked_value(format($query$
        SELECT array_agg(DISTINCT k.kept)
        FROM unnest((SELECT $1), (SELECT $2), (SELECT $3)) AS k(tab, place, kept) -- see etl._at_places
        WHERE NOT EXISTS (SELECT FROM %s AS t WHERE t.ctid = k.place AND t.tableoid = k.tab)
        $query$, target), NULL::jsonb[], kept_tables, kept_places, kept);
    lost := CASE WHEN moved IS NOT NULL THEN etl._key_without_row(target, guarded, moved) END;
    IF lost IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'triggered_action_exception',
            MESSAGE = format('no row of table "%s" is left with the key %s', target, lost),
            DETAIL = 'A trigger or a rule of the table deletes the row to keep, or gives it another key; nothing was '
                     'changed.',
            HINT = 'Disable it for the time of the call, or leave the key out with where_sql.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_survivors(regclass, name[], oid[], tid[], jsonb[]) IS
    'Raises (09000) when a row to keep is gone from its place, and no other row has its key. Without guarded keys '
    'nothing is looked at.';

-- All of them ---------------------------------------------------------------------------------------------------------

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
    run bigint, target regclass, audit bool, batch_rows int, repoint regclass[], guarded name[], losers refcursor,
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
            removed := removed + etl._remove_batch(run, target, audit, batch.tab, batch.places, batch.kept, guarded);
            PERFORM etl._require_survivors(target, guarded, batch.kept_tables, batch.kept_places, batch.kept);
        END LOOP;
        duplicates := duplicates + fetched;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._remove_losers(bigint, regclass, bool, int, regclass[], name[], refcursor) IS
    'Removes the rows of a cursor over etl._losers, so many at a time. Returns how many groups and rows there were, '
    'and how many rows went.';

CREATE FUNCTION etl._lock_deduplicated(target regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Who refers to a row holds ROW SHARE on its table to the end of the transaction, which only EXCLUSIVE waits for.
    -- Where the foreign key would not raise an error, its row must be seen.
    IF NOT EXISTS (SELECT FROM etl._cascades(target)) THEN
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', target);
    END IF;
    -- Once more: under that lock no foreign key comes.
    IF EXISTS (SELECT FROM etl._cascades(target)) THEN
        EXECUTE format('LOCK TABLE %s IN EXCLUSIVE MODE', target);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._lock_deduplicated(regclass) IS
    'Keeps other writers out of the table, and, where a foreign key would pass a DELETE on, those of the tables that '
    'refer to it.';

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
    guarded name[];
    free_rows text; -- the condition, and that no legal hold stands on the row
    finished bool := false;
BEGIN
    PERFORM etl._check_dedupe(target, keys, keep, order_by, nulls_equal, where_sql);
    PERFORM etl._check_removal(target, audit, batch_rows, dry_run, repoint);
    PERFORM etl._check_merge(target, keys, keep, order_by, rules);
    BEGIN
        PERFORM etl._lock_holds();
        PERFORM etl._lock_deduplicated(target);
        PERFORM etl._lock_references(repoint);
        free_rows := etl._free_rows(target, where_sql);
        guarded := etl._guarded_keys(target, keys);
        run := etl._start_dedupe(target, keys, keep, order_by, nulls_equal, where_sql, audit, repoint);
        IF keep = 'merge' THEN
            PERFORM etl._start_merge(run, target, keys, order_by, nulls_equal, free_rows, rules);
        END IF;
        OPEN losers FOR
            SELECT * FROM etl._losers(target, keys, keep, order_by, nulls_equal, free_rows,
                                      etl._told_of_survivors(target, audit, guarded),
                                      repoint IS NOT NULL OR guarded <> '{}');
        SELECT r.groups, r.duplicates, r.removed INTO groups, duplicates, removed
        FROM etl._remove_losers(run, target, audit, batch_rows, repoint, guarded, losers) AS r;
        CLOSE losers;
        IF keep = 'merge' THEN
            PERFORM etl._finish_merge(run, target, audit);
        END IF;
        PERFORM etl._finish_dedupe(run, groups, duplicates, removed);
        PERFORM etl._tell_held(target, where_sql);
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
    'etl.undo_dedupe; NULL for a dry run). Locks the table against other writers (SHARE ROW EXCLUSIVE; EXCLUSIVE '
    'where a foreign key to it has ON DELETE CASCADE, SET NULL or SET DEFAULT) to the end of the transaction; readers '
    'go on. Rows under a legal hold take no part, and a notice says how many there are. Errors: 42809 not a table, '
    '42501 missing privilege, 22023 no key, more than 90, unknown keep or a NULL argument, 42703 unknown column, '
    '42701 key given twice, 42883 values of a column''s type cannot be compared, 23503 a foreign key points at a row '
    'to delete, or repoint would point at NULL, 23505 repoint breaks a unique key, 55000 an immutable table, a row '
    'under a legal hold that repoint would change, or repoint of a table without a primary key, 0A000 repoint of the '
    'table itself, or a rule rewrites what shall be written down, 09000 a trigger keeps a merged row from being '
    'stored, or takes the last row of a key away, 25000 isolation level above READ COMMITTED; for where_sql the error '
    'of its text.';
