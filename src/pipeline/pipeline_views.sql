-- What is seen of pipelines: their definitions and state, their runs, the steps of these, and what happened to them.
--
-- The views call no volatile function, so that PostgreSQL takes them apart and reads by index what a query asks for.

CREATE FUNCTION etl._executor(run_id bigint, claimed_by integer)
RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN claimed_by = pg_backend_pid() THEN claimed_by
               ELSE etl._run_lock_holder('etl.pipeline_run', etl._lock_id(run_id))
           END
$$;
COMMENT ON FUNCTION etl._executor(bigint, integer) IS
    'The process of the session that executes a run, which holds its lock; NULL when none does. claimed_by: the one '
    'that wrote down that it does.';

CREATE FUNCTION etl._held_up_by(pid integer, wait_event_type text, wait_event text)
RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN wait_event_type = 'Lock' THEN
                   format('lock (%s) held by process %s', wait_event,
                          coalesce(nullif(array_to_string(pg_blocking_pids(pid), ', '), ''), '?'))
               ELSE format('%s: %s', wait_event_type, wait_event)
           END
$$;
COMMENT ON FUNCTION etl._held_up_by(integer, text, text) IS
    'What a process waits for, in words: a lock and who holds it, or the wait event of pg_stat_activity.';

CREATE FUNCTION etl._time_since(begun timestamptz)
RETURNS interval
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT clock_timestamp() - begun
$$;
COMMENT ON FUNCTION etl._time_since(timestamptz) IS 'How long it is ago, by the clock.';

CREATE VIEW etl.pipelines WITH (security_invoker = true) AS
SELECT p.name AS pipeline,
       CASE
           WHEN a.running IS NOT NULL THEN 'running'
           WHEN p.paused_at IS NOT NULL THEN 'paused'
           WHEN a.queued > 0 THEN 'queued'
           WHEN r.status = 'failed' THEN 'failing'
           ELSE 'idle'
       END AS state,
       p.description,
       d.steps,
       p.schedule,
       p.timezone,
       CASE WHEN p.paused_at IS NULL THEN p.next_at END AS next_at,
       a.queued AS queued_runs,
       r.run_id AS last_run,
       r.status AS last_status,
       r.as_of AS last_logical_time,
       r.started_at AS last_started_at,
       CASE WHEN r.status = 'running' THEN etl._time_since(r.started_at) ELSE r.finished_at - r.started_at END
           AS last_duration,
       CASE
           WHEN p.problem IS NOT NULL THEN p.problem
           WHEN d.steps = '{}' THEN 'it has no steps'
           -- A standby does not see the sessions of the primary.
           WHEN a.running IS NOT NULL AND NOT pg_catalog.pg_is_in_recovery() AND etl._executor(a.running, (
               SELECT q.executor_pid FROM etl.pipeline_run AS q WHERE q.run_id = a.running)) IS NULL THEN
               format('the session that executed run %s is gone, and none has gone on with it yet', a.running)
           WHEN a.queued > 0 AND a.running IS NULL AND etl._worker_obstacle(p.owner) IS NOT NULL THEN
               format('its runs wait for a background worker: %s', etl._worker_failure(
                   etl._worker_obstacle(p.owner), 'its queue', p.owner) ->> 'message')
           WHEN p.paused_at IS NULL AND p.next_at < statement_timestamp() - interval '3 minutes' THEN
               format('it was due at %s, and %s', p.next_at,
                      coalesce('the scheduler has not ticked since ' || s.ticked_at, 'no scheduler has ticked'))
           WHEN r.status = 'failed' THEN coalesce(r.error, 'the last run failed')
       END AS problem,
       p.start_at,
       p.catchup,
       p.overlap,
       p.max_parallel,
       p.timeout,
       p.on_failure,
       p.labels,
       p.search_path,
       p.paused_at,
       p.created_at,
       p.owner
