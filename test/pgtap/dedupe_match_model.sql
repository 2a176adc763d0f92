-- Match models in SQL: weights computed by hand, explanations that add up, hostile calls, models that change from row
-- to row, the estimation and its reports.
BEGIN;
SELECT plan(76);

CREATE TABLE models (name text PRIMARY KEY, model jsonb);
INSERT INTO models VALUES ('trained', $${
    "version": 1, "id": "id", "blocking": ["surname", "age"], "probability_two_random_records_match": 0.2,
    "comparisons": [
        {"name": "surname", "value": "surname", "type": "text",
         "term_frequency": {"rows": 1024, "values": {"smith": 256, "jones": 32}, "rest": 2},
         "levels": [{"when": "exact", "m": 0.5, "u": 0.0625},
                    {"when": "levenshtein", "at_most": 1, "m": 0.25, "u": 0.0625},
                    {"when": "else", "m": 0.25, "u": 0.875}]},
        {"name": "age", "value": "age", "type": "number",
         "levels": [{"when": "exact", "m": 0.8, "u": 0.1}, {"when": "difference", "at_most": 1, "m": 0.1, "u": 0.1},
                    {"when": "else", "m": 0.1, "u": 0.8}]}]}$$);
INSERT INTO models
SELECT 'raw', jsonb_set(jsonb_set(model - 'probability_two_random_records_match', '{comparisons,0}',
                                  (model #> '{comparisons,0}') - 'term_frequency'
                                      || '{"levels": [{"when": "exact"}, {"when": "levenshtein", "at_most": 1},
                                                      {"when": "else"}]}'),
                        '{comparisons,1,levels}', '[{"when": "exact"}, {"when": "difference", "at_most": 1},
                                                    {"when": "else"}]')
FROM models;
CREATE FUNCTION model(wanted text) RETURNS jsonb LANGUAGE sql STABLE AS
$$ SELECT model FROM models WHERE name = wanted $$;

-- Patterns: the model need not be trained.
CREATE TABLE pair (number int, a text, b text, x float8, y float8, pattern bytea, weight float8);
INSERT INTO pair VALUES
    (1, 'smith', 'smith', 30, 30,         '\x0000', 2),          -- -2 + log2(0.5 / 0.25) + 3
    (2, 'jones', 'jones', 30, 31,         '\x0001', 2),          -- -2 + log2(0.5 / (32 / 1024)) + 0
    (3, 'zeta',  'zeta',  30, 33,         '\x0002', 3),          -- -2 + log2(0.5 / (2 / 1024)) - 3
    (4, 'smyth', 'smith', 30, 30,         '\x0100', 3),          -- -2 + 2 + 3
    (5, 'jones', 'smith', 30, 40,         '\x0202', -6.807355),  -- -2 - log2(3.5) - 3
    (6, NULL,    'smith', 30, 30,         '\xff00', 1),
    (7, 'smith', '',      30, 'NaN',      '\xffff', -2),
    (8, NULL,    NULL,    NULL, NULL,     '\xffff', -2),
    (9, 'smith', 'smith', 'inf', '-inf',  '\x0002', -4);

SELECT is(etl._match_pattern(model('raw'), a, b, x, y), pattern, 'the pattern of pair ' || number)
FROM pair ORDER BY number;
SELECT is(etl._match_pattern(model('trained'), a, b, x, y), pattern, 'and of a trained model, pair ' || number)
FROM pair ORDER BY number;
SELECT is(etl._match_weight(model('trained'), a, b, x, y), weight, 'the weight of pair ' || number)
FROM pair ORDER BY number;

-- Explanations.
SELECT is(
    etl._match_explain(model('trained'), 'jones'::text, 'jones'::text, 30::float8, 31::float8),
    '{"match_weight": 2, "probability": 0.8, "prior_weight": -2, "comparisons": [
        {"name": "surname", "level": "exact", "value_a": "jones", "value_b": "jones", "weight": 3,
         "term_frequency_weight": 1},
        {"name": "age", "level": "difference <= 1", "value_a": 30, "value_b": 31, "weight": 0}]}'::jsonb,
    'an explanation');
SELECT is(
    etl._match_explain(model('trained'), NULL::text, 'jones'::text, 'inf'::float8, NULL::float8) -> 'comparisons',
    '[{"name": "surname", "level": "null", "value_a": null, "value_b": "jones", "weight": 0},
      {"name": "age", "level": "null", "value_a": "Infinity", "value_b": null, "weight": 0}]'::jsonb,
    'an explanation of what is missing');
