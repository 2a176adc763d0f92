-- Pipelines: steps that need each other, run in that order, each in a transaction of its own.
-- Here they are defined and seen; run.sql runs them.

CREATE TABLE etl.pipeline (
    pipeline_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    description text,
    schedule text,
    created_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (pipeline_id, owner)
);
COMMENT ON TABLE etl.pipeline IS 'Pipelines, one row each; a role sees its own. Read them in etl.pipelines.';
COMMENT ON SEQUENCE etl.pipeline_pipeline_id_seq IS 'Numbers of pipelines.';
ALTER TABLE etl.pipeline ENABLE ROW LEVEL SECURITY;
CREATE POLICY pipeline_owner ON etl.pipeline USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.pipeline TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.pipeline', '');
GRANT SELECT ON SEQUENCE etl.pipeline_pipeline_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.pipeline_pipeline_id_seq', '');

-- The owner is part of the foreign keys here and in etl.step_run, so that nobody can slip a step into another role's
-- pipeline, where it would be run with that role's rights.
CREATE TABLE etl.step (
    step_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pipeline_id integer NOT NULL,
    name text NOT NULL,
    action text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('sql', 'procedure')),
    depends_on text[] NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (pipeline_id, name),
    FOREIGN KEY (pipeline_id, owner) REFERENCES etl.pipeline (pipeline_id, owner) ON DELETE CASCADE ON UPDATE CASCADE
);
COMMENT ON TABLE etl.step IS 'Steps of pipelines; a role sees its own. Read them in etl.steps.';
COMMENT ON SEQUENCE etl.step_step_id_seq IS 'Numbers of steps.';
ALTER TABLE etl.step ENABLE ROW LEVEL SECURITY;
CREATE POLICY step_owner ON etl.step USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.step TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.step', '');
GRANT SELECT ON SEQUENCE etl.step_step_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.step_step_id_seq', '');

CREATE TABLE etl.step_run (
    step_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id bigint NOT NULL,
    position integer NOT NULL,
    step text NOT NULL,
    kind text NOT NULL,
    action text NOT NULL,
    depends_on text[] NOT NULL,
    search_path text NOT NULL,
    status text NOT NULL DEFAULT 'waiting'
        CHECK (status IN ('waiting', 'running', 'succeeded', 'failed', 'skipped')),
    started_at timestamptz,
    finished_at timestamptz,
    rows bigint,
    sqlstate text,
    error text,
    detail text,
    hint text,
    context text,
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (run_id, position),
    FOREIGN KEY (run_id, owner) REFERENCES etl.run (run_id, owner) ON DELETE CASCADE ON UPDATE CASCADE
);
COMMENT ON TABLE etl.step_run IS
    'Steps of pipeline runs, also those under way and still waiting. Read them in etl.step_runs.';
COMMENT ON SEQUENCE etl.step_run_step_run_id_seq IS 'Numbers of the rows of etl.step_run.';
ALTER TABLE etl.step_run ENABLE ROW LEVEL SECURITY;
CREATE POLICY step_run_owner ON etl.step_run USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.step_run TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.step_run', '');
GRANT SELECT ON SEQUENCE etl.step_run_step_run_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.step_run_step_run_id_seq', '');

CREATE VIEW etl.pipelines WITH (security_invoker = true) AS
SELECT p.name AS pipeline,
       p.description,
       (SELECT coalesce(array_agg(s.name ORDER BY s.step_id), '{}') FROM etl.step AS s
        WHERE s.pipeline_id = p.pipeline_id) AS steps,
       p.schedule,
       r.run_id AS last_run,
       r.started_at AS last_started_at,
       r.status AS last_status,
       p.owner
