-- How alike two values are: known answers, laws, cutoffs, refusals, and the textbook's matrix on random texts.
BEGIN;
SELECT plan(93);

CREATE FUNCTION near(found float8, expected float8, what text) RETURNS text LANGUAGE sql AS
    $$SELECT ok(abs(found - expected) < 0.0006,
                format('%s: %s, published as %s', what, round(found::numeric, 4), expected))$$;

-- Names: W. E. Winkler, "Overview of record linkage and current research directions", 2006, table 6.
SELECT near(etl.jaro(a, b), jaro, format('jaro(%s, %s)', a, b)) FROM (VALUES
    ('SHACKLEFORD', 'SHACKELFORD', 0.970), ('DUNNINGHAM', 'CUNNIGHAM', 0.896), ('NICHLESON', 'NICHULSON', 0.926),
    ('JONES', 'JOHNSON', 0.790), ('MASSEY', 'MASSIE', 0.889), ('ABROMS', 'ABRAMS', 0.889), ('MARHTA', 'MARTHA', 0.944),
    ('MICHELLE', 'MICHAEL', 0.869), ('JULIES', 'JULIUS', 0.889), ('DWAYNE', 'DUANE', 0.822), ('SEAN', 'SUSAN', 0.783),
    ('JON', 'JOHN', 0.917), ('DIXON', 'DICKSONX', 0.767)) AS v(a, b, jaro);
SELECT near(etl.jaro_winkler(a, b), winkler, format('jaro_winkler(%s, %s)', a, b)) FROM (VALUES
    ('SHACKLEFORD', 'SHACKELFORD', 0.982), ('DUNNINGHAM', 'CUNNIGHAM', 0.896), ('NICHLESON', 'NICHULSON', 0.956),
    ('JONES', 'JOHNSON', 0.832), ('MASSEY', 'MASSIE', 0.933), ('ABROMS', 'ABRAMS', 0.922), ('MARHTA', 'MARTHA', 0.961),
    ('MICHELLE', 'MICHAEL', 0.921), ('JULIES', 'JULIUS', 0.933), ('DWAYNE', 'DUANE', 0.840), ('SEAN', 'SUSAN', 0.805),
    ('JON', 'JOHN', 0.933), ('DIXON', 'DICKSONX', 0.813)) AS v(a, b, winkler);
SELECT is(etl.jaro_winkler('abcvwxyz', 'abcdefgh'), etl.jaro('abcvwxyz', 'abcdefgh'),
          'a common beginning raises nothing that is not above 0.7');
SELECT is(etl.jaro_winkler('', ''), 1::float8, 'two empty texts are alike');
SELECT is(etl.jaro_winkler('', 'a'), 0::float8, 'an empty text and another one are not');
SELECT is(etl.jaro_winkler('MARTHA', 'MARHTA', 0.97), 0::float8, 'below the cutoff is 0');
SELECT is(etl.jaro_winkler('MARTHA', 'MARHTA', cutoff => 0.96), etl.jaro_winkler('MARTHA', 'MARHTA'),
          'above the cutoff is what it is');
SELECT near(etl.jaro('Jürgen', 'Jurgen'), 0.889, 'characters, not bytes');

