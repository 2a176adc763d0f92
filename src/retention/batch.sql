-- One batch of a retention policy: rows are deleted and inserted into the archive in one statement, and hashed on both
-- sides as they pass by (moved_rows_pg.cpp).
--
-- Most batches delete all rows of their window at once. A row that somebody else has locked makes that fail after a
-- moment; then the batch is done with care: it locks those rows of the window that nobody has locked, looks at them
-- again, and deletes exactly these. So are all batches of a table where a deletion could do what is not seen from the
-- rows that it returns: where other tables refer to it, or a trigger or a policy keeps rows back.

CREATE FUNCTION etl._note_row(
    statement bigint, inserted boolean, moment timestamptz, names text[], VARIADIC "values" "any")
RETURNS boolean
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_note_row';
COMMENT ON FUNCTION etl._note_row(bigint, boolean, timestamptz, text[], "any") IS
    'Adds a row to the sums of etl._moved_rows, in whose statement it is called with $1: whether it was inserted or '
    'deleted, its time (of a deleted one; or NULL), the names of its columns, and these or ROW(…) of them. True. 0A000 '
    'where it is called from elsewhere.';

CREATE FUNCTION etl._moved_rows(
    statement text,
    part oid,
    places tid[],
    OUT "left" etl.rows_hash,
    OUT kept etl.rows_hash,
    OUT bytes bigint,
    OUT first timestamptz,
    OUT last timestamptz
)
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_moved_rows';
COMMENT ON FUNCTION etl._moved_rows(text, oid, tid[]) IS
    'Runs a statement, with the role locked, that calls etl._note_row($1, …) for each row; $2 and $3 are the other '
    'arguments. Returns what was deleted, what was inserted, and the size, the first and the last time of the former.';

CREATE FUNCTION etl._retention_note(
    policy etl.retention_policy, columns name[], inserted boolean, alias text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        CASE WHEN cardinality(columns) BETWEEN 1 AND 95 THEN 'etl._note_row($1, %L, %s, %L::text[], %s)'
             ELSE 'etl._note_row($1, %L, %s, %L::text[], ROW(%s))' END,
        inserted,
        CASE WHEN inserted THEN 'NULL'
             ELSE etl._retention_moment(policy, format('%s.%I', alias, (policy).time_column)) END,
        columns::text[],
        (SELECT string_agg(format('%s.%I', alias, c), ', ' ORDER BY n)
         FROM unnest(columns) WITH ORDINALITY AS u (c, n)))
$$;
COMMENT ON FUNCTION etl._retention_note(etl.retention_policy, name[], boolean, text) IS
    'SQL that notes a row, of which a query has these columns under an alias.';

