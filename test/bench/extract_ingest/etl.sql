DO $$
DECLARE
    batch record;
BEGIN
    FOR batch IN SELECT b.records FROM batch AS b ORDER BY b.b LOOP
        PERFORM etl.ingest('bench', batch.records);
    END LOOP;
END
$$;
SELECT count(*), sum(id), sum(price) FROM sold;
