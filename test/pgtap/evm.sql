-- Logs of Ethereum in SQL: the hash, declarations of events, decoding, and what etl.create_evm_extract refuses and
-- makes. Nothing here asks a node.
BEGIN;
SELECT plan(68);
SET LOCAL client_min_messages = warning;

CREATE FUNCTION pg_temp.words(VARIADIC digits text[]) RETURNS bytea LANGUAGE sql AS $$
    SELECT decode(string_agg(lpad(d, 64, '0'), '' ORDER BY n), 'hex') FROM unnest(digits) WITH ORDINALITY AS t(d, n)
$$;
CREATE FUNCTION pg_temp.topic(declaration text) RETURNS bytea LANGUAGE sql AS $$
    SELECT topic0 FROM etl.evm_events(ARRAY[declaration]) LIMIT 1
$$;

-- The hash ------------------------------------------------------------------------------------------------------------

SELECT is(etl.keccak256(''), '\xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470', 'of nothing');
SELECT is(etl.keccak256('abc'), '\x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45', 'of abc');
SELECT is(substring(etl.keccak256('transfer(address,uint256)') FOR 4), '\xa9059cbb', 'a selector');
SELECT is(etl.keccak256(NULL), NULL, 'of NULL');
SELECT is(etl.evm_checksum_address('0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed'),
          '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', 'the checksum of an address');
SELECT throws_ok($$SELECT etl.evm_checksum_address('0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD')$$, '22023',
                 'address "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD" is mistyped', 'a wrong checksum');
SELECT throws_ok($$SELECT etl.evm_checksum_address('0xä')$$, '22023', '"0xä" is no address', 'no address');

-- Events --------------------------------------------------------------------------------------------------------------

SELECT results_eq(
    $$SELECT event, signature, encode(topic0, 'hex'), "position", parameter, type, is_indexed, column_name, column_type
      FROM etl.evm_events(ARRAY['event Transfer(address indexed from, address indexed to, uint256 value)'])$$,
    $$VALUES ('Transfer', 'Transfer(address,address,uint256)',
              'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef', 1, 'from', 'address', true, 'from',
              'text'),
             ('Transfer', 'Transfer(address,address,uint256)',
              'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef', 2, 'to', 'address', true, 'to',
                  'text'),
             ('Transfer', 'Transfer(address,address,uint256)',
              'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef', 3, 'value', 'uint256', false, 'value',
              'numeric(78,0)')$$,
    'the parameters of an event');
SELECT results_eq(
    $$SELECT string_agg(column_name || ' ' || column_type, ', ' ORDER BY "position")
      FROM etl.evm_events(ARRAY['A(uint8 smallOne, uint64 b, int64, bytes4[] c, (bool x)[] d, string indexed e,
                                  fixed f)'])$$,
    $$VALUES ('small_one integer, b numeric(78,0), arg3 bigint, c bytea[], d jsonb, e bytea, f numeric')$$,
    'columns and their types');
SELECT results_eq(
    $$SELECT event, topic0 IS NULL, "position", column_name FROM etl.evm_events(ARRAY['A() anonymous', 'B()'])$$,
    $$VALUES ('A', true, NULL::int, NULL), ('B', false, NULL, NULL)$$, 'events without parameters');
SELECT results_eq(
    $$SELECT DISTINCT event FROM etl.evm_events(ARRAY['A(bool x)', 'A(uint8 x)', 'B(bool x)']) ORDER BY 1$$,
    $$VALUES ('A(bool)'), ('A(uint8)'), ('B')$$, 'namesakes are called by their signatures');
SELECT is_empty($$SELECT * FROM etl.evm_events('{}')$$, 'no events');
SELECT throws_ok($$SELECT * FROM etl.evm_events('{"A(uint7 x)"}')$$, '22023',
                 'event cannot be read at character 3: "A(uint7 x)"', 'an unknown type');
SELECT throws_ok($$SELECT * FROM etl.evm_events('{"A(bool) indexed"}')$$, '22023',
                 'event cannot be read at character 9: "A(bool) indexed"', 'too much');
SELECT throws_ok($$SELECT * FROM etl.evm_events(ARRAY[NULL::text])$$, '22023', NULL, 'NULL is no event');
SELECT throws_ok($$SELECT * FROM etl.evm_events('{A(bool x),A(bool y)}')$$, '22023', 'event A(bool) is given twice',
                 'the same twice');

-- Decoding ------------------------------------------------------------------------------------------------------------

SELECT is(etl.evm_decode('event Transfer(address indexed from, address indexed to, uint256 value)',
                         ARRAY['\xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'::bytea,
                               pg_temp.words('a0b1'), pg_temp.words('c2')],
                         decode(repeat('ff', 32), 'hex')),
          '{"from": "0x000000000000000000000000000000000000a0b1", "to": "0x00000000000000000000000000000000000000c2",
            "value": 115792089237316195423570985008687907853269984665640564039457584007913129639935}',
          'a transfer of all that there is');
