-- Rollups dropped, with all that belongs to them.

CREATE FUNCTION etl._rollup_tables(rollup etl.rollup)
RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.relation
    FROM (
        SELECT 1, t FROM etl._own_table(rollup.name, rollup.owner, with_policies => true) AS t
        WHERE etl._is_target(rollup, t)
        UNION ALL
        SELECT 2, etl._own_table(etl._rollup_table(rollup.name, suffix), rollup.owner, with_policies => true)
        FROM unnest(etl._table_suffixes(rollup)) AS suffix
    ) AS o(number, relation)
    WHERE o.relation IS NOT NULL
    ORDER BY o.number, o.relation
$$;
COMMENT ON FUNCTION etl._rollup_tables(etl.rollup) IS
    'The tables of a rollup that there are, but its logs, where they are its owner''s: the name was written by the '
    'owner, and what is another''s stays, whoever drops the rollup; and so does another table of that name.';

CREATE FUNCTION etl._drop_sources(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source etl.rollup_source;
    log_table regclass;
BEGIN
    FOR source IN SELECT * FROM etl._sources(rollup) LOOP
        PERFORM etl._drop_source_triggers(source);
        log_table := etl._own_table(source.log_table, source.owner, with_policies => true);
        IF log_table IS NOT NULL THEN
            EXECUTE format('DROP TABLE %s', log_table);
        END IF;
    END LOOP;
    DELETE FROM etl.rollup_source AS s WHERE s.rollup_id = rollup.rollup_id AND s.owner = rollup.owner;
    DELETE FROM etl.rollup_missed AS m WHERE m.rollup_id = rollup.rollup_id;
END
$$;
COMMENT ON FUNCTION etl._drop_sources(etl.rollup) IS
    'Drops the triggers and the logs of a rollup. 42501 where the current role may not drop a trigger.';

CREATE FUNCTION etl._drop_rollup_tables(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass;
    detail text;
    staying text;
BEGIN
    PERFORM etl._drop_live_view(rollup);
    FOR relation IN SELECT t FROM etl._rollup_tables(rollup) AS t LOOP
        EXECUTE format('DROP TABLE %s', relation);
    END LOOP;
    SELECT string_agg(t.name, ', ') INTO staying
    FROM (
        SELECT etl._rollup_table(rollup.name, suffix)
        FROM unnest('{""}'::text[] || etl._table_suffixes(rollup)) AS suffix
        UNION ALL
        SELECT etl._rollup_table(rollup.name, '_log_' || (s ->> 'number'))
        FROM jsonb_array_elements(rollup.plan -> 'sources') AS s
    ) AS t(name)
    WHERE etl._named_relation(t.name) IS NOT NULL;
    IF staying IS NOT NULL THEN
        RAISE NOTICE USING
            MESSAGE = format('these relations stay: %s', staying),
            DETAIL = format('They do not belong to role "%s", or are not what rollup "%s" was made with.', rollup.owner,
                            rollup.name);
    END IF;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION USING
            ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('cannot drop rollup "%s", as other objects depend on it', rollup.name),
            DETAIL = detail,
            HINT = format('Drop those first, and then SELECT etl.drop_rollup(%L);', rollup.name);
END
$$;
COMMENT ON FUNCTION etl._drop_rollup_tables(etl.rollup) IS
    'Drops the tables and the live view of a rollup. 2BP01 where something depends on one of them.';

CREATE FUNCTION etl._refuse_readers(rollup etl.rollup, what text, columns name[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader text := (
        SELECT r.name FROM etl.rollup AS r
        JOIN etl.rollup_source AS s USING (rollup_id, owner)
        WHERE s.relation = rollup.name AND (columns IS NULL
            OR etl._plan_source(r.plan, s.number) -> 'used' ?| columns::text[])
        ORDER BY r.name LIMIT 1);
BEGIN
    IF reader IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('cannot %s, as rollup "%s" reads it', what, reader),
            HINT = format('First SELECT etl.drop_rollup(%L); or etl.alter_rollup(%1$L, query => …) with a query that '
                          'does without.', reader);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._refuse_readers(etl.rollup, text, name[]) IS
    'Raises (2BP01) where another rollup reads a rollup, or some of its columns; what: what cannot be done.';

CREATE FUNCTION etl.drop_rollup(name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rollup etl.rollup := etl._find_rollup(name);
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    IF rollup.rollup_id IS NULL AND (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        rollup := etl._find_rollup(name, NULL);
    END IF;
    IF rollup.rollup_id IS NULL AND if_exists THEN
        RAISE NOTICE 'rollup "%" does not exist, nothing to drop', name;
        RETURN;
    ELSIF rollup.rollup_id IS NULL THEN
        PERFORM etl._refuse_rollup_name(name);
    END IF;
    PERFORM pg_advisory_xact_lock('etl.rollup'::regclass::oid::integer, rollup.rollup_id); -- after a refresh
    PERFORM etl._refuse_readers(rollup, format('drop rollup "%s"', rollup.name));
    PERFORM etl._drop_sources(rollup);
    DELETE FROM etl.rollup AS r WHERE r.rollup_id = rollup.rollup_id AND r.owner = rollup.owner;
    PERFORM etl._drop_rollup_tables(rollup);
    IF rollup.schedule IS NOT NULL THEN
        PERFORM etl._cron_unschedule(etl._cron_job_name('rollup', rollup.name), rollup.owner);
    END IF;
END
$$;
COMMENT ON FUNCTION etl.drop_rollup(text, boolean) IS
    'Drops a rollup: its tables, the triggers on the tables that it reads, and its pg_cron job. Waits for a refresh '
    'that is under way. A superuser may drop another role''s. Errors: 42704 no such rollup (a NOTICE with if_exists), '
    '42501 a trigger is on another role''s table, 2BP01 another rollup reads it, or something depends on a table of '
    'it.';

-- Definitions know roles by name, as a dump does. What REASSIGN OWNED and ALTER ROLE … RENAME do to the tables has to
-- be done to the definitions, too.
CREATE FUNCTION etl.reassign_rollups(old_owner name, new_owner name)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reassigned bigint;
    scheduled text;
BEGIN
    IF row_security_active('etl.rollup') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'permission denied to reassign rollups',
            DETAIL = 'A refresh runs what stands in the definition, with the rights of the owner.',
            HINT = 'Let a superuser call it.';
    ELSIF to_regrole(quote_ident(new_owner)) IS NULL OR old_owner IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN old_owner IS NULL OR new_owner IS NULL THEN 'no role was given'
                           ELSE format('role "%s" does not exist', new_owner) END,
            HINT = 'Give the name that the owner had, and the role that has the tables now.';
    END IF;
    SELECT string_agg(format('etl.alter_rollup(%L, schedule => %L)', r.name, r.schedule), ', ' ORDER BY r.name)
    INTO scheduled FROM etl.rollup AS r WHERE r.owner = old_owner AND r.schedule IS NOT NULL;
    PERFORM etl._cron_unschedule(etl._cron_job_name('rollup', r.name), old_owner) FROM etl.rollup AS r
    WHERE r.owner = old_owner AND r.schedule IS NOT NULL;
    UPDATE etl.rollup_source AS s SET owner = new_owner WHERE s.owner = old_owner;
    UPDATE etl.rollup AS r SET owner = new_owner, schedule = NULL WHERE r.owner = old_owner;
    GET DIAGNOSTICS reassigned = ROW_COUNT;
    IF scheduled IS NOT NULL THEN
        RAISE NOTICE USING
            MESSAGE = format('rollups of role "%s" have no schedule now', new_owner),
            DETAIL = 'Jobs of pg_cron belong to who makes them.',
            HINT = format('Let that role say: SELECT %s;', scheduled);
    END IF;
    RETURN reassigned;
END
$$;
COMMENT ON FUNCTION etl.reassign_rollups(name, name) IS
    'Gives the rollups of a role to another, after REASSIGN OWNED has given it their tables, or to the new name of a '
    'role that was renamed, and returns how many there were. The new owner can then refresh, alter and drop them, and '
    'what the old one has written into them runs with the new one''s rights. Jobs of pg_cron are removed: a schedule '
    'has to be given again by the new owner; a NOTICE has the call. For superusers. Errors: 42501 others, 42704 no '
    'such new owner, 23505 it has a rollup of that name.';
