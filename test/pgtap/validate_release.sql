-- etl.release_quarantined: rows that have been mended go back, each is in one place or the other, and no table and no
-- row is taken for what it is not.
BEGIN;
SELECT plan(82);
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;

CREATE FUNCTION load(name text, expectations json) RETURNS text LANGUAGE sql AS $$
    SELECT etl.load_suite(json_build_object('name', name, 'expectations', expectations)::text, replace => true)
$$;
CREATE FUNCTION at_least(name text, column_name text, bound int) RETURNS text LANGUAGE sql AS $$
    SELECT load(name, json_build_array(json_build_object(
        'type', 'expect_column_values_to_be_between',
        'kwargs', json_build_object('column', column_name, 'min_value', bound))))
$$;
CREATE FUNCTION mend(suite text, change jsonb) RETURNS bigint LANGUAGE sql AS $$
    WITH mended AS (UPDATE etl.quarantined_rows SET "row" = "row" || change WHERE suite = $1 RETURNING 1)
    SELECT count(*) FROM mended
$$;
CREATE VIEW set_aside AS
SELECT relation, suite, "row", reasons, operation FROM etl.quarantined_rows ORDER BY quarantine_id;

-- There and back ------------------------------------------------------------------------------------------------------

CREATE TABLE sale (id int PRIMARY KEY, price int, note text);
SELECT at_least('sales', 'price', 0) \g /dev/null
INSERT INTO sale VALUES (1, -1, 'a'), (2, -2, 'b'), (3, 3, 'c'), (4, -4, 'd');
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (0::bigint, 0::bigint)', 'nothing to release');
SELECT is(etl.quarantine('sale', 'sales'), 3::bigint, 'three rows are taken out');
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (0::bigint, 3::bigint)', 'none is mended yet');
UPDATE etl.quarantined_rows SET "row" = jsonb_set("row", '{price}', '10') WHERE "row" ->> 'id' IN ('1', '4');
SELECT results_eq('SELECT * FROM etl.release_quarantined(dry_run => true)', 'VALUES (2::bigint, 1::bigint)',
                  'a dry run');
SELECT is((SELECT count(*) FROM set_aside), 3::bigint, 'moves nothing');
SELECT results_eq($$SELECT * FROM etl.release_quarantined('"row" ->> ''id'' = ''4'' -- only this')$$,
                  'VALUES (1::bigint, 0::bigint)', 'the rows of a filter');
SELECT at_least('sales', 'id', 3) \g /dev/null
SELECT results_eq($$SELECT * FROM etl.release_quarantined(
                        $f$reasons @> '{expect_column_values_to_be_between(price)}'$f$)$$,
                  'VALUES (0::bigint, 2::bigint)', 'a changed suite');
SELECT results_eq('SELECT DISTINCT reasons FROM set_aside',
                  $$VALUES ('{expect_column_values_to_be_between(id)}'::text[])$$,
                  'the reasons are those of now');
SELECT at_least('sales', 'id', 1) \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (2::bigint, 0::bigint)', 'and the rest');
SELECT results_eq('SELECT * FROM sale ORDER BY id',
                  $$VALUES (1, 10, 'a'), (2, -2, 'b'), (3, 3, 'c'), (4, 10, 'd')$$, 'all are back');
SELECT is_empty('SELECT * FROM set_aside', 'and none is in two places');

-- What is asked for ---------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.release_quarantined('nonsense = 1')$$, '42703', NULL,
                 'a filter on a column that is not there');
SELECT throws_ok($$SELECT etl.release_quarantined('true) OR (true')$$, NULL, NULL, 'a filter that is no expression');
SELECT throws_ok($$SELECT etl.release_quarantined(dry_run => NULL)$$, '22023', 'dry_run must not be NULL',
                 'no dry_run');
SELECT throws_ok($$SELECT etl.release_quarantined(overwrite => NULL)$$, '22023', NULL, 'no overwrite');

CREATE TABLE gone (id int);
SELECT at_least('gone', 'id', 0) \g /dev/null
INSERT INTO gone VALUES (-1), (-2);
SELECT etl.quarantine('gone', 'gone') \g /dev/null
ALTER TABLE gone RENAME TO renamed;
SELECT throws_ok('SELECT etl.release_quarantined()', '42P01', 'table "public.gone" of quarantined rows does not exist',
                 'the table is gone');
SELECT is_empty($$SELECT FROM etl.release_quarantined(target => 'sale') WHERE released + still_broken > 0$$,
                'which is no matter where another is meant');
