-- Not compared: the repeated values alone.
SELECT coalesce(sum(g.rows), 0)
FROM (SELECT count(*) AS rows FROM public.transactions_raw WHERE transaction_id IS NOT NULL
      GROUP BY transaction_id HAVING count(*) > 1) AS g;
