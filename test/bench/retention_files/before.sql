-- All that is due is in the table again, and no file is there.
DELETE FROM public.filed WHERE "timestamp" < :'cutoff';
INSERT INTO public.filed TABLE public.filed_kept;
COPY (SELECT WHERE false) TO PROGRAM 'rm -rf "$PWD/../bench_files"/*';
DELETE FROM etl.archive WHERE policy = 'bench_filed';
VACUUM (ANALYZE) public.filed;
CHECKPOINT;
