-- A page of records into the table of an extract, in one transaction with how far the extract has come.
--
-- Every record of a page is counted once: received = inserted + updated + unchanged + ignored + dead. A record that does
-- not map is known before anything is written. What a constraint, a trigger or a computed column refuses fails the whole
-- statement; then the page is halved until the row stands alone, and that row becomes a dead letter like the others.

CREATE TYPE etl._page_counts AS (
    received bigint, inserted bigint, updated bigint, unchanged bigint, ignored bigint, dead bigint
);
COMMENT ON TYPE etl._page_counts IS
    'What became of the records of pages: inserted, updated, unchanged (the row was there as it is), ignored (it lost '
    'against a newer one, or against another of its page), dead.';

CREATE FUNCTION etl._add_counts(one etl._page_counts, other etl._page_counts)
RETURNS etl._page_counts
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ROW(one.received + other.received, one.inserted + other.inserted, one.updated + other.updated,
               one.unchanged + other.unchanged, one.ignored + other.ignored, one.dead + other.dead)::etl._page_counts
$$;
COMMENT ON FUNCTION etl._add_counts(etl._page_counts, etl._page_counts) IS 'The sums of two counts.';

CREATE TYPE etl._page_load AS (
    definition etl.extract,
    run_id bigint,
    origin text, -- as dead letters name it
    source text, -- the call that maps a range of it, with %s for its ends
    rejects text, -- the call that lists what did not map
    records text, -- the call that lists the records themselves
    upsert etl._load -- the checked call of etl.load_deduplicated, for upserts
);
COMMENT ON TYPE etl._page_load IS 'Records that are about to be loaded: of which extract, and how they are mapped.';

CREATE FUNCTION etl._range_query(page etl._page_load, first integer, last integer)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._mapped_query(format((page).source, coalesce(first::text, 'NULL'), coalesce(last::text, 'NULL')),
                             ((page).definition).target::regclass,
                             ((page).definition).mapping)
$$;
COMMENT ON FUNCTION etl._range_query(etl._page_load, integer, integer) IS
    'The query of the rows that a range of a page''s records makes (NULL: from the first, to the last).';

