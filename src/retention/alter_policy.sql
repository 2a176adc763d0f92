-- Retention policies: changed, paused, resumed and removed.

CREATE FUNCTION etl._retention_lock(name text, or_superuser boolean DEFAULT false)
RETURNS etl.retention_policy
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found etl.retention_policy := etl._retention_policy(name, or_superuser);
BEGIN
    -- The lock that a run holds; a run reads the policy once it has it.
    IF NOT pg_try_advisory_xact_lock('etl.retention_policy'::regclass::oid::integer, found.policy_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = format('retention policy "%s" is being run or changed by another session', name),
            HINT = format('Wait for it to end; etl.pause_retention_policy(%L) ends a run after its batch.', name);
    END IF;
    found := etl._retention_policy(name, or_superuser); -- as the session before has left it
    PERFORM etl._require_settled(found);
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._retention_lock(text, boolean) IS
    'The policy of that name, locked to the end of the transaction against runs and other changes (55006 when there is '
    'one now, 55000 when a partition is on the way); the other errors are those of etl._retention_policy.';

CREATE FUNCTION etl._retention_change(
    stored etl.retention_policy, wanted etl.retention_policy, tiers etl.retention_tier[], action text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changes jsonb := (
        SELECT jsonb_object_agg(d.setting, jsonb_build_object('was', d.was, 'is', d.is_now))
        FROM etl._retention_differences(
            etl._retention_definition(stored, ARRAY(SELECT etl._retention_tiers(stored))),
            etl._retention_definition(wanted, tiers)) AS d);
BEGIN
    IF changes IS NULL THEN
        RAISE NOTICE USING MESSAGE = format('retention policy "%s" is so already, nothing changed', stored.name);
        RETURN;
    END IF;
    PERFORM etl._retention_make_places(wanted, tiers);
    PERFORM etl._retention_check(wanted, tiers);
    PERFORM etl._retention_warn(wanted, tiers);
    PERFORM etl._audit(action, stored.name, changes);
    PERFORM etl._claim_archive(s.target)
    FROM etl._retention_steps(wanted.relation, tiers) AS s WHERE s.target IS NOT NULL;
    -- In one statement: after each, the rule is compared with its record.
    WITH changed AS (
        UPDATE etl.retention_policy AS p
        SET time_column = wanted.time_column, filter = wanted.filter, method = wanted.method,
            batch_rows = wanted.batch_rows, max_runtime = wanted.max_runtime, pause = wanted.pause,
            lock_timeout = wanted.lock_timeout, on_unfresh_rollup = wanted.on_unfresh_rollup,
            follow_references = wanted.follow_references, evolve = wanted.evolve, schedule = wanted.schedule
        WHERE p.policy_id = stored.policy_id
    ), gone AS (
        DELETE FROM etl.retention_tier AS t
        WHERE t.policy_id = stored.policy_id AND t.tier > cardinality(tiers)
    )
    INSERT INTO etl.retention_tier AS s (policy_id, tier, after, archive_to, format)
    SELECT stored.policy_id, t.tier, t.after, t.archive_to, t.format FROM unnest(tiers) AS t
    ON CONFLICT (policy_id, tier) DO UPDATE
    SET after = EXCLUDED.after, archive_to = EXCLUDED.archive_to, format = EXCLUDED.format;
    PERFORM etl._retention_retime_files(wanted);
END
$$;
COMMENT ON FUNCTION etl._retention_change(
    etl.retention_policy, etl.retention_policy, etl.retention_tier[], text) IS
    'Puts a changed policy in place of a stored one after checking its tables, and writes the differences into the '
    'audit log under the name of the action; only a notice when nothing differs.';

CREATE FUNCTION etl._retention_with_spans(
    policy etl.retention_policy, tiers etl.retention_tier[], keep interval, archive_keep interval)
RETURNS etl.retention_tier[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    last integer := cardinality(tiers);
BEGIN
    tiers[1].after := coalesce(keep, tiers[1].after);
    IF archive_keep IS NULL THEN
        RETURN tiers;
    ELSIF last = 1 AND tiers[1].archive_to IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive_keep is given, but retention policy "%s" has no archive', policy.name),
            HINT = format('Give it one with etl.add_tier(%L, …, archive_to => …).', policy.name);
    ELSIF tiers[last].archive_to IS NULL THEN
        tiers[last].after := archive_keep;
        RETURN tiers;
    END IF;
    tiers := tiers || etl._retention_tier(archive_keep, NULL, NULL);
    tiers[last + 1].tier := last + 1;
    RETURN tiers;
END
$$;
COMMENT ON FUNCTION etl._retention_with_spans(etl.retention_policy, etl.retention_tier[], interval, interval) IS
    'Tiers with another keep and archive_keep, where these are given; an archive_keep makes the deleting tier where '
    'there is none.';

CREATE FUNCTION etl.alter_retention_policy(
    name text,
    keep interval DEFAULT NULL,
    archive_keep interval DEFAULT NULL,
    filter text DEFAULT NULL,
    method text DEFAULT NULL,
    batch_rows integer DEFAULT NULL,
    max_runtime interval DEFAULT NULL,
    pause interval DEFAULT NULL,
    lock_timeout interval DEFAULT NULL,
    on_unfresh_rollup text DEFAULT NULL,
    schedule text DEFAULT NULL,
    time_column name DEFAULT NULL,
    follow_references boolean DEFAULT NULL,
    evolve boolean DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.retention_policy := etl._retention_lock(name);
    wanted etl.retention_policy := stored;
    tiers etl.retention_tier[] := ARRAY(SELECT etl._retention_tiers(stored));
    relation regclass := etl._policy_table(stored.relation, 'retention', stored.name);
BEGIN
    wanted.time_column := coalesce(time_column, stored.time_column);
    wanted.filter := CASE WHEN btrim(filter) = '' THEN NULL ELSE coalesce(filter, stored.filter) END;
    wanted.method := coalesce(method, stored.method);
    wanted.batch_rows := coalesce(batch_rows, stored.batch_rows);
    wanted.max_runtime := coalesce(max_runtime, stored.max_runtime);
    wanted.pause := coalesce(pause, stored.pause);
    wanted.lock_timeout := coalesce(lock_timeout, stored.lock_timeout);
    wanted.on_unfresh_rollup := coalesce(on_unfresh_rollup, stored.on_unfresh_rollup);
    wanted.schedule := CASE WHEN btrim(schedule) = '' THEN NULL
                            ELSE coalesce(lower(btrim(schedule)), stored.schedule) END;
    wanted.follow_references := coalesce(follow_references, stored.follow_references);
    wanted.evolve := coalesce(evolve, stored.evolve);
    tiers := etl._retention_with_spans(stored, tiers, keep, archive_keep);
    PERFORM etl._retention_check_settings(wanted), etl._retention_check_spans(wanted, tiers);
    IF wanted.filter IS NOT NULL THEN
        PERFORM etl._require_condition(relation, wanted.filter, 'filter');
    END IF;
    IF schedule IS NOT NULL THEN
        PERFORM etl._retention_check_schedule(wanted.schedule), etl._retention_schedule(wanted);
    END IF;
    PERFORM etl._retention_change(stored, wanted, tiers, 'alter policy');
END
$$;
COMMENT ON FUNCTION etl.alter_retention_policy(
    text, interval, interval, text, text, integer, interval, interval, interval, text, text, name, boolean, boolean) IS
$$Changes what is given of a retention policy; what is left out or NULL stays as it is. The arguments, checks and
warnings are those of etl.add_retention_policy. archive_keep: also where rows have been kept for ever so far.
filter, schedule: '' takes them away. A schedule is given to pg_cron anew even when it is the same, which is what a
policy needs that got another owner. time_column: files of the policy are read, to tell the times of their rows by it.
Archives are changed with etl.add_tier and etl.remove_tier.
Errors: those of etl.add_retention_policy, 42704 no such policy, 42501 another role's, 42P01 its table is gone, 55006
another session is running it, 55000 a run ended with a partition on the way.$$;

CREATE FUNCTION etl._retention_set_paused(policy etl.retention_policy, moment timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (policy.paused_at IS NULL) = (moment IS NULL) THEN
        RAISE NOTICE USING
            MESSAGE = format('retention policy "%s" is %s', policy.name,
                             coalesce('paused already, since ' || policy.paused_at, 'not paused'));
        RETURN;
    END IF;
    PERFORM etl._audit(CASE WHEN moment IS NULL THEN 'resume policy' ELSE 'pause policy' END, policy.name,
                       jsonb_build_object('owner', policy.owner));
    UPDATE etl.retention_policy AS p SET paused_at = moment WHERE p.policy_id = policy.policy_id;
END
$$;
COMMENT ON FUNCTION etl._retention_set_paused(etl.retention_policy, timestamptz) IS
    'Notes since when a policy is paused, NULL: that it is not; only a notice when that is so already.';

CREATE FUNCTION etl.pause_retention_policy(name text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._retention_set_paused(etl._retention_policy(name, or_superuser => true), now())
$$;
COMMENT ON FUNCTION etl.pause_retention_policy(text) IS
$$Pauses a retention policy: nothing is moved or deleted by it until etl.resume_retention_policy, only dry runs go on. A
run under way ends after its batch. Its schedule stays. A superuser may pause another role's policy.
Errors: 42704 no such policy, 42501 another role's.$$;

CREATE FUNCTION etl.resume_retention_policy(name text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._retention_set_paused(etl._retention_policy(name, or_superuser => true), NULL)
$$;
COMMENT ON FUNCTION etl.resume_retention_policy(text) IS
$$Lets a paused retention policy go on, from the next run. A superuser may resume another role's policy.
Errors: 42704 no such policy, 42501 another role's.$$;

CREATE FUNCTION etl.remove_retention_policy(name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    doomed etl.retention_policy;
    definition jsonb;
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    IF if_exists AND NOT EXISTS (
        SELECT FROM etl.retention_policy AS p WHERE p.name = remove_retention_policy.name
    ) THEN
        RAISE NOTICE USING MESSAGE = format('retention policy "%s" does not exist, skipping', name);
        RETURN;
    END IF;
    doomed := etl._retention_lock(name, or_superuser => true);
    IF doomed.schedule IS NOT NULL THEN
        PERFORM etl._cron_unschedule(etl._cron_job_name('retention', doomed.name), doomed.owner);
    END IF;
    definition := etl._retention_definition(doomed, ARRAY(SELECT etl._retention_tiers(doomed)));
    PERFORM etl._audit('remove policy', doomed.name, definition);
    DELETE FROM etl.retention_policy AS p WHERE p.policy_id = doomed.policy_id;
END
$$;
COMMENT ON FUNCTION etl.remove_retention_policy(text, boolean) IS
    'Removes a retention policy, its tiers and its schedule; the table, the archives and the record of its runs stay. '
    'if_exists: only a notice when there is none. A superuser may remove another role''s. Errors: 42704 no such '
    'policy, 42501 another role''s, 55006 another session is running it, 55000 a run ended with a partition on the '
    'way.';
