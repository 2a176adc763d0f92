-- Train, match and cluster: from rows to customers.
BEGIN;
CREATE TEMPORARY TABLE pair ON COMMIT DROP AS SELECT id_a, id_b FROM etl.match('customer');
SELECT count(*), count(DISTINCT cluster_id) FROM etl.clusters('SELECT id_a, id_b FROM pg_temp.pair');
ROLLBACK;
