#!/usr/bin/env bash
# What a backfill tells the client: the logical times of a dry run, how many runs are queued, its progress, and what to
# do about runs that failed.
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir"
cluster_env "$dir"
export PGTZ=UTC

sql <<'SQL'
CREATE EXTENSION pg_etl;
SELECT etl.create_pipeline('slow', on_failure => 'continue') \g /dev/null
SELECT etl.add_step('slow', 'a', 'SELECT pg_sleep(0.6)') \g /dev/null
SQL

# Prints what of the expected text a CALL does not print, and what it prints instead.
missing() {
    local said=
    said=$(sql -v VERBOSITY=default -v SHOW_CONTEXT=never -c 'SET client_min_messages = notice' \
        -c 'SET pg_etl.progress = on' -c "$1" 2>&1) || true
    grep -q -E "$2" <<< "$said" || printf '%s\nis not in\n%s\n' "$2" "$said"
}

echo 1..5
result 1 'a dry run names the times' "$(
    missing "CALL etl.backfill('slow', '2025-01-01', '2025-01-02', '12 hours', dry_run => true)" \
        'nothing is queued: 2025-01-01 00:00:00\+00, 2025-01-01 12:00:00\+00, 2025-01-02 00:00:00\+00$')"
result 2 'and queues nothing' "$(sql -c 'SELECT * FROM etl.pipeline_runs')"
result 3 'progress is told' "$(
    missing "CALL etl.backfill('slow', '2025-01-01', '2025-01-04', '1 day')" \
        'INFO:  backfill of pipeline "slow": 2 of 4 runs have ended, 0 of them failed or cancelled, [12] s, about [12] s to go')"
result 4 'and what is left' "$(
    missing "CALL etl.backfill('slow', '2025-01-01', '2025-01-05', '1 day')" \
        'INFO:  backfill of pipeline "slow", logical times without a run: 1 of 5')"
sql -c "SELECT etl.alter_step('slow', 'a', 'SELECT 1/0')"
hint=$( (sql -c "CALL etl.backfill('slow', '2025-02-01', '2025-02-02', '1 day')" 2>&1 || true) |
    sed -n 's/^HINT:  \(.*\) runs them again.$/\1/p')
sql -c "UPDATE etl.step_run SET command = 'SELECT 1' WHERE command ~ '/'" -c "$hint" > /dev/null
for ((n = 0; n < 100; n++)); do
    found=$(sql -c "SELECT count(*) FROM etl.pipeline_runs WHERE status <> 'succeeded'")
    [ "$found" != 0 ] || break
    sleep 0.1
done
result 5 'the hint runs again what failed' "${found#0}"
