-- Running retention policies.
--
-- A policy is run in batches. Each batch is one transaction that
--   1. locks the oldest rows that are due and that nobody else has locked,
--   2. deletes exactly these and inserts what was deleted into the archive, in one statement,
--   3. fails as a whole unless as many rows were deleted as locked and as many archived as deleted,
--   4. adds its counts to the row of the run in etl.run.
-- So whatever ends a run, hot table and archive together hold every row once, and the run says how far it came.
--
-- The filter and the table's triggers are executed with the role locked (etl._lock_role): the session may have come to
-- the owner by SET ROLE from a role with more rights.
--
-- A batch begins at the time that the batch before it reached. Without this lower bound each batch would walk again
-- over the index entries of all the rows that the earlier batches deleted, and get slower from one to the next.

CREATE TYPE etl._retention_state AS (
    dry_run boolean,
    cutoff timestamptz,
    archive_cutoff timestamptz,
    tier text,
    reached timestamptz,
    due bigint,
    archived bigint,
    deleted_from_hot bigint,
    deleted_from_archive bigint,
    remaining bigint,
    batches bigint,
    sqlstate text,
    error_detail text,
    error_hint text
);
COMMENT ON TYPE etl._retention_state IS
    'How far a run of a retention policy is; etl.run.detail holds it as jsonb. tier (hot, archive) and reached (time '
    'of the last row taken) stand there while it runs, the last three where it failed.';

CREATE FUNCTION etl._retention_literal(moment timestamptz, type regtype)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
    SELECT quote_literal(CASE type
                             WHEN 'date'::regtype THEN moment::date::text
                             WHEN 'timestamp'::regtype THEN moment::timestamp::text
                             ELSE moment::text
                         END) || '::' || type
$$;
COMMENT ON FUNCTION etl._retention_literal(timestamptz, regtype) IS
    'A moment as an SQL literal of type date, timestamp (both in UTC) or timestamptz; NULL for NULL.';

