-- Rollups whose parts somebody has had a hand in: triggers that were off, tables that were dropped, replaced or given
-- away, columns and indexes that are gone. Each is put right, or refused with the call that does.
SELECT plan(50);
SET client_min_messages = warning;

CREATE TABLE t (id int PRIMARY KEY, k text);
INSERT INTO t SELECT i, 'k' || i % 3 FROM generate_series(1, 9) AS i;
SET check_function_bodies = off;
CREATE FUNCTION differences() RETURNS bigint LANGUAGE sql AS $$
    WITH q AS (SELECT k, count(*) AS n FROM t GROUP BY 1)
    SELECT count(*) FROM ((SELECT k, n FROM r EXCEPT TABLE q) UNION ALL (TABLE q EXCEPT SELECT k, n FROM r)) AS d
$$;
CREATE FUNCTION computed() RETURNS bigint LANGUAGE sql AS $$
    SELECT (u.detail ->> 'groups')::bigint FROM etl.runs AS u WHERE u.kind = 'rollup' ORDER BY u.run_id DESC LIMIT 1
$$;
CREATE FUNCTION make(mode text, retention text DEFAULT NULL) RETURNS integer LANGUAGE sql AS $$
    SELECT etl.create_rollup('public.r', 'SELECT s.k, count(*) AS n FROM public.t AS s GROUP BY 1', '{k}',
                             mode => mode, retention => retention)
$$;

-- Triggers that were off ---------------------------------------------------------------------------------------------

SELECT make('delta');
BEGIN;
ALTER TABLE t DISABLE TRIGGER ALL;
INSERT INTO t VALUES (10, 'k1');
ALTER TABLE t ENABLE TRIGGER ALL;
COMMIT;
CALL etl.refresh_rollup('r');
SELECT is(differences(), 0::bigint, 'what was written while triggers were off is found, though they are on again');
INSERT INTO t VALUES (11, 'k1');
CALL etl.refresh_rollup('r');
SELECT is((differences(), computed()), (0::bigint, 0::bigint), 'and that once: then changes are merged again');
SELECT etl.drop_rollup('r');

BEGIN;
SELECT make('recompute');
ALTER TABLE t DISABLE TRIGGER USER;
INSERT INTO t VALUES (12, 'k1');
ALTER TABLE t ENABLE TRIGGER USER;
COMMIT;
CALL etl.refresh_rollup('r');
SELECT is(differences(), 0::bigint, 'also in the transaction in which the rollup was made');

CREATE ROLE rollup_guest;
GRANT CREATE, USAGE ON SCHEMA public TO rollup_guest;
GRANT SELECT, TRIGGER ON t TO rollup_guest;
SET ROLE rollup_guest;
SELECT etl.create_rollup('public.guest', 'SELECT s.k, count(*) AS n FROM public.t AS s GROUP BY 1', '{k}');
RESET ROLE;
ALTER TABLE t DISABLE TRIGGER USER;
INSERT INTO t VALUES (13, 'k2');
CALL etl.refresh_rollup('r');
SELECT is(differences(), 0::bigint, 'triggers that are off are made anew');
SET ROLE rollup_guest;
SELECT throws_like($$CALL etl.refresh_rollup('guest')$$, '%are disabled or others, and only its owner may mend that',
                   'but by the owner of the table alone');
RESET ROLE;
ALTER TABLE t ENABLE TRIGGER USER;
SET ROLE rollup_guest;
CALL etl.refresh_rollup('guest');
SELECT is((SELECT sum(n) FROM guest), 13::numeric, 'who mends it so');
RESET ROLE;
SELECT etl.drop_rollup('guest'), etl.drop_rollup('r');

-- Frozen groups ------------------------------------------------------------------------------------------------------

SELECT make('recompute', 'freeze');
SET pg_etl.erasing = on;
DELETE FROM t WHERE k = 'k0';
RESET pg_etl.erasing;
CALL etl.refresh_rollup('r');
SELECT throws_ok($$SELECT etl.alter_rollup('r', retention => '')$$, '55000', NULL,
                 'frozen groups are not given up by the way');
CALL etl.refresh_rollup('r');
SELECT is((SELECT n FROM r WHERE k = 'k0'), 3::bigint, 'and stay');
DROP TABLE r_frozen;
SELECT throws_like($$CALL etl.refresh_rollup('r')$$, 'table "public.r_frozen" of rollup "public.r" does not exist',
                   'which ones they are must be known');
