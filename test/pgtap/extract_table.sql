-- Copies of tables: how they are defined and what is refused, marks and batches, ties and NULLs, partitions, deletes.
-- No transaction around the file: a copy commits.
CREATE EXTENSION dblink;
SELECT plan(110);
SET client_min_messages = error;
SET timezone = 'UTC';

CREATE FUNCTION pg_temp.last_run(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', string_agg(format('%s %s', k, coalesce(r.detail ->> k, 'none')), ', ' ORDER BY n), r.error)
    FROM (SELECT * FROM etl.runs ORDER BY run_id DESC LIMIT 1) AS r, unnest(keys) WITH ORDINALITY AS u(k, n)
    GROUP BY r.error
$$;
-- A run that fails: a call of its own would end the script.
CREATE FUNCTION pg_temp.failing(which text) RETURNS text LANGUAGE sql AS $$
    SELECT dblink_exec(format('dbname=%s host=%s', current_database(), current_setting('unix_socket_directories')),
                       format('CALL etl.run_extract(%L)', which), false)
$$;
CREATE FUNCTION pg_temp.mark(which text) RETURNS text LANGUAGE sql AS $$
    SELECT s.cursor FROM etl.extract_state AS s JOIN etl.extract AS e USING (extract_id) WHERE e.name = which
$$;
-- Two tables hold the same rows, with the same columns of the same names.
CREATE FUNCTION pg_temp.same(one text, other text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    found boolean;
BEGIN
    EXECUTE format('SELECT NOT EXISTS ((SELECT to_jsonb(a) FROM %1$s AS a EXCEPT ALL SELECT to_jsonb(b) FROM %2$s AS b)'
                   ' UNION ALL (SELECT to_jsonb(b) FROM %2$s AS b EXCEPT ALL SELECT to_jsonb(a) FROM %1$s AS a))', one,
                   other) INTO found;
    RETURN found;
END
$$;

CREATE TABLE sale (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, shop int, price numeric(8,2), quantity int,
                   at timestamptz NOT NULL DEFAULT clock_timestamp(), day date, seen timestamptz, code text);
CREATE INDEX ON sale (at);
CREATE INDEX ON sale (day);
CREATE TABLE target (LIKE sale INCLUDING INDEXES);
CREATE TABLE log (LIKE sale);
CREATE TABLE total (sale bigint PRIMARY KEY, total numeric, twice numeric GENERATED ALWAYS AS (total * 2) STORED);
CREATE VIEW shown AS SELECT * FROM sale;


-- What is refused ----------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.refuses(arguments text, sqlstate text, message text, about text) RETURNS text LANGUAGE sql AS $$
    SELECT throws_ok(format('SELECT etl.create_table_extract(%s)', arguments), sqlstate::char(5), message, about)
$$;
SELECT pg_temp.refuses($$' x', 'sale', 'target', '{"column": "id"}'$$, '22023', 'name is not a valid name: " x"',
                       'a bad name');
SELECT pg_temp.refuses($$'x', NULL, 'target', '{"column": "id"}'$$, '22023', 'no table was given', 'no source');
SELECT pg_temp.refuses($$'x', 'sale', NULL, '{"column": "id"}'$$, '22023', 'no table was given', 'no target');
SELECT pg_temp.refuses($$'x', 'sale', 'shown', "cursor" => '{"column": "id"}'$$, '42809',
                       '"public.shown" is a view, not a table', 'a view as target');
SELECT pg_temp.refuses($$'x', 'sale_id_seq', 'target', "cursor" => '{"column": "id"}'$$, '42809',
                       '"public.sale_id_seq" is a sequence, not a table', 'no rows to copy');
SELECT pg_temp.refuses($$'x', 'sale', 'sale', "cursor" => '{"column": "id"}'$$, '22023',
                       'table "public.sale" cannot be copied into "public.sale", of which it is a part',
                       'a table into itself');
SELECT pg_temp.refuses($$'x', 'sale', 'target', method => 'log'$$, '22023', 'unknown method "log"', 'a method');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "id"}', write_mode => 'merge'$$, '22023',
                       'unknown write_mode "merge"', 'a write_mode');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "id"}', horizon => 'now'$$, '22023',
                       'unknown horizon "now"', 'a horizon');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "id"}', batch_rows => 0$$, '22023',
                       'batch_rows must be 1 to 10000000, not 0', 'no rows in a batch');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "id"}', wait => '-1 s'$$, '22023',
                       'wait must be between "00:00:00" and "1 day", not "-00:00:01"', 'a negative wait');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "id"}', deletes => NULL$$, '22023',
                       'deletes must not be NULL', 'deletes');
