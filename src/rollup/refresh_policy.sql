-- Refresh policies: what pg_cron refreshes, when and how.

CREATE FUNCTION etl._schedule_refresh(policy etl.refresh_policy)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._cron_schedule(etl._cron_job_name('refresh', (policy).matview), (policy).schedule,
                              format('CALL etl.refresh_matview(%L)', (policy).matview))
$$;
COMMENT ON FUNCTION etl._schedule_refresh(etl.refresh_policy) IS
    'Gives the policy its pg_cron job, in place of the one it may have, and returns the number of the job.';

CREATE FUNCTION etl._refresh_definition(policy etl.refresh_policy)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(', ',
                     format('schedule ''%s''', (policy).schedule),
                     format('concurrently ''%s''', (policy).setting),
                     CASE WHEN (policy).skip_if_unchanged THEN 'skip_if_unchanged' END,
                     'lock_timeout ' || (policy).lock_timeout,
                     'timeout ' || (policy).timeout,
                     CASE WHEN (policy).vacuum_after THEN 'vacuum_after' END,
                     CASE WHEN (policy).with_dependencies THEN 'with_dependencies' END)
$$;
COMMENT ON FUNCTION etl._refresh_definition(etl.refresh_policy) IS 'What a refresh policy says, in words.';

CREATE FUNCTION etl._keep_refresh_policy(
    stored etl.refresh_policy, wanted etl.refresh_policy, if_not_exists boolean)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    definition text := etl._refresh_definition(stored);
BEGIN
    PERFORM etl._require_owner(stored.owner, format('refresh policy "%s"', stored.matview));
    IF NOT if_not_exists THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('refresh policy "%s" already exists', stored.matview),
            DETAIL = format('It has %s.', definition),
            HINT = format('SELECT etl.alter_refresh_policy(%L, …); changes it; or pass if_not_exists => true.',
                          stored.matview);
    ELSIF definition = etl._refresh_definition(wanted) THEN
        RAISE NOTICE 'refresh policy "%" already exists, nothing changed', stored.matview;
    ELSE
        RAISE WARNING USING
            MESSAGE = format('refresh policy "%s" already exists with another definition, nothing changed',
                             stored.matview),
            DETAIL = format('It has %s.', definition),
            HINT = format('SELECT etl.alter_refresh_policy(%L, …); changes it.', stored.matview);
    END IF;
    RETURN etl._schedule_refresh(stored);
END
$$;
COMMENT ON FUNCTION etl._keep_refresh_policy(etl.refresh_policy, etl.refresh_policy, boolean) IS
    'What etl.add_refresh_policy does when there is a policy: error (42710), notice or warning. Returns its job.';

