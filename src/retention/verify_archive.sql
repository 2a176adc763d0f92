-- What is in the archives against what the ledger says: etl.verify_archive.

CREATE FUNCTION etl._is_archive_table(place text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT etl._is_archive_file(place) AND EXISTS (
        SELECT FROM etl.archive AS a WHERE a.location = place AND a.action IN ('archived', 'opening'))
$$;
COMMENT ON FUNCTION etl._is_archive_table(text) IS 'Whether a table is one that policies of the role archive to.';

CREATE FUNCTION etl._archive_columns(place text)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT c.value ->> 'name'
        FROM (
            SELECT a.columns, min(a.archive_id) AS since FROM etl.archive AS a
            WHERE place IN (a.source, a.location) AND a.columns IS NOT NULL
              AND a.owner = coalesce((SELECT etl._archive_keeper(etl._named(place))), a.owner)
            GROUP BY a.columns
        ) AS lists
        CROSS JOIN LATERAL jsonb_array_elements(lists.columns) AS c
        GROUP BY c.value ->> 'name'
        ORDER BY min(lists.since), c.value ->> 'name')
$$;
COMMENT ON FUNCTION etl._archive_columns(text) IS
    'The columns of an archive table that the hashes of its rows are made of: those of all rows that were moved there. '
    'What the table has besides is not archived.';

CREATE FUNCTION etl._columns_there(place text, columns name[])
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT u.c FROM unnest(columns) WITH ORDINALITY AS u (c, n)
        JOIN pg_attribute AS a ON a.attrelid = to_regclass(place) AND a.attname = u.c AND a.attnum > 0
                              AND NOT a.attisdropped
        ORDER BY u.n)
$$;
COMMENT ON FUNCTION etl._columns_there(text, name[]) IS 'Those of the columns that a table has.';

CREATE FUNCTION etl._ledger_columns(relation regclass)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN etl._is_archive_table(t.name)
                THEN ARRAY(SELECT c FROM unnest(t.columns) WITH ORDINALITY AS u (c, n)
                           WHERE c = ANY ((SELECT etl._archive_columns(t.name))::name[]) ORDER BY n)
                ELSE t.columns END
    FROM (SELECT etl._relation_name(relation) AS name, etl._columns_of(relation) AS columns) AS t
$$;
COMMENT ON FUNCTION etl._ledger_columns(regclass) IS
    'The columns of a table that the ledger hashes when rows leave it: all of them, but of an archive those that came '
    'with the rows, so that what goes out is counted as it came in.';

CREATE TYPE etl._verified AS (found etl.rows_hash, expected etl.rows_hash, problem text);
COMMENT ON TYPE etl._verified IS 'What was found in an archive, what should be there, and what else is wrong.';

CREATE FUNCTION etl._unreadable_archive(place text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation CONSTANT regclass := etl._named(place);
    other regclass;
BEGIN
    IF relation IS NULL THEN
        RETURN 'The table does not exist.';
    ELSIF etl._archive_keeper(relation) <> current_user AND NOT (
        SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles AS r WHERE r.rolname = current_user
    ) THEN
        RETURN format('The table is an archive of role "%s", which alone knows what must lie in it.',
                      etl._archive_keeper(relation));
    ELSIF NOT has_table_privilege(relation, 'SELECT') THEN
        RETURN format('Role "%s" may not read the table.', current_user);
    END IF;
    -- What is no table may run what its owner has written, with the rights of whoever reads it.
    IF etl._relation_kind(relation) IN ('table', 'partitioned table') THEN
        EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', relation); -- it stays what it is
    END IF;
    SELECT f INTO other FROM etl._family(relation) AS f
    WHERE etl._relation_kind(f) NOT IN ('table', 'partitioned table') ORDER BY f <> relation, f LIMIT 1;
    RETURN CASE WHEN etl._named(place) <> relation OR other = relation THEN
                    format('It is a %s and no table any more.', etl._relation_kind(etl._named(place)))
                WHEN other IS NOT NULL THEN format('Part "%s" of it is a %s.', other, etl._relation_kind(other)) END;
END
$$;
COMMENT ON FUNCTION etl._unreadable_archive(text) IS
    'Why an archive table cannot be verified: it is not there, not the role''s, or no table; NULL where it can be, and '
    'is then locked so that it remains a table.';

CREATE FUNCTION etl._verify_table(place text)
RETURNS etl._verified
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns CONSTANT name[] := etl._archive_columns(place);
    there CONSTANT name[] := etl._columns_there(place, columns);
    gone CONSTANT text := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(columns) AS c WHERE c <> ALL (there));
    verified etl._verified;
