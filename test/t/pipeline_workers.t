#!/usr/bin/env bash
# Servers whose background workers are taken: steps of kind sql go their way in the session that calls, with the same
# results; procedures, which need a worker, wait for one, and fail with an error that says what to do where there can be
# none.
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" -o max_parallel_workers=0
cluster_env "$dir"

sql << 'SQL'
SET client_min_messages = error;
CREATE EXTENSION pg_etl;
CREATE TABLE effect (run_id bigint, step text, pid int DEFAULT pg_backend_pid());
CREATE FUNCTION note(step text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO effect VALUES (current_setting('pg_etl.run_id')::bigint, note.step)
$$;
SELECT etl.create_pipeline('work', on_failure => 'continue', max_parallel => 4) \g /dev/null
SELECT etl.add_step('work', name, action, depends_on => needs, run_if => run_if, "check" => 'EXISTS (SELECT FROM effect)')
FROM (VALUES ('a', 'SELECT note(''a'')', '{}'::text[], 'all_success'), ('b', 'SELECT note(''b'')', '{}', 'all_success'),
             ('c', 'SELECT note(''c'')', '{a,b}', 'all_success'), ('d', 'SELECT note(''d''), 1 / 0', '{a}', 'all_success'),
             ('e', 'SELECT note(''e'')', '{d}', 'all_success'), ('f', 'SELECT note(''f'')', '{d}', 'any_failed'),
             ('g', 'SELECT note(''g'')', '{c,f}', 'all_success')) AS s(name, action, needs, run_if) \g /dev/null
SELECT etl.create_pipeline('apart', on_failure => 'continue', max_parallel => 4) \g /dev/null
SELECT etl.add_step('apart', 'procedure', 'SELECT note(''procedure'')', 'procedure', attempts => 2, backoff => '10 ms'),
       etl.add_step('apart', 'toplevel', 'VACUUM effect', 'toplevel', attempts => 1),
       etl.add_step('apart', 'beside', 'SELECT note(''beside'')'),
       etl.add_step('apart', 'behind', 'SELECT note(''behind'')', depends_on => '{procedure}') \g /dev/null
SQL

echo 1..15
outcome() {
    sql -c "SELECT concat_ws(' ', s.step, s.attempt, s.status, s.sqlstate, s.rows, s.error)
            FROM etl.step_run AS s WHERE s.run_id = (SELECT max(run_id) FROM etl.pipeline_run) ORDER BY position
            " -c "SELECT e.step FROM effect AS e WHERE e.run_id = (SELECT max(run_id) FROM etl.pipeline_run) ORDER BY 1"
}

sql -c "CALL etl.run_pipeline('work')" > "$dir/error" 2>&1 || true
with_workers=$(outcome)
result 1 'with workers' "$([[ $with_workers == *'g 1 succeeded'* ]] || echo "$with_workers")"
result 2 'each step has one' "$(sql -c 'SELECT count(DISTINCT pid) FROM effect HAVING count(DISTINCT pid) <> count(*)')"

# The launchers of the server take the only slots, or all but one.
n=3
for slots in 1 3; do
    sql -c "ALTER SYSTEM SET max_worker_processes = $slots"
    cluster_down "$dir"
    cluster_up "$dir"
    sql -c 'TRUNCATE effect'
    sql -c "CALL etl.run_pipeline('work')" > "$dir/output" 2>&1 || true
    found=$(outcome)
    result $((n++)) "with max_worker_processes $slots the results are the same" "$(
        diff <(echo "$with_workers") <(echo "$found") || true
        diff <(grep ERROR "$dir/error") <(grep ERROR "$dir/output") || true
    )"
done
result 5 'by more than one worker where there is a slot' "$(
    sql -c 'SELECT count(DISTINCT pid) FROM effect HAVING count(DISTINCT pid) < 3'
)"
sql -c "CALL etl.run_pipeline('apart')"
result 6 'one slot is enough for procedures' "$(sql -c "SELECT step, status, error FROM etl.step_run WHERE status <> 'succeeded'
                                                       AND run_id = (SELECT max(run_id) FROM etl.pipeline_run)")"
