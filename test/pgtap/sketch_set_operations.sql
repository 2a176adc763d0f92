-- Sets of distinct values as operands: union, intersection, difference, membership, size; against SQL's own on random
-- data, with NULLs, empty and equal operands, sets of two types, sets that lie outside of their row.
BEGIN;
SELECT plan(38);

PREPARE found (text, text) AS
SELECT FROM pg_proc WHERE oid = $1::regprocedure AND prorettype = $2::regtype AND proparallel = 's' AND proisstrict;
SELECT isnt_empty(format('EXECUTE found(%L, %L)', name, result), name || ' returns ' || result)
FROM (VALUES ('etl.set_union(etl.distinct_set,etl.distinct_set)', 'etl.distinct_set'),
             ('etl.set_intersection(etl.distinct_set,etl.distinct_set)', 'etl.distinct_set'),
             ('etl.set_difference(etl.distinct_set,etl.distinct_set)', 'etl.distinct_set'),
             ('etl.cardinality(etl.distinct_set)', 'bigint'),
             ('etl.contains(etl.distinct_set,text)', 'boolean'),
             ('etl.contains(etl.distinct_set,anyelement)', 'boolean')) AS functions (name, result);

-- random sets against EXCEPT, INTERSECT, UNION
SELECT setseed(0.3);
CREATE TABLE drawn AS
SELECT g, (random() * 200)::int AS n FROM generate_series(1, 40) AS g, generate_series(1, 5 * g);
CREATE TABLE sets AS
SELECT g, etl.distinct_set(n) AS numbers, etl.distinct_set(n::text) AS texts FROM drawn GROUP BY g;
CREATE TABLE pairs AS
SELECT a.g AS a, b.g AS b, operation,
       CASE operation WHEN 'union' THEN (SELECT count(*) FROM (SELECT n FROM drawn WHERE g = a.g
                                                               UNION SELECT n FROM drawn WHERE g = b.g) AS u)
                      WHEN 'intersection' THEN (SELECT count(*) FROM (SELECT n FROM drawn WHERE g = a.g
                                                                      INTERSECT SELECT n FROM drawn WHERE g = b.g) AS u)
                      ELSE (SELECT count(*) FROM (SELECT n FROM drawn WHERE g = a.g
                                                  EXCEPT SELECT n FROM drawn WHERE g = b.g) AS u) END AS expected,
       CASE operation WHEN 'union' THEN etl.set_union(a.numbers, b.numbers)
                      WHEN 'intersection' THEN etl.set_intersection(a.numbers, b.numbers)
                      ELSE etl.set_difference(a.numbers, b.numbers) END AS numbers,
       CASE operation WHEN 'union' THEN etl.set_union(a.texts, b.texts)
                      WHEN 'intersection' THEN etl.set_intersection(a.texts, b.texts)
                      ELSE etl.set_difference(a.texts, b.texts) END AS texts
FROM sets AS a, sets AS b, unnest(ARRAY['union', 'intersection', 'difference']) AS operation
WHERE a.g % 4 = 1 AND b.g % 3 = 0;
SELECT cmp_ok(count(*), '>', 300::bigint, 'many pairs') FROM pairs;
SELECT is(count(*) FILTER (WHERE etl.cardinality(numbers) <> expected), 0::bigint, operation || ' of numbers')
FROM pairs GROUP BY operation ORDER BY operation;
SELECT is(count(*) FILTER (WHERE etl.cardinality(texts) <> expected), 0::bigint, operation || ' of texts')
FROM pairs GROUP BY operation ORDER BY operation;
SELECT is((SELECT count(*) FROM pairs, generate_series(0, 200) AS v (n)
           WHERE operation = 'difference' AND a < 20
             AND etl.contains(pairs.numbers, v.n) <> (EXISTS (SELECT FROM drawn WHERE g = a AND drawn.n = v.n)
                                              AND NOT EXISTS (SELECT FROM drawn WHERE g = b AND drawn.n = v.n))),
          0::bigint, 'and the values are the right ones');
SELECT ok(bool_and(etl.set_union(a.numbers, b.numbers)::text = etl.set_union(b.numbers, a.numbers)::text),
          'a union has no order') FROM sets AS a, sets AS b;
SELECT ok(bool_and(etl.set_union(numbers, numbers)::text = numbers::text
                   AND etl.set_intersection(numbers, numbers)::text = numbers::text
                   AND etl.cardinality(etl.set_difference(numbers, numbers)) = 0), 'a set and itself') FROM sets;

