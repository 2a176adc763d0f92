-- What a match model has learned, as tables that psql shows well: weights with bars, the training, the thresholds.

CREATE FUNCTION etl._match_training(model jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._match_levels(model);
    IF jsonb_typeof(model -> 'training') IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the match model has no record of its training',
            HINT = 'Call etl.train_match() and use the model that it returns.';
    END IF;
    RETURN model -> 'training';
END
$$;
COMMENT ON FUNCTION etl._match_training(jsonb) IS
    'The record of a match model''s training. Raises 22023 where the model is wrong or has none.';

CREATE FUNCTION etl._weight_bar(weight float8, greatest_weight float8)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN weight < 0 THEN lpad(repeat('#', length), 20) || '|' ELSE lpad('|', 21) || repeat('#', length) END
    FROM (SELECT coalesce(round(20 * abs(weight) / nullif(greatest_weight, 0))::int, 0)) AS bar (length)
$$;
COMMENT ON FUNCTION etl._weight_bar(float8, float8) IS
    'A weight as a bar of text, to the left of a line where it is negative and to the right where not. The greatest '
    'weight has 20 characters.';

CREATE FUNCTION etl.match_report(model jsonb)
RETURNS TABLE (comparison text, level text, m float8, u float8, weight numeric, chart text)
LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    prior float8 := model ->> 'probability_two_random_records_match';
    greatest_weight float8;
BEGIN
    IF prior IS NULL OR EXISTS (SELECT FROM etl._match_levels(model) AS l WHERE l.weight IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the match model is not trained',
            HINT = 'Call etl.train_match() and use the model that it returns.';
    END IF;
    SELECT greatest(max(abs(l.weight)), abs(log(2, (prior / (1 - prior))::numeric))) INTO greatest_weight
    FROM etl._match_levels(model) AS l;
    RETURN QUERY
        SELECT '(two random rows)'::text, NULL::text, NULL::float8, NULL::float8, round(p.weight, 2),
               etl._weight_bar(p.weight::float8, greatest_weight)
        FROM (SELECT log(2, (prior / (1 - prior))::numeric)) AS p (weight);
    RETURN QUERY
        SELECT l.comparison, l.level, l.m, l.u, round(l.weight::numeric, 2), etl._weight_bar(l.weight, greatest_weight)
        FROM etl._match_levels(model) AS l
        ORDER BY l.comparison_number, l.level_number;
END
$$;
COMMENT ON FUNCTION etl.match_report(jsonb) IS
    'What a trained match model says at each level of each comparison: m, the share of the level among pairs of rows '
    'of one entity, u, its share among other pairs, and log2(m / u), the weight in bits that finding it adds, as a '
    'number and as a bar: to the right it speaks for a match, to the left against one. The first row is the prior: '
    'the weight of two rows of which nothing is known. Raises 22023 where the model is wrong or not trained. Source: '
    'I. P. Fellegi, A. B. Sunter, "A Theory for Record Linkage", 1969.';

CREATE FUNCTION etl.match_rules(model jsonb)
RETURNS TABLE (rule int, blocking text, pairs float8, new_pairs float8, expected_matches numeric, match_share float8,
               excluded text[])
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (r ->> 'rule')::int, model -> 'blocking' ->> (r ->> 'rule')::int - 1, (r ->> 'pairs')::float8,
           (r ->> 'new_pairs')::float8, round((r ->> 'matches')::numeric, 1), (r ->> 'match_share')::float8,
           ARRAY(SELECT jsonb_array_elements_text(r -> 'excluded'))
    FROM jsonb_array_elements(etl._match_training(model) -> 'rules') AS r
    ORDER BY (r ->> 'rule')::int
$$;
COMMENT ON FUNCTION etl.match_rules(jsonb) IS
    'What each blocking rule contributed to the training of a match model: the candidate pairs that it finds, those '
    'that no earlier rule finds, the matches expected among all of its pairs and their share, and the comparisons '
    'that the rule decides, of which its pairs teach nothing. Raises 22023 where the model has no record of a '
    'training.';

CREATE FUNCTION etl.match_training(model jsonb)
RETURNS TABLE (iteration int, log_likelihood numeric, change float8, match_shares numeric[])
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (i ->> 'iteration')::int, round((i ->> 'log_likelihood')::numeric, 1), (i ->> 'change')::float8,
           ARRAY(SELECT round(s.share::numeric, 4)
                 FROM jsonb_array_elements_text(i -> 'match_shares') WITH ORDINALITY AS s (share, rule)
                 ORDER BY s.rule)
    FROM jsonb_array_elements(etl._match_training(model) -> 'iterations') AS i
    ORDER BY (i ->> 'iteration')::int
$$;
COMMENT ON FUNCTION etl.match_training(jsonb) IS
    'How the estimation of a match model converged: the log-likelihood before each iteration, the greatest change of '
    'a share that it made, and the share of matches among the pairs of each blocking rule after it. The first twenty '
    'iterations, each tenth after them, and the last. When the matches among the random pairs have been taken out of '
    'u, iterations go on, and the log-likelihood of one need not be greater than that of the one before. Raises 22023 '
    'where the model has no record of a training.';

CREATE FUNCTION etl.match_thresholds(model jsonb)
RETURNS TABLE (probability numeric, match_weight numeric, pairs float8, expected_matches numeric, "precision" numeric,
               recall numeric)
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (t ->> 'probability')::numeric, round((t ->> 'weight')::numeric, 2), (t ->> 'pairs')::float8,
           round((t ->> 'matches')::numeric, 1), round((t ->> 'precision')::numeric, 4),
           round((t ->> 'recall')::numeric, 4)
    FROM jsonb_array_elements(etl._match_training(model) -> 'thresholds') AS t
    ORDER BY (t ->> 'probability')::numeric
$$;
COMMENT ON FUNCTION etl.match_thresholds(jsonb) IS
    'What to expect of a threshold, by the model itself: how many of the candidate pairs of the training have at '
    'least this probability, how many of these are matches, which share that is (precision), and which share of the '
    'matches among all candidates they are (recall). Matches that no blocking rule finds are not counted, nor is the '
    'frequency of texts; comparisons that depend on each other make all of it too sure. Raises 22023 where the model '
    'has no record of a training.';

CREATE FUNCTION etl.match_weights(model jsonb)
RETURNS TABLE (match_weight int, pairs float8, expected_matches numeric, chart text)
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (b ->> 'weight')::int, (b ->> 'pairs')::float8, round((b ->> 'matches')::numeric, 1),
           repeat('#', ceil(40 * ln((b ->> 'pairs')::float8 + 1) /
                            max(ln((b ->> 'pairs')::float8 + 1)) OVER ())::int)
    FROM jsonb_array_elements(etl._match_training(model) -> 'weights') AS b
    ORDER BY (b ->> 'weight')::int
$$;
COMMENT ON FUNCTION etl.match_weights(jsonb) IS
    'How the weights of the candidate pairs of a training are distributed: pairs and matches expected among them by '
    'whole bits of weight, rounded down, with a bar for the logarithm of the pairs. A good model shows two hills. '
    'Raises 22023 where the model has no record of a training.';

CREATE FUNCTION etl.match_warnings(model jsonb)
RETURNS SETOF text
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT w.warning
    FROM jsonb_array_elements_text(etl._match_training(model) -> 'warnings') WITH ORDINALITY AS w (warning, number)
    ORDER BY w.number
$$;
COMMENT ON FUNCTION etl.match_warnings(jsonb) IS
    'What the training of a match model found odd: rules without matches, shares that had nothing to learn from, '
    'levels that weigh more than stricter ones. Nothing where all is well. Raises 22023 where the model has no record '
    'of a training.';
