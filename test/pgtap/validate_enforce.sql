-- etl.enforce: rows that break a suite are refused, set aside or tagged, whatever statement stores them.
BEGIN;
SELECT plan(157);
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error; -- test/isolation/specs/enforce.spec shows the notices

-- A suite of one expectation, or of several.
CREATE FUNCTION load(name text, expectations json) RETURNS text LANGUAGE sql AS $$
    SELECT etl.load_suite(json_build_object('name', name, 'expectations', expectations)::text, replace => true)
$$;
-- {"type": "expect_…", "kwargs": {…}}
CREATE FUNCTION expect(type text, kwargs json) RETURNS json LANGUAGE sql AS $$
    SELECT json_build_object('type', 'expect_' || type, 'kwargs', kwargs)
$$;
-- What a statement's error says beside its message.
CREATE FUNCTION error_of(statement text, OUT state text, OUT message text, OUT detail text, OUT hint text,
                         OUT place text, OUT context text) LANGUAGE plpgsql AS $$
DECLARE
    schema_name text;
    table_name text;
    constraint_name text;
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT, schema_name = SCHEMA_NAME, table_name = TABLE_NAME,
        constraint_name = CONSTRAINT_NAME;
    place := concat_ws('.', schema_name, table_name, constraint_name);
END
$$;
CREATE VIEW set_aside AS
SELECT relation, suite, "row", reasons, operation, owner FROM etl.quarantined_rows ORDER BY quarantine_id;

CREATE TABLE sale (id int PRIMARY KEY, wallet text, price numeric, note text);
SELECT load('sales', json_build_array(
    expect('column_values_to_be_unique', '{"column": "id"}'),
    expect('column_values_to_not_be_null', '{"column": "wallet"}'),
    expect('column_values_to_match_regex', '{"column": "wallet", "regex": "^0x[0-9a-f]+$", "mostly": 0.1}'),
    expect('column_values_to_be_between', '{"column": "price", "min_value": 0}'))) \g /dev/null
SELECT load('free', json_build_array(
    expect('row_condition', '{"condition": "price IS DISTINCT FROM 13"}'))) \g /dev/null
SELECT load('unique', json_build_array(expect('column_values_to_be_unique', '{"column": "id"}'))) \g /dev/null

-- Definition ----------------------------------------------------------------------------------------------------------

CREATE VIEW seen AS TABLE sale;
SELECT throws_ok($$SELECT etl.enforce('seen', 'sales')$$, '42809', '"public.seen" is a view, not a table', 'a view');
DROP VIEW seen;
SELECT throws_ok($$SELECT etl.enforce(NULL, 'sales')$$, '22023', 'no table was given', 'no table');
SELECT throws_ok($$SELECT etl.enforce('sale', 'none')$$, '42704', 'suite "none" does not exist', 'no such suite');
SELECT throws_ok($$SELECT etl.enforce('sale', NULL)$$, '42704', 'no suite was given', 'no suite');
SELECT throws_ok($$SELECT etl.enforce('sale', 'sales', 'delete')$$, '22023',
                 'mode must be reject, quarantine or tag, not ''delete''', 'an unknown mode');
SELECT throws_ok($$SELECT etl.enforce('sale', 'sales', NULL)$$, '22023', NULL, 'no mode');
SELECT throws_ok($$SELECT etl.enforce('sale', 'sales', min_severity => 'error')$$, '22023',
                 'min_severity must be critical, warning or info, not ''error''', 'an unknown severity');
SELECT throws_ok($$SELECT etl.enforce('sale', 'sales', tag_column => 'note')$$, '22023',
                 'mode reject has no use for tag_column or add_column', 'a tag that nobody writes');
SELECT throws_ok($$SELECT etl.enforce('sale', 'sales', 'tag')$$, '42703',
                 'table "public.sale" has no column "validation_errors" to be tagged', 'no column to tag');
SELECT throws_ok($$SELECT etl.enforce('sale', 'sales', 'tag', 'note')$$, '42804',
                 'column "note" of table "public.sale" is of type text, not text[]', 'a column of another type');
SELECT throws_ok($$SELECT etl.enforce('sale', 'unique')$$, '22023',
                 'suite "unique" has no expectation that a single row can break', 'nothing to enforce');
CREATE TABLE other (id int, price text);
SELECT throws_ok($$SELECT etl.enforce('other', 'sales')$$, '42703',
                 'suite "sales" expects column "wallet", which table "public.other" does not have', 'a missing column');
SELECT throws_ok($$SELECT etl.enforce('other', 'free')$$, '42883', NULL, 'a condition that does not fit');

SELECT is(etl.enforce('sale', 'sales'), 'zz_pg_etl_enforce_sales', 'the trigger''s name');
SELECT results_eq('SELECT * FROM etl.enforcements',
                  $$VALUES ('sale'::regclass, 'sales', 'reject', NULL::name, 'info', NULL::jsonb, true,
                            'zz_pg_etl_enforce_sales'::name, current_user::name)$$, 'what is enforced');
SELECT throws_ok($$SELECT etl.enforce('sale', 'sales')$$, '42710',
                 'suite "sales" is enforced on table "public.sale" already', 'twice');
SELECT lives_ok($$SELECT etl.enforce('sale', 'sales', if_not_exists => true)$$, 'twice, on demand');
SELECT lives_ok($$SELECT etl.enforce('sale', 'sales', 'quarantine', if_not_exists => true)$$, 'or otherwise');
SELECT is((SELECT mode FROM etl.enforcements), 'reject', 'which changes nothing');
SELECT etl.enforce('sale', 'sales', 'quarantine', min_severity => 'warning', params => '{"a": "it''s \\"}',
                   replace => true) \g /dev/null
SELECT results_eq('SELECT mode, min_severity, params FROM etl.enforcements',
                  $$VALUES ('quarantine', 'warning', '{"a": "it''s \\"}'::jsonb)$$, 'unless it shall be replaced');
SELECT throws_ok($$SELECT etl.drop_suite('sales')$$, '2BP01', 'suite "sales" is enforced on table "public.sale"',
                 'its suite is not dropped');
