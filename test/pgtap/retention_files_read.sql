-- Archive files that are read under other settings than they were written under, after types were renamed, and beside
-- files that cannot be read. No transaction around the file, because etl.run_retention commits.
SELECT plan(25);
SET client_min_messages = error;
SELECT current_setting('data_directory') || '/archive_' || current_database() AS directory \gset
COPY (SELECT WHERE false) TO PROGRAM 'mkdir "$PWD/archive_retention_files_read"';
SET pg_etl.archive_directory = :'directory';

CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE FUNCTION pg_temp.make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %1$s (id int PRIMARY KEY, at timestamptz, price money, counts numeric[], how mood);'
                   'CREATE INDEX ON %1$s (at);'
                   'INSERT INTO %1$s SELECT n, ''2024-01-01''::timestamptz + n * interval ''1 hour'', n::money,'
                   ' ARRAY[n, NULL], ''sad'' FROM generate_series(1, 9) AS n', name);
    PERFORM etl.add_retention_policy(name::regclass, 'at', '1 day', archive_keep => '70 years',
                                     archive_to => 'file://' || current_setting('pg_etl.archive_directory'));
END
$$;
CREATE FUNCTION pg_temp.archive_of(policy text) RETURNS bigint LANGUAGE sql AS $$
    SELECT a.archive_id FROM etl.archives AS a
    WHERE a.policy = archive_of.policy AND a.status = 'kept' AND a.action = 'archived'
$$;
-- What verifying says of the files, each as policy: problem.
CREATE FUNCTION pg_temp.problems() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s: %s', a.policy, coalesce(v.problem, 'none')), '; ' ORDER BY a.policy)
    FROM etl.verify_archive() AS v JOIN etl.archives AS a ON a.archive_id = v.archive
$$;

-- Settings ------------------------------------------------------------------------------------------------------------

SELECT pg_temp.make('plain'), pg_temp.make('quoted') \g /dev/null
CREATE TABLE expected AS SELECT * FROM plain;
CALL etl.run_retention('plain', '2026-01-01');
SET quote_all_identifiers = on;
SET array_nulls = off;
CALL etl.run_retention('quoted', '2026-01-01');
SELECT is((SELECT columns::text FROM etl.archive WHERE policy = 'quoted'),
          (SELECT columns::text FROM etl.archive WHERE policy = 'plain'),
          'types are noted by the same names when all identifiers are quoted');
SELECT is(pg_temp.problems(), 'plain: none; quoted: none', 'files are read under such settings');
SELECT etl.create_history_view('plain') \g /dev/null
SELECT results_eq('SELECT id, counts::text FROM plain_history ORDER BY id', 'SELECT id, counts::text FROM expected',
                  'NULL in an array stays NULL in a history view');
SELECT is((SELECT rows FROM etl.restore_archive(pg_temp.archive_of('plain'))), 9::bigint,
          'a file that was written without comes back with these settings');
RESET quote_all_identifiers;
RESET array_nulls;
SELECT is((SELECT rows FROM etl.restore_archive(pg_temp.archive_of('quoted'))), 9::bigint, 'and the other way round');
SELECT results_eq('TABLE plain', 'TABLE expected', 'value for value');
SELECT results_eq('TABLE quoted', 'TABLE expected', 'both');

-- Types that were renamed ----------------------------------------------------------------------------------------------

