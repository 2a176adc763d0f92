-- Tables that are filled page by page (src/pg/heap_pages.hpp): rows of every shape, what later commands, savepoints and
-- ordinary writes make of them, and what is refused.
BEGIN;
SELECT plan(25);

CREATE FUNCTION hashes(n int) RETURNS text LANGUAGE sql IMMUTABLE
AS $$SELECT string_agg(md5(n::text || i::text), '') FROM generate_series(1, 1 + n % 400) AS i$$;
CREATE TABLE source AS
SELECT n AS id, n % 7 AS k, '2026-01-01'::timestamptz + n * '1 s'::interval AS ts,
       CASE WHEN n % 3 > 0 THEN repeat('x', n % 130) END AS short,
       CASE WHEN n % 500 = 0 THEN hashes(n) WHEN n % 71 = 0 THEN repeat('y', n % 9000) END AS wide,
       CASE WHEN n % 2 = 0 THEN n % 4 = 0 END AS flag, CASE WHEN n % 5 > 0 THEN n * 1.25 END AS amount,
       ARRAY[n, NULL] AS list, n::smallint AS small, ''::text AS nothing
FROM generate_series(1, 20000) AS n;
SELECT is(etl.create_rolling('public.filled', 'public.source', '{k}', 'ts', '{1 minute}',
                             columns => '{id,k,ts,short,wide,flag,amount,list,small,nothing}'), 20000::bigint,
          'the rows are counted');
