SELECT count(*) FROM name_pair WHERE levenshtein(a, b) <= 2;
