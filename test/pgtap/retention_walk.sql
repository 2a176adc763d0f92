-- How a run comes to the end of its walk where rows stay behind, and a dry run where each batch is rolled back. No
-- transaction around the file, because etl.run_retention commits.
SELECT plan(10);
SET client_min_messages = error;
SET timezone = 'UTC';
SET pg_etl.retention_batch_time = 0;

CREATE FUNCTION pg_temp.last_run(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', k, coalesce(r.detail ->> k, 'none')), ', ' ORDER BY n)
    FROM (SELECT * FROM etl.runs WHERE kind = 'retention' ORDER BY run_id DESC LIMIT 1) AS r,
         unnest(keys) WITH ORDINALITY AS u(k, n)
$$;

-- More rows of one time than a batch takes, of which the first ones cannot go ----------------------------------------

CREATE TABLE days (id int PRIMARY KEY, day date NOT NULL);
CREATE INDEX ON days (day);
INSERT INTO days SELECT n, '2025-01-01'::date + n / 40 FROM generate_series(1, 50) AS n;
CREATE TABLE notes (id int PRIMARY KEY, day int NOT NULL REFERENCES days);
CREATE INDEX ON notes (day);
INSERT INTO notes SELECT n, n FROM generate_series(1, 20) AS n;
SELECT etl.add_legal_hold('notes', 'notes', 'id <= 12', 'a test') \g /dev/null
SELECT etl.add_retention_policy('days', 'day', '1 day', archive_to => 'days_old', batch_rows => 5,
                                follow_references => true, max_runtime => '5 s') \g /dev/null
CALL etl.run_retention('days', '2026-01-01', dry_run => true);
SELECT is(pg_temp.last_run('stopped', 'deleted_from_hot'), 'stopped none, deleted_from_hot 38',
          'a dry run comes to its end');
CALL etl.run_retention('days', '2026-01-01');
SELECT is(pg_temp.last_run('stopped', 'deleted_from_hot', 'remaining'),
          'stopped none, deleted_from_hot 38, remaining 12', 'so does a run');
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM days), '1,2,3,4,5,6,7,8,9,10,11,12',
          'which leaves what held rows refer to, and takes all the rest');
SELECT is((SELECT count(*) FROM days_old) + (SELECT count(*) FROM days), 50::bigint, 'each row is in one place');
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM notes_archive), '13,14,15,16,17,18,19,20',
          'and so are the rows that refer to them');
CALL etl.run_retention('days', '2026-01-01');
SELECT is(pg_temp.last_run('stopped', 'deleted_from_hot'), 'stopped none, deleted_from_hot 0',
          'another run finds nothing to do, and ends');
SELECT etl.release_legal_hold('notes', 'the test is over') \g /dev/null
CALL etl.run_retention('days', '2026-01-01');
SELECT is((SELECT count(*) FROM days_old), 50::bigint, 'until they may go');
SELECT etl.remove_retention_policy('days') \g /dev/null

-- A dry run of a policy that evolves ----------------------------------------------------------------------------------

CREATE TABLE grown (id int PRIMARY KEY, at timestamptz NOT NULL);
CREATE INDEX ON grown (at);
INSERT INTO grown SELECT n, '2025-01-01'::timestamptz + n * interval '1 hour' FROM generate_series(1, 30) AS n;
SELECT etl.add_retention_policy('grown', 'at', '1 day', archive_to => 'grown_old', batch_rows => 5,
                                evolve => true) \g /dev/null
ALTER TABLE grown ADD note text DEFAULT 'new';
CALL etl.run_retention('grown', '2026-01-01', dry_run => true);
SELECT is(pg_temp.last_run('deleted_from_hot', 'batches'), 'deleted_from_hot 30, batches 6',
          'adds the new column to the archive in each batch');
SELECT hasnt_column('public', 'grown_old', 'note', 'and leaves the archive as it was');
CALL etl.run_retention('grown', '2026-01-01');
SELECT is((SELECT count(*) FROM grown_old WHERE note = 'new'), 30::bigint, 'what the run does once');

SELECT * FROM finish();
