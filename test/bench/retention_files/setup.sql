-- The same tenth of the sales, into files on the server.
COPY (SELECT WHERE false) TO PROGRAM 'mkdir -p -m 700 "$PWD/../bench_files"';
SELECT regexp_replace(current_setting('data_directory'), '[^/]+$', 'bench_files') AS directory \gset
SET pg_etl.archive_directory = :'directory';
DROP TABLE IF EXISTS public.filed, public.filed_kept CASCADE;
CREATE TABLE public.filed AS SELECT * FROM public.transactions_raw WHERE "timestamp" IS NOT NULL;
CREATE INDEX filed_timestamp_idx ON public.filed ("timestamp");
SELECT percentile_disc(0.1) WITHIN GROUP (ORDER BY "timestamp") AS cutoff FROM public.filed \gset
CREATE TABLE public.filed_kept AS SELECT * FROM public.filed WHERE "timestamp" < :'cutoff';
SELECT etl.remove_retention_policy('bench_filed', if_exists => true);
SELECT etl.add_retention_policy('public.filed', 'timestamp', keep => '1 day', name => 'bench_filed',
                                archive_to => 'file://' || :'directory', max_runtime => '1 h');