SELECT lives_ok($$SELECT etl.alter_rollup('r', retention => 'follow')$$, 'or they are given up');
CALL etl.refresh_rollup('r');
SELECT is(differences(), 0::bigint, 'in which case all is as the query says');
SELECT lives_ok($$SELECT etl.alter_rollup('r', retention => '')$$, 'with none frozen there need be no decision');
SELECT etl.drop_rollup('r');

-- Parts that are gone ------------------------------------------------------------------------------------------------

SELECT make('delta');
CREATE FUNCTION mend() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    CALL etl.refresh_rollup('r');
    RETURN -1; -- nothing was wrong
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        EXECUTE substring(hint FROM 'SELECT etl.alter_rollup.*');
        CALL etl.refresh_rollup('r');
        RETURN differences();
END
$$;
DROP TABLE r_state;
SELECT is(mend(), 0::bigint, 'the states');
DROP TABLE r_pending;
SELECT is(mend(), 0::bigint, 'the pending groups');
DROP INDEX r_k_idx;
INSERT INTO r TABLE r;
SELECT is(mend(), 0::bigint, 'the unique index');
SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE indrelid = 'r_pending'::regclass \gexec
SELECT is(mend(), 0::bigint, 'that of the pending groups');
ALTER TABLE r RENAME n TO m;
SELECT is(mend(), 0::bigint, 'a column of the rollup');
ALTER TABLE r ALTER n TYPE text;
SELECT is(mend(), 0::bigint, 'the type of one');
ALTER TABLE r DROP m;
SELECT etl.alter_rollup('r', realtime => true);
ALTER TABLE r RENAME n TO m;
CREATE FUNCTION says(command text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT throws_ok(command, '55000', 'table "public.r" of rollup "public.r" lacks column "n"', command)
$$;
SELECT says('CALL etl.refresh_rollup(''r'')');
SELECT says('SELECT etl.verify_rollup(''r'')');
SELECT says('SELECT etl.mark_dirty(''r'', ''k = $$k1$$'')');
INSERT INTO t VALUES (30, 'k1');
SELECT says('TABLE r_live');
ALTER TABLE r RENAME m TO n;
SELECT etl.alter_rollup('r', realtime => false);
ALTER TABLE r ALTER n TYPE integer;
CREATE FUNCTION says_too(command text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT throws_ok(command, '42804', 'column "n" of rollup "public.r" has become integer, and was bigint', command)
$$;
SELECT says_too('CALL etl.refresh_rollup(''r'')');
SELECT says_too('SELECT etl.verify_rollup(''r'')');
ALTER TABLE r ALTER n TYPE bigint;
CALL etl.refresh_rollup('r');
SELECT is_empty($$SELECT etl.verify_rollup('r')$$, 'given back, it is as before');
ALTER TABLE r ADD note text DEFAULT 'mine';
UPDATE r SET note = 'yours' WHERE k = 'k1';
SELECT etl.alter_rollup('r', query => 'SELECT s.k, count(*) AS n FROM public.t AS s GROUP BY 1');
SELECT is((SELECT note FROM r WHERE k = 'k1'), 'yours', 'a column that somebody has added stays');
SELECT etl.alter_rollup('r', query => 'SELECT s.k, count(*) AS n, max(s.id) AS last FROM public.t AS s GROUP BY 1');
SELECT columns_are('public', 'r', '{k,n,last,note}'::name[], 'with another query too');
CREATE VIEW over_r AS SELECT k FROM r;
SELECT throws_like($$SELECT etl.drop_rollup('r')$$, 'cannot drop rollup "public.r", as other objects depend on it',
                   'a rollup with a view on it is not dropped');
DROP VIEW over_r;
ALTER TABLE r ENABLE ROW LEVEL SECURITY;
ALTER TABLE r_pending ENABLE ROW LEVEL SECURITY;
SELECT etl.drop_rollup('r');
SELECT hasnt_table('public', 'r', 'a rollup with policies is dropped');
SELECT hasnt_table('public', 'r_pending', 'with all that it has');

-- Another table of that name -----------------------------------------------------------------------------------------

SELECT make('recompute');
DROP TABLE r;
CREATE TABLE r (k text, n bigint, mine text);
INSERT INTO r VALUES ('k1', 1, 'precious');
SELECT throws_ok($$CALL etl.refresh_rollup('r')$$, '42809',
                 'table "public.r" is not the one that rollup "public.r" was made with',
                 'another table is not written into');
SELECT throws_ok($$SELECT etl.alter_rollup('r', query => query) FROM etl.rollups$$, '42809', NULL, 'nor refilled');
SELECT etl.drop_rollup('r');
SELECT is((SELECT mine FROM r), 'precious', 'nor dropped');
DROP TABLE r;
CREATE TABLE r_state (mine text);
SELECT make('recompute');
SELECT etl.alter_rollup('r', query => query) FROM etl.rollups;
SELECT etl.drop_rollup('r');
SELECT has_table('public', 'r_state', 'nor a table that is named like one that the rollup could have');
DROP TABLE r_state;

-- Another owner ------------------------------------------------------------------------------------------------------

CREATE ROLE rollup_leaver;
GRANT CREATE, USAGE ON SCHEMA public TO rollup_leaver;
ALTER TABLE t OWNER TO rollup_leaver;
SET ROLE rollup_leaver;
SELECT make('delta');
SELECT throws_ok($$SELECT etl.reassign_rollups('rollup_leaver', 'rollup_guest')$$, '42501', NULL,
                 'who may change definitions may run what is in them');
RESET ROLE;
REASSIGN OWNED BY rollup_leaver TO rollup_guest;
DROP OWNED BY rollup_leaver;
DROP ROLE rollup_leaver;
SELECT throws_ok($$SELECT etl.reassign_rollups('rollup_leaver', 'nobody there')$$, '42704', NULL,
                 'the new owner must be one');
SELECT is(etl.reassign_rollups('rollup_leaver', 'rollup_guest'), 1::bigint, 'the definitions follow the tables');
SET ROLE rollup_guest;
INSERT INTO t VALUES (20, 'k9');
CALL etl.refresh_rollup('r');
RESET ROLE;
SELECT is(differences(), 0::bigint, 'the new owner refreshes');
ALTER ROLE rollup_guest RENAME TO rollup_host;
SELECT lives_ok($$SELECT etl.drop_rollup('r')$$, 'a superuser drops what nobody owns any more');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'etl_rollup%'), 0::bigint, 'with its triggers');
DROP OWNED BY rollup_host;
DROP ROLE rollup_host;

