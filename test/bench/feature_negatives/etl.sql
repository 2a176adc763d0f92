SELECT etl.create_negative_sample('public.negative', 'public.positive', 'user_id', 'item_id', 4);
DROP TABLE public.negative;
