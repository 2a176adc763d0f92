-- Rows of a dump come in any order.
--
-- The tables of an extension have their foreign keys before their rows are restored. pg_dump writes the rows of the
-- referenced table first, but it does not write down that they must come first: pg_restore -j, which starts with the
-- largest table, would lose the rows whose parents it has not read yet. So what is dumped checks no parent when a row
-- comes. Functions write such rows with their parent locked, and the other half of each foreign key stays: rows go and
-- change their owner with their parent.
DO $$
DECLARE
    trigger record;
BEGIN
    FOR trigger IN
        SELECT t.tgrelid::regclass AS relation, t.tgname AS name
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_constraint AS c ON c.oid = t.tgconstraint AND c.conrelid = t.tgrelid
        JOIN pg_catalog.pg_extension AS e ON c.conrelid = ANY (e.extconfig) AND e.extname = 'pg_etl'
        WHERE c.contype = 'f' AND c.confrelid <> c.conrelid
          AND t.tgfoid IN ('"RI_FKey_check_ins"()'::regprocedure, '"RI_FKey_check_upd"()'::regprocedure)
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', trigger.relation, trigger.name);
    END LOOP;
END;
$$;
