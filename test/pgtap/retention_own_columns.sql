-- Columns that only the archive has are its own: they are no part of what is proven, whichever way rows leave it again.
-- No transaction around the file, because etl.run_retention commits.
SELECT plan(14);
SET client_min_messages = error;
SET timezone = 'UTC';
SET pg_etl.retention_batch_time = 0;
SELECT current_setting('data_directory') || '/archive_' || current_database() AS directory \gset
SET pg_etl.archive_directory = :'directory';
SELECT format('mkdir %s', :'directory') AS command \gset
COPY (SELECT WHERE false) TO PROGRAM :'command';

CREATE FUNCTION pg_temp.unverified() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s: %s', location, problem), '; ' ORDER BY location)
    FROM etl.verify_archive() WHERE NOT ok
$$;

CREATE TABLE orders (id int PRIMARY KEY, at timestamptz NOT NULL, dropped int DEFAULT 1);
CREATE INDEX ON orders (at);
INSERT INTO orders SELECT n, '2025-01-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 100) AS n;
CREATE TABLE orders_old (LIKE orders, archived_at timestamptz NOT NULL DEFAULT clock_timestamp(), by name DEFAULT user);
CREATE INDEX ON orders_old (at);
SELECT etl.add_retention_policy('orders', 'at', '10 days', archive_to => 'orders_old', archive_keep => '60 days',
                                batch_rows => 7) \g /dev/null

CALL etl.run_retention('orders', '2025-04-01');
SELECT is((SELECT count(*) FROM orders_old), 50::bigint, 'rows came, and the oldest were deleted');
SELECT is(pg_temp.unverified(), NULL, 'what is left is what should be');
ALTER TABLE orders DROP dropped;
CALL etl.run_retention('orders', '2025-04-05');
SELECT is(pg_temp.unverified(), NULL, 'a column that the table has no more is archived all the same');
UPDATE orders_old SET archived_at = '2000-01-01', by = 'me';
SELECT is(pg_temp.unverified(), NULL, 'its own columns the archive may change');
CALL etl.run_retention('orders', '2025-04-10');
SELECT is(pg_temp.unverified(), NULL, 'and rows leave it as they came');

SELECT etl.pause_retention_policy('orders') \g /dev/null
ALTER TABLE orders ADD dropped int;
SELECT is((SELECT rows FROM etl.restore_archive('orders', '2025-03-01', '2025-03-05')), 4::bigint, 'some are restored');
SELECT is(pg_temp.unverified(), NULL, 'which leaves the archive whole');
SELECT etl.resume_retention_policy('orders') \g /dev/null

-- On to another table
SELECT etl.add_tier('orders', '40 days', 'orders_cold') \g /dev/null
CALL etl.run_retention('orders', '2025-04-10');
SELECT cmp_ok((SELECT count(*) FROM orders_cold WHERE by = 'me'), '>', 0::bigint,
              'they take their own columns along to an archive that has them');
SELECT is(pg_temp.unverified(), NULL, 'both archives are what they should be');
UPDATE orders_cold SET dropped = 7;
SELECT isnt(pg_temp.unverified(), NULL, 'a value that was archived must stay as it is');
UPDATE orders_cold SET dropped = 1;

-- On to files
SELECT etl.remove_tier('orders', 2) \g /dev/null
SELECT etl.add_tier('orders', '30 days', 'file://' || :'directory') \g /dev/null
CALL etl.run_retention('orders', '2025-04-20');
SELECT cmp_ok((SELECT sum(rows) FROM etl.archives WHERE location LIKE 'file:%' AND status = 'kept'), '>', 0::numeric,
              'files take what was archived');
SELECT is(pg_temp.unverified(), NULL, 'files and tables hold what they should');
SELECT is((SELECT string_agg(c ->> 'name', ',') FROM (
               SELECT jsonb_array_elements(columns) AS c FROM etl.archive WHERE location LIKE 'file:%' LIMIT 3) AS l),
          'id,at,dropped', 'in the columns that were archived');
CREATE TABLE wanted (id int, at timestamptz, dropped int);
SELECT cmp_ok((SELECT sum(rows) FROM etl.restore_archive('orders', NULL::timestamptz, NULL, 'wanted')), '>', 0::numeric,
              'all of it can be restored');
SELECT * FROM finish();
