#!/usr/bin/env bash
# Kills the server process that runs a retention policy, or the whole server, at random moments. After each recovery
# the table and its archive together hold every row exactly once, and what the runs say they archived is what stands
# in the archive. And a long run says how far it is, when it is asked to.
#
#   KILLS=200 SEED=7 test/t/retention_kill.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
kills=${KILLS:-12}
RANDOM=${SEED:-$$}
rows=20000
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" -o autovacuum=off
cluster_env "$dir"

fill() {
    sql <<SQL
TRUNCATE hot, cold;
DELETE FROM etl.run;
DELETE FROM etl.archive;
INSERT INTO hot
SELECT n, '2025-01-01 00:00+00'::timestamptz + n * interval '1 second', md5(n::text)
FROM generate_series(1, $rows) AS n;
SQL
}

# Empty when all is well.
losses() {
    sql <<SQL
WITH everywhere AS (SELECT * FROM hot UNION ALL SELECT * FROM cold)
SELECT format('%s rows, %s of them different, instead of $rows', count(*), count(DISTINCT id)) FROM everywhere
HAVING count(*) <> $rows OR count(DISTINCT id) <> $rows OR bool_or(payload <> md5(id::text))
UNION ALL
SELECT format('the runs archived %s rows, the archive holds %s', said, held)
FROM (SELECT coalesce(sum((detail ->> 'archived')::bigint), 0) AS said FROM etl.runs) AS r,
     (SELECT count(*) AS held FROM cold) AS c
WHERE said <> held
UNION ALL
SELECT format('the ledger says %s, the archive holds %s', expected, found) FROM etl.verify_archive() WHERE NOT ok
SQL
}

sql <<SQL
CREATE EXTENSION pg_etl;
ALTER DATABASE postgres SET pg_etl.retention_batch_time = 0; -- a hundred batches of 200 rows
CREATE TABLE hot (id int PRIMARY KEY, at timestamptz, payload text);
CREATE INDEX ON hot (at);
CREATE TABLE cold (LIKE hot);
SELECT etl.add_retention_policy('hot', 'at', '1 day', archive_to => 'cold', batch_rows => 200) \g /dev/null
SQL
fill
echo "1..$((kills + 3))"
under_way=0
for ((n = 1; n <= kills; n++)); do
    victim=session
    [ $((n % 4)) -ne 0 ] || victim=server
    call_and_kill "$dir" "CALL etl.run_retention('hot', '2026-01-01')" "$victim" 400
    state=$(sql -c "SELECT format('%s rows archived by %s runs', (SELECT count(*) FROM cold), count(*)) FROM etl.runs")
    result "$n" "kill -9 of the $victim: $state" "$(losses)"
    left=$(sql -c 'SELECT count(*) FROM hot')
    [ "$left" -eq 0 ] || [ "$left" -eq "$rows" ] || under_way=$((under_way + 1))
    [ "$left" -gt 0 ] || fill
done

result $((kills + 1)) "$under_way of $kills kills came while rows were being moved" \
    "$([ "$under_way" -gt 0 ] || echo 'too few to prove anything')"
sql -c "CALL etl.run_retention('hot', '2026-01-01')"
result $((kills + 2)) 'the next run moves what is left and closes the lost runs' "$(losses)$(sql <<'SQL'
SELECT format('%s is still %s', name, status) FROM etl.runs WHERE status = 'running'
UNION ALL
SELECT format('%s rows are left', count(*)) FROM hot HAVING count(*) > 0
SQL
)"

# Four batches of 0.6 s each: two or three messages.
sql <<'SQL'
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.6); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER INSERT ON cold FOR EACH STATEMENT EXECUTE FUNCTION slow();
TRUNCATE cold;
INSERT INTO hot SELECT n, '2025-01-01 00:00+00', '' FROM generate_series(1, 800) AS n;
SQL
said=$(sql -c 'SET pg_etl.progress = on' -c "CALL etl.run_retention('hot', '2026-01-01')" 2>&1)
pattern='^INFO:  retention policy "hot": [2468]00 of 800 rows, [0-9]+ rows/s, [0-9]+ s remaining$'
lines=$(grep -cE "$pattern" <<< "$said" || true)
result $((kills + 3)) 'progress is told, not more often than once a second' \
    "$([ "$lines" -ge 1 ] && [ "$lines" -le 3 ] && ! grep -qvE "$pattern" <<< "$said" || echo "$said")"
