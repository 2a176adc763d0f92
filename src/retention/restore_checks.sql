-- What etl.restore_archive looks at before it moves anything: the target, its columns, its keys, and whether what is in
-- the archive is what was moved there.

CREATE TYPE etl._restore AS (
    policy text,
    tier smallint,
    archive_id bigint,
    place text,
    columns name[],
    time_column name,
    time_type regtype,
    filter text,
    alias name,
    first_time timestamptz,
    last_time timestamptz,
    before timestamptz,
    target regclass,
    origin regclass,
    on_conflict text,
    moves boolean
);
COMMENT ON TYPE etl._restore IS
    'Rows that are to be restored from one place (a table or a file) into a target: those from first_time to '
    'last_time, or before a moment, and of the filter, whose alias for the place is given; all of them where they have '
    'no time_column. origin: the table that they were taken from first. moves: they leave the place.';

CREATE TYPE etl._restored AS (
    archive bigint,
    source text,
    target text,
    moved boolean,
    rows bigint,
    skipped bigint,
    updated bigint,
    contents etl.rows_hash
);
COMMENT ON TYPE etl._restored IS 'What etl.restore_archive has done with the rows of one place.';

CREATE FUNCTION etl._restore_condition(asked etl._restore)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(nullif(concat_ws(' AND ',
        -- A row without a time is in no range; but of a file all rows are restored where no range is asked for.
        CASE WHEN NOT etl._is_archive_file((asked).place) OR (asked).first_time IS NOT NULL
                  OR (asked).before IS NOT NULL THEN 'isfinite(' || c.moment || ')' END,
        c.moment || ' >= ' || etl._retention_literal((asked).first_time, (asked).time_type),
        c.moment || ' <= ' || etl._retention_literal((asked).last_time, (asked).time_type),
        c.moment || ' < ' || etl._retention_literal((asked).before, (asked).time_type),
        E'(\n' || (asked).filter || E'\n)'), ''), 'true')
    FROM (SELECT quote_ident((asked).alias) || '.' || quote_ident((asked).time_column) AS moment) AS c
$$;
COMMENT ON FUNCTION etl._restore_condition(etl._restore) IS 'SQL condition of the rows that are to be restored.';

CREATE FUNCTION etl._restore_source(asked etl._restore)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN etl._is_archive_file((asked).place) THEN (
            SELECT etl._archive_rows(a, (asked).alias) FROM etl.archive AS a WHERE a.archive_id = (asked).archive_id)
        ELSE format('%s AS %I', (asked).place, (asked).alias)
    END
$$;
COMMENT ON FUNCTION etl._restore_source(etl._restore) IS
    'The place from which rows are to be restored, as FROM has it.';

CREATE FUNCTION etl._archive_rows(file etl.archive, alias name)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('etl._archive_read(%L, %L, %L::jsonb, %L::bytea) AS %I (%s)', (file).location, (file).format,
                  (file).columns, (file).sha256, alias,
                  (SELECT string_agg(format('%I %s', c.value ->> 'name', c.value ->> 'type'), ', ' ORDER BY c.n)
                          FROM jsonb_array_elements((file).columns) WITH ORDINALITY AS c (value, n)))
$$;
COMMENT ON FUNCTION etl._archive_rows(etl.archive, name) IS 'The rows of an archive''s file, as FROM has them.';

CREATE FUNCTION etl._restore_type(asked etl._restore, column_name name)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- types are stored by name
AS $$
    SELECT coalesce(
        (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
         WHERE a.attrelid = to_regclass(CASE WHEN NOT etl._is_archive_file((asked).place) THEN (asked).place END)
           AND a.attname = column_name AND NOT a.attisdropped),
        (SELECT c.value ->> 'type'
         FROM etl.archive AS s CROSS JOIN LATERAL jsonb_array_elements(s.columns) AS c
         WHERE s.archive_id = (asked).archive_id AND c.value ->> 'name' = column_name))
$$;
COMMENT ON FUNCTION etl._restore_type(etl._restore, name) IS
    'The type of a column of archived rows, as SQL writes it.';

