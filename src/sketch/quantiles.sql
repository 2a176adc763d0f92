-- Quantiles of a column as a state: exact while the values are few, then with a certain error.

CREATE TYPE etl.quantiles;

CREATE FUNCTION etl.quantiles_in(cstring)
RETURNS etl.quantiles
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_in';
COMMENT ON FUNCTION etl.quantiles_in(cstring) IS
    'Input function of etl.quantiles; checks every byte. Error 22P02 or 22P03 where it is none.';

CREATE FUNCTION etl.quantiles_out(etl.quantiles)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_out';
COMMENT ON FUNCTION etl.quantiles_out(etl.quantiles) IS
    'Output function of etl.quantiles: \x and hexadecimal digits.';

CREATE FUNCTION etl.quantiles_recv(internal)
RETURNS etl.quantiles
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_recv';
COMMENT ON FUNCTION etl.quantiles_recv(internal) IS
    'Receive function of etl.quantiles; checks every byte. Error 22P03 where it is none.';

CREATE FUNCTION etl.quantiles_send(etl.quantiles)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_send';
COMMENT ON FUNCTION etl.quantiles_send(etl.quantiles) IS 'Send function of etl.quantiles.';

CREATE TYPE etl.quantiles (
    INPUT = etl.quantiles_in,
    OUTPUT = etl.quantiles_out,
    RECEIVE = etl.quantiles_recv,
    SEND = etl.quantiles_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE etl.quantiles IS
    'The distribution of a column of double precision. Made by the aggregate etl.quantiles, stored like any value, '
    'merged by the aggregate etl.merge, read by etl.quantile, etl.cdf, etl.min, etl.max. Holds all values up to a '
    'number of them, 2048 unless another one was asked for, and is exact so long; after that it holds a part of '
    'them, and the rank of a quantile among n rows is off by at most (2 + log2(n / kept)) / (2 * kept) of the rows: '
    'with 2048 kept values 0.27 % for a million rows, 0.51 % for a billion, for every order of the rows and every '
    'division into parts. etl.rank_error tells what is certain of a state, which is mostly less. Eight bytes a '
    'value while it holds all; about 60 kB for ten million rows.';

CREATE FUNCTION etl._quantiles_add(etl.quantiles, double precision)
RETURNS etl.quantiles
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_add';
COMMENT ON FUNCTION etl._quantiles_add(etl.quantiles, double precision) IS
    'Transition function of etl.quantiles.';

CREATE FUNCTION etl._quantiles_add(etl.quantiles, double precision, integer)
RETURNS etl.quantiles
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_add_kept';
COMMENT ON FUNCTION etl._quantiles_add(etl.quantiles, double precision, integer) IS
    'Transition function of etl.quantiles with a number of kept values.';

CREATE FUNCTION etl._quantiles_combine(etl.quantiles, etl.quantiles)
RETURNS etl.quantiles
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_combine';
COMMENT ON FUNCTION etl._quantiles_combine(etl.quantiles, etl.quantiles) IS
    'The quantiles of the values of both: combine function of etl.quantiles, transition of etl.merge.';

CREATE FUNCTION etl._quantiles_final(etl.quantiles)
RETURNS etl.quantiles
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_final';
COMMENT ON FUNCTION etl._quantiles_final(etl.quantiles) IS
    'Final function of etl.quantiles and etl.merge: the form in which a state is stored.';

CREATE AGGREGATE etl.quantiles(x double precision) (
    SFUNC = etl._quantiles_add,
    STYPE = etl.quantiles,
    SSPACE = 256,
    FINALFUNC = etl._quantiles_final,
    COMBINEFUNC = etl._quantiles_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.quantiles(double precision) IS
    'The quantiles of the values of x, to be stored, merged by etl.merge and read by etl.quantile. Exact up to 2048 '
    'values; then the rank of a quantile is off by less than 0.27 % of the rows for a million, 0.51 % for a '
    'billion. NULLs are left out; NULL without values. NaN is the greatest value. Numbers of other types are taken '
    'as double precision.';

CREATE AGGREGATE etl.quantiles(x double precision, kept integer) (
    SFUNC = etl._quantiles_add,
    STYPE = etl.quantiles,
    SSPACE = 256,
    FINALFUNC = etl._quantiles_final,
    COMBINEFUNC = etl._quantiles_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.quantiles(double precision, integer) IS
    'The quantiles of the values of x, exact up to so many values: kept is an even number from 64 to 131072. '
    'Beyond, the rank of a quantile among n rows is off by at most (2 + log2(n / kept)) / (2 * kept) of the rows. '
    'Error 22023 for another number, and where it differs between the rows of a group.';

CREATE AGGREGATE etl.merge(etl.quantiles) (
    SFUNC = etl._quantiles_combine,
    STYPE = etl.quantiles,
    SSPACE = 256,
    FINALFUNC = etl._quantiles_final,
    COMBINEFUNC = etl._quantiles_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.quantiles) IS
    'The quantiles of the values of all stored states, as exact as if they had been aggregated together. NULL '
    'without states. Error 22023 where states keep different numbers of values.';

CREATE FUNCTION etl.row_count(state etl.quantiles)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_row_count';
COMMENT ON FUNCTION etl.row_count(etl.quantiles) IS
    'How many values the quantiles are of, NaN too.';

CREATE FUNCTION etl.min(state etl.quantiles)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_min';
COMMENT ON FUNCTION etl.min(etl.quantiles) IS
    'The least value, exactly. NaN is the greatest value, as in PostgreSQL.';

CREATE FUNCTION etl.max(state etl.quantiles)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_max';
COMMENT ON FUNCTION etl.max(etl.quantiles) IS
    'The greatest value, exactly; NaN where one is NaN.';

CREATE FUNCTION etl.quantile(state etl.quantiles, fraction double precision)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_quantile';
COMMENT ON FUNCTION etl.quantile(etl.quantiles, double precision) IS
    'The value at a fraction of the rows, from 0 (the least) to 1 (the greatest). While the state holds all values '
    'that is what percentile_cont gives, by interpolation; after that a value of the column, whose rank is off by '
    'at most etl.rank_error of the rows. Error 22023 for another fraction.';

CREATE FUNCTION etl.quantile(state etl.quantiles, fractions double precision[])
RETURNS double precision[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_quantile_array';
COMMENT ON FUNCTION etl.quantile(etl.quantiles, double precision[]) IS
    'The values at several fractions of the rows, in their order; NULL for NULL. The state is read once.';

CREATE FUNCTION etl.cdf(state etl.quantiles, x double precision)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_cdf';
COMMENT ON FUNCTION etl.cdf(etl.quantiles, double precision) IS
    'The fraction of the values that are not greater than x: exact while the state holds all values, then off by at '
    'most etl.rank_error. Of all values, 1 for NaN.';

CREATE FUNCTION etl.rank_error(state etl.quantiles)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_rank_error';
COMMENT ON FUNCTION etl.rank_error(etl.quantiles) IS
    'By what fraction of the rows the rank of a quantile, and etl.cdf, may be off at most: 0 while the state holds '
    'all values. Certain, not likely: it is counted, as values are dropped.';

CREATE FUNCTION etl.equi_depth_edges(reference etl.quantiles, bins integer)
RETURNS double precision[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_quantiles_equi_depth_edges';
COMMENT ON FUNCTION etl.equi_depth_edges(etl.quantiles, integer) IS
    'Edges for etl.histogram that part the reference into so many bins of about as many rows each: the least value, '
    'quantiles, the greatest value. A value that fills more than one bin gives one edge, so there may be fewer '
    'bins; a column of one value gets one bin, up to the next double. NaN is left out. Error 22023 for less than '
    'one bin or more than 100000, and without a value.';
