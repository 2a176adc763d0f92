-- Runs of pipelines with known answers: order, parallel workers, what follows a failure, odd actions, procedures, what
-- steps leave behind, checks, parameters, one run at a time. No transaction around the file, because etl.run_pipeline
-- commits. A second session comes by dblink.
CREATE EXTENSION dblink;
SELECT plan(87);
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- Advisory locks of this database: other files run beside this one, in others.
CREATE TEMPORARY VIEW locks_here AS
SELECT l.* FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database();
CREATE TEMPORARY VIEW workers_here AS
SELECT a.* FROM pg_stat_activity AS a WHERE a.backend_type = 'pg_etl step' AND a.datname = current_database();
CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
-- The procedure called at the top level of another session, so that its error can be compared.
CREATE FUNCTION pg_temp.call(procedure text, options text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', concat_ws(' ', pg_temp.other(), options), 'CALL ' || procedure)
$$;
CREATE FUNCTION pg_temp.last_run() RETURNS bigint LANGUAGE sql AS $$ SELECT max(run_id) FROM etl.pipeline_run $$;
CREATE FUNCTION pg_temp.steps() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(s.step || ' ' || s.status, ', ' ORDER BY s.position)
    FROM etl.step_run AS s WHERE s.run_id = pg_temp.last_run()
$$;
CREATE FUNCTION pg_temp.step(step text) RETURNS etl.step_run LANGUAGE sql AS $$
    SELECT s FROM etl.step_run AS s WHERE s.step = step.step AND s.run_id = pg_temp.last_run()
$$;
CREATE FUNCTION pg_temp.run() RETURNS etl.run LANGUAGE sql AS $$
    SELECT r FROM etl.run AS r WHERE r.run_id = pg_temp.last_run()
$$;
CREATE FUNCTION pg_temp.drop_all() RETURNS void LANGUAGE sql AS $$
    SELECT etl.drop_pipeline(p.name) FROM etl.pipeline AS p
$$;
CREATE TABLE done (n int GENERATED ALWAYS AS IDENTITY, what text, pid int DEFAULT pg_backend_pid(),
                   xid xid8 DEFAULT pg_current_xact_id(), as_of timestamptz DEFAULT etl.as_of());
CREATE FUNCTION pg_temp.done() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(what, ' ' ORDER BY n) FROM done $$;

-- Order --------------------------------------------------------------------------------------------------------------

-- A diamond, its bottom added before its last side
SELECT etl.create_pipeline('diamond', max_parallel => 1) \g /dev/null
SELECT etl.add_step('diamond', name, format('INSERT INTO done (what) VALUES (%L)', name), depends_on => needs)
FROM (VALUES ('top', '{}'::text[]), ('left', '{top}'), ('bottom', '{left}'), ('right', '{top}'), ('alone', '{}'))
    AS s(name, needs) \g /dev/null
SELECT etl.alter_step('diamond', 'bottom', depends_on => '{left,right}') \g /dev/null
CALL etl.run_pipeline('diamond', '2025-02-03 04:05:06.789012+00');
SELECT is(pg_temp.done(), 'top alone left right bottom', 'each step after those that it needs');
SELECT is(pg_temp.steps(), 'top succeeded, alone succeeded, left succeeded, right succeeded, bottom succeeded',
          'which is recorded');
SELECT is((SELECT count(DISTINCT xid) FROM done), 5::bigint, 'each in its own transaction');
SELECT is((SELECT count(*) FROM done WHERE pid = pg_backend_pid()), 5::bigint,
          'in the session that calls, with max_parallel 1');
SELECT results_eq('SELECT DISTINCT as_of FROM done', $$VALUES ('2025-02-03 04:05:06.789012+00'::timestamptz)$$,
                  'as of the moment that was given');
SELECT is(etl.as_of(), now(), 'which is over afterwards');
SELECT results_eq('SELECT r.status, r.rows, r.detail, r.error, r.as_of FROM pg_temp.run() AS r',
                  $$VALUES ('succeeded', 5::bigint, '{"steps": 5, "succeeded": 5, "failed": 0, "skipped": 0,
                            "cancelled": 0}'::jsonb, NULL::text, '2025-02-03 04:05:06.789012+00'::timestamptz)$$,
                  'the run');
SELECT results_eq('SELECT event FROM etl.run_event ORDER BY event_id', $$VALUES ('queued'), ('started'),
    ('succeeded')$$,
                  'and its events');
TRUNCATE done RESTART IDENTITY;
CALL etl.run_pipeline('diamond', '2025-02-03 04:05:06.789012+00');
SELECT is_empty('SELECT FROM done', 'a run that has ended is not run again');
SELECT is((SELECT count(*) FROM etl.pipeline_run), 1::bigint, 'nor recorded again');
SELECT etl.alter_pipeline('diamond', max_parallel => 4) \g /dev/null
CALL etl.run_pipeline('diamond');
SELECT is(replace(replace(pg_temp.done() || ' ', 'alone ', ''), 'right left', 'left right'), 'top left right bottom ',
          'in parallel the order is the same');
SELECT is((SELECT count(DISTINCT pid) FROM done WHERE pid <> pg_backend_pid()), 5::bigint,
    'with a worker for each step');
SELECT is((SELECT bool_and(d.pid = s.worker_pid) FROM done AS d JOIN etl.step_run AS s ON s.step = d.what
           WHERE s.run_id = pg_temp.last_run()), true, 'whose process id is recorded');
TRUNCATE done RESTART IDENTITY;
SET pg_etl.use_workers = off;
CALL etl.run_pipeline('diamond');
RESET pg_etl.use_workers;
SELECT is(pg_temp.done(), 'top alone left right bottom', 'without workers the session does it, one by one');
SELECT is((SELECT count(*) FROM done WHERE pid = pg_backend_pid()), 5::bigint, 'all of it');

-- Two at a time: never three, and two at some time.
CREATE TABLE span (step int, began timestamptz, ended timestamptz);
SELECT etl.create_pipeline('two', max_parallel => 2) \g /dev/null
SELECT etl.add_step('two', 's' || n, format('INSERT INTO span SELECT %s, clock_timestamp();
       SELECT pg_sleep(0.05); UPDATE span SET ended = clock_timestamp() WHERE step = %s', n, n))
FROM generate_series(1, 7) AS n \g /dev/null
CALL etl.run_pipeline('two');
SELECT is((SELECT max((SELECT count(*) FROM span AS o WHERE o.began <= s.began AND o.ended > s.began)) FROM span AS s),
          2::bigint, 'as many at once as max_parallel allows');
SELECT is((SELECT count(*) FROM span WHERE ended IS NOT NULL), 7::bigint, 'and all of them');

-- A long chain, and a wide graph
SELECT etl.create_pipeline('chain', max_parallel => 1) \g /dev/null
SELECT etl.create_pipeline('grid', max_parallel => 1) \g /dev/null
DO $$ BEGIN
    FOR n IN 1 .. 120 LOOP
        PERFORM etl.add_step('chain', 's' || n, 'SELECT ' || n,
                             depends_on => CASE n WHEN 1 THEN '{}' ELSE ARRAY['s' || n - 1] END);
        PERFORM etl.add_step('grid', 'g' || n, 'SELECT', depends_on => ARRAY(
            SELECT 'g' || m FROM generate_series((n - 1) / 10 * 10 - 9, (n - 1) / 10 * 10) AS m WHERE m > 0));
    END LOOP;
END $$;
CALL etl.run_pipeline('chain');
SELECT is((SELECT string_agg(step, ' ' ORDER BY position) FROM etl.step_run WHERE run_id = pg_temp.last_run()),
          (SELECT string_agg('s' || n, ' ' ORDER BY n) FROM generate_series(1, 120) AS n), 'a long chain');
CALL etl.run_pipeline('grid');
SELECT is((pg_temp.run()).detail ->> 'succeeded', '120', 'a wide graph');
SELECT is((SELECT bool_and(b.position > a.position AND b.started_at >= a.finished_at)
           FROM etl.step_run AS a, etl.step_run AS b
           WHERE a.run_id = pg_temp.last_run() AND b.run_id = a.run_id AND a.step = ANY (b.depends_on)), true,
          'in an order that fits');
SELECT pg_temp.drop_all() \g /dev/null
SELECT is((SELECT count(*) FROM etl.step_run WHERE run_id = pg_temp.last_run()), 120::bigint,
          'records outlive the pipeline');
DELETE FROM etl.run;
SELECT is_empty('SELECT FROM etl.step_run', 'and go with the run');

-- Failures -----------------------------------------------------------------------------------------------------------

--   a -> b (fails) -> c -> d      e -> f (fails)      d also needs e; g needs nothing
CREATE PROCEDURE define_broken(name text, on_failure text, max_parallel int) LANGUAGE sql AS $define$
    SELECT etl.create_pipeline(name, on_failure => on_failure, max_parallel => max_parallel);
    SELECT etl.add_step(define_broken.name, s.name, s.action, depends_on => s.needs)
    FROM (VALUES ('a', 'INSERT INTO done (what) VALUES (''a'')', '{}'::text[]),
                 ('b', 'INSERT INTO done (what) VALUES (''b''); SELECT 1 / 0', '{a}'),
                 ('c', 'INSERT INTO done (what) VALUES (''c'')', '{b}'),
                 ('e', 'INSERT INTO done (what) VALUES (''e'')', '{}'),
                 ('d', 'INSERT INTO done (what) VALUES (''d'')', '{c,e}'),
                 ('f', 'DO $do$ BEGIN RAISE EXCEPTION USING ERRCODE = ''P0042'', MESSAGE = ''no'', DETAIL = ''why'',
                        HINT = ''how''; END $do$', '{e}'),
                 ('g', 'INSERT INTO done (what) VALUES (''g''), (''g'')', '{}')) AS s(name, action, needs)
$define$;
CALL define_broken('broken', 'continue', 1);
CALL define_broken('parallel', 'continue', 3);
TRUNCATE done RESTART IDENTITY;
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('broken')$$), '22012', 'pipeline "broken" failed at step "b"',
                 'the first failure is raised under its SQLSTATE');
SELECT is(pg_temp.steps(), 'a succeeded, e succeeded, g succeeded, b failed, f failed, c skipped, d skipped',
          'what needs a failed step is skipped, also by way of others, and nothing else');
SELECT is((SELECT string_agg(what, ' ' ORDER BY what) FROM done), 'a e g g', 'a failed step leaves nothing');
SELECT results_eq($$SELECT s.rows, s.sqlstate, s.error, s.attempt FROM pg_temp.step('b') AS s WHERE context ~ '1 / 0'$$,
                  $$VALUES (NULL::bigint, '22012', 'division by zero', 1)$$, 'its error, which is not tried again');
SELECT results_eq($$SELECT s.sqlstate, s.error, s.detail, s.hint FROM pg_temp.step('f') AS s$$,
                  $$VALUES ('P0042', 'no', 'why', 'how')$$, 'with all its parts');
SELECT results_eq($$SELECT s.error, s.started_at, s.attempt FROM pg_temp.step('d') AS s$$,
                  $$VALUES ('step "c", which it needs, was skipped', NULL::timestamptz, 0)$$, 'why a step was skipped');
SELECT results_eq('SELECT r.status, r.detail, r.error FROM pg_temp.run() AS r',
                  $$VALUES ('failed', '{"steps": 7, "succeeded": 3, "failed": 2, "skipped": 2, "cancelled": 0}'::jsonb,
                            'step "b": division by zero')$$, 'the run');
SELECT is((pg_temp.step('g')).rows, 2::bigint, 'rows of the last statement');
CREATE TEMPORARY TABLE serial AS
SELECT s.step, s.status, s.attempt, s.rows, s.sqlstate, s.error, s.detail, s.hint
FROM etl.step_run AS s WHERE s.run_id = pg_temp.last_run();
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('parallel')$$), '22012', 'pipeline "parallel" failed at step "b"',
                 'workers raise the same error');
