-- What stands for a set of rows: the type etl.rows_hash, its operators, and the aggregates that make it.

CREATE TYPE etl.rows_hash;

CREATE FUNCTION etl.rows_hash_in(cstring)
RETURNS etl.rows_hash
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_in';
COMMENT ON FUNCTION etl.rows_hash_in(cstring) IS
    'Input function of etl.rows_hash. Error 22P02 where the text is none, 22003 where the number of rows is no bigint.';

CREATE FUNCTION etl.rows_hash_out(etl.rows_hash)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_out';
COMMENT ON FUNCTION etl.rows_hash_out(etl.rows_hash) IS
    'Output function of etl.rows_hash: the number of rows, a colon and 32 hexadecimal digits.';

CREATE FUNCTION etl.rows_hash_recv(internal)
RETURNS etl.rows_hash
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_recv';
COMMENT ON FUNCTION etl.rows_hash_recv(internal) IS
    'Receive function of etl.rows_hash; checks every byte. Error 22P03 where it is none.';

CREATE FUNCTION etl.rows_hash_send(etl.rows_hash)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_send';
COMMENT ON FUNCTION etl.rows_hash_send(etl.rows_hash) IS 'Send function of etl.rows_hash.';

CREATE TYPE etl.rows_hash (
    INPUT = etl.rows_hash_in,
    OUTPUT = etl.rows_hash_out,
    RECEIVE = etl.rows_hash_recv,
    SEND = etl.rows_hash_send,
    ALIGNMENT = double,
    STORAGE = plain
);
COMMENT ON TYPE etl.rows_hash IS
    'What stands for a set of rows: their number and the sum of their hashes of 128 bits, modulo 2^128. It does not '
    'depend on the order of the rows, and adds up: + of two sets, - of a part, etl.merge of stored ones, = where they '
    'are the same rows. Made by the aggregate etl.rows_hash; written as number:digits.';

CREATE FUNCTION etl._rows_hash_plus(etl.rows_hash, etl.rows_hash)
RETURNS etl.rows_hash
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_plus';
COMMENT ON FUNCTION etl._rows_hash_plus(etl.rows_hash, etl.rows_hash) IS 'The rows of both.';
CREATE OPERATOR etl.+ (
    LEFTARG = etl.rows_hash, RIGHTARG = etl.rows_hash, FUNCTION = etl._rows_hash_plus, COMMUTATOR = OPERATOR(etl.+)
);
COMMENT ON OPERATOR etl.+ (etl.rows_hash, etl.rows_hash) IS 'the rows of both';

CREATE FUNCTION etl._rows_hash_minus(etl.rows_hash, etl.rows_hash)
RETURNS etl.rows_hash
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_minus';
COMMENT ON FUNCTION etl._rows_hash_minus(etl.rows_hash, etl.rows_hash) IS
    'The rows of the first without those of the second, which are among them; where they are not, no set of rows has '
    'this value.';
CREATE OPERATOR etl.- (LEFTARG = etl.rows_hash, RIGHTARG = etl.rows_hash, FUNCTION = etl._rows_hash_minus);
COMMENT ON OPERATOR etl.- (etl.rows_hash, etl.rows_hash) IS 'the rows of the first without those of the second';

CREATE FUNCTION etl._rows_hash_eq(etl.rows_hash, etl.rows_hash)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF
AS 'MODULE_PATHNAME', 'etl_rows_hash_eq';
COMMENT ON FUNCTION etl._rows_hash_eq(etl.rows_hash, etl.rows_hash) IS 'Whether both are the same rows.';

CREATE FUNCTION etl._rows_hash_ne(etl.rows_hash, etl.rows_hash)
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE LEAKPROOF
AS 'MODULE_PATHNAME', 'etl_rows_hash_ne';
COMMENT ON FUNCTION etl._rows_hash_ne(etl.rows_hash, etl.rows_hash) IS 'Whether both are different rows.';

