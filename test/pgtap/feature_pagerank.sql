-- etl.pagerank: networkx's published values, other node types, weights, preferences, a second opinion in SQL, memory,
-- rights, and a stop.
BEGIN;
SELECT plan(70);
SET LOCAL jit = off;

SELECT is_empty('TABLE etl.pagerank_info', 'a session that has ranked nothing');


-- W. W. Zachary's karate club (1977), both directions of each friendship
CREATE TABLE friendship (a int, b int);
INSERT INTO friendship
SELECT split_part(pair, '-', 1)::int, split_part(pair, '-', 2)::int
FROM regexp_split_to_table('
0-1 0-2 0-3 0-4 0-5 0-6 0-7 0-8 0-10 0-11 0-12 0-13 0-17 0-19 0-21 0-31 1-2 1-3 1-7 1-13 1-17 1-19 1-21 1-30 2-3 2-7
2-8 2-9 2-13 2-27 2-28 2-32 3-7 3-12 3-13 4-6 4-10 5-6 5-10 5-16 6-16 8-30 8-32 8-33 9-33 13-33 14-32 14-33 15-32
15-33 18-32 18-33 19-33 20-32 20-33 22-32 22-33 23-25 23-27 23-29 23-32 23-33 24-25 24-27 24-31 25-31 26-29 26-33
27-33 28-31 28-33 29-32 29-33 30-32 30-33 31-32 31-33 32-33
', '\s+') AS pair WHERE pair <> '';
SELECT is((SELECT count(*) FROM friendship), 78::bigint, 'the club has 78 friendships');
\set both 'SELECT a, b FROM friendship UNION ALL SELECT b, a FROM friendship'
CREATE TABLE club AS SELECT * FROM etl.pagerank(:'both');
SELECT results_eq('SELECT node, round(rank::numeric, 6) FROM club ORDER BY rank DESC LIMIT 5',
                  $$VALUES ('33', 0.100919), ('0', 0.096997), ('32', 0.071693), ('2', 0.057079), ('1', 0.052877)$$,
                  'the karate club');
SELECT is((SELECT round(sum(rank)::numeric, 12) FROM club), 1::numeric, 'ranks sum to 1');
SELECT is((SELECT count(*) FROM club), 34::bigint, 'every member has one');
SELECT set_eq($$SELECT node, rank FROM etl.pagerank('SELECT a, b FROM friendship UNION ALL SELECT b, a FROM friendship
                                                     UNION ALL SELECT a, b FROM friendship')$$,
              'TABLE club', 'an edge given twice counts once');
SELECT set_eq($$SELECT node, rank FROM etl.pagerank('TABLE friendship')$$,
              $$SELECT node, rank FROM etl.pagerank('SELECT a::text, b::text FROM friendship')$$,
              'numbers and their texts name the same nodes');

-- nodes of other types
CREATE FUNCTION ranks(query text)
RETURNS TABLE (node text, rank numeric)
LANGUAGE sql
AS $$ SELECT p.node, round(p.rank::numeric, 12) FROM etl.pagerank(query) AS p $$;
CREATE DOMAIN member AS bigint;
SELECT set_eq(format('SELECT * FROM ranks(%L)', query),
              $$SELECT * FROM ranks('SELECT a::text, b::text FROM friendship')$$, what)
FROM (VALUES
    ('SELECT a::bigint, b::smallint FROM friendship', 'whole numbers of two sizes'),
    ('SELECT a::member, b FROM friendship', 'a domain'),
    ('SELECT a, b::text FROM friendship', 'a number and a text'),
    ('SELECT a::numeric, b::float4 FROM friendship', 'numeric and real'),
    ('SELECT a::text COLLATE "C", b::varchar FROM friendship', 'a text of another collation and a varchar')
) AS f (query, what);
SELECT set_eq(format('SELECT * FROM ranks(%L)', format('SELECT %s, %s FROM friendship', a, b)),
              format($$SELECT n.node, r.rank
                       FROM (SELECT (%1$s)::text, a::text FROM friendship
                             UNION SELECT (%2$s)::text, b::text FROM friendship) AS n (node, old)
                       JOIN ranks('TABLE friendship') AS r (old, rank) USING (old)$$, a, b), what)
FROM (VALUES
    ($$md5(a::text)::uuid$$, $$md5(b::text)::uuid$$, 'uuid'),
    ($$'2024-01-01'::date + a$$, $$'2024-01-01'::date + b$$, 'date'),
    ($$'{}'::int[] || a$$, $$'{}'::int[] || b$$, 'arrays'),
    ($$repeat(a::text, 3000)$$, $$repeat(b::text, 3000)$$, 'long texts')
) AS f (a, b, what);
SELECT results_eq($$SELECT node FROM etl.pagerank('SELECT -9223372036854775808, 9223372036854775807') ORDER BY node$$,
                  $$VALUES ('-9223372036854775808'), ('9223372036854775807')$$, 'the least and the greatest number');
SELECT results_eq(
    $$SELECT node, round(rank::numeric, 9)
      FROM etl.pagerank('VALUES (1, 2), (3, NULL), (NULL, 4), (NULL, NULL), (1, NULL)', tolerance => 1e-14)
      ORDER BY node$$,
    $$VALUES ('1', 0.206185567), ('2', 0.381443299), ('3', 0.206185567), ('4', 0.206185567)$$,
    'a row with one NULL is a node without an edge');

-- a dangling node, a self loop, nodes without incoming edges; values of networkx
CREATE TABLE tangle (a text, b text);
INSERT INTO tangle VALUES ('a', 'b'), ('a', 'c'), ('b', 'c'), ('c', 'a'), ('d', 'c'), ('d', 'e'), ('e', 'e'),
                          ('c', 'f'), ('g', 'f'), ('a', NULL), (NULL, 'b'), (NULL, NULL);
SELECT results_eq(
    $$SELECT node, round(rank::numeric, 9)
      FROM etl.pagerank('TABLE tangle', tolerance => 1e-14, max_iterations => 500) ORDER BY node$$,
    $$VALUES ('a', 0.117636515), ('b', 0.089818862), ('c', 0.183089816), ('d', 0.039823343), ('e', 0.378321762),
             ('f', 0.151486357), ('g', 0.039823343)$$, 'dangling rank is spread evenly; a NULL makes no edge');
SELECT results_eq(
    $$SELECT node, round(rank::numeric, 9)
      FROM etl.pagerank('TABLE tangle', 0.5, 1e-14, 500) ORDER BY node LIMIT 3$$,
    $$VALUES ('a', 0.133140376), ('b', 0.117221418), ('c', 0.196816208)$$, 'another damping');

-- weights and preferences; values of networkx
CREATE TABLE weighed (a text, b text, w float8);
INSERT INTO weighed VALUES ('a', 'b', 1), ('a', 'c', 2), ('b', 'c', 0.5), ('c', 'a', 3), ('d', 'c', 1), ('d', 'e', 4),
                           ('e', 'e', 1), ('c', 'f', 1), ('g', 'f', 2), ('g', NULL, 'NaN'), (NULL, NULL, NULL);
SELECT results_eq(
    $$SELECT node, round(rank::numeric, 9)
      FROM etl.pagerank('TABLE weighed', tolerance => 1e-14, max_iterations => 500, weighted => true) ORDER BY node$$,
    $$VALUES ('a', 0.161655019), ('b', 0.080088365), ('c', 0.199794369), ('d', 0.034286109), ('e', 0.384004423),
             ('f', 0.105885605), ('g', 0.034286109)$$, 'weights');
SELECT results_eq(
    $$SELECT node, round(rank::numeric, 9)
      FROM etl.pagerank('SELECT a, b, w * 1e6 FROM weighed WHERE b IS NOT NULL UNION ALL SELECT ''f'', ''a'', 0',
                        tolerance => 1e-14, max_iterations => 500, weighted => true) ORDER BY node$$,
    $$SELECT node, round(rank::numeric, 9)
      FROM etl.pagerank('SELECT a, b, w::numeric / 2 FROM weighed WHERE b IS NOT NULL
                         UNION ALL SELECT a, b, w::numeric / 2 FROM weighed WHERE b IS NOT NULL',
                        tolerance => 1e-14, max_iterations => 500, weighted => true) ORDER BY node$$,
    'their proportions count; nothing goes along an edge of weight 0; parallel ones are summed');
SELECT set_eq(
    $$SELECT node, round(rank::numeric, 12) FROM etl.pagerank('SELECT a, b, 7 FROM friendship', weighted => true)$$,
    $$SELECT * FROM ranks('TABLE friendship')$$, 'the same weight for all is like none');
SELECT results_eq(
    $$SELECT node, round(rank::numeric, 9)
      FROM etl.pagerank('TABLE tangle', tolerance => 1e-14, max_iterations => 500,
                        personalization => 'VALUES (''a'', 1), (''d'', 2), (''d'', 1), (''b'', 0)') ORDER BY node$$,
    $$VALUES ('a', 0.120537557), ('b', 0.051228462), ('c', 0.161140196), ('d', 0.156158922), ('e', 0.442450279),
             ('f', 0.068484583), ('g', 0.000000000)$$, 'preferences; of a node given twice the sum');
SELECT results_eq(
    $$SELECT node, round(rank::numeric, 9)
      FROM etl.pagerank('TABLE weighed', tolerance => 1e-14, max_iterations => 500, weighted => true,
                        personalization => 'VALUES (''a'', 0.5::numeric), (''f'', 1)') ORDER BY node$$,
    $$VALUES ('a', 0.309323194), ('b', 0.087641572), ('c', 0.249778479), ('d', 0.000000000), ('e', 0.000000000),
             ('f', 0.353256754), ('g', 0.000000000)$$, 'both; dangling rank goes where jumps go');
SELECT results_eq(
    format($$SELECT node, round(rank::numeric, 9)
             FROM etl.pagerank(%L, tolerance => 1e-12, max_iterations => 500, personalization => %L)
             ORDER BY 2 DESC, node LIMIT 4$$, :'both', format('SELECT %s, 1', node)),
    $$VALUES ('16', 0.209554558), ('5', 0.140128371), ('6', 0.140128371), ('0', 0.128399585)$$,
    node || ' names a number')
FROM (VALUES ('16'), ($$'16'::text$$), ('16::numeric')) AS v (node);

-- the ranks of a random graph fulfil the equations that define them
SELECT setseed(0.7);
CREATE TABLE edge AS
SELECT 'n' || (random() * 3000)::int AS a, 'n' || (random() ^ 3 * 3000)::int AS b FROM generate_series(1, 9000);
CREATE TABLE ranked AS
SELECT * FROM etl.pagerank('TABLE edge', tolerance => 1e-16, max_iterations => 1000);
CREATE TABLE again AS
WITH link AS (SELECT DISTINCT a, b FROM edge),
degree AS (SELECT a, count(*) AS links FROM link GROUP BY a),
dangling AS (SELECT sum(r.rank) AS rank FROM ranked AS r WHERE NOT EXISTS (SELECT FROM degree AS d WHERE d.a = r.node)),
incoming AS (
    SELECT l.b AS node, sum(r.rank / d.links) AS rank
    FROM link AS l JOIN degree AS d ON d.a = l.a JOIN ranked AS r ON r.node = l.a GROUP BY l.b
)
SELECT r.node, r.rank,
       (0.15 + 0.85 * g.rank) / count(*) OVER () + 0.85 * coalesce(i.rank, 0) AS expected
FROM ranked AS r CROSS JOIN dangling AS g LEFT JOIN incoming AS i USING (node);
SELECT is((SELECT count(*) FROM ranked),
          (SELECT count(*) FROM (SELECT a FROM edge UNION SELECT b FROM edge) AS nodes), 'a random graph: every node');
SELECT is_empty('SELECT * FROM again WHERE abs(rank - expected) > 1e-12', 'and ranks that solve their equations');

-- so do those with weights and preferences
CREATE TABLE weighed_edge AS SELECT a, b, floor(random() * 4) AS w FROM edge;
CREATE TABLE preference AS SELECT DISTINCT a AS node, (length(a) + 0.5)::numeric AS p FROM edge WHERE a LIKE '%7%';
CREATE TABLE ranked_2 AS
SELECT * FROM etl.pagerank('TABLE weighed_edge', tolerance => 1e-16, max_iterations => 1000, weighted => true,
                           personalization => 'TABLE preference');
SELECT results_eq(
    $$SELECT nodes, edges, converged, change < nodes * 1e-16, iterations BETWEEN 20 AND 1000, seconds > 0,
             memory_bytes > 24 * nodes
      FROM etl.pagerank_info$$,
    $$SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT a, b FROM edge) AS e), true, true, true, true, true
      FROM ranked$$, 'etl.pagerank_info speaks of the last call');
