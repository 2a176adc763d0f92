-- Refresh of materialized views: policies that pg_cron runs, and the procedure that does one refresh.
--
-- A refresh runs in two transactions where its caller allows it (etl._may_commit): the first records the run as
-- running, so that others see it; the second refreshes and records the outcome, also a failure. Inside a transaction
-- block or another function there is one transaction, and a failed refresh leaves no record but its error.
--
-- A policy knows its view by name, as its pg_cron job does: a view that is dropped and created anew keeps its policy,
-- and a restore may create the view after the policy.

CREATE TABLE etl.refresh_policy (
    matview text PRIMARY KEY,
    schedule text NOT NULL,
    setting text NOT NULL CHECK (setting IN ('auto', 'on', 'off')),
    created_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE etl.refresh_policy IS
    'Materialized views that are refreshed on a schedule, one row each. Read them in etl.refresh_policies; change them '
    'with etl.add_refresh_policy and etl.remove_refresh_policy.';
ALTER TABLE etl.refresh_policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY refresh_policy_owner ON etl.refresh_policy USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.refresh_policy TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.refresh_policy', '');

-- Checks -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_matview(matview regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind text := etl._relation_kind(matview);
    owner name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = matview);
BEGIN
    IF kind IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = CASE
                          WHEN matview IS NULL THEN 'no materialized view was given'
                          ELSE format('materialized view with OID %s does not exist', matview::oid)
                      END,
            HINT = 'Name an existing materialized view, as in ''public.sales_by_hour''.';
    ELSIF kind <> 'materialized view' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('"%s" is a %s, not a materialized view', matview, kind),
            HINT = 'Create it with CREATE MATERIALIZED VIEW to have it refreshed.';
    ELSIF NOT pg_has_role(owner, 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must be owner of materialized view "%s"', matview),
            DETAIL = format('It belongs to role "%s", and the current role is "%s".', owner, current_user),
            HINT = format('SET ROLE %I; and call again.', owner);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_matview(regclass) IS
    'Checks that a relation is a materialized view (42809, or 42P01 when it is gone) that the current role owns '
    '(42501).';

CREATE FUNCTION etl._concurrently_obstacle(matview regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN NOT c.relispopulated THEN 'it has no rows yet'
               WHEN NOT EXISTS (
                   SELECT FROM pg_index AS i
                   JOIN pg_class AS x ON x.oid = i.indexrelid
                   JOIN pg_am AS a ON a.oid = x.relam AND a.amname = 'btree'
                   WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                     AND i.indpred IS NULL AND 0 < ALL (i.indkey::smallint[])
               ) THEN 'it has no unique index over plain columns and all rows'
           END
    FROM pg_class AS c
    WHERE c.oid = matview
$$;
COMMENT ON FUNCTION etl._concurrently_obstacle(regclass) IS
    'Why the materialized view cannot be refreshed CONCURRENTLY, by the rules of PostgreSQL; NULL when it can.';

CREATE FUNCTION etl._refresh_mode(matview regclass, setting text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    obstacle text := etl._concurrently_obstacle(matview);
BEGIN
    IF setting = 'on' AND obstacle IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('materialized view "%s" cannot be refreshed concurrently: %s', matview, obstacle),
            DETAIL = CASE obstacle
                         WHEN 'it has no rows yet' THEN 'A concurrent refresh changes the rows that are there.'
                         ELSE format('Its columns are %s.', etl._column_names(matview))
                     END,
            HINT = CASE obstacle
                       WHEN 'it has no rows yet' THEN format('REFRESH MATERIALIZED VIEW %s;', matview)
                       ELSE format('CREATE UNIQUE INDEX ON %s (…); over the columns that tell its rows apart, or '
                                   'concurrently => ''auto''.', matview)
                   END;
    END IF;
    RETURN CASE WHEN setting = 'off' OR obstacle IS NOT NULL THEN 'plain' ELSE 'concurrently' END;
END
$$;
COMMENT ON FUNCTION etl._refresh_mode(regclass, text) IS
    'How a refresh is done under a setting (auto, on, off): concurrently or plain. Setting on where that cannot be '
    'raises (55000).';

CREATE FUNCTION etl._column_names(relation regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION etl._column_names(regclass) IS 'The columns of a relation in their order, quoted, for a message.';

-- One refresh --------------------------------------------------------------------------------------------------------

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
    SELECT pg_advisory_lock('etl.refresh_policy'::regclass::oid::integer, matview::oid::integer)
$$;
COMMENT ON FUNCTION etl._carry_refresh_lock(regclass) IS
    'Gives the lock of the view''s refresh to the session, to carry it over the end of the transaction that holds it.';

CREATE FUNCTION etl._settle_refresh_lock(matview regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._lock_refresh(matview);
    PERFORM pg_advisory_unlock('etl.refresh_policy'::regclass::oid::integer, matview::oid::integer);
END
$$;
COMMENT ON FUNCTION etl._settle_refresh_lock(regclass) IS
    'Gives the lock that the session carried to the new transaction.';

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
    PERFORM etl._close_lost_runs('refresh', etl._relation_name(matview));
    RETURN etl._start_run('refresh', etl._relation_name(matview), now());
END
$$;
COMMENT ON FUNCTION etl._start_refresh(regclass) IS
    'Checks the view, locks its refresh and records the run. NULL, with a NOTICE, when another session refreshes it.';

CREATE FUNCTION etl._refresh(matview regclass, run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- with it, PostgreSQL fails in a refresh with CONCURRENTLY
AS $$
DECLARE
    stored_name text := etl._relation_name(matview);
    setting text := (SELECT p.setting FROM etl.refresh_policy AS p WHERE p.matview = stored_name);
    mode text := etl._refresh_mode(matview, coalesce(setting, 'auto'));
    started timestamptz := clock_timestamp();
    seconds numeric;
    rows bigint;
BEGIN
    EXECUTE format('REFRESH MATERIALIZED VIEW %s %s', CASE mode WHEN 'concurrently' THEN 'CONCURRENTLY' END, matview);
    seconds := round(extract(epoch FROM clock_timestamp() - started), 3);
    EXECUTE format('SELECT count(*) FROM %s', matview) INTO rows;
    PERFORM etl._finish_run(run_id, 'succeeded', rows, jsonb_build_object('mode', mode, 'seconds', seconds), NULL);
END
$$;
COMMENT ON FUNCTION etl._refresh(regclass, bigint) IS
    'Refreshes the view as its policy or the setting auto says, and records mode, seconds and rows.';

CREATE FUNCTION etl._try_refresh(matview regclass, run_id bigint)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    PERFORM etl._refresh(matview, run_id);
    RETURN NULL;
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        PERFORM etl._finish_run(run_id, 'failed', NULL, NULL, message);
        RETURN jsonb_build_object('sqlstate', SQLSTATE, 'message', message, 'detail', detail, 'hint', hint);
END
$$;
COMMENT ON FUNCTION etl._try_refresh(regclass, bigint) IS
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

-- The body names everything with its schema and uses no operator: it cannot pin search_path, as it commits.
CREATE PROCEDURE etl.refresh_matview(matview regclass)
LANGUAGE plpgsql
AS $$
DECLARE
    run_id bigint;
    failure pg_catalog.jsonb;
BEGIN
    run_id := etl._start_refresh(matview);
    IF run_id IS NULL THEN
        RETURN;
    END IF;
    IF NOT etl._may_commit() THEN
        PERFORM etl._refresh(matview, run_id);
        RETURN;
    END IF;
    PERFORM etl._carry_refresh_lock(matview);
    COMMIT;
    PERFORM etl._settle_refresh_lock(matview);
    failure := etl._try_refresh(matview, run_id);
    IF failure IS NOT NULL THEN
        COMMIT;
        PERFORM etl._raise_refresh_error(failure);
    END IF;
END
$$;
COMMENT ON PROCEDURE etl.refresh_matview(regclass) IS
    'Refreshes a materialized view and records the run in etl.runs (kind refresh: rows the view has now, mode and '
    'seconds in detail). It is refreshed CONCURRENTLY, so that readers do not wait, where PostgreSQL can do that, '
    'unless its policy says otherwise. When another session is refreshing the view already, it says so (NOTICE) and '
    'does nothing. Called on its own it commits, and a failure is recorded too; inside a transaction it does not. '
    'Errors: 42809 not a materialized view, 42501 not its owner, 55000 the policy says concurrently and that cannot '
    'be, and whatever the view''s query raises.';

-- Policies -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._schedule_refresh(policy etl.refresh_policy)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._cron_schedule(etl._cron_job_name('refresh', (policy).matview), (policy).schedule,
                              format('CALL etl.refresh_matview(%L)', (policy).matview))
$$;
COMMENT ON FUNCTION etl._schedule_refresh(etl.refresh_policy) IS
    'Gives the policy its pg_cron job, in place of the one it may have, and returns the number of the job.';

CREATE FUNCTION etl._keep_refresh_policy(stored etl.refresh_policy, schedule text, setting text, if_not_exists boolean)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    definition text := format('schedule ''%s'', concurrently ''%s''', stored.schedule, stored.setting);
BEGIN
    PERFORM etl._require_owner(stored.owner, format('refresh policy "%s"', stored.matview));
    IF NOT if_not_exists THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('refresh policy "%s" already exists', stored.matview),
            DETAIL = format('It has %s.', definition),
            HINT = format('SELECT etl.remove_refresh_policy(%L); first, or pass if_not_exists => true.',
                          stored.matview);
    ELSIF (stored.schedule, stored.setting) = (schedule, setting) THEN
        RAISE NOTICE 'refresh policy "%" already exists, nothing changed', stored.matview;
    ELSE
        RAISE WARNING USING
            MESSAGE = format('refresh policy "%s" already exists with another definition, nothing changed',
                             stored.matview),
            DETAIL = format('It has %s.', definition),
            HINT = format('SELECT etl.remove_refresh_policy(%L); and add it again.', stored.matview);
    END IF;
    RETURN etl._schedule_refresh(stored);
END
$$;
COMMENT ON FUNCTION etl._keep_refresh_policy(etl.refresh_policy, text, text, boolean) IS
    'What etl.add_refresh_policy does when there is a policy: error (42710), notice or warning. Returns its job.';

CREATE FUNCTION etl._require_setting(setting text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF setting IN ('auto', 'on', 'off') THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = CASE
                      WHEN setting IS NULL THEN 'concurrently must not be NULL'
                      ELSE format('unknown setting "%s" for concurrently', setting)
                  END,
        DETAIL = 'The known ones are auto, on, off.',
        HINT = 'Leave concurrently out to have auto: CONCURRENTLY where PostgreSQL can do it.';
END
$$;
COMMENT ON FUNCTION etl._require_setting(text) IS 'Checks the setting of a refresh policy: auto, on or off (22023).';

CREATE FUNCTION etl.add_refresh_policy(
    matview regclass,
    schedule text,
    concurrently text DEFAULT 'auto',
    if_not_exists boolean DEFAULT false
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setting text := $3;  -- "concurrently" is a keyword
    clean_schedule text := lower(btrim(schedule));
    stored_name text := etl._relation_name(matview);
    policy etl.refresh_policy;
BEGIN
    PERFORM etl._require_matview(matview);
    PERFORM etl._require_setting(setting);
    PERFORM etl._require_schedule(schedule);
    SELECT * INTO policy FROM etl.refresh_policy AS p WHERE p.matview = stored_name;
    IF FOUND THEN
        RETURN etl._keep_refresh_policy(policy, clean_schedule, setting, if_not_exists);
    END IF;
    IF etl._refresh_mode(matview, setting) = 'plain' AND setting = 'auto' THEN
        RAISE NOTICE USING
            MESSAGE = format('materialized view "%s" cannot be refreshed concurrently: %s', matview,
                             etl._concurrently_obstacle(matview)),
            DETAIL = 'Readers wait while it is refreshed.',
            HINT = format('CREATE UNIQUE INDEX ON %s (…); over the columns that tell its rows apart.', matview);
    END IF;
    INSERT INTO etl.refresh_policy AS p (matview, schedule, setting)
    VALUES (stored_name, clean_schedule, setting) RETURNING p.* INTO policy;
    RETURN etl._schedule_refresh(policy);
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('materialized view "%s" has a refresh policy of another role', matview),
            HINT = 'A view has one policy; the role that made it can remove it.';
END
$$;
COMMENT ON FUNCTION etl.add_refresh_policy(regclass, text, text, boolean) IS
    'Refreshes a materialized view on a schedule through pg_cron, and returns the number of its job. '
    'schedule: five cron fields, in GMT, or @hourly and the like. '
    'concurrently: auto refreshes CONCURRENTLY, so that readers do not wait, where PostgreSQL can do that (the view '
    'has rows and a unique index over plain columns and all rows), decided anew at each refresh; on insists on it; off '
    'never does. '
    'if_not_exists: leaves an existing policy as it is, with a NOTICE, or a WARNING when it differs. '
    'Errors: 42809 not a materialized view, 42501 not its owner or the policy is another role''s, 22023 bad schedule '
    'or setting, 55000 concurrently on where that cannot be or no pg_cron, 42710 the view has a policy.';

CREATE FUNCTION etl._find_refresh_policy(matview text)
RETURNS etl.refresh_policy
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[] := parse_ident(matview);
    policies etl.refresh_policy[] := ARRAY(
        SELECT p FROM etl.refresh_policy AS p
        WHERE (parse_ident(p.matview))[3 - cardinality(parts):] = parts
        ORDER BY p.matview
    );
BEGIN
    IF cardinality(policies) > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('more than one refresh policy is for a view named "%s"', matview),
            DETAIL = format('There are %s.', (SELECT string_agg(p.matview, ', ') FROM unnest(policies) AS p)),
            HINT = 'Give the view with its schema.';
    END IF;
    RETURN policies[1];
END
$$;
COMMENT ON FUNCTION etl._find_refresh_policy(text) IS
    'The policy for a view of that name, with or without schema, whether the view still exists or not; NULL when there '
    'is none. Raises when a name without schema fits several (22023).';

CREATE FUNCTION etl.remove_refresh_policy(matview text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    policy etl.refresh_policy := etl._find_refresh_policy(matview);
BEGIN
    IF policy.matview IS NOT NULL THEN
        PERFORM etl._require_owner(policy.owner, format('refresh policy "%s"', policy.matview), or_superuser => true);
        DELETE FROM etl.refresh_policy AS p WHERE p.matview = policy.matview;
        PERFORM etl._cron_unschedule(etl._cron_job_name('refresh', policy.matview), policy.owner);
    ELSIF if_exists THEN
        RAISE NOTICE 'materialized view "%" has no refresh policy, nothing to remove', matview;
    ELSE
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE
                          WHEN matview IS NULL THEN 'no materialized view was given'
                          ELSE format('materialized view "%s" has no refresh policy', matview)
                      END,
            HINT = 'SELECT * FROM etl.refresh_policies; lists them. To go on without an error pass if_exists => true.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl.remove_refresh_policy(text, boolean) IS
    'Ends the scheduled refresh of a materialized view: removes the policy and its pg_cron job, the view stays. '
    'The view is given by name, because it may have been dropped before its policy. A superuser may remove another '
    'role''s policy. '
    'Errors: 42704 no such policy (a NOTICE with if_exists), 42501 it is another role''s.';

CREATE FUNCTION etl._next_refresh_mode(matview regclass, setting text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN matview IS NULL THEN 'missing'
               WHEN setting = 'off' THEN 'plain'
               WHEN etl._concurrently_obstacle(matview) IS NULL THEN 'concurrently'
               WHEN setting = 'auto' THEN 'plain'
               ELSE 'impossible'
           END
$$;
COMMENT ON FUNCTION etl._next_refresh_mode(regclass, text) IS
    'How the next refresh of a view would be done; see the view etl.refresh_policies.';

CREATE VIEW etl.refresh_policies WITH (security_invoker = true) AS
SELECT p.matview,
       p.schedule,
       p.setting,
       etl._next_refresh_mode(to_regclass(p.matview), p.setting) AS mode,
       r.started_at AS last_run,
       r.status,
       (r.detail ->> 'seconds')::float8 AS seconds,
       r.rows,
       r.error,
       p.owner
FROM etl.refresh_policy AS p
LEFT JOIN LATERAL (
    SELECT * FROM etl.run AS x WHERE x.kind = 'refresh' AND x.name = p.matview ORDER BY x.run_id DESC LIMIT 1
) AS r ON true;
COMMENT ON VIEW etl.refresh_policies IS
    'Materialized views that are refreshed on a schedule: the setting (auto, on, off), how the next refresh will be '
    'done (mode: concurrently, plain, impossible when the setting is on and it cannot be, missing when the view is '
    'gone), and of the last run when it began, its status, the seconds of the REFRESH, the rows that the view had '
    'then, and the error.';
GRANT SELECT ON etl.refresh_policies TO PUBLIC;
