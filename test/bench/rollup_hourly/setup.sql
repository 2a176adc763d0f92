-- Sales by the hour, of all time: the rollup hourly_ticket_sales of the example, and its query as a materialized view.
\i test/bench/rollup_kpi/setup.sql
SELECT to_regclass('public.hourly_sales_matview') IS NULL AS is_missing \gset
\if :is_missing
    CREATE MATERIALIZED VIEW public.hourly_sales_matview AS
    SELECT date_trunc('hour', t."timestamp", 'UTC') AS hour, count(*) AS tickets_sold, sum(t.price_paid) AS revenue,
           count(*) FILTER (WHERE t.is_resale) AS resales
    FROM public.transactions AS t
    WHERE t.status = 'completed'
    GROUP BY 1;
    CREATE UNIQUE INDEX ON public.hourly_sales_matview (hour);
    VACUUM ANALYZE public.hourly_sales_matview;
\endif
