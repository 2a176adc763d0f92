-- Pipelines: how they are defined, changed, put on a schedule and dropped. steps.sql gives them steps.

CREATE FUNCTION etl._require_writable()
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION USING
            ERRCODE = 'read_only_sql_transaction',
            MESSAGE = CASE WHEN pg_is_in_recovery()
                           THEN 'the server is a standby, and nothing is changed or run here'
                           ELSE 'the transaction is read-only, and nothing is changed or run in it' END,
            HINT = CASE WHEN pg_is_in_recovery() THEN 'Call it on the primary; here the views show what it does.'
                        ELSE 'Begin one with BEGIN READ WRITE.' END;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_writable() IS 'Checks that the transaction may write (25006).';

CREATE FUNCTION etl._pipeline(name text, or_superuser boolean DEFAULT false)
RETURNS etl.pipeline
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no pipeline was given',
            HINT = 'Name one; SELECT pipeline FROM etl.pipelines lists those of the current role.';
    END IF;
    PERFORM etl._require_writable();
    SELECT p.* INTO stored FROM etl.pipeline AS p WHERE p.name = _pipeline.name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('pipeline "%s" does not exist', name),
            HINT = format('etl.create_pipeline(%L) creates it; SELECT pipeline FROM etl.pipelines lists those of the '
                          'current role.', name);
    END IF;
    PERFORM etl._require_owner(stored.owner, format('pipeline "%s"', name), or_superuser);
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._pipeline(text, boolean) IS
    'The current role''s pipeline of that name (22023 for NULL, 42704 when there is none, 42501 when it is another '
    'role''s and the caller no superuser for whom or_superuser makes an exception), locked to the end of the '
    'transaction, so that two sessions cannot make a circle of its steps.';