SELECT set_eq('SELECT s.step, s.status, s.attempt, s.rows, s.sqlstate, s.error, s.detail, s.hint
               FROM etl.step_run AS s WHERE s.run_id = pg_temp.last_run()', 'SELECT * FROM serial',
              'and leave the same record');

-- A pipeline that stops: what is under way or needs no success ends, nothing else begins.
TRUNCATE done RESTART IDENTITY;
SELECT etl.create_pipeline('stops', max_parallel => 1) \g /dev/null
SELECT etl.add_step('stops', 'before', $$INSERT INTO done (what) VALUES ('before')$$) \g /dev/null
SELECT etl.add_step('stops', 'bad', 'SELECT 1 / 0') \g /dev/null
SELECT etl.add_step('stops', 'apart', $$INSERT INTO done (what) VALUES ('apart')$$) \g /dev/null
SELECT etl.add_step('stops', 'alert', $$INSERT INTO done (what) VALUES ('alert')$$, depends_on => '{bad}',
                    run_if => 'any_failed') \g /dev/null
SELECT etl.add_step('stops', 'clean', $$INSERT INTO done (what) VALUES ('clean')$$, depends_on => '{apart,alert}',
                    run_if => 'all_done') \g /dev/null
SELECT etl.add_step('stops', 'calm', $$INSERT INTO done (what) VALUES ('calm')$$, depends_on => '{before}',
                    run_if => 'any_failed') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('stops')$$), '22012', NULL, 'a pipeline that stops at a failure');
