-- The SQLSTATEs of what the features refuse.
BEGIN;
SELECT plan(22);
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

SELECT throws_ok('SELECT ' || call, state, NULL, call)
FROM (VALUES
    ($$etl.days_between('infinity', 'infinity')$$, '22008'),
    ($$etl.event_popularity(-1, 1, '2024-01-02', '2024-01-01')$$, '22023'),
    ($$etl.haversine_km(91, 0, 0, 0)$$, '22023'),
    ($$etl.haversine_km(0, 0, 0, 'Infinity')$$, '22023'),
    ($$etl.velocity('2024-01-01', '0', '2024-01-01')$$, '22023'),
    ($$etl.avg_duration('2024-01-01', 'infinity')$$, '22008'),
    ($$etl.avg_duration('-infinity', '2024-01-01')$$, '22008'),
    ($$etl.geo_velocity('2024-01-01', 0, 181)$$, '22023'),
    ($$etl.geo_velocity('2024-01-01', 0, 0, 'NaN', '1 hour')$$, '22023'),
    ($$etl.geo_velocity('2024-01-01', 0, 0, 1, '1 year')$$, '22023'),
    ($$etl.geo_velocity('2024-01-01', 0, 0, NULL, '1 hour')$$, '22004'),
    ($$etl._avg_duration_final('{}')$$, '22023'),
    ($$etl._first_resale_add('{1,NULL}', now(), true)$$, '22023'),
    ($$etl.count_distinct('{}'::json)$$, '42883'),
    ($$etl.pagerank('SELECT 1, 2', -0.1)$$, '22023'),
    ($$etl.pagerank('SELECT 1, 2', 'NaN')$$, '22023'),
    ($$etl.pagerank('SELECT 1, 2', 0.5, -1)$$, '22023'),
    ($$etl.pagerank('SELECT 1, 2', 0.5, 1, -1)$$, '22023'),
    ($$etl.pagerank('SELECT 1')$$, '42804'),
    ($$etl.pagerank('DROP TABLE pg_class')$$, '22023'),
    ($$etl.pagerank('SELECT 1, 1 / 0')$$, '22012'),
    ($$etl.pagerank('SELECT 1, 2 FROM no_such_table')$$, '42P01')
) AS refused (call, state);

SELECT * FROM finish();
ROLLBACK;
