-- The catalogue of expectations as SQL shows it, suites that are written by etl.expect and taken out by
-- etl.export_suite, and values that suites leave open.
BEGIN;
SELECT plan(43);
SET LOCAL client_min_messages = warning;

-- The catalogue -------------------------------------------------------------------------------------------------------

SELECT cmp_ok((SELECT count(*) FROM etl.expectation_types), '>=', 58::bigint, 'every core expectation is known');
SELECT is_empty($$SELECT name FROM etl.expectation_types GROUP BY name HAVING count(*) > 1$$, 'each once');
SELECT is_empty($$SELECT name FROM etl.expectation_types WHERE meaning = '' OR family = ''$$, 'and described');
SELECT is_empty($$SELECT name FROM etl.expectation_arguments WHERE meaning = '' OR value = ''$$,
                'as are its arguments');
SELECT is((SELECT kwargs FROM etl.expectation_types WHERE name = 'expect_column_value_lengths_to_be_between'),
          '{column,min_value = null,max_value = null,strict_min = false,strict_max = false,mostly = 1}'::text[],
          'the arguments read like a signature');
SELECT results_eq($$SELECT name, required, "default", value FROM etl.expectation_arguments
                    WHERE expectation = 'expect_column_values_to_match_regex_list'
                      AND name IN ('regex_list', 'match_on')$$,
                  $$VALUES ('regex_list', true, NULL, 'a non-empty array of non-empty strings'),
                           ('match_on', false, '"any"', 'any or all')$$, 'etl.expectation_arguments');
SELECT is_empty($$SELECT t.name, k FROM etl.expectation_types AS t, unnest(t.kwargs) AS k
                  WHERE NOT EXISTS (SELECT FROM etl.expectation_arguments AS a
                                    WHERE a.expectation = t.name AND a.name = split_part(k, ' ', 1))$$,
                'both views agree');
SELECT results_eq($$SELECT family FROM etl.expectation_types GROUP BY family ORDER BY family COLLATE "C"$$,
                  $$VALUES ('column aggregate'), ('column map'), ('column pair'), ('multicolumn'), ('query'), ('row'),
                           ('table')$$, 'the families');

-- etl.expect ----------------------------------------------------------------------------------------------------------

SELECT is(etl.expect('orders', 'expect_column_values_to_be_between', '{"column": "price", "min_value": 0}'), 1,
          'the first expectation makes the suite');
SELECT is(etl.expect('orders', 'expect_column_values_to_not_be_null', '{"column": "id"}', 'warning'), 2,
          'others are appended');
SELECT is(etl.expect('orders', 'ExpectColumnValuesToBeBetween', '{"column": "price", "min_value": 1}', 'info'), 1,
          'one on the same column is replaced');
SELECT is(etl.expect('orders', 'expect_column_values_to_be_between',
                     '{"column": "price", "min_value": 5, "row_condition": "state = ''sold''"}'), 3,
          'other rows are another matter');
SELECT is(etl.expect('orders', 'expect_row_condition', '{"condition": "moved >= bought"}', NULL), 4,
          'no severity is the default');
SELECT results_eq($$SELECT number, expectation, kwargs, severity, row_condition, row_level FROM etl.expectations
                    WHERE suite = 'orders' ORDER BY number$$,
                  $$VALUES (1::bigint, 'expect_column_values_to_be_between',
                            '{"column": "price", "min_value": 1}'::jsonb, 'info', NULL::text, true),
                           (2, 'expect_column_values_to_not_be_null', '{"column": "id"}', 'warning', NULL, true),
                           (3, 'expect_column_values_to_be_between',
                            '{"column": "price", "min_value": 5, "row_condition": "state = ''sold''"}', 'critical',
                            'state = ''sold''', true),
                           (4, 'expect_row_condition', '{"condition": "moved >= bought"}', 'critical', NULL, true)$$,
                  'as etl.expectations shows');
SELECT throws_ok($$SELECT etl.expect('new', 'expect_column_values_to_be_uniqe', '{"column": "id"}')$$, '22023',
                 'unknown expectation "expect_column_values_to_be_uniqe"', 'an unknown expectation');
SELECT is_empty($$SELECT FROM etl.suites WHERE suite = 'new'$$, 'makes no suite');
SELECT throws_ok($$SELECT etl.expect('orders', 'expect_column_values_to_be_unique', '{"colum": "id"}')$$, '22023',
                 'expect_column_values_to_be_unique has no argument "colum"', 'an unknown argument');
SELECT throws_ok($$SELECT etl.expect('orders', 'expect_column_values_to_be_unique', NULL)$$, '22023',
                 'expect_column_values_to_be_unique needs the argument "column"', 'no arguments');
SELECT throws_ok($$SELECT etl.expect('orders', NULL, '{}')$$, '22023', 'unknown expectation ""', 'no expectation');
SELECT throws_ok($$SELECT etl.expect(NULL, 'expect_column_values_to_be_unique', '{"column": "id"}')$$, '22023',
                 'the name of the suite must not be NULL', 'no suite');
SELECT throws_ok($$SELECT etl.expect('orders', 'expect_column_values_to_be_unique', '{"column": "id"}', 'bad')$$,
                 '22023', 'severity must be critical, warning or info', 'an unknown severity');