SELECT pg_temp.refuses($$'x', 'sale', 'target'$$, '22023', 'method cursor needs a cursor',
                       'no cursor');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "ids"}'$$, '42703',
                       'column "ids" of table "public.sale" does not exist', 'an unknown column of the cursor');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "code"}'$$, '42804',
                       'column "code" of table "public.sale" is of type text, which cannot be a cursor', 'a text');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "id"}', write_mode => 'replace'$$, '0A000',
                       'method cursor cannot be used with write_mode replace', 'replace with a cursor');
SELECT pg_temp.refuses($$'x', 'sale', 'target', method => 'full', write_mode => 'append'$$, '0A000',
                       'method full cannot be used with write_mode append', 'append of everything');
SELECT pg_temp.refuses($$'x', 'sale', 'target', method => 'xmin', write_mode => 'append'$$, '0A000',
                       'method xmin reads some rows twice, and append would store them twice', 'append by xmin');
SELECT pg_temp.refuses($$'x', 'sale', 'target', method => 'xmin', "cursor" => '{"column": "id"}'$$, '0A000',
                       'method xmin has no cursor', 'a cursor with xmin');
SELECT pg_temp.refuses($$'x', 'shown', 'target', method => 'xmin'$$, '0A000',
                       'method xmin cannot be used with view "public.shown"', 'xmin of a view');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "at", "lag": "-1 h"}'$$, '22023',
                       'lag "-1 h" is no span of type timestamp with time zone that is longer than zero',
                       'a lag ahead');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "id", "lag": "1 h"}'$$, '22023',
                       'lag "1 h" is no span of type bigint that is longer than zero', 'a lag of another type');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "at"}', horizon => 'lag'$$, '0A000',
                       'horizon lag needs a lag', 'no lag');
SELECT pg_temp.refuses($$'x', 'sale', 'target', '{"column": "at"}', xid_column => 'id', method => 'xmin'$$, '0A000',
                       'method xmin has no cursor', 'too much');
SELECT pg_temp.refuses($$'x', 'sale', 'target', xid_column => 'id', method => 'xmin'$$, '0A000',
                       'xid_column is for foreign tables', 'xid_column of a local table');
SELECT pg_temp.refuses($$'x', 'sale', 'target', '{"column": "at"}', transactions => 'etl.open_transactions'$$,
                       '0A000', 'transactions is for foreign tables', 'transactions of a local table');
SELECT pg_temp.refuses($$'x', 'sale', 'log', "cursor" => '{"column": "id"}'$$, '22023',
                       'write_mode upsert needs key_columns', 'no keys');
SELECT pg_temp.refuses($$'x', 'sale', 'log', "cursor" => '{"column": "id"}', key_columns => '{id}'$$, '42P10',
                       'table "public.log" has no unique index on (id)', 'no unique index');
SELECT pg_temp.refuses($$'x', 'sale', 'total', "cursor" => '{"column": "id"}'$$, '42703',
                       'table "public.total" does not have these columns of "public.sale": id, shop, price, quantity, '
                       'at, day, seen, code', 'columns that the target lacks');
SELECT pg_temp.refuses($$'x', 'sale', 'total', '{"column": "id"}', columns => '{"sale": "id", "sum": "price"}'$$,
                       '42703', 'table "public.total" does not have columns sum', 'an unknown column');
SELECT pg_temp.refuses($$'x', 'sale', 'total', "cursor" => '{"column": "id"}', columns => '{"sale": 1}'$$, '22023',
                       'columns must be a JSON object of texts', 'a number for a column');
SELECT pg_temp.refuses($$'x', 'sale', 'total', '{"column": "id"}', columns => '{"total": "price"}'$$, '42703',
                       'the key columns sale are not among the columns that are copied', 'a key that is not copied');
