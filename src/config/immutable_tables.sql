-- Immutable tables in a configuration: each is there or not, and says nothing else.

CREATE FUNCTION etl._config_immutable_tables_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.relation, '{}'::jsonb
    FROM (
        SELECT DISTINCT c.oid, etl._relation_name(c.oid) AS relation
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE t.tgfoid = 'etl._refuse_change'::regproc AND c.relowner = current_user::regrole
    ) AS i
    -- What is immutable with the table that it is part of is not said twice.
    WHERE NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgfoid = 'etl._refuse_change'::regproc AND t.tgrelid IN (SELECT etl._ancestors(i.oid)))
$$;
COMMENT ON FUNCTION etl._config_immutable_tables_export() IS 'The immutable tables that the current role owns.';

CREATE FUNCTION etl._config_immutable_tables_definition(
    kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF definition <> '{}' THEN
        PERFORM etl._config_refuse(path, format('it must be {}, not %s', left(definition::text, 80)),
                                   'A table is immutable, or it is not there.', NULL);
    END IF;
    RETURN definition;
END
$$;
COMMENT ON FUNCTION etl._config_immutable_tables_definition(etl._config_kind, text, jsonb, text) IS
    'Raises (22023) where more is said than that a table is immutable.';

CREATE FUNCTION etl._config_immutable_tables_calls(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY[etl._config_call(kind.makes, format('relation => %L', name),
                                  CASE WHEN wanted IS NULL THEN 'immutable => false' END)]
$$;
COMMENT ON FUNCTION etl._config_immutable_tables_calls(etl._config_kind, text, jsonb, jsonb) IS
    'The statement that makes a table immutable, or mutable again.';
