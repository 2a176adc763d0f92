-- Backfills: the runs of a pipeline for the logical times of a stretch of the past.
--
-- All runs are queued in one transaction, so that a backfill is there whole or not at all, whatever becomes of the
-- session that asked for it. That session then executes them as a runner would, beside the runners that it starts.

CREATE FUNCTION etl._backfill_times(pipeline etl.pipeline, "from" timestamptz, "to" timestamptz, every interval)
RETURNS timestamptz[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 100000;
    schedule text := coalesce(every::text, pipeline.schedule);
    anchor timestamptz := CASE WHEN every IS NULL THEN pipeline.start_at ELSE date_trunc('second', "from") END;
    times timestamptz[] := '{}';
    due timestamptz := coalesce(CASE WHEN every IS NOT NULL THEN anchor END, "from") - interval '1 microsecond';
BEGIN
    LOOP
        due := etl._next_time(schedule, pipeline.timezone, anchor, due);
        EXIT WHEN due IS NULL OR due > "to";
        times := times || due;
        IF cardinality(times) > most THEN
            RAISE EXCEPTION USING
                ERRCODE = 'program_limit_exceeded',
                MESSAGE = format('the backfill has more than %s logical times', most),
                HINT = format('Begin with those to %L, or take longer steps with every => …', times[most]);
        END IF;
    END LOOP;
    RETURN times;
END
$$;
COMMENT ON FUNCTION etl._backfill_times(etl.pipeline, timestamptz, timestamptz, interval) IS
    'The times of a pipeline''s schedule, or those at a distance from the first one, in its time zone, from one moment '
    'to another, both included (54000 when they are more than 100,000).';

CREATE FUNCTION etl._require_backfill(
    pipeline etl.pipeline, "from" timestamptz, "to" timestamptz, every interval, parallel integer, params jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_step(pipeline, NULL), etl._require_time("from", '"from"'), etl._require_time("to", '"to"'),
            etl._require_object(coalesce(params, '{}'), 'params');
    IF "from" > "to" OR "to" > clock_timestamp() THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN "from" > "to" THEN format('"to" is before "from": %s, %s', "to", "from")
                           ELSE format('"to" is in the future: %s', "to") END,
            HINT = CASE WHEN "from" > "to" THEN 'Give the first logical time first; both are included.'
                        ELSE 'A backfill is for the past; what is to come is for the schedule of the pipeline.' END;
    ELSIF parallel IS NULL OR parallel < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('parallel must be at least 1, not %s', coalesce(parallel::text, 'NULL')),
            HINT = 'Give the number of runs that may be under way at once.';
    ELSIF every IS NOT NULL THEN
        PERFORM etl._require_positive(every, 'every');
    ELSIF pipeline.schedule IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('pipeline "%s" has no schedule that would tell the logical times', pipeline.name),
            HINT = 'Give the distance between them, as in every => ''1 day''.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_backfill(etl.pipeline, timestamptz, timestamptz, interval, integer, jsonb) IS
    'Checks the arguments of a backfill (22023, 55000).';

CREATE FUNCTION etl._queue_backfill(
    pipeline etl.pipeline, "from" timestamptz, "to" timestamptz, every interval, parallel integer, params jsonb)
RETURNS bigint[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    times timestamptz[];
    logical_time timestamptz;
    run bigint;
    runs bigint[] := '{}';
BEGIN
    PERFORM etl._require_backfill(pipeline, "from", "to", every, parallel, params);
    times := etl._backfill_times(pipeline, "from", "to", every);
    IF times[1] <= pipeline.pruned_to THEN
        RAISE NOTICE USING
            MESSAGE = format('times of pipeline "%s" up to %s may have been run before', pipeline.name,
                             pipeline.pruned_to),
            DETAIL = 'The record of these runs has been pruned; whatever is not on record is run.';
    END IF;
    FOREACH logical_time IN ARRAY times LOOP
        run := etl._enqueue_run(
            pipeline, logical_time, 'backfill', params, NULL,
            CASE WHEN every IS NOT NULL THEN
                etl._previous_time(every::text, pipeline.timezone, date_trunc('second', "from"), logical_time)
            END, runs[1], parallel);
        IF run IS NOT NULL THEN
            runs := runs || run;
        END IF;
    END LOOP;
    IF runs = '{}' THEN
        RAISE NOTICE USING
            MESSAGE = format('pipeline "%s" has a run already for each of these %s logical times', pipeline.name,
                             cardinality(times));
    ELSIF current_setting('pg_etl.progress')::boolean THEN
        RAISE INFO USING
            MESSAGE = format('backfill of pipeline "%s", logical times without a run: %s of %s', pipeline.name,
                             cardinality(runs), cardinality(times));
    END IF;
    RETURN runs;
END
$$;
COMMENT ON FUNCTION etl._queue_backfill(etl.pipeline, timestamptz, timestamptz, interval, integer, jsonb) IS
    'Queues a run for each logical time of a backfill that has none, and returns their numbers; the first is that of '
    'the backfill.';

CREATE FUNCTION etl._try_backfill(
    pipeline etl.pipeline, "from" timestamptz, "to" timestamptz, every interval, parallel integer, params jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    runs bigint[];
    times text;
BEGIN
    runs := etl._queue_backfill(pipeline, "from", "to", every, parallel, params);
    SELECT string_agg(q.logical_time::text, ', ' ORDER BY q.logical_time) FILTER (WHERE n <= 100)
           || CASE WHEN count(*) > 100 THEN format(' and %s more', count(*) - 100) ELSE '' END
        INTO times
    FROM unnest(runs) WITH ORDINALITY AS t(run_id, n)
    JOIN etl.pipeline_run AS q USING (run_id);
    RAISE EXCEPTION USING ERRCODE = 'ETLDR', MESSAGE = coalesce(times, 'none');
EXCEPTION
    WHEN SQLSTATE 'ETLDR' THEN
        RAISE NOTICE USING MESSAGE = format('dry run, nothing is queued: %s', SQLERRM);
END
$$;
COMMENT ON FUNCTION etl._try_backfill(etl.pipeline, timestamptz, timestamptz, interval, integer, jsonb) IS
    'A dry run of a backfill: queues its runs, tells their logical times, and rolls back.';

-- The runs of a backfill ---------------------------------------------------------------------------------------------

CREATE FUNCTION etl._cancel_backfill(backfill_id bigint, reason text, also_running boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._request_cancel(w.run_id, reason)
    FROM (
        SELECT r.run_id
        FROM etl.pipeline_run AS q
        JOIN etl.run AS r USING (run_id)
        WHERE q.backfill_id = _cancel_backfill.backfill_id AND r.owner = current_user
          AND (r.status = 'queued' OR also_running AND r.status = 'running')
        ORDER BY q.logical_time DESC -- from the far end: the nearest may be begun meanwhile
        FOR NO KEY UPDATE OF r -- so that one that was is looked at again
    ) AS w;
END
$$;
COMMENT ON FUNCTION etl._cancel_backfill(bigint, text, boolean) IS
    'Cancels the runs of a backfill that have not begun, and those under way too where that is asked for.';

CREATE FUNCTION etl._stop_backfill(failed_run bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    backfill bigint := (
        SELECT q.backfill_id FROM etl.pipeline_run AS q WHERE q.run_id = failed_run AND q.on_failure = 'stop');
BEGIN
    IF backfill IS NOT NULL THEN
        PERFORM etl._cancel_backfill(backfill, format('run %s of its backfill failed', failed_run), false);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._stop_backfill(bigint) IS
    'For a run that failed: where its pipeline stops on a failure, cancels the runs of its backfill that have not '
    'begun.';

CREATE FUNCTION etl._take_backfill_run(backfill_id bigint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    candidate record;
BEGIN
    SELECT q.run_id, q.pipeline_id INTO candidate
    FROM etl.pipeline_run AS q
    JOIN etl.run AS r USING (run_id)
    WHERE q.backfill_id = _take_backfill_run.backfill_id AND r.owner = current_user
      AND (r.status = 'queued' OR r.status = 'running' AND etl._executor(q.run_id, NULL) IS NULL)
    ORDER BY r.status DESC, q.logical_time
    LIMIT 1;
    PERFORM FROM etl.pipeline AS p WHERE p.pipeline_id = candidate.pipeline_id FOR NO KEY UPDATE;
    RETURN CASE WHEN etl._take_run_or_fail(candidate.run_id) THEN candidate.run_id END;
END
$$;
COMMENT ON FUNCTION etl._take_backfill_run(bigint) IS
    'Makes this session the one that executes the next run of a backfill that is lost or queued and may begin; NULL '
    'when there is none now.';

CREATE TYPE etl._backfill_state AS (
    backfill_id bigint, pipeline text, total bigint, ended bigint, failed bigint, began timestamptz, spoke timestamptz,
    is_cancelled boolean, gone bigint);
COMMENT ON TYPE etl._backfill_state IS
    'What the session that waits for a backfill knows of it: its first run, how many runs it has, how many of them '
    'have ended, and not well, when it began, when the client was told of it, whether it is to be given up, and how '
    'many of its runs are not there any more.';

CREATE FUNCTION etl._watch_backfill(state etl._backfill_state)
RETURNS etl._backfill_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spent double precision := extract(epoch FROM clock_timestamp() - state.began);
BEGIN
    SELECT state.total - count(*) FILTER (WHERE r.status IN ('queued', 'running')),
           count(*) FILTER (WHERE r.status IN ('failed', 'cancelled')), state.total - count(*)
        INTO state.ended, state.failed, state.gone
    FROM etl.pipeline_run AS q
    JOIN etl.run AS r USING (run_id)
    WHERE q.backfill_id = state.backfill_id AND r.owner = current_user;
    IF current_setting('pg_etl.progress')::boolean AND clock_timestamp() > state.spoke + interval '1 second' THEN
        RAISE INFO USING MESSAGE = format(
            'backfill of pipeline "%s": %s of %s runs have ended, %s of them failed or cancelled, %s s, about %s s to '
            'go', state.pipeline, state.ended, state.total, state.failed, round(spent),
            coalesce(round(spent / nullif(state.ended, 0) * (state.total - state.ended))::text, '?'));
        state.spoke := clock_timestamp();
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._watch_backfill(etl._backfill_state) IS
    'Counts the runs of a backfill that have ended, and tells the client at most once a second where pg_etl.progress '
    'is on.';

CREATE FUNCTION etl._is_interrupted(run_id bigint)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.status = 'cancelled' AND q.cancel_requested_at IS NULL
    FROM etl.run AS r
    JOIN etl.pipeline_run AS q USING (run_id)
    WHERE r.run_id = _is_interrupted.run_id
$$;
COMMENT ON FUNCTION etl._is_interrupted(bigint) IS
    'Whether a run was cancelled because the session that executed it was told to cancel its statement, and not by '
    'etl.cancel_run.';

CREATE FUNCTION etl._start_own_runners(wanted bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR i IN 1 .. wanted LOOP
        EXIT WHEN NOT etl._start_runner(current_user);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._start_own_runners(bigint) IS
    'Starts background workers that execute the queue of the current role, as many as are wanted and can be had.';

CREATE FUNCTION etl._end_backfill(state etl._backfill_state)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_error text;
BEGIN
    IF state.gone > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('backfill of pipeline "%s": %s of %s runs do not exist any more', state.pipeline,
                             state.gone, state.total),
            DETAIL = 'They were deleted meanwhile, or their role has another name.',
            HINT = format('SELECT * FROM etl.pipeline_runs WHERE backfill_id = %s lists those that do.',
                          state.backfill_id);
    ELSIF state.failed = 0 THEN
        RETURN;
    END IF;
    SELECT format('Run %s for %s: %s', q.run_id, q.logical_time, r.error) INTO first_error
    FROM etl.pipeline_run AS q
    JOIN etl.run AS r USING (run_id)
    WHERE q.backfill_id = state.backfill_id AND r.owner = current_user AND r.status IN ('failed', 'cancelled')
    ORDER BY r.status = 'cancelled', q.logical_time
    LIMIT 1;
    RAISE EXCEPTION USING
        ERRCODE = CASE WHEN state.is_cancelled THEN 'query_canceled' ELSE 'raise_exception' END,
        MESSAGE = format(
            CASE WHEN state.is_cancelled THEN 'backfill of pipeline "%s" was canceled: %s of %s runs have not succeeded'
                 ELSE 'backfill of pipeline "%s": %s of %s runs have not succeeded' END,
            state.pipeline, state.failed, state.total),
        DETAIL = first_error,
        HINT = format('SELECT etl.retry_run(run_id) FROM etl.pipeline_runs WHERE backfill_id = %s AND status IN '
                      '(''failed'', ''cancelled''); runs them again.', state.backfill_id);
END
$$;
COMMENT ON FUNCTION etl._end_backfill(etl._backfill_state) IS
    'Raises an error when runs of a backfill have not succeeded (57014 when it was cancelled, else P0001), or are gone '
    '(42704).';

-- The body names everything with its schema and uses no operator where the path is not pinned: a COMMIT resets it.
CREATE PROCEDURE etl.backfill(
    pipeline text,
    "from" timestamptz,
    "to" timestamptz,
    every interval DEFAULT NULL,
    parallel integer DEFAULT 1,
    params jsonb DEFAULT NULL,
    dry_run boolean DEFAULT false
)
LANGUAGE plpgsql
AS $$
DECLARE
    runs pg_catalog.int8[];
    run pg_catalog.int8;
    failed pg_catalog.int8;
    state etl._backfill_state;
BEGIN
    CALL etl._require_toplevel('etl.backfill');
    CALL etl._commit();
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM etl._require_flag(dry_run, 'dry_run');
    IF dry_run THEN
        PERFORM etl._try_backfill(etl._pipeline(pipeline), "from", "to", every, parallel, params);
        RETURN;
    END IF;
    runs := etl._queue_backfill(etl._pipeline(pipeline), "from", "to", every, parallel, params);
    state := (runs[1], pipeline, pg_catalog.cardinality(runs), 0, 0, pg_catalog.clock_timestamp(),
              pg_catalog.clock_timestamp(), false, 0);
    CALL etl._commit();
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM etl._start_own_runners(least(parallel, state.total) - 1);
    WHILE state.ended < state.total AND NOT state.is_cancelled LOOP
        run := etl._take_backfill_run(state.backfill_id);
        COMMIT;
        IF run IS NULL THEN
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            state.is_cancelled := etl._rest(0.1) IS NOT NULL;
        ELSE
            CALL etl._execute_run(run, failed);
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            state.is_cancelled := etl._is_interrupted(run);
        END IF;
        COMMIT;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF state.is_cancelled THEN
            PERFORM etl._cancel_backfill(state.backfill_id, 'its backfill was cancelled', true);
        END IF;
        state := etl._watch_backfill(state);
        CALL etl._commit();
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    END LOOP;
    PERFORM etl._end_backfill(state);
END
$$;
COMMENT ON PROCEDURE etl.backfill(text, timestamptz, timestamptz, interval, integer, jsonb, boolean) IS
$$Runs a pipeline for the logical times of a stretch of the past, and returns when all these runs have ended; it cannot
be called inside a transaction block (2D000). The runs are queued in one transaction; this session executes them, and up
to parallel - 1 background workers beside it. A time that has a run already, whatever became of it, is left; one whose
run has been pruned is run again, and a notice says so.
pipeline: one of the current role's. "from", "to": the first and the last moment, both included. every: the distance
between logical times, from the first moment on, in the pipeline's time zone; NULL takes the times of its schedule.
parallel: how many runs may be under way at once; 1 keeps them in the order of their times. params: as for
etl.run_pipeline, for all of the runs. dry_run: tells the logical times and queues nothing.
Where a run fails, those that have not begun are cancelled if the pipeline has on_failure 'stop', else the others go on.
A cancel of the call cancels them too. With pg_etl.progress on, an INFO tells once a second how far it is.
Errors: 42704 no such pipeline, 42501 another role's, 55000 it has no steps, 22023 bad argument, 54000 more than 100,000
times, P0001 in the end when runs have not succeeded, 57014 when the call was cancelled, 42704 when runs were deleted
meanwhile.$$;
