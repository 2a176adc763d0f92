DROP TABLE IF EXISTS public.rolling_sums;
SELECT etl.create_rolling('public.rolling_sums', 'public.transactions_raw', '{wallet_address}', 'timestamp',
                          '{1 hour, 1 day, 7 days}', '{count,sum(price_paid)}', '{transaction_id}') \g /dev/null
SELECT count(*), sum(count_1h), sum(count_1d), sum(count_7d), sum(sum_price_paid_1h), sum(sum_price_paid_1d),
       sum(sum_price_paid_7d)
FROM public.rolling_sums;
