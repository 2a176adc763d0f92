-- What rollups make of their states: variances and deviations as PostgreSQL computes them, sets in two parts, and which
-- values are kept.
SELECT plan(29);
SET client_min_messages = warning;
SET extra_float_digits = 1;

-- Digit by digit: the text is compared.
CREATE FUNCTION differing(scale int, magnitude numeric, groups int, seed float8) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    PERFORM setseed(seed);
    SELECT count(*) INTO found
    FROM (
        SELECT var_samp(x) AS vs, var_pop(x) AS vp, stddev_samp(x) AS ds, stddev_pop(x) AS dp, count(x) AS n,
               coalesce(sum(x), 0) AS s, coalesce(sum(x * x), 0) AS q
        FROM (SELECT g, round((random()::numeric - 0.3) * magnitude, scale) AS x
              FROM generate_series(1, groups) AS g CROSS JOIN LATERAL generate_series(1, 1 + g % 7) AS i) AS v
        GROUP BY g
    ) AS v
    WHERE (vs::text, vp::text, ds::text, dp::text) IS DISTINCT FROM
          (etl._delta_variance(n, s, q, true)::text, etl._delta_variance(n, s, q, false)::text,
           etl._delta_deviation(n, s, q, true)::text, etl._delta_deviation(n, s, q, false)::text);
    RETURN found;
END
$$;
SELECT is(differing(0, 100, 2000, 0.1), 0::bigint, 'variances of whole numbers');
SELECT is(differing(2, 1000, 2000, 0.2), 0::bigint, 'of prices');
SELECT is(differing(12, 1, 2000, 0.3), 0::bigint, 'of small values');
SELECT is(differing(3, 1e20, 1000, 0.4), 0::bigint, 'of large ones');
SELECT is(differing(40, 1e-20, 1000, 0.5), 0::bigint, 'of tiny ones');
SELECT is(differing(0, 3, 2000, 0.6), 0::bigint, 'of values that are often the same');
SELECT is(etl._delta_variance(0, 0, 0, true), NULL, 'no values have no variance');
SELECT is(etl._delta_deviation(1, 5, 25, true), NULL, 'nor has one, as a sample');
SELECT is(etl._delta_deviation(1, 5, 25, false), 0::numeric, 'as a population it has none');
SELECT is(etl._delta_deviation(3, 'Infinity', 'Infinity', false), 'NaN'::numeric, 'infinite values give NaN');

-- A base of all values up to so many, a tail behind them, and values from both and beyond.
CREATE TABLE sets AS
SELECT b.n, (SELECT etl.distinct_set('v' || i) FROM generate_series(1, b.n) AS i) AS base,
       (SELECT etl.distinct_set('v' || i) FROM generate_series(b.n + 1, b.n + 20) AS i) AS tail,
       (SELECT etl.distinct_set(i) FROM generate_series(1, b.n) AS i) AS numbers
FROM (VALUES (0), (1), (100), (900), (5000), (100000)) AS b(n);
CREATE FUNCTION wrong(added int) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM sets AS s
    CROSS JOIN LATERAL (SELECT etl.distinct_set('v' || (1 + i * 7919 % (s.n + 60))) AS added
                        FROM generate_series(1, wrong.added) AS i) AS a
    CROSS JOIN LATERAL (SELECT etl._set_tail(s.base, s.tail, a.added) AS tail,
                               etl.set_union(s.tail, etl.set_difference(a.added, coalesce(s.base, s.tail))) AS due) AS t
    WHERE t.tail::text IS DISTINCT FROM t.due::text
$$;
SELECT is(wrong(1) + wrong(3) + wrong(40), 0::bigint, 'few values are looked up in the base where it lies');
SELECT is(wrong(3000), 0::bigint, 'many are compared with all of it');
SELECT is((SELECT count(*) FROM sets AS s CROSS JOIN generate_series(-3, 40) AS i
           WHERE (etl._set_tail(s.numbers, NULL, (SELECT etl.distinct_set(v) FROM (VALUES (i * 131)) AS x(v))) IS NULL)
                 IS DISTINCT FROM (i * 131 BETWEEN 1 AND s.n)), 0::bigint, 'numbers too');
