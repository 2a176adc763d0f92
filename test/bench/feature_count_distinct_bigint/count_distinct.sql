SELECT count(*), sum(g.n)
FROM (SELECT event_id, count(DISTINCT ticket_id) AS n
      FROM public.transactions_raw GROUP BY event_id) AS g;