SELECT pg_temp.refuses($$'x', 'sale', 'total', '{"column": "id"}', columns => '{"sale": "id", "total": "prize"}'$$,
                       '42703', 'the columns of "public.sale" do not fit into table "public.total": column "prize" '
                       'does not exist',
                       'an expression that does not parse');
SELECT pg_temp.refuses($$'x', 'sale', 'total', '{"column": "id"}', columns => '{"sale": "id", "total": "at"}'$$,
                       '42804', 'the columns of "public.sale" do not fit into table "public.total": column "total" is '
                       'of type numeric but expression is of type timestamp with time zone',
                       'an expression of another type');
SELECT pg_temp.refuses($$'x', 'sale', 'target', '{"column": "id"}', filter => 'shop = 1; DROP TABLE sale'$$, '42601',
                       'filter "shop = 1; DROP TABLE sale" is no condition on table "public.sale": syntax error at or '
                       'near ";"',
                       'a filter that is more');
SELECT pg_temp.refuses($$'x', 'sale', 'target', "cursor" => '{"column": "id"}', filter => 'random() < 0.5'$$, '22023',
                       'filter has a volatile function', 'a filter that chance decides');
SELECT pg_temp.refuses($$'x', 'sale', 'target', method => 'xmin', filter => 'shop IN (SELECT shop FROM public.sale)'$$,
                       '0A000',
                       'cannot use subquery in check constraint', 'a filter that other rows decide');
CREATE TABLE cached (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 20) PRIMARY KEY);
CREATE TABLE cached_target (id bigint PRIMARY KEY);
SELECT pg_temp.refuses($$'x', 'cached', 'cached_target', "cursor" => '{"column": "id"}'$$, '0A000',
                       'sequence "public.cached_id_seq" of cursor column "id" does not only increase',
                       'numbers that are kept');
SELECT pg_temp.refuses($$'x', 'cached', 'cached_target', '{"column": "id"}', horizon => 'transactions'$$, '0A000',
                       'sequence "public.cached_id_seq" of cursor column "id" does not only increase',
                       'whoever is waited for');
SELECT lives_ok($$SELECT etl.create_table_extract('lagging', 'cached', 'cached_target', '{"column": "id", "lag": "100"}')$$,
                'unless a lag spans them');

-- What is stored
SELECT lives_ok($$SELECT etl.create_table_extract('log', 'sale', 'log', '{"column": "id"}', write_mode => 'append',
                                   horizon => 'writers', batch_rows => 3)$$, 'it is defined');
SELECT results_eq(
    $$SELECT kind, source, target, mapping, key_columns::text, "cursor", write_mode, on_bad_row, owner::text
      FROM etl.extract WHERE name = 'log'$$,
    $$VALUES ('table', '{"relation": "public.sale", "method": "cursor", "horizon": "writers", "wait": "00:00:05",
                         "deletes": false, "batch_rows": 3}'::jsonb, 'public.log',
              '{"id": "id", "shop": "shop", "price": "price", "quantity": "quantity", "at": "at", "day": "day",
                "seen": "seen", "code": "code"}'::jsonb, NULL::text, '{"column": "id"}'::jsonb, 'append', 'error',
              current_user::text)$$, 'as it was said');
SELECT pg_temp.refuses($$'log', 'sale', 'log', "cursor" => '{"column": "id"}', write_mode => 'append'$$, '42710',
                       'extract "log" already exists', 'the name is taken');
SELECT lives_ok($$SELECT etl.create_table_extract('log', 'sale', 'log', '{"column": "id"}', write_mode => 'append',
                                                  if_not_exists => true)$$, 'but for if_not_exists');
SELECT is((SELECT source ->> 'batch_rows' FROM etl.extract WHERE name = 'log'), '3', 'which changes nothing');
SELECT lives_ok($$SELECT etl.create_table_extract('total', 'sale', 'total', '{"column": "at"}', filter => 'price > 0',
                                   columns => '{"sale": "id", "total": "sale.price * quantity"}')$$,
          'columns and a filter');
