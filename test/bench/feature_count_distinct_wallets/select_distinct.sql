SELECT count(*), sum(g.n)
FROM (SELECT d.wallet_address, count(d.event_id) AS n
      FROM (SELECT DISTINCT wallet_address, event_id FROM public.transactions_raw) AS d GROUP BY d.wallet_address) AS g;
