-- The audit of etl.dedupe, etl.undo_dedupe, repoint and etl.prune_removed_duplicates.
BEGIN;
SELECT plan(59);

-- All kinds of types, there and back --------------------------------------------------------------------------------

CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TYPE spot AS (x int, note text, inner_array float8[]);
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE every (
    k int, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, i2 int2, i8 int8, n numeric, np numeric(12, 4),
    f4 float4, f8 float8, m money, b bool, c char(5), v varchar(8), t text, by bytea, d date, ts timestamp,
    tz timestamptz, tm time, tmz timetz, iv interval, u uuid, j json, jb jsonb, ai int[], at text[], aj json[],
    nr numrange, tr tstzrange, mr int4multirange, cp spot, acp spot[], e mood, dom positive, inet inet, mac macaddr,
    bits bit(3), vbits varbit, pt point, bx box, tsv tsvector, xid8 xid8, lsn pg_lsn, rc regclass, "odd ""name" text,
    "row" text, gen text GENERATED ALWAYS AS (lower(t)) STORED, x xml, jp jsonpath, oid oid, nm name);
ALTER TABLE every ADD dropped int;
ALTER TABLE every DROP dropped;
INSERT INTO every (k, i2, i8, n, np, f4, f8, m, b, c, v, t, by, d, ts, tz, tm, tmz, iv, u, j, jb, ai, at, aj, nr, tr,
                   mr, cp, acp, e, dom, inet, mac, bits, vbits, pt, bx, tsv, xid8, lsn, rc, "odd ""name", "row", x,
                   jp, oid, nm)
VALUES
    (1, -32768, 9223372036854775807, 'NaN', 1.5, '-0', '-0', 12.34, true, 'ab', 'v', E'q"\\\t\n\u00e9', '\x00ff',
     'infinity', '-infinity', '1901-12-13 20:45:52.000001+01', '24:00', '12:00+15:59', '1 mon -1 day 00:00:00.000001',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"b": 1, "a": 1.00, "b": "\u0000"}', '"text"', '[2:3]={1,NULL}',
     '{"","NULL",NULL,"a,b"}', '{"{\"x\": 1}"}', '(1.0,1.00]', '[2020-01-01,)', '{[1,3),[5,9)}',
     ROW(1, NULL, '{-0,NaN}'), ARRAY[ROW(NULL, '', NULL)::spot], 'high', 7, '10.0.0.1/8', '08:00:2b:01:02:03', B'101',
     B'', '(1,-0)', '((0,0),(1,1))', 'fat:2 cat:3A', '123', 'FF/1', 'pg_class', 'odd', 'row', '<a/>', '$.a[*]', 42,
     'name'),
    (1, NULL, NULL, '1e-1000', NULL, 1.17549435e-38, 'Infinity', NULL, NULL, '', '', '', '', NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, 'null', 'null', '{}', '{}', NULL, 'empty', NULL, '{}', NULL, '{}', NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (1, 0, 0, 0.000, 0.0000, 4.9e-30, 4.9e-324, 0, false, 'abcde', 'same', 'Same', NULL, '4713-01-01 BC',
     '294276-12-31 23:59:59.999999', 'epoch', '00:00', '00:00-15:59', '-178000000 years', NULL, '[]', '{"a": 1.00}',
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'low', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (2, 1, 1, 1, 1, 1, 1, 1, true, 'x', 'x', 'x', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL);
CREATE FUNCTION pictures() RETURNS text LANGUAGE sql SET extra_float_digits = 3 AS
    $$SELECT string_agg(whole::text || md5(record_send(whole)), E'\n' ORDER BY id) FROM every AS whole$$;
CREATE TABLE picture AS SELECT pictures() AS before;
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL extra_float_digits = -10;
SET LOCAL bytea_output = 'escape';
SET LOCAL timezone = 'Asia/Kathmandu';
CREATE TABLE calls AS SELECT * FROM etl.dedupe('every', '{k}', 'last', 'id');
SELECT results_eq('SELECT groups, duplicates, removed FROM calls', $$VALUES (1::bigint, 2::bigint, 2::bigint)$$,
                  'a table of many types');
SELECT results_eq('SELECT id FROM every ORDER BY id', 'VALUES (3::bigint), (4)', 'keeps the last of each key');
SELECT results_eq($$SELECT run, relation, key, survivor, "row" ->> 'f8', "row" ->> 'tz',
                  owner FROM etl.removed_duplicates
                    ORDER BY ("row" ->> 'id')::int LIMIT 1$$,
                  $$SELECT run, 'public.every', '{"k": "1"}'::jsonb, '{"id": "3"}'::jsonb, '-0',
                           '1901-12-13 19:45:52.000001+00', current_user FROM calls$$,
                  'the audit has the row in texts, its key, and the primary key of the row that stayed');
SET LOCAL datestyle = 'German';
SELECT results_eq('SELECT u.* FROM calls, etl.undo_dedupe(run, dry_run => true) AS u',
                  'VALUES (2::bigint, 0::bigint)', 'a dry run of the way back');
SELECT is((SELECT count(*) FROM every), 2::bigint, 'changes nothing');
SELECT results_eq('SELECT u.* FROM calls, etl.undo_dedupe(run) AS u', 'VALUES (2::bigint, 0::bigint)', 'the way back');
RESET datestyle;
RESET intervalstyle;
RESET extra_float_digits;
RESET bytea_output;
RESET timezone;
SELECT is(pictures(), before, 'gives every value back to the letter') FROM picture;
SELECT is_empty('SELECT * FROM etl.removed_duplicates', 'and leaves none in the audit');
SELECT isnt(undone_at, NULL, 'the run says that it was undone') FROM etl.dedupe_runs;
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '55000', NULL, 'which goes once only') FROM calls;
SELECT throws_ok('SELECT * FROM etl.undo_dedupe(-1)', '42704', 'run -1 of etl.dedupe does not exist', 'no such run');
SELECT throws_ok('SELECT * FROM etl.undo_dedupe(NULL)', '42704', NULL, 'no run at all');

-- What is recorded ---------------------------------------------------------------------------------------------------

CREATE TABLE sale (id int, k text, note text);
INSERT INTO sale VALUES (1, 'a', 'x'), (2, 'a', 'y'), (3, 'b', 'z');
SELECT is(run, NULL, 'a dry run has no number') FROM etl.dedupe('sale', '{k}', dry_run => true);
SELECT is_empty($$SELECT * FROM etl.dedupe_runs WHERE relation = 'public.sale'$$, 'and leaves no record');
CREATE TABLE silent AS SELECT * FROM etl.dedupe('sale', '{k}', audit => false);
SELECT is_empty('SELECT d.* FROM etl.removed_duplicates AS d JOIN silent USING (run)', 'without audit nothing is kept');
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '55000',
                 format('run %s of etl.dedupe kept no audit', run), 'and nothing can be put back') FROM silent;
