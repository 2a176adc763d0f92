-- etl.count_distinct_per_key and etl.create_distinct_counts: against count(DISTINCT) for keys and values of many types,
-- alone and with workers, with little memory, and with what is refused.
BEGIN;
SELECT plan(103);

CREATE TYPE hue AS ENUM ('red', 'green', 'blue');
CREATE TYPE spot AS (x int, h hue);
CREATE DOMAIN small AS int CHECK (VALUE < 1000);
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE loose AS (x int, t text COLLATE no_case);
CREATE TABLE fact AS
SELECT i AS id, nullif(i * 7919 % 997, 13) AS k, nullif(i * 31 % 401 % (1 + i * 7919 % 997 % 60), 5) AS v
FROM generate_series(1, 6000) AS i;
ANALYZE fact;

-- How many rows the two ways do not share.
CREATE FUNCTION differing(key text, key_type text, value text, source text DEFAULT 'public.fact') RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    query text := format('SELECT %s AS k, %s AS v FROM %s', key, value, source);
    ours text := format('SELECT * FROM etl.count_distinct_per_key(%L, ''{k}'', ''{v}'') AS t(k %s, n bigint)', query,
                        key_type);
    theirs text := format('SELECT k, count(DISTINCT v) FROM (%s) AS q GROUP BY k', query);
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)) AS d', ours, theirs)
        INTO found;
    RETURN found;
END
$$;
CREATE TABLE form (type text, expression text);
INSERT INTO form (type, expression) VALUES
    ('int', '%s'), ('bigint', '%s::bigint << 33'), ('smallint', '%s::smallint'), ('text', '''wallet '' || %s'),
    ('text', 'repeat(%s::text, 300)'), ('varchar', '%s::varchar'), ('char(9)', 'rpad(%s::text, %1$s %% 7)::char(9)'),
    ('name', '%s::text::name'), ('bytea', 'decode(lpad(%s::text, 6, ''0''), ''hex'')'), ('bool', '%s %% 2 = 0'),
    ('"char"', 'chr(65 + %s %% 26)::"char"'), ('numeric', '(%s || ''.'' || repeat(''0'', id %% 4))::numeric'),
    ('float8', 'CASE %s %% 5 WHEN 0 THEN float8 ''-0'' WHEN 1 THEN ''NaN'' WHEN 2 THEN 0 ELSE %1$s END'),
    ('real', '(%s / 3.0)::real'), ('date', 'date ''2025-01-01'' + %s'),
    ('timestamptz', 'timestamptz ''2025-01-01 00:00Z'' + %s * interval ''7 s'''),
    ('interval', 'CASE id %% 2 WHEN 0 THEN %s * interval ''1 day'' ELSE %1$s * interval ''24 hours'' END'),
    ('uuid', 'md5(%s::text)::uuid'), ('jsonb', 'jsonb_build_object(''a'', %s)'), ('int[]', 'ARRAY[%s, NULL, 3]'),
    ('text[]', 'ARRAY[%s::text, NULL]'), ('int4range', 'int4range(%s, NULL)'),
    ('nummultirange', 'nummultirange(numrange(%s, NULL))'),
    ('public.hue', '(enum_range(NULL::public.hue))[1 + %s %% 3]'),
    ('char(9)[]', 'ARRAY[%s::char(9)]'), ('public.spot', 'ROW(%s, ''red'')::public.spot'),
    ('public.small', '%s::public.small'),
    ('inet', 'inet ''10.0.0.0'' + %s'),
    ('oid', '%s::oid'), ('time', 'time ''00:00'' + %s * interval ''1 s'''), ('bit(10)', '%s::bit(10)');
SELECT is(differing(format(expression, 'k'), type, 'v'), 0::bigint, format('keys of type %s: %s', type, expression))
FROM form;
SELECT is(differing('k', 'int', format(expression, 'v')), 0::bigint,
          format('values of type %s: %s', type, expression)) FROM form;
SELECT is(differing('k', 'int', $$(CASE id % 2 WHEN 0 THEN 'a' ELSE 'A' END || v) COLLATE public.no_case$$), 0::bigint,
          'values in a nondeterministic collation');

