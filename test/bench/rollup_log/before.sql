TRUNCATE public.single_sale;
CALL etl.refresh_rollup('public.single_merged');
CALL etl.refresh_rollup('public.single_computed');
SELECT set_config('bench.rows', least(:rows / 10, 1000000)::text, false);
DO $$
BEGIN
    FOR i IN 1..current_setting('bench.rows')::bigint LOOP
        INSERT INTO public.single_sale (sold_at, wallet, price)
        VALUES ('2025-10-03 00:00:00+00'::timestamptz + (i::bigint * 7919 % 7776000) * interval '1 second',
                'wallet ' || i::bigint * 31 % 100000, i % 200);
    END LOOP;
END
$$;
