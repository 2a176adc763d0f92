-- Feature views materialised: one run after the other, each recorded in etl.runs, in one transaction with its rows or,
-- where it fails and the caller allows it (etl._may_commit), by itself.

CREATE FUNCTION etl._require_kept(view etl.feature_view, as_of timestamptz, latest timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF as_of < latest - view.keep_history THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('as_of %s is before the history that feature view "%s" keeps', as_of, view.name),
            DETAIL = format('It keeps %s up to %s.', view.keep_history, latest),
            HINT = format('SELECT etl.alter_feature_view(%L, keep_history => ''0''); keeps all.', view.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_kept(etl.feature_view, timestamptz, timestamptz) IS
    'Raises (22023) where a moment is so long ago that the states of then are no longer kept.';

CREATE FUNCTION etl._has_other_features(view etl.feature_view)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT (d.features @> view.features AND d.features <@ view.features)
    FROM etl.feature_materialization AS m
    JOIN etl.feature_view_version AS d ON d.view_id = m.view_id AND d.version = m.version AND d.owner = m.owner
    WHERE m.view_id = view.view_id AND m.owner = current_user
    ORDER BY m.as_of DESC, m.created_at DESC
    LIMIT 1
$$;
COMMENT ON FUNCTION etl._has_other_features(etl.feature_view) IS
    'Whether a feature view has other features than when it was last materialised. Then every state is written: where '
    'a feature was taken away, and where one comes back, the history would go on with values of an earlier version.';

CREATE FUNCTION etl._has_rows(relation regclass, number bigint)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', relation) INTO found;
    RETURN found = number;
END
$$;
COMMENT ON FUNCTION etl._has_rows(regclass, bigint) IS 'Whether a table has that many rows.';

CREATE FUNCTION etl._warn_of_future(name text, as_of timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF as_of > clock_timestamp() THEN
        RAISE WARNING USING
            MESSAGE = format('feature view "%s" is materialised as of a moment to come, %s', name, as_of),
            DETAIL = 'Until then its online table stays as it is: earlier moments go into the history alone.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._warn_of_future(text, timestamptz) IS 'Warns where a moment is later than now.';

CREATE FUNCTION etl._apply_features(view etl.feature_view, as_of timestamptz, created_at timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    online regclass := etl._feature_table(view, view.online_table);
    history regclass := etl._feature_table(view, view.history_table);
    later timestamptz := (
        SELECT min(m.as_of) FROM etl.feature_materialization AS m
        WHERE m.view_id = view.view_id AND m.owner = current_user AND m.as_of > _apply_features.as_of);
    stage regclass;
    counts jsonb;
BEGIN
    PERFORM etl._refill_if_empty(view, online, history);
    stage := etl._stage_features(view, as_of);
    PERFORM etl._require_same_types(view, ARRAY(SELECT c FROM etl._feature_table_columns(stage) AS c), history);
    BEGIN
        IF later IS NULL THEN
            counts := etl._apply_latest(view, stage, online, history, as_of, created_at,
                                        coalesce(etl._has_other_features(view), false));
        ELSE
            counts := etl._apply_past(view, stage, online, history, as_of, created_at, later);
        END IF;
    EXCEPTION
        WHEN not_null_violation OR unique_violation OR cardinality_violation THEN
            PERFORM etl._refuse_entities(view, stage);
            RAISE;
    END;
    -- Two rows for an entity of which one or none is new are written without an error.
    IF later IS NOT NULL OR NOT etl._has_rows(online, (counts ->> 'entities')::bigint) THEN
        PERFORM etl._refuse_entities(view, stage);
    END IF;
    EXECUTE format('DROP TABLE %s', stage);
    RETURN counts;
END
$$;
COMMENT ON FUNCTION etl._apply_features(etl.feature_view, timestamptz, timestamptz) IS
    'Computes a feature view as of a moment and writes what has changed. Returns the counts.';

CREATE FUNCTION etl._materialize_features(name text, as_of timestamptz, run_id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view etl.feature_view := etl._lock_feature_view(name);
    latest timestamptz;
    written_at timestamptz;
    counts jsonb;
    started CONSTANT timestamptz := clock_timestamp();
BEGIN
    PERFORM etl._close_lost_runs('features', name, run_id);
    SELECT max(m.as_of), greatest(clock_timestamp(), max(m.created_at) + interval '1 microsecond')
    INTO latest, written_at
    FROM etl.feature_materialization AS m WHERE m.view_id = view.view_id AND m.owner = current_user;
    PERFORM etl._require_kept(view, as_of, latest);
    PERFORM etl._warn_of_future(name, as_of);
    counts := etl._apply_features(view, as_of, written_at);
    INSERT INTO etl.feature_materialization (view_id, as_of, created_at, version, entities, changed, vanished)
    VALUES (view.view_id, as_of, written_at, view.version, (counts ->> 'entities')::bigint,
            (counts ->> 'changed')::bigint, (counts ->> 'vanished')::bigint);
    counts := counts || jsonb_build_object(
        'forgotten', etl._forget_history(view), 'version', view.version,
        'seconds', round(extract(epoch FROM clock_timestamp() - started), 3));
    PERFORM etl._finish_run(run_id, 'succeeded', (counts ->> 'changed')::bigint + (counts ->> 'vanished')::bigint,
                            counts, NULL);
END
$$;
COMMENT ON FUNCTION etl._materialize_features(text, timestamptz, bigint) IS
    'Materialises a feature view as of a moment and records how it went.';

CREATE FUNCTION etl._try_materialize(name text, as_of timestamptz, run_id bigint)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    PERFORM etl._materialize_features(name, as_of, run_id);
    RETURN NULL;
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        PERFORM etl._finish_run(run_id, 'failed', NULL, NULL, message);
        RETURN jsonb_build_object('sqlstate', SQLSTATE, 'message', message, 'detail', detail, 'hint', hint);
END
$$;
COMMENT ON FUNCTION etl._try_materialize(text, timestamptz, bigint) IS
    'Materialises a feature view and records the outcome. Returns the error for etl._raise_materialize_error, NULL on '
    'success.';

CREATE FUNCTION etl._raise_materialize_error(failure jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = failure ->> 'sqlstate',
        MESSAGE = failure ->> 'message',
        DETAIL = coalesce(nullif(failure ->> 'detail', ''), 'The failed run is recorded in etl.runs.'),
        HINT = coalesce(nullif(failure ->> 'hint', ''), 'The features stay as they were.');
END
$$;
COMMENT ON FUNCTION etl._raise_materialize_error(jsonb) IS 'Raises the error that etl._try_materialize returned.';

CREATE FUNCTION etl._start_features(name text, as_of timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_moment(as_of, 'as_of');
    PERFORM etl._lock_feature_view(name);
    RETURN etl._start_run('features', name, as_of);
END
$$;
COMMENT ON FUNCTION etl._start_features(text, timestamptz) IS
    'Waits until no other session materialises the view, and records the run.';

-- The body names everything with its schema and uses no operator: it cannot pin search_path, as it commits. No lock is
-- held over the first COMMIT, which shows the run to others: none can be left behind by a call that ends there, and
-- what has happened to the view meanwhile is met by the second transaction.
CREATE PROCEDURE etl.materialize_features(name text, as_of timestamptz DEFAULT now())
LANGUAGE plpgsql
AS $$
DECLARE
    run_id bigint;
    failure pg_catalog.jsonb;
BEGIN
    run_id := etl._start_features(name, as_of);
    IF NOT etl._may_commit() THEN
        PERFORM etl._materialize_features(name, as_of, run_id);
        RETURN;
    END IF;
    COMMIT;
    failure := etl._try_materialize(name, as_of, run_id);
    IF failure IS NOT NULL THEN
        COMMIT;
        PERFORM etl._raise_materialize_error(failure);
    END IF;
END
$$;
COMMENT ON PROCEDURE etl.materialize_features(text, timestamptz) IS
    'Computes a feature view as of a moment and stores what has changed, the online table and the history in one '
    'transaction, and records the run in etl.runs (kind features: rows written; in detail entities, changed, vanished, '
    'forgotten, version, seconds). Calls for one view wait for each other. A moment before the latest one changes the '
    'history only, and never a newer row. Called on its own it commits, and a failure is recorded too; inside a '
    'transaction it does not. '
    'Errors: 42704 no such view, 42501 another role''s, 22023 as_of not finite or before the history that is kept, '
    '23502 a row without an entity, 23505 an entity with two rows, 42804 a column whose type has changed, 42501 no '
    'right to create temporary tables, and whatever the query raises.';

CREATE FUNCTION etl.rebuild_features(name text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view etl.feature_view := etl._lock_feature_view(name);
    online regclass := etl._feature_table(view, view.online_table);
BEGIN
    EXECUTE format('DELETE FROM %s', online);
    RETURN etl._fill_online(view, online, etl._feature_table(view, view.history_table));
END
$$;
COMMENT ON FUNCTION etl.rebuild_features(text) IS
    'Fills the online table of a feature view anew from its history, and returns how many rows it has. After a crash '
    'that emptied an unlogged one the next etl.materialize_features does so by itself, and etl.get_features reads the '
    'history until then; this is for plain SELECTs on the table, and for a table that was changed by hand. Errors: '
    '42704, 42501.';
