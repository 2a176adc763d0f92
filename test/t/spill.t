#!/usr/bin/env bash
# Temporary files that parallel workers share (src/pg/spill.hpp): results, and that nothing stays behind.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/cluster.sh"

dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
module=$("$top/test/module/build.sh" "$dir/module")
cluster_start "$dir" -o log_temp_files=0
cluster_env "$dir"

# pgTAP prints the first 15 results; the plan at its head is replaced by ours.
psql -X -q -v ON_ERROR_STOP=1 -v library="$module" -f "$top/test/module/spill.sql" |
    grep -v '^1\.\.15$'

number=15
result() { # result WHAT COMMAND…
    number=$((number + 1))
    if "${@:2}"; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
    fi
}

directories() {
    find "$dir/data/base/pgsql_tmp" -name '*.fileset' | wc -l
}

# A session is ended in the middle of its work.
terminated() {
    psql -X -q -c "SET min_parallel_table_scan_size = 0" \
        -c "SELECT spill_query('SELECT spill(\$1, 100000, a.i + b.i) FROM numbers AS a, numbers AS b')" \
        > /dev/null 2>&1 &
    local client=$!
    until [ "$(directories)" -gt 0 ]; do
        sleep 0.05
    done
    psql -X -q -A -t -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT spill_query%' AND
        backend_type = 'client backend'" > /dev/null
    wait "$client" || true
    [ "$(directories)" = 0 ]
}

# Files of more than one process in one directory.
shared() {
    grep -oE 'fileset/[0-9]+\.' "$dir/log" | sort -u | wc -l | awk '{exit !($1 >= 3)}'
}

# What the server warns of at the end of a statement: the words of PostgreSQL 15 and 16, and of later ones.
all_closed() {
    ! grep -qE 'temporary file leak|resource was not closed' "$dir/log"
}

result 'no file stays when a session is terminated' terminated
result 'the leader and its workers have written files, which log_temp_files shows' shared
result 'and PostgreSQL has met no file that was left open' all_closed
echo "1..$number"
