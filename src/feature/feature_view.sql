-- Feature views: a query that gives features of entities as of a moment, defined, changed and dropped.
--
-- The query refers to the moment as $1. It is read under search_path = pg_catalog, pg_temp, so that it means the same
-- in every session: tables and functions of others need their schema.

-- Checks of a definition ----------------------------------------------------------------------------------------------

CREATE FUNCTION etl._feature_query_columns(query text, OUT name text, OUT type oid, OUT modifier int, OUT collation_id oid)
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
COMMENT ON TYPE etl._feature_column IS 'A column of a feature view: its name, and its type with modifier and collation.';
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
COMMENT ON FUNCTION etl._column_type(oid, int, oid) IS 'A type with its modifier and collation, as CREATE TABLE takes it.';

CREATE FUNCTION etl._feature_columns(query text)
RETURNS etl._feature_column[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reason text;
    place text;
BEGIN
    RETURN ARRAY(
        SELECT (c.name, etl._column_type(c.type, c.modifier, c.collation_id))::etl._feature_column
        FROM ROWS FROM (etl._feature_query_columns(query)) WITH ORDINALITY
             AS c(name, type, modifier, collation_id, position)
        ORDER BY c.position);
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
    SELECT '{as_of,created_at,present,request,now}'::name[]
$$;
COMMENT ON FUNCTION etl._feature_reserved() IS
    'Names that the columns of a feature view cannot have: its tables and on-demand expressions use them.';

CREATE FUNCTION etl._require_entity(entity name[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem text := CASE
        WHEN coalesce(cardinality(entity), 0) = 0 THEN 'no entity column was given'
        WHEN array_position(entity, NULL) IS NOT NULL THEN 'an entity column must not be NULL'
        WHEN cardinality(entity) > 8 THEN format('%s entity columns were given, and 8 are the most', cardinality(entity))
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
            DETAIL = format('The names %s are taken.', etl._column_list(etl._feature_reserved())),
            HINT = 'Give it another name with AS.';
    ELSIF cardinality(names) = cardinality(entity) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the query returns no feature',
            DETAIL = format('All of its columns are entity columns: %s.', etl._column_list(names)),
            HINT = 'Let it return a column more.';
    END IF;
    RETURN ARRAY(SELECT n FROM unnest(names) WITH ORDINALITY AS u(n, position) WHERE n <> ALL (entity) ORDER BY position);
END
$$;
COMMENT ON FUNCTION etl._check_feature_columns(name[], etl._feature_column[]) IS
    'The features among the columns of a query. Errors: 42703 an entity column is missing, 42701 a name twice, 42939 a '
    'reserved name, 22023 no feature.';

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
    -- Inside parentheses and inside brackets, so that the text is one expression and none that closes them early.
    PERFORM etl._feature_query_columns(format(E'SELECT to_jsonb(\n%s\n), features.* FROM %s', expression, source));
    PERFORM etl._feature_query_columns(format(E'SELECT ARRAY[\n%s\n], features.* FROM %s', expression, source));
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
                DETAIL = 'It is that of a column of the query, or one of as_of, created_at, present, request, now.',
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
        PERFORM etl._require_positive(ttl, 'ttl');
    END IF;
    IF keep_history IS NOT NULL THEN
        PERFORM etl._require_positive(keep_history, 'keep_history');
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

-- Parts that definers share -------------------------------------------------------------------------------------------

CREATE FUNCTION etl._plain_query(query text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_replace(query, '[\s;]+$', '')
$$;
COMMENT ON FUNCTION etl._plain_query(text) IS 'A query without the semicolon at its end.';

CREATE FUNCTION etl._record_version(view etl.feature_view)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO etl.feature_view_version (view_id, version, query, on_demand, ttl, features, sources)
    VALUES (view.view_id, view.version, view.query, view.on_demand, view.ttl, view.features,
            ARRAY(SELECT DISTINCT etl._relation_name(l.relation) FROM etl._query_lineage(view.query) AS l
                  WHERE l.relation IS NOT NULL ORDER BY 1))
$$;
COMMENT ON FUNCTION etl._record_version(etl.feature_view) IS 'Writes the current version of a feature view down.';

CREATE FUNCTION etl._schedule_features(view etl.feature_view)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF view.schedule IS NULL THEN
        PERFORM etl._cron_unschedule(etl._cron_job_name('features', view.name), view.owner);
    ELSE
        PERFORM etl._cron_schedule(etl._cron_job_name('features', view.name), view.schedule,
                                   format('CALL etl.materialize_features(%L)', view.name));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._schedule_features(etl.feature_view) IS
    'Gives a feature view the pg_cron job of its schedule, or takes the job away where it has none.';

CREATE FUNCTION etl._create_feature_tables(view etl.feature_view, columns etl._feature_column[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys text := (
        SELECT string_agg(format('%I %s NOT NULL', c.name, c.type), ', ' ORDER BY array_position(view.entity, c.name))
        FROM unnest(columns) AS c WHERE c.name = ANY (view.entity));
    features text := (
        SELECT string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY array_position(view.features, c.name))
        FROM unnest(columns) AS c WHERE c.name = ANY (view.features));
BEGIN
    EXECUTE format('CREATE %s TABLE %s (%s, as_of timestamptz NOT NULL, %s, PRIMARY KEY (%s))',
                   CASE WHEN view.unlogged THEN 'UNLOGGED' END, view.online_table, keys, features,
                   etl._column_list(view.entity));
    EXECUTE format('CREATE TABLE %s (%s, as_of timestamptz NOT NULL, created_at timestamptz NOT NULL, '
                   'present boolean NOT NULL, %s, PRIMARY KEY (%s, as_of, created_at))',
                   view.history_table, keys, features, etl._column_list(view.entity));
    EXECUTE format('COMMENT ON TABLE %s IS %L', view.online_table,
                   format('The newest features of feature view "%s", one row for each entity.', view.name));
    EXECUTE format('COMMENT ON TABLE %s IS %L', view.history_table,
                   format('All states of the features of feature view "%s".', view.name));
END
$$;
COMMENT ON FUNCTION etl._create_feature_tables(etl.feature_view, etl._feature_column[]) IS
    'Creates the two tables of a feature view.';

CREATE FUNCTION etl._note_moment(view etl.feature_view)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT etl._uses_moment(view.query) THEN
        RAISE NOTICE USING
            MESSAGE = format('the query of feature view "%s" does not refer to $1', view.name),
            DETAIL = 'It gives the features as they are when it is run, so that they cannot be computed again as of a '
                     'past moment.',
            HINT = 'Let it read only what had happened at the moment, as in WHERE "timestamp" <= $1.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._note_moment(etl.feature_view) IS
    'Tells who defines a feature view when its query does not look at the moment.';

-- What users call ----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._keep_feature_view(holder name, wanted etl.feature_view, if_not_exists boolean)
RETURNS regclass
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.feature_view;
BEGIN
    IF holder <> current_user OR NOT if_not_exists THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('feature view "%s" already exists', wanted.name)
                      || CASE WHEN holder <> current_user THEN ' and belongs to another role' ELSE '' END,
            HINT = CASE WHEN holder <> current_user THEN 'Give another name.'
                        ELSE format('etl.alter_feature_view(%L, …) changes it; or pass if_not_exists => true.',
                                    wanted.name) END;
    END IF;
    stored := etl._feature_view(wanted.name);
    IF (stored.entity, stored.query, stored.on_demand, stored.unlogged)
           = (wanted.entity, wanted.query, wanted.on_demand, wanted.unlogged)
       AND (stored.ttl, stored.keep_history, stored.schedule, stored.description)
           IS NOT DISTINCT FROM (wanted.ttl, wanted.keep_history, wanted.schedule, wanted.description) THEN
        RAISE NOTICE 'feature view "%" already exists, nothing changed', wanted.name;
    ELSE
        RAISE WARNING USING
            MESSAGE = format('feature view "%s" already exists with another definition, nothing changed', wanted.name),
            HINT = format('etl.alter_feature_view(%L, …) changes it.', wanted.name);
    END IF;
    PERFORM etl._schedule_features(stored);
    RETURN etl._feature_table(stored, stored.online_table);
END
$$;
COMMENT ON FUNCTION etl._keep_feature_view(name, etl.feature_view, boolean) IS
    'What etl.create_feature_view does when there is a view of that name: error (42710), notice or warning.';

CREATE FUNCTION etl.create_feature_view(
    name text,
    entity name[],
    query text,
    schedule text DEFAULT NULL,
    ttl interval DEFAULT NULL,
    description text DEFAULT NULL,
    owner name DEFAULT current_user,
    online text DEFAULT 'logged',
    keep_history interval DEFAULT NULL,
    on_demand jsonb DEFAULT '{}',
    schema name DEFAULT current_schema(),
    if_not_exists boolean DEFAULT false
)
RETURNS regclass
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view etl.feature_view;
    columns etl._feature_column[];
    holder text := etl._feature_view_owner(name);
BEGIN
    PERFORM etl._require_flag(if_not_exists, 'if_not_exists');
    PERFORM etl._check_feature_view(name, entity, query, schedule, ttl, owner, online, keep_history, schema);
    columns := etl._feature_columns(query);
    view.features := etl._check_feature_columns(entity, columns);
    PERFORM etl._check_on_demand(columns, view.features, on_demand);
    view.name := name;
    view.entity := entity;
    view.query := etl._plain_query(query);
    view.schedule := lower(btrim(schedule));
    view.ttl := ttl;
    view.description := description;
    view.unlogged := online = 'unlogged';
    view.keep_history := keep_history;
    view.on_demand := on_demand;
    view.online_table := format('%I.%I', schema, name);
    view.history_table := format('%I.%I', schema, name || '_history');
    IF holder IS NOT NULL THEN
        RETURN etl._keep_feature_view(holder, view, if_not_exists);
    END IF;
    PERFORM etl._create_feature_tables(view, columns);
    INSERT INTO etl.feature_view AS v (name, online_table, history_table, unlogged, entity, features, query, on_demand,
                                       ttl, keep_history, schedule, description)
    VALUES (view.name, view.online_table, view.history_table, view.unlogged, view.entity, view.features, view.query,
            view.on_demand, view.ttl, view.keep_history, view.schedule, view.description)
    RETURNING v.* INTO view;
    PERFORM etl._record_version(view);
    PERFORM etl._note_moment(view);
    PERFORM etl._schedule_features(view);
    RETURN view.online_table::regclass;
END
$$;
COMMENT ON FUNCTION
    etl.create_feature_view(text, name[], text, text, interval, text, name, text, interval, jsonb, name, boolean) IS
    'Defines a feature view and creates its tables, which stay empty until CALL etl.materialize_features. Returns the '
    'online table; the history is named like it with _history added. '
    'name: unique in the database, and the name of the online table. '
    'entity: the columns of the query that tell whose features a row has, up to eight; one row for each entity. '
    'query: one SELECT that changes nothing; it returns the entity columns and the features as of the moment $1 '
    '(timestamptz). Tables, types and functions outside of pg_catalog need their schema. '
    'schedule: five cron fields, in GMT, or @hourly and the like: materialises by pg_cron. '
    'ttl: a row whose as_of is longer ago is expired: etl.get_features gives NULLs and says stale. '
    'owner: the current role; SET ROLE to define one for another. '
    'online: logged, or unlogged, which is faster to write; after a crash etl.get_features reads the history until the '
    'next materialisation has filled the table again. '
    'keep_history: how long superseded states are kept; NULL for ever. '
    'on_demand: names and SQL expressions over the stored features, request (jsonb, the third argument of '
    'etl.get_features), as_of and now, computed when features are read. '
    'schema: where the tables are created. if_not_exists: leaves an existing view as it is, with a NOTICE, or a '
    'WARNING when it differs. '
    'Errors: 22023 bad argument or a query that is no SELECT, 42703 entity column missing, 42701 a name twice, 42939 a '
    'reserved name (as_of, created_at, present, request, now), 42710 the view exists, 42P07 a table of that name '
    'exists, 42501 owner is another role, 55000 a schedule without pg_cron.';

-- Changing ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._lock_feature_view(name text)
RETURNS etl.feature_view
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view etl.feature_view := etl._feature_view(name);
BEGIN
    -- What changes the row: so a transaction that has its snapshot from before another's change fails (40001).
    UPDATE etl.feature_view AS v SET runs = v.runs + 1 WHERE v.view_id = view.view_id AND v.owner = current_user
    RETURNING v.* INTO view;
    IF NOT FOUND THEN
        view := etl._feature_view(name); -- dropped meanwhile: raises
    END IF;
    RETURN view;
END
$$;
COMMENT ON FUNCTION etl._lock_feature_view(text) IS
    'The definition of a feature view of the current role, locked to the end of the transaction: one after the other '
    'they materialise, alter and drop it.';

CREATE FUNCTION etl._feature_table_columns(relation regclass)
RETURNS SETOF etl._feature_column
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.attname, etl._column_type(a.atttypid, a.atttypmod, a.attcollation)
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
$$;
COMMENT ON FUNCTION etl._feature_table_columns(regclass) IS 'The columns of a table and their types.';

CREATE FUNCTION etl._fit_feature_table(view etl.feature_view, relation regclass, columns etl._feature_column[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT c.name, c.type, t.type AS stored
        FROM unnest(columns) WITH ORDINALITY AS c(name, type, position)
        LEFT JOIN etl._feature_table_columns(relation) AS t ON t.name = c.name
        WHERE t.type IS DISTINCT FROM c.type
        ORDER BY c.position
    LOOP
        IF wanted.stored IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of feature view "%s" cannot become %s, as it is %s', wanted.name,
                                 view.name, wanted.type, wanted.stored),
                DETAIL = format('Table "%s" has its values.', relation),
                HINT = 'Cast it in the query, or give the feature another name.';
        END IF;
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', relation, wanted.name, wanted.type);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._fit_feature_table(etl.feature_view, regclass, etl._feature_column[]) IS
    'Adds the columns to a table of a feature view that it lacks; 42804 where one has another type.';

CREATE FUNCTION etl._fit_feature_tables(view etl.feature_view, columns etl._feature_column[], features name[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    online regclass := etl._feature_table(view, view.online_table);
    feature name;
BEGIN
    PERFORM etl._fit_feature_table(view, etl._feature_table(view, view.history_table), columns);
    PERFORM etl._fit_feature_table(view, online, columns);
    FOREACH feature IN ARRAY view.features LOOP
        IF feature <> ALL (features) THEN
            EXECUTE format('ALTER TABLE %s DROP COLUMN %I', online, feature);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._fit_feature_tables(etl.feature_view, etl._feature_column[], name[]) IS
    'Gives the tables of a feature view the columns of a new version. The history keeps those of earlier ones.';

CREATE FUNCTION etl._changed_feature_view(
    view etl.feature_view, query text, schedule text, ttl interval, description text, on_demand jsonb,
    keep_history interval)
RETURNS etl.feature_view
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF schedule <> '' THEN
        PERFORM etl._require_schedule(schedule);
    END IF;
    IF ttl <> interval '0' THEN
        PERFORM etl._require_positive(ttl, 'ttl');
    END IF;
    IF keep_history <> interval '0' THEN
        PERFORM etl._require_positive(keep_history, 'keep_history');
    END IF;
    view.query := coalesce(etl._plain_query(query), view.query);
    view.schedule := CASE WHEN schedule IS NULL THEN view.schedule ELSE nullif(lower(btrim(schedule)), '') END;
    view.ttl := CASE WHEN ttl IS NULL THEN view.ttl ELSE nullif(ttl, interval '0') END;
    view.keep_history := CASE WHEN keep_history IS NULL THEN view.keep_history
                              ELSE nullif(keep_history, interval '0') END;
    view.description := CASE WHEN description IS NULL THEN view.description ELSE nullif(description, '') END;
    view.on_demand := coalesce(on_demand, view.on_demand);
    RETURN view;
END
$$;
COMMENT ON FUNCTION etl._changed_feature_view(etl.feature_view, text, text, interval, text, jsonb, interval) IS
    'A definition with what is given in place of what it had.';

CREATE FUNCTION etl.alter_feature_view(
    name text,
    query text DEFAULT NULL,
    schedule text DEFAULT NULL,
    ttl interval DEFAULT NULL,
    description text DEFAULT NULL,
    on_demand jsonb DEFAULT NULL,
    keep_history interval DEFAULT NULL
)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.feature_view := etl._lock_feature_view(name);
    wanted etl.feature_view := etl._changed_feature_view(stored, query, schedule, ttl, description, on_demand,
                                                         keep_history);
    columns etl._feature_column[];
BEGIN
    IF (wanted.query, wanted.on_demand) <> (stored.query, stored.on_demand) OR wanted.ttl IS DISTINCT FROM stored.ttl
    THEN
        columns := etl._feature_columns(wanted.query);
        wanted.features := etl._check_feature_columns(stored.entity, columns);
        PERFORM etl._check_on_demand(columns, wanted.features, wanted.on_demand);
        PERFORM etl._fit_feature_tables(stored, columns, wanted.features);
        wanted.version := stored.version + 1;
        PERFORM etl._record_version(wanted);
        PERFORM etl._note_moment(wanted);
    END IF;
    UPDATE etl.feature_view AS v
    SET query = wanted.query, features = wanted.features, on_demand = wanted.on_demand, ttl = wanted.ttl,
        schedule = wanted.schedule, description = wanted.description, keep_history = wanted.keep_history,
        version = wanted.version
    WHERE v.view_id = stored.view_id AND v.owner = current_user;
    IF wanted.schedule IS DISTINCT FROM stored.schedule THEN
        PERFORM etl._schedule_features(wanted);
    END IF;
    RETURN wanted.version;
END
$$;
COMMENT ON FUNCTION etl.alter_feature_view(text, text, text, interval, text, jsonb, interval) IS
    'Changes a feature view, and returns its version. What is NULL stays as it is; an empty text (schedule, '
    'description), the interval 0 (ttl, keep_history) and {} (on_demand) take away what there was. Another query, ttl '
    'or on_demand makes a new version; etl.feature_view_versions keeps the old ones. A new query returns the same '
    'entity columns. A new feature is added to the tables, NULL until the next materialisation; one that is gone is '
    'dropped from the online table, and its past values stay in the history. A feature keeps its type. '
    'Errors: as etl.create_feature_view, and 42704 no such view, 42501 another role''s, 42804 another type.';

CREATE FUNCTION etl.drop_feature_view(name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder text := etl._feature_view_owner(name);
    view etl.feature_view;
    relation regclass;
BEGIN
    IF holder IS NULL AND if_exists THEN
        RAISE NOTICE 'feature view "%" does not exist, nothing to drop', name;
        RETURN;
    ELSIF holder IS NULL THEN
        PERFORM etl._feature_view(name);
    END IF;
    PERFORM etl._require_owner(holder, format('feature view "%s"', name), or_superuser => true);
    DELETE FROM etl.feature_view AS v WHERE v.name = drop_feature_view.name AND v.owner = holder RETURNING v.* INTO view;
    DELETE FROM etl.feature_view_version AS d WHERE d.view_id = view.view_id AND d.owner = holder;
    DELETE FROM etl.feature_materialization AS m WHERE m.view_id = view.view_id AND m.owner = holder;
    -- The names were written by the view's owner: what is another's stays, whoever drops the view.
    FOR relation IN
        SELECT c.oid FROM unnest(ARRAY[view.online_table, view.history_table]) AS t
        JOIN pg_class AS c ON c.oid = to_regclass(t) AND pg_get_userbyid(c.relowner) = holder
    LOOP
        EXECUTE format('DROP TABLE %s', relation);
    END LOOP;
    PERFORM etl._cron_unschedule(etl._cron_job_name('features', name), holder);
END
$$;
COMMENT ON FUNCTION etl.drop_feature_view(text, boolean) IS
    'Drops a feature view, its two tables with all features, its versions and its pg_cron job. A superuser may drop '
    'another role''s. Errors: 42704 no such view (a NOTICE with if_exists), 42501 it is another role''s, 2BP01 '
    'something depends on a table of it.';
