-- Sets of distinct values: the aggregates and their answers, stored sets, errors.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- one overload per type; NULLs are no values, and nothing has no values
SELECT etl.count_distinct(x) FROM (VALUES ('a'::text), ('b'), ('a'), (NULL), ('')) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES (1::bigint), (2), (1), (NULL), (-9223372036854775808)) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES (1::integer), (2), (1), (NULL)) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES (1::smallint), (2), (1), (NULL)) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES (1.0::numeric), (1.00), (-1), (NULL), (0), (0.000)) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES ('NaN'::numeric), ('NaN'), ('Infinity'), ('-Infinity')) AS v (x);
SELECT etl.count_distinct(x)
FROM (VALUES ('00000000-0000-0000-0000-000000000000'::uuid), ('00000000-0000-0000-0000-000000000000'),
             ('00000000-0000-0000-0000-000000000001'), ('10000000-0000-0000-0000-000000000000'), (NULL)) AS v (x);
SELECT etl.count_distinct(x)
FROM (VALUES ('2024-03-31 01:00+00'::timestamptz), ('2024-03-31 02:00+01'), ('infinity'), ('-infinity')) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES ('2024-03-31 02:30'::timestamp), ('2024-03-31 03:30'), (NULL)) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES ('2024-02-29'::date), ('2024-02-29'), ('2024-03-01')) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES ('a'::varchar(3)), ('b'), ('a')) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES (true), (false), (true), (NULL)) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES (0::float8), ('-0'), ('NaN'), ('NaN'), (NULL)) AS v (x);
SELECT etl.count_distinct(x) FROM (VALUES ('{"a": 1}'::jsonb), ('{"a":1.0}'), ('[]')) AS v (x);
SELECT etl.count_distinct(ARRAY[x, NULL]) FROM (VALUES (1), (1), (2)) AS v (x);
SELECT etl.count_distinct(NULL::text) AS all_null, etl.count_distinct(1) FILTER (WHERE false) AS no_rows;

-- a set is a value
CREATE TABLE daily (day date, wallets etl.distinct_set);
INSERT INTO daily
SELECT day, etl.distinct_set(wallet)
FROM (VALUES ('2024-01-01'::date, 'ann'), ('2024-01-01', 'bob'), ('2024-01-01', 'ann'),
             ('2024-01-02', 'bob'), ('2024-01-02', 'cat'), ('2024-01-03', NULL)) AS v (day, wallet)
GROUP BY day;
SELECT day, etl.cardinality(wallets) FROM daily ORDER BY day;
SELECT etl.cardinality(etl.merge(wallets)) FROM daily;
SELECT etl.merge(wallets) IS NULL AS nothing_to_merge FROM daily WHERE day > '2024-01-02';
SELECT etl.cardinality(NULL::etl.distinct_set), etl.distinct_set(NULL::text) IS NULL AS no_set;
SELECT day, wallets::text::etl.distinct_set::text = wallets::text AS same FROM daily WHERE wallets IS NOT NULL
ORDER BY day;
SELECT etl.distinct_set(x) FROM (VALUES (42::bigint), (7)) AS v (x);

-- equal numbers of different widths are one value
SELECT etl.cardinality(etl.merge(s))
FROM (SELECT etl.distinct_set(1::smallint) AS s
      UNION ALL SELECT etl.distinct_set(1::integer)
      UNION ALL SELECT etl.distinct_set(1::bigint)) AS sets;

-- sets as operands
SELECT etl.cardinality(etl.set_union(a.wallets, b.wallets)) AS either,
       etl.cardinality(etl.set_intersection(a.wallets, b.wallets)) AS both,
       etl.cardinality(etl.set_difference(a.wallets, b.wallets)) AS only_first,
       etl.contains(a.wallets, 'ann') AS ann, etl.contains(a.wallets, 'cat') AS cat
FROM daily AS a, daily AS b WHERE a.day = '2024-01-01' AND b.day = '2024-01-02';

-- as a window function
SELECT x, etl.count_distinct(x) OVER (ORDER BY i) AS so_far
FROM (VALUES (1, 'a'), (2, 'b'), (3, 'a'), (4, 'c')) AS v (i, x)
ORDER BY i;

-- errors
SELECT etl.count_distinct('{}'::json);
SELECT etl.contains(wallets, 1) FROM daily WHERE day = '2024-01-01';
SELECT etl.set_union(wallets, (SELECT etl.distinct_set(1))) FROM daily WHERE day = '2024-01-01';
SELECT etl.merge(s) FROM (SELECT etl.distinct_set(1) AS s UNION ALL SELECT etl.distinct_set(true)) AS v;
SELECT ''::etl.distinct_set;
SELECT '\x4453455401'::etl.distinct_set;
SELECT '\xzz'::etl.distinct_set;
SELECT repeat('00', 24)::etl.distinct_set;
SELECT ('\x' || repeat('00', 24))::etl.distinct_set;
SELECT ('\x4453455402000000' || '1400000008000000')::etl.distinct_set;
SELECT ('\x4453455401000000' || '1400000009000000')::etl.distinct_set;
SELECT ('\x4453455401000000' || '1400000008800000')::etl.distinct_set;
SELECT ('\x4453455401000000' || '1400000008000000' || '00')::etl.distinct_set;
SELECT ('\x4453455401000000' || '1400000008000000' || repeat('00', 16))::etl.distinct_set;
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT etl.count_distinct(x COLLATE loose) FROM (VALUES ('a'), ('A')) AS v (x);
SELECT etl.count_distinct(x COLLATE "C") FROM (VALUES ('a'), ('A')) AS v (x);
SELECT etl.contains(etl.distinct_set(x COLLATE loose), 'a' COLLATE "C") FROM (VALUES ('a'), ('A')) AS v (x);

DROP COLLATION loose;
DROP TABLE daily;
