-- Expectations of the table itself and of the rows of a query, with and without conditions.
BEGIN;
SELECT plan(32);

CREATE TABLE item (id int PRIMARY KEY, c text, n int);
INSERT INTO item VALUES (4, 'a', 1), (5, 'b', 1), (6, 'c', 2), (7, 'd', 2);
CREATE TABLE other AS SELECT * FROM item WHERE id < 6;

CREATE FUNCTION pg_temp.suite(VARIADIC expectations text[]) RETURNS text LANGUAGE sql AS $$
    SELECT etl.load_suite(format('{"name": "t", "expectations": [%s]}', array_to_string(expectations, ', ')),
                          replace => true)
$$;
CREATE FUNCTION pg_temp.suite_of(type text, kwargs json) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.suite(json_build_object('type', type, 'kwargs', kwargs)::text)
$$;
-- Verdict, observed value, and the exception's first line.
CREATE FUNCTION pg_temp.answer(where_sql text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', success, observed_value, split_part(exception, E'\n', 1))
    FROM etl.validate('item', 't', where_sql => where_sql)
$$;
CREATE FUNCTION pg_temp.queried() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', success, observed_value, split_part(exception, E'\n', 1))
    FROM etl.validate_query('SELECT * FROM public.item', 't')
$$;

-- The rows of a query -------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.rows_of(query text, condition text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.suite_of('unexpected_rows_expectation', json_strip_nulls(json_build_object(
        'unexpected_rows_query', query, 'row_condition', condition)))
$$;
SELECT pg_temp.rows_of('SELECT * FROM {batch} WHERE id > 6') \g /dev/null
SELECT is(pg_temp.answer(), 'f "1 unexpected row"', 'a query that finds a row');
SELECT is(pg_temp.answer('id > 5'), 'f "1 unexpected row"', 'of some rows, without an alias');
SELECT is(pg_temp.answer('id < 7'), 't "0 unexpected rows"', 'of rows that have none');
SELECT is(pg_temp.queried(), 'f "1 unexpected row"', 'of a query');
SELECT is((SELECT partial_unexpected_list FROM etl.validate('item', 't')), '[{"c": "d", "n": 2, "id": 7}]',
          'the rows are shown');
SELECT pg_temp.rows_of('SELECT * FROM {batch} WHERE id > 6', 'id < 7') \g /dev/null
SELECT is(pg_temp.answer(), 't "0 unexpected rows"', 'a row condition limits the rows');
SELECT pg_temp.rows_of('SELECT * FROM {batch} WHERE false', 'no_such < 7') \g /dev/null
SELECT is(pg_temp.answer(), 'f column "no_such" does not exist', 'a condition that fails is an exception');
SELECT pg_temp.rows_of('SELECT b.id FROM {batch} AS b JOIN {batch} AS d ON d.n = b.n AND d.id < b.id') \g /dev/null
SELECT is(pg_temp.answer(), 'f "2 unexpected rows"', 'the batch joined to itself');
SELECT pg_temp.rows_of('WITH few AS (SELECT * FROM {batch} WHERE id > 4) SELECT * FROM few ; ') \g /dev/null
SELECT is(pg_temp.answer('n = 1'), 'f "1 unexpected row"', 'within a WITH of its own, and ended by a semicolon');
SELECT pg_temp.rows_of('SELECT id AS n, id AS q, id AS u, id AS shown FROM {batch}') \g /dev/null
SELECT is(pg_temp.answer(), 'f "4 unexpected rows"', 'columns may have any name');
SELECT pg_temp.rows_of('SELECT id, id FROM {batch}') \g /dev/null
SELECT is(pg_temp.answer(), 'f "4 unexpected rows"', 'even the same');
SELECT pg_temp.rows_of($$SELECT * FROM {batch} WHERE c !~ '^[a-z]{{1,2}}$'$$) \g /dev/null
SELECT is(pg_temp.answer(), 't "0 unexpected rows"', 'braces that are doubled for Python''s format');
SELECT pg_temp.rows_of($$SELECT * FROM {batch} WHERE c !~ '^[a-z]{1,2}$' OR '{{1},{2}}'::int[] IS NULL$$) \g /dev/null
SELECT is(pg_temp.answer(), 't "0 unexpected rows"', 'and those that are not');
SELECT pg_temp.rows_of('SELECT no_such FROM {batch}') \g /dev/null
SELECT is(pg_temp.answer(), 'f column "no_such" does not exist', 'a query that fails is an exception');

-- Numbers of rows -----------------------------------------------------------------------------------------------------

SELECT pg_temp.suite_of('expect_table_row_count_to_equal', '{"value": 2, "row_condition": "id < 6"}') \g /dev/null
SELECT is(pg_temp.answer(), 't 2', 'the rows that meet a condition');
SELECT is(pg_temp.answer('id <> 5'), 'f 1', 'of those that are validated');
SELECT is((SELECT concat_ws(' ', r.success, r.observed_value)
           FROM (SELECT etl.validation_state((SELECT document FROM etl.suites WHERE suite = 't'),
                                             ARRAY['id', '(id < 6)'], id, id < 6) AS state FROM item) AS s,
                etl.report(s.state) AS r), 't 2', 'and in a state');
SELECT pg_temp.suite_of('expect_table_row_count_to_be_between',
                        '{"min_value": -1, "max_value": 1, "row_condition": "no_such"}') \g /dev/null
SELECT is(pg_temp.answer(), 'f column "no_such" does not exist', 'a condition that fails is an exception');
SELECT pg_temp.suite_of('expect_table_row_count_to_be_between', '{"min_value": -1, "max_value": 4}') \g /dev/null
SELECT is(pg_temp.answer(), 't 4', 'a bound below zero');
SELECT pg_temp.suite_of('expect_table_row_count_to_be_between', '{"min_value": 5, "max_value": 4}') \g /dev/null
SELECT is(pg_temp.answer(),
          'f expect_table_row_count_to_be_between: min_value cannot be greater than max_value', 'bounds that cross');
SELECT pg_temp.suite_of('expect_table_row_count_to_equal_other_table',
                        '{"other_table_name": "other", "row_condition": "id < 6"}') \g /dev/null
SELECT is(pg_temp.answer(), 't {"self": 2, "other": 2}', 'as many as in another table');
SELECT pg_temp.suite_of('expect_table_row_count_to_equal_other_table', '{"other_table_name": "other"}') \g /dev/null
SELECT is(pg_temp.answer(), 'f {"self": 4, "other": 2}', 'and not');

-- Columns -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.details() RETURNS jsonb LANGUAGE sql AS $$
    SELECT etl.validate_json('item', 't') #> '{results,0,result,details}'
$$;
SELECT pg_temp.suite_of('expect_table_columns_to_match_set', '{"column_set": null, "exact_match": true}') \g /dev/null
SELECT is(pg_temp.answer(), 'f ["c", "id", "n"]', 'no column is expected');
SELECT is(pg_temp.details(), '{"mismatched": {"unexpected": ["c", "id", "n"]}}', 'and each is unexpected');
SELECT pg_temp.suite_of('expect_table_columns_to_match_set', '{"column_set": null, "exact_match": false}') \g /dev/null
SELECT is(pg_temp.answer(), 't ["c", "id", "n"]', 'unless others may be there');

-- Pairs ---------------------------------------------------------------------------------------------------------------

SELECT pg_temp.suite_of('expect_column_pair_values_to_be_in_set',
                        '{"column_A": "id", "column_B": "n", "value_pairs_set": null}') \g /dev/null
SELECT is(pg_temp.answer(), 't', 'any pair is in the set that is null');
SELECT pg_temp.suite_of('expect_column_pair_values_a_to_be_greater_than_b',
                        '{"column_A": "c", "column_B": "c", "parse_strings_as_datetimes": true}') \g /dev/null
SELECT is(pg_temp.answer(), 'f expect_column_pair_values_a_to_be_greater_than_b(c, c) cannot compare texts as moments '
                            '(parse_strings_as_datetimes)', 'texts are not compared as if they were moments');

CREATE TABLE moment (id int, d date, ts timestamp, tz timestamptz, t text, b bool);
INSERT INTO moment VALUES (1, '2024-01-01', '2024-01-01', '2024-01-01', 'a', true),
                          (2, '2024-01-02', '2024-01-01 23:59', '2024-01-02 00:01', 'a', true);
CREATE FUNCTION pg_temp.compared(a text, b text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_temp.suite_of('expect_column_pair_values_a_to_be_greater_than_b',
                             json_build_object('column_A', a, 'column_B', b, 'or_equal', true));
    RETURN (SELECT coalesce(exception, jsonb_path_query_array(failing_keys, '$[*].id')::text, '[]')
            FROM etl.validate('moment', 't', key_columns => '{id}'));
END
$$;
SELECT is(pg_temp.compared('d', 'ts'), '[]', 'a date beside a timestamp');
SELECT is(pg_temp.compared('ts', 'd'), '[2]', 'and the other way round');
SELECT is(pg_temp.compared('d', 'tz'), '[2]', 'beside one with a time zone');
SELECT is(pg_temp.compared('tz', 'ts'), '[]', 'timestamps with and without time zone');
SELECT is(pg_temp.compared('t', 'd'), 'expect_column_pair_values_a_to_be_greater_than_b needs columns of one type, but '
                                      '"t" is of type text and "d" of type date', 'what PostgreSQL does not compare');

SELECT * FROM finish();
ROLLBACK;
