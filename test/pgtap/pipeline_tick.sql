-- etl.tick called as a clock calls it: it queues, has the queue executed by workers or executes it itself, stays for
-- what comes within a minute, keeps roles apart, and leaves a heartbeat. No transaction around the file, because it
-- commits. Other sessions come by dblink.
CREATE EXTENSION dblink;
SELECT plan(58);
SET client_min_messages = error;
SET timezone = 'UTC';

CREATE FUNCTION pg_temp.other(options text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s %s', current_database(), current_setting('unix_socket_directories'), options)
$$;
CREATE FUNCTION pg_temp.call(procedure text, options text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', pg_temp.other(options), 'CALL ' || procedure)
$$;
-- Until nothing waits, nothing is under way, and the workers have gone: one that has not would take the next run.
CREATE PROCEDURE pg_temp.drain() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 3000 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM etl.run WHERE status IN ('queued', 'running'))
                  AND NOT EXISTS (SELECT FROM pg_stat_activity
                                  WHERE backend_type = 'pg_etl runner' AND datname = current_database());
        COMMIT;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
CREATE PROCEDURE pg_temp.until(condition text) LANGUAGE plpgsql AS $$
DECLARE
    reached boolean;
BEGIN
    FOR i IN 1 .. 3000 LOOP
        EXECUTE 'SELECT ' || condition INTO reached;
        EXIT WHEN reached;
        COMMIT;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
CREATE TABLE done (n int GENERATED ALWAYS AS IDENTITY, what text, role text DEFAULT current_user,
                   pid int DEFAULT pg_backend_pid(), logical_time timestamptz DEFAULT etl.as_of());
GRANT INSERT ON done TO PUBLIC;
CREATE FUNCTION pg_temp.define(name text, schedule text, next_at timestamptz, action text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.create_pipeline(name), etl.add_step(name, 's', coalesce(
        action, format('INSERT INTO public.done (what) VALUES (%L)', name)));
    UPDATE etl.pipeline AS p SET schedule = define.schedule, next_at = define.next_at WHERE p.name = define.name;
END $$;

-- Executed by workers -------------------------------------------------------------------------------------------------

SELECT pg_temp.define('hourly', '0 * * * *', '2025-01-01 01:00'), pg_temp.define('never', '0 0 1 1 *', '2099-01-01')
\g /dev/null
CALL etl.tick('2025-01-01 00:59:59');
SELECT is_empty('SELECT FROM etl.run', 'before its time nothing is run');
CALL etl.tick('2025-01-01 01:00');
CALL pg_temp.drain();
SELECT results_eq('SELECT name, as_of, status FROM etl.run',
                  $$VALUES ('hourly', '2025-01-01 01:00'::timestamptz, 'succeeded')$$, 'at its time it is');
SELECT ok(pid <> pg_backend_pid(), 'by a worker') FROM done;
SELECT is(logical_time, '2025-01-01 01:00', 'for its logical time') FROM done;
CALL etl.tick('2025-01-01 01:00');
CALL etl.tick('2025-01-01 01:59:59');
CALL pg_temp.drain();
SELECT is(count(*), 1::bigint, 'once') FROM done;
SELECT results_eq($$SELECT owner, ticked_at > now() - interval '1 minute', tick_time > interval '0', queued
                    FROM etl.scheduler$$,
                  $$VALUES ('postgres'::name, true, true, 0)$$, 'the heartbeat');

-- A session that ended before its run had leaves a run that says running.
INSERT INTO etl.pipeline_run (run_id, pipeline_id, logical_time, trigger, max_parallel, on_failure, search_path)
SELECT run_id, p.pipeline_id, '2024-01-01', 'call', 1, 'stop', 'public'
FROM etl.pipeline AS p, LATERAL etl._start_run('pipeline', p.name, '2024-01-01') AS run_id WHERE p.name = 'hourly';
SELECT etl._fill_run(u) FROM etl.pipeline_run AS u WHERE logical_time = '2024-01-01' \g /dev/null
SELECT results_eq('SELECT due > 0, queued, running, lost FROM etl.scheduler_status',
                  'VALUES (true, 0::bigint, 0::bigint, 1::bigint)', 'a lost run is seen');
CALL etl.tick('2025-01-01 01:00');
CALL pg_temp.drain();
SELECT results_eq('SELECT name, status FROM etl.run WHERE as_of = ''2024-01-01''', $$VALUES ('hourly', 'succeeded')$$,
                  'the next tick has it gone on with');
SELECT is(count(*), 1::bigint, 'its step is executed') FROM done WHERE logical_time = '2024-01-01';

-- Executed by the tick -----------------------------------------------------------------------------------------------

-- A worker of the ticks before that has not gone yet would take the run.
CALL pg_temp.until($$NOT EXISTS (SELECT FROM pg_stat_activity
                                 WHERE backend_type = 'pg_etl runner' AND datname = current_database())$$);
SET pg_etl.use_workers = off;
TRUNCATE done;
CALL etl.tick('2025-01-01 02:00');
SELECT results_eq('SELECT status FROM etl.run WHERE as_of = ''2025-01-01 02:00''', $$VALUES ('succeeded')$$,
                  'without workers it has ended when the call returns');
SELECT is(pid, pg_backend_pid(), 'as the session itself executes it') FROM done;
SELECT pg_temp.define('fails', '0 * * * *', '2025-01-01 03:00', 'SELECT 1 / 0') \g /dev/null
CALL etl.tick('2025-01-01 03:00');
SELECT results_eq('SELECT name, status FROM etl.run WHERE as_of = ''2025-01-01 03:00'' ORDER BY name',
                  $$VALUES ('fails', 'failed'), ('hourly', 'succeeded')$$,
                      'one that fails stops no other, nor the tick');
RESET pg_etl.use_workers;
SELECT etl.drop_pipeline('fails') \g /dev/null

-- Pausing ------------------------------------------------------------------------------------------------------------

SET pg_etl.use_workers = off;
SELECT pg_temp.define('resting', '0 * * * *', '2025-01-01 01:00', 'SELECT 1') \g /dev/null
UPDATE etl.pipeline SET catchup = 'all', overlap = 'queue' WHERE name = 'resting';
CREATE FUNCTION pg_temp.resting() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(r.status, ', ' ORDER BY r.as_of) FROM etl.run AS r WHERE r.name = 'resting'
$$;
SELECT etl._queue_due('2025-01-01 03:00', 0), etl.pause_pipeline('resting') \g /dev/null
CALL etl.tick('2025-01-01 03:00');
SELECT is(pg_temp.resting(), 'queued, queued, queued', 'runs that wait rest with their pipeline');
CALL etl.run_pipeline('resting', '2025-01-01 02:00');
SELECT is(pg_temp.resting(), 'queued, succeeded, queued', 'but for one that is called');
SELECT etl.start_pipeline('resting', '2025-01-01 03:00'),
       etl.retry_run((SELECT run_id FROM etl.run WHERE name = 'resting' AND status = 'succeeded'), 's') \g /dev/null
CALL etl.tick('2025-01-01 03:00');
SELECT is(pg_temp.resting(), 'queued, succeeded, succeeded', 'started, or to be tried again');
SELECT etl.resume_pipeline('resting') \g /dev/null
CALL etl.tick('2025-01-01 03:00');
SELECT is(pg_temp.resting(), 'succeeded, succeeded, succeeded', 'and go on with it');
RESET pg_etl.use_workers;
SELECT etl.drop_pipeline('resting') \g /dev/null

-- Staying ------------------------------------------------------------------------------------------------------------

SELECT etl.pause_pipeline('hourly') \g /dev/null
-- It would stay for an hour if what comes in 2099 kept it.
CALL etl.tick(stay => '1 hour');
SELECT pass('with nothing due within the time it returns at once');
CALL pg_temp.drain();
TRUNCATE done;
SELECT pg_temp.define('seconds', '1 s', date_trunc('second', clock_timestamp())) \g /dev/null
SELECT dblink_connect('clock', pg_temp.other('application_name=clock')) \g /dev/null
SELECT dblink_send_query('clock', 'CALL etl.tick(stay => ''3 s'')') \g /dev/null
CALL pg_temp.until($$EXISTS (SELECT FROM pg_stat_activity
                             WHERE application_name = 'clock' AND wait_event_type = 'Extension')$$);
SELECT is(backend_xmin, NULL, 'while it waits it holds no snapshot') FROM pg_stat_activity
WHERE application_name = 'clock';
SELECT * FROM dblink_get_result('clock') AS r(status text);
SELECT * FROM dblink_get_result('clock') AS r(status text);
CALL pg_temp.drain();
SELECT ok(count(DISTINCT as_of) >= 3 AND count(*) = count(DISTINCT as_of), 'schedules finer than a minute are kept')
FROM etl.run WHERE name = 'seconds';
SELECT ok(bool_and(u.queued_at >= r.as_of), 'and none is run before its time')
FROM etl.run AS r JOIN etl.pipeline_run AS u USING (run_id) WHERE r.name = 'seconds';
-- Another moment than now
TRUNCATE etl.run CASCADE;
UPDATE etl.pipeline SET next_at = '2025-01-01' WHERE name = 'seconds';
CALL etl.tick('2025-01-01 00:00:00', '1 hour');
CALL pg_temp.drain();
SELECT is(count(*), 1::bigint, 'a tick for another moment does not stay') FROM etl.run WHERE name = 'seconds';
-- Cancelled while it stays
UPDATE etl.pipeline SET next_at = date_trunc('second', clock_timestamp()) + interval '30 s' WHERE name = 'seconds';
SELECT dblink_send_query('clock', 'CALL etl.tick()') \g /dev/null
CALL pg_temp.until($$EXISTS (SELECT FROM pg_stat_activity
                             WHERE application_name = 'clock' AND wait_event_type = 'Extension')$$);
SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'clock' \g /dev/null
SELECT * FROM dblink_get_result('clock', false) AS r(status text);
SELECT matches(dblink_error_message('clock'), '^ERROR:  canceling statement due to user request', 'cancel');
SELECT dblink_disconnect('clock') \g /dev/null
SELECT etl.drop_pipeline(name) FROM etl.pipeline WHERE name <> 'hourly' \g /dev/null

-- Arguments ----------------------------------------------------------------------------------------------------------

SELECT throws_ok(pg_temp.call('etl.tick(NULL)'), '22023', NULL, 'no moment');
SELECT throws_ok(pg_temp.call('etl.tick(''infinity'')'), '22023', NULL, 'no end');
SELECT throws_ok(pg_temp.call(format('etl.tick(stay => %L)', s)), '22023', NULL, format('stay %L', s))
FROM unnest('{-1 s,2 hours,NULL}'::text[]) AS s;
SELECT throws_ok('CALL etl.tick()', '2D000', NULL, 'it commits');
SELECT throws_ok(pg_temp.call('etl.tick()', 'options=''-c default_transaction_read_only=on'''), '25006', NULL,
                 'it writes');
-- Another isolation level, path and client settings
TRUNCATE etl.run CASCADE;
SELECT etl.resume_pipeline('hourly') \g /dev/null
UPDATE etl.pipeline SET next_at = '2025-01-01 01:00';
CREATE FUNCTION public.evil(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE OPERATOR public.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = public.evil);
CREATE OPERATOR public.<= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = public.evil);
CREATE OPERATOR public.= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = public.evil);
SET search_path = public, pg_catalog;
SET default_transaction_isolation = serializable;
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'sql_standard';
CALL etl.tick('2025-01-01 01:00');
RESET search_path;
RESET default_transaction_isolation;
RESET datestyle;
RESET intervalstyle;
CALL pg_temp.drain();
SELECT results_eq('SELECT status FROM etl.run', $$VALUES ('succeeded')$$, 'settings of the session change nothing');
DROP OPERATOR public.> (timestamptz, timestamptz);
DROP OPERATOR public.<= (timestamptz, timestamptz);
DROP OPERATOR public.= (timestamptz, timestamptz);
SELECT etl.drop_pipeline('hourly') \g /dev/null

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_tick_ann LOGIN;
CREATE ROLE etl_tap_tick_ben LOGIN;
CREATE ROLE etl_tap_tick_team NOLOGIN;
TRUNCATE done;
TRUNCATE etl.run CASCADE;
DELETE FROM etl.scheduler;
CREATE PROCEDURE pg_temp.define_for(role name) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    PERFORM etl.create_pipeline('of ' || role), etl.add_step('of ' || role, 's',
        'INSERT INTO public.done (what) VALUES (''x'')');
    UPDATE etl.pipeline AS p SET schedule = '0 * * * *', next_at = '2025-01-01 01:00' WHERE p.name = 'of ' || role;
