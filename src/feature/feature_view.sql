-- Feature views defined: the tables, the first version, the schedule.

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
    holder text;
BEGIN
    PERFORM etl._require_flag(if_not_exists, 'if_not_exists');
    PERFORM etl._check_feature_view(name, entity, query, schedule, ttl, owner, online, keep_history, schema);
    -- Whoever creates a view of that name at the same time waits, and then finds it.
    PERFORM pg_advisory_xact_lock('etl.feature_view'::regclass::oid::integer, hashtext(name));
    holder := etl._feature_view_owner(name);
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
    'online table; the history is named like it with _history added. name: unique in the database, and the name of '
    'the online table. entity: the columns of the query that tell whose features a row has, up to eight; one row for '
    'each entity. query: one SELECT that changes nothing; it returns the entity columns and the features as of the '
    'moment $1 (timestamptz). Tables, types and functions outside of pg_catalog need their schema. schedule: five '
    'cron fields, in GMT, or @hourly and the like: materialises by pg_cron. ttl: a row whose as_of is longer ago is '
    'expired: etl.get_features gives NULLs and says stale. owner: the current role; SET ROLE to define one for '
    'another. online: logged, or unlogged, which is faster to write; after a crash etl.get_features reads the history '
    'until the next materialisation has filled the table again. keep_history: how long superseded states are kept; '
    'NULL for ever. on_demand: names and SQL expressions over the stored features, request (jsonb, the third argument '
    'of etl.get_features), as_of and now, computed when features are read. schema: where the tables are created. '
    'if_not_exists: leaves an existing view as it is, with a NOTICE, or a WARNING when it differs. Errors: 22023 bad '
    'argument or a query that is no SELECT, 42703 entity column missing, 42701 a name twice, 42939 a reserved name '
    '(as_of, created_at, present, found, stale, request, now), 42710 the view exists, 42P07 a table of that name '
    'exists, 42501 owner is another role, 55000 a schedule without pg_cron.';
