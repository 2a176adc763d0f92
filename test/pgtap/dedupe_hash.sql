-- etl.hash128: equal values have equal hashes, different ones different hashes.
BEGIN;
SELECT plan(66);

CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN whole_pair AS pair;

-- Keys are stored: these never change.
SELECT is(etl.hash128('a', 'b'), 'aee61458-3caa-20e1-f8f6-7362b2f218e0'::uuid, 'a known answer');
SELECT is(etl.hash128(1, 'x', 2.50, NULL, true, '2025-01-01 00:00:00+00'::timestamptz, '{"a": [1, null]}'::jsonb,
                      'NaN'::float8),
          '765cf132-ab31-975b-2f90-8dd35b4f5c93'::uuid, 'a known answer of many types');

-- what is the same
SELECT ok(etl.hash128(1) = etl.hash128(1::bigint) AND etl.hash128(1) = etl.hash128(1::smallint), 'integers');
SELECT ok(etl.hash128(-1) = etl.hash128(-1::bigint) AND etl.hash128(-1) = etl.hash128((-1)::smallint), 'negative ones');
SELECT ok(etl.hash128(7::positive) = etl.hash128(7), 'a domain');
SELECT ok(etl.hash128(1.0) = etl.hash128(1.00), 'numeric 1.0 and 1.00');
SELECT ok(etl.hash128('NaN'::numeric) = etl.hash128('NaN'::numeric), 'numeric NaN');
SELECT ok(etl.hash128('-0'::float8) = etl.hash128(0::float8), '-0 and 0');
SELECT ok(etl.hash128(0.5::float4) = etl.hash128(0.5::float8), 'real and double precision');
SELECT ok(etl.hash128('a'::char(1)) = etl.hash128('a'::char(5)), 'char(n) of another length');
SELECT ok(etl.hash128('a'::char(5)) = etl.hash128('a'::text), 'char(n) and text');
SELECT ok(etl.hash128('a'::varchar) = etl.hash128('a'::text) AND etl.hash128('a'::name) = etl.hash128('a'::text),
          'varchar, name and text');
SELECT ok(etl.hash128('a') = etl.hash128('a'::text), 'a literal without a type is text');
SELECT ok(etl.hash128('1 day'::interval) = etl.hash128('24 hours'::interval), 'intervals of one length');
SELECT ok(etl.hash128('{"a": 1.0, "b": 2}'::jsonb) = etl.hash128('{"b": 2, "a": 1.00}'::jsonb), 'jsonb');
SELECT ok(etl.hash128(ARRAY[1.0, NULL]) = etl.hash128(ARRAY[1.00, NULL]), 'arrays');
SELECT ok(etl.hash128(ROW(1, 2.0)) = etl.hash128(ROW(1, 2.00)), 'records');
SELECT ok(etl.hash128(ROW(1, 'x')::pair) = etl.hash128(ROW(1, 'x')::pair::whole_pair), 'domains over records');
SELECT ok(etl.hash128('[1,3)'::int4range) = etl.hash128('[1,2]'::int4range), 'ranges');
SELECT ok(etl.hash128('{[1,3),[3,5)}'::int4multirange) = etl.hash128('{[1,5)}'::int4multirange), 'multiranges');
SELECT ok(etl.hash128('A' COLLATE any_case) = etl.hash128('a' COLLATE any_case), 'a nondeterministic collation');
SELECT ok(etl.hash128('A '::char(3) COLLATE any_case) = etl.hash128('a'::char(2) COLLATE any_case), 'char(n) of one');
SELECT ok(etl.hash128(repeat('x', 100000)) = etl.hash128(repeat('x', 100000)), 'long texts');
SELECT ok(etl.hash128(VARIADIC ARRAY['a', 'b']) = etl.hash128('a', 'b'), 'the elements of a VARIADIC array');
SELECT ok(etl.hash128(VARIADIC ARRAY[1, NULL, 3]) = etl.hash128(1::bigint, NULL::text, 3), 'with NULL');
SELECT ok(etl.hash128(VARIADIC ARRAY[['a ', 'b']]::char(2)[]) = etl.hash128('a', 'b'), 'of several dimensions');

