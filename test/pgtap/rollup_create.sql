-- etl.create_rollup, alter_rollup, drop_rollup and the view etl.rollups: what is made, what is refused, and what stays
-- when something fails.
SELECT plan(73);
SET client_min_messages = warning;

CREATE TABLE sale (id int PRIMARY KEY, at timestamptz, shop int, price numeric(10, 2));
INSERT INTO sale SELECT i, '2024-01-01 00:00+00'::timestamptz + i * interval '7 minutes', nullif(i % 5, 4), i % 13
FROM generate_series(1, 1000) AS i;
CREATE TABLE shop (shop int PRIMARY KEY, region text COLLATE "C");
INSERT INTO shop SELECT i, 'r' || i % 2 FROM generate_series(0, 3) AS i;

-- Created ------------------------------------------------------------------------------------------------------------

SELECT ok(etl.create_rollup('public.hourly', $$
    SELECT date_trunc('hour', at, 'UTC') AS hour, count(*) AS sold, sum(price) AS revenue FROM public.sale GROUP BY 1;
$$, '{hour}', mode => 'recompute', description => 'Sales by the hour') > 0, 'a rollup has a number');
SELECT results_eq(
    'SELECT * FROM hourly ORDER BY hour',
    'SELECT date_trunc(''hour'', at, ''UTC''), count(*), sum(price) FROM sale GROUP BY 1 ORDER BY 1',
    'it is filled at once');
SELECT col_type_is('public', 'hourly', 'revenue', 'numeric', 'columns have the types of the query');
SELECT is(obj_description('hourly'::regclass), 'Sales by the hour', 'the description is the table''s comment');
SELECT has_table('public', 'hourly_pending', 'there is a table of pending groups');
SELECT columns_are('public', 'hourly_log_1', '{etl_op,etl_at,etl_to,hour}'::name[], 'and a log');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'sale'::regclass AND NOT tgisinternal), 4::bigint,
          'the source has triggers');
SELECT throws_ok('INSERT INTO hourly SELECT * FROM hourly LIMIT 1', '23505', NULL, 'the key is unique');
SELECT results_eq(
    'SELECT name, mode, refresh, log_rows, pending, lag, sources, key_columns, owner::text FROM etl.rollups',
    $$VALUES ('public.hourly', 'recompute', 'recompute', 0::bigint, 0::bigint, NULL::interval, '{public.sale}'::text[],
              '{hour}'::name[], current_user::text)$$,
    'etl.rollups tells of it');
SELECT ok((SELECT r.query NOT LIKE '%;%' FROM etl.rollups AS r), 'the query is kept without its semicolon');

INSERT INTO sale VALUES (2001, '2024-01-02 12:30+00', 1, 5);
SELECT results_eq('SELECT log_rows, lag IS NOT NULL, unrefreshed_since <= clock_timestamp() FROM etl.rollups',
                  'VALUES (1::bigint, true, true)', 'what has changed is in the view');

-- NULL is a key; collations are those of the query.
SELECT etl.create_rollup('public."By Region"', $$
    SELECT p.region, s.shop, count(*) AS sold FROM public.sale AS s LEFT JOIN public.shop AS p ON p.shop = s.shop
        GROUP BY 1, 2
$$, '{region,shop}', with_data => false);
SELECT is_empty('SELECT FROM "By Region"', 'with_data false leaves it empty');
SELECT is((SELECT r.log_rows FROM etl.rollups AS r WHERE r.name = 'public."By Region"'), 1::bigint,
          'and notes that all is to be computed');
SELECT is((SELECT c.collname::text FROM pg_attribute AS a JOIN pg_collation AS c ON c.oid = a.attcollation
           WHERE a.attrelid = '"By Region"'::regclass AND a.attname = 'region'), 'C', 'collations are kept');
CALL etl.refresh_rollup('"By Region"');
SELECT results_eq(
    'SELECT * FROM "By Region" ORDER BY 1, 2',
    'SELECT p.region, s.shop, count(*) FROM sale AS s LEFT JOIN shop AS p USING (shop) GROUP BY 1, 2 ORDER BY 1, 2',
    'the first refresh fills it, NULL keys too');
SELECT is((SELECT r.refreshed_as_of IS NOT NULL FROM etl.rollups AS r WHERE r.name = 'public."By Region"'), true,
          'and tells as of when');

-- Again --------------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.create_rollup('public.hourly', 'SELECT shop, count(*) AS n FROM public.sale GROUP BY 1',
                                            '{shop}')$$,
                 '42710', 'rollup "public.hourly" already exists', 'one name, one rollup');
SELECT is(etl.create_rollup('public.hourly', 'SELECT shop, count(*) AS n FROM public.sale GROUP BY 1', '{shop}',
                            if_not_exists => true),
          (SELECT rollup_id FROM etl.rollup WHERE name = 'public.hourly'),
              'if_not_exists gives the number that it has');

-- Refused ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION refuses(name text, query text, keys name[], state char(5), what text, arguments text DEFAULT '')
RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT throws_ok(format('SELECT etl.create_rollup(%L, %L, %L%s)', name, query, keys, arguments), state, NULL,
                          what);