CREATE FUNCTION etl._retention_statement(policy etl.retention_policy, source regclass, target regclass, condition text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
    columns CONSTANT name[] := etl._ledger_columns(source);
    gone CONSTANT text := format(
        'WITH etl_gone AS (DELETE FROM %s AS %I WHERE %s RETURNING %s)', source, alias, condition,
        etl._columns_of(etl._columns_of(source), quote_ident(alias)));
    noted CONSTANT text := etl._retention_note(policy, columns, false, 'etl_gone');
    target_name CONSTANT text := (SELECT quote_ident(c.relname) FROM pg_class AS c WHERE c.oid = target);
    inserted text;
BEGIN
    IF target IS NULL THEN
        RETURN format('%s SELECT FROM etl_gone WHERE %s', gone, noted);
    END IF;
    inserted := etl._retention_columns(source, target);
    RETURN format('%s INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %3$s FROM etl_gone WHERE %4$s RETURNING %5$s',
                  gone, target, inserted, noted, etl._retention_note(policy, columns, true, target_name));
END
$$;
COMMENT ON FUNCTION etl._retention_statement(etl.retention_policy, regclass, regclass, text) IS
    'The statement for etl._moved_rows that deletes the rows of a condition from one table and inserts them into '
    'another, where one is given.';

CREATE TYPE etl._retention_moved AS (
    contents etl.rows_hash,
    bytes bigint,
    first timestamptz,
    last timestamptz,
    locked bigint
);
COMMENT ON TYPE etl._retention_moved IS
    'What a batch has moved, and how many rows it had locked for it (NULL: it locked none before).';

CREATE FUNCTION etl._retention_move(
    policy etl.retention_policy, source regclass, target regclass, condition text,
    part oid DEFAULT NULL, places tid[] DEFAULT NULL)
RETURNS etl._retention_moved
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- the planner takes thousands of places for reason enough to read the whole table
SET jit = off
SET pg_etl.erasing = on -- rollups of the table may outlive its rows
AS $$
DECLARE
    moved record;
    expected CONSTANT bigint := cardinality(places);
    gone bigint;
    came bigint;
BEGIN
    SELECT m.* INTO moved
    FROM etl._moved_rows(etl._retention_statement(policy, source, target, condition), part, places) AS m;
    gone := etl.row_count(moved."left");
    came := etl.row_count(moved.kept);
    IF gone <> expected THEN
        RAISE EXCEPTION USING
            ERRCODE = 'triggered_action_exception',
            MESSAGE = format('table "%s" gave up %s of %s rows that are due', source, gone, expected),
            DETAIL = 'A trigger or a row security policy keeps the rest. Nothing of this batch was deleted.',
            HINT = 'Exclude these rows with the filter of the policy, or let the trigger delete them.';
    ELSIF target IS NOT NULL AND came <> gone THEN
        RAISE EXCEPTION USING
            ERRCODE = 'triggered_action_exception',
            MESSAGE = format('archive table "%s" took %s of %s rows', target, came, gone),
            DETAIL = 'A trigger on it swallows the rest. Nothing of this batch was deleted.',
            HINT = 'Let the trigger insert every row.';
    ELSIF target IS NOT NULL AND moved.kept OPERATOR(etl.<>) moved."left" THEN
        RAISE EXCEPTION USING
            ERRCODE = 'triggered_action_exception',
            MESSAGE = format('archive table "%s" does not keep the rows of table "%s" as they are', target, source),
            DETAIL = format('Of %s rows the hashes are %s in the table and %s in the archive: a trigger or a generated '
                            'column changes values. Nothing of this batch was deleted.', gone, moved."left",
                            moved.kept),
            HINT = 'Let the trigger leave the rows as they are, and the column be an ordinary one.';
    END IF;
    RETURN (moved."left", moved.bytes, moved.first, moved.last, expected);
END
$$;
COMMENT ON FUNCTION etl._retention_move(etl.retention_policy, regclass, regclass, text, oid, tid[]) IS
    'Deletes the rows of a condition and inserts them into the target where there is one, in one statement, as rows '
    'that are erased (pg_etl.erasing). Raises 09000 unless what was inserted is what was deleted and, where places are '
    'given ($2 and $3 of the condition), a row was deleted at each.';

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

CREATE FUNCTION etl._retention_still_free(
    policy etl.retention_policy, source regclass, tier integer, part oid, places tid[])
RETURNS tid[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    free tid[];
BEGIN
    IF etl._retention_referenced(policy, tier) IS NULL THEN
        RETURN places;
    END IF;
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
SET jit = off
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
BEGIN
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

CREATE FUNCTION etl._retention_careful_batch(
    policy etl.retention_policy, state etl._retention_state, wanted etl._retention_window)
RETURNS etl._retention_moved
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
    source CONSTANT regclass := etl._retention_source(policy, state.tier);
    target CONSTANT regclass := etl._retention_table_place(policy, state.tier);
    part record;
    batch etl._retention_moved;
    total etl._retention_moved;
BEGIN
    total.contents := '0:00000000000000000000000000000000';
    total.bytes := 0;
    total.locked := 0;
    FOR part IN SELECT * FROM etl._retention_locked_places(policy, state, wanted) LOOP
        total.locked := total.locked + cardinality(part.places);
        total.last := greatest(total.last, part.last);
        IF policy.follow_references THEN
            part.places := etl._follow_references(policy, state.tier, state.run_id, part.part, part.places);
        END IF;
        part.places := etl._retention_still_free(policy, source, state.tier, part.part, part.places);
        -- The condition of the window, which these rows meet, spares the planner the partitions of other times.
        batch := etl._retention_move(policy, source, target,
                                     format('%1$I.tableoid = $2 AND %1$I.ctid = ANY ($3) AND %2$s', alias,
                                            wanted.condition), part.part, part.places);
        total.contents := total.contents OPERATOR(etl.+) batch.contents;
        total.bytes := total.bytes + batch.bytes;
        total.first := least(total.first, batch.first);
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._retention_careful_batch(
    etl.retention_policy, etl._retention_state, etl._retention_window) IS
    'A batch that locks its rows first, leaves out what others have locked, and deletes exactly those that it has '
    'locked.';

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
