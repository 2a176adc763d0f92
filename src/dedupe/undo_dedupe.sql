-- The way back from what etl.dedupe removed and changed, and forgetting what need not come back.

CREATE FUNCTION etl._undoable_run(run bigint)
RETURNS etl.dedupe_run
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found etl.dedupe_run;
BEGIN
    SELECT * INTO found FROM etl.dedupe_run AS r WHERE r.run_id = run AND r.owner = current_user FOR UPDATE;
    IF found.run_id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('run %s of etl.dedupe does not exist', coalesce(run::text, 'NULL')),
            DETAIL = 'It may be another role''s, or pruned.',
            HINT = 'SELECT * FROM etl.dedupe_runs; lists yours.';
    ELSIF found.undone_at IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('run %s of etl.dedupe was undone at %s', run, found.undone_at),
            HINT = 'Nothing is left to put back.';
    ELSIF NOT found.audit THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('run %s of etl.dedupe kept no audit', run),
            DETAIL = 'It was called with audit => false.',
            HINT = 'The rows are gone; restore them from a backup.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._undoable_run(bigint) IS
    'The record of a run, locked: 42704 there is none, 55000 it was undone or kept no audit.';

CREATE FUNCTION etl._put_back_query(relation regclass, keys text[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- What a trigger makes of a row is compared with the row, where there is one.
    SELECT format($query$
        WITH p AS MATERIALIZED (
            DELETE FROM etl.removed_duplicate AS d
            WHERE d.run_id = $1 AND d.owner = current_user AND d.child IS NOT DISTINCT FROM $3
              AND ($4 OR etl._json_keys(d."row") = $2)
            RETURNING d."row"
        ), made AS (
            SELECT l.r FROM p CROSS JOIN LATERAL (%1$s) AS l
        ), stored AS (
            INSERT INTO %2$s AS t (%3$s) OVERRIDING SYSTEM VALUE
            SELECT %4$s FROM made AS l
            RETURNING %5$s AS texts
        )
        SELECT ARRAY[(SELECT count(*) FROM p), (SELECT count(*) FROM stored), (%6$s)]
        $query$, etl._released_row(relation, keys), relation, c.names, c."values",
        CASE WHEN may_differ THEN 'etl._row_as_texts(t.*)' ELSE 'NULL::jsonb' END,
        CASE WHEN may_differ THEN 'SELECT count(*) FROM (SELECT s.texts - $5 FROM stored AS s '
                                  'EXCEPT ALL SELECT etl._row_as_texts(l.r) - $5 FROM made AS l) AS other'
             ELSE '0 * cardinality($5)' END)
    FROM etl._released_columns(relation, keys, false) AS c
    CROSS JOIN etl._has_trigger(relation, 7) AS may_differ -- before each row that is inserted
$$;
COMMENT ON FUNCTION etl._put_back_query(regclass, text[]) IS
    'A query that moves rows with these columns from the audit back into a table: how many there were, how many were '
    'stored, and how many of these with other values (bigint[]). Parameters: run, the columns, the child as recorded, '
    'whether there are no rows with other columns, and the generated columns.';

CREATE FUNCTION etl._put_back_rows(run bigint, relation regclass, child text, keys text[], is_only bool)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET lc_monetary = 'C'
AS $$
DECLARE
    counts bigint[]; -- wanted, stored, stored otherwise
BEGIN
    PERFORM etl._require_table(relation, ARRAY['SELECT', 'INSERT']);
    PERFORM etl._require_no_rule(relation, '3', 'To put rows back,');
    PERFORM etl._require_kept_columns(relation, keys);
    counts := etl._locked_change(
        etl._put_back_query(relation, keys), NULL::bigint[], run, keys, child, is_only,
        ARRAY(SELECT a.attname::text FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attgenerated <> ''));
    IF counts[2] < counts[1] OR counts[3] > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'triggered_action_exception',
            MESSAGE = CASE WHEN counts[2] < counts[1]
                THEN format('%s of %s rows were held back from table "%s"', counts[1] - counts[2], counts[1], relation)
                ELSE format('%s of %s rows came back into table "%s" with other values', counts[3], counts[1], relation)
                END,
            DETAIL = CASE WHEN counts[2] < counts[1] THEN 'A trigger keeps them out; nothing was changed.'
                          ELSE 'A trigger BEFORE INSERT changes them; nothing was changed.' END,
            HINT = format('Disable it for the time of the call: ALTER TABLE %s DISABLE TRIGGER …;', relation);
    END IF;
    RETURN counts[2];
END
$$;
COMMENT ON FUNCTION etl._put_back_rows(bigint, regclass, text, text[], bool) IS
    'Moves the rows of a run with these columns from the audit back into a table, and returns how many. 09000 where a '
    'trigger does not let them be what they were, 0A000 where a rule rewrites INSERT.';

CREATE FUNCTION etl._put_back_removed(run bigint, target regclass)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shape record;
    total bigint := 0;
BEGIN
    FOR shape IN
        SELECT s.child, s.keys, count(*) OVER (PARTITION BY s.child) = 1 AS is_only
        FROM (SELECT DISTINCT d.child, etl._json_keys(d."row") FROM etl.removed_duplicate AS d
              WHERE d.run_id = run AND d.owner = current_user) AS s(child, keys)
    LOOP
        total := total + etl._put_back_rows(run, etl._child_of_run(target, shape.child), shape.child, shape.keys,
                                            shape.is_only);
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._put_back_removed(bigint, regclass) IS
    'Moves the rows of a run from the audit back into the tables that had them, and returns how many.';

CREATE FUNCTION etl._change_back(run bigint, relation regclass, name text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET lc_monetary = 'C'
AS $$
DECLARE
    shape record;
    counts bigint[]; -- wanted, changed, changed as wanted
    total bigint := 0;
BEGIN
    FOR shape IN SELECT * FROM etl._changed_columns(run, relation, name) LOOP
        PERFORM etl._require_table(relation, ARRAY['SELECT', 'UPDATE']);
        PERFORM etl._require_no_rule(relation, '2', 'To change rows back,');
        PERFORM etl._require_kept_columns(relation, shape.keys);
        counts := etl._locked_change(etl._change_query(relation, shape.keys, shape.changed, 'after', 'before'),
                                     NULL::bigint[], run, name, shape.step, shape.keys, false, shape.unchanged);
        IF counts[2] <> counts[1] THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('%s of %s rows of table "%s" are no longer as etl.dedupe left them',
                                 counts[1] - counts[2], counts[1], relation),
                DETAIL = format('They were changed or deleted since run %s, or are under a legal hold; nothing was '
                                'undone.', run),
                HINT = format('SELECT * FROM etl.dedupe_changes WHERE run = %s; shows what they were. Delete from '
                              'etl.dedupe_change what shall stay as it is, and call again.', run);
        ELSIF counts[3] <> counts[2] THEN
            RAISE EXCEPTION USING
                ERRCODE = 'triggered_action_exception',
                MESSAGE = format('%s of %s rows of table "%s" did not take their former values',
                                 counts[2] - counts[3], counts[2], relation),
                DETAIL = 'A trigger BEFORE UPDATE changes them; nothing was undone.',
                HINT = format('Disable it for the time of the call: ALTER TABLE %s DISABLE TRIGGER …;', relation);
        END IF;
        total := total + counts[2];
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._change_back(bigint, regclass, text) IS
    'Gives the rows of one table that a run changed, and recorded under this name, their former values. 55000 where '
    'one of them has changed since, 09000 where a trigger does not let it be what it was.';

CREATE FUNCTION etl._undo_changes_elsewhere(undone etl.dedupe_run)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
    total bigint := 0;
BEGIN
    FOR other IN
        SELECT DISTINCT u.name, u.id FROM unnest(undone.repointed, undone.repointed_ids) AS u(name, id)
        WHERE EXISTS (SELECT FROM etl.dedupe_change AS d
                      WHERE d.run_id = undone.run_id AND d.owner = current_user AND d.relation = u.name)
        ORDER BY 1
    LOOP
        total := total + etl._change_back(
            undone.run_id,
            etl._recorded_table(other.name, other.id, undone.database_id,
                format('which run %s of etl.dedupe has changed rows', undone.run_id),
                format('DELETE FROM etl.dedupe_change WHERE run_id = %s AND relation = %L; leaves it out.',
                       undone.run_id, other.name)),
            other.name);
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._undo_changes_elsewhere(etl.dedupe_run) IS
    'Points rows of the tables that a run repointed back at the rows that it removed.';

CREATE FUNCTION etl._undo_run(undone etl.dedupe_run, OUT put_back bigint, OUT changed_back bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT regclass := etl._table_of_run(undone);
    message text;
    detail text;
    constraint_name text;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT', 'INSERT']);
    -- Rows that got values of others give these up before the others come back, and are referred to after it.
    changed_back := etl._change_back(undone.run_id, target, NULL);
    put_back := etl._put_back_removed(undone.run_id, target);
    changed_back := changed_back + etl._undo_changes_elsewhere(undone);
    DELETE FROM etl.dedupe_change AS c
    WHERE c.run_id = undone.run_id AND c.owner = current_user; -- those that changed nothing
    UPDATE etl.dedupe_run AS r SET undone_at = clock_timestamp()
    WHERE r.run_id = undone.run_id AND r.owner = current_user;
EXCEPTION
    WHEN unique_violation OR exclusion_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
            constraint_name = CONSTRAINT_NAME;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE, MESSAGE = message, DETAIL = detail,
            HINT = 'Delete the row that is in the way or drop the key, and undo again; nothing was put back.',
            CONSTRAINT = constraint_name;
END
$$;
COMMENT ON FUNCTION etl._undo_run(etl.dedupe_run) IS 'Undoes a run of which nothing is undone yet.';

CREATE FUNCTION etl.undo_dedupe(run bigint, dry_run bool DEFAULT false)
RETURNS TABLE(put_back bigint, changed_back bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    finished bool := false;
BEGIN
    PERFORM etl._require_flag(dry_run, 'dry_run');
    BEGIN
        PERFORM etl._lock_holds();
        SELECT u.put_back, u.changed_back INTO put_back, changed_back FROM etl._undo_run(etl._undoable_run(run)) AS u;
        finished := true;
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN -- rolled back, counts kept
            IF NOT (dry_run AND finished) THEN
                RAISE; -- of a trigger of the table
            END IF;
    END;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION etl.undo_dedupe(bigint, bool) IS
    'Takes back what a call of etl.dedupe did: puts the rows that it deleted back, to the letter, and gives rows that '
    'it changed (repoint, keep => merge) their former values. Arguments: run, the number that etl.dedupe returned; '
    'dry_run, does all of it and rolls it back. Generated columns are computed anew, identity columns keep their '
    'values, columns added since have their defaults. Tables are found again by whatever name they have, in a restored '
    'database by the one that they had. Returns the rows put back and those changed back. Errors: 42704 no such run, '
    '55000 it was undone already, kept no audit, a row that it changed has changed since, or another table has taken '
    'the name, 42P01 the table is gone, 42703 it has lost a column, 42501 without SELECT and INSERT on the table or '
    'UPDATE on what was changed, 23505 a row stands in the way, 23503 and others as INSERT raises them, 09000 a '
    'trigger holds rows back or gives them other values, 0A000 a rule rewrites INSERT or UPDATE; then nothing has '
    'changed.';

CREATE FUNCTION etl.prune_removed_duplicates(
    older_than interval, as_of timestamptz DEFAULT now(), dry_run bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    runs bigint[];
    pruned bigint;
BEGIN
    PERFORM etl._require_positive(older_than, 'older_than');
    PERFORM etl._require_moment(as_of, 'as_of');
    PERFORM etl._require_flag(dry_run, 'dry_run');
    -- Run first, then rows, as etl.undo_dedupe locks them.
    runs := ARRAY(SELECT r.run_id FROM etl.dedupe_run AS r
                  WHERE r.owner = current_user AND r.run_at < as_of - older_than
                  ORDER BY r.run_id FOR UPDATE);
    SELECT count(*) INTO pruned FROM etl.removed_duplicate AS d WHERE d.run_id = ANY (runs) AND d.owner = current_user;
    IF NOT dry_run THEN
        DELETE FROM etl.removed_duplicate AS d WHERE d.run_id = ANY (runs) AND d.owner = current_user;
        DELETE FROM etl.dedupe_change AS d WHERE d.run_id = ANY (runs) AND d.owner = current_user;
        DELETE FROM etl.dedupe_run AS r WHERE r.run_id = ANY (runs) AND r.owner = current_user;
    END IF;
    RETURN pruned;
END
$$;
COMMENT ON FUNCTION etl.prune_removed_duplicates(interval, timestamptz, bool) IS
    'Forgets the current role''s runs of etl.dedupe that are older than an interval before as_of, with the rows that '
    'they removed, which cannot be put back then. dry_run: counts only. Returns how many removed rows are forgotten. '
    'Errors: 22023 the interval is not positive or an argument is NULL.';
