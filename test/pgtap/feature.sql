-- The features' aggregates and functions against plain SQL on random data, serial and in parallel, and their states.
BEGIN;
SELECT plan(24);
SET LOCAL timezone = 'UTC';

-- what there is
PREPARE found (text, text) AS
SELECT FROM pg_catalog.pg_aggregate AS a JOIN pg_catalog.pg_proc AS p ON p.oid = a.aggfnoid
WHERE a.aggfnoid = $1::regprocedure AND p.prorettype = $2::regtype AND p.proparallel = 's' AND a.aggcombinefn <> 0
  AND a.aggtranstype <> 'internal'::regtype;
SELECT isnt_empty(format('EXECUTE found(%L, %L)', name, result), name || ' returns ' || result || ', in parallel')
FROM (VALUES ('etl.velocity(timestamptz, interval, timestamptz)', 'bigint'),
             ('etl.avg_duration(timestamptz, timestamptz)', 'interval'),
             ('etl.time_to_first_resale(timestamptz, boolean)', 'float8'),
             ('etl.geo_velocity(timestamptz, float8, float8)', 'boolean'),
             ('etl.geo_velocity(timestamptz, float8, float8, float8, interval)', 'boolean')) AS v (name, result);
SELECT is((SELECT format('%s %s %s', p.prorettype::regtype, p.provolatile, p.proparallel)
           FROM pg_catalog.pg_proc AS p WHERE p.oid = name::regprocedure),
          result || ' i s', name || ' returns ' || result)
FROM (VALUES ('etl.days_between(timestamptz, timestamptz)', 'double precision'),
             ('etl.event_popularity(bigint, bigint, timestamptz, timestamptz)', 'double precision'),
             ('etl.price_deviation(numeric, numeric)', 'numeric'),
             ('etl.haversine_km(float8, float8, float8, float8)', 'double precision')) AS v (name, result);

-- Transactions and sessions of 2000 wallets in one sample. Times are dense, so that equal ones and rows at the edges
-- of windows occur; a tenth of everything is unknown.
SELECT setseed(0.25);
CREATE TABLE sample AS
SELECT (random() ^ 2 * 2000)::int AS wallet,
       '2024-06-01'::timestamptz + (random() * 600)::int * interval '1 minute' AS ts,
       CASE WHEN random() > 0.1 THEN '2024-06-01'::timestamptz + random() * interval '100 days' END AS ended,
       CASE WHEN random() > 0.1 THEN random() < 0.4 END AS is_resale,
       CASE WHEN random() > 0.1 THEN (random() * 4)::int * 2 - 4 END::float8 AS latitude,
       CASE WHEN random() > 0.1 THEN (random() * 4)::int * 2 - 4 END::float8 AS longitude
FROM generate_series(1, 200000);
INSERT INTO sample SELECT wallet, NULL, ended, is_resale, latitude, longitude FROM sample WHERE wallet % 17 = 0;
ANALYZE sample;

-- every answer by other means: counts, minima, and the last two rows by number
CREATE TABLE expected AS
WITH located AS (
    SELECT wallet, ts, latitude, longitude,
           row_number() OVER (PARTITION BY wallet ORDER BY ts DESC, latitude DESC, longitude DESC) AS nth
    FROM sample WHERE ts IS NOT NULL AND latitude IS NOT NULL AND longitude IS NOT NULL
), flag AS (
    SELECT a.wallet, a.ts - b.ts < '1 hour' AND etl.haversine_km(a.latitude, a.longitude, b.latitude, b.longitude) > 500
               AS flag
    FROM located AS a JOIN located AS b ON b.wallet = a.wallet AND a.nth = 1 AND b.nth = 2
), plain AS (
    SELECT wallet,
           count(*) FILTER (WHERE ts > '2024-06-01 05:00' AND ts <= '2024-06-01 06:00') AS velocity,
           round(avg(extract(epoch FROM ended) * 1000000 - extract(epoch FROM ts) * 1000000)) AS held,
           min(ts) FILTER (WHERE NOT is_resale) AS minted, min(ts) FILTER (WHERE is_resale) AS resold
    FROM sample GROUP BY wallet
)
SELECT wallet, velocity, held,
       CASE WHEN resold >= minted THEN extract(epoch FROM resold - minted)::float8 / 60 END AS resale,
       coalesce(flag, false) AS flag
