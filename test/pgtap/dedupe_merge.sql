-- etl.dedupe(…, keep => 'merge'): one row out of several, and the way back.
BEGIN;
SELECT plan(33);

CREATE TABLE contact (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text, name text, phone text UNIQUE, price numeric, seen date,
    folded text GENERATED ALWAYS AS (lower(name)) STORED);
INSERT INTO contact (email, name, phone, price, seen) VALUES
    ('a', 'Ann', '1', 1.00, '2025-01-01'), ('a', NULL, NULL, 2.0, '2025-01-03'), ('a', 'Anna Maria', '2', NULL,
     '2025-01-02'),
    ('b', 'Bob', '3', 5, '2025-01-01'), ('c', 'Cid', '4', NULL, NULL), ('c', 'Cid', NULL, NULL, '2025-01-01'),
    (NULL, 'x', '8', NULL, NULL), (NULL, 'y', '9', NULL, NULL);
CREATE TABLE before AS SELECT c.*, c::text AS picture FROM contact AS c;
CREATE TABLE call AS SELECT * FROM etl.dedupe('contact', '{email}', 'merge', 'seen');
SELECT results_eq('SELECT groups, duplicates, removed FROM call', 'VALUES (2::bigint, 3::bigint, 3::bigint)', 'counts');
SELECT results_eq('SELECT id, email, name, phone, price::text, seen, folded FROM contact ORDER BY id',
                  $$VALUES (2, 'a', 'Anna Maria', '2', '2.0', '2025-01-03'::date, 'anna maria'), (4, 'b', 'Bob', '3',
                  '5', '2025-01-01', 'bob'),
                           (6, 'c', 'Cid', '4', NULL, '2025-01-01', 'cid'), (7, NULL, 'x', '8', NULL, NULL, 'x'),
                           (8, NULL, 'y', '9', NULL, NULL, 'y')$$,
                  'the last row of each key has the last values that are not NULL, also one that is unique');
SELECT results_eq($$SELECT before ->> 'name', after ->> 'name',
                  after ->> 'folded' FROM etl.dedupe_changes JOIN call USING (run)
                    ORDER BY (before ->> 'id')::int$$,
                  $$VALUES (NULL::text, 'Anna Maria', 'anna maria'), ('Cid', 'Cid', 'cid')$$, 'which is written down');
SAVEPOINT merged;
UPDATE contact SET name = 'Anne' WHERE id = 2;
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '55000', NULL,
                 'nothing is undone that has changed since')
FROM call;
ROLLBACK TO merged;
DELETE FROM contact WHERE id = 2;
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '55000', NULL, 'or that is gone') FROM call;
ROLLBACK TO merged;
SELECT results_eq('SELECT u.* FROM call, etl.undo_dedupe(run) AS u', 'VALUES (3::bigint, 2::bigint)', 'the way back');
SELECT results_eq('SELECT c::text FROM contact AS c ORDER BY id', 'SELECT picture FROM before ORDER BY id',
                  'gives the table back');
SELECT is_empty('SELECT * FROM etl.dedupe_changes', 'and leaves nothing in the audit');

