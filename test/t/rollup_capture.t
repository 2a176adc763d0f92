#!/usr/bin/env bash
# Capture over the life of a cluster: prepared transactions, a crash, replication, and a dump that carries triggers and
# logs over.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/cluster.sh"

dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" --durable -o max_prepared_transactions=4
cluster_env "$dir"
cd "$dir"

number=0
is() { # is GOT WANTED WHAT
    number=$((number + 1))
    if [ "$1" = "$2" ]; then
        echo "ok $number - $3"
    else
        echo "not ok $number - $3"
        diff <(echo "$2") <(echo "$1") | sed 's/^/# /' || true
    fi
}

q() {
    psql -X -A -t -q -v ON_ERROR_STOP=1 "$@"
}

logged() {
    q -d "${1:-before}" -c "SELECT string_agg(concat(etl_op, hour), ' ' ORDER BY hour) FROM shop.sale_log"
}

createdb before
q -d before << 'SQL' > made
CREATE EXTENSION pg_etl;
CREATE ROLE keeper;
CREATE SCHEMA shop AUTHORIZATION keeper;
SET ROLE keeper;
CREATE TABLE shop.sale (id int, hour int);
RESET ROLE;
SELECT etl._create_log_table('shop.sale_log', 'keys', 'shop.sale', '{hour}', '{hour}');
SELECT etl._create_capture('shop.sale', 1, 1, 'shop.sale_log', 'keys', '{hour}', '{hour}');
SQL

# A transaction that is prepared: its rows are there once it is committed, whoever commits it, and after a crash.
q -d before << 'SQL'
BEGIN;
INSERT INTO shop.sale VALUES (1, 1);
PREPARE TRANSACTION 'one';
BEGIN;
INSERT INTO shop.sale VALUES (2, 2);
PREPARE TRANSACTION 'two';
INSERT INTO shop.sale VALUES (3, 3);
SQL
is "$(logged)" c3 'what a prepared transaction has logged is not to be seen'
q -d before -c "COMMIT PREPARED 'one'"
is "$(logged)" 'c1 c3' 'until it is committed'
{ q -d before -c 'BEGIN; INSERT INTO shop.sale VALUES (4, 4); SELECT pg_sleep(100)' || true; } > lost 2>&1 &
until [ "$(q -d before -c "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()")" = 1 ]; do
    sleep 0.1
done
cluster_down "$dir" immediate
wait
cluster_up "$dir"
is "$(logged)" 'c1 c3' 'a crash takes only what was not committed'
q -d before -c "COMMIT PREPARED 'two'"
is "$(logged)" 'c1 c2 c3' 'and leaves what was prepared'

# What replication applies is not captured.
q -d before -c 'SET session_replication_role = replica' -c 'INSERT INTO shop.sale VALUES (5, 5)'
is "$(logged)" 'c1 c2 c3' 'a session in the role of a replica logs nothing'

# Log rows are deleted where all tables are published.
q -d before -c 'CREATE PUBLICATION everything FOR ALL TABLES' 2> warned
is "$(q -d before -c 'WITH gone AS (DELETE FROM shop.sale_log WHERE hour = 2 RETURNING *) SELECT count(*) FROM gone' 2>&1)" \
    1 'a log can be emptied where all tables are published'
q -d before -c 'DROP PUBLICATION everything'

createdb after
pg_dump -d before -f dump.sql
is "$(q -d after -f dump.sql 2>&1 | grep -v '^[ 0-9]*$' || true)" '' 'a dump is restored without a word'
is "$(logged after)" 'c1 c3' 'with what was logged and nothing more'
q -d after -c 'SET ROLE keeper' -c 'INSERT INTO shop.sale VALUES (6, 6)'
is "$(logged after)" 'c1 c3 c6' 'and goes on'
is "$(q -d after -c "SELECT etl._create_capture('shop.sale', 1, 1, 'shop.sale_log', 'keys', '{hour}', '{hour}')")" '' \
    'with the triggers that it had'
q -d after -c 'DROP EXTENSION pg_etl CASCADE' 2> dropped
is "$(q -d after -c "INSERT INTO shop.sale VALUES (7, 7) RETURNING id")" 7 'without the extension the table is a table'

echo "1..$number"
