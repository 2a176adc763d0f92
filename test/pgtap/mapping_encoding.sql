-- Mapping in a database whose texts are not UTF-8: values arrive as its characters, and what it lacks is refused.
CREATE DATABASE mapping_latin1 TEMPLATE template0 ENCODING latin1 LC_COLLATE 'C' LC_CTYPE 'C';
\c mapping_latin1
CREATE EXTENSION pgtap;
CREATE EXTENSION pg_etl;
SET client_encoding = 'UTF8';
SELECT plan(8);
CREATE TABLE word (id int, "é" text, doc jsonb, n int);
SELECT is(etl._mapped_query('f()', 'word', '{"é": "é|clé"}'),
          'SELECT "é" AS "é" FROM f() AS p(ordinal1 integer, record1 jsonb, "é" text)',
          'columns have their names');
CREATE TEMPORARY TABLE mapped AS
SELECT * FROM etl._map_records(
    ARRAY['{"id": 1, "clé": "été"}', '{"id": 2, "clé": "\u00e9"}', '{"id": 3, "clé": "\u20ac"}', '{"id": 4, "n": "é"}',
          '{"id": 5, "doc": {"a": "é"}}', 'é'],
    'word', '{"id": "id", "é": "é|clé", "doc": "doc", "n": {"from": "n", "sql": "length(\"é\")"}}')
    AS m(ordinal int, record jsonb, id int, w text, doc jsonb, n int);
SELECT is(array_agg(m.w ORDER BY m.id) FILTER (WHERE m.w IS NOT NULL), '{été,é}', 'texts') FROM mapped AS m;
SELECT is(m.n, 3, 'expressions see characters') FROM mapped AS m WHERE m.id = 1;
SELECT is(m.doc, '{"a": "é"}', 'a jsonb') FROM mapped AS m WHERE m.id = 5;
CREATE TEMPORARY TABLE reject AS
SELECT * FROM etl._record_rejects(
    ARRAY['{"id": 3, "clé": "\u20ac"}', '{"id": 4, "n": "é"}', 'é'],
    'word', '{"id": "id", "é": "é|clé", "n": "n"}');
SELECT is(r.reason, 'column "é" of type text: character with byte sequence 0xe2 0x82 0xac in encoding "UTF8" has no '
'equivalent '
          'in encoding "LATIN1", the value is "\u20ac"', 'a character that the database lacks')
FROM reject AS r WHERE r.ordinal = 1;
SELECT is(r.reason, 'column "n" of type integer: invalid input syntax for type integer: "é"', 'a bad value')
FROM reject AS r WHERE r.ordinal = 2;
SELECT is(array_agg(r.record ORDER BY r.ordinal), ARRAY['{"id": 3, "cl\u00e9": "\u20ac"}', '{"id": 4, "n": "\u00e9"}',
          '\u00e9'],
          'records are kept in ASCII') FROM reject AS r;
SELECT is(etl.infer_mapping(ARRAY['{"é": 1}']), '{"é": "é"}', 'inferred names');
SELECT * FROM finish();
