-- Retention policies: defined, found and removed. run.sql carries them out.

CREATE FUNCTION etl._retention_policy(name text, or_superuser boolean DEFAULT false)
RETURNS etl.retention_policy
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.retention_policy;
BEGIN
    SELECT p.* INTO stored FROM etl.retention_policy AS p WHERE p.name = _retention_policy.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN name IS NULL THEN 'no retention policy was given'
                           ELSE format('retention policy "%s" does not exist', name) END,
            HINT = 'SELECT policy FROM etl.policies lists the policies of the current role; '
                   'etl.add_retention_policy(…) defines one.';
    END IF;
    PERFORM etl._require_owner(stored.owner, format('retention policy "%s"', name), or_superuser);
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._retention_policy(text, boolean) IS
    'The current role''s policy of that name (42704 when there is none, 42501 when it is another role''s and the '
    'caller no superuser for whom or_superuser makes an exception).';

CREATE FUNCTION etl._retention_definition(policy etl.retention_policy, tiers etl.retention_tier[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
AS $$
    SELECT to_jsonb(policy) - '{policy_id,name,paused_at,created_at}'::text[]
        || coalesce(jsonb_object_agg(m.key, m.value), '{}')
    FROM unnest(tiers) AS t
    CROSS JOIN LATERAL (
        SELECT CASE WHEN t.tier = 1 OR t.archive_to IS NULL THEN etl._retention_span_name(tiers, t.tier)
                    ELSE format('after (tier %s)', t.tier) END,
               t.after::text
        UNION ALL
        SELECT CASE t.tier WHEN 1 THEN 'archive_to' ELSE format('archive_to (tier %s)', t.tier) END, t.archive_to
        WHERE t.tier = 1 OR t.archive_to IS NOT NULL
        UNION ALL
        SELECT format('format (tier %s)', t.tier), t.format
        WHERE t.format IS NOT NULL
    ) AS m(key, value)
$$;
COMMENT ON FUNCTION etl._retention_definition(etl.retention_policy, etl.retention_tier[]) IS
    'What a policy says, one member for each thing that can be given.';

CREATE FUNCTION etl._retention_differences(one jsonb, other jsonb)
RETURNS TABLE(setting text, was jsonb, is_now jsonb)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT key, coalesce(a.value, 'null'), coalesce(b.value, 'null')
    FROM jsonb_each(one) AS a
    FULL JOIN jsonb_each(other) AS b USING (key)
    WHERE a.value IS DISTINCT FROM b.value
    ORDER BY key
$$;
COMMENT ON FUNCTION etl._retention_differences(jsonb, jsonb) IS 'Where two definitions differ.';

CREATE FUNCTION etl._retention_schedule(policy etl.retention_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF policy.schedule IS NULL THEN
        PERFORM etl._cron_unschedule(etl._cron_job_name('retention', policy.name), policy.owner);
    ELSE
        PERFORM etl._cron_schedule(etl._cron_job_name('retention', policy.name), policy.schedule,
                                   format('CALL etl.run_retention(%L)', policy.name));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_schedule(etl.retention_policy) IS
    'Gives the policy its pg_cron job in place of the one it may have, or takes that away when it has no schedule.';

CREATE FUNCTION etl._retention_keep_existing(
    asked etl.retention_policy, tiers etl.retention_tier[], if_not_exists boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.retention_policy;
    differences text;
BEGIN
    SELECT p.* INTO stored FROM etl.retention_policy AS p WHERE p.name = asked.name;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF NOT if_not_exists THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('retention policy "%s" already exists', asked.name),
            HINT = format('Choose another name, or change it with etl.alter_retention_policy(%L, …).', asked.name);
    END IF;
    SELECT string_agg(d.setting, ', ') INTO differences
    FROM etl._retention_differences(
        etl._retention_definition(stored, ARRAY(SELECT etl._retention_tiers(stored))),
        etl._retention_definition(asked, tiers)) AS d;
    IF differences IS NULL THEN
        RAISE NOTICE USING MESSAGE = format('retention policy "%s" already exists, skipping', asked.name);
        IF stored.schedule IS NOT NULL THEN
            PERFORM etl._retention_schedule(stored); -- it may have been lost with a restore
        END IF;
    ELSE
        RAISE WARNING USING
            MESSAGE = format('retention policy "%s" already exists and was not changed', asked.name),
            DETAIL = format('It differs from the definition that was given now in: %s.', differences),
            HINT = format('Change it with etl.alter_retention_policy(%1$L, …), etl.add_tier(%1$L, …) and '
                          'etl.remove_tier(%1$L, …).', asked.name);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION etl._retention_keep_existing(etl.retention_policy, etl.retention_tier[], boolean) IS
    'True when a policy of that name exists and may stay (notice when it is the same, warning when it differs); 42710 '
    'when it exists and if_not_exists is false.';

CREATE FUNCTION etl._retention_make_places(policy etl.retention_policy, tiers etl.retention_tier[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source regclass := policy.relation;
    target text;
BEGIN
    FOR n IN 1 .. cardinality(tiers) LOOP
        target := etl._retention_table(policy.relation, tiers[n].archive_to);
        EXIT WHEN target IS NULL;
        IF to_regclass(target) IS NULL THEN
            PERFORM etl._retention_make_archive(source, policy.time_column, target);
        ELSE
            PERFORM etl._retention_evolve(policy, source, target::regclass);
        END IF;
        source := target;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_make_places(etl.retention_policy, etl.retention_tier[]) IS
    'Creates the archive tables of a policy that are missing, and where it evolves adds the columns that they lack.';

CREATE FUNCTION etl._retention_check(policy etl.retention_policy, tiers etl.retention_tier[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step record;
BEGIN
    PERFORM etl._retention_check_relation(policy.relation::regclass, tiers[1].archive_to IS NOT NULL),
            etl._retention_time_type(policy.relation::regclass, policy.time_column),
            etl._retention_check_places(policy.relation, tiers);
    IF policy.method = 'partitions' THEN
        PERFORM etl._require_range_partitions(policy.relation::regclass, policy.time_column);
    END IF;
    FOR step IN SELECT * FROM etl._retention_steps(policy.relation, tiers) AS s ORDER BY s.tier LOOP
        IF step.target IS NOT NULL THEN
            PERFORM etl._retention_check_archive(step.source, step.target, is_emptied => step.later IS NOT NULL);
        ELSIF tiers[step.tier].archive_to LIKE 'file:%' THEN
            PERFORM etl._require_archive_access(true), etl._require_archive_access(false);
        END IF;
    END LOOP;
    PERFORM etl._retention_check_keepers(policy, tiers), etl._retention_check_cycles(policy, tiers),
            etl._retention_check_sharing(policy, tiers), etl._retention_check_parts(policy, tiers);
END
$$;
COMMENT ON FUNCTION etl._retention_check(etl.retention_policy, etl.retention_tier[]) IS
    'Checks the tables of a policy, all of which are there: each alone, one against the other, and against what other '
    'policies of the role do. Tables change, so a run does it as well.';

CREATE FUNCTION etl._retention_store(made etl.retention_policy, tiers etl.retention_tier[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._audit('add policy', made.name, etl._retention_definition(made, tiers));
    PERFORM etl._claim_archive(s.target)
    FROM etl._retention_steps(made.relation, tiers) AS s WHERE s.target IS NOT NULL;
    WITH stored AS (
        INSERT INTO etl.retention_policy (
            name, relation, kind, time_column, filter, method, batch_rows, max_runtime, pause, lock_timeout,
            on_unfresh_rollup, follow_references, evolve, schedule)
        VALUES (
            made.name, made.relation, made.kind, made.time_column, made.filter, made.method, made.batch_rows,
            made.max_runtime, made.pause, made.lock_timeout, made.on_unfresh_rollup, made.follow_references,
            made.evolve, made.schedule)
        RETURNING policy_id
    )
    INSERT INTO etl.retention_tier (policy_id, tier, after, archive_to, format)
    SELECT s.policy_id, t.tier, t.after, t.archive_to, t.format FROM stored AS s CROSS JOIN unnest(tiers) AS t;
EXCEPTION
    WHEN unique_violation THEN -- another role's, which row security hides, or one that was made this moment
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('retention policy "%s" already exists', made.name),
            DETAIL = 'Names of policies are unique in the database, over all roles.',
            HINT = 'Choose another name.';
END
$$;
COMMENT ON FUNCTION etl._retention_store(etl.retention_policy, etl.retention_tier[]) IS
    'Writes a new policy and its tiers down, in one statement, after the audit log; 42710 where another role has one '
    'of that name.';

CREATE FUNCTION etl._retention_first_tiers(
    relation regclass, keep interval, archive_to text, archive_keep interval)
RETURNS etl.retention_tier[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target text := etl._retention_target(relation, archive_to);
    tiers etl.retention_tier[] := ARRAY[etl._retention_tier(keep, target, etl._retention_format(target, NULL))];
BEGIN
    IF archive_keep IS NOT NULL AND archive_to IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'archive_keep is given without archive_to',
            HINT = 'Name the archive in archive_to, or leave archive_keep out.';
    ELSIF archive_keep IS NOT NULL THEN
        tiers := tiers || etl._retention_tier(archive_keep, NULL, NULL);
    END IF;
    FOR n IN 1 .. cardinality(tiers) LOOP
        tiers[n].tier := n;
    END LOOP;
    RETURN tiers;
END
$$;
COMMENT ON FUNCTION etl._retention_first_tiers(regclass, interval, text, interval) IS
    'The one or two tiers that the arguments of etl.add_retention_policy mean.';

CREATE FUNCTION etl.add_retention_policy(
    relation regclass,
    time_column name,
    keep interval,
    name text DEFAULT NULL,
    archive_to text DEFAULT NULL,
    archive_keep interval DEFAULT NULL,
    filter text DEFAULT NULL,
    method text DEFAULT 'auto',
    batch_rows integer DEFAULT 5000,
    max_runtime interval DEFAULT '10 min',
    pause interval DEFAULT '0',
    lock_timeout interval DEFAULT '1 s',
    on_unfresh_rollup text DEFAULT 'freeze',
    schedule text DEFAULT NULL,
    if_not_exists boolean DEFAULT false,
    kind text DEFAULT 'age',
    follow_references boolean DEFAULT false,
    evolve boolean DEFAULT false
)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl.retention_policy;
    tiers etl.retention_tier[];
BEGIN
    PERFORM etl._retention_check_relation(relation, archive_to IS NOT NULL),
            etl._retention_time_type(relation, time_column),
            etl._require_flag(if_not_exists, 'if_not_exists');
    made := (NULL, coalesce(name, (SELECT c.relname FROM pg_class AS c WHERE c.oid = relation)),
             etl._relation_name(relation), kind, time_column, filter, method, batch_rows, max_runtime, pause,
             lock_timeout, on_unfresh_rollup, follow_references, evolve, lower(btrim(schedule)), NULL, NULL,
             current_user);
    PERFORM etl._retention_check_settings(made), etl._retention_check_schedule(made.schedule);
    tiers := etl._retention_first_tiers(relation, keep, archive_to, archive_keep);
    PERFORM etl._retention_check_spans(made, tiers);
    IF filter IS NOT NULL THEN
        PERFORM etl._require_condition(relation, filter, 'filter');
    END IF;
    IF etl._retention_keep_existing(made, tiers, if_not_exists) THEN
        RETURN made.name;
    END IF;

    PERFORM etl._retention_make_places(made, tiers);
    PERFORM etl._retention_check(made, tiers);
    PERFORM etl._retention_warn(made, tiers);
    PERFORM etl._retention_store(made, tiers), etl._retention_retime_files(made);
    IF schedule IS NOT NULL THEN
        PERFORM etl._retention_schedule(made);
    END IF;
    RETURN made.name;
END
$$;
COMMENT ON FUNCTION etl.add_retention_policy(
    regclass, name, interval, text, text, interval, text, text, integer, interval, interval, interval, text, text,
    boolean, text, boolean, boolean) IS
$$Defines how long the rows of a table are kept, and returns the name of the policy. etl.run_retention carries it out;
etl.add_tier gives it further archives, etl.alter_retention_policy changes it.
relation: an ordinary or partitioned table. time_column: its date, timestamp or timestamptz column from which a row's
age counts; timestamps without time zone and dates are taken as UTC. keep: rows older than this leave the table.
name: name of the policy, unique in the database (default: the name of the table).
archive_to: where the rows go. A table, created like the source where it is missing ('orders_old', in the schema of the
source, 'archive.orders' or 'table:archive.orders'); 'schema:archive', the table of the same name in that schema; or
'file:///directory', below pg_etl.archive_directory, for files of compressed NDJSON. NULL: rows are deleted.
archive_keep: rows older than this, counted from the same time, are deleted from the archive.
filter: SQL condition; only rows for which it is true are touched, in the archives as well. Several policies may share a
table when their filters exclude each other.
method: auto takes partitions as a whole where all of their rows are due and may go (etl.run_retention says when), and
rows one by one elsewhere; rows takes rows only, and partitions stay; partitions leaves those that cannot go whole.
batch_rows: rows per transaction to begin with, 1 to 1000000. max_runtime: a run ends after this and says what remains.
pause: rest between two transactions. lock_timeout: longest wait for a lock, after which it is tried again later.
on_unfresh_rollup: what a run does when a rollup of the table has not read all changes yet: freeze refreshes those that
outlive their rows first, wait does nothing, ignore goes on.
schedule: five cron fields (GMT) or a macro such as @daily, run by pg_cron. if_not_exists: an existing policy is left
as it is, with a notice, or a warning that says where it differs.
kind: age, or expiry, where time_column says when a row expires and keep how long it is kept after that, which may be 0.
follow_references: rows of other tables that refer to due rows by foreign keys go with them, to tables or files of their
own; otherwise such due rows stay. evolve: columns that the table gets are added to its archive tables; otherwise a run
stops and says how.
Errors: 42809 not a table of one's own that keeps its rows, or for method partitions not partitioned by ranges of
time_column, 0A000 a rule on it or an unknown kind of archive, 42703
unknown column or one that the archive lacks, 42804 column of another type, 22023 bad span, name, setting or schedule,
archives that lead back to the table or belong to another one, 23502 a column of the archive that nothing fills, 3F000
no such schema, 42501 missing privilege, 42710 name taken, 55000 an immutable table, a schedule without pg_cron, or
files without pg_etl.archive_directory; a bad filter keeps the SQLSTATE of its parse error.$$;
