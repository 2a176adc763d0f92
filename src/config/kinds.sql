-- What can be configured: the kinds of objects that etl.export_config writes and etl.apply_config makes, changes and
-- drops, in the order in which they need each other.
--
-- A kind is described by the public functions that define it. What an object of it may say are the arguments of the
-- function that makes it, with their names, types and defaults as they stand in the catalog: an argument that is added
-- there is configuration at once. An argument that the changing function lacks cannot be changed in place.
--
-- To add a kind, add a row to etl._config_kinds and a file with
--     etl._config_<kind>_export()                          its objects: name, and a member for each argument
-- and, only where the functions in values.sql and calls.sql do not do,
--     etl._config_<kind>_definition(kind, name, definition, path)   what a written definition says, in one form
--     etl._config_<kind>_calls(kind, name, stored, wanted)          the statements that lead from stored to wanted
--     etl._config_<kind>_short(kind, definition)                    a definition without what is so anyway
--     etl._config_<kind>_place(kind, name, statement)               where what a statement does is written
-- All functions here are called by etl.export_config and etl.apply_config alone, which pin the settings that decide how
-- values are written.

CREATE TYPE etl._config_member AS (
    name text,
    type regtype,
    initial jsonb,
    is_required boolean,
    is_argument boolean,
    is_once boolean,
    can_change boolean
);
COMMENT ON TYPE etl._config_member IS
    'A member that objects of a kind may have: its type, its default (NULL: none), whether it must be there, whether '
    'it is an argument of the function that makes the object, whether it counts only then, and whether it can be '
    'changed in place.';

CREATE TYPE etl._config_kind AS (
    place integer,
    name text,
    makes text,
    changes text,
    drops text,
    named_by text,
    is_relation boolean,
    members etl._config_member[]
);
COMMENT ON TYPE etl._config_kind IS
    'A kind of objects: its place in the order, its name in a configuration, the functions that make, change and drop '
    'an object, which of their arguments is its name, whether that is the name of a relation, and its members (NULL: '
    'any, it is a document of its own).';

CREATE FUNCTION etl._config_default(function regproc, number integer)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    initial jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(%s)', pg_get_function_arg_default(function, number)) INTO initial;
    RETURN initial;
END
$$;
COMMENT ON FUNCTION etl._config_default(regproc, integer) IS
    'The default of an argument of a function, as a value of a configuration.';

CREATE FUNCTION etl._config_members(
    makes regproc, changes regproc, named_by text, own jsonb, once text[], also text[], fixed text[] DEFAULT '{}')
RETURNS SETOF etl._config_member
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (a.name, a.type::regtype,
            CASE WHEN own ? a.name THEN nullif(own -> a.name, 'null')
                 WHEN NOT d.is_required THEN etl._config_default(makes, a.number) END,
            d.is_required, true, a.name = ANY (once),
            a.name = ANY (c.proargnames) AND a.name <> ALL (fixed) OR a.name = ANY (also))::etl._config_member
    FROM pg_proc AS m
    JOIN pg_proc AS c ON c.oid = changes
    CROSS JOIN LATERAL (
        SELECT u.name, u.type, u.number::integer
        FROM ROWS FROM (unnest(m.proargnames), unnest(m.proargtypes::oid[])) WITH ORDINALITY AS u(name, type, number)
        WHERE u.type IS NOT NULL
    ) AS a
    CROSS JOIN LATERAL (
        -- What a call would take from the session has to be written.
        SELECT coalesce(pg_get_function_arg_default(m.oid, a.number) ~* 'current_', true) AS is_required
    ) AS d
    WHERE m.oid = makes AND a.name IS DISTINCT FROM named_by
      AND a.name <> ALL ('{if_not_exists,replace,owner,immutable,pipeline}')
    UNION ALL
    SELECT (o.key, CASE jsonb_typeof(o.value) WHEN 'string' THEN 'text' ELSE 'jsonb' END::regtype,
            nullif(o.value, 'null'), false, false, false, o.key = ANY (also))::etl._config_member
    FROM jsonb_each(own) AS o
    WHERE o.key NOT IN (SELECT unnest(m.proargnames) FROM pg_proc AS m WHERE m.oid = makes)
$$;
COMMENT ON FUNCTION etl._config_members(regproc, regproc, text, jsonb, text[], text[], text[]) IS
    'The members of a kind: the arguments of the function that makes its objects. own: further ones that are no '
    'arguments, and defaults that differ from those of the function. once: count only when the object is made. '
    'also: changed by other calls than that of the changing function. fixed: arguments of that function that objects '
    'of this kind cannot change.';

