-- How etl.restore_archive moves and copies: one statement for each place, with the hashes of what left and what arrived.

CREATE FUNCTION etl._conflicts_of(asked etl._restore, alias text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(format('EXISTS (SELECT FROM %s AS %s WHERE %s)', (asked).target, there.alias,
                                      etl._same_key(k, there.alias, _conflicts_of.alias)), ' OR '), 'false')
    FROM etl._alias_beside((asked).alias::text, 'etl_target') AS there(alias)
    CROSS JOIN etl._plain_keys((asked).target) AS k
$$;
COMMENT ON FUNCTION etl._conflicts_of(etl._restore, text) IS
    'Condition that the key of a row, by any of the target''s, is in the target already.';

CREATE FUNCTION etl._restore_taken(asked etl._restore)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._restore_condition(asked)
        || CASE WHEN (asked).on_conflict = 'skip'
               THEN format(' AND NOT (%s)', etl._conflicts_of(asked, quote_ident((asked).alias))) ELSE '' END
$$;
COMMENT ON FUNCTION etl._restore_taken(etl._restore) IS
    'SQL condition of the rows that are restored. Conflict rule skip: without those whose key is in the target.';

CREATE FUNCTION etl._restore_taking(asked etl._restore)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    condition CONSTANT text := etl._restore_taken(asked);
    list CONSTANT text := (SELECT string_agg(format('%I.%I', asked.alias, c), ', ' ORDER BY n)
                           FROM unnest(asked.columns) WITH ORDINALITY AS u (c, n));
BEGIN
    IF asked.moves AND NOT etl._is_archive_file(asked.place) THEN
        RETURN format('DELETE FROM %s WHERE %s RETURNING %s', etl._restore_source(asked), condition, list);
    END IF;
    RETURN format('SELECT %s FROM %s WHERE %s', list, etl._restore_source(asked), condition);
END
$$;
COMMENT ON FUNCTION etl._restore_taking(etl._restore) IS
    'SQL that returns the rows to restore: a DELETE where they leave a table.';

CREATE FUNCTION etl._restore_storing(asked etl._restore)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored name[] := ARRAY(
        SELECT u.c FROM unnest(asked.columns) WITH ORDINALITY AS u (c, n)
        JOIN pg_attribute AS a ON a.attrelid = asked.target AND a.attname = u.c AND NOT a.attisdropped
        WHERE a.attgenerated = '' ORDER BY u.n);
    list text := etl._column_list(stored);
    key oid := (SELECT k FROM etl._plain_keys(asked.target) AS k LIMIT 1);
    rule text := '';
BEGIN
    IF asked.on_conflict = 'update' THEN
        rule := format(' ON CONFLICT (%s) DO UPDATE SET %s',
            (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
             FROM pg_index AS i JOIN pg_attribute AS a
               ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
             WHERE i.indexrelid = key),
            (SELECT string_agg(format('%1$I = excluded.%1$I', u.c), ', ' ORDER BY u.n)
             FROM unnest(stored) WITH ORDINALITY AS u (c, n)
             JOIN pg_attribute AS a ON a.attrelid = asked.target AND a.attname = u.c AND a.attidentity <> 'a'));
    END IF;
    RETURN format('INSERT INTO %s AS etl_target (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM etl_taken%s RETURNING %s',
                  asked.target, list, rule,
                  (SELECT string_agg(format('etl_target.%I', c), ', ' ORDER BY n)
                   FROM unnest(asked.columns) WITH ORDINALITY AS u (c, n)));
END
$$;
COMMENT ON FUNCTION etl._restore_storing(etl._restore) IS
    'SQL that stores the rows of etl_taken in the target, by the conflict rule, and returns what is stored.';

