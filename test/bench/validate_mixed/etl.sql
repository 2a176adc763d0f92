SELECT coalesce(v.unexpected_count::text,
                CASE WHEN v.kwargs ->> 'column' = 'status' THEN v.success::text
                     ELSE trim_scale(round((v.observed_value #>> '{}')::numeric, 6))::text END)
FROM etl.validate('bench_sale', 'bench_mixed') AS v;
