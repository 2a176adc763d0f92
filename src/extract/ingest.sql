-- etl.ingest: records that applications and webhooks bring, one or many in a call.
--
-- A call is one statement and one transaction. Each record is mapped, judged by a suite where there is one, and written
-- once by its key; what cannot be loaded is kept as a dead letter, and every record gets a verdict. All records are
-- written by one command (ingest_command.sql); where a constraint or a trigger refuses that, the halves are tried, down
-- to the record.

CREATE TABLE etl.ingestion (
    ingestion_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    received integer NOT NULL,
    accepted integer NOT NULL,
    duplicates integer NOT NULL,
    rejected integer NOT NULL CHECK (accepted + duplicates + rejected = received),
    ingested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    owner name NOT NULL DEFAULT current_user
);
CREATE INDEX ingestion_ingested_idx ON etl.ingestion (owner, ingested_at);
COMMENT ON TABLE etl.ingestion IS
    'Calls of etl.ingest and what became of their records; a role sees its own. Read them in etl.ingestions.';
COMMENT ON SEQUENCE etl.ingestion_ingestion_id_seq IS 'Numbers of ingestions.';
ALTER TABLE etl.ingestion ENABLE ROW LEVEL SECURITY;
CREATE POLICY ingestion_owner ON etl.ingestion USING (owner = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON etl.ingestion TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.ingestion', '');
GRANT SELECT ON SEQUENCE etl.ingestion_ingestion_id_seq TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('etl.ingestion_ingestion_id_seq', '');

CREATE VIEW etl.ingestions WITH (security_invoker = true) AS
SELECT i.ingestion_id, i.source, i.received, i.accepted, i.duplicates, i.rejected, i.ingested_at, i.owner
FROM etl.ingestion AS i;
COMMENT ON VIEW etl.ingestions IS
    'One row for each call of etl.ingest: how many records it brought (received), and how many of them were written '
    '(accepted), were there already (duplicates) or could not be loaded (rejected; they are in etl.dead_letters with '
    'the origin ''ingestion N''). They are kept for 30 days, or as long as etl.start_scheduler said '
    '(keep_ingestions), where something calls etl.tick or etl.prune_history.';
GRANT SELECT ON etl.ingestions TO PUBLIC;

CREATE TYPE etl._ingest_verdict AS (
    ordinal integer, verdict text, column_name name, reason text, sqlstate text
);
COMMENT ON TYPE etl._ingest_verdict IS
    'What became of a record: inserted, updated, duplicate, or rejected with the reason.';

-- Definitions ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._check_ingest(definition etl.extract)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT regclass := definition.target::regclass;
    suite CONSTANT text := definition.source ->> 'suite';
BEGIN
    PERFORM etl._require_one_of(definition.write_mode, '{append,upsert}', 'write_mode'),
            etl._require_extract_target(target, CASE definition.write_mode WHEN 'append' THEN '{INSERT}'
                                                                           ELSE '{SELECT,INSERT,UPDATE}' END::text[]),
            etl._check_mapping(target, definition.mapping),
            etl._require_extract_keys(definition);
    IF suite IS NOT NULL THEN
        IF etl._enforceable(target, suite, etl._suite_document(suite), 'info', NULL) = 0 THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('suite "%s" has no expectation that a single row can break', suite),
                HINT = 'Records are judged one by one. etl.validate(target, suite) looks at all rows.';
        END IF;
        PERFORM etl._tell_left_out(target, etl._suite_document(suite));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_ingest(etl.extract) IS
    'Checks what a source of etl.ingest says: its table, mapping, key, write mode and suite.';

CREATE FUNCTION etl.create_ingest(
    name text,
    target regclass,
    mapping jsonb DEFAULT NULL,
    key_columns name[] DEFAULT NULL,
    write_mode text DEFAULT NULL,
    suite text DEFAULT NULL,
    on_bad_row text DEFAULT 'dead_letter',
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
    wanted.name := name;
    wanted.kind := 'ingest';
    wanted.source := jsonb_strip_nulls(jsonb_build_object('suite', suite));
    wanted.target := etl._relation_name(target);
    wanted.mapping := mapping;
    wanted.key_columns := key_columns;
    wanted.write_mode := coalesce(write_mode, CASE WHEN key_columns IS NULL THEN 'append' ELSE 'upsert' END);
    wanted.on_bad_row := on_bad_row;
    wanted.new_fields := 'ignore';
    wanted.keep_raw := false;
    wanted.description := description;
    IF target IS NULL THEN
        PERFORM etl._require_table(target, '{}');
    END IF;
    PERFORM etl._check_ingest(wanted);
    PERFORM etl._store_extract(wanted, if_not_exists);
END
$$;
COMMENT ON FUNCTION etl.create_ingest(text, regclass, jsonb, name[], text, text, text, text, boolean) IS
$$Defines a source for etl.ingest: which records go into which table.
name: 1 to 63 bytes, unique in the database, also among extracts. target: the table. mapping: an object with a rule for
each column, as docs/mapping.md tells; NULL: fields go into the columns of the same names. key_columns: what identifies a
row; it needs a unique index. Without a key every record is a new row.
write_mode: append leaves rows alone that are there; upsert (the default with a key) changes them where the record
differs. suite: a stored suite; a record whose row breaks a row-level expectation of it is rejected. A notice
names expectations on all rows, which are left out. on_bad_row: what
cannot be loaded goes to etl.dead_letters (dead_letter), fails the call (error) or is only told (skip).
etl.alter_ingest changes a source, etl.drop_extract drops it.
Errors: 42710 name taken, 42501 missing privilege, 22023 an argument that cannot be, 42703 no such column, 42P10 no
unique index on the key, 42704 no such suite, 42804 an expectation that does not fit its column.$$;

CREATE FUNCTION etl._ingest_source(name text)
RETURNS etl.extract
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.extract;
BEGIN
    IF NOT EXISTS (SELECT FROM etl.extract AS e WHERE e.name = _ingest_source.name) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN name IS NULL THEN 'no source was given'
                           ELSE format('source "%s" does not exist', name) END,
            HINT = 'SELECT extract FROM etl.extracts WHERE kind = ''ingest''; lists them, etl.create_ingest(…) makes '
                || 'one.';
    END IF;
    stored := etl._extract(name);
    IF stored.kind <> 'ingest' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('extract "%s" is of kind %s and fetches its records itself', name, stored.kind),
            HINT = format('CALL etl.run_extract(%L); or make a source with etl.create_ingest(…).', name);
    ELSIF stored.paused_at IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('source "%s" is paused', name),
            HINT = format('SELECT etl.resume_extract(%L);', name);
    END IF;
    PERFORM etl._require_extract_table(stored);
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._ingest_source(text) IS
    'The current role''s source of that name: 42704 no such one, 42501 another role''s, 42809 an extract, 55000 '
    'paused, 42P01 without its table.';

-- A call --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._ingest_range(
    definition etl.extract, target regclass, records text[], held text, is_sorted boolean DEFAULT false)
RETURNS SETOF etl._ingest_verdict
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    last CONSTANT integer := cardinality(records);
    middle CONSTANT integer := last / 2;
    verdicts etl._ingest_verdict[];
    state text;
    message text;
    refused name;
    places integer[];
BEGIN
    BEGIN
        verdicts := etl._ingest_change(definition, target, records, 1, last, held);
        IF EXISTS (SELECT FROM unnest(verdicts) AS v WHERE v.verdict = 'held back') THEN
            RAISE EXCEPTION USING
                ERRCODE = 'raise_exception',
                MESSAGE = 'a trigger or a rule of the table held the row back, or changed its key';
        END IF;
        RETURN QUERY SELECT v.* FROM unnest(verdicts) AS v;
        RETURN;
    EXCEPTION
        WHEN data_exception OR integrity_constraint_violation OR raise_exception THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, refused = COLUMN_NAME;
    END;
    IF last > 1 AND NOT is_sorted THEN
        places := etl._ingest_order(definition, target, records);
        RETURN QUERY
            SELECT places[v.ordinal], v.verdict, v.column_name, v.reason, v.sqlstate
            FROM etl._ingest_range(definition, target,
                                   ARRAY(SELECT records[p] FROM unnest(places) WITH ORDINALITY AS u(p, n) ORDER BY n),
                                   held, true) AS v;
    ELSIF last > 1 THEN
        RETURN QUERY SELECT v.* FROM etl._ingest_range(definition, target, records[:middle], held, true) AS v;
        RETURN QUERY
            SELECT middle + v.ordinal, v.verdict, v.column_name, v.reason, v.sqlstate
            FROM etl._ingest_range(definition, target, records[middle + 1:], held, true) AS v;
    ELSE
        RETURN QUERY SELECT 1, 'rejected', nullif(refused, ''), message, state;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._ingest_range(etl.extract, regclass, text[], text, boolean) IS
    'Writes records that map; where the data of one fail the command, the halves, down to the record that is refused. '
    'Halves are of the records in the order of their keys: all calls take their rows in this order, so that none waits '
    'for one that waits for it.';

CREATE FUNCTION etl._ingest_crosses(definition etl.extract, target regclass)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) > CASE WHEN definition.key_columns IS NULL THEN 0 ELSE 1 END
    FROM pg_index AS i
    WHERE i.indrelid = target AND (i.indisunique OR i.indisexclusion)
      AND (i.indexprs IS NOT NULL OR EXISTS (
          SELECT FROM pg_attribute AS a
          WHERE a.attrelid = target AND a.attnum = ANY (i.indkey)
            AND (definition.mapping IS NULL OR definition.mapping ? a.attname)))
$$;
COMMENT ON FUNCTION etl._ingest_crosses(etl.extract, regclass) IS
    'Whether records are unique by more than their key: two calls that write in the order of their keys may then wait '
    'for each other.';

CREATE FUNCTION etl._ingest_records(definition etl.extract, records text[])
RETURNS SETOF etl._ingest_verdict
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT regclass := definition.target::regclass;
    held text;
    alone boolean := etl._ingest_crosses(definition, target);
    attempts integer := 0;
    verdicts etl._ingest_verdict[];
BEGIN
    IF cardinality(records) = 0 THEN
        RETURN;
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE; -- so that a record is refused here and not at the commit
    IF definition.write_mode = 'upsert' THEN
        PERFORM etl._lock_holds();
        held := etl._held_condition(target, 't');
    END IF;
    RETURN QUERY
        SELECT r.ordinal, 'rejected', r.column_name, r.reason, r.sqlstate
        FROM etl._record_rejects(records, target, definition.mapping) AS r;
    LOOP
        BEGIN
            IF alone THEN
                PERFORM pg_advisory_xact_lock('etl.ingestion'::regclass::oid::integer, target::oid::integer);
            END IF;
            verdicts := ARRAY(
                SELECT v FROM etl._ingest_range(definition, target, records, held) AS v);
            EXIT;
        EXCEPTION
            WHEN deadlock_detected THEN -- nothing of this call is left, and the other one goes on
                attempts := attempts + 1;
                IF attempts = 5 THEN
                    RAISE;
                END IF;
                alone := true;
        END;
    END LOOP;
    RETURN QUERY SELECT v.* FROM unnest(verdicts) AS v;
END
$$;
COMMENT ON FUNCTION etl._ingest_records(etl.extract, text[]) IS
    'Writes records, and says of each what became of it. Calls that may wait for each other write one after the other, '
    'and one that a deadlock has ended begins again, up to five times.';

CREATE FUNCTION etl._ingest(
    source text, records text[], OUT ingestion_id bigint, OUT accepted integer, OUT duplicates integer,
    OUT rejected integer, OUT verdicts jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    definition CONSTANT etl.extract := etl._ingest_source(source);
    made etl._ingest_verdict[];
BEGIN
    IF records IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'no records were given',
            HINT = 'Give a record as jsonb, an array of them, or a JSON text.';
    END IF;
    PERFORM etl._require_writable();
    made := ARRAY(SELECT v FROM etl._ingest_records(definition, records) AS v);
    SELECT count(*) FILTER (WHERE v.verdict IN ('inserted', 'updated')),
           count(*) FILTER (WHERE v.verdict = 'duplicate'),
           count(*) FILTER (WHERE v.verdict = 'rejected'),
           coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'record', v.ordinal, 'verdict', v.verdict, 'column', v.column_name, 'reason', v.reason,
               'sqlstate', v.sqlstate)) ORDER BY v.ordinal), '[]')
    INTO accepted, duplicates, rejected, verdicts
    FROM unnest(made) AS v;
    INSERT INTO etl.ingestion AS i (source, received, accepted, duplicates, rejected)
    VALUES (_ingest.source, cardinality(records), _ingest.accepted, _ingest.duplicates, _ingest.rejected)
    RETURNING i.ingestion_id INTO ingestion_id;
    IF rejected > 0 THEN
        PERFORM etl._reject(ROW(definition, NULL, format('ingestion %s', ingestion_id), NULL, NULL, NULL, NULL)
                                ::etl._page_load,
                            v.ordinal, v.column_name, v.reason, v.sqlstate, records[v.ordinal])
        FROM unnest(made) AS v WHERE v.verdict = 'rejected' ORDER BY v.ordinal;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._ingest(text, text[]) IS 'etl.ingest of records as JSON texts.';