sql -c 'ALTER SYSTEM SET max_worker_processes = 1'
cluster_down "$dir"
cluster_up "$dir"
sql -c "CALL etl.run_pipeline('apart')" > "$dir/output" 2>&1 || true
found=$(sql -c "SELECT string_agg(concat_ws(' ', s.step, s.attempt, s.status, s.sqlstate), ', ' ORDER BY position)
                FROM etl.step_run AS s WHERE s.run_id = (SELECT max(run_id) FROM etl.pipeline_run)")
[ "$found" != 'procedure 2 failed 53000, toplevel 1 failed 53000, beside 1 succeeded, behind 0 skipped' ] || found=
result 7 'without one they fail after their attempts, and the rest goes its way' "$found"
found=$(sql -c "SELECT DISTINCT concat_ws(' ', s.error, s.detail, s.hint) FROM etl.step_run AS s WHERE s.step = 'procedure'
                AND s.status = 'failed'")
[ "$found" != 'no background worker slot is free for step "procedure" max_worker_processes is 1, and all of them are taken. Raise max_worker_processes in postgresql.conf and restart the server.' ] ||
    found=
result 8 'with an error that says what to do' "$found"
result 9 'a runner cannot be had either, which is no error' "$(sql -c "SELECT 'started' WHERE etl._start_runner('postgres')")"

# One slot, and somebody has it: steps that need it wait, which is no attempt.
sql -c 'ALTER SYSTEM SET max_worker_processes = 3' # the launchers have two
cluster_down "$dir"
cluster_up "$dir"
sql -c "SET client_min_messages = error; SELECT etl.create_pipeline('holder'); SELECT etl.add_step('holder', 's', 'SELECT pg_sleep(600)')" \
    > "$dir/output"
hold() {
    sql -c "SELECT etl.start_pipeline('holder', '$1')" > "$dir/output"
    local deadline=$((SECONDS + 60))
    until [ "$(sql -c "SELECT count(*) FROM etl.step_runs WHERE step = 's' AND status = 'running'")" = 1 ]; do
        [ "$SECONDS" -lt "$deadline" ] || { echo 'Bail out! nobody takes the slot'; exit 1; }
        sleep 0.05
    done
}
let_go() {
    sql -c "SELECT etl.cancel_run(run_id) FROM etl.pipeline_runs WHERE pipeline = 'holder' AND status = 'running'" > "$dir/output"
}
of_procedure() {
    sql -c "SELECT $1 FROM etl.step_runs AS s WHERE s.step = 'procedure' ORDER BY run_id DESC LIMIT 1"
}
hold 2025-01-01
sql -c "CALL etl.run_pipeline('apart', '2025-01-01')" > "$dir/call" 2>&1 &
call=$!
deadline=$((SECONDS + 60))
until [ "$(of_procedure waits_for)" = 'a free worker' ] || [ "$SECONDS" -gt "$deadline" ]; do
    sleep 0.05
done
sleep 2.5 # more than the backoff of all attempts
result 10 'a procedure waits for a slot' "$(
    diff <(echo 'waiting 0 a free worker') <(of_procedure "concat_ws(' ', status, attempt, waits_for)") || true
)"
let_go
wait "$call" || true
result 11 'and is executed when there is one' "$(
    diff <(echo 'succeeded 1') <(of_procedure "concat_ws(' ', status, attempt)") || true
)"
result 12 'of which it is told once' "$(
    diff <(echo 1) <(sql -c "SELECT count(*) FROM etl.run_log WHERE step = 'procedure' AND event = 'no_slot'") || true
)"
hold 2025-01-02
began=$SECONDS
PGOPTIONS='-c pg_etl.worker_wait=1500ms' sql -c "CALL etl.run_pipeline('apart', '2025-01-02')" > "$dir/call" 2>&1 || true
result 13 'not for ever: then the attempt has failed' "$(
    diff <(echo 'failed 2 53000') <(of_procedure "concat_ws(' ', status, attempt, sqlstate)") || true
    [ $((SECONDS - began)) -ge 3 ] || echo 'it did not wait'
)"
PGOPTIONS='-c pg_etl.use_workers=off' sql -c "CALL etl.run_pipeline('apart', '2025-01-03')" > "$dir/call" 2>&1 || true
result 14 'nor where no workers are wanted' "$(
    diff <(echo 'failed 2 53000') <(of_procedure "concat_ws(' ', status, attempt, sqlstate)") || true
)"
let_go

# Two slots, and a runner in each: one of them makes room for the steps.
sql -c 'ALTER SYSTEM SET max_worker_processes = 4'
cluster_down "$dir"
cluster_up "$dir"
sql > "$dir/output" << 'SQL'
SET client_min_messages = error;
SELECT etl.create_pipeline(n), etl.add_step(n, 'alone', 'SELECT note(''alone'')', kind => 'procedure')
FROM unnest('{one,two,three}'::text[]) AS n;
BEGIN;
SELECT etl._enqueue_run(p, '2025-01-01', 'start') FROM etl.pipeline AS p WHERE p.name IN ('one', 'two', 'three');
COMMIT;
SELECT etl._start_runner('postgres') FROM generate_series(1, 3);
SQL
deadline=$((SECONDS + 60))
until [ "$(sql -c "SELECT count(*) FROM etl.step_run WHERE step = 'alone' AND status = 'succeeded'")" = 3 ] ||
    [ "$SECONDS" -gt "$deadline" ]; do
    sleep 0.1
done
result 15 'runners leave a slot for steps' "$(
    sql -c "SELECT concat_ws(' ', status, error) FROM etl.step_run WHERE step = 'alone' AND status <> 'succeeded'"
)"
