-- The tiers of a run of a retention policy, one after the other: where each begins, what its batches come to, and what
-- it leaves.

CREATE FUNCTION etl._retention_cutoff(policy etl.retention_policy, tier integer, as_of timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._retention_before(as_of, t.tiers[tier].after, etl._retention_span_name(t.tiers, tier))
    FROM (SELECT ARRAY(SELECT etl._retention_tiers(policy)) AS tiers) AS t
    WHERE tier <= cardinality(t.tiers)
$$;
COMMENT ON FUNCTION etl._retention_cutoff(etl.retention_policy, integer, timestamptz) IS
    'The moment before which rows are due for a tier; NULL where there is no such tier.';

CREATE FUNCTION etl._retention_evolve_places(policy etl.retention_policy)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._retention_evolve(policy, s.source, s.target)
    FROM etl._retention_steps((policy).relation, ARRAY(SELECT etl._retention_tiers(policy))) AS s
    WHERE s.target IS NOT NULL
    ORDER BY s.tier
$$;
COMMENT ON FUNCTION etl._retention_evolve_places(etl.retention_policy) IS
    'Adds to the archive tables of a policy that evolves the columns that they lack, the first one first.';

CREATE FUNCTION etl._retention_evolve_again(policy etl.retention_policy)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
    SELECT etl._retention_evolve_places(policy)
$$;
COMMENT ON FUNCTION etl._retention_evolve_again(etl.retention_policy) IS
    'etl._retention_evolve_places for a batch of a dry run, which finds the columns rolled back by the one before, and '
    'of which the client has been told.';

CREATE FUNCTION etl._retention_check_places_of(policy etl.retention_policy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tiers CONSTANT etl.retention_tier[] := ARRAY(SELECT etl._retention_tiers(policy));
BEGIN
    PERFORM etl._retention_find(policy, policy.relation);
    PERFORM etl._retention_find(policy, etl._retention_table(policy.relation, t.archive_to)) FROM unnest(tiers) AS t;
    PERFORM etl._require_mutable(policy.relation::regclass);
    PERFORM etl._retention_evolve_places(policy);
    PERFORM etl._retention_check(policy, tiers);
END
$$;
COMMENT ON FUNCTION etl._retention_check_places_of(etl.retention_policy) IS
    'Checks, before anything is moved, that the tables of a policy are there and may be changed, and that its archives '
    'have the columns; adds these where the policy evolves.';

CREATE FUNCTION etl._retention_passing(
    policy etl.retention_policy, state etl._retention_state, OUT rows bigint, OUT bytes bigint, OUT oldest timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counted record;
    done jsonb;
BEGIN
    rows := 0;
    bytes := 0;
    IF NOT state.dry_run THEN
        RETURN;
    END IF;
    FOR place IN 1 .. state.tier - 1 LOOP
        counted := etl._retention_count(
            policy, place, least(state.cutoff, etl._retention_cutoff(policy, place, state.as_of)));
        rows := rows + counted.due - counted.held - counted.referenced;
        done := state.actions -> (place - 1);
        bytes := bytes + (counted.due - counted.held - counted.referenced) * (done ->> 'bytes')::bigint
                         / greatest((done ->> 'rows')::bigint, 1);
        oldest := least(oldest, counted.oldest);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_passing(etl.retention_policy, etl._retention_state) IS
    'In a dry run, the rows of the places before that would have been moved on by now and go further with this tier: '
    'how many, their size at the average of those, and the time of the oldest.';

CREATE FUNCTION etl._retention_begin_tier(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source regclass;
    counted record;
    passing record;
    whole CONSTANT record := etl._whole_partitions(state);
    by_row etl.retention_policy;
BEGIN
    IF state.tier = 1 THEN
        PERFORM etl._retention_check_places_of(policy);
        IF NOT state.dry_run THEN
            PERFORM etl._retention_sweep(policy.name);
        END IF;
    END IF;
    state.cutoff := etl._retention_cutoff(policy, state.tier, state.as_of);
    IF etl._is_file_tier(policy, state.tier - 1) THEN
        RETURN etl._retention_begin_deleting_files(policy, state);
    END IF;
    source := etl._retention_source(policy, state.tier);
    by_row := etl._retention_row_policy(policy, state);
    counted := etl._retention_count(by_row, state.tier, state.cutoff);
    passing := etl._retention_passing(policy, state);
    state.stage := CASE WHEN etl._without_time_index(source, policy.time_column) IS NULL THEN 'keys' ELSE 'blocks' END;
    IF state.stage = 'blocks' AND counted.due > 0 THEN
        PERFORM etl._retention_warn_index(source, policy.time_column);
    END IF;
    state.reached := NULL;
    state.block := 0;
    IF counted.due = 0 AND by_row.filter IS DISTINCT FROM policy.filter THEN
        state.reached := state.cutoff; -- no walk: rows that wait for their partition can be many
        state.block := etl._retention_blocks(source);
    END IF;
    state.skipped := 0;
    state.size := policy.batch_rows * CASE WHEN etl._is_file_tier(policy, state.tier)
                                               AND NOT etl._retention_needs_care(policy, source) THEN 4 ELSE 1 END;
    state.action := jsonb_strip_nulls(jsonb_build_object(
        'tier', state.tier, 'from', etl._retention_place(policy, state.tier - 1),
        'to', etl._retention_place(policy, state.tier), 'before', state.cutoff,
        'due', counted.due + passing.rows + whole.rows, 'rows', passing.rows + whole.rows,
        'bytes', passing.bytes + whole.bytes, 'estimated_rows', whole.estimated,
        'oldest', least(counted.oldest, passing.oldest, whole.oldest),
        'held', nullif(counted.held, 0), 'referenced', nullif(counted.referenced, 0)));
    IF state.tier = 1 THEN
        state.due := counted.due + whole.rows;
    ELSE
        state := etl._retention_add(policy, state, passing.rows, passing.bytes);
    END IF;
    IF etl._is_file_tier(policy, state.tier) AND counted.due > 0 THEN
        PERFORM etl._require_archive_folder(etl._retention_place(policy, state.tier)); -- before the ledger has a file
    ELSIF NOT state.dry_run AND etl._retention_table_place(policy, state.tier) IS NOT NULL THEN
        PERFORM etl._open_archive(policy.name, state.tier::smallint, etl._retention_table_place(policy, state.tier));
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_begin_tier(etl.retention_policy, etl._retention_state) IS
    'Checks the tables of a tier, counts what is due, and sets the state to the beginning of its walk.';

CREATE FUNCTION etl._retention_add(
    policy etl.retention_policy, state etl._retention_state, rows bigint, bytes bigint)
RETURNS etl._retention_state
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    state.bytes := state.bytes + bytes;
    IF state.tier = 1 THEN
        state.deleted_from_hot := state.deleted_from_hot + rows;
    END IF;
    IF etl._retention_place(policy, state.tier) IS NOT NULL THEN
        state.archived := state.archived + rows;
    ELSIF state.tier > 1 THEN
        state.deleted_from_archive := state.deleted_from_archive + rows;
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_add(etl.retention_policy, etl._retention_state, bigint, bigint) IS
    'Adds what the tier of a state has moved to the counts of the run.';

CREATE FUNCTION etl._retention_after_batch(
    policy etl.retention_policy, state etl._retention_state, wanted etl._retention_window,
    moved etl._retention_moved)
RETURNS etl._retention_state
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rows CONSTANT bigint := etl.row_count(moved.contents);
    more_here CONSTANT boolean := moved.locked = wanted.most;
    stayed CONSTANT bigint := moved.locked - CASE WHEN state.dry_run THEN 0 ELSE rows END;
BEGIN
    IF rows > 0 THEN
        state := etl._retention_add(policy, state, rows, moved.bytes);
        state.batches := state.batches + 1;
        state.action := state.action || jsonb_build_object(
            'rows', (state.action ->> 'rows')::bigint + rows,
            'bytes', (state.action ->> 'bytes')::bigint + moved.bytes);
    END IF;
    IF moved.followed > 0 THEN
        state.followed := coalesce(state.followed, 0) + moved.followed;
    END IF;
    state.careful := false;
    state.attempts := 0;
    IF more_here AND state.stage = 'again' AND (moved.last > state.reached) IS NOT FALSE THEN
        state.reached := moved.last;
        state.skipped := 0;
    ELSIF more_here THEN
        -- All of one time: those that stay are passed over, or they would be all that is ever looked at.
        state.skipped := state.skipped + stayed;
    ELSE
        state.skipped := 0;
        state.stage := wanted.stage;
        state.reached := wanted.reached;
        state.block := wanted.block;
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_after_batch(
    etl.retention_policy, etl._retention_state, etl._retention_window, etl._retention_moved) IS
    'The state after a batch that took this window and moved these rows; the stage is NULL where its walk has ended.';

CREATE FUNCTION etl._retention_require_yielded(policy etl.retention_policy, state etl._retention_state)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    source CONSTANT regclass := etl._retention_source(policy, state.tier);
    rows bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM etl._family(source) AS f WHERE row_security_active(f)) THEN
        RETURN;
    END IF;
    -- What may not be updated is not there for FOR UPDATE.
    EXECUTE format('SELECT FROM %s AS %I WHERE %s%s LIMIT 1 FOR UPDATE NOWAIT', source, etl._retention_alias(policy),
                   etl._retention_past(policy, NULL, state.cutoff), etl._retention_free(policy, state.tier));
    GET DIAGNOSTICS rows = ROW_COUNT;
    IF rows = 0 THEN
        PERFORM etl._retention_refuse_rest(source, (state.action ->> 'rows')::bigint, (state.action ->> 'due')::bigint);
    END IF;
EXCEPTION
    WHEN lock_not_available THEN
        NULL; -- somebody else has a row locked
END
$$;
COMMENT ON FUNCTION etl._retention_require_yielded(etl.retention_policy, etl._retention_state) IS
    'Raises (09000) where rows that are due are left, not as others have locked them but as row security keeps them.';

CREATE FUNCTION etl._retention_end_walk(policy etl.retention_policy, state etl._retention_state, was_again boolean)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stays bigint := (state.action ->> 'due')::bigint - (state.action ->> 'rows')::bigint;
    must_stay bigint := coalesce((state.action ->> 'held')::bigint, 0)
                        + coalesce((state.action ->> 'referenced')::bigint, 0);
    counted record;
BEGIN
    IF stays <> must_stay AND NOT state.dry_run AND NOT etl._is_file_tier(policy, state.tier - 1) THEN
        counted := etl._retention_count(policy, state.tier, state.cutoff);
        stays := counted.due;
        must_stay := counted.held + counted.referenced;
        state.action := jsonb_strip_nulls(state.action || jsonb_build_object(
            'held', nullif(counted.held, 0), 'referenced', nullif(counted.referenced, 0)));
        IF stays > must_stay AND NOT was_again THEN
            state.stage := 'again';
            state.reached := NULL;
            RETURN state;
        ELSIF stays > must_stay THEN
            IF policy.follow_references THEN
                counted := etl._retention_count(policy, state.tier, state.cutoff, followed_stay => true);
                must_stay := counted.held + counted.referenced;
                state.action := state.action || jsonb_build_object('referenced', nullif(counted.referenced, 0));
            END IF;
            IF stays > must_stay THEN
                PERFORM etl._retention_require_yielded(policy, state);
            END IF;
        END IF;
    END IF;
    state.action := jsonb_strip_nulls(state.action || jsonb_build_object(
        'remaining', nullif(greatest(stays, 0), 0), 'locked', nullif(greatest(stays - must_stay, 0), 0)));
    IF state.tier = 1 THEN
        state.remaining := greatest(stays, 0);
    END IF;
    state.actions := coalesce(state.actions, '[]') || state.action;
    state.action := NULL;
    state.tier := CASE WHEN etl._retention_cutoff(policy, state.tier + 1, state.as_of) IS NOT NULL
                       THEN state.tier + 1 END;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_end_walk(etl.retention_policy, etl._retention_state, boolean) IS
    'The state after the walk of a tier: a second look at rows that others had locked, once, or the next tier; the '
    'tier is NULL after the last.';

CREATE FUNCTION etl._batch_bytes()
RETURNS bigint
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 33554432::bigint
$$;
COMMENT ON FUNCTION etl._batch_bytes() IS
    'How many bytes of rows a batch shall move at most: 32 MB, which take about a second.';

CREATE FUNCTION etl._retention_fitting_rows(policy etl.retention_policy, state etl._retention_state)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
    source CONSTANT regclass := etl._retention_source(policy, state.tier);
    width numeric;
BEGIN
    EXECUTE format(
        'SELECT avg(%s) FROM (SELECT %4$I.* FROM %2$s AS %4$I WHERE %3$s%5$s LIMIT 100) AS s',
        (SELECT string_agg(format('coalesce(pg_column_size(s.%I), 0)', a.attname), ' + ') FROM pg_attribute AS a
         WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped),
        source, etl._retention_past(policy, state.reached, state.cutoff), alias,
        CASE WHEN state.stage = 'keys' THEN format(' ORDER BY %I.%I', alias, policy.time_column) END)
        INTO width;
    RETURN greatest(etl._batch_bytes() / greatest(width, 1), 1);
END
$$;
COMMENT ON FUNCTION etl._retention_fitting_rows(etl.retention_policy, etl._retention_state) IS
    'How many rows are as large as a batch shall be, by the next hundred that are due.';

CREATE FUNCTION etl._retention_resize(
    policy etl.retention_policy, size integer, took interval, moved etl._retention_moved DEFAULT NULL)
RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN g.wanted = 0 THEN size
        ELSE least(greatest(least(size * least(greatest(g.wanted / greatest(extract(epoch FROM took) * 1000, 1), 0.5),
                                               2),
                                  (policy).batch_rows::numeric * 20),
                            ceil((policy).batch_rows / 10.0)),
                   g.fitting)::integer
    END
    FROM (SELECT extract(epoch FROM current_setting('pg_etl.retention_batch_time')::interval) * 1000 AS wanted,
                 CASE WHEN (moved).bytes > 0 THEN
                     greatest(etl._batch_bytes() * etl.row_count((moved).contents) / (moved).bytes, 1)
                 END AS fitting) AS g
$$;
COMMENT ON FUNCTION etl._retention_resize(etl.retention_policy, integer, interval, etl._retention_moved) IS
    'How many rows the next batch takes, after one of this size took so long: towards pg_etl.retention_batch_time, '
    'between a tenth and twenty times of batch_rows, and no more than etl._batch_bytes() of rows as those it moved.';

CREATE FUNCTION etl._retention_lock_source(policy etl.retention_policy, tier integer)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source CONSTANT text := etl._retention_place(policy, tier - 1);
BEGIN
    IF NOT etl._is_archive_file(source) AND to_regclass(source) IS NOT NULL THEN
        EXECUTE format('LOCK TABLE %s IN ROW EXCLUSIVE MODE', source);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_lock_source(etl.retention_policy, integer) IS
    'Keeps the table of a tier from getting foreign keys, triggers or columns between the look at them and the end of '
    'the batch; writers are not in its way.';

CREATE FUNCTION etl._retention_advance_table(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    began CONSTANT timestamptz := clock_timestamp();
    wanted etl._retention_window;
    moved etl._retention_moved;
BEGIN
    IF state.stage = 'keys' OR state.block = 0 THEN
        state.size := least(state.size, etl._retention_fitting_rows(policy, state));
    END IF;
    wanted := etl._retention_window(policy, state);
    moved := etl._retention_batch(policy, state, wanted);
    state := etl._retention_after_batch(policy, state, wanted, moved);
    IF state.stage IS NOT NULL AND wanted.most IS NULL THEN
        state.size := etl._retention_resize(policy, state.size, clock_timestamp() - began, moved);
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._retention_advance_table(etl.retention_policy, etl._retention_state) IS
    'Does one batch between tables, or of deleting, and returns the state after it.';

CREATE FUNCTION etl._retention_advance(policy etl.retention_policy, state etl._retention_state)
RETURNS etl._retention_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was_again CONSTANT boolean := coalesce(state.stage = 'again', false);
    by_row etl.retention_policy;
BEGIN
    PERFORM etl._lock_holds();
    PERFORM etl._retention_lock_source(policy, state.tier);
    IF state.stage IS NULL THEN
        IF state.tier = 1 AND state.unfresh_rollups IS NULL THEN
            state := etl._retention_heed_rollups(policy, state);
            IF state.unfresh_rollups <> '{}' AND NOT state.dry_run THEN
                RETURN state; -- they are refreshed before anything is taken
            END IF;
        END IF;
        state := etl._retention_begin_tier(policy, state);
    END IF;
    by_row := etl._retention_row_policy(policy, state);
    IF state.stage = 'files' THEN
        state := etl._retention_advance_deleting(policy, state);
    ELSIF etl._is_file_tier(policy, state.tier) AND NOT state.dry_run THEN
        state := etl._retention_advance_file(by_row, state);
    ELSE
        IF etl._is_file_tier(policy, state.tier) THEN
            PERFORM etl._retention_try_file(by_row, state.tier, (etl._retention_window(by_row, state)).condition
                                                                || etl._retention_free(by_row, state.tier));
        END IF;
        state := etl._retention_advance_table(by_row, state);
    END IF;
    RETURN CASE WHEN state.stage IS NULL THEN etl._retention_end_walk(by_row, state, was_again) ELSE state END;
END
$$;
COMMENT ON FUNCTION etl._retention_advance(etl.retention_policy, etl._retention_state) IS
    'Does one batch of a run and returns its new state; the tier is NULL when nothing is left to do.';
