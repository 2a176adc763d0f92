-- Servers of the wrapper etl_http, their user mappings, and single requests: what is validated, who may do what, what
-- is sent, and what comes back. Faults are in test/t/http_faults.t.
\getenv api PG_ETL_API
BEGIN;
SELECT plan(130);

SET pg_etl.allowed_hosts = '127.0.0.1, localhost';
CREATE ROLE http_reader;
CREATE ROLE http_writer;
GRANT USAGE ON FOREIGN DATA WRAPPER etl_http TO http_writer;

CREATE FUNCTION pg_temp.server(name name, options text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER etl_http OPTIONS (%s)', name, options);
END $$;
CREATE FUNCTION pg_temp.mapping(name name, options text, for_role text DEFAULT 'CURRENT_USER') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE USER MAPPING FOR %s SERVER %I OPTIONS (%s)', for_role, name, options);
END $$;
SELECT pg_temp.server('api', format('base_url %L, retry_delay ''1ms''', :'api'));

DO $$
BEGIN
    PERFORM etl.http_get('api', key || '/_reset')
    FROM unnest('{tap,tap_who,tap_options,tap_kept,tap_bearer,tap_basic,tap_key,tap_named,tap_query,tap_oauth,tap_body,
                tap_renew}'::text[]) AS key;
END $$;

-- What an answer of /KEY/echo says was sent.
CREATE FUNCTION pg_temp.sent_header(answer text, name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(h ->> 1, ', ') FROM jsonb_array_elements(answer::jsonb -> 'headers') AS h
    WHERE lower(h ->> 0) = lower(name)
$$;

-- ---- validation ----------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.refusal(statement text, OUT state text, OUT message text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE 'nothing was refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
END $$;

SELECT is(r.state || ' ' || r.message, expected, expected)
FROM (VALUES
    ('CREATE SERVER a FOREIGN DATA WRAPPER etl_http', 'HV00J option "base_url" is missing'),
    ($$CREATE SERVER a FOREIGN DATA WRAPPER etl_http OPTIONS (url 'x')$$, 'HV00D invalid option "url"'),
    ($$CREATE SERVER a FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'ftp://x')$$,
     '22023 base_url is of scheme "ftp", not of http or https'),
    ($$CREATE SERVER a FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'https://u:secret@x')$$,
     '22023 base_url holds a user or a password'),
    ($$ALTER SERVER api OPTIONS (ADD timeout '30')$$, 'HV024 invalid value for option "timeout": "30"'),
    ($$ALTER SERVER api OPTIONS (ADD rate_limit 'fast')$$, 'HV024 invalid value for option "rate_limit": "fast"'),
    ('ALTER SERVER api OPTIONS (DROP base_url)', 'HV00J option "base_url" is missing'),
    ($$CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (password 'secret')$$,
     'HV00J option "username" is missing'),
    ($$CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (token 'secret')$$, 'HV00D invalid option "token"'),
    ($$CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (bearer_token 'a secret')$$,
     'HV024 option "bearer_token" holds a blank or a letter that is not of ASCII'),
    ($$ALTER FOREIGN DATA WRAPPER etl_http OPTIONS (ADD a 'b')$$, 'HV00D invalid option "a"'),
    ($$SET pg_etl.allowed_hosts = 'https://x'$$,
     '22023 invalid value for parameter "pg_etl.allowed_hosts": "https://x"')
) AS v(statement, expected)
CROSS JOIN LATERAL pg_temp.refusal(v.statement) AS r;
SELECT is(r.hint, 'Valid options in this context are: base_url, timeout, connect_timeout, stall_timeout, attempts, '
    'retry_delay, max_retry_after, rate_limit, max_body, parallel, redirects, user_agent, headers, proxy, ca_file',
    'the hint lists the options of a server')
FROM pg_temp.refusal($$CREATE SERVER a FOREIGN DATA WRAPPER etl_http OPTIONS (url 'x')$$) AS r;
SELECT is(r.hint, 'Valid options in this context are: bearer_token, bearer_token_file, bearer_token_env, api_key, '
    'api_key_file, api_key_env, api_key_header, api_key_query, password, password_file, password_env, username, '
    'client_secret, client_secret_file, client_secret_env, client_id, token_url, scope, client_auth',
    '... and those of a user mapping')
FROM pg_temp.refusal($$CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (token 'x')$$) AS r;

SET LOCAL ROLE http_writer;
SELECT is(r.state || ' ' || r.message,
    '42501 only a superuser may set option "' || name || '", or change what has it', name || ' is for superusers')
FROM (VALUES ('proxy', 'http://x'), ('ca_file', '/x')) AS o(name, value)
CROSS JOIN LATERAL pg_temp.refusal(format('CREATE SERVER a FOREIGN DATA WRAPPER etl_http OPTIONS (base_url %L, %I %L)',
                                          'http://x', name, value)) AS r;
SELECT pg_temp.server('own', $$base_url 'http://localhost:1'$$);
SELECT throws_ok(format('CREATE USER MAPPING FOR CURRENT_USER SERVER own OPTIONS (%I %L)', name, '/etc/passwd'),
                 '42501', NULL, name || ' is for superusers')
FROM unnest('{bearer_token_file,bearer_token_env,api_key_file,api_key_env,password_file,client_secret_env}'::text[])
    AS name;
SELECT lives_ok($$SELECT pg_temp.mapping('own', 'bearer_token ''abc''')$$, 'roles may keep their own secrets');
RESET ROLE;

-- ---- who may -------------------------------------------------------------------------------------------------------

SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc AS p
    WHERE p.pronamespace = 'etl'::regnamespace AND p.proname ~ '^http_'
      AND has_function_privilege('http_reader', p.oid, 'EXECUTE')
$$, 'nothing of HTTP is for PUBLIC');
SELECT ok(NOT has_foreign_data_wrapper_privilege('http_reader', 'etl_http', 'USAGE'), 'neither is the wrapper');

