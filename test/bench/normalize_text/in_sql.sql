SELECT count(btrim(regexp_replace(replace(lower(unaccent(normalize(t, NFKC))), '''', ''), '[^[:alnum:]]+', ' ', 'g')))
FROM names;
