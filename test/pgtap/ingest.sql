-- etl.ingest: every record gets one verdict, is in the table once, or is kept as a dead letter with the reason.
BEGIN;
SELECT plan(73);

CREATE FUNCTION verdicts(answer jsonb) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(v ->> 'verdict', ' ' ORDER BY n) FROM jsonb_array_elements(answer) WITH ORDINALITY AS a(v, n)$$;
-- accepted, duplicates, rejected: verdicts
CREATE FUNCTION told(source text, content text) RETURNS text LANGUAGE sql AS
$$SELECT format('%s %s %s: %s', i.accepted, i.duplicates, i.rejected, verdicts(i.verdicts)) FROM etl.ingest(source,
          content) AS i$$;

CREATE TABLE sale (
    id bigint PRIMARY KEY,
    price numeric(10,2) CHECK (price >= 0),
    at timestamptz,
    note text DEFAULT 'none',
    buyer int
);

-- Upsert.
SELECT etl.create_ingest('sales', 'sale', '{"id": "id|saleId", "price": "price", "at": "at", "buyer": "buyer.id"}',
          '{id}');
SELECT is(told('sales', '{"id": 1, "price": 2.5, "at": "2024-01-01T00:00:00Z", "buyer": {"id": 7}}'),
          '1 0 0: inserted', 'one');
SELECT results_eq('SELECT id, price, at, note, buyer FROM sale',
                  $$VALUES (1::bigint, 2.50, timestamptz '2024-01-01 00:00Z', 'none', 7)$$, 'is in the table');
SELECT is(told('sales', '{"id": 1, "price": 2.50, "at": "2024-01-01T01:00:00+01", "buyer": {"id": 7}}'),
          '0 1 0: duplicate',
          'the same values again');
SELECT is(told('sales', '{"saleId": "1", "price": 3}'), '1 0 0: updated', 'other values');
SELECT is((SELECT array[price::text, at::text, note, buyer::text] FROM sale), '{3.00,NULL,none,NULL}',
          'a record gives all columns of the mapping, and leaves the others');
SELECT is(told('sales', '[{"id": 2}, {"id": 3, "price": 1}, {"id": 2, "price": 9}, {"id": 1, "price": 3}]'),
          '2 2 0: duplicate inserted inserted duplicate', 'of records with one key the last counts');
SELECT is((SELECT price FROM sale WHERE id = 2), 9.00, 'and is stored');
SELECT is(told('sales', '[]'), '0 0 0: ', 'no record');
SELECT results_eq('SELECT received, accepted, duplicates, rejected FROM etl.ingestions ORDER BY ingestion_id LIMIT 5',
                  'VALUES (1, 1, 0, 0), (1, 0, 1, 0), (1, 1, 0, 0), (4, 2, 2, 0), (0, 0, 0, 0)', 'every call is noted');

-- What cannot be loaded.
SELECT is(told('sales',
          '[{"id": 10, "price": -1}, {"id": 11, "at": "today"}, {"price": 1}, {"id": 12}, "x", 7, {"id": 1e30}]'),
          '1 0 6: rejected rejected rejected inserted rejected rejected rejected', 'bad records beside a good one');
SELECT results_eq(
    'SELECT ordinal, column_name::text COLLATE "default", sqlstate, record FROM etl.dead_letters ORDER BY ordinal',
    $$VALUES (1::bigint, NULL, '23514', '{"id": 10, "price": -1}'), (2, 'at', '22007', '{"id": 11, "at": "today"}'),
             (3, 'id', '23502', '{"price": 1}'), (5, NULL, '2203C', '"x"'), (6, NULL, '2203C', '7'),
             (7, 'id', '22003', '{"id": 1e30}')$$, 'are kept, as they came');
SELECT is((SELECT DISTINCT origin FROM etl.dead_letters), (SELECT 'ingestion ' || max(ingestion_id)
          FROM etl.ingestions),
          'with the call that brought them');
SELECT is((SELECT count(*) FROM sale WHERE at > now() - interval '2 days'), 0::bigint, 'and never with today''s date');
SELECT is((SELECT v -> 0 ->> 'reason' FROM etl.ingest('sales', '{"id": 13, "price": "free"}'::jsonb) AS i(a, b, c, d,
          v)),
          'column "price" of type numeric(10,2): invalid input syntax for type numeric: "free"',
          'the verdict says why');
SELECT is(told('sales', 'hello'), '0 0 1: rejected', 'a text that is not JSON');
SELECT is((SELECT record FROM etl.dead_letters ORDER BY dead_letter_id DESC LIMIT 1), 'hello', 'is kept as well');
SELECT is(told('sales', '{"id": 20, "price": 1, "price": 2, "note": "\u0000"}'), '1 0 0: inserted',
          'duplicate keys, and a zero character where no column takes it');
