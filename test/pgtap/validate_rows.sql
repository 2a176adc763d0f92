-- etl.violations and etl.quarantine: one row at a time.
BEGIN;
SELECT plan(48);
SET LOCAL timezone = 'UTC';

SELECT etl.load_suite('{"name": "sale", "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "wallet"}},
    {"type": "expect_column_values_to_match_regex",
     "kwargs": {"column": "wallet", "regex": "^0x[0-9a-f]+$", "mostly": 0.1}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": 0}},
    {"type": "expect_column_pair_values_a_to_be_greater_than_b",
     "kwargs": {"column_A": "moved", "column_B": "bought", "ignore_row_if": "either_value_is_missing"}}]}') \g /dev/null
CREATE TABLE sale (gone int, wallet text, price numeric(10,2), bought date, moved date);
ALTER TABLE sale DROP COLUMN gone;
INSERT INTO sale VALUES
    ('0xab', 1, '2025-01-01', '2025-01-02'), (NULL, NULL, NULL, NULL), ('nix', -1, '2025-01-01', '2025-01-01'),
    ('0xcd', -0.01, NULL, '2025-01-01'), ('', 0, NULL, NULL);

-- etl.violations ------------------------------------------------------------------------------------------------------

SELECT results_eq('SELECT wallet, etl.violations(''sale'', s.*) FROM sale AS s', $$VALUES
    ('0xab', '{}'::text[]),
    (NULL, '{expect_column_values_to_not_be_null(wallet)}'),
    ('nix', '{expect_column_values_to_match_regex(wallet),expect_column_values_to_be_between(price),
              "expect_column_pair_values_a_to_be_greater_than_b(moved, bought)"}'),
    ('0xcd', '{expect_column_values_to_be_between(price)}'),
    ('', '{expect_column_values_to_match_regex(wallet)}')$$, 'the broken expectations of a row, whatever mostly says');
SELECT results_eq($$SELECT wallet FROM sale AS s WHERE etl.violations('sale', s.*) = '{}'$$, $$VALUES ('0xab')$$,
                  'in WHERE');
SELECT is((SELECT count(*) FROM sale AS s WHERE cardinality(etl.violations('sale', s)) > 0), 4::bigint,
          'a row without .*');
SELECT ok(etl.violations(NULL, ROW(1)) IS NULL, 'no suite, no answer');
SELECT ok(etl.violations('sale', NULL::sale) IS NULL, 'no row, no answer');
SELECT is(etl.violations('sale', ROW('0xab', 1, NULL, NULL)::sale), '{}', 'a row made by hand');
CREATE TABLE event (bought date, title text);
INSERT INTO event VALUES ('2025-01-01', 'a');
SELECT results_eq($$SELECT j.wallet, etl.violations('sale', j.*)
                    FROM (SELECT s.*, e.title FROM sale AS s JOIN event AS e USING (bought)) AS j ORDER BY 1$$,
                  $$VALUES ('0xab', '{}'::text[]),
                           ('nix', '{expect_column_values_to_match_regex(wallet),
                                     expect_column_values_to_be_between(price),
                                     "expect_column_pair_values_a_to_be_greater_than_b(moved, bought)"}')$$,
                  'the row of a join');
SELECT throws_ok($$SELECT etl.violations('sale', e.*) FROM event AS e$$, '42703',
                 'suite "sale" expects column "wallet", which the row does not have', 'a row without the column');
SELECT throws_ok($$SELECT etl.violations('sale', ROW('0xab', 1))$$, '42703', NULL, 'a row without names');
SELECT throws_ok($$SELECT etl.violations('none', e.*) FROM event AS e$$, '42704', 'suite "none" does not exist',
                 'an unknown suite');
SELECT throws_ok($$SELECT etl.violations('sale', t.*)
                   FROM (SELECT 1 AS wallet, 1 AS price, now() AS moved, now() AS bought) AS t$$,
                 '42804', 'expect_column_values_to_match_regex needs a column of text, but "wallet" is of type integer',
                 'a column of another type');
