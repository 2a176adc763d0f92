-- etl.rolling on random rows with ties, NULLs and infinite times: every aggregate and span by brute force, with and
-- without parallel workers, and from sorted pieces where the rows of a key do not fit into memory.
BEGIN;
SELECT plan(19);
SELECT setseed(0.6);

CREATE TABLE event (
    id int, k text, b bigint, at timestamptz, local timestamp, n numeric, i int, l bigint, f float8, s text, u uuid,
    d date, o bool, a int[]);
INSERT INTO event
SELECT id, CASE WHEN id % 11 > 0 THEN 'k' || id % 5 END, CASE WHEN id % 13 > 0 THEN id % 2 END,
       CASE WHEN id % 50 = 0 THEN NULL WHEN id % 61 = 0 THEN 'infinity' WHEN id % 67 = 0 THEN '-infinity'
            ELSE timestamptz '2025-01-01' + (random() * 4000)::int * interval '1 minute' END,
       timestamp '2025-01-01' + (random() * 4000)::int * interval '1 minute',
       CASE WHEN id % 9 > 0 THEN round((random() * 200 - 100)::numeric, (random() * 3)::int)
            WHEN id % 18 = 0 THEN 1e30 * id END,
       CASE WHEN id % 7 > 0 THEN (random() * 10 - 5)::int END,
       CASE WHEN id % 8 > 0 THEN (random() * 9e18)::bigint END,
       CASE WHEN id % 6 > 0 THEN CASE WHEN id % 100 = 1 THEN 'NaN' WHEN id % 103 = 0 THEN '-Infinity'
                                      ELSE (random() * 64)::int / 4.0 END END,
       CASE WHEN id % 5 > 0 THEN repeat('s', (random() * 12)::int) || (random() * 9)::int END,
       CASE WHEN id % 4 > 0 THEN md5((random() * 30)::int::text)::uuid END,
       CASE WHEN id % 10 > 0 THEN date '2025-01-01' + (random() * 9)::int END, random() < 0.5,
       CASE WHEN id % 3 > 0 THEN ARRAY[(random() * 3)::int, (random() * 3)::int] END
FROM generate_series(1, 450) AS id;

-- All aggregates of columns of all kinds
CREATE TABLE wanted AS
    SELECT 'count' AS function, NULL AS col
    UNION ALL SELECT f, c FROM unnest('{sum,avg,min,max,latest,distinct,count}'::text[]) AS f,
                               unnest('{n,i,l,f}'::text[]) AS c
    UNION ALL SELECT f, c FROM unnest('{min,max,latest,distinct}'::text[]) AS f, unnest('{s,d}'::text[]) AS c
    UNION ALL SELECT f, c FROM unnest('{latest,distinct}'::text[]) AS f, unnest('{u,o,a}'::text[]) AS c
    UNION ALL SELECT 'max', 'a' UNION ALL SELECT 'max', 'at' UNION ALL SELECT 'latest', 'local';

-- What they should say. Sums of these doubles are exact, whichever order they have.
CREATE FUNCTION latest(by text) RETURNS text LANGUAGE sql AS $$
    SELECT format('(array_agg(to_jsonb(o.%1$I) ORDER BY o.at DESC, o.%1$I DESC) '
                  'FILTER (WHERE o.%1$I IS NOT NULL))[1]', by)
$$;
CREATE FUNCTION brute_force(keys text, span interval, name text) RETURNS text LANGUAGE sql AS $$
    SELECT format($q$
        SELECT e.id, w.* FROM event AS e LEFT JOIN LATERAL (
            SELECT %1$s
            FROM event AS o
            WHERE (o.at > e.at - %2$L::interval OR o.at = e.at) AND o.at <= e.at AND %3$s
        ) AS w ON e.at IS NOT NULL$q$,
        (SELECT string_agg(format('%s AS %I', CASE
                    WHEN c.function = 'latest' THEN latest(c.col)
                    WHEN c.function = 'distinct' THEN format('count(DISTINCT o.%I)', c.col)
                    WHEN c.col IS NULL THEN 'count(*)'
                    ELSE format('%s(o.%I)', c.function, c.col) END, concat_ws('_', c.function, c.col, name)), ', ')
         FROM wanted AS c),
        span, keys)