SELECT is(pg_temp.steps(),
    'before succeeded, bad failed, apart skipped, alert succeeded, calm skipped, clean succeeded',
          'executes what is to follow a failure or any end, and nothing else');
SELECT is(pg_temp.done(), 'before alert clean', 'in that order');
SELECT results_eq($$SELECT s.step, s.error FROM etl.step_run AS s
                    WHERE s.run_id = pg_temp.last_run() AND s.status = 'skipped' ORDER BY s.position$$,
                  $$VALUES ('apart', 'step "bad" failed, and the pipeline stops at a failure'),
                           ('calm', 'no step that it needs failed')$$, 'and says why');
SELECT pg_temp.drop_all() \g /dev/null

-- Odd actions
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'too late' USING ERRCODE = 'P0044';
END $$;
CREATE TABLE slow_fuse (n int);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON slow_fuse DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION late();
CREATE PROCEDURE define_odd(name text, max_parallel int) LANGUAGE plpgsql AS $define$
DECLARE
    step record;
BEGIN
    PERFORM etl.create_pipeline(name, on_failure => 'continue', max_parallel => max_parallel);
    FOR step IN VALUES
        ('syntax', 'SELEC 1'),
        ('later syntax', 'INSERT INTO done (what) VALUES (''never''); SELEC 1'),
        ('missing', 'SELECT FROM nowhere'),
        ('deferred', 'INSERT INTO child VALUES (1)'),
        ('trigger', 'INSERT INTO slow_fuse VALUES (1)'),
        ('role', 'SET ROLE pg_monitor'),
        ('record', 'DELETE FROM etl.step_run'),
        ('assert', 'DO $$ BEGIN ASSERT false, ''no''; END $$'),
        ('itself', format('CALL etl.run_pipeline(%L)', name)),
        ('long', 'DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = repeat(''ü'', 5000000), DETAIL = repeat(''d'', 5000000),
                                                  HINT = repeat(''h'', 5000000); END $$'),
        ('begin', 'BEGIN; INSERT INTO done (what) VALUES (''never''); COMMIT'),
        ('savepoint', 'SAVEPOINT s'),
        ('commit', 'DO $$ BEGIN COMMIT; END $$'),
        ('vacuum', 'VACUUM done'),
        ('copy', 'COPY done FROM STDIN'),
        ('read only', 'SET TRANSACTION READ ONLY'),
        ('settings', 'SET search_path = nowhere; SET timezone = ''Asia/Tokyo''; SET statement_timeout = ''9 s'';
                      SET LOCAL work_mem = ''1 MB''; SET pg_etl.use_workers = off; SET pg_etl.as_of = ''2001-01-01'''),
        ('comment', 'SELECT 1 -- and nothing else'),
        ('none', '-- nothing'),
        ('path', 'SET LOCAL search_path = nowhere; SELECT FROM pg_class LIMIT 3'),
        ('cursor', 'DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 3)'),
        ('temporary', 'CREATE TEMPORARY TABLE left_over AS SELECT 1'),
        ('zone', 'SET LOCAL timezone = ''Asia/Tokyo''; SET LOCAL datestyle = ''SQL, DMY'';
                  INSERT INTO public.done (what, as_of) VALUES (''zone'', etl.as_of())')
    LOOP
        PERFORM etl.add_step(name, step.column1, 'SELECT', attempts => 2, backoff => '10 ms');
        UPDATE etl.step AS s SET action = step.column2 WHERE s.name = step.column1;
    END LOOP;
END $define$;
CREATE FUNCTION pg_temp.outcomes() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s.step, s.attempt, s.status, s.sqlstate)
    FROM etl.step_run AS s WHERE s.run_id = pg_temp.last_run() ORDER BY s.position
$$;
PREPARE odd AS VALUES ('syntax 1 failed 42601'), ('later syntax 1 failed 42601'), ('missing 1 failed 42P01'),
    ('deferred 1 failed 23503'), ('trigger 1 failed P0044'), ('role 1 failed 42501'), ('record 1 failed 55000'),
    ('assert 1 failed P0004'), ('itself 1 failed 2D000'), ('long 1 failed P0001'), ('begin 1 failed 2D000'),
    ('savepoint 1 failed 2D000'), ('commit 1 failed 2D000'), ('vacuum 1 failed 25001'), ('copy 1 failed 0A000'),
    ('read only 1 succeeded'), ('settings 1 succeeded'), ('comment 1 succeeded'), ('none 1 succeeded'),
    ('path 1 succeeded'), ('cursor 1 failed 0A000'), ('temporary 1 succeeded'), ('zone 1 succeeded');
TRUNCATE done RESTART IDENTITY;
CALL define_odd('odd', 1);
SET application_name = 'mine';
CREATE TEMPORARY TABLE settings_before AS SELECT name, setting FROM pg_settings;
SELECT etl._enqueue_run(p, '2025-04-05 06:07:08+00', 'start') FROM etl.pipeline AS p \g /dev/null
CALL etl._run_queue();
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', 'odd', 'odd actions fail by themselves');
SELECT is((SELECT string_agg(what, ' ') FROM done), 'zone', 'and leave nothing');
SELECT is_empty('SELECT name, setting FROM pg_settings EXCEPT SELECT * FROM settings_before',
                'no setting that a step changes remains in the session that calls');
SELECT is(current_setting('pg_etl.params') || current_setting('pg_etl.step') || current_setting('pg_etl.run_id'), '',
          'nor what it was told');
SELECT results_eq($$SELECT length(s.error), length(s.detail), length(s.hint) FROM pg_temp.step('long') AS s$$,
                  'VALUES (10000, 10000, 10000)', 'long texts are cut');
SELECT is((SELECT max(length(message)) FROM etl.run_event), 10000, 'in the log too');
SELECT is((pg_temp.step('path')).rows, 3::bigint, 'rows');
SELECT is((SELECT as_of FROM done WHERE what = 'zone'), '2025-04-05 06:07:08+00', 'as_of in any zone and style');
SELECT matches((pg_temp.step('vacuum')).hint, 'kind => ''procedure''', 'VACUUM is told where it can be');
SELECT pg_temp.drop_all() \g /dev/null
CALL define_odd('odd', 4);
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('odd', '2025-04-05 06:07:08+00')$$), '42601', NULL, 'in workers');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()', 'odd', 'they go the same way');
SELECT is((SELECT string_agg(what, ' ') FROM done), 'zone zone', 'and leave nothing');
SELECT pg_temp.drop_all() \g /dev/null

