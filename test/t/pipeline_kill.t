#!/usr/bin/env bash
# Kills the server process that runs a pipeline, its background worker, or the whole server, at random moments. The
# effect of each sql step is there exactly if its record says that it succeeded; a killed worker fails its step only,
# and so does one that cannot be started.
#
#   KILLS=200 SEED=7 test/t/pipeline_kill.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
kills=${KILLS:-8}
RANDOM=${SEED:-$$}
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" -o autovacuum=off
cluster_env "$dir"

# Steps whose effect and whose record disagree; empty when all is well.
disagreements() {
    sql <<'SQL'
SELECT format('run %s, step %s: %s, but %s effects', s.run_id, s.step, s.status, count(e.step))
FROM etl.step_runs AS s
LEFT JOIN effect AS e USING (run_id, step)
WHERE s.kind = 'sql'
GROUP BY s.run_id, s.step, s.status
HAVING count(e.step) <> (s.status = 'succeeded')::int
SQL
}

sql <<'SQL'
CREATE EXTENSION pg_etl;
CREATE TABLE effect (run_id bigint, step text);
SELECT etl.create_pipeline('work') \g /dev/null
SELECT etl.add_step('work', 'step ' || n,
                    format('INSERT INTO effect SELECT max(run_id), %L FROM etl.runs; SELECT pg_sleep(0.005)',
                           'step ' || n),
                    depends_on => CASE WHEN n = 1 THEN '{}' ELSE ARRAY['step ' || n - 1] END)
FROM generate_series(1, 30) AS n \g /dev/null
SELECT etl.add_step('work', 'apart', 'SELECT pg_sleep(0.01)', 'procedure') \g /dev/null
SELECT etl.create_pipeline('apart') \g /dev/null
SELECT etl.add_step('apart', 'long', 'SELECT pg_sleep(60)', 'procedure') \g /dev/null
SELECT etl.add_step('apart', 'after', 'SELECT 1', depends_on => '{long}') \g /dev/null
SELECT etl.add_step('apart', 'beside', 'SELECT 1') \g /dev/null
SQL

echo "1..$((kills + 3))"
for ((n = 1; n <= kills; n++)); do
    victim=session
    [ $((n % 4)) -ne 0 ] || victim=server
    call_and_kill "$dir" "CALL etl.run_pipeline('work')" "$victim" 300
    state=$(sql -c "SELECT format('%s of %s', count(*) FILTER (WHERE status = 'succeeded'), count(*))
                    FROM etl.step_runs WHERE run_id = (SELECT max(run_id) FROM etl.runs)")
    result "$n" "kill -9 of the $victim after $state steps" "$(disagreements)"
done

sql -c "CALL etl.run_pipeline('work')"
result $((kills + 1)) 'the next run goes to its end and closes the lost runs' "$(disagreements)$(
    sql -c "SELECT format('run %s is still running', run_id) FROM etl.runs WHERE status = 'running'"
)"

# A SIGTERM to the worker alone: the run goes on without it.
sql -c "CALL etl.run_pipeline('apart')" > "$dir/output" 2>&1 &
client=$!
worker=
until [ -n "$worker" ]; do
    worker=$(sql -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_etl step' AND query ~ 'pg_sleep.60'")
done
kill -TERM "$worker"
wait "$client" || true
found=$(sql -c "SELECT string_agg(step || ' ' || status, ', ' ORDER BY step) FROM etl.step_runs
                WHERE pipeline = 'apart'")
[ "$found" != 'after skipped, beside succeeded, long failed' ] || found=
result $((kills + 2)) 'the end of a worker fails its step only' "$found"

# The launchers of the server take the only slot.
sql -c 'ALTER SYSTEM SET max_worker_processes = 1'
cluster_down "$dir"
cluster_up "$dir"
sql -c "CALL etl.run_pipeline('apart')" > /dev/null 2>&1 || true
found=$(sql -c "SELECT string_agg(concat_ws(' ', step, status, sqlstate), ', ' ORDER BY step) FROM etl.step_runs
                WHERE run_id = (SELECT max(run_id) FROM etl.runs)")
[ "$found" != 'after skipped, beside succeeded, long failed 53000' ] || found=
result $((kills + 3)) 'without a free slot a step of kind procedure fails, and nothing else' "$found"
