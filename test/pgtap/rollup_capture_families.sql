-- Capture in families of tables: partitions, children, foreign keys that pass a change on, and rows that move. What was
-- logged, put upon the rows that were there, must give the rows that are there now, whatever the statements.
BEGIN;
SELECT plan(44);
SET LOCAL timezone = 'UTC';

-- The rows of a table as its log (kind images) tells them: those of before, with the log's added and taken away.
CREATE FUNCTION lost(source regclass, log regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    differences bigint;
BEGIN
    EXECUTE format($q$
        SELECT count(*) FROM (
            SELECT i, d FROM (
                SELECT id AS i, day AS d, 1 AS n FROM before
                UNION ALL SELECT id, day, CASE etl_op WHEN '+' THEN 1 ELSE -1 END FROM %2$s
                UNION ALL SELECT id, day, -1 FROM %1$s
            ) AS v
            GROUP BY i, d HAVING sum(n) <> 0
        ) AS different $q$, source, log) INTO differences;
    EXECUTE format('TRUNCATE before; INSERT INTO before SELECT id, day FROM %s', source);
    RETURN differences;
END
$$;
CREATE TABLE before (id int, day date);
-- Which tables of a family have been given triggers.
CREATE FUNCTION captured(source regclass, rollup int, log text, used name[] DEFAULT '{id,day}') RETURNS text
LANGUAGE sql AS $$
    SELECT string_agg(c::text, ', ') FROM etl._create_capture(source, rollup, 1, log, 'images', used, '{id,day}') AS c
$$;
CREATE FUNCTION forget(log regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    many bigint;
BEGIN
    EXECUTE format('DELETE FROM %s', log);
    GET DIAGNOSTICS many = ROW_COUNT;
    RETURN many;
END
$$;

-- Partitions ---------------------------------------------------------------------------------------------------------

CREATE TABLE part (id int, gone int, day date NOT NULL, note text) PARTITION BY RANGE (day);
ALTER TABLE part DROP COLUMN gone;
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE part_2 (note text, dropped int, day date NOT NULL, id int,
                     more text GENERATED ALWAYS AS (note || '!') STORED);
ALTER TABLE part_2 DROP COLUMN dropped, DROP COLUMN more;
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE part_3 PARTITION OF part FOR VALUES FROM ('2026-03-01') TO ('2026-04-01') PARTITION BY LIST (id);
CREATE TABLE part_3_rest PARTITION OF part_3 DEFAULT;
SELECT etl._create_log_table('public.part_log', 'images', 'part', '{id,day}', '{id,day}') \g /dev/null
SELECT is(captured('part', 1, 'public.part_log'),
          'part, part_1, part_2, part_3, part_3_rest', 'the partitions of all levels are captured');
INSERT INTO part SELECT i, '2026-01-01'::date + i, 'n' FROM generate_series(1, 80) AS i;
SELECT is(lost('part', 'part_log'), 0::bigint, 'INSERT by way of the root');
SELECT is(forget('part_log'), 80::bigint, 'logs each row once');
INSERT INTO part_2 (id, day) VALUES (100, '2026-02-02');
INSERT INTO part_3 (id, day) VALUES (101, '2026-03-02');
COPY part_1 (id, day) FROM PROGRAM 'echo 102,2026-01-20' (FORMAT csv);
COPY part (id, day) FROM PROGRAM 'printf "103,2026-01-20\n104,2026-02-20\n105,2026-03-20\n"' (FORMAT csv);
SELECT is(lost('part', 'part_log'), 0::bigint, 'INSERT into partitions, and COPY');
SELECT is(forget('part_log'), 6::bigint, 'log each row once');
UPDATE part SET day = day + 31 WHERE id IN (5, 10, 35) AND day < '2026-03-01';
SELECT is(lost('part', 'part_log'), 0::bigint, 'UPDATE that moves rows to other partitions');
SELECT is(forget('part_log'), 6::bigint, 'logs the old row and the new one');
UPDATE part SET note = 'm';
SELECT is(forget('part_log'), 0::bigint, 'UPDATE of what is not in use');
UPDATE part_3 SET id = id + 1000;
SELECT is(lost('part', 'part_log'), 0::bigint, 'UPDATE of a partition');
SELECT is(forget('part_log') > 0, true, 'is logged');

CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE WHEN NEW.id % 2 = 0 THEN NEW END;
END
$$;
CREATE TRIGGER swallow BEFORE INSERT ON part_2 FOR EACH ROW EXECUTE FUNCTION swallow();
UPDATE part SET day = day + 31 WHERE id BETWEEN 12 AND 15;
SELECT is(lost('part', 'part_log'), 0::bigint, 'rows that a trigger swallows on their way');
SELECT is(forget('part_log'), 6::bigint, 'have an old image and no new one');
DROP TRIGGER swallow ON part_2;

MERGE INTO part AS p
USING (SELECT i AS id FROM generate_series(20, 40) AS i) AS v ON v.id = p.id
WHEN MATCHED AND p.id < 25 THEN DELETE
WHEN MATCHED THEN UPDATE SET day = p.day + 31
WHEN NOT MATCHED THEN INSERT (id, day) VALUES (v.id, '2026-01-01');
SELECT is(lost('part', 'part_log'), 0::bigint, 'MERGE that moves rows');
SELECT forget('part_log') \g /dev/null
DELETE FROM part WHERE id < 12;
DELETE FROM part_1;
SELECT is(lost('part', 'part_log'), 0::bigint, 'DELETE by way of the root, and of a partition');
SELECT forget('part_log') \g /dev/null

TRUNCATE part_2;
SELECT is((SELECT string_agg(etl_op::text, '') FROM part_log), 'a', 'TRUNCATE of a partition');
SELECT forget('part_log') \g /dev/null
TRUNCATE part;
SELECT is((SELECT count(*) FILTER (WHERE etl_op = 'a') FROM part_log), 5::bigint,
          'TRUNCATE of the root: of each table');
SELECT forget('part_log'), lost('part', 'part_log') \g /dev/null

CREATE TABLE part_4 PARTITION OF part FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
SELECT is(captured('part', 1, 'public.part_log'), 'part_4', 'a new partition');
INSERT INTO part_4 VALUES (1, '2026-04-01');
SELECT is(lost('part', 'part_log'), 0::bigint, 'is captured then');
ALTER TABLE part_4 DISABLE TRIGGER USER;
SELECT is(captured('part', 1, 'public.part_log'), 'part_4',
          'a table whose triggers are off gets them back');
SELECT is(captured('part_4', 1, 'public.part_log', '{id}'), 'part_4',
          'triggers with other arguments are replaced');
ALTER TABLE part DETACH PARTITION part_4;
SELECT etl._drop_capture(1) \g /dev/null
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgfoid = 'etl._capture'::regproc), 0::bigint,
          'triggers are dropped from tables that have left the family');

