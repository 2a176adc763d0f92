-- How partitions are detached: DETACH PARTITION … CONCURRENTLY, which lets everybody go on, in a background worker,
-- as no procedure can execute it. Where that cannot be (the table has a default partition, no worker is free, or may not
-- log in), DETACH PARTITION within the lock_timeout of the policy.

CREATE FUNCTION etl._detaches_concurrently(d etl.detached_partition)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_setting('pg_etl.concurrent_detach')::boolean AND NOT EXISTS (
        SELECT FROM pg_partitioned_table AS p
        WHERE p.partrelid = to_regclass((d).parent) AND p.partdefid <> 0)
$$;
COMMENT ON FUNCTION etl._detaches_concurrently(etl.detached_partition) IS
    'Whether PostgreSQL can detach a partition concurrently: not from a table with a default partition.';

CREATE FUNCTION etl._detach_command(d etl.detached_partition, how text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('ALTER TABLE %s DETACH PARTITION %s %s', (d).parent, (d).partition_name, how)
$$;
COMMENT ON FUNCTION etl._detach_command(etl.detached_partition, text) IS
    'The command that detaches a partition, CONCURRENTLY, to FINALIZE that, or plainly.';

CREATE FUNCTION etl._detach_script(policy etl.retention_policy, d etl.detached_partition)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SET lock_timeout = %L; SET statement_timeout = 0; %s', current_setting('lock_timeout'),
                  etl._detach_command(d, 'CONCURRENTLY'))
    FROM etl._retention_set_locks(policy)
$$;
COMMENT ON FUNCTION etl._detach_script(etl.retention_policy, etl.detached_partition) IS
    'What the worker executes.';

CREATE FUNCTION etl._partition_failure(sqlstate text, message text, detail text, hint text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('sqlstate', sqlstate, 'message', message, 'detail', nullif(detail, ''),
                                                'hint', nullif(hint, '')))
$$;
COMMENT ON FUNCTION etl._partition_failure(text, text, text, text) IS 'An error as etl._retention_fail takes it.';