-- Edits.
SELECT is(etl.levenshtein('kitten', 'sitting'), 3, 'levenshtein');
SELECT is(etl.levenshtein('kitten', 'sitting', 3), 3, 'levenshtein, at most as far');
SELECT is(etl.levenshtein('kitten', 'sitting', 1), 2, 'levenshtein, at most 1: answered as 2');
SELECT is(etl.levenshtein('Müller', 'Muller'), 1, 'levenshtein counts characters');
SELECT is(etl.levenshtein('', 'abc'), 3, 'levenshtein of an empty text');
SELECT is(etl.osa_distance('ca', 'abc'), 3, 'osa_distance edits nothing twice');
SELECT is(etl.osa_distance('ca', 'abc', 1), 2, 'osa_distance, at most 1');
SELECT is(etl.damerau_levenshtein('ca', 'abc'), 2, 'damerau_levenshtein may');
SELECT is(etl.damerau_levenshtein('ca', 'abc', 0), 1, 'damerau_levenshtein, at most 0');
SELECT is(etl.damerau_levenshtein('smtih', 'smith'), 1, 'a swap is one edit');
SELECT is(etl.levenshtein_similarity('kitten', 'sitting'), 1 - 3 / 7::float8, 'levenshtein_similarity');
SELECT is(etl.osa_similarity('smtih', 'smith'), 1 - 1 / 5::float8, 'osa_similarity');
SELECT is(etl.damerau_levenshtein_similarity('ca', 'abc'), 1 - 2 / 3::float8, 'damerau_levenshtein_similarity');
SELECT is(etl.damerau_levenshtein_similarity('ca', 'abc', 0.5), 0::float8, 'damerau_levenshtein_similarity cut');
SELECT is(etl.levenshtein_similarity('', ''), 1::float8, 'levenshtein_similarity of nothing');
SELECT is(etl.longest_common_subsequence('AGGTAB', 'GXTXAYB'), 4, 'longest_common_subsequence');
SELECT is(etl.longest_common_subsequence_similarity('AGGTAB', 'GXTXAYB'), 8 / 13::float8,
          'longest_common_subsequence_similarity');

-- Sets and tokens.
SELECT is(etl.jaccard('night', 'nacht'), 1 / 7::float8, 'jaccard of pairs of characters');
SELECT is(etl.jaccard('night', 'nacht', 1), 3 / 7::float8, 'jaccard of characters');
SELECT is(etl.jaccard('night', 'nacht', cutoff => 0.5), 0::float8, 'jaccard cut');
SELECT is(etl.overlap('night', 'nightmare', 3), 1::float8, 'overlap: one in the other');
SELECT is(etl.cosine('a b', 'b c'), 0.5::float8, 'cosine');
SELECT is(etl.cosine('12 Main  Street', 'Street Main 12'), 1::float8, 'cosine knows no order');
SELECT is(etl.monge_elkan('peter christen', 'christen peter'), 1::float8, 'monge_elkan knows no order');
SELECT is(etl.monge_elkan('peter', 'peter christen', both_ways => false), 1::float8, 'monge_elkan of a in b');
SELECT is(etl.monge_elkan('peter christen', 'peter', both_ways => false),
          (1 + etl.jaro_winkler('christen', 'peter')) / 2, 'monge_elkan of b in a');
SELECT is(etl.monge_elkan('peter', 'peter christen'), (1 + (1 + etl.jaro_winkler('christen', 'peter')) / 2) / 2,
          'monge_elkan is the mean of both');

-- Numbers and dates.
SELECT is(etl.numeric_similarity(5, 10, 10), 0.5::float8, 'numeric_similarity');
SELECT is(etl.numeric_similarity(5, 50, 10), 0::float8, 'numeric_similarity beyond the scale');
SELECT is(etl.numeric_similarity('NaN', 'NaN', 10), 1::float8, 'numeric_similarity of NaN with itself');
SELECT is(etl.numeric_similarity('-Infinity', 'Infinity', 10), 0::float8, 'numeric_similarity of the infinities');
SELECT is(etl.date_similarity('2025-02-25', '2025-03-04', 28), 0.75::float8, 'date_similarity');
SELECT is(etl.date_similarity('infinity', 'infinity', 1), 1::float8, 'date_similarity of infinity with itself');
SELECT is(etl.date_similarity('5874897-12-31', 'infinity', 2147483647), 0::float8, 'date_similarity to infinity');
SELECT is(etl.date_similarity('4713-01-01 BC', '5874897-12-31', 2147483647) > 0, true, 'date_similarity of the ends');

