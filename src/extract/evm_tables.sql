-- What is kept of chains, and what is handed around while their logs are extracted.

CREATE TABLE etl.evm_block (
    extract_id integer NOT NULL,
    block_number bigint NOT NULL,
    block_hash text NOT NULL,
    block_time timestamptz,
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (extract_id, block_number),
    FOREIGN KEY (extract_id, owner) REFERENCES etl.extract (extract_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE etl.evm_block IS
    'Blocks that extracts of logs have loaded and that a reorganisation of the chain may still replace, and the last '
    'one before them; a role sees its own.';
ALTER TABLE etl.evm_block ENABLE ROW LEVEL SECURITY;
CREATE POLICY evm_block_owner ON etl.evm_block USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.evm_block TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.evm_block', '');

CREATE TYPE etl._evm_log AS (
    block_number bigint,
    block_hash text,
    block_time timestamptz,
    tx_hash text,
    tx_index integer,
    log_index integer,
    address text,
    event text,
    arguments text[], -- one for each column of the events
    reason text, -- why it cannot be decoded, and then
    record text -- the log as it came
);
COMMENT ON TYPE etl._evm_log IS 'A log, read and decoded.';

CREATE TYPE etl._evm_header AS (
    number bigint, hash text, parent text, "time" timestamptz, bloom text, has_transactions boolean);
COMMENT ON TYPE etl._evm_header IS 'What matters of the header of a block.';

CREATE TYPE etl._evm_state AS (
    next_block bigint, -- all before it is loaded
    head bigint, -- the last block that is to be loaded
    final bigint, -- up to here no block is replaced any more
    range integer, -- blocks to ask for at once
    fork bigint, -- blocks after it have been replaced
    tip bigint, -- the last one of those that were
    requests bigint,
    reorgs integer,
    deepest_reorg bigint
);
COMMENT ON TYPE etl._evm_state IS
    'How far a run of an extract of logs is; tip and fork are NULL but in a reorganisation.';

CREATE TYPE etl._evm_piece AS (
    from_block bigint,
    to_block bigint,
    is_final boolean,
    parent text, -- hash of the block before it; NULL: not known
    headers etl._evm_header[],
    logs etl._evm_log[]
);
COMMENT ON TYPE etl._evm_piece IS 'A range of blocks with its logs, and the headers of blocks in it that are known.';

CREATE FUNCTION etl._evm_logs(
    answer jsonb, events text[], addresses text[], from_block bigint, to_block bigint)
RETURNS SETOF etl._evm_log
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_evm_logs';
COMMENT ON FUNCTION etl._evm_logs(jsonb, text[], text[], bigint, bigint) IS
    'The logs in an answer to eth_getLogs. 08P01 where one is none, was removed by a reorganisation, was not asked '
    'for, stands there twice, or where two are of different blocks with one number.';

CREATE FUNCTION etl._evm_may_hold(bloom text, addresses text[], topics text[])
RETURNS boolean
LANGUAGE C STRICT IMMUTABLE
AS 'MODULE_PATHNAME', 'etl_evm_may_hold';
COMMENT ON FUNCTION etl._evm_may_hold(text, text[], text[]) IS
    'Whether a block with this logsBloom may have a log of one of the addresses (none: of any) with one of the first '
    'topics; false is certain. 08P01 where it is no bloom.';
