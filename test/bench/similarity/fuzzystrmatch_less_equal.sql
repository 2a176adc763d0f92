SELECT count(*) FROM name_pair WHERE levenshtein_less_equal(a, b, 2) <= 2;
