-- The survivors to a new table, which takes the place of the old one.
BEGIN;
CREATE TABLE survivors AS
    SELECT DISTINCT ON (wallet_address, event_id, price_paid) * FROM purchases
    ORDER BY wallet_address, event_id, price_paid, "timestamp" DESC NULLS LAST, ctid DESC;
SELECT (SELECT count(*) FROM purchases) - (SELECT count(*) FROM survivors);
ROLLBACK;
