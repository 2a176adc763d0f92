DROP TABLE IF EXISTS public.velocity_1h;
SELECT etl.create_rolling('public.velocity_1h', 'public.transactions_raw', '{wallet_address}', 'timestamp', '{1 hour}',
                          columns => '{transaction_id}') \g /dev/null
SELECT count(*), sum(count_1h) FROM public.velocity_1h;
