-- etl.split and etl.temporal_split: their formula, shares, edges, and errors.
BEGIN;
SELECT plan(61);

-- By key --------------------------------------------------------------------------------------------------------------

-- The parts of a key are what they were in the releases before: they never change.
SELECT is(string_agg(etl.split(k, ARRAY[0.5, 0.3, 0.2])::text, '' ORDER BY k),
          '1332111131231121212232222232121111212111', 'whole numbers')
FROM generate_series(1, 40) AS k;
SELECT is(string_agg(etl.split('user ' || k, ARRAY[0.5, 0.3, 0.2], 7)::text, '' ORDER BY k),
          '2113112331321312111111211311231211121232', 'texts and a seed')
FROM generate_series(1, 40) AS k;

-- The formula
CREATE FUNCTION fraction(hash uuid) RETURNS float8 LANGUAGE sql AS $$
    SELECT ('x' || left(replace(hash::text, '-', ''), 16))::bit(64)::bit(53)::bigint / 2.0::float8 ^ 53
$$;
SELECT is_empty($$
    SELECT k FROM generate_series(1, 5000) AS k, unnest('{0,1,-5}'::bigint[]) AS seed
    WHERE etl.split(k, ARRAY[0.2, 0.5, 0.3], seed) <>
          width_bucket(fraction(etl.hash128(k, seed)), ARRAY[0, 0.2, 0.2::float8 + 0.5::float8])
$$, 'the first 53 bits of etl.hash128(key, seed)');
SELECT ok(abs(count(*) FILTER (WHERE etl.split(k, ARRAY[0.8, 0.15, 0.05]) = 1) - 80000) < 500
          AND abs(count(*) FILTER (WHERE etl.split(k, ARRAY[0.8, 0.15, 0.05]) = 3) - 5000) < 300, 'the shares')
FROM generate_series(1, 100000) AS k;
SELECT ok(abs(count(*) - 25000) < 500, 'another seed is another split')
FROM generate_series(1, 50000) AS k WHERE etl.split(k, '{0.5,0.5}') = etl.split(k, '{0.5,0.5}', 1);
SELECT is_empty($$
    SELECT k FROM generate_series(1, 1000) AS k
    WHERE etl.split(k, '{0.5,0.5}') <> etl.split(k::smallint, '{0.5,0.5}')
       OR etl.split(k, '{0.5,0.5}') <> etl.split(k::bigint, '{0.5,0.5}')
$$, 'whole numbers of all sizes are one');
SELECT is(etl.split(1.0, '{0.5,0.5}'), etl.split(1.000, '{0.5,0.5}'), 'equal numerics');
SELECT is(etl.split('a'::text, '{0.5,0.5}'), etl.split('a'::varchar(5), '{0.5,0.5}'), 'text and varchar');
SELECT is(etl.split('a', '{0.5,0.5}'), etl.split('a'::text, '{0.5,0.5}'), 'a literal is a text');
SELECT is(etl.split(ROW(1, 'x'::text), '{1}'), 1, 'a row, and one part');
SELECT is(etl.split(k, '{0.5,0.5}'), NULL, 'no key') FROM (VALUES (NULL::int)) AS v(k);
SELECT is(etl.split(1, NULL), NULL, 'no fractions');
SELECT is(etl.split(1, '{1}', NULL), NULL, 'no seed');

-- Buckets
SELECT is_empty($$
    SELECT k FROM generate_series(1, 3000) AS k, unnest('{0,7}'::bigint[]) AS seed, unnest('{1,2,7,1000}'::int[]) AS n
    WHERE etl.hash_bucket(k, n, seed) <> floor(fraction(etl.hash128(k, seed)) * n)
$$, 'a bucket is the fraction of its hash');
SELECT is(etl.hash_bucket('a'::text, 2147483647) BETWEEN 0 AND 2147483646, true, 'the most buckets');
SELECT is(etl.hash_bucket('a', 5), etl.hash_bucket('a'::varchar, 5), 'a literal is a text');
SELECT is(etl.hash_bucket(NULL::int, 5), NULL, 'no value, no bucket');
SELECT ok(max(n) < 1150 AND min(n) > 850 AND count(*) = 100, 'buckets have even shares')
FROM (SELECT count(*) AS n FROM generate_series(1, 100000) AS k GROUP BY etl.hash_bucket(k, 100)) AS b;
SELECT throws_ok('SELECT etl.hash_bucket(1, 0)', '22023', 'the number of buckets must be at least 1, not 0');
SELECT throws_ok('SELECT etl.hash_bucket(point(1, 2), 5)', '42883', NULL, 'a type without a hash');
SELECT lives_ok(format('SELECT etl.split(1, %L)', f), f)
FROM unnest(ARRAY['{0.7,0.2,0.1}', '{0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1}', '{0.333333333,0.333333333,0.333333334}',
                  '{1e-300,1}', '[0:1]={0.5,0.5}', '{0.5,0.5000000009}']) AS f;
