-- Needs extension timescaledb
-- Not compared: it has its rows in a hypertable of its own. They are added before the clock starts.
\i test/bench/rollup_hourly/hypertable.psql
INSERT INTO public.hyper_sale
SELECT t.* FROM public.transactions AS t
WHERE t."timestamp" > '2025-12-31 23:45:00+00' ORDER BY t."timestamp" DESC LIMIT 2000;
SELECT clock_timestamp() AS started \gset
CALL refresh_continuous_aggregate('public.hyper_hourly', NULL, NULL);
