ALTER TABLE public.readings DETACH PARTITION public.readings_old CONCURRENTLY;
DROP TABLE public.readings_old;
