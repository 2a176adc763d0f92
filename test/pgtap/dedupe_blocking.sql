-- etl.candidate_pairs and etl.blocking_report: every pair of every rule, each once, against joins written by hand.
BEGIN;
SELECT plan(46);
SET client_min_messages = error; -- blocks that are cut are warned of

CREATE TABLE person (id int PRIMARY KEY, surname text, city text, born date, tags text[]);
INSERT INTO person
SELECT n, nullif('name' || (n * 7919) % 60, 'name7'), nullif('city' || (n * 104729) % 40, 'city3'),
    date '1970-01-01' + (n * 31) % 90, ARRAY['t' || (n * 13) % 80, 't' || (n * 17) % 90, NULL]
FROM generate_series(1, 400) AS n;
INSERT INTO person VALUES (500, '', '', NULL, '{}'), (501, '', '', NULL, NULL);

CREATE TABLE other AS
SELECT n + 100 AS id, 'name' || (n * 31) % 70 AS surname, 'city' || (n * 37) % 40 AS city,
    date '1970-01-01' + (n * 11) % 90 AS born, ARRAY['t' || (n * 3) % 80] AS tags
FROM generate_series(1, 300) AS n;

-- One rule of a kind ------------------------------------------------------------------------------------------------

SELECT set_eq(
    $$SELECT id_a::int, id_b::int, rule FROM etl.candidate_pairs('person', '{"blocking": ["surname"]}')$$,
    $$SELECT a.id, b.id AS b, 1 FROM person AS a JOIN person AS b ON a.surname = b.surname AND a.surname <> ''
      AND a.id < b.id$$, 'a column: equal, and neither NULL nor empty');
SELECT set_eq(
    $$SELECT id_a::int, id_b::int, rule
      FROM etl.candidate_pairs('person', '{"blocking": ["left(surname, 5), city"]}')$$,
    $$SELECT a.id, b.id AS b, 1 FROM person AS a JOIN person AS b ON left(a.surname, 5) = left(b.surname, 5)
      AND a.city = b.city AND a.surname <> '' AND a.city <> '' AND a.id < b.id$$,
    'several expressions: all of them equal');
SELECT set_eq(
    $$SELECT id_a::int, id_b::int, rule FROM etl.candidate_pairs('person', '{"blocking": ["tags"]}')$$,
    $$SELECT a.id, b.id AS b, 1 FROM person AS a JOIN person AS b ON a.id < b.id AND a.tags && b.tags$$,
    'an array: any element equal');
SELECT results_eq(
    $$SELECT count(*), count(DISTINCT (id_a, id_b)) FROM etl.candidate_pairs('person', '{"blocking": ["tags"]}')$$,
    $$SELECT count(*), count(*) FROM person AS a JOIN person AS b ON a.id < b.id AND a.tags && b.tags$$,
    'a pair with several common elements comes once');
SELECT set_eq(
    $$SELECT id_a::int, id_b::int, rule
      FROM etl.candidate_pairs('person', '{"blocking": [{"sort_by": "born, surname", "window": 4}]}')$$,
    $$WITH sorted AS (SELECT id, row_number() OVER (ORDER BY born, surname, id) AS n FROM person
                      WHERE num_nulls(born, surname) = 0)
      SELECT least(a.id, b.id), greatest(a.id, b.id), 1
      FROM sorted AS a JOIN sorted AS b ON b.n - a.n BETWEEN 1 AND 3$$,
    'sorted neighbourhood: rows less than a window apart');

SELECT set_eq(
    $$SELECT id_a::int, id_b::int, rule FROM etl.candidate_pairs('person',
        '{"comparisons": [{"column": "surname"}, {"column": "city"}], "blocking": [{"equal": ["city", "surname"]}]}')$$,
    $$SELECT a.id, b.id AS b, 1 FROM person AS a JOIN person AS b ON a.surname = b.surname AND a.city = b.city
      AND a.surname <> '' AND a.city <> '' AND a.id < b.id$$, 'comparisons: the values of all of them equal');
SELECT set_eq(
    $$SELECT id_a, id_b, rule FROM etl.candidate_pairs('person', '{"comparisons": [{"column": "city"}],
        "blocking": ["surname", {"equal": ["city"]}], "max_block": 9}')$$,
    $$SELECT id_a, id_b, rule FROM etl.candidate_pairs('person', '{"blocking": ["surname", "city"], "max_block": 9}')$$,
    'and with blocks that are cut');

CREATE TABLE note AS
    SELECT n AS id, 'the quick brown fox ' || n % 40 || ' jumps over ' || (n % 40) * 7 || ' lazy dogs' ||
        CASE WHEN n > 40 THEN ' and ' || n ELSE '' END AS body
    FROM generate_series(1, 80) AS n;
