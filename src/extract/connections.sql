-- Connections: servers of SQL/MED, whose options say how an HTTP API is asked, and user mappings, which say who asks.

CREATE FUNCTION etl._http_validator(options text[], catalog oid)
RETURNS void
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_http_validator';
COMMENT ON FUNCTION etl._http_validator(text[], oid) IS
    'Checks the options of a server or user mapping of the wrapper etl_http, when it is made and when it is altered. '
    'HV00D an option that is none (the hint lists those that are), HV00J one that is missing, HV024 a value that '
    'cannot be used, 42501 what only a superuser may set. No error shows a secret.';

CREATE FOREIGN DATA WRAPPER etl_http VALIDATOR etl._http_validator;
COMMENT ON FOREIGN DATA WRAPPER etl_http IS
    'HTTP APIs. CREATE SERVER api FOREIGN DATA WRAPPER etl_http OPTIONS (base_url ''https://api.example.com/v1'', …); '
    'further options: timeout (30s, of one attempt with all of its body), connect_timeout (10s), stall_timeout (30s: '
    'how long less than 100 bytes a second may come), attempts (3), retry_delay (1s, doubled each time), '
    'max_retry_after (60s: who asks to wait for longer is not asked again), rate_limit (10/s, over all sessions; '
    'default none), max_body (32MB), parallel (8), redirects (none or same_origin; default none), user_agent, headers '
    '(a JSON object); by superusers: proxy (a URL), ca_file (a path). CREATE USER MAPPING FOR … SERVER api OPTIONS '
    '(bearer_token ''…''), or (api_key ''…'', api_key_header ''X-API-Key'' | api_key_query ''key''), or (username '
    '''…'', password ''…''), or (client_id ''…'', client_secret ''…'', token_url ''…'', scope ''…'', client_auth '
    '''basic'' | ''body'') for OAuth 2 client credentials; by superusers also as bearer_token_file, api_key_file, '
    'password_file, client_secret_file (a path), or as …_env (a variable). Hosts must be listed in '
    'pg_etl.allowed_hosts. GRANT USAGE ON FOREIGN SERVER api TO a role lets it use the server.';