FROM etl.pipeline AS p
LEFT JOIN etl.scheduler AS s ON s.owner = p.owner
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(t.name ORDER BY t.step_id), '{}') AS steps
    FROM etl.step AS t
    WHERE t.pipeline_id = p.pipeline_id
) AS d
CROSS JOIN LATERAL (
    SELECT min(u.run_id) FILTER (WHERE u.status = 'running') AS running,
           count(*) FILTER (WHERE u.status = 'queued') AS queued
    FROM etl.run AS u
    WHERE u.kind = 'pipeline' AND u.name = p.name AND u.owner = p.owner AND u.status IN ('queued', 'running')
) AS a
LEFT JOIN LATERAL (
    SELECT u.*
    FROM etl.run AS u
    WHERE u.kind = 'pipeline' AND u.name = p.name AND u.owner = p.owner AND u.started_at IS NOT NULL
    ORDER BY u.run_id DESC
    LIMIT 1
) AS r ON true;
COMMENT ON VIEW etl.pipelines IS
$$Pipelines, their state and their last run. state: running, paused (its schedule rests), queued (a run waits to be
executed), failing (the last run failed) or idle. next_at: the next time of the schedule. last_…: of the last run that
began. problem: what somebody should look at, NULL when there is nothing: no steps, a run whose session is gone, runs of
a role that no worker may log in as, a schedule that nobody looks at, or the error of the last run. Define pipelines
with etl.create_pipeline.$$;
GRANT SELECT ON etl.pipelines TO PUBLIC;

CREATE VIEW etl.steps WITH (security_invoker = true) AS
SELECT p.name AS pipeline,
       s.name AS step,
       s.kind,
       s.action,
       s.depends_on,
       s.run_if,
       s.attempts,
       s.backoff,
       s.backoff_factor,
       s.backoff_max,
       s.jitter,
       s.retry_sqlstates,
       s.timeout,
       s.run_as,
       s.params,
       s."check",
       s.owner
FROM etl.step AS s
JOIN etl.pipeline AS p USING (pipeline_id);
COMMENT ON VIEW etl.steps IS
    'Steps of pipelines: what each executes, which other steps it needs, and how it is retried. Define them with '
    'etl.add_step.';
GRANT SELECT ON etl.steps TO PUBLIC;

CREATE VIEW etl.pipeline_runs WITH (security_invoker = true) AS
SELECT r.run_id,
       r.name AS pipeline,
       r.as_of AS logical_time,
       q.interval_start,
       q.interval_end,
       r.status,
       q.trigger,
       q.queued_at,
       r.started_at,
       CASE WHEN r.status = 'running' THEN etl._time_since(r.started_at) ELSE r.finished_at - r.started_at END
           AS duration,
       (SELECT count(*) FROM etl.step_run AS s
        WHERE s.run_id = r.run_id AND s.status NOT IN ('waiting', 'running')) AS steps_done,
       (SELECT count(*) FROM etl.step_run AS s WHERE s.run_id = r.run_id) AS steps,
       r.rows,
       CASE WHEN r.status = 'running' THEN etl._executor(r.run_id, q.executor_pid) END AS executor_pid,
       q.cancel_requested_at,
       q.deadline,
       r.error,
       q.params,
       q.from_step,
       q.backfill_id,
       q.labels,
       r.owner
FROM etl.run AS r
JOIN etl.pipeline_run AS q USING (run_id)
WHERE r.kind = 'pipeline';
COMMENT ON VIEW etl.pipeline_runs IS
$$One row for each run of a pipeline: its logical time and interval, what asked for it (trigger: call, start, schedule,
backfill), its status (queued, running, succeeded, failed, cancelled, skipped), how many of its steps have ended, and
the error of the first step that failed. executor_pid: the session that executes it; where a running run has none, that
session is gone, and the next tick, runner or call goes on with it (a standby does not know it). backfill_id: the first
run of its backfill.$$;
GRANT SELECT ON etl.pipeline_runs TO PUBLIC;

CREATE FUNCTION etl._seen_run(run_id bigint)
RETURNS etl.pipeline_runs
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seen etl.pipeline_runs;
BEGIN
    SELECT r.* INTO seen FROM etl.pipeline_runs AS r WHERE r.run_id = _seen_run.run_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN run_id IS NULL THEN 'invalid_parameter_value' ELSE 'undefined_object' END,
            MESSAGE = CASE WHEN run_id IS NULL THEN 'no run was given'
                           ELSE format('run %s of a pipeline does not exist', run_id) END,
            HINT = 'SELECT * FROM etl.pipeline_runs lists those of the current role.';
    END IF;
    RETURN seen;
