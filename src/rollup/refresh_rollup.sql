-- Refreshes of rollups.
--
-- Where the caller allows it (etl._may_commit) a refresh is several transactions: the first records the run as running
-- and looks at the sources, and is the only one where nothing has changed. Each of those that follow has one snapshot
-- (REPEATABLE READ): under it the logs are read and emptied, and groups are computed, so that the rollup, what is left
-- to do and what was done commit together. Groups that do not fit into one batch are left pending for the next; a
-- refresh that is killed leaves them so.
--
-- A group that is computed under a later snapshot than its log was read sees more than it needs to: what it saw too
-- early comes again. States are merged, and must not see anything twice, so a rollup that has states reads its logs in
-- each of the transactions. Inside a transaction block there is no one snapshot: groups of such a rollup are computed
-- but stay pending.

-- One transaction ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._add_counts(progress etl._rollup_progress, counts jsonb)
RETURNS etl._rollup_progress
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    progress.groups := progress.groups + coalesce((counts ->> 'groups')::bigint, 0);
    progress.merged := progress.merged + coalesce((counts ->> 'merged')::bigint, 0);
    progress.inserted := progress.inserted + coalesce((counts ->> 'inserted')::bigint, 0);
    progress.updated := progress.updated + coalesce((counts ->> 'updated')::bigint, 0);
    progress.deleted := progress.deleted + coalesce((counts ->> 'deleted')::bigint, 0);
    RETURN progress;
END
$$;
COMMENT ON FUNCTION etl._add_counts(etl._rollup_progress, jsonb) IS 'Adds what a batch has changed.';

CREATE FUNCTION etl._forget_pending(rollup etl.rollup, batch etl._rollup_batch)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('DELETE FROM %s AS p WHERE $1 OR p.ctid = ANY ($2)', etl._rollup_table(rollup.name, '_pending'))
        USING batch.whole, batch.places;
END
$$;
COMMENT ON FUNCTION etl._forget_pending(etl.rollup, etl._rollup_batch) IS
    'Takes the groups of a batch out of the pending ones.';

CREATE FUNCTION etl._count_batches(rollup etl.rollup, max_groups integer)
RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pending bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', etl._rollup_table(rollup.name, '_pending')) INTO pending;
    RETURN ceil(pending::numeric / max_groups);
END
$$;
COMMENT ON FUNCTION etl._count_batches(etl.rollup, integer) IS 'How many batches the pending groups make.';