-- The search path is the one that the pipeline was created with.
CREATE SCHEMA other;
CREATE TABLE other.here (what text);
SET search_path = other, public;
SELECT etl.create_pipeline('paths') \g /dev/null
SELECT etl.add_step('paths', kind, 'INSERT INTO here VALUES (current_schemas(false)::text)', kind,
                    "check" => 'EXISTS (SELECT FROM here)')
FROM unnest('{sql,procedure,toplevel}'::text[]) AS kind \g /dev/null
RESET search_path;
CALL etl.run_pipeline('paths');
SELECT results_eq('SELECT DISTINCT what, count(*) FROM other.here GROUP BY what',
                  $$VALUES ('{other,public}', 3::bigint)$$, 'the search path is that of the pipeline');
SELECT is(current_setting('search_path'), '"$user", public', 'and the session''s is its own');
UPDATE etl.pipeline SET search_path = 'a,,b';
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('paths')$$), '22023', NULL, 'one that is none');
SELECT set_eq($$SELECT s.step, s.status, s.attempt FROM etl.step_run AS s WHERE s.run_id = pg_temp.last_run()$$,
              $$VALUES ('sql', 'failed', 1), ('procedure', 'failed', 1), ('toplevel', 'failed', 1)$$,
              'is the error of every step');
