-- 20,000 people, of whom every tenth is another one with a letter changed, anywhere: no block would hold both.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE person AS
    WITH made AS (
        SELECT n AS id, translate(substr(md5('f' || n % 900), 1, 5), '0123456789', 'aeioulmnrt') || ' ' ||
            translate(substr(md5('s' || n), 1, 4 + n % 6), '0123456789', 'aeioulmnrt') || ' ' ||
            translate(substr(md5('c' || n % 300), 1, 7), '0123456789', 'aeioulmnrt') AS name
        FROM generate_series(1, 18000) AS n
    )
    SELECT id, name FROM made
    UNION ALL
    SELECT 100000 + id, overlay(name PLACING 'q' FROM 1 + id * 7919 % length(name) FOR 1) FROM made WHERE id <= 2000;
CREATE INDEX ON person USING gin (name gin_trgm_ops);
VACUUM ANALYZE person;
SET pg_trgm.similarity_threshold = 0.6;
