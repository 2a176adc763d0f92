-- The clock: one job of pg_cron that ticks every minute, and how one sees that it does.
--
-- pg_cron lives in one database of a cluster, if at all: it is called by name and at run time only. Whatever else calls
-- etl.tick is as good; that it does is seen by the heartbeat in etl.scheduler.

CREATE FUNCTION etl._tick_job(owner name, OUT job_id bigint, OUT is_active boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') AND has_schema_privilege('cron', 'USAGE') THEN
        EXECUTE 'SELECT j.jobid, j.active FROM cron.job AS j'
                ' WHERE j.jobname = ''etl tick'' AND j.username = $1 AND j.database = current_database()'
            INTO job_id, is_active USING owner;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._tick_job(name) IS
    'A role''s job of pg_cron that ticks in this database, NULL when there is none that can be seen.';

CREATE FUNCTION etl._is_ticking()
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT j.is_active FROM etl._tick_job(current_user) AS j), false) OR EXISTS (
        SELECT
        FROM etl.scheduler AS s
        WHERE greatest(s.ticked_at, s.started_at) > greatest(clock_timestamp() - interval '3 minutes', s.stopped_at)
          AND (s.owner = current_user
               OR EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = s.owner AND r.rolsuper)))
$$;
COMMENT ON FUNCTION etl._is_ticking() IS
    'Whether somebody looks at the schedules of the current role: a job of its own, or it or a superuser has ticked or '
    'started a scheduler within three minutes and not stopped it since.';

CREATE FUNCTION etl._require_local_cron()
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    home CONSTANT text := etl._cron_database();
BEGIN
    IF home <> current_database() AND NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('pg_cron lives in database "%s", not in "%s"', home, current_database()),
            DETAIL = 'A cluster has one pg_cron; a superuser can have it tick in other databases too.',
            HINT = format(E'Call this in database "%s", after CREATE EXTENSION IF NOT EXISTS pg_cron:\n'
                          '    SELECT cron.schedule_in_database(%L, ''* * * * *'', ''CALL etl.tick()'', %L, %L);',
                          home, 'etl tick ' || current_database(), current_database(), current_user);
    END IF;
    PERFORM etl._require_pg_cron();
END
$$;
COMMENT ON FUNCTION etl._require_local_cron() IS
    'Checks that pg_cron is installed in this database and may be used (55000 and 42501, whose hints tell what to do, '
    'also where it lives in another database).';

