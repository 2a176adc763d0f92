-- Pipelines with known answers: order, failures, procedures that commit, as_of, roles, other sessions. No transaction
-- around the file, because etl.run_pipeline commits. A second session comes by dblink.
CREATE EXTENSION dblink;
SELECT plan(89);
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- Advisory locks of this database: other files run beside this one, in others.
CREATE TEMPORARY VIEW locks_here AS
SELECT l.* FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database();
CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
-- The procedure called at the top level of another session, so that its error can be compared.
CREATE FUNCTION pg_temp.call(procedure text, options text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', concat_ws(' ', pg_temp.other(), options), 'CALL ' || procedure)
$$;
CREATE FUNCTION pg_temp.steps() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(s.step || ' ' || s.status, ', ' ORDER BY s.position)
    FROM etl.step_runs AS s WHERE s.run_id = (SELECT max(run_id) FROM etl.runs WHERE kind = 'pipeline')
$$;
CREATE FUNCTION pg_temp.step(step text) RETURNS etl.step_runs LANGUAGE sql AS $$
    SELECT s FROM etl.step_runs AS s
    WHERE s.step = step.step AND s.run_id = (SELECT max(run_id) FROM etl.runs WHERE kind = 'pipeline')
$$;
CREATE TABLE done (n int GENERATED ALWAYS AS IDENTITY, what text, pid int DEFAULT pg_backend_pid(),
                   xid xid8 DEFAULT pg_current_xact_id(), as_of timestamptz DEFAULT etl.as_of());
CREATE FUNCTION pg_temp.done() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(what, ' ' ORDER BY n) FROM done $$;

-- Order --------------------------------------------------------------------------------------------------------------

-- A diamond, its bottom added before its last side
SELECT etl.create_pipeline('diamond');
SELECT etl.add_step('diamond', name, format('INSERT INTO done (what) VALUES (%L)', name), depends_on => needs)
FROM (VALUES ('top', '{}'::text[]), ('left', '{top}'), ('bottom', '{left}'), ('right', '{top}'), ('alone', '{}'))
    AS s(name, needs) \g /dev/null
SELECT etl.alter_step('diamond', 'bottom', depends_on => '{left,right,left}') \g /dev/null
CALL etl.run_pipeline('diamond', '2025-02-03 04:05:06.789012+00');
SELECT is(pg_temp.done(), 'top alone left right bottom', 'each step after those that it needs');
SELECT is(pg_temp.steps(), 'top succeeded, alone succeeded, left succeeded, right succeeded, bottom succeeded',
          'which is recorded');
SELECT is((SELECT count(DISTINCT xid) FROM done), 5::bigint, 'each in its own transaction');
SELECT is((SELECT count(*) FROM done WHERE pid = pg_backend_pid()), 5::bigint, 'in the session that calls');
SELECT results_eq('SELECT DISTINCT as_of FROM done', $$VALUES ('2025-02-03 04:05:06.789012+00'::timestamptz)$$,
                  'as of the moment that was given');
SELECT is(etl.as_of(), now(), 'which is over afterwards');
SELECT results_eq('SELECT status, rows, detail, error, as_of FROM etl.runs',
                  $$VALUES ('succeeded', 5::bigint, '{"steps": 5, "succeeded": 5, "failed": 0, "skipped": 0}'::jsonb,
                            NULL::text, '2025-02-03 04:05:06.789012+00'::timestamptz)$$, 'the run');
SELECT throws_ok($$SELECT etl.alter_step('diamond', 'top', depends_on => '{bottom}')$$, '22023',
                 'steps of pipeline "diamond" need each other in a circle: bottom -> left -> top -> bottom',
                 'a circle is refused with its path');
SELECT is((SELECT depends_on FROM etl.steps WHERE step = 'top'), '{}', 'and not made');

-- A long chain, and a wide graph
SELECT etl.create_pipeline('chain') \g /dev/null
SELECT etl.create_pipeline('grid') \g /dev/null
DO $$ BEGIN
    FOR n IN 1 .. 120 LOOP
        PERFORM etl.add_step('chain', 's' || n, 'SELECT ' || n,
                             depends_on => CASE n WHEN 1 THEN '{}' ELSE ARRAY['s' || n - 1] END);
        PERFORM etl.add_step('grid', 'g' || n, 'SELECT', depends_on => ARRAY(
            SELECT 'g' || m FROM generate_series((n - 1) / 10 * 10 - 9, (n - 1) / 10 * 10) AS m WHERE m > 0));
    END LOOP;
END $$;
SELECT throws_ok($$SELECT etl.alter_step('chain', 's1', depends_on => '{s120}')$$, '22023', NULL, 'a long circle');
CALL etl.run_pipeline('chain');
SELECT is((SELECT string_agg(step, ' ' ORDER BY position) FROM etl.step_runs WHERE pipeline = 'chain'),
          (SELECT string_agg('s' || n, ' ' ORDER BY n) FROM generate_series(1, 120) AS n), 'a long chain');
CALL etl.run_pipeline('grid');
SELECT is((SELECT detail ->> 'succeeded' FROM etl.runs WHERE name = 'grid'), '120', 'a wide graph');
SELECT is((SELECT bool_and(b.position > a.position) FROM etl.step_runs AS a, etl.step_runs AS b, etl.steps AS s
           WHERE a.pipeline = 'grid' AND b.pipeline = 'grid' AND s.pipeline = 'grid' AND s.step = b.step
             AND a.step = ANY (s.depends_on)), true, 'in an order that fits');
SELECT etl.drop_pipeline(pipeline) FROM etl.pipelines \g /dev/null
SELECT is((SELECT count(*) FROM etl.step_runs WHERE pipeline = 'chain'), 120::bigint, 'records outlive the pipeline');
DELETE FROM etl.run;
SELECT is_empty('SELECT FROM etl.step_run', 'and go with the run');

-- Failures -----------------------------------------------------------------------------------------------------------

--   a -> b (fails) -> c -> d      e -> f (fails)      d also needs e; g needs nothing
TRUNCATE done RESTART IDENTITY;
SELECT etl.create_pipeline('broken') \g /dev/null
SELECT etl.add_step('broken', name, action, depends_on => needs)
FROM (VALUES ('a', 'INSERT INTO done (what) VALUES (''a'')', '{}'::text[]),
             ('b', 'INSERT INTO done (what) VALUES (''b''); SELECT 1 / 0', '{a}'),
             ('c', 'INSERT INTO done (what) VALUES (''c'')', '{b}'),
             ('e', 'INSERT INTO done (what) VALUES (''e'')', '{}'),
             ('d', 'INSERT INTO done (what) VALUES (''d'')', '{c,e}'),
             ('f', 'DO $do$ BEGIN RAISE EXCEPTION USING ERRCODE = ''P0042'', MESSAGE = ''no'', DETAIL = ''why'',
                    HINT = ''how''; END $do$', '{e}'),
             ('g', 'INSERT INTO done (what) VALUES (''g''), (''g'')', '{}')) AS s(name, action, needs) \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('broken')$$), '22012', 'pipeline "broken" failed at step "b"',
                 'the first failure is raised under its SQLSTATE');
