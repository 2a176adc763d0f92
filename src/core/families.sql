-- Tables with children, and tables that others refer to: what to look at before rows are taken out of them.

CREATE FUNCTION etl._family(relation regclass)
RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE family(member) AS (
        SELECT relation::oid
        UNION
        SELECT i.inhrelid FROM pg_inherits AS i JOIN family AS f ON f.member = i.inhparent
    )
    SELECT member::regclass FROM family
$$;
COMMENT ON FUNCTION etl._family(regclass) IS 'The relation and every partition or child below it.';

CREATE FUNCTION etl._has_children(relation regclass)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT relkind = 'p' OR relhassubclass FROM pg_class WHERE oid = relation
$$;
COMMENT ON FUNCTION etl._has_children(regclass) IS
    'Whether the rows of the relation may lie in several tables, so that a place needs its table.';

CREATE FUNCTION etl._require_no_foreign_children(relation regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    child regclass;
BEGIN
    SELECT c.oid INTO child FROM pg_class AS c
    WHERE c.relkind = 'f' AND c.oid IN (SELECT etl._family(relation)) ORDER BY c.oid LIMIT 1;
    IF child IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('partition "%s" of table "%s" is a foreign table', child, relation),
            DETAIL = 'Its rows have no place in this database by which they could be deleted.',
            HINT = 'Name the local partitions one by one, and see to the foreign table on its own server.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_no_foreign_children(regclass) IS
    'Raises (42809) when a partition or child of the relation is a foreign table.';

CREATE FUNCTION etl._require_no_wider_children(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wider record;
BEGIN
    SELECT a.attrelid::regclass AS child, a.attname AS column_name INTO wider
    FROM pg_attribute AS a
    WHERE a.attrelid IN (SELECT etl._family(relation)) AND a.attnum > 0 AND NOT a.attisdropped
      AND NOT EXISTS (
          SELECT FROM pg_attribute AS o
          WHERE o.attrelid = relation AND o.attname = a.attname AND o.attnum > 0 AND NOT o.attisdropped
      )
    ORDER BY a.attrelid, a.attnum
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s", a child of table "%s", has column "%s", which its parent lacks', wider.child,
                             relation, wider.column_name),
            DETAIL = 'Rows that are taken out of it by way of the parent would lose what stands there.',
            HINT = format('Name "%s" itself, and take it out of the inheritance with ALTER TABLE %s NO INHERIT … to '
                          'name its parent.', wider.child, wider.child);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_no_wider_children(regclass) IS
    'Raises (42809) when a table that inherits from the relation has columns of its own: rows read by way of the '
    'parent come without them. Partitions never have any.';

CREATE FUNCTION etl._require_permanent(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relpersistence = 't') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s" is temporary', relation),
            DETAIL = 'It ends with this session, and no other session can see it.',
            HINT = 'Name a table that is not temporary.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_permanent(regclass) IS 'Raises (42809) when a table is temporary.';

CREATE FUNCTION etl._require_users_table(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relnamespace = 'etl'::regnamespace) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s" belongs to pg_etl itself', relation),
            DETAIL = 'Its rows are records of what was done, on which others rely.',
            HINT = 'Name a table of your own.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_users_table(regclass) IS 'Raises (42809) when a table lies in the schema etl.';

CREATE FUNCTION etl._cascades(target regclass)
RETURNS TABLE(name name, child regclass, child_schema name, child_name name, action text, condition text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH cascade AS (
        SELECT * FROM pg_constraint
        WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd') AND confrelid IN (SELECT etl._family(target))
    )
    SELECT c.conname, c.conrelid::regclass, n.nspname, r.relname,
        CASE c.confdeltype WHEN 'c' THEN 'delete those rows' ELSE 'clear the columns of those rows' END,
        (
            SELECT string_agg(format('loser.%I OPERATOR(%I.%s) child.%I', p.attname, s.nspname, o.oprname, f.attname),
                              ' AND ')
            FROM unnest(c.confkey, c.conkey, c.conpfeqop) AS pair(parent_column, child_column, equal)
            JOIN pg_attribute AS p ON p.attrelid = c.confrelid AND p.attnum = pair.parent_column
            JOIN pg_attribute AS f ON f.attrelid = c.conrelid AND f.attnum = pair.child_column
            JOIN pg_operator AS o ON o.oid = pair.equal
            JOIN pg_namespace AS s ON s.oid = o.oprnamespace
        )
    FROM cascade AS c
    JOIN pg_class AS r ON r.oid = c.conrelid
    JOIN pg_namespace AS n ON n.oid = r.relnamespace
    -- Partitions repeat the constraint of their parent.
    WHERE NOT EXISTS (SELECT FROM cascade AS above WHERE above.oid = c.conparentid)
    ORDER BY c.oid
$$;
COMMENT ON FUNCTION etl._cascades(regclass) IS
    'Foreign keys that point at the table or at one of its partitions and would pass a DELETE on.';

CREATE FUNCTION etl._at_losers(relation regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN etl._has_children(relation)
        THEN '(loser.tableoid, loser.ctid) IN (SELECT tab, place FROM unnest($1, $2) AS l(tab, place))'
        ELSE 'loser.ctid = ANY ($2)' END
$$;
COMMENT ON FUNCTION etl._at_losers(regclass) IS
    'Condition on the alias "loser": the row lies at one of the places $2 (tid[]) of the tables $1 (oid[]).';

CREATE FUNCTION etl._refuse_cascades(
    target regclass,
    tables oid[],
    places tid[],
    what text DEFAULT 'duplicates',
    advice text DEFAULT 'Point the rows of "%s" at the rows to keep first (etl.dedupe(…, keep => …) decides which '
                        'these are), or leave the referenced rows out with where_sql.'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fk record;
    is_used bool;
BEGIN
    FOR fk IN SELECT * FROM etl._cascades(target) LOOP
        PERFORM etl._require_table(fk.child, ARRAY['SELECT']);
        is_used := etl._locked_value(format('SELECT EXISTS (SELECT FROM %s AS loser JOIN %s AS child ON %s WHERE %s)',
                                            target, fk.child, fk.condition, etl._at_losers(target)),
                                     NULL::bool, tables, places);
        IF is_used OR row_security_active(fk.child) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'foreign_key_violation',
                MESSAGE = format('%s in table "%s" are referenced from table "%s"', what, target, fk.child),
                DETAIL = format('Foreign key "%s" would %s with them.', fk.name, fk.action),
                HINT = format(advice, fk.child),
                SCHEMA = fk.child_schema, TABLE = fk.child_name, CONSTRAINT = fk.name;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._refuse_cascades(regclass, oid[], tid[], text, text) IS
    'Raises (23503) when deleting the rows at these places would delete or change rows of other tables by ON DELETE '
    'CASCADE, SET NULL or SET DEFAULT, or when row security hides from the caller whether it would. The last '
    'arguments are for the error: what the rows are, and the hint, with %s for the table that refers to them.';
