-- Extracts from an HTTP API with known answers: what is loaded, counted, asked for and gone on with. No transaction around
-- the file, because etl.run_extract commits. The API is that of test/api.
\getenv api PG_ETL_API
CREATE EXTENSION dblink;
\pset fieldsep '\n'
SELECT plan(91);
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_etl.allowed_hosts = '127.0.0.1';
SELECT format('CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url %L, attempts ''1'')',
              :'api' || '/extract_' || pg_backend_pid()) \gexec

-- The procedure called at the top level of another session, so that its error can be compared.
CREATE FUNCTION pg_temp.call(procedure text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)',
                  format('dbname=%s host=%s options=''-c pg_etl.allowed_hosts=127.0.0.1 -c client_min_messages=error''',
                         current_database(), current_setting('unix_socket_directories')), 'CALL ' || procedure)
$$;
CREATE FUNCTION pg_temp.control(path text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT h.body::jsonb FROM etl.http_get('api', path) AS h
$$;
CREATE FUNCTION pg_temp.put(resource text, records jsonb) RETURNS int LANGUAGE sql AS $$
    SELECT h.status FROM etl.http_post('api', '/_put/' || resource, body => records) AS h
$$;
-- The pages that were asked for of a resource, since the log was last forgotten.
CREATE FUNCTION pg_temp.asked(resource text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(e -> 'params' ->> 'page', '1'), ' ' ORDER BY n)
    FROM jsonb_array_elements(pg_temp.control('/_log?path=' || resource)) WITH ORDINALITY AS l(e, n)
$$;
CREATE FUNCTION pg_temp.counts(name text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT r.detail - '{chosen,new_fields,sqlstate,replaced}'::text[] FROM etl.runs AS r WHERE r.name = counts.name
    ORDER BY run_id DESC LIMIT 1
$$;

-- Append --------------------------------------------------------------------------------------------------------------

CREATE TABLE sale (
    sale_id bigint PRIMARY KEY,
    event int,
    buyer text,
    price numeric(10,2),
    quantity int,
    total_amount numeric(12,2),
    purchased_at timestamptz
);
SELECT etl.create_extract('sales', 'api', '/sales', 'sale', query => '{"n": 250, "size": 100}',
    write_mode => 'append', parallel => 1,
    mapping => '{"sale_id": "sale_id", "event": "eventId|event_id", "buyer": "buyer.name", "price": "price",
                 "quantity": "quantity", "purchased_at": "purchased_at",
                 "total_amount": {"from": "total_amount", "sql": "quantity * price"}}');
CALL etl.run_extract('sales');
SELECT is(pg_temp.counts('sales'), '{"pages": 3, "received": 250, "inserted": 250, "updated": 0, "unchanged": 0,
    "ignored": 0, "dead": 0}', 'all records of three pages are loaded');
SELECT results_eq('SELECT count(*), min(sale_id), max(sale_id), count(total_amount) FROM sale',
                  $$VALUES (250::bigint, 1::bigint, 250::bigint, 250::bigint)$$,
                      'each of them once, none without a total');
SELECT is(s, ROW(1, 42, 'Hugo', 96.96, 2, 193.92, '2024-03-01 00:00:37+00'::timestamptz)::sale, 'with its values')
FROM sale AS s WHERE sale_id = 1;
SELECT is(count(*), 0::bigint, 'a total that was not sent is computed')
FROM sale WHERE total_amount <> quantity * price;
SELECT is(pg_temp.asked('sales'), '1 2 3', 'each page was asked for once');
CALL etl.run_extract('sales');
SELECT results_eq($$SELECT DISTINCT reason, sqlstate FROM etl.dead_letters WHERE extract = 'sales'$$,
    $$VALUES ('duplicate key value violates unique constraint "sale_pkey"', '23505')$$,
    'without key_columns records that come again break the constraint');
DELETE FROM etl.dead_letter;
SELECT etl.alter_extract('sales', key_columns => '{sale_id}', write_mode => 'append');
CALL etl.run_extract('sales');
SELECT is(pg_temp.counts('sales') - 'pages', '{"received": 250, "inserted": 0, "updated": 0, "unchanged": 250,
    "ignored": 0, "dead": 0}', 'with a key what is there stays, and is counted');

-- Upsert --------------------------------------------------------------------------------------------------------------

SELECT etl.alter_extract('sales', write_mode => 'upsert');
SELECT pg_temp.put('sales', '[{"sale_id": 5, "price": 1000.00}, {"sale_id": 1000, "event_id": 3, "price": 2,
                              "quantity": 3, "total_amount": "@absent", "purchased_at": "2024-05-01T00:00:00Z"}]');
CALL etl.run_extract('sales');
SELECT is(pg_temp.counts('sales') - 'pages', '{"received": 251, "inserted": 1, "updated": 1, "unchanged": 249,
    "ignored": 0, "dead": 0}', 'an upsert inserts what is new and changes what is different');
SELECT is(price, 1000.00, 'the new value') FROM sale WHERE sale_id = 5;
SELECT is(total_amount, 6.00, 'the computed one') FROM sale WHERE sale_id = 1000;

SELECT pg_temp.control('/_reset');

-- What does not fit -----------------------------------------------------------------------------------------------------

CREATE TABLE odd (sale_id bigint PRIMARY KEY, purchased_at timestamptz NOT NULL, price numeric CHECK (price < 150));
SELECT etl.create_extract('odd', 'api', '/sales', 'odd', query => '{"n": 50, "size": 20, "bad": 7, "seed": 9}');
CALL etl.run_extract('odd');
SELECT is((c ->> 'received')::int, 50, 'all records are received'),
       is((c ->> 'inserted')::int + (c ->> 'dead')::int, 50, 'and each is loaded or dead'),
       is((c ->> 'inserted')::bigint, (SELECT count(*) FROM odd), 'as the table says')
FROM pg_temp.counts('odd') AS c;
SELECT is(count(*), 7::bigint, 'each seventh record has a date that is none')
FROM etl.dead_letters WHERE extract = 'odd' AND column_name = 'purchased_at';
SELECT ok(count(*) > 0 AND bool_and(reason LIKE '%violates check constraint%' AND sqlstate = '23514'),
          'what a constraint refuses is dead as well, by itself')
FROM etl.dead_letters WHERE extract = 'odd' AND column_name IS DISTINCT FROM 'purchased_at';
SELECT is(count(*), (SELECT count(*) FROM etl.dead_letters), 'dead letters are records as they came')
FROM etl.dead_letters WHERE record::jsonb ? 'sale_id' AND ordinal BETWEEN 1 AND 20;
SELECT is(dead, received, 'what a constraint still refuses stays') FROM etl.replay_dead_letters('odd');
ALTER TABLE odd DROP CONSTRAINT odd_price_check;
ALTER TABLE odd ALTER purchased_at DROP NOT NULL;
SELECT is(r.dead, 7::bigint, 'those that still do not fit stay'),
       ok(r.inserted > 0, 'those that fit now are loaded'),
       is(r.received, r.inserted + r.dead, 'none is lost')
FROM etl.replay_dead_letters('odd') AS r;
SELECT is(count(*) FILTER (WHERE attempts = 2), 7::bigint, 'with one attempt more') FROM etl.dead_letters;
SELECT etl.alter_extract('odd', mapping => '{"sale_id": "sale_id", "price": "price"}');
SELECT is(r, ROW(7, 7, 0, 0, 0, 0)::etl._page_counts, 'a mended mapping loads the rest')
FROM (SELECT ROW(d.received, d.inserted, d.updated, d.unchanged, d.ignored, d.dead)::etl._page_counts AS r
      FROM etl.replay_dead_letters('odd') AS d) AS x;
SELECT is_empty('SELECT * FROM etl.dead_letters', 'no letter is left');
SELECT is(count(*), 50::bigint, 'every record is in the table') FROM odd;
TRUNCATE odd;
SELECT etl.alter_extract('odd', on_bad_row => 'error', reset => '{mapping}');
SELECT throws_ok(pg_temp.call($$etl.run_extract('odd')$$), '22007', NULL, 'on_bad_row error ends the run');
SELECT is_empty('SELECT * FROM odd', 'and nothing of the page stays');
SELECT etl.alter_extract('odd', on_bad_row => 'skip');
CALL etl.run_extract('odd');
SELECT is((SELECT count(*) FROM odd), 43::bigint, 'skip leaves them out'),
       is((pg_temp.counts('odd') ->> 'dead')::int, 7, 'and counts them'),
       is_empty('SELECT * FROM etl.dead_letters', 'and keeps none');

-- A record that was mended by the API meanwhile is not overwritten by what came before.
CREATE TABLE mended (sale_id bigint PRIMARY KEY, purchased_at timestamptz, price numeric);
SELECT etl.create_extract('mended', 'api', '/sales', 'mended', query => '{"n": 7, "bad": 7}',
    key_columns => '{sale_id}');
CALL etl.run_extract('mended');
SELECT pg_temp.put('sales', '{"sale_id": 7, "price": 77, "purchased_at": "2024-05-05T00:00:00Z"}');
SELECT etl.alter_extract('mended', query => '{"n": 7}');
CALL etl.run_extract('mended');
SELECT etl.alter_extract('mended', mapping => '{"sale_id": "sale_id", "price": "price"}');
SELECT is(ignored, 1::bigint, 'a dead letter loses against the row that came since')
FROM etl.replay_dead_letters('mended');
SELECT is(price, 77::numeric, 'which stays as it is') FROM mended WHERE sale_id = 7;
SELECT pg_temp.control('/_reset');

-- Cursor ----------------------------------------------------------------------------------------------------------------

CREATE TABLE event (event_id int PRIMARY KEY, name text, updated_at timestamptz);
SELECT etl.create_extract('events', 'api', '/events', 'event', query => '{"n": 30, "size": 10}',
    key_columns => '{event_id}',
    "cursor" => '{"column": "updated_at", "param": "updated_since", "lag": "3 minutes", "start": "2024-03-01 00:11"}');
CALL etl.run_extract('events');
SELECT is(min(event_id), 8, 'the first run begins at start less the lag') FROM event;
SELECT is("cursor", '2024-03-01 00:30:00+00', 'the cursor is the highest value') FROM etl.extracts WHERE extract
    = 'events';
SELECT pg_temp.control('/_reset');
SELECT pg_temp.put('events', '[{"event_id": 31, "name": "late", "updated_at": "2024-03-01T00:28:00Z"},
                               {"event_id": 32, "name": "far ahead", "updated_at": "2999-01-01T00:00:00Z"}]');
CALL etl.run_extract('events');
SELECT is(pg_temp.counts('events') - 'pages',
    '{"received": 6, "inserted": 2, "updated": 0, "unchanged": 4, "ignored": 0,
    "dead": 0}', 'the next one takes what is new, with the lag');
SELECT ok("cursor"::timestamptz BETWEEN now() - interval '1 minute' AND now(),
    'a moment in the future does not hide what follows')
FROM etl.extracts WHERE extract = 'events';
SELECT is(etl.reset_cursor('events', '2024-03-01 00:20') IS NOT NULL, true, 'a cursor can be set back');
SELECT is("cursor", '2024-03-01 00:20:00+00', 'it was') FROM etl.extracts WHERE extract = 'events';

-- A failure, and going on ---------------------------------------------------------------------------------------------

CREATE TABLE resumed (sale_id bigint);
SELECT etl.create_extract('resumed', 'api', '/sales', 'resumed', parallel => 1,
                          query => '{"n": 500, "size": 50, "fail_page": 7, "fail": "500"}');
SELECT pg_temp.control('/_reset');
SELECT throws_ok(pg_temp.call($$etl.run_extract('resumed')$$), NULL, NULL, 'a page that fails ends the run');
SELECT is(count(*), 300::bigint, 'the pages before it are there') FROM resumed;
SELECT is(status, 'unfinished', 'the view says so') FROM etl.extracts WHERE extract = 'resumed';
SELECT pg_temp.control('/_reset');
SELECT etl.alter_extract('resumed', query => '{"n": 500, "size": 50}');
CALL etl.run_extract('resumed');
SELECT results_eq('SELECT count(*), count(DISTINCT sale_id) FROM resumed', $$VALUES (500::bigint, 500::bigint)$$,
                  'the next run loads the rest, and nothing twice');
SELECT is(pg_temp.asked('sales'), '7 8 9 10', 'and asks for nothing else');
SELECT is(status, 'idle', 'then it is finished') FROM etl.extracts WHERE extract = 'resumed';

-- Replacing -------------------------------------------------------------------------------------------------------------

CREATE TABLE replaced (sale_id bigint, event_id int, price numeric);
INSERT INTO replaced VALUES (1, 1, 1), (1000000, 2, 3);
SELECT etl.create_extract('replaced', 'api', '/sales', 'replaced', query => '{"n": 60, "size": 25}',
    write_mode => 'replace');
CALL etl.run_extract('replaced');
SELECT results_eq('SELECT count(*), max(sale_id) FROM replaced', $$VALUES (60::bigint, 60::bigint)$$,
    'all rows are replaced');
SELECT is(detail #>> '{replaced,deleted}', '2', 'and counted') FROM etl.runs WHERE name
    = 'replaced' ORDER BY run_id DESC LIMIT 1;
SELECT etl.alter_extract('replaced', query => '{"n": 60, "size": 25, "fail_page": 2, "fail": "500"}');
SELECT throws_ok(pg_temp.call($$etl.run_extract('replaced')$$), NULL, NULL, 'a run that fails');
SELECT is(count(*), 60::bigint, 'replaces nothing') FROM replaced;
SELECT throws_ok($$SELECT etl.alter_extract('replaced', write_mode => 'append')$$, '55000', NULL,
                 'rows that wait hold the write mode');
SELECT etl.alter_extract('replaced', query => '{"n": 40, "size": 25}');
CALL etl.run_extract('replaced');
SELECT is(count(*), 40::bigint, 'it is gone on with, and put in place at the end') FROM replaced;
SELECT etl.alter_extract('replaced', write_mode => 'delete_insert', key_columns => '{event_id}');
INSERT INTO replaced VALUES (999, (SELECT min(event_id) FROM replaced), 0), (998, 1000000, 0);
CALL etl.run_extract('replaced');
SELECT is_empty('SELECT * FROM replaced WHERE sale_id = 999', 'delete_insert deletes what has a key that came'),
       is((SELECT count(*) FROM replaced), 41::bigint, 'and leaves the rest');
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY, event_id int PRIMARY KEY, name text CHECK (name <> 'x'));
INSERT INTO numbered (event_id, name) VALUES (100, 'old');
SELECT etl.create_extract('numbered', 'api', '/events', 'numbered', query => '{"n": 5}', key_columns => '{event_id}',
                          write_mode => 'replace');
CALL etl.run_extract('numbered');
SELECT is(count(*), 5::bigint, 'a table that numbers its rows is replaced as well') FROM numbered;
SELECT etl.alter_extract('numbered', mapping => '{"event_id": "event_id", "name": {"sql": "''x''"}}');
SELECT throws_ok(pg_temp.call($$etl.run_extract('numbered')$$), '22000', NULL,
    'but not by nothing, when there were records');
SELECT is(count(*), 5::bigint, 'its rows stay') FROM numbered;
SELECT etl.reset_cursor('numbered');
TRUNCATE numbered;
SELECT etl.alter_extract('numbered', mapping => '{"event_id": "event_id", "name": "name"}');
SELECT is(inserted, 5::bigint, 'dead letters of what is replaced are added') FROM etl.replay_dead_letters('numbered');
-- An API whose records move to the next page while they are read.
CREATE TABLE moving (sale_id bigint PRIMARY KEY, event_id int);
SELECT etl.create_extract('moving', 'api', '/sales', 'moving', query => '{"n": 30, "size": 10, "grow_front": 2}',
                          key_columns => '{sale_id}', write_mode => 'replace', parallel => 1);
CALL etl.run_extract('moving');
SELECT is(count(*), count(DISTINCT sale_id), 'each key is put in place once') FROM moving;
SELECT is(received, inserted + dead, 'all that was received is told'), ok(ignored > 0, 'and what lost')
FROM (SELECT (c ->> 'received')::int AS received, (c ->> 'inserted')::int AS inserted, (c ->> 'dead')::int AS dead
      FROM pg_temp.counts('moving') AS c) AS c,
     (SELECT (detail #>> '{replaced,ignored}')::int AS ignored FROM etl.runs WHERE name = 'moving') AS r;
SELECT is_empty($$SELECT FROM pg_class WHERE relname LIKE 'etl_stage%'$$, 'no staging table is left');

-- Parents and children ----------------------------------------------------------------------------------------------------

CREATE TABLE child (sale_id bigint PRIMARY KEY, event_id int);
SELECT etl.create_extract('few', 'api', '/events', 'event', query => '{"n": 12}', key_columns => '{event_id}',
                          description => 'parents');
DELETE FROM event WHERE event_id > 12;
CALL etl.run_extract('few');
SELECT etl.create_extract('children', 'api', '/events/{event_id}/sales', 'child', parent => 'few',
                          query => '{"size": 2, "style": "has_more"}');
SELECT pg_temp.control('/_reset');
CALL etl.run_extract('children');
SELECT results_eq('SELECT event_id, count(*) FROM child GROUP BY 1 ORDER BY 1',
    $$SELECT g, ((7 * g) % 6)::bigint FROM generate_series(1, 12) AS g WHERE (7 * g) % 6 > 0 ORDER BY 1$$,
    'the children of every parent are loaded');
TRUNCATE child;
SELECT etl.alter_extract('children', query => '{"size": 2, "style": "has_more", "fail_page": 2, "fail": "500"}');
SELECT throws_ok(pg_temp.call($$etl.run_extract('children')$$), NULL, NULL, 'a child that fails ends the run');
SELECT is(parent_key, '{"event_id": 3}', 'at its parent') FROM etl.extracts WHERE extract = 'children';
SELECT etl.alter_extract('children', query => '{"size": 2, "style": "has_more"}');
CALL etl.run_extract('children');
SELECT results_eq('SELECT event_id, count(*) FROM child GROUP BY 1 ORDER BY 1',
    $$SELECT g, ((7 * g) % 6)::bigint FROM generate_series(1, 12) AS g WHERE (7 * g) % 6 > 0 ORDER BY 1$$,
    'and the next run goes on with it');

SELECT is(etl._fill_in_document('{"q": "{ sale {event_id} }", "v": ["{event_id}", "x{event_id}"]}', '{"event_id": 5}',
    true),
          '{"q": "{ sale {event_id} }", "v": ["5", "x{event_id}"]}', 'in a body only whole strings are filled in');
SELECT throws_ok($$SELECT etl._fill_in('/a/{b}/c', '{"b": ".."}', true)$$, '22023',
                 '''..'' cannot be a part of a path: {b} in "/a/{b}/c"', 'a value cannot lead elsewhere');
SELECT throws_ok($$SELECT etl.create_extract('c', 'api', '/events/{event_id}/sales', 'child', parent => 'few',
    key_columns => '{sale_id}', "cursor" => '{"column": "sale_id", "param": "s"}')$$, '22023',
    'an extract with a parent cannot have a cursor', 'one cursor cannot serve all parents');

-- A table from samples, new fields, raw records ------------------------------------------------------------------------

SELECT etl.create_extract('inferred', 'api', '/sales', query => '{"n": 30, "size": 10}', key_columns => '{sale_id}');
SELECT throws_ok(pg_temp.call($$etl.run_extract('inferred')$$), '55000', NULL, 'without a table it is not run');
SELECT matches(etl.infer_table('inferred', dry_run => true), 'CREATE TABLE public.inferred \(',
    'a dry run tells the table');
SELECT etl.infer_table('inferred');
SELECT col_type_is('inferred', 'sale_id', 'bigint', 'with types'), col_is_pk('inferred', 'sale_id', 'and its key');
SELECT etl.alter_extract('inferred', keep_raw => true, new_fields => 'report');
SELECT pg_temp.put('sales', '{"sale_id": 30, "gift": true}');
CALL etl.run_extract('inferred');
SELECT is(detail -> 'new_fields', '{"gift": "boolean"}', 'new fields are reported')
FROM etl.runs WHERE name = 'inferred' ORDER BY run_id DESC LIMIT 1;
SELECT is(count(*), 30::bigint, 'raw records are kept') FROM etl.raw_record WHERE extract = 'inferred';
SELECT etl.alter_extract('inferred', new_fields => 'add');
CALL etl.run_extract('inferred');
SELECT results_eq('SELECT sale_id FROM inferred WHERE gift', 'VALUES (30::bigint)', 'or become columns');
SELECT etl.alter_extract('inferred', new_fields => 'report', mapping => '{
    "sale_id": "$.sale_id", "gift": {"from": ["gifted", "gift"]}, "price": "/price"}');
CALL etl.run_extract('inferred');
SELECT ok(detail -> 'new_fields' ? 'event_id' AND NOT detail -> 'new_fields' ?| '{sale_id,gift,price}',
          'whatever the form of a path, its field is known')
FROM etl.runs WHERE name = 'inferred' ORDER BY run_id DESC LIMIT 1;

CREATE TABLE widened (event_id int PRIMARY KEY);
SELECT etl.create_extract('widened', 'api', '/events', 'widened', query => '{"n": 3}', key_columns => '{event_id}',
                          new_fields => 'add');
CALL etl.run_extract('widened');
SELECT is(count(venue_city), 3::bigint, 'without a mapping as well, also nested ones') FROM widened;
CALL etl.run_extract('widened');
SELECT is(detail -> 'new_fields', NULL, 'and are not new again')
FROM etl.runs WHERE name = 'widened' ORDER BY run_id DESC LIMIT 1;
SELECT throws_ok($$SELECT etl.create_extract('c', 'api', '/events', 'event', key_columns => '{event_id}',
    mapping => '{"event_id": "event_id"}', "cursor" => '{"column": "updated_at", "param": "s"}')$$, '42703',
    'the cursor follows column "updated_at", which the mapping does not fill', 'a cursor needs a rule');

-- While a page is awaited ------------------------------------------------------------------------------------------------

CREATE TABLE slow (sale_id bigint);
SELECT etl.create_extract('slow', 'api', '/sales', 'slow', query => '{"n": 30, "size": 10, "latency": "0.4"}',
                          parallel => 1);
SELECT dblink_connect('slow', format('dbname=%s host=%s options=''-c pg_etl.allowed_hosts=127.0.0.1''',
                                     current_database(), current_setting('unix_socket_directories')));
CREATE TEMPORARY VIEW waiting AS
SELECT * FROM pg_stat_activity WHERE query = 'CALL etl.run_extract(''slow'')' AND datname = current_database();
SELECT dblink_send_query('slow', 'CALL etl.run_extract(''slow'')');
DO $$
BEGIN -- until the second page is awaited
    FOR i IN 1 .. 3000 LOOP
        EXIT WHEN EXISTS (SELECT FROM slow) AND EXISTS (SELECT FROM waiting WHERE wait_event_type = 'Extension');
        PERFORM pg_sleep(0.01);
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
END
$$;
SELECT is((SELECT count(*) FROM waiting WHERE state = 'active'), 1::bigint, 'while a page is awaited'),
       is((SELECT count(*) FROM waiting WHERE backend_xmin IS NULL AND backend_xid IS NULL), 1::bigint,
          'there is neither a snapshot nor a transaction id'),
       is_empty('SELECT * FROM pg_locks WHERE pid IN (SELECT pid FROM waiting) AND locktype = ''relation''',
                'and no table is locked');
SELECT throws_ok($$SELECT * FROM etl.replay_dead_letters('slow')$$, '55006', 'extract "slow" is being run',
                 'what it loads is not replayed meanwhile'),
       throws_ok($$SELECT etl.reset_cursor('slow')$$, '55006', 'extract "slow" is being run', 'nor is it set back');
SELECT pg_cancel_backend(pid), pg_sleep(0.0003), pg_cancel_backend(pid) FROM waiting; -- as it may come
SELECT * FROM dblink_get_result('slow', false) AS t(x text);
SELECT matches(dblink_error_message('slow'), 'canceled while a page was awaited', 'a cancel ends it');
SELECT is(status, 'failed', 'which is recorded') FROM etl.runs WHERE name = 'slow' ORDER BY run_id DESC LIMIT 1;
CALL etl.run_extract('slow');
SELECT results_eq('SELECT count(*), count(DISTINCT sale_id) FROM slow', $$VALUES (30::bigint, 30::bigint)$$,
                  'and the next run goes on');

-- Trying out, pausing, dropping -------------------------------------------------------------------------------------------

SELECT is(count(*), 20::bigint, 'a test shows rows') FROM etl.test_extract('inferred', 2) WHERE row_of ? 'sale_id';
SELECT is(count(*), 30::bigint, 'and loads none') FROM inferred;
SELECT etl.pause_extract('inferred');
SELECT pg_temp.control('/_reset');
CALL etl.run_extract('inferred');
SELECT is(pg_temp.asked('sales'), NULL, 'a paused extract asks for nothing');
SELECT is(status, 'paused', 'and is shown as that') FROM etl.extracts WHERE extract = 'inferred';
SELECT throws_ok($$SELECT etl.drop_extract('few')$$, '2BP01', NULL, 'a parent is not dropped');
SELECT etl.drop_extract('children'), etl.drop_extract('few');
SELECT is_empty($$SELECT FROM etl.extract WHERE name IN ('few', 'children')$$, 'after its children it is');

SELECT * FROM finish();
