-- A run of an extract of logs.
--
-- A run begins by looking where the chain is, and whether the blocks that were loaded last are still its own. Where
-- they are not, the fork is sought among the blocks that may be replaced; all from there to the old end is fetched, and
-- only then, in one transaction, the old rows are deleted and the new ones inserted. Otherwise range after range is
-- fetched and loaded, each in a transaction of its own, up to the head that was found.
--
-- Ranges are halved after each error, and grow again by an eighth with each that succeeds. What a node says that cannot
-- be right, and what it refuses although it is one block, is asked for again from the beginning, after a pause: nodes
-- behind one address are often out of step, and many refuse in this way what is too much for a second.

CREATE FUNCTION etl._evm_begin(job etl.extract, run bigint)
RETURNS etl._evm_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept jsonb;
    state etl._evm_state;
BEGIN
    SELECT s.detail INTO STRICT kept FROM etl.extract_state AS s WHERE s.extract_id = job.extract_id FOR UPDATE;
    state.next_block := coalesce((kept -> 'next_block')::bigint, (job.source -> 'start_block')::bigint);
    state.range := least(coalesce((kept -> 'range')::integer, (job.source -> 'max_range')::integer),
                         (job.source -> 'max_range')::integer);
    state.requests := 0;
    state.reorgs := 0;
    UPDATE etl.extract_state AS s SET run_id = run, is_finished = false, changed_at = clock_timestamp()
    WHERE s.extract_id = job.extract_id;
    UPDATE etl.run AS r SET detail = r.detail || jsonb_build_object('from_block', state.next_block)
    WHERE r.run_id = run;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._evm_begin(etl.extract, bigint) IS 'The state with which a run of an extract of logs begins.';

CREATE FUNCTION etl._evm_kept_block(job etl.extract, number bigint DEFAULT NULL)
RETURNS etl.evm_block
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b FROM etl.evm_block AS b
    WHERE b.extract_id = job.extract_id AND b.owner = current_user
      AND (number IS NULL OR b.block_number = number)
    ORDER BY b.block_number DESC
    LIMIT 1
$$;
COMMENT ON FUNCTION etl._evm_kept_block(etl.extract, bigint) IS
    'A block as it was loaded, NULL: the last one; NULL where it is not kept.';

CREATE FUNCTION etl._evm_look_calls(job etl.extract)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tip CONSTANT bigint := (etl._evm_kept_block(job)).block_number;
BEGIN
    RETURN '[["eth_chainId", []], ["eth_getBlockByNumber", ["latest", false]]]'
        || CASE WHEN job.source -> 'confirmations' = 'null'
                THEN '[["eth_getBlockByNumber", ["finalized", false]]]' ELSE '[]' END::jsonb
        || etl._evm_header_calls(array_remove(ARRAY[tip], NULL));
END
$$;
COMMENT ON FUNCTION etl._evm_look_calls(etl.extract) IS
    'The calls that tell where the chain is: its number, its last block, its last final one where the node says which '
    'that is, and the block that was loaded last.';