CREATE FUNCTION etl._require_setting(setting text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF setting IN ('auto', 'on', 'off') THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = CASE
                      WHEN setting IS NULL THEN 'concurrently must not be NULL'
                      ELSE format('unknown setting "%s" for concurrently', setting)
                  END,
        DETAIL = 'The known ones are auto, on, off.',
        HINT = 'Leave concurrently out to have auto: CONCURRENTLY where PostgreSQL can do it.';
END
$$;
COMMENT ON FUNCTION etl._require_setting(text) IS 'Checks the setting of a refresh policy: auto, on or off (22023).';

CREATE FUNCTION etl._refresh_timeout(span interval, argument text)
RETURNS interval
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF span = interval '0' THEN
        RETURN NULL;
    ELSIF span IS NOT NULL THEN
        PERFORM etl._require_positive(span, argument);
        IF extract(epoch FROM span) * 1000 > 2147483647 THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('%s must not be longer than 24 days, and is %s', argument, span),
                HINT = 'Leave it out to have none.';
        END IF;
    END IF;
    RETURN span;
END
$$;
COMMENT ON FUNCTION etl._refresh_timeout(interval, text) IS
    'A timeout as it is stored: NULL and zero are none (22023 where it is negative or above 24 days).';

CREATE FUNCTION etl._warn_of_refresh(matview regclass, policy etl.refresh_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mode text := etl._refresh_mode(matview, policy.setting);
    keys text;
    obstacle text;
BEGIN
    IF mode = 'plain' AND policy.setting = 'auto' THEN
        RAISE NOTICE USING
            MESSAGE = format('materialized view "%s" cannot be refreshed concurrently: %s', matview,
                             etl._concurrently_obstacle(matview)),
            DETAIL = 'Readers wait while it is refreshed.',
            HINT = format('CREATE UNIQUE INDEX ON %s (…); over the columns that tell its rows apart.', matview);
    ELSIF mode = 'concurrently' THEN
        keys := etl._null_keys(matview);
    END IF;
    IF keys IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('materialized view "%s" has rows with NULL in its key (%s)', matview, keys),
            DETAIL = 'Each concurrent refresh deletes and inserts all of these rows, changed or not.',
            HINT = 'Let the query return a value in place of NULL, as with coalesce().';
    END IF;
    IF policy.skip_if_unchanged THEN
        obstacle := etl._skip_obstacle(matview);
    END IF;
    IF obstacle IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('no refresh of materialized view "%s" will be skipped: %s', matview, obstacle),
            DETAIL = 'So nothing can tell that a refresh would change nothing.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._warn_of_refresh(regclass, etl.refresh_policy) IS
    'Says what a policy cannot do for its view, or not well; 55000 where concurrently is on and that cannot be.';

CREATE FUNCTION etl._note_for_policy(matview regclass, policy etl.refresh_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT policy.skip_if_unchanged THEN
        RETURN;
    END IF;
    IF etl._unpredictable(matview) IS NULL THEN
        PERFORM etl._note_changes_beneath(matview);
    END IF;
    PERFORM etl._register_refresh(policy);
END
$$;
COMMENT ON FUNCTION etl._note_for_policy(regclass, etl.refresh_policy) IS
    'Prepares what a policy needs to skip needless refreshes; no table gets a trigger in vain.';

CREATE FUNCTION etl.add_refresh_policy(
    matview regclass,
    schedule text,
    concurrently text DEFAULT 'auto',
    skip_if_unchanged boolean DEFAULT false,
    lock_timeout interval DEFAULT NULL,
    timeout interval DEFAULT NULL,
    vacuum_after boolean DEFAULT false,
    with_dependencies boolean DEFAULT false,
    if_not_exists boolean DEFAULT false
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted etl.refresh_policy;
    stored etl.refresh_policy;
BEGIN
    PERFORM etl._require_matview(matview),
            etl._require_setting($3), -- "concurrently" is a keyword
            etl._require_schedule(schedule),
            etl._require_flag(skip_if_unchanged, 'skip_if_unchanged'),
            etl._require_flag(vacuum_after, 'vacuum_after'),
            etl._require_flag(with_dependencies, 'with_dependencies'),
            etl._require_flag(if_not_exists, 'if_not_exists');
    wanted := (etl._relation_name(matview), lower(btrim(schedule)), $3, skip_if_unchanged,
               etl._refresh_timeout(lock_timeout, 'lock_timeout'), etl._refresh_timeout(timeout, 'timeout'),
               vacuum_after, with_dependencies, now(), current_user);
    stored := etl._refresh_policy_of(matview);
    IF stored.owner IS NOT NULL THEN
        RETURN etl._keep_refresh_policy(stored, wanted, if_not_exists);
    END IF;
    PERFORM etl._store_refresh_policy(wanted);
    PERFORM etl._note_for_policy(matview, wanted);
    PERFORM etl._warn_of_refresh(matview, wanted);
    RETURN etl._schedule_refresh(wanted);
END
$$;
COMMENT ON FUNCTION etl.add_refresh_policy(
    regclass, text, text, boolean, interval, interval, boolean, boolean, boolean) IS
    'Refreshes a materialized view on a schedule through pg_cron, and returns the number of its job. schedule: five '
    'cron fields, in GMT, or @hourly and the like. concurrently: auto refreshes CONCURRENTLY, so that readers do not '
    'wait, where PostgreSQL can do that (the view has rows and a unique index over plain columns and all rows), '
    'decided anew at each refresh, and warns when rows with NULL in the key would be written anew each time; on '
    'insists on it; off never does. skip_if_unchanged: does nothing when nothing has changed beneath the view. The '
    'tables beneath it get the trigger etl_note_change, which notes once in each transaction that the table was '
    'written to; so the role must own them. Where it cannot be told (the query calls now(), reads a foreign table, '
    '…), that is a warning and no refresh is skipped. lock_timeout: how long a refresh waits for a lock; timeout: how '
    'long it may take; NULL or zero: as long as the settings of the session say. vacuum_after: VACUUM (ANALYZE) of '
    'the view after each refresh, in a background worker. with_dependencies: the materialized views that it reads, '
    'also through views, are refreshed first. if_not_exists: leaves an existing policy as it is, with a NOTICE, or a '
    'WARNING when it differs. Errors: 42809 not a materialized view, 42501 not its owner, not the owner of a table '
    'beneath it, or (superusers) the policy is the owner''s, 22023 bad schedule, setting or timeout, 55000 '
    'concurrently on where that cannot be or no pg_cron, 42710 the view has a policy.';

CREATE FUNCTION etl._store_refresh_policy(policy etl.refresh_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO etl.refresh_policy SELECT policy.*;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('refresh policy "%s" already exists', policy.matview),
            DETAIL = 'Another session has just made it.',
            HINT = format('SELECT etl.alter_refresh_policy(%L, …); changes it.', policy.matview);
END
$$;
COMMENT ON FUNCTION etl._store_refresh_policy(etl.refresh_policy) IS
    'Writes a new policy down; 42710 where the role has got one for the view meanwhile.';