CREATE FUNCTION etl._require_restore_columns(asked etl._restore)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- types are stored by name
AS $$
DECLARE
    missing text;
    first_missing name;
    differing record;
BEGIN
    SELECT string_agg(format('ADD COLUMN %I %s', u.c, etl._restore_type(asked, u.c)), ', ' ORDER BY u.n),
           (array_agg(u.c ORDER BY u.n))[1]
        INTO missing, first_missing
    FROM unnest(asked.columns) WITH ORDINALITY AS u (c, n)
    WHERE u.c <> ALL (etl._columns_there(etl._relation_name(asked.target), asked.columns));
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('table "%s" lacks column "%s" of the archived rows', asked.target, first_missing),
            DETAIL = format('The rows in %s would lose what stands there.', asked.place),
            HINT = format('ALTER TABLE %s %s; or restore into another table.', asked.target, missing);
    END IF;
    SELECT u.c, etl._restore_type(asked, u.c) AS archived, format_type(a.atttypid, a.atttypmod) AS wanted
        INTO differing
    FROM unnest(asked.columns) WITH ORDINALITY AS u (c, n)
    JOIN pg_attribute AS a ON a.attrelid = asked.target AND a.attname = u.c AND NOT a.attisdropped
    WHERE etl._restore_type(asked, u.c) NOT IN (format_type(a.atttypid, a.atttypmod), format_type(a.atttypid, NULL))
      AND a.attgenerated = ''
    ORDER BY u.n
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" is of type %s in the archived rows and of type %s in table "%s"', differing.c,
                             differing.archived, differing.wanted, asked.target),
            DETAIL = CASE WHEN to_regtype(differing.archived) IS NULL
                              THEN format('There is no type %s any more: it was renamed or dropped.',
                                          differing.archived)
                          ELSE 'A conversion could change what was archived.' END,
            HINT = CASE WHEN to_regtype(differing.archived) IS NULL
                            THEN 'ALTER TYPE … RENAME TO … gives a type that was renamed its old name back, until the '
                                 'rows are restored; otherwise create it again, and restore into another table with a '
                                 'column of that type.'
                        ELSE format('Restore into another table, whose column %I is of type %s, and copy from there.',
                                    differing.c, differing.archived) END;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_restore_columns(etl._restore) IS
    'Checks that a table has the columns of archived rows (42703, with the ALTER TABLE that adds them), in their types '
    '(42804).';

CREATE FUNCTION etl._plain_keys(target regclass)
RETURNS SETOF oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.indexrelid::oid
    FROM pg_index AS i
    WHERE i.indrelid = target AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
      AND i.indexprs IS NULL
    ORDER BY i.indisprimary DESC, i.indexrelid
$$;
COMMENT ON FUNCTION etl._plain_keys(regclass) IS
    'The unique indexes of a table that are made of columns, hold for all rows and are checked at once; the primary '
    'key first.';