SELECT is((SELECT price FROM sale WHERE id = 20), 2.00, 'the last of equal keys counts');
SELECT is(told('sales', '{"id": 9007199254740993, "price": 12345678.12}'), '1 0 0: inserted',
          'a number beyond a double');
SELECT is((SELECT max(id) FROM sale), 9007199254740993, 'is exact');

-- Dead letters again, when table and mapping are mended.
ALTER TABLE sale DROP CONSTRAINT sale_price_check;
SELECT results_eq($$SELECT received, inserted, updated, unchanged, dead FROM etl.replay_dead_letters('sales')$$,
                  'VALUES (8::bigint, 1::bigint, 0::bigint, 0::bigint, 7::bigint)', 'the one that can be loaded now');
SELECT is((SELECT price FROM sale WHERE id = 10), -1.00, 'is in the table');
SELECT is((SELECT array_agg(attempts ORDER BY dead_letter_id) FROM etl.dead_letters), '{1,1,1,1,1,1,1}',
          'the others stay');
SELECT etl.alter_ingest('sales', mapping => '{"id": {"from": "id", "default": 99}, "price": "price"}');
SELECT is((SELECT inserted FROM etl.replay_dead_letters('sales')), 2::bigint, 'a mended mapping'); -- 11, and 99 of many

-- What has come since is newer than a letter; of two letters of one key the last counts.
CREATE TABLE price (id int PRIMARY KEY, price int);
SELECT etl.create_ingest('prices', 'price', key_columns => '{id}');
SELECT is(told('prices', '[{"id": 1, "price": "a"}, {"id": 2, "price": "b"}, {"id": 2, "price": "c"}]'),
          '0 0 3: rejected rejected rejected', 'letters');
SELECT is(told('prices', '{"id": 1, "price": 5}'), '1 0 0: inserted', 'and a newer record');
ALTER TABLE price ALTER price TYPE text;
SELECT results_eq($$SELECT inserted, updated, ignored, dead FROM etl.replay_dead_letters('prices')$$,
                  'VALUES (1::bigint, 0::bigint, 2::bigint, 0::bigint)', 'a letter is not loaded over it');
SELECT results_eq('SELECT * FROM price ORDER BY id', $$VALUES (1, '5'), (2, 'c')$$, 'which stays');

-- Triggers that keep a row out, or give it another key.
CREATE TABLE turned (id int PRIMARY KEY, v text);
CREATE FUNCTION turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.id := CASE new.v WHEN 'key' THEN new.id + 1000 ELSE new.id END;
    RETURN CASE WHEN new.v = 'out' THEN NULL ELSE new END;
END
$$;
CREATE TRIGGER turn BEFORE INSERT ON turned FOR EACH ROW EXECUTE FUNCTION turn();
SELECT etl.create_ingest('turned', 'turned', key_columns => '{id}'),
       etl.create_ingest('turned_once', 'turned', key_columns => '{id}', write_mode => 'append');
