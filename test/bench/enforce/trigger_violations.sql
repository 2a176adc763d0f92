TRUNCATE sale_plpgsql;
INSERT INTO sale_plpgsql SELECT * FROM sale_source;
SELECT count(*) FROM sale_plpgsql;