-- What is refused.
SELECT throws_ok(format('SELECT %s', call), '22023', message, call) FROM (VALUES
    ($$etl.jaro('a', 'b', -0.1)$$, 'cutoff must be from 0 to 1, not -0.1'),
    ($$etl.jaro_winkler('a', 'b', 'NaN')$$, 'cutoff must be from 0 to 1, not NaN'),
    ($$etl.levenshtein_similarity('a', 'b', 1.5)$$, 'cutoff must be from 0 to 1, not 1.5'),
    ($$etl.monge_elkan('a', 'b', 'Infinity')$$, 'cutoff must be from 0 to 1, not Infinity'),
    ($$etl.levenshtein('a', 'b', -1)$$, 'at_most must not be negative, not -1'),
    ($$etl.osa_distance('a', 'b', -2147483648)$$, 'at_most must not be negative, not -2147483648'),
    ($$etl.damerau_levenshtein('a', 'b', -1)$$, 'at_most must not be negative, not -1'),
    ($$etl.jaccard('a', 'b', 0)$$, 'n must be at least 1, not 0'),
    ($$etl.overlap('a', 'b', -5)$$, 'n must be at least 1, not -5'),
    ($$etl.numeric_similarity(1, 2, 0)$$, 'scale must be finite and above 0, not 0'),
    ($$etl.numeric_similarity(1, 2, 'NaN')$$, 'scale must be finite and above 0, not NaN'),
    ($$etl.date_similarity('2025-01-01', '2025-01-01', -7)$$, 'scale must be finite and above 0, not -7')
) AS v(call, message);
SELECT throws_ok($$SELECT etl.levenshtein(repeat('a', 1048577), 'b')$$, '54000',
                 'a text of 1048577 bytes is too long to compare', 'a text that is too long');
CREATE TABLE stored (t text);
INSERT INTO stored VALUES (repeat('a', 2000000)), (repeat('ab', 500000));
SELECT throws_ok($$SELECT etl.jaro(t, 'b') FROM stored$$, '54000', 'a text of 2000000 bytes is too long to compare',
                 'a stored text that is too long is refused before it is fetched');
SELECT is((SELECT etl.levenshtein(t, 'b' || t, 3) FROM stored WHERE length(t) = 1000000), 1,
          'a stored, compressed text');

-- Long work can be cancelled.
CREATE FUNCTION outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE call;
    RETURN 'done';
EXCEPTION
    WHEN query_canceled THEN RETURN 'cancelled';
END
$$;
SET LOCAL statement_timeout = '300ms';
SELECT is(outcome($$SELECT etl.damerau_levenshtein(repeat('ab', 400000), repeat('cde', 300000))$$), 'cancelled',
          'damerau_levenshtein of long texts is cancelled');
SET LOCAL statement_timeout = '301ms';
SELECT is(outcome($$SELECT etl.levenshtein(repeat('ab', 400000), repeat('cde', 300000))$$), 'cancelled',
          'levenshtein of long texts is cancelled');
SET LOCAL statement_timeout = 0;

-- NULL in, NULL out: STRICT, immutable and parallel safe, every one.
SELECT is((SELECT count(*) FROM pg_proc
           WHERE pronamespace = 'etl'::regnamespace AND provolatile = 'i' AND proisstrict AND proparallel = 's'
             AND (proname IN ('jaro', 'jaro_winkler', 'levenshtein', 'osa_distance', 'damerau_levenshtein',
                              'longest_common_subsequence', 'jaccard', 'overlap', 'cosine', 'monge_elkan')
                  OR proname ~ '_similarity$' AND proname NOT LIKE 'minhash%')), 19::bigint,
          'all of them are IMMUTABLE STRICT PARALLEL SAFE');
SELECT is(etl.jaro_winkler(NULL, 'a'), NULL::float8, 'NULL in, NULL out');
SELECT is(etl.levenshtein('a', 'a', NULL), NULL::int, 'a NULL limit too');

