BEGIN;
CREATE TABLE survivors AS
    SELECT DISTINCT ON (wallet_address, event_id, price_paid) * FROM purchases
    ORDER BY wallet_address, event_id, price_paid, "timestamp" DESC NULLS LAST;
SELECT count(*) FROM survivors;
ROLLBACK;
