-- Pipelines and the roles that they run as: nothing that a step says gets it other rights than those of its role, and
-- nobody executes or records steps of others. A second session comes by dblink.
CREATE EXTENSION dblink;
SELECT plan(53);
SET client_min_messages = error;

CREATE TEMPORARY VIEW locks_here AS
SELECT l.* FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database();
CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
CREATE FUNCTION pg_temp.call(procedure text, options text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', concat_ws(' ', pg_temp.other(), options), 'CALL ' || procedure)
$$;
CREATE FUNCTION pg_temp.last_run() RETURNS bigint LANGUAGE sql AS $$ SELECT max(run_id) FROM etl.pipeline_run $$;
CREATE FUNCTION pg_temp.step(step text) RETURNS etl.step_run LANGUAGE sql AS $$
    SELECT s FROM etl.step_run AS s WHERE s.step = step.step AND s.run_id = pg_temp.last_run()
$$;
CREATE FUNCTION pg_temp.outcomes() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s.step, s.attempt, s.status, s.sqlstate)
    FROM etl.step_run AS s WHERE s.run_id = pg_temp.last_run() ORDER BY s.position
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

CREATE ROLE etl_tap_ann LOGIN;
CREATE ROLE etl_tap_bob LOGIN;
CREATE ROLE etl_tap_team NOLOGIN;
CREATE ROLE etl_tap_gone LOGIN;
GRANT etl_tap_team, etl_tap_gone TO etl_tap_ann;
CREATE TABLE who (step text, session_role text DEFAULT session_user, acting_role text DEFAULT current_user);
GRANT SELECT, INSERT ON who TO PUBLIC;
CREATE FUNCTION definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user';
CREATE PROCEDURE define(pipeline text, parallel int) LANGUAGE sql AS $$
    SELECT etl.create_pipeline(pipeline, max_parallel => parallel, on_failure => 'continue');
    SELECT etl.add_step(pipeline, kind, format('INSERT INTO who VALUES (%L)', kind), kind,
                        "check" => 'EXISTS (SELECT FROM who WHERE acting_role = current_user)')
    FROM unnest('{sql,procedure,toplevel}'::text[]) AS kind;
$$;

-- Who acts -----------------------------------------------------------------------------------------------------------

SET ROLE etl_tap_team;
CALL define('team''s', 1);
RESET ROLE;
SET ROLE etl_tap_ann;
CALL define('ann', 1);
CALL define('ann in workers', 4);
RESET ROLE;
-- From PostgreSQL 17 on a worker may act for a role that may not log in.
SELECT current_setting('server_version_num')::int >= 170000 AS any_role \gset
\if :any_role
SELECT pass('a role that may not log in');
SELECT pass('is told so');
SELECT pass('but executes what needs no worker');
\else
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''team''''s'')', 'user=etl_tap_ann options=''-c role=etl_tap_team'''),
                 '28000', NULL, 'a role that may not log in');
SELECT results_eq($$SELECT s.error, s.hint FROM pg_temp.step('procedure') AS s$$,
                  $$VALUES ('role "etl_tap_team" is not permitted to log in', 'ALTER ROLE etl_tap_team LOGIN;')$$,
                  'is told so');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', $$VALUES ('sql 1 succeeded'), ('procedure 1 failed 28000'),
                  ('toplevel 1 failed 28000')$$, 'but executes what needs no worker');
\endif
ALTER ROLE etl_tap_team LOGIN;
TRUNCATE who;
SELECT lives_ok(pg_temp.call('etl.run_pipeline(''team''''s'')', 'user=etl_tap_ann options=''-c role=etl_tap_team'''),
                'a role that the session has taken');
SELECT lives_ok(pg_temp.call('etl.run_pipeline(''ann'')', 'user=etl_tap_ann'), 'the role that logged in');
SELECT lives_ok(pg_temp.call('etl.run_pipeline(''ann in workers'')', 'options=''-c role=etl_tap_ann'''),
                'a superuser that has become it');
SELECT set_eq('SELECT * FROM who', $$VALUES ('sql', 'etl_tap_ann', 'etl_tap_team'), ('procedure', 'etl_tap_team',
    'etl_tap_team'),
              ('toplevel', 'etl_tap_team', 'etl_tap_team'), ('sql', 'etl_tap_ann', 'etl_tap_ann'),
              ('procedure', 'etl_tap_ann', 'etl_tap_ann'), ('toplevel', 'etl_tap_ann', 'etl_tap_ann')$$,
              'steps act as it, whatever executes them');
