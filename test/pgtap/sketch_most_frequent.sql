-- etl.most_frequent and etl.frequencies: against GROUP BY, merged in any split, within their bounds, forged.
BEGIN;
SELECT plan(58);

-- known answers
SELECT is(etl.most_frequent(v, 2), '{b,a}'::text[], 'the most frequent first, of equal ones the lower')
FROM unnest('{c,b,a,b,c,a,b,NULL,NULL,NULL,NULL}'::text[]) AS v;
SELECT is(etl.most_frequent(v, 9), '{2,1}'::int[], 'fewer values than k') FROM unnest('{2,1,2}'::int[]) AS v;
SELECT is(etl.most_frequent(v, 2, 5), '{2,1}'::int[], 'counters for all values') FROM unnest('{2,1,2}'::int[]) AS v;
SELECT is(etl.most_frequent(v, 2), NULL, 'no values') FROM (VALUES (NULL::int)) AS t(v);
SELECT is(etl.most_frequent(v, 2), NULL, 'no rows') FROM (VALUES (1)) AS t(v) WHERE false;
SELECT is(etl.most_frequent(v, 1)::text, '{1}', 'numerics by their value')
    FROM unnest('{1.00,2,1.0,2,1}'::numeric[]) AS v;
SELECT is(etl.most_frequent(v, 2), '{NaN,0}'::float8[], 'doubles, too')
FROM unnest('{NaN,0,-0,NaN,1,NaN}'::float8[]) AS v;
SELECT is(etl.most_frequent(v, 1)::text, '{"1 day"}', 'intervals') FROM unnest('{1 day,24:00,1 mon}'::interval[]) AS v;
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT is(array_to_string(etl.most_frequent(v COLLATE no_case, 1), ' ') COLLATE "C", 'A',
    'texts as their collation says')
FROM unnest('{b,a,A,b,a}'::text[]) AS v;
CREATE TYPE pair AS (a int, b text);
SELECT is(etl.most_frequent(r::pair, 2)::text, '{"(1,x)","(2,)"}', 'rows')
FROM (VALUES ('(1,x)'), ('(2,)'), ('(1,x)')) AS t(r);

CREATE TABLE words AS
SELECT i AS id, i % 5 AS part, 'w' || floor(100 * power(i * 7919 % 10007 / 10007.0, 3))::text AS w
    FROM generate_series(1, 30000) AS i;
ANALYZE words;
PREPARE counted AS SELECT w, count(*) AS count, 0::bigint AS error FROM words GROUP BY w;

-- exact
SELECT set_eq('SELECT v.* FROM (SELECT etl.frequencies(w) AS s FROM words) AS f, etl.most_frequent_values(f.s,
    NULL::text) AS v',
              'counted', 'frequencies is GROUP BY');
SELECT results_eq('SELECT v.value, v.count FROM (SELECT etl.frequencies(w) AS s FROM words) AS f,
                  etl.most_frequent_values(f.s, NULL::text, 10) AS v',
                  'SELECT w, count(*) FROM words GROUP BY w ORDER BY 2 DESC, w COLLATE "C" LIMIT 10', 'in this order');
SELECT is(etl.most_frequent(w, 10), (SELECT array_agg(w) FROM (
    SELECT w FROM words GROUP BY w ORDER BY count(*) DESC, w COLLATE "C" LIMIT 10) AS t),
    'most_frequent agrees') FROM words;
SELECT is(etl.row_count(etl.frequencies(w)), 30000::bigint, 'rows are counted') FROM words;
SELECT is(etl.most_unlisted(etl.frequencies(w)), 0::bigint, 'nothing is missed') FROM words;
CREATE TABLE parts AS
SELECT part, etl.frequencies(w) AS s, etl.frequencies(w, 30) AS a, etl.frequencies(w, 1000) AS e
    FROM words GROUP BY part;
SELECT set_eq('SELECT v.* FROM (SELECT etl.merge(s) AS s FROM parts) AS f, etl.most_frequent_values(f.s, NULL::text)
    AS v',
              'counted', 'merge of a split is the whole');
SELECT is(etl.merge(s)::text, (SELECT etl.frequencies(w)::text FROM words), 'to the byte') FROM parts;
SELECT is(etl.merge(s::text::etl.frequency_state)::text, etl.merge(s)::text, 'the text form is whole') FROM parts;
CREATE TABLE pairs AS SELECT part, etl.frequencies(row(part, w)::pair) AS s FROM words GROUP BY part;
SELECT set_eq($$SELECT part, s::text FROM (SELECT part, etl.frequencies(row(part, w)::pair) AS s
                                           FROM words GROUP BY part ORDER BY count(*)) AS t$$,
              'SELECT part, s::text FROM pairs', 'what goes from the aggregate into a sort, too');
SELECT current_setting('data_directory') || '/frequencies.bin' AS file \gset
CREATE TABLE received (LIKE parts);
COPY parts TO :'file' (FORMAT binary);
COPY received FROM :'file' (FORMAT binary);
SELECT set_eq('SELECT part, s::text, a::text FROM received', 'SELECT part, s::text, a::text FROM parts',
    'the binary form is whole');
SELECT set_eq('SELECT v.* FROM (SELECT etl.merge(e) AS s FROM parts) AS f, etl.most_frequent_values(f.s, NULL::text)
    AS v',
              'counted', 'more counters than values are exact');
CREATE DOMAIN even AS int CHECK (value % 2 = 0);
SELECT is(etl.most_frequent(v, 1), '{2}'::even[], 'a domain') FROM unnest('{4,2,2}'::even[]) AS v;

