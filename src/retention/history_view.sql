-- History views: a policy's table and all its archives as one table.
--
-- The view is a UNION ALL of the table, of each archive table, and of what is in files. One statement reads all of it
-- under one snapshot, in which a row is where the ledger says, once, whatever a run is moving meanwhile. The planner
-- pushes conditions down to each table, so that a range of time reads the indexes.
--
-- Rows of other tables that went along because they refer to the policy's (follow_references) are not in it.
--
-- Which tables and columns there are is known when the view is made. Where a policy gets another tier, a partition
-- becomes an archive table of its own, or other columns are archived, the view is made anew in the same transaction.

CREATE TABLE etl.history_view (
    name text PRIMARY KEY,
    policy text NOT NULL,
    definition text NOT NULL,
    owner name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE etl.history_view IS
    'Views that etl.create_history_view has made: of which policy, and the query of each.';
ALTER TABLE etl.history_view ENABLE ROW LEVEL SECURITY;
CREATE POLICY history_view_owner ON etl.history_view USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.history_view TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.history_view', '');

CREATE FUNCTION etl._history_files(policy text, relation text, owner name)
RETURNS SETOF etl.archive
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF owner <> current_user AND row_security_active('etl.archive') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for the archive files of retention policy "%s"', policy),
            DETAIL = format('They are listed for their owner, "%s", and the current role is "%s".', owner,
                            current_user),
            HINT = format('SET ROLE %I; or read the tables without the view.', owner);
    END IF;
    RETURN QUERY
        SELECT a.* FROM etl.archive AS a
        WHERE a.policy = _history_files.policy AND a.relation = _history_files.relation
          AND a.owner = _history_files.owner AND a.action = 'archived' AND a.status = 'kept' AND a.follows IS NULL
          AND etl._is_archive_file(a.location)
        ORDER BY a.archive_id;
END
$$;
COMMENT ON FUNCTION etl._history_files(text, text, name) IS
    'The files that hold rows of a policy''s table, for its history view. 42501 for a role from which they are hidden, '
    'so that no view is silently without them.';

CREATE FUNCTION etl._history_places(policy etl.retention_policy)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH place AS (
        SELECT 0 AS tier, (policy).relation AS name
        UNION ALL
        SELECT t.tier, CASE WHEN etl._is_archive_file(p) THEN 'file:///' ELSE p END
        FROM etl._retention_tiers(policy) AS t CROSS JOIN LATERAL etl._retention_place(policy, t.tier) AS p
        UNION ALL
        SELECT a.tier, CASE WHEN etl._is_archive_file(a.location) THEN 'file:///' ELSE a.location END
        FROM etl.archive AS a
        WHERE a.policy = (_history_places.policy).name AND a.owner = (_history_places.policy).owner
          AND a.relation = (_history_places.policy).relation AND a.action IN ('archived', 'opening')
    ), known AS (
        SELECT p.name, min(p.tier) AS tier, to_regclass(CASE WHEN p.name <> 'file:///' THEN p.name END) AS relation
        FROM place AS p WHERE p.name IS NOT NULL GROUP BY p.name
    )
    SELECT array_agg(k.name ORDER BY k.name = 'file:///', k.tier, k.name)
    FROM known AS k
    WHERE k.name = 'file:///'
       OR k.relation IS NOT NULL AND NOT EXISTS ( -- read through its parent
           SELECT FROM known AS o WHERE o.relation <> k.relation AND k.relation IN (SELECT etl._family(o.relation)))
$$;
COMMENT ON FUNCTION etl._history_places(etl.retention_policy) IS
    'Where the rows of a policy are or may be: its table, its archive tables, and file:/// for all files.';

CREATE FUNCTION etl._history_branch(policy etl.retention_policy, place text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN place = 'file:///' THEN format(
            'SELECT %s FROM etl._history_files(%L, %L, %L) AS a CROSS JOIN LATERAL'
            ' etl._archive_read(a.location, a.format, a.columns, a.sha256) AS t (%s)',
            string_agg(format('t.%I', c.attname), ', ' ORDER BY c.attnum), (policy).name, (policy).relation,
            (policy).owner,
            string_agg(format('%I %s', c.attname, c.type), ', ' ORDER BY c.attnum))
        ELSE format('SELECT %s FROM %s AS t', string_agg(
            CASE WHEN a.attname IS NULL THEN format('NULL::%s AS %I', c.type, c.attname)
                 ELSE format('t.%I', c.attname) END, ', ' ORDER BY c.attnum), place)
    END
    FROM (
        SELECT h.attnum, h.attname, format_type(h.atttypid, h.atttypmod) AS type
        FROM pg_attribute AS h
        WHERE h.attrelid = (policy).relation::regclass AND h.attnum > 0 AND NOT h.attisdropped
    ) AS c
    LEFT JOIN pg_attribute AS a ON a.attrelid = to_regclass(CASE WHEN place <> 'file:///' THEN place END)
                               AND a.attname = c.attname AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION etl._history_branch(etl.retention_policy, text) IS
    'SELECT of the rows of one place, with the columns of the policy''s table; those that it lacks are NULL.';

CREATE FUNCTION etl._history_query(policy etl.retention_policy)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- the query is stored
AS $$
    SELECT string_agg(etl._history_branch(policy, p), E'\nUNION ALL\n' ORDER BY n)
    FROM unnest(etl._history_places(policy)) WITH ORDINALITY AS u (p, n)
$$;
COMMENT ON FUNCTION etl._history_query(etl.retention_policy) IS
    'The query of a policy''s history view: a branch for each place.';

CREATE FUNCTION etl._make_history_view(policy etl.retention_policy, view_name text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text := etl._history_query(policy);
BEGIN
    -- Replaced where it is ours, so that the rights on it and the views over it stay.
    EXECUTE format('CREATE %s VIEW %s WITH (security_invoker = true) AS %s',
        CASE WHEN EXISTS (SELECT FROM etl.history_view AS h WHERE h.name = view_name) THEN 'OR ' || 'REPLACE' END,
        view_name, query);
    EXECUTE format('COMMENT ON VIEW %s IS %L', view_name, format(
        'Rows of %s, those that retention policy "%s" has archived included.', policy.relation, policy.name));
    INSERT INTO etl.history_view AS h (name, policy, definition) VALUES (view_name, policy.name, query)
    ON CONFLICT (name) DO UPDATE SET policy = excluded.policy, definition = excluded.definition;
EXCEPTION
    WHEN invalid_table_definition THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_table_definition',
            MESSAGE = format('history view %s cannot take the columns that table "%s" has now', view_name,
                             policy.relation),
            DETAIL = etl._as_sentence(SQLERRM),
            HINT = format('DROP VIEW %s; SELECT etl.create_history_view(%L, %L);', view_name, policy.name, view_name);
END
$$;
COMMENT ON FUNCTION etl._make_history_view(etl.retention_policy, text) IS
    'Makes a history view, or makes it anew, and notes its query. 42P16 where its columns cannot be changed.';

CREATE FUNCTION etl.create_history_view(policy text, name text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off -- names are stored
AS $$
DECLARE
    stored etl.retention_policy := etl._retention_policy(policy);
    parts text[] := parse_ident(stored.relation);
    named text[] := etl._retention_identifiers(name, 2);
    view_name text;
BEGIN
    IF name IS NOT NULL AND named IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_name',
            MESSAGE = format('name "%s" is not the name of a view', left(name, 200)),
            HINT = 'Write it as in SQL, in at most 63 bytes: orders_history or reports.orders_history.';
    END IF;
    PERFORM etl._policy_table(stored.relation, 'retention', stored.name);
    view_name := CASE
        WHEN name IS NULL THEN format('%I.%I', parts[1], left(parts[2], 55) || '_history')
        WHEN cardinality(named) = 1 THEN format('%I.%I', parts[1], named[1])
        ELSE format('%I.%I', named[1], named[2])
    END;
    -- One that was dropped, or replaced by something else, is not ours any more.
    DELETE FROM etl.history_view AS h WHERE h.name = view_name AND NOT etl._is_history_view(h);
    PERFORM etl._make_history_view(stored, view_name);
    RETURN view_name;
END
$$;
COMMENT ON FUNCTION etl.create_history_view(text, text) IS
    'Makes a view of a retention policy''s table together with all that the policy has archived, in tables and files, '
    'with the columns of the table, and returns its name. name: with a schema, or in the schema of the table (default: '
    '<table>_history). Each row is there once, also while a run moves rows, but for a whole partition between the '
    'moments when it is detached and when it is an archive. Conditions on the time column use the indexes of each '
    'table; files are read whole, one after the other. It is read with the rights of who reads it: SELECT on the '
    'tables; files can be read by the owner of the policy, as a member of pg_read_server_files. Calling it again makes '
    'the view anew, with the columns that the table has now; where the policy gets tiers it is made anew by itself. '
    'Errors: 42704 no such policy, 42501 another role''s, 42P07 the name is taken, 42P16 columns that the view cannot '
    'take, 42602 bad name.';

CREATE FUNCTION etl._is_history_view(view etl.history_view)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_class AS c
                   WHERE c.oid = to_regclass((view).name) AND c.relkind = 'v'
                     AND c.relowner = (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = (view).owner))
$$;
COMMENT ON FUNCTION etl._is_history_view(etl.history_view) IS
    'Whether a history view is still there.';

CREATE FUNCTION etl._remake_history_views(policy_name text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view etl.history_view;
    stored etl.retention_policy;
    hint text;
BEGIN
    FOR view IN
        SELECT h.* FROM etl.history_view AS h WHERE h.policy = policy_name AND h.owner = current_user
    LOOP
        SELECT p.* INTO stored FROM etl.retention_policy AS p WHERE p.name = policy_name AND p.owner = current_user;
        CONTINUE WHEN NOT FOUND OR NOT etl._is_history_view(view) OR to_regclass(stored.relation) IS NULL
                      OR view.definition = etl._history_query(stored);
        BEGIN
            PERFORM etl._make_history_view(stored, view.name);
        EXCEPTION
            WHEN invalid_table_definition THEN
                GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
                RAISE WARNING USING MESSAGE = SQLERRM, HINT = hint;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._remake_history_views(text) IS
    'Makes the history views of a policy anew where its rows may be in other tables or columns than before. A view '
    'that cannot take its new columns stays, with a warning.';

CREATE FUNCTION etl._follow_tiers()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._remake_history_views(h.policy) FROM (SELECT DISTINCT v.policy FROM etl.history_view AS v) AS h;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._follow_tiers() IS 'Trigger of etl.retention_tier: keeps history views whole.';
CREATE TRIGGER follow_tiers AFTER INSERT OR UPDATE OR DELETE ON etl.retention_tier
    FOR EACH STATEMENT EXECUTE FUNCTION etl._follow_tiers();
COMMENT ON TRIGGER follow_tiers ON etl.retention_tier IS 'Keeps history views whole.';
-- Whatever session_replication_role says.
ALTER TABLE etl.retention_tier ENABLE ALWAYS TRIGGER follow_tiers;

CREATE FUNCTION etl._follow_archive()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._remake_history_views(NEW.policy);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._follow_archive() IS 'Trigger of etl.archive: keeps history views whole.';
CREATE TRIGGER follow_archive AFTER INSERT ON etl.archive FOR EACH ROW
    WHEN (NEW.action = 'archived') EXECUTE FUNCTION etl._follow_archive();
COMMENT ON TRIGGER follow_archive ON etl.archive IS 'Keeps history views whole.';
CREATE TRIGGER follow_columns AFTER UPDATE ON etl.archive FOR EACH ROW
    WHEN (OLD.columns IS DISTINCT FROM NEW.columns) EXECUTE FUNCTION etl._follow_archive();
COMMENT ON TRIGGER follow_columns ON etl.archive IS 'Keeps history views whole.';
ALTER TABLE etl.archive ENABLE ALWAYS TRIGGER follow_archive, ENABLE ALWAYS TRIGGER follow_columns;
