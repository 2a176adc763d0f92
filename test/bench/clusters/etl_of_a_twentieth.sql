-- Not compared: what the labels in SQL are to be held against.
SELECT count(*), sum(c.cluster_id::bigint) FROM etl.clusters('SELECT a, b FROM pg_temp.twentieth') AS c;
