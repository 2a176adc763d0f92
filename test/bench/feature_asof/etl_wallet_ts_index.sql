SELECT count(*), count(transaction_id), sum((extract(epoch FROM feature_ts) * 1000000)::bigint)
FROM etl.asof_join('public.label', 'SELECT wallet_address, "timestamp", transaction_id, price_paid
                                    FROM public.raw_by_wallet_ts',
                   '{wallet_address}', feature_ts => 'timestamp')
     AS t(label_id bigint, wallet_address varchar, ts timestamptz, feature_ts timestamptz, transaction_id varchar,
          price_paid numeric);
