SELECT count(lower(unaccent(t))) FROM names;
