SELECT count(*), count(f.version), sum((extract(epoch FROM f.ts))::bigint)
FROM public.large_label AS l
LEFT JOIN LATERAL (
    SELECT r.ts, r.version, r.amount FROM public.large_indexed AS r
    WHERE r.entity = l.entity AND r.ts <= l.ts ORDER BY r.ts DESC LIMIT 1
) AS f ON true;
