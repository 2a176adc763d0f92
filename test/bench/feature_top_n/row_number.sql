BEGIN;
SET LOCAL client_min_messages = error;
CREATE TABLE public.bench_top AS
SELECT wallet_address, array_agg(transaction_id ORDER BY nth) AS transaction_id
FROM (SELECT wallet_address, transaction_id,
             row_number() OVER (PARTITION BY wallet_address ORDER BY "timestamp" DESC, transaction_id) AS nth
      FROM public.transactions_raw WHERE "timestamp" IS NOT NULL) AS n
WHERE nth <= 50 GROUP BY wallet_address;
SELECT count(*) FROM public.bench_top;
SELECT sum(cardinality(transaction_id)) FROM public.bench_top;
ROLLBACK;
