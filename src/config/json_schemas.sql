-- Registered JSON Schemas in a configuration: documents that say all that there is to say themselves.

CREATE FUNCTION etl._config_json_schemas_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.uri, etl._config_document(s.schema::text, etl._config_path('json_schemas', s.uri))
    FROM etl.json_schema AS s WHERE s.owner = current_user
$$;
COMMENT ON FUNCTION etl._config_json_schemas_export() IS 'The JSON Schemas of the current role, by their URIs.';

CREATE FUNCTION etl._config_json_schemas_definition(kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name LIKE '%#' THEN
        PERFORM etl._config_refuse(path, 'the URI must not end with a #', NULL,
                                   'Leave the # out: it names the same document.');
    END IF;
    RETURN definition;
END
$$;
COMMENT ON FUNCTION etl._config_json_schemas_definition(etl._config_kind, text, jsonb, text) IS
    'A written schema, as it is.';

CREATE FUNCTION etl._config_json_schemas_calls(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_document_calls(kind, name, stored, wanted, 'schema')
$$;
COMMENT ON FUNCTION etl._config_json_schemas_calls(etl._config_kind, text, jsonb, jsonb) IS
    'The statement that registers, replaces or drops a JSON Schema.';
