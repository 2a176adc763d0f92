-- What is left, which is compared; not timed.
SELECT count(*), to_regclass('public.readings_old') FROM public.readings;
