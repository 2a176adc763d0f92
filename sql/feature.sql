-- Features: known answers, edges and errors of every function.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET extra_float_digits = 0;

-- days_between
SELECT etl.days_between('2024-01-01', '2024-01-02 12:00') AS day_and_half,
       etl.days_between('2024-01-02', '2024-01-01') AS backwards,
       etl.days_between('2024-01-01', 'infinity') AS endless,
       etl.days_between(NULL, '2024-01-01') AS unknown;

-- event_popularity
SELECT etl.event_popularity(50, 100, '2024-01-05', '2024-01-01') AS in_four_days,
       etl.event_popularity(100, 100, '2024-01-01 00:01', '2024-01-01') AS in_a_minute,
       etl.event_popularity(100, 100, '2024-01-01', '2024-01-01') AS now,
       etl.event_popularity(100, 100, '2023-12-31', '2024-01-01') AS past,
       etl.event_popularity(1, 0, '2024-01-05', '2024-01-01') AS no_capacity,
       etl.event_popularity(NULL, 100, '2024-01-05', '2024-01-01') AS unknown;

-- price_deviation
SELECT etl.price_deviation(120, 100) AS above, etl.price_deviation(75.5, 100) AS below,
       etl.price_deviation(1, 0.00) AS free, etl.price_deviation(1, NULL) AS unknown,
       etl.price_deviation('NaN', 1) AS nan;

-- haversine_km
SELECT round(etl.haversine_km(52.5200, 13.4050, 48.8566, 2.3522)::numeric, 3) AS berlin_paris,
       round(etl.haversine_km(0, 0, 0, 180)::numeric, 3) AS half_the_equator,
       etl.haversine_km(0, -180, 0, 180) < 1e-9 AS same_meridian,
       etl.haversine_km(0, 0, NULL, 0) AS unknown;

-- velocity: the start of the window is out, the end is in
CREATE TABLE txn (wallet text, ts timestamptz);
INSERT INTO txn VALUES ('a', '2024-01-01 11:00'), ('a', '2024-01-01 11:00:00.000001'), ('a', '2024-01-01 12:00'),
                       ('a', '2024-01-01 12:00:00.000001'), ('b', '2024-01-01 09:00'), ('b', NULL), ('b', 'infinity');
SELECT wallet, etl.velocity(ts, '1 hour', '2024-01-01 12:00') FROM txn GROUP BY wallet ORDER BY wallet;
SELECT etl.velocity(ts, '1 hour', '2024-01-01 12:00') FROM txn WHERE false;
SELECT etl.velocity(ts, '1 hour', 'infinity'), etl.velocity(ts, NULL, '2024-01-01') FROM txn;
-- days and months by the calendar: this day has 23 hours
SET timezone = 'Europe/Berlin';
SELECT etl.velocity(ts, '1 day', '2024-04-01 00:00') AS day, etl.velocity(ts, '24 hours', '2024-04-01 00:00') AS hours,
       etl.velocity(ts, '1 month', '2024-04-01 00:00') AS month
FROM (VALUES ('2024-03-31 00:00'::timestamptz), ('2024-03-01 00:00:01')) AS v (ts);
SET timezone = 'UTC';

-- avg_duration: only rows with both ends
SELECT etl.avg_duration(a, b)
FROM (VALUES ('2024-01-01'::timestamptz, '2024-01-03 06:00'::timestamptz), ('2024-01-01', '2024-01-01 06:00'),
             ('2024-01-01', NULL), (NULL, '2024-01-01')) AS v (a, b);
SELECT etl.avg_duration('2024-01-02', '2024-01-01') AS backwards,
       etl.avg_duration('2024-01-02', NULL) AS none;

-- time_to_first_resale
SELECT ticket, etl.time_to_first_resale(ts, is_resale)
FROM (VALUES ('resold twice', '2024-01-01 10:00'::timestamptz, false), ('resold twice', '2024-01-01 12:00', true),
             ('resold twice', '2024-01-01 11:30', true), ('kept', '2024-01-01', false),
             ('no mint', '2024-01-01', true), ('resold first', '2024-01-02', false),
             ('resold first', '2024-01-01', true), ('unknown', NULL, false), ('unknown', '2024-01-01', NULL)
     ) AS v (ticket, ts, is_resale)
GROUP BY ticket
ORDER BY ticket;

