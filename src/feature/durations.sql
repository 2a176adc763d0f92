-- Ages, mean durations and scores of wallets, tickets and events. "Now" is always an argument.

CREATE FUNCTION etl.days_between(a timestamptz, b timestamptz)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_days_between';
COMMENT ON FUNCTION etl.days_between(timestamptz, timestamptz) IS
    'b - a in days of 24 hours, with fractions; negative when b is earlier. Infinite when one of them is; error 22008 '
    'when both are infinite in the same direction.';

CREATE FUNCTION etl.event_popularity(sold bigint, capacity bigint, event_date timestamptz, as_of timestamptz)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_event_popularity';
COMMENT ON FUNCTION etl.event_popularity(bigint, bigint, timestamptz, timestamptz) IS
    'How well an event sells for how far away it is: (sold / capacity) * days^-0.5, where days are those from as_of '
    'to event_date, with fractions and at least 1/24. NULL for an event before as_of and for a capacity of 0 or less; '
    'error 22023 when sold is negative.';

CREATE FUNCTION etl.price_deviation(listing numeric, floor numeric)
RETURNS numeric
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_price_deviation';
COMMENT ON FUNCTION etl.price_deviation(numeric, numeric) IS
    'How far a listing lies above the floor price, as a fraction of it: (listing - floor) / floor. NULL when one of '
    'them is NULL or the floor is 0.';

CREATE FUNCTION etl._avg_duration_add(bigint[], timestamptz, timestamptz)
RETURNS bigint[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_avg_duration_add';
COMMENT ON FUNCTION etl._avg_duration_add(bigint[], timestamptz, timestamptz) IS
    'Transition function of etl.avg_duration. The state is the number of rows and their sum in microseconds, low and '
    'high half.';

CREATE FUNCTION etl._avg_duration_combine(bigint[], bigint[])
RETURNS bigint[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_avg_duration_combine';
COMMENT ON FUNCTION etl._avg_duration_combine(bigint[], bigint[]) IS 'Combine function of etl.avg_duration.';

CREATE FUNCTION etl._avg_duration_final(bigint[])
RETURNS interval
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_avg_duration_final';
COMMENT ON FUNCTION etl._avg_duration_final(bigint[]) IS 'Final function of etl.avg_duration.';

CREATE AGGREGATE etl.avg_duration(started timestamptz, ended timestamptz) (
    SFUNC = etl._avg_duration_add,
    STYPE = bigint[],
    INITCOND = '{0,0,0}',
    FINALFUNC = etl._avg_duration_final,
    COMBINEFUNC = etl._avg_duration_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.avg_duration(timestamptz, timestamptz) IS
    'Mean of ended - started over the rows that have both, to the nearest microsecond, in days of 24 hours and time. '
    'A row that ends before it starts counts with its negative duration. NULL without such rows; error 22008 for an '
    'infinite time.';

CREATE FUNCTION etl._first_resale_add(bigint[], timestamptz, boolean)
RETURNS bigint[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_first_resale_add';
COMMENT ON FUNCTION etl._first_resale_add(bigint[], timestamptz, boolean) IS
    'Transition function of etl.time_to_first_resale. The state is the first mint and the first resale, in '
    'microseconds; the greatest bigint stands for none.';

CREATE FUNCTION etl._first_resale_combine(bigint[], bigint[])
RETURNS bigint[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_first_resale_combine';
COMMENT ON FUNCTION etl._first_resale_combine(bigint[], bigint[]) IS
    'Combine function of etl.time_to_first_resale.';

CREATE FUNCTION etl._first_resale_final(bigint[])
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_first_resale_final';
COMMENT ON FUNCTION etl._first_resale_final(bigint[]) IS 'Final function of etl.time_to_first_resale.';

CREATE AGGREGATE etl.time_to_first_resale(ts timestamptz, is_resale boolean) (
    SFUNC = etl._first_resale_add,
    STYPE = bigint[],
    INITCOND = '{9223372036854775807,9223372036854775807}',
    FINALFUNC = etl._first_resale_final,
    COMBINEFUNC = etl._first_resale_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.time_to_first_resale(timestamptz, boolean) IS
    'Of one ticket''s transactions: minutes from its mint, the earliest row that is no resale, to its first resale. '
    'Rows with a NULL or an infinite time are left out. NULL without a mint or a resale, and when the first resale '
    'lies before the mint: such times contradict each other.';