CREATE FUNCTION etl.ingest(
    source text, records jsonb[], OUT ingestion_id bigint, OUT accepted integer, OUT duplicates integer,
    OUT rejected integer, OUT verdicts jsonb)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.* FROM etl._ingest(source, records::text[]) AS i
$$;
COMMENT ON FUNCTION etl.ingest(text, jsonb[]) IS
$$Takes records into the table of a source, in one transaction, each once by its key.
source: as etl.create_ingest has defined it. records: the records, one JSON object each.
Returns a number for the call (ingestion_id, a row of etl.ingestions), how many records were accepted (written),
duplicates (there already, or again in the call: of these the first counts, with write_mode upsert the last) and
rejected, and verdicts: an object for each record, with record (its place from 1), verdict (inserted, updated,
duplicate, rejected) and for what was rejected reason, column and sqlstate. Rejected records are kept in
etl.dead_letters unless the source says otherwise; etl.replay_dead_letters tries them again.
Deferred constraints of the transaction are checked at once from then on.
Errors: 42704 no such source, 42501 another role's or a missing privilege, 55000 it is paused, 22004 no records, and
with on_bad_row error the first record that cannot be loaded.$$;

CREATE FUNCTION etl.ingest(
    source text, record jsonb, OUT ingestion_id bigint, OUT accepted integer, OUT duplicates integer,
    OUT rejected integer, OUT verdicts jsonb)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.*
    FROM etl._ingest(source, CASE WHEN jsonb_typeof(record) = 'array'
                                  THEN ARRAY(SELECT e::text FROM jsonb_array_elements(record) WITH ORDINALITY AS a(e, n)
                                             ORDER BY n)
                                  WHEN record IS NOT NULL THEN ARRAY[record::text] END) AS i
