#!/usr/bin/env bash
# Kills the server process that runs an extract of 200 pages, or the whole server, at random moments. When a run has
# come to its end, the table holds every record exactly once, and what the runs say they inserted is what it holds. A
# table that is replaced holds its old rows or the new ones, and nothing in between.
#
#   KILLS=200 SEED=7 test/t/extract_kill.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/../api.sh"
. "$(dirname "$0")/kill.sh"
kills=${KILLS:-12}
RANDOM=${SEED:-$$}
rows=4000
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"; api_stop "$dir/api"' EXIT
api_use "$dir/api"
cluster_start "$dir" -o autovacuum=off
cluster_env "$dir"

# Empty when all is well so far: no record twice, the pages before the place where it stopped, and nothing else.
losses() {
    sql <<SQL
SELECT format('%s rows, %s of them different', count(*), count(DISTINCT sale_id)) FROM sale
HAVING count(*) <> count(DISTINCT sale_id) OR count(*) % 20 <> 0 OR count(*) > $rows
UNION ALL
SELECT format('the table holds %s rows, the next page is %s', held, next_page)
FROM (SELECT count(*) AS held FROM sale) AS s, (SELECT ("position" ->> 'page')::int AS next_page FROM etl.extracts WHERE extract = 'sales') AS e
WHERE next_page IS NOT NULL AND held <> 20 * (next_page - 1)
UNION ALL
SELECT format('the runs inserted %s rows, the table holds %s', said, held)
FROM (SELECT coalesce(sum((detail ->> 'inserted')::bigint), 0) AS said FROM etl.runs WHERE name = 'sales') AS r,
     (SELECT count(*) AS held FROM sale) AS c
WHERE said <> held
SQL
}

renew() {
    sql -c 'TRUNCATE swapped' -c 'INSERT INTO swapped SELECT -n, 0 FROM generate_series(1, 10) AS n'
}

# Empty when all rows are old ones, or all are new.
mixture() {
    sql <<SQL
SELECT format('%s old rows and %s new ones', old, new)
FROM (SELECT count(*) FILTER (WHERE sale_id < 0), count(*) FILTER (WHERE sale_id > 0) FROM swapped) AS c(old, new)
WHERE (old, new) NOT IN ((10, 0), (0, 1000))
SQL
}

sql <<SQL
CREATE EXTENSION pg_etl;
ALTER SYSTEM SET pg_etl.allowed_hosts = '127.0.0.1';
SELECT pg_reload_conf() \g /dev/null
CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url '$PG_ETL_API/extract_kill_$$');
CREATE TABLE sale (sale_id bigint, price numeric, purchased_at timestamptz);
SELECT etl.create_extract('sales', 'api', '/sales', 'sale', query => '{"n": $rows, "size": 20, "latency": 0.001}') \g /dev/null
SQL
sql <<SQL
CREATE TABLE swapped (sale_id bigint PRIMARY KEY, price numeric);
SELECT etl.create_extract('swapped', 'api', '/sales', 'swapped', query => '{"n": 1000, "size": 20, "latency": 0.001}',
                          key_columns => '{sale_id}', write_mode => 'replace') \g /dev/null
SQL
swaps=$(((kills + 2) / 3))
echo "1..$((kills + 3 + swaps + 1))"
under_way=0
for ((n = 1; n <= kills; n++)); do
    victim=session
    [ $((n % 4)) -ne 0 ] || victim=server
    call_and_kill "$dir" "CALL etl.run_extract('sales')" "$victim" 900
    held=$(sql -c 'SELECT count(*) FROM sale')
    result "$n" "kill -9 of the $victim: $held rows" "$(losses)"
    [ "$held" -eq 0 ] || [ "$held" -eq "$rows" ] || under_way=$((under_way + 1))
    if [ "$held" -eq "$rows" ]; then
        sql -c 'TRUNCATE sale' -c 'DELETE FROM etl.run' -c "CALL etl.run_extract('sales', restart => true)" \
            -c 'TRUNCATE sale' -c 'DELETE FROM etl.run'
    fi
done

result $((kills + 1)) "$under_way of $kills kills came while pages were being loaded" \
    "$([ "$under_way" -gt 0 ] || echo 'too few to prove anything')"
sql -c "CALL etl.run_extract('sales')" 2> /dev/null
[ "$(sql -c 'SELECT count(*) FROM sale')" -eq "$rows" ] || sql -c "CALL etl.run_extract('sales')" 2> /dev/null
result $((kills + 2)) 'at the end every record is there once' \
    "$(sql -c "SELECT format('%s rows', count(*)) FROM sale HAVING count(*) <> $rows OR count(DISTINCT sale_id) <> $rows")"
result $((kills + 3)) 'and the runs say so' "$(losses)"

renew
for ((n = 1; n <= swaps; n++)); do
    victim=session
    [ $((n % 2)) -ne 0 ] || victim=server
    call_and_kill "$dir" "CALL etl.run_extract('swapped')" "$victim" 700
    result $((kills + 3 + n)) "kill -9 of the $victim that replaces rows" "$(mixture)"
    [ "$(sql -c 'SELECT count(*) FROM swapped')" -eq 10 ] || renew
done
sql -c "CALL etl.run_extract('swapped')" 2> /dev/null
result $((kills + 4 + swaps)) 'in the end all of them are replaced' "$(sql <<< "
SELECT format('%s rows, and %s staging tables', n, s)
FROM (SELECT count(*) FROM swapped) AS a(n),
     (SELECT count(*) FROM pg_class WHERE relname LIKE 'etl_stage%') AS b(s) WHERE (n, s) <> (1000, 0)")"
