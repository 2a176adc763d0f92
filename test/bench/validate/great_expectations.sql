-- Not compared: the statements that Great Expectations 0.18.21 sends for the suite, without the time of its Python.
-- Most counts come from one of them, those of lengths and pairs from others; each check's failing values from its own.
SELECT count(*) AS "table.row_count",
       sum(CASE WHEN wallet_address IS NULL THEN 1 ELSE 0 END),
       sum(CASE WHEN wallet_address IS NOT NULL AND wallet_address !~ '^0x[0-9a-f]{40}$' THEN 1 ELSE 0 END),
       sum(CASE WHEN transaction_id IS NULL THEN 1 ELSE 0 END),
       sum(CASE WHEN price_paid IS NULL THEN 1 ELSE 0 END),
       sum(CASE WHEN price_paid IS NOT NULL AND NOT price_paid >= 0 THEN 1 ELSE 0 END),
       sum(CASE WHEN payment_method IS NULL THEN 1 ELSE 0 END),
       sum(CASE WHEN payment_method IS NOT NULL
                     AND payment_method NOT IN ('card', 'apple_pay', 'usdc', 'eth', 'matic') THEN 1 ELSE 0 END),
       sum(CASE WHEN status IS NULL THEN 1 ELSE 0 END),
       sum(CASE WHEN status IS NOT NULL
                     AND status NOT IN ('completed', 'pending', 'failed', 'refunded') THEN 1 ELSE 0 END)
FROM :validated;
SELECT sum(CASE WHEN transaction_id IS NOT NULL AND length(transaction_id) <> 64 THEN 1 ELSE 0 END)
FROM :validated;
SELECT sum(CASE WHEN NOT (transfer_time IS NULL OR purchase_time IS NULL) THEN 1 ELSE 0 END) FROM :validated;
SELECT sum(CASE WHEN NOT (transfer_time IS NULL OR purchase_time IS NULL)
                     AND NOT transfer_time >= purchase_time THEN 1 ELSE 0 END)
FROM :validated;
SELECT wallet_address FROM :validated WHERE wallet_address IS NULL LIMIT 20;
SELECT wallet_address FROM :validated
WHERE wallet_address IS NOT NULL AND wallet_address !~ '^0x[0-9a-f]{40}$' LIMIT 20;
SELECT transaction_id FROM :validated
WHERE transaction_id IS NOT NULL AND length(transaction_id) <> 64 LIMIT 20;
SELECT price_paid FROM :validated WHERE price_paid IS NULL LIMIT 20;
SELECT price_paid FROM :validated WHERE price_paid IS NOT NULL AND NOT price_paid >= 0 LIMIT 20;
SELECT payment_method FROM :validated
WHERE payment_method IS NOT NULL AND payment_method NOT IN ('card', 'apple_pay', 'usdc', 'eth', 'matic') LIMIT 20;
SELECT status FROM :validated
WHERE status IS NOT NULL AND status NOT IN ('completed', 'pending', 'failed', 'refunded') LIMIT 20;
SELECT transfer_time, purchase_time FROM :validated
WHERE NOT (transfer_time IS NULL OR purchase_time IS NULL) AND NOT transfer_time >= purchase_time LIMIT 20;