SELECT set_eq(
    $$SELECT id_a::int, id_b::int, rule
      FROM etl.candidate_pairs('note', '{"id": "id", "blocking": ["etl.minhash_bands(body, 0.8)"]}')$$,
    $$SELECT a.id, b.id AS b, 1 FROM note AS a JOIN note AS b ON a.id < b.id
      AND etl.minhash_bands(a.body, 0.8) && etl.minhash_bands(b.body, 0.8)$$,
    'free texts: any band of MinHash in common');
SELECT cmp_ok((SELECT count(*)
               FROM etl.candidate_pairs('note', '{"id": "id", "blocking": ["etl.minhash_bands(body, 0.8)"]}')
               WHERE id_b::int = id_a::int + 40), '>=', 35::bigint, 'which finds nearly all that are alike');

-- Several rules ------------------------------------------------------------------------------------------------------

CREATE FUNCTION found(rules jsonb, link_to regclass DEFAULT NULL) RETURNS TABLE(a int, b int, rule int)
LANGUAGE sql AS $$
    SELECT id_a::int, id_b::int, rule
    FROM etl.candidate_pairs('person', jsonb_build_object('id', 'id', 'blocking', rules), link_to)
$$;
CREATE FUNCTION expected(rules jsonb, link_to regclass DEFAULT NULL) RETURNS TABLE(a int, b int, rule int)
LANGUAGE plpgsql AS $$
DECLARE
    conditions text[] := ARRAY(
        SELECT CASE
                   WHEN r ->> 'sort_by' IS NOT NULL THEN format('abs(a.n%s - b.n%1$s) < %s', number, r ->> 'window')
                   WHEN r #>> '{}' = 'tags' THEN 'a.tags && b.tags'
                   ELSE format('a.%1$s = b.%1$s AND a.%1$s::text <> ''''', r #>> '{}')
               END
        FROM jsonb_array_elements(rules) WITH ORDINALITY AS x (r, number) ORDER BY number);
    orders text := (
        SELECT string_agg(format(', CASE WHEN %1$s IS NOT NULL THEN row_number() OVER (ORDER BY %1$s NULLS LAST, side, '
                                 'id) END AS n%2$s', r ->> 'sort_by', number), '')
        FROM jsonb_array_elements(rules) WITH ORDINALITY AS x (r, number) WHERE r ->> 'sort_by' IS NOT NULL);
    sides text := 'SELECT 0 AS side, * FROM person' ||
        CASE WHEN link_to IS NULL THEN '' ELSE ' UNION ALL SELECT 1, * FROM other' END;
BEGIN
    RETURN QUERY EXECUTE format(
        'WITH r AS (SELECT *%s FROM (%s) AS s) SELECT a.id, b.id, CASE %s END FROM r AS a JOIN r AS b ON %s WHERE %s',
        orders, sides,
        (SELECT string_agg(format('WHEN %s THEN %s', c, n), ' ' ORDER BY n)
         FROM unnest(conditions) WITH ORDINALITY AS x (c, n)),
        CASE WHEN link_to IS NULL THEN 'a.id < b.id' ELSE 'a.side = 0 AND b.side = 1' END,
        array_to_string(conditions, ' OR '));
END
$$;

CREATE TABLE rule_set (number serial, rules jsonb);
INSERT INTO rule_set (rules) VALUES
    ('["surname", "city"]'), ('["city", "surname", "born"]'), ('["tags", "surname"]'), ('["born", "tags", "city"]'),
    ('[{"sort_by": "born", "window": 3}, "city"]'), ('["city", {"sort_by": "surname", "window": 5}, "tags"]');
SELECT set_eq(format('SELECT * FROM found(%L)', rules), format('SELECT * FROM expected(%L)', rules),
              'one table: ' || rules::text) FROM rule_set ORDER BY number;
SELECT results_eq(format('SELECT count(*) FROM found(%L)', rules), format('SELECT count(*) FROM expected(%L)', rules),
                  'each pair once: ' || rules::text) FROM rule_set ORDER BY number;
SELECT set_eq(format('SELECT * FROM found(%L, ''other'')', rules),
              format('SELECT * FROM expected(%L, ''other'')', rules),
              'two tables: ' || rules::text) FROM rule_set ORDER BY number;

-- Report and cap -----------------------------------------------------------------------------------------------------

SELECT results_eq(
    $$SELECT number, rows, blocks, pairs, cut_blocks, cut_pairs
      FROM etl.blocking_report('person', '{"blocking": ["surname", "tags", {"sort_by": "born", "window": 4}]}')$$,
    $$SELECT 1, sum(n)::bigint, count(*) FILTER (WHERE n > 1), sum(n * (n - 1) / 2), 0::bigint, 0::numeric
      FROM (SELECT count(*) AS n FROM person WHERE surname <> '' GROUP BY surname) AS g
      UNION ALL
      SELECT 2, sum(n)::bigint, count(*) FILTER (WHERE n > 1), sum(n * (n - 1) / 2), 0, 0
      FROM (SELECT count(*) AS n FROM (SELECT DISTINCT id, unnest(tags) AS tag FROM person) AS t
            WHERE tag IS NOT NULL GROUP BY tag) AS g
      UNION ALL
      SELECT 3, count(*), NULL, 3 * count(*) - 6, 0, 0 FROM person WHERE born IS NOT NULL$$,
    'the report counts rows, blocks and pairs of each rule');
SELECT is((SELECT jsonb_array_length(largest) FROM etl.blocking_report('person', '{"blocking": ["city"]}')), 5,
          'and shows the five largest blocks');
SELECT results_eq(
    $$SELECT cut_blocks > 0, cut_pairs, (largest -> 0 ->> 'rows')::int
      FROM etl.blocking_report('person', '{"blocking": ["city"], "max_block": 9}')$$,
    $$SELECT true, sum(n * (n - 1) / 2) FILTER (WHERE n > 9), max(n)::int
      FROM (SELECT count(*) AS n FROM person WHERE city <> '' GROUP BY city) AS g$$, 'and what a cap would cut');
SELECT set_eq(
    $$SELECT id_a::int, id_b::int, rule FROM etl.candidate_pairs('person',
        '{"blocking": ["left(city, 5)", "city, surname"], "max_block": 20}')$$,
    $$WITH big AS (SELECT left(city, 5) AS c FROM person GROUP BY 1 HAVING count(*) > 20)
      SELECT a.id, b.id AS b, CASE WHEN left(a.city, 5) = left(b.city, 5) AND left(a.city, 5) NOT IN (SELECT c FROM big)
                              THEN 1 ELSE 2 END
      FROM person AS a JOIN person AS b ON a.id < b.id AND a.city <> ''
          AND (left(a.city, 5) = left(b.city, 5) AND left(a.city, 5) NOT IN (SELECT c FROM big)
               OR a.city = b.city AND a.surname = b.surname)$$,
    'pairs of a block that is cut come under another rule');
-- Bad input ----------------------------------------------------------------------------------------------------------

SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"blocking": ["sirname"]}')$$, '42703', NULL,
                 'an unknown column');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"blocking": ["surname); DROP TABLE person; --"]}')$$,
                 '42601', NULL, 'more than expressions');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"blocking": ["(SELECT 1)"]}')$$, '0A000', NULL,
                 'a subquery');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"blocking": ["count(*)"]}')$$, '42803', NULL,
                 'an aggregate');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"comparisons": [{"column": "city"}],
                     "blocking": [{"equal": ["surname"]}]}')$$, '42703',
                 'blocking rule 1 names comparison "surname", which there is not', 'an unknown comparison');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"blocking": [{"equal": "city"}]}')$$, '22023', NULL,
                 'a rule of comparisons that is no array');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"blocking": [{"sort_by": "id", "window": "x"}]}')$$,
                 '22023', NULL, 'a window that is no number');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"blocking": []}')$$, '22023', NULL, 'no rule');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"blocking": [7]}')$$, '22023', NULL,
                 'a rule that is a number');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"blocking": [{"sort_by": "id", "window": 1}]}')$$,
                 '22023', NULL, 'a window of one row');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"id": "city", "blocking": ["surname"]}')$$, '23505',
                 NULL, 'an id that is not unique');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('person', '{"blocking": ["surname"], "max_blok": 3}')$$, '22023',
                 'a specification has an unknown member "max_blok"', 'a misspelt member');

-- A primary key proves that ids are unique, but not for the rows of tables that inherit.
CREATE TABLE parent (id int PRIMARY KEY, surname text);
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent VALUES (1, 'a');
SELECT is_empty($$SELECT * FROM etl.candidate_pairs('parent', '{"blocking": ["surname"]}')$$, 'one row has no pair');
INSERT INTO child VALUES (1, 'a');
SELECT throws_ok($$SELECT * FROM etl.candidate_pairs('parent', '{"blocking": ["surname"]}')$$, '23505', NULL,
                 'an id that a child has again');

SELECT is_empty($$SELECT * FROM found('["surname"]') WHERE a IN (500, 501) OR b IN (500, 501)$$,
                'empty texts are no block');

SELECT * FROM finish();
ROLLBACK;
