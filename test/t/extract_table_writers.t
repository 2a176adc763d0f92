#!/usr/bin/env bash
# Copies of tables beside writers. Sessions insert, update and delete in transactions that last, roll back, have
# subtransactions or are prepared, while others copy by each method, also over postgres_fdw. When the writers have ended,
# one more run of each makes the target what the source is, and nothing was appended twice.
#
#   WRITE_SECONDS=600 SEED=7 test/t/extract_table_writers.t
#
# MUTATE is SQL that is to spoil it.
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
here=$(cd "$(dirname "$0")" && pwd)
seconds=${WRITE_SECONDS:-12}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
dir=$(cluster_tmpdir)
# shellcheck disable=SC2317 # called by the trap
finish() {
    touch "$dir/stop" "$dir/written"
    wait
    cluster_stop "$dir"
}
trap finish EXIT
cluster_start "$dir" -o max_prepared_transactions=50 -o autovacuum_naptime=1s -o deadlock_timeout=50ms
cluster_env "$dir"
echo "# SEED=$seed"

sql -c 'CREATE DATABASE mirror'
sql <<SQL
CREATE EXTENSION pg_etl;
CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text, at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON entry (at);
CREATE TABLE ticket (id int, note text, at timestamptz NOT NULL DEFAULT now(), touched timestamptz NOT NULL)
PARTITION BY RANGE (id);
CREATE TABLE ticket_low PARTITION OF ticket (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (150);
CREATE TABLE ticket_high PARTITION OF ticket (PRIMARY KEY (id)) FOR VALUES FROM (150) TO (1000);
CREATE INDEX ON ticket (at);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
    NEW.touched := clock_timestamp();
    RETURN NEW;
END
\$\$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON ticket FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW ticket_with_xid AS SELECT t.*, t.xmin::text::bigint AS row_xid FROM ticket AS t;
CREATE TABLE entry_by_id (id bigint, note text, at timestamptz);
CREATE TABLE entry_by_time (LIKE entry_by_id);
CREATE TABLE ticket_by_time (id int PRIMARY KEY, note text, at timestamptz, touched timestamptz);
CREATE TABLE ticket_by_touch (LIKE ticket_by_time INCLUDING INDEXES);
CREATE TABLE ticket_by_xmin (LIKE ticket_by_time INCLUDING INDEXES);
SET client_min_messages = error;
SELECT etl.create_table_extract('entry_by_id', 'entry', 'entry_by_id', '{"column": "id"}', write_mode => 'append',
                                wait => '0.1 s', batch_rows => 50),
       etl.create_table_extract('entry_by_time', 'entry', 'entry_by_time', '{"column": "at"}', wait => '0.1 s',
                                write_mode => 'append', batch_rows => 50),
       etl.create_table_extract('ticket_by_time', 'ticket', 'ticket_by_time', '{"column": "at"}', deletes => true,
                                wait => '0.05 s', batch_rows => 20),
       etl.create_table_extract('ticket_by_touch', 'ticket', 'ticket_by_touch', "cursor" => '{"column": "touched"}',
                                horizon => 'writers', deletes => true, wait => '0.05 s', batch_rows => 20),
       etl.create_table_extract('ticket_by_xmin', 'ticket', 'ticket_by_xmin', method => 'xmin', deletes => true, batch_rows => 5)
\gset
SQL
[ -z "${MUTATE:-}" ] || sql -c "$MUTATE"
sql -d mirror <<SQL
CREATE EXTENSION pg_etl;
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'postgres', host '$dir');
CREATE USER MAPPING FOR CURRENT_USER SERVER far;
CREATE SCHEMA far;
IMPORT FOREIGN SCHEMA public LIMIT TO (entry, ticket, ticket_with_xid) FROM SERVER far INTO far;
IMPORT FOREIGN SCHEMA etl LIMIT TO (open_transactions) FROM SERVER far INTO far;
CREATE TABLE far_entry (id bigint, note text, at timestamptz);
CREATE TABLE far_by_time (id int PRIMARY KEY, note text, at timestamptz, touched timestamptz);
CREATE TABLE far_by_xmin (LIKE far_by_time INCLUDING INDEXES);
SELECT etl.create_table_extract('far_entry', 'far.entry', 'far_entry', '{"column": "at"}', write_mode => 'append',
                                transactions => 'far.open_transactions', wait => '0.1 s', batch_rows => 50),
       etl.create_table_extract('far_by_time', 'far.ticket', 'far_by_time', '{"column": "at"}', deletes => true,
                                transactions => 'far.open_transactions', wait => '0.05 s', batch_rows => 20),
       etl.create_table_extract('far_by_xmin', 'far.ticket_with_xid', 'far_by_xmin', method => 'xmin', deletes => true,
                                transactions => 'far.open_transactions', xid_column => 'row_xid',
                                columns => '{"id": "id", "note": "note", "at": "at", "touched": "touched"}')