UPDATE etl.quarantined_rows SET relation = 'public.renamed', "row" = '{"id": 5}' WHERE "row" = '{"id": -1}';
SELECT results_eq($$SELECT * FROM etl.release_quarantined(target => 'renamed')$$, 'VALUES (1::bigint, 0::bigint)',
                  'rows get another table');
SELECT results_eq('SELECT * FROM renamed', 'VALUES (5)', 'and are there');
UPDATE etl.quarantined_rows SET relation = 'public.renamed';
SELECT etl.drop_suite('gone') \g /dev/null
SELECT throws_ok('SELECT etl.release_quarantined()', '42704', 'suite "gone" of quarantined rows does not exist',
                 'the suite is gone');
UPDATE etl.quarantined_rows SET suite = 'sales', "row" = '{"id": 6}';
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (1::bigint, 0::bigint)', 'rows get another suite');

-- Tables that have changed --------------------------------------------------------------------------------------------

CREATE TABLE changed (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone int, a int, b int,
    "Doub led" int GENERATED ALWAYS AS (a * 2) STORED);
ALTER TABLE changed DROP gone;
SELECT load('changed', '[
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "min_value": 0}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "Doub led", "min_value": 0}}]') \g /dev/null
INSERT INTO changed (a, b) VALUES (-1, 1), (2, 2), (-3, 3);
SELECT etl.quarantine('changed', 'changed') \g /dev/null
SELECT mend('changed', '{"a": 7}') \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (2::bigint, 0::bigint)',
                  'generated columns are computed anew');
SELECT results_eq('SELECT * FROM changed ORDER BY id', 'VALUES (1, 7, 1, 14), (2, 2, 2, 4), (3, 7, 3, 14)',
                  'identity columns keep their values');
UPDATE changed SET a = -1 WHERE id = 1;
SELECT etl.quarantine('changed', 'changed') \g /dev/null
SELECT mend('changed', '{"a": 8}') \g /dev/null
ALTER TABLE changed DROP b;
SELECT throws_ok('SELECT etl.release_quarantined()', '42703',
                 'quarantined rows have "b", and table "public.changed" has no such column', 'a column has gone');
UPDATE etl.quarantined_rows SET "row" = "row" - 'b';
ALTER TABLE changed ADD c int NOT NULL DEFAULT 5 + 5, ADD d text, ADD e timestamptz DEFAULT now(), ADD "F f" serial;
SELECT load('changed', '[
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "c", "min_value": 10}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "F f"}},
    {"type": "expect_column_values_to_be_null", "kwargs": {"column": "d"}}]') \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (1::bigint, 0::bigint)', 'columns have come');
SELECT results_eq('SELECT * FROM changed WHERE id = 1', 'VALUES (1, 8, 16, 10, NULL, now(), 3)',
                  'which have their defaults, also where the row is judged');
INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons)
VALUES ('public.changed', 'changed', '{"a": 9, "F f": 9}', '{}');
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (1::bigint, 0::bigint)',
                  'a row without its number');
SELECT results_eq('SELECT * FROM changed WHERE a = 9', 'VALUES (4, 9, 18, 10, NULL, now(), 9)', 'gets the next one');
INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons)
VALUES ('public.changed', 'changed', '{"a": "nine", "F f": 1}', '{}');
SELECT throws_ok('SELECT etl.release_quarantined()', '22P02', NULL, 'a value that is none of its column''s type');
SELECT throws_ok($$UPDATE etl.quarantined_rows SET "row" = '[1]'$$, '23514', NULL, 'a row is an object');
DELETE FROM etl.quarantined_rows;

-- Domains that are not null, of columns that the JSON has, that have a default, or that have neither.
CREATE DOMAIN code AS text NOT NULL;
CREATE DOMAIN level AS int NOT NULL DEFAULT 3;
CREATE TABLE coded (
    id int PRIMARY KEY, code code, level level, more int DEFAULT 4,
    upper text COLLATE "C" GENERATED ALWAYS AS (upper(code::text COLLATE "C") || more) STORED);
SELECT at_least('coded', 'level', 3) \g /dev/null
INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons)
VALUES ('public.coded', 'coded', '{"id": 1, "code": "a"}', '{}');
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (1::bigint, 0::bigint)',
                  'a domain that is not null, beside columns that the row lacks');
SELECT results_eq('SELECT id, code::text, level::int, more, upper FROM coded',
                  $$VALUES (1, 'a', 3, 4, 'A4' COLLATE "C")$$, 'which have the defaults of their columns and domains');
INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons) VALUES ('public.coded', 'coded', '{"id": 2}', '{}');
SELECT throws_ok('SELECT etl.release_quarantined()', '23502', 'domain public.code does not allow null values',
                 'or have none');
DELETE FROM etl.quarantined_rows;

-- Keys ----------------------------------------------------------------------------------------------------------------

CREATE TABLE stock (shop int, item int, amount int, note text, PRIMARY KEY (shop, item));
INSERT INTO stock VALUES (1, 1, 1, 'first'), (1, 2, 2, 'second');
SELECT at_least('stock', 'amount', 0) \g /dev/null
SELECT etl.enforce('stock', 'stock', 'quarantine') \g /dev/null
UPDATE stock SET amount = -5, note = 'changed' WHERE item = 2;
SELECT mend('stock', '{"amount": 5}') \g /dev/null
SELECT throws_ok('SELECT etl.release_quarantined()', '23505',
                 'duplicate key value violates unique constraint "stock_pkey"', 'the old row is still there');
SELECT is((SELECT count(*) FROM set_aside), 1::bigint, 'and the new one still in quarantine');
SELECT results_eq('SELECT * FROM etl.release_quarantined(overwrite => true)', 'VALUES (1::bigint, 0::bigint)',
                  'the new row takes its place');
SELECT results_eq('SELECT * FROM stock ORDER BY item', $$VALUES (1, 1, 1, 'first'), (1, 2, 5, 'changed')$$, 'entirely');
INSERT INTO stock VALUES (1, 1, -1), (2, 1, -2);
SELECT mend('stock', '{"amount": 0}') \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined(overwrite => true)', 'VALUES (2::bigint, 0::bigint)',
                  'rows that are new or replace others');
SELECT is((SELECT count(*) FROM stock WHERE amount = 0), 2::bigint, 'are all stored');
UPDATE stock SET amount = -7, note = 'older' WHERE item = 2;
UPDATE stock SET amount = -8, note = 'newer' WHERE item = 2;
SELECT mend('stock', '{"amount": 8}') \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined(overwrite => true)', 'VALUES (2::bigint, 0::bigint)',
                  'two changes of one row');
SELECT results_eq('SELECT amount, note FROM stock WHERE item = 2', $$VALUES (8, 'newer')$$,
                  'of which the last one stays');
INSERT INTO renamed VALUES (-1);
SELECT etl.quarantine('renamed', 'sales') \g /dev/null
SELECT mend('sales', '{"id": 1}') \g /dev/null
SELECT throws_ok('SELECT etl.release_quarantined(overwrite => true)', '55000',
                 'table "public.renamed" has no primary key',
                 'no key to replace by');
DELETE FROM etl.quarantined_rows;
-- A key that always comes from the table.
UPDATE changed SET d = 'x' WHERE id = 2;
INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons)
VALUES ('public.changed', 'changed', '{"id": 2, "a": 11, "F f": 11, "c": 11, "d": null, "e": null}', '{}');
SELECT results_eq('SELECT * FROM etl.release_quarantined(overwrite => true)', 'VALUES (1::bigint, 0::bigint)',
                  'an identity column');
SELECT results_eq('SELECT * FROM changed WHERE id = 2', 'VALUES (2, 11, 22, 11, NULL, NULL::timestamptz, 11)', 'stays');

-- A key that the table numbers, or computes.
CREATE TABLE numbered (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a int);
CREATE TABLE computed (id int GENERATED ALWAYS AS (a * 10) STORED PRIMARY KEY, a int, note text);
SELECT at_least('numbered', 'a', 0) \g /dev/null
INSERT INTO computed VALUES (DEFAULT, 3, 'old');
INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons) VALUES
    ('public.numbered', 'numbered', '{"a": 1}', '{}'), ('public.numbered', 'numbered', '{"a": 1}', '{}'),
    ('public.computed', 'numbered', '{"a": 3, "note": "new"}', '{}'),
    ('public.computed', 'numbered', '{"a": 3, "note": "newer"}', '{}');
SELECT results_eq('SELECT * FROM etl.release_quarantined(overwrite => true)', 'VALUES (4::bigint, 0::bigint)',
                  'rows without their numbers');
SELECT results_eq('SELECT * FROM numbered ORDER BY id', 'VALUES (1, 1), (2, 1)', 'are not one');
SELECT results_eq('SELECT * FROM computed', $$VALUES (30, 3, 'newer')$$, 'a computed key is a key');

