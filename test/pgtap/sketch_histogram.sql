-- etl.histogram: against width_bucket on random data, however the plan goes; edges that are none; states stored, sent
-- and forged.
BEGIN;
SELECT plan(34);

-- known answers
CREATE TABLE known AS
SELECT etl.histogram(x, '{0, 10, 20}') AS s
FROM unnest('{-1,0,9.9,10,20,20.1,NaN,NULL,Infinity,-Infinity}'::float8[]) AS x;
SELECT results_eq('SELECT b.* FROM known, etl.bins(s) AS b',
                  'VALUES (1, 0::float8, 10::float8, 2::bigint), (2, 10, 20, 2)',
                  'a bin has its lower edge, and the last one both');
SELECT is((SELECT ROW(o.*)::text FROM etl.outside(s) AS o), '(2,2,1,1)', 'what is in no bin') FROM known;
SELECT is((SELECT o.nulls FROM etl.outside(s) AS o), 1::bigint, 'by its name') FROM known;
SELECT is(etl.row_count(s), 9::bigint, 'row_count counts all but NULL') FROM known;
SELECT is(etl.edges(s), '{0,10,20}', 'edges') FROM known;
SELECT is(etl.counts(s), '{2,2}', 'counts') FROM known;
SELECT is((SELECT etl.counts(etl.histogram(x, '{-Infinity,0,Infinity}'))
           FROM unnest('{-Infinity,-1,0,Infinity}'::float8[]) AS x), '{2,2}', 'infinite edges');
SELECT is((SELECT etl.counts(etl.histogram(x, '{1,2}')) FROM unnest('{NULL}'::float8[]) AS x), '{0}',
          'NULL alone is counted');
SELECT ok((SELECT etl.histogram(x, '{1,2}') FROM unnest('{}'::float8[]) AS x) IS NULL, 'no rows have no histogram');
SELECT is((SELECT etl.counts(etl.histogram(i, '{0,2,4}'::int[])) FROM generate_series(0, 4) AS i), '{2,3}',
          'integers, and integer edges');

-- errors
SELECT throws_ok(format('SELECT etl.histogram(1, %L)', edges), '22023', message, what)
FROM (VALUES
    ('{}', 'a histogram needs from 2 to 100001 edges, not 0', 'no edges'),
    ('{1}', 'a histogram needs from 2 to 100001 edges, not 1', 'one edge'),
    ('{1,1}', 'the edges of a histogram are not ascending', 'equal edges'),
    ('{1,3,2}', 'the edges of a histogram are not ascending', 'edges that fall'),
    ('{1,NaN}', 'edge 2 of a histogram is NaN', 'a NaN'),
    ('{1,NULL}', 'edges must be an array of one dimension without NULL', 'a NULL'),
    ('{{1,2},{3,4}}', 'edges must be an array of one dimension without NULL', 'a matrix')) AS f (edges, message, what);
SELECT throws_ok('SELECT etl.histogram(1, NULL)', '22004', 'edges must not be NULL');
SELECT throws_ok('SELECT etl.histogram(i, ARRAY[0, i]) FROM generate_series(1, 2) AS i', '22023',
                 'the edges of a histogram differ between its rows', 'edges that differ between rows');
SELECT throws_ok('SELECT etl.merge(s) FROM (SELECT etl.histogram(i, ARRAY[0, i]) AS s FROM generate_series(1, 2) AS i
                                            GROUP BY i) AS p', '22023',
                 'histograms of different edges cannot be merged', 'edges that differ between states');
CREATE FUNCTION detail_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE query;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS found = PG_EXCEPTION_DETAIL;
    RETURN found;
END
$$;
SELECT is(detail_of('SELECT etl.merge(s ORDER BY i) FROM (SELECT i, etl.histogram(i, ARRAY[0, i]) AS s
                                                          FROM generate_series(1, 2) AS i GROUP BY i) AS p'),
          'One has {0,1}, another {0,2}.',
          'both edges are named');

-- random data, in every plan
SELECT setseed(0.42);
CREATE TABLE sample AS
SELECT (random() ^ 3 * 100)::int AS grp, i % 7 AS part,
       CASE WHEN random() > 0.1 THEN round((random() * 120 - 10)::numeric, 1)::float8 END AS x
FROM generate_series(1, 50000) AS i;
ANALYZE sample;
\set edges '{0,0.5,1,7,20,50,99.9,100}'
SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TABLE hashed AS SELECT grp, etl.histogram(x, :'edges') AS s FROM sample GROUP BY grp;
SELECT set_eq($$SELECT grp, bin, rows FROM hashed, etl.bins(s) WHERE rows > 0
                UNION ALL SELECT grp, 0, below FROM hashed, etl.outside(s) WHERE below > 0
                UNION ALL SELECT grp, 8, above FROM hashed, etl.outside(s) WHERE above > 0
                UNION ALL SELECT grp, NULL, nulls FROM hashed, etl.outside(s) WHERE nulls > 0$$,
              format('SELECT grp, CASE WHEN x = 100 THEN 7 ELSE width_bucket(x, %L::float8[]) END, count(*) FROM sample
                      GROUP BY 1, 2', :'edges'), 'every group is counted as by width_bucket');
SELECT set_config('test.again', format('SELECT grp, etl.histogram(x, %L)::text FROM sample GROUP BY grp', :'edges'),
                  true);
SET LOCAL enable_hashagg = off;
SELECT set_eq(current_setting('test.again'), 'SELECT grp, s::text FROM hashed', 'sorted');
SET LOCAL enable_hashagg = on;
SET LOCAL work_mem = '64kB';
SELECT set_eq(current_setting('test.again'), 'SELECT grp, s::text FROM hashed', 'spilled');
RESET work_mem;
SELECT set_eq(format('SELECT grp, etl.merge(s)::text FROM (SELECT grp, etl.histogram(x, %L) AS s FROM sample
                      GROUP BY grp, part) AS p GROUP BY grp', :'edges'), 'SELECT grp, s::text FROM hashed', 'merged');
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
CREATE TABLE plans (line text);
DO $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || current_setting('test.again') LOOP
        INSERT INTO plans VALUES (line);
    END LOOP;
END
$$;
SELECT isnt_empty($$SELECT FROM plans WHERE line ~ 'Partial'$$, 'workers aggregate in part');
SELECT set_eq(current_setting('test.again'), 'SELECT grp, s::text FROM hashed', 'in parallel');

-- as a value
CREATE TABLE received (LIKE hashed);
SELECT current_setting('data_directory') || '/histogram.bin' AS file \gset
COPY hashed TO :'file' (FORMAT binary);
COPY received FROM :'file' (FORMAT binary);
SELECT set_eq('SELECT grp, s::text FROM received', 'SELECT grp, s::text FROM hashed', 'the binary form is whole');
SELECT is_empty('SELECT FROM hashed WHERE s::text::etl.histogram::text <> s::text', 'the text form is whole');
SELECT throws_ok(format('SELECT %L::etl.histogram', set_byte(decode(substr(s::text, 3), 'hex'), at, byte)), '22P03',
                 'invalid value for type etl.histogram', what)
FROM known, (VALUES (0, 0, 'another mark'), (4, 2, 'another version'), (40, 2, 'fewer edges')) AS f (at, byte, what);

-- called by hand
SELECT is((SELECT etl.counts(etl._histogram_combine(etl._histogram_add(s, 5, '{0,10,20}'), s))), '{5,4}',
          'functions of the aggregate leave their arguments alone') FROM known;
SELECT is(etl.counts(s), '{2,2}', 'as they were') FROM known;

SELECT * FROM finish();
ROLLBACK;
