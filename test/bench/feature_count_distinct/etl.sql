SELECT count(*), sum(g.wallets)
FROM (SELECT event_id, etl.count_distinct(wallet_address) AS wallets
      FROM public.transactions_raw GROUP BY event_id) AS g;
