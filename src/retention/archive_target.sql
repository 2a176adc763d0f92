-- What archive_to may say: a table, a schema, or a directory for files. It is stored in one form, whatever way it was
-- written: "schema"."table", schema:"name" (quoted where they must be), or file:///directory.

CREATE FUNCTION etl._retention_identifiers(name text, most integer)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[];
BEGIN
    parts := parse_ident(name);
    IF cardinality(parts) <= most AND NOT EXISTS (SELECT FROM unnest(parts) AS p WHERE octet_length(p) > 63) THEN
        RETURN parts;
    END IF;
    RETURN NULL;
EXCEPTION
    WHEN invalid_parameter_value THEN
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._retention_identifiers(text, integer) IS
    'The parts of a name as SQL reads it; NULL when it is no name, one part is longer than 63 bytes, or it has more '
    'parts than the last argument.';

CREATE FUNCTION etl._retention_require_schema(schema name, archive_to text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF schema IN ('pg_catalog', 'information_schema', 'pg_toast') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive_to "%s" lies in schema "%s", which belongs to PostgreSQL itself', archive_to,
                             schema),
            HINT = 'Name a schema of your own.';
    ELSIF schema = 'etl' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive_to "%s" lies in schema "etl", which belongs to pg_etl itself', archive_to),
            DETAIL = 'DROP EXTENSION pg_etl would drop it.',
            HINT = 'Name a schema of your own.';
    ELSIF schema LIKE 'pg\_temp%' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('archive_to "%s" is temporary', archive_to),
            DETAIL = 'It ends with this session, and no other session can see it.',
            HINT = 'Name a table that is not temporary.';
    ELSIF NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = schema) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_schema_name',
            MESSAGE = format('schema "%s" of archive_to "%s" does not exist', schema, archive_to),
            HINT = format('CREATE SCHEMA %I;', schema);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_require_schema(name, text) IS
    'Checks that the schema of an archive exists (3F000), is not temporary (42809) and neither PostgreSQL''s nor '
    'pg_etl''s own (22023).';

