-- Features of one row: places on a circle, buckets, measures of texts.

-- What comes round again ---------------------------------------------------------------------------------------------

CREATE FUNCTION etl.cyclic(value float8, period float8)
RETURNS float8[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_cyclic_number';
COMMENT ON FUNCTION etl.cyclic(float8, float8) IS
    'A value that comes round again after a period (an angle in degrees: 360) as a place on a circle: {sin, cos} of 2 '
    'pi value / period, so that the end of a period lies beside its start. NULL for an infinite value and NaN; error '
    '22023 for a period that is not a finite number greater than 0.';

CREATE FUNCTION etl.cyclic("timestamp" timestamp, period text)
RETURNS float8[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_cyclic_timestamp';
COMMENT ON FUNCTION etl.cyclic(timestamp, text) IS
    'Where a moment lies within its hour, day, week (from Monday), month or year, as a place on a circle: {sin, cos} '
    'of 2 pi times the part of the period that has passed; months and years by their own lengths. NULL for an infinite '
    'moment; error 22023 for another period.';

CREATE FUNCTION etl.cyclic("timestamp" timestamptz, period text, timezone text)
RETURNS float8[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_cyclic_timestamptz';
COMMENT ON FUNCTION etl.cyclic(timestamptz, text, text) IS
    'etl.cyclic(timestamp, text) by the clock of a time zone, such as ''Europe/Berlin''. Error 22023 for an unknown '
    'one.';

-- Buckets ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.bucketize(value float8, edges float8[])
RETURNS integer
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_bucketize';
COMMENT ON FUNCTION etl.bucketize(float8, float8[]) IS
    'The number of the bucket that a value lies in: how many edges are not above it, from 0 to the number of edges. '
    'Bucket i holds edges[i] <= value < edges[i + 1]. As width_bucket, but the edges are checked. NaN lies in the '
    'last bucket, as PostgreSQL sorts it. Error 22023 for edges that do not ascend, and for NULL or NaN among them.';

-- Texts --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.digit_count(value text)
RETURNS integer
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_digit_count';
COMMENT ON FUNCTION etl.digit_count(text) IS
    'How many characters of a text are decimal digits, of any script (Unicode category Nd).';

CREATE FUNCTION etl.text_entropy(value text)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_text_entropy';
COMMENT ON FUNCTION etl.text_entropy(text) IS
    'Entropy of the characters of a text in bits a character: the sum of -p log2 p, where p is the share of each '
    'character (C. E. Shannon, "A Mathematical Theory of Communication", 1948). High for random names and keys, 0 for '
    'one character over and over and for an empty text.';
