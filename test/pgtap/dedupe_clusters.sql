-- etl.clusters and etl.one_to_one: known answers, a second opinion in SQL, errors, and a stop.
BEGIN;
SELECT plan(45);
SET LOCAL client_min_messages = error;

CREATE TABLE pair (a int, b int, score float8);
INSERT INTO pair VALUES (10, 9, 0.9), (9, 8, 0.6), (30, 20, 0.8), (5, NULL, NULL), (NULL, 6, 1), (NULL, NULL, 1),
                        (7, 7, 1), (30, 20, 0.2);
SELECT set_eq($$SELECT * FROM etl.clusters('SELECT a, b FROM pair')$$,
              $$VALUES ('10', '8'), ('9', '8'), ('8', '8'), ('30', '20'), ('20', '20'), ('5', '5'), ('6', '6'),
                       ('7', '7')$$, 'components; a row with one id names it; whole numbers go by their size');
SELECT set_eq($$SELECT * FROM etl.clusters('SELECT a::text, b::text FROM pair')$$,
              $$VALUES ('10', '10'), ('9', '10'), ('8', '10'), ('30', '20'), ('20', '20'), ('5', '5'), ('6', '6'),
                       ('7', '7')$$, 'texts go by their bytes');
SELECT set_eq($$SELECT * FROM etl.clusters('SELECT a, b::text FROM pair WHERE b IS NOT NULL AND a > 7')$$,
              $$VALUES ('10', '10'), ('9', '10'), ('8', '10'), ('30', '20'), ('20', '20')$$,
              'a whole number and a text of the same form are one id');
SELECT set_eq($$SELECT * FROM etl.clusters('SELECT a::smallint, b::bigint FROM pair WHERE a = 30')$$,
              $$VALUES ('30', '20'), ('20', '20')$$, 'whole numbers of two sizes');
SELECT set_eq($$SELECT * FROM etl.clusters('VALUES (-9223372036854775808, 9223372036854775807)')$$,
              $$VALUES ('-9223372036854775808', '-9223372036854775808'),
                       ('9223372036854775807', '-9223372036854775808')$$, 'the smallest and the largest number');
SELECT set_eq($$SELECT * FROM etl.clusters('VALUES (date ''2026-01-02'', date ''2026-01-01'')')$$,
              $$VALUES ('2026-01-01', '2026-01-01'), ('2026-01-02', '2026-01-01')$$, 'any type');
