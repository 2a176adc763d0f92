-- What users call to validate, and what they get: a row an expectation. document.sql makes documents of it.

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

CREATE FUNCTION etl._formats(document text, result_format text, OUT format text, OUT partial int)
RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        SELECT result_format, 20
        UNION
        SELECT CASE jsonb_typeof(g.given) WHEN 'object' THEN coalesce(g.given ->> 'result_format', result_format)
                                          ELSE g.given #>> '{}' END,
               CASE jsonb_typeof(g.given) WHEN 'object' THEN coalesce((g.given ->> 'partial_unexpected_count')::int, 20)
                                          ELSE 20 END
        FROM (SELECT (e -> 'kwargs' -> 'result_format')::jsonb AS given
              FROM json_array_elements(document::json -> 'expectations') AS e) AS g
        WHERE g.given IS NOT NULL;
END
$$;
COMMENT ON FUNCTION etl._formats(text, text) IS
    'The formats of a run: the run''s own, and those that expectations ask for themselves, with how many values a '
    'partial list has.';

CREATE FUNCTION etl._listed(document text, result_format text, max_failing_keys int)
RETURNS int
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT int := 16777216; -- that a plan may list (plan.cpp)
BEGIN
    RETURN (SELECT CASE WHEN bool_and(f.format = 'BOOLEAN_ONLY') THEN 0
                        ELSE least(greatest(coalesce(max_failing_keys, most), max(f.partial)), most) END
            FROM etl._formats(document, result_format) AS f);
END
$$;
COMMENT ON FUNCTION etl._listed(text, text, int) IS
    'How many failing rows a scan keeps of each expectation: at least those whose values are shown, NULL for as many '
    'as it can.';

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
RETURNS etl._outcome[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document text;
BEGIN
    PERFORM etl._require_format(result_format);
    IF max_failing_keys < 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('max_failing_keys must not be negative, but it is %s', max_failing_keys),
            HINT = 'NULL lists every failing row, up to 16777216 of each expectation.';
    END IF;
    document := etl._bind_suite(etl._suite_document(suite), coalesce(params::text, ''), localtimestamp);
    RETURN etl._locked_value('SELECT ARRAY(SELECT r FROM etl._run_suite($1, $2, $3) AS r)', NULL::etl._outcome[],
                             source, document, etl._listed(document, result_format, max_failing_keys));
END
$$;
COMMENT ON FUNCTION etl._validate(etl._source, text, text, jsonb, int) IS
    'Validates a source with a stored suite, whose SQL runs with the role locked.';

CREATE FUNCTION etl._as_rows(outcomes etl._outcome[], result_format text, max_failing_keys int)
RETURNS TABLE (
    expectation text, kwargs jsonb, severity text, success bool, element_count bigint, missing_count bigint,
    unexpected_count bigint, unexpected_percent float8, observed_value jsonb, partial_unexpected_list jsonb,
    failing_keys jsonb, exception text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        SELECT o.expectation, o.kwargs::jsonb, o.severity, o.success,
               CASE WHEN f.counts THEN o.element_count END, CASE WHEN f.counts THEN o.missing_count END,
               CASE WHEN f.counts THEN o.unexpected_count END, CASE WHEN f.counts THEN o.unexpected_percent END,
               CASE WHEN f.counts THEN o.observed_value::jsonb END,
               CASE WHEN f.counts THEN etl._first_of(
                   coalesce(o.details::json -> 'unexpected_rows', o.failing_values::json), 20) END,
               CASE WHEN f.counts THEN etl._first_of(o.failing_keys::json, max_failing_keys) END,
               o.fault
        FROM unnest(outcomes) AS o
        CROSS JOIN (SELECT result_format <> 'BOOLEAN_ONLY' AS counts) AS f
        ORDER BY o.number;
END
$$;
COMMENT ON FUNCTION etl._as_rows(etl._outcome[], text, int) IS 'Outcomes as etl.validate returns them.';

CREATE FUNCTION etl.validate(
    target regclass, suite text, where_sql text DEFAULT NULL, key_columns name[] DEFAULT NULL,
    result_format text DEFAULT 'SUMMARY', params jsonb DEFAULT NULL, max_failing_keys int DEFAULT 1000)
RETURNS TABLE (
    expectation text, kwargs jsonb, severity text, success bool, element_count bigint, missing_count bigint,
    unexpected_count bigint, unexpected_percent float8, observed_value jsonb, partial_unexpected_list jsonb,
    failing_keys jsonb, exception text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source CONSTANT etl._source := etl._table_source(target, where_sql, key_columns);
BEGIN
    RETURN QUERY
        SELECT r.*
        FROM etl._as_rows(etl._validate(source, suite, result_format, params, max_failing_keys), result_format,
                          max_failing_keys) AS r;
END
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
    'for all, up to 16777216. Errors: 42809 no table, 42501 no SELECT on it, 42704 no such suite, 42703 no such key '
    'column, 22023 an unknown format or a parameter without a value, that of PostgreSQL for what is no condition.';

CREATE FUNCTION etl.validate_query(
    query text, suite text, key_columns name[] DEFAULT NULL, result_format text DEFAULT 'SUMMARY',
    params jsonb DEFAULT NULL, max_failing_keys int DEFAULT 1000)
RETURNS TABLE (
    expectation text, kwargs jsonb, severity text, success bool, element_count bigint, missing_count bigint,
    unexpected_count bigint, unexpected_percent float8, observed_value jsonb, partial_unexpected_list jsonb,
    failing_keys jsonb, exception text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source CONSTANT etl._source := etl._query_source(query, key_columns);
BEGIN
    RETURN QUERY
        SELECT r.*
        FROM etl._as_rows(etl._validate(source, suite, result_format, params, max_failing_keys), result_format,
                          max_failing_keys) AS r;
END
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
SET jit = off
AS $$
    SELECT r.* FROM etl._as_rows(ARRAY(SELECT o::etl._outcome FROM etl._outcomes(ARRAY[state]) AS o),
                                 'SUMMARY', NULL) AS r
    WHERE state IS NOT NULL
$$;
COMMENT ON FUNCTION etl.report(etl.validation_state) IS
    'What a state says of each expectation of its suite, in the suite''s order, without reading a row again; the '
    'columns are those of etl.validate. Values that are not unique, and rows with high z-scores, are counted here and '
    'listed by etl.validate. What needs an order of the rows or the table itself has an exception here.';
