-- Not compared: the events of the new sales computed anew, as one would write it by hand.
BEGIN;
CREATE TEMPORARY TABLE hand ON COMMIT DROP AS
SELECT t.event_id, count(*) AS transactions, count(*) FILTER (WHERE NOT t.is_resale) AS minted,
       count(*) FILTER (WHERE t.is_resale) AS resales,
       sum(t.price_paid) FILTER (WHERE t.status = 'completed') AS revenue,
       avg(t.price_paid) FILTER (WHERE NOT t.is_resale) AS mint_price,
       avg(t.price_paid) FILTER (WHERE t.is_resale) AS resale_price,
       count(DISTINCT t.wallet_address) AS wallets, avg(v.worst_score) AS fraud_score,
       count(*) FILTER (WHERE v.was_blocked) AS blocked
FROM public.transactions AS t
LEFT JOIN (
    SELECT p.transaction_id, max(p.fraud_score) AS worst_score, bool_or(p.decision = 'block') AS was_blocked
    FROM public.fraud_predictions AS p
    GROUP BY p.transaction_id
) AS v USING (transaction_id)
WHERE t.event_id IN (SELECT m.event_id FROM public.sale_model AS m)
GROUP BY t.event_id;
ROLLBACK;
