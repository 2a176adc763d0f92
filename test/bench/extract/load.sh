#!/usr/bin/env bash
# 100,000 sales (37 MB) in 100 pages of an API on the loopback address, into a typed table: an extract beside what is
# written by hand for it. Each in turn, so many rounds; prints medians of seconds and their ratio to the extract.
#
#   test/bench/extract/load.sh [rounds]          needs python3-requests, python3-psycopg2 and jq for the rivals
#   LATENCY=0.05 test/bench/extract/load.sh      each page after so many seconds
set -euo pipefail

top=$(cd "$(dirname "$0")/../../.." && pwd)
. "$top/test/cluster.sh"
. "$top/test/api.sh"
rounds=${1:-5}
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"; api_stop "$dir/api"' EXIT
cluster_start "$dir" -o shared_buffers=1GB -o autovacuum=off -o max_wal_size=8GB > /dev/null
cluster_env "$dir"
api_start "$dir/api"
sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }
columns='sale_id,event_id,wallet,quantity,price,total_amount,currency,status,purchased_at,updated_at'
pages="$PG_ETL_API/bench/sales?n=100000&size=1000&latency=${LATENCY:-0}"

sql <<SQL > /dev/null
CREATE EXTENSION pg_etl;
ALTER DATABASE postgres SET pg_etl.allowed_hosts = '127.0.0.1';
SET pg_etl.allowed_hosts = '127.0.0.1';
CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url '$PG_ETL_API/bench');
CREATE TABLE sale (sale_id bigint, event_id int, wallet text, quantity int, price numeric, total_amount numeric,
                   currency text, status text, purchased_at timestamptz, updated_at timestamptz);
SELECT etl.create_extract('sales', 'api', '/sales', 'sale',
                          query => '{"n": 100000, "size": 1000, "latency": "${LATENCY:-0}"}');
CREATE TABLE keyed (LIKE sale, PRIMARY KEY (sale_id));
SELECT etl.create_extract('keyed', 'api', '/sales', 'keyed', key_columns => '{sale_id}',
                          query => '{"n": 100000, "size": 1000, "latency": "${LATENCY:-0}"}');
SQL

extract() { sql -c "CALL etl.run_extract('sales')"; }
extract_upsert() { sql -c "CALL etl.run_extract('keyed')"; }
python_rival() { /usr/bin/python3 "$top/test/bench/extract/rivals.py" "$1" "$pages" "host=$PGHOST dbname=postgres user=postgres"; }
requests_execute_values() { python_rival execute_values; }
requests_csv_copy() { python_rival copy; }
curl_jq_copy() {
    local list=() page
    for page in {1..100}; do
        list+=(-o - "$pages&page=$page")
    done
    curl -s "${list[@]}" |
        jq -r '.data[] | [.sale_id, .event_id, .wallet, .quantity, .price, .total_amount, .currency, .status,
                          .purchased_at, .updated_at] | @csv' | sql -c "COPY sale ($columns) FROM STDIN (FORMAT csv)"
}

ways=(extract extract_upsert requests_execute_values requests_csv_copy curl_jq_copy)
extract # the API makes its pages
for ((round = 1; round <= rounds; round++)); do
    for way in "${ways[@]}"; do
        sql -c 'TRUNCATE sale, keyed' -c 'CHECKPOINT'
        began=$EPOCHREALTIME
        "$way"
        ended=$EPOCHREALTIME
        rows=$(sql -At -c 'SELECT (SELECT count(*) FROM sale) + (SELECT count(*) FROM keyed)')
        [ "$rows" = 100000 ] || { echo "$way loaded $rows rows" >&2; exit 1; }
        echo "$way $(bc <<< "$ended - $began")"
    done
done | sort -k 1,1 -k 2,2n | awk '
    { times[$1, ++count[$1]] = $2 }
    END {
        for (way in count) median[way] = times[way, int((count[way] + 1) / 2)]
        for (way in median) printf "%-26s %7.3f s %6.2f\n", way, median[way], median[way] / median["extract"]
    }' | sort -k 2 -n
