-- Rollups of a table whose rows a retention policy takes out. A rollup that keeps its past must have read what was
-- changed before the rows of a group are erased: from then on it cannot compute the group.

CREATE FUNCTION etl._retention_rollups(policy etl.retention_policy)
RETURNS SETOF etl.rollup
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.*
    FROM etl.rollup AS r
    WHERE r.owner = current_user AND EXISTS (
        SELECT
        FROM etl.rollup_source AS s
        WHERE s.rollup_id = r.rollup_id AND s.owner = r.owner
          AND to_regclass(s.relation) IN (
              SELECT etl._family((policy).relation::regclass)
              UNION SELECT a FROM etl._ancestors((policy).relation::regclass) AS a))
    ORDER BY r.name
$$;
COMMENT ON FUNCTION etl._retention_rollups(etl.retention_policy) IS
    'The rollups of the current role that read the table of a policy, parts of it, or what it is part of.';

CREATE FUNCTION etl._retention_unfresh(policy etl.retention_policy)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rollup etl.rollup;
    unfresh text[] := '{}';
BEGIN
    IF policy.on_unfresh_rollup <> 'ignore' THEN
        FOR rollup IN SELECT * FROM etl._retention_rollups(policy) LOOP
            PERFORM etl._require_retention(
                rollup, format('Retention policy "%s" erases rows of table "%s", which it reads.', policy.name,
                               policy.relation));
            IF (rollup.retention = 'freeze' OR policy.on_unfresh_rollup = 'wait')
                AND etl._has_changes(rollup, rollup.refreshed_as_of) THEN
                unfresh := unfresh || rollup.name;
            END IF;
        END LOOP;
    END IF;
    RETURN unfresh;
END
$$;
COMMENT ON FUNCTION etl._retention_unfresh(etl.retention_policy) IS
    'The rollups that have to be refreshed before a policy takes rows out of its table. 55000 where one does not say '
    'what becomes of its groups.';

CREATE FUNCTION etl._retention_heed_rollups(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    state.unfresh_rollups := etl._retention_unfresh(policy);
    IF state.unfresh_rollups <> '{}' AND policy.on_unfresh_rollup = 'wait' THEN
        state.stopped := 'unfresh rollups';
        RAISE NOTICE USING
            MESSAGE = format('retention policy "%s" waits for rollup "%s" to be refreshed', policy.name,
                             array_to_string(state.unfresh_rollups, '", "')),
            HINT = format('CALL etl.refresh_rollup(%L);', state.unfresh_rollups[1]);
        state.tier := CASE WHEN state.dry_run THEN state.tier END;
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_heed_rollups(etl.retention_policy, etl._retention_state) IS
    'Notes in a state which rollups have to be refreshed before anything is taken; ends the run where the policy waits '
    'for them.';
