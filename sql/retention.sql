-- Retention policies: how they are defined and run, and what is refused. pg_cron is absent here.
SET timezone = 'UTC';
SET pg_etl.retention_batch_time = 0;
SET datestyle = 'ISO, YMD';
\set SHOW_CONTEXT never

CREATE SCHEMA ret;
SET search_path = ret;
CREATE TABLE orders (id int PRIMARY KEY, placed timestamptz, status text, note varchar(10));
CREATE INDEX ON orders (placed);
INSERT INTO orders
SELECT n, '2025-01-01 00:00+00'::timestamptz + n * interval '1 day', CASE n % 4 WHEN 0 THEN 'open' ELSE 'done' END,
       'n' || n
FROM generate_series(1, 100) AS n;

-- A policy with an archive, a rehearsal, the run
SELECT etl.add_retention_policy('orders', 'placed', '30 days', archive_to => 'orders_archive',
                                archive_keep => '60 days', batch_rows => 7);
SELECT policy, relation, time_column, keep, archive_to, archive_keep, filter, batch_rows, schedule, last_run,
       last_status
FROM etl.policies;
\d orders_archive
CALL etl.run_retention('orders', '2025-04-11', dry_run => true);
SELECT (SELECT count(*) FROM orders) AS hot, (SELECT count(*) FROM orders_archive) AS archive;
SELECT kind, name, as_of, status, rows, jsonb_pretty(detail) AS detail, error FROM etl.runs;
CALL etl.run_retention('orders', '2025-04-11');
SELECT (SELECT count(*) FROM orders) AS hot, (SELECT count(*) FROM orders_archive) AS archive,
       (SELECT min(placed) FROM orders) AS oldest_hot, (SELECT min(placed) FROM orders_archive) AS oldest_archived;
SELECT status, rows, detail FROM etl.runs ORDER BY run_id DESC LIMIT 1;
CALL etl.run_retention('orders', '2025-04-11');
SELECT policy, last_status, last_rows FROM etl.policies;

-- Again
SELECT etl.add_retention_policy('orders', 'placed', '30 days');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', archive_to => 'orders_archive',
                                archive_keep => '60 days', batch_rows => 7, if_not_exists => true);
SELECT etl.add_retention_policy('orders', 'placed', '31 days', archive_to => 'other', archive_keep => '60 days',
                                filter => 'true', if_not_exists => true);
SELECT keep, archive_to, filter FROM etl.policies;
SELECT to_regclass('ret.other');

-- What a policy cannot be about
CREATE VIEW orders_view AS SELECT * FROM orders;
SELECT etl.add_retention_policy('nowhere', 'placed', '30 days');
SELECT etl.add_retention_policy('orders_view', 'placed', '30 days');
SELECT etl.add_retention_policy('orders', 'when', '30 days', 'p');
SELECT etl.add_retention_policy('orders', 'note', '30 days', 'p');
SELECT etl.add_retention_policy('orders', 'placed', '-30 days', 'p');
SELECT etl.add_retention_policy('orders', 'placed', '0', 'p');
SELECT etl.add_retention_policy('orders', 'placed', NULL, 'p');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', ' p');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', batch_rows => 0);
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', batch_rows => NULL);
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_keep => '60 days');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'a', archive_keep => '30 days');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'a', archive_keep => '-1 day');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', schedule => '0 0 2 * * *');
\set VERBOSITY sqlstate
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', schedule => '@daily');
\set VERBOSITY default

-- Filters that are no condition
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', filter => 'stat = 1');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', filter => 'note');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', filter => 'true) OR (true');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', filter => 'true -- and nothing else');
SELECT etl.remove_retention_policy('p');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', filter => 'true); DROP TABLE orders; SELECT (1');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', filter => 'true, true');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', filter => 'count(*) > 1');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', filter => '');

-- Archives that cannot be
CREATE TABLE narrow (id int, placed timestamptz, status text);
CREATE TABLE other_type (id bigint, placed timestamptz, status text, note varchar(10));
CREATE TABLE too_short (id int, placed timestamptz, status text, note varchar(9));
CREATE TABLE child () INHERITS (orders);
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'orders');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'ret.child');
SELECT etl.add_retention_policy('child', 'placed', '30 days', 'p', archive_to => 'orders');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'orders_view');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'narrow');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'other_type');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'too_short');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'a.b.c');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'a b');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => '');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 's3://bucket/orders');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'no_schema.orders');
DROP TABLE child;
SELECT etl.add_retention_policy('orders_archive', 'placed', '30 days', 'back', archive_to => 'orders');
SELECT count(*) AS policies FROM etl.policies;

