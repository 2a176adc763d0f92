-- etl.dedupe and etl.duplicates: known answers on small tables.
BEGIN;
SELECT plan(70);

-- Survivors of a dedupe that is rolled back again.
CREATE FUNCTION survivors(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ids text;
BEGIN
    EXECUTE 'SELECT groups, duplicates, removed FROM etl.dedupe(' || call || ')';
    EXECUTE 'SELECT string_agg(id::text, '','' ORDER BY id) FROM ' || split_part(call, '''', 2) INTO ids;
    RAISE EXCEPTION USING ERRCODE = 'TAP01', MESSAGE = ids;
EXCEPTION
    WHEN SQLSTATE 'TAP01' THEN
        RETURN ids;
END
$$;

CREATE TABLE sale (id int, ticket text, price numeric, sold_at timestamptz, buyer text, note text);
INSERT INTO sale VALUES
    (1, 'a', 1.0,  '2025-01-01', 'ann', NULL),
    (2, 'a', 1.00, '2025-01-03', NULL,  NULL),
    (3, 'a', 1,    '2025-01-02', 'ann', 'gift'),
    (4, 'b', 2,    NULL,         'bob', 'x'),
    (5, 'b', 2,    '2025-01-01', NULL,  NULL),
    (6, 'c', 3,    '2025-01-01', 'cid', NULL),
    (7, NULL, 4,   '2025-01-01', 'dan', NULL),
    (8, NULL, 4,   '2025-01-02', 'dan', NULL);

SELECT results_eq(
    $$SELECT groups, duplicates, removed
      FROM etl.dedupe('sale', '{ticket,price}', order_by => 'sold_at', dry_run => true)$$,
    $$VALUES (2::bigint, 3::bigint, 3::bigint)$$, 'groups, duplicates and removed of a dry run');
SELECT is((SELECT count(*) FROM sale), 8::bigint, 'a dry run deletes nothing');
SELECT is(survivors($$'sale', '{ticket,price}', 'last', 'sold_at'$$), '2,5,6,7,8', 'keep last by order_by');
SELECT is(survivors($$'sale', '{ticket,price}', 'first', 'sold_at'$$), '1,5,6,7,8',
          'keep first by order_by: a NULL there loses as well');
SELECT is(survivors($$'sale', '{ticket,price}', 'most_complete', 'sold_at'$$), '3,4,6,7,8',
          'keep most_complete: the fewest NULL columns');
SELECT is(survivors($$'sale', '{ticket}'$$), '3,5,6,7,8', 'without order_by the last in the table stays');
SELECT is(survivors($$'sale', '{ticket}', 'first'$$), '1,4,6,7,8', 'without order_by the first in the table stays');
SELECT is(survivors($$'sale', '{ticket}', 'first', 'price'$$), '1,4,6,7,8',
          'ties: keep first takes the first in the table');
SELECT is(survivors($$'sale', '{ticket}', 'last', 'price'$$), '3,5,6,7,8',
          'ties: keep last takes the last in the table');
SELECT is(survivors($$'sale', '{ticket,price}', 'last', 'sold_at', true$$), '2,5,6,8',
          'nulls_equal makes NULL keys equal');
SELECT is(survivors($$'sale', '{ticket,price}', 'last', 'sold_at', where_sql => 'id <> 2'$$), '2,3,5,6,7,8',
          'where_sql: rows outside neither win nor lose');
SELECT is(survivors($$'sale', '{ticket,price}', where_sql => 'id <> 2 -- not two'$$), '2,3,5,6,7,8',
          'where_sql may end in a comment');
SELECT is(survivors($$'sale', '{ticket}', where_sql => 'sale.buyer = ''ann'' OR sale.note = ''x'''$$), '2,3,4,5,6,7,8',
          'where_sql may use OR and the name of the table');
SELECT is(survivors($$'sale', '{note}', 'first'$$), '1,2,3,4,5,6,7,8',
          'a column that is mostly NULL has no duplicates');
SELECT is(survivors($$'sale', '{note}', 'first', nulls_equal => true$$), '1,3,4', 'and many with nulls_equal');
SELECT is(survivors($$'sale', '{id}'$$), '1,2,3,4,5,6,7,8', 'a unique key has no duplicates');

-- most_complete, ties
CREATE TABLE person (id int, email text, name text, phone text, seen date);
INSERT INTO person VALUES
    (1, 'x', 'Ann', NULL, '2025-01-02'), (2, 'x', NULL, '555', '2025-01-03'), (3, 'x', NULL, '556', '2025-01-01'),
    (4, 'y', 'Bob', '1', NULL), (5, 'y', 'Bob', NULL, '2025-01-01'), (6, 'y', 'Bob', '2', NULL);
