-- etl.verify_rollup: finds what is wrong, whatever it is, and nothing where all is right.
SELECT plan(41);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE sale (id int PRIMARY KEY, at timestamptz, shop int, price numeric(10, 2), weight float8);
INSERT INTO sale SELECT i, '2024-01-01 00:00+00'::timestamptz + i * interval '7 minutes', nullif(i % 5, 4), i % 13,
                        i / 7.0
FROM generate_series(1, 1000) AS i;
CREATE TABLE shop (shop int PRIMARY KEY, region text);
INSERT INTO shop SELECT i, 'r' || i % 2 FROM generate_series(0, 3) AS i;

SELECT etl.create_rollup('public.hourly', $$
    SELECT date_trunc('hour', at, 'UTC') AS hour, count(*) AS sold, sum(price) AS revenue, min(price) AS least,
           json_agg(id ORDER BY id) AS ids
    FROM public.sale GROUP BY 1 HAVING count(*) > 2
$$, '{hour}');
SELECT etl.create_rollup('public.region', $$
    SELECT p.region, s.shop, count(*) AS sold, sum(s.weight) AS weight
    FROM public.sale AS s LEFT JOIN public.shop AS p ON p.shop = s.shop GROUP BY 1, 2
$$, '{region,shop}');
SELECT etl.create_rollup('public.totals', 'SELECT shop, count(*) AS n, sum(price) AS revenue, max(price) AS most '
                         'FROM public.sale GROUP BY shop', '{shop}', mode => 'delta');

CREATE FUNCTION found(name text, sample int DEFAULT NULL, tolerance float8 DEFAULT 0) RETURNS SETOF text LANGUAGE sql
    AS $$
    SELECT problem || ' ' || key::text FROM etl.verify_rollup(name, sample, tolerance => tolerance)
$$;

-- All is right -------------------------------------------------------------------------------------------------------

SELECT is_empty('SELECT found(''hourly'')', 'nothing is found where all is right');
SELECT is_empty('SELECT found(''region'', tolerance => 1e-9)', 'nor with a join and keys that are NULL');
SELECT is_empty('SELECT found(''totals'')', 'nor where states are kept');
SELECT is_empty('SELECT found(''hourly'', 20)', 'nor in a sample');
SELECT is_empty('SELECT found(''region'', 3, 1e-9)', 'nor in a sample of joined rows');
SELECT is_empty('SELECT found(''totals'', 1000)', 'nor in a sample of more groups than there are');

-- Something is wrong -------------------------------------------------------------------------------------------------

BEGIN;
UPDATE hourly SET sold = 3 WHERE hour = '2024-01-02 05:00+00';
DELETE FROM hourly WHERE hour = '2024-01-02 07:00+00';
INSERT INTO hourly VALUES (NULL, 4, NULL, NULL, NULL);
UPDATE hourly SET ids = '[1]' WHERE hour = '2024-01-02 09:00+00';
UPDATE hourly SET revenue = NULL WHERE hour = '2024-01-02 10:00+00';
UPDATE hourly SET revenue = revenue::numeric(20, 8) WHERE hour = '2024-01-02 11:00+00';
SELECT results_eq(
    'SELECT key ->> ''hour'', problem, (stored ->> ''sold'')::int, (expected ->> ''sold'')::int '
                                                            'FROM etl.verify_rollup(''hourly'') '
                                                            'WHERE problem <> ''state''',
    $$VALUES ('2024-01-02T05:00:00+00:00', 'differs', 3, 9), ('2024-01-02T07:00:00+00:00', 'missing', NULL, 9),
             ('2024-01-02T09:00:00+00:00', 'differs', 9, 9), ('2024-01-02T10:00:00+00:00', 'differs', 8, 8),
             (NULL, 'extra', 4, NULL)$$,
    'rows that differ, are missing or too many; trailing zeros are no difference');
