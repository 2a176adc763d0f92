SELECT count(*) FROM (
    SELECT ctid, row_number() OVER (PARTITION BY wallet_address, event_id, price_paid
                                    ORDER BY "timestamp" DESC NULLS LAST, ctid DESC)
    FROM purchases
) AS numbered(place, nth)
WHERE nth > 1;
