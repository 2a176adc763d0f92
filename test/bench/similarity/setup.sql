-- Pairs of names to compare: half of them one name and the same or a misspelt one, half two names.
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE name_pair AS
WITH parts AS (
    SELECT '{mar,john,wil,sand,ers,thom,fre,der,ick,ber,an,jo,cath,er,ine,rob,al,ex,steph,lou}'::text[] AS part,
           '{son,man,a,ing,"",ton,ley,ez}'::text[] AS ending
), names AS (
    SELECT i, chr(97 + (i % 26)::int) AS letter,
           part[1 + (i * 7919) % 20] || part[1 + (i * 104729) % 17] || ending[1 + (i * 1299709) % 8] AS a,
           part[1 + (i * 15485863) % 20] || part[1 + (i * 32452843) % 19] || ending[1 + (i * 49979687) % 8] AS b
    FROM parts, generate_series(1, :rows::bigint) AS i
), places AS (
    SELECT *, 1 + (i % length(a))::int AS place FROM names
)
SELECT a, CASE i % 8
              WHEN 0 THEN a
              WHEN 1 THEN overlay(a PLACING letter FROM place FOR 1)
              WHEN 2 THEN overlay(a PLACING '' FROM place FOR 1)
              WHEN 3 THEN overlay(a PLACING letter FROM place FOR 0)
              ELSE b
          END AS b
FROM places;
VACUUM ANALYZE name_pair;