INSERT INTO sale VALUES (4, 'b', 'w');
CREATE TABLE loud AS SELECT * FROM etl.dedupe('sale', '{k}', 'first', 'id', where_sql => 'id > 2');
SELECT results_eq('SELECT survivor, "row" FROM etl.removed_duplicates JOIN loud USING (run)',
                  $$VALUES ('{"k": "b"}'::jsonb, '{"id": "4", "k": "b", "note": "w"}'::jsonb)$$,
                  'in a table without a primary key the key tells the survivor');
SELECT results_eq($$SELECT r.relation, keys, keep, order_by, nulls_equal, where_sql, audit, r.removed, undone_at
                    FROM etl.dedupe_runs AS r JOIN loud ON run = run_id$$,
                  $$VALUES ('public.sale', '{k}'::name[], 'first', 'id'::name, false, 'id > 2', true, 1::bigint,
                            NULL::timestamptz)$$, 'the record of a call');

-- The table changes before the way back ------------------------------------------------------------------------------

SAVEPOINT shape;
ALTER TABLE sale ADD extra int DEFAULT 7, DROP note;
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '42703',
                 'the rows have "note", and table "public.sale" has no such column', 'a column was dropped') FROM loud;
ALTER TABLE sale ADD note text;
SELECT results_eq('SELECT u.* FROM loud, etl.undo_dedupe(run) AS u', 'VALUES (1::bigint, 0::bigint)', 'a column came');
SELECT results_eq('SELECT id, k, note, extra FROM sale WHERE id = 4', $$VALUES (4, 'b', 'w', 7)$$,
                  'and has its default');
