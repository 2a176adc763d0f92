-- What the views of pipelines say of rows with known contents, and of runs under way. No transaction around the file,
-- because runs commit. A second session comes by dblink.
CREATE EXTENSION dblink;
SELECT plan(32);
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
-- Waits until a query returns true, ten seconds at most.
CREATE FUNCTION pg_temp.becomes(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    answer boolean;
BEGIN
    FOR i IN 1 .. 200 LOOP
        PERFORM pg_stat_clear_snapshot();
        EXECUTE query INTO answer;
        IF answer THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RETURN false;
END
$$;

-- Rows by hand --------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('p') \g /dev/null
SELECT is((SELECT (state, problem)::text FROM etl.pipelines), '(idle,"it has no steps")', 'without steps');
SELECT etl.add_step('p', 'a', 'SELECT 1') \g /dev/null
SELECT etl.add_step('p', 'b', 'SELECT 2', depends_on => '{a}') \g /dev/null
SELECT results_eq('SELECT state, steps, queued_runs, last_run, problem FROM etl.pipelines',
                  $$VALUES ('idle', '{a,b}'::text[], 0::bigint, NULL::bigint, NULL::text)$$, 'never run');
SELECT results_eq('SELECT pipeline, step, kind, action, depends_on, run_if, attempts FROM etl.steps ORDER BY step',
                  $$VALUES ('p', 'a', 'sql', 'SELECT 1', '{}'::text[], 'all_success', 3),
                           ('p', 'b', 'sql', 'SELECT 2', '{a}', 'all_success', 3)$$, 'steps');

SELECT etl._enqueue_run(p, '2025-01-01', 'schedule', '{"x": 1}', NULL, '2024-12-31') AS run
FROM etl.pipeline AS p \gset
SELECT results_eq('SELECT state, queued_runs, last_run FROM etl.pipelines',
                  $$VALUES ('queued', 1::bigint, NULL::bigint)$$, 'a run waits');
SELECT results_eq('SELECT pipeline, logical_time, interval_start, interval_end, status, trigger, steps_done, steps,
                          executor_pid, params, started_at, duration FROM etl.pipeline_runs',
                  $$VALUES ('p', '2025-01-01 00:00+00'::timestamptz, '2024-12-31 00:00+00'::timestamptz,
                            '2025-01-01 00:00+00'::timestamptz, 'queued', 'schedule', 0::bigint, 0::bigint,
                            NULL::integer, '{"x": 1}'::jsonb, NULL::timestamptz, NULL::interval)$$, 'its row');

UPDATE etl.run SET status = 'running', started_at = '2025-01-01 00:00:01' WHERE run_id = :run;
SELECT etl._fill_run(u) FROM etl.pipeline_run AS u \g /dev/null
SELECT results_eq('SELECT step, status, attempt, attempts, waits_for FROM etl.step_runs ORDER BY position',
                  $$VALUES ('a', 'waiting', 0, 3, 'a free worker'), ('b', 'waiting', 0, 3, 'a')$$,
                  'what steps wait for');
SELECT matches((SELECT problem FROM etl.pipelines), 'the session that executed run \d+ is gone', 'a lost run shows');
SELECT is((SELECT executor_pid FROM etl.pipeline_runs), NULL, 'it has no session');
SELECT etl._lock_run('etl.pipeline_run', etl._lock_id(:run)) \g /dev/null
UPDATE etl.pipeline_run SET executor_pid = pg_backend_pid();
SELECT results_eq('SELECT r.executor_pid = pg_backend_pid(), p.problem, p.state
                   FROM etl.pipeline_runs AS r, etl.pipelines AS p',
                  $$VALUES (true, NULL::text, 'running')$$, 'while a session holds its lock it is not lost');
SELECT is((SELECT pid FROM dblink(pg_temp.other(), 'SELECT executor_pid FROM etl.pipeline_runs') AS o(pid integer)),
          pg_backend_pid(), 'and others see which one');

UPDATE etl.step_run SET attempt = 1, next_attempt_at = '2025-01-01 00:01:00', error = 'no', sqlstate = '40001'
WHERE step = 'a';
SELECT is((SELECT waits_for FROM etl.step_runs WHERE step = 'a'), 'retry at 2025-01-01 00:01:00+00', 'a retry');
UPDATE etl.step_run
SET status = 'running', worker_pid = 4711, next_attempt_at = NULL, started_at = now() - interval '1 hour'
WHERE step = 'a';
SELECT results_eq($$SELECT worker_pid, waits_for, duration > interval '1 hour' FROM etl.step_runs WHERE step = 'a'$$,
                  'VALUES (4711, NULL::text, true)', 'a step whose worker is gone');
UPDATE etl.step_run SET status = 'failed', finished_at = started_at + interval '2 s' WHERE step = 'a';
UPDATE etl.step_run SET status = 'skipped' WHERE step = 'b';
UPDATE etl.run SET status = 'failed', error = 'step "a": no', finished_at = started_at + interval '3 s';
SELECT etl._unlock_run('etl.pipeline_run', etl._lock_id(:run)) \g /dev/null
SELECT results_eq('SELECT step, status, duration, error, sqlstate, waits_for, worker_pid
                   FROM etl.step_runs ORDER BY position',
                  $$VALUES ('a', 'failed', interval '2 s', 'no', '40001', NULL::text, NULL::integer),
                           ('b', 'skipped', NULL, NULL, NULL, NULL, NULL)$$, 'steps that have ended');
SELECT results_eq('SELECT state, last_run, last_status, last_logical_time, last_duration, problem FROM etl.pipelines',
                  format($$VALUES ('failing', %s::bigint, 'failed', '2025-01-01 00:00+00'::timestamptz, interval '3 s',
                                   'step "a": no')$$, :run), 'a pipeline whose last run failed');
SELECT results_eq('SELECT status, steps_done, steps, duration, error FROM etl.pipeline_runs',
                  $$VALUES ('failed', 2::bigint, 2::bigint, interval '3 s', 'step "a": no')$$, 'its run');
SELECT etl._enqueue_run(p, '2025-01-02', 'schedule') FROM etl.pipeline AS p \g /dev/null
SELECT results_eq('SELECT state, last_run FROM etl.pipelines', format($$VALUES ('queued', %s::bigint)$$, :run),
                  'a run that waits is not the last one');
UPDATE etl.pipeline SET paused_at = now(), next_at = '2025-01-03';
SELECT results_eq('SELECT state, next_at FROM etl.pipelines', $$VALUES ('paused', NULL::timestamptz)$$, 'paused');
UPDATE etl.pipeline SET paused_at = NULL, schedule = '@daily';
SELECT is((SELECT problem FROM etl.pipelines),
          'it was due at 2025-01-03 00:00:00+00, and no scheduler has ticked', 'a schedule that nobody looks at');
INSERT INTO etl.scheduler (ticked_at) VALUES ('2025-01-02 23:00');
SELECT is((SELECT problem FROM etl.pipelines),
          'it was due at 2025-01-03 00:00:00+00, and the scheduler has not ticked since 2025-01-02 23:00:00+00',
          'or not any more');
SELECT results_eq('SELECT run_id, pipeline, step, event FROM etl.run_log ORDER BY event_id LIMIT 1',
                  format($$VALUES (%s::bigint, 'p', NULL::text, 'queued')$$, :run), 'the log');

-- Other roles --------------------------------------------------------------------------------------------------------

CREATE ROLE regress_pipeline_views;
SET ROLE regress_pipeline_views;
SELECT is((SELECT count(*) FROM etl.pipelines) + (SELECT count(*) FROM etl.steps) + (SELECT count(*) FROM etl.run_log)
          + (SELECT count(*) FROM etl.pipeline_runs) + (SELECT count(*) FROM etl.step_runs), 0::bigint,
          'another role sees nothing');
SELECT throws_ok(format('SELECT etl.run_graph(%s)', :run), '42704', format('run %s of a pipeline does not exist', :run),
                 'and no graph');
RESET ROLE;
DROP ROLE regress_pipeline_views;
SELECT etl.drop_pipeline('p') \g /dev/null
DELETE FROM etl.run;

-- Runs under way: locks, and notifications ------------------------------------------------------------------------------

CREATE TABLE busy (n int);
SELECT etl.create_pipeline('live') \g /dev/null
SELECT etl.add_step('live', 'a', 'INSERT INTO public.busy VALUES (1)') \g /dev/null
SELECT etl.add_step('live', 'b', 'SELECT 1 / 0', depends_on => '{a}') \g /dev/null
SELECT dblink_connect('blocker', pg_temp.other()) \g /dev/null
SELECT pid AS blocker FROM dblink('blocker', 'SELECT pg_backend_pid()') AS b(pid integer) \gset
SELECT dblink_exec('blocker', 'BEGIN; LOCK TABLE public.busy') \g /dev/null
SELECT etl.start_pipeline('live', '2025-01-01') AS run \gset
SELECT ok(pg_temp.becomes(format($$SELECT waits_for = 'lock (relation) held by process %s' FROM etl.step_runs
                                   WHERE step = 'a'$$, :blocker)), 'the lock that a step waits for, and who holds it');
SELECT results_eq($$SELECT s.worker_pid IN (SELECT pid FROM pg_stat_activity) AND s.worker_pid <> r.executor_pid
                    FROM etl.step_runs AS s, etl.pipeline_runs AS r WHERE s.step = 'a'$$, 'VALUES (true)',
                  'the worker of the step, and the session of the run');
SELECT results_eq('SELECT state, problem FROM etl.pipelines', $$VALUES ('running', NULL::text)$$, 'the pipeline runs');
SELECT is((SELECT waits_for FROM etl.step_runs WHERE step = 'b'), 'a', 'the other one waits for it');
SELECT dblink_exec('blocker', 'COMMIT') \g /dev/null
SELECT is(etl.wait_run(:run, '10 s'), 'failed', 'it ends');
SELECT results_eq('SELECT event, step, attempt, message FROM etl.run_log ORDER BY event_id',
                  $$VALUES ('queued', NULL::text, NULL::int, NULL::text), ('started', NULL, NULL, NULL),
                           ('failed', 'b', 1, 'division by zero'),
                           ('failed', NULL, NULL, 'step "b": division by zero')$$, 'its log');
SELECT is((SELECT detail ->> 'sqlstate' FROM etl.run_log WHERE step = 'b'), '22012', 'with details');

-- A session that LISTENs; dblink tells what it has heard.
SELECT dblink_exec('blocker', 'LISTEN etl_run') \g /dev/null
SELECT etl.start_pipeline('live', '2025-01-02') AS run \gset
SELECT etl.wait_run(:run, '10 s') \g /dev/null
SELECT dblink_exec('blocker', 'SET work_mem = 1024') \g /dev/null
CREATE TABLE heard AS SELECT extra::jsonb AS what FROM dblink_get_notify('blocker') WHERE notify_name = 'etl_run';
SELECT set_eq('SELECT what FROM heard',
              format($$VALUES ('{"run_id": %1$s, "step": null, "event": "queued"}'::jsonb),
                              ('{"run_id": %1$s, "step": null, "event": "started"}'),
                              ('{"run_id": %1$s, "step": "b", "event": "failed"}'),
                              ('{"run_id": %1$s, "step": null, "event": "failed"}')$$, :run),
              'each event is notified');
SELECT lives_ok(format('SELECT etl._log_event(%s, repeat(%L, 9000), %L)', :run, '"', 'failed'),
                'also of a step with a very long name');
SELECT dblink_disconnect('blocker') \g /dev/null
SELECT is((SELECT duration IS NOT NULL AND steps_done = 2 FROM etl.pipeline_runs WHERE run_id = :run), true,
          'the run has ended');
SELECT * FROM finish();
