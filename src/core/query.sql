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

CREATE FUNCTION etl._latest_value(query text, type anyelement, VARIADIC parameters "any")
RETURNS anyelement
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_latest_value';
COMMENT ON FUNCTION etl._latest_value(text, anyelement, "any") IS
    'etl._locked_value of a query that sees the database as it is now, in a transaction under REPEATABLE READ too: for '
    'what was read after waiting for a lock.';

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
    'query. 0A000 for what cannot be run within a function, as COMMIT.';

CREATE FUNCTION etl._locked_command(command text)
RETURNS bigint
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_locked_command';
COMMENT ON FUNCTION etl._locked_command(text) IS 'etl._locked_command of a command without parameters.';

CREATE FUNCTION etl._query_of(rows text, argument text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rows IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must not be NULL', argument),
            HINT = 'Name a table with its schema, as in ''public.orders'', or give one SELECT.';
    END IF;
    BEGIN
        PERFORM parse_ident(rows);
    EXCEPTION
        WHEN invalid_parameter_value THEN
            RETURN regexp_replace(rows, '[\s;]+$', '');
    END;
    IF to_regclass(rows) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('%s: relation "%s" does not exist', argument, rows),
            HINT = 'Name a table with its schema, as in ''public.orders'', or give one SELECT.';
    END IF;
    RETURN format('SELECT * FROM %s', to_regclass(rows));
END
$$;
COMMENT ON FUNCTION etl._query_of(text, text) IS
    'A SELECT of what an argument names: a relation, or a query. 22023 for NULL, 42P01 for a relation that does not '
    'exist.';

CREATE FUNCTION etl._require_unique_columns(
    columns name[], subject text, hint text DEFAULT 'Give each column a name of its own with AS.')
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twice name;
BEGIN
    SELECT c INTO twice FROM unnest(columns) AS c GROUP BY c HAVING count(*) > 1 LIMIT 1;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_column',
            MESSAGE = format('%s more than one column "%s"', subject, twice),
            HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_unique_columns(name[], text, text) IS
    'Raises (42701) where two columns have one name. The subject begins the message, as in ''the query returns''.';

CREATE FUNCTION etl._require_query_columns(query text)
RETURNS name[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns name[];
BEGIN
    IF query IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no query was given',
            HINT = 'Give one SELECT, as in ''SELECT * FROM public.orders''.';
    END IF;
    columns := ARRAY(SELECT q.name::name FROM ROWS FROM (etl._query_columns(query)) WITH ORDINALITY AS q (name, type,
                     collation_id, number) ORDER BY q.number);
    PERFORM etl._require_unique_columns(columns, 'the query returns');
    RETURN columns;
END
$$;
COMMENT ON FUNCTION etl._require_query_columns(text) IS
    'The columns that a query returns. 22023 where it is no single SELECT, 42701 where two of them have one name.';

CREATE FUNCTION etl._require_query_column(columns name[], column_name name)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF column_name IS NULL OR column_name <> ALL (columns) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('the query does not return the column "%s"', coalesce(column_name, 'NULL')),
            DETAIL = format('It returns %s.', etl._column_list(columns)),
            HINT = 'Name one of these columns.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_query_column(name[], name) IS 'Raises (42703) unless a query returns the column.';

CREATE FUNCTION etl._new_table_name(new_table text, argument text DEFAULT 'new_table')
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[];
BEGIN
    BEGIN
        parts := parse_ident(new_table);
    EXCEPTION
        WHEN invalid_parameter_value THEN
            NULL; -- no name at all
    END;
    IF cardinality(parts) IS DISTINCT FROM 2 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_name',
            MESSAGE = format('%s must be a name with its schema, not %s', argument,
                             coalesce(quote_literal(new_table), 'NULL')),
            HINT = format('Say for example %s => ''public.orders_clean''.', argument);
    END IF;
    RETURN format('%I.%I', parts[1], parts[2]);
END
$$;
COMMENT ON FUNCTION etl._new_table_name(text, text) IS
    'The quoted name of a table to be made (42602 without a schema).';
