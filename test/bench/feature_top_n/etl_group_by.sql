BEGIN;
CREATE TABLE public.bench_top AS
SELECT wallet_address, etl.latest_n(transaction_id, "timestamp", 50) AS transaction_id
FROM public.transactions_raw GROUP BY wallet_address;
SELECT count(*) FROM public.bench_top;
SELECT sum(cardinality(transaction_id)) FROM public.bench_top;
ROLLBACK;
