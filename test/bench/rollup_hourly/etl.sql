CALL etl.refresh_rollup('public.hourly_ticket_sales');
