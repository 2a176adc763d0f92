SELECT count(*)
FROM (SELECT count(*) OVER (PARTITION BY transaction_id) AS rows FROM public.transactions_raw
      WHERE transaction_id IS NOT NULL) AS w
WHERE w.rows > 1;
