-- Carrying out copies of tables: each batch is a transaction that loads rows, moves the mark and counts what it did, so
-- whatever ends a run, the next one goes on where the last batch ended.

CREATE FUNCTION etl._table_sum(one jsonb, other jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(one, '{}') || coalesce((
        SELECT jsonb_object_agg(o.key, o.value::bigint + coalesce((one ->> o.key)::bigint, 0))
        FROM jsonb_each_text(other) AS o), '{}')
$$;
COMMENT ON FUNCTION etl._table_sum(jsonb, jsonb) IS 'Counts with others added to them.';

CREATE FUNCTION etl._table_count(definition etl.extract, run bigint, counts jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    total CONSTANT jsonb := etl._table_sum((SELECT r.detail FROM etl.run AS r WHERE r.run_id = run), counts);
BEGIN
    IF (total ->> 'received')::bigint <> (total ->> 'inserted')::bigint + (total ->> 'updated')::bigint
       + (total ->> 'unchanged')::bigint + (total ->> 'ignored')::bigint THEN
        RAISE EXCEPTION USING
            ERRCODE = 'data_corrupted',
            MESSAGE = format('extract "%s" does not account for each row that it has read', definition.name),
            DETAIL = format('The counts are %s.', total);
    END IF;
    UPDATE etl.run AS r
    SET detail = total,
        rows = (total ->> 'inserted')::bigint + (total ->> 'updated')::bigint + (total ->> 'deleted')::bigint
    WHERE r.run_id = run;
END
$$;
COMMENT ON FUNCTION etl._table_count(etl.extract, bigint, jsonb) IS
    'Adds to the counts of a run: received = inserted + updated + unchanged + ignored.';

CREATE FUNCTION etl._table_begin_counts(run bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.run AS r
    SET detail = '{"received": 0, "inserted": 0, "updated": 0, "unchanged": 0, "ignored": 0, "dead": 0, "deleted": 0}'
                 || r.detail
    WHERE r.run_id = run
$$;
COMMENT ON FUNCTION etl._table_begin_counts(bigint) IS 'Counts of a run that has not done anything yet.';

CREATE FUNCTION etl._table_advance(
    copy etl._table_copy, INOUT mark text, INOUT detail jsonb, OUT counts jsonb, OUT rest double precision)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stage CONSTANT text := concat_ws(' ', copy.method, detail ->> 'stage');
BEGIN
    IF NOT copy.is_foreign THEN -- one may have been attached
        PERFORM etl._require_no_foreign_children(copy.source);
    END IF;
    IF stage LIKE '% deletes' THEN
        SELECT b.* INTO detail, counts FROM etl._table_delete_batch(copy, detail) AS b;
    ELSIF stage = 'cursor' THEN
        SELECT p.* INTO detail, counts FROM etl._table_new_parts(copy, mark, detail) AS p;
        detail := etl._table_choose(copy, mark, detail);
    ELSIF stage = 'cursor wait' THEN
        detail := etl._table_resolve(copy, detail);
        rest := CASE WHEN detail ->> 'stage' = 'wait' THEN 0.02 END;
    ELSIF stage = 'cursor rows' THEN
        SELECT b.* INTO mark, detail, counts FROM etl._table_cursor_batch(copy, mark, detail) AS b;
    ELSIF stage = 'xmin' THEN
        detail := etl._table_xmin_begin(copy, detail);
    ELSIF stage = 'xmin rows' THEN
        SELECT b.* INTO mark, detail, counts FROM etl._table_xmin_batch(copy, mark, detail) AS b;
    ELSE
        SELECT b.* INTO detail, counts FROM etl._table_full(copy, detail) AS b;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_advance(etl._table_copy, text, jsonb) IS
    'The next step of a run, by its stage in detail, which is gone at the end: what it counted, and how long to wait '
    'before the one after it.';

CREATE FUNCTION etl._table_state(definition etl.extract, run bigint)
RETURNS etl.extract_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state etl.extract_state;
BEGIN
    SELECT s.* INTO STRICT state FROM etl.extract_state AS s WHERE s.extract_id = definition.extract_id FOR UPDATE;
    IF state.run_id IS DISTINCT FROM run THEN
        -- A walk by xmin that was broken off is brought to its end; all else begins anew, at the mark.
        state."position" := CASE WHEN definition.source ->> 'method' = 'xmin' AND state."position" ->> 'stage' = 'rows'
                                     THEN state."position" || '{"is_resumed": true}' END;
        state.run_id := run;
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._table_state(etl.extract, bigint) IS
    'How far an extract is, as a run goes on with it: "position" has what only this run needs.';

CREATE FUNCTION etl._table_take_step(definition etl.extract, run bigint)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept CONSTANT text[] := '{pending,open_at,members,server,sequence}';
    state etl.extract_state := etl._table_state(definition, run);
    step record;
BEGIN
    SELECT a.* INTO step FROM etl._table_advance(
        etl._table_copy(definition), state."cursor", state.detail || coalesce(state."position", '{}')) AS a;
    state.is_finished := NOT step.detail ? 'stage';
    PERFORM etl._table_count(definition, run, coalesce(step.counts, '{}') || CASE
        WHEN state.is_finished THEN jsonb_build_object('waits_for', coalesce(step.detail -> 'waits_for', '0'))
        ELSE '{}' END);
    state."cursor" := step.mark;
    state."position" := CASE WHEN NOT state.is_finished THEN step.detail - kept END;
    SELECT coalesce(jsonb_object_agg(d.key, d.value), '{}') INTO state.detail
    FROM jsonb_each(step.detail) AS d WHERE d.key = ANY (kept);
    PERFORM etl._store_state(state);
    RETURN jsonb_build_object('is_done', state.is_finished, 'rest', step.rest);
END
$$;
COMMENT ON FUNCTION etl._table_take_step(etl.extract, bigint) IS
    'One step of a run and its record. Rows, mark and counts are committed together.';

CREATE FUNCTION etl._table_step(definition etl.extract, run bigint, attempt integer)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    told text;
    advice text;
    code text;
BEGIN
    PERFORM etl._lock_role(); -- the filter, the expressions and the triggers are the owner's
    RETURN etl._table_take_step(definition, run);
EXCEPTION
    WHEN OTHERS OR query_canceled OR assert_failure THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, told = PG_EXCEPTION_DETAIL,
            advice = PG_EXCEPTION_HINT;
        IF code IN ('40P01', '40001') AND attempt < 5 THEN
            RETURN jsonb_build_object('is_done', false, 'attempt', attempt + 1, 'rest', 0.05 * 2 ^ attempt);
        END IF;
        RETURN jsonb_build_object('failure', jsonb_strip_nulls(jsonb_build_object(
            'sqlstate', code, 'message', message, 'detail', nullif(told, ''), 'hint', nullif(advice, ''))));
END
$$;
COMMENT ON FUNCTION etl._table_step(etl.extract, bigint, integer) IS
    'One transaction of a run. What went wrong is returned as failure and not raised; after a deadlock the step is '
    'to be taken again.';

CREATE FUNCTION etl._table_tell(definition etl.extract, run bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counts CONSTANT jsonb := (SELECT r.detail FROM etl.run AS r WHERE r.run_id = run);
    state etl.extract_state;
BEGIN
    SELECT s.* INTO state FROM etl.extract_state AS s WHERE s.extract_id = definition.extract_id;
    RAISE INFO USING MESSAGE = format('extract "%s": %s rows read, %s compared, mark %s', definition.name,
                                      counts ->> 'received', coalesce(counts ->> 'compared', '0'), state."cursor");
END
$$;
COMMENT ON FUNCTION etl._table_tell(etl.extract, bigint) IS 'Tells the client how far a run is.';

-- The body names everything with its schema and uses no operator before the path is pinned, as it commits. Nothing may
-- stand between a COMMIT and SET TRANSACTION: each statement is to see what was committed before it, whatever the
-- session's default is. No transaction is open while it waits for others to end.
CREATE PROCEDURE etl._run_table_extract(definition etl.extract, run bigint, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    step pg_catalog.jsonb;
    spoke pg_catalog.timestamptz := pg_catalog.clock_timestamp();
BEGIN
    PERFORM etl._table_begin_counts(run);
    LOOP
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        step := etl._table_step(definition, run, coalesce((step ->> 'attempt')::integer, 0));
        failure := step -> 'failure';
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        EXIT WHEN failure IS NOT NULL OR (step ->> 'is_done')::boolean OR etl._is_extract_paused(definition);
        IF current_setting('pg_etl.progress')::boolean AND clock_timestamp() > spoke + interval '1 second' THEN
            PERFORM etl._table_tell(definition, run);
            spoke := clock_timestamp();
        END IF;
        failure := etl._rest((step ->> 'rest')::double precision);
        EXIT WHEN failure IS NOT NULL;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE etl._run_table_extract(etl.extract, bigint, jsonb) IS
    'Copies what is new in the source of an extract of kind table; the caller has its lock and has begun the run. '
    'Gives back what went wrong (sqlstate, message, detail, hint) and does not raise it. The counts are in the '
    'detail of the run: received = inserted + updated + unchanged + ignored, and deleted, compared, held, where rows '
    'that are gone are looked for, and waits_for, the transactions that were open still.';
