-- What DROP EXTENSION pg_etl would leave behind: jobs in pg_cron's table that call functions which are gone. An event
-- trigger removes them in the same transaction.

CREATE FUNCTION etl._unschedule_all()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT (SELECT pg_has_role(e.extowner, 'USAGE') FROM pg_extension AS e WHERE e.extname = 'pg_etl') THEN
        RETURN; -- which PostgreSQL refuses
    ELSIF EXISTS (
        SELECT FROM pg_depend AS d
        JOIN pg_extension AS e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = to_regclass('cron.job')
          AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pg_cron'
    ) THEN -- pg_cron's own table, and none that somebody made to be run by a superuser
        EXECUTE $sql$
            SELECT count(cron.unschedule(j.jobid))
            FROM cron.job AS j
            WHERE j.jobname LIKE 'etl %' AND j.command LIKE 'CALL etl.%' AND j.database = current_database()
        $sql$;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._unschedule_all() IS
    'Removes the jobs of all policies and pipelines of this database from pg_cron, whoever scheduled them.';

CREATE FUNCTION etl._before_drop_extension()
RETURNS event_trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_before_drop_extension';
COMMENT ON FUNCTION etl._before_drop_extension() IS
    'Calls etl._unschedule_all() when the statement drops pg_etl.';

CREATE EVENT TRIGGER pg_etl_drop ON ddl_command_start
    WHEN TAG IN ('DROP EXTENSION')
    EXECUTE FUNCTION etl._before_drop_extension();
COMMENT ON EVENT TRIGGER pg_etl_drop IS
    'Removes pg_etl''s jobs from pg_cron before the extension is dropped.';