SELECT is(pg_temp.steps(), 'a succeeded, e succeeded, g succeeded, b failed, f failed, c skipped, d skipped',
          'what needs a failed step is skipped, also by way of others, and nothing else');
SELECT is((SELECT string_agg(what, ' ' ORDER BY what) FROM done), 'a e g g', 'a failed step leaves nothing');
SELECT results_eq($$SELECT s.rows, s.sqlstate, s.error, s.context FROM pg_temp.step('b') AS s$$,
                  $$SELECT NULL::bigint, '22012', 'division by zero', context FROM pg_temp.step('b')
                    WHERE context ~ '1 / 0'$$, 'its error');
SELECT results_eq($$SELECT s.sqlstate, s.error, s.detail, s.hint FROM pg_temp.step('f') AS s$$,
                  $$VALUES ('P0042', 'no', 'why', 'how')$$, 'with all its parts');
SELECT results_eq($$SELECT s.error, s.started_at FROM pg_temp.step('d') AS s$$,
                  $$VALUES ('step "c", which it needs, was skipped', NULL::timestamptz)$$, 'why a step was skipped');
SELECT results_eq('SELECT status, detail, error FROM etl.runs',
                  $$VALUES ('failed', '{"steps": 7, "succeeded": 3, "failed": 2, "skipped": 2}'::jsonb,
                            'step "b": division by zero')$$, 'the run');
