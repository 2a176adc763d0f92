SELECT count(*) FROM name_pair WHERE etl.levenshtein(a, b) <= 2;
