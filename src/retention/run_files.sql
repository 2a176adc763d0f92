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
-- Rows that others refer to are locked at once: T1 and T2 are one transaction. Where the rows that refer to them go
-- along (follow_references), these have files of their own, one for each table. All of them are written while all rows
-- are locked, then the rows are deleted, each table's proven against its file, and all files are marked as kept, or
-- none. How many rows a file gets follows pg_etl.retention_batch_time, as batches between tables do.

CREATE FUNCTION etl._is_file_tier(policy etl.retention_policy, tier integer)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(etl._is_archive_file(etl._retention_place(policy, tier)), false)
$$;
COMMENT ON FUNCTION etl._is_file_tier(etl.retention_policy, integer) IS 'Whether a tier moves rows to files.';

CREATE FUNCTION etl._archive_name(directory text, policy text, part text, format text)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The directory may be that of other databases, too.
    SELECT format('%s/%s-%s-%s.%s', directory,
                  left(trim(BOTH '_' FROM regexp_replace(policy, '[^A-Za-z0-9]+', '_', 'g')), 60), part,
                  right(gen_random_uuid()::text, 12), format)
$$;
COMMENT ON FUNCTION etl._archive_name(text, text, text, text) IS
    'Location of a new file in a directory: a name that no other has, made of that of a policy and another part.';

