-- How many rows lie in a window of time that ends at a moment.

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
