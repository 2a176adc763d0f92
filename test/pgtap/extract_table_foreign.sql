-- Copies over postgres_fdw: the source is in another database, where transactions are open that this one does not see.
-- No transaction around the file: a copy commits, and another session writes late.
CREATE EXTENSION dblink;
CREATE EXTENSION postgres_fdw;
SET client_min_messages = error;
\set here :DBNAME
\set there :DBNAME _source
DROP DATABASE IF EXISTS :"there";
CREATE DATABASE :"there";
\connect :"there"
SET client_min_messages = error;
CREATE EXTENSION pg_etl;
CREATE TABLE sale (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, shop int NOT NULL DEFAULT 1, note text,
                   at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON sale (at);
CREATE VIEW sale_with_xid AS SELECT s.*, s.xmin::text::bigint AS row_xid FROM sale AS s;
INSERT INTO sale (note) SELECT 'first ' || n FROM generate_series(1, 250) AS n;
\connect :"here"
SET client_min_messages = error;
SELECT plan(32);

CREATE FUNCTION pg_temp.there() RETURNS text LANGUAGE sql AS $$
    SELECT format('dbname=%s_source host=%s', current_database(), current_setting('unix_socket_directories'))
$$;
SELECT format($$CREATE SERVER shop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, host %L)$$, :'there',
              current_setting('unix_socket_directories')) \gexec
CREATE USER MAPPING FOR CURRENT_USER SERVER shop;
CREATE SCHEMA far;
IMPORT FOREIGN SCHEMA public FROM SERVER shop INTO far;
IMPORT FOREIGN SCHEMA etl LIMIT TO (open_transactions) FROM SERVER shop INTO far;

CREATE FUNCTION pg_temp.last_run(VARIADIC keys text[]) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', string_agg(format('%s %s', k, coalesce(r.detail ->> k, 'none')), ', ' ORDER BY n), r.error)
    FROM (SELECT * FROM etl.runs ORDER BY run_id DESC LIMIT 1) AS r, unnest(keys) WITH ORDINALITY AS u(k, n)
    GROUP BY r.error
