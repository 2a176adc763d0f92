-- What etl.validate is asked for: formats, keys, parameters, queries, documents; and what goes wrong for one
-- expectation alone.
BEGIN;
SELECT plan(58);
SET LOCAL timezone = 'UTC';

CREATE TABLE sale (id int PRIMARY KEY, gone int, w text, price numeric);
ALTER TABLE sale DROP COLUMN gone;
INSERT INTO sale SELECT i, CASE WHEN i % 10 > 0 THEN 'w' || i % 3 END, i FROM generate_series(1, 100) AS i;
SELECT etl.load_suite('{"name": "s", "expectations": [
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "w", "value_set": ["w0", "w1"]}},
    {"type": "expect_column_max_to_be_between", "kwargs": {"column": "price", "max_value": {"$PARAMETER": "most"}}},
    {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 100}}]}') \g /dev/null

-- Formats and keys ----------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.first(result_format text, most int) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s %s %s %s', v.success, v.unexpected_count, jsonb_array_length(v.partial_unexpected_list),
                  jsonb_array_length(v.failing_keys))
    FROM etl.validate('sale', 's', result_format => result_format, params => '{"most": 100}',
                      max_failing_keys => most) AS v LIMIT 1
$$;
SELECT is(pg_temp.first('BASIC', 1000), 'f 30 20 30', 'BASIC');
SELECT is(pg_temp.first('SUMMARY', 1000), 'f 30 20 30', 'SUMMARY');
SELECT is(pg_temp.first('COMPLETE', 1000), 'f 30 20 30', 'COMPLETE');
SELECT is(left(pg_temp.first('BOOLEAN_ONLY', 1000), 1), 'f', 'BOOLEAN_ONLY has the verdict');
SELECT is(pg_temp.first('SUMMARY', 0), 'f 30 20 0', 'no key at all');
SELECT is(pg_temp.first('SUMMARY', 5), 'f 30 20 5', 'five keys');
SELECT is(pg_temp.first('SUMMARY', NULL), 'f 30 20 30', 'all keys');
SELECT throws_ok($$SELECT pg_temp.first('SUMMARY', -1)$$, '22023',
                 'max_failing_keys must not be negative, but it is -1', 'fewer keys than none');
SELECT throws_ok($$SELECT pg_temp.first('summary', 1)$$, '22023', NULL, 'an unknown format');
SELECT throws_ok($$SELECT pg_temp.first(NULL, 1)$$, '22023', NULL, 'no format');
SELECT throws_ok($$SELECT * FROM etl.validate('sale', 's', key_columns => '{gone}', params => '{"most": 1}')$$, '42703',
                 NULL, 'a dropped column is no key');

-- Parameters ----------------------------------------------------------------------------------------------------------

SELECT results_eq($$SELECT success, observed_value FROM etl.validate('sale', 's', params => '{"most": 99}') OFFSET 1$$,
                  $$VALUES (false, '100'::jsonb), (true, '100')$$, 'a parameter');
SELECT throws_ok($$SELECT * FROM etl.validate('sale', 's')$$, '22023', NULL, 'a parameter without a value');

-- Queries -------------------------------------------------------------------------------------------------------------

SELECT results_eq($$SELECT success, element_count, unexpected_count, failing_keys
                    FROM etl.validate_query('SELECT w, id AS n, price FROM public.sale WHERE id <= 10 ORDER BY id', 's',
                                            key_columns => '{n}', params => '{"most": 100}') LIMIT 1$$,
                  $$VALUES (false, 10::bigint, 3::bigint, '[{"n": 2}, {"n": 5}, {"n": 8}]'::jsonb)$$, 'a query');
SELECT throws_ok($$SELECT * FROM etl.validate_query('DELETE FROM public.sale', 's', params => '{"most": 1}')$$, '22023',
                 NULL, 'a query that is no SELECT');
