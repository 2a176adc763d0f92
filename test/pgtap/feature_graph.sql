-- etl.connected_components, etl.degree and etl.k_hop_count: known answers, recursive SQL on random graphs, what is
-- refused, memory, rights, and a stop.
BEGIN;
SELECT plan(57);
SET LOCAL jit = off;

-- Two lines that meet, a loop, a node alone, edges given twice
CREATE TABLE line (a text, b text, w numeric);
INSERT INTO line VALUES ('b', 'c', 1), ('c', 'd', 2.5), ('x', 'd', 1), ('c', 'd', 0.5), ('b', 'c', 0), ('m', 'm', 3),
                        ('alone', NULL, NULL), (NULL, 'Z', -1), (NULL, NULL, NULL);
\set edges 'SELECT a, b FROM line'

-- Components ----------------------------------------------------------------------------------------------------------

SELECT results_eq(format('SELECT * FROM etl.connected_components(%L)', :'edges'),
                  $$VALUES ('b', 'b'), ('c', 'b'), ('d', 'b'), ('x', 'b'), ('m', 'm'), ('alone', 'alone'), ('Z', 'Z')$$,
                  'the smallest text names a component');
SELECT results_eq($$SELECT * FROM etl.connected_components('VALUES (10, 9), (9, 100), (-5, NULL)')$$,
                  $$VALUES ('10', '9'), ('9', '9'), ('100', '9'), ('-5', '-5')$$, 'and the smallest number');
SELECT results_eq($$SELECT * FROM etl.connected_components('VALUES (''10'', ''9''), (''9'', ''100'')')$$,
                  $$VALUES ('10', '10'), ('9', '10'), ('100', '10')$$, 'which is not the smallest text');
