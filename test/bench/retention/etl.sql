CALL etl.run_retention('bench_sales', :'cutoff'::timestamptz + interval '1 day');