-- plans and memory
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 4;
ALTER TABLE fact SET (parallel_workers = 4);
SET LOCAL work_mem = '64kB';
SELECT is(differing('k', 'int', 'v'), 0::bigint, 'with workers');
SELECT is(differing('''key '' || id', 'text', 'v'), 0::bigint, 'with workers, each row a key of its own');
SELECT is(differing('k % 2', 'int', 'id % 7919'), 0::bigint, 'with workers, few keys');
SELECT is(differing('''key '' || k', 'text', 'repeat(id::text, 500)'), 0::bigint, 'with workers, large values');
SELECT is(differing('repeat(''key '' || k, 2000)', 'text', 'v'), 0::bigint, 'with workers, large keys');
SELECT is(differing('1', 'int', 'i', 'generate_series(1, 600000) AS i'), 0::bigint,
          'one key with more values than are held at once');
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT is(differing('k', 'int', 'v'), 0::bigint, 'alone');
RESET work_mem;

-- several columns, NULLs
SELECT set_eq($$SELECT * FROM etl.count_distinct_per_key(
                    'SELECT k % 7 AS a, nullif(k % 3, 0)::text AS b, v, ''v'' || v % 9 AS w, NULL::text AS x
                     FROM public.fact;', '{a,b}', '{v,w,x,a,v}')
                AS t(a int, b text, v bigint, w bigint, x bigint, a2 bigint, v2 bigint)$$,
              $$SELECT k % 7, nullif(k % 3, 0)::text, count(DISTINCT v) AS v, count(DISTINCT v % 9) AS w,
                       0::bigint AS x, count(DISTINCT k % 7) AS a, count(DISTINCT v) AS v2
                FROM fact GROUP BY 1, 2$$, 'two keys, five columns');
SELECT set_eq($$SELECT * FROM etl.count_distinct_per_key('SELECT NULL::int AS k, 1 AS v', '{k}', '{v}')
                AS t(k int, n bigint)$$, 'VALUES (NULL::int, 1::bigint)', 'one row, its key NULL');
SELECT is_empty($$SELECT * FROM etl.count_distinct_per_key('SELECT k, v FROM public.fact WHERE id < 0', '{k}', '{v}')
                  AS t(k int, n bigint)$$, 'no rows');
SELECT is((SELECT k::text FROM etl.count_distinct_per_key(q, '{k}', '{v}') AS t(k numeric, n bigint)), '1.0',
          'one of the equal keys, whichever comes first')
FROM (VALUES ('SELECT k, 1 AS v FROM (VALUES (1.0), (1.00), (1.000)) AS r(k)'),
             ('SELECT k, 1 AS v FROM (VALUES (1.000), (1.00), (1.0)) AS r(k)')) AS given(q);

-- tables
SELECT is(etl.create_distinct_counts('public.made', 'SELECT k, v, id % 5 AS "a b" FROM public.fact', '{k}',
                                     '{v,"a b"}'), 997::bigint, 'a table');
SELECT set_eq('SELECT k, distinct_v, "distinct_a b" FROM made',
              'SELECT k, count(DISTINCT v) AS v, count(DISTINCT id % 5) AS w FROM fact GROUP BY k', 'of the same rows');
SELECT is(etl.create_distinct_counts('public.made_empty', 'SELECT k, v FROM public.fact WHERE id < 0', '{k}', '{v}'),
          0::bigint, 'an empty table');
SELECT is(etl.create_distinct_counts('public.made_bits',
                                     'SELECT i::bit(10) AS b, i AS v FROM generate_series(1, 9) AS i',
                                     '{b}', '{v}'), 9::bigint, 'a table whose key has a length');
SELECT throws_ok($$SELECT etl.create_distinct_counts('public.made', 'SELECT 1 AS k, 1 AS v', '{k}', '{v}')$$, '42P07',
                 NULL, 'a table that is there');
SELECT throws_ok($$SELECT etl.create_distinct_counts('made', 'SELECT 1 AS k, 1 AS v', '{k}', '{v}')$$, '42602', NULL,
                 'a name without a schema');
SELECT throws_ok($$SELECT etl.create_distinct_counts('public.x', 'SELECT 1 AS k, 1 AS v', '{k}', '{v,v}')$$, '42701',
                 'column distinct_v cannot be in the table twice', 'two columns of one name');

-- refusals
CREATE FUNCTION per_key(query text, keys name[], counted name[], list text DEFAULT 'k int, n bigint') RETURNS text
LANGUAGE sql AS $$
    SELECT format('SELECT * FROM etl.count_distinct_per_key(%L, %L, %L) AS t(%s)', query, keys, counted, list)
$$;
SELECT throws_ok(per_key(query, keys::name[], counted::name[], coalesce(list, 'k int, n bigint')), state, message,
                 coalesce(message, state))
FROM (VALUES
    (NULL, '{k}', '{v}', NULL, '22023', 'no query was given'),
    ('SELECT 1 AS k, 2 AS v', NULL, '{v}', NULL, '22023', 'between 1 and 32 key columns can be given, not 0'),
    ('SELECT 1 AS k, 2 AS v', '{k}', '{}', NULL, '22023', 'between 1 and 32 columns can be counted, not 0'),
    ('SELECT 1 AS k, 2 AS v', '{k}', '{w}', NULL, '42703', 'the query does not return the column "w"'),
    ('SELECT 1 AS k, 2 AS v', '{k,NULL}', '{v}', NULL, '42703', 'the query does not return the column "NULL"'),
    ('SELECT 1 AS k, 2 AS k', '{k}', '{k}', NULL, '42701', 'the query returns more than one column "k"'),
    ('SELECT 1 AS k, 2 AS v WHERE false', '{k}', '{v}', 'k text, n bigint', '42804',
     'the list of columns is not that of the result'),
    ('SELECT 1 AS k, 2 AS v', '{k}', '{v}', 'k int, n int', '42804', 'the list of columns is not that of the result'),
    ('SELECT ''a'' COLLATE public.no_case AS k, 2 AS v', '{k}', '{v}', 'k text, n bigint', '0A000',
     'the keys cannot be told apart by their bytes alone'),
    ('SELECT ARRAY[''a'' COLLATE public.no_case] AS k, 2 AS v', '{k}', '{v}', 'k text[], n bigint', '0A000',
     'the keys cannot be told apart by their bytes alone'),
    ('SELECT ROW(1, ''a'')::public.loose AS k, 2 AS v', '{k}', '{v}', 'k public.loose, n bigint', '0A000',
     'the keys cannot be told apart by their bytes alone'),
    ('SELECT 1 AS k, ''{}''::json AS v', '{k}', '{v}', NULL, '42883', NULL),
    ('DELETE FROM public.fact RETURNING k, v', '{k}', '{v}', NULL, '22023', NULL),
    ('WITH d AS (DELETE FROM public.fact RETURNING k, v) SELECT * FROM d', '{k}', '{v}', NULL, '22023',
     'query must be one SELECT that changes no data')
) AS refused(query, keys, counted, list, state, message);
SELECT throws_ok($$SELECT * FROM etl.count_distinct_per_key('SELECT 1 AS k', '{k}', '{k}')$$, '42601', NULL,
                 'no list of columns');
SELECT throws_ok($$SELECT etl._distinct_parts('\x00', 1, 1, 2)$$, '22023', NULL, 'an area that nobody has made');
SELECT throws_ok($$SELECT etl._distinct_parts('', 2, 1, 2)$$, '22023', 'there must be keys and values', 'keys alone');

-- the query runs with the caller's rights, and stays in the caller's role
CREATE FUNCTION climb() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RESET ROLE;
    RETURN 1;
END
$$;
CREATE ROLE counts_reader;
SET LOCAL ROLE counts_reader;
SELECT throws_ok($$SELECT * FROM etl.count_distinct_per_key('SELECT k, v FROM public.fact', '{k}', '{v}')
                   AS t(k int, n bigint)$$, '42501', NULL, 'a table that is not for this role');
SELECT throws_ok($$SELECT * FROM etl.count_distinct_per_key('SELECT public.climb() AS k, 1 AS v', '{k}', '{v}')
                   AS t(k int, n bigint)$$, '42501', NULL, 'a query that leaves the role');
SELECT is((SELECT n FROM etl.count_distinct_per_key('SELECT 1 AS k, 1 AS v', '{k}', '{v}') AS t(k int, n bigint)),
          1::bigint, 'any role counts');
RESET ROLE;

-- a stop
CREATE FUNCTION is_stopped(query text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    RETURN false;
EXCEPTION
    WHEN query_canceled THEN
        RETURN clock_timestamp() < statement_timestamp() + interval '5 s';
END
$$;
SET LOCAL statement_timeout = '300ms';
SELECT ok(is_stopped(per_key('SELECT 1 AS k, i FROM generate_series(1, 30000000) AS i', '{k}', '{i}')), 'stops');
SET LOCAL statement_timeout = 0;

SELECT * FROM finish();
ROLLBACK;
