-- etl.undo_dedupe where the session, the table or its triggers are others than at the time of etl.dedupe.
BEGIN;
SELECT plan(28);

-- Settings of the session: those that write values one way, and those that write and read them another.

CREATE TYPE span AS (at timestamptz, raw bytea);
CREATE TABLE moment (
    id int PRIMARY KEY, k int, tz timestamptz, ts timestamp, d date, iv interval, by bytea, f float8, n numeric,
    tzr tstzrange, tzm tstzmultirange, tzs timestamptz[], bys bytea[], s span, m money, note text);
CREATE TABLE mention (id int PRIMARY KEY, moment_id int REFERENCES moment, tz timestamptz, by bytea, f float8);
INSERT INTO moment
SELECT i, 1, '2025-07-01 12:00+00', '2025-07-02 03:04', '2025-07-03', '-1 day 02:03', '\x00ff5c', 0.1 + 0.2, 1.50,
       '[2025-07-01 12:00+00,)', '{[2025-07-01 12:00+00,)}', '{2025-07-01 12:00+00}', '{"\\x00ff"}',
       ROW(timestamptz '2025-07-01 12:00+00', '\x00'::bytea)::span, '1234.5', CASE i WHEN 1 THEN 'first' END
FROM generate_series(1, 3) AS i;
INSERT INTO mention SELECT i, i, '2025-07-01 12:00+00', '\x00ff', 0.1 + 0.2 FROM generate_series(1, 3) AS i;
CREATE FUNCTION pictures() RETURNS text LANGUAGE sql SET timezone = 'UTC' SET extra_float_digits = 3 AS $$
    SELECT (SELECT string_agg(whole::text || md5(record_send(whole)), E'\n' ORDER BY id) FROM moment AS whole)
           || (SELECT string_agg(whole::text || md5(record_send(whole)), E'\n' ORDER BY id) FROM mention AS whole)
$$;
CREATE TABLE picture AS SELECT pictures() AS before;
SET LOCAL timezone = 'Asia/Kathmandu';
SET LOCAL bytea_output = 'escape';
CREATE TABLE moved AS
    SELECT * FROM etl.dedupe('moment', '{k}', 'merge', 'id', repoint => '{mention}');
SET LOCAL timezone = 'America/New_York';
SET LOCAL bytea_output = 'hex';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL extra_float_digits = -10;
SELECT is(run IS NULL, false, 'a run under one set of settings') FROM moved;
SELECT lives_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), 'can be undone under another') FROM moved;
RESET timezone;
RESET bytea_output;
RESET datestyle;
RESET intervalstyle;
RESET extra_float_digits;
SELECT is(pictures(), before, 'and all values are back to the letter') FROM picture;

-- Tables that are renamed, dropped, restored

CREATE TABLE thing (id int PRIMARY KEY, k int, note text);
CREATE TABLE mark (id int PRIMARY KEY, thing_id int REFERENCES thing);
INSERT INTO thing VALUES (1, 1, 'x'), (2, 1, NULL);
INSERT INTO mark VALUES (1, 1);
CREATE TABLE called AS SELECT * FROM etl.dedupe('thing', '{k}', 'merge', 'id', repoint => '{mark}');
SAVEPOINT called;
ALTER TABLE thing RENAME TO matter;
ALTER TABLE mark RENAME TO sign;
CREATE SCHEMA elsewhere;
ALTER TABLE sign SET SCHEMA elsewhere;
SELECT results_eq('SELECT u.* FROM called, etl.undo_dedupe(run) AS u', 'VALUES (1::bigint, 2::bigint)',
                  'tables that were renamed or moved');
SELECT results_eq('SELECT m.id, m.note, s.id FROM matter AS m LEFT JOIN elsewhere.sign AS s ON s.thing_id = m.id '
                  'ORDER BY 1', $$VALUES (1, 'x', 1), (2, NULL, NULL)$$, 'have their rows and values back');
ROLLBACK TO called;
ALTER TABLE mark RENAME TO sign;
CREATE TABLE mark (id int PRIMARY KEY, thing_id int);
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '55000',
                 format('table "public.mark" is not the one of which run %s of etl.dedupe has changed rows', run),
                 'a stranger under the name of a table that was repointed') FROM called;
