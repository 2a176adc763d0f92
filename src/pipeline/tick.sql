-- The tick: what is called every minute, and does what is due.
--
-- It queues runs (due.sql), lets background workers execute the queue, and prunes the record of runs. It waits for
-- nothing that another session holds, and goes on where one pipeline fails, so that none stands in another's way.

CREATE FUNCTION etl._note_tick(took interval DEFAULT NULL, queued integer DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM etl.scheduler AS s WHERE s.owner = current_user) THEN
        INSERT INTO etl.scheduler DEFAULT VALUES ON CONFLICT DO NOTHING;
    END IF;
    UPDATE etl.scheduler AS s
    SET ticked_at = clock_timestamp(), tick_time = coalesce(took, s.tick_time),
        queued = coalesce(_note_tick.queued, s.queued)
    WHERE s.owner IN (SELECT o.owner FROM etl.scheduler AS o WHERE o.owner = current_user FOR UPDATE SKIP LOCKED);
END
$$;
COMMENT ON FUNCTION etl._note_tick(interval, integer) IS
    'The heartbeat: writes down that the current role has ticked and, at the end, how long that took and how many runs '
    'were queued.';

CREATE FUNCTION etl._waiting_runs(OUT run_id bigint, OUT owner name, OUT place bigint)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT w.run_id, w.owner, row_number() OVER (PARTITION BY w.owner ORDER BY w.run_id)
    FROM (
        SELECT r.run_id, r.owner, r.status, r.run,
               row_number() OVER (PARTITION BY r.owner, r.pipeline_id ORDER BY r.status DESC, r.logical_time) AS place
        FROM etl._open_run AS r
        WHERE r.status = 'queued' OR etl._run_lock_holder('etl.pipeline_run', etl._lock_id(r.run_id)) IS NULL
    ) AS w
    JOIN pg_roles AS o ON o.rolname = w.owner
    WHERE w.place <= greatest((w.run).parallel, 1) AND (w.status = 'running' OR etl._is_startable(w.run))
$$;
COMMENT ON FUNCTION etl._waiting_runs() IS
    'Runs that a session could take now: the next one of each pipeline, and of a backfill as many as it allows at '
    'once. place: which one of its owner it is.';

CREATE FUNCTION etl._is_executing(owner name)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM etl.run AS r
        WHERE r.kind = 'pipeline' AND r.status = 'running' AND r.owner = _is_executing.owner
          AND etl._run_lock_holder('etl.pipeline_run', etl._lock_id(r.run_id)) IS NOT NULL)
$$;
COMMENT ON FUNCTION etl._is_executing(name) IS 'Whether some session executes a run of that role.';

CREATE FUNCTION etl._stranded_roles()
RETURNS SETOF name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.owner
    FROM (SELECT DISTINCT r.owner FROM etl.run AS r WHERE r.kind = 'pipeline' AND r.status = 'queued') AS o
    WHERE etl._worker_obstacle(o.owner) IS NOT NULL AND NOT etl._is_executing(o.owner)
$$;
COMMENT ON FUNCTION etl._stranded_roles() IS
    'Roles whose runs wait while no background worker may log in for them, and no session of theirs is at work.';

