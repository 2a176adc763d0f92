-- The functions of extracts as one family: how they are named and called, what they refuse, and the way out that an
-- error names. No request is made. No transaction around the file: a copy commits.
CREATE EXTENSION dblink;
SELECT plan(68);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'https://api.example.com');
CREATE TABLE item (id bigint PRIMARY KEY, name text, price numeric, at timestamptz DEFAULT now() NOT NULL);
CREATE INDEX ON item (at);
CREATE TABLE copy (LIKE item INCLUDING INDEXES);

-- What a statement is refused with: its message, and what to do.
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    advice text;
BEGIN
    EXECUTE statement;
    RETURN 'nothing';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
        RETURN format('%s %s / %s', SQLSTATE, SQLERRM, advice);
END
$$;

-- One family ----------------------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE made AS
SELECT p.oid, p.proname AS name, p.proname ~ '^create' AS creates,
       regexp_replace(p.proname, '^(create|alter)_', '') AS kind, a.argument, a.type::regtype AS type, a.n,
       p.prorettype::regtype AS returns
FROM pg_proc AS p,
     ROWS FROM (unnest(p.proargnames), unnest(p.proargtypes::oid[])) WITH ORDINALITY AS a(argument, type, n)
WHERE p.pronamespace = 'etl'::regnamespace AND p.proname ~ '^(create|alter)_(.*_)?(extract|ingest)$';

SELECT set_eq('SELECT name FROM made', '{create_extract,alter_extract,create_table_extract,alter_table_extract,
    create_evm_extract,alter_evm_extract,create_ingest,alter_ingest}'::name[], 'each kind is made and changed');
SELECT is_empty('SELECT name FROM made WHERE n = 1 AND (argument, type) <> (''name'', ''text''::regtype)',
                'by its name, which comes first');
SELECT is_empty('SELECT name FROM made WHERE returns <> ''void''::regtype', 'and nothing is returned');
SELECT is_empty($$SELECT argument FROM made GROUP BY argument
                  HAVING count(DISTINCT type) > 1 AND argument <> 'target'$$,
                'an argument has one type');
SELECT is_empty($$SELECT a.name, a.argument FROM made AS a WHERE NOT a.creates AND a.argument <> 'reset'
                  AND NOT EXISTS (SELECT FROM made AS c WHERE c.creates AND c.kind = a.kind
                                                          AND c.argument = a.argument AND c.type = a.type)$$,
                'what is changed is what was said');
SELECT is_empty($$SELECT name FROM made WHERE NOT creates GROUP BY name HAVING NOT bool_or(argument = 'reset')$$,
                'and can be taken away');
SELECT is_empty($$SELECT name FROM made WHERE creates GROUP BY name
                  HAVING (array_agg(argument ORDER BY n DESC))[1:2] <> '{if_not_exists,description}'$$,
                'the same arguments stand at the end');
SELECT is_empty($$SELECT p.proname FROM pg_proc AS p, unnest(p.proargnames, p.proargtypes::oid[]) AS a(name, type)
                  WHERE p.pronamespace = 'etl'::regnamespace AND p.proname !~ '^_' AND a.name = 'key_columns'
                    AND a.type <> 'name[]'::regtype$$, 'key columns are names everywhere');