-- Rules
CREATE FUNCTION merged(rules jsonb, order_by text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    row text;
BEGIN
    PERFORM etl.dedupe('contact', '{email}', 'merge', order_by, rules => rules);
    SELECT concat_ws(',', id, name, phone, price, seen) INTO row FROM contact WHERE email = 'a';
    RAISE EXCEPTION USING ERRCODE = 'TAP01', MESSAGE = row;
EXCEPTION
    WHEN SQLSTATE 'TAP01' THEN
        RETURN row;
END
$$;
SELECT is(merged(rules, order_by), wanted, format('%s by %s', rules, order_by))
FROM (VALUES
    (NULL::jsonb, 'seen', '2,Anna Maria,2,2.0,2025-01-03'),
    ('{}', 'id', '3,Anna Maria,2,2.0,2025-01-02'),
    ('{"default": "first"}', 'seen', '2,Ann,1,1.00,2025-01-01'),
    ('{"columns": {"name": "longest", "price": "min", "phone": "first"}}', 'seen', '2,Anna Maria,1,1.00,2025-01-03'),
    ('{"order_by": "price"}', 'seen', '2,Ann,1,2.0,2025-01-03')
) AS r(rules, order_by, wanted);
SELECT throws_ok(format('SELECT * FROM etl.dedupe(%s)', call), state, NULL, call)
FROM (VALUES
    ($$'contact', '{email}', 'last', rules => '{}'$$, '22023'),
    ($$'contact', '{email}', 'merge', rules => '[]'$$, '22023'),
    ($$'contact', '{email}', 'merge', rules => '{"columns": {"nope": "first"}}'$$, '42703')
) AS w(call, state);

-- Without audit, without a primary key, on partitions, with a trigger
SELECT is(merged(NULL, 'seen'), '2,Anna Maria,2,2.0,2025-01-03', 'once more');
SELECT is(run IS NULL, true, 'a dry run') FROM etl.dedupe('contact', '{email}', 'merge', 'seen', dry_run => true);
SELECT results_eq('SELECT c::text FROM contact AS c ORDER BY id', 'SELECT picture FROM before ORDER BY id',
                  'changes nothing');
SAVEPOINT silent;
SELECT is(removed, 3::bigint, 'without audit') FROM etl.dedupe('contact', '{email}', 'merge', 'seen', audit => false);
SELECT is(count(*), 0::bigint, 'nothing is written down') FROM etl.dedupe_change;
SELECT is(name, 'Anna Maria', 'and the values are there all the same') FROM contact WHERE id = 2;
ROLLBACK TO silent;
CREATE TABLE bare (k int, n numeric, t text, o int);
INSERT INTO bare VALUES (1, 1.0, NULL, 1), (1, NULL, 'x', 2), (NULL, 1, NULL, 1), (NULL, NULL, 'y', 2), (2, 3, 'z', 1);
CREATE TABLE bare_before AS SELECT *, n::text AS digits FROM bare;
CREATE TABLE bare_call AS SELECT * FROM etl.dedupe('bare', '{k}', 'merge', 'o', nulls_equal => true);
SELECT set_eq('SELECT k, n::text, t, o FROM bare', $$VALUES (1, '1.0', 'x', 2), (NULL, '1', 'y', 2), (2, '3', 'z', 1)$$,
              'a table without a primary key, and NULL keys');
SELECT results_eq('SELECT u.* FROM bare_call, etl.undo_dedupe(run) AS u', 'VALUES (2::bigint, 2::bigint)', 'and back');
SELECT set_eq('SELECT *, n::text AS digits FROM bare', 'SELECT * FROM bare_before', 'to the letter');
CREATE TABLE parted (id int, k int, t text, u text, o int) PARTITION BY RANGE (o);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
INSERT INTO parted VALUES (1, 1, 'x', NULL, 1), (2, 1, NULL, 'y', 11), (3, 2, 'z', NULL, 12);
CREATE TABLE parted_call AS SELECT * FROM etl.dedupe('parted', '{k}', 'merge', 'o');
SELECT set_eq('SELECT * FROM parted', $$VALUES (2, 1, 'x', 'y', 11), (3, 2, 'z', NULL, 12)$$, 'across partitions');
SELECT results_eq('SELECT u.* FROM parted_call, etl.undo_dedupe(run) AS u', 'VALUES (1::bigint, 1::bigint)',
                  'and back');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.price := -1; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON contact FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE touched AS SELECT * FROM etl.dedupe('contact', '{email}', 'merge', 'seen');
SELECT is(price, -1::numeric, 'a trigger may change what is stored') FROM contact WHERE id = 2;
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '09000',
                 '2 of 2 rows of table "public.contact" did not take their former values',
                 'but not on the way back: values are to be what they were') FROM touched;
ALTER TABLE contact DISABLE TRIGGER touch;
SELECT is(changed_back, 2::bigint, 'which knows what it has stored') FROM touched, etl.undo_dedupe(run);
SELECT results_eq('SELECT c::text FROM contact AS c ORDER BY id', 'SELECT picture FROM before ORDER BY id',
                  'to the letter');
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER hold BEFORE UPDATE ON contact FOR EACH ROW EXECUTE FUNCTION hold();
SELECT throws_ok($$SELECT * FROM etl.dedupe('contact', '{email}', 'merge', 'seen')$$, '09000', NULL,
                 'or hold it back: refused');

CREATE ROLE etl_merge_user;
GRANT SELECT, DELETE ON bare TO etl_merge_user;
SET ROLE etl_merge_user;
SELECT throws_ok($$SELECT * FROM etl.dedupe('public.bare', '{k}', 'merge', 'o')$$, '42501', NULL, 'it needs UPDATE');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