SELECT throws_ok(format('SELECT etl.split(1, %L)', f), '22023', message, f)
FROM (VALUES ('{}', 'a split must have at least one fraction'),
             ('{0.5,NULL}', 'the fractions of a split must not have NULL among them'),
             ('{{0.5,0.5}}', 'the fractions of a split must be an array of one dimension'),
             ('{0.5,0.4}', 'the fractions of a split must sum to 1, not to 0.9'),
             ('{0.5,0.500000001}', 'the fractions of a split must sum to 1, not to 1.000000001'),
             ('{0.5,0.6}', 'the fractions of a split must sum to 1, not to 1.1'),
             ('{1,0}', 'a fraction of a split must be greater than 0, not 0'),
             ('{1.5,-0.5}', 'a fraction of a split must be greater than 0, not -0.5'),
             ('{NaN,1}', 'a fraction of a split must be greater than 0, not nan'),
             ('{Infinity,1}', 'the fractions of a split must sum to 1, not to inf')) AS f (f, message);
SELECT throws_ok($$SELECT etl.split('{}'::json, '{1}')$$, '42883', NULL, 'a type without a hash function');
CREATE TABLE key AS SELECT g AS k FROM generate_series(1, 20000) AS g;
ANALYZE key;
CREATE TABLE serial AS SELECT k, etl.split(k, '{0.9,0.1}') AS part FROM key;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT set_eq('SELECT k, etl.split(k, ''{0.9,0.1}'') FROM key', 'TABLE serial', 'parallel workers give the same');

-- By time -------------------------------------------------------------------------------------------------------------

SET LOCAL timezone = 'UTC';
SELECT is(etl.temporal_split(ts::timestamptz, '{2025-03-01,2025-06-01}'), part, ts)
FROM (VALUES ('-infinity', 1), ('2025-02-28 23:59:59.999999', 1), ('2025-03-01', 2), ('2025-05-31 23:59:59.999999', 2),
             ('2025-06-01', 3), ('infinity', 3)) AS v (ts, part);
SELECT is(etl.temporal_split('2025-01-01', '{}'), 1, 'no cutoff is one part');
SELECT is(etl.temporal_split(ts::timestamptz, '{2025-03-01,2025-06-01}', gap::interval), part,
          format('%s with a gap of %s', ts, gap))
FROM (VALUES ('2025-02-21 23:59:59', '7 days', 1), ('2025-02-22', '7 days', NULL), ('2025-02-28 12:00', '7 days', NULL),
             ('2025-03-01', '7 days', 2), ('2025-05-01', '1 month', NULL), ('2025-04-30', '1 month', 2),
             ('2025-01-01', '5 months', NULL), ('2025-06-01', '5 months', 3)) AS v (ts, gap, part);
SET LOCAL timezone = 'Europe/Berlin';
SELECT is(etl.temporal_split('2025-03-29 12:30+00', '{2025-03-30 12:00+00}', '1 day'), 1,
          'days are those of the time zone: this one has 23 hours');
SELECT is(etl.temporal_split('2025-03-29 12:30+00', '{2025-03-30 12:00+00}', '24 hours'), NULL, 'hours are not');
SELECT is(etl.temporal_split(NULL, '{2025-03-01}'), NULL, 'no moment');
SELECT throws_ok(format('SELECT etl.temporal_split(''2025-01-01'', %L, %L)', cutoffs, gap), '22023', message, message)
FROM (VALUES ('{2025-03-01,2025-03-01}', '0', 'the cutoffs of a split must be in ascending order'),
             ('{2025-03-01,NULL}', '0', 'the cutoffs of a split must not have NULL among them'),
             ('{{2025-03-01}}', '0', 'the cutoffs of a split must be an array of one dimension'),
             ('{2025-03-01}', '-1 day', 'the gap of a split must have no negative part, as -1 days has'),
             ('{2025-03-01}', '1 month -1 day', 'the gap of a split must have no negative part, as 1 mon -1 days has'))
     AS v (cutoffs, gap, message);
SELECT * FROM finish();
ROLLBACK;
