CALL etl.refresh_rollup('public.rollup_user_segments');
