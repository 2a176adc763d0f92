-- A load: the content of a file, or of an argument, into a table. What users call is in load_file.sql.
--
-- A load is one transaction: rows, rejected lines and the batch that tells of them come together or not at all. Rows
-- that are appended go straight into the table. For the other modes they are gathered in a temporary table first, so
-- that the table sees one statement, whatever the size of the content.

-- Work of C++ ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._load(
    job jsonb, source text, content bytea, target regclass, stage regclass,
    OUT received bigint, OUT written bigint, OUT held bigint, OUT rejected bigint, OUT bytes bigint,
    OUT content_hash bytea, OUT columns text[], OUT errors jsonb)
LANGUAGE C VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_load';
COMMENT ON FUNCTION etl._load(jsonb, text, bytea, regclass, regclass) IS
    'Reads content (or, where it is NULL, the file that source names) and puts its rows into the target, or into the '
    'stage in its place: how many records there were, were written, were held back by a trigger or a rule, and were '
    'rejected; the bytes and the SHA-256 of the content; the columns that it gives; the first faults. job: how it is '
    'written, and the number of the batch that rejected lines are kept for.';

CREATE FUNCTION etl._require_load_job(job jsonb)
RETURNS void
LANGUAGE C IMMUTABLE
AS 'MODULE_PATHNAME', 'etl_require_load_job';
COMMENT ON FUNCTION etl._require_load_job(jsonb) IS
    'Checks what etl._load is told about how a content is written (22023).';

CREATE FUNCTION etl._loaded_rows()
RETURNS SETOF record
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_loaded_rows';
COMMENT ON FUNCTION etl._loaded_rows() IS
    'The rows that a load is about to insert, for the command with which it does so.';

CREATE FUNCTION etl._file_bytes(path text)
RETURNS bigint
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_file_bytes';
COMMENT ON FUNCTION etl._file_bytes(text) IS
    'The size of a file that may be loaded. Errors as of etl.load_file.';

CREATE FUNCTION etl._file_hash(path text, job jsonb)
RETURNS bytea
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_file_hash';
COMMENT ON FUNCTION etl._file_hash(text, jsonb) IS
    'The SHA-256 of the content of a file that may be loaded, as it was before it was compressed (as the job says). '
    'Errors as of etl.load_file.';

