-- Not compared: the rows of each group, which is the scan and the grouping alone.
SELECT count(*), sum(g.wallets)
FROM (SELECT event_id, count(wallet_address) AS wallets FROM public.transactions_raw GROUP BY event_id) AS g;