-- Whatever asks a server; etl._await_rpc, which commits, is asked in test/t/http_faults.t.
CREATE TEMPORARY TABLE mine (id integer PRIMARY KEY);
GRANT ALL ON mine TO http_reader;
SET LOCAL ROLE http_reader;
SELECT throws_ok(call, '42501', NULL, 'not for PUBLIC: ' || call)
FROM unnest(ARRAY[
    $$SELECT etl.http_get('api')$$,
    $$SELECT etl.http_post('api')$$,
    $$SELECT etl.fetch('api')$$,
    $$SELECT etl._open_pages('api', 'x', NULL, NULL, 'GET', NULL, 'auto', '{"type": "none"}', '{}', 1, 1)$$,
    $$SELECT etl.create_extract('e', 'api', 'x', 'pg_temp.mine')$$,
    $$SELECT etl.create_evm_extract('e', 'api', 1, '{0x0000000000000000000000000000000000000001}',
                                    '{event A(uint256 a)}', 1, 'pg_temp.mine')$$,
    $$SELECT etl.load_file('http://127.0.0.1/x.csv', 'pg_temp.mine', server => 'api')$$
]) AS call;
RESET ROLE;

SET LOCAL ROLE http_reader;
SELECT throws_ok($$SELECT etl.http_get('api', 'x')$$, '42501', 'permission denied for function http_get',
                 'EXECUTE is needed');
RESET ROLE;
GRANT EXECUTE ON FUNCTION etl.http_get, etl.http_post TO http_reader;
SET LOCAL ROLE http_reader;
SELECT is(r.state || ' ' || r.message || ' ' || r.hint,
    '42501 permission denied for foreign server api GRANT USAGE ON FOREIGN SERVER api TO http_reader;', '... and USAGE')
FROM pg_temp.refusal($$SELECT etl.http_get('api', 'x')$$) AS r;
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER api TO http_reader;
SET LOCAL ROLE http_reader;
SELECT is((SELECT status FROM etl.http_get('api', 'tap_who/events', '{"n": 1}')), 200, '... and then are enough');
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER api FROM http_reader;
SET LOCAL ROLE http_reader;
SELECT throws_ok($$SELECT etl.http_get('api', 'x')$$, '42501', NULL, '... until they are taken back');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER api TO http_reader;

SELECT throws_ok($$SELECT etl.http_get('none', 'x')$$, '42704', 'server "none" does not exist', 'no such server');
CREATE FOREIGN DATA WRAPPER other;
CREATE SERVER others FOREIGN DATA WRAPPER other;
SELECT throws_ok($$SELECT etl.http_get('others', 'x')$$, '42809', 'server "others" is not one of etl_http',
                 'a server of another wrapper');