CREATE FUNCTION pg_temp.same() RETURNS text LANGUAGE sql
AS $$
SELECT is_empty('(SELECT id, k, ts, short, wide, flag, amount, list, small, nothing FROM filled EXCEPT ALL TABLE source)
                 UNION ALL
                 (TABLE source EXCEPT ALL
                  SELECT id, k, ts, short, wide, flag, amount, list, small, nothing FROM filled)', 'every value')
$$;
SELECT pg_temp.same();
SELECT is(count(*), (SELECT count(*) FROM source), 'by a scan of their places')
FROM (SELECT DISTINCT ctid FROM filled) AS t;
SELECT cmp_ok(pg_relation_size('filled'), '>', 33 * current_setting('block_size')::bigint, 'several batches of pages');
SELECT cmp_ok(pg_relation_size(reltoastrelid), '>', 100000::bigint, 'wide values are apart')
FROM pg_class WHERE oid = 'filled'::regclass;
SELECT is(count(*), 0::bigint, 'and compressed as ever') FROM filled
WHERE wide LIKE 'y%' AND octet_length(wide) > 2100 AND pg_column_size(wide) > 200;
CREATE INDEX ON filled (id);
SET LOCAL enable_seqscan = off;
SELECT is(ts, (SELECT ts FROM source WHERE id = 4711), 'by an index') FROM filled WHERE id = 4711;
SET LOCAL enable_seqscan = on;

-- ordinary writes afterwards
UPDATE filled SET small = small WHERE id % 10 = 0;
DELETE FROM filled WHERE id % 100 = 1;
INSERT INTO filled (id, k, ts, short, wide, flag, amount, list, small, nothing) SELECT * FROM source WHERE id % 100 = 1;
SELECT pg_temp.same();

-- few rows, none, narrow ones, full pages
SELECT is(etl.create_rolling('public.none', 'SELECT * FROM public.source WHERE id < 0', '{k}', 'ts', '{1 s}',
                             columns => '{id}'), 0::bigint, 'no row');
SELECT is(pg_relation_size('none'), 0::bigint, 'no page');
SELECT is(etl.create_rolling('public.one', 'SELECT * FROM public.source WHERE id = 6', '{k}', 'ts', '{1 s}',
                             columns => '{id}'), 1::bigint, 'one row');
SELECT results_eq('TABLE one', 'VALUES (6, 1::bigint)', 'its values');
SELECT is(etl.create_rolling('public.narrow', 'SELECT NULL::int AS v, 1 AS k, NULL::date AS ts FROM public.source',
                             '{k}', 'ts', '{1 day}', '{sum(v)}', '{v}'), 20000::bigint, 'rows of NULLs alone');
SELECT is(count(*), 20000::bigint, 'are found') FROM narrow WHERE v IS NULL AND sum_v_1d IS NULL;
SELECT is(max((ctid::text::point)[1])::int, (current_setting('block_size')::int - 24) / 28, 'as many as a page holds')
FROM narrow;

-- wide rows that nothing can make narrower
SELECT lives_ok(format($$SELECT etl.create_rolling('public.names',
                        'SELECT id, k, ts, %s FROM public.source WHERE id < 99', '{k}', 'ts', '{1 s}',
                        columns => '{id,%s}')$$,
                       string_agg(format('(''''%s.'''' || id)::name AS c%s', n, n), ', '), string_agg('c' || n, ',')),
                'rows of 5,000 bytes')
FROM generate_series(1, 80) AS n;
SELECT is(count(*), 98::bigint, 'are found')
FROM names WHERE c1 = ('1.' || id)::name AND c80 = ('80.' || id)::name AND c44 = ('44.' || id)::name;
SELECT throws_ok($$SELECT etl.create_rolling('public.vectors',
                       'SELECT 1 AS k, now() AS ts, repeat(''7 '', 2500)::oidvector AS v', '{k}', 'ts', '{1 s}',
                       columns => '{v}')$$, '54000', NULL, 'a row that no page has room for');

-- values that are stored apart in the table where they come from
CREATE TABLE spine AS SELECT id, k, ts, wide FROM source WHERE wide IS NOT NULL;
ALTER TABLE spine ALTER wide SET STORAGE EXTERNAL;
INSERT INTO spine SELECT id + 100000, k, ts, wide FROM source WHERE wide IS NOT NULL;
SELECT is(etl.create_asof_join('public.joined', 'public.spine', 'SELECT id AS f, k, ts FROM public.source', '{k}'),
          (SELECT count(*) FROM spine), 'values from a TOAST table');
SELECT is_empty('SELECT id, wide FROM spine EXCEPT ALL SELECT id, wide FROM joined', 'are copied');
CREATE FUNCTION write_into_joined(id int) RETURNS int LANGUAGE plpgsql VOLATILE
AS $$BEGIN INSERT INTO public.joined2 (id) VALUES (id); RETURN id; END$$;
SELECT throws_ok($$SELECT etl.create_asof_join('public.joined2',
                       'SELECT public.write_into_joined(id) AS id, k, ts FROM public.spine WHERE id < 1000',
                       'SELECT id AS f, k, ts FROM public.source', '{k}')$$, '55006',
                 'table "joined2" has been written to while it was filled', 'rows of somebody else between');

-- subtransactions
SAVEPOINT a;
SELECT etl.create_rolling('public.again', 'public.source', '{k}', 'ts', '{1 s}', columns => '{id}') \g /dev/null
SELECT is(count(*), 20000::bigint, 'in a subtransaction') FROM again;
ROLLBACK TO a;
SELECT is(to_regclass('public.again'), NULL, 'gone with it');
SELECT etl.create_rolling('public.again', 'public.source', '{k}', 'ts', '{1 s}', columns => '{id}') \g /dev/null
RELEASE a;
SELECT is(count(*), 20000::bigint, 'outlives it') FROM again;
CREATE FUNCTION fill_and_fail() RETURNS bigint LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM etl.create_rolling('public.failed', 'public.source', '{k}', 'ts', '{1 s}', columns => '{id}');
    RAISE 'no';
EXCEPTION WHEN raise_exception THEN
    RETURN etl.create_rolling('public.failed', 'public.source', '{k}', 'ts', '{1 s}', columns => '{id}');
END
$$;
SELECT fill_and_fail() \g /dev/null
SELECT is(count(*), 20000::bigint, 'after one that has failed') FROM failed;
SELECT * FROM finish();
ROLLBACK;