SELECT is((etl.evm_decode('A(uint256 x)', ARRAY[pg_temp.topic('A(uint256)')], decode(repeat('ff', 32),
    'hex')) ->> 'x')::numeric,
          2::numeric ^ 256 - 1, 'to the last digit');
SELECT is(etl.evm_decode('A(int256 x)', ARRAY[pg_temp.topic('A(int256)')], decode('80' || repeat('00', 31),
    'hex')) ->> 'x',
          '-57896044618658097711785492504343953926634992332820282019728792003956564819968', 'the least number');
SELECT is(etl.evm_decode('A(bytes,bool,uint256[])', ARRAY[pg_temp.topic('A(bytes,bool,uint256[])')],
                         pg_temp.words('60', '1', 'a0', '4', rpad('64617665', 64, '0'), '3', '1', '2', '3')),
          '{"arg1": "0x64617665", "arg2": true, "arg3": [1, 2, 3]}', 'the example of the specification');
SELECT is(etl.evm_decode('A((uint8 id, string name)[] o)', ARRAY[pg_temp.topic('A((uint8,string)[])')],
                         pg_temp.words('20', '1', '20', '7', '40', '2', rpad('c3a4', 64, '0'))),
          '{"o": [{"id": 7, "name": "ä"}]}', 'tuples and strings');
SELECT is(etl.evm_decode('A(string indexed s, uint8[2] indexed a)',
                         ARRAY[pg_temp.topic('A(string,uint8[2])'), etl.keccak256('hello'),
                               etl.keccak256(pg_temp.words('1', '2'))], ''),
          jsonb_build_object('s', '0x' || encode(etl.keccak256('hello'), 'hex'),
                             'a', '0x' || encode(etl.keccak256(pg_temp.words('1', '2')), 'hex')),
          'of what is indexed and does not fit into a topic there is the hash');
SELECT is(etl.evm_decode('A(bool indexed x, bool y) anonymous', ARRAY[pg_temp.words('1')], pg_temp.words('0')),
          '{"x": true, "y": false}', 'an anonymous event');
SELECT is(etl.evm_decode('A(bool x)', jsonb_build_object(
              'topics', jsonb_build_array('0x' || encode(pg_temp.topic('A(bool)'), 'hex')),
              'data', '0x' || encode(pg_temp.words('1'), 'hex'), 'address', '0x')), '{"x": true}',
                  'a log as nodes give it');
SELECT is(etl.evm_decode('A()', NULL, ''), NULL, 'NULL gives NULL');
SELECT is(etl.evm_decode('A(bool x, bool x)', ARRAY[pg_temp.topic('A(bool,bool)')], pg_temp.words('0', '1')),
          '{"arg1": false, "arg2": true}', 'namesakes are called by their places');
SELECT is(etl.evm_decode('A(bool arg2, bool)', ARRAY[pg_temp.topic('A(bool,bool)')], pg_temp.words('0', '1')),
          '{"arg1": false, "arg2": true}', 'and so is one with the name of another place');
SELECT results_eq(
    $$SELECT etl.evm_decode(e, ARRAY[pg_temp.topic(e)], pg_temp.words('1'))
        FROM unnest('{A(bool x),B(uint8 y)}'::text[]) AS e$$,
    $$VALUES ('{"x": true}'::jsonb), ('{"y": 1}')$$, 'another event in each row');

