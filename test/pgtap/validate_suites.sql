-- Suites: loading, replacing and dropping them, the views, and what roles see of each other's suites and rows.
BEGIN;
SELECT plan(46);
SET LOCAL client_min_messages = warning;

CREATE FUNCTION suite(column_name text, more text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('{%s "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "%s"}}]}',
                  more, column_name)
$$;

-- Load, replace, drop -------------------------------------------------------------------------------------------------

SELECT is(etl.load_suite(suite('a', '"name": "first",')), 'first', 'a suite is stored under its own name');
SELECT is(etl.load_suite(suite('a', '"expectation_suite_name": "older",')), 'older', 'also one of 0.x');
SELECT is(etl.load_suite(suite('a', '"name": "first",'), 'second'), 'second', 'or under the given one');
SELECT is(etl.load_suite(suite('a'), 'a "quoted" näme'), 'a "quoted" näme', 'of any characters');
SELECT throws_ok('SELECT etl.load_suite(suite(''a''))', '22023', 'the suite has no name', 'a suite without a name');
SELECT throws_ok('SELECT etl.load_suite(NULL)', '22023', 'no suite document was given', 'no document');
SELECT throws_ok('SELECT etl.load_suite(''[]'', ''x'')', '22023',
                 'a suite must be a JSON object with an array "expectations"', 'no suite document');
SELECT throws_ok(format('SELECT etl.load_suite(suite(''a''), %L)', n), '22023',
                 format('the name of the suite is not a valid name: "%s"', n), 'a name that is none')
FROM unnest(ARRAY[' x', E'a\nb', repeat('x', 64)]) AS n;
SELECT throws_ok($$SELECT etl.load_suite(suite('b'), 'first')$$, '42710', 'suite "first" already exists',
                 'a name in use');
SELECT throws_ok($$SELECT etl.load_suite(suite('b'), 'first', replace => NULL)$$, '22023',
                 'replace must not be NULL', 'NULL does not replace');
SELECT results_eq('SELECT columns FROM etl.expectations WHERE suite = ''first''', $$VALUES ('{a}'::text[])$$,
                  'the stored suite stays what it was');
SELECT is(etl.load_suite(suite('b'), 'first', replace => true), 'first', 'unless it is to be replaced');
SELECT is(etl.load_suite(suite('b'), 'new', replace => true), 'new', 'a new one may say so as well');
SELECT results_eq('SELECT columns FROM etl.expectations WHERE suite = ''first''', $$VALUES ('{b}'::text[])$$,
                  'the new document is the stored one');
SELECT lives_ok($$SELECT etl.drop_suite('new')$$, 'a suite is dropped');
SELECT throws_ok($$SELECT etl.drop_suite('new')$$, '42704', 'suite "new" does not exist', 'once');
SELECT lives_ok($$SELECT etl.drop_suite('new', if_exists => true)$$, 'or as often as one likes');
SELECT throws_ok($$SELECT etl.drop_suite(NULL)$$, '42704', 'no suite was given', 'no name');
SELECT bag_eq('SELECT suite FROM etl.suites', $$VALUES ('first'), ('older'), ('second'), ('a "quoted" näme')$$,
              'etl.suites');

-- The document and the views ------------------------------------------------------------------------------------------

SELECT etl.load_suite($${"expectation_suite_name": "full", "meta": {"great_expectations_version": "0.18.21", "n": 1e2},
    "expectations": [
        {"expectation_type": "expect_column_values_to_be_between",
         "kwargs": {"column": "p", "min_value": 0.10, "mostly": 1}, "meta": {"notes": "é"}},
        {"expectation_type": "expect_column_pair_values_A_to_be_greater_than_B",
         "kwargs": {"column_A": "x", "column_B": "y"}},
        {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "p"}}]}$$) \g /dev/null
SELECT is((SELECT document::jsonb FROM etl.suites WHERE suite = 'full'),
          '{"name": "full", "meta": {"great_expectations_version": "0.18.21", "n": 100.0},
            "expectations": [
                {"type": "expect_column_values_to_be_between", "kwargs": {"column": "p", "min_value": 0.1, "mostly": 1},
                 "meta": {"notes": "é"}},
                {"type": "expect_column_pair_values_a_to_be_greater_than_b",
                 "kwargs": {"column_A": "x", "column_B": "y"}},
                {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "p"}}]}'::jsonb,
          'the stored document has the shape of 1.x and keeps what else there is');
SELECT results_eq($$SELECT number, expectation, columns, kwargs, row_level, owner FROM etl.expectations
                    WHERE suite = 'full' ORDER BY number$$,
                  $$VALUES (1::bigint, 'expect_column_values_to_be_between', '{p}'::text[],
                            '{"column": "p", "min_value": 0.1, "mostly": 1}'::jsonb, true, current_user),
                           (2, 'expect_column_pair_values_a_to_be_greater_than_b', '{x,y}',
                            '{"column_A": "x", "column_B": "y"}', true, current_user),
                           (3, 'expect_column_values_to_be_unique', '{p}', '{"column": "p"}', false, current_user)$$,
                  'etl.expectations');
SELECT results_eq($$SELECT expectations, loaded_at, owner FROM etl.suites WHERE suite = 'full'$$,
                  'VALUES (3::bigint, now(), current_user)', 'etl.suites counts them');
SELECT lives_ok($$SELECT etl.load_suite(document, 'copy') FROM etl.suites WHERE suite = 'full'$$,
                'a stored document loads again');
SELECT results_eq($$SELECT expectation, kwargs FROM etl.expectations WHERE suite = 'copy'$$,
                  $$SELECT expectation, kwargs FROM etl.expectations WHERE suite = 'full'$$, 'as the same');
