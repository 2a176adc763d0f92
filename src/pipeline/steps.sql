-- Steps of pipelines: how they are added, changed, renamed and removed. step_checks.sql tells what is refused.

CREATE FUNCTION etl._step(parent etl.pipeline, name text)
RETURNS etl.step
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.step;
BEGIN
    SELECT s.* INTO stored FROM etl.step AS s WHERE s.pipeline_id = parent.pipeline_id AND s.name = _step.name;
    IF FOUND THEN
        RETURN stored;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'undefined_object',
        MESSAGE = format('step "%s" of pipeline "%s" does not exist', coalesce(name, 'NULL'), parent.name),
        DETAIL = coalesce('Its steps are ' || etl._steps_but(parent, NULL) || '.', 'It has no steps.'),
        HINT = format('etl.add_step(%L, %L, …) adds it.', parent.name, coalesce(name, 'load'));
END
$$;
COMMENT ON FUNCTION etl._step(etl.pipeline, text) IS
    'The step of a pipeline with that name (42704 when there is none).';

CREATE FUNCTION etl._steps_but(parent etl.pipeline, name text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('"%s"', s.name), ', ' ORDER BY s.step_id)
           || CASE WHEN max(s.steps) > count(*) THEN ', …' ELSE '' END
    FROM (
        SELECT o.step_id, o.name, count(*) OVER () AS steps FROM etl.step AS o
        WHERE o.pipeline_id = parent.pipeline_id AND o.name IS DISTINCT FROM _steps_but.name
        ORDER BY o.step_id
        LIMIT 50
    ) AS s
$$;
COMMENT ON FUNCTION etl._steps_but(etl.pipeline, text) IS
    'The steps of a pipeline but for one, the first fifty of them, as an error lists them; NULL where there are none.';

