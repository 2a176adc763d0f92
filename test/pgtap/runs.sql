-- Runs that are cut off: whatever ends the call, the lock on the definition goes and another session may run it. No
-- transaction around the file, because procedures commit.
CREATE EXTENSION dblink;
SELECT plan(23);
SET client_min_messages = error;

CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
SELECT dblink_connect('runner', pg_temp.other()), dblink_connect('next', pg_temp.other()),
       dblink_exec('runner', 'SET client_min_messages = error'), dblink_exec('next', 'SET client_min_messages = error')
    \g /dev/null
-- What a statement of a session comes to: its error, or OK.
CREATE FUNCTION pg_temp.outcome(session text, command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_exec(session, command, false);
    RETURN split_part(dblink_error_message(session), E'\n', 1);
END
$$;
CREATE PROCEDURE pg_temp.wait_for(condition text) LANGUAGE plpgsql AS $$
DECLARE
    is_so bool;
BEGIN
    FOR tick IN 1 .. 400 LOOP
        PERFORM pg_stat_clear_snapshot();
        EXECUTE condition INTO is_so;
        EXIT WHEN is_so;
        PERFORM pg_sleep(0.025);
    END LOOP;
END
$$;
-- Waits for the end of what the runner does.
CREATE FUNCTION pg_temp.end_of_run() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    told text;
BEGIN
    WHILE dblink_is_busy('runner') = 1 LOOP
        PERFORM pg_sleep(0.025);
    END LOOP;
    PERFORM * FROM dblink_get_result('runner', false) AS r(status text);
    told := dblink_error_message('runner');
    PERFORM * FROM dblink_get_result('runner', false) AS r(status text);
    RETURN split_part(told, E'\n', 1);
END
$$;

-- The lock ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION take(OUT taken bool) LANGUAGE plpgsql AS $$
BEGIN
    taken := etl._lock_run('etl.pipeline', -7);
    IF NOT taken THEN
        RAISE EXCEPTION USING ERRCODE = '55P03', MESSAGE = 'taken';
    END IF;
END
$$;
CREATE PROCEDURE hold(ending text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take(), take();
    COMMIT;
    BEGIN
        RAISE EXCEPTION 'within';
    EXCEPTION
        WHEN raise_exception THEN NULL;
    END;
    COMMIT;
    EXECUTE ending;
    COMMIT;
END
$$;
CREATE TABLE late (id int PRIMARY KEY, next int REFERENCES late DEFERRABLE INITIALLY DEFERRED);

SELECT is(pg_temp.outcome('runner', $$ CALL hold('SELECT') $$), 'OK', 'commits and errors that were caught');
SELECT is(pg_temp.outcome('next', 'DO $$BEGIN PERFORM take(); END$$'), 'ERROR:  taken', 'leave the lock');
SELECT is(pg_temp.outcome('runner', $$ DO $a$BEGIN PERFORM etl._unlock_run('etl.pipeline', -7); END$a$ $$), 'OK',
          'until it is released');
SELECT is(pg_temp.outcome('next', 'DO $$BEGIN PERFORM take(); END$$'), 'OK', 'however often it was taken');
SELECT is(pg_temp.outcome('next', 'DO $$BEGIN PERFORM 1 / 0; END$$'), 'ERROR:  division by zero', 'an error');
SELECT is(pg_temp.outcome('runner', $$ CALL hold('SELECT 1 / 0') $$), 'ERROR:  division by zero', 'releases it');
SELECT is(pg_temp.outcome('next', $$ CALL hold('INSERT INTO late VALUES (1, 2)') $$),
          'ERROR:  insert or update on table "late" violates foreign key constraint "late_next_fkey"',
          'so does one in a later transaction of the call, and one at the commit');
SELECT is(pg_temp.outcome('runner', 'DO $$BEGIN PERFORM take(); END$$'), 'OK', 'though both sessions are there');
SELECT is(pg_temp.outcome('runner', 'DO $$BEGIN PERFORM pg_advisory_unlock_all(); PERFORM 1 / 0; END$$'),
          'ERROR:  division by zero', 'one that was released by other means is no trouble');
SELECT is((SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
           WHERE l.locktype = 'advisory' AND d.datname = current_database()), 0::bigint, 'no lock is left');
SELECT is(etl._lock_run(NULL, 1), NULL, 'nothing is locked for NULL');

-- A policy whose run is cancelled while it rests ----------------------------------------------------------------------

CREATE TABLE events (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON events (at);
INSERT INTO events SELECT n, '2025-01-01'::timestamptz + n * interval '1 hour' FROM generate_series(1, 30) AS n;
SELECT etl.add_retention_policy('events', 'at', '1 day', archive_to => 'events_old', batch_rows => 5,
                                pause => '1 hour') \g /dev/null
SELECT is(dblink_send_query('runner', $$ CALL etl.run_retention('events', '2026-01-01') $$), 1, 'a run');
CALL pg_temp.wait_for($$ SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'
                                        AND query LIKE '%run_retention%' AND pid <> pg_backend_pid()
                                        AND datname = current_database()) $$);
SELECT is(dblink_cancel_query('runner'), 'OK', 'is cancelled between two batches');
SELECT is(pg_temp.end_of_run(), 'ERROR:  retention policy "events" failed: canceling statement due to user request',
          'which is told');
SELECT results_eq($$ SELECT status, error, detail ->> 'sqlstate' FROM etl.runs $$,
                  $$ VALUES ('failed', 'canceling statement due to user request', '57014') $$, 'and recorded at once');
SELECT cmp_ok((SELECT count(*) FROM events_old), '>=', 5::bigint, 'batches before stay');
SELECT etl.alter_retention_policy('events', pause => '0') \g /dev/null
SELECT is(pg_temp.outcome('next', $$ CALL etl.run_retention('events', '2026-01-01') $$), 'OK',
          'another session goes on, though that one is still there');
SELECT is((SELECT count(*) FROM events_old), 30::bigint, 'to the end');

-- A partition that is tried again -------------------------------------------------------------------------------------

CREATE TABLE visits (id bigint NOT NULL, at timestamptz NOT NULL) PARTITION BY RANGE (at);
SELECT etl.add_partition_policy('visits', '1 month', lock_timeout => '10 ms') \g /dev/null
SELECT dblink_exec('next', 'BEGIN; LOCK TABLE visits') \g /dev/null
SELECT is(dblink_send_query('runner', 'CALL etl.create_partitions(''visits'')'), 1, 'creating partitions');
CALL pg_temp.wait_for($$ SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'
                                        AND query LIKE '%create_partitions%' AND pid <> pg_backend_pid()
                                        AND datname = current_database()) $$);
SELECT pid AS runner
FROM dblink('next', $$ SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL etl.create_partitions%'
                                                          AND datname = current_database() $$) AS a(pid int) \gset
-- Twice, as it happens that the postmaster's two signals for one cancel are not taken for one.
SELECT is(ARRAY[pg_cancel_backend(:runner), pg_sleep(0.0003) IS NOT NULL, pg_cancel_backend(:runner)], '{t,t,t}',
          'is cancelled while it waits for another attempt');
SELECT is(pg_temp.end_of_run(), 'ERROR:  partition policy "visits" failed: canceling statement due to user request',
          'which is told');
SELECT results_eq($$ SELECT status, error FROM etl.runs WHERE kind = 'partitions' $$,
                  $$ VALUES ('failed', 'canceling statement due to user request') $$, 'and recorded at once');
SELECT dblink_exec('next', 'COMMIT') \g /dev/null
SELECT is(pg_temp.outcome('next', $$ CALL etl.create_partitions('visits') $$), 'OK', 'another session goes on');

SELECT dblink_disconnect('runner'), dblink_disconnect('next') \g /dev/null
SELECT * FROM finish();
