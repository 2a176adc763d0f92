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
    ELSIF to_regclass(found.relation) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s" of run %s does not exist', found.relation, run),
            HINT = format('UPDATE etl.dedupe_run SET relation = ''…'' WHERE run_id = %s; names the table that shall '
                          'have the rows.', run);
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._undoable_run(bigint) IS
    'The record of a run, locked: 42704 there is none, 55000 it was undone or kept no audit, 42P01 its table is gone.';

CREATE FUNCTION etl._put_back_removed(run bigint, relation regclass)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET lc_monetary = 'C'
AS $$
DECLARE
    shape record;
    columns record;
    wanted bigint;
    stored bigint;
    total bigint := 0;
BEGIN
    FOR shape IN
        SELECT s.keys, count(*) OVER () = 1 AS is_only
        FROM (SELECT DISTINCT etl._json_keys(d."row") FROM etl.removed_duplicate AS d WHERE d.run_id = run) AS s(keys)
    LOOP
        PERFORM etl._require_kept_columns(relation, shape.keys);
        columns := etl._released_columns(relation, shape.keys, false);
        EXECUTE format($query$
            WITH p AS MATERIALIZED (
                DELETE FROM etl.removed_duplicate AS d WHERE d.run_id = $1 AND ($3 OR etl._json_keys(d."row") = $2)
                RETURNING d."row"
            ), stored AS (
                INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE
                SELECT %s FROM p CROSS JOIN LATERAL (%s) AS l
                RETURNING 1
            )
            SELECT (SELECT count(*) FROM p), (SELECT count(*) FROM stored)
            $query$, relation, columns.names, columns."values", etl._released_row(relation, shape.keys))
        INTO wanted, stored USING run, shape.keys, shape.is_only;
        IF stored < wanted THEN
            RAISE EXCEPTION USING
                ERRCODE = 'triggered_action_exception',
                MESSAGE = format('%s of %s rows were held back from table "%s"', wanted - stored, wanted, relation),
                DETAIL = 'A trigger or a rule keeps them out; nothing was changed.',
                HINT = 'Disable it for the time of the call.';
        END IF;
        total := total + stored;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._put_back_removed(bigint, regclass) IS
    'Moves the rows of a run from the audit back into their table, and returns how many.';

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
    wanted bigint;
    restored bigint;
    total bigint := 0;
BEGIN
    FOR shape IN SELECT * FROM etl._changed_columns(run, name) LOOP
        PERFORM etl._require_kept_columns(relation, shape.keys);
        EXECUTE etl._change_query(relation, shape.keys, shape.changed, 'after', 'before') INTO wanted, restored
        USING run, name, shape.step, shape.keys, false;
        IF restored <> wanted THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('%s of %s rows of table "%s" are no longer as etl.dedupe left them',
                                 wanted - restored, wanted, relation),
                DETAIL = format('They were changed or deleted since run %s; nothing was undone.', run),
                HINT = format('SELECT * FROM etl.dedupe_changes WHERE run = %s; shows what they were. Delete from '
                              'etl.dedupe_change what shall stay as it is, and call again.', run);
        END IF;
        total := total + restored;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._change_back(bigint, regclass, text) IS
    'Gives the rows of one table that a run changed their former values. 55000 where one of them has changed since.';

CREATE FUNCTION etl._undo_changes_elsewhere(run bigint, target text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
    total bigint := 0;
BEGIN
    FOR other IN
        SELECT DISTINCT d.relation FROM etl.dedupe_change AS d WHERE d.run_id = run AND d.relation <> target ORDER BY 1
    LOOP
        IF to_regclass(other.relation) IS NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'undefined_table',
                MESSAGE = format('table "%s" that run %s of etl.dedupe has changed does not exist', other.relation,
                                 run),
                HINT = format('DELETE FROM etl.dedupe_change WHERE run_id = %s AND relation = %L; leaves it out.', run,
                              other.relation);
        END IF;
        total := total + etl._change_back(run, other.relation::regclass, other.relation);
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._undo_changes_elsewhere(bigint, text) IS
    'Points rows of other tables back at the rows that a run removed.';

CREATE FUNCTION etl._undo_run(undone etl.dedupe_run, OUT put_back bigint, OUT changed_back bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT regclass := undone.relation::regclass;
    message text;
    detail text;
    constraint_name text;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT', 'INSERT']);
    -- Rows that got values of others give these up before the others come back, and are referred to after it.
    changed_back := etl._change_back(undone.run_id, target, undone.relation);
    put_back := etl._put_back_removed(undone.run_id, target);
    changed_back := changed_back + etl._undo_changes_elsewhere(undone.run_id, undone.relation);
    DELETE FROM etl.dedupe_change AS c WHERE c.run_id = undone.run_id; -- those that changed nothing
    UPDATE etl.dedupe_run AS r SET undone_at = clock_timestamp() WHERE r.run_id = undone.run_id;
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
    'values, columns added since have their defaults. Returns the rows put back and those changed back. Errors: 42704 '
    'no such run, 55000 it was undone already, kept no audit, or a row that it changed has changed since, 42P01 the '
    'table is gone, 42703 it has lost a column, 42501 without INSERT on the table, 23505 a row stands in the way, '
    '23503 and others as INSERT raises them, 09000 a trigger holds rows back; then nothing has changed.';

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
    runs := ARRAY(SELECT r.run_id FROM etl.dedupe_run AS r
                  WHERE r.owner = current_user AND r.run_at < as_of - older_than);
    SELECT count(*) INTO pruned FROM etl.removed_duplicate AS d WHERE d.run_id = ANY (runs);
    IF NOT dry_run THEN
        DELETE FROM etl.removed_duplicate AS d WHERE d.run_id = ANY (runs);
        DELETE FROM etl.dedupe_change AS d WHERE d.run_id = ANY (runs);
        DELETE FROM etl.dedupe_run AS r WHERE r.run_id = ANY (runs);
    END IF;
    RETURN pruned;
END
$$;
COMMENT ON FUNCTION etl.prune_removed_duplicates(interval, timestamptz, bool) IS
    'Forgets the current role''s runs of etl.dedupe that are older than an interval before as_of, with the rows that '
    'they removed, which cannot be put back then. dry_run: counts only. Returns how many removed rows are forgotten. '
    'Errors: 22023 the interval is not positive or an argument is NULL.';
