-- Convenience kinds of steps: work of pg_etl itself. Each calls one function or procedure: the action of the step is what
-- it is about, params are its other arguments, by their names. Where it has as_of, that is the run's logical time.

CREATE FUNCTION etl._step_kinds()
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT '{sql,procedure,toplevel,extract,validate,dedupe,refresh,retention,features}'::text[] $$;
COMMENT ON FUNCTION etl._step_kinds() IS 'The kinds of steps: those that execute their action, and convenience kinds.';

CREATE FUNCTION etl._kind_routine(kind text, action text, params jsonb, OUT routine regproc, OUT subject text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE kind
        WHEN 'extract' THEN
            routine := 'etl.run_extract';
            subject := 'name';
        WHEN 'validate' THEN
            routine := 'etl.require_valid';
            subject := 'suite';
        WHEN 'dedupe' THEN
            routine := CASE WHEN params ? 'source' THEN 'etl.load_deduplicated' ELSE 'etl.dedupe' END;
            subject := 'target';
        WHEN 'refresh' THEN
            IF (etl._find_rollup(action)).rollup_id IS NOT NULL THEN
                routine := 'etl.refresh_rollup';
                subject := 'name';
            ELSE
                routine := 'etl.refresh_matview';
                subject := 'matview';
            END IF;
        WHEN 'retention' THEN
            routine := 'etl.run_retention';
            subject := 'policy';
        WHEN 'features' THEN
            routine := 'etl.materialize_features';
            subject := 'name';
    END CASE;
END
$$;
COMMENT ON FUNCTION etl._kind_routine(text, text, jsonb) IS
    'What a step of a convenience kind calls, and the argument that its action is.';

CREATE FUNCTION etl._kind_arguments(routine regproc, OUT name text, OUT type regtype, OUT is_required boolean)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.proargnames[a.place], a.type, a.place <= p.pronargs - p.pronargdefaults
    FROM pg_proc AS p
    CROSS JOIN LATERAL unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a(type, place)
    WHERE p.oid = routine AND p.proargnames[a.place] <> 'dry_run'
    ORDER BY a.place
$$;
COMMENT ON FUNCTION etl._kind_arguments(regproc) IS
    'The arguments of a routine that steps call, in their order, but for dry_run: a run of a pipeline has its own.';

CREATE FUNCTION etl._argument_text(value jsonb, type regtype)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN type = 'jsonb'::regtype THEN value::text
        WHEN jsonb_typeof(value) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(value))::text
        ELSE value #>> '{}'
    END
$$;
COMMENT ON FUNCTION etl._argument_text(jsonb, regtype) IS
    'A JSON value as the input function of a type reads it; NULL for null.';

