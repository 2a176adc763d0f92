BEGIN;
SELECT etl.create_top_n('public.bench_top',
    'SELECT wallet_address, transaction_id, "timestamp" FROM public.transactions_raw',
    '{wallet_address}', 'transaction_id', 'timestamp', 50);
SELECT sum(cardinality(transaction_id)) FROM public.bench_top;
ROLLBACK;
