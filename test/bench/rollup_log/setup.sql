-- Sales that come one by one: a table with two rollups of its hours, one that merges and one that recomputes, and the
-- query as a materialized view. before.sql inserts a tenth as many rows as there are transactions, a million at most.
DROP TABLE IF EXISTS public.single_sale CASCADE;
CREATE TABLE public.single_sale (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sold_at timestamptz NOT NULL, wallet text NOT NULL,
    price numeric(18,8) NOT NULL
);
CREATE INDEX ON public.single_sale (sold_at);
SELECT etl.drop_rollup(r, if_exists => true) FROM unnest('{public.single_merged,public.single_computed}'::text[]) AS r;
SELECT etl.create_rollup('public.' || r.name, $query$
    SELECT date_trunc('hour', s.sold_at, 'UTC') AS hour, count(*) AS sold, sum(s.price) AS revenue,
           count(DISTINCT s.wallet) AS wallets
    FROM public.single_sale AS s
    GROUP BY 1
$query$, '{hour}', mode => r.mode)
FROM (VALUES ('single_merged', 'delta'), ('single_computed', 'recompute')) AS r (name, mode);
CREATE MATERIALIZED VIEW public.single_matview AS
SELECT date_trunc('hour', s.sold_at, 'UTC') AS hour, count(*) AS sold, sum(s.price) AS revenue,
       count(DISTINCT s.wallet) AS wallets
FROM public.single_sale AS s
GROUP BY 1;
CREATE UNIQUE INDEX ON public.single_matview (hour);