SELECT is(told(s, format('[{"id": %s1, "v": "a"}, {"id": %1$s2, "v": "out"}, {"id": %1$s3, "v": "key"},
                           {"id": %1$s1, "v": "a"}]', n)),
          CASE n WHEN 1 THEN '1 1 2: duplicate rejected rejected inserted'
                 ELSE '1 1 2: inserted rejected rejected duplicate' END,
          'what is not written under its key is rejected: ' || s)
FROM (VALUES ('turned', 1), ('turned_once', 2)) AS v(s, n);
SELECT results_eq('SELECT id FROM turned ORDER BY id', 'VALUES (11), (21)', 'and not in the table');

-- Append, with a key and without.
CREATE TABLE event (id int UNIQUE, kind text);
SELECT etl.create_ingest('events', 'event', key_columns => '{id}', write_mode => 'append');
SELECT is(told('events', '[{"id": 1, "kind": "a"}, {"id": 1, "kind": "b"}, {"id": null}]'),
          '1 1 1: inserted duplicate rejected',
          'of records with one key the first counts; a key is not NULL');
SELECT is((SELECT reason FROM etl.dead_letters WHERE extract = 'events'), 'a key column is NULL', 'the reason');
SELECT is(told('events', '{"id": 1, "kind": "c"}'), '0 1 0: duplicate', 'a row that is there stays');
SELECT results_eq('SELECT * FROM event', $$VALUES (1, 'a')$$, 'as it was');
CREATE TABLE log (at timestamptz, message text NOT NULL);
SELECT etl.create_ingest('log', 'log');
SELECT is(told('log', '[{"message": "a"}, {"message": "a"}, {}]'), '2 0 1: inserted inserted rejected',
          'without a key every record is a row');

-- Keys of several columns, names that need quotes, a table in parts.
CREATE SCHEMA "S 1";
CREATE TABLE "S 1"."T" ("Key" text, ordinal int, written int, record jsonb, PRIMARY KEY ("Key",
          ordinal)) PARTITION BY LIST (ordinal);
CREATE TABLE "S 1".one PARTITION OF "S 1"."T" FOR VALUES IN (1);
SELECT etl.create_ingest('parts', '"S 1"."T"', key_columns => '{Key,ordinal}');
SELECT is(told('parts', '[{"Key": "a", "ordinal": 1, "written": 5, "record": {"x": 1}}, {"Key": "b", "ordinal": 2}]'),
          '1 0 1: inserted rejected', 'a record that no partition takes');
SELECT is(told('parts', '[{"Key": "a", "ordinal": 1, "written": 6}, {"Key": "b", "ordinal": 1}]'),
          '2 0 0: updated inserted', 'a partitioned table');
SELECT results_eq('SELECT * FROM "S 1"."T" ORDER BY 1', $$VALUES ('a', 1, 6, NULL::jsonb), ('b', 1, NULL, NULL)$$,
          'its rows');

-- Triggers.
CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.message = 'raise' THEN
        RAISE EXCEPTION 'not this one';
    ELSIF new.message = 'nested' THEN
        PERFORM etl.ingest('events', '[{"id": 50}, {"id": "x"}]'::text);
    END IF;
    RETURN CASE WHEN new.message = 'drop' THEN NULL ELSE new END;
END
$$;
CREATE TRIGGER judge BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION judge();
SELECT is(told('log', '[{"message": "a"}, {"message": "raise"}, {"message": "drop"}, {"message": "b"}]'),
          '2 0 2: inserted rejected rejected inserted', 'what a trigger refuses or holds back');
SELECT is((SELECT array_agg(reason ORDER BY dead_letter_id DESC) FROM (
               SELECT * FROM etl.dead_letters WHERE extract = 'log' ORDER BY dead_letter_id DESC LIMIT 2) AS d),
          '{"a trigger or a rule of the table held the row back, or changed its key","not this one"}', 'the reasons');
SELECT is(told('log', '[{"message": "nested"}, {}]'), '1 0 1: inserted rejected',
          'a trigger that takes records in itself');
SELECT is((SELECT count(*) FROM etl.dead_letters WHERE extract = 'events' AND record = '{"id": "x"}'), 1::bigint,
          'each keeps its own rejects');

-- Foreign keys, also deferred ones.
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES event (id) DEFERRABLE INITIALLY DEFERRED);
SELECT etl.create_ingest('children', 'child', key_columns => '{id}');
SELECT is(told('children', '[{"id": 1, "parent": 1}, {"id": 2, "parent": 404}]'), '1 0 1: inserted rejected',
          'a reference to nothing');

-- A suite.
SELECT etl.load_suite('{"expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": 1}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "at"}}]}', 'prices');
CREATE TABLE judged (id int PRIMARY KEY, price numeric, at timestamptz);
SELECT etl.create_ingest('judged', 'judged', '{"id": "id", "price": "price", "at": "at"}', '{id}', suite => 'prices');
SELECT is(told('judged', '[{"id": 1, "price": 5, "at": "2024-01-01"}, {"id": 2, "price": 0}]'),
          '1 0 1: inserted rejected',
          'a row that breaks the suite');
SELECT is((SELECT reason FROM etl.dead_letters WHERE extract = 'judged'),
          'the row breaks expect_column_values_to_be_between(price), expect_column_values_to_not_be_null(at)',
          'the reason');
UPDATE etl.dead_letter SET record = '{"id": 2, "price": 2, "at": "2024-01-01"}' WHERE extract = 'judged';
SELECT is((SELECT inserted FROM etl.replay_dead_letters('judged')), 1::bigint, 'a record that was mended');

CREATE TABLE bare (price numeric, at timestamptz);
CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RETURN CASE WHEN new.price <> 3 THEN new END; END$$;
CREATE TRIGGER keep_out BEFORE INSERT ON bare FOR EACH ROW EXECUTE FUNCTION keep_out();
SELECT etl.create_ingest('bare', 'bare', suite => 'prices');
SELECT is(told('bare',
          '[{"price": 0, "at": "2024-01-01"}, {"price": 2, "at": "2024-01-01"}, {"price": 3, "at": "2024-01-01"}]'),
          '1 0 2: rejected inserted rejected', 'a suite and a trigger, without a key');
SELECT is((SELECT count(*) FROM bare), 1::bigint, 'one row');

SELECT etl.load_suite('{"expectations": [{"type": "expect_column_values_to_be_unique",
                                          "kwargs": {"column": "price"}}]}',
                      'all_rows');
