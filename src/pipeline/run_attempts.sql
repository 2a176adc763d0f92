-- One attempt of a step: what it is told, and how it is executed.
--
-- The SQL of a step has the rights of its role and no other ones: etl._execute_step keeps it from leaving that role,
-- and etl._hold_role what it puts off to the commit.

CREATE FUNCTION etl._moment_text(moment timestamptz)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
    SELECT moment::text
$$;
COMMENT ON FUNCTION etl._moment_text(timestamptz) IS
    'A moment as text that means the same whatever time zone and date style it is read with.';

CREATE FUNCTION etl._set_step_context(step_run_id bigint, is_local boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- moments that mean the same in whatever time zone and date style they are read with
SET datestyle = 'ISO, YMD'
AS $$
BEGIN
    PERFORM set_config('pg_etl.as_of', u.logical_time::text, is_local),
            set_config('pg_etl.interval_start', coalesce(u.interval_start::text, ''), is_local),
            set_config('pg_etl.interval_end', coalesce(u.interval_end::text, ''), is_local),
            set_config('pg_etl.params', s.params::text, is_local),
            set_config('pg_etl.run_id', s.run_id::text, is_local),
            set_config('pg_etl.step', s.step, is_local),
            set_config('pg_etl.step_run', s.step_run_id::text, is_local)
    FROM etl.step_run AS s
    JOIN etl.pipeline_run AS u USING (run_id)
    WHERE s.step_run_id = _set_step_context.step_run_id;
END
$$;
COMMENT ON FUNCTION etl._set_step_context(bigint, boolean) IS
    'Sets what etl.logical_time(), etl.param() and their like tell a step: for the transaction, or for the session.';

CREATE FUNCTION etl._join_step(
    step_run_id bigint, attempt integer,
    OUT mode text, OUT command text, OUT check_command text, OUT search_path text, OUT timeout integer
)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Not etl._lock_run, whose lock goes with a rollback: a step may roll back, and goes on.
    IF NOT pg_try_advisory_lock('etl.step_run'::regclass::oid::integer, etl._lock_id(step_run_id)) THEN
        RETURN;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true); -- after a crash nobody asks for the process id
    RETURN QUERY
        UPDATE etl.step_run AS s
        SET worker_pid = pg_backend_pid(), started_at = clock_timestamp()
        FROM etl.pipeline_run AS u
        WHERE s.step_run_id = _join_step.step_run_id AND s.attempt = _join_step.attempt AND s.status = 'running'
          AND u.run_id = s.run_id
        RETURNING s.mode, s.command, etl._check_command(s), u.search_path, etl._timeout_left(s, u);
END
$$;
COMMENT ON FUNCTION etl._join_step(bigint, integer) IS
    'For the worker of a step: takes the lock that shows that it lives, writes down its process id, and returns what '
    'is to be done; no row when the attempt is not the one that is to run, or has another worker.';

CREATE FUNCTION etl._timeout_left(step etl.step_run, run etl.pipeline_run)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF step.timeout IS NULL AND run.deadline IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN greatest(1, least(extract(epoch FROM step.timeout) * 1000,
                             extract(epoch FROM run.deadline - clock_timestamp()) * 1000, 2147483647));
END
$$;
COMMENT ON FUNCTION etl._timeout_left(etl.step_run, etl.pipeline_run) IS
    'How many milliseconds an attempt may take: the timeout of the step, or what is left of the run''s; NULL for no '
    'limit.';

CREATE FUNCTION etl._check_command(step etl.step_run)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT etl._execute_step(%L, %L, %L, %L, %L)', 'SELECT', coalesce(step.run_as, step.owner),
                  u.search_path, etl._timeout_left(step, u), step."check")
    FROM etl.pipeline_run AS u
    WHERE u.run_id = step.run_id AND step."check" IS NOT NULL
$$;
COMMENT ON FUNCTION etl._check_command(etl.step_run) IS
    'The SQL that checks a step whose command was executed by itself (kinds procedure and toplevel); NULL without '
    'check.';

CREATE FUNCTION etl._execute_step(command text, role text, search_path text, timeout integer, "check" text)
RETURNS bigint
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_execute_step';
COMMENT ON FUNCTION etl._execute_step(text, text, text, integer, text) IS
    'Executes SQL as a role that the current one may act as and cannot leave, with that search_path, and returns the '
    'rows of its last statement; what is deferred to the commit is done too, and settings that it changes end with it. '
    'timeout: ms, NULL for none. check: an expression that must be true afterwards. Errors: what the SQL raises, 42501 '
    'not that role, 57014 out of time, 23514 the check is not true, 2D000 it begins or ends a transaction.';

CREATE FUNCTION etl._is_runner()
RETURNS boolean
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'etl_is_runner';
COMMENT ON FUNCTION etl._is_runner() IS 'Whether this session is a background worker that executes a queue.';

CREATE FUNCTION etl._runner_setting(name text)
RETURNS text
LANGUAGE C STABLE STRICT
AS 'MODULE_PATHNAME', 'etl_runner_setting';
COMMENT ON FUNCTION etl._runner_setting(text) IS
    'In a worker that executes a queue: what the role has for a setting that the worker itself has taken back, without '
    'unit; NULL elsewhere.';

