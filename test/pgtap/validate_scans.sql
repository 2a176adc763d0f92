-- How often a validation reads the table: once, and once more to list the rows of values that repeat or lie far out.
BEGIN;
SELECT plan(11);
SET LOCAL max_parallel_workers_per_gather = 0; -- the scans of workers are not counted here
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;

CREATE TABLE reading (id int, n int, t text);
INSERT INTO reading SELECT i, i % 1000, 't' || i % 1000 FROM generate_series(1, 2000) AS i;
ANALYZE reading;

CREATE FUNCTION pg_temp.scans(result_format text, VARIADIC expectations text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before CONSTANT bigint := pg_stat_get_xact_numscans('reading'::regclass);
    failing text;
BEGIN
    PERFORM etl.load_suite(format('{"name": "scans", "expectations": [%s]}', array_to_string(expectations, ', ')),
                           replace => true);
    SELECT string_agg(coalesce(v.unexpected_count::text, '-'), ' ') INTO failing
    FROM etl.validate('reading', 'scans', result_format => result_format) AS v;
    RETURN concat_ws(': ', failing, pg_stat_get_xact_numscans('reading'::regclass) - before);
END
$$;
CREATE FUNCTION pg_temp.rule(type text, kwargs text) RETURNS text LANGUAGE sql AS $$
    SELECT format('{"type": "expect_column_%s", "kwargs": {%s}}', type, kwargs)
$$;
SELECT is(pg_temp.scans('SUMMARY', pg_temp.rule('values_to_be_between', '"column": "id", "min_value": 1')), '0: 1',
          'no row fails');
SELECT is(pg_temp.scans('SUMMARY', pg_temp.rule('values_to_be_between', '"column": "id", "min_value": 2')), '1: 1',
          'the first row fails');
SELECT is(pg_temp.scans('SUMMARY', pg_temp.rule('values_to_be_between', '"column": "id", "max_value": 1999')), '1: 1',
          'the last row fails');
SELECT is(pg_temp.scans('SUMMARY', pg_temp.rule('values_to_be_between', '"column": "id", "min_value": 2'),
                        pg_temp.rule('values_to_match_regex', '"column": "t", "regex": "^t"'),
                        pg_temp.rule('mean_to_be_between', '"column": "n", "min_value": 1'),
                        pg_temp.rule('median_to_be_between', '"column": "n", "min_value": 1'),
                        pg_temp.rule('values_to_be_unique', '"column": "id"')), '1 0 - - 0: 1',
          'whatever is asked for');
SELECT is(pg_temp.scans('SUMMARY', pg_temp.rule('values_to_be_unique', '"column": "t"')), '2000: 2',
          'values that repeat take a second scan');
SELECT is(pg_temp.scans('SUMMARY', pg_temp.rule('values_to_be_unique', '"column": "t"'),
                        pg_temp.rule('values_to_be_unique', '"column": "n"'),
                        pg_temp.rule('value_z_scores_to_be_less_than',
                                     '"column": "n", "threshold": 1.7, "double_sided": true')), '2000 2000 36: 2',
          'one for all of them');
SELECT is(pg_temp.scans('BOOLEAN_ONLY', pg_temp.rule('values_to_be_unique', '"column": "t"')), '-: 1',
          'which is left out where no row is listed');
SELECT is(pg_temp.scans('SUMMARY', pg_temp.rule('values_to_be_increasing', '"column": "id", "order_by": "id"'),
                        pg_temp.rule('values_to_be_increasing', '"column": "n", "order_by": "id"'),
                        pg_temp.rule('values_to_be_between', '"column": "id", "min_value": 1')), '0 2 0: 2',
          'an order takes one more, for all orders');
SELECT is(pg_temp.scans('SUMMARY', pg_temp.rule('values_to_be_increasing', '"column": "n", "order_by": "id"')), '2: 1',
          'and one alone where nothing else is asked for');
ALTER TABLE reading ADD gone int;
ALTER TABLE reading DROP gone;
SELECT is(pg_temp.scans('SUMMARY', pg_temp.rule('values_to_be_between', '"column": "id", "min_value": 2')), '1: 1',
          'a table with a dropped column');

-- Workers read for a leader that only gathers: a run with the role locked is as parallel as any query.
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL parallel_leader_participation = off;
CREATE TEMP TABLE read_before AS SELECT pg_stat_get_xact_tuples_returned('reading'::regclass) AS rows;
SELECT pg_temp.scans('SUMMARY', pg_temp.rule('values_to_be_between', '"column": "id", "min_value": 2')) \g /dev/null
SELECT is(pg_stat_get_xact_tuples_returned('reading'::regclass), rows, 'workers read the table') FROM read_before;

SELECT * FROM finish();
ROLLBACK;
