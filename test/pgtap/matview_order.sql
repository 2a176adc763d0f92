-- Materialized views that read each other: the order of their refreshes, and what a failure on the way leaves. And who
-- may have changes noted. No transaction around the file, because the procedures commit.
SELECT plan(32);
SET client_min_messages = warning;

CREATE TABLE sale (day int, price numeric);
INSERT INTO sale VALUES (1, 10), (2, 20);
-- d reads c and a; c reads b through two views; b reads a. Created such that names and numbers do not give the order.
CREATE MATERIALIZED VIEW z_a AS SELECT day, sum(price) AS price FROM sale GROUP BY day;
CREATE MATERIALIZED VIEW b AS SELECT day, price FROM z_a;
CREATE VIEW over_b AS SELECT * FROM b;
CREATE VIEW over_over_b AS SELECT * FROM over_b;
CREATE MATERIALIZED VIEW y_c AS SELECT sum(price) AS price FROM over_over_b;
CREATE MATERIALIZED VIEW a_d AS SELECT c.price, count(*) AS days FROM y_c AS c, z_a GROUP BY c.price;
CREATE MATERIALIZED VIEW alone AS SELECT count(*) AS sold FROM sale;

CREATE FUNCTION runs_since(run bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(substr(name, 8) || CASE status WHEN 'failed' THEN '!' ELSE '' END, ' ' ORDER BY run_id)
    FROM etl.runs WHERE run_id > run
$$;
CREATE FUNCTION last_run() RETURNS bigint LANGUAGE sql AS 'SELECT coalesce(max(run_id), 0) FROM etl.run';

-- Dependencies of one view --------------------------------------------------------------------------------------------

INSERT INTO sale VALUES (3, 30);
SELECT last_run() AS run \gset
CALL etl.refresh_matview('a_d');
SELECT is(runs_since(:run), 'a_d', 'alone as a rule');
SELECT is((SELECT price FROM a_d), 30::numeric, 'and then over what was there');
SELECT last_run() AS run \gset
CALL etl.refresh_matview('a_d', with_dependencies => true);
SELECT is(runs_since(:run), 'z_a b y_c a_d', 'or each after those that it reads, also through views');
SELECT results_eq('SELECT price, days FROM a_d', 'VALUES (60::numeric, 3::bigint)', 'over the new rows');
INSERT INTO etl.refresh_policy (matview, schedule, setting, with_dependencies)
VALUES ('public.y_c', '@daily', 'auto', true);
SELECT last_run() AS run \gset
CALL etl.refresh_matview('y_c');
SELECT is(runs_since(:run), 'z_a b y_c', 'the policy may say so');
SELECT last_run() AS run \gset
CALL etl.refresh_matview('y_c', with_dependencies => false);
SELECT is(runs_since(:run), 'y_c', 'and the call something else');
SELECT last_run() AS run \gset
BEGIN;
CALL etl.refresh_matview('y_c');
SELECT is(runs_since(:run), 'z_a b y_c', 'also inside a transaction');
ROLLBACK;
SELECT is(runs_since(:run), NULL, 'to which it belongs');

-- All that have policies ----------------------------------------------------------------------------------------------

SELECT is(etl._refresh_order(), '{z_a, b, y_c}'::regclass[], 'one policy, with dependencies');
INSERT INTO etl.refresh_policy (matview, schedule, setting)
VALUES ('public.a_d', '@daily', 'auto'), ('public.z_a', '@daily', 'off'), ('public.b', '@daily', 'auto'),
       ('public.alone', '@daily', 'auto'), ('public.gone', '@daily', 'auto');
SELECT is(etl._refresh_order(), '{z_a, b, y_c, a_d, alone}'::regclass[], 'all in order; one that is gone is left out');
SELECT last_run() AS run \gset
CALL etl.refresh_matviews();
SELECT is(runs_since(:run), 'z_a b y_c a_d alone', 'as they are refreshed');

-- A failure -----------------------------------------------------------------------------------------------------------

DELETE FROM etl.refresh_policy WHERE matview = 'public.b';
CREATE MATERIALIZED VIEW fragile AS SELECT 1 / price AS x FROM sale;
INSERT INTO etl.refresh_policy (matview, schedule, setting) VALUES ('public.fragile', '@daily', 'auto');
CREATE MATERIALIZED VIEW above AS SELECT * FROM fragile;
INSERT INTO sale VALUES (4, 0);
SELECT last_run() AS run \gset
\set ON_ERROR_STOP off
CALL etl.refresh_matviews();
\set ON_ERROR_STOP on
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22012', 'the error is that of the view');
SELECT is(:'LAST_ERROR_MESSAGE'::text, '1 of 6 materialized views could not be refreshed', 'and tells how many');
SELECT is(runs_since(:run), 'z_a b y_c a_d alone fragile!', 'all others are refreshed');
SELECT last_run() AS run \gset
\set ON_ERROR_STOP off
CALL etl.refresh_matview('above', with_dependencies => true);
\set ON_ERROR_STOP on
SELECT is(:'LAST_ERROR_MESSAGE'::text, 'division by zero', 'a failure beneath a view');
SELECT is(runs_since(:run), 'fragile!', 'ends its refresh');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 0::bigint,
          'no lock stays with the session');
