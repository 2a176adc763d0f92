-- Which times of a schedule are run: catch-up after a downtime, overlap with runs under way, clocks that are set, and
-- pipelines that cannot be looked at. Every moment is given, so that every answer is exact.
BEGIN;
SET timezone = 'UTC';
SET client_min_messages = error;
SELECT plan(82);

CREATE FUNCTION pg_temp.define(name text, schedule text, next_at timestamptz, catchup text DEFAULT 'last',
                               overlap text DEFAULT 'queue', zone text DEFAULT 'UTC')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.create_pipeline(name), etl.add_step(name, 's', 'SELECT 1');
    UPDATE etl.pipeline AS p
    SET schedule = define.schedule, next_at = define.next_at, catchup = define.catchup, overlap = define.overlap,
        timezone = zone
    WHERE p.name = define.name;
END $$;
-- What a tick queues, without the workers that would execute it
CREATE FUNCTION pg_temp.tick(moment timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    place integer := 0;
    batch record;
    queued integer := 0;
BEGIN
    WHILE place IS NOT NULL LOOP
        SELECT * INTO batch FROM etl._queue_due(moment, place);
        place := batch.place;
        queued := queued + batch.queued;
    END LOOP;
    RETURN queued;
END $$;
CREATE FUNCTION pg_temp.runs(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(to_char(r.as_of, 'MM-DD HH24:MI') || ' ' || r.status, ', ' ORDER BY r.as_of)
    FROM etl.run AS r WHERE r.name = runs.name
$$;
CREATE FUNCTION pg_temp.next(name text) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(p.next_at, 'MM-DD HH24:MI') FROM etl.pipeline AS p WHERE p.name = next.name
$$;
CREATE FUNCTION pg_temp.event(name text, event text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(e.message, '; ' ORDER BY e.event_id)
    FROM etl.run_event AS e JOIN etl.run AS r USING (run_id)
    WHERE r.name = event.name AND e.event = event.event
$$;
CREATE FUNCTION pg_temp.finish(name text, status text, n integer DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    UPDATE etl.run AS r SET status = finish.status
    WHERE r.run_id IN (SELECT q.run_id FROM etl.run AS q WHERE q.name = finish.name AND q.status IN ('queued',
        'running')
                       ORDER BY q.as_of LIMIT n)
$$;

-- Catch-up -----------------------------------------------------------------------------------------------------------

SELECT pg_temp.define(c, '0 * * * *', '2025-01-01 01:00', c) FROM unnest('{last,none,all}'::text[]) AS c \g /dev/null
SELECT is(pg_temp.tick('2025-01-01 00:59:59.999999'), 0, 'a microsecond before its time nothing is due');
SELECT is(pg_temp.tick('2025-01-01 01:00'), 3, 'at its time it is');
SELECT is(pg_temp.runs(c), '01-01 01:00 queued', format('with catchup %s', c))
FROM unnest('{last,none,all}'::text[]) AS c;
SELECT is(pg_temp.next(c), '01-01 02:00', format('catchup %s: the next time', c))
FROM unnest('{last,none,all}'::text[]) AS c;
SELECT is(pg_temp.tick('2025-01-01 01:59'), 0, 'once');
SELECT results_eq($$SELECT interval_start, interval_end, trigger, logical_time FROM etl.pipeline_run LIMIT 1$$,
                  $$VALUES ('2025-01-01 00:00'::timestamptz, '2025-01-01 01:00'::timestamptz, 'schedule',
                            '2025-01-01 01:00'::timestamptz)$$, 'the interval that ends then');
SELECT is(count(*), 0::bigint, 'nothing was left out') FROM etl.run_event WHERE event <> 'queued';

-- A downtime of some hours
SELECT is(pg_temp.tick('2025-01-01 06:05'), 7, 'after a downtime');
SELECT is(pg_temp.runs('last'), '01-01 01:00 queued, 01-01 06:00 queued', 'last: the latest');
SELECT is(pg_temp.event('last', 'missed'), '4 times before it, from 2025-01-01 02:00:00+00 to 2025-01-01 05:00:00+00, '
          'were left out (catchup last)', 'and the others are counted');
SELECT results_eq($$SELECT e.detail FROM etl.run_event AS e JOIN etl.run USING (run_id) WHERE name = 'last'
                  AND event = 'missed'$$,
                  $$VALUES (jsonb_build_object('count', 4, 'from', '2025-01-01T02:00:00+00:00',
                                               'to', '2025-01-01T05:00:00+00:00'))$$,
                  'for programs too');
SELECT is(pg_temp.runs('none'), '01-01 01:00 queued, 01-01 06:00 queued', 'none: what is late by five minutes still');
SELECT is(pg_temp.event('none', 'missed'), '4 times before it, from 2025-01-01 02:00:00+00 to 2025-01-01 05:00:00+00, '
          'were left out (catchup none)', 'and the others are counted');
SELECT is(pg_temp.runs('all'), '01-01 01:00 queued, 01-01 02:00 queued, 01-01 03:00 queued, 01-01 04:00 queued, '
          '01-01 05:00 queued, 01-01 06:00 queued', 'all: each');
SELECT is_empty($$
    SELECT r.name, u.logical_time, u.interval_start FROM (
        SELECT *, lag(logical_time, 1,
                      '2025-01-01 00:00') OVER (PARTITION BY pipeline_id ORDER BY logical_time) AS before
        FROM etl.pipeline_run) AS u
    JOIN etl.run AS r USING (run_id)
    WHERE u.interval_start <> before OR u.interval_end <> u.logical_time
$$, 'each from where the one before ends, whatever was left out in between');
SELECT ok(bool_and(r.as_of > l.as_of), 'in their order')
FROM etl.run AS r JOIN etl.run AS l ON l.name = 'all' AND r.name = 'all' AND l.run_id < r.run_id;
SELECT is(pg_temp.next(c), '01-01 07:00', format('catchup %s: the next time', c))
FROM unnest('{last,none,all}'::text[]) AS c;
SELECT is(pg_temp.tick('2025-01-01 08:05:00.000001'), 3, 'late by more than five minutes');
SELECT is(right(pg_temp.runs('none'), 19), '01-01 08:00 skipped', 'none: it is recorded as skipped');
SELECT is(error, 'its time came 00:05:00 before, and late runs are left out (catchup none)', 'with the reason')
FROM etl.run WHERE name = 'none' AND status = 'skipped';
SELECT is(pg_temp.event('none', 'skipped'), 'its time came 00:05:00 before, and late runs are left out (catchup none)',
          'in the log too');
SELECT ok(finished_at IS NOT NULL AND started_at IS NULL, 'it has ended and never began')
FROM etl.run WHERE name = 'none' AND status = 'skipped';
SELECT is(pg_temp.event('last', 'missed'), '4 times before it, from 2025-01-01 02:00:00+00 to 2025-01-01 05:00:00+00, '
          'were left out (catchup last); the time 2025-01-01 07:00:00+00 before it was left out (catchup last)',
          'one time that was left out');

-- No more than a thousand wait in the queue.
SELECT pg_temp.define('many', '1 minute', '2025-01-01 00:00', 'all') \g /dev/null
UPDATE etl.pipeline SET paused_at = now() WHERE name <> 'many';
SELECT is(pg_temp.tick('2025-01-03 00:00'), 1000, 'all: at most a thousand at a time');
SELECT is(pg_temp.next('many'), '01-01 16:40', 'and the next time stays where they end');
SELECT is(pg_temp.tick('2025-01-03 00:00'), 0, 'no more while they wait');
SELECT pg_temp.finish('many', 'running', 7), pg_temp.finish('many', 'succeeded', 4) \g /dev/null
SELECT is(pg_temp.tick('2025-01-03 00:00'), 7, 'as many as have begun');
SELECT is(pg_temp.next('many'), '01-01 16:47', 'from there on');
SELECT pg_temp.finish('many', 'succeeded') \g /dev/null
SELECT is(pg_temp.tick('2025-01-03 00:00') + pg_temp.tick('2025-01-03 00:00'), 1000, 'a thousand more');
SELECT pg_temp.finish('many', 'succeeded') \g /dev/null
SELECT is(pg_temp.tick('2025-01-03 00:00'), 874, 'and the rest');
SELECT results_eq($$SELECT count(*), count(DISTINCT as_of), min(as_of), max(as_of) FROM etl.run WHERE name = 'many'$$,
                  $$VALUES (2881::bigint, 2881::bigint, '2025-01-01 00:00'::timestamptz,
                            '2025-01-03 00:00'::timestamptz)$$,
                  'none is lost and none is double');
SELECT etl.drop_pipeline('many') \g /dev/null
UPDATE etl.pipeline SET paused_at = NULL;

-- Many more are counted, up to a bound.
SELECT pg_temp.define('seconds', '1 s', '2025-01-01 00:00', 'last') \g /dev/null
SELECT pg_temp.tick('2025-03-01 00:00') \g /dev/null
SELECT is(pg_temp.event('seconds', 'missed'), 'at least 100000 times before it, from 2025-01-01 00:00:00+00 to '
          '2025-02-28 23:59:59+00, were left out (catchup last)', 'so many that they are not counted to the end');
DELETE FROM etl.run;
SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null

-- Clocks -------------------------------------------------------------------------------------------------------------

SELECT pg_temp.define('back', '*/10 * * * *', '2025-01-01 01:00', 'all') \g /dev/null
SELECT pg_temp.tick('2025-01-01 01:30') \g /dev/null
SELECT is(pg_temp.tick('2025-01-01 01:05'), 0, 'a clock that is set back');
SELECT is(pg_temp.next('back'), '01-01 01:40', 'changes nothing');
UPDATE etl.pipeline SET next_at = '2025-01-01 01:10' WHERE name = 'back';
SELECT is(pg_temp.tick('2025-01-01 01:40'), 1, 'a time that comes again');
SELECT is(pg_temp.runs('back'), '01-01 01:00 queued, 01-01 01:10 queued, 01-01 01:20 queued, 01-01 01:30 queued, '
          '01-01 01:40 queued', 'is run once');
SELECT etl.drop_pipeline('back') \g /dev/null
SELECT pg_temp.define('berlin', '30 2 * * *', '2026-03-28 01:30', 'all', zone => 'Europe/Berlin') \g /dev/null
SELECT pg_temp.tick('2026-03-31 00:00') \g /dev/null
SELECT is(pg_temp.runs('berlin'), '03-28 01:30 queued, 03-29 01:00 queued, 03-30 00:30 queued',
          'a time that is skipped when clocks are set forward comes once, after the gap');
UPDATE etl.pipeline SET next_at = '2026-10-24 00:30' WHERE name = 'berlin';
DELETE FROM etl.run;
SELECT pg_temp.tick('2026-10-27 00:00') \g /dev/null
SELECT is(pg_temp.runs('berlin'), '10-24 00:30 queued, 10-25 00:30 queued, 10-26 01:30 queued',
          'one that clocks show twice comes at the first of both');
-- The rules of the zone were others when next_at was found.
UPDATE etl.pipeline SET next_at = '2026-11-01 00:30' WHERE name = 'berlin';
DELETE FROM etl.run;
SELECT is(pg_temp.tick('2026-11-01 01:29'), 0, 'new rules of a time zone: the time that was noted is none any more');
SELECT is(pg_temp.next('berlin'), '11-01 01:30', 'it is found anew');
SELECT is(pg_temp.tick('2026-11-01 01:30'), 1, 'and comes');
DELETE FROM etl.run;
SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null

-- Overlap ------------------------------------------------------------------------------------------------------------

-- The run before is queued, is under way, or has ended; then the next time comes.
SELECT pg_temp.define(format('%s, %s', o, s), '0 * * * *', '2025-01-01 01:00', overlap => o)
FROM unnest('{skip,queue,replace}'::text[]) AS o, unnest('{queued,running,failed}'::text[]) AS s \g /dev/null
SELECT pg_temp.tick('2025-01-01 01:00') \g /dev/null
UPDATE etl.run SET status = split_part(name, ', ', 2);
SELECT is(pg_temp.tick('2025-01-01 02:00'), 7, 'overlap');
SELECT is(pg_temp.runs(o || ', ' || s), wanted, format('%s, and the run before is %s', o, s))
FROM (VALUES
    ('skip', 'queued', '01-01 01:00 queued, 01-01 02:00 skipped'),
    ('skip', 'running', '01-01 01:00 running, 01-01 02:00 skipped'),
    ('skip', 'failed', '01-01 01:00 failed, 01-01 02:00 queued'),
    ('queue', 'queued', '01-01 01:00 queued, 01-01 02:00 queued'),
    ('queue', 'running', '01-01 01:00 running, 01-01 02:00 queued'),
    ('queue', 'failed', '01-01 01:00 failed, 01-01 02:00 queued'),
    ('replace', 'queued', '01-01 01:00 skipped, 01-01 02:00 queued'),
    ('replace', 'running', '01-01 01:00 running, 01-01 02:00 queued'),
    ('replace', 'failed', '01-01 01:00 failed, 01-01 02:00 queued')) AS v(o, s, wanted);
SELECT is(error, format('the run for 2025-01-01 01:00:00+00 was %s still (overlap skip)', split_part(name, ', ', 2)),
          'why: ' || name)
FROM etl.run WHERE name IN ('skip, queued', 'skip, running') AND status = 'skipped' ORDER BY name;
SELECT is((SELECT error FROM etl.run WHERE name = 'replace, queued' AND status = 'skipped'),
          'it was replaced by the run for 2025-01-01 02:00:00+00', 'why: replaced');
SELECT results_eq($$SELECT r.name FROM etl.pipeline_run AS u JOIN etl.run AS r USING (run_id)
                    WHERE u.cancel_requested_at IS NOT NULL$$,
                  $$VALUES ('replace, running')$$, 'the one under way is asked to cancel, and no other');
DELETE FROM etl.run;
SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null

-- Backfills have a queue of their own, and a run that somebody asked for beforehand is the run.
SELECT pg_temp.define(o, '0 * * * *', '2025-01-01 01:00', overlap => o)
FROM unnest('{skip,replace}'::text[]) AS o \g /dev/null
SELECT etl._enqueue_run(p, '2024-06-01', 'backfill') FROM etl.pipeline AS p \g /dev/null
SELECT is(pg_temp.tick('2025-01-01 01:00'), 2, 'a backfill that waits is in nobody''s way');
SELECT is(pg_temp.runs(o), '06-01 00:00 queued, 01-01 01:00 queued', format('with overlap %s', o))
FROM unnest('{skip,replace}'::text[]) AS o;
SELECT etl._enqueue_run(p, '2025-01-01 02:00', 'call') FROM etl.pipeline AS p WHERE name = 'replace' \g /dev/null
SELECT is(pg_temp.tick('2025-01-01 02:00'), 0, 'a run that is there already');
SELECT is(pg_temp.runs('replace'), '06-01 00:00 queued, 01-01 01:00 queued, 01-01 02:00 queued', 'replaces nothing');
SELECT is(pg_temp.next('replace'), '01-01 03:00', 'and its time is past');
DELETE FROM etl.run;
SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null

-- What cannot be looked at -------------------------------------------------------------------------------------------

SELECT pg_temp.define(n, '0 * * * *', '2025-01-01 01:00', 'all')
FROM unnest('{zone,schedule,role,paused,none,well}'::text[]) AS n \g /dev/null
UPDATE etl.pipeline SET timezone = 'Mars/Olympus' WHERE name = 'zone';
UPDATE etl.pipeline SET schedule = '0 0 30 2 *' WHERE name = 'schedule';
UPDATE etl.pipeline SET owner = 'etl_tap_nobody' WHERE name = 'role';
UPDATE etl.pipeline SET paused_at = now() WHERE name = 'paused';
UPDATE etl.pipeline SET schedule = NULL WHERE name = 'none';
SELECT is(pg_temp.tick('2025-01-01 02:30'), 2, 'the tick goes on with the others');
SELECT results_eq($$SELECT name, problem FROM etl.pipeline WHERE problem IS NOT NULL ORDER BY name$$,
                  $$VALUES ('role', 'role "etl_tap_nobody" does not exist'),
                           ('schedule', (SELECT problem FROM etl.pipeline WHERE name = 'schedule')),
                           ('zone', 'time zone "Mars/Olympus" not recognized')$$, 'and writes down what is wrong');
SELECT results_eq('SELECT name, count(*) FROM etl.run GROUP BY name', $$VALUES ('well', 2::bigint)$$,
                  'nothing else is run');
UPDATE etl.pipeline SET timezone = 'UTC' WHERE name = 'zone';
SELECT is(pg_temp.tick('2025-01-01 03:30'), 4, 'once it is mended');
SELECT is(pg_temp.runs('zone'), '01-01 01:00 queued, 01-01 02:00 queued, 01-01 03:00 queued', 'nothing was forgotten');
SELECT is((SELECT problem FROM etl.pipeline WHERE name = 'zone'), NULL, 'and the problem is over');

DELETE FROM etl.run;
SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null

-- A pipeline that has a schedule and no steps yet
SELECT etl.create_pipeline('early') \g /dev/null
UPDATE etl.pipeline SET schedule = '0 * * * *', next_at = '2025-01-01 01:00' WHERE name = 'early';
SELECT is(pg_temp.tick('2025-01-01 03:30'), 0, 'without steps nothing is run');
SELECT is(pg_temp.runs('early'), NULL, 'and nothing recorded as done');
SELECT is(problem, 'it has no steps', 'which is a problem') FROM etl.pipeline WHERE name = 'early';
SELECT is(pg_temp.next('early'), '01-01 01:00', 'its times wait');
SELECT etl.add_step('early', 's', 'SELECT 1'), etl.alter_pipeline('early', catchup => 'all', overlap => 'queue')
\g /dev/null
SELECT is(pg_temp.tick('2025-01-01 03:30'), 3, 'until it has some, as its catchup says');
SELECT is((SELECT problem FROM etl.pipeline WHERE name = 'early'), NULL, 'and then there is none');
DELETE FROM etl.run;
SELECT etl.drop_pipeline(name) FROM etl.pipeline \g /dev/null

-- Intervals ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.intervals(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s-%s %s', to_char(u.interval_start, 'HH24'), to_char(u.interval_end, 'HH24'),
                             r.status), ', '
                      ORDER BY u.logical_time)
    FROM etl.pipeline_run AS u JOIN etl.run AS r USING (run_id) WHERE r.name = intervals.name
$$;
SELECT pg_temp.define(o, '0 * * * *', '2025-01-01 01:00', overlap => o)
FROM unnest('{skip,queue,replace}'::text[]) AS o \g /dev/null
SELECT count(pg_temp.tick('2025-01-01 00:00'::timestamptz + n * interval '1 hour')) FROM generate_series(1, 3) AS n
\g /dev/null
SELECT pg_temp.finish('skip', 'succeeded') \g /dev/null
SELECT pg_temp.tick('2025-01-01 04:00') \g /dev/null
SELECT is(pg_temp.intervals('skip'), '00-01 succeeded, 01-02 skipped, 01-03 skipped, 01-04 queued',
          'a run makes up for those that were skipped before it');
SELECT is(pg_temp.intervals('queue'), '00-01 queued, 01-02 queued, 02-03 queued, 03-04 queued', 'each has its own');
SELECT is(pg_temp.intervals('replace'), '00-01 skipped, 00-02 skipped, 00-03 skipped, 00-04 queued',
          'or takes over that of the run that it replaces');

SELECT * FROM finish();
ROLLBACK;
