SELECT count(*), count(f.transaction_id), sum((extract(epoch FROM f."timestamp") * 1000000)::bigint)
FROM public.label AS l
LEFT JOIN LATERAL (
    SELECT r."timestamp", r.transaction_id, r.price_paid FROM public.raw_by_wallet_ts AS r
    WHERE r.wallet_address = l.wallet_address AND r."timestamp" <= l.ts ORDER BY r."timestamp" DESC LIMIT 1
) AS f ON true;
