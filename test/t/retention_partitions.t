#!/usr/bin/env bash
# Kills the server process that takes partitions out of their table whole, the background worker that detaches them, or
# the whole server, at random moments. After each recovery the table, its archive and what is on the way between them
# hold every row exactly once, and in the end nothing is on the way. And what a run does when it is told to cancel while
# it waits, and where no worker is to be had.
#
#   KILLS=200 SEED=7 test/t/retention_partitions.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
kills=${KILLS:-12}
RANDOM=${SEED:-$$}
parts=12
each=500
rows=$((parts * each))
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" -o autovacuum=off
cluster_env "$dir"

# One table whose partitions move into a schema, and one whose partitions are attached to another table.
fill() {
    sql <<SQL
SET client_min_messages = error;
SELECT etl.remove_retention_policy(policy) FROM etl.policies \g /dev/null
DROP TABLE IF EXISTS hot, joined, cold.hot, cold.joined CASCADE;
DELETE FROM etl.run;
DELETE FROM etl.archive;
DELETE FROM etl.detached_partition;
CREATE TABLE hot (id int, at timestamptz NOT NULL, payload text) PARTITION BY RANGE (at);
CREATE TABLE joined (LIKE hot) PARTITION BY RANGE (at);
CREATE TABLE cold.joined (LIKE hot) PARTITION BY RANGE (at);
SELECT format('CREATE TABLE %s_%s PARTITION OF %1\$s FOR VALUES FROM (%3\$L) TO (%4\$L)', t, n,
              '2025-01-01 00:00+00'::timestamptz + n * interval '1 day',
              '2025-01-02 00:00+00'::timestamptz + n * interval '1 day')
FROM generate_series(0, $parts - 1) AS n, unnest('{hot,joined}'::text[]) AS t \gexec
CREATE INDEX ON hot (at);
INSERT INTO hot
SELECT n, '2025-01-01 00:00+00'::timestamptz + (n - 1) / $each * interval '1 day', md5(n::text)
FROM generate_series(1, $rows) AS n;
INSERT INTO joined TABLE hot;
SELECT etl.add_retention_policy('hot', 'at', '1 day', archive_to => 'schema:cold'),
       etl.add_retention_policy('joined', 'at', '1 day', archive_to => 'cold.joined') \g /dev/null
SQL
}

# Empty when all is well.
losses() {
    sql <<SQL
CREATE FUNCTION pg_temp.found(t text) RETURNS TABLE (id int, payload text) LANGUAGE plpgsql AS \$\$
DECLARE
    place text;
BEGIN
    FOR place IN
        SELECT t UNION ALL SELECT 'cold.' || t UNION ALL
        SELECT d.partition::text FROM etl.detached_partition AS d JOIN pg_class AS c ON c.oid = d.partition
        WHERE d.status = 'detaching' AND d.policy = t
          AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = d.partition AND NOT i.inhdetachpending)
    LOOP
        RETURN QUERY EXECUTE format('SELECT h.id, h.payload FROM %s AS h', place);
    END LOOP;
END \$\$;
SELECT format('%s: %s rows, %s of them different, instead of $rows', t, count(*), count(DISTINCT f.id))
FROM unnest('{hot,joined}'::text[]) AS t, pg_temp.found(t) AS f GROUP BY t
HAVING count(*) <> $rows OR count(DISTINCT f.id) <> $rows OR bool_or(f.payload <> md5(f.id::text))
UNION ALL
SELECT format('the runs of %s archived %s rows, the archive holds %s', t, said, held)
FROM (VALUES ('hot', (SELECT count(*) FROM cold.hot)), ('joined', (SELECT count(*) FROM cold.joined))) AS a(t, held)
CROSS JOIN LATERAL (SELECT coalesce(sum((detail ->> 'archived')::bigint), 0) FROM etl.runs WHERE name = t) AS r(said)
WHERE said <> held
UNION ALL
SELECT format('the ledger says %s, the archive holds %s', expected, found) FROM etl.verify_archive() WHERE NOT ok
UNION ALL
SELECT format('the audit log: %s', problem) FROM etl.verify_audit() WHERE NOT is_whole
SQL
}

run_it="CALL etl.run_retention(as_of => '2026-01-01 00:00+00')"
# call_and_kill for a worker: a reader makes it wait, so that it is there to be killed.
call_and_kill_worker() {
    local client pid=''
    sql -c 'BEGIN; SELECT count(*) FROM hot, joined; SELECT pg_sleep(10)' > "$dir/reader" 2>&1 &
    until [ "$(sql -c "SELECT count(*) FROM pg_locks WHERE relation = 'joined'::regclass")" -gt 0 ]; do
        sleep 0.02
    done
    sql -c "$run_it" > "$dir/output" 2>&1 &
    client=$!
    for _ in $(seq 100); do
        pid=$(sql -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_etl step'")
        [ -z "$pid" ] || break
        sleep 0.01
    done
    sleep "0.$(printf %03d $((RANDOM % 200)))"
    [ -z "$pid" ] || kill -9 "$pid" 2> /dev/null || true
    wait "$client" || true
    wait_for_server
}

sql -c 'CREATE EXTENSION pg_etl' -c 'CREATE SCHEMA cold'
fill
echo "1..$((kills + 8))"
on_the_way=0
for ((n = 1; n <= kills; n++)); do
    case $((n % 4)) in
        0) victim=server && call_and_kill "$dir" "$run_it" server 600 ;;
        1) victim=worker && call_and_kill_worker ;;
        *) victim=session && call_and_kill "$dir" "$run_it" session 600 ;;
    esac
    unsettled=$(sql -c "SELECT count(*) FROM etl.detached_partition WHERE status = 'detaching'")
    [ "$unsettled" -eq 0 ] || on_the_way=$((on_the_way + 1))
    left=$(sql -c 'SELECT (SELECT count(*) FROM hot) + (SELECT count(*) FROM joined)')
    result "$n" "kill -9 of the $victim: $left rows left, $unsettled partitions on the way" "$(losses)"
    [ "$left" -gt 0 ] || { sql -c "$run_it" && fill; }
