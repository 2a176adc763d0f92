-- The archive tables of a retention policy: checked against the table whose rows they take, made where they are
-- missing, and given the columns that the table has got.

CREATE FUNCTION etl._retention_missing_columns(source regclass, target regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(
        format('ADD COLUMN %I %s', s.attname, format_type(s.atttypid, s.atttypmod))
        || CASE WHEN s.attcollation <> t.typcollation THEN ' COLLATE ' || s.attcollation::regcollation ELSE '' END,
        ', ' ORDER BY s.attnum)
    FROM pg_attribute AS s
    JOIN pg_type AS t ON t.oid = s.atttypid
    WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped
      AND NOT EXISTS (
          SELECT FROM pg_attribute AS a
          WHERE a.attrelid = target AND a.attname = s.attname AND a.attnum > 0 AND NOT a.attisdropped
      )
$$;
COMMENT ON FUNCTION etl._retention_missing_columns(regclass, regclass) IS
    'What ALTER TABLE has to add to an archive table so that it has all columns of a table; NULL where it has them.';

CREATE FUNCTION etl._retention_columns(source regclass, archive regclass)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text := etl._retention_missing_columns(source, archive);
    differing record;
    has_rows CONSTANT boolean := EXISTS (
        SELECT FROM etl.archive AS a WHERE a.location = etl._relation_name(archive) AND a.rows > 0);
BEGIN
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('archive table "%s" lacks column "%s" of table "%s"', archive, (
                                 SELECT s.attname FROM pg_attribute AS s
                                 WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped
                                   AND s.attname NOT IN (SELECT a.attname FROM pg_attribute AS a
                                                         WHERE a.attrelid = archive AND NOT a.attisdropped)
                                 ORDER BY s.attnum LIMIT 1), source),
            DETAIL = 'Its rows would lose what stands there.',
            HINT = format('ALTER TABLE %s %s;', archive, missing);
    END IF;
    SELECT s.attname, format_type(s.atttypid, s.atttypmod) AS wanted, format_type(a.atttypid, a.atttypmod) AS found,
           '{text,varchar}'::regtype[] @> ARRAY[s.atttypid::regtype, a.atttypid] AS are_texts
        INTO differing
    FROM pg_attribute AS s
    JOIN pg_attribute AS a ON a.attrelid = archive AND a.attname = s.attname AND NOT a.attisdropped
    WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped
      AND (a.atttypid <> s.atttypid OR a.atttypmod NOT IN (s.atttypmod, -1))
    ORDER BY s.attnum
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" is of type %s in archive table "%s" and of type %s in table "%s"',
                             differing.attname, differing.found, archive, differing.wanted, source),
            DETAIL = 'A conversion could change what is archived.',
            HINT = CASE WHEN has_rows AND NOT differing.are_texts THEN
                            format('The rows that it has are proven with values of type %s: leave it as it is. Call '
                                   'etl.remove_retention_policy(…), and etl.add_retention_policy(…) with another '
                                   'archive_to.', differing.found)
                        ELSE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s;', archive, differing.attname,
                                    differing.wanted) END;
    END IF;
    RETURN (
        SELECT string_agg(quote_ident(s.attname), ', ' ORDER BY s.attnum)
        FROM pg_attribute AS s
        JOIN pg_attribute AS a ON a.attrelid = archive AND a.attname = s.attname AND NOT a.attisdropped
        -- An archive column that computes itself is left to do so.
        WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped AND a.attgenerated = ''
    );
END
$$;
COMMENT ON FUNCTION etl._retention_columns(regclass, regclass) IS
    'Columns to carry from a table to its archive, quoted and separated by commas, after checking that the archive has '
    'each of them (42703) in the same type (42804); the hints are the ALTER TABLE that mends it, unless that would '
    'change the hashes of what is archived.';

