#!/usr/bin/env bash
# What a pipeline adds to the work of its steps: an empty step of kind sql in the session that calls, one in a background
# worker, and a graph of 1,000 steps that is 10 wide. Beside them: the bare statement with its commit, sent by a client,
# and a job of pg_cron from its start to its end (where pg_cron is there; takes a minute). Medians; a commit reaches the
# disk.
#
#   [BENCH_STEPS=200] [BENCH_ROUNDS=3] test/bench/pipeline/overhead.sh
#
# Beside it: KILLS=200 test/t/pipeline_kill.t kills what executes pipelines 200 times.
set -euo pipefail

. "$(dirname "$0")/../../cluster.sh"
steps=${BENCH_STEPS:-200} rounds=${BENCH_ROUNDS:-3}
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" --durable -o max_worker_processes=32 -o shared_buffers=256MB
cluster_env "$dir"
echo "load: $(uptime | sed 's/.*load average: //')"

sql() {
    cluster_psql "$dir" -q -At -v steps="$steps" "$@"
}

sql << 'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_etl;
CREATE TABLE written (n int);
SELECT etl.create_pipeline('session', max_parallel => 1), etl.create_pipeline('worker', max_parallel => 2) \g /dev/null
SELECT etl.add_step(name, 's' || n, 'SELECT', depends_on => CASE n WHEN 1 THEN '{}' ELSE ARRAY['s' || n - 1] END)
FROM generate_series(1, :steps) AS n, unnest('{session,worker}'::text[]) AS name \g /dev/null
SELECT etl.create_pipeline('graph in the session', max_parallel => 1), etl.create_pipeline('graph in workers', max_parallel => 10) \g /dev/null
SELECT etl.add_step(name, 's' || n, 'SELECT', depends_on => CASE WHEN n > 10 THEN ARRAY['s' || n - 10] ELSE '{}' END)
FROM generate_series(1, 1000) AS n, unnest('{graph in the session,graph in workers}'::text[]) AS name \g /dev/null
VACUUM ANALYZE;
SQL

# From the end of one step to the end of the next, in ms: the middle one.
per_step() {
    sql -c "CALL etl.run_pipeline('$1')" -c "
        SELECT round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM took))::numeric, 2)
        FROM (SELECT s.finished_at - lag(s.finished_at) OVER (ORDER BY s.position) AS took
              FROM etl.step_run AS s WHERE s.run_id = (SELECT max(run_id) FROM etl.run)) AS t"
}

per_second() {
    sql -c "CALL etl.run_pipeline('$1')" -c "
        SELECT round(1000 / extract(epoch FROM r.finished_at - r.started_at))
        FROM etl.run AS r WHERE r.run_id = (SELECT max(run_id) FROM etl.run)"
}

bare() {
    printf '%s\n' "$1" > "$dir/bare.sql"
    "$(pg_config --bindir)/pgbench" -n -c 1 -t "$steps" -f "$dir/bare.sql" postgres 2> /dev/null |
        sed -n 's/^latency average = \([0-9.]*\) ms/\1/p'
}

middle() {
    sort -n | sed -n "$(((rounds + 1) / 2))p"
}

median_of() {
    for ((round = 0; round < rounds; round++)); do
        "$@"
    done | middle
}

echo "a bare SELECT:                      $(median_of bare 'SELECT;') ms"
echo "a bare INSERT of a row:             $(median_of bare 'INSERT INTO written VALUES (1);') ms"
echo "an empty step in the session:       $(median_of per_step session) ms"
echo "an empty step in a worker:          $(median_of per_step worker) ms"
echo "1,000 steps, 10 wide, in workers:   $(median_of per_second 'graph in workers') steps/s"
echo "1,000 steps, 10 wide, in the session: $(median_of per_second 'graph in the session') steps/s"

sql -c 'CREATE EXTENSION pg_cron' 2> /dev/null || exit 0
sql -c "SELECT cron.schedule('job ' || n, '* * * * *', 'SELECT') FROM generate_series(1, 20) AS n" > /dev/null
deadline=$((SECONDS + 90))
until [ "$(sql -c "SELECT count(*) >= 20 FROM cron.job_run_details WHERE status = 'succeeded'")" = t ] ||
    [ "$SECONDS" -gt "$deadline" ]; do
    sleep 1
done
sql -c "SELECT format('a job of pg_cron, 20 at once:       %s ms', round(1000 * percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM end_time - start_time))::numeric, 2))
        FROM cron.job_run_details WHERE status = 'succeeded'"