SELECT throws_ok($$SELECT * FROM etl.validate_query('SELECT 1; SELECT 2', 's', params => '{"most": 1}')$$, '22023',
                 NULL, 'two queries');
SELECT throws_ok($$SELECT * FROM etl.validate_query('SELECT 1 AS w', 's', key_columns => '{n}',
                                                    params => '{"most": 1}')$$, '42703', NULL,
                 'a key that the query does not return');

-- Documents -----------------------------------------------------------------------------------------------------------

CREATE TABLE document AS SELECT etl.validate_json('sale', 's', params => '{"most": 100}') AS d;
SELECT is((SELECT d -> 'success' FROM document), 'false', 'the document says whether all is well');
SELECT is((SELECT d -> 'statistics' FROM document),
          '{"evaluated_expectations": 3, "successful_expectations": 2, "unsuccessful_expectations": 1,
            "success_percent": 66.66666666666667}', 'and how often');
SELECT is((SELECT jsonb_array_length(d -> 'results') FROM document), 3, 'and each result');
SELECT is((SELECT d #> '{results,0,result,partial_unexpected_counts}' FROM document), '[{"value": "w2", "count": 20}]',
          'how often a value failed, of the first 20');
SELECT is((SELECT d #> '{results,1,result}' FROM document), '{"observed_value": 100}', 'what was observed');
SELECT is((SELECT etl.validate_json('sale', 's', result_format => 'COMPLETE', params => '{"most": 100}')
           #> '{results,0,result}' ? 'unexpected_list'), true, 'COMPLETE has the list of all');
SELECT is((SELECT etl.validate_json('sale', 's', result_format => 'BOOLEAN_ONLY', params => '{"most": 100}')
           #> '{results,0,result}'), '{}', 'BOOLEAN_ONLY has nothing');

-- One broken expectation ----------------------------------------------------------------------------------------------

SELECT etl.load_suite('{"name": "broken", "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "w", "mostly": 0.9}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "gone"}},
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "w", "regex": "("}},
    {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "w", "min_value": 1}},
    {"type": "expect_row_condition", "kwargs": {"condition": "1 / (id - 50) < 2"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "id", "max_value": 50,
        "row_condition": "nonsense > 1", "condition_parser": "sql"}},
    {"type": "expect_table_row_count_to_equal_other_table", "kwargs": {"other_table_name": "no_such_table"}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}]}') \g /dev/null
SELECT results_eq($$SELECT success, exception IS NULL FROM etl.validate('sale', 'broken')$$,
                  $$VALUES (true, true), (false, false), (false, false), (false, false), (false, false), (false, false),
                           (false, false), (true, true)$$,
                  'what is broken tells so in its own row, and the others are decided');
SELECT matches((SELECT exception FROM etl.validate('sale', 'broken') OFFSET 4 LIMIT 1), 'division by zero',
               'an error on a row');
SELECT throws_ok($$SELECT * FROM etl.validate('sale', 'broken', where_sql => '1 / (id - 50) < 2')$$, '22012', NULL,
                 'an error of the rows themselves is no expectation''s');

-- Errors cost no more than they must ---------------------------------------------------------------------------------

SELECT etl.load_suite(json_build_object('name', 'hopeless', 'expectations', json_agg(json_build_object(
    'type', 'expect_column_mean_to_be_between', 'kwargs', json_build_object('column', 'w', 'min_value', i))))::text)
FROM generate_series(1, 1600) AS i \g /dev/null
SET LOCAL statement_timeout = '30s';
SELECT is((SELECT count(*) FROM etl.validate('sale', 'hopeless') WHERE exception LIKE '%needs a column of numbers%'),
          1600::bigint, 'many expectations that do not fit are found at once');
RESET statement_timeout;

SELECT etl.load_suite(json_build_object('name', 'raising', 'expectations', json_agg(CASE
    WHEN i % 7 = 0 THEN json_build_object('type', 'expect_column_values_to_not_be_null', 'kwargs', json_build_object(
                            'column', 'id', 'row_condition', format('%s / (id - 50) < 2', i),
                            'condition_parser', 'sql'))
    WHEN i % 7 = 1 THEN json_build_object('type', 'expect_row_condition', 'kwargs', json_build_object(
                            'condition', format('1 / (id - %s) < 2', i)))
    WHEN i % 7 = 2 THEN json_build_object('type', 'expect_row_condition', 'kwargs', json_build_object(
                            'condition', format('1 / 0 < %s', i)))
    ELSE json_build_object('type', 'expect_row_condition', 'kwargs', json_build_object(
                            'condition', format('id <> -%s', i)))
    END))::text)
FROM generate_series(1, 70) AS i \g /dev/null
CREATE SEQUENCE rows_read;
SELECT results_eq($$SELECT exception, count(*) FROM etl.validate(
                        'sale', 'raising', where_sql => 'nextval(''public.rows_read'') > 0') GROUP BY 1 ORDER BY 1$$,
                  $$VALUES ('division by zero', 30::bigint), (NULL, 40)$$, 'which conditions raise an error');
SELECT cmp_ok((SELECT last_value FROM rows_read), '<', 100 * 25::bigint,
              'is found in one scan for each of them, which it ends, and some more');
SELECT etl.load_suite('{"name": "disordered", "expectations": [
    {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "id",
        "row_condition": "1 / (id - 50) < 2", "condition_parser": "sql"}},
    {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "id"}}]}') \g /dev/null
