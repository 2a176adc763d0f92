-- etl._run_at_toplevel: statements outside of any transaction, in a background worker.
CREATE EXTENSION dblink;
SELECT plan(14);
SET client_min_messages = error;

CREATE TABLE note (id serial, who name, logged_in name, path text, title text);
CREATE TABLE touched (id int);
CREATE FUNCTION pg_temp.call(script text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)', format('dbname=%s host=%s', current_database(),
        current_setting('unix_socket_directories')), format('CALL etl._run_at_toplevel(%L, ''t'', NULL)', script))
$$;

CALL etl._run_at_toplevel('VACUUM (ANALYZE) public.touched', 'vacuums', NULL) \gset
SELECT ok(NOT :{?failure}, 'what no transaction may hold is executed');
SELECT is((SELECT reltuples FROM pg_class WHERE relname = 'touched'), 0::real, 'and has happened');
CALL etl._run_at_toplevel($$INSERT INTO public.note (who, logged_in, path, title)
    SELECT current_user, session_user, current_setting('search_path'), current_setting('application_name');
    COMMIT; INSERT INTO public.note (title) SELECT 'two; three' $$, 'my title', NULL) \gset
SELECT results_eq('SELECT who, logged_in, path, title FROM note ORDER BY id',
                  $$VALUES (current_user, current_user, 'pg_catalog, pg_temp', 'my title'),
                           (NULL, NULL, NULL, 'two; three')$$, 'one statement after the other, with the path pinned');

CALL etl._run_at_toplevel('INSERT INTO public.touched VALUES (1); SELECT 1/0; INSERT INTO public.touched VALUES (2)',
                          'fails', NULL) \gset
SELECT is(:'failure'::jsonb, '{"sqlstate": "22012", "message": "division by zero"}', 'an error is told');
SELECT results_eq('SELECT id FROM touched', '{1}'::int[], 'and ends the script, not what is committed');
CALL etl._run_at_toplevel('SELECT * FROM nowhere', 'fails', NULL) \gset
SELECT is(:'failure'::jsonb ->> 'sqlstate', '42P01', 'its SQLSTATE');
CALL etl._run_at_toplevel('ALTER TABLE public.touched RENAME TO note', 'fails', NULL) \gset
SELECT is(:'failure'::jsonb ->> 'message', 'relation "note" already exists', 'its message');
CALL etl._run_at_toplevel('DO $x$ BEGIN RAISE EXCEPTION USING MESSAGE = repeat(''é'', 5000), DETAIL = ''d'', HINT = '
    '''h''; END $x$',
                          'fails', NULL) \gset
SELECT ok(:'failure'::jsonb ->> 'message' = repeat('é', 2047) AND :'failure'::jsonb ->> 'detail' = 'd'
          AND :'failure'::jsonb ->> 'hint' = 'h', 'long texts are cut between characters');
CALL etl._run_at_toplevel('SELEC', 'fails', NULL) \gset
SELECT is(:'failure'::jsonb ->> 'sqlstate', '42601', 'what does not parse');
CALL etl._run_at_toplevel('BEGIN; SELECT 1', 'fails', NULL) \gset
SELECT is(:'failure'::jsonb ->> 'sqlstate', '25001', 'a transaction that is left open');
CALL etl._run_at_toplevel('SELECT pg_terminate_backend(pg_backend_pid())', 'dying', NULL) \gset
SELECT is(:'failure'::jsonb ->> 'message', 'the background worker ended before dying had finished',
    'a worker that is terminated');

SELECT throws_ok('CALL etl._run_at_toplevel(''SELECT 1'', ''t'', NULL)', '2D000', NULL, 'not inside a transaction');

-- Roles: the worker is the current one, and has no other to go back to.
CREATE ROLE top_login LOGIN;
CREATE ROLE top_nologin;
GRANT INSERT, SELECT ON note TO top_login, top_nologin;
GRANT USAGE ON SEQUENCE note_id_seq TO top_login, top_nologin;
TRUNCATE note;
SET ROLE top_login;
CALL etl._run_at_toplevel('RESET ROLE; RESET SESSION AUTHORIZATION; INSERT INTO public.note (who, logged_in) '
                          'SELECT current_user, session_user', 'logs in', NULL) \gset
RESET ROLE;
SELECT results_eq('SELECT who, logged_in FROM note', $$VALUES ('top_login'::name, 'top_login'::name)$$,
    'the current role');
SET ROLE top_nologin;
CALL etl._run_at_toplevel('INSERT INTO public.note (who) SELECT current_user', 'this', NULL) \gset
RESET ROLE;
SELECT current_setting('server_version_num')::int < 170000 AS must_log_in \gset
\if :must_log_in
SELECT is(:'failure'::jsonb, '{"sqlstate": "28000", "message": "role \"top_nologin\" is not permitted to log in", '
    '"detail": "A session of its own, which logs in as that role, is needed for this.", '
    '"hint": "ALTER ROLE top_nologin LOGIN;"}', 'one that may not log in');
\else
SELECT ok(NOT :{?failure} AND (SELECT array_agg(who ORDER BY who) FROM note) = '{top_login,top_nologin}',
    'one that may not log in');
\endif
SELECT * FROM finish();
