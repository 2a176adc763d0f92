-- One batch of a retention policy: rows are deleted and inserted into the archive in one statement, and hashed on both
-- sides as they pass by (moved_rows_pg.cpp).
--
-- Most batches delete all rows of their window at once. A row that somebody else has locked makes that fail after a
-- moment; then the batch is done with care: it locks those rows of the window that nobody has locked, looks at them
-- again, and deletes exactly these. So are all batches of a table where a deletion could do what is not seen from the
-- rows that it returns: where other tables refer to it, or a trigger or a policy keeps rows back.
--
-- What an INSERT returns is the row as it was stored. Where the archive has triggers that come after that, the rows are
-- read again when all of them have run, the deferred ones too.

CREATE FUNCTION etl._note_row(
    statement bigint, inserted boolean, moment timestamptz, names text[], VARIADIC "values" "any")
RETURNS boolean
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_note_row';
COMMENT ON FUNCTION etl._note_row(bigint, boolean, timestamptz, text[], "any") IS
    'Adds a row to the sums of etl._moved_rows, in whose statement it is called with $1: whether it was inserted or '
    'deleted, its time (of a deleted one; or NULL), the names of its columns, and these or ROW(…) of them. True. 0A000 '
    'where it is called from elsewhere.';

CREATE FUNCTION etl._note_place(statement bigint, part oid, place tid)
RETURNS boolean
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_note_place';
COMMENT ON FUNCTION etl._note_place(bigint, oid, tid) IS
    'Notes where a row was inserted, as etl._note_row notes what it is. True; 0A000 as there.';

CREATE FUNCTION etl._moved_rows(
    statement text,
    part oid,
    places tid[],
    OUT "left" etl.rows_hash,
    OUT kept etl.rows_hash,
    OUT bytes bigint,
    OUT first timestamptz,
    OUT last timestamptz,
    OUT kept_parts oid[],
    OUT kept_places tid[]
)
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_moved_rows';
COMMENT ON FUNCTION etl._moved_rows(text, oid, tid[]) IS
    'Runs a statement, with the role locked, that calls etl._note_row($1, …) for each row; $2 and $3 are the other '
    'arguments. Returns what was deleted, what was inserted, the size, the first and the last time of the former, and '
    'where the latter was put (NULL unless etl._note_place was called).';

-- What triggers do after the row was stored ---------------------------------------------------------------------------

CREATE FUNCTION etl._has_late_triggers(archive regclass)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_trigger AS t JOIN etl._family(archive) AS f ON f = t.tgrelid
        -- AFTER INSERT: neither BEFORE (2) nor INSTEAD OF (64)
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype::integer & 70 = 4)
$$;
COMMENT ON FUNCTION etl._has_late_triggers(regclass) IS
    'Whether a table has triggers that may change rows of it after they have been stored and hashed.';

