-- Needs extension count_distinct
SELECT count(*), sum(g.n)
FROM (SELECT event_id, public.count_distinct(ticket_id) AS n
      FROM public.transactions_raw GROUP BY event_id) AS g;
