-- etl.count_distinct and etl.distinct_set: signatures, and every type against count(DISTINCT) on random data, however
-- the plan goes: hashed, sorted, in parallel, with little memory, merged from stored parts.
BEGIN;
SELECT plan(46);

-- what there is
SELECT has_type('etl', 'distinct_set', 'the state type exists');
PREPARE found (text, text) AS
SELECT FROM pg_catalog.pg_aggregate AS a JOIN pg_catalog.pg_proc AS p ON p.oid = a.aggfnoid
WHERE a.aggfnoid = $1::regprocedure AND p.prorettype = $2::regtype AND p.proparallel = 's' AND a.aggcombinefn <> 0
  AND a.aggtranstype = 'etl.distinct_set'::regtype;
SELECT isnt_empty(format('EXECUTE found(%L, %L)', name, result), name || ' returns ' || result || ', in parallel')
FROM (SELECT format('etl.%s(%s)', a, t) AS name, r AS result, a, i
      FROM (VALUES ('count_distinct', 'bigint'), ('distinct_set', 'etl.distinct_set')) AS aggregate (a, r)
      CROSS JOIN unnest(ARRAY['text', 'varchar', 'bpchar', 'name', '"char"', 'bigint', 'integer', 'smallint',
                              'numeric', 'uuid', 'timestamptz', 'timestamp', 'date', 'anyelement'])
                 WITH ORDINALITY AS type (t, i)) AS names
ORDER BY a, i;
SELECT isnt_empty($$EXECUTE found('etl.merge(etl.distinct_set)', 'etl.distinct_set')$$, 'etl.merge unites sets');

-- random data: a tenth of the rows NULL, a tenth of them one value; groups of one row and of thousands
SELECT setseed(0.42);
CREATE TABLE drawn AS
SELECT (random() ^ 4 * 400)::int AS grp, i % 7 AS part,
       CASE WHEN random() > 0.1 THEN (CASE WHEN random() < 0.1 THEN 0 ELSE random() * 5000 - 2500 END)::int END AS n
FROM generate_series(1, 200000) AS i;
CREATE TABLE sample AS
SELECT grp, part, n, repeat('0x', abs(n) % 40) || n AS t, n * 3000000000 AS b, n::smallint AS s,
       (n / 100.0) * CASE WHEN part = 0 THEN 1.00 ELSE 1 END AS num,
       CASE WHEN n = 0 THEN '00000000-0000-0000-0000-000000000000' ELSE md5(n::text) END::uuid AS u,
       '2024-01-01'::timestamptz + n * interval '1 second' AS tz,
       '2024-01-01'::timestamp + n * interval '1 minute' AS ts, '2024-01-01'::date + n AS d
FROM drawn;
ANALYZE sample;

CREATE TABLE expected AS
SELECT grp, count(DISTINCT n) AS n, count(DISTINCT t) AS t, count(DISTINCT b) AS b, count(DISTINCT s) AS s,
       count(DISTINCT num) AS num, count(DISTINCT u) AS u, count(DISTINCT tz) AS tz, count(DISTINCT ts) AS ts,
       count(DISTINCT d) AS d
FROM sample GROUP BY grp;
SELECT cmp_ok((SELECT count(*) FROM expected), '>', 350::bigint, 'the sample has many groups');
SELECT cmp_ok((SELECT max(t) - min(t) FROM expected), '>', 1000::bigint, 'of very different sizes');