ROLLBACK TO shape;
ALTER TABLE sale ADD UNIQUE (k);
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '23505', NULL, 'a key stands in the way') FROM loud;
SELECT is((SELECT count(*) FROM etl.removed_duplicates JOIN loud USING (run)), 1::bigint, 'then all stays as it is');
ROLLBACK TO shape;
CREATE FUNCTION hold_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER hold_back BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION hold_back();
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '09000',
                 '1 of 1 rows were held back from table "public.sale"', 'a trigger holds a row back') FROM loud;
ROLLBACK TO shape;
ALTER TABLE sale RENAME TO sold;
CREATE TABLE sale (id int, k text, note text);
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '55000',
                 format('table "public.sale" is not the one of run %s', run), 'another table has taken the name')
FROM loud;
DROP TABLE sale;
SELECT results_eq('SELECT u.* FROM loud, etl.undo_dedupe(run) AS u', 'VALUES (1::bigint, 0::bigint)',
                  'a table is known by whatever name it has');

-- Partitions, and rows of a partition --------------------------------------------------------------------------------

CREATE TABLE parted (id int, k int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE parted_2 (at date NOT NULL, extra int, k int, id int NOT NULL);
ALTER TABLE parted_2 DROP extra;
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT i, i % 7, date '2025-01-01' + i % 90 FROM generate_series(1, 300) AS i;
CREATE TABLE parted_before AS SELECT tableoid::regclass AS tab, * FROM parted;
CREATE TABLE parted_call AS SELECT * FROM etl.dedupe('parted', '{k}', 'first', 'id', batch_rows => 50);
SELECT results_eq('SELECT id FROM parted ORDER BY id', 'SELECT generate_series(1, 7)', 'across partitions');
SELECT results_eq($$SELECT survivor ->> 'id', count(*) FROM etl.removed_duplicates JOIN parted_call USING (run)
                    GROUP BY 1 ORDER BY 1$$,
                  $$SELECT (i % 7 + CASE WHEN i % 7 = 0 THEN 7 ELSE 0 END)::text, count(*) - 1
                    FROM generate_series(1, 300) AS i GROUP BY 1 ORDER BY 1$$, 'each with its survivor');
SELECT is(put_back, 293::bigint, 'and back') FROM parted_call, etl.undo_dedupe(run);
SELECT set_eq('SELECT tableoid::regclass AS tab, * FROM parted', 'SELECT * FROM parted_before',
              'into the same partitions');
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan text;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan;
END
$$;
SELECT unalike(plan_of(format('DELETE FROM parted AS loser WHERE %s', replace(etl._at_places('parted',
               'parted_1'::regclass),
                              '$1', quote_literal('{}') || '::tid[]'))),
               '%parted_2%', 'deleting from one partition touches no other');

-- repoint ------------------------------------------------------------------------------------------------------------

CREATE TABLE customer (id int PRIMARY KEY, email text, code text UNIQUE);
CREATE TABLE purchase (id int PRIMARY KEY, customer_id int REFERENCES customer, code text REFERENCES customer (code),
                       price numeric);
CREATE TABLE visit (customer_id int REFERENCES customer ON DELETE CASCADE);
INSERT INTO customer VALUES (1, 'a', 'A'), (2, 'a', 'B'), (3, 'b', 'C'), (4, 'a', 'D');
INSERT INTO purchase VALUES (1, 1, 'A', 1.0), (2, 2, 'D', 1.00), (3, 3, 'C', 2), (4, NULL, 'A', 3);
CREATE TABLE purchase_before AS SELECT * FROM purchase;
SELECT throws_ok($$SELECT * FROM etl.dedupe('customer', '{email}', 'last', 'id')$$, '23503', NULL,
                 'rows of another table point at losers');
SELECT throws_ok(format('SELECT * FROM etl.dedupe(%L, %L, repoint => %L)', 'customer', '{email}', repoint), state,
                 NULL, why)
FROM (VALUES ('{sold}', '22023', 'repoint: a table without a foreign key to this one'),
             ('{visit}', '55000', 'repoint: a table without a primary key, of which the audit could say nothing'),
             ('{no_such}', '42P01', 'repoint: no such table')) AS w(repoint, state, why);
CREATE TABLE repointed AS SELECT * FROM etl.dedupe('customer', '{email}', 'last', 'id', repoint => '{purchase}');
SELECT results_eq('SELECT * FROM customer ORDER BY id', $$VALUES (3, 'b', 'C'), (4, 'a', 'D')$$, 'the losers go');
SELECT results_eq('SELECT * FROM purchase ORDER BY id',
                  $$VALUES (1, 4, 'D', 1.0), (2, 4, 'D', 1.00), (3, 3, 'C', 2), (4, NULL, 'D', 3)$$,
                  'and what pointed at them points at the row that stayed, by every foreign key');
SELECT isnt_empty('SELECT * FROM etl.dedupe_changes JOIN repointed USING (run)', 'which is written down');
SAVEPOINT pointed;
UPDATE purchase SET price = 5 WHERE id = 2;
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), '55000', NULL,
                 'a row that was pointed elsewhere has changed since: nothing is undone') FROM repointed;
