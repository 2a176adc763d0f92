-- etl.dedupe on partitions, inheritance, foreign keys, triggers, generated columns, row security and as another role.
BEGIN;
SELECT plan(45);

-- Partitions ----------------------------------------------------------------------------------------------------------

CREATE TABLE sale (id int, ticket text, sold_at date) PARTITION BY RANGE (sold_at);
CREATE TABLE sale_1 PARTITION OF sale FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE sale_2 PARTITION OF sale FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
CREATE TABLE sale_rest PARTITION OF sale DEFAULT;
INSERT INTO sale VALUES (1, 'a', '2025-01-05'), (2, 'b', '2025-01-06'), (3, 'a', '2025-02-05'), (4, 'c', '2025-02-06'),
    (5, 'a', '2024-01-01'), (6, 'b', NULL);
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('sale', '{ticket}', order_by => 'sold_at')$$,
                  $$VALUES (2::bigint, 3::bigint, 3::bigint)$$, 'duplicates across partitions');
SELECT results_eq('SELECT id FROM sale ORDER BY id', 'VALUES (2), (3), (4)', 'the latest stay, wherever they lie');
INSERT INTO sale VALUES (7, 'c', '2025-01-01'), (8, 'c', '2025-02-07');
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('sale_2', '{ticket}', 'first')$$,
                  $$VALUES (1::bigint, 1::bigint, 1::bigint)$$, 'one partition alone');
SELECT results_eq('SELECT id FROM sale ORDER BY id', 'VALUES (2), (3), (4), (7)', 'leaves the other partitions alone');

CREATE TABLE empty_parent (id int) PARTITION BY LIST (id);
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('empty_parent', '{id}')$$,
                  $$VALUES (0::bigint, 0::bigint, 0::bigint)$$, 'a partitioned table without a partition');

CREATE TABLE base (id int, k int);
CREATE TABLE derived (extra text) INHERITS (base);
INSERT INTO base VALUES (1, 1), (2, 2);
INSERT INTO derived VALUES (3, 1, 'x'), (4, 3, 'x');
SELECT throws_ok($$SELECT groups, duplicates, removed FROM etl.dedupe('base', '{k}', 'first', 'id')$$, '42809', NULL,
                 'a child with columns of its own has rows that an audit would lose');
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('base', '{k}', 'first', 'id', audit => false)$$,
                  $$VALUES (1::bigint, 1::bigint, 1::bigint)$$, 'a table with a child');
SELECT results_eq('SELECT id FROM base ORDER BY id', 'VALUES (1), (2), (4)', 'the child''s row went');

CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER away FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE sale_far PARTITION OF sale FOR VALUES FROM ('2030-01-01') TO ('2031-01-01') SERVER away;
SELECT throws_ok($$SELECT groups, duplicates, removed FROM etl.dedupe('sale', '{ticket}')$$, '42809',
                 'partition "public.sale_far" of table "public.sale" is a foreign table',
                 'a foreign partition is refused');

-- Foreign keys --------------------------------------------------------------------------------------------------------

CREATE TABLE customer (id int PRIMARY KEY, email text);
CREATE TABLE visit (customer_id int REFERENCES customer);
INSERT INTO customer VALUES (1, 'a'), (2, 'a'), (3, 'b');
INSERT INTO visit VALUES (2);
SELECT throws_like($$SELECT groups, duplicates, removed FROM etl.dedupe('customer', '{email}', 'first', 'id')$$,
                   '%violates foreign key constraint "visit_customer_id_fkey"%', 'a referenced loser is an error');
SELECT is((SELECT count(*) FROM customer), 3::bigint, 'and nothing is deleted');
SELECT results_eq($$SELECT groups, duplicates, removed
                    FROM etl.dedupe('customer', '{email}', 'last', 'id', dry_run => true)$$,
                  $$VALUES (1::bigint, 1::bigint, 1::bigint)$$, 'losers that nobody refers to may go');
SELECT throws_ok($$SELECT groups, duplicates, removed
                   FROM etl.dedupe('customer', '{email}', 'first', 'id', dry_run => true)$$, '23503', NULL,
                 'a dry run meets the same error');

CREATE TABLE basket (customer_id int CONSTRAINT basket_customer REFERENCES customer ON DELETE CASCADE);
INSERT INTO basket VALUES (1);
SELECT throws_ok($$SELECT groups, duplicates, removed FROM etl.dedupe('customer', '{email}', 'last', 'id')$$, '23503',
                 'duplicates in table "public.customer" are referenced from table "public.basket"',
                 'ON DELETE CASCADE would take rows of another table along: refused');
SELECT is((SELECT count(*) FROM basket), 1::bigint, 'and nothing is deleted there');
UPDATE basket SET customer_id = 3;
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('customer', '{email}', 'last', 'id')$$,
                  $$VALUES (1::bigint, 1::bigint, 1::bigint)$$, 'a cascade that hits nothing is no obstacle');

