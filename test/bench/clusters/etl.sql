SELECT count(*), sum(c.cluster_id::bigint) FROM etl.clusters('SELECT a, b FROM pg_temp.pair') AS c;