-- what is not
SELECT isnt(etl.hash128('a', 'b'), etl.hash128('ab', ''), 'where a value ends counts');
SELECT isnt(etl.hash128('a', 'b'), etl.hash128('b', 'a'), 'the order counts');
SELECT isnt(etl.hash128('a'), etl.hash128('a', NULL), 'the number of values counts');
SELECT isnt(etl.hash128(NULL), etl.hash128(''), 'NULL is not the empty text');
SELECT isnt(etl.hash128(NULL), etl.hash128(NULL, NULL), 'one NULL and two');
SELECT isnt(etl.hash128(NULL, 'a'), etl.hash128('a', NULL), 'which one is NULL counts');
SELECT isnt(etl.hash128(0), etl.hash128(NULL::int), 'NULL is not 0');
SELECT isnt(etl.hash128(1), etl.hash128(-1), 'the sign counts');
SELECT isnt(etl.hash128(1.5), etl.hash128(15), 'so does the point');
SELECT isnt(etl.hash128(1), etl.hash128(1.0), 'integer and numeric are two types');
SELECT isnt(etl.hash128('a'), etl.hash128('A'), 'case counts in a deterministic collation');
SELECT isnt(etl.hash128('a '), etl.hash128('a'), 'blanks count in text');
CREATE TABLE two_collations (plain text COLLATE "C", folded text COLLATE any_case);
INSERT INTO two_collations VALUES ('a', 'x'), ('A', 'x'), ('a', 'X');
SELECT is((SELECT count(DISTINCT etl.hash128(plain, folded)) FROM two_collations), 2::bigint,
          'each argument has a collation of its own');
SELECT is((SELECT count(DISTINCT etl.hash128(t)) FROM two_collations AS t), 2::bigint, 'and each column of a record');
SELECT isnt(etl.hash128(ARRAY[1, 2]), etl.hash128(ARRAY[[1, 2]]), 'the shape of an array counts');
SELECT isnt(etl.hash128(ARRAY[1, 2]), etl.hash128(1, 2), 'an array is one value');
SELECT isnt(etl.hash128('{"a": 1}'::jsonb), etl.hash128('{"a": "1"}'::jsonb), 'the types within jsonb count');
SELECT isnt(etl.hash128('sad'::mood), etl.hash128('ok'::mood), 'enums');
SELECT isnt(etl.hash128('[1,3)'::numrange), etl.hash128('[1,3]'::numrange), 'bounds');

-- errors
SELECT throws_ok($$SELECT etl.hash128('{}'::json)$$, '42883', 'values of type json cannot be hashed', 'json');
SELECT throws_ok($$SELECT etl.hash128(1, point(1, 2))$$, '42883', 'values of type point cannot be hashed', 'point');
SELECT throws_ok($$SELECT etl.hash128(ARRAY['{}'::json])$$, '42883', 'values of type json[] cannot be hashed',
                 'what is in an array');
SELECT throws_ok($$SELECT etl.hash128(VARIADIC ARRAY[point(1, 2)])$$, '42883', 'values of type point cannot be hashed',
                 'the elements of a VARIADIC array');
SELECT throws_ok($$SELECT etl.hash128(plain || folded) FROM two_collations$$,
                 '42P22', NULL, 'a text of no certain collation');
SELECT lives_ok($$SELECT etl.hash128(NULL::json)$$, 'a NULL of any type');

-- no arguments
SELECT is(etl.hash128(VARIADIC NULL::int[]), NULL, 'a NULL array');
SELECT is(etl.hash128(VARIADIC '{}'::int[]), etl.hash128(VARIADIC '{}'::text[]), 'an empty array has no values');
SELECT isnt(etl.hash128(VARIADIC '{}'::int[]), NULL, 'but a hash');

