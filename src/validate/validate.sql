-- Validation: the state that one scan makes of a table and a suite, and what it says (etl.validate, etl.report).
-- Suites are in suite.sql, single rows in quarantine.sql.

-- The state ----------------------------------------------------------------------------------------------------------

CREATE TYPE etl.validation_state;
CREATE FUNCTION etl.validation_state_in(cstring)
RETURNS etl.validation_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_in';
COMMENT ON FUNCTION etl.validation_state_in(cstring) IS 'Input function of etl.validation_state; checks every byte.';
CREATE FUNCTION etl.validation_state_out(etl.validation_state)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_out';
COMMENT ON FUNCTION etl.validation_state_out(etl.validation_state) IS 'Output function of etl.validation_state.';
CREATE FUNCTION etl.validation_state_recv(internal)
RETURNS etl.validation_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_recv';
COMMENT ON FUNCTION etl.validation_state_recv(internal) IS
    'Binary input function of etl.validation_state; checks every byte.';
CREATE FUNCTION etl.validation_state_send(etl.validation_state)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_send';
COMMENT ON FUNCTION etl.validation_state_send(etl.validation_state) IS
    'Binary output function of etl.validation_state.';
CREATE TYPE etl.validation_state (
    INPUT = etl.validation_state_in,
    OUTPUT = etl.validation_state_out,
    RECEIVE = etl.validation_state_recv,
    SEND = etl.validation_state_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE etl.validation_state IS
    'What the validation of some rows has found: counts, first failing values, and what uniqueness needs. Made by '
    'the aggregate etl.validation_state, stored like any value, merged by etl.merge, read by etl.report.';

CREATE FUNCTION etl._validation_state_step(etl.validation_state, text, name[], VARIADIC "any")
RETURNS etl.validation_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_step';
COMMENT ON FUNCTION etl._validation_state_step(etl.validation_state, text, name[], "any") IS
    'Transition function of the aggregate etl.validation_state.';
CREATE FUNCTION etl._validation_state_combine(etl.validation_state, etl.validation_state)
RETURNS etl.validation_state
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_combine';
COMMENT ON FUNCTION etl._validation_state_combine(etl.validation_state, etl.validation_state) IS
    'Adds the second state to the first; both must come from the same suite over the same columns (22023).';
CREATE AGGREGATE etl.validation_state(text, name[], VARIADIC "any") (
    SFUNC = etl._validation_state_step,
    STYPE = etl.validation_state,
    COMBINEFUNC = etl._validation_state_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.validation_state(text, name[], VARIADIC "any") IS
    'Tests rows with all expectations of a suite. Arguments: the suite''s document, the names of the columns that '
    'follow, and those columns. With ctid and tableoid among them the failing values are those of the first rows of '
    'the table under any plan. Text is compared by each column''s own collation. Errors: 22023 no suite, 42703 a '
    'column of the suite is not among the names, 42804 an expectation that does not fit its column''s type.';
CREATE AGGREGATE etl.merge(etl.validation_state) (
    SFUNC = etl._validation_state_combine,
    STYPE = etl.validation_state,
    COMBINEFUNC = etl._validation_state_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.validation_state) IS
    'One state of many, as if their rows had been validated together; all must come from the same suite over the '
    'same columns (22023).';

CREATE FUNCTION etl._empty_validation_state(document text)
RETURNS etl.validation_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_empty_validation_state';
COMMENT ON FUNCTION etl._empty_validation_state(text) IS
    'The state of a suite over no rows, where the aggregate returns NULL.';

CREATE FUNCTION etl._report(
    state etl.validation_state,
    OUT expectation text, OUT kwargs text, OUT success bool, OUT element_count bigint, OUT missing_count bigint,
    OUT unexpected_count bigint, OUT unexpected_percent float8, OUT partial_unexpected_list text)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_report';
COMMENT ON FUNCTION etl._report(etl.validation_state) IS
    'etl.report with its JSON as text.';

CREATE FUNCTION etl.report(state etl.validation_state)
RETURNS TABLE (
    expectation text, kwargs jsonb, success bool, element_count bigint, missing_count bigint, unexpected_count bigint,
    unexpected_percent float8, partial_unexpected_list jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.expectation, r.kwargs::jsonb, r.success, r.element_count, r.missing_count, r.unexpected_count,
           r.unexpected_percent, r.partial_unexpected_list::jsonb
    FROM etl._report(state) AS r
$$;
COMMENT ON FUNCTION etl.report(etl.validation_state) IS
    'What a state says of each expectation of its suite, in the suite''s order, without reading a row again: '
    'success; element_count rows; missing_count of them NULL or passed over; unexpected_count and unexpected_percent '
    '(0 to 100, of those not missing; NULL without any) of the failing ones; the failing values of the first 20 '
    'rows. Values that are not unique are counted here and listed by etl.validate.';

CREATE FUNCTION etl._duplicate_positions(
    state etl.validation_state, OUT number int, OUT relation oid, OUT row_id tid, OUT rows bigint)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_duplicate_positions';
COMMENT ON FUNCTION etl._duplicate_positions(etl.validation_state) IS
    'For each uniqueness expectation (by its number in the suite) the first rows of the first 20 values that occur '
    'more than once, and how often each occurs.';

-- Validating a table -------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_suite_columns(target regclass, suite text, document text)
RETURNS name[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns name[];
    missing name;
BEGIN
    SELECT array_agg(DISTINCT c) INTO columns
    FROM etl._suite_expectations(document) AS e, unnest(e.columns) AS c;
    SELECT c INTO missing
    FROM unnest(columns) AS c
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = target AND a.attname = c AND a.attnum > 0 AND NOT a.attisdropped)
    ORDER BY c
    LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('suite "%s" expects column "%s", which table "%s" does not have', suite, missing, target),
            DETAIL = (SELECT format('The table has columns %s.', string_agg(a.attname, ', ' ORDER BY a.attnum))
                      FROM pg_attribute AS a
                      WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped),
            HINT = 'Change the suite with etl.load_suite(…, replace => true).';
    END IF;
    RETURN coalesce(columns, '{}');
END
$$;
COMMENT ON FUNCTION etl._require_suite_columns(regclass, text, text) IS
    'The columns that a suite reads, each once; 42703 where the table lacks one of them.';

CREATE FUNCTION etl._validation_query(target regclass, suite text, document text, where_sql text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns name[] := ARRAY['tableoid', 'ctid']::name[] || etl._require_suite_columns(target, suite, document);
BEGIN
    IF cardinality(columns) > 97 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = format('suite "%s" reads %s columns, and a call can pass 95', suite, cardinality(columns) - 2),
            HINT = 'Divide the suite into two.';
    END IF;
    RETURN format('SELECT coalesce(etl.validation_state(%1$L, %2$L::name[], %3$s), etl._empty_validation_state(%1$L)) '
                  'AS state FROM %4$s AS validated%5$s',
                  document, columns,
                  (SELECT string_agg(format('validated.%I', c), ', ' ORDER BY n)
                   FROM unnest(columns) WITH ORDINALITY AS u (c, n)),
                  target, ' WHERE (' || where_sql || E'\n)');
END
$$;
COMMENT ON FUNCTION etl._validation_query(regclass, text, text, text) IS
    'The one scan of etl.validate as a query that returns a state: all expectations of the document over the rows of '
    'the table that where_sql admits.';

CREATE FUNCTION etl._json_of(value "any")
RETURNS text
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_json_of';
COMMENT ON FUNCTION etl._json_of("any") IS
    'A value as JSON, in the form that lists of failing values have: numbers and booleans as such, moments in ISO '
    '8601, everything else as text, which is cut after 1000 bytes.';

CREATE FUNCTION etl._duplicate_values(target regclass, state etl.validation_state, number int, column_name name)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT int := 20;
    listed jsonb := '[]';
    found record;
    value jsonb;
BEGIN
    FOR found IN
        SELECT p.relation, p.row_id, p.rows
        FROM etl._duplicate_positions(state) AS p
        WHERE p.number = _duplicate_values.number
        ORDER BY p.relation, p.row_id
    LOOP
        EXECUTE format('SELECT etl._json_of(t.%I) FROM %s AS t WHERE t.ctid = $1 AND t.tableoid = $2', column_name,
                       target)
            INTO value USING found.row_id, found.relation;
        FOR i IN 1 .. least(found.rows, most - jsonb_array_length(listed)) LOOP
            listed := listed || jsonb_build_array(value);
        END LOOP;
    END LOOP;
    RETURN listed;
END
$$;
COMMENT ON FUNCTION etl._duplicate_values(regclass, etl.validation_state, int, name) IS
    'The values that are not unique, each as often as it occurs, at most 20 in all: read from their first rows, '
    'which the state names, in the snapshot of the scan.';

CREATE FUNCTION etl.validate(target regclass, suite text, where_sql text DEFAULT NULL)
RETURNS TABLE (
    expectation text, kwargs jsonb, success bool, element_count bigint, missing_count bigint, unexpected_count bigint,
    unexpected_percent float8, partial_unexpected_list jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document text;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    document := etl._suite_document(suite);
    -- One query from the rows to the answer, because a state that goes through variables is copied each time.
    RETURN QUERY EXECUTE format($sql$
        SELECT r.expectation, r.kwargs, r.success, r.element_count, r.missing_count, r.unexpected_count,
               r.unexpected_percent,
               CASE WHEN r.unexpected_count > 0 AND r.expectation = 'expect_column_values_to_be_unique'
                    THEN etl._duplicate_values(%L::regclass, v.state, r.number::int, (r.kwargs ->> 'column')::name)
                    ELSE r.partial_unexpected_list
               END
        FROM (%s) AS v
        CROSS JOIN LATERAL ROWS FROM (etl.report(v.state)) WITH ORDINALITY
            AS r (expectation, kwargs, success, element_count, missing_count, unexpected_count, unexpected_percent,
                  partial_unexpected_list, number)
        ORDER BY r.number
        $sql$, target, etl._validation_query(target, suite, document, where_sql));
END
$$;
COMMENT ON FUNCTION etl.validate(regclass, text, text) IS
    'Validates a table with a stored suite in one scan, parallel where the planner sees a gain, and returns one row '
    'for each expectation: success; element_count rows; missing_count of them NULL or passed over; unexpected_count '
    'and unexpected_percent (0 to 100, of those not missing) of the failing ones; the failing values of the first 20 '
    'rows. Semantics are Great Expectations'': NULL is missing and not wrong, mostly is the least part that must be '
    'right, no value at all is success. Arguments: target, an ordinary or partitioned table; suite; where_sql, an '
    'SQL condition on the rows to validate. Errors: 42809 no table, 42501 no SELECT on it, 42704 no such suite, '
    '42703 a column that the table does not have, 42804 an expectation that does not fit its column''s type.';
