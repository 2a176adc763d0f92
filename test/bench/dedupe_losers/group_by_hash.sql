-- Not compared: distinct keys that share a hash, which has 32 good bits, are counted as well.
-- How many there are, and nothing of where.
SELECT sum(n - 1) FROM (
    SELECT count(*) FROM purchases GROUP BY hash_record_extended(ROW(wallet_address, event_id, price_paid), 0)
    HAVING count(*) > 1
) AS repeated(n);
