-- Twenty thousand entities, one after the other.
SELECT count(etl.features_of('served_wallets', wallet)) FROM generate_series(1::bigint, 20000) AS wallet;