BEGIN
    verified.problem := etl._unreadable_archive(place);
    IF verified.problem IS NOT NULL THEN
        verified.expected := etl._archive_balance(place);
        RETURN verified;
    END IF;
    -- In one statement, so that both are of one moment while a run moves rows.
    SELECT l.found, l.expected INTO STRICT verified.found, verified.expected
    FROM etl._locked_rows(format(
        'SELECT %s, (SELECT etl._archive_balance(%L)) FROM %s AS t', etl._rows_hash_of_columns(there, 't'), place,
        place)) AS l (found etl.rows_hash, expected etl.rows_hash);
    IF verified.found OPERATOR(etl.<>) verified.expected THEN
        verified.problem := concat_ws(' ',
            CASE WHEN gone IS NOT NULL THEN format('Column %s, which archived rows had, is gone.', gone) END,
            CASE WHEN row_security_active(to_regclass(place)) THEN
                format('Row security may hide rows from role "%s".', current_user)
            END);
    END IF;
    RETURN verified;
END
$$;
COMMENT ON FUNCTION etl._verify_table(text) IS
    'What is in an archive table, and what should be: the balance of the ledger, both as of one moment.';

CREATE FUNCTION etl._verify_file(file etl.archive)
RETURNS etl._verified
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    there record;
    verified etl._verified;
BEGIN
    verified.expected := file.contents;
    IF file.status IN ('removing', 'removed') THEN
        verified.problem := 'The file was removed.';
        RETURN verified;
    ELSIF file.happened_at IS NULL THEN
        verified.problem := 'The file was not finished: its rows are where they were.';
        RETURN verified;
    END IF;
    PERFORM etl._require_archive_access(false);
    BEGIN
        SELECT c.* INTO STRICT there FROM etl._archive_check(file.location, file.format, file.columns) AS c;
    EXCEPTION
        WHEN insufficient_privilege OR out_of_memory OR program_limit_exceeded THEN
            RAISE;
        WHEN OTHERS THEN
            verified.problem := etl._as_sentence(SQLERRM)
                || CASE WHEN SQLSTATE IN ('22P02', '42704') -- invalid_text_representation, undefined_object
                        THEN ' What was renamed since, a type or a label of it, has to get its old name back first.'
                        ELSE '' END;
            RETURN verified;
    END;
    verified.found := there.contents;
    IF there.sha256 <> file.sha256 THEN
        verified.problem := format('The file is not the one that was written: its sha256 is %s, not %s.',
                                   encode(there.sha256, 'hex'), encode(file.sha256, 'hex'));
    END IF;
    RETURN verified;
END
$$;
COMMENT ON FUNCTION etl._verify_file(etl.archive) IS
    'What is in the file of an archive when it is read again, and what should be. A file that is missing, cut or '
    'changed is a problem and no error.';

CREATE FUNCTION etl._is_verified(verified etl._verified)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((verified).found OPERATOR(etl.=) (verified).expected, false) AND (verified).problem IS NULL
$$;
COMMENT ON FUNCTION etl._is_verified(etl._verified) IS 'Whether what was found is what should be there.';

CREATE FUNCTION etl._verification_problem(verified etl._verified)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(concat_ws(' ',
        CASE
            WHEN etl.row_count((verified).found) <> etl.row_count((verified).expected) THEN
                format('There are %s rows instead of %s.', etl.row_count((verified).found),
                       etl.row_count((verified).expected))
            WHEN (verified).found OPERATOR(etl.<>) (verified).expected THEN
                format('There are %s rows, but not those that were archived.', etl.row_count((verified).found))
        END, nullif((verified).problem, '')), '')
