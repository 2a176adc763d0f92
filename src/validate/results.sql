-- What users call to validate, and the documents that Great Expectations would write of it.

CREATE FUNCTION etl._require_format(result_format text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF result_format IS NULL OR NOT result_format = ANY (ARRAY['BOOLEAN_ONLY', 'BASIC', 'SUMMARY', 'COMPLETE']) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown result_format %L', result_format),
            HINT = 'The formats are BOOLEAN_ONLY, BASIC, SUMMARY and COMPLETE.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_format(text) IS 'Raises (22023) for what is none of Great Expectations'' formats.';

CREATE FUNCTION etl._listed(result_format text, max_failing_keys int)
RETURNS int
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN result_format = 'BOOLEAN_ONLY' THEN 0
                ELSE least(greatest(coalesce(max_failing_keys, 16777216), 20), 16777216) END
$$;
COMMENT ON FUNCTION etl._listed(text, int) IS
    'How many failing rows a scan keeps of each expectation: at least the 20 whose values are shown, NULL for all.';

CREATE FUNCTION etl._first_of(list json, most int)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN list IS NOT NULL THEN
               (SELECT coalesce(jsonb_agg(e.value::jsonb ORDER BY e.n), '[]')
                FROM json_array_elements(list) WITH ORDINALITY AS e (value, n)
                WHERE e.n <= coalesce(most, 2147483647)) END
$$;
COMMENT ON FUNCTION etl._first_of(json, int) IS 'The first elements of a JSON array; NULL for all of them.';

CREATE FUNCTION etl._validate(source etl._source, suite text, result_format text, params jsonb, max_failing_keys int)
RETURNS SETOF etl._outcome
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_format(result_format);
    IF max_failing_keys < 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('max_failing_keys must not be negative, but it is %s', max_failing_keys),
            HINT = 'NULL lists every failing row.';
    END IF;
    RETURN QUERY SELECT r.* FROM etl._run_suite(
        source, etl._bind_suite(etl._suite_document(suite), coalesce(params::text, ''), localtimestamp),
        etl._listed(result_format, max_failing_keys)) AS r;
END
$$;
COMMENT ON FUNCTION etl._validate(etl._source, text, text, jsonb, int) IS
    'Validates a source with a stored suite.';

CREATE FUNCTION etl._as_rows(outcomes etl._outcome[], result_format text, max_failing_keys int)
RETURNS TABLE (
    expectation text, kwargs jsonb, severity text, success bool, element_count bigint, missing_count bigint,
    unexpected_count bigint, unexpected_percent float8, observed_value jsonb, partial_unexpected_list jsonb,
    failing_keys jsonb, exception text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.expectation, o.kwargs::jsonb, o.severity, o.success,
           CASE WHEN f.counts THEN o.element_count END, CASE WHEN f.counts THEN o.missing_count END,
           CASE WHEN f.counts THEN o.unexpected_count END, CASE WHEN f.counts THEN o.unexpected_percent END,
           CASE WHEN f.counts THEN o.observed_value::jsonb END,
           CASE WHEN f.counts THEN etl._first_of(o.failing_values::json, 20) END,
           CASE WHEN f.counts THEN etl._first_of(o.failing_keys::json, max_failing_keys) END,
           o.fault
    FROM unnest(outcomes) AS o
    CROSS JOIN (SELECT result_format <> 'BOOLEAN_ONLY' AS counts) AS f
    ORDER BY o.number
$$;
COMMENT ON FUNCTION etl._as_rows(etl._outcome[], text, int) IS 'Outcomes as etl.validate returns them.';

CREATE FUNCTION etl.validate(
    target regclass, suite text, where_sql text DEFAULT NULL, key_columns name[] DEFAULT NULL,
    result_format text DEFAULT 'SUMMARY', params jsonb DEFAULT NULL, max_failing_keys int DEFAULT 1000)
RETURNS TABLE (
    expectation text, kwargs jsonb, severity text, success bool, element_count bigint, missing_count bigint,
    unexpected_count bigint, unexpected_percent float8, observed_value jsonb, partial_unexpected_list jsonb,
    failing_keys jsonb, exception text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.*
    FROM etl._as_rows(
        ARRAY(SELECT o::etl._outcome
              FROM etl._validate(etl._table_source(target, where_sql, key_columns), suite, result_format, params,
                                 max_failing_keys) AS o),
        result_format, max_failing_keys) AS r
$$;
COMMENT ON FUNCTION etl.validate(regclass, text, text, name[], text, jsonb, int) IS
    'Validates a table with a stored suite in one scan, parallel where the planner sees a gain, and returns one row '
    'for each expectation, in the suite''s order: success; element_count rows; missing_count of them NULL or passed '
    'over; unexpected_count and unexpected_percent (0 to 100, of those not missing) of the failing ones; '
    'observed_value of expectations on a column or table as a whole; the failing values of the first 20 failing rows; '
    'the keys of failing rows; and exception, why an expectation could not be decided (then success is false). '
    'Semantics are Great Expectations'': NULL is missing and not wrong, mostly is the least part that must be right, '
    'no value at all is success. Arguments: target, an ordinary or partitioned table; suite; where_sql, an SQL '
    'condition on the rows to validate; key_columns, what failing rows are named by (default: the primary key, else '
    'their ctid); result_format, BOOLEAN_ONLY (success alone), BASIC, SUMMARY or COMPLETE; params, values of the '
    'suite''s {"$PARAMETER": …}; max_failing_keys, the most failing rows that are listed of each expectation, NULL '
    'for all. Errors: 42809 no table, 42501 no SELECT on it, 42704 no such suite, 42703 no such key column, 22023 an '
    'unknown format or a parameter without a value.';

CREATE FUNCTION etl.validate_query(
    query text, suite text, key_columns name[] DEFAULT NULL, result_format text DEFAULT 'SUMMARY',
    params jsonb DEFAULT NULL, max_failing_keys int DEFAULT 1000)
RETURNS TABLE (
    expectation text, kwargs jsonb, severity text, success bool, element_count bigint, missing_count bigint,
    unexpected_count bigint, unexpected_percent float8, observed_value jsonb, partial_unexpected_list jsonb,
    failing_keys jsonb, exception text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.*
    FROM etl._as_rows(
        ARRAY(SELECT o::etl._outcome
              FROM etl._validate(etl._query_source(query, key_columns), suite, result_format, params,
                                 max_failing_keys) AS o),
        result_format, max_failing_keys) AS r
$$;
COMMENT ON FUNCTION etl.validate_query(text, text, name[], text, jsonb, int) IS
    'Validates the rows of any query as etl.validate does those of a table. Arguments: query, one SELECT; its names '
    'that are not PostgreSQL''s own need their schema; suite; key_columns, columns of the query that failing rows are '
    'named by (default: none); the others as in etl.validate. The query runs again where rows of repeated values are '
    'listed, in the same snapshot: let it return the same rows. Errors: 22023 no single SELECT, 42703 the query does '
    'not return a key column, others as etl.validate.';

CREATE FUNCTION etl.report(state etl.validation_state)
RETURNS TABLE (
    expectation text, kwargs jsonb, severity text, success bool, element_count bigint, missing_count bigint,
    unexpected_count bigint, unexpected_percent float8, observed_value jsonb, partial_unexpected_list jsonb,
    failing_keys jsonb, exception text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.* FROM etl._as_rows(ARRAY(SELECT o::etl._outcome FROM etl._outcomes(ARRAY[state]) AS o),
                                 'SUMMARY', NULL) AS r
    WHERE state IS NOT NULL
$$;
COMMENT ON FUNCTION etl.report(etl.validation_state) IS
    'What a state says of each expectation of its suite, in the suite''s order, without reading a row again; the '
    'columns are those of etl.validate. Values that are not unique, and rows with high z-scores, are counted here and '
    'listed by etl.validate. What needs an order of the rows or the table itself has an exception here.';

-- Great Expectations' result document -------------------------------------------------------------------------------

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
    SELECT CASE WHEN computed IS NULL THEN format('SELECT %s FROM %s%s', shown, source.rows_sql, w.condition)
                ELSE format('SELECT %s FROM (SELECT %s, %s AS "(found)" FROM %s%s) AS validated WHERE %s',
                            shown, shown, computed, source.rows_sql, w.condition, wanted) END
    FROM (SELECT CASE WHEN source.rows_sql = format('%s AS validated', source.target) THEN ' WHERE ' ELSE ' AND ' END
                 || condition) AS w (condition)
$$;
COMMENT ON FUNCTION etl._row_query(etl._source, text, text, text, text) IS
    'A query for the rows of a table that meet a condition; where something is computed over all of them, for those '
    'where that is as wanted.';

CREATE FUNCTION etl._failing_row_queries(source etl._source, suite text, params jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH bound AS (
        SELECT etl._bind_suite(etl._suite_document(suite), coalesce(params::text, ''), localtimestamp) AS document
    ), rules AS (
        SELECT r.number, r.kind, r.kwargs::jsonb AS kwargs, r.order_by, r.expectation, r.label, r.row_level,
               count(*) OVER (PARTITION BY r.label, r.condition) = 1 AS is_named_once,
               coalesce('(' || r.condition || ') IS TRUE', 'true') AS condition,
               etl._subjects(r.kwargs::jsonb) AS subjects
        FROM bound AS b
        CROSS JOIN LATERAL ROWS FROM (etl._validation_rules(b.document), etl._suite_expectations(b.document))
            AS r (number, kind, columns, condition, test, order_by, previous, kwargs,
                  expectation, all_columns, given, label, row_level, severity, row_condition)
    ), written AS (
        SELECT r.*, coalesce((SELECT string_agg(format('validated.%I', c.name), ', ' ORDER BY c.n)
                              FROM (SELECT u.name, min(u.n) AS n
                                    FROM unnest(source.keys::text[] || r.subjects) WITH ORDINALITY AS u (name, n)
                                    GROUP BY u.name) AS c), 'validated.*') AS shown,
               (SELECT string_agg(format('validated.%I', c), ', ') FROM unnest(r.subjects) AS c) AS subject,
               (SELECT string_agg(format('validated.%I IS NULL', c),
                                  CASE r.kwargs ->> 'ignore_row_if' WHEN 'any_value_is_missing' THEN ' OR '
                                                                    ELSE ' AND ' END)
                FROM unnest(r.subjects) AS c
                WHERE coalesce(r.kwargs ->> 'ignore_row_if', '') <> 'never') AS missing
        FROM rules AS r
    )
    SELECT array_agg(CASE
        WHEN w.row_level AND w.is_named_once THEN etl._row_query(
            source, w.shown, format('%L = ANY (%s)', w.label, CASE
                WHEN params IS NULL THEN format('etl.violations(%L, validated.*)', suite)
                ELSE format('etl._violations(%L, validated.*, %L, %L)', suite, 'info', params) END), NULL, NULL)
        WHEN w.kind = 'unique' THEN etl._row_query(
            source, w.shown, w.condition || coalesce(' AND NOT (' || w.missing || ')', ''),
            format('count(*) OVER (PARTITION BY %s)', w.subject), '"(found)" > 1')
        WHEN w.kind = 'ordered' THEN etl._row_query(
            source, w.shown, format('%s AND %s IS NOT NULL', w.condition, w.subject),
            format('lag(%s) OVER (ORDER BY %s)', w.subject, coalesce(
                (SELECT string_agg(format('validated.%I', c), ', ') FROM unnest(w.order_by) AS c),
                'validated.tableoid, validated.ctid')),
            format('%s %s "(found)"', w.subject,
                   CASE WHEN w.expectation LIKE '%increasing' THEN '<' ELSE '>' END
                   || CASE WHEN (w.kwargs ->> 'strictly')::bool THEN '=' ELSE '' END))
        WHEN w.expectation = 'expect_column_value_z_scores_to_be_less_than' THEN etl._row_query(
            source, w.shown, w.condition,
            format('(%1$s - avg(%1$s) OVER ()) / stddev_samp(%1$s) OVER ()', w.subject),
            format(CASE WHEN (w.kwargs ->> 'double_sided')::bool THEN 'abs("(found)") >= %s' ELSE '"(found)" >= %s' END,
                   w.kwargs ->> 'threshold'))
        END ORDER BY w.number)
    FROM written AS w
$$;
COMMENT ON FUNCTION etl._failing_row_queries(etl._source, text, jsonb) IS
    'For each expectation of a suite, in its order, a query that lists the failing rows of a table; NULL where rows do '
    'not fail one by one, or where another expectation has the same name and rows.';

CREATE FUNCTION etl._whole_rows(target regclass, tables oid[], row_ids tid[])
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    found jsonb;
BEGIN
    EXECUTE format(
        'SELECT jsonb_agg(to_jsonb(t) ORDER BY u.n) FROM unnest($1, $2) WITH ORDINALITY AS u (relation, row_id, n) '
        'JOIN %s AS t ON t.ctid = u.row_id AND t.tableoid = u.relation',
        target)
    INTO found USING tables, row_ids;
    RETURN coalesce(found, '[]');
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
                   'success_percent', 100.0 * c.successful / nullif(c.evaluated, 0)),
               'meta', jsonb_build_object(
                   'validation_time', to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS.US"Z"'),
                   'pg_etl_version', etl.version(),
                   'expectation_suite_name', suite))
           || CASE WHEN format LIKE '0%' THEN '{}' ELSE jsonb_build_object('suite_name', suite) END
    FROM counted AS c
$$;
COMMENT ON FUNCTION etl._as_document(etl._outcome[], etl._source, text, text, jsonb, text) IS
    'Outcomes as Great Expectations'' validation result document. A traceback begins with the class of exception that '
    'its readers know, ValueError, and goes on with message, detail and hint.';

CREATE FUNCTION etl.validate_json(
    target regclass, suite text, where_sql text DEFAULT NULL, key_columns name[] DEFAULT NULL,
    result_format text DEFAULT 'SUMMARY', params jsonb DEFAULT NULL, max_failing_keys int DEFAULT NULL,
    format text DEFAULT '1.x')
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._as_document(
        ARRAY(SELECT o::etl._outcome
              FROM etl._validate(s.source, suite, result_format, params,
                                 CASE WHEN result_format = 'COMPLETE' THEN max_failing_keys
                                      ELSE coalesce(max_failing_keys, 20) END) AS o),
        s.source, suite, result_format, params, format)
    FROM (SELECT etl._table_source(target, where_sql, key_columns) AS source) AS s
$$;
COMMENT ON FUNCTION etl.validate_json(regclass, text, text, name[], text, jsonb, int, text) IS
    'Validates a table as etl.validate does and returns the validation result document of Great Expectations: '
    'success, results (for each expectation success, expectation_config, result, exception_info), statistics and '
    'meta. COMPLETE lists every failing value with its row''s key (where key_columns or a primary key name rows) and a '
    'query for these rows. An expectation''s own result_format may also set partial_unexpected_count, '
    'exclude_unexpected_values, include_unexpected_rows and return_unexpected_index_query. Arguments as in '
    'etl.validate; max_failing_keys is NULL for all rows in COMPLETE and 20 elsewhere; format, 1.x or 0.18, how '
    'expectations are named. Errors as etl.validate.';
