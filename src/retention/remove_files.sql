-- Removing files. The tier after files deletes: whole files, all of whose rows are past. Files that hold copies are those
-- that a run has not finished or whose rows were restored; the user removes them.
--
-- Files whose rows went along with those of another one are removed in the same run as that: they have its times, and a
-- legal hold on a row in one of them keeps them all.

CREATE FUNCTION etl._is_this_transaction(writer xid)
RETURNS boolean
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'etl_is_this_transaction';
COMMENT ON FUNCTION etl._is_this_transaction(xid) IS
    'Whether what wrote a row (its xmin) is the current transaction, or a part of it, which may yet be rolled back.';

CREATE FUNCTION etl._is_copy(file etl.archive)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE (file).status
               WHEN 'writing' THEN etl._is_run_over((file).run_id)
               WHEN 'removing' THEN EXISTS (
                   SELECT FROM etl.archive AS a
                   WHERE a.source = (file).location AND a.action = 'restored' AND NOT etl._is_this_transaction(a.xmin))
               ELSE false
           END
$$;
COMMENT ON FUNCTION etl._is_copy(etl.archive) IS
    'Whether the rows of a file are in their table: they have not left it and the run is over, or they were restored, '
    'by a transaction that is committed.';

CREATE FUNCTION etl._retention_due_files(
    policy etl.retention_policy, tier integer, cutoff timestamptz, beyond bigint, most bigint)
RETURNS SETOF etl.archive
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_sort = off -- by the index of the numbers, from one on, whatever is known of the ledger's size
AS $$
    -- Names of policies and numbers of tiers are given anew: the table and the directory tell whose files these are.
    WITH here AS MATERIALIZED (
        SELECT etl._retention_place(_retention_due_files.policy, _retention_due_files.tier - 1) AS directory
    )
    SELECT a.*
    FROM here
    CROSS JOIN etl.archive AS a
    CROSS JOIN LATERAL (
        SELECT l.* FROM etl.archive AS l WHERE l.archive_id = coalesce(a.follows, a.archive_id) OFFSET 0
    ) AS timed
    WHERE a.policy = (_retention_due_files.policy).name AND a.owner = current_user AND a.archive_id > beyond
      AND a.action = 'archived' AND regexp_replace(a.location, '/[^/]*$', '') = here.directory
      AND timed.relation = (_retention_due_files.policy).relation
      AND timed.time_column = (_retention_due_files.policy).time_column
      -- A date lies before a moment when its whole day does.
      AND timed.last_time < CASE WHEN timed.columns @> jsonb_build_array(
                                      jsonb_build_object('name', timed.time_column, 'type', 'date'))
                                 THEN date_trunc('day', cutoff, 'UTC') ELSE cutoff END
      AND (a.status = 'kept' OR a.status = 'removing' AND NOT etl._is_copy(a))
    ORDER BY a.archive_id
    LIMIT most
$$;
COMMENT ON FUNCTION etl._retention_due_files(etl.retention_policy, integer, timestamptz, bigint, bigint) IS
    'The files in the directory of the tier before, all of whose rows are due for a tier that deletes, from the one '
    'after an archive_id on and so many of them at most; also one that a run that crashed was about to remove.';

CREATE FUNCTION etl._file_times(file etl.archive, time_column name, OUT first timestamptz, OUT last timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alias CONSTANT name := 'archived';
    type CONSTANT text := (SELECT c ->> 'type' FROM jsonb_array_elements(file.columns) AS c
                           WHERE c ->> 'name' = time_column);
BEGIN
    first := 'infinity';
    last := 'infinity';
    IF type IS NOT NULL THEN
        EXECUTE format('SELECT coalesce(min(t.moment) FILTER (WHERE isfinite(t.moment)), $1),'
                       ' CASE WHEN bool_and(coalesce(isfinite(t.moment), false)) THEN max(t.moment) ELSE $1 END'
                       ' FROM (SELECT %s AS moment FROM %s) AS t',
                       etl._retention_moment(format('%I.%I', alias, time_column), to_regtype(type)),
                       etl._archive_rows(file, alias))
            INTO first, last USING first;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._file_times(etl.archive, name) IS
    'The times of the first and the last row of a file by a column. The last is infinity where a row has no time, as '
    'it is never due: the column is not there, NULL or infinite.';

CREATE FUNCTION etl._retention_retime_files(policy etl.retention_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    file etl.archive;
    first timestamptz;
    last timestamptz;
BEGIN
    FOR file IN
        SELECT a.* FROM etl.archive AS a
        WHERE a.policy = (_retention_retime_files.policy).name AND a.owner = current_user AND a.action = 'archived'
          AND a.relation = (_retention_retime_files.policy).relation AND etl._is_archive_file(a.location)
          AND a.time_column <> (_retention_retime_files.policy).time_column AND a.status IN ('kept', 'removing')
    LOOP
        first := file.first_time;
        last := file.last_time;
        IF file.status = 'kept' THEN -- else it is about to go, or holds copies
            SELECT t.first, t.last INTO first, last FROM etl._file_times(file, policy.time_column) AS t;
        END IF;
        UPDATE etl.archive AS a
        SET first_time = first, last_time = last,
            time_column = CASE WHEN a.follows IS NULL THEN policy.time_column END
        WHERE file.archive_id IN (a.archive_id, a.follows);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_retime_files(etl.retention_policy) IS
    'Notes in the ledger, of the files of a policy that has got another time column, the times of their rows by that; '
    'also of those that a policy of the same name had archived of the table.';

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
    WHERE coalesce((file).follows, (file).archive_id) IN (a.archive_id, a.follows) AND a.status IN ('kept', 'removing')
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
    is_any_held CONSTANT boolean := EXISTS (SELECT FROM etl._active_holds());
    passing CONSTANT record := etl._retention_passing(policy, state);
BEGIN
    SELECT coalesce(sum(a.rows), 0) AS due, min(a.first_time) AS oldest,
           sum(a.rows) FILTER (WHERE is_any_held AND etl._is_group_held(a)) AS held
        INTO counted
    FROM etl._retention_due_files(policy, state.tier, state.cutoff, 0, NULL) AS a
    WHERE a.follows IS NULL;
    state.stage := 'files';
    state.block := 0;
    state.action := jsonb_strip_nulls(jsonb_build_object(
        'tier', state.tier, 'from', etl._retention_place(policy, state.tier - 1), 'before', state.cutoff,
        'due', counted.due + passing.rows, 'rows', passing.rows, 'bytes', passing.bytes, 'files', 0,
        'oldest', least(counted.oldest, passing.oldest), 'held', counted.held));
    RETURN etl._retention_add(policy, state, passing.rows, passing.bytes);
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
    SELECT a.* INTO file FROM etl._retention_due_files(policy, state.tier, state.cutoff, state.block, 1) AS a;
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
                            CASE file.status WHEN 'writing' THEN ', and its run is under way'
                                             WHEN 'removing' THEN ', and no restore of it is committed' ELSE '' END),
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
at once, whatever becomes of the transaction; so a restore must be committed before.
Errors: 42704 no such archive, 55000 it is no orphan, 42501 a role without the privileges of pg_write_server_files.$$;