done
result $((kills + 1)) "$on_the_way of $kills kills left a partition on the way" \
    "$([ "$on_the_way" -gt 0 ] || echo 'too few to prove anything')"
sql -c "$run_it"
result $((kills + 2)) 'the next run takes what is left, and nothing is on the way' "$(losses)$(sql <<'SQL'
SELECT format('%s is still %s', name, status) FROM etl.runs WHERE status = 'running'
UNION ALL
SELECT format('%s rows are left', count(*)) FROM hot HAVING count(*) > 0
UNION ALL
SELECT format('%s is on the way', partition_name) FROM etl.detached_partition WHERE status = 'detaching'
SQL
)"

# A run that waits for a reader is told to cancel.
fill
sql -c "SELECT etl.alter_retention_policy('hot', lock_timeout => '1 min')" > "$dir/output"
PGAPPNAME=reader sql -c 'BEGIN; SELECT count(*) FROM hot; SELECT pg_sleep(600)' > "$dir/reader" 2>&1 &
reader=$!
PGAPPNAME=runner sql -c "CALL etl.run_retention('hot', '2026-01-01 00:00+00')" > "$dir/runner" 2>&1 &
runner=$!
wait_until() {
    for _ in $(seq 600); do
        [ "$(sql -c "SELECT $1")" != t ] || return 0
        sleep 0.05
    done
    echo "Bail out! $1" && exit 1
}
wait_until 'EXISTS (SELECT FROM pg_inherits WHERE inhdetachpending)'
sql -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'runner'" > "$dir/output"
wait "$runner" || true
result $((kills + 3)) 'a run that is told to cancel says so' \
    "$(grep -q 'retention policy "hot" failed: ' "$dir/runner" || cat "$dir/runner")"
result $((kills + 4)) 'and leaves no worker behind, and no row lost' \
    "$(sql -c "SELECT 'a worker' FROM pg_stat_activity WHERE backend_type = 'pg_etl step'")$(losses)"
sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reader'" > "$dir/output"
wait "$reader" || true
sql -c "CALL etl.run_retention('hot', '2026-01-01 00:00+00')"
result $((kills + 5)) 'the next run finishes what it began' "$(losses)$(sql <<'SQL'
SELECT format('%s is on the way', partition_name) FROM etl.detached_partition WHERE status = 'detaching'
UNION ALL
SELECT format('%s rows are left', count(*)) FROM hot HAVING count(*) > 0
SQL
)"

# A dump that was taken while a partition was on the way.
fill
sql <<'SQL'
SELECT FROM etl.retention_policy AS p, etl._intend(p, 0, 1, 'hot_0', 'hot', 'move', 'cold.hot') WHERE p.name = 'hot' \g /dev/null
ALTER TABLE hot DETACH PARTITION hot_0;
SQL
createdb restored
pg_dump -d postgres | sql -d restored > "$dir/output" 2>&1
PGDATABASE=restored sql -c "$run_it"
result $((kills + 6)) 'a restored dump knows what is on the way' "$(PGDATABASE=restored losses)$(PGDATABASE=restored sql <<'SQL'
SELECT format('%s is on the way', partition_name) FROM etl.detached_partition WHERE status = 'detaching'
UNION ALL
SELECT format('%s rows are left', count(*)) FROM hot HAVING count(*) > 0
SQL
)"
sql -c "$run_it"

# No slot for a worker.
sql -c 'ALTER SYSTEM SET max_worker_processes = 0'
kill_server "$dir"
wait_for_server
fill
told=$(sql -c "CALL etl._run_at_toplevel('SELECT 1', 'this', NULL)")
result $((kills + 7)) 'without a slot for workers a script is not executed' \
    "$([[ $told == *'no background worker slot is free for this'*53000* ]] || echo "$told")"
sql -c "$run_it"
result $((kills + 8)) 'and partitions are detached plainly' "$(losses)$(sql <<SQL
SELECT format('%s rows are left', count(*)) FROM hot HAVING count(*) > 0
UNION ALL
SELECT format('%s partitions were moved as a whole', count(*))
FROM etl.run, jsonb_array_elements(detail -> 'partitions') AS p
WHERE p ->> 'what' IN ('moved', 'attached') HAVING count(*) <> 2 * $parts
SQL
)"