CREATE FUNCTION etl._note_refused(owners name[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.scheduler AS s
    SET refused = owners
    WHERE s.owner IN (SELECT o.owner FROM etl.scheduler AS o
                      WHERE o.owner = current_user AND o.refused <> owners FOR UPDATE SKIP LOCKED)
$$;
COMMENT ON FUNCTION etl._note_refused(name[]) IS
    'Writes down for which roles this tick found no worker, so that the next one warns of others only.';

CREATE FUNCTION etl._warn_of_refused(owner name, obstacle text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE WARNING USING
        MESSAGE = format('runs of role "%s" wait for a background worker: %s', owner,
                         etl._worker_failure(obstacle, 'its queue', owner) ->> 'message'),
        HINT = format('Mend that, or let the role execute its queue itself: SET ROLE %I; CALL etl.tick();', owner);
END
$$;
COMMENT ON FUNCTION etl._warn_of_refused(name, text) IS 'Warns that no background worker takes the runs of a role.';

CREATE FUNCTION etl._start_runners()
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    for_all CONSTANT boolean := etl._ticks_for_all();
    use_workers CONSTANT boolean := current_setting('pg_etl.use_workers')::boolean;
    is_stuck boolean := false;
    known CONSTANT name[] := coalesce((SELECT s.refused FROM etl.scheduler AS s WHERE s.owner = current_user), '{}');
    refused name[] := '{}';
    stranded name[] := '{}';
    waiting record;
    obstacle text;
    room integer := current_setting('pg_etl.max_runners')::integer - (
        SELECT count(*) FROM pg_stat_activity AS a
        WHERE a.backend_type = 'pg_etl runner' AND a.datname = current_database());
BEGIN
    -- One for each role in turn, so that none has to wait because another one's queue is long.
    FOR waiting IN
        SELECT w.owner, w.place FROM etl._waiting_runs() AS w
        WHERE for_all OR w.owner = current_user
        ORDER BY w.place, w.owner
    LOOP
        CONTINUE WHEN waiting.owner = ANY (refused)
                      OR room <= 0 AND (waiting.place > 1 OR etl._is_executing(waiting.owner));
        obstacle := CASE WHEN use_workers THEN etl._worker_obstacle(waiting.owner) ELSE 'no slot' END;
        IF obstacle IS NULL AND etl._start_runner(waiting.owner) THEN
            room := room - 1;
            CONTINUE;
        END IF;
        refused := refused || waiting.owner;
        IF waiting.place > 1 OR etl._is_executing(waiting.owner) THEN
            CONTINUE; -- somebody works at its queue
        ELSIF waiting.owner = current_user THEN
            is_stuck := true;
        ELSE
            stranded := stranded || waiting.owner;
            IF waiting.owner <> ALL (known) THEN
                PERFORM etl._warn_of_refused(waiting.owner, coalesce(obstacle, 'no slot'));
            END IF;
        END IF;
    END LOOP;
    PERFORM etl._note_refused(stranded);
    RETURN is_stuck;
END
$$;
COMMENT ON FUNCTION etl._start_runners() IS
    'Starts background workers for the runs that wait, as many as can be had and pg_etl.max_runners allows, and one '
    'for each role at any rate. True: none could be had for the current role, and no session works at its queue.';

CREATE FUNCTION etl._next_due(moment timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    for_all CONSTANT boolean := etl._ticks_for_all();
BEGIN
    RETURN (
        SELECT min(p.next_at)
        FROM etl.pipeline AS p
        WHERE p.next_at > moment AND p.paused_at IS NULL AND p.schedule IS NOT NULL
          AND (for_all OR p.owner = current_user)
    );
END
$$;
COMMENT ON FUNCTION etl._next_due(timestamptz) IS
    'When the next time of a schedule comes that the current role''s ticks look after.';

CREATE FUNCTION etl._require_tick(moment timestamptz, stay interval)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_time(moment, 'moment');
    IF stay IS NULL OR stay NOT BETWEEN interval '0' AND interval '1 hour' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('stay must be between 0 and 1 hour, not %s', coalesce(quote_literal(stay), 'NULL')),
            HINT = 'Leave it out to have 55 s, for a clock that ticks every minute.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_tick(timestamptz, interval) IS 'Checks the arguments of etl.tick (22023).';

-- Procedures that commit name everything with its schema, and use no operator, before the path is pinned. READ
-- COMMITTED lets the statement after the one that locked a pipeline see what was committed before it could.
CREATE PROCEDURE etl._tick_once(moment timestamptz)
LANGUAGE plpgsql
AS $$
DECLARE
    began CONSTANT pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    place integer := 0;
    queued integer := 0;
    batch record;
    is_stuck boolean;
BEGIN
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM etl._note_tick();
    LOOP
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        EXIT WHEN place IS NULL;
        SELECT * INTO batch FROM etl._queue_due(moment, place);
        place := batch.place;
        queued := queued + batch.queued;
    END LOOP;
    is_stuck := etl._start_runners();
    PERFORM etl._note_tick(clock_timestamp() - began, queued);
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF is_stuck THEN
        CALL etl._run_queue();
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    END IF;
END
$$;
COMMENT ON PROCEDURE etl._tick_once(timestamptz) IS
    'Queues what is due at a moment and sees to it that the queue is worked at, by this session itself when there is '
    'no background worker for it.';

CREATE PROCEDURE etl._rest_until(moment timestamptz)
LANGUAGE plpgsql
AS $$
DECLARE
    milliseconds pg_catalog.int4;
    told pg_catalog.text;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    LOOP
        milliseconds := ceil(extract(epoch FROM moment - clock_timestamp()) * 1000);
        EXIT WHEN milliseconds <= 0;
        PERFORM etl._ended_workers(); -- of runs that this session has executed
        CALL etl._await_workers(milliseconds, told); -- the time goes by without a snapshot
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF told = 'cancelled' THEN
            RAISE query_canceled USING MESSAGE = 'canceling statement due to user request';
        END IF;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE etl._rest_until(timestamptz) IS
    'Waits until that moment has come, and holds no snapshot meanwhile, which would keep VACUUM from its work.';

CREATE PROCEDURE etl.tick(moment timestamptz DEFAULT now(), stay interval DEFAULT '55 s')
LANGUAGE plpgsql
AS $$
DECLARE
    stays_until pg_catalog.timestamptz;
    next_due pg_catalog.timestamptz;
BEGIN
    IF pg_catalog.pg_is_in_recovery() THEN
        RAISE NOTICE USING
            MESSAGE = 'the server is a standby, and no schedule is looked at',
            HINT = 'What has become due meanwhile is seen by the first tick after its promotion.';
        RETURN;
    END IF;
    CALL etl._require_toplevel('etl.tick');
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM etl._require_tick(moment, stay);
    stays_until := CASE WHEN moment = now() THEN now() + stay ELSE '-infinity' END;
    LOOP
        CALL etl._tick_once(moment);
        next_due := etl._next_due(moment);
        EXIT WHEN next_due IS NULL OR next_due > stays_until;
        -- Looked at again after some seconds, as a pipeline may have been defined meanwhile.
        CALL etl._rest_until(least(next_due, clock_timestamp() + interval '5 seconds'));
        moment := clock_timestamp();
    END LOOP;
    CALL etl._prune_at_times();
END
$$;
COMMENT ON PROCEDURE etl.tick(timestamptz, interval) IS
$$Looks at the schedules of the current role's pipelines (a superuser: of all roles'), queues the runs whose time has
come, and starts background workers that execute them; runs whose session was lost are gone on with. When no worker can
be had, the call itself executes the current role's queue. Once in an hour it prunes the record of runs and of what was
received, as etl.prune_history does. pg_cron calls it every minute (etl.start_scheduler), and so may any other clock:
two ticks at once share the work, and a time is run once however many there are. On a standby it does nothing and says
so.
moment: what is due then (default: now). Another one than now is for tests and for looking ahead: all until then is run.
stay: within this time (at most an hour; default 55 s) it waits for what becomes due, and with nothing that does it
returns at once; this is how schedules finer than a minute are kept. A call for another moment than now does not wait.
It commits as it goes: send the CALL by itself. Errors: 2D000 inside a transaction block or a function, 22023 bad
argument, 25006 read-only session. What is wrong with a single pipeline is a warning, and problem in etl.pipelines.$$;
