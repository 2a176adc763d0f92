-- Failing rows of partitioned tables: where they lie, whoever may read what.
BEGIN;
SELECT plan(8);

CREATE TABLE sale (id int, n int) PARTITION BY RANGE (id);
CREATE TABLE sale_1 PARTITION OF sale FOR VALUES FROM (1) TO (11);
CREATE TABLE sale_2 (n int, gone text, id int);
ALTER TABLE sale_2 DROP COLUMN gone;
ALTER TABLE sale ATTACH PARTITION sale_2 FOR VALUES FROM (11) TO (21);
INSERT INTO sale SELECT i, i % 10 FROM generate_series(1, 20) AS i;
SELECT etl.load_suite('{"name": "parts", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "n", "max_value": 7,
        "result_format": {"result_format": "COMPLETE", "include_unexpected_rows": true}}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "n", "row_condition": "n = 9",
        "condition_parser": "sql"}}]}') \g /dev/null

SELECT results_eq($$SELECT failing_keys FROM etl.validate('sale', 'parts')$$, $$VALUES
    ('[{"table": "public.sale_1", "ctid": "(0,8)"}, {"table": "public.sale_1", "ctid": "(0,9)"},
       {"table": "public.sale_2", "ctid": "(0,8)"}, {"table": "public.sale_2", "ctid": "(0,9)"}]'::jsonb),
    ('[{"table": "public.sale_1", "ctid": "(0,9)"}, {"table": "public.sale_2", "ctid": "(0,9)"}]')$$,
    'a place is one in a partition');
SELECT results_eq($$SELECT failing_keys FROM etl.validate('sale', 'parts', key_columns => '{id}')$$, $$VALUES
    ('[{"id": 8}, {"id": 9}, {"id": 18}, {"id": 19}]'::jsonb), ('[{"id": 9}, {"id": 19}]')$$,
    'keys are those of the row, in the order in which rows fail');
SELECT is(etl.validate_json('sale', 'parts') #> '{results,0,result,unexpected_rows}',
          '[{"id": 8, "n": 8}, {"id": 9, "n": 9}, {"id": 18, "n": 8}, {"id": 19, "n": 9}]', 'whole rows');

-- The rows of a child are shown as the parent has them.
CREATE TABLE base (id int, n int);
CREATE TABLE child (more text) INHERITS (base);
INSERT INTO child VALUES (1, 9, 'x');
SELECT is(etl.validate_json('base', 'parts') #> '{results,0,result,unexpected_rows}', '[{"id": 1, "n": 9}]',
          'a row of a child');
SELECT is((SELECT failing_keys FROM etl.validate('base', 'parts') LIMIT 1),
          '[{"table": "public.child", "ctid": "(0,1)"}]', 'and its place');

-- Rights on the parent are enough, and row security of a partition hides nothing that the parent shows.
CREATE ROLE etl_test_part_reader;
GRANT SELECT ON sale TO etl_test_part_reader;
SET LOCAL ROLE etl_test_part_reader;
SELECT etl.load_suite('{"name": "mine", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "n", "max_value": 8}}]}') \g /dev/null
SELECT is((SELECT failing_keys FROM etl.validate('sale', 'mine', key_columns => '{id}')), '[{"id": 9}, {"id": 19}]',
          'no rights on the partitions');
RESET ROLE;
GRANT SELECT ON sale_1, sale_2 TO etl_test_part_reader;
ALTER TABLE sale_2 ENABLE ROW LEVEL SECURITY;
SET LOCAL ROLE etl_test_part_reader;
SELECT is((SELECT failing_keys FROM etl.validate('sale', 'mine', key_columns => '{id}')), '[{"id": 9}, {"id": 19}]',
          'a partition that hides its rows');
SELECT is((SELECT failing_keys -> 1 FROM etl.validate('sale', 'mine')), '{"table": "public.sale_2", "ctid": "(0,9)"}',
          'and their places');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