$$;
CREATE FUNCTION expect(keys name[], condition text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    call record;
    differing text;
BEGIN
    FOR call IN SELECT * FROM (VALUES ('1 hour', '1h'), ('1 day', '1d'), ('45 seconds', '45s')) AS s(span, name) LOOP
        DROP TABLE IF EXISTS public.got, pg_temp.brute;
        PERFORM etl.create_rolling('public.got', 'public.event', keys, 'at', ARRAY[call.span]::interval[],
            ARRAY(SELECT function || coalesce('(' || col || ')', '') FROM wanted), '{id}');
        EXECUTE 'CREATE TEMP TABLE brute AS ' || brute_force(condition, call.span::interval, call.name);
        SELECT string_agg(DISTINCT d.key, ' ') INTO differing
        FROM (SELECT id, e.key, e.value::text FROM public.got AS g, jsonb_each(to_jsonb(g)) AS e) AS d
        FULL JOIN (SELECT id, e.key, e.value::text FROM pg_temp.brute AS b, jsonb_each(to_jsonb(b)) AS e) AS w
             USING (id, key, value)
        WHERE d.id IS NULL OR w.id IS NULL;
        RETURN NEXT is(differing, NULL, format('key %s, %s', keys, call.name));
    END LOOP;
END
$$;
SELECT expect('{k}', 'o.k IS NOT DISTINCT FROM e.k');
SELECT expect('{k,b}', 'o.k IS NOT DISTINCT FROM e.k AND o.b IS NOT DISTINCT FROM e.b');
SELECT expect('{}', 'true');
DROP TABLE public.got;

-- The frames of PostgreSQL say the same, of times without a zone too.
SELECT is_empty($$
    (SELECT id, c, s FROM etl.rolling('public.event', '{b,k}', 'local', '{90 minutes}', '{count, sum(l)}', '{id}')
     AS r(id int, c bigint, s numeric))
    EXCEPT SELECT id, count(*) OVER w, sum(l) OVER w FROM event
    WINDOW w AS (PARTITION BY b, k ORDER BY local RANGE BETWEEN '01:29:59.999999' PRECEDING AND CURRENT ROW)$$,
    'as a RANGE frame');

-- More rows of one key than memory has room for, and other settings
CREATE TABLE hot AS
    SELECT i AS id, CASE WHEN i % 4 = 0 THEN i % 1000 ELSE -1 END AS k,
           timestamptz '2025-01-01' + (i::bigint * 7919 % 300007) * interval '1 second' AS at, (i % 1000)::numeric AS v,
           repeat('x', 240) AS filler
    FROM generate_series(1, 200000) AS i;
CREATE FUNCTION summed(memory text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made text;
BEGIN
    PERFORM set_config('work_mem', memory, true);
    SELECT concat_ws(' ', count(*), sum(hashint8(id + 31 * c1)::bigint), sum(hashint8(id + 37 * c2)::bigint),
                     sum((hash_numeric(s1) # id)::bigint), sum((hash_numeric(m2) # id)::bigint)) INTO made
    FROM etl.rolling('public.hot', '{k}', 'at', '{10 minutes, 2 days}', '{count, sum(v), max(v)}', '{id,filler}')
         AS r(id int, filler text, c1 bigint, c2 bigint, s1 numeric, s2 numeric, m1 numeric, m2 numeric);
    RETURN made;
END
$$;
SET LOCAL work_mem = '256MB';
CREATE TABLE run AS
    SELECT concat_ws(' ', count(*), sum(hashint8(id + 31 * c1)::bigint), sum(hashint8(id + 37 * c2)::bigint),
                     sum((hash_numeric(s1) # id)::bigint), sum((hash_numeric(m2) # id)::bigint)) AS made
    FROM (SELECT id, count(*) OVER a AS c1, count(*) OVER b AS c2, sum(v) OVER a AS s1,
                 max(v) OVER (PARTITION BY k ORDER BY at) AS m2
          FROM hot WINDOW a AS (PARTITION BY k ORDER BY at RANGE BETWEEN '00:09:59.999999' PRECEDING AND CURRENT ROW),
                          b AS (PARTITION BY k ORDER BY at
                                RANGE BETWEEN '1 day 23:59:59.999999' PRECEDING AND CURRENT ROW)
         ) AS w;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT is(summed(memory), made, 'one process, ' || memory) FROM run, unnest('{64kB,256MB}'::text[]) AS memory;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 3;
SELECT is(summed('64kB'), made, 'parallel workers') FROM run;

-- Security: policies hold, and a user's SQL cannot leave the role.
CREATE ROLE rolling_reader;
GRANT USAGE ON SCHEMA public, etl TO rolling_reader;
GRANT SELECT ON event TO rolling_reader;
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY some_rows ON event USING (id <= 10);
CREATE FUNCTION leaves() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    RESET ROLE;
    RETURN true;
END
$$;
SET LOCAL ROLE rolling_reader;
SELECT is(count(*), 10::bigint, 'row security')
FROM etl.rolling('public.event', '{k}', 'at', '{1 hour}', '{count}', '{id}') AS r(id int, c bigint);
SELECT throws_ok($$SELECT * FROM etl.rolling('SELECT id, at FROM public.event WHERE public.leaves()', '{}', 'at',
                                             '{1 hour}', '{count}', '{id}') AS r(id int, c bigint)$$, '42501', NULL,
                 'a query that leaves the role');
SELECT throws_ok($$SELECT * FROM etl.rolling('public.hot', '{k}', 'at', '{1 hour}', '{count}', '{id}')
                   AS r(id int, c bigint)$$, '42501', NULL, 'a table that is not for this role');
RESET ROLE;

-- A query is evaluated once, whatever it calls.
CREATE SEQUENCE evaluated;
SELECT is(count(*), 5::bigint, 'a volatile query')
FROM etl.rolling('SELECT nextval(''public.evaluated'') AS id, now() AS at FROM generate_series(1, 5)', '{}', 'at',
                 '{1 hour}', '{count}', '{id}') AS r(id bigint, c bigint);
SELECT is(currval('evaluated'), 5::bigint, 'is evaluated once');

-- Cancel
CREATE FUNCTION is_cancelled(statement text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN false;
EXCEPTION WHEN query_canceled THEN
    RETURN true;
END
$$;
SET LOCAL statement_timeout = '50ms';
SELECT ok(is_cancelled($$SELECT count(*) FROM etl.rolling('SELECT i, now() AS at FROM generate_series(1, 100000000) i',
                         '{i}', 'at', '{1 hour}', '{count}', '{i}') AS r(i int, c bigint)$$), 'a cancel');
SET LOCAL statement_timeout = 0;

SELECT * FROM finish();
ROLLBACK;