SELECT pg_temp.drop_all() \g /dev/null

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
-- A step that rolls back is still the one that is being executed.
CREATE PROCEDURE roll_back() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO done (what) VALUES ('undone');
    ROLLBACK;
    INSERT INTO done (what) SELECT 'locks ' || count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND classid = 'etl.step_run'::regclass AND pid = pg_backend_pid();
END $$;
TRUNCATE done RESTART IDENTITY;
SELECT etl.create_pipeline('work', max_parallel => 1, on_failure => 'continue') \g /dev/null
SELECT etl.add_step('work', 'first', 'INSERT INTO done (what) VALUES (''first'')') \g /dev/null
SELECT etl.add_step('work', 'good', 'CALL twice(''good'')', 'procedure', '{first}') \g /dev/null
SELECT etl.add_step('work', 'bad', 'CALL twice(''bad'')', 'procedure', '{first}') \g /dev/null
SELECT etl.add_step('work', 'never', 'SELECT 1', depends_on => '{bad}') \g /dev/null
SELECT etl.add_step('work', 'rows', 'VACUUM done; INSERT INTO done (what) VALUES (''r''), (''r'')', 'toplevel',
                    '{good}') \g /dev/null
SELECT etl.add_step('work', 'block', 'BEGIN; INSERT INTO done (what) VALUES (''block''); COMMIT',
                    'procedure') \g /dev/null
