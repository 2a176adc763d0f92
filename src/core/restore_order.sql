-- Rows of a dump come in any order.
--
-- The tables of an extension have their foreign keys before their rows are restored. pg_dump writes the rows of the
-- referenced table first, but it does not write down that they must come first: pg_restore -j, which starts with the
-- largest table, would lose the rows whose parents it has not read yet. So a trigger of our own stands in the place of
-- the one that checks for a row's parent, and lets rows pass under row_security = off, which dumps are restored under:
-- then only roles can write these tables whom row security does not bind at all. The other half of each foreign key
-- stays: rows go, and change their owner, with their parent.

CREATE FUNCTION etl._check_parent()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT FROM %s AS p WHERE %s FOR KEY SHARE', TG_ARGV[1], TG_ARGV[2]) USING NEW;
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            MESSAGE = format('insert or update on table "%s" violates foreign key constraint "%s"', TG_TABLE_NAME,
                             TG_ARGV[0]),
            DETAIL = format('Table "%s" has no such row of that owner.', TG_ARGV[1]),
            CONSTRAINT = TG_ARGV[0];
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._check_parent() IS
    'Trigger: that the row which a foreign key names is there, and stays to the end of the transaction (23503). '
    'Arguments: the name of the key, the referenced table, and the condition that a row of it (p) has the key of $1.';

DO $$
DECLARE
    key record;
    check_name name;
BEGIN
    FOR key IN
        SELECT c.oid, c.conrelid::regclass AS relation, c.conname AS name, c.confrelid::regclass AS parent,
               string_agg(quote_ident(a.attname), ', ' ORDER BY k.n) AS columns,
               string_agg(format('p.%I = ($1).%I', p.attname, a.attname), ' AND ' ORDER BY k.n) AS condition
        FROM pg_catalog.pg_constraint AS c
        JOIN pg_catalog.pg_extension AS e ON c.conrelid = ANY (e.extconfig) AND e.extname = 'pg_etl'
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS k(attnum, parent_attnum, n)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
        JOIN pg_catalog.pg_attribute AS p ON p.attrelid = c.confrelid AND p.attnum = k.parent_attnum
        WHERE c.contype = 'f'
        GROUP BY c.oid
    LOOP
        EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR UPDATE OF %s ON %s FOR EACH ROW '
                       'WHEN (pg_catalog.current_setting(''row_security'')::boolean) '
                       'EXECUTE FUNCTION etl._check_parent(%L, %L, %L)',
                       key.name || '_check', key.columns, key.relation, key.name, key.parent, key.condition);
        FOR check_name IN
            SELECT t.tgname FROM pg_catalog.pg_trigger AS t
            WHERE t.tgconstraint = key.oid AND t.tgrelid = key.relation
              AND t.tgfoid IN ('"RI_FKey_check_ins"()'::regprocedure, '"RI_FKey_check_upd"()'::regprocedure)
        LOOP
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', key.relation, check_name);
        END LOOP;
    END LOOP;
END;
$$;