CREATE FUNCTION place_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    schema_name text;
    table_name text;
    constraint_name text;
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS schema_name = SCHEMA_NAME, table_name = TABLE_NAME, constraint_name = CONSTRAINT_NAME;
    RETURN concat_ws('.', schema_name, table_name, constraint_name);
END
$$;
INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons)
VALUES ('public.computed', 'numbered', '{"a": 3, "note": "new"}', '{}');
SELECT is(place_of('SELECT etl.release_quarantined()'), 'public.computed.computed_pkey', 'the key is named');
DELETE FROM etl.quarantined_rows;

CREATE TABLE shop (id int PRIMARY KEY);
ALTER TABLE stock ADD FOREIGN KEY (shop) REFERENCES shop NOT VALID;
INSERT INTO stock VALUES (9, 9, -9);
SELECT mend('stock', '{"amount": 0}') \g /dev/null
SELECT throws_ok('SELECT etl.release_quarantined(); SET CONSTRAINTS ALL IMMEDIATE', '23503', NULL, 'a foreign key');
SELECT is((SELECT count(*) FROM set_aside), 1::bigint, 'holds');
INSERT INTO shop VALUES (9);
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (1::bigint, 0::bigint)', 'or is satisfied');

-- Enforcement and triggers of the table -------------------------------------------------------------------------------

CREATE TABLE guarded (id int, price int, tags text[]);
SELECT at_least('positive', 'price', 1) \g /dev/null
SELECT at_least('high', 'id', 5) \g /dev/null
SELECT etl.enforce('guarded', 'positive', 'quarantine') \g /dev/null
INSERT INTO guarded VALUES (1, -1), (6, -6), (7, 7);
SELECT etl.enforce('guarded', 'high', 'quarantine') \g /dev/null
SELECT mend('positive', '{"price": 2}') \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (1::bigint, 1::bigint)',
                  'a suite that was enforced since');
SELECT results_eq('SELECT suite, "row" -> ''id'', reasons FROM set_aside',
                  $$VALUES ('high', '1'::jsonb, '{expect_column_values_to_be_between(id)}'::text[])$$,
                  'keeps the row, for its own reasons');
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (0::bigint, 1::bigint)', 'and again');
SELECT is((SELECT count(*) FROM set_aside), 1::bigint, 'it does not multiply');
SELECT etl.enforce('guarded', 'high', 'reject', replace => true) \g /dev/null
UPDATE etl.quarantined_rows SET suite = 'positive';
SELECT throws_ok('SELECT etl.release_quarantined()', '23514', 'new row for table "public.guarded" breaks suite "high"',
                 'one that rejects');
SELECT etl.enforce('guarded', 'high', 'tag', 'tags', replace => true) \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (1::bigint, 0::bigint)', 'one that tags');
SELECT results_eq('SELECT id, tags FROM guarded ORDER BY 1', $$VALUES
    (1, '{expect_column_values_to_be_between(id)}'::text[]), (6, NULL), (7, NULL)$$, 'tags');

CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER a_swallow BEFORE INSERT ON guarded FOR EACH ROW WHEN (NEW.id = 8) EXECUTE FUNCTION swallow();
INSERT INTO guarded VALUES (9, -9);
UPDATE etl.quarantined_rows SET "row" = '{"id": 8, "price": 8, "tags": null}';
INSERT INTO guarded VALUES (9, -9);
UPDATE etl.quarantined_rows SET "row" = jsonb_set("row", '{price}', '9');
SELECT throws_ok('SELECT etl.release_quarantined()', '09000', '1 of 2 rows were held back from table "public.guarded"',
                 'a trigger of the user''s that swallows rows');
SELECT is((SELECT count(*) FROM set_aside), 2::bigint, 'does not lose one');
DELETE FROM etl.quarantined_rows;

-- An error of a trigger, under the code that ends a dry run.
CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'ETL00', MESSAGE = 'mine';
END
$$;
CREATE TABLE failing (id int);
CREATE TRIGGER fail BEFORE INSERT ON failing FOR EACH ROW EXECUTE FUNCTION failing();
INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons) VALUES ('public.failing', 'high', '{"id": 9}', '{}');
SELECT throws_ok('SELECT etl.release_quarantined()', 'ETL00', 'mine', 'the error of a trigger is an error');
SELECT throws_ok('SELECT etl.release_quarantined(dry_run => true)', 'ETL00', 'mine', 'in a dry run, too');
DELETE FROM etl.quarantined_rows;

