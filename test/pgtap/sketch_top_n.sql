-- etl.top_n, etl.latest_n, etl.first_n, etl.latest, etl.first, their states, and etl.top_n_per_key: against window
-- functions, merged in any split, forged, and in parallel.
BEGIN;
SELECT plan(85);

CREATE TABLE events AS
SELECT i AS id, i * 7919 % 97 AS k, CASE WHEN i % 11 > 0 THEN (i * 31 % 400)::bigint END AS o,
       CASE WHEN i % 17 > 0 THEN 'v' || i * 13 % 700 END AS v,
    '2026-01-01'::timestamptz + i * 37 % 900 * '1 min'::interval AS ts
FROM generate_series(1, 20000) AS i;
ANALYZE events;

-- known answers
SELECT is(etl.top_n(v, o, 2), '{c,b}'::text[], 'greatest first')
FROM (VALUES ('a', 1), ('b', 2), ('c', 3), ('d', NULL)) AS t(v, o);
SELECT is(etl.latest_n(v, o, 9), '{c,b,a}'::text[], 'fewer rows than n')
FROM (VALUES ('a', 1), ('b', 2), ('c', 3), ('d', NULL)) AS t(v, o);
SELECT is(etl.first_n(v, o, 2), '{a,NULL}'::text[], 'NULL values are kept')
FROM (VALUES ('a', 1), (NULL, 2), ('c', 3)) AS t(v, o);
SELECT is(etl.latest(v, o) || etl.first(v, o), 'ca', 'latest and first')
FROM (VALUES ('a', 1), ('b', 2), ('c', 3)) AS t(v, o);
SELECT is(etl.latest(v, o), NULL, 'the latest value may be NULL') FROM (VALUES ('a', 1), (NULL, 2)) AS t(v, o);
SELECT is(etl.top_n(v, o, 0), '{}'::int[], 'n = 0') FROM (VALUES (1, 2)) AS t(v, o);
SELECT is(etl.top_n(v, o, 3), NULL, 'no order at all') FROM (VALUES (1, NULL::int)) AS t(v, o);
SELECT is(row(etl.top_n(v, o, 3), etl.latest(v, o))::text, '(,)', 'no rows')
FROM (VALUES (1, 2)) AS t(v, o) WHERE false;
SELECT is(etl.top_n(v, 1, 3) || etl.first_n(v, 1, 4), '{a,b,c,a,b,c,NULL}'::text[],
          'ties by the value, ascending in both directions, NULL last')
FROM (VALUES ('c'), (NULL), ('b'), ('a')) AS t(v);
SELECT is(etl.top_n(o, o, 9), '{NaN,Infinity,1,0,-1,-Infinity}'::float8[], 'doubles')
FROM unnest('{0,-1,NaN,1,Infinity,-Infinity}'::float8[]) AS o;
SELECT is(etl.first_n(o, o, 9), '{-Infinity,-1,0,1,Infinity,NaN}'::float4[], 'reals')
FROM unnest('{0,-1,NaN,1,Infinity,-Infinity}'::float4[]) AS o;
SELECT is(etl.top_n(o, o, 3), '{NaN,1e30,2}'::numeric[], 'numerics') FROM unnest('{1e30,2,NaN,-7}'::numeric[]) AS o;
SELECT is(etl.first_n(o, o, 3), '{-infinity,2020-02-29,infinity}'::date[], 'dates')
FROM unnest('{infinity,2020-02-29,-infinity}'::date[]) AS o;
SELECT is(etl.first_n(o, o, 3), '{-32768,0,32767}'::smallint[], 'smallints')
    FROM unnest('{0,32767,-32768}'::smallint[]) AS o;