SELECT results_eq($$SELECT success, exception FROM etl.validate('sale', 'disordered')$$,
                  $$VALUES (false, 'division by zero'), (true, NULL)$$,
                  'an error in the condition of an expectation on the order of rows');

-- Many columns --------------------------------------------------------------------------------------------------------

SELECT format('CREATE TABLE wide (%s, last int)', string_agg(format('c%s int', i), ', '))
FROM generate_series(1, 300) AS i \gexec
INSERT INTO wide (c1, c300) VALUES (1, 1), (2, NULL);
SELECT etl.load_suite(json_build_object('name', 'wide', 'expectations', json_agg(e ORDER BY i))::text)
FROM (SELECT i, json_build_object('type', 'expect_column_values_to_not_be_null',
                                  'kwargs', json_build_object('column', 'c' || i)) AS e
      FROM generate_series(1, 300) AS i
      UNION ALL
      VALUES (0, '{"type": "expect_table_column_count_to_equal", "kwargs": {"value": 301}}'::json),
             (150, '{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "c1"}}'),
             (400, '{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 2}}')) AS s \g /dev/null
SELECT is((SELECT string_agg(coalesce(kwargs ->> 'column', expectation), ' ' ORDER BY n)
           FROM etl.validate('wide', 'wide') WITH ORDINALITY AS v (expectation, kwargs, severity, success, e, m,
                                                                   u, p, o, l, k, x, n)
           WHERE success),
          'expect_table_column_count_to_equal c1 c1 expect_table_row_count_to_equal',
          'more columns than one call of an aggregate can pass');
SELECT is((SELECT jsonb_agg(failing_keys) FROM etl.validate('wide', 'wide') WHERE kwargs ->> 'column' = 'c300'),
          '[[{"ctid": "(0,2)"}]]', 'and the places of their failing rows');
SELECT is((SELECT count(*) FROM etl.validate('wide', 'wide', where_sql => 'false') WHERE success), 302::bigint,
          'no row at all');

-- Conditions on rows --------------------------------------------------------------------------------------------------

SELECT etl.load_suite('{"name": "named", "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "w",
        "row_condition": "sale.id < 10", "condition_parser": "sql"}},
    {"type": "expect_row_condition", "kwargs": {"condition": "sale.price > 0"}},
    {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "id",
        "row_condition": "sale.price > 0", "condition_parser": "sql"}}]}') \g /dev/null
