-- Not compared: whoever knows that the log has new rows only may add them so, without the wallets, of which two may be
-- one. The floor of a merge: it reads the changes, looks up their predictions, adds them and empties the logs.
BEGIN;
UPDATE public.rollup_kpi_hourly AS k
SET transactions = k.transactions + d.transactions, revenue = k.revenue + d.revenue, resales = k.resales + d.resales,
    failed = k.failed + d.failed, reviewed = k.reviewed + d.reviewed, blocked = k.blocked + d.blocked
FROM (
    SELECT date_trunc('hour', t."timestamp", 'UTC') AS hour, count(*) AS transactions,
           coalesce(sum(t.price_paid) FILTER (WHERE t.status = 'completed'), 0) AS revenue,
           count(*) FILTER (WHERE t.is_resale) AS resales, count(*) FILTER (WHERE t.status = 'failed') AS failed,
           count(*) FILTER (WHERE v.decision = 'review') AS reviewed,
           count(*) FILTER (WHERE v.decision = 'block') AS blocked
    FROM public.rollup_kpi_hourly_log_1 AS t
    LEFT JOIN LATERAL (
        SELECT p.decision FROM public.fraud_predictions AS p
        WHERE p.transaction_id = t.transaction_id ORDER BY p."timestamp" DESC, p.id DESC LIMIT 1
    ) AS v ON true
    WHERE t."timestamp" >= '2025-12-25 00:00:00+00'
    GROUP BY 1
) AS d
WHERE k.hour = d.hour;
DELETE FROM public.rollup_kpi_hourly_log_1;
DELETE FROM public.rollup_kpi_hourly_log_2;
ROLLBACK;
