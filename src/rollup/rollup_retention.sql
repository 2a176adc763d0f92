-- What becomes of groups whose rows are erased: by a retention policy, by law, or with a partition.
--
-- Erasing is not deleting. Who deletes says that rows should not have been there, and the rollup follows. Who erases
-- says that they may not stay, and the rollup is often the reason why they need not: it keeps what they came to. So
-- triggers tell the two apart (e, and B for a range of first keys, A for all: the transaction has pg_etl.erasing on),
-- and the rollup says what it wants:
--
--   follow   erased rows leave it as deleted ones do;
--   freeze   a group of which a row was erased is not computed any more, for there is nothing left to compute it from;
--   NULL     nobody has decided: the refresh stops, and says how to decide. The past is never emptied in silence.
--
-- A frozen group of a rollup with states takes in what can be merged: new rows add to it, whatever was erased. What
-- would have to be computed is left out, counted (etl_ignored) and told. Where a state could not give a value back, the
-- group is closed: what it shows stays, and nothing is merged any more into a state that is wrong. A query that runs
-- while rows are being erased must not see that and store it: each transaction of a refresh looks at the logs under its
-- own snapshot before it computes anything.

-- Before -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_freezable(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rollup.retention = 'freeze' AND rollup.plan -> 'moving' <> '[]' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('rollup "%s" cannot freeze groups', rollup.name),
            DETAIL = 'Its query has a filter that moves with now(), so its groups go as time passes.',
            HINT = 'With retention => ''follow'' groups whose rows are erased are computed from what is left. To keep '
                   'the past let the query do without now().';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_freezable(etl.rollup) IS
    'Raises (0A000) where a rollup is to freeze groups and its query lets them go by itself.';

CREATE FUNCTION etl._require_followers(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader text;
BEGIN
    SELECT r.name INTO reader
    FROM etl.rollup_source AS s
    JOIN etl.rollup AS r ON r.rollup_id = s.rollup_id AND r.owner = s.owner
    WHERE s.relation = rollup.name AND r.owner = current_user AND r.retention IS DISTINCT FROM 'follow'
    ORDER BY r.name LIMIT 1;
    IF reader IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('rollup "%s" would lose its past to rollup "%s", which it reads and which follows', reader,
                             rollup.name),
            DETAIL = 'Rows were erased from a table that the latter reads.',
            HINT = format('SELECT etl.alter_rollup(%L, retention => ''freeze''); keeps the past in both, and '
                          'etl.alter_rollup(%L, retention => ''follow'') in neither.', rollup.name, reader);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_followers(etl.rollup) IS
    'Raises (55000) where a rollup that follows an erasure is read by one that does not say that it follows, too.';

-- Frozen groups ------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._create_frozen(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys CONSTANT text := etl._column_list(rollup.key_columns);
    stored CONSTANT text := etl._rollup_table(rollup.name, '_frozen');
BEGIN
    EXECUTE format('CREATE TABLE %s AS SELECT %s FROM %s WITH NO DATA', stored, keys, rollup.name);
    EXECUTE format('ALTER TABLE %s ADD COLUMN etl_ignored bigint NOT NULL DEFAULT 0, '
                   'ADD COLUMN etl_closed boolean NOT NULL DEFAULT false', stored);
    EXECUTE format('CREATE UNIQUE INDEX ON %s (%s) NULLS NOT DISTINCT', stored, keys);
    PERFORM etl._identify_rows(stored);
    EXECUTE format('COMMENT ON TABLE %s IS %L', stored,
                   format('Groups of rollup %s that stay as they are: rows were erased.', rollup.name));
    EXECUTE format('COMMENT ON COLUMN %s.etl_ignored IS %L', stored,
                   'At how many refreshes the group had changes that could not be taken in.');
    EXECUTE format('COMMENT ON COLUMN %s.etl_closed IS %L', stored,
                   'Whether nothing is merged into the group any more, as a state could not give a value back.');
END
$$;
COMMENT ON FUNCTION etl._create_frozen(etl.rollup) IS
    'Creates the table of the groups of a rollup that are not computed any more.';

CREATE FUNCTION etl._frozen_condition(rollup etl.rollup, alias text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN rollup.frozen_before IS NOT NULL THEN
        format('(%2$s.%1$I %3$s %4$L::%5$s AND NOT %2$s.%1$I %6$s %4$L::%5$s)', k ->> 'name', alias, k ->> 'at_most',
               rollup.frozen_before, k ->> 'type', k ->> 'equal') END
    FROM (SELECT rollup.plan -> 'keys' -> 0) AS p(k)
$$;
COMMENT ON FUNCTION etl._frozen_condition(etl.rollup, text) IS
    'That a row, by its alias, is of a group before the key from which on groups are computed; NULL where there is no '
    'such key.';

-- Two subqueries: the index finds keys without NULL, and those with one are few.
CREATE FUNCTION etl._among_frozen(rollup etl.rollup, alias text, condition text DEFAULT 'true')
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(EXISTS (SELECT FROM %1$s AS f WHERE %2$s AND %7$s) OR (%3$s) AND EXISTS (SELECT FROM %1$s AS f '
                  'WHERE (%4$s) AND ROW(%5$s)::record OPERATOR(pg_catalog.=) ROW(%6$s)::record AND %7$s))',
                  etl._rollup_table(rollup.name, '_frozen'),
                  string_agg(format('f.%1$I %3$s %2$s.%1$I', k.value ->> 'name', alias, k.value ->> 'equal'), ' AND '),
                  string_agg(format('%2$s.%1$I IS NOT DISTINCT FROM NULL', k.value ->> 'name', alias), ' OR '),
                  string_agg(format('f.%I IS NOT DISTINCT FROM NULL', k.value ->> 'name'), ' OR '),
                  string_agg(format('f.%I', k.value ->> 'name'), ', ' ORDER BY k.ordinality),
                  string_agg(format('%2$s.%1$I::%3$s', k.value ->> 'name', alias, k.value ->> 'type'), ', '
                             ORDER BY k.ordinality), condition)
    FROM jsonb_array_elements(rollup.plan -> 'keys') WITH ORDINALITY AS k
$$;
COMMENT ON FUNCTION etl._among_frozen(etl.rollup, text, text) IS
    'A condition that the group of a row, by its alias, is in the table of frozen groups, and a condition there (alias '
    'f) holds.';

CREATE FUNCTION etl._is_frozen(rollup etl.rollup, alias text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN rollup.retention IS DISTINCT FROM 'freeze' THEN 'false'
                ELSE format('(%s%s)', etl._among_frozen(rollup, alias),
                            ' OR coalesce(' || etl._frozen_condition(rollup, alias) || ', false)') END
$$;
COMMENT ON FUNCTION etl._is_frozen(etl.rollup, text) IS
    'A condition that the group of a row, by its alias, is frozen: false for a rollup that freezes none.';

CREATE FUNCTION etl._freeze_detached(rollup etl.rollup, source etl.rollup_source, member regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET lc_numeric = 'C'
SET lc_time = 'C'
SET array_nulls = on
SET quote_all_identifiers = off
SET pg_etl.rollup_as_of = ''
SET pg_etl.rollup_uses = ''
AS $$
BEGIN
    PERFORM etl._hold_to(rollup, now());
    PERFORM etl._note_groups(rollup, '_frozen', etl._keys_of_rows(
        rollup, source,
        format('SELECT %s FROM %s AS l', etl._logged_columns(source, etl._all_columns(source)), member)));
END
$$;
COMMENT ON FUNCTION etl._freeze_detached(etl.rollup, etl.rollup_source, regclass) IS
    'Freezes the groups of the rows of a partition or child that a source has no more: its rows are still there.';

CREATE FUNCTION etl._freeze_members(
    rollup etl.rollup, source etl.rollup_source, detached regclass[], gone bigint, what text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF gone > cardinality(detached)
       OR (etl._plan_source(rollup.plan, source.number) ->> 'everything')::boolean THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('rollup "%s" does not say which groups are to be frozen', rollup.name),
            DETAIL = what,
            HINT = format('SELECT etl.alter_rollup(%L, frozen_before => …); with the least "%s" that still has all of '
                          'its rows. To have it found out, detach parts, refresh, and drop them then.', rollup.name,
                          rollup.key_columns[1]);
    END IF;
    PERFORM etl._freeze_detached(rollup, source, m) FROM unnest(detached) AS m;
END
$$;
COMMENT ON FUNCTION etl._freeze_members(etl.rollup, etl.rollup_source, regclass[], bigint, text) IS
    'Freezes the groups of rows of partitions or children that a source has no more, where all of them are still '
    'there. 55000 where one is gone.';

CREATE FUNCTION etl._freeze_erased(rollup etl.rollup, contents jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    erased CONSTANT jsonb := etl._notes_of(contents, '{e,A,B}');
BEGIN
    IF etl._is_everything(rollup, erased) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('rows were erased for rollup "%s", and it is not known of which groups', rollup.name),
            DETAIL = 'It is to keep the groups whose rows are erased as they are. Those were all rows of a table, or '
                     'of a table of which any row may touch all groups.',
            HINT = format('SELECT etl.alter_rollup(%L, frozen_before => …); with the least "%s" that still has all of '
                          'its rows.', rollup.name, rollup.key_columns[1]);
    ELSIF erased <> '[]' THEN
        PERFORM etl._note_groups(rollup, '_frozen', etl._noted_keys(rollup, erased),
                                 etl._taken_notes(rollup, erased));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._freeze_erased(etl.rollup, jsonb) IS
    'Freezes the groups of which rows were erased, and takes the notes of that from the logs. 55000 where it is not '
    'known which they are.';

CREATE FUNCTION etl._release_frozen(rollup etl.rollup, is_ignored boolean, is_lost boolean DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys CONSTANT text := etl._column_list(rollup.key_columns);
    release CONSTANT text := format('DELETE FROM %s AS p WHERE %s', etl._rollup_table(rollup.name, '_pending'),
                                    etl._is_frozen(rollup, 'p'));
BEGIN
    IF NOT is_ignored THEN
        PERFORM etl._locked_command(release);
        RETURN 0;
    END IF;
    RETURN etl._locked_command(format(
        'WITH released AS (%s RETURNING %s) '
        'INSERT INTO %s AS f (%s, etl_ignored, etl_closed) SELECT DISTINCT %4$s, 1, %5$L::boolean FROM released '
        'ON CONFLICT (%4$s) DO UPDATE SET etl_ignored = f.etl_ignored + 1, '
        'etl_closed = f.etl_closed OR excluded.etl_closed',
        release, etl._key_list(rollup.plan -> 'keys', 'p'), etl._rollup_table(rollup.name, '_frozen'), keys, is_lost));
END
$$;
COMMENT ON FUNCTION etl._release_frozen(etl.rollup, boolean, boolean) IS
    'Takes the frozen groups out of the pending ones. is_ignored: because changes of theirs are not taken in; that is '
    'counted for each of them, and so is how many they were, which is returned. is_lost: as a state could not give a '
    'value back, so that nothing is merged into them from now on.';

CREATE FUNCTION etl._tell_ignored(rollup etl.rollup, frozen bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF frozen > 0 THEN
        RAISE NOTICE USING
            MESSAGE = format('rollup "%s" did not take in changes of %s frozen groups', rollup.name, frozen),
            DETAIL = 'Rows of theirs were erased, so that they cannot be computed any more.',
            HINT = format('SELECT * FROM %s WHERE etl_ignored > 0; lists all such groups.',
                          etl._rollup_table(rollup.name, '_frozen'));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._tell_ignored(etl.rollup, bigint) IS
    'Tells (NOTICE) of how many frozen groups changes were not taken in, where there are such.';

-- In each transaction ------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._lost_members(source etl.rollup_source)
RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
    relation CONSTANT regclass := source.relation;
    is_partitioned CONSTANT boolean := (SELECT c.relkind = 'p' FROM pg_class AS c WHERE c.oid = relation);
BEGIN
    IF NOT is_partitioned AND cardinality(source.family) = 1 THEN
        RETURN '{}';
    END IF;
    EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', relation); -- with its parts, so that none can go from now on
    -- What has gone by now the planner does not see, whatever this transaction's snapshot sees. These functions do
    -- as the planner.
    RETURN ARRAY(
        SELECT m FROM unnest(source.family) AS m
        WHERE etl._named_relation(m) IS NULL
           OR is_partitioned AND etl._named_relation(m)::oid NOT IN (
               SELECT t.relid FROM pg_partition_tree(relation) AS t)
           OR NOT is_partitioned AND m <> ALL (etl._family_names(relation)));
END
$$;
COMMENT ON FUNCTION etl._lost_members(etl.rollup_source) IS
    'Partitions or children that a source has lost since the refresh looked at it. It can lose no more of them to the '
    'end of the transaction.';

CREATE FUNCTION etl._require_family(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source etl.rollup_source;
    lost text[];
BEGIN
    FOR source IN SELECT * FROM etl._sources(rollup) LOOP
        lost := etl._lost_members(source);
        IF lost <> '{}' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('table "%s", which rollup "%s" reads, has lost a part during the refresh',
                                 source.relation, rollup.name),
                DETAIL = format('These are gone: %s.', array_to_string(lost, ', ')),
                HINT = format('CALL etl.refresh_rollup(%L); looks at its sources anew.', rollup.name);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._require_family(etl.rollup) IS
    'Raises (55000) where a source of a rollup has lost a partition or child since the refresh looked, and keeps the '
    'sources from losing any to the end of the transaction.';

CREATE FUNCTION etl._heed_erasures(rollup etl.rollup, contents jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rollup.retention IS DISTINCT FROM 'follow' THEN
        PERFORM etl._require_family(rollup);
    END IF;
    IF etl._notes_of(contents, '{e,A,B}') = '[]' THEN
        RETURN;
    END IF;
    PERFORM etl._require_retention(rollup, 'Rows were erased from a table that it reads.');
    IF rollup.retention = 'freeze' THEN
        PERFORM etl._freeze_erased(rollup, contents);
    ELSE
        PERFORM etl._require_followers(rollup);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._heed_erasures(etl.rollup, jsonb) IS
    'Does what a rollup says about the erasures that stand in its logs: freezes the groups, or lets them be followed. '
    '55000 where it does not say.';

CREATE FUNCTION etl._heed_late_erasures(rollup etl.rollup)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rollup.retention = 'follow' THEN
        RETURN 0;
    END IF;
    PERFORM etl._heed_erasures(rollup, coalesce(etl._log_contents(rollup), '[]'));
    RETURN CASE WHEN rollup.retention = 'freeze' THEN etl._release_frozen(rollup, true) ELSE 0 END;
END
$$;
COMMENT ON FUNCTION etl._heed_late_erasures(etl.rollup) IS
    'etl._heed_erasures for a later transaction of a refresh, before it computes anything: its snapshot may see '
    'erasures that the first one has not seen. Returns how many pending groups are left out for that.';

CREATE FUNCTION etl._require_no_erasure(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rollup.retention IS DISTINCT FROM 'follow'
       AND etl._notes_of(coalesce(etl._log_contents(rollup), '[]'), '{e,A,B}') <> '[]' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'serialization_failure',
            MESSAGE = format('rows were erased while rollup "%s" was being refreshed', rollup.name),
            DETAIL = 'This transaction has no one snapshot, so that groups may have been computed without them.',
            HINT = format('Roll back and try again, or CALL etl.refresh_rollup(%L); by itself.', rollup.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_no_erasure(etl.rollup) IS
    'Raises (40001) where the logs tell of an erasure after groups were computed under a snapshot of their own.';

-- The log of a rollup that freezes -----------------------------------------------------------------------------------

CREATE FUNCTION etl._merge_beside_frozen(rollup etl.rollup, contents jsonb, everything boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    closed boolean;
    merged jsonb;
    lost bigint;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS f WHERE f.etl_closed)', etl._rollup_table(rollup.name, '_frozen'))
        INTO closed;
    IF closed AND NOT everything THEN
        PERFORM etl._note_groups(rollup, '_pending', format(
            E'SELECT %s FROM (\n%s\n) AS k WHERE %s', etl._column_list(rollup.key_columns),
            etl._noted_keys(rollup, contents), etl._among_frozen(rollup, 'k', 'f.etl_closed')));
    END IF;
    merged := etl._merge_images(rollup, contents, is_complete => NOT everything);
    PERFORM etl._locked_command(format('WITH %s SELECT', etl._taken_notes(rollup, contents)));
    lost := etl._release_frozen(rollup, true, is_lost => true);
    RETURN jsonb_set(merged, '{ignored}', to_jsonb((merged ->> 'ignored')::bigint + lost));
END
$$;
COMMENT ON FUNCTION etl._merge_beside_frozen(etl.rollup, jsonb, boolean) IS
    'Merges what stands in the logs of a rollup into all groups that are not pending, frozen ones too, and takes it '
    'from the logs. Returns what etl._merge_images does; ignored are all frozen groups with changes that were left '
    'out.';

CREATE FUNCTION etl._take_beside_frozen(rollup etl.rollup, contents jsonb, merge boolean, at_once boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everything CONSTANT boolean := etl._is_everything(rollup, contents);
    with_states CONSTANT boolean := etl._is_delta(rollup);
    noted CONSTANT jsonb := CASE WHEN merge THEN etl._notes_of(contents, '{b}') ELSE contents END;
    -- With states the frozen groups need what the logs have of them: that is merged.
    taken text;
    merged jsonb;
    frozen bigint;
BEGIN
    IF contents <> '[]' AND NOT with_states THEN
        taken := etl._taken_notes(rollup, contents);
    END IF;
    IF everything THEN
        PERFORM etl._note_groups(rollup, '_pending', etl._all_keys(rollup), taken);
    ELSIF noted <> '[]' THEN
        PERFORM etl._note_groups(rollup, '_pending', etl._noted_keys(rollup, noted), taken);
    END IF;
    frozen := etl._release_frozen(rollup, is_ignored => NOT everything AND (merge OR NOT with_states));
    IF with_states AND at_once AND contents <> '[]' THEN
        merged := etl._merge_beside_frozen(rollup, contents, everything);
        frozen := frozen + (merged ->> 'ignored')::bigint;
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'merged', merged - 'groups' || jsonb_build_object('merged', merged -> 'groups'), 'frozen', frozen));
END
$$;
COMMENT ON FUNCTION etl._take_beside_frozen(etl.rollup, jsonb, boolean, boolean) IS
    'Takes what stands in the logs of a rollup that freezes groups, erasures aside: adds the groups that it touches to '
    'the pending ones but for the frozen, and with states merges it (at_once: the transaction has one snapshot; '
    'without one the logs stay). Tells how many were merged, and how many frozen groups had changes that are not taken '
    'in.';
