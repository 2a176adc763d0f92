#!/usr/bin/env bash
# Measures pg_etl against its rivals (make bench) and prints a table for each benchmark.
#
#   test/bench/run.sh [name …]       the folders test/bench/NAME (all of them when none is named)
#
# A benchmark is a folder: etl.sql is ours, every other .sql file a rival, setup.sql what they need. All of them run in
# turn in one session on the same rows: once to warm up, when their answers are also compared, then BENCH_ROUNDS times.
# before.sql runs before each of them and after.sql after it, neither timed; both know the variables variant and round,
# which is 0 for the warm-up.
# A file that begins with "-- Not compared" answers something else. What ends with .duck is a statement for DuckDB, over
# a Parquet copy of the landing table; it runs in its place among the others where npm can install DuckDB. A file that
# says "-- Needs extension NAME" runs where the server has that extension. The rows are those of docs/examples/ticketing
# at the size BENCH_ROWS. Last come the micro-benchmarks of the core. What measures otherwise, as the scripts in pipeline,
# is run by its name.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
. "$top/test/cluster.sh"
. "$top/test/steps.sh"
export PG_CONFIG=${PG_CONFIG:-pg_config} BUILD=${BUILD:-$top/build}
rows=${BENCH_ROWS:-1000000} rounds=${BENCH_ROUNDS:-5}

