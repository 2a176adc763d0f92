-- Partition policies: tables whose next partitions are created ahead. create_partitions.sql carries them out.
--
-- A policy knows its table by name, as retention policies do.

CREATE TABLE etl.partition_policy (
    policy_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    relation text NOT NULL CHECK (cardinality(parse_ident(relation)) = 2),
    every interval NOT NULL CHECK (every > interval '0'),
    ahead integer NOT NULL CHECK (ahead > 0),
    lock_timeout interval NOT NULL DEFAULT '1 s' CHECK (lock_timeout > interval '0'),
    schedule text,
    created_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (relation, owner) -- a role that writes the name of another's table is not in its way
);
COMMENT ON TABLE etl.partition_policy IS
    'Tables whose next partitions are created ahead, one row each; a role sees its own. Read them in '
    'etl.partition_policies.';
COMMENT ON SEQUENCE etl.partition_policy_policy_id_seq IS 'Numbers of partition policies.';
ALTER TABLE etl.partition_policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY partition_policy_owner ON etl.partition_policy USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.partition_policy TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.partition_policy', '');
GRANT SELECT ON SEQUENCE etl.partition_policy_policy_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.partition_policy_policy_id_seq', '');

CREATE VIEW etl.partition_policies WITH (security_invoker = true) AS
SELECT p.name AS policy,
       p.relation,
       p.every,
       p.ahead,
       p.lock_timeout,
       p.schedule,
       etl._partitions_reach(to_regclass(p.relation)) AS reaches,
       r.run_id AS last_run,
       r.started_at AS last_started_at,
       r.status AS last_status,
       r.rows AS last_created,
       p.owner
FROM etl.partition_policy AS p
LEFT JOIN LATERAL (
    SELECT u.run_id, u.started_at, u.status, u.rows
    FROM etl.run AS u
    WHERE u.kind = 'partitions' AND u.name = p.name AND u.owner = p.owner
    ORDER BY u.run_id DESC
    LIMIT 1
) AS r ON true;
COMMENT ON VIEW etl.partition_policies IS
    'Partition policies: of which table partitions are created, how wide they are (every), how many of them ahead, '
    'when they are looked for, until when the table has partitions from now on without a gap (reaches; NULL when it '
    'has none for now), and how the last run went and how many it created. Define them with etl.add_partition_policy.';
GRANT SELECT ON etl.partition_policies TO PUBLIC;

-- What stands against a policy ----------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_no_partman(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place CONSTANT regnamespace := (SELECT e.extnamespace FROM pg_extension AS e WHERE e.extname = 'pg_partman');
    config CONSTANT regclass := (
        SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = place AND c.relname = 'part_config');
    -- As pg_partman writes names: without quotes.
    parent CONSTANT text := (
        SELECT format('%s.%s', n.nspname, c.relname)
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation);
    is_listed boolean;
BEGIN
    IF config IS NULL THEN
        RETURN;
    ELSIF NOT (has_table_privilege(config, 'SELECT') AND has_schema_privilege(place, 'USAGE')) THEN
        RAISE WARNING USING
            MESSAGE = format('role "%s" may not read "%s", so whether pg_partman manages table "%s" is not known',
                             current_user, config, relation),
            HINT = format('GRANT USAGE ON SCHEMA %s TO %I; GRANT SELECT ON %s TO %2$I;', place, current_user, config);
        RETURN;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS c WHERE c.parent_table = $1)', config) INTO is_listed USING parent;
    IF is_listed THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('pg_partman manages the partitions of table "%s"', relation),
            DETAIL = format('"%s" has a row with parent_table "%s". Two that create partitions of one table get in '
                            'each other''s way.', config, parent),
            HINT = format('Leave it to pg_partman (its column premake says how many partitions are created ahead), or '
                          'end that with DELETE FROM %s WHERE parent_table = %L;', config, parent);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_no_partman(regclass) IS
    'Raises (55000) when pg_partman is installed and creates the partitions of a table; a warning where the role may '
    'not look that up.';

