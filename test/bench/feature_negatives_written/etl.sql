SELECT etl.create_negative_sample('public.unseen', 'public.seen', 'user_id', 'item_id', 20);
DROP TABLE public.unseen;