work=
finish() {
    [ -z "$work" ] || cluster_stop "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

sql() {
    cluster_psql "$work" -q -At -v rows="$rows" "$@"
}

load() {
    local example=$top/docs/examples/ticketing
    sql -c 'CREATE EXTENSION pg_etl' && sql -f "$example/schema.sql" && sql -f "$example/data.sql" &&
        sql -c 'VACUUM ANALYZE'
}

# DuckDB's package from npm, and the copy of the landing table that it reads. Without npm there is no such rival.
duckdb_ready=
prepare_duckdb() {
    export DUCKDB_MODULE=$BUILD/duckdb
    mkdir -p "$DUCKDB_MODULE"
    [ -d "$DUCKDB_MODULE/node_modules/@duckdb" ] ||
        npm install --silent --no-audit --no-fund --prefix "$DUCKDB_MODULE" @duckdb/node-api > /dev/null || return
    sql -c "\\copy public.transactions_raw TO '$work/raw.csv' WITH (FORMAT csv, HEADER)" &&
        node test/bench/duckdb.mjs load "$work/raw.csv" "$work/raw.parquet" && rm "$work/raw.csv"
}

# The extensions of others that these files need.
needed_extensions() {
    sed -n 's/^-- Needs extension //p' "$@" < /dev/null | sort -u
}

# Creates what the named benchmarks need. Without it, the variants that need it are left out.
extensions=
prepare_extensions() {
    local name extension paths=()
    for name in "${names[@]}"; do
        paths+=("test/bench/$name"/*.sql)
    done
    for extension in $(needed_extensions "${paths[@]}"); do
        if sql -c "CREATE EXTENSION $extension" 2> "$step_log/extension"; then
            extensions+=" $extension "
        else
            step_skip "extension $extension" "$(head -n 1 "$step_log/extension")"
        fi
    done
}

# What a variant is run by, in psql's words: its seconds are in the variable "seconds" then.
timed() {
    local name=$1 variant=$2
    if [ -e "test/bench/$name/$variant.duck" ]; then
        # shellcheck disable=SC2016  # the backquotes are for psql
        printf '\\set seconds `node test/bench/duckdb.mjs run %s %s %s`\n' \
            "test/bench/$name/$variant.duck" "$work/raw.parquet" "$work/$name.$variant.answer"
        return
    fi
    echo "\\set variant $variant"
    [ ! -e "test/bench/$name/before.sql" ] || echo "\\i test/bench/$name/before.sql"
    echo 'SELECT clock_timestamp() AS started \gset'
    echo "\\i test/bench/$name/$variant.sql"
    echo "SELECT extract(epoch FROM clock_timestamp() - :'started') AS seconds \gset"
    [ ! -e "test/bench/$name/after.sql" ] || echo "\\i test/bench/$name/after.sql"
}

# The psql script of a benchmark: setup, warm-up with the answers kept, the rounds, the table.
script() {
    local name=$1 variant round
    shift
    echo 'SET client_min_messages = error;'
    echo 'CREATE TEMPORARY TABLE measured (variant text, seconds double precision);'
    printf '%s\n' '\o /dev/null' '\set round 0'
    [ ! -e "test/bench/$name/setup.sql" ] || echo "\\i test/bench/$name/setup.sql"
    for variant in "$@"; do
        printf '%s\n' "\\o $work/$name.$variant.answer"
        timed "$name" "$variant"
    done
    printf '%s\n' '\o /dev/null'
    for ((round = 1; round <= rounds; round++)); do
        echo "\\set round $round"
        for variant in "$@"; do
            timed "$name" "$variant"
            echo "INSERT INTO measured VALUES ('$variant', :seconds);"
        done
    done
    printf '%s\n' '\o' '\pset format aligned' '\pset tuples_only off' '\pset footer off'
    cat << 'SQL'
WITH ours AS (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median FROM measured WHERE variant = 'etl'
)
SELECT variant,
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds))::numeric, 3) AS "median s",
       round(min(seconds)::numeric, 3) AS "min s",
       count(*) AS n,
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) / ours.median)::numeric, 2) AS "ratio to etl"
FROM measured
CROSS JOIN ours
GROUP BY variant, ours.median
ORDER BY variant <> 'etl', 2;
SQL
}

# The variants of a benchmark but ours that can run here.
rivals() {
    local path variant extension
    for path in "test/bench/$1"/*.sql ${duckdb_ready:+"test/bench/$1"/*.duck}; do
        extension=$(needed_extensions "$path")
        [[ -z $extension || $extensions == *" $extension "* ]] || continue
        variant=$(basename "$path")
        case $variant in
            etl.sql | setup.sql | before.sql | after.sql) ;;
            *) echo "${variant%.*}" ;;
        esac
    done
}

is_compared() {
    ! grep -q '^-- Not compared' "test/bench/$1/$2".*
}

benchmark() {
    local name=$1 variant variants
    mapfile -t variants < <(echo etl; rivals "$name")
    printf '\n%s\n' "$name"
    script "$name" "${variants[@]}" | sql
    for variant in "${variants[@]:1}"; do
        ! is_compared "$name" "$variant" || cmp -s "$work/$name.etl.answer" "$work/$name.$variant.answer" ||
            { echo "$variant gives another answer:"; diff "$work/$name."{etl,"$variant"}.answer | head; return 1; }
    done
}

micro_benchmarks() {
    local program
    cmake -S . -B "$BUILD/core" -DETL_BENCH=ON > /dev/null
    cmake --build "$BUILD/core" -j "$(nproc)" > /dev/null
    for program in "$BUILD"/core/*_bench; do
        echo
        "$program"
    done
}

shopt -s nullglob
names=("$@")
if [ $# = 0 ]; then
    names=(test/bench/*/etl.sql)
    names=("${names[@]%/etl.sql}")
    names=("${names[@]##*/}")
fi
test/packages.sh build server bench
work=$(cluster_tmpdir)
step_log=$work/steps
mkdir "$step_log"
step 'extension: build and stage' cluster_stage "$work/stage"
step 'cluster: initdb and start' cluster_start "$work" --durable -o shared_buffers=1GB -o work_mem=64MB -o jit=off
step "data: $rows transactions" load
if ! command -v npm > /dev/null; then
    step_skip 'DuckDB' 'no npm'
elif step 'DuckDB, and its Parquet copy' prepare_duckdb; then
    duckdb_ready=yes
fi
prepare_extensions
for name in "${names[@]}"; do
    benchmark "$name"
done
micro=(test/bench/*_bench.cpp)
if [ $# = 0 ] && [ ${#micro[@]} -gt 0 ]; then
    micro_benchmarks
fi
