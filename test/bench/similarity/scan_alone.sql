-- Not compared: the floor of all of them
SELECT count(*) FROM name_pair WHERE texteq(a, b);
