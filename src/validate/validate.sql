-- Validation states: what a scan makes of rows and a suite. run.sql makes the scans, results.sql what users read.

-- The state ----------------------------------------------------------------------------------------------------------

CREATE TYPE etl.validation_state;
CREATE FUNCTION etl.validation_state_in(cstring)
RETURNS etl.validation_state
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_in';
COMMENT ON FUNCTION etl.validation_state_in(cstring) IS 'Input function of etl.validation_state; checks every byte.';
CREATE FUNCTION etl.validation_state_out(etl.validation_state)
RETURNS cstring
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_out';
COMMENT ON FUNCTION etl.validation_state_out(etl.validation_state) IS 'Output function of etl.validation_state.';
CREATE FUNCTION etl.validation_state_recv(internal)
RETURNS etl.validation_state
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_recv';
COMMENT ON FUNCTION etl.validation_state_recv(internal) IS
    'Binary input function of etl.validation_state; checks every byte.';
CREATE FUNCTION etl.validation_state_send(etl.validation_state)
RETURNS bytea
LANGUAGE C STRICT STABLE PARALLEL SAFE
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

CREATE FUNCTION etl._validation_state_step(etl.validation_state, text, text[], VARIADIC "any")
RETURNS etl.validation_state
LANGUAGE C STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'etl_validation_state_step';
COMMENT ON FUNCTION etl._validation_state_step(etl.validation_state, text, text[], "any") IS
    'Transition function of the aggregate etl.validation_state over named columns.';
CREATE FUNCTION etl._validation_row_step(etl.validation_state, text, record)
RETURNS etl.validation_state
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100  -- what conditions do is hidden from the planner
AS 'MODULE_PATHNAME', 'etl_validation_row_step';
COMMENT ON FUNCTION etl._validation_row_step(etl.validation_state, text, record) IS
    'Transition function of the aggregate etl.validation_state over whole rows.';
CREATE FUNCTION etl._validation_scan_step(etl.validation_state, text, VARIADIC "any")
RETURNS etl.validation_state
LANGUAGE C STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'etl_validation_scan_step';
COMMENT ON FUNCTION etl._validation_scan_step(etl.validation_state, text, "any") IS
    'Transition function of the aggregate etl._validation_scan.';
CREATE FUNCTION etl._validation_state_combine(etl.validation_state, etl.validation_state)
RETURNS etl.validation_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_state_combine';
COMMENT ON FUNCTION etl._validation_state_combine(etl.validation_state, etl.validation_state) IS
    'Adds the second state to the first; both must come from the same suite over the same columns (22023).';

CREATE AGGREGATE etl.validation_state(text, text[], VARIADIC "any") (
    SFUNC = etl._validation_state_step,
    STYPE = etl.validation_state,
    COMBINEFUNC = etl._validation_state_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.validation_state(text, text[], VARIADIC "any") IS
    'Tests rows with all expectations of a suite, over columns that the call names. Arguments: the suite, by its name '
    'or as a document, '
    'the names of the columns that follow, and those columns. A row condition of the suite is a column too: its name '
    'is the condition in parentheses. With ctid and tableoid among them the failing values are those of the first '
    'rows of the table under any plan. Text is compared by each column''s own collation. Errors: 22023 no suite, '
    '42703 a column of the suite is not among the names, 42804 an expectation that does not fit its column''s type.';
CREATE AGGREGATE etl.validation_state(text, record) (
    SFUNC = etl._validation_row_step,
    STYPE = etl.validation_state,
    COMBINEFUNC = etl._validation_state_combine,
    PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE etl.validation_state(text, record) IS
    'Tests rows with all expectations of a stored suite: SELECT day, etl.validation_state(''sales'', s) FROM sale AS s '
    'GROUP BY day. Arguments: the name of the suite, and the row. Naming the columns, as the other form does, takes '
    'about half the time and may use parallel workers. Errors: 42704 no such suite, 42703 the row lacks a column of '
    'the suite, 42804 an expectation that does not fit its column''s type.';
CREATE AGGREGATE etl._validation_scan(text, VARIADIC "any") (
    SFUNC = etl._validation_scan_step,
    STYPE = etl.validation_state,
    COMBINEFUNC = etl._validation_state_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._validation_scan(text, VARIADIC "any") IS
    'Scans rows into a state, as a plan of etl._scan_calls tells.';
CREATE AGGREGATE etl.merge(etl.validation_state) (
    SFUNC = etl._validation_state_combine,
    STYPE = etl.validation_state,
    COMBINEFUNC = etl._validation_state_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.validation_state) IS
    'One state of many, as if their rows had been validated together; all must come from the same suite over the '
    'same columns (22023).';

CREATE FUNCTION etl._empty_validation_state(plan text)
RETURNS etl.validation_state
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_empty_validation_state';
COMMENT ON FUNCTION etl._empty_validation_state(text) IS
    'The state of a plan over no rows, where the aggregate returns NULL. Raises what does not fit the columns.';