SELECT results_eq($$SELECT DISTINCT s.owner FROM etl.step_run AS s JOIN etl.run AS r USING (run_id)
                    WHERE r.name = 'team''s'$$,
                  $$VALUES ('etl_tap_team'::name)$$, 'and their records are its own');
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''ann'')'), '42501', 'pipeline "ann" belongs to role "etl_tap_ann"',
                 'a superuser runs nobody else''s pipeline');
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''team''''s'')', 'user=etl_tap_ann'), '42704', NULL,
                 'nor does a member of the role that has not become it');

-- A step as another role
TRUNCATE who;
SET ROLE etl_tap_ann;
SELECT etl.create_pipeline('acts', on_failure => 'continue') \g /dev/null
SELECT etl.add_step('acts', kind, format('INSERT INTO who VALUES (%L)', kind), kind, run_as => 'etl_tap_team',
                    "check" => 'current_user = ''etl_tap_team''')
FROM unnest('{sql,procedure,toplevel}'::text[]) AS kind \g /dev/null
SELECT etl.add_step('acts', 'cursor', 'DECLARE c CURSOR WITH HOLD FOR SELECT definer()', run_as => 'etl_tap_team')
    \g /dev/null
SELECT etl.add_step('acts', 'owner', 'INSERT INTO who VALUES (''owner'')') \g /dev/null
SELECT etl.add_step('acts', 'reset', 'RESET ROLE', run_as => 'etl_tap_team') \g /dev/null
SELECT etl.add_step('acts', 'own', 'SET ROLE etl_tap_ann', 'procedure', run_as => 'etl_tap_team') \g /dev/null
RESET ROLE;
PREPARE acts AS VALUES ('sql 1 succeeded'), ('procedure 1 succeeded'), ('toplevel 1 succeeded'),
    ('cursor 1 failed 0A000'),
    ('owner 1 succeeded'), ('reset 1 failed 42501'), ('own 1 failed 42501');
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''acts'')', 'user=etl_tap_ann'), '0A000', NULL,
    'steps as another role');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', 'acts', 'succeed, and cannot leave it');
SELECT set_eq('SELECT * FROM who', $$VALUES ('sql', 'etl_tap_ann', 'etl_tap_team'), ('procedure', 'etl_tap_team',
    'etl_tap_team'),
              ('toplevel', 'etl_tap_team', 'etl_tap_team'), ('owner', 'etl_tap_ann', 'etl_tap_ann')$$,
              'they act as it');
UPDATE etl.pipeline SET max_parallel = 1 WHERE name = 'acts';
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''acts'')', 'user=etl_tap_ann'), '0A000', NULL, 'in the session');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', 'acts', 'they go the same way');
REVOKE etl_tap_team FROM etl_tap_ann;
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''acts'')', 'user=etl_tap_ann'), '42501',
                 'pipeline "acts" failed at step "sql"', 'a role that is not to be had any more');
SELECT results_eq($$SELECT s.step, s.attempt, s.status, s.sqlstate, s.error FROM etl.step_run AS s
                    WHERE s.run_id = pg_temp.last_run() AND s.step IN ('sql', 'procedure',
                    'owner') ORDER BY s.position$$,
                  $$VALUES ('sql', 1, 'failed', '42501', 'role "etl_tap_ann" may not act as role "etl_tap_team"'),
                           ('procedure', 1, 'failed', '42501', 'role "etl_tap_ann" may not act as role "etl_tap_team"'),
                           ('owner', 1, 'succeeded', NULL, NULL)$$, 'fails its steps');
UPDATE etl.pipeline SET max_parallel = 4 WHERE name = 'acts';
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''acts'')', 'user=etl_tap_ann'), '42501', NULL, 'also in workers');
SELECT is((SELECT string_agg(DISTINCT s.sqlstate, ' ') FROM etl.step_run AS s WHERE s.run_id = pg_temp.last_run()),
    '42501',
          'with the same error');
GRANT etl_tap_team TO etl_tap_ann;

-- Roles and privileges that go between definition and run
TRUNCATE who;
SET ROLE etl_tap_ann;
SELECT etl.create_pipeline('goes', on_failure => 'continue') \g /dev/null
SELECT etl.add_step('goes', kind, 'SELECT', kind, run_as => 'etl_tap_gone')
    FROM unnest('{sql,procedure}'::text[]) AS kind \g /dev/null
