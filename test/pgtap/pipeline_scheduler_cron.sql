-- The scheduler on pg_cron: its job, who gets one, other databases, and what a minute of it does. The file has a
-- cluster of its own in which pg_cron runs in its database.
SELECT plan(60);
SET client_min_messages = error;
SET timezone = 'UTC';
CREATE EXTENSION dblink;
CREATE TABLE done (n int GENERATED ALWAYS AS IDENTITY, what text, role text DEFAULT current_user);
GRANT INSERT ON done TO PUBLIC;
CREATE ROLE etl_tap_ann LOGIN;
CREATE ROLE etl_tap_ben LOGIN;
-- The hint of an error
CREATE FUNCTION hint_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE command;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END $$;

-- Without pg_cron ----------------------------------------------------------------------------------------------------

SELECT throws_ok('SELECT etl.start_scheduler()', '55000', format('pg_cron is not installed in database "%s"',
       current_database()),
                 'without pg_cron there is no scheduler');
SELECT is(hint_of('SELECT etl.start_scheduler()'), 'CREATE EXTENSION pg_cron;',
          'the server has it loaded for this database, and the hint is what is left to do');
SELECT lives_ok('SELECT etl._ensure_scheduler()', 'that is no error where a pipeline is defined');
SELECT is_empty('SELECT FROM etl.scheduler', 'nothing is noted');
SELECT lives_ok($$SELECT etl.create_pipeline('before', schedule => '0 2 * * *')$$,
                'a pipeline with a schedule is defined');
SELECT lives_ok('SELECT etl.stop_scheduler()', 'nothing to stop');
SELECT results_eq('SELECT owner, job_id, healthy, due FROM etl.scheduler_status',
                  $$VALUES ('postgres'::name, NULL::bigint, true, 0::bigint)$$, 'the status without it');
SELECT lives_ok('SELECT etl._prune_job_details(''1 s'')', 'and no record of jobs to prune');
-- Where another clock calls the tick
CALL etl.tick();
SELECT is(etl.start_scheduler('60 days'), NULL, 'another clock ticks already');
SELECT is(keep_runs, '60 days', 'how long runs are kept is noted') FROM etl.scheduler_status;
DELETE FROM etl.scheduler;
SELECT etl.drop_pipeline('before') \g /dev/null

-- The job ------------------------------------------------------------------------------------------------------------

CREATE EXTENSION pg_cron;
CREATE VIEW job AS
    SELECT jobid, jobname::text COLLATE "default" AS jobname, schedule, command, active,
           database::text COLLATE "default" AS database, username::text COLLATE "default" AS username
    FROM cron.job ORDER BY jobid;
SELECT etl.create_pipeline('by hand') \g /dev/null
SELECT is_empty('SELECT FROM job', 'a pipeline without a schedule needs no clock');
SELECT etl.create_pipeline('nightly', schedule => '0 2 * * *') \g /dev/null
SELECT results_eq('SELECT jobname, schedule, command, active, database, username FROM job',
                  format($$VALUES ('etl tick', '* * * * *', 'CALL etl.tick()', true, %L, 'postgres')$$,
                         current_database()),
                  'the first with a schedule starts it');
SELECT etl.create_pipeline('daily', schedule => '@daily') \g /dev/null
SELECT is(count(*), 1::bigint, 'the next one finds it there') FROM job;
SELECT is(etl.start_scheduler('30 days', '3 days'), (SELECT jobid FROM job), 'started again it is the same job');
SELECT results_eq('SELECT job_id, is_active, keep_runs, keep_job_details, due FROM etl.scheduler_status',
                  $$SELECT jobid, true, interval '30 days', interval '3 days', 0::bigint FROM job$$, 'the status');
SELECT etl.start_scheduler(keep_job_details => '4 days') \g /dev/null
SELECT results_eq('SELECT keep_runs, keep_job_details FROM etl.scheduler_status',
                  $$VALUES (interval '30 days', interval '4 days')$$, 'what is not given stays');
SELECT throws_ok(format('SELECT etl.start_scheduler(%s => ''0'')', a), '22023', NULL, a || ' of nothing')
FROM unnest('{keep_runs,keep_job_details,keep_ingestions,keep_batches,keep_raw_records,keep_dead_letters}'::text[])
    AS a;
SELECT results_eq('SELECT keep_ingestions, keep_batches, keep_raw_records, keep_dead_letters FROM etl.scheduler_status',
                  $$VALUES (interval '30 days', NULL::interval, NULL::interval, NULL::interval)$$,
                  'of what was received only the record of calls goes when nothing is said');
SELECT etl.start_scheduler(keep_ingestions => '1 day', keep_batches => '2 days', keep_raw_records => '3 days',
                           keep_dead_letters => '100 years') \g /dev/null
SELECT results_eq('SELECT keep_runs, keep_ingestions, keep_batches, keep_raw_records, keep_dead_letters '
                  'FROM etl.scheduler_status',
                  $$VALUES (interval '30 days', interval '1 day', interval '2 days', interval '3 days',
                            interval '100 years')$$,
                  'how long what was received is kept is noted');
