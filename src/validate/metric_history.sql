-- Metrics over time: a table for them, functions that write it. etl.anomaly watches them.

CREATE TABLE etl.metric_history (
    metric_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation text NOT NULL,
    column_name text,
    metric text NOT NULL CHECK (metric <> ''),
    value float8,
    suite text,
    measured_at timestamptz NOT NULL DEFAULT now(),
    tags jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(tags) = 'object'),
    owner name NOT NULL DEFAULT current_user
);
-- Of the tags only a hash of 64 bits: an index entry has room for 2.7 kB, and a list in the tags may be longer.
CREATE UNIQUE INDEX metric_history_series_key ON etl.metric_history
    (owner, relation, metric, column_name, suite, measured_at, jsonb_hash_extended(tags, 0))
    NULLS NOT DISTINCT;
COMMENT ON TABLE etl.metric_history IS
    'Metrics of tables over time, as etl.record_metric and etl.record_results write them: of which table (by its name) '
    'and column (NULL for the whole table), which metric, its value (NULL when there was nothing to measure), by which '
    'suite, when. tags tell apart what is measured more than once, such as {"region": "eu"}. Each role sees its own.';
COMMENT ON INDEX etl.metric_history_series_key IS
    'A metric has one value at a time: what record_metric finds the row by that it replaces.';
ALTER TABLE etl.metric_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY metric_history_owner ON etl.metric_history USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.metric_history TO PUBLIC;
COMMENT ON SEQUENCE etl.metric_history_metric_id_seq IS 'Numbers of etl.metric_history.';
SELECT pg_catalog.pg_extension_config_dump('etl.metric_history', '');
GRANT SELECT ON SEQUENCE etl.metric_history_metric_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.metric_history_metric_id_seq', '');

CREATE FUNCTION etl._require_measurable(relation regclass, tags jsonb, measured_at timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind text := etl._relation_kind(relation);
BEGIN
    IF relation IS NULL OR kind IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN relation IS NULL THEN 'invalid_parameter_value' ELSE 'undefined_table' END,
            MESSAGE = CASE WHEN relation IS NULL THEN 'no relation was given'
                           ELSE format('relation with OID %s does not exist', relation::oid) END,
            HINT = 'Name the table or view that was measured, as in ''public.orders''.';
    ELSIF kind NOT IN ('table', 'partitioned table', 'view', 'materialized view', 'foreign table') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('"%s" is %s %s, which has no rows to measure', relation,
                             CASE WHEN kind ~ '^[aeiou]' THEN 'an' ELSE 'a' END, kind),
            HINT = 'Name a table or a view.';
    ELSIF jsonb_typeof(tags) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('tags must be a JSON object, not %s', coalesce(left(tags::text, 80), 'NULL')),
            HINT = 'Give names and values, as in ''{"region": "eu"}''.';
    END IF;
    PERFORM etl._require_moment(measured_at, 'measured_at');
END
$$;
COMMENT ON FUNCTION etl._require_measurable(regclass, jsonb, timestamptz) IS
    'Checks what every metric has: a table or view (42P01, 42809), tags that are a JSON object and a finite time '
    '(22023).';

CREATE FUNCTION etl._store_metric(
    relation text, metric text, value float8, column_name text, suite text, measured_at timestamptz, tags jsonb
)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO etl.metric_history (relation, metric, value, column_name, suite, measured_at, tags)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (owner, relation, metric, column_name, suite, measured_at, jsonb_hash_extended(tags, 0))
    DO UPDATE SET value = excluded.value
$$;
COMMENT ON FUNCTION etl._store_metric(text, text, float8, text, text, timestamptz, jsonb) IS
    'Writes one row of etl.metric_history, or replaces its value.';

CREATE FUNCTION etl.record_metric(
    relation regclass, metric text, value float8, column_name name DEFAULT NULL,
    measured_at timestamptz DEFAULT etl.as_of(), tags jsonb DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_measurable(relation, tags, measured_at);
    IF coalesce(metric, '') = '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the metric has no name',
            HINT = 'Say what was measured, as in ''row_count''.';
    END IF;
    IF column_name IS NOT NULL THEN
        PERFORM etl._require_column(relation, column_name);
    END IF;
    PERFORM etl._store_metric(etl._relation_name(relation), metric, value, column_name, NULL, measured_at, tags);
END
$$;
COMMENT ON FUNCTION etl.record_metric(regclass, text, float8, name, timestamptz, jsonb) IS
    'Records the value of a metric of a table or view, or of one of its columns, in etl.metric_history. A value that '
    'was recorded for the same relation, metric, column, time and tags is replaced, so a repeated run changes nothing. '
    'measured_at is now where it is left out, and in a pipeline the run''s as_of. Errors: 42P01 and 42809 no table or '
    'view, 42703 no such column, 22023 no metric, no finite time, or tags that are no JSON object.';

CREATE FUNCTION etl._result_metrics(results jsonb)
RETURNS TABLE (metric text, value float8, column_name text, tags jsonb)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (r ->> 'expectation') || '.' || m.name,
           CASE jsonb_typeof(m.value) WHEN 'number' THEN (m.value #>> '{}')::float8
                                      WHEN 'boolean' THEN (m.value #>> '{}')::bool::int END,
           r -> 'kwargs' ->> 'column',
           CASE WHEN arguments.given = '{}' THEN arguments.given
                ELSE jsonb_build_object('kwargs', arguments.given) END
    FROM jsonb_array_elements(results) AS r
    CROSS JOIN LATERAL (SELECT coalesce(r -> 'kwargs', '{}') - 'column' AS given) AS arguments
    CROSS JOIN LATERAL jsonb_each(r) AS m (name, value)
    WHERE jsonb_typeof(r) = 'object' AND r ->> 'expectation' IS NOT NULL
      AND m.name IN ('success', 'element_count', 'missing_count', 'unexpected_count', 'unexpected_percent',
                     'observed_value')
      AND jsonb_typeof(m.value) IN ('number', 'boolean')
$$;
COMMENT ON FUNCTION etl._result_metrics(jsonb) IS
    'The numbers in the rows of a validation as metrics: expect_….unexpected_percent and the like; success is 1 or 0. '
    'What distinguishes two expectations of one kind for a column, their kwargs, becomes a tag.';

CREATE FUNCTION etl.record_results(
    relation regclass, suite text, results jsonb, measured_at timestamptz DEFAULT etl.as_of(), tags jsonb DEFAULT '{}'
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    recorded bigint := 0;
    found record;
BEGIN
    PERFORM etl._require_measurable(relation, tags, measured_at);
    IF jsonb_typeof(results) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('results must be a JSON array, not %s', coalesce(jsonb_typeof(results), 'NULL')),
            HINT = 'Give the rows of a validation: (SELECT jsonb_agg(v) FROM etl.validate(…) AS v).';
    END IF;
    FOR found IN SELECT * FROM etl._result_metrics(results) LOOP
        PERFORM etl._store_metric(etl._relation_name(relation), found.metric, found.value, found.column_name, suite,
                                  measured_at, tags || found.tags);
        recorded := recorded + 1;
    END LOOP;
    RETURN recorded;
END
$$;
COMMENT ON FUNCTION etl.record_results(regclass, text, jsonb, timestamptz, jsonb) IS
    'Records the numbers of a validation in etl.metric_history and returns how many: of each row of etl.validate, as '
    'a JSON array, the metrics <expectation>.success, element_count, missing_count, unexpected_count, '
    'unexpected_percent and observed_value where it is a number. An expectation''s kwargs beside its column are added '
    'to the tags. Recording the same again replaces. Errors as etl.record_metric; 22023 when results is no array.';