END
$$;
\set q 'SELECT shop, count(*) AS n FROM public.sale GROUP BY shop'
SELECT refuses('nowhere', :'q', '{shop}', '42602', 'a name without schema');
SELECT refuses(NULL, :'q', '{shop}', '42602', 'no name');
SELECT refuses('public.' || repeat('x', 56), :'q', '{shop}', '42622', 'a name that leaves no room for its tables');
SELECT refuses('nowhere.x', :'q', '{shop}', '3F000', 'a schema that is not there');
SELECT refuses('public.shop', :'q', '{shop}', '42P07', 'a table of that name');
SELECT refuses('public.x', NULL, '{shop}', '22023', 'no query');
SELECT refuses('public.x', :'q', '{}', '22023', 'no key');
SELECT refuses('public.x', :'q', '{NULL}', '22023', 'a key that is NULL');
SELECT refuses('public.x', :'q', '{n}', '42803', 'a key that is not grouped by');
SELECT refuses('public.x', :'q', '{nothing}', '42703', 'a key that is not there');
SELECT refuses('public.x', 'SELECT shop FROM public.sale', '{shop}', '0A000', 'no GROUP BY');
SELECT refuses('public.x', :'q', '{shop}', '22023', 'a mode that is not known', ', mode => ''fast''');
SELECT refuses('public.x', :'q', '{shop}', '22023', 'mode NULL', ', mode => NULL');
SELECT refuses('public.x', :'q', '{shop}', '22023', 'a retention that is not known', ', retention => ''forget''');
SELECT refuses('public.x', :'q', '{shop}', '22023', 'affects that is no object', ', affects => ''[]''');
SELECT refuses('public.x', :'q', '{shop}', '22023', 'a schedule that is none', ', schedule => ''soon''');
SELECT refuses('public.x', :'q', '{shop}', '55000', 'a schedule without pg_cron', ', schedule => ''@hourly''');
SELECT refuses('public.x', :'q', '{shop}', '22023', 'with_data NULL', ', with_data => NULL');
SELECT refuses('public.x', 'SELECT shop, stddev(price::float8) AS s FROM public.sale GROUP BY shop', '{shop}', '0A000',
               'mode delta where that cannot be', ', mode => ''delta''');
SELECT hasnt_table('public', 'x', 'a refusal leaves nothing behind');
SELECT hasnt_table('public', 'x_pending', 'nor a table beside it');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'etl_rollup_%'), 12::bigint, 'nor a trigger');

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE rollup_reader;
CREATE SCHEMA reader AUTHORIZATION rollup_reader;
GRANT SELECT ON sale TO rollup_reader;
SET ROLE rollup_reader;
SELECT refuses('reader.x', :'q', '{shop}', '42501', 'who may not create triggers on the table');
SELECT is_empty('SELECT FROM etl.rollups', 'a role sees its own rollups');
SELECT throws_ok('SELECT etl.drop_rollup(''public.hourly'')', '42704', 'rollup "public.hourly" does not exist',
                 'and cannot drop another''s');
SELECT throws_ok('CALL etl.refresh_rollup(''public.hourly'')', '42704', NULL, 'nor refresh it');
RESET ROLE;
GRANT TRIGGER ON sale TO rollup_reader;
SET ROLE rollup_reader;
SELECT etl.create_rollup('reader.x', :'q', '{shop}');
RESET ROLE;
INSERT INTO sale VALUES (2002, '2024-01-02 12:30+00', 1, 5);
SET ROLE rollup_reader;
CALL etl.refresh_rollup('x');
SELECT results_eq('SELECT * FROM reader.x ORDER BY 1', 'SELECT shop, count(*) FROM sale GROUP BY 1 ORDER BY 1',
                  'a rollup of another''s table follows what its owner writes');
SELECT throws_ok('SELECT etl.drop_rollup(''x'')', '42501',
    'must be owner of table "public.sale" to drop the triggers of a rollup',
                 'who does not own the table cannot drop its triggers');
RESET ROLE;
SELECT lives_ok('SELECT etl.drop_rollup(''reader.x'')', 'a superuser drops it');
SELECT hasnt_table('reader', 'x', 'with its table');
DROP OWNED BY rollup_reader;
DROP ROLE rollup_reader;

-- Altered ------------------------------------------------------------------------------------------------------------

CALL etl.refresh_rollup('hourly');
GRANT SELECT ON hourly TO PUBLIC;
CREATE VIEW top_hour AS SELECT hour, sold FROM hourly ORDER BY sold DESC LIMIT 1;
SELECT throws_ok($$SELECT etl.alter_rollup('hourly', query => 'SELECT 1 / 0')$$, '0A000', NULL,
                 'a query that cannot be a rollup');
SELECT is((SELECT count(*) FROM hourly), (SELECT count(DISTINCT date_trunc('hour', at)) FROM sale),
          'leaves all as it was');
