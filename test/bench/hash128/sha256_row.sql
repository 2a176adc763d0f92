SELECT count(sha256(convert_to(ROW(t, n, price)::text, 'UTF8'))) FROM keys;
