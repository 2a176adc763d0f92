-- Not compared: whoever knows that it is this one hour may write so. The floor of a recomputation.
BEGIN;
CREATE TEMPORARY TABLE hand ON COMMIT DROP AS
SELECT date_trunc('hour', t."timestamp", 'UTC') AS hour, count(*) AS transactions,
       coalesce(sum(t.price_paid) FILTER (WHERE t.status = 'completed'), 0)::numeric(18,2) AS revenue,
       count(DISTINCT t.wallet_address) AS wallets, count(*) FILTER (WHERE t.is_resale) AS resales,
       count(*) FILTER (WHERE t.status = 'failed') AS failed, count(*) FILTER (WHERE v.decision = 'review') AS reviewed,
       count(*) FILTER (WHERE v.decision = 'block') AS blocked
FROM public.transactions AS t
LEFT JOIN LATERAL (
    SELECT p.decision FROM public.fraud_predictions AS p
    WHERE p.transaction_id = t.transaction_id ORDER BY p."timestamp" DESC, p.id DESC LIMIT 1
) AS v ON true
WHERE t."timestamp" >= '2025-12-31 23:00:00+00' AND t."timestamp" < '2026-01-01 00:00:00+00'
GROUP BY 1;
ROLLBACK;
