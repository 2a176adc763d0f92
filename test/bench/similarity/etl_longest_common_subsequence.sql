-- Not compared: another measure
SELECT count(*) FROM name_pair WHERE etl.longest_common_subsequence(a, b) > 5;
