SELECT count(*), count(DISTINCT c.cluster_id), sum(c.cluster_id::bigint)
FROM etl.clusters('SELECT a, b FROM pg_temp.pair') AS c;
