-- The first, last and greatest few values of a group, by any order.

CREATE TYPE etl.top_n_state;

CREATE FUNCTION etl.top_n_state_in(cstring)
RETURNS etl.top_n_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_n_state_in';
COMMENT ON FUNCTION etl.top_n_state_in(cstring) IS
    'Input function of etl.top_n_state; checks every byte. Error 22P02 or 22P03 where it is none.';

CREATE FUNCTION etl.top_n_state_out(etl.top_n_state)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_n_state_out';
COMMENT ON FUNCTION etl.top_n_state_out(etl.top_n_state) IS
    'Output function of etl.top_n_state: \x and hexadecimal digits.';

CREATE FUNCTION etl.top_n_state_recv(internal)
RETURNS etl.top_n_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_n_state_recv';
COMMENT ON FUNCTION etl.top_n_state_recv(internal) IS
    'Receive function of etl.top_n_state; checks every byte. Error 22P03 where it is none.';

CREATE FUNCTION etl.top_n_state_send(etl.top_n_state)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_n_state_send';
COMMENT ON FUNCTION etl.top_n_state_send(etl.top_n_state) IS
    'Send function of etl.top_n_state.';

CREATE TYPE etl.top_n_state (
    INPUT = etl.top_n_state_in,
    OUTPUT = etl.top_n_state_out,
    RECEIVE = etl.top_n_state_recv,
    SEND = etl.top_n_state_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE etl.top_n_state IS
    'The first n values of a group in an order, with their places in it. Made by the aggregates etl.top_n_state, '
    'etl.latest_n_state and etl.first_n_state, stored like any value, merged by the aggregate etl.merge, read by '
    'etl.top_values.';

CREATE FUNCTION etl._top_n_combine(etl.top_n_state, etl.top_n_state)
RETURNS etl.top_n_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_n_combine';
COMMENT ON FUNCTION etl._top_n_combine(etl.top_n_state, etl.top_n_state) IS
    'The first n values of two states: combine function of etl.top_n and its like, transition of etl.merge.';

CREATE AGGREGATE etl.merge(etl.top_n_state) (
    SFUNC = etl._top_n_combine,
    STYPE = etl.top_n_state,
    SSPACE = 1024,
    COMBINEFUNC = etl._top_n_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.top_n_state) IS
    'The first n values of all states together, as if one aggregate had seen all rows. NULL without states. Errors: '
    '22023 states of different types, orders or n, or of a database of another encoding; 42704 a type or collation '
    'that is not there any more; 22P03 a state that was not made by etl.';

CREATE FUNCTION etl._top_n_add(etl.top_n_state, anyelement, anycompatible, integer)
RETURNS etl.top_n_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_n_add';
COMMENT ON FUNCTION etl._top_n_add(etl.top_n_state, anyelement, anycompatible, integer) IS
    'Transition function of etl.top_n and etl.latest_n.';

CREATE FUNCTION etl._first_n_add(etl.top_n_state, anyelement, anycompatible, integer)
RETURNS etl.top_n_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_first_n_add';
COMMENT ON FUNCTION etl._first_n_add(etl.top_n_state, anyelement, anycompatible, integer) IS
    'Transition function of etl.first_n.';

CREATE FUNCTION etl._top_n_final(etl.top_n_state, anyelement, anycompatible, integer)
RETURNS anyarray
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_n_final';
COMMENT ON FUNCTION etl._top_n_final(etl.top_n_state, anyelement, anycompatible, integer) IS
    'Final function of etl.top_n and its like: the values as an array.';

CREATE FUNCTION etl._latest_add(etl.top_n_state, anyelement, anycompatible)
RETURNS etl.top_n_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_n_add';
COMMENT ON FUNCTION etl._latest_add(etl.top_n_state, anyelement, anycompatible) IS
    'Transition function of etl.latest.';

CREATE FUNCTION etl._first_add(etl.top_n_state, anyelement, anycompatible)
RETURNS etl.top_n_state
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_first_n_add';
COMMENT ON FUNCTION etl._first_add(etl.top_n_state, anyelement, anycompatible) IS 'Transition function of etl.first.';

CREATE FUNCTION etl._latest_final(etl.top_n_state, anyelement, anycompatible)
RETURNS anyelement
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_latest_final';
COMMENT ON FUNCTION etl._latest_final(etl.top_n_state, anyelement, anycompatible) IS
    'Final function of etl.latest and etl.first: the one value.';

CREATE AGGREGATE etl.top_n(value anyelement, by anycompatible, n integer) (
    SFUNC = etl._top_n_add,
    STYPE = etl.top_n_state,
    SSPACE = 1024,
    FINALFUNC = etl._top_n_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = etl._top_n_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.top_n(anyelement, anycompatible, integer) IS
    'The values of the n rows with the greatest "by", greatest first, as an array. NULL without rows; n = 0 gives '
    'an empty array. Rows without an order (NULL) are left out, values that are NULL are kept. Of rows with one '
    'place in the order the lower value comes first, NULL last, as in ORDER BY by DESC, value; texts are compared '
    'by their bytes here, and values whose type has no order as well. Errors: 22023 n is negative, above 10000000 '
    'or not the same for all rows of a group; 22004 n is NULL; 42883 the order''s type has no btree operator '
    'class; 0A000 rows of no named type; 42P22 no collation is known.';

CREATE AGGREGATE etl.latest_n(value anyelement, ts anycompatible, n integer) (
    SFUNC = etl._top_n_add,
    STYPE = etl.top_n_state,
    SSPACE = 1024,
    FINALFUNC = etl._top_n_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = etl._top_n_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.latest_n(anyelement, anycompatible, integer) IS
    'The values of the n rows with the latest ts (any type that has an order), latest first, as an array. NULL '
    'without rows; n = 0 gives an empty array. Rows without an order (NULL) are left out, values that are NULL '
    'are kept. Of rows with one place in the order the lower value comes first, NULL last, as in ORDER BY ts '
    'DESC, value; texts are compared by their bytes here, and values whose type has no order as well. Errors: '
    '22023 n is negative, above 10000000 or not the same for all rows of a group; 22004 n is NULL; 42883 the '
    'order''s type has no btree operator class; 0A000 rows of no named type; 42P22 no collation is known.';

CREATE AGGREGATE etl.first_n(value anyelement, ts anycompatible, n integer) (
    SFUNC = etl._first_n_add,
    STYPE = etl.top_n_state,
    SSPACE = 1024,
    FINALFUNC = etl._top_n_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = etl._top_n_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.first_n(anyelement, anycompatible, integer) IS
    'The values of the n rows with the earliest ts (any type that has an order), earliest first, as an array. '
    'NULL without rows; n = 0 gives an empty array. Rows without an order (NULL) are left out, values that are '
    'NULL are kept. Of rows with one place in the order the lower value comes first, NULL last, as in ORDER BY '
    'ts, value; texts are compared by their bytes here, and values whose type has no order as well. Errors: 22023 '
    'n is negative, above 10000000 or not the same for all rows of a group; 22004 n is NULL; 42883 the order''s '
    'type has no btree operator class; 0A000 rows of no named type; 42P22 no collation is known.';

CREATE AGGREGATE etl.latest(value anyelement, ts anycompatible) (
    SFUNC = etl._latest_add,
    STYPE = etl.top_n_state,
    SSPACE = 160,
    FINALFUNC = etl._latest_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = etl._top_n_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.latest(anyelement, anycompatible) IS
    'The value of the row with the latest ts (any type that has an order). The value may be a whole row of a '
    'table: (etl.latest(t, ts)).*. NULL without rows. Rows without an order (NULL) are left out, values that are '
    'NULL are kept. Of rows with one place in the order the lower value comes first, NULL last, as in ORDER BY ts '
    'DESC, value; texts are compared by their bytes here, and values whose type has no order as well. Errors: '
    '42883 the order''s type has no btree operator class; 0A000 rows of no named type; 42P22 no collation is '
    'known.';

CREATE AGGREGATE etl.first(value anyelement, ts anycompatible) (
    SFUNC = etl._first_add,
    STYPE = etl.top_n_state,
    SSPACE = 160,
    FINALFUNC = etl._latest_final,
    FINALFUNC_EXTRA,
    COMBINEFUNC = etl._top_n_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.first(anyelement, anycompatible) IS
    'The value of the row with the earliest ts (any type that has an order). The value may be a whole row of a '
    'table: (etl.first(t, ts)).*. NULL without rows. Rows without an order (NULL) are left out, values that are '
    'NULL are kept. Of rows with one place in the order the lower value comes first, NULL last, as in ORDER BY '
    'ts, value; texts are compared by their bytes here, and values whose type has no order as well. Errors: 42883 '
    'the order''s type has no btree operator class; 0A000 rows of no named type; 42P22 no collation is known.';

CREATE AGGREGATE etl.top_n_state(value anyelement, by anycompatible, n integer) (
    SFUNC = etl._top_n_add,
    STYPE = etl.top_n_state,
    SSPACE = 1024,
    COMBINEFUNC = etl._top_n_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.top_n_state(anyelement, anycompatible, integer) IS
    'What etl.top_n keeps, to be stored, merged by etl.merge and read by etl.top_values. NULL without rows. Rows '
    'without an order (NULL) are left out, values that are NULL are kept. Of rows with one place in the order the '
    'lower value comes first, NULL last, as in ORDER BY by DESC, value; texts are compared by their bytes here, '
    'and values whose type has no order as well. Errors: 22023 n is negative, above 10000000 or not the same for '
    'all rows of a group; 22004 n is NULL; 42883 the order''s type has no btree operator class; 0A000 rows of no '
    'named type; 42P22 no collation is known.';

CREATE AGGREGATE etl.latest_n_state(value anyelement, ts anycompatible, n integer) (
    SFUNC = etl._top_n_add,
    STYPE = etl.top_n_state,
    SSPACE = 1024,
    COMBINEFUNC = etl._top_n_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.latest_n_state(anyelement, anycompatible, integer) IS
    'What etl.latest_n keeps, to be stored, merged by etl.merge and read by etl.top_values. NULL without rows. '
    'Rows without an order (NULL) are left out, values that are NULL are kept. Of rows with one place in the '
    'order the lower value comes first, NULL last, as in ORDER BY ts DESC, value; texts are compared by their '
    'bytes here, and values whose type has no order as well. Errors: 22023 n is negative, above 10000000 or not '
    'the same for all rows of a group; 22004 n is NULL; 42883 the order''s type has no btree operator class; '
    '0A000 rows of no named type; 42P22 no collation is known.';

CREATE AGGREGATE etl.first_n_state(value anyelement, ts anycompatible, n integer) (
    SFUNC = etl._first_n_add,
    STYPE = etl.top_n_state,
    SSPACE = 1024,
    COMBINEFUNC = etl._top_n_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.first_n_state(anyelement, anycompatible, integer) IS
    'What etl.first_n keeps, to be stored, merged by etl.merge and read by etl.top_values. NULL without rows. '
    'Rows without an order (NULL) are left out, values that are NULL are kept. Of rows with one place in the '
    'order the lower value comes first, NULL last, as in ORDER BY ts, value; texts are compared by their bytes '
    'here, and values whose type has no order as well. Errors: 22023 n is negative, above 10000000 or not the '
    'same for all rows of a group; 22004 n is NULL; 42883 the order''s type has no btree operator class; 0A000 '
    'rows of no named type; 42P22 no collation is known.';

CREATE FUNCTION etl.top_values(state etl.top_n_state, type_of_values anyelement)
RETURNS anyarray
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_top_values';
COMMENT ON FUNCTION etl.top_values(etl.top_n_state, anyelement) IS
    'The values that a state keeps, in their order, as an array. type_of_values: NULL of their type, as '
    'NULL::text. NULL for NULL. Errors: 42804 the values are of another type; 22023 a database of another '
    'encoding; 22P03 a state that was not made by etl.';