-- in tables
CREATE TABLE thing (id int, n bigint, t text, v numeric, at timestamptz, j jsonb);
INSERT INTO thing
    SELECT i, i % 97, CASE WHEN i % 7 > 0 THEN 't' || i % 101 END, (i % 11) / 10.0,
        '2025-01-01'::timestamptz + i % 13 * '1 day'::interval, jsonb_build_object('k', i % 5)
    FROM generate_series(1, 20000) AS i;
SELECT is((SELECT count(DISTINCT etl.hash128(n, t, v, at, j)) FROM thing),
          (SELECT count(*) FROM (SELECT DISTINCT n, t, v, at, j FROM thing) AS d), 'as many hashes as rows');
SELECT is((SELECT count(*) FROM (SELECT FROM thing GROUP BY etl.hash128(n, t, v, at, j)
                                 HAVING count(DISTINCT (n, t, v, at, j)) > 1) AS two), 0::bigint,
          'and of each hash one row');
CREATE FUNCTION hash_in_parallel(parallel bool) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    hash uuid;
BEGIN
    PERFORM set_config('force_parallel_mode', CASE WHEN parallel THEN 'on' ELSE 'off' END, true)
        WHERE current_setting('server_version_num')::int < 160000;
    PERFORM set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true),
        set_config('min_parallel_table_scan_size', '0', true),
        set_config('max_parallel_workers_per_gather', CASE WHEN parallel THEN '2' ELSE '0' END, true);
    SELECT max(etl.hash128(n, t, v, at, j)::text)::uuid INTO hash FROM thing;
    RETURN hash;
END
$$;
SELECT is(hash_in_parallel(true), hash_in_parallel(false), 'parallel and serial');
SELECT lives_ok($$CREATE UNIQUE INDEX ON thing (etl.hash128(id, t))$$, 'a unique index');
SELECT throws_ok($$INSERT INTO thing SELECT * FROM thing LIMIT 1$$, '23505', NULL, 'that keeps duplicates out');
SELECT lives_ok($$ALTER TABLE thing ADD key uuid GENERATED ALWAYS AS (etl.hash128(n, t)) STORED$$,
                'a generated column');
SELECT is((SELECT count(*) FROM thing WHERE key = etl.hash128(n, t)), 20000::bigint, 'that has the same hashes');
SELECT is((SELECT array_agg(etl.hash128(x) = etl.hash128(x::int8)) FROM generate_series(-3, 3) AS x),
          array_fill(true, ARRAY[7]), 'row after row');

-- keys of blocks: NULL where a value is NULL or an empty text, of whatever type
CREATE DOMAIN word AS text;
CREATE DOMAIN short_word AS word;
CREATE DOMAIN fixed AS char(5);
CREATE EXTENSION citext;
SELECT is(ARRAY[etl._block_key(''), etl._block_key(''::text), etl._block_key(''::varchar), etl._block_key(''::name),
                etl._block_key('  '::char(2)), etl._block_key(''::word), etl._block_key(''::short_word),
                etl._block_key(' '::fixed), etl._block_key(''::citext), etl._block_key('a', ''),
                etl._block_key(VARIADIC ARRAY['a', '']), etl._block_key(VARIADIC ARRAY['a', NULL]::name[])],
          array_fill(NULL::uuid, ARRAY[12]), 'an empty text is in no block');
SELECT is(ARRAY[etl._block_key(' ', 0), etl._block_key(' '::text, 0), etl._block_key('a '::char(2), 0),
                etl._block_key('a'::short_word, 0)],
          ARRAY[etl.hash128(' ', 0), etl.hash128(' ', 0), etl.hash128('a', 0), etl.hash128('a', 0)],
          'others have their hash: a blank that counts, 0');
SELECT is(etl._block_key(VARIADIC ARRAY['a', 'b']::name[]), etl.hash128('a', 'b'), 'elements too');
SELECT is((SELECT array_agg(etl._block_key(w) IS NULL ORDER BY n)
           FROM (VALUES (1, 'a'::fixed), (2, ''), (3, 'b'), (4, NULL)) AS v(n, w)), '{f,t,f,t}', 'row after row');

SELECT * FROM finish();
ROLLBACK;
