#!/usr/bin/env bash
# Rollups under writers, refreshes and kills. Sessions insert, update, delete, truncate, undo, prepare and alter while
# others refresh a few groups at a time; sessions and the server are cancelled, terminated and killed at random moments.
# After each round of that the rollups are refreshed to the end: then each is what its query gives.
#
#   TORTURE_SECONDS=7200 SEED=7 test/t/rollup_torture.t
#
# A seed gives the sessions the same statements; how they meet is up to the machine. WRITERS and REFRESHERS say how many
# sessions there are, ROUND how many seconds a round has, KILL=no that nobody is killed. MUTATE is SQL that is to spoil
# it. Every other round is mild: nothing in it makes rollups be computed anew as a whole, which would mend them.
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
here=$(cd "$(dirname "$0")" && pwd)
seconds=${TORTURE_SECONDS:-15}
round=${ROUND:-5}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((seed % 32768))
as_of=2026-01-03
dir=$(cluster_tmpdir)
# shellcheck disable=SC2317 # called by the trap
finish() {
    touch "$dir/stop"
    wait
    cluster_stop "$dir"
}
trap finish EXIT
cluster_start "$dir" -o max_prepared_transactions=50 -o autovacuum_naptime=1s -o deadlock_timeout=50ms
cluster_env "$dir"
sql -f "$here/rollup_torture.sql"
[ -z "${MUTATE:-}" ] || sql -c "$MUTATE"
echo "# SEED=$seed"

# session ROLE SEED MANNER: one script after the other, until there is the file "stop"; what it is told is kept.
session() {
    local number=$2
    until [ -e "$dir/stop" ]; do
        perl "$here/rollup_torture.pl" "$1" "$number" 30 "$3" |
            PGAPPNAME="$1 $number" psql -X -q -A -t >> "$dir/$1.out" 2>> "$dir/$1.$3.err" || sleep 0.05
        number=$((number + 1))
    done
}

# Something happens to one of the sessions, or to all.
strike() {
    local victim="FROM pg_stat_activity WHERE application_name ~ '^(writer|refresher|reader)' ORDER BY random() LIMIT 1"
    case $((RANDOM % 20)) in
        [0-8]) sql -c "SELECT pg_cancel_backend(pid) $victim" ;;
        9 | 1[0-5]) sql -c "SELECT pg_terminate_backend(pid) $victim" ;;
        16 | 17) kill -9 "$(sql -c "SELECT pid $victim")" ;;
        18) kill_server "$dir" ;;
        19) sql -c 'CHECKPOINT' ;;
    esac > /dev/null 2>&1 || true
}

# sessions SECONDS MANNER
sessions() {
    local number end=$((SECONDS + $1)) manner=$2
    rm -f "$dir/stop"
    for ((number = 1; number <= ${WRITERS:-4}; number++)); do
        session writer $((seed + 1000000 * number)) "$manner" &
    done
    for ((number = 1; number <= ${REFRESHERS:-2}; number++)); do
        session refresher $((seed + 1000000 * number)) "$manner" &
    done
    session reader $((seed + 500000)) "$manner" &
    while [ "$SECONDS" -lt "$end" ]; do
        sleep "0.$((200 + RANDOM % 800))"
        [ "${KILL:-yes}" = no ] || strike
    done
    touch "$dir/stop"
    wait
    seed=$((seed + 1000))
}

# The transactions that nobody will end any more are ended; then one refresh has to do.
drain() {
    wait_for_server
    sql -c "SELECT format('%s PREPARED %L;', CASE WHEN random() < 0.5 THEN 'COMMIT' ELSE 'ROLLBACK' END, gid)
            FROM pg_prepared_xacts" | sql
    sql -c "CALL etl.refresh_all(max_groups => 100, as_of => '$as_of')" 2>&1 | sed 's/^/refresh_all: /'
}

