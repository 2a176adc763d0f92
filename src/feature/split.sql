-- Rows parted into training, validation and test, by key or by time, and values into buckets by their hash.

CREATE FUNCTION etl.split(key "any", fractions double precision[], seed bigint DEFAULT 0)
RETURNS integer
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_split';
COMMENT ON FUNCTION etl.split("any", double precision[], bigint) IS
    'The part, from 1, that a key belongs to when keys are split at random in these shares. key: a value of any type '
    'with a hash function; equal values belong to one part, and so do all rows of a user when the key is the user. '
    'fractions: the share of each part, such as ARRAY[0.8, 0.1, 0.1]; greater than 0, their sum 1 (off by less than '
    '1e-9). seed: another one gives another split, which has nothing to do with this one. The part depends on '
    'nothing but the arguments: the first 53 bits of etl.hash128(key, seed), read as a binary fraction, lie below '
    'the sum of the fractions up to that of the part, and not below the sum of those before. So it is the same '
    'wherever etl.hash128 is, and a key keeps its part when rows come and go. NULL for a NULL argument. Errors: '
    '22023 fractions that are not greater than 0, do not sum to 1, are NULL or none, 42883 a type without a hash '
    'function, 42P22 a text whose collation is not determined.';

CREATE FUNCTION etl.hash_bucket(key "any", buckets integer, seed bigint DEFAULT 0)
RETURNS integer
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_hash_bucket';
COMMENT ON FUNCTION etl.hash_bucket("any", integer, bigint) IS
    'The bucket, from 0, that a value falls into when values are spread over so many by their hash: for categories '
    'with too many values to have a column each. Equal values share a bucket, the same one on every machine: the '
    'first 53 bits of etl.hash128(key, seed), read as a binary fraction, times buckets, rounded down. NULL for a '
    'NULL argument. Errors: 22023 fewer than one bucket, 42883 a type without a hash function, 42P22 a text whose '
    'collation is not determined.';

CREATE FUNCTION etl.temporal_split(ts timestamptz, cutoffs timestamptz[], gap interval DEFAULT '0')
RETURNS integer
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_temporal_split';
COMMENT ON FUNCTION etl.temporal_split(timestamptz, timestamptz[], interval) IS
    'The part, from 1, that a moment belongs to when time is split at these moments: 1 before the first cutoff, 2 from '
    'it on to the second, and so on; a cutoff itself belongs to the part that it begins. cutoffs: in ascending order; '
    'none is one part. gap: so long before each cutoff rows belong to no part (NULL): cutoff - gap <= ts < cutoff. It '
    'keeps a row out of training whose outcome is known only after the cutoff. Days and months of the gap are those '
    'of the session''s time zone. NULL for a NULL argument. Errors: 22023 cutoffs that do not ascend or are NULL, a '
    'gap with a negative part, 22008 a gap before the first moment that PostgreSQL has.';