CREATE TABLE again_2 AS
WITH link AS (SELECT a, b, sum(w) AS w FROM weighed_edge GROUP BY a, b),
degree AS (SELECT a, sum(w) AS w FROM link GROUP BY a HAVING sum(w) > 0),
dangling AS (
    SELECT sum(r.rank) AS rank FROM ranked_2 AS r WHERE NOT EXISTS (SELECT FROM degree AS d WHERE d.a = r.node)
),
incoming AS (
    SELECT l.b AS node, sum(r.rank * l.w / d.w) AS rank
    FROM link AS l JOIN degree AS d ON d.a = l.a JOIN ranked_2 AS r ON r.node = l.a GROUP BY l.b
)
SELECT r.node, r.rank,
       (0.15 + 0.85 * g.rank) * coalesce(p.p, 0)::float8 / (SELECT sum(p)::float8 FROM preference)
       + 0.85 * coalesce(i.rank, 0) AS expected
FROM ranked_2 AS r CROSS JOIN dangling AS g LEFT JOIN incoming AS i USING (node) LEFT JOIN preference AS p USING (node);
SELECT is((SELECT count(*) FROM again_2), (SELECT count(*) FROM ranked), 'with weights and preferences: every node');
SELECT is_empty('SELECT * FROM again_2 WHERE abs(rank - expected) > 1e-12', 'and ranks that solve their equations');