CREATE FUNCTION etl._retention_new_file(
    policy etl.retention_policy, state etl._retention_state, source text, follows bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tier etl.retention_tier;
    made etl.archive;
    name text := policy.name;
BEGIN
    SELECT t.* INTO tier FROM etl._retention_tiers(policy) AS t WHERE t.tier = state.tier;
    IF follows IS NOT NULL THEN
        name := name || '_' || (parse_ident(source))[2];
    END IF;
    INSERT INTO etl.archive AS a (
        policy, tier, action, relation, time_column, source, location, format, status, follows, run_id)
    VALUES (
        policy.name, state.tier, 'archived', CASE WHEN follows IS NULL THEN policy.relation ELSE source END,
        CASE WHEN follows IS NULL THEN policy.time_column END, source, tier.archive_to, tier.format, 'writing', follows,
        state.run_id)
    RETURNING a.* INTO made;
    UPDATE etl.archive AS a
    SET location = etl._archive_name(tier.archive_to, name, made.archive_id::text, tier.format)
    WHERE a.archive_id = made.archive_id;
    RETURN made.archive_id;
END
$$;
COMMENT ON FUNCTION etl._retention_new_file(etl.retention_policy, etl._retention_state, text, bigint) IS
    'Notes in the ledger that a file is about to be written, under a name that no other has, for rows of a table that '
    'refer to those of another archive, if one is given; returns its archive_id.';

CREATE FUNCTION etl._retention_file_of(state etl._retention_state, relation regclass)
RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ((state).file -> 'files' ->> etl._relation_name(relation))::bigint
$$;
COMMENT ON FUNCTION etl._retention_file_of(etl._retention_state, regclass) IS
    'The archive whose file takes the rows of a table in the batch that a state is at; NULL where there is none.';

CREATE FUNCTION etl._retention_add_files(
    policy etl.retention_policy, state etl._retention_state, relations text[])
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY relations LOOP
        state.file := jsonb_set(state.file, ARRAY['files', relation], to_jsonb(etl._retention_new_file(
            policy, state, relation, etl._retention_file_of(state, etl._retention_source(policy, state.tier)))));
    END LOOP;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_add_files(etl.retention_policy, etl._retention_state, text[]) IS
    'Notes files for the batch that a state is at, one for each of these tables.';

CREATE FUNCTION etl._retention_discard_files(state etl._retention_state)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    doomed record;
BEGIN
    FOR doomed IN
        SELECT a.archive_id, a.location FROM etl.archive AS a
        WHERE a.archive_id IN (SELECT f.value::bigint FROM jsonb_each_text(state.file -> 'files') AS f)
          AND a.status = 'writing'
    LOOP
        BEGIN
            PERFORM etl._archive_remove(doomed.location);
        EXCEPTION
            WHEN undefined_file THEN
                NULL; -- not even its directory was made
        END;
        UPDATE etl.archive AS a SET status = 'removed' WHERE a.archive_id = doomed.archive_id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_discard_files(etl._retention_state) IS
    'Removes the files of the batch that a state is at, whose rows are still in their tables, and notes that.';

CREATE FUNCTION etl._retention_forget_files(state etl._retention_state, but_for regclass[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM etl.archive AS a
    USING jsonb_each_text((state).file -> 'files') AS f
    WHERE a.archive_id = f.value::bigint AND a.status = 'writing'
      AND f.key <> ALL (ARRAY(SELECT etl._relation_name(r) FROM unnest(but_for) AS r))
$$;
COMMENT ON FUNCTION etl._retention_forget_files(etl._retention_state, regclass[]) IS
    'Takes back from the ledger the files of a batch that were not begun, as none of their tables had rows in it.';

CREATE FUNCTION etl._retention_query(exported regclass, alias text, condition text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s FROM %s AS %I WHERE %s',
                  etl._columns_of(etl._ledger_columns(exported), quote_ident(alias)), exported, alias, condition)
$$;
COMMENT ON FUNCTION etl._retention_query(regclass, text, text) IS
    'Query of the rows of a table that go to a file: those for which a condition on an alias is true.';

CREATE FUNCTION etl._retention_try_file(policy etl.retention_policy, tier integer, condition text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    source CONSTANT regclass := etl._retention_source(policy, tier);
    location text;
    format text;
BEGIN
    SELECT etl._archive_name(t.archive_to, policy.name, 'trial', t.format), t.format INTO location, format
    FROM etl._retention_tiers(policy) AS t WHERE t.tier = _retention_try_file.tier;
    PERFORM etl._archive_write(location, format,
                               etl._retention_query(source, etl._retention_alias(policy), condition));
    PERFORM etl._archive_remove(location);
END
$$;
COMMENT ON FUNCTION etl._retention_try_file(etl.retention_policy, integer, text) IS
    'Writes the rows of a condition, as a tier would, into a file that is read back and removed: what would keep the '
    'tier from doing so is raised.';

CREATE FUNCTION etl._retention_export(archive bigint, exported regclass, alias text, condition text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    made record;
BEGIN
    SELECT w.* INTO made
    FROM etl.archive AS a,
         etl._archive_write(a.location, a.format, etl._retention_query(exported, alias, condition)) AS w
    WHERE a.archive_id = archive;
    UPDATE etl.archive AS a
    SET rows = made.rows, bytes = made.bytes, contents = made.contents, sha256 = made.sha256, columns = made.columns
    WHERE a.archive_id = archive;
END
$$;
COMMENT ON FUNCTION etl._retention_export(bigint, regclass, text, text) IS
    'Writes the rows of a table for which a condition on an alias is true into the file of an archive, and notes in '
    'the ledger what it holds.';

CREATE FUNCTION etl._retention_keep_file(
    archive bigint, deleted etl.rows_hash, first timestamptz, last timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE etl.archive AS a
    SET status = 'kept', first_time = first, last_time = last
    WHERE a.archive_id = archive AND a.status = 'writing' AND a.contents OPERATOR(etl.=) deleted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'serialization_failure',
            MESSAGE = format('rows of archive %s were changed while they were exported', archive),
            DETAIL = 'Nothing of this batch was deleted.',
            HINT = 'Run the policy again when fewer rows that are due are being changed.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_keep_file(bigint, etl.rows_hash, timestamptz, timestamptz) IS
    'Notes in the ledger that a file has taken the place of rows, and the times of the first and the last, where what '
    'was deleted is what it holds; else 40001.';

CREATE FUNCTION etl._retention_export_going(state etl._retention_state, going etl._retention_going[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._retention_export(
        etl._retention_file_of(state, g.child), g.child, 'going',
        string_agg(format('going.tableoid = %s AND going.ctid = ANY (%L::tid[])', g.part, g.places), ' OR '))
    FROM unnest(going) AS g
    GROUP BY g.child
$$;
COMMENT ON FUNCTION etl._retention_export_going(etl._retention_state, etl._retention_going[]) IS
    'Writes rows of a batch, which the caller has locked, into its files: those of each table into its own.';

CREATE FUNCTION etl._retention_keep_files(
    state etl._retention_state, going etl._retention_going[], taken etl._retention_moved[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._retention_keep_file(etl._retention_file_of(state, b.child), b.contents, b.first, b.last)
    FROM (
        SELECT g.child, etl.merge(t.contents) AS contents, min(min(t.first)) OVER () AS first,
               max(max(t.last)) OVER () AS last
        FROM unnest(going) WITH ORDINALITY AS g (constraint_id, child, part, places, n)
        JOIN unnest(taken) WITH ORDINALITY AS t (contents, bytes, first, last, locked, followed, kept, n) USING (n)
        GROUP BY g.child
    ) AS b
$$;
COMMENT ON FUNCTION etl._retention_keep_files(etl._retention_state, etl._retention_going[], etl._retention_moved[]) IS
    'Notes in the ledger that the files of a batch have taken the place of what was deleted, each that of its table: '
    'all under the times of the first and the last row of the policy''s own table.';

CREATE FUNCTION etl._retention_careful_files(
    policy etl.retention_policy, state etl._retention_state, wanted etl._retention_window)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    began CONSTANT timestamptz := clock_timestamp();
    batch CONSTANT record := etl._retention_going(policy, state, wanted);
    tables CONSTANT regclass[] := ARRAY(SELECT DISTINCT g.child FROM unnest(batch.going) AS g);
    missing CONSTANT text[] := ARRAY(SELECT etl._relation_name(t) FROM unnest(tables) AS t
                                     WHERE etl._retention_file_of(state, t) IS NULL);
    rows etl._retention_going;
    taken etl._retention_moved[] := '{}';
    moved etl._retention_moved;
BEGIN
    IF missing <> '{}' THEN -- the ledger has to tell of them before there are any
        RETURN etl._retention_add_files(policy, state, missing);
    END IF;
    PERFORM etl._retention_export_going(state, batch.going);
    FOREACH rows IN ARRAY batch.going LOOP
        taken := taken || etl._retention_take(policy, rows, NULL, wanted);
    END LOOP;
    moved := etl._retention_total(batch.going, taken, batch.locked, batch.last);
    PERFORM etl._retention_keep_files(state, batch.going, taken), etl._retention_forget_files(state, tables);
    SET CONSTRAINTS ALL IMMEDIATE;
    state.followers := ARRAY(SELECT DISTINCT etl._relation_name(g.child) FROM unnest(batch.going) AS g
                             WHERE g.constraint_id IS NOT NULL);
    state.file := NULL;
    IF wanted.most IS NULL THEN
        state.size := etl._retention_resize(policy, state.size, clock_timestamp() - began, moved);
    END IF;
    RETURN etl._retention_after_batch(policy, state, wanted, moved);
END
$$;
COMMENT ON FUNCTION etl._retention_careful_files(
    etl.retention_policy, etl._retention_state, etl._retention_window) IS
    'Locks rows and all that refers to them, writes them into files, those of each table into its own, and deletes '
    'them, in one transaction. Where the ledger lacks a file for one of the tables, it is noted there and nothing is '
    'done yet.';

CREATE FUNCTION etl._retention_begin_file(
    policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source CONSTANT regclass := etl._retention_source(policy, state.tier);
    wanted etl._retention_window;
    nothing etl._retention_moved;
    is_any boolean;
BEGIN
    IF state.stage = 'keys' OR state.block = 0 THEN
        state.size := least(state.size, etl._retention_fitting_rows(policy, state));
    END IF;
    wanted := etl._retention_window(policy, state);
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS %I WHERE %s%s)', source, etl._retention_alias(policy),
                   wanted.condition, etl._retention_free(policy, state.tier)) INTO is_any;
    IF NOT is_any THEN
        nothing.contents := '0:00000000000000000000000000000000';
        RETURN etl._retention_after_batch(policy, state, wanted, nothing);
    END IF;
    state.file := jsonb_build_object(
        'files', jsonb_build_object(etl._relation_name(source),
                                    etl._retention_new_file(policy, state, etl._relation_name(source))),
        'wanted', to_jsonb(wanted), 'written', false, 'attempts', coalesce(state.attempts, 0),
        'careful', coalesce(state.careful, false) OR wanted.most IS NOT NULL
                   OR etl._retention_needs_care(policy, source));
    RETURN etl._retention_add_files(policy, state, coalesce(state.followers, '{}'));
END
$$;
COMMENT ON FUNCTION etl._retention_begin_file(etl.retention_policy, etl._retention_state) IS
    'T0: the next window, and a file for it in the ledger where it has rows; also one for each table whose rows went '
    'along with those of the window before.';

CREATE FUNCTION etl._retention_advance_file(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    began CONSTANT timestamptz := clock_timestamp();
    wanted CONSTANT etl._retention_window := jsonb_populate_record(NULL::etl._retention_window, state.file -> 'wanted');
    source CONSTANT regclass := etl._retention_source(policy, state.tier);
    condition CONSTANT text := wanted.condition || etl._retention_free(policy, state.tier);
    moved etl._retention_moved;
BEGIN
    IF state.file IS NULL THEN
        RETURN etl._retention_begin_file(policy, state);
    ELSIF state.attempts > (state.file -> 'attempts')::integer THEN -- the last one may have left its files
        PERFORM etl._retention_discard_files(state);
        state.file := NULL;
        RETURN state;
    ELSIF (state.file -> 'careful')::boolean THEN
        RETURN etl._retention_careful_files(policy, state, wanted);
    ELSIF NOT (state.file -> 'written')::boolean THEN
        PERFORM etl._retention_export(etl._retention_file_of(state, source), source, etl._retention_alias(policy),
                                      condition);
        state.file := state.file || '{"written": true}';
        RETURN state;
    END IF;
    moved := etl._retention_move(policy, source, NULL, condition);
    PERFORM etl._retention_keep_file(etl._retention_file_of(state, source), moved.contents, moved.first, moved.last);
    SET CONSTRAINTS ALL IMMEDIATE;
    state.file := NULL;
    IF wanted.most IS NULL THEN -- it is the deletion for which others wait
        state.size := etl._retention_resize(policy, state.size, clock_timestamp() - began, moved);
    END IF;
    RETURN etl._retention_after_batch(policy, state, wanted, moved);
END
$$;
COMMENT ON FUNCTION etl._retention_advance_file(etl.retention_policy, etl._retention_state) IS
    'The next of the transactions by which the rows of a window go to a file, and the state after it.';
