-- The landing table, and of every twentieth row a later duplicate by three keys; the rest of the keys are unique.
DROP TABLE IF EXISTS purchases;
CREATE TABLE purchases AS
    SELECT DISTINCT ON (wallet_address, event_id, price_paid) * FROM transactions_raw
    WHERE wallet_address IS NOT NULL AND event_id IS NOT NULL AND price_paid IS NOT NULL
    ORDER BY wallet_address, event_id, price_paid;
INSERT INTO purchases
    SELECT later.*
    FROM purchases AS p,
        jsonb_populate_record(p, jsonb_build_object('timestamp', p."timestamp" + interval '1 hour')) AS later
    WHERE hashtext(p.transaction_id) % 20 = 0;
CREATE TABLE shuffled AS SELECT * FROM purchases ORDER BY hashtext(transaction_id || "timestamp");
DROP TABLE purchases;
ALTER TABLE shuffled RENAME TO purchases;
VACUUM ANALYZE purchases;