$$;
COMMENT ON FUNCTION etl.ingest(text, jsonb) IS
    'etl.ingest of one record, or of the records in a JSON array.';

CREATE FUNCTION etl._records_in(content text)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF json_typeof(content::json) = 'array' THEN
        RETURN ARRAY(SELECT e::text FROM json_array_elements(content::json) WITH ORDINALITY AS a(e, n) ORDER BY n);
    END IF;
    RETURN ARRAY[content];
EXCEPTION
    WHEN data_exception OR statement_too_complex THEN
        RETURN ARRAY[content]; -- no JSON: a record that is rejected
END
$$;
COMMENT ON FUNCTION etl._records_in(text) IS
    'The records of a JSON text as they stand there: the elements of an array, or the text itself.';

CREATE FUNCTION etl.ingest(
    source text, content text, OUT ingestion_id bigint, OUT accepted integer, OUT duplicates integer,
    OUT rejected integer, OUT verdicts jsonb)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.* FROM etl._ingest(source, CASE WHEN content IS NOT NULL THEN etl._records_in(content) END) AS i
$$;
COMMENT ON FUNCTION etl.ingest(text, text) IS
    'etl.ingest of a JSON text: one record, or the records in an array, as they stand there. Numbers keep their '
    'digits; a text that is not JSON is one record that is rejected, and kept.';

