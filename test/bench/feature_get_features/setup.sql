-- A feature view of all wallets, which are numbered because pgbench has no other variables than numbers: eleven
-- features, as the table of a model has them.
SELECT etl.create_feature_view('served_wallets', ARRAY['wallet'], $query$
    SELECT row_number() OVER (ORDER BY t.wallet_address) AS wallet,
           count(*) AS tickets,
           count(DISTINCT t.event_id) AS events,
           sum(t.price_paid) AS spent,
           avg(t.price_paid)::float8 AS average_price,
           min(t.price_paid) AS lowest_price,
           max(t.price_paid) AS highest_price,
           count(*) FILTER (WHERE t.is_resale) AS resales,
           min(t."timestamp") AS first_at,
           max(t."timestamp") AS last_at,
           mode() WITHIN GROUP (ORDER BY t.payment_method) AS usual_payment,
           bool_or(t.status = 'refunded') AS has_refund
    FROM public.transactions_raw AS t
    WHERE t."timestamp" <= $1 AND t.wallet_address IS NOT NULL
    GROUP BY t.wallet_address
    $query$, schema => 'public');
CALL etl.materialize_features('served_wallets', '2100-01-01');
VACUUM ANALYZE public.served_wallets;
