-- Obeying legal holds: what whoever deletes or changes rows asks before.

CREATE FUNCTION etl._lock_holds()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holds CONSTANT integer := 'etl.legal_hold'::regclass::oid::integer;
    holder record;
BEGIN
    IF NOT pg_try_advisory_xact_lock_shared(holds, 0) THEN
        PERFORM pg_advisory_xact_lock_shared(holds, 0);
    END IF;
EXCEPTION
    WHEN lock_not_available THEN
        SELECT l.pid, pg_get_userbyid(s.usesysid) AS role INTO holder
        FROM pg_locks AS l LEFT JOIN pg_stat_activity AS s ON s.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.classid = holds::oid AND l.objid = 0 AND l.objsubid = 2
          AND l.mode = 'ExclusiveLock'
          AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        ORDER BY l.granted DESC LIMIT 1;
        RAISE EXCEPTION USING
            ERRCODE = 'lock_not_available',
            MESSAGE = 'a transaction that places a legal hold has not ended',
            DETAIL = 'Nothing is deleted before it has: what it holds is not known yet.'
                     || CASE WHEN holder.pid IS NULL THEN ''
                             ELSE format(' It is of role "%s", process %s.', holder.role, holder.pid) END,
            HINT = format('Let it commit or roll back; SELECT pg_terminate_backend(%s); ends its session.',
                          coalesce(holder.pid::text, 'pid'));
END
$$;
COMMENT ON FUNCTION etl._lock_holds() IS
    'Keeps legal holds from being placed to the end of the transaction. A transaction that deletes rows calls it '
    'first, and etl._held_condition() after. 55P03, naming the session, where one that places a hold keeps it waiting '
    'for longer than lock_timeout.';

CREATE FUNCTION etl._ancestors(relation regclass)
RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE above(member) AS (
        SELECT i.inhparent FROM pg_inherits AS i WHERE i.inhrelid = relation
        UNION
        SELECT i.inhparent FROM pg_inherits AS i JOIN above AS a ON a.member = i.inhrelid
    )
    SELECT member::regclass FROM above
$$;
COMMENT ON FUNCTION etl._ancestors(regclass) IS 'The tables of which the relation is a partition or child.';

CREATE FUNCTION etl._active_holds()
RETURNS TABLE(name text, relation regclass, predicate text, changed text)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT h.name, t.relation, h.predicate, CASE WHEN t.relation = h.relation::oid THEN (
               SELECT string_agg(format(CASE WHEN a.attisdropped THEN 'column "%s" was dropped'
                                             ELSE 'column "%s" is called "%s" now' END, c.key, a.attname), ', '
                                 ORDER BY a.attnum)
               FROM jsonb_each_text(h.columns) AS c
               JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum = c.value::smallint
               WHERE a.attname <> c.key
           ) END
    FROM jsonb_to_recordset(etl._latest_value(
        'SELECT (SELECT jsonb_agg(jsonb_build_object(''name'', h.name, ''relation'', h.relation::oid, ''predicate'', '
        'h.predicate, ''names'', array_prepend(h.relation_name, h.part_names), ''columns'', h.column_numbers) '
        'ORDER BY h.hold_id) FROM etl.legal_hold AS h WHERE h.released_at IS NULL AND (h.until IS NULL OR h.until > '
        '$1))', NULL::jsonb, clock_timestamp())) AS h(name text, relation bigint, predicate text, names text[],
                                                      columns jsonb)
    CROSS JOIN LATERAL (
        SELECT h.relation::oid::regclass
        UNION ALL
        SELECT n.relation FROM (SELECT etl._named(u.n) FROM unnest(h.names) AS u(n)) AS n(relation)
        WHERE n.relation NOT IN (SELECT etl._family(h.relation::oid::regclass))
    ) AS t(relation)
$$;
COMMENT ON FUNCTION etl._active_holds() IS
    'The legal holds that stand now, also those that were placed after the transaction began, each with the table that '
    'it was placed on, and again with another one that has that one''s name, or the name of what was a partition or '
    'child of it. changed: which columns that the condition names have lost their names since.';

