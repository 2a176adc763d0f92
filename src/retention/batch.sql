-- One batch of a retention policy.
--
-- Most batches delete all rows of their window at once. A row that somebody else has locked makes that fail after a
-- moment; then the batch is done with care: it locks those rows of the window that nobody has locked, looks at them
-- again, and deletes exactly these. So are all batches of a table where a deletion could do what is not seen from the
-- rows that it returns: where other tables refer to it, or a trigger or a policy keeps rows back.

CREATE FUNCTION etl._retention_needs_care(policy etl.retention_policy, source regclass)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM etl._references(source))
        OR EXISTS (SELECT FROM pg_trigger AS t JOIN etl._family(source) AS f ON f = t.tgrelid
                   -- BEFORE DELETE … FOR EACH ROW
                   WHERE NOT t.tgisinternal AND t.tgtype::integer & 11 = 11)
        OR EXISTS (SELECT FROM etl._family(source) AS f JOIN pg_class AS c ON c.oid = f
                   WHERE c.relrowsecurity AND row_security_active(c.oid))
$$;
COMMENT ON FUNCTION etl._retention_needs_care(etl.retention_policy, regclass) IS
    'Whether a table''s rows must be locked before they are deleted: foreign keys refer to it, or triggers or row '
    'security may keep rows back.';

CREATE FUNCTION etl._lacks_reference_index(relation regclass)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM etl._references(relation) AS r JOIN pg_constraint AS c ON c.oid = r.constraint_id
        WHERE NOT etl._retention_has_index(r.child, c.conkey))
$$;
COMMENT ON FUNCTION etl._lacks_reference_index(regclass) IS
    'Whether a foreign key points at a table by columns without an index. Where the planner may not scan tables, all '
    'plans that scan the table with that key look equally bad to it; without nested loops it is scanned once.';

CREATE FUNCTION etl._retention_still_free(
    policy etl.retention_policy, source regclass, tier integer, part oid, places tid[])
