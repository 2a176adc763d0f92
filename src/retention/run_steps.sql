-- The steps of a run of a retention policy, each a transaction of its own: its begin, its batches, its end.

CREATE FUNCTION etl._retention_rehearse(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF policy.evolve AND state.stage IS NOT NULL THEN
        PERFORM etl._retention_evolve_again(policy);
    END IF;
    state := etl._retention_advance(policy, state);
    RAISE EXCEPTION USING ERRCODE = 'ETLDR', MESSAGE = 'end of the dry run';
EXCEPTION
    WHEN SQLSTATE 'ETLDR' THEN
        RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_rehearse(etl.retention_policy, etl._retention_state) IS
    'One batch of a dry run: does it, rolls it back with all its locks, and returns the state that it came to.';

CREATE FUNCTION etl._retention_may_retry(sqlstate text, state etl._retention_state)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- lock_not_available, deadlock_detected, serialization_failure
    SELECT sqlstate IN ('55P03', '40P01', '40001') AND coalesce((state).attempts, 0) < 5
$$;
COMMENT ON FUNCTION etl._retention_may_retry(text, etl._retention_state) IS
    'Whether a batch that ended with this error may go better when it is tried again.';

CREATE FUNCTION etl._retention_ended(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF state.action IS NOT NULL THEN
        state.actions := coalesce(state.actions, '[]') || state.action;
    END IF;
    state.tier := NULL;
    state.stage := NULL;
    state.cutoff := NULL;
    state.reached := NULL;
    state.block := NULL;
    state.skipped := NULL;
    state.size := NULL;
    state.careful := NULL;
    state.attempts := NULL;
    state.action := NULL;
    state.file := NULL;
    state.followers := NULL;
    state.unfresh_rollups := nullif(state.unfresh_rollups, '{}');
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_ended(etl.retention_policy, etl._retention_state) IS
    'The state of a run that is over: without what only says how far it is.';

CREATE FUNCTION etl._retention_record(policy etl.retention_policy, state etl._retention_state, message text)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed CONSTANT bigint := state.deleted_from_hot + coalesce((
        SELECT sum((a ->> 'rows')::bigint) FROM jsonb_array_elements(coalesce(state.actions, '[]')
                                                || coalesce(state.action, '[]')) AS a
        WHERE (a ->> 'tier')::integer > 1), 0);
    told jsonb;
BEGIN
    IF state.tier IS NULL THEN
        state := etl._retention_ended(policy, state);
    END IF;
    told := jsonb_strip_nulls(to_jsonb(state) - '{run_id,as_of}'::text[]);
    IF state.tier IS NULL THEN
        PERFORM etl._finish_run(state.run_id, CASE WHEN state.sqlstate IS NULL THEN 'succeeded' ELSE 'failed' END,
                                changed, told, message);
    ELSE
        UPDATE etl.run AS r SET detail = told, rows = changed WHERE r.run_id = state.run_id;
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_record(etl.retention_policy, etl._retention_state, text) IS
    'Writes a state to etl.run, and ends the run, with an error''s message where there was one, when its tier is NULL.';

CREATE FUNCTION etl._retention_audit(
    policy etl.retention_policy, before etl._retention_state, state etl._retention_state)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tier CONSTANT integer := before.tier;
    rows CONSTANT bigint := state.deleted_from_hot + state.archived + state.deleted_from_archive
                            - before.deleted_from_hot - before.archived - before.deleted_from_archive;
    target text;
BEGIN
    IF rows > 0 AND NOT state.dry_run THEN
        target := etl._retention_place(policy, tier);
        PERFORM etl._audit(
            CASE WHEN target IS NULL THEN 'delete' ELSE 'archive' END, etl._retention_place(policy, tier - 1),
            jsonb_strip_nulls(jsonb_build_object(
                'policy', policy.name, 'run', state.run_id, 'tier', tier, 'to', target,
                'rows', CASE WHEN tier = 1 THEN state.deleted_from_hot - before.deleted_from_hot ELSE rows END,
                'followed', nullif(coalesce(state.followed, 0) - coalesce(before.followed, 0), 0),
                'bytes', state.bytes - before.bytes)));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_audit(etl.retention_policy, etl._retention_state, etl._retention_state) IS
    'Notes in the audit log what a step has moved or deleted, by the states before and after it.';

CREATE FUNCTION etl._retention_set_locks(policy etl.retention_policy)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT set_config('lock_timeout',
                      greatest(least(ceil(extract(epoch FROM (policy).lock_timeout) * 1000), 2147483647), 1)::text,
                      true)
$$;
COMMENT ON FUNCTION etl._retention_set_locks(etl.retention_policy) IS
    'Makes the statements of this transaction wait for a lock no longer than the policy says.';

CREATE FUNCTION etl._retention_give_up_files(state etl._retention_state)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._retention_discard_files(state);
EXCEPTION
    WHEN OTHERS THEN
        NULL; -- the ledger shows them as orphans; what is told is why the run failed
END
$$;
COMMENT ON FUNCTION etl._retention_give_up_files(etl._retention_state) IS
    'Removes the files that a run that fails has not finished, where that is possible.';

CREATE FUNCTION etl._retention_fail(policy etl.retention_policy, run bigint, failure jsonb)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state etl._retention_state := etl._retention_state_of(run);
BEGIN
    state.sqlstate := failure ->> 'sqlstate';
    state.error_detail := failure ->> 'detail';
    state.error_hint := failure ->> 'hint';
    state.tier := NULL;
    RETURN etl._retention_record(policy, state, failure ->> 'message');
END
$$;
COMMENT ON FUNCTION etl._retention_fail(etl.retention_policy, bigint, jsonb) IS
    'Ends a run with what went wrong between two batches: a rollup was not refreshed, or the rest was cancelled.';

CREATE FUNCTION etl._retention_take_step(
    policy etl.retention_policy, before etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state etl._retention_state;
BEGIN
    IF before.dry_run THEN
        state := etl._retention_rehearse(policy, before);
    ELSE
        state := etl._retention_advance(policy, before);
    END IF;
    state := etl._retention_record(policy, state, NULL);
    PERFORM etl._retention_audit(policy, before, state); -- the last: others wait for its lock
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_take_step(etl.retention_policy, etl._retention_state) IS
    'One batch of a run, or the rehearsal of one, with its record in etl.run and in the audit log.';

CREATE FUNCTION etl._retention_path_hint(sqlstate text, context text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- undefined_table, undefined_function, undefined_object
    SELECT format('In a run the search_path is pg_catalog, pg_temp. ALTER FUNCTION %s SET search_path = …; or name '
                  'what it uses with its schema.', f.name)
    FROM (SELECT (regexp_match(context, '^PL/\w+ function (\S+\(\))'))[1] AS name) AS f
    WHERE sqlstate IN ('42P01', '42883', '42704') AND f.name NOT LIKE 'etl.%'
$$;
COMMENT ON FUNCTION etl._retention_path_hint(text, text) IS
    'What to say where a trigger has not found what it names without a schema, by the error and where it came from; '
    'NULL for other errors.';

CREATE FUNCTION etl._retention_step(policy etl.retention_policy, run bigint)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before etl._retention_state := etl._retention_state_of(run);
    state etl._retention_state := before;
    message text;
    place text;
BEGIN
    IF etl._retention_may_not_go_on(policy, before) THEN
        RETURN etl._retention_cut_short(policy, before, 'paused');
    END IF;
    PERFORM etl._retention_set_locks(policy);
    BEGIN
        RETURN etl._retention_take_step(policy, before);
    EXCEPTION
        WHEN OTHERS OR query_canceled OR assert_failure THEN
            PERFORM etl._take_cancel_once(SQLSTATE);
            GET STACKED DIAGNOSTICS
                state.sqlstate = RETURNED_SQLSTATE,
                message = MESSAGE_TEXT,
                state.error_detail = PG_EXCEPTION_DETAIL,
                state.error_hint = PG_EXCEPTION_HINT,
                place = PG_EXCEPTION_CONTEXT;
            IF etl._retention_may_retry(state.sqlstate, before) THEN
                state := before;
                state.careful := true;
                state.attempts := coalesce(before.attempts, 0) + 1;
            ELSE
                state.error_detail := nullif(state.error_detail, '');
                state.error_hint := coalesce(nullif(state.error_hint, ''),
                                             etl._retention_path_hint(state.sqlstate, place));
                state.tier := NULL;
                PERFORM etl._retention_give_up_files(before);
            END IF;
    END;
    RETURN etl._retention_record(policy, state, message);
END
$$;
COMMENT ON FUNCTION etl._retention_step(etl.retention_policy, bigint) IS
    'One transaction of a run: a batch, or the rehearsal of one, and its record in etl.run. An error ends the run as '
    'failed and is recorded, not raised; where somebody else''s locks were in the way, the batch is tried again, with '
    'care. A policy that was paused meanwhile ends it. The tier of the state is NULL when the run has ended.';

CREATE FUNCTION etl._retention_state_of(run bigint)
RETURNS etl._retention_state
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state etl._retention_state;
BEGIN
    SELECT s.* INTO state
    FROM etl.run AS r, jsonb_populate_record(NULL::etl._retention_state, r.detail) AS s
    WHERE r.run_id = run;
    SELECT r.run_id, r.as_of INTO state.run_id, state.as_of FROM etl.run AS r WHERE r.run_id = run;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_state_of(bigint) IS 'How far a run is.';

CREATE FUNCTION etl._retention_left_over(state etl._retention_state)
RETURNS bigint
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT greatest(coalesce(((state).action ->> 'due')::bigint - ((state).action ->> 'rows')::bigint, 0), 0)
$$;
COMMENT ON FUNCTION etl._retention_left_over(etl._retention_state) IS
    'How many rows the tier that a run is at has not come to yet.';

CREATE FUNCTION etl._retention_cut_short(policy etl.retention_policy, state etl._retention_state, reason text)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    left_over CONSTANT bigint := etl._retention_left_over(state);
BEGIN
    state.stopped := reason;
    IF state.action IS NOT NULL THEN
        state.action := state.action || jsonb_build_object('remaining', left_over);
    END IF;
    IF state.tier = 1 THEN
        state.remaining := left_over;
    END IF;
    state.tier := NULL;
    RETURN etl._retention_record(policy, state, NULL);
END
$$;
COMMENT ON FUNCTION etl._retention_cut_short(etl.retention_policy, etl._retention_state, text) IS
    'Ends a run before its end for a reason that is recorded, with how many rows remain.';

CREATE FUNCTION etl._retention_stop(policy etl.retention_policy, run bigint, began timestamptz)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state etl._retention_state := etl._retention_state_of(run);
    took CONSTANT numeric := extract(epoch FROM clock_timestamp() - began);
    left_over CONSTANT bigint := etl._retention_left_over(state);
BEGIN
    state.seconds_left := ceil(left_over * took / nullif((state.action ->> 'rows')::bigint, 0));
    RAISE NOTICE USING
        MESSAGE = format('retention policy "%s" stopped after %s: %s of %s rows of "%s" remain', policy.name,
                         policy.max_runtime, left_over, coalesce(state.action ->> 'due', '?'),
                         etl._retention_place(policy, state.tier - 1)),
        DETAIL = format('At the rate of this run they take another %s seconds.',
                        coalesce(state.seconds_left::text, 'unknown number of')),
        HINT = format('The next run goes on; SELECT etl.alter_retention_policy(%L, max_runtime => …) lets it run '
                      'longer.', policy.name);
    RETURN etl._retention_cut_short(policy, state, format('max_runtime (%s)', policy.max_runtime));
END
$$;
COMMENT ON FUNCTION etl._retention_stop(etl.retention_policy, bigint, timestamptz) IS
    'Ends a run that has reached its max_runtime, and says what remains and how long that will take.';

CREATE FUNCTION etl._retention_is_paused(policy etl.retention_policy)
RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM etl.retention_policy AS p
                   WHERE p.policy_id = (policy).policy_id AND p.paused_at IS NOT NULL)
$$;
COMMENT ON FUNCTION etl._retention_is_paused(etl.retention_policy) IS 'Whether a policy is paused by now.';

CREATE FUNCTION etl._retention_may_not_go_on(policy etl.retention_policy, state etl._retention_state)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A file that is being written is brought to its end: until then it holds copies.
    IF state.dry_run OR state.file IS NOT NULL OR NOT etl._retention_is_paused(policy) THEN
        RETURN false;
    END IF;
    RAISE NOTICE USING
        MESSAGE = format('retention policy "%s" was paused: %s of %s rows of "%s" remain', policy.name,
                         etl._retention_left_over(state), coalesce(state.action ->> 'due', '?'),
                         etl._retention_place(policy, state.tier - 1)),
        HINT = format('SELECT etl.resume_retention_policy(%L); lets it go on with the next run.', policy.name);
    RETURN true;
END
$$;
COMMENT ON FUNCTION etl._retention_may_not_go_on(etl.retention_policy, etl._retention_state) IS
    'Whether a policy was paused after its run had begun, which the client is told; not while a file is half done.';

CREATE FUNCTION etl._retention_as_stored(policy etl.retention_policy)
RETURNS etl.retention_policy
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.retention_policy;
BEGIN
    SELECT p.* INTO stored FROM etl.retention_policy AS p WHERE p.policy_id = policy.policy_id;
    RETURN CASE WHEN FOUND THEN stored ELSE policy END;
END
$$;
COMMENT ON FUNCTION etl._retention_as_stored(etl.retention_policy) IS
    'A policy as it is once the session has locked it: another one may have changed it since it was read.';

CREATE FUNCTION etl._retention_begin(policy etl.retention_policy, as_of timestamptz, dry_run boolean)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run bigint;
    state etl._retention_state;
BEGIN
    state.dry_run := dry_run;
    state.tier := 1;
    state.archived := 0;
    state.deleted_from_hot := 0;
    state.deleted_from_archive := 0;
    state.batches := 0;
    state.bytes := 0;
    IF NOT etl._lock_run('etl.retention_policy', policy.policy_id) THEN
        RETURN NULL;
    ELSIF NOT EXISTS (SELECT FROM etl.retention_policy AS p WHERE p.policy_id = policy.policy_id) THEN
        PERFORM etl._unlock_run('etl.retention_policy', policy.policy_id);
        RETURN NULL;
    END IF;
    PERFORM etl._close_lost_runs('retention', policy.name);
    run := etl._start_run('retention', policy.name, as_of);
    UPDATE etl.run AS r SET detail = jsonb_strip_nulls(to_jsonb(state)) WHERE r.run_id = run;
    RETURN run;
END
$$;
COMMENT ON FUNCTION etl._retention_begin(etl.retention_policy, timestamptz, boolean) IS
    'Locks a policy for this session and records the run that begins; NULL when another session is running it, or has '
    'removed it.';