SELECT is((SELECT count(*) FROM customer), 2::bigint, 'really nothing');
ROLLBACK TO pointed;
SELECT isnt(changed_back, 0::bigint, 'pointed back') FROM repointed, etl.undo_dedupe(run);
SELECT set_eq('SELECT *, price::text AS digits FROM purchase', 'SELECT *, price::text AS digits FROM purchase_before',
              'to where they were');
SELECT is((SELECT count(*) FROM customer), 4::bigint, 'with the rows that they point at');
INSERT INTO visit VALUES (1), (1), (4);
SELECT throws_ok($$SELECT * FROM etl.dedupe('customer', '{email}', 'last', 'id', repoint => '{purchase}')$$, '23503',
                 NULL,
                 'one table of two is not enough');
SELECT is(removed, 2::bigint, 'both, one without a primary key and so without audit')
FROM etl.dedupe('customer', '{email}', 'last', 'id', audit => false, repoint => '{purchase,visit}');
SELECT results_eq('SELECT * FROM visit', 'VALUES (4), (4), (4)', 'a cascade finds nothing to carry away');

CREATE TABLE profile (customer_id int PRIMARY KEY REFERENCES customer);
INSERT INTO customer VALUES (5, 'b', 'E');
INSERT INTO profile VALUES (3), (5);
SELECT throws_ok($$SELECT * FROM etl.dedupe('customer', '{email}', 'last', 'id', repoint => '{purchase,visit,profile}',
                                            audit => false)$$, '23505',
                 'rows of table "public.profile" cannot all be pointed at the row to keep',
                 'a unique key stands against it');
SELECT is((SELECT count(*) FROM customer), 3::bigint, 'and nothing is deleted');
CREATE TABLE node (id int PRIMARY KEY, k int, parent int REFERENCES node);
SELECT throws_ok($$SELECT * FROM etl.dedupe('node', '{k}', repoint => '{node}')$$, '0A000', NULL,
                 'a table that refers to itself');

-- Roles --------------------------------------------------------------------------------------------------------------

CREATE ROLE etl_removed_user;
CREATE TABLE theirs (id int, k int);
INSERT INTO theirs VALUES (1, 1), (2, 1);
GRANT SELECT, DELETE ON theirs TO etl_removed_user;
SET ROLE etl_removed_user;
SELECT is(removed, 1::bigint, 'another role') FROM etl.dedupe('public.theirs', '{k}');
SELECT results_eq('SELECT relation, owner FROM etl.removed_duplicates', $$VALUES ('public.theirs',
                  'etl_removed_user'::name)$$,
                  'sees what it removed, and nothing else');
SELECT throws_ok('SELECT u.* FROM etl.dedupe_runs AS r, etl.undo_dedupe(r.run_id) AS u', '42501', NULL,
                 'and needs INSERT to put it back');
RESET ROLE;
SELECT throws_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run_id), '42704', NULL,
                 'nobody does that for another role')
FROM etl.dedupe_runs WHERE owner = 'etl_removed_user';

-- Pruning ------------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.prune_removed_duplicates('-1 day')$$, '22023', NULL, 'a negative age');
SELECT is(etl.prune_removed_duplicates('1 day'), 0::bigint, 'nothing is old enough');
INSERT INTO sold VALUES (10, 'p', ''), (11, 'p', '');
SELECT is(removed, 1::bigint, 'one more') FROM etl.dedupe('sold', '{k}', where_sql => 'id >= 10');
SELECT is(etl.prune_removed_duplicates('1 day', now() + interval '2 days', dry_run => true), 1::bigint, 'dry run');
SELECT is(etl.prune_removed_duplicates('1 day', now() + interval '2 days'), 1::bigint, 'two days later all are');
SELECT is_empty('SELECT * FROM etl.dedupe_runs WHERE owner = current_user', 'and the runs with them');

SELECT * FROM finish();
ROLLBACK;
