-- Not compared: exact for events of more than 2048 rows too.
SELECT event_id, percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY price_paid)
FROM public.transactions_raw GROUP BY event_id ORDER BY event_id NULLS FIRST;
