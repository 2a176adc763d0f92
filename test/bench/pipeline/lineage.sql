-- What lineage takes over 200 and 1,000 steps, each an INSERT of a SELECT of ten columns with a join, groups and
-- conditions from the tables of the two steps before it: elapsed time, in ms, as psql tells it.
--
--   psql -X -q -f test/bench/pipeline/lineage.sql     in an empty database with pg_etl
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\pset tuples_only
\pset format unaligned
SELECT format('CREATE TABLE chain_%s (a int, b int, c int, d int, e int, f int, g text, h text, i numeric, j '
    'timestamptz)', n)
FROM generate_series(0, 1000) AS n \gexec
SELECT etl.create_pipeline('chain') \g /dev/null
CREATE PROCEDURE more_steps(first int, last int) LANGUAGE sql AS $$
    INSERT INTO etl.step (pipeline_id, name, action)
    SELECT p.pipeline_id, 's' || n, format(
        'INSERT INTO chain_%s
         SELECT x.a, y.b + 1, x.c, max(y.d), x.e, coalesce(x.f, 0), upper(x.g), x.h, x.i * 2, x.j
         FROM chain_%s AS x JOIN chain_%s AS y USING (a)
         WHERE x.b > 0 GROUP BY x.a, y.b, x.c, x.e, x.f, x.g, x.h, x.i, x.j', n, n - 1, greatest(n - 2, 0))
    FROM etl.pipeline AS p, generate_series(first, last) AS n
$$;

CALL more_steps(1, 200);
SELECT count(*) FROM etl.lineage('chain_200') \g /dev/null
\timing on
SELECT '200 steps: upstream of a column, edges', count(*) FROM etl.lineage('chain_200', 'd');
SELECT '200 steps: upstream of a relation, edges', count(*) FROM etl.lineage('chain_200');
SELECT '200 steps: etl.step_lineage, rows', count(*) FROM etl.step_lineage;
\timing off
CALL more_steps(201, 1000);
\timing on
SELECT '1,000 steps: upstream of a column, edges', count(*) FROM etl.lineage('chain_1000', 'd');
SELECT '1,000 steps: etl.step_lineage, rows', count(*) FROM etl.step_lineage;
