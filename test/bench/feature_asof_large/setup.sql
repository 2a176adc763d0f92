-- 500,000 labels and 2,000,000 rows of features of 100,000 keys. One copy of the features has an index, for a rival.
CREATE TABLE public.large_label AS
SELECT i AS label_id, 'key ' || (hashint8extended(i, 1) & 131071) AS entity,
       timestamptz '2026-01-01' + (hashint8extended(i, 2) & 33554431) * interval '1 second' AS ts
FROM generate_series(1, 500000) AS i;
CREATE TABLE public.large_feature AS
SELECT 'key ' || (hashint8extended(i, 3) & 131071) AS entity,
       timestamptz '2025-12-01' + (hashint8extended(i, 4) & 33554431) * interval '1 second' AS ts,
       i AS version, (hashint8extended(i, 5) & 65535)::numeric / 100 AS amount
FROM generate_series(1, 2000000) AS i;
CREATE TABLE public.large_indexed AS SELECT * FROM public.large_feature;
CREATE INDEX ON public.large_indexed (entity, ts);
VACUUM ANALYZE public.large_label;
VACUUM ANALYZE public.large_feature;
VACUUM ANALYZE public.large_indexed;
