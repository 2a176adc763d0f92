-- etl.quarantine loses nothing: foreign keys, children with more columns, triggers that hold rows back; and nobody
-- applies another role's rules. etl.violations follows tables and suites that change under a running expression.
BEGIN;
SELECT plan(21);
SET LOCAL client_min_messages = error;

CREATE FUNCTION rule(suite text) RETURNS text LANGUAGE sql AS $$
    SELECT etl.load_suite(format('{"name": "%s", "expectations": [{"type": "expect_column_values_to_be_between",
                                  "kwargs": {"column": "id", "min_value": 0}}]}', suite))
$$;
SELECT is(rule('positive'), 'positive', 'a suite');

-- Foreign keys --------------------------------------------------------------------------------------------------------

CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent ON DELETE CASCADE, v text);
INSERT INTO parent VALUES (-5), (-6), (1);
INSERT INTO child VALUES (-5, 'kept'), (1, 'x');
SELECT throws_ok($$SELECT etl.quarantine('parent', 'positive')$$, '23503',
                 'broken rows in table "public.parent" are referenced from table "public.child"',
                 'rows of other tables are not deleted by a cascade');
SELECT is((SELECT count(*) FROM parent), 3::bigint, 'and nothing has moved');
DELETE FROM child WHERE id = -5;
SELECT is(etl.quarantine('parent', 'positive'), 2::bigint, 'rows that nobody refers to are taken out');
SELECT results_eq('SELECT relation, "row" FROM etl.quarantined_rows ORDER BY quarantine_id',
                  $$VALUES ('public.parent'::text, '{"id": -5}'::jsonb), ('public.parent', '{"id": -6}')$$,
                  'the table is known by its name');

ALTER TABLE child DROP CONSTRAINT child_id_fkey, ADD FOREIGN KEY (id) REFERENCES parent ON DELETE SET NULL;
INSERT INTO parent VALUES (-7);
INSERT INTO child VALUES (-7, 'kept');
SELECT throws_ok($$SELECT etl.quarantine('parent', 'positive')$$, '23503', NULL, 'nor set to NULL');
SELECT is((SELECT id FROM child WHERE v = 'kept'), -7, 'the reference stands');

-- Children with more columns ------------------------------------------------------------------------------------------

CREATE TABLE short (id int);
CREATE TABLE long (extra text) INHERITS (short);
INSERT INTO long VALUES (-1, 'precious');
SELECT throws_like($$SELECT etl.quarantine('short', 'positive')$$, '%column "extra", which its parent lacks',
                   'a child''s own columns are not lost');
SELECT is((SELECT extra FROM long), 'precious', 'they are still there');
SELECT is(etl.quarantine('long', 'positive'), 1::bigint, 'the child itself can be named');

-- Held back -----------------------------------------------------------------------------------------------------------

CREATE TABLE guarded (id int);
INSERT INTO guarded VALUES (-1), (-2);
CREATE FUNCTION keep_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE WHEN old.id <> -2 THEN old END;
END
$$;
CREATE TRIGGER keep_two BEFORE DELETE ON guarded FOR EACH ROW EXECUTE FUNCTION keep_two();
SELECT is(etl.quarantine('guarded', 'positive'), 1::bigint, 'a trigger holds one of two rows back');
SELECT results_eq('SELECT id FROM guarded', 'VALUES (-2)', 'it stays where it was');
SELECT is((SELECT count(*) FROM etl.quarantined_rows WHERE relation = 'public.guarded'), 1::bigint,
          'and is not recorded as taken out');

-- Another role's rules ------------------------------------------------------------------------------------------------

CREATE ROLE regress_validate_bob;
GRANT EXECUTE ON FUNCTION rule(text) TO regress_validate_bob;
SET LOCAL ROLE regress_validate_bob;
SELECT is(rule('bobs'), 'bobs', 'another role''s suite');
RESET ROLE;
SELECT throws_ok($$SELECT etl.quarantine('guarded', 'bobs')$$, '42501',
                 'suite "bobs" belongs to role "regress_validate_bob"',
                 'is not applied, not even by a superuser');
SELECT throws_ok($$SELECT * FROM etl.validate('guarded', 'bobs')$$, '42501', NULL, 'nor in etl.validate');
SELECT throws_ok($$SELECT etl.violations('bobs', guarded.*) FROM guarded$$, '42501', NULL, 'nor in etl.violations');
SELECT throws_ok($$SELECT etl.load_suite('{"name": "bobs", "expectations": []}', replace => true)$$, '42501', NULL,
                 'and is not replaced under its owner''s name');
SELECT lives_ok($$SELECT etl.drop_suite('bobs')$$, 'a superuser may drop it');

-- What changes under a running expression -------------------------------------------------------------------------------

CREATE TABLE shape (a int, b text);
SELECT lives_ok($outer$DO $$
DECLARE
    r shape;
    said text[];
BEGIN
    PERFORM etl.load_suite('{"name": "shape", "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}},
        {"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "b", "value": 3}}]}');
    FOR round IN 1 .. 3 LOOP
        r := NULL;
        r.a := 1;
        r.b := 'xx';
        said[round] := array_to_string(etl.violations('shape', r), ',');
        IF round = 1 THEN
            EXECUTE (SELECT 'ALTER TABLE shape ' || string_agg(format('ADD c%s int', i), ', ')
                     FROM generate_series(1, 900) AS i);
        ELSE
            PERFORM etl.load_suite('{"name": "shape", "expectations": [
                {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}}]}', replace => true);
        END IF;
    END LOOP;
    CREATE TEMPORARY TABLE said_in_rounds ON COMMIT DROP AS SELECT said;
END
$$$outer$, 'a table gets 900 columns, and a suite loses a rule, between two calls');
SELECT is((SELECT said FROM said_in_rounds),
          ARRAY['expect_column_value_lengths_to_equal(b)', 'expect_column_value_lengths_to_equal(b)', ''],
          'each call sees both as they are');

SELECT * FROM finish();
ROLLBACK;
