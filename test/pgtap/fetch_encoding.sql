-- etl.fetch in a database whose texts are not UTF-8: records arrive as its characters, and what goes wrong is told
-- whatever characters it has.
\getenv api PG_ETL_API
CREATE DATABASE fetch_latin1 TEMPLATE template0 ENCODING latin1 LC_COLLATE 'C' LC_CTYPE 'C';
\c fetch_latin1
CREATE EXTENSION pgtap;
CREATE EXTENSION pg_etl;
SET client_encoding = 'UTF8';
SET client_min_messages = warning;
SET pg_etl.allowed_hosts = '127.0.0.1';
SELECT plan(5);
CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url :'api', attempts '1');
SELECT etl.http_post('api', 'fetch_latin1/_put/files/good', body => '[{"a": "é"}, {"b": "\u00fc"}]') \g /dev/null
SELECT is(array_agg(f), ARRAY['{"a": "é"}', '{"b": "ü"}']::jsonb[], 'records')
FROM etl.fetch('api', 'fetch_latin1/files/good', paginate => '{"type": "none"}') AS f;

-- A body in characters that the database lacks, and a hint with an ellipsis.
CREATE FUNCTION pg_temp.failure(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;
SELECT is(f.hint, 'If null stands for a page without records, say so: paginate => ''{..., "null_is_empty": true}''.',
    'an ellipsis')
FROM pg_temp.failure($$SELECT count(*)
    FROM etl.fetch('api', 'fetch_latin1/sales?n=2&missing=null', records_path => '/data')$$) AS f;
\! curl -sS --data-binary '{"error": "café 東京"}' "$PG_ETL_API/fetch_latin1/_put/files/far" > /dev/null
SELECT is(f.state || ' ' || f.detail, '08P01 The body begins: {"error": "café ??"} Position: {}.', 'a body')
FROM pg_temp.failure($$SELECT count(*) FROM etl.fetch('api', 'fetch_latin1/files/far?status=500')$$) AS f;
SELECT matches(f.state || ' ' || f.message, '^22P05 character with byte sequence .* has no equivalent', 'a record')
FROM pg_temp.failure($$SELECT count(*) FROM etl.fetch('api', 'fetch_latin1/events?n=50&size=50')$$) AS f;
CREATE TABLE far (a text);
SELECT etl.create_extract('far', 'api', 'fetch_latin1/files/far', 'far', query => '{"status": 500}') \g /dev/null
\set ON_ERROR_STOP off
CALL etl.run_extract('far');
\set ON_ERROR_STOP on
SELECT is(r.status, 'failed', 'a run that failed is recorded') FROM etl.runs AS r WHERE r.name = 'far';
SELECT * FROM finish();