-- Dead letters --------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._replay_ingest(definition etl.extract, letters bigint[], records text[])
RETURNS etl._page_counts
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._ingest_verdict[];
    counts etl._page_counts;
    changes CONSTANT boolean := definition.write_mode = 'upsert';
BEGIN
    -- A letter is older than what has come since: the row that is there wins, and of letters the last.
    definition.write_mode := 'append';
    letters := ARRAY(SELECT l FROM unnest(letters) WITH ORDINALITY AS u(l, n) ORDER BY n DESC);
    records := ARRAY(SELECT r FROM unnest(records) WITH ORDINALITY AS u(r, n) ORDER BY n DESC);
    made := ARRAY(SELECT v FROM etl._ingest_records(definition, records) AS v);
    UPDATE etl.dead_letter AS d
    SET attempts = d.attempts + 1, column_name = v.column_name, reason = v.reason, sqlstate = v.sqlstate
    FROM unnest(made) AS v
    WHERE v.verdict = 'rejected' AND d.dead_letter_id = letters[v.ordinal];
    DELETE FROM etl.dead_letter AS d USING unnest(made) AS v
    WHERE v.verdict <> 'rejected' AND d.dead_letter_id = letters[v.ordinal];
    SELECT count(*), count(*) FILTER (WHERE v.verdict = 'inserted'), count(*) FILTER (WHERE v.verdict = 'updated'),
           count(*) FILTER (WHERE v.verdict = 'duplicate' AND NOT changes),
           count(*) FILTER (WHERE v.verdict = 'duplicate' AND changes),
           count(*) FILTER (WHERE v.verdict = 'rejected')
    INTO counts
    FROM unnest(made) AS v;
    RETURN counts;
END
$$;
COMMENT ON FUNCTION etl._replay_ingest(etl.extract, bigint[], text[]) IS
    'Takes the records of dead letters in again, and deletes those letters that could be loaded, or whose key is '
    'there: what came since is newer.';