-- Inheritance --------------------------------------------------------------------------------------------------------

CREATE TABLE parent (id int, day date);
CREATE TABLE child (own text, CHECK (id > 100)) INHERITS (parent);
CREATE TABLE grandchild () INHERITS (child);
SELECT etl._create_log_table('public.parent_log', 'images', 'parent', '{id,day}', '{id,day}') \g /dev/null
SELECT is(captured('parent', 2, 'public.parent_log'),
          'parent, child, grandchild', 'tables that inherit are captured');
SELECT lost('parent', 'parent_log') \g /dev/null
INSERT INTO parent VALUES (1, '2026-01-01'), (2, '2026-01-02');
INSERT INTO child VALUES (101, '2026-01-01', 'c'), (102, '2026-01-02', 'c');
INSERT INTO grandchild VALUES (201, '2026-01-01', 'g'), (202, '2026-01-02', 'g');
SELECT is(lost('parent', 'parent_log'), 0::bigint, 'INSERT into each');
SELECT is(forget('parent_log'), 6::bigint, 'logs each row once');
UPDATE parent SET day = day + 1 WHERE id % 100 = 1;
SELECT is(lost('parent', 'parent_log'), 0::bigint, 'UPDATE by way of the parent');
SELECT is(forget('parent_log'), 6::bigint, 'logs each row once');
UPDATE child SET own = 'other';
DELETE FROM ONLY parent WHERE id = 1;
DELETE FROM child WHERE id % 100 = 2;
SELECT is(lost('parent', 'parent_log'), 0::bigint, 'DELETE from each');
SELECT is(forget('parent_log'), 3::bigint, 'logs each row once');

-- Foreign keys -------------------------------------------------------------------------------------------------------

