-- Nights of the pipeline "nightly", and what one asks of a scheduler: that a dry run leaves nothing, that a bad day is
-- stopped and told of, that a night happens once, and that nights are made up for in which nothing ran. For use once,
-- after data.sql and pipeline.sql, with an as_of of about now; check.sql then says whether all of it was so.
--
--     psql -f nights.sql

\set ON_ERROR_STOP on

-- The clock stands still meanwhile, so that what is done here is all that is done.
SET client_min_messages = error;
SELECT etl.stop_scheduler()
\g /dev/null
RESET client_min_messages;

SELECT as_of, as_of - interval '60 days' AS wrong_moment, as_of + interval '20 hours' AS next_day,
       now() + interval '50 hours' AS two_nights_later
FROM dataset
\gset

-- All that a night writes, and the landing table that it empties.
CREATE TEMPORARY VIEW state AS
SELECT (SELECT count(*) FROM transactions_raw) AS landed,
       (SELECT count(*) FROM transactions_history) + (SELECT count(*) FROM validation_results)
           + (SELECT count(*) FROM user_stats) + (SELECT count(*) FROM etl.dedupe_runs)
           + (SELECT count(*) FROM etl.quarantined_rows) AS written,
       (SELECT count(*) FROM etl.pipeline_runs) + (SELECT count(*) FROM etl.run_log) AS recorded;

\echo '── Before the first night: would it work? A dry run executes the steps of kind sql, and takes all of it back.'
TABLE state \gset before_
CALL etl.run_pipeline('nightly', :'as_of', dry_run => true);
INSERT INTO observations
SELECT 'changes that a dry run left', 0,
       abs(landed - :before_landed) + abs(written - :before_written) + abs(recorded - :before_recorded)
FROM state;

\echo '── A bad day: seen from two months ago half of the sales lie in the future. The run fails, and tells.'
\set ON_ERROR_STOP off
LISTEN alerts;
CALL etl.run_pipeline('nightly', :'wrong_moment');
SELECT coalesce(:'SQLSTATE' = '23514', false) AS was_stopped \gset
UNLISTEN alerts;
\set ON_ERROR_STOP on
INSERT INTO observations
SELECT 'rows that a stopped run moved', 0, abs(landed - :before_landed) + abs(written - :before_written) FROM state
UNION ALL
SELECT 'a run with too many bad rows is stopped', 1, :'was_stopped'::boolean::integer;

\echo '── The night.'
CALL etl.run_pipeline('nightly', :'as_of');

\echo '── Once more for the same night: nothing is done.'
TABLE state \gset before_
CALL etl.run_pipeline('nightly', :'as_of');
INSERT INTO observations
SELECT 'changes by a second call for the same night', 0,
       abs(landed - :before_landed) + abs(written - :before_written) + abs(recorded - :before_recorded)
FROM state;

\echo '── Two nights without a clock, in which a sale lands. The first tick makes up for them with one run.'
INSERT INTO transactions_raw
SELECT repeat('5a', 32), t.wallet_address, t.event_id, 0, t.price_paid, t.payment_method, false, 'completed',
       :'next_day', :'next_day', NULL
FROM transactions AS t
ORDER BY t.transaction_id
LIMIT 1;
CALL etl.tick(:'two_nights_later');
SELECT pipeline, logical_time, etl.wait_run(run_id, '1 minute') AS status
FROM etl.pipeline_runs
WHERE trigger = 'schedule'
ORDER BY run_id;

SET client_min_messages = error;
SELECT etl.start_scheduler() FROM pg_extension WHERE extname = 'pg_cron'
\g /dev/null
RESET client_min_messages;
DROP VIEW state;
