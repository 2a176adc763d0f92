-- Where the rows lie that etl.dedupe would delete.
SELECT count(*) FROM etl._losers('purchases', '{wallet_address,event_id,price_paid}', 'last', 'timestamp');
