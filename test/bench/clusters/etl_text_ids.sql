-- Not compared: the smallest text is not that of the smallest number.
SELECT count(*), max(c.cluster_id COLLATE "C") FROM etl.clusters('SELECT a, b FROM pg_temp.text_pair') AS c;