END $$;
CALL pg_temp.define_for('etl_tap_tick_ann');
CALL pg_temp.define_for('etl_tap_tick_ben');
CALL pg_temp.define_for('etl_tap_tick_team');
SET ROLE etl_tap_tick_ann;
CALL etl.tick('2025-01-01 01:00');
CALL pg_temp.drain();
RESET ROLE;
CALL pg_temp.drain();
SELECT results_eq('SELECT name, owner, status FROM etl.run',
                  $$VALUES ('of etl_tap_tick_ann', 'etl_tap_tick_ann'::name, 'succeeded')$$,
                  'a role''s tick is for its own pipelines');
SELECT results_eq('SELECT role, pid <> pg_backend_pid() FROM done', $$VALUES ('etl_tap_tick_ann', true)$$,
                  'executed with its rights');
SELECT results_eq('SELECT owner FROM etl.scheduler', $$VALUES ('etl_tap_tick_ann'::name)$$,
                  'with a heartbeat of its own');
SET ROLE etl_tap_tick_team;
CALL etl.tick('2025-01-01 01:00');
RESET ROLE;
CALL pg_temp.drain();
SELECT results_eq('SELECT role FROM done ORDER BY n', $$VALUES ('etl_tap_tick_ann'), ('etl_tap_tick_team')$$,
                  'also a role that cannot log in');
