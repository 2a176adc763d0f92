-- Enforced suites in a configuration. An enforcement has no name: "<suite> on <table>" stands for it.

CREATE FUNCTION etl._config_enforcements_export()
RETURNS TABLE(name text, definition jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s on %s', e.suite, r.target),
           to_jsonb(e) || jsonb_build_object('target', r.target,
                                             'tag_column', nullif(e.tag_column, 'validation_errors'))
    FROM etl.enforcements AS e
    CROSS JOIN LATERAL etl._relation_name(e.relation) AS r(target)
    WHERE e.owner = current_user
$$;
COMMENT ON FUNCTION etl._config_enforcements_export() IS 'The suites that are enforced on tables of the current role.';

CREATE FUNCTION etl._config_enforcements_definition(kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said CONSTANT jsonb := etl._config_definition(kind, name, definition, path);
    meant CONSTANT text := format('%s on %s', said ->> 'suite', said ->> 'target');
BEGIN
    IF name <> meant THEN
        PERFORM etl._config_refuse(path, format('the name of the enforcement must be %s', to_json(meant)),
                                   'It is the suite, "on", and the table with its schema.', NULL);
    END IF;
    RETURN said - CASE said ->> 'tag_column' WHEN 'validation_errors' THEN '{tag_column}' ELSE '{}' END::text[];
END
$$;
COMMENT ON FUNCTION etl._config_enforcements_definition(etl._config_kind, text, jsonb, text) IS
    'A written enforcement; 22023 where its name does not say what it enforces.';

CREATE FUNCTION etl._config_enforcements_calls(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN wanted IS NULL
                THEN ARRAY[etl._config_call(kind.drops, format('target => %L', stored ->> 'target'),
                                            format('suite => %L', stored ->> 'suite'))]
                ELSE etl._config_calls(kind, name, stored, wanted) END
$$;
COMMENT ON FUNCTION etl._config_enforcements_calls(etl._config_kind, text, jsonb, jsonb) IS
    'The statement that enforces a suite, changes how, or ends that.';