SELECT throws_ok($$SELECT etl.load_suite(E'{"name": "z", "expectations": [
                     {"type": "expect_column_values_to_match_regex",
                      "kwargs": {"column": "c", "regex": "a\\u0000"}}]}')$$, '22023',
                 'a suite must not hold the character \u0000', 'no text holds this character');

-- Two roles -----------------------------------------------------------------------------------------------------------

CREATE ROLE etl_validate_ann;
CREATE ROLE etl_validate_bob;
CREATE TABLE shared (a int, owner name);
INSERT INTO shared VALUES (1, 'etl_validate_ann'), (NULL, 'etl_validate_ann'), (NULL, 'etl_validate_bob'),
                          (NULL, 'etl_validate_bob');
SET ROLE etl_validate_ann;
SELECT is(etl.load_suite('{"name": "hers", "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}}]}'),
          'hers', 'any role may load a suite');
SELECT throws_ok($$SELECT * FROM etl.validate('public.shared', 'hers')$$, '42501',
                 'permission denied for table "public.shared"', 'and validates what it may read');
RESET ROLE;
GRANT SELECT ON shared TO etl_validate_ann, etl_validate_bob;
SET ROLE etl_validate_ann;
SELECT results_eq($$SELECT element_count, unexpected_count FROM etl.validate('public.shared', 'hers')$$,
                  'VALUES (4::bigint, 3::bigint)', 'with SELECT it may');
SELECT results_eq('SELECT suite FROM etl.suites', $$VALUES ('hers')$$, 'and sees its own suites only');
SELECT results_eq('SELECT DISTINCT suite FROM etl.expectations', $$VALUES ('hers')$$, 'as well as their expectations');
SET ROLE etl_validate_bob;
SELECT throws_ok($$SELECT * FROM etl.validate('public.shared', 'hers')$$, '42704', 'suite "hers" does not exist',
                 'another role does not find it');
SELECT throws_ok($$SELECT etl.violations('hers', ROW(1))$$, '42704', 'suite "hers" does not exist', 'nor for a row');
SELECT throws_ok($$SELECT etl.drop_suite('hers')$$, '42704', 'suite "hers" does not exist', 'nor to drop it');
SELECT throws_ok($$SELECT etl.load_suite('{"expectations": []}', 'hers')$$, '42710', NULL, 'but the name is taken');
SELECT throws_ok($$SELECT etl.load_suite('{"expectations": []}', 'hers', replace => true)$$, '42710',
                 'suite "hers" already exists and belongs to another role', 'and not replaced');
SELECT throws_ok($$INSERT INTO etl.suite (name, document, owner) VALUES ('x', '{}', 'etl_validate_ann')$$, '42501',
                 NULL,
                 'nobody stores a suite for another role');
RESET ROLE;
SELECT is((SELECT owner FROM etl.suites WHERE suite = 'hers'), 'etl_validate_ann', 'a superuser sees all suites');

-- Row security on the table: a role validates the rows that it sees.
ALTER TABLE shared ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON shared USING (owner = current_user);
SET ROLE etl_validate_ann;
SELECT results_eq($$SELECT element_count, unexpected_count FROM etl.validate('public.shared', 'hers')$$,
                  'VALUES (2::bigint, 1::bigint)', 'row security holds in a validation');
RESET ROLE;

-- The privilege on a partitioned table is enough for its partitions, also to look up values that are not unique.
CREATE TABLE parted (a int, owner name DEFAULT current_user) PARTITION BY LIST (owner);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
INSERT INTO parted VALUES (1), (1), (2);
GRANT SELECT ON parted TO etl_validate_ann;
SET ROLE etl_validate_ann;
SELECT etl.load_suite('{"expectations": [
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}}]}', 'unique') \g /dev/null
SELECT results_eq($$SELECT unexpected_count, partial_unexpected_list FROM etl.validate('public.parted', 'unique')$$,
                  $$VALUES (2::bigint, '[1, 1]'::jsonb)$$,
                  'the privilege on a partitioned table is that of the parent');
RESET ROLE;

-- Where PostgreSQL itself refuses what a suite says, the context names the expectation.
CREATE TABLE refused (price numeric, wallet text);
INSERT INTO refused VALUES (1, 'a');
CREATE FUNCTION exception_of(expectation text, kwargs text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.load_suite(format('{"name": "refused", "expectations": [{"type": "%s", "kwargs": %s}]}', expectation,
                                  kwargs), replace => true);
    RETURN (SELECT v.exception FROM etl.validate('refused', 'refused') AS v WHERE NOT v.success);
END
$$;
SELECT is(exception_of('expect_column_values_to_be_between', '{"column": "price", "min_value": "cheap"}'),
          'invalid input syntax for type numeric: "cheap"', 'a literal');
SELECT is(exception_of('expect_column_values_to_match_regex', '{"column": "wallet", "regex": "^(a"}'),
          'invalid regular expression: parentheses () not balanced', 'a pattern');

-- What is no suite is not stored, not even past etl.load_suite.
SELECT throws_ok($$INSERT INTO etl.suite (name, document) VALUES ('garbage', 'x')$$, '22023', NULL, 'no JSON');
SELECT throws_ok($$INSERT INTO etl.suite (name, document) VALUES ('garbage', '{"expectations": [{}]}')$$, '22023', NULL,
                 'no expectation');
SELECT throws_ok($$SELECT etl.drop_suite('first', if_exists => NULL)$$, '22023', 'if_exists must not be NULL',
                 'NULL is neither true nor false');

SELECT * FROM finish();
ROLLBACK;
