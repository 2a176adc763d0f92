-- Rollups changed. Another query is filled in beside what the rollup has, and takes its place in the same transaction.
-- The table stays the one that it was, with its privileges, its indexes and whoever reads it.

CREATE FUNCTION etl._changed_rollup(
    rollup etl.rollup, query text, key_columns name[], mode text, affects jsonb, schedule text, realtime boolean,
    retention text, frozen_before text, description text)
RETURNS etl.rollup
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    rollup.query := coalesce(regexp_replace(query, '[\s;]+$', ''), rollup.query);
    rollup.key_columns := coalesce(key_columns, rollup.key_columns);
    rollup.mode := coalesce(mode, rollup.mode);
    rollup.affects := coalesce(affects, rollup.affects);
    rollup.schedule := CASE WHEN schedule IS NULL THEN rollup.schedule ELSE nullif(lower(btrim(schedule)), '') END;
    rollup.realtime := coalesce(realtime, rollup.realtime);
    rollup.retention := CASE WHEN retention IS NULL THEN rollup.retention ELSE nullif(retention, '') END;
    rollup.frozen_before := CASE WHEN frozen_before IS NULL THEN rollup.frozen_before
                                 ELSE nullif(frozen_before, '') END;
    rollup.description := CASE WHEN description IS NULL THEN rollup.description ELSE nullif(description, '') END;
    PERFORM etl._check_rollup(rollup.query, rollup.key_columns, rollup.mode, rollup.affects, rollup.schedule,
                              rollup.retention);
    RETURN rollup;
END
$$;
COMMENT ON FUNCTION etl._changed_rollup(
    etl.rollup, text, name[], text, jsonb, text, boolean, text, text, text) IS
    'A definition with what is given in place of what it had.';

CREATE FUNCTION etl._lock_definition(name text)
RETURNS etl.rollup
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rollup etl.rollup := etl._rollup(name);
BEGIN
    PERFORM pg_advisory_xact_lock('etl.rollup'::regclass::oid::integer, rollup.rollup_id);
    -- An update, and no lock alone: so a transaction that has its snapshot from before another's change fails (40001).
    UPDATE etl.rollup AS r SET mode = r.mode WHERE r.rollup_id = rollup.rollup_id AND r.owner = current_user
    RETURNING r.* INTO rollup;
    IF NOT FOUND THEN
        rollup := etl._rollup(name); -- dropped meanwhile: raises
    END IF;
    RETURN rollup;
END
$$;
COMMENT ON FUNCTION etl._lock_definition(text) IS
    'The definition of a rollup of the current role, which nobody refreshes, alters or drops to the end of the '
    'transaction. Waits for a refresh that is under way.';

