-- Feature views in a configuration.

CREATE FUNCTION etl._config_feature_views_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.name, to_jsonb(v) || jsonb_build_object(
        'online', CASE WHEN v.unlogged THEN 'unlogged' ELSE 'logged' END,
        'schema', (parse_ident(v.online_table))[1])
    FROM etl.feature_view AS v WHERE v.owner = current_user
$$;
COMMENT ON FUNCTION etl._config_feature_views_export() IS 'The feature views of the current role.';
