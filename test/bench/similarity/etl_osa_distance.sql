-- Not compared: another measure
SELECT count(*) FROM name_pair WHERE etl.osa_distance(a, b) <= 2;
