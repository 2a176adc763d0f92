-- What is stored of extracts: what each reads and where it puts that, how far it has come, and the records that could
-- not be loaded.
--
-- An extract reads from one source: pages of an HTTP API (kind http), rows of another table (table), logs of a chain
-- (evm), or what applications send (ingest). What all kinds have is a column of etl.extract; what only one has is a
-- member of its column source. How far an extract has come is written in the transaction that writes the rows, so that
-- neither is ever without the other.

CREATE TABLE etl.extract (
    extract_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('http', 'table', 'evm', 'ingest')),
    source jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(source) = 'object'),
    target text CHECK (cardinality(parse_ident(target)) = 2), -- NULL: not there yet
    mapping jsonb CHECK (jsonb_typeof(mapping) = 'object'),
    key_columns name[],
    "cursor" jsonb CHECK (jsonb_typeof("cursor") = 'object'),
    write_mode text NOT NULL CHECK (write_mode IN ('append', 'upsert', 'replace', 'delete_insert')),
    on_bad_row text NOT NULL DEFAULT 'dead_letter' CHECK (on_bad_row IN ('dead_letter', 'error', 'skip')),
    new_fields text NOT NULL DEFAULT 'ignore' CHECK (new_fields IN ('ignore', 'report', 'add')),
    keep_raw boolean NOT NULL DEFAULT false,
    parent text,
    schedule text,
    description text,
    paused_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (extract_id, owner)
);
COMMENT ON TABLE etl.extract IS 'Extracts, one row each; a role sees its own. Read them in etl.extracts.';
COMMENT ON SEQUENCE etl.extract_extract_id_seq IS 'Numbers of extracts.';
ALTER TABLE etl.extract ENABLE ROW LEVEL SECURITY;
CREATE POLICY extract_owner ON etl.extract USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.extract TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.extract', '');
GRANT SELECT ON SEQUENCE etl.extract_extract_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.extract_extract_id_seq', '');

CREATE TABLE etl.extract_state (
    extract_id integer PRIMARY KEY,
    "cursor" text, -- everything up to here was loaded by a run that has ended
    seen text, -- the highest value in the run that is under way
    "position" jsonb, -- the page with which an unfinished run goes on
    parent_key jsonb, -- the parent whose pages these are
    run_id bigint, -- the run that is under way or was the last
    is_finished boolean NOT NULL DEFAULT true,
    detail jsonb NOT NULL DEFAULT '{}', -- what else a kind keeps
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    owner name NOT NULL DEFAULT current_user,
    FOREIGN KEY (extract_id, owner) REFERENCES etl.extract (extract_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE etl.extract_state IS
    'How far each extract has come, written together with the rows. Read it in etl.extracts.';
ALTER TABLE etl.extract_state ENABLE ROW LEVEL SECURITY;
CREATE POLICY extract_state_owner ON etl.extract_state USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.extract_state TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.extract_state', '');

-- A record may be anything, also what is no jsonb, so it is kept as text. It stays when the extract goes.
CREATE TABLE etl.dead_letter (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    extract text NOT NULL,
    run_id bigint,
    origin text, -- the page, batch or ingestion that it came with
    ordinal bigint, -- its place in there
    record text,
    column_name name,
    reason text NOT NULL,
    sqlstate text,
    attempts integer NOT NULL DEFAULT 0,
    arrived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX dead_letter_extract_idx ON etl.dead_letter (owner, extract, dead_letter_id);
CREATE INDEX dead_letter_arrived_idx ON etl.dead_letter (owner, arrived_at);
COMMENT ON TABLE etl.dead_letter IS
    'Records that could not be loaded, with the reason; a role sees its own. Read them in etl.dead_letters.';
COMMENT ON SEQUENCE etl.dead_letter_dead_letter_id_seq IS 'Numbers of dead letters.';
ALTER TABLE etl.dead_letter ENABLE ROW LEVEL SECURITY;
CREATE POLICY dead_letter_owner ON etl.dead_letter USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.dead_letter TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.dead_letter', '');
GRANT SELECT ON SEQUENCE etl.dead_letter_dead_letter_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.dead_letter_dead_letter_id_seq', '');

CREATE TABLE etl.raw_record (
    extract text NOT NULL,
    run_id bigint NOT NULL,
    page integer NOT NULL,
    ordinal integer NOT NULL,
    record text NOT NULL,
    arrived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (run_id, page, ordinal)
);
CREATE INDEX raw_record_arrived_idx ON etl.raw_record (owner, arrived_at);
COMMENT ON TABLE etl.raw_record IS
    'Records as they came, of extracts with keep_raw. They are yours to read and to delete, and stay unless '
    'etl.start_scheduler is given keep_raw_records.';
ALTER TABLE etl.raw_record ENABLE ROW LEVEL SECURITY;
CREATE POLICY raw_record_owner ON etl.raw_record USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.raw_record TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.raw_record', '');