-- empty sets are sets
CREATE TABLE one AS SELECT etl.distinct_set(n) AS s FROM (VALUES (1), (2)) AS v (n);
CREATE TABLE empty AS SELECT etl.set_difference(s, s) AS s FROM one;
SELECT is(etl.cardinality(s), 0::bigint, 'nothing is left') FROM empty;
SELECT is(etl.set_union(empty.s, one.s)::text, one.s::text, 'nothing and a set') FROM one, empty;
SELECT is(etl.cardinality(etl.set_intersection(empty.s, one.s)), 0::bigint, 'nothing in common') FROM one, empty;
SELECT ok(NOT etl.contains(s, 1), 'nothing contains nothing') FROM empty;
SELECT is(etl.cardinality(etl.merge(s)), 2::bigint, 'merged with nothing') FROM (TABLE one UNION ALL TABLE empty) AS v;
SELECT is(etl.cardinality(etl.merge(s)), 0::bigint, 'nothing merged') FROM empty;

-- NULL, and values of every kind
SELECT ok(etl.set_union(s, NULL) IS NULL AND etl.set_intersection(NULL, s) IS NULL
          AND etl.set_difference(s, NULL) IS NULL AND etl.contains(s, NULL::int) IS NULL
          AND etl.cardinality(NULL) IS NULL, 'NULL is not known') FROM one;
SELECT ok(etl.contains(s, 1::smallint) AND etl.contains(s, 1) AND etl.contains(s, 1::bigint) AND NOT etl.contains(s, 3),
          'whole numbers of any width') FROM one;
SELECT ok(etl.contains(etl.distinct_set('a'::text), 'a'), 'an untyped literal is a text');
SELECT ok(etl.contains(etl.distinct_set(1.0), 1.00) AND etl.contains(etl.distinct_set('NaN'::numeric), 'NaN'::numeric),
          'numerics by their value');
SELECT ok(etl.contains(etl.distinct_set('0'::float8), '-0'::float8)
          AND etl.contains(etl.distinct_set(1.5::float4), 1.5::float8),
          'floats by their value');
SELECT ok(etl.contains(etl.distinct_set('2024-01-01'::date), '2024-01-01'::date)
          AND NOT etl.contains(etl.distinct_set('2024-01-01'::timestamptz), '2024-01-02'::timestamptz), 'moments');

-- types that have nothing to do with each other
SELECT throws_ok(format('SELECT etl.contains(s, %s) FROM one', value), '42804',
                 'a set of bigint is asked for a value of ' || type, 'numbers have no ' || type)
FROM (VALUES ('''1''', 'text'), ('1.0', 'numeric'), ('now()', 'timestamp with time zone'), ('true', 'boolean'))
     AS v (value, type);
SELECT throws_ok($$SELECT etl.set_union(one.s, t.s) FROM one, (SELECT etl.distinct_set('a'::text) AS s) AS t$$, '42804',
                 'sets of bigint and of text have nothing in common', 'a union of two types');
SELECT throws_ok($$SELECT etl.merge(s) FROM (SELECT s FROM one UNION ALL SELECT etl.distinct_set(true)) AS v$$, '42804',
                 'sets of bigint and of boolean have nothing in common', 'a merge of two types');
SELECT throws_ok($$SELECT etl.set_union(s, overlay(s::text PLACING 'ffff3f00' FROM 19 FOR 8)::etl.distinct_set)
                   FROM one$$, '42804',
                 'sets of bigint and of a type that is not known here have nothing in common', 'a type of elsewhere');

-- a value that an aggregate hands out as it is stays what it is
CREATE AGGREGATE unfinished(bigint) (SFUNC = etl._distinct_set_add, STYPE = etl.distinct_set);
SELECT is(row(etl.cardinality(etl._distinct_set_add(s, 4::bigint)), etl.cardinality(s))::text, '(4,3)',
          'a function that is no part of an aggregate changes a copy')
FROM (SELECT unfinished(x) AS s FROM generate_series(1::bigint, 3) AS x OFFSET 0) AS t;

-- large ones lie outside of the row, and only their front is read for their size
CREATE TABLE large AS SELECT etl.distinct_set(i) AS s FROM generate_series(1, 200000) AS i;
SELECT is(etl.cardinality(s), 200000::bigint, 'a large set') FROM large;
SELECT is(pg_column_size(s), 16 + 8 * 200000, 'takes 8 bytes a number') FROM large;

SELECT * FROM finish();
ROLLBACK;
