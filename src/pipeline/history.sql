-- The record of runs is kept for a time and then pruned.
--
-- That is so for runs of pipelines, extracts, refreshes, rollups and features. Those of retention and partition
-- policies stay: the ledger of archives names them, and etl.retention_status adds them up. Of each name the last run stays, and
-- the last that succeeded, as these are what views show and where the next interval begins. What was received has
-- settings of its own (prune_received.sql): dead letters and raw records only remember the number of their run.

CREATE TYPE etl._prune_state AS (
    owner name,
    cutoff timestamptz,
    finished_at timestamptz,
    run_id bigint,
    pruned bigint
);
COMMENT ON TYPE etl._prune_state IS
    'How far pruning is: whose runs, before which moment they must have ended, the last one that was looked at, and '
    'how many were deleted. run_id is NULL when no more of that owner is left, owner when that was the last.';

CREATE FUNCTION etl._next_history(state etl._prune_state, keep interval)
RETURNS etl._prune_state
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    for_all CONSTANT boolean := etl._ticks_for_all();
BEGIN
    state.owner := (
        SELECT r.owner
        FROM etl.run AS r
        WHERE r.kind IN ('pipeline', 'extract', 'refresh', 'rollup', 'features') AND r.owner > coalesce(state.owner, '')
          AND (for_all OR r.owner = current_user)
        ORDER BY r.owner
        LIMIT 1);
    state.cutoff := now() - coalesce(
        keep,
        (SELECT s.keep_runs FROM etl.scheduler AS s WHERE s.owner = state.owner),
        (SELECT s.keep_runs FROM etl.scheduler AS s WHERE s.owner = current_user),
        interval '90 days');
    state.finished_at := '-infinity';
    state.run_id := 0;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._next_history(etl._prune_state, interval) IS
    'Goes on to the next role whose runs the current role may prune: its own, and a superuser all. They are kept for '
    'the given time or, when that is NULL, as long as their owner wants it or else the current role does.';

CREATE FUNCTION etl._prune_batch(state etl._prune_state)
RETURNS etl._prune_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch record;
BEGIN
    WITH ended AS MATERIALIZED (
        SELECT r.run_id, r.kind, r.name, r.finished_at
        FROM etl.run AS r
        WHERE r.kind IN ('pipeline', 'extract', 'refresh', 'rollup', 'features') AND r.owner = state.owner
          AND r.finished_at < state.cutoff AND r.status NOT IN ('queued', 'running')
          AND (r.finished_at, r.run_id) > (state.finished_at, state.run_id)
        ORDER BY r.finished_at, r.run_id
        LIMIT 1000
        FOR UPDATE SKIP LOCKED
    ), kept (run_id) AS MATERIALIZED (
        SELECT k.run_id
        FROM (SELECT DISTINCT e.kind, e.name FROM ended AS e) AS n
        CROSS JOIN LATERAL (
            (SELECT r.run_id FROM etl.run AS r
             WHERE r.kind = n.kind AND r.name = n.name AND r.owner = state.owner
             ORDER BY r.run_id DESC LIMIT 1)
            UNION ALL
            (SELECT r.run_id FROM etl.run AS r
             WHERE r.kind = n.kind AND r.name = n.name AND r.owner = state.owner
               AND r.status = 'succeeded' AND r.detail ->> 'mode' IS DISTINCT FROM 'skipped'
             ORDER BY r.run_id DESC LIMIT 1)
        ) AS k
        UNION ALL
        SELECT k.run_id -- where the interval of the next run begins, after a backfill of earlier times too
        FROM (SELECT DISTINCT u.pipeline_id FROM ended AS e JOIN etl.pipeline_run AS u USING (run_id)) AS n
        CROSS JOIN LATERAL (
            (SELECT r.run_id FROM etl.pipeline_run AS u JOIN etl.run AS r USING (run_id)
             WHERE u.pipeline_id = n.pipeline_id AND u.owner = state.owner AND r.status = 'succeeded'
             ORDER BY u.logical_time DESC LIMIT 1)
            UNION ALL
            (SELECT r.run_id FROM etl.pipeline_run AS u JOIN etl.run AS r USING (run_id)
             WHERE u.pipeline_id = n.pipeline_id AND u.owner = state.owner AND r.status <> 'skipped'
               AND u.trigger = 'schedule'
             ORDER BY u.logical_time DESC LIMIT 1)
        ) AS k
    ), known AS MATERIALIZED (
        SELECT p.pipeline_id FROM etl.pipeline AS p
        WHERE p.pipeline_id IN (SELECT u.pipeline_id FROM ended AS e JOIN etl.pipeline_run AS u USING (run_id))
          AND p.owner = state.owner
        FOR NO KEY UPDATE SKIP LOCKED
    ), doomed AS MATERIALIZED (
        SELECT e.run_id, u.pipeline_id, u.logical_time, u.trigger
        FROM ended AS e
        LEFT JOIN etl.pipeline_run AS u USING (run_id)
        WHERE e.run_id NOT IN (SELECT k.run_id FROM kept AS k)
          AND (u.trigger IS DISTINCT FROM 'schedule' OR u.pipeline_id IN (SELECT n.pipeline_id FROM known AS n)
               OR NOT EXISTS (SELECT FROM etl.pipeline AS p
                              WHERE p.pipeline_id = u.pipeline_id AND p.owner = state.owner))
    ), remembered AS (
        UPDATE etl.pipeline AS p SET pruned_to = d.last_time
        FROM (SELECT o.pipeline_id, max(o.logical_time) AS last_time FROM doomed AS o
              WHERE o.trigger = 'schedule' GROUP BY o.pipeline_id) AS d
        WHERE p.pipeline_id = d.pipeline_id AND p.owner = state.owner
          AND d.last_time > coalesce(p.pruned_to, '-infinity')
    ), pruned AS (
        DELETE FROM etl.run AS r
        USING doomed AS d
        WHERE r.run_id = d.run_id
        RETURNING r.run_id
    )
    SELECT (SELECT count(*) FROM pruned) AS pruned, l.finished_at, l.run_id
        INTO batch
    FROM (SELECT count(*) FROM ended) AS c(ended)
    LEFT JOIN LATERAL (SELECT * FROM ended AS e ORDER BY e.finished_at DESC, e.run_id DESC LIMIT 1) AS l ON true;
    state.pruned := state.pruned + batch.pruned;
    state.finished_at := batch.finished_at;
    state.run_id := batch.run_id;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._prune_batch(etl._prune_state) IS
    'Deletes the next finished runs of an owner, with all that belongs to them, and writes down in their pipelines up '
    'to which time of the schedule there were some; those that another session has locked are left for another time.';

