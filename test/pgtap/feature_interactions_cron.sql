-- The example docs/examples/interactions, small: its features, its training data, and when they are made.
\set rows 20000
\set as_of '2026-02-03 04:05:06+00'
\o /dev/null
\i docs/examples/interactions/schema.sql
\i docs/examples/interactions/data.sql
CREATE EXTENSION pg_cron;
\i docs/examples/interactions/features.sql
SET client_min_messages = warning;
CALL etl.backfill('training_data', :'as_of'::timestamptz - interval '12 hours', :'as_of', every => '6 hours');
\i docs/examples/interactions/check.sql
\o
SET search_path = recommender, public;
SELECT plan(14);
SELECT pass('features and training data are what plain SQL finds'); -- check.sql would have ended this file
SELECT is(schedule, '0 */6 * * *', 'all of it is made every six hours')
FROM etl.pipelines WHERE pipeline = 'training_data';
SELECT is((SELECT array_agg(jobname::text) FROM cron.job), '{etl tick}', 'and nothing but the tick is scheduled');

-- Once more after new interactions: a new version, and the oldest one goes
SELECT count(*) AS rows FROM training_data \gset
INSERT INTO interactions VALUES (1000000, 1, 'purchase', NULL, '2026-02-03 05:00:00+00');
CALL etl.run_pipeline('training_data', '2026-02-03 06:00:00+00');
SELECT is(count(*) - :rows, 5::bigint, 'one positive and its four negatives') FROM training_data;
SELECT is((SELECT array_agg(version ORDER BY version) FROM training_versions),
          '{2026-02-02 22:05:06+00,2026-02-03 04:05:06+00,2026-02-03 06:00:00+00}',
          'the last three versions are kept');
SELECT is((SELECT array_agg(relname::text ORDER BY 1) FROM pg_class
           WHERE relnamespace = 'recommender'::regnamespace AND relkind = 'r' AND relname LIKE 'training_data%'),
          '{training_data_20260202_220506,training_data_20260203_040506,training_data_20260203_060000}',
          'and no other tables');

-- A version that the gate does not let through is seen by nobody
DELETE FROM interactions WHERE user_id <> 1000000;
SELECT etl.start_pipeline('training_data', '2026-02-03 12:00:00+00') AS run \gset
SELECT is(etl.wait_run(:run, '1 minute'), 'failed', 'five rows are too few');
SELECT is((SELECT array_agg(step ORDER BY position) FILTER (WHERE status = 'skipped') FROM etl.step_runs
           WHERE run_id = :run),
          '{publish,old_versions}', 'the run ends at the gate');
SELECT is(count(*) - :rows, 5::bigint, 'readers see the version before') FROM training_data;
SELECT is(count(*), 3::bigint, 'and none was dropped') FROM training_versions;

-- The same moment again: not with the candidate of another one, and with one of its own under the same name
SELECT etl.retry_run(run_id, 'publish') AS run
FROM etl.pipeline_runs WHERE pipeline = 'training_data' AND logical_time = '2026-02-03 06:00:00+00' \gset
SELECT is(etl.wait_run(:run, '1 minute'), 'failed', 'the candidate of another moment is not published');
INSERT INTO interactions
SELECT n, 1 + n % 500, 'purchase', NULL, '2026-02-03 05:00:00+00' FROM generate_series(1, 300) AS n;
SELECT etl.retry_run(:run, 'sample') \g /dev/null
SELECT is(etl.wait_run(:run, '1 minute'), 'succeeded', 'a version is made again');
SELECT is(count(*), (301 * 5)::bigint, 'with what the interactions are now') FROM training_data;
SELECT is(count(*), 3::bigint, 'in the place of what it was') FROM training_versions;
SELECT * FROM finish();
