-- Values scaled by statistics that are stored, and categories as arrays.

CREATE FUNCTION etl.z_score(x double precision, stats etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_z_score';
COMMENT ON FUNCTION etl.z_score(double precision, etl.moments) IS
    'x in standard deviations from the mean of stored statistics: (x - mean) / stddev_pop, with the population''s '
    'standard deviation, as scikit-learn''s StandardScaler. Of a constant column the divisor is 1, as there: its '
    'own value gives 0, another one its difference. NULL where an argument is NULL; NaN where the statistics hold a '
    'NaN or an infinity.';

CREATE FUNCTION etl.min_max_scale(x double precision, stats etl.moments)
RETURNS double precision
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_min_max_scale';
COMMENT ON FUNCTION etl.min_max_scale(double precision, etl.moments) IS
    'x in the range of stored statistics: (x - min) / (max - min), 0 for the least value and 1 for the greatest; '
    'below 0 or above 1 where x is outside of what the statistics are of. Of a constant column the divisor is 1, as '
    'in scikit-learn''s MinMaxScaler: its own value gives 0. NULL where an argument is NULL; NaN or 0 where the '
    'statistics hold an infinity, NaN where they hold a NaN.';

CREATE FUNCTION etl.one_hot(value text, categories text[], unknown text DEFAULT 'zeros')
RETURNS integer[]
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_one_hot';
COMMENT ON FUNCTION etl.one_hot(text, text[], text) IS
    'A category as an array: 1 in the place that the value has among the categories, 0 in all others. A value that '
    'is none of them, and NULL, is 0 everywhere, or error 22023 with unknown => ''error''. Texts are compared as by '
    '=, with their collation. Errors: 22023 another unknown, NULL among the categories, a value that is among them '
    'more than once; 22004 no categories.';