SELECT is((pg_temp.step('g')).rows, 2::bigint, 'rows of the last statement');
SELECT etl.drop_pipeline('broken') \g /dev/null

-- Odd actions
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
SELECT etl.create_pipeline('odd') \g /dev/null
SELECT etl.add_step('odd', 'syntax', 'SELEC 1') \g /dev/null
SELECT etl.add_step('odd', 'deferred', 'INSERT INTO child VALUES (1)') \g /dev/null
SELECT etl.add_step('odd', 'role', 'SET ROLE pg_monitor') \g /dev/null
SELECT etl.add_step('odd', 'record', 'DELETE FROM etl.step_run') \g /dev/null
SELECT etl.add_step('odd', 'assert', 'DO $$ BEGIN ASSERT false, ''no''; END $$') \g /dev/null
SELECT etl.add_step('odd', 'itself', 'CALL etl.run_pipeline(''odd'')') \g /dev/null
SELECT etl.add_step('odd', 'long', 'DO $$ BEGIN RAISE ''%'', repeat(''x'', 1000000); END $$') \g /dev/null
SELECT etl.add_step('odd', 'comment', 'SELECT 1 -- and nothing else') \g /dev/null
SELECT etl.add_step('odd', 'path', 'SET LOCAL search_path = nowhere; SELECT FROM pg_class LIMIT 3') \g /dev/null
SELECT etl.add_step('odd', 'zone', 'SET LOCAL timezone = ''Asia/Tokyo''; SET LOCAL datestyle = ''SQL, DMY'';
                                    INSERT INTO public.done (what, as_of) VALUES (''zone'', etl.as_of())') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('odd', '2025-04-05 06:07:08+00')$$), '42601', NULL, 'odd actions');
SELECT is(pg_temp.steps(), 'syntax failed, deferred failed, role failed, record failed, assert failed, itself failed, '
          'long failed, comment succeeded, path succeeded, zone succeeded', 'fail by themselves');
SELECT is((pg_temp.step('deferred')).sqlstate, '23503', 'what would only fail at the commit');
SELECT is((pg_temp.step('role')).sqlstate, '42501', 'a step that takes another role');
SELECT is((pg_temp.step('record')).sqlstate, '55000', 'or its own record');
SELECT is((pg_temp.step('assert')).sqlstate, 'P0004', 'a failed assertion');
SELECT is((pg_temp.step('itself')).sqlstate, '2D000', 'a pipeline in itself');
SELECT is(length((pg_temp.step('long')).error), 10000, 'a long message is cut');
SELECT is((pg_temp.step('path')).rows, 3::bigint, 'rows');
SELECT is((SELECT as_of FROM done WHERE what = 'zone'), '2025-04-05 06:07:08+00', 'as_of in any zone and style');
SELECT etl.drop_pipeline('odd') \g /dev/null

-- The search path is that of the session that runs the pipeline.
CREATE SCHEMA other;
CREATE TABLE other.here (what text);
SELECT etl.create_pipeline('paths') \g /dev/null
SELECT etl.add_step('paths', 'sql', 'INSERT INTO here VALUES (current_schemas(false)::text)') \g /dev/null
SELECT etl.add_step('paths', 'procedure', 'INSERT INTO here VALUES (current_schemas(false)::text)',
                    'procedure') \g /dev/null
SET search_path = other, public;
CALL etl.run_pipeline('paths');
SELECT is(current_setting('search_path'), 'other, public', 'the path is the session''s again');
SELECT results_eq('SELECT what FROM other.here', $$VALUES ('{other,public}'), ('{other,public}')$$,
                  'and that of its steps');
RESET search_path;
SELECT etl.drop_pipeline('paths') \g /dev/null

-- Procedures ---------------------------------------------------------------------------------------------------------

CREATE PROCEDURE twice(what text) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO done (what) VALUES (what || 1);
    COMMIT;
    INSERT INTO done (what) VALUES (what || 2);
    IF what = 'bad' THEN
        RAISE EXCEPTION USING ERRCODE = 'P0043', MESSAGE = 'no', DETAIL = 'why', HINT = 'how';
    END IF;
END $$;
TRUNCATE done RESTART IDENTITY;
SELECT etl.create_pipeline('work') \g /dev/null
SELECT etl.add_step('work', 'first', 'INSERT INTO done (what) VALUES (''first'')') \g /dev/null
SELECT etl.add_step('work', 'good', 'CALL twice(''good'')', 'procedure', '{first}') \g /dev/null
SELECT etl.add_step('work', 'bad', 'CALL twice(''bad'')', 'procedure', '{first}') \g /dev/null
SELECT etl.add_step('work', 'never', 'SELECT 1', depends_on => '{bad}') \g /dev/null
SELECT etl.add_step('work', 'rows', 'VACUUM done; INSERT INTO done (what) VALUES (''r''), (''r'')', 'procedure',
                    '{good}') \g /dev/null
SELECT etl.add_step('work', 'block', 'BEGIN; INSERT INTO done (what) VALUES (''block''); COMMIT',
                    'procedure') \g /dev/null
SELECT etl.add_step('work', 'open', 'BEGIN; INSERT INTO done (what) VALUES (''open'')', 'procedure') \g /dev/null
SELECT etl.add_step('work', 'syntax', 'SELEC', 'procedure') \g /dev/null
SELECT etl.add_step('work', 'quit', 'SELECT pg_terminate_backend(pg_backend_pid())', 'procedure') \g /dev/null
SELECT etl.add_step('work', 'cancel', 'SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(1)',
                    'procedure') \g /dev/null
SELECT etl.add_step('work', 'none', '-- nothing', 'procedure') \g /dev/null
SELECT etl.add_step('work', 'role', 'SET ROLE pg_monitor; SET search_path = nowhere', 'procedure') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('work', '2025-04-05 06:07:08+00')$$), '25001',
                 'pipeline "work" failed at step "open"', 'procedures');
