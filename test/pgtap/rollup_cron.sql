-- etl.refresh_all: rollups in the order in which they read each other, then materialized views; what fails does not
-- stop the rest. And rollups on a schedule of pg_cron.
SELECT plan(24);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE sale (id int PRIMARY KEY, at timestamptz, price int);
INSERT INTO sale SELECT i, '2024-01-01'::timestamptz + i * interval '1 hour', i FROM generate_series(1, 2000) AS i;

-- Their names are against the order.
SELECT etl.create_rollup('public.z_hourly', 'SELECT date_trunc(''hour'', at, ''UTC'') AS hour, sum(price) AS price '
                         'FROM public.sale GROUP BY 1', '{hour}');
SELECT etl.create_rollup('public.m_daily', 'SELECT date_trunc(''day'', hour, ''UTC'') AS day, sum(price) AS price '
                         'FROM public.z_hourly GROUP BY 1', '{day}');
SELECT etl.create_rollup('public.a_monthly',
    'SELECT date_trunc(''month'', d.day, ''UTC'') AS month, sum(d.price) AS price, '
                         'sum(h.price) AS hourly FROM public.m_daily AS d LEFT JOIN public.z_hourly AS h ON h.hour = '
                         'd.day GROUP BY 1', '{month}');
SELECT is(etl._rollup_chain(), '{public.z_hourly,public.m_daily,public.a_monthly}'::text[], 'each after what it reads');

CREATE FUNCTION runs(since bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(replace(name, 'public.', '') || ' ' || status, ', ' ORDER BY run_id) FROM etl.runs
    WHERE run_id > since
$$;
CREATE FUNCTION last_run() RETURNS bigint LANGUAGE sql AS 'SELECT coalesce(max(run_id), 0) FROM etl.runs';

UPDATE sale SET price = price + 1 WHERE id % 700 = 0;
SELECT last_run() AS since \gset
CALL etl.refresh_all();
SELECT is(runs(:since), 'z_hourly succeeded, m_daily succeeded, a_monthly succeeded', 'all are refreshed');
SELECT results_eq('TABLE a_monthly ORDER BY 1', $$
    SELECT date_trunc('month', at, 'UTC'), sum(price)::numeric, sum(price) FILTER
        (WHERE date_trunc('day', at, 'UTC') = at)::numeric
    FROM sale GROUP BY 1 ORDER BY 1$$, 'a change goes all the way through');
SELECT is((SELECT (detail ->> 'groups')::int + coalesce((detail ->> 'merged')::int, 0) FROM etl.runs
           WHERE run_id > :since
           AND name = 'public.z_hourly'), 2, 'and is no more than it was');

-- A failure ----------------------------------------------------------------------------------------------------------

CREATE TABLE other (k int, v int);
SELECT etl.create_rollup('public.b_other', 'SELECT k, sum(v) AS v FROM public.other GROUP BY 1', '{k}');
ALTER TABLE other RENAME COLUMN v TO w;
INSERT INTO other VALUES (1, 1);
DELETE FROM sale WHERE id = 5;
SELECT last_run() AS since \gset
SELECT throws_ok('CALL etl.refresh_all()', '42703', NULL, 'inside a transaction the first failure is raised');
CREATE TEMPORARY TABLE said (message text);
\set ON_ERROR_STOP 0
\set VERBOSITY sqlstate
CALL etl.refresh_all();
INSERT INTO said VALUES (:'LAST_ERROR_MESSAGE');
\set ON_ERROR_STOP 1
SELECT is(runs(:since), 'b_other failed, z_hourly succeeded, m_daily succeeded, a_monthly succeeded',
    'the others go on');
SELECT is((SELECT message FROM said),
          'column "v" of table "public.other", which rollup "public.b_other" reads, does not exist', 'and it is said');
CREATE TABLE third (k int, v int);
SELECT etl.create_rollup('public.c_third', 'SELECT k, sum(v) AS v FROM public.third GROUP BY 1', '{k}');
ALTER TABLE third RENAME TO fourth;
\set ON_ERROR_STOP 0
CALL etl.refresh_all();
UPDATE said SET message = :'LAST_ERROR_MESSAGE';
\set ON_ERROR_STOP 1
SELECT is((SELECT message FROM said), '2 refreshes failed', 'two of them');
ALTER TABLE fourth RENAME TO third;
ALTER TABLE other RENAME COLUMN w TO v;
CALL etl.refresh_all();
SELECT results_eq('TABLE b_other', 'VALUES (1, 1::bigint)', 'what was noted meanwhile is not lost');
SELECT throws_ok('CALL etl.refresh_all(max_runtime => ''-1 s'')', '22023', NULL, 'max_runtime');

SELECT etl.alter_rollup('z_hourly', mode => 'recompute');
UPDATE sale SET price = price + 1;
CALL etl.refresh_all(max_groups => 10, max_runtime => '1 microsecond');
SELECT ok((SELECT sum(pending) > 1000 AND sum(log_rows) = 0 FROM etl.rollups),
          'with no time left the logs are taken, and the groups pending');
CALL etl.refresh_all();
SELECT results_eq('SELECT sum(price) FROM a_monthly', 'SELECT sum(price)::numeric FROM sale',
    'and the next one does them');

-- pg_cron ------------------------------------------------------------------------------------------------------------

CREATE EXTENSION pg_cron;
CREATE FUNCTION jobs() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' | ', jobname, schedule, command), ', ' ORDER BY jobname) FROM cron.job
$$;
SELECT is(jobs(), NULL, 'no schedule, no job');
SELECT lives_ok('SELECT etl.alter_rollup(''z_hourly'', schedule => ''*/5 * * * *'')', 'a schedule');
SELECT is(jobs(), 'etl rollup public.z_hourly | */5 * * * * | CALL etl.refresh_rollup(''public.z_hourly'')',
    'is a job');