SELECT etl.add_step('goes', 'table', 'INSERT INTO who VALUES (''table'')') \g /dev/null
RESET ROLE;
DROP ROLE etl_tap_gone;
REVOKE INSERT ON who FROM PUBLIC;
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''goes'')', 'user=etl_tap_ann'), '42704',
    'pipeline "goes" failed at step "sql"',
                 'a role that was dropped');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()',
                  $$VALUES ('sql 1 failed 42704'), ('procedure 1 failed 42704'), ('table 1 failed 42501')$$,
                  'fails its steps');
GRANT INSERT ON who TO PUBLIC;
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()) \gexec
GRANT etl_tap_ann TO etl_tap_bob;
SELECT format('GRANT CONNECT ON DATABASE %I TO etl_tap_bob', current_database()) \gexec
SELECT throws_ok(pg_temp.call('etl.run_pipeline(''ann in workers'')',
    'user=etl_tap_bob options=''-c role=etl_tap_ann'''),
                 '42501', 'pipeline "ann in workers" failed at step "procedure"', 'a role that may not connect');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()',
                  $$VALUES ('sql 1 succeeded'), ('procedure 1 failed 42501'), ('toplevel 1 failed 42501')$$,
                  'executes what needs no worker');
SELECT format('GRANT CONNECT ON DATABASE %I TO PUBLIC', current_database()) \gexec
REVOKE etl_tap_ann FROM etl_tap_bob;

-- A step cannot become the superuser who runs it as its owner.
CREATE FUNCTION become_root() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET ROLE none;
    CREATE ROLE etl_tap_root SUPERUSER;
END $$;
-- Its second firing is put off once more, when nobody looks any longer.
CREATE TABLE fuse (n int);
GRANT INSERT ON fuse TO PUBLIC;
CREATE FUNCTION burn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.n > 1 THEN
        SET CONSTRAINTS ALL DEFERRED;
        INSERT INTO public.fuse VALUES (NEW.n - 1);
    ELSE
        PERFORM public.become_root();
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER burn AFTER INSERT ON fuse DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION burn();
CREATE FUNCTION pg_temp.as_ann(action text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', pg_temp.other() || ' options=''-c role=etl_tap_ann''', action)
$$;
SET ROLE etl_tap_ann;
SELECT etl.create_pipeline('escape', on_failure => 'continue', max_parallel => 1) \g /dev/null
SELECT etl.add_step('escape', name, 'SELECT')
FROM unnest('{reset,none,login,local,block,caught,check,cursor,deferred,path,temporary,after}'::text[]) AS name
    \g /dev/null
SELECT etl.add_step('escape', 'worker', 'RESET ROLE; RESET SESSION AUTHORIZATION; SET ROLE none;
                    INSERT INTO who VALUES (''worker'')', 'procedure') \g /dev/null
UPDATE etl.step AS s SET action = v.action
FROM (VALUES ('reset', 'RESET ROLE'), ('none', 'SET ROLE none; CREATE ROLE etl_tap_root SUPERUSER'),
             ('login', 'RESET SESSION AUTHORIZATION'), ('local', 'SET LOCAL ROLE none'),
             ('block', $$DO 'BEGIN PERFORM set_config(''role'', ''none'', false); END'$$),
             ('caught', $$DO 'BEGIN
                BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN RESET ROLE; END; END'$$),
             -- Put off to the commit
             ('cursor', 'DECLARE c CURSOR WITH HOLD FOR SELECT become_root()'),
             ('deferred', 'INSERT INTO fuse VALUES (1)'),
             -- Names that the engine might look for in the wrong place
             ('path', $$CREATE SCHEMA IF NOT EXISTS etl_tap_mine; SET search_path = etl_tap_mine, pg_catalog$$),
             ('temporary', $$CREATE FUNCTION pg_temp.format(text, text) RETURNS text LANGUAGE sql AS
                'SELECT ''escaped''::text';
                CREATE TEMPORARY TABLE step_run (x int); CREATE TEMPORARY TABLE run (x int)$$),
             ('after', 'INSERT INTO who VALUES (''after'', '''')')) AS v(name, action)