-- Many rows.
CREATE TABLE many (id int PRIMARY KEY, price int);
SELECT at_least('many', 'price', 0) \g /dev/null
INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons)
SELECT 'public.many', 'many', jsonb_build_object('id', i, 'price', i), '{}' FROM generate_series(1, 30000) AS i;
SET LOCAL statement_timeout = '20s';
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (30000::bigint, 0::bigint)',
                  'many rows take a time that grows with their number, and not with its square');
SET LOCAL statement_timeout = 0;

-- By what terms the suite is enforced.
CREATE TABLE graded (a int, b int);
SELECT etl.load_suite('{"name": "graded", "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}, "severity": "critical"},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "b"}, "severity": "warning"}]}') \g /dev/null
SELECT etl.enforce('graded', 'graded', 'quarantine', min_severity => 'critical') \g /dev/null
INSERT INTO graded VALUES (NULL, NULL), (1, NULL);
SELECT mend('graded', '{"a": 2}') \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (1::bigint, 0::bigint)',
                  'a warning that does not count');

-- Partitions ----------------------------------------------------------------------------------------------------------

CREATE TABLE parted (id int, region text, price int) PARTITION BY LIST (region);
CREATE TABLE parted_a (price int, region text, id int);
ALTER TABLE parted ATTACH PARTITION parted_a FOR VALUES IN ('a');
CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
SELECT etl.enforce('parted', 'positive', 'quarantine') \g /dev/null
INSERT INTO parted VALUES (1, 'a', -1), (2, 'b', -1);
INSERT INTO parted_a VALUES (-3, 'a', 3);
SELECT mend('positive', '{"price": 3}') \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (3::bigint, 0::bigint)', 'partitions');
SELECT results_eq('SELECT tableoid::regclass, id, price FROM parted ORDER BY 2',
                  $$VALUES ('parted_a'::regclass, 1, 3), ('parted_b', 2, 3), ('parted_a', 3, 3)$$, 'each its rows');

-- Every type, whatever the settings -----------------------------------------------------------------------------------

CREATE TYPE spot AS (x int, note text);
CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> 'x');
CREATE TABLE every_type (
    id int, n numeric, f4 float4, f8 float8, t text, c char(4), by bytea, d date, ts timestamp, tz timestamptz,
    iv interval, b bool, u uuid, a int[], ta text[], j jsonb, s spot, r tstzrange, ip inet, dom short,
    "relation" int, "row" text);
INSERT INTO every_type VALUES
    (-1, 1.500, 0.1, 0.1, 'é"\', 'a', '\x00ff', '2025-02-01', '2025-02-01 10:00:00.000001', '2025-02-01 10:00+02',
     '-1 mon +2 days -03:00:00.5', true, gen_random_uuid(), '{{1,NULL},{3,4}}', '{"a,b",NULL,"NULL"}',
     '{"a": [1.10, null]}', '(1,"a b")', '[2025-02-01 10:00+00,)', '10.0.0.0/8', 'abc', 1, 'r'),
    (-1, 'NaN', 'NaN', 1.7976931348623157e308, '', '', '', 'infinity', '-infinity', 'infinity', '0', false, NULL,
     '{}', '{}', '"null"', '(,)', 'empty', '::1', NULL, NULL, NULL);
CREATE TABLE every_type_before AS TABLE every_type;
SELECT at_least('every', 'id', 0) \g /dev/null
SELECT etl.enforce('every_type', 'every', 'quarantine') \g /dev/null
TRUNCATE every_type;
SET LOCAL extra_float_digits = -10;
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL quote_all_identifiers = on;
INSERT INTO every_type TABLE every_type_before;
SET LOCAL extra_float_digits = 1;
SET LOCAL datestyle = 'German';
SET LOCAL timezone = 'UTC';
SET LOCAL quote_all_identifiers = off;
SELECT mend('every', '{"id": 1}') \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (2::bigint, 0::bigint)', 'rows of every type');
UPDATE every_type_before SET id = 1;
SET LOCAL datestyle = 'ISO';
SET LOCAL intervalstyle = 'postgres';
SELECT bag_eq('SELECT * FROM every_type', 'SELECT * FROM every_type_before', 'come back as they were');

