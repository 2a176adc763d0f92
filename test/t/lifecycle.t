#!/usr/bin/env bash
# The extension's life in a database: what a dump carries over, what DROP EXTENSION leaves, and whether the reference
# in docs/ is what the installed objects say.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/cluster.sh"

dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir"
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

# The example without pg_cron, which lives in one database of a server only.
createdb before
q -d before -c 'CREATE EXTENSION pg_etl'
for file in schema data pipeline; do
    q -d before -v rows=2000 -v seed=7 -v as_of='2026-01-01 00:00:00+00' -f "$top/docs/examples/ticketing/$file.sql" \
        > "$dir/$file.out"
done
q -d before -c "CALL etl.run_pipeline('nightly', '2026-01-01 00:00:00+00')" > "$dir/run.out"
q -d before -c 'CREATE TABLE visits (at date) PARTITION BY RANGE (at)' \
    -c "SELECT etl.add_partition_policy('visits', '1 month', 1)" > "$dir/partitions.out"
q -d before -c "SELECT etl.first_seen('a', '2025-01-01', '1 day', 'clicks')" > "$dir/seen.out"
server="CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'https://api.example.com')"
q -d before -c "$server" -c 'CREATE TABLE seen_visits (at date PRIMARY KEY)' \
    -c "SELECT etl.create_extract('visits', 'api', '/visits', 'seen_visits', key_columns => '{at}')" \
    -c "SELECT etl.create_extract('a visit', 'api', '/visits/{at}', parent => 'visits')" \
    -c "SELECT etl.create_ingest('clicks', 'visits')" \
    -c "SELECT etl.create_table_extract('copied', 'visits', 'seen_visits', method => 'full')" > "$dir/extracts.out"

# All that a user has configured, and what has happened so far.
configuration() {
    q -d "$1" <<'SQL'
SELECT s FROM etl.suites AS s ORDER BY 1;
SELECT e FROM etl.extracts AS e ORDER BY e.extract;
SELECT e FROM etl.expectations AS e ORDER BY 1;
SELECT p FROM etl.policies AS p ORDER BY p.policy;
SELECT p FROM etl.partition_policies AS p ORDER BY p.policy;
SELECT l FROM etl.audit_log AS l ORDER BY l.owner, l.seq;
SELECT p.pipeline, p.steps FROM etl.pipelines AS p ORDER BY 1;
SELECT s FROM etl.step AS s ORDER BY 1;
SELECT r.run_id, r.kind, r.name, r.as_of, r.status, r.rows, r.detail FROM etl.runs AS r ORDER BY 1;
SELECT s FROM etl.step_run AS s ORDER BY 1;
SELECT count(*), md5(string_agg(q::text, ' ' ORDER BY q.quarantine_id)) FROM etl.quarantined_rows AS q;
SELECT s FROM etl.first_seen_scopes AS s ORDER BY 1;
SELECT k FROM etl.seen_key AS k ORDER BY 1;
SELECT r FROM etl.dedupe_runs AS r ORDER BY r.run_id;
SELECT count(*), md5(string_agg(d::text, ' ' ORDER BY d.run, d."row")) FROM etl.removed_duplicates AS d;
SQL
}
configuration before > "$dir/configuration"
is "$(grep -c . "$dir/configuration" | awk '{print ($1 > 25)}')" 1 'there is something to dump'

createdb after
pg_dump -d before -f "$dir/dump.sql"
is "$(q -d after -f "$dir/dump.sql" 2>&1 | grep -v '^[ 0-9]*$' || true)" '' 'the dump is restored without a word'
is "$(configuration after)" "$(cat "$dir/configuration")" \
    'suites, policies, pipelines, runs, quarantined rows, keys that were seen and removed duplicates are there'
# The same, as one document: read, and applied where there is nothing but tables and functions.
q -d before -c 'SELECT etl.export_config()' > "$dir/config.json"
is "$(q -d after -c 'SELECT etl.export_config()')" "$(cat "$dir/config.json")" 'so does the exported configuration say'
createdb made
q -d made -c 'CREATE EXTENSION pg_etl' -c "$server" -c 'CREATE TABLE visits (at date) PARTITION BY RANGE (at)' \
    -c 'CREATE TABLE seen_visits (at date PRIMARY KEY)' > "$dir/made.out"