SELECT lives_ok($$SELECT etl.alter_rollup('hourly', query => '
    SELECT date_trunc(''hour'', at, ''UTC'') AS hour, count(*) AS sold, avg(price) AS price, min(id) AS first
    FROM public.sale WHERE price > 2 GROUP BY 1')$$, 'another query, with other columns');
SELECT results_eq(
    'SELECT hour, sold, price, first FROM hourly ORDER BY hour',
    'SELECT date_trunc(''hour'', at, ''UTC''), count(*), avg(price), min(id) FROM sale WHERE price > 2 '
    'GROUP BY 1 ORDER BY 1',
    'is filled at once');
SELECT ok(has_table_privilege('public', 'hourly', 'SELECT'), 'privileges stay');
SELECT is((SELECT count(*) FROM top_hour), 1::bigint, 'and views on it');
UPDATE sale SET price = 9 WHERE id BETWEEN 10 AND 20;
CALL etl.refresh_rollup('hourly');
SELECT results_eq(
    'SELECT hour, sold, price, first FROM hourly ORDER BY hour',
    'SELECT date_trunc(''hour'', at, ''UTC''), count(*), avg(price), min(id) FROM sale WHERE price > 2 '
    'GROUP BY 1 ORDER BY 1',
    'triggers note for the new query');
SELECT throws_ok($$SELECT etl.alter_rollup('hourly', query => 'SELECT shop AS hour, count(*) AS n FROM public.sale
                                                               GROUP BY 1')$$,
                 '2BP01', NULL, 'a column that a view reads cannot go');
SELECT lives_ok($$SELECT etl.alter_rollup('hourly', query => 'SELECT date_trunc(''day'', at, ''UTC'') AS hour, shop,
    count(*) AS sold FROM public.sale GROUP BY 1, 2', key_columns => '{hour,shop}')$$, 'another key');
CALL etl.refresh_rollup('hourly');
SELECT results_eq(
    'SELECT hour, shop, sold FROM hourly ORDER BY 1, 2',
    'SELECT date_trunc(''day'', at, ''UTC''), shop, count(*) FROM sale GROUP BY 1, 2 ORDER BY 1, 2',
    'is the key from then on');
SELECT lives_ok($$SELECT etl.alter_rollup('hourly', mode => 'delta')$$, 'another mode');
UPDATE sale SET shop = NULL, at = at + interval '1 day' WHERE id BETWEEN 30 AND 40;
CALL etl.refresh_rollup('hourly');
INSERT INTO sale VALUES (2003, '2024-01-02 12:30+00', 1, 5);
CALL etl.refresh_rollup('hourly');
SELECT results_eq(
    'SELECT hour, shop, sold FROM hourly ORDER BY 1, 2',
    'SELECT date_trunc(''day'', at, ''UTC''), shop, count(*) FROM sale GROUP BY 1, 2 ORDER BY 1, 2', 'merges');
SELECT is((SELECT (detail ->> 'merged')::int FROM etl.runs ORDER BY run_id DESC LIMIT 1), 1, 'one group');
SELECT lives_ok($$SELECT etl.alter_rollup('hourly', mode => 'recompute')$$, 'and back');
SELECT hasnt_table('public', 'hourly_state', 'which takes the states away');
SELECT etl.create_rollup('public.daily', 'SELECT hour, sum(sold) AS sold FROM public.hourly GROUP BY 1', '{hour}');
SELECT throws_ok($$SELECT etl.alter_rollup('hourly', query =>
    'SELECT hour, 1 AS shop, sum(sold) AS sold FROM public.daily
                                                              GROUP BY 1', key_columns => '{hour}')$$,
                 '42P19', 'rollup "public.hourly" would read itself', 'no circles');
SELECT lives_ok($$SELECT etl.alter_rollup('hourly', description => '', retention => 'follow')$$, 'other changes');
SELECT results_eq($$SELECT description, retention FROM etl.rollups WHERE name = 'public.hourly'$$,
                  $$VALUES (NULL::text, 'follow')$$, 'are stored');
SELECT throws_ok($$SELECT etl.alter_rollup('nothing')$$, '42704', NULL, 'no such rollup');

-- Dropped ------------------------------------------------------------------------------------------------------------

SELECT throws_ok('SELECT etl.drop_rollup(''nothing'')', '42704', 'rollup "nothing" does not exist', 'no such rollup');
SELECT lives_ok('SELECT etl.drop_rollup(''nothing'', if_exists => true)', 'a notice with if_exists');
SELECT throws_ok('SELECT etl.drop_rollup(''hourly'')', '2BP01', NULL, 'a view depends on it');
DROP VIEW top_hour;
SELECT etl.drop_rollup(r.name) FROM (SELECT name FROM etl.rollup ORDER BY rollup_id DESC) AS r;
SELECT is_empty('SELECT FROM etl.rollup UNION ALL SELECT FROM etl.rollup_source', 'nothing is left of rollups');
SELECT is_empty($$SELECT FROM pg_trigger WHERE tgname LIKE 'etl_rollup%'$$, 'nor of their triggers');
SELECT tables_are('public', '{sale,shop}'::name[], 'nor of their tables');

SELECT * FROM finish();
