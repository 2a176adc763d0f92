BEGIN;
SELECT removed FROM etl.dedupe('purchases', '{wallet_address,event_id,price_paid}', 'last', 'timestamp',
    audit => false);
ROLLBACK;
