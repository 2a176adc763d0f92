CALL etl.run_retention('bench_readings', '2025-02-02 00:00+00');
