-- Foreign keys that point at rows which are past due.

CREATE FUNCTION etl._references(relation regclass)
RETURNS TABLE(constraint_id oid, name name, child regclass, parent regclass, action "char")
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Partitions repeat the constraint of their parent, on either side.
    SELECT c.oid, c.conname, c.conrelid::regclass, c.confrelid::regclass, c.confdeltype
    FROM pg_constraint AS c
    WHERE c.contype = 'f' AND c.conparentid = 0
      AND (c.confrelid IN (SELECT etl._family(relation))
           OR c.confrelid IN (SELECT a FROM etl._ancestors(relation) AS a JOIN pg_class AS p ON p.oid = a
                              WHERE p.relkind = 'p'))
    ORDER BY c.oid
$$;
COMMENT ON FUNCTION etl._references(regclass) IS
    'Foreign keys of tables (child) that may point at rows of the relation: at itself, at a part of it, or at the '
    'partitioned table that it is part of (parent). action: what its ON DELETE does.';

CREATE FUNCTION etl._reference_condition(constraint_id oid, parent_alias text, child_alias text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- As PostgreSQL's own check compares them: by the operator of the constraint and the collation of the key.
    SELECT string_agg(
        format('%I.%I%s OPERATOR(%I.%s) %I.%I', parent_alias, p.attname,
               CASE WHEN p.attcollation <> f.attcollation AND p.attcollation <> 0
                    THEN ' COLLATE ' || p.attcollation::regcollation ELSE '' END,
               s.nspname, o.oprname, child_alias, f.attname), ' AND ' ORDER BY pair.position)
    FROM pg_constraint AS c
    CROSS JOIN unnest(c.confkey, c.conkey, c.conpfeqop) WITH ORDINALITY
        AS pair(parent_column, child_column, equal, position)
    JOIN pg_attribute AS p ON p.attrelid = c.confrelid AND p.attnum = pair.parent_column
    JOIN pg_attribute AS f ON f.attrelid = c.conrelid AND f.attnum = pair.child_column
    JOIN pg_operator AS o ON o.oid = pair.equal
    JOIN pg_namespace AS s ON s.oid = o.oprnamespace
    WHERE c.oid = constraint_id
$$;
COMMENT ON FUNCTION etl._reference_condition(oid, text, text) IS
    'Condition on two aliases: the row of the child refers to that of the parent by this foreign key. A key with a '
    'NULL in it refers to nothing.';

CREATE FUNCTION etl._require_visible_references(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hidden record;
BEGIN
    PERFORM etl._require_table(r.child, ARRAY['SELECT']) FROM etl._references(relation) AS r;
    SELECT r.child, r.name INTO hidden FROM etl._references(relation) AS r WHERE row_security_active(r.child) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('row security of table "%s" hides from role "%s" which rows of table "%s" are referenced',
                             hidden.child, current_user, relation),
            DETAIL = format('Foreign key "%s" of that table refers to them.', hidden.name),
            HINT = 'Let a role do it that sees all rows of both, as their owner does without FORCE ROW LEVEL SECURITY.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_visible_references(regclass) IS
    'Raises (42501) unless the current role sees all rows of the tables whose foreign keys point at the relation.';

CREATE FUNCTION etl._alias_beside(alias text, wanted text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN wanted = alias THEN wanted || '_' ELSE wanted END
$$;
COMMENT ON FUNCTION etl._alias_beside(text, text) IS
    'The alias that is wanted for a table in a subquery, or another one where it would hide an alias of the query '
    'around it, which may be the name of any table.';

CREATE FUNCTION etl._referenced_condition(relation regclass, alias text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    referring CONSTANT text := etl._alias_beside(alias, 'referring');
BEGIN
    PERFORM etl._require_visible_references(relation);
    RETURN (
        SELECT '(' || string_agg(concat_ws(' AND ',
            CASE WHEN r.parent <> relation AND r.parent IN (SELECT etl._family(relation)) THEN
                format('%I.tableoid = ANY (%L::oid[])', alias,
                       ARRAY(SELECT f::oid FROM etl._family(r.parent) AS f)) END,
            format('EXISTS (SELECT FROM %s AS %s WHERE %s%s)', r.child, referring,
                   etl._reference_condition(r.constraint_id, alias, referring),
                   -- A row that refers to itself goes with itself.
                   CASE WHEN r.child IN (SELECT etl._family(relation) UNION SELECT etl._ancestors(relation)) THEN
                       format(' AND (%1$s.ctid <> %2$I.ctid OR %1$s.tableoid <> %2$I.tableoid)', referring, alias)
                   ELSE '' END)
        ), ' OR ' ORDER BY r.constraint_id) || ')'
        FROM etl._references(relation) AS r);
END
$$;
COMMENT ON FUNCTION etl._referenced_condition(regclass, text) IS
    'A condition that a row of the relation under an alias is referenced by another row through a foreign key, '
    'whatever its ON DELETE says; NULL where no foreign key points at the relation. Errors: 42501 the current role '
    'may not read a table that refers to it, or not all of its rows.';

CREATE FUNCTION etl._reference_levels(relations regclass[])
RETURNS TABLE(relation regclass, level int)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE reference AS MATERIALIZED (
        SELECT t.parent, r.child
        FROM unnest(relations) AS t (parent) CROSS JOIN LATERAL etl._references(t.parent) AS r
        WHERE r.child = ANY (relations) AND r.child <> t.parent
    ), step(relation, level) AS (
        SELECT t.relation, 0 FROM unnest(relations) AS t (relation) WHERE t.relation IS NOT NULL
        UNION
        SELECT r.child, s.level + 1
        FROM step AS s JOIN reference AS r ON r.parent = s.relation
        WHERE s.level < cardinality(relations) -- foreign keys may go in a circle
    )
    SELECT s.relation, max(s.level) FROM step AS s GROUP BY s.relation
$$;
COMMENT ON FUNCTION etl._reference_levels(regclass[]) IS
    'Tables in the order of the foreign keys among them: the level of each is greater than that of the tables that it '
    'refers to, unless they refer to each other in a circle.';