SELECT is(pg_temp.steps(), 'first succeeded, block succeeded, open failed, syntax failed, quit failed, cancel failed, '
          'none succeeded, role succeeded, good succeeded, bad failed, never skipped, rows succeeded',
          'their outcomes');
SELECT is((SELECT string_agg(what, ' ' ORDER BY n) FROM done), 'first block good1 good2 bad1 r r', 'what they did');
SELECT is((SELECT count(DISTINCT xid) FROM done WHERE what LIKE 'good_'), 2::bigint,
          'in as many transactions as they like');
SELECT is((SELECT count(DISTINCT pid) FROM done), 5::bigint, 'each in a worker of its own');
SELECT is((SELECT count(*) FROM done WHERE as_of = '2025-04-05 06:07:08+00'), 7::bigint, 'as of the same moment');
SELECT results_eq($$SELECT s.sqlstate, s.error, s.detail, s.hint, s.context ~ 'twice' FROM pg_temp.step('bad') AS s$$,
                  $$VALUES ('P0043', 'no', 'why', 'how', true)$$, 'an error comes over whole');
SELECT is((pg_temp.step('rows')).rows, 2::bigint, 'rows of the last statement');
SELECT is((pg_temp.step('syntax')).sqlstate, '42601', 'a syntax error');
SELECT results_eq($$SELECT s.sqlstate, s.error FROM pg_temp.step('quit') AS s$$,
                  $$VALUES ('57P01', 'the background worker ended before the step had finished')$$,
                  'a worker that died');