-- The textbook's matrix, in SQL, on random texts.
CREATE FUNCTION by_matrix(a text, b text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    above int[] := ARRAY(SELECT generate_series(0, length(b)));
    current int[];
BEGIN
    FOR i IN 1 .. length(a) LOOP
        current := ARRAY[i];
        FOR j IN 1 .. length(b) LOOP
            current := current || least(current[j] + 1, above[j + 1] + 1,
                                        above[j] + CASE WHEN substr(a, i, 1) = substr(b, j, 1) THEN 0 ELSE 1 END);
        END LOOP;
        above := current;
    END LOOP;
    RETURN above[length(b) + 1];
END
$$;
SELECT setseed(0.42);
CREATE TABLE pair AS
SELECT i, (SELECT coalesce(string_agg(substr('abcdé日😀', 1 + floor(random() * 7)::int, 1), ''), '')
           FROM generate_series(1, (random() * 9 + i * 0)::int)) AS a,
       (SELECT coalesce(string_agg(substr('abcdé日😀', 1 + floor(random() * 7)::int, 1), ''), '')
        FROM generate_series(1, (random() * 9 + i * 0)::int)) AS b
FROM generate_series(1, 2000) AS i;
SELECT ok((SELECT count(DISTINCT (a, b)) > 1500 FROM pair), 'the texts differ');
SELECT is_empty($$SELECT * FROM pair WHERE etl.levenshtein(a, b) <> by_matrix(a, b)$$, 'levenshtein is the matrix');
SELECT is_empty($$SELECT a, b, at_most FROM pair, generate_series(0, 9) AS at_most
                  WHERE etl.levenshtein(a, b, at_most) <> least(by_matrix(a, b), at_most + 1)
                     OR etl.osa_distance(a, b, at_most) <> least(etl.osa_distance(a, b), at_most + 1)
                     OR etl.damerau_levenshtein(a, b, at_most) <> least(etl.damerau_levenshtein(a, b), at_most + 1)$$,
                'limits agree with the whole distance');
SELECT is_empty($$SELECT a, b, cutoff FROM pair, unnest('{0.1,0.5,0.7,0.75,0.9,1}'::float8[]) AS cutoff,
                         LATERAL (VALUES (etl.jaro(a, b), etl.jaro(a, b, cutoff)),
                                         (etl.jaro_winkler(a, b), etl.jaro_winkler(a, b, cutoff)),
                                         (etl.levenshtein_similarity(a, b), etl.levenshtein_similarity(a, b, cutoff)),
                                         (etl.jaccard(a, b), etl.jaccard(a, b, 2, cutoff)),
                                         (etl.monge_elkan(a, b), etl.monge_elkan(a, b, cutoff))) AS s(whole, cut)
                  WHERE cut <> CASE WHEN whole < cutoff THEN 0 ELSE whole END$$,
                'cutoffs agree with the whole similarity');
SELECT is_empty($$SELECT a, b FROM pair
                  WHERE etl.jaro_winkler(a, b) <> etl.jaro_winkler(b, a) OR etl.jaro_winkler(a, a) <> 1
                     OR etl.jaro_winkler(a, b) NOT BETWEEN 0 AND 1 OR etl.overlap(a, b) <> etl.overlap(b, a)
                     OR etl.damerau_levenshtein(a, b) <> etl.damerau_levenshtein(b, a)
                     OR etl.cosine(a, b) <> etl.cosine(b, a)$$, 'symmetry, identity, range');
SELECT is_empty($$SELECT p.a, p.b, q.a FROM pair AS p JOIN pair AS q ON q.i = p.i % 2000 + 1
                  WHERE etl.levenshtein(p.a, p.b) > etl.levenshtein(p.a, q.a) + etl.levenshtein(q.a, p.b)
                     OR etl.damerau_levenshtein(p.a, p.b)
                        > etl.damerau_levenshtein(p.a, q.a) + etl.damerau_levenshtein(q.a, p.b)$$,
                'the triangle inequality of both metrics');

SELECT * FROM finish();
ROLLBACK;