WHERE s.name = v.name;
UPDATE etl.step SET "check" = 'set_config(''role'', ''none'', false) IS NOT NULL' WHERE name = 'check';
RESET ROLE;
GRANT CREATE ON SCHEMA public TO etl_tap_ann;
SELECT format('GRANT CREATE ON DATABASE %I TO etl_tap_ann', current_database()) \gexec
TRUNCATE who;
SELECT throws_ok(pg_temp.as_ann($$CALL etl.run_pipeline('escape')$$), '42501', NULL, 'steps that reset the role');
PREPARE escapes AS VALUES ('reset 1 failed 42501'), ('none 1 failed 42501'), ('login 1 failed 42501'),
    ('local 1 failed 42501'),
    ('block 1 failed 42501'), ('caught 1 failed 42501'), ('check 1 failed 42501'), ('cursor 1 failed 0A000'),
    ('deferred 1 failed 42501'), ('path 1 succeeded'),
    ('temporary 1 succeeded'), ('after 1 succeeded'), ('worker 1 succeeded');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', 'escapes', 'fail');
SELECT set_eq('SELECT * FROM who',
              $$VALUES ('worker', 'etl_tap_ann', 'etl_tap_ann'), ('after', '', 'etl_tap_ann')$$,
              'and a worker has nothing to go back to');
UPDATE etl.pipeline SET max_parallel = 4 WHERE name = 'escape';
SELECT throws_ok(pg_temp.as_ann($$CALL etl.run_pipeline('escape')$$), '42501', NULL, 'in workers');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', 'escapes', 'they go the same way');
-- What puts itself off to the commit fails the transaction that would record the step.
SET ROLE etl_tap_ann;
SELECT etl.create_pipeline('put off', max_parallel => 2) \g /dev/null
SELECT etl.add_step('put off', 'twice', 'INSERT INTO fuse VALUES (2)') \g /dev/null
RESET ROLE;
SELECT throws_ok(pg_temp.as_ann($$CALL etl.run_pipeline('put off')$$), '42501',
    'pipeline "put off" failed at step "twice"',
                 'a trigger that puts itself off, in a worker');
UPDATE etl.pipeline SET max_parallel = 1 WHERE name = 'put off';
SELECT throws_ok(pg_temp.as_ann($$CALL etl.run_pipeline('put off')$$), '42501',
    'pipeline "put off" failed at step "twice"', 'and in the session');
SELECT results_eq($$SELECT error, hint FROM pg_temp.step('twice')$$,
                  $$VALUES ('cannot set parameter "role" within security-definer function',
                            'A step acts as one role, here "etl_tap_ann", and cannot leave it; another one is given by '
                            'etl.alter_step(..., run_as => ...).')$$, 'is told why');
SELECT is_empty('SELECT FROM fuse', 'has no effect');
SELECT is((SELECT count(*) FROM pg_roles WHERE rolname = 'etl_tap_root'), 0::bigint, 'nobody became a superuser');

-- Deferred work is done as the role of the step too, and triggers of others as its own.
SET ROLE etl_tap_ann;
CREATE TABLE etl_tap_mine.queue (n int);
CREATE FUNCTION etl_tap_mine.later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.who VALUES ('deferred', '');
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON etl_tap_mine.queue DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION etl_tap_mine.later();
SELECT etl.create_pipeline('fine', max_parallel => 1) \g /dev/null
SELECT etl.add_step('fine', 'definer', $$INSERT INTO who VALUES ('fine', definer(), current_user)$$) \g /dev/null
SELECT etl.add_step('fine', 'deferred', $$INSERT INTO etl_tap_mine.queue VALUES (1)$$) \g /dev/null
RESET ROLE;
TRUNCATE who;
SET ROLE etl_tap_ann;
CALL etl.run_pipeline('fine');
SELECT is(current_user::text, 'etl_tap_ann', 'the role is what it was');
RESET ROLE;
SELECT is(current_user, session_user, 'and can be reset after the call');
SELECT set_eq($$SELECT step, session_role, acting_role FROM who$$,
              $$VALUES ('fine', session_user::text, 'etl_tap_ann'), ('deferred', '', 'etl_tap_ann')$$,
              'a definer''s rights within a step, and what it puts off');

-- Forged calls of what the engine calls ------------------------------------------------------------------------------

