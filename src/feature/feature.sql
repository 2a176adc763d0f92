-- Features for models and reports: one number or flag per wallet, ticket, event or node, from the rows about it.
--
-- "Now" is always an argument. The aggregates run in parallel and can be split and combined in any way.

-- ages and scores

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

-- windows and durations

CREATE FUNCTION etl._velocity_add(bigint, timestamptz, interval, timestamptz)
RETURNS bigint
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_add';
COMMENT ON FUNCTION etl._velocity_add(bigint, timestamptz, interval, timestamptz) IS
    'Transition function of etl.velocity.';

CREATE AGGREGATE etl.velocity(ts timestamptz, span interval, as_of timestamptz) (
    SFUNC = etl._velocity_add,
    STYPE = bigint,
    INITCOND = '0',
    COMBINEFUNC = pg_catalog.int8pl,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.velocity(timestamptz, interval, timestamptz) IS
    'How many rows lie in the window (as_of - span, as_of]: the start does not belong to it, the end does. Days and '
    'months of span follow the calendar of the session''s time zone. Rows with a NULL are not counted; 0 without rows '
    'and for an infinite as_of. Error 22023 when span is zero or negative.';

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

-- places

CREATE FUNCTION etl.haversine_km(lat1 float8, lon1 float8, lat2 float8, lon2 float8)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_haversine_km';
COMMENT ON FUNCTION etl.haversine_km(float8, float8, float8, float8) IS
    'Great-circle distance in kilometres between two places in degrees, on a sphere of the Earth''s mean radius, '
    '6371.0088 km (H. Moritz, "Geodetic Reference System 1980", 2000), by the haversine formula (R. W. Sinnott, '
    '"Virtues of the haversine", 1984). Error 22023 for a latitude outside [-90, 90], a longitude outside [-180, '
    '180], and NaN.';

CREATE TYPE etl.geo_velocity_state;

CREATE FUNCTION etl.geo_velocity_state_in(cstring)
RETURNS etl.geo_velocity_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_geo_velocity_state_in';
COMMENT ON FUNCTION etl.geo_velocity_state_in(cstring) IS
    'Input function of etl.geo_velocity_state; checks every byte. Error 22P02 or 22P03 where it is none.';

CREATE FUNCTION etl.geo_velocity_state_out(etl.geo_velocity_state)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_geo_velocity_state_out';
COMMENT ON FUNCTION etl.geo_velocity_state_out(etl.geo_velocity_state) IS
    'Output function of etl.geo_velocity_state: \x and hexadecimal digits.';

CREATE FUNCTION etl.geo_velocity_state_recv(internal)
RETURNS etl.geo_velocity_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_geo_velocity_state_recv';
COMMENT ON FUNCTION etl.geo_velocity_state_recv(internal) IS
    'Receive function of etl.geo_velocity_state; checks every byte. Error 22P03 where it is none.';

CREATE FUNCTION etl.geo_velocity_state_send(etl.geo_velocity_state)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_geo_velocity_state_send';
COMMENT ON FUNCTION etl.geo_velocity_state_send(etl.geo_velocity_state) IS
    'Send function of etl.geo_velocity_state.';

CREATE TYPE etl.geo_velocity_state (
    INPUT = etl.geo_velocity_state_in,
    OUTPUT = etl.geo_velocity_state_out,
    RECEIVE = etl.geo_velocity_state_recv,
    SEND = etl.geo_velocity_state_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE etl.geo_velocity_state IS
    'State of etl.geo_velocity: the last two located rows, and the limit that they are held against.';

CREATE FUNCTION etl._geo_velocity_add(etl.geo_velocity_state, timestamptz, float8, float8)
RETURNS etl.geo_velocity_state
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_geo_velocity_add';
COMMENT ON FUNCTION etl._geo_velocity_add(etl.geo_velocity_state, timestamptz, float8, float8) IS
    'Transition function of etl.geo_velocity with the usual limit.';

CREATE FUNCTION etl._geo_velocity_add(etl.geo_velocity_state, timestamptz, float8, float8, float8, interval)
RETURNS etl.geo_velocity_state
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_geo_velocity_add';
COMMENT ON FUNCTION etl._geo_velocity_add(etl.geo_velocity_state, timestamptz, float8, float8, float8, interval) IS
    'Transition function of etl.geo_velocity with a limit of the caller''s.';

CREATE FUNCTION etl._geo_velocity_combine(etl.geo_velocity_state, etl.geo_velocity_state)
RETURNS etl.geo_velocity_state
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_geo_velocity_combine';
COMMENT ON FUNCTION etl._geo_velocity_combine(etl.geo_velocity_state, etl.geo_velocity_state) IS
    'Combine function of etl.geo_velocity.';

CREATE FUNCTION etl._geo_velocity_final(etl.geo_velocity_state)
RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_geo_velocity_final';
COMMENT ON FUNCTION etl._geo_velocity_final(etl.geo_velocity_state) IS
    'Final function of etl.geo_velocity: false without a state.';

CREATE AGGREGATE etl.geo_velocity(ts timestamptz, latitude float8, longitude float8) (
    SFUNC = etl._geo_velocity_add,
    STYPE = etl.geo_velocity_state,
    SSPACE = 128,
    FINALFUNC = etl._geo_velocity_final,
    COMBINEFUNC = etl._geo_velocity_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.geo_velocity(timestamptz, float8, float8) IS
    'Impossible travel: true when the last two located rows lie more than 500 km apart (great circle) with less than '
    'an hour between them. A row with a NULL or an infinite time is not located. Of rows with the same time the one '
    'further north counts as later, then the one further east. False with fewer than two located rows; error 22023 '
    'for a place off the globe.';

CREATE AGGREGATE etl.geo_velocity(
    ts timestamptz, latitude float8, longitude float8, max_km float8, max_gap interval
) (
    SFUNC = etl._geo_velocity_add,
    STYPE = etl.geo_velocity_state,
    SSPACE = 128,
    FINALFUNC = etl._geo_velocity_final,
    COMBINEFUNC = etl._geo_velocity_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.geo_velocity(timestamptz, float8, float8, float8, interval) IS
    'The same with other limits: true when the last two located rows lie more than max_km apart with less than '
    'max_gap between them. Error 22023 when max_km is negative or NaN, max_gap is not positive or has months, or they '
    'differ between rows of a group; 22004 when one is NULL.';

-- graphs

CREATE FUNCTION etl.pagerank(
    edges_query text, damping float8 DEFAULT 0.85, tolerance float8 DEFAULT 1e-9, max_iterations integer DEFAULT 100
)
RETURNS TABLE (node text, rank float8)
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_pagerank';
COMMENT ON FUNCTION etl.pagerank(text, float8, float8, integer) IS
    'PageRank of every node of a directed graph (L. Page, S. Brin, R. Motwani, T. Winograd, 1999). edges_query is a '
    'SELECT of two columns of any type, from and to, which runs with the caller''s rights. A row with a NULL is no '
    'edge; an edge given twice counts once; a self loop counts. Nodes are named by the text form of their values. The '
    'rank of nodes without outgoing edges is spread evenly; the ranks sum to 1. Iterates until one iteration changes '
    'the ranks by less than tolerance * nodes in sum, at most max_iterations times: then a WARNING says that the '
    'ranks have not converged. Error 22023 for a damping outside [0, 1), a tolerance or max_iterations of 0 or less, '
    'and for an edges_query that is not one SELECT or changes data; 42804 for another number of columns.';
