-- A table of sales with four indexes, and an archive of the same columns with two. A tenth of the sales is moved.
DROP TABLE IF EXISTS public.sales, public.sales_archive;
CREATE TABLE public.sales AS SELECT * FROM public.transactions_raw WHERE "timestamp" IS NOT NULL;
ALTER TABLE public.sales ALTER "timestamp" SET NOT NULL;
CREATE INDEX sales_timestamp_idx ON public.sales ("timestamp");
CREATE INDEX ON public.sales (transaction_id);
CREATE INDEX ON public.sales (wallet_address, "timestamp");
CREATE INDEX ON public.sales (event_id);
CREATE TABLE public.sales_archive (LIKE public.sales);
CREATE INDEX ON public.sales_archive ("timestamp");
CREATE INDEX ON public.sales_archive (transaction_id);
SELECT percentile_disc(0.1) WITHIN GROUP (ORDER BY "timestamp") AS cutoff FROM public.sales \gset
SELECT set_config('bench.cutoff', :'cutoff', false);
SELECT etl.remove_retention_policy('bench_sales', if_exists => true);
SELECT etl.add_retention_policy('public.sales', 'timestamp', keep => '1 day', name => 'bench_sales',
                                archive_to => 'public.sales_archive', max_runtime => '1 h');
