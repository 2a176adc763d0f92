SELECT count(*), count(version), sum((extract(epoch FROM feature_ts))::bigint)
FROM etl.asof_join('public.large_label', 'public.large_feature', '{entity}')
     AS t(label_id integer, entity text, ts timestamptz, feature_ts timestamptz, version integer, amount numeric);