UPDATE cron.job SET active = false;
SELECT is(is_active, false, 'a job that sleeps is seen') FROM etl.scheduler_status;
SELECT etl.start_scheduler() \g /dev/null
SELECT is(is_active, true, 'and mended') FROM etl.scheduler_status;
SELECT is(count(*), 1::bigint, 'there is one still') FROM job;
SELECT etl.stop_scheduler() \g /dev/null
SELECT is_empty('SELECT FROM job', 'stopped');
SELECT lives_ok('SELECT etl.stop_scheduler()', 'twice');
SELECT ok(NOT etl._is_ticking(), 'nobody looks at schedules then');
SELECT current_database() AS here \gset
\setenv HERE :here
\set told `psql -X -q -d "$HERE" -c "SELECT etl.alter_pipeline('by hand', schedule => '0 3 * * *')" 2>&1`
SELECT matches(:'told'::text, '^WARNING:  nothing looks at schedules: the scheduler was stopped',
               'a pipeline that gets a schedule warns of that');
SELECT is_empty('SELECT FROM job', 'and leaves it stopped');
CALL etl.tick();
SELECT ok(etl._is_ticking(), 'another clock may tick then');
SELECT etl.start_scheduler() \g /dev/null
SELECT is(count(*), 1::bigint, 'started again') FROM job;
SELECT is(stopped_at, NULL, 'it is no longer stopped') FROM etl.scheduler;
SELECT etl.stop_scheduler() \g /dev/null
UPDATE etl.scheduler SET stopped_at = NULL, ticked_at = NULL;
SELECT etl.alter_pipeline('by hand', schedule => '0 4 * * *') \g /dev/null
SELECT is(count(*), 1::bigint, 'where nobody has stopped it, a pipeline that gets a schedule starts it too') FROM job;

-- Roles --------------------------------------------------------------------------------------------------------------

SET ROLE etl_tap_ann;
SELECT throws_ok('SELECT etl.start_scheduler()', '42501', 'permission denied for schema cron',
                 'a role that may not use pg_cron');
SELECT lives_ok($$SELECT etl.create_pipeline('hers', schedule => '0 2 * * *')$$, 'may define a pipeline');
RESET ROLE;
GRANT USAGE ON SCHEMA cron TO etl_tap_ann, etl_tap_ben;
SET ROLE etl_tap_ben;
SELECT etl.create_pipeline('his', schedule => '0 2 * * *') \g /dev/null
RESET ROLE;
SELECT is(count(*), 1::bigint, 'with a superuser''s scheduler a role needs none of its own') FROM job;
SELECT etl.stop_scheduler() \g /dev/null
SET ROLE etl_tap_ann;
SELECT etl.create_pipeline('hers too', schedule => '0 2 * * *') \g /dev/null
RESET ROLE;
SELECT results_eq('SELECT jobname, username FROM job', $$VALUES ('etl tick', 'etl_tap_ann')$$,
                  'without one it gets one');
SET ROLE etl_tap_ben;
SELECT is(etl.start_scheduler() IS NOT NULL, true, 'each role its own');
RESET ROLE;
SELECT results_eq('SELECT username FROM job ORDER BY 1', $$VALUES ('etl_tap_ann'), ('etl_tap_ben')$$,
                  'of the same name');
SET ROLE etl_tap_ann;
SELECT etl.stop_scheduler() \g /dev/null
RESET ROLE;
SELECT results_eq('SELECT username FROM job', $$VALUES ('etl_tap_ben')$$, 'a role stops its own');
REVOKE USAGE ON SCHEMA cron FROM etl_tap_ben;
SET ROLE etl_tap_ben;
SELECT throws_ok('SELECT etl.stop_scheduler()', '42501',
                 'job "etl tick" of role "etl_tap_ben" cannot be removed: permission denied for schema cron',
                 'where it may');
SELECT substring(hint_of('SELECT etl.stop_scheduler()') FROM '    (SELECT .*);') AS statement \gset
RESET ROLE;
SELECT results_eq('SELECT username FROM job', $$VALUES ('etl_tap_ben')$$, 'and else it stays');
SET ROLE etl_tap_ben;
SELECT throws_ok('DROP EXTENSION pg_etl', '42501', 'must be owner of extension pg_etl',
                 'such a role drops no extension');
RESET ROLE;
:statement \g /dev/null
SELECT is_empty('SELECT FROM job', 'until somebody has done what the hint says');
GRANT USAGE ON SCHEMA cron TO etl_tap_ben;
SET ROLE etl_tap_ben;
SELECT lives_ok('SELECT etl.stop_scheduler()', 'which is no error then');
RESET ROLE;

-- Another database ----------------------------------------------------------------------------------------------------

CREATE DATABASE elsewhere;
SELECT dblink_connect('elsewhere', format('dbname=elsewhere host=%s', current_setting('unix_socket_directories')))
\g /dev/null
SELECT dblink_exec('elsewhere', 'SET client_min_messages = error'), dblink_exec('elsewhere',
       'CREATE EXTENSION pg_etl') \g /dev/null
