SELECT v.unexpected_count FROM etl.validate('public.transactions_raw', 'bench_nine') AS v;
