CALL etl.refresh_rollup('public.rollup_event_analytics');
