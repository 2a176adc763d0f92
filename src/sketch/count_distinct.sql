-- etl.distinct_set and etl.count_distinct: a transition function and two aggregates per type. The types that most
-- columns have get functions of their own, which servers that split a query among them can ship by their exact types;
-- they are also what domains are counted by. Texts are in count_distinct_texts.sql.

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, bigint)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_bigint';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, bigint) IS
    'Transition function of etl.distinct_set(bigint) and etl.count_distinct(bigint).';

CREATE AGGREGATE etl.distinct_set(x bigint) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(bigint) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold.';

CREATE AGGREGATE etl.count_distinct(x bigint) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(bigint) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, integer)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_integer';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, integer) IS
    'Transition function of etl.distinct_set(integer) and etl.count_distinct(integer).';

CREATE AGGREGATE etl.distinct_set(x integer) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(integer) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold. Equal to the bigint of '
    'the same value.';

CREATE AGGREGATE etl.count_distinct(x integer) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(integer) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold. Equal to the bigint of the same '
    'value.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, smallint)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_smallint';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, smallint) IS
    'Transition function of etl.distinct_set(smallint) and etl.count_distinct(smallint).';

CREATE AGGREGATE etl.distinct_set(x smallint) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(smallint) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold. Equal to the bigint of '
    'the same value.';

CREATE AGGREGATE etl.count_distinct(x smallint) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(smallint) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold. Equal to the bigint of the same '
    'value.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, numeric)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_numeric';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, numeric) IS
    'Transition function of etl.distinct_set(numeric) and etl.count_distinct(numeric).';

CREATE AGGREGATE etl.distinct_set(x numeric) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(numeric) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold. 1.0 equals 1.00; NaN '
    'equals NaN.';

CREATE AGGREGATE etl.count_distinct(x numeric) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(numeric) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold. 1.0 equals 1.00; NaN equals NaN.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, uuid)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_uuid';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, uuid) IS
    'Transition function of etl.distinct_set(uuid) and etl.count_distinct(uuid).';

CREATE AGGREGATE etl.distinct_set(x uuid) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(uuid) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold.';

CREATE AGGREGATE etl.count_distinct(x uuid) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(uuid) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, timestamptz)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_timestamptz';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, timestamptz) IS
    'Transition function of etl.distinct_set(timestamptz) and etl.count_distinct(timestamptz).';

CREATE AGGREGATE etl.distinct_set(x timestamptz) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(timestamptz) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold.';

CREATE AGGREGATE etl.count_distinct(x timestamptz) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(timestamptz) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, timestamp)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_timestamp';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, timestamp) IS
    'Transition function of etl.distinct_set(timestamp) and etl.count_distinct(timestamp).';

CREATE AGGREGATE etl.distinct_set(x timestamp) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(timestamp) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold.';

CREATE AGGREGATE etl.count_distinct(x timestamp) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(timestamp) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, date)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_date';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, date) IS
    'Transition function of etl.distinct_set(date) and etl.count_distinct(date).';

CREATE AGGREGATE etl.distinct_set(x date) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(date) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold.';

CREATE AGGREGATE etl.count_distinct(x date) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(date) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, anyelement)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_value';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, anyelement) IS
    'Transition function of etl.distinct_set(anyelement) and etl.count_distinct(anyelement).';

CREATE AGGREGATE etl.distinct_set(x anyelement) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(anyelement) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold. Any type that has a hash '
    'function, arrays and records of such types too; error 42883 for others (json, xml, point).';

CREATE AGGREGATE etl.count_distinct(x anyelement) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(anyelement) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold. Any type that has a hash '
    'function, arrays and records of such types too; error 42883 for others (json, xml, point).';
