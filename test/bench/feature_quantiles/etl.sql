SELECT event_id, etl.quantile(etl.quantiles(price_paid), ARRAY[0.5, 0.9, 0.99])
FROM public.transactions_raw GROUP BY event_id ORDER BY event_id NULLS FIRST;
