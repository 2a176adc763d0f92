SELECT count(hash_record_extended(ROW(t, n, price), 0)) FROM keys;