PREPARE decode_bool(bytea) AS SELECT etl.evm_decode('A(bool x)', ARRAY[pg_temp.topic('A(bool)')], $1);
SELECT throws_ok($$EXECUTE decode_bool('')$$, '22P03', 'data are no encoding of the event', 'no data');
SELECT throws_ok($$EXECUTE decode_bool(pg_temp.words('2'))$$, '22P03', 'data are no encoding of the event', 'no bool');
SELECT throws_ok($$SELECT etl.evm_decode('A(string x)', ARRAY[pg_temp.topic('A(string)')],
                                         pg_temp.words('20', '3', rpad('610062', 64, '0')))$$,
                 '22P03', 'data are no encoding of the event', 'the character 0');
SELECT throws_ok($$SELECT etl.evm_decode('A(bytes x)', ARRAY[pg_temp.topic('A(bytes)')],
                                         pg_temp.words('20', rpad('8', 64, '0')))$$,
                 '22P03', 'data are no encoding of the event', 'a length of 2^255');
SELECT throws_ok($$SELECT etl.evm_decode('A(bool x)', ARRAY[pg_temp.topic('B(bool)')], pg_temp.words('1'))$$,
                 '22P03', 'data are no encoding of the event', 'another event');
SELECT throws_ok($$SELECT etl.evm_decode('A(bool x)', ARRAY[]::bytea[], pg_temp.words('1'))$$,
                 '22P03', 'data are no encoding of the event', 'no topics');
SELECT throws_ok($$SELECT etl.evm_decode('A(bool x)', ARRAY[NULL::bytea], pg_temp.words('1'))$$, '22004',
                 'topic 1 must not be NULL', 'a topic that is NULL');
SELECT throws_ok($$SELECT etl.evm_decode('A(bool x)', '{"data": "0x"}')$$, '22023',
                 'log must be an object with topics and data, as nodes give it', 'no log');
SELECT throws_ok($$SELECT etl.evm_decode('A(bool x', '{}', '')$$, '22023',
                 'event cannot be read at character 9: "A(bool x"', 'no event');
SELECT throws_ok($$SELECT etl.evm_decode('A(bool ä)', '{}', '')$$, '22023',
                 'event cannot be read at character 8: "A(bool ä)"', 'an event with an umlaut');
SELECT is(length(etl.evm_decode('A(uint8[][][][][] x)', ARRAY[pg_temp.topic('A(uint8[][][][][])')], pg_temp.words(
              '20', '1', '0', '0', '0', '0', '0')) ->> 'x'), 4, 'a list whose element has no elements');
SELECT throws_ok(format($$SELECT etl.evm_decode('A(uint8[][][][][] x)', ARRAY[pg_temp.topic('A(uint8[][][][][])')],
                                                pg_temp.words(VARIADIC %L))$$,
                        ARRAY['20'] || (SELECT array_agg(w) FROM generate_series(1, 4),
                                        LATERAL unnest(ARRAY['40'] || array_fill('800'::text,
                                            ARRAY[64])) AS w) || ARRAY['0']),
                 '22P03', 'data are no encoding of the event', 'lists of 64 to the fourth lists');

-- Extracts ------------------------------------------------------------------------------------------------------------

CREATE SERVER node FOREIGN DATA WRAPPER etl_http OPTIONS (base_url 'http://127.0.0.1:1/');
CREATE FUNCTION pg_temp.make(name text DEFAULT 'logs',
    events text[] DEFAULT '{Transfer(address indexed from\, address indexed to\, uint256 value)}',
                             target text DEFAULT 'public.logs', addresses text[] DEFAULT '{}', options text DEFAULT '')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT etl.create_evm_extract(%L, ''node'', 1, %L, %L, 5, %L%s)', name, addresses, events, target,
                   options);
END
$$;
SELECT lives_ok($$SELECT pg_temp.make(addresses => '{0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed}', events => ARRAY[
    'event Transfer(address indexed from, address indexed to, uint256 value)',
        'Sold(uint256 value, (bool x)[] items)'])$$,
    'an extract is made');