SELECT throws_ok($$SELECT etl.http_get(NULL, 'x')$$, '22004', NULL, 'no server');
SELECT throws_ok($$SELECT etl.http_get('api', NULL)$$, '22004', NULL, 'no path');

-- ---- what is sent --------------------------------------------------------------------------------------------------

SELECT is(r.body::jsonb ->> 'query', expected, 'query ' || query)
FROM (VALUES ('{"b": 1.10, "a": [1, "x y", true, null], "n": null, "ü": "&=?"}',
              'a=1&a=x%20y&a=true&b=1.10&%C3%BC=%26%3D%3F'),
             ('{"big": 12345678901234567890123, "small": -0.000000000000000000001}',
              'big=12345678901234567890123&small=-0.000000000000000000001'),
             ('{}', '')) AS q(query, expected)
CROSS JOIN LATERAL etl.http_get('api', 'tap/echo', query::jsonb) AS r;
SELECT throws_ok(format('SELECT etl.http_get(''api'', ''tap/echo'', %L)', query), '22023', NULL, 'query ' || query)
FROM unnest(ARRAY['[1]', '1', '"a=b"', '{"a": {"b": 1}}', '{"a": [[1]]}', '{"a": [{"b": 1}]}']) AS query;
SELECT is(r.body::jsonb ->> 'path' || '?' || (r.body::jsonb ->> 'query'), expected, 'path ' || path)
FROM (VALUES ('tap/echo', '/tap/echo?'), ('/tap/echo', '/tap/echo?'), ('tap/echo?x=1', '/tap/echo?x=1&y=2'),
             (:'api' || '/tap/echo', '/tap/echo?')) AS p(path, expected)
CROSS JOIN LATERAL etl.http_get('api', path, CASE WHEN path ~ 'x=1' THEN '{"y": 2}'::jsonb END) AS r;

SELECT is(pg_temp.sent_header(body, 'X-One') || '|' || pg_temp.sent_header(body, 'X-Two') || '|'
              || (pg_temp.sent_header(body, 'X-Empty') = ''), '1|a, b|true', 'headers of the caller')
FROM etl.http_get('api', 'tap/echo', NULL, '{"X-One": 1, "X-Two": ["a", "b"], "X-Empty": ""}');
SELECT is(pg_temp.sent_header(body, 'User-Agent'), 'pg_etl', 'the name of the client')
FROM etl.http_get('api', 'tap/echo');
SELECT throws_ok(format('SELECT etl.http_get(''api'', ''tap/echo'', NULL, %L)', headers), '22023', NULL,
                 'headers ' || headers)
FROM unnest(ARRAY['{"Host": "x"}', '{"content-length": "1"}', '{"a b": "x"}', '{"a\nb": "x"}', '{"a": "b\r\nc: d"}',
                  '{"Transfer-Encoding": "chunked"}', '{"": "x"}', '{"Proxy-Authorization": "x"}']) AS headers;

SELECT is(r.body::jsonb ->> 'method' || ' ' || pg_temp.sent_header(r.body, 'Content-Type') || ' '
              || (r.body::jsonb ->> 'body'), 'POST application/json {"a": "ü"}', 'a body of JSON')
FROM etl.http_post('api', 'tap/echo', body => '{"a": "ü"}') AS r;
SELECT is(pg_temp.sent_header(r.body, 'Content-Type') || ' ' || (r.body::jsonb ->> 'body'),
          'text/plain; charset=utf-8 a=b', 'a body of text')
FROM etl.http_post('api', 'tap/echo', body_text => 'a=b') AS r;
SELECT is(pg_temp.sent_header(r.body, 'Content-Type') || ' ' || (r.body::jsonb ->> 'body'),
          'application/x-www-form-urlencoded a=b', '... of a type of one''s own')
FROM etl.http_post('api', 'tap/echo', headers => '{"content-type": "application/x-www-form-urlencoded"}',
                   body_text => 'a=b') AS r;
SELECT is(coalesce(pg_temp.sent_header(r.body, 'Content-Type'), 'none')
              || pg_temp.sent_header(r.body, 'Content-Length'), 'none0', 'no body')
FROM etl.http_post('api', 'tap/echo') AS r;
SELECT throws_ok($$SELECT etl.http_post('api', 'tap/echo', body => '1', body_text => 'a')$$, '22023',
                 'body and body_text are both given', 'two bodies');

-- ---- what comes back -----------------------------------------------------------------------------------------------