SELECT is((SELECT source ->> 'horizon' || key_columns::text FROM etl.extract WHERE name = 'total'),
          'transactions{sale}', 'the horizon of another column, the primary key for keys');

-- Marks and batches --------------------------------------------------------------------------------------------------

INSERT INTO sale (shop, price, quantity, day) SELECT n % 3, n, 2, '2025-01-01'::date + n / 4
FROM generate_series(1, 10) AS n;
CALL etl.run_extract('log');
SELECT is(pg_temp.last_run('received', 'inserted', 'waits_for'), 'received 10, inserted 10, waits_for 0', 'appended');
SELECT is(pg_temp.mark('log'), '10', 'the mark');
SELECT ok(pg_temp.same('sale', 'log'), 'in four batches');
SELECT is((SELECT count(DISTINCT xmin::text) FROM log), 4::bigint, 'each a transaction');
SELECT is((SELECT rows FROM etl.runs ORDER BY run_id DESC LIMIT 1), 10::bigint, 'the rows of the run');
CALL etl.run_extract('log');
SELECT is(pg_temp.last_run('received', 'inserted'), 'received 0, inserted 0', 'nothing new');
CALL etl.run_extract('total');
SELECT results_eq('SELECT sale, total, twice FROM total ORDER BY sale',
                  'SELECT id, price * quantity, price * quantity * 2 FROM sale ORDER BY id', 'expressions');
UPDATE sale SET price = -1, at = clock_timestamp() WHERE id = 1;
UPDATE sale SET quantity = 3, at = clock_timestamp() WHERE id = 2;
UPDATE sale SET code = 'x', at = clock_timestamp() WHERE id = 3;
CALL etl.run_extract('total');
SELECT is(pg_temp.last_run('received', 'inserted', 'updated', 'unchanged'),
          'received 3, inserted 0, updated 1, unchanged 2', 'what changed, under the filter, and the mark''s own row');

-- A trigger holds rows back
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE WHEN NEW.shop <> 2 THEN NEW END;
END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION refuse();
INSERT INTO sale (shop) VALUES (1), (2), (3);
CALL etl.run_extract('log');
SELECT is(pg_temp.last_run('received', 'inserted', 'ignored'), 'received 3, inserted 2, ignored 1', 'it is counted');

-- What fails, fails whole, and goes on where it was
ALTER TABLE log ADD CHECK (shop <> 7);
INSERT INTO sale (shop) VALUES (1), (1), (1), (1), (7), (1), (1);
SELECT pg_temp.failing('log') AS done \gset
SELECT matches(pg_temp.last_run('received', 'inserted'), '^received 3, inserted 3 new row for relation "log" violates',
               'the batches before are there');
SELECT is(pg_temp.mark('log'), '16', 'and so is their mark');
UPDATE sale SET shop = 8 WHERE shop = 7;
CALL etl.run_extract('log');
SELECT is(pg_temp.last_run('received', 'inserted'), 'received 4, inserted 4', 'the next run goes on');
SELECT is((SELECT count(*) - count(DISTINCT id) FROM log), 0::bigint, 'each once');

-- A sequence that is set back
SELECT setval('sale_id_seq', 5) AS at \gset
SELECT pg_temp.failing('log') AS done \gset
SELECT is(pg_temp.last_run('received'), 'received 0 sequence "public.sale_id_seq" is at 5, below the mark 20 of '
          'extract "log"', 'is told');
SELECT setval('sale_id_seq', 100) AS at \gset
DROP TRIGGER refuse ON log;

-- Ties: of rows with the highest value more may come
SELECT lives_ok($$SELECT etl.create_table_extract('by_day', 'sale', 'target', '{"column": "day"}',
                                                  filter => 'day IS NOT NULL',
                                   batch_rows => 1)$$, 'a column of days');
CREATE TABLE day_log (LIKE sale);
SELECT lives_ok($$SELECT etl.create_table_extract('day_log', 'sale', 'day_log', '{"column": "day"}',
                                                  filter => 'day IS NOT NULL',
                                   write_mode => 'append')$$, 'appended, too');
