-- How a run begins: with a copy of the steps of its pipeline, in an order in which each stands after all that it needs.
-- The copy is what is executed, so a definition that changes meanwhile takes effect with the next run.

CREATE FUNCTION etl._step_levels(names text[], steps text[], needed text[])
RETURNS integer[]
LANGUAGE C STRICT IMMUTABLE
AS 'MODULE_PATHNAME', 'etl_step_levels';
COMMENT ON FUNCTION etl._step_levels(text[], text[], text[]) IS
    'For each name of a step its level: 0 where it needs nothing, else one more than the highest level of what it '
    'needs; -1 where it needs itself by way of others, or what is not there. steps[i] needs needed[i].';

CREATE FUNCTION etl._places(pipeline_id integer, OUT step_id integer, OUT name text, OUT level integer,
                            OUT place integer)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.step_id, l.name, l.level, row_number() OVER (ORDER BY l.level, l.step_id)::integer
    FROM (
        SELECT array_agg(s.step_id ORDER BY s.step_id) AS ids, array_agg(s.name ORDER BY s.step_id) AS names
        FROM etl.step AS s
        WHERE s.pipeline_id = _places.pipeline_id
    ) AS s
    CROSS JOIN (
        SELECT coalesce(array_agg(e.name), '{}') AS steps, coalesce(array_agg(d.needed), '{}') AS needed
        FROM etl.step AS e
        CROSS JOIN unnest(e.depends_on) AS d(needed)
        WHERE e.pipeline_id = _places.pipeline_id
    ) AS e
    CROSS JOIN LATERAL unnest(s.ids, s.names, etl._step_levels(s.names, e.steps, e.needed)) AS l(step_id, name, level)
$$;
COMMENT ON FUNCTION etl._places(integer) IS
    'The steps of a pipeline in their order: those that need nothing first, each later one after all that it needs, '
    'otherwise as they were added. level is -1 for a step that has no place.';

CREATE FUNCTION etl._require_order(pipeline_id integer)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad text := (SELECT p.name FROM etl._places(pipeline_id) AS p WHERE p.level < 0 ORDER BY p.place LIMIT 1);
BEGIN
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('step "%s" has no place in the order of steps', bad),
            DETAIL = 'It, or a step that it needs, needs itself by way of others, or one that is not there.',
            HINT = 'Give it or that one other needs with etl.alter_step(…, depends_on => …).';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_order(integer) IS
    'Checks that the steps of a pipeline can be put into an order (22023). Those that etl.add_step and etl.alter_step '
    'have made always can.';

CREATE FUNCTION etl._fill_run(run etl.pipeline_run)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_order(run.pipeline_id);
    WITH placed AS MATERIALIZED (
        SELECT p.step_id, p.name, p.place FROM etl._places(run.pipeline_id) AS p
    ), need AS (
        SELECT s.step_id, array_agg(DISTINCT p.place) AS places
        FROM etl.step AS s
        CROSS JOIN LATERAL unnest(s.depends_on) AS d(needed)
        JOIN placed AS p ON p.name = d.needed
        WHERE s.pipeline_id = run.pipeline_id
        GROUP BY s.step_id
    )
    INSERT INTO etl.step_run (
        run_id, position, step, kind, mode, command, depends_on, needs, run_if, attempts, backoff, backoff_factor,
        backoff_max, jitter, retry_sqlstates, timeout, run_as, params, "check", owner)
    SELECT run.run_id, p.place, s.name, s.kind, c.mode, c.command, s.depends_on, coalesce(n.places, '{}'), s.run_if,
           s.attempts, s.backoff, s.backoff_factor, s.backoff_max, s.jitter, s.retry_sqlstates, s.timeout, s.run_as,
           s.params || run.params, s."check", run.owner
    FROM etl.step AS s
    JOIN placed AS p USING (step_id)
    LEFT JOIN need AS n USING (step_id)
    CROSS JOIN LATERAL etl._step_command(s.kind, s.action, s.params) AS c
    ORDER BY p.place;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the pipeline has no steps any more';
    END IF;
    IF run.from_step IS NOT NULL THEN
        PERFORM etl._settle_others(run.run_id, run.from_step);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._fill_run(etl.pipeline_run) IS
    'Copies the steps of a pipeline for a run, in their order: those that need nothing first, each later one after all '
    'that it needs, otherwise as they were added. Parameters of the run come before those of a step. 55000 where there '
    'are none: such a run must not be taken for one that succeeded.';

CREATE FUNCTION etl._downstream_steps(run_id bigint, step text)
RETURNS integer[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE reached(position) AS (
        SELECT s.position
        FROM etl.step_run AS s
        WHERE s.run_id = _downstream_steps.run_id AND s.step = _downstream_steps.step
        UNION
        SELECT s.position
        FROM reached AS r
        JOIN etl.step_run AS s ON s.run_id = _downstream_steps.run_id AND r.position = ANY (s.needs)
    )
    SELECT array_agg(r.position ORDER BY r.position) FROM reached AS r
$$;
COMMENT ON FUNCTION etl._downstream_steps(bigint, text) IS
    'The positions of a step of a run and of all that need it, directly or by way of others; NULL when the run has no '
    'such step.';

CREATE FUNCTION etl._settle_others(run_id bigint, from_step text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen integer[] := etl._downstream_steps(run_id, from_step);
BEGIN
    IF chosen IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('the run was to begin at step "%s", which its pipeline does not have any more', from_step);
    END IF;
    UPDATE etl.step_run AS s
    SET status = 'skipped', is_settled = true, finished_at = clock_timestamp(),
        error = format('the run began at step "%s"', from_step)
    WHERE s.run_id = _settle_others.run_id AND NOT s.position = ANY (chosen);
END
$$;
COMMENT ON FUNCTION etl._settle_others(bigint, text) IS
    'Leaves out all steps of a new run but one and those that need it, which then need not wait for the others '
    '(42704: it has no such step).';
