-- Also writes down what it deletes, to put it back.
BEGIN;
SELECT removed FROM etl.dedupe('purchases', '{wallet_address,event_id,price_paid}', 'last', 'timestamp');
ROLLBACK;
