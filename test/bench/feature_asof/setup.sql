-- One label for each hundredth ticket, a day after its sale. Two copies of the features: their indexes are the rivals'.
CREATE TABLE public.label AS
SELECT row_number() OVER () AS label_id, wallet_address, "timestamp" + interval '1 day' AS ts
FROM public.transactions_raw WHERE ticket_id % 100 = 7 AND "timestamp" IS NOT NULL;
CREATE TABLE public.raw_by_wallet AS SELECT * FROM public.transactions_raw;
CREATE INDEX ON public.raw_by_wallet (wallet_address);
CREATE TABLE public.raw_by_wallet_ts AS SELECT * FROM public.transactions_raw;
CREATE INDEX ON public.raw_by_wallet_ts (wallet_address, "timestamp");
VACUUM ANALYZE public.label;
VACUUM ANALYZE public.raw_by_wallet;
VACUUM ANALYZE public.raw_by_wallet_ts;
