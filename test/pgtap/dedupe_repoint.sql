-- etl.dedupe and foreign keys: what repoint and keep => 'merge' may change of a reference, what hints say, and tables
-- whose columns have the names that queries of ours use.
BEGIN;
SELECT plan(27);

-- Columns that others refer to keep their values

CREATE TABLE customer (id int PRIMARY KEY, email text, code text UNIQUE, name text);
CREATE TABLE purchase (id int PRIMARY KEY, code text REFERENCES customer (code) ON UPDATE CASCADE);
CREATE TABLE visit (id int PRIMARY KEY, code text REFERENCES customer (code) ON UPDATE SET NULL);
INSERT INTO customer VALUES (1, 'a', 'A', 'Ann'), (2, 'a', 'B', NULL);
INSERT INTO purchase VALUES (1, 'B');
INSERT INTO visit VALUES (1, 'B');
CREATE TABLE customer_before AS SELECT * FROM customer;
CREATE TABLE merged AS
    SELECT * FROM etl.dedupe('customer', '{email}', 'merge', 'id', rules => '{"columns": {"name": "first"}}');
SELECT results_eq('SELECT id, email, code, name FROM customer', $$VALUES (2, 'a', 'B', 'Ann')$$,
                  'a column that others refer to is not merged');
SELECT is((SELECT code FROM purchase), 'B', 'so nothing is passed on');
SELECT is((SELECT code FROM visit), 'B', 'nor cleared');
SELECT is(put_back + changed_back, 2::bigint, 'and the way back') FROM merged, etl.undo_dedupe(run);
SELECT set_eq('SELECT * FROM customer', 'SELECT * FROM customer_before', 'gives all back');
SELECT throws_ok(format('SELECT * FROM etl.dedupe(%L, %L, %L, %L, rules => %L)', 'customer', '{email}', 'merge', 'id',
                        format('{"columns": {"%s": "first"}}', name)), '22023',
                 format('column "%s" cannot take a value of another row', name), 'a rule for such a column')
FROM (VALUES ('code'), ('id'), ('email')) AS c(name);
CREATE TABLE parted (id int, k int, code int, note text, PRIMARY KEY (id), UNIQUE (id, code)) PARTITION BY RANGE (id);
CREATE TABLE parted_1 (note text, gone int, code int, k int, id int NOT NULL);
ALTER TABLE parted_1 DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES FROM (0) TO (10);
CREATE TABLE part (id int, code int, FOREIGN KEY (id, code) REFERENCES parted_1 (id, code));
SELECT is(etl._referenced_columns('parted'), '{code,id}'::name[], 'also where a partition alone is referred to');

-- Nothing to point at

UPDATE purchase SET code = 'A';
UPDATE visit SET code = NULL;
UPDATE customer SET code = NULL WHERE id = 2;
SELECT throws_ok(
    format($$SELECT * FROM etl.dedupe('customer', '{email}', 'last', 'id', repoint => '{purchase}', %s)$$, how),
    '23503',
    'a row of table "public.purchase" cannot be pointed at the row to keep, which has no value to point at',
    'refused, ' || how)
FROM (VALUES ('audit => true'), ('audit => false')) AS h(how);
SELECT throws_ok($$SELECT * FROM etl.dedupe('customer', '{email}', 'merge', 'id', repoint => '{purchase}')$$, '23503',
                 NULL, 'also where rows are merged');
