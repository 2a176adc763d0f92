#!/usr/bin/env bash
# Feature views through crashes and a dump: an unlogged online table that a crash has emptied is answered for by the
# history and filled again by the next materialisation; a materialisation that is killed leaves both tables as they
# were, and the next one goes on; a restored database has the definitions, the tables, and serves.
#
#   KILLS=50 SEED=7 test/t/feature_views.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
kills=${KILLS:-6}
RANDOM=${SEED:-$$}
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" -o autovacuum=off
cluster_env "$dir"

number=0
is() { # is GOT WANTED WHAT
    number=$((number + 1))
    result "$number" "$3" "$([ "$1" = "$2" ] || echo "\"$1\" instead of \"$2\"")"
}

sql <<'SQL'
CREATE EXTENSION pg_etl;
CREATE TABLE sale (k int, x int, at timestamptz);
INSERT INTO sale SELECT i % 3000, i, '2026-01-01'::timestamptz + i * interval '1 second' FROM generate_series(1, 60000) AS i;
SELECT etl.create_feature_view('totals', ARRAY['k'],
    'SELECT k, sum(x) AS total, count(*) AS n FROM public.sale WHERE at <= $1 GROUP BY k', online => 'unlogged') \g /dev/null
CALL etl.materialize_features('totals', '2026-01-01 01:00');
SQL
before=$(sql -c 'SELECT count(*), sum(total) FROM totals')
is "${before%|*}" 3000 'there are features'

# The server is killed: the unlogged table comes back empty.
kill_server "$dir"
wait_for_server
is "$(sql -c 'SELECT count(*) FROM totals')" 0 'the crash has emptied the online table'
is "$(sql -c "SELECT etl.features_of('totals', 7)")" \
    '{"as_of": "2026-01-01T01:00:00+00:00", "found": true, "stale": false, "features": {"n": 2, "total": 3014}}' \
    'the history answers'
is "$(sql -c "SELECT etl.get_features(ARRAY['totals'], '{\"k\": 7}') #>> '{totals,features,total}'")" 3014 'in JSON too'
sql -c "CALL etl.materialize_features('totals', '2026-01-01 01:00')"
is "$(sql -c 'SELECT count(*), sum(total) FROM totals')" "$before" 'the next materialisation fills it'
is "$(sql -c 'SELECT count(*) FROM totals_history')" 3000 'and adds no state to the history'

# Killed while it works: never half of it, and the online table is what the history ends with.
broken="WITH latest AS MATERIALIZED (SELECT DISTINCT ON (k) * FROM totals_history ORDER BY k, as_of DESC, created_at DESC),
sums AS MATERIALIZED (SELECT k, sum(x) AS total, count(*) AS n FROM sale
                      WHERE at <= (SELECT max(as_of) FROM etl.feature_materialization) GROUP BY k)
SELECT 'the online table is not what the history ends with'
WHERE EXISTS (SELECT k, as_of, total, n FROM totals EXCEPT SELECT k, as_of, total, n FROM latest)
UNION ALL
SELECT 'the history does not end with the latest materialisation'
WHERE EXISTS (SELECT k, total, n FROM sums EXCEPT SELECT k, total, n FROM latest)
   OR EXISTS (SELECT k, total, n FROM latest EXCEPT SELECT k, total, n FROM sums)"
for ((i = 1; i <= kills; i++)); do
    victim=session
    [ $((i % 3)) -ne 0 ] || victim=server
    call_and_kill "$dir" "CALL etl.materialize_features('totals', '2026-01-01 0$((i % 9 + 2)):00')" "$victim" 150
    is "$(sql -c "$broken")" '' "kill -9 of the $victim: all of it or nothing"
done
sql -c "CALL etl.materialize_features('totals', '2026-01-02')"
is "$(sql -c "$broken")" '' 'the next one goes on'
is "$(sql -c "SELECT count(*) FROM etl.runs WHERE status = 'running'")" 0 'and closes the runs that were lost'
is "$(sql -c "SELECT count(*) FROM etl.feature_consistency('totals', 5000)" 2> /dev/null)" 0 'all states are what the query gives'

# A failure of a call on its own is recorded.
sql -c "SELECT etl.create_feature_view('broken', ARRAY['k'], 'SELECT k, 1 / x AS y FROM public.sale WHERE at <= \$1')" > /dev/null
sql -c 'INSERT INTO sale VALUES (1, 0, now())'
is "$(sql -c "CALL etl.materialize_features('broken')" 2>&1 | head -n 2 | tr '\n' ' ')" \
    'ERROR:  division by zero DETAIL:  The failed run is recorded in etl.runs. ' 'a query that fails'
is "$(sql -c "SELECT status, error FROM etl.runs WHERE name = 'broken'")" 'failed|division by zero' 'is recorded'
is "$(sql -c "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")" 0 'and no lock stays'

# A call that fails or is cancelled between its two transactions leaves nothing behind in the session.
sql <<'SQL2'
CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no commit'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON etl.run DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse_commit();
SQL2
is "$(psql -X -q -At -d postgres -c "CALL etl.materialize_features('totals', '2026-01-02')" \
    -c "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'" 2> /dev/null)" 0 'a commit that fails leaves no lock'
sql -c 'DROP TRIGGER refuse ON etl.run; DROP FUNCTION refuse_commit'

# A moment to come is not taken in silence.
sql -c "SELECT etl.create_feature_view('early', ARRAY['k'], 'SELECT 1 AS k, \$1 AS x')" > /dev/null
is "$(sql -c "CALL etl.materialize_features('early', '2999-01-01 00:00+00')" 2>&1 | head -n 1)" \
    'WARNING:  feature view "early" is materialised as of a moment to come, 2999-01-01 00:00:00+00' 'a moment to come'
sql -c "SELECT etl.drop_feature_view('early')" > /dev/null

# Dump and restore
definitions="SELECT name, version, entity, features, as_of, rows, online_table, sources, query FROM etl.feature_views ORDER BY 1"
createdb restored
pg_dump -d postgres -f "$dir/dump.sql"
is "$(sql -d restored -f "$dir/dump.sql" 2>&1 | grep -v '^[ 0-9]*$' || true)" '' 'the dump is restored without a word'
is "$(sql -d restored -c "$definitions")" "$(sql -c "$definitions")" 'the definitions are there'
is "$(sql -d restored -c "SELECT etl.features_of('totals', 7)")" "$(sql -c "SELECT etl.features_of('totals', 7)")" \
    'the features are served'
sql -d restored -c "CALL etl.materialize_features('totals', '2026-01-02')"
is "$(sql -d restored -c "$broken")" '' 'and materialised'
is "$(sql -d restored -c "SELECT etl.create_feature_view('new', ARRAY['k'], 'SELECT k, x FROM public.sale')" 2> /dev/null)" new \
    'numbers go on where they were'
echo "1..$number"
