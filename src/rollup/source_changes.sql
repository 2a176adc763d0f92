-- Whether anything has changed beneath a materialized view since its last refresh: exact, and without reading a table.
--
-- What a refresh computes depends on the rows of the tables beneath the view, on the definitions of those tables, of
-- the views between and of functions, on some settings, and on the content of materialized views beneath. All of it is
-- compared with what the last refresh knew:
--
--   rows         The trigger etl_note_change of each table notes (relation, transaction) in etl.source_change when a
--                transaction first writes to the table, in that transaction. The refresh keeps its snapshot, taken
--                before the one of REFRESH. A transaction that this snapshot does not see, and whose note is visible
--                now, has changed something; one whose note is not visible yet has not. So no writer ever waits, and
--                one that commits late is found when it has committed.
--   definitions  The catalogs' rows say which transaction wrote them (xmin). The fingerprint is a hash of those of all
--                relations beneath, their columns, rules, triggers and of the functions that are called.
--   the view     REFRESH writes the view's row of pg_class, as it does that of each materialized view beneath. So a
--                refresh by other means is seen, also one under an old snapshot.
--
-- Whatever cannot be known so is never skipped (etl._skip_obstacle). Every doubt ends in a refresh.

CREATE FUNCTION etl._note_change()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_note_change';
COMMENT ON FUNCTION etl._note_change() IS
    'The trigger AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE FOR EACH STATEMENT of tables beneath materialized views '
    'whose policies have skip_if_unchanged: notes in etl.source_change, once for each transaction, that the table was '
    'written to.';

CREATE FUNCTION etl._forget_noted_changes()
RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_forget_noted_changes';
COMMENT ON FUNCTION etl._forget_noted_changes() IS
    'Deletes the rows of etl.source_change that the last refresh of every view knew of.';

CREATE FUNCTION etl._notes_changes(relation oid)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- 60: after each statement, on INSERT, UPDATE, DELETE and TRUNCATE. A: also under session_replication_role.
    SELECT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = relation AND t.tgfoid = 'etl._note_change'::regproc AND t.tgtype = 60 AND t.tgenabled = 'A'
          AND t.tgqual IS NULL AND t.tgattr::text = ''
    )
$$;
COMMENT ON FUNCTION etl._notes_changes(oid) IS
    'Whether the table has the trigger that notes every change of it, always enabled.';

CREATE FUNCTION etl._skip_obstacle(matview regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
    WITH s AS (
        SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name
        FROM etl._view_sources(matview) AS r
        JOIN pg_class AS c ON c.oid = r.relation
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
    ),
    obstacle (rank, what) AS (
        SELECT 1, etl._unpredictable(matview)
        UNION ALL
        SELECT 2, format('"%s" is a %s', s.name, etl._relation_kind(s.oid))
        FROM s WHERE s.relkind NOT IN ('r', 'p', 'v', 'm')
        UNION ALL
        SELECT 3, format('"%s" is unlogged', s.name) FROM s WHERE s.relpersistence <> 'p'
        UNION ALL
        SELECT 4, format('"%s" has row security', s.name) FROM s WHERE s.relrowsecurity
        UNION ALL
        SELECT 5, format('"%s" is written by a subscription, which executes no triggers for statements', s.name)
        FROM s JOIN pg_subscription_rel AS p ON p.srrelid = s.oid
        UNION ALL
        SELECT 6, format('table "%s" has no trigger that notes its changes', s.name)
        FROM s WHERE s.relkind IN ('r', 'p') AND NOT etl._notes_changes(s.oid)
    )
    SELECT o.what FROM obstacle AS o WHERE o.what IS NOT NULL ORDER BY o.rank, o.what LIMIT 1
$$;
COMMENT ON FUNCTION etl._skip_obstacle(regclass) IS
    'Why it cannot be told whether a refresh of the materialized view would change anything; NULL when it can.';

-- Triggers -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._note_changes_of(relation oid)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := etl._relation_name(relation);
    owner name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = relation);
    commands text := format('CREATE TRIGGER etl_note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
                            'FOR EACH STATEMENT EXECUTE FUNCTION etl._note_change(); '
                            'ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER etl_note_change;', name, name);
BEGIN
    IF NOT pg_has_role(owner, 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must be owner of table "%s" to note when it changes', name),
            DETAIL = format('It belongs to role "%s", and the current role is "%s".', owner, current_user),
            HINT = format('Let role "%s" execute: %s', owner, commands);
    END IF;
    EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', name);
    IF etl._notes_changes(relation) THEN
        RETURN; -- by another session, meanwhile
    ELSIF EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = relation AND t.tgname = 'etl_note_change') THEN
        EXECUTE format('DROP TRIGGER etl_note_change ON %s', name); -- disabled, or made for something else
    END IF;
    EXECUTE commands;
