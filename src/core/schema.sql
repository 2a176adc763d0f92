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
        MESSAGE = format('%s must be a moment, not %s', argument, coalesce(quote_literal(value), 'NULL')),
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
            HINT = 'Give true or false, or leave it out to have false.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_flag(bool, text) IS
    'Checks that a yes-or-no argument is there (22023); the second argument names it in the error.';

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

-- Tables with children, and tables that others refer to ---------------------------------------------------------------

CREATE FUNCTION etl._family(relation regclass)
RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE family(member) AS (
        SELECT relation::oid
        UNION
        SELECT i.inhrelid FROM pg_inherits AS i JOIN family AS f ON f.member = i.inhparent
    )
    SELECT member::regclass FROM family
$$;
COMMENT ON FUNCTION etl._family(regclass) IS 'The relation and every partition or child below it.';

CREATE FUNCTION etl._has_children(relation regclass)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT relkind = 'p' OR relhassubclass FROM pg_class WHERE oid = relation
$$;
COMMENT ON FUNCTION etl._has_children(regclass) IS
    'Whether the rows of the relation may lie in several tables, so that a place needs its table.';

CREATE FUNCTION etl._require_no_foreign_children(relation regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    child regclass;
BEGIN
    SELECT c.oid INTO child FROM pg_class AS c
    WHERE c.relkind = 'f' AND c.oid IN (SELECT etl._family(relation)) ORDER BY c.oid LIMIT 1;
    IF child IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('partition "%s" of table "%s" is a foreign table', child, relation),
            DETAIL = 'Its rows have no place in this database by which they could be deleted.',
            HINT = 'Name the local partitions one by one, and see to the foreign table on its own server.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_no_foreign_children(regclass) IS
    'Raises (42809) when a partition or child of the relation is a foreign table.';

CREATE FUNCTION etl._require_no_wider_children(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wider record;
BEGIN
    SELECT a.attrelid::regclass AS child, a.attname AS column_name INTO wider
    FROM pg_attribute AS a
    WHERE a.attrelid IN (SELECT etl._family(relation)) AND a.attnum > 0 AND NOT a.attisdropped
      AND NOT EXISTS (
          SELECT FROM pg_attribute AS o
          WHERE o.attrelid = relation AND o.attname = a.attname AND o.attnum > 0 AND NOT o.attisdropped
      )
    ORDER BY a.attrelid, a.attnum
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s", a child of table "%s", has column "%s", which its parent lacks', wider.child,
                             relation, wider.column_name),
            DETAIL = 'Rows that are taken out of it by way of the parent would lose what stands there.',
            HINT = format('Name "%s" itself, and take it out of the inheritance with ALTER TABLE %s NO INHERIT … to '
                          'name its parent.', wider.child, wider.child);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_no_wider_children(regclass) IS
    'Raises (42809) when a table that inherits from the relation has columns of its own: rows read by way of the '
    'parent come without them. Partitions never have any.';

CREATE FUNCTION etl._require_permanent(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relpersistence = 't') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s" is temporary', relation),
            DETAIL = 'It ends with this session, and no other session can see it.',
            HINT = 'Name a table that is not temporary.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_permanent(regclass) IS 'Raises (42809) when a table is temporary.';

CREATE FUNCTION etl._cascades(target regclass)
RETURNS TABLE(name name, child regclass, child_schema name, child_name name, action text, condition text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH cascade AS (
        SELECT * FROM pg_constraint
        WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd') AND confrelid IN (SELECT etl._family(target))
    )
    SELECT c.conname, c.conrelid::regclass, n.nspname, r.relname,
        CASE c.confdeltype WHEN 'c' THEN 'delete those rows' ELSE 'clear the columns of those rows' END,
        (
            SELECT string_agg(format('loser.%I OPERATOR(%I.%s) child.%I', p.attname, s.nspname, o.oprname, f.attname),
                              ' AND ')
            FROM unnest(c.confkey, c.conkey, c.conpfeqop) AS pair(parent_column, child_column, equal)
            JOIN pg_attribute AS p ON p.attrelid = c.confrelid AND p.attnum = pair.parent_column
            JOIN pg_attribute AS f ON f.attrelid = c.conrelid AND f.attnum = pair.child_column
            JOIN pg_operator AS o ON o.oid = pair.equal
            JOIN pg_namespace AS s ON s.oid = o.oprnamespace
        )
    FROM cascade AS c
    JOIN pg_class AS r ON r.oid = c.conrelid
    JOIN pg_namespace AS n ON n.oid = r.relnamespace
    -- Partitions repeat the constraint of their parent.
    WHERE NOT EXISTS (SELECT FROM cascade AS above WHERE above.oid = c.conparentid)
    ORDER BY c.oid
$$;
COMMENT ON FUNCTION etl._cascades(regclass) IS
    'Foreign keys that point at the table or at one of its partitions and would pass a DELETE on.';

CREATE FUNCTION etl._at_losers(relation regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN etl._has_children(relation)
        THEN '(loser.tableoid, loser.ctid) IN (SELECT tab, place FROM unnest($1, $2) AS l(tab, place))'
        ELSE 'loser.ctid = ANY ($2)' END
$$;
COMMENT ON FUNCTION etl._at_losers(regclass) IS
    'Condition on the alias "loser": the row lies at one of the places $2 (tid[]) of the tables $1 (oid[]).';

CREATE FUNCTION etl._refuse_cascades(
    target regclass,
    tables oid[],
    places tid[],
    what text DEFAULT 'duplicates',
    advice text DEFAULT 'Point the rows of "%s" at the rows to keep first (etl.dedupe(…, keep => …) decides which '
                        'these are), or leave the referenced rows out with where_sql.'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fk record;
    is_used bool;
BEGIN
    FOR fk IN SELECT * FROM etl._cascades(target) LOOP
        PERFORM etl._require_table(fk.child, ARRAY['SELECT']);
        is_used := etl._locked_value(format('SELECT EXISTS (SELECT FROM %s AS loser JOIN %s AS child ON %s WHERE %s)',
                                            target, fk.child, fk.condition, etl._at_losers(target)),
                                     NULL::bool, tables, places);
        IF is_used OR row_security_active(fk.child) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'foreign_key_violation',
                MESSAGE = format('%s in table "%s" are referenced from table "%s"', what, target, fk.child),
                DETAIL = format('Foreign key "%s" would %s with them.', fk.name, fk.action),
                HINT = format(advice, fk.child),
                SCHEMA = fk.child_schema, TABLE = fk.child_name, CONSTRAINT = fk.name;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._refuse_cascades(regclass, oid[], tid[], text, text) IS
    'Raises (23503) when deleting the rows at these places would delete or change rows of other tables by ON DELETE '
    'CASCADE, SET NULL or SET DEFAULT, or when row security hides from the caller whether it would. The last '
    'arguments are for the error: what the rows are, and the hint, with %s for the table that refers to them.';
