-- Not compared: rows without a wallet have no group. Its index on (wallet_address, "timestamp") is not measured.
BEGIN;
CREATE TABLE public.bench_top AS
SELECT w.wallet_address, t.transaction_id
FROM (SELECT DISTINCT wallet_address FROM public.transactions_raw WHERE "timestamp" IS NOT NULL) AS w
CROSS JOIN LATERAL (
    SELECT array_agg(l.transaction_id) AS transaction_id
    FROM (SELECT r.transaction_id FROM public.transactions_raw AS r
          WHERE r.wallet_address = w.wallet_address
          ORDER BY r."timestamp" DESC NULLS LAST LIMIT 50) AS l) AS t;
SELECT count(*) FROM public.bench_top;
SELECT sum(cardinality(transaction_id)) FROM public.bench_top;
ROLLBACK;