SELECT results_eq(
    $$SELECT DISTINCT component
      FROM etl.connected_components('SELECT md5((i / 7)::text)::uuid, md5(i::text)::uuid
                                     FROM generate_series(1, 1000) AS i')$$,
    $$SELECT md5(i::text)::uuid::text FROM generate_series(0, 1000) AS i ORDER BY md5(i::text)::uuid LIMIT 1$$,
    'of uuid the smallest one');
SELECT is_empty($$SELECT * FROM etl.connected_components('SELECT 1, 2 WHERE false')$$, 'no edges, no components');
SELECT is_empty($$SELECT * FROM etl.connected_components(NULL)$$, 'no query, no components');

CREATE FUNCTION components_by_sql(edges regclass)
RETURNS TABLE (node text, component text)
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN QUERY EXECUTE format('
        WITH RECURSIVE node AS (SELECT a AS n FROM %1$s UNION SELECT b FROM %1$s),
        pair AS (SELECT a, b FROM %1$s UNION SELECT b, a FROM %1$s),
        reach AS (SELECT n AS a, n AS b FROM node UNION SELECT r.a, p.b FROM reach AS r JOIN pair AS p ON p.a = r.b)
        SELECT a::text, min(b)::text FROM reach GROUP BY a', edges);
END
$$;
SELECT setseed(0.3);
CREATE TABLE sparse AS SELECT (random() * 300)::int AS a, (random() * 300)::int AS b FROM generate_series(1, 170);
CREATE TABLE named AS SELECT 'n' || a AS a, ('n' || b) COLLATE "C" AS b FROM sparse;
SELECT set_eq($$SELECT * FROM etl.connected_components('TABLE sparse')$$, $$SELECT * FROM components_by_sql('sparse')$$,
              'numbers: as by recursive SQL');
SELECT set_eq($$SELECT * FROM etl.connected_components('TABLE named')$$, $$SELECT * FROM components_by_sql('named')$$,
              'texts: as by recursive SQL');
SELECT set_eq($$SELECT * FROM etl.connected_components('SELECT b, a FROM sparse ORDER BY a DESC, b')$$,
              $$SELECT * FROM etl.connected_components('TABLE sparse')$$, 'whatever the order of the rows');

-- Degrees -------------------------------------------------------------------------------------------------------------

SELECT results_eq(format('SELECT * FROM etl.degree(%L)', :'edges'), $$VALUES
    ('b', 0::bigint, 1::bigint, 1::bigint, 0::float8, 2::float8), ('c', 1, 1, 2, 2, 2), ('d', 2, 0, 2, 3, 0),
    ('x', 0, 1, 1, 0, 1), ('m', 1, 1, 2, 1, 1), ('alone', 0, 0, 0, 0, 0), ('Z', 0, 0, 0, 0, 0)$$,
    'different neighbours, and edges');
SELECT results_eq($$SELECT node, degree, in_weight, out_weight FROM etl.degree('TABLE line', weighted => true)$$,
                  $$VALUES
    ('b', 1::bigint, 0::float8, 1::float8), ('c', 2, 1, 3), ('d', 2, 4, 0), ('x', 1, 0, 1), ('m', 2, 3, 3),
    ('alone', 0, 0, 0), ('Z', 0, 0, 0)$$, 'and weights');
SELECT is_empty($$SELECT * FROM etl.degree('SELECT 1, 2 WHERE false')$$, 'no edges, no degrees');
SELECT is_empty($$SELECT * FROM etl.degree('SELECT 1, 2', NULL)$$, 'an unknown kind of edges, no degrees');
CREATE TABLE dense AS SELECT (random() * 40)::int AS a, (random() ^ 2 * 40)::int AS b FROM generate_series(1, 400);
SELECT set_eq($$SELECT * FROM etl.degree('TABLE dense')$$, $$
    WITH node AS (SELECT a AS n FROM dense UNION SELECT b FROM dense)
    SELECT n::text, i.different, o.different AS out_degree, i.different + o.different, i.edges::float8,
           o.edges::float8 AS out_weight
    FROM node
    CROSS JOIN LATERAL (SELECT count(*) AS edges, count(DISTINCT a) AS different FROM dense WHERE b = n) AS i
    CROSS JOIN LATERAL (SELECT count(*) AS edges, count(DISTINCT b) AS different FROM dense WHERE a = n) AS o$$,
    'as by counts in SQL');

-- Distances -----------------------------------------------------------------------------------------------------------

SELECT results_eq(format('SELECT reached FROM etl.k_hop_count(%L, %s, %L)', :'edges', k, direction),
                  format('SELECT unnest(%L::bigint[])', reached), format('%s hops %s', k, direction))
FROM (VALUES
    (1, 'out', '{1,1,0,1,0,0,0}'), (2, 'out', '{2,1,0,1,0,0,0}'), (9, 'out', '{2,1,0,1,0,0,0}'),
    (1, 'in', '{0,1,2,0,0,0,0}'), (2, 'in', '{0,1,3,0,0,0,0}'),
    (1, 'both', '{1,2,2,1,0,0,0}'), (2, 'both', '{2,3,3,2,0,0,0}'), (2147483647, 'both', '{3,3,3,3,0,0,0}')
) AS v (k, direction, reached);
SELECT results_eq(format('SELECT * FROM etl.k_hop_count(%L, 2, nodes => %L)', :'edges', '{x,b,unknown,b,m}'),
                  $$VALUES ('x', 1::bigint), ('b', 2), ('unknown', 0), ('b', 2), ('m', 0)$$,
                  'one row for each that is asked for');
SELECT results_eq($$SELECT * FROM etl.k_hop_count('VALUES (1, 2), (2, 3)', 2, nodes => '{1,01,2}')$$,
                  $$VALUES ('1', 2::bigint), ('01', 0), ('2', 1)$$, 'numbers are asked for by their text form');
SELECT is_empty(format('SELECT * FROM etl.k_hop_count(%L, 2, nodes => %L)', :'edges', '{}'), 'none are asked for');
SELECT is_empty($$SELECT * FROM etl.k_hop_count('SELECT 1, 2 WHERE false', 1)$$, 'no edges, no nodes');

CREATE FUNCTION hops_by_sql(k int, direction text)
RETURNS TABLE (node text, reached bigint)
LANGUAGE sql
AS $$
    WITH RECURSIVE node AS (SELECT a AS n FROM sparse UNION SELECT b FROM sparse),
    pair AS (
        SELECT a, b FROM sparse WHERE direction <> 'in' UNION SELECT b, a FROM sparse WHERE direction <> 'out'
    ),
    reach AS (
        SELECT n AS a, n AS b, 0 AS hops FROM node
        UNION SELECT r.a, p.b, r.hops + 1 FROM reach AS r JOIN pair AS p ON p.a = r.b WHERE r.hops < k
    )
    SELECT a::text, count(DISTINCT b) - 1 FROM reach GROUP BY a
$$;
SELECT set_eq(format('SELECT * FROM etl.k_hop_count(%L, %s, %L)', 'TABLE sparse', k, direction),
              format('SELECT * FROM hops_by_sql(%s, %L)', k, direction),
              format('%s hops %s: as by recursive SQL', k, direction))
FROM generate_series(1, 4) AS k CROSS JOIN (VALUES ('out'), ('in'), ('both')) AS v (direction);

-- Workers -------------------------------------------------------------------------------------------------------------

CREATE TABLE wide AS SELECT i AS a, i / 3 AS b FROM generate_series(1, 20000) AS i;
ANALYZE wide;
CREATE TABLE serial AS SELECT * FROM etl.degree('SELECT a, b FROM wide WHERE a % 2 = 0');
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT set_eq($$SELECT * FROM etl.degree('SELECT a, b FROM wide WHERE a % 2 = 0')$$, 'TABLE serial',
              'with workers as without');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- Errors --------------------------------------------------------------------------------------------------------------

SELECT throws_ok('SELECT * FROM etl.' || call, state, message, call)
FROM (VALUES
    ($$k_hop_count('VALUES (1, 2)', 0)$$, '22023', 'k must be at least 1, not 0'),
    ($$k_hop_count('VALUES (1, 2)', -3)$$, '22023', 'k must be at least 1, not -3'),
    ($$k_hop_count('VALUES (1, 2)', NULL)$$, '22004', 'argument 2 must not be NULL'),
    ($$k_hop_count('VALUES (1, 2)', 1, 'up')$$, '22023', 'unknown direction "up"'),
    ($$k_hop_count('VALUES (1, 2)', 1, nodes => '{1,NULL}')$$, '22004', 'an element of nodes is NULL'),
    ($$k_hop_count('VALUES (1)', 1)$$, '42804', 'edges_query must return 2 columns, not 1'),
    ($$connected_components('SELECT 1')$$, '42804', 'edges_query must return 2 columns, not 1'),
    ($$connected_components('DELETE FROM line RETURNING a, b')$$, '22023',
     'edges_query must be one SELECT that changes no data'),
    ($$degree('SELECT 1, 2, 3')$$, '42804', 'edges_query must return 2 columns, not 3'),
    ($$degree('VALUES (1, 2, -1)', true)$$, '22023', 'the weight of the edge from "1" to "2" is -1'),
    ($$degree('VALUES (1, 2, 1e308::float8), (3, 2, 1e308)', true)$$, '22003',
     'the weights of the edges of node "2" are too large to be summed')
) AS refused (call, state, message);

-- Memory, rights, a stop ----------------------------------------------------------------------------------------------

SET LOCAL pg_etl.graph_memory = '1MB';
SELECT throws_ok(format($$SELECT * FROM etl.%s('SELECT i, i + 1 FROM generate_series(1, 100000) AS i'%s)$$, call, more),
                 '54000', 'the graph does not fit into pg_etl.graph_memory, 1024 kB', call)
FROM (VALUES ('connected_components', ''), ('degree', ''), ('k_hop_count', ', 1')) AS v (call, more);
RESET pg_etl.graph_memory;

CREATE ROLE graph_reader;
SET LOCAL ROLE graph_reader;
SELECT throws_ok($$SELECT * FROM etl.connected_components('SELECT a, b FROM line')$$, '42501', NULL,
                 'a table needs to be readable');
SELECT throws_ok($$SELECT * FROM etl.degree('SELECT set_config(''role'', ''none'', true), ''x''')$$, '42501', NULL,
                 'the query cannot change the role');
RESET ROLE;

CREATE FUNCTION is_stopped(query text)
RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE query;
    RETURN false;
EXCEPTION
    WHEN query_canceled THEN
        RETURN clock_timestamp() < statement_timestamp() + interval '5 s';
END
$$;
SET LOCAL statement_timeout = '300ms';
SELECT ok(is_stopped($$SELECT * FROM etl.connected_components('SELECT 1, pg_sleep(30)')$$), 'stopped while reading');
SELECT ok(is_stopped($$
    SELECT * FROM etl.k_hop_count('SELECT i % 3000, (i * 7919) % 3001 FROM generate_series(1, 60000) AS i
                                   UNION ALL SELECT i, i % 100 FROM generate_series(1, 200000) AS i', 50, 'both')
$$), 'stopped while searching');
SET LOCAL statement_timeout = 0;

SELECT * FROM finish();
ROLLBACK;
