-- History views of retention policies in a configuration.

CREATE FUNCTION etl._config_history_views_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT h.name, to_jsonb(h) FROM etl.history_view AS h
    WHERE h.owner = current_user AND etl._is_history_view(h)
$$;
COMMENT ON FUNCTION etl._config_history_views_export() IS
    'The history views of the current role, but for those that were dropped.';

CREATE FUNCTION etl._config_history_views_calls(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY[CASE WHEN wanted IS NULL THEN format('DROP VIEW %s', name)
                      ELSE etl._config_call(kind.makes, format('policy => %L', wanted ->> 'policy'),
                                            format('name => %L', name)) END]
$$;
COMMENT ON FUNCTION etl._config_history_views_calls(etl._config_kind, text, jsonb, jsonb) IS
    'The statement that makes a history view, makes it anew for another policy, or drops it.';
