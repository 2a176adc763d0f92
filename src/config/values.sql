-- What a configuration says: the values of its members, each in one form, so that two that mean the same are equal.

CREATE FUNCTION etl._config_path(above text, member text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws('.', above, CASE WHEN member ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN member
                                      ELSE to_json(member)::text END)
$$;
COMMENT ON FUNCTION etl._config_path(text, text) IS
    'The place of a member in a configuration, as a JSON path has it: policies.orders, or rollups."public.sales".';

CREATE FUNCTION etl._config_place(kind etl._config_kind, name text, statement text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_path(kind.name, name)
$$;
COMMENT ON FUNCTION etl._config_place(etl._config_kind, text, text) IS
    'The place in a configuration that a statement for an object comes from.';

CREATE FUNCTION etl._config_fail(path text, code text, message text, detail text, hint text, otherwise text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = code,
        MESSAGE = CASE WHEN starts_with(message, path) THEN message ELSE format('%s: %s', path, message) END,
        DETAIL = coalesce(nullif(detail, ''), otherwise),
        HINT = coalesce(nullif(hint, ''), 'Mend it in the configuration and apply that again; nothing was changed.');
END
$$;
COMMENT ON FUNCTION etl._config_fail(text, text, text, text, text, text) IS
    'Raises an error again with the place in the configuration before its message, unless that is there already. '
    'otherwise: the detail where it has none.';

CREATE FUNCTION etl._config_refuse(path text, message text, detail text, hint text)
RETURNS void
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._config_fail(path, '22023', message, detail, hint, 'Nothing was changed.')
$$;
COMMENT ON FUNCTION etl._config_refuse(text, text, text, text) IS
    'Raises (22023) what is wrong with a place in a configuration.';

CREATE FUNCTION etl._config_relation(name text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the name is compared with stored ones
AS $$
DECLARE
    parts CONSTANT text[] := parse_ident(name);
BEGIN
    IF cardinality(parts) <> 2 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('"%s" is not the name of a relation with its schema', name),
            HINT = 'Write it with its schema, as in "public.orders".';
    END IF;
    RETURN format('%I.%I', parts[1], parts[2]);
END
$$;
COMMENT ON FUNCTION etl._config_relation(text) IS
    'The name of a relation as it is stored, quoted where it must be (22023 without a schema). The relation may be '
    'made by what is applied before.';

CREATE FUNCTION etl._config_typed(value jsonb, type regtype)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class CONSTANT "char" := (SELECT t.typcategory FROM pg_type AS t WHERE t.oid = type);
    expected CONSTANT text := CASE WHEN class = 'A' THEN 'array' WHEN type = 'boolean'::regtype THEN 'boolean'
                                   WHEN type = 'regclass'::regtype THEN 'string'
                                   WHEN class = 'N' AND type <> 'regrole'::regtype THEN 'number' ELSE 'string' END;
    typed jsonb;
BEGIN
    IF class = 'D' AND value #>> '{}' ~* '\m(now|today|tomorrow|yesterday|allballs)\M' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s is another moment each day', left(value::text, 80)),
            DETAIL = format('Its type is %s.', type),
            HINT = 'Write a date, as in "2025-01-01".';
    ELSIF jsonb_typeof(value) <> expected
       OR expected = 'array' AND EXISTS (SELECT FROM jsonb_array_elements(value) AS e
                                         WHERE jsonb_typeof(e) <> 'string') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s is not a JSON %s', left(value::text, 80),
                             CASE expected WHEN 'array' THEN 'array of strings' ELSE expected END),
            DETAIL = format('Its type is %s.', type);
    ELSIF type = 'regclass'::regtype THEN
        RETURN to_jsonb(etl._config_relation(value #>> '{}'));
    ELSIF expected = 'array' THEN
        EXECUTE format('SELECT to_jsonb(ARRAY(SELECT jsonb_array_elements_text($1))::%s)', type) INTO typed USING value;
        RETURN typed;
    END IF;
    EXECUTE format('SELECT to_jsonb($1::%s)', type) INTO typed USING value #>> '{}';
    RETURN typed;
END
$$;
COMMENT ON FUNCTION etl._config_typed(jsonb, regtype) IS
    'A value as its type writes it; 22023, or what the type itself has against it.';

CREATE FUNCTION etl._config_value(value jsonb, member etl._config_member, path text, resets boolean DEFAULT false)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    typed jsonb;
    message text;
    detail text;
    hint text;
BEGIN
    IF value IS NULL OR jsonb_typeof(value) = 'null' THEN
        RETURN member.initial;
    ELSIF member.type IN ('json'::regtype, 'jsonb'::regtype) THEN
        RETURN value;
    END IF;
    typed := etl._config_typed(value, member.type);
    IF NOT resets AND member.initial IS NULL AND NOT member.is_required
       AND (member.type = 'text'::regtype AND btrim(typed #>> '{}') = ''
            OR member.type = 'interval'::regtype AND (typed #>> '{}')::interval = interval '0') THEN
        RETURN NULL; -- by this the functions that change an object take away what it has
    END IF;
    RETURN CASE member.name WHEN 'schedule' THEN to_jsonb(lower(btrim(typed #>> '{}')))
                            WHEN 'query' THEN to_jsonb(etl._plain_query(typed #>> '{}'))
                            ELSE typed END;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        PERFORM etl._config_fail(path, SQLSTATE, message, detail, hint, format('Its type is %s.', member.type));
END
$$;
COMMENT ON FUNCTION etl._config_value(jsonb, etl._config_member, text, boolean) IS
    'The value that a member has: its default where it is not there or null, else in the form in which it is stored. '
    'resets: an empty text and the interval 0 are values like any other, as the function that changes an object takes '
    'away by name.';

CREATE FUNCTION etl._config_resets(kind etl._config_kind)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce('reset' = ANY (p.proargnames), false) FROM pg_proc AS p WHERE p.oid = kind.changes::regproc
$$;
COMMENT ON FUNCTION etl._config_resets(etl._config_kind) IS
    'Whether what an object of the kind has is taken away by its name in the argument reset.';

CREATE FUNCTION etl._config_definition(kind etl._config_kind, name text, definition jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    resets CONSTANT boolean := etl._config_resets(kind);
    member etl._config_member;
    value jsonb;
    said jsonb := '{}';
BEGIN
    PERFORM etl._require_keys_of(definition, ARRAY(SELECT m.name FROM unnest(kind.members) AS m), path);
    FOREACH member IN ARRAY kind.members LOOP
        value := etl._config_value(definition -> member.name, member, etl._config_path(path, member.name), resets);
        IF value IS NOT NULL THEN
            said := said || jsonb_build_object(member.name, value);
        ELSIF member.is_required THEN
            PERFORM etl._config_refuse(
                path, format('%s is missing', member.name), NULL,
                format('Objects of %s must have %s.', kind.name, (
                    SELECT string_agg(m.name, ', ') FROM unnest(kind.members) AS m WHERE m.is_required)));
        END IF;
    END LOOP;
    RETURN said;
END
$$;
COMMENT ON FUNCTION etl._config_definition(etl._config_kind, text, jsonb, text) IS
    'All that a written definition says, its defaults in place; 22023 for what is unknown or missing.';

CREATE FUNCTION etl._config_check_name(kind etl._config_kind, name text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF kind.is_relation AND etl._config_relation(name) <> name THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the name must be written as %s', to_json(etl._config_relation(name))),
            DETAIL = 'Names of relations are keys here, so each is written in one way only.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._config_check_name(etl._config_kind, text) IS
    'Raises (22023) where the name of a relation is not in the form in which it is stored.';

CREATE FUNCTION etl._config_wanted(kind etl._config_kind, name text, definition jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    path CONSTANT text := etl._config_path(kind.name, name);
    said jsonb;
    message text;
    detail text;
    hint text;
BEGIN
    PERFORM etl._config_check_name(kind, name);
    EXECUTE format('SELECT %s($1, $2, $3, $4)', etl._config_hook(kind, 'definition')) INTO said
    USING kind, name, definition, path;
    RETURN said;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        PERFORM etl._config_fail(path, SQLSTATE, message, detail, hint, 'Nothing was changed.');
END
$$;
COMMENT ON FUNCTION etl._config_wanted(etl._config_kind, text, jsonb) IS
    'What a written object says, in one form; what is wrong with it is raised with its place.';

CREATE FUNCTION etl._config_document(document text, path text)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    detail text;
BEGIN
    RETURN document::jsonb;
EXCEPTION
    WHEN data_exception THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        PERFORM etl._config_fail(path, SQLSTATE, message, detail,
                                 'Give it another document, or export other kinds only.', 'It is a text of JSON.');
END
$$;
COMMENT ON FUNCTION etl._config_document(text, text) IS
    'A stored text of JSON as a value; where jsonb cannot hold it, as it cannot hold \u0000, the error has its place.';

CREATE FUNCTION etl._config_stored(kind etl._config_kind)
RETURNS TABLE(name text, definition jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT e.name::text, e.definition FROM etl._config_%s_export() AS e', kind.name);
END
$$;
COMMENT ON FUNCTION etl._config_stored(etl._config_kind) IS
    'The objects of a kind that the current role has, and all that their definitions say.';

CREATE FUNCTION etl._config_picked(definition jsonb, kind etl._config_kind)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN kind.members IS NULL THEN definition ELSE (
        SELECT coalesce(jsonb_object_agg(m.name, definition -> m.name), '{}') FROM unnest(kind.members) AS m
        WHERE NOT m.is_once AND jsonb_typeof(definition -> m.name) <> 'null') END
$$;
COMMENT ON FUNCTION etl._config_picked(jsonb, etl._config_kind) IS
    'Of a definition what an object of the kind goes on saying after it was made.';