SELECT is(etl.top_n(o, o, 3), '{"1 mon","29 days","00:00:00"}'::interval[], 'intervals')
FROM unnest('{0,29 days,1 mon}'::interval[]) AS o;
SELECT is(etl.first_n(o, o COLLATE "C", 4), '{B,a,abcdefgh,abcdefghi}'::text[], 'texts by their bytes')
FROM unnest('{abcdefghi,a,B,abcdefgh}'::text[]) AS o;
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT is(array_to_string(etl.first_n(o, o COLLATE no_case, 4), ' ') COLLATE "C", 'a B c D', 'texts by a collation')
FROM unnest('{c,a,B,D}'::text[]) AS o;
SELECT is(etl.first_n(o, ARRAY[o], 2), '{1,2}'::int[], 'arrays order, too') FROM unnest('{3,2,1}'::int[]) AS o;
SELECT is(etl.latest(ARRAY[v, v], o), '{2,2}'::int[], 'an array as the value') FROM (VALUES (1, 1), (2, 2)) AS t(v, o);
SELECT is(etl.latest(p, o)::text, '(1,2)', 'a value without an order')
FROM (VALUES ('(3,4)'::point, 1), ('(1,2)', 2)) AS t(p, o);
SELECT is((etl.latest(e, id)).v, (SELECT v FROM events WHERE id = 20000), 'a whole row') FROM events AS e;
SELECT is(cardinality(etl.top_n(e, id, 5)), 5, 'whole rows') FROM events AS e;

-- against window functions
PREPARE top_expected AS
SELECT k, array_agg(v ORDER BY nth) FROM (
    SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY o DESC, v COLLATE "C") AS nth
    FROM events WHERE o IS NOT NULL) AS n
WHERE nth <= 20 GROUP BY k;
PREPARE first_expected AS
SELECT k, array_agg(v ORDER BY nth) FROM (
    SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY o, v COLLATE "C") AS nth
    FROM events WHERE o IS NOT NULL) AS n
WHERE nth <= 20 GROUP BY k;
SELECT set_eq('SELECT k, etl.top_n(v, o, 20) FROM events GROUP BY k', 'top_expected', 'top_n is row_number');
SELECT set_eq('SELECT k, etl.first_n(v, o, 20) FROM events GROUP BY k', 'first_expected', 'first_n is row_number');
SELECT set_eq('SELECT k, etl.top_n(v, o::numeric, 20) FROM events GROUP BY k', 'top_expected', 'by numeric');
SELECT set_eq('SELECT k, etl.top_n(v, o::float8, 20) FROM events GROUP BY k', 'top_expected', 'by double');
SELECT set_eq('SELECT k, etl.top_n(v, lpad(o::text, 12, ''0'') COLLATE "C", 20) FROM events GROUP BY k',
    'top_expected',
              'by text');
SELECT set_eq('SELECT k, etl.latest(id, ts) FROM events GROUP BY k',
              'SELECT DISTINCT ON (k) k, id FROM events ORDER BY k, ts DESC, id', 'latest is DISTINCT ON');
SELECT set_eq('SELECT k, etl.first(id, ts) FROM events GROUP BY k',
              'SELECT DISTINCT ON (k) k, id FROM events ORDER BY k, ts, id', 'first is DISTINCT ON');
SET LOCAL enable_hashagg = off;
SELECT set_eq('SELECT k, etl.top_n(v, o, 20) FROM events GROUP BY k', 'top_expected', 'over sorted groups');
RESET enable_hashagg;
SELECT is(array_agg(l), array_agg(m), 'as a window function')
FROM (SELECT etl.latest(id, id) OVER w AS l, max(id) OVER w AS m FROM events WHERE id < 200
      WINDOW w AS (ORDER BY id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)) AS w;

-- in parallel
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 3;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS
$$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS off) ' || query; END $$;
SELECT matches(string_agg(p, ' '), 'Partial', 'a partial plan')
FROM plan_of('SELECT k, etl.top_n(v, o, 20) FROM events GROUP BY k') AS p;
SELECT set_eq('SELECT k, etl.top_n(v, o, 20) FROM events GROUP BY k', 'top_expected', 'parallel is serial');
SELECT set_eq('SELECT k, etl.top_n(v, o::numeric, 20) FROM events GROUP BY k', 'top_expected', 'parallel by numeric');
SELECT set_eq('SELECT etl.latest(e, id) FROM events AS e', 'SELECT e FROM events AS e WHERE id = 20000',
              'whole rows in parallel');
CREATE DOMAIN even AS int CHECK (value % 2 = 0);
CREATE TABLE evens AS SELECT (i * 2)::even AS e, i FROM generate_series(1, 5000) AS i;
SELECT is(etl.top_n(e, i, 2), '{10000,9998}'::even[], 'a domain with a condition, in parallel') FROM evens;
SELECT is((etl.latest(t, i)).e, 10000::even, 'a row that holds one, in parallel') FROM evens AS t;

