-- Removing files. The tier after files deletes: whole files, all of whose rows are past. Files that hold copies are those
-- that a run has not finished or whose rows were restored; the user removes them.
--
-- Files whose rows went along with those of another one are removed in the same run as that: they have its times, and a
-- legal hold on a row in one of them keeps them all.

CREATE FUNCTION etl._is_copy(file etl.archive)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE (file).status
               WHEN 'writing' THEN etl._is_run_over((file).run_id)
               WHEN 'removing' THEN EXISTS (
                   SELECT FROM etl.archive AS a WHERE a.source = (file).location AND a.action = 'restored')
               ELSE false
           END
$$;
COMMENT ON FUNCTION etl._is_copy(etl.archive) IS
    'Whether the rows of a file are in their table: they have not left it and the run is over, or were restored.';

CREATE FUNCTION etl._retention_due_files(policy etl.retention_policy, tier integer, cutoff timestamptz)
RETURNS SETOF etl.archive
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.*
    FROM etl.archive AS a
    WHERE a.policy = (policy).name AND a.tier = _retention_due_files.tier - 1 AND a.owner = current_user
      AND a.action = 'archived' AND etl._is_archive_file(a.location) AND a.last_time < cutoff
      AND (a.status = 'kept' OR a.status = 'removing' AND NOT etl._is_copy(a))
    ORDER BY a.archive_id
$$;
COMMENT ON FUNCTION etl._retention_due_files(etl.retention_policy, integer, timestamptz) IS
    'The files of the tier before, all of whose rows are due for a tier that deletes; also one that a run that crashed '
    'was about to remove.';

CREATE FUNCTION etl._is_file_held(file etl.archive)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alias CONSTANT name := (parse_ident(file.relation))[2];
    held CONSTANT text := etl._held_condition(file.relation::regclass, alias::text, file.relation::regclass, false);
    is_held boolean := false;
BEGIN
    IF held IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE (%s) IS TRUE)', etl._archive_rows(file, alias), held)
            INTO is_held;
    END IF;
    RETURN is_held;
EXCEPTION
    WHEN undefined_file THEN
        IF file.status <> 'removing' THEN
            RAISE;
        END IF;
        RETURN false; -- a run that crashed has removed it
END
$$;
COMMENT ON FUNCTION etl._is_file_held(etl.archive) IS
    'Whether a row in a file is under a legal hold. What cannot be found out is an error.';

CREATE FUNCTION etl._is_group_held(file etl.archive)
RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(bool_or(etl._is_file_held(a)), false)
    FROM etl.archive AS a
    WHERE coalesce(a.follows, a.archive_id) = coalesce((file).follows, (file).archive_id)
      AND a.status IN ('kept', 'removing')
$$;
COMMENT ON FUNCTION etl._is_group_held(etl.archive) IS
    'Whether a row in a file, or in one of those that went along with it, is under a legal hold.';