SELECT throws_ok($$SELECT etl.expect('orders', 'expect_row_condition', '{"condition": "a) OR (b"}')$$, '22023',
                 'condition closes a parenthesis that is not open', 'a condition that is none');
SELECT throws_ok($$SELECT etl.expect('orders', 'expect_row_condition',
                                     '{"condition": "a > 1", "row_condition": ";"}')$$, '22023',
                 'row_condition has a semicolon', 'nor for the rows');

-- What a typo is answered with.
CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END
$$;
SELECT is(hint_of($$SELECT etl.expect('orders', 'expect_column_values_to_be_uniqe', '{"column": "id"}')$$),
          'Did you mean "expect_column_values_to_be_unique"? SELECT * FROM etl.expectation_types lists the known ones.',
          'the nearest expectation');
SELECT is(hint_of($$SELECT etl.expect('orders', 'expect_column_values_to_be_unique', '{"colum": "id"}')$$),
          'Did you mean "column"?', 'the nearest argument');

-- Export --------------------------------------------------------------------------------------------------------------

SELECT is(etl.export_suite('orders')::jsonb -> 'expectations' -> 1,
          '{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}, "severity": "warning"}'::jsonb,
          '1.x has severity');
SELECT is(etl.export_suite('orders', '0.18')::jsonb -> 'expectations' -> 1,
          '{"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"},
            "meta": {"severity": "warning"}}'::jsonb, '0.x has it in meta');
SELECT is(etl.load_suite(etl.export_suite('orders', '0.x'), 'again'), 'again', 'an exported suite loads');
SELECT results_eq($$SELECT number, expectation, kwargs, severity, row_condition FROM etl.expectations
                    WHERE suite = 'again' ORDER BY number$$,
                  $$SELECT number, expectation, kwargs, severity, row_condition FROM etl.expectations
                    WHERE suite = 'orders' ORDER BY number$$, 'as the same');
SELECT throws_ok($$SELECT etl.export_suite('orders', 'xml')$$, '22023', 'unknown format of suites "xml"',
                 'other formats');
SELECT throws_ok($$SELECT etl.export_suite('none')$$, '42704', 'suite "none" does not exist', 'no suite');

-- Bare infinities and parameters --------------------------------------------------------------------------------------

SELECT etl.load_suite($${"name": "open", "evaluation_parameters": {"most": 10}, "expectations": [
    {"expectation_type": "expect_column_stdev_to_be_between",
     "kwargs": {"column": "p", "min_value": -Infinity, "max_value": {"$PARAMETER": "most * 2"}}},
    {"expectation_type": "expect_column_values_to_be_between",
     "kwargs": {"column": {"$PARAMETER": "c"}, "min_value": {"$PARAMETER": "now() - timedelta(days=7)"}}}]}$$)
    \g /dev/null
SELECT is((SELECT kwargs FROM etl.expectations WHERE suite = 'open' AND number = 1),
          '{"column": "p", "min_value": "-Infinity", "max_value": {"$PARAMETER": "most * 2"}}'::jsonb,
          'a suite with parameters and infinities is stored');
SELECT ok(etl.export_suite('open') LIKE '%"min_value": -Infinity%', 'and exported as Python writes it');
CREATE FUNCTION bound(params text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(e.kwargs::jsonb)
    FROM etl._suite_expectations(etl._bind_suite((SELECT document FROM etl.suites WHERE suite = 'open'), params,
                                                 '2024-03-01 12:00')) AS e
$$;
SELECT is(bound('{"c": "at"}'),
          '[{"column": "p", "min_value": "-Infinity", "max_value": 20},
            {"column": "at", "min_value": "2024-02-23T12:00:00"}]'::jsonb, 'parameters get their values');
SELECT is(bound('{"c": "at", "most": 3}') -> 0 ->> 'max_value', '6', 'those of the run go first');
SELECT throws_ok($$SELECT bound('')$$, '22023', 'parameter "c" has no value', 'one without a value');
SELECT is(hint_of($$SELECT bound('{"C": "x"}')$$),
          'Did you mean "C"? Give it one: params => ''{"c": …}''.', 'names are exact');
SELECT throws_ok($$SELECT bound('{"c": 5}')$$, '22023',
                 'argument "column" of expect_column_values_to_be_between must be the name of a column',
                 'a value that does not suit');

-- Two roles -----------------------------------------------------------------------------------------------------------

CREATE ROLE etl_catalogue_ann;
SET ROLE etl_catalogue_ann;
SELECT throws_ok($$SELECT etl.expect('orders', 'expect_column_values_to_be_unique', '{"column": "id"}')$$, '42710',
                 'suite "orders" already exists and belongs to another role', 'nobody adds to another role''s suite');
SELECT throws_ok($$SELECT etl.export_suite('orders')$$, '42704', 'suite "orders" does not exist', 'nor exports it');
SELECT isnt_empty('SELECT FROM etl.expectation_types', 'the catalogue is for all');
SELECT is(etl.expect('hers', 'expect_column_values_to_be_unique', '{"column": "id"}'), 1,
          'as are suites of one''s own');
RESET ROLE;
SELECT throws_ok($$SELECT etl.expect('hers', 'expect_column_values_to_be_unique', '{"column": "b"}')$$, '42501',
                 'suite "hers" belongs to role "etl_catalogue_ann"', 'not even a superuser changes it');

SELECT * FROM finish();
ROLLBACK;