SELECT set_eq('SELECT owner FROM etl.run', '{etl_tap_tick_ann,etl_tap_tick_team}'::name[], 'and nobody else''s');
CALL etl.tick('2025-01-01 02:00');
CALL pg_temp.until('2 > (SELECT count(*) FROM etl.run WHERE status IN (''queued'', ''running''))');
CALL pg_temp.until('3 < (SELECT count(*) FROM public.done)');
SELECT set_eq('SELECT name, as_of FROM etl.run WHERE as_of > ''2025-01-01 01:30''',
              $$SELECT name, '2025-01-01 02:00'::timestamptz FROM etl.pipeline$$, 'a superuser''s tick is for all');
SELECT set_eq('SELECT role FROM done WHERE logical_time > ''2025-01-01 01:30''',
              CASE WHEN current_setting('server_version_num')::int < 170000 THEN '{etl_tap_tick_ann,etl_tap_tick_ben}'
                   ELSE '{etl_tap_tick_ann,etl_tap_tick_ben,etl_tap_tick_team}' END::text[],
              'each executed with its owner''s rights, where that can log in');
SET ROLE etl_tap_tick_team;
CALL etl.tick('2025-01-01 02:00');
RESET ROLE;
CALL pg_temp.drain();
SELECT is(count(*), 3::bigint, 'and the others by a tick of their own') FROM done
WHERE logical_time > '2025-01-01 01:30';
-- One run replaces another that is under way.
SET ROLE etl_tap_tick_ann;
SELECT etl.create_pipeline('replaced', schedule => '0 * * * *', start_at => '2025-01-01 01:00', catchup => 'none',
                           overlap => 'replace'),
       etl.add_step('replaced', 's',
                    'SELECT pg_sleep(CASE WHEN etl.logical_time() < ''2025-01-01 01:30'' THEN 600 ELSE 0 END)')
                    \g /dev/null
