-- A superuser who validates as another role: nothing that the role's suites, tables or types bring along becomes the
-- superuser again.
BEGIN;
SELECT plan(13);

CREATE ROLE etl_test_climber;
CREATE SCHEMA climber AUTHORIZATION etl_test_climber;
SET LOCAL ROLE etl_test_climber;
CREATE FUNCTION climber.climb() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.set_config('role', 'none', false);
    EXECUTE 'ALTER ROLE etl_test_climber SUPERUSER';
    RETURN true;
END
$$;
CREATE TABLE climber.item (id int PRIMARY KEY, n int);
INSERT INTO climber.item SELECT i, i FROM generate_series(1, 3) AS i;
CREATE FUNCTION pg_temp.load(expectations text) RETURNS text LANGUAGE sql AS $$
    SELECT etl.load_suite(format('{"name": "climb", "expectations": [%s]}', expectations), replace => true)
$$;
CREATE FUNCTION pg_temp.faults(target regclass DEFAULT 'climber.item') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT v.exception FROM etl.validate(target, 'climb') AS v
$$;
\set refused '''cannot set parameter "role" within security-definer function'''
\set refused_in_quotes '''^cannot set parameter "role" within security-definer function'''

-- What suites hold ----------------------------------------------------------------------------------------------------

SELECT pg_temp.load('{"type": "expect_row_condition", "kwargs": {"condition": "climber.climb()"}}') \g /dev/null
SELECT is(pg_temp.faults(), :refused, 'a condition that rows are tested with');
SELECT pg_temp.load('{"type": "expect_column_values_to_not_be_null", "kwargs":
    {"column": "id", "row_condition": "climber.climb()", "condition_parser": "sql"}}') \g /dev/null
SELECT is(pg_temp.faults(), :refused, 'a row_condition');
SELECT pg_temp.load('{"type": "expect_column_values_to_be_increasing", "kwargs":
    {"column": "id", "row_condition": "climber.climb()", "condition_parser": "sql"}}') \g /dev/null
SELECT is(pg_temp.faults(), :refused, 'a row_condition of what looks at the order of rows');
SELECT pg_temp.load('{"type": "unexpected_rows_expectation", "kwargs":
    {"unexpected_rows_query": "SELECT climber.climb() FROM {batch}"}}') \g /dev/null
SELECT is(pg_temp.faults(), :refused, 'a query');

-- What tables and types hold ------------------------------------------------------------------------------------------

CREATE VIEW climber.counted AS SELECT 1 AS one WHERE climber.climb();
SELECT pg_temp.load('{"type": "expect_table_row_count_to_equal_other_table", "kwargs":
    {"other_table_name": "counted"}}') \g /dev/null
SELECT is(pg_temp.faults(), :refused, 'another table, which is a view');

CREATE DOMAIN climber.checked AS int CHECK (VALUE < 10 OR climber.climb());
CREATE TABLE climber.checks (c climber.checked);
SELECT pg_temp.load('{"type": "expect_column_values_to_be_in_set", "kwargs":
    {"column": "c", "value_set": [11]}}') \g /dev/null
SELECT lives_ok($$SELECT pg_temp.faults('climber.checks')$$, 'a value of a domain');

CREATE TABLE climber.guarded (id int);
ALTER TABLE climber.guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE climber.guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY climbing ON climber.guarded USING (climber.climb());
INSERT INTO climber.item VALUES (4, 4);
RESET ROLE;
ALTER TABLE climber.guarded NO FORCE ROW LEVEL SECURITY;
INSERT INTO climber.guarded VALUES (1);
ALTER TABLE climber.guarded FORCE ROW LEVEL SECURITY;
SET LOCAL ROLE etl_test_climber;
SELECT pg_temp.load('{"type": "expect_column_values_to_be_null", "kwargs": {"column": "id"}}') \g /dev/null
SELECT throws_ok($$SELECT pg_temp.faults('climber.guarded')$$, NULL, :refused, 'a policy');
SELECT throws_ok($$SELECT * FROM etl.profile('climber.guarded')$$, NULL, :refused, 'a policy, in a profile');
SELECT throws_ok($$SELECT * FROM etl.validate_query('SELECT id FROM climber.guarded', 'climb')$$, NULL, :refused,
                 'a policy below a query');

-- What else rows are listed with --------------------------------------------------------------------------------------

CREATE TYPE climber.mood AS ENUM ('calm');
CREATE FUNCTION climber.mood_json(climber.mood) RETURNS json LANGUAGE sql AS $$SELECT to_json(climber.climb())$$;
CREATE CAST (climber.mood AS json) WITH FUNCTION climber.mood_json(climber.mood);
CREATE TABLE climber.moods (m climber.mood, n int);
INSERT INTO climber.moods VALUES ('calm', 1);
SELECT pg_temp.load('{"type": "expect_column_values_to_be_null", "kwargs": {"column": "n",
    "result_format": {"result_format": "COMPLETE", "include_unexpected_rows": true}}}') \g /dev/null
SELECT throws_matching($$SELECT etl.validate_json('climber.moods', 'climb')$$, :refused_in_quotes, 'whole rows');
SELECT throws_matching($$SELECT * FROM etl.validate('climber.moods', 'climb', key_columns => '{m}')$$,
                       :refused_in_quotes, 'keys');

-- After all that ------------------------------------------------------------------------------------------------------

SELECT is(current_user, 'etl_test_climber', 'the role is the same');
RESET ROLE;
SELECT ok(NOT rolsuper, 'and no superuser') FROM pg_roles WHERE rolname = 'etl_test_climber';

SELECT * FROM finish();
ROLLBACK;