SELECT is(status, 418, 'a status') FROM etl.http_get('api', 'tap/echo', '{"status": 418}');
SELECT is(headers -> 'x-one', '"1"', 'a header') FROM etl.http_get('api', 'tap/echo', '{"header.X-One": "1"}');
SELECT is(headers -> 'set-cookie', '["a=1", "b=2"]', 'headers that come twice')
FROM etl.http_get('api', 'tap/echo', '{"header.Set-Cookie": "a=1", "header.set-cookie": "b=2"}');
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(timing) AS k),
          '{attempts,connect,first_byte,name_lookup,tls,total}', 'times')
FROM etl.http_get('api', 'tap/echo');
SELECT ok((timing ->> 'total')::float8 BETWEEN 0.1 AND 20 AND (timing ->> 'first_byte')::float8 >= 0.1, 'in seconds')
FROM etl.http_get('api', 'tap/events', '{"n": 1, "slow": 0.1}');
SELECT is(body::jsonb #>> '{data,0,venue,city}', 'Montréal', 'UTF-8')
FROM etl.http_get('api', 'tap/events', '{"n": 1}');
SELECT is(body::jsonb #>> '{data,0,venue,city}', 'MontrÃ©al', 'another charset, whether it is true or not')
FROM etl.http_get('api', 'tap/events', '{"n": 1, "content_type": "application/json; charset=\"ISO-8859-1\""}');
SELECT throws_ok($$SELECT etl.http_get('api', 'tap/events', '{"n": 1, "content_type": "text/plain; charset=utf-16"}')$$,
                 '0A000', 'charset "utf-16" is not known', 'a charset that PostgreSQL does not know');
SELECT throws_like($$SELECT etl.http_get('api', 'tap/events', '{"n": 1, "invalid_utf8": 1}')$$,
                   'the body is not in the encoding "UTF8" from byte % on', 'a body that is not in its charset');
SELECT is(body::jsonb -> 'data', (SELECT body::jsonb -> 'data' FROM etl.http_get('api', 'tap/sales', '{"n": 300}')),
          encoding || ' is decoded')
FROM unnest('{gzip,deflate,br}'::text[]) AS encoding
CROSS JOIN LATERAL etl.http_get('api', 'tap/sales', jsonb_build_object('n', 300, 'encoding', encoding));
SELECT is(body, '', 'an empty body') FROM etl.http_get('api', 'tap/events', '{"empty": 1}');

-- ---- options -------------------------------------------------------------------------------------------------------

SELECT pg_temp.server('optional', format($$base_url %L, user_agent 'mine/1', attempts '2', retry_delay '1ms',
    headers '{"Accept": "application/json", "X-One": "server"}'$$, :'api' || '/tap_options'));
SELECT is(pg_temp.sent_header(body, 'User-Agent') || '|' || pg_temp.sent_header(body, 'Accept') || '|'
              || pg_temp.sent_header(body, 'X-One'), 'mine/1|application/json|caller',
          'headers of the server, and of the caller')
FROM etl.http_get('optional', 'echo', NULL, '{"x-one": "caller"}');
SELECT is(timing -> 'attempts', '2', 'attempts') FROM etl.http_get('optional', 'events', '{"fail": 500}');
SELECT is(body::jsonb ->> 'path', '/tap_options/echo', 'base_url') FROM etl.http_get('optional', 'echo');
ALTER SERVER optional OPTIONS (SET user_agent 'mine/2');
SELECT is(pg_temp.sent_header(body, 'User-Agent'), 'mine/2', 'changes count at once')
FROM etl.http_get('optional', 'echo');
SAVEPOINT changed;
ALTER SERVER optional OPTIONS (SET user_agent 'mine/3');
SELECT is(pg_temp.sent_header(body, 'User-Agent'), 'mine/3', '...') FROM etl.http_get('optional', 'echo');
ROLLBACK TO changed;
SELECT is(pg_temp.sent_header(body, 'User-Agent'), 'mine/2', '... and so does their end')
FROM etl.http_get('optional', 'echo');
SELECT is((SELECT count(DISTINCT e ->> 'connection') FROM jsonb_array_elements(l.body::jsonb) AS e), 1::bigint,
          'connections are kept')
FROM (SELECT count(r.status) FROM generate_series(1, 20) AS i
      CROSS JOIN LATERAL etl.http_get('api', 'tap_kept/events', jsonb_build_object('n', i)) AS r) AS asked
CROSS JOIN LATERAL (SELECT asked.count) AS after(count)
CROSS JOIN LATERAL etl.http_get('api', 'tap_kept/_log', jsonb_build_object('x', after.count)) AS l;

-- ---- who asks ------------------------------------------------------------------------------------------------------

-- Sets what /KEY/events asks for, and makes a server for it with such a mapping.
CREATE FUNCTION pg_temp.guarded(key text, auth text, mapping text, api text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM etl.http_get('api', key || '/_set/events', jsonb_build_object('auth', auth));
    PERFORM pg_temp.server(key, format('base_url %L, attempts ''1''', api || '/' || key));
    PERFORM pg_temp.mapping(key, mapping);
END $$;
SELECT pg_temp.guarded('tap_bearer', 'bearer:abc', $$bearer_token 'abc'$$, :'api');
SELECT pg_temp.guarded('tap_basic', 'basic:u:p:w', $$username 'u', password 'p:w'$$, :'api');
SELECT pg_temp.guarded('tap_key', 'api_key:X-API-Key:k e y', $$api_key 'k e y'$$, :'api');
SELECT pg_temp.guarded('tap_named', 'api_key:X-Mine:key', $$api_key_header 'X-Mine', api_key 'key'$$, :'api');
SELECT pg_temp.guarded('tap_query', 'query:key:k&y', $$api_key 'k&y', api_key_query 'key'$$, :'api');
SELECT pg_temp.guarded('tap_oauth', 'oauth', format($$client_id 'client', client_secret 'secret', token_url %L$$,
                                                    :'api' || '/tap_oauth/oauth/token'), :'api');
SELECT pg_temp.guarded('tap_body', 'oauth', format($$client_id 'client', client_secret 'secret', client_auth 'body',
                                                   token_url %L$$, :'api' || '/tap_body/oauth/token'), :'api');
SELECT is(r.status, 200, name)
FROM unnest('{tap_bearer,tap_basic,tap_key,tap_named,tap_query,tap_oauth,tap_body}'::name[]) AS name
CROSS JOIN LATERAL etl.http_get(name, 'events', '{"n": 1, "x": 1}') AS r;
SELECT is(r.status, 401, name || ' without it')
FROM unnest('{tap_bearer,tap_basic,tap_key,tap_named,tap_query,tap_oauth,tap_body}'::text[]) AS name
CROSS JOIN LATERAL etl.http_get('api', name || '/events') AS r;
SELECT ok(url !~ 'key=', 'a key in the query is not told') FROM (SELECT headers::text || timing::text AS url FROM
    etl.http_get('tap_query', 'events')) AS r;

ALTER USER MAPPING FOR CURRENT_USER SERVER tap_bearer OPTIONS (SET bearer_token 'wrong');
SELECT is(status, 401, 'another token counts at once') FROM etl.http_get('tap_bearer', 'events');
ALTER USER MAPPING FOR CURRENT_USER SERVER tap_bearer OPTIONS (SET bearer_token 'abc');
SELECT throws_ok($$SELECT etl.http_get('tap_bearer', 'x', NULL, '{"authorization": "Bearer x"}')$$, '22023',
                 'header "authorization" is not yours to set', 'one''s own in its place');

GRANT USAGE ON FOREIGN SERVER tap_bearer, tap_basic TO http_reader;
SELECT pg_temp.mapping('tap_basic', $$username 'u', password 'p:w'$$, 'PUBLIC');
SET LOCAL ROLE http_reader;
SELECT is(status, 401, 'a mapping is its role''s') FROM etl.http_get('tap_bearer', 'events');
SELECT is(status, 200, '... but that of PUBLIC') FROM etl.http_get('tap_basic', 'events');
SELECT is_empty($$SELECT FROM pg_user_mappings WHERE umoptions IS NOT NULL$$, 'secrets are not for others to see');
SELECT throws_ok('SELECT FROM pg_user_mapping', '42501', NULL, '... in the catalog either');
RESET ROLE;

-- One token for all of the session, until it ends or is taken back.
CREATE FUNCTION pg_temp.tokens(key text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM etl.http_get('api', key || '/_log') AS l, jsonb_array_elements(l.body::jsonb) AS e
    WHERE e ->> 'path' LIKE '%/oauth/token'
$$;
SELECT is(r.status, 200, 'with the same token')
FROM generate_series(1, 3), LATERAL etl.http_get('tap_oauth', 'events') AS r;
SELECT is(pg_temp.tokens('tap_oauth'), 1::bigint, 'tokens are kept');
SELECT is(status < 300, true, '(taken back)') FROM etl.http_post('api', 'tap_oauth/oauth/revoke');
SELECT is(status, 200, 'a token that was taken back') FROM etl.http_post('tap_oauth', 'events');
SELECT is(pg_temp.tokens('tap_oauth'), 2::bigint, '... is got anew once');
SELECT is(status, 200, '(short)') FROM etl.http_get('api', 'tap_oauth/_set/oauth/token?expires_in=1');
SELECT is(status < 300, true, '(taken back)') FROM etl.http_post('api', 'tap_oauth/oauth/revoke');
SELECT is(r.status, 200, 'a token of one second') FROM etl.http_get('tap_oauth', 'events') AS r;
SELECT pg_sleep(1);
SELECT is(r.status, 200, '... and the next') FROM etl.http_get('tap_oauth', 'events') AS r;
SELECT is(pg_temp.tokens('tap_oauth'), 4::bigint, '... is got before the first is refused');
SELECT is((SELECT count(*) FROM etl.http_get('api', 'tap_oauth/_log') AS l, jsonb_array_elements(l.body::jsonb) AS e
           WHERE e ->> 'status' = '401' AND e -> 'headers' @? '$[*] ? (@ like_regex "^Bearer")'), 2::bigint,
          '... so that only what was taken back was refused');
ALTER USER MAPPING FOR CURRENT_USER SERVER tap_oauth OPTIONS (SET client_secret 'wrong');
SELECT throws_like($$SELECT etl.http_get('tap_oauth', 'events')$$,
                   'no token from "%/tap_oauth/oauth/token" (status 401)', 'no token');
SELECT throws_ok($$SELECT etl.http_get('tap_oauth', 'events')$$, '28000', NULL, '... again');

-- ---- pages that are being read ------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.await(handle integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    found boolean;
BEGIN
    CALL etl._await_page(handle, found);
    RETURN found;
END $$;
SELECT pg_temp.server('renewed', format('base_url %L, user_agent ''before''', :'api'));
GRANT USAGE ON FOREIGN SERVER renewed TO http_reader;
GRANT EXECUTE ON FUNCTION etl.fetch TO http_reader;
SET LOCAL ROLE http_reader;
SELECT etl._open_pages('renewed', 'tap_renew/events', '{"n": 50, "size": 10, "style": "next_cursor"}', NULL, 'GET',
                       NULL, '/data', '{"type": "cursor", "at": "/next_cursor", "param": "cursor"}', NULL, 10, 1)
    AS handle \gset
SELECT ok(pg_temp.await(:handle), 'a page');
RESET ROLE;
ALTER SERVER renewed OPTIONS (SET user_agent 'after');
SET LOCAL ROLE http_reader;
SELECT ok(pg_temp.await(:handle) AND pg_temp.await(:handle), '... and others');
RESET ROLE;
SELECT is((SELECT string_agg(DISTINCT h ->> 1, ' ' ORDER BY h ->> 1)
           FROM etl.http_get('api', 'tap_renew/_log') AS l, jsonb_array_elements(l.body::jsonb) AS e,
                jsonb_array_elements(e -> 'headers') AS h WHERE h ->> 0 = 'User-Agent'), 'after before',
          'are asked for as the server says by then');
REVOKE USAGE ON FOREIGN SERVER renewed FROM http_reader;
SET LOCAL ROLE http_reader;
SELECT throws_ok(format('SELECT pg_temp.await(%s)', :handle), '42501', NULL, '... or no more');
RESET ROLE;
SELECT is((SELECT count(*) FROM jsonb_array_elements(f.record -> 'headers') AS h WHERE lower(h ->> 0) = 'content-type'),
          1::bigint, 'one Content-Type')
FROM etl.fetch('api', 'tap/echo', NULL, '{"content-type": "application/x-mine"}', 'POST', '{}', '',
               '{"type": "none"}') AS f(record);
SELECT throws_ok($$SELECT etl.fetch('api', 'tap/events', parallel => 65)$$, '22023',
                 'parallel must be from 1 to 64, not 65', 'too many at once');

SELECT * FROM finish();
ROLLBACK;
