-- The bare statement: no verdicts, and one bad value ends the batch.
DO $$
DECLARE
    batch record;
BEGIN
    FOR batch IN SELECT b.records FROM batch AS b ORDER BY b.b LOOP
        INSERT INTO sold SELECT (jsonb_populate_record(NULL::sold, r)).* FROM unnest(batch.records) AS r
        ON CONFLICT (id) DO NOTHING;
    END LOOP;
END
$$;
SELECT count(*), sum(id), sum(price) FROM sold;
