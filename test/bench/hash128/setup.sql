CREATE TABLE keys AS
    SELECT md5(i::text) AS t, i AS n, (i % 100000) / 100.0 AS price FROM generate_series(1, :rows) AS i;
VACUUM ANALYZE keys;
SET max_parallel_workers_per_gather = 0;
