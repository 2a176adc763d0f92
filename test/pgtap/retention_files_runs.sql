-- Runs of policies with files: how large a file gets, and what a dry run says of it.
SELECT plan(15);

SELECT current_setting('data_directory') || '/archive_' || current_database() AS directory \gset
SET pg_etl.archive_directory = :'directory';
COPY (SELECT WHERE false) TO PROGRAM
    'rm -rf "$PWD/archive_retention_files_runs" && mkdir "$PWD/archive_retention_files_runs"';
SET client_min_messages = error;
SET timezone = 'UTC';

CREATE FUNCTION filled(name text, rows int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %s (id bigint PRIMARY KEY, at timestamptz NOT NULL)', name);
    EXECUTE format('CREATE INDEX ON %s (at)', name);
    EXECUTE format('INSERT INTO %s SELECT n, ''2020-01-01''::timestamptz + n * interval ''1 day'' '
                   'FROM generate_series(1, %s) AS n', name, rows);
END
$$;
CREATE FUNCTION directory(name text) RETURNS text LANGUAGE sql AS $$
    SELECT 'file://' || current_setting('pg_etl.archive_directory') || '/' || name
$$;
CREATE FUNCTION last_run(of text) RETURNS TABLE (tier int, rows bigint, due bigint) LANGUAGE sql AS $$
    SELECT (a ->> 'tier')::int, (a ->> 'rows')::bigint, (a ->> 'due')::bigint
    FROM (SELECT * FROM etl.runs AS r WHERE r.name = of ORDER BY r.run_id DESC LIMIT 1) AS r
    CROSS JOIN jsonb_array_elements(r.detail -> 'actions') AS a
    ORDER BY 1
$$;

-- A transaction that deletes rows lasts about as long as pg_etl.retention_batch_time. ------------------------------------
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(0.01); RETURN old; END';
SELECT filled('slow', 100), filled('careful', 100) \g /dev/null
CREATE TRIGGER slowly AFTER DELETE ON slow FOR EACH ROW EXECUTE FUNCTION slowly();
CREATE TRIGGER slowly BEFORE DELETE ON careful FOR EACH ROW EXECUTE FUNCTION slowly();
SELECT etl.add_retention_policy(t, 'at', '1 day', archive_to => directory(t), batch_rows => 10)
FROM unnest('{slow,careful}'::text[]) AS t \g /dev/null
CALL etl.run_retention('slow');
CALL etl.run_retention('careful');
SELECT ok(count(*) > 2 AND max(rows) <= 50 AND sum(rows) = 100,
          format('files of table %s hold what is deleted in a quarter of a second', policy))
FROM etl.archives GROUP BY policy ORDER BY policy;

-- And it is bounded by the size of the rows.
CREATE TABLE wide (id int, at timestamptz, filler text);
CREATE INDEX ON wide (at);
ALTER TABLE wide ALTER filler SET STORAGE EXTERNAL;
INSERT INTO wide SELECT n, '2020-01-01'::timestamptz + n * interval '1 h', repeat('x', 1000000)
FROM generate_series(1, 80) AS n;
SELECT etl.add_retention_policy('wide', 'at', '1 day', archive_to => directory('wide')) \g /dev/null
CALL etl.run_retention('wide');
SELECT ok(max(rows) <= 40 AND sum(rows) = 80, 'a file holds some dozen of rows of a megabyte')
FROM etl.archives WHERE policy = 'wide';

-- Dry runs ---------------------------------------------------------------------------------------------------------------
SELECT filled('dry', 1000) \g /dev/null
SELECT etl.add_retention_policy('dry', 'at', '10 days', archive_to => directory('dry'), archive_keep => '1 year')
\g /dev/null
CALL etl.run_retention('dry', as_of => '2022-01-01', dry_run => true);
SELECT results_eq($$SELECT * FROM last_run('dry')$$, $$VALUES (1, 720::bigint, 720::bigint), (2, 365, 365)$$,
                  'a dry run counts what would go to files, and be deleted from them');
SELECT is((SELECT count(*) FROM etl._archive_list() AS l WHERE l.location LIKE '%/dry/%'), 0::bigint, 'leaves no file');
SELECT is((SELECT count(*) FROM dry), 1000::bigint, 'and all rows');
CALL etl.run_retention('dry', as_of => '2022-01-01');
SELECT results_eq($$SELECT * FROM last_run('dry')$$, $$VALUES (1, 720::bigint, 720::bigint), (2, 365, 365)$$,
                  'the run does just that: no file has rows of both sides');
SELECT results_eq($$SELECT status, rows FROM etl.archives WHERE policy = 'dry' AND action = 'archived' ORDER BY 1$$,
                  $$VALUES ('kept', 355::bigint), ('removed', 365)$$,
                  'so the rows that are due are deleted, and no other');
CALL etl.run_retention('dry', as_of => '2022-02-01', dry_run => true);
SELECT results_eq($$SELECT * FROM last_run('dry')$$, $$VALUES (1, 31::bigint, 31::bigint), (2, 0, 0)$$,
                  'files that are not due as a whole stay');
CREATE TABLE days (id int, day date);
CREATE INDEX ON days (day);
INSERT INTO days SELECT n, '2020-01-01'::date + n FROM generate_series(1, 60) AS n;
SELECT etl.add_retention_policy('days', 'day', '10 days', archive_to => directory('days'), archive_keep => '30 days',
                                batch_rows => 7) \g /dev/null
CALL etl.run_retention('days', as_of => '2020-03-01 12:00', dry_run => true);
CALL etl.run_retention('days', as_of => '2020-03-01 12:00');
SELECT results_eq($$SELECT * FROM last_run('days')$$, $$VALUES (1, 49::bigint, 49::bigint), (2, 29, 29)$$,
                  'with dates, too');

-- A directory that cannot be written -------------------------------------------------------------------------------------
SELECT filled('shut', 10) \g /dev/null
SELECT etl.add_retention_policy('shut', 'at', '10 days', archive_to => directory('shut')) \g /dev/null
COPY (SELECT WHERE false) TO PROGRAM 'ln -s /tmp "$PWD/archive_retention_files_runs/shut"';
\set ON_ERROR_STOP 0
CALL etl.run_retention('shut', dry_run => true);
SELECT is(:'SQLSTATE'::text, '42809', 'a dry run says that a directory cannot be written');
CALL etl.run_retention('shut');
SELECT is(:'SQLSTATE'::text, '42809', 'so does a run');
\set ON_ERROR_STOP 1
SELECT is_empty($$SELECT FROM etl.archives WHERE policy = 'shut'$$, 'which leaves nothing in the ledger');
COPY (SELECT WHERE false) TO PROGRAM 'rm "$PWD/archive_retention_files_runs/shut"';
CALL etl.run_retention('shut');
SELECT is((SELECT rows FROM etl.archives WHERE policy = 'shut' AND status = 'kept'), 10::bigint, 'nor in the way');
SELECT is((SELECT bool_and(v.ok) FROM etl.verify_archive() AS v), true, 'all is whole');

SELECT * FROM finish();
