-- What a run notes of partitions: those that it took whole, those that it had to leave, and what that means for the rows
-- that are taken one by one.

CREATE FUNCTION etl._note_partition(run bigint, tier integer, part text, what text, note jsonb DEFAULT '{}')
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.run AS r
    SET detail = r.detail || jsonb_build_object('partitions', coalesce(r.detail -> 'partitions', '[]')
        || jsonb_strip_nulls(jsonb_build_object('tier', tier, 'partition', part, 'what', what) || note))
    WHERE r.run_id = run
$$;
COMMENT ON FUNCTION etl._note_partition(bigint, integer, text, text, jsonb) IS
    'Adds to the record of a run what became of a partition: its tier, its name, dropped, moved, attached, left, '
    'returned, waiting, lost (in a dry run drop, move or attach), or rows where its rows go one by one; and why, or '
    'what was in it.';

CREATE FUNCTION etl._note_partition(run bigint, d etl.detached_partition, what text, note jsonb DEFAULT '{}')
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._note_partition(run, (d).tier, (d).partition_name, what,
                               note || CASE (d).fate WHEN 'empty' THEN '{"emptied": true}' ELSE '{}' END::jsonb)
$$;
COMMENT ON FUNCTION etl._note_partition(bigint, etl.detached_partition, text, jsonb) IS
    'The same of one that was written down; emptied: it was to be dropped because it had no rows any more.';

