-- etl.load_file from a server of the wrapper etl_http: its answer is a content like any other.
\getenv api PG_ETL_API
SELECT plan(15);
SET client_min_messages = warning;
SET pg_etl.allowed_hosts = '127.0.0.1';
SELECT format('CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url %L, retry_delay ''1ms'')',
    :'api') \gexec

CREATE FUNCTION shown(r etl._load_result) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s %s=%s+%s+%s+%s+%s', r.status, r.received, r.inserted, r.updated, r.unchanged, r.ignored,
                  r.rejected)
$$;
CREATE TABLE event (event_id bigint PRIMARY KEY, name text);

SELECT lives_ok($$SELECT etl.http_get('api', 'load_url/_reset')$$, 'the API answers');
SELECT is(shown(etl.load_file('load_url/events?n=10&format=ndjson&style=none', 'event', 'ndjson', server => 'api',
    mapping => '{"event_id": "event_id", "name": "name|title"}')), 'loaded 10=10+0+0+0+0', 'records in lines');
SELECT is((SELECT sum(event_id) FROM event), 55::numeric, 'all of them');
SELECT is(shown(etl.load_file(:'api' || '/load_url/events?n=20&style=none&records=data', 'event', 'json',
    server => 'api',
    records_path => '/data', mapping => '{"event_id": "event_id"}')), 'loaded 20=10+0+0+0+10', 'records in a document');
SELECT is(shown(etl.load_file('load_url/events?n=10&format=ndjson&style=none', 'event', 'ndjson', server => 'api',
    mapping => '{"event_id": "event_id", "name": "name|title"}')), 'duplicate 0=0+0+0+0+0', 'the same answer again');
SELECT is((SELECT count(*) FROM etl.batches), 2::bigint, 'is no other batch');
SELECT is((etl.load_file('load_url/events?n=10&format=ndjson&style=none', 'event', 'ndjson', server => 'api',
    force => true, mapping => '{"event_id": "event_id", "name": "name|title"}')).status, 'loaded',
        'unless it is by force');
SELECT is((SELECT count(*) FROM etl.batches), 3::bigint, 'then it is one');
SELECT results_eq('SELECT source FROM etl.batches ORDER BY batch_id LIMIT 1', $$VALUES ('load_url/events')$$,
    'what a URL asks is not kept');
SELECT throws_ok($$SELECT etl.load_file('load_url/events?fail=404', 'event', 'json', server => 'api')$$, '08P01', NULL,
    'an answer that is none');
SELECT throws_ok($$SELECT etl.load_file('load_url/events?n=50&cut=300&style=none', 'event', 'json', server => 'api')$$,
    '08006', NULL, 'an answer that is cut');
SELECT throws_ok($$SELECT etl.load_file('http://127.0.0.1:1/a.csv', 'event', 'csv', server => 'api')$$, '42501', NULL,
    'another origin');
SELECT throws_ok($$SELECT etl.load_file('http://127.0.0.1/a.csv', 'event')$$, '22023', 'a URL is loaded from a server',
    'a URL alone');

CREATE ROLE load_url_role;
GRANT INSERT ON event TO load_url_role;
GRANT USAGE ON FOREIGN SERVER api TO load_url_role;
SET ROLE load_url_role;
SELECT throws_ok(
    $$SELECT * FROM etl._load('{"format": "csv", "server": "api"}', 'load_url/events', NULL, 'event', NULL)$$,
    '42501', NULL, 'who may not load files loads none from a server');
RESET ROLE;
REVOKE ALL ON FOREIGN SERVER api FROM load_url_role;
GRANT EXECUTE ON FUNCTION etl.load_file TO load_url_role;
SET ROLE load_url_role;
SELECT throws_ok($$SELECT etl.load_file('load_url/events', 'event', 'json', server => 'api')$$, '42501', NULL,
    'nor does who may not use the server');
RESET ROLE;
DROP OWNED BY load_url_role;
DROP ROLE load_url_role;
SELECT * FROM finish();
