#!/usr/bin/env bash
# Kills the server process that moves orders to files with all that refers to them, or the whole server, at random
# moments, while a session goes on changing rows. After each recovery each order, item and note is there exactly once,
# in its table or in a file, with every change that was committed; nothing refers to what is gone; and every file
# verifies.
#
#   KILLS=200 SEED=7 test/t/retention_references_kill.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
kills=${KILLS:-10}
seed=${SEED:-$RANDOM}
RANDOM=$seed
orders=4000
dir=$(cluster_tmpdir)
files=$dir/archive
trap 'cluster_stop "$dir"' EXIT
mkdir -m 700 "$files"
[ "$(id -u)" != 0 ] || chown postgres: "$files"
cluster_start "$dir" -o autovacuum=off -o jit=off -o pg_etl.archive_directory="$files"
cluster_env "$dir"
echo "# SEED=$seed"
echo "1..$((kills + 3))"

sql <<SQL
CREATE EXTENSION pg_etl;
ALTER DATABASE postgres SET pg_etl.retention_batch_time = 0; -- forty batches of three files each
CREATE TABLE orders (id int PRIMARY KEY, at timestamptz NOT NULL, changes int NOT NULL DEFAULT 0);
CREATE TABLE items (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders, changes int NOT NULL DEFAULT 0);
CREATE TABLE notes (id int PRIMARY KEY, item_id int NOT NULL REFERENCES items ON DELETE CASCADE,
                    order_id int REFERENCES orders ON DELETE SET NULL, changes int NOT NULL DEFAULT 0);
CREATE INDEX ON orders (at);
CREATE INDEX ON items (order_id);
CREATE INDEX ON notes (item_id);
CREATE INDEX ON notes (order_id);
SET client_min_messages = warning;
SELECT etl.add_retention_policy('orders', 'at', '1 day', archive_to => 'file://$files', batch_rows => 100,
                                follow_references => true) \g /dev/null

-- Every row there is of a table, hot or in a file that is kept.
CREATE FUNCTION everywhere(what regclass) RETURNS TABLE (id int, refers_to int, changes int)
LANGUAGE plpgsql AS \$\$
DECLARE
    file etl.archive;
    refers text := CASE what WHEN 'items'::regclass THEN 'order_id' WHEN 'notes'::regclass THEN 'item_id'
                                 ELSE 'id' END;
BEGIN
    RETURN QUERY EXECUTE format('SELECT id, %s, changes FROM %s', refers, what);
    FOR file IN SELECT a.* FROM etl.archive AS a
                WHERE a.source = 'public.' || what::text AND a.action = 'archived' AND a.status = 'kept' LOOP
        RETURN QUERY EXECUTE format('SELECT id, %s, changes FROM %s', refers, etl._archive_rows(file, 'f'));
    END LOOP;
END
\$\$;
SQL
sql_of_changes "$orders" orders items notes | sql

fill() {
    find "$files" -type f -delete
    sql <<SQL
TRUNCATE orders, items, notes, changed;
DELETE FROM etl.archive;
INSERT INTO changed VALUES ('orders', 0), ('items', 0), ('notes', 0);
INSERT INTO orders SELECT n, '2025-01-01 00:00+00'::timestamptz + n * interval '1 second' FROM generate_series(1, $orders) AS n;
INSERT INTO items SELECT n, (n + 1) / 2 FROM generate_series(1, 2 * $orders) AS n;
INSERT INTO notes SELECT n, 2 * n, CASE WHEN n % 3 = 0 THEN n % 500 + 1 END FROM generate_series(1, $orders) AS n
WHERE n % 4 <> 0;
SQL
}

# Empty when all is well.
losses() {
    sql 2>&1 <<SQL
WITH found AS (
    SELECT 'orders' AS what, $orders AS wanted, f.* FROM everywhere('orders') AS f
    UNION ALL SELECT 'items', 2 * $orders, f.* FROM everywhere('items') AS f
    UNION ALL SELECT 'notes', $orders * 3 / 4, f.* FROM everywhere('notes') AS f
)
SELECT format('%s: %s rows, %s of them different, instead of %s', what, count(*), count(DISTINCT id), wanted)
FROM found GROUP BY what, wanted HAVING count(*) <> wanted OR count(DISTINCT id) <> wanted
UNION ALL
SELECT format('%s: %s changes instead of %s', f.what, sum(f.changes), c.changes)
FROM found AS f JOIN changed AS c ON c.relation = f.what GROUP BY f.what, c.changes HAVING sum(f.changes) <> c.changes
UNION ALL
SELECT format('item %s refers to an order that is gone', i.id) FROM items AS i
WHERE NOT EXISTS (SELECT FROM orders AS o WHERE o.id = i.order_id)
UNION ALL
SELECT format('%s: %s', location, problem) FROM etl.verify_archive() WHERE ok IS NOT TRUE
UNION ALL
SELECT format('no manifest has %s', location) FROM etl.archive_files WHERE archive_id IS NULL
UNION ALL
SELECT problem FROM etl.verify_audit() WHERE is_whole IS NOT TRUE;
SQL
}

fill
under_way=0
for ((n = 1; n <= kills; n++)); do
    victim=session
    [ $((n % 2)) -ne 0 ] || victim=server
    sql -c 'CALL change()' 2> /dev/null &
    changer=$!
    call_and_kill "$dir" "CALL etl.run_retention('orders', '2026-01-01')" "$victim" 900
    sql -c "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'" > /dev/null 2>&1 || wait_for_server
    wait "$changer" || true
    left=$(sql -c 'SELECT count(*) FROM orders')
    result "$n" "kill -9 of the $victim: $left orders left, $(sql -c "
        SELECT count(*) FROM etl.archives WHERE status = 'orphan'") orphans" "$(losses)"
    [ "$left" -eq 0 ] || [ "$left" -eq "$orders" ] || under_way=$((under_way + 1))
    [ "$left" -gt 0 ] || fill
done
result $((kills + 1)) "$under_way of $kills kills came while rows were being moved" \
    "$([ "$under_way" -gt 0 ] || echo 'too few to prove anything')"
said=$(sql -c "CALL etl.run_retention('orders', '2026-01-01')" 2>&1)
result $((kills + 2)) 'the next run moves what is left, and clears away what was not finished' "$said$(losses)$(sql <<'SQL'
SELECT format('%s rows of orders are left', count(*)) FROM orders HAVING count(*) > 0
UNION ALL
SELECT format('%s rows refer to them', count(*)) FROM items HAVING count(*) > 0
UNION ALL
SELECT format('%s is %s', location, state) FROM etl.archive_files WHERE state NOT IN ('kept', 'writing');
SQL
)"
sql > /dev/null <<SQL
SET client_min_messages = warning;
SELECT etl.remove_orphan(archive_id) FROM etl.archives WHERE status = 'orphan';
SELECT * FROM etl.restore_archive('orders', NULL::timestamptz, NULL);
SQL
result $((kills + 3)) 'all of it can be restored' "$(losses)$(sql <<SQL
SELECT format('%s rows are there', n) FROM (
    SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM items) + (SELECT count(*) FROM notes)) AS c (n)
WHERE n <> 3 * $orders + $orders * 3 / 4
SQL
)"
