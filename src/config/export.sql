-- The configuration of a role as one document. It is for a file beside the code that it belongs to: so it is sorted,
-- says nothing that is so anyway, and is the same wherever and by whatever settings it is written.

CREATE FUNCTION etl._config_short(kind etl._config_kind, definition jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_picked(definition, kind) - ARRAY(
        SELECT m.name FROM unnest(kind.members) AS m WHERE definition -> m.name = m.initial)
$$;
COMMENT ON FUNCTION etl._config_short(etl._config_kind, jsonb) IS 'A definition without its defaults.';

CREATE FUNCTION etl._config_objects(kind etl._config_kind)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    objects jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_object_agg(s.name, %s($1, s.definition)) FROM etl._config_stored($1) AS s',
                   etl._config_hook(kind, 'short')) INTO objects USING kind;
    RETURN objects;
END
$$;
COMMENT ON FUNCTION etl._config_objects(etl._config_kind) IS
    'All objects of a kind by their names, NULL where there are none.';

CREATE FUNCTION etl.export_config(kinds text[] DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET quote_all_identifiers = off
AS $$
    SELECT '{"pg_etl": "1"}' || coalesce(jsonb_object_agg(k.name, coalesce(o.objects, '{}')), '{}')
    FROM etl._config_chosen(kinds) AS k
    CROSS JOIN LATERAL etl._config_objects(k) AS o(objects)
    WHERE kinds IS NOT NULL OR o.objects IS NOT NULL
$$;
COMMENT ON FUNCTION etl.export_config(text[]) IS
    'What the current role has defined, as one JSON document for etl.apply_config: {"pg_etl": "1", "suites": {…}, '
    '"policies": {…}, …}, for each kind the objects by their names, for each object the arguments of the function '
    'that makes it, but for those that are the default. The same definitions give the same document, whatever the '
    'settings of the session are; jsonb_pretty(etl.export_config()) is for a file. kinds: only these (default: all of '
    'which there are objects): json_schemas, suites, feature_views, rollups, enforcements, refresh_policies, '
    'partition_policies, policies (of retention), history_views, immutable_tables, extracts, table_extracts, '
    'evm_extracts, ingests, pipelines. Not in it are rows, states, cursors, runs, archives and legal holds, '
    'servers and user mappings, who owns what, and whether something is paused. It holds what was written into '
    'definitions, passwords included. Errors: 22023 an unknown kind.';
