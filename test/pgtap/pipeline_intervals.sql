-- Which stretch of time a run is for: consecutive runs leave nothing out and take nothing twice, whatever becomes of the
-- schedule and however runs wait for each other; and times whose record was pruned are not run again. No transaction
-- around the file, because runs commit.
SELECT plan(34);
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

-- Runs that are tried again -------------------------------------------------------------------------------------------

CREATE TABLE taken (pipeline text, period tstzrange);
CREATE FUNCTION pg_temp.taken(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(to_char(lower(t.period), 'DD HH24') || '-' || to_char(upper(t.period), 'DD HH24'), ', '
                      ORDER BY t.period)
    FROM taken AS t WHERE t.pipeline = name AND NOT isempty(t.period)
$$;
CREATE FUNCTION pg_temp.take(name text) RETURNS void LANGUAGE sql AS $$
    SELECT etl.alter_step(name, 's', format('INSERT INTO public.taken VALUES (%L, tstzrange(etl.interval_start(), '
                                            'etl.interval_end()))', name))
$$;
SELECT pg_temp.define('again', '@hourly', '2025-01-01 01:00'), pg_temp.take('again') \g /dev/null
CALL etl.tick('2025-01-01 01:00');
SELECT etl.start_pipeline('again', '2024-06-01') \g /dev/null
SELECT etl._queue_due('2025-01-01 02:00', 0), etl._queue_due('2025-01-01 03:00', 0) \g /dev/null
SELECT is(string_agg(status, ', ' ORDER BY logical_time), 'queued, succeeded, skipped, skipped',
          'times that come while a run waits are skipped')
FROM etl.pipeline_runs WHERE pipeline = 'again';
CALL etl._run_queue();
CALL etl.tick('2025-01-01 04:00');
SELECT etl.retry_run(run_id) FROM etl.pipeline_runs WHERE pipeline = 'again' AND status = 'skipped' \g /dev/null
CALL etl._run_queue();
SELECT is(count(*), 5::bigint, 'they can be run all the same')
FROM etl.pipeline_runs WHERE pipeline = 'again' AND status = 'succeeded';
SELECT is(pg_temp.taken('again'), '31 23-01 00, 01 00-01 01, 01 01-01 04',
          'and leave what happened in their intervals to the run that has it already');
SELECT etl.retry_run(run_id, 's') FROM etl.pipeline_runs WHERE pipeline = 'again' AND logical_time = '2025-01-01 04:00'
\g /dev/null
CALL etl._run_queue();
SELECT is(pg_temp.taken('again'), '31 23-01 00, 01 00-01 01, 01 01-01 04, 01 01-01 04', 'which keeps it');

SELECT etl.start_pipeline('again', '2024-06-02') \g /dev/null
SELECT etl._queue_due('2025-01-01 05:00', 0), etl._queue_due('2025-01-01 06:00', 0) \g /dev/null
CALL etl._run_queue();
SELECT etl.retry_run(run_id) FROM etl.pipeline_runs WHERE pipeline = 'again' AND status = 'skipped'
ORDER BY logical_time \g /dev/null
CALL etl._run_queue();
SELECT is(right(pg_temp.taken('again'), 24), '01 04-01 05, 01 05-01 06', 'those of several that were skipped meet');

SELECT etl.create_pipeline('mended', max_parallel => 1), etl.add_step('mended', 's', 'SELECT 1'),
       pg_temp.take('mended') \g /dev/null
CALL etl.run_pipeline('mended', '2025-01-01');
SELECT etl.alter_step('mended', 's', "check" => 'etl.logical_time() <> ''2025-01-02''') \g /dev/null
BEGIN;
SELECT etl.start_pipeline('mended', t) FROM unnest('{2025-01-02,2025-01-03}'::timestamptz[]) AS t \g /dev/null
COMMIT;
CALL etl._run_queue();
SELECT is(pg_temp.intervals('mended'), '01 00-02 00, 01 00-03 00',
          'without a schedule the run after one that failed takes its interval');
UPDATE etl.step_run SET "check" = NULL;
SELECT etl.retry_run(run_id) FROM etl.pipeline_runs WHERE pipeline = 'mended' AND status = 'failed' \g /dev/null
CALL etl._run_queue();
SELECT is(pg_temp.intervals('mended'), '02 00-02 00, 01 00-03 00', 'and keeps it');
SELECT is(pg_temp.taken('mended'), '01 00-03 00', 'so that nothing is taken twice');
-- Two that have failed, of which the first is mended first; nobody may ever try the second again.
SELECT etl.create_pipeline('both', max_parallel => 1), etl.add_step('both', 's', 'SELECT 1'),
       pg_temp.take('both') \g /dev/null
CALL etl.run_pipeline('both', '2025-01-01');
SELECT etl.alter_step('both', 's', "check" => 'false') \g /dev/null
SELECT etl.start_pipeline('both', '2025-01-02'), etl.start_pipeline('both', '2025-01-03') \g /dev/null
CALL etl._run_queue();
UPDATE etl.step_run SET "check" = NULL;
SELECT etl.alter_step('both', 's', reset => '{check}') \g /dev/null
SELECT etl.retry_run(run_id) FROM etl.pipeline_runs WHERE pipeline = 'both' AND logical_time = '2025-01-02' \g /dev/null
SELECT etl.start_pipeline('both', '2025-01-04') \g /dev/null
CALL etl._run_queue();
SELECT is(pg_temp.taken('both'), '01 00-02 00, 02 00-04 00', 'what one that failed too has is not left out');
SELECT etl.create_pipeline('later', max_parallel => 1), etl.add_step('later', 's', 'SELECT 1'),
       pg_temp.take('later') \g /dev/null
CALL etl.run_pipeline('later', '2025-01-01');
SELECT etl.alter_step('later', 's', "check" => 'false') \g /dev/null
SELECT etl.start_pipeline('later', '2025-01-02'), etl.start_pipeline('later', '2025-01-03') \g /dev/null
CALL etl._run_queue();
UPDATE etl.step_run SET "check" = NULL;
SELECT etl.retry_run(run_id) FROM etl.pipeline_runs WHERE pipeline = 'later' AND status = 'failed'
ORDER BY logical_time \g /dev/null
CALL etl._run_queue();
SELECT is(pg_temp.taken('later'), '01 00-02 00, 02 00-03 00', 'nor taken twice where both are tried again');

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
