-- Not compared: the rows of each group, which is the scan and the grouping alone.
SELECT count(*), sum(g.n)
FROM (SELECT wallet_address, count(event_id) AS n FROM public.transactions_raw GROUP BY wallet_address) AS g;
