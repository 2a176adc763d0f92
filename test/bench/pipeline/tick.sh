#!/usr/bin/env bash
# What a tick costs: BENCH_PIPELINES pipelines are defined, BENCH_DUE of them are due at each tick. In turn, in a new
# session each, as pg_cron has them, and BENCH_ROUNDS times: a tick that finds nothing due; one statement that only
# writes what a tick has to write; a tick that queues what is due and starts the workers that execute it. BENCH_HISTORY
# runs of these pipelines have ended before. Prints medians in ms until the call returns, and ratios to the statement.
#
#   [BENCH_PIPELINES=10000] [BENCH_DUE=100] [BENCH_ROUNDS=7] [BENCH_HISTORY=0] test/bench/pipeline/tick.sh
set -euo pipefail

. "$(dirname "$0")/../../cluster.sh"
pipelines=${BENCH_PIPELINES:-10000} due=${BENCH_DUE:-100} rounds=${BENCH_ROUNDS:-7} history=${BENCH_HISTORY:-0}
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" --durable -o shared_buffers=512MB -o max_wal_size=4GB
cluster_env "$dir"

sql() {
    cluster_psql "$dir" -q -At -v ON_ERROR_STOP=1 -v pipelines="$pipelines" -v due="$due" -v history="$history" "$@"
}

sql << 'SQL'
CREATE EXTENSION pg_etl;
SET client_min_messages = error;
CREATE TABLE round (what text, ms double precision);
INSERT INTO etl.scheduler (pruned_at) VALUES ('infinity'); -- no pruning meanwhile
SELECT etl.create_pipeline('p' || n), etl.add_step('p' || n, 's', 'SELECT 1')
FROM generate_series(1, :pipelines) AS n \g /dev/null
-- So many as are due share a minute.
UPDATE etl.pipeline
SET schedule = format('%s %s * * *', (pipeline_id - 1) / :due % 60, (pipeline_id - 1) / :due / 60 % 24);
UPDATE etl.pipeline SET next_at = etl._next_time(schedule, 'UTC', NULL, '2024-12-31 23:59:59+00');
INSERT INTO etl.run (kind, name, as_of, started_at, finished_at, status)
SELECT 'pipeline', 'p' || 1 + n % :pipelines, t, t, t + interval '1 s', 'succeeded'
FROM generate_series(1, :history) AS n,
     LATERAL (SELECT '2024-01-01 00:00+00'::timestamptz + n * interval '1 s') AS m(t);
INSERT INTO etl.pipeline_run (run_id, pipeline_id, logical_time, trigger, max_parallel, on_failure, search_path)
SELECT r.run_id, p.pipeline_id, r.as_of, 'schedule', 1, 'stop', 'public'
FROM etl.run AS r JOIN etl.pipeline AS p USING (name);
SQL
sql -c 'VACUUM ANALYZE'

# timed WHAT STATEMENT, when the queue is empty: notes how long it takes.
timed() {
    until [ "$(sql -c "SELECT count(*) FROM etl.run WHERE status IN ('queued', 'running')")" = 0 ]; do
        sleep 0.1
    done
    local took
    took=$(sql -c 'SET client_min_messages = error' -c '\timing on' -c "$2" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p')
    [ "$round" = 0 ] || sql -c "INSERT INTO round VALUES ('$1', $took)"
}

for ((round = 0; round <= rounds; round++)); do
    first="'2025-01-01 00:00+00'::timestamptz + interval '$((2 * round)) minutes'"
    second="$first + interval '1 minute'"
    timed 'nothing due' "CALL etl.tick('2024-12-31 00:00+00')"
    timed 'one statement' "
        WITH p AS (
            UPDATE etl.pipeline SET next_at = next_at + interval '1 day' WHERE next_at <= $first RETURNING *
        ), r AS (
            INSERT INTO etl.run (kind, name, as_of, started_at, finished_at, status)
            SELECT 'pipeline', name, next_at - interval '1 day', NULL, now(), 'skipped' FROM p
            RETURNING run_id, name, as_of
        ), u AS (
            INSERT INTO etl.pipeline_run (
                run_id, pipeline_id, logical_time, trigger, max_parallel, on_failure, search_path)
            SELECT run_id, pipeline_id, as_of, 'schedule', 1, 'stop', 'public' FROM r JOIN p USING (name)
            RETURNING run_id
        )
        INSERT INTO etl.run_event (run_id, event) SELECT run_id, 'queued' FROM u"
    timed 'tick' "CALL etl.tick($second)"
done
sql -c "
    WITH median AS (
        SELECT what, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric AS ms FROM round GROUP BY what
    )
    SELECT format('%-14s %8s ms %6s x', what, round(ms, 1),
                  round(ms / (SELECT f.ms FROM median AS f WHERE f.what = 'one statement'), 1))
    FROM median ORDER BY ms"
sql -c "SELECT format('%s runs, of which %s succeeded', count(*) FILTER (WHERE as_of >= '2025-01-01'),
                      count(*) FILTER (WHERE as_of >= '2025-01-01' AND status = 'succeeded')) FROM etl.run"
