-- Refresh of materialized views: one refresh and its record, and what is refused. pg_cron is absent here.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never

CREATE TABLE sale (hour timestamptz, price numeric);
INSERT INTO sale VALUES ('2025-03-01 10:00', 10), ('2025-03-01 10:00', 30), ('2025-03-01 11:00', 20);
CREATE MATERIALIZED VIEW sales_by_hour AS
    SELECT hour, count(*) AS sold, sum(price) AS revenue, max(100 / price) AS most FROM sale GROUP BY hour
    WITH NO DATA;

-- The first refresh fills the view, the second can be concurrent.
CALL etl.refresh_matview('sales_by_hour');
CREATE UNIQUE INDEX ON sales_by_hour (hour);
INSERT INTO sale VALUES ('2025-03-01 12:00', 5);
CALL etl.refresh_matview('public.sales_by_hour');
SELECT hour, sold, revenue FROM sales_by_hour ORDER BY hour;
SELECT kind, name, status, rows, detail ->> 'mode' AS mode, (detail ->> 'seconds')::float8 >= 0 AS has_seconds, error
FROM etl.runs ORDER BY run_id;

-- Inside a transaction, a function, an exception block
BEGIN;
CALL etl.refresh_matview('sales_by_hour');
COMMIT;
DO $$ BEGIN EXECUTE 'CALL etl.refresh_matview(''public.sales_by_hour'')'; END $$;
SELECT count(*) FROM etl.runs WHERE status = 'succeeded';

-- A failure is an error and a record, and the view keeps its rows.
INSERT INTO sale VALUES ('2025-03-01 13:00', 0);
CALL etl.refresh_matview('sales_by_hour');
SELECT status, rows, error FROM etl.runs ORDER BY run_id DESC LIMIT 1;
SELECT count(*) FROM sales_by_hour;
BEGIN;
CALL etl.refresh_matview('sales_by_hour');
ROLLBACK;
DELETE FROM sale WHERE price = 0;

-- A timeout is recorded too, and no lock stays behind.
CREATE MATERIALIZED VIEW slow AS SELECT 1 AS one FROM pg_sleep(2) WITH NO DATA;
SET statement_timeout = '100ms';
CALL etl.refresh_matview('slow');
RESET statement_timeout;
SELECT name, status, error FROM etl.runs ORDER BY run_id DESC LIMIT 1;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
DROP MATERIALIZED VIEW slow;

-- Without pg_cron there is no policy.
\set VERBOSITY sqlstate
SELECT etl.add_refresh_policy('sales_by_hour', '5 * * * *');
\set VERBOSITY default
SELECT * FROM etl.refresh_policies;

-- What is refused
CREATE VIEW sale_view AS SELECT * FROM sale;
CALL etl.refresh_matview('no_such_view');
CALL etl.refresh_matview(NULL);
CALL etl.refresh_matview('sale');
CALL etl.refresh_matview('sale_view');
SELECT etl.add_refresh_policy('sale', '@hourly');
SELECT etl.add_refresh_policy(NULL, '@hourly');
\set VERBOSITY terse
SELECT etl.add_refresh_policy('sales_by_hour', 'every hour');
SELECT etl.add_refresh_policy('sales_by_hour', '0 */5 * * * *');
SELECT etl.add_refresh_policy('sales_by_hour', NULL);
\set VERBOSITY default
SELECT etl.add_refresh_policy('sales_by_hour', '@hourly', concurrently => 'yes');
SELECT etl.add_refresh_policy('sales_by_hour', '@hourly', concurrently => NULL);
SELECT etl.remove_refresh_policy('sales_by_hour');
SELECT etl.remove_refresh_policy('no_such_view');
SELECT etl.remove_refresh_policy('sales_by_hour', if_exists => true);

-- Concurrently on needs rows and a unique index over plain columns and all rows.
DROP INDEX sales_by_hour_hour_idx;
CREATE INDEX ON sales_by_hour (hour);
CREATE UNIQUE INDEX ON sales_by_hour (hour) WHERE sold > 0;
CREATE UNIQUE INDEX ON sales_by_hour (hour, (sold + 1));
SELECT etl.add_refresh_policy('sales_by_hour', '@hourly', concurrently => 'on');
REFRESH MATERIALIZED VIEW sales_by_hour WITH NO DATA;
SELECT etl.add_refresh_policy('sales_by_hour', '@hourly', concurrently => 'on');

-- Arguments, and policies that are not there
SELECT etl.add_refresh_policy('sales_by_hour', '@hourly', timeout => '-1 second');
SELECT etl.add_refresh_policy('sales_by_hour', '@hourly', lock_timeout => '30 days');
SELECT etl.add_refresh_policy('sales_by_hour', '@hourly', skip_if_unchanged => NULL);
SELECT etl.alter_refresh_policy('sales_by_hour', '@hourly');
SELECT etl.alter_refresh_policy(NULL);
CALL etl.refresh_matview('sales_by_hour', force => NULL);

-- Views that read each other
CALL etl.refresh_matview('sales_by_hour');
CREATE MATERIALIZED VIEW sales_total AS SELECT sum(revenue) AS revenue FROM sales_by_hour;
INSERT INTO sale VALUES ('2025-03-01 14:00', 7);
CALL etl.refresh_matview('sales_total', with_dependencies => true);
SELECT revenue FROM sales_total;
CALL etl.refresh_matviews(); -- no policies

-- What a policy warns of
CREATE MATERIALIZED VIEW null_keys AS SELECT nullif(hour, '2025-03-01 10:00') AS hour, sold FROM sales_by_hour;
CREATE UNIQUE INDEX ON null_keys (hour);
SELECT etl._warn_of_refresh('null_keys', etl._refresh_policy_of('null_keys'));
DROP MATERIALIZED VIEW null_keys;

-- Faults
SELECT matview, problem, severity, detail, hint FROM etl.lint_matviews();

-- Another role
CREATE ROLE regress_rollup_user;
GRANT SELECT ON sales_by_hour TO regress_rollup_user;
SET ROLE regress_rollup_user;
CALL etl.refresh_matview('sales_by_hour');
SELECT etl.add_refresh_policy('sales_by_hour', '@hourly');
SELECT count(*) FROM etl.runs;
RESET ROLE;

DROP TABLE sale CASCADE;
DROP ROLE regress_rollup_user;
DELETE FROM etl.run WHERE kind = 'refresh';
