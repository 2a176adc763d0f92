-- Graphs: what the functions say beside their rows, and how they refuse what is no graph.
\set VERBOSITY terse

-- messages at DEBUG1
SET client_min_messages = debug1;
SELECT count(*) FROM etl.pagerank('VALUES (1, 2), (2, 3)');
SELECT count(*) FROM etl.pagerank('VALUES (1, 2), (2, 3)', max_iterations => 2);
RESET client_min_messages;
SELECT nodes, edges, iterations, converged FROM etl.pagerank_info;

\set VERBOSITY default
\set SHOW_CONTEXT never
-- errors
SELECT * FROM etl.pagerank('VALUES (1, 2, -3)', weighted => true);
SELECT * FROM etl.pagerank('VALUES (1, 2, NULL::int)', weighted => true);
SELECT * FROM etl.pagerank('VALUES (1, 2)', weighted => true);
SELECT * FROM etl.pagerank('VALUES (1, 2, ''x''::text)', weighted => true);
SELECT * FROM etl.pagerank('DELETE FROM pg_class RETURNING 1, 2, 3', weighted => true);
SELECT * FROM etl.pagerank('VALUES (1, 2, 1e308::float8), (1, 3, 1e308)', weighted => true);
SELECT * FROM etl.pagerank('VALUES (1, 2)', personalization => 'VALUES (7, 1)');
SELECT * FROM etl.pagerank('VALUES (1, 2)', personalization => 'VALUES (1, 0)');
SELECT * FROM etl.pagerank('VALUES (1, 2)', personalization => 'VALUES (NULL, 1)');
SELECT * FROM etl.pagerank('VALUES (1, 2)', personalization => 'VALUES (1)');
SELECT * FROM etl.connected_components('DROP TABLE pg_class');
SELECT * FROM etl.degree('SELECT 1');
SELECT * FROM etl.k_hop_count('VALUES (1, 2)', 0);
SELECT * FROM etl.k_hop_count('VALUES (1, 2)', 1, 'sideways');
SELECT * FROM etl.k_hop_count('VALUES (1, 2)', 1, nodes => '{NULL}');
