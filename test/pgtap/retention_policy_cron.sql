-- Schedules of retention policies. The file has a cluster of its own in which pg_cron runs in its database.
CREATE EXTENSION pg_cron;
SELECT plan(17);
SET client_min_messages = error;

CREATE VIEW job AS SELECT jobname::text COLLATE "default", schedule, command, username FROM cron.job ORDER BY jobid;
CREATE TABLE log (at timestamptz);
CREATE INDEX ON log (at);

SELECT etl.add_retention_policy('log', 'at', '30 days') \g /dev/null
SELECT is_empty('SELECT FROM job', 'a policy without a schedule has no job');
SELECT etl.alter_retention_policy('log', schedule => ' @DAILY ') \g /dev/null
SELECT results_eq('SELECT j.jobname, j.schedule, j.command, p.schedule FROM job AS j, etl.policies AS p',
                  $$VALUES ('etl retention log', '@daily', 'CALL etl.run_retention(''log'')', '@daily')$$,
                  'it gets one when it is altered');
SELECT etl.alter_retention_policy('log', schedule => '5 4 * * *') \g /dev/null
SELECT results_eq('SELECT schedule FROM job', $$VALUES ('5 4 * * *')$$, 'and another one in its place');
SELECT etl.alter_retention_policy('log', keep => '31 days') \g /dev/null
SELECT results_eq('SELECT schedule FROM job', $$VALUES ('5 4 * * *')$$, 'which stays when something else is altered');
SELECT throws_ok($$SELECT etl.alter_retention_policy('log', schedule => '0 25 * * *')$$, '22023',
                 'hour "25" of schedule "0 25 * * *" is not between 0 and 23', 'a schedule that is none');
SELECT results_eq('SELECT j.schedule, p.schedule FROM job AS j, etl.policies AS p',
                  $$VALUES ('5 4 * * *', '5 4 * * *')$$, 'leaves the one that is there');
SELECT etl.pause_retention_policy('log'), etl.resume_retention_policy('log') \g /dev/null
SELECT results_eq('SELECT schedule FROM job', $$VALUES ('5 4 * * *')$$, 'a pause leaves it, too');

-- A job that is lost comes back with the definition.
SELECT cron.unschedule(jobid) FROM cron.job \g /dev/null
SELECT etl.add_retention_policy('log', 'at', '31 days', schedule => '5 4 * * *', if_not_exists => true) \g /dev/null
SELECT results_eq('SELECT schedule FROM job', $$VALUES ('5 4 * * *')$$, 'the same definition once more');
SELECT cron.unschedule(jobid) FROM cron.job \g /dev/null
SELECT etl.alter_retention_policy('log', schedule => '5 4 * * *') \g /dev/null
SELECT results_eq('SELECT schedule FROM job', $$VALUES ('5 4 * * *')$$, 'or the same schedule');

-- Another owner schedules it anew, under his own name.
CREATE ROLE etl_tap_cron_ann LOGIN;
GRANT USAGE ON SCHEMA cron TO etl_tap_cron_ann;
GRANT SELECT, UPDATE, DELETE ON log TO etl_tap_cron_ann;
UPDATE etl.retention_policy SET owner = 'etl_tap_cron_ann';
SELECT cron.unschedule(jobid) FROM cron.job \g /dev/null
SET ROLE etl_tap_cron_ann;
SELECT etl.alter_retention_policy('log', schedule => '5 4 * * *') \g /dev/null
RESET ROLE;
SELECT is((SELECT username FROM job), 'etl_tap_cron_ann', 'the job of another owner');
SELECT etl.remove_retention_policy('log') \g /dev/null
SELECT is_empty('SELECT FROM job', 'goes when a superuser removes the policy');

-- A schedule is taken away; nothing else needs pg_cron.
SELECT etl.add_retention_policy('log', 'at', '30 days', schedule => '@daily') \g /dev/null
SELECT etl.alter_retention_policy('log', schedule => '') \g /dev/null
SELECT is_empty('SELECT FROM job', 'a schedule that is taken away');
SELECT is((SELECT schedule FROM etl.policies), NULL, 'is none');
SELECT etl.alter_retention_policy('log', schedule => '@daily') \g /dev/null
DROP EXTENSION pg_cron CASCADE;
SELECT lives_ok($$SELECT etl.alter_retention_policy('log', keep => '40 days')$$, 'without pg_cron a policy is altered');
SELECT throws_ok($$SELECT etl.alter_retention_policy('log', schedule => '@hourly')$$, '55000', NULL,
                 'but not scheduled');
SELECT lives_ok($$SELECT etl.alter_retention_policy('log', schedule => '')$$, 'its schedule taken away');
SELECT lives_ok($$SELECT etl.remove_retention_policy('log')$$, 'and the policy removed');
SELECT * FROM finish();
