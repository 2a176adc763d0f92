BEGIN;
CREATE TABLE public.bench_latest AS
SELECT wallet_address, etl.latest(transaction_id, "timestamp") AS transaction_id
FROM public.transactions_raw GROUP BY wallet_address;
SELECT count(*) FROM public.bench_latest;
ROLLBACK;
