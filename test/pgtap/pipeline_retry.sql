-- Attempts of steps, with known answers: which errors are tried again and when; time limits of steps and of runs;
-- cancels; sessions that are gone, and runs that are gone on with; the queue; memory; dry runs. A second session comes by
-- dblink.
CREATE EXTENSION dblink;
SELECT plan(75);
SET client_min_messages = error;
SET timezone = 'UTC';

CREATE TEMPORARY VIEW locks_here AS
SELECT l.* FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database();
CREATE TEMPORARY VIEW workers_here AS
SELECT a.* FROM pg_stat_activity AS a WHERE a.backend_type = 'pg_etl step' AND a.datname = current_database();
CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
CREATE FUNCTION pg_temp.call(procedure text, options text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', concat_ws(' ', pg_temp.other(), options), 'CALL ' || procedure)
$$;
-- The same, and the error as text: pgTAP lets a query_canceled through.
CREATE FUNCTION pg_temp.failure(procedure text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE pg_temp.call(procedure);
    RETURN NULL;
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION pg_temp.last_run() RETURNS bigint LANGUAGE sql AS $$ SELECT max(run_id) FROM etl.pipeline_run $$;
CREATE FUNCTION pg_temp.step(step text) RETURNS etl.step_run LANGUAGE sql AS $$
    SELECT s FROM etl.step_run AS s WHERE s.step = step.step AND s.run_id = pg_temp.last_run()
$$;
CREATE FUNCTION pg_temp.run() RETURNS etl.run LANGUAGE sql AS $$
    SELECT r FROM etl.run AS r WHERE r.run_id = pg_temp.last_run()
$$;
CREATE FUNCTION pg_temp.outcomes() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s.step, s.attempt, s.status, s.sqlstate)
    FROM etl.step_run AS s WHERE s.run_id = pg_temp.last_run() ORDER BY s.position
$$;
CREATE FUNCTION pg_temp.events() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', e.step, e.attempt, e.event), ', ' ORDER BY e.event_id)
    FROM etl.run_event AS e WHERE e.run_id = pg_temp.last_run()
$$;
CREATE FUNCTION pg_temp.drop_all() RETURNS void LANGUAGE sql AS $$
    SELECT etl.drop_pipeline(p.name) FROM etl.pipeline AS p
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
CREATE TABLE done (n int GENERATED ALWAYS AS IDENTITY, what text, pid int DEFAULT pg_backend_pid());

-- Which errors -------------------------------------------------------------------------------------------------------

SELECT set_eq($$SELECT state
    FROM unnest('{08000,08001,08006,08P01,28000,40001,40P01,40002,53200,53300,53400,55P03,55000,57P01,57P02,57P03,57P04,
                  57014,58030,23505,22012,42601,XX000,P0001}'::text[]) AS state
    WHERE etl._is_transient(state)$$,
              $$VALUES ('08000'), ('08001'), ('08006'), ('08P01'), ('40001'), ('40P01'), ('53200'), ('53300'),
                       ('55P03'), ('57P01'), ('57P02'), ('57P03'), ('57P04'), ('58030')$$,
              'errors that may go away by themselves');
SELECT results_eq($$SELECT etl._is_retried(state, list) FROM (VALUES ('40001', NULL::text[]), ('40001', '{}'),
                           ('23505', '{23505}'), ('23505', '{23}'), ('23505', '{22,23}'),
                           ('40001', '{23}')) AS v(state, list)$$,
                  'VALUES (true), (false), (true), (true), (true), (false)', 'a list takes the place of these');
SELECT set_eq($$SELECT (etl._retry_delay(s) = expected OR jitter > 0
    AND etl._retry_delay(s) BETWEEN expected * (1 - jitter) AND expected)
                FROM (VALUES (1, 0, interval '2 s'), (2, 0, '6 s'), (3, 0, '18 s'), (4, 0, '20 s'), (1000, 0, '20 s'),
                             (3, 0.5, '18 s')) AS v(attempt, jitter, expected),
                     LATERAL (SELECT ROW(r.*)::etl.step_run AS s FROM jsonb_populate_record(NULL::etl.step_run,
                          jsonb_build_object('attempt', v.attempt, 'jitter', v.jitter, 'backoff', '2 s',
                          'backoff_factor', 3,
                                             'backoff_max', '20 s')) AS r) AS x$$,
              'VALUES (true)', 'waits grow up to a limit');
SELECT is((SELECT etl._retry_delay(r) FROM jsonb_populate_record(NULL::etl.step_run, '{"attempt": 1000000, "jitter": 0,
              "backoff": "0 s", "backoff_factor": 1000, "backoff_max": "1 s"}') AS r), '0 s', 'none stays none');

CREATE SEQUENCE tries;
CREATE FUNCTION fail_until(n int, state text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') < n THEN
        RAISE EXCEPTION USING ERRCODE = state, MESSAGE = 'not yet';
    END IF;
END $$;
CREATE PROCEDURE define_retry(name text, max_parallel int, kind text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.create_pipeline(name, on_failure => 'continue', max_parallel => max_parallel),
            etl.add_step(name, 'third time', 'INSERT INTO done (what) VALUES (''x''); SELECT fail_until(3, ''40001'')',
            kind,
                         backoff => '20 ms', jitter => 0),
            etl.add_step(name, 'after', 'SELECT', depends_on => '{third time}');
END $$;
CALL define_retry('session', 1, 'sql');
CALL etl.run_pipeline('session');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('third time 3 succeeded'), ('after 1 succeeded')$$,
                  'an error that goes away, in the session');
SELECT is(pg_temp.events(), 'queued, started, third time 1 retry, third time 2 retry, succeeded', 'its record');
SELECT is((SELECT count(*) FROM done), 1::bigint, 'leaves one effect');
SELECT is((SELECT bool_and(f.at - e.at > (e.detail ->> 'retry_after')::interval / 2) FROM etl.run_event AS e
           JOIN etl.run_event AS f ON f.event_id = e.event_id + 1 WHERE e.event = 'retry' AND f.event = 'retry'), true,
          'after the time to wait');
SELECT results_eq($$SELECT detail ->> 'retry_after', detail ->> 'sqlstate', message FROM etl.run_event
                    WHERE event = 'retry' ORDER BY event_id$$,
                  $$VALUES ('00:00:00.02', '40001', 'not yet'), ('00:00:00.04', '40001', 'not yet')$$, 'which grows');
SELECT is((pg_temp.step('third time')).error, NULL, 'a success has no error');
ALTER SEQUENCE tries RESTART;
CALL define_retry('worker', 4, 'sql');
CALL etl.run_pipeline('worker');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('third time 3 succeeded'), ('after 1 succeeded')$$,
                  'in workers');
ALTER SEQUENCE tries RESTART;
CALL define_retry('procedure', 4, 'procedure');
CALL etl.run_pipeline('procedure');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('third time 3 succeeded'), ('after 1 succeeded')$$,
                  'and of a procedure');
SELECT is((SELECT count(*) FROM done), 5::bigint, 'whose effect may be there more than once');
SELECT pg_temp.drop_all() \g /dev/null

ALTER SEQUENCE tries RESTART;
SELECT etl.create_pipeline('lists', on_failure => 'continue', max_parallel => 1) \g /dev/null
SELECT etl.add_step('lists', name, action, attempts => attempts, retry_sqlstates => list, backoff => '1 ms')
FROM (VALUES ('constraint', 'DO $$BEGIN RAISE unique_violation; END$$', 3, NULL::text[]),
             ('listed', 'DO $$BEGIN RAISE unique_violation; END$$', 3, '{23}'),
             ('never', 'DO $$BEGIN RAISE serialization_failure; END$$', 3, '{}'),
             ('once', 'DO $$BEGIN RAISE serialization_failure; END$$', 1, NULL),
             ('five times', 'DO $$BEGIN RAISE serialization_failure; END$$', 5, NULL)) AS s(name, action, attempts,
             list) \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('lists')$$), '23505', NULL, 'attempts come to an end');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()',
                  $$VALUES ('constraint 1 failed 23505'), ('listed 3 failed 23505'), ('never 1 failed 40001'),
                           ('once 1 failed 40001'), ('five times 5 failed 40001')$$,
                           'by the list and the number of each');
