-- The queue of runs.
--
-- Whatever asks for a run (a call, a schedule, a backfill) adds it to the queue, by etl._enqueue_run; its key is
-- pipeline and logical time, so that it is there once, whoever asks how often. A session that is to execute runs takes the next
-- one with etl._claim_run: it then holds a session lock on it, which PostgreSQL releases when the session ends, however
-- it ends. So a run that says running while nobody holds its lock is lost, and is claimed again and gone on with.

CREATE FUNCTION etl._log_event(
    run_id bigint, step text, event text, message text DEFAULT NULL, attempt integer DEFAULT NULL,
    detail jsonb DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql VOLATILE -- and not sql, which would be planned anew by each call
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO etl.run_event (run_id, step, event, message, attempt, detail, owner)
    SELECT r.run_id, _log_event.step, _log_event.event, left(_log_event.message, 10000), _log_event.attempt,
           coalesce(_log_event.detail, '{}'), r.owner
    FROM etl.run AS r
    WHERE r.run_id = _log_event.run_id;
    PERFORM pg_notify('etl_run', json_build_object('run_id', run_id, 'step', left(step, 500), 'event', event)::text);
END
$$;
COMMENT ON FUNCTION etl._log_event(bigint, text, text, text, integer, jsonb) IS
    'Writes down what happened to a run or to one of its steps (NULL: the run itself), and notifies the channel '
    'etl_run of it: a JSON object with run_id, step and event.';

CREATE FUNCTION etl._interval_start(pipeline etl.pipeline, logical_time timestamptz, trigger text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    previous timestamptz;
    latest timestamptz;
BEGIN
    IF pipeline.schedule IS NULL THEN
        RETURN (
            SELECT u.logical_time
            FROM etl.pipeline_run AS u
            JOIN etl.run AS r USING (run_id)
            WHERE u.pipeline_id = pipeline.pipeline_id AND u.owner = pipeline.owner
              AND u.logical_time < _interval_start.logical_time AND r.status = 'succeeded'
            ORDER BY u.logical_time DESC
            LIMIT 1
        );
    END IF;
    previous := etl._previous_time(pipeline.schedule, pipeline.timezone, pipeline.start_at, logical_time);
    IF trigger = 'backfill' THEN
        RETURN previous;
    END IF;
    SELECT u.logical_time INTO latest
    FROM etl.pipeline_run AS u
    JOIN etl.run AS r USING (run_id)
    WHERE u.pipeline_id = pipeline.pipeline_id AND u.owner = pipeline.owner
      AND u.logical_time < _interval_start.logical_time AND r.status <> 'skipped'
      AND (u.trigger = 'schedule' OR u.logical_time = previous)
    ORDER BY u.logical_time DESC
    LIMIT 1;
    RETURN coalesce(latest, previous);
END
$$;
COMMENT ON FUNCTION etl._interval_start(etl.pipeline, timestamptz, text) IS
    'Where the interval of a run begins that ends at its logical time: where the last one before it ended that its '
    'schedule has run and not skipped, whatever the schedule was then, so that between two of them no moment is left '
    'out and none comes twice; with none before it, at the time of the schedule before its own. Runs of backfills take '
    'the time of the schedule. Without a schedule it begins at the logical time of the last run before it that '
    'succeeded (NULL when there is none).';

CREATE FUNCTION etl._enqueue_run(
    pipeline etl.pipeline,
    logical_time timestamptz,
    trigger text,
    params jsonb DEFAULT '{}',
    from_step text DEFAULT NULL,
    interval_start timestamptz DEFAULT NULL,
    backfill_id bigint DEFAULT NULL,
    parallel integer DEFAULT 1
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queued bigint;
BEGIN
    IF EXISTS (
        SELECT FROM etl.pipeline_run AS u
        WHERE u.pipeline_id = pipeline.pipeline_id AND u.logical_time = _enqueue_run.logical_time
          AND u.owner = pipeline.owner
    ) THEN
        RETURN NULL;
    END IF;
    INSERT INTO etl.run (kind, name, as_of, started_at, status, owner)
    VALUES ('pipeline', pipeline.name, logical_time, NULL, 'queued', pipeline.owner)
    RETURNING run_id INTO queued;
    INSERT INTO etl.pipeline_run (
        run_id, pipeline_id, logical_time, interval_start, interval_end, trigger, backfill_id, parallel, params,
        from_step, max_parallel, timeout, on_failure, search_path, labels, owner)
    VALUES (
        queued, pipeline.pipeline_id, logical_time,
        coalesce(interval_start, etl._interval_start(pipeline, logical_time, _enqueue_run.trigger)), logical_time,
        _enqueue_run.trigger,
        coalesce(_enqueue_run.backfill_id, CASE _enqueue_run.trigger WHEN 'backfill' THEN queued END),
        _enqueue_run.parallel, coalesce(_enqueue_run.params, '{}'), _enqueue_run.from_step, pipeline.max_parallel,
        pipeline.timeout, pipeline.on_failure, pipeline.search_path, pipeline.labels, pipeline.owner);
    PERFORM etl._log_event(queued, NULL, 'queued');
    RETURN queued;
END
$$;
COMMENT ON FUNCTION etl._enqueue_run(etl.pipeline, timestamptz, text, jsonb, text, timestamptz, bigint, integer) IS
    'Adds a run of a pipeline to the queue and returns its number; NULL when there is one for that logical time. The '
    'caller has locked the pipeline''s row. trigger: call, start, schedule or backfill. interval_start: NULL takes '
    'that of etl._interval_start. backfill_id: the first run of the backfill, NULL for the first.';

CREATE VIEW etl._open_run WITH (security_invoker = true) AS
SELECT r.run_id, r.owner, r.status, u.pipeline_id, u.logical_time, u AS run
FROM etl.run AS r
JOIN etl.pipeline_run AS u USING (run_id)
LEFT JOIN etl.pipeline AS p ON p.pipeline_id = u.pipeline_id AND p.owner = u.owner
WHERE r.kind = 'pipeline' AND r.status IN ('queued', 'running')
  AND (r.status = 'running' OR u.trigger <> 'schedule' OR p.paused_at IS NULL OR p.paused_at < u.queued_at);
COMMENT ON VIEW etl._open_run IS
    'Runs that are under way, or wait in the queue and do not rest because their pipeline was paused since.';
GRANT SELECT ON etl._open_run TO PUBLIC;

-- Taking runs --------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._lock_id(id bigint)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (id % 2147483647)::integer
$$;
COMMENT ON FUNCTION etl._lock_id(bigint) IS
    'The number under which etl._lock_run locks a run or a step of one. Two of them share one only when two thousand '
    'million lie between them.';

CREATE FUNCTION etl._is_startable(run etl.pipeline_run)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FILTER (WHERE u.backfill_id IS DISTINCT FROM run.backfill_id OR run.backfill_id IS NULL) = 0
           AND count(*) < greatest(run.parallel, 1)
    FROM etl.pipeline_run AS u
    JOIN etl.run AS r USING (run_id)
    WHERE r.kind = 'pipeline' AND r.owner = run.owner AND r.status = 'running' AND u.pipeline_id = run.pipeline_id
      AND u.run_id <> run.run_id
$$;
COMMENT ON FUNCTION etl._is_startable(etl.pipeline_run) IS
    'Whether a queued run may begin: no other run of its pipeline is under way, but for runs of the same backfill, of '
    'which as many as it allows may be. The caller has locked the pipeline''s row.';

CREATE FUNCTION etl._take_run(run_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted etl.pipeline_run;
    state text;
BEGIN
    SELECT r.status INTO state FROM etl.run AS r WHERE r.run_id = _take_run.run_id;
    SELECT u.* INTO wanted FROM etl.pipeline_run AS u WHERE u.run_id = _take_run.run_id;
    -- A superuser sees runs of others too.
    IF state IS NULL OR wanted.owner <> current_user OR state NOT IN ('queued', 'running')
       OR state = 'queued' AND NOT etl._is_startable(wanted)
       OR NOT etl._lock_run('etl.pipeline_run', etl._lock_id(run_id)) THEN
        RETURN false;
    END IF;
    -- It may have ended since it was looked at, and its session's lock with it.
    UPDATE etl.run AS r
    SET status = 'running', started_at = coalesce(r.started_at, clock_timestamp())
    WHERE r.run_id = _take_run.run_id AND r.status IN ('queued', 'running');
    IF NOT FOUND THEN
        PERFORM etl._unlock_run('etl.pipeline_run', etl._lock_id(run_id));
        RETURN false;
    END IF;
    UPDATE etl.pipeline_run AS u
    SET executor_pid = pg_backend_pid(), deadline = clock_timestamp() + u.timeout
    WHERE u.run_id = _take_run.run_id;
    IF state = 'queued' THEN
        IF NOT EXISTS (SELECT FROM etl.step_run AS s WHERE s.run_id = _take_run.run_id) THEN -- else it is a retry
            PERFORM etl._fill_run(wanted);
        END IF;
        -- Without a schedule an interval begins where a run has ended that may have waited, or failed, beside this one.
        UPDATE etl.pipeline_run AS u
        SET interval_start = greatest(u.interval_start, etl._interval_start(p, wanted.logical_time, wanted.trigger))
        FROM etl.pipeline AS p
        WHERE u.run_id = _take_run.run_id AND p.pipeline_id = wanted.pipeline_id AND p.schedule IS NULL
          AND wanted.trigger <> 'backfill';
        PERFORM etl._log_event(run_id, NULL, 'started');
    ELSE
        PERFORM etl._log_event(run_id, NULL, 'resumed', 'the session that ran it had ended before it had finished');
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION etl._take_run(bigint) IS
    'Makes this session the one that executes a run: false when another session does, it may not begin yet, or it has '
    'ended. A run that says running and whose session is gone is taken as it is. The caller has locked the pipeline''s '
    'row.';

CREATE FUNCTION etl._take_run_or_fail(run_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN etl._take_run(run_id);
EXCEPTION
    WHEN OTHERS THEN
        PERFORM etl._unlock_run('etl.pipeline_run', etl._lock_id(run_id));
        IF NOT etl._is_transient(SQLSTATE) THEN
            PERFORM etl._finish_run(run_id, 'failed', NULL, NULL, SQLERRM),
                    etl._log_event(run_id, NULL, 'failed', SQLERRM, NULL, jsonb_build_object('sqlstate', SQLSTATE)),
                    etl._stop_backfill(run_id);
        END IF;
        RETURN false;
END
$$;
COMMENT ON FUNCTION etl._take_run_or_fail(bigint) IS
    'As etl._take_run; a run that cannot begin, because a step cannot be made sense of any more, is recorded as '
    'failed. After an error that may go away by itself it is left for another time.';

CREATE FUNCTION etl._take_next_run()
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    candidate record;
BEGIN
    -- One row for each pipeline: of its runs, lost ones come before queued ones, and then the earliest logical time.
    FOR candidate IN
        SELECT DISTINCT ON (o.pipeline_id) o.pipeline_id, o.run_id
        FROM etl._open_run AS o
        WHERE o.owner = current_user
          AND (o.status = 'queued' OR etl._run_lock_holder('etl.pipeline_run', etl._lock_id(o.run_id)) IS NULL)
        ORDER BY o.pipeline_id, o.status DESC, o.logical_time
    LOOP
        PERFORM FROM etl.pipeline AS p WHERE p.pipeline_id = candidate.pipeline_id FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND AND EXISTS (SELECT FROM etl.pipeline AS p WHERE p.pipeline_id = candidate.pipeline_id);
        IF etl._take_run_or_fail(candidate.run_id) THEN
            RETURN candidate.run_id;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._take_next_run() IS
    'Makes this session the one that executes the next run of the current role that is lost or queued and may begin, '
    'and returns its number; NULL when there is none.';

CREATE FUNCTION etl._is_run_left()
RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM (
            SELECT DISTINCT ON (o.pipeline_id) o.run AS next
            FROM etl._open_run AS o
            WHERE o.owner = current_user AND o.status = 'queued'
            ORDER BY o.pipeline_id, o.logical_time
        ) AS q
        WHERE etl._is_startable(q.next)
    )
$$;
COMMENT ON FUNCTION etl._is_run_left() IS
    'Whether a queued run of the current role could begin now, if no other session takes it.';

CREATE FUNCTION etl._start_runner(owner text)
RETURNS boolean
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'etl_start_runner';
COMMENT ON FUNCTION etl._start_runner(text) IS
    'Starts a background worker that logs in as a role and executes its queue (etl._run_queue); false when no slot is '
    'free. Errors: 42501 the current role may not act as it, 42704 no such role.';

CREATE FUNCTION etl._start_runner_at_commit(owner text)
RETURNS void
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'etl_start_runner_at_commit';
COMMENT ON FUNCTION etl._start_runner_at_commit(text) IS
    'As etl._start_runner, once this transaction has committed. Where no slot is free then, the queue waits for the '
    'scheduler.';

CREATE FUNCTION etl._wake_runner(run etl.run)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    obstacle CONSTANT text := etl._worker_obstacle(run.owner);
    -- The library, which knows the setting, may not be loaded yet.
    use_workers CONSTANT boolean := coalesce(current_setting('pg_etl.use_workers', true), 'on')::boolean;
    failure jsonb;
BEGIN
    IF to_regrole(quote_ident(run.owner)) IS NULL THEN
        RETURN; -- a superuser cancels what a role has left that is gone
    ELSIF obstacle IS NULL AND use_workers THEN
        PERFORM etl._start_runner_at_commit(run.owner);
        RETURN;
    END IF;
    failure := etl._worker_failure(obstacle, 'runs in the background', run.owner);
    RAISE NOTICE USING
        MESSAGE = format('run %s waits: %s', run.run_id, coalesce(failure ->> 'message', 'pg_etl.use_workers is off')),
        HINT = format('CALL etl.run_pipeline(%L, %L); executes it here; or %s', run.name, run.as_of,
                      coalesce(failure ->> 'hint', 'SET pg_etl.use_workers = on;'));
END
$$;
COMMENT ON FUNCTION etl._wake_runner(etl.run) IS
    'Lets a background worker take a run from the queue once this transaction has committed; a notice says why none '
    'can.';