CREATE FUNCTION etl._restore_bound(asked etl._restore, aggregate text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN (asked).time_column IS NULL THEN aggregate || '(NULL::timestamptz)'
        ELSE etl._retention_moment(format('%s(etl_taken.%I)', aggregate, (asked).time_column), (asked).time_type)
    END
$$;
COMMENT ON FUNCTION etl._restore_bound(etl._restore, text) IS
    'SQL of the first (min) or last (max) time of the rows that are taken; NULL where they have no time column.';

CREATE FUNCTION etl._restore_command(asked etl._restore)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        E'WITH etl_taken AS %s (\n%s\n), etl_stored AS (\n%s\n)\nSELECT (SELECT %s FROM etl_taken),'
        ' (SELECT %s FROM etl_stored), (SELECT %s FROM etl_taken), (SELECT %s FROM etl_taken), %s',
        CASE WHEN NOT (asked).moves OR etl._is_archive_file((asked).place) THEN 'MATERIALIZED' ELSE '' END,
        etl._restore_taking(asked), etl._restore_storing(asked),
        etl._rows_hash_of_columns((asked).columns, 'etl_taken'),
        etl._rows_hash_of_columns((asked).columns, 'etl_stored'),
        etl._restore_bound(asked, 'min'), etl._restore_bound(asked, 'max'),
        CASE WHEN (asked).on_conflict = 'update' THEN
            format('(SELECT count(*) FROM etl_taken WHERE EXISTS (SELECT FROM %s AS etl_target WHERE %s))',
                   (asked).target, (SELECT etl._same_key(k, 'etl_target', 'etl_taken')
                                    FROM etl._plain_keys((asked).target) AS k LIMIT 1))
        ELSE '0::bigint' END)
$$;
COMMENT ON FUNCTION etl._restore_command(etl._restore) IS
    'The statement that restores rows: returns the hashes of what was taken and of what is stored now, the times of '
    'the first and the last, and how many rows of the target they have replaced.';

