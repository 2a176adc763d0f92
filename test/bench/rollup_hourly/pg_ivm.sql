-- Needs extension pg_ivm
-- Not compared: the time is that of inserting 2,000 rows, as it maintains its view meanwhile. It refuses date_trunc of
-- a timestamptz, so that its table has the hour as a column.
SELECT to_regclass('public.ivm_sale') IS NULL AS is_missing \gset
\if :is_missing
    CREATE TABLE public.ivm_sale (LIKE public.transactions, hour timestamptz);
    INSERT INTO public.ivm_sale
    SELECT t.*, date_trunc('hour', t."timestamp", 'UTC') FROM public.transactions AS t;
    CREATE INDEX ON public.ivm_sale (hour);
    SELECT create_immv('public.ivm_hourly',
        'SELECT hour, count(*) AS tickets_sold, sum(price_paid) AS revenue FROM public.ivm_sale '
        'WHERE status = ''completed'' GROUP BY hour');
    VACUUM ANALYZE public.ivm_sale;
\endif
SELECT clock_timestamp() AS started \gset
INSERT INTO public.ivm_sale
SELECT t.*, date_trunc('hour', t."timestamp", 'UTC') FROM public.transactions AS t
WHERE t."timestamp" > '2025-12-31 23:45:00+00' ORDER BY t."timestamp" DESC LIMIT 2000;
