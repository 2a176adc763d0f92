-- From what is stored to what is wanted: the calls of public functions that do it, as text, so that they can be read,
-- and run by hand as well.

CREATE FUNCTION etl._config_literal(value jsonb, type regtype)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN type IN ('json'::regtype, 'jsonb'::regtype) THEN quote_literal(value::text)
        WHEN jsonb_typeof(value) IN ('boolean', 'number') THEN value::text
        WHEN jsonb_typeof(value) = 'array' THEN quote_literal(ARRAY(
            SELECT e FROM jsonb_array_elements_text(value) WITH ORDINALITY AS t(e, n) ORDER BY n)::text)
        ELSE quote_literal(value #>> '{}')
    END
$$;
COMMENT ON FUNCTION etl._config_literal(jsonb, regtype) IS 'A value of a configuration as SQL, for an argument.';

CREATE FUNCTION etl._config_call(function text, VARIADIC arguments text[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s(%s)', function, (
        SELECT string_agg(a, ', ' ORDER BY n) FROM unnest(arguments) WITH ORDINALITY AS u(a, n)))
$$;
COMMENT ON FUNCTION etl._config_call(text, text[]) IS
    'A call of a function with arguments, each as name => value; those that are NULL are left out.';

CREATE FUNCTION etl._config_arguments(members etl._config_member[], definition jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT format('%I => %s', m.name, etl._config_literal(definition -> m.name, m.type))
        FROM unnest(members) WITH ORDINALITY AS m
        WHERE m.is_argument AND definition ? m.name AND definition -> m.name IS DISTINCT FROM m.initial
        ORDER BY m.ordinality)
$$;
COMMENT ON FUNCTION etl._config_arguments(etl._config_member[], jsonb) IS
    'The arguments by which an object is made; those that are what they are anyway are left out.';

CREATE FUNCTION etl._config_changed(kind etl._config_kind, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH differing AS (
        SELECT m.name, m.type, m.ordinality, NOT wanted ? m.name AS is_gone
        FROM unnest(kind.members) WITH ORDINALITY AS m
        WHERE m.is_argument AND NOT m.is_once AND stored -> m.name IS DISTINCT FROM wanted -> m.name
    ), by_name AS (
        SELECT etl._config_resets(kind) AS resets
    )
    SELECT ARRAY(
        SELECT format('%I => %s', d.name, CASE
                   WHEN NOT d.is_gone THEN etl._config_literal(wanted -> d.name, d.type)
                   WHEN d.type = 'interval'::regtype THEN quote_literal('0')
                   ELSE quote_literal('') END)
        FROM differing AS d, by_name AS b WHERE NOT (d.is_gone AND b.resets)
        ORDER BY d.ordinality)
    || ARRAY(
        SELECT format('reset => %L', array_agg(d.name ORDER BY d.ordinality)::text)
        FROM differing AS d, by_name AS b WHERE d.is_gone AND b.resets
        HAVING count(*) > 0)
$$;
COMMENT ON FUNCTION etl._config_changed(etl._config_kind, jsonb, jsonb) IS
    'The arguments by which an object is changed: what differs. A value is taken away by its name in reset, or where '
    'the function has no such argument by an empty text or the interval 0.';

CREATE FUNCTION etl._config_calls(kind etl._config_kind, name text, stored jsonb, wanted jsonb)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named CONSTANT text[] := CASE WHEN kind.named_by IS NOT NULL
                                  THEN ARRAY[format('%I => %L', kind.named_by, name)] ELSE '{}' END;
    changed text[];
BEGIN
    IF wanted IS NULL THEN
        RETURN ARRAY[etl._config_call(kind.drops, VARIADIC named)];
    ELSIF stored IS NULL THEN
        RETURN ARRAY[etl._config_call(kind.makes, VARIADIC named || etl._config_arguments(kind.members, wanted))];
    ELSIF kind.changes = kind.makes THEN
        RETURN ARRAY[etl._config_call(
            kind.changes, VARIADIC named || etl._config_arguments(kind.members, wanted) || '{replace => true}')];
    END IF;
    changed := etl._config_changed(kind, stored, wanted);
    RETURN CASE WHEN changed = '{}' THEN '{}'
                ELSE ARRAY[etl._config_call(kind.changes, VARIADIC named || changed)] END;
END
$$;
COMMENT ON FUNCTION etl._config_calls(etl._config_kind, text, jsonb, jsonb) IS
    'The statements that lead from the stored definition of an object to the wanted one; NULL is none.';

CREATE FUNCTION etl._config_document_calls(
    kind etl._config_kind, name text, stored jsonb, wanted jsonb, argument text)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN wanted IS NULL THEN etl._config_calls(kind, name, stored, wanted)
                ELSE ARRAY[etl._config_call(
                    kind.makes, format('%I => %L', kind.named_by, name), format('%I => %L', argument, wanted),
                    CASE WHEN stored IS NOT NULL THEN 'replace => true' END)] END
$$;
COMMENT ON FUNCTION etl._config_document_calls(etl._config_kind, text, jsonb, jsonb, text) IS
    'The statement that stores, replaces or drops an object that is a document; the last argument is the one by which '
    'the document is given.';