SELECT pg_temp.drop_all() \g /dev/null

-- While one step waits, others go on: the second attempt of the first comes after all of the rest.
TRUNCATE done;
ALTER SEQUENCE tries RESTART;
SELECT etl.create_pipeline('meanwhile', max_parallel => 1) \g /dev/null
SELECT etl.add_step('meanwhile', 'late', 'SELECT fail_until(2, ''55P03''); INSERT INTO done (what) VALUES (''late'')',
                    backoff => '300 ms') \g /dev/null
SELECT etl.add_step('meanwhile', 's' || n, 'INSERT INTO done (what) VALUES (''s'')')
FROM generate_series(1, 3) AS n \g /dev/null
CALL etl.run_pipeline('meanwhile');
SELECT is((SELECT string_agg(what, ' ' ORDER BY n) FROM done), 's s s late', 'while one step waits, others go on');
SELECT pg_temp.drop_all() \g /dev/null

-- Isolation levels that refuse to see what others have done meanwhile
SELECT etl.create_pipeline('levels') \g /dev/null
SELECT etl.add_step('levels', 's' || n, 'INSERT INTO done (what) VALUES (''level'')',
                    depends_on => CASE WHEN n > 4 THEN ARRAY['s' || n - 4] ELSE '{}' END)
FROM generate_series(1, 12) AS n \g /dev/null
SELECT lives_ok(pg_temp.call('etl.run_pipeline(''levels'')',
                             format('options=''-c default_transaction_isolation=%s''', replace(level, ' ', '\\ '))),
                             level)