CALL etl.run_retention('plain', '2026-01-01');
CREATE FUNCTION pg_temp.said(archive bigint, what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    PERFORM etl.restore_archive(archive);
    RETURN 'nothing';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN CASE what WHEN 'detail' THEN detail WHEN 'hint' THEN hint ELSE SQLSTATE || ' ' || SQLERRM END;
END
$$;
ALTER TYPE mood RENAME TO feeling;
SELECT is(pg_temp.said(pg_temp.archive_of('plain'), 'message'), '42804 column "how" is of type public.mood in the '
          'archived rows and of type public.feeling in table "public.plain"', 'a type that was renamed is told of');
SELECT is(pg_temp.said(pg_temp.archive_of('plain'), 'detail'),
          'There is no type public.mood any more: it was renamed or dropped.', 'and why it is none');
SELECT alike(pg_temp.said(pg_temp.archive_of('plain'), 'hint'), 'ALTER TYPE % RENAME TO % gives a type that was '
             'renamed its old name back, until the rows are restored;%', 'and what helps');
SELECT is(pg_temp.problems(), 'plain: Type "public.mood" does not exist. What was renamed since, a type or a label of '
          'it, has to get its old name back first.', 'verifying says the same');
ALTER TYPE feeling RENAME TO mood;
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
SELECT is(pg_temp.problems(), 'plain: Invalid input value for enum public.mood: "sad". What was renamed since, a type '
          'or a label of it, has to get its old name back first.', 'so it does of a label');
SELECT alike(pg_temp.said(pg_temp.archive_of('plain'), 'detail'), '%"sad". What was renamed since, %',
             'and a restore as well');
SELECT is((SELECT count(*) FROM plain), 0::bigint, 'nothing was restored');
ALTER TYPE mood RENAME VALUE 'blue' TO 'sad';
SELECT is(pg_temp.problems(), 'plain: none', 'under the old name the file is whole');
BEGIN;
SELECT is((SELECT rows FROM etl.restore_archive(pg_temp.archive_of('plain'))), 9::bigint, 'and comes back');
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
SELECT is((SELECT count(*) FROM plain WHERE how = 'blue'), 9::bigint, 'to be renamed after it');
ROLLBACK;
DROP VIEW plain_history;
ALTER TABLE plain ALTER COLUMN how TYPE text;
SELECT is(pg_temp.said(pg_temp.archive_of('plain'), 'hint'),
          'Restore into another table, whose column how is of type public.mood, and copy from there.',
          'a column whose type was changed');
CREATE TABLE copied (LIKE expected);
SELECT is((SELECT rows FROM etl.restore_archive(pg_temp.archive_of('plain'), 'copied')), 9::bigint,
          'is restored as that says');
ALTER TABLE plain ALTER COLUMN how TYPE mood USING how::mood;

-- One file that cannot be read ------------------------------------------------------------------------------------------

CALL etl.run_retention('quoted', '2026-01-01');
COPY (SELECT WHERE false) TO PROGRAM 'chmod 000 "$PWD"/archive_retention_files_read/plain-*';
SELECT is((SELECT substr(problem, 1, 31) || substring(problem FROM ':.*')
           FROM etl.verify_archive(pg_temp.archive_of('plain'))),
          'Could not open the archive file: Permission denied.', 'a file that may not be read is a problem');
SELECT results_eq('SELECT ok FROM etl.verify_archive() ORDER BY archive DESC', '{t,f}'::bool[],
                  'and does not hide the others');
SELECT alike(pg_temp.said(pg_temp.archive_of('plain'), 'message'), '42501 could not open the archive file %',
             'a restore says what is wrong');
COPY (SELECT WHERE false) TO PROGRAM 'chmod 600 "$PWD"/archive_retention_files_read/plain-*';
SELECT is(pg_temp.problems(), 'plain: none; quoted: none', 'which can be put right');
CREATE ROLE no_reader;
GRANT ALL ON ALL TABLES IN SCHEMA public TO no_reader;
UPDATE etl.archive SET owner = 'no_reader' WHERE policy = 'plain';
SET ROLE no_reader;
SELECT throws_ok('SELECT * FROM etl.verify_archive()', '42501', 'role "no_reader" may not read archive files',
                 'a role without the right to files is refused');
RESET ROLE;
SELECT is((SELECT count(*) FROM etl.verify_archive()), 2::bigint, 'whoever has it sees all');
SELECT * FROM finish();