CREATE TABLE owner (id int PRIMARY KEY);
CREATE TABLE pet (id int REFERENCES owner ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED, day date);
SELECT etl._create_log_table('public.pet_log', 'images', 'pet', '{id,day}', '{id,day}') \g /dev/null
SELECT etl._create_capture('pet', 3, 1, 'public.pet_log', 'images', '{id,day}', '{id,day}') \g /dev/null
SELECT lost('pet', 'pet_log') \g /dev/null
INSERT INTO owner SELECT generate_series(1, 9);
INSERT INTO pet SELECT 1 + i % 9, '2026-01-01'::date + i FROM generate_series(1, 30) AS i;
SELECT is(lost('pet', 'pet_log'), 0::bigint, 'rows that refer to others');
SELECT forget('pet_log') \g /dev/null
UPDATE owner SET id = id + 10 WHERE id < 4;
SELECT is(lost('pet', 'pet_log'), 0::bigint, 'ON UPDATE CASCADE');
SELECT is(forget('pet_log') > 0, true, 'is logged');
DELETE FROM owner WHERE id IN (5, 6, 11);
SELECT is(lost('pet', 'pet_log'), 0::bigint, 'ON DELETE CASCADE');
SELECT is(forget('pet_log') > 0, true, 'is logged');
SET CONSTRAINTS ALL IMMEDIATE;

-- Anything, in any order ---------------------------------------------------------------------------------------------

CREATE TABLE random_part (id int, day date, note text) PARTITION BY HASH (id);
CREATE TABLE random_part_0 PARTITION OF random_part FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE random_part_1 PARTITION OF random_part FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE random_part_2 (note text, day date, id int);
ALTER TABLE random_part ATTACH PARTITION random_part_2 FOR VALUES WITH (MODULUS 3, REMAINDER 2);
SELECT etl._create_log_table('public.random_log', 'images', 'random_part', '{id,day}', '{id,day}') \g /dev/null
SELECT etl._create_capture('random_part', 4, 1, 'public.random_log', 'images', '{id,day}', '{id,day}') \g /dev/null
SELECT etl._create_log_table('public.random_keys', 'keys', 'random_part', '{month}',
                             '{"date_trunc(''month'', day::timestamp)"}') \g /dev/null
SELECT etl._create_capture('random_part', 4, 2, 'public.random_keys', 'keys', '{day}',
                           '{"date_trunc(''month'', day::timestamp)"}') \g /dev/null
