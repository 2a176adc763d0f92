-- What is checked of a step when it is defined, which is all that can be known by then: its SQL is parsed, what it needs
-- and the target of a convenience kind (step_kinds.sql) are looked up.

CREATE FUNCTION etl._statements(sql text, line text, OUT command text, OUT needs text)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_statements';
COMMENT ON FUNCTION etl._statements(text, text) IS
    'The statements of a text, by their command tags, as the parser reads them; none is executed. needs: procedure '
    'where one ends transactions, toplevel where PostgreSQL refuses it within one, client where it speaks with one, '
    'else NULL. 42601 a syntax error; the second argument stands in its context.';

CREATE FUNCTION etl._require_expression(sql text, line text, hint text)
RETURNS void
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_require_expression';
COMMENT ON FUNCTION etl._require_expression(text, text, text) IS
    'Checks that a text is one expression (42601) that names no column but in subqueries (42703), without looking up '
    'what it names. The other arguments are context and hint of the errors.';

-- What a step needs --------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_needed(parent etl.pipeline, step etl.step)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF step.depends_on IS NULL OR array_ndims(step.depends_on) > 1
       OR EXISTS (SELECT FROM unnest(step.depends_on) AS d(needed) WHERE d.needed IS NULL) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN array_ndims(step.depends_on) > 1 THEN 'depends_on must be a list of one dimension'
                           ELSE 'depends_on must not be or hold NULL' END,
            HINT = 'Give the names of the steps that it comes after, or ''{}'' for none.';
    ELSIF step.name = ANY (step.depends_on) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('step "%s" cannot need itself', step.name),
            HINT = 'Leave it out of depends_on.';
    ELSIF step.run_if = 'any_failed' AND step.depends_on = '{}' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('step "%s" would never be run: run_if is any_failed, and it needs no step', step.name),
            HINT = 'Name the steps in depends_on whose failure it is for.';
    END IF;
    SELECT d.needed INTO unknown
    FROM unnest(step.depends_on) WITH ORDINALITY AS d(needed, place)
    WHERE NOT EXISTS (SELECT FROM etl.step AS s WHERE s.pipeline_id = parent.pipeline_id AND s.name = d.needed)
    ORDER BY d.place
    LIMIT 1;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('step "%s" needs step "%s", which pipeline "%s" does not have', step.name, unknown,
                             parent.name),
            DETAIL = coalesce('Its other steps are ' || etl._steps_but(parent, step.name) || '.',
                              'It has no other steps.'),
            HINT = 'A step can only need steps that were added before it.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_needed(etl.pipeline, etl.step) IS
    'Checks that a step needs other steps of its pipeline only (22023; 42704 where there is none of that name).';

CREATE FUNCTION etl._each_once(names text[])
RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN array_ndims(names) > 1 THEN names
               ELSE ARRAY(SELECT n.name FROM unnest(names) WITH ORDINALITY AS n(name, place)
                          GROUP BY n.name ORDER BY min(n.place))
           END
$$;
COMMENT ON FUNCTION etl._each_once(text[]) IS
    'The names of a list, each once, in the order in which they come first. What is no list is left to be refused.';

CREATE FUNCTION etl._step_circle(step etl.step)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    round text[]; -- the steps that it needs, also by way of others, and that need it
    path text[] := ARRAY[step.name];
BEGIN
    WITH RECURSIVE edge AS MATERIALIZED (
        SELECT s.name, d.needed FROM etl.step AS s CROSS JOIN LATERAL unnest(s.depends_on) AS d(needed)
        WHERE s.pipeline_id = step.pipeline_id
    ), below(name) AS (
        SELECT unnest(step.depends_on)
        UNION
        SELECT e.needed FROM below AS b JOIN edge AS e USING (name)
    ), above(name) AS (
        SELECT step.name
        UNION
        SELECT e.name FROM above AS a JOIN edge AS e ON e.needed = a.name
    )
    SELECT array_agg(a.name) INTO round FROM above AS a JOIN below AS b USING (name);
    IF round IS NULL OR step.name <> ALL (round) THEN
        RETURN NULL;
    END IF;
    -- Before this step was changed there was no circle: every way along the needs leads back to it.
    LOOP
        path := path || (
            SELECT min(d.needed)
            FROM etl.step AS s CROSS JOIN LATERAL unnest(s.depends_on) AS d(needed)
            WHERE s.pipeline_id = step.pipeline_id AND s.name = path[cardinality(path)] AND d.needed = ANY (round));
        EXIT WHEN path[cardinality(path)] = step.name;
    END LOOP;
    RETURN array_to_string(CASE WHEN cardinality(path) > 20 THEN path[:10] || '…'::text || path[cardinality(path) - 8:]
                                ELSE path END, ' -> ');