-- What a table needs --------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._check_load_target(target regclass, write_mode text, key_columns name[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_one_of(write_mode, '{append,upsert,replace,delete_insert}', 'write_mode');
    -- Of rows that are appended, who may insert them is asked column by column.
    PERFORM etl._require_table(target, CASE write_mode
                                           WHEN 'append' THEN '{}'
                                           WHEN 'upsert' THEN '{SELECT,INSERT,UPDATE}'
                                           WHEN 'replace' THEN '{INSERT,DELETE}'
                                           ELSE '{SELECT,INSERT,DELETE}'
                                       END::text[]);
    IF write_mode IN ('upsert', 'delete_insert') AND coalesce(cardinality(key_columns), 0) = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('write_mode ''%s'' needs key_columns', write_mode),
            DETAIL = 'They say which row of the table a row of the content is.',
            HINT = 'Say key_columns => ARRAY[''column'', …].';
    ELSIF write_mode IN ('upsert', 'delete_insert') THEN
        PERFORM etl._require_keys(target, key_columns);
    ELSIF key_columns IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('key_columns have no meaning where rows are to %s', write_mode),
            HINT = 'Say write_mode => ''upsert'' or ''delete_insert'', or leave key_columns out.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_load_target(regclass, text, name[]) IS
    'Checks where a load goes and how: the mode (22023), the table (42809, 42501), its keys (22023, 42703).';

-- Rows by way of a temporary table ------------------------------------------------------------------------------------

CREATE FUNCTION etl._create_load_stage(target regclass, batch bigint)
RETURNS regclass
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    stage CONSTANT text := format('pg_temp.%I', 'etl_load_' || batch);
    column_name name;
BEGIN
    EXECUTE format('CREATE TEMPORARY TABLE %s (LIKE %s INCLUDING CONSTRAINTS INCLUDING GENERATED) ON COMMIT DROP',
                   stage, target);
    FOR column_name IN
        SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = stage::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
    LOOP
        -- What the content gives is looked at before it comes here.
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', stage, column_name);
    END LOOP;
    RETURN stage::regclass;
END
$$;
COMMENT ON FUNCTION etl._create_load_stage(regclass, bigint) IS
    'A temporary table of the shape and the CHECK constraints of the target, for the rows of a batch.';

CREATE FUNCTION etl._delete_and_insert(
    target regclass, stage regclass, columns text[], keys name[], OUT deleted bigint, OUT inserted bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    list CONSTANT text := etl._column_list(columns::name[]);
    arrived CONSTANT text := format('EXISTS (SELECT FROM %s AS s WHERE %s)', stage, (
        SELECT string_agg(format('s.%1$I = t.%1$I', k), ' AND ') FROM unnest(keys) AS k));
BEGIN
    EXECUTE format('ANALYZE %s', stage);
    PERFORM etl._lock_holds(); -- before the table, as by whoever deletes
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', target);
    PERFORM etl._require_unheld(target, arrived);
    deleted := etl._locked_command(format('DELETE FROM %s AS t WHERE %s', target, arrived));
    inserted := etl._locked_command(format('INSERT INTO %s (%s) SELECT %s FROM %s', target, list, list, stage));
END
$$;
COMMENT ON FUNCTION etl._delete_and_insert(regclass, regclass, text[], name[]) IS
    'Deletes the rows of the target whose keys are in the stage, and inserts those of the stage. 55000 where one that '
    'it would delete is under a legal hold.';

-- A load --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._refuse_known_content(content_hash bytea)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'ETL01', MESSAGE = 'the same content was loaded before',
                          DETAIL = content_hash::text;
END
$$;
COMMENT ON FUNCTION etl._refuse_known_content(bytea) IS
    'Ends the load of a content that was loaded before (ETL01); the detail is its hash.';

CREATE FUNCTION etl._load_batch(
    batch bigint, job jsonb, source text, content bytea, target regclass, key_columns name[], write_mode text,
    force boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    loaded record;
    stage regclass;
    counts etl.batch;
    by_keys CONSTANT boolean := write_mode IN ('upsert', 'delete_insert');
    replaced CONSTANT text := format(
        '%s %s', CASE etl._relation_kind(target) WHEN 'table' THEN 'ONLY' ELSE '' END, target);
    done record;
BEGIN
    counts.deleted := 0;
    counts.updated := 0;
    counts.unchanged := 0;
    SET CONSTRAINTS ALL IMMEDIATE; -- so that a row is refused here and not at the commit
    IF write_mode = 'replace' THEN
        PERFORM etl._lock_holds(); -- before the table, as by whoever deletes
        -- Rows that another session is adding would not be seen, and stay.
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', replaced);
        PERFORM etl._require_unheld(target);
        counts.deleted := etl._locked_command(format('DELETE FROM %s', replaced));
    ELSIF by_keys THEN
        stage := etl._create_load_stage(target, batch);
    END IF;
    loaded := etl._load(job, source, content, target, stage);
    IF write_mode = 'append' AND NOT force AND etl._batch_of_content(target, loaded.content_hash) IS NOT NULL THEN
        PERFORM etl._refuse_known_content(loaded.content_hash);
    END IF;
    counts.inserted := loaded.written;
    counts.ignored := loaded.held;
    IF write_mode = 'replace' AND loaded.received > 0 AND loaded.written = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'data_exception',
            MESSAGE = format('no line could be loaded, so table "%s" is not replaced', target),
            DETAIL = format('Line %s: %s.', loaded.errors -> 0 ->> 'line', loaded.errors -> 0 ->> 'message'),
            HINT = 'Mend the content or the mapping.';
    END IF;
    IF by_keys AND loaded.written > 0 THEN
        IF write_mode = 'upsert' THEN
            SELECT * INTO done
            FROM etl.load_deduplicated(
                     format('SELECT %s FROM %s', etl._column_list(loaded.columns::name[]), stage), target, key_columns);
            counts.inserted := done.inserted;
            counts.updated := done.updated;
            counts.unchanged := done.unchanged;
            counts.ignored := done.ignored;
        ELSE
            SELECT * INTO done FROM etl._delete_and_insert(target, stage, loaded.columns, key_columns);
            counts.deleted := done.deleted;
            counts.inserted := done.inserted;
            counts.ignored := loaded.written - done.inserted;
        END IF;
    END IF;
    IF stage IS NOT NULL THEN
        EXECUTE format('DROP TABLE %s', stage);
    END IF;
    BEGIN
        UPDATE etl.batch AS b
        SET status = 'loaded',
            content_hash = loaded.content_hash,
            is_again = (_load_batch.force OR _load_batch.write_mode <> 'append')
                       AND etl._batch_of_content(_load_batch.target, loaded.content_hash) IS NOT NULL,
            bytes = loaded.bytes,
            received = loaded.received,
            inserted = counts.inserted,
            updated = counts.updated,
            unchanged = counts.unchanged,
            ignored = counts.ignored,
            deleted = counts.deleted,
            rejected = loaded.rejected,
            errors = loaded.errors,
            finished_at = clock_timestamp()
        WHERE b.batch_id = batch;
    EXCEPTION
        WHEN unique_violation THEN -- of batch_content_idx: another session has loaded it meanwhile
            PERFORM etl._refuse_known_content(loaded.content_hash);
    END;
END
$$;
COMMENT ON FUNCTION etl._load_batch(bigint, jsonb, text, bytea, regclass, name[], text, boolean) IS
    'Loads the content of a batch, and writes down what became of it. ETL01 where the same was loaded before, also by '
    'another session meanwhile.';

CREATE FUNCTION etl._batch_of_content(target regclass, content_hash bytea)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT max(b.batch_id) FROM etl.batch AS b
    WHERE b.owner = current_user AND b.target = etl._relation_name(_batch_of_content.target)
      AND b.content_hash = _batch_of_content.content_hash AND b.status = 'loaded'
      AND (b.rejected < b.received OR b.received = 0)
$$;
COMMENT ON FUNCTION etl._batch_of_content(regclass, bytea) IS
    'The last batch in which the current role has loaded a content, by its SHA-256, into a table; NULL for none. One '
    'of which every line was rejected is none.';

CREATE FUNCTION etl._known_content(job jsonb, source text, content bytea, target regclass, write_mode text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation CONSTANT text := etl._relation_name(target);
    size bigint;
    known bigint;
BEGIN
    IF content IS NULL AND NOT job ? 'server' AND job ->> 'compression' = 'none' THEN
        size := etl._file_bytes(source);
    END IF;
    IF content IS NOT NULL THEN
        known := etl._batch_of_content(target, sha256(content));
    ELSIF job ? 'server' THEN
        RETURN NULL; -- that is seen when it is here
    ELSIF EXISTS (
        -- A file is read twice only where it may be one that was loaded before.
        SELECT FROM etl.batch AS b
        WHERE b.owner = current_user AND b.target = relation AND b.status = 'loaded'
          AND (b.bytes = size OR size IS NULL AND b.source = _known_content.source))
    THEN
        known := etl._batch_of_content(target, etl._file_hash(source, job));
    END IF;
    -- What was appended stays. In the other modes a later batch may have changed what this one has left.
    RETURN CASE WHEN write_mode = 'append' OR NOT EXISTS (
                         SELECT FROM etl.batch AS b
                         JOIN etl.batch AS k ON k.batch_id = known
                         WHERE b.owner = current_user AND b.target = relation AND b.status = 'loaded'
                           AND b.batch_id > k.batch_id AND b.content_hash <> k.content_hash)
                THEN known END;
END
$$;
COMMENT ON FUNCTION etl._known_content(jsonb, text, bytea, regclass, text) IS
    'The batch in which the current role has loaded the same content into a table, so that it need not be loaded '
    'again; NULL for none, and where that cannot be told yet.';

CREATE TYPE etl._load_result AS (
    batch_id bigint, status text, received bigint, inserted bigint, updated bigint, unchanged bigint, ignored bigint,
    rejected bigint
);
COMMENT ON TYPE etl._load_result IS 'What etl.load_file and etl.load_text return.';

CREATE FUNCTION etl._run_load(
    job jsonb, source text, content bytea, target regclass, key_columns name[], write_mode text, force boolean)
RETURNS etl._load_result
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off -- catalog queries, which take a fraction of what compiling them would
SET bytea_output = 'hex' -- as it is read in the detail of an error
AS $$
DECLARE
    known bigint;
    batch bigint;
    made etl._load_result;
    hash text;
    required CONSTANT jsonb := coalesce(job -> 'required', '[]') || coalesce(to_jsonb(key_columns), '[]');
BEGIN
    PERFORM etl._require_flag(force, 'force');
    PERFORM etl._require_load_job(job);
    write_mode := coalesce(write_mode, CASE WHEN key_columns IS NULL THEN 'append' ELSE 'upsert' END);
    PERFORM etl._check_load_target(target, write_mode, key_columns);
    known := etl._known_content(job, source, content, target, write_mode);
    IF known IS NULL OR force THEN
        BEGIN
            INSERT INTO etl.batch (source, target, format, write_mode)
            VALUES (CASE WHEN job ? 'server' THEN substring(_run_load.source FROM '^[^?#]*') ELSE _run_load.source END,
                    etl._relation_name(_run_load.target), job ->> 'format', _run_load.write_mode)
            RETURNING batch.batch_id INTO batch;
            PERFORM etl._load_batch(batch, job || jsonb_build_object('batch', batch, 'required', required), source,
                                    content, target, key_columns, write_mode, force);
            SELECT b.batch_id, b.status, b.received, b.inserted, b.updated, b.unchanged, b.ignored, b.rejected
            INTO made FROM etl.batch AS b WHERE b.batch_id = batch;
            RETURN made;
        EXCEPTION
            WHEN SQLSTATE 'ETL01' THEN
                GET STACKED DIAGNOSTICS hash = PG_EXCEPTION_DETAIL;
                known := etl._batch_of_content(target, hash::bytea);
        END;
    END IF;
    RAISE NOTICE USING
        MESSAGE = format('the same content was loaded into table "%s" before%s', target, ', as batch ' || known),
        DETAIL = 'Nothing was loaded.',
        HINT = 'Say force => true to load it once more.';
    RETURN ROW(known, 'duplicate', 0, 0, 0, 0, 0, 0)::etl._load_result;
END
$$;
COMMENT ON FUNCTION etl._run_load(jsonb, text, bytea, regclass, name[], text, boolean) IS
    'The common part of etl.load_file and etl.load_text.';
