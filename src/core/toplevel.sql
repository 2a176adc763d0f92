-- Statements that PostgreSQL executes outside of transactions only (DETACH PARTITION … CONCURRENTLY, VACUUM), for
-- procedures: a background worker executes them as a client would send them.

CREATE FUNCTION etl._worker_obstacle(role name DEFAULT current_user)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN NOT r.rolcanlogin AND current_setting('server_version_num')::integer < 170000 THEN 'no login'
               WHEN NOT has_database_privilege(role, current_database(), 'CONNECT') THEN 'no connect'
           END
    FROM pg_roles AS r
    WHERE r.rolname = role
$$;
COMMENT ON FUNCTION etl._worker_obstacle(name) IS
    'Why no background worker can log in as a role: no login or no connect; NULL when one can.';

CREATE FUNCTION etl._worker_failure(outcome text, work text, role name DEFAULT current_user)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('sqlstate', f.state, 'message', f.message, 'detail', f.detail,
                                                'hint', f.hint))
    FROM (VALUES
        ('no slot', '53000', format('no background worker slot is free for %s', work),
         format('max_worker_processes is %s, and all of them are taken.', current_setting('max_worker_processes')),
         'Raise max_worker_processes in postgresql.conf and restart the server.'),
        ('no login', '28000', format('role "%s" is not permitted to log in', role),
         format('A session of its own, which logs in as that role, is needed for %s.', work),
         format('ALTER ROLE %I LOGIN;', role)),
        ('no connect', '42501', format('role "%s" may not connect to database "%s"', role, current_database()),
         format('A session of its own, which logs in as that role, is needed for %s.', work),
         format('GRANT CONNECT ON DATABASE %I TO %I;', current_database(), role)),
        ('cancelled', '57014', format('%s was canceled', work), NULL, NULL),
        ('ended', '57P01', format('the background worker ended before %s had finished', work), NULL,
         'The server log tells why, for example that it was terminated.')
    ) AS f(outcome, state, message, detail, hint)
    WHERE f.outcome = _worker_failure.outcome
$$;
COMMENT ON FUNCTION etl._worker_failure(text, text, name) IS
    'The error (sqlstate, message, detail, hint) for a worker that did not do its work, by etl._worker_obstacle or '
    'what etl._execute_in_worker says; the second argument is what it had to do, in words.';

CREATE PROCEDURE etl._execute_in_worker(script text, title text, INOUT told text[])
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_execute_in_worker';
COMMENT ON PROCEDURE etl._execute_in_worker(text, text, text[]) IS
    'Lets a background worker execute statements, each by itself, with search_path pg_catalog, until one fails, and '
    'waits until it has ended. The title is its application_name. Commits first, so that this session holds neither '
    'lock nor snapshot while it waits. told: SQLSTATE (empty where all went well), message, detail and hint of the '
    'statement that failed; or ended, no slot or cancelled in place of the SQLSTATE where the worker has not told '
    'anything.';

CREATE PROCEDURE etl._run_at_toplevel(script text, title text, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    told pg_catalog.text[];
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    failure := etl._worker_failure(etl._worker_obstacle(), title);
    IF failure IS NOT NULL THEN
        RETURN;
    END IF;
    CALL etl._execute_in_worker(script, title, told);
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF told[1] <> '' THEN
        failure := coalesce(etl._worker_failure(told[1], title), jsonb_strip_nulls(jsonb_build_object(
            'sqlstate', told[1], 'message', told[2], 'detail', nullif(told[3], ''), 'hint', nullif(told[4], ''))));
    END IF;
END
$$;
COMMENT ON PROCEDURE etl._run_at_toplevel(text, text, jsonb) IS
    'Executes statements (separated by semicolons) outside of any transaction, as the current role, in a background '
    'worker whose title says what it does, and waits for its end. failure: sqlstate, message, detail and hint of the '
    'statement that failed; or 53000 no worker is free, 28000 the role may not log in (before PostgreSQL 17), 42501 '
    'nor connect, 57014 this session was told to cancel, 57P01 the worker was terminated. Commits: the caller holds no '
    'lock meanwhile.';
