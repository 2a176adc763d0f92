-- Refresh policies on pg_cron. No transaction around the file, because the jobs' commands commit.
CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT plan(51);
SET client_min_messages = error;

CREATE TABLE sale (hour int, price numeric);
INSERT INTO sale VALUES (1, 10), (2, 20);
CREATE MATERIALIZED VIEW hourly AS SELECT hour, sum(price) AS revenue FROM sale GROUP BY hour;
CREATE MATERIALIZED VIEW total AS SELECT sum(price) AS revenue FROM sale;
CREATE VIEW job AS
    SELECT jobid, jobname::text COLLATE "default" AS jobname, schedule, command,
        username::text COLLATE "default" AS username
    FROM cron.job WHERE jobname LIKE 'etl refresh %';

-- Add ----------------------------------------------------------------------------------------------------------------

SELECT etl.add_refresh_policy('hourly', ' 5 * * * * ') AS hourly_job \gset
SELECT results_eq('SELECT jobid, jobname, schedule, command, username FROM job',
                  format($$VALUES (%s::bigint, 'etl refresh public.hourly', '5 * * * *',
                                   'CALL etl.refresh_matview(''public.hourly'')', 'postgres')$$, :hourly_job),
                  'the job that pg_cron got');
SELECT results_eq('SELECT matview, schedule, setting, mode, last_run IS NULL, seconds IS NULL, rows IS NULL
                   FROM etl.refresh_policies',
                  $$VALUES ('public.hourly', '5 * * * *', 'auto', 'plain', true, true, true)$$,
                  'the policy: plain as long as there is no unique index');
CREATE UNIQUE INDEX ON hourly (hour);
SELECT is((SELECT mode FROM etl.refresh_policies), 'concurrently', 'concurrently as soon as there is one');

-- What pg_cron runs
SELECT command FROM job \gexec
SELECT results_eq('SELECT status, rows, seconds >= 0, error, last_run <= clock_timestamp() FROM etl.refresh_policies',
                  $$VALUES ('succeeded', 2::bigint, true, NULL::text, true)$$, 'the last run');
SELECT is((SELECT detail ->> 'mode' FROM etl.runs), 'concurrently', 'was concurrent');

-- Again
SELECT throws_ok($$SELECT etl.add_refresh_policy('hourly', '5 * * * *')$$, '42710',
                 'refresh policy "public.hourly" already exists', 'a view has one policy');
SELECT is(etl.add_refresh_policy('hourly', '5 * * * *', if_not_exists => true), :hourly_job::bigint,
          'if_not_exists returns the job that is there');
SELECT is(etl.add_refresh_policy('hourly', '6 * * * *', if_not_exists => true), :hourly_job::bigint,
          'also where the definition differs');
SELECT is((SELECT schedule FROM etl.refresh_policies), '5 * * * *', 'and changes nothing');
SELECT is((SELECT schedule FROM job), '5 * * * *', 'there neither');
SELECT cron.unschedule(:hourly_job) \g /dev/null
SELECT isnt(etl.add_refresh_policy('hourly', '5 * * * *', if_not_exists => true), NULL, 'a job that was lost');
SELECT is((SELECT count(*) FROM job), 1::bigint, 'comes back');

-- Settings -----------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.add_refresh_policy('total', '@daily', concurrently => 'on')$$, '55000',
                 'materialized view "public.total" cannot be refreshed concurrently: '
                 'it has no unique index over plain columns and all rows', 'on is refused where it cannot be');
SELECT is((SELECT count(*) FROM etl.refresh_policy) + (SELECT count(*) FROM job), 2::bigint,
          'and leaves nothing behind');
SELECT lives_ok($$SELECT etl.add_refresh_policy('total', '@daily')$$, 'auto is not');
SELECT etl.remove_refresh_policy('total') \g /dev/null
SELECT lives_ok($$SELECT etl.add_refresh_policy('public.total', '@daily', concurrently => 'off')$$, 'nor is off');
SELECT is((SELECT mode FROM etl.refresh_policies WHERE matview = 'public.total'), 'plain', 'which is plain');

SELECT etl.remove_refresh_policy('hourly') \g /dev/null
SELECT etl.add_refresh_policy('hourly', '@hourly', 'off') \g /dev/null
CALL etl.refresh_matview('hourly');
SELECT is((SELECT detail ->> 'mode' FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'plain',
          'off: plain although it could be concurrent');
SELECT etl.remove_refresh_policy('hourly') \g /dev/null
SELECT etl.add_refresh_policy('hourly', '@hourly', 'on') \g /dev/null
SELECT is((SELECT mode FROM etl.refresh_policies WHERE matview = 'public.hourly'), 'concurrently', 'on: concurrently');
DROP INDEX hourly_hour_idx;
SELECT is((SELECT mode FROM etl.refresh_policies WHERE matview = 'public.hourly'), 'impossible',
          'on, and the index is gone: impossible');
SELECT throws_ok($$CALL etl.refresh_matview('hourly')$$, '55000', NULL, 'which the refresh says');

-- Bad schedules and settings -----------------------------------------------------------------------------------------

CREATE MATERIALIZED VIEW spare AS SELECT 1 AS x;
SELECT throws_ok(format('SELECT etl.add_refresh_policy(''spare'', %L, %L)', schedule, setting), '22023', NULL,
                 format('schedule %L, concurrently %L', schedule, setting))
FROM (VALUES (NULL, 'auto'), ('', 'auto'), ('now', 'auto'), ('* * * * * *', 'auto'), ('61 * * * *', 'auto'),
             ('@hourly', 'maybe'), ('@hourly', NULL)) AS bad(schedule, setting);
SELECT is((SELECT count(*) FROM etl.refresh_policy) + (SELECT count(*) FROM job), 4::bigint, 'nothing was stored');

-- Remove -------------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.remove_refresh_policy('spare')$$, '42704',
                 'materialized view "spare" has no refresh policy', 'no such policy');
