-- Not compared: another measure
SELECT count(*) FROM name_pair WHERE etl.overlap(a, b, 3) > 0.3;