CREATE FUNCTION etl._retention_find(policy etl.retention_policy, table_name text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF table_name IS NOT NULL AND to_regclass(table_name) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s" does not exist', table_name),
            DETAIL = 'It was dropped or renamed after the policy had been defined.',
            HINT = format('Call etl.remove_retention_policy(%L), and define a policy for the table that is there now.',
                          policy.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_find(etl.retention_policy, text) IS
    'Checks that a table of a policy is still there (42P01).';

CREATE FUNCTION etl._retention_due(policy etl.retention_policy, state etl._retention_state, alias name)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type regtype := etl._retention_time_type(policy.relation::regclass, policy.time_column);
    cutoff timestamptz := CASE state.tier WHEN 'hot' THEN state.cutoff ELSE state.archive_cutoff END;
BEGIN
    -- A date lies before the cutoff when its whole day does; NULL and both infinities never do.
    RETURN format('%1$I.%2$I > ''-infinity'' AND %1$I.%2$I < %3$s', alias, policy.time_column,
                  etl._retention_literal(cutoff, type))
        || coalesce(' AND ' || format('%I.%I', alias, policy.time_column) || ' >= '
                    || etl._retention_literal(state.reached, type), '')
        || coalesce(E' AND (\n' || policy.filter || E'\n)', '');
END
$$;
COMMENT ON FUNCTION etl._retention_due(etl.retention_policy, etl._retention_state, name) IS
    'SQL condition for the rows that are due in the state''s tier, from the time it has reached on.';

CREATE FUNCTION etl._retention_count_due(policy etl.retention_policy, state etl._retention_state)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alias name := (SELECT c.relname FROM pg_class AS c WHERE c.oid = policy.relation::regclass);
    due bigint;
BEGIN
    state.reached := NULL;
    EXECUTE format('SELECT count(*) FROM %s AS %I WHERE %s', policy.relation, alias,
                   etl._retention_due(policy, state, alias))
        INTO due;
    RETURN due;
END
$$;
COMMENT ON FUNCTION etl._retention_count_due(etl.retention_policy, etl._retention_state) IS
    'Number of rows of the hot table that are due.';

CREATE FUNCTION etl._retention_move(source regclass, target regclass, part oid, places tid[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- the planner takes thousands of places for reason enough to read the whole table
SET pg_etl.erasing = on -- rollups of the table may outlive its rows
AS $$
DECLARE
    -- Read under the lock on the rows, so that no column is added between this look and the statement.
    columns text := CASE WHEN target IS NOT NULL THEN etl._retention_columns(source, target) END;
    deletion text := format('DELETE FROM %s AS t WHERE t.tableoid = $1 AND t.ctid = ANY ($2)', source);
    deleted bigint;
    archived bigint;
BEGIN
    IF target IS NULL THEN
        EXECUTE deletion USING part, places;
        GET DIAGNOSTICS deleted = ROW_COUNT;
    ELSE
        EXECUTE format(
            'WITH gone AS (%s RETURNING %s),'
            ' kept AS (INSERT INTO %s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM gone RETURNING 1)'
            ' SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM kept)', deletion, columns, target)
            INTO deleted, archived USING part, places;
    END IF;
    IF deleted <> cardinality(places) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'triggered_action_exception',
            MESSAGE = format('table "%s" gave up %s of %s rows that are due', source, deleted, cardinality(places)),
            DETAIL = 'A trigger or a row security policy keeps the rest. Nothing of this batch was deleted.',
            HINT = 'Exclude these rows with the filter of the policy, or let the trigger delete them.';
    ELSIF archived <> deleted THEN
        RAISE EXCEPTION USING
            ERRCODE = 'triggered_action_exception',
            MESSAGE = format('archive table "%s" took %s of %s rows', target, archived, deleted),
            DETAIL = 'A trigger on it swallows the rest. Nothing of this batch was deleted.',
            HINT = 'Let the trigger insert every row.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_move(regclass, regclass, oid, tid[]) IS
    'Deletes the rows at these places of a table or of one of its partitions, which the caller has locked, and inserts '
    'them into the target where there is one, in one statement, as rows that are erased (pg_etl.erasing). Raises 09000 '
    'unless every row was deleted and every deleted row inserted.';

CREATE FUNCTION etl._retention_batch(
    policy etl.retention_policy,
    state etl._retention_state,
    OUT taken bigint,
    OUT reached timestamptz
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source regclass := CASE state.tier WHEN 'hot' THEN policy.relation ELSE policy.archive_to END;
    target regclass := CASE state.tier WHEN 'hot' THEN policy.archive_to END;
    -- The archive goes by the name of the table, so that a filter may name it.
    alias name := (SELECT c.relname FROM pg_class AS c WHERE c.oid = policy.relation::regclass);
    moment text := CASE etl._retention_time_type(policy.relation::regclass, policy.time_column)
                       WHEN 'timestamptz'::regtype THEN 'max(d.moment)'
                       ELSE 'max(d.moment)::timestamp AT TIME ZONE ''UTC'''
                   END;
    part record;
BEGIN
    taken := 0;
    FOR part IN EXECUTE format(
        'SELECT d.tableoid AS part, array_agg(d.ctid) AS places, %s AS reached'
        ' FROM (SELECT %3$I.tableoid, %3$I.ctid, %3$I.%4$I AS moment FROM %2$s AS %3$I WHERE %5$s'
        ' ORDER BY %3$I.%4$I LIMIT %6$s FOR UPDATE OF %3$I SKIP LOCKED) AS d GROUP BY d.tableoid',
        moment, source, alias, policy.time_column, etl._retention_due(policy, state, alias), policy.batch_rows)
    LOOP
        PERFORM etl._refuse_cascades(
            source, array_fill(part.part, ARRAY[cardinality(part.places)]), part.places, 'due rows',
            'Delete the rows of "%s" first, or exclude the rows that are referenced with the filter of the policy.');
        PERFORM etl._retention_move(source, target, part.part, part.places);
        taken := taken + cardinality(part.places);
        reached := greatest(reached, part.reached);
    END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE; -- what would only fail at the commit fails here, where it is recorded
END
$$;
COMMENT ON FUNCTION etl._retention_batch(etl.retention_policy, etl._retention_state) IS
    'One batch: moves (hot tier) or deletes (archive tier) the oldest rows that are due and not locked by anyone, and '
    'returns how many and the time of the last. Raises 23503 when a foreign key would delete or change rows of other '
    'tables with them.';

CREATE FUNCTION etl._retention_advance(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch record;
BEGIN
    IF state.due IS NULL THEN
        PERFORM etl._retention_find(policy, policy.relation), etl._retention_find(policy, policy.archive_to);
        PERFORM etl._retention_check_relation(policy.relation::regclass, policy.archive_to IS NOT NULL);
        IF policy.archive_to IS NOT NULL THEN
            PERFORM etl._retention_check_archive(policy);
        END IF;
        state.due := etl._retention_count_due(policy, state);
    END IF;
    SELECT b.* INTO batch FROM etl._retention_batch(policy, state) AS b;
    IF batch.taken > 0 THEN
        state.batches := state.batches + 1;
        state.reached := batch.reached;
        IF state.tier = 'archive' THEN
            state.deleted_from_archive := state.deleted_from_archive + batch.taken;
        ELSE
            state.deleted_from_hot := state.deleted_from_hot + batch.taken;
            state.archived := state.archived + CASE WHEN policy.archive_to IS NULL THEN 0 ELSE batch.taken END;
        END IF;
    END IF;
    IF batch.taken = policy.batch_rows THEN
        RETURN state;
    END IF;
    IF state.tier = 'hot' THEN
        state.remaining := CASE
            WHEN state.deleted_from_hot = state.due THEN 0
            ELSE etl._retention_count_due(policy, state)
        END;
    END IF;
    state.tier := CASE WHEN state.tier = 'hot' AND state.archive_cutoff IS NOT NULL THEN 'archive' END;
    state.reached := NULL;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_advance(etl.retention_policy, etl._retention_state) IS
    'Does one batch of a run and returns its new state; the tier is NULL when nothing is left to do.';

CREATE FUNCTION etl._retention_rehearse(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WHILE state.tier IS NOT NULL LOOP
        state := etl._retention_advance(policy, state);
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'ETLDR', MESSAGE = 'end of the dry run';
EXCEPTION
    WHEN SQLSTATE 'ETLDR' THEN
        RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_rehearse(etl.retention_policy, etl._retention_state) IS
    'A dry run: does all batches, rolls them back, and returns the state with the counts they reached.';

CREATE FUNCTION etl._retention_step(policy etl.retention_policy, run bigint)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state etl._retention_state;
    logical_time timestamptz := (SELECT r.as_of FROM etl.run AS r WHERE r.run_id = run);
    message text;
BEGIN
    SELECT s.* INTO state
    FROM etl.run AS r, jsonb_populate_record(NULL::etl._retention_state, r.detail) AS s
    WHERE r.run_id = run;
    BEGIN
        state.cutoff := coalesce(state.cutoff, etl._retention_before(logical_time, policy.keep, 'keep'));
        state.archive_cutoff :=
            coalesce(state.archive_cutoff, etl._retention_before(logical_time, policy.archive_keep, 'archive_keep'));
        IF state.dry_run THEN
            state := etl._retention_rehearse(policy, state);
        ELSE
            state := etl._retention_advance(policy, state);
        END IF;
    EXCEPTION
        WHEN OTHERS OR query_canceled OR assert_failure THEN
            GET STACKED DIAGNOSTICS
                state.sqlstate = RETURNED_SQLSTATE,
                message = MESSAGE_TEXT,
                state.error_detail = PG_EXCEPTION_DETAIL,
                state.error_hint = PG_EXCEPTION_HINT;
            state.error_detail := nullif(state.error_detail, '');
            state.error_hint := nullif(state.error_hint, '');
            state.tier := NULL;
            state.reached := NULL;
    END;
    IF state.tier IS NULL THEN
        PERFORM etl._finish_run(run, CASE WHEN state.sqlstate IS NULL THEN 'succeeded' ELSE 'failed' END,
                                state.deleted_from_hot + state.deleted_from_archive,
                                jsonb_strip_nulls(to_jsonb(state)), message);
    ELSE
        UPDATE etl.run AS r
        SET detail = jsonb_strip_nulls(to_jsonb(state)), rows = state.deleted_from_hot + state.deleted_from_archive
        WHERE r.run_id = run;
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_step(etl.retention_policy, bigint) IS
    'One transaction of a run: a batch, or all of a dry run, and its record in etl.run. An error ends the run as '
    'failed and is recorded, not raised. The tier of the state is NULL when the run has ended.';

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
    state.tier := 'hot';
    state.archived := 0;
    state.deleted_from_hot := 0;
    state.deleted_from_archive := 0;
    state.batches := 0;
    IF NOT etl._lock_run('etl.retention_policy', policy.policy_id) THEN
        RETURN NULL;
    END IF;
    PERFORM etl._close_lost_runs('retention', policy.name);
    run := etl._start_run('retention', policy.name, as_of);
    UPDATE etl.run AS r SET detail = jsonb_strip_nulls(to_jsonb(state)) WHERE r.run_id = run;
    RETURN run;
END
$$;
COMMENT ON FUNCTION etl._retention_begin(etl.retention_policy, timestamptz, boolean) IS
    'Locks a policy for this session and records the run that begins; NULL when another session is running it.';

CREATE FUNCTION etl._retention_todo(policy text, as_of timestamptz, dry_run boolean)
RETURNS etl.retention_policy[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    todo etl.retention_policy[];
BEGIN
    PERFORM etl._require_moment(as_of, 'as_of');
    IF dry_run IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'dry_run must be true or false, not NULL',
            HINT = 'Leave it out to move and delete rows, or give true to see what would be.';
    ELSIF policy IS NOT NULL THEN
        RETURN ARRAY[etl._retention_policy(policy)];
    END IF;
    SELECT coalesce(array_agg(p ORDER BY p.name), '{}') INTO todo
    FROM etl.retention_policy AS p
    WHERE p.owner = current_user;
    IF todo = '{}' THEN
        RAISE NOTICE USING
            MESSAGE = format('role "%s" has no retention policy', current_user),
            HINT = 'etl.add_retention_policy(…) defines one.';
    END IF;
    RETURN todo;
END
$$;
COMMENT ON FUNCTION etl._retention_todo(text, timestamptz, boolean) IS
    'The policies that a call of etl.run_retention is about, after checking its arguments.';

CREATE FUNCTION etl._retention_progress(name text, state etl._retention_state, began timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rate numeric := state.deleted_from_hot / greatest(extract(epoch FROM clock_timestamp() - began), 0.001);
BEGIN
    IF state.tier = 'hot' THEN
        RAISE INFO USING MESSAGE = format('retention policy "%s": %s of %s rows, %s rows/s, %s s remaining', name,
            state.deleted_from_hot, state.due, round(rate),
            coalesce(ceil(greatest(state.due - state.deleted_from_hot, 0) / nullif(rate, 0))::text, '?'));
    ELSE
        RAISE INFO USING MESSAGE = format('retention policy "%s": %s rows deleted from the archive', name,
                                          state.deleted_from_archive);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_progress(text, etl._retention_state, timestamptz) IS
    'Tells the client how far a run is.';

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
        jsonb_build_object('policy', policy.name, 'sqlstate', '55P03', 'message', 'another session is running it',
                           'detail', 'Nothing was changed by this call.',
                           'hint', 'Wait for it to end; etl.runs shows how far it is.'))
$$;
COMMENT ON FUNCTION etl._retention_failure(etl.retention_policy, bigint) IS
    'What went wrong with a policy: the error recorded with the run, or with no run, that another session runs it.';

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
    run bigint;
    state etl._retention_state;
    began pg_catalog.timestamptz;
    spoke pg_catalog.timestamptz;
    failures pg_catalog.jsonb := '[]';
BEGIN
    CALL etl._require_toplevel('etl.run_retention');
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    todo := etl._retention_todo(policy, as_of, dry_run);
    FOREACH chosen IN ARRAY todo LOOP
        run := etl._retention_begin(chosen, as_of, dry_run);
        COMMIT;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF run IS NULL THEN
            failures := failures || etl._retention_failure(chosen, NULL);
            CONTINUE;
        END IF;
        began := clock_timestamp();
        spoke := began;
        LOOP
            PERFORM etl._lock_role();
            state := etl._retention_step(chosen, run);
            COMMIT;
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            EXIT WHEN state.tier IS NULL;
            IF current_setting('pg_etl.progress')::boolean AND clock_timestamp() > spoke + interval '1 second' THEN
                PERFORM etl._retention_progress(chosen.name, state, began);
                spoke := clock_timestamp();
            END IF;
        END LOOP;
        PERFORM etl._unlock_run('etl.retention_policy', chosen.policy_id);
        IF state.sqlstate IS NOT NULL THEN
            failures := failures || etl._retention_failure(chosen, run);
            EXIT WHEN state.sqlstate = '57014'; -- cancelled, and so are the policies after it
        END IF;
    END LOOP;
    IF failures <> '[]' THEN
        PERFORM etl._retention_raise(failures);
    END IF;
END
$$;
COMMENT ON PROCEDURE etl.run_retention(text, timestamptz, boolean) IS
$$Carries out retention policies: moves rows older than keep to the archive or deletes them, then deletes from the
archive what is older than archive_keep. Works in batches, each its own transaction in which the rows deleted and
archived are counted equal, so it cannot be called inside a transaction block (2D000). Rows that others have locked
are left for the next run.
policy: name of one policy of the current role; NULL: all of them, one after the other; one that fails does not stop
the rest.
as_of: the moment from which ages count (default: now). A row is due when its time lies before as_of - keep, computed
in UTC; a time that is NULL or infinite never is. dry_run: does everything in one transaction and rolls back; only the
run is recorded.
Each policy adds a row to etl.runs, whose detail has due, archived, deleted_from_hot, deleted_from_archive, remaining,
batches.
Errors: 42704 no such policy, 42501 another role's, 55P03 another session is running it, 22023 bad as_of; what stopped
a policy is raised at the end under its own SQLSTATE.$$;