SELECT set_eq($$SELECT * FROM etl.clusters('VALUES (''Zoë'', ''é''), ('''', ''a'')')$$,
              $$VALUES ('Zoë', 'Zoë'), ('é', 'Zoë'), ('', ''), ('a', '')$$, 'an empty text is an id');
SELECT is_empty($$SELECT * FROM etl.clusters('SELECT a, b FROM pair WHERE false')$$, 'no pairs, no clusters');
SELECT set_eq($$SELECT * FROM etl.clusters('TABLE pair', threshold => 0.6)$$,
              $$SELECT * FROM etl.clusters('SELECT a, b FROM pair')$$, 'the threshold belongs to what links');
SELECT set_eq($$SELECT * FROM etl.clusters('TABLE pair', threshold => 0.7)$$,
              $$VALUES ('10', '9'), ('9', '9'), ('8', '8'), ('30', '20'), ('20', '20'), ('5', '5'), ('6', '6'),
                       ('7', '7')$$, 'a pair below the threshold still names its ids');
SELECT set_eq($$SELECT * FROM etl.clusters('VALUES (1, 2, NULL::float8), (2, 3, 0)')$$,
              $$VALUES ('1', '1'), ('2', '2'), ('3', '2')$$, 'a score that is unknown links nothing');
SELECT set_eq($$SELECT * FROM etl.clusters('SELECT a, b, score::numeric FROM pair', threshold => 0.7)$$,
              $$SELECT * FROM etl.clusters('SELECT a, b, score::real FROM pair', threshold => 0.7)$$,
              'numeric and real scores');
CREATE DOMAIN row_number AS bigint;
SELECT set_eq($$SELECT * FROM etl.clusters('SELECT a::row_number, b::row_number, (score * 10)::int FROM pair')$$,
              $$SELECT * FROM etl.clusters('SELECT a, b FROM pair')$$, 'domains, and whole numbers as scores');
SELECT is((SELECT count(*) FROM etl.clusters('SELECT i, i + 1 FROM generate_series(1, 100000) AS i')
           WHERE cluster_id = '1'), 100001::bigint, 'a long chain');
SELECT is((SELECT count(*) FROM etl.clusters('SELECT repeat(''x'', 5000) || i, ''hub''
                                             FROM generate_series(1, 2000) AS i')
           WHERE cluster_id = 'hub'), 2001::bigint, 'long ids');

-- too large
SELECT set_eq($$SELECT * FROM etl.clusters('VALUES (1, 2, 0.9), (2, 3, 0.5), (3, 4, 0.8), (5, 6, 0.1)',
                                           max_cluster_size => 3)$$,
              $$VALUES ('1', '1'), ('2', '1'), ('3', '3'), ('4', '3'), ('5', '5'), ('6', '5')$$,
              'a cluster that is too large is split where its score is lowest');
SELECT set_eq($$SELECT * FROM etl.clusters('VALUES (1, 2, 0.9), (2, 3, 0.9), (3, 4, 0.9)', max_cluster_size => 3)$$,
              $$VALUES ('1', '1'), ('2', '2'), ('3', '3'), ('4', '4')$$, 'pairs of one score are cut together');
SELECT set_eq($$SELECT * FROM etl.clusters('VALUES (1, 2), (2, 3), (3, 4)', max_cluster_size => 3)$$,
              $$VALUES ('1', '1'), ('2', '1'), ('3', '1'), ('4', '1')$$, 'without scores it stays whole');

-- one to one
SELECT set_eq($$SELECT * FROM etl.clusters('VALUES (1, 2, 0.9), (2, 3, 0.95), (3, 4, 0.8), (1, 4, 0.5), (9, 9, 1)',
                                           'one_to_one')$$,
              $$VALUES ('1', '1'), ('2', '2'), ('3', '2'), ('4', '1'), ('9', '9')$$,
              'method one_to_one: each id in one pair at most');
SELECT set_eq($$SELECT * FROM etl.clusters('VALUES (3, 2, 1), (2, 1, 1)', 'one_to_one')$$,
              $$VALUES ('1', '1'), ('2', '1'), ('3', '3')$$, 'of one score the smaller ids win');
SELECT results_eq($$SELECT * FROM etl.one_to_one('VALUES (1, 1, 0.5), (1, 2, 0.9), (2, 2, 0.95),
                                                    (3, 2, 0.99::float8)')$$,
                  $$VALUES ('3', '2', 0.99::float8), ('1', '1', 0.5)$$, 'two tables: 2 here is not 2 there');
SELECT results_eq($$SELECT * FROM etl.one_to_one('VALUES (''b'', 1, 1), (''B'', 1, 1), (''a'', 2, NULL),
                                                    (NULL, 3, 1)')$$,
                  $$VALUES ('B', '1', 1::float8)$$, 'ties by the bytes of the text; a NULL is no pair');
SELECT results_eq($$SELECT * FROM etl.one_to_one('VALUES (1, 1, 0.5), (2, 2, 0.4)', 0.5)$$,
                  $$VALUES ('1', '1', 0.5::float8)$$, 'with a threshold');
SELECT is_empty($$SELECT * FROM etl.one_to_one('SELECT 1, 1, 1 WHERE false')$$, 'no pairs, no links');

-- a second opinion: components by spreading labels in SQL; the order of the pairs does not matter
SELECT setseed(0.3);
CREATE TABLE edge AS
SELECT (random() * 1500)::int AS a, (random() * 1500)::int AS b, round(random()::numeric, 2) AS score
FROM generate_series(1, 900) AS i;
CREATE TABLE label AS
SELECT DISTINCT node, node AS label FROM (SELECT a AS node FROM edge UNION SELECT b FROM edge) AS n;
DO $$
DECLARE
    changed bigint := 1;
BEGIN
    WHILE changed > 0 LOOP
        UPDATE label AS l SET label = n.label
        FROM (SELECT e.node, min(o.label) AS label
              FROM (SELECT a AS node, b AS other FROM edge UNION ALL SELECT b, a FROM edge) AS e
              JOIN label AS o ON o.node = e.other GROUP BY e.node) AS n
        WHERE n.node = l.node AND n.label < l.label;
        GET DIAGNOSTICS changed = ROW_COUNT;
    END LOOP;
END
$$;
SELECT set_eq($$SELECT * FROM etl.clusters('SELECT a, b FROM edge ORDER BY random()')$$,
              $$SELECT node::text, label::text FROM label$$, 'a random graph');
SELECT set_eq($$SELECT * FROM etl.clusters('SELECT b, a, score FROM edge ORDER BY random()', max_cluster_size => 5)$$,
              $$SELECT * FROM etl.clusters('SELECT a, b, score FROM edge ORDER BY random()', max_cluster_size => 5)$$,
              'a split does not depend on the order of the pairs');
SELECT cmp_ok((SELECT max(n) FROM (SELECT count(*) AS n FROM etl.clusters('TABLE edge', max_cluster_size => 5)
                                   GROUP BY cluster_id) AS c), '<=', 5::bigint, 'and leaves no cluster too large');
SELECT results_eq($$SELECT id_a, id_b FROM etl.one_to_one('SELECT a, b, score FROM edge ORDER BY random()')$$,
                  $$SELECT id_a, id_b FROM etl.one_to_one('TABLE edge')$$, 'nor do links');

-- a parallel plan
CREATE TABLE many AS SELECT i AS a, i / 2 AS b FROM generate_series(1, 60000) AS i;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
CREATE TABLE parallel_clusters AS SELECT * FROM etl.clusters('TABLE many');
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT set_eq('TABLE parallel_clusters', $$SELECT * FROM etl.clusters('TABLE many')$$, 'parallel as serial');

-- errors
SELECT throws_ok($$SELECT etl.clusters('SELECT a FROM pair')$$, '42804',
                 'pairs_query must return 2 or 3 columns, not 1', 'one column');
SELECT throws_ok($$SELECT etl.clusters('SELECT a, b, ''x''::text FROM pair')$$, '42804',
                 'the score, the third column of pairs_query, must be a number, not text', 'a score that is a text');
SELECT throws_ok($$SELECT etl.clusters('SELECT a, b FROM pair', threshold => 0.5)$$, '42804',
                 'a threshold needs a score, the third column of pairs_query', 'a threshold without a score');
SELECT throws_ok($$SELECT etl.clusters('SELECT a, b FROM pair', 'one_to_one')$$, '42804',
                 'method "one_to_one" needs a score, the third column of pairs_query', 'one_to_one without a score');
SELECT throws_ok($$SELECT etl.clusters('TABLE pair', 'best')$$, '22023', 'unknown method "best"', 'an unknown method');
SELECT throws_ok($$SELECT etl.clusters('TABLE pair', max_cluster_size => 1)$$, '22023',
                 'max_cluster_size must be 2 or more, not 1', 'no room for a pair');
SELECT throws_ok($$SELECT etl.clusters('TABLE pair', 'one_to_one', max_cluster_size => 5)$$, '22023',
                 'max_cluster_size goes with method "transitive" only', 'a limit for pairs');
SELECT throws_ok($$SELECT etl.clusters('VALUES (1, 2, ''NaN''::float8)')$$, '22023', 'a score of pairs_query is NaN',
                 'NaN');
SELECT throws_ok($$SELECT etl.clusters('DELETE FROM pair RETURNING a, b')$$, '22023',
                 'pairs_query must be one SELECT that changes no data', 'a query that changes data');
SELECT throws_ok($$SELECT etl.clusters('SELECT nothing')$$, '42703', NULL, 'a query that is none');
SELECT throws_ok($$SELECT etl.clusters(NULL)$$, '22004', 'argument 1 must not be NULL', 'no query');
SELECT throws_ok($$SELECT etl.clusters('SELECT 1 / (a - 7), b FROM pair')$$, '22012', NULL,
                 'an error of the query is the query''s own');

-- the query runs with the caller's rights, and stays in the caller's role
CREATE ROLE clusters_reader;
SET LOCAL ROLE clusters_reader;
SELECT throws_ok($$SELECT etl.clusters('TABLE pair')$$, '42501', NULL, 'a table needs to be readable');
SELECT throws_ok($$SELECT etl.clusters('SELECT set_config(''role'', ''none'', true), ''x''')$$, '42501', NULL,
                 'the query cannot change the role');
