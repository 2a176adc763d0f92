-- Each variant finds 2,000 new sales, whatever the one before has left.
CALL etl.refresh_rollup('public.rollup_kpi_hourly', as_of => '2026-01-01 00:00:00+00');
SELECT pg_temp.add_sales();
