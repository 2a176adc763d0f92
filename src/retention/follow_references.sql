-- Rows that refer to rows which are past due go with them, where a policy says so (follow_references).
--
-- First it is decided, from the leaves of the foreign keys upward, which rows can go: not those under a legal hold, of
-- an immutable table, or locked by others, nor anything that such a row refers to. Then those that refer are collected,
-- the farthest first, and moved in this order, each table's with the same proof as the rows of the policy: to an
-- archive table of their own, or to a file of their own (run_files.sql). Tables that refer to each other in a circle,
-- or to themselves, are followed once around. Rows of the policy's own table that refer to each other go together where
-- they are in one batch and in one partition; else what a row of the same table refers to stays until that is gone.

CREATE FUNCTION etl._not_referenced(part regclass, places tid[], reference record, tables oid[], except_places tid[])
RETURNS tid[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    free tid[];
BEGIN
    EXECUTE format($query$
        SELECT coalesce(array_agg(parent.ctid), '{}') FROM %1$s AS parent
        WHERE parent.tableoid = %4$s AND parent.ctid = ANY ($1) AND NOT EXISTS (
            SELECT FROM %2$s AS referring
            WHERE %3$s AND NOT (referring.tableoid = parent.tableoid AND referring.ctid = parent.ctid)
              AND NOT EXISTS (SELECT FROM unnest($2, $3) AS going(tab, place)
                              WHERE going.tab = referring.tableoid AND going.place = referring.ctid))
        $query$, part, reference.child, etl._reference_condition(reference.constraint_id, 'parent', 'referring'),
        part::oid)
    INTO free USING places, tables, except_places;
    RETURN free;
END
$$;
COMMENT ON FUNCTION etl._not_referenced(regclass, tid[], record, oid[], tid[]) IS
    'Those of these places of a table to whose rows none refers by a foreign key (of etl._references) but the row '
    'itself, and rows at other places.';

CREATE FUNCTION etl._referring_rows(part regclass, parents tid[], reference record, free text)
RETURNS TABLE(tab oid, places tid[])
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format($query$
        SELECT r.tab, array_agg(r.place) FROM (
            SELECT referring.tableoid AS tab, referring.ctid AS place FROM %2$s AS referring
            WHERE %4$s AND EXISTS (SELECT FROM %1$s AS parent
                                   WHERE parent.tableoid = %5$s AND parent.ctid = ANY ($1) AND %3$s)
            FOR UPDATE OF referring SKIP LOCKED
        ) AS r GROUP BY r.tab
        $query$, part, reference.child, etl._reference_condition(reference.constraint_id, 'parent', 'referring'), free,
        part::oid)
    USING parents;
END
$$;
COMMENT ON FUNCTION etl._referring_rows(regclass, tid[], record, text) IS
    'Locks the rows that refer by a foreign key to those at these places and meet a condition, and that nobody else '
    'has locked, and returns where they are.';

CREATE FUNCTION etl._is_followed(reference record, above oid[])
RETURNS bool
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM etl._immutable_tables(reference.child))
       AND NOT EXISTS (SELECT FROM etl._family(reference.child) AS f WHERE f::oid = ANY (above));
END
$$;
COMMENT ON FUNCTION etl._is_followed(record, oid[]) IS
    'Whether rows of the table of a foreign key go along: it may be changed, and none of these tables is part of it.';