SELECT is((SELECT expected -> 'ids' FROM etl.verify_rollup('hourly') WHERE key ->> 'hour' = '2024-01-02T09:00:00+00:00'
           AND problem = 'differs'), to_jsonb(ARRAY(SELECT id FROM sale WHERE date_trunc('hour',
               at) = '2024-01-02 09:00+00' ORDER BY id)),
          'a column that has no equality is compared, too');
DELETE FROM hourly;
SELECT is((SELECT count(*) FROM etl.verify_rollup('hourly') WHERE problem = 'missing'),
          (SELECT count(*) FROM (SELECT date_trunc('hour', at) FROM sale GROUP BY 1 HAVING count(*) > 2) AS q),
          'an empty rollup misses all');
SELECT ok((SELECT count(*) FROM etl.verify_rollup('hourly', 10) WHERE problem = 'missing') > 0,
          'and a sample finds that by the rows of the tables');
ROLLBACK;

BEGIN;
UPDATE region SET sold = sold + 1 WHERE region IS NULL;
UPDATE region SET weight = weight * (1 + 1e-13) WHERE shop = 2;
SELECT ok('differs {"shop": 2, "region": "r0"}' IN (SELECT found('region')), 'floats are compared to the last bit');
SELECT set_eq('SELECT found(''region'', tolerance => 1e-9)', ARRAY['differs {"shop": null, "region": null}'],
              'or by a tolerance; a group whose keys are NULL');
UPDATE region SET weight = 'Infinity' WHERE shop = 1;
UPDATE region SET weight = NULL WHERE shop = 3;
SELECT is((SELECT count(*) FROM found('region', tolerance => 1e-9)), 3::bigint, 'which no infinity and no NULL passes');
SELECT is((SELECT count(*) FROM found('region', 100, 1e-9)), 3::bigint, 'a sample of all groups finds it all');
ROLLBACK;

-- States -------------------------------------------------------------------------------------------------------------

SELECT is((SELECT refresh FROM etl.rollups WHERE name = 'public.totals'), 'delta', 'totals keeps states');
BEGIN;
UPDATE totals SET n = n + 1 WHERE shop = 2;
SELECT set_eq('SELECT found(''totals'')', ARRAY['differs {"shop": 2}', 'state {"shop": 2}'],
              'a row that its state and the query do not give');
ROLLBACK;
BEGIN;
UPDATE totals_state SET etl_rows = etl_rows + 1 WHERE shop IS NULL;
SELECT set_eq('SELECT found(''totals'')', ARRAY['state {"shop": null}'], 'a state that counts another number of rows');
SELECT results_eq('SELECT (stored ->> ''etl_rows'')::int - (expected ->> ''etl_rows'')::int '
                                                            'FROM etl.verify_rollup(''totals'') '
                                                            'WHERE stored ? ''etl_rows''',
                  'VALUES (1)', 'with both numbers');
DELETE FROM totals_state WHERE shop = 1;
SELECT is((SELECT count(*) FROM found('totals') AS f WHERE f = 'state {"shop": 1}'), 2::bigint, 'a state that is gone');
ROLLBACK;
BEGIN;
INSERT INTO totals_state SELECT 77, etl_rows FROM totals_state WHERE shop = 1;
SELECT ok('state {"shop": 77}' IN (SELECT found('totals')), 'a state too many');
ROLLBACK;

-- What is not refreshed yet is no fault -----------------------------------------------------------------------------

