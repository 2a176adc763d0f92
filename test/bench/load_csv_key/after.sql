-- What is there, which is compared; not timed.
SELECT count(*), etl.rows_hash(l) FROM public.loaded AS l;