CREATE TABLE parted (id int, k int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (20);
CREATE TABLE note (id int, parted_id int REFERENCES parted ON DELETE SET NULL) PARTITION BY LIST (id);
CREATE TABLE note_all PARTITION OF note DEFAULT;
INSERT INTO parted VALUES (1, 1), (11, 1), (12, 2), (13, 2);
INSERT INTO note VALUES (1, 12);
SELECT throws_ok($$SELECT groups, duplicates, removed FROM etl.dedupe('parted', '{k}', 'last', 'id')$$, '23503',
                 'duplicates in table "public.parted" are referenced from table "public.note"',
                 'ON DELETE SET NULL between partitioned tables: refused');
SELECT throws_ok($$SELECT groups, duplicates, removed FROM etl.dedupe('parted_high', '{k}', 'last', 'id')$$, '23503',
                 'duplicates in table "public.parted_high" are referenced from table "public.note"',
                 'also when one partition is deduped alone');
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('parted', '{k}', 'first', 'id')$$,
                  $$VALUES (2::bigint, 2::bigint, 2::bigint)$$, 'and allowed when it refers to a row that stays');

-- Triggers, generated columns -----------------------------------------------------------------------------------------

CREATE TABLE audited (id int, name text, folded text GENERATED ALWAYS AS (lower(name)) STORED);
CREATE TABLE audit (id int);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.audit VALUES (OLD.id);
    RETURN OLD;
END
$$;
CREATE TRIGGER audit AFTER DELETE ON audited FOR EACH ROW EXECUTE FUNCTION audit();
INSERT INTO audited (id, name) VALUES (1, 'Ann'), (2, 'ANN'), (3, 'Bob');
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('audited', '{folded}', dry_run => true)$$,
                  $$VALUES (1::bigint, 1::bigint, 1::bigint)$$, 'a generated column as key');
SELECT is_empty('SELECT * FROM audit', 'a dry run takes back what triggers did');
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('audited', '{folded}')$$,
                  $$VALUES (1::bigint, 1::bigint, 1::bigint)$$, 'the same for real');
SELECT results_eq('SELECT id FROM audit', 'VALUES (1)', 'triggers fire for the losers alone');

CREATE FUNCTION hold_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER hold_back BEFORE DELETE ON audited FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION hold_back();
INSERT INTO audited (id, name) VALUES (1, 'x'), (4, 'x'), (5, 'x');
SET LOCAL client_min_messages = error;
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('audited', '{folded}')$$,
                  $$VALUES (1::bigint, 2::bigint, 1::bigint)$$,
                  'a row that a trigger holds back is not counted as removed');
RESET client_min_messages;

-- Types and settings of the caller ------------------------------------------------------------------------------------

CREATE SCHEMA other;
CREATE FUNCTION other.even(int) RETURNS bool LANGUAGE sql AS 'SELECT $1 % 2 = 0';
CREATE TABLE other.thing (id int, k int);
INSERT INTO other.thing SELECT i, 1 FROM generate_series(1, 6) AS i;
SET LOCAL search_path = other, public;
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('thing', '{k}', where_sql => 'other.even(id)')$$,
                  $$VALUES (1::bigint, 2::bigint, 2::bigint)$$, 'the caller''s search_path finds the table');
SELECT throws_ok($$SELECT groups, duplicates, removed
                   FROM etl.dedupe('thing', '{k}', where_sql => 'even(id)')$$, '42883', NULL,
                 'a condition names functions with their schema');
SELECT is(current_setting('search_path'), 'other, public', 'and the search_path stays as it is');
SET LOCAL search_path = public;

CREATE TEMP TABLE scratch (id int, k int);
INSERT INTO scratch VALUES (1, 1), (2, 1);
SELECT results_eq($$SELECT groups, duplicates, removed
                    FROM etl.dedupe('scratch', '{k}')$$, $$VALUES (1::bigint, 1::bigint, 1::bigint)$$,
                  'a temporary table');

-- Another role --------------------------------------------------------------------------------------------------------

CREATE ROLE etl_dedupe_user;
CREATE TABLE private (id int, k int);
INSERT INTO private VALUES (1, 1), (2, 1);
SET ROLE etl_dedupe_user;
SELECT throws_ok($$SELECT groups, duplicates, removed FROM etl.dedupe('public.private', '{k}')$$, '42501',
                 'permission denied for table "public.private"', 'no privilege at all');
SELECT throws_ok($$SELECT * FROM etl.duplicates('public.private', '{k}')$$, '42501', NULL, 'nor for the list');
RESET ROLE;
GRANT SELECT ON private TO etl_dedupe_user;
SET ROLE etl_dedupe_user;
SELECT throws_ok($$SELECT groups, duplicates, removed FROM etl.dedupe('public.private', '{k}')$$, '42501', NULL,
                 'SELECT is not enough to delete');
