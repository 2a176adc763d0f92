-- The rank of the nodes of a directed graph.

CREATE FUNCTION etl.pagerank(
    edges_query text, damping float8 DEFAULT 0.85, tolerance float8 DEFAULT 1e-9, max_iterations integer DEFAULT 100
)
RETURNS TABLE (node text, rank float8)
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_pagerank';
COMMENT ON FUNCTION etl.pagerank(text, float8, float8, integer) IS
    'PageRank of every node of a directed graph (L. Page, S. Brin, R. Motwani, T. Winograd, 1999). edges_query is a '
    'SELECT of two columns of any type, from and to, which runs with the caller''s rights. A row with a NULL is no '
    'edge; an edge given twice counts once; a self loop counts. Nodes are named by the text form of their values. The '
    'rank of nodes without outgoing edges is spread evenly; the ranks sum to 1. Iterates until one iteration changes '
    'the ranks by less than tolerance * nodes in sum, at most max_iterations times: then a WARNING says that the '
    'ranks have not converged. Error 22023 for a damping outside [0, 1), a tolerance or max_iterations of 0 or less, '
    'and for an edges_query that is not one SELECT or changes data; 42804 for another number of columns.';
