-- The list of the groups, of two rows each.
SELECT sum(rows - 1) FROM etl.duplicates('purchases', '{wallet_address,event_id,price_paid}');