SELECT throws_ok('CALL etl.refresh_matviews()', '22012', 'division by zero',
                 'in a function the first failure ends all');
SELECT throws_ok('CALL etl.refresh_matviews(NULL)', '22023', 'force must not be NULL', 'NULL is refused');
SELECT throws_ok($$CALL etl.refresh_matview('alone', force => NULL)$$, '22023', 'force must not be NULL', 'here too');
DELETE FROM sale WHERE price = 0;

-- A table in the place of a view --------------------------------------------------------------------------------------

DROP MATERIALIZED VIEW above, fragile;
CREATE TABLE fragile (x int);
CALL etl.refresh_matviews();
-- Other databases of the cluster write other encodings into it.
SELECT matches(encode(pg_read_binary_file('../log'), 'escape'),
               'WARNING:  "public.fragile", for which there is a refresh policy, is a table',
               'is not passed over in silence');

-- Another role --------------------------------------------------------------------------------------------------------

CREATE ROLE etl_matview_ann;
CREATE ROLE etl_matview_ben;
GRANT CREATE ON SCHEMA public TO etl_matview_ann;
GRANT SELECT ON z_a, sale TO etl_matview_ann;
SET ROLE etl_matview_ann;
CREATE MATERIALIZED VIEW anns AS SELECT count(*) AS days FROM z_a;
CREATE MATERIALIZED VIEW anns_sales AS SELECT count(*) FROM sale;
SELECT last_run() AS run \gset
CALL etl.refresh_matview('anns', with_dependencies => true);
SELECT is(runs_since(:run), 'anns', 'what belongs to another role is not refreshed');
SELECT is(etl._refresh_order(), '{}'::regclass[], 'nor are policies of another role followed');
CALL etl.refresh_matviews();
SELECT throws_ok($$SELECT etl._note_changes_beneath('anns_sales')$$, '42501',
                 'must be owner of table "public.sale" to note when it changes', 'nor does a table note its changes');
INSERT INTO etl.refresh_policy (matview, schedule, setting, skip_if_unchanged)
VALUES ('public.anns_sales', '@daily', 'auto', true);
CALL etl.refresh_matview('anns_sales');
CALL etl.refresh_matview('anns_sales');
SELECT is((SELECT detail ->> 'mode' FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'plain', 'so nothing is skipped');
RESET ROLE;
SELECT etl._note_changes_of('sale'::regclass);
SET ROLE etl_matview_ann;
CALL etl.refresh_matview('anns_sales');
CALL etl.refresh_matview('anns_sales');
SELECT is((SELECT detail ->> 'mode' FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'skipped',
          'until its owner lets it note them');
RESET ROLE;

-- Who writes needs no right on anything but the table.
GRANT INSERT ON sale TO etl_matview_ben;
SET ROLE etl_matview_ben;
INSERT INTO sale VALUES (5, 50);
SELECT throws_ok('DELETE FROM etl.source_change', '42501', NULL, 'nobody can take a note away');
SELECT throws_ok('INSERT INTO etl.source_change VALUES (1, ''1'')', '42501', NULL, 'or write one');
SELECT lives_ok('SELECT etl._forget_noted_changes()', 'but for what every refresh has seen');
RESET ROLE;
SELECT is((SELECT count(*) FROM etl.source_change WHERE relation = 'sale'::regclass), 1::bigint, 'this one was not');
SET ROLE etl_matview_ann;
CALL etl.refresh_matview('anns_sales');
SELECT is((SELECT detail ->> 'mode' FROM etl.runs ORDER BY run_id DESC LIMIT 1), 'plain', 'a row of another role');
SELECT etl.remove_refresh_policy('anns_sales');
RESET ROLE;
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname = 'etl_note_change'), 1::bigint,
          'a table of another role keeps its trigger');
DROP OWNED BY etl_matview_ann, etl_matview_ben;
DROP ROLE etl_matview_ann, etl_matview_ben;
SELECT * FROM finish();
