-- Pipelines: how they are run, and what is refused. pg_cron is absent here.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never

-- Hints name the number of the run.
ALTER SEQUENCE etl.run_run_id_seq RESTART WITH 1000;

CREATE SCHEMA pipe;
SET search_path = pipe, public;
CREATE TABLE raw (id int, amount int);
CREATE TABLE clean (id int PRIMARY KEY, amount int);
CREATE TABLE daily (day date PRIMARY KEY, amount bigint);
INSERT INTO raw SELECT n, n * 10 FROM generate_series(1, 5) AS n;

-- Three steps in a row, as of a past moment
SELECT etl.create_pipeline('nightly', description => 'raw rows become a daily sum');
SELECT etl.add_step('nightly', 'load', 'INSERT INTO clean SELECT * FROM raw');
SELECT etl.add_step('nightly', 'tidy', 'VACUUM clean', kind => 'procedure', depends_on => '{load}');
SELECT etl.add_step('nightly', 'sum',
                    'INSERT INTO daily SELECT etl.as_of()::date, sum(amount) FROM clean', depends_on => '{load}');
SELECT pipeline, description, steps, schedule, last_run, last_status FROM etl.pipelines;
SELECT pipeline, step, kind, action, depends_on FROM etl.steps;
CALL etl.run_pipeline('nightly', logical_time => '2025-06-01 02:00+00');
SELECT * FROM daily;
SELECT kind, name, as_of, status, rows, detail, error FROM etl.runs;
SELECT pipeline, step, kind, status, duration >= '0' AS has_duration, rows, sqlstate, error, position
FROM etl.step_runs ORDER BY run_id, position;
SELECT pipeline, last_status FROM etl.pipelines;
SHOW search_path;

-- A second run: the first step fails, the steps that need it are skipped, and nothing is half done.
CALL etl.run_pipeline('nightly', '2025-06-02 02:00+00');
SELECT step, status, rows, sqlstate, error, detail, hint
FROM etl.step_runs WHERE run_id = (SELECT last_run FROM etl.pipelines) ORDER BY position;
SELECT status, detail, error FROM etl.runs ORDER BY run_id DESC LIMIT 1;

-- A step that is altered takes another way from then on.
SELECT etl.alter_step('nightly', 'load', action => 'INSERT INTO clean SELECT * FROM raw ON CONFLICT DO NOTHING');
CALL etl.run_pipeline('nightly', '2025-06-03 02:00+00');
SELECT * FROM daily ORDER BY day;

-- What commits needs a step of kind procedure.
CREATE PROCEDURE pipe.fill() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pipe.raw VALUES (6, 60);
    COMMIT;
    INSERT INTO pipe.raw VALUES (7, 70);
END $$;
SELECT etl.create_pipeline('filling');
SELECT etl.add_step('filling', 'fill', 'CALL fill()');
CALL etl.run_pipeline('filling');
SELECT etl.alter_step('filling', 'fill', action => 'COMMIT');
SELECT etl.alter_step('filling', 'fill', action => 'VACUUM raw');
SELECT etl.alter_step('filling', 'fill', action => 'CALL fill()', kind => 'procedure');
CALL etl.run_pipeline('filling');
SELECT count(*) FROM raw;

-- Running: what is refused
SELECT etl.create_pipeline('empty');
CALL etl.run_pipeline('empty');
CALL etl.run_pipeline('nowhere');
CALL etl.run_pipeline(NULL);
CALL etl.run_pipeline('nightly', 'infinity');
CALL etl.run_pipeline('nightly', NULL);
BEGIN;
CALL etl.run_pipeline('nightly');
ROLLBACK;
DO $$ BEGIN EXECUTE 'CALL etl.run_pipeline(''nightly'')'; END $$;

-- A dry run fetches nothing
CREATE SERVER regress_pipe_api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'https://api.example.com');
SELECT etl.create_extract('pipe_orders', 'regress_pipe_api', '/orders');
SELECT etl.create_pipeline('fetching'), etl.add_step('fetching', 'fetch', 'pipe_orders', 'extract');
CALL etl.run_pipeline('fetching', '2025-01-01', dry_run => true);
SELECT etl.drop_pipeline('fetching'), etl.drop_extract('pipe_orders');
DROP SERVER regress_pipe_api;

-- Roles
CREATE ROLE regress_pipe_ann;
CREATE ROLE regress_pipe_root SUPERUSER;
SET ROLE regress_pipe_ann;
SELECT pipeline FROM etl.pipelines;
SELECT count(*) FROM etl.step_runs;
SELECT etl.create_pipeline('nightly');
SELECT etl.create_pipeline('nightly', if_not_exists => true);
CALL etl.run_pipeline('nightly');
SELECT etl.create_pipeline('anns');
SELECT etl.add_step('anns', 'who', 'DO $$ BEGIN RAISE EXCEPTION ''%'', current_user; END $$');
CALL etl.run_pipeline('anns');
SET ROLE regress_pipe_root;
CALL etl.run_pipeline('anns');
SELECT etl.add_step('anns', 'more', 'SELECT 1');
\set VERBOSITY terse
INSERT INTO etl.step (pipeline_id, name, action, kind, depends_on)
SELECT pipeline_id, 'slipped in', 'SELECT 1', 'sql', '{}' FROM etl.pipeline WHERE name = 'anns';
\set VERBOSITY default
-- It may remove what another role left behind.
SELECT etl.drop_pipeline('anns');

SET ROLE regress_pipe_ann;
SELECT etl.drop_pipeline('anns');
RESET ROLE;
SELECT etl.remove_step('nightly', 'sum'), etl.drop_pipeline('nightly'), etl.drop_pipeline('filling'),
       etl.drop_pipeline('empty');
SET client_min_messages = warning;
DELETE FROM etl.run;
SELECT count(*) FROM etl.step_run;
DROP ROLE regress_pipe_ann, regress_pipe_root;
DROP SCHEMA pipe CASCADE;