SELECT is(survivors($$'person', '{email}', 'most_complete', 'seen'$$), '2,5',
          'most_complete: equally complete rows are decided by order_by, where NULL loses');
SELECT is(survivors($$'person', '{email}', 'most_complete'$$), '3,6',
          'most_complete without order_by: by the place in the table');

-- Empty table, one row, no column but the key
CREATE TABLE nothing (id int);
SELECT results_eq($$SELECT groups, duplicates, removed
                    FROM etl.dedupe('nothing', '{id}')$$, $$VALUES (0::bigint, 0::bigint, 0::bigint)$$,
                  'an empty table');
INSERT INTO nothing VALUES (1);
SELECT results_eq($$SELECT groups, duplicates, removed
                    FROM etl.dedupe('nothing', '{id}')$$, $$VALUES (0::bigint, 0::bigint, 0::bigint)$$,
                  'one row');
INSERT INTO nothing SELECT 1 FROM generate_series(1, 999);
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('nothing', '{id}', 'most_complete')$$,
                  $$VALUES (1::bigint, 999::bigint, 999::bigint)$$, 'a thousand times the same row');
SELECT results_eq('SELECT id FROM nothing', 'VALUES (1)', 'leaves one');
SELECT results_eq($$SELECT groups, duplicates, removed
                    FROM etl.dedupe('nothing', '{id}')$$, $$VALUES (0::bigint, 0::bigint, 0::bigint)$$,
                  'a second dedupe finds nothing');

-- Equality is that of the type and the collation
CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE typed (
    id int, n numeric, c char(5), i text COLLATE anycase, f float8, v interval, m money, p pair, a int[]);
INSERT INTO typed VALUES
    (1, 1.0,  'ab',  'Key', 0,     '1 day',    1, (1, 'x'),   '{1,2}'),
    (2, 1.00, 'ab ', 'KEY', '-0',  '24 hours', 1, (1, 'x'),   '{1,2}'),
    (3, 2,    'cd',  'kez', 'NaN', '25 hours', 2, (NULL, NULL), '{1,NULL}'),
    (4, 3,    'ef',  'kéy', 'NaN', '26 hours', 3, (NULL, NULL), '{1,NULL}');
SELECT is(survivors($$'typed', '{n}'$$), '2,3,4', 'numeric: 1.0 equals 1.00');
SELECT is(survivors($$'typed', '{c}'$$), '2,3,4', 'char(n): trailing spaces do not count');
SELECT is(survivors($$'typed', '{i}'$$), '2,3,4', 'a case-insensitive collation makes Key equal KEY');
SELECT is(survivors($$'typed', '{f}'$$), '2,4', 'float8: 0 equals -0, NaN equals NaN');
SELECT is(survivors($$'typed', '{v}'$$), '2,3,4', 'interval: 1 day equals 24 hours');
SELECT is(survivors($$'typed', '{m}'$$), '2,3,4', 'money, which has no hash function');
SELECT is(survivors($$'typed', '{p}'$$), '2,4', 'a composite of NULLs is not NULL');
SELECT is(survivors($$'typed', '{a}'$$), '2,4', 'arrays');
SELECT is(survivors($$'typed', '{n,c,i,v,m}'$$), '2,3,4', 'many keys at once');
SELECT format('CREATE TABLE ninety (id int PRIMARY KEY, %s)', string_agg(format('k%s int DEFAULT %1$s', i), ', '))
FROM generate_series(1, 91) AS i \gexec
INSERT INTO ninety VALUES (1), (2), (3);
UPDATE ninety SET k90 = 0 WHERE id = 3;
CREATE FUNCTION first_keys(many int) RETURNS name[] LANGUAGE sql AS
    $$SELECT array_agg('k' || i ORDER BY i) FROM generate_series(1, many) AS i$$;
SELECT is(removed, 1::bigint, 'as many keys as there may be') FROM etl.dedupe('ninety', first_keys(90), 'last', 'id');
SELECT is(rows, 1::bigint, 'for the list of groups, too')
FROM (SELECT count(*) AS rows FROM etl.duplicates('ninety', first_keys(89))) AS d;
SELECT throws_ok($$SELECT * FROM etl.dedupe('ninety', first_keys(91))$$, '22023',
                 '91 key columns given for table "public.ninety", the most are 90', 'one more');

-- Columns and tables with awkward names
CREATE SCHEMA "Odd one";
CREATE TABLE "Odd one"."my ""table""" (id int, "select" int, k int, n int, "a.b" text);
INSERT INTO "Odd one"."my ""table""" VALUES (1, 1, 1, 1, 'x'), (2, 1, 1, 2, 'x'), (3, 2, 1, 3, 'y');
SELECT results_eq(
    $$SELECT * FROM etl.duplicates('"Odd one"."my ""table"""', '{select,a.b}')$$,
    $$VALUES ('{"select": 1, "a.b": "x"}'::jsonb, 2::bigint)$$, 'duplicates: odd names');
