-- Blocks that are left out are told, however the pairs are asked for.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE TABLE visitor (id int PRIMARY KEY, surname text, city text);
INSERT INTO visitor SELECT n, 'name' || n % 4, CASE WHEN n > 8 THEN 'york' ELSE 'bath' || n END
FROM generate_series(1, 12) AS n;

SELECT * FROM etl.candidate_pairs('visitor', '{"blocking": ["city"], "max_block": 3}');
SELECT id_a, id_b, rule FROM etl.candidate_pairs('visitor', '{"blocking": ["city", "surname"], "max_block": 3}')
ORDER BY id_a::int, id_b::int LIMIT 2;
SELECT number, pairs, cut_blocks, cut_pairs
FROM etl.blocking_report('visitor', '{"blocking": ["city"], "max_block": 3}');

-- In memory and by joins.
CREATE TABLE visitor_model AS SELECT etl.train_match('visitor', '{"blocking": ["surname"]}') AS model;
SELECT count(*)
FROM etl.match('visitor', (SELECT model || '{"blocking": ["city"], "max_block": 3}' FROM visitor_model));
SET pg_etl.match_memory = 0;
SELECT count(*)
FROM etl.match('visitor', (SELECT model || '{"blocking": ["city"], "max_block": 3}' FROM visitor_model));
RESET pg_etl.match_memory;

DROP TABLE visitor, visitor_model;
