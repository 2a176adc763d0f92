DROP TABLE IF EXISTS public.rolling_sums;
CREATE TABLE public.rolling_sums AS
    SELECT transaction_id, count(*) OVER h AS count_1h, count(*) OVER d AS count_1d, count(*) OVER w AS count_7d,
           sum(price_paid) OVER h AS sum_price_paid_1h, sum(price_paid) OVER d AS sum_price_paid_1d,
           sum(price_paid) OVER w AS sum_price_paid_7d
    FROM public.transactions_raw
    WINDOW h AS (PARTITION BY wallet_address ORDER BY "timestamp"
                 RANGE BETWEEN '59:59.999999' PRECEDING AND CURRENT ROW),
           d AS (PARTITION BY wallet_address ORDER BY "timestamp"
                 RANGE BETWEEN '23:59:59.999999' PRECEDING AND CURRENT ROW),
           w AS (PARTITION BY wallet_address ORDER BY "timestamp"
                 RANGE BETWEEN '6 days 23:59:59.999999' PRECEDING AND CURRENT ROW);
SELECT count(*), sum(count_1h), sum(count_1d), sum(count_7d), sum(sum_price_paid_1h), sum(sum_price_paid_1d),
       sum(sum_price_paid_7d)
FROM public.rolling_sums;
