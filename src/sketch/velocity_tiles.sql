-- Rows counted by the minute, in a ring that forgets.

CREATE TYPE etl.velocity_tiles;

CREATE FUNCTION etl.velocity_tiles_in(cstring)
RETURNS etl.velocity_tiles
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_in';
COMMENT ON FUNCTION etl.velocity_tiles_in(cstring) IS
    'Input function of etl.velocity_tiles; checks every byte. Error 22P02 or 22P03 where it is none.';

CREATE FUNCTION etl.velocity_tiles_out(etl.velocity_tiles)
RETURNS cstring
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_out';
COMMENT ON FUNCTION etl.velocity_tiles_out(etl.velocity_tiles) IS
    'Output function of etl.velocity_tiles: \x and hexadecimal digits.';

CREATE FUNCTION etl.velocity_tiles_recv(internal)
RETURNS etl.velocity_tiles
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_recv';
COMMENT ON FUNCTION etl.velocity_tiles_recv(internal) IS
    'Receive function of etl.velocity_tiles; checks every byte. Error 22P03 where it is none.';

CREATE FUNCTION etl.velocity_tiles_send(etl.velocity_tiles)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_send';
COMMENT ON FUNCTION etl.velocity_tiles_send(etl.velocity_tiles) IS 'Send function of etl.velocity_tiles.';

CREATE TYPE etl.velocity_tiles (
    INPUT = etl.velocity_tiles_in,
    OUTPUT = etl.velocity_tiles_out,
    RECEIVE = etl.velocity_tiles_recv,
    SEND = etl.velocity_tiles_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE etl.velocity_tiles IS
    'How many rows fell into each of the last minutes. Made by the aggregate etl.velocity_tiles, stored like any '
    'value, merged by the aggregate etl.merge, read by etl.rows_within and etl.tiles. A tile is a minute by the clock '
    'in UTC: it begins with the minute and ends before the next. A ring of n minutes keeps the tile of the newest '
    'row and the n - 1 before it, exactly; of older rows their number. 24 bytes, and 16 for each minute with rows.';

CREATE FUNCTION etl._velocity_tiles_add(etl.velocity_tiles, timestamptz, integer)
RETURNS etl.velocity_tiles
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_add';
COMMENT ON FUNCTION etl._velocity_tiles_add(etl.velocity_tiles, timestamptz, integer) IS
    'Transition function of etl.velocity_tiles.';

CREATE FUNCTION etl._velocity_tiles_combine(etl.velocity_tiles, etl.velocity_tiles)
RETURNS etl.velocity_tiles
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_combine';
COMMENT ON FUNCTION etl._velocity_tiles_combine(etl.velocity_tiles, etl.velocity_tiles) IS
    'The rows of both: combine function of etl.velocity_tiles, transition of etl.merge.';

CREATE FUNCTION etl._velocity_tiles_final(etl.velocity_tiles)
RETURNS etl.velocity_tiles
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_final';
COMMENT ON FUNCTION etl._velocity_tiles_final(etl.velocity_tiles) IS
    'Final function of etl.velocity_tiles and etl.merge: the form in which a state is stored.';

CREATE AGGREGATE etl.velocity_tiles(ts timestamptz, minutes integer) (
    SFUNC = etl._velocity_tiles_add,
    STYPE = etl.velocity_tiles,
    SSPACE = 128,
    FINALFUNC = etl._velocity_tiles_final,
    COMBINEFUNC = etl._velocity_tiles_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.velocity_tiles(timestamptz, integer) IS
    'How many rows fell into each of the last minutes, 1 to 527040 (366 days), up to the newest row''s; to be '
    'stored, merged by etl.merge and read by etl.velocity. The order of the rows does not matter. NULLs are left '
    'out; NULL without moments. Errors: 22023 an infinite moment, a number of minutes that is out of range or '
    'differs between the rows of a group; 22004 NULL minutes.';

CREATE AGGREGATE etl.merge(etl.velocity_tiles) (
    SFUNC = etl._velocity_tiles_combine,
    STYPE = etl.velocity_tiles,
    SSPACE = 128,
    FINALFUNC = etl._velocity_tiles_final,
    COMBINEFUNC = etl._velocity_tiles_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl.merge(etl.velocity_tiles) IS
    'The tiles of the rows of all stored states, as if they had been counted together: the ring ends with the '
    'newest row of all. NULL without states. Error 22023 where they keep different numbers of minutes.';

CREATE FUNCTION etl.rows_within(tiles etl.velocity_tiles, span interval, as_of timestamptz)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_velocity';
COMMENT ON FUNCTION etl.rows_within(etl.velocity_tiles, interval, timestamptz) IS
    'How many rows fell into the tiles of a span that ends with the tile of as_of, that one included as a whole: '
    'for a span of n minutes, from n - 1 minutes before the minute of as_of to the end of that minute. Errors: '
    '22023 a span that is not whole minutes (a day is 24 hours, a month is refused), shorter than one, longer than '
    'what the tiles keep, or that begins before that where older rows have been dropped; an infinite moment.';

CREATE FUNCTION etl.rows_within(tiles etl.velocity_tiles, span interval)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_newest_velocity';
COMMENT ON FUNCTION etl.rows_within(etl.velocity_tiles, interval) IS
    'How many rows fell into the tiles of a span that ends with the tile of the newest row. Error 22023 for a span '
    'that is not whole minutes, shorter than one, or longer than what the tiles keep.';

CREATE FUNCTION etl.row_count(tiles etl.velocity_tiles)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_row_count';
COMMENT ON FUNCTION etl.row_count(etl.velocity_tiles) IS
    'How many rows the tiles hold; those that are older than the ring are not among them.';

CREATE FUNCTION etl.dropped_rows(tiles etl.velocity_tiles)
RETURNS bigint
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_dropped_rows';
COMMENT ON FUNCTION etl.dropped_rows(etl.velocity_tiles) IS
    'How many rows were older than the ring of minutes that ends with the newest row.';

CREATE FUNCTION etl.tiles(tiles etl.velocity_tiles)
RETURNS TABLE (minute timestamptz, rows bigint)
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE ROWS 60
AS 'MODULE_PATHNAME', 'etl_velocity_tiles_tiles';
COMMENT ON FUNCTION etl.tiles(etl.velocity_tiles) IS
    'The minutes that have rows, the oldest first, with how many those are.';
