-- The set of a column's distinct values: its type, and the aggregate that merges sets. The aggregates that make and
-- count it are in count_distinct.sql, what is asked of stored sets in set_operations.sql.

CREATE TYPE etl.distinct_set;

CREATE FUNCTION etl.distinct_set_in(cstring)
RETURNS etl.distinct_set
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_in';
COMMENT ON FUNCTION etl.distinct_set_in(cstring) IS
    'Input function of etl.distinct_set; checks every byte. Error 22P02 or 22P03 where it is none.';

CREATE FUNCTION etl.distinct_set_out(etl.distinct_set)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_out';
COMMENT ON FUNCTION etl.distinct_set_out(etl.distinct_set) IS
    'Output function of etl.distinct_set: \x and hexadecimal digits.';

CREATE FUNCTION etl.distinct_set_recv(internal)
RETURNS etl.distinct_set
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_recv';
COMMENT ON FUNCTION etl.distinct_set_recv(internal) IS
    'Receive function of etl.distinct_set; checks every byte. Error 22P03 where it is none.';

CREATE FUNCTION etl.distinct_set_send(etl.distinct_set)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_send';
COMMENT ON FUNCTION etl.distinct_set_send(etl.distinct_set) IS 'Send function of etl.distinct_set.';

CREATE TYPE etl.distinct_set (
    INPUT = etl.distinct_set_in,
    OUTPUT = etl.distinct_set_out,
    RECEIVE = etl.distinct_set_recv,
    SEND = etl.distinct_set_send,
    ALIGNMENT = double,
    STORAGE = external
);
COMMENT ON TYPE etl.distinct_set IS
    'The distinct values of a column, in 8 bytes each (whole numbers, floats, moments, booleans and what else '
    'PostgreSQL passes by value, but enums) or 16 (other types), and 16 bytes besides. Made by the aggregate '
    'etl.distinct_set, stored like any value, merged by the aggregate etl.merge, read by etl.cardinality and '
    'etl.contains, combined by etl.set_union, etl.set_intersection and etl.set_difference. Values of 8 bytes and UUIDs '
    'are kept exactly; others by a hash of 128 bits. Equal sets are equal bytes. Holds at most 128000000 values of 8 '
    'bytes or 64000000 of 16.';

CREATE FUNCTION etl._distinct_set_combine(etl.distinct_set, etl.distinct_set)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_combine';
COMMENT ON FUNCTION etl._distinct_set_combine(etl.distinct_set, etl.distinct_set) IS
    'Union of two sets: combine function of etl.distinct_set and etl.count_distinct, transition of etl.merge. NULL is '
    'no set. Error 42804 for sets of values of two types.';

CREATE FUNCTION etl._distinct_set_final(etl.distinct_set)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_final';
COMMENT ON FUNCTION etl._distinct_set_final(etl.distinct_set) IS
    'Final function of etl.distinct_set and etl.merge: the set in the form in which it is stored.';

CREATE FUNCTION etl._count_distinct_final(etl.distinct_set)
RETURNS bigint
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_count_distinct_final';
COMMENT ON FUNCTION etl._count_distinct_final(etl.distinct_set) IS
    'Final function of etl.count_distinct: the number of values in the set, 0 without a set.';

CREATE AGGREGATE etl.merge(etl.distinct_set) (
    SFUNC = etl._distinct_set_combine,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.distinct_set) IS
    'Union of stored sets: etl.cardinality(etl.merge(s)) counts every value once, in however many sets it lies. NULL '
    'sets are left out; NULL without sets. Error 42804 for sets of values of several types, 54000 for more values than '
    'a set can hold.';
