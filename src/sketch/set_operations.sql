-- What is asked of stored sets of distinct values: their size, their members, and what two of them make.

CREATE FUNCTION etl.cardinality(etl.distinct_set)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_cardinality';
COMMENT ON FUNCTION etl.cardinality(etl.distinct_set) IS
    'How many distinct values a set holds. Reads only the front of a stored set.';

CREATE FUNCTION etl.set_union(a etl.distinct_set, b etl.distinct_set)
RETURNS etl.distinct_set
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_set_union';
COMMENT ON FUNCTION etl.set_union(etl.distinct_set, etl.distinct_set) IS
    'The values that are in either set. NULL where one is NULL. One pass through both. Error 42804 for sets of '
    'values of two types, 54000 for more values than a set can hold.';

CREATE FUNCTION etl.set_intersection(a etl.distinct_set, b etl.distinct_set)
RETURNS etl.distinct_set
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_set_intersection';
COMMENT ON FUNCTION etl.set_intersection(etl.distinct_set, etl.distinct_set) IS
    'The values that are in both sets. NULL where one is NULL. One pass through both. Error 42804 for sets of '
    'values of two types.';

CREATE FUNCTION etl.set_difference(a etl.distinct_set, b etl.distinct_set)
RETURNS etl.distinct_set
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_set_difference';
COMMENT ON FUNCTION etl.set_difference(etl.distinct_set, etl.distinct_set) IS
    'The values of the first set that are not in the second. NULL where one is NULL. One pass through both. Error '
    '42804 for sets of values of two types.';

CREATE FUNCTION etl._set_tail(base etl.distinct_set, tail etl.distinct_set, added etl.distinct_set)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_set_tail';
COMMENT ON FUNCTION etl._set_tail(etl.distinct_set, etl.distinct_set, etl.distinct_set) IS
    'The tail of a set that is kept in two parts, a base that stays and a small tail of values that are not in it, '
    'after more values: the tail, and of the added ones those that neither part has. NULL is no values. Few added '
    'values fetch little of a base that is stored out of line. Error 42804 for sets of values of two types.';

-- One function per type, as of the aggregates that make sets.

CREATE FUNCTION etl.contains(set etl.distinct_set, value text)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_text';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, text) IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set.';

CREATE FUNCTION etl.contains(set etl.distinct_set, value "char")
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_value';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, "char") IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set.';

CREATE FUNCTION etl.contains(set etl.distinct_set, value bigint)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_bigint';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, bigint) IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set.';

CREATE FUNCTION etl.contains(set etl.distinct_set, value integer)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_integer';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, integer) IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set.';

CREATE FUNCTION etl.contains(set etl.distinct_set, value smallint)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_smallint';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, smallint) IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set.';

CREATE FUNCTION etl.contains(set etl.distinct_set, value numeric)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_numeric';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, numeric) IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set.';

CREATE FUNCTION etl.contains(set etl.distinct_set, value uuid)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_uuid';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, uuid) IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set.';

CREATE FUNCTION etl.contains(set etl.distinct_set, value timestamptz)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_timestamptz';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, timestamptz) IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set.';

CREATE FUNCTION etl.contains(set etl.distinct_set, value timestamp)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_timestamp';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, timestamp) IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set.';

CREATE FUNCTION etl.contains(set etl.distinct_set, value date)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_date';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, date) IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set.';

CREATE FUNCTION etl.contains(set etl.distinct_set, value anyelement)
RETURNS boolean
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_contains_value';
COMMENT ON FUNCTION etl.contains(etl.distinct_set, anyelement) IS
    'Whether the value is in the set. NULL where one is NULL. Error 42804 for a value of another type than the '
    'values of the set, as far as the set knows it: types that are not built in (enums, rows, types of '
    'extensions) are not told apart; 42883 for a type without a hash function.';