$$;
-- What the target lacks of the source or has of something else: rows, each with its number.
CREATE FUNCTION pg_temp.differences(target text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('SELECT string_agg(d.side || d.id, '' '' ORDER BY d.id, d.side) FROM ('
                   '(SELECT ''-'' AS side, * FROM far.sale EXCEPT ALL SELECT ''-'', * FROM %1$s) UNION ALL '
                   '(SELECT ''+'' AS side, * FROM %1$s EXCEPT ALL SELECT ''+'', * FROM far.sale)) AS d', target)
        INTO found;
    RETURN coalesce(found, 'none');
END
$$;
CREATE TABLE by_lag (id bigint PRIMARY KEY, shop int, note text, at timestamptz);
CREATE TABLE by_time (LIKE by_lag INCLUDING INDEXES);
CREATE TABLE once (LIKE by_lag);
CREATE TABLE by_xid (LIKE by_lag INCLUDING INDEXES);
CREATE TABLE whole (LIKE by_lag INCLUDING INDEXES);


-- What cannot be promised is refused
SELECT throws_ok($$SELECT etl.create_table_extract('x', 'far.sale', 'by_time', '{"column": "at"}')$$, '0A000',
                 'which transactions of the server of foreign table "far.sale" are open cannot be told', 'no horizon');
SELECT throws_ok($$SELECT etl.create_table_extract('x', 'far.sale', 'by_time', "cursor" => '{"column": "at"}',
                                                   horizon => 'writers')$$, '0A000',
                 'which transactions of the server of foreign table "far.sale" are open cannot be told', 'nor writers');
SELECT throws_ok($$SELECT etl.create_table_extract('x', 'far.sale', 'once', '{"column": "at", "lag": "1 hour"}',
                                                   write_mode => 'append')$$, '0A000',
                 'a copy with a lag reads rows again, and append would store them twice', 'a lag reads again');
SELECT throws_ok($$SELECT etl.create_table_extract('x', 'far.sale', 'by_xid', method => 'xmin')$$, '0A000',
                 'foreign table "far.sale" does not tell the xmin of its rows', 'no xmin');
SELECT throws_ok($$SELECT etl.create_table_extract('x', 'far.sale', 'by_time', "cursor" => '{"column": "at"}',
                                                   transactions => 'far.sale')$$, '42703',
                 '"far.sale" is no list of open transactions: it lacks transaction text, server_start timestamp with '
                 'time zone, oldest_xid bigint, next_xid bigint, server_id bigint', 'no list of transactions');
SELECT throws_ok($$SELECT etl.create_table_extract('x', 'far.sale', 'by_time', "cursor" => '{"column": "at"}',
                                                   transactions => 'etl.open_transactions')$$, '0A000',
                 '"etl.open_transactions" is no foreign table of the server of "far.sale"', 'transactions of here');

-- Each way once
SELECT etl.create_table_extract('by_lag', 'far.sale', 'by_lag', "cursor" => '{"column": "at", "lag": "1 hour"}',
                                deletes => true, batch_rows => 100) AS a,
       etl.create_table_extract('by_time', 'far.sale', 'by_time', "cursor" => '{"column": "at"}',
                                transactions => 'far.open_transactions', wait => '0.1 s', deletes => true,
                                batch_rows => 100) AS b,
       etl.create_table_extract('once', 'far.sale', 'once', "cursor" => '{"column": "at"}', write_mode => 'append',
                                transactions => 'far.open_transactions', wait => '0.1 s', batch_rows => 100) AS c,
       etl.create_table_extract('by_xid', 'far.sale_with_xid', 'by_xid', method => 'xmin', xid_column => 'row_xid',
                                transactions => 'far.open_transactions', deletes => true, batch_rows => 100,
                                columns => '{"id": "id", "shop": "shop", "note": "note", "at": "at"}') AS d,
       etl.create_table_extract('whole', 'far.sale', 'whole', method => 'full', write_mode => 'replace') AS e
\gset made_
SELECT is((SELECT string_agg(name || ' ' || (source ->> 'horizon'), ', ' ORDER BY name) FROM etl.extract
           WHERE source ->> 'method' = 'cursor'), 'by_lag lag, by_time transactions, once transactions',
          'the horizon of each');
CALL etl.run_extract('by_lag');
SELECT is(pg_temp.last_run('received', 'inserted', 'unchanged', 'compared', 'deleted'),
          'received 250, inserted 250, unchanged 0, compared 250, deleted 0', 'lag: the first copy');
CALL etl.run_extract('by_time');
SELECT is(pg_temp.last_run('received', 'inserted', 'waits_for'), 'received 250, inserted 250, waits_for 0',
          'transactions: the first copy');
CALL etl.run_extract('once');
SELECT is(pg_temp.last_run('received', 'inserted', 'waits_for'), 'received 250, inserted 250, waits_for 0',
          'appended: the first copy');
\i test/older_transactions.sql
CALL etl.run_extract('by_xid');
SELECT is(pg_temp.last_run('received', 'inserted', 'compared'), 'received 250, inserted 250, compared 250',
          'xmin: the first copy');
CALL etl.run_extract('whole');
SELECT is(pg_temp.last_run('received', 'inserted'), 'received 250, inserted 250', 'all of it: the first copy');
SELECT is(string_agg(t || ' ' || pg_temp.differences(t), ', ' ORDER BY t),
          'by_lag none, by_time none, by_xid none, once none, whole none', 'and nothing is missing')
FROM unnest('{by_lag,by_time,by_xid,once,whole}'::text[]) AS t;

-- A row that is committed late there
SELECT is(dblink_connect('late', pg_temp.there()) || dblink_exec('late', 'BEGIN')
          || dblink_exec('late', $$INSERT INTO sale (note) VALUES ('late')$$), 'OKBEGININSERT 0 1', 'late: id 251');
SELECT is(dblink_exec(pg_temp.there(), $$INSERT INTO sale (note) VALUES ('quick')$$), 'INSERT 0 1', 'quick: id 252');
CALL etl.run_extract('by_lag');
CALL etl.run_extract('by_time');
SELECT is(pg_temp.last_run('received', 'inserted', 'waits_for'), 'received 251, inserted 1, waits_for 1',
          'the quick one comes, and the mark stays');
CALL etl.run_extract('by_xid');
SELECT is(pg_temp.last_run('received', 'inserted'), 'received 1, inserted 1', 'so it does by xmin');
CALL etl.run_extract('once');
SELECT is(pg_temp.last_run('received', 'inserted', 'waits_for'), 'received 0, inserted 0, waits_for 1',
          'what is appended waits');
SELECT is(dblink_exec('late', 'COMMIT'), 'COMMIT', 'late commits');
SELECT is(string_agg(t || ' ' || pg_temp.differences(t), ', ' ORDER BY t),
          'by_lag -251, by_time -251, by_xid -251, once -251 -252', 'it is not there yet')
FROM unnest('{by_lag,by_time,by_xid,once}'::text[]) AS t;
CALL etl.run_extract('by_lag');
SELECT is(pg_temp.last_run('inserted', 'updated', 'unchanged'), 'inserted 1, updated 0, unchanged 251',
          'lag: the last hour is read again');
CALL etl.run_extract('by_time');
SELECT is(pg_temp.last_run('inserted', 'updated', 'unchanged'), 'inserted 1, updated 0, unchanged 251',
          'transactions: what came from the mark on is');
CALL etl.run_extract('by_xid');
SELECT is(pg_temp.last_run('inserted', 'updated'), 'inserted 1, updated 0', 'xmin');
CALL etl.run_extract('once');
SELECT is(pg_temp.last_run('received', 'inserted'), 'received 2, inserted 2', 'appended: both, once');
SELECT is(string_agg(t || ' ' || pg_temp.differences(t), ', ' ORDER BY t),
          'by_lag none, by_time none, by_xid none, once none', 'and nothing is missing')
FROM unnest('{by_lag,by_time,by_xid,once}'::text[]) AS t;

-- Rows that go
SELECT is(dblink_exec(pg_temp.there(), 'DELETE FROM sale WHERE id % 100 = 7'), 'DELETE 3', 'rows are deleted');
SELECT dblink_exec(pg_temp.there(), $$UPDATE sale SET note = 'changed', at = now() WHERE id = 1$$) AS done \gset
CALL etl.run_extract('by_time');
SELECT is(pg_temp.last_run('updated', 'deleted', 'compared', 'held'),
          'updated 1, deleted 3, compared 252, held 0', 'transactions: they are compared by their keys');
CALL etl.run_extract('by_xid');
SELECT is(pg_temp.last_run('updated', 'deleted'), 'updated 1, deleted 3', 'xmin: so they are');
CALL etl.run_extract('whole');
SELECT is(pg_temp.last_run('inserted', 'updated', 'deleted'), 'inserted 2, updated 1, deleted 3', 'all of it');
SELECT is(string_agg(t || ' ' || pg_temp.differences(t), ', ' ORDER BY t), 'by_time none, by_xid none, whole none',
          'and nothing else')
FROM unnest('{by_time,by_xid,whole}'::text[]) AS t;

-- What crosses the wire
CREATE FUNCTION pg_temp.remote(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || command LOOP
        RETURN QUERY SELECT m[1] FROM regexp_match(line, 'Remote SQL: (.*)') AS m WHERE m IS NOT NULL;
    END LOOP;
END
$$;
SELECT results_eq(
    $$SELECT pg_temp.remote(etl._table_delete_command(c, 'by_time', 'true')) FROM (
        SELECT c.name, c.source, c.target, c.is_foreign, c.method, c.cursor_column, c.cursor_type, c.has_ties,
               c.has_index, c.horizon, c.wait, c.lag, c.transactions, c.xid_column, c.keys,
               etl._key_index('by_time', '{id}'), c.write_mode, c.deletes, c.filter, c.columns, c.batch_rows
        FROM etl.extract AS e CROSS JOIN etl._table_copy(e) AS c WHERE e.name = 'by_time') AS c$$,
    $$VALUES ('SELECT id FROM public.sale WHERE ((id = ANY ($1::bigint[])))')$$,
    'the keys of the target go there, and those that are there come back');
SELECT matches(pg_temp.remote(etl._table_query(c, etl._table_changed(c, s.cursor, s.detail, NULL))),
               'FROM public.sale_with_xid WHERE .*row_xid - \d+.*4294967295.*2147483648',
               'the condition on xmin is evaluated there')
FROM etl.extract AS e CROSS JOIN etl._table_copy(e) AS c JOIN etl.extract_state AS s USING (extract_id)
WHERE e.name = 'by_xid';

SELECT * FROM finish();
SELECT dblink_disconnect('late') AS done \gset
DROP SERVER shop CASCADE;
DROP DATABASE :"there" WITH (FORCE);
