-- etl.dedupe, etl.duplicates: how they are called and what they refuse.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

CREATE TABLE purchase (
    id       int,
    wallet   text,
    event_id int,
    price    numeric(18,8),
    bought   timestamptz,
    payload  json,
    spot     point
);
INSERT INTO purchase VALUES
    (1, 'ann', 1, 10.5,  '2025-03-01 10:00', NULL, NULL),
    (2, 'ann', 1, 10.50, '2025-03-01 11:00', NULL, NULL),
    (3, 'ann', 2, 10.5,  '2025-03-01 12:00', NULL, NULL),
    (4, 'bob', 1, 7,     '2025-03-01 13:00', NULL, NULL),
    (5, 'bob', 1, 7,     '2025-03-01 13:00', '{}', NULL),
    (6, 'bob', 1, 7,     NULL,               NULL, NULL),
    (7, NULL,  1, 7,     '2025-03-01 14:00', NULL, NULL),
    (8, NULL,  1, 7,     '2025-03-01 15:00', NULL, NULL);

-- Look, try, do
SELECT * FROM etl.duplicates('purchase', ARRAY['wallet', 'event_id', 'price']);
SELECT * FROM etl.duplicates('purchase', ARRAY['wallet', 'event_id', 'price'], nulls_equal => true);
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], order_by => 'bought', dry_run => true);
SELECT count(*) FROM purchase;

BEGIN;
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], order_by => 'bought');
SELECT id, wallet, event_id, price, bought FROM purchase ORDER BY id;
ROLLBACK;

BEGIN;
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], keep => 'first', order_by => 'bought');
SELECT id FROM purchase ORDER BY id;
ROLLBACK;

BEGIN;
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], keep => 'most_complete',
                         nulls_equal => true);
SELECT id FROM purchase ORDER BY id;
ROLLBACK;

BEGIN;
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], where_sql => 'price >= 10');
SELECT id FROM purchase ORDER BY id;
ROLLBACK;

-- What is refused
\set SHOW_CONTEXT never
SELECT groups, duplicates, removed FROM etl.dedupe('no_such_table', ARRAY['id']);
SELECT groups, duplicates, removed FROM etl.dedupe(NULL, ARRAY['id']);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['id'], dry_run => NULL);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY[]::name[]);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', NULL);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['id', NULL]);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet', 'wallet']);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet', 'vallet']);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], keep => 'newest');
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], keep => NULL);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], batch_rows => 0);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], rules => '{}');
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], repoint => '{purchase}');
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], order_by => 'sold');
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['payload']);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['spot']);
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], order_by => 'payload');
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], where_sql => 'price');
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], where_sql => '');
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], where_sql => 'cost > 1');
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], where_sql => 'id = $1');
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], where_sql => 'count(*) > 1');
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet'], where_sql => 'true); DELETE FROM public.purchase WHERE (true');
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet'], where_sql => 'true) OR (true');
SELECT * FROM etl.duplicates('purchase', ARRAY[]::name[]);
SELECT * FROM etl.duplicates('purchase', ARRAY['wallet', 'vallet']);
SELECT * FROM etl.duplicates(NULL, ARRAY['wallet']);

CREATE VIEW purchase_view AS SELECT * FROM purchase;
CREATE MATERIALIZED VIEW purchase_copy AS SELECT * FROM purchase;
SELECT groups, duplicates, removed FROM etl.dedupe('purchase_view', ARRAY['id']);
SELECT * FROM etl.duplicates('purchase_copy', ARRAY['id']);

-- The hint for json mends it.
ALTER TABLE public.purchase ADD COLUMN payload_key jsonb GENERATED ALWAYS AS (payload::text::jsonb) STORED;
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['payload_key'], dry_run => true);

-- A row that another table refers to
ALTER TABLE purchase ADD PRIMARY KEY (id);
CREATE TABLE refund (purchase_id int REFERENCES purchase);
INSERT INTO refund VALUES (4);
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], order_by => 'bought');
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], order_by => 'bought',
                         where_sql => 'id NOT IN (SELECT purchase_id FROM public.refund)', dry_run => true);
