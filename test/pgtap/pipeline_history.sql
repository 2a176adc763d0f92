-- What etl.prune_history deletes and what it keeps. No transaction around the file, because it commits.
CREATE EXTENSION dblink;
SELECT plan(33);
SET timezone = 'UTC';
SET client_min_messages = error;

CREATE FUNCTION pg_temp.call(procedure text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', format('dbname=%s host=%s', current_database(),
                  current_setting('unix_socket_directories')), 'CALL ' || procedure)
$$;
-- A run that ended so many days ago (NULL: it has not)
CREATE FUNCTION pg_temp.run(kind text, name text, status text, days int, detail jsonb DEFAULT '{}',
                            owner name DEFAULT current_user)
RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO etl.run (kind, name, as_of, started_at, finished_at, status, detail, owner)
    VALUES (kind, name, now() - make_interval(days => coalesce(days, 200)),
            CASE WHEN status NOT IN ('queued', 'skipped') THEN now() - make_interval(days => coalesce(days, 200),
                mins => 5) END,
            now() - make_interval(days => days), status, detail, owner)
    RETURNING run_id
$$;
CREATE FUNCTION pg_temp.left_of(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', (now()::date - r.as_of::date), r.status), ', ' ORDER BY r.run_id)
    FROM etl.run AS r WHERE r.name = left_of.name
$$;

-- Each with its steps and events
SELECT etl.create_pipeline('p') \g /dev/null
SELECT pg_temp.run('pipeline', 'p', s, d)
FROM (VALUES ('succeeded', 120), ('failed', 110), ('cancelled', 100), ('skipped', 95), ('succeeded', 91), ('failed',
    90),
             ('succeeded', 89), ('failed', 1)) AS v(s, d) \g /dev/null
SELECT pg_temp.run('pipeline', 'p', 'running', NULL), pg_temp.run('pipeline', 'p', 'queued', NULL) \g /dev/null
INSERT INTO etl.pipeline_run (run_id, pipeline_id, logical_time, trigger, max_parallel, on_failure, search_path)
SELECT r.run_id, p.pipeline_id, r.as_of + r.run_id * interval '1 s', 'schedule', 1, 'stop', 'public'
FROM etl.run AS r JOIN etl.pipeline AS p USING (name);
SELECT etl.add_step('p', 's', 'SELECT 1') \g /dev/null
SELECT etl._fill_run(u), etl._log_event(u.run_id, NULL, 'queued') FROM etl.pipeline_run AS u \g /dev/null
CALL etl.prune_history(dry_run => true);
SELECT is(count(*), 10::bigint, 'a dry run deletes nothing') FROM etl.run;
SET client_min_messages = notice;
SELECT lives_ok(pg_temp.call('etl.prune_history()'), 'prune');
SET client_min_messages = error;
SELECT is(pg_temp.left_of('p'), '89 succeeded, 1 failed, 200 running, 200 queued',
          'what ended 90 days ago is deleted, and nothing that has not ended');
SELECT results_eq('SELECT count(*) FROM ' || t, 'VALUES (4::bigint)', t || ' goes along')
FROM unnest('{etl.pipeline_run,etl.step_run,etl.run_event}'::text[]) AS t;

-- The last run stays, and the last that succeeded.
DELETE FROM etl.run;
SELECT pg_temp.run('pipeline', n, s, d)
FROM (VALUES ('fails', 'succeeded', 300), ('fails', 'succeeded', 200), ('fails', 'failed', 150), ('fails', 'failed',
    140),
             ('works', 'failed', 300), ('works', 'succeeded', 200), ('works', 'succeeded', 150), ('once', 'failed',
                 300))
     AS v(n, s, d) \g /dev/null
CALL etl.prune_history('1 day');
SELECT is(pg_temp.left_of(n), w, n)
FROM (VALUES ('fails', '200 succeeded, 140 failed'), ('works', '150 succeeded'), ('once', '300 failed')) AS v(n, w);
CALL etl.prune_history('0');
SELECT is(count(*), 4::bigint, 'again: nothing more') FROM etl.run;
-- By logical time after a backfill of earlier times, as there the next interval begins
DELETE FROM etl.run;
SELECT pg_temp.run('pipeline', 'p', 'succeeded', d) FROM unnest('{150,200,160}'::int[]) AS d \g /dev/null
INSERT INTO etl.pipeline_run (run_id, pipeline_id, logical_time, trigger, max_parallel, on_failure, search_path)
SELECT r.run_id, p.pipeline_id, r.as_of, 'backfill', 1, 'stop', 'public'
FROM etl.run AS r JOIN etl.pipeline AS p USING (name);
CALL etl.prune_history('1 day');
SELECT is(pg_temp.left_of('p'), '150 succeeded, 160 succeeded', 'the latest logical time that succeeded stays too');

-- And the last of the schedule that was not skipped
DELETE FROM etl.run;
SELECT pg_temp.run('pipeline', 'p', s, d) FROM (VALUES ('succeeded', 150), ('failed', 140), ('skipped', 130),
                                                ('skipped', 120)) AS v(s, d) \g /dev/null
INSERT INTO etl.pipeline_run (run_id, pipeline_id, logical_time, trigger, max_parallel, on_failure, search_path)
SELECT r.run_id, p.pipeline_id, r.as_of, 'schedule', 1, 'stop', 'public'
FROM etl.run AS r JOIN etl.pipeline AS p USING (name);
CALL etl.prune_history('1 day');
SELECT is(pg_temp.left_of('p'), '150 succeeded, 140 failed, 120 skipped',
          'and the last of its schedule that was not skipped');

-- Of all kinds but retention and partitions, which the ledger names
DELETE FROM etl.run;
SELECT pg_temp.run(k, 'x', 'succeeded', d)
FROM unnest('{pipeline,extract,refresh,rollup,features,retention,partitions}'::text[]) AS k, unnest('{120,110}'::int[])
  AS d
\g /dev/null
CALL etl.prune_history();
SELECT results_eq('SELECT kind, count(*) FROM etl.run GROUP BY kind ORDER BY kind',
                  $$VALUES ('extract', 1::bigint), ('features', 1), ('partitions', 2), ('pipeline', 1), ('refresh', 1),
                           ('retention',
                      2), ('rollup', 1)$$,
                  'the record of retention is kept whole');
DELETE FROM etl.run;
SELECT pg_temp.run('refresh', 'v', 'succeeded', d, jsonb_build_object('mode', m))
FROM (VALUES (150, 'concurrently'), (140, 'plain'), (130, 'skipped'), (120, 'skipped')) AS v(d, m) \g /dev/null
CALL etl.prune_history();
SELECT is(pg_temp.left_of('v'), '140 succeeded, 120 succeeded', 'of refreshes the last that was not skipped');

-- Of extracts, what is under way and the last one; what was received stays
DELETE FROM etl.run;
SELECT pg_temp.run('extract', 'sales', s, d)
FROM (VALUES ('succeeded', 160), ('succeeded', 150), ('failed', 140), ('cancelled', 130), ('failed', 120)) AS v(s, d)
\g /dev/null
SELECT pg_temp.run('extract', 'events', 'succeeded', 150), pg_temp.run('extract', 'events', 'running',
    NULL) \g /dev/null
INSERT INTO etl.dead_letter (extract, run_id, record, reason) SELECT r.name, r.run_id, '{}', 'x' FROM etl.run AS r;
INSERT INTO etl.raw_record (extract, run_id, page, ordinal, record) SELECT r.name, r.run_id, 1, 1, '{}' FROM etl.run
    AS r;
CALL etl.prune_history();
SELECT is(pg_temp.left_of('sales'), '150 succeeded, 120 failed',
    'the last run of an extract and the last good one stay');
SELECT is(pg_temp.left_of('events'), '150 succeeded, 200 running', 'and one that is under way');
SELECT is((SELECT count(*) FROM etl.dead_letter) + (SELECT count(*) FROM etl.raw_record), 14::bigint,
          'dead letters and raw records stay');

-- More than a batch, and what another session has locked
DELETE FROM etl.run;
SELECT pg_temp.run('pipeline', 'many', 'failed', 100) FROM generate_series(1, 2500) \g /dev/null
SELECT dblink_connect('other', format('dbname=%s host=%s', current_database(),
                                      current_setting('unix_socket_directories'))) \g /dev/null
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', 'SELECT run_id FROM etl.run ORDER BY run_id LIMIT 1 FOR UPDATE') AS r(run_id bigint)
\g /dev/null
CALL etl.prune_history();
SELECT is(count(*), 2::bigint, 'a locked run is left') FROM etl.run;
SELECT dblink_exec('other', 'ROLLBACK'), dblink_disconnect('other') \g /dev/null
CALL etl.prune_history();
SELECT is(count(*), 1::bigint, 'for the next time') FROM etl.run;

-- Roles
CREATE ROLE etl_tap_history_ann LOGIN;
CREATE ROLE etl_tap_history_ben LOGIN;
DELETE FROM etl.run;
INSERT INTO etl.scheduler (owner, keep_runs)
VALUES ('etl_tap_history_ann', '30 days'), ('postgres', '200 days')
ON CONFLICT (owner) DO UPDATE SET keep_runs = excluded.keep_runs;
SELECT pg_temp.run('pipeline', o, 'failed', d, '{}', o)
FROM unnest('{etl_tap_history_ann,etl_tap_history_ben,postgres}'::name[]) AS o, unnest('{250,150,50,10}'::int[]) AS d
\g /dev/null
SET ROLE etl_tap_history_ben;
CALL etl.prune_history();
RESET ROLE;
SELECT is(pg_temp.left_of('etl_tap_history_ben'), '50 failed, 10 failed',
          'a role prunes its own runs: after 90 days when nobody said so');
SELECT is(count(*), 8::bigint, 'and no other''s') FROM etl.run WHERE owner <> 'etl_tap_history_ben';
SELECT pg_temp.run('pipeline', 'etl_tap_history_ben', 'failed', d, '{}', 'etl_tap_history_ben')
FROM unnest('{250,150}'::int[]) AS d \g /dev/null
SELECT pg_temp.run('pipeline', 'etl_tap_history_ben', 'failed', 10, '{}', 'etl_tap_history_ben') \g /dev/null
CALL etl.prune_history();
SELECT is(pg_temp.left_of(o), w, o || ': a superuser prunes all, each as its owner wants it or else as it does itself')
FROM (VALUES ('etl_tap_history_ann', '10 failed'), ('etl_tap_history_ben',
                                                    '50 failed, 10 failed, 150 failed, 10 failed'),
             ('postgres', '150 failed, 50 failed, 10 failed')) AS v(o, w);
CALL etl.prune_history('20 days');
SELECT is(pg_temp.left_of(o), w, o || ': all alike when it says so')
FROM (VALUES ('etl_tap_history_ann', '10 failed'), ('etl_tap_history_ben', '10 failed, 10 failed'), ('postgres',
    '10 failed'))
     AS v(o, w);
DROP ROLE etl_tap_history_ann, etl_tap_history_ben;

-- By the tick, once in an hour
DELETE FROM etl.run;
SELECT pg_temp.run('pipeline', 'old', 'failed', d) FROM unnest('{250,240}'::int[]) AS d \g /dev/null
UPDATE etl.scheduler SET pruned_at = now() - interval '59 minutes' WHERE owner = current_user;
CALL etl.tick('2025-01-01');
SELECT is(pg_temp.left_of('old'), '250 failed, 240 failed', 'within the hour a tick prunes nothing');
UPDATE etl.scheduler SET pruned_at = now() - interval '61 minutes' WHERE owner = current_user;
CALL etl.tick('2025-01-01');
SELECT is(pg_temp.left_of('old'), '240 failed', 'then it does');
SELECT ok(pruned_at > now() - interval '1 minute', 'and notes it') FROM etl.scheduler WHERE owner = current_user;

-- Arguments
SELECT throws_ok(pg_temp.call('etl.prune_history(''-1 day'')'), '22023', NULL, 'a negative time');
SELECT throws_ok(pg_temp.call('etl.prune_history(dry_run => NULL)'), '22023', NULL, 'neither true nor false');
SELECT throws_ok('CALL etl.prune_history()', '2D000', NULL, 'it commits');

SELECT * FROM finish();