q -d made -f "$top/docs/examples/ticketing/schema.sql" >> "$dir/made.out"
q -d before -c "SELECT pg_get_functiondef(p.oid) || ';' FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace" |
    q -d made
apply="SELECT count(*) FROM etl.apply_config(:'config', prune => true)"
is "$(q -d made -v config="$(cat "$dir/config.json")" 2> "$dir/notices" <<< "$apply" | awk '{print ($1 > 10)}')" 1 \
    'the configuration of the example is applied elsewhere'
is "$(q -d made -c 'SELECT etl.export_config()')" "$(cat "$dir/config.json")" 'where it is the same then'
is "$(q -d made -v config="$(cat "$dir/config.json")" <<< "$apply")" 0 'and applied again does nothing'
is "$(q -d after -c "SELECT etl.quarantine('transactions_raw', 'transactions')" 2> "$dir/notices")" 0 'and work'
is "$(q -d after -c "CALL etl.create_partitions('visits', '2026-01-31')" -c "SELECT count(*) FROM pg_inherits WHERE inhparent = 'visits'::regclass" 2> "$dir/notices")" \
    2 'and partitions are created'
is "$(q -d after -c "INSERT INTO etl.run (kind, name, as_of) VALUES ('refresh', 'x', now()) RETURNING run_id > (SELECT max(run_id) FROM etl.runs)")" \
    t 'numbers go on where they were'
is "$(q -d after -c "SELECT etl.first_seen('a', '2025-01-01', '1 day', 'clicks'), etl.first_seen('a', '2025-01-01', '1 day', 'new')")" \
    'f|t' 'a key that was seen is known, and a new scope gets a number of its own'
is "$(q -d after -c "SELECT sum(u.put_back) = sum(r.removed) AND sum(r.removed) > 0 FROM etl.dedupe_runs AS r, etl.undo_dedupe(r.run_id) AS u")" \
    t 'removed duplicates can be put back'

user_tables="SELECT count(*), sum((xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', n.nspname, c.relname), false, true, '')))[1]::text::bigint) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r'"
before=$(q -d after -c "$user_tables")
# The example's own functions call the extension; they go first.
q -d after -c 'DROP EXTENSION pg_etl CASCADE' 2> "$dir/dropped"
is "$(q -d after -c "SELECT count(*) FROM pg_namespace WHERE nspname = 'etl'")" 0 'DROP EXTENSION leaves no schema etl'
is "$(q -d after -c "SELECT count(*) FROM pg_proc WHERE probin LIKE '%pg_etl%'")" 0 'nor a function of the library'
is "$(q -d after -c "$user_tables")" "$before" 'and all tables of the user with their rows'
q -d after -c 'CREATE EXTENSION pg_etl'
is "$(q -d after -c 'SELECT etl.version() = (SELECT extversion FROM pg_extension WHERE extname = $$pg_etl$$)')" t \
    'it can be created again, and the library is of its version'

# Where pg_cron is: its jobs would call what is gone.
if [ -e "$("${PG_CONFIG:-pg_config}" --pkglibdir)/pg_cron.so" ]; then
    q <<'SQL' > "$dir/cron.out"
CREATE EXTENSION pg_cron;
CREATE EXTENSION pg_etl;
SELECT etl.create_pipeline('nightly');
SELECT etl.add_step('nightly', 'one', 'SELECT 1');
SELECT etl.schedule_pipeline('nightly');
SELECT cron.schedule('mine', '0 0 1 1 *', 'SELECT 1');
SQL
    is "$(q -c 'BEGIN' -c 'DROP EXTENSION pg_etl' -c 'ROLLBACK' -c 'SELECT count(*) FROM cron.job')" 2 \
        'a DROP EXTENSION that is rolled back changes nothing'
    q -c 'DROP EXTENSION pg_etl'
    is "$(q -c 'SELECT jobname FROM cron.job')" mine 'DROP EXTENSION takes its jobs out of pg_cron, and no others'
fi

is "$(q -d after -f "$top/docs/reference.sql")" "$(cat "$top/docs/reference.md")" \
    'docs/reference.md is up to date (make reference writes it)'
echo "1..$number"