CALL etl.run_extract('by_day');
SELECT is(pg_temp.last_run('received', 'inserted'), 'received 10, inserted 10', 'updated: all');
CALL etl.run_extract('day_log');
SELECT is(pg_temp.last_run('received', 'inserted'), 'received 7, inserted 7', 'appended: not those of the last day');
INSERT INTO sale (day) VALUES ('2025-01-03'), ('2025-01-04');
CALL etl.run_extract('by_day');
SELECT is(pg_temp.last_run('received', 'inserted', 'unchanged'), 'received 5, inserted 2, unchanged 3',
          'the last day is read again');
CALL etl.run_extract('day_log');
SELECT is(pg_temp.last_run('received', 'inserted'), 'received 4, inserted 4', 'appended when it is over');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) FROM day_log), '11 11', 'each once');

-- NULL and without end
SELECT lives_ok($$SELECT etl.create_table_extract('seen', 'sale', 'target', '{"column": "seen"}')$$,
                'a column with NULLs');
SELECT pg_temp.failing('seen') AS done \gset
SELECT matches(pg_temp.last_run('received'), 'table "public.sale" has rows whose seen is NULL$', 'is told');
UPDATE sale SET seen = at;
UPDATE sale SET seen = 'infinity' WHERE id = 1;
SELECT pg_temp.failing('seen') AS done \gset
SELECT matches(pg_temp.last_run('received'), 'table "public.sale" has rows whose seen is infinity$', 'and infinity');

-- xmin ---------------------------------------------------------------------------------------------------------------

TRUNCATE target;
SELECT lives_ok($$SELECT etl.create_table_extract('xmin', 'sale', 'target', method => 'xmin', deletes => true,
                                                  batch_rows => 1)$$, 'xmin');
\i test/older_transactions.sql
CALL etl.run_extract('xmin');
SELECT ok(pg_temp.same('sale', 'target'), 'the first copy');
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('received', 'compared'), 'received 0, compared 22', 'nothing new');
UPDATE sale SET code = 'y' WHERE id = 4;
DELETE FROM sale WHERE id IN (5, 6);
INSERT INTO sale (day) VALUES (NULL);
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('inserted', 'updated', 'deleted'), 'inserted 1, updated 1, deleted 2', 'all that changed');
SELECT ok(pg_temp.same('sale', 'target'), 'is there');
VACUUM (FREEZE) sale;
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('inserted', 'updated'), 'inserted 0, updated 0', 'frozen rows are not new');
UPDATE sale SET code = 'z' WHERE id = 4;
VACUUM (FULL, FREEZE) sale;
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('inserted', 'updated'), 'inserted 0, updated 1',
          'rows that were frozen before the copy are');
CREATE FUNCTION pg_temp.set_mark(mark text, server text) RETURNS void LANGUAGE sql AS $$
    UPDATE etl.extract_state AS s
    SET cursor = coalesce(mark, s.cursor), detail = s.detail || coalesce(server, '{}')::jsonb
    FROM etl.extract AS e WHERE e.extract_id = s.extract_id AND e.name = 'xmin'
$$;
SELECT pg_temp.set_mark((pg_temp.mark('xmin')::bigint - 2100000000)::text, NULL) AS done \gset
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('received', 'unchanged'), 'received 21, unchanged 21', 'too many transactions: all is read');
SELECT pg_temp.set_mark(NULL, '{"server": 1}') AS done \gset
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('received', 'unchanged'), 'received 21, unchanged 21', 'another server: all is read');
SELECT pg_temp.set_mark('9000000000', NULL) AS done \gset
\i test/older_transactions.sql
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('received', 'unchanged'), 'received 21, unchanged 21', 'a mark of the future: all is read');
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('received'), 'received 0', 'and then nothing');

-- A walk that was broken off goes on, and what came meanwhile is read as well
UPDATE etl.extract_state AS s
SET is_finished = false, "position" = jsonb_build_object(
        'stage', 'rows', 'xids', etl._table_xids(c), 'found', s.detail -> 'members', 'walk', etl._walk('sale', 1)
            || jsonb_build_object('block', 100, 'file', pg_relation_filenode('sale')::bigint))
