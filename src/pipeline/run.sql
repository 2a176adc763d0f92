-- Running pipelines.
--
-- The session that executes a run holds its lock and goes in turns: it looks what has ended, marks the steps that may
-- begin and commits that, then hands them to background workers (worker_pg.cpp), each a session of its own, and waits
-- for one of them to end. A step of kind 'sql' is one transaction together with the row that says it succeeded: the
-- step's work is there exactly if it is recorded. Where no worker can be had the session executes the step itself, and
-- so it does where a pipeline has max_parallel 1.
--
-- No step can get more rights than the role that it runs as. A session may have come to that role by SET ROLE from one
-- with more rights; etl._execute_step keeps the step from going back there, and a worker logs in as that role.

CREATE FUNCTION etl._start_step_worker(step_run_id bigint, attempt integer, title text, login text)
RETURNS boolean
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_start_step_worker';
COMMENT ON FUNCTION etl._start_step_worker(bigint, integer, text, text) IS
    'Starts a background worker that logs in as a role, executes an attempt of a step, records how it went, and ends; '
    'false when no slot is free. It ends with this session. Errors: 42501 not that role, 42704 no such role.';

CREATE FUNCTION etl._ended_workers()
RETURNS bigint[]
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_ended_workers';
COMMENT ON FUNCTION etl._ended_workers() IS
    'The numbers of the steps whose workers, started by this session, have ended since it last asked.';

CREATE PROCEDURE etl._commit()
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_commit';
COMMENT ON PROCEDURE etl._commit() IS
    'Commits; the next transaction is READ COMMITTED, whatever the default of the session: what others have recorded '
    'meanwhile is to be seen.';

CREATE PROCEDURE etl._await_workers(milliseconds integer, INOUT told text)
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_await_workers';
COMMENT ON PROCEDURE etl._await_workers(integer, text) IS
    'Commits, so that this session holds no snapshot, and waits until a worker that it has started ends (told: ended), '
    'the time is up (timeout), or it is told to cancel (cancelled).';

CREATE PROCEDURE etl._end_workers()
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_end_workers';
COMMENT ON PROCEDURE etl._end_workers() IS
    'Commits, terminates the workers that this session has started, and waits until they have ended.';

