-- Rollups in a configuration. A rollup computes in the time zone that the session had when it was made, so that is
-- written down as well. frozen_before is left out: it tells of rows that were erased from this database.

CREATE FUNCTION etl._config_rollups_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.name, to_jsonb(r) FROM etl.rollup AS r WHERE r.owner = current_user
$$;
COMMENT ON FUNCTION etl._config_rollups_export() IS 'The rollups of the current role.';

CREATE FUNCTION etl._config_rollups_calls(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN stored IS NULL THEN ARRAY[format('SET LOCAL timezone = %L', wanted ->> 'timezone')] END
           || etl._config_calls(kind, name, stored, wanted)
$$;
COMMENT ON FUNCTION etl._config_rollups_calls(etl._config_kind, text, jsonb, jsonb) IS
    'The statements that make a rollup in its time zone, change it, or drop it.';
