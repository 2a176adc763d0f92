-- Everybody begins with a full partition.
DROP TABLE IF EXISTS public.readings_old;
CREATE TABLE public.readings_old PARTITION OF public.readings
    FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2025-02-01 00:00+00');
INSERT INTO public.readings
SELECT n, '2025-01-01 00:00+00'::timestamptz + n * (interval '31 days' / :rows), 'device ' || n % 1000, n
FROM generate_series(0, :rows - 1) AS n;
VACUUM (ANALYZE) public.readings;
CHECKPOINT;
