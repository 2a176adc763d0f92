-- How two definitions differ, for who reads it before it is done.

CREATE FUNCTION etl._config_shown(value jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN value IS NULL THEN '(none)'
                WHEN jsonb_typeof(value) <> 'string' OR value #>> '{}' ~ '^$|^\s|\s$|[[:cntrl:]]|^\(none\)$|->'
                    THEN value::text
                ELSE value #>> '{}' END
$$;
COMMENT ON FUNCTION etl._config_shown(jsonb) IS
    'A value as a difference shows it: a string without its quotes where it cannot be mistaken.';

CREATE FUNCTION etl._config_ends(was jsonb[], is_now jsonb[], OUT head integer, OUT tail integer)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shorter CONSTANT integer := least(cardinality(was), cardinality(is_now));
BEGIN
    head := 0;
    tail := 0;
    WHILE head < shorter AND was[head + 1] = is_now[head + 1] LOOP
        head := head + 1;
    END LOOP;
    WHILE tail < shorter - head
          AND was[cardinality(was) - tail] = is_now[cardinality(is_now) - tail] LOOP
        tail := tail + 1;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._config_ends(jsonb[], jsonb[]) IS
    'How many elements two lists have in common at their beginning and at their end.';

CREATE FUNCTION etl._config_line_differences(path text, was text, is_now text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old CONSTANT jsonb[] := ARRAY(SELECT to_jsonb(l) FROM string_to_table(was, E'\n') WITH ORDINALITY AS t(l, n)
                                  ORDER BY n);
    new CONSTANT jsonb[] := ARRAY(SELECT to_jsonb(l) FROM string_to_table(is_now, E'\n') WITH ORDINALITY AS t(l, n)
                                  ORDER BY n);
    same CONSTANT record := etl._config_ends(old, new);
BEGIN
    RETURN concat_ws(E'\n', path || ':', (
        SELECT string_agg('  - ' || (o #>> '{}'), E'\n' ORDER BY n)
        FROM unnest(old[same.head + 1:cardinality(old) - same.tail]) WITH ORDINALITY AS u(o, n)), (
        SELECT string_agg('  + ' || (o #>> '{}'), E'\n' ORDER BY n)
        FROM unnest(new[same.head + 1:cardinality(new) - same.tail]) WITH ORDINALITY AS u(o, n)));
END
$$;
COMMENT ON FUNCTION etl._config_line_differences(text, text, text) IS
    'The lines that two texts do not have in common at their beginning and end, with - and + before them.';

CREATE FUNCTION etl._config_list_differences(path text, was jsonb, is_now jsonb)
RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old CONSTANT jsonb[] := ARRAY(SELECT e FROM jsonb_array_elements(was) WITH ORDINALITY AS t(e, n) ORDER BY n);
    new CONSTANT jsonb[] := ARRAY(SELECT e FROM jsonb_array_elements(is_now) WITH ORDINALITY AS t(e, n) ORDER BY n);
    same CONSTANT record := etl._config_ends(old, new);
BEGIN
    -- As many as before: each has changed. Else some have come or gone, and nobody knows which has become which.
    IF cardinality(old) = cardinality(new) THEN
        FOR n IN same.head + 1 .. cardinality(old) - same.tail LOOP
            RETURN QUERY SELECT etl._config_differences(format('%s[%s]', path, n - 1), old[n], new[n]);
        END LOOP;
        RETURN;
    END IF;
    FOR n IN same.head + 1 .. cardinality(old) - same.tail LOOP
        RETURN NEXT format('%s[%s]: %s -> (none)', path, n - 1, etl._config_shown(old[n]));
    END LOOP;
    FOR n IN same.head + 1 .. cardinality(new) - same.tail LOOP
        RETURN NEXT format('%s[%s]: (none) -> %s', path, n - 1, etl._config_shown(new[n]));
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._config_list_differences(text, jsonb, jsonb) IS
    'Where two lists of objects differ, what they have in common at their beginning and end apart.';

CREATE FUNCTION etl._config_differences(path text, was jsonb, is_now jsonb)
RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old CONSTANT text := jsonb_typeof(was);
    new CONSTANT text := jsonb_typeof(is_now);
BEGIN
    IF was IS NOT DISTINCT FROM is_now THEN
        RETURN;
    ELSIF old = 'object' AND new = 'object' THEN
        RETURN QUERY
            SELECT d
            FROM (SELECT jsonb_object_keys(was) UNION SELECT jsonb_object_keys(is_now)) AS k(key)
            CROSS JOIN LATERAL etl._config_differences(etl._config_path(path, k.key), was -> k.key, is_now -> k.key)
                       WITH ORDINALITY AS t(d, n)
            ORDER BY k.key COLLATE "C", n;
    ELSIF old = 'array' AND new = 'array' AND jsonb_typeof(coalesce(was -> 0, is_now -> 0)) = 'object' THEN
        RETURN QUERY SELECT etl._config_list_differences(path, was, is_now);
    ELSIF old = 'string' AND new = 'string' AND (was #>> '{}' || (is_now #>> '{}')) ~ '\n' THEN
        RETURN NEXT etl._config_line_differences(path, was #>> '{}', is_now #>> '{}');
    ELSE
        RETURN NEXT format('%s: %s -> %s', path, etl._config_shown(was), etl._config_shown(is_now));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._config_differences(text, jsonb, jsonb) IS
    'Where two values differ, a text for each place, such as "schedule: 0 2 * * * -> 0 3 * * *".';