-- memory
SET LOCAL pg_etl.graph_memory = '1MB';
SELECT throws_ok($$SELECT * FROM etl.pagerank('SELECT i, i + 1 FROM generate_series(1, 100000) AS i')$$, '54000',
                 'the graph does not fit into pg_etl.graph_memory, 1024 kB', 'too many edges');
SELECT throws_ok($$SELECT * FROM etl.pagerank('SELECT repeat(i::text, 1000), 1 FROM generate_series(1, 1000) AS i')$$,
                 '54000', NULL, 'names that are too long');
SELECT lives_ok($$SELECT * FROM etl.pagerank('SELECT i, i + 1 FROM generate_series(1, 5000) AS i')$$, 'what does fit');
SET LOCAL pg_etl.graph_memory = '64MB';
SELECT lives_ok($$SELECT * FROM etl.pagerank('SELECT i, i + 1 FROM generate_series(1, 100000) AS i')$$,
                'more is allowed');
SELECT throws_ok('SET LOCAL pg_etl.graph_memory = 0', '22023', NULL, 'a limit of nothing');

-- errors
SELECT throws_ok(format('SELECT * FROM etl.pagerank(%s)', call), state, message, message)
FROM (VALUES
    ($$'VALUES (1, 2, NULL::int)', weighted => true$$, '22004', 'the weight of the edge from "1" to "2" is NULL'),
    ($$'VALUES (1, 2, ''NaN''::numeric)', weighted => true$$, '22023', 'the weight of the edge from "1" to "2" is NaN'),
    ($$'VALUES (1, 2, ''inf''::float4)', weighted => true$$, '22023',
     'the weight of the edge from "1" to "2" is Infinity'),
    ($$'VALUES (''a'', ''b'', -0.5)', weighted => true$$, '22023', 'the weight of the edge from "a" to "b" is -0.5'),
    ($$'VALUES (''a'', ''b'', 1e400)', weighted => true$$, '22023',
     'the weight of the edge from "a" to "b" is 100000000000000000000000000000…'),
    ($$'VALUES (''a'', ''b'', 1)', weighted => true, personalization => 'VALUES (''a'', 1e-400)'$$, '22023',
     'personalization has no weight above 0'),
    ($$'VALUES (''a'', ''b'', 1e308::float8), (''a'', ''c'', 1e308)', weighted => true$$, '22003',
     'the weights of the edges from node "a" are too large to be summed'),
    ($$'VALUES (1, 2)', weighted => true$$, '42804', 'edges_query must return 3 columns, not 2'),
    ($$'VALUES (1, 2, true)', weighted => true$$, '42804',
     'the weight, column 3 of edges_query, must be a number, not boolean'),
    ($$'VALUES (1, 2)', personalization => 'VALUES (3, 1)'$$, '22023',
     'personalization names node "3", which is not in the graph'),
    ($$'VALUES (1, 2)', personalization => 'VALUES ('' 1'', 1)'$$, '22023',
     'personalization names node " 1", which is not in the graph'),
    ($$'VALUES (1, 2)', personalization => 'VALUES (1, 0), (2, 0)'$$, '22023',
     'personalization has no weight above 0'),
    ($$'VALUES (1, 2)', personalization => 'SELECT 1, 1 WHERE false'$$, '22023',
     'personalization has no weight above 0'),
    ($$'VALUES (1, 2)', personalization => 'VALUES (NULL, 1)'$$, '22004', 'a node of personalization is NULL'),
    ($$'VALUES (1, 2)', personalization => 'VALUES (1, NULL::int)'$$, '22004', 'the weight of node "1" is NULL'),
    ($$'VALUES (1, 2)', personalization => 'VALUES (1, -3)'$$, '22023', 'the weight of node "1" is -3'),
    ($$'VALUES (1, 2)', personalization => 'VALUES (1, 1e308::float8), (1, 1e308)'$$, '22003',
     'the weights of node "1" are too large to be summed'),
    ($$'VALUES (1, 2)', personalization => 'VALUES (1)'$$, '42804', 'personalization must return 2 columns, not 1'),
    ($$'VALUES (1, 2)', personalization => 'VALUES (1, ''1''::text)'$$, '42804',
     'the weight, column 2 of personalization, must be a number, not text'),
    ($$'VALUES (1, 2)', personalization => 'DELETE FROM edge RETURNING a, 1'$$, '22023',
     'personalization must be one SELECT that changes no data'),
    ($$NULL$$, '22004', 'argument 1 must not be NULL'),
    ($$'VALUES (1, 2)', weighted => NULL$$, '22004', 'argument 5 must not be NULL')
) AS refused (call, state, message);

