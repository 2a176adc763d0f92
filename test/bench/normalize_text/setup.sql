CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE TABLE names AS
    SELECT (ARRAY['John', 'MARY', 'Seán', 'Ann-Marie', 'José'])[1 + i % 5] || ' '
        || (ARRAY['O''Brien', 'Smith', 'Müller', 'van der Berg'])[1 + i % 4] || ' ' || i % 1000 AS t
    FROM generate_series(1, :rows) AS i;
VACUUM ANALYZE names;
SET max_parallel_workers_per_gather = 0;
