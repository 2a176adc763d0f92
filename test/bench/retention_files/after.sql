-- What is left, which is compared; not timed.
SELECT count(*) AS left FROM public.filed WHERE "timestamp" < :'cutoff';