-- From APIs -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.extract_refusal(arguments text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.refusal(format('SELECT etl.create_extract(''x'', ''api'', ''/items'', %s)', arguments))
$$;
SELECT is(pg_temp.extract_refusal($$'item', query => '{"a": {"b": 1}}'$$),
          '22023 query has a member "a" that is neither a value nor an array of values / '
          'Give query as ''{"name": "value", "more": ["one", "two"]}''::jsonb.', 'a query that is none');
SELECT matches(pg_temp.extract_refusal($$'item', headers => '{"Host": "x"}'$$),
               '^22023 header "Host" is not yours to set', 'a header that the client sets');
SELECT matches(pg_temp.extract_refusal($$'item', parallel => 0$$), '^22023 parallel must be from 1 to 64, not 0',
               'no request at once');
SELECT is(pg_temp.extract_refusal($$'item', method => 'PUT'$$),
          '22023 method cannot be ''PUT'' / Give one of ''GET'', ''POST''.', 'a method that writes');
SELECT is(pg_temp.extract_refusal($$'item', key_columns => '{id}', "cursor" => '{"column": "id", "param": "since",
                                                                               "lag": "1 hour"}'$$),
          '22P02 the cursor does not fit column "id": invalid input syntax for type numeric: "1 hour" / start is a '
          'value of the column, lag an interval for moments and dates, and a number for numbers.',
          'a lag of another type');
SELECT matches(pg_temp.extract_refusal($$'item', key_columns => '{id}', "cursor" => '{"column": "at", "param": "since",
                                                                                    "start": "soon"}'$$),
               '^22007 the cursor does not fit column "at": .*"soon"', 'a start that is none');
SELECT matches(pg_temp.extract_refusal($$'item', key_columns => '{}'$$),
               '^22023 no key column given for table "public.item" / .*ARRAY\[''column'', ', 'no key');
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
SELECT is(pg_temp.extract_refusal($$'numbered', key_columns => '{id}'$$),
          '42703 the mapping has no rule for key column id / '
          'Records are told apart by their keys. Add the rule, or name other key_columns.', 'a key that nothing fills');
SELECT matches(pg_temp.extract_refusal($$'numbered', mapping => '{"id": "id"}'$$),
               '^428C9 column "id" cannot be mapped / .*ALTER "id" SET GENERATED BY DEFAULT;$',
               'a column that is always generated');
CREATE TEMPORARY TABLE passing (id bigint PRIMARY KEY);
SELECT matches(pg_temp.extract_refusal($$'passing'$$), '^42809 table "passing" is temporary',
               'a table that goes with the session');
SELECT matches(pg_temp.extract_refusal($$'etl.extract'$$), '^42809 table "etl."extract"" belongs to pg_etl itself',
               'a table of pg_etl');
SELECT matches(pg_temp.refusal($$SELECT etl.create_ingest('x', 'passing')$$), '^42809 table .* is temporary',
               'not for a source either');
SELECT matches(pg_temp.refusal($$SELECT etl.create_ingest('x', 'etl.extract')$$),
               '^42809 table "etl."extract"" belongs', 'nor this one');

SELECT etl.create_extract('items', 'api', '/items', 'item', key_columns => '{id}', body => '{"q": 1}');
SELECT is(source ? 'method', false, 'the method follows from the body') FROM etl.extract WHERE name = 'items';
SELECT is(pg_temp.refusal(format('SELECT etl.alter_extract(''items'', %s)', said)), refused, 'changed: ' || said)
FROM (VALUES
    ('max_pages => -1', '22023 max_pages must be 1 or more, not -1 / '
                        'A run that would read more pages than this ends with an error.'),
    ('query => ''[]''', '22023 query must be a JSON object, not [] / Give names and values, as in query => '
                        '''{"country": "NL"}''.'),
    ('parallel => 65', '22023 parallel must be from 1 to 64, not 65 / '))
    AS t(said, refused);
SELECT matches(pg_temp.refusal($$SELECT etl.alter_extract('items', headers => '3')$$), '^22023 headers must be a JSON',
               'changed: headers');
SELECT etl.alter_extract('items', method => 'get', reset => '{body}');
SELECT is(source - '{server,path,records_path,paginate,max_pages}'::text[], '{"method": "GET"}', 'what is changed')
FROM etl.extract WHERE name = 'items';

-- Copies of tables ----------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.copy_refusal(arguments text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.refusal(format('SELECT etl.create_table_extract(''x'', ''item'', ''copy'', %s)', arguments))
$$;
SELECT is(pg_temp.copy_refusal($$'{"column": "at", "start": 1}'$$),
          '22023 cursor has an unknown member "start" / Its members may be column, lag.', 'a member of another cursor');
SELECT is(pg_temp.copy_refusal($$'{"lag": "1 h"}'$$),
          '22023 the cursor lacks "column", the column of the source that it follows / '
          'Say for example cursor => ''{"column": "updated_at"}''.', 'a cursor without its column');
SELECT is(pg_temp.copy_refusal($$'{"column": "at"}', columns => '{"no": "id", "nay": "name"}'$$),
          '42703 table "public.copy" does not have columns nay, no / The members of columns are columns of the target.',
          'no column that the target has');
SELECT is(pg_temp.copy_refusal($$'{"column": "at"}', xid_column => 'id'$$),
          '0A000 method cursor has no xid_column / Leave it out, or use method => ''xmin''.',
          'what another method has');
SELECT matches(pg_temp.copy_refusal($$method => 'full', horizon => 'now'$$), '^22023 unknown horizon "now"',
               'a horizon that is none, also where it is not needed');

INSERT INTO item (id, name, price, at)
SELECT i, 'item ' || i, i, timestamptz '2025-01-01' + i * interval '1 second' FROM generate_series(1, 6) AS i;
SELECT etl.create_table_extract('copied', 'item', 'copy', '{"column": "at"}', filter => 'price > 4',
                                columns => '{"id": "id", "name": "name", "at": "at"}');
CALL etl.run_extract('copied');
SELECT "cursor" AS mark FROM etl.extracts WHERE extract = 'copied' \gset
SELECT etl.alter_table_extract('copied', batch_rows => 1, wait => '2 s', deletes => true, description => 'Items');
SELECT is(source - '{relation,horizon}'::text[] || jsonb_build_object('text', description),
          '{"method": "cursor", "wait": "00:00:02", "batch_rows": 1, "deletes": true, "filter": "price > 4",
            "text": "Items"}', 'settings of a copy are changed') FROM etl.extract WHERE name = 'copied';
SELECT etl.alter_table_extract('copied', columns => '{"id": "id", "name": "upper(name)", "at": "at", "price": "price"}',
                               deletes => false, reset => '{filter}');
UPDATE item SET at = now() WHERE id = 1;
INSERT INTO item (id, name, price) VALUES (7, 'item 7', 7);
CALL etl.run_extract('copied');
SELECT results_eq('SELECT id, name, price FROM copy ORDER BY id',
                  $$VALUES (1::bigint, 'ITEM 1', 1::numeric), (5, 'item 5', NULL), (6, 'ITEM 6', 6), (7, 'ITEM 7', 7)$$,
                  'and are so from the mark on');
SELECT is(etl.reset_cursor('copied') > :'mark', true, 'the mark went on');
CALL etl.run_extract('copied');
SELECT results_eq('SELECT id, name, price FROM copy ORDER BY id', 'SELECT id, upper(name), price FROM item ORDER BY id',
                  'all of it is, when it begins anew');
SELECT is(pg_temp.refusal(format('SELECT etl.alter_table_extract(''copied'', %s)', said)), refused,
          'a copy keeps: ' || said)
FROM (VALUES
    ('"cursor" => ''{"column": "id"}''',
     '22023 only how long the lag is can be changed of the cursor of extract "copied" / Give a cursor with the same '
     'members, or SELECT etl.drop_extract(''copied''); and define it anew.'),
    ('"cursor" => ''{"column": "at", "lag": "1 h"}''',
     '22023 only how long the lag is can be changed of the cursor of extract "copied" / Give a cursor with the same '
     'members, or SELECT etl.drop_extract(''copied''); and define it anew.'),
    ('columns => ''{"id": "id + 1", "at": "at"}''',
     '22023 what goes into key column "id" of extract "copied" cannot be changed / Leave it, or SELECT '
     'etl.drop_extract(''copied''); and define it anew.'),
    ('batch_rows => 0',
     '22023 batch_rows must be 1 to 10000000, not 0 / Give the number of rows that one transaction copies; the default '
     'is 50000.'),
    ('reset => ''{columns}''',
     '22023 reset cannot be ''columns'' / Give one of ''filter'', ''schedule'', ''description''.'))
    AS t(said, refused);
CREATE TABLE lagging (LIKE item INCLUDING INDEXES);
SELECT etl.create_table_extract('lagging', 'item', 'lagging', '{"column": "id", "lag": 10}');
SELECT etl.alter_table_extract('lagging', "cursor" => '{"column": "id", "lag": 20}');
SELECT is("cursor", '{"column": "id", "lag": 20}', 'a lag can be longer') FROM etl.extract WHERE name = 'lagging';
SELECT matches(pg_temp.refusal($$SELECT etl.alter_table_extract('lagging', '{"column": "id", "lag": "x"}')$$),
               '^22023 lag "x" is no span of type bigint', 'and must be one');

-- Files -----------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.refusal($$SELECT etl.load_file('/a.csv', 'lagging', server => 'nobody')$$),
          '42704 server "nobody" does not exist / CREATE SERVER nobody FOREIGN DATA WRAPPER etl_http OPTIONS (base_url '
          '''https://...'');', 'no server to load from');

-- Logs ----------------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.refusal($$SELECT etl.create_evm_extract('x', 'api', 1, '{NULL}', '{T(uint a)}', 0, 'public.log')$$),
          '22023 addresses must not hold NULL / Give addresses => ''{}'' for the logs of all contracts.',
          'no contract is not all of them');
SELECT is(pg_temp.refusal($$SELECT etl.create_evm_extract('x', 'api', 1, '{}', '{T(uint a)}', 0, 'a b')$$),
          '42602 target must be a name with its schema, not ''a b'''
          ' / Say for example target => ''public.orders_clean''.',
          'a name that is none');
