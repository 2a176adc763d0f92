-- Rows are told apart where names are the same: tables that are called as an alias of the extension's queries, policies
-- that get the name of one before, and tables whose rows go along with those of another.
SELECT plan(19);
SET client_min_messages = error;

-- Tables with the names of aliases --------------------------------------------------------------------------------------
CREATE TABLE referring (id int PRIMARY KEY, at timestamptz);
CREATE TABLE kid (id int PRIMARY KEY, ref int REFERENCES referring ON DELETE CASCADE);
INSERT INTO referring SELECT n, '2020-01-01' FROM generate_series(1, 10) AS n;
INSERT INTO kid SELECT n, n FROM generate_series(1, 9) AS n;
SELECT etl.add_retention_policy('referring', 'at', '1 year', archive_to => 'referring_old') \g /dev/null
CALL etl.run_retention('referring');
SELECT is((SELECT count(*) FROM kid), 9::bigint, 'rows that refer to a table called "referring" stay');
SELECT is((SELECT array_agg(id) FROM referring_old), '{10}', 'and what they refer to');
CREATE TABLE "referring_" (id int PRIMARY KEY, up int REFERENCES "referring_");
INSERT INTO "referring_" VALUES (1, NULL), (2, 1);
SELECT is((SELECT etl._referenced_condition('"referring_"', 'referring')) LIKE '%AS referring\_ WHERE referring.id %',
          true, 'whatever the alias is');

CREATE TABLE etl_target (id int PRIMARY KEY, at timestamptz, v text);
INSERT INTO etl_target SELECT n, '2020-01-01', 'old' FROM generate_series(1, 3) AS n;
SELECT etl.add_retention_policy('etl_target', 'at', '1 year', archive_to => 'etl_target_old') \g /dev/null
CALL etl.run_retention('etl_target');
INSERT INTO etl_target VALUES (3, now(), 'new');
SELECT etl.add_legal_hold('h', 'etl_target', 'id = 77', 'r') \g /dev/null
SELECT results_eq($$SELECT rows, skipped FROM etl.restore_archive('etl_target', '2020-01-01', '2020-02-01',
                                                                 dry_run => true, on_conflict => 'skip')$$,
                  $$VALUES (2::bigint, 1::bigint)$$, 'rows of a table called "etl_target" are restored');
SELECT results_eq($$SELECT rows, updated FROM etl.restore_archive('etl_target', '2020-01-01', '2020-02-01',
                                                                 on_conflict => 'update')$$,
                  $$VALUES (3::bigint, 1::bigint)$$, 'and replaced there');

-- A policy that gets the name of one before ------------------------------------------------------------------------------
CREATE TABLE x (id int, at timestamptz);
CREATE TABLE y (id int, at timestamptz);
INSERT INTO x SELECT n, '2020-01-01' FROM generate_series(1, 10) AS n;
INSERT INTO y SELECT n, '2020-01-01' FROM generate_series(1, 3) AS n;
SELECT etl.add_retention_policy('x', 'at', '1 year', name => 'p', archive_to => 'x_old') \g /dev/null
CALL etl.run_retention('p');
SELECT etl.remove_retention_policy('p') \g /dev/null
SELECT results_eq($$SELECT source, target, rows
                    FROM etl.restore_archive('p', NULL::timestamptz, NULL, dry_run => true)$$,
                  $$VALUES ('public.x_old', 'public.x', 10::bigint)$$,
                  'what a removed policy has archived can be restored');
SELECT etl.add_retention_policy('y', 'at', '1 year', name => 'p', archive_to => 'y_old') \g /dev/null
SELECT is_empty($$SELECT FROM etl.restore_archive('p', NULL::timestamptz, NULL)$$,
                'but not by a policy of another table with its name');
CALL etl.run_retention('p');
SELECT etl.create_history_view('p') \g /dev/null
SELECT is((SELECT count(*) FROM y_history), 3::bigint, 'whose history has none of it');
SELECT results_eq($$SELECT source, target, rows FROM etl.restore_archive('p', NULL::timestamptz, NULL)$$,
                  $$VALUES ('public.y_old', 'public.y', 3::bigint)$$, 'and which restores its own rows');
SELECT is((SELECT count(*) FROM x), 0::bigint, 'only');

-- The same with files
SELECT current_setting('data_directory') || '/archive_' || current_database() AS directory \gset
SET pg_etl.archive_directory = :'directory';
COPY (SELECT WHERE false) TO PROGRAM
    'rm -rf "$PWD/archive_retention_same_names" && mkdir "$PWD/archive_retention_same_names"';