SELECT is((pg_temp.step('cancel')).sqlstate, '57014', 'a worker that was cancelled');
SELECT etl.drop_pipeline('work') \g /dev/null

-- Retention as a step, and a pipeline that runs another one
CREATE TABLE old (at timestamptz);
CREATE INDEX ON old (at);
INSERT INTO old SELECT '2025-01-01'::timestamptz + n * interval '1 day' FROM generate_series(0, 89) AS n;
SELECT etl.add_retention_policy('old', 'at', '30 days', batch_rows => 7) \g /dev/null
SELECT etl.create_pipeline('inner') \g /dev/null
SELECT etl.add_step('inner', 'retain', 'CALL etl.run_retention(as_of => etl.as_of())', 'procedure') \g /dev/null
SELECT etl.create_pipeline('outer') \g /dev/null
SELECT etl.add_step('outer', 'inner', 'CALL etl.run_pipeline(''inner'', etl.as_of())', 'procedure') \g /dev/null
SELECT etl.add_step('outer', 'again', 'CALL etl.run_pipeline(''outer'')', 'procedure', '{inner}') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('outer', '2025-03-12')$$), '55P03', NULL,
                 'a pipeline that runs itself');
SELECT is((SELECT min(at) FROM old), '2025-02-10', 'retention by way of two workers');
SELECT results_eq('SELECT kind, name, status FROM etl.runs ORDER BY run_id DESC LIMIT 3',
                  $$VALUES ('retention', 'old', 'succeeded'), ('pipeline', 'inner', 'succeeded'),
                           ('pipeline', 'outer', 'failed')$$, 'each with its run');
SELECT etl.drop_pipeline(pipeline) FROM etl.pipelines \g /dev/null

-- Other sessions -----------------------------------------------------------------------------------------------------

-- Cancelled while a worker works, and while the session itself does
SELECT dblink_connect('other', pg_temp.other()) \g /dev/null
SELECT etl.create_pipeline('slow') \g /dev/null
SELECT etl.add_step('slow', 'wait', 'SELECT pg_advisory_lock(42)', 'procedure') \g /dev/null
SELECT etl.add_step('slow', 'after', 'SELECT 1') \g /dev/null
SELECT pg_advisory_lock(42) \g /dev/null
CREATE PROCEDURE pg_temp.wait() LANGUAGE plpgsql AS $$
BEGIN
    WHILE NOT EXISTS (SELECT FROM locks_here WHERE NOT granted) LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT * FROM dblink('other', 'SELECT pg_backend_pid()') AS r(pid int) \gset
SELECT dblink_send_query('other', 'CALL etl.run_pipeline(''slow'')') \g /dev/null
CALL pg_temp.wait();
SELECT is(pg_temp.steps(), 'wait running, after waiting', 'a run under way is seen');
SELECT results_eq($$SELECT usename::text, application_name, query FROM pg_stat_activity
                    WHERE backend_type = 'pg_etl step'$$,
                  $$VALUES (current_user::text, 'pg_etl slow/wait', 'SELECT pg_advisory_lock(42)')$$, 'its worker too');
SELECT is((SELECT backend_xmin FROM pg_stat_activity WHERE pid = :pid), NULL, 'who waits for it holds no snapshot');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('slow')$$), '55P03', 'pipeline "slow" is being run by another session',
                 'a pipeline is run once at a time');
