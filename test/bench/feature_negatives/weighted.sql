-- Not compared: ours, by weight.
SELECT etl.create_negative_sample('public.negative', 'public.positive', 'user_id', 'item_id', 4,
                                  weighting => 'popularity^0.75');
DROP TABLE public.negative;
