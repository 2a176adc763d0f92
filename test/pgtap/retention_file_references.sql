-- Policies that archive to files and follow references: what refers to the rows goes to files of its own, all together or
-- not at all, is deleted with them when they are old, and comes back after them. No transaction around the file, because
-- etl.run_retention commits.
CREATE EXTENSION dblink;
SELECT plan(60);
SET client_min_messages = error;
SET timezone = 'UTC';
SET statement_timeout = '60 s'; -- a run that meets the same rows again and again ends here

SELECT format('%s/archive_%s', current_setting('data_directory'), current_database()) AS folder \gset
\setenv FOLDER :folder
\! mkdir -m 777 "$FOLDER"
SET pg_etl.archive_directory = :'folder';

-- What is in the files of a policy that are kept, and came from a table.
CREATE FUNCTION pg_temp.filed(policy text, source text) RETURNS etl.rows_hash LANGUAGE sql AS $$
    SELECT etl.merge(a.contents) FROM etl.archives AS a, LATERAL etl.verify_archive(a.archive_id) AS v
    WHERE a.policy = filed.policy AND a.source = filed.source AND a.status = 'kept' AND v.ok
$$;
CREATE FUNCTION pg_temp.ids(policy text, source text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    file etl.archive;
    here int[];
    found int[] := '{}';
BEGIN
    FOR file IN SELECT a.* FROM etl.archive AS a WHERE a.policy = ids.policy AND a.source = ids.source
                                                   AND a.status = 'kept' LOOP
        EXECUTE format('SELECT array_agg(id) FROM %s', etl._archive_rows(file, 'f')) INTO here;
        found := found || here;
    END LOOP;
    RETURN (SELECT array_agg(i ORDER BY i) FROM unnest(found) AS i);
END
$$;
CREATE FUNCTION pg_temp.last_run(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', k, coalesce(r.detail ->> k, 'none')), ', ' ORDER BY n)
    FROM (SELECT * FROM etl.runs WHERE kind = 'retention' ORDER BY run_id DESC LIMIT 1) AS r,
         unnest(keys) WITH ORDINALITY AS u(k, n)
$$;
CREATE FUNCTION pg_temp.call(procedure text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(''other'', %L)', 'CALL ' || procedure)
$$;
SELECT dblink_connect('other', format('dbname=%s host=%s', current_database(),
                                      current_setting('unix_socket_directories'))),
       dblink_exec('other', format('SET pg_etl.archive_directory = %L', :'folder')),
       dblink_exec('other', 'SET client_min_messages = error') \g /dev/null

-- Three tables; a note refers to an item, and may refer to an order as well ----------------------------------------

CREATE TABLE orders (id int PRIMARY KEY, at timestamptz NOT NULL, total numeric);
CREATE INDEX ON orders (at);
CREATE TABLE item (id int PRIMARY KEY, order_id int REFERENCES orders ON DELETE SET NULL) PARTITION BY RANGE (id);
CREATE TABLE item_1 PARTITION OF item FOR VALUES FROM (0) TO (100);
CREATE TABLE item_2 PARTITION OF item FOR VALUES FROM (100) TO (200);
CREATE TABLE note (id int PRIMARY KEY, order_id int REFERENCES orders DEFERRABLE INITIALLY DEFERRED,
                   item_id int REFERENCES item ON DELETE CASCADE, words text);
CREATE INDEX ON item (order_id);
CREATE PROCEDURE pg_temp.fill() LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM note;
    DELETE FROM item;
    DELETE FROM orders;
    INSERT INTO orders SELECT n, '2024-01-01'::timestamptz + n * interval '1 day', n / 3.0
    FROM generate_series(1, 20) AS n;
    INSERT INTO item SELECT n, 1 + n % 10 FROM generate_series(1, 150) AS n;
    -- Some of another order than their item is of.
    INSERT INTO note SELECT n, CASE WHEN n % 3 = 0 THEN 1 + n % 7 END, n, 'n' || n
    FROM generate_series(1, 150) AS n WHERE n % 10 < 5;
END $$;
CALL pg_temp.fill();
CREATE TEMPORARY TABLE before AS
SELECT (SELECT etl.rows_hash(o) FROM orders AS o) AS orders, (SELECT etl.rows_hash(i) FROM item AS i) AS item,
       (SELECT etl.rows_hash(n) FROM note AS n) AS note;
CREATE FUNCTION pg_temp.both(relation regclass, policy text) RETURNS etl.rows_hash LANGUAGE plpgsql AS $$
DECLARE
    hot etl.rows_hash;
BEGIN
    EXECUTE format('SELECT etl.rows_hash(t) FROM %s AS t', relation) INTO hot;
    RETURN hot OPERATOR(etl.+) pg_temp.filed(policy, etl._relation_name(relation));
END
$$;
CREATE FUNCTION pg_temp.lost(policy text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(', ',
        CASE WHEN b.orders OPERATOR(etl.<>) pg_temp.both('orders', policy) THEN 'orders' END,
        CASE WHEN b.item OPERATOR(etl.<>) pg_temp.both('item', policy) THEN 'items' END,
        CASE WHEN b.note OPERATOR(etl.<>) pg_temp.both('note', policy) THEN 'notes' END)
    FROM before AS b
$$;

SELECT lives_ok(format('SELECT etl.add_retention_policy(%L, %L, %L, %L, archive_to => %L, archive_keep => %L, '
                       'follow_references => true, batch_rows => 3)', 'orders', 'at', '1 day', 'orders',
                       'file://' || :'folder' || '/orders', '300 days'),
                'a policy that archives to files follows references');
SELECT etl.add_legal_hold('a note', 'note', 'id = 1', 'r'), etl.add_legal_hold('an item', 'item_1', 'id = 12', 'r')
    \g /dev/null
CALL etl.run_retention('orders', '2024-01-12', dry_run => true);
SELECT is_empty('SELECT FROM etl.archive', 'a dry run writes nothing');
CALL etl.run_retention('orders', '2024-01-12');
-- Note 1 is of item 1 (order 2), item 12 of order 3: these stay, and what a note that stays refers to.
SELECT is(pg_temp.lost('orders'), '', 'each row is in its table, or in a file');
SELECT ok(NOT EXISTS (SELECT FROM orders WHERE id IN (1, 4, 5, 6, 7, 8, 9)), 'what is past due goes');
SELECT results_eq('SELECT id FROM orders WHERE id < 11 ORDER BY id', '{2,3,10}'::int[],
                  'but for what is held with it');
SELECT is(pg_temp.ids('orders', 'public.item'),
          (SELECT array_agg(n ORDER BY n) FROM generate_series(1, 150) AS n WHERE 1 + n % 10 NOT IN (2, 3, 10)),
          'the rows that refer to it are in files of their own');
SELECT ok(NOT EXISTS (SELECT FROM note WHERE id IN (SELECT unnest(pg_temp.ids('orders', 'public.note')))),
          'and those that refer to these, once');
SELECT ok(bool_and(ok), 'all files verify') FROM etl.verify_archive();
SELECT results_eq(
    $$SELECT f.source, a.source, a.first_time = f.first_time AND a.last_time = f.last_time, count(*) > 0
      FROM etl.archives AS a JOIN etl.archives AS f ON f.archive_id = a.follows GROUP BY 1, 2, 3 ORDER BY 2$$,
    $$VALUES ('public.orders', 'public.item', true, true), ('public.orders', 'public.note', true, true)$$,
    'the manifest tells as part of what');
SELECT results_eq('SELECT DISTINCT state FROM etl.archive_files', '{kept}'::text[], 'no file is there but these');
SELECT matches((SELECT location FROM etl.archives WHERE source = 'public.item' ORDER BY archive_id LIMIT 1),
               '/orders/orders_item-[0-9]+-[0-9a-f]{12}\.ndjson\.zst$', 'named after both tables');
SELECT is(pg_temp.last_run('followed', 'deleted_from_hot'), (
    SELECT format('followed %s, deleted_from_hot 7', sum(rows)) FROM etl.archives WHERE follows IS NOT NULL),
    'the run counts them apart');
SELECT is((SELECT sum((detail ->> 'followed')::numeric) FROM etl.audit_log WHERE action = 'archive'),
          (SELECT sum(rows) FROM etl.archives WHERE follows IS NOT NULL), 'and so does the audit log');
SELECT etl.create_history_view('orders', 'orders_history') \g /dev/null
SELECT results_eq('SELECT count(*), count(DISTINCT id) FROM orders_history', 'VALUES (20::bigint, 20::bigint)',
                  'the history view has the orders, and nothing else');

SELECT etl.release_legal_hold('a note', 'r'), etl.release_legal_hold('an item', 'r') \g /dev/null
CALL etl.run_retention('orders', '2024-01-12');
SELECT is(pg_temp.lost('orders'), '', 'nothing is lost when the holds have ended');
SELECT results_eq('SELECT min(id), (SELECT count(*) FROM item WHERE order_id < 10) FROM orders',
                  'VALUES (10, 0::bigint)', 'and what was held goes');

-- Restoring -----------------------------------------------------------------------------------------------------------

SELECT archive_id AS notes, follows AS orders FROM etl.archives WHERE source = 'public.note' AND rows > 0
    AND first_time <> '2024-01-02' ORDER BY archive_id DESC LIMIT 1 \gset
SELECT throws_like(format('SELECT * FROM etl.restore_archive(%s)', :notes),
                   '%refer to rows that are not there: %', 'a note cannot come back before its item');
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :notes), '23503', NULL, 'by its foreign key');
SELECT archive_id AS items, location AS items_file FROM etl.archives WHERE source = 'public.item' AND status = 'kept'
    ORDER BY archive_id LIMIT 1 \gset
SELECT throws_ok(format('SELECT * FROM etl.restore_archive(%s)', :items), '23503', NULL, 'nor an item');
CREATE FUNCTION pg_temp.hint(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE query;
    RETURN 'none';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN hint;
END $$;
SELECT is(pg_temp.hint(format('SELECT * FROM etl.restore_archive(%s)', :items)), (
    SELECT format('They left with those of archive %1$s, which SELECT * FROM etl.restore_archive(%1$s) restores.',
                  follows) FROM etl.archives WHERE archive_id = :items), 'which the hint says');
SELECT follows AS leader FROM etl.archives WHERE archive_id = :items \gset
SELECT results_eq(format('SELECT target, moved FROM etl.restore_archive(%s)', :leader),
                  $$VALUES ('public.orders', true)$$,
                  'first the orders');
SELECT results_eq(format('SELECT target, moved, rows FROM etl.restore_archive(%s)', :items),
                  format($$SELECT 'public.item', true, rows FROM etl.archives WHERE archive_id = %s$$, :items),
                  'then the items come back to their own table');
SELECT is(pg_temp.lost('orders'), '', 'each row is there once still');
CREATE TABLE copy (LIKE orders);
SELECT ok(count(*) > 0 AND bool_and(NOT moved AND source LIKE '%/orders-%'),
          'into another table the orders are copied, and nothing else')
FROM etl.restore_archive('orders', NULL::timestamptz, NULL, 'copy');
SELECT ok(bool_and(moved), 'a range comes back as a whole')
FROM etl.restore_archive('orders', '2024-01-01', '2024-03-01');
SELECT results_eq($$SELECT (SELECT etl.rows_hash(o)::text FROM orders AS o),
                           (SELECT etl.rows_hash(i)::text FROM item AS i),
                           (SELECT etl.rows_hash(n)::text FROM note AS n)$$,
                  'SELECT orders::text, item::text, note::text FROM before', 'with all that left with it');
SELECT is_empty($$SELECT FROM etl.archives WHERE status = 'kept' AND location LIKE 'file:%'$$, 'from every file');
SELECT count(etl.remove_orphan(archive_id)) FROM etl.archives WHERE status = 'removing' \g /dev/null
SELECT is((SELECT count(*) FROM pg_ls_dir(:'folder' || '/orders')), 0::bigint, 'which can be removed then');

-- Locked rows, and tries that fail ------------------------------------------------------------------------------------

SELECT dblink_exec('other', 'BEGIN'), dblink_exec('other', 'UPDATE note SET words = words WHERE id = 3') \g /dev/null
CALL etl.run_retention('orders', '2024-01-12');
SELECT is(pg_temp.lost('orders'), '', 'a row that somebody changes keeps what it refers to');
SELECT ok(EXISTS (SELECT FROM note WHERE id = 3) AND EXISTS (SELECT FROM item WHERE id = 3)
          AND EXISTS (SELECT FROM orders WHERE id = 4), 'and is in no file');
SELECT dblink_exec('other', 'UPDATE note SET words = ''other'' WHERE id = 3'), dblink_exec('other', 'COMMIT')
    \g /dev/null
UPDATE before SET note = note OPERATOR(etl.-) (SELECT etl.rows_hash(n) FROM (SELECT 3, 4, 3, 'n3') AS n(id, order_id,
    item_id, words)) OPERATOR(etl.+) (SELECT etl.rows_hash(n) FROM (SELECT 3, 4, 3, 'other') AS n(id, order_id, item_id,
    words));
CALL etl.run_retention('orders', '2024-01-12');
SELECT is(pg_temp.lost('orders'), '', 'it goes as it is by then');
SELECT is_empty('SELECT FROM orders WHERE id < 10', 'with the next run');
SELECT is_empty($$SELECT FROM etl.archive_files WHERE state <> 'kept'$$, 'and no file is left over');

-- A trigger that fails twice, after files have been written.
SELECT * FROM etl.restore_archive('orders', NULL::timestamptz, NULL) \g /dev/null
CREATE SEQUENCE tries;
CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('public.tries') <= 2 THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = 'try again';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER fail BEFORE DELETE ON orders FOR EACH ROW WHEN (OLD.id = 5) EXECUTE FUNCTION fail_twice();
CALL etl.run_retention('orders', '2024-01-12');
SELECT is(pg_temp.lost('orders'), '', 'a batch that fails is exported again as a whole');
SELECT is_empty('SELECT FROM orders WHERE id < 10', 'and then goes');
SELECT ok(count(*) >= 6 AND bool_and(status = 'removed'), 'what the tries before have written is removed')
FROM etl.archives AS a
WHERE a.run_id = (SELECT max(run_id) FROM etl.runs) AND a.status <> 'kept';
SELECT is_empty($$SELECT FROM etl.archive_files WHERE state NOT IN ('kept', 'removing')$$, 'from the disk, too');
DROP TRIGGER fail ON orders;
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER never BEFORE DELETE ON item_1 FOR EACH ROW EXECUTE FUNCTION never();
SELECT * FROM etl.restore_archive('orders', NULL::timestamptz, NULL) \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_retention('orders', '2024-01-12')$$), '09000', NULL,
                 'a trigger that keeps a row that refers');
SELECT is(pg_temp.lost('orders'), '', 'ends the run, and nothing is lost');
DROP TRIGGER never ON item_1;

-- Deleting what is old ------------------------------------------------------------------------------------------------

CALL etl.run_retention('orders', '2024-01-12');
SELECT count(etl.remove_orphan(archive_id)) FROM etl.archives WHERE status IN ('removing', 'orphan') \g /dev/null
SELECT etl.add_legal_hold('late', 'note', 'id = 2', 'r') \g /dev/null
CALL etl.run_retention('orders', '2024-11-01');
SELECT ok(2 = ANY (pg_temp.ids('orders', 'public.note')) AND 3 = ANY (pg_temp.ids('orders', 'public.orders'))
          AND 2 = ANY (pg_temp.ids('orders', 'public.item')), 'a hold on a row keeps the files that it left with');
SELECT results_eq($$SELECT DISTINCT coalesce(follows, archive_id) FROM etl.archives
                    WHERE status = 'kept' AND location LIKE 'file:%' AND last_time < '2024-01-06'$$,
                  $$SELECT follows FROM etl.archives WHERE source = 'public.note' AND status = 'kept'
                    AND last_time < '2024-01-06'$$, 'and no others');
SELECT etl.release_legal_hold('late', 'r') \g /dev/null
CALL etl.run_retention('orders', '2025-11-01');
SELECT is_empty('SELECT FROM etl.archive_files', 'files of all tables are deleted when they are old');
SELECT is_empty($$SELECT FROM etl.archives WHERE status NOT IN ('removed', 'kept')
                  OR status = 'kept' AND location LIKE 'file:%'$$, 'which the manifest says');
SELECT results_eq(
    $$SELECT etl.merge(contents) FILTER (WHERE location IS NULL) OPERATOR(etl.=)
             etl.merge(contents) FILTER (WHERE location LIKE 'file:%' AND archive_id NOT IN (
                 SELECT b.archive_id FROM etl.archives AS b JOIN etl.archives AS r ON r.source = b.location
                                                                              AND r.action = 'restored'))
      FROM etl.archives WHERE happened_at IS NOT NULL$$, '{true}'::boolean[], 'and what was in them');

-- Circles, the same table, and what must not go -----------------------------------------------------------------------

CREATE TABLE egg (id int PRIMARY KEY, hen int, at timestamptz);
CREATE INDEX ON egg (at);
CREATE TABLE hen (id int PRIMARY KEY, egg int REFERENCES egg);
ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen;
INSERT INTO egg VALUES (1, NULL, '2024-01-01'), (2, NULL, '2024-01-01');
INSERT INTO hen VALUES (1, 1), (2, NULL);
UPDATE egg SET hen = 1 WHERE id = 1;
UPDATE egg SET hen = 2 WHERE id = 2;
SELECT etl.add_retention_policy('egg', 'at', '1 day', 'egg', archive_to => 'file://' || :'folder', batch_rows => 1,
                                follow_references => true) \g /dev/null
CALL etl.run_retention('egg', '2024-02-12');
SELECT is(array_agg(id), '{1}', 'what refers to each other in a circle stays') FROM egg;
SELECT is(pg_temp.ids('egg', 'public.egg'), '{2}', 'the rest goes');
SELECT is(count(*), 2::bigint, 'without what it refers to') FROM hen;
CREATE TABLE node (id int PRIMARY KEY, up int REFERENCES node, at timestamptz);
CREATE INDEX ON node (at);
INSERT INTO node VALUES (1, NULL, '2024-01-01'), (2, 1, '2024-01-02'), (3, 2, '2024-01-03'), (4, 4, '2024-01-04');
SELECT etl.add_retention_policy('node', 'at', '1 day', 'node', archive_to => 'file://' || :'folder',
                                follow_references => true) \g /dev/null
CALL etl.run_retention('node', '2024-02-12');
CALL etl.run_retention('node', '2024-02-12');
CALL etl.run_retention('node', '2024-02-12');
SELECT is_empty('SELECT FROM node', 'rows of one table go one after the other');
SELECT ok(bool_and(moved), 'and come back in the opposite order')
FROM etl.restore_archive('node', NULL::timestamptz, NULL);
SELECT is(count(*), 4::bigint, 'all of them') FROM node;

-- More rows of one time than a batch takes, the first of which stay.
CREATE TABLE burst (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON burst (at);
CREATE TABLE shard (id int PRIMARY KEY, burst int REFERENCES burst);
INSERT INTO burst SELECT n, '2024-01-01' FROM generate_series(1, 20) AS n;
INSERT INTO shard SELECT n, n FROM generate_series(1, 20) AS n;
SELECT etl.add_legal_hold('shards', 'shard', 'id <= 7', 'r') \g /dev/null
SELECT etl.add_retention_policy('burst', 'at', '1 day', 'burst', archive_to => 'file://' || :'folder', batch_rows => 3,
                                follow_references => true) \g /dev/null
CALL etl.run_retention('burst', '2024-02-12');
SELECT results_eq('SELECT min(id), max(id), count(*) FROM burst', 'VALUES (1, 7, 7::bigint)',
                  'a run gets past rows that stay');
SELECT is(pg_temp.ids('burst', 'public.shard'), (SELECT array_agg(n) FROM generate_series(8, 20) AS n), 'to the last');
SELECT etl.remove_retention_policy('burst') \g /dev/null
SELECT etl.release_legal_hold('shards', 'r'), etl.add_legal_hold('shards again', 'shard', 'id <= 4', 'r') \g /dev/null
SELECT etl.add_retention_policy('burst', 'at', '1 day', 'burst to table', archive_to => 'burst_old', batch_rows => 3,
                                follow_references => true) \g /dev/null
CALL etl.run_retention('burst to table', '2024-02-12');
SELECT results_eq('SELECT id FROM burst ORDER BY id', '{1,2,3,4}'::int[], 'to a table, too');
SELECT etl.create_history_view('burst to table', 'burst_history') \g /dev/null
SELECT is(count(*), 7::bigint, 'whose history has no rows of other tables') FROM burst_history;
SELECT is(string_agg(relation || coalesce(time_column, ''), ', ' ORDER BY archive_id), 'public.shard',
          'these are noted as rows of their own table')
FROM etl.archive WHERE policy = 'burst to table' AND action = 'archived' AND source = 'public.shard';
SELECT is_empty('SELECT * FROM etl.verify_archive() WHERE NOT ok', 'all archives verify');
DELETE FROM shard WHERE burst > 4;
SELECT archive_id AS shards FROM etl.archive WHERE policy = 'burst to table' AND action = 'archived'
    AND source = 'public.shard' \gset
SELECT * FROM etl.restore_archive('burst to table', NULL::timestamptz, NULL) \g /dev/null
SELECT results_eq(format('SELECT target, rows FROM etl.restore_archive(%s)', :shards),
                  $$VALUES ('public.shard', 3::bigint)$$, 'to which they can be restored');

-- A child that has more columns than its parent would lose them.
CREATE TABLE longer (extra text) INHERITS (shard);
SELECT throws_ok(pg_temp.call($$etl.run_retention('burst to table', '2024-02-12')$$), '42809', NULL,
                 'a table with wider children is not followed');

-- Who may not
CREATE ROLE etl_tap_file_references;
GRANT pg_read_server_files, pg_write_server_files TO etl_tap_file_references;
GRANT SELECT, UPDATE, DELETE ON orders, item TO etl_tap_file_references;
GRANT SELECT ON note TO etl_tap_file_references;
INSERT INTO orders VALUES (100, '2023-01-01', 1);
INSERT INTO item VALUES (160, 100);
INSERT INTO note VALUES (160, NULL, 160, 'n');
SET ROLE etl_tap_file_references;
SELECT etl.add_retention_policy('orders', 'at', '1 day', 'hers', archive_to => 'file://' || :'folder',
                                follow_references => true) \g /dev/null
RESET ROLE;
SELECT dblink_exec('other', 'SET ROLE etl_tap_file_references') \g /dev/null
SELECT throws_ok(pg_temp.call($$etl.run_retention('hers', '2024-01-12')$$), '42501', NULL,
                 'a role that may not delete what refers');
SELECT results_eq('SELECT (SELECT count(*) FROM orders WHERE id = 100), (SELECT count(*) FROM note WHERE id = 160)',
                  'VALUES (1::bigint, 1::bigint)', 'deletes nothing');

SELECT dblink_disconnect('other') \g /dev/null
SELECT * FROM finish();
