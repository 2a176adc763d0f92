-- Which files a policy may remove: those of its own table in the directory of its own tier, by its own time column.
-- Neither the name of a policy nor the number of a tier says so, as both are given anew.
SELECT plan(21);

SELECT current_setting('data_directory') || '/archive_' || current_database() AS directory \gset
SET pg_etl.archive_directory = :'directory';
COPY (SELECT WHERE false) TO PROGRAM
    'rm -rf "$PWD/archive_retention_files_keys" && mkdir "$PWD/archive_retention_files_keys"';
SET client_min_messages = warning;

CREATE FUNCTION filled(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %s (id bigint PRIMARY KEY, at timestamptz NOT NULL)', name);
    EXECUTE format('CREATE INDEX ON %s (at)', name);
    EXECUTE format('INSERT INTO %s SELECT n, ''2020-01-01 00:00+00''::timestamptz + n * interval ''1 s'' '
                   'FROM generate_series(1, 100) AS n', name);
END
$$;
CREATE FUNCTION directory(name text) RETURNS text LANGUAGE sql AS $$
    SELECT 'file://' || current_setting('pg_etl.archive_directory') || '/' || name
$$;
CREATE FUNCTION files(of text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT a.status, ', ' ORDER BY a.status) FROM etl.archive AS a
    WHERE a.relation = 'public.' || of AND a.action = 'archived'
$$;

-- Two policies, each with files of its own ----------------------------------------------------------------------------
SELECT filled('a'), filled('b') \g /dev/null
SELECT etl.add_retention_policy('a', 'at', '10 days', archive_to => directory('a'), archive_keep => '70 years'),
       etl.add_retention_policy('b', 'at', '10 days', archive_to => directory('a'), archive_keep => '1 year')
\g /dev/null
CALL etl.run_retention('a');
SELECT etl.add_legal_hold('h', 'a', NULL, 'r') \g /dev/null
CALL etl.run_retention('b', dry_run => true);
SELECT is(sum((a ->> 'due')::bigint), 100::numeric, 'a dry run counts no file of another policy')
FROM etl.runs AS r CROSS JOIN jsonb_array_elements(r.detail -> 'actions') AS a
WHERE r.name = 'b' AND a ->> 'tier' = '2';
CALL etl.run_retention('b');
SELECT is(files('a'), 'kept', 'a run removes no file of another policy, in the same directory');
SELECT is(files('b'), 'removed', 'it removes those of its own');
SELECT is((SELECT count(*) FROM etl.archive AS a WHERE a.action = 'deleted' AND a.policy = 'b'), 1::bigint,
          'which the ledger has once');
SELECT ok(v.ok, 'the file of the other one is as it was')
FROM etl.verify_archive() AS v WHERE v.location LIKE '%/a/a-%';

-- A name that is given to a policy of another table --------------------------------------------------------------------
SELECT filled('logs') \g /dev/null
CREATE SCHEMA other;
SELECT filled('other.logs') \g /dev/null
SELECT etl.add_retention_policy('logs', 'at', '10 days', archive_to => directory('logs'), archive_keep => '70 years')
\g /dev/null
CALL etl.run_retention('logs');
SELECT etl.remove_retention_policy('logs') \g /dev/null
SELECT etl.add_retention_policy('other.logs', 'at', '10 days', archive_to => directory('logs'),
                                archive_keep => '1 year') \g /dev/null
CALL etl.run_retention('logs');
SELECT is(files('logs'), 'kept', 'the files of the table that had the name before stay');
SELECT is((SELECT string_agg(DISTINCT a.status, ',') FROM etl.archive AS a
           WHERE a.relation = 'other.logs' AND a.action = 'archived'), 'removed', 'those of the table that has it go');

-- Tiers that are removed and added -------------------------------------------------------------------------------------
SELECT filled('t') \g /dev/null
SELECT etl.add_retention_policy('t', 'at', '10 days', archive_to => 't_old'),
       etl.add_tier('t', '30 days', directory('t_a')), etl.add_tier('t', '70 years', NULL) \g /dev/null
CALL etl.run_retention('t');
SELECT etl.remove_tier('t', 2), etl.add_tier('t', '100 days', directory('t_b')),
       etl.alter_retention_policy('t', archive_keep => '1 year') \g /dev/null
CALL etl.run_retention('t');
SELECT is(files('t'), 'kept', 'the policy takes nothing from the directory of a tier that was removed');

SELECT filled('m') \g /dev/null
SELECT etl.add_retention_policy('m', 'at', '30 days', archive_to => directory('m'), archive_keep => '70 years')
\g /dev/null
CALL etl.run_retention('m');
SELECT etl.add_tier('m', '10 days', 'm_mid'), etl.alter_retention_policy('m', archive_keep => '1 year') \g /dev/null
CALL etl.run_retention('m');
SELECT is(files('m'), 'removed', 'files of a tier that has another number now are removed when they are due');

-- Dates ----------------------------------------------------------------------------------------------------------------
CREATE TABLE days (id int PRIMARY KEY, day date NOT NULL);
CREATE INDEX ON days (day);
INSERT INTO days VALUES (1, '2025-05-31');
SELECT etl.add_retention_policy('days', 'day', '1 day', archive_to => directory('days'), archive_keep => '10 days')
\g /dev/null
CALL etl.run_retention('days', as_of => '2025-06-10 23:59:59+00');
SELECT is(files('days'), 'kept', 'a file of dates stays until its last day is over');
CALL etl.run_retention('days', as_of => '2025-06-11 00:00+00');
SELECT is(files('days'), 'removed', 'and goes with the moment at which it is');

-- Another time column --------------------------------------------------------------------------------------------------
CREATE TABLE ev (id int PRIMARY KEY, created timestamptz, upd date);
CREATE INDEX ON ev (created);
CREATE INDEX ON ev (upd);
INSERT INTO ev SELECT n, '2020-01-01', '2025-01-01'::date + n FROM generate_series(1, 20) AS n;
SELECT etl.add_retention_policy('ev', 'created', '10 days', archive_to => directory('ev'), archive_keep => '70 years')
\g /dev/null
CALL etl.run_retention('ev', as_of => '2025-03-01 00:00+00');
SELECT etl.alter_retention_policy('ev', time_column => 'upd', archive_keep => '1 year') \g /dev/null
SELECT results_eq($$SELECT time_column, first_time AT TIME ZONE 'UTC', last_time AT TIME ZONE 'UTC' FROM etl.archive
                    WHERE policy = 'ev'$$,
                  $$VALUES ('upd'::name, '2025-01-02'::timestamp, '2025-01-21'::timestamp)$$,
                  'files are told by the new time column');
CALL etl.run_retention('ev', as_of => '2026-01-21 00:00+00');
SELECT is(files('ev'), 'kept', 'and stay as long as that says');
SELECT etl.remove_retention_policy('ev'),
       etl.add_retention_policy('ev', 'created', '10 days', archive_to => directory('ev'), archive_keep => '6 years')
\g /dev/null
SELECT is((SELECT last_time FROM etl.archive WHERE policy = 'ev'), '2020-01-01'::timestamptz,
          'so they are for a new policy of the same name and table');
ALTER TABLE ev ADD late timestamptz;
CREATE INDEX ON ev (late);
INSERT INTO ev VALUES (30, '2020-01-01', '2025-01-01', '2025-01-01'), (31, '2020-01-01', '2025-01-01', NULL);
CALL etl.run_retention('ev', as_of => '2025-03-01 00:00+00');
SELECT etl.alter_retention_policy('ev', time_column => 'late') \g /dev/null
CALL etl.run_retention('ev', as_of => '2100-01-01');
SELECT is(files('ev'), 'kept', 'rows that have no time by it are never due');
SELECT is((SELECT sum(r.rows) FROM etl.archive AS a, etl.restore_archive(a.archive_id) AS r WHERE a.policy = 'ev'),
          22::numeric, 'and can be restored, file by file');

-- Files of another database --------------------------------------------------------------------------------------------
-- A directory may be that of several databases, whose numbers of archives are the same: this one starts anew with them.
SELECT filled('twin') \g /dev/null
SELECT etl.add_retention_policy('twin', 'at', '30 days', archive_to => directory('twin')) \g /dev/null
CALL etl.run_retention('twin');
BEGIN;
SELECT setval('etl.archive_archive_id_seq', (SELECT a.archive_id FROM etl.archive AS a WHERE a.policy = 'twin'), false),
       (SELECT a.location FROM etl.archive AS a WHERE a.policy = 'twin') AS file \gset
DELETE FROM etl.archive WHERE policy = 'twin';
COMMIT;
INSERT INTO twin SELECT n, '2020-01-01' FROM generate_series(1, 100) AS n;
CALL etl.run_retention('twin');
SELECT is((SELECT count(*) FROM etl._archive_list() AS l WHERE l.location LIKE directory('twin') || '/%'), 2::bigint,
          'the files of two databases with the same names and numbers lie in one directory');
SELECT isnt((SELECT a.location FROM etl.archive AS a WHERE a.policy = 'twin'), :'file', 'under different names');

-- A restore that is not committed -------------------------------------------------------------------------------------
SELECT filled('back') \g /dev/null
SELECT etl.add_retention_policy('back', 'at', '30 days', archive_to => directory('back')) \g /dev/null
CALL etl.run_retention('back');
SELECT a.archive_id AS back FROM etl.archive AS a WHERE a.policy = 'back' \gset
BEGIN;
SELECT count(*) FROM etl.restore_archive(:back) \g /dev/null
SELECT throws_ok(format('SELECT etl.remove_orphan(%s)', :back), '55000', format('archive %s is no orphan', :back),
                 'a file whose rows are restored by this transaction is not removed');
ROLLBACK;
SELECT ok(v.ok, 'so nothing is lost when that is rolled back') FROM etl.verify_archive(:back) AS v;
SELECT count(*) FROM etl.restore_archive(:back) \g /dev/null
SELECT ok(etl.remove_orphan(:back), 'once the restore is committed it is');