SELECT lost('random_part', 'random_log') \g /dev/null
CREATE TABLE months AS SELECT date_trunc('month', day::timestamp) AS month, count(*) FROM random_part GROUP BY 1;
-- How many rows statements at random have changed without a trace. What a log says by "a" is not looked at closer.
CREATE FUNCTION storm(rounds int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    differences bigint := 0;
BEGIN
    FOR i IN 1 .. rounds LOOP
        BEGIN
            EXECUTE (ARRAY[
                'INSERT INTO random_part SELECT 1000 * random(), ''2026-01-01''::date + (300 * random())::int
                 FROM generate_series(1, 1 + (20 * random())::int)',
                'UPDATE random_part SET id = 1000 * random() WHERE id < 1000 * random() AND random() < 0.2',
                'UPDATE random_part SET day = day + (30 * random())::int WHERE random() < 0.05',
                'UPDATE random_part_1 SET day = nullif(day, ''2026-03-03'') WHERE random() < 0.1',
                'DELETE FROM random_part WHERE random() < 0.05',
                'DELETE FROM random_part_2 WHERE random() < 0.05',
                'MERGE INTO random_part AS p
                 USING (SELECT DISTINCT ON (id) id FROM random_part WHERE random() < 0.1) AS v ON v.id = p.id
                 WHEN MATCHED AND p.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET id = p.id + 1',
                'MERGE INTO random_part AS p
                 USING (SELECT DISTINCT ON (id) id FROM random_part WHERE random() < 0.1) AS v ON v.id = p.id
                 WHEN MATCHED THEN UPDATE SET day = p.day + 1'
            ])[1 + i * 7919 % 8];
            IF random() < 0.2 THEN
                RAISE EXCEPTION 'undo';
            END IF;
        EXCEPTION WHEN raise_exception THEN
        END;
        IF i % 3 = 0 AND NOT EXISTS (SELECT FROM random_log WHERE etl_op = 'a') THEN
            differences := differences + lost('random_part', 'random_log');
            DELETE FROM random_log;
        ELSIF i % 3 = 0 THEN
            PERFORM lost('random_part', 'random_log');
            DELETE FROM random_log;
        END IF;
    END LOOP;
    RETURN differences;
END
$$;
SELECT setseed(0.42) \g /dev/null
SELECT is(storm(600), 0::bigint, 'six hundred statements, some of them rolled back, leave their traces');
SELECT is_empty($$
    SELECT month FROM (SELECT month, count FROM months
                       FULL JOIN (SELECT date_trunc('month', day::timestamp) AS month, count(*) AS now
                                  FROM random_part GROUP BY 1) AS n USING (month)
                       WHERE count IS DISTINCT FROM now) AS changed
    WHERE NOT EXISTS (SELECT FROM random_keys AS k WHERE k.month IS NOT DISTINCT FROM changed.month)
$$, 'and each group that has changed is in the log of keys');

-- Rows that MERGE moves ----------------------------------------------------------------------------------------------

DELETE FROM random_log;
MERGE INTO random_part AS p USING (VALUES (1)) AS v(id) ON p.id % 2 = 1
WHEN MATCHED THEN UPDATE SET day = '2026-12-12';
SELECT is((SELECT count(*) FROM random_log WHERE etl_op = 'a'), 0::bigint,
          'MERGE that does not touch the partition key');
SELECT lost('random_part', 'random_log') \g /dev/null
DELETE FROM random_log;
MERGE INTO random_part AS p USING (VALUES (1)) AS v(id) ON p.id % 2 = 1
WHEN MATCHED THEN UPDATE SET id = p.id + 1000;
SELECT is((SELECT count(*) FROM random_log WHERE etl_op = 'a'), 1::bigint,
          'PostgreSQL hides what a MERGE moves, and the log says that anything may have changed');
DELETE FROM random_log;
MERGE INTO random_part AS p USING (VALUES (1), (-1)) AS v(id) ON p.id % 2 = v.id
WHEN MATCHED AND p.id < 20 THEN DELETE
WHEN MATCHED THEN UPDATE SET id = p.id + 1
WHEN NOT MATCHED THEN INSERT VALUES (-1, '2026-01-01');
SELECT is((SELECT count(*) FROM random_log WHERE etl_op = 'a'), 0::bigint, 'but not where it has all three actions');
CREATE FUNCTION jump() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.id := NEW.id + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER jump BEFORE UPDATE ON random_part_1 FOR EACH ROW EXECUTE FUNCTION jump();
DELETE FROM random_log;
MERGE INTO random_part AS p USING (VALUES (1)) AS v(id) ON p.id % 2 = 1
WHEN MATCHED THEN UPDATE SET day = '2026-11-11';
SELECT is((SELECT count(*) FROM random_log WHERE etl_op = 'a'), 1::bigint, 'a trigger may move rows, too');
SELECT lost('random_part', 'random_log') \g /dev/null
DELETE FROM random_log;
UPDATE random_part SET day = '2026-10-10';
SELECT is((SELECT count(*) FROM random_log WHERE etl_op = 'a'), 0::bigint, 'an UPDATE shows what it moves');
SELECT is(lost('random_part', 'random_log'), 0::bigint, 'all of it');

-- PostgreSQL shows triggers such a row before its generated columns are computed.
CREATE TABLE made (id int, k int, day date GENERATED ALWAYS AS ('2026-01-01'::date + k) STORED) PARTITION BY LIST (id);
CREATE TABLE made_1 (k int, id int, day date GENERATED ALWAYS AS ('2026-01-01'::date + k) STORED);
ALTER TABLE made ATTACH PARTITION made_1 DEFAULT;
CREATE TABLE made_2 PARTITION OF made FOR VALUES IN (2);
SELECT etl._create_log_table('public.made_log', 'images', 'made', '{id,day}', '{id,day}') \g /dev/null
SELECT captured('made', 7, 'public.made_log') \g /dev/null
TRUNCATE before;
INSERT INTO made (id, k) SELECT i % 3, i FROM generate_series(1, 9) AS i;
SELECT is(lost('made', 'made_log'), 0::bigint, 'generated columns of rows in a partition of another order of columns');
COPY made (id, k) FROM PROGRAM 'printf "3,3\n2,4\n"' (FORMAT csv);
DELETE FROM made_log WHERE etl_op = '-';
SELECT is((SELECT count(*) FROM made_log WHERE day IS NULL), 0::bigint, 'COPY, too');
SELECT lost('made', 'made_log') \g /dev/null
DELETE FROM made_log;
UPDATE made SET id = 5 - id, k = k + 1;
SELECT is(lost('made', 'made_log'), 0::bigint, 'and rows that move');

SELECT * FROM finish();
ROLLBACK;
