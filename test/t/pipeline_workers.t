#!/usr/bin/env bash
# Servers whose background workers are taken: steps of kind sql go their way in the session that calls, with the same
# results; procedures, which need a worker, fail after their attempts with an error that says what to do.
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

echo 1..9
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