CREATE FUNCTION etl._partition_check_relation(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner oid;
BEGIN
    PERFORM etl._partition_key(relation), etl._require_permanent(relation);
    SELECT c.relowner INTO owner FROM pg_class AS c WHERE c.oid = relation;
    IF NOT pg_has_role(owner, 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must be owner of table "%s"', relation),
            DETAIL = format('Role "%s" cannot attach partitions to it.', current_user),
            HINT = format('SET ROLE %I; and call again.', pg_get_userbyid(owner));
    END IF;
    PERFORM etl._require_no_partman(relation);
END
$$;
COMMENT ON FUNCTION etl._partition_check_relation(regclass) IS
    'Checks that the current role can create partitions by time for a table: partitioned by one date or timestamp '
    '(42809, 42804), not temporary (42809), its own (42501), and not managed by pg_partman (55000).';

CREATE FUNCTION etl._partition_check_settings(policy etl.partition_policy)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_name(policy.name, 'name'),
            etl._partition_check_width(policy.every, (etl._partition_key(policy.relation::regclass)).type),
            etl._retention_duration(policy.lock_timeout, 'lock_timeout', '1 ms', '1 day');
    IF policy.ahead IS NULL OR policy.ahead NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('ahead must be between 1 and 1000, not %s', coalesce(policy.ahead::text, 'NULL')),
            HINT = 'Give the number of partitions that shall be there after the one of today; the default is 4.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._partition_check_settings(etl.partition_policy) IS
    'Checks the name and the settings of a partition policy but for its schedule (22023).';

CREATE FUNCTION etl._partition_warn_end(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    last CONSTANT regclass := (
        SELECT r.partition FROM etl._partition_ranges(relation) AS r
        WHERE r.upper_bound = 'infinity' ORDER BY r.lower_bound LIMIT 1);
BEGIN
    IF last IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('partition "%s" of table "%s" takes all later rows, so none is created after it', last,
                             relation),
            HINT = format('ALTER TABLE %s DETACH PARTITION %s; makes room.', relation, last);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._partition_warn_end(regclass) IS
    'Warns of a partition that reaches to MAXVALUE.';

-- Define, find, change, remove ----------------------------------------------------------------------------------------

CREATE FUNCTION etl._partition_policy(name text, or_superuser boolean DEFAULT false)
RETURNS etl.partition_policy
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.partition_policy;
BEGIN
    SELECT p.* INTO stored FROM etl.partition_policy AS p WHERE p.name = _partition_policy.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN name IS NULL THEN 'no partition policy was given'
                           ELSE format('partition policy "%s" does not exist', name) END,
            HINT = 'SELECT policy FROM etl.partition_policies lists those of the current role; '
                   'etl.add_partition_policy(…) defines one.';
    END IF;
    PERFORM etl._require_owner(stored.owner, format('partition policy "%s"', name), or_superuser);
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._partition_policy(text, boolean) IS
    'The current role''s policy of that name (42704 when there is none, 42501 when it is another role''s and the '
    'caller no superuser for whom or_superuser makes an exception).';

CREATE FUNCTION etl._partition_lock(name text, or_superuser boolean DEFAULT false)
RETURNS etl.partition_policy
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT etl.partition_policy := etl._partition_policy(name, or_superuser);
BEGIN
    IF NOT pg_try_advisory_xact_lock('etl.partition_policy'::regclass::oid::integer, found.policy_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = format('partition policy "%s" is being run or changed by another session', name),
            HINT = 'Wait for it to end; etl.runs shows how far it is.';
    END IF;
    RETURN etl._partition_policy(name, or_superuser); -- as the session before has left it
END
$$;
COMMENT ON FUNCTION etl._partition_lock(text, boolean) IS
    'The policy of that name, locked to the end of the transaction against runs and other changes (55006 when there is '
    'one now); the other errors are those of etl._partition_policy.';

CREATE FUNCTION etl._partition_definition(policy etl.partition_policy)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
AS $$
    SELECT to_jsonb(policy) - '{policy_id,name,created_at}'::text[]
$$;
COMMENT ON FUNCTION etl._partition_definition(etl.partition_policy) IS 'What a partition policy says.';

CREATE FUNCTION etl._partition_schedule(policy etl.partition_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job CONSTANT text := etl._cron_job_name('partitions', policy.name);
BEGIN
    IF policy.schedule IS NULL THEN
        PERFORM etl._cron_unschedule(job, policy.owner);
    ELSE
        PERFORM etl._cron_schedule(job, policy.schedule, format('CALL etl.create_partitions(%L)', policy.name));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._partition_schedule(etl.partition_policy) IS
    'Gives the policy its pg_cron job in place of the one it may have, or takes that away when it has no schedule.';

CREATE FUNCTION etl._partition_keep_existing(asked etl.partition_policy, if_not_exists boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.partition_policy;
    differences text;
BEGIN
    SELECT p.* INTO stored FROM etl.partition_policy AS p
    WHERE p.name = asked.name OR p.relation = asked.relation AND p.owner = asked.owner
    ORDER BY p.name = asked.name DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF NOT if_not_exists OR stored.name <> asked.name THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = CASE WHEN stored.name = asked.name THEN format('partition policy "%s" already exists', asked.name)
                           ELSE format('table "%s" has partition policy "%s" already', asked.relation, stored.name) END,
            HINT = format('Change it with etl.alter_partition_policy(%L, …).', stored.name);
    END IF;
    SELECT string_agg(d.setting, ', ') INTO differences
    FROM etl._retention_differences(etl._partition_definition(stored), etl._partition_definition(asked)) AS d;
    IF differences IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('partition policy "%s" already exists and was not changed', asked.name),
            DETAIL = format('It differs from the definition that was given now in: %s.', differences),
            HINT = format('Change it with etl.alter_partition_policy(%L, …).', asked.name);
        RETURN true;
    END IF;
    RAISE NOTICE USING MESSAGE = format('partition policy "%s" already exists, skipping', asked.name);
    IF stored.schedule IS NOT NULL THEN
        PERFORM etl._partition_schedule(stored); -- it may have been lost with a restore
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION etl._partition_keep_existing(etl.partition_policy, boolean) IS
    'True when a policy of that name exists and may stay (notice when it is the same, warning when it differs); 42710 '
    'when it exists and if_not_exists is false, or when the table has one of another name.';

CREATE FUNCTION etl._partition_store(made etl.partition_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO etl.partition_policy (name, relation, every, ahead, lock_timeout, schedule)
    VALUES (made.name, made.relation, made.every, made.ahead, made.lock_timeout, made.schedule);
EXCEPTION
    WHEN unique_violation THEN -- another role's, which row security hides, or one that was made this moment
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('partition policy "%s" already exists', made.name),
            DETAIL = 'Names of policies are unique in the database, over all roles.',
            HINT = 'Choose another name.';
END
$$;
COMMENT ON FUNCTION etl._partition_store(etl.partition_policy) IS
    'Writes a new policy down; 42710 where another role has one of that name.';

CREATE FUNCTION etl.add_partition_policy(
    relation regclass,
    every interval,
    ahead integer DEFAULT 4,
    name text DEFAULT NULL,
    schedule text DEFAULT NULL,
    if_not_exists boolean DEFAULT false,
    lock_timeout interval DEFAULT '1 s'
)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl.partition_policy;
BEGIN
    PERFORM etl._partition_check_relation(relation), etl._require_flag(if_not_exists, 'if_not_exists');
    made.name := coalesce(name, (SELECT c.relname FROM pg_class AS c WHERE c.oid = relation));
    made.relation := etl._relation_name(relation);
    made.every := every;
    made.ahead := ahead;
    made.lock_timeout := lock_timeout;
    made.schedule := lower(btrim(schedule));
    made.owner := current_user;
    PERFORM etl._partition_check_settings(made), etl._retention_check_schedule(made.schedule);
    IF etl._partition_keep_existing(made, if_not_exists) THEN
        RETURN made.name;
    END IF;
    PERFORM etl._partition_warn_end(relation), etl._partition_store(made);
    IF schedule IS NOT NULL THEN
        PERFORM etl._partition_schedule(made);
    END IF;
    PERFORM etl._audit('add partition policy', made.name, etl._partition_definition(made));
    RETURN made.name;
END
$$;
COMMENT ON FUNCTION etl.add_partition_policy(regclass, interval, integer, text, text, boolean, interval) IS
$$Defines that the next partitions of a table are created ahead, and returns the name of the policy. It creates none
itself: etl.create_partitions does, by hand or on the schedule.
relation: a table that is partitioned by RANGE, by one column of type date, timestamp or timestamptz. every: how wide
a partition is: years, 1, 2, 3, 4 or 6 months, weeks, days, or 1, 2, 3, 4, 6, 8 or 12 hours. Bounds are those of the
calendar in UTC, whatever the time zone of the session is; weeks begin on Monday, several days or weeks are counted from
Monday, 1 January of the year 1, several years from the year 0.
ahead: how many partitions of that width there shall be after the one that holds the present, 1 to 1000. name: name of
the policy, unique in the database (default: the name of the table). schedule: five cron fields (GMT) or a macro such as
@daily, run by pg_cron. if_not_exists: an existing policy is left as it is, with a notice, or a warning that says where
it differs. lock_timeout: longest wait for a lock, after which it is tried again.
Errors: 42809 not a table that is partitioned by ranges of one column, or a temporary one, 42804 a key of another type,
42501 another role's table, 55000 pg_partman manages it, or a schedule without pg_cron, 22023 a width that does not fit
the calendar, another bad number, name, setting or schedule, 42710 the name is taken or the table has a policy.$$;

CREATE FUNCTION etl.alter_partition_policy(
    name text,
    every interval DEFAULT NULL,
    ahead integer DEFAULT NULL,
    schedule text DEFAULT NULL,
    lock_timeout interval DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.partition_policy := etl._partition_lock(name);
    wanted etl.partition_policy := stored;
    changes jsonb;
BEGIN
    wanted.every := coalesce(every, stored.every);
    wanted.ahead := coalesce(ahead, stored.ahead);
    wanted.schedule := CASE WHEN btrim(schedule) = '' THEN NULL
                            ELSE coalesce(lower(btrim(schedule)), stored.schedule) END;
    wanted.lock_timeout := coalesce(lock_timeout, stored.lock_timeout);
    PERFORM etl._partition_check_relation(etl._policy_table(stored.relation, 'partition', stored.name)),
            etl._partition_check_settings(wanted);
    IF schedule IS NOT NULL THEN
        PERFORM etl._retention_check_schedule(wanted.schedule), etl._partition_schedule(wanted);
    END IF;
    SELECT jsonb_object_agg(d.setting, jsonb_build_object('was', d.was, 'is', d.is_now)) INTO changes
    FROM etl._retention_differences(etl._partition_definition(stored), etl._partition_definition(wanted)) AS d;
    IF changes IS NULL THEN
        RAISE NOTICE USING MESSAGE = format('partition policy "%s" is so already, nothing changed', name);
        RETURN;
    END IF;
    UPDATE etl.partition_policy AS p
    SET every = wanted.every, ahead = wanted.ahead, schedule = wanted.schedule, lock_timeout = wanted.lock_timeout
    WHERE p.policy_id = stored.policy_id;
    PERFORM etl._audit('alter partition policy', name, changes);
END
$$;
COMMENT ON FUNCTION etl.alter_partition_policy(text, interval, integer, text, interval) IS
$$Changes what is given of a partition policy; what is left out or NULL stays as it is. The arguments are those of
etl.add_partition_policy. every: partitions that exist stay; the next ones have the new width, the first of them
beginning where the last one ends. schedule: '' takes it away; it is given to pg_cron anew even when it is the same,
which is what a policy needs that got another owner.
Errors: those of etl.add_partition_policy, 42704 no such policy, 42501 another role's, 42P01 its table is gone, 55006
another session is running it.$$;

CREATE FUNCTION etl.remove_partition_policy(name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    doomed etl.partition_policy;
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    IF if_exists AND NOT EXISTS (
        SELECT FROM etl.partition_policy AS p WHERE p.name = remove_partition_policy.name
    ) THEN
        RAISE NOTICE USING MESSAGE = format('partition policy "%s" does not exist, skipping', name);
        RETURN;
    END IF;
    doomed := etl._partition_lock(name, or_superuser => true);
    IF doomed.schedule IS NOT NULL THEN
        PERFORM etl._cron_unschedule(etl._cron_job_name('partitions', doomed.name), doomed.owner);
    END IF;
    DELETE FROM etl.partition_policy AS p WHERE p.policy_id = doomed.policy_id;
    PERFORM etl._audit('remove partition policy', doomed.name, etl._partition_definition(doomed));
END
$$;
COMMENT ON FUNCTION etl.remove_partition_policy(text, boolean) IS
    'Removes a partition policy and its schedule; the table, its partitions and the record of its runs stay. '
    'if_exists: only a notice when there is none. A superuser may remove another role''s. Errors: 42704 no such '
    'policy, 42501 another role''s, 55006 another session is running it.';