SELECT pg_cancel_backend(:pid) \g /dev/null
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT matches(dblink_error_message('other'), 'pipeline "slow" was canceled at step "wait"', 'cancel');
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT is(pg_temp.steps(), 'wait failed, after skipped', 'is recorded');
SELECT is_empty($$SELECT FROM pg_stat_activity WHERE backend_type = 'pg_etl step'$$, 'the worker is gone');
SELECT is_empty('SELECT FROM locks_here WHERE pid <> pg_backend_pid()', 'and no lock left');

SELECT etl.alter_step('slow', 'wait', kind => 'sql') \g /dev/null
SELECT dblink_send_query('other', 'CALL etl.run_pipeline(''slow'')') \g /dev/null
CALL pg_temp.wait();
SELECT pg_cancel_backend(:pid) \g /dev/null
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT matches(dblink_error_message('other'), 'pipeline "slow" was canceled at step "wait"',
               'cancel of a step in the session');
SELECT * FROM dblink_get_result('other', false) AS r(status text) \g /dev/null
SELECT is(pg_temp.steps(), 'wait failed, after skipped', 'is recorded');

-- A session that is terminated takes its worker with it; the next run closes what it left.
SELECT etl.alter_step('slow', 'wait', kind => 'procedure') \g /dev/null
SELECT dblink_send_query('other', 'CALL etl.run_pipeline(''slow'')') \g /dev/null
CALL pg_temp.wait();
SELECT pg_terminate_backend(:pid, 10000) \g /dev/null
DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_etl step') LOOP
    PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT dblink_disconnect('other') \g /dev/null
SELECT is((SELECT status FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'running',
          'a session that died cannot record it');
SELECT max(run_id) AS lost FROM etl.runs \gset
SELECT pg_advisory_unlock(42) \g /dev/null
CALL etl.run_pipeline('slow');
SELECT is(pg_temp.steps(), 'wait succeeded, after succeeded', 'the next run goes its way');
SELECT results_eq(format('SELECT status, error FROM etl.step_runs WHERE run_id = %s ORDER BY position', :lost),
                  $$VALUES ('failed', 'the session that ran the pipeline ended before it had finished'),
                           ('skipped', 'the session that ran the pipeline ended before it had finished')$$,
                  'and closes the lost one');
SELECT is((SELECT status FROM etl.runs WHERE run_id = :lost), 'failed', 'as failed');
SELECT etl.drop_pipeline('slow') \g /dev/null

-- A run keeps the definition that it began with.
SELECT etl.create_pipeline('moving') \g /dev/null
SELECT etl.add_step('moving', 'a', 'SELECT etl.alter_step(''moving'', ''b'', ''SELECT 1 / 0'')') \g /dev/null
SELECT etl.add_step('moving', 'b', 'SELECT 1') \g /dev/null
CALL etl.run_pipeline('moving');
SELECT is(pg_temp.steps(), 'a succeeded, b succeeded', 'a run keeps the definition that it began with');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('moving')$$), '22012', NULL, 'the next one takes the new');
SELECT etl.alter_step('moving', 'a', 'SELECT etl.drop_pipeline(''moving'')') \g /dev/null
SELECT etl.alter_step('moving', 'b', 'SELECT 1') \g /dev/null
CALL etl.run_pipeline('moving');
SELECT is(pg_temp.steps(), 'a succeeded, b succeeded', 'even when the pipeline drops itself');
SELECT is_empty('SELECT FROM locks_here', 'and no lock is left');

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_tap_ann LOGIN;
CREATE ROLE etl_tap_team NOLOGIN;
GRANT etl_tap_team TO etl_tap_ann;
CREATE TABLE who (step text, session_role text, acting_role text);
GRANT INSERT ON who TO etl_tap_team, etl_tap_ann;
CREATE PROCEDURE define(pipeline text) LANGUAGE sql AS $$
    SELECT etl.create_pipeline(pipeline);
    SELECT etl.add_step(pipeline, kind, format('INSERT INTO who VALUES (%L, session_user, current_user)', kind), kind)
    FROM unnest('{sql,procedure}'::text[]) AS kind;