FROM unnest('{repeatable read,serializable}'::text[]) AS level;
SELECT is((SELECT count(*) FROM done WHERE what = 'level'), 24::bigint, 'every step once for each');
SELECT pg_temp.drop_all() \g /dev/null

-- Time limits --------------------------------------------------------------------------------------------------------

CREATE PROCEDURE define_late(name text, max_parallel int, run_timeout interval, step_timeout interval)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.create_pipeline(name, on_failure => 'continue', max_parallel => max_parallel, timeout => run_timeout),
            etl.add_step(name, 'fast', 'SELECT', timeout => step_timeout),
            etl.add_step(name, 'sql', 'INSERT INTO done (what) VALUES (''late''); SELECT pg_sleep(30)',
            timeout => step_timeout),
            etl.add_step(name, 'procedure', 'SELECT pg_sleep(30)', 'procedure', timeout => step_timeout),
            etl.add_step(name, 'check', 'SELECT', 'procedure', timeout => step_timeout,
                         "check" => 'pg_sleep(30) IS NOT NULL'),
            etl.add_step(name, 'after', 'SELECT', depends_on => '{sql}'),
            etl.add_step(name, 'at the end', 'SELECT', depends_on => '{sql,procedure,check}', run_if => 'all_done');
END $$;
TRUNCATE done;
PREPARE late AS VALUES ('fast 1 succeeded'), ('sql 1 failed 57014'), ('procedure 1 failed 57014'),
    ('check 1 failed 57014'),
                       ('after 0 skipped'), ('at the end 1 succeeded');
CALL define_late('session', 1, NULL, '150 ms');
SELECT is(pg_temp.failure($$etl.run_pipeline('session')$$), '57014 pipeline "session" failed at step "sql"',
                 'steps that take too long');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', 'late', 'fail, and the run goes on');
SELECT is((pg_temp.step('sql')).error, 'the step took longer than its timeout of 150 ms', 'with the reason');
SELECT is((pg_temp.run()).status, 'failed', 'the run has failed');
CALL define_late('workers', 4, NULL, '150 ms');
SELECT is(pg_temp.failure($$etl.run_pipeline('workers')$$), '57014 pipeline "workers" failed at step "sql"',
    'steps that take too long in workers');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', 'late', 'go the same way');
SELECT results_eq($$SELECT s.step, s.error ~ 'its timeout of 1[0-9]+ ms$' FROM etl.step_run AS s
                    WHERE s.run_id = pg_temp.last_run() AND s.status = 'failed' ORDER BY s.position$$,
                  $$VALUES ('sql', true), ('procedure', true), ('check', true)$$, 'each with the reason');
