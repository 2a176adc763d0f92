-- Live views: always what the query gives, for the owner and for readers, at the cost of what has changed.
SELECT plan(62);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE sale (id int PRIMARY KEY, at timestamptz NOT NULL, shop int, price numeric(10, 2));
CREATE INDEX ON sale (at);
CREATE TABLE shop (shop int PRIMARY KEY, region text);
INSERT INTO shop SELECT i, 'r' || i % 2 FROM generate_series(0, 3) AS i;
INSERT INTO sale SELECT i, '2024-01-01 00:00+00'::timestamptz + i * interval '7 minutes', nullif(i % 5, 4), i % 13
FROM generate_series(1, 2000) AS i;

CREATE TABLE subject (name text PRIMARY KEY, keys name[], mode text, query text);
INSERT INTO subject VALUES
    ('hourly', '{hour}', 'recompute', 'SELECT date_trunc(''hour'', at, ''UTC'') AS hour, count(*) AS sold, '
                                                            'sum(price) AS revenue FROM public.sale GROUP BY 1 '
                                                            'HAVING count(*) > 2'),
    ('totals', '{shop}', 'delta', 'SELECT shop, count(*) AS sold, max(price) AS most, avg(price) AS mean '
                                  'FROM public.sale GROUP BY 1'),
    ('region', '{region,shop}', 'auto', 'SELECT p.region COLLATE "C" AS region, s.shop, count(DISTINCT s.id)::int AS '
                                        'sold, sum(s.price)::numeric(12,2) AS revenue FROM public.sale AS s LEFT '
                                        'JOIN public.shop AS p ON p.shop = s.shop GROUP BY 1, 2'),
    ('recent', '{shop}', 'auto', 'SELECT shop, count(*) AS sold FROM public.sale '
                                 'WHERE at >= now() - interval ''7 days'' GROUP BY shop');
