#!/usr/bin/env bash
# What retention takes from others: pgbench on tables of its own, in turn alone and beside a policy that moves rows,
# BENCH_ROUNDS times each for BENCH_SECONDS. Prints the transactions per second of both, and the ratio of their medians.
#
#   [BENCH_ROWS=6000000] [BENCH_ROUNDS=3] [BENCH_SECONDS=10] [BENCH_CLIENTS=4] [BENCH_PAUSE=0] \
#       test/bench/retention_beside.sh
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
rows=${BENCH_ROWS:-6000000} rounds=${BENCH_ROUNDS:-3} seconds=${BENCH_SECONDS:-10}
clients=${BENCH_CLIENTS:-4} pause=${BENCH_PAUSE:-0}
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" --durable -o shared_buffers=1GB -o max_wal_size=8GB
cluster_env "$dir"

sql() {
    cluster_psql "$dir" -q -At -v ON_ERROR_STOP=1 "$@"
}

sql << SQL
CREATE EXTENSION pg_etl;
CREATE TABLE sale (id bigint, at timestamptz NOT NULL, wallet text, price numeric(18,2), note text);
INSERT INTO sale SELECT n, '2025-01-01 00:00+00'::timestamptz + n * interval '1 s', md5(n::text), n % 1000, 'a note'
FROM generate_series(1, $rows) AS n;
CREATE INDEX ON sale (at);
CREATE INDEX ON sale (id);
CREATE INDEX ON sale (wallet, at);
CREATE INDEX ON sale (price);
VACUUM ANALYZE sale;
SET client_min_messages = warning;
SELECT etl.add_retention_policy('sale', 'at', '1 day', archive_to => 'sale_archive', max_runtime => '1 h',
                                pause => '$pause') \g /dev/null
SQL
"$(pg_config --bindir)/pgbench" -q -i -s 20 postgres > /dev/null 2>&1
sql -c 'CHECKPOINT'

tps() {
    "$(pg_config --bindir)/pgbench" -n -c "$clients" -T "$seconds" postgres 2> /dev/null |
        sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

# The policy runs for as long as pgbench does; there must be rows enough for that.
beside() {
    local pid
    sql -c "CALL etl.run_retention('sale')" > /dev/null 2>&1 &
    pid=$!
    tps
    sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL etl.run_%'" > /dev/null
    wait "$pid" 2> /dev/null || true
}

for ((round = 1; round <= rounds; round++)); do
    alone[round]=$(tps)
    before=$(sql -c 'SELECT count(*) FROM sale_archive')
    with[round]=$(beside)
    moved=$(($(sql -c 'SELECT count(*) FROM sale_archive') - before))
    echo "round $round: alone ${alone[round]} tps, beside ${with[round]} tps, $((moved / seconds)) rows/s moved," \
        "$(sql -c 'SELECT count(*) FROM sale') left"
done
median() {
    printf '%s\n' "$@" | sort -n | sed -n "$(($# / 2 + 1))p"
}
awk -v a="$(median "${alone[@]}")" -v b="$(median "${with[@]}")" 'BEGIN { printf "ratio of medians: %.2f\n", b / a }'
