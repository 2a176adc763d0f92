-- One refresh of a materialized view, and of the materialized views beneath it.
--
-- A refresh runs in two transactions where its caller allows it (etl._may_commit): the first records the run as
-- running, so that others see it; the second refreshes and records the outcome, also a failure. Inside a transaction
-- block or another function there is one transaction, and a failed refresh leaves no record but its error.

-- Locks --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._lock_refresh(matview regclass)
RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_try_advisory_xact_lock('etl.refresh_policy'::regclass::oid::integer, matview::oid::integer)
$$;
COMMENT ON FUNCTION etl._lock_refresh(regclass) IS
    'Takes the lock of the view''s refresh to the end of the transaction, without waiting; false when another session '
    'has it.';

CREATE FUNCTION etl._carry_refresh_lock(matview regclass)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._lock_run('etl.refresh_policy', matview::oid::integer)
$$;
COMMENT ON FUNCTION etl._carry_refresh_lock(regclass) IS
    'Gives the lock of the view''s refresh to the session, to carry it over the commit of the transaction that holds '
    'it.';

CREATE FUNCTION etl._settle_refresh_lock(matview regclass)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._lock_refresh(matview);
    SELECT etl._unlock_run('etl.refresh_policy', matview::oid::integer)
$$;
COMMENT ON FUNCTION etl._settle_refresh_lock(regclass) IS
    'Gives the lock that the session carried to the new transaction.';

-- Time ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._start_time_limit(milliseconds integer)
RETURNS timestamptz
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_start_time_limit';
COMMENT ON FUNCTION etl._start_time_limit(integer) IS
    'Lets the statement that runs be cancelled after so many milliseconds from now, as statement_timeout does, unless '
    'that is over earlier. NULL: no limit. Returns when statement_timeout would have cancelled it, NULL for never: for '
    'etl._end_time_limit.';

CREATE FUNCTION etl._end_time_limit(otherwise timestamptz)
RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_end_time_limit';
COMMENT ON FUNCTION etl._end_time_limit(timestamptz) IS
    'Ends the limit of etl._start_time_limit, which returned when the statement is cancelled otherwise.';

CREATE FUNCTION etl._milliseconds(span interval)
RETURNS integer
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT greatest(1, least(round(extract(epoch FROM span) * 1000), 2147483647))::integer WHERE span IS NOT NULL
$$;
COMMENT ON FUNCTION etl._milliseconds(interval) IS
    'A positive span in milliseconds, as the settings of timeouts count.';

-- One refresh --------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._refresh_policy_of(matview regclass)
RETURNS etl.refresh_policy
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored_name text := etl._relation_name(matview);
    policy etl.refresh_policy;
BEGIN
    SELECT p.* INTO policy
    FROM etl.refresh_policy AS p JOIN pg_class AS c ON c.oid = _refresh_policy_of.matview
    WHERE p.matview = stored_name AND p.owner IN (current_user, pg_get_userbyid(c.relowner))
    ORDER BY p.owner = current_user DESC LIMIT 1;
    IF NOT FOUND THEN
        policy.matview := stored_name;
        policy.setting := 'auto';
        policy.skip_if_unchanged := false;
        policy.vacuum_after := false;
        policy.with_dependencies := false;
    END IF;
    RETURN policy;
END
$$;
COMMENT ON FUNCTION etl._refresh_policy_of(regclass) IS
    'The policy of a view, the current role''s or else (for superusers) that of its owner, or what a view without one '
    'is refreshed by: with no owner.';

CREATE FUNCTION etl._start_refresh(matview regclass)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_matview(matview);
    IF NOT etl._lock_refresh(matview) THEN
        RAISE NOTICE USING
            MESSAGE = format('materialized view "%s" is being refreshed by another session, nothing to do', matview);
        RETURN NULL;
    END IF;
    PERFORM etl._close_lost_runs('refresh', etl._relation_name(matview)),
            etl._register_refresh(etl._refresh_policy_of(matview));
    RETURN etl._start_run('refresh', etl._relation_name(matview), now());
