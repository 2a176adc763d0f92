-- Progress of steps, as other sessions see it while the step's transaction is open. No transaction around the file,
-- because runs commit. The step waits at an advisory lock for this session to look.
CREATE EXTENSION dblink;
SELECT plan(24);
SET client_min_messages = error;
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
-- Whether a step of the pipeline waits at the lock and shows this.
CREATE FUNCTION pg_temp.shows(done bigint, total bigint, note text) RETURNS boolean LANGUAGE sql AS $$
    SELECT pg_temp.becomes(format($q$
        SELECT count(*) = 1 FROM etl.step_runs
        WHERE waits_for ~ '^lock'
          AND (progress_done, progress_total, progress_note) IS NOT DISTINCT FROM (%L::bigint, %L::bigint, %L::text)
        $q$, done, total, note))
$$;
CREATE FUNCTION pg_temp.state(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- The step passes gate n when this session opens it.
CREATE PROCEDURE gate(n int) LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(77, n); END $$;
CREATE FUNCTION pg_temp.open(n int) RETURNS boolean LANGUAGE sql AS $$ SELECT pg_advisory_unlock(77, n) $$;
CREATE FUNCTION pg_temp.close() RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_lock(77, n) FROM generate_series(1, 6) AS n
$$;

-- Outside of a step
SET application_name = 'mine';
SELECT etl.progress(1, 2, 'x') \g /dev/null
SELECT is((SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()), 'mine',
          'outside of a step it does nothing');
SELECT is(pg_temp.state('SELECT etl.progress(NULL)'), '22004 done must not be NULL', 'done is needed');
SELECT is(pg_temp.state('SELECT etl.progress(-1)'), '22023 done must not be negative, not -1', 'and not negative');
SELECT is(pg_temp.state('SELECT etl.progress(1, -7)'), '22023 total must not be negative, not -7', 'nor is total');
SELECT is(pg_temp.state('SELECT etl.progress(3, 2)'), NULL, 'more may be done than was expected');

-- A step in a worker
SELECT etl.create_pipeline('p') \g /dev/null
SELECT etl.add_step('p', 'a', $step$DO $do$ BEGIN
    PERFORM etl.progress(1200, 5000, E'orders\nof June'); CALL public.gate(1);
    PERFORM pg_sleep(0.11); PERFORM etl.progress(1300); CALL public.gate(2);
    PERFORM pg_sleep(0.11); PERFORM etl.progress(90, 80, repeat('€', 20)); CALL public.gate(3);
    FOR i IN 0 .. 100000 LOOP PERFORM etl.progress(i, 100000); END LOOP; CALL public.gate(4);
    PERFORM pg_sleep(0.11); PERFORM etl.progress(1, 10);
    BEGIN PERFORM etl.progress(10, 10); PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END;
    CALL public.gate(5);
END $do$$step$) \g /dev/null
SELECT pg_temp.close() \g /dev/null
SELECT etl.start_pipeline('p', '2025-01-01') AS run \gset
SELECT ok(pg_temp.shows(1200, 5000, 'orders of June'), 'what a step says is seen while its transaction is open');
SELECT results_eq('SELECT a.application_name, s.status
                   FROM etl.step_runs AS s JOIN pg_stat_activity AS a ON a.pid = s.worker_pid',
                  $$VALUES ('pg_etl 1200/5000 orders of June', 'running')$$, 'also in pg_stat_activity');
SELECT is((SELECT progress_done
           FROM dblink(pg_temp.other(), 'SELECT progress_done FROM etl.step_runs') AS o(progress_done bigint)),
          1200::bigint, 'and by any session');
SELECT matches(etl.run_graph(:run), '\[>\] a: running for .* s, 1200/5000 orders of June', 'and in the graph');
SELECT pg_temp.open(1) \g /dev/null
SELECT ok(pg_temp.shows(1300, NULL, NULL), 'without a total and a note');
SELECT pg_temp.open(2) \g /dev/null
SELECT ok(pg_temp.shows(90, 80, repeat('€', 16)), 'a long note is cut at the end of a letter');
SELECT is((SELECT octet_length(a.application_name)
           FROM etl.step_runs AS s JOIN pg_stat_activity AS a ON a.pid = s.worker_pid),
          61, 'within 63 bytes');
SELECT pg_temp.open(3) \g /dev/null
SELECT ok(pg_temp.shows(100000, 100000, NULL), 'the last of very many is seen');
SELECT pg_temp.open(4) \g /dev/null
SELECT ok(pg_temp.shows(10, 10, NULL), 'what is rolled back was done and is shown');
SELECT pg_temp.open(5) \g /dev/null
SELECT is(etl.wait_run(:run, '10 s'), 'succeeded', 'the step ends');
SELECT results_eq('SELECT progress_done, progress_total, progress_note, worker_pid FROM etl.step_runs',
                  'VALUES (NULL::bigint, NULL::bigint, NULL::text, NULL::int)', 'and its progress with it');

-- A procedure that commits keeps what it said
CREATE PROCEDURE batches() LANGUAGE plpgsql AS $$ BEGIN
    PERFORM etl.progress(1, 3); COMMIT; CALL public.gate(6);
END $$;
SELECT etl.alter_step('p', 'a', 'CALL public.batches()', kind => 'procedure') \g /dev/null
SELECT etl.start_pipeline('p', '2025-01-02') AS run \gset
SELECT ok(pg_temp.shows(1, 3, NULL), 'progress of a procedure outlives its commit');
SELECT pg_temp.open(6) \g /dev/null
SELECT is(etl.wait_run(:run, '10 s'), 'succeeded', 'the procedure ends');

-- A step in the session that calls: its name comes back, for the next step too
SELECT etl.alter_pipeline('p', max_parallel => 1) \g /dev/null
SELECT etl.alter_step('p', 'a', 'SELECT etl.progress(5, 6)', kind => 'sql') \g /dev/null
SELECT etl.add_step('p', 'b', 'CREATE TABLE public.seen AS SELECT s.step, s.progress_done, a.application_name
    FROM etl.step_runs AS s JOIN pg_stat_activity AS a ON a.pid = s.worker_pid WHERE s.status = ''running''',
                    depends_on => '{a}') \g /dev/null
CALL etl.run_pipeline('p', '2025-01-03');
SELECT results_eq('SELECT step, progress_done, application_name FROM seen', $$VALUES ('b', NULL::bigint, 'mine')$$,
                  'a step in the session that calls leaves no progress to the next one');
SELECT is((SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()), 'mine', 'nor to the session');
SELECT is(current_setting('application_name'), 'mine', 'whose setting was not touched');
SELECT etl.alter_step('p', 'a', 'SELECT etl.progress(5, 6), 1 / 0') \g /dev/null
SELECT dblink_connect('caller', pg_temp.other() || ' application_name=caller') \g /dev/null
SELECT dblink_exec('caller', $$CALL etl.run_pipeline('p', '2025-01-05')$$, false) \g /dev/null
SELECT is((SELECT n
           FROM dblink('caller', 'SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()')
               AS r(n text)),
          'caller', 'nor where it failed');
SELECT dblink_disconnect('caller') \g /dev/null

-- A pipeline and a step that are called by numbers are no progress
SELECT etl.create_pipeline('12') \g /dev/null
SELECT etl.add_step('12', '34', 'CALL public.gate(7)') \g /dev/null
SELECT pg_advisory_lock(77, 7) \g /dev/null
SELECT etl.start_pipeline('12', '2025-01-01') AS run \gset
SELECT ok(pg_temp.shows(NULL, NULL, NULL), 'the title of a worker is not taken for progress');
SELECT pg_temp.open(7) \g /dev/null
SELECT is(etl.wait_run(:run, '10 s'), 'succeeded', 'it ends');
SELECT * FROM finish();
