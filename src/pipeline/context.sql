-- What a step is told: the logical time and the interval of its run, its parameters, and a key that names its work. The
-- engine sets them as settings of the transaction or the session in which the step is executed.

CREATE FUNCTION etl.logical_time()
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl.as_of()
$$;
COMMENT ON FUNCTION etl.logical_time() IS
    'Logical time of the run whose step is executed: the time of its schedule, or the one that it was called for. '
    'Another name of etl.as_of(). Outside of a pipeline it is now().';

CREATE FUNCTION etl.interval_start()
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(current_setting('pg_etl.interval_start', true), '')::timestamptz
$$;
COMMENT ON FUNCTION etl.interval_start() IS
    'Where the interval of the run begins whose step is executed: where that of the run of its schedule before it '
    'ended that was not skipped, or at the time of the schedule before its logical time; without a schedule at the '
    'logical time of the last run that succeeded. What happened after it, up to etl.interval_end(), is the run''s. '
    'NULL for the first run without a schedule and outside of a pipeline.';

CREATE FUNCTION etl.interval_end()
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(current_setting('pg_etl.interval_end', true), '')::timestamptz
$$;
COMMENT ON FUNCTION etl.interval_end() IS
    'Where the interval of the run ends whose step is executed: at its logical time. NULL outside of a pipeline.';

CREATE FUNCTION etl.param(name text, "default" text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    params CONSTANT jsonb := nullif(current_setting('pg_etl.params', true), '')::jsonb;
    known text;
BEGIN
    IF params ? name THEN
        RETURN params ->> name;
    ELSIF "default" IS NOT NULL THEN
        RETURN "default";
    END IF;
    SELECT string_agg(format('"%s"', k), ', ') INTO known FROM jsonb_object_keys(params) AS k;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('there is no parameter "%s"', coalesce(name, 'NULL')),
        DETAIL = CASE WHEN params IS NULL THEN 'No step of a pipeline is being executed.'
                      ELSE coalesce('The parameters are ' || known || '.', 'The step and its run have none.') END,
        HINT = format('Give it to the step (params of etl.add_step) or to the run, or say etl.param(%L, ''…'') to have '
                      'a value when there is none.', coalesce(name, 'country'));
END
$$;
COMMENT ON FUNCTION etl.param(text, text) IS
    'A parameter of the step that is executed, as text: a member of the run''s params or, where that has none of the '
    'name, of the step''s. JSON null is NULL, objects and arrays are their JSON. name: the member. default: what it '
    'is where there is no such parameter. Errors: 22023 no such parameter and no default (the detail lists those '
    'there are).';

CREATE FUNCTION etl.run_id()
RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(current_setting('pg_etl.run_id', true), '')::bigint
$$;
COMMENT ON FUNCTION etl.run_id() IS
    'Number of the run whose step is executed, as etl.step_runs and etl.run_log have it: by it a step that raises an '
    'alarm finds what has failed. NULL outside of a pipeline.';

CREATE FUNCTION etl.run_key()
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run_id CONSTANT text := coalesce(current_setting('pg_etl.run_id', true), '');
    step CONSTANT text := coalesce(current_setting('pg_etl.step', true), '');
BEGIN
    IF run_id = '' OR step = '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'no step of a pipeline is being executed',
            HINT = 'etl.run_key() is for the SQL of a step: it names what the step does for one logical time.';
    END IF;
    -- A run is the only one of its pipeline and logical time.
    RETURN concat_ws('/', run_id, to_char(etl.as_of() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), step);
END
$$;
COMMENT ON FUNCTION etl.run_key() IS
    'A key for what the step that is executed does, such as ''17/2025-06-01T02:00:00.000000Z/send'': the same for all '
    'attempts and retries, another one for another step, logical time or pipeline. It begins with the number of the '
    'run, so a run that is made anew once its record was deleted has another key. What must not happen twice, though a '
    'step that commits inside may be tried again, writes it down with this key (ON CONFLICT DO NOTHING). Errors: 55000 '
    'outside of a step.';
