-- What is in the archive, which is compared; not timed.
SELECT count(*), sum(hashtext(s::text)::bigint) FROM public.sales_archive AS s;
