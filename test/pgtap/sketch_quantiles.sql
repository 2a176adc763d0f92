-- etl.quantiles: exact against percentile_cont, within the certain error beyond, however the plan goes; NULL, NaN;
-- states stored, sent and forged.
BEGIN;
SELECT plan(52);

-- known answers
CREATE TABLE known AS SELECT etl.quantiles(x) AS s FROM unnest('{4, 1, 3, 2}'::float8[]) AS x;
SELECT is(etl.quantile(s, 0.5), 2.5::float8, 'the median of an even number of values') FROM known;
SELECT is(etl.quantile(s, ARRAY[0, 0.25, 1, NULL]), '{1,1.75,4,NULL}', 'several at a time') FROM known;
SELECT is(etl.quantile(s, '{}'::float8[]), '{}', 'none at a time') FROM known;
SELECT is(etl.cdf(s, 3), 0.75::float8, 'cdf') FROM known;
SELECT is(etl.cdf(s, 0.99), 0::float8, 'cdf below all') FROM known;
SELECT is(etl.cdf(s, 'NaN'), 1::float8, 'cdf of NaN') FROM known;
SELECT is(ROW(etl.row_count(s), etl.min(s), etl.max(s), etl.rank_error(s))::text, '(4,1,4,0)', 'count, extremes, error')
FROM known;

-- nothing, NULL, NaN, infinities
SELECT ok((SELECT etl.quantiles(x) FROM unnest('{NULL}'::float8[]) AS x) IS NULL, 'NULL alone has no quantiles');
SELECT is((SELECT etl.row_count(etl.quantiles(x)) FROM unnest('{NULL,1}'::float8[]) AS x), 1::bigint,
          'NULL is no value');
SELECT is((SELECT etl.quantile(etl.quantiles(x), p) FROM unnest(v) AS x),
          (SELECT percentile_cont(p) WITHIN GROUP (ORDER BY x) FROM unnest(v) AS x), v::text || ' as percentile_cont')
FROM unnest(ARRAY['{5}', '{1,NaN}', '{NaN,NaN,1,2,3}', '{Infinity,1,2}', '{-Infinity,Infinity,0}', '{0.1,0.7,0.3,2e9}'])
         AS t, LATERAL (SELECT CAST(t AS float8[]) AS v, '{0,0.1,0.25,0.5,0.9,1}'::float8[] AS p) AS c;
SELECT is((SELECT etl.quantile(etl.quantiles(x), 0.5) FROM unnest('{Infinity,Infinity}'::float8[]) AS x),
          'Infinity'::float8, 'between two equal infinities lies the same');

-- errors
SELECT throws_ok(format('SELECT etl.quantile(s, %L::float8) FROM known', p), '22023',
                 'fraction must be between 0 and 1, not ' || shown, 'fraction ' || p)
FROM (VALUES ('-0.5', '-0.5'), ('1.5', '1.5'), ('1.0000001', '1.0000001'), ('NaN', 'NaN')) AS f (p, shown);
SELECT throws_ok('SELECT etl.quantile(s, ''{{0.1},{0.2}}''::float8[]) FROM known', '22023',
                 'fractions must be an array of one dimension', 'a matrix of fractions');
SELECT throws_ok(format('SELECT etl.quantiles(x, %s) FROM generate_series(1, 3) AS x', kept), '22023',
                 format('kept must be an even number from 64 to 131072, not %s', kept), 'kept ' || kept)
FROM unnest('{0,-4,63,101,131074}'::int[]) AS kept;
SELECT throws_ok('SELECT etl.quantiles(x, CASE WHEN x = 1 THEN 64 ELSE 66 END) FROM generate_series(1, 3) AS x',
                 '22023',
                 'quantiles that keep 64 values and quantiles that keep 66 cannot be merged',
                 'kept differs between rows');
SELECT throws_ok('SELECT etl.merge(s) FROM (SELECT etl.quantiles(x, 64 + 2 * x) AS s FROM generate_series(1, 2) AS x
                                            GROUP BY x) AS p', '22023', NULL, 'kept differs between states');
SELECT throws_ok('SELECT etl.quantiles(x, NULL) FROM generate_series(1, 3) AS x', '22004', 'kept must not be NULL');
SELECT throws_ok('SELECT etl.equi_depth_edges(s, 0) FROM known', '22023', 'bins must be from 1 to 100000, not 0',
                 'no bins');
SELECT throws_ok('SELECT etl.equi_depth_edges(s, 2147483647) FROM known', '22023',
                 'bins must be from 1 to 100000, not 2147483647', 'more bins than a histogram has');

-- random data, in every plan
SELECT setseed(0.42);
CREATE TABLE sample AS
SELECT (random() ^ 2 * 100)::int AS grp, i % 7 AS part, i,
       CASE WHEN random() > 0.1 THEN trunc((random() - 0.5) * 10 ^ (random() * 6 + 2)::int) / 100 END AS x
