#!/usr/bin/env bash
# Files that are loaded where the world is not as it should be: sessions and servers that are killed, canceled loads,
# a file that is larger than the memory that a load may take, and a path that changes while it is walked.
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
dir=$(cluster_tmpdir)
files=$dir/files
trap 'cluster_stop "$dir"' EXIT
mkdir "$files"
[ "$(id -u)" != 0 ] || chown postgres: "$files"
cluster_start "$dir" -o autovacuum=off -o jit=off -o pg_etl.import_directory="$files"
cluster_env "$dir"
psql -X -q -c 'CREATE EXTENSION pg_etl'

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

# rows FROM TO: lines of CSV of some hundred bytes.
rows() {
    awk -v from="$1" -v to="$2" 'BEGIN {
        for (i = 0; i < 12; ++i) note = note "a note of some length "
        print "id,name,price,note"
        for (i = from; i <= to; ++i) printf "%d,\"name %d\",%d.25,%s\n", i, i, i % 1000, note
    }'
}
sql <<'SQL'
CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, price numeric, note text);
CREATE TABLE account (id int PRIMARY KEY);
INSERT INTO account SELECT generate_series(1, 1000000);
CREATE TABLE entry (id int REFERENCES account, name text, price numeric, note text);
SQL

# --- killed ----------------------------------------------------------------------------------------------------------

rows 1 60000 > "$files/items.csv"
echo '60001,too few' >> "$files/items.csv"
whole="60000 1 1|60001 60000 1"
state() { # how many rows, batches and rejected lines; and what the batches say
    sql -c "SELECT format('%s %s %s', (SELECT count(*) FROM $1), (SELECT count(*) FROM etl.batches),
        (SELECT count(*) FROM etl.rejected_lines)),
        (SELECT format('%s %s %s', b.received, b.inserted, b.rejected) FROM etl.batches AS b)"
}
lost=
for table in item entry; do
    for victim in session server session session; do
        sql -c "TRUNCATE $table" -c 'DELETE FROM etl.batch'
        call_and_kill "$dir" "SELECT status FROM etl.load_file('items.csv', '$table')" "$victim" 700
        found=$(state "$table")
        [ "$found" = '0 0 0|' ] || [ "$found" = "$whole" ] || lost="$lost $table, $victim: $found;"
        sql -c "SELECT status FROM etl.load_file('items.csv', '$table')" > /dev/null 2>&1
        [ "$(state "$table")" = "$whole" ] || lost="$lost $table, $victim, once more: $(state "$table");"
    done
done
is 'a load that is killed leaves all or nothing, and can be repeated' "$lost" ''

sql -c 'TRUNCATE item' -c 'DELETE FROM etl.batch'
is 'one that takes too long is canceled' \
    "$(psql -X -q -A -t -c "SET statement_timeout = '50ms'" \
        -c "SELECT status FROM etl.load_file('items.csv', 'item')" 2>&1 | head -n 1)" \
    'ERROR:  canceling statement due to statement timeout'
is 'and leaves nothing' "$(state item)" '0 0 0|'

# --- large -----------------------------------------------------------------------------------------------------------

# Memory of its own that the session which loads a file has had at most, in MB.
memory_of() {
    local most=0 now pid
    : > "$dir/pid"
    sql -c 'SELECT pg_backend_pid()' -c "SELECT status, received FROM etl.load_file('$1', 'plain'${2:-})" > "$dir/pid" &
    local client=$!
    until pid=$(head -n 1 "$dir/pid") && [ -n "$pid" ]; do
        sleep 0.01
    done
    while kill -0 "$client" 2> /dev/null; do
        now=$(awk '/^RssAnon/ { print int($2 / 1024) }' "/proc/$pid/status" 2> /dev/null || true)
        [ "${now:-0}" -le "$most" ] || most=$now
        sleep 0.02
    done
    wait "$client"
    echo "$most"
}
sql -c 'CREATE UNLOGGED TABLE plain (id int, name text, price numeric, note text)'
rows 1 650000 > "$files/large.csv"
size=$(($(stat -c %s "$files/large.csv") / 1000000))
is 'a large file' "$((size >= 190))" 1
most=$(memory_of large.csv)
echo "# $size MB were loaded in $most MB"
is 'takes no more memory than a small one' "$((most < 48))" 1
is 'and is loaded whole' "$(sql -c 'SELECT count(*), sum(id) FROM plain')" '650000|211250325000'
sql -c 'TRUNCATE plain' -c 'DELETE FROM etl.batch'
sed 's/^\([0-9]*\),/x\1,/' "$files/large.csv" > "$files/bad.csv"
most=$(memory_of bad.csv)
echo "# $size MB of bad lines took $most MB"
is 'nor does one of bad lines' "$((most < 48))" 1
is 'which are kept' "$(sql -c 'SELECT count(*) FROM etl.rejected_lines')" 650000
rm "$files"/large.csv "$files"/bad.csv
sql -c 'DELETE FROM etl.batch'

# --- a path that changes ---------------------------------------------------------------------------------------------

mkdir "$files/real" "$dir/secret"
printf 'id\n-1\n' > "$dir/secret/a.csv"
printf 'id\n1\n' > "$files/real/a.csv"
[ "$(id -u)" != 0 ] || chown -R postgres: "$files" "$dir/secret"
ln -s "$dir/secret" "$files/link"
(
    while [ ! -e "$dir/stop" ]; do
        mv -T "$files/real" "$files/kept" && mv -T "$files/link" "$files/real"
        mv -T "$files/real" "$files/link" && mv -T "$files/kept" "$files/real"
    done
) &
swapping=$!
sql -c 'CREATE TABLE read (id int)' > /dev/null
for _ in $(seq 40); do
    echo "SELECT etl.load_file('real/a.csv', 'read', force => true);"
done > "$dir/loads.sql"
for _ in $(seq 5); do
    psql -X -q -f "$dir/loads.sql" > /dev/null 2>&1
done
touch "$dir/stop"
wait "$swapping" || true
is 'no link is followed, whenever it comes' "$(sql -c 'SELECT count(*) FROM read WHERE id = -1')" 0
is 'and the file is read where there is none' "$(sql -c 'SELECT count(*) > 0 FROM read')" t

is 'nothing leaked' "$(grep -cE 'leak|was not closed' "$dir/log" || true)" 0
echo "1..$number"
