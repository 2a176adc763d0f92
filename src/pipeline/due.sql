-- What is due: which times of a pipeline's schedule have come and no run was made for, and what is made of them.
--
-- etl.pipeline.next_at is the first such time. It moves on in the transaction that queues the runs, with the pipeline's
-- row locked: whatever ends a tick, and however many tick at once, no time is forgotten and none is taken twice. Of
-- times that were missed, because nothing ticked or the pipeline was paused, catchup says what becomes; and overlap
-- says it of a time at which a run is under way still. What is not run has a run of status skipped that says why, or
-- is counted in an event (missed) of the run in whose favour it was left out.

CREATE TYPE etl._due AS (
    times timestamptz[],
    late interval,
    missed integer,
    missed_from timestamptz,
    missed_to timestamptz,
    next_at timestamptz
);
COMMENT ON TYPE etl._due IS
    'What is due of a pipeline: the times of which runs are made, in order; how late the last one is when catchup none '
    'leaves it out for that; how many times before them are left out, and which; the first time that is left for '
    'later.';

CREATE FUNCTION etl._most_queued()
RETURNS integer
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT 1000 $$;
COMMENT ON FUNCTION etl._most_queued() IS
    'How many runs of a pipeline''s schedule wait in the queue at most; later times are queued as these begin.';

CREATE FUNCTION etl._due(pipeline etl.pipeline, moment timestamptz, room integer)
RETURNS etl._due
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most_counted CONSTANT integer := 100000;
    span CONSTANT interval := etl._schedule_span(pipeline.schedule);
    fields CONSTANT text := CASE WHEN span IS NULL THEN pipeline.schedule END;
    anchor CONSTANT timestamptz := etl._schedule_anchor(span, pipeline.timezone, pipeline.start_at);
    last_time timestamptz;
    due etl._due;
BEGIN
    due.times := '{}';
    due.missed := 0;
    -- The rules of the time zone may be others than those by which next_at was found.
    due.next_at := etl._schedule_next(fields, span, anchor, pipeline.timezone,
                                      pipeline.next_at - interval '1 microsecond');
    IF pipeline.catchup = 'all' THEN
        WHILE due.next_at <= moment AND cardinality(due.times) < room LOOP
            due.times := due.times || due.next_at;
            due.next_at := etl._schedule_next(fields, span, anchor, pipeline.timezone, due.next_at);
        END LOOP;
    ELSIF due.next_at <= moment AND room > 0 THEN
        last_time := etl._schedule_previous(fields, span, anchor, pipeline.timezone,
                                            moment + interval '1 microsecond');
        due.times := ARRAY[last_time];
        IF pipeline.catchup = 'none' AND moment - last_time > interval '5 minutes' THEN
            due.late := moment - last_time;
        END IF;
        due.missed_from := due.next_at;
        WHILE due.next_at < last_time AND due.missed < most_counted LOOP
            due.missed := due.missed + 1;
            due.next_at := etl._schedule_next(fields, span, anchor, pipeline.timezone, due.next_at);
        END LOOP;
        due.missed_to := etl._schedule_previous(fields, span, anchor, pipeline.timezone, last_time);
        due.next_at := etl._schedule_next(fields, span, anchor, pipeline.timezone, last_time);
    END IF;
    RETURN due;
END
$$;
COMMENT ON FUNCTION etl._due(etl.pipeline, timestamptz, integer) IS
    'What is due of a pipeline at a moment, with room for so many runs in its queue. missed stops at 100000. Errors: '
    '22023 its schedule or time zone is not understood (any more).';

CREATE FUNCTION etl._skip_run(run_id bigint, reason text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._finish_run(run_id, 'skipped', NULL, NULL, reason), etl._log_event(run_id, NULL, 'skipped', reason)
$$;
COMMENT ON FUNCTION etl._skip_run(bigint, text) IS
    'Takes a run out of the queue that will not be executed, and says why.';

CREATE FUNCTION etl._unfinished_runs(pipeline etl.pipeline)
RETURNS etl.run[]
LANGUAGE plpgsql STABLE -- and not sql, which would plan it anew for each pipeline
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT r FROM etl.run AS r
        JOIN etl.pipeline_run AS u USING (run_id)
        WHERE r.kind = 'pipeline' AND r.name = pipeline.name AND r.status IN ('queued', 'running')
          AND r.owner = pipeline.owner AND u.pipeline_id = pipeline.pipeline_id AND u.trigger <> 'backfill'
        ORDER BY u.logical_time);
