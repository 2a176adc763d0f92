-- Refresh policies found, changed, removed and shown.

CREATE FUNCTION etl._find_refresh_policy(matview text)
RETURNS etl.refresh_policy
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[] := parse_ident(matview);
    policies etl.refresh_policy[];
BEGIN
    -- Superusers see those of all roles: their own come first, and then those of the views' owners.
    SELECT array_agg(f.policy ORDER BY (f.policy).matview) INTO policies
    FROM (
        SELECT p AS policy, p.owner = current_user AS is_own,
               p.owner = pg_get_userbyid(c.relowner) AS is_owners
        FROM etl.refresh_policy AS p
        LEFT JOIN pg_class AS c ON c.oid = etl._named_relation(p.matview)
        WHERE (parse_ident(p.matview))[3 - cardinality(parts):] = parts
    ) AS f
    GROUP BY f.is_own, f.is_owners ORDER BY f.is_own DESC, f.is_owners DESC NULLS LAST LIMIT 1;
    IF cardinality(policies) > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('more than one refresh policy is for a view named "%s"', matview),
            DETAIL = format('There are %s.', (SELECT string_agg(p.matview, ', ') FROM unnest(policies) AS p)),
            HINT = 'Give the view with its schema.';
    END IF;
    RETURN policies[1];
END
$$;
COMMENT ON FUNCTION etl._find_refresh_policy(text) IS
    'The policy for a view of that name, with or without schema, whether the view still exists or not; NULL when there '
    'is none. Raises when a name without schema fits several (22023).';

CREATE FUNCTION etl._require_refresh_policy(matview text, to_remove boolean DEFAULT false)
RETURNS etl.refresh_policy
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    policy etl.refresh_policy := etl._find_refresh_policy(matview);
BEGIN
    IF policy.matview IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE
                          WHEN matview IS NULL THEN 'no materialized view was given'
                          ELSE format('materialized view "%s" has no refresh policy', matview)
                      END,
            HINT = 'SELECT * FROM etl.refresh_policies; lists them.'
                   || CASE WHEN to_remove THEN ' To go on without an error pass if_exists => true.' ELSE '' END;
    END IF;
    PERFORM etl._require_owner(policy.owner, format('refresh policy "%s"', policy.matview), or_superuser => to_remove);
    RETURN policy;
END
$$;
COMMENT ON FUNCTION etl._require_refresh_policy(text, boolean) IS
    'The policy for a view of that name; 42704 where there is none, 42501 where it is another role''s, which only a '
    'superuser may remove.';

CREATE FUNCTION etl._change_refresh_policy(stored etl.refresh_policy, wanted etl.refresh_policy)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view regclass := etl._named_relation(stored.matview);
BEGIN
    UPDATE etl.refresh_policy AS p
    SET schedule = wanted.schedule, setting = wanted.setting, skip_if_unchanged = wanted.skip_if_unchanged,
        lock_timeout = wanted.lock_timeout, timeout = wanted.timeout, vacuum_after = wanted.vacuum_after,
        with_dependencies = wanted.with_dependencies
    WHERE p.matview = stored.matview AND p.owner = stored.owner;
    IF stored.skip_if_unchanged AND NOT wanted.skip_if_unchanged THEN
        PERFORM etl._forget_sources(stored);
    END IF;
    IF view IS NOT NULL THEN
        PERFORM etl._note_for_policy(view, wanted);
        PERFORM etl._warn_of_refresh(view, wanted);
    END IF;
    RETURN etl._schedule_refresh(wanted);
END
$$;
COMMENT ON FUNCTION etl._change_refresh_policy(etl.refresh_policy, etl.refresh_policy) IS
    'Puts a changed policy in place of a stored one, and returns the number of its job.';

