-- Carrying out retention policies.
--
-- A policy is run in batches. Each batch is one transaction that
--   1. takes the lock that keeps holds from being placed unseen, and the next window of the table (due.sql),
--   2. deletes its rows and inserts them into the archive, in one statement, and proves that they are the same
--      (moved_rows.sql, batch.sql; a file takes three transactions, run_files.sql),
--   3. notes them in the ledger (archives.sql), in the row of the run in etl.run and in the audit log.
-- So whatever ends a run, hot table and archive together hold every row once, and the run says how far it came.
--
-- The filter and the table's triggers are executed with the role locked (etl._lock_role): the session may have come to
-- the owner by SET ROLE from a role with more rights.

CREATE FUNCTION etl._retention_todo(policy text, as_of timestamptz, dry_run boolean)
RETURNS etl.retention_policy[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    todo etl.retention_policy[];
    paused etl.retention_policy;
BEGIN
    PERFORM etl._require_moment(as_of, 'as_of');
    IF dry_run IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'dry_run must be true or false, not NULL',
            HINT = 'Leave it out to move and delete rows, or give true to see what would be.';
    ELSIF policy IS NOT NULL THEN
        todo := ARRAY[etl._retention_policy(policy)];
    ELSE
        todo := ARRAY(SELECT p FROM etl.retention_policy AS p WHERE p.owner = current_user ORDER BY p.name);
    END IF;
    IF todo = '{}' THEN
        RAISE NOTICE USING
            MESSAGE = format('role "%s" has no retention policy', current_user),
            HINT = 'etl.add_retention_policy(…) defines one.';
    ELSIF dry_run THEN
        RETURN todo;
    END IF;
    FOR paused IN SELECT t.* FROM unnest(todo) AS t WHERE t.paused_at IS NOT NULL LOOP
        RAISE NOTICE USING
            MESSAGE = format('retention policy "%s" is paused', paused.name),
            HINT = format('SELECT etl.resume_retention_policy(%L); lets it go on.', paused.name);
    END LOOP;
    RETURN ARRAY(SELECT t FROM unnest(todo) AS t WHERE t.paused_at IS NULL);
END
$$;
COMMENT ON FUNCTION etl._retention_todo(text, timestamptz, boolean) IS
    'The policies that a call of etl.run_retention is about, after checking its arguments: not those that are paused '
    'unless it is a dry run.';

CREATE FUNCTION etl._retention_progress(policy etl.retention_policy, state etl._retention_state, began timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    done CONSTANT bigint := (state.action ->> 'rows')::bigint;
    due CONSTANT bigint := (state.action ->> 'due')::bigint;
    rate CONSTANT numeric := done / greatest(extract(epoch FROM clock_timestamp() - began), 0.001);
BEGIN
    RAISE INFO USING MESSAGE = format(
        'retention policy "%s"%s: %s of %s rows, %s rows/s, %s s remaining', policy.name,
        CASE WHEN state.tier > 1 THEN format(' (%s)', etl._retention_place(policy, state.tier - 1)) END,
        done, due, round(rate), coalesce(ceil(greatest(due - done, 0) / nullif(rate, 0))::text, '?'));
END
$$;
COMMENT ON FUNCTION etl._retention_progress(etl.retention_policy, etl._retention_state, timestamptz) IS
    'Tells the client how far the tier is that a run is at.';

CREATE FUNCTION etl._retention_report(policy etl.retention_policy, state etl._retention_state)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    action jsonb;
BEGIN
    FOR action IN SELECT a FROM jsonb_array_elements(state.actions) AS a LOOP
        CONTINUE WHEN NOT (state.dry_run OR action ?| '{held,referenced,locked}');
        RAISE NOTICE USING MESSAGE = format(
            'retention policy "%s" %s %s rows (%s) of "%s"%s%s', policy.name,
            CASE WHEN NOT action ? 'to' THEN CASE WHEN state.dry_run THEN 'would delete' ELSE 'deleted' END
                 WHEN state.dry_run THEN 'would move' ELSE 'moved' END,
            action ->> 'rows', pg_size_pretty((action ->> 'bytes')::bigint), action ->> 'from',
            ' to "' || (action ->> 'to') || '"',
            coalesce(', leaving ' || nullif(concat_ws(
                ', ', (action ->> 'held') || ' held', (action ->> 'referenced') || ' referenced',
                (action ->> 'locked') || ' locked'), ''), ''));
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_report(etl.retention_policy, etl._retention_state) IS
    'Tells the client what a dry run would have done, and of a run which rows it had to leave.';

CREATE FUNCTION etl._retention_rest(policy etl.retention_policy, state etl._retention_state)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    -- 0.05 s and twice as long each time for a batch that is tried again.
    SELECT etl._rest(CASE WHEN (state).attempts > 1 THEN 0.05 * 2 ^ ((state).attempts - 1)
                          ELSE extract(epoch FROM (policy).pause) END)
$$;
COMMENT ON FUNCTION etl._retention_rest(etl.retention_policy, etl._retention_state) IS
    'Waits between two batches as long as the policy says, or before one is tried again; what cancelled it, or NULL.';

CREATE FUNCTION etl._retention_failure(policy etl.retention_policy, run bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT jsonb_build_object(
                    'policy', policy.name, 'sqlstate', r.detail ->> 'sqlstate', 'message', r.error,
                    'detail', r.detail ->> 'error_detail', 'hint', r.detail ->> 'error_hint')
         FROM etl.run AS r
         WHERE r.run_id = run),
        (SELECT jsonb_build_object('policy', policy.name, 'sqlstate', '55P03',
                                   'message', 'another session is running it',
                                   'detail', 'Nothing was changed by this call.',
                                   'hint', 'Wait for it to end; etl.runs shows how far it is.')
         FROM etl.retention_policy AS p
         WHERE p.policy_id = policy.policy_id),
        jsonb_build_object('policy', policy.name, 'sqlstate', '42704', 'message', 'it was removed before its turn came',
                           'detail', 'Nothing was changed by it.'))
$$;
COMMENT ON FUNCTION etl._retention_failure(etl.retention_policy, bigint) IS
    'What went wrong with a policy: the error recorded with the run, or with no run, that another session runs it or '
    'has removed it.';

CREATE FUNCTION etl._retention_raise(failures jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    only_one boolean := jsonb_array_length(failures) = 1;
    first jsonb := failures -> 0;
    names text;
    messages text;
BEGIN
    SELECT string_agg(format('"%s"', f ->> 'policy'), ', ' ORDER BY n),
           string_agg(format('Policy "%s": %s.', f ->> 'policy', f ->> 'message'), E'\n' ORDER BY n)
        INTO names, messages
    FROM jsonb_array_elements(failures) WITH ORDINALITY AS e(f, n);
    RAISE EXCEPTION USING
        ERRCODE = first ->> 'sqlstate',
        MESSAGE = CASE
                      WHEN only_one THEN format('retention policy %s failed: %s', names, first ->> 'message')
                      ELSE format('retention policies %s failed', names)
                  END,
        DETAIL = CASE
                     WHEN NOT only_one THEN messages
                     ELSE coalesce(first ->> 'detail', 'Batches before the one that failed are committed.')
                 END,
        HINT = CASE
                   WHEN only_one AND first ->> 'hint' IS NOT NULL THEN first ->> 'hint'
                   ELSE 'SELECT * FROM etl.runs WHERE kind = ''retention'' ORDER BY run_id DESC tells what was done.'
               END;
END
$$;
COMMENT ON FUNCTION etl._retention_raise(jsonb) IS
    'Raises what went wrong with the policies of one call, under the SQLSTATE of the first.';

-- It is called where nothing is under way, and leaves a transaction of whatever kind and path.
CREATE PROCEDURE etl._refresh_unfresh(rollups text[], INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    rollup pg_catalog.text;
BEGIN
    FOREACH rollup IN ARRAY rollups LOOP
        CALL etl._refresh_rollup(rollup, 10000, NULL, true, NULL, pg_catalog.now(), false, failure);
        IF failure IS NOT NULL THEN
            RETURN;
        END IF;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE etl._refresh_unfresh(text[], jsonb) IS
    'Refreshes rollups one after the other, until one fails.';

-- The body names everything with its schema and uses no operator before the path is pinned, as it commits. Nothing may
-- stand between a COMMIT and SET TRANSACTION: READ COMMITTED lets each statement of a batch see the holds and
-- references that were committed before it, whatever the session's default is.
CREATE PROCEDURE etl._run_retention_policy(
    policy etl.retention_policy, as_of timestamptz, dry_run boolean, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    run bigint;
    state etl._retention_state;
    tier integer;
    began pg_catalog.timestamptz;
    spoke pg_catalog.timestamptz;
BEGIN
    run := etl._retention_begin(policy, as_of, dry_run);
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF run IS NULL THEN
        failure := etl._retention_failure(policy, NULL);
        RETURN;
    END IF;
    began := clock_timestamp();
    spoke := began;
    policy := etl._retention_as_stored(policy);
    IF NOT dry_run THEN
        CALL etl._settle_partitions(policy, run, failure);
    END IF;
    LOOP
        IF state.stage IS NULL AND failure IS NULL AND (dry_run OR NOT etl._retention_is_paused(policy)) THEN
            -- a tier begins
            CALL etl._retention_partitions(policy, run, coalesce(state.tier, 1), false, failure);
        END IF;
        IF failure IS NOT NULL THEN
            state := etl._retention_fail(policy, run, failure);
            EXIT;
        END IF;
        tier := coalesce(state.tier, 1);
        PERFORM etl._lock_role();
        state := etl._retention_step(policy, run);
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF state.tier IS DISTINCT FROM tier AND state.sqlstate IS NULL AND NOT dry_run THEN -- it has ended
            CALL etl._retention_partitions(policy, run, tier, true, failure);
        END IF;
        EXIT WHEN state.tier IS NULL AND failure IS NULL;
        IF failure IS NOT NULL THEN
            state := etl._retention_fail(policy, run, failure);
            EXIT;
        END IF;
        IF state.stage IS NULL AND state.tier = 1 AND state.unfresh_rollups <> '{}' THEN
            CALL etl._refresh_unfresh(state.unfresh_rollups, failure);
            COMMIT;
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            IF failure IS NOT NULL THEN
                state := etl._retention_fail(policy, run, failure);
                EXIT;
            END IF;
        END IF;
        IF clock_timestamp() > began + policy.max_runtime AND state.file IS NULL THEN
            state := etl._retention_stop(policy, run, began);
            EXIT;
        END IF;
        IF current_setting('pg_etl.progress')::boolean AND clock_timestamp() > spoke + interval '1 second' THEN
            PERFORM etl._retention_progress(policy, state, began);
            spoke := clock_timestamp();
        END IF;
        failure := etl._retention_rest(policy, state);
    END LOOP;
    COMMIT; -- also where an error is raised in the end
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM etl._unlock_run('etl.retention_policy', policy.policy_id);
    IF state.sqlstate IS NOT NULL THEN
        failure := etl._retention_failure(policy, run);
    ELSE
        PERFORM etl._tell_partitions(policy, run), etl._retention_report(policy, state);
    END IF;
END
$$;
COMMENT ON PROCEDURE etl._run_retention_policy(etl.retention_policy, timestamptz, boolean, jsonb) IS
    'Carries out one policy; gives back what went wrong and does not raise it.';

CREATE PROCEDURE etl.run_retention(
    policy text DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    dry_run boolean DEFAULT false
)
LANGUAGE plpgsql
AS $$
DECLARE
    todo etl.retention_policy[];
    chosen etl.retention_policy;
    failure pg_catalog.jsonb;
    failures pg_catalog.jsonb := '[]';
BEGIN
    CALL etl._require_toplevel('etl.run_retention');
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    todo := etl._retention_todo(policy, as_of, dry_run);
    FOREACH chosen IN ARRAY todo LOOP
        failure := NULL;
        CALL etl._run_retention_policy(chosen, as_of, dry_run, failure);
        IF failure IS NOT NULL THEN
            failures := failures || failure;
            EXIT WHEN failure ->> 'sqlstate' = '57014'; -- cancelled, and so are the policies after it
        END IF;
    END LOOP;
    IF failures <> '[]' THEN
        PERFORM etl._retention_raise(failures);
    END IF;
END
$$;
COMMENT ON PROCEDURE etl.run_retention(text, timestamptz, boolean) IS
$$Carries out retention policies: moves or deletes, tier by tier, the rows whose time is past. Works in batches, each
its own transaction in which what was archived is proven to be what was deleted (count and hash), so it cannot be called
inside a transaction block (2D000). Rows under a legal hold and rows that others refer to stay, and so do those that
others have locked; all are counted.
policy: name of one policy of the current role; NULL: all of them that are not paused, one after the other; one that
fails does not stop the rest.
as_of: the moment from which ages count (default: now). A row is due when its time lies before as_of - keep, computed
in UTC; a time that is NULL or infinite never is. dry_run: does each batch and rolls it back at once; only the run is
recorded.
Each policy adds a row to etl.runs, whose detail has due, archived, deleted_from_hot, deleted_from_archive, remaining,
batches, bytes, for each tier actions (rows, bytes, oldest, held, referenced, locked, remaining), where max_runtime, a
pause or a rollup ended it stopped, with seconds_left, and partitions: of each that was past its name and what it was
(dropped, moved, attached, emptied, or left, returned, waiting, or rows where these went one by one), rows and bytes,
and why.
A partition by ranges of the time column goes as a whole, unless the policy has method rows, where its bound lies at or
before the moment and all of its rows are due, of the filter, free of holds and not referenced; where no trigger,
rollup, publication or row security must see rows go; and where the role owns it and its table. It is detached
(CONCURRENTLY, in a background worker, where PostgreSQL can), looked at again, and then dropped where the tier deletes,
moved into the schema of archive_to 'schema:…' as a child of the archive table, or attached to an archive that is
partitioned in the same way. What other tiers have emptied is dropped. The rows of one that is dropped and is larger
than 32 MB are not read: estimated_rows stands for their number, and neither the counts nor the ledger have them.
Errors: 42704 no such policy, or it was removed before its turn came, 42501 another role's, 55P03 another session is
running it, 22023 bad as_of, 25006 a read-only session or a standby; what stopped a policy is raised at the end under
its own SQLSTATE.$$;
