WITH gone AS (
    DELETE FROM public.sales WHERE "timestamp" < :'cutoff' RETURNING *
)
INSERT INTO public.sales_archive SELECT * FROM gone;
