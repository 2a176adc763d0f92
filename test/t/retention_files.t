#!/usr/bin/env bash
# Archive files where the world is not as it should be: other encodings, a full disk, a directory that cannot be
# written to, sessions that are canceled, ended and killed while they write.
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
dir=$(cluster_tmpdir)
archive=$dir/archive
small=$dir/small
clean_up() {
    umount "$small" 2> /dev/null || true
    cluster_stop "$dir"
}
trap clean_up EXIT
cluster_start "$dir"
cluster_env "$dir"
mkdir "$archive" "$small"
[ "$(id -u)" != 0 ] || chown postgres: "$archive" "$small"

number=0
is() { # is WHAT FOUND EXPECTED
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '# found:    %s\n# expected: %s\n' "$2" "$3"
    fi
}
skip() { # skip WHAT WHY
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# sql DATABASE: runs what stands on standard input. An error is shown as its SQLSTATE.
sql() {
    { echo "SET pg_etl.archive_directory = '${directory:-$archive}';" && cat; } |
        psql -X -q -A -t -v VERBOSITY=sqlstate -d "$1" 2>&1 | sed 's/^psql.*ERROR: */ERROR /; s/^ERROR: */ERROR /'
}
new_database() { # new_database NAME ENCODING
    createdb -T template0 -E "$2" --locale=C "$1"
    psql -X -q -d "$1" -c 'CREATE EXTENSION pg_etl'
}
write() { # write NAME FORMAT QUERY
    echo "SELECT rows FROM etl._archive_write('file://${directory:-$archive}/$1', '$2', \$\$$3\$\$);"
}
files() {
    find "${directory:-$archive}" -type f | wc -l
}

# --- encodings -------------------------------------------------------------------------------------------------------

round_trip() { # round_trip DATABASE
    sql "$1" <<SQL
CREATE TABLE letters AS
SELECT i AS id, chr(i) AS one, 'a' || chr(i) || '"' AS "n${2:-}me" FROM generate_series(1, 255) AS i;
SELECT string_agg((c.contents OPERATOR(etl.=) w.contents AND c.contents OPERATOR(etl.=) t.contents)::text, ' ')
FROM unnest('{ndjson,csv,csv.zst}'::text[]) AS format,
     (SELECT etl.rows_hash(l) AS contents FROM letters AS l) AS t,
     LATERAL etl._archive_write('file://$archive/$1.' || format, format, 'SELECT * FROM public.letters') AS w,
     LATERAL etl._archive_check('file://$archive/$1.' || format, format, w.columns) AS c;
SELECT count(*)
FROM etl._archive_read('file://$archive/$1.csv', 'csv') AS r(id int, one text, "n${2:-}me" text)
JOIN letters AS l ON (l.id, l.one, l."n${2:-}me") = (r.id, r.one, r."n${2:-}me");
SQL
}
new_database utf8 UTF8
new_database latin1 LATIN1
new_database nothing SQL_ASCII
is 'a database in UTF-8 reads what it wrote' "$(PGCLIENTENCODING=UTF8 round_trip utf8 é | xargs)" 'true true true 255'
is 'so does one in LATIN1' "$(PGCLIENTENCODING=UTF8 round_trip latin1 é | xargs)" 'true true true 255'
is 'and one that knows no encoding' "$(round_trip nothing "$(printf '\351')" | xargs)" 'true true true 255'
is 'a file is in UTF-8, whatever the database is' \
    "$(cmp "$archive/utf8.ndjson" "$archive/latin1.ndjson" && echo same)" same
printf '{"a":"\351"}\n' > "$archive/bad"
printf '{"a":"\342\202\254"}\n' > "$archive/euro"
printf '{"a":"\\u20ac"}\n' > "$archive/escaped"
chmod 644 "$archive"/bad "$archive"/euro "$archive"/escaped
read_one() { # read_one NAME DATABASE
    echo "SELECT a FROM etl._archive_read('file://$archive/$1', 'ndjson') AS r(a text);" |
        PGCLIENTENCODING=UTF8 sql "$2"
}
is 'bytes that are no UTF-8 are refused' "$(read_one bad utf8) $(read_one bad latin1)" 'ERROR 22021 ERROR 22021'
is 'characters are read by the database' "$(read_one euro utf8)$(read_one escaped utf8)" '€€'
is 'those that it has' "$(read_one euro latin1) $(read_one escaped latin1)" 'ERROR 22P05 ERROR 22P05'
rm "$archive"/*

# --- no room, no right -----------------------------------------------------------------------------------------------

many='SELECT a.oid, b.oid AS other, md5(a.oid::text || b.oid) FROM pg_proc AS a, pg_proc AS b LIMIT 200000'
chmod 500 "$archive"
is 'a directory that cannot be written to' "$(write a csv 'SELECT 1' | sql utf8)" 'ERROR 42501'
chmod 700 "$archive"
rmdir "$archive"
is 'a directory that is not there' "$(write a csv 'SELECT 1' | sql utf8)" 'ERROR 58P01'
mkdir "$archive"
[ "$(id -u)" != 0 ] || chown postgres: "$archive"

limited() {
    sql utf8 <<SQL
COPY (SELECT WHERE false) TO PROGRAM 'prlimit --fsize=1000000 --pid \$PPID';
$(write a csv "$many")
$(write b csv.gz 'SELECT 1')
SQL
}
if command -v prlimit > /dev/null; then
    is 'a file that may not grow so far' "$(limited | xargs)" 'ERROR 54000 1'
    is 'leaves nothing' "$(files)" 1
    rm "$archive"/*
else
    skip 'a file that may not grow so far' 'no prlimit'
    skip 'leaves nothing' 'no prlimit'
fi

if mount -t tmpfs -o size=1m,mode=777 tmpfs "$small" 2> /dev/null; then
    directory=$small
    is 'a full disk' "$({ write a csv "$many" && write a.zst ndjson.zst "$many" && write b csv 'SELECT 1'; } |
        sql utf8 | xargs)" 'ERROR 53100 ERROR 53100 1'
    is 'keeps nothing of what did not fit' "$(files)" 1
    mount -o remount,ro "$small"
    is 'a file system that cannot be written to' "$({ write c csv 'SELECT 1' &&
        echo "SELECT etl._archive_remove('file://$small/b');"; } | sql utf8 | xargs)" 'ERROR 42501 ERROR 42501'
    unset directory
else
    skip 'a full disk' 'nothing can be mounted here'
    skip 'keeps nothing of what did not fit' 'nothing can be mounted here'
    skip 'a file system that cannot be written to' 'nothing can be mounted here'
fi

# --- ends in the midst of it -----------------------------------------------------------------------------------------

# interrupted HOW: what the server does to a session that writes without end. Prints what the session said.
interrupted() {
    write a ndjson.zst 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, md5(i::text) FROM n' |
        sql utf8 > "$dir/said" &
    local client=$! pid
    until [ -n "$(find "$archive" -name '*.tmp' -size +100k)" ]; do
        sleep 0.05
    done
    pid=$(psql -X -A -t -d utf8 -c "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT rows FROM etl.%'")
    if [ "$1" = kill ]; then
        kill -9 "$pid"
    else
        psql -X -q -A -t -d utf8 -c "SELECT $1($pid)" > /dev/null
    fi
    wait "$client" || true
    head -n 1 "$dir/said"
}
is 'a session that is canceled says so' "$(interrupted pg_cancel_backend)" 'ERROR 57014'
is 'and leaves nothing' "$(files)" 0
interrupted pg_terminate_backend > /dev/null
until [ "$(psql -X -A -t -d utf8 -c "SELECT count(*) FROM pg_stat_activity
    WHERE query LIKE 'SELECT rows FROM etl.%'")" = 0 ]; do
    sleep 0.05
done
is 'nor does one that is ended' "$(files)" 0
interrupted kill > /dev/null
until psql -X -q -d utf8 -c 'SELECT' > /dev/null 2>&1; do
    sleep 0.1
done
is 'what a killed one has left is listed' "$(echo 'SELECT state, archive_id FROM etl.archive_files;' | sql utf8)" \
    'unfinished|'
is 'and can be removed' "$(echo 'SELECT etl._archive_remove(location) FROM etl.archive_files;' | sql utf8)$(files)" t0
# --- what a run leaves that is killed --------------------------------------------------------------------------------

# A run takes three seconds for its file, in which it never waits: it would see that the server has ended, and clear up.
sql utf8 > /dev/null <<SQL
CREATE FUNCTION spin() RETURNS boolean LANGUAGE plpgsql AS \$\$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    WHILE clock_timestamp() < began + interval '2 ms' LOOP
    END LOOP;
    RETURN true;
END
\$\$;
CREATE TABLE slow (id int, at timestamptz);
CREATE INDEX ON slow (at);
INSERT INTO slow SELECT n, '2025-01-01'::timestamptz + n * interval '1 s' FROM generate_series(1, 1500) AS n;
SET client_min_messages = warning;
SELECT etl.add_retention_policy('slow', 'at', '1 day', archive_to => 'file://$archive',
                                filter => 'public.spin()');
SQL
# killed_run HOW: the server process, or the whole server, is killed while a run writes a file.
killed_run() {
    echo "CALL etl.run_retention('slow', '2026-01-01');" | sql utf8 > /dev/null &
    local client=$! before=$left
    until left=$(find "$archive" -name 'slow-*.tmp') && [ -n "$left" ] && [[ $left != *"${before:-none}"* ]]; do
        sleep 0.02
    done
    if [ "$1" = server ]; then
        kill_server "$dir"
    else
        kill -9 "$(psql -X -A -t -d utf8 -c "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL etl.run%'")"
    fi
    wait "$client" || true
    until psql -X -q -d utf8 -c 'SELECT' > /dev/null 2>&1; do
        sleep 0.1
    done
}
left=
killed_run session
is 'a run that is killed leaves an orphan' "$(echo "SELECT status FROM etl.archives WHERE policy = 'slow';" |
    sql utf8)" orphan
is 'whose file is not finished' "$(echo 'SELECT state, policy, location LIKE '"'%.tmp'"' FROM etl.archive_files;' |
    sql utf8)" 'unfinished|slow|t'
killed_run server
is 'so does one in a server that is' "$(echo "SELECT state FROM etl.archive_files;" | sql utf8)" unfinished
is 'and the run before has been cleared away' "$(echo "SELECT status FROM etl.archives WHERE policy = 'slow'
    ORDER BY archive_id;" | sql utf8 | xargs)" 'removed orphan'
# Files like it: of another policy, of no policy, and one that somebody is writing.
sql utf8 > /dev/null <<SQL
INSERT INTO etl.archive (policy, tier, action, source, location, format, status, run_id)
SELECT 'another', 1, 'archived', 'public.slow', 'file://$archive/another-1.csv', 'csv', 'writing', min(run_id)
FROM etl.run;
SQL
touch "$archive"/another-1.csv.0123456789abcdef.tmp "$archive"/slow-0.ndjson.zst.0123456789abcdef.tmp \
    "${left%.*.tmp}.0123456789abcdeg.tmp" "${left%.*.tmp}.abc.tmp"
cp -p "$left" "${left%.*.tmp}.fedcba9876543210.tmp"
if command -v flock > /dev/null; then
    # Beside the run, as the lock is.
    echo "UPDATE etl.retention_policy SET filter = NULL;" | sql utf8 > /dev/null
    flock -n "$left" psql -X -q -d utf8 -c "SET pg_etl.archive_directory = '$archive'" \
        -c "CALL etl.run_retention('slow', '2026-01-01')"
    is 'a run leaves alone what somebody is writing' "$(find "$archive" -name '*.tmp' | wc -l) $([ -f "$left" ] &&
        echo there)" '5 there'
    is 'and has an orphan still' "$(echo "SELECT status FROM etl.archives WHERE policy = 'slow' ORDER BY archive_id;" |
        sql utf8 | xargs)" 'removed orphan kept'
else
    skip 'a run leaves alone what somebody is writing' 'no flock'
    skip 'and has an orphan still' 'no flock'
fi
is 'it is removed when it is asked for' "$(echo "SELECT etl.remove_orphan(archive_id) FROM etl.archives
    WHERE policy = 'slow' AND status = 'orphan';" | sql utf8)$([ -f "$left" ] || echo gone)" fgone
is 'and nobody else'"'"'s is' "$(find "$archive" -name '*.tmp' | wc -l)" 4
is 'no row is lost' "$(echo "SELECT (SELECT count(*) FROM slow), sum(rows), bool_and(v.ok) FROM etl.archives AS a,
    LATERAL etl.verify_archive(a.archive_id) AS v WHERE policy = 'slow' AND status = 'kept';" | sql utf8)" '0|1500|t'

is 'nothing leaked' "$(grep -cE 'leak|was not closed' "$dir/log" || true)" 0
echo "1..$number"