CREATE FUNCTION etl._count_partition(run bigint, tier integer, is_kept boolean, counted bigint, bytes bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.run AS r
    SET detail = r.detail || jsonb_build_object('bytes', coalesce((r.detail ->> 'bytes')::bigint, 0) + bytes)
            || (SELECT coalesce(jsonb_object_agg(c.key, coalesce((r.detail ->> c.key)::bigint, 0) + counted), '{}')
                FROM (VALUES ('deleted_from_hot', tier = 1), ('archived', is_kept),
                             ('deleted_from_archive', tier > 1 AND NOT is_kept)) AS c(key, counts)
                WHERE c.counts)
    WHERE r.run_id = run
$$;
COMMENT ON FUNCTION etl._count_partition(bigint, integer, boolean, bigint, bigint) IS
    'Adds the rows and bytes of a partition that went whole to the counts of a run.';

CREATE FUNCTION etl._whole_partitions(
    state etl._retention_state, OUT rows bigint, OUT bytes bigint, OUT oldest timestamptz, OUT estimated bigint,
    OUT names text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum((p ->> 'rows')::bigint), 0), coalesce(sum((p ->> 'bytes')::bigint), 0),
           min((p ->> 'oldest')::timestamptz), sum((p ->> 'estimated_rows')::bigint),
           coalesce(array_agg(p ->> 'partition'), '{}')
    FROM jsonb_array_elements((state).partitions) AS p
    WHERE (p ->> 'tier')::integer = (state).tier AND p ->> 'what' IN (
        'dropped', 'moved', 'attached', 'drop', 'move', 'attach')
$$;
COMMENT ON FUNCTION etl._whole_partitions(etl._retention_state) IS
    'What has gone whole with the tier of a state, in a dry run what would: rows (as far as they were counted), bytes, '
    'the time of the oldest row, the estimate of rows that were not counted, and the names.';

CREATE FUNCTION etl._retention_row_policy(policy etl.retention_policy, state etl._retention_state)
RETURNS etl.retention_policy
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names CONSTANT text[] := CASE WHEN state.dry_run THEN (etl._whole_partitions(state)).names END;
    archive CONSTANT regclass := etl._retention_table_place(policy, state.tier);
    closed oid[];
BEGIN
    IF policy.method <> 'partitions' AND coalesce(names, '{}') = '{}' AND pg_get_partkeydef(archive) IS NULL
       OR policy.method = 'rows' OR etl._is_file_tier(policy, state.tier - 1) THEN
        RETURN policy;
    END IF;
    closed := ARRAY(
        SELECT f::oid
        FROM etl._range_partitions(etl._retention_source(policy, state.tier), policy.time_column) AS p
        CROSS JOIN LATERAL etl._partition_fate(policy, state.tier, p.parent) AS i
        CROSS JOIN LATERAL etl._family(p.part) AS f
        WHERE p.upper IS NOT NULL AND CASE
                  WHEN policy.method = 'partitions' THEN
                      i.fate IS NOT NULL OR p.upper > etl._retention_cutoff(policy, state.tier, state.as_of)
                  WHEN i.fate = 'attach' THEN etl._archive_partition(p.part, archive, policy.time_column) IS NULL
              END
        UNION
        SELECT f::oid FROM unnest(names) AS n CROSS JOIN LATERAL etl._family(to_regclass(n)) AS f);
    IF closed <> '{}' THEN
        policy.filter := coalesce(E'(\n' || policy.filter || E'\n) AND ', '')
            || format('%I.tableoid <> ALL (%L::oid[])', etl._retention_alias(policy), closed);
    END IF;
    RETURN policy;
END
$$;
COMMENT ON FUNCTION etl._retention_row_policy(etl.retention_policy, etl._retention_state) IS
    'A policy as it is for the rows that its tier takes one by one: in a dry run without the partitions that would go '
    'whole, and without those that wait until they can: with method partitions, and where the archive is partitioned '
    'and has no partition that takes rows of theirs. The rows of default partitions are always among them.';

CREATE FUNCTION etl._tell_partitions(policy etl.retention_policy, run bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part jsonb;
BEGIN
    FOR part IN
        SELECT p FROM etl.run AS r, jsonb_array_elements(r.detail -> 'partitions') AS p
        WHERE r.run_id = run AND p ->> 'what' IN ('drop', 'move', 'attach', 'left', 'returned', 'waiting')
        UNION ALL
        SELECT jsonb_build_object('what', 'waiting', 'partition', d.partition_name,
                                  'why', 'a run was ended; the next one finishes it')
        FROM etl.run AS r JOIN etl.detached_partition AS d ON d.policy = r.name AND d.owner = r.owner
        WHERE r.run_id = run AND (r.detail -> 'dry_run')::boolean AND d.status = 'detaching'
    LOOP
        RAISE NOTICE USING MESSAGE = format('retention policy "%s" ', policy.name) || CASE part ->> 'what'
            WHEN 'left' THEN format('left partition "%s": %s', part ->> 'partition', part ->> 'why')
            WHEN 'returned' THEN format('put partition "%s" back into its table: %s', part ->> 'partition',
                                        part ->> 'why')
            WHEN 'waiting' THEN format('has not done with partition "%s": %s', part ->> 'partition', part ->> 'why')
            ELSE format('would %s partition "%s" as a whole: %s rows (%s)', part ->> 'what', part ->> 'partition',
                        part ->> 'rows', pg_size_pretty((part ->> 'bytes')::bigint))
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._tell_partitions(etl.retention_policy, bigint) IS
    'Tells the client what a dry run would do with partitions, which ones a run had to leave, and in a dry run which '
    'ones are on the way.';

-- Taking them --------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._partition_bytes(part regclass)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sum(pg_total_relation_size(f))::bigint FROM etl._family(part) AS f
$$;
COMMENT ON FUNCTION etl._partition_bytes(regclass) IS 'How much a partition takes on disk, indexes included.';

CREATE FUNCTION etl._rehearse_partition(
    policy etl.retention_policy, run bigint, tier integer, part regclass, fate text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counted bigint;
    oldest timestamptz;
    bytes CONSTANT bigint := etl._partition_bytes(part);
BEGIN
    EXECUTE format('SELECT count(*), %s FROM %s AS t',
                   etl._retention_moment(policy, format('min(t.%I)', policy.time_column)), part) INTO counted, oldest;
    PERFORM etl._note_partition(run, tier, etl._relation_name(part), fate,
                                jsonb_build_object('rows', counted, 'bytes', bytes, 'oldest', oldest)),
            etl._count_partition(run, tier, fate <> 'drop', counted, bytes);
END
$$;
COMMENT ON FUNCTION etl._rehearse_partition(etl.retention_policy, bigint, integer, regclass, text) IS
    'Notes in a dry run that a partition would go whole.';

CREATE FUNCTION etl._why_not(
    policy etl.retention_policy, tier integer, cutoff timestamptz, part regclass, parent regclass,
    fate text, target regclass)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN etl._partition_obstacle(policy, tier, cutoff, part, parent, fate, target);
EXCEPTION
    WHEN OTHERS THEN
        RETURN SQLERRM; -- what is wrong with a filter or a hold ends the run where rows are taken
END
$$;
COMMENT ON FUNCTION etl._why_not(etl.retention_policy, integer, timestamptz, regclass, regclass, text, regclass) IS
    'etl._partition_obstacle, which an error is as well.';

CREATE FUNCTION etl._intend(
    policy etl.retention_policy, run bigint, tier integer, part regclass, parent regclass, fate text, target text)
RETURNS etl.detached_partition
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl.detached_partition;
BEGIN
    INSERT INTO etl.detached_partition (policy, run_id, tier, partition, partition_name, parent, bound, condition, fate,
                                        target)
    VALUES (policy.name, run, tier, part, etl._relation_name(part), etl._relation_name(parent),
            etl._partition_bound(part), etl._partition_condition(part), fate, target)
    RETURNING * INTO made;
    RETURN made;
EXCEPTION
    WHEN unique_violation THEN
        IF fate <> 'empty' THEN
            PERFORM etl._note_partition(run, tier, etl._relation_name(part), 'left',
                                        '{"why": "another retention policy is taking it"}');
        END IF;
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._intend(
    etl.retention_policy, bigint, integer, regclass, regclass, text, text) IS
    'Writes down what is to become of a partition, before it is touched. NULL where another policy has done so.';

CREATE FUNCTION etl._next_partition(policy etl.retention_policy, run bigint, tier integer, emptied boolean)
RETURNS etl.detached_partition
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    this etl.run;
    cutoff timestamptz;
    place CONSTANT text := etl._retention_place(policy, tier - 1);
    candidate record;
    intended record;
    why text;
    made etl.detached_partition;
    is_checked boolean := false;
BEGIN
    SELECT r.* INTO this FROM etl.run AS r WHERE r.run_id = run;
    IF policy.method = 'rows' OR place IS NULL OR etl._is_archive_file(place) OR to_regclass(place) IS NULL
       OR clock_timestamp() > this.started_at + policy.max_runtime THEN
        RETURN NULL;
    END IF;
    cutoff := etl._retention_cutoff(policy, tier, this.as_of);
    FOR candidate IN SELECT * FROM etl._retention_candidates(policy, tier, cutoff) LOOP
        SELECT 'empty' AS fate, NULL::text AS target INTO intended;
        IF NOT emptied THEN
            intended := etl._partition_fate(policy, tier, candidate.parent);
        END IF;
        CONTINUE WHEN intended.fate IS NULL OR intended.fate = 'attach' AND candidate.moved IS NOT NULL
            OR EXISTS (SELECT FROM jsonb_array_elements(this.detail -> 'partitions') AS p
                       WHERE p ->> 'partition' = etl._relation_name(candidate.part)
                         AND (p ->> 'tier')::integer = tier AND (p ? 'emptied') = emptied);
        why := etl._why_not(policy, tier, cutoff, candidate.part, candidate.parent, intended.fate,
                            to_regclass(intended.target));
        IF why IS NULL AND NOT is_checked AND NOT emptied AND NOT (this.detail -> 'dry_run')::boolean THEN
            PERFORM etl._retention_check_places_of(policy);
            is_checked := true;
        END IF;
        IF why IS NOT NULL AND NOT emptied THEN
            PERFORM etl._note_partition(
                run, tier, etl._relation_name(candidate.part),
                CASE WHEN candidate.moved IS NOT NULL THEN 'rows'
                     WHEN policy.method = 'partitions' THEN 'left'
                     WHEN intended.fate = 'attach' AND etl._archive_partition(
                         candidate.part, intended.target::regclass, policy.time_column) IS NULL THEN 'left'
                     ELSE 'rows' END,
                jsonb_build_object('why', why));
        ELSIF why IS NULL AND (this.detail -> 'dry_run')::boolean THEN
            IF NOT emptied THEN
                PERFORM etl._rehearse_partition(policy, run, tier, candidate.part, intended.fate);
            END IF;
        ELSIF why IS NULL AND candidate.moved IS NOT NULL THEN
            made := candidate.moved;
            made.policy := policy.name;
            made.tier := tier;
            made.fate := intended.fate;
            made.target := intended.target;
            RETURN made;
        ELSIF why IS NULL THEN
            made := etl._intend(policy, run, tier, candidate.part, candidate.parent, intended.fate, intended.target);
            IF made.partition IS NOT NULL THEN
                RETURN made;
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._next_partition(etl.retention_policy, bigint, integer, boolean) IS
    'The next partition that a run takes whole with a tier, written down; emptied: after its walk, of those that have '
    'no rows. NULL where there is none any more. Notes why others do not go.';
