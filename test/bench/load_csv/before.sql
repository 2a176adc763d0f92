TRUNCATE public.loaded;
CHECKPOINT;
