-- Pointing other tables' rows at the row that stays.

CREATE FUNCTION etl._references(target regclass, referring regclass)
RETURNS TABLE(name name, referenced name[], condition text, changes text, "values" text, is_null text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.conname, array_agg(p.attname ORDER BY k.position),
           string_agg(format('loser.%I OPERATOR(%I.%s) referring.%I', p.attname, s.nspname, o.oprname, f.attname),
                      ' AND ' ORDER BY k.position),
           string_agg(format('%I = m.v%s', f.attname, k.position), ', ' ORDER BY k.position),
           string_agg(format('kept.%I AS v%s', p.attname, k.position), ', ' ORDER BY k.position),
           coalesce(string_agg(format('kept.%I IS NULL', p.attname), ' OR ') FILTER (WHERE NOT p.attnotnull), 'false')
    FROM pg_constraint AS c
    CROSS JOIN unnest(c.confkey, c.conkey, c.conpfeqop) WITH ORDINALITY
        AS k(parent_column, child_column, equal, position)
    JOIN pg_attribute AS p ON p.attrelid = c.confrelid AND p.attnum = k.parent_column
    JOIN pg_attribute AS f ON f.attrelid = c.conrelid AND f.attnum = k.child_column
    JOIN pg_operator AS o ON o.oid = k.equal
    JOIN pg_namespace AS s ON s.oid = o.oprnamespace
    -- A foreign key to a partitioned table is repeated for each partition.
    WHERE c.contype = 'f' AND c.conrelid = referring AND c.confrelid IN (SELECT etl._family(target))
      AND NOT EXISTS (SELECT FROM pg_constraint AS above
                      WHERE above.oid = c.conparentid AND above.conrelid = referring
                        AND above.confrelid IN (SELECT etl._family(target)))
    GROUP BY c.oid, c.conname
    ORDER BY c.oid
$$;
COMMENT ON FUNCTION etl._references(regclass, regclass) IS
    'The foreign keys of a table that point at the target or one of its partitions: the columns that they refer to, '
    'the condition that a row (alias "referring") points at a row (alias "loser"), what makes it point at another one '
    '(alias "kept"), and the condition that this cannot be pointed at.';

CREATE FUNCTION etl._check_repoint(target regclass, repoint regclass[], audit bool)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    referring regclass;
BEGIN
    FOREACH referring IN ARRAY coalesce(repoint, '{}') LOOP
        PERFORM etl._require_table(referring, ARRAY['SELECT', 'UPDATE']);
        IF NOT EXISTS (SELECT FROM etl._references(target, referring)) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('table "%s" has no foreign key to table "%s"', referring, target),
                HINT = 'Name in repoint the tables that refer to the one that is deduplicated.';
        ELSIF referring IN (SELECT etl._family(target)) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'feature_not_supported',
                MESSAGE = format('table "%s" refers to itself', target),
                DETAIL = 'Pointing one of its rows elsewhere gives the row another place, and losers are known by '
                         'theirs.',
                HINT = 'Point these rows at the rows to keep before the call; etl.duplicates lists the groups.';
        ELSIF audit AND etl._identity(referring) = '{}' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('table "%s" has no primary key', referring),
                DETAIL = 'etl.undo_dedupe would not know which of its rows to point back.',
                HINT = 'Add a primary key, or call with audit => false.';
        END IF;
        PERFORM etl._require_mutable(referring);
        PERFORM etl._require_no_wider_children(referring);
        PERFORM etl._require_no_rule(referring, '2', 'To point its rows elsewhere,');
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._check_repoint(regclass, regclass[], bool) IS
    'Checks that each table has a foreign key to the target (22023), is another one and has no rule on UPDATE (0A000), '
    'may be updated (42501), and, with an audit, has a primary key (55000).';

CREATE FUNCTION etl._lock_references(repoint regclass[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    referring regclass;
BEGIN
    FOREACH referring IN ARRAY coalesce(repoint, '{}') LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', referring);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._lock_references(regclass[]) IS 'Keeps other writers out of these tables.';

CREATE FUNCTION etl._repoint_query(target regclass, referring regclass, reference record)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($query$
        WITH m AS MATERIALIZED (
            SELECT referring.tableoid AS tab, referring.ctid AS place, %1$s,
                   CASE WHEN $5 THEN etl._row_as_texts(referring.*) END AS before,
                   CASE WHEN %6$s THEN etl._row_as_texts(referring.*) END AS refused
            FROM unnest((SELECT $1), (SELECT $2), (SELECT $3)) AS l(place, kept_tab, kept_place) -- see etl._at_places
            JOIN %2$s AS loser ON loser.ctid = l.place AND loser.tableoid = $4
            JOIN %2$s AS kept ON kept.ctid = l.kept_place AND kept.tableoid = l.kept_tab
            JOIN %3$s AS referring ON %4$s
        ), changed AS (
            UPDATE %3$s AS r SET %5$s FROM m WHERE r.ctid = m.place AND r.tableoid = m.tab AND m.refused IS NULL
            RETURNING m.before, CASE WHEN $5 THEN etl._row_as_texts(r.*) END AS after
        ), written AS (
            INSERT INTO etl.dedupe_change (run_id, step, relation, before, after)
            SELECT $6, $8, $7, c.before, c.after FROM changed AS c WHERE $5
        )
        SELECT (SELECT m.refused FROM m WHERE m.refused IS NOT NULL LIMIT 1)
        $query$, reference."values", target, referring, reference.condition, reference.changes, reference.is_null);
END
$$;
COMMENT ON FUNCTION etl._repoint_query(regclass, regclass, record) IS
    'A query that points the rows of a table that refer by one foreign key to rows at places at the rows that are kept '
    'instead, and writes them down. It gives a row (jsonb) that would refer to NULL then, and so stays as it is. '
    'Parameters: places, tables and places of the rows that are kept, the table of the places, whether to write down, '
    'run, the name of the table, step.';

CREATE FUNCTION etl._require_free_references(
    target regclass, referring regclass, condition text, tab oid, places tid[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held CONSTANT text := etl._held_condition(referring, 'referring');
BEGIN
    IF held IS NOT NULL AND etl._locked_value(
        format('SELECT EXISTS (SELECT FROM %s AS loser JOIN %s AS referring ON %s WHERE %s AND loser.tableoid = $2 AND '
               'loser.ctid = ANY ((SELECT $1)::tid[]))', target, referring, condition, held), NULL::bool, places, tab)
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('a row of table "%s" that refers to a duplicate is under a legal hold', referring),
            DETAIL = 'It cannot be pointed at the row to keep, for it must not change.',
            HINT = 'Leave the row that it refers to out with where_sql; etl.legal_holds lists the holds.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_free_references(regclass, regclass, text, oid, tid[]) IS
    'Raises (55000) when a row of a table that refers to one at these places is under a legal hold.';

CREATE FUNCTION etl._repoint_reference(
    run bigint, target regclass, audit bool, referring regclass, reference record, tab oid, places tid[],
    kept_tables oid[], kept_places tid[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refused jsonb := etl._locked_change(
        etl._repoint_query(target, referring, reference), NULL::jsonb, places, kept_tables, kept_places, tab, audit,
        run, etl._relation_name(referring), etl._next_change_step(run));
BEGIN
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            MESSAGE = format('a row of table "%s" cannot be pointed at the row to keep, which has no value to point at',
                             referring),
            DETAIL = format('Foreign key "%s" refers to (%s), which is NULL there. The row is %s.', reference.name,
                            etl._column_list(reference.referenced), refused),
            HINT = 'Give the row to keep a value there, or let the other row stay by keep, order_by or where_sql.',
            CONSTRAINT = reference.name;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._repoint_reference(
    bigint, regclass, bool, regclass, record, oid, tid[], oid[], tid[]) IS
    'Runs etl._repoint_query; 23503 where the row that is kept has NULL in what a row would refer to.';

CREATE FUNCTION etl._repoint(
    run bigint, target regclass, audit bool, repoint regclass[], tab oid, places tid[], kept_tables oid[],
    kept_places tid[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    referring regclass;
    reference record;
    message text;
    detail text;
    constraint_name text;
BEGIN
    FOREACH referring IN ARRAY coalesce(repoint, '{}') LOOP
        FOR reference IN SELECT * FROM etl._references(target, referring) LOOP
            PERFORM etl._require_free_references(target, referring, reference.condition, tab, places);
            PERFORM etl._repoint_reference(run, target, audit, referring, reference, tab, places, kept_tables,
                                           kept_places);
        END LOOP;
    END LOOP;
EXCEPTION
    WHEN unique_violation OR exclusion_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
            constraint_name = CONSTRAINT_NAME;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('rows of table "%s" cannot all be pointed at the row to keep', referring),
            DETAIL = concat_ws(' ', message || '.', detail),
            HINT = 'Delete the rows of that table that would be equal then, and call again.',
            CONSTRAINT = constraint_name;
END
$$;
COMMENT ON FUNCTION etl._repoint(bigint, regclass, bool, regclass[], oid, tid[], oid[], tid[]) IS
    'Points the rows of these tables that refer to rows at these places at the rows that are kept instead (23505 where '
    'a unique key of such a table does not let it).';