-- geo_velocity: the last two located rows
CREATE TABLE session (wallet text, ts timestamptz, latitude float8, longitude float8);
INSERT INTO session VALUES
    ('flies', '2024-01-01 10:00', 52.52, 13.405), ('flies', '2024-01-01 10:59', 48.8566, 2.3522),
    ('an hour', '2024-01-01 10:00', 52.52, 13.405), ('an hour', '2024-01-01 11:00', 48.8566, 2.3522),
    ('near', '2024-01-01 10:00', 52.52, 13.405), ('near', '2024-01-01 10:01', 53.5511, 9.9937),
    ('long ago', '2024-01-01 10:00', 52.52, 13.405), ('long ago', '2024-01-01 10:10', 48.8566, 2.3522),
    ('long ago', '2024-01-01 10:20', 48.8566, 2.3522),
    ('not located', '2024-01-01 10:00', 52.52, 13.405), ('not located', '2024-01-01 10:10', NULL, 2.3522),
    ('not located', NULL, 48.8566, 2.3522), ('not located', 'infinity', 48.8566, 2.3522),
    ('once', '2024-01-01 10:00', 52.52, 13.405);
SELECT wallet, etl.geo_velocity(ts, latitude, longitude) FROM session GROUP BY wallet ORDER BY wallet;
SELECT wallet, etl.geo_velocity(ts, latitude, longitude, 200, '2 minutes') AS shorter
FROM session GROUP BY wallet ORDER BY wallet;
SELECT etl.geo_velocity(ts, latitude, longitude) FROM session WHERE false;

-- pagerank
SELECT node, round(rank::numeric, 6) AS rank
FROM etl.pagerank($$ VALUES ('a', 'b'), ('a', 'c'), ('b', 'c'), ('c', 'a'), ('d', 'c'), ('c', 'c'), ('a', 'b') $$)
ORDER BY node;
SELECT * FROM etl.pagerank('SELECT 1, 2 WHERE false');
SELECT node, rank FROM etl.pagerank('SELECT 1, 1');
SELECT count(*) FROM etl.pagerank('SELECT x, NULLIF(x + 1, 5) FROM generate_series(1, 5) AS x');
SELECT count(*), round(sum(rank)::numeric, 12) FROM etl.pagerank('SELECT x, x / 2 FROM generate_series(1, 999) AS x');
-- few iterations give ranks and a warning
SELECT node, round(rank::numeric, 4) AS rank
FROM etl.pagerank('VALUES (1, 2), (2, 1), (3, 1)', max_iterations => 2) ORDER BY node;

-- errors
SELECT etl.days_between('infinity', 'infinity');
SELECT etl.event_popularity(-1, 100, '2024-01-05', '2024-01-01');
SELECT etl.haversine_km(90.5, 0, 0, 0);
SELECT etl.haversine_km(0, 0, 0, 'NaN');
SELECT etl.velocity(ts, '0', '2024-01-01') FROM txn;
SELECT etl.velocity(ts, '-1 day', '2024-01-01') FROM txn;
SELECT etl.avg_duration('2024-01-01', 'infinity');
SELECT etl.geo_velocity('2024-01-01', 91, 0);
SELECT etl.geo_velocity(ts, latitude, longitude, -1, '1 hour') FROM session;
SELECT etl.geo_velocity(ts, latitude, longitude, 500, '1 month') FROM session;
SELECT etl.geo_velocity(ts, latitude, longitude, 500, '-1 hour') FROM session;
SELECT etl.geo_velocity(ts, latitude, longitude, 500, NULL) FROM session;
SELECT etl.geo_velocity(ts, latitude, longitude, latitude, '1 hour') FROM session;
SELECT '\x00'::etl.geo_velocity_state;
SELECT etl._avg_duration_final('{1,2}');
SELECT etl._avg_duration_add('{1,2,NULL}', now(), now());
SELECT etl._first_resale_combine('{1,2}', '{{1},{2}}');
SELECT * FROM etl.pagerank('SELECT 1, 2', damping => 1);
SELECT * FROM etl.pagerank('SELECT 1, 2', tolerance => 0);
SELECT * FROM etl.pagerank('SELECT 1, 2', max_iterations => 0);
SELECT * FROM etl.pagerank('SELECT 1');
SELECT * FROM etl.pagerank('SELECT 1, 2, 3');
SELECT * FROM etl.pagerank('SELECT 1, 2; SELECT 3, 4');
SELECT * FROM etl.pagerank('DELETE FROM txn RETURNING wallet, wallet');
SELECT * FROM etl.pagerank('WITH gone AS (DELETE FROM txn RETURNING wallet) SELECT wallet, wallet FROM gone');
SELECT * FROM etl.pagerank('CREATE TABLE never (a int)');
SELECT * FROM etl.pagerank('SELECT 1 AS a, 2 AS b INTO never');
SELECT * FROM etl.pagerank('EXPLAIN SELECT 1, 2');
SELECT * FROM etl.pagerank('');
SELECT * FROM etl.pagerank('SELEKT 1, 2');
SELECT * FROM etl.pagerank('SELECT 1, 1 / 0');
SELECT count(*) AS txn_rows FROM txn;

DROP TABLE txn, session;
