-- Texts are compared by character in a database of a multi-byte encoding that is not UTF-8. The functions stand alone
-- here.
CREATE DATABASE similarity_euc_jp TEMPLATE template0 ENCODING euc_jp LC_COLLATE 'C' LC_CTYPE 'C';
\c similarity_euc_jp
CREATE EXTENSION pgtap;
CREATE FUNCTION levenshtein(text, text) RETURNS int LANGUAGE C STRICT AS '$libdir/pg_etl', 'etl_levenshtein';
CREATE FUNCTION jaccard(text, text, int, float8) RETURNS float8 LANGUAGE C STRICT AS '$libdir/pg_etl', 'etl_jaccard';
CREATE FUNCTION soundex(text) RETURNS text LANGUAGE C STRICT AS '$libdir/pg_etl', 'etl_soundex';
SET client_encoding = 'UTF8';
SELECT plan(3);
SELECT is(levenshtein('日本語', '日本'), 1, 'a character');
SELECT is(jaccard('日本語', '日本', 1, 0), 2 / 3::float8, 'sets of characters');
SELECT is(soundex('日本Robert'), 'R163', 'letters among others');
SELECT * FROM finish();