CREATE FUNCTION etl._choose_partition(
    policy etl.retention_policy, run bigint, tier integer, emptied boolean,
    OUT chosen etl.detached_partition, OUT failure jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    said text;
    hint text;
BEGIN
    PERFORM etl._retention_set_locks(policy);
    chosen := etl._next_partition(policy, run, tier, emptied);
EXCEPTION
    WHEN OTHERS OR query_canceled OR assert_failure THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, said = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        failure := etl._partition_failure(SQLSTATE, message, said, hint);
END
$$;
COMMENT ON FUNCTION etl._choose_partition(etl.retention_policy, bigint, integer, boolean) IS
    'etl._next_partition, or what went wrong.';

CREATE FUNCTION etl._try_partition(policy etl.retention_policy, run bigint, d etl.detached_partition, state text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    said text;
    hint text;
BEGIN
    PERFORM etl._retention_set_locks(policy);
    CASE state
        WHEN 'attached' THEN
            EXECUTE etl._detach_command(d, '');
        WHEN 'pending' THEN
            EXECUTE etl._detach_command(d, 'FINALIZE');
        WHEN 'detached', 'moved' THEN
            PERFORM etl._settle_partition(policy, run, d);
        WHEN 'renamed' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('detached partition "%s" has another name now, "%s"', d.partition_name, d.partition),
                DETAIL = format('It belongs to table "%s", and is not done with.', d.parent),
                HINT = format('Give it its name back with ALTER TABLE %s RENAME TO …; and call again.', d.partition);
        ELSE
            PERFORM etl._forget_partition(run, d, state);
    END CASE;
    RETURN NULL;
EXCEPTION
    WHEN OTHERS OR query_canceled OR assert_failure THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, said = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN etl._partition_failure(SQLSTATE, message, said, hint);
END
$$;
COMMENT ON FUNCTION etl._try_partition(etl.retention_policy, bigint, etl.detached_partition, text) IS
    'The next step with a partition, by its state: detached plainly, finalized, settled, or forgotten. Returns what '
    'went wrong, and has changed nothing then.';

CREATE FUNCTION etl._abandon_partition(run bigint, d etl.detached_partition, failure jsonb, is_auto boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state CONSTANT text := etl._partition_state(d);
    why CONSTANT jsonb := jsonb_build_object('why', failure ->> 'message');
BEGIN
    IF failure ->> 'sqlstate' = '57014' THEN
        RETURN failure;
    ELSIF d.status = 'moved' THEN
        PERFORM etl._note_partition(run, d, 'rows', why);
        RETURN NULL;
    ELSIF state = 'attached' THEN
        DELETE FROM etl.detached_partition AS o WHERE o.detached_id = d.detached_id;
        PERFORM etl._note_partition(run, d, CASE WHEN is_auto AND d.fate <> 'empty' THEN 'rows' ELSE 'left' END, why);
        RETURN NULL;
    ELSIF state = 'pending' THEN
        PERFORM etl._note_partition(run, d, 'waiting',
                                    '{"why": "transactions that read its table have not ended; the next run goes on"}');
        RETURN NULL;
    END IF;
    RETURN failure;
END
$$;
COMMENT ON FUNCTION etl._abandon_partition(bigint, etl.detached_partition, jsonb, boolean) IS
    'Leaves a partition to a later run, or its rows to be taken one by one, after what went wrong with it; returns '
    'what ends the run.';

-- The next two name everything with its schema and use no operator before the path is pinned, as they commit. Nothing
-- may stand between a COMMIT and SET TRANSACTION. A run calls them with a transaction that has done nothing yet.
CREATE PROCEDURE etl._carry_out_partition(
    policy etl.retention_policy, run bigint, d etl.detached_partition, is_new boolean, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    state pg_catalog.text;
    plainly boolean := false;
    attempts integer := 0;
BEGIN
    LOOP
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        PERFORM etl._lock_role();
        state := etl._partition_state(d);
        IF state = 'attached' AND NOT is_new THEN
            state := 'never detached';
        ELSIF state = 'detached' AND failure ->> 'sqlstate' = '42P01' AND attempts > 0 THEN
            state := 'elsewhere'; -- somebody else has detached it, for whatever purpose
        END IF;
        IF state = 'attached' AND NOT plainly AND etl._detaches_concurrently(d) THEN
            CALL etl._run_at_toplevel(etl._detach_script(policy, d), 'pg_etl detaches a partition', failure);
        ELSE
            failure := etl._try_partition(policy, run, d, state);
        END IF;
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF failure IS NULL THEN
            EXIT WHEN state NOT IN ('attached', 'pending');
        ELSIF failure ->> 'sqlstate' IN ('53000', '28000', '42501') AND NOT plainly THEN
            plainly := true; -- there is no worker
        ELSE
            attempts := attempts + 1;
            EXIT WHEN failure ->> 'sqlstate' NOT IN ('55P03', '40P01', '40001', '42P01') OR attempts = 5;
            failure := coalesce(etl._rest(0.05 * 2 ^ attempts), failure);
            EXIT WHEN failure ->> 'sqlstate' = '57014';
        END IF;
    END LOOP;
    IF failure IS NOT NULL THEN
        failure := etl._abandon_partition(run, d, failure, policy.method = 'auto');
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    END IF;
END
$$;
COMMENT ON PROCEDURE etl._carry_out_partition(
    etl.retention_policy, bigint, etl.detached_partition, boolean, jsonb) IS
    'Takes a partition out of its table and does with it what is to be done, as far as that has not been done; is_new: '
    'it was written down by this run, so that it is to be detached where it is not. Gives back what ended the run.';

CREATE PROCEDURE etl._retention_partitions(
    policy etl.retention_policy, run bigint, tier integer, emptied boolean, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    d etl.detached_partition;
    chosen record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    LOOP
        PERFORM etl._lock_role();
        chosen := etl._choose_partition(policy, run, tier, emptied);
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        failure := chosen.failure;
        d := chosen.chosen;
        EXIT WHEN failure IS NOT NULL OR d.detached_id IS NULL;
        CALL etl._carry_out_partition(policy, run, d, true, failure);
        EXIT WHEN failure IS NOT NULL;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE etl._retention_partitions(etl.retention_policy, bigint, integer, boolean, jsonb) IS
    'Takes the partitions that can go whole with a tier out of their table, one after the other; emptied: those that '
    'have no rows any more, after its walk. Gives back what ended the run.';

CREATE PROCEDURE etl._settle_partitions(policy etl.retention_policy, run bigint, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    d etl.detached_partition;
    unsettled etl.detached_partition[];
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    unsettled := ARRAY(
        SELECT o FROM etl.detached_partition AS o
        WHERE o.policy = (_settle_partitions.policy).name AND o.owner = current_user AND o.status = 'detaching'
        ORDER BY o.detached_id);
    FOREACH d IN ARRAY unsettled LOOP
        CALL etl._carry_out_partition(policy, run, d, false, failure);
        EXIT WHEN failure IS NOT NULL;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE etl._settle_partitions(etl.retention_policy, bigint, jsonb) IS
    'Finishes what runs before have begun with partitions of a policy and did not finish.';
