-- etl.pagerank: networkx's published values, other node types, a second opinion in SQL, rights, and a stop.
BEGIN;
SELECT plan(15);

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

-- nothing and one
SELECT is_empty($$SELECT * FROM etl.pagerank('SELECT a, b FROM edge WHERE false')$$, 'no edges, no nodes');
SELECT results_eq($$SELECT node, rank FROM etl.pagerank('SELECT 1, 1')$$, $$VALUES ('1', 1::float8)$$, 'one node');

-- the query runs with the caller's rights
CREATE ROLE pagerank_reader;
SET LOCAL ROLE pagerank_reader;
SELECT throws_ok($$SELECT * FROM etl.pagerank('TABLE edge')$$, '42501', NULL, 'a table needs to be readable');
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
