-- What the views of pipelines take for one pipeline, over a history of a million steps: planning and execution, in ms.
--
--   psql -X -q -f test/bench/pipeline/history.sql     in an empty database with pg_etl
--
-- 500 pipelines with 100 runs of 10 steps each, and one ("busy") with 50,000 runs; 5 % of the runs failed. The reader is
-- an ordinary role, so that row security is part of what is measured.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT 'bench_history_' || pg_backend_pid() AS reader \gset
CREATE ROLE :reader;
SET ROLE :reader;

INSERT INTO etl.pipeline (name, search_path, schedule)
SELECT CASE n WHEN 0 THEN 'busy' ELSE 'p' || n END, 'public', '0 * * * *' FROM generate_series(0, 500) AS n;
INSERT INTO etl.step (pipeline_id, name, action)
SELECT p.pipeline_id, 's' || n, 'SELECT' FROM etl.pipeline AS p, generate_series(1, 10) AS n;
CREATE TEMPORARY TABLE due AS
SELECT row_number() OVER (ORDER BY t.n, p.pipeline_id) AS run_id, p.pipeline_id, p.name,
       date_trunc('hour', now()) - interval '1 hour' * (CASE p.name WHEN 'busy' THEN 50000 ELSE 100 END - t.n) AS at,
       random() < 0.05 AS failed
FROM etl.pipeline AS p
CROSS JOIN LATERAL generate_series(1, CASE p.name WHEN 'busy' THEN 50000 ELSE 100 END) AS t(n);
INSERT INTO etl.run (run_id, kind, name, as_of, started_at, finished_at, status, error) OVERRIDING SYSTEM VALUE
SELECT run_id, 'pipeline', name, at, at, at + interval '90 s', CASE WHEN failed THEN 'failed' ELSE 'succeeded' END,
       CASE WHEN failed THEN 'step "s5": division by zero' END
FROM due ORDER BY run_id;
INSERT INTO etl.pipeline_run (run_id, pipeline_id, logical_time, interval_end, trigger, max_parallel, on_failure, search_path)
SELECT run_id, pipeline_id, at, at, 'schedule', 4, 'stop', 'public' FROM due ORDER BY run_id;
INSERT INTO etl.step_run (run_id, position, step, kind, mode, command, depends_on, needs, run_if, attempts, backoff,
    backoff_factor, backoff_max, jitter, params, status, attempt, worker_pid, started_at, finished_at, rows, error, sqlstate)
SELECT d.run_id, n, 's' || n, 'sql', 'sql', 'INSERT INTO t SELECT * FROM s', CASE n WHEN 1 THEN '{}' ELSE ARRAY['s' || n - 1] END,
       CASE n WHEN 1 THEN '{}' ELSE ARRAY[n - 1] END, 'all_success', 3, '1 s', 2, '5 min', 0.1, '{}',
       CASE WHEN failed AND n = 5 THEN 'failed' WHEN failed AND n > 5 THEN 'skipped' ELSE 'succeeded' END,
       (NOT failed OR n <= 5)::int, 4711, at, at + interval '9 s', 100,
       CASE WHEN failed AND n = 5 THEN 'division by zero' END, CASE WHEN failed AND n = 5 THEN '22012' END
FROM due AS d, generate_series(1, 10) AS n ORDER BY d.run_id, n;
INSERT INTO etl.run_event (run_id, at, event)
SELECT run_id, at, e FROM due, unnest('{queued,started,succeeded}'::text[]) AS e ORDER BY run_id;
RESET ROLE;
SELECT setval('etl.run_run_id_seq', (SELECT max(run_id) FROM etl.run)) \g /dev/null
VACUUM ANALYZE etl.pipeline, etl.step, etl.run, etl.pipeline_run, etl.step_run, etl.run_event;
SET ROLE :reader;
SELECT max(run_id) AS some FROM due WHERE name = 'p250' \gset

CREATE FUNCTION pg_temp.took(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    plan json;
    best numeric;
BEGIN
    FOR i IN 1 .. 5 LOOP
        EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT json) ' || query INTO plan;
        best := least(best, (plan -> 0 ->> 'Planning Time')::numeric + (plan -> 0 ->> 'Execution Time')::numeric);
    END LOOP;
    RETURN round(best, 1);
END
$$;
SELECT count(*) AS "steps in the history" FROM etl.step_run;
SELECT q.query, pg_temp.took(q.query) AS ms
FROM (VALUES
    (1, $$SELECT * FROM etl.pipelines WHERE pipeline = 'p250'$$),
    (2, $$SELECT * FROM etl.pipelines WHERE pipeline = 'busy'$$),
    (3, $$SELECT * FROM etl.steps WHERE pipeline = 'p250'$$),
    (4, $$SELECT * FROM etl.pipeline_runs WHERE pipeline = 'p250'$$),
    (5, $$SELECT * FROM etl.pipeline_runs WHERE pipeline = 'busy' ORDER BY run_id DESC LIMIT 50$$),
    (6, $$SELECT * FROM etl.pipeline_runs WHERE pipeline = 'busy' ORDER BY logical_time DESC LIMIT 50$$),
    (7, $$SELECT * FROM etl.pipeline_runs WHERE pipeline = 'busy' AND status = 'failed' ORDER BY run_id DESC LIMIT 50$$),
    (8, format('SELECT * FROM etl.pipeline_runs WHERE run_id = %s', :some)),
    (9, $$SELECT * FROM etl.step_runs WHERE pipeline = 'p250'$$),
    (10, $$SELECT * FROM etl.step_runs WHERE pipeline = 'busy' ORDER BY run_id DESC, position LIMIT 50$$),
    (11, format('SELECT * FROM etl.step_runs WHERE run_id = %s ORDER BY position', :some)),
    (12, $$SELECT * FROM etl.step_runs WHERE run_id = (SELECT last_run FROM etl.pipelines WHERE pipeline = 'busy')$$),
    (13, $$SELECT * FROM etl.run_log WHERE pipeline = 'p250'$$),
    (14, $$SELECT * FROM etl.run_log WHERE pipeline = 'busy' ORDER BY run_id DESC, event_id LIMIT 50$$),
    (15, format('SELECT * FROM etl.run_log WHERE run_id = %s ORDER BY event_id', :some)),
    (16, $$SELECT * FROM etl.runs WHERE kind = 'pipeline' AND name = 'p250'$$),
    (17, format('SELECT etl.run_graph(%s)', :some)),
    (18, 'SELECT * FROM etl.pipelines')
) AS q(n, query)
ORDER BY q.n;
RESET ROLE;
