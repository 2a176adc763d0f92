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

-- The same for the rows of a moving frame.

CREATE FUNCTION etl._velocity_push(internal, timestamptz, interval)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_push';
COMMENT ON FUNCTION etl._velocity_push(internal, timestamptz, interval) IS
    'Transition function of etl.velocity(timestamptz, interval).';

CREATE FUNCTION etl._velocity_take(internal, timestamptz, interval)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_take';
COMMENT ON FUNCTION etl._velocity_take(internal, timestamptz, interval) IS
    'Inverse transition function of etl.velocity(timestamptz, interval).';

CREATE FUNCTION etl._velocity_push(internal, timestamp, interval)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_push';
COMMENT ON FUNCTION etl._velocity_push(internal, timestamp, interval) IS
    'Transition function of etl.velocity(timestamp, interval).';

CREATE FUNCTION etl._velocity_take(internal, timestamp, interval)
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_take';
COMMENT ON FUNCTION etl._velocity_take(internal, timestamp, interval) IS
    'Inverse transition function of etl.velocity(timestamp, interval).';

CREATE FUNCTION etl._velocity_count(internal)
RETURNS bigint
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_count';
COMMENT ON FUNCTION etl._velocity_count(internal) IS 'Final function of etl.velocity(ts, span).';

CREATE AGGREGATE etl.velocity(ts timestamptz, span interval) (
    SFUNC = etl._velocity_push,
    STYPE = internal,
    FINALFUNC = etl._velocity_count,
    MSFUNC = etl._velocity_push,
    MINVFUNC = etl._velocity_take,
    MSTYPE = internal,
    MFINALFUNC = etl._velocity_count,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.velocity(timestamptz, interval) IS
    'How many rows lie in the window (newest - span, newest], where newest is the greatest ts of the rows: '
    'etl.velocity(ts, ''1 hour'') OVER (PARTITION BY wallet ORDER BY ts) counts for each row those of the hour before '
    'it, itself and all of the same ts among them. A row costs the same however long the window is, in frames that '
    'move, too. Rows in another order than that of ts give the same answer at more cost. Days of the span have 24 '
    'hours. Rows with a NULL are not counted; 0 without rows. An infinite ts sees its equals only. Error 22023 when '
    'span is not above zero, has months, or is not the same for all rows.';

CREATE AGGREGATE etl.velocity(ts timestamp, span interval) (
    SFUNC = etl._velocity_push,
    STYPE = internal,
    FINALFUNC = etl._velocity_count,
    MSFUNC = etl._velocity_push,
    MINVFUNC = etl._velocity_take,
    MSTYPE = internal,
    MFINALFUNC = etl._velocity_count,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.velocity(timestamp, interval) IS 'etl.velocity(ts, span) of times without a zone.';
