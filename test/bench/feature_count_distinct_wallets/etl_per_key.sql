SELECT count(*), sum(g.n)
FROM etl.count_distinct_per_key('SELECT wallet_address, event_id FROM public.transactions_raw', '{wallet_address}',
                                '{event_id}') AS g(wallet_address varchar, n bigint);