END
$$;
COMMENT ON FUNCTION etl._seen_run(bigint) IS
    'The run of a pipeline with that number, as the current role sees it (42704 when it sees none, 22023 for NULL).';

CREATE VIEW etl.step_runs WITH (security_invoker = true) AS
SELECT s.run_id,
       r.name AS pipeline,
       s.step,
       s.kind,
       s.status,
       s.attempt,
       s.attempts,
       s.started_at,
       CASE
           WHEN s.status = 'running' THEN etl._time_since(s.started_at)
           WHEN s.status <> 'waiting' THEN s.finished_at - s.started_at
       END AS duration,
       s.rows,
       CASE
           WHEN s.status = 'running' THEN etl._held_up_by(a.pid, a.wait_event_type, a.wait_event)
           WHEN s.status <> 'waiting' THEN NULL
           WHEN s.slot_wanted_at IS NOT NULL THEN 'a free worker'
           WHEN s.next_attempt_at IS NOT NULL THEN format('retry at %s', s.next_attempt_at)
           ELSE coalesce((SELECT string_agg(n.step, ', ' ORDER BY n.position)
                          FROM unnest(s.needs) AS d(position)
                          JOIN etl.step_run AS n ON n.run_id = s.run_id AND n.position = d.position
                          WHERE n.status IN ('waiting', 'running')),
                         CASE r.status WHEN 'running' THEN 'a free worker' ELSE 'the start of the run' END)
       END AS waits_for,
       (p.parts)[1]::bigint AS progress_done,
       (p.parts)[2]::bigint AS progress_total,
       (p.parts)[3] AS progress_note,
       s.error,
       s.sqlstate,
       s.detail,
       s.hint,
       s.context,
       CASE WHEN s.status = 'running' THEN s.worker_pid END AS worker_pid,
       s.run_as,
       s.position,
       s.owner
FROM etl.step_run AS s
JOIN etl.run AS r USING (run_id)
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = s.worker_pid AND s.status = 'running'
-- A worker is named after the pipeline and the step until it tells something, and these may be called by numbers.
CROSS JOIN LATERAL regexp_match(nullif(a.application_name, format('pg_etl %s/%s', r.name, s.step)),
                                '^pg_etl (\d{1,18})(?:/(\d{1,18}))?(?: (.*))?$') AS p(parts)
WHERE r.kind = 'pipeline';
COMMENT ON VIEW etl.step_runs IS
$$One row for each step of each run of a pipeline, in the order of position: its status (waiting, running, succeeded,
failed, skipped, cancelled), which attempt of how many, how long the last one took or takes, the rows that its last
statement touched, and PostgreSQL's error when it failed. waits_for: of a waiting step, the steps that it needs and that
have not ended, or when it is tried again; of a running one, the lock or event that its session waits for just now.
progress_…: what the step said with etl.progress.$$;
GRANT SELECT ON etl.step_runs TO PUBLIC;

CREATE VIEW etl.run_log WITH (security_invoker = true) AS
SELECT e.event_id,
       e.at,
       e.run_id,
       r.name AS pipeline,
       e.step,
       e.attempt,
       e.event,
       e.message,
       e.detail,
       e.owner
FROM etl.run_event AS e
JOIN etl.run AS r USING (run_id)
WHERE r.kind = 'pipeline';
COMMENT ON VIEW etl.run_log IS
$$What happened to runs of pipelines and to their steps, one row each in the order of event_id. event, of runs: queued,
started, resumed, cancel_requested, missed, succeeded, failed, cancelled, skipped; of steps: no_slot, retry, lost,
failed, skipped, cancelled. Each is also sent to who LISTENs to etl_run, as a JSON object with run_id, step and
event.$$;
GRANT SELECT ON etl.run_log TO PUBLIC;