SELECT throws_ok($$SELECT load('sales', json_build_array(expect('column_values_to_not_be_null', '{"column": "x"}')))$$,
                 '42703', 'suite "sales" expects column "x", which table "public.sale" does not have',
                 'nor replaced by one that does not fit');
SELECT lives_ok($$SELECT etl.remove_enforcement('sale', 'sales')$$, 'and removed');
SELECT is_empty('SELECT FROM etl.enforcements', 'it is gone');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'sale'::regclass), 0::bigint, 'with all its triggers');
SELECT throws_ok($$SELECT etl.remove_enforcement('sale', 'sales')$$, '42704',
                 'suite "sales" is not enforced on table "public.sale"', 'a second time');
SELECT throws_ok($$SELECT etl.remove_enforcement('sale')$$, '42704', 'no suite is enforced on table "public.sale"',
                 'nor is another');
SELECT lives_ok($$SELECT etl.remove_enforcement('sale', if_exists => true)$$, 'on demand');
SELECT load(repeat('é', 31), json_build_array(expect('column_values_to_not_be_null', '{"column": "id"}'))) \g /dev/null
SELECT is(etl.enforce('other', repeat('é', 31))::text, 'zz_pg_etl_enforce_' || md5(repeat('é', 31)), 'a long name');
SELECT throws_ok('INSERT INTO other VALUES (NULL)', '23514', NULL, 'is enforced, too');
SELECT etl.remove_enforcement('other') \g /dev/null

-- reject --------------------------------------------------------------------------------------------------------------

