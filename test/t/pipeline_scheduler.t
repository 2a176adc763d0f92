#!/usr/bin/env bash
# Schedules through downtimes, ticks at the same time, sessions and servers that are killed, and a standby that is
# promoted: with catchup all, each time of a schedule is run once, and its effect is there once.
#
#   ROUNDS=100 SEED=7 test/t/pipeline_scheduler.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
rounds=${ROUNDS:-12}
RANDOM=${SEED:-$$}
dir=$(cluster_tmpdir)
standby=$(cluster_tmpdir)
trap 'cluster_stop "$standby"; cluster_stop "$dir"' EXIT
bindir=$("${PG_CONFIG:-pg_config}" --bindir)
cluster_start "$dir" -o wal_level=replica -o max_wal_senders=4 -o autovacuum=off
cluster_env "$dir"

sql <<'SQL'
CREATE EXTENSION pg_etl;
SET client_min_messages = error;
CREATE TABLE effect (pipeline text, at timestamptz);
CREATE TABLE start (at timestamptz);
-- Before a night in which clocks are set forward
INSERT INTO start VALUES ('2026-03-28 23:00+00');
SELECT etl.create_pipeline(n, schedule => s, timezone => z, start_at => start.at, catchup => 'all'),
       etl.add_step(n, 's', format('INSERT INTO public.effect VALUES (%L, etl.logical_time())', n))
FROM start, (VALUES ('minutes', '1 minute', 'UTC'), ('sevens', '*/7 * * * *', 'Europe/Berlin'),
                    ('hours', '0 * * * *', 'Europe/Berlin'), ('nightly', '30 2 * * *', 'Europe/Berlin'))
    AS v(n, s, z) \g /dev/null
CREATE FUNCTION moment(minutes integer) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT at + minutes * interval '1 minute' FROM start
$$;
-- What must have been run by a moment, and what was, as far as they differ
CREATE FUNCTION differences(until timestamptz) RETURNS SETOF text LANGUAGE sql AS $$
    WITH RECURSIVE wanted(pipeline, at) AS (
        SELECT p.name, etl._next_time(p.schedule, p.timezone, p.start_at, p.start_at - interval '1 s')
        FROM etl.pipeline AS p
        UNION ALL
        SELECT w.pipeline, etl._next_time(p.schedule, p.timezone, p.start_at, w.at)
        FROM wanted AS w JOIN etl.pipeline AS p ON p.name = w.pipeline WHERE w.at <= until
    ), due AS (
        SELECT * FROM wanted WHERE at <= until
    )
    (SELECT format('%s at %s is missing', pipeline, at)
     FROM (SELECT * FROM due EXCEPT ALL SELECT * FROM effect) AS m LIMIT 3)
    UNION ALL
    (SELECT format('%s at %s is too much', pipeline, at)
     FROM (SELECT * FROM effect EXCEPT ALL SELECT * FROM due) AS m LIMIT 3)
    UNION ALL
    (SELECT format('%s at %s has not succeeded but %s', name, as_of, status)
     FROM etl.run WHERE status <> 'succeeded' LIMIT 3)
$$;
SQL

# Ticks until nothing waits and nothing is under way.
drain() {
    local deadline=$((SECONDS + 120))
    until [ "$(sql -c "SELECT count(*) FROM etl.run WHERE status IN ('queued', 'running')")" = 0 ]; do
        [ "$SECONDS" -lt "$deadline" ] || return 0 # the differences tell
        sql -c "CALL etl.tick('$1')" > /dev/null 2>&1
        sleep 0.1
    done
}

echo 1..6
now=0 kills=0
for ((round = 1; round <= rounds; round++)); do
    now=$((now + RANDOM % 40))
    clients=()
    for ((tick = 0; tick <= RANDOM % 3; tick++)); do
        # Clocks that are late, and sessions with and without workers
        sql -c "SET pg_etl.use_workers = $([ $((RANDOM % 2)) = 0 ] && echo on || echo off)" \
            -c "CALL etl.tick(moment($now - $((RANDOM % 10))))" > /dev/null 2>&1 &
        clients+=($!)
    done
    if [ $((round % 3)) = 0 ]; then
        kills=$((kills + 1))
        victim=session
        [ $((round % 2)) = 0 ] || victim=server
        call_and_kill "$dir" "CALL etl.tick(moment($now))" "$victim" 100
    fi
    for client in "${clients[@]}"; do
        wait "$client" || true
    done
    wait_for_server
done
last=$(sql -c "SELECT moment($now)")
sql -c "CALL etl.tick('$last')" > /dev/null
drain "$last"
result 1 "no time is lost and none is run twice: $now minutes in $rounds rounds with $kills kills" \
    "$(sql -c "SELECT string_agg(d, '; ') FROM differences('$last') AS d")"

# A standby
(
    cd "$standby"
    cluster_as_server "$standby" "$bindir/pg_basebackup" -h "$dir" -p 5432 -U postgres -D "$standby/data" -R -c fast \
        --no-sync
    echo "unix_socket_directories = '$standby'" >> "$standby/data/postgresql.conf"
) && cluster_up "$standby"
later=$(sql -c "SELECT moment($now + 90)")
said=$(PGHOST=$standby sql -c "CALL etl.tick('$later')" 2>&1)
result 2 'a tick on a standby does nothing and says so' \
    "$([[ $said == 'NOTICE:  the server is a standby, and no schedule is looked at'* ]] || echo "$said")"
result 3 'the status can be read there' \
    "$(PGHOST=$standby sql -c 'SELECT owner FROM etl.scheduler_status' 2>&1 | grep -v '^postgres$' || true)"
sql -c "SELECT etl.create_pipeline('held'), etl.add_step('held', 's', 'SELECT pg_sleep(600)')" > /dev/null
sql -c "CALL etl.run_pipeline('held')" > /dev/null 2>&1 &
holder=$!
for _ in {1..600}; do # a minute
    [ "$(PGHOST=$standby sql -c "SELECT state FROM etl.pipelines WHERE pipeline = 'held'")" != running ] || break
    sleep 0.1
done
result 4 'a run that is under way on the primary is not taken for lost there' "$(PGHOST=$standby sql -c "
    SELECT p.state, p.problem, s.lost FROM etl.pipelines AS p, etl.scheduler_status AS s
    WHERE p.pipeline = 'held' AND (p.state <> 'running' OR s.lost > 0 OR p.problem IS NOT NULL)")"
sql -c "SELECT etl.cancel_run(run_id) FROM etl.pipeline_runs WHERE pipeline = 'held'" > /dev/null
wait "$holder" || true
sql -c "SELECT etl.drop_pipeline('held'); DELETE FROM etl.run WHERE name = 'held'" > /dev/null
cluster_down "$dir" immediate
cluster_as_server "$standby" "$bindir/pg_ctl" -D "$standby/data" -w -s promote
export PGHOST=$standby
wait_for_server
sql -c "CALL etl.tick('$later')" > /dev/null
drain "$later"
result 5 'the first tick after its promotion catches up' \
    "$(sql -c "SELECT string_agg(d, '; ') FROM differences('$later') AS d")"
result 6 'with the missed times in their order' "$(sql -c "
    SELECT string_agg(format('%s: %s', name, as_of), '; ') FROM (
        SELECT r.name, r.as_of, lag(r.as_of) OVER (PARTITION BY r.name ORDER BY r.run_id) AS before
        FROM etl.run AS r) AS o
    WHERE before >= as_of")"