SELECT results_eq($$SELECT success, exception FROM etl.validate('sale', 'named')$$,
                  $$VALUES (true, NULL::text), (true, NULL), (true, NULL)$$, 'conditions may name the table');
SELECT is((SELECT max(element_count) FROM etl.validate('sale', 'named', where_sql => 'sale.id = 2')), 1::bigint,
          'and where_sql, too');
SELECT is((SELECT max(element_count) FROM etl.validate('sale', 'named', where_sql => 'id = 2 -- or 3')), 1::bigint,
          'which may end with a comment');
SELECT is((SELECT count(*) FROM etl.profile('sale', where_sql => 'sale.id = 2') WHERE rows = 1), 3::bigint,
          'in profiles as well');
SELECT throws_ok(format('SELECT * FROM etl.%s', c.call), c.state, c.message, c.call)
FROM (VALUES ($$validate('sale', 'named', where_sql => 'true) GROUP BY (id')$$, '42601', NULL),
             ($$validate('sale', 'named', where_sql => '')$$, '42601', NULL),
             ($$validate('sale', 'named', where_sql => 'nosuch > 1')$$, '42703',
              'where_sql "nosuch > 1" is no condition on table "public.sale": column "nosuch" does not exist'),
             ($$validate('sale', 'named', where_sql => 'count(*) > 1')$$, '42803', NULL),
             ($$validate_json('sale', 'named', where_sql => 'nosuch > 1')$$, '42703', NULL),
             ($$profile('sale', where_sql => 'nosuch > 1')$$, '42703', NULL),
             ($$suggest_suite('sale', where_sql => 'nosuch > 1')$$, '42703', NULL),
             ($$validate_query(NULL, 'named')$$, '22023', 'no query was given'),
             ($$validate_json('sale', 'named', format => 'bogus')$$, '22023', 'unknown format ''bogus'''),
             ($$validate_json('sale', 'named', format => NULL)$$, '22023', 'unknown format NULL'))
     AS c (call, state, message);
SELECT is((SELECT element_count FROM etl.validate_query('SELECT * FROM public.sale WHERE id < 3; ', 's',
                                                        params => '{"most": 1}') LIMIT 1), 2::bigint,
          'a query with a semicolon at its end');

-- Names and numbers out of the ordinary -------------------------------------------------------------------------------

CREATE TABLE "my table" (id int, previous_0 int);
INSERT INTO "my table" VALUES (1, 9), (2, 8);
SELECT etl.load_suite('{"name": "names", "expectations": [
    {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "id"}},
    {"type": "expect_table_row_count_to_equal_other_table", "kwargs": {"other_table_name": "my table"}},
    {"type": "expect_table_row_count_to_equal_other_table", "kwargs": {"other_table_name": "public.\"my table\""}},
    {"type": "expect_column_value_z_scores_to_be_less_than", "kwargs":
        {"column": "previous_0", "threshold": "Infinity", "double_sided": true}}]}') \g /dev/null
SELECT results_eq($$SELECT success, exception FROM etl.validate('"my table"', 'names')$$,
                  $$VALUES (true, NULL::text), (true, NULL), (true, NULL), (true, NULL)$$,
                  'columns like those of a scan, a table whose name has a space, with and without its schema');
SELECT is_empty(etl.validate_json('"my table"', 'names', result_format => 'COMPLETE')
                #>> '{results,3,result,unexpected_index_query}', 'the query for z-scores beyond infinity is one');
SELECT throws_ok($$SELECT etl.load_suite('{"name": "x", "expectations": [
    {"type": "expect_column_values_to_be_null", "kwargs": {"column": "id", "result_format":
        {"result_format": "SUMMARY", "partial_unexpected_count": "x"}}}]}')$$, '22023', NULL,
    'a partial list of x values');

-- Who may see what ----------------------------------------------------------------------------------------------------

