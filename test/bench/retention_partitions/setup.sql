-- A partition with as many rows as the benchmark has, all of them due, and one that is not. What is timed must not
-- depend on how many rows they are: run it with BENCH_ROWS=100000, 1000000 and 3000000.
DROP TABLE IF EXISTS public.readings CASCADE;
CREATE TABLE public.readings (id bigint NOT NULL, at timestamptz NOT NULL, device text NOT NULL, value float8)
    PARTITION BY RANGE (at);
CREATE TABLE public.readings_new PARTITION OF public.readings
    FOR VALUES FROM ('2025-02-01 00:00+00') TO ('2025-03-01 00:00+00');
CREATE INDEX ON public.readings (at);
CREATE INDEX ON public.readings (device, at);
INSERT INTO public.readings VALUES (0, '2025-02-01 00:00+00', 'new', 0);
SELECT etl.remove_retention_policy('bench_readings', if_exists => true);
SELECT etl.add_retention_policy('public.readings', 'at', keep => '1 day', name => 'bench_readings');
