-- Live views: a rollup as of now, with what its last refresh could not know.
--
-- The view <rollup>_live has the rows of the rollup but for those of groups that have changed since, and in place of
-- these what the query gives for them. All of it is read under the reader's one snapshot, in which a group is either
-- what the query gives or stands in a log or among the pending: so the view is exact, however writers and refreshes go
-- about. Where nothing has changed it costs a look at the logs.
--
-- The groups are told to the planner as literals, as in a refresh, for otherwise it would read the tables whole. No
-- view can do that, so functions do it; and a function in a view runs with the rights of who reads the view, not of its
-- owner. So readers need SELECT on the view (which covers the rollup's rows) and, for what is computed, on the tables
-- that the query reads, the logs and the pending groups. Whoever may read the view may see the definition, too.

CREATE POLICY rollup_reader ON etl.rollup FOR SELECT USING (
    realtime AND has_table_privilege(etl._live_view(name, owner)::oid, 'SELECT'));
CREATE POLICY rollup_source_reader ON etl.rollup_source FOR SELECT USING (EXISTS (
    SELECT FROM etl.rollup AS r WHERE r.rollup_id = rollup_source.rollup_id AND r.owner = rollup_source.owner));

-- Reading ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_readable(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lacking CONSTANT text := (
        SELECT string_agg(t.name, ', ')
        FROM (
            SELECT rollup.name
            UNION ALL
            SELECT etl._rollup_table(rollup.name, '_pending')
            UNION ALL
            SELECT etl._rollup_table(rollup.name, '_frozen') WHERE rollup.retention = 'freeze'
            UNION ALL
            SELECT r.name
            FROM etl._sources(rollup) AS s CROSS JOIN LATERAL (VALUES (s.relation), (s.log_table)) AS r(name)
        ) AS t(name)
        WHERE NOT coalesce(has_table_privilege(etl._named_relation(t.name)::oid, 'SELECT'), true));
BEGIN
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for tables of which the live view of rollup "%s" is made', rollup.name),
            DETAIL = format('Role "%s" needs SELECT on %s: groups that are not refreshed yet are computed with the '
                            'rights of who reads them.', current_user, lacking),
            HINT = format('GRANT SELECT ON %s TO %I;', lacking, current_user);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_readable(etl.rollup) IS
    'Raises (42501) unless the current role may read what a live view is computed from, with all that it lacks.';

CREATE FUNCTION etl._live_rollup(name text)
RETURNS etl.rollup
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rollup etl.rollup;
BEGIN
    SELECT r.* INTO rollup FROM etl.rollup AS r
    WHERE r.name = _live_rollup.name AND r.realtime AND etl._live_view(r.name, r.owner) IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('rollup "%s" has no live view', name),
            DETAIL = 'It was dropped, or its view was renamed or belongs to another role.',
            HINT = format('SELECT etl.alter_rollup(%L, realtime => true); makes one.', name);
    END IF;
    PERFORM etl._rollup_relation(rollup, '_log_' || s.number),
            etl._require_table_kind(rollup, s, etl._named_relation(s.relation, true))
    FROM etl._sources(rollup) AS s;
    PERFORM etl._require_readable(rollup);
    PERFORM etl._require_source(rollup, s) FROM etl._sources(rollup) AS s;
    RETURN rollup;
END
$$;
COMMENT ON FUNCTION etl._live_rollup(text) IS
    'The rollup of a live view, for whoever may read it. 42704 where there is none, 42501 where the right to read one '
    'of the tables is lacking.';

CREATE FUNCTION etl._live_keys(rollup etl.rollup, contents jsonb, erased jsonb, everything boolean)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys text := CASE WHEN everything THEN etl._all_keys(rollup) ELSE etl._unrefreshed_keys(rollup, contents) END;
BEGIN
    IF rollup.refreshed_as_of IS NOT NULL AND NOT everything THEN
        keys := concat_ws(' UNION ALL ', keys, (
            SELECT string_agg('(' || q || ')', ' UNION ALL ') FROM etl._moved_queries(rollup, now()) AS q));
    END IF;
    IF rollup.retention = 'freeze' OR erased <> '[]' THEN
        keys := format(E'SELECT k.* FROM (\n%s\n) AS k WHERE NOT %s%s', keys, etl._is_frozen(rollup, 'k'),
            CASE WHEN erased <> '[]' THEN format(
                ' AND NOT EXISTS (SELECT FROM (%s) AS u WHERE ROW(%s)::record OPERATOR(pg_catalog.=) ROW(%s)::record)',
                etl._noted_keys(rollup, erased), etl._key_list(rollup.plan -> 'keys', 'u', '%s.%I::%s'),
                etl._key_list(rollup.plan -> 'keys', 'k')) END);
    END IF;
    RETURN keys;
END
$$;
COMMENT ON FUNCTION etl._live_keys(etl.rollup, jsonb, jsonb, boolean) IS
    'A query for the keys of the groups of which a live view does not show what is stored: those that are to be '
    'refreshed, or that a moving filter has touched since, but for frozen ones and those of which rows were erased.';

CREATE FUNCTION etl._live_batch(rollup etl.rollup)
RETURNS etl._rollup_batch
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 100000; -- more groups are computed by the plain query
    contents jsonb := coalesce(etl._log_contents(rollup), '[]');
    erased jsonb := '[]';
    everything boolean;
    batch etl._rollup_batch;
BEGIN
    IF rollup.retention IS DISTINCT FROM 'follow' THEN
        erased := etl._notes_of(contents, '{e,A,B}');
        contents := etl._notes_of(contents, '{a,b,c,+,-}');
    END IF;
    everything := etl._is_everything(rollup, contents);
    IF etl._is_everything(rollup, erased) THEN
        RETURN NULL;
    ELSIF everything AND rollup.retention IS DISTINCT FROM 'freeze' AND erased = '[]' THEN
        RETURN ROW(true, NULL::tid[], NULL::text[])::etl._rollup_batch;
    END IF;
    BEGIN
        batch := etl._batch_of(rollup, etl._live_keys(rollup, contents, erased, everything));
    EXCEPTION
        WHEN data_exception OR integrity_constraint_violation OR feature_not_supported OR raise_exception THEN
            -- A row of the log is at fault, perhaps one that is gone by now: so look at what is there.
            IF erased <> '[]' THEN
                RETURN NULL;
            ELSIF rollup.retention = 'freeze' THEN
                RETURN etl._batch_of(rollup, etl._live_keys(rollup, contents, erased, true));
            END IF;
            RETURN ROW(true, NULL::tid[], NULL::text[])::etl._rollup_batch;
    END;
    IF cardinality(batch.lists[1]::text[]) > most AND rollup.retention IS DISTINCT FROM 'freeze' AND erased = '[]' THEN
        RETURN ROW(true, NULL::tid[], NULL::text[])::etl._rollup_batch;
    END IF;
    RETURN batch;
END
$$;
COMMENT ON FUNCTION etl._live_batch(etl.rollup) IS
    'The groups of which a live view does not show what is stored; NULL where there are none. Where rows were erased, '
    'and it is not decided or known of which groups, the view shows what is stored.';

CREATE FUNCTION etl._live_places(name text)
RETURNS SETOF tid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET lc_numeric = 'C'
SET lc_time = 'C'
SET array_nulls = on
SET quote_all_identifiers = off
SET jit = off
SET pg_etl.rollup_as_of = ''
SET pg_etl.rollup_uses = ''
AS $$
DECLARE
    rollup CONSTANT etl.rollup := etl._live_rollup(name);
    batch etl._rollup_batch;
BEGIN
    PERFORM etl._hold_to(rollup, now());
    batch := etl._live_batch(rollup);
    IF batch.whole THEN
        RETURN QUERY EXECUTE format('SELECT t.ctid FROM %s AS t', rollup.name);
    ELSIF batch.lists IS NOT NULL THEN
        PERFORM etl._require_rollup_tables(rollup);
        RETURN QUERY SELECT p.place FROM etl._locked_rows(format(
            'WITH batch AS MATERIALIZED (%s) SELECT t.ctid FROM %s AS t WHERE (%s) AND %s',
            etl._batch_rows(rollup, batch), rollup.name, etl._stored_condition(rollup, batch, 't'),
            etl._in_batch(rollup, batch, 't'))) AS p(place tid);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._live_places(text) IS
    'Where the rows of a rollup stand that its live view leaves out. It is called by the view alone: under the '
    'snapshot in which the view reads the rollup.';

CREATE FUNCTION etl._live_rows(name text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET lc_numeric = 'C'
SET lc_time = 'C'
SET array_nulls = on
SET quote_all_identifiers = off
SET jit = off
SET pg_etl.rollup_as_of = ''
SET pg_etl.rollup_uses = ''
AS $$
DECLARE
    rollup CONSTANT etl.rollup := etl._live_rollup(name);
    batch etl._rollup_batch;
BEGIN
    PERFORM etl._hold_to(rollup, now());
    batch := etl._live_batch(rollup);
    IF batch.whole OR batch.lists IS NOT NULL THEN
        PERFORM etl._require_rollup_tables(rollup), etl._require_same_uses(rollup);
        RETURN QUERY EXECUTE format(
            'SELECT r.* FROM etl._locked_rows(%L) AS r(%s)', etl._in_groups(rollup, format(
                E'SELECT %s FROM (\n%s\n) AS q', etl._typed_columns(rollup, '', etl._rollup_columns(rollup), 'q'),
                etl._restricted(rollup.plan -> 'recompute', rollup, batch)), batch),
            etl._live_columns(rollup));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._live_rows(text) IS
    'The rows that the live view of a rollup shows in place of those that etl._live_places leaves out.';

-- Making -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._live_columns(rollup etl.rollup)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%I %s', c.name, c.type), ', '
                      ORDER BY array_position(etl._rollup_columns(rollup), c.name))
    FROM etl._rollup_table_columns(rollup.name::regclass) AS c
    WHERE c.name = ANY (etl._rollup_columns(rollup))
$$;
COMMENT ON FUNCTION etl._live_columns(etl.rollup) IS
    'The columns of a rollup with their types, as a function in FROM is given them.';

CREATE FUNCTION etl._create_live_view(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
    stored CONSTANT text := etl._rollup_table(rollup.name, '_live');
    columns CONSTANT name[] := etl._rollup_columns(rollup);
BEGIN
    EXECUTE format(
        'CREATE VIEW %s AS '
        'SELECT %s FROM %s AS t WHERE t.ctid NOT IN (SELECT p.place FROM etl._live_places(%L) AS p(place)) '
        'UNION ALL SELECT %s FROM etl._live_rows(%4$L) AS l(%6$s)',
        stored, etl._column_pattern(columns, 't.%1$I'), rollup.name, rollup.name,
        etl._column_pattern(columns, 'l.%1$I'),
        etl._live_columns(rollup));
    EXECUTE format('COMMENT ON VIEW %s IS %L', stored,
                   format('Rollup %s, with what has changed since its last refresh.', rollup.name));
END
$$;
COMMENT ON FUNCTION etl._create_live_view(etl.rollup) IS
    'Creates the live view of a rollup. 42P07 where there is a relation of that name.';

CREATE FUNCTION etl._drop_live_view(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    live CONSTANT regclass := etl._live_view(rollup.name, rollup.owner);
BEGIN
    IF live IS NOT NULL THEN
        EXECUTE format('DROP VIEW %s', live);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._drop_live_view(etl.rollup) IS
    'Drops the live view of a rollup, where there is one. 2BP01 where something depends on it.';

CREATE FUNCTION etl._live_rights(rollup etl.rollup)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('right', a.privilege_type, 'role',
                                                 CASE WHEN a.grantee = 0 THEN 'PUBLIC'
                                                      ELSE a.grantee::regrole::text END)), '[]')
    FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE c.oid = etl._live_view(rollup.name, rollup.owner) AND a.grantee <> c.relowner
$$;
COMMENT ON FUNCTION etl._live_rights(etl.rollup) IS 'Who has which rights on the live view of a rollup.';

CREATE FUNCTION etl._alter_live_view(old etl.rollup, wanted etl.rollup, rights jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    granted record;
BEGIN
    IF NOT wanted.realtime THEN
        PERFORM etl._drop_live_view(old);
        RETURN;
    ELSIF etl._live_view(wanted.name, wanted.owner) IS NULL THEN
        PERFORM etl._create_live_view(wanted);
    END IF;
    -- The view, the logs and the table of pending groups may be new.
    FOR granted IN SELECT g."right", g.role FROM jsonb_to_recordset(rights) AS g("right" text, role text) LOOP
        EXECUTE format('GRANT %s ON %s TO %s', granted."right", etl._rollup_table(wanted.name, '_live'), granted.role);
        IF granted."right" = 'SELECT' THEN
            EXECUTE (
                SELECT format('GRANT SELECT ON %s, %s%s TO %s', etl._rollup_table(wanted.name, '_pending'),
                              string_agg(s.log_table, ', '),
                              CASE WHEN wanted.retention = 'freeze'
                                   THEN ', ' || etl._rollup_table(wanted.name, '_frozen') END, granted.role)
                FROM etl._sources(wanted) AS s);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._alter_live_view(etl.rollup, etl.rollup, jsonb) IS
    'Makes the live view of a rollup what its changed definition says, with the rights that there were.';