CREATE OPERATOR etl.= (
    LEFTARG = etl.rows_hash, RIGHTARG = etl.rows_hash, FUNCTION = etl._rows_hash_eq,
    COMMUTATOR = OPERATOR(etl.=), NEGATOR = OPERATOR(etl.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR etl.= (etl.rows_hash, etl.rows_hash) IS 'the same rows';
CREATE OPERATOR etl.<> (
    LEFTARG = etl.rows_hash, RIGHTARG = etl.rows_hash, FUNCTION = etl._rows_hash_ne,
    COMMUTATOR = OPERATOR(etl.<>), NEGATOR = OPERATOR(etl.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR etl.<> (etl.rows_hash, etl.rows_hash) IS 'different rows';

CREATE FUNCTION etl._rows_hash_hash(etl.rows_hash)
RETURNS integer
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_hash';
COMMENT ON FUNCTION etl._rows_hash_hash(etl.rows_hash) IS 'Hash of an etl.rows_hash, for GROUP BY and hash joins.';

CREATE OPERATOR CLASS etl.rows_hash_ops DEFAULT FOR TYPE etl.rows_hash USING hash AS
    OPERATOR 1 etl.=,
    FUNCTION 1 etl._rows_hash_hash(etl.rows_hash);
COMMENT ON OPERATOR CLASS etl.rows_hash_ops USING hash IS 'Equality of etl.rows_hash, for DISTINCT and GROUP BY.';
COMMENT ON OPERATOR FAMILY etl.rows_hash_ops USING hash IS 'Equality of etl.rows_hash, for DISTINCT and GROUP BY.';

CREATE FUNCTION etl.row_count(etl.rows_hash)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_row_count';
COMMENT ON FUNCTION etl.row_count(etl.rows_hash) IS
    'How many rows they are; below zero where more were subtracted than there were.';

-- Aggregates ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._rows_hash_combine(etl.rows_hash, etl.rows_hash)
RETURNS etl.rows_hash
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_combine';
COMMENT ON FUNCTION etl._rows_hash_combine(etl.rows_hash, etl.rows_hash) IS
    'The rows of both: combine function of the aggregates, transition of etl.merge. NULL is no state.';

CREATE AGGREGATE etl.merge(etl.rows_hash) (
    SFUNC = etl._rows_hash_combine,
    STYPE = etl.rows_hash,
    SSPACE = 48,
    INITCOND = '0:00000000000000000000000000000000',
    COMBINEFUNC = etl._rows_hash_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.rows_hash) IS
    'The rows of all sets together. NULL is left out; without a set it is that of no row.';

CREATE FUNCTION etl._rows_hash_add_row(etl.rows_hash, record)
RETURNS etl.rows_hash
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_add_row';
COMMENT ON FUNCTION etl._rows_hash_add_row(etl.rows_hash, record) IS 'Transition function of etl.rows_hash.';

CREATE AGGREGATE etl.rows_hash("row" record) (
    SFUNC = etl._rows_hash_add_row,
    STYPE = etl.rows_hash,
    SSPACE = 48,
    INITCOND = '0:00000000000000000000000000000000',
    COMBINEFUNC = etl._rows_hash_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.rows_hash(record) IS
    'What stands for a set of rows: SELECT etl.rows_hash(t) FROM public.orders AS t. Two sets have the same value '
    'where they are the same rows, in whatever order, each as often; two that are not have it with a probability of '
    '2^-128, unless somebody constructs them: the hash (XXH3, of 128 bits, summed) is not cryptographic. Rows are the '
    'same where their columns have the same names and the same values, byte by byte: 1.0 and 1.00 differ, and so do '
    'integer 1 and bigint 1. The order of columns does not count, nor do columns that are NULL, so that a column that '
    'was added since changes nothing; nor how values are stored. Every NaN is the same, and enums go by their labels. '
    'NULL is no row; without rows it is that of no row. The value is the same on all little-endian machines and after '
    'a dump and restore into a database of the same encoding, but for regclass and its kin, which the database '
    'numbers.';

CREATE FUNCTION etl._rows_hash_add_columns(etl.rows_hash, names text[], VARIADIC "any")
RETURNS etl.rows_hash
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_add_columns';
COMMENT ON FUNCTION etl._rows_hash_add_columns(etl.rows_hash, text[], "any") IS
    'Transition function of etl._rows_hash.';

CREATE AGGREGATE etl._rows_hash(names text[], VARIADIC "any") (
    SFUNC = etl._rows_hash_add_columns,
    STYPE = etl.rows_hash,
    SSPACE = 48,
    INITCOND = '0:00000000000000000000000000000000',
    COMBINEFUNC = etl._rows_hash_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._rows_hash(text[], "any") IS
    'etl.rows_hash of rows whose columns are given one by one, after their names: the same value in half the time. '
    'At most 98 columns. Errors: 22023 more or fewer names than columns, 22004 a name that is NULL.';

CREATE FUNCTION etl._rows_hash_add_named_row(etl.rows_hash, names text[], "row" record)
RETURNS etl.rows_hash
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rows_hash_add_named_row';
COMMENT ON FUNCTION etl._rows_hash_add_named_row(etl.rows_hash, text[], record) IS
    'Transition function of etl._rows_hash_wide.';

CREATE AGGREGATE etl._rows_hash_wide(names text[], "row" record) (
    SFUNC = etl._rows_hash_add_named_row,
    STYPE = etl.rows_hash,
    SSPACE = 48,
    INITCOND = '0:00000000000000000000000000000000',
    COMBINEFUNC = etl._rows_hash_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._rows_hash_wide(text[], record) IS
    'etl._rows_hash for any number of columns, given as ROW(…).';

CREATE FUNCTION etl._rows_hash_of_columns(columns name[], alias text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        CASE WHEN cardinality(columns) BETWEEN 1 AND 98 THEN 'etl._rows_hash(%L::text[], %s)'
             ELSE 'etl._rows_hash_wide(%L::text[], ROW(%s))'
        END,
        columns::text[],
        (SELECT coalesce(string_agg(format('%I.%I', alias, c), ', ' ORDER BY n), '')
         FROM unnest(columns) WITH ORDINALITY AS u (c, n)))
$$;
COMMENT ON FUNCTION etl._rows_hash_of_columns(name[], text) IS
    'SQL of the etl.rows_hash of columns of a relation that stands in a query under an alias.';

CREATE FUNCTION etl._rows_hash_of(relation regclass, alias text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._rows_hash_of_columns(etl._columns_of(relation), alias)
$$;
COMMENT ON FUNCTION etl._rows_hash_of(regclass, text) IS
    'SQL of the etl.rows_hash of all columns of a table. The alias names what has them in the query: the table, or '
    'whatever returns columns of these names.';
