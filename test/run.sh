#!/usr/bin/env bash
# Every test there is (make test), on throw-away clusters; nothing is installed into the system but Debian packages.
#
#   test/run.sh [stage …]       stages: core regress pgtap isolation tap demo (all of them when none is named)
#
# ONLY='extract* load*' restricts the stages of the server to tests with such names.
# PG_CONFIG chooses the server version. The exit status says whether everything passed; the last lines are the
# runners' own summaries.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
. "$top/test/cluster.sh"
. "$top/test/api.sh"
. "$top/test/steps.sh"
export PG_CONFIG=${PG_CONFIG:-pg_config} BUILD=${BUILD:-$top/build}

stages=" ${*:-core regress pgtap isolation tap demo} "
wanted() {
    [[ $stages == *" $1 "* ]]
}

work=
finish() {
    [ -z "$work" ] || { cluster_stop "$work/pg"; cluster_stop "$work/demo"; api_stop "$work/api"; rm -rf "$work"; }
}
trap finish EXIT
trap 'exit 130' INT TERM

summaries=()
# Keeps the last line of the runner that matches.
summary() {
    summaries+=("$1: $(sed -nE "/$2/{s/^[ #*]*//;s/ *$//;p}" "$step_output" | tail -n 1)")
}

# ---- stages --------------------------------------------------------------------------------------------------------

core_build() {
    cmake -S . -B "$BUILD/core" -DETL_SANITIZE="${SANITIZE:-}" && cmake --build "$BUILD/core" -j "$(nproc)"
}

core_test() {
    ctest --test-dir "$BUILD/core" --output-on-failure -j "$(nproc)"
}

pgxs_test=
regress() {
    local -a expected=()
    [ "$server_major" -lt 16 ] || expected=(--expecteddir="$top")
    "$pgxs_test/regress/pg_regress" --inputdir="$top" "${expected[@]}" --outputdir="$work" --bindir="$server_bin" \
        --dbname=regress --load-extension=pg_etl "$@" || { cat "$work/regression.diffs"; return 1; }
}

isolation() {
    local -a expected=()
    [ "$server_major" -lt 16 ] || expected=(--expecteddir="$top/test/isolation")
    mkdir -p "$work/isolation"
    "$pgxs_test/isolation/pg_isolation_regress" --inputdir="$top/test/isolation" "${expected[@]}" \
        --outputdir="$work/isolation" --bindir="$server_bin" --dbname=isolation --load-extension=pg_etl "$@" ||
        { cat "$work/isolation/regression.diffs"; return 1; }
}

# Each file gets a copy of this database.
pgtap_template() {
    psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE DATABASE pgtap_template' &&
        psql -X -q -v ON_ERROR_STOP=1 -d pgtap_template -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION pg_etl'
}

# Tests wait for a part of their time, so there is one more of them at once than there are processors.
jobs=$(($(nproc) + 1))

pgtap() {
    pgtap_template && pg_prove --failures --jobs "$jobs" --timer --psql-bin test/pgtap.sh "$@"
}

tap() {
    PG_ETL_MODULE=$(test/module/build.sh "$work/module") || return
    export PG_ETL_MODULE
    prove --failures --jobs "$jobs" --timer "$@"
}

demo() {
    ROWS=5000 PG_ETL_DEMO=$work/demo test/demo.sh && PG_ETL_DEMO=$work/demo test/demo.sh stop
}

# Those of the tests that ONLY names.
chosen() {
    local test name pattern
    local -a patterns
    read -ra patterns <<< "${ONLY:-*}"
    for test in "$@"; do
        name=${test##*/}
        for pattern in "${patterns[@]}"; do
            # shellcheck disable=SC2053
            [[ ${name%.*} != $pattern ]] || { echo "$test"; break; }
        done
    done
}

# run_files STAGE LABEL SUMMARY-PATTERN NAME…: the runner of the stage over its tests, when it has any.
run_files() {
    local stage=$1 label=$2 pattern=$3
    local -a tests
    wanted "$stage" || return 0
    mapfile -t tests < <(chosen "${@:4}")
    [ "${#tests[@]}" -gt 0 ] || { step_skip "$label" 'no files'; return 0; }
    step "$label (${#tests[@]})" "$stage" "${tests[@]}" || true
    summary "$label" "$pattern"
}

# The tests that take longest come first, so that the jobs end together; the order of the others does not matter.
longest=(docs retention_torture rollup_torture boundary pipeline_kill spill retention_partitions retention_files
    table_writer retention_references_kill
    validate_oracle pipeline_faults pipeline_scheduler_cron dedupe_load retention_engine dedupe_match validate_profile
    dedupe_oracle retention_partitions_settle config_tiers pipeline_retry)
longest_first() {
    local name path
    for name in "${longest[@]}"; do
        for path in "$@"; do
            [[ $path != */"$name".* ]] || echo "$path"
        done
    done
    for path in "$@"; do
        name=${path##*/}
        [[ " ${longest[*]} " == *" ${name%.*} "* ]] || echo "$path"
    done
}

names() {
    local path
    for path in "$@"; do
        path=${path##*/}
        echo "${path%.*}"
    done
}

# ---- the run -------------------------------------------------------------------------------------------------------

run_core() {
    step 'core: build' core_build
    step 'core: unit tests, fuzz replay' core_test || true
    summary ctest 'tests passed'
}

run_server() {
    local sql_files=(sql/*.sql) spec_files=(test/isolation/specs/*.spec)
    local pgtap_files tap_files
    mapfile -t pgtap_files < <(longest_first test/pgtap/*.sql)
    mapfile -t tap_files < <(longest_first test/t/*.t)
    step 'extension: build and stage' cluster_stage "$work/stage"
    export PG_ETL_STAGE=$work/stage
    step 'cluster: initdb' cluster_initdb "$work"
    export PG_ETL_TEMPLATE=$work/data
    step 'cluster: start' cluster_start "$work/pg" -o max_worker_processes=32 # shared by all tests of a stage
    cluster_env "$work/pg"
    step 'API server: start' api_start "$work/api"
    mapfile -t sql_files < <(names "${sql_files[@]}")
    mapfile -t spec_files < <(names "${spec_files[@]}")
    run_files regress pg_regress 'tests? (passed|failed)' "${sql_files[@]}"
    run_files pgtap pg_prove '^Result:' "${pgtap_files[@]}"
    run_files isolation pg_isolation_regress 'tests? (passed|failed)' "${spec_files[@]}"
    run_files tap prove '^Result:' "${tap_files[@]}"
    ! wanted demo || step 'demo, 5000 rows' demo || true
    step 'the server has not crashed' no_crash || true
}

no_crash() {
    ! grep -q -E 'terminated by signal|PANIC:|runtime error:|ERROR: AddressSanitizer' "$work/pg/log" ||
        { tail -n 200 "$work/pg/log"; return 1; }
}

# Clusters are kept in memory where there is plenty: making a file there takes a tenth of the time that a disk's file
# system takes, and a cluster has a thousand files, a database three hundred.
memory_dir() {
    local gigabytes=8
    awk '$2 == "/dev/shm" && $3 == "tmpfs" && $4 !~ /noexec/ { found = 1 } END { exit !found }' /proc/mounts &&
        awk -v least=$((gigabytes << 20)) '/^MemAvailable:/ { exit !($2 >= least) }' /proc/meminfo &&
        [ "$(df --output=avail /dev/shm | tail -n 1)" -ge $((gigabytes << 20)) ] && echo /dev/shm
}

test/packages.sh build server api test
PG_ETL_TMP=${PG_ETL_TMP:-$(memory_dir 2> /dev/null || echo /tmp)}
export PG_ETL_TMP
work=$(cluster_tmpdir)
step_log=$work/steps
mkdir "$step_log"
server_major=$("$PG_CONFIG" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
server_bin=$("$PG_CONFIG" --bindir)
pgxs_test=$(dirname "$("$PG_CONFIG" --pgxs)")/../test
PATH=$server_bin:$PATH
shopt -s nullglob
echo "pg_etl on $("$PG_CONFIG" --version)"

! wanted core || run_core
[[ ${stages// /} == core ]] || run_server

echo
[ ${#summaries[@]} = 0 ] || printf '%s\n' "${summaries[@]}"
if [ "$step_failures" -gt 0 ]; then
    echo "FAILED: $step_failures of $step_count stages"
    exit 1
fi
echo "PASSED: all $step_count stages, in $SECONDS s"
