-- Not compared: another measure
SELECT count(*) FROM name_pair WHERE etl.damerau_levenshtein(a, b) <= 2;