-- Spans that reach back too far or, in some months, not at all
SELECT etl.add_retention_policy('orders', 'placed', '10000000 years', 'p');
SELECT etl.add_retention_policy('orders', 'placed', '1 month -29 days', 'p');
SELECT etl.add_retention_policy('orders', 'placed', '1 day -1 hour', 'p');

-- An archive is that of one table, and of policies that agree how long
CREATE TABLE second (LIKE orders);
CREATE INDEX ON second (placed);
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'one', archive_to => 'shared', archive_keep => '1 year');
SELECT etl.add_retention_policy('second', 'placed', '30 days', 'two', archive_to => 'shared');
SELECT etl.add_retention_policy('orders', 'placed', '9 days', 'two', archive_to => 'shared', filter => 'id > 5');
SELECT etl.add_retention_policy('orders', 'placed', '9 days', 'two', archive_to => 'shared', archive_keep => '1 year');
SELECT etl.remove_retention_policy('one'), etl.remove_retention_policy('two');
DROP TABLE second, shared;

-- Tables whose rows would lose something on the way, or cannot be deleted by their place
CREATE TABLE base (id int, at timestamptz);
CREATE INDEX ON base (at);
CREATE TABLE wider (extra text) INHERITS (base);
SELECT etl.add_retention_policy('base', 'at', '30 days', archive_to => 'base_old');
SELECT etl.add_retention_policy('base', 'at', '30 days');
SELECT etl.remove_retention_policy('base');
DROP TABLE wider, base;
CREATE TEMPORARY TABLE passing (id int, at timestamptz);
SELECT etl.add_retention_policy('passing', 'at', '30 days');
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'p', archive_to => 'pg_temp.passing_old');
CREATE FOREIGN DATA WRAPPER regress_ret_nothing;
CREATE SERVER regress_ret_elsewhere FOREIGN DATA WRAPPER regress_ret_nothing;
CREATE TABLE spread (id int, at timestamptz) PARTITION BY LIST (id);
CREATE FOREIGN TABLE far PARTITION OF spread FOR VALUES IN (1) SERVER regress_ret_elsewhere;
SELECT etl.add_retention_policy('spread', 'at', '30 days');
DROP TABLE spread;
DROP FOREIGN DATA WRAPPER regress_ret_nothing CASCADE;

-- Names are stored as they are without the setting
SET quote_all_identifiers = on;
SELECT etl.add_retention_policy('orders', 'placed', '30 days', 'quoted', archive_to => 'quoted_old');
RESET quote_all_identifiers;
SELECT relation, archive_to FROM etl.policies WHERE policy = 'quoted';
SELECT etl.remove_retention_policy('quoted');
DROP TABLE quoted_old;

-- Warnings: no index, foreign keys that cascade
CREATE TABLE parent (id int PRIMARY KEY, day date);
CREATE TABLE line (id int REFERENCES parent ON DELETE CASCADE);
CREATE TABLE remark (id int REFERENCES parent ON DELETE SET NULL);
SELECT etl.add_retention_policy('parent', 'day', '1 year');
SELECT etl.remove_retention_policy('parent');

-- Running
CALL etl.run_retention('nowhere');
CALL etl.run_retention('orders', 'infinity');
CALL etl.run_retention('orders', NULL);
CALL etl.run_retention('orders', dry_run => NULL);
BEGIN;
CALL etl.run_retention('orders');
ROLLBACK;
DO $$ BEGIN EXECUTE 'CALL etl.run_retention(''orders'')'; END $$;

-- The archive lost a column, the table is gone
ALTER TABLE orders_archive DROP COLUMN note;
ALTER TABLE orders ADD COLUMN "New one" numeric(4,2);
CALL etl.run_retention('orders', '2025-05-01');
SELECT status, rows, detail, error FROM etl.runs ORDER BY run_id DESC LIMIT 1;
ALTER TABLE orders RENAME TO orders_2;
CALL etl.run_retention('orders', '2025-05-01');
ALTER TABLE orders_2 RENAME TO orders;
SELECT count(*) FROM orders;