SELECT is_empty($$SELECT FROM done$$, 'what took too long has left nothing');
CALL define_late('run in session', 1, '1500 ms', NULL);
SELECT is(pg_temp.failure($$etl.run_pipeline('run in session')$$),
    '57014 pipeline "run in session" failed at step "sql"', 'a run that takes too long');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()',
                  $$VALUES ('fast 1 succeeded'), ('sql 1 failed 57014'), ('procedure 0 cancelled 57014'),
                           ('check 0 cancelled 57014'), ('after 0 cancelled 57014'), ('at the end 0 cancelled 57014')$$,
                  'executes nothing any more');
SELECT is((pg_temp.run()).status, 'failed', 'and has failed');
CALL define_late('run in workers', 2, '1500 ms', NULL);
SELECT is(pg_temp.failure($$etl.run_pipeline('run in workers')$$),
    '57014 pipeline "run in workers" failed at step "sql"', 'a run that takes too long in workers');
SELECT set_eq($$SELECT s.step, s.status FROM etl.step_run AS s WHERE s.run_id = pg_temp.last_run()$$,
              $$VALUES ('fast', 'succeeded'), ('sql', 'failed'), ('procedure', 'failed'), ('check', 'cancelled'),
                       ('after', 'cancelled'), ('at the end', 'cancelled')$$, 'goes the same way');
SELECT results_eq($$SELECT DISTINCT s.error FROM etl.step_run AS s JOIN etl.run AS r USING (run_id)
                    WHERE r.name LIKE 'run in %' AND s.status <> 'succeeded'$$,
                  $$VALUES ('the run took longer than the timeout of its pipeline')$$, 'with the reason');
SELECT is_empty('SELECT FROM workers_here', 'no worker is left');
SELECT is_empty('SELECT FROM locks_here', 'and no lock');
SELECT pg_temp.drop_all() \g /dev/null

-- Cancels ------------------------------------------------------------------------------------------------------------

SELECT dblink_connect('other', pg_temp.other()) \g /dev/null
SELECT * FROM dblink('other', 'SELECT pg_backend_pid()') AS r(pid int) \gset
SELECT etl.create_pipeline('slow', max_parallel => 1) \g /dev/null
SELECT etl.add_step('slow', 'wait', 'SELECT pg_advisory_xact_lock(42)', 'procedure') \g /dev/null
SELECT etl.add_step('slow', 'after', 'SELECT 1') \g /dev/null
SELECT pg_advisory_lock(42) \g /dev/null
SELECT dblink_send_query('other', 'CALL etl.run_pipeline(''slow'')') \g /dev/null
CALL pg_temp.wait_for('EXISTS (SELECT FROM locks_here WHERE NOT granted)');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('wait 1 running'), ('after 0 waiting')$$,
                  'a run under way is seen');
SELECT results_eq('SELECT usename::text, application_name, query FROM workers_here',
                  $$VALUES (current_user::text, 'pg_etl slow/wait', 'SELECT pg_advisory_xact_lock(42)')$$,
                  'its worker too');
SELECT is((SELECT backend_xmin FROM pg_stat_activity WHERE pid = :pid), NULL, 'who waits for it holds no snapshot');
SELECT is((SELECT u.executor_pid FROM etl.pipeline_run AS u WHERE u.run_id = pg_temp.last_run()), :pid,
    'who executes it');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('slow')$$), '55P03', 'pipeline "slow" is being run by another session',
                 'a pipeline is run once at a time');
SELECT pg_cancel_backend(:pid) \g /dev/null
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT matches(dblink_error_message('other'), 'pipeline "slow" was canceled at step "wait"', 'cancel');
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('wait 1 cancelled 57014'),
    ('after 0 cancelled 57014')$$,
                  'is recorded');
SELECT is((pg_temp.run()).status, 'cancelled', 'also of the run');
SELECT is_empty('SELECT FROM workers_here', 'the worker is gone');
SELECT is_empty('SELECT FROM locks_here WHERE pid <> pg_backend_pid()', 'and no lock left');

