-- Not compared: the wallets of the new sales computed anew, as one would write it by hand.
BEGIN;
CREATE TEMPORARY TABLE hand ON COMMIT DROP AS
SELECT t.wallet_address, count(*) AS transactions, count(*) FILTER (WHERE t.is_resale) AS resales_bought,
       coalesce(sum(t.price_paid) FILTER (WHERE t.status = 'completed'), 0)::numeric(18,2) AS spend,
       min(t."timestamp") AS first_purchase, max(t."timestamp") AS last_purchase,
       coalesce(bool_or(v.was_blocked), false) AS was_blocked
FROM public.transactions AS t
LEFT JOIN LATERAL (
    SELECT bool_or(p.decision = 'block') AS was_blocked
    FROM public.fraud_predictions AS p WHERE p.transaction_id = t.transaction_id
) AS v ON true
WHERE t.wallet_address IN (SELECT m.wallet_address FROM public.sale_model AS m)
GROUP BY t.wallet_address;
ROLLBACK;