# Empty when all is well. What is wrong is found in two ways.
wrong() {
    sql 2> "$dir/wrong.err" <<SQL || cat "$dir/wrong.err"
SELECT format('%s: only its %s has %s', name, only_in, "row") FROM differences('$as_of');
SELECT format('%s: etl.verify_rollup has %s as %s', t.name, v.key, v.problem)
FROM torture AS t CROSS JOIN LATERAL etl.verify_rollup(t.name) AS v;
SELECT format('%s has %s rows left', c.oid::regclass, n.rows)
FROM pg_class AS c
CROSS JOIN LATERAL (SELECT ((xpath('//n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', c.oid::regclass),
                                                              false, true, '')))[1]::text)::bigint) AS n(rows)
WHERE c.relnamespace = 'public'::regnamespace AND c.relname ~ '_(log_[0-9]+|pending)$' AND n.rows > 0;
SQL
}

# What nobody should have been told. Writers may meet each other; nobody tells a refresh anything but that he ends it.
complaints() {
    grep -hE 'ERROR|FATAL|PANIC' "$dir"/writer.*.err | grep -vE "$(printf '%s|' \
        'current transaction is aborted' 'savepoint ".*" does not exist' 'duplicate key value .* "sale_pkey"' \
        'could not serialize access' 'deadlock detected' 'lock timeout' 'prepared transaction .* does not exist' \
        'ON CONFLICT DO UPDATE command cannot affect row a second time' 'user request' 'administrator command' \
        'tuple to be .* was already' 'MERGE command cannot affect' 'partition constraint' 'no partition of relation' \
        'would overlap' \
        'maximum number of prepared' 'is already in use' 'postmaster exited')connection" || true
    # What locks a whole table may hold up a refresh; nothing in a mild round does.
    local ended='current transaction is aborted|postmaster exited|user request|administrator command|connection'
    ended+='|could not serialize'
    grep -hE 'ERROR|FATAL|PANIC' "$dir"/{refresher,reader}.mild.err | grep -vE "$ended" || true
    # Where several refreshes failed at once, the error only counts them, and each has a line of its detail.
    grep -hE 'ERROR|FATAL|PANIC|^(DETAIL: +)?public\.[a-z_]+: ' "$dir/refresher.harsh.err" |
        grep -vE "$ended|was rewritten since this transaction|deadlock detected|lock timeout|refreshes failed" || true
}

number=0
ended=$((SECONDS + seconds))
touch "$dir"/{writer,refresher,reader}.{mild,harsh}.err "$dir/reader.out"
while [ "$SECONDS" -lt "$ended" ]; do
    number=$((number + 1))
    manner=mild
    [ $((number % 2)) -ne 0 ] || manner=harsh
    echo "# round $number, $manner: SEED=$seed"
    sessions "$round" "$manner"
    problems=$(drain)$(wrong)
    result "$number" "after $round s and a refresh each rollup is what its query gives" "$problems"
done
number=$((number + 1))
result "$number" 'nobody met an error of a rollup' "$(complaints | sort | uniq -c | sort -rn | head -n 20)"
number=$((number + 1))
result "$number" 'and what live views showed meanwhile was right' "$(head -n 20 "$dir/reader.out")"

# What nobody notes is wrong, and both ways to look find it.
sql -c 'SET session_replication_role = replica' \
    -c "INSERT INTO sale VALUES (-1, '2026-01-02', 99, 'nobody', 1000, true)"
drain > "$dir/drained"
found=$(wrong)
problems=
for name in public.{hourly,by_event,by_event_most,by_event_blocked,by_wallet,recent}; do
    for way in 'only its query has' 'etl.verify_rollup has'; do
        grep -q "^$name: $way" <<< "$found" || problems+="$name: $way nothing wrong. "
    done
done
number=$((number + 1))
result "$number" 'a change that was not noted is found' "$problems"
sql -c 'SELECT etl.mark_dirty(name) FROM torture' > "$dir/marked"
number=$((number + 1))
result "$number" 'until all is marked and refreshed' "$(drain)$(wrong)"
echo "# $(sql -c "SELECT format('%s refreshes, %s of them failed, %s groups computed', count(*),
                  count(*) FILTER (WHERE status = 'failed'), sum((detail ->> 'groups')::bigint)) FROM etl.runs")"
echo "1..$number"