SELECT ok(etl._set_tail(NULL, NULL, NULL) IS NULL, 'nothing is nothing');
SELECT throws_ok('SELECT etl._set_tail(base, NULL, numbers) FROM sets WHERE n = 100000', '42804', NULL,
                 'sets of values of two types are an error');
-- Values that the catalog gives their names --------------------------------------------------------------------------

CREATE FUNCTION refused(query text) RETURNS text LANGUAGE sql AS $$
    SELECT etl._rollup_plan(query, '{k}') ->> 'delta_refused'
$$;
CREATE TYPE state AS ENUM ('a', 'b');
CREATE TYPE stated AS (s state, n integer);
CREATE TYPE states AS RANGE (subtype = state);
CREATE DOMAIN one_state AS state;
CREATE TABLE event (id integer, e state, l state[], d one_state, r states, p stated[], c regclass, t text[]);
INSERT INTO event VALUES (1, 'a');
SELECT etl.create_rollup('public.stated_events', $$
    SELECT id AS k, count(DISTINCT e) AS n FROM public.event GROUP BY 1 $$, '{k}', realtime => true) > 0;
ALTER TYPE state RENAME VALUE 'a' TO 'c';
INSERT INTO event VALUES (1, 'c');
SELECT results_eq('TABLE stated_events_live', 'VALUES (1, 1::bigint)', 'a label that is renamed is still the same');
CALL etl.refresh_rollup('stated_events');
SELECT results_eq('TABLE stated_events', 'VALUES (1, 1::bigint)', 'in the rollup, too');
SELECT matches(refused(format('SELECT id AS k, count(DISTINCT %s) AS n FROM public.event GROUP BY 1', c)),
               '^count of type .* cannot be kept: a label that is renamed', c || ' is not kept')
FROM unnest('{e,l,d,r,p,c}'::text[]) AS c;
SELECT matches(refused('SELECT id AS k, etl.frequencies(e) AS n FROM public.event GROUP BY 1'),
               'frequencies of type .* cannot be kept', 'nor is it in counters');
SELECT is(refused('SELECT id AS k, count(DISTINCT t) AS n, count(DISTINCT id) AS i, count(DISTINCT c::oid) AS o, '
                  'min(e) AS least FROM public.event GROUP BY 1'), NULL,
          'others are, and what the table''s own columns hold');

-- Texts of types that others have made -------------------------------------------------------------------------------

CREATE EXTENSION citext;
CREATE DOMAIN word AS varchar(20) CHECK (value <> '');
CREATE DOMAIN tag AS char(5) NOT NULL;
CREATE TABLE said (id integer PRIMARY KEY, c citext, w word, t tag, n word);
INSERT INTO said VALUES (1, 'a', 'a', 'a', 'a');
SELECT etl.create_rollup('public.words', $$
    SELECT id % 2 AS k, count(DISTINCT w) AS w, count(DISTINCT t) FILTER (WHERE n <> 'x') AS t, count(DISTINCT n) AS n
    FROM public.said GROUP BY 1 $$, '{k}', mode => 'delta') > 0;
SELECT etl.create_rollup('public.in_any_case', $$
    SELECT id % 2 AS k, count(DISTINCT c) AS c FROM public.said GROUP BY 1 $$, '{k}') > 0;
INSERT INTO said VALUES (2, 'b', 'b', 'b', 'b'), (3, 'A', 'A', 'a    ', NULL), (4, 'B', 'b', 'ab', 'x');
CALL etl.refresh_all();
SELECT results_eq('TABLE words ORDER BY k', 'VALUES (0, 1::bigint, 1::bigint, 2::bigint), (1, 2, 1, 1)',
                  'values of domains are those of what the domains are made of');
DELETE FROM said WHERE id = 3;
UPDATE said SET w = 'c', n = 'y' WHERE id = 4;
CALL etl.refresh_all();
SELECT results_eq('TABLE words ORDER BY k', 'VALUES (0, 2::bigint, 2::bigint, 2::bigint), (1, 1, 1, 1)',
                  'whatever changes');
SELECT is((SELECT count(*) FROM etl.verify_rollup('words')), 0::bigint, 'and rightly');
SELECT results_eq('TABLE in_any_case ORDER BY k', 'VALUES (0, 1::bigint), (1, 1)',
                  'a text that is not compared as one is not kept');

SELECT * FROM finish();
