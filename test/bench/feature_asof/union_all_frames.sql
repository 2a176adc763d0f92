SELECT count(*), count(transaction_id), sum((extract(epoch FROM feature_ts) * 1000000)::bigint)
FROM (
    SELECT u.label_id, max(u.feature_ts) OVER w AS feature_ts, max(u.transaction_id) OVER w AS transaction_id
    FROM (SELECT label_id, wallet_address, ts, NULL::timestamptz AS feature_ts, NULL::text AS transaction_id
          FROM public.label
          UNION ALL
          SELECT NULL, wallet_address, "timestamp", "timestamp", transaction_id FROM public.transactions_raw
          WHERE wallet_address IS NOT NULL AND "timestamp" IS NOT NULL) AS u
    WINDOW w AS (PARTITION BY u.wallet_address ORDER BY u.ts RANGE UNBOUNDED PRECEDING)
) AS a
WHERE label_id IS NOT NULL;
