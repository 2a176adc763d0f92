#!/usr/bin/env bash
# The life of rollups beside refreshes: dumped and restored, crashed, with prepared transactions, over tables that are
# renamed, altered and dropped, for roles without rights, under logical replication, and without the extension.
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" -o max_prepared_transactions=5 -o wal_level=logical
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

# complaint DATABASE ARGUMENT…: SQLSTATE and message of an error, and whether it has a hint.
complaint() {
    local database=$1
    shift
    psql -X -q -A -t -d "$database" -v VERBOSITY=verbose "$@" 2>&1 |
        sed -nE 's/^ERROR: +([0-9A-Z]{5}): (.*)/\1 \2/p; s/^HINT: .*/with a hint/p' | head -n 2
}

as_analyst() {
    sql -d "$1" -c 'SET ROLE analyst' "${@:2}"
}

# What rollups lack or have too much, and what verify_rollup says; nothing when all is well.
wrong() {
    as_analyst "$1" -c 'SELECT * FROM wrong()' 2> "$dir/notices" || cat "$dir/notices"
}

# What is noted and waits to be taken, the states, the triggers and the definitions.
left() {
    sql -d "$1" <<'SQL'
SELECT (SELECT count(*) FROM hourly_log_1), (SELECT count(*) FROM hourly_log_2), (SELECT count(*) FROM hourly_pending);
SELECT (SELECT count(*) FROM wallets_log_1), (SELECT count(*) FROM wallets_pending);
SELECT (SELECT count(*) FROM daily_log_1), (SELECT count(*) FROM daily_pending);
SELECT s FROM wallets_state AS s ORDER BY s;
SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t WHERE t.tgfoid = 'etl._capture'::regproc ORDER BY 1;
SELECT r FROM etl.rollup AS r ORDER BY r.rollup_id;
SELECT s FROM etl.rollup_source AS s ORDER BY s.rollup_id, s.number;
SQL
}

sale='"Shop"."Sale"'
createdb before
sql <<'SQL'
CREATE ROLE analyst;
CREATE ROLE clerk;
GRANT CREATE ON DATABASE before TO analyst;
SQL
sql -d before <<'SQL'
CREATE EXTENSION pg_etl;
CREATE SCHEMA "Shop" AUTHORIZATION analyst;
GRANT USAGE, CREATE ON SCHEMA public TO analyst, clerk;
CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT name, query FROM etl.rollup ORDER BY rollup_id LOOP
        RETURN QUERY EXECUTE format('SELECT %1$L || d::text FROM ((TABLE %1$s EXCEPT ALL %2$s) UNION ALL '
                                    '(%2$s EXCEPT ALL TABLE %1$s)) AS d', r.name, r.query);
        RETURN QUERY SELECT format('%s: %s is %s', r.name, v.key, v.problem) FROM etl.verify_rollup(r.name) AS v;
    END LOOP;
