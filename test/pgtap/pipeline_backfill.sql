-- Backfills: their logical times and intervals, failures, cancels, parallel runs. No transaction around the file,
-- because backfills commit. Other sessions come by dblink.
CREATE EXTENSION dblink;
SELECT plan(40);
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
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
-- SQLSTATE and message of a statement, and NULL where it succeeds.
CREATE FUNCTION pg_temp.state(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- The procedure called at the top level of another session.
CREATE FUNCTION pg_temp.call(arguments text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.state(format('SELECT dblink_exec(%L, %L)', pg_temp.other() || ' options=-cclient_min_messages=error',
                                format('CALL etl.backfill(%s)', arguments)))
$$;
CREATE FUNCTION pg_temp.runs(since timestamptz, OUT day text, OUT status text) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT to_char(r.logical_time, 'MM-DD'), r.status FROM etl.pipeline_runs AS r
    WHERE r.pipeline = 'p' AND r.logical_time >= since ORDER BY r.logical_time
$$;
CREATE TABLE done (n int GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT etl.logical_time(),
                   since timestamptz DEFAULT etl.interval_start(),
                   param text DEFAULT current_setting('pg_etl.params')::jsonb ->> 'k');

SELECT etl.create_pipeline('p') \g /dev/null
SELECT is(pg_temp.call($$'p', '2025-01-01', '2025-01-02', '1 day'$$), '55000 pipeline "p" has no steps', 'no steps');
SELECT etl.add_step('p', 'a', 'INSERT INTO public.done DEFAULT VALUES') \g /dev/null

-- Bad arguments
SELECT is(pg_temp.call($$'p', '2025-01-01', '2025-01-02'$$),
          '22023 pipeline "p" has no schedule that would tell the logical times', 'no schedule and no distance');
SELECT is(pg_temp.call($$'p', '2025-01-02', '2025-01-01', '1 day'$$),
          '22023 "to" is before "from": 2025-01-01 00:00:00+00, 2025-01-02 00:00:00+00', 'the wrong way round');
SELECT matches(pg_temp.call($$'p', '2025-01-01', now() + interval '1 hour', '1 day'$$), '^22023 "to" is in the future',
          'the future');
SELECT matches(pg_temp.call($$'p', NULL, '2025-01-01', '1 day'$$), '^22023 "from" must be a point in time',
               'no beginning');
SELECT matches(pg_temp.call($$'p', '2025-01-01', '2025-01-02', '-1 day'$$), '^22023 every must be', 'backwards');
SELECT is(pg_temp.call($$'p', '2025-01-01', '2025-01-02', '1 day', parallel => 0$$),
          '22023 parallel must be at least 1, not 0', 'none at once');
SELECT matches(pg_temp.call($$'p', '2025-01-01', '2025-01-02', '1 day', params => '[]'$$), '^22023 params',
          'bad params');
SELECT is(pg_temp.call($$'p', '2020-01-01', '2025-01-02', '1 minute'$$),
          '54000 the backfill has more than 100000 logical times', 'too many');
SELECT is(pg_temp.call($$'none', '2025-01-01', '2025-01-02', '1 day'$$), '42704 pipeline "none" does not exist',
          'no pipeline');
SELECT throws_ok($$CALL etl.backfill('p', '2025-01-01', '2025-01-02', '1 day')$$, '2D000', NULL, 'in a function');
SELECT is((SELECT count(*) FROM etl.pipeline_runs), 0::bigint, 'which queue nothing');

-- By a distance
CALL etl.backfill('p', '2025-01-01', '2025-01-03', '1 day', params => '{"k": "v"}', dry_run => true);
SELECT is((SELECT count(*) FROM etl.pipeline_runs), 0::bigint, 'nor does a dry run');
CALL etl.backfill('p', '2025-01-01', '2025-01-03', '1 day', params => '{"k": "v"}');
SELECT results_eq('SELECT at, since, param FROM done ORDER BY n',
                  $$SELECT d, d - interval '1 day', 'v'
                    FROM generate_series('2025-01-01'::timestamptz, '2025-01-03', '1 day') AS d$$,
                  'both ends are included, one after the other, each with its interval and the parameters');
SELECT results_eq('SELECT DISTINCT trigger, backfill_id, status FROM etl.pipeline_runs',
                  $$SELECT 'backfill', min(run_id), 'succeeded' FROM etl.pipeline_runs$$, 'one backfill');
CALL etl.backfill('p', '2025-01-01', '2025-01-04', '12 hours');
SELECT results_eq('SELECT at FROM done WHERE n > 3 ORDER BY n',
                  $$SELECT d + interval '12 hours'
                    FROM generate_series('2025-01-01'::timestamptz, '2025-01-03', '1 day') AS d
                    UNION ALL SELECT '2025-01-04' ORDER BY 1$$, 'times that have a run are left');
CALL etl.backfill('p', '2025-01-01', '2025-01-04', '12 hours');
SELECT is((SELECT count(*) FROM done), 7::bigint, 'all of them too');

-- In the pipeline's time zone, across a change of the clocks
TRUNCATE done;
SELECT etl.create_pipeline('berlin', timezone => 'Europe/Berlin') \g /dev/null
SELECT etl.add_step('berlin', 'a', 'INSERT INTO public.done DEFAULT VALUES') \g /dev/null
CALL etl.backfill('berlin', '2025-03-29 02:00 Europe/Berlin', '2025-03-31 23:00 Europe/Berlin', '1 day');
SELECT results_eq('SELECT at, since FROM done ORDER BY at',
                  $$VALUES ('2025-03-29 01:00+00'::timestamptz, '2025-03-28 01:00+00'::timestamptz),
                           ('2025-03-30 01:00+00', '2025-03-29 01:00+00'),
                           ('2025-03-31 00:00+00', '2025-03-30 01:00+00')$$,
                  'days are those of the clock');

-- By the schedule
TRUNCATE done;
SELECT etl.create_pipeline('nightly', schedule => '0 2 * * 1-5') \g /dev/null
SELECT etl.add_step('nightly', 'a', 'INSERT INTO public.done DEFAULT VALUES') \g /dev/null
CALL etl.backfill('nightly', '2025-01-02 02:00', '2025-01-06 02:00');
SELECT results_eq('SELECT at, since FROM done ORDER BY n',
                  $$VALUES ('2025-01-02 02:00+00'::timestamptz, '2025-01-01 02:00+00'::timestamptz),
                           ('2025-01-03 02:00+00', '2025-01-02 02:00+00'),
                           ('2025-01-06 02:00+00', '2025-01-03 02:00+00')$$,
                  'the times of the schedule');

-- Parallel: two steps that wait for each other end only if their runs are under way at once
SELECT etl.create_pipeline('meet') \g /dev/null
SELECT etl.add_step('meet', 'a', $step$DO $do$ BEGIN
    FOR i IN 1 .. 500 LOOP
        EXIT WHEN (SELECT count(*) >= 3 FROM etl.run WHERE kind = 'pipeline' AND name = 'meet' AND status <> 'queued');
        PERFORM pg_sleep(0.01);
    END LOOP;
    IF (SELECT count(*) FROM etl.run WHERE name = 'meet' AND status <> 'queued') < 3 THEN RAISE 'alone'; END IF;
END $do$$step$) \g /dev/null
CALL etl.backfill('meet', '2025-01-01', '2025-01-06', '1 day', parallel => 3);
SELECT is((SELECT count(*) FROM etl.pipeline_runs WHERE pipeline = 'meet' AND status = 'succeeded'), 6::bigint,
          'three at once');
SELECT is((SELECT max(n) FROM (
              SELECT (SELECT count(*) FROM etl.pipeline_runs AS o
                      WHERE o.pipeline = 'meet' AND o.started_at <= r.started_at
                        AND o.started_at + o.duration > r.started_at) AS n
              FROM etl.pipeline_runs AS r WHERE r.pipeline = 'meet') AS x), 3::bigint, 'and never more');

-- Failures
SELECT etl.alter_step('p', 'a', 'SELECT 1 / (extract(day FROM etl.logical_time())::int - 3)') \g /dev/null
SELECT is(pg_temp.call($$'p', '2025-02-01', '2025-02-05', '1 day'$$),
          'P0001 backfill of pipeline "p": 3 of 5 runs have not succeeded', 'a failure is told in the end');
SELECT results_eq($$SELECT * FROM pg_temp.runs('2025-02-01')$$,
                  $$VALUES ('02-01', 'succeeded'), ('02-02', 'succeeded'), ('02-03', 'failed'), ('02-04', 'cancelled'),
                           ('02-05', 'cancelled')$$, 'and ends it, where the pipeline stops on failures');
SELECT is((SELECT r.error FROM etl.pipeline_runs AS r WHERE r.logical_time = '2025-02-05'),
          (SELECT format('run %s of its backfill failed', r.run_id)
           FROM etl.pipeline_runs AS r WHERE r.logical_time = '2025-02-03'),
          'the reason');
SELECT etl.alter_pipeline('p', on_failure => 'continue') \g /dev/null
SELECT is(pg_temp.call($$'p', '2025-03-01', '2025-03-05', '1 day'$$),
          'P0001 backfill of pipeline "p": 1 of 5 runs have not succeeded', 'else');
SELECT results_eq($$SELECT * FROM pg_temp.runs('2025-03-01') WHERE status <> 'succeeded'$$,
                  $$VALUES ('03-03', 'failed')$$,
                  'the others go on');
SELECT count(etl.retry_run(run_id)) FROM etl.pipeline_runs
WHERE backfill_id = (SELECT backfill_id FROM etl.pipeline_runs WHERE logical_time = '2025-02-03')
  AND status IN ('failed', 'cancelled') \g /dev/null
SELECT ok(pg_temp.becomes($$SELECT count(*) = 0 FROM etl.pipeline_runs WHERE status IN ('queued', 'running')$$),
          'what the hint says');
SELECT results_eq($$SELECT * FROM pg_temp.runs('2025-02-01') LIMIT 5$$,
                  $$VALUES ('02-01', 'succeeded'), ('02-02', 'succeeded'), ('02-03', 'failed'), ('02-04', 'cancelled'),
                           ('02-05', 'cancelled')$$, 'a retry that fails stops the others again');

-- A cancel of the call, and of one of its runs
SELECT etl.alter_step('p', 'a',
                      'SELECT pg_sleep(CASE extract(day FROM etl.logical_time()) WHEN 2 THEN 60 ELSE 0 END)')
    \g /dev/null
SELECT dblink_connect('caller', pg_temp.other()) \g /dev/null
SELECT pid AS caller FROM dblink('caller', 'SELECT pg_backend_pid()') AS r(pid int) \gset
SELECT dblink_send_query('caller', $$CALL etl.backfill('p', '2025-04-01', '2025-04-04', '1 day')$$) \g /dev/null
SELECT ok(pg_temp.becomes($$SELECT count(*) = 1 FROM etl.step_runs WHERE waits_for = 'Timeout: PgSleep'$$),
          'a backfill');
SELECT is((SELECT executor_pid FROM etl.pipeline_runs WHERE status = 'running'), :caller,
          'that the session that calls executes');
SELECT pg_cancel_backend(:caller) \g /dev/null
SELECT ok(pg_temp.becomes($$SELECT dblink_is_busy('caller') = 0$$), 'is cancelled');
SELECT is(pg_temp.state($$SELECT * FROM dblink_get_result('caller') AS r(t text)$$),
          '57014 backfill of pipeline "p" was canceled: 3 of 4 runs have not succeeded', 'which the call tells');
SELECT * FROM dblink_get_result('caller', false) AS r(t text) \g /dev/null
SELECT results_eq($$SELECT * FROM pg_temp.runs('2025-04-01')$$,
                  $$VALUES ('04-01', 'succeeded'), ('04-02', 'cancelled'), ('04-03', 'cancelled'),
                           ('04-04', 'cancelled')$$,
                  'with the runs that it had queued');
SELECT dblink_send_query('caller', $$CALL etl.backfill('p', '2025-05-01', '2025-05-04', '1 day')$$) \g /dev/null
SELECT ok(pg_temp.becomes($$SELECT count(*) = 1 FROM etl.step_runs WHERE waits_for = 'Timeout: PgSleep'$$),
          'another one');
SELECT is(etl.cancel_run(run_id), true, 'of which one run is cancelled')
FROM etl.pipeline_runs WHERE status = 'running';
SELECT ok(pg_temp.becomes($$SELECT dblink_is_busy('caller') = 0$$), 'ends');
SELECT results_eq($$SELECT * FROM pg_temp.runs('2025-05-01')$$,
                  $$VALUES ('05-01', 'succeeded'), ('05-02', 'cancelled'), ('05-03', 'succeeded'),
                           ('05-04', 'succeeded')$$,
                  'with the others');
SELECT dblink_disconnect('caller') \g /dev/null

-- The session that called is gone: a runner goes on with what it had queued
SELECT dblink_connect('caller', pg_temp.other()) \g /dev/null
SELECT pid AS caller FROM dblink('caller', 'SELECT pg_backend_pid()') AS r(pid int) \gset
SELECT dblink_send_query('caller', $$CALL etl.backfill('p', '2025-06-02', '2025-06-04', '1 day')$$) \g /dev/null
SELECT ok(pg_temp.becomes($$SELECT count(*) = 1 FROM etl.step_runs WHERE waits_for = 'Timeout: PgSleep'$$),
          'a backfill whose session');
SELECT pg_terminate_backend(:caller) \g /dev/null
SELECT ok(pg_temp.becomes($$SELECT problem ~ 'is gone' FROM etl.pipelines WHERE pipeline = 'p'$$), 'is gone');
UPDATE etl.step_run SET command = 'SELECT 1' WHERE status = 'running';
SELECT etl._start_runner(current_user) \g /dev/null
SELECT ok(pg_temp.becomes($$SELECT count(*) = 3 FROM pg_temp.runs('2025-06-01') WHERE status = 'succeeded'$$),
          'is gone on with');
SELECT dblink_disconnect('caller') \g /dev/null
SELECT * FROM finish();