-- keys too many for memory
SELECT set_eq($$SELECT * FROM etl.top_n_per_key('SELECT * FROM public.events', '{k}', 'v', 'o', 20) AS t(k int, v
    text[])$$,
              'top_expected', 'top_n_per_key is top_n');
SELECT set_eq($$SELECT * FROM etl.top_n_per_key('SELECT * FROM public.events;', '{k}', 'v', 'o', 20, false)
              AS t(k int, v text[])$$, 'first_expected', 'in the other direction');
SELECT set_eq($$SELECT * FROM etl.top_n_per_key('SELECT k, v, o::numeric FROM public.events', '{k}', 'v', 'o', 20)
              AS t(k int, v text[])$$, 'top_expected', 'by numeric, by parts');
SELECT set_eq($$SELECT * FROM etl.latest_per_key('SELECT k % 3 AS a, nullif(k % 5, 4)::text AS b, e, ts + id * '
              '''1 us''::interval AS ts FROM public.events AS e', '{a,b}', 'e', 'ts') AS t(a int, b text, e events)$$,
              $$SELECT k % 3, nullif(k % 5, 4)::text, etl.latest(e, ts + id * '1 us'::interval) FROM events AS e
    GROUP BY 1, 2$$,
              'two keys, one of them NULL; rows');
SET LOCAL work_mem = '64kB';
SELECT set_eq($$SELECT * FROM etl.top_n_per_key('SELECT 1 AS k, repeat(''x'', 9000) || id AS v, id FROM public.events',
              '{k}', 'v', 'id', 3) AS t(k int, v text[])$$,
              $$SELECT 1, array_agg(repeat('x', 9000) || id ORDER BY id DESC) FROM events WHERE id > 19997$$,
              'one key that memory has no room for');
RESET work_mem;
SELECT is(etl.create_top_n('public.made', 'SELECT * FROM public.events', '{k}', 'v', 'o', 20), 97::bigint, 'a table');
SELECT set_eq('SELECT * FROM made', 'top_expected', 'of the same rows');
SELECT is(etl.create_latest('public.made_latest', 'SELECT * FROM public.events WHERE o < 0', '{k}', 'v', 'o'),
    0::bigint,
          'an empty table');
SELECT throws_ok($$SELECT * FROM etl.top_n_per_key('SELECT 1 AS k', '{k}', 'k', 'k', 1) AS t(k int, v text[])$$,
    '42804',
                 'the list of columns is not that of the result', 'another list of columns');
SELECT is(etl.create_latest('public.padded', 'SELECT B''101'' AS k, ''hello''::char(6) AS v, 1 AS o', '{k}', 'v', 'o')
          + etl.create_top_n('public.padded_lists', 'SELECT B''101'' AS k, ''hello''::char(6) AS v, 1 AS o', '{k}', 'v',
                             'o', 1), 2::bigint, 'char(n) and bit(n)');
SELECT is(string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attrelid, attnum),
          'k "bit", v bpchar, k "bit", v bpchar[]', 'columns take values of any length')
FROM pg_attribute WHERE attrelid IN ('padded'::regclass, 'padded_lists'::regclass) AND attnum > 0;
SELECT lives_ok('CREATE TABLE padded_again (LIKE padded); INSERT INTO padded_again TABLE padded', 'and are copied');
CREATE FUNCTION hint_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE query;
    RETURN NULL;
EXCEPTION
    WHEN datatype_mismatch THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN hint;
END
$$;
SELECT alike(hint_of($$SELECT * FROM etl.latest_per_key('SELECT B''101'' AS k, 1 AS o', '{k}', 'o', 'o') AS t(k int)$$),
             '%AS t(key1 "bit", value integer).', 'a list that takes any length');
SELECT throws_ok($$SELECT etl.create_latest('public.x', 'SELECT 1 AS k', '{k}', 'k', 'k')$$, '42701',
                 'column k cannot be in the table twice', 'the value is a key, too');
SELECT throws_ok($$SELECT etl.create_top_n('public.x', 'SELECT 1 AS k, 2 AS v', '{k,k}', 'v', 'v', 1)$$, '42701',
                 'column k cannot be in the table twice', 'a key twice');
SELECT is((SELECT count(*) FROM etl.latest_per_key('SELECT 1 AS k', '{k}', 'k', 'k') AS t(k int, v int)), 1::bigint,
          'as it may be where rows are wanted');
SELECT throws_ok($$SELECT etl.create_top_n('public.x', 'SELECT $1 AS k', '{k}', 'k', 'k', 1)$$, '42P02', NULL,
                 'a query has no parameters');
SELECT throws_ok($$SELECT etl.create_top_n('public.x', 'SELECT 1 AS k', '{j}', 'k', 'k', 1)$$, '42703', NULL,
    'unknown key');
SELECT throws_ok($$SELECT etl.create_top_n('public.x', 'SELECT 1 AS k', '{k}', 'k', 'k', -1)$$, '22023',
                 'n must be between 0 and 10000000, not -1', 'n by parts');
SELECT throws_ok($$SELECT * FROM etl.latest_per_key('SELECT ''a'' COLLATE public.no_case AS k, 1 AS o', '{k}', 'o',
    'o')
                 AS t(k text, o int)$$, '0A000', NULL, 'keys that bytes do not tell apart');

-- states
CREATE TABLE parts AS
SELECT k, id % 7 AS part, etl.top_n_state(v, o, 20) AS s, etl.first_n_state(v, o::numeric, 20) AS f
    FROM events GROUP BY 1, 2;
SELECT set_eq('SELECT k, etl.top_values(etl.merge(s), NULL::text) FROM parts GROUP BY k', 'top_expected',
              'merge of a split is the whole');
SELECT set_eq('SELECT k, etl.top_values(etl.merge(f), NULL::text) FROM parts GROUP BY k', 'first_expected',
              'in the other direction');
SELECT set_eq('SELECT k, etl.merge(s)::text FROM parts GROUP BY k',
              'SELECT k, etl.latest_n_state(v, o, 20)::text FROM events GROUP BY k', 'to the byte');
SELECT set_eq('SELECT k, etl.top_values(etl.merge(s::text::etl.top_n_state), NULL::text) FROM parts GROUP BY k',
              'top_expected', 'the text form is whole');
SELECT set_eq($$SELECT k, part, f::text FROM (SELECT k, id % 7 AS part, etl.first_n_state(v, o::numeric, 20) AS f
                                              FROM events GROUP BY 1, 2 ORDER BY count(*)) AS t$$,
              'SELECT k, part, f::text FROM parts', 'what goes from the aggregate into a sort, too');
SELECT current_setting('data_directory') || '/top_n_state.bin' AS file \gset
CREATE TABLE received (LIKE parts);
COPY parts TO :'file' (FORMAT binary);
COPY received FROM :'file' (FORMAT binary);
SELECT set_eq('SELECT k, part, s::text FROM received', 'SELECT k, part, s::text FROM parts',
    'the binary form is whole');
SELECT throws_ok('SELECT etl.top_values(s, NULL::int) FROM parts', '42804',
    'the state holds values of type text, not integer',
                 'another type of values');
SELECT throws_ok('SELECT etl.merge(x) FROM (SELECT s FROM parts UNION ALL SELECT f FROM parts) AS u(x)', '22023',
                 'states of different kinds cannot be merged', 'states of different kinds');
SELECT is(etl.top_values(NULL, NULL::int), NULL, 'NULL has no values');

-- rows whose columns change
CREATE TABLE changed (a int, b int, c int);
INSERT INTO changed VALUES (1, 2, 3);
CREATE TABLE changing AS
SELECT etl.latest_n_state(t, a, 1) AS s, etl.latest_n_state(ARRAY[t], a, 1) AS lists FROM changed AS t;
SELECT is((SELECT etl.top_values(s, NULL::changed)::text FROM changing), '{"(1,2,3)"}', 'a stored row');
ALTER TABLE changed ALTER a TYPE bigint;
ALTER TABLE changed ALTER a TYPE int;
SELECT is((SELECT etl.top_values(etl.merge(s), NULL::changed)::text FROM changing), '{"(1,2,3)"}', 'nothing new');
ALTER TABLE changed DROP COLUMN b;
ALTER TABLE changed ADD COLUMN d int;
SELECT throws_ok('SELECT etl.top_values(s, NULL::changed) FROM changing', '42804',
                 'the state holds rows of type public.changed as it was before its columns changed', 'not read');
SELECT throws_ok('SELECT etl.merge(s ORDER BY n) FROM (SELECT 2 AS n, s FROM changing UNION ALL '
                 'SELECT 1, etl.latest_n_state(t, a, 1) FROM changed AS t) AS u', '42804',
                 'the state holds rows of type public.changed as it was before its columns changed', 'nor merged');
SELECT throws_ok('SELECT etl.merge(lists) FROM changing', '42804',
                 'the state holds rows of type public._changed as it was before its columns changed', 'nor in arrays');

-- bad input
SELECT throws_ok('SELECT etl.top_n(v, o, -1) FROM events', '22023', 'n must be between 0 and 10000000, not -1',
    'n < 0');
SELECT throws_ok('SELECT etl.top_n(v, o, id) FROM (SELECT * FROM events WHERE id IN (1, 2)) AS e', '22023', NULL,
    'n varies');
SELECT throws_ok('SELECT etl.top_n(v, o, NULL) FROM events', '22004', 'n must not be NULL', 'no n');
SELECT throws_ok('SELECT etl.top_n(1, NULL::int, -1)', '22023', 'n must be between 0 and 10000000, not -1',
                 'n without an order');
SELECT throws_ok('SELECT etl.top_n(1, ''(1,2)''::point, 1)', '42883', 'values of type point have no order',
                 'no order');
SELECT throws_ok('SELECT etl.top_n(r, 1, 1) FROM (SELECT row(1, 2) AS r) AS t', '0A000', NULL, 'a row of no type');
SELECT s::text AS good FROM parts WHERE k = 1 AND part = 1 \gset
SELECT throws_ok(format('SELECT %L::etl.top_n_state', overlay(:'good' PLACING '02' FROM 11 FOR 2)), '22P03', NULL,
                 'another version');
SELECT throws_ok(format('SELECT %L::etl.top_n_state', left(:'good', -2)), '22P03', NULL, 'a byte is missing');
SELECT throws_ok(format('SELECT etl.merge(%L::etl.top_n_state)', replace(:'good', encode('int8', 'hex'),
    encode('int4', 'hex'))),
                 '22P03', NULL, 'an order of another size');
SELECT throws_ok(format('SELECT etl.merge(%L::etl.top_n_state)', replace(:'good', encode('int8', 'hex'),
    encode('int9', 'hex'))),
                 '42704', 'type pg_catalog.int9 does not exist', 'an unknown type');
CREATE SCHEMA some_scope;
CREATE DOMAIN some_scope.int8 AS bigint;
SELECT throws_ok(format('SELECT etl.top_values(%L::etl.top_n_state, NULL::text)',
                        replace(:'good', encode('pg_catalog', 'hex') || '0400000000000000' || encode('int8', 'hex'),
                                encode('some_scope', 'hex') || '0400000000000000' || encode('int8', 'hex'))),
                 '22P03', NULL, 'an order that is a domain');
SELECT throws_ok(format('SELECT etl._top_n_final(%L::etl.top_n_state, NULL::int, NULL::int, 1)', :'good'), '42804',
    NULL,
                 'a final function that is promised another type');

-- cancel
CREATE FUNCTION is_stopped(query text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    RETURN false;
EXCEPTION
    WHEN query_canceled THEN
        RETURN clock_timestamp() < statement_timestamp() + interval '5 s';
END
$$;
SET LOCAL statement_timeout = '300ms';
SELECT ok(is_stopped('SELECT etl.top_n(i, i::numeric, 1000000) FROM generate_series(1, 30000000) AS i'), 'a group');
SELECT ok(is_stopped($$SELECT * FROM etl.top_n_per_key('SELECT 1 AS k, i FROM generate_series(1, 30000000) AS i', '{k}',
                     'i', 'i', 5) AS t(k int, v int[])$$), 'keys');
SET LOCAL statement_timeout = 0;

SELECT * FROM finish();
ROLLBACK;
