-- Extracts whose requests are made for each row of another one's table, one after the other in the order of its key.

CREATE FUNCTION etl._parent_row(parent etl.extract, key jsonb, is_next boolean)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
DECLARE
    names CONSTANT text := etl._column_list(parent.key_columns);
    of_key CONSTANT text := (
        SELECT string_agg(format('k.%I', c), ', ' ORDER BY n)
        FROM unnest(parent.key_columns) WITH ORDINALITY AS u(c, n));
BEGIN
    RETURN etl._locked_value(format(
        'SELECT (SELECT to_jsonb(p) FROM %1$s AS p%2$s ORDER BY %3$s LIMIT 1)', parent.target,
        CASE WHEN key IS NOT NULL THEN format(
            ', jsonb_populate_record(NULL::%1$s, %2$L) AS k WHERE (%3$s) %4$s (%5$s)', parent.target, key,
            (SELECT string_agg(format('p.%I', c), ', ' ORDER BY n)
             FROM unnest(parent.key_columns) WITH ORDINALITY AS u(c, n)),
            CASE WHEN is_next THEN '>' ELSE '=' END, of_key) ELSE '' END,
        (SELECT string_agg(format('p.%I', c), ', ' ORDER BY n)
         FROM unnest(parent.key_columns) WITH ORDINALITY AS u(c, n))), NULL::jsonb);
END
$$;
COMMENT ON FUNCTION etl._parent_row(etl.extract, jsonb, boolean) IS
    'The row of a parent''s table that has a key, or the one that comes next after it; with no key the first.';

CREATE FUNCTION etl._key_of(parent etl.extract, row_of jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_object_agg(k, row_of -> k::text) FROM unnest(parent.key_columns) AS k
$$;
COMMENT ON FUNCTION etl._key_of(etl.extract, jsonb) IS 'The key of a row of a parent''s table.';
