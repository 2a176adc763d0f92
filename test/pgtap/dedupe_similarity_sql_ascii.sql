-- In SQL_ASCII what is UTF-8 is read as such, and each other byte is a character of its own.
CREATE DATABASE similarity_sql_ascii TEMPLATE template0 ENCODING sql_ascii LC_COLLATE 'C' LC_CTYPE 'C';
\c similarity_sql_ascii
CREATE EXTENSION pgtap;
CREATE EXTENSION pg_etl;
SELECT plan(4);
SELECT is(etl.levenshtein(E'M\xc3\xbcller', 'Muller'), 1, 'what is UTF-8 is read as such');
SELECT is(etl.levenshtein(E'M\xfcller', E'M\xffller'), 1, 'each other byte is a character');
SELECT is(etl.soundex(E'\xff\xc3Robert\xe6'), 'R163', 'and no letter');
SELECT is(etl.jaccard(E'\xff\xfe', E'\xfe\xff', 1), 1::float8, 'in sets as well');
SELECT * FROM finish();
