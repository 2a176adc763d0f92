-- Tiers of files. Rows go to a file in three transactions:
--
--   T0  the ledger gets a row with the file's name, status writing: no file is ever there of which nothing tells;
--   T1  the rows of the window are exported; when this commits, the file is on the disk and was read back and hashed;
--   T2  the rows of the window are deleted, and the hash of what is deleted must be that of the file; status kept.
--
-- Until T2 commits, the rows are in the table and the file holds copies. Where a row was changed, added or locked in
-- between, T2 comes to nothing: the file is removed, and the rows are exported again, locked this time and deleted in
-- the same transaction. What a crash leaves is a file that the ledger shows as an orphan.
--
-- The tier after files deletes: whole files, all of whose rows are past.

CREATE FUNCTION etl._is_file_tier(policy etl.retention_policy, tier integer)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(etl._is_archive_file(etl._retention_place(policy, tier)), false)
$$;
COMMENT ON FUNCTION etl._is_file_tier(etl.retention_policy, integer) IS 'Whether a tier moves rows to files.';

CREATE FUNCTION etl._retention_new_file(policy etl.retention_policy, state etl._retention_state)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tier etl.retention_tier;
    made etl.archive;
BEGIN
    SELECT t.* INTO tier FROM etl._retention_tiers(policy) AS t WHERE t.tier = state.tier;
    INSERT INTO etl.archive AS a (policy, tier, action, relation, time_column, source, location, format, status, run_id)
    VALUES (policy.name, state.tier, 'archived', policy.relation, policy.time_column,
            etl._retention_place(policy, state.tier - 1), tier.archive_to, tier.format, 'writing', state.run_id)
    RETURNING a.* INTO made;
    UPDATE etl.archive AS a
    SET location = format('%s/%s-%s.%s', tier.archive_to,
                          left(trim(BOTH '_' FROM regexp_replace(policy.name, '[^A-Za-z0-9]+', '_', 'g')), 60),
                          made.archive_id, tier.format)
    WHERE a.archive_id = made.archive_id;
    RETURN made.archive_id;
END
$$;
COMMENT ON FUNCTION etl._retention_new_file(etl.retention_policy, etl._retention_state) IS
    'Notes in the ledger that a file is about to be written, under a name that no other has; returns its archive_id.';

