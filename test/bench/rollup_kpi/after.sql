-- Once each: both brought up to date, and the rows in which they differ.
SELECT :round = 0 AS is_warm_up \gset
\if :is_warm_up
    CALL etl.refresh_rollup('public.rollup_kpi_hourly', as_of => '2026-01-01 00:00:00+00');
    REFRESH MATERIALIZED VIEW public.kpi_hourly;
    SELECT count(*) AS differences
    FROM ((TABLE public.fresh_kpi_hourly EXCEPT ALL TABLE public.kpi_hourly)
          UNION ALL (TABLE public.kpi_hourly EXCEPT ALL TABLE public.fresh_kpi_hourly)) AS d;
\endif
