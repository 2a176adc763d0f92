-- A match model at work on one pair of rows: the levels, the weight, the explanation; and its estimation from patterns.

CREATE FUNCTION etl._match_pattern(model jsonb, VARIADIC "any")
RETURNS bytea
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_match_pattern';
COMMENT ON FUNCTION etl._match_pattern(jsonb, "any") IS
    'How two rows agree: one byte a comparison of the match model, the number of the first level that holds, from 0, '
    'or 255 where a value is missing (NULL, an empty text, NaN). The values follow the model in its order: a1, b1, '
    'a2, b2, and so on, each text or float8 as the comparison''s "type" says. The model need not be trained. Raises '
    '22004 where the model is NULL and 22023 where it is wrong, or where the values are not as many or not of the '
    'types that it compares.';

CREATE FUNCTION etl._match_weight(model jsonb, VARIADIC "any")
RETURNS float8
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_match_weight';
COMMENT ON FUNCTION etl._match_weight(jsonb, "any") IS
    'The weight of evidence that two rows are of one entity, in bits: log2 of the odds of it, the prior odds with the '
    'ratios m / u of the levels of all comparisons (I. P. Fellegi, A. B. Sunter, "A Theory for Record Linkage", '
    '1969). A missing value adds nothing. With term frequencies a text that agrees exactly is weighed by the share of '
    'rows that hold it in place of u. A multiple of a millionth of a bit. The probability is 1 / (1 + 2 ^ -weight). '
    'Arguments and errors as of etl._match_pattern; raises 22023 where the model is not trained.';

CREATE FUNCTION etl._match_explain(model jsonb, VARIADIC "any")
RETURNS jsonb
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_match_explain';
COMMENT ON FUNCTION etl._match_explain(jsonb, "any") IS
    'What the weight of two rows is made of: "match_weight", its "probability", "prior_weight", and in "comparisons" '
    'for each the "name", the "level" that holds ("null" where a value is missing), "value_a", "value_b", its '
    '"weight" in bits and, where rarity counts, "term_frequency_weight". "match_weight" is the sum of all weights '
    'exactly. Arguments and errors as of etl._match_weight.';

CREATE FUNCTION etl._match_levels(model jsonb)
RETURNS TABLE (comparison_number int, comparison text, level_number int, level text, m float8, u float8, weight float8)
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_match_levels';
COMMENT ON FUNCTION etl._match_levels(jsonb) IS
    'The levels of a match model, one a row: comparisons from 1 and levels from 0 on, m and u as shares from 0 to 1, '
    'and log2(m / u) as the weight in bits; m, u and weight are NULL where the model is not trained. Raises 22023 '
    'where the model is wrong.';

CREATE FUNCTION etl._estimate_match(model jsonb, random_patterns bytea[], random_counts bigint[],
                                    pair_patterns bytea[], pair_counts bigint[], pair_rules int[], excluded jsonb,
                                    total_pairs float8, options jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_estimate_match';
COMMENT ON FUNCTION etl._estimate_match(jsonb, bytea[], bigint[], bytea[], bigint[], int[], jsonb, float8, jsonb) IS
    'Trains a match model from patterns, as etl._match_pattern makes them, and the numbers of pairs that have them. '
    'Random pairs teach u. The candidate pairs of the blocking rules, numbered from 1, teach m, by expectation '
    'maximisation: give all pairs of each rule, and those that an earlier rule finds too under the negative number of '
    'the rule, so that the prior counts them once. excluded names the comparisons that a rule decides, such as {"1": '
    '["surname"]}: its pairs teach nothing of them. total_pairs is the number of all pairs of rows. options: '
    '"max_iterations" (200), "tolerance" (1e-5, of any share), "recall" (1: the share of all matches that the rules '
    'find), "probability_two_random_records_match" (where it is known). Returns the model with "m" and "u" at each '
    'level, the prior, and "training": the rules, the iterations, the curve of thresholds, the distribution of '
    'weights and warnings. The result does not depend on the order of the patterns. An array that is NULL is empty. '
    'Raises 22004 where another argument is NULL, or an element, and 22023 where something does not fit the model.';