CREATE FUNCTION differences(name text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('WITH q AS (%2$s) SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL TABLE q) UNION ALL (TABLE q '
                   'EXCEPT ALL TABLE %1$I)) AS d',
                   name || '_live', (SELECT s.query FROM subject AS s WHERE s.name = differences.name)) INTO found;
    RETURN found;
END
$$;
CREATE FUNCTION all_differences() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(differences(name)) FROM subject';
CREATE FUNCTION stale(name text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT log_rows + pending FROM etl.rollups AS r WHERE r.name = 'public.' || stale.name
$$;

SELECT lives_ok('SELECT etl.create_rollup(''public.'' || name, query, keys, mode => mode, realtime => true) '
                                                    'FROM subject',
                'rollups with live views');
SELECT has_view('public', n || '_live', n || ' has a view') FROM (VALUES ('hourly'), ('totals'), ('region'),
    ('recent')) AS v(n);
SELECT results_eq('SELECT attname, format_type(atttypid, atttypmod), attcollation FROM pg_attribute '
                  'WHERE attrelid = ''region_live''::regclass AND attnum > 0',
                  'SELECT attname, format_type(atttypid, atttypmod), attcollation FROM pg_attribute '
                  'WHERE attrelid = ''region''::regclass AND attnum > 0',
                  'with the columns, types and collations of the rollup');
SELECT is(obj_description('hourly_live'::regclass),
    'Rollup public.hourly, with what has changed since its last refresh.',
          'and a comment');

-- Exact whatever has changed -----------------------------------------------------------------------------------------

SELECT is(all_differences(), 0::bigint, 'nothing has changed');
INSERT INTO sale VALUES (3001, '2024-01-02 12:30+00', 1, 5), (3002, '2025-01-02 12:30+00', NULL, 500);
SELECT is(all_differences(), 0::bigint, 'new rows');
SELECT is((SELECT sold FROM totals_live WHERE shop IS NULL), (SELECT sold + 1 FROM totals WHERE shop IS NULL),
          'the view adds what the rollup lacks');
UPDATE sale SET at = at + interval '1 hour', price = price + 1 WHERE id % 100 = 0;
UPDATE sale SET shop = NULL WHERE id % 100 = 1;
SELECT is(all_differences(), 0::bigint, 'rows that change, and move to other groups');
DELETE FROM sale WHERE at < '2024-01-01 05:00+00' OR shop = 3;
SELECT is(all_differences(), 0::bigint, 'groups that vanish');
SELECT is((SELECT count(*) FROM totals_live WHERE shop = 3), 0::bigint, 'are not in it');
UPDATE shop SET region = 'r7' WHERE shop = 2;
DELETE FROM shop WHERE shop = 1;
INSERT INTO shop VALUES (9, 'r9');
SELECT is(all_differences(), 0::bigint, 'a joined table');
SELECT etl.mark_dirty('hourly', 'hour < ''2024-01-03''');
SELECT is(all_differences(), 0::bigint, 'groups that are pending');
SELECT ok(stale('hourly') > 0 AND stale('region') > 0, 'nothing of this was refreshed');
CALL etl.refresh_rollup('hourly', max_groups => 3, max_runtime => '1 microsecond');
SELECT ok(stale('hourly') > 0, 'a refresh that does not come to its end');
SELECT is(all_differences(), 0::bigint, 'changes nothing in what is shown');
CALL etl.refresh_all();
SELECT is((SELECT sum(stale(name)) FROM subject WHERE name <> 'recent'), 0::numeric, 'nor does one that does');
SELECT is(all_differences(), 0::bigint, 'which is right');

BEGIN;
INSERT INTO sale VALUES (3003, '2024-01-02 13:30+00', 1, 5);
SAVEPOINT s;
DELETE FROM sale WHERE shop = 1;
SELECT is(all_differences(), 0::bigint, 'what a transaction itself has done');
ROLLBACK TO s;
SELECT is(all_differences(), 0::bigint, 'or has not done after all');
ROLLBACK;
SELECT is(all_differences(), 0::bigint, 'or never did');

SET pg_etl.rollup_log_rows = 5;
UPDATE sale SET price = price + 1 WHERE at BETWEEN '2024-01-02' AND '2024-01-04';
RESET pg_etl.rollup_log_rows;
SELECT is((SELECT string_agg(DISTINCT etl_op::text, ',') FROM hourly_log_1), 'b', 'a range of groups');
SELECT is(all_differences(), 0::bigint, 'is right, and so is one note for all');
CREATE TABLE kept AS TABLE sale;
TRUNCATE sale;
SELECT is(all_differences(), 0::bigint, 'TRUNCATE');
SELECT is((SELECT count(*) FROM hourly_live), 0::bigint, 'leaves nothing');
INSERT INTO sale TABLE kept;
SELECT is(all_differences(), 0::bigint, 'and all comes back');
CALL etl.refresh_all();

-- A moving filter ----------------------------------------------------------------------------------------------------

INSERT INTO sale SELECT 5000 + i, now() - i * interval '3 hours', i % 3, 1 FROM generate_series(1, 100) AS i;
CALL etl.refresh_rollup('recent', as_of => now() - interval '3 days');
SELECT is(stale('recent'), 0::bigint, 'nothing is left to refresh');
SELECT isnt((SELECT sum(sold) FROM recent), (SELECT sum(sold) FROM recent_live),
    'but rows have left the window, or come in');
SELECT is(differences('recent'), 0::bigint, 'which the view knows');
CALL etl.refresh_rollup('recent', as_of => now() + interval '3 days');
SELECT is(differences('recent'), 0::bigint, 'for a moment before the last refresh, too');
CALL etl.refresh_all();

-- The planner --------------------------------------------------------------------------------------------------------

CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        plan := plan || line || E'\n';
    END LOOP;
    RETURN plan;
END
$$;
SET enable_seqscan = off;
SELECT matches(plan_of('SELECT * FROM hourly_live WHERE hour = ''2024-01-02 12:00+00'''), 'Index Cond: \(hour = ',
    'a condition reaches the index of the rollup');
SELECT matches(plan_of('SELECT h.* FROM (VALUES (''2024-01-02 12:00+00''::timestamptz)) AS v(hour) '
                                                            'JOIN hourly_live AS h USING (hour)'),
               'Index Cond: \(hour = ', 'and so does a join');
RESET enable_seqscan;
INSERT INTO sale VALUES (6001, '2024-01-02 12:30+00', 1, 5);
CREATE FUNCTION scanned() RETURNS bigint LANGUAGE sql AS $$
    SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'sale'::regclass
$$;
SET enable_seqscan = off;
SELECT ok(100 > -scanned() + (SELECT count(*) FROM hourly_live) * 0 + scanned(),
    'the table is not read whole for one group');
RESET enable_seqscan;

-- Settings of the reader ---------------------------------------------------------------------------------------------

SET timezone = 'Asia/Kathmandu';
SET datestyle = 'SQL, DMY';
SELECT is(differences('hourly'), 0::bigint, 'another time zone');
SELECT is(current_setting('timezone'), 'Asia/Kathmandu', 'which stays');
RESET datestyle;
SET timezone = 'UTC';

-- Readers ------------------------------------------------------------------------------------------------------------

CREATE ROLE live_reader;
GRANT SELECT ON hourly_live TO live_reader;
SET ROLE live_reader;
SELECT throws_ok('SELECT * FROM hourly_live', '42501',
    'permission denied for tables of which the live view of rollup "public.hourly" is made',
                 'a reader of the view needs more');
SELECT throws_ok('SELECT * FROM totals_live', '42501', NULL, 'and of another view all');
SELECT throws_ok('SELECT etl._live_places(''public.totals'')', '42704', NULL,
    'who cannot read the view does not see the rollup');
SELECT set_eq('SELECT name FROM etl.rollups', ARRAY['public.hourly'], 'whose definition is seen by those who can');
UPDATE etl.rollup SET query = 'SELECT 1', realtime = false;
SELECT is((SELECT count(*) FROM etl.rollups WHERE query <> 'SELECT 1' AND realtime), 1::bigint, 'and seen only');
SELECT throws_ok('CALL etl.refresh_rollup(''public.hourly'')', '42704', NULL, 'not refreshed');
RESET ROLE;
GRANT SELECT ON sale, hourly, hourly_log_1, hourly_pending TO live_reader;
SET ROLE live_reader;
SELECT is((SELECT count(*) FROM hourly_live), (SELECT count(*) FROM (SELECT FROM sale GROUP BY date_trunc('hour',
    at) HAVING count(*) > 2) AS q),
          'with SELECT on what is computed from it reads');
RESET ROLE;

-- Changed and dropped ------------------------------------------------------------------------------------------------

SELECT etl.alter_rollup('hourly', query => (SELECT replace(query, '> 2', '> 3') FROM subject WHERE name = 'hourly'));
UPDATE subject SET query = replace(query, '> 2', '> 3') WHERE name = 'hourly';
SELECT is(differences('hourly'), 0::bigint, 'another query with the same columns');
SET ROLE live_reader;
SELECT lives_ok('SELECT * FROM hourly_live', 'readers go on');
RESET ROLE;
SELECT etl.alter_rollup('hourly', query => 'SELECT date_trunc(''hour'', at, ''UTC'') AS hour, max(price) AS most '
                                                            'FROM public.sale GROUP BY 1');
UPDATE subject SET query = 'SELECT date_trunc(''hour'', at, ''UTC'') AS hour, max(price) AS most FROM public.sale '
                                                            'GROUP BY 1' WHERE name = 'hourly';
SELECT is(differences('hourly'), 0::bigint, 'another query with other columns');
SET ROLE live_reader;
SELECT lives_ok('SELECT * FROM hourly_live', 'readers go on');
RESET ROLE;
SELECT etl.alter_rollup('hourly', realtime => false);
SELECT hasnt_view('public', 'hourly_live', 'realtime false drops the view');
SELECT is_empty('SELECT FROM etl.rollups AS r WHERE r.name = ''public.hourly'' AND r.realtime',
    'and it is written down');
SELECT throws_ok('SELECT etl._live_places(''public.hourly'')', '42704', 'rollup "public.hourly" has no live view',
    'nothing is shown');
SELECT etl.alter_rollup('hourly', realtime => true);
SELECT is(differences('hourly'), 0::bigint, 'realtime true makes it again');
CREATE VIEW region_live_too AS TABLE region_live;
SELECT throws_ok('SELECT etl.drop_rollup(''region'')', '2BP01', NULL, 'what depends on it is in the way of dropping');
DROP VIEW region_live_too;
SELECT etl.drop_rollup('region');
SELECT hasnt_view('public', 'region_live', 'the view goes with the rollup');
CREATE TABLE other_live (a int);
SELECT throws_ok($$SELECT etl.create_rollup('public.other', 'SELECT shop, count(*) AS n FROM public.sale GROUP BY 1',
    '{shop}', realtime => true)$$,
                 '42P07', NULL, 'a relation of that name is in the way');

-- Erased rows --------------------------------------------------------------------------------------------------------

CALL etl.refresh_all();
CREATE TABLE before AS TABLE totals;
SET pg_etl.erasing = on;
DELETE FROM sale WHERE shop = 1;
SET pg_etl.erasing = off;
INSERT INTO sale VALUES (7001, '2024-01-02 12:30+00', 2, 5);
SELECT results_eq('SELECT l.shop, l.sold - b.sold FROM totals_live AS l JOIN before AS b USING (shop) '
                  'WHERE l.sold <> b.sold',
                  'VALUES (2, 1::bigint)', 'undecided, the view shows such groups as they were, and the others as '
                                           'they are');
SELECT etl.alter_rollup('totals', retention => 'freeze');
CALL etl.refresh_rollup('totals');
INSERT INTO sale VALUES (7002, '2024-01-02 12:30+00', 2, 5);
SELECT results_eq('SELECT l.shop, l.sold - b.sold FROM totals_live AS l JOIN before AS b USING (shop) '
                  'WHERE l.sold <> b.sold',
                  'VALUES (2, 2::bigint)', 'frozen, too');
SELECT etl.mark_dirty('totals');
SELECT results_eq('SELECT l.shop, l.sold - b.sold FROM totals_live AS l JOIN before AS b USING (shop) '
                  'WHERE l.sold <> b.sold',
                  'VALUES (2, 2::bigint)', 'and where all is to be computed');
SELECT etl.alter_rollup('totals', retention => 'follow');
SELECT is(differences('totals'), 0::bigint, 'who follows sees what is left');

-- Groups of NULL under any setting ------------------------------------------------------------------------------------

CREATE TABLE bare (k int, x int);
SELECT etl.create_rollup('public.bares', 'SELECT k, count(*) AS n FROM public.bare GROUP BY k', '{k}',
                         realtime => true);
SET array_nulls = off;
INSERT INTO bare VALUES (NULL, 1), (1, 1);
SELECT set_eq('TABLE bares_live', 'VALUES (NULL::int, 1::bigint), (1, 1)', 'NULL is a group whatever array_nulls is');
SELECT is((SELECT count(*) FROM etl.verify_rollup('bares')), 0::bigint, 'to verify_rollup, too');
CALL etl.refresh_rollup('bares');
SELECT set_eq('TABLE bares', 'VALUES (NULL::int, 1::bigint), (1, 1)', 'and to a refresh');
RESET array_nulls;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM live_reader;
DROP ROLE live_reader;
SELECT * FROM finish();
