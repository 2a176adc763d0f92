SELECT count(md5(concat_ws('|', t, n, price))) FROM keys;
