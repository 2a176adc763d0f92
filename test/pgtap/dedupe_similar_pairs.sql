-- etl.similar_pairs against similarity() of pg_trgm over every two texts.
BEGIN;
SELECT plan(14);
CREATE EXTENSION pg_trgm;

CREATE TABLE person (id int, name text);
INSERT INTO person
SELECT n, translate(substr(md5(n::text), 1, 6 + n % 9), '0123456789', 'aeioulmnrt') || ' ' || 'City' || n % 20
FROM generate_series(1, 300) AS n;
INSERT INTO person SELECT id + 1000, overlay(upper(name) PLACING 'x' FROM 4 FOR 1) FROM person WHERE id <= 150;
INSERT INTO person VALUES (2000, NULL), (NULL, 'nobody city1'), (2001, ''), (2002, '?!'), (2003, ''),
    (2004, 'Zoë Ångström'), (2005, 'ZOË ÅNGSTRÖM'), (2006, 'Zoe Angstrom'),
    (2007, 'Жанна Д''Арк'), (2008, 'жанна дарк');

CREATE FUNCTION expected(threshold real) RETURNS TABLE(id_a text, id_b text, similarity real) LANGUAGE sql AS $$
    SELECT a.id::text, b.id::text, similarity(a.name, b.name)
    FROM person AS a JOIN person AS b ON a.ctid < b.ctid
    WHERE similarity(a.name, b.name) >= threshold AND a.id IS NOT NULL AND b.id IS NOT NULL
$$;
SELECT set_eq(
    format('SELECT id_a, id_b, similarity::real AS s '
           'FROM etl.similar_pairs(''SELECT id, name FROM person'', %s)', t),
    format('SELECT * FROM expected(%s)', t), 'pairs and similarities at ' || t)
FROM unnest('{0.3,0.5,0.6,0.9,1}'::real[]) AS t;
SELECT isnt_empty('SELECT * FROM expected(0.9)', 'there are such');

SELECT set_eq(
    $$SELECT id_a, id_b FROM etl.similar_pairs('SELECT id, name FROM person WHERE id <= 300', 0.4,
                                               'SELECT id, name FROM person WHERE id BETWEEN 1001 AND 2000')$$,
    $$SELECT a.id::text AS a, b.id::text AS b FROM person AS a JOIN person AS b ON a.id <= 300
      AND b.id BETWEEN 1001 AND 2000 AND similarity(a.name, b.name) >= 0.4$$, 'two queries: one text of each');
SELECT is_empty($$SELECT * FROM etl.similar_pairs('SELECT 1, NULL::text')$$, 'a NULL is like nothing');
SELECT is_empty($$SELECT * FROM etl.similar_pairs('SELECT 1, ''x'' WHERE false')$$, 'no rows');

SELECT throws_ok($$SELECT * FROM etl.similar_pairs('SELECT id, name FROM person', 0)$$, '22023',
                 'threshold must be above 0 and at most 1, not 0.000000', 'a threshold of 0');
SELECT throws_ok($$SELECT * FROM etl.similar_pairs('SELECT id, name FROM person', 'NaN')$$, '22023', NULL, 'NaN');
SELECT throws_ok($$SELECT * FROM etl.similar_pairs('SELECT id FROM person')$$, '42804', NULL, 'one column');
SELECT throws_ok($$SELECT * FROM etl.similar_pairs('DELETE FROM person RETURNING id, name')$$, '22023', NULL,
                 'a query that changes data');
SELECT throws_ok($$SELECT * FROM etl.similar_pairs(NULL)$$, '22004', NULL, 'no query');

SELECT * FROM finish();
ROLLBACK;