CREATE FUNCTION etl._retention_discard_file(archive bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._archive_remove(a.location) FROM etl.archive AS a WHERE a.archive_id = archive AND a.status = 'writing';
    UPDATE etl.archive AS a SET status = 'removed' WHERE a.archive_id = archive AND a.status = 'writing';
END
$$;
COMMENT ON FUNCTION etl._retention_discard_file(bigint) IS
    'Removes a file whose rows are still in the table, and notes that.';

CREATE FUNCTION etl._retention_export(
    policy etl.retention_policy, state etl._retention_state, condition text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
    hot CONSTANT regclass := etl._retention_source(policy, state.tier);
    archive CONSTANT bigint := (state.file ->> 'archive')::bigint;
    made record;
BEGIN
    SELECT w.* INTO made
    FROM etl.archive AS a,
         etl._archive_write(a.location, a.format, format(
             'SELECT %s FROM %s AS %I WHERE %s', etl._columns_of(etl._ledger_columns(hot), quote_ident(alias)), hot,
             alias, condition)) AS w
    WHERE a.archive_id = archive;
    UPDATE etl.archive AS a
    SET rows = made.rows, bytes = made.bytes, contents = made.contents, sha256 = made.sha256, columns = made.columns
    WHERE a.archive_id = archive;
END
$$;
COMMENT ON FUNCTION etl._retention_export(etl.retention_policy, etl._retention_state, text) IS
    'Writes the rows of a condition into the file of a state, and notes in the ledger what it holds.';

CREATE FUNCTION etl._retention_keep_file(
    state etl._retention_state, deleted etl._retention_moved)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    archive CONSTANT bigint := (state.file ->> 'archive')::bigint;
BEGIN
    UPDATE etl.archive AS a
    SET status = 'kept', first_time = deleted.first, last_time = deleted.last
    WHERE a.archive_id = archive AND a.status = 'writing' AND a.contents OPERATOR(etl.=) deleted.contents;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'serialization_failure',
            MESSAGE = format('rows of archive %s were changed while they were exported', archive),
            DETAIL = 'Nothing of this batch was deleted.',
            HINT = 'Run the policy again when fewer rows that are due are being changed.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_keep_file(etl._retention_state, etl._retention_moved) IS
    'Notes in the ledger that a file has taken the place of rows, where what was deleted is what it holds; else 40001.';

CREATE FUNCTION etl._retention_careful_file(
    policy etl.retention_policy, state etl._retention_state, wanted etl._retention_window)
RETURNS etl._retention_moved
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
    source CONSTANT regclass := etl._retention_source(policy, state.tier);
    part record;
    batch etl._retention_moved;
    total etl._retention_moved;
    conditions text[] := '{}';
BEGIN
    total.contents := '0:00000000000000000000000000000000';
    total.bytes := 0;
    total.locked := 0;
    FOR part IN SELECT * FROM etl._retention_locked_places(policy, state, wanted) LOOP
        total.locked := total.locked + cardinality(part.places);
        total.last := greatest(total.last, part.last);
        part.places := etl._retention_still_free(policy, source, state.tier, part.part, part.places);
        CONTINUE WHEN part.places = '{}';
        conditions := conditions || format('%1$I.tableoid = %2$s AND %1$I.ctid = ANY (%3$L::tid[])', alias, part.part,
                                           part.places);
    END LOOP;
    IF conditions = '{}' THEN
        RETURN total;
    END IF;
    PERFORM etl._retention_export(policy, state, '(' || array_to_string(conditions, ' OR ') || ')');
    FOR n IN 1 .. cardinality(conditions) LOOP
        batch := etl._retention_move(policy, source, NULL, conditions[n]);
        total.contents := total.contents OPERATOR(etl.+) batch.contents;
        total.bytes := total.bytes + batch.bytes;
        total.first := least(total.first, batch.first);
    END LOOP;
    PERFORM etl._retention_keep_file(state, total);
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._retention_careful_file(
    etl.retention_policy, etl._retention_state, etl._retention_window) IS
    'Locks rows, writes them into the file of a state and deletes them, in one transaction.';

CREATE FUNCTION etl._retention_begin_file(
    policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source CONSTANT regclass := etl._retention_source(policy, state.tier);
    wanted CONSTANT etl._retention_window := etl._retention_window(policy, state);
    nothing etl._retention_moved;
    is_any boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS %I WHERE %s%s)', source, etl._retention_alias(policy),
                   wanted.condition, etl._retention_free(policy, state.tier)) INTO is_any;
    IF NOT is_any THEN
        nothing.contents := '0:00000000000000000000000000000000';
        RETURN etl._retention_after_batch(policy, state, wanted, nothing);
    END IF;
    state.file := jsonb_build_object(
        'archive', etl._retention_new_file(policy, state), 'wanted', to_jsonb(wanted), 'written', false,
        'careful', state.careful OR wanted.most IS NOT NULL OR etl._retention_needs_care(policy, source));
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_begin_file(etl.retention_policy, etl._retention_state) IS
    'T0: the next window, and a file for it in the ledger where it has rows.';

CREATE FUNCTION etl._retention_advance_file(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted CONSTANT etl._retention_window := jsonb_populate_record(NULL::etl._retention_window, state.file -> 'wanted');
    condition CONSTANT text := wanted.condition || etl._retention_free(policy, state.tier);
    moved etl._retention_moved;
BEGIN
    IF state.file IS NULL THEN
        RETURN etl._retention_begin_file(policy, state);
    ELSIF (state.file -> 'careful')::boolean THEN
        moved := etl._retention_careful_file(policy, state, wanted);
        IF etl.row_count(moved.contents) = 0 THEN
            PERFORM etl._retention_discard_file((state.file ->> 'archive')::bigint);
        END IF;
    ELSIF state.careful THEN
        PERFORM etl._retention_discard_file((state.file ->> 'archive')::bigint);
        state.file := NULL;
        RETURN state;
    ELSIF NOT (state.file -> 'written')::boolean THEN
        PERFORM etl._retention_export(policy, state, condition);
        state.file := state.file || '{"written": true}';
        RETURN state;
    ELSE
        moved := etl._retention_move(policy, etl._retention_source(policy, state.tier), NULL, condition);
        PERFORM etl._retention_keep_file(state, moved);
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE;
    state.file := NULL;
    RETURN etl._retention_after_batch(policy, state, wanted, moved);
END
$$;
COMMENT ON FUNCTION etl._retention_advance_file(etl.retention_policy, etl._retention_state) IS
    'The next of the transactions by which the rows of a window go to a file, and the state after it.';

-- Deleting files ------------------------------------------------------------------------------------------------------

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

CREATE FUNCTION etl._is_file_held(policy etl.retention_policy, file etl.archive)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
    hot CONSTANT regclass := policy.relation;
    held CONSTANT text := etl._held_condition(hot, alias::text, origin => hot, are_there => false);
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
COMMENT ON FUNCTION etl._is_file_held(etl.retention_policy, etl.archive) IS
    'Whether a row in a file is under a legal hold. What cannot be found out is an error.';

CREATE FUNCTION etl._retention_begin_deleting_files(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counted record;
BEGIN
    SELECT coalesce(sum(a.rows), 0) AS due, min(a.first_time) AS oldest,
           sum(a.rows) FILTER (WHERE etl._is_file_held(_retention_begin_deleting_files.policy, a)) AS held
        INTO counted
    FROM etl._retention_due_files(policy, state.tier, state.cutoff) AS a;
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
                                  file.first_time, file.last_time, file.contents, file.bytes);
    END IF;
    state := etl._retention_add(policy, state, file.rows, file.bytes);
    state.batches := state.batches + 1;
    state.action := state.action || jsonb_build_object(
        'rows', (state.action ->> 'rows')::bigint + file.rows,
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
    ELSIF etl._is_file_held(policy, file) THEN
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

CREATE FUNCTION etl.remove_orphan(archive_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    file etl.archive;
    was_there boolean;
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
    was_there := etl._archive_remove(file.location);
    UPDATE etl.archive AS a SET status = 'removed' WHERE a.archive_id = file.archive_id;
    PERFORM etl._audit('remove orphan', file.location, jsonb_build_object('archive', file.archive_id));
    RETURN was_there;
END
$$;
COMMENT ON FUNCTION etl.remove_orphan(bigint) IS
$$Removes an archive file that holds copies only: a run that ended before it had deleted the rows left it (status orphan
in etl.archives), or its rows were restored. Runs never do so by themselves: after a recovery to a point in time the
file may belong to another history. Returns whether there was such a file; it is removed at once, whatever becomes of
the transaction.
Errors: 42704 no such archive, 55000 it is no orphan, 42501 a role without the privileges of pg_write_server_files.$$;
