-- Codes of how a name sounds: published values, other letters, refusals. The rules letter by letter are tested with
-- the core.
BEGIN;
SELECT plan(49);

SELECT is(etl.soundex(name), code, format('soundex(%s)', name)) FROM (VALUES
    ('Robert', 'R163'), ('Rupert', 'R163'), ('Rubin', 'R150'), ('Ashcraft', 'A261'), ('Tymczak', 'T522'),
    ('Pfister', 'P236'), ('Honeyman', 'H555'), ('Łukasiewicz', 'L222'), ('o''hara', 'O600'), ('', ''), ('42', '')
) AS v(name, code);
SELECT is(etl.nysiis(name, 20), code, format('nysiis(%s)', name)) FROM (VALUES
    ('MACINTOSH', 'MCANT'), ('KNUTH', 'NAT'), ('PHILLIPSON', 'FALAPSAN'), ('SCHOENHOEFT', 'SANAFT'), ('MCKEE', 'MCY'),
    ('HEITSCHMIDT', 'HATSNAD'), ('WESTERLUND', 'WASTARLAD'), ('CASSTEVENS', 'CASTAFAN'), ('VASQUEZ', 'VASG'),
    ('BOWMAN', 'BANAN'), ('DEUTSCH', 'DAT'), ('CARRAWAY', 'CARY'), ('', '')) AS v(name, code);
SELECT is(etl.nysiis('PHILLIPSON'), 'FALAPS', 'nysiis has 6 letters at most');
SELECT is(etl.metaphone(word), code, format('metaphone(%s)', word)) FROM (VALUES
    ('Thumb', '0M'), ('Knight', 'NT'), ('Xavier', 'SFR'), ('School', 'SKL'), ('Science', 'SNS'), ('Edge', 'EJ'),
    ('', '')) AS v(word, code);
SELECT is(etl.metaphone('Schwarzenegger', 20), 'SKWRSNKR', 'a longer metaphone');
SELECT is(etl.double_metaphone(name), codes, format('double_metaphone(%s)', name)) FROM (VALUES
    ('Smith', '{SM0,XMT}'::text[]), ('Schmidt', '{XMT,SMT}'), ('Catherine', '{K0RN,KTRN}'), ('Michael', '{MKL,MXL}'),
    ('San Jacinto', '{SNHS,SNHS}'), ('Filipowicz', '{FLPT,FLPF}'), ('garçon', '{KRSN,KRSN}'), ('', '{"",""}')
) AS v(name, codes);
SELECT ok(etl.double_metaphone('Smith') && etl.double_metaphone('Schmidt'), 'codes that overlap');
SELECT is(etl.double_metaphone('Schwarzenegger', 6), '{XRSNKR,XFRTSN}'::text[], 'longer codes');

SELECT throws_ok(format('SELECT etl.%s(''a'', 0)', f), '22023', 'max_length must be at least 1, not 0', f)
FROM unnest('{nysiis,metaphone,double_metaphone}'::text[]) AS f;
SELECT throws_ok($$SELECT etl.soundex(repeat('a', 1048577))$$, '54000',
                 'a text of 1048577 bytes is too long to compare', 'a text that is too long');
SELECT is(etl.soundex(NULL), NULL::text, 'NULL in, NULL out');
SELECT is((SELECT count(*) FROM pg_proc
           WHERE pronamespace = 'etl'::regnamespace AND provolatile = 'i' AND proisstrict AND proparallel = 's'
             AND proname IN ('soundex', 'nysiis', 'metaphone', 'double_metaphone')), 4::bigint,
          'all of them are IMMUTABLE STRICT PARALLEL SAFE');

SELECT * FROM finish();
ROLLBACK;
