-- The archive of a retention policy: found, checked against the hot table, made where it is missing.

CREATE FUNCTION etl._retention_archive_name(relation regclass, archive_to text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the name is stored
AS $$
DECLARE
    parts text[];
    target text := regexp_replace(archive_to, '^table:', '');
BEGIN
    IF archive_to IS NULL THEN
        RETURN NULL;
    ELSIF target ~ '^[a-z0-9]+:' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('archive target "%s" is not supported', archive_to),
            HINT = 'Name a table, as in ''archive.orders''.';
    END IF;
    BEGIN
        parts := parse_ident(target);
    EXCEPTION
        WHEN invalid_parameter_value THEN
            parts := NULL;
    END;
    IF parts IS NULL OR cardinality(parts) > 2 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive_to "%s" is not the name of a table', archive_to),
            HINT = 'Write it as in SQL: orders_archive (in the schema of the table itself) or archive.orders.';
    ELSIF cardinality(parts) = 1 THEN
        parts := ARRAY[(SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                        WHERE c.oid = relation), parts[1]];
    END IF;
    RETURN format('%I.%I', parts[1], parts[2]);
END
$$;
COMMENT ON FUNCTION etl._retention_archive_name(regclass, text) IS
    'Qualified and quoted name of the archive table that archive_to means: a bare name lies in the schema of the table '
    'that is archived. NULL for NULL.';

CREATE FUNCTION etl._retention_check_archive(policy etl.retention_policy)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    privileges text[] := ARRAY['INSERT'];
    relation regclass := policy.relation;
    archive regclass := policy.archive_to;
    problem text;
BEGIN
    IF policy.archive_keep IS NOT NULL THEN
        privileges := ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
    END IF;
    PERFORM etl._require_table(archive, privileges);
    PERFORM etl._require_permanent(archive);
    IF policy.archive_keep IS NOT NULL THEN
        PERFORM etl._require_no_foreign_children(archive);
    END IF;
    WITH RECURSIVE family(parent, member) AS (
        SELECT i.inhparent, i.inhrelid FROM pg_inherits AS i
        WHERE i.inhparent IN (relation, archive)
        UNION
        SELECT f.parent, i.inhrelid FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.member
    ), chain(target) AS (
        SELECT policy.archive_to
        UNION
        SELECT p.archive_to FROM chain AS c JOIN etl.retention_policy AS p ON p.relation = c.target
        WHERE p.archive_to IS NOT NULL
    )
    SELECT CASE
               WHEN archive = relation THEN 'table "%1$s" cannot be its own archive'
               WHEN (relation, archive) IN (SELECT f.parent, f.member FROM family AS f) THEN
                   'archive table "%2$s" is a part of table "%1$s"'
               WHEN (archive, relation) IN (SELECT f.parent, f.member FROM family AS f) THEN
                   'table "%1$s" is a part of archive table "%2$s"'
               WHEN EXISTS (SELECT FROM chain AS c WHERE c.target = policy.relation) THEN
                   'archive table "%2$s" is archived into table "%1$s" by other policies'
           END
        INTO problem;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format(problem, relation, archive),
            HINT = 'Name another table in archive_to; where it is missing it is created.';
    END IF;
    PERFORM etl._retention_columns(relation, archive);
END
$$;
COMMENT ON FUNCTION etl._retention_check_archive(etl.retention_policy) IS
    'Checks that a policy''s archive can take its rows: a table other than its own (22023) that is not temporary '
    '(42809), with the privileges (42501) and the columns (42703, 42804).';

CREATE FUNCTION etl._retention_check_sharing(policy etl.retention_policy)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other etl.retention_policy;
BEGIN
    SELECT p.* INTO other
    FROM etl.retention_policy AS p
    WHERE p.archive_to = policy.archive_to
      AND (p.relation <> policy.relation
           OR (p.filter IS NULL OR policy.filter IS NULL)
              AND (p.archive_keep, p.time_column) IS DISTINCT FROM (policy.archive_keep, policy.time_column))
    ORDER BY p.policy_id
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    ELSIF other.relation <> policy.relation THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive table "%s" belongs to retention policy "%s" of table "%s"', policy.archive_to,
                             other.name, other.relation),
            DETAIL = 'The archive_keep of one policy would delete the rows of the other table.',
            HINT = 'Name another table in archive_to; where it is missing it is created.';
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('retention policy "%s" keeps the rows of archive table "%s" for another time', other.name,
                         policy.archive_to),
        DETAIL = format('There it is %s by column "%s", here %s by column "%s", and nothing tells their rows apart.',
                        coalesce(other.archive_keep::text, 'for ever'), other.time_column,
                        coalesce(policy.archive_keep::text, 'for ever'), policy.time_column),
        HINT = 'Give the same archive_keep and time_column, another archive_to, or both policies a filter.';
END
$$;
COMMENT ON FUNCTION etl._retention_check_sharing(etl.retention_policy) IS
    'Checks that no other policy of the role deletes from the archive what this one keeps there, or the other way '
    'round (22023): an archive is that of one table, and policies that share it agree how long or have filters.';

CREATE FUNCTION etl._retention_make_archive(relation regclass, time_column name, archive text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Values only: what was generated or numbered in the table stands in the archive as it was.
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING COMMENTS INCLUDING COMPRESSION INCLUDING STORAGE)', archive,
                   relation);
    EXECUTE format('CREATE INDEX ON %s (%I)', archive, time_column);
    EXECUTE format('COMMENT ON TABLE %s IS %L', archive, format('Rows that retention took out of %s.', relation));
    RAISE NOTICE USING MESSAGE = format('archive table "%s" was created', archive);
END
$$;
COMMENT ON FUNCTION etl._retention_make_archive(regclass, name, text) IS
    'Creates an archive table with the columns of the table, and an index on its time column.';

CREATE FUNCTION etl._retention_warn(relation regclass, time_column name)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reference record;
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_am AS m ON m.oid = c.relam
        WHERE i.indrelid = relation AND a.attname = time_column AND i.indisvalid AND i.indpred IS NULL
          AND m.amname = 'btree'
    ) THEN
        RAISE WARNING USING
            MESSAGE = format('table "%s" has no index on column "%s", so every batch reads the whole table', relation,
                             time_column),
            HINT = format('CREATE INDEX ON %s (%I);', relation, time_column);
    END IF;
    FOR reference IN SELECT c.name, c.child, c.action FROM etl._cascades(relation) AS c LOOP
        RAISE WARNING USING
            MESSAGE = format('a run fails where due rows of table "%s" are referenced from table "%s"', relation,
                             reference.child),
            DETAIL = format('Foreign key "%s" would %s with them, and nobody archives these.', reference.name,
                            reference.action),
            HINT = format('Let a policy of "%s" that runs before take its rows out first.', reference.child);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_warn(regclass, name) IS
    'Warns of what makes a policy on a table slow (no index on its time column) or may stop it (foreign keys that '
    'cascade).';
