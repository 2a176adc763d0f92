-- Logs of Ethereum and its kin as SQL functions: the hash, the declarations of events, and the decoder.

CREATE FUNCTION etl.keccak256(data bytea)
RETURNS bytea
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_keccak256';
COMMENT ON FUNCTION etl.keccak256(bytea) IS
    'Keccak-256 of bytes, 32 bytes, as Ethereum uses it (padded with 0x01; SHA3-256 of FIPS 202 differs). The selector '
    'of a function is its first four bytes: substring(etl.keccak256(''transfer(address,uint256)'') FOR 4). Source: the '
    'Keccak reference, version 3.0.';

CREATE FUNCTION etl._evm_address(address text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_evm_address';
COMMENT ON FUNCTION etl._evm_address(text) IS
    'An address in small letters. 22023 where it is none, or where its capital letters are not those of its checksum.';

CREATE FUNCTION etl.evm_checksum_address(address text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_evm_checksum_address';
COMMENT ON FUNCTION etl.evm_checksum_address(text) IS
    'An address (0x and 40 hexadecimal digits) with its letters in the case that ERC-55 says, as wallets and explorers '
    'show it; tables hold addresses in small letters. Error: 22023 no address, or one whose letters of both cases are '
    'not its checksum''s.';

CREATE FUNCTION etl.evm_decode(event text, topics bytea[], data bytea)
RETURNS jsonb
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_evm_decode';
COMMENT ON FUNCTION etl.evm_decode(text, bytea[], bytea) IS
$$The parameters of a log, as an object: numbers with all their digits, addresses and bytes as texts 0x…, lists as
arrays, tuples as objects (as arrays where their parts have no names). A parameter without a name is called arg and its
place. Of an indexed string, bytes, list or tuple a log has only the hash, which is given as a text 0x….
event: its declaration, as in event Transfer(address indexed from, address indexed to, uint256 value); event, names and
the semicolon may be left out; tuples stand for structs: (uint256 id, address owner)[] orders. topics, data: as the log
has them.
Bits outside of a parameter's type are refused, as Solidity and web3.py do it; the bytes that fill up the last word of
strings and bytes may be anything or missing, and bytes after the last parameter are not looked at.
Source: the Solidity contract ABI specification. Errors: 22023 the declaration cannot be read, 22P03 the log is no
encoding of the event, 54000 a declaration of more than 8192 bytes.$$;

CREATE FUNCTION etl.evm_decode(event text, log jsonb)
RETURNS jsonb
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_evm_decode_log';
COMMENT ON FUNCTION etl.evm_decode(text, jsonb) IS
    'etl.evm_decode of a log as nodes give it: an object whose members topics and data are texts 0x…. Errors: 22023 it '
    'is none, and those of the other form.';

CREATE FUNCTION etl.evm_events(
    events text[], OUT event text, OUT signature text, OUT topic0 bytea, OUT "position" integer, OUT parameter text,
    OUT type text, OUT is_indexed boolean, OUT column_name text, OUT column_type text)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE
AS 'MODULE_PATHNAME', 'etl_evm_events';
COMMENT ON FUNCTION etl.evm_events(text[]) IS
$$One row for each parameter of each declared event, one row for an event without parameters: its name (its signature
where events with other parameters have that name), its signature and first topic (NULL: anonymous), and of the
parameter its place, its name, its type, whether it is indexed, and the column of etl.create_evm_extract that it goes
into. The column's name is the parameter's in snake case (tokenId: token_id), after that of the event where that name is
taken. Its type is integer, bigint or numeric(78,0), whichever holds every number of the type, numeric for fixed,
boolean, text for addresses (0x and small letters) and strings, bytea, an array of these for a list of them, jsonb for
tuples and lists of lists, and bytea for the hash of an indexed string, bytes, list or tuple.
Errors: 22023 a declaration cannot be read, two cannot be told apart, or a column would have too long a name.$$;
