-- Writers of a table that a rollup reads go on, whatever becomes of the rollup's log; and the rollup loses nothing.
SELECT plan(26);
SET client_min_messages = error;

CREATE FUNCTION tell(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION differences() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (WITH q AS (SELECT k, count(*) AS n FROM public.t GROUP BY k)
            SELECT count(*) FROM ((SELECT k, n FROM rep.r EXCEPT TABLE q) UNION ALL (TABLE q EXCEPT TABLE rep.r)) AS d);
END
$$;
CREATE SCHEMA rep;
CREATE TABLE t (k int);
INSERT INTO t VALUES (1);
SELECT etl.create_rollup('rep.r', 'SELECT k, count(*) AS n FROM public.t GROUP BY k', '{k}', realtime => true)
\g /dev/null

-- Renamed, and back --------------------------------------------------------------------------------------------------

ALTER SCHEMA rep RENAME TO elsewhere;
SELECT lives_ok('INSERT INTO t VALUES (2)', 'the schema of the log has another name');
SELECT lives_ok('INSERT INTO t VALUES (2)', 'for one transaction after the other');
BEGIN;
INSERT INTO t VALUES (3), (3);
SAVEPOINT s;
INSERT INTO t VALUES (4);
DELETE FROM t WHERE k = 4;
ROLLBACK TO s;
INSERT INTO t VALUES (5);
COMMIT;
SELECT is(count(*), 3::bigint, 'each has left a note') FROM etl.rollup_missed;
SELECT matches(tell($$CALL etl.refresh_rollup('r')$$), '^42P01 table "rep.r" of rollup "rep.r" does not exist',
               'a refresh finds it gone');
ALTER SCHEMA elsewhere RENAME TO rep;
INSERT INTO t VALUES (1);
SELECT results_eq('SELECT k, n FROM rep.r_live ORDER BY k', 'SELECT k, count(*) FROM t GROUP BY k ORDER BY k',
                  'it is back, and the live view is right');
SELECT is_empty($$SELECT * FROM etl.verify_rollup('rep.r')$$, 'what is not refreshed is no difference');
CALL etl.refresh_rollup('rep.r');
SELECT is(differences(), 0::bigint, 'the refresh has taken all of it in');
SELECT is_empty('SELECT FROM etl.rollup_missed', 'and the notes');
CALL etl.refresh_rollup('rep.r');
SELECT is((SELECT detail ->> 'groups' FROM etl.runs ORDER BY run_id DESC LIMIT 1), '0', 'once');

-- One that commits late
SELECT is((SELECT count(*) FROM etl._missed_notes(etl._rollup('rep.r'::text))), 0::bigint, 'nothing is missed');
ALTER TABLE rep.r_log_1 RENAME TO r_log_x;
DELETE FROM t WHERE k = 1;
ALTER TABLE rep.r_log_x RENAME TO r_log_1;
SELECT results_eq($$SELECT number, op::text FROM etl._missed_notes(etl._rollup('rep.r'::text))$$, $$VALUES (1, 'a')$$,
                  'the log alone');
CALL etl.refresh_rollup('rep.r');
SELECT is(differences(), 0::bigint, 'is found again');

-- Dropped ------------------------------------------------------------------------------------------------------------

DROP TABLE rep.r_log_1;
SELECT lives_ok('INSERT INTO t VALUES (7)', 'the log is dropped');
SELECT is(tell($$SELECT * FROM etl.verify_rollup('rep.r')$$),
          '42P01 table "rep.r_log_1" of rollup "rep.r" does not exist', 'verify says so');
SELECT is(tell($$CALL etl.refresh_rollup('rep.r')$$), '42P01 table "rep.r_log_1" of rollup "rep.r" does not exist',
          'the refresh, too');
SELECT etl.alter_rollup('rep.r', query => 'SELECT k, count(*) AS n FROM public.t GROUP BY k') \g /dev/null
SELECT is(differences(), 0::bigint, 'the same query makes another one');
INSERT INTO t VALUES (8);
CALL etl.refresh_rollup('rep.r');
SELECT is(differences(), 0::bigint, 'which goes on');

-- What is dropped from a log again ------------------------------------------------------------------------------------

CREATE INDEX x ON rep.r_log_1 (etl_at);
SELECT matches(tell('INSERT INTO t VALUES (8)'), '^42809', 'a log has no index');
DROP INDEX rep.x;
SELECT lives_ok('INSERT INTO t VALUES (8)', 'and had one');
CREATE RULE x AS ON DELETE TO rep.r_log_1 DO ALSO NOTHING;
DROP RULE x ON rep.r_log_1;
SELECT lives_ok('INSERT INTO t VALUES (8)', 'nor a rule');

-- Another owner ------------------------------------------------------------------------------------------------------

CREATE ROLE rollup_new_owner;
ALTER TABLE t OWNER TO rollup_new_owner;
SELECT matches(tell('INSERT INTO t VALUES (9)'), '^42501 role "rollup_new_owner", which owns table', 'a new owner');
CALL etl.refresh_rollup('rep.r');
SELECT lives_ok('INSERT INTO t VALUES (9)', 'is let in by the next refresh');
CALL etl.refresh_rollup('rep.r');
SELECT is(differences(), 0::bigint, 'and nothing is lost');

-- Schema dropped -----------------------------------------------------------------------------------------------------

-- A note of another's trigger is no note.
CREATE TABLE other (k int);
SELECT format('etl_rollup_%s_1_insert', rollup_id) AS forged FROM etl.rollup \gset
CREATE TRIGGER :"forged" AFTER INSERT ON other REFERENCING NEW TABLE AS n FOR EACH STATEMENT
EXECUTE FUNCTION etl._capture('rep.none', 'columns', '{k}', '{}', 'k');
INSERT INTO other VALUES (1);
SELECT is((SELECT count(*) FROM etl._missed_notes(etl._rollup('rep.r'::text))), 0::bigint, 'a trigger by that name');
DROP SCHEMA rep CASCADE;
SELECT lives_ok('INSERT INTO t VALUES (10)', 'the schema is dropped');
SELECT etl.drop_rollup('rep.r') \g /dev/null
SELECT is_empty('SELECT FROM etl.rollup_missed', 'and then the rollup');
DROP TABLE t, other;
DROP ROLE rollup_new_owner;
SELECT * FROM finish();
