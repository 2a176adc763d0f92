-- Once each: both brought up to date, and the rows in which they differ.
SELECT :round = 0 AS is_warm_up \gset
\if :is_warm_up
    CALL etl.refresh_rollup('public.rollup_user_segments');
    REFRESH MATERIALIZED VIEW public.user_segments;
    SELECT count(*) AS differences
    FROM ((TABLE public.fresh_user_segments EXCEPT ALL TABLE public.user_segments)
          UNION ALL (TABLE public.user_segments EXCEPT ALL TABLE public.fresh_user_segments)) AS d;
\endif
