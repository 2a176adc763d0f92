CALL etl.refresh_rollup('public.single_computed');
