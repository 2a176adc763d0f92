#!/usr/bin/env bash
# Kills the session that copies a table, or the whole server, at random moments, by each method. Each time the target
# holds what the mark says and no row twice; a last run makes it equal to the source.
#
#   KILLS=200 SEED=7 test/t/extract_table_kill.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/kill.sh"
kills=${KILLS:-12}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((seed % 32768))
dir=$(cluster_tmpdir)
trap 'cluster_stop "$dir"' EXIT
cluster_start "$dir" -o autovacuum=off
cluster_env "$dir"
echo "# SEED=$seed"

# Empty when all is well.
losses() {
    sql <<SQL
SELECT format('%s rows of %s are there twice', count(*) - count(DISTINCT id), 'once') FROM once
HAVING count(*) <> count(DISTINCT id)
UNION ALL
SELECT format('%s rows are appended, and %s lie below the mark %s', t.rows, s.rows, m.mark)
FROM (SELECT coalesce(max(s.cursor)::bigint, 0) FROM etl.extract_state AS s JOIN etl.extract USING (extract_id)
      WHERE name = 'once') AS m(mark),
     LATERAL (SELECT count(*) FROM once) AS t(rows), LATERAL (SELECT count(*) FROM sale WHERE id <= m.mark) AS s(rows)
WHERE t.rows <> s.rows
UNION ALL
SELECT format('run %s has %s rows and says %s', r.name, r.rows, r.detail) FROM etl.runs AS r
WHERE (r.detail ->> 'received')::bigint <> (r.detail ->> 'inserted')::bigint + (r.detail ->> 'updated')::bigint
                                           + (r.detail ->> 'unchanged')::bigint + (r.detail ->> 'ignored')::bigint
SQL
}

sql <<SQL
CREATE EXTENSION pg_etl;
CREATE TABLE sale (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text, at timestamptz DEFAULT now() NOT NULL);
CREATE INDEX ON sale (at);
CREATE TABLE once (LIKE sale);
CREATE TABLE by_time (LIKE sale INCLUDING INDEXES);
CREATE TABLE by_xmin (LIKE sale INCLUDING INDEXES);
SELECT etl.create_table_extract('once', 'sale', 'once', '{"column": "id"}', write_mode => 'append', batch_rows => 100),
       etl.create_table_extract('by_time', 'sale', 'by_time', '{"column": "at"}', deletes => true, batch_rows => 100),
       etl.create_table_extract('by_xmin', 'sale', 'by_xmin', method => 'xmin', deletes => true, batch_rows => 100) \gset
SQL
copies=(once by_time by_xmin)
echo "1..$((kills + 3))"
for ((n = 1; n <= kills; n++)); do
    sql -q <<SQL
INSERT INTO sale (note, at) SELECT md5(i::text), now() + i * interval '1 microsecond' FROM generate_series(1, 2000) AS i;
UPDATE sale SET note = note || '!', at = clock_timestamp() WHERE id % 97 = $n % 97 AND $n % 3 = 0;
SQL
    victim=session
    [ $((n % 4)) -ne 0 ] || victim=server
    copy=${copies[$((n % 3))]}
    call_and_kill "$dir" "CALL etl.run_extract('$copy')" "$victim" 900
    result "$n" "kill -9 of the $victim at $copy, $(sql -c "SELECT count(*) FROM $copy") rows are there" "$(losses)"
done

for n in 0 1 2; do
    copy=${copies[$n]}
    [ "$copy" = once ] || sql -c 'DELETE FROM once WHERE id % 50 = 0' -c 'DELETE FROM sale WHERE id % 50 = 0'
    sql -c "CALL etl.run_extract('$copy')" > "$dir/last"
    columns='id, note, at'
    [ "$copy" != once ] || columns='id'
    result $((kills + 1 + n)) "the next run of $copy goes on to the end" "$(losses)$(sql <<SQL
SELECT string_agg(d.id::text, ' ') FROM (SELECT $columns FROM sale EXCEPT ALL SELECT $columns FROM $copy) AS d
HAVING count(*) > 0
UNION ALL
SELECT format('%s rows more', count(*)) FROM $copy AS t
WHERE '$copy' <> 'once' AND NOT EXISTS (SELECT FROM sale AS s WHERE s.id = t.id) HAVING count(*) > 0
SQL
)"
done