ALTER TABLE refund DROP CONSTRAINT refund_purchase_id_fkey,
    ADD CONSTRAINT refund_purchase FOREIGN KEY (purchase_id) REFERENCES purchase ON DELETE CASCADE;
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], order_by => 'bought');

-- Pointed at the row to keep, and everything back again
DELETE FROM refund;
ALTER TABLE refund ADD id int PRIMARY KEY, ADD UNIQUE (purchase_id);
INSERT INTO refund VALUES (4, 1);
BEGIN;
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], order_by => 'bought',
                                                   repoint => '{refund}');
SELECT purchase_id FROM refund;
SELECT key, survivor, "row" ->> 'bought' AS bought FROM etl.removed_duplicates ORDER BY "row" ->> 'id';
SELECT before ->> 'purchase_id' AS before, after ->> 'purchase_id' AS after FROM etl.dedupe_changes;
SELECT u.* FROM etl.dedupe_runs AS r, etl.undo_dedupe(r.run_id) AS u;
SELECT purchase_id FROM refund;
SELECT count(*), sum(id) FROM purchase;
DO $$ BEGIN PERFORM etl.undo_dedupe(run_id) FROM etl.dedupe_runs; EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RAISE NOTICE '%', regexp_replace(SQLERRM, '[0-9].*', '…'); END $$;
ROLLBACK;
INSERT INTO refund VALUES (5, 2);
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], order_by => 'bought',
                                                   repoint => '{refund}');
SELECT * FROM etl.undo_dedupe(-1);

-- The survivors of a query
SELECT * FROM etl.deduplicated('SELECT id, wallet, bought FROM public.purchase', ARRAY['wallet'], 'last', 'id')
    AS d(id int, wallet text, bought timestamptz) ORDER BY id;
SELECT etl.create_deduplicated('public.purchase_clean', 'SELECT id, wallet FROM public.purchase', ARRAY['wallet'],
    'any');
DROP TABLE purchase_clean;
SELECT * FROM etl.deduplicated('SELECT id FROM public.purchase', ARRAY['wallet']) AS d(id int);
SELECT * FROM etl.deduplicated('SELECT id FROM public.purchase', ARRAY['id'], 'merge') AS d(id int);
\set VERBOSITY terse
SELECT * FROM etl.deduplicated('SELECT id FROM public.purchase', ARRAY['id']) AS d(id text);
\set VERBOSITY default
SELECT * FROM etl.deduplicated('DELETE FROM public.purchase RETURNING id', ARRAY['id']) AS d(id int);
SELECT etl.create_deduplicated('purchase_clean', 'SELECT 1 AS id', ARRAY['id']);

-- Another role
CREATE ROLE regress_dedupe_user;
SET ROLE regress_dedupe_user;
SELECT groups, duplicates, removed FROM etl.dedupe('purchase', ARRAY['wallet']);
SELECT * FROM etl.duplicates('purchase', ARRAY['wallet']);
RESET ROLE;
GRANT SELECT, DELETE ON purchase TO regress_dedupe_user;
ALTER TABLE purchase ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON purchase TO regress_dedupe_user USING (id <= 5);
CREATE POLICY fewer ON purchase AS RESTRICTIVE FOR DELETE TO regress_dedupe_user USING (id <> 1);
DROP TABLE refund;
SET ROLE regress_dedupe_user;
BEGIN;
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], order_by => 'bought');
ROLLBACK;
RESET ROLE;

-- A snapshot that may be older than the lock.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT groups, duplicates, removed
FROM etl.dedupe('purchase', ARRAY['wallet', 'event_id', 'price'], order_by => 'bought');
ROLLBACK;

-- Nothing was changed by any of this.
SELECT count(*), sum(id) FROM purchase;

DROP TABLE purchase CASCADE;
DROP ROLE regress_dedupe_user;
