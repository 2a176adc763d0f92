-- The same batches with the last time remembered: as good as hand-written SQL gets. Nothing is proven.
DO $$
DECLARE
    moved bigint;
    reached timestamptz := '-infinity';
BEGIN
    LOOP
        WITH gone AS (
            DELETE FROM public.sales WHERE ctid = ANY (ARRAY(
                SELECT s.ctid FROM public.sales AS s
                WHERE s."timestamp" >= reached AND s."timestamp" < current_setting('bench.cutoff')::timestamptz
                ORDER BY s."timestamp" LIMIT 5000))
            RETURNING *
        ), kept AS (
            INSERT INTO public.sales_archive SELECT * FROM gone RETURNING "timestamp"
        )
        SELECT count(*), coalesce(max("timestamp"), reached) INTO moved, reached FROM kept;
        COMMIT;
        EXIT WHEN moved = 0;
    END LOOP;
END
$$;
