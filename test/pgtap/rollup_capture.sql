-- Capture: what each kind of statement leaves in the log of a source, and how much a statement logs at most.
BEGIN;
SELECT plan(64);
SET LOCAL timezone = 'UTC';

CREATE TABLE sale (id int PRIMARY KEY, event int, price numeric(10,2), at timestamptz, note text);
CREATE FUNCTION capture(source regclass, number int, kind text, used name[], columns name[], expressions text[])
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    log text := format('public.%s_log_%s', source, number);
BEGIN
    PERFORM etl._create_log_table(log, kind, source, columns, expressions, 'public.rollup');
    RETURN (SELECT string_agg(c::text, ', ') FROM etl._create_capture(source, 7, number, log, kind, used, expressions)
                                                  AS c);
END
$$;

-- The log ------------------------------------------------------------------------------------------------------------

SELECT is(capture('sale', 1, 'keys', '{at,event,price}', '{hour,event}',
                  ARRAY[$$date_trunc('hour', at, 'UTC')$$, 'event']), 'sale', 'hours and events of a table');
SELECT is(capture('sale', 2, 'columns', '{event,price}', '{event}', '{event}'), 'sale', 'its events');
SELECT is(capture('sale', 3, 'images', '{id,price}', '{id,price}', '{id,price}'), 'sale', 'its rows');
SELECT is(capture('sale', 4, 'columns', '{price}', '{}', '{}'), 'sale', 'whether anything has changed');
SELECT columns_are('sale_log_1', ARRAY['etl_op', 'etl_at', 'etl_to', 'hour', 'event'], 'a log of keys');
SELECT columns_are('sale_log_2', ARRAY['etl_op', 'etl_at', 'event'], 'a log of columns');
SELECT columns_are('sale_log_3', ARRAY['etl_op', 'etl_at', 'id', 'price'], 'a log of images');
SELECT columns_are('sale_log_4', ARRAY['etl_op', 'etl_at'], 'a log of nothing');
SELECT col_type_is('sale_log_1', 'etl_to', 'timestamp with time zone', 'a range ends with a key');
SELECT col_type_is('sale_log_3', 'price', 'numeric(10,2)', 'values are of the types that they have in the table');
SELECT is((SELECT count(*)::int FROM pg_trigger WHERE tgfoid = 'etl._capture'::regproc), 16, 'four triggers for each');
SELECT is(obj_description('sale_log_1'::regclass),
          'What has changed in table public.sale since rollup public.rollup was refreshed: its triggers add rows, and '
          'the refresh deletes them. It must have no index, constraint or trigger.', 'the log says what it is');
SELECT is((SELECT string_agg(c.relreplident, '' ORDER BY c.relname) FROM pg_class AS c WHERE c.relname ~ '^sale_log_'),
          'ffff', 'its rows can be deleted where all tables are published');
SELECT is_empty($$SELECT etl._create_capture('sale', 7, 1, 'public.sale_log_1', 'keys', '{at,event,price}',
                                             ARRAY['date_trunc(''hour'', at, ''UTC'')', 'event'])$$,
                'a table that has its triggers gets none');