$$;
SET ROLE etl_tap_team;
CALL define('team''s');
RESET ROLE;
SET ROLE etl_tap_ann;
CALL define('ann');
RESET ROLE;
-- From PostgreSQL 17 on a worker may act for a role that may not log in.
SELECT current_setting('server_version_num')::int >= 170000 AS any_role \gset
\if :any_role
SELECT pass('a role that may not log in');
SELECT pass('is told so');
\else
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''team''''s'')', 'user=etl_tap_ann options=''-c role=etl_tap_team'''),
                 '28000', NULL, 'a role that may not log in');
SELECT results_eq($$SELECT s.error, s.hint FROM pg_temp.step('procedure') AS s$$,
                  $$VALUES ('role "etl_tap_team" is not permitted to log in', 'ALTER ROLE etl_tap_team LOGIN;')$$,
                  'is told so');
\endif
ALTER ROLE etl_tap_team LOGIN;
TRUNCATE who;
SELECT lives_ok(pg_temp.call('etl.run_pipeline(''team''''s'')', 'user=etl_tap_ann options=''-c role=etl_tap_team'''),
                'a role that the session has taken');
SELECT lives_ok(pg_temp.call('etl.run_pipeline(''ann'')', 'user=etl_tap_ann'), 'the role that logged in');
SELECT results_eq('SELECT * FROM who', $$VALUES ('sql', 'etl_tap_ann', 'etl_tap_team'),
                  ('procedure', 'etl_tap_team', 'etl_tap_team'), ('sql', 'etl_tap_ann', 'etl_tap_ann'),
                  ('procedure', 'etl_tap_ann', 'etl_tap_ann')$$, 'steps act as it, whatever executes them');
