-- The result document that Great Expectations writes of a validation: etl.validate_json.

CREATE FUNCTION etl._subjects(kwargs jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(kwargs -> 'column_list') = 'array'
                THEN ARRAY(SELECT jsonb_array_elements_text(kwargs -> 'column_list'))
                ELSE array_remove(ARRAY[kwargs ->> 'column', kwargs ->> 'column_A', kwargs ->> 'column_B'], NULL) END
$$;
COMMENT ON FUNCTION etl._subjects(jsonb) IS 'The columns that an expectation speaks of, in the order of its values.';

CREATE FUNCTION etl._row_query(source etl._source, shown text, condition text, computed text, wanted text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN computed IS NULL THEN format('SELECT %s FROM %s', shown, f.rows_sql)
                ELSE format('SELECT %s FROM (SELECT %s, %s AS "(found)" FROM %s) AS %I WHERE %s',
                            shown, shown, computed, f.rows_sql, source.alias, wanted) END
    FROM (SELECT concat(source.rows_sql,
                        CASE WHEN source.target IS NULL
                                  OR source.rows_sql = format('%s AS %I', source.target, source.alias) THEN ' WHERE '
                             ELSE ' AND ' END || nullif(condition, ''))) AS f (rows_sql)
$$;
COMMENT ON FUNCTION etl._row_query(etl._source, text, text, text, text) IS
    'A query for the rows of a table that meet a condition (NULL: all); where something is computed over all of them, '
    'for those where that is as wanted.';

CREATE FUNCTION etl._names_in(source etl._source, names text[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%I.%I', source.alias, c.name), ', ' ORDER BY c.n)
    FROM (SELECT u.name, min(u.n) AS n FROM unnest(names) WITH ORDINALITY AS u (name, n) GROUP BY u.name) AS c
$$;
COMMENT ON FUNCTION etl._names_in(etl._source, text[]) IS 'Columns of a source as SQL, each once; NULL for none.';

CREATE FUNCTION etl._breaks(expectation text, "row" record)
RETURNS bool
LANGUAGE C STRICT STABLE PARALLEL RESTRICTED -- a condition may be anything, and the planner does not see it
AS 'MODULE_PATHNAME', 'etl_breaks';
COMMENT ON FUNCTION etl._breaks(text, record) IS
    'Whether one row breaks one row-level expectation, given as in a suite: {"type": "expect_…", "kwargs": {…}}.';

CREATE TYPE etl._row_question AS (
    expectation text, kwargs jsonb, condition text, order_by text[], subjects text[], shown text, subject text
);
COMMENT ON TYPE etl._row_question IS
    'What a query for the failing rows of an expectation is made from: the SQL of its row condition, the columns that '
    'it speaks of (subjects, and as SQL: subject), and those that are shown, as SQL.';

CREATE FUNCTION etl._breaking_rows(source etl._source, q etl._row_question)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._row_query(
        source, q.shown,
        format('etl._breaks(%L, %I.*)', jsonb_build_object(
            'type', q.expectation, 'kwargs', q.kwargs - ARRAY['result_format', 'mostly']), source.alias),
        NULL, NULL)
$$;
COMMENT ON FUNCTION etl._breaking_rows(etl._source, etl._row_question) IS
    'A query for the rows that break a row-level expectation.';

CREATE FUNCTION etl._repeated_rows(source etl._source, q etl._row_question)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._row_query(
        source, q.shown,
        concat_ws(' AND ', q.condition, 'NOT (' || (
            SELECT string_agg(format('%I.%I IS NULL', source.alias, c),
                              CASE q.kwargs ->> 'ignore_row_if' WHEN 'any_value_is_missing' THEN ' OR '
                                                                ELSE ' AND ' END)
            FROM unnest(q.subjects) AS c
            WHERE coalesce(q.kwargs ->> 'ignore_row_if', '') <> 'never') || ')'),
        format('count(*) OVER (PARTITION BY %s)', q.subject), '"(found)" > 1')
$$;
COMMENT ON FUNCTION etl._repeated_rows(etl._source, etl._row_question) IS 'A query for the rows with repeated values.';

CREATE FUNCTION etl._disordered_rows(source etl._source, q etl._row_question)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._row_query(
        source, q.shown, concat_ws(' AND ', q.condition, q.subject || ' IS NOT NULL'),
        format('lag(%s) OVER (ORDER BY %s)', q.subject, coalesce(
            etl._names_in(source, q.order_by), format('%1$I.tableoid, %1$I.ctid', source.alias))),
        format('%s %s "(found)"', q.subject, CASE WHEN q.expectation LIKE '%increasing' THEN '<' ELSE '>' END
                                             || CASE WHEN (q.kwargs ->> 'strictly')::bool THEN '=' ELSE '' END))
$$;
COMMENT ON FUNCTION etl._disordered_rows(etl._source, etl._row_question) IS
    'A query for the rows whose value does not increase, or decrease, from the one before.';

CREATE FUNCTION etl._far_rows(source etl._source, q etl._row_question)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._row_query(
        source, q.shown, q.condition,
        format('(%1$s::float8 - avg(%1$s::float8) OVER ()) / stddev_samp(%1$s::float8) OVER ()', q.subject),
        format(CASE WHEN (q.kwargs ->> 'double_sided')::bool THEN 'abs("(found)") >= %L::float8'
                    ELSE '"(found)" >= %L::float8' END, q.kwargs ->> 'threshold'))
$$;
COMMENT ON FUNCTION etl._far_rows(etl._source, etl._row_question) IS 'A query for the rows with high z-scores.';

CREATE FUNCTION etl._failing_row_queries(source etl._source, suite text, params jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH bound AS (
        SELECT etl._bind_suite(etl._suite_document(suite), coalesce(params::text, ''), localtimestamp) AS document
    ), rules AS (
        SELECT r.number, r.kind, r.row_level, r.expectation, r.kwargs::jsonb AS kwargs, r.order_by,
               '(' || r.condition || ') IS TRUE' AS condition, etl._subjects(r.kwargs::jsonb) AS subjects
        FROM bound AS b
        CROSS JOIN LATERAL ROWS FROM (etl._validation_rules(b.document), etl._suite_expectations(b.document))
            AS r (number, kind, columns, condition, test, order_by, previous, kwargs,
                  expectation, all_columns, given, label, row_level, severity, row_condition)
    ), written AS (
        SELECT r.number, r.kind, r.row_level, r.expectation,
               (r.expectation, r.kwargs, r.condition, r.order_by, r.subjects,
                coalesce(etl._names_in(source, source.keys::text[] || r.subjects), format('%I.*', source.alias)),
                etl._names_in(source, r.subjects))::etl._row_question AS question
        FROM rules AS r
    )
    SELECT array_agg(CASE
        WHEN w.row_level THEN etl._breaking_rows(source, w.question)
        WHEN w.kind = 'unique' THEN etl._repeated_rows(source, w.question)
        WHEN w.kind = 'ordered' THEN etl._disordered_rows(source, w.question)
        WHEN w.expectation = 'expect_column_value_z_scores_to_be_less_than' THEN etl._far_rows(source, w.question)
        END ORDER BY w.number)
    FROM written AS w
$$;
COMMENT ON FUNCTION etl._failing_row_queries(etl._source, text, jsonb) IS
    'For each expectation of a suite, in its order, a query that lists the failing rows of a table; NULL where rows do '
    'not fail one by one.';

CREATE FUNCTION etl._whole_rows(target regclass, tables oid[], row_ids tid[])
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(etl._locked_value(
        'SELECT jsonb_agg(r.found ORDER BY u.n) FROM unnest($3, $4) WITH ORDINALITY AS u (relation, row_id, n) '
        'JOIN etl._rows_at($1, $2, $3, $4) AS r USING (relation, row_id)',
        NULL::jsonb, target, format('to_json(found::%s)', target), tables, row_ids), '[]');
END
$$;
COMMENT ON FUNCTION etl._whole_rows(regclass, oid[], tid[]) IS 'The rows at these places of a table.';

CREATE FUNCTION etl._value_counts(list json, columns text[], most int)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('value', c.value, 'count', c.count)
                              ORDER BY c.count DESC,
                                       CASE WHEN jsonb_typeof(c.value) = 'number' THEN c.value::numeric END,
                                       c.value #>> '{}' COLLATE "C"), '[]')
    FROM (SELECT v.value, count(*) AS count
          FROM json_array_elements(list) WITH ORDINALITY AS e (element, n)
          CROSS JOIN LATERAL (
              SELECT CASE WHEN json_typeof(e.element) = 'object' AND cardinality(columns) > 1
                          THEN (SELECT jsonb_agg(e.element::jsonb -> u.name ORDER BY u.n)
                                FROM unnest(columns) WITH ORDINALITY AS u (name, n))
                          ELSE e.element::jsonb END) AS v (value)
          GROUP BY v.value
          ORDER BY count(*) DESC, min(e.n)
          LIMIT most) AS c
$$;
COMMENT ON FUNCTION etl._value_counts(json, text[], int) IS
    'How often each failing value is in a list: the most frequent, ordered by count and value. Values of several '
    'columns are lists.';

CREATE FUNCTION etl._index_list(o etl._outcome, columns text[], most int)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(
        k.value || CASE WHEN jsonb_typeof(v.value) = 'object' AND cardinality(columns) > 1 THEN v.value
                        WHEN cardinality(columns) = 2
                            THEN jsonb_build_object(columns[1], v.value -> 0, columns[2], v.value -> 1)
                        WHEN cardinality(columns) = 1 THEN jsonb_build_object(columns[1], v.value)
                        ELSE '{}' END
        ORDER BY k.n), '[]')
    FROM jsonb_array_elements(o.failing_keys::jsonb) WITH ORDINALITY AS k (value, n)
    JOIN jsonb_array_elements(o.failing_values::jsonb) WITH ORDINALITY AS v (value, n) USING (n)
    WHERE k.n <= coalesce(most, 2147483647)
$$;
COMMENT ON FUNCTION etl._index_list(etl._outcome, text[], int) IS
    'The keys of failing rows together with the failing values, an object a row.';

CREATE FUNCTION etl._counts_of(o etl._outcome)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
               'element_count', o.element_count,
               'unexpected_count', o.unexpected_count,
               'unexpected_percent', o.unexpected_percent)
           || CASE WHEN o.missing_count IS NULL THEN '{}' ELSE jsonb_build_object(
                  'missing_count', o.missing_count,
                  'missing_percent', 100.0 * o.missing_count / nullif(o.element_count, 0)::float8,
                  'unexpected_percent_total', 100.0 * o.unexpected_count / nullif(o.element_count, 0)::float8,
                  'unexpected_percent_nonmissing', o.unexpected_percent) END
$$;
COMMENT ON FUNCTION etl._counts_of(etl._outcome) IS
    'How many rows there are, are missing and fail, and in percent. Where NULL itself is the matter, none is missing.';

CREATE FUNCTION etl._lists_of(o etl._outcome, source etl._source, format text, given jsonb, query text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN f.shows_values THEN jsonb_build_object(
                    'partial_unexpected_list', etl._first_of(o.failing_values::json, f.partial)) ELSE '{}' END
        || CASE WHEN f.has_keys THEN jsonb_build_object(
                    'unexpected_index_column_names', source.keys) ELSE '{}' END
        || CASE WHEN f.shows_values AND format <> 'BASIC' AND f.partial > 0 THEN jsonb_build_object(
                    'partial_unexpected_counts', etl._value_counts(
                        CASE WHEN format = 'COMPLETE' THEN o.failing_values::json
                             ELSE etl._first_of(o.failing_values::json, f.partial)::json END,
                        etl._subjects(o.kwargs::jsonb), f.partial)) ELSE '{}' END
        || CASE WHEN f.has_keys AND format <> 'BASIC' AND f.partial > 0 THEN jsonb_build_object(
                    'partial_unexpected_index_list', etl._index_list(
                        o, etl._subjects(o.kwargs::jsonb), f.partial)) ELSE '{}' END
        || CASE WHEN f.shows_values AND format = 'COMPLETE' THEN jsonb_build_object(
                    'unexpected_list', etl._first_of(o.failing_values::json, NULL)) ELSE '{}' END
        || CASE WHEN f.has_keys AND format = 'COMPLETE' THEN jsonb_build_object(
                    'unexpected_index_list', etl._index_list(
                        o, etl._subjects(o.kwargs::jsonb), NULL)) ELSE '{}' END
        || CASE WHEN format = 'COMPLETE' AND query IS NOT NULL
                     AND coalesce((given ->> 'return_unexpected_index_query')::bool, true)
                THEN jsonb_build_object('unexpected_index_query', query) ELSE '{}' END
        || CASE WHEN (given ->> 'include_unexpected_rows')::bool AND source.has_places THEN jsonb_build_object(
                    'unexpected_rows', etl._whole_rows(
                        source.target,
                        CASE WHEN format = 'COMPLETE' THEN o.tables ELSE o.tables[:f.partial] END,
                        CASE WHEN format = 'COMPLETE' THEN o.row_ids ELSE o.row_ids[:f.partial] END)) ELSE '{}' END
    FROM (SELECT coalesce((given ->> 'partial_unexpected_count')::int, 20),
                 NOT coalesce((given ->> 'exclude_unexpected_values')::bool, false),
                 cardinality(source.keys) > 0) AS f (partial, shows_values, has_keys)
$$;
COMMENT ON FUNCTION etl._lists_of(etl._outcome, etl._source, text, jsonb, text) IS
    'The failing values, their keys and counts, as a format has them; given is what an expectation''s own '
    'result_format says of them.';

CREATE FUNCTION etl._result_of(o etl._outcome, source etl._source, result_format text, query text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN f.chosen = 'BOOLEAN_ONLY' OR o.fault IS NOT NULL OR o.expectation = 'expect_column_to_exist'
                    THEN '{}'
                WHEN o.unexpected_count IS NULL OR o.observed_value IS NOT NULL
                    THEN jsonb_build_object('observed_value', o.observed_value::jsonb)
                         || CASE WHEN o.details IS NULL THEN '{}'
                                 ELSE jsonb_build_object('details', o.details::jsonb) END
                ELSE etl._counts_of(o) || etl._lists_of(
                         o, source, f.chosen, CASE WHEN jsonb_typeof(f.given) = 'object' THEN f.given END, query)
                     || CASE WHEN o.details IS NULL THEN '{}' ELSE jsonb_build_object('details', o.details::jsonb) END
                END
    FROM (SELECT g.given,
                 coalesce(CASE jsonb_typeof(g.given) WHEN 'object' THEN g.given ->> 'result_format'
                                                     WHEN 'string' THEN g.given #>> '{}' END, result_format) AS chosen
          FROM (SELECT o.kwargs::jsonb -> 'result_format' AS given) AS g) AS f
$$;
COMMENT ON FUNCTION etl._result_of(etl._outcome, etl._source, text, text) IS
    'The "result" that Great Expectations writes of an outcome in a format; an expectation''s own result_format goes '
    'before. query lists its failing rows.';

CREATE FUNCTION etl._as_document(
    outcomes etl._outcome[], source etl._source, suite text, result_format text, params jsonb, format text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH stored AS (
        SELECT s.number - 1 AS number, s.query, coalesce((s.expectation -> 'meta')::jsonb, '{}') AS meta
        FROM ROWS FROM (unnest(etl._failing_row_queries(source, suite, params)),
                        json_array_elements(etl._suite_document(suite)::json -> 'expectations'))
            WITH ORDINALITY AS s (query, expectation, number)
    ), results AS (
        SELECT o.number, o.success, jsonb_build_object(
            'success', o.success,
            'expectation_config', CASE WHEN format LIKE '0%' THEN jsonb_build_object(
                'expectation_type', o.expectation,
                'kwargs', o.kwargs::jsonb,
                'meta', CASE o.severity WHEN 'critical' THEN '{}' ELSE jsonb_build_object('severity', o.severity) END
                        || s.meta)
                ELSE jsonb_build_object(
                'type', o.expectation,
                'kwargs', o.kwargs::jsonb,
                'severity', o.severity,
                'meta', s.meta) END,
            'result', etl._result_of(o, source, result_format, s.query),
            'meta', '{}'::jsonb,
            'exception_info', jsonb_build_object(
                'raised_exception', o.fault IS NOT NULL,
                'exception_message', split_part(o.fault, E'\n', 1),
                'exception_traceback', 'ValueError: ' || o.fault)) AS result
        FROM unnest(outcomes) AS o
        LEFT JOIN stored AS s ON s.number = o.number
    ), counted AS (
        SELECT count(*) AS evaluated, count(*) FILTER (WHERE r.success) AS successful,
               coalesce(jsonb_agg(r.result ORDER BY r.number), '[]') AS results
        FROM results AS r
    )
    SELECT jsonb_build_object(
               'success', c.evaluated = c.successful,
               'results', c.results,
               CASE WHEN format LIKE '0%' THEN 'evaluation_parameters' ELSE 'suite_parameters' END,
               coalesce(params, '{}'),
               'statistics', jsonb_build_object(
                   'evaluated_expectations', c.evaluated,
                   'successful_expectations', c.successful,
                   'unsuccessful_expectations', c.evaluated - c.successful,
                   'success_percent', 100 * c.successful::float8 / nullif(c.evaluated, 0)),
               'meta', jsonb_build_object(
                   'validation_time', to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS.US"Z"'),
                   'pg_etl_version', etl.version(),
                   'expectation_suite_name', suite))
           || CASE WHEN format LIKE '0%' THEN '{}' ELSE jsonb_build_object('suite_name', suite) END
    FROM counted AS c
$$;
COMMENT ON FUNCTION etl._as_document(etl._outcome[], etl._source, text, text, jsonb, text) IS
    'Outcomes as Great Expectations'' validation result document. A traceback begins with the class of exception that '
    'its readers know, ValueError, and goes on with message and detail.';

CREATE FUNCTION etl._require_generation(format text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF format IS NULL OR NOT format = ANY (ARRAY['1.x', '1.0', '1', '0.x', '0.18']) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown format %L', format),
            HINT = 'The formats are 1.x and 0.18.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_generation(text) IS
    'Raises (22023) for what is no generation of Great Expectations'' documents.';

CREATE FUNCTION etl._validate_document(
    source etl._source, suite text, result_format text, params jsonb, max_failing_keys int, format text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most int := max_failing_keys;
BEGIN
    PERFORM etl._require_generation(format);
    IF most IS NULL AND NOT EXISTS (SELECT FROM etl._formats(etl._suite_document(suite), result_format) AS f
                                    WHERE f.format = 'COMPLETE') THEN
        most := 20;
    END IF;
    RETURN etl._as_document(etl._validate(source, suite, result_format, params, most), source, suite, result_format,
                            params, format);
END
$$;
COMMENT ON FUNCTION etl._validate_document(etl._source, text, text, jsonb, int, text) IS
    'Validates a source and returns the validation result document of Great Expectations.';

CREATE FUNCTION etl.validate_json(
    target regclass, suite text, where_sql text DEFAULT NULL, key_columns name[] DEFAULT NULL,
    result_format text DEFAULT 'SUMMARY', params jsonb DEFAULT NULL, max_failing_keys int DEFAULT NULL,
    format text DEFAULT '1.x')
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._validate_document(etl._table_source(target, where_sql, key_columns), suite, result_format, params,
                                  max_failing_keys, format)
$$;
COMMENT ON FUNCTION etl.validate_json(regclass, text, text, name[], text, jsonb, int, text) IS
    'Validates a table as etl.validate does and returns the validation result document of Great Expectations: '
    'success, results (for each expectation success, expectation_config, result, exception_info), statistics and '
    'meta. COMPLETE lists every failing value with its row''s key (where key_columns or a primary key name rows) and a '
    'query for these rows. An expectation''s own result_format may also set partial_unexpected_count, '
    'exclude_unexpected_values, include_unexpected_rows and return_unexpected_index_query. Arguments as in '
    'etl.validate; max_failing_keys is NULL for all rows (up to 16777216) in COMPLETE and 20 elsewhere; format, 1.x or '
    '0.18, how expectations are named. Errors as etl.validate, and 22023 another format.';

CREATE FUNCTION etl.validate_query_json(
    query text, suite text, key_columns name[] DEFAULT NULL, result_format text DEFAULT 'SUMMARY',
    params jsonb DEFAULT NULL, max_failing_keys int DEFAULT NULL, format text DEFAULT '1.x')
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._validate_document(etl._query_source(query, key_columns), suite, result_format, params,
                                  max_failing_keys, format)
$$;
COMMENT ON FUNCTION etl.validate_query_json(text, text, name[], text, jsonb, int, text) IS
    'Validates the rows of a query as etl.validate_query does and returns the document that etl.validate_json returns. '
    'Arguments and errors are those of the two.';
