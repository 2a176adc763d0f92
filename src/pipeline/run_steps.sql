-- The steps of a run: which of them come next, and how each attempt ends.
--
-- An attempt is counted, and committed, before its work begins; so a step that takes the server down with it is not
-- tried for ever. How it ended is recorded under its number, which keeps an attempt that was given up (its session
-- lost) from recording anything once another one has begun: its transaction is rolled back.

CREATE FUNCTION etl._is_transient(sqlstate text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT left(sqlstate, 2) IN ('08', '40', '53', '58') AND sqlstate NOT IN ('40002', '53400')
        OR sqlstate IN ('55P03', '57P01', '57P02', '57P03', '57P04')
$$;
COMMENT ON FUNCTION etl._is_transient(text) IS
    'Whether an error may go away by itself: lost connections (class 08), rollbacks for serialization or a deadlock '
    '(class 40, but for 40002, a constraint), lack of resources (class 53, but for 53400, a limit that was set), '
    'errors outside PostgreSQL (class 58), a lock that could not be had (55P03), a shutdown or crash (57P01 to 57P04).';

CREATE FUNCTION etl._is_retried(sqlstate text, retry_sqlstates text[])
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN retry_sqlstates IS NULL THEN etl._is_transient(sqlstate)
               ELSE sqlstate = ANY (retry_sqlstates) OR left(sqlstate, 2) = ANY (retry_sqlstates)
           END
$$;
COMMENT ON FUNCTION etl._is_retried(text, text[]) IS
    'Whether a step is tried again after an error: its SQLSTATE or the class of it is listed or, where the list is '
    'NULL, it is one of etl._is_transient.';

CREATE FUNCTION etl._retry_delay(step etl.step_run)
RETURNS interval
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT make_interval(secs => least(
               extract(epoch FROM step.backoff) * least(step.backoff_factor ^ least(step.attempt - 1, 60), 1e9),
               extract(epoch FROM step.backoff_max)) * (1 - step.jitter * random()))
$$;
COMMENT ON FUNCTION etl._retry_delay(etl.step_run) IS
    'How long a step waits after its attempt: backoff * backoff_factor ^ (attempt - 1), no longer than backoff_max, '
    'and shorter by a random share up to jitter, so that steps that failed together do not meet again (exponential '
    'backoff with jitter: M. Brooker, AWS Architecture Blog, 2015).';

-- What comes next ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._next_steps(
    run_id bigint, stops boolean, room integer, OUT place integer, OUT error text, OUT after_failure boolean)
RETURNS SETOF record
LANGUAGE C VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_next_steps';
COMMENT ON FUNCTION etl._next_steps(bigint, boolean, integer) IS
    'The waiting steps of a run that will not be executed any more, with the reason as error, and those that may '
    'begin, so that at most so many are under way. stops: a failure of one keeps all others from beginning but those '
    'of another run_if than all_success. after_failure: a failure is the reason.';

CREATE FUNCTION etl._take_steps(run etl.pipeline_run)
RETURNS SETOF etl.step_run
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    next record;
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'local', true); -- a crash must not take back that an attempt was begun
    END IF;
    FOR next IN SELECT n.* FROM etl._next_steps(run.run_id, run.on_failure = 'stop', run.max_parallel) AS n LOOP
        IF next.error IS NOT NULL THEN
            UPDATE etl.step_run AS s
            SET status = 'skipped', error = next.error, after_failure = next.after_failure,
                finished_at = clock_timestamp()
            WHERE s.run_id = run.run_id AND s.position = next.place AND s.status = 'waiting';
        ELSE
            RETURN QUERY
                UPDATE etl.step_run AS s
                SET status = 'running', attempt = s.attempt + 1, started_at = clock_timestamp(), finished_at = NULL,
                    worker_pid = CASE WHEN run.max_parallel = 1 AND s.mode = 'sql' THEN pg_backend_pid() END,
                    sqlstate = NULL, error = NULL, detail = NULL, hint = NULL, context = NULL
                WHERE s.run_id = run.run_id AND s.position = next.place AND s.status = 'waiting'
                RETURNING s.*;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._take_steps(etl.pipeline_run) IS
    'Marks the steps of a run that may begin now as running, no more than there is room for, each with a new attempt, '
    'and returns them; those that will not be executed any more are marked as skipped.';

