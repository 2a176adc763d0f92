-- Feature views on pg_cron. No transaction around the file, because the jobs' commands commit.
CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT plan(15);
SET client_min_messages = error;

CREATE TABLE sale (k int, x int, at timestamptz);
INSERT INTO sale VALUES (1, 1, '2026-01-01'), (2, 2, '2026-01-01');
CREATE VIEW job AS
    SELECT jobname::text COLLATE "default" AS jobname, schedule, command, username::text COLLATE "default" AS username
    FROM cron.job WHERE jobname LIKE 'etl features %';

SELECT etl.create_feature_view('it''s', ARRAY['k'], 'SELECT k, sum(x) AS total FROM public.sale
    WHERE at <= $1 GROUP BY k',
                               schedule => ' 0 */6 * * * ');
SELECT results_eq('SELECT jobname, schedule, command, username FROM job',
                  $$VALUES ('etl features it''s', '0 */6 * * *', 'CALL etl.materialize_features(''it''''s'')',
                      'postgres')$$,
                  'the job that pg_cron got');
SELECT is((SELECT schedule FROM etl.feature_views), '0 */6 * * *', 'and the view says so');

-- What pg_cron runs
SELECT command FROM job \gexec
SELECT is((SELECT count(*) FROM "it's"), 2::bigint, 'the job fills the online table');
SELECT is((SELECT status FROM etl.runs), 'succeeded', 'its run is recorded');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), 0::bigint, 'and no lock stays');

-- The schedule changes, ends, begins again
SELECT etl.alter_feature_view('it''s', schedule => '@daily');
SELECT is((SELECT schedule FROM job), '@daily', 'another schedule');
SELECT etl.alter_feature_view('it''s', description => 'x');
SELECT is((SELECT schedule FROM job), '@daily', 'which stays when something else changes');
SELECT etl.alter_feature_view('it''s', schedule => '');
SELECT is_empty('SELECT FROM job', 'none any more');
SELECT is((SELECT schedule FROM etl.feature_views), NULL, 'and the view says so');
SELECT throws_ok($$SELECT etl.alter_feature_view('it''s', schedule => '99 * * * *')$$, '22023',
    NULL, 'pg_cron''s own refusal');
SELECT is((SELECT schedule FROM etl.feature_views), NULL, 'changes nothing');
SELECT etl.alter_feature_view('it''s', schedule => '@hourly');

-- if_not_exists gives back a job that was lost, as after a restore
SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname LIKE 'etl %' \g /dev/null
SELECT etl.create_feature_view('it''s', ARRAY['k'], 'SELECT k, sum(x) AS total FROM public.sale
    WHERE at <= $1 GROUP BY k',
                               if_not_exists => true);
SELECT is((SELECT schedule FROM job), '@hourly', 'the job is there again');

SELECT etl.drop_feature_view('it''s');
SELECT is_empty('SELECT FROM job', 'a dropped view leaves no job');
DROP EXTENSION pg_cron CASCADE;
SELECT throws_ok($$SELECT etl.create_feature_view('v', ARRAY['k'], 'SELECT 1 AS k, 2 AS x', schedule => '@hourly')$$,
    '55000',
                 'pg_cron is not installed in database "feature_views_cron"');
SELECT is_empty('SELECT FROM etl.feature_views', 'and there is no half of a view');

SELECT * FROM finish();
