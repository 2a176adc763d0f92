-- Runs that others forge, lock or delete, and time limits that a step or a role sets: each run ends, and says truly how.
-- No transaction around the file, because it commits. Other sessions come by dblink.
CREATE EXTENSION dblink;
SELECT plan(36);
SET client_min_messages = error;
SET timezone = 'UTC';
CREATE ROLE etl_tap_fault_owner LOGIN;
CREATE ROLE etl_tap_fault_other LOGIN;
CREATE TABLE seen (what text, role text DEFAULT current_user, pid int DEFAULT pg_backend_pid());
GRANT ALL ON seen TO PUBLIC;
CREATE FUNCTION pg_temp.connect(name text, login text) RETURNS text LANGUAGE sql AS $$
    SELECT dblink_connect(name, format('dbname=%s host=%s user=%s', current_database(),
                                       current_setting('unix_socket_directories'), login))
$$;
CREATE FUNCTION pg_temp.outcome(pipeline text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', s.step, s.status, s.attempt, s.sqlstate, s.error), '; '
                      ORDER BY s.run_id, s.position)
    FROM etl.step_runs AS s WHERE s.pipeline = outcome.pipeline
$$;
CREATE PROCEDURE pg_temp.wait_for(condition text) LANGUAGE plpgsql AS $$
DECLARE
    holds boolean;
BEGIN
    FOR n IN 1 .. 3000 LOOP
        EXECUTE 'SELECT ' || condition INTO holds;
        IF holds THEN
            RETURN;
        END IF;
        COMMIT;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RAISE 'in vain: %', condition;
END $$;
SELECT pg_temp.connect('owner', 'etl_tap_fault_owner'), pg_temp.connect('other', 'etl_tap_fault_other') \g /dev/null

-- Runs that others forge ---------------------------------------------------------------------------------------------

CREATE FUNCTION forge(id int, moment timestamptz, backfill bigint, state text) RETURNS void LANGUAGE sql AS $$
    WITH r AS (
        INSERT INTO etl.run (kind, name, as_of, status, started_at)
        VALUES ('pipeline', 'root', moment, state, NULL) RETURNING run_id
    ), u AS (
        INSERT INTO etl.pipeline_run (run_id, pipeline_id, logical_time, trigger, backfill_id, parallel, max_parallel,
                                      on_failure, search_path)
        SELECT run_id, id, moment, 'backfill', backfill, 9, 1, 'stop', '' FROM r
    )
    INSERT INTO etl.step_run (run_id, position, step, kind, mode, command, depends_on, needs, run_if, attempts, backoff,
                              backoff_factor, backoff_max, jitter, params)
    SELECT run_id, 1, 'x', 'sql', 'sql', 'INSERT INTO public.seen VALUES (''forged'')', '{}', '{}', 'all_success', 1,
           '0', 1, '0', 0, '{}' FROM r