CREATE FUNCTION etl._refuse_hold(hold text, relation regclass, predicate text, reason text, code text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = code,
        MESSAGE = format('legal hold "%s" cannot be obeyed in table "%s": %s', hold, relation, reason),
        DETAIL = format('Its condition is: %s', predicate),
        HINT = format('Nothing is deleted from the table until etl.release_legal_hold(%L, …) and another hold, if '
                      'there is cause for one, put this right.', hold);
END
$$;
COMMENT ON FUNCTION etl._refuse_hold(text, regclass, text, text, text) IS
    'Raises, with the name of the hold, that its condition cannot be evaluated, for a reason and under its SQLSTATE.';

CREATE FUNCTION etl._hold_condition(hold text, relation regclass, predicate text, alias text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reason text;
BEGIN
    RETURN CASE WHEN predicate IS NULL THEN 'true'
                ELSE format('((%s) IS TRUE)', etl._plain_condition(relation, predicate, alias, true)) END;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        PERFORM etl._refuse_hold(hold, relation, predicate, reason, SQLSTATE);
END
$$;
COMMENT ON FUNCTION etl._hold_condition(text, regclass, text, text) IS
    'The condition that a hold (its name and predicate) sets on rows of a relation under an alias. An error names the '
    'hold.';

CREATE FUNCTION etl._part_condition(part regclass, relation regclass, alias text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET timezone = 'UTC'
SET lc_monetary = 'C'
SET quote_all_identifiers = off
AS $$
BEGIN
    RETURN coalesce(etl._plain_condition(relation, pg_get_partition_constraintdef(part), alias, true), 'true');
EXCEPTION
    WHEN OTHERS THEN
        RETURN 'true'; -- a bound that cannot be told here
END
$$;
COMMENT ON FUNCTION etl._part_condition(regclass, regclass, text) IS
    'Condition that a row of the relation under an alias may come from a partition of another table: its bounds, '
    'where they can be told.';

CREATE FUNCTION etl._held_condition(
    relation regclass, alias text, origin regclass DEFAULT NULL, are_there boolean DEFAULT true)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hold record;
    conditions text[] := '{}';
    family CONSTANT oid[] := ARRAY(SELECT f FROM etl._family(relation) AS f WHERE are_there);
    whole CONSTANT oid[] := ARRAY(
        SELECT w.member FROM unnest(ARRAY[relation, origin]) AS r(of)
        CROSS JOIN LATERAL (SELECT r.of UNION ALL SELECT etl._ancestors(r.of)) AS w(member)
        WHERE w.member IS NOT NULL);
    parts_of_origin CONSTANT oid[] := ARRAY(SELECT f FROM etl._family(origin) AS f WHERE origin IS NOT NULL);
BEGIN
    FOR hold IN SELECT * FROM etl._active_holds() LOOP
        CONTINUE WHEN hold.relation::oid <> ALL (whole || family || parts_of_origin);
        IF hold.changed IS NOT NULL THEN
            PERFORM etl._refuse_hold(hold.name, relation, hold.predicate, hold.changed, '42703');
        END IF;
        conditions := conditions || concat_ws(' AND ',
            CASE WHEN hold.relation::oid = ANY (whole) THEN NULL
                 WHEN hold.relation::oid = ANY (family) THEN
                     format('%I.tableoid = ANY (%L::oid[])', alias, ARRAY(SELECT etl._family(hold.relation))::oid[])
                 ELSE etl._part_condition(hold.relation, relation, alias) END,
            etl._hold_condition(hold.name, relation, hold.predicate, alias));
    END LOOP;
    IF cardinality(family) > 1 AND EXISTS (SELECT FROM etl._active_holds()) THEN
        -- What becomes a part of it from now on may come with a hold of its own.
        conditions := conditions || format('%I.tableoid <> ALL (%L::oid[])', alias, family);
    END IF;
    RETURN '(' || array_to_string(nullif(conditions, '{}'), ' OR ') || ')';
END
$$;
COMMENT ON FUNCTION etl._held_condition(regclass, text, regclass, boolean) IS
    'A condition, never NULL, that a legal hold stands on a row of the relation under an alias; NULL where no hold is '
    'about it. Holds on the relation itself, on what it is part of, and on its parts count, and, for an archive, '
    'those on the table whose rows it has (origin) and that one''s family. A row of a part that was not there yet '
    'counts as held. are_there: false for rows of the relation that are not in it, but in a file; from which part they '
    'are is told by the bounds of its partitions, given as origin again. Errors, which name the hold: one whose '
    'condition does not fit the table any more, or whose columns were renamed (42703).';

CREATE FUNCTION etl._free_rows(relation regclass, condition text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held CONSTANT text := etl._held_condition(relation, (SELECT c.relname FROM pg_class AS c WHERE c.oid = relation));
BEGIN
    RETURN CASE WHEN held IS NULL THEN condition
                ELSE concat_ws(' AND ', '(' || condition || E'\n)', 'NOT ' || held) END;
END
$$;
COMMENT ON FUNCTION etl._free_rows(regclass, text) IS
    'A condition (NULL: none) on rows of the relation under its own name, and that no legal hold stands on them.';

CREATE FUNCTION etl._tell_held(relation regclass, condition text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alias CONSTANT text := (SELECT c.relname FROM pg_class AS c WHERE c.oid = relation);
    held CONSTANT text := etl._held_condition(relation, alias);
    rows bigint;
BEGIN
    IF held IS NULL THEN
        RETURN;
    END IF;
    rows := etl._locked_value(format(E'SELECT count(*) FROM %s WHERE %s AND (%s\n)', relation, held,
                                     coalesce(condition, 'true')), NULL::bigint);
    IF rows > 0 THEN
        RAISE NOTICE USING
            MESSAGE = format(CASE rows WHEN 1 THEN '%s row of table "%s" under a legal hold stays as it is'
                                       ELSE '%s rows of table "%s" under a legal hold stay as they are' END,
                             rows, relation),
            HINT = 'SELECT * FROM etl.legal_holds; lists the holds.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._tell_held(regclass, text) IS
    'Says how many rows of the relation, of those for which a condition is true, are under a legal hold.';

CREATE FUNCTION etl._try_hold(hold text, relation regclass, predicate text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reason text;
BEGIN
    PERFORM etl._locked_value(
        format('SELECT count(*) FROM %s AS t WHERE %s', relation, etl._hold_condition(hold, relation, predicate, 't')),
        NULL::bigint);
EXCEPTION
    WHEN data_exception OR program_limit_exceeded THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('legal hold "%s" cannot be obeyed in table "%s": %s', hold, relation, reason),
            DETAIL = format('Its condition is: %s', predicate),
            HINT = 'Place a hold whose condition has a value for each row, and release this one.';
END
$$;
COMMENT ON FUNCTION etl._try_hold(text, regclass, text) IS
    'Raises what the condition of a hold raises for some row of the relation (22xxx, 54xxx), naming the hold.';

CREATE FUNCTION etl._require_obeyable_holds(relation regclass, origin regclass DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._try_hold(h.name, relation, h.predicate)
    FROM etl._active_holds() AS h
    WHERE h.predicate IS NOT NULL AND h.relation IN (
        SELECT etl._family(r) FROM unnest(ARRAY[relation, origin]) AS r
        UNION SELECT etl._ancestors(r) FROM unnest(ARRAY[relation, origin]) AS r)
$$;
COMMENT ON FUNCTION etl._require_obeyable_holds(regclass, regclass) IS
    'Evaluates each legal hold on the relation (and on the table whose rows it has) for all its rows, and raises, '
    'with the name of the hold, where one has an error: for what deletes and has met an error it cannot explain.';

CREATE FUNCTION etl._require_unheld(relation regclass, condition text DEFAULT 'true')
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held text;
BEGIN
    PERFORM etl._lock_holds();
    held := etl._held_condition(relation, 't');
    IF held IS NOT NULL AND etl._locked_value(
           format('SELECT EXISTS (SELECT FROM %s AS t WHERE (%s) AND %s)', relation, condition, held), false) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('rows of table "%s" are under a legal hold and cannot be replaced', relation),
            DETAIL = 'Nothing was deleted.',
            HINT = 'SELECT * FROM etl.legal_holds; tells which hold it is.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_unheld(regclass, text) IS
    'Checks that no row of a table, or none of those that a condition on t names, is under a legal hold (55000), and '
    'keeps holds from being placed to the end of the transaction: for who is about to delete them all.';
