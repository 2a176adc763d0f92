#!/usr/bin/env bash
# Kills the server process that removes duplicates or puts them back, or the whole server, at random moments. After each
# recovery the table and the audit together hold every row exactly once, every key is still there, and the record of the
# calls says what the audit holds.
#
#   KILLS=200 SEED=7 test/t/dedupe_kill.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
kills=${KILLS:-12}
RANDOM=${SEED:-$$}
rows=20000
keys=4000
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" -o autovacuum=off
cluster_env "$dir"

# Empty when all is well.
losses() {
    sql <<SQL
WITH everywhere AS (
    SELECT id::text, k::text, v FROM hot
    UNION ALL
    SELECT "row" ->> 'id', "row" ->> 'k', "row" ->> 'v' FROM etl.removed_duplicates
)
SELECT format('%s rows, %s of them different, instead of $rows', count(*), count(DISTINCT id)) FROM everywhere
HAVING count(*) <> $rows OR count(DISTINCT id) <> $rows OR bool_or(v <> md5(id))
UNION ALL
SELECT format('%s keys are left of $keys', count(DISTINCT k)) FROM hot HAVING count(DISTINCT k) <> $keys
UNION ALL
SELECT format('%s rows are left', count(*)) FROM hot HAVING count(*) NOT IN ($keys, $rows)
UNION ALL
SELECT format('the calls removed %s rows, the audit holds %s', said, held)
FROM (SELECT coalesce(sum(removed), 0) AS said FROM etl.dedupe_runs WHERE undone_at IS NULL) AS r,
     (SELECT count(*) AS held FROM etl.removed_duplicates) AS c
WHERE said <> held
SQL
}

sql <<SQL
CREATE EXTENSION pg_etl;
CREATE TABLE hot (id int PRIMARY KEY, k int, v text);
INSERT INTO hot SELECT n, n % $keys, md5(n::text) FROM generate_series(1, $rows) AS n;
SQL
remove="SELECT etl.dedupe('hot', '{k}', 'last', 'id', batch_rows => 500)"
put_back='SELECT etl.undo_dedupe(run_id) FROM etl.dedupe_runs WHERE undone_at IS NULL'
echo "1..$((kills + 2))"
for ((n = 1; n <= kills; n++)); do
    victim=session
    [ $((n % 4)) -ne 0 ] || victim=server
    call=$remove
    [ "$(sql -c 'SELECT count(*) FROM hot')" -gt $keys ] || call=$put_back
    call_and_kill "$dir" "$call" "$victim" 400
    result "$n" "kill -9 of the $victim, $(sql -c 'SELECT count(*) FROM hot') rows are left" "$(losses)"
done

[ "$(sql -c 'SELECT count(*) FROM hot')" -gt $keys ] || sql -c "$put_back" > "$dir/put_back"
sql -c "$remove" > "$dir/removed"
result $((kills + 1)) 'the next call removes all duplicates' "$(losses)$(sql <<SQL
SELECT format('%s rows are left', count(*)) FROM hot HAVING count(*) <> $keys
SQL
)"
sql -c "$put_back" > "$dir/put_back"
result $((kills + 2)) 'and the next one puts them back' "$(losses)$(sql <<SQL
SELECT format('%s rows are left', count(*)) FROM hot HAVING count(*) <> $rows
SQL
)"