CREATE FUNCTION etl._require_restore_target(target regclass, on_conflict text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF on_conflict IS NULL OR on_conflict NOT IN ('error', 'skip', 'update') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('on_conflict must be error, skip or update, not %s',
                             coalesce(quote_literal(on_conflict), 'NULL')),
            HINT = 'error: a row whose key is in the table already stops the call; skip: it stays in the archive; '
                   'update: it replaces the row in the table.';
    END IF;
    PERFORM etl._require_table(target, CASE WHEN on_conflict = 'update' THEN ARRAY['SELECT', 'INSERT', 'UPDATE']
                                            ELSE ARRAY['SELECT', 'INSERT'] END);
    IF on_conflict = 'update' AND NOT EXISTS (SELECT FROM etl._plain_keys(target)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('table "%s" has no key by which rows could be updated', target),
            HINT = 'Give it a primary key, or leave on_conflict out.';
    ELSIF on_conflict = 'update' AND etl._is_archive_table(etl._relation_name(target)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('rows of archive table "%s" must not be updated', target),
            DETAIL = 'What it holds would not be what was moved there.',
            HINT = 'Leave on_conflict out, or use ''skip''.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_restore_target(regclass, text) IS
    'Checks the conflict rule (22023) and that rows may be written to the table (42809, 42501).';

CREATE FUNCTION etl._range_balance(place text, first_time timestamptz, before timestamptz)
RETURNS etl.rows_hash
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN NOT bool_or(m.straddles) THEN
        etl.merge(m.contents) FILTER (WHERE m.within AND m.location = place)
            OPERATOR(etl.-) etl.merge(m.contents) FILTER (WHERE m.within AND m.source = place)
    END
    FROM (
        SELECT a.contents, a.location, a.source,
               t.first >= coalesce(first_time, '-infinity') AND t.last < coalesce(before, 'infinity') AS within,
               (t.first < first_time OR t.last >= before)
                   AND t.last >= coalesce(first_time, '-infinity') AND t.first < coalesce(before, 'infinity')
                   AS straddles
        FROM etl.archive AS a
        CROSS JOIN LATERAL (SELECT coalesce(a.first_time, '-infinity'), coalesce(a.last_time, 'infinity'))
            AS t (first, last)
        WHERE place IN (a.location, a.source) AND a.happened_at IS NOT NULL AND a.rows > 0
    ) AS m
$$;
COMMENT ON FUNCTION etl._range_balance(text, timestamptz, timestamptz) IS
    'What must lie in an archive table within a range of time, as far as the ledger tells: NULL where a movement lies '
    'partly within it.';

CREATE FUNCTION etl._refuse_archive(place text, verified etl._verified)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'data_corrupted',
        MESSAGE = format('archive %s does not hold the rows that were moved there', place),
        DETAIL = format('%s Found %s, expected %s. Nothing was restored.', etl._verification_problem(verified),
                        coalesce(verified.found::text, 'nothing'), verified.expected),
        HINT = 'SELECT * FROM etl.verify_archive() says which archives are as they were. What is there can be read '
               'and copied with SQL.';
END
$$;
COMMENT ON FUNCTION etl._refuse_archive(text, etl._verified) IS 'Raises XX001: an archive is not what it was.';

CREATE FUNCTION etl._require_proven_range(asked etl._restore, there etl.rows_hash)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    verified etl._verified;
BEGIN
    IF there OPERATOR(etl.=) etl._range_balance(asked.place, asked.first_time, asked.before) THEN
        RETURN;
    END IF;
    verified := etl._verify_table(asked.place);
    IF NOT etl._is_verified(verified) THEN
        PERFORM etl._refuse_archive(asked.place, verified);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_proven_range(etl._restore, etl.rows_hash) IS
    'Checks that the rows of a range in an archive table are those that were moved there: by the movements that lie '
    'within it, else by the whole table. XX001 where they are not.';

CREATE FUNCTION etl._require_whole_archive(asked etl._restore, there etl.rows_hash)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expected etl.rows_hash := (SELECT a.contents FROM etl.archive AS a WHERE a.archive_id = asked.archive_id);
    verified etl._verified;
BEGIN
    IF there OPERATOR(etl.=) expected THEN
        RETURN;
    END IF;
    verified := etl._verify_table(asked.place);
    IF NOT etl._is_verified(verified) THEN
        PERFORM etl._refuse_archive(asked.place, verified);
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'object_not_in_prerequisite_state',
        MESSAGE = format('archive %s cannot be told from others in table %s', asked.archive_id, asked.place),
        DETAIL = format('%s there are %s rows, of which the archive brought %s; others came in, or some went out '
                        'again.',
                        coalesce('From ' || asked.first_time || ' to ' || asked.last_time, 'In all'),
                        etl.row_count(there), etl.row_count(expected)),
        HINT = CASE
            WHEN asked.time_column IS NULL THEN 'Copy those that are wanted out of the table with SQL.'
            ELSE format('SELECT * FROM etl.restore_archive(%L, %L, %L) restores all that lie in that time.',
                        asked.policy, asked.first_time, asked.last_time + interval '1 microsecond') END;
END
$$;
COMMENT ON FUNCTION etl._require_whole_archive(etl._restore, etl.rows_hash) IS
    'Checks that the rows found are those of one archive: XX001 where the archive table is not what it was, 55000 '
    'where other rows lie there in the same time.';