RESET ROLE;

-- a stop
CREATE FUNCTION is_stopped(query text)
RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE query;
    RETURN false;
EXCEPTION
    WHEN query_canceled THEN
        RETURN clock_timestamp() < statement_timestamp() + interval '5 s';
END
$$;
SET LOCAL statement_timeout = '100ms';
SELECT ok(is_stopped($$SELECT etl.clusters('SELECT i, i * 7 % 100000007 FROM generate_series(1, 100000000) AS i')$$),
          'a timeout stops it');
SET LOCAL statement_timeout = 0;


-- A literal whose type compares by a function of its own: it is read each time that the query is looked at, and the
-- third time, when the query runs, the function gives pairs() other columns.
CREATE FUNCTION pairs() RETURNS TABLE (a int, b int) LANGUAGE sql AS 'VALUES (1, 2)';
CREATE SEQUENCE looks;
CREATE TYPE spot AS (x int);
CREATE FUNCTION compare_spots(a spot, b spot) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('looks') = 3 THEN
        DROP FUNCTION pairs();
        CREATE FUNCTION pairs() RETURNS TABLE (a text, b text) LANGUAGE sql AS $f$VALUES ('one', 'two')$f$;
    END IF;
    RETURN btint4cmp((a).x, (b).x);
END
$$;
CREATE OPERATOR CLASS spot_ops DEFAULT FOR TYPE spot USING btree AS FUNCTION 1 compare_spots(spot, spot);
CREATE TYPE spots AS RANGE (subtype = spot);
SELECT setval('looks', 1, false);
SELECT throws_ok(
    $$SELECT * FROM etl.clusters('SELECT p.a, p.b FROM (SELECT ''["(1)","(2)"]''::spots) AS s, pairs() AS p')$$,
    '42804', 'the columns of pairs_query have changed', 'numbers that have become texts are not read as numbers');

SELECT * FROM finish();
ROLLBACK;
