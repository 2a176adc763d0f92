-- Once each: all brought up to date, and the rows in which they differ.
SELECT :round = 0 AS is_warm_up \gset
\if :is_warm_up
    CALL etl.refresh_rollup('public.single_merged');
    CALL etl.refresh_rollup('public.single_computed');
    REFRESH MATERIALIZED VIEW public.single_matview;
    SELECT count(*) AS differences
    FROM ((TABLE public.single_merged EXCEPT ALL TABLE public.single_matview)
          UNION ALL (TABLE public.single_matview EXCEPT ALL TABLE public.single_merged)
          UNION ALL (TABLE public.single_computed EXCEPT ALL TABLE public.single_matview)
          UNION ALL (TABLE public.single_matview EXCEPT ALL TABLE public.single_computed)) AS d;
\endif