SELECT etl.add_step('work', 'open', 'BEGIN; INSERT INTO done (what) VALUES (''open'')', 'procedure') \g /dev/null
SELECT etl.add_step('work', 'syntax', 'SELECT', 'procedure') \g /dev/null
UPDATE etl.step SET action = 'SELEC' WHERE name = 'syntax';
SELECT etl.add_step('work', 'quit', 'SELECT pg_terminate_backend(pg_backend_pid())', 'procedure', attempts => 2,
                    backoff => '10 ms') \g /dev/null
SELECT etl.add_step('work', 'cancel', 'SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(1)',
                    'procedure') \g /dev/null
SELECT etl.add_step('work', 'role', 'SET ROLE pg_monitor; SET search_path = nowhere', 'procedure') \g /dev/null
SELECT etl.add_step('work', 'settings', 'SET default_transaction_read_only = on; SET row_security = off', 'procedure',
                    "check" => 'true') \g /dev/null
SELECT etl.add_step('work', 'back', 'CALL roll_back()', 'procedure') \g /dev/null
SELECT etl.add_step('work', 'copy', 'SELECT', 'procedure') \g /dev/null
UPDATE etl.step SET action = 'COPY done (what) FROM STDIN' WHERE name = 'copy';
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('work', '2025-04-05 06:07:08+00')$$), '25001',
                 'pipeline "work" failed at step "open"', 'procedures');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()',
                  $$VALUES ('first 1 succeeded'), ('block 1 succeeded'), ('open 1 failed 25001'),
                  ('syntax 1 failed 42601'),
                           ('quit 2 failed 57P01'), ('cancel 1 failed 57014'), ('role 1 succeeded'),
                           ('settings 1 succeeded'), ('back 1 succeeded'), ('copy 1 failed 0A000'),
                           ('good 1 succeeded'), ('bad 1 failed P0043'), ('never 0 skipped'), ('rows 1 succeeded')$$,
                  'their outcomes');
SELECT is(pg_temp.done(), 'first block locks 1 good1 good2 bad1 r r', 'what they did');
SELECT is((SELECT count(DISTINCT xid) FROM done WHERE what LIKE 'good_'), 2::bigint,
          'in as many transactions as they like');