CREATE TABLE fx (id int, at timestamptz);
CREATE TABLE fy (id int, at timestamptz);
INSERT INTO fx SELECT n, '2020-01-01' FROM generate_series(1, 10) AS n;
INSERT INTO fy SELECT n, '2020-01-01' FROM generate_series(1, 3) AS n;
SELECT etl.add_retention_policy('fx', 'at', '1 year', name => 'f', archive_to => 'file://' || :'directory' || '/f')
\g /dev/null
CALL etl.run_retention('f');
SELECT etl.remove_retention_policy('f'),
       etl.add_retention_policy('fy', 'at', '1 year', name => 'f', archive_to => 'file://' || :'directory' || '/f')
\g /dev/null
CALL etl.run_retention('f');
SELECT etl.create_history_view('f') \g /dev/null
SELECT is((SELECT count(*) FROM fy_history), 3::bigint, 'nor has it rows of the other table from files');
SELECT results_eq($$SELECT target, rows FROM etl.restore_archive('f', NULL::timestamptz, NULL)$$,
                  $$VALUES ('public.fy', 3::bigint)$$, 'which are not restored either');

-- Rows that went along ---------------------------------------------------------------------------------------------------
CREATE TABLE f3 (id int PRIMARY KEY, at timestamptz, v text, ref int);
CREATE INDEX ON f3 (at);
CREATE TABLE f3i (id int PRIMARY KEY, at timestamptz, v text, ref int REFERENCES f3);
INSERT INTO f3 SELECT n, '2020-01-01', 'parent' FROM generate_series(1, 10) AS n;
INSERT INTO f3i SELECT n + 100, '2021-01-01', 'child', n FROM generate_series(1, 4) AS n;
SELECT etl.add_retention_policy('f3', 'at', '1 year', archive_to => 'f3_old', follow_references => true) \g /dev/null
CALL etl.run_retention('f3');
SELECT etl.create_history_view('f3') \g /dev/null
SELECT results_eq('SELECT v, count(*) FROM f3_history GROUP BY v', $$VALUES ('parent', 10::bigint)$$,
                  'the history of a table has no rows of those that went along');
SELECT results_eq($$SELECT source, target, moved, rows FROM etl.restore_archive('f3', NULL::timestamptz, NULL)$$,
                  $$VALUES ('public.f3_old', 'public.f3', true, 10::bigint)$$, 'nor does a range bring them into it');
SELECT archive_id AS kids FROM etl.archives WHERE location = 'public.f3i_archive' AND action = 'archived' \gset
SELECT results_eq(format($$SELECT target, moved, rows FROM etl.restore_archive(%s)$$, :kids),
                  $$VALUES ('public.f3i', true, 4::bigint)$$, 'they are moved back by themselves');
SELECT is((SELECT count(*) FROM f3i_archive), 0::bigint, 'and are not left in the archive');
SELECT is((SELECT bool_and(v.ok) FROM etl.verify_archive() AS v WHERE v.location LIKE '%.f3%'), true,
          'the ledger agrees');

-- Tables of one name that refer to one -----------------------------------------------------------------------------------
CREATE SCHEMA s1;
CREATE SCHEMA s2;
CREATE TABLE head (id int PRIMARY KEY, at timestamptz);
CREATE INDEX ON head (at);
CREATE TABLE s1.line (head int REFERENCES head, what text);
CREATE TABLE s2.line (head int REFERENCES head, amount numeric);
INSERT INTO head VALUES (1, '2020-01-01'), (2, '2020-01-02');
INSERT INTO s1.line VALUES (1, 'a'), (2, 'b');
INSERT INTO s2.line VALUES (1, 1.5), (2, 2.5);
SELECT etl.add_retention_policy('head', 'at', '1 year', archive_to => 'head_old', follow_references => true)
\g /dev/null
CALL etl.run_retention('head');
SELECT results_eq($$SELECT source, location, rows FROM etl.archives WHERE policy = 'head' AND action = 'archived'
                    ORDER BY source$$,
                  $$VALUES ('public.head', 'public.head_old', 2::bigint), ('s1.line', 'public.line_archive', 2),
                           ('s2.line', 'public.s2_line_archive', 2)$$,
                  'tables of one name that refer to it have archives of their own');
SELECT is((SELECT bool_and(v.ok) FROM etl.verify_archive() AS v WHERE v.location LIKE '%line%'), true,
          'which are whole');

SELECT * FROM finish();
