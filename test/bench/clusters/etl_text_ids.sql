-- Not compared: the smallest text is not that of the smallest number.
SELECT count(*), count(DISTINCT c.cluster_id) FROM etl.clusters('SELECT a, b FROM pg_temp.text_pair') AS c;
