SELECT count(*), sum(g.wallets)
FROM (SELECT d.event_id, count(d.wallet_address) AS wallets
      FROM (SELECT DISTINCT event_id, wallet_address FROM public.transactions_raw) AS d GROUP BY d.event_id) AS g;
