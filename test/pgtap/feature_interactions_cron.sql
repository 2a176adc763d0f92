-- The example docs/examples/interactions, small: its features, its training data, and when they are refreshed.
\set rows 20000
\set as_of '2026-02-03 04:05:06+00'
\o /dev/null
\i docs/examples/interactions/schema.sql
\i docs/examples/interactions/data.sql
CREATE EXTENSION pg_cron;
\i docs/examples/interactions/features.sql
CALL etl.materialize_features('user_features', :'as_of');
CALL etl.materialize_features('item_features', :'as_of');
CALL etl.run_pipeline('training_data', :'as_of');
\i docs/examples/interactions/check.sql
\o
SELECT plan(5);
SELECT pass('features and training data are what plain SQL finds'); -- check.sql would have ended this file
SELECT is(count(*), 3::bigint, 'two views and the training data are refreshed every six hours')
FROM cron.job WHERE schedule = '0 */6 * * *';
SELECT is((SELECT count(*) FROM cron.job), 3::bigint, 'and nothing else is scheduled');

-- Once more after new interactions: the table changes its rows and keeps its name
INSERT INTO interactions VALUES (1000000, 1, 'purchase', NULL, '2026-02-03 05:00:00+00');
SELECT is(refresh_training_data('2026-02-03 06:00:00+00') - refresh_training_data(:'as_of'), 5::bigint,
          'one positive and its four negatives');
SELECT is((SELECT max(user_id) FROM training_data), 400::bigint, 'what comes later than the moment is left out');
SELECT * FROM finish();