SELECT results_eq(
    $$SELECT * FROM etl.duplicates('"Odd one"."my ""table"""', '{k}')$$,
    $$VALUES ('{"k": 1}'::jsonb, 3::bigint)$$, 'duplicates: a key named k');
SELECT results_eq(
    $$SELECT groups, duplicates, removed FROM etl.dedupe('"Odd one"."my ""table"""', '{select,a.b}', order_by => 'n')$$,
    $$VALUES (1::bigint, 1::bigint, 1::bigint)$$, 'dedupe: odd names');

-- Wide tables
SELECT lives_ok(
    format('CREATE TABLE wide (id int, %s)',
           (SELECT string_agg(format('c%s int', i), ', ') FROM generate_series(1, 400) AS i)),
    'a table of 401 columns');
INSERT INTO wide (id, c1, c400) VALUES (1, 1, 1), (2, 1, NULL);
SELECT is(survivors($$'wide', '{c1}', 'most_complete'$$), '1', 'most_complete counts the NULLs of 401 columns');

-- Listing
SELECT results_eq(
    $$SELECT * FROM etl.duplicates('sale', '{ticket}')$$,
    $$VALUES ('{"ticket": "a"}'::jsonb, 3::bigint), ('{"ticket": "b"}', 2)$$,
    'duplicates lists the largest group first');
SELECT results_eq(
    $$SELECT * FROM etl.duplicates('sale', '{ticket,price}', nulls_equal => true, where_sql => 'id > 3')$$,
    $$VALUES ('{"price": 2, "ticket": "b"}'::jsonb, 2::bigint), ('{"price": 4, "ticket": null}', 2)$$,
    'duplicates with nulls_equal and where_sql');
SELECT is_empty($$SELECT * FROM etl.duplicates('sale', '{id}')$$, 'duplicates of a unique key: none');

-- Batches
SELECT results_eq(
    format('SELECT groups, duplicates, removed FROM etl.dedupe(%L, %L, batch_rows => %s, dry_run => true)', 'sale',
           '{ticket}', rows),
    $$VALUES (2::bigint, 3::bigint, 3::bigint)$$, format('batches of %s rows', rows))
FROM unnest('{1,2,3,4}'::int[]) AS rows;
SELECT is(survivors($$'sale', '{ticket}', batch_rows => 1$$), '3,5,6,7,8', 'rows that go one by one');

-- keep any
SELECT is(survivors($$'sale', '{id}', 'any'$$), '1,2,3,4,5,6,7,8', 'keep any: a unique key has no duplicates');
SELECT is(length(survivors($$'sale', '{ticket}', 'any'$$)), length('1,4,6,7,8'), 'keep any: one of each group');

-- SQLSTATEs, which sql/dedupe.sql does not show
ALTER TABLE sale ADD payload json;
CREATE VIEW sale_view AS SELECT * FROM sale;
SELECT throws_ok('SELECT groups, duplicates, removed
                  FROM etl.dedupe(' || call || ')', sqlstate, NULL, sqlstate || ': ' || call)
FROM (VALUES
    ($$'no_such_table', '{id}'$$, '42P01'),
    ($$NULL, '{id}'$$, '22023'),
    ($$'sale', '{}'$$, '22023'),
    ($$'sale', '{id,NULL}'$$, '22023'),
    ($$'sale', '{{id},{ticket}}'$$, '22023'),
    ($$'sale', '{id}', 'newest'$$, '22023'),
    ($$'sale', '{id}', dry_run => NULL$$, '22023'),
    ($$'sale', '{id}', nulls_equal => NULL$$, '22023'),
    ($$'sale', '{id}', audit => NULL$$, '22023'),
    ($$'sale', '{id}', batch_rows => 0$$, '22023'),
    ($$'sale', '{id}', batch_rows => NULL$$, '22023'),
    ($$'sale', '{id,id}'$$, '42701'),
    ($$'sale', '{nope}'$$, '42703'),
    ($$'sale', '{ctid}'$$, '42703'),
    ($$'sale', '{id}', order_by => 'nope'$$, '42703'),
    ($$'sale', '{payload}'$$, '42883'),
    ($$'sale', '{id}', order_by => 'payload'$$, '42883'),
    ($$'sale', '{id}', where_sql => 'price'$$, '42804'),
    ($$'sale', '{id}', where_sql => 'true); DROP TABLE sale; SELECT (true'$$, '42601'),
    ($$'sale_view', '{id}'$$, '42809')
) AS wrong(call, sqlstate);

SELECT * FROM finish();
ROLLBACK;