SELECT throws_ok($$SELECT groups, duplicates, removed
                   FROM etl.dedupe('public.private', '{k}', dry_run => true)$$, '42501', NULL,
                 'nor for a dry run');
SELECT results_eq($$SELECT * FROM etl.duplicates('public.private', '{k}')$$,
                  $$VALUES ('{"k": 1}'::jsonb, 2::bigint)$$, 'but for the list');
RESET ROLE;
GRANT DELETE ON private TO etl_dedupe_user;
SET ROLE etl_dedupe_user;
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('public.private', '{k}')$$,
                  $$VALUES (1::bigint, 1::bigint, 1::bigint)$$, 'SELECT and DELETE are');
RESET ROLE;

GRANT SELECT, DELETE ON sale, customer TO etl_dedupe_user;
DROP FOREIGN TABLE sale_far;
INSERT INTO sale VALUES (9, 'c', '2024-05-05');
INSERT INTO customer VALUES (4, 'b');
SET ROLE etl_dedupe_user;
SELECT results_eq($$SELECT groups, duplicates, removed
                    FROM etl.dedupe('public.sale', '{ticket}', order_by => 'sold_at')$$,
                  $$VALUES (1::bigint, 2::bigint, 2::bigint)$$,
                  'the privilege on a partitioned table is that of the parent');
SELECT throws_ok($$SELECT groups, duplicates, removed
                   FROM etl.dedupe('public.customer', '{email}', 'first', 'id')$$, '42501',
                 'permission denied for table "public.basket"',
                 'a table that a cascade could empty must be readable, to look whether it would');
RESET ROLE;
SELECT throws_ok($$SELECT groups, duplicates, removed
                   FROM etl.dedupe('customer', '{email}', 'last', 'id')$$, '23503', NULL, 'it would');

-- Row security --------------------------------------------------------------------------------------------------------

CREATE TABLE tenant (id int, k int, owner name);
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenant USING (owner = current_user);
GRANT SELECT, DELETE ON tenant TO etl_dedupe_user;
INSERT INTO tenant VALUES (1, 1, 'etl_dedupe_user'), (2, 1, 'etl_dedupe_user'), (3, 1, 'postgres'), (4, 1, 'postgres');
SET LOCAL client_min_messages = warning;
SET ROLE etl_dedupe_user;
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('public.tenant', '{k}')$$,
                  $$VALUES (1::bigint, 1::bigint, 1::bigint)$$, 'row security: only the rows that the role sees');
RESET ROLE;
SELECT results_eq('SELECT id FROM tenant ORDER BY id', 'VALUES (2), (3), (4)', 'the others stay');
CREATE POLICY keep_two ON tenant AS RESTRICTIVE FOR DELETE USING (id <> 2);
INSERT INTO tenant VALUES (5, 1, 'etl_dedupe_user');
SET LOCAL client_min_messages = error;
SET ROLE etl_dedupe_user;
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('public.tenant', '{k}')$$,
                  $$VALUES (1::bigint, 1::bigint, 0::bigint)$$,
                  'rows that a policy keeps from being deleted are not counted');
RESET ROLE;

-- A cascade onto a table whose rows the role does not see
ALTER TABLE basket ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON basket TO etl_dedupe_user;
SET ROLE etl_dedupe_user;
SELECT throws_ok($$SELECT groups, duplicates, removed
                   FROM etl.dedupe('public.customer', '{email}', 'first', 'id')$$, '23503', NULL,
                 'refused, as nobody can tell');
RESET ROLE;

-- Nothing is left behind ----------------------------------------------------------------------------------------------

CREATE TABLE locked (id int, k int);
INSERT INTO locked VALUES (1, 1), (2, 1);
CREATE VIEW held AS
    SELECT mode FROM pg_locks
    WHERE pid = pg_backend_pid() AND relation = 'locked'::regclass AND mode LIKE 'ShareRow%';
SELECT results_eq($$SELECT groups, duplicates, removed FROM etl.dedupe('locked', '{k}', dry_run => true)$$,
                  $$VALUES (1::bigint, 1::bigint, 1::bigint)$$, 'a dry run');
SELECT is_empty('SELECT mode FROM held',
                'gives its lock back');
SELECT results_eq($$SELECT groups, duplicates, removed
                    FROM etl.dedupe('locked', '{k}')$$, $$VALUES (1::bigint, 1::bigint, 1::bigint)$$,
                  'a real one');
SELECT results_eq('SELECT mode FROM held',
                  $$VALUES ('ShareRowExclusiveLock'::text)$$, 'keeps it to the end of the transaction');

SELECT * FROM finish();
ROLLBACK;
