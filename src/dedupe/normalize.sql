-- What texts of people and places look like when they are compared: one form for all spellings of the same thing.

CREATE FUNCTION etl.normalize_text(value text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_normalize_text';
COMMENT ON FUNCTION etl.normalize_text(text) IS
    'A text without what does not count when texts are compared: small letters (Unicode NFKC with full case folding), '
    'no accents, letters that Unicode does not take apart as plain ones (o or l with a stroke as o and l, a sharp s as '
    'ss), digits of any script as 0 to 9, no apostrophes (O''Brien and OBrien are the same), one blank for any run of '
    'other punctuation, symbols and white space, none at the ends, no control and zero-width characters. Letters of '
    'other scripts stay. NULL when nothing is left. Normalizing a second time changes nothing. Bytes that are no UTF-8 '
    '(in a database in SQL_ASCII) count as blanks. Errors: 54000 a result of more than 1 GB, 22P05 a character that '
    'the encoding of the database lacks.';

CREATE FUNCTION etl.normalize_code(value text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_normalize_code';
COMMENT ON FUNCTION etl.normalize_code(text) IS
    'The letters and digits of a text, as etl.normalize_text leaves them and without blanks: for identifiers, '
    'postcodes, serial numbers, and dates in digits, which people group in many ways. NULL when nothing is left. '
    'Errors as of etl.normalize_text.';

CREATE FUNCTION etl.normalize_name(value text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_normalize_name';
COMMENT ON FUNCTION etl.normalize_name(text) IS
    'A person''s name as etl.normalize_text leaves it, and further: "Last, First" is first last, titles before it (mr, '
    'mrs, ms, dr, prof, sir, rev, herr, frau, mme, sr …) and suffixes behind it (jr, sr, ii, iii, iv, phd, md, esq …) '
    'are dropped while a word is left. Initials are words without dots; particles (van, de, al) and nicknames stay. '
    'NULL when nothing is left.';

CREATE FUNCTION etl.normalize_email(value text, provider_rules bool DEFAULT true)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_normalize_email';
COMMENT ON FUNCTION etl.normalize_email(text, bool) IS
    'An e-mail address in small letters, without blanks, "mailto:" or a name around it; a host name with other letters '
    'in Punycode. provider_rules: also what large providers take for one mailbox: what follows "+" goes at gmail.com, '
    'googlemail.com, outlook.com, hotmail.com, live.com, msn.com, icloud.com, me.com, mac.com, proton.me, '
    'protonmail.com, pm.me, fastmail.com and fastmail.fm, dots go at gmail.com, and googlemail.com is gmail.com. NULL '
    'for what is no address by RFC 5321 and 5322 (one local part of at most 64 bytes, a host name with a dot).';

CREATE FUNCTION etl.normalize_phone(value text, country text DEFAULT 'ZZ')
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_normalize_phone';
COMMENT ON FUNCTION etl.normalize_phone(text, text) IS
    'A telephone number as "+", calling code and national number (ITU-T E.164): +493012345 for "+49 (0)30 123 45", '
    '"0049 30 12345" and, with country DE, "030 / 123-45". country: to whom numbers without a calling code belong, by '
    'its two letters in ISO 3166-1; ZZ: not known, so that only international numbers are understood. Digits of any '
    'script count. An extension ("ext. 12", "x12", "#12") or a second number is dropped. NULL for what has too few or '
    'too many digits for a number of its country, or needs one. That the number is assigned is not checked. Error '
    '22023: unknown country.';

CREATE FUNCTION etl.normalize_address(value text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_normalize_address';
COMMENT ON FUNCTION etl.normalize_address(text) IS
    'A postal address as etl.normalize_text leaves it, with its words abbreviated: street types, units and directions '
    'by USPS Publication 28 (street is st, avenue ave, apartment apt, north n), and of German, French and Spanish '
    '(Hauptstrasse and Hauptstr. are haupt st, boulevard blvd, calle c). Ordinals in words are numbers (first is 1st), '
    '"no." before a number goes, a letter after one stands alone (12a is 12 a), a range of numbers is its two ends, a '
    'post office box pobox. St is st, street or saint. NULL when nothing is left.';
