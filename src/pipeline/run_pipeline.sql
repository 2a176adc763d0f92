-- etl.run_pipeline: a run in the session that calls.

CREATE FUNCTION etl._require_step(pipeline etl.pipeline, step text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM etl.step AS s WHERE s.pipeline_id = pipeline.pipeline_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('pipeline "%s" has no steps', pipeline.name),
            HINT = format('Add one with etl.add_step(%L, ...).', pipeline.name);
    ELSIF step IS NOT NULL THEN
        PERFORM etl._step(pipeline, step);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_step(etl.pipeline, text) IS
    'Checks that a pipeline has steps (55000) and, unless NULL, this one (42704).';

CREATE FUNCTION etl._open_run(
    pipeline etl.pipeline, logical_time timestamptz, trigger text, from_step text, params jsonb, OUT run_id bigint,
    OUT status text)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_time(logical_time, 'logical_time'), etl._require_object(coalesce(params, '{}'), 'params'),
            etl._require_step(pipeline, from_step);
    run_id := etl._enqueue_run(pipeline, logical_time, trigger, params, from_step);
    IF run_id IS NOT NULL THEN
        status := 'queued';
        RETURN;
    END IF;
    SELECT r.run_id, r.status INTO run_id, status
    FROM etl.pipeline_run AS u
    JOIN etl.run AS r USING (run_id)
    WHERE u.pipeline_id = pipeline.pipeline_id AND u.logical_time = _open_run.logical_time
      AND u.owner = pipeline.owner;
    IF status NOT IN ('queued', 'running') THEN
        RAISE NOTICE USING
            MESSAGE = format('pipeline "%s" has been run for %s already: run %s %s', pipeline.name, logical_time,
                             run_id, CASE status WHEN 'skipped' THEN 'was skipped' WHEN 'cancelled' THEN 'was cancelled'
                                         ELSE status END),
            HINT = CASE status
                WHEN 'succeeded' THEN format('SELECT etl.retry_run(%s, ''step'') runs it again from that step on.',
                                             run_id)
                ELSE format('SELECT etl.retry_run(%s) lets it go on.', run_id)
            END;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._open_run(etl.pipeline, timestamptz, text, text, jsonb) IS
    'The run of a pipeline for a logical time, queued now or found, and its status; a notice says so when it has '
    'ended. Errors: 55000 no steps, 42704 no such step, 22023 bad moment or parameters.';

CREATE FUNCTION etl._raise_failure(step_run_id bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    failed record;
BEGIN
    SELECT r.name AS pipeline, r.status AS run_status, s.* INTO failed
    FROM etl.step_run AS s
    JOIN etl.run AS r USING (run_id)
    WHERE s.step_run_id = _raise_failure.step_run_id;
    RAISE EXCEPTION USING
        ERRCODE = failed.sqlstate,
        MESSAGE = format(CASE failed.run_status WHEN 'cancelled' THEN 'pipeline "%s" was canceled at step "%s"'
                                                ELSE 'pipeline "%s" failed at step "%s"' END,
                         failed.pipeline, failed.step),
        DETAIL = concat_ws(E'\n', failed.error, failed.detail, failed.hint),
        HINT = format('SELECT * FROM etl.step_runs WHERE run_id = %s ORDER BY position shows all steps.',
                      failed.run_id);
END
$$;
COMMENT ON FUNCTION etl._raise_failure(bigint) IS
    'Raises the error of a run: the name of its first step that failed, under the SQLSTATE of that step.';

CREATE FUNCTION etl._raise_busy(run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
    holder CONSTANT integer := etl._run_lock_holder('etl.pipeline_run', etl._lock_id(run_id));
BEGIN
    SELECT r.run_id, r.name, o.logical_time INTO other
    FROM etl.pipeline_run AS u
    JOIN etl.pipeline_run AS o USING (pipeline_id, owner)
    JOIN etl.run AS r ON r.run_id = o.run_id
    WHERE u.run_id = _raise_busy.run_id AND r.status = 'running'
    ORDER BY etl._run_lock_holder('etl.pipeline_run', etl._lock_id(r.run_id)) IS NULL, r.run_id
    LIMIT 1;
    IF NOT FOUND AND holder IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'lock_not_available',
            MESSAGE = format('process %s holds the lock of run %s, as if it executed it', holder, run_id),
            DETAIL = format('It is the advisory lock (%s, %s), which any role may take.',
                            'etl.pipeline_run'::regclass::oid, etl._lock_id(run_id)),
            HINT = format('SELECT * FROM pg_stat_activity WHERE pid = %s; shows who that is.', holder);
    ELSIF FOUND AND etl._run_lock_holder('etl.pipeline_run', etl._lock_id(other.run_id)) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'lock_not_available',
            MESSAGE = format('run %s of pipeline "%s" for %s is not finished', other.run_id, other.name,
                             other.logical_time),
            DETAIL = 'The session that executed it has ended.',
            HINT = format('CALL etl.run_pipeline(%L, %L) goes on with it; SELECT etl.cancel_run(%s) gives it up.',
                          other.name, other.logical_time, other.run_id);
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'lock_not_available',
        MESSAGE = format('pipeline "%s" is being run by another session', (
            SELECT r.name FROM etl.run AS r WHERE r.run_id = _raise_busy.run_id)),
        HINT = 'Wait for it to end; etl.step_runs shows how far it is. etl.start_pipeline puts a run into the queue.';
END
$$;
COMMENT ON FUNCTION etl._raise_busy(bigint) IS
    'Says why a run may not begin (55P03): another one of its pipeline is under way, or was begun and is not finished, '
    'or somebody else holds its lock.';

CREATE PROCEDURE etl.run_pipeline(
    name text,
    logical_time timestamptz DEFAULT now(),
    from_step text DEFAULT NULL,
    params jsonb DEFAULT NULL,
    dry_run boolean DEFAULT false
)
LANGUAGE plpgsql
AS $$
DECLARE
    opened record;
    failed pg_catalog.int8;
BEGIN
    CALL etl._require_toplevel('etl.run_pipeline');
    CALL etl._commit();
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM etl._require_flag(dry_run, 'dry_run');
    IF dry_run THEN
        PERFORM etl._dry_run(etl._pipeline(name), logical_time, from_step, params);
        RETURN;
    END IF;
    SELECT o.* INTO opened FROM etl._open_run(etl._pipeline(name), logical_time, 'call', from_step, params) AS o;
    IF opened.status NOT IN ('queued', 'running') THEN
        RETURN;
    ELSIF NOT etl._take_run(opened.run_id) THEN
        PERFORM etl._raise_busy(opened.run_id);
    END IF;
    CALL etl._execute_run(opened.run_id, failed);
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF failed IS NOT NULL THEN
        PERFORM etl._raise_failure(failed);
    END IF;
    PERFORM etl._seen_run(opened.run_id); -- raises: it was deleted, or its role has another name
END
$$;
COMMENT ON PROCEDURE etl.run_pipeline(text, timestamptz, text, jsonb, boolean) IS
$$Runs a pipeline for one logical time, here and now, and returns when all its steps have ended; it cannot be called
inside a transaction block (2D000). A run that was begun for that time and not finished (its session or the server
ended) is gone on with; one that has ended is left as it is, with a notice.
name: a pipeline of the current role. logical_time: what the run is for (default: now), which the steps read with
etl.logical_time(). from_step: only that step and those that need it, directly or by way of others. params: parameters
of this run, an object, before those of the steps; they read them with etl.param(). dry_run: executes the steps of kind
sql in one transaction, tells how each went, and rolls back; nothing is recorded.
Errors: 42704 no such pipeline or step, or the run was deleted meanwhile, 42501 another role's, 55000 it has no steps,
55P03 another run of it is under way, 22023 bad argument; when a step failed, an error under the step's own SQLSTATE is
raised after all others have ended.$$;
