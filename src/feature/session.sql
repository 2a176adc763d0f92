-- Sessions: rows of one key with no long gap between them.

CREATE FUNCTION etl.session_id(ts timestamptz, gap interval)
RETURNS bigint
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_session_id_timestamptz';
COMMENT ON FUNCTION etl.session_id(timestamptz, interval) IS
    'Window function: the number, from 1, of the session of a row in its partition, as in etl.session_id(ts, ''30 '
    'minutes'') OVER (PARTITION BY wallet ORDER BY ts). A session ends where the time to the next row is longer than '
    'the gap; exactly the gap does not end it. NULL for a row whose ts is NULL, which neither begins nor ends one. '
    'A day of the gap is 24 hours. Errors: 22023 a gap that is not above zero or has months, or rows that are not in '
    'the order of ts; 22004 the gap is NULL.';

CREATE FUNCTION etl.session_id(ts timestamp, gap interval)
RETURNS bigint
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_session_id_timestamp';
COMMENT ON FUNCTION etl.session_id(timestamp, interval) IS 'etl.session_id of times without a zone.';
