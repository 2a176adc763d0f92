-- Fills the tables of schema.sql with made-up rows: 90 days that end just before as_of. What was there before is
-- removed.
--
--     psql -f data.sql
--     psql -v rows=5000 -v seed=7 -v as_of='2026-06-01 12:00:00+00' -f data.sql
--
-- rows   interactions (default 200000); a user for each 50 of them, an item for each 40
-- seed   an integer (default 42)
-- as_of  the moment at which the data ends (default 2026-01-01 00:00:00+00)
--
-- The same three values give the same rows, bit for bit. Nothing here calls random(): each choice is a hash of the
-- seed, the number of the row and the name of the choice. Only sums and products are taken of them, which do not differ
-- between machines.

\set ON_ERROR_STOP on
\if :{?rows}
\else
    \set rows 200000
\endif
\if :{?seed}
\else
    \set seed 42
\endif
\if :{?as_of}
\else
    \set as_of '2026-01-01 00:00:00+00'
\endif

SET search_path = recommender, public;
SET timezone = 'UTC';
SET client_min_messages = warning;

BEGIN;

-- A parallel scan would write the same rows in another order.
SET LOCAL max_parallel_workers_per_gather = 0;

TRUNCATE items, interactions, dataset;
INSERT INTO dataset VALUES (:rows, :seed, :'as_of');

SELECT greatest(10, (:rows)::bigint / 50) AS users,
       greatest(60, (:rows)::bigint / 40) AS item_count,
       90 * 86400000000::bigint / (:rows)::bigint AS step -- microseconds from one row to the next
\gset

-- A number in [0, 1) for row n and the choice of that name: 53 bits of a 64-bit hash.
CREATE OR REPLACE FUNCTION pg_temp.unit(n bigint, choice text) RETURNS double precision
IMMUTABLE PARALLEL SAFE
RETURN ((hashint8extended(n, hashtextextended(choice, :seed)) >> 11) & 9007199254740991)::double precision
    / 9007199254740992;

INSERT INTO items
SELECT n, 'item ' || n, timestamptz :'as_of' - interval '90 days' * (1 + pg_temp.unit(n, 'added'))
FROM generate_series(1, :item_count) AS n;

-- Few users do much, and few items are popular: the square and the cube of an even number crowd at 0. One item in ten
-- nobody has seen. No two rows have the same moment.
INSERT INTO interactions
SELECT 1 + floor(:users * u * u)::bigint,
       1 + floor((:item_count - :item_count / 10) * i * i * i)::bigint,
       kind,
       CASE kind WHEN 'rating' THEN 1 + floor(5 * pg_temp.unit(n, 'rating'))::smallint END,
       timestamptz :'as_of' - n * :step * interval '1 microsecond'
FROM generate_series((:rows)::bigint, 1, -1) AS n
CROSS JOIN LATERAL (SELECT pg_temp.unit(n, 'user'), pg_temp.unit(n, 'item'), pg_temp.unit(n, 'kind')) AS r(u, i, k)
CROSS JOIN LATERAL (SELECT CASE WHEN k < 0.7 THEN 'view' WHEN k < 0.9 THEN 'purchase' ELSE 'rating' END) AS c(kind);

COMMIT;

ANALYZE items, interactions;