SELECT etl.create_evm_extract('logs', 'api', 1, '{}', '{T(address a)}', 0, 'public.log');
SELECT etl.alter_evm_extract('logs', on_bad_row => 'skip', description => 'Logs', path => '/rpc', head_lag => 2,
                             retry_pause => '1.5 s', reset => '{confirmations}');
SELECT is(concat_ws(' ', on_bad_row, description, source ->> 'path', source ->> 'head_lag', source ->> 'retry_pause',
                    source ->> 'max_range', source -> 'confirmations'), 'skip Logs /rpc 2 1.500000 2000 null',
          'settings of an extract of logs are changed') FROM etl.extract WHERE name = 'logs';

-- Sources -------------------------------------------------------------------------------------------------------------

SELECT etl.load_suite('{"name": "named", "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "name"}}]}') \g /dev/null
SELECT etl.create_ingest(name => 'source', target => 'lagging', key_columns => '{id}');
SELECT etl.alter_ingest('source', suite => 'named', on_bad_row => 'skip');
SELECT is((etl.ingest('source', '{"id": 1, "at": "2025-01-01"}')).rejected, 1, 'a source gets a suite');
SELECT etl.alter_ingest('source', reset => '{suite}');
SELECT is((etl.ingest('source', '{"id": 1, "at": "2025-01-01"}')).rejected, 0, 'or none');

