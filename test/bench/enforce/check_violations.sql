TRUNCATE sale_checked;
INSERT INTO sale_checked SELECT * FROM sale_source;
SELECT count(*) FROM sale_checked;
