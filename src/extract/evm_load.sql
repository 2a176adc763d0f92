-- Logs into the table of an extract, in one transaction with how far the extract has come.

CREATE FUNCTION etl._evm_columns(source jsonb)
RETURNS TABLE (name text, type text, place integer)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- In the order in which they are first met, which is that of the arguments of a log.
    SELECT e.column_name, e.column_type, (row_number() OVER (ORDER BY min(e.n)))::integer
    FROM etl.evm_events(etl._evm_declarations(source)) WITH ORDINALITY AS e(
        event, signature, topic0, "position", parameter, type, is_indexed, column_name, column_type, n)
    WHERE e.column_name IS NOT NULL
    GROUP BY e.column_name, e.column_type
$$;
COMMENT ON FUNCTION etl._evm_columns(jsonb) IS
    'The columns for the parameters of the events of an extract, with their places in the arguments of a log.';

CREATE FUNCTION etl._evm_insert(job etl.extract)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        'INSERT INTO %s (chain_id, block_number, block_hash, block_time, tx_hash, tx_index, log_index, address, '
        'event%s) '
        'SELECT $1, l.block_number, l.block_hash, coalesce(l.block_time, h."time"), l.tx_hash, l.tx_index, '
        'l.log_index, l.address, l.event%s '
        'FROM unnest($2::etl._evm_log[]) AS l '
        'LEFT JOIN unnest($3::etl._evm_header[]) AS h ON h.number = l.block_number '
        'WHERE l.reason IS NULL '
        'ORDER BY l.block_number, l.log_index '
        'ON CONFLICT (chain_id, block_hash, log_index) DO NOTHING',
        job.target, string_agg(format(', %I', c.name), '' ORDER BY c.place),
        string_agg(format(', l.arguments[%s]::%s', c.place, c.type), '' ORDER BY c.place))
    FROM etl._evm_columns(job.source) AS c
$$;
COMMENT ON FUNCTION etl._evm_insert(etl.extract) IS
    'The command that inserts logs: $1 the chain, $2 the logs, $3 headers of their blocks.';