SELECT lives_ok($$SELECT etl.remove_refresh_policy('spare', if_exists => true)$$, 'which if_exists forgives');
DROP MATERIALIZED VIEW total;
SELECT is((SELECT mode FROM etl.refresh_policies WHERE matview = 'public.total'), 'missing', 'a view that was dropped');
SELECT lives_ok($$SELECT etl.remove_refresh_policy('total')$$, 'its policy can be removed by name');
SELECT results_eq('SELECT jobname FROM job', $$VALUES ('etl refresh public.hourly')$$, 'and its job goes too');

-- A view that is dropped and created anew keeps its policy.
DROP MATERIALIZED VIEW hourly;
CREATE MATERIALIZED VIEW hourly AS SELECT hour, count(*) AS sold FROM sale GROUP BY hour;
CREATE UNIQUE INDEX ON hourly (hour);
SELECT command FROM job \gexec
SELECT is((SELECT status FROM etl.refresh_policies), 'succeeded', 'a view that was created anew keeps its policy');
SELECT etl.remove_refresh_policy('public.hourly') \g /dev/null

-- The same name in two schemas
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE MATERIALIZED VIEW a.v AS SELECT 1 AS x;
CREATE MATERIALIZED VIEW b.v AS SELECT 1 AS x;
SELECT etl.add_refresh_policy('a.v', '@hourly'), etl.add_refresh_policy('b.v', '@hourly') \g /dev/null
SELECT throws_ok($$SELECT etl.remove_refresh_policy('v')$$, '22023',
                 'more than one refresh policy is for a view named "v"', 'a name that fits two');
SELECT etl.remove_refresh_policy('b.v') \g /dev/null
SELECT results_eq('SELECT matview FROM etl.refresh_policies', $$VALUES ('a.v')$$, 'with its schema it fits one');
SELECT etl.remove_refresh_policy('V') \g /dev/null
SELECT is_empty('SELECT * FROM job', 'and a name without schema does when there is one of it');

-- A name that is too long for pg_cron
CREATE MATERIALIZED VIEW "A view with a name that is too long for a job: '63'" AS SELECT 1 AS x;
SELECT etl.add_refresh_policy('"A view with a name that is too long for a job: ''63''"', '@hourly') \g /dev/null
SELECT command FROM job \gexec
SELECT is((SELECT status FROM etl.refresh_policies), 'succeeded', 'a view with a long and quoted name');
SELECT lives_ok(
    $$SELECT etl.remove_refresh_policy('"A view with a name that is too long for a job: ''63''"')$$, 'goes again');
SELECT is_empty('SELECT * FROM job', 'with its job');

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_refresh_ann LOGIN;
CREATE ROLE etl_refresh_ben LOGIN;
GRANT USAGE ON SCHEMA cron TO etl_refresh_ann;
GRANT CREATE ON SCHEMA public TO etl_refresh_ann;
SET ROLE etl_refresh_ann;
CREATE MATERIALIZED VIEW ann_view AS SELECT 1 AS x;
SELECT etl.add_refresh_policy('ann_view', '@hourly') \g /dev/null
SELECT results_eq('SELECT matview FROM etl.refresh_policies', $$VALUES ('public.ann_view')$$, 'a role sees its own');
RESET ROLE;
SELECT is((SELECT username FROM job), 'etl_refresh_ann', 'the job runs as that role');
SET ROLE etl_refresh_ben;
SELECT is_empty('SELECT * FROM etl.refresh_policies', 'another role does not see it');
SELECT throws_ok($$SELECT etl.remove_refresh_policy('ann_view')$$, '42704', NULL, 'nor can it remove it');
SELECT throws_ok($$SELECT etl.add_refresh_policy('ann_view', '@hourly')$$, '42501',
                 'must be owner of materialized view "public.ann_view"', 'nor add one');
RESET ROLE;
GRANT etl_refresh_ann TO etl_refresh_ben;
GRANT USAGE ON SCHEMA cron TO etl_refresh_ben;
SET ROLE etl_refresh_ben;
SELECT throws_ok($$SELECT etl.add_refresh_policy('ann_view', '@hourly')$$, '42710',
                 'materialized view "public.ann_view" has a refresh policy of another role',
                 'a second owner learns that there is a policy');
RESET ROLE;
CREATE MATERIALIZED VIEW ben_view AS SELECT 1 AS x;
ALTER MATERIALIZED VIEW ben_view OWNER TO etl_refresh_ben;
REVOKE USAGE ON SCHEMA cron FROM etl_refresh_ben;
REVOKE etl_refresh_ann FROM etl_refresh_ben;
SET ROLE etl_refresh_ben;
SELECT throws_ok($$SELECT etl.add_refresh_policy('ben_view', '@hourly')$$, '42501', NULL,
                 'a role that may not use pg_cron');
SELECT is_empty('SELECT * FROM etl.refresh_policies', 'has no policy then');

-- What is left of a role that got another name is removed by a superuser.
RESET ROLE;
ALTER ROLE etl_refresh_ann RENAME TO etl_refresh_anna;
SELECT lives_ok($$SELECT etl.remove_refresh_policy('ann_view')$$, 'a superuser removes what is not his');
SELECT is_empty('SELECT FROM job', 'and its job');
ALTER ROLE etl_refresh_anna RENAME TO etl_refresh_ann;
DROP OWNED BY etl_refresh_ann, etl_refresh_ben;
DROP ROLE etl_refresh_ann, etl_refresh_ben;

SELECT * FROM finish();