-- nothing and one
SELECT is_empty($$SELECT * FROM etl.pagerank('SELECT a, b FROM edge WHERE false')$$, 'no edges, no nodes');
SELECT results_eq($$SELECT node, rank FROM etl.pagerank('SELECT 1, 1')$$, $$VALUES ('1', 1::float8)$$, 'one node');
SELECT results_eq($$SELECT node, rank FROM etl.pagerank('SELECT 1, NULL::int, NULL::int', weighted => true)$$,
                  $$VALUES ('1', 1::float8)$$, 'one node without an edge');
SELECT is_empty($$SELECT * FROM etl.pagerank('SELECT 1, 2 WHERE false', personalization => 'SELECT 1, 1 WHERE false')$$,
                'no nodes to prefer');


-- the query runs with the caller's rights
CREATE ROLE pagerank_reader;
SET LOCAL ROLE pagerank_reader;
SELECT throws_ok($$SELECT * FROM etl.pagerank('TABLE edge')$$, '42501', NULL, 'a table needs to be readable');
SELECT throws_ok($$SELECT * FROM etl.pagerank('SELECT set_config(''role'', ''none'', true), ''x''')$$, '42501', NULL,
                 'the query cannot change the role');
SELECT throws_ok($$SELECT * FROM etl.pagerank('VALUES (1, 2)',
                                              personalization => 'SELECT set_config(''role'', ''none'', true), 1')$$,
                 '42501', NULL, 'nor can the preferences');
SELECT lives_ok('TABLE etl.pagerank_info', 'anybody reads what the session did');
RESET ROLE;


-- a stop while edges are read and while ranks are computed
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
SELECT ok(is_stopped($$SELECT * FROM etl.pagerank('SELECT 1, pg_sleep(30)')$$), 'stopped while reading');
SELECT ok(is_stopped($$
    SELECT * FROM etl.pagerank('SELECT a, b FROM friendship UNION SELECT 0, x FROM generate_series(1, 1000) AS x
                                UNION SELECT x, 0 FROM generate_series(1, 1000) AS x', 0.9999999999, 1e-300, 2000000000)
$$), 'stopped while ranking');
SET LOCAL statement_timeout = 0;

SELECT * FROM finish();
ROLLBACK;