FROM etl.extract AS e CROSS JOIN etl._table_copy(e) AS c
WHERE e.extract_id = s.extract_id AND e.name = 'xmin';
UPDATE sale SET code = 'a' WHERE id = 4;
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('received', 'updated'), 'received 1, updated 1', 'the rest of it, and one more');
SELECT ok(pg_temp.same('sale', 'target'), 'a walk that was broken off');
SELECT is(etl._walk_on(etl._walk('sale', 1) || '{"block": 100, "file": 1}') ->> 'block', '0',
          'after a rewrite it begins anew');
SELECT is(etl._walk_on('{"members": [1], "block": 7}'), NULL, 'and what was dropped is left out');

-- Back to the start, or to a mark
SELECT etl.reset_cursor('xmin') AS was \gset
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('received', 'unchanged'), 'received 21, unchanged 21', 'all is read again');
SELECT is(etl.reset_cursor('by_day', '2025-01-02'), '2025-01-04', 'a mark');
CALL etl.run_extract('by_day');
SELECT is((SELECT detail ->> 'received' FROM etl.runs ORDER BY run_id DESC LIMIT 1),
          (SELECT count(*)::text FROM sale WHERE day >= '2025-01-02'), 'what is there from it on is read');
SELECT is((SELECT "cursor" || ' ' || source || ' ' || status FROM etl.extracts WHERE extract = 'by_day'),
          '2025-01-04 public.sale idle', 'etl.extracts tells the mark');

-- Partitions ---------------------------------------------------------------------------------------------------------

CREATE TABLE part (id bigint GENERATED BY DEFAULT AS IDENTITY, k int NOT NULL, note text, PRIMARY KEY (id, k))
PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 (note text, k int NOT NULL, id bigint NOT NULL, PRIMARY KEY (id, k));
INSERT INTO part (k, note) SELECT 1, n::text FROM generate_series(1, 50) AS n;
INSERT INTO part_2 SELECT 'b' || n, 2, n FROM generate_series(1, 20) AS n;
CREATE TABLE part_log (id bigint, k int, note text);
CREATE TABLE part_id (LIKE part_log, PRIMARY KEY (id, k));
CREATE TABLE part_xmin (LIKE part_log, PRIMARY KEY (k, id));
SELECT etl.create_table_extract('part_log', 'part', 'part_log', '{"column": "id"}', write_mode => 'append') AS a,
       etl.create_table_extract('part_id', 'part', 'part_id', "cursor" => '{"column": "id"}') AS b,
       etl.create_table_extract('part_xmin', 'part', 'part_xmin', method => 'xmin', deletes => true) AS c \gset made_
CALL etl.run_extract('part_log');
CALL etl.run_extract('part_id');
CALL etl.run_extract('part_xmin');
SELECT ok(pg_temp.same('part', 'part_log') AND pg_temp.same('part', 'part_id') AND pg_temp.same('part', 'part_xmin'),
          'a partitioned table');
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES IN (2);
CALL etl.run_extract('part_id');
SELECT ok(pg_temp.same('part', 'part_id'), 'cursor: rows of a table that was attached, below the mark');
CALL etl.run_extract('part_xmin');
SELECT ok(pg_temp.same('part', 'part_xmin'), 'xmin: and older than it');
SELECT pg_temp.failing('part_log') AS done \gset
SELECT matches(pg_temp.last_run('received'), 'table "public.part_2" was added to "public.part" with rows below the '
               'mark', 'appended: nobody knows');
SELECT is((SELECT count(*) FROM part_log), 50::bigint, 'and nothing is');
ALTER TABLE part DETACH PARTITION part_2;
INSERT INTO part (k) VALUES (1);
CALL etl.run_extract('part_log');
SELECT ok(pg_temp.same('part', 'part_log'), 'without it the copy goes on');
CALL etl.run_extract('part_xmin');
SELECT is(pg_temp.last_run('inserted', 'deleted'), 'inserted 1, deleted 20', 'deletes: its rows are gone');

CREATE TABLE wide (id bigint GENERATED BY DEFAULT AS IDENTITY, k int NOT NULL) PARTITION BY LIST (k);
CREATE TABLE wide_target (id bigint PRIMARY KEY, k int);
SELECT etl.create_table_extract('wide_id', 'wide', 'wide_target', "cursor" => '{"column": "id"}') AS a,
       etl.create_table_extract('wide_xmin', 'wide', 'wide_target', method => 'xmin') AS b \gset made_
