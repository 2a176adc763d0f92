-- Not compared: another measure
SELECT count(*) FROM name_pair WHERE etl.jaccard(a, b, 3) > 0.3;