FROM plain LEFT JOIN flag USING (wallet);
SELECT cmp_ok((SELECT count(*) FROM expected WHERE flag), '>', 100::bigint, 'the sample has impossible travel');
SELECT cmp_ok((SELECT count(*) FROM expected WHERE NOT flag), '>', 100::bigint, 'and possible');
SELECT cmp_ok((SELECT count(*) FROM expected WHERE resale > 0), '>', 100::bigint, 'and resales');
SELECT cmp_ok((SELECT count(DISTINCT velocity) FROM expected), '>', 20::bigint, 'and many velocities');

\set query 'SELECT wallet, etl.velocity(ts, \'1 hour\', \'2024-06-01 06:00\') AS velocity, '
\set query :query 'round(extract(epoch FROM etl.avg_duration(ts, ended)) * 1000000) AS held, '
\set query :query 'etl.time_to_first_resale(ts, is_resale) AS resale, '
\set query :query 'etl.geo_velocity(ts, latitude, longitude) AS flag '
\set query :query 'FROM sample GROUP BY wallet'

SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS :query;
SELECT set_eq('TABLE serial', 'TABLE expected', 'the answers of plain SQL');

SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_of(query text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    line text;
    lines text[];
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        lines := lines || line;
    END LOOP;
    RETURN array_to_string(lines, E'\n');
END
$$;
SELECT matches(plan_of(:'query'), 'Finalize(.|\n)*Gather(.|\n)*Partial', 'the plan is parallel');
CREATE TABLE parallel AS :query;
SELECT set_eq('TABLE parallel', 'TABLE expected', 'the same in parallel');
SELECT is(etl.geo_velocity(ts, latitude, longitude, 500, '1 hour'), etl.geo_velocity(ts, latitude, longitude),
          'both overloads, over the whole table in parallel')
FROM sample;

-- scalars against SQL's own arithmetic
SELECT is_empty($$
    SELECT FROM sample
    WHERE abs(etl.days_between(ts, ended) - extract(epoch FROM ended - ts)::float8 / 86400) > 1e-9
$$, 'days_between');
SELECT is_empty($$
    SELECT FROM sample AS s
    CROSS JOIN LATERAL (SELECT (s.wallet - 1000)::bigint AS capacity, '2024-07-01'::timestamptz AS as_of) AS v
    WHERE abs(etl.event_popularity(wallet, capacity, ended, as_of)
              - CASE WHEN capacity > 0 AND ended >= as_of
                     THEN wallet::float8 / capacity
                          * power(greatest(extract(epoch FROM ended - as_of) / 86400, 1 / 24.0)::float8, -0.5) END)
          > 1e-9 * wallet
       OR (etl.event_popularity(wallet, capacity, ended, as_of) IS NULL)
          <> (capacity <= 0 OR ended < as_of OR ended IS NULL)
$$, 'event_popularity');
SELECT is_empty($$
    SELECT FROM sample
    WHERE etl.price_deviation(wallet, latitude::numeric) IS DISTINCT FROM (wallet - latitude::numeric)
                                                                          / nullif(latitude::numeric, 0)
$$, 'price_deviation');

-- the state of etl.geo_velocity
CREATE TABLE state AS
SELECT etl._geo_velocity_add(etl._geo_velocity_add(NULL, '2024-01-01 10:00', 52.5, 13.4), '2024-01-01 10:30', 48.9, 2.4)
           AS s;
SELECT is((SELECT etl._geo_velocity_final(s::text::etl.geo_velocity_state) FROM state), true, 'its text form is whole');
CREATE TABLE forged (bytes bytea);
CREATE TABLE received (s etl.geo_velocity_state);
SELECT current_setting('data_directory') || '/geo_velocity.bin' AS file \gset
COPY state TO :'file' (FORMAT binary);
COPY received FROM :'file' (FORMAT binary);
SELECT is((SELECT s::text FROM received), (SELECT s::text FROM state), 'its binary form is whole');
SELECT set_byte(decode(substr(s::text, 3), 'hex'), 24, 3) AS bad FROM state \gset
INSERT INTO forged VALUES (:'bad');
COPY forged TO :'file' (FORMAT binary);
SELECT throws_ok(format('SELECT %L::etl.geo_velocity_state', :'bad'), '22P03', NULL, 'a forged text is refused');
SELECT throws_ok(format('COPY received FROM %L (FORMAT binary)', :'file'), '22P03', NULL, 'and a forged file');

SELECT * FROM finish();
ROLLBACK;