SELECT etl.load_suite('{"name": "price", "expectations": [
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "price"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "max_value": 0.5}}]}') \g /dev/null
SELECT results_eq($$SELECT x.suite, count(*), count(*) FILTER (WHERE etl.violations(x.suite, s.*) <> '{}')
                    FROM sale AS s, (VALUES ('sale'), ('price')) AS x (suite) GROUP BY 1 ORDER BY 1$$,
                  $$VALUES ('price', 5::bigint, 1::bigint), ('sale', 5, 4)$$,
                  'two suites by turns; uniqueness is no matter of one row');
SELECT etl.load_suite('{"expectations": []}', 'no rule') \g /dev/null
SELECT is(etl.violations('no rule', ROW(1)), '{}', 'a suite without expectations');
CREATE FUNCTION before_and_after() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text := '';
BEGIN
    FOR bound IN 1 .. 3 LOOP
        PERFORM etl.load_suite(format('{"expectations": [{"type": "expect_column_values_to_be_between",
            "kwargs": {"column": "p", "min_value": %s}}]}', bound), 'changing', replace => true);
        found := found || cardinality(etl.violations('changing', r.*)) FROM (SELECT 2 AS p) AS r;
    END LOOP;
    RETURN found;
END
$$;
SELECT is(before_and_after(), '001', 'a suite that changes within a function');
CREATE TABLE long_row (wallet text, price numeric, moved date, bought date, filler text);
INSERT INTO long_row SELECT '0x' || repeat('a', 1000000), 1, NULL, NULL, string_agg(md5(i::text), '')
                     FROM generate_series(1, 10000) AS i;
SELECT is((SELECT etl.violations('sale', l.*) FROM long_row AS l), '{}', 'values from a TOAST table');

-- As a constraint
CREATE TABLE checked (wallet text, price numeric, bought date, moved date,
                      CONSTRAINT keeps_suite CHECK (etl.violations('sale', checked.*) = '{}'));
SELECT lives_ok($$INSERT INTO checked VALUES ('0xab', 1), ('0xcd', 2)$$, 'a CHECK constraint admits right rows');
SELECT throws_ok($$INSERT INTO checked VALUES ('0xab', 1), ('0xcd', -2)$$, '23514', NULL, 'and refuses others');
SELECT throws_ok($$UPDATE checked SET wallet = 'x'$$, '23514', NULL, 'also in UPDATE');

SELECT throws_ok($$CREATE TABLE checked_parts (wallet text, price numeric, bought date, moved date,
                       CHECK (etl.violations('sale', checked_parts.*) = '{}')) PARTITION BY LIST (wallet);
                   CREATE TABLE checked_part PARTITION OF checked_parts DEFAULT$$, '0A000', NULL,
                 'PostgreSQL has no such constraint for partitions');

-- As a trigger
CREATE FUNCTION require_sale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF etl.violations('sale', NEW) <> '{}' THEN
        RAISE EXCEPTION 'broken: %', etl.violations('sale', NEW);
    END IF;
    RETURN NEW;
END
$$;
CREATE TABLE guarded (wallet text, price numeric, bought date, moved date) PARTITION BY RANGE (price);
CREATE TABLE guarded_all (moved date, wallet text, price numeric, bought date);
ALTER TABLE guarded ATTACH PARTITION guarded_all DEFAULT;
CREATE TRIGGER require_sale BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION require_sale();
SELECT lives_ok($$INSERT INTO guarded VALUES ('0xab', 1), ('0xcd', 2)$$, 'a trigger admits right rows');
SELECT throws_ok($$INSERT INTO guarded VALUES ('0xab', 1), ('0xcd', -2)$$, 'P0001',
                 'broken: {expect_column_values_to_be_between(price)}', 'and refuses others');

-- etl.quarantine ------------------------------------------------------------------------------------------------------

CREATE TABLE before AS TABLE sale;
SELECT throws_ok($$SELECT etl.quarantine('sale', 'none')$$, '42704', 'suite "none" does not exist', 'an unknown suite');
SELECT throws_ok($$SELECT etl.quarantine('event', 'sale')$$, '42703',
                 'suite "sale" expects column "wallet", which table "public.event" does not have', 'a missing column');
