-- Running pipelines.
--
-- etl.run_pipeline writes one row per step into etl.step_run before the first of them begins; these rows are what is
-- run, so a definition that changes meanwhile takes effect with the next run. A step of kind 'sql' is executed by the
-- calling session in one transaction together with the row that says it succeeded: the step's work is there exactly if
-- it is recorded. A step of kind 'procedure' may commit inside, which PL/pgSQL cannot offer to dynamic SQL; it is
-- executed by a background worker (worker_pg.cpp) in a session of its own.
--
-- Neither kind can get more rights than its owner's. A session may have come to the owner by SET ROLE from a role with
-- more rights; etl._lock_role() keeps a step from going back there, and a worker logs in as the owner.

CREATE FUNCTION etl._fill_run(run_id bigint, pipeline_id integer, search_path text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE edge AS (
        SELECT s.name, d.needed
        FROM etl.step AS s, unnest(s.depends_on) AS d(needed)
        WHERE s.pipeline_id = _fill_run.pipeline_id
    ), level(name, n) AS (
        SELECT s.name, 0 FROM etl.step AS s WHERE s.pipeline_id = _fill_run.pipeline_id
        UNION
        SELECT e.name, l.n + 1 FROM level AS l JOIN edge AS e ON e.needed = l.name
    ), deepest AS (
        SELECT l.name, max(l.n) AS n FROM level AS l GROUP BY l.name
    )
    INSERT INTO etl.step_run (run_id, position, step, kind, action, depends_on, search_path)
    SELECT _fill_run.run_id, row_number() OVER (ORDER BY d.n, s.step_id), s.name, s.kind, s.action, s.depends_on,
           _fill_run.search_path
    FROM etl.step AS s
    JOIN deepest AS d USING (name)
    WHERE s.pipeline_id = _fill_run.pipeline_id
    ORDER BY d.n, s.step_id
$$;
COMMENT ON FUNCTION etl._fill_run(bigint, integer, text) IS
    'Writes the steps of a run in their order: those that need nothing first, each later one after all that it needs, '
    'otherwise as they were added.';

CREATE FUNCTION etl._close_lost_steps(name text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.step_run AS s
    SET status = CASE s.status WHEN 'running' THEN 'failed' ELSE 'skipped' END,
        finished_at = CASE s.status WHEN 'running' THEN clock_timestamp() END,
        error = 'the session that ran the pipeline ended before it had finished'
    FROM etl.run AS r
    WHERE r.kind = 'pipeline' AND r.name = _close_lost_steps.name AND r.status = 'running'
      AND r.owner = current_user AND s.run_id = r.run_id AND s.status IN ('running', 'waiting')
$$;
COMMENT ON FUNCTION etl._close_lost_steps(text) IS
    'Ends the steps of runs that still say running although no session runs them. The caller holds the pipeline''s '
    'lock, which proves it.';

CREATE FUNCTION etl._pipeline_begin(name text, as_of timestamptz, search_path text)
RETURNS etl.run
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline := etl._pipeline(name);
    begun etl.run;
BEGIN
    PERFORM etl._require_moment(as_of, 'as_of');
    IF NOT EXISTS (SELECT FROM etl.step AS s WHERE s.pipeline_id = stored.pipeline_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('pipeline "%s" has no steps', name),
            HINT = format('Add one with etl.add_step(%L, …).', name);
    END IF;
    PERFORM etl._check_steps(stored.pipeline_id);
    IF NOT etl._lock_run('etl.pipeline', stored.pipeline_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'lock_not_available',
            MESSAGE = format('pipeline "%s" is being run by another session', name),
            HINT = 'Wait for it to end; etl.step_runs shows how far it is.';
    END IF;
    PERFORM etl._close_lost_steps(name);
    PERFORM etl._close_lost_runs('pipeline', name);
    begun.run_id := etl._start_run('pipeline', name, as_of);
    PERFORM etl._fill_run(begun.run_id, stored.pipeline_id, search_path);
    SELECT r.* INTO begun FROM etl.run AS r WHERE r.run_id = begun.run_id;
    RETURN begun;
END
$$;
COMMENT ON FUNCTION etl._pipeline_begin(text, timestamptz, text) IS
    'Locks a pipeline for this session (55P03 when another one runs it) and records the run that begins and its steps.';

CREATE FUNCTION etl._next_step(run_id bigint)
RETURNS etl.step_run
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    upcoming etl.step_run;
    obstacle record;
BEGIN
    LOOP
        SELECT s.* INTO upcoming
        FROM etl.step_run AS s
        WHERE s.run_id = _next_step.run_id AND s.status = 'waiting'
        ORDER BY s.position
        LIMIT 1;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        -- Whatever the step needs stands before it, and has ended.
        SELECT s.step, s.status INTO obstacle
        FROM etl.step_run AS s
        WHERE s.run_id = _next_step.run_id AND s.step = ANY (upcoming.depends_on) AND s.status <> 'succeeded'
        ORDER BY s.position
        LIMIT 1;
        EXIT WHEN NOT FOUND;
        UPDATE etl.step_run AS s
        SET status = 'skipped',
            error = format(CASE obstacle.status
                               WHEN 'failed' THEN 'step "%s", which it needs, failed'
                               ELSE 'step "%s", which it needs, was skipped'
                           END, obstacle.step)
        WHERE s.step_run_id = upcoming.step_run_id;
    END LOOP;
    UPDATE etl.step_run AS s
    SET status = 'running', started_at = clock_timestamp()
    WHERE s.step_run_id = upcoming.step_run_id;
    RETURN upcoming;
END
$$;
COMMENT ON FUNCTION etl._next_step(bigint) IS
    'Marks the next step of a run as running and returns it, or NULL when none is left. Steps before it that need one '
    'that failed are marked as skipped.';

CREATE FUNCTION etl._finish_step(
    step_run_id bigint,
    status text,
    rows bigint,
    sqlstate text DEFAULT NULL,
    error text DEFAULT NULL,
    detail text DEFAULT NULL,
    hint text DEFAULT NULL,
    context text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE etl.step_run AS s
    SET status = _finish_step.status,
        rows = _finish_step.rows,
        sqlstate = _finish_step.sqlstate,
        error = left(_finish_step.error, 10000),
        detail = left(nullif(_finish_step.detail, ''), 10000),
        hint = left(nullif(_finish_step.hint, ''), 10000),
        context = left(nullif(_finish_step.context, ''), 10000),
        finished_at = clock_timestamp()
    WHERE s.step_run_id = _finish_step.step_run_id AND s.status = 'running';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the record of the running step cannot be found',
            DETAIL = format('The current role is "%s".', current_user),
            HINT = 'A step must not delete the record of its own run.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._finish_step(bigint, text, bigint, text, text, text, text, text) IS
    'Records how a running step ended (55000 when it is not running or not the current role''s).';

CREATE FUNCTION etl._moment_text(moment timestamptz)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
    SELECT moment::text
$$;
COMMENT ON FUNCTION etl._moment_text(timestamptz) IS
    'A moment as text that means the same whatever time zone and date style it is read with.';

CREATE FUNCTION etl._run_sql_step(step etl.step_run, as_of timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    touched bigint;
    state text;
    message text;
    detail text;
    hint text;
    context text;
BEGIN
    PERFORM set_config('pg_etl.as_of', etl._moment_text(as_of), true);
    PERFORM set_config('search_path', step.search_path, true);
    EXECUTE step.action;
    GET DIAGNOSTICS touched = ROW_COUNT;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    SET CONSTRAINTS ALL IMMEDIATE; -- what would only fail at the commit fails here, where it is recorded
    PERFORM etl._finish_step(step.step_run_id, 'succeeded', touched);
    RETURN true;
EXCEPTION
    WHEN OTHERS OR query_canceled OR assert_failure THEN
        GET STACKED DIAGNOSTICS
            state = RETURNED_SQLSTATE,
            message = MESSAGE_TEXT,
            detail = PG_EXCEPTION_DETAIL,
            hint = PG_EXCEPTION_HINT,
            context = PG_EXCEPTION_CONTEXT;
        IF state IN ('2D000', '25001') OR state = '0A000' AND message LIKE '%transaction commands%' THEN
            hint := 'An action that commits, or that PostgreSQL runs outside of transactions only, needs a step of '
                    'kind => ''procedure''.';
        END IF;
        PERFORM etl._finish_step(step.step_run_id, 'failed', NULL, state, message, detail, hint, context);
        RETURN state <> '57014';
END
$$;
COMMENT ON FUNCTION etl._run_sql_step(etl.step_run, timestamptz) IS
    'Executes a step of kind sql and records its success in the same transaction, or its error after rolling back to '
    'where it began. False when the session was told to cancel.';

CREATE PROCEDURE etl._run_in_worker(step_run_id bigint, title text, INOUT outcome text)
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_run_in_worker';
COMMENT ON PROCEDURE etl._run_in_worker(bigint, text, text) IS
    'Lets a background worker execute a step under this title and waits until it has ended. outcome: ended, or no slot '
    'when no worker could be started, or cancelled when this session was told to cancel (the worker is ended then). '
    'The worker records how the step went. Commits first, so that this session holds no snapshot while it waits, which '
    'would keep VACUUM from cleaning up after the step.';

CREATE FUNCTION etl._close_step(step_run_id bigint, outcome text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM etl.step_run AS s WHERE s.step_run_id = _close_step.step_run_id AND s.status = 'running'
    ) THEN
        RETURN;
    ELSIF outcome = 'no slot' THEN
        PERFORM etl._finish_step(
            step_run_id, 'failed', NULL, '53000', 'no background worker slot is free for a step of kind procedure',
            format('max_worker_processes is %s, and all of them are taken.', current_setting('max_worker_processes')),
            'Raise max_worker_processes in postgresql.conf and restart the server.');
    ELSIF outcome = 'no login' THEN
        PERFORM etl._finish_step(
            step_run_id, 'failed', NULL, '28000', format('role "%s" is not permitted to log in', current_user),
            'A step of kind procedure is executed in a session of its own, which logs in as the owner of the pipeline.',
            format('ALTER ROLE %I LOGIN;', current_user));
    ELSIF outcome = 'no connect' THEN
        PERFORM etl._finish_step(
            step_run_id, 'failed', NULL, '42501',
            format('role "%s" may not connect to database "%s"', current_user, current_database()),
            'A step of kind procedure is executed in a session of its own, which logs in as the owner of the pipeline.',
            format('GRANT CONNECT ON DATABASE %I TO %I;', current_database(), current_user));
    ELSIF outcome = 'cancelled' THEN
        PERFORM etl._finish_step(step_run_id, 'failed', NULL, '57014', 'canceled with the run of the pipeline');
    ELSE
        PERFORM etl._finish_step(
            step_run_id, 'failed', NULL, '57P01', 'the background worker ended before the step had finished', NULL,
            'The server log tells why, for example that it was terminated.');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._close_step(bigint, text) IS
    'Records the failure of a step whose worker could not do so itself; the outcome is that of '
    'etl._run_in_worker or etl._worker_obstacle.';

CREATE FUNCTION etl._pipeline_end(run_id bigint, cancelled boolean)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counts record;
    failed etl.step_run;
BEGIN
    UPDATE etl.step_run AS s
    SET status = 'skipped', error = 'the run was cancelled'
    WHERE s.run_id = _pipeline_end.run_id AND s.status = 'waiting';
    SELECT count(*) AS steps,
           count(*) FILTER (WHERE s.status = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE s.status = 'failed') AS failed,
           count(*) FILTER (WHERE s.status = 'skipped') AS skipped,
           sum(s.rows)::bigint AS rows
        INTO counts
    FROM etl.step_run AS s
    WHERE s.run_id = _pipeline_end.run_id;
    SELECT s.* INTO failed
    FROM etl.step_run AS s
    WHERE s.run_id = _pipeline_end.run_id AND s.status = 'failed'
    ORDER BY s.sqlstate = '57014' AND cancelled DESC, s.position
    LIMIT 1;
    PERFORM etl._finish_run(run_id, CASE WHEN counts.failed = 0 THEN 'succeeded' ELSE 'failed' END, counts.rows,
                            to_jsonb(counts) - 'rows',
                            CASE WHEN counts.failed > 0 THEN format('step "%s": %s', failed.step, failed.error) END);
    RETURN failed.step_run_id;
END
$$;
COMMENT ON FUNCTION etl._pipeline_end(bigint, boolean) IS
    'Records the end of a run and returns the number of the first step that failed, if one did.';

CREATE FUNCTION etl._pipeline_raise(failed_step_run bigint, cancelled boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    failed record;
BEGIN
    SELECT r.name AS pipeline, s.* INTO failed
    FROM etl.step_run AS s
    JOIN etl.run AS r USING (run_id)
    WHERE s.step_run_id = failed_step_run;
    RAISE EXCEPTION USING
        ERRCODE = failed.sqlstate,
        MESSAGE = format(CASE WHEN cancelled THEN 'pipeline "%s" was canceled at step "%s"'
                              ELSE 'pipeline "%s" failed at step "%s"' END, failed.pipeline, failed.step),
        DETAIL = concat_ws(E'\n', failed.error, failed.detail, failed.hint),
        HINT = format('SELECT * FROM etl.step_runs WHERE run_id = %s ORDER BY position shows all steps.',
                      failed.run_id);
END
$$;
COMMENT ON FUNCTION etl._pipeline_raise(bigint, boolean) IS
    'Raises the error of a run: the name of its first failed step, under the SQLSTATE of that step.';

CREATE PROCEDURE etl.run_pipeline(name text, as_of timestamptz DEFAULT now())
LANGUAGE plpgsql
AS $$
DECLARE
    caller_path pg_catalog.text := pg_catalog.current_setting('search_path');
    pipeline integer;
    run etl.run;
    step etl.step_run;
    outcome pg_catalog.text;
    cancelled boolean := false;
    failed bigint;
BEGIN
    CALL etl._require_toplevel('etl.run_pipeline');
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    pipeline := (etl._pipeline(name)).pipeline_id;
    run := etl._pipeline_begin(name, as_of, caller_path);
    COMMIT;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    WHILE NOT cancelled LOOP
        step := etl._next_step(run.run_id);
        COMMIT;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        EXIT WHEN step.step_run_id IS NULL;
        IF step.kind = 'procedure' THEN
            outcome := etl._worker_obstacle();
            IF outcome IS NULL THEN
                CALL etl._run_in_worker(step.step_run_id, 'pg_etl ' || run.name || '/' || step.step, outcome);
            END IF;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            PERFORM etl._close_step(step.step_run_id, outcome);
            cancelled := outcome = 'cancelled';
        ELSE
            PERFORM etl._lock_role();
            cancelled := NOT etl._run_sql_step(step, run.as_of);
        END IF;
        COMMIT;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    END LOOP;
    failed := etl._pipeline_end(run.run_id, cancelled);
    COMMIT;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM etl._unlock_run('etl.pipeline', pipeline);
    IF failed IS NOT NULL THEN
        PERFORM etl._pipeline_raise(failed, cancelled);
    END IF;
END
$$;
COMMENT ON PROCEDURE etl.run_pipeline(text, timestamptz) IS
$$Runs the steps of a pipeline, each after those that it needs and in its own transaction; so it cannot be called inside
a transaction block (2D000). A step that fails stops the steps that need it, directly or by way of others, and nothing
else. Each run adds a row to etl.runs and one per step to etl.step_runs; both are there when the call returns.
name: a pipeline of the current role. as_of: logical time of the run (default: now), which the steps read with
etl.as_of().
Errors: 42704 no such pipeline, 42501 another role's, 55000 it has no steps, 55P03 another session is running it, 22023
bad as_of; when a step failed, an error under the step's own SQLSTATE is raised after all others have been run.$$;