END
$$;
SET ROLE analyst;
CREATE DOMAIN "Shop"."Amount" AS int;
CREATE FUNCTION "Shop"."Same"(x anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT x';
CREATE TABLE "Shop"."Sale" (id int PRIMARY KEY, at timestamptz, wallet text, price numeric, "a b" "Shop"."Amount");
CREATE TABLE "Shop".prediction (sale int, blocked boolean);
INSERT INTO "Shop"."Sale"
SELECT n, '2026-01-01'::timestamptz + n * interval '10 minutes', 'w' || nullif(n % 7, 0), n, n
FROM generate_series(1, 500) AS n;
INSERT INTO "Shop".prediction SELECT n, n % 3 = 0 FROM generate_series(1, 500, 2) AS n;
GRANT INSERT, UPDATE (price), SELECT ON "Shop"."Sale" TO clerk;
GRANT USAGE ON SCHEMA "Shop" TO clerk;
SELECT etl.create_rollup('public.hourly', $$
    SELECT date_trunc('hour', s.at, 'UTC') AS hour, count(*) AS sales, count(p.sale) AS predictions,
           count(*) FILTER (WHERE p.blocked) AS blocked, sum(s."a b") AS "total a b"
    FROM "Shop"."Sale" AS s LEFT JOIN "Shop".prediction AS p ON p.sale = s.id GROUP BY 1 $$, '{hour}', 'recompute')
\g /dev/null
SELECT etl.create_rollup('public.wallets', $$
    SELECT "Shop"."Same"(s.wallet) AS wallet, count(*) AS sales, sum(s.price) AS spent, max(s.at) AS latest
    FROM "Shop"."Sale" AS s GROUP BY 1 $$, '{wallet}', 'delta')
\g /dev/null
SELECT etl.create_rollup('public.daily', $$
    SELECT date_trunc('day', h.hour, 'UTC') AS day, sum(h.sales) AS sales
    FROM public.hourly AS h GROUP BY 1 $$, '{day}')
\g /dev/null
SQL

# Some of it is noted, some of it pending.
sql -d before <<'SQL'
SET ROLE analyst;
UPDATE "Shop"."Sale" SET at = at + interval '3 days', wallet = 'other' WHERE id % 50 = 0;
CALL etl.refresh_rollup('hourly', max_groups => 4, max_runtime => '1 us');
CALL etl.refresh_rollup('wallets', max_groups => 1, max_runtime => '1 us');
RESET ROLE;
SET ROLE clerk;
INSERT INTO "Shop"."Sale" VALUES (1001, '2026-03-01', NULL, 5, 5), (1002, '2026-01-01 05:00', 'w1', 6, 6);
UPDATE "Shop"."Sale" SET price = price + 1 WHERE id < 10;
RESET ROLE;
SET ROLE analyst;
DELETE FROM "Shop".prediction WHERE sale < 50;
SQL
left before > "$dir/left"
is "$(sed -n 1p "$dir/left" | awk -F'|' '{print ($1 > 0) ($2 > 0) ($3 > 0)}')" 111 \
    'changes are noted for writers that may not write the log themselves, and some groups are pending'

# Dump and restore -----------------------------------------------------------------------------------------------------

createdb after
pg_dump -d before -f "$dir/dump.sql"
is "$(sql -d after -f "$dir/dump.sql" 2>&1 | grep -v '^[ 0-9]*$' || true)" '' 'the dump is restored without a word'
is "$(left after)" "$(cat "$dir/left")" 'with definitions, triggers, notes, pending groups and states'
as_analyst after -c 'CALL etl.refresh_all()'
is "$(wrong after)" '' 'a refresh then makes each rollup what its query gives'
sql -d after -c "INSERT INTO $sale VALUES (1003, '2026-02-01', 'new', 1, 1)" -c "DELETE FROM $sale WHERE wallet = 'w2'"
as_analyst after -c 'CALL etl.refresh_all()'
is "$(wrong after)" '' 'and the triggers go on'
highest=$(as_analyst after -c 'SELECT max(rollup_id) FROM etl.rollup')
query="SELECT price, count(*) FROM $sale GROUP BY 1"
is "$(as_analyst after -c "SELECT etl.create_rollup('public.more', '$query', '{price}') > $highest")" t \
    'and so do the numbers of rollups'
as_analyst after -c "SELECT etl.drop_rollup('more')" > "$dir/out"

# Crash, prepared transactions -----------------------------------------------------------------------------------------

sql -d before -c BEGIN -c "UPDATE $sale SET wallet = 'prepared', at = at - interval '1 day' WHERE id = 100" \
    -c 'DELETE FROM "Shop".prediction WHERE sale = 101' -c "PREPARE TRANSACTION 'later'"
sql -d before -c BEGIN -c "INSERT INTO $sale VALUES (1004, '2026-01-02', 'undone', 1, 1)" \
    -c "PREPARE TRANSACTION 'never'"
kill_server "$dir"
wait_for_server
as_analyst before -c 'CALL etl.refresh_all()'
is "$(wrong before)" '' 'after a crash a refresh takes what was noted before, and not what is prepared'
sql -d before -c "COMMIT PREPARED 'later'" -c "ROLLBACK PREPARED 'never'"
is "$(sql -d before -c "SELECT count(*) FROM $sale WHERE wallet = 'prepared'")" 1 'which has come then'
as_analyst before -c 'CALL etl.refresh_all()'
is "$(wrong before)" '' 'and the next one takes what was prepared'

# Rights --------------------------------------------------------------------------------------------------------------

is "$(complaint before -c 'SET ROLE clerk' -c "CALL etl.refresh_rollup('public.hourly')")" \
    $'42704 rollup "public.hourly" does not exist\nwith a hint' 'who does not own a rollup cannot refresh it'
is "$(complaint before -c 'SET ROLE clerk' -c "SELECT etl.drop_rollup('public.hourly')")" \
    $'42704 rollup "public.hourly" does not exist\nwith a hint' 'nor drop it'
is "$(complaint before -c 'SET ROLE clerk' -c "SELECT etl.create_rollup('public.x', '$query', '{price}')")" \
    $'42501 permission denied for table ""Shop"."Sale""\nwith a hint' \
    'who may not create triggers on a table has no rollup of it'
as_analyst before -c 'REVOKE INSERT ON hourly_log_1 FROM analyst'
is "$(complaint before -c 'SET ROLE clerk' -c "INSERT INTO $sale VALUES (1005)" | cut -c 1-5)" $'42501\nwith ' \
    'a log that the owner of the table may not write is an error that says what to grant'
as_analyst before -c 'GRANT INSERT ON hourly_log_1 TO analyst'

# Tables that change --------------------------------------------------------------------------------------------------

sql -d before -c "ALTER TABLE $sale RENAME TO sold"
sql -d before -c "INSERT INTO \"Shop\".sold VALUES (1006, '2026-01-03', 'w3', 7, 7)"
is "$(complaint before -c 'SET ROLE analyst' -c "CALL etl.refresh_rollup('hourly')")" \
    $'42P01 table ""Shop"."Sale"", which rollup "public.hourly" reads, does not exist\nwith a hint' \
    'a table was renamed'
sql -d before -c 'ALTER TABLE "Shop".sold RENAME TO "Sale"'
as_analyst before -c 'CALL etl.refresh_all()'
is "$(wrong before)" '' 'when it has its name again, what was written meanwhile is taken'

sql -d before -c "ALTER TABLE $sale RENAME \"a b\" TO c"
sql -d before -c "INSERT INTO $sale VALUES (1007, '2026-01-04', 'w3', 7, 7)"
is "$(complaint before -c 'SET ROLE analyst' -c "CALL etl.refresh_rollup('hourly')")" \
    $'42703 column "a b" of table ""Shop"."Sale"", which rollup "public.hourly" reads, does not exist\nwith a hint' \
    'a column was renamed: writers go on, and the refresh says so'
as_analyst before -c "SELECT etl.alter_rollup(name, query => replace(query, '\"a b\") AS', 'c) AS'))
                      FROM etl.rollup WHERE name = 'public.hourly'" > "$dir/out"
as_analyst before -c 'CALL etl.refresh_all()'
is "$(wrong before)" '' 'another query for it is all that is needed'

sql -d before -c "ALTER TABLE $sale ALTER price TYPE float8"
is "$(complaint before -c 'SET ROLE analyst' -c "CALL etl.refresh_rollup('wallets')" | cut -c 1-5)" $'42804\nwith ' \
    'a column has another type'
sql -d before -c "ALTER TABLE $sale ALTER price TYPE numeric"
as_analyst before -c "SELECT etl.mark_dirty('wallets')" -c 'CALL etl.refresh_all()' > "$dir/out"
is "$(wrong before)" '' 'and its old one again'

sql -d before -c 'DROP TABLE "Shop".prediction'
is "$(complaint before -c 'SET ROLE analyst' -c "CALL etl.refresh_rollup('hourly')")" \
    $'42P01 table ""Shop".prediction", which rollup "public.hourly" reads, does not exist\nwith a hint' \
    'a table was dropped'
is "$(sql -d before -c 'SELECT count(*) > 10 FROM hourly')" t 'the rollup is still there'
is "$(complaint before -c 'SET ROLE analyst' -c 'CALL etl.refresh_all()' | cut -c 1-5)" $'42P01\nwith ' \
    'a refresh of all says so too'
sql -d before -c "INSERT INTO $sale VALUES (1008, '2026-01-04', 'w3', 7, 7)"
as_analyst before -c 'CALL etl.refresh_all()' 2> "$dir/out" || true
is "$(sql -d before -c "SELECT sales = (SELECT count(*) FROM $sale WHERE wallet = 'w3')
                        FROM wallets WHERE wallet = 'w3'")" t \
    'and does the others nevertheless'
as_analyst before -c "SELECT etl.drop_rollup('daily')" -c "SELECT etl.drop_rollup('hourly')" > "$dir/out"
is "$(sql -d before -c "SELECT count(*) FROM pg_class WHERE relname LIKE 'hourly%'")$(wrong before)" 0 \
    'and it can be dropped'

# Logical replication -------------------------------------------------------------------------------------------------

sql -d before -c "SELECT pg_create_logical_replication_slot('moved', 'pgoutput')" \
    -c 'CREATE PUBLICATION moved FOR TABLE "Shop"."Sale"' > "$dir/out"
sql -d before -c "ALTER TABLE $sale RENAME c TO \"a b\""
sql -d after -c 'TRUNCATE "Shop"."Sale", "Shop".prediction'
as_analyst after -c 'CALL etl.refresh_all()'
sql -d after -c "CREATE SUBSCRIPTION moved CONNECTION 'host=$dir dbname=before user=postgres' PUBLICATION moved
                 WITH (create_slot = false, slot_name = moved, copy_data = false)" > "$dir/out" 2>&1
sql -d before -c "INSERT INTO $sale SELECT n, '2026-05-01', 'applied', n, n FROM generate_series(2001, 2050) AS n"
deadline=$((SECONDS + 30))
until [ "$(sql -d after -c 'SELECT count(*) FROM "Shop"."Sale"')" = 50 ] || [ "$SECONDS" -gt "$deadline" ]; do
    sleep 0.1
done
as_analyst after -c 'CALL etl.refresh_all()'
is "$(sql -d after -c 'SELECT count(*) FROM wallets')" 0 'what replication applies is not noted'
is "$(wrong after | grep -c 'is missing')" 2 'and verify_rollup tells'
as_analyst after -c "SELECT etl.mark_dirty('hourly'), etl.mark_dirty('wallets')" > "$dir/out"
as_analyst after -c 'CALL etl.refresh_all()'
is "$(wrong after)" '' 'until the rollups are marked'
sql -d after -c 'ALTER SUBSCRIPTION moved DISABLE' -c 'ALTER SUBSCRIPTION moved SET (slot_name = NONE)' \
    -c 'DROP SUBSCRIPTION moved'
sql -d before -c "SELECT pg_drop_replication_slot('moved')" > "$dir/out"

# Another role's lock ------------------------------------------------------------------------------------------------

sql -d after -c "SELECT pg_advisory_lock('etl.rollup'::regclass::oid::integer, rollup_id), pg_sleep(60)
                 FROM etl.rollup WHERE name = 'public.daily'" > "$dir/out" 2>&1 &
deadline=$((SECONDS + 30))
until [ "$(sql -d after -c "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ] ||
    [ "$SECONDS" -gt "$deadline" ]; do
    sleep 0.1
done
is "$(as_analyst after -c "CALL etl.refresh_rollup('daily')" 2>&1 | sed 's/process [0-9]*/process …/')" \
    'NOTICE:  rollup "public.daily" is being refreshed by another session (process … of role "postgres"), nothing to do' \
    'a refresh says who is in its way'
is "$(as_analyst after -c "SET lock_timeout = '10 ms'" -c "SELECT etl.drop_rollup('daily')" 2>&1 | head -1)" \
    'ERROR:  canceling statement due to lock timeout' 'and what waits for it obeys lock_timeout'
sql -d after -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" > "$dir/out"
wait

# Without the extension -----------------------------------------------------------------------------------------------

is "$(complaint after -c 'DROP EXTENSION pg_etl' | cut -c 1-5)" $'2BP01\nwith ' \
    'DROP EXTENSION says that triggers need it'
row_counts='SELECT (SELECT count(*) FROM hourly), (SELECT count(*) FROM wallets), (SELECT count(*) FROM daily)'
rows=$(sql -d after -c "$row_counts")
sql -d after -c 'DROP EXTENSION pg_etl CASCADE' 2> "$dir/out"
is "$(sql -d after -c "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'etl_rollup%'")" 0 'with CASCADE these go'
sql -d after -c 'DELETE FROM "Shop"."Sale" WHERE id % 2 = 0'
is "$(sql -d after -c "$row_counts")" "$rows" \
    'the rollups stay as the tables that they are, and writers go on'
echo "1..$number"