END
$$;
COMMENT ON FUNCTION etl._step_circle(etl.step) IS
    'The circle that a step of a pipeline without circles closes as it is stored now, as a -> b -> a, or NULL. Of a '
    'long one the middle is left out.';

CREATE FUNCTION etl._require_no_circle(parent etl.pipeline, step etl.step)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    circle CONSTANT text := etl._step_circle(step);
BEGIN
    IF circle IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('steps of pipeline "%s" need each other in a circle: %s', parent.name, circle),
            DETAIL = 'An arrow leads from a step to one that it needs.',
            HINT = 'Give depends_on without the step that leads back, or change that one first.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_no_circle(etl.pipeline, etl.step) IS
    'Checks that a step that was changed closes no circle (22023 names it).';

-- What else is checked -----------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_action(parent etl.pipeline, step etl.step)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    line CONSTANT text := format('action of step "%s" of pipeline "%s"', step.name, parent.name);
    statement record;
    statements integer := 0;
BEGIN
    FOR statement IN SELECT s.command, s.needs FROM etl._statements(step.action, line) AS s LOOP
        statements := statements + 1;
        IF statement.needs = 'client' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'feature_not_supported',
                MESSAGE = format('step "%s" copies from or to a client, and has none', step.name),
                HINT = 'Name a file of the server in COPY, or use INSERT.';
        ELSIF statement.needs IS NOT NULL AND step.kind = 'sql' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('%s cannot stand in step "%s" of kind sql', statement.command, step.name),
                DETAIL = 'Such a step is one transaction, in which its success is recorded too.',
                HINT = format('Give the step kind => %L.', statement.needs);
        END IF;
    END LOOP;
    IF statements = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the action of a step must not be empty',
            HINT = 'Give the SQL that the step executes, such as ''INSERT INTO … SELECT …'' or ''CALL …''; ''SELECT'' '
                   'does nothing.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_action(etl.pipeline, etl.step) IS
    'Checks the SQL of a step: 42601 a syntax error, 22023 nothing in it, or what its kind cannot execute, 0A000 COPY '
    'from or to a client.';

CREATE FUNCTION etl._check_type(expression text, search_path text)
RETURNS oid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type oid;
BEGIN
    PERFORM set_config('search_path', search_path, true);
    SELECT q.type INTO type FROM etl._query_columns(pg_catalog.format(E'SELECT (\n%s\n)', expression)) AS q;
    RETURN type;
EXCEPTION
    -- What it asks for may be made by then, or be granted.
    WHEN undefined_table OR undefined_column OR undefined_function OR undefined_object OR invalid_schema_name
         OR insufficient_privilege THEN
        RETURN 'pg_catalog.bool'::pg_catalog.regtype;
END
$$;
COMMENT ON FUNCTION etl._check_type(text, text) IS
    'The type of an expression under a search_path: boolean, too, where what it names does not exist.';

