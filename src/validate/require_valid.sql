-- A suite as a gate: what does not keep it goes no further.

CREATE FUNCTION etl._failed_expectation(
    expectation text, kwargs jsonb, unexpected bigint, percent float8, exception text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s%s: %s', expectation, '(' || (kwargs ->> 'column') || ')',
                  coalesce(exception, unexpected || ' unexpected, ' || round(percent::numeric, 2) || ' %', 'not met'))
$$;
COMMENT ON FUNCTION etl._failed_expectation(text, jsonb, bigint, float8, text) IS
    'One failed expectation in a line of an error.';

CREATE FUNCTION etl.require_valid(
    suite text, target regclass DEFAULT NULL, query text DEFAULT NULL, where_sql text DEFAULT NULL,
    params jsonb DEFAULT NULL, max_failed float8 DEFAULT 0, min_severity text DEFAULT 'info')
RETURNS float8
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    severities CONSTANT text[] := '{info,warning,critical}';
    source etl._source;
    counts record;
BEGIN
    IF num_nonnulls(target, query) <> 1 OR query IS NOT NULL AND where_sql IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('suite "%s" needs either a table or a query', suite),
            HINT = 'Give target, with where_sql for some of its rows, or query.';
    ELSIF max_failed IS NULL OR max_failed NOT BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('max_failed must be from 0 to 1, not %s', coalesce(max_failed::text, 'NULL')),
            HINT = 'It is the share of the expectations that may fail; leave it out to allow none.';
    ELSIF min_severity IS NULL OR min_severity <> ALL (severities) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('min_severity must be critical, warning or info, not %s',
                             coalesce(quote_literal(min_severity), 'NULL')),
            HINT = 'Expectations of a lower severity do not count.';
    END IF;
    source := CASE WHEN target IS NOT NULL THEN etl._table_source(target, where_sql, NULL)
                   ELSE etl._query_source(query, NULL) END;
    SELECT count(*) AS total, count(*) FILTER (WHERE NOT r.success) AS failed,
           array_agg(etl._failed_expectation(r.expectation, r.kwargs, r.unexpected_count, r.unexpected_percent,
                                             r.exception)) FILTER (WHERE NOT r.success) AS failures
        INTO counts
    FROM etl._as_rows(etl._validate(source, suite, 'BASIC', params, 0), 'BASIC', 0) AS r
    WHERE array_position(severities, r.severity) >= array_position(severities, min_severity);
    IF counts.failed > max_failed * counts.total THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('%s does not keep suite "%s": %s of %s expectations failed',
                             CASE WHEN target IS NOT NULL THEN format('table "%s"', target) ELSE 'the query' END,
                             suite, counts.failed, counts.total),
            DETAIL = array_to_string(counts.failures[:20], E'\n')
                     || CASE WHEN counts.failed > 20 THEN E'\n…' ELSE '' END,
            HINT = CASE WHEN target IS NOT NULL
                        THEN format('SELECT * FROM etl.validate(%L, %L) WHERE NOT success; shows the failing rows.',
                                    target, suite)
                        ELSE format('SELECT * FROM etl.validate_query(…, %L) WHERE NOT success; shows the failing '
                                    'rows.', suite) END;
    END IF;
    RETURN counts.failed / nullif(counts.total, 0)::float8;
END
$$;
COMMENT ON FUNCTION etl.require_valid(text, regclass, text, text, jsonb, float8, text) IS
    'Validates as etl.validate does, and raises (23514) where too many expectations fail: a gate. suite; target, a '
    'table, with where_sql, a condition on its rows, or query, one SELECT; params, values of the suite''s parameters; '
    'max_failed, the share of the expectations, from 0 to 1, that may fail; min_severity, critical, warning or info: '
    'those of lower severity do not count. Returns the share that failed. Errors: 23514 lists the failed '
    'expectations, 22023 an argument that cannot be, others as etl.validate.';
