-- Texts are compared by character, and names coded by letter, in a database of a single-byte encoding.
CREATE DATABASE similarity_latin1 TEMPLATE template0 ENCODING latin1 LC_COLLATE 'C' LC_CTYPE 'C';
\c similarity_latin1
CREATE EXTENSION pgtap;
CREATE EXTENSION pg_etl;
SET client_encoding = 'UTF8';
SELECT plan(4);
SELECT is(etl.levenshtein('Müller', 'Muller'), 1, 'a character');
SELECT is(etl.levenshtein('é', 'è'), 1, 'two of them');
SELECT is(etl.jaro_winkler('Jürgen', 'Jurgen') > 0.88, true, 'Jaro');
SELECT is(etl.soundex('Çelik') || etl.nysiis('Müller') || array_to_string(etl.double_metaphone('Çelik'), ''),
          'C420MALARSLKSLK', 'letters with marks');
SELECT * FROM finish();
