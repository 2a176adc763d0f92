-- Queries that users hand over, or whose expressions they do: what they return, and how they are run such that they
-- cannot leave the current role.

CREATE FUNCTION etl._query_columns(query text, OUT name text, OUT type oid, OUT collation_id oid)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_query_columns';
COMMENT ON FUNCTION etl._query_columns(text) IS
    'The columns that a query returns, without running it. 22023 where it is no single SELECT.';

CREATE FUNCTION etl._locked_value(query text, type anyelement, VARIADIC parameters "any")
RETURNS anyelement
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'etl_locked_value';
COMMENT ON FUNCTION etl._locked_value(text, anyelement, "any") IS
    'etl._locked_value of a query with parameters.';
CREATE FUNCTION etl._locked_value(query text, type anyelement)
RETURNS anyelement
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'etl_locked_value';
COMMENT ON FUNCTION etl._locked_value(text, anyelement) IS
    'The one value of a query that changes nothing, of the type of the second argument. While it runs, no SQL that a '
    'suite or a table brings along (conditions, queries, the functions of types and views) can leave the current '
    'role: SET ROLE, SET SESSION AUTHORIZATION and their RESET are forbidden to the end of this call.';

CREATE FUNCTION etl._locked_rows(query text, VARIADIC parameters "any")
RETURNS SETOF record
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'etl_locked_rows';
COMMENT ON FUNCTION etl._locked_rows(text, "any") IS
    'The rows of a query with parameters that changes nothing, under the same lock on the role as etl._locked_value. '
    'The query may have parallel workers.';
CREATE FUNCTION etl._locked_rows(query text)
RETURNS SETOF record
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'etl_locked_rows';
COMMENT ON FUNCTION etl._locked_rows(text) IS 'etl._locked_rows of a query without parameters.';

CREATE FUNCTION etl._locked_changes(query text)
RETURNS SETOF record
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_locked_changes';
COMMENT ON FUNCTION etl._locked_changes(text) IS
    'etl._locked_rows of a query that may change data. It has run to its end when the first row is returned.';

CREATE FUNCTION etl._locked_change(query text, type anyelement, VARIADIC parameters "any")
RETURNS anyelement
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_locked_change';
COMMENT ON FUNCTION etl._locked_change(text, anyelement, "any") IS
    'The one value, of the type of the second argument, of a query with parameters that may change data. It is run '
    'as etl._locked_rows runs one.';

CREATE FUNCTION etl._locked_command(command text, VARIADIC parameters "any")
RETURNS bigint
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_locked_command';
COMMENT ON FUNCTION etl._locked_command(text, "any") IS
    'How many rows a command with parameters that may change data was about. It is run as etl._locked_rows runs a '
    'query.';

CREATE FUNCTION etl._locked_command(command text)
RETURNS bigint
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_locked_command';
COMMENT ON FUNCTION etl._locked_command(text) IS 'etl._locked_command of a command without parameters.';
