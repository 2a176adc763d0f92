-- Ranges of blocks with their logs, fetched so that nothing is believed that the node may not know.
--
-- A node that is behind, or on another branch, does not say so: eth_getLogs answers with the logs that it has. So each
-- answer comes together with headers, in one request where the node takes batches: of the last block of a final range,
-- of every block of a range that may yet be replaced. Each header must be there, have the one before as its parent, and
-- the hash of each log's block. Where the bloom filter of a header says that there may be logs and none came, the
-- block is asked for once more by its hash; likewise one with transactions, where no header has a bloom filter.
--
-- What cannot be right has SQLSTATE ETLIN until it has been tried again.

CREATE FUNCTION etl._evm_quantity(value jsonb, what text)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    digits CONSTANT text := substr(value #>> '{}', 3);
BEGIN
    IF jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^0x[0-9a-fA-F]{1,16}$' THEN
        IF length(digits) < 16 OR digits < '8' THEN
            RETURN ('x' || lpad(digits, 16, '0'))::bit(64)::bigint;
        END IF;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'protocol_violation',
        MESSAGE = format('%s is no number: %s', what, coalesce(left(value::text, 100), 'nothing')),
        HINT = 'Nodes write numbers as texts, such as "0x1b4".';
END
$$;
COMMENT ON FUNCTION etl._evm_quantity(jsonb, text) IS 'A number as nodes write it (08P01 otherwise).';

CREATE FUNCTION etl._evm_hex(number bigint)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT '0x' || to_hex(number) $$;
COMMENT ON FUNCTION etl._evm_hex(bigint) IS 'A number as nodes read it: without zeros before it.';

CREATE FUNCTION etl._evm_header(answer jsonb, number bigint)
RETURNS etl._evm_header
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    header etl._evm_header;
    hash_form CONSTANT text := '^0x[0-9a-f]{64}$';
BEGIN
    IF coalesce(answer, 'null') = 'null' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'ETLIN',
            MESSAGE = format('the node does not know block %s', coalesce(number::text, 'latest')),
            DETAIL = 'It is behind another node that the server has asked, or the chain has become shorter.',
            HINT = 'Run the extract again when the nodes are in step.';
    END IF;
    header.number := etl._evm_quantity(answer -> 'number', 'the number of a block');
    header.hash := lower(answer ->> 'hash');
    header.parent := lower(answer ->> 'parentHash');
    header."time" := to_timestamp(etl._evm_quantity(answer -> 'timestamp', 'the timestamp of a block'));
    header.bloom := lower(answer ->> 'logsBloom');
    IF header.number <> number OR header.hash IS NULL OR header.hash !~ hash_form
       OR header.parent IS NULL OR header.parent !~ hash_form THEN
        RAISE EXCEPTION USING
            ERRCODE = 'protocol_violation',
            MESSAGE = format('answer to eth_getBlockByNumber is no header of block %s', number),
            DETAIL = format('It is %s.', left(answer::text, 500));
    END IF;
    header.has_transactions := coalesce(answer -> 'transactions' <> '[]', true);
    IF header.bloom ~ '^0x0*$' THEN
        header.bloom := NULL; -- the chain has no blooms, or the block no logs
    END IF;
    RETURN header;
END
$$;
COMMENT ON FUNCTION etl._evm_header(jsonb, bigint) IS
    'The header of a block (number NULL: of any) in an answer: ETLIN the node does not know it, 08P01 it is no header.';

CREATE FUNCTION etl._evm_addresses(source jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT ARRAY(SELECT jsonb_array_elements_text(source -> 'addresses')) $$;
COMMENT ON FUNCTION etl._evm_addresses(jsonb) IS 'The contracts of an extract; none: all.';

CREATE FUNCTION etl._evm_declarations(source jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT e FROM jsonb_array_elements_text(source -> 'events') WITH ORDINALITY AS t(e, n) ORDER BY n)
$$;
COMMENT ON FUNCTION etl._evm_declarations(jsonb) IS 'The declarations of the events of an extract.';

CREATE FUNCTION etl._evm_topics(source jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT DISTINCT '0x' || encode(e.topic0, 'hex') AS topic
                 FROM etl.evm_events(etl._evm_declarations(source)) AS e ORDER BY topic)
$$;
COMMENT ON FUNCTION etl._evm_topics(jsonb) IS 'The first topics of the events of an extract.';

CREATE FUNCTION etl._evm_logs(answer jsonb, source jsonb, from_block bigint, to_block bigint)
RETURNS SETOF etl._evm_log
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM etl._evm_logs(answer, etl._evm_declarations(source), etl._evm_addresses(source), from_block, to_block)
$$;
COMMENT ON FUNCTION etl._evm_logs(jsonb, jsonb, bigint, bigint) IS
    'The logs in an answer to eth_getLogs for an extract; errors as of the other form.';

CREATE FUNCTION etl._evm_logs_call(source jsonb, place jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_array('eth_getLogs', jsonb_build_array(
        place || jsonb_build_object('topics', jsonb_build_array(etl._evm_topics(source)))
              || CASE WHEN source -> 'addresses' = '[]' THEN '{}'
                      ELSE jsonb_build_object('address', source -> 'addresses') END))
$$;
COMMENT ON FUNCTION etl._evm_logs_call(jsonb, jsonb) IS
    'The call that asks for the logs of an extract at a place: an object with fromBlock and toBlock, or blockHash.';

CREATE FUNCTION etl._evm_header_calls(numbers bigint[])
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_array(
        'eth_getBlockByNumber', jsonb_build_array(etl._evm_hex(number), false)) ORDER BY n), '[]')
    FROM unnest(numbers) WITH ORDINALITY AS t(number, n)
$$;
COMMENT ON FUNCTION etl._evm_header_calls(bigint[]) IS 'The calls that ask for the headers of blocks.';

CREATE FUNCTION etl._evm_numbers(piece etl._evm_piece)
RETURNS bigint[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN NOT piece.is_final THEN ARRAY(SELECT generate_series(piece.from_block, piece.to_block))
               WHEN piece.parent IS NULL THEN ARRAY[piece.to_block]
               ELSE ARRAY[piece.from_block - 1, piece.to_block]
           END
$$;
COMMENT ON FUNCTION etl._evm_numbers(etl._evm_piece) IS
    'The blocks whose headers come with the logs of a range: all that may be replaced; of those that may not the last, '
    'and the one before the range where its hash is known.';

CREATE FUNCTION etl._evm_calls(source jsonb, piece etl._evm_piece)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._evm_header_calls(etl._evm_numbers(piece))
        || jsonb_build_array(etl._evm_logs_call(source, jsonb_build_object(
               'fromBlock', etl._evm_hex(piece.from_block), 'toBlock', etl._evm_hex(piece.to_block))))
$$;
COMMENT ON FUNCTION etl._evm_calls(jsonb, etl._evm_piece) IS 'The calls that fetch a range.';

CREATE FUNCTION etl._evm_contradicts(message text, detail text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'ETLIN',
        MESSAGE = message,
        DETAIL = detail,
        HINT = 'Nothing of it was loaded. If this goes on, ask another node: ALTER SERVER … OPTIONS (SET base_url …);';
END
$$;
COMMENT ON FUNCTION etl._evm_contradicts(text, text) IS 'Raises that what a node says cannot be right.';

CREATE FUNCTION etl._evm_require_chain(piece etl._evm_piece)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    header etl._evm_header;
    before bigint := piece.from_block - 1;
    hash text := piece.parent;
BEGIN
    FOREACH header IN ARRAY piece.headers LOOP
        IF header.number = before AND hash <> header.hash
           OR header.number = before + 1 AND hash <> header.parent THEN
            PERFORM etl._evm_contradicts(
                format('block %s does not follow the one before it', greatest(header.number, piece.from_block)),
                format('Block %s was %s, and is %s now.', before, hash,
                       CASE header.number WHEN before THEN header.hash ELSE header.parent END));
        END IF;
        before := header.number;
        hash := header.hash;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._evm_require_chain(etl._evm_piece) IS
    'Checks that the blocks of a range follow each other, and the one before it (ETLIN).';

CREATE FUNCTION etl._evm_require_known_blocks(source jsonb, piece etl._evm_piece)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    topics CONSTANT text[] := etl._evm_topics(source);
    wrong record;
BEGIN
    SELECT l.block_number, l.block_hash, l.log_index, l.address, h.hash INTO wrong
    FROM unnest(piece.logs) AS l
    JOIN unnest(piece.headers) AS h ON h.number = l.block_number
    WHERE h.hash <> l.block_hash OR NOT etl._evm_may_hold(h.bloom, ARRAY[l.address], topics)
    ORDER BY l.block_number, l.log_index
    LIMIT 1;
    IF FOUND AND wrong.hash <> wrong.block_hash THEN
        PERFORM etl._evm_contradicts(format('logs are of another block %s than its header', wrong.block_number),
                                     format('The block is %s, that of the logs %s.', wrong.hash, wrong.block_hash));
    ELSIF FOUND THEN
        PERFORM etl._evm_contradicts(
            format('block %s cannot have log %s', wrong.block_number, wrong.log_index),
            format('Its bloom filter shows no log of the address %s with the topics of the extract.', wrong.address));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._evm_require_known_blocks(jsonb, etl._evm_piece) IS
    'Checks that the logs of a range are of the blocks whose headers came with them (ETLIN).';

CREATE FUNCTION etl._evm_read_piece(source jsonb, piece etl._evm_piece, results jsonb)
RETURNS etl._evm_piece
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    numbers CONSTANT bigint[] := etl._evm_numbers(piece);
BEGIN
    piece.headers := ARRAY(SELECT etl._evm_header(results -> (n - 1)::integer, number)
                           FROM unnest(numbers) WITH ORDINALITY AS t(number, n) ORDER BY n);
    piece.logs := ARRAY(SELECT l FROM etl._evm_logs(results -> -1, source, piece.from_block, piece.to_block) AS l);
    IF cardinality(piece.logs) >= (source ->> 'max_logs')::integer THEN
        RAISE EXCEPTION USING
            ERRCODE = 'program_limit_exceeded',
            MESSAGE = format('blocks %s to %s have %s logs or more', piece.from_block, piece.to_block,
                             source ->> 'max_logs'),
            DETAIL = 'A node may leave out the logs beyond a number without saying so.',
            HINT = 'SELECT etl.alter_evm_extract(…, max_logs => …); sets it above what the node gives in one answer.';
    END IF;
    PERFORM etl._evm_require_chain(piece), etl._evm_require_known_blocks(source, piece);
    RETURN piece;
END
$$;
COMMENT ON FUNCTION etl._evm_read_piece(jsonb, etl._evm_piece, jsonb) IS
    'A range out of the results of etl._evm_calls, checked. ETLIN, 08P01 what cannot be right, 54000 too many logs.';

CREATE FUNCTION etl._evm_doubts(source jsonb, piece etl._evm_piece)
RETURNS etl._evm_header[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT h
        FROM unnest(piece.headers) AS h
        WHERE NOT piece.is_final
          AND CASE
                  WHEN h.bloom IS NOT NULL
                  THEN etl._evm_may_hold(h.bloom, etl._evm_addresses(source), etl._evm_topics(source))
                  ELSE h.has_transactions -- no log at all, unless the chain has no blooms
                       AND NOT EXISTS (SELECT FROM unnest(piece.headers) AS b WHERE b.bloom IS NOT NULL)
              END
          AND NOT EXISTS (SELECT FROM unnest(piece.logs) AS l WHERE l.block_number = h.number)
        ORDER BY h.number)
$$;
COMMENT ON FUNCTION etl._evm_doubts(jsonb, etl._evm_piece) IS
    'Blocks of a range that may yet be replaced which by their bloom filter, or by their transactions where the chain '
    'seems to have no bloom filters, may have logs, and of which none came.';

CREATE FUNCTION etl._evm_doubt_calls(source jsonb, doubts etl._evm_header[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(etl._evm_logs_call(source, jsonb_build_object('blockHash', h.hash)) ORDER BY h.number),
                    '[]')
    FROM unnest(doubts) AS h
$$;
COMMENT ON FUNCTION etl._evm_doubt_calls(jsonb, etl._evm_header[]) IS
    'The calls that ask for logs of blocks by their hashes.';

CREATE FUNCTION etl._evm_settle_doubts(source jsonb, doubts etl._evm_header[], results jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    header etl._evm_header;
BEGIN
    FOR n IN 1 .. cardinality(doubts) LOOP
        header := doubts[n];
        IF EXISTS (SELECT FROM etl._evm_logs(results -> (n - 1), source, header.number, header.number)) THEN
            PERFORM etl._evm_contradicts(
                format('logs of block %s were left out', header.number),
                'Asked for by its number it had none, and has some when asked for by its hash.');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._evm_settle_doubts(jsonb, etl._evm_header[], jsonb) IS
    'Checks that blocks of which no logs came have none (ETLIN), by the results of etl._evm_doubt_calls.';

CREATE FUNCTION etl._evm_without_time(source jsonb, piece etl._evm_piece)
RETURNS bigint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT DISTINCT l.block_number
        FROM unnest(piece.logs) AS l
        WHERE (source -> 'block_times')::boolean AND l.block_time IS NULL
          AND NOT EXISTS (SELECT FROM unnest(piece.headers) AS h WHERE h.number = l.block_number)
        ORDER BY l.block_number)
$$;
COMMENT ON FUNCTION etl._evm_without_time(jsonb, etl._evm_piece) IS
    'Blocks with logs whose time is wanted and not yet known.';

CREATE FUNCTION etl._evm_add_times(source jsonb, piece etl._evm_piece, numbers bigint[], results jsonb)
RETURNS etl._evm_piece
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    piece.headers := piece.headers || ARRAY(SELECT etl._evm_header(results -> (n - 1)::integer, number)
                                            FROM unnest(numbers) WITH ORDINALITY AS t(number, n));
    PERFORM etl._evm_require_known_blocks(source, piece);
    RETURN piece;
END
$$;
COMMENT ON FUNCTION etl._evm_add_times(jsonb, etl._evm_piece, bigint[], jsonb) IS
    'A range with more headers, of the numbered blocks, checked.';

CREATE FUNCTION etl._evm_doubted(problem etl._problem)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_jsonb(problem) || CASE WHEN problem.sqlstate = '08P01' THEN '{"sqlstate": "ETLIN"}' ELSE '{}' END::jsonb
$$;
COMMENT ON FUNCTION etl._evm_doubted(etl._problem) IS
    'What went wrong with an answer; one that cannot be right is worth another try.';

-- Each of these returns what went wrong and does not raise it.
CREATE FUNCTION etl._evm_try_read(
    source jsonb, INOUT piece etl._evm_piece, results jsonb, OUT doubts etl._evm_header[], OUT untimed bigint[],
    OUT failure jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem etl._problem;
BEGIN
    piece := etl._evm_read_piece(source, piece, results);
    doubts := etl._evm_doubts(source, piece);
    untimed := etl._evm_without_time(source, piece);
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS problem.sqlstate = RETURNED_SQLSTATE, problem.message = MESSAGE_TEXT,
            problem.detail = PG_EXCEPTION_DETAIL, problem.hint = PG_EXCEPTION_HINT;
        failure := etl._evm_doubted(problem);
END
$$;
COMMENT ON FUNCTION etl._evm_try_read(jsonb, etl._evm_piece, jsonb) IS
    'Reads a range out of its results, and says what must be asked besides: blocks of which logs may be missing, and '
    'blocks whose time is not known.';

CREATE FUNCTION etl._evm_try_complete(
    source jsonb, INOUT piece etl._evm_piece, doubts etl._evm_header[], untimed bigint[], results jsonb,
    OUT failure jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem etl._problem;
BEGIN
    PERFORM etl._evm_settle_doubts(source, doubts, results);
    piece := etl._evm_add_times(source, piece, untimed, (
        SELECT coalesce(jsonb_agg(r ORDER BY n) FILTER (WHERE n > cardinality(doubts)), '[]')
        FROM jsonb_array_elements(results) WITH ORDINALITY AS t(r, n)));
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS problem.sqlstate = RETURNED_SQLSTATE, problem.message = MESSAGE_TEXT,
            problem.detail = PG_EXCEPTION_DETAIL, problem.hint = PG_EXCEPTION_HINT;
        failure := etl._evm_doubted(problem);
END
$$;
COMMENT ON FUNCTION etl._evm_try_complete(jsonb, etl._evm_piece, etl._evm_header[], bigint[], jsonb) IS
    'Completes a range by the results of what was asked besides.';

CREATE PROCEDURE etl._evm_fetch(source jsonb, INOUT piece etl._evm_piece, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    results pg_catalog.jsonb;
    got record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    CALL etl._evm_ask(source, etl._evm_calls(source, piece), 0, results, failure);
    IF failure IS NOT NULL THEN
        RETURN;
    END IF;
    got := etl._evm_try_read(source, piece, results);
    piece := got.piece;
    failure := got.failure;
    IF failure IS NOT NULL OR cardinality(got.doubts) + cardinality(got.untimed) = 0 THEN
        RETURN;
    END IF;
    CALL etl._evm_ask(source, etl._evm_doubt_calls(source, got.doubts) || etl._evm_header_calls(got.untimed), 0,
                      results, failure);
    IF failure IS NULL THEN
        got := etl._evm_try_complete(source, piece, got.doubts, got.untimed, results);
        piece := got.piece;
        failure := got.failure;
    END IF;
END
$$;
COMMENT ON PROCEDURE etl._evm_fetch(jsonb, etl._evm_piece, jsonb) IS
    'Fetches the logs and headers of a range, or says what went wrong.';