SELECT etl.alter_step('slow', 'wait', kind => 'sql') \g /dev/null
SELECT dblink_send_query('other', 'CALL etl.run_pipeline(''slow'')') \g /dev/null
CALL pg_temp.wait_for('EXISTS (SELECT FROM locks_here WHERE NOT granted)');
SELECT pg_cancel_backend(:pid) \g /dev/null
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT matches(dblink_error_message('other'), 'pipeline "slow" was canceled at step "wait"',
               'cancel of a step in the session');
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('wait 1 failed 57014'), ('after 0 cancelled 57014')$$,
                  'is recorded');
SELECT is((pg_temp.run()).status, 'cancelled', 'also of the run');

-- Asked for in the record, while workers work
SELECT etl.alter_pipeline('slow', max_parallel => 2) \g /dev/null
SELECT dblink_send_query('other', 'CALL etl.run_pipeline(''slow'')') \g /dev/null
CALL pg_temp.wait_for('EXISTS (SELECT FROM locks_here WHERE NOT granted)');
UPDATE etl.pipeline_run SET cancel_requested_at = now() WHERE run_id = pg_temp.last_run();
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT matches(dblink_error_message('other'), 'pipeline "slow" was canceled at step "wait"',
    'a cancel that is asked for');
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT is((pg_temp.run()).status, 'cancelled', 'is done');

-- Lost sessions ------------------------------------------------------------------------------------------------------

SELECT etl.alter_pipeline('slow', max_parallel => 1),
       etl.alter_step('slow', 'wait', kind => 'procedure', backoff => '10 ms',
                      action => 'SELECT pg_advisory_xact_lock(42); INSERT INTO done (what) VALUES (''wait'')')
                      \g /dev/null
TRUNCATE done;
CREATE PROCEDURE pg_temp.lose(pid int) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_send_query('other', 'CALL etl.run_pipeline(''slow'', ''2025-01-02'')');
    CALL pg_temp.wait_for('EXISTS (SELECT FROM locks_here WHERE NOT granted)');
    PERFORM pg_terminate_backend(pid, 10000);
    CALL pg_temp.wait_for('NOT EXISTS (SELECT FROM workers_here)');
END $$;
CALL pg_temp.lose(:pid);
SELECT dblink_disconnect('other') \g /dev/null
SELECT is((pg_temp.run()).status, 'running', 'a session that died cannot record it');
SELECT throws_like(pg_temp.call($$etl.run_pipeline('slow', '2025-01-03')$$),
                   'run % of pipeline "slow" for 2025-01-02 00:00:00+00 is not finished',
                   'another time waits for the lost run');
SELECT pg_advisory_unlock(42) \g /dev/null
CALL etl.run_pipeline('slow', '2025-01-02');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('wait 2 succeeded'), ('after 1 succeeded')$$,
                  'a call for the same time goes on with the run');
SELECT is(pg_temp.events(), 'queued, started, resumed, wait 1 retry, succeeded', 'its record');
SELECT is((SELECT count(*) FROM done), 1::bigint, 'the effect is there once');
SELECT is((SELECT count(*) FROM etl.pipeline_run WHERE logical_time = '2025-01-02'), 1::bigint, 'of one run');

-- By the queue, and a step that was lost too often
SELECT pg_advisory_lock(42) \g /dev/null
SELECT etl.alter_step('slow', 'wait', attempts => 1) \g /dev/null
DELETE FROM etl.run;
SELECT dblink_connect('other', pg_temp.other()) \g /dev/null
SELECT * FROM dblink('other', 'SELECT pg_backend_pid()') AS r(pid int) \gset
CALL pg_temp.lose(:pid);
SELECT dblink_disconnect('other') \g /dev/null
SELECT pg_advisory_unlock(42) \g /dev/null
CALL etl._run_queue();
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('wait 1 failed 57P01'), ('after 0 skipped')$$,
                  'the queue goes on with it, and a step without attempts left has failed');
SELECT is((pg_temp.run()).status, 'failed', 'as has the run');
SELECT pg_temp.drop_all() \g /dev/null

-- A step that ends its worker, and one that ends the session
TRUNCATE done;
SELECT etl.create_pipeline('ends', on_failure => 'continue') \g /dev/null
SELECT etl.add_step('ends', 'itself',
    'INSERT INTO done (what) VALUES (''x''); SELECT pg_terminate_backend(pg_backend_pid())',
                    backoff => '1 ms') \g /dev/null
