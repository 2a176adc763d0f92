-- Mergeable states that answer questions about the values of a column: for now the set of its distinct values.

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
    STORAGE = extended
);
COMMENT ON TYPE etl.distinct_set IS
    'The distinct values of a column, each as a fingerprint of 16 bytes. Made by the aggregate etl.distinct_set, '
    'stored like any value, merged by the aggregate etl.merge, read by etl.cardinality. Numbers, moments and UUIDs '
    'are kept exactly; texts and numerics by a hash of 128 bits. Holds at most 37748736 values.';

CREATE FUNCTION etl.cardinality(etl.distinct_set)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_cardinality';
COMMENT ON FUNCTION etl.cardinality(etl.distinct_set) IS 'How many distinct values a set holds.';

CREATE FUNCTION etl._distinct_set_combine(etl.distinct_set, etl.distinct_set)
RETURNS etl.distinct_set
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_combine';
COMMENT ON FUNCTION etl._distinct_set_combine(etl.distinct_set, etl.distinct_set) IS
    'Union of two sets: combine function of etl.distinct_set and etl.count_distinct, transition of etl.merge.';

CREATE FUNCTION etl._count_distinct_final(etl.distinct_set)
RETURNS bigint
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_count_distinct_final';
COMMENT ON FUNCTION etl._count_distinct_final(etl.distinct_set) IS
    'Final function of etl.count_distinct: the number of values in the set, 0 without a set.';

CREATE AGGREGATE etl.merge(etl.distinct_set) (
    SFUNC = etl._distinct_set_combine,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.distinct_set) IS
    'Union of stored sets: etl.cardinality(etl.merge(s)) counts every value once, in however many sets it lies. NULL '
    'without sets. Error 54000 past 37748736 values.';

-- One transition function and two aggregates per type. No anyelement: servers that split a query among them ship
-- aggregates by their exact types, and a date must not be counted through a cast that depends on the time zone.

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, text)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_text';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, text) IS
    'Transition function of etl.distinct_set(text) and etl.count_distinct(text).';

CREATE AGGREGATE etl.distinct_set(x text) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(text) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs are '
    'left out; NULL without values. Error 54000 past 37748736 values. Compared by its bytes; error 0A000 for a '
    'nondeterministic collation. citext and varchar count as text.';

CREATE AGGREGATE etl.count_distinct(x text) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(text) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 past 37748736 values in a group. Compared by its bytes; error 0A000 for a '
    'nondeterministic collation. citext and varchar count as text.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, bigint)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_bigint';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, bigint) IS
    'Transition function of etl.distinct_set(bigint) and etl.count_distinct(bigint).';

CREATE AGGREGATE etl.distinct_set(x bigint) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(bigint) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs are '
    'left out; NULL without values. Error 54000 past 37748736 values.';

CREATE AGGREGATE etl.count_distinct(x bigint) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(bigint) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 past 37748736 values in a group.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, integer)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_integer';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, integer) IS
    'Transition function of etl.distinct_set(integer) and etl.count_distinct(integer).';

CREATE AGGREGATE etl.distinct_set(x integer) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(integer) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs are '
    'left out; NULL without values. Error 54000 past 37748736 values. Equal to the bigint of the same value.';

CREATE AGGREGATE etl.count_distinct(x integer) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(integer) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 past 37748736 values in a group. Equal to the bigint of the same value.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, smallint)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_smallint';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, smallint) IS
    'Transition function of etl.distinct_set(smallint) and etl.count_distinct(smallint).';

CREATE AGGREGATE etl.distinct_set(x smallint) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(smallint) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs are '
    'left out; NULL without values. Error 54000 past 37748736 values. Equal to the bigint of the same value.';

CREATE AGGREGATE etl.count_distinct(x smallint) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(smallint) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 past 37748736 values in a group. Equal to the bigint of the same value.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, numeric)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_numeric';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, numeric) IS
    'Transition function of etl.distinct_set(numeric) and etl.count_distinct(numeric).';

CREATE AGGREGATE etl.distinct_set(x numeric) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(numeric) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs are '
    'left out; NULL without values. Error 54000 past 37748736 values. 1.0 equals 1.00; NaN equals NaN.';

CREATE AGGREGATE etl.count_distinct(x numeric) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(numeric) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 past 37748736 values in a group. 1.0 equals 1.00; NaN equals NaN.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, uuid)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_uuid';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, uuid) IS
    'Transition function of etl.distinct_set(uuid) and etl.count_distinct(uuid).';

CREATE AGGREGATE etl.distinct_set(x uuid) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(uuid) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs are '
    'left out; NULL without values. Error 54000 past 37748736 values.';

CREATE AGGREGATE etl.count_distinct(x uuid) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(uuid) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 past 37748736 values in a group.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, timestamptz)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_timestamptz';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, timestamptz) IS
    'Transition function of etl.distinct_set(timestamptz) and etl.count_distinct(timestamptz).';

CREATE AGGREGATE etl.distinct_set(x timestamptz) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(timestamptz) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs are '
    'left out; NULL without values. Error 54000 past 37748736 values.';

CREATE AGGREGATE etl.count_distinct(x timestamptz) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(timestamptz) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 past 37748736 values in a group.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, timestamp)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_timestamp';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, timestamp) IS
    'Transition function of etl.distinct_set(timestamp) and etl.count_distinct(timestamp).';

CREATE AGGREGATE etl.distinct_set(x timestamp) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(timestamp) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs are '
    'left out; NULL without values. Error 54000 past 37748736 values.';

CREATE AGGREGATE etl.count_distinct(x timestamp) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(timestamp) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 past 37748736 values in a group.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, date)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_date';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, date) IS
    'Transition function of etl.distinct_set(date) and etl.count_distinct(date).';

CREATE AGGREGATE etl.distinct_set(x date) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(date) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs are '
    'left out; NULL without values. Error 54000 past 37748736 values.';

CREATE AGGREGATE etl.count_distinct(x date) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 128,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(date) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 past 37748736 values in a group.';
