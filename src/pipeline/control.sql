-- What is done to runs from outside of them: starting one without waiting for it, cancelling, retrying, waiting.
--
-- The session that executes a run holds its lock; these functions never do its work, they change what it will read.

CREATE FUNCTION etl._own_run(run_id bigint, or_superuser boolean DEFAULT false)
RETURNS etl.run
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own etl.run;
BEGIN
    PERFORM etl._seen_run(run_id), etl._require_writable();
    SELECT r.* INTO own
    FROM etl.run AS r
    WHERE r.run_id = _own_run.run_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM etl._seen_run(run_id); -- raises: it was deleted meanwhile
    END IF;
    PERFORM etl._require_owner(own.owner, format('run %s of pipeline "%s"', run_id, own.name), or_superuser);
    RETURN own;
END
$$;
COMMENT ON FUNCTION etl._own_run(bigint, boolean) IS
    'The run of a pipeline of the current role''s with that number, locked to the end of the transaction (42704 when '
    'there is none, 42501 when it is another role''s and the caller no superuser for whom or_superuser makes an '
    'exception).';

-- Starting -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.start_pipeline(
    name text,
    logical_time timestamptz DEFAULT now(),
    from_step text DEFAULT NULL,
    params jsonb DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pipeline etl.pipeline := etl._pipeline(name);
    is_known boolean := EXISTS (
        SELECT FROM etl.pipeline_run AS u
        WHERE u.pipeline_id = pipeline.pipeline_id AND u.logical_time = start_pipeline.logical_time
          AND u.owner = pipeline.owner
    );
    opened record;
BEGIN
    SELECT o.* INTO opened FROM etl._open_run(pipeline, logical_time, 'start', from_step, params) AS o;
    IF opened.status IN ('queued', 'running') THEN
        UPDATE etl.pipeline_run AS u SET queued_at = clock_timestamp() -- asked for also while the pipeline is paused
        WHERE u.run_id = opened.run_id AND opened.status = 'queued' AND u.queued_at <= pipeline.paused_at;
        PERFORM etl._wake_runner(r) FROM etl.run AS r WHERE r.run_id = opened.run_id;
        IF is_known THEN
            RAISE NOTICE USING
                MESSAGE = format('pipeline "%s" has run %s for %s already, which is %s', name, opened.run_id,
                                 logical_time, opened.status);
        END IF;
    END IF;
    RETURN opened.run_id;
END
$$;
COMMENT ON FUNCTION etl.start_pipeline(text, timestamptz, text, jsonb) IS
$$Queues a run of a pipeline and returns its number at once; when the transaction commits, a background worker takes it
from the queue. Where no worker can be had, the next tick or CALL etl.run_pipeline for the same logical time takes it.
name: a pipeline of the current role. logical_time: the run's (default: now). from_step: only this step and those that
need it, directly or by way of others, are executed; the others are skipped. params: a JSON object whose members steps
read with etl.param; they win over those of the step.
A pipeline has one run for each logical time: where there is one, its number is returned with a notice, and if it has
not ended it is gone on with.
Errors: 42704 no such pipeline or step, 42501 another role's, 55000 it has no steps, 22023 bad argument.$$;

-- Cancelling ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._interrupt_executor(run_id bigint, executor integer)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A step that cancels its own run still ends.
    PERFORM pg_cancel_backend(executor)
    FROM etl.step_run AS s
    WHERE s.run_id = _interrupt_executor.run_id AND s.status = 'running' AND s.worker_pid = executor
      AND executor <> pg_backend_pid();
EXCEPTION
    WHEN insufficient_privilege THEN
        NULL; -- it sees the request when the step has ended
END
$$;
COMMENT ON FUNCTION etl._interrupt_executor(bigint, integer) IS
    'Cancels the step that the session of a run executes itself, where the current role may do so. While workers '
    'execute the steps, that session sees a request to cancel within a second. The caller has locked the run''s row in '
    'etl.run, so that the session cannot have ended the run and be at another one.';

CREATE FUNCTION etl._request_cancel(
    run_id bigint, reason text DEFAULT 'cancelled', or_superuser boolean DEFAULT false)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run etl.run := etl._own_run(run_id, or_superuser);
    executor integer := (etl._seen_run(run_id)).executor_pid;
BEGIN
    IF run.status NOT IN ('queued', 'running') THEN
        RETURN false;
    END IF;
    UPDATE etl.pipeline_run AS q
    SET cancel_requested_at = coalesce(q.cancel_requested_at, clock_timestamp())
    WHERE q.run_id = _request_cancel.run_id;
    IF run.status = 'queued' THEN
        PERFORM etl._stop_run(run_id, 'cancelled');
        UPDATE etl.run AS r
        SET status = 'cancelled', error = reason, finished_at = clock_timestamp()
        WHERE r.run_id = _request_cancel.run_id;
        PERFORM etl._log_event(run_id, NULL, 'cancelled', reason);
    ELSE
        PERFORM etl._log_event(run_id, NULL, 'cancel_requested', reason);
        IF executor IS NULL THEN
            PERFORM etl._wake_runner(run); -- to end it
        ELSE
            PERFORM etl._interrupt_executor(run_id, executor);
        END IF;
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION etl._request_cancel(bigint, text, boolean) IS
    'Cancels a queued run, or asks the session that executes it to do so; false when the run has ended. The reason is '
    'recorded. or_superuser: a superuser may do so with another role''s. Errors as etl.cancel_run.';

CREATE FUNCTION etl.cancel_run(run_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_cancelled boolean := etl._request_cancel(run_id, format('cancelled by role "%s"', current_user));
BEGIN
    IF NOT is_cancelled THEN
        RAISE NOTICE USING
            MESSAGE = format('run %s has ended already: %s', run_id, (etl._seen_run(run_id)).status);
    END IF;
    RETURN is_cancelled;
END
$$;
COMMENT ON FUNCTION etl.cancel_run(bigint) IS
$$Cancels a run of a pipeline. A queued one is cancelled at once. The session that executes one under way hears of it
within a second: it ends the steps that are running, whose transactions are rolled back, and starts no others;
etl.wait_run waits for that. Returns false, with a notice, when the run has ended already. etl.retry_run goes on with a
cancelled run. Errors: 42704 no such run, 42501 another role's.$$;

-- Retrying -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._reset_steps(run_id bigint, from_step text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    again integer[] := etl._downstream_steps(run_id, from_step);
BEGIN
    IF from_step IS NOT NULL AND again IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('run %s has no step "%s"', run_id, from_step),
            HINT = format('SELECT step FROM etl.step_runs WHERE run_id = %s ORDER BY position; lists its steps.',
                          run_id);
    END IF;
    -- Under other numbers: a session that was about to record an attempt of the former ones finds none.
    UPDATE etl.step_run AS s
    SET step_run_id = DEFAULT, status = 'waiting', attempt = 0, is_settled = false, after_failure = false,
        next_attempt_at = NULL, slot_wanted_at = NULL, worker_pid = NULL, started_at = NULL, finished_at = NULL,
        rows = NULL, sqlstate = NULL, error = NULL, detail = NULL, hint = NULL, context = NULL
    WHERE s.run_id = _reset_steps.run_id
      AND (s.position = ANY (coalesce(again, '{}')) OR s.status <> 'succeeded' AND NOT s.is_settled);
END
$$;
COMMENT ON FUNCTION etl._reset_steps(bigint, text) IS
    'Makes steps of a run wait again: those that have not succeeded, but for those that from_step left out, and the '
    'given step with all that need it.';

CREATE FUNCTION etl._settle_interval(run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run etl.pipeline_run;
    next record;
BEGIN
    SELECT u.* INTO run FROM etl.pipeline_run AS u WHERE u.run_id = _settle_interval.run_id;
    IF run.trigger = 'schedule' AND (SELECT r.status FROM etl.run AS r WHERE r.run_id = run.run_id) = 'skipped' THEN
        UPDATE etl.pipeline_run AS u
        SET interval_start = greatest(u.interval_start, etl._interval_start(p, u.logical_time, u.trigger))
        FROM etl.pipeline AS p
        WHERE u.run_id = run.run_id AND p.pipeline_id = u.pipeline_id AND p.owner = u.owner
        RETURNING u.* INTO run;
    END IF;
    SELECT u.run_id, u.logical_time, u.interval_start INTO next
    FROM etl.pipeline AS p
    JOIN etl.pipeline_run AS u USING (pipeline_id, owner)
    JOIN etl.run AS r USING (run_id)
    WHERE p.pipeline_id = run.pipeline_id AND p.owner = run.owner AND u.logical_time > run.logical_time
      AND CASE
              WHEN run.trigger = 'schedule' THEN u.trigger = 'schedule' AND r.status <> 'skipped'
              -- Such an interval is found when its run begins; with one that does not succeed it is not taken.
              WHEN run.trigger <> 'backfill' AND p.schedule IS NULL THEN
                  u.trigger <> 'backfill' AND r.status IN ('queued', 'running', 'succeeded')
                  AND EXISTS (SELECT FROM etl.step_run AS s WHERE s.run_id = u.run_id)
              ELSE false
          END
    ORDER BY u.logical_time
    LIMIT 1;
    IF next.run_id IS NOT NULL AND run.interval_start IS DISTINCT FROM run.interval_end
       AND coalesce(next.interval_start, '-infinity') <= coalesce(run.interval_start, '-infinity') THEN
        UPDATE etl.pipeline_run AS u SET interval_start = u.interval_end WHERE u.run_id = _settle_interval.run_id;
        RAISE NOTICE USING
            MESSAGE = format('the interval of run %s is empty now: that of run %s for %s has it too', run_id,
                             next.run_id, next.logical_time),
            DETAIL = 'What happened in it is not to be taken twice.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._settle_interval(bigint) IS
    'Before a run is tried again: what of its interval runs before it or the one after it have taken, because this one '
    'had not been run, is theirs; a notice says so where nothing is left. The caller has locked the pipeline''s row.';

CREATE FUNCTION etl.retry_run(run_id bigint, from_step text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run etl.run;
BEGIN
    PERFORM etl._seen_run(run_id), etl._require_writable();
    -- Before the run's row, as by whoever queues runs.
    PERFORM FROM etl.pipeline AS p WHERE p.pipeline_id = (
        SELECT u.pipeline_id FROM etl.pipeline_run AS u WHERE u.run_id = retry_run.run_id) FOR NO KEY UPDATE;
    run := etl._own_run(run_id);
    IF run.status IN ('queued', 'running') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = format('run %s of pipeline "%s" has not ended: it is %s', run_id, run.name, run.status),
            HINT = format('Wait for it with etl.wait_run(%s), or cancel it first with etl.cancel_run(%s).', run_id,
                          run_id);
    ELSIF run.status = 'succeeded' AND from_step IS NULL THEN
        RAISE NOTICE USING
            MESSAGE = format('run %s of pipeline "%s" has succeeded already', run_id, run.name),
            HINT = format('Name the step to begin with, as in etl.retry_run(%s, %L), to execute it again.', run_id, (
                SELECT s.step FROM etl.step_run AS s WHERE s.run_id = run.run_id ORDER BY s.position LIMIT 1));
        RETURN run_id;
    END IF;
    PERFORM etl._settle_interval(run_id), etl._reset_steps(run_id, from_step);
    UPDATE etl.run AS r
    SET status = 'queued', started_at = NULL, finished_at = NULL, rows = NULL, error = NULL, detail = '{}'
    WHERE r.run_id = retry_run.run_id;
    UPDATE etl.pipeline_run AS q
    SET cancel_requested_at = NULL, executor_pid = NULL, deadline = NULL, queued_at = clock_timestamp()
    WHERE q.run_id = retry_run.run_id;
    PERFORM etl._log_event(run_id, NULL, 'queued',
                           concat_ws(' ', 'to be tried again', 'from step ' || quote_ident(from_step)));
    PERFORM etl._wake_runner(run);
    RETURN run_id;
END
$$;
COMMENT ON FUNCTION etl.retry_run(bigint, text) IS
$$Queues a run that failed, was cancelled or was skipped again, and returns its number at once; a background worker
takes it when the transaction commits. Its steps that succeeded are not executed again, all others are, from their first
attempt. from_step: this step and all that need it, directly or by way of others, are executed again also where they
succeeded. The run keeps the steps, the logical time and the params that it began with; a change of the pipeline is for
its next runs. A run that succeeded is left as it is, with a notice, where from_step is not given. Where a later run has
taken the interval of one that was skipped, or, without a schedule, one that succeeded or has yet to end has that of one
that failed, the interval becomes empty, with a notice: etl.interval_start() is etl.interval_end() then.
Errors: 42704 no such run or step, 42501 another role's, 55006 the run has not ended.$$;

-- Waiting ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_fresh_looks(run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'active_sql_transaction',
            MESSAGE = format('etl.wait_run cannot wait in a transaction of isolation level %s',
                             current_setting('transaction_isolation')),
            DETAIL = 'Such a transaction never sees what others commit after it began.',
            HINT = format('SELECT etl.wait_run(%s); by itself, or in a transaction of level READ COMMITTED.', run_id);
    ELSIF pg_current_xact_id_if_assigned() IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'active_sql_transaction',
            MESSAGE = 'etl.wait_run cannot wait in a transaction that has changed something',
            DETAIL = 'What it changed, and a run that it queued, is there for others after its COMMIT only.',
            HINT = format('COMMIT, then SELECT etl.wait_run(%s);', run_id);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_fresh_looks(bigint) IS
    'Checks that a loop sees what other sessions commit meanwhile, and holds nobody up (25001).';

CREATE FUNCTION etl._require_not_in_the_way(run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held_up CONSTANT text := (
        SELECT s.step FROM etl.step_run AS s
        WHERE s.run_id = _require_not_in_the_way.run_id AND s.status = 'running'
          AND pg_backend_pid() = ANY (pg_blocking_pids(s.worker_pid))
        ORDER BY s.position LIMIT 1);
BEGIN
    IF held_up IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'deadlock_detected',
            MESSAGE = format('etl.wait_run cannot wait for run %s: its step "%s" waits for this transaction to end',
                             run_id, held_up),
            DETAIL = 'A step needs a lock that this transaction holds, or is of a kind that waits for all older '
                     'transactions, as CREATE INDEX CONCURRENTLY. The run goes on now.',
            HINT = format('SELECT status FROM etl.pipeline_runs WHERE run_id = %s; from time to time tells when it has '
                          'ended.', run_id);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_not_in_the_way(bigint) IS
    'Checks that no step of a run waits for the transaction that waits for the run (40P01). PostgreSQL does not see '
    'that circle.';

CREATE FUNCTION etl.wait_run(run_id bigint, timeout interval DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gives_up_at timestamptz;
    rest double precision := 0.01;
    status text := (etl._seen_run(run_id)).status;
BEGIN
    IF timeout IS NOT NULL AND timeout <> interval '0' THEN
        PERFORM etl._require_bounded(timeout, 'timeout');
    END IF;
    gives_up_at := clock_timestamp() + timeout;
    IF status IN ('queued', 'running') THEN
        PERFORM etl._require_fresh_looks(run_id);
    END IF;
    WHILE status IN ('queued', 'running') LOOP
        IF clock_timestamp() >= gives_up_at THEN
            RAISE NOTICE USING MESSAGE = format('run %s has not ended within %s: it is %s', run_id, timeout, status);
            RETURN status;
        END IF;
        PERFORM pg_sleep(least(rest, extract(epoch FROM gives_up_at - clock_timestamp())));
        rest := least(rest * 1.5, 0.25);
        PERFORM etl._require_not_in_the_way(run_id);
        SELECT r.status INTO status FROM etl.run AS r WHERE r.run_id = wait_run.run_id;
    END LOOP;
    IF status IS NULL THEN
        PERFORM etl._seen_run(run_id); -- raises: it was deleted
    END IF;
    RETURN status;
END
$$;
COMMENT ON FUNCTION etl.wait_run(bigint, interval) IS
$$Waits until a run of a pipeline has ended, and returns its status: succeeded, failed, cancelled or skipped. timeout:
how long at most; then a notice tells so, and the status is queued or running. Without it, it waits for as long as it
takes. Errors: 42704 no such run, or it was deleted meanwhile; 22023 bad timeout; 25001 the run has not ended, and the
transaction could not see it end (REPEATABLE READ) or has changed something itself; 40P01 a step of the run waits for
the transaction of this call, as CREATE INDEX CONCURRENTLY does.$$;