CREATE FUNCTION etl._note_kept(archive regclass, alias text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN etl._has_late_triggers(archive) THEN
        format(', etl._note_place($1, %1$s.tableoid, %1$s.ctid)', alias) ELSE '' END
$$;
COMMENT ON FUNCTION etl._note_kept(regclass, text) IS
    'What RETURNING has besides of rows that a statement of etl._moved_rows inserts: SQL that notes where they are, if '
    'they are to be read again.';

CREATE TYPE etl._retention_kept AS (
    target regclass,
    columns name[],
    contents etl.rows_hash,
    parts oid[],
    places tid[]
);
COMMENT ON TYPE etl._retention_kept IS
    'Rows that were put into an archive whose triggers may change them after that: what they were, in these columns, '
    'and where.';

CREATE FUNCTION etl._retention_reread(kept etl._retention_kept)
RETURNS etl.rows_hash
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    place record;
    found etl.rows_hash;
    total etl.rows_hash := '0:00000000000000000000000000000000';
BEGIN
    FOR place IN
        SELECT u.part, array_agg(u.place) AS places FROM unnest(kept.parts, kept.places) AS u (part, place) GROUP BY 1
    LOOP
        EXECUTE format('SELECT %s FROM %s AS t WHERE t.tableoid = $1 AND t.ctid = ANY ($2)',
                       etl._rows_hash_of_columns(kept.columns, 't'), kept.target)
            INTO found USING place.part, place.places;
        total := total OPERATOR(etl.+) found;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION etl._retention_reread(etl._retention_kept) IS 'What stands where rows were put into an archive.';

CREATE FUNCTION etl._retention_require_kept(kept etl._retention_kept[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proof etl._retention_kept;
    found etl.rows_hash;
BEGIN
    FOREACH proof IN ARRAY coalesce(kept, '{}') LOOP
        found := etl._retention_reread(proof);
        IF found OPERATOR(etl.<>) proof.contents THEN
            -- A trigger may fill in a column that only the archive has: then the row has moved on to a new version.
            proof.places := ARRAY(
                SELECT currtid2(u.part::regclass::text, u.place)
                FROM unnest(proof.parts, proof.places) WITH ORDINALITY AS u (part, place, n) ORDER BY u.n);
            found := etl._retention_reread(proof);
        END IF;
        IF found OPERATOR(etl.<>) proof.contents THEN
            RAISE EXCEPTION USING
                ERRCODE = 'triggered_action_exception',
                MESSAGE = format('triggers of archive table "%s" change or delete rows that it was given',
                                 proof.target),
                DETAIL = format('Of %s rows that were inserted %s are there as they were. Nothing of this batch was '
                                'deleted.', etl.row_count(proof.contents),
                                CASE WHEN etl.row_count(found) = etl.row_count(proof.contents) THEN 'not all'
                                     ELSE etl.row_count(found)::text END),
                HINT = 'Let the triggers that come AFTER INSERT leave the archived columns as they are.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_require_kept(etl._retention_kept[]) IS
    'Checks, when all triggers have run, that rows stand in the archive as they were inserted (09000).';

-- Moving --------------------------------------------------------------------------------------------------------------

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
                  gone, target, inserted, noted,
                  etl._retention_note(policy, columns, true, target_name) || etl._note_kept(target, target_name));
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
    locked bigint,
    followed bigint,
    kept etl._retention_kept[]
);
COMMENT ON TYPE etl._retention_moved IS
    'What a batch has moved, how many rows it had locked for it (NULL: it locked none before), how many rows of other '
    'tables went along, and what has to be read again.';

CREATE FUNCTION etl._retention_kept_by(
    target regclass, source regclass, contents etl.rows_hash, parts oid[], places tid[])
RETURNS etl._retention_kept[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN places IS NOT NULL THEN
        ARRAY[(target, etl._common_columns(source, target), contents, parts, places)::etl._retention_kept]
    END
$$;
COMMENT ON FUNCTION etl._retention_kept_by(regclass, regclass, etl.rows_hash, oid[], tid[]) IS
    'What has to be read again of rows that were moved from one table to another; NULL where nothing has.';

CREATE FUNCTION etl._retention_refuse_rest(source regclass, gone bigint, due bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'triggered_action_exception',
        MESSAGE = format('table "%s" gave up %s of %s rows that are due', source, gone, due),
        DETAIL = 'A trigger or a row security policy keeps the rest. Nothing of this batch was deleted.',
        HINT = 'Exclude these rows with the filter of the policy, or let the trigger delete them.';
END
$$;
COMMENT ON FUNCTION etl._retention_refuse_rest(regclass, bigint, bigint) IS
    'Raises (09000) that a table keeps rows that are due.';

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
        PERFORM etl._retention_refuse_rest(source, gone, expected);
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
    RETURN (moved."left", moved.bytes, moved.first, moved.last, expected, NULL,
            etl._retention_kept_by(target, source, moved.kept, moved.kept_parts, moved.kept_places)
           )::etl._retention_moved;
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
