#!/usr/bin/env bash
# Tables that are filled past the shared buffers (src/pg/heap_pages.hpp): a killed server loses no row of them, whatever
# the wal_level; their checksums are right; a standby and logical decoding have all rows.
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
dir=$(cluster_tmpdir)
standby=$(cluster_tmpdir)
trap 'cluster_stop "$standby"; cluster_stop "$dir"' EXIT
bindir=$("${PG_CONFIG:-pg_config}" --bindir)
cluster_start "$dir" -o wal_level=replica -o max_wal_senders=4 -o wal_keep_size=2GB \
    -o wal_retrieve_retry_interval=100ms -o autovacuum=off
cluster_down "$dir"
(cd "$dir" && cluster_as_server "$dir" "$bindir/pg_checksums" --enable --no-sync -D "$dir/data") > /dev/null 2>&1 ||
    true # they are on from version 18
cluster_up "$dir"
cluster_env "$dir"

number=0
check() { # check WHAT PROBLEM
    number=$((number + 1))
    result "$number" "$1" "$2"
}

# fill NAME ROWS: SQL that makes a table with some short, some wide and some missing values.
fill() {
    echo "SELECT etl.create_rolling('public.$1', 'SELECT * FROM public.source WHERE id <= $2', '{k}', 'ts',
                                    '{1 minute}', columns => '{id,k,short,wide}');"
}

# differences NAME ROWS: how a table differs from what it was made of.
differences() {
    sql 2>&1 <<SQL || true # an error is a difference
SELECT 'there are ' || count(*) || ' differences'
FROM ((SELECT id, k, short, wide FROM $1 EXCEPT ALL SELECT id, k, short, wide FROM source WHERE id <= $2)
      UNION ALL
      (SELECT id, k, short, wide FROM source WHERE id <= $2 EXCEPT ALL SELECT id, k, short, wide FROM $1)) AS d
HAVING count(*) > 0
SQL
}

wrong_checksums() {
    (cd "$dir" && cluster_as_server "$dir" "$bindir/pg_checksums" --check -D "$dir/data") 2>&1 |
        grep -v -e '^Bad checksums:  *0$' | grep -e arning -e WARN -e rror -e '^Bad' | tail -n 1 || true
}

restart_with() { # restart_with WAL_LEVEL WAL_SENDERS
    cluster_down "$dir"
    printf "wal_level = '%s'\nmax_wal_senders = %s\n" "$1" "$2" >> "$dir/data/postgresql.conf"
    cluster_up "$dir"
}

echo '1..11'
sql <<'SQL'
CREATE EXTENSION pg_etl;
CREATE TABLE source AS
SELECT n AS id, n % 7 AS k, '2026-01-01'::timestamptz + n * '1 s'::interval AS ts,
       CASE WHEN n % 3 > 0 THEN repeat('x', n % 130) END AS short,
       CASE WHEN n % 500 = 0 THEN (SELECT string_agg(md5(n::text || i::text), '') FROM generate_series(1, 100) AS i)
       END AS wide
FROM generate_series(1, 60000) AS n;
SQL

(
    cd "$standby"
    cluster_as_server "$standby" "$bindir/pg_basebackup" -h "$dir" -p 5432 -U postgres -D "$standby/data" -R -c fast \
        --no-sync
    echo "unix_socket_directories = '$standby'" >> "$standby/data/postgresql.conf"
) && cluster_up "$standby"

# The pages that the system had not yet brought to the disk are lost with it; the WAL has them.
sql -o /dev/null -c "$(fill filled 60000)"
file=$(sql -c "SELECT pg_relation_filepath('filled')")
kill -9 "$(head -n 1 "$dir/data/postmaster.pid")"
truncate -s 100000 "$dir/data/$file"
until cluster_up "$dir" > /dev/null 2>&1; do
    sleep 0.1
done
check 'a server that is killed with its system has every row' "$(differences filled 60000)"

# A checkpoint while pages are written: those before it are not in the WAL that a recovery reads.
sql -o /dev/null -c "$(fill long 60000)" &
filling=$!
while kill -0 "$filling" 2> /dev/null; do
    sql -c CHECKPOINT
done
wait "$filling"
kill_server "$dir"
check 'after checkpoints on the way' "$(differences long 60000)"

sql -o /dev/null <<SQL
BEGIN;
SAVEPOINT a;
$(fill inner_one 20000)
ROLLBACK TO a;
$(fill inner_one 30000)
RELEASE a;
$(fill outer_one 10)
COMMIT;
BEGIN;
$(fill nobodys 30000)
ROLLBACK;
SQL
kill_server "$dir"
check 'subtransactions' "$(differences inner_one 30000)$(differences outer_one 10)$(
    sql -c "SELECT 'a table is left' WHERE to_regclass('nobodys') IS NOT NULL" 2>&1)"

sql -c "UPDATE filled SET short = short WHERE id % 100 = 0" -c "DELETE FROM filled WHERE id > 59000" -c 'VACUUM filled'
kill_server "$dir"
check 'changes afterwards' "$(differences filled 59000)"

wanted=$(sql -c 'SELECT pg_current_wal_lsn()')
deadline=$((SECONDS + 60))
until [ "$(sql -h "$standby" -c "SELECT pg_last_wal_replay_lsn() >= '$wanted'" 2> /dev/null)" = t ]; do
    [ "$SECONDS" -lt "$deadline" ] || { echo 'Bail out! the standby does not follow'; exit 1; }
    sleep 0.1
done
check 'a standby has them' "$(PGHOST=$standby differences filled 59000)$(
    PGHOST=$standby differences inner_one 30000)$(PGHOST=$standby differences outer_one 10)"
cluster_down "$standby"

cluster_down "$dir"
check 'every checksum is right' "$(wrong_checksums)"
cluster_up "$dir"

# Without WAL for new tables: small ones are written to it at the commit all the same, large ones are synchronised.
restart_with minimal 0
sql -o /dev/null -c "$(fill small_one 1000)" -c "$(fill large_one 60000)"
kill_server "$dir"
check 'wal_level = minimal, a small table' "$(differences small_one 1000)"
check 'wal_level = minimal, a large table' "$(differences large_one 60000)"
cluster_down "$dir"
check 'and their checksums' "$(wrong_checksums)"
cluster_up "$dir"

# Logical decoding reads rows, not pages.
restart_with logical 4
sql -o /dev/null -c "SELECT pg_create_logical_replication_slot('etl', 'test_decoding')"
sql -o /dev/null -c "$(fill decoded 30000)"
check 'wal_level = logical' "$(differences decoded 30000)"
check 'every row is decoded' "$(sql 2>&1 <<'SQL'
SELECT count(*) || ' rows' FROM pg_logical_slot_get_changes('etl', NULL, NULL)
WHERE data LIKE 'table public.decoded: INSERT:%' HAVING count(*) <> 30000
SQL
)"
