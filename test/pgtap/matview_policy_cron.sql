-- Refresh policies on pg_cron. No transaction around the file, because the jobs' commands commit.
CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT plan(88);
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

-- What else a policy says --------------------------------------------------------------------------------------------

SELECT etl.remove_refresh_policy('hourly') \g /dev/null
CREATE UNIQUE INDEX ON hourly (hour);
SELECT etl.add_refresh_policy('hourly', '@hourly', skip_if_unchanged => true, lock_timeout => '2 s', timeout => '1 min',
                              vacuum_after => true, with_dependencies => true) \g /dev/null
SELECT results_eq($$SELECT skip_if_unchanged, never_skipped, lock_timeout, timeout, vacuum_after, with_dependencies
                    FROM etl.refresh_policies WHERE matview = 'public.hourly'$$,
                  $$VALUES (true, NULL::text, '2 s'::interval, '1 min'::interval, true, true)$$, 'all of it is stored');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'sale'::regclass AND tgname = 'etl_note_change'), 1::bigint,
          'the table notes its changes');
CALL etl.refresh_matview('hourly');
SELECT is((SELECT detail ->> 'vacuum' FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'done', 'the view was vacuumed');
SELECT isnt((SELECT pg_stat_get_last_vacuum_time('hourly'::regclass)), NULL, 'as PostgreSQL tells');
SELECT is((SELECT relallvisible > 0 AND reltuples = 2 FROM pg_class WHERE oid = 'hourly'::regclass), true,
          'with statistics');
CALL etl.refresh_matview('hourly');
SELECT is((SELECT detail FROM etl.runs ORDER BY run_id DESC LIMIT 1), '{"mode": "skipped"}',
          'a VACUUM is no change, and a skipped refresh has none');
SELECT results_eq($$SELECT status, rows, last_skipped > last_run FROM etl.refresh_policies
                    WHERE matview = 'public.hourly'$$, $$VALUES ('succeeded', 2::bigint, true)$$,
                  'the policy shows the last refresh and when one was skipped');
BEGIN;
CALL etl.refresh_matview('hourly', force => true);
SELECT is((SELECT detail ? 'vacuum' FROM etl.runs ORDER BY run_id DESC LIMIT 1), false,
          'inside a transaction no VACUUM');
ROLLBACK;

-- Notes. This cluster is the test's own: no transaction of another one keeps them.
INSERT INTO sale VALUES (3, 30);
SELECT is((SELECT count(*) FROM etl.source_change), 1::bigint, 'a change is noted');
CALL etl.refresh_matview('hourly');
SELECT is((SELECT count(*) FROM etl.source_change), 0::bigint, 'and forgotten when every refresh has seen it');
DELETE FROM sale WHERE hour = 3;

-- Changes
SELECT is(etl.alter_refresh_policy('hourly', schedule => '7 * * * *', timeout => '0'),
          (SELECT jobid FROM job WHERE jobname = 'etl refresh public.hourly'), 'alter returns the job');
SELECT is((SELECT schedule FROM job WHERE jobname = 'etl refresh public.hourly'), '7 * * * *',
          'which has the schedule');
SELECT results_eq($$SELECT schedule, setting, skip_if_unchanged, lock_timeout, timeout, vacuum_after, with_dependencies
                    FROM etl.refresh_policies WHERE matview = 'public.hourly'$$,
                  $$VALUES ('7 * * * *', 'auto', true, '2 s'::interval, NULL::interval, true, true)$$,
                  'only what was given changed; zero is no timeout');
SELECT etl.alter_refresh_policy('public.hourly', vacuum_after => false, with_dependencies => false,
                                skip_if_unchanged => false, concurrently => 'off', lock_timeout => '0') \g /dev/null
SELECT results_eq($$SELECT schedule, setting, skip_if_unchanged, lock_timeout, timeout, vacuum_after, with_dependencies
                    FROM etl.refresh_policies WHERE matview = 'public.hourly'$$,
                  $$VALUES ('7 * * * *', 'off', false, NULL::interval, NULL::interval, false, false)$$, 'all the rest');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname = 'etl_note_change') + (SELECT count(*) FROM etl.refresh_state),
          0::bigint, 'the table notes nothing any more');
