-- MinHash signatures and their bands: texts that share most of their words share a band.

CREATE FUNCTION etl.minhash(
    value text, k int DEFAULT 128, n int DEFAULT 3, unit text DEFAULT 'character', seed bigint DEFAULT 1)
RETURNS int[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_minhash';
COMMENT ON FUNCTION etl.minhash(text, int, int, text, bigint) IS
    'MinHash signature (Broder 1997) of the shingles of a text: k numbers of which two signatures share as large a '
    'part as their texts share shingles. k: 1 to 4096; the standard error of the similarity is at most 0.5 / sqrt(k). '
    'n and unit: a shingle is n characters, or n words that white space separates (unit ''word''); a shorter text is '
    'one shingle. Upper and lower case and accents count: normalize first. seed: signatures of another seed cannot be '
    'compared. Empty for a text without a shingle. Made by one permutation with optimal densification (Li, Owen and '
    'Zhang 2012; Shrivastava 2017). Error 22023: k, n or unit out of range.';

CREATE FUNCTION etl.minhash_similarity(a int[], b int[])
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_minhash_similarity';
COMMENT ON FUNCTION etl.minhash_similarity(int[], int[]) IS
    'Estimate of the Jaccard similarity of two texts from their signatures, 0 to 1: the share of places at which they '
    'agree. NULL when a signature is empty. Error 22023: signatures of different lengths, or no signature.';

CREATE FUNCTION etl.minhash_bands(
    value text, threshold float8 DEFAULT 0.7, k int DEFAULT 128, n int DEFAULT 3, unit text DEFAULT 'character',
    seed bigint DEFAULT 1, false_negative_weight float8 DEFAULT 0.9)
RETURNS bigint[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_minhash_bands_of_text';
COMMENT ON FUNCTION etl.minhash_bands(text, float8, int, int, text, bigint, float8) IS
    'Keys of the bands of a text''s MinHash signature (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, '
    'section 3.4): two texts are candidates when any element is the same, which for a Jaccard similarity s has the '
    'probability 1 - (1 - s^rows)^bands. threshold: the similarity from which on texts shall be candidates; bands and '
    'rows are those of etl.minhash_bands_for(threshold, k, false_negative_weight). k, n, unit, seed: those of '
    'etl.minhash. Empty for a text without a shingle. Error 22023: an argument out of range.';

CREATE FUNCTION etl.minhash_bands(
    signature int[], threshold float8 DEFAULT 0.7, false_negative_weight float8 DEFAULT 0.9)
RETURNS bigint[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_minhash_bands';
COMMENT ON FUNCTION etl.minhash_bands(int[], float8, float8) IS
    'Keys of the bands of a signature that etl.minhash made: the same as those of its text with the same arguments. '
    'Empty for an empty signature. Error 22023: an argument out of range, or no signature.';

CREATE FUNCTION etl.minhash_bands_for(
    threshold float8, k int DEFAULT 128, false_negative_weight float8 DEFAULT 0.9)
RETURNS TABLE(bands int, rows int, at_threshold float8, false_positives float8, false_negatives float8)
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE ROWS 1
AS 'MODULE_PATHNAME', 'etl_minhash_bands_for';
COMMENT ON FUNCTION etl.minhash_bands_for(float8, int, float8) IS
    'How etl.minhash_bands cuts a signature of k numbers: the bands and rows (bands * rows <= k) with the least sum of '
    'two areas, of the probability to share a band below the threshold (false_positives) and of that to share none '
    'above it (false_negatives), weighted by 1 - false_negative_weight and false_negative_weight, as datasketch '
    'chooses them with 0.5. at_threshold: the probability that two texts of just that similarity share a band. The '
    'greater the weight, the fewer pairs are missed and the more candidates are none. '
    'Error 22023: an argument out of range.';

CREATE FUNCTION etl.minhash_band_probability(similarity float8, bands int, rows int)
RETURNS float8
LANGUAGE plpgsql STRICT IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF similarity BETWEEN 0 AND 1 AND bands > 0 AND rows > 0 THEN
        RETURN 1 - (1 - similarity ^ rows) ^ bands;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('no probability for similarity %s, %s bands of %s rows', similarity, bands, rows),
        HINT = 'A similarity is from 0 to 1, and there are one band or more of one row or more.';
END
$$;
COMMENT ON FUNCTION etl.minhash_band_probability(float8, int, int) IS
    'The probability that two texts of a Jaccard similarity (0 to 1) share one of their bands: '
    '1 - (1 - similarity^rows)^bands. Error 22023: an argument out of range.';