-- Types of which jsonb has no place for every value, or whose JSON is not what their input reads.
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE sql AS $$SELECT json_build_object('mood', $1::text)$$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE DOMAIN doc AS json CHECK (VALUE::text <> '1');
CREATE TYPE note AS (doc json, mood mood);
CREATE TABLE odd_types (id int, j json, d doc, b jsonb, m mood, ms mood[], js json[], n note, big numeric, f float8);
INSERT INTO odd_types VALUES
    (-1, '{"b":  1, "a": "\u0000", "a": 2}', '"\u0000"', '{"a": [1.10]}', 'sad', '{sad,NULL}', '{"\"\\u0000\"",NULL}',
     ROW('"\u0000"', 'ok'), 1e300 + 1, 'Infinity'),
    (-1, 'null', 'null', 'null', NULL, '{}', NULL, NULL, 'NaN', 0.1),
    (-1, '"null"', ' 2', '"null"', NULL, '[2:3]={ok,sad}', '{}', ROW(NULL, NULL), NULL, NULL);
CREATE TABLE odd_types_before AS TABLE odd_types;
SELECT at_least('odd', 'id', 0) \g /dev/null
SELECT is(etl.quarantine('odd_types', 'odd'), 3::bigint, 'rows of odd types are taken out');
SELECT results_eq($$SELECT "row" -> 'b' FROM set_aside$$,
                  $$VALUES ('{"a": [1.10]}'::jsonb), ('"null"'), ('"\"null\""')$$, 'a document is one in quarantine');
SELECT etl.enforce('odd_types', 'odd', 'quarantine') \g /dev/null
SELECT lives_ok('INSERT INTO odd_types TABLE odd_types_before', 'and set aside');
SELECT mend('odd', '{"id": 1}') \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (6::bigint, 0::bigint)', 'and come back');
UPDATE odd_types_before SET id = 1;
SELECT results_eq('SELECT o::text, count(*) FROM odd_types AS o GROUP BY 1 ORDER BY 1',
                  'SELECT o::text, 2::bigint FROM odd_types_before AS o ORDER BY 1', 'to the letter');
-- Mended with JSON instead of a text.
INSERT INTO odd_types (id, b) VALUES (-1, '{"a": 1}');
SELECT mend('odd', '{"id": 2, "j": {"a": [1]}, "b": {"a": 2}, "js": [{"a": 1}, null]}') \g /dev/null
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (1::bigint, 0::bigint)', 'a document is mended');
SELECT results_eq('SELECT j::text, b, js::text FROM odd_types WHERE id = 2',
                  $$VALUES ('{"a": [1]}', '{"a": 2}'::jsonb, '{"{\"a\": 1}",NULL}')$$, 'by any document');

-- Roles ---------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_release_ann;
CREATE ROLE etl_release_bob;
CREATE SCHEMA ann AUTHORIZATION etl_release_ann;
SET LOCAL ROLE etl_release_ann;
CREATE TABLE ann.item (id int);
SELECT at_least('anns', 'id', 0) \g /dev/null
SELECT etl.enforce('ann.item', 'anns', 'quarantine') \g /dev/null
INSERT INTO ann.item VALUES (-1), (1);
SELECT mend('anns', '{"id": 0}') \g /dev/null
SET LOCAL ROLE etl_release_bob;
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (0::bigint, 0::bigint)',
                  'another role''s rows stay');
SELECT at_least('bobs', 'id', 0) \g /dev/null
INSERT INTO etl.quarantined_rows (relation, suite, "row", reasons) VALUES ('ann.item', 'bobs', '{"id": 2}', '{}');
SELECT throws_ok('SELECT etl.release_quarantined()', '42501', NULL, 'a table in a schema that the role does not see');
RESET ROLE;
GRANT USAGE ON SCHEMA ann TO etl_release_bob;
SET LOCAL ROLE etl_release_bob;
SELECT throws_ok('SELECT etl.release_quarantined()', '42501', 'permission denied for table "ann.item"',
                 'a table that the role may not fill');
SET LOCAL ROLE etl_release_ann;
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (1::bigint, 0::bigint)', 'the table''s owner may');
SELECT results_eq('SELECT * FROM ann.item ORDER BY id', 'VALUES (0), (1)', 'store them');
INSERT INTO ann.item VALUES (-2);
SELECT mend('anns', '{"id": 2}') \g /dev/null
RESET ROLE;
SELECT results_eq('SELECT * FROM etl.release_quarantined()', 'VALUES (0::bigint, 0::bigint)',
                  'a superuser releases rows of its own');
SELECT isnt_empty($$SELECT FROM etl.quarantined_rows WHERE owner = 'etl_release_ann'$$, 'though it sees all');

SELECT * FROM finish();
ROLLBACK;