CREATE FUNCTION etl._return_step(step etl.step_run)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.step_run AS s
    SET status = 'waiting', attempt = s.attempt - 1, started_at = NULL
    WHERE s.run_id = step.run_id AND s.position = step.position AND s.attempt = step.attempt AND s.status = 'running'
$$;
COMMENT ON FUNCTION etl._return_step(etl.step_run) IS 'Takes back that a step was to begin: there was no room for it.';

CREATE FUNCTION etl._next_look(run_id bigint)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    open record;
BEGIN
    SELECT count(*) AS steps,
           min(s.next_attempt_at) FILTER (WHERE s.status = 'waiting' AND s.next_attempt_at > clock_timestamp())
               AS retry_at
        INTO open
    FROM etl.step_run AS s
    WHERE s.run_id = _next_look.run_id AND s.status IN ('waiting', 'running');
    RETURN CASE WHEN open.steps > 0
                THEN greatest(least(1000, 1 + extract(epoch FROM open.retry_at - clock_timestamp()) * 1000), 1)::integer
           END;
END
$$;
COMMENT ON FUNCTION etl._next_look(bigint) IS
    'In how many milliseconds a run needs to be looked at, if nothing happens before: when a step is to be tried '
    'again, and in a second for a cancel; NULL when all its steps have ended.';

-- How attempts end ---------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._finish_step(step_run_id bigint, attempt integer, rows bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE etl.step_run AS s
    SET status = 'succeeded', rows = _finish_step.rows, finished_at = clock_timestamp()
    WHERE s.step_run_id = _finish_step.step_run_id AND s.attempt = _finish_step.attempt AND s.status = 'running';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the record of the running step cannot be found',
            DETAIL = format('The current role is "%s".', current_user),
            HINT = 'A step must not delete the record of its own run, and one that was given up as lost cannot '
                   'succeed.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._finish_step(bigint, integer, bigint) IS
    'Records that an attempt succeeded, and the rows of its last statement (55000 when it is not the one that runs).';

CREATE FUNCTION etl._stop_reason(run_id bigint)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE
                   WHEN u.cancel_requested_at IS NOT NULL THEN 'cancelled'
                   WHEN u.deadline <= clock_timestamp() THEN 'timeout'
               END
        FROM etl.pipeline_run AS u
        WHERE u.run_id = _stop_reason.run_id
    );
END
$$;
COMMENT ON FUNCTION etl._stop_reason(bigint) IS
    'Why a run must not go on: cancelled (etl.cancel_run), timeout (the pipeline''s is over), or NULL.';

