-- Uniqueness: what an index proves, what spills, what is listed, and by which keys.
BEGIN;
SELECT plan(59);
SET LOCAL timezone = 'UTC';

CREATE FUNCTION pg_temp.suite(VARIADIC expectations text[]) RETURNS void LANGUAGE sql AS $$
    SELECT etl.load_suite(format('{"name": "one", "expectations": [%s]}', array_to_string(expectations, ',')),
                          replace => true)
$$;
CREATE FUNCTION pg_temp.unique_of(column_name text, more text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('{"type": "expect_column_values_to_be_unique", "kwargs": {"column": %s%s}}',
                  to_json(column_name), more)
$$;
CREATE FUNCTION pg_temp.counted(target regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(v.exception, format('%s %s %s', v.element_count, v.missing_count, v.unexpected_count)),
                      ', ')
    FROM etl.validate(target, 'one') AS v
$$;

-- What an index proves ------------------------------------------------------------------------------------------------

CREATE TABLE indexed (id int PRIMARY KEY, a int, b int, t text COLLATE "C", e text);
INSERT INTO indexed SELECT i, i, i % 10, 't' || i, upper('t' || i) FROM generate_series(1, 100) AS i;
SELECT ok(etl._is_proven_unique('indexed', '{id}'), 'a primary key proves');
SELECT ok(etl._is_proven_unique('indexed', '{b,id}'), 'also that more columns than its own do not repeat');
SELECT ok(NOT etl._is_proven_unique('indexed', '{a}'), 'nothing is proven without an index');
CREATE INDEX plain ON indexed (a);
SELECT ok(NOT etl._is_proven_unique('indexed', '{a}'), 'an index that is not unique proves nothing');
CREATE UNIQUE INDEX several ON indexed (a, b);
SELECT ok(NOT etl._is_proven_unique('indexed', '{a}'), 'an index on more columns proves nothing of one');
SELECT ok(NOT etl._is_proven_unique('indexed', '{b,a}'), 'nor of all of them, for it lets NULL repeat');
CREATE UNIQUE INDEX distinct_nulls ON indexed (a, b) NULLS NOT DISTINCT;
SELECT ok(etl._is_proven_unique('indexed', '{b,a}'), 'but one without a second NULL does, in any order');
CREATE UNIQUE INDEX part ON indexed (a) WHERE a > 50;
SELECT ok(NOT etl._is_proven_unique('indexed', '{a}'), 'a partial index proves nothing');
CREATE UNIQUE INDEX expression ON indexed (lower(e));
SELECT ok(NOT etl._is_proven_unique('indexed', '{e}'), 'an index on an expression proves nothing');
ALTER TABLE indexed ADD CONSTRAINT late UNIQUE (a) DEFERRABLE;
SELECT ok(NOT etl._is_proven_unique('indexed', '{a}'), 'a constraint that is checked later proves nothing');
CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE UNIQUE INDEX loose ON indexed (t COLLATE anycase);
SELECT ok(NOT etl._is_proven_unique('indexed', '{t}'), 'an index of another collation proves nothing');
CREATE UNIQUE INDEX patterns ON indexed (e text_pattern_ops);
SELECT ok(NOT etl._is_proven_unique('indexed', '{e}'), 'nor one of another operator class');
CREATE UNIQUE INDEX including ON indexed (t) INCLUDE (b);
SELECT ok(etl._is_proven_unique('indexed', '{t}'), 'columns that an index only includes do not matter');
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child () INHERITS (parent);
SELECT ok(NOT etl._is_proven_unique('parent', '{id}'), 'an index of a parent knows nothing of its children');
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (2), (3);
SELECT pg_temp.suite(pg_temp.unique_of('id')) \g /dev/null
SELECT is(pg_temp.counted('parent'), '4 0 2', 'so that duplicates in children are found');
SELECT pg_temp.suite(pg_temp.unique_of('id'), pg_temp.unique_of('a'), pg_temp.unique_of('b')) \g /dev/null
SELECT is(pg_temp.counted('indexed'), '100 0 0, 100 0 0, 100 0 100', 'proven and counted ones together');
CREATE TABLE with_null (v int UNIQUE);
INSERT INTO with_null VALUES (1), (NULL), (NULL);
SELECT pg_temp.suite(pg_temp.unique_of('v')) \g /dev/null
SELECT is(pg_temp.counted('with_null'), '3 2 0', 'NULLs are missing, though an index holds many');

-- Counting and listing ------------------------------------------------------------------------------------------------

CREATE TABLE doubled (id int PRIMARY KEY, k text, n numeric);
INSERT INTO doubled SELECT i, 'k' || i % 40, i % 40 FROM generate_series(1, 50) AS i;
SELECT pg_temp.suite(pg_temp.unique_of('k')) \g /dev/null
SELECT results_eq($$SELECT success, element_count, unexpected_count, unexpected_percent, partial_unexpected_list,
                           failing_keys
                    FROM etl.validate('doubled', 'one')$$,
                  $$SELECT false, 50::bigint, 20::bigint, 40::float8,
                           (SELECT jsonb_agg(k ORDER BY id) FROM doubled WHERE id <= 10 OR id > 40),
                           (SELECT jsonb_agg(jsonb_build_object('id', id) ORDER BY id) FROM doubled
                            WHERE id <= 10 OR id > 40)$$, 'every row of a repeated value is counted and listed');
SELECT is((SELECT jsonb_array_length(failing_keys) FROM etl.validate('doubled', 'one', max_failing_keys => 7)), 7,
          'so many keys as are asked for');
SELECT is((SELECT failing_keys FROM etl.validate('doubled', 'one', key_columns => '{n,id}', max_failing_keys => 1)),
          '[{"n": 1, "id": 1}]', 'by the keys that are given');
SELECT pg_temp.suite('{"type": "expect_compound_columns_to_be_unique",
                       "kwargs": {"column_list": ["k", "n"]}}') \g /dev/null
SELECT is((SELECT unexpected_count FROM etl.validate('doubled', 'one')), 20::bigint, 'compound keys');
SELECT is((SELECT partial_unexpected_list -> 0 FROM etl.validate('doubled', 'one')), '{"k": "k1", "n": 1}',
          'are listed by their columns');
SELECT pg_temp.suite(pg_temp.unique_of('k', ', "row_condition": "id <= 42", "condition_parser": "sql"')) \g /dev/null
SELECT results_eq($$SELECT element_count, unexpected_count, failing_keys FROM etl.validate('doubled', 'one')$$,
                  $$VALUES (42::bigint, 4::bigint, '[{"id": 1}, {"id": 2}, {"id": 41}, {"id": 42}]'::jsonb)$$,
                  'among the rows of a condition');
SELECT results_eq($$SELECT element_count, unexpected_count, failing_keys
                    FROM etl.validate('doubled', 'one', where_sql => 'id <> 1')$$,
                  $$VALUES (41::bigint, 2::bigint, '[{"id": 2}, {"id": 42}]'::jsonb)$$, 'and of where_sql');
SELECT pg_temp.suite(pg_temp.unique_of('k', ', "mostly": 0.6')) \g /dev/null
SELECT ok((SELECT success FROM etl.validate('doubled', 'one')), 'mostly at its edge');
SELECT pg_temp.suite(pg_temp.unique_of('k', ', "mostly": 0.6000001')) \g /dev/null
SELECT ok((SELECT NOT success FROM etl.validate('doubled', 'one')), 'and beyond');
CREATE TABLE keyless (v int);
INSERT INTO keyless VALUES (1), (2), (1);
SELECT pg_temp.suite(pg_temp.unique_of('v')) \g /dev/null
SELECT is((SELECT failing_keys FROM etl.validate('keyless', 'one')), '[{"ctid": "(0,1)"}, {"ctid": "(0,3)"}]',
          'rows without a key are named by their place');
CREATE TABLE two_keys (a text, "b c" int, v int, PRIMARY KEY (a, "b c"));
INSERT INTO two_keys VALUES ('x', 1, 5), ('y"', 2, 5);
SELECT is((SELECT failing_keys FROM etl.validate('two_keys', 'one')),
          '[{"a": "x", "b c": 1}, {"a": "y\"", "b c": 2}]', 'a key of two columns');
SELECT is((SELECT failing_keys FROM etl.validate_query('SELECT v, a FROM public.two_keys', 'one')), NULL,
          'rows of a query have no key');
SELECT is((SELECT failing_keys FROM etl.validate_query('SELECT v, a FROM public.two_keys ORDER BY a', 'one',
                                                       key_columns => '{a}')),
          '[{"a": "x"}, {"a": "y\""}]', 'but those that are given');
CREATE TABLE parted (id int, v int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
CREATE TABLE parted_3 PARTITION OF parted FOR VALUES FROM (20) TO (30);
INSERT INTO parted VALUES (1, 1), (2, 2), (11, 1), (12, 3);
SELECT is((SELECT failing_keys FROM etl.validate('parted', 'one')), '[{"id": 1}, {"id": 11}]',
          'a value in two partitions, which have rows at the same places');

-- Types ---------------------------------------------------------------------------------------------------------------

CREATE TYPE pair AS (x int, y text);
CREATE TYPE pg_temp.deep AS (x int, a numeric[]);
CREATE TABLE odd (c pair, a int[], r int4range, b bool, f float8, n numeric, j jsonb, p point);
INSERT INTO odd VALUES ((1, 'a'), '{1,2}', '[1,3)', true, 'NaN', 'NaN', '{"a": 1}', '(1,1)'),
                       ((1, 'b'), '{{1,2}}', '[1,2]', false, '-0', 0.00, '{"a": 1.0}', '(1,1)'),
                       ((1, 'a'), '[0:1]={1,2}', 'empty', NULL, '0', -0.0, '[1]', NULL),
                       ((1, NULL), NULL, NULL, NULL, 'NaN', 'NaN', 'null', NULL);
SELECT pg_temp.suite(VARIADIC ARRAY(
    SELECT pg_temp.unique_of(c) FROM unnest('{c,a,r,b,f,n,j}'::text[]) AS c)) \g /dev/null
SELECT is(pg_temp.counted('odd'), '4 0 2, 4 1 0, 4 1 2, 4 2 0, 4 0 4, 4 0 4, 4 0 2',
          'composites, arrays, ranges, booleans, floats, numerics, jsonb');
SELECT pg_temp.suite(pg_temp.unique_of('p'), pg_temp.unique_of('b')) \g /dev/null
SELECT is(pg_temp.counted('odd'),
          'expect_column_values_to_be_unique needs a type with a hash function, but "p" is of type point, 4 2 0',
          'a type without a hash function is the exception of its own expectation');

-- How many different values etl.profile and PostgreSQL see, which compares what it finds.
CREATE FUNCTION pg_temp.same_count(what text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    seen bigint;
    found bigint;
BEGIN
    EXECUTE format('CREATE TABLE counted AS SELECT v FROM (%s) AS s (v)', query);
    SELECT count(DISTINCT v) INTO found FROM counted;
    SELECT p."distinct" INTO seen FROM etl.profile('counted') AS p;
    DROP TABLE counted;
    RETURN is(seen, found, 'different values: ' || what);
END
$$;
SELECT pg_temp.same_count(c.what, c.query) FROM (VALUES
    ('jsonb', $$SELECT v::jsonb FROM unnest('{1,-1,1.0,"[[1],2]","[[1,2]]","[1,2]","[1,[2]]","{}","[]","null","[null]",
        "\"1\"","{\"a\": 1}","{\"a\": -1}","{\"a\": [1]}"}'::text[]) AS v$$),
    ('numeric[]', $$VALUES ('{1,-1}'::numeric[]), ('{-1,1}'), ('{1.0,-1.00}'), ('{{1,-1}}'), ('{1,NULL}'), ('{NULL,1}'),
        ('{}'), ('[2:3]={1,-1}')$$),
    ('integer[]', $$VALUES ('{1,NULL,2}'::int[]), ('{1,2}'), ('{{1,2}}'), (('{1,NULL}'::int[])[1:1]), ('{1}')$$),
    ('double precision[]', $$VALUES ('{0,-0}'::float8[]), ('{0,0}'), ('{NaN,1}'), ('{NaN,-1}')$$),
    ('char(3)[]', $$VALUES ('{a,"b  "}'::char(3)[]), ('{"a ",b}'), ('{"a ",c}')$$),
    ('numrange', $$VALUES ('[1,2]'::numrange), ('[-1,2]'), ('[-2,1]'), ('[1,2)'), ('[1.0,2.00]'), ('empty'), ('(,)'),
        ('(2,2)')$$),
    ('nummultirange', $$VALUES ('{[1,2],[3,4]}'::nummultirange), ('{[-1,2],[3,4]}'), ('{[1,2.0],[3,4]}'), ('{}'),
        ('{[1,2)}')$$),
    ('interval', $$VALUES ('1 mon'::interval), ('30 days'), ('720 hours'), ('-1 mon'), ('1 day')$$),
    ('a record with an array', $$SELECT c FROM (SELECT (x, a)::pg_temp.deep FROM (VALUES (1, '{1}'::numeric[]),
        (1, '{1.0}'),
        (1, '{{1}}'), (1, '{-1}'), (NULL, '{1}'), (1, NULL)) AS v (x, a)) AS s (c)$$),
    ('time of day', $$SELECT '0:00'::time + i * interval '0.086399 s' FROM generate_series(1, 1000000) AS i$$),
    ('open ranges of moments', $$SELECT tstzrange('2020-01-01'::timestamptz + i * interval '0.7 s', NULL)
        FROM generate_series(1, 500000) AS i$$),
    ('names', 'SELECT typname FROM pg_type'),
    ('oidvector', 'SELECT proargtypes FROM pg_proc')
) AS c (what, query);
SELECT pg_temp.suite('{"type": "expect_column_distinct_values_to_be_in_set",
                       "kwargs": {"column": "j", "value_set": ["1"]}}') \g /dev/null
CREATE TABLE signed (id int PRIMARY KEY, j jsonb, a int, b int);
INSERT INTO signed VALUES (1, '1', NULL, NULL), (2, '-1', NULL, NULL), (3, '1', 5, NULL);
SELECT ok((SELECT NOT success FROM etl.validate('signed', 'one')), '-1 is not in a set of 1');
SELECT pg_temp.suite('{"type": "expect_compound_columns_to_be_unique",
                       "kwargs": {"column_list": ["a", "b"], "ignore_row_if": "never"}}') \g /dev/null
SELECT results_eq($$SELECT unexpected_count, failing_keys FROM etl.validate('signed', 'one')$$,
                  $$VALUES (2::bigint, '[{"id": 1}, {"id": 2}]'::jsonb)$$, 'rows of NULLs that count are listed, too');

-- More values repeat than the search for their rows takes.
CREATE TABLE repeating AS SELECT i AS id, i / 2 AS v FROM generate_series(2, 500003) AS i;
SELECT pg_temp.suite(pg_temp.unique_of('v')) \g /dev/null
SET LOCAL work_mem = '32MB';
SET LOCAL hash_mem_multiplier = 2;
SELECT is((SELECT d #>> '{results,0,result,details,partial_list}' FROM etl.validate_json('repeating', 'one') AS d),
          NULL, 'unless memory has room for it');
SET LOCAL work_mem = '1MB';
SELECT is((SELECT d #>> '{results,0,result,details,partial_list}' FROM etl.validate_json('repeating', 'one') AS d),
          '250001 values repeat: the rows of 250000 of them, others in every run, are listed',
          'a list that is not whole says so');
DELETE FROM repeating WHERE v = 1;
SELECT results_eq($$SELECT d #> '{results,0,result,details}', d #> '{results,0,result,unexpected_index_list,0,id}'
                    FROM etl.validate_json('repeating', 'one', key_columns => '{id}', max_failing_keys => 1,
                                           result_format => 'COMPLETE') AS d$$,
                  $$VALUES (NULL::jsonb, '4'::jsonb)$$, 'one that is whole begins with the first row');

-- Spilled -------------------------------------------------------------------------------------------------------------

CREATE TABLE many AS
SELECT i AS id, 'some text that is not short ' || CASE WHEN i % 20000 = 0 THEN 7 ELSE i END AS t, i % 199990 AS n
FROM generate_series(1, 200000) AS i;
ANALYZE many;
SELECT pg_temp.suite(pg_temp.unique_of('t'), pg_temp.unique_of('n'), pg_temp.unique_of('id'),
    '{"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["t", "n"]}}',
    '{"type": "expect_column_median_to_be_between", "kwargs": {"column": "n", "min_value": 0}}',
    '{"type": "expect_column_unique_value_count_to_be_between",
      "kwargs": {"column": "n", "min_value": 0}}') \g /dev/null
CREATE FUNCTION pg_temp.answers() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s', v.unexpected_count, v.observed_value,
                             jsonb_path_query_array(v.failing_keys, '$[*].id')), E'\n')
    FROM etl.validate('many', 'one', key_columns => '{id}', max_failing_keys => 25) AS v
$$;
SET LOCAL work_mem = '1GB';
CREATE TABLE roomy AS SELECT pg_temp.answers() AS answers;
SELECT is((SELECT answers FROM roomy), (
    SELECT string_agg(line, E'\n' ORDER BY number) FROM (
        SELECT 1 AS number, format('%s  %s', count(*), (
            SELECT jsonb_agg(id ORDER BY id) FROM (SELECT * FROM many WHERE t IN (
                SELECT t FROM many GROUP BY t HAVING count(*) > 1) ORDER BY id LIMIT 25) AS l)) AS line
        FROM many WHERE t IN (SELECT t FROM many GROUP BY t HAVING count(*) > 1)
        UNION ALL
        SELECT 2, '20  [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 199991, 199992, 199993, 199994, 199995, 199996, 199997, 199998, '
                  '199999, 200000]'
        UNION ALL SELECT 3, '0  '
        UNION ALL SELECT 4, '0  '
        UNION ALL SELECT 5, format(' %s ', (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n) FROM many))
        UNION ALL SELECT 6, ' 199990 ') AS l), 'uniqueness of 200000 rows');
SET LOCAL work_mem = '64kB';
SET LOCAL hash_mem_multiplier = 1;
SELECT is(pg_temp.answers(), (SELECT answers FROM roomy), 'and with a work_mem of 64 kB');
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT is(pg_temp.answers(), (SELECT answers FROM roomy), 'and in parallel');
-- Directories of temporary files that this session has made; other sessions may have theirs.
CREATE FUNCTION pg_temp.own_files() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp', true, false) AS name
    WHERE name LIKE 'pgsql\_tmp' || pg_backend_pid() || '.%'
$$;
SELECT is(pg_temp.own_files(), 0::bigint, 'no temporary file is left');
CREATE FUNCTION pg_temp.stopped() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN pg_temp.answers();
EXCEPTION
    WHEN query_canceled THEN
        RETURN SQLERRM;
END
$$;
SET LOCAL statement_timeout = 100;
SELECT is(pg_temp.stopped(), 'canceling statement due to statement timeout', 'a validation that spills is stopped');
SET LOCAL statement_timeout = 0;
SELECT is(pg_temp.own_files(), 0::bigint, 'no file is left of it');
SET LOCAL temp_file_limit = '100kB';
SELECT throws_ok('SELECT pg_temp.answers()', '53400', NULL, 'temp_file_limit counts: the files are there');
SET LOCAL temp_file_limit = -1;
SELECT is(pg_temp.answers(), (SELECT answers FROM roomy), 'after which all is as before');

SELECT * FROM finish();
ROLLBACK;
