-- Not compared: another measure
SELECT count(*) FROM name_pair WHERE etl.jaro_winkler(a, b, 0.9) > 0.9;