FROM generate_series(1, 100000) AS i;
ANALYZE sample;
SET LOCAL max_parallel_workers_per_gather = 0;
\set few 'FROM sample WHERE i <= 20000 GROUP BY grp'
CREATE TABLE hashed AS SELECT grp, etl.quantiles(x) AS s :few;
SELECT set_eq('SELECT grp, etl.quantile(s, ''{0,0.01,0.5,0.77,0.999,1}''::float8[]) FROM hashed',
              format('SELECT grp, percentile_cont(''{0,0.01,0.5,0.77,0.999,1}''::float8[])
                                  WITHIN GROUP (ORDER BY x) %s', :'few'),
              'every group of up to 2048 values has the quantiles of percentile_cont');
SET LOCAL enable_hashagg = off;
SELECT set_eq(format('SELECT grp, md5(etl.quantiles(x ORDER BY i * 7919 %% 100003)::text) %s', :'few'),
              'SELECT grp, md5(s::text) FROM hashed', 'sorted, in another order: the same bytes');
SET LOCAL enable_hashagg = on;
SET LOCAL work_mem = '64kB';
SELECT set_eq(format('SELECT grp, md5(etl.quantiles(x)::text) %s', :'few'), 'SELECT grp, md5(s::text) FROM hashed',
              'spilled');
RESET work_mem;
SELECT set_eq(format('SELECT grp, md5(etl.merge(s)::text) FROM (SELECT grp, part, etl.quantiles(x) AS s %s, part) AS p
                      GROUP BY grp', :'few'), 'SELECT grp, md5(s::text) FROM hashed', 'merged from stored parts');

-- beyond what is exact: how many rows the rank is off, and how many it may be, for orders and divisions
CREATE TABLE ranked AS SELECT x, rank() OVER (ORDER BY x) AS first, count(*) OVER (ORDER BY x) AS last
FROM sample WHERE x IS NOT NULL;
CREATE FUNCTION worst(state etl.quantiles) RETURNS numeric LANGUAGE sql AS $$
    SELECT max(greatest(r.first - ceil(p * n), ceil(p * n) - r.last, 0)::numeric / n)
    FROM (SELECT count(*)::numeric AS n FROM ranked) AS c, generate_series(1, 99) AS i,
         LATERAL (SELECT i / 100.0 AS p) AS f, LATERAL (SELECT etl.quantile(state, p::float8) AS q) AS found
    JOIN LATERAL (SELECT first, last FROM ranked WHERE x = found.q LIMIT 1) AS r ON true
$$;
CREATE INDEX ON ranked (x);
CREATE TABLE large (what text, kept int, s etl.quantiles);
INSERT INTO large SELECT 'as they come', 2048, etl.quantiles(x) FROM sample;
INSERT INTO large SELECT 'ascending', 256, etl.quantiles(x, 256 ORDER BY x) FROM sample;
INSERT INTO large SELECT 'descending', 256, etl.quantiles(x, 256 ORDER BY x DESC) FROM sample;
INSERT INTO large SELECT 'merged', 64, etl.merge(s)
FROM (SELECT etl.quantiles(x, 64) AS s FROM sample GROUP BY grp, part) AS p;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
CREATE TABLE plans (line text);
DO $$
DECLARE
    line text;
BEGIN
    FOR line IN EXPLAIN (COSTS OFF) SELECT etl.quantiles(x, 256) FROM sample LOOP
        INSERT INTO plans VALUES (line);
    END LOOP;
END
$$;
SELECT isnt_empty($$SELECT FROM plans WHERE line ~ 'Partial Aggregate'$$, 'workers aggregate in part');
INSERT INTO large SELECT 'in parallel', 256, etl.quantiles(x, 256) FROM sample;
SELECT set_eq(format('SELECT grp, md5(etl.quantiles(x)::text) %s', :'few'), 'SELECT grp, md5(s::text) FROM hashed',
              'in parallel, few values give the same bytes');
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT cmp_ok(worst(s), '<=', etl.rank_error(s)::numeric, what || ': the error is within what the state says')
FROM large;
SELECT is_empty($$
    SELECT FROM large, (SELECT count(x) AS n, min(x), max(x) FROM sample) AS e
    WHERE NOT (etl.rank_error(s) > 0 AND etl.row_count(s) = n AND etl.min(s) = min AND etl.max(s) = max
               AND etl.rank_error(s) <= (2 + log(2, n::numeric / kept)) / (2 * kept))
$$, 'which is within what is documented; count and extremes are exact');
SELECT cmp_ok(pg_column_size(s), '<', 60000, 'small') FROM large WHERE what = 'as they come';

-- edges of equal depth
SELECT is(etl.equi_depth_edges(etl.quantiles(i), 4), '{1,250,500,750,1000}', 'edges of equal depth')
FROM generate_series(1, 1000) AS i;
SELECT is(etl.equi_depth_edges(etl.quantiles(i % 3), 10), '{0,1,2}', 'a value that fills bins is one edge')
FROM generate_series(1, 1000) AS i;
SELECT cmp_ok((SELECT max(abs(rows - 2500)) FROM etl.bins(h)), '<', 40::bigint, 'bins of equal depth')
FROM (SELECT etl.equi_depth_edges(etl.quantiles(j), 4) AS e FROM generate_series(1, 10000) AS j) AS reference,
     LATERAL (SELECT etl.histogram(i, e) AS h FROM generate_series(1, 10000) AS i) AS counted;

-- as a value
CREATE TABLE received (LIKE large);
SELECT current_setting('data_directory') || '/quantiles.bin' AS file \gset
COPY large TO :'file' (FORMAT binary);
COPY received FROM :'file' (FORMAT binary);
SELECT set_eq('SELECT what, md5(s::text) FROM received', 'SELECT what, md5(s::text) FROM large',
              'the binary form is whole');
SELECT is_empty('SELECT FROM large WHERE s::text::etl.quantiles::text <> s::text', 'the text form is whole');
SELECT throws_ok(format('SELECT %L::etl.quantiles', set_byte(decode(substr(s::text, 3), 'hex'), at, byte)), '22P03',
                 'invalid value for type etl.quantiles', what)
FROM known, (VALUES (0, 0, 'another mark'), (4, 2, 'another version'), (8, 0, 'a false count')) AS f (at, byte, what);

SELECT * FROM finish();
ROLLBACK;
