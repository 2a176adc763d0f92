BEGIN;
WITH deleted AS (
    DELETE FROM purchases AS p USING (
        SELECT ctid, row_number() OVER (PARTITION BY wallet_address, event_id, price_paid
                                        ORDER BY "timestamp" DESC NULLS LAST, ctid DESC) AS nth
        FROM purchases
    ) AS numbered
    WHERE nth > 1 AND p.ctid = numbered.ctid
    RETURNING 1
)
SELECT count(*) FROM deleted;
ROLLBACK;
