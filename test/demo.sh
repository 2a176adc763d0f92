#!/usr/bin/env bash
# The whole job on the examples (make demo): builds, starts a throw-away cluster, makes up the data of a ticket shop and
# its recommender, runs their pipelines, by calls and by a tick that makes up for missed times, brings in what a partner
# tells through an HTTP API, lets pg_cron tick, compares the results with what the data are known to hold, and prints a
# report.
#
#   test/demo.sh              start afresh and run it         ROWS, SEED: size and seed of the data
#   test/demo.sh psql [arg…]  look around in its database     PG_ETL_DEMO: its directory
#   test/demo.sh stop         stop its server, delete its directory
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/test/cluster.sh"
. "$top/test/api.sh"
. "$top/test/steps.sh"
export PG_CONFIG=${PG_CONFIG:-pg_config} BUILD=${BUILD:-$top/build}
dir=${PG_ETL_DEMO:-/tmp/pg_etl-demo-$(id -un)}
rows=${ROWS:-200000} seed=${SEED:-42} as_of=$(date -u +'%Y-%m-%d %H:00:00+00')
shop=$top/docs/examples/ticketing
recommender=$top/docs/examples/interactions
partner=$top/docs/examples/partner
database=ticketing

sql() {
    cluster_psql "$dir" -q -d "$database" -v rows="$rows" -v seed="$seed" -v as_of="$as_of" "$@"
}

create_extensions() {
    sql -c 'CREATE EXTENSION pg_cron' -c 'CREATE EXTENSION pg_etl'
}

make_training_data() {
    sql <<< "CALL etl.backfill('training_data', :'as_of'::timestamptz - interval '12 hours', :'as_of', '6 hours')"
}

# Each page is answered with 503 at first, and each 500th sale has a date that is none.
start_partner() {
    # shellcheck source=/dev/null
    api_launch "$dir/api" && . "$dir/api/api.env" &&
        curl -sf "$PG_ETL_API/partner/_set/sales?n=3000&size=200&bad=500&fail=503:1" > /dev/null
}

extract_from_partner() {
    sql -f "$partner/extracts.sql" -c "CALL etl.run_pipeline('partner', '$as_of')"
}

# The jobs that tick and that keep the materialized view kpi_hourly fresh, run by pg_cron itself. Instead of waiting for
# their minute they are made due when the server starts, the server restarts, and the jobs get their own schedules back.
run_cron_jobs() {
    local jobs job schedules=''
    jobs=$(sql -At -c "SELECT jobid FROM cron.job WHERE command LIKE 'CALL etl.tick%' OR command LIKE '%kpi_hourly%'
                       AND command LIKE '%refresh_matview%'")
    [ "$(wc -l <<< "$jobs")" = 2 ] || { echo "not two jobs: $jobs"; sql -c 'TABLE cron.job'; return 1; }
    for job in $jobs; do
        schedules+=$(sql -At -c "SELECT format('SELECT cron.alter_job(%s, schedule => %L);', jobid, schedule)
                                 FROM cron.job WHERE jobid = $job")
        sql -c "SELECT cron.alter_job($job, schedule => '@reboot')" || return
    done
    cluster_down "$dir" && cluster_up "$dir" || return
    for job in $jobs; do
        wait_for_job "$job" || return
    done
    sql -c "$schedules"
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
    "$top/test/packages.sh" build server api
    api_stop "$dir/api"
    cluster_stop "$dir"
    cluster_mkdir "$dir"
    step_log=$dir/steps
    mkdir -p "$step_log"
    echo "pg_etl on $("$PG_CONFIG" --version): $rows transactions, seed $seed, as of $as_of"
    stage=${PG_ETL_STAGE:-$dir/stage}
    [ -d "$stage" ] || step 'build the extension' cluster_stage "$stage"
    PG_ETL_STAGE=$stage step 'start a cluster' cluster_start "$dir" --database "$database"
    step 'create the extension' create_extensions
    step 'create the tables' sql -f "$shop/schema.sql" -f "$recommender/schema.sql" -f "$partner/schema.sql"
    step 'make up the data of the shop' sql -f "$shop/data.sql"
    step 'make up the data of the recommender' sql -v rows=20000 -f "$recommender/data.sql"
    step 'define suites, policies and the nightly job' sql -f "$shop/pipeline.sql"
    step 'define features and training data' sql -f "$recommender/features.sql"
    step 'make the training data of half a day' make_training_data
    step 'run nights, and ticks for missed times' sql -f "$shop/nights.sql"
    step 'start the API of a partner' start_partner
    step 'extract from it, by a pipeline' extract_from_partner
    step 'let pg_cron tick' run_cron_jobs
    step 'compare the shop with the known numbers' sql -f "$shop/check.sql"
    step 'compare the recommender with plain SQL' sql -f "$recommender/check.sql"
    step 'account for every record of the partner' sql -f "$partner/check.sql"
    echo
    sql -f "$shop/report.sql"
    echo
    echo "Done in $SECONDS s. \"make psql\" looks around in the database, \"make demo-stop\" ends it."
}

case ${1:-run} in
    run) run ;;
    psql)
        [ -e "$dir/data/postmaster.pid" ] || { echo 'the demo is not running: start it with "make demo"' >&2; exit 1; }
        cluster_psql "$dir" -v ON_ERROR_STOP=0 -d "$database" "${@:2}"
        ;;
    stop) api_stop "$dir/api"; cluster_stop "$dir" ;;
    *) echo "demo.sh: unknown command $1" >&2; exit 2 ;;
esac
