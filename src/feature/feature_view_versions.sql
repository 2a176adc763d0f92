-- Feature views changed and dropped. Another query, ttl or on-demand expression makes a new version.

CREATE FUNCTION etl._lock_feature_view(name text)
RETURNS etl.feature_view
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view etl.feature_view := etl._feature_view(name);
BEGIN
    -- An update, and no lock alone: so a transaction that has its snapshot from before another's change fails (40001).
    UPDATE etl.feature_view AS v SET version = v.version WHERE v.view_id = view.view_id AND v.owner = current_user
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
        PERFORM etl._require_span(ttl, 'ttl');
    END IF;
    IF keep_history <> interval '0' THEN
        PERFORM etl._require_span(keep_history, 'keep_history');
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
    DELETE FROM etl.feature_view AS v WHERE v.name = drop_feature_view.name AND v.owner = holder
    RETURNING v.* INTO view;
    IF NOT FOUND THEN -- another session was faster
        PERFORM etl.drop_feature_view(name, if_exists);
        RETURN;
    END IF;
    DELETE FROM etl.feature_view_version AS d WHERE d.view_id = view.view_id AND d.owner = holder;
    DELETE FROM etl.feature_materialization AS m WHERE m.view_id = view.view_id AND m.owner = holder;
    -- The names were written by the view's owner: what is another's stays, whoever drops the view.
    FOR relation IN
        SELECT c.oid FROM unnest(ARRAY[view.online_table, view.history_table]) AS t
        JOIN pg_class AS c ON c.oid = to_regclass(t) AND pg_get_userbyid(c.relowner) = holder
         AND c.relkind = 'r'
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