UPDATE sale SET price = 100 WHERE id IN (1, 500);
DELETE FROM sale WHERE id BETWEEN 300 AND 320;
UPDATE shop SET region = 'r9' WHERE shop = 3;
SELECT is_empty('SELECT found(''hourly'')', 'groups whose changes stand in the log are left out');
SELECT is_empty('SELECT found(''region'', tolerance => 1e-9)', 'those of a joined table too');
SELECT is_empty('SELECT found(''totals'')', 'and those whose states lag');
UPDATE hourly SET sold = 0 WHERE hour IN ('2024-01-01 00:00+00', '2024-01-04 00:00+00');
SELECT set_eq('SELECT found(''hourly'') EXCEPT SELECT ''state {"hour": "2024-01-04T00:00:00+00:00"}'' EXCEPT '
                                                            'SELECT ''state {"hour": "2024-01-01T00:00:00+00:00"}''',
              ARRAY['differs {"hour": "2024-01-04T00:00:00+00:00"}'], 'the others are not');
CALL etl.refresh_rollup('totals');
SELECT is_empty('SELECT found(''totals'')', 'after the refresh all is compared');
SELECT etl.mark_dirty('hourly', 'hour = ''2024-01-04 00:00+00''');
SELECT is_empty('SELECT found(''hourly'') EXCEPT SELECT ''state {"hour": "2024-01-04T00:00:00+00:00"}'' EXCEPT '
                                                            'SELECT ''state {"hour": "2024-01-01T00:00:00+00:00"}''',
                'a group that is pending is left out');
CALL etl.refresh_rollup('hourly');
SELECT is_empty('SELECT found(''hourly'')', 'and right after the refresh');
TRUNCATE sale;
SELECT is_empty('SELECT found(''totals'')', 'nothing is compared where anything may have changed');
CALL etl.refresh_all();
SELECT is_empty('SELECT found(''totals'') UNION ALL SELECT found(''hourly'') UNION ALL SELECT found(''region'')',
    'empty is right');
SELECT is_empty('SELECT found(''totals'', 5)', 'and a sample of nothing is');

-- A moving filter ----------------------------------------------------------------------------------------------------

INSERT INTO sale SELECT i, now() - i * interval '5 hours', i % 4, 1, 1 FROM generate_series(1, 100) AS i;
SELECT etl.create_rollup('public.week', 'SELECT shop, count(*) AS n FROM public.sale '
                                        'WHERE at >= now() - interval ''7 days'' '
                         'GROUP BY shop', '{shop}');
CALL etl.refresh_rollup('week', as_of => now() - interval '2 days');
SELECT is_empty('SELECT found(''week'')', 'a moving filter is where the last refresh has put it');
SELECT is((SELECT count(*) FROM etl.verify_rollup('week', as_of => now()) WHERE problem = 'differs'), 4::bigint,
    'or where it is said to be');

-- Errors -------------------------------------------------------------------------------------------------------------

SELECT throws_ok('SELECT etl.verify_rollup(''nothing'')', '42704', 'rollup "nothing" does not exist', 'no such rollup');
SELECT throws_ok('SELECT etl.verify_rollup(NULL)', '42704', 'no rollup was given', 'none');
SELECT throws_ok('SELECT etl.verify_rollup(''week'', 0)', '22023', 'sample must be at least 1, not 0',
    'a sample of nothing');
SELECT throws_ok('SELECT etl.verify_rollup(''week'', tolerance => NULL)', '22023', NULL, 'a tolerance that is NULL');
SELECT throws_ok('SELECT etl.verify_rollup(''week'', tolerance => ''NaN'')', '22023', NULL, 'or NaN');
SELECT throws_ok('SELECT etl.verify_rollup(''week'', as_of => ''infinity'')', '22023', NULL, 'no moment');
ALTER TABLE sale RENAME price TO cost;
SELECT throws_ok('SELECT etl.verify_rollup(''totals'')', '42703', NULL, 'a column that is gone');
ALTER TABLE sale RENAME cost TO price;
CREATE ROLE verify_reader;
SET ROLE verify_reader;
SELECT throws_ok('SELECT etl.verify_rollup(''public.week'')', '42704', NULL, 'another role''s');
RESET ROLE;
SELECT volatility_is('etl', 'verify_rollup', 'stable', 'it changes nothing');
DROP ROLE verify_reader;

SELECT * FROM finish();