UPDATE etl.pipeline SET next_at = '2025-01-01 01:00' WHERE name = 'replaced';
RESET ROLE;
UPDATE etl.pipeline SET paused_at = now() WHERE name <> 'replaced';
CALL etl.tick('2025-01-01 01:00');
CALL pg_temp.until($$EXISTS (SELECT FROM etl.step_run AS s JOIN etl.run AS r USING (run_id)
                             WHERE r.name = 'replaced' AND s.status = 'running')$$);
CALL etl.tick('2025-01-01 02:00');
CALL pg_temp.drain();
SELECT results_eq($$SELECT as_of, status FROM etl.run WHERE name = 'replaced' ORDER BY as_of$$,
                  $$VALUES ('2025-01-01 01:00'::timestamptz, 'cancelled'), ('2025-01-01 02:00', 'succeeded')$$,
                  'one run replaces another that is under way');
SELECT is(message, 'it was replaced by the run for 2025-01-01 02:00:00+00', 'and says so')
FROM etl.run_event WHERE event = 'cancel_requested';
SELECT etl.drop_pipeline('replaced') \g /dev/null
DELETE FROM etl.run WHERE name = 'replaced';
UPDATE etl.pipeline SET paused_at = NULL;
-- A role that is gone, with its pipeline and a run that waits
INSERT INTO etl.run (kind, name, as_of, status, owner) VALUES ('pipeline', 'gone', '2025-01-01', 'queued',
    'etl_tap_tick_gone');