-- Another query ------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._refuse_circle(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    circle text;
BEGIN
    WITH RECURSIVE reads AS (
        SELECT s ->> 'relation' AS relation FROM jsonb_array_elements(rollup.plan -> 'sources') AS s
        UNION
        SELECT s.relation FROM reads AS x
        JOIN etl.rollup AS r ON r.name = x.relation AND r.owner = current_user
        JOIN etl.rollup_source AS s ON s.rollup_id = r.rollup_id AND s.owner = r.owner
    )
    SELECT r.relation INTO circle FROM reads AS r WHERE r.relation = rollup.name;
    IF circle IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_recursion',
            MESSAGE = format('rollup "%s" would read itself', rollup.name),
            DETAIL = 'It would read a rollup that reads it, or one that reads such a rollup.',
            HINT = 'Let the query read other tables.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._refuse_circle(etl.rollup) IS 'Raises (42P19) where a rollup would read itself over others.';

CREATE FUNCTION etl._refuse_frozen(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    frozen boolean := rollup.frozen_before IS NOT NULL
        OR rollup.retention IS DISTINCT FROM 'follow'
           AND etl._notes_of(coalesce(etl._log_contents(rollup), '[]'), '{e,A,B}') <> '[]';
BEGIN
    IF rollup.retention = 'freeze' AND to_regclass(etl._rollup_table(rollup.name, '_frozen')) IS NULL THEN
        frozen := true; -- which ones is not known any more
    ELSIF rollup.retention = 'freeze' AND NOT frozen THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', etl._rollup_table(rollup.name, '_frozen')) INTO frozen;
    END IF;
    IF frozen THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('rollup "%s" has groups that are frozen', rollup.name),
            DETAIL = 'Rows of theirs were erased, so that no query can compute them again.',
            HINT = format('To give the frozen groups up, and only then, first SELECT etl.alter_rollup(%L, '
                          'retention => ''follow'', frozen_before => ''''); which computes them from what is left. '
                          'For another query, create another rollup.', rollup.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._refuse_frozen(etl.rollup) IS
    'Raises (55000) where a rollup has groups that are frozen, or are to be.';

CREATE FUNCTION etl._stage_rollup(rollup etl.rollup)
RETURNS etl.rollup
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    rollup.name := format('%I.%I', (parse_ident(rollup.name))[1], 'etl_refill_' || rollup.rollup_id);
    PERFORM etl._create_rollup_table(rollup);
    PERFORM etl._create_pending(rollup);
    rollup.plan := jsonb_set(rollup.plan, '{keys}', etl._key_operators(
        etl._rollup_table(rollup.name, '_pending')::regclass, rollup.plan -> 'keys'));
    IF etl._is_delta(rollup) THEN
        PERFORM etl._create_rollup_state(rollup);
    END IF;
    PERFORM etl._fill_rollup(rollup, now());
    RETURN rollup;
END
$$;
COMMENT ON FUNCTION etl._stage_rollup(etl.rollup) IS
    'Creates the tables of a new definition under another name and fills them. Returns the definition with that name.';

CREATE FUNCTION etl._rollup_table_columns(relation regclass)
RETURNS TABLE(name name, type text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
    SELECT a.attname,
           format_type(a.atttypid, a.atttypmod) || coalesce((
               SELECT format(' COLLATE %I.%I', n.nspname, c.collname) FROM pg_collation AS c
               JOIN pg_namespace AS n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation), '')
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
$$;
COMMENT ON FUNCTION etl._rollup_table_columns(regclass) IS 'The columns of a table, with types and collations.';

CREATE FUNCTION etl._fit_rollup_table(old etl.rollup, staged etl.rollup)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT regclass := etl._rollup_relation(old, '');
    changes CONSTANT text[] := ARRAY(
        SELECT x.change FROM (
            SELECT format('DROP COLUMN %I', o.name) AS change, 1 AS turn, o.name
            FROM etl._rollup_table_columns(target) AS o
            WHERE o.name = ANY (etl._rollup_columns(old)) -- others somebody has added: they stay
              AND NOT EXISTS (SELECT FROM etl._rollup_table_columns(staged.name::regclass) AS s
                              WHERE (s.name, s.type) = (o.name, o.type))
            UNION ALL
            SELECT format('ADD COLUMN %I %s', s.name, s.type), 2, s.name
            FROM etl._rollup_table_columns(staged.name::regclass) AS s
            WHERE NOT EXISTS (SELECT FROM etl._rollup_table_columns(target) AS o
                              WHERE (s.name, s.type) = (o.name, o.type))
        ) AS x ORDER BY x.turn, x.name);
    unique_index regclass := (
        SELECT i.indexrelid FROM pg_index AS i
        WHERE i.indrelid = target AND i.indisunique AND i.indnullsnotdistinct AND i.indpred IS NULL
          AND ARRAY(SELECT a.attname FROM unnest(i.indkey::smallint[]) AS k
                    JOIN pg_attribute AS a ON a.attrelid = target AND a.attnum = k) <@ old.key_columns
          AND i.indnkeyatts = cardinality(old.key_columns)
        LIMIT 1);
BEGIN
    IF changes = '{}' AND old.key_columns = staged.key_columns AND unique_index IS NOT NULL THEN
        RETURN true;
    END IF;
    PERFORM etl._refuse_readers(old, format('change the columns of rollup "%s"', old.name), ARRAY(
        SELECT o.name FROM etl._rollup_table_columns(target) AS o
        WHERE NOT EXISTS (SELECT FROM etl._rollup_table_columns(staged.name::regclass) AS s
                          WHERE (s.name, s.type) = (o.name, o.type))));
    PERFORM etl._drop_live_view(old); -- it names the columns
    EXECUTE format('DELETE FROM %s', target);
    IF unique_index IS NOT NULL THEN
        EXECUTE format('DROP INDEX %s', unique_index);
    END IF;
    IF changes <> '{}' THEN
        EXECUTE format('ALTER TABLE %s %s', target, array_to_string(changes, ', '));
    END IF;
    EXECUTE format('CREATE UNIQUE INDEX ON %s (%s) NULLS NOT DISTINCT', target,
                   etl._column_list(staged.key_columns));
    RETURN false;
END
$$;
COMMENT ON FUNCTION etl._fit_rollup_table(etl.rollup, etl.rollup) IS
    'Gives the table of a rollup the columns and the key of its new definition. Returns whether it has kept its rows, '
    'because they are the same. 2BP01 where something depends on a column that goes.';

CREATE FUNCTION etl._swap_rollup(old etl.rollup, wanted etl.rollup, staged etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    suffix text;
    relation regclass;
BEGIN
    IF etl._fit_rollup_table(old, staged) THEN
        PERFORM etl._replace_groups(
            wanted, wanted.name, etl._rollup_columns(wanted), format('SELECT * FROM %s', staged.name),
            etl._all_groups(wanted, wanted.name));
    ELSE
        PERFORM etl._locked_command(format('INSERT INTO %s (%s) SELECT %2$s FROM %s', wanted.name,
                                           etl._column_list(etl._rollup_columns(wanted)), staged.name));
    END IF;
    EXECUTE format('DROP TABLE %s', staged.name);
    FOREACH suffix IN ARRAY etl._table_suffixes(old) LOOP
        relation := etl._own_table(etl._rollup_table(old.name, suffix), old.owner, with_policies => true);
        IF relation IS NOT NULL THEN
            EXECUTE format('DROP TABLE %s', relation);
        END IF;
    END LOOP;
    FOREACH suffix IN ARRAY etl._table_suffixes(staged) LOOP
        relation := etl._own_table(etl._rollup_table(staged.name, suffix), old.owner);
        IF relation IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s RENAME TO %I', relation, (parse_ident(wanted.name))[2] || suffix);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._swap_rollup(etl.rollup, etl.rollup, etl.rollup) IS
    'Puts what was filled in beside a rollup in its place. Where it has the same columns only rows that differ change.';

CREATE FUNCTION etl._rebuild_rollup(old etl.rollup, wanted etl.rollup)
RETURNS etl.rollup
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    staged etl.rollup;
BEGIN
    PERFORM etl._refuse_frozen(old);
    wanted.plan := etl._planned_rollup(wanted);
    PERFORM etl._require_freezable(wanted);
    PERFORM etl._refuse_circle(wanted);
    -- Nobody waits for the new rows to be computed. What is written meanwhile is not in them, so all groups are
    -- computed once more by the next refresh.
    staged := etl._stage_rollup(wanted);
    wanted.plan := staged.plan;
    PERFORM etl._drop_sources(old);
    PERFORM etl._swap_rollup(old, wanted, staged);
    PERFORM etl._create_sources(wanted);
    IF wanted.retention = 'freeze' THEN
        PERFORM etl._create_frozen(wanted);
    END IF;
    PERFORM etl._mark_all(wanted);
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION etl._rebuild_rollup(etl.rollup, etl.rollup) IS
    'Fills a rollup anew for another query, mode or key, and returns the definition with its plan.';

-- Other changes ------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_key_value(rollup etl.rollup, value text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
AS $$
DECLARE
    key CONSTANT jsonb := rollup.plan -> 'keys' -> 0;
    reason text;
BEGIN
    PERFORM set_config('timezone', rollup.timezone, true);
    RETURN etl._locked_value(format('SELECT %s', etl._text_of(format('%L::%s', value, key ->> 'type'))), NULL::text);
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('frozen_before is not of the type of "%s": %s', key ->> 'name', reason),
            HINT = format('Give a value of type %s as a text.', key ->> 'type');
END
$$;
COMMENT ON FUNCTION etl._require_key_value(etl.rollup, text) IS
    'A value of the first key column, as it is stored; 22023 where it is none.';

CREATE FUNCTION etl._accept_frozen(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source etl.rollup_source;
    members text[];
BEGIN
    FOR source IN SELECT * FROM etl._sources(rollup) LOOP
        members := etl._family_names(etl._require_source(rollup, source));
        PERFORM etl._drop_source_triggers(source, members);
        UPDATE etl.rollup_source AS s
        SET family = ARRAY(SELECT m FROM unnest(s.family) AS m WHERE m = ANY (members))
        WHERE s.rollup_id = rollup.rollup_id AND s.number = source.number AND s.owner = current_user;
        -- Where any row touches all groups, no row that was erased tells which ones.
        EXECUTE format('DELETE FROM %s AS l WHERE l.etl_op = ''A'' OR l.etl_op IN (''e'', ''B'') AND %L',
                       source.log_table,
                       (etl._plan_source(rollup.plan, source.number) ->> 'everything')::boolean);
    END LOOP;
    PERFORM etl._mark_all(rollup);
END
$$;
COMMENT ON FUNCTION etl._accept_frozen(etl.rollup) IS
    'Takes it that what is gone from the sources of a rollup is before the key from which on groups are computed; '
    'those after it are computed anew.';

CREATE FUNCTION etl._apply_retention(old etl.rollup, wanted etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF wanted.retention = 'freeze' AND old.retention IS DISTINCT FROM 'freeze' THEN
        PERFORM etl._require_freezable(wanted);
        PERFORM etl._create_frozen(wanted);
    ELSIF old.retention = 'freeze' AND wanted.retention IS DISTINCT FROM 'freeze' THEN
        IF wanted.retention IS NULL THEN
            PERFORM etl._refuse_frozen(old);
        END IF;
        EXECUTE format('DROP TABLE IF EXISTS %s', etl._rollup_table(old.name, '_frozen'));
        PERFORM etl._mark_all(wanted);
    END IF;
    IF wanted.frozen_before IS DISTINCT FROM old.frozen_before THEN
        IF wanted.frozen_before IS NOT NULL AND wanted.retention IS DISTINCT FROM 'freeze' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('rollup "%s" does not freeze groups', wanted.name),
                HINT = 'Pass retention => ''freeze'' with frozen_before.';
        END IF;
        PERFORM etl._accept_frozen(wanted);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._apply_retention(etl.rollup, etl.rollup) IS
    'Does what another retention or another key from which on groups are computed asks for.';

CREATE FUNCTION etl._update_rollup(rollup etl.rollup)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.rollup AS r
    SET query = rollup.query, key_columns = rollup.key_columns, mode = rollup.mode, affects = rollup.affects,
        plan = rollup.plan, schedule = rollup.schedule, realtime = rollup.realtime, retention = rollup.retention,
        frozen_before = rollup.frozen_before, description = rollup.description
    WHERE r.rollup_id = rollup.rollup_id AND r.owner = current_user
$$;
COMMENT ON FUNCTION etl._update_rollup(etl.rollup) IS 'Writes a changed definition down.';

CREATE FUNCTION etl.alter_rollup(
    name text,
    query text DEFAULT NULL,
    key_columns name[] DEFAULT NULL,
    mode text DEFAULT NULL,
    affects jsonb DEFAULT NULL,
    schedule text DEFAULT NULL,
    realtime boolean DEFAULT NULL,
    retention text DEFAULT NULL,
    frozen_before text DEFAULT NULL,
    description text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old CONSTANT etl.rollup := etl._lock_definition(name);
    rights CONSTANT jsonb := etl._live_rights(old);
    wanted etl.rollup := etl._changed_rollup(old, query, key_columns, mode, affects, schedule, realtime, retention,
                                             frozen_before, description);
BEGIN
    IF frozen_before <> '' THEN
        wanted.frozen_before := etl._require_key_value(wanted, frozen_before);
    END IF;
    IF query IS NOT NULL OR (wanted.key_columns, wanted.mode, wanted.affects)
                            <> (old.key_columns, old.mode, old.affects) THEN
        IF query IS NULL THEN
            PERFORM etl._require_same_uses(old);
        END IF;
        wanted := etl._rebuild_rollup(old, wanted);
    ELSE
        PERFORM etl._apply_retention(old, wanted);
    END IF;
    PERFORM etl._update_rollup(wanted), etl._alter_live_view(old, wanted, rights);
    IF wanted.schedule IS DISTINCT FROM old.schedule THEN
        PERFORM etl._schedule_rollup(wanted);
    END IF;
    IF wanted.description IS DISTINCT FROM old.description THEN
        EXECUTE format('COMMENT ON TABLE %s IS %L', wanted.name, wanted.description);
    END IF;
END
$$;
COMMENT ON FUNCTION etl.alter_rollup(
    text, text, name[], text, jsonb, text, boolean, text, text, text) IS
    'Changes a rollup. What is NULL stays as it is; an empty text (schedule, retention, frozen_before, description) '
    'takes away what there was. Waits for a refresh that is under way. query, also the same one, key_columns, mode '
    'and affects: fills the rollup anew beside what it has, while others go on writing, and puts it in its place in '
    'this transaction; the table stays the same, and where its columns do only rows that differ are written. The next '
    'refresh computes all groups once more, for what was written meanwhile. To swap the triggers it waits for who '
    'writes the tables, and later writers wait behind it: lock_timeout bounds that. A query that is given takes the '
    'functions that its names mean now; without one they must be those of before. retention: freeze keeps groups '
    'whose rows are erased as they are, follow computes them from what is left, and so those that were frozen; an '
    'empty text is refused while groups are frozen. Columns that somebody has added to the table stay. frozen_before: '
    'with freeze, groups whose first key is less are never computed again; says also that what is gone from the '
    'tables, as partitions that were dropped, is before it. '
    'Errors: those of etl.create_rollup, 42704 no such rollup, 42809 no query is given, and names in it have come to '
    'mean something else, 42P19 a rollup that would read itself, 55000 another query, or no decision about erasures, '
    'for one with frozen groups, 2BP01 something depends on a column that goes.';
