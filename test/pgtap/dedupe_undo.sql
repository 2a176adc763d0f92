-- etl.undo_dedupe where the session, the table or its triggers are others than at the time of etl.dedupe.
BEGIN;
SELECT plan(3);

-- Settings of the session: those that write values one way, and those that write and read them another.

CREATE TYPE span AS (at timestamptz, raw bytea);
CREATE TABLE moment (
    id int PRIMARY KEY, k int, tz timestamptz, ts timestamp, d date, iv interval, by bytea, f float8, n numeric,
    tzr tstzrange, tzm tstzmultirange, tzs timestamptz[], bys bytea[], s span, m money, note text);
CREATE TABLE mention (id int PRIMARY KEY, moment_id int REFERENCES moment, tz timestamptz, by bytea, f float8);
INSERT INTO moment
SELECT i, 1, '2025-07-01 12:00+00', '2025-07-02 03:04', '2025-07-03', '-1 day 02:03', '\x00ff5c', 0.1 + 0.2, 1.50,
       '[2025-07-01 12:00+00,)', '{[2025-07-01 12:00+00,)}', '{2025-07-01 12:00+00}', '{"\\x00ff"}',
       ROW(timestamptz '2025-07-01 12:00+00', '\x00'::bytea)::span, '1234.5', CASE i WHEN 1 THEN 'first' END
FROM generate_series(1, 3) AS i;
INSERT INTO mention SELECT i, i, '2025-07-01 12:00+00', '\x00ff', 0.1 + 0.2 FROM generate_series(1, 3) AS i;
CREATE FUNCTION pictures() RETURNS text LANGUAGE sql SET timezone = 'UTC' SET extra_float_digits = 3 AS $$
    SELECT (SELECT string_agg(whole::text || md5(record_send(whole)), E'\n' ORDER BY id) FROM moment AS whole)
           || (SELECT string_agg(whole::text || md5(record_send(whole)), E'\n' ORDER BY id) FROM mention AS whole)
$$;
CREATE TABLE picture AS SELECT pictures() AS before;
SET LOCAL timezone = 'Asia/Kathmandu';
SET LOCAL bytea_output = 'escape';
CREATE TABLE moved AS
    SELECT * FROM etl.dedupe('moment', '{k}', 'merge', 'id', repoint => '{mention}');
SET LOCAL timezone = 'America/New_York';
SET LOCAL bytea_output = 'hex';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL extra_float_digits = -10;
SELECT is(run IS NULL, false, 'a run under one set of settings') FROM moved;
SELECT lives_ok(format('SELECT * FROM etl.undo_dedupe(%s)', run), 'can be undone under another') FROM moved;
RESET timezone;
RESET bytea_output;
RESET datestyle;
RESET intervalstyle;
RESET extra_float_digits;
SELECT is(pictures(), before, 'and all values are back to the letter') FROM picture;

SELECT * FROM finish();
ROLLBACK;
