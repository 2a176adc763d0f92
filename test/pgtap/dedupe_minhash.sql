-- etl.minhash and its bands: what SQL sees, and texts against their exact similarity.
BEGIN;
SELECT plan(33);

SELECT is(array_length(etl.minhash('Ada Lovelace'), 1), 128, 'a signature');
SELECT is(etl.minhash('Ada Lovelace', k => 2), ARRAY[1053696543, 787463330], 'a known answer: signatures are stored');
SELECT is(etl.minhash('', 8), '{}'::int[], 'an empty text');
SELECT is(etl.minhash(NULL), NULL, 'NULL');
SELECT is(etl.minhash('ab', 4), array_fill((etl.minhash('ab', 1))[1], ARRAY[4]), 'one shingle fills all places');
SELECT is(etl.minhash(' one  two', unit => 'word', n => 1), etl.minhash('two one', unit => 'word', n => 1),
          'a set of words');
SELECT isnt(etl.minhash('Ada'), etl.minhash('Ada', seed => 2), 'another seed');
SELECT throws_ok($$SELECT etl.minhash('a', k => 0)$$, '22023', 'k must be from 1 to 4096, not 0', 'k');
SELECT throws_ok($$SELECT etl.minhash('a', n => 1001)$$, '22023', 'n must be from 1 to 1000, not 1001', 'n');
SELECT throws_ok($$SELECT etl.minhash('a', unit => 'line')$$, '22023', 'unknown unit "line"', 'unit');

SELECT is(etl.minhash_similarity(etl.minhash('Ada'), etl.minhash('Ada')), 1::float8, 'the same text');
SELECT is(etl.minhash_similarity(etl.minhash('Ada'), etl.minhash('Bob')), 0::float8, 'nothing in common');
SELECT is(etl.minhash_similarity(etl.minhash('Ada'), etl.minhash('')), NULL, 'nothing to compare');
SELECT throws_ok($$SELECT etl.minhash_similarity(etl.minhash('a', 4), etl.minhash('a', 5))$$, '22023',
                 'signatures of 4 and 5 numbers cannot be compared', 'other lengths');
SELECT throws_ok($$SELECT etl.minhash_similarity(ARRAY[[1]], ARRAY[1])$$, '22023',
                 'a signature must be an array of one dimension without NULLs', 'dimensions');
SELECT throws_ok($$SELECT etl.minhash_bands(ARRAY[1, NULL])$$, '22023',
                 'a signature must be an array of one dimension without NULLs', 'NULLs');

SELECT is(etl.minhash_bands('Ada Lovelace'), etl.minhash_bands(etl.minhash('Ada Lovelace')),
          'of a text and a signature');
SELECT is(etl.minhash_bands(''), '{}'::bigint[], 'no bands');
SELECT is(etl.minhash_bands('{}'::int[]), '{}'::bigint[], 'no bands of an empty signature');
SELECT is(array_length(etl.minhash_bands('Ada', 0.5, false_negative_weight => 0.5), 1), 25, 'so many bands');
SELECT results_eq($$SELECT bands, rows, at_threshold::numeric(5, 4) FROM etl.minhash_bands_for(0.5, 128, 0.5)$$,
                  $$VALUES (25, 5, 0.5478)$$, 'the cut of datasketch');
SELECT is(etl.minhash_band_probability(0.5, 25, 5)::numeric(5, 4), 0.5478, 'the curve');
SELECT throws_ok($$SELECT etl.minhash_bands('a', 1)$$, '22023',
                 'threshold must be greater than 0 and less than 1, not 1', 'threshold');
SELECT throws_ok($$SELECT etl.minhash_bands('a', false_negative_weight => 0)$$, '22023',
                 'false_negative_weight must be greater than 0 and less than 1, not 0', 'weight');
SELECT is((SELECT count(*) FROM (VALUES (0.3), (0.6), (0.3)) AS t(t)
           WHERE etl.minhash_bands('Ada', t) = etl.minhash_bands(etl.minhash('Ada'), t)), 3::bigint,
          'a threshold that changes from row to row');

-- 300 sentences, and of each a copy in which some words are others.
SELECT setseed(0.5);
CREATE TABLE sentence AS
    SELECT id, array_agg('w' || (random() * 500)::int ORDER BY word) AS words
    FROM generate_series(1, 300) AS id, generate_series(1, 20) AS word GROUP BY id;
CREATE TABLE texts AS
    SELECT id, array_to_string(words, ' ') AS t FROM sentence
    UNION ALL
    SELECT id + 1000, array_to_string(
        words[:20 - id % 8] || ARRAY(SELECT 'x' || id || w FROM generate_series(1, id % 8) AS w), ' ')
    FROM sentence;
CREATE TABLE shingled AS
    SELECT id, etl.minhash(t, n => 1, unit => 'word') AS signature,
        etl.minhash_bands(t, 0.6, n => 1, unit => 'word') AS bands,
        ARRAY(SELECT DISTINCT unnest(string_to_array(t, ' '))) AS words
    FROM texts;
CREATE TABLE pair AS
    SELECT etl.minhash_similarity(a.signature, b.signature) AS estimate, a.bands && b.bands AS is_candidate,
        (SELECT count(*) FROM (SELECT unnest(a.words) INTERSECT SELECT unnest(b.words)) AS i)::float8
            / (SELECT count(*) FROM (SELECT unnest(a.words) UNION SELECT unnest(b.words)) AS u) AS exact
    FROM shingled AS a JOIN shingled AS b ON b.id = a.id + 1000;
SELECT cmp_ok((SELECT avg(abs(estimate - exact)) FROM pair)::numeric, '<', 0.045, 'estimates are near the similarity');
SELECT cmp_ok((SELECT abs(avg(estimate - exact)) FROM pair)::numeric, '<', 0.01, 'and not to one side');
SELECT cmp_ok((SELECT abs(avg(is_candidate::int - p)) FROM pair, etl.minhash_bands_for(0.6) AS f,
                   etl.minhash_band_probability(exact, f.bands, f.rows) AS p)::numeric, '<', 0.04,
              'pairs share a band as often as the curve says');
SELECT cmp_ok((SELECT avg(is_candidate::int) FROM pair WHERE exact >= 0.6), '>=', 0.95, 'most above the threshold do');
SELECT cmp_ok((SELECT count(*) FROM shingled AS a JOIN shingled AS b
                   ON a.bands && b.bands AND a.id % 1000 < b.id % 1000),
              '<', 200::bigint, 'few of 180,000 strangers do');
SELECT throws_ok($$SELECT etl.minhash_bands('a', 0, 0, false_negative_weight => 0)$$, '22023',
                 'threshold must be greater than 0 and less than 1, not 0', 'arguments that are all 0 are none');
SELECT throws_ok('SELECT etl.minhash_band_probability(2, 1, 1)', '22023', NULL, 'a similarity above 1');
SELECT throws_ok($$SELECT etl.minhash_band_probability('NaN', 1, 1)$$, '22023', NULL, 'a similarity that is no number');

SELECT * FROM finish();
ROLLBACK;