CREATE FUNCTION etl._not_below(part regclass, places tid[], free tid[], conditions text[])
RETURNS tid[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    children tid[];
    parents tid[];
BEGIN
    EXECUTE format($query$
        SELECT array_agg(referring.ctid), array_agg(parent.ctid) FROM %1$s AS referring JOIN %1$s AS parent ON %2$s
        WHERE referring.tableoid = %3$s AND referring.ctid = ANY ($1)
          AND parent.tableoid = %3$s AND parent.ctid = ANY ($1) AND parent.ctid <> referring.ctid
        $query$, part, '(' || array_to_string(conditions, ') OR (') || ')', part::oid)
        INTO children, parents USING places;
    RETURN ARRAY(
        WITH RECURSIVE edge AS MATERIALIZED (
            SELECT e.child, e.parent FROM unnest(children, parents) AS e(child, parent)
        ), stays(place) AS (
            (SELECT p FROM unnest(places) AS p EXCEPT SELECT f FROM unnest(free) AS f)
            UNION
            SELECT e.parent FROM stays AS s JOIN edge AS e ON e.child = s.place
        )
        SELECT f FROM unnest(free) AS f EXCEPT SELECT s.place FROM stays AS s);
END
$$;
COMMENT ON FUNCTION etl._not_below(regclass, tid[], tid[], text[]) IS
    'Those of the free ones among places of a table to which no row at a place that is not free refers, directly or by '
    'way of others, by foreign keys of the table to itself (etl._reference_condition of each).';

CREATE FUNCTION etl._followable_rows(part regclass, places tid[], above oid[])
RETURNS tid[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reference record;
    referring record;
    going tid[];
    tables oid[];
    going_places tid[];
    to_itself text[] := '{}';
    free tid[] := places;
BEGIN
    PERFORM etl._require_visible_references(part);
    FOR reference IN SELECT * FROM etl._references(part) LOOP
        tables := '{}';
        going_places := '{}';
        IF etl._is_followed(reference, above || part::oid) THEN
            PERFORM etl._require_table(reference.child, ARRAY['SELECT', 'UPDATE', 'DELETE']),
                    etl._require_no_wider_children(reference.child);
            FOR referring IN SELECT * FROM etl._referring_rows(
                part, free, reference, coalesce('NOT ' || etl._held_condition(reference.child, 'referring'), 'true'))
            LOOP
                going := etl._followable_rows(referring.tab, referring.places, above || part::oid);
                tables := tables || array_fill(referring.tab, ARRAY[cardinality(going)]);
                going_places := going_places || going;
            END LOOP;
        ELSIF above = '{}' AND part IN (SELECT etl._family(reference.child)) THEN -- these go in one statement
            tables := array_fill(part::oid, ARRAY[cardinality(places)]);
            going_places := places;
            to_itself := to_itself || etl._reference_condition(reference.constraint_id, 'parent', 'referring');
        END IF;
        free := etl._not_referenced(part, free, reference, tables, going_places);
    END LOOP;
    RETURN CASE WHEN to_itself = '{}' OR free = places THEN free
                ELSE etl._not_below(part, places, free, to_itself) END;
END
$$;
COMMENT ON FUNCTION etl._followable_rows(regclass, tid[], oid[]) IS
    'Those of these places, which the caller has locked, whose rows can go with all rows that refer to them, which '
    'are locked, too; the others stay: a row that refers to them is held, locked, of an immutable table, or of the '
    'same table and does not go itself. above: the tables by which the rows were reached. Errors: 42501 a table that '
    'refers to them may not be read or changed, 42809 it has children with columns of their own.';

CREATE FUNCTION etl._with_referring(
    going etl._retention_going[], part regclass, places tid[], above oid[])
RETURNS etl._retention_going[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reference record;
    referring record;
BEGIN
    FOR reference IN
        SELECT * FROM etl._references(part) AS r WHERE places <> '{}' AND etl._is_followed(r, above || part::oid)
    LOOP
        FOR referring IN SELECT * FROM etl._referring_rows(part, places, reference, 'true') LOOP
            going := etl._with_referring(going, referring.tab, referring.places, above || part::oid);
            -- A row that refers to others in two ways is there already.
            referring.places := ARRAY(
                SELECT unnest(referring.places)
                EXCEPT SELECT unnest(g.places) FROM unnest(going) AS g WHERE g.part = referring.tab);
            IF referring.places <> '{}' THEN
                going := going || (reference.constraint_id, reference.child, referring.tab,
                                   referring.places)::etl._retention_going;
            END IF;
        END LOOP;
    END LOOP;
    RETURN going;
END
$$;
COMMENT ON FUNCTION etl._with_referring(etl._retention_going[], regclass, tid[], oid[]) IS
    'Rows that go, and besides all that refer to those at these places, of which etl._followable_rows has said that '
    'they can go: the farthest first, each once. above: the tables by which the rows were reached.';

CREATE FUNCTION etl._follow_open(policy etl.retention_policy, tier int, child regclass, target regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place CONSTANT text := etl._relation_name(target);
BEGIN
    IF NOT EXISTS (SELECT FROM etl.archive AS a WHERE a.location = place AND a.action IN ('archived', 'opening')) THEN
        PERFORM etl._note_archive(
            policy.name, tier::smallint, 'opening', NULL, place, NULL, NULL, NULL, etl._locked_value(
                format('SELECT %s FROM %s AS t', etl._rows_hash_of_columns(etl._common_columns(child, target), 't'),
                       target), NULL::etl.rows_hash), NULL, etl._relation_name(child));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._follow_open(etl.retention_policy, int, regclass, regclass) IS
    'Notes in the ledger what stands in the archive of a table that refers to others before it takes the first rows.';

CREATE FUNCTION etl._follow_archive_name(child regclass, schema name)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the name is compared with stored ones
AS $$
DECLARE
    free text;
BEGIN
    SELECT n.place INTO free
    FROM pg_class AS c
    JOIN pg_namespace AS s ON s.oid = c.relnamespace
    CROSS JOIN LATERAL (VALUES (1, format('%I.%I', schema, left(c.relname, 55) || '_archive')),
                               (2, format('%I.%I', schema, left(s.nspname || '_' || c.relname, 55) || '_archive')))
        AS n(turn, place)
    -- A table of the same name in another schema may have been first.
    WHERE c.oid = child AND NOT EXISTS (
        SELECT FROM etl.archive AS a WHERE a.location = n.place AND a.relation <> etl._relation_name(child))
    ORDER BY n.turn
    LIMIT 1;
    IF free IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_table',
            MESSAGE = format('tables of schema "%s" that table "%s" could be archived in have rows of other tables',
                             schema, child),
            HINT = format('Give table "%s" a retention policy with an archive_to of its own.', child);
    END IF;
    RETURN free;
END
$$;
COMMENT ON FUNCTION etl._follow_archive_name(regclass, name) IS
    'The archive of a table that refers to another one, in a schema: <table>_archive, or <schema>_<table>_archive '
    'where that has the rows of another table; 42P07 where both have.';

CREATE FUNCTION etl._follow_target(policy etl.retention_policy, tier int, going etl._retention_going)
RETURNS regclass
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    archive CONSTANT text := etl._retention_place(policy, tier);
    target text;
BEGIN
    IF archive IS NULL OR etl._is_archive_file(archive) THEN
        RETURN NULL;
    END IF;
    SELECT etl._retention_place(p, 1) INTO target FROM etl.retention_policy AS p
    WHERE p.owner = current_user AND p.relation = etl._relation_name(going.child)
      AND etl._retention_place(p, 1) NOT LIKE 'file:%'
    ORDER BY p.policy_id LIMIT 1;
    target := coalesce(target, etl._follow_archive_name(going.child, (parse_ident(archive))[1]));
    IF to_regclass(target) IS NULL THEN
        PERFORM etl._retention_make_archive(going.child, (
            SELECT a.attname FROM pg_constraint AS c
            JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            WHERE c.oid = going.constraint_id), target);
    END IF;
    PERFORM etl._retention_check_archive(going.child, target::regclass, false);
    PERFORM etl._follow_open(policy, tier, going.child, target::regclass);
    RETURN target;
END
$$;
COMMENT ON FUNCTION etl._follow_target(etl.retention_policy, int, etl._retention_going) IS
    'Where a tier takes rows of a table that refers to the policy''s: to the archive of that table''s own policy, or '
    'to that of etl._follow_archive_name in the schema of the tier''s archive, which is created with an index on the '
    'column that refers. NULL where the tier deletes, or writes files.';

CREATE FUNCTION etl._follow_note(columns name[], inserted bool, alias text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE WHEN cardinality(columns) <= 95 THEN 'etl._note_row($1, %L, NULL, %L::text[], %s)'
                       ELSE 'etl._note_row($1, %L, NULL, %L::text[], ROW(%s))' END,
                  inserted, columns::text[],
                  (SELECT string_agg(format('%s.%I', alias, c), ', ' ORDER BY n)
                   FROM unnest(columns) WITH ORDINALITY AS u(c, n)))
$$;
COMMENT ON FUNCTION etl._follow_note(name[], bool, text) IS
    'SQL that notes a row of a statement of etl._moved_rows, without a time, by its columns under an alias.';

CREATE FUNCTION etl._follow_statement(child regclass, target regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('WITH etl_gone AS (DELETE FROM %s AS referring '
                  'WHERE referring.tableoid = $2 AND referring.ctid = ANY ($3) RETURNING %s) ', child,
                  string_agg(format('referring.%I', c.name), ', ' ORDER BY c.n))
        || CASE WHEN target IS NULL
               THEN 'SELECT FROM etl_gone WHERE '
                    || etl._follow_note(array_agg(c.name ORDER BY c.n), false, 'etl_gone')
               ELSE format('INSERT INTO %s AS etl_kept (%s) OVERRIDING SYSTEM VALUE '
                           'SELECT %2$s FROM etl_gone WHERE %3$s RETURNING %4$s',
                           target, etl._retention_columns(child, target),
                           etl._follow_note(array_agg(c.name ORDER BY c.n), false, 'etl_gone'),
                           etl._follow_note(array_agg(c.name ORDER BY c.n), true, 'etl_kept')
                           || etl._note_kept(target, 'etl_kept')) END
    FROM unnest(etl._columns_of(child)) WITH ORDINALITY AS c(name, n)
$$;
COMMENT ON FUNCTION etl._follow_statement(regclass, regclass) IS
    'The statement for etl._moved_rows that deletes the rows at places of a table and inserts them into another, '
    'where one is given.';

CREATE FUNCTION etl._follow_move(going etl._retention_going, target regclass)
RETURNS etl._retention_moved
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET pg_etl.erasing = on -- rollups of the table may outlive its rows
AS $$
DECLARE
    moved record;
BEGIN
    SELECT m.* INTO moved
    FROM etl._moved_rows(etl._follow_statement(going.child, target), going.part, going.places) AS m;
    IF etl.row_count(moved."left") <> cardinality(going.places)
       OR target IS NOT NULL AND moved.kept OPERATOR(etl.<>) moved."left" THEN
        RAISE EXCEPTION USING
            ERRCODE = 'triggered_action_exception',
            MESSAGE = format('rows of table "%s" that refer to rows past due were not moved as they are', going.child),
            DETAIL = format('Of %s rows %s were deleted and %s inserted%s. Nothing of this batch was deleted.',
                            cardinality(going.places), etl.row_count(moved."left"), etl.row_count(moved.kept),
                            ' into ' || target::text),
            HINT = 'A trigger, a rule or row security of one of them keeps rows back or changes them.';
    END IF;
    RETURN (moved."left", moved.bytes, NULL, NULL, NULL, NULL,
            etl._retention_kept_by(target, going.child, moved.kept, moved.kept_parts, moved.kept_places)
           )::etl._retention_moved;
END
$$;
COMMENT ON FUNCTION etl._follow_move(etl._retention_going, regclass) IS
    'Moves rows that refer to others, or deletes them where no target is given. Raises 09000 unless all were deleted '
    'and what was inserted is what was deleted.';

CREATE FUNCTION etl._follow_noted(
    policy etl.retention_policy, state etl._retention_state, going etl._retention_going, target regclass,
    moved etl._retention_moved)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._note_archive(
        (policy).name, (state).tier::smallint, CASE WHEN target IS NULL THEN 'deleted' ELSE 'archived' END,
        etl._relation_name((going).child), etl._relation_name(target), (state).run_id, NULL, NULL, (moved).contents,
        (moved).bytes, etl._relation_name((going).child))
$$;
COMMENT ON FUNCTION etl._follow_noted(
    etl.retention_policy, etl._retention_state, etl._retention_going, regclass, etl._retention_moved) IS
    'Notes in the ledger rows that went along with others, to a table or for good.';