CREATE FUNCTION etl._retention_begin_deleting_files(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counted record;
BEGIN
    SELECT coalesce(sum(a.rows), 0) AS due, min(a.first_time) AS oldest,
           sum(a.rows) FILTER (WHERE etl._is_group_held(a)) AS held
        INTO counted
    FROM etl._retention_due_files(policy, state.tier, state.cutoff) AS a
    WHERE a.follows IS NULL;
    state.stage := 'files';
    state.block := 0;
    state.action := jsonb_strip_nulls(jsonb_build_object(
        'tier', state.tier, 'from', etl._retention_place(policy, state.tier - 1), 'before', state.cutoff,
        'due', counted.due, 'rows', 0, 'bytes', 0, 'files', 0, 'oldest', counted.oldest, 'held', counted.held));
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_begin_deleting_files(etl.retention_policy, etl._retention_state) IS
    'Sets a state to the beginning of a tier that deletes files, with what is due there.';

CREATE FUNCTION etl._retention_delete_file(policy etl.retention_policy, state etl._retention_state, file etl.archive)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT state.dry_run THEN
        PERFORM etl._archive_remove(file.location);
        UPDATE etl.archive AS a SET status = 'removed' WHERE a.archive_id = file.archive_id;
        PERFORM etl._note_archive(policy.name, state.tier::smallint, 'deleted', file.location, NULL, state.run_id,
                                  file.first_time, file.last_time, file.contents, file.bytes,
                                  CASE WHEN file.follows IS NOT NULL THEN file.relation END);
    END IF;
    state := etl._retention_add(policy, state, CASE WHEN file.follows IS NULL THEN file.rows ELSE 0 END, file.bytes);
    IF file.follows IS NOT NULL THEN
        state.followed := coalesce(state.followed, 0) + file.rows;
    END IF;
    state.batches := state.batches + 1;
    state.action := state.action || jsonb_build_object(
        'rows', (state.action ->> 'rows')::bigint + CASE WHEN file.follows IS NULL THEN file.rows ELSE 0 END,
        'bytes', (state.action ->> 'bytes')::bigint + file.bytes,
        'files', (state.action ->> 'files')::bigint + 1);
    state.file := NULL;
    state.block := file.archive_id;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_delete_file(etl.retention_policy, etl._retention_state, etl.archive) IS
    'Removes a file that the ledger says is about to be, and notes that its rows are deleted for good.';

CREATE FUNCTION etl._retention_advance_deleting(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    file etl.archive;
BEGIN
    SELECT a.* INTO file
    FROM etl._retention_due_files(policy, state.tier, state.cutoff) AS a
    WHERE a.archive_id > state.block
    LIMIT 1;
    IF file.archive_id IS NULL THEN
        state.stage := NULL;
    ELSIF etl._is_group_held(file) THEN
        UPDATE etl.archive AS a SET status = 'kept' WHERE a.archive_id = file.archive_id AND a.status = 'removing';
        state.block := file.archive_id;
    ELSIF file.status = 'kept' AND NOT state.dry_run THEN
        UPDATE etl.archive AS a SET status = 'removing' WHERE a.archive_id = file.archive_id;
    ELSE
        state := etl._retention_delete_file(policy, state, file);
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_advance_deleting(etl.retention_policy, etl._retention_state) IS
    'One transaction of deleting files: notes that the next one is about to be removed, or removes it, or passes over '
    'one with held rows.';

-- Files that hold copies ----------------------------------------------------------------------------------------------

CREATE FUNCTION etl._retention_sweep(policy text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    left_over etl.archive;
BEGIN
    FOR left_over IN
        SELECT a.* FROM etl.archive AS a
        WHERE a.policy = _retention_sweep.policy AND a.owner = current_user AND a.status = 'writing'
          AND etl._is_archive_file(a.location) AND etl._is_run_over(a.run_id)
    LOOP
        BEGIN
            IF etl._archive_sweep(left_over.location) THEN
                UPDATE etl.archive AS a SET status = 'removed' WHERE a.archive_id = left_over.archive_id;
            END IF;
        EXCEPTION
            WHEN OTHERS THEN
                NULL; -- the ledger goes on to show it as an orphan
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_sweep(text) IS
    'Removes what ended runs of a policy have left of files that they were writing, and marks in the ledger those of '
    'which nothing is there. A file that was finished stays an orphan.';

CREATE FUNCTION etl.remove_orphan(archive_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    file etl.archive;
    was_there boolean := false;
BEGIN
    PERFORM etl._require_archive(archive_id);
    SELECT a.* INTO file FROM etl.archive AS a WHERE a.archive_id = remove_orphan.archive_id FOR UPDATE;
    IF file.location IS NULL OR NOT etl._is_archive_file(file.location) OR NOT etl._is_copy(file) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('archive %s is no orphan', archive_id),
            DETAIL = format('Its status is %s%s.', file.status,
                            CASE WHEN file.status = 'writing' THEN ', and its run is under way' ELSE '' END),
            HINT = 'SELECT archive_id, location FROM etl.archives WHERE status = ''orphan'' lists orphans.';
    END IF;
    BEGIN
        IF NOT etl._archive_sweep(file.location) THEN
            was_there := etl._archive_remove(file.location);
        END IF;
    EXCEPTION
        WHEN undefined_file THEN
            NULL; -- not even its directory is there
    END;
    UPDATE etl.archive AS a SET status = 'removed' WHERE a.archive_id = file.archive_id;
    PERFORM etl._audit('remove orphan', file.location, jsonb_build_object('archive', file.archive_id));
    RETURN was_there;
END
$$;
COMMENT ON FUNCTION etl.remove_orphan(bigint) IS
$$Removes an archive file that holds copies only: a run that ended before it had deleted the rows left it (status orphan
in etl.archives), or its rows were restored. Runs never do so by themselves: after a recovery to a point in time the
file may belong to another history. (What a run that was killed has left under a temporary name, the next run of the
policy removes, and this call too, unless somebody is writing it.) Returns whether there was such a file; it is removed
at once, whatever becomes of the transaction.
Errors: 42704 no such archive, 55000 it is no orphan, 42501 a role without the privileges of pg_write_server_files.$$;
