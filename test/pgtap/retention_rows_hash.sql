-- Sums of row hashes: which rows are the same, how they add up, and what is refused.
BEGIN;
SELECT plan(88);

CREATE FUNCTION h(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made text;
BEGIN
    EXECUTE format('SELECT etl.rows_hash(q)::text FROM (%s) AS q', query) INTO made;
    RETURN made;
END
$$;

CREATE FUNCTION explained(relation regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('EXPLAIN SELECT %s FROM %s AS t', etl._rows_hash_of(relation, 't'), relation);
END
$$;

-- The value itself ----------------------------------------------------------------------------------------------------

SELECT is(h('SELECT 1 AS id WHERE false'), '0:00000000000000000000000000000000', 'no rows');
SELECT is(h('SELECT 7 AS id, ''Ada''::text AS name'), '1:95ce7cd3cd51cf0aa36faa8abd29d43e',
          'a hash that is stored never changes');
SELECT is(h('SELECT'), '1:99aa06d3014798d86001c324468d497f', 'a row without columns is a row');
SELECT is(h('SELECT NULL::int AS a, NULL::text AS b'), h('SELECT'), 'and so is one of NULLs');
SELECT is(etl.rows_hash(r)::text, '0:00000000000000000000000000000000', 'NULL is no row')
FROM (SELECT NULL::pg_catalog.pg_class AS r) AS q;
SELECT is((h('SELECT 1 AS a')::etl.rows_hash OPERATOR(etl.+) h('SELECT 2 AS a')::etl.rows_hash)::text,
          h('SELECT a FROM generate_series(1, 2) AS g(a)'), 'sums add up');
SELECT is((h('SELECT a FROM generate_series(1, 9) AS g(a)')::etl.rows_hash
           OPERATOR(etl.-) h('SELECT a FROM generate_series(4, 9) AS g(a)')::etl.rows_hash)::text,
          h('SELECT a FROM generate_series(1, 3) AS g(a)'), 'and parts can be taken away');
SELECT is(('3:ffffffffffffffffffffffffffffffff'::etl.rows_hash
           OPERATOR(etl.+) '-4:00000000000000000000000000000003'::etl.rows_hash)::text,
          '-1:00000000000000000000000000000002', 'the sum wraps around');
SELECT is(etl.row_count('-1:00000000000000000000000000000002'::etl.rows_hash), -1::bigint, 'a count may be negative');
SELECT is((SELECT etl.merge(v)::text FROM (VALUES ('2:00000000000000000000000000000001'::etl.rows_hash), (NULL),
                                                  ('3:0000000000000000000000000000000f')) AS t (v)),
          '5:00000000000000000000000000000010', 'stored values are merged');
SELECT is((SELECT etl.merge(v)::text FROM (SELECT NULL::etl.rows_hash WHERE false) AS t (v)),
          '0:00000000000000000000000000000000', 'nothing is merged to no rows');
SELECT ok('1:00000000000000000000000000000002'::etl.rows_hash
          OPERATOR(etl.<>) '2:00000000000000000000000000000002'::etl.rows_hash, 'the count counts');
SELECT is((SELECT count(*) FROM (
    SELECT DISTINCT v::etl.rows_hash FROM unnest('{1:00000000000000000000000000000001,'
        '1:00000000000000000000000000000001,1:00000000000000000000000000000002}'::text[]) AS v) AS d), 2::bigint,
    'DISTINCT knows equality');
SELECT throws_ok(format('SELECT %L::etl.rows_hash', v), s, NULL, 'refused: ' || v) FROM (VALUES
    ('', '22P02'), ('1', '22P02'), ('1:', '22P02'), ('1:12', '22P02'), ('x:00000000000000000000000000000000', '22P02'),
    (' 1:00000000000000000000000000000000', '22P02'), ('1:0000000000000000000000000000000g', '22P02'),
    ('9223372036854775808:00000000000000000000000000000000', '22003')) AS t (v, s);

CREATE TEMP TABLE stored (v etl.rows_hash, w etl.rows_hash);
INSERT INTO stored SELECT h('SELECT 7 AS id')::etl.rows_hash, NULL;
SELECT is((SELECT v::text FROM stored), h('SELECT 7 AS id'), 'a stored value is read');
SELECT is(etl.rows_hash_send(v), '\x524f5748010000000700000000000000100f0e0d0c0b0a090807060504030201'::bytea,
          'the binary form') FROM (SELECT '7:0102030405060708090a0b0c0d0e0f10'::etl.rows_hash AS v) AS q;

-- Which rows are the same ---------------------------------------------------------------------------------------------

SELECT is(h(a), h(b), 'same: ' || a || ' / ' || b) FROM (VALUES
    ('SELECT 1 AS a, 2 AS b', 'SELECT 2 AS b, 1 AS a'),
    ('SELECT 1 AS a', 'SELECT 1 AS a, NULL::text AS added'),
    ('SELECT ARRAY[1,NULL]::int[] AS a', 'SELECT ''{1,NULL}''::int[] AS a'),
    ('SELECT (ARRAY[1,NULL])[1:1] AS a', 'SELECT ''{1}''::int[] AS a'),
    ('SELECT int4range(1, 5) AS a', 'SELECT ''[1,4]''::int4range AS a'),
    ('SELECT ''{[1,3),[5,6)}''::int4multirange AS a', 'SELECT int4multirange(int4range(5,6), int4range(1,3)) AS a'),
    ('SELECT ''abc''::text AS a', 'SELECT ''abc''::varchar(5) AS a'),
    ('SELECT ''{"b":1,"a":2}''::jsonb AS a', 'SELECT ''{"a":2, "b":1}''::jsonb AS a')) AS t (a, b);
SELECT isnt(h(a), h(b), 'different: ' || a || ' / ' || b) FROM (VALUES
    ('SELECT 1.0 AS a', 'SELECT 1.00 AS a'),
    ('SELECT 0.0::float8 AS a', 'SELECT ''-0''::float8 AS a'),
    ('SELECT 0.0::float4 AS a', 'SELECT ''-0''::float4 AS a'),
    ('SELECT 1::int AS a', 'SELECT 1::bigint AS a'),
    ('SELECT 1 AS a', 'SELECT 1 AS b'),
    ('SELECT 1 AS a, 2 AS b', 'SELECT 2 AS a, 1 AS b'),
    ('SELECT '''' AS a', 'SELECT NULL::text AS a'),
    ('SELECT ''ab''::text AS a, ''c''::text AS b', 'SELECT ''a''::text AS a, ''bc''::text AS b'),
    ('SELECT interval ''1 month'' AS a', 'SELECT interval ''30 days'' AS a'),
    ('SELECT ''{1,2}''::int[] AS a', 'SELECT ''[0:1]={1,2}''::int[] AS a'),
    ('SELECT ''{{1},{2}}''::int[] AS a', 'SELECT ''{{1,2}}''::int[] AS a'),
    ('SELECT ''{}''::int[] AS a', 'SELECT ''{NULL}''::int[] AS a'),
    ('SELECT ''[1,3)''::numrange AS a', 'SELECT ''[1,3]''::numrange AS a'),
    ('SELECT ''(,3)''::numrange AS a', 'SELECT ''(1,3)''::numrange AS a'),
    ('SELECT ''empty''::numrange AS a', 'SELECT ''(,)''::numrange AS a'),
    ('SELECT ''a ''::text AS a', 'SELECT ''a''::text AS a'),
    ('SELECT ''{"a":1}''::json AS a', 'SELECT ''{"a": 1}''::json AS a'),
    ('SELECT 1 AS a UNION ALL SELECT 1', 'SELECT 1 AS a')) AS t (a, b);
SELECT isnt(h('SELECT * FROM (VALUES (1, ''x''), (2, ''y'')) AS t (a, b)'),
            h('SELECT * FROM (VALUES (1, ''y''), (2, ''x'')) AS t (a, b)'), 'values swapped between rows are seen');
SELECT is(h('SELECT (float8 ''Infinity'' - float8 ''Infinity'') AS a'), h('SELECT ''NaN''::float8 AS a'), 'one NaN');

CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN numbers AS int[];
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN some_pair AS pair;
SELECT is(h('SELECT 5::positive AS a'), h('SELECT 5 AS a'), 'a domain is what it is made of');
SELECT is(h('SELECT ''{1,2}''::numbers AS a'), h('SELECT ''{1,2}''::int[] AS a'), 'also one of arrays');
SELECT is(h('SELECT ''glad''::mood AS a'), h('SELECT ''glad''::text AS a'), 'an enum is its label');
SELECT is(h('SELECT ARRAY[''sad'',NULL,''glad'']::mood[] AS a'), h('SELECT ARRAY[''sad'',NULL,''glad'']::text[] AS a'),
          'in an array, too');
SELECT is(h('SELECT ROW(1,''b'')::some_pair AS a'), h('SELECT ''(1,b)''::pair AS a'), 'a domain of a composite');
CREATE TABLE nested (id int, p pair, ps pair[], rest some_pair);
INSERT INTO nested VALUES (1, ROW(1, repeat('long ', 5000)), ARRAY[ROW(2, repeat('z', 9000)), NULL]::pair[],
    ROW(3, NULL));
CREATE TABLE nested_again (LIKE nested);
INSERT INTO nested_again SELECT n.id, ROW((n.p).x, (n.p).y || '')::pair, n.ps::text::pair[], n.rest::text::some_pair
    FROM nested AS n;
SELECT is(etl.rows_hash(n)::text, h('SELECT * FROM nested_again'),
    'composites are their columns, however they are stored')
FROM nested AS n;
ALTER TYPE pair ADD ATTRIBUTE z int;
SELECT is(h('SELECT * FROM nested'), h('SELECT * FROM nested_again'), 'an attribute that was added is NULL');

-- How values are stored -----------------------------------------------------------------------------------------------

CREATE FUNCTION noise(seed int, bytes int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(md5(seed || ' ' || i), '') FROM generate_series(1, bytes / 32) AS i
$$;
CREATE TABLE values_of AS
SELECT i AS id, repeat('many ', i * 100) AS compressible, noise(i, i * 400) AS noisy,
       ARRAY(SELECT noise(j, 320) FROM generate_series(1, i) AS j) AS list, i::numeric ^ i AS big
FROM generate_series(1, 40) AS i;
SELECT isnt((SELECT reltoastrelid FROM pg_class WHERE oid = 'values_of'::regclass), 0::oid,
    'some values are out of line');
CREATE TABLE all_plain (LIKE values_of);
ALTER TABLE all_plain ALTER compressible SET STORAGE PLAIN;
INSERT INTO all_plain SELECT * FROM values_of WHERE id <= 10;
CREATE TABLE uncompressed (LIKE values_of);
ALTER TABLE uncompressed ALTER compressible SET STORAGE EXTERNAL, ALTER noisy SET STORAGE EXTERNAL,
    ALTER list SET STORAGE EXTERNAL;
INSERT INTO uncompressed SELECT id, compressible || '', noisy || '', list || '{}'::text[], big FROM values_of;
SELECT is(h('SELECT * FROM all_plain'), h('SELECT * FROM values_of WHERE id <= 10'), 'compressed or plain');
SELECT is(h('SELECT * FROM uncompressed'), h('SELECT * FROM values_of'), 'out of line, compressed or not');
SELECT is(h('SELECT id, repeat(''many '', id * 100) AS compressible, noise(id, id * 400) AS noisy, ARRAY(SELECT '
            'noise(j, 320) FROM generate_series(1, id) AS j) AS list, id::numeric ^ id AS big FROM values_of'),
          h('SELECT * FROM values_of'), 'in memory');

-- an array that was changed in place keeps a bitmap of NULLs that has none
DO $$
DECLARE
    grown int[] := '{1,NULL,3}';
BEGIN
    grown[2] := 2;
    CREATE TEMP TABLE arrays AS SELECT grown AS a;
END
$$;
SELECT is(h('SELECT * FROM arrays'), h('SELECT ''{1,2,3}''::int[] AS a'), 'no bitmap and an empty one');

-- The table changes its shape -----------------------------------------------------------------------------------------

CREATE TABLE shaped (id int, gone text, name text, at timestamptz);
INSERT INTO shaped SELECT i, 'x', 'n' || i, '2024-01-01'::timestamptz + i * interval '1 hour'
    FROM generate_series(1, 500) AS i;
CREATE TABLE ordered_otherwise AS SELECT at, name, id FROM shaped;
ALTER TABLE shaped DROP gone;
SELECT is(etl.rows_hash(s)::text, h('SELECT * FROM ordered_otherwise'), 'a dropped column and another order of columns')
FROM shaped AS s;
ALTER TABLE shaped ADD added text, ADD more int;
SELECT is(etl.rows_hash(s)::text, h('SELECT * FROM ordered_otherwise'), 'added columns that are NULL') FROM shaped AS s;
ALTER TABLE shaped ADD filled int DEFAULT 5;
SELECT isnt(etl.rows_hash(s)::text, h('SELECT * FROM ordered_otherwise'), 'an added column that is not')
    FROM shaped AS s;
ALTER TABLE ordered_otherwise ADD filled int;
UPDATE ordered_otherwise SET filled = 5;
SELECT is(etl.rows_hash(s)::text, h('SELECT * FROM ordered_otherwise'), 'a default that is not stored')
    FROM shaped AS s;

-- By columns ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION by_columns(relation regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made text;
BEGIN
    EXECUTE format('SELECT (%s)::text FROM %s AS "The Alias"', etl._rows_hash_of(relation, 'The Alias'), relation)
    INTO made;
    RETURN made;
END
$$;
SELECT is(by_columns(t), h('SELECT * FROM ' || t), 'columns one by one: ' || t)
FROM unnest('{shaped,ordered_otherwise,values_of,nested,arrays}'::regclass[]) AS t;
SELECT format('CREATE TABLE wide AS SELECT %s', string_agg(format('nullif(%s %% 7, 0) AS c%1$s', i), ', '))
FROM generate_series(1, 300) AS i \gexec
CREATE TABLE empty_row ();
INSERT INTO empty_row DEFAULT VALUES;
SELECT is(by_columns('wide'), h('SELECT * FROM wide'), '300 columns');
SELECT is(by_columns('empty_row'), h('SELECT'), 'no column');
SELECT format('CREATE TABLE c98 AS SELECT %s', string_agg(format('%s AS c%1$s', i), ', '))
    FROM generate_series(1, 98) AS i \gexec
SELECT format('CREATE TABLE c99 AS SELECT %s', string_agg(format('%s AS c%1$s', i), ', '))
    FROM generate_series(1, 99) AS i \gexec
SELECT is(by_columns('c98'), h('SELECT * FROM c98'), '98 columns');
SELECT is(by_columns('c99'), h('SELECT * FROM c99'), '99 columns');
SELECT is(etl._rows_hash(names, a, b)::text, h('SELECT * FROM (VALUES (1, 2), (3, 4), (6, 5)) AS t (x, y)'),
          'names that change from row to row')
FROM (VALUES ('{x,y}'::text[], 1, 2), ('{x,y}', 3, 4), ('{y,x}', 5, 6)) AS t (names, a, b);
SELECT throws_ok('SELECT etl._rows_hash(''{a}'', 1, 2)', '22023', '1 names were given for 2 values', 'too few names');
SELECT throws_ok('SELECT etl._rows_hash(''{a,NULL}'', 1, 2)', '22004', 'a column''s name must not be NULL',
    'a NULL name');
SELECT throws_ok('SELECT etl._rows_hash(NULL, 1)', '22004', NULL, 'no names');
SELECT throws_ok('SELECT etl._rows_hash(''{a}'', VARIADIC ARRAY[1])', '0A000', NULL, 'an array of columns');
SELECT throws_ok('SELECT etl._rows_hash_wide(''{a}'', ROW(1, 2))', '22023', NULL, 'too few names for a row');

-- Order and plans -----------------------------------------------------------------------------------------------------

CREATE TABLE many AS
SELECT i AS id, md5(i::text) AS name, (i % 1000) / 100.0 AS price, i % 3 = 0 AS flag
    FROM generate_series(1, 100000) AS i;
ALTER TABLE many SET (parallel_workers = 2);
ANALYZE many;
SELECT is(h('SELECT * FROM many ORDER BY name'), h('SELECT * FROM many ORDER BY id DESC'), 'the order does not count');
SELECT is((SELECT etl.merge(p.v)::text FROM (SELECT etl.rows_hash(m) AS v FROM many AS m GROUP BY m.id % 7) AS p),
          h('SELECT * FROM many'), 'parts add up to the whole');
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT by_columns('many') AS serial, h('SELECT * FROM many') AS serial_rows \gset
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SELECT is(by_columns('many'), :'serial'::text, 'in parallel as in one process');
SELECT is(h('SELECT * FROM many'), :'serial', 'by rows as well');
SELECT is(:'serial'::text, :'serial_rows', 'and both are the same');
SELECT matches((SELECT string_agg(l, ' ') FROM explained('many') AS l), 'Partial Aggregate', 'which was parallel');

SELECT * FROM finish();
ROLLBACK;