CREATE FUNCTION etl._retention_evolve(policy etl.retention_policy, source regclass, target regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text := etl._retention_missing_columns(source, target);
BEGIN
    IF missing IS NULL OR NOT policy.evolve THEN
        RETURN; -- without leave etl._retention_columns says what to do
    END IF;
    PERFORM etl._require_table(target, '{}');
    EXECUTE format('ALTER TABLE %s %s', target, missing);
    RAISE NOTICE USING MESSAGE = format('archive table "%s" was changed: %s', target, missing);
    PERFORM etl._audit('evolve archive', etl._relation_name(target),
                       jsonb_build_object('policy', policy.name, 'alter_table', missing));
END
$$;
COMMENT ON FUNCTION etl._retention_evolve(etl.retention_policy, regclass, regclass) IS
    'Adds to an archive table the columns that the table has got since, as plain columns that may be NULL, where the '
    'policy says so (42501 when the archive is another role''s).';

CREATE FUNCTION etl._retention_require_fillable(source regclass, archive regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    needed name;
BEGIN
    SELECT a.attname INTO needed
    FROM pg_attribute AS a
    WHERE a.attrelid = archive AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
      AND NOT EXISTS (SELECT FROM pg_attribute AS s
                      WHERE s.attrelid = source AND s.attname = a.attname AND s.attnum > 0 AND NOT s.attisdropped)
    ORDER BY a.attnum
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'not_null_violation',
            MESSAGE = format('archive table "%s" needs a value in column "%s", which table "%s" does not have', archive,
                             needed, source),
            HINT = format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL; or give it a default.', archive, needed);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_require_fillable(regclass, regclass) IS
    'Raises (23502) when no row of the table fits the archive, because that has a column more which must not be NULL.';

CREATE FUNCTION etl._retention_require_durable(archive regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fleeting regclass;
BEGIN
    PERFORM etl._require_permanent(archive), etl._require_no_foreign_children(archive);
    SELECT c.oid INTO fleeting FROM pg_class AS c
    WHERE c.oid IN (SELECT etl._family(archive)) AND c.relpersistence = 'u' ORDER BY c.oid LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('archive table "%s" is not logged', fleeting),
            DETAIL = 'A crash of the server empties it.',
            HINT = format('ALTER TABLE %s SET LOGGED;', fleeting);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_require_durable(regclass) IS
    'Raises (42809) when rows of an archive could get lost: it is temporary or not logged, or a part of it is a '
    'foreign table, which does not commit together with this database.';

CREATE FUNCTION etl._retention_check_archive(source regclass, archive regclass, is_emptied boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_table(archive, CASE
        WHEN is_emptied THEN ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] ELSE ARRAY['SELECT', 'INSERT'] END);
    PERFORM etl._retention_require_durable(archive);
    PERFORM etl._require_no_rule(archive, '3', 'Let a trigger do what it does, or');
    IF is_emptied THEN
        PERFORM etl._retention_check_relation(archive, true);
    END IF;
    PERFORM etl._retention_columns(source, archive), etl._retention_require_fillable(source, archive);
END
$$;
COMMENT ON FUNCTION etl._retention_check_archive(regclass, regclass, boolean) IS
    'Checks that an archive can take the rows of a table: it is a table that keeps them (42809) and has no rule on '
    'INSERT (0A000), with the privileges (42501), the columns (42703, 42804) and no more that must be filled (23502). '
    'The last argument says whether a later tier takes rows out of it.';

CREATE FUNCTION etl._retention_make_archive(relation regclass, time_column name, archive text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    schema name := (parse_ident(archive))[1];
BEGIN
    IF NOT has_schema_privilege(schema, 'CREATE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('archive table "%s" does not exist, and role "%s" may not create it', archive,
                             current_user),
            HINT = format('GRANT CREATE ON SCHEMA %I TO %I; or create the table like "%s".', schema, current_user,
                          relation);
    ELSIF to_regtype(archive) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('archive table "%s" cannot be created: a type has that name', archive),
            HINT = 'Name another table.';
    END IF;
    -- Values only: what was generated or numbered in the table stands in the archive as it was.
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING COMMENTS INCLUDING COMPRESSION INCLUDING STORAGE)', archive,
                   relation);
    EXECUTE format('CREATE INDEX ON %s (%I)', archive, time_column);
    EXECUTE format('COMMENT ON TABLE %s IS %L', archive, format('Rows that retention took out of %s.', relation));
    RAISE NOTICE USING MESSAGE = format('archive table "%s" was created', archive);
END
$$;
COMMENT ON FUNCTION etl._retention_make_archive(regclass, name, text) IS
    'Creates an archive table with the columns of the table, and an index on its time column (42501 where the role may '
    'not).';
