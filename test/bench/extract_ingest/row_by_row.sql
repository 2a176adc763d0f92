-- A block with a handler for each record, as a loader in PL/pgSQL does it.
DO $$
DECLARE
    record jsonb;
BEGIN
    FOR record IN SELECT r FROM batch AS b, unnest(b.records) AS r ORDER BY b.b LOOP
        BEGIN
            INSERT INTO sold SELECT (jsonb_populate_record(NULL::sold, record)).* ON CONFLICT (id) DO NOTHING;
        EXCEPTION
            WHEN data_exception OR integrity_constraint_violation THEN
                NULL;
        END;
    END LOOP;
END
$$;
SELECT count(*), sum(id), sum(price) FROM sold;
