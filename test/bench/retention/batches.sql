-- Batches as people write them: no memory of where the last one ended, and nothing is proven.
DO $$
DECLARE
    moved bigint;
BEGIN
    LOOP
        WITH gone AS (
            DELETE FROM public.sales WHERE ctid = ANY (ARRAY(
                SELECT s.ctid FROM public.sales AS s WHERE s."timestamp" < current_setting('bench.cutoff')::timestamptz
                ORDER BY s."timestamp" LIMIT 5000))
            RETURNING *
        )
        INSERT INTO public.sales_archive SELECT * FROM gone;
        GET DIAGNOSTICS moved = ROW_COUNT;
        COMMIT;
        EXIT WHEN moved = 0;
    END LOOP;
END
$$;