CREATE FUNCTION etl._prune_job_details(keep interval)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pruned bigint;
BEGIN
    -- Without pg_cron anybody may have made a schema of that name, and its triggers would run as who prunes.
    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron')
       OR NOT has_schema_privilege('cron', 'USAGE')
       OR to_regclass('cron.job_run_details') IS NULL
       OR NOT has_table_privilege('cron.job_run_details', 'SELECT')
       OR NOT has_table_privilege('cron.job_run_details', 'DELETE') THEN
        RETURN 0;
    END IF;
    -- The database's name and command tell what a job was also when it is no more.
    EXECUTE $sql$
        DELETE FROM cron.job_run_details AS d
        WHERE d.runid IN (
            SELECT o.runid FROM cron.job_run_details AS o
            WHERE coalesce(o.end_time, o.start_time) < now() - $1 AND o.database = current_database()
              AND o.command ~* '^\s*(call|select)\s+(\*\s+from\s+)?etl\.'
            ORDER BY o.runid
            LIMIT 10000)
    $sql$ USING keep;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    RETURN pruned;
END
$$;
COMMENT ON FUNCTION etl._prune_job_details(interval) IS
    'Deletes some of what pg_cron has recorded of jobs that call this extension, here and before that time, as far as '
    'the current role may; returns how many rows.';

-- It is called where nothing is under way, and leaves nothing under way.
CREATE PROCEDURE etl._prune(
    keep interval, dry_run boolean, time_limit interval, INOUT counts jsonb, INOUT is_done boolean)
LANGUAGE plpgsql
AS $$
DECLARE
    state etl._prune_state;
    batch pg_catalog.int8;
    began pg_catalog.timestamptz := pg_catalog.clock_timestamp();
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    state.pruned := 0;
    counts := '{}';
    is_done := false;
    LOOP
        IF state.run_id IS NULL THEN
            state := etl._next_history(state, keep);
            EXIT WHEN state.owner IS NULL;
        END IF;
        state := etl._prune_batch(state);
        counts := counts || jsonb_build_object('run', state.pruned);
        IF dry_run THEN
            ROLLBACK;
        ELSE
            COMMIT;
        END IF;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF clock_timestamp() > began + time_limit THEN
            RETURN;
        END IF;
    END LOOP;
    CALL etl._prune_received(dry_run, began + time_limit, counts, is_done);
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF NOT is_done THEN
        RETURN;
    END IF;
    LOOP
        batch := etl._prune_job_details(coalesce(
            (SELECT s.keep_job_details FROM etl.scheduler AS s WHERE s.owner = current_user), interval '7 days'));
        counts := etl._add_pruned(counts, 'detail', batch);
        IF dry_run THEN
            ROLLBACK;
        ELSE
            COMMIT;
        END IF;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        EXIT WHEN batch = 0 OR dry_run OR clock_timestamp() > began + time_limit;
    END LOOP;
    is_done := batch = 0 OR dry_run;