INSERT INTO etl.pipeline_run (run_id, pipeline_id, logical_time, trigger, max_parallel, on_failure, search_path, owner)
SELECT run_id, 0, '2025-01-01', 'schedule', 1, 'stop', 'public', owner FROM etl.run WHERE name = 'gone';
CALL etl.tick('2025-01-01 03:00');
CALL pg_temp.until($$NOT EXISTS (SELECT FROM etl.run WHERE status IN ('queued', 'running')
                                 AND owner IN ('etl_tap_tick_ann', 'etl_tap_tick_ben'))$$);
SELECT set_eq('SELECT name FROM etl.run WHERE as_of = ''2025-01-01 03:00''', 'SELECT name FROM etl.pipeline',
              'a run of a role that is gone is in nobody''s way');
DELETE FROM etl.run WHERE name = 'gone';
SET ROLE etl_tap_tick_team;
CALL etl.tick('2025-01-01 03:00');
RESET ROLE;
CALL pg_temp.drain();

-- Status -------------------------------------------------------------------------------------------------------------

UPDATE etl.pipeline SET next_at = '2099-01-01 00:00', paused_at = NULL;
SELECT ok(bool_and(healthy), 'healthy') FROM etl.scheduler_status;
UPDATE etl.scheduler SET ticked_at = now() - interval '4 minutes';
SELECT ok(bool_and(healthy), 'nothing is due, and so that nobody ticks is no harm') FROM etl.scheduler_status;
UPDATE etl.pipeline SET next_at = now() - interval '1 s' WHERE owner = 'etl_tap_tick_ann';
SELECT results_eq('SELECT owner, healthy, due, age > interval ''3 minutes'' FROM etl.scheduler_status ORDER BY owner',
                  $$VALUES ('etl_tap_tick_ann'::name, false, 1::bigint, true), ('etl_tap_tick_team', true, 0, true),
                           ('postgres', false, 1, true)$$, 'something is due, and nobody has ticked for three minutes');
SELECT is(next_due, '2099-01-01 00:00', 'what comes next') FROM etl.scheduler_status WHERE owner = 'postgres';
UPDATE etl.scheduler SET ticked_at = now();
SELECT ok(bool_and(healthy), 'ticked again') FROM etl.scheduler_status;
UPDATE etl.pipeline SET problem = 'it rains' WHERE owner = 'etl_tap_tick_ann';
SELECT results_eq('SELECT owner, problems FROM etl.scheduler_status ORDER BY owner',
                  $$VALUES ('etl_tap_tick_ann'::name, 1::bigint), ('etl_tap_tick_team', 0), ('postgres', 1)$$,
                      'problems');
SET ROLE etl_tap_tick_ben;
SELECT results_eq('SELECT owner, due, healthy FROM etl.scheduler_status', $$VALUES ('postgres'::name, 0::bigint,
       true)$$,
                  'a role sees a superuser''s heartbeat, and no other role''s');
RESET ROLE;
DELETE FROM etl.scheduler WHERE owner = 'postgres';
UPDATE etl.pipeline SET next_at = '2025-01-01 00:00' WHERE owner = 'etl_tap_tick_ben';
SET ROLE etl_tap_tick_ben;
SELECT results_eq('SELECT owner, last_tick, due, healthy FROM etl.scheduler_status',
                  $$VALUES ('etl_tap_tick_ben'::name, NULL::timestamptz, 1::bigint, false)$$,
                  'who has none sees that nobody ticks');
RESET ROLE;

-- A role that no worker may log in as --------------------------------------------------------------------------------

