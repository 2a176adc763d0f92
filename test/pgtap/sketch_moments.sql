-- etl.moments: against PostgreSQL's aggregates on random data, however the plan goes; NULL, NaN, infinities, overflow;
-- states stored, sent and forged; names that do not hide those of pg_catalog.
BEGIN;
SELECT plan(45);

-- known answers: the differences from the mean are -21, -20, -19, -18, 78
CREATE TABLE known AS SELECT etl.moments(x) AS s FROM unnest('{1, 2, 3, 4, 100}'::float8[]) AS x;
SELECT is(etl.row_count(s), 5::bigint, 'row_count') FROM known;
SELECT is(etl.sum(s), 110::float8, 'sum') FROM known;
SELECT is(etl.mean(s), 22::float8, 'mean') FROM known;
SELECT is(etl.min(s), 1::float8, 'min') FROM known;
SELECT is(etl.max(s), 100::float8, 'max') FROM known;
SELECT is(etl.variance(s), 1902.5::float8, 'variance') FROM known;
SELECT is(etl.var_pop(s), 1522::float8, 'var_pop') FROM known;
SELECT is(etl.stddev(s), sqrt(1902.5::float8), 'stddev') FROM known;
SELECT is(etl.stddev_pop(s), sqrt(1522::float8), 'stddev_pop') FROM known;
SELECT is(round(etl.skewness(s)::numeric, 4), 1.4975, 'skewness, of the population') FROM known;
SELECT is(round(etl.kurtosis(s)::numeric, 4), 0.2467, 'kurtosis, in excess of a normal distribution''s') FROM known;

-- nothing, NULL, one, constants
SELECT ok((SELECT etl.moments(x) FROM known, unnest('{}'::float8[]) AS x) IS NULL, 'no rows have no moments');
SELECT ok((SELECT etl.moments(x) FROM unnest('{NULL, NULL}'::float8[]) AS x) IS NULL, 'nor has NULL alone');
SELECT is((SELECT etl.row_count(etl.moments(x)) FROM unnest('{NULL, 1, NULL}'::float8[]) AS x), 1::bigint,
          'NULL is no value');
SELECT is((SELECT ROW(etl.mean(s), etl.variance(s), etl.var_pop(s), etl.stddev(s), etl.skewness(s))
           FROM (SELECT etl.moments(7) AS s) AS one)::text, '(7,,0,,)', 'one value');
SELECT is((SELECT ROW(etl.mean(s), etl.variance(s), etl.kurtosis(s))
           FROM (SELECT etl.moments(0.1) AS s FROM generate_series(1, 1000)) AS same)::text, '(0.1,0,)',
          'a thousand times 0.1 are 0.1, and vary not at all');

-- NaN, infinities and overflow, as PostgreSQL has them
SELECT is((SELECT ROW(etl.mean(s), etl.sum(s), etl.variance(s), etl.var_pop(s), etl.min(s), etl.max(s))
           FROM (SELECT etl.moments(x) AS s FROM unnest(v) AS x) AS ours)::text,
          (SELECT ROW(avg(x), sum(x), variance(x), var_pop(x), min(x), max(x)) FROM unnest(v) AS x)::text, v::text)
FROM unnest(ARRAY['{1,NaN}', '{1,Infinity}', '{-Infinity,1}', '{Infinity,-Infinity}', '{NaN}', '{Infinity}']) AS t,
     LATERAL CAST(t AS float8[]) AS v;
SELECT throws_ok($$SELECT etl.sum(etl.moments(1.7e308)) FROM generate_series(1, 2)$$, '22003',
                 'the sum is out of range for double precision', 'a sum beyond the largest double');
SELECT is((SELECT etl.mean(etl.moments(1.7e308)) FROM generate_series(1, 2)), 1.7e308::float8, 'whose mean is known');
SELECT throws_ok($$SELECT etl.variance(etl.moments(x)) FROM unnest('{1e300,-1e300}'::float8[]) AS x$$, '22003',
                 'the variance is out of range for double precision', 'a variance beyond the largest double');
SELECT is((SELECT etl.stddev_pop(etl.moments(x)) FROM unnest('{1e300,-1e300}'::float8[]) AS x), 1e300::float8,
          'whose root is known');
SELECT is((SELECT etl.variance(etl.moments(x)) FROM unnest('{1000000000000001,1000000000000003}'::float8[]) AS x),
          2::float8, 'a small spread of large values');

-- random data, in every plan
SELECT setseed(0.42);
CREATE TABLE sample AS
SELECT (random() ^ 3 * 200)::int AS grp, i % 7 AS part,
       CASE WHEN random() > 0.1 THEN (random() - 0.5) * 10 ^ (random() * 12 - 6)::int END AS x, i