RETURNS tid[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_nestloop = on
SET jit = off
AS $$
DECLARE
    free tid[];
BEGIN
    IF etl._retention_referenced(policy, tier) IS NULL THEN
        RETURN places;
    END IF;
    PERFORM set_config('enable_nestloop', 'off', true) WHERE etl._lacks_reference_index(source);
    EXECUTE format('SELECT coalesce(array_agg(%1$I.ctid), ''{}'') FROM %2$s AS %1$I'
                   ' WHERE %1$I.tableoid = $1 AND %1$I.ctid = ANY ($2)%3$s',
                   etl._retention_alias(policy), source, etl._retention_free(policy, tier))
        INTO free USING part, places;
    RETURN free;
END
$$;
COMMENT ON FUNCTION etl._retention_still_free(etl.retention_policy, regclass, integer, oid, tid[]) IS
    'Those of these places, which the caller has locked, whose rows no other table refers to: a reference may have '
    'been committed while they were being locked, and none can be from now on.';

CREATE FUNCTION etl._retention_locked_places(
    policy etl.retention_policy, state etl._retention_state, wanted etl._retention_window)
RETURNS TABLE(part oid, places tid[], last timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_nestloop = on
SET jit = off
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
BEGIN
    PERFORM set_config('enable_nestloop', 'off', true)
    WHERE etl._lacks_reference_index(etl._retention_source(policy, state.tier));
    RETURN QUERY EXECUTE format(
        'SELECT d.tableoid AS part, array_agg(d.ctid) AS places, max(d.moment) AS last'
        ' FROM (SELECT %1$I.tableoid, %1$I.ctid, %2$s AS moment FROM %3$s AS %1$I WHERE %4$s%5$s'
        ' ORDER BY %1$I.%6$I OFFSET %7$s LIMIT %8$s FOR UPDATE OF %1$I SKIP LOCKED) AS d GROUP BY d.tableoid',
        alias, etl._retention_moment(policy, format('%I.%I', alias, policy.time_column)),
        etl._retention_source(policy, state.tier), wanted.condition, etl._retention_free(policy, state.tier),
        policy.time_column, state.skipped, coalesce(wanted.most::text, 'ALL'));
END
$$;
COMMENT ON FUNCTION etl._retention_locked_places(
    etl.retention_policy, etl._retention_state, etl._retention_window) IS
    'Locks the rows of a window that may go and that nobody else has locked: their places, one row for each table, and '
    'the time of the last.';

CREATE TYPE etl._retention_going AS (
    constraint_id oid,
    child regclass,
    part oid,
    places tid[]
);
COMMENT ON TYPE etl._retention_going IS
    'Rows of a batch, locked, in one table (part) of a relation (child): of a policy''s table, or, where a foreign key '
    'is given, rows that refer by it to others of the batch.';

CREATE FUNCTION etl._retention_going(
    policy etl.retention_policy, state etl._retention_state, wanted etl._retention_window,
    OUT going etl._retention_going[], OUT locked bigint, OUT last timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source CONSTANT regclass := etl._retention_source(policy, state.tier);
    part record;
BEGIN
    going := '{}';
    locked := 0;
    FOR part IN SELECT * FROM etl._retention_locked_places(policy, state, wanted) LOOP
        locked := locked + cardinality(part.places);
        last := greatest(last, part.last);
        IF policy.follow_references THEN
            part.places := etl._followable_rows(part.part::regclass, part.places, '{}');
            going := etl._with_referring(going, part.part::regclass, part.places, '{}');
        END IF;
        part.places := etl._retention_still_free(policy, source, state.tier, part.part, part.places);
        IF part.places <> '{}' THEN
            going := going || (NULL, source, part.part, part.places)::etl._retention_going;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_going(
    etl.retention_policy, etl._retention_state, etl._retention_window) IS
    'Locks the rows of a window that nobody else has locked, and what goes with them: what of it can go, in the order '
    'in which it is to be deleted, how many rows of the policy''s table were locked, and the time of the last.';

CREATE FUNCTION etl._retention_take(
    policy etl.retention_policy, going etl._retention_going, target regclass, wanted etl._retention_window)
RETURNS etl._retention_moved
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF going.constraint_id IS NOT NULL THEN
        RETURN etl._follow_move(going, target);
    END IF;
    RETURN etl._retention_move(
        policy, going.child, target,
        -- The condition of the window, which these rows meet, spares the planner the partitions of other times.
        format('%1$I.tableoid = $2 AND %1$I.ctid = ANY ($3) AND %2$s', etl._retention_alias(policy),
               wanted.condition), going.part, going.places);
END
$$;
COMMENT ON FUNCTION etl._retention_take(
    etl.retention_policy, etl._retention_going, regclass, etl._retention_window) IS
    'Moves rows of a batch, which it took from a window, to a table, or deletes them where none is given.';

CREATE FUNCTION etl._retention_total(
    going etl._retention_going[], taken etl._retention_moved[], locked bigint, last timestamptz)
RETURNS etl._retention_moved
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl.merge(t.contents) FILTER (WHERE g.constraint_id IS NULL),
           coalesce(sum(t.bytes) FILTER (WHERE g.constraint_id IS NULL), 0)::bigint,
           min(t.first), _retention_total.last, _retention_total.locked,
           coalesce(sum(etl.row_count(t.contents)) FILTER (WHERE g.constraint_id IS NOT NULL), 0)::bigint,
           (SELECT array_agg(k) FROM unnest(taken) AS m CROSS JOIN LATERAL unnest(m.kept) AS k)
    FROM unnest(going) WITH ORDINALITY AS g (constraint_id, child, part, places, n)
    JOIN unnest(taken) WITH ORDINALITY AS t (contents, bytes, first, last, locked, followed, kept, n) USING (n)
$$;
COMMENT ON FUNCTION etl._retention_total(etl._retention_going[], etl._retention_moved[], bigint, timestamptz) IS
    'What a batch has moved, by what became of each part of it; number and last time of the rows that it has locked.';

CREATE FUNCTION etl._retention_careful_batch(
    policy etl.retention_policy, state etl._retention_state, wanted etl._retention_window)
RETURNS etl._retention_moved
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    batch CONSTANT record := etl._retention_going(policy, state, wanted);
    rows etl._retention_going;
    target regclass;
    taken etl._retention_moved[] := '{}';
BEGIN
    FOREACH rows IN ARRAY batch.going LOOP
        target := CASE WHEN rows.constraint_id IS NULL THEN etl._retention_table_place(policy, state.tier)
                       ELSE etl._follow_target(policy, state.tier, rows) END;
        taken := taken || etl._retention_take(policy, rows, target, wanted);
        IF rows.constraint_id IS NOT NULL THEN
            PERFORM etl._follow_noted(policy, state, rows, target, taken[cardinality(taken)]);
        END IF;
    END LOOP;
    RETURN etl._retention_total(batch.going, taken, batch.locked, batch.last);
END
$$;
COMMENT ON FUNCTION etl._retention_careful_batch(
    etl.retention_policy, etl._retention_state, etl._retention_window) IS
    'A batch that locks its rows first, leaves out what others have locked, and deletes exactly those that it has '
    'locked, and what refers to them before them.';

CREATE FUNCTION etl._retention_batch(
    policy etl.retention_policy, state etl._retention_state, wanted etl._retention_window)
RETURNS etl._retention_moved
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source CONSTANT regclass := etl._retention_source(policy, state.tier);
    target CONSTANT text := etl._retention_place(policy, state.tier);
    waits CONSTANT text := current_setting('lock_timeout');
    moved etl._retention_moved;
BEGIN
    IF state.careful OR wanted.most IS NOT NULL OR etl._retention_needs_care(policy, source) THEN
        moved := etl._retention_careful_batch(policy, state, wanted);
    ELSE
        PERFORM set_config('lock_timeout', ceil(least(extract(epoch FROM policy.lock_timeout) * 1000, 50))::text, true);
        moved := etl._retention_move(policy, source, etl._retention_table_place(policy, state.tier),
                                     wanted.condition || etl._retention_free(policy, state.tier));
        PERFORM set_config('lock_timeout', waits, true);
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE; -- what would only fail at the commit fails here, where it is recorded
    PERFORM etl._retention_require_kept(moved.kept);
    IF etl.row_count(moved.contents) > 0 AND NOT state.dry_run THEN
        PERFORM etl._note_archive(
            policy.name, state.tier::smallint, CASE WHEN target IS NULL THEN 'deleted' ELSE 'archived' END,
            etl._relation_name(source), target, state.run_id, moved.first, moved.last, moved.contents, moved.bytes);
    END IF;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION etl._retention_batch(etl.retention_policy, etl._retention_state, etl._retention_window) IS
    'One batch between tables: moves or deletes the rows of a window that may go, and notes them in the ledger. Raises '
    '55P03 where others have locked some and the batch is not careful.';