CREATE FUNCTION etl._hold_sources(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rewritten text;
BEGIN
    EXECUTE (SELECT format('LOCK TABLE %s IN ACCESS SHARE MODE', string_agg(s.relation, ', ' ORDER BY s.relation))
             FROM etl._sources(rollup) AS s);
    -- The file of the table as the snapshot has it, and as it is
    SELECT s.relation INTO rewritten
    FROM etl._sources(rollup) AS s
    CROSS JOIN LATERAL etl._family(etl._named_relation(s.relation)) AS m
    JOIN pg_class AS c ON c.oid = m
    WHERE c.relfilenode <> coalesce(pg_relation_filenode(c.oid), 0)
    LIMIT 1;
    IF rewritten IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'serialization_failure',
            MESSAGE = format('table "%s" was rewritten since this transaction began', rewritten),
            DETAIL = 'To older snapshots a table is empty after TRUNCATE, and after ALTER TABLE where that '
                     'rewrites it.',
            HINT = format('CALL etl.refresh_rollup(%L); in a new transaction.', rollup.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._hold_sources(etl.rollup) IS
    'Keeps the tables that a rollup reads from being emptied or altered to the end of the transaction. 40001 where one '
    'was since the snapshot of the transaction, which would not see its rows.';

CREATE FUNCTION etl._refresh_batch(progress etl._rollup_progress)
RETURNS etl._rollup_progress
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rollup CONSTANT etl.rollup := etl._rollup(progress.name);
    one_snapshot CONSTANT boolean := current_setting('transaction_isolation') <> 'read committed';
    with_states CONSTANT boolean := etl._is_delta(rollup);
    -- Groups with states may only be forgotten when they were computed under the snapshot of their log.
    may_forget CONSTANT boolean := one_snapshot OR NOT with_states;
    taken jsonb;
    batch etl._rollup_batch;
BEGIN
    IF one_snapshot THEN
        PERFORM etl._hold_sources(rollup);
    END IF;
    IF progress.batches = 0 OR with_states AND one_snapshot THEN
        taken := etl._take_log(rollup, progress.as_of, progress.max_groups, progress.merge AND one_snapshot,
            may_forget);
        progress.log_rows := progress.log_rows + (taken ->> 'log_rows')::bigint;
        progress.frozen := progress.frozen + coalesce((taken ->> 'frozen')::bigint, 0);
        progress := etl._add_counts(progress, taken -> 'merged');
        UPDATE etl.rollup AS r SET refreshed_as_of = progress.as_of
        WHERE r.rollup_id = rollup.rollup_id AND r.owner = current_user
          AND r.refreshed_as_of IS DISTINCT FROM progress.as_of;
    ELSE
        progress.frozen := progress.frozen + etl._heed_late_erasures(rollup);
    END IF;
    IF (taken ->> 'whole')::boolean THEN
        batch := etl._all_groups(rollup, etl._group_table(rollup));
    ELSE
        batch := etl._pick_groups(rollup, CASE WHEN may_forget THEN progress.max_groups END, progress.newest_first);
    END IF;
    progress.done := coalesce(batch.whole OR coalesce(cardinality(batch.places), 0) < progress.max_groups, true)
        OR NOT may_forget;
    IF progress.batches = 0 AND NOT progress.done THEN
        progress.batches_due := etl._count_batches(rollup, progress.max_groups);
        IF may_forget AND rollup.retention IS DISTINCT FROM 'freeze'
           AND etl._is_cheaper_whole(rollup, batch, progress.batches_due) THEN
            batch := etl._all_groups(rollup, etl._group_table(rollup));
            progress.done := true;
        END IF;
    END IF;
    IF batch.whole OR batch.places IS NOT NULL THEN
        IF may_forget THEN
            PERFORM etl._forget_pending(rollup, batch); -- before: what is marked from now on is not lost
        END IF;
        progress := etl._add_counts(progress, etl._recompute_groups(rollup, batch));
        IF NOT one_snapshot THEN
            PERFORM etl._require_no_erasure(rollup);
        END IF;
    END IF;
    progress.batches := progress.batches + 1;
    progress.done := progress.done OR progress.batches >= progress.batches_due
        OR coalesce(clock_timestamp() > progress.deadline, false);
    RETURN progress;
END
$$;
COMMENT ON FUNCTION etl._refresh_batch(etl._rollup_progress) IS
    'Takes the logs of a rollup, at first or where it has states, and computes one batch of its pending groups.';

CREATE FUNCTION etl._refresh_batches(progress etl._rollup_progress)
RETURNS etl._rollup_progress
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET lc_numeric = 'C'
SET lc_time = 'C'
SET array_nulls = on
SET quote_all_identifiers = off
SET jit = off -- a query for few groups would wait for its own compilation
SET pg_etl.rollup_as_of = ''
SET pg_etl.rollup_uses = ''
AS $$
BEGIN
    PERFORM etl._hold_to(etl._rollup(progress.name), progress.as_of);
    LOOP
        progress := etl._refresh_batch(progress);
        EXIT WHEN progress.in_steps OR progress.done;
    END LOOP;
    IF progress.in_steps THEN
        SET CONSTRAINTS ALL IMMEDIATE; -- what would only fail at the commit fails here, where it is recorded
    END IF;
    IF progress.done THEN
        PERFORM etl._tell_ignored(etl._rollup(progress.name), progress.frozen);
        PERFORM etl._end_progress(progress);
    END IF;
    RETURN progress;
END
$$;
COMMENT ON FUNCTION etl._refresh_batches(etl._rollup_progress) IS
    'One batch of a refresh, or all of them where it does not commit in between, under the settings of the rollup: '
    'whoever refreshes gets the same.';

CREATE FUNCTION etl._try_refresh_batches(progress etl._rollup_progress)
RETURNS etl._rollup_progress
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    RETURN etl._refresh_batches(progress);
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        IF SQLSTATE = '40001' AND progress.in_steps AND progress.retries < 10 THEN
            progress.retries := progress.retries + 1;
            RETURN progress;
        END IF;
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        progress.failure := etl._refresh_error(SQLSTATE, SQLERRM, detail, hint, etl._find_rollup(progress.name));
        progress.done := true;
        PERFORM etl._end_progress(progress);
        RETURN progress;
END
$$;
COMMENT ON FUNCTION etl._try_refresh_batches(etl._rollup_progress) IS
    'etl._refresh_batches; an error ends the run as failed and is in the progress, not raised. Earlier batches stay. '
    'Where the transaction has a snapshot from before another''s change, the next one tries again.';

CREATE FUNCTION etl._rehearse_refresh(progress etl._rollup_progress)
RETURNS etl._rollup_progress
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    progress := etl._try_refresh_batches(progress);
    RAISE EXCEPTION USING ERRCODE = 'ETLDR', MESSAGE = 'end of the dry run';
EXCEPTION
    WHEN SQLSTATE 'ETLDR' THEN
        PERFORM etl._end_progress(progress);
        RETURN progress;
END
$$;
COMMENT ON FUNCTION etl._rehearse_refresh(etl._rollup_progress) IS
    'A dry run: does all batches, rolls them back, and records what they came to.';

CREATE FUNCTION etl._tell_progress(progress etl._rollup_progress)
RETURNS etl._rollup_progress
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT progress.done AND current_setting('pg_etl.progress')::boolean
       AND clock_timestamp() > progress.spoke + interval '1 second' THEN
        RAISE INFO USING MESSAGE = format('rollup "%s": batch %s of %s, %s groups, %s s', progress.name,
            progress.batches, progress.batches_due, progress.groups,
            round(extract(epoch FROM clock_timestamp() - progress.began), 1));
        progress.spoke := clock_timestamp();
    END IF;
    RETURN progress;
END
$$;
COMMENT ON FUNCTION etl._tell_progress(etl._rollup_progress) IS
    'Tells the client how far a refresh is, at most once a second, where pg_etl.progress is on.';

CREATE FUNCTION etl._raise_refresh_failure(failure jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF failure IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = failure ->> 'sqlstate', MESSAGE = failure ->> 'message', DETAIL = failure ->> 'detail',
            HINT = failure ->> 'hint';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._raise_refresh_failure(jsonb) IS 'Raises the error that ended a refresh, where one did.';

-- The body names everything with its schema and uses no operator: it cannot pin search_path, as it commits. Nothing may
-- stand between a COMMIT and SET TRANSACTION; and all is committed before the lock goes.
CREATE PROCEDURE etl._refresh_rollup(
    name text, max_groups integer, max_runtime interval, newest_first boolean, mode text, as_of timestamptz,
    dry_run boolean, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    progress etl._rollup_progress;
BEGIN
    progress := etl._begin_rollup_refresh(name, max_groups, max_runtime, newest_first, mode, as_of, dry_run,
                                          etl._may_commit());
    IF progress.in_steps THEN
        WHILE NOT progress.done LOOP
            COMMIT;
            SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
            progress := etl._tell_progress(etl._try_refresh_batches(progress));
        END LOOP;
        COMMIT;
        IF progress.run_id IS NOT NULL THEN
            PERFORM etl._unlock_run('etl.rollup', progress.rollup_id);
        END IF;
    ELSIF NOT progress.done AND dry_run THEN
        progress := etl._rehearse_refresh(progress);
    ELSIF NOT progress.done THEN
        progress := etl._try_refresh_batches(progress);
    END IF;
    failure := progress.failure;
END
$$;
COMMENT ON PROCEDURE etl._refresh_rollup(
    text, integer, interval, boolean, text, timestamptz, boolean, jsonb) IS
    'etl.refresh_rollup that gives back what ended it, where it could record it, and does not raise.';

CREATE PROCEDURE etl.refresh_rollup(
    name text,
    max_groups integer DEFAULT 10000,
    max_runtime interval DEFAULT NULL,
    newest_first boolean DEFAULT true,
    mode text DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    dry_run boolean DEFAULT false
)
LANGUAGE plpgsql
AS $$
DECLARE
    failure pg_catalog.jsonb;
BEGIN
    CALL etl._refresh_rollup(name, max_groups, max_runtime, newest_first, mode, as_of, dry_run, failure);
    PERFORM etl._raise_refresh_failure(failure);
END
$$;
COMMENT ON PROCEDURE etl.refresh_rollup(text, integer, interval, boolean, text, timestamptz, boolean) IS
    'Makes a rollup what its query gives, at the cost of what has changed. Takes what writers have noted so far; what '
    'is committed later is taken by the next refresh. Records the run in etl.runs (kind rollup: rows written; in '
    'detail log_rows, groups, inserted, updated, deleted, batches, seconds). When another session is refreshing it '
    'already, it says so (NOTICE) and does nothing. name: the rollup, with or without schema. max_groups: so many '
    'groups are computed in one transaction, or all where batches would cost much more. max_runtime: no further batch '
    'begins after that; what is left is pending for the next refresh. newest_first: groups with the greatest keys come '
    'first. mode: recompute computes all groups that have changed, delta insists on merging; NULL does what the rollup '
    'was made for. as_of: now() in a filter of the query. dry_run: does it in one transaction and rolls back; only the '
    'run is recorded, with the counts. Called on its own it commits batch by batch, and a failure is recorded too; '
    'inside a transaction it does not, and a rollup that merges computes its groups and leaves them pending. '
    'Errors: 42704 no such rollup, 22023 bad argument, 0A000 mode delta where that cannot be, 42P01, 42809, 42703, '
    '42804 what its query reads or uses is gone or has become something else, 55000 rows were erased and retention '
    'is not decided, 42501 triggers are disabled on a table of another role''s, and whatever the query raises.';
