DROP TABLE public.readings_old;