SELECT is(
    (SELECT count(*)
     FROM pair AS p, pair AS q,
          LATERAL etl._match_explain(model('trained'), p.a, q.b, p.x, q.y) AS e
     WHERE (e ->> 'match_weight')::numeric
           <> (e ->> 'prior_weight')::numeric
              + (SELECT sum((c ->> 'weight')::numeric + coalesce((c ->> 'term_frequency_weight')::numeric, 0))
                 FROM jsonb_array_elements(e -> 'comparisons') AS c)
        OR (e ->> 'match_weight')::float8 <> etl._match_weight(model('trained'), p.a, q.b, p.x, q.y)),
    0::bigint, 'the parts of an explanation add up to its weight exactly, which is that of _match_weight');
SELECT is(etl._match_explain(model('trained'), E'o"n\\e\n'::text, 'ü'::text, 1::float8, 1::float8)
              #>> '{comparisons,0,value_a}', E'o"n\\e\n', 'values are quoted');

-- Literals, other types of texts, and compressed values.
SELECT is(etl._match_weight(model('trained'), 'jones', 'jones', NULL, NULL), 2::float8, 'literals without a type');
SELECT is(etl._match_weight(model('trained'), 'jones'::varchar, 'jones'::text, NULL, 1::float8), 2::float8, 'varchar');
CREATE TABLE long_texts AS SELECT repeat('x', 5000) AS a, repeat('x', 4999) || 'y' AS b;
SELECT is(etl._match_pattern(model('raw'), a, b, NULL, NULL), '\x01ff'::bytea, 'compressed texts') FROM long_texts;

-- Hostile calls.
SELECT throws_ok($$SELECT etl._match_weight(NULL, 'a', 'b')$$, '22004', 'argument 1 must not be NULL', 'no model');
SELECT throws_ok($$SELECT etl._match_pattern(NULL, NULL, NULL)$$, '22004', 'argument 1 must not be NULL',
                 'nothing at all');
SELECT throws_ok($$SELECT etl._match_explain(NULL, NULL)$$, '22004', 'argument 1 must not be NULL', 'nothing again');
SELECT throws_ok($$SELECT etl._match_weight(model('trained'), NULL)$$, '22023',
                 'a match model of 2 comparisons takes 4 values, not 1', 'too few values');
SELECT throws_ok($$SELECT etl._match_pattern(model('trained'), 'a', 'b', 1::float8, 1::float8, 'c')$$, '22023',
                 'a match model of 2 comparisons takes 4 values, not 5', 'too many values');
SELECT throws_ok($$SELECT etl._match_weight(model('trained'), 'a', 'b', 1, 2)$$, '22023',
                 'comparison "age" of the match model does not compare values of this type', 'int is not float8');
SELECT throws_ok($$SELECT etl._match_weight(model('trained'), 1::float8, 2::float8, 1::float8, 2::float8)$$, '22023',
                 'comparison "surname" of the match model does not compare values of this type', 'float8 is not text');
SELECT throws_ok($$SELECT etl._match_weight(model('trained'), 'a', 'b', '1', '2')$$, '22023',
                 'a comparison of numbers cannot compare a literal without a type', 'a literal is no number');
SELECT throws_ok($$SELECT etl._match_weight(model('trained'), VARIADIC ARRAY['a', 'b', 'c', 'd'])$$, '22023',
                 'the values of a match model must be listed, not given as VARIADIC array', 'an array of values');
SELECT throws_ok($$SELECT etl._match_weight(model('trained'), VARIADIC NULL::text[])$$, '22023',
                 'the values of a match model must be listed, not given as VARIADIC array', 'no array of values');
SELECT throws_ok($$SELECT etl._match_weight('null', 'a', 'b')$$, '22023',
                 'the match model must be a JSON object, not null', 'a model that is none');
SELECT throws_ok($$SELECT etl._match_weight('"x"', 'a', 'b')$$, '22023',
                 'the match model must be a JSON object, not "x"', 'a text is no model');
SELECT throws_ok($$SELECT etl._match_weight(model('raw'), 'a', 'b', NULL, NULL)$$, '22023',
                 'the match model is not trained', 'a weight needs a trained model');
SELECT throws_ok($$SELECT etl._match_explain(model('raw'), 'a', 'b', NULL, NULL)$$, '22023',
                 'the match model is not trained', 'and so does an explanation');
SELECT throws_ok(format($$SELECT etl._match_weight(%L, 'a', 'b')$$,
                        jsonb_set(model('trained'), '{comparisons,0,levels,1,when}', '"sounds"')), '22023',
                 'comparison "surname", level 2 has the unknown "when" "sounds"', 'a mistake is named with its place');
SELECT throws_ok($$SELECT etl._match_pattern(model('raw'), repeat('x', 1100000), repeat('y', 1100000), NULL, NULL)$$,
                 '54000', NULL, 'a text that is too long to compare');

-- The model that is kept from row to row is the model of the row.
CREATE TABLE varying AS
SELECT i, jsonb_set(model('trained'), '{probability_two_random_records_match}',
                    CASE i % 3 WHEN 0 THEN '0.2' WHEN 1 THEN '0.5' ELSE '0.8' END::jsonb) AS model
FROM generate_series(1, 300) AS i;
SELECT is((SELECT count(*) FROM varying
           WHERE etl._match_weight(model, 'smyth', 'smith', NULL, NULL)
                 <> CASE i % 3 WHEN 0 THEN 0 WHEN 1 THEN 2 ELSE 4 END),
          0::bigint, 'a column of models of one length');
CREATE FUNCTION weights_in_turn() RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
    model jsonb;
    found float8[];
BEGIN
    FOR model IN SELECT v.model FROM varying AS v ORDER BY v.i LIMIT 6 LOOP
        found := found || etl._match_weight(model, 'smyth', 'smith', NULL, NULL);
    END LOOP;
    RETURN found;
END
$$;
SELECT is(weights_in_turn(), '{2,4,0,2,4,0}'::float8[], 'a variable under one expression of PL/pgSQL');
SET plan_cache_mode = force_generic_plan;
CREATE FUNCTION executed(probability text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    made float8;
BEGIN
    EXECUTE 'SELECT etl._match_weight($1, ''smyth'', ''smith'', NULL, NULL)' INTO made
    USING jsonb_set(model('trained'), '{probability_two_random_records_match}', probability::jsonb);
    RETURN made;
END
$$;
SELECT is(ARRAY[executed('0.2'), executed('0.5'), executed('0.8')], '{0,2,4}'::float8[], 'a parameter');
RESET plan_cache_mode;
SELECT throws_ok($$SELECT etl._match_weight(v.model, 'a', 'b', NULL, NULL)
                   FROM (VALUES (1, model('trained')), (2, model('raw'))) AS v (i, model) ORDER BY v.i$$,
                 '22023', 'the match model is not trained', 'the second model is checked too');

-- Parallel plans say what serial ones say.
CREATE TABLE many AS
SELECT 'name' || i % 97 AS a, 'name' || i % 89 AS b, (i % 13)::float8 AS x, (i % 11)::float8 AS y
FROM generate_series(1, 20000) AS i;
CREATE FUNCTION total() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    made float8;
BEGIN
    EXECUTE format('SELECT sum(etl._match_weight(%L, a, b, x, y)) FROM many', model('trained')) INTO made;
    RETURN round(made::numeric, 3);
END
$$;
CREATE TEMPORARY TABLE serial AS SELECT total();
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT is((SELECT total FROM serial), total(), 'the sum over a parallel plan');

-- An oracle: levels by SQL over all pairs of some texts.
CREATE TABLE words AS SELECT unnest('{smith,smyth,smithe,schmidt,jones,jonas,johns,j,"",müller,muller}'::text[]) AS w;
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch;
SELECT is(
    (SELECT count(*) FROM words AS a, words AS b
     WHERE get_byte(etl._match_pattern(model('raw'), a.w, b.w, NULL, NULL), 0)
           <> CASE WHEN a.w = '' OR b.w = '' THEN 255 WHEN a.w = b.w THEN 0
                   WHEN levenshtein(a.w, b.w) <= 1 THEN 1 ELSE 2 END),
    0::bigint, 'levels as fuzzystrmatch says');

-- Estimation. Two comparisons; among 1,000 matches m is 0.8, 0.1, 0.1 and 0.9, 0, 0.1.
CREATE TABLE counted (random boolean, rule int, pattern bytea, pairs bigint);
INSERT INTO counted
SELECT true, NULL, set_byte(set_byte('\x0000', 0, s.level), 1, a.level), 1000000 * s.u * a.u
FROM (VALUES (0, 0.01), (1, 0.01), (2, 0.98)) AS s (level, u), (VALUES (0, 0.02), (1, 0.03), (2, 0.95)) AS a (level, u);
INSERT INTO counted
SELECT false, 1, set_byte('\x0000', 1, a.level), 1000 * a.m + 50000 * a.u
FROM (VALUES (0, 0.02, 0.9), (1, 0.03, 0.02), (2, 0.95, 0.08)) AS a (level, u, m);
INSERT INTO counted
SELECT false, 2, set_byte('\x0000', 0, s.level), 1000 * s.m + 50000 * s.u
FROM (VALUES (0, 0.01, 0.8), (1, 0.01, 0.1), (2, 0.98, 0.1)) AS s (level, u, m);
CREATE FUNCTION estimated(direction int) RETURNS jsonb LANGUAGE sql AS $$
    SELECT etl._estimate_match(
               model('raw'),
               array_agg(pattern ORDER BY direction * pairs) FILTER (WHERE random),
               array_agg(pairs ORDER BY direction * pairs) FILTER (WHERE random),
               array_agg(pattern ORDER BY direction * pairs) FILTER (WHERE NOT random),
               array_agg(pairs ORDER BY direction * pairs) FILTER (WHERE NOT random),
               array_agg(rule ORDER BY direction * pairs) FILTER (WHERE NOT random),
               '{"1": ["surname"], "2": ["age"]}', 1e7)
    FROM counted
$$;
INSERT INTO models SELECT 'estimated', estimated(1);
SELECT is(estimated(-1), model('estimated'), 'the order of the patterns does not matter');
SELECT is(round((model('estimated') #>> '{comparisons,0,levels,0,u}')::numeric, 3), 0.010, 'u of an exact surname');
SELECT is(round((model('estimated') #>> '{comparisons,1,levels,2,u}')::numeric, 3), 0.950, 'u of another age');
SELECT lives_ok($$SELECT etl._match_weight(model('estimated'), 'a', 'b', NULL, NULL)$$, 'the estimated model weighs');
SELECT is(model('estimated') - '{comparisons,training,probability_two_random_records_match}'::text[],
          model('raw') - 'comparisons'::text, 'the rest of the model stays');
SELECT cmp_ok((SELECT m FROM etl.match_report(model('estimated')) WHERE comparison = 'surname' AND level = 'exact'),
              '>', 0.7::float8, 'm of an exact surname');
SELECT is((SELECT count(*) FROM etl.match_report(model('estimated'))), 7::bigint, 'a row a level, and the prior');
SELECT is((SELECT array_agg(rule || ' ' || blocking || ' ' || pairs || ' ' || excluded::text ORDER BY rule)
           FROM etl.match_rules(model('estimated'))),
          '{"1 surname 51000 {surname}","2 age 51000 {age}"}'::text[], 'the rules');
SELECT is((SELECT count(*) FROM etl.match_thresholds(model('estimated'))
           WHERE pairs > 0 AND "precision" < probability), 0::bigint,
          'pairs above a threshold are matches as often as it says');
SELECT is((SELECT sum(pairs) FROM etl.match_weights(model('estimated'))), 102000::float8, 'each pair has its weight');
SELECT is((SELECT min(iteration) FROM etl.match_training(model('estimated'))), 1, 'the iterations');
SELECT is_empty($$SELECT etl.match_warnings(model('trained') || '{"training": {"warnings": []}}')$$, 'no warnings');
SELECT throws_ok($$SELECT * FROM etl.match_report(model('raw'))$$, '22023', 'the match model is not trained',
                 'no report without a training');
SELECT throws_ok($$SELECT * FROM etl.match_thresholds(model('trained'))$$, '22023',
                 'the match model has no record of its training', 'nor thresholds');
SELECT throws_ok($$SELECT etl._estimate_match(model('raw'), '{NULL}', '{1}', '{}', '{}', '{}', '{}', 10)$$, '22004',
                 'argument 2 must not hold a NULL', 'a pattern that is NULL');
SELECT throws_ok($$SELECT etl._estimate_match(model('raw'), '{}', '{1}', '{}', '{}', '{}', '{}', 10)$$, '22023',
                 'random_patterns and random_counts must be of the same length', 'a count without a pattern');
SELECT throws_ok($$SELECT etl._estimate_match(model('raw'), '{}', '{}', '{}', '{}', '{}', '{}', 'NaN')$$, '22023',
                 'total_pairs must be a number of at least 0', 'no number of pairs');
SELECT lives_ok($$SELECT etl._estimate_match(model('raw'), NULL, NULL, NULL, NULL, NULL, '{}', 0)$$, 'no patterns');
SELECT throws_ok($$SELECT etl._estimate_match(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$, '22004',
                 'argument 1 must not be NULL', 'an estimation of nothing');
SELECT throws_ok($$SELECT etl._estimate_match(model('raw'), '{}', '{}', '{}', '{}', '{}', '{}', NULL)$$, '22004',
                 'argument 8 must not be NULL', 'no total');

SELECT * FROM finish();
ROLLBACK;
