-- Places on the globe: distances, and travel that is faster than anybody can be.

CREATE FUNCTION etl.haversine_km(lat1 float8, lon1 float8, lat2 float8, lon2 float8)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_haversine_km';
COMMENT ON FUNCTION etl.haversine_km(float8, float8, float8, float8) IS
    'Great-circle distance in kilometres between two places in degrees, on a sphere of the Earth''s mean radius, '
    '6371.0088 km (H. Moritz, "Geodetic Reference System 1980", 2000), by the haversine formula (R. W. Sinnott, '
    '"Virtues of the haversine", 1984). Error 22023 for a latitude outside [-90, 90], a longitude outside [-180, '
    '180], and NaN.';

CREATE FUNCTION etl.geodesic_km(lat1 float8, lon1 float8, lat2 float8, lon2 float8)
RETURNS float8
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_geodesic_km';
COMMENT ON FUNCTION etl.geodesic_km(float8, float8, float8, float8) IS
    'The shortest way in kilometres between two places in degrees on the ellipsoid of WGS 84, exact to 15 nanometres '
    '(C. F. F. Karney, "Algorithms for geodesics", 2013; computed by GeographicLib). etl.haversine_km is faster and '
    'differs by up to about half a percent. Error 22023 for a latitude outside [-90, 90], a longitude outside [-180, '
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
