-- Needs extension count_distinct
SELECT count(*), sum(g.n)
FROM (SELECT wallet_address, public.count_distinct(event_id) AS n
      FROM public.transactions_raw GROUP BY wallet_address) AS g;
