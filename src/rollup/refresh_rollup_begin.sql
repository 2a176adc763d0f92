-- How a refresh of a rollup begins: what is checked before anything is computed, the run that is recorded, and the
-- progress that its transactions hand on to each other. etl.refresh_rollup goes on from there.

CREATE TYPE etl._rollup_progress AS (
    name text, rollup_id integer, run_id bigint, as_of timestamptz, max_groups integer, newest_first boolean,
    merge boolean, retries integer, deadline timestamptz, began timestamptz, spoke timestamptz, in_steps boolean,
    done boolean, batches integer, batches_due integer, log_rows bigint, merged bigint, groups bigint, inserted bigint,
    updated bigint, deleted bigint, frozen bigint, failure jsonb);
COMMENT ON TYPE etl._rollup_progress IS 'How far a refresh of a rollup is.';
COMMENT ON COLUMN etl._rollup_progress.name IS 'The rollup.';
COMMENT ON COLUMN etl._rollup_progress.rollup_id IS 'Its number.';
COMMENT ON COLUMN etl._rollup_progress.run_id IS 'The run in etl.run; NULL where another session refreshes it.';
COMMENT ON COLUMN etl._rollup_progress.as_of IS 'The moment as of which it is refreshed.';
COMMENT ON COLUMN etl._rollup_progress.max_groups IS 'So many groups are computed in one transaction.';
COMMENT ON COLUMN etl._rollup_progress.newest_first IS 'Whether those with the greatest keys come first.';
COMMENT ON COLUMN etl._rollup_progress.merge IS 'Whether changes are merged into states.';
COMMENT ON COLUMN etl._rollup_progress.retries IS 'How often a transaction was done again with another snapshot.';
COMMENT ON COLUMN etl._rollup_progress.deadline IS 'No batch begins after that.';
COMMENT ON COLUMN etl._rollup_progress.began IS 'When it began.';
COMMENT ON COLUMN etl._rollup_progress.spoke IS 'When the client was last told.';
COMMENT ON COLUMN etl._rollup_progress.in_steps IS 'Whether it commits between batches.';
COMMENT ON COLUMN etl._rollup_progress.done IS 'Whether nothing is left to do for this run.';
COMMENT ON COLUMN etl._rollup_progress.batches IS 'How many transactions there were.';
COMMENT ON COLUMN etl._rollup_progress.batches_due IS
    'How many there will be, by the groups that were pending at first.';
COMMENT ON COLUMN etl._rollup_progress.log_rows IS 'How many rows of the logs were taken.';
COMMENT ON COLUMN etl._rollup_progress.merged IS 'How many groups changes were merged into.';
COMMENT ON COLUMN etl._rollup_progress.groups IS 'How many groups were computed.';
COMMENT ON COLUMN etl._rollup_progress.inserted IS 'How many of them are new in the rollup.';
COMMENT ON COLUMN etl._rollup_progress.updated IS 'How many were different.';
COMMENT ON COLUMN etl._rollup_progress.deleted IS 'How many had vanished.';
COMMENT ON COLUMN etl._rollup_progress.frozen IS 'How many were left as they are.';
COMMENT ON COLUMN etl._rollup_progress.failure IS 'The error that ended it.';

