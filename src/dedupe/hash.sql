-- etl.hash128: one fingerprint of any values, whatever their types.

CREATE FUNCTION etl.hash128(VARIADIC "any")
RETURNS uuid
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_hash128';
COMMENT ON FUNCTION etl.hash128(VARIADIC "any") IS
    'A 128-bit hash (XXH3) of one value or more, as uuid: a key for joins, unique indexes and change detection. Equal '
    'values of a type, by its own equality and the collation of each argument, have the same hash: numeric 1.0 and '
    '1.00, -0.0 and 0.0, char(n) with and without blanks at its end. smallint, integer and bigint hash alike, and '
    'so do real and double precision, text, varchar and char(n), domains and what they are made of; other types do not '
    '(1 and 1.0). NULL is a value of its own, different from '''', and the result is never NULL. The order and number '
    'of the values count: (''a'', ''b'') is not (''ab'', ''''). A literal without a type is text. With VARIADIC before '
    'an array, each element is a value, and a NULL array gives NULL. Two of n different keys have the same hash with a '
    'probability of n^2 / 2^129: for a billion keys 1 in 10^21. The hash is not cryptographic: somebody can '
    'construct values that collide. It is the same on all little-endian machines and for all versions of PostgreSQL '
    'but for what the database numbers (enum, regclass and their kin), texts of a nondeterministic collation and types '
    'of extensions, which use their own hash functions. Errors: 42883 a type without a hash function (json, xml, '
    'point), 42P22 a text whose collation is not determined.';
