CALL etl.refresh_rollup('public.rollup_kpi_hourly', as_of => '2026-01-01 00:00:00+00');