$$;
COMMENT ON FUNCTION etl._verification_problem(etl._verified) IS
    'In words, how what was found differs from what should be there; NULL where it does not.';

CREATE FUNCTION etl._require_archive(archive_id bigint)
RETURNS etl.archive
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.archive;
BEGIN
    SELECT a.* INTO stored FROM etl.archive AS a WHERE a.archive_id = _require_archive.archive_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('archive %s does not exist', coalesce(archive_id::text, 'NULL')),
            HINT = 'SELECT archive_id, policy, location, status FROM etl.archives lists those of the current role.';
    END IF;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._require_archive(bigint) IS 'The archive with that number (42704 when there is none).';

CREATE FUNCTION etl._verify_place(place text)
RETURNS etl._verified
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    file etl.archive;
BEGIN
    IF etl._is_archive_file(place) THEN
        SELECT a.* INTO file FROM etl.archive AS a
        WHERE a.location = place AND a.action = 'archived' ORDER BY a.archive_id DESC LIMIT 1;
        RETURN etl._verify_file(file);
    ELSIF etl._is_archive_table(place) THEN
        RETURN etl._verify_table(place);
    END IF;
    RETURN ROW(NULL::etl.rows_hash, NULL::etl.rows_hash,
               'The rows were deleted for good: there is no archive of them.');
EXCEPTION
    WHEN insufficient_privilege OR out_of_memory OR program_limit_exceeded THEN
        IF file IS NULL THEN
            RAISE;
        END IF;
        PERFORM etl._require_archive_access(false); -- which is no matter of this file
        RETURN ROW(NULL::etl.rows_hash, file.contents, etl._as_sentence(SQLERRM));
END
$$;
COMMENT ON FUNCTION etl._verify_place(text) IS
    'What is in a table or file, and what should be. A file that cannot be read is a problem and no error, so that the '
    'others are told of as well.';

CREATE FUNCTION etl.verify_archive(
    archive_id bigint DEFAULT NULL,
    OUT archive bigint, OUT location text, OUT ok boolean, OUT found etl.rows_hash, OUT expected etl.rows_hash,
    OUT problem text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.archive, p.place, etl._is_verified(v), v.found, v.expected, etl._verification_problem(v)
    FROM (
        SELECT r.archive_id AS archive,
               CASE WHEN r.action IN ('archived', 'opening') THEN r.location ELSE r.source END AS place
        FROM etl._require_archive(verify_archive.archive_id) AS r
        WHERE verify_archive.archive_id IS NOT NULL
        UNION ALL
        SELECT min(a.archive_id), a.location FROM etl.archive AS a
        WHERE verify_archive.archive_id IS NULL AND a.action IN ('archived', 'opening') AND a.status = 'kept'
        GROUP BY a.location
    ) AS p
    CROSS JOIN LATERAL etl._verify_place(p.place) AS v
    ORDER BY p.archive
$$;
COMMENT ON FUNCTION etl.verify_archive(bigint) IS
    'Reads archives again and compares what is there with what was moved there: one row for the table or file in '
    'which an archive of etl.archives lies, or for each of the role''s where none is given (superuser: all). ok: '
    'found and expected are the same rows (etl.rows_hash: a row that was changed, lost or added changes it). Of a '
    'table, all rows are expected that came in and did not go out again, in any run; so its archives are verified '
    'together, in the columns that the archived table had. A file is read from disk, and its sha256 compared as well. '
    'problem says in words what is wrong; a table or file that is missing or cannot be read is a problem and no '
    'error, and so is what is no table any more, which is not read. Rows are expected as '
    'they were archived: an UPDATE, DELETE or INSERT by hand, and a column that was renamed or given another type '
    'since, are found. Errors: 42704 no such archive, 42501 no right to read the server''s files.';
