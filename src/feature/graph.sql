-- Connected components, degrees and distances of a graph.

CREATE FUNCTION etl.connected_components(edges_query text)
RETURNS TABLE (node text, component text)
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_connected_components';
COMMENT ON FUNCTION etl.connected_components(text) IS
    'The component of each node of a graph: the nodes that a path connects, whichever way its edges point (weakly '
    'connected). It is named by its smallest node: by number where both columns are smallint, integer or bigint, else '
    'by the bytes of the text, as COLLATE "C" (which is the order of uuid, too). edges_query: one SELECT of two '
    'columns of any type, which runs with the caller''s rights; nodes are named by the text form of their values. A '
    'row with one NULL is a node without an edge. Memory goes by the nodes, at most pg_etl.graph_memory. Source: '
    'union-find (B. A. Galler, M. J. Fischer 1964). Errors: 22023 edges_query is not one SELECT or changes data; 42804 '
    'another number of columns; 54000 the graph does not fit into pg_etl.graph_memory.';

CREATE FUNCTION etl.degree(edges_query text, weighted boolean DEFAULT false)
RETURNS TABLE (
    node text, in_degree bigint, out_degree bigint, degree bigint, in_weight float8, out_weight float8
)
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_degree';
COMMENT ON FUNCTION etl.degree(text, boolean) IS
    'The degrees of each node of a directed graph. in_degree and out_degree: how many nodes point to it, and to how '
    'many it points, each once, itself too where it has a self loop. degree: their sum. in_weight and out_weight: the '
    'sums of the weights of all its incoming and outgoing edges, parallel ones too; without weights each edge weighs '
    '1. edges_query: one SELECT of two columns of any type, from and to, and of a weight, a number of 0 or more, as '
    'the third where weighted is true; it runs with the caller''s rights. A row with one NULL is a node without an '
    'edge. Errors: 22004 a weight is NULL; 22023 a weight is negative, NaN or infinite, or edges_query is not one '
    'SELECT or changes data; 22003 the weights of a node have no finite sum; 42804 another number of columns, a weight '
    'that is no number; 54000 the graph does not fit into pg_etl.graph_memory.';

CREATE FUNCTION etl.k_hop_count(
    edges_query text, k integer, direction text DEFAULT 'out', nodes text[] DEFAULT NULL
)
RETURNS TABLE (node text, reached bigint)
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_k_hop_count';
COMMENT ON FUNCTION etl.k_hop_count(text, integer, text, text[]) IS
    'How many other nodes a path of 1 to k edges leads to, for each node of a graph, exactly. direction: out, along '
    'the edges; in, against them; both, either way at each step. nodes: only for these, one row for each element; one '
    'that is not in the graph reaches 0. edges_query: one SELECT of two columns of any type, from and to, which runs '
    'with the caller''s rights; nodes are named by the text form of their values. A row with one NULL is a node '
    'without an edge. The time goes by the edges within reach of each node: most of the graph, where k is large; 64 '
    'searches share their way. Source: M. Then et al., "The more the merrier", PVLDB 8(4), 2014. Errors: 22004 an '
    'argument but nodes, or an element of it, is NULL; 22023 k below 1, an unknown direction, edges_query is not one '
    'SELECT or changes data; 42804 another number of columns; 54000 the graph does not fit into pg_etl.graph_memory.';