SELECT throws_ok($$SELECT etl.create_ingest('unique', 'bare', suite => 'all_rows')$$, '22023',
                 'suite "all_rows" has no expectation that a single row can break', 'a suite that judges no record');

-- What becomes of bad records is for the source to say.
SELECT etl.alter_ingest('judged', on_bad_row => 'skip');
SELECT is(told('judged', '{"id": 3, "price": 0}'), '0 0 1: rejected', 'skip');
SELECT is((SELECT count(*) FROM etl.dead_letters WHERE extract = 'judged'), 0::bigint, 'keeps nothing');
SELECT etl.alter_ingest('judged', on_bad_row => 'error');
SELECT throws_ok($$SELECT etl.ingest('judged',
          '[{"id": 5, "price": 5, "at": "2024-01-01"}, {"id": 3, "price": 0}]'::jsonb)$$, '23514');
SELECT is((SELECT count(*) FROM judged WHERE id = 5), 0::bigint, 'error takes nothing in');

-- A table that changes while the session keeps the plan.
ALTER TABLE event ADD COLUMN more int;
SELECT is(told('events', '{"id": 60, "more": 8}'), '1 0 0: inserted', 'a new column');
SELECT is((SELECT more FROM event WHERE id = 60), 8, 'is filled');
ALTER TABLE event DROP COLUMN kind;
SELECT is(told('events', '{"id": 61, "kind": "x", "more": 9}'), '1 0 0: inserted', 'a column less');
ALTER TABLE event ALTER COLUMN more TYPE text;
SELECT is(told('events', '{"id": 62, "more": "ten"}'), '1 0 0: inserted', 'another type');

-- Arrays of jsonb, and one jsonb.
SELECT is((SELECT accepted FROM etl.ingest('events', ARRAY['{"id": 70}', '{"id": 71}']::jsonb[])), 2, 'jsonb[]');
SELECT is((SELECT accepted FROM etl.ingest('events', '{"id": 72}'::jsonb)), 1, 'jsonb');
SELECT is((SELECT accepted FROM etl.ingest('events', '[{"id": 73}, {"id": 74}]'::jsonb)), 2, 'a jsonb array');
SELECT throws_ok($$SELECT etl.ingest('events', NULL::jsonb[])$$, '22004', 'no records were given', 'no records');

-- Errors.
SELECT throws_ok($$SELECT etl.ingest('nope', '{}'::text)$$, '42704', 'source "nope" does not exist', 'no such source');
SELECT throws_ok($$SELECT etl.create_ingest('x', 'log', key_columns => '{message}')$$, '42P10', NULL,
          'a key that is not unique');
SELECT throws_ok($$SELECT etl.create_ingest('x', 'sale', write_mode => 'replace')$$, '22023', NULL,
          'another write mode');
SELECT throws_ok($$SELECT etl.create_ingest('x', 'sale', '{"price": "p"}', '{id}')$$, '23502', NULL,
          'a key without a rule');

-- An ordinary role, its own sources and what it sees.
CREATE ROLE ingest_writer;
CREATE SCHEMA shop AUTHORIZATION ingest_writer;
CREATE TABLE shop.note (id int PRIMARY KEY, body text);
GRANT SELECT, INSERT ON shop.note TO ingest_writer;
SET LOCAL ROLE ingest_writer;
SELECT throws_ok($$SELECT etl.create_ingest('notes', 'shop.note', key_columns => '{id}')$$, '42501', NULL,
                 'upsert needs UPDATE');
SELECT etl.create_ingest('notes', 'shop.note', key_columns => '{id}', write_mode => 'append');
SELECT is(i.verdicts, '[{"record": 1, "verdict": "inserted"}, {"record": 2, "verdict": "duplicate"}]',
          'append does not')
FROM etl.ingest('notes', '[{"id": 1, "body": "a"}, {"id": 1}]'::jsonb) AS i;
SELECT throws_ok($$SELECT etl.ingest('sales', '{}'::jsonb)$$, '42704', NULL, 'another role''s source');
SELECT is((SELECT count(*) FROM etl.ingestions), 1::bigint, 'its own calls');
SELECT is((SELECT count(*) FROM etl.dead_letters), 0::bigint, 'and dead letters');
SELECT etl.pause_extract('notes');
SELECT throws_ok($$SELECT etl.ingest('notes', '{"id": 2}'::jsonb)$$, '55000', 'source "notes" is paused',
          'a paused source');
RESET ROLE;
REVOKE INSERT ON shop.note FROM ingest_writer;
SET LOCAL ROLE ingest_writer;
SELECT etl.resume_extract('notes');
SELECT throws_ok($$SELECT etl.ingest('notes', '{"id": 3}'::jsonb)$$, '42501', NULL, 'a privilege that is gone');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
