DROP TABLE IF EXISTS public.velocity_1h;
CREATE TABLE public.velocity_1h AS
    SELECT transaction_id, count(*) OVER (PARTITION BY wallet_address ORDER BY "timestamp"
                                          RANGE BETWEEN '59:59.999999' PRECEDING AND CURRENT ROW) AS count_1h
    FROM public.transactions_raw;
SELECT count(*), sum(count_1h) FROM public.velocity_1h;
