-- Normalizing in databases whose texts are not UTF-8.
CREATE DATABASE dedupe_normalize_latin1 TEMPLATE template0 ENCODING latin1 LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE dedupe_normalize_ascii TEMPLATE template0 ENCODING sql_ascii LC_COLLATE 'C' LC_CTYPE 'C';
\c dedupe_normalize_ascii
CREATE EXTENSION pg_etl;
\pset format unaligned
\pset tuples_only on
\o /dev/null
SELECT etl.normalize_text('Müller' || E'\xfc' || 'x') = 'muller x' AS utf8_and_more,
    etl.normalize_name(E'M\xfcller, J\xf6rg') = 'j rg m ller' AS neither,
    etl.normalize_email(E'm\xfcller@x.org') IS NULL AS no_email,
    etl.normalize_phone(E'\xfc030 12345\xfc6', 'DE') = '+493012345' AS phone,
    array_length(etl.minhash(E'M\xfcller'), 1) = 128 AS minhash \gset ascii_
\o
\c dedupe_normalize_latin1
CREATE EXTENSION pgtap;
CREATE EXTENSION pg_etl;
SET client_encoding = 'UTF8';
SELECT plan(11);
SELECT is(etl.normalize_text('Müller-ÅNGSTRÖM ½ µ'), 'muller angstrom 1 2 u', 'text');
SELECT lives_ok($$SELECT etl.normalize_text(chr(i)), etl.normalize_name(chr(i) || ', x'), etl.normalize_address(chr(i)),
                  etl.normalize_email(chr(i) || '@x' || chr(i) || '.org') FROM generate_series(1, 255) AS i$$,
                'every character');
SELECT is(etl.normalize_email('üser@MÜLLER.de'), 'üser@xn--mller-kva.de', 'e-mail');
SELECT is(etl.normalize_phone('030 12345', 'DE'), '+493012345', 'phone');
SELECT throws_ok($$SELECT etl.normalize_phone('1', 'É')$$, '22023', 'unknown country "É"', 'what it says is in LATIN1');
SELECT is(etl.minhash('Müller', 1), ARRAY[28435330], 'the signature is that of the text in UTF-8');
SELECT ok(:'ascii_utf8_and_more', 'SQL_ASCII: UTF-8 is understood, other bytes are blanks');
SELECT ok(:'ascii_neither', 'SQL_ASCII: names');
SELECT ok(:'ascii_no_email', 'SQL_ASCII: e-mail');
SELECT ok(:'ascii_phone', 'SQL_ASCII: phone');
SELECT ok(:'ascii_minhash', 'SQL_ASCII: minhash');
SELECT * FROM finish();
