-- Extracts of logs with known answers, against the node of test/api/chain.py. No transaction around the file, because
-- etl.run_extract commits. test/t/extract_evm.t has the reorganisations, faults and kills.
\getenv api PG_ETL_API
CREATE EXTENSION dblink;
SELECT plan(75);
SET client_min_messages = error;
SET timezone = 'UTC';
SET pg_etl.allowed_hosts = '127.0.0.1';
SELECT format('CREATE SERVER node FOREIGN DATA WRAPPER etl_http OPTIONS (base_url %L, attempts ''1'')',
              :'api' || '/evm_' || pg_backend_pid() || '/rpc') \gexec

CREATE FUNCTION pg_temp.rpc(method text, VARIADIC arguments int[] DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
    SELECT etl.http_post('node', query => '{"lie": "", "latency": 0, "busy": 0, "behind": 0}',
                         body => jsonb_build_object('jsonrpc', '2.0', 'id', 1, 'method', method, 'params', arguments))
$$;
CREATE FUNCTION pg_temp.set_node(query jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
    SELECT etl.http_get('node', (SELECT regexp_replace(substr(o, 10), '/rpc$', '/_set/rpc') FROM pg_foreign_server,
        unnest(srvoptions) AS o
                                 WHERE srvname = 'node' AND o LIKE 'base_url=%'), query)
$$;
CREATE FUNCTION pg_temp.make(name text, options text DEFAULT '',
    events text DEFAULT 'Transfer(address indexed from, address indexed to, uint256 value)')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT etl.create_evm_extract(%L, ''node'', 1, ''{}'', ARRAY[%L], 0, %L, '
                   'retry_pause => ''10 ms''%s)',
                   name, events, 'public.' || name, options);
END
$$;
CREATE FUNCTION pg_temp.call(procedure text, settings text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT dblink_exec(%L, %L)',
                  format('dbname=%s host=%s '
                         'options=''-c pg_etl.allowed_hosts=127.0.0.1 -c client_min_messages=error %s''',
                         current_database(), current_setting('unix_socket_directories'), settings),
                             'CALL ' || procedure)
$$;
CREATE FUNCTION pg_temp.detail(name text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT r.detail FROM etl.runs AS r WHERE r.name = detail.name ORDER BY run_id DESC LIMIT 1
$$;
-- Logs of an event of the chain, as eth_getLogs counts them.
CREATE FUNCTION pg_temp.logs_of(declaration text, last int) RETURNS bigint LANGUAGE sql AS $$
    SELECT jsonb_array_length(h.body::jsonb -> 'result')
    FROM etl.http_post('node', body => jsonb_build_object('jsonrpc', '2.0', 'id', 1, 'method', 'eth_getLogs', 'params',
        jsonb_build_array(jsonb_build_object('fromBlock', '0x0', 'toBlock', '0x' || to_hex(last), 'topics',
            jsonb_build_array(
            (SELECT '0x' || encode(topic0, 'hex') FROM etl.evm_events(ARRAY[declaration]) LIMIT 1)))))) AS h
$$;
SELECT pg_temp.rpc('test_reset', 42, 80);

-- A run, and where it is ----------------------------------------------------------------------------------------------

SELECT pg_temp.make('moved');
CALL etl.run_extract('moved');
SELECT is((SELECT count(*) FROM moved) + (SELECT count(*) FROM etl.dead_letters),
    pg_temp.logs_of('Transfer(address,address,uint256)', 80),
          'every log is a row or a dead letter');
SELECT ok((SELECT count(*) FROM etl.dead_letters) > 0 AND (SELECT count(*) FROM moved) > 0, 'of both there are some');
SELECT results_eq($$SELECT status, "cursor", state -> 'next_block', state -> 'final',
    state -> 'blocks_behind' FROM etl.extracts$$,
                  $$VALUES ('idle', '80', '81'::jsonb, '16'::jsonb, '0'::jsonb)$$, 'where it is');
SELECT results_eq($$SELECT status, rows, (detail ->> 'received')::bigint, (detail ->> 'dead')::bigint,
    detail -> 'from_block', detail -> 'to_block'
                    FROM etl.runs$$,
                  $$SELECT 'succeeded', (SELECT count(*) FROM moved),
                      pg_temp.logs_of('Transfer(address,address,uint256)', 80),
                           (SELECT count(*) FROM etl.dead_letters), '0'::jsonb, '80'::jsonb$$,
                               'the run counts what it did');
SELECT is((SELECT count(*) FROM etl.evm_block), 65::bigint, 'the blocks that may be replaced are kept, and one more');
SELECT ok(bool_and(block_time = to_timestamp(1700000000 + 12 * block_number)), 'with the time of the block') FROM moved;
SELECT ok(bool_and(reason LIKE 'The log has 4 topics%' AND column_name IS NULL AND sqlstate = '22P03'
                   AND record::jsonb ? 'topics'),
          'a dead letter has the log and the reason') FROM etl.dead_letters;
CALL etl.run_extract('moved');
SELECT is(pg_temp.detail('moved') -> 'received', '0', 'nothing comes twice');
SELECT is((SELECT count(*) FROM moved WHERE value = 2::numeric ^ 256 - 1) > 0, true,
    'numbers are whole to the last digit');

-- Dead letters are tried again ----------------------------------------------------------------------------------------

SELECT results_eq($$SELECT received, inserted, dead FROM etl.replay_dead_letters('moved')$$,
                  $$SELECT count(*), 0::bigint, count(*) FROM etl.dead_letters$$, 'without another event they stay');
SELECT is(min(attempts), 1, 'and were tried') FROM etl.dead_letters;
CREATE TABLE events AS SELECT ARRAY['Transfer(address indexed from, address indexed to, uint256 value)',
                                    'Transfer(address indexed from, address indexed to, uint256 indexed tokenId)']
                       AS wanted;
SELECT throws_ok($$SELECT etl.alter_evm_extract('moved', events => (SELECT wanted FROM events))$$, '42703',
                 'table "public.moved" lacks columns of the extract', 'another event needs its columns');
ALTER TABLE moved ADD COLUMN token_id numeric(78,0);
SELECT lives_ok($$SELECT etl.alter_evm_extract('moved', events => (SELECT wanted FROM events), batch_size => 20)$$,
    'which are made');
SELECT is(source -> 'batch_size', '20', 'and more is changed') FROM etl.extract WHERE name = 'moved';
SELECT results_eq($$SELECT received = inserted AND received > 0, dead FROM etl.replay_dead_letters('moved')$$,
                  $$VALUES (true, 0::bigint)$$, 'then they are loaded');
SELECT is((SELECT count(*) FROM moved), pg_temp.logs_of('Transfer(address,address,uint256)', 80), 'all of them');
SELECT is_empty('SELECT * FROM etl.dead_letters', 'and are dead letters no more');

-- on_bad_row ----------------------------------------------------------------------------------------------------------

SELECT pg_temp.make('strict', ', on_bad_row => ''error''');
SELECT throws_like(pg_temp.call('etl.run_extract(''strict'')'),
                   'extract "strict" failed: log % of block % cannot be decoded: The log has 4 topics%',
                       'on_bad_row error');
SELECT is(count(*), 0::bigint, 'loads nothing of that range') FROM strict;
SELECT pg_temp.make('lax', ', on_bad_row => ''skip''');
CALL etl.run_extract('lax');
SELECT ok((pg_temp.detail('lax') ->> 'dead')::int > 0 AND NOT EXISTS (SELECT FROM etl.dead_letters),
    'on_bad_row skip only counts');

-- How far it reads ----------------------------------------------------------------------------------------------------

SELECT pg_temp.make('lagging', ', head_lag => 10, confirmations => NULL');
SELECT throws_like(pg_temp.call('etl.run_extract(''lagging'')'),
    '%the node refused eth_getBlockByNumber: unknown block%',
                   'a node that knows no finalized block');
SELECT pg_temp.set_node('{"finalized": 30}');
CALL etl.run_extract('lagging');
SELECT results_eq($$SELECT "cursor", state -> 'final' FROM etl.extracts WHERE extract = 'lagging'$$, $$VALUES ('70',
    '50'::jsonb)$$,
                  'to ten blocks below the head, and final is what the node says');
SELECT is(min(block_number), 50::bigint, 'those that may be replaced are kept')
FROM etl.evm_block JOIN etl.extract USING (extract_id) WHERE name = 'lagging';
SELECT pg_temp.set_node();
SELECT is(etl.reset_evm_extract('moved', 60) > 0, true, 'set back');
SELECT ok(max(block_number) < 60, 'the rows from there on are gone') FROM moved;
SELECT is("cursor", '59', 'the cursor is before it') FROM etl.extracts WHERE extract = 'moved';
CALL etl.run_extract('moved');
SELECT is((SELECT count(*) FROM moved), pg_temp.logs_of('Transfer(address,address,uint256)', 80), 'and come again');
SELECT is(etl.reset_evm_extract('moved', 500), 0::bigint, 'a block that was not reached changes nothing');
SELECT throws_ok($$SELECT etl.reset_cursor('moved')$$, '42809', 'extract "moved" is one of logs',
    'reset_cursor is for others');

-- Pause, holds, roles -------------------------------------------------------------------------------------------------

SELECT etl.pause_extract('moved');
SELECT pg_temp.rpc('test_mine', 5);
CALL etl.run_extract('moved');
SELECT is("cursor", '80', 'a paused extract is left alone') FROM etl.extracts WHERE extract = 'moved';
SELECT etl.resume_extract('moved');
CALL etl.run_extract('moved');
SELECT is("cursor", '85', 'until it goes on') FROM etl.extracts WHERE extract = 'moved';

SELECT etl.add_legal_hold('trial', 'moved', 'block_number >= 80', 'a test');
SELECT pg_temp.rpc('test_reorg', 10, 12);
SELECT throws_like(pg_temp.call('etl.run_extract(''moved'')'),
                   '%rows of table "public.moved" are under a legal hold and cannot be replaced',
                       'held rows stay');
SELECT is((SELECT count(*) FROM moved AS m JOIN etl.evm_block AS b USING (block_number)
           JOIN etl.extract AS e USING (extract_id) WHERE e.name = 'moved' AND b.block_hash <> m.block_hash), 0::bigint,
          'and nothing else was changed');
SELECT etl.release_legal_hold('trial', 'done');
CALL etl.run_extract('moved');
SELECT is((SELECT count(*) FROM moved), pg_temp.logs_of('Transfer(address,address,uint256)', 87),
    'they are replaced when it is released');
SELECT is(pg_temp.detail('moved') -> 'deepest_reorg', '10', 'the run tells how deep it was');

CREATE ROLE evm_reader;
GRANT CREATE ON SCHEMA public TO evm_reader;
SET ROLE evm_reader;
SELECT throws_ok($$SELECT pg_temp.make('theirs')$$, '42501', 'permission denied for foreign server node',
    'a server without USAGE');
SELECT is_empty('SELECT * FROM etl.extracts', 'nobody sees another role''s extracts');
SELECT is_empty('SELECT * FROM etl.evm_block', 'nor their blocks');
SELECT throws_ok($$SELECT etl.reset_evm_extract('moved')$$, '42704', 'extract "moved" does not exist',
    'nor sets them back');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER node TO evm_reader;
GRANT EXECUTE ON FUNCTION etl.fetch TO evm_reader;
SET ROLE evm_reader;
SELECT pg_temp.make('theirs', ', on_bad_row => ''skip''');
CALL etl.run_extract('theirs');
SELECT ok(count(*) > 0, 'an ordinary role extracts') FROM theirs;
RESET ROLE;

-- A constraint, a cancel ----------------------------------------------------------------------------------------------

SELECT pg_temp.make('checked', ', on_bad_row => ''skip''');
ALTER TABLE checked ADD CHECK (log_index < 7);
SELECT throws_like(pg_temp.call('etl.run_extract(''checked'')'), '%violates check constraint%',
    'what a constraint refuses ends the run');
SELECT is(count(*), 0::bigint, 'and its range is not loaded') FROM checked;
SELECT pg_temp.set_node('{"latency": 5}');
CREATE FUNCTION pg_temp.cancelled(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'nothing was raised';
EXCEPTION
    WHEN query_canceled THEN
        RETURN SQLERRM;
END
$$;
CREATE TABLE began AS SELECT clock_timestamp() AS at;
SELECT is(pg_temp.cancelled(pg_temp.call('etl.run_extract(''lax'')', '-c statement_timeout=500')),
          'extract "lax" failed: canceled while the answer of the node was awaited', 'a cancel ends the wait');
SELECT ok(clock_timestamp() - at < interval '0.9 s', 'at once') FROM began;
SELECT is(last_status, 'failed', 'and is written down') FROM etl.extracts WHERE extract = 'lax';
SELECT pg_temp.set_node();

-- A contract is taken away --------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.narrow() RETURNS text LANGUAGE sql AS $$
    SELECT 'SELECT etl.alter_evm_extract(''moved'', addresses => ''{0x1010101010101010101010101010101010101010}'')'
$$;
SELECT throws_ok(pg_temp.narrow(), '55000', 'table "public.moved" has rows, of blocks that may yet be replaced, that '
                 'extract "moved" would not know any more', 'rows of other contracts may be orphaned yet');
SELECT ok(etl.reset_evm_extract('moved', (state -> 'final')::bigint + 1) > 0, 'they are deleted')
FROM etl.extracts WHERE extract = 'moved';
BEGIN;
SELECT lives_ok(pg_temp.narrow(), 'and the others taken away');
SELECT throws_matching(pg_temp.call('etl.run_extract(''moved'')'), '^extract "moved" is being run by another session',
                       'no run begins with what it was before that is committed');
COMMIT;
CALL etl.run_extract('moved');
SELECT pg_temp.rpc('test_reorg', 10, 12);
CALL etl.run_extract('moved');
SELECT is_empty($$SELECT FROM moved JOIN etl.evm_block AS b USING (block_number)
                  JOIN etl.extract AS e USING (extract_id)
                  WHERE e.name = 'moved' AND b.block_hash <> moved.block_hash$$,
    'no row is left over');

-- Deeper than the confirmations ---------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.hint_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE command;
    RETURN 'nothing was raised';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN hint;
END
$$;
SELECT pg_temp.make('shallow', ', confirmations => 3');
CALL etl.run_extract('shallow');
SELECT state -> 'next_block' AS next FROM etl.extracts WHERE extract = 'shallow' \gset
SELECT pg_temp.rpc('test_reorg', 20, 22);
SELECT throws_like(pg_temp.call('etl.run_extract(''shallow'')'), '%deeper than block %', 'it is noticed');
SELECT is(pg_temp.hint_of(pg_temp.call('etl.run_extract(''shallow'')')), format(
              'SELECT etl.reset_evm_extract(''shallow'', %s); deletes the rows from there on, and the next run loads '
              'them anew. It fails again if that is not deep enough.', :next - 4 - 64), 'and the hint goes far back');
SELECT ok(etl.reset_evm_extract('shallow', :next - 5) >= 0, 'set back, but not to the fork');
SELECT throws_like(pg_temp.call('etl.run_extract(''shallow'')'), '%deeper than block %', 'it is noticed again');
SELECT etl.reset_evm_extract('shallow', :next - 25) AS deleted \gset
CALL etl.run_extract('shallow');
SELECT pg_temp.make('anew');
CALL etl.run_extract('anew');
SELECT results_eq('SELECT block_hash, log_index FROM shallow ORDER BY block_number, log_index',
                  'SELECT block_hash, log_index FROM anew ORDER BY block_number, log_index',
                  'set back before the fork: all is there, and nothing else');
SELECT results_eq($$SELECT origin, ordinal FROM etl.dead_letters WHERE extract = 'shallow' ORDER BY origin, ordinal$$,
                  $$SELECT origin, ordinal FROM etl.dead_letters WHERE extract = 'anew' ORDER BY origin, ordinal$$,
                  'nor a dead letter of a block that is gone');

-- Replaced from its first block on -----------------------------------------------------------------------------------

SELECT (state -> 'head')::bigint AS head FROM etl.extracts WHERE extract = 'anew' \gset
SELECT etl.create_evm_extract('late', 'node', 1, '{}',
                              '{"Transfer(address indexed from, address indexed to, uint256 value)"}',
                              :head - 5, 'public.late', on_bad_row => 'skip', retry_pause => '10 ms');
CALL etl.run_extract('late');
SELECT pg_temp.rpc('test_reorg', 20, 24);
CALL etl.run_extract('late');
CALL etl.run_extract('anew');
SELECT results_eq('SELECT block_hash, log_index FROM late ORDER BY block_number, log_index',
                  format('SELECT block_hash, log_index FROM anew WHERE block_number >= %s ORDER BY block_number, '
                         'log_index', :head - 5),
                  'an extract whose blocks were all replaced, and not deeper than the confirmations');
SELECT is(pg_temp.detail('late') ->> 'deepest_reorg', '6', 'which it tells of');

-- What providers do ---------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.run_by(query jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    PERFORM pg_temp.rpc('test_mine', 3), pg_temp.set_node(query);
    EXECUTE pg_temp.call('etl.run_extract(''anew'')');
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RETURN SQLERRM || ' ' || hint;
END
$$;
SELECT is(pg_temp.run_by('{"busy": 3}'), NULL, 'a node that refuses three times is asked a fourth');
SELECT matches(pg_temp.run_by('{"busy": 4}'),
               '^extract "anew" failed: the node refused 3 calls in one request: compute units exceeded SELECT '
               'etl.alter_evm_extract', 'and not a fifth');
SELECT is(pg_temp.run_by('{"busy": 1}'), NULL, 'the next run goes on');
SELECT matches(pg_temp.run_by('{"batches": "list"}'), 'the node refused 3 calls in one request: batch too large SELECT '
               'etl.alter_evm_extract\(.*, batch_size => ', 'a batch that is refused by a list of one error');
SELECT matches(pg_temp.run_by('{"batches": "text"}'), 'the node refused 3 calls in one request: batch too large ',
               'an error that is a text');
SELECT is(pg_temp.run_by('{"ids": "text"}'), NULL, 'ids that come back as texts');
SELECT is(pg_temp.run_by('{"behind": 4, "behind_every": 3, "unknown": "error"}'), NULL,
          'nodes out of step that refuse what they do not know');
SELECT is(etl.alter_evm_extract('anew', batch_size => 1)::text, '', 'a node that is asked call by call');
SELECT is(pg_temp.run_by('{"busy": 2}'), NULL, 'and refuses twice');
SELECT matches(pg_temp.run_by('{"busy": 9}'), 'the node refused eth_chainId: compute units exceeded', 'or always');
SELECT pg_temp.set_node('{"finalized": "null"}');
SELECT throws_like(pg_temp.call('etl.run_extract(''lagging'')'),
    '%the node refused eth_getBlockByNumber: it knows no such block', 'a node that has no finalized block');
SELECT matches(pg_temp.hint_of(pg_temp.call('etl.run_extract(''lagging'')')),
               'etl.alter_evm_extract\(.*, confirmations => 64\)', 'and what lets the extract do without');
SELECT pg_temp.set_node();
CALL etl.run_extract('anew');
SELECT is((SELECT count(*) FROM anew) + (SELECT count(*) FROM etl.dead_letters WHERE extract = 'anew'),
          pg_temp.logs_of('Transfer(address,address,uint256)', 100000), 'all is there');

-- The server is taken away --------------------------------------------------------------------------------------------

REVOKE USAGE ON FOREIGN SERVER node FROM evm_reader;
SELECT throws_ok(pg_temp.call('etl.run_extract(''theirs'')', '-c role=evm_reader'), '42501',
                 'extract "theirs" failed: permission denied for foreign server node', 'its USAGE is revoked');
SET ROLE evm_reader;
SELECT is(last_status, 'failed', 'the run has ended') FROM etl.extracts WHERE extract = 'theirs';
RESET ROLE;
ALTER SERVER node RENAME TO elsewhere;
SELECT throws_ok(pg_temp.call('etl.run_extract(''lax'')'), '42704',
                 'extract "lax" failed: server "node" does not exist', 'it is there no more');
SELECT is(last_status, 'failed', 'that run, too') FROM etl.extracts WHERE extract = 'lax';
ALTER SERVER elsewhere RENAME TO node;

SELECT * FROM finish();
DROP OWNED BY evm_reader;
DROP ROLE evm_reader;
