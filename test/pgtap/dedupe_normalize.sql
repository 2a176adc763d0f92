-- etl.normalize_text and its kin: what SQL sees; the spellings are in test/unit.
BEGIN;
SELECT plan(37);

SELECT is(etl.normalize_text('  O''Brien–MÜLLER '), 'obrien muller', 'text');
SELECT is(etl.normalize_text('...'), NULL, 'nothing left');
SELECT is(etl.normalize_text(''), NULL, 'nothing there');
SELECT is(etl.normalize_text(NULL), NULL, 'NULL');
SELECT is(etl.normalize_text(repeat('Ä ', 100000)), rtrim(repeat('a ', 100000)), 'a long text');
SELECT is(etl.normalize_text('ﷺ'), 'صلى الله عليه وسلم', 'a character that stands for 18');

SELECT is(etl.normalize_name('Prof. Dr. Smith, Jr., John'), 'john smith', 'titles before the last name');
SELECT is(etl.normalize_name('SMITH, Dr. John'), 'john smith', 'name');
SELECT is(etl.normalize_name(', .'), NULL, 'no name');
SELECT is(etl.normalize_name(NULL), NULL, 'NULL name');

SELECT is(etl.normalize_email('A.da+x@GoogleMail.com'), 'ada@gmail.com', 'e-mail');
SELECT is(etl.normalize_email('A.da+x@GoogleMail.com', provider_rules => false), 'a.da+x@googlemail.com',
          'without the rules of providers');
SELECT is(etl.normalize_email('ada'), NULL, 'no e-mail');
SELECT is(etl.normalize_email(NULL), NULL, 'NULL e-mail');
SELECT is(etl.normalize_email('a@b.co', NULL), NULL, 'NULL rules');

SELECT is(etl.normalize_phone('+49 (0)30 123 45'), '+493012345', 'phone');
SELECT is(etl.normalize_phone('030 / 123-45', 'DE'), '+493012345', 'within a country');
SELECT is(etl.normalize_phone('030 / 123-45'), NULL, 'of an unknown country');
SELECT is(etl.normalize_phone('12'), NULL, 'no phone');
SELECT is(etl.normalize_phone(NULL), NULL, 'NULL phone');
SELECT is(etl.normalize_phone('030 12345', NULL), NULL, 'NULL country');
SELECT throws_ok($$SELECT etl.normalize_phone('030 12345', 'UK')$$, '22023', 'unknown country "UK"', 'no country');

SELECT is(etl.normalize_address('123 N. Main Street, Apt. #4B'), '123 n main st apt 4 b', 'address');
SELECT is(etl.normalize_address('#'), NULL, 'no address');
SELECT is(etl.normalize_address(NULL), NULL, 'NULL address');

-- All characters of the database, one by one and together: normalised once is normalised.
CREATE TABLE sample AS
    SELECT chr(i) || CASE WHEN i % 3 = 0 THEN ', Dr. x' || chr(i) WHEN i % 3 = 1 THEN '5 street' END AS t
    FROM generate_series(1, 70000) AS i WHERE i NOT BETWEEN 55296 AND 57343;
SELECT is((SELECT count(*) FROM sample WHERE etl.normalize_text(etl.normalize_text(t)) <> etl.normalize_text(t)),
          0::bigint, 'text twice');
SELECT is((SELECT count(*) FROM sample WHERE etl.normalize_name(etl.normalize_name(t)) <> etl.normalize_name(t)),
          0::bigint, 'name twice');
SELECT is((SELECT count(*) FROM sample
           WHERE etl.normalize_address(etl.normalize_address(t)) <> etl.normalize_address(t)), 0::bigint,
          'address twice');
-- Cherokee is the one script whose small letters fold to capital ones. What was free for letters in Unicode 15 may be a
-- capital one to a newer C library, and not yet to utf8proc.
SELECT is((SELECT count(*) FROM sample, etl.normalize_text(t) AS form
           WHERE form ~ '[[:upper:][:cntrl:]]|  |^ | $' AND form !~ '[Ꭰ-Ᏽ]'
             AND form !~ '[\u1C89\uA7CB-\uA7CF\uA7D2\uA7D4\uA7DA-\uA7F1\U00010D40-\U00010D8F]'), 0::bigint,
          'no capital letters, control characters, needless blanks');
-- Against PostgreSQL's own NFKC: it changes nothing either.
SELECT is((SELECT count(*) FROM sample WHERE NOT etl.normalize_text(t) IS NFKC NORMALIZED), 0::bigint, 'NFKC');
SELECT is((SELECT count(*) FROM sample
           WHERE etl.normalize_text(normalize(t, NFD)) IS DISTINCT FROM etl.normalize_text(normalize(t, NFC))),
          0::bigint, 'composed and decomposed texts are the same');

CREATE TABLE long_text AS SELECT string_agg(md5(i::text) || 'äか́', ' ') AS t FROM generate_series(1, 1000000) AS i;
CREATE FUNCTION is_cancelled(call text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT ' || call || ' FROM long_text';
    RETURN false;
EXCEPTION
    WHEN query_canceled THEN
        RETURN true;
END
$$;
SET LOCAL statement_timeout = '50ms';
SELECT ok(is_cancelled('length(etl.normalize_text(t))'), 'text can be cancelled');
SELECT ok(is_cancelled('length(etl.normalize_address(t))'), 'so can an address');
SELECT ok(is_cancelled('length(etl.normalize_name(t))'), 'and a name');
SELECT ok(is_cancelled('length(etl.minhash(t)::text)'), 'and a signature');
RESET statement_timeout;
SELECT is(etl.normalize_name('Lee, Bruce Jr.'), 'bruce lee', 'a suffix goes where the name is turned round, too');
SELECT is(etl.normalize_code(' AB-12 / cd.3 '), 'ab12cd3', 'a code is its letters and digits');

SELECT * FROM finish();
ROLLBACK;
