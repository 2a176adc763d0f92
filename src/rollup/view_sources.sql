-- What the content of a materialized view comes from: relations, and what else its query depends on.

CREATE FUNCTION etl._reads(view oid)
RETURNS SETOF oid
LANGUAGE sql STABLE ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT d.refobjid
    FROM pg_rewrite AS r
    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                       AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
    WHERE r.ev_class = view AND r.rulename = '_RETURN'
$$;
COMMENT ON FUNCTION etl._reads(oid) IS
    'The relations that the query of a view or materialized view names; none for any other relation.';

CREATE FUNCTION etl._view_sources(matview oid)
RETURNS TABLE (relation oid, kind "char")
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET jit = off -- the guess of a recursion's cost is too high
AS $$
    WITH RECURSIVE beneath (relation, kind) AS (
        SELECT c.oid, c.relkind FROM etl._reads(matview) AS r JOIN pg_class AS c ON c.oid = r
        UNION
        SELECT c.oid, c.relkind
        FROM beneath AS b
        CROSS JOIN LATERAL etl._reads(b.relation) AS r
        JOIN pg_class AS c ON c.oid = r
        WHERE b.kind = 'v'
    ),
    -- Who writes to a parent writes to its children, and the other way round.
    lower_part (relation) AS (
        SELECT b.relation FROM beneath AS b
        UNION
        SELECT i.inhrelid FROM lower_part AS l JOIN pg_inherits AS i ON i.inhparent = l.relation
    ),
    upper_part (relation) AS (
        SELECT b.relation FROM beneath AS b
        UNION
        SELECT i.inhparent FROM upper_part AS u JOIN pg_inherits AS i ON i.inhrelid = u.relation
    )
    SELECT c.oid, c.relkind
    FROM (SELECT l.relation FROM lower_part AS l UNION SELECT u.relation FROM upper_part AS u) AS f
    JOIN pg_class AS c ON c.oid = f.relation
$$;
COMMENT ON FUNCTION etl._view_sources(oid) IS
    'Every relation on which the content of a materialized view depends, through views but not through materialized '
    'views, with the parents and children of tables; and its kind as in pg_class.relkind.';

CREATE FUNCTION etl._query_traits(
    view regclass,
    OUT unpredictable text, OUT uses_settings boolean, OUT functions oid[])
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_query_traits';
COMMENT ON FUNCTION etl._query_traits(regclass) IS
    'What the answer of a view''s query depends on beside the tables that it names. unpredictable: what may give '
    'another answer without any change that is seen, such as ''it calls now()''; NULL where there is nothing of the '
    'kind. uses_settings: whether the time zone or another setting matters. functions: those called that are not '
    'PostgreSQL''s own.';

CREATE FUNCTION etl._all_query_traits(matview oid)
RETURNS TABLE (unpredictable text, uses_settings boolean, functions oid[])
LANGUAGE sql STABLE ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.unpredictable, t.uses_settings, t.functions
    FROM (SELECT matview AS view UNION ALL SELECT s.relation FROM etl._view_sources(matview) AS s WHERE s.kind = 'v')
        AS v
    CROSS JOIN LATERAL etl._query_traits(v.view) AS t
$$;
COMMENT ON FUNCTION etl._all_query_traits(oid) IS
    'etl._query_traits of a materialized view and of the views beneath it, one row each.';

CREATE FUNCTION etl._unpredictable(matview oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT min(t.unpredictable) FROM etl._all_query_traits(matview) AS t
$$;
COMMENT ON FUNCTION etl._unpredictable(oid) IS
    'What may give a materialized view other rows without any change that is seen; NULL where there is nothing.';
