-- Not compared: over a twentieth of the pairs. All of them take it two minutes.
SELECT count(*), sum(c.cluster_id) FROM pg_temp.clusters_by_labels() AS c;
