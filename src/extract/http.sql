-- One request to a server of the wrapper etl_http.

CREATE FUNCTION etl.http_get(
    server name, path text DEFAULT '', query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
    OUT status integer, OUT headers jsonb, OUT body text, OUT timing jsonb)
RETURNS record
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_http_get';
COMMENT ON FUNCTION etl.http_get(name, text, jsonb, jsonb) IS
    'GET, and the answer, whatever its status is. server: one of the wrapper etl_http, on which the role has USAGE. '
    'path: what comes behind the server''s base_url, or a whole URL of the same origin. query: {"page": 2, "tag": '
    '["a", "b"]}, encoded. headers: the caller''s own. status: of HTTP. headers: names in small letters, those that '
    'came more than once as arrays. body: as text, converted from the charset that Content-Type names. timing: '
    'name_lookup, connect, tls, first_byte (seconds from the beginning of the last attempt), total (of all '
    'attempts), attempts. 5xx, 429, time that is up and broken connections are tried again, as the server''s options '
    'say; after the last attempt a status is returned all the same. 08001 no connection, 08006 a connection that '
    'broke, a body that was cut or time that was up, 08P01 no HTTP, 22021 a body that is not in its charset, 28000 no '
    'OAuth token, 42501 a host or an address that is not allowed, or no USAGE, 53400 a body beyond max_body. Not for '
    'PUBLIC: GRANT EXECUTE ON FUNCTION etl.http_get TO the roles that may.';
REVOKE EXECUTE ON FUNCTION etl.http_get(name, text, jsonb, jsonb) FROM PUBLIC;

CREATE FUNCTION etl.http_post(
    server name, path text DEFAULT '', query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
    body jsonb DEFAULT NULL, body_text text DEFAULT NULL, idempotent boolean DEFAULT false,
    OUT status integer, OUT headers jsonb, OUT body text, OUT timing jsonb)
RETURNS record
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_http_post';
COMMENT ON FUNCTION etl.http_post(name, text, jsonb, jsonb, jsonb, text, boolean) IS
    'POST, and the answer, as etl.http_get. body: sent as application/json. body_text: sent as it is, in UTF-8, as '
    'text/plain unless headers has another content-type. A POST is tried again only where the server cannot have '
    'acted on it: when there was no connection, and after 429 and 503. idempotent: it may come twice, so it is '
    'tried again as a GET is. It is sent when the function is called, whatever becomes of the transaction. Errors as '
    'of etl.http_get. Not for PUBLIC: GRANT EXECUTE ON FUNCTION etl.http_post TO the roles that may.';
REVOKE EXECUTE ON FUNCTION etl.http_post(name, text, jsonb, jsonb, jsonb, text, boolean) FROM PUBLIC;
