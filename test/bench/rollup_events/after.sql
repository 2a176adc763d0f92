-- Once each: both brought up to date, and the rows in which they differ.
SELECT :round = 0 AS is_warm_up \gset
\if :is_warm_up
    CALL etl.refresh_rollup('public.rollup_event_analytics');
    REFRESH MATERIALIZED VIEW public.event_analytics;
    SELECT count(*) AS differences
    FROM ((TABLE public.fresh_event_analytics EXCEPT ALL TABLE public.event_analytics)
          UNION ALL (TABLE public.event_analytics EXCEPT ALL TABLE public.fresh_event_analytics)) AS d;
\endif
