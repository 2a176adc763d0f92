-- Count, sum, mean, variance, skewness, kurtosis and extremes of a column, from one state.

CREATE TYPE etl.moments;

CREATE FUNCTION etl.moments_in(cstring)
RETURNS etl.moments
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_in';
COMMENT ON FUNCTION etl.moments_in(cstring) IS
    'Input function of etl.moments; checks every byte. Error 22P02 or 22P03 where it is none.';

CREATE FUNCTION etl.moments_out(etl.moments)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_out';
COMMENT ON FUNCTION etl.moments_out(etl.moments) IS
    'Output function of etl.moments: \x and hexadecimal digits.';

CREATE FUNCTION etl.moments_recv(internal)
RETURNS etl.moments
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_recv';
COMMENT ON FUNCTION etl.moments_recv(internal) IS
    'Receive function of etl.moments; checks every byte. Error 22P03 where it is none.';

CREATE FUNCTION etl.moments_send(etl.moments)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_send';
COMMENT ON FUNCTION etl.moments_send(etl.moments) IS 'Send function of etl.moments.';

CREATE TYPE etl.moments (
    INPUT = etl.moments_in,
    OUTPUT = etl.moments_out,
    RECEIVE = etl.moments_recv,
    SEND = etl.moments_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE etl.moments IS
    'What count, sum, mean, variance, skewness, kurtosis and extremes of a column of double precision are made of. '
    'Made by the aggregate etl.moments, stored like any value, merged by the aggregate etl.merge, read by '
    'etl.row_count, etl.sum, etl.mean, etl.variance, etl.stddev, etl.skewness, etl.kurtosis, etl.min, etl.max. Its '
    'sums are exact: the same values give the same bytes, however they are ordered and divided. Up to 26 values '
    'other than 0 take 8 bytes each besides 40; more of them about 120 bytes for whole numbers, 200 for decimal '
    'fractions of one magnitude, 2.8 kB for values of all magnitudes.';

CREATE FUNCTION etl._moments_add(etl.moments, double precision)
RETURNS etl.moments
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_add';
COMMENT ON FUNCTION etl._moments_add(etl.moments, double precision) IS
    'Transition function of etl.moments.';

CREATE FUNCTION etl._moments_combine(etl.moments, etl.moments)
RETURNS etl.moments
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_combine';
COMMENT ON FUNCTION etl._moments_combine(etl.moments, etl.moments) IS
    'The moments of the values of both: combine function of etl.moments, transition of etl.merge.';

CREATE FUNCTION etl._moments_final(etl.moments)
RETURNS etl.moments
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_final';
COMMENT ON FUNCTION etl._moments_final(etl.moments) IS
    'Final function of etl.moments and etl.merge: the form in which a state is stored.';

CREATE AGGREGATE etl.moments(x double precision) (
    SFUNC = etl._moments_add,
    STYPE = etl.moments,
    SSPACE = 160,
    FINALFUNC = etl._moments_final,
    COMBINEFUNC = etl._moments_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.moments(double precision) IS
    'The moments of the values of x, to be stored, merged by etl.merge and read by etl.mean and the like. NULLs are '
    'left out; NULL without values. Numbers of other types are taken as double precision: a bigint beyond 2^53 and '
    'a numeric are rounded to the nearest one. -0 is 0. NaN and infinities count as in avg and variance.';

CREATE AGGREGATE etl.merge(etl.moments) (
    SFUNC = etl._moments_combine,
    STYPE = etl.moments,
    SSPACE = 160,
    FINALFUNC = etl._moments_final,
    COMBINEFUNC = etl._moments_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.moments) IS
    'The moments of the values of all stored states, as if they had been aggregated together, to the last bit. NULL '
    'without states.';

CREATE FUNCTION etl.row_count(state etl.moments)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_row_count';
COMMENT ON FUNCTION etl.row_count(etl.moments) IS
    'How many values the moments are of, NaN and infinities too.';

CREATE FUNCTION etl.min(state etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_min';
COMMENT ON FUNCTION etl.min(etl.moments) IS
    'The least value, exactly. NaN is the greatest value, as in PostgreSQL: it is the result where all are NaN.';

CREATE FUNCTION etl.max(state etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_max';
COMMENT ON FUNCTION etl.max(etl.moments) IS
    'The greatest value, exactly; NaN where one is NaN.';

CREATE FUNCTION etl.sum(state etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_sum';
COMMENT ON FUNCTION etl.sum(etl.moments) IS
    'The sum of the values: the double nearest to the true sum. Infinite with an infinity, NaN with a NaN or '
    'infinities of both signs. Error 22003 beyond the largest double.';

CREATE FUNCTION etl.mean(state etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_mean';
COMMENT ON FUNCTION etl.mean(etl.moments) IS
    'The mean of the values: the double nearest to the true mean, without overflow. Infinite with an infinity, NaN '
    'with a NaN or infinities of both signs.';

CREATE FUNCTION etl.variance(state etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_variance';
COMMENT ON FUNCTION etl.variance(etl.moments) IS
    'The sample variance, the sum of squared differences from the mean divided by one less than the count: the '
    'double nearest to the true one, 0 only where all values are equal or it is below the smallest double. NULL for '
    'one value. NaN with a NaN or an infinity, as in PostgreSQL. Error 22003 beyond the largest double.';

CREATE FUNCTION etl.var_pop(state etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_var_pop';
COMMENT ON FUNCTION etl.var_pop(etl.moments) IS
    'The population variance, the mean of squared differences from the mean: the double nearest to the true one. '
    'NaN with a NaN or an infinity, as in PostgreSQL. Error 22003 beyond the largest double.';

CREATE FUNCTION etl.stddev(state etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_stddev';
COMMENT ON FUNCTION etl.stddev(etl.moments) IS
    'The sample standard deviation, the square root of etl.variance, also where that is out of range. NULL for one '
    'value. NaN with a NaN or an infinity, as in PostgreSQL. Error 22003 beyond the largest double.';

CREATE FUNCTION etl.stddev_pop(state etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_stddev_pop';
COMMENT ON FUNCTION etl.stddev_pop(etl.moments) IS
    'The population standard deviation, the square root of etl.var_pop, also where that is out of range: 0 '
    'where all values are equal, or so near to each other that it is less than the smallest double. NaN with a NaN or '
    'an infinity, as in PostgreSQL.';

CREATE FUNCTION etl.skewness(state etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_skewness';
COMMENT ON FUNCTION etl.skewness(etl.moments) IS
    'The skewness g1 = m3 / m2^(3/2) of the population''s central moments m (D. N. Joanes and C. A. Gill, 1998; '
    'scipy.stats.skew): negative with a long tail of low values. The sample skewness is g1 * sqrt(n * (n - 1)) / (n '
    '- 2). NULL where all values are equal. NaN with a NaN or an infinity, as in PostgreSQL.';

CREATE FUNCTION etl.kurtosis(state etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_moments_kurtosis';
COMMENT ON FUNCTION etl.kurtosis(etl.moments) IS
    'The excess kurtosis g2 = m4 / m2^2 - 3 of the population''s central moments m (D. N. Joanes and C. A. Gill, '
    '1998; scipy.stats.kurtosis): 0 for a normal distribution. The sample kurtosis is (n - 1) / ((n - 2) * (n - 3)) '
    '* ((n + 1) * g2 + 6). NULL where all values are equal. NaN with a NaN or an infinity, as in PostgreSQL.';