CREATE FUNCTION etl._require_check(parent etl.pipeline, step etl.step)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hint CONSTANT text := 'Give one boolean expression that asks with subqueries, such as '
                          '''EXISTS (SELECT FROM public.orders)''.';
    type oid;
BEGIN
    IF step."check" !~ '\S' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the check of a step must not be empty',
            HINT = hint;
    END IF;
    PERFORM etl._require_expression(step."check", format('check of step "%s" of pipeline "%s"', step.name, parent.name),
                                    hint);
    type := etl._check_type(step."check", parent.search_path);
    IF NOT EXISTS (SELECT FROM pg_type AS t WHERE t.oid = type AND 'bool'::regtype IN (t.oid, t.typbasetype)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('check "%s" of step "%s" is of type %s, not boolean', left(step."check", 80), step.name,
                             format_type(type, NULL)),
            HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_check(etl.pipeline, etl.step) IS
    'Checks the check of a step: 42601 no expression, 42703 a column, 42804 no boolean, and what else PostgreSQL has '
    'against it. Tables and functions need not exist yet.';

CREATE FUNCTION etl._require_wait(value interval, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR NOT isfinite(value) OR value < interval '0'
       OR extract(year FROM value) <> 0 OR extract(month FROM value) <> 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s cannot be %s', argument, coalesce(quote_literal(value), 'NULL')),
            DETAIL = 'It is a span of days, hours, minutes and seconds, zero or longer.',
            HINT = format('Say for example %s => ''30 seconds''.', argument);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_wait(interval, text) IS
    'Checks that an interval is there, finite, not negative and without months, which have no fixed length (22023); '
    'the second argument names it in the error.';

CREATE FUNCTION etl._require_factor(
    value double precision, lowest double precision, highest double precision, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR value NOT BETWEEN lowest AND highest THEN -- NaN is greater than any number
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must be from %s to %s, not %s', argument, lowest, highest,
                             coalesce(value::text, 'NULL')),
            HINT = format('Leave %s out to have what is usual.', argument);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_factor(double precision, double precision, double precision, text) IS
    'Checks that a number is there and within its bounds (22023); the last argument names it in the error.';

CREATE FUNCTION etl._check_retries(step etl.step)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad text;
BEGIN
    IF step.attempts IS NULL OR step.attempts < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('attempts must be at least 1, not %s', coalesce(step.attempts::text, 'NULL')),
            HINT = 'attempts => 1 tries the step once; leave it out to have 3.';
    END IF;
    PERFORM etl._require_wait(step.backoff, 'backoff'), etl._require_wait(step.backoff_max, 'backoff_max'),
            etl._require_factor(step.backoff_factor, 1, 1000, 'backoff_factor'),
            etl._require_factor(step.jitter, 0, 1, 'jitter');
    IF step.backoff_max > interval '0' THEN
        PERFORM etl._require_bounded(step.backoff_max, 'backoff_max');
    END IF;
    IF step.backoff > step.backoff_max THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('backoff "%s" is longer than backoff_max "%s"', step.backoff, step.backoff_max),
            HINT = 'Give backoff_max, the longest wait between two attempts, as well.';
    END IF;
    SELECT coalesce(quote_literal(s), 'NULL') INTO bad
    FROM unnest(step.retry_sqlstates) AS s
    WHERE (s ~ '^([0-9A-Z]{2}|[0-9A-Z]{5})$') IS NOT TRUE
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('retry_sqlstates has %s, which is no SQLSTATE', bad),
            HINT = 'Give codes of five characters, such as ''40P01'', or classes of two, such as ''40''; ''{}'' '
                   'retries nothing.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_retries(etl.step) IS
    'Checks how often, when and after which errors a step is tried again (22023).';

CREATE FUNCTION etl._require_run_as(role name, owner name)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('run_as: role "%s" does not exist', role),
            HINT = 'Name a role that exists, or reset => ''{run_as}'' to run the step as the owner of the pipeline.';
    ELSIF NOT pg_has_role(owner, role,
                          CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER'
                               ELSE 'SET' END) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('run_as: role "%s" is no member of role "%s"', owner, role),
            DETAIL = 'A step acts as a role that the owner of its pipeline may SET ROLE to.',
            HINT = format('GRANT %I TO %I;', role, owner);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_run_as(name, name) IS
    'Checks that a role exists (42704) and that the owner of a pipeline may act as it (42501).';

CREATE FUNCTION etl._check_step(parent etl.pipeline, step etl.step)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_name(step.name, 'name'),
            etl._require_one_of(step.kind, etl._step_kinds(), 'kind'),
            etl._require_one_of(step.run_if, '{all_success,all_done,any_failed}', 'run_if'),
            etl._require_object(step.params, 'params'),
            etl._require_needed(parent, step),
            etl._check_retries(step);
    IF step.timeout IS NOT NULL THEN
        PERFORM etl._require_bounded(step.timeout, 'timeout');
    END IF;
    IF step.run_as IS NOT NULL THEN
        PERFORM etl._require_run_as(step.run_as, parent.owner);
    END IF;
    IF step.action IS NULL OR step.kind IN ('sql', 'procedure', 'toplevel') THEN
        step.action := coalesce(step.action, '');
        PERFORM etl._require_action(parent, step);
    ELSE
        PERFORM etl._check_step_kind(step.kind, step.action, step.params, parent.search_path);
    END IF;
    IF step."check" IS NOT NULL THEN
        PERFORM etl._require_check(parent, step);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_step(etl.pipeline, etl.step) IS
    'Checks all of a step''s definition but whether it closes a circle.';

CREATE FUNCTION etl._role_name(role regrole)
RETURNS name
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF role IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('run_as: role with OID %s does not exist', role::oid),
            HINT = 'Name a role that exists, or leave run_as out.';
    END IF;
    RETURN (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = role);
END
$$;
COMMENT ON FUNCTION etl._role_name(regrole) IS 'The name of a role; NULL for none, 42704 where there is no such role.';