-- Defining -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._tell_pipeline_exists(wanted etl.pipeline, if_not_exists boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline;
    differing text;
BEGIN
    SELECT p.* INTO stored FROM etl.pipeline AS p WHERE p.name = wanted.name;
    IF stored.owner IS DISTINCT FROM current_user THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('pipeline "%s" already exists', wanted.name),
            DETAIL = 'Names of pipelines are unique in the database; this one belongs to another role.',
            HINT = 'Choose another name.';
    ELSIF NOT if_not_exists THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('pipeline "%s" already exists', wanted.name),
            HINT = format('Change it with etl.alter_pipeline(%1$L, …), or call etl.drop_pipeline(%1$L) first.',
                          wanted.name);
    END IF;
    SELECT string_agg(w.key, ', ' ORDER BY w.key) INTO differing
    FROM jsonb_each(to_jsonb(wanted)
                    - '{pipeline_id,paused_at,next_at,problem,pruned_to,created_at,owner}'::text[]) AS w
    WHERE w.value IS DISTINCT FROM to_jsonb(stored) -> w.key;
    IF differing IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('pipeline "%s" already exists and was not changed', wanted.name),
            DETAIL = format('It differs from the definition that was given now in: %s.', differing),
            HINT = format('Change it with etl.alter_pipeline(%L, …).', wanted.name);
    ELSE
        RAISE NOTICE USING MESSAGE = format('pipeline "%s" already exists, skipping', wanted.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._tell_pipeline_exists(etl.pipeline, boolean) IS
    'Says that there is a pipeline of that name: as an error (42710), or where it may exist as a notice, or as a '
    'warning that lists what is different.';

CREATE FUNCTION etl.create_pipeline(
    name text,
    schedule text DEFAULT NULL,
    timezone text DEFAULT 'UTC',
    start_at timestamptz DEFAULT NULL,
    catchup text DEFAULT 'last',
    overlap text DEFAULT NULL,
    max_parallel integer DEFAULT 4,
    timeout interval DEFAULT NULL,
    on_failure text DEFAULT 'stop',
    labels jsonb DEFAULT '{}',
    description text DEFAULT NULL,
    if_not_exists boolean DEFAULT false,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted etl.pipeline;
BEGIN
    wanted.name := name;
    wanted.description := description;
    wanted.schedule := btrim(schedule);
    wanted.timezone := timezone;
    wanted.start_at := start_at;
    wanted.catchup := catchup;
    wanted.overlap := coalesce(overlap, CASE catchup WHEN 'all' THEN 'queue' ELSE 'skip' END);
    wanted.max_parallel := max_parallel;
    wanted.timeout := timeout;
    wanted.on_failure := on_failure;
    wanted.labels := labels;
    wanted.search_path := search_path;
    PERFORM etl._require_writable(), etl._require_flag(if_not_exists, 'if_not_exists'), etl._check_pipeline(wanted);
    INSERT INTO etl.pipeline (
        name, description, schedule, timezone, start_at, catchup, overlap, max_parallel, timeout, on_failure, labels,
        search_path, next_at)
    VALUES (
        wanted.name, wanted.description, wanted.schedule, wanted.timezone, wanted.start_at, wanted.catchup,
        wanted.overlap, wanted.max_parallel, wanted.timeout, wanted.on_failure, wanted.labels, wanted.search_path,
        etl._first_time(wanted))
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM etl._tell_pipeline_exists(wanted, if_not_exists);
    ELSIF schedule IS NOT NULL THEN
        PERFORM etl._ensure_scheduler();
    END IF;
END
$$;
COMMENT ON FUNCTION etl.create_pipeline(
    text, text, text, timestamptz, text, text, integer, interval, text, jsonb, text, boolean, text) IS
$$Creates a pipeline without steps; etl.add_step gives it some.
name: 1 to 63 bytes, unique in the database. schedule: when it is run, five fields of cron, a macro such as @daily or
an interval such as '15 minutes', as in etl.preview_schedule; NULL: when it is called. timezone: the clock of the
schedule.
start_at: no scheduled time before it; intervals are counted from it. catchup: what becomes of times that were missed
because nothing ran the schedule: last runs the last of them, none leaves them out, all runs every one, from start_at
on also those before the pipeline was made.
overlap: what becomes of a time that comes while a run is under way: skip leaves it out, queue runs it afterwards,
replace cancels the run that is under way (NULL: skip, with catchup all queue).
max_parallel: how many steps of a run may be executed at once. timeout: how long a run may take. on_failure: stop
starts no further step once one has failed, but for those that run_if all_done or any_failed makes run; continue leaves
out only what needs the failed step. labels: a JSON object, yours. description: any text. if_not_exists: a pipeline of
the current role that exists is left as it is, with a warning that lists what is different. search_path: under which
the steps find tables (default: that of the session).
Errors: 42710 name taken, 22023 an argument that cannot be.$$;

CREATE FUNCTION etl.alter_pipeline(
    name text,
    schedule text DEFAULT NULL,
    timezone text DEFAULT NULL,
    start_at timestamptz DEFAULT NULL,
    catchup text DEFAULT NULL,
    overlap text DEFAULT NULL,
    max_parallel integer DEFAULT NULL,
    timeout interval DEFAULT NULL,
    on_failure text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    description text DEFAULT NULL,
    search_path text DEFAULT NULL,
    reset text[] DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline := etl._pipeline(name);
    changed etl.pipeline := stored;
BEGIN
    PERFORM etl._require_reset(reset, '{schedule,start_at,timeout,description}', array_remove(ARRAY[
        CASE WHEN schedule IS NOT NULL THEN 'schedule' END, CASE WHEN start_at IS NOT NULL THEN 'start_at' END,
        CASE WHEN timeout IS NOT NULL THEN 'timeout' END, CASE WHEN description IS NOT NULL THEN 'description' END],
        NULL));
    changed.schedule := CASE WHEN 'schedule' <> ALL (reset) THEN coalesce(btrim(schedule), stored.schedule) END;
    changed.timezone := coalesce(timezone, stored.timezone);
    changed.start_at := CASE WHEN 'start_at' <> ALL (reset) THEN coalesce(start_at, stored.start_at) END;
    changed.catchup := coalesce(catchup, stored.catchup);
    changed.overlap := coalesce(overlap, stored.overlap);
    changed.max_parallel := coalesce(max_parallel, stored.max_parallel);
    changed.timeout := CASE WHEN 'timeout' <> ALL (reset) THEN coalesce(timeout, stored.timeout) END;
    changed.on_failure := coalesce(on_failure, stored.on_failure);
    changed.labels := coalesce(labels, stored.labels);
    changed.description := CASE WHEN 'description' <> ALL (reset) THEN coalesce(description, stored.description) END;
    changed.search_path := coalesce(search_path, stored.search_path);
    PERFORM etl._check_pipeline(changed);
    IF changed.start_at IS DISTINCT FROM stored.start_at THEN
        changed.next_at := etl._first_time(changed);
        IF changed.catchup = 'all' AND changed.start_at <= stored.pruned_to THEN
            RAISE NOTICE USING
                MESSAGE = format('the schedule of pipeline "%s" runs no time up to %s', name, stored.pruned_to),
                DETAIL = 'Runs up to there have been made, and their record has been pruned.',
                HINT = format('CALL etl.backfill(%L, %L, %L) runs these times again.', name, changed.start_at,
                              stored.pruned_to);
        END IF;
    ELSIF (changed.schedule, changed.timezone) IS DISTINCT FROM (stored.schedule, stored.timezone) THEN
        -- What was missed by the old schedule is missed by the new one, and nothing else is.
        changed.next_at := etl._first_time(changed, CASE
            WHEN stored.next_at IS NOT NULL THEN least(stored.next_at, now())
            WHEN changed.catchup = 'all' THEN (
                SELECT max(u.logical_time) FROM etl.pipeline_run AS u
                WHERE u.pipeline_id = stored.pipeline_id AND u.owner = stored.owner AND u.trigger = 'schedule')
        END);
    END IF;
    UPDATE etl.pipeline AS p
    SET schedule = changed.schedule, timezone = changed.timezone, start_at = changed.start_at,
        catchup = changed.catchup, overlap = changed.overlap, max_parallel = changed.max_parallel,
        timeout = changed.timeout, on_failure = changed.on_failure, labels = changed.labels,
        description = changed.description, search_path = changed.search_path, next_at = changed.next_at,
        problem = NULL
    WHERE p.pipeline_id = stored.pipeline_id;
    IF schedule IS NOT NULL THEN
        PERFORM etl._ensure_scheduler();
    END IF;
END
$$;
COMMENT ON FUNCTION etl.alter_pipeline(
    text, text, text, timestamptz, text, text, integer, interval, text, jsonb, text, text, text[]) IS
$$Changes a pipeline, from its next run on. Arguments as in etl.create_pipeline; NULL leaves each as it is. reset:
names of those to take away: schedule, start_at, timeout, description. A new schedule or timezone goes on from now or,
where times of the old one were missed, from the first of these; a new start_at begins anew as etl.create_pipeline
does, and what was run for a time is not run for it again, also where etl.prune_history has deleted the record of it.
Errors: 42704 no such pipeline, 42501 another role's, 22023 an argument that cannot be.$$;

CREATE FUNCTION etl.rename_pipeline(name text, new_name text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline := etl._pipeline(name);
BEGIN
    PERFORM etl._require_name(new_name, 'new_name');
    BEGIN
        UPDATE etl.pipeline AS p SET name = new_name WHERE p.pipeline_id = stored.pipeline_id;
    EXCEPTION
        WHEN unique_violation THEN
            RAISE EXCEPTION USING
                ERRCODE = 'duplicate_object',
                MESSAGE = format('pipeline "%s" already exists', new_name),
                DETAIL = 'Names of pipelines are unique in the database, also among those of other roles.',
                HINT = 'Choose another name.';
    END;
    UPDATE etl.run AS r SET name = new_name
    FROM etl.pipeline_run AS u
    WHERE u.pipeline_id = stored.pipeline_id AND u.owner = stored.owner AND r.run_id = u.run_id;
END
$$;
COMMENT ON FUNCTION etl.rename_pipeline(text, text) IS
    'Gives a pipeline another name; the record of its runs has it as well, and one under way goes on. Steps that call '
    'it by name do not follow. Errors: 42704 no such pipeline, 42501 another role''s, 42710 name taken, 22023 bad '
    'name.';

CREATE FUNCTION etl._cancel_queued_runs(pipeline etl.pipeline, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queued bigint;
BEGIN
    FOR queued IN
        UPDATE etl.run AS r
        SET status = 'cancelled', error = reason, finished_at = clock_timestamp()
        FROM etl.pipeline_run AS u
        WHERE u.pipeline_id = pipeline.pipeline_id AND u.owner = pipeline.owner AND r.run_id = u.run_id
          AND r.status = 'queued'
        RETURNING r.run_id
    LOOP
        UPDATE etl.step_run AS s SET status = 'cancelled', error = reason
        WHERE s.run_id = queued AND s.status = 'waiting'; -- of one that was to be tried again
        PERFORM etl._log_event(queued, NULL, 'cancelled', reason);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._cancel_queued_runs(etl.pipeline, text) IS
    'Marks the runs of a pipeline as cancelled that have not begun, and says why.';

CREATE FUNCTION etl.drop_pipeline(name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    doomed etl.pipeline;
    running bigint;
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    IF if_exists AND name IS NOT NULL
       AND NOT EXISTS (SELECT FROM etl.pipeline AS p WHERE p.name = drop_pipeline.name) THEN
        RAISE NOTICE USING MESSAGE = format('pipeline "%s" does not exist, skipping', name);
        RETURN;
    END IF;
    doomed := etl._pipeline(name, or_superuser => true);
    PERFORM etl._cancel_queued_runs(doomed, 'the pipeline was dropped');
    SELECT r.run_id INTO running
    FROM etl.pipeline_run AS u
    JOIN etl.run AS r USING (run_id)
    WHERE u.pipeline_id = doomed.pipeline_id AND u.owner = doomed.owner AND r.status = 'running'
    ORDER BY r.run_id
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = format('pipeline "%s" is being run', name),
            DETAIL = format('Its run %s has not ended.', running),
            HINT = format('Wait for it to end, or call etl.cancel_run(%s) first.', running);
    END IF;
    DELETE FROM etl.pipeline AS p WHERE p.pipeline_id = doomed.pipeline_id;
END
$$;
COMMENT ON FUNCTION etl.drop_pipeline(text, boolean) IS
    'Drops a pipeline with its steps and its schedule. Runs of it that wait in the queue are cancelled; the record of '
    'its runs stays. if_exists: only a notice when there is none. A superuser may drop another role''s. Errors: 42704 '
    'no such pipeline, 42501 another role''s, 55006 a run of it is under way.';

-- Its schedule -------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.pause_pipeline(name text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline := etl._pipeline(name, or_superuser => true);
BEGIN
    IF stored.paused_at IS NOT NULL THEN
        RAISE NOTICE USING MESSAGE = format('pipeline "%s" is paused already', name);
        RETURN;
    END IF;
    UPDATE etl.pipeline AS p
    SET paused_at = greatest(now(), ( -- runs that wait were queued before it
            SELECT max(u.queued_at)
            FROM etl.pipeline_run AS u
            JOIN etl.run AS r USING (run_id)
            WHERE r.kind = 'pipeline' AND r.name = p.name AND r.status = 'queued' AND u.pipeline_id = p.pipeline_id
              AND u.owner = p.owner))
    WHERE p.pipeline_id = stored.pipeline_id;
END
$$;
COMMENT ON FUNCTION etl.pause_pipeline(text) IS
    'Keeps a pipeline from being run by its schedule until etl.resume_pipeline, also for times that wait in the queue; '
    'a run that is under way goes on, and calls run it as before, those of etl.start_pipeline and etl.retry_run too. A '
    'superuser may pause another role''s. Errors: 42704 no such pipeline, 42501 another role''s.';

CREATE FUNCTION etl.resume_pipeline(name text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline := etl._pipeline(name);
BEGIN
    IF stored.paused_at IS NULL THEN
        RAISE NOTICE USING MESSAGE = format('pipeline "%s" is not paused', name);
        RETURN;
    END IF;
    UPDATE etl.pipeline AS p SET paused_at = NULL WHERE p.pipeline_id = stored.pipeline_id;
    IF stored.schedule IS NOT NULL THEN
        PERFORM etl._ensure_scheduler();
    END IF;
END
$$;
COMMENT ON FUNCTION etl.resume_pipeline(text) IS
    'Lets the schedule of a paused pipeline run it again. Times that came meanwhile were missed: its catchup says what '
    'becomes of them. Errors: 42704 no such pipeline, 42501 another role''s.';

CREATE FUNCTION etl.schedule_pipeline(
    name text, schedule text DEFAULT '0 2 * * *', timezone text DEFAULT NULL, start_at timestamptz DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF schedule IS NULL THEN
        PERFORM etl._schedule_span(schedule); -- raises
    END IF;
    PERFORM etl.alter_pipeline(name, schedule => schedule, timezone => timezone, start_at => start_at);
    RETURN (SELECT p.next_at FROM etl.pipeline AS p WHERE p.name = schedule_pipeline.name);
END
$$;
COMMENT ON FUNCTION etl.schedule_pipeline(text, text, text, timestamptz) IS
    'Puts a pipeline on a schedule, in place of an earlier one, and returns when it comes first. schedule, timezone, '
    'start_at: as in etl.create_pipeline (default: 02:00 every day); NULL leaves timezone and start_at as they are. '
    'Errors: 42704 no such pipeline, 42501 another role''s, 22023 bad schedule or time zone.';

CREATE FUNCTION etl.unschedule_pipeline(name text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline := etl._pipeline(name, or_superuser => true);
BEGIN
    UPDATE etl.pipeline AS p SET schedule = NULL, next_at = NULL, problem = NULL
    WHERE p.pipeline_id = stored.pipeline_id;
END
$$;
COMMENT ON FUNCTION etl.unschedule_pipeline(text) IS
    'Takes a pipeline off its schedule; does nothing when it has none. A superuser may do so with another role''s. '
    'Errors: 42704 no such pipeline, 42501 another role''s.';
