-- Which tables and columns feed a feature view.

CREATE FUNCTION etl._query_lineage(query text, OUT output text, OUT relation regclass, OUT column_name text)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_query_lineage';
COMMENT ON FUNCTION etl._query_lineage(text) IS
    'The columns of tables from which the output columns of a query are computed, and, with output NULL, those that '
    'decide which rows there are; column_name is NULL where a table is read and none of its columns. From the analysed '
    'query, in which views are already their queries.';

CREATE FUNCTION etl.feature_lineage(
    name text, OUT feature name, OUT relation regclass, OUT column_name name, OUT usage text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view etl.feature_view := etl._feature_view(name);
BEGIN
    RETURN QUERY
        SELECT l.output::name, l.relation, l.column_name::name,
               CASE WHEN l.output IS NULL THEN 'rows' WHEN l.output = ANY (view.entity) THEN 'entity' ELSE 'value' END
        FROM etl._query_lineage(view.query) AS l
        ORDER BY array_position(view.entity || view.features, l.output::name), l.relation::text, l.column_name;
END
$$;
COMMENT ON FUNCTION etl.feature_lineage(text) IS
    'Which columns of which tables feed a feature view: one row for each feature and column from which its value is '
    'computed (usage value), for each entity column (usage entity), and, with feature NULL, for each column that '
    'decides which rows count, in conditions, joins, groups and orders (usage rows; column_name NULL: the table is '
    'read and none of its columns). Views, subqueries, WITH and set operations are looked through, down to tables. '
    'What functions read in their bodies is not seen. Errors: 42704, 42501.';
