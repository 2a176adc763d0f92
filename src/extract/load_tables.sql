-- What is stored of loads of files and texts: a batch for each, and the lines of it that could not be loaded.
--
-- A batch is written in the transaction that writes its rows. One that failed has left neither.

CREATE TABLE etl.batch (
    batch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    target text NOT NULL,
    format text NOT NULL,
    write_mode text NOT NULL CHECK (write_mode IN ('append', 'upsert', 'replace', 'delete_insert')),
    status text NOT NULL DEFAULT 'loading' CHECK (status IN ('loading', 'loaded')),
    content_hash bytea CHECK (octet_length(content_hash) = 32),
    is_again boolean NOT NULL DEFAULT false, -- the same content was loaded before, and was meant to be once more
    bytes bigint NOT NULL DEFAULT 0,
    received bigint NOT NULL DEFAULT 0,
    inserted bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    ignored bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    errors jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(errors) = 'array'),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    owner name NOT NULL DEFAULT current_user,
    UNIQUE (batch_id, owner),
    CONSTRAINT batch_counts CHECK (
        status = 'loading' OR received = inserted + updated + unchanged + ignored + rejected)
);
-- Two sessions that load the same content into the same table: the second waits here for the first.
CREATE UNIQUE INDEX batch_content_idx
    ON etl.batch (owner, target, content_hash, (CASE WHEN is_again THEN batch_id ELSE 0 END))
    WHERE status = 'loaded' AND (rejected < received OR received = 0);
CREATE INDEX batch_target_idx ON etl.batch (owner, target, batch_id) WHERE status = 'loaded';
CREATE INDEX batch_bytes_idx ON etl.batch (bytes);
CREATE INDEX batch_source_idx ON etl.batch USING hash (source); -- which may be of any length
CREATE INDEX batch_finished_idx ON etl.batch (owner, finished_at);
COMMENT ON TABLE etl.batch IS
    'Loads of files and texts, one row each; a role sees its own. Read them in etl.batches. A batch may be deleted, '
    'with its rejected lines; the same content can be loaded again then. They stay unless etl.start_scheduler is given '
    'keep_batches.';
COMMENT ON SEQUENCE etl.batch_batch_id_seq IS 'Numbers of batches.';
ALTER TABLE etl.batch ENABLE ROW LEVEL SECURITY;
CREATE POLICY batch_owner ON etl.batch USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.batch TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.batch', '');
GRANT SELECT ON SEQUENCE etl.batch_batch_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.batch_batch_id_seq', '');

CREATE TABLE etl.rejected_line (
    batch_id bigint NOT NULL,
    ordinal bigint NOT NULL, -- of the record among those of the batch
    line bigint NOT NULL,
    column_name text,
    reason text NOT NULL,
    sqlstate text NOT NULL,
    content text,
    raw bytea, -- in place of the content, where it is no text in the encoding
    owner name NOT NULL DEFAULT current_user,
    PRIMARY KEY (batch_id, ordinal),
    CHECK (num_nonnulls(content, raw) = 1),
    FOREIGN KEY (batch_id, owner) REFERENCES etl.batch (batch_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE etl.rejected_line IS
    'Lines that could not be loaded, with the reason; a role sees its own. Read them in etl.rejected_lines.';
ALTER TABLE etl.rejected_line ENABLE ROW LEVEL SECURITY;
CREATE POLICY rejected_line_owner ON etl.rejected_line USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.rejected_line TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.rejected_line', '');

CREATE VIEW etl.batches WITH (security_invoker = true) AS
SELECT b.batch_id,
       b.source,
       b.target,
       b.format,
       b.write_mode,
       b.status,
       b.content_hash,
       b.bytes,
       b.received,
       b.received - b.rejected AS valid,
       b.rejected,
       b.inserted + b.updated AS loaded,
       b.inserted,
       b.updated,
       b.unchanged,
       b.ignored,
       b.deleted,
       b.started_at,
       b.finished_at - b.started_at AS duration,
       b.errors,
       b.owner
FROM etl.batch AS b;
COMMENT ON VIEW etl.batches IS
    'One row for each file or text that was loaded: where it came from, the SHA-256 of its content, how many records '
    'it had (received = valid + rejected), and what became of the valid ones: inserted, updated, unchanged (the table '
    'had the same row), ignored (another row of the same key won, or a trigger held it back); deleted are rows that '
    'made way for them. errors has the first rejected lines: line, column, message, code. All of them are in '
    'etl.rejected_lines. A role sees its own.';
GRANT SELECT ON etl.batches TO PUBLIC;

CREATE VIEW etl.rejected_lines WITH (security_invoker = true) AS
SELECT l.batch_id, b.source, b.target, l.ordinal, l.line, l.column_name, l.reason, l.sqlstate, l.content, l.raw, l.owner
FROM etl.rejected_line AS l
JOIN etl.batch AS b USING (batch_id);
COMMENT ON VIEW etl.rejected_lines IS
    'Lines of files and texts that could not be loaded: where each stands (line, from 1), which column was at fault, '
    'why (reason, sqlstate), and the line itself (content; raw where it is no text in the encoding that was given). A '
    'role sees its own.';
GRANT SELECT ON etl.rejected_lines TO PUBLIC;
