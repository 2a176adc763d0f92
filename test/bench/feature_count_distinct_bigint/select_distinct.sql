SELECT count(*), sum(g.n)
FROM (SELECT d.event_id, count(d.ticket_id) AS n
      FROM (SELECT DISTINCT event_id, ticket_id FROM public.transactions_raw) AS d GROUP BY d.event_id) AS g;
