-- Once each: both brought up to date, and the rows in which they differ.
SELECT :round = 0 AS is_warm_up \gset
\if :is_warm_up
    CALL etl.refresh_rollup('public.hourly_ticket_sales');
    REFRESH MATERIALIZED VIEW public.hourly_sales_matview;
    SELECT count(*) AS differences
    FROM ((TABLE public.hourly_ticket_sales EXCEPT ALL TABLE public.hourly_sales_matview)
          UNION ALL (TABLE public.hourly_sales_matview EXCEPT ALL TABLE public.hourly_ticket_sales)) AS d;
\endif