FROM generate_series(1, 100000) AS i;
ANALYZE sample;
CREATE FUNCTION near(a float8, b float8) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT a IS NOT DISTINCT FROM b OR abs(a - b) <= 1e-9 * greatest(abs(a), abs(b))
$$;
SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TABLE hashed AS SELECT grp, etl.moments(x) AS s FROM sample GROUP BY grp;
SELECT is_empty($$
    SELECT FROM hashed JOIN (
        SELECT grp, count(x), sum(x), avg(x), variance(x), var_pop(x), stddev(x), min(x), max(x)
        FROM sample GROUP BY grp) AS e USING (grp)
    WHERE NOT (etl.row_count(s) = e.count AND near(etl.sum(s), e.sum) AND near(etl.mean(s), e.avg)
               AND near(etl.variance(s), e.variance) AND near(etl.var_pop(s), e.var_pop)
               AND near(etl.stddev(s), e.stddev) AND etl.min(s) = e.min AND etl.max(s) = e.max)
$$, 'every group has PostgreSQL''s moments');
SELECT is_empty($$
    SELECT FROM hashed JOIN (
        SELECT grp, sum((x - m) ^ 3) / count(*) / s ^ 3 AS skewness, sum((x - m) ^ 4) / count(*) / s ^ 4 - 3 AS kurtosis
        FROM sample JOIN (SELECT grp, avg(x) AS m, stddev_pop(x) AS s FROM sample GROUP BY grp) AS c USING (grp)
        WHERE x IS NOT NULL GROUP BY grp, s) AS e USING (grp)
    WHERE abs(etl.skewness(s) - e.skewness) > 1e-6 * (1 + abs(e.skewness))
       OR abs(etl.kurtosis(s) - e.kurtosis) > 1e-6 * (1 + abs(e.kurtosis))
$$, 'and the skewness and kurtosis of a sum over its rows');
SET LOCAL enable_hashagg = off;
SELECT set_eq('SELECT grp, etl.moments(x)::text FROM sample GROUP BY grp', 'SELECT grp, s::text FROM hashed',
              'sorted: the same bytes');
SELECT set_eq('SELECT grp, etl.moments(x ORDER BY i * 7919 % 100003)::text FROM sample GROUP BY grp',
              'SELECT grp, s::text FROM hashed', 'in another order');
SET LOCAL enable_hashagg = on;
SET LOCAL work_mem = '64kB';
SELECT set_eq('SELECT grp, etl.moments(x)::text FROM sample GROUP BY grp', 'SELECT grp, s::text FROM hashed',
              'spilled');
RESET work_mem;
SELECT set_eq($$SELECT grp, etl.merge(s)::text
                FROM (SELECT grp, part, etl.moments(x) AS s FROM sample GROUP BY 1, 2) AS p GROUP BY grp$$,
              'SELECT grp, s::text FROM hashed', 'merged from stored parts');
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
CREATE TABLE plans (line text);
DO $$
DECLARE
    line text;
BEGIN
    FOR line IN EXPLAIN (COSTS OFF) SELECT etl.moments(x) FROM sample LOOP
        INSERT INTO plans VALUES (line);
    END LOOP;
END
$$;
SELECT isnt_empty($$SELECT FROM plans WHERE line ~ 'Partial Aggregate'$$, 'workers aggregate in part');
SELECT set_eq('SELECT grp, etl.moments(x)::text FROM sample GROUP BY grp', 'SELECT grp, s::text FROM hashed',
              'in parallel');
SELECT is((SELECT etl.moments(x)::text FROM sample), (SELECT etl.merge(s)::text FROM hashed), 'merged from groups');

-- as a value
CREATE TABLE received (LIKE hashed);
SELECT current_setting('data_directory') || '/moments.bin' AS file \gset
COPY hashed TO :'file' (FORMAT binary);
COPY received FROM :'file' (FORMAT binary);
SELECT set_eq('SELECT grp, s::text FROM received', 'SELECT grp, s::text FROM hashed', 'the binary form is whole');
SELECT is_empty('SELECT FROM hashed WHERE s::text::etl.moments::text <> s::text', 'the text form is whole');
SELECT throws_ok($$SELECT ''::etl.moments$$, '22P02', 'invalid input syntax for type etl.moments',
                 'no text of a state');
SELECT throws_ok(format('SELECT %L::etl.moments', set_byte(decode(substr(s::text, 3), 'hex'), at, byte)), '22P03',
                 'invalid value for type etl.moments', what)
FROM known, (VALUES (0, 0, 'another mark'), (4, 2, 'another version'), (8, 0, 'a false count')) AS f (at, byte, what);

-- called by hand
SELECT is(etl.mean(etl._moments_combine(etl._moments_add(etl._moments_add(NULL, 1), 5), s)), 116 / 7::float8,
          'functions of the aggregate leave their arguments alone') FROM known;
SELECT ok(etl._moments_add(NULL, NULL) IS NULL, 'NULL added to nothing is nothing');

-- with etl first in the search path, the names of pg_catalog still mean what they meant
SET LOCAL search_path = etl, public;
SELECT is((SELECT ROW(min(i), max(i::text), sum(i), variance(i), stddev(i::numeric), min('a'), max(NULL),
                      merge(s))::text
           FROM public.sample, public.known WHERE i <= 2), (
           SELECT ROW(pg_catalog.min(i), pg_catalog.max(i::text), pg_catalog.sum(i), pg_catalog.variance(i),
                      pg_catalog.stddev(i::numeric), pg_catalog.min('a'), pg_catalog.max(NULL), etl.merge(s))::text
           FROM public.sample, public.known WHERE i <= 2), 'min, max and sum are those of pg_catalog for other types');

SELECT * FROM finish();
ROLLBACK;
