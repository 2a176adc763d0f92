-- Legal holds bind what is archived: files that are due to be deleted, and etl.restore_archive. No transaction around
-- the file, because etl.run_retention commits.
SELECT plan(26);
SET client_min_messages = error;
SET timezone = 'UTC';
SELECT current_setting('data_directory') || '/archive_' || current_database() AS directory \gset
SET pg_etl.archive_directory = :'directory';
SELECT format('mkdir %s', :'directory') AS command \gset
COPY (SELECT WHERE false) TO PROGRAM :'command';

CREATE FUNCTION pg_temp.run() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', status, detail ->> 'deleted_from_archive', error) FROM etl.runs
    WHERE kind = 'retention' ORDER BY run_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.files(of text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(status, ' ' ORDER BY archive_id) FROM etl.archives WHERE policy = of AND location LIKE 'file:%'
$$;

-- Files of a partitioned table ----------------------------------------------------------------------------------------

CREATE TABLE events (id int, at timestamptz NOT NULL, who text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE INDEX ON events (at);
CREATE TABLE elsewhere (id int);
SELECT etl.add_retention_policy('events', 'at', '10 days', archive_to => 'file://' || :'directory' || '/events',
                                archive_keep => '100 days') \g /dev/null
INSERT INTO events SELECT n, '2024-01-01'::timestamptz + n * interval '1 day', 'a' FROM generate_series(1, 9) AS n;
CALL etl.run_retention('events', '2024-01-31');
INSERT INTO events SELECT n, '2024-01-01'::timestamptz + n * interval '1 day', 'b' FROM generate_series(40, 49) AS n;
CALL etl.run_retention('events', '2024-03-05');
SELECT is(pg_temp.files('events'), 'kept kept', 'one file of each partition');

SELECT etl.add_legal_hold('unrelated', 'elsewhere', NULL, 'a test'),
       etl.add_legal_hold('second', 'events_2', $$who = 'b'$$, 'a test') \g /dev/null
CALL etl.run_retention('events', '2025-01-01', dry_run => true);
SELECT is(pg_temp.run() , 'succeeded 9', 'a dry run knows which file is held');
CALL etl.run_retention('events', '2025-01-01');
SELECT is(pg_temp.run(), 'succeeded 9', 'and the run deletes the other');
SELECT is(pg_temp.files('events'), 'removed kept', 'a hold on a partition holds the file that has its rows');
SELECT is((SELECT detail -> 'actions' -> 1 ->> 'held' FROM etl.runs ORDER BY run_id DESC LIMIT 1), '10',
          'which is counted as held');

-- A hold that comes while a file is about to be removed ---------------------------------------------------------------

SELECT etl.release_legal_hold('second', 'the test is over') \g /dev/null
UPDATE etl.archive SET status = 'removing' WHERE policy = 'events' AND status = 'kept' AND location LIKE 'file:%';
SELECT etl.add_legal_hold('in time', 'events', 'id = 45', 'a test') \g /dev/null
CALL etl.run_retention('events', '2025-01-01');
SELECT is(pg_temp.files('events'), 'removed kept', 'binds, as the file is still there');
SELECT ok(bool_and(ok), 'with all that it had') FROM etl.verify_archive() WHERE location LIKE 'file:%';
SELECT etl.release_legal_hold('in time', 'the test is over') \g /dev/null

-- A run that crashed after it had removed the file.
SELECT etl._archive_remove(location) FROM etl.archive WHERE policy = 'events' AND status = 'kept'
    AND location LIKE 'file:%' \g /dev/null
UPDATE etl.archive SET status = 'removing' WHERE policy = 'events' AND status = 'kept' AND location LIKE 'file:%';
SELECT etl.add_legal_hold('too late', 'events', NULL, 'a test') \g /dev/null
CALL etl.run_retention('events', '2025-01-01');
SELECT is(pg_temp.run(), 'succeeded 10', 'a file that is gone already does not stop the run');
SELECT is(pg_temp.files('events'), 'removed removed', 'which notes that');
SELECT etl.release_legal_hold('too late', 'the test is over') \g /dev/null

-- Restoring -----------------------------------------------------------------------------------------------------------

CREATE TABLE orders (id int PRIMARY KEY, at timestamptz NOT NULL, total int);
CREATE INDEX ON orders (at);
SELECT etl.add_retention_policy('orders', 'at', '10 days', archive_to => 'orders_old') \g /dev/null
INSERT INTO orders SELECT n, '2024-01-01'::timestamptz + n * interval '1 day', n FROM generate_series(1, 20) AS n;
CALL etl.run_retention('orders', '2025-01-01');
SELECT etl.pause_retention_policy('orders') \g /dev/null
CREATE TABLE copied (LIKE orders INCLUDING INDEXES);

SELECT etl.add_legal_hold('case 7', 'orders', 'id IN (3, 4)', 'a test') \g /dev/null
SELECT throws_ok($$ SELECT etl.restore_archive('orders', '2024-01-03', '2024-01-10') $$, '55000',
                 '2 rows in public.orders_old are under a legal hold', 'held rows do not leave the archive');
SELECT throws_ok($$ SELECT etl.restore_archive(min(archive_id)) FROM etl.archives
                    WHERE action = 'archived' AND policy = 'orders' $$, '55000',
                 '2 rows in public.orders_old are under a legal hold', 'nor with a whole archive');
SELECT is((SELECT count(*) FROM orders_old), 20::bigint, 'nothing has moved');
SELECT is((SELECT rows FROM etl.restore_archive('orders', '2024-01-03', '2024-01-10', target => 'copied')), 7::bigint,
          'they can be copied');
SELECT is((SELECT rows FROM etl.restore_archive('orders', '2024-01-10', '2024-01-13')), 3::bigint,
          'and others move back');
SELECT ok(bool_and(ok), 'the archive is whole') FROM etl.verify_archive() WHERE location = 'public.orders_old';

UPDATE copied SET total = -1 WHERE id = 5;
SELECT etl.add_legal_hold('copies', 'copied', 'total < 0', 'a test') \g /dev/null
SELECT throws_ok($$ SELECT etl.restore_archive('orders', '2024-01-05', '2024-01-09', target => 'copied',
                    on_conflict => 'update') $$, '55000',
                 '1 row in table "public.copied" is under a legal hold', 'a held row is not replaced');
SELECT is((SELECT total FROM copied WHERE id = 5), -1, 'and stays as it is');
SELECT throws_ok($$ SELECT etl.restore_archive('orders', '2024-01-05', '2024-01-09', target => 'copied',
                    on_conflict => 'update', dry_run => true) $$,
                 '55000', NULL, 'a dry run says the same');
SELECT is((SELECT updated FROM etl.restore_archive('orders', '2024-01-07', '2024-01-09', target => 'copied',
                                                      on_conflict => 'update')), 2::bigint,
          'rows that are not held are');
SELECT is((SELECT rows FROM etl.restore_archive('orders', '2024-01-05', '2024-01-09', target => 'copied',
                                                      on_conflict => 'skip')), 0::bigint,
          'and what is skipped does not count');

SELECT throws_ok($$ SELECT etl.restore_archive('orders', '2024-01-05', '2024-01-09', dry_run => NULL) $$, '22023',
                 'dry_run must not be NULL', 'a dry run is asked for or not');
SELECT throws_ok($$ SELECT etl.restore_archive(1, dry_run => NULL) $$, '22023', 'dry_run must not be NULL',
                 'of one archive, too');

-- From a file.
SELECT etl.add_retention_policy('orders', 'at', '10 days', 'to file', filter => 'id > 100',
                                archive_to => 'file://' || :'directory' || '/orders') \g /dev/null
INSERT INTO orders SELECT n, '2024-01-01'::timestamptz + n * interval '1 hour', n FROM generate_series(101, 110) AS n;
CALL etl.run_retention('to file', '2025-01-01');
SELECT etl.add_legal_hold('filed', 'orders', 'id = 105', 'a test') \g /dev/null
SELECT throws_like($$ SELECT etl.restore_archive('to file', NULL::timestamptz, NULL) $$,
                   '1 row in file:%is under a legal hold', 'a file with a held row does not go back');
SELECT is((SELECT count(*) FROM etl.restore_archive('to file', NULL::timestamptz, NULL, target => 'copied')), 1::bigint,
          'it can be copied');
SELECT etl.release_legal_hold('filed', 'the test is over') \g /dev/null
SELECT is((SELECT rows FROM etl.restore_archive('to file', NULL::timestamptz, NULL)), 10::bigint,
          'and goes back when the hold is over');
SELECT is((SELECT count(*) FROM orders WHERE id > 100), 10::bigint, 'with each of its rows');
SELECT * FROM finish();