-- One of several fails, the others are run.
CREATE TABLE log (at timestamp);
CREATE INDEX ON log (at);
INSERT INTO log VALUES ('2025-01-01'), ('2025-05-01');
SELECT etl.add_retention_policy('log', 'at', '1 month');
SELECT etl.add_retention_policy('log', 'at', '1 month', 'log too', filter => '1 / (extract(year FROM at) - 2025) > 0');
CALL etl.run_retention(as_of => '2025-05-15');
SELECT name, status, rows, error FROM etl.runs ORDER BY run_id DESC LIMIT 3;
INSERT INTO log VALUES ('2025-01-01');
SELECT etl.remove_retention_policy('log');
CALL etl.run_retention(as_of => '2025-05-15');

-- Partitions ahead
CREATE TABLE visit (at timestamptz NOT NULL, page text) PARTITION BY RANGE (at);
SELECT etl.add_partition_policy('visit', '1 week', ahead => 2);
CALL etl.create_partitions('visit', '2025-12-31', dry_run => true);
CALL etl.create_partitions('visit', '2025-12-31');
CALL etl.create_partitions('visit', '2025-12-31');
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'visit'::regclass ORDER BY c.relname;
SELECT policy, relation, every, ahead, lock_timeout, schedule, last_status, last_created FROM etl.partition_policies;
SELECT kind, name, rows, jsonb_pretty(detail) AS detail FROM etl.runs WHERE kind = 'partitions' ORDER BY run_id;
SELECT etl.add_partition_policy('visit', '1 week', ahead => 3);
SELECT etl.add_partition_policy('visit', '1 week', ahead => 3, if_not_exists => true);
SELECT etl.add_partition_policy('visit', '1 week', ahead => 2, if_not_exists => true);
SELECT etl.add_partition_policy('orders', '1 week');
SELECT etl.add_partition_policy('visit', '36 hours');
SELECT etl.alter_partition_policy('visit', ahead => 2);
SELECT etl.alter_partition_policy('visit', ahead => 0);
CALL etl.create_partitions('nowhere');
CREATE TABLE visit_default PARTITION OF visit DEFAULT;
INSERT INTO visit VALUES ('2026-01-20', '/');
CALL etl.create_partitions('visit', '2026-01-10');
CALL etl.create_partitions('visit', '2026-02-01');
SELECT etl.remove_partition_policy('visit');
SELECT etl.remove_partition_policy('visit');
SELECT etl.remove_partition_policy('visit', if_exists => true);
SELECT action, object, detail - '{run,owner}'::text[] AS detail
FROM etl.audit_log WHERE action ~ 'partition' ORDER BY seq;

-- Remove
SELECT etl.remove_retention_policy('nowhere');
SELECT etl.remove_retention_policy('nowhere', if_exists => true);
SELECT etl.remove_retention_policy('log too'), etl.remove_retention_policy('orders');

-- Roles
CREATE ROLE regress_ret_ann;
CREATE ROLE regress_ret_ben;
CREATE ROLE regress_ret_root SUPERUSER;
GRANT USAGE, CREATE ON SCHEMA ret TO regress_ret_ann;
GRANT USAGE ON SCHEMA ret TO regress_ret_ben;
GRANT SELECT, UPDATE ON log TO regress_ret_ben;
GRANT SELECT, UPDATE, DELETE ON orders TO regress_ret_ben;
SET ROLE regress_ret_ann;
CREATE TABLE ann_log (at timestamptz);
CREATE INDEX ON ann_log (at);
SELECT etl.add_retention_policy('ann_log', 'at', '1 day', 'mine');
SET ROLE regress_ret_ben;
SELECT etl.add_retention_policy('log', 'at', '1 day', 'theirs');
SELECT etl.add_retention_policy('orders', 'placed', '1 day', 'mine');
SELECT etl.add_retention_policy('orders', 'placed', '1 day', 'bens', archive_to => 'bens_archive');
SELECT etl.add_retention_policy('orders', 'placed', '1 day', 'bens', archive_to => 'narrow');
SELECT policy FROM etl.policies;
CALL etl.run_retention('mine');
SELECT etl.remove_retention_policy('mine');
CALL etl.run_retention();
SET ROLE regress_ret_root;
CALL etl.run_retention('mine');
CALL etl.run_retention();
-- It may remove what another role left behind.
SELECT etl.remove_retention_policy('mine');

SET ROLE regress_ret_ann;
SELECT etl.remove_retention_policy('mine');
RESET ROLE;
SET client_min_messages = warning;
DELETE FROM etl.run;
DROP OWNED BY regress_ret_ann, regress_ret_ben;
DROP ROLE regress_ret_ann, regress_ret_ben, regress_ret_root;
DROP SCHEMA ret CASCADE;