FROM etl.pipeline AS p
LEFT JOIN LATERAL (
    SELECT u.run_id, u.started_at, u.status
    FROM etl.run AS u
    WHERE u.kind = 'pipeline' AND u.name = p.name AND u.owner = p.owner
    ORDER BY u.run_id DESC
    LIMIT 1
) AS r ON true;
COMMENT ON VIEW etl.pipelines IS
    'Pipelines with their steps, their schedule and how the last run went. Define them with etl.create_pipeline.';
GRANT SELECT ON etl.pipelines TO PUBLIC;

CREATE VIEW etl.steps WITH (security_invoker = true) AS
SELECT p.name AS pipeline, s.name AS step, s.kind, s.action, s.depends_on, s.owner
FROM etl.step AS s
JOIN etl.pipeline AS p USING (pipeline_id);
COMMENT ON VIEW etl.steps IS
    'Steps of pipelines: what each executes and which other steps it needs. Define them with etl.add_step.';
GRANT SELECT ON etl.steps TO PUBLIC;

CREATE VIEW etl.step_runs WITH (security_invoker = true) AS
SELECT s.run_id,
       r.name AS pipeline,
       s.step,
       s.kind,
       s.status,
       s.started_at,
       CASE WHEN s.status <> 'waiting' THEN coalesce(s.finished_at, clock_timestamp()) - s.started_at END AS duration,
       s.rows,
       s.sqlstate,
       s.error,
       s.detail,
       s.hint,
       s.context,
       s.position,
       s.owner
FROM etl.step_run AS s
JOIN etl.run AS r USING (run_id);
COMMENT ON VIEW etl.step_runs IS
    'One row for each step of each pipeline run, in the order of position: its status (waiting, running, succeeded, '
    'failed, skipped), how long it took, the rows its last statement touched, and PostgreSQL''s error when it failed.';
GRANT SELECT ON etl.step_runs TO PUBLIC;

-- Defining pipelines -------------------------------------------------------------------------------------------------

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