-- Of another kind -----------------------------------------------------------------------------------------------------

SELECT is(pg_temp.refusal(format('SELECT etl.%s(%L)', called, named)),
          format('42809 extract "%s" is of kind %s / Change it with etl.%s(''%1$s'', ...).', named, kind, meant),
          format('%s of kind %s', called, kind))
FROM (VALUES ('alter_extract', 'copied', 'table', 'alter_table_extract'),
             ('alter_extract', 'logs', 'evm', 'alter_evm_extract'),
             ('alter_extract', 'source', 'ingest', 'alter_ingest'),
             ('alter_table_extract', 'items', 'http', 'alter_extract'),
             ('alter_evm_extract', 'items', 'http', 'alter_extract'),
             ('alter_ingest', 'items', 'http', 'alter_extract')) AS t(called, named, kind, meant);
SELECT matches(pg_temp.refusal(format('SELECT etl.create_extract(%L, ''api'', ''/'', ''item'')', named)),
               format('^42710 extract "%s" already exists / Change it with etl.%s\(', named, meant),
               'a name of ' || named)
FROM (VALUES ('copied', 'alter_table_extract'), ('source', 'alter_ingest')) AS t(named, meant);
SELECT matches(pg_temp.refusal('SELECT etl.infer_table(''source'')'), '^42809 extract "source" is of kind ingest',
               'no table is inferred for a source');
SELECT matches(pg_temp.refusal('SELECT etl.reset_cursor(''source'')'), '^42809 "source" waits for records',
               'nor set back');
SELECT matches(pg_temp.refusal('SELECT etl.reset_evm_extract(''items'')'),
               '^42809 extract "items" is of kind http, not of logs / SELECT etl.reset_cursor\(',
               'nor an API to a block');

-- Without its table ---------------------------------------------------------------------------------------------------

DROP TABLE item, copy, lagging, log CASCADE;
SELECT matches(pg_temp.refusal(said), '^42P01 table "public.\w+" of extract "\w+" does not exist / ' || advice, said)
FROM (VALUES
    ('SELECT etl.replay_dead_letters(''items'')', 'SELECT etl.alter_extract\(''items'', target => '),
    ('SELECT etl.replay_dead_letters(''copied'')', 'Give it that name again, or SELECT etl.drop_extract\(''copied''\)'),
    ('SELECT etl.ingest(''source'', ''{"id": 1}'')', 'SELECT etl.alter_ingest\(''source'', target => '),
    ('SELECT etl.alter_ingest(''source'', description => ''x'')', 'SELECT etl.alter_ingest\(''source'', target => '),
    ('SELECT etl.alter_evm_extract(''logs'', max_range => 1)', 'Give it that name again, or SELECT etl.drop_extract'),
    ('SELECT etl.reset_evm_extract(''logs'')', 'Give it that name again, or SELECT etl.drop_extract'))
    AS t(said, advice);
SELECT is(pg_temp.refusal('SELECT etl.table_definition(NULL, ARRAY[''{"a": 1}''])'),
          '22023 no table was given / Give a name for the table, as in ''public.orders''.', 'a table without a name');
SELECT matches(pg_temp.refusal('SELECT etl.table_definition(''a'', ARRAY[''{"a": 1}''], ARRAY[NULL]::name[])'),
               '^42703 no field of the samples becomes column NULL', 'a key without one');

SELECT * FROM finish();
