-- Rollups dropped, with all that belongs to them.

CREATE FUNCTION etl._rollup_tables(rollup etl.rollup)
RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.relation
    FROM (
        SELECT 1, etl._own_table(rollup.name, rollup.owner)
        UNION ALL
        SELECT 2, etl._own_table(etl._rollup_table(rollup.name, suffix), rollup.owner)
        FROM unnest('{_pending,_state,_frozen}'::text[]) AS suffix
    ) AS o(number, relation)
    WHERE o.relation IS NOT NULL
    ORDER BY o.number, o.relation
$$;
COMMENT ON FUNCTION etl._rollup_tables(etl.rollup) IS
    'The tables of a rollup that there are, but its logs, where they are its owner''s: the name was written by the '
    'owner, and what is another''s stays, whoever drops the rollup.';

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
        log_table := etl._own_table(source.log_table, source.owner);
        IF log_table IS NOT NULL THEN
            EXECUTE format('DROP TABLE %s', log_table);
        END IF;
    END LOOP;
    DELETE FROM etl.rollup_source AS s WHERE s.rollup_id = rollup.rollup_id AND s.owner = rollup.owner;
END
$$;
COMMENT ON FUNCTION etl._drop_sources(etl.rollup) IS
    'Drops the triggers and the logs of a rollup. 42501 where the current role may not drop a trigger.';

CREATE FUNCTION etl.drop_rollup(name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rollup etl.rollup := etl._find_rollup(name);
    relation regclass;
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
    DELETE FROM etl.rollup AS r WHERE r.rollup_id = rollup.rollup_id AND r.owner = rollup.owner;
    PERFORM etl._drop_sources(rollup);
    PERFORM etl._drop_live_view(rollup);
    FOR relation IN SELECT t FROM etl._rollup_tables(rollup) AS t LOOP
        EXECUTE format('DROP TABLE %s', relation);
    END LOOP;
    PERFORM etl._cron_unschedule(etl._cron_job_name('rollup', rollup.name), rollup.owner);
END
$$;
COMMENT ON FUNCTION etl.drop_rollup(text, boolean) IS
    'Drops a rollup: its tables, the triggers on the tables that it reads, and its pg_cron job. Waits for a refresh '
    'that is under way. A superuser may drop another role''s. Errors: 42704 no such rollup (a NOTICE with if_exists), '
    '42501 a trigger is on another role''s table, 2BP01 something depends on a table of it.';
