-- Carrying out partition policies.
--
-- Each partition is one transaction: it takes the lock that keeps others from attaching, looks for the next partition
-- that is missing, creates it, and notes it in etl.run and in the audit log. So no lock is kept for longer than one
-- partition takes, and whatever ends a run, the partitions that it has noted are there.

CREATE FUNCTION etl._partition_todo(policy text, as_of timestamptz, since timestamptz, dry_run boolean)
RETURNS etl.partition_policy[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    todo CONSTANT etl.partition_policy[] := CASE
        WHEN policy IS NOT NULL THEN ARRAY[etl._partition_policy(policy)]
        ELSE ARRAY(SELECT p FROM etl.partition_policy AS p WHERE p.owner = current_user ORDER BY p.name) END;
BEGIN
    PERFORM etl._require_moment(as_of, 'as_of'), etl._require_moment(coalesce(since, as_of), 'since'),
            etl._require_flag(dry_run, 'dry_run');
    IF since > as_of THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('since must not be later than as_of (%s), and is %s', as_of, since),
            HINT = 'etl.alter_partition_policy(…, ahead => …) says how many partitions are created ahead.';
    ELSIF todo = '{}' THEN
        RAISE NOTICE USING
            MESSAGE = format('role "%s" has no partition policy', current_user),
            HINT = 'etl.add_partition_policy(…) defines one.';
    END IF;
    RETURN todo;
END
$$;
COMMENT ON FUNCTION etl._partition_todo(text, timestamptz, timestamptz, boolean) IS
    'The policies that a call of etl.create_partitions is about, after checking its arguments.';

CREATE FUNCTION etl._partition_begin(
    policy etl.partition_policy, as_of timestamptz, since timestamptz, dry_run boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT etl._lock_run('etl.partition_policy', policy.policy_id) THEN
        RETURN jsonb_build_object('ended', true, 'failures', jsonb_build_array(jsonb_build_object(
            'policy', policy.name, 'sqlstate', '55P03', 'message', 'another session is running it',
            'hint', 'Wait for it to end; etl.runs shows how far it is.')));
    END IF;
    PERFORM etl._close_lost_runs('partitions', policy.name);
    RETURN jsonb_build_object('run', etl._start_run('partitions', policy.name, as_of), 'as_of', as_of, 'since', since,
                              'dry_run', dry_run, 'created', '[]'::jsonb, 'failures', '[]'::jsonb, 'attempts', 0);
END
$$;
COMMENT ON FUNCTION etl._partition_begin(etl.partition_policy, timestamptz, timestamptz, boolean) IS
    'Locks a policy for this session and records the run that begins. The state that it returns has ended when another '
    'session is running the policy.';

CREATE FUNCTION etl._partition_record(policy etl.partition_policy, state jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run CONSTANT bigint := state ->> 'run';
    told CONSTANT jsonb := jsonb_strip_nulls(state - '{run,as_of,attempts,reached,ended}'::text[]);
    created CONSTANT integer := jsonb_array_length(state -> 'created');
BEGIN
    IF NOT state ? 'ended' THEN
        UPDATE etl.run AS r SET detail = told, rows = created WHERE r.run_id = run;
        RETURN;
    END IF;
    PERFORM etl._finish_run(run, CASE state -> 'failures' WHEN '[]' THEN 'succeeded' ELSE 'failed' END, created, told,
                            state #>> '{failures,0,message}');
    IF created > 0 THEN
        RAISE NOTICE USING MESSAGE = format(
            'partition policy "%s" %s %s of "%s", from %s to %s', policy.name,
            CASE WHEN (state -> 'dry_run')::boolean THEN 'would create' ELSE 'created' END,
            CASE created WHEN 1 THEN '1 partition' ELSE format('%s partitions', created) END, policy.relation,
            state #>> '{created,0,from}', state #>> '{created,-1,to}');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._partition_record(etl.partition_policy, jsonb) IS
    'Writes the state of a run to etl.run, and when it has ended tells the client what was created.';

CREATE FUNCTION etl._partition_failed(
    policy etl.partition_policy, state jsonb, upper_bound timestamp, failure jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attempts CONSTANT integer := state ->> 'attempts';
BEGIN
    -- lock_not_available, deadlock_detected, serialization_failure
    IF failure ->> 'sqlstate' IN ('55P03', '40P01', '40001') AND attempts < 5 THEN
        RETURN state || jsonb_build_object('attempts', attempts + 1);
    END IF;
    IF failure ->> 'sqlstate' = '55P03' THEN
        failure := jsonb_build_object('hint', format(
            'Call it again when the session that has a lock on the table or on its default partition has ended, or '
            'let it wait longer with etl.alter_partition_policy(%L, lock_timeout => …).', policy.name)) || failure;
    END IF;
    state := state || jsonb_build_object('failures', state -> 'failures' || jsonb_build_array(
        jsonb_build_object('policy', policy.name) || failure));
    -- What is in the way of this partition, and of no other: its rows, its name.
    IF failure ->> 'sqlstate' IN ('23514', '42P07') THEN
        RETURN state || jsonb_build_object('reached', upper_bound, 'attempts', 0);
    END IF;
    RETURN state || jsonb_build_object('ended', true);
END
$$;
COMMENT ON FUNCTION etl._partition_failed(etl.partition_policy, jsonb, timestamp, jsonb) IS
    'The state after an error: the partition is tried again where locks of others were in the way, it is left out '
    'where only itself cannot be created, and otherwise the run has ended.';

CREATE FUNCTION etl._partition_next(policy etl.partition_policy, state jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation CONSTANT regclass := etl._policy_table(policy.relation, 'partition', policy.name);
    since CONSTANT timestamptz := state ->> 'since';
    piece record;
    gap record;
BEGIN
    PERFORM etl._partition_check_relation(relation), etl._partition_check_settings(policy);
    EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', relation);
    SELECT m.* INTO piece FROM etl._partition_missing(
        relation, policy.every, policy.ahead, (state ->> 'as_of')::timestamptz, since,
        (state ->> 'reached')::timestamp) AS m;
    IF piece.lower_bound IS NOT NULL THEN
        RETURN to_jsonb(piece);
    END IF;
    FOR gap IN
        SELECT g.* FROM etl._partition_gaps(relation, policy.every, policy.ahead, (state ->> 'as_of')::timestamptz,
                                            since) AS g
    LOOP
        RAISE NOTICE USING
            MESSAGE = format('table "%s" has no partition from %s to %s', relation, gap.lower_bound, gap.upper_bound),
            HINT = format('CALL etl.create_partitions(%L, since => %L); creates them.', policy.name,
                          gap.lower_bound AT TIME ZONE 'UTC');
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._partition_next(etl.partition_policy, jsonb) IS
    'The bounds of the next partition that a policy lacks, under the lock with which it can be attached; NULL when '
    'there is none any more, and then a notice about gaps that the run was not about.';

CREATE FUNCTION etl._partition_step(policy etl.partition_policy, state jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    piece jsonb;
    lower_bound timestamp;
    upper_bound timestamp;
    made text;
    code text;
    message text;
    detail text;
    hint text;
BEGIN
    PERFORM set_config('lock_timeout', etl._milliseconds(policy.lock_timeout)::text, true);
    BEGIN
        piece := etl._partition_next(policy, state);
        IF piece IS NOT NULL THEN
            lower_bound := piece ->> 'lower_bound';
            upper_bound := piece ->> 'upper_bound';
            made := etl._partition_create(policy.relation::regclass, policy.every, lower_bound, upper_bound);
            IF (state -> 'dry_run')::boolean THEN
                RAISE EXCEPTION USING ERRCODE = 'ETLDR', MESSAGE = 'end of the dry run';
            END IF;
            PERFORM etl._audit('create partition', made, jsonb_build_object(
                'policy', policy.name, 'run', state -> 'run', 'of', policy.relation,
                'from', lower_bound::text, 'to', upper_bound::text));
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETLDR' THEN
            NULL; -- rolled back, with all locks
        WHEN OTHERS OR query_canceled OR assert_failure THEN
            PERFORM etl._take_cancel_once(SQLSTATE);
            GET STACKED DIAGNOSTICS
                code = RETURNED_SQLSTATE,
                message = MESSAGE_TEXT,
                detail = PG_EXCEPTION_DETAIL,
                hint = PG_EXCEPTION_HINT;
    END;
    state := CASE
        WHEN code IS NOT NULL THEN etl._partition_failed(policy, state, upper_bound, jsonb_strip_nulls(
            jsonb_build_object('sqlstate', code, 'message', message, 'detail', nullif(detail, ''),
                               'hint', nullif(hint, ''))))
        WHEN piece IS NULL THEN state || jsonb_build_object('ended', true)
        ELSE state || jsonb_build_object(
            'reached', upper_bound, 'attempts', 0,
            'created', state -> 'created' || jsonb_build_object('partition', made, 'from', lower_bound::text,
                                                                'to', upper_bound::text))
    END;
    PERFORM etl._partition_record(policy, state);
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._partition_step(etl.partition_policy, jsonb) IS
    'One transaction of a run: the next partition that is missing, or its rehearsal, and its record in etl.run. An '
    'error is recorded in the state and not raised. The state has ended when nothing is missing any more.';

CREATE FUNCTION etl._partition_rest(policy etl.partition_policy, state jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attempts CONSTANT integer := state ->> 'attempts';
    -- 0.1 s and twice as long each time for a partition that is tried again.
    failure CONSTANT jsonb := etl._rest(CASE WHEN attempts > 0 THEN 0.05 * 2 ^ attempts END);
BEGIN
    IF failure IS NOT NULL THEN
        state := etl._partition_failed(policy, state, NULL, failure);
        PERFORM etl._partition_record(policy, state);
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._partition_rest(etl.partition_policy, jsonb) IS
    'Waits before a partition is tried again, and returns the state after it: a cancel ends the run.';

CREATE FUNCTION etl._partition_raise(failures jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first CONSTANT jsonb := failures -> 0;
    others CONSTANT text := (
        SELECT string_agg(format('Partition policy "%s": %s.', f ->> 'policy', f ->> 'message'), E'\n' ORDER BY n)
        FROM jsonb_array_elements(failures) WITH ORDINALITY AS e(f, n) WHERE n > 1);
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = first ->> 'sqlstate',
        MESSAGE = format('partition policy "%s" failed: %s', first ->> 'policy', first ->> 'message'),
        DETAIL = concat_ws(E'\n', coalesce(first ->> 'detail', 'Partitions that were created before stay.'),
                           E'More went wrong:\n' || others),
        HINT = coalesce(first ->> 'hint', 'SELECT * FROM etl.runs WHERE kind = ''partitions'' ORDER BY run_id DESC '
                                          'tells what was done.');
END
$$;
COMMENT ON FUNCTION etl._partition_raise(jsonb) IS
    'Raises what went wrong in one call, under the SQLSTATE of the first error.';

-- As in run.sql: nothing may stand between a COMMIT and SET TRANSACTION, and the path is pinned after each.
CREATE PROCEDURE etl._create_partitions(
    policy etl.partition_policy, as_of timestamptz, since timestamptz, dry_run boolean, INOUT failures jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    state pg_catalog.jsonb;
BEGIN
    state := etl._partition_begin(policy, as_of, since, dry_run);
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    WHILE NOT state ? 'ended' LOOP
        PERFORM etl._lock_role();
        state := etl._partition_step(policy, state);
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        state := etl._partition_rest(policy, state);
    END LOOP;
    COMMIT; -- also where an error is raised in the end
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF state ? 'run' THEN
        PERFORM etl._unlock_run('etl.partition_policy', policy.policy_id);
    END IF;
    failures := failures || (state -> 'failures');
END
$$;
COMMENT ON PROCEDURE etl._create_partitions(etl.partition_policy, timestamptz, timestamptz, boolean, jsonb) IS
    'Carries out one policy, and adds what went wrong to the failures instead of raising it.';

CREATE PROCEDURE etl.create_partitions(
    policy text DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    dry_run boolean DEFAULT false,
    since timestamptz DEFAULT NULL
)
LANGUAGE plpgsql
AS $$
DECLARE
    todo etl.partition_policy[];
    chosen etl.partition_policy;
    failures pg_catalog.jsonb := '[]';
BEGIN
    CALL etl._require_toplevel('etl.create_partitions');
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    todo := etl._partition_todo(policy, as_of, since, dry_run);
    FOREACH chosen IN ARRAY todo LOOP
        CALL etl._create_partitions(chosen, as_of, since, dry_run, failures);
        EXIT WHEN failures -> -1 ->> 'sqlstate' = '57014'; -- cancelled, and so are the policies after it
    END LOOP;
    IF failures <> '[]' THEN
        PERFORM etl._partition_raise(failures);
    END IF;
END
$$;
COMMENT ON PROCEDURE etl.create_partitions(text, timestamptz, boolean, timestamptz) IS
$$Carries out partition policies: creates the partitions that a table lacks for the present and for as many widths after
it as the policy says. What is there already stays as it is: nothing overlaps, gaps are filled, and where partitions end
between two bounds of the calendar, the next one begins there and ends at a bound (less than half a width goes with its
neighbour). Each partition is a transaction of its own, so it cannot be called inside a transaction block (2D000). The
table is locked in SHARE UPDATE EXCLUSIVE mode, which keeps nobody from reading or writing. A default partition is
locked exclusively while PostgreSQL looks through it, and tables that foreign keys of the table refer to are locked
against writing for as long as one partition takes.
policy: name of one policy of the current role; NULL: all of them, one after the other; one that fails does not stop the
rest. as_of: the moment that is the present (default: now). dry_run: creates each partition and rolls it back at once;
only the run is recorded. since: partitions from this moment on are created as well, but none whose rows a retention
policy of the table without filter would take at once.
A partition is called <table>_pYYYYMMDD, or <table>_pYYYYMMDD_HHMMSS, after its lower bound in UTC, and belongs to the
owner of the table. It is what CREATE TABLE … PARTITION OF makes, with the schema, tablespace, storage parameters,
UNLOGGED, replica identity and subpartitions (by HASH or LIST) of the newest partition; row security is on where either
has it on. Its own privileges are the default ones.
Each policy adds a row to etl.runs (kind partitions), whose rows is the number of new partitions and whose detail has
created (partition, from, to) and failures.
Errors: 42704 no such policy, 42501 another role's, 22023 bad as_of or since, 55P03 another session is running it, or
locks of others were in the way five times, 23514 the default partition has rows of a new one (the hint has the SQL that
moves them), 42P07 the name is taken, 0A000 subpartitions that cannot be made again, 54000 since lies more than 1000
partitions before as_of, and those of etl.add_partition_policy; what stopped a policy is raised at the end under its own
SQLSTATE.$$;
