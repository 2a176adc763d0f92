-- How rows of a retention policy are moved: in one statement, which deletes them and inserts them into the archive, and
-- hashes them on both sides as they pass by (moved_rows_pg.cpp).
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
