-- How alike two values are: edit distances, Jaro and its kin, sets of n-grams and tokens, dates and numbers.
--
-- All of them are pure functions of their arguments, symmetric unless their comment says otherwise, and NULL where an
-- argument is NULL. Texts are compared by code point: upper and lower case, and the two spellings of an accented
-- letter, differ, so normalise first.

-- Names --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.jaro(a text, b text, cutoff float8 DEFAULT 0)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_jaro';
COMMENT ON FUNCTION etl.jaro(text, text, float8) IS
    'Jaro''s similarity of two names, from 0 to 1: (m/|a| + m/|b| + (m - t)/m) / 3 for m equal characters that '
    'are within half of the longer text, less one, of each other, t of them by twos in another order (rounded '
    'down). Two empty texts are alike (1). Source: M. A. Jaro, Advances in record-linkage methodology, 1989. A '
    'similarity below cutoff is answered as 0, as soon as that is known. Error 22023 when cutoff is not from 0 to '
    '1; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.jaro_winkler(a text, b text, cutoff float8 DEFAULT 0)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_jaro_winkler';
COMMENT ON FUNCTION etl.jaro_winkler(text, text, float8) IS
    'Jaro''s similarity j raised for a common beginning of p characters, at most 4: j + 0.1 p (1 - j), where j is '
    'above 0.7 (the boost threshold of the Census Bureau''s comparator), else j. From 0 to 1. Source: W. E. '
    'Winkler, String comparator metrics and enhanced decision rules, 1990. A similarity below cutoff is answered '
    'as 0, as soon as that is known. Error 22023 when cutoff is not from 0 to 1; 54000 for a text of more than 1 '
    'MiB.';

-- Edits --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.levenshtein(a text, b text)
RETURNS int
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_levenshtein';
COMMENT ON FUNCTION etl.levenshtein(text, text) IS
    'The least number of characters to insert, delete or change that turns a into b. Source: V. I. Levenshtein, '
    '1966; computed by the bit vectors of G. Myers, 1999, and H. Hyyro, 2003. Error 54000 for a text of more than '
    '1 MiB.';

CREATE FUNCTION etl.levenshtein(a text, b text, at_most int)
RETURNS int
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_levenshtein';
COMMENT ON FUNCTION etl.levenshtein(text, text, int) IS
    'etl.levenshtein(a, b) that stops early: a distance above at_most is answered as at_most + 1. Error 22023 '
    'when at_most is negative; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.osa_distance(a text, b text)
RETURNS int
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_osa_distance';
COMMENT ON FUNCTION etl.osa_distance(text, text) IS
    'The least number of characters to insert, delete or change, or of neighbours to swap, that turns a into b '
    'where no part of the text is edited twice: the optimal string alignment, or restricted Damerau-Levenshtein '
    'distance. It does not obey the triangle inequality: ca to abc is 3. Source: H. Hyyro, A bit-vector algorithm '
    'for computing Levenshtein and Damerau edit distances, 2003. Error 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.osa_distance(a text, b text, at_most int)
RETURNS int
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_osa_distance';
COMMENT ON FUNCTION etl.osa_distance(text, text, int) IS
    'etl.osa_distance(a, b) that stops early: a distance above at_most is answered as at_most + 1. Error 22023 '
    'when at_most is negative; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.damerau_levenshtein(a text, b text)
RETURNS int
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_damerau_levenshtein';
COMMENT ON FUNCTION etl.damerau_levenshtein(text, text) IS
    'The least number of characters to insert, delete or change, or of neighbours to swap, that turns a into b; '
    'other edits may come between the swapped ones: ca to abc is 2. A metric. Source: F. J. Damerau, 1964; R. '
    'Lowrance, R. A. Wagner, 1975; computed in linear space as by C. Zhao, S. Sahni, 2019. Error 54000 for a text '
    'of more than 1 MiB.';

CREATE FUNCTION etl.damerau_levenshtein(a text, b text, at_most int)
RETURNS int
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_damerau_levenshtein';
COMMENT ON FUNCTION etl.damerau_levenshtein(text, text, int) IS
    'etl.damerau_levenshtein(a, b) that stops early: a distance above at_most is answered as at_most + 1. Error '
    '22023 when at_most is negative; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.levenshtein_similarity(a text, b text, cutoff float8 DEFAULT 0)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_levenshtein_similarity';
COMMENT ON FUNCTION etl.levenshtein_similarity(text, text, float8) IS
    'etl.levenshtein as a similarity from 0 to 1: 1 - distance / length of the longer text. Two empty texts are '
    'alike (1). A similarity below cutoff is answered as 0, as soon as that is known. Error 22023 when cutoff is '
    'not from 0 to 1; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.osa_similarity(a text, b text, cutoff float8 DEFAULT 0)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_osa_similarity';
COMMENT ON FUNCTION etl.osa_similarity(text, text, float8) IS
    'etl.osa_distance as a similarity from 0 to 1: 1 - distance / length of the longer text. Two empty texts are '
    'alike (1). A similarity below cutoff is answered as 0, as soon as that is known. Error 22023 when cutoff is '
    'not from 0 to 1; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.damerau_levenshtein_similarity(a text, b text, cutoff float8 DEFAULT 0)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_damerau_levenshtein_similarity';
