-- Validation: how suites, etl.validate, etl.violations, etl.quarantine and states are called, and what they refuse.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

CREATE TABLE sale (
    id     text,
    wallet text,
    price  numeric(10,2),
    status text,
    bought timestamptz,
    moved  timestamptz
);
INSERT INTO sale VALUES
    ('s1', '0xab', 10,   'completed', '2025-03-01 10:00', '2025-03-02 10:00'),
    ('s2', '0xZZ', -5,   'completed', '2025-03-01 11:00', NULL),
    ('s3', NULL,   NULL, 'unknown',   '2025-03-01 12:00', '2025-03-01 09:00'),
    ('s1', '0xcd', 7,    'pending',   '2025-03-01 13:00', NULL);

-- A suite is a Great Expectations document
SELECT etl.load_suite('{
    "name": "sales",
    "expectations": [
        {"type": "expect_column_values_to_be_unique",    "kwargs": {"column": "id"}},
        {"type": "expect_column_values_to_not_be_null",  "kwargs": {"column": "wallet"}},
        {"type": "expect_column_values_to_match_regex",  "kwargs": {"column": "wallet", "regex": "^0x[0-9a-f]+$"}},
        {"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "wallet", "value": 4}},
        {"type": "expect_column_values_to_be_between",   "kwargs": {"column": "price", "min_value": 0, "mostly": 0.6}},
        {"type": "expect_column_values_to_be_in_set",
         "kwargs": {"column": "status", "value_set": ["completed", "pending"]}},
        {"type": "expect_column_pair_values_a_to_be_greater_than_b",
         "kwargs": {"column_A": "moved", "column_B": "bought", "ignore_row_if": "either_value_is_missing"}}
    ],
    "meta": {"great_expectations_version": "1.3.0"}}');
SELECT etl.load_suite('{
    "expectation_suite_name": "wallets",
    "expectations": [
        {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "wallet"}}
    ]}', name => 'older');
SELECT suite, expectations FROM etl.suites ORDER BY suite COLLATE "C";
SELECT document FROM etl.suites WHERE suite = 'older';
SELECT suite, number, expectation, columns, row_level FROM etl.expectations ORDER BY suite COLLATE "C", number;

-- Validate
SELECT expectation, success, element_count AS rows, missing_count AS missing, unexpected_count AS unexpected,
       unexpected_percent AS percent, partial_unexpected_list
FROM etl.validate('sale', 'sales');
SELECT expectation, kwargs, success FROM etl.validate('sale', 'sales', where_sql => $$status = 'completed'$$);

-- Row by row
SELECT id, etl.violations('sales', s.*) FROM sale AS s;
SELECT id FROM sale AS s WHERE etl.violations('sales', s.*) = '{}';

-- Quarantine
SELECT etl.quarantine('sale', 'sales');
SELECT relation, suite, "row", reasons FROM etl.quarantined_rows;
SELECT * FROM sale;
DELETE FROM etl.quarantined_rows;

-- States: kept by day, merged later
CREATE TABLE daily AS
SELECT date_trunc('day', bought) AS day,
       etl.validation_state((SELECT document FROM etl.suites WHERE suite = 'older'), '{wallet}', wallet) AS state
FROM (SELECT wallet, bought FROM sale UNION ALL VALUES (NULL, timestamptz '2025-03-02 08:00')) AS s
GROUP BY 1;
SELECT day, r.expectation, r.success, r.element_count, r.unexpected_count
FROM daily, etl.report(state) AS r ORDER BY day;
SELECT r.* FROM (SELECT etl.merge(state) AS state FROM daily) AS month, etl.report(month.state) AS r;

-- What is refused
\set SHOW_CONTEXT never
SELECT etl.load_suite(NULL);
SELECT etl.load_suite('expectations: []');
SELECT etl.load_suite('{"name": "x"}');
SELECT etl.load_suite('{"expectations": []}');
SELECT etl.load_suite('{"expectations": []}', ' x');
SELECT etl.load_suite('{"expectations": []}', 'sales');
SELECT etl.load_suite('{"name": "x", "expectations": [{"kwargs": {"column": "c"}}]}');
SELECT etl.load_suite('{"name": "x", "expectations": [
    {"type": "expect_column_values_to_be_nice", "kwargs": {"column": "c"}}]}');
SELECT etl.load_suite('{"name": "x", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "c", "min": 1}}]}');
SELECT etl.load_suite('{"name": "x", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "c"}}]}');
SELECT etl.load_suite('{"name": "x", "expectations": [
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "c"}}]}');
SELECT etl.load_suite('{"name": "x", "expectations": [
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "c", "value_set": "a"}}]}');
SELECT etl.load_suite('{"name": "x", "expectations": [
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "c", "mostly": 95}}]}');
SELECT etl.load_suite('{"name": "x", "expectations": [
    {"type": "expect_column_pair_values_a_to_be_greater_than_b",
     "kwargs": {"column_A": "a", "column_B": "b", "ignore_row_if": "sometimes"}}]}');
SELECT etl.drop_suite('none');
SELECT etl.drop_suite('none', if_exists => true);

CREATE VIEW sale_view AS TABLE sale;
SELECT * FROM etl.validate('no_such_table', 'sales');
SELECT * FROM etl.validate('sale_view', 'sales');
SELECT * FROM etl.validate('sale', 'none');
SELECT success, exception FROM etl.validate('daily', 'sales') LIMIT 2;
SELECT etl.quarantine('daily', 'sales');
SELECT etl.quarantine('sale_view', 'sales');
SELECT etl.violations('none', s.*) FROM sale AS s;
SELECT etl.violations('sales', ROW(1));

-- Expectations that do not fit the table
SELECT etl.load_suite('{"name": "faulty", "expectations": [
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "price", "regex": "1"}}]}') \g /dev/null
SELECT success, exception FROM etl.validate('sale', 'faulty');
SELECT etl.load_suite('{"name": "faulty", "expectations": [
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "id", "regex": "("}}]}',
    replace => true) \g /dev/null
SELECT success, exception FROM etl.validate('sale', 'faulty');
SELECT etl.load_suite('{"name": "faulty", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": 9, "max_value": 1}}]}',
    replace => true) \g /dev/null
SELECT success, exception FROM etl.validate('sale', 'faulty');
SELECT etl.load_suite('{"name": "faulty", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": "cheap"}}]}',
    replace => true) \g /dev/null
SELECT success, exception FROM etl.validate('sale', 'faulty');

-- States that do not belong together, and what is none
SELECT etl.merge(state) FROM (
    SELECT state FROM daily
    UNION ALL
    SELECT etl.validation_state('{"expectations": []}', '{id}', id) FROM sale) AS s;
SELECT '\x00'::etl.validation_state;

-- Another role
CREATE ROLE regress_etl_validate;
SET ROLE regress_etl_validate;
SELECT count(*) FROM etl.suites;
SELECT etl.load_suite('{"expectations": []}', 'sales', replace => true);
SELECT etl.load_suite('{"expectations": []}', 'mine');
SELECT * FROM etl.validate('sale', 'mine');
SELECT etl.quarantine('sale', 'mine');
SELECT etl.drop_suite('sales');
RESET ROLE;

SELECT etl.drop_suite(suite) FROM etl.suites \g /dev/null
DROP VIEW sale_view;
DROP TABLE sale, daily;
DROP ROLE regress_etl_validate;