CREATE FUNCTION etl._runner_limit()
RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(etl._runner_setting('statement_timeout')::integer, 0)
$$;
COMMENT ON FUNCTION etl._runner_limit() IS
    'How many milliseconds a step may take that this worker, which executes a queue, executes itself: the '
    'statement_timeout of its role. NULL for no limit, and elsewhere, where PostgreSQL sees to it.';

CREATE FUNCTION etl._keep_run(run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF etl._retake_locks() AND NOT EXISTS (
        SELECT FROM etl.pipeline_run AS u WHERE u.run_id = _keep_run.run_id AND u.executor_pid <> pg_backend_pid()
    ) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'lock_not_available',
        MESSAGE = format('run %s has been taken over by another session', run_id),
        DETAIL = 'A step has released the advisory locks of this session, by which others see that it executes the '
                 'run.',
        HINT = 'Let no step call pg_advisory_unlock_all().';
END
$$;
COMMENT ON FUNCTION etl._keep_run(bigint) IS
    'For the session that executes a run, after a step''s SQL: checks that it does so still (55P03), and takes again '
    'the locks that show it.';

CREATE FUNCTION etl._run_sql_step(step_run_id bigint, attempt integer)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step etl.step_run;
    run etl.pipeline_run;
    allowed integer;
    touched bigint;
    state text;
    message text;
    detail text;
    hint text;
    context text;
BEGIN
    SELECT s.* INTO step FROM etl.step_run AS s WHERE s.step_run_id = _run_sql_step.step_run_id;
    SELECT u.* INTO run FROM etl.pipeline_run AS u WHERE u.run_id = step.run_id;
    allowed := least(etl._timeout_left(step, run), etl._runner_limit());
    PERFORM etl._set_step_context(step_run_id, true),
            set_config('lock_timeout', coalesce(etl._runner_setting('lock_timeout'), current_setting('lock_timeout')),
                       true);
    touched := etl._execute_step(step.command, coalesce(step.run_as, step.owner), run.search_path, allowed,
                                 step."check");
    IF run.executor_pid = pg_backend_pid() THEN
        PERFORM etl._keep_run(run.run_id);
    END IF;
    PERFORM etl._finish_step(step_run_id, attempt, touched);
    RETURN NULL;
EXCEPTION
    WHEN OTHERS OR query_canceled OR assert_failure THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS
            state = RETURNED_SQLSTATE,
            message = MESSAGE_TEXT,
            detail = PG_EXCEPTION_DETAIL,
            hint = PG_EXCEPTION_HINT,
            context = PG_EXCEPTION_CONTEXT;
        IF state IN ('2D000', '25001') OR state = '0A000' AND message LIKE '%transaction commands%' THEN
            hint := 'An action that commits, or that PostgreSQL runs outside of transactions only, needs a step of '
                    'kind => ''procedure''.';
        ELSIF state = '42501' AND message ~ '^cannot set parameter "(role|session_authorization)"' THEN
            hint := format('A step acts as one role, here "%s", and cannot leave it; another one is given by '
                           'etl.alter_step(..., run_as => ...).', coalesce(step.run_as, step.owner));
        ELSIF state = '42501' AND message = 'cannot fire deferred trigger within security-restricted operation' THEN
            hint := 'What a step puts off to its commit is done when its SQL has ended, and cannot put itself off '
                    'again.';
        ELSIF state = '57014' AND allowed = etl._runner_limit() THEN
            message := format('the step took longer than the statement_timeout of role "%s", %s ms', step.owner,
                              allowed);
            hint := format('ALTER ROLE %I SET statement_timeout = ... raises it.', step.owner);
        END IF;
        PERFORM etl._fail_step(step_run_id, attempt, state, message, detail, hint, context);
        RETURN state;
END
$$;
COMMENT ON FUNCTION etl._run_sql_step(bigint, integer) IS
    'Executes a step of kind sql and records its success in the same transaction, or its error after rolling back to '
    'where it began. Returns the SQLSTATE of the error, NULL for success.';

CREATE FUNCTION etl._hold_role(role text)
RETURNS void
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'etl_hold_role';
COMMENT ON FUNCTION etl._hold_role(text) IS
    'Lets the current role act as another one until the transaction has ended, and not leave it: so what was put off '
    'to the commit has no other rights. Errors: 42501 not that role, 42704 no such role.';

CREATE FUNCTION etl._run_sql_attempt(step_run_id bigint, attempt integer)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    role text := (SELECT coalesce(s.run_as, s.owner) FROM etl.step_run AS s
                  WHERE s.step_run_id = _run_sql_attempt.step_run_id);
    state text := etl._run_sql_step(step_run_id, attempt);
BEGIN
    IF state IS NULL THEN
        PERFORM etl._hold_role(role);
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._run_sql_attempt(bigint, integer) IS
    'As etl._run_sql_step, at the end of a transaction: nothing but its commit may follow, which is done as the role '
    'of the step.';
