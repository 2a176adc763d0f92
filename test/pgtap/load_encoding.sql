-- Loads into a database whose texts are not UTF-8: values arrive as its characters, and lines with what it lacks are
-- kept.
CREATE DATABASE load_latin1 TEMPLATE template0 ENCODING latin1 LC_COLLATE 'C' LC_CTYPE 'C';
\c load_latin1
CREATE EXTENSION pgtap;
CREATE EXTENSION pg_etl;
SET client_encoding = 'UTF8';
SELECT plan(9);
CREATE TABLE word (id int, "né" text);
CREATE FUNCTION shown(r etl._load_result) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s=%s+%s', r.received, r.inserted, r.rejected)
$$;

SELECT is(shown(etl.load_text(E'id,né\n1,ü\n2,ß', 'word')), '2=2+0', 'a text');
SELECT is(shown(etl.load_text('\x69642c6ec3a90a332cc3bce282ac0a342cc39f'::bytea, 'word')), '2=1+1', 'bytes in UTF-8');
SELECT results_eq('SELECT line, column_name, sqlstate, content, raw FROM etl.rejected_lines',
    $$VALUES (2::bigint, 'né', '22P05', NULL, '\x332cc3bce282ac'::bytea)$$,
    'what the database lacks is kept as it came');
SELECT is((SELECT errors -> 0 ->> 'column' FROM etl.batches ORDER BY batch_id DESC LIMIT 1), 'né', 'and told');
SELECT is(shown(etl.load_text('\x69642c6ee90a352ce4'::bytea, 'word', encoding => 'LATIN1')), '1=1+0',
    'bytes in its own');
SELECT is(shown(etl.load_text('\xfffe690064002c006e00e9000a0036002c00ac20'::bytea, 'word')), '1=0+1', 'UTF-16');
SELECT is(shown(etl.load_text(E'id,clé\n7,ö', 'word', mapping => '{"id": "id", "né": "k|clé"}')), '1=1+0', 'a mapping');
SELECT is(shown(etl.load_text('[{"id": 8, "né": "\u00e9"}, {"id": 9, "né": "\u20ac"}, {"id": 10, "né": "ü"}]', 'word',
    'json')), '3=2+1', 'JSON');
SELECT results_eq('SELECT * FROM word ORDER BY id', $$VALUES
    (1, 'ü'), (2, 'ß'), (4, 'ß'), (5, 'ä'), (7, 'ö'), (8, 'é'), (10, 'ü')$$, 'all are the same texts');

SELECT * FROM finish();
\c template1
DROP DATABASE load_latin1;