-- by space-saving: every bound holds, at once and merged
CREATE FUNCTION within_bounds(state etl.frequency_state, counters int,
    what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT is((SELECT count(*) FROM etl.most_frequent_values(state, NULL::text)), counters::bigint,
    what || ': counters');
    RETURN NEXT is_empty(format('SELECT * FROM etl.most_frequent_values(%L, NULL::text) AS v
        JOIN (SELECT w, count(*) AS true FROM words GROUP BY w) AS t ON t.w = v.value
        WHERE NOT (v.count - v.error <= t.true AND t.true <= v.count AND v.error <= 30000 / %s)', state, counters),
        what || ': counts');
    RETURN NEXT is_empty(format('SELECT w FROM words GROUP BY w HAVING count(*) > 30000 / %s
        EXCEPT SELECT v.value FROM etl.most_frequent_values(%L, NULL::text)
    AS v', counters, state), what || ': frequent values');
    RETURN NEXT ok(etl.most_unlisted(state) <= 30000 / counters AND etl.most_unlisted(state) >= (SELECT max(n) FROM (
        SELECT count(*) AS n FROM words WHERE w NOT IN (SELECT v.value FROM etl.most_frequent_values(state,
    NULL::text) AS v)
        GROUP BY w) AS t), what || ': what is not listed');
END $$;
SELECT within_bounds((SELECT etl.frequencies(w, 30) FROM words), 30, 'at once');
SELECT within_bounds((SELECT etl.merge(a) FROM parts), 30, 'merged');
SELECT within_bounds((SELECT etl.frequencies(w, 7) FROM words), 7, 'few counters');

-- in parallel
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 3;
SELECT set_eq('SELECT v.* FROM (SELECT etl.frequencies(w) AS s FROM words) AS f, etl.most_frequent_values(f.s,
    NULL::text) AS v',
              'counted', 'parallel is serial');
SELECT within_bounds((SELECT etl.frequencies(w, 30) FROM words), 30, 'in parallel');
SET LOCAL max_parallel_workers_per_gather = 0;

-- bad input
SELECT throws_ok('SELECT etl.most_frequent(w, 0) FROM words', '22023', 'k must be between 1 and 10000000, not 0',
    'k = 0');
SELECT throws_ok('SELECT etl.most_frequent(w, NULL) FROM words', '22004', NULL, 'no k');
SELECT throws_ok('SELECT etl.most_frequent(w, 3, 2) FROM words', '22023',
    'counters must be at least k, which is 3, not 2',
                 'fewer counters than k');
SELECT throws_ok('SELECT etl.most_frequent(w, id) FROM words', '22023', NULL, 'k varies');
SELECT throws_ok('SELECT etl.frequencies(w, 0) FROM words', '22023', NULL, 'no counters');
SELECT throws_ok('SELECT etl.frequencies(''(1,2)''::point)', '42883', NULL, 'no equality');
SELECT throws_ok('SELECT etl.merge(x) FROM (SELECT s FROM parts UNION ALL SELECT a FROM parts) AS u(x)', '22023',
                 'states of different kinds cannot be merged', 'states of different kinds');
SELECT throws_ok('SELECT etl.most_frequent_values(s, NULL::int) FROM parts', '42804',
    'the state holds values of type text',
                 'another type of values');
SELECT etl.frequencies(v)::text AS good FROM unnest('{a,b,b}'::text[]) AS v \gset
SELECT throws_ok(format('SELECT %L::etl.frequency_state', overlay(:'good' PLACING '02' FROM 11 FOR 2)), '22P03', NULL,
                 'another version');
SELECT throws_ok(format('SELECT %L::etl.frequency_state', left(:'good', -2)), '22P03', NULL, 'a byte is missing');
SELECT throws_ok(format('SELECT %L::etl.frequency_state', overlay(:'good' PLACING '04' FROM 43 FOR 2)), '22P03', NULL,
                 'other rows than counts');
SELECT throws_ok(format('SELECT etl.merge(%L::etl.frequency_state)', left(:'good', -2) || '62'), '22P03', NULL,
    'a value twice');
SET LOCAL work_mem = '64kB';
SET LOCAL hash_mem_multiplier = 1;
SELECT throws_ok('SELECT etl.frequencies(repeat(''x'', 1000) || i) FROM generate_series(1, 100000) AS i', '54000',
    NULL,
                 'more values than memory has room for');
SELECT lives_ok('SELECT etl.frequencies(repeat(''x'', 1000) || i, 100) FROM generate_series(1, 10000) AS i',
    'or with counters');

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
SELECT ok(is_stopped('SELECT etl.frequencies(i, 1000000) FROM generate_series(1, 30000000) AS i'),
          'a timeout stops it');
SET LOCAL statement_timeout = 0;

-- arguments, with and without a value
SELECT throws_ok('SELECT etl.most_frequent(1, NULL)', '22004', 'k must not be NULL', 'no k');
SELECT throws_ok('SELECT etl.most_frequent(NULL::int, 0)', '22023', NULL, 'k without a value');
SELECT throws_ok('SELECT etl.frequencies(1, NULL)', '22004', 'counters must not be NULL', 'no counters');

-- rows whose columns change
CREATE TABLE changed (a int, b int);
INSERT INTO changed VALUES (1, 2);
CREATE TABLE changing AS SELECT etl.frequencies(t) AS s FROM changed AS t;
ALTER TABLE changed DROP COLUMN b;
ALTER TABLE changed ADD COLUMN d int;
SELECT throws_ok('SELECT etl.merge(s) FROM changing', '42804',
                 'the state holds rows of type public.changed as it was before its columns changed', 'are not read');

SELECT * FROM finish();
ROLLBACK;