$$;
SELECT etl.create_pipeline('root', max_parallel => 1), etl.add_step('root', 's', 'SELECT 1') \g /dev/null
SELECT pipeline_id AS id FROM etl.pipeline WHERE name = 'root' \gset
-- The next runs of the backfill below have the numbers from here on.
SELECT dblink_exec('other', format($$DO 'BEGIN
    PERFORM forge(%s, ''2025-01-01'', NULL, ''queued''), forge(%s, ''2025-02-01'', n, ''queued'')
    FROM generate_series(1, 30) AS n WHERE n = 1; END'$$, :id, :id)) \g /dev/null
SELECT dblink_exec('other', format($$DO 'BEGIN
    PERFORM forge(%s, ''2025-02-01''::timestamptz + n * interval ''1 s'', n, ''queued'')
    FROM generate_series(1, 60) AS n; END'$$, :id)) \g /dev/null
CALL etl.run_pipeline('root', '2025-01-01');
CALL etl.run_pipeline('root', '2025-01-01');
CALL etl.run_pipeline('root', '2025-01-01', dry_run => true);
SELECT etl.start_pipeline('root', '2025-01-01') \g /dev/null
CALL etl.backfill('root', '2025-03-01', '2025-03-02', '1 day');
SELECT is_empty('SELECT FROM seen', 'a superuser''s calls execute no steps of others');
SELECT is((SELECT count(*) FROM etl.run WHERE owner = 'etl_tap_fault_other' AND status <> 'queued'), 0::bigint,
          'whose runs are as they were');
SELECT is((SELECT count(*) FROM etl.run WHERE owner = current_user AND status = 'succeeded'), 3::bigint,
          'its own are executed');
SELECT ok(NOT etl._take_run(min(run_id)), 'another role''s run cannot be taken') FROM etl.run
WHERE owner = 'etl_tap_fault_other';
SELECT etl.rename_pipeline('root', 'root2'), etl.drop_pipeline('root2') \g /dev/null
SELECT is((SELECT count(*) FROM etl.run WHERE owner = 'etl_tap_fault_other' AND (name <> 'root' OR status <> 'queued')),
          0::bigint, 'nor renamed or cancelled with the pipeline');

-- Locks that others hold ---------------------------------------------------------------------------------------------

SET SESSION AUTHORIZATION etl_tap_fault_owner;
SELECT etl.create_pipeline('locked'), etl.add_step('locked', 's', 'SELECT 1', attempts => 1) \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT pid AS other FROM dblink('other', 'SELECT pg_backend_pid()') AS r(pid int) \gset
SELECT * FROM dblink('other', $$SELECT count(etl._lock_run('etl.step_run', n)) FROM generate_series(1, 1000) AS n$$)
    AS r(n bigint) \g /dev/null
SELECT throws_ok($$SELECT dblink_exec('owner', 'CALL etl.run_pipeline(''locked'', ''2025-01-01'')')$$, '55P03', NULL,
                 'a step whose lock another session holds');
SELECT is(pg_temp.outcome('locked'),
          format('s failed 1 55P03 process %s holds the lock of the step, as if it executed it', :other),
          'tells which');
SELECT * FROM dblink('other', 'SELECT pg_advisory_unlock_all()') AS r(n text) \g /dev/null
SELECT * FROM dblink('other', $$SELECT count(etl._lock_run('etl.pipeline_run', n)) FROM generate_series(1, 1000) AS n$$)
    AS r(n bigint) \g /dev/null
SELECT throws_like($$SELECT dblink_exec('owner', 'CALL etl.run_pipeline(''locked'', ''2025-01-02'')')$$,
                   'process % holds the lock of run %, as if it executed it', 'so does a run');
SELECT dblink_disconnect('other') \g /dev/null
CALL pg_temp.wait_for(format('NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)', :other));
SELECT lives_ok($$SELECT dblink_exec('owner', 'CALL etl.run_pipeline(''locked'', ''2025-01-02'')')$$,
                'when it is gone');

-- Locks that a step gives up
SELECT etl.create_pipeline('unlocks', max_parallel => 1), etl.create_pipeline('taken', max_parallel => 1),
       etl.add_step('unlocks', 'unlock', 'SELECT pg_advisory_unlock_all()'),
       etl.add_step('unlocks', 'look', 'SELECT', depends_on => '{unlock}', "check" => $$EXISTS (
                    SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
                    AND classid = 'etl.pipeline_run'::regclass AND objid = etl.run_id())$$),
       etl.add_step('taken', 'unlock', $$SELECT pg_advisory_unlock_all();
                    SELECT FROM public.dblink('thief', format('SELECT etl._lock_run(%L, %s)', 'etl.pipeline_run',
                                                              etl.run_id())) AS r(is_locked boolean)$$),
       etl.add_step('taken', 'next', 'SELECT 1', depends_on => '{unlock}') \g /dev/null
SELECT pg_temp.connect('thief', session_user) \g /dev/null
CALL etl.run_pipeline('unlocks');
SELECT is(pg_temp.outcome('unlocks'), 'unlock succeeded 1; look succeeded 1',
          'the lock of a run that a step has given up is taken again');
\set ON_ERROR_STOP off
CALL etl.run_pipeline('taken', '2025-01-01');
\set ON_ERROR_STOP on
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '55P03', 'a session whose run another one has taken meanwhile leaves it');
SELECT results_eq($$SELECT step, status FROM etl.step_runs WHERE pipeline = 'taken' ORDER BY position$$,
                  $$VALUES ('unlock', 'waiting'), ('next', 'waiting')$$, 'and records no success of the step');
SELECT dblink_disconnect('thief') \g /dev/null

-- Runs that vanish ---------------------------------------------------------------------------------------------------

SET SESSION AUTHORIZATION etl_tap_fault_owner;
SELECT etl.create_pipeline('gone', max_parallel => 1), etl.add_step('gone', 's', 'SELECT pg_sleep(1)') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT dblink_send_query('owner', $$CALL etl.run_pipeline('gone', '2025-01-01')$$) \g /dev/null
CALL pg_temp.wait_for($$EXISTS (SELECT FROM etl.step_runs WHERE pipeline = 'gone' AND status = 'running')$$);
DELETE FROM etl.run WHERE name = 'gone';
SELECT throws_ok($$SELECT * FROM dblink_get_result('owner') AS r(x text)$$, '42704', NULL, 'a run that was deleted');
SELECT * FROM dblink_get_result('owner') AS r(x text) \g /dev/null
SELECT dblink_send_query('owner', $$CALL etl.backfill('gone', '2025-01-02', '2025-01-03', '1 day')$$) \g /dev/null
CALL pg_temp.wait_for($$EXISTS (SELECT FROM etl.step_runs WHERE pipeline = 'gone' AND status = 'running')$$);
DELETE FROM etl.run WHERE name = 'gone';
SELECT throws_ok($$SELECT * FROM dblink_get_result('owner') AS r(x text)$$, '42704',
                 'backfill of pipeline "gone": 2 of 2 runs do not exist any more', 'runs of a backfill too');
SELECT * FROM dblink_get_result('owner') AS r(x text) \g /dev/null
SELECT dblink_send_query('owner', $$CALL etl.run_pipeline('gone', '2025-01-04')$$) \g /dev/null
CALL pg_temp.wait_for($$EXISTS (SELECT FROM etl.step_runs WHERE pipeline = 'gone' AND status = 'running')$$);
ALTER ROLE etl_tap_fault_owner RENAME TO etl_tap_fault_renamed;
SELECT throws_ok($$SELECT * FROM dblink_get_result('owner') AS r(x text)$$, '42704', NULL,
                 'a run of a role that has got another name');
SELECT * FROM dblink_get_result('owner') AS r(x text) \g /dev/null
ALTER ROLE etl_tap_fault_renamed RENAME TO etl_tap_fault_owner;

-- Limits of time that the role has -----------------------------------------------------------------------------------

ALTER ROLE etl_tap_fault_owner SET statement_timeout = '1200ms';
ALTER ROLE etl_tap_fault_owner SET lock_timeout = '300ms';
SET SESSION AUTHORIZATION etl_tap_fault_owner;
SELECT etl.create_pipeline('long'), etl.create_pipeline('own', max_parallel => 1, on_failure => 'continue') \g /dev/null
SELECT etl.add_step('long', n::text, 'SELECT pg_sleep(0.6)', depends_on => array_remove(ARRAY[nullif(n - 1, 0)::text],
    NULL)) FROM generate_series(1, 4) AS n \g /dev/null
SELECT etl.add_step('own', n::text, 'SELECT pg_sleep(0.6)') FROM generate_series(1, 4) AS n \g /dev/null
SELECT etl.add_step('own', 'late', 'SELECT pg_sleep(60)'),
       etl.add_step('own', 'lock', 'LOCK TABLE seen', attempts => 1),
       etl.add_step('own', 'limits', $$INSERT INTO seen
                    SELECT concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'))$$),
       etl.add_step('own', 'temporary', 'CREATE TEMP TABLE t AS SELECT 1'),
       etl.add_step('own', 'temporary again', 'CREATE TEMP TABLE t AS SELECT 1', depends_on => '{temporary}')
    \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT pg_temp.connect('blocker', session_user),
       dblink_exec('blocker', 'BEGIN; LOCK TABLE seen IN ROW EXCLUSIVE MODE') \g /dev/null
SET SESSION AUTHORIZATION etl_tap_fault_owner;
BEGIN;
SELECT etl.start_pipeline('long', '2025-01-01') AS long, etl.start_pipeline('own', '2025-01-01') AS own \gset
COMMIT;
RESET SESSION AUTHORIZATION;
SELECT format($$EXISTS (SELECT FROM etl.step_run WHERE run_id = %s AND step = 'lock' AND finished_at IS NOT NULL)$$,
              :own) AS tried \gset
CALL pg_temp.wait_for(:'tried');
SELECT dblink_exec('blocker', 'COMMIT'), dblink_disconnect('blocker') \g /dev/null
SELECT is(etl.wait_run(:long, '1 minute'), 'succeeded', 'statement_timeout is not for a run of many steps');
SELECT is(etl.wait_run(:own, '1 minute'), 'failed', 'nor for one that a runner executes by itself');
SELECT is(pg_temp.outcome('own'),
    '1 succeeded 1; 2 succeeded 1; 3 succeeded 1; 4 succeeded 1; late failed 1 57014 the step took longer than the '
    'statement_timeout of role "etl_tap_fault_owner", 1200 ms; lock failed 1 55P03 canceling statement due to lock '
    'timeout; limits succeeded 1; temporary succeeded 1; temporary again succeeded 1',
    'each of its steps has the limits, and nothing temporary of those before');
SELECT results_eq($$SELECT what FROM seen WHERE role = 'etl_tap_fault_owner'$$, $$VALUES ('0 300ms')$$,
                  'which it sees');
SELECT is(status, 'failed', 'its run has failed and was not cancelled') FROM etl.run WHERE run_id = :own;
ALTER ROLE etl_tap_fault_owner RESET ALL;

-- A step that does not let itself be cancelled -----------------------------------------------------------------------

CREATE FUNCTION stubborn(times int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. times LOOP
        BEGIN
            PERFORM pg_sleep(60);
        EXCEPTION
            WHEN query_canceled THEN NULL;
        END;
    END LOOP;
END $$;
SELECT etl.create_pipeline('stubborn', on_failure => 'continue'),
       etl.create_pipeline('stubborn here', max_parallel => 1) \g /dev/null
SELECT etl.add_step('stubborn', kind, 'SELECT stubborn(100)', kind, timeout => '500 ms')
FROM unnest('{sql,procedure}'::text[]) AS kind \g /dev/null
SELECT etl.add_step('stubborn here', 's', 'SELECT stubborn(3)', timeout => '500 ms') \g /dev/null
SELECT etl.start_pipeline('stubborn', '2025-01-01') AS run \gset
SELECT clock_timestamp() AS began \gset
CALL etl.run_pipeline('stubborn here', '2025-01-01');
SELECT ok(clock_timestamp() - :'began'::timestamptz < interval '30 s', 'a step in the session is cancelled once more');
SELECT is(pg_temp.outcome('stubborn here'), 's succeeded 1', 'and may end well');
SELECT is(etl.wait_run(:run, '1 minute'), 'failed', 'a step that goes on and on is ended with its worker');
SELECT is(pg_temp.outcome('stubborn'),
          'sql failed 1 57014 the step did not end within 5 s after its timeout of 00:00:00.5; '
          'procedure failed 1 57014 the step did not end within 5 s after its timeout of 00:00:00.5', 'which says why');
SELECT is((SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_etl step' AND datname = current_database()),
          0::bigint, 'and leaves no session behind');

SELECT etl.create_pipeline('within', max_parallel => 1),
       etl.add_step('within', 's', format('SELECT etl._execute_step(''SELECT 1'', %L, '''', 100, NULL);
                    SELECT pg_sleep(30)', current_user), timeout => '1 s') \g /dev/null
\set ON_ERROR_STOP off
CALL etl.run_pipeline('within', '2025-01-01');
\set ON_ERROR_STOP on
SELECT is(pg_temp.outcome('within'), 's failed 1 57014 the step took longer than its timeout of 1000 ms',
          'a limit within a step does not end that of the step');

-- Runs that no worker takes ------------------------------------------------------------------------------------------

SET SESSION AUTHORIZATION etl_tap_fault_owner;
SELECT etl.create_pipeline('waits', max_parallel => 1), etl.add_step('waits', 's', 'SELECT 1') \g /dev/null
SET pg_etl.use_workers = off;
SELECT etl.start_pipeline('waits', '2025-01-01') AS waiting \gset
RESET pg_etl.use_workers;
SELECT pg_sleep(0.5) \g /dev/null
SELECT is(status, 'queued', 'no worker is started where none is to be used') FROM etl.run WHERE run_id = :waiting;
UPDATE etl.run SET status = 'running', started_at = now() WHERE run_id = :waiting;
SELECT etl._fill_run(u) FROM etl.pipeline_run AS u WHERE run_id = :waiting \g /dev/null
\set ON_ERROR_STOP off
CALL etl.run_pipeline('waits', '2025-01-01', dry_run => true);
\set ON_ERROR_STOP on
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '55P03', 'a dry run is not made of a run under way');
RESET SESSION AUTHORIZATION;
SELECT etl._request_cancel(:waiting, 'by a superuser', true) \g /dev/null
CALL pg_temp.wait_for(format('(SELECT status = ''cancelled'' FROM etl.run WHERE run_id = %s)', :waiting));
SELECT pass('a superuser''s cancel of a lost run is seen to by a worker of its owner');

-- Attempts of a former try -------------------------------------------------------------------------------------------

SELECT step_run_id AS former, run_id FROM etl.step_run WHERE run_id = :run AND step = 'sql' \gset
UPDATE etl.step_run SET command = 'SELECT 1' WHERE run_id = :run;
SELECT etl.retry_run(:run) \g /dev/null
SELECT is_empty(format('SELECT FROM etl.step_run WHERE step_run_id = %s', :former),
                'a retry gives steps new numbers');
SELECT throws_ok(format('SELECT etl._finish_step(%s, 1, 1)', :former), '55000', NULL,
                 'so that a session of the former try cannot record an end');
SELECT is(etl.wait_run(:run, '1 minute'), 'succeeded', 'and the new one ends well');

-- What is told -------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('told', max_parallel => 1), etl.add_step('told', 's', 'SET ROLE etl_tap_fault_owner'),
       etl.add_step('told', 'after', 'SELECT 1', depends_on => '{s,s}') \g /dev/null
SELECT is((SELECT depends_on FROM etl.step WHERE name = 'after'), '{s}', 'what is needed twice is needed once');
\set ON_ERROR_STOP off
CALL etl.run_pipeline('told');
\set ON_ERROR_STOP on
SELECT is((SELECT hint FROM etl.step_runs WHERE pipeline = 'told' AND step = 's'),
          format('A step acts as one role, here "%s", and cannot leave it; another one is given by '
                 'etl.alter_step(..., run_as => ...).', current_user), 'a step that sets its role learns the way');
SELECT throws_ok($$SELECT etl.add_step('told', 'alarm', 'SELECT 1', run_if => 'any_failed')$$, '22023',
                 'step "alarm" would never be run: run_if is any_failed, and it needs no step',
                 'any_failed of nothing');
SELECT throws_ok($$SELECT etl._require_tick(NULL, '1 s')$$, '22023', 'moment must be a point in time, not NULL',
                 'a tick at no time');

SELECT dblink_disconnect('owner') \g /dev/null
DROP OWNED BY etl_tap_fault_owner, etl_tap_fault_other;
DROP ROLE etl_tap_fault_owner, etl_tap_fault_other;
SELECT * FROM finish();