CREATE FUNCTION etl._evm_reject(job etl.extract, run bigint, logs etl._evm_log[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad etl._evm_log;
    dead bigint := 0;
BEGIN
    FOR bad IN SELECT l.* FROM unnest(logs) AS l WHERE l.reason IS NOT NULL ORDER BY l.block_number, l.log_index LOOP
        dead := dead + 1;
        IF job.on_bad_row = 'error' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_binary_representation',
                MESSAGE = format('log %s of block %s cannot be decoded: %s', bad.log_index, bad.block_number,
                                 bad.reason),
                DETAIL = format('Log: %s', left(bad.record, 500)),
                HINT = format('SELECT etl.alter_evm_extract(%L, on_bad_row => ''dead_letter''); lets such logs become '
                              'dead letters.', job.name);
        ELSIF job.on_bad_row = 'dead_letter' THEN
            INSERT INTO etl.dead_letter (extract, run_id, origin, ordinal, record, reason, sqlstate)
            SELECT job.name, run, bad.block_hash, bad.log_index, bad.record, bad.reason, '22P03'
            WHERE NOT EXISTS (SELECT FROM etl.dead_letter AS d
                              WHERE d.owner = current_user AND d.extract = job.name AND d.origin = bad.block_hash
                                AND d.ordinal = bad.log_index);
        END IF;
    END LOOP;
    RETURN dead;
END
$$;
COMMENT ON FUNCTION etl._evm_reject(etl.extract, bigint, etl._evm_log[]) IS
    'Deals with logs that cannot be decoded as the extract wants it, and counts them. The origin of a dead letter is '
    'the hash of its block.';

CREATE FUNCTION etl._evm_own_rows(source jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('t.chain_id = %s AND t.event = ANY (%L::text[])', source ->> 'chain_id',
                  ARRAY(SELECT DISTINCT e.event FROM etl.evm_events(etl._evm_declarations(source)) AS e))
        || CASE WHEN cardinality(etl._evm_addresses(source)) > 0
                THEN format(' AND t.address = ANY (%L::text[])', etl._evm_addresses(source)) ELSE '' END
$$;
COMMENT ON FUNCTION etl._evm_own_rows(jsonb) IS
    'Condition that a row (t) of a table which several extracts may share is one of the extract with that source.';

CREATE FUNCTION etl._evm_delete_orphans(job etl.extract, fork bigint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    orphans text[];
    condition text;
BEGIN
    WITH replaced AS (
        DELETE FROM etl.evm_block AS b
        WHERE b.extract_id = job.extract_id AND b.owner = current_user AND b.block_number > fork
        RETURNING b.block_hash
    )
    SELECT array_agg(r.block_hash) INTO orphans FROM replaced AS r;
    condition := format('t.block_hash = ANY (%L::text[]) AND %s', orphans, etl._evm_own_rows(job.source));
    PERFORM etl._require_unheld(job.target::regclass, condition);
    DELETE FROM etl.dead_letter AS d
    WHERE d.owner = current_user AND d.extract = job.name AND d.origin = ANY (orphans);
    RETURN etl._locked_command(format('DELETE FROM %s AS t WHERE %s', job.target, condition));
END
$$;
COMMENT ON FUNCTION etl._evm_delete_orphans(etl.extract, bigint) IS
    'Deletes what was loaded of blocks after a fork, by their hashes, and returns how many rows. 55000 where a legal '
    'hold stands on one.';

CREATE FUNCTION etl._evm_keep_blocks(job etl.extract, piece etl._evm_piece, final bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO etl.evm_block (extract_id, block_number, block_hash, block_time)
    SELECT job.extract_id, h.number, h.hash, h."time"
    FROM unnest(piece.headers) AS h
    WHERE h.number BETWEEN piece.from_block AND piece.to_block AND (h.number = piece.to_block OR NOT piece.is_final);
    DELETE FROM etl.evm_block AS b
    WHERE b.extract_id = job.extract_id AND b.owner = current_user AND b.block_number < (
        SELECT max(f.block_number) FROM etl.evm_block AS f
        WHERE f.extract_id = job.extract_id AND f.owner = current_user AND f.block_number <= final);
END
$$;
COMMENT ON FUNCTION etl._evm_keep_blocks(etl.extract, etl._evm_piece, bigint) IS
    'Notes the blocks of a range that may yet be replaced, and its last one; those before the last final block are '
    'forgotten.';

CREATE FUNCTION etl._evm_note(job etl.extract, run bigint, state etl._evm_state, counts jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE etl.run AS r
    SET rows = coalesce(r.rows, 0) + (counts -> 'inserted')::bigint + (counts -> 'deleted')::bigint,
        detail = r.detail
            || jsonb_build_object('head', state.head, 'final', state.final, 'to_block', state.next_block - 1,
                                  'range', state.range, 'requests', state.requests)
            || CASE WHEN state.reorgs > 0
                    THEN jsonb_build_object('reorgs', state.reorgs, 'deepest_reorg', state.deepest_reorg) ELSE '{}' END
            || (SELECT jsonb_object_agg(c.key, coalesce((r.detail ->> c.key)::bigint, 0) + c.value::bigint)
                FROM jsonb_each(counts) AS c)
    WHERE r.run_id = run;
    UPDATE etl.extract_state AS s
    SET "cursor" = state.next_block - 1, run_id = run, is_finished = state.next_block > state.head,
        detail = jsonb_build_object(
            'next_block', state.next_block, 'range', state.range, 'head', state.head, 'final', state.final,
            'blocks_behind', greatest(state.head - state.next_block + 1, 0)),
        changed_at = clock_timestamp()
    WHERE s.extract_id = job.extract_id;
END
$$;
COMMENT ON FUNCTION etl._evm_note(etl.extract, bigint, etl._evm_state, jsonb) IS
    'Writes down how far an extract of logs has come, and adds counts to the record of its run.';

CREATE FUNCTION etl._evm_load(job etl.extract, run bigint, state etl._evm_state, pieces etl._evm_piece[])
RETURNS etl._evm_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    piece etl._evm_piece;
    command CONSTANT text := etl._evm_insert(job);
    received bigint := 0;
    inserted bigint := 0;
    dead bigint := 0;
    deleted bigint := 0;
BEGIN
    IF state.fork IS NOT NULL THEN
        deleted := etl._evm_delete_orphans(job, state.fork);
        state.reorgs := state.reorgs + 1;
        state.deepest_reorg := greatest(state.deepest_reorg, state.tip - state.fork);
    END IF;
    FOREACH piece IN ARRAY pieces LOOP
        inserted := inserted + etl._locked_command(command, (job.source -> 'chain_id')::bigint, piece.logs,
                                                   piece.headers);
        dead := dead + etl._evm_reject(job, run, piece.logs);
        received := received + cardinality(piece.logs);
        PERFORM etl._evm_keep_blocks(job, piece, state.final);
        state.next_block := piece.to_block + 1;
    END LOOP;
    state.fork := NULL;
    state.tip := NULL;
    PERFORM etl._evm_note(job, run, state, jsonb_build_object(
        'pages', cardinality(pieces), 'received', received, 'inserted', inserted, 'updated', 0,
        'unchanged', received - inserted - dead, 'dead', dead, 'deleted', deleted));
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._evm_load(etl.extract, bigint, etl._evm_state, etl._evm_piece[]) IS
    'Loads ranges, after what was loaded of blocks that a reorganisation has replaced is deleted, and writes down how '
    'far the extract has come; the state after that.';

CREATE FUNCTION etl._evm_try_load(
    job etl.extract, run bigint, INOUT state etl._evm_state, pieces etl._evm_piece[], OUT failure jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem etl._problem;
BEGIN
    state := etl._evm_load(job, run, state, pieces);
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS problem.sqlstate = RETURNED_SQLSTATE, problem.message = MESSAGE_TEXT,
            problem.detail = PG_EXCEPTION_DETAIL, problem.hint = PG_EXCEPTION_HINT;
        failure := to_jsonb(problem);
END
$$;
COMMENT ON FUNCTION etl._evm_try_load(etl.extract, bigint, etl._evm_state, etl._evm_piece[]) IS
    'etl._evm_load, or what went wrong.';