CREATE FUNCTION etl._fail_step(
    step_run_id bigint,
    attempt integer,
    sqlstate text,
    error text,
    detail text DEFAULT NULL,
    hint text DEFAULT NULL,
    context text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    failed etl.step_run;
    delay interval;
BEGIN
    SELECT s.* INTO failed
    FROM etl.step_run AS s
    WHERE s.step_run_id = _fail_step.step_run_id AND s.attempt = _fail_step.attempt AND s.status = 'running'
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF sqlstate = '57014' AND etl._stop_reason(failed.run_id) = 'timeout' THEN
        error := 'the run took longer than the timeout of its pipeline';
        hint := 'Raise it with etl.alter_pipeline(..., timeout => ...), or make its steps faster.';
    END IF;
    IF failed.attempt < failed.attempts AND etl._is_retried(sqlstate, failed.retry_sqlstates) THEN
        delay := etl._retry_delay(failed);
    END IF;
    UPDATE etl.step_run AS s
    SET status = CASE WHEN delay IS NULL THEN 'failed' ELSE 'waiting' END,
        next_attempt_at = clock_timestamp() + delay,
        slot_wanted_at = NULL,
        finished_at = clock_timestamp(),
        sqlstate = _fail_step.sqlstate,
        error = left(_fail_step.error, 10000),
        detail = left(nullif(_fail_step.detail, ''), 10000),
        hint = left(nullif(_fail_step.hint, ''), 10000),
        context = left(nullif(_fail_step.context, ''), 10000)
    WHERE s.step_run_id = _fail_step.step_run_id;
    PERFORM etl._log_event(failed.run_id, failed.step, CASE WHEN delay IS NULL THEN 'failed' ELSE 'retry' END,
                           error, failed.attempt, jsonb_build_object('sqlstate', sqlstate, 'retry_after', delay));
END
$$;
COMMENT ON FUNCTION etl._fail_step(bigint, integer, text, text, text, text, text) IS
    'Records how an attempt failed, and when the step is to be tried again: where it has attempts left and '
    'etl._is_retried says so of the SQLSTATE. Nothing changes when it is not the attempt that runs.';

CREATE FUNCTION etl._close_attempt(step_run_id bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._fail_step(
        s.step_run_id, s.attempt, '57P01', 'the session that executed the step ended before it had finished',
        CASE WHEN s.worker_pid IS NULL THEN 'It may not have begun.'
             ELSE 'It had process id ' || s.worker_pid || '.' END,
        'The server log tells why, for example that it was terminated.')
    FROM etl.step_run AS s
    WHERE s.step_run_id = _close_attempt.step_run_id AND s.status = 'running'
$$;
COMMENT ON FUNCTION etl._close_attempt(bigint) IS
    'Records that the attempt of a step is lost, where it could not record itself how it ended.';

CREATE FUNCTION etl._close_ended_attempt(step_run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step etl.step_run;
    holder integer;
BEGIN
    SELECT s.* INTO step FROM etl.step_run AS s WHERE s.step_run_id = _close_ended_attempt.step_run_id;
    IF step.worker_pid IS NULL THEN
        holder := etl._run_lock_holder('etl.step_run', etl._lock_id(step_run_id));
    END IF;
    IF holder IS NOT NULL THEN
        PERFORM etl._fail_step(
            step_run_id, step.attempt, '55P03',
            format('process %s holds the lock of the step, as if it executed it', holder),
            format('It is the advisory lock (%s, %s), which any role may take.', 'etl.step_run'::regclass::oid,
                   etl._lock_id(step_run_id)),
            format('SELECT * FROM pg_stat_activity WHERE pid = %s; shows who that is. SELECT etl.retry_run(%s) goes '
                   'on.', holder, step.run_id));
    ELSIF clock_timestamp() >= step.started_at + step.timeout + interval '5 s' THEN
        PERFORM etl._fail_step(
            step_run_id, step.attempt, '57014',
            format('the step did not end within 5 s after its timeout of %s', step.timeout),
            format('Its session, of process id %s, was ended.', step.worker_pid),
            'Let no handler of exceptions go on after query_canceled.');
    ELSE
        PERFORM etl._close_attempt(step_run_id);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._close_ended_attempt(bigint) IS
    'As etl._close_attempt, for an attempt whose worker has ended just now: tells also that it could not begin because '
    'another session holds the lock of the step, and that it went on after its timeout and was ended for that.';

CREATE FUNCTION etl._close_lost_attempts(run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lost bigint;
BEGIN
    FOR lost IN
        SELECT s.step_run_id FROM etl.step_run AS s
        WHERE s.run_id = _close_lost_attempts.run_id AND s.status = 'running'
    LOOP
        IF etl._lock_run('etl.step_run', etl._lock_id(lost)) THEN
            PERFORM etl._close_attempt(lost);
            PERFORM etl._unlock_run('etl.step_run', etl._lock_id(lost));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._close_lost_attempts(bigint) IS
    'Records as lost the attempts of a run whose session is gone: nobody holds their lock. Only for the session that '
    'executes the run, and before it has started workers.';

CREATE FUNCTION etl._has_running_step(run_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM etl.step_run AS s WHERE s.run_id = _has_running_step.run_id AND s.status = 'running');
END
$$;
COMMENT ON FUNCTION etl._has_running_step(bigint) IS 'Whether a step of a run is under way.';

CREATE FUNCTION etl._close_left_attempts(run_id bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._close_attempt(s.step_run_id)
    FROM etl.step_run AS s
    WHERE s.run_id = _close_left_attempts.run_id AND s.status = 'running' AND s.worker_pid IS NOT NULL
      AND etl._run_lock_holder('etl.step_run', etl._lock_id(s.step_run_id)) IS NULL;
    RETURN etl._has_running_step(run_id);
END
$$;
COMMENT ON FUNCTION etl._close_left_attempts(bigint) IS
    'As etl._close_lost_attempts, at any time: workers of a session that is gone may take a while to end. Returns '
    'whether a step is under way.';
