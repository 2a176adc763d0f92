SELECT count(*), sum(g.wallets)
FROM (SELECT event_id, count(DISTINCT wallet_address) AS wallets
      FROM public.transactions_raw GROUP BY event_id) AS g;
