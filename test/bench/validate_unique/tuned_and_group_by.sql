-- Two statements: an expert's for the eight, and the one that finds repeated values.
SELECT unnest(ARRAY[
    count(*) FILTER (WHERE wallet_address IS NULL),
    count(*) FILTER (WHERE length(wallet_address) <> 42 OR wallet_address !~ '^0x[0-9a-f]+$'),
    count(*) FILTER (WHERE length(transaction_id) <> 64),
    count(*) FILTER (WHERE price_paid IS NULL),
    count(*) FILTER (WHERE price_paid < 0),
    count(*) FILTER (WHERE payment_method NOT IN ('card', 'apple_pay', 'usdc', 'eth', 'matic')),
    count(*) FILTER (WHERE status NOT IN ('completed', 'pending', 'failed', 'refunded')),
    count(*) FILTER (WHERE transfer_time < purchase_time)])
FROM public.transactions_raw;
SELECT coalesce(sum(g.rows), 0)
FROM (SELECT count(*) AS rows FROM public.transactions_raw WHERE transaction_id IS NOT NULL
      GROUP BY transaction_id HAVING count(*) > 1) AS g;
