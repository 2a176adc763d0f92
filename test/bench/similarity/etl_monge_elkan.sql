-- Not compared: another measure
SELECT count(*) FROM name_pair WHERE etl.monge_elkan(a, b) > 0.9;
