SELECT count(*) FROM :validated WHERE wallet_address IS NULL;
SELECT count(*) FROM :validated WHERE wallet_address !~ '^0x[0-9a-f]{40}$';
SELECT count(*) FROM :validated WHERE length(transaction_id) <> 64;
SELECT count(*) FROM :validated WHERE price_paid IS NULL;
SELECT count(*) FROM :validated WHERE price_paid < 0;
SELECT count(*) FROM :validated
WHERE payment_method NOT IN ('card', 'apple_pay', 'usdc', 'eth', 'matic');
SELECT count(*) FROM :validated WHERE status NOT IN ('completed', 'pending', 'failed', 'refunded');
SELECT count(*) FROM :validated WHERE transfer_time < purchase_time;
