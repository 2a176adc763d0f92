-- Extracts in a configuration. How far one has come is no part of it, and neither are servers and their user mappings:
-- those belong to a database, and hold its secrets.

CREATE FUNCTION etl._config_adopted(kind etl._config_kind, name text, said jsonb, same text[], chosen text[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT said || coalesce((
        SELECT jsonb_object_agg(m.name, s.definition -> m.name)
        FROM etl._config_stored(kind) AS s
        CROSS JOIN LATERAL unnest(kind.members) AS m
        WHERE s.name = _config_adopted.name AND m.name = ANY (chosen)
          AND said -> m.name IS NOT DISTINCT FROM m.initial AND jsonb_typeof(s.definition -> m.name) <> 'null'
          AND NOT EXISTS (SELECT FROM unnest(same) AS o WHERE said -> o IS DISTINCT FROM s.definition -> o)), '{}')
$$;
COMMENT ON FUNCTION etl._config_adopted(etl._config_kind, text, jsonb, text[], text[]) IS
    'A written definition with what was chosen when the object was made, where it leaves that to be chosen: an object '
    'that is there already keeps it, as long as it still says the same of what the choice depends on.';

-- From HTTP APIs -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._config_write_mode(definition jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN definition ->> 'key_columns' IS NULL THEN 'append' ELSE 'upsert' END
$$;
COMMENT ON FUNCTION etl._config_write_mode(jsonb) IS 'The write mode of an extract that names none.';

CREATE FUNCTION etl._config_extracts_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.name, to_jsonb(e) || '{"records_path": "auto", "paginate": {"type": "auto"}}' || e.source -- NULL is auto
    FROM etl.extract AS e WHERE e.owner = current_user AND e.kind = 'http'
$$;
COMMENT ON FUNCTION etl._config_extracts_export() IS
    'The extracts from HTTP APIs of the current role. Whether one is paused is no part of its definition.';

CREATE FUNCTION etl._config_extracts_definition(kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said CONSTANT jsonb := etl._config_definition(kind, name, definition, path);
BEGIN
    -- As etl.create_extract has it.
    RETURN etl._config_adopted(kind, name, said, '{}', '{target}')
        || CASE WHEN said ? 'schedule' THEN jsonb_build_object('schedule', btrim(definition ->> 'schedule'))
                ELSE '{}' END
        || CASE WHEN said ? 'method' THEN jsonb_build_object('method', upper(said ->> 'method')) ELSE '{}' END
        || jsonb_build_object('write_mode', coalesce(said ->> 'write_mode', etl._config_write_mode(said)));
END
$$;
COMMENT ON FUNCTION etl._config_extracts_definition(etl._config_kind, text, jsonb, text) IS
    'A written extract in one form. One that names no target keeps that which etl.infer_table has made.';

CREATE FUNCTION etl._config_extracts_short(kind etl._config_kind, definition jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_short(kind, definition)
           - CASE definition ->> 'write_mode' WHEN etl._config_write_mode(definition) THEN '{write_mode}'
                                              ELSE '{}' END::text[]
$$;
COMMENT ON FUNCTION etl._config_extracts_short(etl._config_kind, jsonb) IS 'An extract without its defaults.';

-- From tables --------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._config_table_extracts_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.name, to_jsonb(e) || e.source || jsonb_build_object(
               'source', e.source -> 'relation', 'columns', e.mapping)
    FROM etl.extract AS e WHERE e.owner = current_user AND e.kind = 'table'
$$;
COMMENT ON FUNCTION etl._config_table_extracts_export() IS 'The copies of tables of the current role.';

CREATE FUNCTION etl._config_table_extracts_definition(kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_adopted(kind, name, etl._config_definition(kind, name, definition, path),
                               '{source,target,method,cursor}', '{columns,key_columns,horizon}')
$$;
COMMENT ON FUNCTION etl._config_table_extracts_definition(etl._config_kind, text, jsonb, text) IS
    'A written copy of a table. Its columns, its key and its horizon are chosen when it is made, where it names none, '
    'and stay.';

-- From chains --------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._config_evm_extracts_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.name, to_jsonb(e) || e.source || jsonb_build_object(
               'retry_pause', make_interval(secs => (e.source ->> 'retry_pause')::double precision))
    FROM etl.extract AS e WHERE e.owner = current_user AND e.kind = 'evm'
$$;
COMMENT ON FUNCTION etl._config_evm_extracts_export() IS 'The extracts of logs of the current role.';

CREATE FUNCTION etl._config_evm_extracts_definition(kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said CONSTANT jsonb := etl._config_definition(kind, name, definition, path);
BEGIN
    -- As etl.create_evm_extract has it.
    RETURN said || jsonb_build_object(
        'target', etl._config_relation(said ->> 'target'),
        'addresses', ARRAY(SELECT DISTINCT etl._evm_address(a) AS address
                           FROM jsonb_array_elements_text(said -> 'addresses') AS a ORDER BY address));
END
$$;
COMMENT ON FUNCTION etl._config_evm_extracts_definition(etl._config_kind, text, jsonb, text) IS
    'A written extract of logs in one form.';

CREATE FUNCTION etl._config_evm_extracts_calls(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN stored IS NULL AND NOT wanted ? 'confirmations'
                THEN ARRAY[etl._config_call(kind.makes, VARIADIC
                           ARRAY[format('%I => %L', kind.named_by, name)]
                           || etl._config_arguments(kind.members, wanted) || '{confirmations => NULL}'::text[])]
                ELSE etl._config_calls(kind, name, stored, wanted) END
$$;
COMMENT ON FUNCTION etl._config_evm_extracts_calls(etl._config_kind, text, jsonb, jsonb) IS
    'The statement that makes, changes or drops an extract of logs; confirmations that are not written are the node''s '
    'own finality, and that has to be said when it is made.';

-- From applications --------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._config_ingests_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.name, to_jsonb(e) || e.source FROM etl.extract AS e WHERE e.owner = current_user AND e.kind = 'ingest'
$$;
COMMENT ON FUNCTION etl._config_ingests_export() IS 'The sources of etl.ingest of the current role.';

CREATE FUNCTION etl._config_ingests_definition(kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.said || jsonb_build_object(
               'write_mode', coalesce(s.said ->> 'write_mode', etl._config_write_mode(s.said)))
    FROM etl._config_definition(kind, name, definition, path) AS s(said)
$$;
COMMENT ON FUNCTION etl._config_ingests_definition(etl._config_kind, text, jsonb, text) IS
    'A written source of etl.ingest in one form.';

CREATE FUNCTION etl._config_ingests_short(kind etl._config_kind, definition jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_extracts_short(kind, definition)
$$;
COMMENT ON FUNCTION etl._config_ingests_short(etl._config_kind, jsonb) IS
    'A source of etl.ingest without its defaults.';