SELECT is((SELECT count(DISTINCT pid) FROM done), 6::bigint, 'each in a worker of its own');
SELECT is((SELECT count(*) FROM done WHERE as_of = '2025-04-05 06:07:08+00'), 8::bigint, 'as of the same moment');
SELECT results_eq($$SELECT s.sqlstate, s.error, s.detail, s.hint, s.context ~ 'twice' FROM pg_temp.step('bad') AS s$$,
                  $$VALUES ('P0043', 'no', 'why', 'how', true)$$, 'an error comes over whole');
SELECT is((pg_temp.step('rows')).rows, 2::bigint, 'rows of the last statement');
SELECT matches((pg_temp.step('quit')).error, 'ended before it had finished', 'a worker that died');
SELECT pg_temp.drop_all() \g /dev/null

-- Retention as a step, and a pipeline that runs another one
CREATE TABLE old (at timestamptz);
CREATE INDEX ON old (at);
INSERT INTO old SELECT '2025-01-01'::timestamptz + n * interval '1 day' FROM generate_series(0, 89) AS n;
SELECT etl.add_retention_policy('old', 'at', '30 days', batch_rows => 7) \g /dev/null
SELECT etl.create_pipeline('inner') \g /dev/null
SELECT etl.add_step('inner', 'retain', 'CALL etl.run_retention(as_of => etl.as_of())', 'procedure') \g /dev/null
SELECT etl.create_pipeline('outer') \g /dev/null
SELECT etl.add_step('outer', 'inner', 'CALL etl.run_pipeline(''inner'', etl.as_of())', 'procedure') \g /dev/null
SELECT etl.add_step('outer', 'again', 'CALL etl.run_pipeline(''outer'')', 'procedure', '{inner}',
                    attempts => 2, backoff => '10 ms') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('outer', '2025-03-12')$$), '55P03', NULL,
                 'a pipeline that runs itself');
SELECT is((SELECT min(at) FROM old), '2025-02-10', 'retention by way of two workers');
SELECT results_eq('SELECT kind, name, status FROM etl.run ORDER BY run_id DESC LIMIT 3',
                  $$VALUES ('retention', 'old', 'succeeded'), ('pipeline', 'inner', 'succeeded'),
                           ('pipeline', 'outer', 'failed')$$, 'each with its run');
SELECT pg_temp.drop_all() \g /dev/null

-- Checks and parameters ----------------------------------------------------------------------------------------------

TRUNCATE done RESTART IDENTITY;
SELECT etl.create_pipeline('checks', max_parallel => 1, on_failure => 'continue') \g /dev/null
SELECT etl.add_step('checks', kind || ' ' || outcome,
                    format('INSERT INTO done (what) VALUES (%L)', kind || ' ' || outcome), kind,
                    "check" => CASE outcome WHEN 'good' THEN 'EXISTS (SELECT FROM done)' WHEN 'none' THEN 'NULL::bool'
                                            ELSE '1 = 2' END, attempts => 2)
FROM unnest('{sql,procedure,toplevel}'::text[]) AS kind, unnest('{good,bad,none}'::text[]) AS outcome \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('checks')$$), '23514', 'pipeline "checks" failed at step "sql bad"',
                 'checks');
SELECT results_eq('SELECT * FROM pg_temp.outcomes()',
                  $$VALUES ('sql good 1 succeeded'), ('sql bad 1 failed 23514'), ('sql none 1 failed 23514'),
                           ('procedure good 1 succeeded'), ('procedure bad 1 failed 23514'),
                           ('procedure none 1 failed 23514'), ('toplevel good 1 succeeded'),
                           ('toplevel bad 1 failed 23514'), ('toplevel none 1 failed 23514')$$, 'must be true');
SELECT results_eq($$SELECT s.error, s.detail FROM pg_temp.step('sql none') AS s$$,
                  $$VALUES ('the check of the step is NULL', 'It is: NULL::bool')$$, 'and are told');
SELECT is(pg_temp.done(), 'sql good procedure good procedure bad procedure none toplevel good toplevel bad '
          'toplevel none', 'a sql step whose check is not true leaves nothing, one that commits has done it');
SELECT pg_temp.drop_all() \g /dev/null