SELECT results_eq('SELECT DISTINCT owner FROM etl.step_runs WHERE pipeline = ''team''''s''',
                  $$VALUES ('etl_tap_team'::name)$$, 'and their records are its own');
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''ann'')'), '42501', 'pipeline "ann" belongs to role "etl_tap_ann"',
                 'a superuser runs nobody else''s pipeline');
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''team''''s'')', 'user=etl_tap_ann'), '42704', NULL,
                 'nor does a member of the role that has not become it');
-- What the worker is told to do is looked up with the rights of the caller.
SELECT step_run_id FROM etl.step_run WHERE step = 'procedure' AND owner = 'etl_tap_team'
ORDER BY step_run_id DESC LIMIT 1 \gset
UPDATE etl.step_run SET status = 'running' WHERE step_run_id = :step_run_id;
TRUNCATE who;
SET ROLE etl_tap_ann;
CALL etl._run_in_worker(:step_run_id, 'x', NULL) \g /dev/null
RESET ROLE;
SELECT is_empty('SELECT FROM who', 'a worker executes nobody else''s step');

-- A step cannot become the superuser who runs it as its owner.
CREATE FUNCTION pg_temp.as_ann(action text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', pg_temp.other() || ' options=''-c role=etl_tap_ann''', action)
$$;
SET ROLE etl_tap_ann;
SELECT etl.create_pipeline('escape') \g /dev/null
SELECT etl.add_step('escape', 'reset', 'RESET ROLE') \g /dev/null
SELECT etl.add_step('escape', 'none', 'SET ROLE none; CREATE ROLE etl_tap_root SUPERUSER') \g /dev/null
SELECT etl.add_step('escape', 'login', 'RESET SESSION AUTHORIZATION') \g /dev/null
SELECT etl.add_step('escape', 'local', 'SET LOCAL ROLE none') \g /dev/null
SELECT etl.add_step('escape', 'block', $$DO 'BEGIN PERFORM set_config(''role'', ''none'', false); END'$$) \g /dev/null
SELECT etl.add_step('escape', 'caught', $$DO 'BEGIN
    BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN RESET ROLE; END; END'$$) \g /dev/null
SELECT etl.add_step('escape', 'worker', 'RESET ROLE; RESET SESSION AUTHORIZATION; SET ROLE none;
                    INSERT INTO who VALUES (''worker'', session_user, current_user)', 'procedure') \g /dev/null
SELECT etl.add_step('escape', 'after', $$INSERT INTO who VALUES ('after', '', current_user)$$) \g /dev/null
RESET ROLE;
TRUNCATE who;
SELECT throws_ok(pg_temp.as_ann($$CALL etl.run_pipeline('escape')$$), '42501', NULL, 'steps that reset the role');
SELECT is(pg_temp.steps(), 'reset failed, none failed, login failed, local failed, block failed, caught failed, '
          'worker succeeded, after succeeded', 'fail');
SELECT results_eq($$SELECT DISTINCT sqlstate FROM etl.step_runs WHERE pipeline = 'escape' AND status = 'failed'$$,
                  $$VALUES ('42501')$$, 'as PostgreSQL lets them');
SELECT results_eq('SELECT * FROM who',
                  $$VALUES ('worker', 'etl_tap_ann', 'etl_tap_ann'), ('after', '', 'etl_tap_ann')$$,
                  'and a worker has nothing to go back to');
-- Functions with their definer's rights work in a step, and the session is its own again.
CREATE FUNCTION definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user';
SET ROLE etl_tap_ann;
SELECT etl.create_pipeline('fine') \g /dev/null
SELECT etl.add_step('fine', 'definer', $$INSERT INTO who VALUES ('fine', definer(), current_user)$$) \g /dev/null
CALL etl.run_pipeline('fine');
SELECT is(current_user::text, 'etl_tap_ann', 'the role is what it was');
RESET ROLE;
SELECT is(current_user, session_user, 'and can be reset after the call');
SELECT results_eq($$SELECT session_role = session_user, acting_role FROM who WHERE step = 'fine'$$,
                  $$VALUES (true, 'etl_tap_ann')$$, 'a definer''s rights within a step');

-- What is left of a role that got another name is removed by a superuser.
ALTER ROLE etl_tap_ann RENAME TO etl_tap_anna;
SELECT lives_ok($$SELECT etl.drop_pipeline('escape'), etl.unschedule_pipeline('fine')$$, 'a superuser removes');
SELECT throws_ok($$SELECT etl.add_step('fine', 'more', 'SELECT')$$, '42501', NULL, 'and does not change');
UPDATE etl.pipeline SET owner = 'etl_tap_anna' WHERE owner = 'etl_tap_ann';
UPDATE etl.run SET owner = 'etl_tap_anna' WHERE owner = 'etl_tap_ann';
SELECT lives_ok(pg_temp.call('etl.run_pipeline(''fine'')', 'options=''-c role=etl_tap_anna'''), 'a new owner runs it');
ALTER ROLE etl_tap_anna RENAME TO etl_tap_ann;

DROP OWNED BY etl_tap_ann, etl_tap_team;
DROP ROLE etl_tap_ann, etl_tap_team;
-- A procedure step that leaves the session in a state in which nothing can be written is recorded all the same.
SELECT lives_ok($$SELECT etl.create_pipeline('settings'), etl.add_step('settings', 'one',
    'SET default_transaction_read_only = on; SET row_security = off', kind => 'procedure')$$,
    'a step that changes settings');
CALL etl.run_pipeline('settings');
SELECT is((SELECT s.status FROM etl.step_runs AS s WHERE s.pipeline = 'settings'), 'succeeded', 'is recorded');
SELECT throws_ok($$DO 'DECLARE said text; BEGIN CALL etl._run_in_worker(1, ''x'', said); END'$$, '2D000', NULL,
                 'the worker cannot be started inside a function');

SELECT * FROM finish();