CREATE FUNCTION etl._append_command(definition etl.extract, query text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('INSERT INTO %s (%s) %s%s',
                  coalesce(etl._stage_name(definition), definition.target),
                  etl._column_list(ARRAY(
                      SELECT m.name FROM etl._mapped_columns(definition.target::regclass, definition.mapping) AS m)),
                  query,
                  CASE WHEN definition.write_mode = 'append' AND definition.key_columns IS NOT NULL
                       THEN format(' ON CONFLICT (%s) DO NOTHING', etl._column_list(definition.key_columns)) END)
$$;
COMMENT ON FUNCTION etl._append_command(etl.extract, text) IS
    'The command that adds the rows of a query to the table of an extract, or to its staging table.';

-- They take longer to make than a small page to load, and stay the same for all pages of a handle, but for holds.
CREATE TYPE etl._page_commands AS (held text, query text, store text, again text);
COMMENT ON TYPE etl._page_commands IS
    'What loads the rows of a query: the holds on the target that the commands obey, the query, the command, and that '
    'of the later rounds of an upsert.';

CREATE FUNCTION etl._page_commands(page etl._page_load, first integer, last integer)
RETURNS etl._page_commands
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._page_commands;
BEGIN
    made.held := coalesce(etl._held_condition((page.definition).target::regclass, 't'), '');
    made.query := etl._range_query(page, first, last);
    IF (page.definition).write_mode = 'upsert' THEN
        made.store := etl._load_command(page.upsert, made.query, 1000000);
        made.again := etl._again_command(page.upsert);
    ELSE
        made.store := etl._append_command(page.definition, made.query);
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._page_commands(etl._page_load, integer, integer) IS
    'The commands that load a range of a page''s records.';

CREATE FUNCTION etl._store(page etl._page_load, commands etl._page_commands)
RETURNS etl._page_counts
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counts etl._page_counts := (0, 0, 0, 0, 0, 0);
    done record;
BEGIN
    IF commands.again IS NULL THEN
        counts.inserted := etl._locked_command(commands.store);
        RETURN counts;
    END IF;
    done := etl._run_rounds(commands.store, commands.again);
    IF done.null_keys > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'not_null_violation',
            MESSAGE = format('NULL in a key column (%s)', etl._column_list((page.definition).key_columns));
    END IF;
    RETURN ROW(0, done.inserted, done.updated, done.unchanged, done.ignored + done.held, 0)::etl._page_counts;
END
$$;
COMMENT ON FUNCTION etl._store(etl._page_load, etl._page_commands) IS
    'Writes rows and counts them; what it did not insert of an append is not counted here.';

CREATE FUNCTION etl._reject(
    page etl._page_load, ordinal bigint, column_name name, reason text, sqlstate text, record text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE (page.definition).on_bad_row
        WHEN 'error' THEN
            RAISE EXCEPTION USING
                ERRCODE = sqlstate,
                MESSAGE = format('record %s of %s cannot be loaded: %s', ordinal, page.origin, reason),
                DETAIL = format('Record: %s', left(record, 500)),
                HINT = format('Mend the mapping with %1$s(%2$L, mapping => …), or let such records become dead '
                              'letters with %1$s(%2$L, on_bad_row => ''dead_letter'').',
                              etl._altering((page.definition).kind), (page.definition).name);
        WHEN 'dead_letter' THEN
            INSERT INTO etl.dead_letter (extract, run_id, origin, ordinal, record, column_name, reason, sqlstate)
            VALUES ((page.definition).name, page.run_id, page.origin, ordinal, record, column_name, reason, sqlstate);
        ELSE
            NULL; -- counted, and that is all
    END CASE;
END
$$;
COMMENT ON FUNCTION etl._reject(etl._page_load, bigint, name, text, text, text) IS
    'Deals with a record that cannot be loaded as the extract wants it: an error, a dead letter, or nothing.';

CREATE FUNCTION etl._load_range(
    page etl._page_load, first integer, last integer, commands etl._page_commands DEFAULT NULL)
RETURNS etl._page_counts
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    middle CONSTANT integer := (first + last) / 2;
    state text;
    message text;
    refused name;
    record text;
BEGIN
    BEGIN
        RETURN etl._store(page, coalesce(commands, etl._page_commands(page, first, last)));
    EXCEPTION
        WHEN data_exception OR integrity_constraint_violation OR raise_exception THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, refused = COLUMN_NAME;
    END;
    IF first < last THEN
        RETURN etl._add_counts(etl._load_range(page, first, middle), etl._load_range(page, middle + 1, last));
    END IF;
    EXECUTE format('SELECT r.record FROM %s AS r WHERE r.ordinal = $1', page.records) INTO record USING first;
    PERFORM etl._reject(page, first, nullif(refused, ''), message, state, record);
    RETURN ROW(0, 0, 0, 0, 0, 1)::etl._page_counts;
END
$$;
COMMENT ON FUNCTION etl._load_range(etl._page_load, integer, integer, etl._page_commands) IS
    'Writes the rows of a range of a page; where that fails by its data, the halves of it, down to the row that fails, '
    'which is rejected. commands: those of the range, if they are made already.';

CREATE FUNCTION etl._load_records(
    page etl._page_load, record_count integer, commands etl._page_commands DEFAULT NULL)
RETURNS etl._page_counts
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counts etl._page_counts := (0, 0, 0, 0, 0, 0);
    bad record;
    left_over bigint;
BEGIN
    IF record_count > 0 THEN
        SET CONSTRAINTS ALL IMMEDIATE; -- so that a row is refused here and not at the commit
        counts := etl._load_range(page, 1, record_count, commands);
        FOR bad IN EXECUTE format('SELECT r.* FROM %s AS r ORDER BY r.ordinal', page.rejects) LOOP
            PERFORM etl._reject(page, bad.ordinal, bad.column_name, bad.reason, bad.sqlstate, bad.record);
            counts.dead := counts.dead + 1;
        END LOOP;
    END IF;
    counts.received := record_count;
    left_over := counts.received - counts.inserted - counts.updated - counts.unchanged - counts.ignored - counts.dead;
    IF (page.definition).write_mode = 'append' AND (page.definition).key_columns IS NOT NULL THEN
        counts.unchanged := left_over; -- was there already
    ELSIF (page.definition).write_mode <> 'upsert' THEN
        counts.ignored := left_over; -- a trigger held it back
    ELSIF left_over <> 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'internal_error',
            MESSAGE = format('%s of %s records of %s are not accounted for', left_over, record_count, page.origin);
    END IF;
    RETURN counts;
END
$$;
COMMENT ON FUNCTION etl._load_records(etl._page_load, integer, etl._page_commands) IS
    'Loads all records of a page, and says what became of each of them. commands: those of all its records, if they '
    'are made already.';
