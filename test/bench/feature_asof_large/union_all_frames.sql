SELECT count(*), count(version), sum((extract(epoch FROM feature_ts))::bigint)
FROM (
    SELECT u.label_id, max(u.feature_ts) OVER w AS feature_ts, max(u.version) OVER w AS version
    FROM (SELECT label_id, entity, ts, NULL::timestamptz AS feature_ts, NULL::int AS version FROM public.large_label
          UNION ALL
          SELECT NULL, entity, ts, ts, version FROM public.large_feature) AS u
    WINDOW w AS (PARTITION BY u.entity ORDER BY u.ts RANGE UNBOUNDED PRECEDING)
) AS a
WHERE label_id IS NOT NULL;