CREATE FUNCTION etl._restore_rows(asked etl._restore, OUT taken etl.rows_hash, OUT first timestamptz,
                                  OUT last timestamptz, OUT updated bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.rows_hash;
    message text;
    detail text;
    state text;
BEGIN
    SELECT l.taken, l.stored, l.first, l.last, l.updated INTO STRICT taken, stored, first, last, updated
    FROM etl._locked_changes(etl._restore_command(asked)) AS l (
        taken etl.rows_hash, stored etl.rows_hash, first timestamptz, last timestamptz, updated bigint);
    IF taken OPERATOR(etl.<>) stored THEN
        RAISE EXCEPTION USING
            ERRCODE = 'triggered_action_exception',
            MESSAGE = format('table "%s" did not store the archived rows as they are', asked.target),
            DETAIL = format('Of %s rows %s were stored (%s instead of %s): a trigger, a rule, or the expression of a '
                            'generated column changes them. Nothing was restored.', etl.row_count(taken),
                            etl.row_count(stored), stored, taken),
            HINT = 'Restore into another table, made by CREATE TABLE … (LIKE …), and copy from there.';
    END IF;
EXCEPTION
    WHEN unique_violation OR exclusion_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, state = RETURNED_SQLSTATE;
        RAISE EXCEPTION USING
            ERRCODE = state,
            MESSAGE = format('rows of archive %s are in table "%s" already: %s', asked.place, asked.target, message),
            DETAIL = detail,
            HINT = CASE asked.on_conflict
                WHEN 'update' THEN 'Only rows with the same primary key are replaced. Change or remove the row that '
                                   'has the other key, or restore into another table.'
                ELSE 'on_conflict => ''skip'' leaves rows whose key is there in the archive, ''update'' lets them '
                     'replace those in the table.' END;
    WHEN not_null_violation OR check_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, state = RETURNED_SQLSTATE;
        RAISE EXCEPTION USING
            ERRCODE = state,
            MESSAGE = format('table "%s" does not take the rows of archive %s: %s', asked.target, asked.place, message),
            DETAIL = detail,
            HINT = 'They are older than this constraint of the table. Restore into another table, made by CREATE TABLE '
                   '… (LIKE …) without it, and copy from there.';
    WHEN foreign_key_violation THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            MESSAGE = format('rows of archive %s refer to rows that are not there: %s', asked.place, message),
            DETAIL = detail,
            HINT = coalesce(
                (SELECT format('They left with those of archive %1$s, which SELECT * FROM etl.restore_archive(%1$s) '
                               'restores.', a.follows)
                 FROM etl.archive AS a WHERE a.archive_id = asked.archive_id AND a.follows IS NOT NULL),
                'Restore first what they refer to, or restore into another table.');
END
$$;
COMMENT ON FUNCTION etl._restore_rows(etl._restore) IS
    'Restores rows of one place and proves that the target has stored what was taken (09000). 23505 where a key is in '
    'the target already, 23502 and 23514 where a constraint of it is younger than the rows.';

CREATE FUNCTION etl._restore_count(asked etl._restore, condition text)
RETURNS etl.rows_hash
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.found
    FROM etl._locked_rows(format('SELECT %s FROM %s WHERE %s',
                                 etl._rows_hash_of_columns((asked).columns, (asked).alias), etl._restore_source(asked),
                                 condition)) AS l (found etl.rows_hash)
$$;
COMMENT ON FUNCTION etl._restore_count(etl._restore, text) IS 'The rows of a place for which a condition is true.';

CREATE FUNCTION etl._restore_skipped(asked etl._restore)
RETURNS etl.rows_hash
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN (asked).on_conflict = 'skip' THEN
            etl._restore_count(asked, format('%s AND (%s)', etl._restore_condition(asked),
                                             etl._conflicts_of(asked, quote_ident((asked).alias))))
        ELSE '0:00000000000000000000000000000000'
    END
$$;
COMMENT ON FUNCTION etl._restore_skipped(etl._restore) IS
    'The rows that the conflict rule leaves where they are, before anything is restored.';

CREATE FUNCTION etl._refuse_held(rows bigint, place text, hint text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rows > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format(CASE rows WHEN 1 THEN '%s row in %s is under a legal hold'
                                       ELSE '%s rows in %s are under a legal hold' END, rows, place),
            DETAIL = 'A held row is neither moved nor changed. Nothing was restored.',
            HINT = hint || ' SELECT * FROM etl.legal_holds; lists the holds.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._refuse_held(bigint, text, text) IS
    'Raises (55000) where rows that would be moved or changed are under a legal hold.';

CREATE FUNCTION etl._require_no_hold(asked etl._restore)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    leaving CONSTANT text := CASE
        WHEN NOT asked.moves THEN NULL
        WHEN NOT etl._is_archive_file(asked.place)
            THEN etl._held_condition(asked.place::regclass, asked.alias::text, asked.origin)
        WHEN asked.origin IS NOT NULL
            THEN etl._held_condition(asked.origin, asked.alias::text, asked.origin, are_there => false) END;
    there CONSTANT text := etl._alias_beside(asked.alias::text, 'etl_target');
    replaced CONSTANT text := CASE
        WHEN asked.on_conflict = 'update' THEN etl._held_condition(asked.target, there) END;
BEGIN
    IF leaving IS NOT NULL THEN
        PERFORM etl._refuse_held(
            etl.row_count(etl._restore_count(asked, format('%s AND %s', etl._restore_taken(asked), leaving))),
            asked.place, 'Restore into another table, which copies.');
    END IF;
    IF replaced IS NOT NULL THEN
        PERFORM etl._refuse_held(
            etl._locked_value(format(
                'SELECT count(*) FROM %s AS %s WHERE %s AND EXISTS (SELECT FROM %s WHERE %s AND %s)',
                asked.target, there, replaced, etl._restore_source(asked), etl._restore_taken(asked),
                etl._same_key((SELECT k FROM etl._plain_keys(asked.target) AS k LIMIT 1), there,
                              quote_ident(asked.alias))), NULL::bigint),
            format('table "%s"', asked.target), 'Use on_conflict => ''skip'', or restore into another table.');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_no_hold(etl._restore) IS
    'Checks that no row which would leave its archive, or be replaced in the target, is under a legal hold (55000). '
    'The caller keeps holds from being placed meanwhile.';

CREATE FUNCTION etl._require_taken(asked etl._restore, taken etl.rows_hash, expected etl.rows_hash)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF taken OPERATOR(etl.=) expected THEN
        RETURN;
    ELSIF etl._is_archive_file(asked.place) THEN
        PERFORM etl._refuse_archive(asked.place, ROW(taken, expected, NULL));
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'triggered_action_exception',
        MESSAGE = format('archive %s gave up %s of %s rows', asked.place, etl.row_count(taken),
                         etl.row_count(expected)),
        DETAIL = 'A trigger, a rule or a row security policy of the archive table keeps the rest. '
                 'Nothing was restored.',
        HINT = 'Let a role restore that may delete from the archive table, or copy into another table.';
END
$$;
COMMENT ON FUNCTION etl._require_taken(etl._restore, etl.rows_hash, etl.rows_hash) IS
    'Checks that all rows that were found have been taken: XX001 for a file, 09000 for a table that kept some back.';
