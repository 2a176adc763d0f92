-- Not compared: rows, not one array for each wallet
BEGIN;
CREATE TABLE public.bench_top AS
SELECT wallet_address, transaction_id
FROM (SELECT wallet_address, transaction_id,
             row_number() OVER (PARTITION BY wallet_address ORDER BY "timestamp" DESC) AS nth
      FROM public.transactions_raw WHERE "timestamp" IS NOT NULL) AS n
WHERE nth <= 50;
SELECT count(*) FROM public.bench_top;
ROLLBACK;