CREATE FUNCTION etl._retention_table_target(relation regclass, target text, archive_to text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the name is stored
AS $$
DECLARE
    parts text[] := etl._retention_identifiers(target, 2);
BEGIN
    IF parts IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive_to "%s" is not the name of a table', archive_to),
            HINT = 'Write it as in SQL: orders_archive (in the schema of the table itself) or archive.orders.';
    ELSIF cardinality(parts) = 1 THEN
        parts := ARRAY[(SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                        WHERE c.oid = relation), parts[1]];
    END IF;
    PERFORM etl._retention_require_schema(parts[1]::name, archive_to);
    RETURN format('%I.%I', parts[1], parts[2]);
END
$$;
COMMENT ON FUNCTION etl._retention_table_target(regclass, text, text) IS
    'Qualified and quoted name of the table that archive_to means: a bare name lies in the schema of the table that is '
    'archived (22023 when it is no name).';

CREATE FUNCTION etl._retention_schema_target(target text, archive_to text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the name is stored
AS $$
DECLARE
    parts text[] := etl._retention_identifiers(target, 1);
BEGIN
    IF parts IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive_to "%s" is not the name of a schema', archive_to),
            HINT = 'Write it as in SQL: schema:archive.';
    END IF;
    PERFORM etl._retention_require_schema(parts[1]::name, archive_to);
    RETURN 'schema:' || quote_ident(parts[1]);
END
$$;
COMMENT ON FUNCTION etl._retention_schema_target(text, text) IS
    'A schema as a target, in the form that is stored (22023 when it is no name, 3F000 when there is none).';

CREATE FUNCTION etl._require_archive_folder(location text)
RETURNS void
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'etl_require_archive_folder';
COMMENT ON FUNCTION etl._require_archive_folder(text) IS
    'Checks that a directory for archive files (file:///…) can be opened, where it is there: 42809 it or one above it '
    'is a link or no directory, 42501 no access, or not below pg_etl.archive_directory.';
REVOKE EXECUTE ON FUNCTION etl._require_archive_folder(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION etl._require_archive_folder(text) TO pg_write_server_files;

CREATE FUNCTION etl._retention_file_target(target text, archive_to text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    path text := rtrim(substr(target, 3), '/');
    root text := rtrim(coalesce(current_setting('pg_etl.archive_directory', true), ''), '/');
    problem text := CASE
        WHEN target !~ '^///' THEN 'names no absolute directory of this server'
        WHEN target ~ '[[:cntrl:]%?#\\]' THEN 'has a character that is not plain in a path'
        WHEN path ~ '/\.{0,2}(/|$)' OR path = '' THEN 'has a part that is empty, "." or ".."'
        WHEN octet_length(path) > 900 OR EXISTS (
            SELECT FROM unnest(string_to_array(path, '/')) AS part WHERE octet_length(part) > 255) THEN 'is too long'
    END;
BEGIN
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive_to "%s" %s', left(archive_to, 200), problem),
            HINT = 'Write it as file:///directory, with an absolute path of at most 900 bytes and plain characters.';
    ELSIF root = '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('archive_to "%s" needs the setting pg_etl.archive_directory, which is empty', archive_to),
            DETAIL = 'Files are only written below the directory that it names.',
            HINT = format('A superuser sets it: ALTER DATABASE %I SET pg_etl.archive_directory = ''/…''; sessions that '
                          'begin after that have it.', current_database());
    ELSIF path <> root AND NOT starts_with(path, root || '/') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('archive_to "%s" is not below the archive directory "%s"', archive_to, root),
            HINT = format('Name file://%s or a directory below it.', root);
    END IF;
    PERFORM etl._require_archive_access(true), etl._require_archive_access(false);
    PERFORM etl._require_archive_folder('file://' || path); -- which needs these rights
    RETURN 'file://' || path;
END
$$;
COMMENT ON FUNCTION etl._retention_file_target(text, text) IS
    'A directory as a target, in the form that is stored: absolute and plain (22023), below pg_etl.archive_directory '
    '(55000 when that is not set, 42501 when it is elsewhere, or the role may not write and read files on the server).';

CREATE FUNCTION etl._retention_target(relation regclass, archive_to text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- No name of a table has a colon outside of quotes.
    scheme text := lower(substring(archive_to FROM '^\s*([A-Za-z][A-Za-z0-9+.-]*):'));
    target text := regexp_replace(archive_to, '^\s*[A-Za-z][A-Za-z0-9+.-]*:', '');
BEGIN
    RETURN CASE
        WHEN archive_to IS NULL THEN NULL
        WHEN scheme IS NULL OR scheme = 'table' THEN etl._retention_table_target(relation, target, archive_to)
        WHEN scheme = 'schema' THEN etl._retention_schema_target(target, archive_to)
        WHEN scheme = 'file' THEN etl._retention_file_target(target, archive_to)
        ELSE etl._retention_refuse_target(archive_to)
    END;
END
$$;
COMMENT ON FUNCTION etl._retention_target(regclass, text) IS
    'archive_to in the form that is stored, after checking what it says; NULL for NULL. Errors: 22023 not a name or '
    'path, 3F000 no such schema, 0A000 another kind of target, and for files 55000 and 42501.';

CREATE FUNCTION etl._retention_refuse_target(archive_to text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'feature_not_supported',
        MESSAGE = format('archive target "%s" is not supported', archive_to),
        HINT = 'Name a table, as in ''archive.orders'', a schema, as in ''schema:archive'', or a directory of the '
               'server, as in ''file:///var/archive''.';
END
$$;
COMMENT ON FUNCTION etl._retention_refuse_target(text) IS 'Raises that there is no such kind of archive (0A000).';

CREATE FUNCTION etl._retention_format(archive_to text, format text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF archive_to NOT LIKE 'file:%' OR archive_to IS NULL THEN
        IF format IS NULL THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('format "%s" is given for %s, which is no directory', format,
                             coalesce(quote_literal(archive_to), 'a tier that deletes')),
            HINT = 'Leave format out, or give archive_to => ''file:///…''.';
    ELSIF lower(format) !~ '^(ndjson|csv)(\.gz|\.zst)?$' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown format "%s" for files', left(format, 80)),
            HINT = 'Give ''ndjson'' or ''csv'', compressed with ''.gz'' or ''.zst'' at its end; the default is '
                   '''ndjson.zst''.';
    END IF;
    RETURN coalesce(lower(format), 'ndjson.zst');
END
$$;
COMMENT ON FUNCTION etl._retention_format(text, text) IS
    'The format of a tier''s files, ndjson.zst unless another is given; NULL where rows do not go to files (22023 when '
    'one is given there, or it is unknown).';