CREATE FUNCTION plan_of(query text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    line text;
    lines text[];
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        lines := lines || line;
    END LOOP;
    RETURN array_to_string(lines, E'\n');
END
$$;

\set counts 'grp, etl.count_distinct(n) AS n, etl.count_distinct(t) AS t, etl.count_distinct(b) AS b, '
\set counts :counts 'etl.count_distinct(s) AS s, etl.count_distinct(num) AS num, etl.count_distinct(u) AS u, '
\set counts :counts 'etl.count_distinct(tz) AS tz, etl.count_distinct(ts) AS ts, etl.count_distinct(d) AS d '
\set query 'SELECT ' :counts 'FROM sample GROUP BY grp'

SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TABLE hashed AS :query;
SELECT set_eq('TABLE hashed', 'TABLE expected', 'grouped by hash, every type counts as count(DISTINCT)');

SET LOCAL enable_hashagg = off;
CREATE TABLE sorted AS :query;
SELECT set_eq('TABLE sorted', 'TABLE expected', 'grouped by sort');

SET LOCAL enable_hashagg = on;
SET LOCAL work_mem = '64kB';
CREATE TABLE spilled AS :query;
SELECT set_eq('TABLE spilled', 'TABLE expected', 'grouped by hash in 64 kB');
RESET work_mem;

SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT matches(plan_of(:'query'), 'Finalize(.|\n)*Gather(.|\n)*Partial', 'the plan is parallel');
CREATE TABLE parallel AS :query;
SELECT set_eq('TABLE parallel', 'TABLE expected', 'grouped in parallel');

CREATE TABLE whole AS
SELECT etl.count_distinct(t) AS t, etl.count_distinct(num) AS num, etl.count_distinct(u) AS u FROM sample;
SELECT set_eq('TABLE whole',
              'SELECT count(DISTINCT t) AS t, count(DISTINCT num) AS num, count(DISTINCT u) AS u FROM sample',
              'the whole table in parallel');

-- stored parts, and what a merge of parts leaves alone
CREATE TABLE parts AS
SELECT grp, part, etl.distinct_set(t) AS t, etl.distinct_set(num) AS num FROM sample GROUP BY grp, part;
SELECT set_eq('SELECT grp, coalesce(etl.cardinality(etl.merge(t)), 0) AS t,
                      coalesce(etl.cardinality(etl.merge(num)), 0) AS num
               FROM parts GROUP BY grp',
              'SELECT grp, t, num FROM expected', 'merged parts of each group');
CREATE TABLE merged AS SELECT etl.merge(t) AS t FROM parts;
SELECT is((SELECT etl.cardinality(t) FROM merged), (SELECT t FROM whole), 'merged parts of the whole, in parallel');
SELECT is((SELECT etl.distinct_set(t)::text FROM sample), (SELECT t::text FROM merged),
          'and is byte for byte the set of the whole');
SELECT set_eq('SELECT grp, etl.merge(t)::text AS t, etl.merge(num)::text AS num FROM parts GROUP BY grp',
              'SELECT grp, etl.distinct_set(t)::text AS t, etl.distinct_set(num)::text AS num FROM sample GROUP BY grp',
              'as in each group');
SELECT set_eq('SELECT grp, part, etl.cardinality(t) FROM parts WHERE t IS NOT NULL',
              'SELECT grp, part, count(DISTINCT t) FROM sample WHERE t IS NOT NULL GROUP BY grp, part',
              'merging leaves the parts as they were');

-- counted row by row, as no count(DISTINCT) can be
RESET max_parallel_workers_per_gather;
SELECT is((SELECT array_agg(c ORDER BY i)
           FROM (SELECT i, etl.count_distinct(i * i % 1009) OVER (ORDER BY i) AS c
                 FROM generate_series(1, 3000) AS i) AS w),
          (SELECT array_agg((SELECT count(DISTINCT j * j % 1009) FROM generate_series(1, i) AS j) ORDER BY i)
           FROM generate_series(1, 3000) AS i),
          'a running count');
SELECT is((SELECT array_agg(c ORDER BY i)
           FROM (SELECT i, etl.count_distinct(i * i % 13) OVER (ORDER BY i ROWS 5 PRECEDING) AS c
                 FROM generate_series(1, 100) AS i) AS w),
          (SELECT array_agg((SELECT count(DISTINCT j * j % 13) FROM generate_series(greatest(1, i - 5), i) AS j)
                            ORDER BY i)
           FROM generate_series(1, 100) AS i),
          'a count in a moving frame');
SELECT is((SELECT ARRAY[etl.count_distinct(t), etl.cardinality(etl.distinct_set(t))] FROM sample),
          (SELECT ARRAY[count(DISTINCT t), count(DISTINCT t)] FROM sample), 'count and set of one state');

SELECT * FROM finish();
ROLLBACK;
