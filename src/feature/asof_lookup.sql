-- The other way to read the features of a point-in-time join: a search for each row of the spine, for which there may
-- be an index. It finds the nearest rows, all that are of one moment; which of them is joined is chosen as after a
-- scan.

CREATE FUNCTION etl._has_built_in_equality(type oid)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.typnamespace = 'pg_catalog'::regnamespace OR t.typtype = 'e'
    FROM pg_type AS t WHERE t.oid = etl._base_type(type)
$$;
COMMENT ON FUNCTION etl._has_built_in_equality(oid) IS
    'Whether the = of pg_catalog is the equality of a type. It is not that of an extension''s type such as citext, '
    'which it compares as text.';

CREATE FUNCTION etl._asof_lookup(
    features etl._asof_side, are_equal text, in_spine text, in_features text, created text, is_backward bool,
    rules int)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(SELECT * FROM %s AS f WHERE %s AND %s %s %s%s ORDER BY %s%s FETCH FIRST ROW WITH TIES)',
                  features.source, are_equal, in_features,
                  CASE WHEN is_backward THEN '<' ELSE '>' END || CASE WHEN rules & 4 <> 0 THEN '=' ELSE '' END,
                  in_spine, CASE WHEN rules & 8 <> 0 THEN format(' AND %s <= %s', created, in_spine) ELSE '' END,
                  in_features, CASE WHEN is_backward THEN ' DESC' ELSE '' END)
$$;
COMMENT ON FUNCTION etl._asof_lookup(etl._asof_side, text, text, text, text, bool, int) IS
    'The rows of the features that are nearest to a row of the spine on one side.';

CREATE FUNCTION etl._asof_lookup_query(
    spine etl._asof_side, features etl._asof_side, keys text, are_equal text, spine_moment text, moment text,
    created text, rules int, columns name[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT etl._asof_features($1, $2, %s, %s, %s, %s) FROM %s AS s CROSS JOIN LATERAL (%s) AS f',
                  etl._asof_row('f', columns), moment, coalesce(created, 'NULL::bigint'), keys, spine.source,
                  (SELECT string_agg(etl._asof_lookup(features, are_equal, spine_moment, moment, created, d = 1,
                                                      rules), ' UNION ALL ')
                   FROM unnest('{1,2}'::int[]) AS d WHERE rules & d <> 0))
    WHERE are_equal IS NOT NULL AND etl._repeatable_rows(spine.source) IS NOT NULL
      AND etl._repeatable_rows(features.source) IS NOT NULL
$$;
COMMENT ON FUNCTION etl._asof_lookup_query(
    etl._asof_side, etl._asof_side, text, text, text, text, text, int, name[]) IS
    'A query that sets aside what etl._asof_features_query does of use, by a search for each row of the spine, which '
    'it reads again. NULL unless both sides give the same rows as often as they are read.';
