#!/usr/bin/env bash
# The audit log, legal holds and immutable tables through pg_dump: what was recorded stands as it stood, the chain goes
# on, holds hold and triggers refuse.
set -uo pipefail
. "$(dirname "$0")/../cluster.sh"

tests=0
is() {
    tests=$((tests + 1))
    if [ "$1" = "$2" ]; then
        echo "ok $tests - $3"
    else
        echo "not ok $tests - $3"
        printf '# have: %s\n# want: %s\n' "$1" "$2" >&2
    fi
}
q() { psql -X -q -A -t "$@"; }

dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" > /dev/null || exit 1
cluster_env "$dir"

createdb before
q -d before <<'SQL' > /dev/null
CREATE EXTENSION pg_etl;
CREATE ROLE law_a;
CREATE TABLE orders (id int PRIMARY KEY, at timestamptz, status text);
INSERT INTO orders VALUES (1, '2024-01-01', 'paid'), (2, '2024-01-02', 'open');
CREATE TABLE chain (id int, part int) PARTITION BY LIST (part);
CREATE TABLE chain_1 PARTITION OF chain FOR VALUES IN (1);
INSERT INTO chain VALUES (1, 1);
SELECT etl.set_immutable('chain');
SET timezone = 'Asia/Kolkata';
SET datestyle = 'SQL, DMY';
SELECT etl.add_legal_hold('case 1', 'orders', 'at < ''02/01/2024''', 'File 1');
SELECT etl.add_legal_hold('case 2', 'orders', NULL, 'File 2');
CREATE TABLE shrunk (gone int, id int, at timestamptz);
ALTER TABLE shrunk DROP gone;
SELECT etl.add_legal_hold('case 3', 'shrunk', 'id = 1', 'File 3');
INSERT INTO shrunk VALUES (1, '2024-01-01'), (2, '2024-01-01');
SELECT etl.add_retention_policy('shrunk', 'at', '1 year', archive_to => 'shrunk_old', archive_keep => '90 years');
CALL etl.run_retention('shrunk');
CREATE TABLE dropped (id int, at timestamptz);
SELECT etl.add_retention_policy('shrunk', 'at', '1 year', name => 'x', archive_to => 'dropped');
SELECT etl.remove_retention_policy('x');
DROP TABLE dropped;
SELECT etl.release_legal_hold('case 2', 'settled');
SET ROLE law_a;
SELECT etl._audit('said', 'x', '{"é": 1.50}') FROM generate_series(1, 20);
SQL
look() {
    q -d "$1" -c 'SELECT * FROM etl.audit_log ORDER BY owner, seq' \
        -c "SELECT to_jsonb(h) - 'column_numbers' FROM etl.legal_hold AS h ORDER BY hold_id" \
        -c 'SELECT * FROM etl.verify_audit()' -c 'SELECT * FROM etl.immutable_tables ORDER BY 1' \
        -c "SELECT etl._held_condition('orders', 't'), etl._held_condition('shrunk', 't')" \
        -c 'SELECT relation, place, owner FROM etl.archive_owner WHERE etl._relation_name(relation) IS NOT NULL' \
        -c 'SELECT tiers FROM etl.policies' -c 'SELECT ok, found, expected FROM etl.verify_archive()'
}
look before > "$dir/before"
is "$(q -d before -c 'SELECT bool_and(is_whole), count(*) FROM etl.verify_audit()')" 't|2' 'two chains'
for format in plain custom backwards; do
    createdb "$format"
    case $format in
        plain)
            pg_dump -d before -f "$dir/dump.plain"
            q -v ON_ERROR_STOP=1 -d plain -f "$dir/dump.plain" > /dev/null 2> "$dir/restored"
            ;;
        custom)
            pg_dump -d before -F custom -f "$dir/dump.custom"
            pg_restore -d custom -j 2 "$dir/dump.custom" 2> "$dir/restored"
            ;;
        backwards) # an order in which pg_restore -j may read tables
            pg_restore -l "$dir/dump.custom" | grep ' TABLE DATA etl ' | tac > "$dir/reversed"
            pg_restore -l "$dir/dump.custom" | awk -v rows="$dir/reversed" '
                / TABLE DATA etl / { while ((getline line < rows) > 0) print line; next } { print }' > "$dir/list"
            pg_restore -d backwards -L "$dir/list" "$dir/dump.custom" 2> "$dir/restored"
            ;;
    esac
    is "$(cat "$dir/restored")" '' "a $format dump is restored without a word"
    is "$(look "$format" | diff "$dir/before" - | head -5)" '' 'log, holds and immutable tables are what they were'
    q -d "$format" -c "SELECT etl.release_legal_hold('case 1', 'over')" > /dev/null
    is "$(q -d "$format" -c 'SELECT bool_and(is_whole), max(rows) FROM etl.verify_audit()')" 't|20' 'the chain goes on'
    is "$(q -d "$format" -c 'DELETE FROM chain' 2>&1 | head -1)" \
        'ERROR:  table "public.chain_1" is immutable: DELETE is not allowed' 'what is immutable stays so'
    is "$(q -d "$format" -c 'DELETE FROM etl.audit_log' 2>&1 | head -1)" \
        'ERROR:  DELETE of table "etl.audit_log" is not allowed' 'and so does the log'
done
echo "1..$tests"