CREATE FUNCTION etl._settle_workers(run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended CONSTANT bigint[] := etl._ended_workers();
BEGIN
    IF ended <> '{}' THEN
        PERFORM etl._close_ended_attempt(s.step_run_id)
        FROM etl.step_run AS s
        WHERE s.status = 'running' AND s.step_run_id = ANY (ended) AND s.run_id = _settle_workers.run_id;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._settle_workers(bigint) IS
    'Records the attempts of a run whose workers, started by this session, have ended without saying how it went. '
    'Another run that this session has executed may be in other hands by now.';

CREATE FUNCTION etl._stop_run(run_id bigint, reason text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.step_run AS s
    SET status = CASE WHEN reason = 'timeout' AND s.status = 'running' THEN 'failed' ELSE 'cancelled' END,
        finished_at = CASE WHEN s.status = 'running' THEN clock_timestamp() ELSE s.finished_at END,
        sqlstate = '57014',
        error = CASE reason WHEN 'timeout' THEN 'the run took longer than the timeout of its pipeline'
                            ELSE 'the run was cancelled' END
    WHERE s.run_id = _stop_run.run_id AND s.status IN ('waiting', 'running')
$$;
COMMENT ON FUNCTION etl._stop_run(bigint, text) IS
    'Ends the steps of a run that have not ended; nobody executes them any more. reason: cancelled or timeout.';

CREATE FUNCTION etl._step_obstacle(step etl.step_run)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN NOT current_setting('pg_etl.use_workers')::boolean THEN 'no slot'
               ELSE etl._worker_obstacle(CASE WHEN step.mode = 'sql' THEN current_user
                                              ELSE coalesce(step.run_as, current_user) END)
           END
$$;
COMMENT ON FUNCTION etl._step_obstacle(etl.step_run) IS
    'Why no background worker can execute a step, as etl._worker_obstacle says; NULL when one can. The worker of a '
    'step of kind sql logs in as the owner and acts as run_as, that of another kind logs in as run_as.';

CREATE FUNCTION etl._start_step(run_name text, step etl.step_run)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    obstacle text := etl._step_obstacle(step);
BEGIN
    IF obstacle IS NULL AND NOT etl._start_step_worker(
        step.step_run_id, step.attempt, format('pg_etl %s/%s', run_name, step.step),
        CASE WHEN step.mode = 'sql' THEN current_user ELSE coalesce(step.run_as, current_user) END)
    THEN
        obstacle := 'no slot';
    END IF;
    RETURN obstacle;
EXCEPTION
    WHEN insufficient_privilege OR undefined_object THEN
        PERFORM etl._fail_step(step.step_run_id, step.attempt, SQLSTATE, SQLERRM, NULL,
                               format('Let the step run as another role: etl.alter_step(%L, %L, run_as => ...).',
                                      run_name, step.step));
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._start_step(text, etl.step_run) IS
    'Hands an attempt of a step to a background worker, and returns why that cannot be done: no slot, no login or no '
    'connect; NULL when it is done, or the step has failed because its role cannot be had.';

CREATE FUNCTION etl._worker_slots()
RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Not every role sees what other processes are.
    SELECT current_setting('max_worker_processes')::integer - greatest(
        (current_setting('max_logical_replication_workers')::integer > 0)::integer,
        (SELECT count(*) FROM pg_stat_activity AS a
         WHERE a.backend_type LIKE '% launcher' AND a.backend_type <> 'autovacuum launcher'))::integer
$$;
COMMENT ON FUNCTION etl._worker_slots() IS
    'How many slots for background workers the server has but those that launchers of PostgreSQL and of extensions '
    'have for ever.';

CREATE FUNCTION etl._may_find_slot()
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_setting('pg_etl.use_workers')::boolean AND etl._worker_slots() > etl._is_runner()::integer
$$;
COMMENT ON FUNCTION etl._may_find_slot() IS
    'Whether there are slots for background workers that may become free for a step of this session.';

CREATE FUNCTION etl._is_runner_too_many()
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((
        SELECT r.place > greatest(etl._worker_slots() - 1, 1)
        FROM (SELECT a.pid, row_number() OVER (ORDER BY a.backend_start, a.pid) AS place
              FROM pg_stat_activity AS a WHERE a.backend_type = 'pg_etl runner') AS r
        WHERE r.pid = pg_backend_pid()), false)
$$;
COMMENT ON FUNCTION etl._is_runner_too_many() IS
    'Whether this session is a runner that leaves no slot for the steps of all: where runners had every slot, each '
    'would wait for one that no other gives back.';

CREATE FUNCTION etl._makes_room(run_id bigint)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Of two runners that began at once each may have taken its run before it could see the other.
    SELECT etl._is_runner()
           AND EXISTS (SELECT FROM etl.step_run AS s
                       WHERE s.run_id = _makes_room.run_id AND s.status = 'waiting' AND s.slot_wanted_at IS NOT NULL)
           AND NOT etl._has_running_step(run_id)
           AND etl._is_runner_too_many()
$$;
COMMENT ON FUNCTION etl._makes_room(bigint) IS
    'Whether this session is a runner that has to leave its run to another one: the run waits for a slot, and runners '
    'have them.';

CREATE FUNCTION etl._refuse_step(step etl.step_run, obstacle text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    patience CONSTANT interval := current_setting('pg_etl.worker_wait')::interval;
    failure jsonb;
BEGIN
    IF obstacle = 'no slot' AND clock_timestamp() < coalesce(step.slot_wanted_at, clock_timestamp()) + patience
       AND etl._may_find_slot() THEN
        UPDATE etl.step_run AS s
        SET status = 'waiting', attempt = s.attempt - 1, started_at = NULL,
            next_attempt_at = clock_timestamp() + interval '1 second',
            slot_wanted_at = coalesce(s.slot_wanted_at, clock_timestamp())
        WHERE s.step_run_id = step.step_run_id AND s.attempt = step.attempt AND s.status = 'running';
        IF step.slot_wanted_at IS NULL THEN
            PERFORM etl._log_event(step.run_id, step.step, 'no_slot', 'it waits for a background worker', step.attempt);
        END IF;
        RETURN;
    END IF;
    failure := etl._worker_failure(obstacle, format('step "%s"', step.step), coalesce(step.run_as, current_user));
    PERFORM etl._fail_step(step.step_run_id, step.attempt, failure ->> 'sqlstate', failure ->> 'message',
                           failure ->> 'detail', failure ->> 'hint');
END
$$;
COMMENT ON FUNCTION etl._refuse_step(etl.step_run, text) IS
    'For an attempt of a step that could not have the background worker that it needs: lets it wait for a slot, which '
    'is no attempt, for as long as pg_etl.worker_wait says, or records that it failed.';

CREATE FUNCTION etl._hand_out(run etl.pipeline_run, begun etl.step_run[])
RETURNS etl.step_run
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run_name text := (SELECT r.name FROM etl.run AS r WHERE r.run_id = run.run_id);
    step etl.step_run;
    obstacle text;
    left_over etl.step_run[];
    own etl.step_run;
    is_busy boolean;
BEGIN
    IF begun[1].worker_pid IS NOT NULL THEN -- this session, and nobody else with max_parallel 1
        RETURN begun[1];
    END IF;
    FOREACH step IN ARRAY begun LOOP
        obstacle := etl._start_step(run_name, step);
        IF obstacle IS NOT NULL THEN
            left_over := left_over || step;
        END IF;
    END LOOP;
    UPDATE etl.step_run AS s SET slot_wanted_at = NULL
    FROM unnest(begun) AS b
    WHERE s.step_run_id = b.step_run_id AND b.slot_wanted_at IS NOT NULL AND s.attempt = b.attempt
      AND (left_over IS NULL OR b.step_run_id <> ALL (ARRAY(SELECT o.step_run_id FROM unnest(left_over) AS o)));
    IF left_over IS NULL THEN
        RETURN NULL;
    END IF;
    is_busy := EXISTS (
        SELECT FROM etl.step_run AS s
        WHERE s.run_id = run.run_id AND s.status = 'running'
          AND s.step_run_id <> ALL (ARRAY(SELECT o.step_run_id FROM unnest(left_over) AS o)));
    FOREACH step IN ARRAY left_over LOOP
        IF is_busy OR own.step_run_id IS NOT NULL THEN
            PERFORM etl._return_step(step); -- whatever ends next makes room for it
        ELSIF step.mode = 'sql' THEN
            own := step;
        ELSE
            PERFORM etl._refuse_step(step, coalesce(etl._step_obstacle(step), 'no slot'));
        END IF;
    END LOOP;
    UPDATE etl.step_run AS s SET worker_pid = pg_backend_pid() WHERE s.step_run_id = own.step_run_id;
    RETURN own;
END
$$;
COMMENT ON FUNCTION etl._hand_out(etl.pipeline_run, etl.step_run[]) IS
    'Hands attempts of steps to background workers, and returns the one that this session has to execute itself, if '
    'any: where a pipeline has max_parallel 1, or no worker can be had and none is at work.';

CREATE FUNCTION etl._run_own_step(run etl.pipeline_run, step etl.step_run)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state text := etl._run_sql_attempt(step.step_run_id, step.attempt);
BEGIN
    PERFORM etl._forget_progress();
    RETURN CASE
               WHEN state IS DISTINCT FROM '57014' THEN NULL
               WHEN clock_timestamp() >= least(
                   step.started_at + least(step.timeout, make_interval(secs => etl._runner_limit() / 1000.0)),
                   run.deadline) THEN NULL
               ELSE 'cancelled'
           END;
END
$$;
COMMENT ON FUNCTION etl._run_own_step(etl.pipeline_run, etl.step_run) IS
    'Executes a step in this session; cancelled when the session was told to cancel meanwhile, else NULL.';

CREATE FUNCTION etl._forget_step()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    prepared text;
BEGIN
    IF etl._is_runner() THEN
        DISCARD TEMP;
        DEALLOCATE ALL;
        UNLISTEN *;
        RETURN;
    END IF;
    FOR prepared IN
        SELECT p.name FROM pg_prepared_statements AS p WHERE p.from_sql AND p.prepare_time >= statement_timestamp()
    LOOP
        EXECUTE format('DEALLOCATE %I', prepared);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._forget_step() IS
    'Removes from this session what a step that it has executed may have left: what it has prepared, whose names may '
    'be those that the client uses, and in a worker temporary objects and LISTEN too. No cursor outlives a step.';

CREATE FUNCTION etl._leaves_runs_waiting(run_id bigint)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended etl.pipeline_run;
BEGIN
    IF NOT current_setting('pg_etl.use_workers')::boolean OR etl._is_runner() THEN
        RETURN false;
    END IF;
    SELECT u.* INTO ended FROM etl.pipeline_run AS u WHERE u.run_id = _leaves_runs_waiting.run_id;
    RETURN coalesce((
        SELECT bool_and(u.backfill_id IS DISTINCT FROM ended.backfill_id OR u.backfill_id IS NULL)
        FROM etl.pipeline_run AS u
        JOIN etl.run AS r USING (run_id)
        WHERE r.kind = 'pipeline' AND r.owner = ended.owner AND r.status = 'queued'
          AND u.pipeline_id = ended.pipeline_id), false);
END
$$;
COMMENT ON FUNCTION etl._leaves_runs_waiting(bigint) IS
    'Whether runs of the same pipeline have waited for a run to end and this session, which has executed it, will not '
    'see to them: it is no runner, and they are not of the backfill that it executes.';

CREATE FUNCTION etl._end_run(run_id bigint, reason text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counts record;
    failed etl.step_run;
    state text;
BEGIN
    SELECT count(*) AS steps,
           count(*) FILTER (WHERE s.status = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE s.status = 'failed') AS failed,
           count(*) FILTER (WHERE s.status = 'skipped') AS skipped,
           count(*) FILTER (WHERE s.status = 'cancelled') AS cancelled,
           sum(s.rows)::bigint AS rows
        INTO counts
    FROM etl.step_run AS s
    WHERE s.run_id = _end_run.run_id;
    SELECT s.* INTO failed
    FROM etl.step_run AS s
    WHERE s.run_id = _end_run.run_id AND s.status IN ('failed', 'cancelled')
    ORDER BY s.sqlstate = '57014' AND reason IS NOT NULL DESC, s.started_at IS NULL, s.status = 'cancelled', s.position
    LIMIT 1;
    state := CASE WHEN counts.failed + counts.cancelled = 0 THEN 'succeeded'
                  WHEN reason = 'cancelled' THEN reason
                  ELSE 'failed' END;
    IF state = 'failed' THEN
        PERFORM etl._stop_backfill(run_id); -- which locks its runs before this one, as cancelling them all does
    END IF;
    PERFORM etl._finish_run(run_id, state, counts.rows, to_jsonb(counts) - 'rows',
                            CASE WHEN state <> 'succeeded' THEN format('step "%s": %s', failed.step, failed.error) END);
    PERFORM etl._log_event(run_id, NULL, state, (SELECT r.error FROM etl.run AS r WHERE r.run_id = _end_run.run_id));
    IF etl._leaves_runs_waiting(run_id) THEN
        PERFORM etl._start_runner_at_commit(current_user);
    END IF;
    RETURN failed.step_run_id;
END
$$;
COMMENT ON FUNCTION etl._end_run(bigint, text) IS
    'Records the end of a run and returns the number of the first step that failed, if one did. reason: why it was '
    'stopped, or NULL.';

CREATE PROCEDURE etl._execute_run(run_id bigint, INOUT failed bigint)
LANGUAGE plpgsql
AS $$
DECLARE
    run etl.pipeline_run;
    own etl.step_run;
    begun etl.step_run[];
    others pg_catalog.bool; -- workers of a session before this one may be at work
    look pg_catalog.int4;
    told pg_catalog.text;
    reason pg_catalog.text;
BEGIN
    CALL etl._commit();
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT u.* INTO run FROM etl.pipeline_run AS u WHERE u.run_id = _execute_run.run_id;
    PERFORM etl._settle_workers(run_id), etl._close_lost_attempts(run_id);
    others := etl._has_running_step(run_id);
    reason := etl._stop_reason(run_id); -- it may have been cancelled while nobody executed it
    WHILE reason IS NULL LOOP
        IF etl._makes_room(run_id) THEN
            COMMIT;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            PERFORM etl._unlock_run('etl.pipeline_run', etl._lock_id(run_id));
            RETURN;
        END IF;
        begun := ARRAY(SELECT t FROM etl._take_steps(run) AS t ORDER BY t.position);
        EXIT WHEN pg_catalog.cardinality(begun) = 0 AND etl._next_look(run_id) IS NULL;
        CALL etl._commit();
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        own := etl._hand_out(run, begun);
        look := CASE WHEN own.step_run_id IS NULL THEN etl._next_look(run_id) END;
        COMMIT;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF own.step_run_id IS NOT NULL THEN
            reason := etl._run_own_step(run, own);
            CALL etl._commit();
        ELSIF look IS NOT NULL AND (pg_catalog.cardinality(begun) = 0 OR etl._has_running_step(run_id)) THEN
            CALL etl._await_workers(look, told);
            reason := CASE told WHEN 'cancelled' THEN told END;
        END IF;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF own.step_run_id IS NOT NULL THEN
            PERFORM etl._keep_run(run_id), etl._forget_step();
        END IF;
        PERFORM etl._settle_workers(run_id);
        others := others AND etl._close_left_attempts(run_id);
        reason := coalesce(reason, etl._stop_reason(run_id));
    END LOOP;
    IF reason IS NOT NULL THEN
        CALL etl._end_workers();
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        PERFORM etl._stop_run(run_id, reason), etl._settle_workers(run_id); -- what was stopped has not failed
    END IF;
    failed := etl._end_run(run_id, reason);
    COMMIT;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM etl._unlock_run('etl.pipeline_run', etl._lock_id(run_id));
END
$$;
COMMENT ON PROCEDURE etl._execute_run(bigint, bigint) IS
    'Executes a run that this session has taken, to its end, or until this runner has to make room: another one goes '
    'on with it then. failed: the number of the first step that failed, if one did.';

CREATE PROCEDURE etl._run_queue()
LANGUAGE plpgsql
AS $$
DECLARE
    run pg_catalog.int8;
    failed pg_catalog.int8;
    looks pg_catalog.int4 := 0;
BEGIN
    LOOP
        CALL etl._commit();
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        EXIT WHEN etl._is_runner_too_many();
        run := etl._take_next_run();
        COMMIT;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF run IS NULL THEN
            looks := looks + 1; -- another session may be taking a run of the same pipeline just now
            EXIT WHEN looks > 5 OR NOT etl._is_run_left();
            PERFORM pg_sleep(0.02 * looks * random());
        ELSE
            looks := 0;
            CALL etl._execute_run(run, failed);
        END IF;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE etl._run_queue() IS
    'Executes the lost and the queued runs of the current role, one after the other, until there is none that may '
    'begin, or this runner leaves no slot for steps.';
