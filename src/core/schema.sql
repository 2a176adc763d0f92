-- The ground that every room stands on: the schema, the version, and the checks that public functions call first.

CREATE SCHEMA etl;
COMMENT ON SCHEMA etl IS
    'pg_etl: validation, deduplication, features, rollups, retention and pipelines inside the database.';
GRANT USAGE ON SCHEMA etl TO PUBLIC;

CREATE FUNCTION etl.version()
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_version';
COMMENT ON FUNCTION etl.version() IS
    'Version of the pg_etl library that is loaded, such as ''0.1.0''. It differs from the version of the extension '
    'when the library was upgraded and ALTER EXTENSION pg_etl UPDATE was not run yet.';

CREATE FUNCTION etl._relation_kind(relation regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE c.relkind
               WHEN 'r' THEN 'table'
               WHEN 'p' THEN 'partitioned table'
               WHEN 'v' THEN 'view'
               WHEN 'm' THEN 'materialized view'
               WHEN 'f' THEN 'foreign table'
               WHEN 'S' THEN 'sequence'
               WHEN 'i' THEN 'index'
               WHEN 'I' THEN 'partitioned index'
               WHEN 'c' THEN 'composite type'
               WHEN 't' THEN 'TOAST table'
           END
    FROM pg_class AS c
    WHERE c.oid = relation
$$;
COMMENT ON FUNCTION etl._relation_kind(regclass) IS
    'The kind of a relation in words, such as ''view''; NULL when there is no such relation any more.';

CREATE FUNCTION etl._relation_name(relation regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
    SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = relation
$$;
COMMENT ON FUNCTION etl._relation_name(regclass) IS
    'Name under which a relation is stored: with its schema, and quoted where it must be, whatever the settings of the '
    'session are. NULL when there is no such relation any more.';

CREATE FUNCTION etl._named(relation text)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.oid::regclass
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN parse_ident(relation) AS i(name)
    WHERE n.nspname = i.name[1] AND c.relname = i.name[2]
$$;
COMMENT ON FUNCTION etl._named(text) IS
    'The relation that has a stored name, as etl._relation_name gives it, also in a schema that the role may not use; '
    'NULL where there is none.';

CREATE FUNCTION etl._require_table(relation regclass, privileges text[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind text := etl._relation_kind(relation);
    missing text;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no table was given',
            HINT = 'Name an existing table, as in ''public.orders''.';
    ELSIF kind IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table with OID %s does not exist', relation::oid),
            HINT = 'It may have been dropped; name an existing table, as in ''public.orders''.';
    ELSIF kind NOT IN ('table', 'partitioned table') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('"%s" is %s %s, not a table', relation, CASE WHEN kind ~ '^[aeiou]' THEN 'an' ELSE 'a' END,
                             kind),
            HINT = 'Name an ordinary or a partitioned table.';
    END IF;
    SELECT string_agg(wanted, ', ') INTO missing
    FROM unnest(privileges) AS wanted
    WHERE NOT has_table_privilege(relation, wanted);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for table "%s"', relation),
            DETAIL = format('The call needs %s; role "%s" lacks %s.', array_to_string(privileges, ', '), current_user,
                            missing),
            HINT = format('GRANT %s ON %s TO %I;', missing, relation, current_user);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_table(regclass, text[]) IS
    'Checks that a relation is an ordinary or partitioned table (42809, or 42P01 when it is gone) on which the current '
    'role has every given privilege (42501).';

CREATE FUNCTION etl._require_column(relation regclass, column_name name)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
    ) THEN
        RETURN;
    END IF;
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
    IF column_name IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('no column of table "%s" was given', relation),
            DETAIL = format('The table has columns %s.', columns),
            HINT = 'Name one of its columns.';
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'undefined_column',
        MESSAGE = format('column "%s" of table "%s" does not exist', column_name, relation),
        DETAIL = format('The table has columns %s.', columns),
        HINT = 'Name one of these columns.';
END
$$;
COMMENT ON FUNCTION etl._require_column(regclass, name) IS
    'Checks that a table has a column (42703, the detail lists those it has).';

CREATE FUNCTION etl._require_positive(value interval, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A month has no fixed number of days: only where no part is negative is the whole sure to reach back.
    IF value > interval '0' AND isfinite(value) AND 0 <= least(
        extract(year FROM value), extract(month FROM value), extract(day FROM value),
        extract(hour FROM value), extract(minute FROM value), extract(second FROM value)
    ) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = CASE
                      WHEN value IS NULL THEN format('%s must not be NULL', argument)
                      WHEN value > interval '0' AND isfinite(value) THEN
                          format('%s must have no negative part, not "%s"', argument, value)
                      ELSE format('%s must be longer than zero, not "%s"', argument, value)
                  END,
        HINT = 'Give a positive interval, such as ''90 days''.';
END
$$;
COMMENT ON FUNCTION etl._require_positive(interval, text) IS
    'Checks that an interval is there, longer than zero and finite, and that neither its months nor its days nor its '
    'time are negative (22023); the second argument names it in the error.';

CREATE FUNCTION etl._require_moment(value timestamptz, argument text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF isfinite(value) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('%s must be a point in time, not %s', argument, coalesce(quote_literal(value), 'NULL')),
        HINT = 'Give a finite timestamp, or leave the argument out, which means now.';
END
$$;
COMMENT ON FUNCTION etl._require_moment(timestamptz, text) IS
    'Checks that a timestamp is there and finite (22023); the second argument names it in the error.';

CREATE FUNCTION etl._require_name(value text, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF octet_length(value) BETWEEN 1 AND 63 AND value !~ '[[:cntrl:]]' AND value = btrim(value) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = CASE
                      WHEN value IS NULL THEN format('%s must not be NULL', argument)
                      ELSE format('%s is not a valid name: "%s"', argument, left(value, 80))
                  END,
        HINT = 'A name has 1 to 63 bytes, no control characters, and neither begins nor ends with a space.';
END
$$;
COMMENT ON FUNCTION etl._require_name(text, text) IS
    'Checks a name that a user gives to a policy, pipeline or step (22023); the second argument says what is named.';

CREATE FUNCTION etl._require_owner(owner name, object text, or_superuser boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF owner = current_user
       OR or_superuser AND (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'insufficient_privilege',
        MESSAGE = format('%s belongs to role "%s"', object, owner),
        DETAIL = format('It acts with the rights of its owner, and the current role is "%s".', current_user),
        HINT = format('SET ROLE %I; and call again.', owner);
END
$$;
COMMENT ON FUNCTION etl._require_owner(name, text, boolean) IS
    'Checks that the current role owns what it is about to run or change (42501): not even a superuser does it for '
    'another, because the other''s SQL would run with the superuser''s rights. or_superuser: a superuser may, as it '
    'may remove what another role left behind.';

CREATE FUNCTION etl._lock_role()
RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_lock_role';
COMMENT ON FUNCTION etl._lock_role() IS
    'Forbids SET ROLE, SET SESSION AUTHORIZATION and their RESET to the end of the transaction, or until a '
    'subtransaction in which it was called rolls back. Called before SQL text that was stored earlier is executed: '
    'that acts as the current role and must not become the one that logged in.';

CREATE FUNCTION etl._plan_condition(relation regclass, condition text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alias name := (SELECT c.relname FROM pg_class AS c WHERE c.oid = relation);
    probe refcursor;
BEGIN
    PERFORM etl._lock_role(); -- planning executes functions that are immutable
    -- A cursor takes one query only, and planning it reads no row. Inside parentheses and inside brackets, so
    -- that the text is one expression and none that closes them early.
    OPEN probe FOR EXECUTE format(E'SELECT FROM %s AS %I WHERE (\n%s\n)', relation, alias, condition);
    CLOSE probe;
    OPEN probe FOR EXECUTE format(E'SELECT ARRAY[\n%s\n]::boolean[] FROM %s AS %I', condition, relation, alias);
    CLOSE probe;
    RAISE EXCEPTION USING ERRCODE = 'ETLOK', MESSAGE = 'the condition can be planned';
EXCEPTION
    WHEN SQLSTATE 'ETLOK' THEN
        NULL; -- rolled back, which unlocks the role
END
$$;
COMMENT ON FUNCTION etl._plan_condition(regclass, text) IS
    'Plans a condition over a table, and leaves nothing behind. Raises what PostgreSQL has against it.';

CREATE FUNCTION etl._require_condition(relation regclass, condition text, argument text DEFAULT 'where_sql')
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reason text;
BEGIN
    PERFORM etl._plan_condition(relation, condition);
EXCEPTION
    WHEN invalid_cursor_definition THEN
        RAISE EXCEPTION USING
            ERRCODE = 'syntax_error',
            MESSAGE = format('%s "%s" is more than one condition', argument, condition),
            HINT = format('Give one expression over the columns of "%s", as it would stand after WHERE.', relation);
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('%s "%s" is no condition on table "%s": %s', argument, condition, relation, reason),
            HINT = 'Give one expression as it would stand after WHERE; functions and types outside pg_catalog need '
                   'their schema.';
END
$$;
COMMENT ON FUNCTION etl._require_condition(regclass, text, text) IS
    'Raises unless the text is one condition over the rows of the relation, under the SQLSTATE of PostgreSQL''s own '
    'complaint. Plans it and reads nothing. The last argument names it in the error.';

CREATE FUNCTION etl._count_of(number bigint, noun text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s %s%s', number, noun, CASE WHEN number <> 1 THEN 's' END)
$$;
COMMENT ON FUNCTION etl._count_of(bigint, text) IS 'So many of something, as 1 row or 2 rows.';

CREATE FUNCTION etl._require_flag(value bool, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must not be NULL', argument),
            HINT = 'Give true or false, or leave it out.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_flag(bool, text) IS
    'Checks that a yes-or-no argument is there (22023); the second argument names it in the error.';

CREATE FUNCTION etl._require_one_of(value text, known text[], argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR value <> ALL (known) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s cannot be %s', argument, coalesce(quote_literal(value), 'NULL')),
            HINT = format('Give one of %s.', (SELECT string_agg(quote_literal(k), ', ') FROM unnest(known) AS k));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_one_of(text, text[], text) IS
    'Checks that a word is one of those that are known (22023); the last argument names it in the error.';

CREATE FUNCTION etl._require_keys_of(document jsonb, known text[], what text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF jsonb_typeof(document) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must be a JSON object, not %s', what, coalesce(left(document::text, 80), 'NULL')),
            HINT = format('Its members may be %s.', array_to_string(known, ', '));
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys(document) AS k WHERE k <> ALL (known) ORDER BY k LIMIT 1;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s has an unknown member "%s"', what, unknown),
            HINT = format('Its members may be %s.', array_to_string(known, ', '));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_keys_of(jsonb, text[], text) IS
    'Raises (22023) unless the document is a JSON object whose members all have known names.';

CREATE FUNCTION etl._column_list(columns name[])
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%I', name), ', ' ORDER BY position)
    FROM unnest(columns) WITH ORDINALITY AS c(name, position)
$$;
COMMENT ON FUNCTION etl._column_list(name[]) IS 'Quoted column names with commas between them.';

CREATE FUNCTION etl._as_sentence(message text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT upper(left(message, 1)) || substr(message, 2) || '.'
$$;
COMMENT ON FUNCTION etl._as_sentence(text) IS 'The message of an error as a sentence, to stand in a DETAIL or a table.';