SELECT throws_ok($$SELECT * FROM dblink('elsewhere', 'SELECT etl.start_scheduler()') AS r(job bigint)$$, '55000',
                 format('pg_cron lives in database "%s", not in "elsewhere"', current_database()),
                     'where pg_cron is not');
SELECT substring(hint_of($$SELECT * FROM dblink('elsewhere', 'SELECT etl.start_scheduler()') AS r(job bigint)$$)
                 FROM 'SELECT .*(?=;)') AS statement \gset
SELECT is(:'statement'::text,
          'SELECT cron.schedule_in_database(''etl tick elsewhere'', ''* * * * *'', ''CALL etl.tick()'', '
          '''elsewhere'', ''postgres'')', 'the hint has the statement');
SELECT etl.start_scheduler() \g /dev/null
:statement \g /dev/null
SELECT results_eq('SELECT jobname, database FROM job ORDER BY jobname',
                  format($$VALUES ('etl tick', %L), ('etl tick elsewhere', 'elsewhere')$$, current_database()),
                      'which works');
SELECT etl.stop_scheduler() \g /dev/null
SELECT results_eq('SELECT jobname FROM job', $$VALUES ('etl tick elsewhere')$$, 'and this database leaves it alone');

-- The record of jobs, by numbers that pg_cron does not give -----------------------------------------------------------

INSERT INTO cron.job_run_details (jobid, runid, database, username, command, status, start_time, end_time)
SELECT 1, -n, d, u, c, 'succeeded', now() - make_interval(days => days), now() - make_interval(days => days)
FROM (VALUES
    (1, current_database(), 'postgres', 'CALL etl.tick()', 5), (2, current_database(), 'postgres', 'CALL etl.tick()',
        3),
    (3, current_database(), 'postgres', 'call etl.run_retention(''x'')', 5), (4, 'elsewhere', 'postgres',
        'CALL etl.tick()', 5),
    (5, current_database(), 'postgres', 'VACUUM', 5), (6, current_database(), 'etl_tap_ann', 'CALL etl.tick()', 8),
    (7, current_database(), 'etl_tap_ben', 'CALL etl.tick()', 8), (8, current_database(), 'postgres',
        'SELECT etl.refresh_x()', 5))
    AS v(n, d, u, c, days);
REVOKE USAGE ON SCHEMA cron FROM etl_tap_ben;
SET ROLE etl_tap_ben;
CALL etl.prune_history();
RESET ROLE;
SELECT is(count(*), 8::bigint, 'a role without rights on pg_cron''s record prunes nothing there')
FROM cron.job_run_details WHERE runid < 0;
SET ROLE etl_tap_ann;
CALL etl.prune_history();
RESET ROLE;
SELECT is(array_agg(-runid ORDER BY -runid), '{1,2,3,4,5,7,8}', 'another one its own') FROM cron.job_run_details
WHERE runid < 0;
CALL etl.prune_history(dry_run => true);
SELECT is(count(*), 7::bigint, 'a dry run nothing') FROM cron.job_run_details WHERE runid < 0;
CALL etl.prune_history();
SELECT is(array_agg(-runid ORDER BY -runid), '{2,4,5}',
          'a superuser all of this database and this extension that is older than it said') FROM cron.job_run_details
          WHERE runid < 0;

-- A minute of it ------------------------------------------------------------------------------------------------------

SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null
DELETE FROM etl.scheduler;
SELECT etl.start_scheduler() \g /dev/null
SELECT etl.create_pipeline('real', schedule => '10 seconds'), etl.add_step('real', 's',
       'INSERT INTO public.done (what) VALUES (''real'')') \g /dev/null
SET ROLE etl_tap_ann;
SELECT etl.create_pipeline('hers, real', schedule => '1 minute'),
       etl.add_step('hers, real', 's', 'INSERT INTO public.done (what) VALUES (''hers'')') \g /dev/null
RESET ROLE;
DO $$ BEGIN
    FOR i IN 1 .. 1500 LOOP
        EXIT WHEN (SELECT count(*) FILTER (WHERE name = 'real') > 1 AND count(*) FILTER (WHERE name <> 'real') > 0
                   FROM etl.run WHERE status = 'succeeded');
        COMMIT;
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;
SELECT set_eq('SELECT DISTINCT what, role FROM done', $$VALUES ('real', 'postgres'), ('hers', 'etl_tap_ann')$$,
              'pg_cron ticks, and pipelines of all roles are run with their rights');
SELECT ok(count(*) >= 2 AND count(*) = count(DISTINCT as_of) AND bool_and(extract(second FROM as_of)::int % 10 = 0),
          'also on a schedule finer than pg_cron''s') FROM etl.run WHERE name = 'real';
SELECT results_eq('SELECT healthy, age < interval ''2 minutes'', is_active FROM etl.scheduler_status',
                  'VALUES (true, true, true)', 'and the status says so');
SELECT set_eq('SELECT DISTINCT trigger FROM etl.pipeline_run', '{schedule}'::text[], 'by the schedule');
SELECT etl.stop_scheduler() \g /dev/null
SELECT etl.drop_pipeline('nothing', if_exists => true) \g /dev/null

SELECT * FROM finish();