DELETE FROM etl.run;
DELETE FROM etl.scheduler;
UPDATE etl.pipeline SET next_at = '2099-01-01', paused_at = NULL, problem = NULL;
UPDATE etl.pipeline SET next_at = '2025-01-01 01:00' WHERE owner = 'etl_tap_tick_ben';
SELECT current_database() AS here \gset
\setenv HERE :here
REVOKE CONNECT ON DATABASE :"here" FROM PUBLIC;
\set first `psql -X -q -d "$HERE" -c "CALL etl.tick('2025-01-01 01:00')" 2>&1 | grep WARNING`
SELECT is(:'first'::text, format('WARNING:  runs of role "etl_tap_tick_ben" wait for a background worker: role '
          '"etl_tap_tick_ben" may not connect to database "%s"', current_database()), 'a tick warns');
\set second `psql -X -q -d "$HERE" -c "CALL etl.tick('2025-01-01 01:00')" 2>&1 | grep WARNING`
SELECT is(:'second'::text, '', 'once');
SELECT results_eq('SELECT healthy, problems, queued FROM etl.scheduler_status',
                  'VALUES (false, 1::bigint, 1::bigint)', 'that is not healthy');
SELECT results_eq($$SELECT pipeline, problem FROM etl.pipelines WHERE problem IS NOT NULL$$,
                  format($$VALUES ('of etl_tap_tick_ben', %L)$$, format(
                      'its runs wait for a background worker: role "etl_tap_tick_ben" may not connect to database "%s"',
                      current_database())), 'and a problem of its pipelines');
GRANT CONNECT ON DATABASE :"here" TO PUBLIC;
CALL etl.tick('2025-01-01 01:00');
CALL pg_temp.drain();
SELECT results_eq('SELECT healthy, problems, queued FROM etl.scheduler_status',
                  'VALUES (true, 0::bigint, 0::bigint)', 'which is over once it may');
SELECT is(refused, '{}', 'a later one would be warned of') FROM etl.scheduler;

-- Two databases -------------------------------------------------------------------------------------------------------

-- Another database of the cluster ticks for itself, by the same session lock numbers and names.
SELECT format('%s_other', current_database()) AS other \gset
CREATE DATABASE :"other" TEMPLATE pgtap_template;
SELECT dblink_connect('twin', format('dbname=%s host=%s', :'other', current_setting('unix_socket_directories')))
\g /dev/null
SELECT dblink_exec('twin', $twin$DO $do$ BEGIN
    PERFORM set_config('client_min_messages', 'error', false);
    PERFORM etl.create_pipeline('twin'), etl.add_step('twin', 's', 'SELECT 1');
    UPDATE etl.pipeline SET schedule = '0 * * * *', next_at = '2025-01-01 01:00';
END $do$$twin$) \g /dev/null
DELETE FROM etl.run;
SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null
SELECT pg_temp.define('twin', '0 * * * *', '2025-01-01 01:00') \g /dev/null
SELECT etl._lock_run('etl.pipeline_run', n) FROM generate_series(1, 100) AS n \g /dev/null
SELECT dblink_exec('twin', 'CALL etl.tick(''2025-01-01 01:00'')') \g /dev/null
CALL pg_temp.until($$EXISTS (SELECT FROM public.dblink('twin', 'SELECT status FROM etl.run') AS r(status text)
                             WHERE status = 'succeeded')$$);
SELECT results_eq('SELECT * FROM dblink(''twin'', ''SELECT name, status FROM etl.run'') AS r(name text, status text)',
                  $$VALUES ('twin', 'succeeded')$$, 'another database ticks');
SELECT is_empty('SELECT FROM etl.run', 'and changes nothing here');
SELECT etl._unlock_run('etl.pipeline_run', n) FROM generate_series(1, 100) AS n \g /dev/null
CALL etl.tick('2025-01-01 01:00');
CALL pg_temp.drain();
SELECT results_eq('SELECT name, status FROM etl.run', $$VALUES ('twin', 'succeeded')$$,
                  'nor does it keep this one from it');
SELECT dblink_disconnect('twin') \g /dev/null
DROP DATABASE :"other" WITH (FORCE);

SELECT * FROM finish();
DELETE FROM etl.run;
SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null
DROP ROLE etl_tap_tick_ann, etl_tap_tick_ben, etl_tap_tick_team;