-- Before -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._check_refresh(
    rollup etl.rollup, max_groups integer, max_runtime interval, newest_first boolean, mode text, as_of timestamptz,
    dry_run boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_moment(as_of, 'as_of'), etl._require_flag(newest_first, 'newest_first'),
            etl._require_flag(dry_run, 'dry_run');
    IF max_groups IS NULL OR max_groups < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('max_groups must be at least 1, not %s', coalesce(max_groups::text, 'NULL')),
            HINT = 'So many groups are computed in one transaction; leave it out to have 10000.';
    ELSIF mode NOT IN ('auto', 'recompute', 'delta') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown mode "%s"', mode),
            DETAIL = 'The known ones are auto, recompute, delta.',
            HINT = 'Leave mode out to have that of the rollup.';
    END IF;
    PERFORM etl._require_delta(rollup.name, mode, rollup.plan);
END
$$;
COMMENT ON FUNCTION etl._check_refresh(etl.rollup, integer, interval, boolean, text, timestamptz, boolean) IS
    'Checks the arguments of a refresh (22023; 0A000 mode delta for a rollup without states).';

CREATE FUNCTION etl._note_target(rollup etl.rollup)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.rollup AS r SET target = etl._named_relation(r.name)
    WHERE r.rollup_id = rollup.rollup_id AND r.owner = current_user AND r.target <> etl._named_relation(r.name)
$$;
COMMENT ON FUNCTION etl._note_target(etl.rollup) IS
    'Notes which table the rollup has, where it is another one than before, as after a restore.';

CREATE FUNCTION etl._has_changes(rollup etl.rollup, as_of timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changes boolean;
BEGIN
    IF rollup.plan -> 'moving' <> '[]' AND rollup.refreshed_as_of IS DISTINCT FROM as_of THEN
        RETURN true;
    END IF;
    EXECUTE (
        SELECT format('SELECT EXISTS (SELECT FROM %s)', etl._rollup_relation(rollup, '_pending'))
               || string_agg(format(' OR EXISTS (SELECT FROM %s)', s.log_table), '' ORDER BY s.number)
        FROM etl._sources(rollup) AS s) INTO changes;
    RETURN changes;
END
$$;
COMMENT ON FUNCTION etl._has_changes(etl.rollup, timestamptz) IS
    'Whether anything is in the logs of a rollup or pending, or a filter has moved.';

CREATE FUNCTION etl._foreign_holder(rollup etl.rollup)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(' (process %s of role "%s")', a.pid, a.usename)
    FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = 'etl.rollup'::regclass
      AND l.objid = rollup.rollup_id::oid AND a.datname = current_database() AND a.usename <> current_user
    LIMIT 1
$$;
COMMENT ON FUNCTION etl._foreign_holder(etl.rollup) IS
    'Who has the lock of the refresh of a rollup, where it is not its owner: any role can take an advisory lock.';

CREATE FUNCTION etl._lock_rollup(rollup etl.rollup, in_steps boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF in_steps THEN
        RETURN etl._lock_run('etl.rollup', rollup.rollup_id);
    END IF;
    RETURN pg_try_advisory_xact_lock('etl.rollup'::regclass::oid::integer, rollup.rollup_id);
END
$$;
COMMENT ON FUNCTION etl._lock_rollup(etl.rollup, boolean) IS
    'Takes the lock of the refresh of a rollup without waiting, for the session where it commits in between, or to the '
    'end of the transaction. False where another session has it.';

CREATE FUNCTION etl._is_of_rows(sqlstate text, hint text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sqlstate ~ '^(22|23|P0001)' AND coalesce(hint, '') = ''
$$;
COMMENT ON FUNCTION etl._is_of_rows(text, text) IS
    'Whether an error is one of an expression of a query, for a row: those of our own have hints.';

CREATE FUNCTION etl._refresh_error(
    sqlstate text, message text, detail text, hint text, rollup etl.rollup)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('sqlstate', sqlstate, 'message', CASE
            WHEN sqlstate = '54000' AND message LIKE 'index row %' THEN
                format('a key of rollup "%s" is too long: %s', rollup.name, message)
            WHEN etl._is_of_rows(sqlstate, hint) THEN
                format('rollup "%s" cannot be computed: %s', rollup.name, message)
            ELSE message END,
        'detail', coalesce(nullif(detail, ''), 'The failed refresh is recorded in etl.runs; what had changed is kept '
                                               'for the next.'),
        'hint', CASE WHEN sqlstate = '54000' AND message LIKE 'index row %' THEN
            format('Delete or shorten what has that key; or SELECT etl.alter_rollup(%L, query => …); with a shorter '
                   'key, as left(…, 200) or md5(…).', rollup.name)
        WHEN etl._is_of_rows(sqlstate, hint) THEN
            format('Mend or delete the row on which its query fails; or SELECT etl.alter_rollup(%L, query => …); with '
                   'a query that takes it.', rollup.name)
        ELSE coalesce(nullif(hint, ''), CASE
            WHEN sqlstate LIKE '42%' AND sqlstate <> '42501' THEN
                format('Something that the query uses is gone or another. SELECT etl.alter_rollup(%L, query => …); '
                       'with the query as it should be now fills the rollup anew.', rollup.name)
            ELSE format('SELECT * FROM etl.runs WHERE kind = ''rollup'' AND name = %L ORDER BY run_id DESC; tells what '
                        'was done.', rollup.name) END) END)
$$;
COMMENT ON FUNCTION etl._refresh_error(text, text, text, text, etl.rollup) IS
    'The error that ended a refresh, for etl._raise_refresh_failure.';

CREATE FUNCTION etl._start_progress(
    rollup etl.rollup, max_groups integer, max_runtime interval, newest_first boolean, mode text, as_of timestamptz)
RETURNS etl._rollup_progress
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    progress etl._rollup_progress;
BEGIN
    progress.name := rollup.name;
    progress.rollup_id := rollup.rollup_id;
    progress.as_of := as_of;
    progress.max_groups := max_groups;
    progress.newest_first := newest_first;
    progress.merge := etl._is_delta(rollup) AND mode IS DISTINCT FROM 'recompute';
    progress.retries := 0;
    progress.began := clock_timestamp();
    progress.spoke := progress.began;
    progress.deadline := etl._deadline(max_runtime);
    progress.done := false;
    progress.batches := 0;
    progress.log_rows := 0;
    progress.groups := 0;
    progress.merged := 0;
    progress.inserted := 0;
    progress.updated := 0;
    progress.deleted := 0;
    progress.frozen := 0;
    RETURN progress;
END
$$;
COMMENT ON FUNCTION etl._start_progress(etl.rollup, integer, interval, boolean, text, timestamptz) IS
    'The progress of a refresh that begins.';

CREATE FUNCTION etl._end_progress(progress etl._rollup_progress)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._finish_run(
        progress.run_id, CASE WHEN progress.failure IS NULL THEN 'succeeded' ELSE 'failed' END,
        progress.inserted + progress.updated + progress.deleted,
        jsonb_strip_nulls(jsonb_build_object(
            'log_rows', progress.log_rows, 'merged', nullif(progress.merged, 0), 'groups', progress.groups,
            'inserted', progress.inserted, 'updated', progress.updated, 'deleted', progress.deleted,
            'frozen', nullif(progress.frozen, 0), 'batches', progress.batches,
            'seconds', round(extract(epoch FROM clock_timestamp() - progress.began), 4))),
        progress.failure ->> 'message');
END
$$;
COMMENT ON FUNCTION etl._end_progress(etl._rollup_progress) IS 'Records how a refresh went.';

CREATE FUNCTION etl._begin_rollup_refresh(
    name text, max_groups integer, max_runtime interval, newest_first boolean, mode text, as_of timestamptz,
    dry_run boolean, in_steps boolean)
RETURNS etl._rollup_progress
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rollup etl.rollup := etl._rollup(name);
    progress etl._rollup_progress;
    detail text;
    hint text;
BEGIN
    PERFORM etl._check_refresh(rollup, max_groups, max_runtime, newest_first, mode, as_of, dry_run);
    progress := etl._start_progress(rollup, max_groups, max_runtime, newest_first, mode, as_of);
    progress.in_steps := in_steps AND NOT dry_run;
    IF NOT etl._lock_rollup(rollup, progress.in_steps) THEN
        RAISE NOTICE USING
            MESSAGE = format('rollup "%s" is being refreshed by another session%s, nothing to do', rollup.name,
                             etl._foreign_holder(rollup));
        progress.done := true;
        RETURN progress;
    END IF;
    PERFORM etl._close_lost_runs('rollup', rollup.name);
    progress.run_id := etl._start_run('rollup', rollup.name, as_of);
    BEGIN
        PERFORM etl._require_parts(rollup);
        PERFORM etl._note_target(rollup);
        PERFORM etl._take_missed(rollup);
        PERFORM etl._sync_source(rollup, s) FROM etl._sources(rollup) AS s;
        progress.done := NOT etl._has_changes(rollup, as_of);
        IF progress.done THEN
            UPDATE etl.rollup AS r SET refreshed_as_of = as_of
            WHERE r.rollup_id = rollup.rollup_id AND r.owner = current_user;
            PERFORM etl._end_progress(progress);
        END IF;
    EXCEPTION
        WHEN OTHERS OR query_canceled THEN
            PERFORM etl._take_cancel_once(SQLSTATE);
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            progress.failure := etl._refresh_error(SQLSTATE, SQLERRM, detail, hint, rollup);
            progress.done := true;
            PERFORM etl._end_progress(progress);
    END;
    RETURN progress;
END
$$;
COMMENT ON FUNCTION etl._begin_rollup_refresh(
    text, integer, interval, boolean, text, timestamptz, boolean, boolean) IS
    'Locks a rollup, records the run, looks at its sources, and tells whether anything is to do. Where another session '
    'refreshes it, says so (NOTICE) and gives no run.';