-- What a statement has logged, and forgets: op, values and, for a range, its end.
CREATE FUNCTION logged(number int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format($q$
        WITH gone AS (DELETE FROM sale_log_%s RETURNING *)
        SELECT string_agg(concat_ws(' ', etl_op, (SELECT string_agg(coalesce(value, '-'), ' ' ORDER BY n)
                                                  FROM json_each_text(to_json(g)) WITH ORDINALITY AS e(key, value, n)
                                                  WHERE key NOT IN ('etl_op', 'etl_at'))), ', ' ORDER BY g::text)
        FROM gone AS g $q$, number) INTO found;
    RETURN replace(replace(found, ':00:00+00:00', ''), '2026-01-', '');
END
$$;

-- Statements ---------------------------------------------------------------------------------------------------------

INSERT INTO sale SELECT i, i % 2, 10 * i, '2026-01-01 00:00Z'::timestamptz + i * interval '25 min', 'x'
FROM generate_series(1, 5) AS i;
SELECT is(logged(1), 'c - 01T00 0, c - 01T00 1, c - 01T01 0, c - 01T01 1, c - 01T02 1', 'INSERT: each key once');
SELECT is(logged(2), 'c 0, c 1', 'INSERT: each value once');
SELECT is(logged(3), '+ 1 10.00, + 2 20.00, + 3 30.00, + 4 40.00, + 5 50.00', 'INSERT: every row');
SELECT is(logged(4), 'c', 'INSERT: something has changed');

UPDATE sale SET note = 'y';
SELECT is(concat(logged(1), logged(2), logged(3), logged(4)), '', 'UPDATE of a column that is not in use');
UPDATE sale SET price = price, event = event + 0;
SELECT is(concat(logged(1), logged(2), logged(3), logged(4)), '', 'UPDATE that leaves values as they are');
UPDATE sale SET price = 11 WHERE id <= 2 AND note <> 'z';
SELECT is(logged(1), 'c - 01T00 0, c - 01T00 1', 'UPDATE of a value: the keys of these rows');
SELECT is(logged(3), '+ 1 11.00, + 2 11.00, - 1 10.00, - 2 20.00', 'UPDATE of a value: both images');
UPDATE sale SET at = '2026-01-03 07:00Z', event = NULL WHERE id = 1;
SELECT is(logged(1), 'c - 01T00 1, c - 03T07 -', 'UPDATE of a key: the old group and the new one, and NULL is a key');
SELECT is(logged(2), 'c 0, c 1, c -, c 1', 'of both updates, one after the other');
SELECT is(logged(3), NULL, 'a log that does not hold the key has nothing');
SELECT is(logged(4), 'c', 'one of the two changed a price');
DELETE FROM sale WHERE id IN (1, 2);
SELECT is(logged(1), 'c - 01T00 0, c - 03T07 -', 'DELETE: the keys of the old rows');
SELECT is(logged(3), '- 1 11.00, - 2 11.00', 'DELETE: the old rows');
SELECT is(concat(logged(2), ' ', logged(4)), 'c -, c 0 c', 'DELETE: their values');
DELETE FROM sale WHERE id = 1;
UPDATE sale SET price = 0 WHERE id = 1;
INSERT INTO sale SELECT * FROM sale WHERE false;
SELECT is(concat(logged(1), logged(2), logged(3), logged(4)), '', 'statements that find no row log nothing');

INSERT INTO sale VALUES (3, 1, 33, '2026-01-05 05:00Z'), (6, 1, 60, '2026-01-06 06:00Z')
ON CONFLICT (id) DO UPDATE SET price = excluded.price, at = excluded.at;
SELECT is(logged(1), 'c - 01T01 1, c - 05T05 1, c - 06T06 1', 'ON CONFLICT DO UPDATE: what is new, and what changes');
SELECT is(logged(3), '+ 3 33.00, + 6 60.00, - 3 30.00', 'and the images of both');
INSERT INTO sale VALUES (3, 9, 9, '2026-01-09 09:00Z') ON CONFLICT DO NOTHING;
SELECT is(concat(logged(1), logged(3)), '', 'ON CONFLICT DO NOTHING');
SELECT logged(2), logged(4) \g /dev/null

MERGE INTO sale AS s
USING (VALUES (3, 34), (4, NULL), (8, 80)) AS v(id, price) ON v.id = s.id
WHEN MATCHED AND v.price IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET price = v.price
WHEN NOT MATCHED THEN INSERT VALUES (v.id, 2, v.price, '2026-01-08 08:00Z', 'merged');
SELECT is(logged(3), '+ 3 34.00, + 8 80.00, - 3 33.00, - 4 40.00', 'MERGE inserts, updates and deletes');
SELECT is(logged(1), 'c - 01T01 0, c - 05T05 1, c - 08T08 2', 'and logs the keys of all three');

WITH gone AS (DELETE FROM sale WHERE id = 8 RETURNING *),
     raised AS (UPDATE sale SET price = price + 1 WHERE id = 3 RETURNING *),
     again AS (UPDATE sale SET price = price + 1 WHERE id = 5 RETURNING *)
INSERT INTO sale SELECT id + 100, event, price, at, 'moved' FROM gone;
SELECT is(logged(3), '+ 108 80.00, + 3 35.00, + 5 51.00, - 3 34.00, - 5 50.00, - 8 80.00',
          'one statement that changes the table in several ways');
SELECT logged(1), logged(2), logged(4) \g /dev/null

COPY sale FROM PROGRAM 'printf "20\t3\t7\t2026-01-20 20:00Z\tcopied\n21\t\\N\t\\N\t\\N\t\\N\n"';
SELECT is(logged(1), 'c - 20T20 3, c - - -', 'COPY, and a row without a key');
SELECT is(logged(3), '+ 20 7.00, + 21 -', 'COPY: its rows');

-- Transactions -------------------------------------------------------------------------------------------------------

SAVEPOINT before;
DELETE FROM sale WHERE id = 20;
ROLLBACK TO before;
SELECT is(concat(logged(1), logged(3)), '', 'what is rolled back to a savepoint is not in the log');
SAVEPOINT before;
UPDATE sale SET price = 8 WHERE id = 20;
RELEASE before;
SELECT is(logged(3), '+ 20 8.00, - 20 7.00', 'what is released is');
SELECT logged(1), logged(2), logged(4) \g /dev/null

-- Rows that other statements change on the way -----------------------------------------------------------------------

CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        UPDATE sale SET price = price * 2 WHERE id = NEW.id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER follow AFTER INSERT ON sale FOR EACH ROW EXECUTE FUNCTION follow();
INSERT INTO sale VALUES (30, 3, 3, '2026-01-30 00:00Z'), (31, 3, 4, '2026-01-31 00:00Z');
SELECT is(logged(3), '+ 30 3.00, + 30 6.00, + 31 4.00, + 31 8.00, - 30 3.00, - 31 4.00',
          'statements of triggers are logged beside the one that fires them');
DROP TRIGGER follow ON sale;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.price := 99;
    RETURN CASE WHEN NEW.id <> 30 THEN NEW END;
END
$$;
CREATE TRIGGER swallow BEFORE UPDATE ON sale FOR EACH ROW EXECUTE FUNCTION swallow();
UPDATE sale SET price = 5 WHERE id IN (30, 31);
SELECT is(logged(3), '+ 31 99.00, - 31 8.00', 'rows are logged as triggers have left them');
DROP TRIGGER swallow ON sale;
SELECT logged(1), logged(2), logged(4) \g /dev/null

-- Markers ------------------------------------------------------------------------------------------------------------

SET LOCAL pg_etl.rollup_log_rows = 3;
INSERT INTO sale SELECT 100 * i, i, i, '2026-01-01 00:00Z'::timestamptz + i * interval '1 day', 'm'
FROM generate_series(2, 4) AS i;
SELECT is(logged(1), 'c - 03T00 2, c - 04T00 3, c - 05T00 4', 'as many keys as a statement may log');
SELECT is(logged(3), '+ 200 2.00, + 300 3.00, + 400 4.00', 'as many rows as a statement may log');
SELECT logged(2), logged(4) \g /dev/null
INSERT INTO sale SELECT 100 * i, i, i, '2026-01-01 00:00Z'::timestamptz + (i * 7 % 10) * interval '1 day', 'm'
FROM generate_series(5, 12) AS i;
SELECT is(logged(1), 'b 10T00 01T00 -', 'more keys: the range of the first ones');
SELECT is(logged(2), 'a -', 'more values: everything');
SELECT is(logged(3), 'a - -', 'more rows: everything');
SELECT is(logged(4), 'c', 'a change is one row however many rows it is about');
UPDATE sale SET price = price + 1 WHERE id >= 500;
SELECT is(logged(3), 'a - -', 'more images of an UPDATE than a statement may log');
UPDATE sale SET price = CASE WHEN id = 500 THEN 0 ELSE price END WHERE id >= 500;
SELECT is(logged(3), '+ 500 0.00, - 500 6.00', 'rows that an UPDATE leaves as they are do not count');
SELECT logged(1), logged(2), logged(4) \g /dev/null
INSERT INTO sale SELECT 10000 + i, 1, 1, CASE WHEN i <> 6 THEN now() + i * interval '1 day' END, 'n'
FROM generate_series(1, 8) AS i;
SELECT is(logged(1), 'a - - -', 'no range holds NULL');
UPDATE sale SET at = '2026-01-01 05:00Z' WHERE id > 10000;
SELECT is(logged(1), 'a - - -', 'no more do old keys');
SELECT logged(2), logged(3), logged(4) \g /dev/null
SET LOCAL pg_etl.rollup_log_rows = 0;
INSERT INTO sale VALUES (50, 5, 5, '2026-01-15 05:30Z');
SELECT is(logged(1), 'b 15T05 15T05 -', 'no key may be logged, a range is');
SELECT is(logged(3), 'a - -', 'no row may be logged');
RESET pg_etl.rollup_log_rows;
SELECT logged(2), logged(4) \g /dev/null

-- What is erased -----------------------------------------------------------------------------------------------------

SET LOCAL pg_etl.erasing = on;
DELETE FROM sale WHERE id = 50;
SELECT is(logged(1), 'e - 15T05 5', 'the key of an erased row');
SELECT is(logged(2), 'e 5', 'its value');
SELECT is(logged(3), 'e 50 5.00', 'its image');
INSERT INTO sale VALUES (50, 5, 5, '2026-01-15 05:30Z');
UPDATE sale SET price = 6 WHERE id = 50;
SELECT is(logged(3), '+ 50 5.00, + 50 6.00, - 50 5.00', 'rows that stay are not erased');
RESET pg_etl.erasing;
SELECT logged(1), logged(2), logged(4) \g /dev/null

TRUNCATE sale;
SELECT is(concat_ws(', ', logged(1), logged(2), logged(3), logged(4)), 'a - - -, a -, a - -, a', 'TRUNCATE');
TRUNCATE sale;
SELECT is(logged(1), 'a - - -', 'TRUNCATE of an empty table, too');

-- The end ------------------------------------------------------------------------------------------------------------

SELECT lives_ok('SELECT etl._drop_capture(7, 1)', 'one source is dropped');
SELECT is((SELECT count(*)::int FROM pg_trigger WHERE tgfoid = 'etl._capture'::regproc), 12, 'the others are not');
SELECT lives_ok('SELECT etl._drop_capture(7)', 'all of them are');
SELECT is((SELECT count(*)::int FROM pg_trigger WHERE tgfoid = 'etl._capture'::regproc), 0, 'no trigger is left');

SELECT * FROM finish();
ROLLBACK;
