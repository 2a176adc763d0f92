-- Not compared: another measure
SELECT count(*) FROM name_pair WHERE etl.cosine(a, b) > 0.9;
