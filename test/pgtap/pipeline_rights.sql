-- What one role must not get from another one's runs: its rights, at the commit of a step and after it; the times of
-- its pipelines; and a superuser's rights by what a tick looks at. No transaction around the file, because it commits.
-- Other sessions come by dblink.
CREATE EXTENSION dblink;
SELECT plan(37);
SET client_min_messages = error;
SET timezone = 'UTC';
CREATE ROLE etl_tap_rights_owner LOGIN;
CREATE ROLE etl_tap_rights_guest LOGIN;
CREATE ROLE etl_tap_rights_team;
GRANT etl_tap_rights_guest TO etl_tap_rights_owner;
GRANT etl_tap_rights_team TO etl_tap_rights_guest;
GRANT CREATE ON SCHEMA public TO etl_tap_rights_owner, etl_tap_rights_guest;
SELECT format('GRANT CREATE ON DATABASE %I TO etl_tap_rights_guest', current_database()) \gexec

CREATE FUNCTION pg_temp.other(options text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s %s', current_database(), current_setting('unix_socket_directories'), options)
$$;
CREATE TABLE seen (what text, role text DEFAULT current_user);
GRANT ALL ON seen TO PUBLIC;

-- The session that runs a pipeline executes the steps itself, one of them as the guest -------------------------------

SET SESSION AUTHORIZATION etl_tap_rights_guest;
CREATE FUNCTION public.note(what text) RETURNS integer LANGUAGE sql AS $$
    INSERT INTO public.seen VALUES (what) RETURNING 1
$$;
CREATE FUNCTION public.leave_cursor() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'DECLARE left_open CURSOR WITH HOLD FOR SELECT public.note(''cursor'')';
END $$;
CREATE TABLE deferred (n integer);
CREATE FUNCTION public.defer_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.note('trigger ' || NEW.n);
    SET CONSTRAINTS ALL DEFERRED;
    INSERT INTO public.deferred SELECT NEW.n + 1 WHERE NEW.n < 3;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER defer_again AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.defer_again();
CREATE TABLE once (n integer);
CREATE FUNCTION public.note_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.note('once');
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER note_once AFTER INSERT ON once DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.note_once();
CREATE FUNCTION public.leave_table() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE target (n integer, shape pg_temp.shape);
    CREATE TEMP VIEW targets AS SELECT * FROM pg_temp.target;
    CREATE FUNCTION pg_temp.note() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM public.note(''table''); RETURN NULL; END';
    CREATE TRIGGER note AFTER INSERT ON pg_temp.target FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
    GRANT ALL ON pg_temp.target TO PUBLIC;
END $$;
-- Triggers of this one run in a second round, when they have put themselves off.
CREATE TABLE late (action text, is_late boolean DEFAULT false);
CREATE FUNCTION public.come_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_late THEN
        EXECUTE NEW.action;
    ELSE
        SET CONSTRAINTS ALL DEFERRED;
        INSERT INTO public.late VALUES (NEW.action, true);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER come_late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.come_late();
CREATE FUNCTION public.check_late() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    SET CONSTRAINTS ALL DEFERRED;
    INSERT INTO public.late VALUES ('SELECT public.note(''check'')', true);
    RETURN true;
END $$;
CREATE FUNCTION public.give_away() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.leave_temporary();
    ALTER TABLE pg_temp.target OWNER TO etl_tap_rights_team;
    DROP TRIGGER note ON pg_temp.target;
    CREATE TRIGGER note AFTER INSERT ON pg_temp.target FOR EACH ROW EXECUTE FUNCTION public.note_once();
END $$;
CREATE FUNCTION public.leave_temporary() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE DOMAIN pg_temp.shape AS integer CHECK (public.note('domain') = 1);
    PERFORM public.leave_table();
END $$;

SET SESSION AUTHORIZATION etl_tap_rights_owner;
CREATE TABLE target (n integer);
CREATE TEMP TABLE mine (n integer);
CREATE FUNCTION pg_temp.run(name text, action text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.create_pipeline(name, max_parallel => 1),
            etl.add_step(name, 'guest', action, run_as => 'etl_tap_rights_guest', attempts => 1),
            etl.add_step(name, 'owner', 'INSERT INTO target VALUES (1)', depends_on => '{guest}');
END $$;
CREATE FUNCTION pg_temp.state(pipeline text, step text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(': ', s.status, s.sqlstate, s.error) FROM etl.step_runs AS s
    WHERE s.pipeline = state.pipeline AND s.step = state.step
$$;
SELECT pg_temp.run('cursor', 'SELECT leave_cursor()'), pg_temp.run('deferred', 'INSERT INTO deferred VALUES (1)'),
       pg_temp.run('once', 'INSERT INTO once VALUES (1)'),
       pg_temp.run('temporary', 'SELECT leave_temporary()') \g /dev/null
\set ON_ERROR_STOP off
CALL etl.run_pipeline('cursor');
CALL etl.run_pipeline('deferred');
\set ON_ERROR_STOP on
CALL etl.run_pipeline('once');
CALL etl.run_pipeline('temporary');
SELECT is(pg_temp.state('cursor', 'guest'),
          'failed: 0A000: a step of kind sql cannot leave a cursor WITH HOLD open',
          'a cursor that the commit would fill, as the owner, is refused');
SELECT is((SELECT count(*) FROM pg_cursors WHERE is_holdable), 0::bigint, 'and not there');
SELECT is(pg_temp.state('deferred', 'guest'),
          'failed: 42501: cannot fire deferred trigger within security-restricted operation',
          'so is a trigger that puts itself off to the commit again and again');
SELECT is(pg_temp.state('once', 'guest'), 'succeeded', 'a deferred trigger is none the less welcome');
SELECT results_eq('SELECT what, role FROM seen ORDER BY what',
                  $$SELECT w, 'etl_tap_rights_guest' FROM unnest('{once}'::text[]) AS w$$,
                  'and fires as the guest');
SELECT is(pg_temp.state('temporary', 'guest'), 'succeeded', 'temporary objects are of use within the step');
SELECT is(pg_temp.state('temporary', 'owner'), 'succeeded', 'the owner''s step comes after it');
SELECT is((SELECT count(*) FROM public.target), 2::bigint, 'into the table that it means');
SELECT is(to_regclass('pg_temp.target'), NULL, 'the temporary one is gone');
SELECT is(to_regclass('pg_temp.targets'), NULL, 'with its view');
SELECT is(to_regtype('pg_temp.shape'), NULL, 'and the type');
SELECT isnt(to_regclass('pg_temp.mine'), NULL, 'the caller''s own is there still');
DECLARE kept CURSOR WITH HOLD FOR SELECT 1;
SELECT pg_temp.run('beside', 'SELECT 1') \g /dev/null
CALL etl.run_pipeline('beside');
SELECT is(pg_temp.state('beside', 'guest'), 'succeeded', 'a cursor of an earlier transaction is in nobody''s way');
CLOSE kept;

-- What would be done in a second round, and what it would leave
SELECT pg_temp.run(format('late %s', n), format('INSERT INTO late VALUES (%L)', action))
FROM unnest(ARRAY[
    'SELECT set_config(''search_path'', ''public, pg_catalog'', false)', 'SELECT public.leave_temporary()',
    'SELECT public.leave_cursor()', 'PREPARE mine_too AS SELECT public.note(''prepared'')', 'LISTEN late',
    'RESET ROLE', 'INSERT INTO public.late VALUES (''SELECT 1'')']) WITH ORDINALITY AS a(action, n) \g /dev/null
SELECT pg_temp.run('late check', 'SELECT 1'), pg_temp.run('given', 'SELECT give_away()'),
       etl.alter_step('late check', 'guest', "check" => 'check_late()') \g /dev/null
PREPARE mine_too AS SELECT 'mine';
SELECT current_setting('search_path') AS path \gset
\set ON_ERROR_STOP off
CALL etl.run_pipeline('late 1');
CALL etl.run_pipeline('late 2');
CALL etl.run_pipeline('late 3');
CALL etl.run_pipeline('late 4');
CALL etl.run_pipeline('late 5');
CALL etl.run_pipeline('late 6');
CALL etl.run_pipeline('late 7');
CALL etl.run_pipeline('late check');
CALL etl.run_pipeline('given');
\set ON_ERROR_STOP on
SELECT results_eq(
    $$SELECT pipeline, left(status, 9), sqlstate FROM etl.step_runs WHERE pipeline LIKE 'late%' AND step = 'guest'
      ORDER BY pipeline$$,
    $$VALUES ('late 1', 'succeeded', NULL), ('late 2', 'failed', '42501'), ('late 3', 'failed', '42501'),
             ('late 4', 'failed', '42501'), ('late 5', 'failed', '42501'), ('late 6', 'failed', '42501'),
             ('late 7', 'failed', '42501'), ('late check', 'succeeded', NULL)$$,
    'nothing that outlasts the step is done in a second round');
SELECT is(current_setting('search_path'), :'path', 'and no setting stays');
SELECT results_eq($$SELECT role FROM seen WHERE what = 'check'$$, $$VALUES ('etl_tap_rights_guest')$$,
                  'what a check puts off is done as the guest');
SELECT is((SELECT statement FROM pg_prepared_statements WHERE name = 'mine_too'),
          $$PREPARE mine_too AS SELECT 'mine';$$,
          'the caller''s statement is there still');
SELECT is_empty($$SELECT FROM seen WHERE what IN ('prepared', 'table', 'domain', 'cursor')$$,
                'and none of the guest''s');
SELECT is(to_regclass('pg_temp.target'), NULL, 'a table that was given to a role of the guest''s is gone too');
SELECT pg_temp.run('prepares', $$DO 'BEGIN
    EXECUTE ''DEALLOCATE mine_too''; EXECUTE ''PREPARE mine_too AS SELECT public.note(''''prepared'''')''; END'$$)
    \g /dev/null
CALL etl.run_pipeline('prepares');
SELECT is_empty($$SELECT FROM pg_prepared_statements WHERE name = 'mine_too'$$,
                'nothing that a step has prepared is left under a name of the caller''s');

-- Temporary objects stand behind the tables that a step means.
CREATE TEMP TABLE target (n integer);
SELECT etl.create_pipeline('shadow ' || parallel, max_parallel => parallel, search_path => path),
       etl.add_step('shadow ' || parallel, 's', 'SELECT', kind,
                    "check" => format('current_setting(''search_path'') = %L', shown))
FROM (VALUES (1, 'public', 'sql', 'public, pg_temp'), (2, 'pg_temp, public', 'sql', 'pg_temp, public'),
             (3, '', 'procedure', 'pg_temp'), (4, '"pg_temp", public', 'toplevel', '"pg_temp", public'))
    AS v(parallel, path, kind, shown) \g /dev/null
SELECT etl.add_step('shadow 1', 'insert', 'INSERT INTO target VALUES (77)') \g /dev/null
CALL etl.run_pipeline('shadow 1');
CALL etl.run_pipeline('shadow 2');
CALL etl.run_pipeline('shadow 3');
CALL etl.run_pipeline('shadow 4');
SELECT results_eq('SELECT n FROM public.target WHERE n = 77', 'VALUES (77)', 'unless its search_path names them');
SELECT is_empty('SELECT FROM pg_temp.target', 'they are not taken');
DROP TABLE pg_temp.target;

-- The check of a step that is executed by a worker -------------------------------------------------------------------

SELECT etl.create_pipeline('checked') \g /dev/null
SELECT etl.add_step('checked', 's', 'RESET ALL', kind => 'procedure', params => '{"country": "NL"}',
                    "check" => $$etl.param('country') = 'NL' AND etl.logical_time() = '2025-01-01'$$) \g /dev/null
CALL etl.run_pipeline('checked', '2025-01-01');
SELECT is(pg_temp.state('checked', 's'), 'succeeded', 'the check of a procedure is told what the step was');

SELECT etl.create_pipeline('discard') \g /dev/null
SELECT etl.add_step('discard', 's', 'DISCARD ALL; SELECT pg_sleep(1.5)', kind => 'toplevel') \g /dev/null
CALL etl.run_pipeline('discard');
SELECT is((SELECT concat_ws(' ', status, attempt) FROM etl.step_runs WHERE pipeline = 'discard'), 'succeeded 1',
          'a step that gives up all locks of its session is not taken for lost');

-- The times of another role's pipeline -------------------------------------------------------------------------------

SELECT etl.create_pipeline('timed'), etl.add_step('timed', 's', 'SELECT 1') \g /dev/null
UPDATE etl.pipeline SET schedule = '0 * * * *', next_at = '2025-01-01 01:00' WHERE name = 'timed';
SELECT pipeline_id FROM etl.pipeline WHERE name = 'timed' \gset
SET SESSION AUTHORIZATION etl_tap_rights_guest;
INSERT INTO etl.run (kind, name, as_of, status, started_at)
VALUES ('pipeline', 'timed', '2025-01-01 01:00', 'queued', NULL) RETURNING run_id \gset
INSERT INTO etl.pipeline_run (run_id, pipeline_id, logical_time, trigger, max_parallel, on_failure, search_path)
VALUES (:run_id, :pipeline_id, '2025-01-01 01:00', 'call', 1, 'stop', '');
RESET SESSION AUTHORIZATION;
SELECT etl._queue_due('2025-01-01 01:00', 0) \g /dev/null
SELECT results_eq($$SELECT owner, status FROM etl.run WHERE name = 'timed' ORDER BY owner$$,
                  $$VALUES ('etl_tap_rights_guest'::name, 'queued'), ('etl_tap_rights_owner', 'queued')$$,
                  'a run that a guest has slipped in keeps no time of it from being queued by a superuser''s tick');
SELECT is((SELECT count(*) FROM etl._waiting_runs() WHERE owner = 'etl_tap_rights_owner'), 1::bigint, 'nor begun');
SET SESSION AUTHORIZATION etl_tap_rights_owner;
CALL etl.run_pipeline('timed', '2025-01-01 01:00');
SELECT is(pg_temp.state('timed', 's'), 'succeeded', 'nor run');
RESET SESSION AUTHORIZATION;

-- What a superuser prunes --------------------------------------------------------------------------------------------

SET SESSION AUTHORIZATION etl_tap_rights_guest;
CREATE SCHEMA cron;
CREATE TABLE cron.job_run_details (
    runid bigint, database text, command text, start_time timestamptz, end_time timestamptz);
INSERT INTO cron.job_run_details VALUES (1, current_database(), 'CALL etl.tick()', '2000-01-01', '2000-01-01');
CREATE FUNCTION cron.note() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM public.note(''prune''); RETURN OLD; END';
CREATE TRIGGER note BEFORE DELETE ON cron.job_run_details FOR EACH ROW EXECUTE FUNCTION cron.note();
RESET SESSION AUTHORIZATION;
CALL etl.prune_history();
SELECT is_empty($$SELECT FROM seen WHERE what = 'prune'$$, 'a table that only looks like pg_cron''s is left alone');
DROP SCHEMA cron CASCADE;

-- Sessions that see nothing new in a transaction ---------------------------------------------------------------------

SELECT etl.create_pipeline('apart', max_parallel => 1), etl.add_step('apart', 's', 'SELECT pg_sleep(1)') \g /dev/null
SELECT dblink_connect('blocker', pg_temp.other()),
       dblink_connect('one', pg_temp.other('options=''-c default_transaction_isolation=serializable''')),
       dblink_connect('two', pg_temp.other(
           'options=''-c default_transaction_isolation=repeatable\\ read''')) \g /dev/null
SELECT dblink_exec('blocker', 'BEGIN; DO $$BEGIN PERFORM FROM etl.pipeline FOR NO KEY UPDATE; END$$') \g /dev/null
SELECT dblink_send_query('one', $$CALL etl.run_pipeline('apart', '2025-01-01')$$),
       dblink_send_query('two', $$CALL etl.run_pipeline('apart', '2025-01-02')$$) \g /dev/null
DO $$
BEGIN
    FOR i IN 1 .. 1000 LOOP
        EXIT WHEN (SELECT count(*) FROM pg_locks WHERE NOT granted) >= 2;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT dblink_exec('blocker', 'COMMIT') \g /dev/null
SELECT is((SELECT count(*) FROM (VALUES ('one'), ('two')) AS s(name)
           WHERE (SELECT count(*) FROM dblink_get_result(s.name, false) AS r(status text)) IS NOT NULL), 2::bigint,
          'two sessions of another isolation level run one pipeline');
SELECT is((SELECT count(*) FROM unnest(ARRAY['one', 'two']) AS s(name)
           WHERE dblink_error_message(s.name) LIKE '%is being run by another session%'), 1::bigint,
          'one of them is told so');
SELECT is((SELECT count(*) FROM etl.run WHERE name = 'apart'), 1::bigint, 'and there is one run');

-- A pipeline that is gone --------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('gone'), etl.add_step('gone', 's', 'SELECT 1') \g /dev/null
SELECT etl._skip_run(etl._enqueue_run(p, '2025-01-01', 'start'), 'late')
FROM etl.pipeline AS p WHERE name = 'gone' \g /dev/null
SELECT etl.drop_pipeline('gone') \g /dev/null
SELECT etl.retry_run(run_id) AS run FROM etl.run WHERE name = 'gone' \gset
SELECT is(etl.wait_run(:run, '10 s'), 'failed', 'a skipped run of a pipeline that was dropped');
SELECT is((SELECT error FROM etl.run WHERE run_id = :run), 'the pipeline has no steps any more', 'cannot succeed');

-- A run whose session is gone ----------------------------------------------------------------------------------------

SELECT etl.create_pipeline('lost'), etl.add_step('lost', 's', 'SELECT 1') \g /dev/null
SELECT etl._enqueue_run(p, '2025-01-01', 'start') AS run FROM etl.pipeline AS p WHERE name = 'lost' \gset
UPDATE etl.run SET status = 'running', started_at = now() WHERE run_id = :run;
SELECT throws_ok(format('SELECT dblink_exec(%L, %L)', pg_temp.other('options=''-c timezone=UTC'''),
                        $$CALL etl.run_pipeline('lost', '2025-01-02')$$),
                 '55P03', format('run %s of pipeline "lost" for 2025-01-01 00:00:00+00 is not finished', :run),
                 'keeps others from beginning, and the error tells so');

SELECT dblink_exec('blocker', format('DO $$BEGIN PERFORM etl._lock_run(''etl.pipeline_run'', %s); END$$', :run))
\g /dev/null
DELETE FROM etl.run WHERE name <> 'lost';
UPDATE etl.run SET status = 'queued', started_at = NULL WHERE run_id = :run;
SELECT pid FROM dblink('blocker', 'SELECT pg_backend_pid()') AS r(pid integer) \gset
SELECT throws_ok(format('SELECT dblink_exec(%L, %L)', pg_temp.other(), $$CALL etl.run_pipeline('lost', '2025-01-01')$$),
                 '55P03', format('process %s holds the lock of run %s, as if it executed it', :pid, :run),
                 'nor does one whose lock somebody holds');

-- Between its transactions a session is at work as well --------------------------------------------------------------

SELECT etl._lock_run('etl.run', 1) \g /dev/null
SELECT dblink_exec('blocker', 'DO $$BEGIN PERFORM etl._lock_run(''etl.run'', 2); END$$') \g /dev/null
SELECT is(etl._run_lock_holder('etl.run', 2) IS NOT NULL, true, 'an idle session holds its lock');
SELECT is(etl._run_lock_holder('etl.run', 1), NULL, 'one''s own lock is not another one''s');
SELECT etl._unlock_run('etl.run', 1) \g /dev/null

SELECT * FROM finish();
DELETE FROM etl.run;
SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null
DROP OWNED BY etl_tap_rights_owner, etl_tap_rights_guest, etl_tap_rights_team CASCADE;
DROP ROLE etl_tap_rights_owner, etl_tap_rights_guest, etl_tap_rights_team;
