BEGIN;
SELECT etl.create_latest('public.bench_latest',
    'SELECT wallet_address, transaction_id, "timestamp" FROM public.transactions_raw',
    '{wallet_address}', 'transaction_id', 'timestamp');
ROLLBACK;
