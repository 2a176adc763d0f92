-- Runs as events of OpenLineage, https://openlineage.io: what an OpenLineage client would have sent for them.
--
-- The core is spec 2-0-2 (https://openlineage.io/spec/2-0-2/OpenLineage.json), the facets are those that
-- https://openlineage.io/spec/facets describes, each with its own version in _schemaURL.

CREATE FUNCTION etl._ol_producer()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'https://pgxn.org/dist/pg_etl/' || etl.version()
$$;
COMMENT ON FUNCTION etl._ol_producer() IS 'What OpenLineage calls the producer of an event: this version of pg_etl.';

CREATE FUNCTION etl._ol_facet(key text, schema text, content jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(key, jsonb_build_object(
               '_producer', etl._ol_producer(),
               '_schemaURL', 'https://openlineage.io/spec/facets/' || schema || '.json') || content)
$$;
COMMENT ON FUNCTION etl._ol_facet(text, text, jsonb) IS
    'An object with one facet: its key, the version and name of its schema, what it says.';

CREATE FUNCTION etl._ol_time(moment timestamptz)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
COMMENT ON FUNCTION etl._ol_time(timestamptz) IS 'A moment as RFC 3339 writes it, in UTC.';

CREATE FUNCTION etl._ol_run_id(run bigint, step text DEFAULT NULL)
RETURNS uuid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT encode(set_byte(set_byte(h.digest, 6, get_byte(h.digest, 6) & 15 | 128),
                           8, get_byte(h.digest, 8) & 63 | 128), 'hex')::uuid
    FROM (
        SELECT substr(sha256(convert_to(concat_ws('/', 'pg_etl', c.system_identifier, d.oid, run, step), 'UTF8')),
                      1, 16)
        FROM pg_control_system() AS c, pg_database AS d WHERE d.datname = current_database()
    ) AS h(digest)
$$;
COMMENT ON FUNCTION etl._ol_run_id(bigint, text) IS
    'The UUID of a run, or of one of its steps: always the same one, and another one in each database of each '
    'cluster. Of version 8, made of a SHA-256 as RFC 9562, appendix B.2, does.';

CREATE FUNCTION etl._ol_namespace()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('postgres://%s:%s', coalesce(nullif(current_setting('cluster_name'), ''), 'localhost'),
                  current_setting('port'))
$$;
COMMENT ON FUNCTION etl._ol_namespace() IS
    'postgres://host:port, as OpenLineage names the database servers of datasets. The server does not know what '
    'others call its host: it is cluster_name, or localhost.';

-- Datasets ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._ol_name(relation oid, name text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_database() || '.' || coalesce(
        (SELECT n.nspname || '.' || c.relname
         FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation),
        array_to_string(parse_ident(name), '.'))
$$;
COMMENT ON FUNCTION etl._ol_name(oid, text) IS
    'database.schema.table, as OpenLineage names datasets: of a relation, or, where there is none, of a name.';

CREATE FUNCTION etl._ol_source(found etl._lineage_row, place text, OUT namespace text, OUT name text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN o.url IS NULL THEN place ELSE o.url[1] END,
           CASE WHEN o.url IS NULL THEN etl._ol_name((found).relation, NULL)
                ELSE coalesce(nullif(o.url[2], ''), '/') END
    FROM (SELECT CASE (found).item WHEN 'outside' THEN regexp_match((found).note, '^([^:/]+://[^/]*)(.*)$') END
         ) AS o(url)
$$;
COMMENT ON FUNCTION etl._ol_source(etl._lineage_row, text) IS
    'Namespace and name of what is read: those of a relation or, of an API, its origin and the path there, by the rule '
    'that namespaces are scheme://authority (https://openlineage.io/docs/spec/naming).';

CREATE FUNCTION etl._ol_schema(relation oid)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(etl._ol_facet('schema', '1-1-1/SchemaDatasetFacet', jsonb_build_object('fields', jsonb_agg(
               jsonb_strip_nulls(jsonb_build_object(
                   'name', a.attname,
                   'type', format_type(a.atttypid, a.atttypmod),
                   'description', col_description(a.attrelid, a.attnum))) ORDER BY a.attnum))), '{}')
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION etl._ol_schema(oid) IS 'The facet schema of a relation; NULL where it has no column.';

CREATE FUNCTION etl._ol_fields(found etl._lineage_row[], namespace text)
RETURNS TABLE (target text, target_column text, fields jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.target, f.target_column,
           jsonb_agg(jsonb_build_object('namespace', f.namespace, 'name', f.source, 'field', f.column_name,
                                        'transformations', f.transformations) ORDER BY f.source, f.column_name)
    FROM (
        SELECT etl._ol_name(l.target, l.target_name), l.target_column, s.namespace, s.name, l.column_name,
               jsonb_agg(DISTINCT jsonb_build_object('type', l.type, 'subtype', l.subtype, 'description', '',
                                                     'masking', false))
        FROM unnest(found) AS l
        CROSS JOIN LATERAL etl._ol_source(l, _ol_fields.namespace) AS s
        WHERE l.item IN ('edge', 'outside') AND l.column_name IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
    ) AS f(target, target_column, namespace, source, column_name, transformations)
    GROUP BY f.target, f.target_column
$$;
COMMENT ON FUNCTION etl._ol_fields(etl._lineage_row[], text) IS
    'For each column that is written, and with NULL for the rows, the fields that it comes from, as the facet '
    'columnLineage lists them.';

CREATE FUNCTION etl._ol_inputs(found etl._lineage_row[], namespace text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('namespace', r.namespace, 'name', r.name,
                                                 'facets', coalesce(etl._ol_schema(r.relation), '{}'))
                              ORDER BY r.name), '[]')
    FROM (SELECT DISTINCT s.namespace, s.name, l.relation
          FROM unnest(found) AS l CROSS JOIN LATERAL etl._ol_source(l, _ol_inputs.namespace) AS s
          WHERE l.relation IS NOT NULL OR l.item = 'outside') AS r
$$;
COMMENT ON FUNCTION etl._ol_inputs(etl._lineage_row[], text) IS 'The datasets that are read.';

CREATE FUNCTION etl._ol_outputs(found etl._lineage_row[], namespace text, rows bigint)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH written AS (
        SELECT DISTINCT etl._ol_name(l.target, l.target_name) AS name, l.target AS relation
        FROM unnest(found) AS l
        WHERE l.item = 'write'
    ),
    lineage AS (
        SELECT f.target, etl._ol_facet('columnLineage', '1-2-0/ColumnLineageDatasetFacet', jsonb_build_object(
                   'fields', coalesce(jsonb_object_agg(f.target_column, jsonb_build_object('inputFields', f.fields))
                                      FILTER (WHERE f.target_column IS NOT NULL), '{}'),
                   'dataset', coalesce((jsonb_agg(f.fields) FILTER (WHERE f.target_column IS NULL)) -> 0, '[]')))
                   AS facet
        FROM etl._ol_fields(found, namespace) AS f
        GROUP BY f.target
    )
    SELECT coalesce(jsonb_agg(
               jsonb_build_object('namespace', namespace, 'name', w.name,
                                  'facets', coalesce(etl._ol_schema(w.relation), '{}') || coalesce(l.facet, '{}'))
               || CASE WHEN rows IS NOT NULL AND (SELECT count(*) FROM written) = 1
                       THEN jsonb_build_object('outputFacets', etl._ol_facet(
                                'outputStatistics', '1-0-2/OutputStatisticsOutputDatasetFacet',
                                jsonb_build_object('rowCount', rows)))
                       ELSE '{}' END
               ORDER BY w.name), '[]')
    FROM written AS w
    LEFT JOIN lineage AS l ON l.target = w.name
$$;
COMMENT ON FUNCTION etl._ol_outputs(etl._lineage_row[], text, bigint) IS
    'The datasets that are written, and, where it is only one, how many rows.';

-- What a run, or one of its steps, has done --------------------------------------------------------------------------

CREATE TYPE etl._ol_job AS (
    name text, type text, description text, sql text, status text, started_at timestamptz, finished_at timestamptz,
    rows bigint, error text, context text, parent text, found etl._lineage_row[]);
COMMENT ON TYPE etl._ol_job IS 'What an event is made of: of a run or of one of its steps.';
COMMENT ON COLUMN etl._ol_job.name IS 'The job within the database.';
COMMENT ON COLUMN etl._ol_job.type IS 'DAG, TASK, or what kind of run it is.';
COMMENT ON COLUMN etl._ol_job.description IS 'Of the pipeline.';
COMMENT ON COLUMN etl._ol_job.sql IS 'What a step executes.';
COMMENT ON COLUMN etl._ol_job.status IS 'As in etl.runs and etl.step_runs.';
COMMENT ON COLUMN etl._ol_job.started_at IS 'When it began.';
COMMENT ON COLUMN etl._ol_job.finished_at IS 'When it ended.';
COMMENT ON COLUMN etl._ol_job.rows IS 'How many rows it has changed.';
COMMENT ON COLUMN etl._ol_job.error IS 'Why it failed.';
COMMENT ON COLUMN etl._ol_job.context IS 'Where.';
COMMENT ON COLUMN etl._ol_job.parent IS 'The job of the run to which a step belongs.';
COMMENT ON COLUMN etl._ol_job.found IS 'What it reads and writes.';

CREATE FUNCTION etl._step_run_path(step etl.step_run)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.search_path FROM etl.pipeline_run AS r WHERE r.run_id = step.run_id
$$;
COMMENT ON FUNCTION etl._step_run_path(etl.step_run) IS 'The search path under which a step of a run was executed.';

CREATE FUNCTION etl._step_run_lineage(step etl.step_run)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM etl._command_lineage(step.command, step."check", etl._step_run_path(step),
                                       coalesce(step.run_as, step.owner))
$$;
COMMENT ON FUNCTION etl._step_run_lineage(etl.step_run) IS
    'What a step of a run has read and written, from what it executed and the relations as they are now.';

CREATE FUNCTION etl._ol_own_run(run etl.run)
RETURNS SETOF etl._lineage_row
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.*
    FROM (VALUES ('rollup', 'refresh_rollup', 'name', run.name),
                 ('refresh', 'refresh_matview', 'matview', etl._named_relation(run.name)::oid::text),
                 ('retention', 'run_retention', 'policy', run.name),
                 ('extract', 'run_extract', 'name', run.name),
                 ('features', 'materialize_features', 'name', run.name)) AS c(kind, function, argument, value)
    CROSS JOIN LATERAL etl._call_lineage(c.function, jsonb_build_object(c.argument, c.value), '{}', run.owner) AS l
    WHERE c.kind = run.kind AND c.value IS NOT NULL
$$;
COMMENT ON FUNCTION etl._ol_own_run(etl.run) IS 'What a run that is no pipeline''s reads and writes.';

CREATE FUNCTION etl._ol_run_job(run etl.run)
RETURNS etl._ol_job
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ROW(
        CASE WHEN run.kind = 'pipeline' THEN run.name ELSE run.kind || '.' || run.name END,
        CASE WHEN run.kind = 'pipeline' THEN 'DAG' ELSE upper(run.kind) END,
        (SELECT p.description FROM etl.pipeline AS p
         WHERE run.kind = 'pipeline' AND p.name = run.name AND p.owner = run.owner),
        NULL, run.status, run.started_at, run.finished_at, CASE WHEN run.kind <> 'pipeline' THEN run.rows END,
        run.error, NULL, NULL,
        CASE WHEN run.kind = 'pipeline'
             THEN ARRAY(SELECT ROW(dense_rank() OVER (ORDER BY s.position, l.statement), l.command, l.item, l.target,
                                   l.target_name, l.target_column, l.relation, l.column_name, l.type, l.subtype,
                                   l.note)::etl._lineage_row
                        FROM etl.step_run AS s
                        CROSS JOIN LATERAL etl._step_run_lineage(s) AS l
                        WHERE s.run_id = run.run_id)
             ELSE ARRAY(SELECT l FROM etl._ol_own_run(run) AS l) END)::etl._ol_job
$$;
COMMENT ON FUNCTION etl._ol_run_job(etl.run) IS 'What an event of a run is made of.';

CREATE FUNCTION etl._ol_step_job(run etl.run, step text)
RETURNS etl._ol_job
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    done etl.step_run;
BEGIN
    SELECT s.* INTO done FROM etl.step_run AS s WHERE s.run_id = run.run_id AND s.step = _ol_step_job.step;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('run %s has no step "%s"', run.run_id, step),
            DETAIL = coalesce((SELECT 'Its steps are ' || string_agg(format('"%s"', s.step), ', ' ORDER BY s.position)
                                      || '.' FROM etl.step_run AS s WHERE s.run_id = run.run_id),
                              'It has no steps.'),
            HINT = format('SELECT step FROM etl.step_runs WHERE run_id = %s; lists them.', run.run_id);
    END IF;
    RETURN ROW(run.name || '.' || done.step, 'TASK', NULL, done.command, done.status, done.started_at, done.finished_at,
               done.rows, done.error, done.context, run.name,
               ARRAY(SELECT l FROM etl._step_run_lineage(done) AS l)
              )::etl._ol_job;
END
$$;
COMMENT ON FUNCTION etl._ol_step_job(etl.run, text) IS
    'What an event of a step of a run is made of (42704 no such step).';

-- The event -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._ol_event_type(job etl._ol_job, event text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF event IS NOT NULL AND upper(event) <> 'START' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('event "%s" is not known', event),
            HINT = 'Give START for the event of the beginning; leave it out for that of the present state.';
    ELSIF event IS NOT NULL AND job.started_at IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('"%s" has not begun', job.name),
            DETAIL = format('Its status is %s.', job.status),
            HINT = 'Leave event out for the event of the present state.';
    END IF;
    RETURN CASE WHEN event IS NOT NULL THEN 'START'
                WHEN job.status = 'succeeded' THEN 'COMPLETE'
                WHEN job.status = 'failed' THEN 'FAIL'
                WHEN job.status IN ('cancelled', 'skipped') THEN 'ABORT'
                WHEN job.status = 'running' THEN 'RUNNING'
                ELSE 'OTHER' END;
END
$$;
COMMENT ON FUNCTION etl._ol_event_type(etl._ol_job, text) IS
    'The eventType: of the beginning (event START), or of the status. 22023 another event, 55000 it has not begun.';

CREATE FUNCTION etl._ol_unseen(found etl._lineage_row[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._ol_facet('extractionError', '1-1-2/ExtractionErrorRunFacet', jsonb_build_object(
               'totalTasks', greatest(count(*) FILTER (WHERE l.item = 'statement'), count(DISTINCT l.statement)),
               'failedTasks', count(DISTINCT l.statement) FILTER (WHERE l.item IN ('opaque', 'error')),
               'errors', jsonb_agg(DISTINCT jsonb_build_object(
                   'errorMessage', CASE l.item WHEN 'opaque' THEN 'cannot be looked into: ' ELSE '' END || l.note,
                   'taskNumber', l.statement - 1)) FILTER (WHERE l.item IN ('opaque', 'error'))))
    FROM unnest(found) AS l
    HAVING bool_or(l.item IN ('opaque', 'error'))
$$;
COMMENT ON FUNCTION etl._ol_unseen(etl._lineage_row[]) IS
    'The facet extractionError: what could not be analysed or looked into; NULL where there is nothing.';

CREATE FUNCTION etl._ol_run_facets(run etl.run, job etl._ol_job, namespace text, is_start boolean)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._ol_facet('nominalTime', '1-0-1/NominalTimeRunFacet',
                         jsonb_build_object('nominalStartTime', etl._ol_time(run.as_of)))
        || etl._ol_facet('processing_engine', '1-1-1/ProcessingEngineRunFacet',
                         jsonb_build_object('name', 'PostgreSQL', 'version', current_setting('server_version'),
                                            'openlineageAdapterVersion', etl.version()))
        || coalesce(etl._ol_unseen(job.found), '{}')
        || CASE WHEN job.parent IS NULL THEN '{}'
                ELSE etl._ol_facet('parent', '1-1-0/ParentRunFacet', jsonb_build_object(
                         'run', jsonb_build_object('runId', etl._ol_run_id(run.run_id)),
                         'job', jsonb_build_object('namespace', namespace,
                                                   'name', current_database() || '.' || job.parent))) END
        || CASE WHEN job.error IS NULL OR is_start THEN '{}'
                ELSE etl._ol_facet('errorMessage', '1-0-1/ErrorMessageRunFacet', jsonb_strip_nulls(jsonb_build_object(
                         'message', job.error, 'programmingLanguage', 'SQL', 'stackTrace', job.context))) END
$$;
COMMENT ON FUNCTION etl._ol_run_facets(etl.run, etl._ol_job, text, boolean) IS 'The facets of the run.';

CREATE FUNCTION etl._ol_job_facets(job etl._ol_job)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._ol_facet('jobType', '2-0-3/JobTypeJobFacet',
                         jsonb_build_object('processingType', 'BATCH', 'integration', 'PG_ETL', 'jobType', job.type))
        || CASE WHEN job.description IS NULL THEN '{}'
                ELSE etl._ol_facet('documentation', '1-0-1/DocumentationJobFacet',
                                   jsonb_build_object('description', job.description)) END
        || CASE WHEN job.sql IS NULL THEN '{}'
                ELSE etl._ol_facet('sql', '1-0-1/SQLJobFacet', jsonb_build_object('query', job.sql)) END
$$;
COMMENT ON FUNCTION etl._ol_job_facets(etl._ol_job) IS 'The facets of the job.';

CREATE FUNCTION etl._ol_run(run bigint)
RETURNS etl.run
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.run;
BEGIN
    SELECT r.* INTO stored FROM etl.run AS r WHERE r.run_id = run;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('run %s does not exist', coalesce(run::text, 'NULL')),
            DETAIL = format('Role "%s" sees the runs of its own pipelines, policies, rollups and views.', current_user),
            HINT = 'SELECT run_id, kind, name FROM etl.runs; lists them.';
    END IF;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._ol_run(bigint) IS 'A run that the current role sees (42704).';

CREATE FUNCTION etl.openlineage_event(
    run bigint, step text DEFAULT NULL, event text DEFAULT NULL, namespace text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT etl.run := etl._ol_run(run);
    place CONSTANT text := coalesce(namespace, etl._ol_namespace());
    job CONSTANT etl._ol_job := CASE WHEN step IS NULL THEN etl._ol_run_job(known)
                                     ELSE etl._ol_step_job(known, step) END;
    event_type CONSTANT text := etl._ol_event_type(job, event);
BEGIN
    RETURN jsonb_build_object(
        'eventType', event_type,
        'eventTime', etl._ol_time(CASE WHEN event_type = 'START' THEN job.started_at
                                       ELSE coalesce(job.finished_at, clock_timestamp()) END),
        'producer', etl._ol_producer(),
        'schemaURL', 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent',
        'run', jsonb_build_object(
            'runId', etl._ol_run_id(run, step),
            'facets', etl._ol_run_facets(known, job, place, event_type = 'START')),
        'job', jsonb_build_object(
            'namespace', place,
            'name', current_database() || '.' || job.name,
            'facets', etl._ol_job_facets(job)),
        'inputs', etl._ol_inputs(job.found, place),
        'outputs', etl._ol_outputs(job.found, place,
                                   CASE WHEN event_type = 'COMPLETE' THEN job.rows END));
END
$$;
COMMENT ON FUNCTION etl.openlineage_event(bigint, text, text, text) IS
    'A RunEvent of OpenLineage 2-0-2 (https://openlineage.io/spec/2-0-2/OpenLineage.json) for a run of etl.runs, or '
    'for one step of a pipeline''s run, to be sent to a catalog such as Marquez or DataHub. Arguments: run; step; '
    'event, START for the event of its beginning (default: that of its present state: succeeded is COMPLETE, failed '
    'is FAIL, cancelled and skipped are ABORT, running is RUNNING, queued and waiting are OTHER); namespace of jobs '
    'and datasets (default: postgres://cluster_name:port, or postgres://localhost:port). Datasets are named '
    'database.schema.table, those that an extract reads outside of it by their path in the namespace of their origin, '
    'such as https://api.example.com, and have the facets schema and, where they are written, columnLineage; they '
    'are those of the statements as they were run, analysed now. What could not be looked into is in the run''s facet '
    'extractionError. runId is always the same for a run. Errors: 42704 no such run or step, 22023 unknown event, '
    '55000 START of what has not begun.';
