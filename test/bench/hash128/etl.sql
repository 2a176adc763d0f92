SELECT count(etl.hash128(t, n, price)) FROM keys;
