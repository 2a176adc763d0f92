-- Not compared: the rows of each group, which is the scan and the grouping alone.
SELECT count(*), sum(g.n)
FROM (SELECT event_id, count(ticket_id) AS n FROM public.transactions_raw GROUP BY event_id) AS g;