CREATE FUNCTION etl._require_keep(keep interval, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF keep IS NOT NULL THEN -- as it is
        PERFORM etl._require_bounded(keep, argument);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_keep(interval, text) IS
    'Checks for how long something is kept (22023); the second argument names it in the error.';

CREATE FUNCTION etl.start_scheduler(
    keep_runs interval DEFAULT NULL, keep_job_details interval DEFAULT NULL, keep_ingestions interval DEFAULT NULL,
    keep_batches interval DEFAULT NULL, keep_raw_records interval DEFAULT NULL,
    keep_dead_letters interval DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_here CONSTANT boolean := EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron');
    ticks_already CONSTANT boolean := etl._is_ticking();
    job bigint;
BEGIN
    PERFORM etl._require_writable(),
            etl._require_keep(keep_runs, 'keep_runs'),
            etl._require_keep(keep_job_details, 'keep_job_details'),
            etl._require_keep(keep_ingestions, 'keep_ingestions'),
            etl._require_keep(keep_batches, 'keep_batches'),
            etl._require_keep(keep_raw_records, 'keep_raw_records'),
            etl._require_keep(keep_dead_letters, 'keep_dead_letters');
    IF is_here OR NOT ticks_already THEN
        PERFORM etl._require_local_cron();
        IF NOT (SELECT j.is_active FROM etl._tick_job(current_user) AS j) THEN
            PERFORM etl._cron_unschedule('etl tick'); -- no role but a superuser may wake a job that sleeps
        END IF;
        job := etl._cron_schedule('etl tick', '* * * * *', 'CALL etl.tick()');
    ELSE
        RAISE NOTICE USING MESSAGE = 'the schedules of this database are looked at by another clock already';
    END IF;
    INSERT INTO etl.scheduler DEFAULT VALUES ON CONFLICT DO NOTHING;
    UPDATE etl.scheduler AS s
    SET keep_runs = coalesce(start_scheduler.keep_runs, s.keep_runs),
        keep_job_details = coalesce(start_scheduler.keep_job_details, s.keep_job_details),
        keep_ingestions = coalesce(start_scheduler.keep_ingestions, s.keep_ingestions),
        keep_batches = coalesce(start_scheduler.keep_batches, s.keep_batches),
        keep_raw_records = coalesce(start_scheduler.keep_raw_records, s.keep_raw_records),
        keep_dead_letters = coalesce(start_scheduler.keep_dead_letters, s.keep_dead_letters),
        started_at = clock_timestamp(), stopped_at = NULL
    WHERE s.owner = current_user;
    IF etl._worker_obstacle() IS NOT NULL THEN
        PERFORM etl._warn_of_refused(current_user, etl._worker_obstacle());
    END IF;
    RETURN job;
END
$$;
COMMENT ON FUNCTION etl.start_scheduler(interval, interval, interval, interval, interval, interval) IS
$$Lets pg_cron call etl.tick every minute with the rights of the current role, and returns the number of the job, etl
tick. Pipelines run on their schedules from then on: those of that role and, when it is a superuser, those of all roles.
Called again it mends the job. Where another clock ticks already and pg_cron is not in this database, it returns NULL.
keep_runs: how long the record of runs is kept (etl.prune_history; 90 days when nothing is said), keep_job_details: how
long pg_cron's record of such jobs is (7 days). keep_ingestions: how long the record of calls of etl.ingest is kept (30
days). keep_batches, keep_raw_records, keep_dead_letters: how long batches with their rejected lines, raw records and
dead letters are; all of these stay for ever when nothing is said. A content whose batch is gone is loaded again. NULL
leaves each as it is, and no span is longer than 100 years, which is for ever again.
Warns where no background worker may log in as the role, so that nobody would execute the runs.
Errors: 55000 pg_cron is not in this database (the hint has what to do), 42501 not allowed to use it, 22023 bad span.$$;

CREATE FUNCTION etl._require_removable_job()
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') AND NOT has_schema_privilege('cron', 'USAGE')
       AND EXISTS (SELECT FROM etl.scheduler AS s WHERE s.owner = current_user AND s.started_at IS NOT NULL) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('job "etl tick" of role "%s" cannot be removed: permission denied for schema cron',
                             current_user),
            DETAIL = 'The role has started it, and it goes on.',
            HINT = format(E'GRANT USAGE ON SCHEMA cron TO %I; or let a superuser remove it:\n'
                          '    SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = ''etl tick'' '
                          'AND username = %L AND database = %L;', current_user, current_user, current_database());
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_removable_job() IS
    'Checks that the current role may use pg_cron, where it has started a scheduler with it (42501).';

CREATE FUNCTION etl.stop_scheduler()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_removable_job();
    INSERT INTO etl.scheduler DEFAULT VALUES ON CONFLICT DO NOTHING;
    UPDATE etl.scheduler AS s SET started_at = NULL, stopped_at = clock_timestamp() WHERE s.owner = current_user;
    IF (SELECT j.job_id FROM etl._tick_job(current_user) AS j) IS NULL THEN
        RAISE NOTICE USING
            MESSAGE = format('role "%s" has no job of pg_cron in this database that ticks, skipping', current_user),
            HINT = 'SELECT * FROM etl.scheduler_status tells who ticks.';
        RETURN;
    END IF;
    PERFORM etl._cron_unschedule('etl tick');
END
$$;
COMMENT ON FUNCTION etl.stop_scheduler() IS
    'Removes the current role''s job of pg_cron that ticks; from then on a pipeline that gets a schedule only warns '
    'that nobody looks at it, until etl.start_scheduler is called again. What has become due by then is caught up as '
    'each pipeline''s catchup says; a tick and runs that are under way end as they would have. Errors: 42501 the role '
    'has started it and may not use pg_cron any more.';

CREATE FUNCTION etl._ensure_scheduler()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stopped_at CONSTANT timestamptz := (SELECT s.stopped_at FROM etl.scheduler AS s WHERE s.owner = current_user);
    message text;
    detail text;
    hint text;
BEGIN
    IF etl._is_ticking() THEN
        RETURN;
    ELSIF stopped_at IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('nothing looks at schedules: the scheduler was stopped at %s', stopped_at),
            HINT = 'SELECT etl.start_scheduler(); lets it go on.';
        RETURN;
    END IF;
    PERFORM etl.start_scheduler();
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RAISE WARNING USING
            MESSAGE = format('nothing looks at schedules yet: %s', message),
            DETAIL = concat_ws(E'\n', nullif(detail, ''),
                               'Any clock will do that calls this every minute: CALL etl.tick()'),
            HINT = hint;
END
$$;
COMMENT ON FUNCTION etl._ensure_scheduler() IS
    'Starts a scheduler for the current role when nobody looks at its schedules; a warning when it cannot, or the role '
    'has stopped it.';

-- Seeing it -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._schedulers()
RETURNS SETOF etl.scheduler
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.* FROM etl.scheduler AS s
    UNION ALL
    SELECT n.*
    FROM jsonb_populate_record(NULL::etl.scheduler, jsonb_build_object('owner', current_user)) AS n
    WHERE NOT EXISTS (SELECT FROM etl.scheduler)
$$;
COMMENT ON FUNCTION etl._schedulers() IS
    'The schedulers that the current role may see, or an empty one of its own when there is none.';

CREATE VIEW etl.scheduler_status WITH (security_invoker = true) AS
SELECT s.owner,
       j.job_id,
       j.is_active,
       s.ticked_at AS last_tick,
       clock_timestamp() - s.ticked_at AS age,
       s.tick_time,
       s.queued AS last_queued,
       (coalesce(s.ticked_at > clock_timestamp() - interval '3 minutes', false) OR p.due + r.lost = 0)
           AND x.stranded = 0 AS healthy,
       p.due,
       r.queued,
       r.running,
       r.lost,
       p.next_due,
       p.problems + x.stranded AS problems,
       s.keep_runs,
       s.keep_job_details,
       s.keep_ingestions,
       s.keep_batches,
       s.keep_raw_records,
       s.keep_dead_letters,
       s.pruned_at
FROM etl._schedulers() AS s
CROSS JOIN LATERAL etl._tick_job(s.owner) AS j
CROSS JOIN LATERAL (
    SELECT coalesce((SELECT a.rolsuper FROM pg_catalog.pg_roles AS a WHERE a.rolname = s.owner), false) AS for_all
) AS w
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE x.next_at <= clock_timestamp()) AS due,
           min(x.next_at) FILTER (WHERE x.next_at > clock_timestamp()) AS next_due,
           count(*) FILTER (WHERE x.problem IS NOT NULL) AS problems
    FROM etl.pipeline AS x
    WHERE x.next_at IS NOT NULL AND x.paused_at IS NULL AND (w.for_all OR x.owner = s.owner)
) AS p
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE x.status = 'queued') AS queued,
           count(*) FILTER (WHERE x.status = 'running' AND NOT x.is_lost) AS running,
           count(*) FILTER (WHERE x.is_lost) AS lost
    FROM (
        SELECT u.status, u.status = 'running' AND NOT pg_catalog.pg_is_in_recovery()
                         AND etl._run_lock_holder('etl.pipeline_run', etl._lock_id(u.run_id)) IS NULL
        FROM etl.run AS u
        WHERE u.kind = 'pipeline' AND u.status IN ('queued', 'running') AND (w.for_all OR u.owner = s.owner)
    ) AS x(status, is_lost)
) AS r
CROSS JOIN LATERAL (
    SELECT count(DISTINCT u.name) AS stranded
    FROM etl.run AS u
    WHERE u.kind = 'pipeline' AND u.status = 'queued' AND (w.for_all OR u.owner = s.owner)
      AND u.owner IN (SELECT n FROM etl._stranded_roles() AS n)
) AS x;
COMMENT ON VIEW etl.scheduler_status IS
    'Who ticks, and whether that works: the job of pg_cron and whether it is active (NULL: none that can be seen from '
    'here), when the last tick came and how long ago that is, how long its work took and how many runs it queued; '
    'healthy: it came within three minutes or nothing is due, and a worker may take each run that waits. Pipelines '
    'whose time has come (due), runs that wait (queued), are under way (running) or whose session was lost (the next '
    'tick goes on with them), when the next time comes, and how many pipelines cannot be run (problem in '
    'etl.pipelines). A superuser''s row counts all that the reader may see, another one what is its own.';
GRANT SELECT ON etl.scheduler_status TO PUBLIC;
