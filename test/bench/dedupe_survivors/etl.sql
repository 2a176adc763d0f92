BEGIN;
SELECT etl.create_deduplicated('public.survivors', 'SELECT * FROM public.purchases',
                               '{wallet_address,event_id,price_paid}', 'last', 'timestamp');
ROLLBACK;
