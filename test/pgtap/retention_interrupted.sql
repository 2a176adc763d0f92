-- What comes between a retention policy and its run: a pause, a change, a removal, a cancel, somebody else's lock. No
-- transaction around the file, because etl.run_retention commits.
CREATE EXTENSION dblink;
SELECT plan(23);
SET client_min_messages = error;
SET timezone = 'UTC';
SET pg_etl.retention_batch_time = 0;

CREATE FUNCTION pg_temp.other() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
CREATE FUNCTION pg_temp.make(name text, keep interval DEFAULT '1 day', pause interval DEFAULT '0',
                             lock_timeout interval DEFAULT '1 s') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %1$s (id int PRIMARY KEY, at timestamptz); CREATE INDEX ON %1$s (at);'
                   'INSERT INTO %1$s SELECT n, ''2025-01-01''::timestamptz + n * interval ''1 hour'''
                   ' FROM generate_series(1, 30) AS n', name);
    PERFORM etl.add_retention_policy(name::regclass, 'at', keep, archive_to => name || '_old', batch_rows => 5,
                                     pause => pause, lock_timeout => lock_timeout);
END
$$;
-- Starts a run in another session, and comes back when the policy has done a batch.
CREATE PROCEDURE pg_temp.start_run(waits_for text, policy text DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_send_query('runner', format('CALL etl.run_retention(%L, ''2026-01-01'')', policy));
    FOR tick IN 1 .. 400 LOOP
        EXIT WHEN EXISTS (SELECT FROM etl.runs AS r WHERE r.name = waits_for AND (r.detail ->> 'batches')::int > 0);
        PERFORM pg_sleep(0.025);
    END LOOP;
END
$$;
-- Waits for its end.
CREATE FUNCTION pg_temp.end_run() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    told text := 'done';
BEGIN
    WHILE dblink_is_busy('runner') = 1 LOOP
        PERFORM pg_sleep(0.025);
    END LOOP;
    PERFORM * FROM dblink_get_result('runner', false) AS r(status text);
    told := coalesce(nullif(dblink_error_message('runner'), 'OK'), told);
    PERFORM * FROM dblink_get_result('runner', false) AS r(status text);
    RETURN told;
END
$$;
CREATE FUNCTION pg_temp.count_of(relation regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', relation) INTO found;
    RETURN found;
END
$$;
CREATE FUNCTION pg_temp.last_run(of text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.status, r.detail ->> 'stopped', r.detail ->> 'sqlstate') FROM etl.runs AS r
    WHERE r.name = of ORDER BY r.run_id DESC LIMIT 1
$$;
SELECT dblink_connect('runner', pg_temp.other()), dblink_exec('runner', 'SET pg_etl.retention_batch_time = 0'),
       dblink_exec('runner', 'SET client_min_messages = error') \g /dev/null

-- A pause ends a run after its batch ----------------------------------------------------------------------------------

SELECT pg_temp.make('halted', pause => '300 ms') \g /dev/null
CALL pg_temp.start_run('halted', 'halted');
SELECT etl.pause_retention_policy('halted') \g /dev/null
SELECT is(pg_temp.end_run(), 'done', 'a run of a policy that is paused meanwhile ends');
SELECT cmp_ok(pg_temp.count_of('halted'), '>=', 15::bigint, 'before its work is done');
SELECT is(pg_temp.count_of('halted') + pg_temp.count_of('halted_old'), 30::bigint, 'each row is in one place');
SELECT is(pg_temp.last_run('halted'), 'succeeded paused', 'and says why');
SELECT is((SELECT (detail ->> 'remaining')::bigint FROM etl.runs WHERE name = 'halted'), pg_temp.count_of('halted'),
          'and what remains');
CALL etl.run_retention('halted', '2026-01-01', dry_run => true);
SELECT is((SELECT detail -> 'actions' -> 0 ->> 'rows' FROM etl.runs WHERE name = 'halted' ORDER BY run_id DESC LIMIT 1),
          pg_temp.count_of('halted')::text, 'a dry run goes on to its end');
SELECT etl.resume_retention_policy('halted') \g /dev/null
CALL etl.run_retention('halted', '2026-01-01');
SELECT is(pg_temp.count_of('halted'), 0::bigint, 'and when it is resumed, the next run does the rest');
SELECT etl.remove_retention_policy('halted') \g /dev/null

-- A policy is carried out as it is when its turn comes ----------------------------------------------------------------

SELECT pg_temp.make('a_first', pause => '200 ms'), pg_temp.make('b_altered'), pg_temp.make('c_removed'),
       pg_temp.make('d_paused'), pg_temp.make('e_last') \g /dev/null
CALL pg_temp.start_run('a_first');
SELECT etl.alter_retention_policy('b_altered', filter => 'id > 10'), etl.remove_retention_policy('c_removed'),
       etl.pause_retention_policy('d_paused') \g /dev/null
SELECT alike(pg_temp.end_run(), '%retention policy "c_removed" failed: it was removed before its turn came%',
             'a policy that was removed before its turn is told of');
SELECT is(pg_temp.count_of('a_first'), 0::bigint, 'the one before it was carried out');
SELECT is(pg_temp.count_of('b_altered'), 10::bigint, 'one that got a filter meanwhile keeps to it');
SELECT is(pg_temp.count_of('c_removed'), 30::bigint, 'one that was removed takes nothing');
SELECT is(pg_temp.count_of('d_paused'), 30::bigint, 'nor one that was paused');
SELECT is(pg_temp.last_run('d_paused'), 'succeeded paused', 'which its run says');
SELECT is(pg_temp.count_of('e_last'), 0::bigint, 'and those after it have their turn');

-- Who is cancelled while it rests leaves the policy to others ---------------------------------------------------------

SELECT pg_temp.make('rested', pause => '1 hour') \g /dev/null
CALL pg_temp.start_run('rested', 'rested');
SELECT is(dblink_cancel_query('runner'), 'OK', 'a run is cancelled between two batches');
SELECT alike(pg_temp.end_run(), '%canceling statement due to user request%', 'which ends it');
SELECT etl.alter_retention_policy('rested', pause => '0') \g /dev/null
CALL etl.run_retention('rested', '2026-01-01');
SELECT is(pg_temp.count_of('rested'), 0::bigint, 'another session goes on, though that one is still there');
SELECT set_eq($$ SELECT status FROM etl.runs WHERE name = 'rested' $$, ARRAY['failed', 'succeeded'],
              'and closes the record of it');

-- The audit log belongs to the batch ----------------------------------------------------------------------------------

SELECT pg_temp.make('noted', lock_timeout => '50 ms') \g /dev/null
SELECT dblink_connect('writer', pg_temp.other()), dblink_exec('writer', 'BEGIN') \g /dev/null
SELECT * FROM dblink('writer', $$ SELECT etl._audit('noted', 'by hand') $$) AS r(seq bigint) \g /dev/null
SELECT throws_like(format('SELECT dblink_exec(%L, %L)', pg_temp.other(),
                          $$CALL etl.run_retention('noted', '2026-01-01')$$),
                   'retention policy "noted" failed: canceling statement due to lock timeout',
                   'a batch that cannot be noted in the audit log is not done');
SELECT is(pg_temp.last_run('noted'), 'failed 55P03', 'the run is recorded as failed');
SELECT is(pg_temp.count_of('noted'), 30::bigint, 'nothing has moved');
SELECT dblink_exec('writer', 'COMMIT') \g /dev/null
CALL etl.run_retention('noted', '2026-01-01');
SELECT is(pg_temp.count_of('noted'), 0::bigint, 'until the log is free');
SELECT ok((SELECT bool_and(is_whole) FROM etl.verify_audit()), 'whose chain is whole');

SELECT dblink_disconnect('runner'), dblink_disconnect('writer') \g /dev/null
SELECT * FROM finish();