CREATE FUNCTION etl.alter_refresh_policy(
    matview text,
    schedule text DEFAULT NULL,
    concurrently text DEFAULT NULL,
    skip_if_unchanged boolean DEFAULT NULL,
    lock_timeout interval DEFAULT NULL,
    timeout interval DEFAULT NULL,
    vacuum_after boolean DEFAULT NULL,
    with_dependencies boolean DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.refresh_policy := etl._require_refresh_policy(matview);
    wanted etl.refresh_policy := stored;
BEGIN
    wanted.schedule := coalesce(lower(btrim(schedule)), stored.schedule);
    wanted.setting := coalesce($3, stored.setting); -- "concurrently" is a keyword
    wanted.skip_if_unchanged := coalesce(skip_if_unchanged, stored.skip_if_unchanged);
    wanted.lock_timeout := etl._refresh_timeout(coalesce(lock_timeout, stored.lock_timeout), 'lock_timeout');
    wanted.timeout := etl._refresh_timeout(coalesce(timeout, stored.timeout), 'timeout');
    wanted.vacuum_after := coalesce(vacuum_after, stored.vacuum_after);
    wanted.with_dependencies := coalesce(with_dependencies, stored.with_dependencies);
    PERFORM etl._require_schedule(wanted.schedule), etl._require_setting(wanted.setting);
    RETURN etl._change_refresh_policy(stored, wanted);
END
$$;
COMMENT ON FUNCTION etl.alter_refresh_policy(
    text, text, text, boolean, interval, interval, boolean, boolean) IS
    'Changes what is given of the refresh policy for a view, and returns the number of its job. What is left out or '
    'NULL stays as it is; a timeout of zero is none from then on. The arguments and warnings are those of '
    'etl.add_refresh_policy. The view is given by name; it may be gone. '
    'Errors: 42704 no such policy, 42501 it is another role''s or a table beneath the view is, 22023 bad schedule, '
    'setting or timeout, 55000 concurrently on where that cannot be or no pg_cron.';

CREATE FUNCTION etl._forget_sources(policy etl.refresh_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    watched oid[] := ARRAY(
        SELECT unnest(s.sources) FROM etl.refresh_state AS s
        WHERE s.matview = policy.matview AND s.owner = policy.owner
        UNION
        SELECT v.relation FROM etl._view_sources(etl._named_relation(policy.matview)) AS v
    );
BEGIN
    DELETE FROM etl.refresh_state AS s WHERE s.matview = policy.matview AND s.owner = policy.owner;
    PERFORM etl._stop_noting(watched), etl._forget_noted_changes();
END
$$;
COMMENT ON FUNCTION etl._forget_sources(etl.refresh_policy) IS
    'Ends what a policy needed to skip needless refreshes, once it is stored that it does not skip them, or its view '
    'is gone.';

CREATE FUNCTION etl._forget_lost_views()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s'
AS $$
BEGIN
    PERFORM etl._forget_sources(p) FROM etl.refresh_policy AS p
    WHERE p.owner = current_user AND etl._named_relation(p.matview) IS NULL
      AND EXISTS (SELECT FROM etl.refresh_state AS s WHERE s.matview = p.matview);
EXCEPTION
    WHEN lock_not_available THEN
        NULL; -- the next time
END
$$;
COMMENT ON FUNCTION etl._forget_lost_views() IS
    'Ends the noting of changes for views that are gone, of which nobody would take note again. Their policies stay, '
    'for a view that is created anew.';

CREATE FUNCTION etl._tell_lost_views()
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lost record;
BEGIN
    FOR lost IN
        SELECT p.matview, etl._relation_kind(etl._named_relation(p.matview)) AS kind FROM etl.refresh_policy AS p
        WHERE p.owner = current_user AND etl._named_relation(p.matview) IS NOT NULL
          AND etl._relation_kind(etl._named_relation(p.matview)) <> 'materialized view'
        ORDER BY p.matview
    LOOP
        RAISE WARNING USING
            MESSAGE = format('"%s", for which there is a refresh policy, is a %s and not refreshed', lost.matview,
                             lost.kind),
            DETAIL = 'It has taken the name of the materialized view.',
            HINT = format('SELECT etl.remove_refresh_policy(%L); where that is so for good.', lost.matview);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._tell_lost_views() IS
    'Warns of refresh policies of the current role for what is no materialized view any more.';

CREATE FUNCTION etl.remove_refresh_policy(matview text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    policy etl.refresh_policy := etl._find_refresh_policy(matview);
BEGIN
    IF policy.matview IS NULL AND if_exists THEN
        RAISE NOTICE 'materialized view "%" has no refresh policy, nothing to remove', matview;
        RETURN;
    END IF;
    policy := etl._require_refresh_policy(matview, to_remove => true);
    IF policy.skip_if_unchanged THEN
        UPDATE etl.refresh_policy AS p SET skip_if_unchanged = false
        WHERE p.matview = policy.matview AND p.owner = policy.owner;
        PERFORM etl._forget_sources(policy);
    END IF;
    DELETE FROM etl.refresh_policy AS p WHERE p.matview = policy.matview AND p.owner = policy.owner;
    PERFORM etl._cron_unschedule(etl._cron_job_name('refresh', policy.matview), policy.owner);
END
$$;
COMMENT ON FUNCTION etl.remove_refresh_policy(text, boolean) IS
    'Ends the scheduled refresh of a materialized view: removes the policy and its pg_cron job, the view stays. '
    'Tables whose changes were noted for it alone lose the trigger etl_note_change. '
    'The view is given by name, because it may have been dropped before its policy. A superuser may remove another '
    'role''s policy. '
    'Errors: 42704 no such policy (a NOTICE with if_exists), 42501 it is another role''s.';

CREATE FUNCTION etl._next_refresh_mode(matview regclass, setting text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN matview IS NULL THEN 'missing'
               WHEN setting = 'off' THEN 'plain'
               WHEN etl._concurrently_obstacle(matview) IS NULL THEN 'concurrently'
               WHEN setting = 'auto' THEN 'plain'
               ELSE 'impossible'
           END
$$;
COMMENT ON FUNCTION etl._next_refresh_mode(regclass, text) IS
    'How the next refresh of a view would be done; see the view etl.refresh_policies.';

CREATE VIEW etl.refresh_policies WITH (security_invoker = true) AS
SELECT p.matview,
       p.schedule,
       p.setting,
       etl._next_refresh_mode(etl._named_relation(p.matview), p.setting) AS mode,
       r.started_at AS last_run,
       r.status,
       (r.detail ->> 'seconds')::float8 AS seconds,
       r.rows,
       r.error,
       p.skip_if_unchanged,
       CASE WHEN p.skip_if_unchanged THEN etl._skip_obstacle(etl._named_relation(p.matview)) END AS never_skipped,
       s.started_at AS last_skipped,
       p.lock_timeout,
       p.timeout,
       p.vacuum_after,
       p.with_dependencies,
       p.owner
FROM etl.refresh_policy AS p
LEFT JOIN LATERAL (
    SELECT * FROM etl.run AS x
    WHERE x.kind = 'refresh' AND x.name = p.matview AND x.owner = p.owner
      AND x.detail ->> 'mode' IS DISTINCT FROM 'skipped'
    ORDER BY x.run_id DESC LIMIT 1
) AS r ON true
LEFT JOIN LATERAL (
    SELECT x.started_at FROM etl.run AS x
    WHERE x.kind = 'refresh' AND x.name = p.matview AND x.owner = p.owner AND x.detail ->> 'mode' = 'skipped'
    ORDER BY x.run_id DESC LIMIT 1
) AS s ON true;
COMMENT ON VIEW etl.refresh_policies IS
    'Materialized views that are refreshed on a schedule: the setting (auto, on, off), how the next refresh will be '
    'done (mode: concurrently, plain, impossible when the setting is on and it cannot be, missing when the view is '
    'gone), and of the last refresh that was not skipped when it began, its status, the seconds of the REFRESH, the '
    'rows that the view had then, and its error; whether a refresh is skipped when nothing has changed, why none can '
    'be (never_skipped), and when the last one was; the limits of time, whether the view is vacuumed after a refresh, '
    'and whether the views that it reads are refreshed first.';
GRANT SELECT ON etl.refresh_policies TO PUBLIC;
