# shellcheck shell=bash
# What the tests share that kill a server in the middle of its work. Sourced after cluster.sh.

sql() {
    psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

wait_for_server() {
    local deadline=$((SECONDS + 60))
    until sql -c 'SELECT 1' > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || { echo 'Bail out! the server did not come back'; exit 1; }
        sleep 0.05
    done
}

# kill_server DIR: the postmaster and all its children at once, as when the power goes. By themselves the children would
# end only when they next have to wait, with their work done; one that is forked just then may wait for ever for a lock
# that died with another. A new server starts when they are gone. The directory of a server is where its processes work.
kill_server() {
    local processes
    kill -STOP "$(head -n 1 "$1/data/postmaster.pid")"
    until mapfile -t processes < <(find /proc/[0-9]*/cwd -lname "$1/data" 2> /dev/null | cut -d / -f 3) &&
        [ "${#processes[@]}" = 0 ]; do
        kill -9 "${processes[@]}" 2> /dev/null || true # one may have ended meanwhile
        sleep 0.01
    done
    until cluster_up "$1" > /dev/null 2>&1; do
        sleep 0.1
    done
}

# call_and_kill DIR CALL VICTIM MOST: sends the CALL, lets it work for up to MOST ms, kills the victim (session or
# server), and waits until the server has recovered.
call_and_kill() {
    local output="$1/output" client pid
    : > "$output"
    sql -c 'SELECT pg_backend_pid()' -c "$2" > "$output" 2> /dev/null &
    client=$!
    until [ -s "$output" ]; do
        sleep 0.01
    done
    pid=$(head -n 1 "$output")
    sleep "0.$(printf %03d $((RANDOM % $4)))"
    if [ "$3" = server ]; then
        kill_server "$1"
    else
        kill -9 "$pid" 2> /dev/null || true # it may be done
    fi
    wait "$client" || true
    wait_for_server
}

# result NUMBER WHAT PROBLEM: a line of TAP; an empty problem is none.
result() {
    if [ -z "$3" ]; then
        echo "ok $1 - $2"
    else
        echo "not ok $1 - $2: $3"
    fi
}

# sql_of_changes ROWS TABLE…: makes a procedure change(), which goes on changing a few rows of each table at a time (those
# with ids up to ROWS have a column changes), and counts in the same transaction, in a table changed, how many it has.
sql_of_changes() {
    local rows=$1
    shift
    cat <<SQL
CREATE TABLE changed (relation text PRIMARY KEY, changes bigint NOT NULL);
CREATE PROCEDURE change() LANGUAGE plpgsql AS \$\$
DECLARE
    done bigint;
    relation text;
BEGIN
    LOOP
        FOREACH relation IN ARRAY string_to_array('$*', ' ') LOOP
            EXECUTE format('UPDATE %I SET changes = changes + 1 WHERE id IN (SELECT (random() * $rows)::int '
                           'FROM generate_series(1, 3))', relation);
            GET DIAGNOSTICS done = ROW_COUNT;
            UPDATE changed AS c SET changes = c.changes + done WHERE c.relation = change.relation;
            COMMIT;
        END LOOP;
        PERFORM pg_sleep(0.005);
    END LOOP;
END
\$\$;
SQL
}
