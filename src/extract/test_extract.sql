-- Trying an extract out, and making its table from what it finds.

CREATE FUNCTION etl._first_parent(definition etl.extract)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found jsonb;
BEGIN
    IF definition.parent IS NOT NULL THEN
        found := etl._parent_row(etl._extract(definition.parent), NULL, true);
        IF found IS NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('the table of extract "%s", the parent of "%s", is empty', definition.parent,
                                 definition.name),
                HINT = format('CALL etl.run_extract(%L); first.', definition.parent);
        END IF;
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._first_parent(etl.extract) IS
    'The first row of the table of an extract''s parent; NULL where it has no parent, 55000 where the table is empty.';

CREATE FUNCTION etl._require_pages(definition etl.extract)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF definition.kind <> 'http' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('extract "%s" is of kind %s, and reads no pages', definition.name, definition.kind),
            HINT = 'Name an extract that etl.create_extract made.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_pages(etl.extract) IS 'Raises (42809) unless an extract reads the pages of an API.';

CREATE FUNCTION etl._open_http(name text)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._extract(name);
    state etl.extract_state;
BEGIN
    PERFORM etl._require_pages(stored), etl._check_http_extract(stored);
    SELECT s.* INTO state FROM etl.extract_state AS s WHERE s.extract_id = stored.extract_id;
    state."position" := NULL;
    RETURN etl._open_extract(stored, state, etl._first_parent(stored));
END
$$;
COMMENT ON FUNCTION etl._open_http(text) IS
    'Begins with the pages of an extract as a run would, from the first on; 42809 for an extract of another kind.';

CREATE FUNCTION etl.test_extract(
    name text, pages integer DEFAULT 1, OUT page integer, OUT ordinal integer, OUT row_of jsonb, OUT problem text,
    OUT record text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    handle integer;
    stored CONSTANT etl.extract := etl._extract(name);
    found boolean;
    got record;
    load etl._page_load;
BEGIN
    IF pages < 1 OR pages IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('pages must be 1 or more, not %s', coalesce(pages::text, 'NULL')),
            HINT = 'Leave it out to look at the first page.';
    END IF;
    handle := etl._open_http(name);
    FOR number IN 1 .. pages LOOP
        CALL etl._await_page(handle, found);
        EXIT WHEN NOT found;
        got := etl._page(handle);
        IF number = 1 THEN
            RAISE NOTICE USING MESSAGE = format('extract "%s": %s', name, got.chosen);
        END IF;
        IF stored.target IS NULL THEN
            RETURN QUERY SELECT number, r.ordinal, NULL::jsonb, NULL::text, r.record
                         FROM etl._page_records(handle) AS r;
        ELSIF got.record_count > 0 THEN
            load := etl._page_load(stored, NULL, handle, got.url);
            RETURN QUERY SELECT number, r.n::integer, r.made, NULL::text, NULL::text
                         FROM etl._locked_rows(format('SELECT row_number() OVER (), to_jsonb(q) FROM (%s) AS q',
                                                      etl._range_query(load, 1, got.record_count)))
                             AS r(n bigint, made jsonb);
            RETURN QUERY SELECT number, b.ordinal, NULL::jsonb, format('%s: %s', b.column_name, b.reason), b.record
                         FROM etl._page_rejects(handle) AS b;
        END IF;
        EXIT WHEN got.is_last;
    END LOOP;
    PERFORM etl._close_pages(handle);
END
$$;
COMMENT ON FUNCTION etl.test_extract(text, integer) IS
$$Shows what a run of an extract would load, and changes nothing: it asks for the first pages and maps their records.
name: an extract of the current role; of one with a parent the requests are for the first row of the parent's table.
pages: how many pages (default 1).
Returns a row for each record: page, ordinal, the row as it would be stored (row_of), or what is wrong with the record
(problem, record). Of an extract without a table the records as they came. A notice tells how records and pages were
found. Errors: as etl.run_extract.$$;

CREATE FUNCTION etl.infer_table(
    name text, target text DEFAULT NULL, pages integer DEFAULT 1, dry_run boolean DEFAULT false,
    schema name DEFAULT pg_catalog.current_schema())
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._extract(name);
    wanted CONSTANT text := etl._new_table_name(
        coalesce(target, format('%I.%I', schema, name)), 'target');
    samples text[];
    command text;
BEGIN
    PERFORM etl._require_flag(dry_run, 'dry_run'), etl._require_pages(stored);
    IF stored.target IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('extract "%s" has table "%s"', name, stored.target),
            HINT = format('SELECT etl.alter_extract(%L, target => …) gives it another one.', name);
    END IF;
    samples := ARRAY(SELECT t.record FROM etl.test_extract(name, pages) AS t);
    IF samples = '{}' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'no_data_found',
            MESSAGE = format('extract "%s" found no record to infer a table from', name),
            HINT = 'Create the table by hand, and give it with etl.alter_extract(…, target => …).';
    END IF;
    command := etl.table_definition(wanted, samples, stored.key_columns);
    IF NOT dry_run THEN
        EXECUTE command;
        PERFORM etl.alter_extract(name, target => wanted::regclass,
                                  mapping => coalesce(stored.mapping, etl.infer_mapping(samples)));
    END IF;
    RETURN command;
END
$$;
COMMENT ON FUNCTION etl.infer_table(text, text, integer, boolean, name) IS
$$Creates the table of an extract from samples, and gives it to the extract with a mapping: a column for each field,
of the narrowest type that takes all values seen. The key is its primary key.
target: the table, with its schema; NULL: one of the extract's name in schema (the first of the search_path). pages: how
many pages are read for samples. dry_run: returns the command only.
Returns the CREATE TABLE. Errors: 55000 the extract has a table, 02000 no record, 42P07 the table exists, and those of
etl.test_extract.$$;
