-- Extracts of logs: how they are defined, and set back.

CREATE FUNCTION etl._require_evm_number(value numeric, lowest numeric, highest numeric, argument text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value BETWEEN lowest AND highest THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('%s must be from %s to %s, not %s', argument, lowest, highest, coalesce(value::text, 'NULL'));
END
$$;
COMMENT ON FUNCTION etl._require_evm_number(numeric, numeric, numeric, text) IS
    'Checks that a number is there and within bounds (22023); the last argument names it in the error.';

CREATE FUNCTION etl._evm_source(
    server name, path text, chain_id bigint, addresses text[], events text[], start_block bigint, confirmations integer,
    head_lag integer, max_range integer, max_logs integer, batch_size integer, block_times boolean,
    retry_pause interval)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT bigint := 2147483647;
BEGIN
    PERFORM etl._require_evm_number(chain_id, 1, 9223372036854775807, 'chain_id'),
            etl._require_evm_number(start_block, 0, 9223372036854775807, 'start_block'),
            etl._require_evm_number(coalesce(confirmations, 0), 0, 100000, 'confirmations'),
            etl._require_evm_number(head_lag, 0, most, 'head_lag'),
            etl._require_evm_number(max_range, 1, 1000000, 'max_range'),
            etl._require_evm_number(max_logs, 1, 10000000, 'max_logs'),
            etl._require_evm_number(batch_size, 1, 1000, 'batch_size'),
            etl._require_evm_number(extract(epoch FROM retry_pause), 0, 3600, 'seconds of retry_pause'),
            etl._require_flag(block_times, 'block_times');
    IF coalesce(cardinality(events), 0) = 0 OR array_position(events, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN array_position(events, NULL) IS NULL THEN 'no events were given'
                           ELSE 'events must not hold NULL' END,
            HINT = 'Give events => ARRAY[''event Transfer(address indexed from, address indexed to, uint256 value)''].';
    ELSIF array_position(addresses, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'addresses must not hold NULL',
            HINT = 'Give addresses => ''{}'' for the logs of all contracts.';
    ELSIF EXISTS (SELECT FROM etl.evm_events(events) AS e WHERE e.topic0 IS NULL) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = 'anonymous events cannot be extracted',
            DETAIL = 'Their logs do not say of which event they are.',
            HINT = 'etl.evm_decode(…) decodes a log of one.';
    END IF;
    RETURN jsonb_build_object(
        'server', server, 'path', path, 'chain_id', chain_id,
        'addresses', ARRAY(SELECT DISTINCT etl._evm_address(a) AS address FROM unnest(addresses) AS a ORDER BY address),
        'events', events, 'start_block', start_block, 'confirmations', confirmations, 'head_lag', head_lag,
        'max_range', max_range, 'max_logs', max_logs, 'batch_size', batch_size, 'block_times', block_times,
        'retry_pause', extract(epoch FROM retry_pause));
END
$$;
COMMENT ON FUNCTION etl._evm_source(
    name, text, bigint, text[], text[], bigint, integer, integer, integer, integer, integer, boolean, interval) IS
    'What only extracts of logs say, as a member each. 22023 where one cannot be, 0A000 an anonymous event.';

CREATE FUNCTION etl._evm_make_target(job etl.extract)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns CONSTANT text := (SELECT string_agg(format(', %I %s', c.name, c.type), '' ORDER BY c.place)
                              FROM etl._evm_columns(job.source) AS c);
BEGIN
    IF to_regclass(job.target) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM etl._locked_command(format(
        'CREATE TABLE %s (chain_id bigint NOT NULL, block_number bigint NOT NULL, block_hash text NOT NULL, '
        'block_time timestamptz, tx_hash text NOT NULL, tx_index integer NOT NULL, log_index integer NOT NULL, '
        'address text NOT NULL, event text NOT NULL%s, UNIQUE (chain_id, block_hash, log_index))',
        job.target, columns));
    PERFORM etl._locked_command(format('CREATE INDEX ON %s (chain_id, block_number, log_index)', job.target));
    PERFORM etl._locked_command(format('COMMENT ON TABLE %s IS %L', job.target, format(
        'Logs of chain %s, by extract %s.', job.source ->> 'chain_id', job.name)));
END
$$;
COMMENT ON FUNCTION etl._evm_make_target(etl.extract) IS 'Makes the table of an extract of logs, unless it is there.';

CREATE FUNCTION etl._evm_check_target(job etl.extract)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text;
BEGIN
    PERFORM etl._require_extract_target(job.target::regclass, '{SELECT,INSERT,DELETE}');
    SELECT string_agg(format('ADD COLUMN %I %s', c.name, c.type), ', ' ORDER BY c.n) INTO missing
    FROM (
        SELECT s.name, s.type, s.n
        FROM (VALUES ('chain_id', 'bigint', -9), ('block_number', 'bigint', -8), ('block_hash', 'text', -7),
                     ('block_time', 'timestamptz', -6), ('tx_hash', 'text', -5), ('tx_index', 'integer', -4),
                     ('log_index', 'integer', -3), ('address', 'text', -2), ('event', 'text', -1)) AS s(name, type, n)
        UNION ALL
        SELECT e.name, e.type, e.place FROM etl._evm_columns(job.source) AS e
    ) AS c
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                      WHERE a.attrelid = job.target::regclass AND a.attname = c.name AND a.attnum > 0);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('table "%s" lacks columns of the extract', job.target),
            DETAIL = 'etl.evm_events(…) lists the columns of the events.',
            HINT = format('ALTER TABLE %s %s;', job.target, missing);
    END IF;
    EXECUTE 'EXPLAIN ' || etl._evm_insert(job) -- types, and the key
    USING (job.source -> 'chain_id')::bigint, '{}'::etl._evm_log[], '{}'::etl._evm_header[];
EXCEPTION
    WHEN invalid_column_reference THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_column_reference',
            MESSAGE = format('table "%s" has no unique index on the place of a log', job.target),
            DETAIL = 'It tells logs that were loaded before.',
            HINT = format('ALTER TABLE %s ADD UNIQUE (chain_id, block_hash, log_index);', job.target);
END
$$;
COMMENT ON FUNCTION etl._evm_check_target(etl.extract) IS
    'Checks that the table of an extract of logs can take them: 42501, 42703, 42804, 42P10.';

CREATE FUNCTION etl.create_evm_extract(
    name text,
    server name,
    chain_id bigint,
    addresses text[],
    events text[],
    start_block bigint,
    target text,
    confirmations integer DEFAULT 64,
    max_range integer DEFAULT 2000,
    max_logs integer DEFAULT 10000,
    batch_size integer DEFAULT 50,
    head_lag integer DEFAULT 0,
    block_times boolean DEFAULT true,
    retry_pause interval DEFAULT '1 second',
    on_bad_row text DEFAULT 'dead_letter',
    path text DEFAULT '',
    schedule text DEFAULT NULL,
    description text DEFAULT NULL,
    if_not_exists boolean DEFAULT false
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted etl.extract;
BEGIN
    PERFORM etl._require_writable();
    PERFORM etl._require_http_server(server);
    wanted.name := name;
    wanted.kind := 'evm';
    wanted.source := etl._evm_source(server, coalesce(path, ''), chain_id, addresses, events, start_block,
                                     confirmations, head_lag, max_range, max_logs, batch_size, block_times,
                                     retry_pause);
    wanted.target := etl._new_table_name(target, 'target');
    wanted.key_columns := '{chain_id,block_hash,log_index}';
    wanted.write_mode := 'append';
    wanted.on_bad_row := on_bad_row;
    wanted.new_fields := 'ignore';
    wanted.keep_raw := false;
    wanted.schedule := btrim(schedule);
    wanted.description := description;
    IF NOT EXISTS (SELECT FROM etl.extract AS e WHERE e.name = wanted.name) THEN
        PERFORM etl._evm_make_target(wanted), etl._evm_check_target(wanted);
    END IF;
    PERFORM etl._store_extract(wanted, if_not_exists);
END
$$;
COMMENT ON FUNCTION etl.create_evm_extract(
    text, name, bigint, text[], text[], bigint, text, integer, integer, integer, integer, integer, boolean, interval,
    text, text, text, text, boolean) IS
$$Defines an extract of the logs of contracts on an Ethereum-like chain: which events of which contracts go into which
table. CALL etl.run_extract(name) loads them up to the head of the chain.
name: 1 to 63 bytes, unique in the database. server: a foreign server of etl_http, whose base_url (and path below it) is
a node's JSON-RPC. chain_id: the chain's number, 1 for Ethereum; a node of another chain is refused. addresses: the
contracts; {} or NULL for all. events: their declarations, as in event Transfer(address indexed from, address indexed
to, uint256 value); etl.evm_events(events) shows what becomes of them. start_block: the first block.
target: a table with its schema, made where it does not exist: chain_id, block_number, block_hash, block_time, tx_hash,
tx_index, log_index, address, event, then the columns of all events (NULL in rows of other events), unique by
(chain_id, block_hash, log_index). Several extracts may share a table.
confirmations: how many blocks below the head the chain may yet replace; these are loaded at once, and replaced in the
table when the chain does it. NULL: down to the block that the node says is finalized. head_lag: so many blocks below
the head wait for a later run.
max_range: blocks asked for at once; halved after each error, and it grows again. max_logs: where an answer has so many
logs it is taken as cut off, and half of the range is asked for. batch_size: calls in one request, 1 for nodes that take
no batches. block_times: where logs come without the time of their block, its header is asked for. retry_pause: what a
node says that contradicts itself is asked for again after this time, twice and four times of it, and then is an error.
on_bad_row: a log that cannot be decoded becomes a dead letter (dead_letter), ends the run (error) or is only counted
(skip). schedule: five fields of cron, for pg_cron. if_not_exists: one that exists is left as it is.
Errors: 42710 name taken, 42704 no such server, 42809 it is of another wrapper, 42501 missing privilege, 42602 target
without a schema, 22023 an argument that cannot be, 0A000 an anonymous event, 42703 and 42P10 the table lacks columns or
the unique index.$$;

CREATE FUNCTION etl._require_evm_extract(name text)
RETURNS etl.extract
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._extract(name);
BEGIN
    IF stored.kind <> 'evm' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('extract "%s" is of kind %s, not of logs', name, stored.kind),
            HINT = format('SELECT etl.reset_cursor(%L); sets it back.', name);
    END IF;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._require_evm_extract(text) IS
    'The current role''s extract of that name, which is one of logs (42704, 42501, 42809).';

CREATE FUNCTION etl._evm_replay_letter(job etl.extract, letter etl.dead_letter)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    log etl._evm_log;
    headers etl._evm_header[];
    why text;
    inserted bigint;
BEGIN
    BEGIN
        SELECT l.* INTO STRICT log
        FROM etl._evm_logs(jsonb_build_array(letter.record::jsonb), job.source, 0, 9223372036854775807) AS l;
        why := log.reason;
    EXCEPTION
        WHEN SQLSTATE '08P01' THEN -- of a contract or an event that is no longer asked for
            GET STACKED DIAGNOSTICS why = PG_EXCEPTION_DETAIL;
    END;
    IF why IS NOT NULL THEN
        UPDATE etl.dead_letter AS d SET attempts = d.attempts + 1, reason = why
        WHERE d.dead_letter_id = letter.dead_letter_id;
        RETURN NULL;
    END IF;
    headers := ARRAY(SELECT ROW(b.block_number, b.block_hash, NULL, b.block_time, NULL, NULL)::etl._evm_header
                     FROM etl.evm_block AS b
                     WHERE b.extract_id = job.extract_id AND b.owner = current_user AND b.block_hash = log.block_hash);
    inserted := etl._locked_command(etl._evm_insert(job), (job.source -> 'chain_id')::bigint, ARRAY[log], headers);
    DELETE FROM etl.dead_letter AS d WHERE d.dead_letter_id = letter.dead_letter_id;
    RETURN inserted > 0;
END
$$;
COMMENT ON FUNCTION etl._evm_replay_letter(etl.extract, etl.dead_letter) IS
    'Tries a log again that could not be decoded: whether it was inserted (false: it was there), NULL it still cannot '
    'be decoded.';

CREATE FUNCTION etl._evm_replay(job etl.extract)
RETURNS etl._page_counts
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    letter etl.dead_letter;
    counts etl._page_counts := (0, 0, 0, 0, 0, 0);
    done boolean;
BEGIN
    IF NOT etl._lock_run('etl.extract', job.extract_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = format('extract "%s" is being run', job.name),
            HINT = 'Wait for it to end: a reorganisation of the chain may take dead letters with it.';
    END IF;
    FOR letter IN SELECT d.* FROM etl.dead_letter AS d
                  WHERE d.owner = current_user AND d.extract = job.name AND d.record IS NOT NULL
                  ORDER BY d.dead_letter_id LOOP
        done := etl._evm_replay_letter(job, letter);
        counts.received := counts.received + 1;
        counts.inserted := counts.inserted + CASE WHEN done THEN 1 ELSE 0 END;
        counts.unchanged := counts.unchanged + CASE WHEN NOT done THEN 1 ELSE 0 END;
        counts.dead := counts.dead + CASE WHEN done IS NULL THEN 1 ELSE 0 END;
    END LOOP;
    PERFORM etl._unlock_run('etl.extract', job.extract_id);
    RETURN counts;
END
$$;
COMMENT ON FUNCTION etl._evm_replay(etl.extract) IS
    'Tries the logs of an extract again that could not be decoded, with its events as they are now. 55006 it is being '
    'run.';

-- Blocks before the last final one are not kept, but rows have their hashes. The block with which a run goes on must
-- follow one that is known: what lies between may have been replaced as well. Blocks before that one are not kept then:
-- a fork among them would leave the rows of the blocks between.
CREATE FUNCTION etl._evm_keep_block_before(job etl.extract, first bigint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept CONSTANT bigint := (SELECT max(b.block_number) FROM etl.evm_block AS b
                             WHERE b.extract_id = job.extract_id AND b.owner = current_user AND b.block_number < first);
    loaded record;
BEGIN
    SELECT l.* INTO loaded FROM etl._locked_rows(format(
        'SELECT t.block_number, t.block_hash FROM %s AS t WHERE t.block_number < %s AND t.block_number > %s AND %s '
        'ORDER BY t.block_number DESC LIMIT 1', job.target, first, coalesce(kept, -1),
        etl._evm_own_rows(job.source))) AS l(number bigint, hash text);
    IF loaded.number IS NULL THEN
        RETURN kept;
    END IF;
    DELETE FROM etl.evm_block AS b
    WHERE b.extract_id = job.extract_id AND b.owner = current_user AND b.block_number < loaded.number;
    INSERT INTO etl.evm_block (extract_id, block_number, block_hash)
    VALUES (job.extract_id, loaded.number, loaded.hash);
    RETURN loaded.number;
END
$$;
COMMENT ON FUNCTION etl._evm_keep_block_before(etl.extract, bigint) IS
    'The last block before another one whose hash is known, and keeps it; NULL where nothing was loaded before.';

CREATE FUNCTION etl.reset_evm_extract(name text, from_block bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._require_evm_extract(name);
    start CONSTANT bigint := (stored.source -> 'start_block')::bigint;
    first bigint;
    condition text;
    held text;
    deleted bigint;
BEGIN
    PERFORM etl._require_writable(), etl._require_extract_table(stored), etl._lock_extract(stored);
    first := greatest(coalesce(from_block, 0), start);
    IF first < (SELECT (s.detail -> 'next_block')::bigint FROM etl.extract_state AS s
                WHERE s.extract_id = stored.extract_id) THEN
        first := greatest(etl._evm_keep_block_before(stored, first) + 1, start);
    END IF;
    PERFORM etl._lock_holds();
    condition := format('t.block_number >= %s AND %s', first, etl._evm_own_rows(stored.source));
    held := etl._held_condition(stored.target::regclass, 't');
    deleted := etl._locked_command(
        format('DELETE FROM %s AS t WHERE %s%s', stored.target, condition, ' AND NOT ' || held));
    DELETE FROM etl.evm_block AS b
    WHERE b.extract_id = stored.extract_id AND b.owner = current_user AND b.block_number >= first;
    DELETE FROM etl.dead_letter AS d
    WHERE d.owner = current_user AND d.extract = name
      AND CASE WHEN d.origin ~ '^0x[0-9a-f]{64}$'
               THEN etl._evm_quantity(d.record::jsonb -> 'blockNumber', 'the number of a block') >= first END;
    UPDATE etl.extract_state AS s
    SET "cursor" = nullif(first, start) - 1, is_finished = true,
        detail = (s.detail - 'blocks_behind') || jsonb_build_object('next_block', first), changed_at = clock_timestamp()
    WHERE s.extract_id = stored.extract_id AND coalesce((s.detail -> 'next_block')::bigint, first) > first;
    PERFORM etl._unlock_run('etl.extract', stored.extract_id);
    RETURN deleted;
END
$$;
COMMENT ON FUNCTION etl.reset_evm_extract(text, bigint) IS
$$Sets an extract of logs back, so that its next run loads all from a block on anew, and deletes what it loaded from
there on (rows of its chain, events and contracts, and dead letters); returns how many rows. It mends what
etl.run_extract cannot: a reorganisation deeper than the confirmations. Rows under a legal hold stay.
from_block: NULL: the extract's start_block; one that was not reached yet changes nothing. The next run goes on after
the last block before it whose hash is known, kept or from a row; where the chain has replaced that too, it fails again,
and from_block must be a lower one.
Errors: 42704 no such extract, 42501 another role's, 42809 of another kind, 42P01 its table is gone, 55006 it is being
run.$$;