END
$$;
COMMENT ON FUNCTION etl._unfinished_runs(etl.pipeline) IS
    'Runs of a pipeline that wait or are under way, but for those of backfills, which have a queue of their own.';

CREATE FUNCTION etl._replace_run(run_id bigint, logical_time timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Locked, as a session may be about to begin it.
    status CONSTANT text := (SELECT r.status FROM etl.run AS r WHERE r.run_id = _replace_run.run_id
                             FOR NO KEY UPDATE);
    reason CONSTANT text := format('it was replaced by the run for %s', etl._moment_text(logical_time));
BEGIN
    IF status = 'queued' THEN
        PERFORM etl._skip_run(run_id, reason);
    ELSIF status = 'running' THEN
        PERFORM etl._request_cancel(run_id, reason, or_superuser => true);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._replace_run(bigint, timestamptz) IS
    'Ends a run in favour of that for a later time: it is skipped where it waits, and cancelled where it is under way.';

CREATE FUNCTION etl._missed_text(due etl._due, catchup text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN due.missed = 1 THEN format('the time %s before it was left out (catchup %s)',
                                        etl._moment_text(due.missed_from), catchup)
        ELSE format('%s%s times before it, from %s to %s, were left out (catchup %s)',
                    CASE WHEN due.missed = 100000 THEN 'at least ' END, due.missed,
                    etl._moment_text(due.missed_from), etl._moment_text(due.missed_to), catchup)
        END
$$;
COMMENT ON FUNCTION etl._missed_text(etl._due, text) IS 'Says which times catch-up left out before that of a run.';

CREATE FUNCTION etl._queue_pipeline(pipeline etl.pipeline, moment timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unfinished CONSTANT etl.run[] := etl._unfinished_runs(pipeline);
    waiting CONSTANT integer := (SELECT count(*) FROM unnest(unfinished) AS r WHERE r.status = 'queued');
    -- Catching up would skip what it queues itself.
    overlap CONSTANT text := CASE pipeline.catchup WHEN 'all' THEN 'queue' ELSE pipeline.overlap END;
    due etl._due := etl._due(pipeline, moment, CASE overlap WHEN 'queue' THEN etl._most_queued() - waiting
                                                        ELSE 1 END);
    due_at timestamptz;
    run bigint;
    queued integer := 0;
BEGIN
    FOREACH due_at IN ARRAY due.times LOOP
        run := etl._enqueue_run(pipeline, due_at, 'schedule');
        CONTINUE WHEN run IS NULL; -- somebody asked for it before its time had come
        IF due.missed > 0 THEN
            PERFORM etl._log_event(run, NULL, 'missed', etl._missed_text(due, pipeline.catchup), NULL,
                                   jsonb_build_object('count', due.missed, 'from', due.missed_from,
                                                      'to', due.missed_to));
        END IF;
        IF due.late IS NOT NULL THEN
            PERFORM etl._skip_run(run, format('its time came %s before, and late runs are left out (catchup none)',
                                              date_trunc('second', due.late)));
        ELSIF overlap = 'skip' AND unfinished <> '{}' THEN
            PERFORM etl._skip_run(run, format('the run for %s was %s still (overlap skip)',
                                              etl._moment_text(unfinished[1].as_of), unfinished[1].status));
        ELSE
            IF overlap = 'replace' THEN
                PERFORM etl._replace_run(r.run_id, due_at) FROM unnest(unfinished) AS r;
                UPDATE etl.pipeline_run AS u
                SET interval_start = least(u.interval_start, (
                        SELECT min(o.interval_start)
                        FROM unnest(unfinished) AS r
                        JOIN etl.pipeline_run AS o USING (run_id)))
                WHERE u.run_id = run;
            END IF;
            queued := queued + 1;
        END IF;
    END LOOP;
    UPDATE etl.pipeline AS p SET next_at = due.next_at, problem = NULL
    WHERE p.pipeline_id = pipeline.pipeline_id
      AND (p.next_at IS DISTINCT FROM due.next_at OR p.problem IS NOT NULL);
    RETURN queued;
END
$$;
COMMENT ON FUNCTION etl._queue_pipeline(etl.pipeline, timestamptz) IS
    'Makes the runs of a pipeline that are due at a moment, moves its next_at on, and returns how many of them were '
    'queued. The caller has locked the pipeline''s row.';

CREATE FUNCTION etl._note_problem(pipeline etl.pipeline, problem text, hint text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF pipeline.problem IS NOT DISTINCT FROM problem THEN
        RETURN;
    END IF;
    UPDATE etl.pipeline AS p SET problem = _note_problem.problem WHERE p.pipeline_id = pipeline.pipeline_id;
    RAISE WARNING USING
        MESSAGE = format('no run of pipeline "%s" can be queued: %s', pipeline.name, problem),
        DETAIL = format('Its time %s waits until that is mended; other pipelines go on.',
                        etl._moment_text(pipeline.next_at)),
        HINT = coalesce(hint, format('Change it with etl.alter_pipeline(%L, …), or etl.pause_pipeline(%L).',
                                     pipeline.name, pipeline.name));
END
$$;
COMMENT ON FUNCTION etl._note_problem(etl.pipeline, text, text) IS
    'Writes down why runs of a pipeline cannot be queued, and warns when that is new. hint: what to do, when it is no '
    'change of its definition.';

CREATE FUNCTION etl._try_queue_pipeline(pipeline etl.pipeline, moment timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = pipeline.owner) THEN
        PERFORM etl._note_problem(pipeline, format('role "%s" does not exist', pipeline.owner));
        RETURN 0;
    ELSIF NOT EXISTS (SELECT FROM etl.step AS s WHERE s.pipeline_id = pipeline.pipeline_id) THEN
        PERFORM etl._note_problem(pipeline, 'it has no steps', format('Add one with etl.add_step(%L, …).',
                                                                      pipeline.name));
        RETURN 0;
    END IF;
    RETURN etl._queue_pipeline(pipeline, moment);
EXCEPTION
    WHEN OTHERS THEN -- whatever it is, the others' times have come too
        PERFORM etl._note_problem(pipeline, SQLERRM);
        RETURN 0;
END
$$;
COMMENT ON FUNCTION etl._try_queue_pipeline(etl.pipeline, timestamptz) IS
    'As etl._queue_pipeline; an error is written down in the pipeline''s row and nothing of it is queued.';

CREATE FUNCTION etl._ticks_for_all()
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user
$$;
COMMENT ON FUNCTION etl._ticks_for_all() IS
    'Whether a tick of the current role looks after the pipelines of all roles, as a superuser''s does, and not only '
    'after its own.';

CREATE FUNCTION etl._queue_due(moment timestamptz, INOUT place integer, OUT queued integer)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most_pipelines CONSTANT integer := 50;
    for_all CONSTANT boolean := etl._ticks_for_all();
    claimed etl.pipeline[];
    pipeline etl.pipeline;
BEGIN
    claimed := ARRAY(
        SELECT p FROM etl.pipeline AS p
        WHERE p.next_at <= moment AND p.paused_at IS NULL AND p.schedule IS NOT NULL AND p.pipeline_id > place
          AND (for_all OR p.owner = current_user)
        ORDER BY p.pipeline_id
        LIMIT most_pipelines
        FOR NO KEY UPDATE SKIP LOCKED);
    queued := 0;
    FOREACH pipeline IN ARRAY claimed LOOP
        queued := queued + etl._try_queue_pipeline(pipeline, moment);
        place := pipeline.pipeline_id;
        IF queued >= etl._most_queued() THEN -- the rest of them with the next transaction
            RETURN;
        END IF;
    END LOOP;
    IF cardinality(claimed) < most_pipelines THEN
        place := NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._queue_due(timestamptz, integer) IS
    'One transaction of a tick: claims some of the pipelines that are due at a moment and whose number is higher than '
    'place, leaving out those that another session has locked, and queues their runs. place: the number of the last '
    'one, NULL when none is left. queued: runs.';