-- Defining -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._tell_step_exists(parent etl.pipeline, wanted etl.step, if_not_exists boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    differing text;
BEGIN
    IF NOT if_not_exists THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('step "%s" of pipeline "%s" already exists', wanted.name, parent.name),
            HINT = format('Change it with etl.alter_step(%L, %L, …).', parent.name, wanted.name);
    END IF;
    SELECT string_agg(w.key, ', ' ORDER BY w.key) INTO differing
    FROM jsonb_each(to_jsonb(wanted) - '{step_id,pipeline_id,owner}'::text[]) AS w
    WHERE w.value IS DISTINCT FROM to_jsonb(etl._step(parent, wanted.name)) -> w.key;
    IF differing IS NULL THEN
        RAISE NOTICE USING
            MESSAGE = format('step "%s" of pipeline "%s" already exists, skipping', wanted.name, parent.name);
    ELSE
        RAISE WARNING USING
            MESSAGE = format('step "%s" of pipeline "%s" already exists and was not changed', wanted.name, parent.name),
            DETAIL = format('It differs from the definition that was given now in: %s.', differing),
            HINT = format('Change it with etl.alter_step(%L, %L, …).', parent.name, wanted.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._tell_step_exists(etl.pipeline, etl.step, boolean) IS
    'Says that a pipeline has a step of that name: as an error (42710), or where it may exist as a notice, or as a '
    'warning that lists what is different.';

CREATE FUNCTION etl.add_step(
    pipeline text,
    name text,
    action text,
    kind text DEFAULT 'sql',
    depends_on text[] DEFAULT '{}',
    run_if text DEFAULT 'all_success',
    attempts integer DEFAULT 3,
    backoff interval DEFAULT '1 s',
    backoff_factor double precision DEFAULT 2,
    backoff_max interval DEFAULT '5 minutes',
    jitter double precision DEFAULT 0.1,
    retry_sqlstates text[] DEFAULT NULL,
    timeout interval DEFAULT NULL,
    run_as regrole DEFAULT NULL,
    params jsonb DEFAULT '{}',
    "check" text DEFAULT NULL,
    if_not_exists boolean DEFAULT false
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent etl.pipeline := etl._pipeline(pipeline);
    added etl.step;
BEGIN
    PERFORM etl._require_flag(if_not_exists, 'if_not_exists');
    added.name := name;
    added.action := action;
    added.kind := kind;
    added.depends_on := etl._each_once(depends_on);
    added.run_if := run_if;
    added.attempts := attempts;
    added.backoff := backoff;
    added.backoff_factor := backoff_factor;
    added.backoff_max := backoff_max;
    added.jitter := jitter;
    added.retry_sqlstates := retry_sqlstates;
    added.timeout := timeout;
    added.run_as := etl._role_name(run_as);
    added.params := params;
    added."check" := "check";
    -- No step needs one that is new, so it closes no circle.
    PERFORM etl._check_step(parent, added);
    INSERT INTO etl.step (
        pipeline_id, name, action, kind, depends_on, run_if, attempts, backoff, backoff_factor, backoff_max, jitter,
        retry_sqlstates, timeout, run_as, params, "check")
    VALUES (
        parent.pipeline_id, added.name, added.action, added.kind, added.depends_on, added.run_if, added.attempts,
        added.backoff, added.backoff_factor, added.backoff_max, added.jitter, added.retry_sqlstates, added.timeout,
        added.run_as, added.params, added."check")
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM etl._tell_step_exists(parent, added, if_not_exists);
    END IF;
END
$$;
COMMENT ON FUNCTION etl.add_step(
    text, text, text, text, text[], text, integer, interval, double precision, interval, double precision, text[],
    interval, regrole, jsonb, text, boolean) IS
$$Adds a step to a pipeline. pipeline, name: where and how it is called (1 to 63 bytes, unique in the pipeline).
action: the SQL that it executes, under the search_path of the pipeline, or what a convenience kind works on. It is
parsed now; tables and functions need not exist yet.
kind: sql executes the action in one transaction, in which its success is recorded too, so that it happens exactly
once; procedure may commit inside; toplevel executes each statement outside of a transaction, as VACUUM needs it. For
work of pg_etl itself: validate (action: a suite; params: target or query, and others), dedupe (a table), refresh (a
rollup or materialized view), retention (a policy, or * for all), features (a feature view); docs/pipelines.md lists
their params.
depends_on: names of steps of the pipeline that it comes after. run_if: all_success runs it when all of these have
succeeded, any_failed when one has failed, all_done when all have ended.
attempts: how often it is tried when it fails. backoff, backoff_factor, backoff_max, jitter: how long to wait before
the second attempt, how many times longer before each further one, the longest wait, and by which share of it (0 to
1) it may be shorter at random. retry_sqlstates: errors after which it is tried again, SQLSTATEs or classes of two
characters; '{}' for none; NULL: lost connections and workers, serialization failures, deadlocks, locks and resources
that were not to be had.
timeout: how long an attempt may take. run_as: the role that it acts as, one that the owner of the pipeline is a member
of (NULL: the owner). params: a JSON object; the step reads its members with etl.param, unless the run brings others.
check: a boolean expression that must be true after the action, or the step fails (23514).
if_not_exists: a step that exists is left as it is, with a warning that lists what is different.
Errors: 42704 no such pipeline, needed step, role or target, 42710 step exists, 42601 syntax error in action or check,
42501 another role's pipeline, or a role that the owner is no member of, 42703, 42804 a check that is none, 0A000 COPY
from or to a client, 22023 an argument that cannot be.$$;

CREATE FUNCTION etl.alter_step(
    pipeline text,
    name text,
    action text DEFAULT NULL,
    kind text DEFAULT NULL,
    depends_on text[] DEFAULT NULL,
    run_if text DEFAULT NULL,
    attempts integer DEFAULT NULL,
    backoff interval DEFAULT NULL,
    backoff_factor double precision DEFAULT NULL,
    backoff_max interval DEFAULT NULL,
    jitter double precision DEFAULT NULL,
    retry_sqlstates text[] DEFAULT NULL,
    timeout interval DEFAULT NULL,
    run_as regrole DEFAULT NULL,
    params jsonb DEFAULT NULL,
    "check" text DEFAULT NULL,
    reset text[] DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent etl.pipeline := etl._pipeline(pipeline);
    changed etl.step := etl._step(parent, name);
BEGIN
    PERFORM etl._require_reset(reset, '{retry_sqlstates,timeout,run_as,check}', array_remove(ARRAY[
        CASE WHEN retry_sqlstates IS NOT NULL THEN 'retry_sqlstates' END,
        CASE WHEN timeout IS NOT NULL THEN 'timeout' END, CASE WHEN run_as IS NOT NULL THEN 'run_as' END,
        CASE WHEN "check" IS NOT NULL THEN 'check' END], NULL));
    changed.action := coalesce(action, changed.action);
    changed.kind := coalesce(kind, changed.kind);
    changed.depends_on := coalesce(etl._each_once(depends_on), changed.depends_on);
    changed.run_if := coalesce(run_if, changed.run_if);
    changed.attempts := coalesce(attempts, changed.attempts);
    changed.backoff := coalesce(backoff, changed.backoff);
    changed.backoff_factor := coalesce(backoff_factor, changed.backoff_factor);
    changed.backoff_max := coalesce(backoff_max, changed.backoff_max);
    changed.jitter := coalesce(jitter, changed.jitter);
    changed.retry_sqlstates := CASE WHEN 'retry_sqlstates' <> ALL (reset) THEN
                                   coalesce(retry_sqlstates, changed.retry_sqlstates) END;
    changed.timeout := CASE WHEN 'timeout' <> ALL (reset) THEN coalesce(timeout, changed.timeout) END;
    changed.run_as := CASE WHEN 'run_as' <> ALL (reset) THEN coalesce(etl._role_name(run_as), changed.run_as) END;
    changed.params := coalesce(params, changed.params);
    changed."check" := CASE WHEN 'check' <> ALL (reset) THEN coalesce("check", changed."check") END;
    PERFORM etl._check_step(parent, changed);
    UPDATE etl.step AS s
    SET action = changed.action, kind = changed.kind, depends_on = changed.depends_on, run_if = changed.run_if,
        attempts = changed.attempts, backoff = changed.backoff, backoff_factor = changed.backoff_factor,
        backoff_max = changed.backoff_max, jitter = changed.jitter, retry_sqlstates = changed.retry_sqlstates,
        timeout = changed.timeout, run_as = changed.run_as, params = changed.params, "check" = changed."check"
    WHERE s.step_id = changed.step_id;
    IF depends_on IS NOT NULL THEN
        PERFORM etl._require_no_circle(parent, changed);
    END IF;
END
$$;
COMMENT ON FUNCTION etl.alter_step(
    text, text, text, text, text[], text, integer, interval, double precision, interval, double precision, text[],
    interval, regrole, jsonb, text, text[]) IS
    'Changes a step of a pipeline, from its next run on. Arguments as in etl.add_step; NULL leaves each as it is. '
    'reset: names of those to take away: retry_sqlstates, timeout, run_as, check. Errors: those of etl.add_step, 42704 '
    'no such step, 22023 steps that need each other in a circle (the message names it).';

CREATE FUNCTION etl.rename_step(pipeline text, name text, new_name text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent etl.pipeline := etl._pipeline(pipeline);
    renamed etl.step := etl._step(parent, name);
BEGIN
    PERFORM etl._require_name(new_name, 'new_name');
    BEGIN
        UPDATE etl.step AS s SET name = new_name WHERE s.step_id = renamed.step_id;
    EXCEPTION
        WHEN unique_violation THEN
            RAISE EXCEPTION USING
                ERRCODE = 'duplicate_object',
                MESSAGE = format('step "%s" of pipeline "%s" already exists', new_name, pipeline),
                HINT = 'Choose another name.';
    END;
    UPDATE etl.step AS s SET depends_on = array_replace(s.depends_on, renamed.name, new_name)
    WHERE s.pipeline_id = parent.pipeline_id AND renamed.name = ANY (s.depends_on);
    UPDATE etl.pipeline_run AS u SET from_step = new_name
    FROM etl.run AS r
    WHERE u.pipeline_id = parent.pipeline_id AND u.owner = parent.owner AND u.from_step = renamed.name
      AND r.run_id = u.run_id AND r.status = 'queued';
END
$$;
COMMENT ON FUNCTION etl.rename_step(text, text, text) IS
    'Gives a step another name; the steps that need it follow. A run under way keeps the old one. Errors: 42704 no '
    'such pipeline or step, 42501 another role''s, 42710 name taken, 22023 bad name.';

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
    PERFORM etl._require_flag(if_exists, 'if_exists');
    IF if_exists AND name IS NOT NULL AND NOT EXISTS (
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
    'pipeline or step, 42501 another role''s, 2BP01 other steps need it.';