CREATE EXTENSION postgres_fdw;
CREATE SERVER nowhere FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE wide_1 PARTITION OF wide FOR VALUES IN (1) SERVER nowhere;
SELECT pg_temp.failing('wide_xmin') AS done \gset
SELECT matches(pg_temp.last_run('received'), 'partition "public.wide_1" of table "public.wide" is a foreign table',
               'a partition elsewhere, by xmin');
SELECT pg_temp.failing('wide_id') AS done \gset
SELECT matches(pg_temp.last_run('received'), 'partition "public.wide_1" of table "public.wide" is a foreign table',
               'and by a cursor');

-- Replace, legal holds, row security ---------------------------------------------------------------------------------

CREATE TABLE heap (id bigint, note text);
SELECT lives_ok($$SELECT etl.create_table_extract('heap', 'shown', 'heap', method => 'full', write_mode => 'replace',
                                   columns => '{"id": "id", "note": "code"}')$$, 'a view, without keys');
CALL etl.run_extract('heap');
CALL etl.run_extract('heap');
SELECT is(pg_temp.last_run('received', 'inserted', 'deleted'), 'received 21, inserted 21, deleted 21', 'is replaced');
SELECT etl.add_legal_hold('case', 'heap', 'id = 4', 'a case') AS done,
       etl.add_legal_hold('case 2', 'target', 'id = 4', 'a case') AS also \gset
SELECT pg_temp.failing('heap') AS done \gset
SELECT matches(pg_temp.last_run('received'), 'rows of table "public.heap" are under a legal hold', 'but not held rows');
DELETE FROM sale WHERE id IN (3, 4);
CALL etl.run_extract('xmin');
SELECT is(pg_temp.last_run('deleted', 'held'), 'deleted 1, held 1', 'deletes leave them');
SELECT is((SELECT string_agg(id::text, ' ' ORDER BY id) FROM target WHERE id < 5), '1 2 4', 'in their place');
CREATE ROLE extract_table_owner;
GRANT ALL ON SCHEMA public TO extract_table_owner;
GRANT ALL ON ALL TABLES IN SCHEMA public TO extract_table_owner;
ALTER TABLE sale ENABLE ROW LEVEL SECURITY;
SET ROLE extract_table_owner;
SELECT pg_temp.refuses($$'mine', 'sale', 'target', method => 'xmin', deletes => true$$, '55000',
                       'row security hides rows of table "public.sale" from role "extract_table_owner"',
                       'deletes need all rows');
SELECT pg_temp.refuses($$'log', 'sale', 'log', "cursor" => '{"column": "id"}', write_mode => 'append'$$, '42710',
                       'extract "log" already exists', 'a name of another role');
RESET ROLE;
REVOKE ALL ON sale FROM extract_table_owner;
SET ROLE extract_table_owner;
SELECT pg_temp.refuses($$'mine', 'sale', 'target', method => 'xmin'$$, '42501',
                       'permission denied for table "public.sale"',
                       'no right to read');
RESET ROLE;

-- Tables that are gone
DROP TABLE heap;
SELECT throws_ok(format('SELECT dblink_exec(%L, ''CALL etl.run_extract(''''heap'''')'')', format(
                     'dbname=%s host=%s', current_database(), current_setting('unix_socket_directories'))), '42P01',
                 'table "public.heap" of extract "heap" does not exist', 'it is told');
DROP VIEW shown;
SELECT throws_ok($$SELECT etl._table_copy(e) FROM etl.extract AS e WHERE name = 'heap'$$, '42P01',
                 'the source "public.shown" of extract "heap" does not exist', 'of the source, too');
SELECT is((SELECT count(*) FROM etl.runs
           WHERE detail ->> 'received' <> ((detail ->> 'inserted')::int + (detail ->> 'updated')::int
                                           + (detail ->> 'unchanged')::int + (detail ->> 'ignored')::int)::text),
          0::bigint, 'every run accounts for every row');
SELECT * FROM finish();
REVOKE ALL ON SCHEMA public FROM extract_table_owner;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM extract_table_owner;
DROP ROLE extract_table_owner;