CREATE VIEW seen AS TABLE sale;
SELECT throws_ok($$SELECT etl.quarantine('seen', 'sale')$$, '42809', '"public.seen" is a view, not a table', 'a view');
SELECT throws_ok($$SELECT etl.quarantine(NULL, 'sale')$$, '22023', 'no table was given', 'no table');
SELECT is(etl.quarantine('sale', 'sale'), 4::bigint, 'the broken rows go');
SELECT results_eq('SELECT wallet FROM sale', $$VALUES ('0xab')$$, 'the others stay');
SELECT results_eq($$SELECT relation, suite, "row" ->> 'wallet', reasons, quarantined_at, owner FROM etl.quarantined_rows
                    ORDER BY quarantine_id$$,
                  $$SELECT 'public.sale', 'sale', wallet, etl.violations('sale', b.*), now(), current_user
                    FROM before AS b WHERE etl.violations('sale', b.*) <> '{}'$$, 'with their reasons');
SELECT results_eq('SELECT r.* FROM etl.quarantined_rows AS q, jsonb_populate_record(NULL::sale, q."row") AS r
                   ORDER BY quarantine_id',
                  $$SELECT * FROM before AS b WHERE etl.violations('sale', b.*) <> '{}'$$,
                  'and come back as they were');
SELECT is(etl.quarantine('sale', 'sale'), 0::bigint, 'a second time there is nothing to do');

SAVEPOINT before_quarantine;
UPDATE sale SET price = -5;
SELECT is(etl.quarantine('sale', 'sale'), 1::bigint, 'in a savepoint');
SELECT is((SELECT count(*) FROM etl.quarantined_rows), 5::bigint, 'a row more is in quarantine');
ROLLBACK TO before_quarantine;
SELECT results_eq('SELECT wallet, price FROM sale', $$VALUES ('0xab', 1.00)$$, 'a rollback puts it back');
SELECT is((SELECT count(*) FROM etl.quarantined_rows), 4::bigint, 'and takes it out of quarantine');

-- Uniqueness is left to etl.dedupe. (The notice is shown in sql/validate.sql.)
SET LOCAL client_min_messages = warning;
CREATE TABLE priced (price numeric);
INSERT INTO priced VALUES (0.5), (0.5), (0.6), (NULL);
SELECT is(etl.quarantine('priced', 'price'), 1::bigint, 'duplicates are no broken rows');
RESET client_min_messages;

-- Rows of every type come back as they were, whatever the settings of the session.
CREATE TYPE spot AS (x int, note text);
CREATE TABLE every_type (
    id int PRIMARY KEY, n numeric, f4 float4, f8 float8, t text, c char(4), by bytea, d date, ts timestamp,
    tz timestamptz, iv interval, b bool, u uuid, a int[], ta text[], j jsonb, s spot, r tstzrange, ip inet, wrong int,
    doubled int GENERATED ALWAYS AS (wrong * 2) STORED);
INSERT INTO every_type VALUES
    (1, 1.500, 0.1, 0.1, 'é"\', 'a', '\x00ff', '2025-02-01', '2025-02-01 10:00:00.000001', '2025-02-01 10:00+02',
     '-1 mon +2 days -03:00:00.5', true, gen_random_uuid(), '{{1,NULL},{3,4}}', '{"a,b",NULL,"NULL"}',
     '{"a": [1.10, null]}', '(1,"a b")', '[2025-02-01 10:00+00,)', '10.0.0.0/8', 1),
    (2, 'NaN', 'NaN', 1.7976931348623157e308, '', '', '', 'infinity', '-infinity', 'infinity', '0', false, NULL,
     '{}', '{}',
     '["null"]', '(,)', 'empty', '::1', 1),
    (3, 123456789012345678901234567890.000000001, '-Infinity', 4.9406564584124654e-324, NULL, NULL, NULL, NULL,
     '0044-03-15 BC', NULL, '1 year', NULL, NULL, '{NULL}', NULL, NULL, NULL, '(,)', NULL, 1);
CREATE TABLE every_type_before AS TABLE every_type;
SELECT etl.load_suite('{"name": "wrong", "expectations": [
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "wrong", "value_set": [0]}}]}') \g /dev/null
SET LOCAL extra_float_digits = -10;
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL bytea_output = 'escape';
SELECT is(etl.quarantine('every_type', 'wrong'), 3::bigint, 'rows of every type');
SET LOCAL extra_float_digits = 1;
SET LOCAL datestyle = 'German';
SET LOCAL timezone = 'UTC';
SELECT results_eq('SELECT (jsonb_populate_record(NULL::every_type, "row")).* FROM etl.quarantined_rows
                   WHERE suite = ''wrong'' ORDER BY quarantine_id',
                  'SELECT * FROM every_type_before ORDER BY id', 'and back again, generated columns included');
