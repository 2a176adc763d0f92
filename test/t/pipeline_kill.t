#!/usr/bin/env bash
# Kills what executes a pipeline, at random moments: the session that calls, the background worker of a step, or the whole
# server. A call for the same logical time, or the queue, goes on with the run. The effect of each sql step is there
# exactly once when its record says that it succeeded and not at all otherwise, after every kill; and when the run has
# ended all have succeeded. A step that takes the server down each time is given up after its attempts; two databases
# do not meet; and a run goes on where a standby is promoted.
#
#   KILLS=200 SEED=7 test/t/pipeline_kill.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
kills=${KILLS:-10}
seed=${SEED:-$$}
RANDOM=$seed
echo "# SEED=$seed"
dir=$(cluster_tmpdir)
standby=$(cluster_tmpdir)
trap 'cluster_stop "$standby"; cluster_stop "$dir"' EXIT
cluster_start "$dir" -o autovacuum=off
cluster_env "$dir"

# Pipelines by which session or worker executes them, with steps that need each other, others that do not, and procedures.
sql << 'SQL'
CREATE DATABASE beside;
SQL
definition=$(
    cat << 'SQL'
SET client_min_messages = error;
CREATE EXTENSION pg_etl;
CREATE TABLE effect (run_id bigint, step text);
CREATE FUNCTION note(step text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO effect VALUES (current_setting('pg_etl.run_id')::bigint, note.step);
    SELECT pg_sleep(random() * 0.01)
$$;
CREATE FUNCTION next_time(name text) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT coalesce(max(u.logical_time), now())
    FROM etl.pipeline_run AS u JOIN etl.run AS r USING (run_id)
    WHERE r.name = next_time.name AND r.status = 'running'
$$;
-- So many attempts that kills do not use them up.
SELECT etl.create_pipeline(name, max_parallel => parallel),
       etl.add_step(name, 'apart', 'SELECT note(''apart''); COMMIT; SELECT pg_sleep(0.01)', 'procedure', attempts => 1000,
                    backoff => '10 ms')
FROM (VALUES ('alone', 1), ('workers', 3)) AS v(name, parallel) \g /dev/null
SELECT etl.add_step(name, 'step ' || n, format('SELECT note(%L)', 'step ' || n), attempts => 1000, backoff => '10 ms',
                    depends_on => CASE WHEN n <= 3 THEN '{}' ELSE ARRAY['step ' || n - 1 - n % 2, 'step ' || n - 3] END)
FROM generate_series(1, 30) AS n, unnest('{alone,workers}'::text[]) AS name \g /dev/null
SQL
)
sql <<< "$definition"
sql -d beside <<< "$definition"

# Steps whose effect and whose record disagree; empty when all is well.
disagreements() {
    sql "$@" << 'SQL'
SELECT format('run %s, step %s: %s, but %s effects', s.run_id, s.step, s.status, count(e.step))
FROM etl.step_run AS s
LEFT JOIN effect AS e USING (run_id, step)
WHERE s.mode = 'sql'
GROUP BY s.run_id, s.step, s.status
HAVING count(e.step) <> (s.status = 'succeeded')::int
SQL
}

# Of the run: what has not succeeded. A procedure may have been executed more than once, and has been once.
not_succeeded() {
    sql -c "SELECT format('run %s is %s; ', r.run_id, r.status) FROM etl.run AS r WHERE r.status <> 'succeeded'
            UNION ALL
            SELECT format('step %s of run %s is %s; ', s.step, s.run_id, s.status) FROM etl.step_run AS s
            LEFT JOIN effect AS e USING (run_id, step)
            WHERE s.status <> 'succeeded' OR e.step IS NULL" "$@"
}

# A worker of the run, by SIGKILL: PostgreSQL then ends all sessions and recovers.
kill_worker() {
    local output=$1/output client worker=
    sql -c "$2" > "$output" 2>&1 &
    client=$!
    for ((look = 0; look < 200; look++)); do
        worker=$(sql -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_etl step' LIMIT 1" 2> /dev/null || true)
        [ -z "$worker" ] || break
    done
    [ -z "$worker" ] || kill -9 "$worker" 2> /dev/null || true
    wait "$client" || true
    wait_for_server
}

echo "1..$((kills + 10))"
victims=(session worker server session)
for ((n = 1; n <= kills; n++)); do
    victim=${victims[n % 4]}
    name=workers
    [ $((RANDOM % 3)) -ne 0 ] || [ "$victim" = worker ] || name=alone
    # What an earlier kill left is gone on with, else it is a new run.
    call="CALL etl.run_pipeline('$name', next_time('$name'))"
    [ $((RANDOM % 4)) -ne 0 ] || call='CALL etl._run_queue()'
    if [ "$victim" = worker ]; then
        kill_worker "$dir" "$call"
    else
        call_and_kill "$dir" "$call" "$victim" 400
    fi
    state=$(sql -c "SELECT format('%s of %s steps of run %s', count(*) FILTER (WHERE s.status = 'succeeded'), count(*), run_id)
                    FROM etl.step_run AS s WHERE run_id = (SELECT max(run_id) FROM etl.run) GROUP BY run_id")
    result "$n" "kill -9 of the $victim after $state" "$(disagreements)"
done

sql -c 'CALL etl._run_queue()'
result $((kills + 1)) 'the queue goes on with what is left, to its end' "$(disagreements)$(not_succeeded)"
result $((kills + 2)) 'no worker and no lock is left' "$(
    sql -c "SELECT backend_type FROM pg_stat_activity WHERE backend_type ~ 'pg_etl'
            UNION ALL SELECT locktype FROM pg_locks WHERE locktype = 'advisory'"
)"

# Two databases, in which runs and steps have the same numbers, at the same time.
sql -d beside -c "DO \$\$ BEGIN PERFORM setval('etl.run_run_id_seq', 1000000), setval('etl.step_run_step_run_id_seq', 1000000); END \$\$"
sql -c "DO \$\$ BEGIN PERFORM setval('etl.run_run_id_seq', 1000000), setval('etl.step_run_step_run_id_seq', 1000000); END \$\$"
sql -d beside -c "CALL etl.run_pipeline('workers', '2025-01-01')" > "$dir/beside" 2>&1 &
beside=$!
sql -c "CALL etl.run_pipeline('workers', '2025-01-01')" > "$dir/here" 2>&1 || true
wait $beside || true
result $((kills + 3)) 'two databases do not meet' "$(cat "$dir/here" "$dir/beside")$(disagreements)$(disagreements -d beside)$(
    not_succeeded
)$(not_succeeded -d beside)"

# A worker that takes a while to end when its session is terminated: who goes on with the run waits for it.
sql << 'SQL'
SELECT etl.create_pipeline('stopped') \g /dev/null
SELECT etl.add_step('stopped', 'long', 'SELECT pg_sleep(1)', 'procedure', backoff => '10 ms') \g /dev/null
SQL
sql -c "CALL etl.run_pipeline('stopped', '2025-01-01')" > /dev/null 2>&1 &
client=$!
worker=
until [ -n "$worker" ]; do
    worker=$(sql -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_etl step' AND query ~ 'pg_sleep'")
done
kill -STOP "$worker"
sql -c "SELECT pg_terminate_backend(u.executor_pid, 10000) FROM etl.pipeline_run AS u JOIN etl.run AS r USING (run_id)
        WHERE r.name = 'stopped'" > /dev/null
wait "$client" || true
sql -c "CALL etl.run_pipeline('stopped', '2025-01-01')" > "$dir/output" 2>&1 &
client=$!
sleep 0.3
while_stopped=$(sql -c "SELECT s.status || s.attempt FROM etl.step_run AS s WHERE s.step = 'long'")
kill -CONT "$worker"
for ((look = 0; look < 100; look++)); do
    kill -0 "$client" 2> /dev/null || break
    sleep 0.1
done
kill "$client" 2> /dev/null || true
wait "$client" || true
found="$while_stopped $(sql -c "SELECT s.status || s.attempt FROM etl.step_run AS s WHERE s.step = 'long'")"
[ "$found" != 'running1 succeeded2' ] || found=
result $((kills + 4)) 'a worker that outlives its session is waited for, and its attempt closed' "$found"

# A step that takes the server down each time, where commits need not reach the disk.
sql << 'SQL'
SELECT etl.create_pipeline('fatal', max_parallel => 1, on_failure => 'continue') \g /dev/null
SELECT etl.add_step('fatal', 'kill', 'COPY (SELECT 1) TO PROGRAM ''kill -9 $PPID''', attempts => 2, backoff => '1 ms') \g /dev/null
SELECT etl.add_step('fatal', 'after', 'SELECT note(''after'')', depends_on => '{kill}', run_if => 'all_done') \g /dev/null
SQL
for mode in 1 4; do
    sql -c "SELECT etl.alter_pipeline('fatal', max_parallel => $mode)" > /dev/null
    for ((n = 1; n <= 4; n++)); do
        PGOPTIONS='-c synchronous_commit=off' sql -c "CALL etl.run_pipeline('fatal', '2025-01-0$mode')" > "$dir/output" 2>&1 || true
        wait_for_server
        state=$(sql -c "SELECT r.status FROM etl.run AS r WHERE r.name = 'fatal' ORDER BY run_id DESC LIMIT 1")
        [ "$state" = running ] || break
    done
    found="$n calls: $(sql -c "SELECT string_agg(concat_ws(' ', s.step, s.attempt, s.status, s.sqlstate), ', ' ORDER BY position)
                      FROM etl.step_run AS s WHERE s.run_id = (SELECT max(run_id) FROM etl.run)")"
    [ "$found" != '3 calls: kill 2 failed 57P01, after 1 succeeded' ] || found=
    result $((kills + 5 + mode / 4)) "a step that kills the server is given up after its attempts (max_parallel $mode)" "$found"
done

# A run that is under way goes on where a standby is promoted; the standby itself executes nothing.
sql -c "SELECT etl.add_step('stopped', 'first', 'SELECT note(''first'')'),
               etl.alter_step('stopped', 'long', action => 'SELECT pg_sleep(60)',
                              depends_on => '{first}')" > /dev/null
(
    cd "$standby"
    cluster_as_server "$standby" "$(pg_config --bindir)/pg_basebackup" -h "$dir" -U postgres -D "$standby/data" -R -c fast \
        --no-sync
    printf "unix_socket_directories = '%s'\ncron.host = '%s'\n" "$standby" "$standby" >> "$standby/data/postgresql.conf"
)
cluster_up "$standby" > /dev/null
sql -c "CALL etl.run_pipeline('stopped', '2025-02-01')" > /dev/null 2>&1 &
client=$!
until [ -n "$(sql -h "$standby" -c "SELECT 1 FROM etl.step_run WHERE step = 'long' AND status = 'running' AND attempt = 1")" ]; do
    sleep 0.05
done
refused=$(sql -h "$standby" -c "CALL etl.run_pipeline('stopped', '2025-02-01')" 2>&1 | sed -n 's/^ERROR: *//p' || true)
[ "$refused" != 'etl.run_pipeline writes, and the session is read-only' ] || refused=
started=$(sql -h "$standby" -c "SELECT etl.start_pipeline('stopped', '2025-02-01')" 2>&1 | sed -n 's/^ERROR: *//p' || true)
[ "$started" = 'the server is a standby, and nothing is changed or run here' ] || refused+=$started
result $((kills + 7)) 'a standby executes nothing' "$refused"
cluster_down "$dir" immediate
wait "$client" || true
sql -h "$standby" -c 'SELECT pg_promote()' > /dev/null
sql -h "$standby" << 'SQL' > /dev/null
UPDATE etl.step_run SET command = 'SELECT' WHERE step = 'long' AND status = 'running';
CALL etl._run_queue();
SQL
found=$(sql -h "$standby" -c "SELECT string_agg(concat_ws(' ', s.step, s.attempt, s.status), ', ' ORDER BY position)
        FROM etl.step_run AS s WHERE s.run_id = (SELECT max(run_id) FROM etl.run)")
[ "$found" != 'first 1 succeeded, long 2 succeeded' ] || found=
result $((kills + 8)) 'a run goes on where the standby is promoted' "$found$(disagreements -h "$standby")"
result $((kills + 9)) 'which new runs do too' "$(
    sql -h "$standby" -c "CALL etl.run_pipeline('workers', '2025-03-01')" 2>&1
    disagreements -h "$standby"
)"
result $((kills + 10)) 'no server process has crashed but for those that were killed' "$(
    grep -hE 'was terminated by signal (6|7|8|11)|PANIC|TRAP|server process .* exited with exit code [2-9]' \
        "$dir/log" "$standby/log" | grep -v 'exit code 2$\|exit code 2)' || true
)"