COMMENT ON FUNCTION etl.damerau_levenshtein_similarity(text, text, float8) IS
    'etl.damerau_levenshtein as a similarity from 0 to 1: 1 - distance / length of the longer text. Two empty '
    'texts are alike (1). A similarity below cutoff is answered as 0, as soon as that is known. Error 22023 when '
    'cutoff is not from 0 to 1; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.longest_common_subsequence(a text, b text)
RETURNS int
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_longest_common_subsequence';
COMMENT ON FUNCTION etl.longest_common_subsequence(text, text) IS
    'The length of the longest text that is left of both a and b when characters are deleted. Source: R. A. '
    'Wagner, M. J. Fischer, The string-to-string correction problem, 1974; computed by the bit vectors of H. '
    'Hyyro, 2004. Error 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.longest_common_subsequence_similarity(
    a text, b text, cutoff float8 DEFAULT 0)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_longest_common_subsequence_similarity';
COMMENT ON FUNCTION etl.longest_common_subsequence_similarity(text, text, float8) IS
    'Twice etl.longest_common_subsequence by the sum of both lengths, from 0 to 1. Two empty texts are alike (1). '
    'A similarity below cutoff is answered as 0, as soon as that is known. Error 22023 when cutoff is not from 0 '
    'to 1; 54000 for a text of more than 1 MiB.';

-- Sets of n-grams, bags of tokens ------------------------------------------------------------------------------------

CREATE FUNCTION etl.jaccard(a text, b text, n int DEFAULT 2, cutoff float8 DEFAULT 0)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_jaccard';
COMMENT ON FUNCTION etl.jaccard(text, text, int, float8) IS
    'How much the sets of n-grams (runs of n characters) of two texts have in common, from 0 to 1: those of both '
    'by those of either. A text shorter than n is one n-gram; two empty texts are alike (1). Source: P. Jaccard, '
    '1901. A similarity below cutoff is answered as 0. Error 22023 when n is below 1 or cutoff is not from 0 to '
    '1; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.overlap(a text, b text, n int DEFAULT 2, cutoff float8 DEFAULT 0)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_overlap';
COMMENT ON FUNCTION etl.overlap(text, text, int, float8) IS
    'How much of the smaller set of n-grams (runs of n characters) is in the other, from 0 to 1: the n-grams of '
    'both by those of the text with fewer. A text shorter than n is one n-gram; two empty texts are alike (1). '
    'Source: D. Szymkiewicz, 1934; G. G. Simpson, 1943. A similarity below cutoff is answered as 0. Error 22023 '
    'when n is below 1 or cutoff is not from 0 to 1; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.cosine(a text, b text, cutoff float8 DEFAULT 0)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_cosine';
COMMENT ON FUNCTION etl.cosine(text, text, float8) IS
    'The cosine of the angle between the counts of tokens, the parts that white space separates, from 0 to 1. '
    'Their order does not matter. Two texts without a token are alike (1). Source: G. Salton, A. Wong, C. S. '
    'Yang, A vector space model for automatic indexing, 1975. A similarity below cutoff is answered as 0. Error '
    '22023 when cutoff is not from 0 to 1; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.monge_elkan(a text, b text, cutoff float8 DEFAULT 0, both_ways bool DEFAULT true)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_monge_elkan';
COMMENT ON FUNCTION etl.monge_elkan(text, text, float8, bool) IS
    'The mean, over the tokens of a (parts that white space separates), of the greatest etl.jaro_winkler with a '
    'token of b, from 0 to 1; both_ways: the mean of that and of the same with a and b exchanged. Two texts '
    'without a token are alike (1). Source: A. E. Monge, C. P. Elkan, The field matching problem, 1996. A '
    'similarity below cutoff is answered as 0, as soon as that is known. Error 22023 when cutoff is not from 0 to '
    '1; 54000 for a text of more than 1 MiB.';

-- Numbers and dates --------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.numeric_similarity(a float8, b float8, scale float8)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_numeric_similarity';
COMMENT ON FUNCTION etl.numeric_similarity(float8, float8, float8) IS
    '1 - |a - b| / scale, and 0 from a distance of scale on. NaN is alike to NaN and an infinity to itself (1), '
    'and to nothing else (0). Error 22023 when scale is not finite and above 0. Source: J. C. Gower, A general '
    'coefficient of similarity, 1971, with a scale in place of the range of the data.';

CREATE FUNCTION etl.date_similarity(a date, b date, scale int)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_date_similarity';
COMMENT ON FUNCTION etl.date_similarity(date, date, int) IS
    '1 - |a - b| / scale for two dates and a scale in days, and 0 from a distance of scale on. An infinite date '
    'is alike to itself (1) and to nothing else (0). Error 22023 when scale is below 1. Source: J. C. Gower, A '
    'general coefficient of similarity, 1971, with a scale in place of the range of the data.';
