-- Not compared: another measure; nothing in PostgreSQL computes it
SELECT count(*) FROM name_pair WHERE etl.jaro_winkler(a, b) > 0.9;
