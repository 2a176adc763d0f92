#!/usr/bin/env bash
# The whole job on the ticketing example (make demo): builds, starts a throw-away cluster, makes up the data, runs the
# pipeline, lets pg_cron run a job, compares the results with what the data are known to hold, and prints a report.
#
#   test/demo.sh              start afresh and run it         ROWS, SEED: size and seed of the data
#   test/demo.sh psql [arg…]  look around in its database     PG_ETL_DEMO: its directory
#   test/demo.sh stop         stop its server, delete its directory
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/test/cluster.sh"
. "$top/test/steps.sh"
export PG_CONFIG=${PG_CONFIG:-pg_config} BUILD=${BUILD:-$top/build}
dir=${PG_ETL_DEMO:-/tmp/pg_etl-demo-$(id -un)}
rows=${ROWS:-200000} seed=${SEED:-42} as_of=$(date -u +'%Y-%m-%d %H:00:00+00')
example=$top/docs/examples/ticketing
database=ticketing

sql() {
    cluster_psql "$dir" -q -d "$database" -v rows="$rows" -v seed="$seed" -v as_of="$as_of" "$@"
}

create_extensions() {
    sql -c 'CREATE EXTENSION pg_cron' -c 'CREATE EXTENSION pg_etl'
}

run_pipeline() {
    sql <<< "CALL etl.run_pipeline('nightly', :'as_of')"
}

# The job that keeps the materialized view kpi_hourly fresh, run by pg_cron itself. Instead of waiting for its minute it
# is made due when the server starts, the server restarts, and the job gets its own schedule back.
run_cron_job() {
    local job schedule
    job=$(sql -At -c "SELECT jobid FROM cron.job WHERE command LIKE '%refresh_matview%kpi_hourly%'")
    schedule=$(sql -At -c "SELECT schedule FROM cron.job WHERE jobid = $job")
    sql -c "SELECT cron.alter_job($job, schedule => '@reboot')" && cluster_down "$dir" && cluster_up "$dir" &&
        wait_for_job "$job" && sql -c "SELECT cron.alter_job($job, schedule => '$schedule')"
}

wait_for_job() {
    local deadline=$((SECONDS + 30)) succeeded
    while [ "$SECONDS" -lt "$deadline" ]; do
        succeeded=$(sql -At -c "SELECT bool_or(status = 'succeeded') FROM cron.job_run_details WHERE jobid = $1")
        [ "$succeeded" != t ] || return 0
        sleep 0.1
    done
    echo "pg_cron did not run job $1 well; it says:"
    sql -c "SELECT * FROM cron.job_run_details WHERE jobid = $1"
    tail -n 20 "$dir/log"
    return 1
}

run() {
    "$top/test/packages.sh" build server
    cluster_stop "$dir"
    cluster_mkdir "$dir"
    step_log=$dir/steps
    mkdir -p "$step_log"
    echo "pg_etl on $("$PG_CONFIG" --version): $rows transactions, seed $seed, as of $as_of"
    stage=${PG_ETL_STAGE:-$dir/stage}
    [ -d "$stage" ] || step 'build the extension' cluster_stage "$stage"
    PG_ETL_STAGE=$stage step 'start a cluster' cluster_start "$dir" --database "$database"
    step 'create the extension' create_extensions
    step 'create the tables' sql -f "$example/schema.sql"
    step 'make up the data' sql -f "$example/data.sql"
    step 'define suites, policies and the pipeline' sql -f "$example/pipeline.sql"
    step 'run the pipeline' run_pipeline
    step 'let pg_cron run a job' run_cron_job
    step 'compare with the known numbers' sql -f "$example/check.sql"
    echo
    sql -f "$example/report.sql"
    echo
    echo "Done in $SECONDS s. \"make psql\" looks around in the database, \"make demo-stop\" ends it."
}

case ${1:-run} in
    run) run ;;
    psql)
        [ -e "$dir/data/postmaster.pid" ] || { echo 'the demo is not running: start it with "make demo"' >&2; exit 1; }
        cluster_psql "$dir" -v ON_ERROR_STOP=0 -d "$database" "${@:2}"
        ;;
    stop) cluster_stop "$dir" ;;
    *) echo "demo.sh: unknown command $1" >&2; exit 2 ;;
esac
