-- Needs extension count_distinct
-- It takes types of up to eight bytes that are passed by value, a text therefore as a hash, and is then no longer exact.
SELECT count(*), sum(g.wallets)
FROM (SELECT event_id, public.count_distinct(hashtextextended(wallet_address, 0)) AS wallets
      FROM public.transactions_raw GROUP BY event_id) AS g;
