-- Which stretch of time a run is for: consecutive runs leave nothing out and take nothing twice, whatever becomes of the
-- schedule and however runs wait for each other; and times whose record was pruned are not run again. No transaction
-- around the file, because runs commit.
SELECT plan(24);
SET timezone = 'UTC';
SET client_min_messages = error;
SET pg_etl.use_workers = off;

CREATE FUNCTION pg_temp.define(name text, schedule text, next_at timestamptz, catchup text DEFAULT 'last')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.create_pipeline(name, max_parallel => 1), etl.add_step(name, 's', 'SELECT 1');
    UPDATE etl.pipeline AS p
    SET schedule = define.schedule, next_at = define.next_at, catchup = define.catchup,
        overlap = CASE define.catchup WHEN 'all' THEN 'queue' ELSE 'skip' END
    WHERE p.name = define.name;
END $$;
CREATE FUNCTION pg_temp.intervals(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(to_char(u.interval_start, 'DD HH24') || '-' || to_char(u.interval_end, 'DD HH24'), ', '
                      ORDER BY u.logical_time)
    FROM etl.pipeline_run AS u JOIN etl.run AS r USING (run_id) WHERE r.name = intervals.name
$$;
-- Where a run does not begin where the one before it ended
CREATE FUNCTION pg_temp.breaks(name text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM (
        SELECT u.interval_start, lag(u.logical_time, 1, u.interval_start) OVER (ORDER BY u.logical_time) AS before
        FROM etl.pipeline_run AS u JOIN etl.run AS r USING (run_id)
        WHERE r.name = breaks.name AND r.status <> 'skipped') AS u
    WHERE u.interval_start <> u.before
$$;

-- After a downtime ----------------------------------------------------------------------------------------------------

SELECT pg_temp.define('daily', '@daily', '2025-01-02') \g /dev/null
CALL etl.tick('2025-01-02');
CALL etl.tick('2025-01-03');
CALL etl.tick('2025-01-06');
SELECT is(pg_temp.intervals('daily'), '01 00-02 00, 02 00-03 00, 03 00-06 00',
          'what was missed is part of the next run');

-- A schedule that changes ---------------------------------------------------------------------------------------------

SELECT etl.alter_pipeline('daily', schedule => '0 * * * *') \g /dev/null
UPDATE etl.pipeline SET next_at = '2025-01-06 10:00' WHERE name = 'daily';
CALL etl.tick('2025-01-06 10:00');
CALL etl.tick('2025-01-06 11:00');
SELECT is(right(pg_temp.intervals('daily'), 24), '06 00-06 10, 06 10-06 11',
          'a finer schedule begins where the other ended');
SELECT etl.alter_pipeline('daily', schedule => '0 2 * * *') \g /dev/null
UPDATE etl.pipeline SET next_at = '2025-01-07 02:00' WHERE name = 'daily';
CALL etl.tick('2025-01-07 02:00');
SELECT is(right(pg_temp.intervals('daily'), 11), '06 11-07 02', 'a coarser one does, too');
SELECT etl.alter_pipeline('daily', schedule => '30 minutes', start_at => '2025-01-07 02:30') \g /dev/null
UPDATE etl.pipeline SET next_at = '2025-01-07 02:30' WHERE name = 'daily';
CALL etl.tick('2025-01-07 02:30');
CALL etl.tick('2025-01-07 03:00');
SELECT etl.alter_pipeline('daily', schedule => '0 0 * * *', timezone => 'America/New_York') \g /dev/null
UPDATE etl.pipeline SET next_at = '2025-01-07 05:00' WHERE name = 'daily';
CALL etl.tick('2025-01-09 06:00');
SELECT is(pg_temp.breaks('daily'), 0::bigint, 'nothing is left out or taken twice');
SELECT is(right(pg_temp.intervals('daily'), 11), '07 03-09 05', 'not by another time zone either');
CALL etl.backfill('daily', '2025-01-07 12:00', '2025-01-08 12:00', every => '6 hours');
CALL etl.tick('2025-01-10 06:00');
SELECT is(right(pg_temp.intervals('daily'), 11), '09 05-10 05', 'a backfill changes nothing of that');

-- Without a schedule --------------------------------------------------------------------------------------------------

SELECT etl.create_pipeline('calls', max_parallel => 1),
       etl.add_step('calls', 's', 'SELECT 1 / (etl.logical_time() <> ''2025-01-04'')::int') \g /dev/null
CALL etl.run_pipeline('calls', '2025-01-01');
SELECT is(pg_temp.intervals('calls'), NULL, 'the first run has no beginning');
BEGIN;
SELECT etl.start_pipeline('calls', t) FROM unnest('{2025-01-02,2025-01-03,2025-01-04,2025-01-05}'::timestamptz[]) AS t
\g /dev/null
COMMIT;
CALL etl._run_queue();
SELECT is(pg_temp.intervals('calls'), '01 00-02 00, 02 00-03 00, 03 00-04 00, 03 00-05 00',
          'runs that waited together begin where the last one that succeeded ended');
SELECT is(status, 'failed', 'as the one between them has not') FROM etl.run
WHERE name = 'calls' AND as_of = '2025-01-04';
SELECT etl.alter_step('calls', 's', action => 'SELECT 1') \g /dev/null
CALL etl.backfill('calls', '2024-06-01', '2024-06-02', every => '1 day');
SELECT results_eq($$SELECT interval_start FROM etl.pipeline_runs WHERE pipeline = 'calls' AND trigger = 'backfill'
                    ORDER BY logical_time$$,
                  $$VALUES ('2024-05-31'::timestamptz), ('2024-06-01')$$, 'those of a backfill have their own');

-- Times whose record was pruned ---------------------------------------------------------------------------------------

CREATE TABLE done (logical_time timestamptz);
SELECT etl.create_pipeline('past', schedule => '@daily', start_at => date_trunc('day', now()) - interval '5 days',
                           catchup => 'all', max_parallel => 1),
       etl.add_step('past', 's', 'INSERT INTO done VALUES (etl.logical_time())') \g /dev/null
CALL etl.tick(stay => '0');
SELECT is(count(*), 6::bigint, 'times of the past are run') FROM done;
CALL etl.prune_history('0', dry_run => true);
SELECT is(pruned_to, NULL, 'a dry run of pruning remembers nothing') FROM etl.pipeline WHERE name = 'past';
CALL etl.prune_history('0');
SELECT is(count(*), 1::bigint, 'the record of all but the last is pruned') FROM etl.run WHERE name = 'past';
SELECT is(pruned_to, (SELECT max(logical_time) - interval '1 day' FROM done), 'and up to when') FROM etl.pipeline
WHERE name = 'past';
SELECT etl.alter_pipeline('past', start_at => date_trunc('day', now()) - interval '6 days') \g /dev/null
CALL etl.tick(stay => '0');
SELECT results_eq('SELECT count(*), count(DISTINCT logical_time) FROM done', 'VALUES (6::bigint, 6::bigint)',
                  'start_at moved back: nothing is run twice');
SELECT ok(next_at > now(), 'and the schedule goes on') FROM etl.pipeline WHERE name = 'past';
SELECT etl.alter_pipeline('past', start_at => date_trunc('day', now()) - interval '7 days', schedule => '12 hours')
\g /dev/null
SELECT ok(next_at > pruned_to, 'nor by another schedule') FROM etl.pipeline WHERE name = 'past';
UPDATE etl.pipeline SET schedule = '@daily' WHERE name = 'past';
CALL etl.backfill('past', now() - interval '3 days', now());
SELECT is(count(*), 8::bigint, 'a backfill runs what is not on record') FROM done;
SELECT is(count(*), count(*) FILTER (WHERE logical_time IN (SELECT logical_time FROM done)), 'which is on record then')
FROM etl.pipeline_runs WHERE pipeline = 'past';

-- A pipeline that is being changed is not waited for: its runs are pruned another time.
SELECT pg_temp.define('locked', '0 * * * *', '2025-01-01 01:00', 'all') \g /dev/null
CALL etl.tick('2025-01-01 04:00');
CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('dbname=%s host=%s', current_database(),
                                      current_setting('unix_socket_directories'))) \g /dev/null
SELECT dblink_exec('other', 'BEGIN'),
       dblink_exec('other', 'UPDATE etl.pipeline SET description = ''x'' WHERE name = ''locked''') \g /dev/null
SET statement_timeout = '20 s';
CALL etl.prune_history('0');
RESET statement_timeout;
SELECT is(count(*), 4::bigint, 'a pipeline that is locked keeps the runs of its schedule') FROM etl.run
WHERE name = 'locked';
SELECT dblink_exec('other', 'ROLLBACK'), dblink_disconnect('other') \g /dev/null
CALL etl.prune_history('0');
SELECT is(count(*), 1::bigint, 'until it is not') FROM etl.run WHERE name = 'locked';

-- Arguments -----------------------------------------------------------------------------------------------------------

SELECT throws_ok(format('SELECT dblink_exec(%L, %L)', format('dbname=%s host=%s', current_database(),
                        current_setting('unix_socket_directories')), call), '22023', 'dry_run must not be NULL', call)
FROM unnest(ARRAY[$$CALL etl.run_pipeline('calls', '2025-02-01', dry_run => NULL)$$,
                  $$CALL etl.backfill('calls', '2025-02-01', '2025-02-02', every => '1 day', dry_run => NULL)$$])
    AS call;
SELECT is_empty($$SELECT FROM etl.run WHERE as_of >= '2025-02-01' AND name = 'calls'$$, 'nothing was run');

SELECT * FROM finish();
