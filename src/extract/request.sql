-- The request for the first page of an extract: its path, query and body with the values of the parent's row and of the
-- cursor in their places.

CREATE FUNCTION etl._url_encode(value text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- RFC 3986, section 2.3: what needs no escape anywhere in a URL.
    SELECT coalesce(string_agg(CASE WHEN c ~ '[A-Za-z0-9_.~-]' THEN c
                                    ELSE upper(regexp_replace(encode(convert_to(c, 'UTF8'), 'hex'), '(..)', '%\1', 'g'))
                               END, '' ORDER BY n), '')
    FROM regexp_split_to_table(value, '') WITH ORDINALITY AS t(c, n)
$$;
COMMENT ON FUNCTION etl._url_encode(text) IS
    'A value as a part of a path, percent-encoded by RFC 3986 but for unreserved characters.';

CREATE FUNCTION etl._fill_in(template text, "values" jsonb, is_path boolean)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    filled text := '';
    piece text[];
    name text;
BEGIN
    -- One walk from the left, so that a value which looks like a placeholder stays as it is.
    FOR piece IN SELECT regexp_matches(template, '([^{]*)(\{[A-Za-z_][A-Za-z0-9_$]*\}|\{|$)', 'g') LOOP
        name := btrim(piece[2], '{}');
        IF piece[2] NOT LIKE '{_%' OR NOT "values" ? name THEN
            filled := filled || piece[1] || piece[2];
        ELSIF NOT is_path THEN
            filled := filled || piece[1] || coalesce("values" ->> name, '');
        ELSIF coalesce("values" ->> name, '') IN ('', '.', '..') AND name <> 'cursor' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('%s cannot be a part of a path: {%s} in "%s"',
                                 coalesce(quote_literal("values" ->> name), 'NULL'), name, template),
                DETAIL = 'It would lead to another place of the server.',
                HINT = 'Let the parent''s table have no such row, or name another column of it.';
        ELSE
            filled := filled || piece[1] || etl._url_encode("values" ->> name);
        END IF;
    END LOOP;
    RETURN filled;
END
$$;
COMMENT ON FUNCTION etl._fill_in(text, jsonb, boolean) IS
    'A text with {names} in it replaced by their values, which are encoded where it is a path (22023: nothing, . and '
    '.. cannot be a part of one).';

CREATE FUNCTION etl._fill_in_document(document jsonb, "values" jsonb, is_body boolean)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN jsonb_typeof(document) = 'string' AND is_body AND document #>> '{}' !~ '^\{[A-Za-z_][A-Za-z0-9_$]*\}$'
            THEN document
        WHEN jsonb_typeof(document) = 'string' THEN to_jsonb(etl._fill_in(document #>> '{}', "values", false))
        WHEN jsonb_typeof(document) = 'object' THEN (
            SELECT coalesce(jsonb_object_agg(e.key, etl._fill_in_document(e.value, "values", is_body)), '{}')
            FROM jsonb_each(document) AS e)
        WHEN jsonb_typeof(document) = 'array' THEN (
            SELECT coalesce(jsonb_agg(etl._fill_in_document(e.value, "values", is_body) ORDER BY e.n), '[]')
            FROM jsonb_array_elements(document) WITH ORDINALITY AS e(value, n))
        ELSE document
    END
$$;
COMMENT ON FUNCTION etl._fill_in_document(jsonb, jsonb, boolean) IS
    'A JSON document with {names} in its strings replaced by their values; of a body only strings that are nothing '
    'else, for a text of GraphQL has braces of its own.';

CREATE FUNCTION etl._open_extract(definition etl.extract, state etl.extract_state, parent jsonb)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source CONSTANT jsonb := definition.source;
    since text;
    given jsonb := coalesce(parent, '{}');
    query jsonb := source -> 'query';
BEGIN
    IF definition."cursor" IS NOT NULL THEN
        since := etl._cursor_value(definition, coalesce(state."cursor", definition."cursor" ->> 'start'));
        given := given || jsonb_build_object('cursor', coalesce(since, ''));
        IF definition."cursor" ? 'param' AND since IS NOT NULL THEN
            query := coalesce(query, '{}') || jsonb_build_object(definition."cursor" ->> 'param', since);
        END IF;
    END IF;
    RETURN etl._open_pages(
        (source ->> 'server')::name, etl._fill_in(source ->> 'path', given, true),
        etl._fill_in_document(query, given, false), source -> 'headers', source ->> 'method',
        etl._fill_in_document(source -> 'body', given, true), source ->> 'records_path',
        source -> 'paginate', state."position", (source ->> 'max_pages')::integer, (source ->> 'parallel')::integer);
END
$$;
COMMENT ON FUNCTION etl._open_extract(etl.extract, etl.extract_state, jsonb) IS
    'Begins with the pages of an extract, for one row of its parent where it has one, from where its state says on.';