-- A step of the superuser's that is running, whose record bob would like to have executed or ended.
SELECT etl.create_pipeline('mine', max_parallel => 1) \g /dev/null
SELECT etl.add_step('mine', 'one', 'INSERT INTO who VALUES (''mine'')', 'procedure') \g /dev/null
CALL etl.run_pipeline('mine');
SELECT run_id, step_run_id FROM etl.step_run WHERE run_id = pg_temp.last_run() \gset
UPDATE etl.step_run SET status = 'running', worker_pid = NULL WHERE step_run_id = :step_run_id;
TRUNCATE who;
SELECT format('user=etl_tap_bob dbname=%s host=%s', current_database(),
    current_setting('unix_socket_directories')) AS bob \gset
SELECT dblink_connect('bob', :'bob') \g /dev/null
SELECT throws_ok(format('SELECT * FROM dblink(''bob'', %L) AS r(x text)', 'SELECT ' || call), '42501', NULL, 'forged: '
    || call)
FROM unnest(ARRAY[
    format('etl._start_step_worker(%s, 1, ''x'', %L)', :step_run_id, session_user),
    format('etl._start_runner(%L)', session_user),
    format('etl._execute_step(''SELECT 1'', %L, ''public'', NULL, NULL)', session_user),
    'etl._execute_step(''SELECT 1'', ''etl_tap_ann'', ''public'', NULL, NULL)']) AS call;
SELECT throws_ok(format('SELECT * FROM dblink(''bob'', %L) AS r(x text)', 'SELECT ' || call), state, NULL, 'forged: '
    || call)
FROM (VALUES (format('etl._finish_step(%s, 1, 5)', :step_run_id), '55000'),
             ('etl._start_runner(''nobody'')', '42704'),
             ('etl._next_steps(NULL, NULL, NULL)', NULL)) AS v(call, state);
SELECT * FROM dblink('bob', format('SELECT etl._start_step_worker(%s, 1, ''x'', ''etl_tap_bob'')', :step_run_id))
    AS r(started bool);
SELECT * FROM dblink('bob',
    format('SELECT etl._fail_step(%s, 1, ''P0001'', ''forged'')::text || etl._take_run(%s)::text',
                                   :step_run_id, :run_id)) AS r(x text) \g /dev/null
CALL pg_temp.wait_for($$NOT EXISTS (SELECT FROM pg_stat_activity
                                    WHERE backend_type = 'pg_etl step' AND datname = current_database())$$);
SELECT results_eq(format('SELECT s.status, s.error, s.worker_pid FROM etl.step_run AS s WHERE s.step_run_id = %s',
    :step_run_id),
                  $$VALUES ('running', NULL::text, NULL::int)$$, 'the record of others is not touched');
SELECT is_empty('SELECT FROM who', 'nor their steps executed');
SELECT is_empty($$SELECT FROM dblink('bob', 'SELECT * FROM etl._next_steps(1, true, 5)') AS r(a int, b text, c bool)$$,
                'nor looked at');
SELECT lives_ok($$SELECT dblink_exec('bob', 'CALL etl._end_workers()')$$, 'who has no workers may end them');
SELECT dblink_disconnect('bob') \g /dev/null
SELECT throws_ok($$DO 'DECLARE said text; BEGIN CALL etl._await_workers(1, said); END'$$, '2D000', NULL,
                 'workers are not waited for inside a function');
SELECT throws_ok($$DO 'BEGIN CALL etl._end_workers(); END'$$, '2D000', NULL, 'nor ended');
UPDATE etl.step_run SET status = 'succeeded' WHERE step_run_id = :step_run_id;

-- What is left of a role that got another name is removed by a superuser.
ALTER ROLE etl_tap_ann RENAME TO etl_tap_anna;
SELECT lives_ok($$SELECT etl.drop_pipeline('escape')$$, 'a superuser removes');
SELECT throws_ok($$SELECT etl.add_step('fine', 'more', 'SELECT')$$, '42501', NULL, 'and does not change');
UPDATE etl.pipeline SET owner = 'etl_tap_anna' WHERE owner = 'etl_tap_ann';
UPDATE etl.run SET owner = 'etl_tap_anna' WHERE owner = 'etl_tap_ann';
SELECT lives_ok(pg_temp.call('etl.run_pipeline(''fine'')', 'options=''-c role=etl_tap_anna'''), 'a new owner runs it');
ALTER ROLE etl_tap_anna RENAME TO etl_tap_ann;
SELECT is_empty('SELECT FROM locks_here', 'no lock is left');

DROP OWNED BY etl_tap_ann, etl_tap_team, etl_tap_bob;
DROP ROLE etl_tap_ann, etl_tap_team, etl_tap_bob;
SELECT * FROM finish();