SELECT is((SELECT code FROM purchase), 'A', 'and the reference is what it was');
CREATE FUNCTION complaint(call text, OUT detail text, OUT hint text, OUT constraint_name text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE call;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
            constraint_name = CONSTRAINT_NAME;
END
$$;
SELECT results_eq($$SELECT detail, constraint_name FROM complaint(
                      'SELECT etl.dedupe(''customer'', ''{email}'', ''last'', ''id'', repoint => ''{purchase}'')')$$,
                  $$VALUES ('Foreign key "purchase_code_fkey" refers to (code), which is NULL there. The row is '
                            '{"id": "1", "code": "A"}.', 'purchase_code_fkey')$$, 'the error names both');
SELECT is(removed, 1::bigint, 'the way that its hint tells')
FROM etl.dedupe('customer', '{email}', 'most_complete', 'id', repoint => '{purchase}');

-- A table that refers to itself

CREATE TABLE node (id int PRIMARY KEY, k int, parent int REFERENCES node);
INSERT INTO node VALUES (1, 1, NULL), (2, 1, NULL), (3, 2, 1);
SELECT matches((complaint($$SELECT etl.dedupe('node', '{k}', 'last', 'id')$$)).hint, '^Point the rows of this table .*',
               'the hint is not to repoint it');
SELECT unalike((complaint($$SELECT etl.dedupe('node', '{k}', 'last', 'id')$$)).hint, '%repoint%', 'really not');
UPDATE node SET parent = 2 WHERE parent = 1;
SELECT is(removed, 1::bigint, 'and it is true') FROM etl.dedupe('node', '{k}', 'last', 'id');

-- Names that our queries use, too

CREATE TABLE names (
    s int PRIMARY KEY, k text, t text, n text, c text, b text, r text, l text, p text, j text, g text, m text,
    loser text, kept text, referring text, child text, "row" text, before text, after text, place text, tab text,
    gone text, changed text, stored text, made text, d text, texts text, run text, target text, keys text, audit text,
    v1 text, s1 text, nth text, lost text, written text, refused text, "values" text, relation text, owner text UNIQUE,
    f text GENERATED ALWAYS AS (lower(s::text || r || p || j || k)) STORED);
CREATE TABLE refers (
    s int PRIMARY KEY, m int REFERENCES names ON DELETE CASCADE, loser text REFERENCES names (owner), kept text, l text,
    referring text, r text, c text, n text, t text, b text, before text, v1 text, place text, tab text, changed text);
INSERT INTO names (s, k, owner, "row", t) VALUES
    (1, 'x', 'one', 'r', 't'), (2, 'x', 'two', NULL, NULL), (3, 'y', 'three', 'r', 'u');
INSERT INTO refers (s, m, loser, r) VALUES (1, 1, 'one', 'r');
CREATE TABLE names_before AS SELECT * FROM names;
CREATE TABLE refers_before AS SELECT * FROM refers;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(NEW, OLD); END $$;
CREATE TRIGGER nothing BEFORE INSERT OR DELETE ON names FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TABLE call_of_names AS
    SELECT * FROM etl.dedupe('names', '{k}', 'merge', 's', nulls_equal => true, where_sql => 's > 0',
                             repoint => '{refers}');
SELECT results_eq('SELECT s, "row", t, owner FROM names ORDER BY s',
                  $$VALUES (2, 'r', 't', 'two'), (3, 'r', 'u', 'three')$$, 'a row of them is merged');
SELECT results_eq('SELECT s, m, loser, r FROM refers', $$VALUES (1, 2, 'two', 'r')$$, 'and what refers to it follows');
SELECT is(put_back, 1::bigint, 'the way back') FROM call_of_names, etl.undo_dedupe(run);
SELECT set_eq('SELECT * FROM names', 'SELECT * FROM names_before', 'gives the table back');
SELECT set_eq('SELECT * FROM refers', 'SELECT * FROM refers_before', 'and the other one');
CREATE TABLE numbers (s int PRIMARY KEY, k int, l int, g int, kept int, place int, nth int, one_row int);
INSERT INTO numbers (s, k) VALUES (1, 1), (2, 1), (3, 2);
SELECT is(removed, 1::bigint, 'a table of numbers') FROM etl.dedupe('numbers', '{k}', 'last', 's');
SELECT results_eq($$SELECT survivor FROM etl.removed_duplicates WHERE relation = 'public.numbers'$$,
                  $$VALUES ('{"s": "2"}'::jsonb)$$, 'and the row of it that stayed');
UPDATE refers SET loser = NULL;
SELECT throws_ok($$SELECT * FROM etl.dedupe('names', '{k}', 'last', 's')$$, '23503',
                 'duplicates in table "public.names" are referenced from table "public.refers"',
                 'looking for cascades');
UPDATE names SET t = 'same', "row" = 'same' WHERE k = 'x';
DELETE FROM refers;
CREATE OR REPLACE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM public.names WHERE s = 2 AND OLD.s = 1;
    RETURN OLD;
END
$$;
SELECT throws_ok($$SELECT * FROM etl.dedupe('names', '{k,c,j,t,lost,row}', 'last', 's', nulls_equal => true)$$, '09000',
                 NULL, 'looking for the row to keep');

SELECT * FROM finish();
ROLLBACK;