END
$$;
COMMENT ON PROCEDURE etl._prune(interval, boolean, interval, jsonb, boolean) IS
    'Prunes runs, what was received, and pg_cron''s record of jobs, in batches, each its own transaction, until that '
    'time has passed; counts says how many there were of each kind, is_done whether nothing is left. A dry run rolls '
    'each batch back.';

CREATE FUNCTION etl._is_prune_due()
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM etl.scheduler AS s
                       WHERE s.owner = current_user AND s.pruned_at > clock_timestamp() - interval '1 hour')
$$;
COMMENT ON FUNCTION etl._is_prune_due() IS 'Whether the current role has pruned nothing for an hour.';

CREATE PROCEDURE etl._prune_at_times()
LANGUAGE plpgsql
AS $$
DECLARE
    counts pg_catalog.jsonb;
    is_done boolean;
BEGIN
    IF NOT etl._is_prune_due() THEN
        RETURN;
    END IF;
    CALL etl._prune(NULL, false, '5 s', counts, is_done);
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF is_done THEN
        UPDATE etl.scheduler AS s SET pruned_at = clock_timestamp() WHERE s.owner = current_user;
    END IF;
END
$$;
COMMENT ON PROCEDURE etl._prune_at_times() IS
    'Prunes once in an hour, for five seconds at a time, so that the next tick is not late.';

CREATE FUNCTION etl._require_prune(older_than interval, dry_run boolean)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF dry_run IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'dry_run must be true or false, not NULL',
            HINT = 'Leave it out to delete runs, or give true to see how many there would be.';
    ELSIF older_than < interval '0' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('older_than must not be negative, as %L is', older_than),
            HINT = 'Give how long runs are kept, such as ''90 days''.';
    ELSIF older_than > interval '0' THEN
        PERFORM etl._require_bounded(older_than, 'older_than');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_prune(interval, boolean) IS 'Checks the arguments of etl.prune_history (22023).';

CREATE PROCEDURE etl.prune_history(older_than interval DEFAULT NULL, dry_run boolean DEFAULT false)
LANGUAGE plpgsql
AS $$
DECLARE
    counts pg_catalog.jsonb;
    is_done boolean;
BEGIN
    CALL etl._require_toplevel('etl.prune_history');
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM etl._require_prune(older_than, dry_run);
    COMMIT;
    CALL etl._prune(older_than, dry_run, NULL, counts, is_done);
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    RAISE NOTICE USING MESSAGE = format(
        CASE WHEN dry_run THEN '%s and %s of pg_cron''s record would be deleted'
             ELSE '%s and %s of pg_cron''s record were deleted' END,
        (SELECT string_agg(etl._count_of(coalesce((counts ->> k.kind)::bigint, 0), k.noun), ', ' ORDER BY k.n)
         FROM (VALUES (1, 'run', 'run'), (2, 'ingestion', 'ingestion'), (3, 'batch', 'load'),
                      (4, 'raw_record', 'raw record'), (5, 'dead_letter', 'dead letter')) AS k(n, kind, noun)),
        etl._count_of(coalesce((counts ->> 'detail')::bigint, 0), 'row'));
END
$$;
COMMENT ON PROCEDURE etl.prune_history(interval, boolean) IS
$$Deletes the record of runs of pipelines (with their steps and events), extracts, refreshes, rollups and features that
ended long ago, in batches, each its own transaction; and what pg_cron has recorded of jobs that call this extension, as
far as the current role may delete it. Of each pipeline, extract and the like the last run stays, and the last that
succeeded; so do runs that wait or are under way, and all runs of retention and partition policies. What was received
goes as etl.start_scheduler said: ingestions after 30 days, batches, raw records and dead letters only where a time was
given for them. Of the batches that loaded something the last of each table stays; so do rows under a legal hold.
etl.tick does all of it once in an hour. A pipeline remembers up to which time of its schedule runs
were deleted, and its schedule does not run these again.
older_than: how long ago a run must have ended (default: as long as etl.start_scheduler said, or 90 days). A role prunes
its own runs, a superuser all, with NULL each role's as that role wants it. pg_cron's rows are kept as
etl.start_scheduler said, or for 7 days. dry_run: does it and rolls it back, and says how much it was.
Errors: 2D000 inside a transaction block or a function, 22023 bad argument, 25006 read-only session.$$;
