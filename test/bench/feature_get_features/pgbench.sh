#!/usr/bin/env bash
# What one client waits for the features of one entity: etl.features_of and etl.get_features against a bare SELECT by
# primary key, under pgbench, with prepared statements and with the simple protocol. All of them in turn, ROUNDS times;
# the medians of the average latency in milliseconds, and their ratio to the SELECT.
#
#   ROUNDS=9 SECONDS_EACH=5 test/bench/feature_get_features/pgbench.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../cluster.sh"
rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-3} wallets=100000
work=$(cluster_tmpdir)
trap 'cluster_stop "$work"' EXIT
[ -n "${PG_ETL_STAGE:-}" ] || cluster_stage "$work/stage"
cluster_start "$work" -o shared_buffers=1GB
cluster_env "$work"

psql -X -q -v ON_ERROR_STOP=1 > "$work/setup.out" << SQL
CREATE EXTENSION pg_etl;
CREATE TABLE public.transactions_raw AS
SELECT md5((i % $wallets)::text) AS wallet_address, i % 500 AS event_id, (i % 1000)::numeric / 7 AS price_paid,
       CASE i % 3 WHEN 0 THEN 'card' WHEN 1 THEN 'eth' ELSE 'cash' END AS payment_method, i % 5 = 0 AS is_resale,
       'completed' AS status, '2025-01-01'::timestamptz + i * interval '10 s' AS "timestamp"
FROM generate_series(1, $wallets * 5) AS i;
\i $here/setup.sql
SQL

scripts=(select etl select_json etl_json)
for mode in prepared simple; do
    for ((round = 0; round <= rounds; round++)); do # the first one warms up
        for script in "${scripts[@]}"; do
            pgbench -n -M "$mode" -T "$seconds" -D wallets="$wallets" -f "$here/$script.pgbench" > "$work/out" 2>&1 ||
                { cat "$work/out"; exit 1; }
            [ "$round" = 0 ] || sed -n 's/^latency average = \(.*\) ms$/\1/p' "$work/out" >> "$work/$mode.$script"
        done
    done
    bare=
    for script in "${scripts[@]}"; do
        median=$(sort -n "$work/$mode.$script" | sed -n "$(((rounds + 1) / 2))p")
        bare=${bare:-$median}
        printf '%-9s %-12s %s ms  %s\n' "$mode" "$script" "$median" \
            "$(awk -v one="$median" -v bare="$bare" 'BEGIN { printf "%.2f", one / bare }')"
    done
done
