-- etl.similar_pairs: every two texts that are alike, without blocks.

CREATE FUNCTION etl.similar_pairs(query text, threshold float8 DEFAULT 0.6, link_to text DEFAULT NULL)
RETURNS TABLE(id_a text, id_b text, similarity float8)
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_similar_pairs';
COMMENT ON FUNCTION etl.similar_pairs(text, float8, text) IS
    'All pairs of texts whose sets of trigrams have at least a similarity, each once: exact, and without comparing '
    'every two. query: a SELECT of two columns, the id and the text of each row; rows with a NULL are left out. '
    'threshold: the least similarity, above 0, at most 1. link_to: a second such query; then a pair has one text of '
    'each. Returns the ids as text (id_a stands before id_b in the query, or is of the first query) and the '
    'similarity: the trigrams that both have by those that either has, which is what similarity() of pg_trgm gives. '
    'Holds the trigrams of all texts in memory, about 6 bytes a character. Errors: 22023 threshold out of range or no '
    'single SELECT, 42804 not two columns, 54000 a text of more than 1 MiB. Source: R. Bayardo, Y. Ma, R. Srikant, '
    '"Scaling up all pairs similarity search", WWW 2007; C. Xiao, W. Wang, X. Lin, J. Yu, "Efficient similarity joins '
    'for near duplicate detection", WWW 2008.';