CREATE FUNCTION etl._kind_call(
    kind text, action text, params jsonb, OUT routine regproc, OUT names text[], OUT expressions text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    subject text;
    lacking text;
BEGIN
    SELECT r.routine, r.subject INTO routine, subject FROM etl._kind_routine(kind, action, params) AS r;
    PERFORM etl._require_keys_of(
        params, ARRAY(SELECT a.name FROM etl._kind_arguments(routine) AS a WHERE a.name NOT IN (subject, 'as_of')),
        format('params of a step of kind %s', kind));
    SELECT string_agg(format('"%s"', a.name), ', ') INTO lacking
    FROM etl._kind_arguments(routine) AS a
    WHERE a.is_required AND a.name <> subject AND params ->> a.name IS NULL;
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('params of a step of kind %s lack %s', kind, lacking),
            DETAIL = format('The step calls %s.', routine),
            HINT = format('Say for example params => ''{%s: …}''.', split_part(lacking, ', ', 1));
    END IF;
    SELECT array_agg(c.name ORDER BY c.place), array_agg(c.expression ORDER BY c.place) INTO names, expressions
    FROM (
        SELECT a.name, a.place, CASE
                   WHEN a.name = subject THEN format('%L::%s', nullif(action, CASE kind WHEN 'retention' THEN '*' END),
                                                     a.type)
                   WHEN a.name = 'as_of' THEN 'etl.logical_time()'
                   ELSE format('%L::%s', etl._argument_text(params -> a.name, a.type), a.type)
               END AS expression
        FROM ROWS FROM (etl._kind_arguments(routine)) WITH ORDINALITY AS a(name, type, is_required, place)
        WHERE a.name IN (subject, 'as_of') OR params ->> a.name IS NOT NULL
    ) AS c;
END
$$;
COMMENT ON FUNCTION etl._kind_call(text, text, jsonb) IS
    'The call that a step of a convenience kind makes: the routine, and its arguments by name. 22023 where params has '
    'a member that is no argument of it, or lacks one.';

CREATE FUNCTION etl._step_command(kind text, action text, params jsonb, OUT mode text, OUT command text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    called record;
    arguments text;
BEGIN
    IF kind IN ('sql', 'procedure', 'toplevel') THEN
        mode := kind;
        command := action;
        RETURN;
    END IF;
    SELECT c.* INTO called FROM etl._kind_call(kind, action, params) AS c;
    SELECT string_agg(a.name || ' => ' || a.expression, ', ' ORDER BY a.place) INTO arguments
    FROM unnest(called.names, called.expressions) WITH ORDINALITY AS a(name, expression, place);
    IF (SELECT p.prokind FROM pg_proc AS p WHERE p.oid = called.routine) = 'p' THEN
        mode := 'procedure';
        command := format('CALL %s(%s)', called.routine, arguments);
    ELSE
        mode := 'sql';
        command := format('SELECT * FROM %s(%s)', called.routine, arguments);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._step_command(text, text, jsonb) IS
    'What a step executes, and how (mode: sql, procedure, toplevel): its action or, for a convenience kind, the call '
    'that it stands for. params: those of the step itself. 22023 where they do not fit the kind.';

CREATE FUNCTION etl._require_refreshable(name text, search_path text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation CONSTANT regclass := etl._relation_under(name, search_path);
    known text;
BEGIN
    IF relation IS NULL THEN
        SELECT string_agg(format('"%s"', k.name), ', ' ORDER BY k.name) INTO known
        FROM (
            SELECT r.name FROM etl.rollup AS r WHERE r.owner = current_user
            UNION ALL
            SELECT etl._relation_name(c.oid) FROM pg_class AS c
            WHERE c.relkind = 'm' AND pg_has_role(c.relowner, 'USAGE')
            LIMIT 50
        ) AS k(name);
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('there is no rollup or materialized view "%s"', name),
            DETAIL = coalesce('There are ' || known || '.', 'The current role owns none.'),
            HINT = 'Name one, with its schema.';
    END IF;
    PERFORM etl._require_matview(relation);
END
$$;
COMMENT ON FUNCTION etl._require_refreshable(text, text) IS
    'Checks that a name that is no rollup''s is a materialized view''s that the current role owns (42704, 42809, '
    '42501).';

CREATE FUNCTION etl._relation_under(name text, search_path text)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('search_path', search_path, true);
    RETURN pg_catalog.to_regclass(name);
END
$$;
COMMENT ON FUNCTION etl._relation_under(text, text) IS 'The relation of a name under a search_path; NULL for none.';

CREATE FUNCTION etl._require_argument(kind text, argument text, expression text, search_path text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('search_path', search_path, true);
    PERFORM etl._query_columns('SELECT ' OPERATOR(pg_catalog.||) expression);
EXCEPTION
    WHEN OTHERS THEN
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = pg_catalog.format('%s of a step of kind %s: %s', argument, kind, SQLERRM),
            HINT = CASE SQLSTATE
                       WHEN '42P01' THEN 'A name without a schema is looked up under the search_path of the pipeline.'
                       ELSE pg_catalog.format('Change %s in params.', argument) END;
END
$$;
COMMENT ON FUNCTION etl._require_argument(text, text, text, text) IS
    'Checks that an argument has a value of its type; PostgreSQL''s complaint under its own SQLSTATE.';

CREATE FUNCTION etl._require_source(source text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._load_query(source);
EXCEPTION
    WHEN undefined_table OR invalid_schema_name OR invalid_name THEN
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('source of a step of kind dedupe: %s', SQLERRM),
            HINT = 'Give a query, or the name of a table with its schema.';
END
$$;
COMMENT ON FUNCTION etl._require_source(text) IS
    'Checks the source of a step that loads: a query or a table (42P01, 3F000, 42602).';

CREATE FUNCTION etl._check_step_kind(kind text, action text, params jsonb, search_path text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    called record;
BEGIN
    IF action !~ '\S' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the action of a step must not be empty',
            HINT = format('Name what a step of kind %s is about.', kind);
    END IF;
    CASE kind
        WHEN 'extract' THEN
            PERFORM etl._extract(action);
        WHEN 'validate' THEN
            PERFORM etl._suite_document(action);
        WHEN 'retention' THEN
            PERFORM etl._retention_policy(action) WHERE action <> '*';
        WHEN 'features' THEN
            PERFORM etl._feature_view(action);
        WHEN 'refresh' THEN
            PERFORM etl._require_refreshable(action, search_path)
            WHERE (etl._find_rollup(action)).rollup_id IS NULL;
        WHEN 'dedupe' THEN
            NULL; -- its table is an argument as others are
    END CASE;
    SELECT c.* INTO called FROM etl._kind_call(kind, action, params) AS c;
    IF called.routine = 'etl.load_deduplicated'::regproc THEN
        PERFORM etl._require_source(params ->> 'source');
    END IF;
    PERFORM etl._require_argument(kind, a.name, a.expression, search_path)
    FROM unnest(called.names, called.expressions) AS a(name, expression)
    WHERE a.name <> 'as_of';
    IF kind = 'validate' AND (params ->> 'target' IS NULL) = (params ->> 'query' IS NULL) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'a step of kind validate needs a table or a query',
            HINT = 'Say params => ''{"target": "public.orders"}'', or ''{"query": "SELECT …"}''.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_step_kind(text, text, jsonb, text) IS
    'Checks a step of a convenience kind: what it is about exists (42704, of tables 42P01) and belongs to the current '
    'role (42501), and params fit (22023, or PostgreSQL''s complaint about a value).';
