BEGIN;
CREATE TABLE public.bench_latest AS
SELECT DISTINCT ON (wallet_address) wallet_address, transaction_id
FROM public.transactions_raw WHERE "timestamp" IS NOT NULL
ORDER BY wallet_address, "timestamp" DESC, transaction_id;
SELECT count(*) FROM public.bench_latest;
ROLLBACK;
