-- Dry runs: the steps of kind sql in one transaction, which is rolled back.

CREATE FUNCTION etl._require_ended(pipeline etl.pipeline, logical_time timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    running CONSTANT bigint := (
        SELECT r.run_id
        FROM etl.pipeline_run AS u
        JOIN etl.run AS r USING (run_id)
        WHERE u.pipeline_id = pipeline.pipeline_id AND u.logical_time = _require_ended.logical_time
          AND u.owner = pipeline.owner AND r.status = 'running');
BEGIN
    IF running IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'lock_not_available',
            MESSAGE = format('run %s of pipeline "%s" for %s is under way', running, pipeline.name, logical_time),
            HINT = 'Try another logical time, or wait for it to end.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_ended(etl.pipeline, timestamptz) IS
    'Checks that no run of a pipeline for a logical time is under way (55P03): a dry run would hold it up.';

CREATE FUNCTION etl._dry_steps(pipeline etl.pipeline, logical_time timestamptz, from_step text, params jsonb)
RETURNS SETOF etl.step_run
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run etl.pipeline_run;
    step etl.step_run;
BEGIN
    PERFORM etl._require_ended(pipeline, logical_time);
    DELETE FROM etl.run AS r -- for as long as this transaction lasts
    USING etl.pipeline_run AS u
    WHERE r.run_id = u.run_id AND u.pipeline_id = pipeline.pipeline_id AND u.logical_time = _dry_steps.logical_time
      AND u.owner = pipeline.owner;
    run.run_id := (etl._open_run(pipeline, logical_time, 'call', from_step, params)).run_id;
    SELECT u.* INTO run FROM etl.pipeline_run AS u WHERE u.run_id = run.run_id;
    run.max_parallel := 1;
    PERFORM etl._fill_run(run);
    UPDATE etl.step_run AS s SET attempts = 1 WHERE s.run_id = run.run_id;
    LOOP
        SELECT t.* INTO step FROM etl._take_steps(run) AS t;
        EXIT WHEN step.step_run_id IS NULL;
        IF step.mode = 'sql' THEN
            PERFORM etl._run_sql_step(step.step_run_id, step.attempt);
        ELSE
            PERFORM etl._finish_step(step.step_run_id, step.attempt, NULL);
        END IF;
    END LOOP;
    RETURN QUERY SELECT s.* FROM etl.step_run AS s WHERE s.run_id = run.run_id ORDER BY s.position;
END
$$;
COMMENT ON FUNCTION etl._dry_steps(etl.pipeline, timestamptz, text, jsonb) IS
    'Executes the steps of kind sql of a pipeline, and returns how each went. The caller rolls back.';

CREATE FUNCTION etl._dry_run(pipeline etl.pipeline, logical_time timestamptz, from_step text, params jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended etl.step_run[];
    step etl.step_run;
    failed etl.step_run;
BEGIN
    BEGIN
        ended := ARRAY(SELECT s FROM etl._dry_steps(pipeline, logical_time, from_step, params) AS s);
        RAISE EXCEPTION 'rolled back' USING ERRCODE = 'ETL00';
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN
            NULL;
    END;
    FOREACH step IN ARRAY ended LOOP
        RAISE NOTICE '%', CASE
            WHEN step.status <> 'succeeded' THEN format('step "%s" %s: %s', step.step, step.status, step.error)
            WHEN step.mode = 'sql' THEN format('step "%s" succeeded, %s', step.step, etl._count_of(step.rows, 'row'))
            ELSE format('step "%s" was not executed: it is of kind %s', step.step, step.kind)
        END;
        IF step.status = 'failed' AND failed.step IS NULL THEN
            failed := step;
        END IF;
    END LOOP;
    IF failed.step IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = failed.sqlstate,
            MESSAGE = format('pipeline "%s" would fail at step "%s"', pipeline.name, failed.step),
            DETAIL = concat_ws(E'\n', failed.error, failed.detail, failed.hint);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._dry_run(etl.pipeline, timestamptz, text, jsonb) IS
    'A dry run: a notice for each step says how it went, and an error follows when one failed (under its SQLSTATE). '
    'Nothing that they did is kept.';