CALL etl.refresh_matview('hourly');
CALL etl.refresh_matview('hourly');
SELECT is((SELECT detail ->> 'mode' FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'plain', 'and nothing is skipped');
SELECT throws_ok($$SELECT etl.alter_refresh_policy('nothing', '@daily')$$, '42704', NULL, 'a policy that is not there');
SELECT throws_ok(format('SELECT etl.alter_refresh_policy(''hourly'', %s)', what), '22023', NULL, what)
FROM unnest('{schedule => ''sometimes'', concurrently => ''maybe'', timeout => ''-1 s'',
              lock_timeout => ''25 days''}'::text[])
    AS what;
SELECT throws_ok(format('SELECT etl.add_refresh_policy(''total'', ''@daily'', %s => NULL)', what), '22023',
                 what || ' must not be NULL', what || ' NULL')
FROM unnest('{skip_if_unchanged, vacuum_after, with_dependencies, if_not_exists}'::text[]) AS what;
SELECT throws_ok($$SELECT etl.add_refresh_policy('hourly', '@daily')$$, '42710',
                 'refresh policy "public.hourly" already exists', 'add once more');

-- Time
CREATE MATERIALIZED VIEW slow AS SELECT 1 AS x FROM pg_sleep(3) WITH NO DATA;
CREATE FUNCTION run_slow() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    run_id bigint := etl._start_refresh('slow');
BEGIN
    RETURN etl._try_refresh('slow', run_id, false) ->> 'message';
END
$$;
SELECT etl.add_refresh_policy('slow', '@daily', timeout => '200 ms') \g /dev/null
SELECT is(run_slow(), 'refresh of materialized view "public.slow" was canceled after its timeout of 00:00:00.2',
          'a timeout acts within the statement');
SELECT results_eq('SELECT status, error FROM etl.refresh_policies WHERE matview = ''public.slow''',
                  $$VALUES ('failed',
                     'refresh of materialized view "public.slow" was canceled after its timeout of 00:00:00.2')$$,
                  'and is recorded');
CREATE FUNCTION then_sleep() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM run_slow();
    PERFORM pg_sleep(3);
    RETURN NULL;
EXCEPTION
    WHEN query_canceled THEN
        RETURN SQLERRM;
END
$$;
SET statement_timeout = '600ms';
SELECT is(then_sleep(), 'canceling statement due to statement timeout', 'statement_timeout goes on after it');
SET statement_timeout = '100ms';
SELECT etl.alter_refresh_policy('slow', timeout => '1 min') \g /dev/null
SELECT is(run_slow(), 'canceling statement due to statement timeout', 'an earlier statement_timeout stays');
RESET statement_timeout;
SELECT lives_ok('SELECT pg_sleep(0.3)', 'no limit stays behind');
SELECT etl.remove_refresh_policy('slow') \g /dev/null

-- Warnings
CREATE MATERIALIZED VIEW nulls AS SELECT NULL::int AS k, 1 AS other FROM sale LIMIT 1;
CREATE UNIQUE INDEX ON nulls (k);
SELECT is(etl._null_keys('nulls'), 'k', 'a NULL in the key is seen');
CREATE UNIQUE INDEX ON nulls (other);
SELECT is(etl._null_keys('nulls'), NULL, 'not where another key has none');
CREATE MATERIALIZED VIEW moving AS SELECT count(*) FROM sale WHERE now() > '2026-01-01';
SELECT etl.add_refresh_policy('moving', '@daily', skip_if_unchanged => true) \g /dev/null
SELECT is((SELECT never_skipped FROM etl.refresh_policies WHERE matview = 'public.moving'),
          'it calls now(), which is not immutable', 'a view that can never be skipped is told');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname = 'etl_note_change'), 0::bigint, 'and gets no trigger in vain');
SELECT etl.remove_refresh_policy('moving') \g /dev/null
DROP MATERIALIZED VIEW moving, nulls, slow;

-- Older releases let no background worker act for a role that may not log in. It is told of, and the refresh stands.
CREATE ROLE etl_refresh_silent;
GRANT CREATE ON SCHEMA public TO etl_refresh_silent;
SET ROLE etl_refresh_silent;
CREATE MATERIALIZED VIEW silent AS SELECT 1 AS x;
INSERT INTO etl.refresh_policy (matview, schedule, setting, vacuum_after)
VALUES ('public.silent', '@daily', 'off', true);
CALL etl.refresh_matview('silent');
SELECT matches(status || ', ' || (detail ->> 'vacuum'), '^succeeded, (done|the background worker ended early .*)$',
               'a view of a role that may not log in')
FROM etl.runs ORDER BY run_id DESC LIMIT 1;
DELETE FROM etl.refresh_policy;
RESET ROLE;
DROP OWNED BY etl_refresh_silent;
DROP ROLE etl_refresh_silent;

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
SELECT lives_ok($$SELECT etl.add_refresh_policy('ann_view', '@daily')$$, 'a second owner may have a policy, too');
SELECT lives_ok($$SELECT etl.remove_refresh_policy('ann_view')$$, 'and has no part in the other one');
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
