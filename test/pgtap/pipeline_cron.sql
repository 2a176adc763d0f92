-- Pipelines and retention policies on pg_cron. No transaction around the file, because the jobs' commands commit.
CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT plan(32);
SET client_min_messages = error;
CREATE VIEW job AS
    SELECT jobid, jobname::text COLLATE "default" AS jobname, schedule, command,
           username::text COLLATE "default" AS username
    FROM cron.job;

-- Pipelines ----------------------------------------------------------------------------------------------------------

CREATE TABLE done (what text);
SELECT etl.create_pipeline('it''s nightly') \g /dev/null
SELECT etl.add_step('it''s nightly', 'a', 'INSERT INTO public.done VALUES (''a'')') \g /dev/null
SELECT etl.schedule_pipeline('it''s nightly') AS nightly_job \gset
SELECT results_eq('SELECT jobid, jobname, schedule, command, username FROM job',
                  format($$VALUES (%s::bigint, 'etl pipeline it''s nightly', '0 2 * * *',
                                   'CALL etl.run_pipeline(''it''''s nightly'')', 'postgres')$$, :nightly_job),
                  'the job: at two o''clock when nothing else is said');
SELECT is((SELECT schedule FROM etl.pipelines), '0 2 * * *', 'the view knows the schedule');
SELECT command FROM job \gexec
SELECT results_eq('SELECT p.last_status, d.what FROM etl.pipelines AS p, done AS d', $$VALUES ('succeeded', 'a')$$,
                  'the command of the job runs the pipeline');
SELECT is(etl.schedule_pipeline('it''s nightly', '  @HOURLY '), :nightly_job::bigint,
          'a new schedule is for the same job');
SELECT results_eq('SELECT j.schedule, p.schedule FROM job AS j, etl.pipelines AS p', $$VALUES ('@hourly', '@hourly')$$,
                  'which has the new schedule');
SELECT throws_ok(format('SELECT etl.schedule_pipeline(''it''''s nightly'', %L)', schedule), '22023', NULL,
                 format('schedule %L', schedule))
FROM unnest(ARRAY[NULL, '', '0 2 * *', '0 0 2 * * *', '61 2 * * *', '0 2 $ * *', '@every_minute', '10 seconds',
                  '0 2 * * MONDAYS']) AS schedule;
SELECT results_eq('SELECT j.schedule, p.schedule FROM job AS j, etl.pipelines AS p', $$VALUES ('@hourly', '@hourly')$$,
                  'a bad schedule leaves the good one');
SELECT etl.unschedule_pipeline('it''s nightly') \g /dev/null
SELECT is_empty('SELECT FROM job', 'unscheduled: no job');
SELECT is((SELECT schedule FROM etl.pipelines), NULL, 'and no schedule');
SELECT lives_ok($$SELECT etl.unschedule_pipeline('it''s nightly')$$, 'again: nothing to do');
SELECT etl.schedule_pipeline('it''s nightly', '*/5 * * * mon-fri') \g /dev/null
SELECT etl.drop_pipeline('it''s nightly') \g /dev/null
SELECT is_empty('SELECT FROM job', 'a dropped pipeline takes its job with it');

-- Names that pg_cron would cut to the same
SELECT etl.create_pipeline(repeat('x', 62) || n), etl.add_step(repeat('x', 62) || n, 's', 'SELECT 1')
FROM generate_series(1, 2) AS n \g /dev/null
SELECT etl.schedule_pipeline(pipeline) FROM etl.pipelines \g /dev/null
SELECT is((SELECT count(*) FROM job), 2::bigint, 'long names keep apart');
SELECT etl.drop_pipeline(repeat('x', 62) || 1) \g /dev/null
SELECT results_eq('SELECT command FROM job', format('VALUES (''CALL etl.run_pipeline(''''%s2'''')'')', repeat('x', 62)),
                  'also when one of them goes');
SELECT etl.drop_pipeline(repeat('x', 62) || 2) \g /dev/null

-- Retention ----------------------------------------------------------------------------------------------------------

CREATE TABLE log (at timestamptz);
CREATE INDEX ON log (at);
INSERT INTO log VALUES ('2025-01-01'), (now());
SELECT etl.add_retention_policy('log', 'at', '30 days', schedule => '15 3 * * *') \g /dev/null
SELECT results_eq('SELECT j.jobname, j.schedule, j.command, p.schedule FROM job AS j, etl.policies AS p',
                  $$VALUES ('etl retention log', '15 3 * * *', 'CALL etl.run_retention(''log'')', '15 3 * * *')$$,
                  'a policy with a schedule');
SELECT command FROM job \gexec
SELECT is((SELECT count(*) FROM log), 1::bigint, 'the command of the job carries it out');
SELECT throws_ok($$SELECT etl.add_retention_policy('log', 'at', '30 days', 'p', archive_to => 'log_old',
                                                   schedule => '0 25 * * *')$$, '22023',
                 'hour "25" of schedule "0 25 * * *" is not between 0 and 23', 'a schedule that is none');
SELECT is((SELECT count(*) FROM etl.policies), 1::bigint, 'leaves no policy');
SELECT is(to_regclass('log_old'), NULL, 'and no archive');
SELECT etl.remove_retention_policy('log') \g /dev/null
SELECT is_empty('SELECT FROM job', 'a removed policy takes its job with it');

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_ann LOGIN;
GRANT CREATE ON SCHEMA public TO etl_tap_ann;
SET ROLE etl_tap_ann;
CREATE TABLE hers (at timestamptz);
CREATE INDEX ON hers (at);
SELECT throws_ok($$SELECT etl.add_retention_policy('hers', 'at', '1 day', schedule => '@daily')$$, '42501',
                 'permission denied for schema cron', 'a role that may not use pg_cron');
SELECT is_empty('SELECT FROM etl.policies', 'has no policy then');
RESET ROLE;
GRANT USAGE ON SCHEMA cron TO etl_tap_ann;
SET ROLE etl_tap_ann;
SELECT lives_ok($$SELECT etl.add_retention_policy('hers', 'at', '1 day', schedule => '@daily')$$,
                'with the right it has');
RESET ROLE;
SELECT is((SELECT username FROM job), 'etl_tap_ann', 'the job is the role''s');
REVOKE USAGE ON SCHEMA cron FROM etl_tap_ann;
SET ROLE etl_tap_ann;
SELECT lives_ok($$SELECT etl.remove_retention_policy('hers')$$, 'a role that lost the right can remove its policy');
RESET ROLE;

DROP OWNED BY etl_tap_ann;
DROP ROLE etl_tap_ann;
SELECT * FROM finish();