END
$$;
COMMENT ON FUNCTION etl._note_changes_of(oid) IS
    'Gives a table the trigger that notes its changes (42501 for who does not own it; the hint has the commands). '
    'Waits for the transactions that write to the table, so that every later one is noted.';

CREATE FUNCTION etl._note_changes_beneath(matview regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source oid;
BEGIN
    FOR source IN
        SELECT s.relation FROM etl._view_sources(matview) AS s
        WHERE s.kind IN ('r', 'p') AND s.relation >= 16384 AND NOT etl._notes_changes(s.relation)
        ORDER BY s.relation
    LOOP
        PERFORM etl._note_changes_of(source);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._note_changes_beneath(regclass) IS
    'Gives every table beneath a materialized view the trigger that notes its changes, where it lacks it.';

CREATE FUNCTION etl._note_new_tables(policy etl.refresh_policy, matview regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s'
AS $$
BEGIN
    IF policy.skip_if_unchanged AND policy.owner = current_user AND etl._unpredictable(matview) IS NULL THEN
        PERFORM etl._note_changes_beneath(matview);
    END IF;
EXCEPTION
    WHEN lock_not_available OR insufficient_privilege THEN
        NULL; -- this refresh is not skipped, and etl.refresh_policies says why
END
$$;
COMMENT ON FUNCTION etl._note_new_tables(etl.refresh_policy, regclass) IS
    'Gives the trigger that notes changes to tables that came beneath a view since its policy was made, such as new '
    'partitions. Whoever waits for a lock keeps others waiting: so not for long.';

CREATE FUNCTION etl._stop_noting(sources oid[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source regclass;
BEGIN
    FOR source IN
        SELECT c.oid FROM pg_class AS c
        WHERE c.oid = ANY (sources) AND c.relkind IN ('r', 'p') AND etl._notes_changes(c.oid)
          AND pg_has_role(c.relowner, 'USAGE')
          AND NOT EXISTS (
              SELECT FROM etl.refresh_policy AS p
              CROSS JOIN LATERAL etl._view_sources(etl._named_relation(p.matview)) AS s
              WHERE p.skip_if_unchanged AND s.relation = c.oid
          )
        ORDER BY c.oid
    LOOP
        EXECUTE format('DROP TRIGGER etl_note_change ON %s', source);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._stop_noting(oid[]) IS
    'Takes the trigger that notes changes from those of the tables that the current role owns and that no other policy '
    'of it needs. A policy of another role that needs it finds it gone, and refreshes each time.';

-- What a refresh knows -----------------------------------------------------------------------------------------------

CREATE FUNCTION etl._view_version(matview oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s:%s:%s', c.oid, c.xmin, c.relfilenode)
    FROM pg_class AS c
    WHERE c.oid = matview AND c.relispopulated
$$;
COMMENT ON FUNCTION etl._view_version(oid) IS
    'What changes when a materialized view is refreshed or altered: which row of pg_class it has. NULL when it has '
    'not been filled.';

CREATE FUNCTION etl._relation_version(relation oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(' ', c.oid, c.xmin, c.relfilenode,
        (SELECT string_agg(format('a%s:%s', a.attnum, a.xmin), ',' ORDER BY a.attnum)
         FROM pg_attribute AS a WHERE a.attrelid = c.oid),
        (SELECT string_agg(format('r%s:%s', r.oid, r.xmin), ',' ORDER BY r.oid)
         FROM pg_rewrite AS r WHERE r.ev_class = c.oid),
        (SELECT string_agg(format('t%s:%s', t.oid, t.xmin), ',' ORDER BY t.oid)
         FROM pg_trigger AS t WHERE t.tgrelid = c.oid))
    FROM pg_class AS c
    WHERE c.oid = relation
$$;
COMMENT ON FUNCTION etl._relation_version(oid) IS
    'What changes when the definition of a relation does, and when a materialized view is refreshed: the rows of the '
    'catalogs that describe it.';

CREATE FUNCTION etl._setting_values()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(current_setting(name, true), ' ' ORDER BY name)
    FROM unnest('{TimeZone, DateStyle, IntervalStyle, timezone_abbreviations, lc_time, lc_numeric, lc_monetary,
                  extra_float_digits, bytea_output}'::text[]) AS name
$$;
COMMENT ON FUNCTION etl._setting_values() IS
    'The settings on which the answers depend of those of PostgreSQL''s own functions that a skipped refresh allows.';

CREATE FUNCTION etl._text_search_version()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT md5(string_agg(t.version, ',' ORDER BY t.version COLLATE "C"))
    FROM (
        SELECT format('c%s:%s', c.oid, c.xmin) FROM pg_ts_config AS c
        UNION ALL
        SELECT format('d%s:%s', d.oid, d.xmin) FROM pg_ts_dict AS d
        UNION ALL
        SELECT format('m%s:%s:%s:%s', m.mapcfg, m.maptokentype, m.mapseqno, m.xmin) FROM pg_ts_config_map AS m
    ) AS t(version)
$$;
COMMENT ON FUNCTION etl._text_search_version() IS
    'What changes when a text search configuration or dictionary does: functions that use one call themselves '
    'immutable.';

CREATE FUNCTION etl._source_fingerprint(matview oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE traits AS (SELECT * FROM etl._all_query_traits(matview)),
    -- What the body of a function in SQL calls stands in pg_depend where it is parsed (BEGIN ATOMIC).
    called (class, object) AS (
        SELECT 'pg_proc'::regclass::oid, f FROM traits AS t CROSS JOIN LATERAL unnest(t.functions) AS f
        UNION
        SELECT d.refclassid, d.refobjid
        FROM called AS c
        JOIN pg_depend AS d ON d.classid = c.class AND d.objid = c.object
        WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND d.deptype = 'n'
    ),
    versions (version) AS (
        SELECT etl._relation_version(s.relation) FROM etl._view_sources(matview) AS s
        UNION ALL
        SELECT format('f%s:%s', p.oid, p.xmin)
        FROM called AS c JOIN pg_proc AS p ON c.class = 'pg_proc'::regclass AND p.oid = c.object
        UNION ALL
        SELECT etl._text_search_version()
        UNION ALL
        SELECT etl._setting_values() WHERE EXISTS (SELECT FROM traits AS t WHERE t.uses_settings)
    )
    SELECT encode(sha256(convert_to(string_agg(v.version, E'\n' ORDER BY v.version COLLATE "C"), 'UTF8')), 'hex')
    FROM versions AS v
$$;
COMMENT ON FUNCTION etl._source_fingerprint(oid) IS
    'A hash over the definitions of everything that the content of a materialized view depends on beside the rows of '
    'tables.';

CREATE FUNCTION etl._register_refresh(policy etl.refresh_policy)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO etl.refresh_state (matview, sources)
    SELECT (policy).matview, ARRAY(SELECT s.relation FROM etl._view_sources(etl._named_relation((policy).matview)) AS s)
    WHERE (policy).skip_if_unchanged AND (policy).owner = current_user
    ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION etl._register_refresh(etl.refresh_policy) IS
    'Sees to it that a policy which skips needless refreshes has a row in etl.refresh_state. It must be committed '
    'before a refresh keeps its snapshot in it: until then others delete notes that this refresh has not seen.';

CREATE FUNCTION etl._see_sources(policy etl.refresh_policy, matview regclass)
RETURNS etl.refresh_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seen etl.refresh_state;
BEGIN
    IF NOT policy.skip_if_unchanged OR policy.owner <> current_user
       OR current_setting('transaction_isolation') <> 'read committed' -- the snapshot may be older than a trigger
       OR etl._skip_obstacle(matview) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    -- One statement: one snapshot for all of it.
    SELECT policy.matview, NULL, ARRAY(SELECT s.relation FROM etl._view_sources(matview) AS s),
           etl._source_fingerprint(matview), pg_current_snapshot(), pg_current_xact_id(), NULL, policy.owner
        INTO seen;
    RETURN seen;
END
$$;
COMMENT ON FUNCTION etl._see_sources(etl.refresh_policy, regclass) IS
    'What a refresh that begins now knows of the sources of its view; NULL where none must ever be skipped.';

CREATE FUNCTION etl._unchanged(seen etl.refresh_state, matview regclass)
RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM etl.refresh_state AS s
        WHERE s.matview = seen.matview AND s.owner = seen.owner
          AND s.fingerprint = seen.fingerprint AND s.view_version = etl._view_version(_unchanged.matview)
          AND NOT EXISTS (
              SELECT FROM etl.source_change AS c
              WHERE c.relation = ANY (s.sources)
                AND (NOT pg_visible_in_snapshot(c.changed_by, s.snapshot) OR c.changed_by = s.refreshed_by)
          )
    )
$$;
COMMENT ON FUNCTION etl._unchanged(etl.refresh_state, regclass) IS
    'Whether nothing has changed since the last refresh of which the view is the result.';

CREATE FUNCTION etl._keep_seen(seen etl.refresh_state, matview regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    version text := etl._view_version(matview);
BEGIN
    IF seen.matview IS NULL THEN
        RETURN;
    END IF;
    UPDATE etl.refresh_state AS s
    SET view_version = version,
        sources = seen.sources,
        fingerprint = seen.fingerprint,
        snapshot = seen.snapshot,
        refreshed_by = seen.refreshed_by
    WHERE s.matview = seen.matview AND s.owner = seen.owner AND s.registered_by <> pg_current_xact_id();
    PERFORM etl._forget_noted_changes();
END
$$;
COMMENT ON FUNCTION etl._keep_seen(etl.refresh_state, regclass) IS
    'Keeps what the refresh that has just been done knew, in its own transaction.';