SELECT columns_are('public', 'logs', ARRAY['chain_id', 'block_number', 'block_hash', 'block_time', 'tx_hash',
    'tx_index',
                                           'log_index', 'address', 'event', 'from', 'to', 'value', 'items'],
                   'its table is made');
SELECT col_type_is('public', 'logs', 'value', 'numeric(78,0)', 'with the types of the parameters');
SELECT col_is_unique('public', 'logs', ARRAY['chain_id', 'block_hash', 'log_index'], 'and the place of a log unique');
SELECT results_eq($$SELECT extract, kind, source, target, status FROM etl.extracts$$,
                  $$VALUES ('logs', 'evm', 'node', 'public.logs', 'new')$$, 'it is listed');
SELECT is(source -> 'addresses', '["0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"]', 'addresses are in small letters')
FROM etl.extract;
SELECT throws_ok('SELECT pg_temp.make()', '42710', 'extract "logs" already exists', 'the name is taken');
SELECT lives_ok($$SELECT pg_temp.make(options => ', if_not_exists => true')$$, 'unless it may be');
SELECT lives_ok($$SELECT pg_temp.make('again')$$, 'a table that is there is taken as it is');
SELECT throws_ok($$SELECT pg_temp.make('more', '{A(bool yes)}')$$, '42703',
                 'table "public.logs" lacks columns of the extract', 'unless it lacks columns');
CREATE TABLE plain (LIKE logs);
SELECT throws_ok($$SELECT pg_temp.make('more', target => 'public.plain')$$, '42P10',
                 'table "public.plain" has no unique index on the place of a log', 'or the unique index');
ALTER TABLE plain ADD UNIQUE (chain_id, block_hash, log_index), ALTER value TYPE date USING NULL;
SELECT throws_ok($$SELECT pg_temp.make('more', target => 'public.plain', events => '{A(bool value)}')$$, '42804', NULL,
                 'or a column is of another type');
CREATE VIEW seen AS TABLE logs;
SELECT throws_ok($$SELECT pg_temp.make('more', target => 'public.seen')$$, '42809', NULL, 'or is no table');
SELECT throws_ok($$SELECT pg_temp.make('more', target => 'logs')$$, '42602', NULL, 'a table without a schema');
SELECT throws_ok($$SELECT pg_temp.make('more', '{}')$$, '22023', 'no events were given', 'no events');
SELECT throws_ok($$SELECT pg_temp.make('more', '{NULL}')$$, '22023', 'events must not hold NULL',
    'an event that is NULL');
SELECT throws_ok($$SELECT pg_temp.make('more', '{A() anonymous}')$$, '0A000', 'anonymous events cannot be extracted',
                 'an anonymous event');
SELECT throws_ok($$SELECT pg_temp.make('more', addresses => '{0x12}')$$, '22023', '"0x12" is no address', 'no address');
SELECT throws_ok(format('SELECT pg_temp.make(''more'', options => %L)', ', ' || argument || ' => ' || value), '22023',
    message)
FROM (VALUES
    ('confirmations', '-1', 'confirmations must be from 0 to 100000, not -1'),
    ('max_range', '0', 'max_range must be from 1 to 1000000, not 0'),
    ('max_logs', 'NULL', 'max_logs must be from 1 to 10000000, not NULL'),
    ('batch_size', '1001', 'batch_size must be from 1 to 1000, not 1001'),
    ('on_bad_row', '''ignore''', NULL),
    ('block_times', 'NULL', NULL),
    ('retry_pause', '''2 hours''', 'seconds of retry_pause must be from 0 to 3600, not 7200.000000')
) AS t(argument, value, message);
SELECT throws_ok($$SELECT etl.create_evm_extract('more', 'nodes', 1, '{}', '{A()}', 0, 'public.more')$$, '42704',
                 'server "nodes" does not exist', 'no server');
SELECT throws_ok($$SELECT etl.reset_evm_extract('more')$$, '42704', 'extract "more" does not exist',
    'nothing to set back');
SELECT is(etl.reset_evm_extract('logs'), 0::bigint, 'set back where nothing was loaded');

SELECT * FROM finish();
ROLLBACK;