CREATE FUNCTION etl.create_pipeline(name text, description text DEFAULT NULL, if_not_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline;
BEGIN
    PERFORM etl._require_name(name, 'name');
    INSERT INTO etl.pipeline (name, description) VALUES (name, description) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT p.* INTO stored FROM etl.pipeline AS p WHERE p.name = create_pipeline.name;
    IF stored.owner IS DISTINCT FROM current_user THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('pipeline "%s" already exists', name),
            DETAIL = 'Names of pipelines are unique in the database; this one belongs to another role.',
            HINT = 'Choose another name.';
    ELSIF NOT if_not_exists THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('pipeline "%s" already exists', name),
            HINT = format('Choose another name, or call etl.drop_pipeline(%L) first.', name);
    ELSIF stored.description IS DISTINCT FROM create_pipeline.description THEN
        RAISE WARNING USING
            MESSAGE = format('pipeline "%s" already exists and was not changed', name),
            DETAIL = 'It differs from the definition that was given now in: description.',
            HINT = format('To define it anew, call etl.drop_pipeline(%L) first.', name);
    ELSE
        RAISE NOTICE USING MESSAGE = format('pipeline "%s" already exists, skipping', name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl.create_pipeline(text, text, boolean) IS
    'Creates a pipeline without steps; etl.add_step gives it some. name: 1 to 63 bytes, unique in the database. '
    'description: any text, shown in etl.pipelines. if_not_exists: an existing pipeline of the current role is left as '
    'it is. Errors: 42710 name taken, 22023 bad name.';

CREATE FUNCTION etl.drop_pipeline(name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    doomed etl.pipeline;
BEGIN
    IF if_exists AND NOT EXISTS (SELECT FROM etl.pipeline AS p WHERE p.name = drop_pipeline.name) THEN
        RAISE NOTICE USING MESSAGE = format('pipeline "%s" does not exist, skipping', name);
        RETURN;
    END IF;
    doomed := etl._pipeline(name, or_superuser => true);
    IF doomed.schedule IS NOT NULL THEN
        PERFORM etl._cron_unschedule(etl._cron_job_name('pipeline', doomed.name), doomed.owner);
    END IF;
    DELETE FROM etl.pipeline AS p WHERE p.pipeline_id = doomed.pipeline_id;
END
$$;
COMMENT ON FUNCTION etl.drop_pipeline(text, boolean) IS
    'Drops a pipeline with its steps and its schedule; the record of its runs stays. if_exists: only a notice when '
    'there is none. A superuser may drop another role''s. Errors: 42704 no such pipeline, 42501 another role''s.';

CREATE FUNCTION etl._step_circle(pipeline_id integer)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    total integer := (SELECT count(*) FROM etl.step AS s WHERE s.pipeline_id = _step_circle.pipeline_id);
    endless text[];
    path text[];
    current text;
BEGIN
    -- The steps whose chain of needs is as long as there are steps: those in a circle or behind one.
    WITH RECURSIVE edge AS (
        SELECT s.name, d.needed
        FROM etl.step AS s, unnest(s.depends_on) AS d(needed)
        WHERE s.pipeline_id = _step_circle.pipeline_id
    ), level(name, n) AS (
        SELECT s.name, 0 FROM etl.step AS s WHERE s.pipeline_id = _step_circle.pipeline_id
        UNION
        SELECT e.name, l.n + 1 FROM level AS l JOIN edge AS e ON e.needed = l.name WHERE l.n < total
    )
    SELECT array_agg(DISTINCT l.name) INTO endless FROM level AS l WHERE l.n = total;
    IF endless IS NULL THEN
        RETURN NULL;
    END IF;
    -- Each of them needs another of them, so a walk along the needs comes back to where it was.
    current := endless[1];
    WHILE array_position(path, current) IS NULL LOOP
        path := path || current;
        SELECT d.needed INTO current
        FROM etl.step AS s, unnest(s.depends_on) AS d(needed)
        WHERE s.pipeline_id = _step_circle.pipeline_id AND s.name = current AND d.needed = ANY (endless)
        ORDER BY d.needed
        LIMIT 1;
    END LOOP;
    RETURN array_to_string(path[array_position(path, current):] || current, ' -> ');
END
$$;
COMMENT ON FUNCTION etl._step_circle(integer) IS
    'A circle in which steps of a pipeline need each other, as a -> b -> a, or NULL when there is none.';

CREATE FUNCTION etl._check_steps(pipeline_id integer)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pipeline text := (SELECT p.name FROM etl.pipeline AS p WHERE p.pipeline_id = _check_steps.pipeline_id);
    known text;
    problem record;
    circle text;
BEGIN
    SELECT s.name, d.needed INTO problem
    FROM etl.step AS s, unnest(s.depends_on) AS d(needed)
    WHERE s.pipeline_id = _check_steps.pipeline_id
      AND NOT EXISTS (SELECT FROM etl.step AS o WHERE o.pipeline_id = s.pipeline_id AND o.name = d.needed)
    ORDER BY s.step_id
    LIMIT 1;
    IF FOUND THEN
        SELECT string_agg(format('"%s"', s.name), ', ' ORDER BY s.step_id) INTO known
        FROM etl.step AS s
        WHERE s.pipeline_id = _check_steps.pipeline_id AND s.name <> problem.name;
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('step "%s" needs step "%s", which pipeline "%s" does not have', problem.name,
                             problem.needed, pipeline),
            DETAIL = coalesce('Its other steps are ' || known || '.', 'It has no other steps.'),
            HINT = 'A step can only need steps that were added before it.';
    END IF;
    circle := etl._step_circle(pipeline_id);
    IF circle IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('steps of pipeline "%s" need each other in a circle: %s', pipeline, circle),
            DETAIL = 'An arrow leads from a step to one that it needs.',
            HINT = format('Open the circle with etl.alter_step(%L, %L, depends_on => …).', pipeline,
                          split_part(circle, ' -> ', 1));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_steps(integer) IS
    'Checks that the steps of a pipeline need only steps that it has (42704) and no circle (22023 names it).';

CREATE FUNCTION etl._check_step(action text, kind text, depends_on text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(action, '') !~ '\S' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the action of a step must not be empty',
            HINT = 'Give the SQL that the step executes, such as ''INSERT INTO … SELECT …'' or ''CALL …''.';
    ELSIF kind IS NULL OR kind NOT IN ('sql', 'procedure') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('step kind "%s" is not known', kind),
            HINT = 'The kinds are sql (one transaction) and procedure (the action may commit inside).';
    ELSIF depends_on IS NULL OR array_position(depends_on, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'depends_on must not be or hold NULL',
            HINT = 'Give the names of the steps that must succeed before, or ''{}'' for none.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_step(text, text, text[]) IS 'Checks the arguments that define a step (22023).';

CREATE FUNCTION etl.add_step(
    pipeline text,
    name text,
    action text,
    kind text DEFAULT 'sql',
    depends_on text[] DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent etl.pipeline := etl._pipeline(pipeline);
BEGIN
    PERFORM etl._require_name(name, 'name');
    PERFORM etl._check_step(action, kind, depends_on);
    INSERT INTO etl.step (pipeline_id, name, action, kind, depends_on)
    VALUES (parent.pipeline_id, add_step.name, add_step.action, add_step.kind, add_step.depends_on)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('step "%s" of pipeline "%s" already exists', name, pipeline),
            HINT = format('Change it with etl.alter_step(%L, %L, …).', pipeline, name);
    END IF;
    PERFORM etl._check_steps(parent.pipeline_id);
END
$$;
COMMENT ON FUNCTION etl.add_step(text, text, text, text, text[]) IS
$$Adds a step to a pipeline. pipeline, name: where and how it is called (1 to 63 bytes, unique in the pipeline).
action: the SQL that it executes, with the search_path of the session that calls etl.run_pipeline; etl.as_of() is there
the logical time of the run.
kind: 'sql' executes the action in one transaction, in which its success is recorded too; 'procedure' executes it in a
background worker, statement by statement, so that procedures may commit inside and VACUUM is possible.
depends_on: names of steps of the pipeline that must have succeeded before.
Errors: 42704 no such pipeline or needed step, 42710 step exists, 22023 bad argument, or steps that need each other in a
circle.$$;

CREATE FUNCTION etl._step(parent etl.pipeline, name text)
RETURNS etl.step
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.step;
    known text;
BEGIN
    SELECT s.* INTO stored FROM etl.step AS s WHERE s.pipeline_id = parent.pipeline_id AND s.name = _step.name;
    IF FOUND THEN
        RETURN stored;
    END IF;
    SELECT string_agg(format('"%s"', s.name), ', ' ORDER BY s.step_id) INTO known
    FROM etl.step AS s
    WHERE s.pipeline_id = parent.pipeline_id;
    RAISE EXCEPTION USING
        ERRCODE = 'undefined_object',
        MESSAGE = format('step "%s" of pipeline "%s" does not exist', name, parent.name),
        DETAIL = coalesce('Its steps are ' || known || '.', 'It has no steps.'),
        HINT = format('etl.add_step(%L, %L, …) adds it.', parent.name, coalesce(name, 'load'));
END
$$;
COMMENT ON FUNCTION etl._step(etl.pipeline, text) IS
    'The step of a pipeline with that name (42704 when there is none).';

CREATE FUNCTION etl.alter_step(
    pipeline text,
    name text,
    action text DEFAULT NULL,
    kind text DEFAULT NULL,
    depends_on text[] DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent etl.pipeline := etl._pipeline(pipeline);
    changed etl.step := etl._step(parent, name);
BEGIN
    changed.action := coalesce(alter_step.action, changed.action);
    changed.kind := coalesce(alter_step.kind, changed.kind);
    changed.depends_on := coalesce(alter_step.depends_on, changed.depends_on);
    PERFORM etl._check_step(changed.action, changed.kind, changed.depends_on);
    UPDATE etl.step AS s
    SET action = changed.action, kind = changed.kind, depends_on = changed.depends_on
    WHERE s.step_id = changed.step_id;
    PERFORM etl._check_steps(changed.pipeline_id);
END
$$;
COMMENT ON FUNCTION etl.alter_step(text, text, text, text, text[]) IS
    'Changes a step of a pipeline, from its next run on. action, kind, depends_on: as in etl.add_step; NULL leaves '
    'each as it is. Errors: 42704 no such pipeline, step or needed step, 22023 bad argument, or steps that need each '
    'other in a circle (the message names it).';

CREATE FUNCTION etl.remove_step(pipeline text, name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent etl.pipeline := etl._pipeline(pipeline);
    doomed etl.step;
    needing text;
BEGIN
    IF if_exists AND NOT EXISTS (
        SELECT FROM etl.step AS s WHERE s.pipeline_id = parent.pipeline_id AND s.name = remove_step.name
    ) THEN
        RAISE NOTICE USING MESSAGE = format('step "%s" of pipeline "%s" does not exist, skipping', name, pipeline);
        RETURN;
    END IF;
    doomed := etl._step(parent, name);
    SELECT string_agg(format('"%s"', s.name), ', ' ORDER BY s.step_id) INTO needing
    FROM etl.step AS s
    WHERE s.pipeline_id = parent.pipeline_id AND doomed.name = ANY (s.depends_on);
    IF needing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('step "%s" of pipeline "%s" is needed by other steps', name, pipeline),
            DETAIL = format('It is needed by %s.', needing),
            HINT = 'Remove these first, or change what they need with etl.alter_step(…, depends_on => …).';
    END IF;
    DELETE FROM etl.step AS s WHERE s.step_id = doomed.step_id;
END
$$;
COMMENT ON FUNCTION etl.remove_step(text, text, boolean) IS
    'Removes a step from a pipeline. if_exists: only a notice when there is none of that name. Errors: 42704 no such '
    'pipeline or step, 2BP01 other steps need it.';

CREATE FUNCTION etl.schedule_pipeline(name text, schedule text DEFAULT '0 2 * * *')
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline := etl._pipeline(name);
    job bigint;
BEGIN
    job := etl._cron_schedule(etl._cron_job_name('pipeline', stored.name), schedule,
                              format('CALL etl.run_pipeline(%L)', stored.name));
    UPDATE etl.pipeline AS p SET schedule = lower(btrim(schedule_pipeline.schedule))
    WHERE p.pipeline_id = stored.pipeline_id;
    RETURN job;
END
$$;
COMMENT ON FUNCTION etl.schedule_pipeline(text, text) IS
    'Lets pg_cron run a pipeline, in place of an earlier schedule, and returns the number of the job. schedule: five '
    'cron fields in GMT, or a macro such as @hourly (default: 02:00 every day). Errors: 42704 no such pipeline, 22023 '
    'bad schedule, 55000 pg_cron is not installed, 42501 not allowed to use it.';

CREATE FUNCTION etl.unschedule_pipeline(name text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.pipeline := etl._pipeline(name, or_superuser => true);
BEGIN
    IF stored.schedule IS NOT NULL THEN
        PERFORM etl._cron_unschedule(etl._cron_job_name('pipeline', stored.name), stored.owner);
        UPDATE etl.pipeline AS p SET schedule = NULL WHERE p.pipeline_id = stored.pipeline_id;
    END IF;
END
$$;
COMMENT ON FUNCTION etl.unschedule_pipeline(text) IS
    'Takes a pipeline off its schedule; it is left unchanged when it has none. A superuser may do so with '
    'another role''s. Errors: 42704 no such pipeline, 42501 another role''s.';