END
$$;
COMMENT ON FUNCTION etl._start_refresh(regclass) IS
    'Checks the view, locks its refresh and records the run. NULL, with a NOTICE, when another session refreshes it.';

CREATE FUNCTION etl._execute_refresh(matview regclass, mode text, policy etl.refresh_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- with it, PostgreSQL fails in a refresh with CONCURRENTLY
AS $$
DECLARE
    lock_timeout_before text := current_setting('lock_timeout');
BEGIN
    IF policy.lock_timeout IS NOT NULL THEN
        PERFORM set_config('lock_timeout', etl._milliseconds(policy.lock_timeout)::text, true);
    END IF;
    EXECUTE format('REFRESH MATERIALIZED VIEW %s %s', CASE mode WHEN 'concurrently' THEN 'CONCURRENTLY' END, matview);
    PERFORM set_config('lock_timeout', lock_timeout_before, true);
END
$$;
COMMENT ON FUNCTION etl._execute_refresh(regclass, text, etl.refresh_policy) IS
    'Executes REFRESH in a mode, under the policy''s lock_timeout.';

CREATE FUNCTION etl._refresh_rows(matview regclass, run_id bigint, policy etl.refresh_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mode text := etl._refresh_mode(matview, policy.setting);
    started timestamptz := clock_timestamp();
    seconds numeric;
BEGIN
    PERFORM etl._execute_refresh(matview, mode, policy);
    seconds := round(extract(epoch FROM clock_timestamp() - started), 3);
    PERFORM etl._finish_run(run_id, 'succeeded', etl._matview_rows(matview),
                            jsonb_build_object('mode', mode, 'seconds', seconds), NULL);
END
$$;
COMMENT ON FUNCTION etl._refresh_rows(regclass, bigint, etl.refresh_policy) IS
    'Refreshes the view as the policy says, and records mode, seconds and rows.';

CREATE FUNCTION etl._refresh(matview regclass, run_id bigint, force boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    policy etl.refresh_policy := etl._refresh_policy_of(matview);
    seen etl.refresh_state := etl._see_sources(policy, matview);
    otherwise timestamptz;
BEGIN
    IF NOT force AND etl._unchanged(seen, matview) THEN
        PERFORM etl._finish_run(run_id, 'succeeded', NULL, '{"mode": "skipped"}', NULL);
        RETURN;
    END IF;
    otherwise := etl._start_time_limit(etl._milliseconds(policy.timeout));
    PERFORM etl._refresh_rows(matview, run_id, policy);
    PERFORM etl._end_time_limit(otherwise);
    PERFORM etl._keep_seen(seen, matview);
END
$$;
COMMENT ON FUNCTION etl._refresh(regclass, bigint, boolean) IS
    'Refreshes the view as its policy or the setting auto says, or records that nothing has changed beneath it.';

CREATE FUNCTION etl._failed_refresh(matview regclass, run_id bigint, failure jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    span interval := (etl._refresh_policy_of(matview)).timeout;
    ran interval := clock_timestamp() - (SELECT r.started_at FROM etl.run AS r WHERE r.run_id = _failed_refresh.run_id);
BEGIN
    IF failure ->> 'sqlstate' = '57014' AND ran >= span THEN
        failure := failure || jsonb_build_object(
            'message', format('refresh of materialized view "%s" was canceled after its timeout of %s', matview, span),
            'hint', format('SELECT etl.alter_refresh_policy(%L, timeout => …); gives it more time.',
                           etl._relation_name(matview)));
    END IF;
    PERFORM etl._finish_run(run_id, 'failed', NULL, NULL, failure ->> 'message');
    RETURN failure;
END
$$;
COMMENT ON FUNCTION etl._failed_refresh(regclass, bigint, jsonb) IS
    'Records why a refresh failed, and returns it; says so where it was the timeout of its policy.';

CREATE FUNCTION etl._try_refresh(matview regclass, run_id bigint, force boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    otherwise timestamptz := etl._start_time_limit(NULL);
    message text;
    detail text;
    hint text;
BEGIN
    PERFORM etl._refresh(matview, run_id, force);
    RETURN NULL;
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        PERFORM etl._end_time_limit(otherwise);
        RETURN etl._failed_refresh(matview, run_id, jsonb_build_object(
            'sqlstate', SQLSTATE, 'message', message, 'detail', detail, 'hint', hint));
END
$$;
COMMENT ON FUNCTION etl._try_refresh(regclass, bigint, boolean) IS
    'Refreshes the view and records the outcome. Returns the error for etl._raise_refresh_error, NULL on success.';

CREATE FUNCTION etl._raise_refresh_error(failure jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = failure ->> 'sqlstate',
        MESSAGE = failure ->> 'message',
        DETAIL = coalesce(nullif(failure ->> 'detail', ''), 'The failed refresh is recorded in etl.runs.'),
        HINT = coalesce(nullif(failure ->> 'hint', ''), 'The materialized view keeps the rows that it had.');
END
$$;
COMMENT ON FUNCTION etl._raise_refresh_error(jsonb) IS 'Raises the error that etl._try_refresh returned.';

-- Afterwards ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._wants_vacuum(matview regclass, run_id bigint)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((etl._refresh_policy_of(matview)).vacuum_after
                    AND (SELECT r.detail ->> 'mode' <> 'skipped' FROM etl.run AS r
                         WHERE r.run_id = _wants_vacuum.run_id), false)
$$;
COMMENT ON FUNCTION etl._wants_vacuum(regclass, bigint) IS
    'Whether the policy of a view that was refreshed in this run has it vacuumed now.';

CREATE FUNCTION etl._analyze_after(matview regclass, run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF etl._wants_vacuum(matview, run_id) THEN
        EXECUTE format('ANALYZE %s', matview);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._analyze_after(regclass, bigint) IS
    'What can be done of VACUUM (ANALYZE) inside a transaction.';

CREATE PROCEDURE etl._vacuum_in_worker(INOUT outcome text, title text, run_id bigint)
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_vacuum_in_worker';
COMMENT ON PROCEDURE etl._vacuum_in_worker(text, text, bigint) IS
    'Vacuums and analyzes the view that was refreshed in a run, in a background worker, because PostgreSQL lets no '
    'procedure do it. outcome: ended, no slot (of max_worker_processes), or cancelled. The worker records with '
    'etl._note_vacuum what it has done. Commits.';

CREATE FUNCTION etl._vacuum_command(run_id bigint)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('VACUUM (ANALYZE) %s', etl._relation_name(etl._named_relation(r.name)))
    FROM etl.run AS r
    WHERE r.run_id = _vacuum_command.run_id AND r.kind = 'refresh' AND r.owner = current_user
      AND etl._named_relation(r.name) IS NOT NULL
$$;
COMMENT ON FUNCTION etl._vacuum_command(bigint) IS 'What the worker of etl._vacuum_in_worker executes.';

CREATE FUNCTION etl._note_vacuum(run_id bigint, error text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.run AS r
    SET detail = r.detail || jsonb_build_object('vacuum', coalesce(left(error, 10000), 'done'))
    WHERE r.run_id = _note_vacuum.run_id AND r.owner = current_user
$$;
COMMENT ON FUNCTION etl._note_vacuum(bigint, text) IS
    'Records in detail of a run how the VACUUM after it went: done, or why it was not.';

CREATE FUNCTION etl._conclude_vacuum(matview regclass, run_id bigint, outcome text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    told text := (SELECT r.detail ->> 'vacuum' FROM etl.run AS r WHERE r.run_id = _conclude_vacuum.run_id);
BEGIN
    IF told IS NULL THEN
        told := CASE outcome
                    WHEN 'no slot' THEN 'no background worker is free (max_worker_processes)'
                    WHEN 'cancelled' THEN 'canceled'
                    ELSE format('the background worker ended early (may role "%s" log in?)', current_user)
                END;
        PERFORM etl._note_vacuum(run_id, told);
    END IF;
    IF told <> 'done' THEN
        RAISE WARNING USING
            MESSAGE = format('materialized view "%s" was refreshed but not vacuumed', matview),
            DETAIL = told,
            HINT = format('VACUUM (ANALYZE) %s;', matview);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._conclude_vacuum(regclass, bigint, text) IS
    'Warns when the VACUUM after a refresh was not done, and records why.';

-- The bodies name everything with its schema and use no operator: they cannot pin search_path, as they commit.
CREATE PROCEDURE etl._refresh_one(matview regclass, force boolean, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    run_id bigint;
    outcome pg_catalog.text;
BEGIN
    failure := NULL;
    run_id := etl._start_refresh(matview);
    IF run_id IS NULL THEN
        RETURN;
    END IF;
    IF NOT etl._may_commit() THEN
        PERFORM etl._refresh(matview, run_id, force), etl._analyze_after(matview, run_id);
        RETURN;
    END IF;
    PERFORM etl._note_new_tables(etl._refresh_policy_of(matview), matview), etl._carry_refresh_lock(matview);
    COMMIT;
    PERFORM etl._settle_refresh_lock(matview);
    failure := etl._try_refresh(matview, run_id, force);
    IF failure IS NULL AND etl._wants_vacuum(matview, run_id) THEN
        PERFORM etl._carry_refresh_lock(matview);
        CALL etl._vacuum_in_worker(outcome, 'vacuum after refresh', run_id);
        PERFORM etl._settle_refresh_lock(matview);
        PERFORM etl._conclude_vacuum(matview, run_id, outcome);
    END IF;
    COMMIT;
END
$$;
COMMENT ON PROCEDURE etl._refresh_one(regclass, boolean, jsonb) IS
    'Refreshes one materialized view. Where it may commit it returns what failed; elsewhere that is raised.';

CREATE PROCEDURE etl.refresh_matview(
    matview regclass, with_dependencies boolean DEFAULT NULL, force boolean DEFAULT false)
LANGUAGE plpgsql
AS $$
DECLARE
    view pg_catalog.regclass;
    failure pg_catalog.jsonb;
BEGIN
    PERFORM etl._require_matview(matview), etl._require_flag(force, 'force');
    FOREACH view IN ARRAY etl._refresh_list(matview, with_dependencies) LOOP
        CALL etl._refresh_one(view, force, failure);
        IF failure IS NOT NULL THEN
            PERFORM etl._raise_refresh_error(failure);
        END IF;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE etl.refresh_matview(regclass, boolean, boolean) IS
    'Refreshes a materialized view and records the run in etl.runs (kind refresh: rows the view has now, mode and '
    'seconds in detail). It is refreshed CONCURRENTLY, so that readers do not wait, where PostgreSQL can do that, '
    'unless its policy says otherwise. When another session is refreshing the view already, it says so (NOTICE) and '
    'does nothing. '
    'with_dependencies: the materialized views that it reads, also through views, are refreshed first, each after '
    'those that it reads itself (NULL: as its policy says, and without a policy not). '
    'force: also where the policy would skip the refresh because nothing has changed. '
    'Called on its own it commits, and a failure is recorded too; inside a transaction it does not, and vacuum_after '
    'of its policy is an ANALYZE. '
    'Errors: 42809 not a materialized view, 42501 not its owner, 55000 the policy says concurrently and that cannot '
    'be, 57014 the timeout of its policy is over, 55P03 its lock_timeout, and whatever the view''s query raises.';
