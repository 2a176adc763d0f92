SELECT count(*), count(DISTINCT c.cluster_id), sum(c.cluster_id::bigint) FROM pg_temp.clusters_by_labels() AS c;
