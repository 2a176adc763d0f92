-- Scheduling with pg_cron, which is optional: it is called by name and at run time only, so that pg_etl is created
-- and works without it, and says what to set up when a schedule is asked for.

CREATE FUNCTION etl._require_schedule(schedule text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF schedule IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'schedule must not be NULL',
            HINT = 'Give minute, hour, day of month, month and day of week, as in ''0 2 * * *'' for 02:00 GMT every '
                   'day.';
    ELSIF lower(btrim(schedule)) = '@reboot' THEN
        RETURN;
    END IF;
    PERFORM etl._schedule_words(schedule);
    IF schedule ~* '[-0-9 ,]l' THEN -- but for july and the like, which begin with other letters
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('schedule "%s" has L, which pg_cron does not know', schedule),
            HINT = 'Give the days by their numbers.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_schedule(text) IS
    'Checks that pg_cron will understand a schedule, cron''s five fields or a macro such as @hourly (22023). pg_cron '
    'takes a sixth field without complaint and then runs the job at the wrong times, and a range that ends before it '
    'begins, and then never runs it.';

CREATE FUNCTION etl._cron_database()
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN current_setting('cron.database_name', true);
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._cron_database() IS
    'The database in which pg_cron lives; NULL when the server has none or the current role may not know.';

CREATE FUNCTION etl._require_pg_cron()
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('pg_cron is not installed in database "%s"', current_database()),
            DETAIL = 'Schedules are run by pg_cron; everything else works without it.',
            HINT = CASE WHEN etl._cron_database() = current_database() THEN 'CREATE EXTENSION pg_cron;'
                        ELSE format(E'Put these two lines into postgresql.conf, restart, then CREATE EXTENSION '
                                    'pg_cron:\n    shared_preload_libraries = ''pg_cron''\n'
                                    '    cron.database_name = %L', current_database()) END;
    ELSIF NOT has_schema_privilege('cron', 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'permission denied for schema cron',
            DETAIL = format('Role "%s" may not schedule jobs with pg_cron.', current_user),
            HINT = format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_pg_cron() IS
    'Checks that pg_cron is installed in this database (55000, the hint tells how to set it up) and that the current '
    'role may use it (42501).';

CREATE FUNCTION etl._cron_job_name(kind text, name text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN octet_length(format('etl %s %s', kind, name)) <= 63 THEN format('etl %s %s', kind, name)
               ELSE format('etl %s %s', kind, md5(name))
           END
$$;
COMMENT ON FUNCTION etl._cron_job_name(text, text) IS
    'Name of the pg_cron job that runs something of that kind and name. pg_cron cuts names after 63 bytes, so a longer '
    'one ends in the hash of the name instead.';

CREATE FUNCTION etl._cron_schedule(job_name text, schedule text, command text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job bigint;
BEGIN
    PERFORM etl._require_schedule(schedule);
    PERFORM etl._require_pg_cron();
    EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job USING job_name, lower(btrim(schedule)), command;
    RETURN job;
EXCEPTION
    WHEN invalid_parameter_value THEN
        IF SQLERRM NOT LIKE 'invalid schedule%' THEN
            RAISE;
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('schedule "%s" is not understood by pg_cron', schedule),
            HINT = 'The fields are minute 0-59, hour 0-23, day of month 1-31, month 1-12 or jan-dec, day of week 0-7 '
                   'or sun-sat; each is *, a number, a range a-b, a list a,b or a step */n.';
END
$$;
COMMENT ON FUNCTION etl._cron_schedule(text, text, text) IS
    'Schedules a command under a name with pg_cron, in place of an earlier job of that name and role, and returns the '
    'number of the job. Errors: 22023 bad schedule, 55000 no pg_cron, 42501 not allowed to use it.';

CREATE FUNCTION etl._cron_unschedule(job_name text, owner name DEFAULT current_user)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
        RETURN;
    ELSIF NOT has_schema_privilege('cron', 'USAGE') THEN
        RAISE WARNING USING
            MESSAGE = format('job "%s" of pg_cron was not removed', job_name),
            DETAIL = format('Role "%s" has no rights on schema cron any more.', current_user),
            HINT = 'Let a superuser remove it with cron.unschedule.';
    ELSE
        EXECUTE 'SELECT count(cron.unschedule(j.jobid)) FROM cron.job AS j'
                ' WHERE j.jobname = $1 AND j.username = $2 AND j.database = current_database()'
            USING job_name, owner;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._cron_unschedule(text, name) IS
    'Removes the owner''s job of that name from pg_cron; does nothing when there is none or no pg_cron, and '
    'warns when the role may not use pg_cron.';
