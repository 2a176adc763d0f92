-- Feature views: a query that gives features of entities as of a moment. Here is what is checked of a definition.
--
-- The query refers to the moment as $1. It is read under search_path = pg_catalog, pg_temp, so that it means the same
-- in every session: tables and functions of others need their schema.

CREATE FUNCTION etl._feature_query_columns(
    query text, OUT name text, OUT type oid, OUT modifier int, OUT collation_id oid)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_feature_query_columns';
COMMENT ON FUNCTION etl._feature_query_columns(text) IS
    'The columns that a query with the parameter $1 (timestamptz) returns, without running it. 22023 where it is no '
    'single SELECT that changes no data.';

CREATE FUNCTION etl._uses_moment(query text)
RETURNS bool
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_uses_moment';
COMMENT ON FUNCTION etl._uses_moment(text) IS 'Whether a query refers to its parameter $1 (timestamptz).';

CREATE TYPE etl._feature_column AS (name name, type text);
COMMENT ON TYPE etl._feature_column IS
    'A column of a feature view: its name, and its type with modifier and collation.';
COMMENT ON COLUMN etl._feature_column.name IS 'The name of the column.';
COMMENT ON COLUMN etl._feature_column.type IS 'What stands after the name in CREATE TABLE.';

CREATE FUNCTION etl._column_type(type oid, modifier int, collation_id oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
    SELECT format_type(type, modifier)
           || CASE WHEN collation_id <> 0 AND collation_id <> 'pg_catalog."default"'::regcollation
                   THEN ' COLLATE ' || collation_id::regcollation ELSE '' END
$$;
COMMENT ON FUNCTION etl._column_type(oid, int, oid) IS
    'A type with its modifier and collation, as CREATE TABLE takes it.';

CREATE FUNCTION etl._plain_query(query text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_replace(query, '[\s;]+$', '')
$$;
COMMENT ON FUNCTION etl._plain_query(text) IS 'A query without the semicolon at its end.';

CREATE FUNCTION etl._require_subquery(query text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._feature_query_columns(format(E'SELECT FROM (\n%s\n) AS q', etl._plain_query(query)));
EXCEPTION
    WHEN syntax_error THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the query of a feature view must be able to stand in FROM',
            DETAIL = 'It has a semicolon before its end, as in "SELECT …; -- features".',
            HINT = 'Give one SELECT, without a semicolon.';
END
$$;
COMMENT ON FUNCTION etl._require_subquery(text) IS
    'Raises (22023) where a query that can be read by itself cannot be read within another one.';

CREATE FUNCTION etl._feature_columns(query text)
RETURNS etl._feature_column[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reason text;
    columns etl._feature_column[];
BEGIN
    columns := ARRAY(
        SELECT (c.name, etl._column_type(c.type, c.modifier, c.collation_id))::etl._feature_column
        FROM ROWS FROM (etl._feature_query_columns(query)) WITH ORDINALITY
             AS c(name, type, modifier, collation_id, position)
        ORDER BY c.position);
    PERFORM etl._require_subquery(query);
    RETURN columns;
EXCEPTION
    WHEN undefined_table OR undefined_function OR undefined_object OR undefined_parameter THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('the query of a feature view cannot be read: %s', reason),
            HINT = 'Tables, types, functions and operators outside of pg_catalog need their schema; the moment is $1, '
                   'and there is no other parameter.';
END
$$;
COMMENT ON FUNCTION etl._feature_columns(text) IS
    'The columns that the query of a feature view gives, in their order. Errors: 22023 no single SELECT, and what '
    'PostgreSQL has against the query.';

CREATE FUNCTION etl._feature_reserved()
RETURNS name[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '{as_of,created_at,present,found,stale,request,now}'::name[]
$$;
COMMENT ON FUNCTION etl._feature_reserved() IS
    'Names that the columns of a feature view cannot have: its tables and on-demand expressions use them.';

CREATE FUNCTION etl._require_span(value interval, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_positive(value, argument);
    IF value > interval '1000 years' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must not be longer than 1000 years, not "%s"', argument, value),
            HINT = 'Leave it out where there is no end.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_span(interval, text) IS
    'Checks that an interval is positive and no longer than 1000 years (22023): moments can be computed with it.';

CREATE FUNCTION etl._require_nullable(columns etl._feature_column[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    feature etl._feature_column;
BEGIN
    FOREACH feature IN ARRAY columns LOOP
        PERFORM etl._locked_command(format('SELECT NULL::%s', feature.type));
    END LOOP;
EXCEPTION
    WHEN not_null_violation OR check_violation THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('feature "%s" is of type %s, which has no NULL', feature.name, feature.type),
            DETAIL = 'The features of an entity that has vanished, or has expired, are NULL.',
            HINT = 'Cast it in the query to the type that the domain is made of.';
END
$$;
COMMENT ON FUNCTION etl._require_nullable(etl._feature_column[]) IS
    'Raises (22023) where one of the columns is of a domain without NULL.';

CREATE FUNCTION etl._require_entity(entity name[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem text := CASE
        WHEN coalesce(cardinality(entity), 0) = 0 THEN 'no entity column was given'
        WHEN array_position(entity, NULL) IS NOT NULL THEN 'an entity column must not be NULL'
        WHEN cardinality(entity) > 8 THEN
            format('%s entity columns were given, and 8 are the most', cardinality(entity))
        WHEN (SELECT count(DISTINCT e) FROM unnest(entity) AS e) < cardinality(entity) THEN
            format('an entity column is given twice in {%s}', etl._column_list(entity))
    END;
BEGIN
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = problem,
            HINT = 'Name the columns of the query that tell whose features a row has: entity => ARRAY[''user_id''].';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_entity(name[]) IS 'Checks the entity columns of a feature view by themselves (22023).';

CREATE FUNCTION etl._check_feature_columns(entity name[], columns etl._feature_column[])
RETURNS name[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names name[] := ARRAY(SELECT c.name FROM unnest(columns) AS c);
    bad name;
BEGIN
    FOREACH bad IN ARRAY entity LOOP
        PERFORM etl._require_query_column(names, bad);
    END LOOP;
    SELECT n INTO bad FROM unnest(names) AS n GROUP BY n HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_column',
            MESSAGE = format('the query returns more than one column "%s"', bad),
            HINT = 'Give each column a name of its own with AS.';
    END IF;
    SELECT n INTO bad FROM unnest(names) AS n WHERE n = ANY (etl._feature_reserved() || '?column?'::name) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'reserved_name',
            MESSAGE = format('a column of a feature view cannot be named "%s"', bad),
            DETAIL = CASE WHEN bad = '?column?' THEN 'PostgreSQL calls a column so that has no name.'
                          ELSE format('The names %s are taken.', etl._column_list(etl._feature_reserved())) END,
            HINT = 'Give it another name with AS.';
    ELSIF cardinality(names) = cardinality(entity) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the query returns no feature',
            DETAIL = format('All of its columns are entity columns: %s.', etl._column_list(names)),
            HINT = 'Let it return a column more.';
    END IF;
    PERFORM etl._require_nullable(ARRAY(SELECT c FROM unnest(columns) AS c WHERE c.name <> ALL (entity)));
    RETURN ARRAY(SELECT n FROM unnest(names) WITH ORDINALITY AS u(n, position)
                 WHERE n <> ALL (entity) ORDER BY position);
END
$$;
COMMENT ON FUNCTION etl._check_feature_columns(name[], etl._feature_column[]) IS
    'The features among the columns of a query. Errors: 42703 an entity column is missing, 42701 a name twice, 42939 a '
    'reserved name, 22023 no feature, or one that cannot be NULL.';

CREATE FUNCTION etl._check_expression(columns etl._feature_column[], features name[], feature name, expression text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source text := (
        SELECT format('(SELECT %s, NULL::jsonb AS request, NULL::timestamptz AS as_of, $1 AS now) AS features',
                      string_agg(format('NULL::%s AS %I', c.type, c.name), ', '))
        FROM unnest(columns) AS c WHERE c.name = ANY (features));
    reason text;
BEGIN
    -- Inside parentheses and inside brackets, so that the text is one expression and none that closes them early; in
    -- WHERE, which takes no aggregate, window function or set.
    PERFORM etl._feature_query_columns(format(E'SELECT FROM %s WHERE to_jsonb(\n%s\n) IS NULL', source, expression));
    PERFORM etl._feature_query_columns(format(E'SELECT FROM %s WHERE ARRAY[\n%s\n] IS NULL', source, expression));
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('on-demand feature "%s" is no expression over the features: %s', feature, reason),
            DETAIL = format('It is: %s', expression),
            HINT = 'Give one SQL expression over the stored features, request (jsonb), as_of and now; functions and '
                   'types outside of pg_catalog need their schema.';
END
$$;
COMMENT ON FUNCTION etl._check_expression(etl._feature_column[], name[], name, text) IS
    'Raises, under the SQLSTATE of PostgreSQL''s complaint, unless the text is one expression over the stored features '
    'and what a request brings.';

CREATE FUNCTION etl._check_on_demand(columns etl._feature_column[], features name[], on_demand jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item record;
BEGIN
    IF jsonb_typeof(on_demand) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'on_demand must be a JSON object',
            HINT = 'Give names and SQL expressions: {"price_ratio": "(request ->> ''price'')::float8 / avg_price"}.';
    END IF;
    FOR item IN SELECT e.key, e.value, e.value #>> '{}' AS expression FROM jsonb_each(on_demand) AS e LOOP
        PERFORM etl._require_name(item.key, 'the name of an on-demand feature');
        IF jsonb_typeof(item.value) <> 'string' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('on-demand feature "%s" must be an SQL expression, not %s', item.key, item.value),
                HINT = 'Give the expression as a JSON string.';
        ELSIF item.key = ANY (ARRAY(SELECT c.name FROM unnest(columns) AS c) || etl._feature_reserved()) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'duplicate_column',
                MESSAGE = format('the name of on-demand feature "%s" is taken', item.key),
                DETAIL = format('It is that of a column of the query, or one of %s.',
                                etl._column_list(etl._feature_reserved())),
                HINT = 'Give it another name.';
        END IF;
        PERFORM etl._check_expression(columns, features, item.key, item.expression);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._check_on_demand(etl._feature_column[], name[], jsonb) IS
    'Checks the on-demand expressions of a feature view.';

CREATE FUNCTION etl._check_feature_view(
    name text, entity name[], query text, schedule text, ttl interval, owner name, online text, keep_history interval,
    schema name)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_name(name, 'name');
    PERFORM etl._require_owner(coalesce(owner, current_user), format('feature view "%s"', name));
    PERFORM etl._require_entity(entity);
    IF schedule IS NOT NULL THEN
        PERFORM etl._require_schedule(schedule);
    END IF;
    IF ttl IS NOT NULL THEN
        PERFORM etl._require_span(ttl, 'ttl');
    END IF;
    IF keep_history IS NOT NULL THEN
        PERFORM etl._require_span(keep_history, 'keep_history');
    END IF;
    IF octet_length(name) > 55 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'name_too_long',
            MESSAGE = format('name of a feature view has more than 55 bytes: "%s"', name),
            DETAIL = 'Its tables are named like it, one of them with "_history" added.',
            HINT = 'Give a shorter name.';
    ELSIF online IS NULL OR online NOT IN ('logged', 'unlogged') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN online IS NULL THEN 'online must not be NULL'
                           ELSE format('unknown setting "%s" for online', online) END,
            DETAIL = 'The known ones are logged and unlogged.',
            HINT = 'Leave online out to have an online table that survives a crash as it is.';
    ELSIF to_regnamespace(quote_ident(schema)) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_schema_name',
            MESSAGE = CASE WHEN schema IS NULL THEN 'no schema has been selected to create the tables in'
                           ELSE format('schema "%s" does not exist', schema) END,
            HINT = 'Give the schema of the tables: schema => ''…''.';
    ELSIF query IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no query was given',
            HINT = 'Give one SELECT of entity columns and features, in which $1 is the moment.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_feature_view(text, name[], text, text, interval, name, text, interval, name) IS
    'Checks the arguments of etl.create_feature_view but for what the query returns.';