SELECT etl.add_step('ends', 'beside', 'SELECT') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('ends')$$), '57P01', NULL, 'a step that ends its worker');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('itself 3 failed 57P01'), ('beside 1 succeeded')$$,
                  'is tried as often as any other');
SELECT etl.alter_pipeline('ends', max_parallel => 1) \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('ends', '2025-01-01')$$), NULL, NULL, 'one that ends the session')
FROM generate_series(1, 3);
SELECT is((pg_temp.step('itself')).status || (pg_temp.step('itself')).attempt, 'running3', 'is lost each time');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('ends', '2025-01-01')$$), '57P01',
    'pipeline "ends" failed at step "itself"',
                 'and given up after its attempts');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('itself 3 failed 57P01'), ('beside 1 succeeded')$$,
                  'the rest of the run goes its way');
SELECT is_empty('SELECT FROM done', 'what did not succeed has left nothing');
SELECT pg_temp.drop_all() \g /dev/null

-- Memory: steps that fail, in this session and in workers, leave nothing that grows. A first run fills the caches.
SELECT etl.create_pipeline('fails', max_parallel => 1, on_failure => 'continue') \g /dev/null
SELECT etl.add_step('fails', 's' || n, CASE WHEN n % 20 = 0 THEN 'INSERT INTO memory (used) SELECT sum(used_bytes)
                    FROM pg_backend_memory_contexts' ELSE 'SELECT 1 / 0' END,
                    CASE WHEN n % 50 = 1 THEN 'procedure' ELSE 'sql' END)
FROM generate_series(1, 300) AS n \g /dev/null
CREATE TABLE memory (n int GENERATED ALWAYS AS IDENTITY, used bigint);
SELECT etl._enqueue_run(p, at, 'start')
FROM etl.pipeline AS p, unnest('{2025-01-01,2025-01-02}'::timestamptz[]) AS at WHERE p.name = 'fails' \g /dev/null
CALL etl._run_queue();
SELECT is((SELECT max(used) FILTER (WHERE n > 15) - max(used) FILTER (WHERE n <= 15) < 200000 FROM memory), true,
          'failures leave no memory');
SELECT is((SELECT count(*) FROM etl.step_run WHERE run_id = pg_temp.last_run() AND status = 'failed'), 285::bigint,
          'of which there were many');
SELECT pg_temp.drop_all() \g /dev/null

-- Dry runs -----------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('dry', on_failure => 'continue') \g /dev/null
SELECT etl.add_step('dry', 'one', 'CREATE TABLE made AS SELECT generate_series(1, 3) AS n') \g /dev/null
SELECT etl.add_step('dry', 'two', 'INSERT INTO made SELECT 4', depends_on => '{one}',
    "check" => '(SELECT count(*) = 4 FROM made)') \g /dev/null
SELECT etl.add_step('dry', 'apart', 'INSERT INTO done (what) VALUES (''apart'')', 'procedure') \g /dev/null
CREATE TEMPORARY TABLE before AS
SELECT (SELECT count(*) FROM etl.run) AS runs, (SELECT count(*) FROM etl.run_event) AS events;
CALL etl.run_pipeline('dry', '2025-01-01', dry_run => true);
SELECT is(to_regclass('made'), NULL, 'a dry run leaves nothing');
SELECT results_eq('SELECT * FROM before', 'SELECT (SELECT count(*) FROM etl.run), (SELECT count(*) FROM etl.run_event)',
                  'and records nothing');
SELECT is_empty('SELECT FROM done', 'nor executes what commits');
CALL etl.run_pipeline('dry', '2025-01-01');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('dry', '2025-01-01', dry_run => true)$$), '42P07',
                 'pipeline "dry" would fail at step "one"', 'it fails as the run would, for a time that was run too');
SELECT is((SELECT count(*) FROM etl.step_run WHERE run_id = pg_temp.last_run() AND status = 'succeeded'), 3::bigint,
          'whose record stays');
SELECT is_empty('SELECT FROM locks_here', 'no lock is left');

SELECT * FROM finish();