CREATE FUNCTION etl._config_kinds()
RETURNS SETOF etl._config_kind
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (row_number() OVER (), k.name, k.makes, k.changes, k.drops, k.named_by, k.is_relation,
            CASE WHEN k.own IS NOT NULL THEN ARRAY(
                SELECT etl._config_members(k.makes::regproc, k.changes::regproc, k.named_by, k.own::jsonb, k.once,
                                           k.also, k.fixed)) END)::etl._config_kind
    FROM (VALUES
        ('json_schemas', 'etl.register_json_schema', 'etl.register_json_schema', 'etl.drop_json_schema',
         'uri', false, NULL, '{}'::text[], '{}'::text[], '{}'::text[]),
        ('suites', 'etl.load_suite', 'etl.load_suite', 'etl.drop_suite',
         'name', false, NULL, '{}', '{}', '{}'),
        ('feature_views', 'etl.create_feature_view', 'etl.alter_feature_view', 'etl.drop_feature_view',
         'name', false, '{}', '{}', '{}', '{}'),
        ('rollups', 'etl.create_rollup', 'etl.alter_rollup', 'etl.drop_rollup',
         'name', true, '{"timezone": "UTC"}', '{with_data}', '{}', '{}'),
        ('enforcements', 'etl.enforce', 'etl.enforce', 'etl.remove_enforcement',
         NULL, false, '{}', '{add_column}', '{}', '{}'),
        ('refresh_policies', 'etl.add_refresh_policy', 'etl.alter_refresh_policy', 'etl.remove_refresh_policy',
         'matview', true, '{}', '{}', '{}', '{}'),
        ('partition_policies', 'etl.add_partition_policy', 'etl.alter_partition_policy', 'etl.remove_partition_policy',
         'name', false, '{}', '{}', '{}', '{}'),
        ('policies', 'etl.add_retention_policy', 'etl.alter_retention_policy', 'etl.remove_retention_policy',
         'name', false, '{"tiers": null}', '{}', '{archive_to,tiers}', '{}'),
        ('history_views', 'etl.create_history_view', 'etl.create_history_view', NULL,
         'name', true, '{}', '{}', '{}', '{}'),
        ('immutable_tables', 'etl.set_immutable', 'etl.set_immutable', 'etl.set_immutable',
         'relation', true, '{}', '{}', '{}', '{}'),
        ('extracts', 'etl.create_extract', 'etl.alter_extract', 'etl.drop_extract',
         'name', false, '{}', '{}', '{}', '{}'),
        ('table_extracts', 'etl.create_table_extract', 'etl.alter_table_extract', 'etl.drop_extract',
         'name', false, '{}', '{}', '{}', '{cursor}'),
        ('evm_extracts', 'etl.create_evm_extract', 'etl.alter_evm_extract', 'etl.drop_extract',
         'name', false, '{"confirmations": null}', '{}', '{}', '{}'),
        ('ingests', 'etl.create_ingest', 'etl.alter_ingest', 'etl.drop_extract',
         'name', false, '{}', '{}', '{}', '{}'),
        ('pipelines', 'etl.create_pipeline', 'etl.alter_pipeline', 'etl.drop_pipeline',
         'name', false, '{"overlap": "skip", "steps": {}}', '{}', '{steps}', '{}')
    ) AS k(name, makes, changes, drops, named_by, is_relation, own, once, also, fixed)
$$;
COMMENT ON FUNCTION etl._config_kinds() IS
    'All kinds of objects that can be configured, those first that others need.';

CREATE FUNCTION etl._config_chosen(chosen text[])
RETURNS SETOF etl._config_kind
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT etl._config_kind[] := ARRAY(SELECT k FROM etl._config_kinds() AS k);
    unknown CONSTANT text := (
        SELECT min(c) FROM unnest(chosen) AS c WHERE c NOT IN (SELECT k.name FROM unnest(known) AS k));
BEGIN
    IF unknown IS NOT NULL OR array_position(chosen, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN unknown IS NULL THEN 'a kind of configuration must not be NULL'
                           ELSE format('unknown kind of configuration "%s"', unknown) END,
            HINT = format('The kinds are %s.', (SELECT string_agg(k.name, ', ' ORDER BY k.place)
                                                FROM unnest(known) AS k));
    END IF;
    RETURN QUERY SELECT k.* FROM unnest(known) AS k WHERE chosen IS NULL OR k.name = ANY (chosen);
END
$$;
COMMENT ON FUNCTION etl._config_chosen(text[]) IS
    'The kinds of these names, NULL for all; 22023 where there is no such kind.';

CREATE FUNCTION etl._config_hook(kind etl._config_kind, step text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(to_regproc(format('etl._config_%s_%s', kind.name, step)), format('etl._config_%s', step)::regproc)
$$;
COMMENT ON FUNCTION etl._config_hook(etl._config_kind, text) IS
    'The function that takes a step (definition, calls, short or place) for a kind: its own where it has one, else '
    'that for all.';
