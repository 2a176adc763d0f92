-- The rank of the nodes of a directed graph.

CREATE FUNCTION etl.pagerank(
    edges_query text, damping float8 DEFAULT 0.85, tolerance float8 DEFAULT 1e-9, max_iterations integer DEFAULT 100,
    weighted boolean DEFAULT false, personalization text DEFAULT NULL
)
RETURNS TABLE (node text, rank float8)
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_pagerank';
COMMENT ON FUNCTION etl.pagerank(text, float8, float8, integer, boolean, text) IS
    'PageRank of every node of a directed graph (L. Page, S. Brin, R. Motwani, T. Winograd, 1999). edges_query: one '
    'SELECT of two columns of any type, from and to, which runs with the caller''s rights. Nodes are named by the text '
    'form of their values. A row with one NULL is a node without an edge, one with two is nothing; a self loop counts. '
    'weighted: a third column of edges_query is the weight of the edge, a number of 0 or more; along an edge of weight '
    '0 nothing goes. An edge given twice counts once, and with weights its weights are summed. personalization: one '
    'SELECT of a node and a number of 0 or more: jumps, and the rank of nodes without outgoing edges (or with edges of '
    'weight 0 alone), go to these nodes in proportion; of a node given twice the sum counts. Without it they are '
    'spread evenly. The ranks sum to 1. Iterates until one iteration changes the ranks by less than tolerance * nodes '
    'in sum, at most max_iterations times: then a WARNING says that the ranks have not converged. What a call did '
    'stands in etl.pagerank_info, and in a message at DEBUG1. The graph is held in memory, at most '
    'pg_etl.graph_memory. Errors: 22004 an argument but personalization, a weight, or a node of personalization is '
    'NULL; 22023 a damping outside [0, 1), a tolerance or max_iterations of 0 or less, a weight that is negative, NaN '
    'or infinite, a node of personalization that is not in the graph, a personalization without a weight above 0, a '
    'query that is not one SELECT or changes data; 22003 the weights of a node have no finite sum; 42804 another '
    'number of columns, a weight that is no number; 54000 the graph does not fit into pg_etl.graph_memory.';

CREATE FUNCTION etl._pagerank_info(
    OUT nodes bigint, OUT edges bigint, OUT iterations integer, OUT change float8, OUT converged boolean,
    OUT seconds float8, OUT memory_bytes bigint
)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'etl_pagerank_info';
COMMENT ON FUNCTION etl._pagerank_info() IS 'The row of etl.pagerank_info.';

CREATE VIEW etl.pagerank_info WITH (security_invoker = true) AS
SELECT i.nodes, i.edges, i.iterations, i.change, i.converged, i.seconds, i.memory_bytes
FROM etl._pagerank_info() AS i;
COMMENT ON VIEW etl.pagerank_info IS
    'What the last etl.pagerank of this session did that came to its end; no row before the first.';
COMMENT ON COLUMN etl.pagerank_info.nodes IS 'Nodes of the graph.';
COMMENT ON COLUMN etl.pagerank_info.edges IS 'Edges of the graph, parallel ones counted once.';
COMMENT ON COLUMN etl.pagerank_info.iterations IS 'Iterations of the ranks.';
COMMENT ON COLUMN etl.pagerank_info.change IS 'By how much the last iteration changed the ranks, in sum.';
COMMENT ON COLUMN etl.pagerank_info.converged IS 'Whether that is less than tolerance * nodes.';
COMMENT ON COLUMN etl.pagerank_info.seconds IS 'How long it took, with the query.';
COMMENT ON COLUMN etl.pagerank_info.memory_bytes IS
    'The most that the graph took at one time; pg_etl.graph_memory is the limit.';
GRANT SELECT ON etl.pagerank_info TO PUBLIC;
