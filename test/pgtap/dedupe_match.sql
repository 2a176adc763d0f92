-- etl.match_spec, etl.train_match, etl.match: the same pairs in memory and by joins, and the right ones.
BEGIN;
SELECT plan(83);
SET client_min_messages = warning;

-- People, of whom some are there again with an error or two: a letter, a digit, a value that is missing, two that have
-- changed places.
CREATE FUNCTION draw(n int, part int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8extended(n, part) & 1073741823) / 1073741824.0
$$;
CREATE FUNCTION name_of(n int, part int, many int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT translate(substr(md5((part * 100000 + floor(many * draw(n, part) ^ 2))::text), 1, 6), '0123456789',
                     'aeioulmnrt')
$$;
CREATE TABLE original AS
    SELECT n AS person, name_of(n, 1, 150) AS given_name, name_of(n, 2, 400) AS surname,
        (date '1930-01-01' + (draw(n, 3) * 25000)::int)::text AS date_of_birth,
        name_of(n, 4, 300) || ' street' AS address, (1 + draw(n, 5) * 90)::int::text AS street_number,
        name_of(n, 6, 60) AS city, lpad((draw(n, 7) * 300)::int::text, 4, '2') AS postcode
    FROM generate_series(1, 900) AS n;
CREATE FUNCTION broken(given text, n int, part int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE floor(draw(n, part + 20) * 12)
        WHEN 0 THEN NULL
        WHEN 1 THEN overlay(given PLACING '' FROM 2 FOR 1)
        WHEN 2 THEN overlay(given PLACING reverse(substr(given, 3, 2)) FROM 3 FOR 2)
        WHEN 3 THEN overlay(given PLACING '7' FROM 4 FOR 1)
        ELSE given
    END
$$;
CREATE TABLE person AS
    SELECT row_number() OVER (ORDER BY hashint8(person * 2 + copy))::int AS id, * FROM (
        SELECT 0 AS copy, * FROM original
        UNION ALL
        SELECT 1, person, broken(given_name, person, 1), broken(surname, person, 2), broken(date_of_birth, person, 3),
            broken(address, person, 4), broken(street_number, person, 5), broken(city, person, 6),
            broken(postcode, person, 7)
        FROM original WHERE person % 3 = 0
    ) AS both_copies;
ALTER TABLE person ADD PRIMARY KEY (id);
CREATE TABLE model AS SELECT etl.train_match('person') AS model;

-- Quality ------------------------------------------------------------------------------------------------------------

CREATE TABLE pair AS SELECT * FROM etl.match('person', (SELECT model FROM model));
CREATE TABLE truth AS SELECT a.id AS a, b.id AS b FROM person AS a JOIN person AS b USING (person) WHERE a.id < b.id;
SELECT cmp_ok((SELECT count(*) FROM pair WHERE (id_a::int, id_b::int) NOT IN (SELECT a, b FROM truth)),
              '<=', 3::bigint, 'hardly a pair is wrong');
SELECT cmp_ok((SELECT count(*) FROM pair JOIN truth AS t ON (t.a, t.b) = (id_a::int, id_b::int)), '>=', 280::bigint,
              'and of 300 that are right more than 280 are found');
SELECT is((SELECT count(*) FROM pair WHERE id_a::int >= id_b::int), 0::bigint, 'the smaller id comes first');
SELECT is((SELECT count(*) FROM pair), (SELECT count(DISTINCT (id_a, id_b)) FROM pair), 'each pair once');
SELECT is((SELECT count(*) FROM pair WHERE abs(probability - 1 / (1 + 2 ^ -match_weight)) > 1e-12 OR probability < 0.9),
          0::bigint, 'the probability is that of the weight, and reaches the threshold');
SELECT is((SELECT count(*) FROM pair WHERE explanation ->> 'match_weight' IS DISTINCT FROM match_weight::text
               AND (explanation ->> 'match_weight')::float8 <> match_weight), 0::bigint, 'and so is the explanation');
SELECT is((SELECT count(*) FROM pair AS p
           WHERE abs(match_weight - (explanation ->> 'prior_weight')::float8 -
                     (SELECT sum((c ->> 'weight')::float8 + coalesce((c ->> 'term_frequency_weight')::float8, 0))
                      FROM jsonb_array_elements(explanation -> 'comparisons') AS c)) > 1e-9),
          0::bigint, 'whose parts make up the weight');

-- In memory and by joins ---------------------------------------------------------------------------------------------

CREATE FUNCTION matched(target regclass, spec jsonb, link_to regclass DEFAULT NULL)
RETURNS TABLE(id_a text, id_b text, w float8, e jsonb) LANGUAGE sql AS $$
    SELECT id_a, id_b, match_weight, explanation
    FROM etl.match(target, (SELECT model FROM model) || spec, 0.0001, link_to)
$$;
CREATE FUNCTION both_ways(target regclass, spec jsonb, link_to regclass DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    differing bigint;
    found bigint;
BEGIN
    CREATE TEMPORARY TABLE in_memory AS SELECT * FROM matched(target, spec, link_to);
    SET LOCAL pg_etl.match_memory = 0;
    CREATE TEMPORARY TABLE joined AS SELECT * FROM matched(target, spec, link_to);
    RESET pg_etl.match_memory;
    SELECT count(*) INTO differing FROM (
        (TABLE in_memory EXCEPT ALL TABLE joined) UNION ALL (TABLE joined EXCEPT ALL TABLE in_memory)) AS d;
    SELECT count(*) INTO found FROM joined;
    DROP TABLE in_memory, joined;
    RETURN CASE WHEN differing = 0 AND found > 20 THEN 'the same' ELSE format('%s of %s differ', differing, found) END;
END
$$;
CREATE TABLE other AS SELECT id + 5000 AS id, given_name, surname, date_of_birth, address, street_number, city, postcode
    FROM person WHERE copy = 1 OR id % 5 = 0;
CREATE TABLE rules (number serial, rules jsonb);
INSERT INTO rules (rules) VALUES
    ('{}'), ('{"blocking": [{"equal": ["surname"]}, {"equal": ["date_of_birth"]}]}'),
    ('{"blocking": ["left(surname, 2), left(given_name, 2)", {"equal": ["postcode"]}]}'),
    ('{"blocking": ["ARRAY[surname, given_name, city]", {"equal": ["date_of_birth"]}]}'),
    ('{"blocking": [{"sort_by": "surname, given_name", "window": 4}, "ARRAY[surname, given_name]"]}'),
    ('{"blocking": [{"equal": ["city"]}, {"sort_by": "date_of_birth", "window": 3}]}'),
    ('{"blocking": [{"equal": ["city"]}, {"equal": ["surname"]}], "max_block": 12}'),
    ('{"blocking": ["ARRAY[city, surname]", {"equal": ["date_of_birth"]}], "max_block": 12}');
SET client_min_messages = error; -- of blocks that are cut
SELECT is(both_ways('person', rules), 'the same', 'in memory and by joins: ' || rules::text) FROM rules ORDER BY number;
SELECT is(both_ways('person', rules, 'other'), 'the same', 'linked, in memory and by joins: ' || rules::text)
FROM rules ORDER BY number;

CREATE FUNCTION some_pairs() RETURNS TABLE(a text, b text, w float8) LANGUAGE sql AS $$
    SELECT id_a, id_b, match_weight
    FROM etl._match_pairs('person', (SELECT model FROM model), 0.5, 'id % 7 = 0', 'id % 2 = 0 OR id % 7 = 0')
$$;
CREATE TABLE chosen AS SELECT * FROM some_pairs();
SET pg_etl.match_memory = 0;
SELECT set_eq('SELECT * FROM some_pairs()', 'SELECT * FROM chosen', 'with conditions for both sides, too');
RESET pg_etl.match_memory;
SELECT set_eq('SELECT least(a::int, b::int), greatest(a::int, b::int) FROM chosen',
    $$SELECT id_a::int, id_b::int FROM etl.match('person', (SELECT model FROM model), 0.5)
      WHERE id_a::int % 7 = 0 AND (id_b::int % 2 = 0 OR id_b::int % 7 = 0)
         OR id_b::int % 7 = 0 AND (id_a::int % 2 = 0 OR id_a::int % 7 = 0)$$,
    'and these are the pairs that satisfy them one way or the other');
SELECT is((SELECT count(*) FROM chosen),
          (SELECT count(DISTINCT (least(a::int, b::int), greatest(a::int, b::int))) FROM chosen),
          'each once');

-- Training -----------------------------------------------------------------------------------------------------------

SELECT ok(etl.train_match('person') = (SELECT model FROM model), 'the same rows and seed make the same model');
SET pg_etl.match_memory = 0;
SELECT ok(etl.train_match('person') = (SELECT model FROM model), 'by joins as well');
SET max_parallel_workers_per_gather = 0;
SELECT ok(etl.train_match('person') = (SELECT model FROM model), 'and without workers');
SET max_parallel_workers_per_gather = 4;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT ok(etl.train_match('person') = (SELECT model FROM model), 'and with four');
SELECT ok(etl.train_match('person', sample_pairs => 1000) = etl.train_match('person', sample_pairs => 1000),
          'and from a sample');
CREATE TABLE sampled AS SELECT etl.train_match('person', sample_pairs => 1000) AS model;
RESET pg_etl.match_memory;
SELECT ok(etl.train_match('person', sample_pairs => 1000) = (SELECT model FROM sampled),
          'which is the same one in memory');
RESET max_parallel_workers_per_gather;
SELECT ok(etl.train_match('person', seed => 2, sample_pairs => 1000) <> (SELECT model FROM sampled),
          'another seed looks at other pairs');
SELECT ok(etl.train_match('person', (SELECT model FROM model)) = (SELECT model FROM model),
          'a model that is trained again is the same');
SELECT cmp_ok((SELECT count(*) FROM etl.match('other') AS m
               WHERE (id_a::int - 5000, id_b::int - 5000) NOT IN (SELECT a, b FROM truth)), '<=', 3::bigint,
              'without a model one is trained');
SELECT cmp_ok((SELECT count(*) FROM etl.match('person', link_to => 'other') WHERE id_a::int = id_b::int - 5000), '>=',
              (SELECT count(*) * 98 / 100 FROM other), 'and two tables are linked without one, too');

-- Specifications -----------------------------------------------------------------------------------------------------

SELECT is(etl.match_spec('person') ->> 'id', 'id', 'the primary key identifies rows');
SELECT is((SELECT array_agg(c ->> 'name' ORDER BY c ->> 'name')
           FROM jsonb_array_elements(etl.match_spec('person') -> 'comparisons') AS c),
          '{address,city,date_of_birth,given_name,postcode,street_number,surname}'::text[],
          'columns that tell who a row is are compared');
SELECT is(etl.match_spec('person', etl.match_spec('person') - 'version'), etl.match_spec('person'),
          'a full specification stays as it is');
SELECT is(etl.match_spec('person', '{"comparisons": [{"column": "city", "kind": "name"}]}') #>> '{comparisons,0,value}',
          'etl.normalize_name(city::text)', 'a kind says how a column is compared');

-- Bad input ----------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT etl.train_match('person', '{"comparisons": [{"column": "sirname"}]}')$$, '42703', NULL,
                 'an unknown column');
SELECT throws_ok($$SELECT etl.train_match('person', '{"comparisons": [{"column": "city", "kind": "town"}]}')$$, '22023',
                 'unknown kind "town" of a comparison', 'an unknown kind');
SELECT throws_ok($$SELECT etl.train_match('person', '{"comparisons": []}')$$, '22023', NULL, 'nothing to compare');
SELECT throws_ok($$SELECT etl.train_match('person', '[]')$$, '22023', NULL, 'no object');
SELECT throws_ok($$SELECT * FROM etl.match('person', (SELECT model FROM model), 1.5)$$, '22023',
                 'threshold must be a probability from 0 to 1, not 1.5', 'a threshold above 1');
SELECT throws_ok($$SELECT * FROM etl.match('person', (SELECT model FROM model), NULL)$$, '22023', NULL, 'no threshold');
SELECT throws_ok($$SELECT * FROM etl.match('truth', (SELECT model FROM model))$$, '42703', NULL,
                 'a model whose columns the table lacks');
SELECT throws_ok($$SELECT * FROM etl.match('person', etl.match_spec('person'))$$, '22023', NULL,
                 'a model that is not trained');
SELECT throws_ok($$SELECT etl.train_match('person', sample_pairs => 10)$$, '22023', NULL, 'too small a sample');
SELECT throws_ok($$SELECT * FROM etl._match_loaded(4711, '{}', 0, false)$$, '22023',
                 'no rows are loaded as number 4711', 'rows that are not loaded');

SELECT throws_ok($$SELECT etl.match_spec('person', '{"blocking": [1]}')$$, '22023', NULL, 'a rule that is none');
SELECT throws_ok($$SELECT etl.match_spec('person', '{"comparisons": [{"column": "city", "levels": []}]}')$$,
                 '22023', NULL, 'a comparison without levels');
SELECT throws_ok($$SELECT etl.match_spec('person', '{"comparisons": [{"column": "city"}, {"column": "city"}]}')$$,
                 '22023', NULL, 'two comparisons of one name');
SELECT throws_ok($$SELECT etl.match_spec('person', '{"blocking": ["random()::text"]}')$$, '22023',
                 'blocking rule 1 has a volatile function', 'a key that is another each time');
SELECT throws_ok($$SELECT etl.match_spec('person', '{"blocking": [" "]}')$$, '22023',
                 'blocking rule 1 has no expression', 'a key of nothing');
SELECT throws_ok(format($$SELECT etl.match_spec('person', '{"max_block": %s}')$$, m), '22023', NULL, 'max_block ' || m)
FROM unnest('{0,"\"5\"",1e30,2.5}'::text[]) AS m;
SELECT throws_ok($$SELECT * FROM etl.match('person', '{"version": 2}')$$, '22023',
                 'a match model of version 2 is not known', 'a model of another version');

-- What the session has set changes nothing.
CREATE TABLE dated AS SELECT id, date_of_birth::date AS birthday, surname, city FROM person
    WHERE date_of_birth ~ '^(19[0-9]{2}|200[0-9])-0[1-9]-(0[1-9]|1[0-9]|2[0-8])$';
CREATE TABLE dated_model AS SELECT etl.train_match('dated') AS model;
CREATE TABLE dated_text AS
    SELECT (id + 9000)::text AS id, birthday::timestamp::text AS birthday, surname, city FROM dated;
SELECT cmp_ok((SELECT count(*) FROM etl.match('dated', (SELECT model FROM dated_model), 0.5, 'dated_text')
               WHERE id_b::int = id_a::int + 9000), '>=', (SELECT count(*) * 9 / 10 FROM dated),
              'dates are compared with texts of timestamps, and numbers with texts as ids');
CREATE TABLE dated_pair AS SELECT * FROM etl.match('dated', (SELECT model FROM dated_model), 0.01, 'dated_text');
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Tokyo';
SELECT ok(etl.train_match('dated') = (SELECT model FROM dated_model), 'another DateStyle, the same model');
SELECT set_eq($$SELECT * FROM etl.match('dated', (SELECT model FROM dated_model), 0.01, 'dated_text')$$,
              'SELECT * FROM dated_pair', 'and the same pairs');
RESET datestyle;
RESET timezone;
SELECT is((SELECT array_agg(etl._guess_match_kind(c::name, 'text'::regtype) ORDER BY n)
           FROM unnest('{prénom,nom,date_naissance,téléphone,adresse,code_postal,ville,Vorname,Nachname,Geburtsdatum,
                         Telefon,Strasse,PLZ,Ort,apellido,fecha_nacimiento}'::text[]) WITH ORDINALITY AS x (c, n)),
          '{name,name,date,phone,address,postcode,place,name,name,date,phone,address,postcode,place,name,date}'::text[],
          'names of columns in French, German and Spanish');

-- A text that both copies have is no rarer for being that of a match.
CREATE TABLE mailed AS SELECT id, 'u' || person || '@example.org' AS email, surname FROM person;
SELECT cmp_ok((SELECT min((c ->> 'weight')::float8 + (c ->> 'term_frequency_weight')::float8)
               FROM etl.match('mailed', threshold => 0) AS m, jsonb_array_elements(m.explanation -> 'comparisons') AS c
               WHERE c ->> 'name' = 'email' AND c ->> 'level' = 'exact'), '>',
              (SELECT weight::float8 - 2 FROM etl.match_report(etl.train_match('mailed'))
               WHERE level = 'exact' AND comparison = 'email'),
              'the frequency of a value is held against that of all');

-- What an ordinary role may call must not trust its arguments.
CREATE FUNCTION loaded(query text, types text[] DEFAULT '{text}', windows bigint[] DEFAULT '{}') RETURNS bigint
LANGUAGE sql AS $$ SELECT handle FROM etl._load_rows(query, types, windows, false, 10, 5000) $$;
SELECT throws_ok(format('SELECT loaded(%L, %L, %L)', q, t, w), state, NULL, 'rows of another shape: ' || q)
FROM (VALUES
    ('SELECT 0, 1.5::float8, true, true, ''x''::text', '{text}', '{}', '42804'),
    ('SELECT 0, 1, true, true, 12345', '{text}', '{}', '42804'),
    ('SELECT 0, 1, true, true, 12345', '{number}', '{}', '42804'),
    ('SELECT 0, NULL::text, true, true, ''x''::text', '{text}', '{}', '22004'),
    ('SELECT 0, 1, NULL::bool, true, ''x''::text', '{text}', '{}', '22004'),
    ('SELECT 0, 1, true, true, ''x''::text, NULL::uuid, NULL::uuid', '{text}', '{0}', '42804'),
    ('SELECT 0, 1, true, true, ''x''::text, NULL::uuid', '{text}', '{5}', '42804'),
    ('SELECT 0, 1, true, true, ''x''::text, ARRAY[NULL::uuid]', '{text}', '{0}', '22004'),
    ('SELECT 0, 1, true, true, ''x''::text, 2000000000::bigint', '{text}', '{5}', '22023'),
    ('SELECT 0, 1, true, true, ''x''::text, -1::bigint', '{text}', '{5}', '22023'),
    ('SELECT 0, 1', '{text}', '{}', '42804'),
    ('SELECT 0, 1, true, true, ''x''::text, etl._match_loaded(1, ''{}'', 0, false)::text', '{text}', '{}', '42804')
) AS v (q, t, w, state);
SELECT throws_ok(format('SELECT * FROM etl._match_loaded(%s, %L, 0, false)',
                        loaded('SELECT 0, 1, true, true, ''x''::text'), (SELECT model FROM model)), '22023',
                 'the match model does not compare what is loaded', 'a model of other comparisons');
SELECT throws_ok(format('SELECT * FROM etl._loaded_patterns(%s, %L, ''{1}'', 10, 1)',
                        loaded('SELECT 0, 1, true, true, ''x''::text'), (SELECT model FROM model)), '22023', NULL,
                 'a rule that there is not');
SELECT throws_ok($$SELECT etl._is_sampled('x'::text, 1, 1)$$, '42804', NULL, 'a block of another kind');

-- Few rows -----------------------------------------------------------------------------------------------------------

CREATE TABLE few (id int PRIMARY KEY, surname text, city text);
SELECT is_empty($$SELECT * FROM etl.match('few')$$, 'an empty table has no pairs');
INSERT INTO few VALUES (1, 'smith', 'york');
SELECT is_empty($$SELECT * FROM etl.match('few')$$, 'one row has none');
INSERT INTO few SELECT n, NULL, NULL FROM generate_series(2, 50) AS n;
SELECT is_empty($$SELECT * FROM etl.match('few')$$, 'rows without values have none');

SELECT * FROM finish();
ROLLBACK;