SELECT lives_ok($$WITH released AS (DELETE FROM etl.quarantined_rows WHERE suite = 'wrong' RETURNING "row")
                  INSERT INTO every_type (id, n, f8, tz, wrong)
                  SELECT r.id, r.n, r.f8, r.tz, 0
                  FROM released, jsonb_populate_record(NULL::every_type, released."row") AS r$$,
                'repaired rows go back');
SELECT is(etl.quarantine('every_type', 'wrong'), 0::bigint, 'and are right now');
SET LOCAL datestyle = 'ISO';

-- A partitioned table, whose partitions have their columns in another order; names that could clash with the query's.
CREATE TABLE clash (t text, "row" int, reasons int, b int, broken int) PARTITION BY LIST (t);
CREATE TABLE clash_a PARTITION OF clash FOR VALUES IN ('a');
CREATE TABLE clash_b (broken int, b int, reasons int, gone int, "row" int, t text);
ALTER TABLE clash_b DROP COLUMN gone;
ALTER TABLE clash ATTACH PARTITION clash_b DEFAULT;
INSERT INTO clash VALUES ('a', 1, 0, 0, 0), ('a', 2, 1, 1, 1), ('b', 3, 0, 0, 0), ('b', 4, 1, 1, 1);
SELECT etl.load_suite('{"name": "clash", "expectations": [
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "broken", "value_set": [0]}}]}') \g /dev/null
SELECT is(etl.quarantine('clash', 'clash'), 2::bigint, 'rows of two partitions');
SELECT results_eq($$SELECT relation, "row" FROM etl.quarantined_rows WHERE suite = 'clash' ORDER BY 2$$,
                  $$VALUES ('public.clash', '{"b": 1, "t": "a", "row": 2, "broken": 1, "reasons": 1}'::jsonb),
                           ('public.clash', '{"b": 1, "t": "b", "row": 4, "broken": 1, "reasons": 1}')$$,
                  'are rows of the table');

-- A trigger that keeps a row keeps it out of quarantine.
CREATE FUNCTION keep_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep_row BEFORE DELETE ON priced FOR EACH ROW EXECUTE FUNCTION keep_row();
INSERT INTO priced VALUES (7);
SET LOCAL client_min_messages = error;  -- etl.quarantine warns of it
SELECT is(etl.quarantine('priced', 'price'), 0::bigint, 'a row is in one place or the other');
RESET client_min_messages;

-- Roles ---------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_validate_ann;
CREATE ROLE etl_validate_bob;
CREATE TABLE shared (a int, owner name);
INSERT INTO shared VALUES (1, 'etl_validate_ann'), (1, 'etl_validate_bob'), (0, 'etl_validate_ann');
GRANT SELECT ON shared TO etl_validate_ann;
SET ROLE etl_validate_ann;
SELECT etl.load_suite('{"name": "hers", "expectations": [
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "a", "value_set": [0]}}]}') \g /dev/null
SELECT throws_ok($$SELECT etl.quarantine('public.shared', 'hers')$$, '42501',
                 'permission denied for table "public.shared"',
                 'SELECT is not enough');
RESET ROLE;
GRANT DELETE ON shared TO etl_validate_ann;
ALTER TABLE shared ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON shared USING (owner = current_user);
SET ROLE etl_validate_ann;
SELECT is(etl.quarantine('public.shared', 'hers'), 1::bigint, 'SELECT and DELETE are; row security holds');
SELECT is((SELECT count(*) FROM etl.quarantined_rows), 1::bigint, 'a role sees the rows that it moved');
SET ROLE etl_validate_bob;
SELECT is_empty('SELECT FROM etl.quarantined_rows', 'and not those of another');
SELECT is_empty('DELETE FROM etl.quarantined_rows RETURNING 1', 'nor can it delete them');
RESET ROLE;
SELECT results_eq('SELECT a, owner FROM shared ORDER BY 1',
                  $$VALUES (0, 'etl_validate_ann'::name), (1, 'etl_validate_bob')$$,
                  'rows that the role does not see stay');

SELECT * FROM finish();
ROLLBACK;
