-- Starting, cancelling, retrying runs, and waiting for them. No transaction around the file, because runs commit. Other
-- sessions come by dblink.
CREATE EXTENSION dblink;
SELECT plan(68);
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
CREATE FUNCTION pg_temp.becomes(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    answer boolean;
BEGIN
    FOR i IN 1 .. 200 LOOP
        PERFORM pg_stat_clear_snapshot();
        EXECUTE query INTO answer;
        IF answer THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RETURN false;
END
$$;
CREATE FUNCTION pg_temp.steps(run bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(s.step || ' ' || s.status, ', ' ORDER BY s.position) FROM etl.step_runs AS s WHERE s.run_id = run
$$;
-- The SQLSTATE of a statement, and NULL where it succeeds.
CREATE FUNCTION pg_temp.fails(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        RETURN SQLSTATE;
END
$$;
CREATE TABLE done (step text, at timestamptz DEFAULT etl.as_of(), run text DEFAULT current_setting('pg_etl.run_id'));
CREATE TABLE gate (n int);

-- Starting -----------------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('p') \g /dev/null
SELECT throws_ok($$SELECT etl.start_pipeline('p')$$, '55000', 'pipeline "p" has no steps', 'without steps');
SELECT etl.add_step('p', 'a', 'INSERT INTO public.done VALUES (''a'')') \g /dev/null
SELECT etl.add_step('p', 'b', 'INSERT INTO public.done SELECT ''b'' WHERE 0 <= (SELECT count(*) FROM public.gate)',
                    depends_on => '{a}') \g /dev/null
SELECT etl.add_step('p', 'c', 'INSERT INTO public.done VALUES (''c'')', depends_on => '{b}') \g /dev/null
SELECT etl.add_step('p', 'x', 'INSERT INTO public.done VALUES (''x'')') \g /dev/null
SELECT etl.start_pipeline('p', '2025-01-01', params => '{"k": "v"}') AS run \gset
SELECT is(etl.wait_run(:run, '10 s'), 'succeeded', 'a run that was started ends');
SELECT set_eq('SELECT step, at, run FROM done',
              format($$SELECT s, '2025-01-01 00:00+00'::timestamptz, %L FROM unnest('{a,b,c,x}'::text[]) AS s$$,
                     :'run'),
              'with all its steps');
SELECT results_eq('SELECT trigger, params, executor_pid FROM etl.pipeline_runs',
                  $$VALUES ('start', '{"k": "v"}'::jsonb, NULL::int)$$, 'its record');
SELECT is(etl.start_pipeline('p', '2025-01-01'), :run::bigint, 'the same logical time again is the same run');
SELECT is(etl.wait_run(:run, '10 s'), 'succeeded', 'which is not run again');
SELECT is((SELECT count(*) FROM done), 4::bigint, 'none of it');
SELECT throws_ok($$SELECT etl.start_pipeline('none')$$, '42704', 'pipeline "none" does not exist', 'no such pipeline');
SELECT is(pg_temp.fails($$SELECT etl.start_pipeline('p', from_step => 'none')$$), '42704', 'no such step');
SELECT is(pg_temp.fails($$SELECT etl.start_pipeline('p', 'infinity')$$), '22023', 'no moment');
SELECT is(pg_temp.fails($$SELECT etl.start_pipeline('p', params => '[]')$$), '22023', 'no object');
SELECT is((SELECT count(*) FROM etl.pipeline_runs), 1::bigint, 'and nothing is queued');
BEGIN;
SELECT etl.start_pipeline('p', '2025-01-02') \g /dev/null
ROLLBACK;
SELECT is((SELECT count(*) FROM etl.pipeline_runs), 1::bigint, 'nor what is rolled back');

TRUNCATE done;
SELECT etl.start_pipeline('p', '2025-01-03', from_step => 'b') AS run \gset
SELECT is(etl.wait_run(:run, '10 s'), 'succeeded', 'from a step');
SELECT set_eq('SELECT step FROM done', $$VALUES ('b'), ('c')$$, 'it and those that need it');
SELECT is(pg_temp.steps(:run), 'a skipped, x skipped, b succeeded, c succeeded', 'the others are skipped');

-- Cancelling ---------------------------------------------------------------------------------------------------------

-- A step in a worker, which waits for a lock
TRUNCATE done;
SELECT dblink_connect('blocker', pg_temp.other()) \g /dev/null
SELECT dblink_exec('blocker', 'BEGIN; LOCK TABLE public.gate') \g /dev/null
SELECT etl.start_pipeline('p', '2025-01-04') AS run \gset
SELECT ok(pg_temp.becomes($$SELECT count(*) = 1 FROM etl.step_runs WHERE step = 'b' AND waits_for ~ '^lock'$$),
          'b waits');
SELECT etl.start_pipeline('p', '2025-01-05') AS next \gset
SELECT is(etl.start_pipeline('p', '2025-01-04'), :run::bigint, 'a run under way is started once');
SELECT is(etl.wait_run(:run, '0.1 s'), 'running', 'waiting has an end');
SELECT is(etl.wait_run(:next, '0'), 'queued', 'or is none');
SELECT throws_ok(format('SELECT etl.retry_run(%s)', :run), '55006',
                 format('run %s of pipeline "p" has not ended: it is running', :run), 'a run under way is not retried');
SELECT throws_ok(format('SELECT etl.retry_run(%s)', :next), '55006',
                 format('run %s of pipeline "p" has not ended: it is queued', :next), 'nor one that waits');
SELECT is(etl.cancel_run(:next), true, 'a queued run');
SELECT results_eq(format('SELECT status, error, cancel_requested_at IS NOT NULL
                          FROM etl.pipeline_runs WHERE run_id = %s', :next),
                  format($$VALUES ('cancelled', 'cancelled by role "%s"', true)$$, current_user),
          'is cancelled at once');
SELECT worker_pid AS worker FROM etl.step_runs WHERE run_id = :run AND step = 'b' \gset
SELECT is((SELECT c FROM dblink(pg_temp.other(), format('SELECT etl.cancel_run(%s)', :run)) AS o(c boolean)), true,
          'one under way, by another session');
SELECT is(etl.wait_run(:run, '5 s'), 'cancelled', 'ends as cancelled');
SELECT is(pg_temp.steps(:run), 'a succeeded, x succeeded, b cancelled, c cancelled', 'its steps too');
SELECT ok(pg_temp.becomes(format('SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s', :worker)),
          'the worker is gone');
SELECT is(etl.cancel_run(:run), false, 'a run that has ended is left');
SELECT bag_eq(format('SELECT event FROM etl.run_log WHERE run_id = %s AND step IS NULL', :run),
              $$VALUES ('queued'), ('started'), ('cancel_requested'), ('cancelled')$$, 'the log');
SELECT is((SELECT count(*) FROM etl.run_log WHERE run_id = :run AND event IN ('failed', 'retry')), 0::bigint,
          'in which nothing failed');

-- A step in the session that calls, by another session
SELECT etl.create_pipeline('own') \g /dev/null
SELECT etl.add_step('own', 'b', 'SELECT count(*) FROM public.gate') \g /dev/null
UPDATE etl.pipeline SET max_parallel = 1 WHERE name = 'own';
SELECT dblink_connect('caller', pg_temp.other()) \g /dev/null
SELECT dblink_send_query('caller', $$CALL etl.run_pipeline('own', '2025-01-01')$$) \g /dev/null
SELECT ok(pg_temp.becomes($$SELECT count(*) = 1 FROM etl.step_runs WHERE pipeline = 'own' AND waits_for ~ '^lock'$$),
          'a step in the session that calls');
SELECT run_id AS own, executor_pid AS executor FROM etl.pipeline_runs WHERE pipeline = 'own' \gset
SELECT is((SELECT worker_pid FROM etl.step_runs WHERE run_id = :own), :executor, 'is in that session');
SELECT is(etl.cancel_run(:own), true, 'is cancelled by another one');
SELECT is(pg_temp.fails($$SELECT * FROM dblink_get_result('caller') AS r(t text)$$), '57014', 'which the call tells');
SELECT is(etl.wait_run(:own), 'cancelled', 'the run');
SELECT * FROM dblink_get_result('caller', false) AS r(t text) \g /dev/null
SELECT is((SELECT n FROM dblink('caller', 'SELECT 42') AS r(n int)), 42, 'and the session lives on');

-- A lost run
UPDATE etl.run SET status = 'running', finished_at = NULL WHERE run_id = :own;
UPDATE etl.step_run SET status = 'running', attempts = 3, attempt = 1 WHERE run_id = :own;
UPDATE etl.pipeline_run SET cancel_requested_at = NULL, executor_pid = 4711 WHERE run_id = :own;
SELECT is(etl.cancel_run(:own), true, 'a run that nobody executes any more');
SELECT is(etl.wait_run(:own, '10 s'), 'cancelled', 'is taken up to end it');
SELECT dblink_exec('blocker', 'COMMIT') \g /dev/null

-- Retrying -----------------------------------------------------------------------------------------------------------

TRUNCATE done;
SELECT is(etl.retry_run(:run), :run::bigint, 'a cancelled run again');
SELECT is(etl.wait_run(:run, '10 s'), 'succeeded', 'succeeds');
SELECT set_eq('SELECT step FROM done', $$VALUES ('b'), ('c')$$, 'with what it had not done');
SELECT results_eq(format('SELECT error, cancel_requested_at FROM etl.pipeline_runs WHERE run_id = %s', :run),
                  'VALUES (NULL::text, NULL::timestamptz)', 'its record is that of a run that succeeded');
TRUNCATE done;
SELECT is(etl.retry_run(:run), :run::bigint, 'a run that succeeded');
SELECT is(etl.wait_run(:run, '1 s'), 'succeeded', 'is left');
SELECT is(etl.retry_run(:run, 'b'), :run::bigint, 'unless a step is named');
SELECT is(etl.wait_run(:run, '10 s'), 'succeeded', 'it');
SELECT set_eq('SELECT step FROM done', $$VALUES ('b'), ('c')$$, 'and those that need it are executed again');
SELECT throws_ok(format('SELECT etl.retry_run(%s, ''none'')', :run), '42704', format('run %s has no step "none"', :run),
                 'no such step');
TRUNCATE done;
SELECT etl.retry_run(:next) \g /dev/null
SELECT is(etl.wait_run(:next, '10 s'), 'succeeded', 'a run that was cancelled before it began');
SELECT is((SELECT count(*) FROM done), 4::bigint, 'has all its steps');

-- A failure: its attempts begin anew, and the run keeps the steps that it began with
SELECT etl.create_pipeline('f') \g /dev/null
SELECT etl.add_step('f', 'a', 'SELECT 1 / count(*) FROM public.gate') \g /dev/null
SELECT etl.start_pipeline('f', '2025-01-01') AS failed \gset
SELECT is(etl.wait_run(:failed, '10 s'), 'failed', 'a run that fails');
SELECT etl.alter_step('f', 'a', 'SELECT 2') \g /dev/null
SELECT etl.retry_run(:failed) \g /dev/null
SELECT is(etl.wait_run(:failed, '10 s'), 'failed', 'fails again');
INSERT INTO gate VALUES (1);
SELECT etl.retry_run(:failed) \g /dev/null
SELECT is(etl.wait_run(:failed, '10 s'), 'succeeded', 'until its cause is gone');
SELECT results_eq(format('SELECT attempt, error, sqlstate FROM etl.step_runs WHERE run_id = %s', :failed),
                  'VALUES (1, NULL::text, NULL::text)', 'at the first attempt of the last try');

-- Runs that wait for one in a session ---------------------------------------------------------------------------------

CREATE TABLE barrier (n int);
SELECT etl.create_pipeline('busy', max_parallel => 1),
       etl.add_step('busy', 's', 'SELECT count(*) FROM public.barrier') \g /dev/null
SELECT dblink_disconnect(c) FROM unnest(dblink_get_connections()) AS c \g /dev/null
SELECT dblink_connect('caller', pg_temp.other()), dblink_connect('blocker', pg_temp.other()) \g /dev/null
SELECT dblink_exec('caller', 'SET client_min_messages = error') \g /dev/null
CREATE FUNCTION pg_temp.beside(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_exec('blocker', 'BEGIN'), dblink_exec('blocker', 'LOCK TABLE public.barrier'),
            dblink_send_query('caller', call),
            pg_temp.becomes($q$SELECT count(*) = 1 FROM etl.pipeline_runs WHERE pipeline = 'busy'
                               AND status = 'running'$q$);
    RETURN NULL;
END $$;
CREATE FUNCTION pg_temp.go_on() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_exec('blocker', 'COMMIT'), pg_temp.becomes('SELECT dblink_is_busy(''caller'') = 0');
    PERFORM FROM dblink_get_result('caller', false) AS r(status text);
    PERFORM FROM dblink_get_result('caller', false) AS r(status text);
    RETURN pg_temp.becomes($q$SELECT count(*) = 0 FROM etl.pipeline_runs WHERE pipeline = 'busy'
                               AND status IN ('queued', 'running')$q$);
END $$;
SELECT pg_temp.beside('CALL etl.run_pipeline(''busy'', ''2025-01-01'')') \g /dev/null
SELECT etl.start_pipeline('busy', '2025-01-02') AS behind \gset
-- The runner that was started with it finds nothing to do and ends.
SELECT ok(pg_temp.becomes($$SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_etl runner'
                                               AND datname = current_database())$$), 'a run waits, and no runner');
SELECT ok(pg_temp.go_on(), 'it is executed once the run in the session has ended');
SELECT pg_temp.beside('CALL etl.backfill(''busy'', ''2025-02-01'', ''2025-02-03'', every => ''1 day'')') \g /dev/null
SELECT etl.start_pipeline('busy', '2025-01-03') AS behind \gset
SELECT ok(pg_temp.becomes($$SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_etl runner'
                                               AND datname = current_database())$$), 'and beside a backfill');
SELECT ok(pg_temp.go_on(), 'once that has ended');

-- Waiting, and other roles -------------------------------------------------------------------------------------------

SELECT etl._enqueue_run(p, '2025-02-01', 'call') AS queued FROM etl.pipeline AS p WHERE name = 'f' \gset
BEGIN;
SELECT pg_current_xact_id() \g /dev/null
SELECT throws_ok(format('SELECT etl.wait_run(%s)', :queued), '25001',
                 'etl.wait_run cannot wait in a transaction that has changed something', 'who would wait for himself');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT throws_ok(format('SELECT etl.wait_run(%s)', :queued), '25001',
                 'etl.wait_run cannot wait in a transaction of isolation level repeatable read', 'or would see no end');
ROLLBACK;
SELECT is(pg_temp.fails(format('SELECT etl.wait_run(%s, ''-1 s'')', :queued)), '22023', 'no time');
SELECT etl._enqueue_run(p, '2025-02-02', 'call') AS doomed FROM etl.pipeline AS p WHERE name = 'f' \gset
SELECT dblink_exec('blocker', 'BEGIN'), dblink_exec('blocker', 'DELETE FROM etl.run WHERE run_id = ' || :doomed),
       dblink_send_query('caller', format('SELECT etl.cancel_run(%s)', :doomed)),
       pg_temp.becomes($$SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT etl.cancel_run(%'
                         AND wait_event_type = 'Lock'$$), dblink_exec('blocker', 'COMMIT') \g /dev/null
SELECT * FROM dblink_get_result('caller', false) AS r(is_cancelled boolean) \g /dev/null
SELECT is(split_part(dblink_error_message('caller'), E'\n', 1),
          format('ERROR:  run %s of a pipeline does not exist', :doomed), 'one that is deleted meanwhile');
SELECT * FROM dblink_get_result('caller', false) AS r(is_cancelled boolean) \g /dev/null
-- What waits for whoever waits for it.
SELECT etl.create_pipeline('index') \g /dev/null
SELECT etl.add_step('index', 'concurrently', 'CREATE INDEX CONCURRENTLY ON public.done (step)', 'toplevel') \g /dev/null
SELECT etl.start_pipeline('index', '2025-01-01') AS index \gset
SELECT throws_like(format('SELECT etl.wait_run(%s, ''30 s'')', :index),
                   'etl.wait_run cannot wait for run % its step "concurrently" waits for this transaction to end',
                   'a step that waits for older transactions to end');
SELECT ok(pg_temp.becomes(format($$SELECT status = 'succeeded' FROM etl.pipeline_runs WHERE run_id = %s$$, :index)),
          'goes on when the wait is over');
BEGIN;
SELECT FROM public.gate \g /dev/null
SELECT dblink_connect('starter', pg_temp.other()),
       dblink_exec('starter', $$DO 'BEGIN PERFORM etl.create_pipeline(''empty''), etl.add_step(''empty'', ''s'',
                   ''TRUNCATE public.gate''), etl.start_pipeline(''empty'', ''2025-01-01''); END'$$) \g /dev/null
SELECT throws_like(format('SELECT etl.wait_run(%s, ''30 s'')', run_id),
                   'etl.wait_run cannot wait for run % its step "s" waits for this transaction to end',
                   'or for a lock of this one')
FROM etl.pipeline_runs WHERE pipeline = 'empty';
ROLLBACK;
CREATE ROLE regress_pipeline_control SUPERUSER;
SET ROLE regress_pipeline_control;
SELECT is(pg_temp.fails(format('SELECT etl.cancel_run(%s)', :queued))
          || pg_temp.fails(format('SELECT etl.retry_run(%s)', :failed)),
          '4250142501', 'runs of another role');
RESET ROLE;
ALTER ROLE regress_pipeline_control NOSUPERUSER;
SET ROLE regress_pipeline_control;
SELECT is(pg_temp.fails(format('SELECT etl.cancel_run(%s)', :queued))
          || pg_temp.fails(format('SELECT etl.retry_run(%s)', :failed))
          || pg_temp.fails(format('SELECT etl.wait_run(%s)', :queued)), '427044270442704',
          'which are not seen without rights');
RESET ROLE;
DROP ROLE regress_pipeline_control;
SELECT dblink_disconnect(c) FROM unnest(dblink_get_connections()) AS c \g /dev/null
SELECT * FROM finish();
