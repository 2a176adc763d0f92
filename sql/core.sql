-- The checks and records that every room uses. pg_cron is absent here.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never

SELECT etl.version() ~ '^\d+\.\d+\.\d+$' AS version,
       etl.version() = (SELECT extversion FROM pg_extension WHERE extname = 'pg_etl') AS of_the_extension;

CREATE SCHEMA core;
SET search_path = core;
CREATE TABLE orders (id int PRIMARY KEY, "placed At" date);
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE VIEW orders_view AS SELECT * FROM orders;
CREATE MATERIALIZED VIEW orders_matview AS SELECT * FROM orders;
CREATE SEQUENCE numbers;
CREATE TYPE pair AS (a int, b int);

-- Tables and columns
SELECT etl._require_table('orders', '{SELECT}'), etl._require_table('parted', '{SELECT,DELETE}');
SELECT etl._require_table('orders_view', '{SELECT}');
SELECT etl._require_table('orders_matview', '{SELECT}');
SELECT etl._require_table('numbers', '{SELECT}');
SELECT etl._require_table('orders_pkey', '{SELECT}');
SELECT etl._require_table('pair', '{SELECT}');
SELECT etl._require_table(NULL, '{SELECT}');
SELECT etl._require_table(4294967294::oid::regclass, '{SELECT}');
SELECT etl._require_column('orders', 'id'), etl._require_column('orders', 'placed At');
SELECT etl._require_column('orders', 'placed_at');
SELECT etl._require_column('orders', 'ctid');
SELECT etl._require_column('orders', NULL);

-- Values
SELECT etl._require_positive('1 day', 'keep'), etl._require_moment('2025-01-01', 'as_of'),
       etl._require_name('a b', 'name');
SELECT etl._require_positive('0', 'keep');
SELECT etl._require_positive('-1 day', 'keep');
SELECT etl._require_positive(NULL, 'keep');
SELECT etl._require_moment('infinity', 'as_of');
SELECT etl._require_moment(NULL, 'as_of');
SELECT etl._require_name('', 'name');
SELECT etl._require_name(' a', 'name');
SELECT etl._require_name(E'a\nb', 'name');
SELECT etl._require_name(repeat('x', 64), 'name');
SELECT etl._require_name(NULL, 'name');

-- Schedules
SELECT etl._require_schedule(s)
FROM unnest(ARRAY['0 2 * * *', ' */5  0-6 1,15 jan-jun mon ', '@hourly', '@Daily']) AS s;
SELECT etl._require_schedule('0 0 2 * * *');
SELECT etl._require_schedule('* * * *');
SELECT etl._require_schedule('0 2 $ * *');
SELECT etl._require_schedule('@every_second');
SELECT etl._require_schedule('5 minutes');
SELECT etl._require_schedule(' ');
SELECT etl._require_schedule(NULL);
\set VERBOSITY sqlstate
SELECT etl._cron_schedule('job', '0 2 * * *', 'SELECT 1');
SELECT etl._cron_schedule('job', '0 2 * *', 'SELECT 1');
\set VERBOSITY default
SELECT etl._cron_unschedule('job');
SELECT etl._cron_job_name('pipeline', 'nightly'),
       octet_length(etl._cron_job_name('pipeline', repeat('x', 63))) AS bytes;

-- Records of runs
SELECT etl._start_run('refresh', 'core.sales', '2025-06-01 12:00+00') AS run_id \gset
SELECT kind, name, as_of, duration >= '0' AS has_duration, status, rows, detail, error, owner = current_user AS mine
FROM etl.runs WHERE run_id = :run_id;
SELECT etl._finish_run(:run_id, 'failed', 7, '{"mode": "plain"}', 'it broke');
SELECT status, rows, detail, error FROM etl.runs WHERE run_id = :run_id;
\set VERBOSITY terse
SELECT etl._start_run('holiday', 'core.sales', now());
\set VERBOSITY default
SELECT etl._start_run('refresh', 'core.sales', '2025-06-01 13:00+00') AS lost_id \gset
SELECT etl._close_lost_runs('refresh', 'core.sales');
SELECT status, error FROM etl.runs WHERE run_id IN (:run_id, :lost_id) ORDER BY run_id;
SELECT etl.as_of() = now() AS outside_of_a_step;

-- One session holds a definition's lock at a time; it may take it twice and lets go of it at once.
SELECT etl._lock_run('etl.run', 1), etl._lock_run('etl.run', 1);
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT etl._unlock_run('etl.run', 1);
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

-- Roles see and change their own runs only, and act as nobody else.
CREATE ROLE regress_core_ann;
CREATE ROLE regress_core_ben;
GRANT USAGE ON SCHEMA core TO regress_core_ann;
GRANT SELECT ON orders TO regress_core_ann;
SET ROLE regress_core_ann;
SELECT count(*) FROM etl.runs;
UPDATE etl.run SET status = 'succeeded';
SELECT etl._start_run('refresh', 'core.ann', now()) > 0 AS recorded;
UPDATE etl.run SET owner = 'regress_core_ben';
SELECT etl._require_table('orders', '{SELECT,DELETE}');
SELECT etl._require_owner('regress_core_ben', 'pipeline "nightly"');
SELECT etl._require_owner('regress_core_ann', 'pipeline "nightly"');
RESET ROLE;

SET client_min_messages = warning;
DELETE FROM etl.run;
DROP OWNED BY regress_core_ann;
DROP ROLE regress_core_ann, regress_core_ben;
DROP SCHEMA core CASCADE;
