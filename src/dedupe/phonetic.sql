-- Codes of how a name sounds. Names that sound alike have one code, so a code is a key to block or to join by.
--
-- The codes are made for English. Accented letters count as the letters that they are made of, and those of other
-- scripts, digits and signs not at all.

CREATE FUNCTION etl.soundex(name text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_soundex';
COMMENT ON FUNCTION etl.soundex(text) IS
    'The Soundex code of a name by the census rule: its first letter and three digits; letters of one digit that '
    'meet, or that H or W stand between, count once. Empty without a letter from A to Z. Source: R. C. Russell, '
    'patent 1,261,167, 1918; National Archives, The Soundex Indexing System. Error 54000 for a text of more than '
    '1 MiB.';

CREATE FUNCTION etl.nysiis(name text, max_length int DEFAULT 6)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_nysiis';
COMMENT ON FUNCTION etl.nysiis(text, int) IS
    'The code of a name by the New York State Identification and Intelligence System, cut to max_length letters. '
    'Empty without a letter from A to Z. Source: R. L. Taft, Name search techniques, 1970. Error 22023 when '
    'max_length is below 1; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.metaphone(word text, max_length int DEFAULT 4)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_metaphone';
COMMENT ON FUNCTION etl.metaphone(text, int) IS
    'The Metaphone code of an English word, cut to max_length letters: X is the sound of sh, 0 that of th. Empty '
    'without a letter from A to Z. Source: L. Philips, Hanging on the Metaphone, Computer Language, 1990. Error '
    '22023 when max_length is below 1; 54000 for a text of more than 1 MiB.';

CREATE FUNCTION etl.double_metaphone(name text, max_length int DEFAULT 4)
RETURNS text[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_double_metaphone';
COMMENT ON FUNCTION etl.double_metaphone(text, int) IS
    'The two Double Metaphone codes of a name, primary and alternate, each cut to max_length letters; equal where '
    'there is one reading. Two names may be the same where the arrays overlap (&&). Two empty codes without a '
    'letter from A to Z. Source: L. Philips, The double metaphone search algorithm, C/C++ Users Journal, 2000. '
    'Error 22023 when max_length is below 1; 54000 for a text of more than 1 MiB.';
