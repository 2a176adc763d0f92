#!/usr/bin/env bash
# Retention under kills. One policy moves 100,000 rows to a table and another one 100,000 rows to files, at the same
# time, while a session goes on changing rows that are due. At a random moment one of their server processes, or the
# whole server, is killed with -9. After each recovery each row is there exactly once, hot or archived, and no change
# that was committed is lost; every archive is what the manifest says, and the audit log is whole.
#
#   RETENTION_KILLS=200 RETENTION_SEED=7 test/t/retention_torture.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
kills=${RETENTION_KILLS:-20}
seed=${RETENTION_SEED:-$RANDOM}
RANDOM=$seed
rows=100000
dir=$(cluster_tmpdir)
files=$dir/archive
trap 'cluster_stop "$dir"' EXIT
mkdir -m 700 "$files"
[ "$(id -u)" != 0 ] || chown postgres: "$files"
cluster_start "$dir" -o autovacuum=off -o jit=off -o work_mem=64MB -o pg_etl.archive_directory="$files"
cluster_env "$dir"
echo "# RETENTION_SEED=$seed"
echo "1..$((kills + 4))"

# A hundred batches, and fifty files.
sql <<SQL
CREATE EXTENSION pg_etl;
ALTER DATABASE postgres SET pg_etl.retention_batch_time = 0;
CREATE TABLE to_table (id int PRIMARY KEY, at timestamptz NOT NULL, payload text NOT NULL, changes int NOT NULL);
CREATE TABLE to_files (LIKE to_table INCLUDING ALL);
CREATE INDEX ON to_table (at);
CREATE INDEX ON to_files (at);
SET client_min_messages = warning;
SELECT etl.add_retention_policy('to_table', 'at', '1 day', archive_to => 'in_table', batch_rows => 1000),
       etl.add_retention_policy('to_files', 'at', '1 day', archive_to => 'file://$files', batch_rows => 100),
       etl.create_history_view('to_table'), etl.create_history_view('to_files') \g /dev/null
SQL
sql_of_changes "$rows" to_table to_files | sql

fill() {
    find "$files" -type f -delete
    sql <<SQL
TRUNCATE to_table, to_files, in_table, changed;
DELETE FROM etl.archive;
INSERT INTO changed VALUES ('to_table', 0), ('to_files', 0);
INSERT INTO to_table
SELECT n, '2025-01-01 00:00+00'::timestamptz + n * interval '1 second', md5(n::text), 0
FROM generate_series(1, $rows) AS n;
INSERT INTO to_files TABLE to_table;
SQL
}

# Empty when all is well. A history view reads the table, and every file that the manifest counts.
losses() {
    sql 2>&1 <<SQL
SELECT format('%s: %s rows, %s of them different, %s spoilt, instead of $rows; %s changes of %s', c.relation, h.rows,
              h.different, h.spoilt, h.changes, c.changes)
FROM changed AS c
LEFT JOIN (
    SELECT relation, count(*) AS rows, count(DISTINCT id) AS different, sum(changes) AS changes,
           count(*) FILTER (WHERE payload <> md5(id::text)) AS spoilt
    FROM (SELECT 'to_table' AS relation, * FROM to_table_history
          UNION ALL SELECT 'to_files', * FROM to_files_history) AS everything
    GROUP BY relation
) AS h USING (relation)
WHERE (h.rows, h.different, h.spoilt, h.changes) IS DISTINCT FROM ($rows, $rows, 0, c.changes)
UNION ALL
SELECT format('%s: %s', location, problem) FROM etl.verify_archive() WHERE ok IS NOT TRUE
UNION ALL
SELECT format('no manifest has %s', location) FROM etl.archive_files WHERE state = 'unlisted'
UNION ALL
SELECT problem FROM etl.verify_audit() WHERE is_whole IS NOT TRUE;
SQL
}

# Two runs and a session that changes rows: the one that is to be killed says its number first.
run_and_kill() {
    local victim=$1 relation number delay pids=() clients=()
    for relation in to_table to_files; do
        : > "$dir/$relation.pid"
        sql -c 'SELECT pg_backend_pid()' -c "CALL etl.run_retention('$relation', '2026-01-01')" \
            > "$dir/$relation.pid" 2> "$dir/$relation.err" &
        clients+=($!)
    done
    sql -c 'CALL change()' 2> /dev/null &
    clients+=($!)
    for relation in to_table to_files; do
        until [ -s "$dir/$relation.pid" ]; do
            sleep 0.01
        done
        pids+=("$(head -n 1 "$dir/$relation.pid")")
    done
    delay=$((RANDOM % window))
    sleep "$((delay / 1000)).$(printf %03d $((delay % 1000)))"
    if [ "$victim" = server ]; then
        kill_server "$dir"
    else
        number=$((RANDOM % 2))
        kill -9 "${pids[number]}" 2> /dev/null || true # it may be done
    fi
    wait_for_server
    sql -c "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'" > /dev/null 2>&1 || wait_for_server
    wait "${clients[@]}" || true
}

complaints() {
    grep -hE '^(ERROR|PANIC)' "$dir"/to_{table,files}.err | grep -vE 'administrator command' || true
}

fill
under_way_table=0 under_way_files=0
window=500 # milliseconds before the kill, at most: more where a machine is so slow that no rows have moved by then
for ((n = 1; n <= kills; n++)); do
    victim=session
    [ $((n % 2)) -ne 0 ] || victim=server
    run_and_kill "$victim"
    IFS='|' read -r left_table left_files orphans < <(sql -c "
        SELECT (SELECT count(*) FROM to_table), (SELECT count(*) FROM to_files),
               (SELECT count(*) FROM etl.archives WHERE status = 'orphan')")
    result "$n" "kill -9 of the $victim: $left_table and $left_files rows left, $orphans orphans so far" \
        "$(losses)$(complaints)"
    [ "$left_table" -eq 0 ] || [ "$left_table" -eq "$rows" ] || under_way_table=$((under_way_table + 1))
    [ "$left_files" -eq 0 ] || [ "$left_files" -eq "$rows" ] || under_way_files=$((under_way_files + 1))
    if [ "$left_files" -eq "$rows" ] && [ "$window" -lt 8000 ]; then
        window=$((window * 2))
    elif [ "$left_files" -eq 0 ] && [ "$window" -gt 500 ]; then
        window=$((window / 2))
    fi
    [ "$n" -eq "$kills" ] || [ $((left_table + left_files)) -gt 0 ] || fill
done

result $((kills + 1)) "$under_way_table kills came while rows moved to the table, $under_way_files to files" \
    "$([ "$under_way_table" -gt 0 ] && [ "$under_way_files" -gt 0 ] || echo 'too few to prove anything')"
said=$(sql -c "CALL etl.run_retention(as_of => '2026-01-01')" 2>&1)
result $((kills + 2)) 'the next run moves what is left' "$said$(losses)$(sql <<SQL
SELECT format('%s rows of to_table and %s of to_files are left', t, f)
FROM (SELECT count(*) FROM to_table) AS a (t), (SELECT count(*) FROM to_files) AS b (f) WHERE t + f > 0
SQL
)"
result $((kills + 3)) 'and closes the lost runs' "$(sql -c "
    SELECT format('%s is still %s', name, status) FROM etl.runs WHERE status = 'running'")"
sql -c "SELECT etl.remove_orphan(archive_id) FROM etl.archives WHERE status = 'orphan'" > /dev/null
result $((kills + 4)) 'orphans can be removed, and then each file is one that is kept' "$(losses)$(sql -c "
    SELECT format('%s is %s', location, state) FROM etl.archive_files WHERE state <> 'kept'")"
