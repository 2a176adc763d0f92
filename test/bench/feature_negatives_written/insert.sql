-- Not compared: as many rows of that shape.
CREATE TABLE public.unseen (user_id integer, item_id integer);
INSERT INTO public.unseen SELECT n, n FROM generate_series(1, 20 * (SELECT count(*) FROM public.seen)) AS n;
DROP TABLE public.unseen;
