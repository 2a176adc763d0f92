-- Partition policies in a configuration.

CREATE FUNCTION etl._config_partition_policies_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.name, to_jsonb(p) FROM etl.partition_policy AS p WHERE p.owner = current_user
$$;
COMMENT ON FUNCTION etl._config_partition_policies_export() IS 'The partition policies of the current role.';
