TRUNCATE sale_enforced;
INSERT INTO sale_enforced SELECT * FROM sale_source;
SELECT count(*) FROM sale_enforced;
