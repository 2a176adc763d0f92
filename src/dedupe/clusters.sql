-- Clusters and links out of any list of pairs: connected components by union-find, and one-to-one links.

CREATE FUNCTION etl.clusters(
    pairs_query text, method text DEFAULT 'transitive', threshold float8 DEFAULT NULL,
    max_cluster_size integer DEFAULT NULL
)
RETURNS TABLE (id text, cluster_id text)
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_clusters';
COMMENT ON FUNCTION etl.clusters(text, text, float8, integer) IS
    'Clusters of the ids that pairs link: each id that the query names, once, with the smallest id of its cluster '
    '(by number where both columns are smallint, integer or bigint; else by the bytes of the text, as COLLATE "C"). '
    'pairs_query: one SELECT of two columns of ids of any type or, with a score, of three, as in SELECT id_a, id_b, '
    'probability FROM etl.match(…); it runs with the caller''s rights. A row whose score or other id is NULL links '
    'nothing and names what it has: a cluster of one, if nothing else links it. method: transitive, all ids that a '
    'chain of pairs connects are one cluster (union-find: B. A. Galler, M. J. Fischer 1964; R. E. Tarjan 1975); '
    'one_to_one, each id is in one pair at most: pairs are taken by falling score, and of one score by their smaller '
    'id and then the other, where both ids are still free (for two tables whose ids overlap, call etl.one_to_one). '
    'threshold: pairs of a lower score do not link. max_cluster_size: in a larger cluster the threshold is raised '
    'until no part is larger, which a WARNING tells; pairs of one score are cut together. Without scores such a '
    'cluster stays whole, and a WARNING names it. Errors: 22004 pairs_query or method is NULL; 22023 not one SELECT '
    'that changes no data, unknown method, a NaN, a max_cluster_size below 2 or with one_to_one; 42804 another number '
    'of columns, a score that is no number, or none where threshold or method need one.';

CREATE FUNCTION etl.one_to_one(pairs_query text, threshold float8 DEFAULT NULL)
RETURNS TABLE (id_a text, id_b text, score float8)
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_one_to_one';
COMMENT ON FUNCTION etl.one_to_one(text, float8) IS
    'Links the rows of two tables one to one. Of the pairs of a query, the best that do not share an id: pairs are '
    'taken by falling score where both ids are still free (greedy matching), and of one score by id_a, then id_b (by '
    'number where both are whole numbers, else by the bytes of the text). The ids of the first and of the second '
    'column are of two kinds: 7 on the left is another thing than 7 on the right. Returns the pairs that are left, the '
    'highest score first. pairs_query: one SELECT of two ids of any type and a score, run with the caller''s rights; a '
    'row with a NULL is no pair. threshold: pairs of a lower score do not count. Errors: 22004 no query; 22023 not one '
    'SELECT that changes no data, or a NaN; 42804 another number of columns, or a score that is no number.';