\gset
SQL

writer() {
    local number=$1
    until [ -e "$dir/stop" ]; do
        perl "$here/extract_table_writer.pl" "$number" 10 | PGAPPNAME=writer psql -X -q -A -t >> "$dir/writer.out" 2>&1
        number=$((number + 1))
    done
}

# What was prepared is ended by somebody else, sooner or later.
resolver() {
    until [ -e "$dir/written" ]; do
        sql >> "$dir/resolver.out" 2>&1 <<'SQL' || true
SELECT format('%s PREPARED %L', CASE WHEN random() < 0.8 THEN 'COMMIT' ELSE 'ROLLBACK' END, gid)
FROM pg_prepared_xacts WHERE random() < 0.5 \gexec
SQL
        sleep 0.2
    done
}

copier() {
    local database=$1 copy
    shift
    until [ -e "$dir/stop" ]; do
        for copy in "$@"; do
            sql -d "$database" -c "CALL etl.run_extract('$copy')" > "$dir/$copy.out" 2>> "$dir/copy.err" || true
        done
    done
}

writers=()
for n in 1 2 3 4; do
    writer $((seed % 100000 * 1000 + n * 200000000)) &
    writers+=($!)
done
resolver &
copier postgres entry_by_id ticket_by_touch entry_by_time &
copier postgres ticket_by_time ticket_by_xmin &
copier mirror far_entry far_by_time far_by_xmin &
sleep "$seconds"
touch "$dir/stop"
wait "${writers[@]}"
touch "$dir/written"
wait
sql <<'SQL'
SELECT format('COMMIT PREPARED %L', gid) FROM pg_prepared_xacts \gexec
SQL

copies='entry_by_id entry_by_time ticket_by_time ticket_by_touch ticket_by_xmin far_entry far_by_time far_by_xmin'
echo '1..9'
result 1 'no copy failed' "$(sort "$dir/copy.err" | uniq -c | head -n 20)"
n=1
for copy in $copies; do
    n=$((n + 1))
    database=postgres
    source=${copy%%_*}
    if [ "$source" = far ]; then
        database=mirror
        source=far.ticket
        [ "$copy" != far_entry ] || source=far.entry
    fi
    runs=$(sql -d "$database" -c "SELECT count(*) || ' runs, ' || sum(rows) FROM etl.runs WHERE name = '$copy'")
    sql -d "$database" -c "CALL etl.run_extract('$copy')"
    columns='id, note, at'
    [[ $copy == *entry* ]] || columns+=', touched'
    result $n "$copy: $runs rows, and one more to $(sql -d "$database" -c "SELECT count(*) FROM $copy")" "$(
        sql -d "$database" <<SQL
SELECT format('%s are missing: %s', count(*), left(string_agg(d.id::text, ' '), 100))
FROM (SELECT $columns FROM $source EXCEPT ALL SELECT $columns FROM $copy) AS d HAVING count(*) > 0
UNION ALL
SELECT format('%s are too many: %s', count(*), left(string_agg(d.id::text, ' '), 100))
FROM (SELECT $columns FROM $copy EXCEPT ALL SELECT $columns FROM $source) AS d HAVING count(*) > 0
SQL
    )"
done
