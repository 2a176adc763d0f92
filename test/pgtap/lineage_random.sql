-- Lineage of random queries against what PostgreSQL itself has noted: pg_depend has every column that a view's query
-- mentions, and here each of them matters. And of all queries that the server brings along, that nothing goes wrong.
BEGIN;
SELECT plan(9);
SET client_min_messages = warning;
SELECT setseed(0.42) \g /dev/null

CREATE FUNCTION pick(one_of text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT one_of[1 + floor(random() * cardinality(one_of))::int] $$;
SELECT format('CREATE TABLE t%s (a int, b int, c int)', n) FROM generate_series(1, 6) AS n \gexec

-- A query with the columns k and v, whose parts are such queries. In a template each # is another of them, and x, y, z
-- are names that no other level uses.
CREATE FUNCTION random_query(depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made text;
BEGIN
    IF depth = 0 THEN
        RETURN format('SELECT t.%s AS k, t.%s AS v FROM t%s AS t%s', pick('{a,b,c}'), pick('{a,b,c}'),
                      pick('{1,2,3,4,5,6}'), pick(ARRAY['', '', format(' WHERE t.%s > 0', pick('{a,b,c}')),
                                                        format(' ORDER BY t.%s LIMIT 3', pick('{a,b,c}'))]));
    END IF;
    made := pick(ARRAY[
        'SELECT x.k, x.v + y.k AS v FROM (#) AS x JOIN (#) AS y ON x.k = y.v',
        'SELECT x.k, sum(x.v)::int AS v FROM (#) AS x GROUP BY x.k HAVING max(x.v) > 0',
        'SELECT x.k, max(x.v) FILTER (WHERE y.v > 1) AS v FROM (#) AS x CROSS JOIN (#) AS y WHERE y.k > 0 GROUP BY x.k',
        'SELECT x.k, x.v FROM (#) AS x UNION ALL SELECT y.v, y.k FROM (#) AS y',
        'SELECT x.k, x.v FROM (#) AS x UNION (SELECT y.v, y.k FROM (#) AS y EXCEPT SELECT z.k, z.v FROM (#) AS z)',
        'WITH x AS (#) SELECT x.k, x.v FROM x WHERE x.v IN (SELECT y.k FROM (#) AS y WHERE y.v > 0)',
        'WITH x AS (#), y AS (SELECT x.k, x.v FROM x JOIN x AS z USING (k)) SELECT y.k, y.v FROM y',
        'WITH RECURSIVE r(k, v) AS (
             SELECT x.k, x.v FROM (#) AS x UNION SELECT r.v, y.v FROM r JOIN (#) AS y ON y.k = r.k)
         SELECT r.k, r.v FROM r',
        'SELECT x.k, (SELECT max(y.v) FROM (#) AS y WHERE y.k = x.k) AS v FROM (#) AS x WHERE x.v > 0',
        'SELECT x.k, x.v FROM (#) AS x WHERE NOT EXISTS (SELECT FROM (#) AS y WHERE y.k = x.k AND y.v > 1)',
        'SELECT k, CASE WHEN x.v > 1 THEN x.k ELSE y.v END AS v FROM (#) AS x LEFT JOIN (#) AS y USING (k)',
        'SELECT k, coalesce(x.v, y.v) AS v FROM (#) AS x FULL JOIN (#) AS y USING (k)',
        'SELECT x.k, (row_number() OVER w + lag(x.v) OVER w)::int AS v FROM (#) AS x WINDOW w AS (PARTITION BY x.v '
        'ORDER BY x.k)',
        'SELECT x.k, nullif(x.v, l.v) AS v FROM (#) AS x CROSS JOIN LATERAL (SELECT y.v FROM (#) AS y WHERE y.k = '
        'x.k) AS l',
        'SELECT DISTINCT ON (x.k) x.k, x.v FROM (#) AS x ORDER BY x.k, x.v',
        'SELECT x.k, g.v FROM (#) AS x, generate_series(1, x.v) AS g(v)',
        'SELECT (x.r).k, (ARRAY[(x.r).v, 2])[1] AS v FROM (SELECT y AS r FROM (#) AS y) AS x',
        'SELECT x.k, x.v FROM (#) AS x WHERE (x.k, x.v) = ANY (SELECT y.k, y.v FROM (#) AS y)']);
    WHILE strpos(made, '#') > 0 LOOP
        made := overlay(made PLACING random_query(greatest(depth - 1 - floor(random() * 2)::int, 0))
                         FROM strpos(made, '#') FOR 1);
    END LOOP;
    RETURN made;
END $$;

CREATE TABLE made AS
SELECT n, random_query(1 + n % 4) AS query FROM generate_series(1, 400) AS n;
SELECT format('CREATE VIEW v%s AS %s', n, query) FROM made ORDER BY n \gexec
CREATE VIEW noted AS
SELECT d.refobjid AS relation, a.attname::text AS column_name, r.ev_class AS view
FROM pg_rewrite AS r
JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refobjsubid > 0
JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.refobjid <> r.ev_class;

SELECT cmp_ok((SELECT count(*) FROM noted JOIN made AS m ON noted.view = format('v%s', m.n)::regclass), '>',
    1500::bigint,
              'the queries mention columns');
CREATE FUNCTION compare(found_by text) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($query$
        SELECT m.n::int FROM made AS m
        WHERE ARRAY(SELECT (o.relation, o.column_name)::text FROM noted AS o
                    WHERE o.view = format('v%%s', m.n)::regclass ORDER BY 1)
            IS DISTINCT FROM
              ARRAY(SELECT DISTINCT (l.relation, l.column_name)::text FROM %s AS l(relation, column_name)
                    WHERE l.column_name IS NOT NULL ORDER BY 1)$query$, found_by);
END $$;
SELECT is_empty($$SELECT compare(
    '(SELECT relation, source_column FROM etl._view_lineage(format(''v%s'', m.n)::regclass))')$$,
    'views: the columns that PostgreSQL has noted, no one more, no one less');
SELECT is_empty($$SELECT compare(
    '(SELECT relation, column_name FROM etl._text_lineage(m.query, ''public'', current_user))')$$,
    'the same as a SELECT');
CREATE TABLE filled (k int, v int);
SELECT is_empty($$SELECT compare(
    '(SELECT relation, column_name FROM etl._text_lineage(''INSERT INTO filled '' || m.query, ''public'', '
    'current_user))')$$,
    'the same as an INSERT');
SELECT is_empty($$SELECT compare(
    '(SELECT relation, column_name FROM etl._text_lineage(''CREATE TABLE new AS '' || m.query, ''public'', '
    'current_user))')$$,
    'the same as a CREATE TABLE AS');
CREATE FUNCTION wrap(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION wrapped() RETURNS TABLE (k int, v int) LANGUAGE sql AS %L', query);
    RETURN 'INSERT INTO filled SELECT k, v FROM wrapped()';
END $$;
SELECT is_empty($$SELECT compare(
    '(SELECT relation, column_name FROM etl._text_lineage(wrap(m.query), ''public'', current_user))')$$,
    'the same in a function in SQL');

-- Every view of the server, as it stands and as a statement: no error, and no column that is not there.
CREATE TABLE every AS
SELECT c.oid, pg_get_viewdef(c.oid) AS query
FROM pg_class AS c WHERE c.relkind = 'v' AND c.relnamespace IN ('pg_catalog'::regnamespace,
    'information_schema'::regnamespace);
CREATE TABLE found AS
SELECT e.oid, l.relation, l.source_column AS column_name, l.type, 'view' AS how
FROM every AS e CROSS JOIN LATERAL etl._view_lineage(e.oid) AS l
UNION ALL
SELECT e.oid, l.relation, l.column_name, l.type, l.item
FROM every AS e
CROSS JOIN LATERAL etl._text_lineage('CREATE TABLE new AS ' || e.query, 'pg_catalog, information_schema',
    current_user) AS l;
SELECT is((SELECT count(*) FROM found WHERE how = 'error'), 0::bigint, 'no view of the server fails');
SELECT is_empty($$
    SELECT f.* FROM found AS f
    WHERE f.column_name IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = f.relation AND a.attname = f.column_name)$$,
    'every column is one of its relation');
SELECT is_empty($$
    SELECT e.oid::regclass, e.how FROM (SELECT oid, 'edge' AS how FROM every) AS e
    WHERE ARRAY(SELECT DISTINCT (relation, column_name, type)::text FROM found AS f WHERE f.oid = e.oid
        AND how = 'view' ORDER BY 1)
       IS DISTINCT FROM
          ARRAY(SELECT DISTINCT (relation, column_name, type)::text FROM found AS f
                WHERE f.oid = e.oid AND how = 'edge' AND relation IS NOT NULL ORDER BY 1)$$,
    'a stored query and its text have the same lineage');

SELECT * FROM finish();
ROLLBACK;
