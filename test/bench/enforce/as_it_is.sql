TRUNCATE sale_as_it_is;
INSERT INTO sale_as_it_is SELECT * FROM sale_source;
SELECT count(*) FROM sale_as_it_is;