SELECT is((SELECT schedule FROM etl.rollups WHERE name = 'public.z_hourly'), '*/5 * * * *', 'and in the view');
SELECT throws_ok('SELECT etl.alter_rollup(''z_hourly'', schedule => ''soon'')', '22023', NULL, 'one that is none');
SELECT lives_ok('SELECT etl.alter_rollup(''z_hourly'', schedule => '''')', 'no schedule');
SELECT is(jobs(), NULL, 'no job');
SELECT etl.create_rollup('public.timed', 'SELECT k, count(*) AS n FROM public.third GROUP BY 1', '{k}',
                         schedule => '@hourly');
SELECT is(jobs(), 'etl rollup public.timed | @hourly | CALL etl.refresh_rollup(''public.timed'')', 'made with one');
SELECT etl.drop_rollup('timed');
SELECT is(jobs(), NULL, 'and dropped with it');

CREATE ROLE heir;
SELECT etl.create_rollup('public.timed', 'SELECT k, count(*) AS n FROM public.third GROUP BY 1', '{k}',
                         schedule => '@hourly');
SELECT is(etl.reassign_rollups(current_user, 'heir'), 6::bigint, 'given to another role');
SELECT is(jobs(), NULL, 'it leaves no job behind');
SELECT etl.reassign_rollups('heir', current_user);

CREATE ROLE without_cron;
GRANT CREATE ON SCHEMA public TO without_cron;
SET ROLE without_cron;
CREATE TABLE plain (k int);
SELECT etl.create_rollup('public.unscheduled', 'SELECT k, count(*) AS n FROM public.plain GROUP BY 1', '{k}');
SELECT etl.drop_rollup('unscheduled');
RESET ROLE;
SELECT is(position('was not removed' IN encode(pg_read_binary_file('../log'), 'escape')), 0,
          'who may not use pg_cron is not warned of a job that there never was');

SELECT * FROM finish();
