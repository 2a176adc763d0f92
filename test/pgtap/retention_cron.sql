-- Retention policies on pg_cron. No transaction around the file, because the jobs' commands commit.
CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT plan(11);
SET client_min_messages = error;
CREATE VIEW job AS
    SELECT jobid, jobname::text COLLATE "default" AS jobname, schedule, command,
           username::text COLLATE "default" AS username
    FROM cron.job;

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