SELECT etl.enforce('sale', 'sales') \g /dev/null
SELECT lives_ok($$INSERT INTO sale VALUES (1, '0xa', 1), (2, '0xb', NULL)$$, 'rows that keep the suite');
SELECT results_eq($$SELECT (e).state, (e).message, (e).detail, (e).hint, (e).place
                    FROM error_of('INSERT INTO sale VALUES (3, ''0xc'', 1), (4, ''nix'', -1)') AS e$$, $$VALUES (
                  '23514', 'new row for table "public.sale" breaks suite "sales"',
                  'The row breaks expect_column_values_to_match_regex(wallet) with "nix", '
                  'expect_column_values_to_be_between(price) with -1.',
                  'Mend the row, or let such rows be set aside: SELECT etl.enforce(''public.sale'', ''sales'', '
                  '''quarantine'', replace => true);',
                  'public.sale.zz_pg_etl_enforce_sales')$$, 'another row is refused, and why');
SELECT throws_ok($$INSERT INTO sale SELECT i, CASE WHEN i < 500 THEN '0x1' END FROM generate_series(10, 500) AS i$$,
                 '23514', NULL, 'INSERT … SELECT');
SELECT throws_ok($$COPY sale FROM PROGRAM 'printf "5\\t0xa\\t1\\tx\\n6\\tnix\\t1\\tx\\n"'$$, '23514', NULL, 'COPY');
SELECT throws_ok($$UPDATE sale SET price = -1 WHERE id = 1$$, '23514', NULL, 'UPDATE');
SELECT throws_ok($$INSERT INTO sale VALUES (1, '0xa', 1) ON CONFLICT (id) DO UPDATE SET price = -1$$, '23514', NULL,
                 'ON CONFLICT DO UPDATE judges the row that would be stored');
SELECT throws_ok($$INSERT INTO sale VALUES (1, 'nix', 1) ON CONFLICT (id) DO NOTHING$$, '23514', NULL,
                 'ON CONFLICT DO NOTHING judges the row that was proposed');
SELECT throws_ok($$MERGE INTO sale USING (VALUES (1), (9)) AS n (id) ON n.id = sale.id
                   WHEN MATCHED THEN UPDATE SET note = 'x' WHEN NOT MATCHED THEN INSERT VALUES (n.id, 'nix', 1)$$,
                 '23514', NULL, 'MERGE');
SELECT throws_ok($$WITH n AS (INSERT INTO sale VALUES (7, 'nix') RETURNING id) SELECT * FROM n$$, '23514', NULL,
                 'WITH');
SELECT results_eq('SELECT id FROM sale ORDER BY 1', 'VALUES (1), (2)', 'nothing of all that was stored');
SELECT lives_ok($$UPDATE sale SET note = 'x'; DELETE FROM sale WHERE id = 2$$, 'what keeps the suite is stored');

-- Other triggers come first, if their names do.
CREATE FUNCTION mend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.price := abs(NEW.price);
    RETURN NEW;
END
$$;
CREATE TRIGGER zoo BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION mend();
SELECT lives_ok($$INSERT INTO sale VALUES (3, '0xc', -1)$$, 'a row is judged as other triggers have made it');
DROP TRIGGER zoo ON sale;
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.price := -1;
    RETURN NEW;
END
$$;
CREATE TRIGGER zoo BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION spoil();
SELECT throws_ok($$INSERT INTO sale VALUES (4, '0xc', 1)$$, '23514', NULL, 'also where they have spoilt it');
DROP TRIGGER zoo ON sale;

-- Triggers as PostgreSQL has them.
SET LOCAL session_replication_role = replica;
SELECT lives_ok($$INSERT INTO sale VALUES (-1, 'nix')$$, 'rows that are replicated are not judged');
SET LOCAL session_replication_role = origin;
DELETE FROM sale WHERE id = -1;
ALTER TABLE sale DISABLE TRIGGER zz_pg_etl_enforce_sales;
SELECT is((SELECT enabled FROM etl.enforcements), false, 'a disabled trigger');
ALTER TABLE sale ENABLE TRIGGER zz_pg_etl_enforce_sales;
ALTER TABLE sale RENAME TO sold;
SELECT throws_ok($$INSERT INTO sold VALUES (4, 'nix', 1)$$, '23514',
                 'new row for table "public.sold" breaks suite "sales"', 'a table of another name');
ALTER TABLE sold RENAME TO sale;
SELECT throws_ok('SELECT etl._enforce()', '39P01', NULL, 'the function is a trigger''s');
CREATE TRIGGER strange AFTER INSERT ON sale FOR EACH ROW EXECUTE FUNCTION etl._enforce('sales', 'reject');
SELECT throws_ok($$INSERT INTO sale VALUES (4, '0xa', 1)$$, '39P01', NULL, 'and not any trigger''s');
DROP TRIGGER strange ON sale;
CREATE TRIGGER zz_strange BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION etl._enforce('sales', 'ignore');
SELECT throws_ok($$INSERT INTO sale VALUES (4, '0xa', 1)$$, '22023', 'unknown mode "ignore" of the trigger',
                 'nor with any argument');
DROP TRIGGER zz_strange ON sale;

-- The suite changes.
SELECT load('sales', json_build_array(expect('column_values_to_not_be_null', '{"column": "note"}'))) \g /dev/null
SELECT throws_ok($$INSERT INTO sale VALUES (4, 'nix', -1)$$, '23514', NULL, 'a changed suite holds from now on');
SELECT lives_ok($$INSERT INTO sale VALUES (4, 'nix', -1, 'x')$$, 'and the old one no longer');
SAVEPOINT before;
SELECT load('sales', json_build_array(expect('column_values_to_be_in_set', '{"column": "id", "value_set": [0]}')))
\g /dev/null
INSERT INTO sale VALUES (0);
ROLLBACK TO before;
SELECT lives_ok($$INSERT INTO sale VALUES (5, 'nix', -1, 'x')$$, 'and rolled back');
SELECT is((SELECT count(*) FROM generate_series(1, 3) AS bound, LATERAL (
               SELECT load('sales', json_build_array(expect('column_values_to_be_between',
                   format('{"column": "id", "min_value": %s}', bound)::json)))) AS x), 3::bigint,
          'three times at once');
SELECT throws_ok($$INSERT INTO sale VALUES (2, NULL)$$, '23514', NULL, 'the last one counts');
SELECT lives_ok($$INSERT INTO sale VALUES (6, NULL)$$, 'and no other');

-- The table changes.
ALTER TABLE sale ADD COLUMN more int DEFAULT 7, DROP COLUMN note;
SELECT load('sales', json_build_array(expect('column_values_to_be_in_set', '{"column": "more", "value_set": [7]}')))
\g /dev/null
SELECT lives_ok('UPDATE sale SET price = 2', 'a column that older rows do not have in their tuples');
SELECT throws_ok('UPDATE sale SET more = 8', '23514', NULL, 'is judged');
ALTER TABLE sale ALTER more TYPE text USING 'x';
SELECT throws_ok('UPDATE sale SET price = 3', '42804', NULL, 'a column of another type, which the suite does not fit');
ALTER TABLE sale DROP more;
SELECT throws_ok($$INSERT INTO sale VALUES (9)$$, '42703',
                 'suite "sales" expects column "more", which table "public.sale" does not have', 'or none any more');
SELECT etl.remove_enforcement('sale') \g /dev/null

-- Conditions ----------------------------------------------------------------------------------------------------------

CREATE TABLE deal (id int PRIMARY KEY, kind text, price int, paid int, "Odd ""name" int);
CREATE FUNCTION load_condition(condition text) RETURNS text LANGUAGE sql AS $$
    SELECT load('deals', json_build_array(expect('row_condition', json_build_object('condition', condition))))
$$;
SELECT load('deals', json_build_array(
    expect('row_condition', '{"condition": "deal.price >= paid OR kind LIKE ''gift%''"}'),
    expect('column_values_to_be_between', '{"column": "price", "min_value": 5,
           "row_condition": "kind = ''dear''", "condition_parser": "sql"}'))) \g /dev/null
SELECT etl.enforce('deal', 'deals', 'quarantine') \g /dev/null
INSERT INTO deal VALUES (1, 'cheap', 1, 1), (2, 'cheap', 1, 2), (3, 'gift', 1, 2), (4, 'dear', 4, 1), (5, 'dear', 5, 1),
                        (6, NULL, 1, 2), (7, NULL, NULL, 1);
SELECT results_eq('SELECT id FROM deal ORDER BY 1', 'VALUES (1), (3), (5), (6), (7)',
                  'conditions: rows that keep them');
SELECT results_eq($$SELECT "row" -> 'id', reasons FROM set_aside WHERE relation = 'public.deal'$$, $$VALUES
    ('2'::jsonb, ARRAY['expect_row_condition(deal.price >= paid OR kind LIKE ''gift%'')']),
    ('4', ARRAY['expect_column_values_to_be_between(price)'])$$,
                  'and rows that do not; NULL is neither');
SELECT throws_like($$SELECT load_condition('(SELECT true)')$$, '%subquer%', 'no subquery');
SELECT throws_ok($$SELECT load_condition('count(*) > 0')$$, '42803',
                 'aggregate functions are not allowed in check constraints', 'no aggregate');
SELECT throws_ok($$SELECT load_condition('row_number() OVER () > 1')$$, '42P20', NULL, 'no window function');
SELECT throws_ok($$SELECT load_condition('generate_series(1, 2) > 1')$$, '0A000', NULL, 'no set');
SELECT throws_ok($$SELECT load_condition('price')$$, '42804',
                 'argument of a condition must be type boolean, not type integer', 'nothing but a boolean');
SELECT throws_ok($$SELECT load_condition('$1')$$, '22023', NULL, 'no parameter');
SELECT throws_ok($$SELECT load_condition('other.price > 1')$$, '42P01', NULL, 'no other table');
SELECT throws_ok($$SELECT load_condition('true FROM deal')$$, NULL, NULL, 'no query');
SELECT throws_ok($$SELECT load_condition('true, false')$$, NULL, NULL, 'no list');
SELECT matches((error_of($$SELECT load_condition('prise > 1')$$)).context,
               'condition "prise > 1" of expect_row_condition', 'its expectation is named');
SELECT is((error_of($$SELECT load_condition('prise > 1')$$)).message, 'column "prise" does not exist',
          'no such column');
SELECT etl.enforce('deal', 'deals', replace => true) \g /dev/null
SELECT load_condition('price > coalesce("Odd ""name", 3) AND (kind IS NULL OR kind <> ''x'')') \g /dev/null
SELECT is((error_of($$INSERT INTO deal VALUES (8, E'x"\n', 2, 7)$$)).detail,
          'The row breaks expect_row_condition(price > coalesce("Odd ""name", 3) AND (kind IS NULL OR kind <> ''x'')) '
          'with {"kind": "x\"\u000a", "price": 2, "Odd \"name": null}.', 'the values that a condition has read');
SELECT etl.enforce('deal', 'deals', 'quarantine', replace => true) \g /dev/null
SELECT load_condition('100 / price > 1') \g /dev/null
SELECT matches((error_of('INSERT INTO deal VALUES (8, NULL, 0)')).context,
               'condition "100 / price > 1" of expect_row_condition', 'likewise where a row is at fault');
SELECT load_condition('"Odd ""name" /* or not */ > 0') \g /dev/null
INSERT INTO deal VALUES (8, NULL, NULL, NULL, 0), (9, NULL, NULL, NULL, 1);
SELECT results_eq('SELECT id FROM deal WHERE id > 7', 'VALUES (9)', 'a quoted name and a comment');

-- A function that a condition uses is replaced; one in another schema needs its name.
CREATE FUNCTION public.limit_of(kind text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 10';
SELECT load_condition('price < public.limit_of(kind)') \g /dev/null
INSERT INTO deal VALUES (10, NULL, 15);
CREATE OR REPLACE FUNCTION public.limit_of(kind text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 20';
INSERT INTO deal VALUES (11, NULL, 15);
SELECT results_eq('SELECT id FROM deal WHERE id > 9', 'VALUES (11)', 'a function is replaced');
SELECT throws_ok($$SELECT load_condition('price < limit_of(kind)')$$, '42883', NULL, 'the search path is pinned');
SELECT etl.remove_enforcement('deal') \g /dev/null

-- quarantine ----------------------------------------------------------------------------------------------------------

DELETE FROM etl.quarantined_rows;
DELETE FROM sale;
ALTER TABLE sale ALTER wallet SET NOT NULL;
SELECT load('sales', json_build_array(
    expect('column_values_to_not_be_null', '{"column": "wallet"}'),
    expect('column_values_to_be_between', '{"column": "price", "min_value": 0}'))) \g /dev/null
SELECT etl.enforce('sale', 'sales', 'quarantine') \g /dev/null
SELECT results_eq($$INSERT INTO sale VALUES (1, 'a', 1), (2, 'b', -1), (3, NULL, 1), (4, 'd', 2) RETURNING id$$,
                  'VALUES (1), (4)', 'the rest is stored');
SELECT results_eq('SELECT * FROM set_aside', $$VALUES
    ('public.sale', 'sales', '{"id": 2, "wallet": "b", "price": -1}'::jsonb,
     ARRAY['expect_column_values_to_be_between(price)'], 'insert', current_user::name),
    ('public.sale', 'sales', '{"id": 3, "wallet": null, "price": 1}',
     ARRAY['expect_column_values_to_not_be_null(wallet)'], 'insert', current_user)$$,
                  'what breaks the suite is set aside, before NOT NULL refuses it');
COPY sale FROM stdin WITH (DELIMITER ';');
5;e;5
6;f;-6
\.
SELECT results_eq('SELECT id FROM sale ORDER BY 1', 'VALUES (1), (4), (5)', 'COPY');
UPDATE sale SET price = price - 1.5;
SELECT results_eq('SELECT id, price FROM sale ORDER BY 1', 'VALUES (1, 1::numeric), (4, 0.5), (5, 3.5)',
                  'UPDATE: the old row stays');
SELECT results_eq($$SELECT "row" FROM set_aside WHERE operation = 'update'$$,
                  $$VALUES ('{"id": 1, "wallet": "a", "price": -0.5}'::jsonb)$$, 'and the new one is set aside');
INSERT INTO sale VALUES (4, 'x', 7), (5, 'x', -7), (8, 'h', 8)
ON CONFLICT (id) DO UPDATE SET wallet = excluded.wallet, price = 1 - excluded.price;
SELECT results_eq('SELECT id, wallet, price FROM sale ORDER BY 1',
                  $$VALUES (1, 'a', 1::numeric), (4, 'd', 0.5), (5, 'e', 3.5), (8, 'h', 8)$$, 'ON CONFLICT DO UPDATE');
SELECT results_eq($$SELECT "row" -> 'price', operation FROM set_aside OFFSET 4$$,
                  $$VALUES ('-6'::jsonb, 'update'), ('-7', 'insert')$$, 'at its first step or at its second');

-- What has no place in quarantine.
CREATE TABLE huge (price int, t text);
SELECT load('huge', json_build_array(
    expect('column_values_to_be_between', '{"column": "price", "min_value": 0}'))) \g /dev/null
SELECT etl.enforce('huge', 'huge', 'quarantine') \g /dev/null
SELECT results_eq($$SELECT (e).state, (e).hint FROM error_of(
                        'INSERT INTO huge VALUES (-1, repeat(''x'', 268435456))') AS e$$, $$VALUES (
                  '54000',
                  'etl.quarantined_rows takes rows of up to 256 MB. Let etl.enforce reject or tag larger ones.')$$,
                  'a row that is too large is an error');

-- A row that a foreign key changes cannot stay behind.
CREATE TABLE shop (id int PRIMARY KEY);
CREATE TABLE stock (shop int REFERENCES shop ON UPDATE CASCADE ON DELETE SET NULL, amount int);
INSERT INTO shop VALUES (1), (2);
INSERT INTO stock VALUES (1, -1), (2, 1);
SELECT load('stock', json_build_array(
    expect('column_values_to_be_between', '{"column": "amount", "min_value": 0}'),
    expect('column_values_to_not_be_null', '{"column": "shop"}'))) \g /dev/null
SELECT etl.enforce('stock', 'stock', 'quarantine') \g /dev/null
SELECT throws_ok('UPDATE shop SET id = 3 WHERE id = 1', '23514', NULL, 'a cascade is refused');
SELECT throws_ok('DELETE FROM shop WHERE id = 2', '23514', NULL, 'so is a SET NULL');
SELECT lives_ok('UPDATE shop SET id = 4 WHERE id = 2',
                'a cascade to a row that keeps the suite is none of its business');
UPDATE stock SET shop = NULL WHERE amount = 1;
SELECT results_eq('SELECT shop FROM stock ORDER BY 1', 'VALUES (1), (4)', 'a user''s own update is set aside');

-- tag -----------------------------------------------------------------------------------------------------------------

CREATE TABLE tagged (id int PRIMARY KEY, price int, checked text[] DEFAULT '{}', other text[]);
INSERT INTO tagged VALUES (0, -1, NULL);
SELECT load('tags', json_build_array(
    expect('column_values_to_be_between', '{"column": "price", "min_value": 0}'),
    expect('column_values_to_be_in_set', '{"column": "price", "value_set": [1, 2]}'))) \g /dev/null
SELECT load('more tags', json_build_array(expect('row_condition', '{"condition": "id <> 3"}'))) \g /dev/null
SELECT etl.enforce('tagged', 'tags', 'tag', 'checked') \g /dev/null
SELECT throws_ok($$SELECT etl.enforce('tagged', 'more tags', 'tag', 'checked')$$, '42710',
                 'column "checked" of table "public.tagged" has the tags of suite "tags"',
                 'a column has one suite''s tags');
SELECT etl.enforce('tagged', 'more tags', 'tag', 'other') \g /dev/null
INSERT INTO tagged (id, price) VALUES (1, 1), (2, -2), (4, NULL);
INSERT INTO tagged VALUES (3, 3, '{mine}', '{mine}');
SELECT results_eq('SELECT id, checked, other FROM tagged ORDER BY id', $$VALUES
    (0, NULL::text[], NULL::text[]),
    (1, '{}', '{}'),
    (2, '{expect_column_values_to_be_between(price),expect_column_values_to_be_in_set(price)}', '{}'),
    (3, '{expect_column_values_to_be_in_set(price)}', '{expect_row_condition(id <> 3)}'),
    (4, '{}', '{}')$$, 'every row is stored, with what it breaks; rows from before have no tag');
UPDATE tagged SET price = 2 WHERE id IN (0, 2);
SELECT results_eq('SELECT id FROM tagged WHERE checked = ''{}'' ORDER BY id', 'VALUES (0), (1), (2), (4)',
                  'a row that is mended is tagged anew');
ALTER TABLE tagged DROP other;
SELECT throws_ok('UPDATE tagged SET price = 1', '42703',
                 'table "public.tagged" has no column "other" of type text[] to be tagged', 'the column is gone');
SELECT lives_ok($$SELECT etl.enforce('tagged', 'more tags', 'tag', 'other', add_column => true, replace => true)$$,
                'and comes back');
SELECT lives_ok('UPDATE tagged SET price = 1', 'so that all is well');

-- Severities and parameters -------------------------------------------------------------------------------------------

CREATE TABLE graded (a int, b int, c int);
SELECT etl.load_suite('{"name": "graded", "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}, "severity": "critical"},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "b"}, "severity": "warning"},
    {"type": "expect_column_values_to_be_between", "severity": "info",
     "kwargs": {"column": "c", "max_value": {"$PARAMETER": "most"}}}]}') \g /dev/null
SELECT throws_ok($$SELECT etl.enforce('graded', 'graded')$$, '22023', NULL, 'a parameter without a value');
SELECT etl.enforce('graded', 'graded', 'tag', add_column => true, params => '{"most": 10}') \g /dev/null
INSERT INTO graded VALUES (NULL, NULL, 11), (1, 1, 10);
SELECT results_eq('SELECT cardinality(validation_errors) FROM graded', 'VALUES (3), (0)', 'all severities');
SELECT etl.enforce('graded', 'graded', 'tag', min_severity => 'warning', params => '{"most": 10}', replace => true)
\g /dev/null
UPDATE graded SET c = 12;
SELECT results_eq('SELECT cardinality(validation_errors) FROM graded', 'VALUES (2), (0)', 'no infos');
SELECT etl.enforce('graded', 'graded', 'tag', min_severity => 'critical', params => '{"most": 10}', replace => true)
\g /dev/null
UPDATE graded SET c = 13;
SELECT results_eq('SELECT validation_errors FROM graded',
                  $$VALUES ('{expect_column_values_to_not_be_null(a)}'::text[]), ('{}')$$, 'nor warnings');

-- Columns of all kinds ------------------------------------------------------------------------------------------------

CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE spot AS (x int, y int);
CREATE TABLE kinds (d positive, m mood, s spot, a int[], r int4range, at timestamptz,
                    doubled int GENERATED ALWAYS AS (d * 2) STORED, big text);
SELECT load('kinds', json_build_array(
    expect('column_values_to_be_between', '{"column": "d", "max_value": 10}'),
    expect('column_values_to_be_between', '{"column": "doubled", "max_value": 16}'),
    expect('column_values_to_be_between', '{"column": "m", "min_value": "ok"}'),
    expect('column_values_to_be_in_set', '{"column": "s", "value_set": ["(1,2)"]}'),
    expect('column_values_to_be_in_set', '{"column": "a", "value_set": ["{1,2}", "{}"]}'),
    expect('row_condition', '{"condition": "r @> d::int AND doubled <> 4"}'),
    expect('column_value_lengths_to_be_between', '{"column": "big", "max_value": 1000000}'),
    expect('column_values_to_be_between', '{"column": "at", "min_value": "2025-01-01 12:00"}'))) \g /dev/null
SELECT etl.enforce('kinds', 'kinds', 'quarantine') \g /dev/null
INSERT INTO kinds (d, m, s, a, r, at, big) VALUES
    (5, 'ok', '(1,2)', '{1,2}', '[1,9)', '2025-01-01 12:00+00', repeat('x', 1000000)),
    (9, 'sad', '(1,3)', '{2,1}', '[1,9)', '2025-01-01 11:59+00', repeat('x', 1000001)),
    (2, NULL, NULL, NULL, '[1,9)', NULL, NULL);
SELECT results_eq('SELECT d, doubled FROM kinds', 'VALUES (5::positive, 10)',
                  'the types'' own order; generated columns');
SELECT results_eq($$SELECT "row" ->> 'd', "row" ->> 'doubled', reasons FROM set_aside WHERE relation = 'public.kinds'$$,
                  $$VALUES ('9', '18', ARRAY['expect_column_values_to_be_between(doubled)',
                                             'expect_column_values_to_be_between(m)',
                                             'expect_column_values_to_be_in_set(s)',
                                             'expect_column_values_to_be_in_set(a)',
                                             'expect_row_condition(r @> d::int AND doubled <> 4)',
                                             'expect_column_value_lengths_to_be_between(big)',
                                             'expect_column_values_to_be_between(at)']),
                           ('2', '4', ARRAY['expect_row_condition(r @> d::int AND doubled <> 4)'])$$, 'all reasons');
SET LOCAL timezone = 'America/New_York'; -- noon is five hours later there
SELECT is_empty($$INSERT INTO kinds (d, at, r) VALUES (6, '2025-01-01 16:59+00', '[1,9)') RETURNING 1$$,
                'literals are read by the time zone of the statement');
SET LOCAL timezone = 'UTC';
SELECT isnt_empty($$INSERT INTO kinds (d, at, r) VALUES (6, '2025-01-01 16:59+00', '[1,9)') RETURNING 1$$,
                  'and not by that of another');
UPDATE kinds SET d = 9 WHERE d = 5;
SELECT is((SELECT "row" -> 'doubled' FROM set_aside OFFSET (SELECT count(*) - 1 FROM set_aside)), '18',
          'a generated column is computed anew in UPDATE');

-- PostgreSQL 18 has generated columns that are not stored at all.
SELECT current_setting('server_version_num')::int >= 180000 AS has_virtual_columns \gset
\if :has_virtual_columns
CREATE TABLE virtual_column (a int, tripled int GENERATED ALWAYS AS (a * 3) VIRTUAL, b int);
SELECT load('virtual', json_build_array(
    expect('column_values_to_be_between', '{"column": "tripled", "max_value": 9}'),
    expect('row_condition', '{"condition": "tripled < b"}'))) \g /dev/null
SELECT etl.enforce('virtual_column', 'virtual', 'quarantine') \g /dev/null
INSERT INTO virtual_column (a, b) VALUES (1, 4), (2, 6), (4, 13);
SELECT results_eq('SELECT * FROM virtual_column', 'VALUES (1, 3, 4)', 'virtual columns');
SELECT results_eq($$SELECT "row" -> 'tripled', reasons FROM set_aside WHERE suite = 'virtual'$$, $$VALUES
    ('6'::jsonb, '{expect_row_condition(tripled < b)}'::text[]),
    ('12', '{expect_column_values_to_be_between(tripled)}')$$, 'are computed, too');
\else
SELECT pass('virtual columns') UNION ALL SELECT pass('are not there yet');
\endif

-- Partitions and inheritance ------------------------------------------------------------------------------------------

CREATE TABLE parted (id int, region text, price int) PARTITION BY LIST (region);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b (price int, gone int, region text, id int);
ALTER TABLE parted_b DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b');
SELECT load('parted', json_build_array(
    expect('row_condition', '{"condition": "parted.price > 0 AND NOT (region = ''c'' AND id = 7)"}'))) \g /dev/null
SELECT etl.enforce('parted', 'parted', 'quarantine') \g /dev/null
CREATE TABLE parted_c (id int, region text, price int, CHECK (region = 'c')) PARTITION BY LIST (id);
CREATE TABLE parted_c7 PARTITION OF parted_c DEFAULT;
ALTER TABLE parted ATTACH PARTITION parted_c FOR VALUES IN ('c');
INSERT INTO parted VALUES (1, 'a', 1), (2, 'a', -1), (3, 'b', 1), (4, 'b', -1), (5, 'c', 1), (6, 'c', -1);
SELECT results_eq('SELECT id, region FROM parted ORDER BY 1', $$VALUES (1, 'a'), (3, 'b'), (5, 'c')$$,
                  'partitions of any shape, also those that come later');
SELECT results_eq($$SELECT "row", relation FROM set_aside WHERE suite = 'parted'$$, $$VALUES
    ('{"id": 2, "region": "a", "price": -1}'::jsonb, 'public.parted'),
    ('{"id": 4, "region": "b", "price": -1}', 'public.parted'),
    ('{"id": 6, "region": "c", "price": -1}', 'public.parted')$$, 'their rows are the partitioned table''s');
UPDATE parted SET region = 'b', price = -id WHERE id = 1;
UPDATE parted SET region = 'c', id = 7 WHERE id = 3;
UPDATE parted SET region = 'b', id = 7 WHERE id = 5;
SELECT results_eq('SELECT tableoid::regclass, id FROM parted ORDER BY 2',
                  $$VALUES ('parted_a'::regclass, 1), ('parted_b', 3), ('parted_b', 7)$$,
                  'an UPDATE moves rows that keep the suite, and no others');
INSERT INTO parted_b (id, region, price) VALUES (8, 'b', -8);
SELECT results_eq($$SELECT relation, "row" -> 'id' FROM set_aside WHERE suite = 'parted' OFFSET 3$$,
                  $$VALUES ('public.parted', '1'::jsonb), ('public.parted', '7'), ('public.parted', '8')$$,
                  'a partition that is named is judged likewise');
SELECT throws_ok($$SELECT etl.enforce('parted_a', 'parted')$$, '42710',
                 'suite "parted" is enforced on table "public.parted_a" already', 'what covers a partition');
SELECT is(etl.enforce('parted_a', 'parted', 'quarantine', if_not_exists => true), 'zz_pg_etl_enforce_parted',
          'is no error on demand');
SELECT is((SELECT count(*) FROM etl.enforcements WHERE suite = 'parted'), 1::bigint, 'is listed once');
SELECT lives_ok($$SELECT etl.remove_enforcement('parted', 'parted')$$, 'removed');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgfoid = 'etl._enforce'::regproc
           AND tgrelid IN (SELECT relid FROM pg_partition_tree('parted'))), 0::bigint, 'from all partitions');

SELECT throws_ok($$SELECT etl.enforce('parted_a', 'parted', 'quarantine')$$, '42809',
                 'table "public.parted_a" is a partition', 'a partition does not keep rows out that come from another');
SELECT throws_ok($$SELECT etl.enforce('parted_c', 'parted', 'quarantine')$$, '42809', NULL, 'nor one with partitions');
SELECT lives_ok($$SELECT etl.enforce('parted_c7', 'parted')$$, 'it may reject them');
SELECT results_eq($$SELECT (e).state, (e).message, (e).detail, (e).hint FROM error_of(
                        'SELECT etl.enforce(''parted'', ''parted'', if_not_exists => true)') AS e$$, $$VALUES (
                  '42710', 'suite "parted" is enforced on table "public.parted_c7" already',
                  'That is a partition of "public.parted".',
                  'SELECT etl.remove_enforcement(''public.parted_c7'', ''parted''); ends that.')$$,
                  'and then its partitioned table is not enforced as well');
SELECT is((SELECT string_agg(relation::text, ',') FROM etl.enforcements WHERE suite = 'parted'), 'parted_c7',
          'nothing has changed');
SELECT etl.remove_enforcement('parted_c7') \g /dev/null

CREATE TEMPORARY TABLE brief (id int, region text, price int);
SELECT throws_ok($$SELECT etl.enforce('brief', 'parted', 'quarantine')$$, '42809', 'table "brief" is temporary',
                 'nobody could release the rows of a temporary table');
SELECT load('brief', json_build_array(expect('row_condition', '{"condition": "price > 0"}'))) \g /dev/null
SELECT lives_ok($$SELECT etl.enforce('brief', 'brief')$$, 'it may reject them');
SELECT throws_ok('INSERT INTO brief VALUES (1, NULL, -1)', '23514', NULL, 'and does');

CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
SELECT load('parent', json_build_array(expect('column_values_to_not_be_null', '{"column": "id"}'))) \g /dev/null
SELECT etl.enforce('parent', 'parent') \g /dev/null
SELECT lives_ok('INSERT INTO child VALUES (NULL)', 'children by inheritance have triggers of their own');
SELECT throws_ok('INSERT INTO parent VALUES (NULL)', '23514', NULL, 'their parent is judged');

-- Roles ---------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_enforce_owner;
CREATE ROLE etl_enforce_writer;
CREATE ROLE etl_enforce_reader;
CREATE SCHEMA shop AUTHORIZATION etl_enforce_owner;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
CREATE SCHEMA mine AUTHORIZATION etl_enforce_writer;
SET LOCAL ROLE etl_enforce_owner;
CREATE TABLE shop.item (id int PRIMARY KEY, price int, doubled int GENERATED ALWAYS AS (price * 2) STORED);
SELECT load('items', json_build_array(
    expect('column_values_to_be_between', '{"column": "price", "min_value": 0}'),
    expect('row_condition', '{"condition": "id <> 9 OR current_user = ''etl_enforce_reader''"}'))) \g /dev/null
SELECT lives_ok($$SELECT etl.enforce('shop.item', 'items', 'quarantine')$$, 'who owns a table enforces a suite');
SELECT throws_ok($$SELECT etl.enforce('shop.item', 'sales')$$, '42704', 'suite "sales" does not exist',
                 'not that of another role');
GRANT INSERT, TRIGGER ON shop.item TO etl_enforce_writer;
GRANT INSERT, SELECT, UPDATE ON shop.item TO etl_enforce_reader;
RESET ROLE;
SELECT throws_ok($$SELECT etl.enforce('shop.item', 'sales')$$, '42501',
                 'table "shop.item" belongs to role "etl_enforce_owner"', 'nobody else does, not even a superuser');
SELECT lives_ok($$INSERT INTO shop.item VALUES (1, 1), (2, -2)$$, 'everybody''s rows are judged');
SET LOCAL ROLE etl_enforce_writer;
SELECT throws_ok($$SELECT etl.enforce('shop.item', 'items')$$, '42501', NULL, 'TRIGGER is not enough');
SET LOCAL row_security = off; -- as pg_restore has it
SELECT lives_ok($$INSERT INTO shop.item VALUES (3, 3), (4, -4), (9, 9)$$, 'those of a role that sees no suite, too');
SET LOCAL row_security = on;
SELECT is_empty('SELECT FROM etl.quarantined_rows', 'it does not see what is set aside');
SELECT is_empty($$SELECT * FROM etl.suites WHERE suite = 'items'$$, 'nor by what');
SET LOCAL ROLE etl_enforce_reader;
SELECT lives_ok($$INSERT INTO shop.item VALUES (9, 9)$$, 'conditions run as the role that stores the row');
SET LOCAL ROLE etl_enforce_owner;
SELECT results_eq('SELECT id FROM shop.item ORDER BY 1', 'VALUES (1), (3), (9)', 'right rows are stored');
SELECT results_eq($$SELECT "row" ->> 'id', owner FROM etl.quarantined_rows ORDER BY quarantine_id$$,
                  $$VALUES ('2', 'etl_enforce_owner'::name), ('4', 'etl_enforce_owner'), ('9', 'etl_enforce_owner')$$,
                  'the others belong to the owner of the table');
SELECT etl.enforce('shop.item', 'items', replace => true) \g /dev/null
SET LOCAL ROLE etl_enforce_reader;
SELECT is((error_of('INSERT INTO shop.item VALUES (5, -5)')).detail,
          'The row breaks expect_column_values_to_be_between(price) with -5.', 'a value that the role could read');
SET LOCAL ROLE etl_enforce_writer;
SELECT is((error_of('INSERT INTO shop.item VALUES (5, -5)')).detail,
          'The row breaks expect_column_values_to_be_between(price).', 'and could not');
RESET ROLE;
ALTER TABLE shop.item ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_items ON shop.item USING (true);
SET LOCAL ROLE etl_enforce_reader;
SELECT is((error_of('UPDATE shop.item SET price = -1 WHERE id = 1')).detail,
          'The row breaks expect_column_values_to_be_between(price).', 'nor with row security, as PostgreSQL does');

-- A condition stays with the role that stores the row.
SET LOCAL ROLE etl_enforce_owner;
CREATE FUNCTION shop.escapes() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', 'none', true);
    RETURN true;
END
$$;
CREATE TABLE shop.bait (id int);
SELECT load('bait', json_build_array(expect('row_condition', '{"condition": "shop.escapes()"}'))) \g /dev/null
SELECT etl.enforce('shop.bait', 'bait') \g /dev/null
SELECT throws_ok('INSERT INTO shop.bait VALUES (1)', '42501',
                 'cannot set parameter "role" within security-definer function',
                 'a condition that wants to leave its role');
SELECT throws_ok($$SELECT etl.violations('bait', ROW(1)::shop.bait)$$, '42501', NULL, 'in etl.violations, too');
SELECT is(current_user::text, 'etl_enforce_owner', 'the role is what it was');
SELECT lives_ok('SET LOCAL ROLE etl_enforce_owner', 'and may change outside of it');

-- Schemas that the owner has registered hold for others, and may be replaced.
CREATE TABLE shop.form (doc json);
GRANT INSERT ON shop.form TO etl_enforce_writer;
SELECT etl.register_json_schema('https://example.com/n.json', '{"type": "integer"}') \g /dev/null
SELECT load('forms', json_build_array(expect('column_values_to_match_json_schema',
    '{"column": "doc", "json_schema": {"properties": {"n": {"$ref": "https://example.com/n.json"}}}}'))) \g /dev/null
SELECT etl.enforce('shop.form', 'forms') \g /dev/null
SET LOCAL ROLE etl_enforce_writer;
SELECT lives_ok($$INSERT INTO shop.form VALUES ('{"n": 1}')$$, 'a document that keeps a registered schema');
SELECT throws_ok($$INSERT INTO shop.form VALUES ('{"n": "x"}')$$, '23514', NULL, 'and one that does not');
SET LOCAL ROLE etl_enforce_owner;
SELECT etl.register_json_schema('https://example.com/n.json', '{"type": "string"}', replace => true) \g /dev/null
SET LOCAL ROLE etl_enforce_writer;
SELECT lives_ok($$INSERT INTO shop.form VALUES ('{"n": "x"}')$$, 'until the schema is another');

-- A trigger of one's own does not reach another role's suite, or quarantine.
SET LOCAL ROLE etl_enforce_writer;
CREATE TABLE mine.trap (id int, price int);
CREATE TRIGGER trap BEFORE INSERT ON mine.trap FOR EACH ROW EXECUTE FUNCTION etl._enforce('items', 'quarantine');
SELECT throws_ok('INSERT INTO mine.trap VALUES (1, -1)', '42704',
                 'suite "items" that is enforced on table "mine.trap" does not exist', 'another role''s suite');
CREATE TRIGGER trap BEFORE INSERT ON shop.item FOR EACH ROW EXECUTE FUNCTION etl._enforce('items', 'quarantine');
INSERT INTO shop.item VALUES (6, -6);
SELECT is_empty('SELECT FROM etl.quarantined_rows', 'what goes to another''s quarantine is the other''s');
RESET ROLE;
DROP TRIGGER trap ON shop.item;
ALTER TABLE shop.item DISABLE ROW LEVEL SECURITY;
ALTER TABLE shop.item OWNER TO etl_enforce_reader;
SELECT throws_ok('INSERT INTO shop.item VALUES (7, 7)', '42704', NULL, 'a new owner needs the suite');
SELECT lives_ok($$SELECT etl.remove_enforcement('shop.item')$$, 'or removes the enforcement');

-- What is kept from statement to statement ----------------------------------------------------------------------------

CREATE TABLE dated (d date, t text);
SELECT load('dated', json_build_array(
    expect('column_values_to_be_between', '{"column": "d", "max_value": "today"}'))) \g /dev/null
SELECT etl.enforce('dated', 'dated', 'tag', add_column => true) \g /dev/null
SELECT results_eq($$INSERT INTO dated VALUES (current_date), (current_date + 1)
                    RETURNING cardinality(validation_errors)$$,
                  'VALUES (0), (1)', 'a literal that is another one every day');
-- Two tables of the same shape in one session, and one of another.
CREATE TABLE twin_a (id int, price int);
CREATE TABLE twin_b (id int, price int);
CREATE TABLE twin_c (price int, id int);
SELECT load('twins', json_build_array(expect('row_condition', '{"condition": "price > 0"}'))) \g /dev/null
SELECT etl.enforce(x, 'twins', 'quarantine') FROM unnest('{twin_a,twin_b,twin_c}'::regclass[]) AS x \g /dev/null
WITH a AS (INSERT INTO twin_a VALUES (1, 1), (1, -1)), b AS (INSERT INTO twin_b VALUES (2, 2), (2, -2))
INSERT INTO twin_c VALUES (3, 3), (-3, 3);
SELECT results_eq('SELECT * FROM twin_a UNION ALL SELECT * FROM twin_b UNION ALL SELECT id, price FROM twin_c',
                  'VALUES (1, 1), (2, 2), (3, 3)', 'three tables in one statement');
SELECT results_eq($$SELECT relation, "row" -> 'price' FROM set_aside WHERE suite = 'twins' ORDER BY 1$$,
                  $$VALUES ('public.twin_a', '-1'::jsonb), ('public.twin_b', '-2'), ('public.twin_c', '-3')$$,
                  'each with its rows');
SELECT lives_ok($outer$DO $$
BEGIN
    FOR i IN 1 .. 100 LOOP
        PERFORM load('twins', json_build_array(expect(
            'row_condition', json_build_object('condition', 'price > ' || i))));
        INSERT INTO twin_a VALUES (i, i), (i, i + 1);
    END LOOP;
END
$$$outer$, 'a hundred suites in one transaction');
SELECT is((SELECT count(*) FROM twin_a WHERE price > 1), 100::bigint, 'each judges its statement');

-- The extension goes --------------------------------------------------------------------------------------------------

SELECT throws_ok('DROP EXTENSION pg_etl', '2BP01', NULL, 'the triggers need the extension');
SAVEPOINT with_extension;
DROP EXTENSION pg_etl CASCADE;
INSERT INTO twin_a VALUES (-1, -1);
ROLLBACK TO with_extension;
SELECT pass('CASCADE leaves the table without them');

SELECT * FROM finish();
ROLLBACK;
