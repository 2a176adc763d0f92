-- Not compared: another measure, on padded trigrams of words
SELECT count(*) FROM name_pair WHERE similarity(a, b) > 0.3;