CREATE FUNCTION etl._evm_require_chain_id(source jsonb, answer jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found CONSTANT bigint := etl._evm_quantity(answer, 'answer to eth_chainId');
BEGIN
    IF found <> (source -> 'chain_id')::bigint THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('server "%s" is a node of chain %s, not of chain %s', source ->> 'server', found,
                             source ->> 'chain_id'),
            HINT = 'Change the base_url of the server, or create the extract with the chain''s number.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._evm_require_chain_id(jsonb, jsonb) IS 'Checks that a node is of the chain (55000).';

CREATE FUNCTION etl._evm_look(job etl.extract, INOUT state etl._evm_state, results jsonb, OUT forked boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    latest etl._evm_header;
    tip CONSTANT etl.evm_block := etl._evm_kept_block(job);
    known etl.evm_block;
    now_there text;
BEGIN
    PERFORM etl._evm_require_chain_id(job.source, results -> 0);
    latest := etl._evm_header(results -> 1, NULL);
    state.head := latest.number - (job.source -> 'head_lag')::bigint;
    state.final := CASE WHEN job.source -> 'confirmations' <> 'null'
                        THEN greatest(latest.number - (job.source -> 'confirmations')::bigint, -1) -- -1: none
                        ELSE (etl._evm_header(results -> 2, NULL)).number END;
    state.fork := NULL;
    state.tip := NULL;
    forked := false;
    IF tip.block_number IS NULL THEN
        RETURN;
    ELSIF latest.number >= tip.block_number THEN
        known := tip;
        now_there := (etl._evm_header(results -> -1, tip.block_number)).hash;
    ELSE
        known := etl._evm_kept_block(job, latest.number);
        now_there := latest.hash;
        IF known.block_hash IS NULL THEN
            PERFORM etl._evm_contradicts(
                format('the node ends with block %s, and block %s was loaded', latest.number, tip.block_number),
                'It lies far behind the node that was asked before, or its chain was set back.');
        END IF;
    END IF;
    forked := now_there <> known.block_hash;
END
$$;
COMMENT ON FUNCTION etl._evm_look(etl.extract, etl._evm_state, jsonb) IS
    'The state with where the chain is, and whether it has replaced blocks that were loaded. Errors: 55000 it is '
    'another chain, ETLIN the node is far behind.';

CREATE FUNCTION etl._evm_kept_numbers(job etl.extract, head bigint)
RETURNS bigint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT b.block_number FROM etl.evm_block AS b
                 WHERE b.extract_id = job.extract_id AND b.owner = current_user AND b.block_number <= head
                 ORDER BY b.block_number)
$$;
COMMENT ON FUNCTION etl._evm_kept_numbers(etl.extract, bigint) IS 'The blocks among which a fork is sought.';

CREATE FUNCTION etl._evm_find_fork(job etl.extract, state etl._evm_state, numbers bigint[], results jsonb)
RETURNS etl._evm_state
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT max(b.block_number) INTO state.fork
    FROM unnest(numbers) WITH ORDINALITY AS t(number, n)
    JOIN etl.evm_block AS b ON b.extract_id = job.extract_id AND b.owner = current_user AND b.block_number = t.number
    WHERE b.block_hash = (etl._evm_header(results -> (t.n - 1)::integer, t.number)).hash;
    state.tip := (etl._evm_kept_block(job)).block_number;
    IF state.fork IS NULL AND numbers[1] = (job.source -> 'start_block')::bigint THEN
        state.fork := numbers[1] - 1; -- no block before it was loaded
    ELSIF state.fork IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the chain was reorganised deeper than block %s, which was taken as final', numbers[1]),
            DETAIL = format('The extract takes blocks as final by its confirmations (%s).',
                            coalesce(job.source ->> 'confirmations', 'what the node says is finalized')),
            HINT = format('SELECT etl.reset_evm_extract(%L, %s); deletes the rows from there on, and the next run '
                          'loads them anew. It fails again if that is not deep enough.', job.name,
                          greatest(numbers[1] - greatest((job.source ->> 'confirmations')::bigint, 64),
                                   (job.source -> 'start_block')::bigint));
    END IF;
    state.next_block := state.fork + 1;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._evm_find_fork(etl.extract, etl._evm_state, bigint[], jsonb) IS
    'The state with the last block that is still the chain''s own among the numbered ones. 55000: it is none of them.';

-- Each of these returns what went wrong and does not raise it.
CREATE FUNCTION etl._evm_try_look(
    job etl.extract, INOUT state etl._evm_state, results jsonb, OUT forked boolean, OUT failure jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem etl._problem;
    seen record;
BEGIN
    seen := etl._evm_look(job, state, results);
    state := seen.state;
    forked := seen.forked;
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS problem.sqlstate = RETURNED_SQLSTATE, problem.message = MESSAGE_TEXT,
            problem.detail = PG_EXCEPTION_DETAIL, problem.hint = PG_EXCEPTION_HINT;
        failure := to_jsonb(problem);
END
$$;
COMMENT ON FUNCTION etl._evm_try_look(etl.extract, etl._evm_state, jsonb) IS 'etl._evm_look, or what went wrong.';

CREATE FUNCTION etl._evm_try_find_fork(
    job etl.extract, INOUT state etl._evm_state, numbers bigint[], results jsonb, OUT failure jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem etl._problem;
BEGIN
    state := etl._evm_find_fork(job, state, numbers, results);
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS problem.sqlstate = RETURNED_SQLSTATE, problem.message = MESSAGE_TEXT,
            problem.detail = PG_EXCEPTION_DETAIL, problem.hint = PG_EXCEPTION_HINT;
        failure := to_jsonb(problem);
END
$$;
COMMENT ON FUNCTION etl._evm_try_find_fork(etl.extract, etl._evm_state, bigint[], jsonb) IS
    'etl._evm_find_fork, or what went wrong.';

CREATE PROCEDURE etl._evm_locate(
    job etl.extract, pause double precision, INOUT state etl._evm_state, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    results pg_catalog.jsonb;
    numbers pg_catalog.int8[];
    got record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    CALL etl._evm_ask(job.source, etl._evm_look_calls(job), pause, results, failure);
    IF failure IS NOT NULL THEN
        RETURN;
    END IF;
    got := etl._evm_try_look(job, state, results);
    state := got.state;
    failure := got.failure;
    IF failure IS NOT NULL OR NOT got.forked THEN
        RETURN;
    END IF;
    numbers := etl._evm_kept_numbers(job, state.head + (job.source -> 'head_lag')::bigint);
    CALL etl._evm_ask(job.source, etl._evm_header_calls(numbers), 0, results, failure);
    IF failure IS NULL THEN
        got := etl._evm_try_find_fork(job, state, numbers, results);
        state := got.state;
        failure := got.failure;
    END IF;
END
$$;
COMMENT ON PROCEDURE etl._evm_locate(etl.extract, double precision, etl._evm_state, jsonb) IS
    'Finds where the chain is, and the fork where it has replaced blocks that were loaded.';

CREATE FUNCTION etl._evm_next_piece(job etl.extract, state etl._evm_state, pieces etl._evm_piece[], last bigint)
RETURNS etl._evm_piece
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    piece etl._evm_piece;
    before CONSTANT etl._evm_piece := pieces[cardinality(pieces)];
    -- With the headers of all of its blocks, in one request.
    most CONSTANT integer := least(state.range, greatest((job.source -> 'batch_size')::integer - 1, 1));
BEGIN
    piece.from_block := coalesce(before.to_block + 1, state.next_block);
    piece.is_final := piece.from_block <= state.final;
    piece.to_block := least(piece.from_block + CASE WHEN piece.is_final THEN state.range ELSE most END - 1,
                            CASE WHEN piece.is_final THEN state.final END, last);
    piece.parent := CASE
        WHEN before IS NULL THEN (etl._evm_kept_block(job, piece.from_block - 1)).block_hash
        ELSE (SELECT h.hash FROM unnest(before.headers) AS h WHERE h.number = before.to_block)
    END;
    RETURN piece;
END
$$;
COMMENT ON FUNCTION etl._evm_next_piece(etl.extract, etl._evm_state, etl._evm_piece[], bigint) IS
    'The range to fetch next, after those that were fetched and not yet loaded, up to a last block.';

CREATE FUNCTION etl._evm_may_halve(piece etl._evm_piece, failure jsonb)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Not where fewer blocks cannot help: what contradicts itself, no connection, no right, no such server, a cancel.
    SELECT piece.to_block > piece.from_block
       AND (failure ->> 'sqlstate' = 'HV000' -- what the node refused
            OR NOT left(failure ->> 'sqlstate', 2) IN ('28', '42', '55', '57', 'HV', 'XX')
               AND NOT failure ->> 'sqlstate' IN ('ETLIN', '08001'))
$$;
COMMENT ON FUNCTION etl._evm_may_halve(etl._evm_piece, jsonb) IS
    'Whether half of a range may succeed where it failed.';

-- One range, or after a fork all up to where the replaced blocks ended: those are put in place together.
CREATE PROCEDURE etl._evm_collect(
    job etl.extract, INOUT state etl._evm_state, INOUT pieces etl._evm_piece[], INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    last CONSTANT pg_catalog.int8 := least(state.tip, state.head);
    piece etl._evm_piece;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    pieces := '{}';
    WHILE coalesce(piece.to_block + 1, state.next_block) <= last LOOP
        piece := etl._evm_next_piece(job, state, pieces, last);
        CALL etl._evm_fetch(job.source, piece, failure);
        state.requests := state.requests + 1;
        IF failure IS NULL THEN
            pieces := pieces || piece;
            IF cardinality(piece.logs) < (job.source -> 'max_logs')::integer / 2 THEN
                state.range := least(state.range + greatest(state.range / 8, 1), (job.source -> 'max_range')::integer);
            END IF;
            EXIT WHEN state.fork IS NULL;
        ELSIF etl._evm_may_halve(piece, failure) THEN
            state.range := greatest((piece.to_block - piece.from_block + 1) / 2, 1);
            piece.to_block := piece.from_block - 1;
            failure := NULL;
        ELSE
            failure := failure || jsonb_build_object('message', format(
                'logs of blocks %s to %s: %s', piece.from_block, piece.to_block, failure ->> 'message'));
            EXIT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE etl._evm_collect(etl.extract, etl._evm_state, etl._evm_piece[], jsonb) IS
    'Fetches what is to be loaded next, with ranges that become smaller until it succeeds.';

CREATE FUNCTION etl._evm_tell(job etl.extract, state etl._evm_state)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE INFO USING MESSAGE = format('extract "%s": block %s of %s, %s blocks at once', job.name,
                                      state.next_block - 1, state.head, state.range);
END
$$;
COMMENT ON FUNCTION etl._evm_tell(etl.extract, etl._evm_state) IS 'Tells the client how far a run is.';

CREATE FUNCTION etl._evm_pause(source jsonb, tries integer)
RETURNS double precision
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN tries = 0 THEN 0 ELSE (source -> 'retry_pause')::double precision * 2 ^ (tries - 1) END $$;
COMMENT ON FUNCTION etl._evm_pause(jsonb, integer) IS
    'How many seconds are waited before a node is asked again: with each try twice as many.';

CREATE PROCEDURE etl._run_evm_extract(job etl.extract, run bigint, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    state etl._evm_state;
    pieces etl._evm_piece[];
    loaded record;
    tries pg_catalog.int4 := 0;
    must_look pg_catalog.bool := true;
    spoke pg_catalog.timestamptz := pg_catalog.clock_timestamp();
BEGIN
    state := etl._evm_begin(job, run);
    LOOP
        IF must_look THEN
            CALL etl._evm_locate(job, etl._evm_pause(job.source, tries), state, failure);
        END IF;
        IF failure IS NULL THEN
            CALL etl._evm_collect(job, state, pieces, failure);
        END IF;
        IF failure IS NOT NULL THEN
            EXIT WHEN NOT failure ->> 'sqlstate' IN ('ETLIN', 'HV000') OR tries >= 3;
            failure := NULL;
            tries := tries + 1;
            must_look := true;
            CONTINUE;
        END IF;
        loaded := etl._evm_try_load(job, run, state, pieces);
        state := loaded.state;
        failure := loaded.failure;
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        EXIT WHEN failure IS NOT NULL OR state.next_block > state.head OR etl._is_extract_paused(job);
        tries := 0;
        must_look := false;
        IF current_setting('pg_etl.progress')::boolean AND clock_timestamp() > spoke + interval '1 second' THEN
            PERFORM etl._evm_tell(job, state);
            spoke := clock_timestamp();
        END IF;
    END LOOP;
    IF failure ->> 'sqlstate' = 'ETLIN' THEN
        failure := failure || '{"sqlstate": "08P01"}';
    END IF;
END
$$;
COMMENT ON PROCEDURE etl._run_evm_extract(etl.extract, bigint, jsonb) IS
    'Carries out an extract of logs; gives back what went wrong and does not raise it.';