TRUNCATE done RESTART IDENTITY;
SELECT etl.create_pipeline('told', max_parallel => 1) \g /dev/null
SELECT etl.add_step('told', kind::text, $$INSERT INTO done (what) VALUES (concat_ws(' ',
    current_setting('pg_etl.params'),
    current_setting('pg_etl.run_id')::bigint - (SELECT max(run_id) FROM etl.run), current_setting('pg_etl.step')))$$,
    kind, params => '{"a": 1, "b": 2}') FROM unnest('{sql,procedure}'::text[]) AS kind \g /dev/null
CALL etl.run_pipeline('told', params => '{"b": "x", "c": null}');
SELECT is(pg_temp.done(), '{"a": 1, "b": "x", "c": null} 0 sql {"a": 1, "b": "x", "c": null} 0 procedure',
          'parameters of the run come before those of a step');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('told', params => '[1]')$$), '22023', NULL, 'an array is none');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('told', logical_time => NULL)$$), '22023', NULL, 'no time');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('told', logical_time => 'infinity')$$), '22023', NULL,
    'a time that is none');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline(NULL)$$), '22023', NULL, 'no pipeline');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('nowhere')$$), '42704', NULL, 'a pipeline that there is not');
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('told', from_step => 'nowhere')$$), '42704', NULL,
                 'a step that there is not');
SELECT etl.create_pipeline('empty') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_pipeline('empty')$$), '55000', 'pipeline "empty" has no steps', 'no steps');
SELECT throws_ok($$DO 'BEGIN CALL etl.run_pipeline(''told''); END'$$, '2D000', NULL, 'not inside a function');
SELECT is((SELECT count(*) FROM etl.pipeline_run AS u JOIN etl.run AS r USING (run_id) WHERE r.name = 'told'),
    1::bigint,
          'and what was refused is not recorded');

-- A part of a pipeline
SELECT etl.create_pipeline('part', max_parallel => 1) \g /dev/null
SELECT etl.add_step('part', name, 'SELECT', depends_on => needs)
FROM (VALUES ('a', '{}'::text[]), ('b', '{a}'), ('c', '{b}'), ('d', '{a}'), ('e', '{c,d}')) AS s(name, needs)
    \g /dev/null
CALL etl.run_pipeline('part', from_step => 'b');
SELECT is(pg_temp.steps(), 'a skipped, b succeeded, d skipped, c succeeded, e succeeded', 'from a step on');
SELECT is((pg_temp.step('a')).error, 'the run began at step "b"', 'with the reason');
SELECT etl._enqueue_run(p, '2025-01-01', 'start', '{}', 'b') FROM etl.pipeline AS p WHERE p.name = 'part' \g /dev/null
SELECT etl.alter_step('part', 'c', depends_on => '{}'), etl.remove_step('part', 'b') \g /dev/null
CALL etl._run_queue();
SELECT results_eq('SELECT r.status, r.error FROM pg_temp.run() AS r',
                  $$VALUES ('failed', 'the run was to begin at step "b", which its pipeline does not have any more')$$,
                  'from a step that was removed since it was queued');
SELECT is(pg_temp.steps(), NULL, 'nothing is executed');
SELECT is_empty('SELECT FROM locks_here', 'and no lock is left');
SELECT pg_temp.drop_all() \g /dev/null

-- Who holds the lock of a run is known also while that session is between two transactions.
SELECT dblink_connect('other', pg_temp.other()) \g /dev/null
SELECT * FROM dblink('other', 'SELECT pg_backend_pid()') AS r(pid int) \gset
SELECT is(etl._run_lock_holder('etl.step_run', 7), NULL, 'nobody holds the lock');
SELECT * FROM dblink('other', 'SELECT etl._lock_run(''etl.step_run'', 7)') AS r(taken bool) \g /dev/null
SELECT is(etl._run_lock_holder('etl.step_run', 7), :pid, 'an idle session holds it');
SELECT is(etl._run_lock_holder('etl.step_run', 8), NULL, 'but no other one');
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT is(etl._run_lock_holder('etl.step_run', 7), :pid, 'and within a transaction');
SELECT dblink_disconnect('other') \g /dev/null

SELECT * FROM finish();
