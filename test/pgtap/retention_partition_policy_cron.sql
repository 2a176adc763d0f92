-- Schedules of partition policies. The file has a cluster of its own in which pg_cron runs in its database.
CREATE EXTENSION pg_cron;
SELECT plan(12);
SET client_min_messages = error;

CREATE VIEW job AS SELECT jobname::text COLLATE "default", schedule, command, username FROM cron.job ORDER BY jobid;
CREATE TABLE log (at timestamptz) PARTITION BY RANGE (at);

SELECT etl.add_partition_policy('log', '1 month', schedule => ' @DAILY ') \g /dev/null
SELECT results_eq('SELECT j.jobname, j.schedule, j.command, p.schedule FROM job AS j, etl.partition_policies AS p',
                  $$VALUES ('etl partitions log', '@daily', 'CALL etl.create_partitions(''log'')', '@daily')$$,
                  'a policy with a schedule has a job');
SELECT command AS job FROM cron.job \gset
:job;
SELECT is(count(*), 5::bigint, 'whose command is complete') FROM pg_inherits WHERE inhparent = 'log'::regclass;
SELECT etl.alter_partition_policy('log', schedule => '5 4 * * *') \g /dev/null
SELECT results_eq('SELECT schedule FROM job', $$VALUES ('5 4 * * *')$$, 'another schedule takes its place');
SELECT etl.alter_partition_policy('log', ahead => 5) \g /dev/null
SELECT results_eq('SELECT schedule FROM job', $$VALUES ('5 4 * * *')$$, 'and stays when something else is altered');
SELECT throws_ok($$SELECT etl.alter_partition_policy('log', schedule => '0 25 * * *')$$, '22023',
                 'hour "25" of schedule "0 25 * * *" is not between 0 and 23', 'a schedule that is none');
SELECT results_eq('SELECT j.schedule, p.schedule FROM job AS j, etl.partition_policies AS p',
                  $$VALUES ('5 4 * * *', '5 4 * * *')$$, 'leaves the one that is there');

-- A job that is lost comes back with the definition.
SELECT cron.unschedule(jobid) FROM cron.job \g /dev/null
SELECT etl.add_partition_policy('log', '1 month', 5, schedule => '5 4 * * *', if_not_exists => true) \g /dev/null
SELECT results_eq('SELECT schedule FROM job', $$VALUES ('5 4 * * *')$$, 'the same definition once more');

SELECT etl.alter_partition_policy('log', schedule => '') \g /dev/null
SELECT is_empty('SELECT FROM job', 'a schedule that is taken away');
SELECT is((SELECT schedule FROM etl.partition_policies), NULL, 'is none');
SELECT etl.alter_partition_policy('log', schedule => '@daily') \g /dev/null

-- A superuser removes another role's policy and his job.
CREATE ROLE etl_tap_part_cron LOGIN;
GRANT USAGE ON SCHEMA cron TO etl_tap_part_cron;
UPDATE etl.partition_policy SET owner = 'etl_tap_part_cron';
ALTER TABLE log OWNER TO etl_tap_part_cron;
SELECT cron.unschedule(jobid) FROM cron.job \g /dev/null
SET ROLE etl_tap_part_cron;
SELECT etl.alter_partition_policy('log', schedule => '@daily') \g /dev/null
RESET ROLE;
SELECT is((SELECT username FROM job), 'etl_tap_part_cron', 'the job of another owner');
SELECT etl.remove_partition_policy('log') \g /dev/null
SELECT is_empty('SELECT FROM job', 'goes when a superuser removes the policy');
DROP EXTENSION pg_cron CASCADE;
SELECT throws_ok($$SELECT etl.add_partition_policy('log', '1 month', schedule => '@hourly')$$, '55000', NULL,
                 'without pg_cron nothing is scheduled');
SELECT * FROM finish();
