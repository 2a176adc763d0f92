-- What rollups make of their states: variances and deviations as PostgreSQL computes them, and sets in two parts.
SELECT plan(15);
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
SELECT * FROM finish();