ROLLBACK TO called;
-- What a dump and a restore make of it: OIDs that mean nothing, or another table.
UPDATE etl.dedupe_run SET relation_id = 'called'::regclass, repointed_ids = ARRAY['called'::regclass],
                          database_id = 'another' WHERE run_id = (SELECT run FROM called);
SELECT results_eq('SELECT u.* FROM called, etl.undo_dedupe(run) AS u', 'VALUES (1::bigint, 2::bigint)',
                  'in a restored database the names count');
ROLLBACK TO called;
UPDATE etl.dedupe_run SET relation_id = 'called'::regclass, relation = 'public.gone', database_id = 'another'
WHERE run_id = (SELECT run FROM called);
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '42P01',
                 format('table "public.gone" of run %s does not exist', run), 'and nothing else') FROM called;
UPDATE etl.dedupe_run SET relation = 'public.thing', relation_id = 'public.thing'::regclass
WHERE run_id = (SELECT run FROM called);
SELECT results_eq('SELECT u.* FROM called, etl.undo_dedupe(run) AS u', 'VALUES (1::bigint, 2::bigint)',
                  'the way that the hint tells');
ROLLBACK TO called;

-- Children of a table

CREATE TABLE base (id int, k int, note text);
CREATE TABLE derived (note text, id int, k int);
ALTER TABLE derived INHERIT base;
CREATE TABLE deeper () INHERITS (derived);
INSERT INTO base VALUES (1, 1, 'a'), (2, 2, 'b');
INSERT INTO derived (id, k, note) VALUES (3, 1, 'c'), (4, 2, 'd');
INSERT INTO deeper (id, k, note) VALUES (5, 1, 'e'), (6, 3, 'f');
CREATE TABLE base_before AS SELECT tableoid AS tab, * FROM base;
CREATE TABLE base_call AS SELECT * FROM etl.dedupe('base', '{k}', 'first', 'id');
SELECT results_eq('SELECT groups, duplicates, removed FROM base_call', 'VALUES (2::bigint, 3::bigint, 3::bigint)',
                  'rows of children');
SAVEPOINT inherited;
ALTER TABLE deeper NO INHERIT derived;
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '42P01',
                 'table "public.deeper", from which rows were removed, is no child of table "public.base"',
                 'a child that is none any more') FROM base_call;
ROLLBACK TO inherited;
SELECT results_eq('SELECT u.* FROM base_call, etl.undo_dedupe(run) AS u', 'VALUES (3::bigint, 0::bigint)', 'come back');
SELECT set_eq('SELECT tableoid AS tab, * FROM base', 'SELECT * FROM base_before', 'each into the table that it was in');

-- Triggers and rules

CREATE TABLE stamped (
    id int PRIMARY KEY, k int, note text, low text GENERATED ALWAYS AS (lower(note)) STORED, f float8);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.note := CASE NEW.id WHEN 2 THEN 'stamped' ELSE NEW.note END;
    RETURN NEW;
END
$$;
INSERT INTO stamped VALUES (1, 1, 'A', DEFAULT, '-0'), (2, 1, 'B', DEFAULT, 0.1), (3, 1, 'C', DEFAULT, 'NaN'),
    (4, 1, NULL, DEFAULT, NULL);
CREATE TABLE stamped_before AS SELECT s::text FROM stamped AS s;
CREATE TRIGGER stamp BEFORE INSERT ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE stamped_call AS SELECT * FROM etl.dedupe('stamped', '{k}', 'last', 'id');
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '09000',
                 '1 of 3 rows came back into table "public.stamped" with other values',
                 'a trigger that changes what comes back') FROM stamped_call;
CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
SELECT is(put_back, 3::bigint, 'one that does not') FROM stamped_call, etl.undo_dedupe(run);
SELECT results_eq('SELECT s::text FROM stamped AS s ORDER BY id', 'SELECT s FROM stamped_before ORDER BY s',
                  'generated columns, -0 and NaN are no difference');