CREATE ROLE etl_test_reader;
GRANT SELECT ON sale TO etl_test_reader;
ALTER TABLE sale ENABLE ROW LEVEL SECURITY;
CREATE POLICY first_ten ON sale TO etl_test_reader USING (id <= 10);
SET LOCAL ROLE etl_test_reader;
SELECT etl.load_suite('{"name": "mine", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "max_value": 8}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "w"}}]}') \g /dev/null
SELECT results_eq($$SELECT element_count, unexpected_count, failing_keys FROM etl.validate('sale', 'mine')$$,
                  $$VALUES (10::bigint, 2::bigint, '[{"id": 9}, {"id": 10}]'::jsonb),
                           (10, 9, '[{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}, {"id": 5}, {"id": 6}, {"id": 7},
                                     {"id": 8}, {"id": 9}]')$$, 'row security hides rows');
RESET ROLE;
REVOKE SELECT ON sale FROM etl_test_reader;
GRANT SELECT (id, price, w) ON sale TO etl_test_reader;
SET LOCAL ROLE etl_test_reader;
SELECT throws_ok($$SELECT * FROM etl.validate('sale', 'mine')$$, '42501', NULL, 'no SELECT, no validation');
RESET ROLE;

-- Observed values at the edges of their types -------------------------------------------------------------------------

CREATE TABLE edge (n numeric, f float8, t text COLLATE "und-x-icu", c char(5), i bigint);
INSERT INTO edge VALUES ('1e400', 'NaN', 'b', 'b', 9223372036854775807), (2, 1, 'Ä', 'a', -9223372036854775808);
SELECT etl.load_suite(format('{"name": "edge", "expectations": [%s]}', string_agg(
    format('{"type": "expect_column_%s_to_be_between", "kwargs": {"column": "%s", "min_value": %s}}', m, c,
           CASE WHEN c IN ('t', 'c') THEN '"A"' ELSE '0' END), ',' ORDER BY c, m))) FROM (VALUES
    ('max', 'n'), ('sum', 'n'), ('max', 'f'), ('max', 't'), ('min', 't'), ('max', 'c'), ('max', 'i'), ('sum', 'i'))
    AS e (m, c) \g /dev/null
SELECT results_eq($$SELECT success, left(observed_value #>> '{}', 20), exception FROM etl.validate('edge', 'edge')$$,
                  $$VALUES (true, 'b', NULL), (false, 'NaN', NULL), (true, '9223372036854775807', NULL),
                           (false, '-1', NULL), (true, '10000000000000000000', NULL),
                           (true, '10000000000000000000', NULL), (true, 'b', NULL), (true, 'Ä', NULL)$$,
                  'numbers beyond doubles, NaN, the least and greatest texts of a language');

-- The document of a query ---------------------------------------------------------------------------------------------

CREATE TABLE public.queried AS SELECT i AS id, i % 10 AS n FROM generate_series(1, 100) AS i;
SELECT etl.load_suite('{"name": "queried", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "n", "max_value": 8}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}]}') \g /dev/null
CREATE TABLE query_document AS
SELECT etl.validate_query_json('SELECT * FROM public.queried WHERE id <= 50', 'queried', '{id}', 'COMPLETE') AS d;
SELECT is((SELECT d #> '{results,0,result,unexpected_index_list}' FROM query_document),
          '[{"n": 9, "id": 9}, {"n": 9, "id": 19}, {"n": 9, "id": 29}, {"n": 9, "id": 39}, {"n": 9, "id": 49}]',
          'a query has a document, with the keys that it names');
SELECT is((SELECT d #>> '{statistics,success_percent}' FROM query_document), '50', 'and statistics');
CREATE FUNCTION pg_temp.rows_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('SELECT string_agg(q::text, '' '') FROM (%s) AS q', query) INTO found;
    RETURN found;
END
$$;
SELECT is((SELECT pg_temp.rows_of(d #>> '{results,0,result,unexpected_index_query}') FROM query_document),
          '(9,9) (19,9) (29,9) (39,9) (49,9)', 'and queries for the failing rows');

SELECT * FROM finish();
ROLLBACK;
