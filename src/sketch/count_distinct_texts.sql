-- etl.distinct_set and etl.count_distinct of texts. A type has overloads of its own where a call would fit several of
-- the others ("char"), or where PostgreSQL would take etl.distinct_set(x) for a cast to the type of that name, as it
-- does for strings of any type that no overload has.

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, text)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_text';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, text) IS
    'Transition function of etl.distinct_set(text) and etl.count_distinct(text).';

CREATE AGGREGATE etl.distinct_set(x text) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(text) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold. Compared as the '
    'collation says; a citext by its own rules.';

CREATE AGGREGATE etl.count_distinct(x text) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(text) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold. Compared as the collation says; '
    'a citext by its own rules.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, varchar)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_text';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, varchar) IS
    'Transition function of etl.distinct_set(varchar) and etl.count_distinct(varchar).';

CREATE AGGREGATE etl.distinct_set(x varchar) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(varchar) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold. Equal to the text of the '
    'same characters.';

CREATE AGGREGATE etl.count_distinct(x varchar) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(varchar) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold. Equal to the text of the same '
    'characters.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, bpchar)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_value';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, bpchar) IS
    'Transition function of etl.distinct_set(bpchar) and etl.count_distinct(bpchar).';

CREATE AGGREGATE etl.distinct_set(x bpchar) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(bpchar) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold. Equal to the text '
    'without the blanks at its end.';

CREATE AGGREGATE etl.count_distinct(x bpchar) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(bpchar) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold. Equal to the text without the '
    'blanks at its end.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, name)
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_value';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, name) IS
    'Transition function of etl.distinct_set(name) and etl.count_distinct(name).';

CREATE AGGREGATE etl.distinct_set(x name) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set(name) IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold. Equal to the text of the '
    'same characters.';

CREATE AGGREGATE etl.count_distinct(x name) (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct(name) IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold. Equal to the text of the same '
    'characters.';

CREATE FUNCTION etl._distinct_set_add(etl.distinct_set, "char")
RETURNS etl.distinct_set
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_distinct_set_add_value';
COMMENT ON FUNCTION etl._distinct_set_add(etl.distinct_set, "char") IS
    'Transition function of etl.distinct_set("char") and etl.count_distinct("char").';

CREATE AGGREGATE etl.distinct_set(x "char") (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._distinct_set_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.distinct_set("char") IS
    'The set of the distinct values of x, to be stored, merged by etl.merge and counted by etl.cardinality. NULLs '
    'are left out; NULL without values. Error 54000 for more values than a set can hold.';

CREATE AGGREGATE etl.count_distinct(x "char") (
    SFUNC = etl._distinct_set_add,
    STYPE = etl.distinct_set,
    SSPACE = 144,
    FINALFUNC = etl._count_distinct_final,
    COMBINEFUNC = etl._distinct_set_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.count_distinct("char") IS
    'How many distinct values x has: count(DISTINCT x), without a sort and in parallel. NULLs are not counted; 0 '
    'without values. Error 54000 for more values in a group than a set can hold.';