CREATE RULE no_delete AS ON DELETE TO stamped DO INSTEAD NOTHING;
SELECT throws_ok($$SELECT * FROM etl.dedupe('stamped', '{k}', 'last', 'id')$$, '0A000',
                 'table "public.stamped" has rule "no_delete" on DELETE', 'a rule on DELETE, with audit');
SET LOCAL client_min_messages = error;
SELECT is(removed, 0::bigint, 'without: what it holds back is not counted')
FROM etl.dedupe('stamped', '{k}', 'last', 'id', audit => false);
RESET client_min_messages;
ALTER TABLE stamped DISABLE RULE no_delete;
CREATE RULE also AS ON UPDATE TO stamped DO ALSO SELECT 1;
SELECT throws_ok($$SELECT * FROM etl.dedupe('stamped', '{k}', 'merge', 'id')$$, '0A000', NULL,
                 'a rule on UPDATE, where rows shall be merged');
DROP RULE also ON stamped;
CREATE RULE no_insert AS ON INSERT TO stamped DO INSTEAD NOTHING;
CREATE TABLE ruled_call AS SELECT * FROM etl.dedupe('stamped', '{k}', 'last', 'id');
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '0A000', NULL, 'a rule on INSERT')
FROM ruled_call;
CREATE RULE no_update AS ON UPDATE TO mark DO INSTEAD NOTHING;
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '0A000', NULL, 'a rule where rows are changed back')
FROM called;
SELECT throws_ok($$SELECT * FROM etl.dedupe('thing', '{k}', repoint => '{mark}', audit => false)$$, '0A000',
                 'table "public.mark" has rule "no_update" on UPDATE', 'or repointed');

-- A trigger that takes the row to keep away

CREATE TABLE paired (id int PRIMARY KEY, k int, label text COLLATE "C", n numeric);
CREATE FUNCTION widow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_ARGV[0] = 'delete' THEN
        DELETE FROM public.paired WHERE id = 3 AND OLD.id = 2;
    ELSIF TG_ARGV[0] = 'move' THEN
        UPDATE public.paired SET label = 'other' WHERE id = 3 AND OLD.id = 2;
    ELSE
        UPDATE public.paired SET n = n + 1 WHERE id = 3;
    END IF;
    RETURN OLD;
END
$$;
INSERT INTO paired VALUES (1, 1, 'a', 1.0), (2, NULL, 'b', 1.5), (3, NULL, 'b', 1.50), (4, 1, 'a', 7), (5, 1, 'c', 8);
CREATE TRIGGER widow BEFORE DELETE ON paired FOR EACH ROW EXECUTE FUNCTION widow('delete');
SELECT throws_ok(format($$SELECT * FROM etl.dedupe('paired', '{k,label}', 'last', 'id', nulls_equal => true, %s)$$,
                        how), '09000', 'no row of table "public.paired" is left with the key {"k": null, "label": "b"}',
                 'a trigger deletes the row to keep: ' || how)
FROM (VALUES ('audit => true'), ('audit => false'), ('batch_rows => 1')) AS h(how);
DROP TRIGGER widow ON paired;
CREATE TRIGGER widow AFTER DELETE ON paired FOR EACH ROW EXECUTE FUNCTION widow('move');
SELECT throws_ok($$SELECT * FROM etl.dedupe('paired', '{k,label}', 'last', 'id', nulls_equal => true)$$, '09000', NULL,
                 'or gives it another key');
DROP TRIGGER widow ON paired;
CREATE TRIGGER widow BEFORE DELETE ON paired FOR EACH ROW EXECUTE FUNCTION widow('touch');
SELECT is(removed, 2::bigint, 'one that touches it does no harm')
FROM etl.dedupe('paired', '{k,label}', 'last', 'id', nulls_equal => true, batch_rows => 1);
SELECT set_eq($$SELECT survivor FROM etl.removed_duplicates WHERE relation = 'public.paired'$$,
              $$VALUES ('{"id": "3"}'::jsonb), ('{"id": "4"}')$$, 'and the audit tells of it what it always does');

SELECT * FROM finish();
ROLLBACK;
