-- Refresh policies of materialized views in a configuration.

CREATE FUNCTION etl._config_refresh_policies_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.matview, to_jsonb(p) || jsonb_build_object('concurrently', p.setting)
    FROM etl.refresh_policy AS p WHERE p.owner = current_user
$$;
COMMENT ON FUNCTION etl._config_refresh_policies_export() IS
    'The refresh policies of the current role, by their views.';
