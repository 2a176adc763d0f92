SELECT unnest(ARRAY[
    count(*) FILTER (WHERE wallet_address IS NULL),
    count(*) FILTER (WHERE wallet_address !~ '^0x[0-9a-f]{40}$'),
    count(*) FILTER (WHERE length(transaction_id) <> 64),
    count(*) FILTER (WHERE price_paid IS NULL),
    count(*) FILTER (WHERE price_paid < 0),
    count(*) FILTER (WHERE payment_method NOT IN ('card', 'apple_pay', 'usdc', 'eth', 'matic')),
    count(*) FILTER (WHERE status NOT IN ('completed', 'pending', 'failed', 'refunded')),
    count(*) FILTER (WHERE transfer_time < purchase_time)])
FROM :validated;
