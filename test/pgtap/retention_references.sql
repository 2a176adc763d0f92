-- Rows that foreign keys refer to: which stay, and what goes along where a policy follows references. No transaction
-- around the file, because etl.run_retention commits.
SELECT plan(34);
SET client_min_messages = error;
SET timezone = 'UTC';

CREATE FUNCTION pg_temp.referenced(relation regclass, key text DEFAULT 'id') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ids text;
    condition text := etl._referenced_condition(relation, 't');
BEGIN
    IF condition IS NULL THEN
        RETURN 'none';
    END IF;
    EXECUTE format('SELECT coalesce(string_agg(t.%1$I::text, '','' ORDER BY t.%1$I), '''') FROM %2$s AS t WHERE %3$s',
              key, relation, condition)
    INTO ids;
    RETURN ids;
END $$;

-- Which rows are referred to ------------------------------------------------------------------------------------------

CREATE TABLE alone (id int);
SELECT is(pg_temp.referenced('alone'), 'none', 'no foreign key, no condition');
CREATE TABLE parent (id int, sub text, at timestamptz, PRIMARY KEY (id, sub), UNIQUE (id));
INSERT INTO parent SELECT n, 's' || n, '2024-01-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 9) AS n;
CREATE TABLE simple (a int, b text, FOREIGN KEY (a, b) REFERENCES parent ON DELETE CASCADE);
INSERT INTO simple VALUES (1, 's1'), (2, NULL), (NULL, 's3'), (NULL, NULL);
SELECT is(pg_temp.referenced('parent'), '1', 'a key of two columns, and with NULLs');
ALTER TABLE parent ADD UNIQUE (sub, id);
CREATE TABLE "full" (a int, b text, FOREIGN KEY (b, a) REFERENCES parent (sub,
          id) MATCH FULL DEFERRABLE INITIALLY DEFERRED);
INSERT INTO "full" VALUES (4, 's4'), (NULL, NULL);
SELECT is(pg_temp.referenced('parent'), '1,4', 'by several foreign keys, deferred ones too');
CREATE TABLE wide (a bigint REFERENCES parent (id));
INSERT INTO wide VALUES (5), (5);
SELECT is(pg_temp.referenced('parent'), '1,4,5', 'of another type');

CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree);
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, 4), (5, NULL);
SELECT is(pg_temp.referenced('tree'), '1,2', 'of the same table; not by itself');

CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);
INSERT INTO part VALUES (1), (2), (11), (12);
CREATE TABLE of_part (id int PRIMARY KEY, p int REFERENCES part) PARTITION BY RANGE (id);
CREATE TABLE of_part_1 PARTITION OF of_part DEFAULT;
INSERT INTO of_part VALUES (1, 1), (2, 11);
CREATE TABLE of_part_2 (p int REFERENCES part_2);
INSERT INTO of_part_2 VALUES (12);
SELECT is(ARRAY[pg_temp.referenced('part'), pg_temp.referenced('part_1'), pg_temp.referenced('part_2')],
          ARRAY['1,11,12', '1', '11,12'], 'between partitioned tables, from above and from below');

CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE word (id text COLLATE folded PRIMARY KEY);
-- From version 18 on both columns must have such a collation; before it that of the key alone counts.
SELECT CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'COLLATE folded' ELSE '' END AS collation
\gset
CREATE TABLE of_word (w text :collation REFERENCES word);
INSERT INTO word VALUES ('A'), ('b');
INSERT INTO of_word VALUES ('a');
SELECT is(pg_temp.referenced('word'), 'A', 'as the key compares');

-- Who may see it.
CREATE ROLE reference_role;
GRANT SELECT ON tree, parent TO reference_role;
SET ROLE reference_role;
SELECT throws_ok('SELECT etl._referenced_condition(''parent'', ''t'')', '42501',
          'permission denied for table "public.simple"',
                 'without a right to read what refers to it');
SELECT lives_ok('SELECT etl._referenced_condition(''tree'', ''t'')', 'with it');
RESET ROLE;
ALTER TABLE tree ENABLE ROW LEVEL SECURITY;
SET ROLE reference_role;
SELECT throws_like('SELECT etl._referenced_condition(''tree'', ''t'')', 'row security of table "public.tree" hides%',
          'but with some rows hidden');
RESET ROLE;

-- Following them ------------------------------------------------------------------------------------------------------

CREATE SCHEMA old;
CREATE TABLE orders (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON orders (at);
CREATE TABLE item (id int PRIMARY KEY, order_id int REFERENCES orders, back int) PARTITION BY RANGE (id);
CREATE TABLE item_1 PARTITION OF item FOR VALUES FROM (0) TO (100);
CREATE TABLE item_2 PARTITION OF item FOR VALUES FROM (100) TO (200);
CREATE TABLE note (id int PRIMARY KEY, item_id int REFERENCES item ON DELETE CASCADE, text text);
CREATE INDEX ON item (order_id);
INSERT INTO orders SELECT n, '2024-01-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 20) AS n;
INSERT INTO item SELECT n, 1 + n % 10 FROM generate_series(1, 150) AS n;
INSERT INTO note SELECT n, n, 'n' || n FROM generate_series(1, 150) AS n WHERE n % 10 < 5;
CREATE TEMPORARY TABLE before AS
SELECT (SELECT etl.rows_hash(o) FROM orders AS o) AS orders, (SELECT etl.rows_hash(o) FROM item AS o) AS item,
          (SELECT etl.rows_hash(o) FROM note AS o) AS note;
SELECT etl.add_retention_policy('orders', 'at', '1 day', 'orders', archive_to => 'old.orders',
          follow_references => true, batch_rows => 3) \g /dev/null
-- Order 2 has an item with a note that is held, order 3 an item that is.
SELECT etl.add_legal_hold('a note', 'note', 'id = 1', 'r') \g /dev/null
SELECT etl.add_legal_hold('an item', 'item_1', 'id = 12', 'r') \g /dev/null
CALL etl.run_retention('orders', '2024-01-12');
SELECT is(array_agg(id ORDER BY id), '{2,3,10,11,12,13,14,15,16,17,18,19,20}',
          'what is past due goes, but for what is held with it') FROM orders;
SELECT is(array_agg(id ORDER BY id), '{1,4,5,6,7,8,9}', 'to the archive') FROM old.orders;
SELECT is(string_agg(DISTINCT order_id::text, ',' ORDER BY order_id::text), '1,4,5,6,7,8,9',
          'with the rows that refer to it') FROM old.item_archive;
SELECT is(count(*), 105::bigint, 'all of them') FROM old.item_archive;
SELECT is((SELECT count(*) FROM item WHERE order_id IN (2, 3)), 30::bigint, 'what stays keeps its rows');
SELECT is(count(*), (SELECT count(*) FROM generate_series(1, 150) AS n WHERE n % 10 < 5 AND 1 + n % 10 IN (1, 4, 5, 6,
          7, 8, 9)),
          'and those that refer to these go, too') FROM old.note_archive;
SELECT ok(NOT EXISTS (SELECT FROM before AS b WHERE
    b.orders OPERATOR(etl.<>) (SELECT etl.rows_hash(o) FROM (TABLE orders UNION ALL TABLE old.orders) AS o)
    OR b.item OPERATOR(etl.<>) (SELECT etl.rows_hash(o) FROM (TABLE item UNION ALL TABLE old.item_archive) AS o)
    OR b.note OPERATOR(etl.<>) (SELECT etl.rows_hash(o) FROM (TABLE note UNION ALL TABLE old.note_archive) AS o)),
    'nothing is lost or changed');
SELECT results_eq($$ SELECT source, location, sum(rows)::bigint FROM etl.archive WHERE action = 'archived' GROUP BY 1,
          2 ORDER BY 1 $$,
    $$ VALUES ('public.item', 'old.item_archive', 105::bigint), ('public.note', 'old.note_archive', 45),
              ('public.orders', 'old.orders', 7) $$,
    'the ledger has them all');
SELECT etl.release_legal_hold('a note', 'r'), etl.release_legal_hold('an item', 'r') \g /dev/null
CALL etl.run_retention('orders', '2024-01-12');
SELECT is(array_agg(id ORDER BY id), '{1,2,3,4,5,6,7,8,9}', 'what was held goes later') FROM old.orders;
-- An immutable table keeps what it refers to.
INSERT INTO note VALUES (1000, 9, 'of order 10');
SELECT etl.set_immutable('note') \g /dev/null
CALL etl.run_retention('orders', '2024-02-12');
SELECT is(array_agg(id ORDER BY id), '{10}', 'what rows of an immutable table refer to stays, at any distance') FROM
          orders;
SELECT etl.set_immutable('note', false) \g /dev/null

-- Circles, and the same table.
CREATE TABLE egg (id int PRIMARY KEY, hen int, at timestamptz);
CREATE INDEX ON egg (at);
CREATE TABLE hen (id int PRIMARY KEY, egg int REFERENCES egg);
ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen;
INSERT INTO egg VALUES (1, NULL, '2024-01-01'), (2, NULL, '2024-01-01');
INSERT INTO hen VALUES (1, 1), (2, NULL);
UPDATE egg SET hen = 1 WHERE id = 1;
UPDATE egg SET hen = 2 WHERE id = 2;
SELECT etl.add_retention_policy('egg', 'at', '1 day', 'egg', archive_to => 'old.egg',
          follow_references => true) \g /dev/null
CALL etl.run_retention('egg', '2024-02-12');
SELECT is(array_agg(id), '{1}', 'what refers to each other in a circle stays') FROM egg;
SELECT is(count(*), 2::bigint, 'on both sides') FROM hen;
CREATE TABLE node (id int PRIMARY KEY, up int REFERENCES node, at timestamptz);
CREATE INDEX ON node (at);
INSERT INTO node VALUES (1, NULL, '2024-01-01'), (2, 1, '2024-01-02'), (3, 3, '2024-01-03'), (4, NULL, '2024-03-01'),
          (5, 2, '2024-03-01');
SELECT etl.add_retention_policy('node', 'at', '1 day', 'node', archive_to => 'old.node',
          follow_references => true) \g /dev/null
CALL etl.run_retention('node', '2024-02-12');
SELECT is(array_agg(id ORDER BY id), '{1,2,4,5}', 'what rows of the same table refer to stays') FROM node;

-- Deleting, and a child with a policy of its own.
CREATE TABLE cause (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON cause (at);
CREATE TABLE effect (id int, cause int REFERENCES cause, at timestamptz);
CREATE INDEX ON effect (at);
INSERT INTO cause VALUES (1, '2024-01-01'), (2, '2024-01-02');
INSERT INTO effect VALUES (1, 1, '2024-05-01'), (2, 2, '2024-05-01');
SELECT etl.add_retention_policy('effect', 'at', '1 year', 'effect', archive_to => 'old.effects') \g /dev/null
SELECT etl.add_retention_policy('cause', 'at', '1 day', 'cause', archive_to => 'old.cause',
          follow_references => true) \g /dev/null
CALL etl.run_retention('cause', '2024-01-03');
SELECT is(array_agg(id), '{1}', 'goes to the archive of its own policy') FROM old.effects;
SELECT etl.remove_retention_policy('cause') \g /dev/null
SELECT etl.add_retention_policy('cause', 'at', '1 day', 'cause 2', follow_references => true) \g /dev/null
CALL etl.run_retention('cause 2', '2024-01-04');
SELECT is((SELECT count(*) FROM cause) + (SELECT count(*) FROM effect), 0::bigint, 'is deleted with what is deleted');
SELECT is(rows, 1::bigint, 'which the ledger tells') FROM etl.archive WHERE source = 'public.effect' AND action =
          'deleted';
SELECT ok(bool_and(is_whole), 'the log is whole') FROM etl.verify_audit();

-- Rows of one table that refer to each other go together.
CREATE TABLE chain (id int PRIMARY KEY, at timestamptz, up int REFERENCES chain, other int REFERENCES chain);
CREATE INDEX ON chain (at);
CREATE INDEX ON chain (up);
CREATE INDEX ON chain (other);
INSERT INTO chain
SELECT n, '2020-01-01'::timestamptz + n * interval '1 h', nullif(n - 1, 0) FROM generate_series(1, 20) AS n;
UPDATE chain SET other = 20 WHERE id = 1;
INSERT INTO chain
SELECT n, '2020-02-01'::timestamptz + n * interval '1 h', nullif(n - 1, 30) FROM generate_series(31, 40) AS n;
INSERT INTO chain VALUES (50, '2024-06-01', NULL, 36);
SELECT etl.add_retention_policy('chain', 'at', '1 year', archive_to => 'old.chain', follow_references => true)
\g /dev/null
CALL etl.run_retention('chain', '2024-01-01');
SELECT is(array_agg(id ORDER BY id), '{31,32,33,34,35,36,50}',
          'a circle goes; what a young row refers to by way of others stays') FROM chain;
SELECT is(rows, 24::bigint, 'and no other') FROM etl.archives WHERE location = 'old.chain' AND action = 'archived';
CREATE FUNCTION pg_temp.action(of text, key text) RETURNS text LANGUAGE sql AS $$
    SELECT r.detail -> 'actions' -> 0 ->> key FROM etl.runs AS r WHERE r.name = of ORDER BY r.run_id DESC LIMIT 1
$$;
SELECT is(pg_temp.action('chain', 'referenced'), '6', 'which are counted as referenced');
SELECT is(pg_temp.action('chain', 'locked'), NULL, 'and not as locked');
DELETE FROM chain WHERE id = 50;
CALL etl.run_retention('chain', '2024-01-01');
SELECT is_empty('SELECT FROM chain', 'they go when it is gone');

-- A foreign key without an index is looked up in one go, not for each row.
CREATE TABLE many (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON many (at);
CREATE TABLE of_many (many int REFERENCES many);
INSERT INTO many SELECT n, '2020-01-01'::timestamptz + n * interval '1 s' FROM generate_series(1, 30000) AS n;
INSERT INTO of_many SELECT n FROM generate_series(11, 30000) AS n;
ANALYZE many, of_many;
SELECT etl.add_retention_policy('many', 'at', '1 year', archive_to => 'old.many') \g /dev/null
SET statement_timeout = '10 s';
CALL etl.run_retention('many', '2024-01-01');
RESET statement_timeout;
SELECT is(count(*), 29990::bigint, 'without an index on the foreign key') FROM many;
SELECT is(pg_temp.action('many', 'referenced'), '29990', 'which is not read for each row');

SELECT * FROM finish();