-- A publication ------------------------------------------------------------------------------------------------------

CREATE TABLE t (id int PRIMARY KEY, k text);
INSERT INTO t SELECT i, 'k' || i % 3 FROM generate_series(1, 9) AS i;
SELECT make('delta', 'freeze');
CREATE PUBLICATION rollup_everything FOR ALL TABLES;
INSERT INTO t VALUES (14, 'k1');
DELETE FROM t WHERE k = 'k2';
CALL etl.refresh_rollup('r');
SELECT etl.mark_dirty('r');
CALL etl.refresh_rollup('r');
SELECT is(differences(), 0::bigint, 'a rollup is refreshed while all tables are published');
DROP PUBLICATION rollup_everything;
SELECT etl.drop_rollup('r');

-- Arguments that are not quite right ----------------------------------------------------------------------------------

CREATE FUNCTION hint_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE command;
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN SQLSTATE || ' ' || hint;
END
$$;
SELECT is(hint_of($$SELECT etl.create_rollup('public.r', 'SELECT k, count(*) AS n FROM t GROUP BY 1', '{k}')$$),
          '42P01 Name each table with its schema, as in public.sales.', 'a table without its schema');
SELECT is(hint_of($$SELECT etl.create_rollup('public.r', 'SELECT k, count(*) FROM public.t GROUP BY 1', '{{k}}')$$),
          '22023 Give them as in ''{day,shop}''.', 'key columns in two dimensions');
CREATE TABLE r ();
SELECT is(hint_of('SELECT make(''auto'')'),
          '42P07 Rename or drop that relation, or give the rollup another name.', 'a table that exists');
DROP TABLE r;
SELECT throws_ok($$SELECT etl.create_rollup('pg_temp.r', 'SELECT k, count(*) FROM public.t GROUP BY 1', '{k}')$$,
                 '0A000', 'rollup "pg_temp.r" would be temporary', 'a temporary table');
SELECT make('auto');
SELECT throws_ok($$SELECT etl.mark_dirty('r', E' \n')$$, '22023', 'condition must not be empty', 'no condition');
SELECT throws_ok($$CALL etl.refresh_rollup('r', max_runtime => '178000000 years')$$, '22023',
                 'max_runtime must not be longer than 1000 years, not "178000000 years"', 'longer than time');
SELECT throws_ok($$CALL etl.refresh_all(max_runtime => '178000000 years')$$, '22023', NULL, 'for all of them, too');
SELECT lives_ok($$CALL etl.refresh_rollup('r', max_runtime => '1000 years')$$, 'long, but not too long');
SELECT is_empty($$SELECT * FROM etl.verify_rollup('r', 2147483647)$$, 'a sample of all');
SELECT etl.drop_rollup('r');

SELECT * FROM finish();
