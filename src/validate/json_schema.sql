-- JSON Schema: documents of type json against schemas, and the registry of the schemas that others refer to.

CREATE TABLE etl.json_schema (
    uri text PRIMARY KEY,
    schema json NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE etl.json_schema IS
    'JSON Schemas that other schemas may refer to by their URI, as etl.register_json_schema stored them. Read them in '
    'etl.json_schemas.';
ALTER TABLE etl.json_schema ENABLE ROW LEVEL SECURITY;
CREATE POLICY json_schema_owner ON etl.json_schema USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.json_schema TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.json_schema', '');

CREATE VIEW etl.json_schemas WITH (security_invoker = true) AS
SELECT s.uri,
       s.schema,
       s.registered_at,
       s.owner
FROM etl.json_schema AS s;
COMMENT ON VIEW etl.json_schemas IS
    'The current role''s registered JSON Schemas: URI, text, and when they were registered. The metaschemas of the '
    'drafts are built in and not listed.';
GRANT SELECT ON etl.json_schemas TO PUBLIC;

CREATE FUNCTION etl._json_schema(uri text)
RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.json_schema;
BEGIN
    SELECT * INTO stored FROM etl.json_schema AS s WHERE s.uri = _json_schema.uri;
    IF stored.uri IS NOT NULL THEN
        PERFORM etl._require_owner(stored.owner, format('JSON Schema "%s"', stored.uri));
    END IF;
    RETURN stored.schema;
END
$$;
COMMENT ON FUNCTION etl._json_schema(text) IS
    'The registered schema of a URI, NULL where the current role has none; 42501 where a superuser sees another '
    'role''s, because nobody applies rules that another role may change.';

CREATE FUNCTION etl._check_json_schema(uri text, schema json)
RETURNS void
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_check_json_schema';
COMMENT ON FUNCTION etl._check_json_schema(text, json) IS
    'Checks that a text is a JSON Schema, by the metaschema that it names where that is known, and may have the URI '
    '(22023, 42710).';

CREATE FUNCTION etl.register_json_schema(uri text, schema json, replace bool DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plain_uri text := regexp_replace(register_json_schema.uri, '#$', '');
    holder name;
BEGIN
    IF plain_uri IS NULL OR schema IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no URI or no JSON Schema was given',
            HINT = 'Call etl.register_json_schema(''https://example.com/address.json'', ''{"type": "object"}'').';
    END IF;
    PERFORM etl._require_flag(replace, 'replace');
    PERFORM etl._check_json_schema(plain_uri, schema);
    INSERT INTO etl.json_schema (uri, schema) VALUES (plain_uri, register_json_schema.schema)
    ON CONFLICT ON CONSTRAINT json_schema_pkey DO NOTHING;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT s.owner INTO holder FROM etl.json_schema AS s WHERE s.uri = plain_uri;
    IF replace AND holder IS NOT NULL THEN
        PERFORM etl._require_owner(holder, format('JSON Schema "%s"', plain_uri));
        UPDATE etl.json_schema AS s
        SET schema = register_json_schema.schema, registered_at = now()
        WHERE s.uri = plain_uri;
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'duplicate_object',
        MESSAGE = format('JSON Schema "%s" is registered already', plain_uri)
                  || CASE WHEN holder IS DISTINCT FROM current_user THEN ' and belongs to another role' ELSE '' END,
        HINT = CASE WHEN holder = current_user
                    THEN 'Call etl.register_json_schema(…, replace => true) to replace it.'
                    ELSE 'Register it under another URI.' END;
END
$$;
COMMENT ON FUNCTION etl.register_json_schema(text, json, bool) IS
    'Makes a JSON Schema known under a URI, to which other schemas refer with $ref or $schema: nothing is ever fetched '
    'from the network. Arguments: uri, without a fragment; schema, of draft 4, 6, 7, 2019-09 or 2020-12; replace, '
    'whether the current role''s schema of this URI is replaced. The metaschemas of the drafts are known already. '
    'Errors: 22023 no schema by the metaschema that it names in $schema; 42710 the URI is taken.';

CREATE FUNCTION etl.drop_json_schema(uri text, if_exists bool DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plain_uri text := regexp_replace(drop_json_schema.uri, '#$', '');
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    DELETE FROM etl.json_schema AS s WHERE s.uri = plain_uri;
    IF NOT FOUND AND if_exists THEN
        RAISE NOTICE 'JSON Schema "%" is not registered, skipping', plain_uri;
    ELSIF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN plain_uri IS NULL THEN 'no URI was given'
                           ELSE format('JSON Schema "%s" is not registered', plain_uri) END,
            HINT = 'SELECT uri FROM etl.json_schemas lists the registered ones.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl.drop_json_schema(text, bool) IS
    'Removes a registered JSON Schema. Arguments: uri; if_exists, whether a missing one is a notice instead of an '
    'error (42704). Schemas that refer to it no longer compile.';

CREATE FUNCTION etl.json_valid(schema json, doc json, draft text DEFAULT NULL, formats bool DEFAULT false)
RETURNS bool
LANGUAGE C STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'etl_json_valid';
COMMENT ON FUNCTION etl.json_valid(json, json, text, bool) IS
    'Whether a document keeps a JSON Schema; NULL where either is NULL. Arguments: schema, of the draft that its '
    '$schema names; doc; draft, that of a schema that names none (4, 6, 7, 2019-09, 2020-12; by default the latest, in '
    'which forms that only earlier drafts have are understood as well); formats, whether the keyword format is '
    'asserted and not only noted. Numbers are exact, of any size. References lead into the schema, to the metaschemas, '
    'and to what etl.register_json_schema has stored. Errors: 22023 no schema, or one that refers to itself without an '
    'end; 42704 a reference to a schema that is not registered; 2201B or 0A000 a regular expression that is none or '
    'does not run in linear time; 54000 deeper than 1,000 levels, more than 8 million values, too much work. Source: '
    'the specifications at https://json-schema.org.';

CREATE FUNCTION etl.json_errors(
    schema json, doc json, draft text DEFAULT NULL, formats bool DEFAULT false,
    OUT instance_path text, OUT schema_path text, OUT keyword text, OUT message text)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE COST 100 ROWS 10
AS 'MODULE_PATHNAME', 'etl_json_errors';
COMMENT ON FUNCTION etl.json_errors(json, json, text, bool) IS
    'Where a document breaks a JSON Schema: no row for one that keeps it. instance_path is the JSON pointer to the '
    'value at fault, schema_path that to the keyword, by the way that led to it through $ref. Arguments and errors are '
    'those of etl.json_valid.';
