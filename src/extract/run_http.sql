-- A run of an extract from an HTTP API.
--
-- While a page is awaited nothing is held: no snapshot, no lock, no number of a transaction. What has come is then
-- loaded in one transaction, in which the place of the next page is noted as well. So whatever ends a run, the table
-- holds the records of the pages before that place once each, and the next run goes on there.

CREATE TYPE etl._problem AS (sqlstate text, message text, detail text, hint text);
COMMENT ON TYPE etl._problem IS 'What went wrong, as an error reports it.';

CREATE FUNCTION etl._begin_http(definition etl.extract, run bigint)
RETURNS etl.extract_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state etl.extract_state;
BEGIN
    SELECT s.* INTO STRICT state FROM etl.extract_state AS s WHERE s.extract_id = definition.extract_id FOR UPDATE;
    IF state.is_finished
       OR etl._stage_name(definition) IS NOT NULL AND to_regclass(etl._stage_name(definition)) IS NULL THEN
        state."position" := NULL;
        state.parent_key := NULL;
        state.seen := NULL;
        state.detail := state.detail - 'complete';
        state.is_finished := false;
        IF etl._stage_name(definition) IS NOT NULL THEN
            PERFORM etl._make_stage(definition);
        END IF;
    ELSIF state."position" IS NOT NULL OR state.parent_key IS NOT NULL THEN
        RAISE NOTICE USING MESSAGE = format('extract "%s" goes on %s', definition.name, concat_ws(
            ' ', 'with page ' || state."position"::text, 'of ' || state.parent_key::text));
    END IF;
    state.run_id := run;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._begin_http(etl.extract, bigint) IS
    'The state with which a run begins: that of an unfinished one, which it goes on with, or a new one.';

CREATE FUNCTION etl._store_state(state etl.extract_state)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.extract_state AS s
    SET "cursor" = state."cursor", seen = state.seen, "position" = state."position", parent_key = state.parent_key,
        run_id = state.run_id, is_finished = state.is_finished, detail = state.detail,
        changed_at = clock_timestamp()
    WHERE s.extract_id = state.extract_id
$$;
COMMENT ON FUNCTION etl._store_state(etl.extract_state) IS 'Writes down how far an extract has come.';

CREATE FUNCTION etl._note_page(run bigint, counts etl._page_counts, more jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE etl.run AS r
    SET rows = coalesce(r.rows, 0) + counts.inserted + counts.updated,
        detail = r.detail || more || (
            SELECT jsonb_object_agg(c.key, coalesce((r.detail ->> c.key)::bigint, 0) + c.value)
            FROM (VALUES ('pages', 1), ('received', counts.received), ('inserted', counts.inserted),
                         ('updated', counts.updated), ('unchanged', counts.unchanged), ('ignored', counts.ignored),
                         ('dead', counts.dead)) AS c(key, value))
    WHERE r.run_id = run
$$;
COMMENT ON FUNCTION etl._note_page(bigint, etl._page_counts, jsonb) IS
    'Adds what became of the records of a page to the record of the run.';

CREATE FUNCTION etl._require_staged(definition etl.extract, run bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dead CONSTANT bigint := (SELECT (r.detail ->> 'dead')::bigint FROM etl.run AS r WHERE r.run_id = run);
    is_empty CONSTANT boolean := etl._locked_value(
        format('SELECT NOT EXISTS (SELECT FROM %s)', etl._stage_name(definition)), false);
BEGIN
    IF dead > 0 AND is_empty THEN
        RAISE EXCEPTION USING
            ERRCODE = 'data_exception',
            MESSAGE = format('none of the records could be loaded, so table "%s" is not replaced', definition.target),
            HINT = format('SELECT * FROM etl.dead_letters WHERE extract = %1$L; tells why; when the mapping is mended, '
                          'CALL etl.run_extract(%1$L, restart => true); begins anew.', definition.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_staged(etl.extract, bigint) IS
    'Refuses (22000) to put an empty staging table in the place of rows when there were records.';

CREATE FUNCTION etl._finish_http(definition etl.extract, state etl.extract_state)
RETURNS etl.extract_state
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    put record;
BEGIN
    IF etl._stage_name(definition) IS NOT NULL THEN
        PERFORM etl._require_staged(definition, state.run_id);
        put := etl._put_stage(definition);
        UPDATE etl.run AS r
        SET rows = put.inserted, detail = r.detail || jsonb_build_object('replaced', to_jsonb(put))
        WHERE r.run_id = state.run_id;
    END IF;
    IF definition."cursor" IS NOT NULL THEN
        state."cursor" := etl._later_cursor(definition, state."cursor", state.seen);
    END IF;
    state.seen := NULL;
    state."position" := NULL;
    state.parent_key := NULL;
    state.detail := state.detail - 'complete';
    state.is_finished := true;
    RETURN state;
END
$$;
COMMENT ON FUNCTION etl._finish_http(etl.extract, etl.extract_state) IS
    'What is done when every page has been loaded: the staging table is put in place, and the cursor moves on.';

CREATE FUNCTION etl._page_load(definition etl.extract, run bigint, handle integer, origin text)
RETURNS etl._page_load
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    page etl._page_load;
BEGIN
    page.definition := definition;
    page.run_id := run;
    page.origin := origin;
    page.source := format('etl._map_page(%s, %s::regclass, %s::jsonb, %%s, %%s)', handle,
                          replace(quote_literal(definition.target), '%', '%%'),
                          replace(quote_nullable(definition.mapping), '%', '%%'));
    page.rejects := format('etl._page_rejects(%s)', handle);
    page.records := format('etl._page_records(%s)', handle);
    IF definition.write_mode = 'upsert' THEN
        page.upsert := etl._check_load(
            etl._range_query(page, 1, 1), definition.target::regclass, definition.key_columns, 'last',
            (definition."cursor" ->> 'column')::name, false);
    END IF;
    RETURN page;
END
$$;
COMMENT ON FUNCTION etl._page_load(etl.extract, bigint, integer, text) IS
    'The page of a handle, to be loaded by an extract. 42703, 42P10, … where table and mapping no longer fit.';

CREATE TYPE etl._page_loader AS (load etl._page_load, commands etl._page_commands);
COMMENT ON TYPE etl._page_loader IS 'What loads the pages of one handle, kept from page to page.';

CREATE FUNCTION etl._page_loader(
    loader etl._page_loader, definition etl.extract, run bigint, handle integer, origin text)
RETURNS etl._page_loader
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (loader.load).definition IS DISTINCT FROM definition THEN
        loader.load := etl._page_load(definition, run, handle, origin);
        loader.commands := NULL;
    END IF;
    loader.load.origin := origin;
    IF (loader.commands).held
       IS DISTINCT FROM coalesce(etl._held_condition(definition.target::regclass, 't'), '') THEN
        loader.commands := etl._page_commands(loader.load, NULL, NULL);
    END IF;
    RETURN loader;
END
$$;
COMMENT ON FUNCTION etl._page_loader(etl._page_loader, etl.extract, bigint, integer, text) IS
    'The loader for the next page of a handle: the one of the page before, unless something has changed.';

CREATE FUNCTION etl._load_http_page(
    INOUT definition etl.extract, INOUT state etl.extract_state, INOUT loader etl._page_loader, handle integer,
    parent jsonb, OUT is_last boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    got CONSTANT record := etl._page(handle);
    fresh record;
    counts etl._page_counts;
    more jsonb := jsonb_build_object('chosen', got.chosen);
    pages integer;
BEGIN
    PERFORM etl._lock_holds();
    IF definition.new_fields <> 'ignore' THEN
        fresh := etl._new_fields(definition, state.run_id, handle);
        definition := fresh.definition;
        more := more || fresh.fields;
    END IF;
    loader := etl._page_loader(loader, definition, state.run_id, handle, got.url);
    counts := etl._load_records(loader.load, got.record_count, loader.commands);
    IF definition."cursor" IS NOT NULL AND got.record_count > 0 THEN
        state.seen := etl._later_cursor(definition, state.seen, etl._highest_seen(
            definition, (loader.commands).query));
    END IF;
    PERFORM etl._note_page(state.run_id, counts, more);
    IF definition.keep_raw THEN
        SELECT (r.detail ->> 'pages')::integer INTO pages FROM etl.run AS r WHERE r.run_id = state.run_id;
        INSERT INTO etl.raw_record (extract, run_id, page, ordinal, record)
        SELECT definition.name, state.run_id, pages, r.ordinal, r.record FROM etl._page_records(handle) AS r;
    END IF;
    is_last := got.is_last;
    IF is_last AND parent IS NULL THEN
        state.detail := state.detail || '{"complete": true}';
    END IF;
    state."position" := got.next_position;
    state.parent_key := CASE WHEN parent IS NOT NULL THEN etl._key_of(etl._extract(definition.parent), parent) END;
    PERFORM etl._store_state(state);
END
$$;
COMMENT ON FUNCTION etl._load_http_page(etl.extract, etl.extract_state, etl._page_loader, integer, jsonb) IS
    'Loads the page that has come and notes the place of the next one, or that it was the last.';

CREATE FUNCTION etl._next_request(
    definition etl.extract, INOUT state etl.extract_state, OUT parent jsonb, OUT handle integer)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_extract etl.extract;
    is_complete boolean := state.detail ? 'complete';
BEGIN
    IF definition.parent IS NOT NULL THEN
        of_extract := etl._extract(definition.parent);
        IF state."position" IS NOT NULL THEN
            parent := etl._parent_row(of_extract, state.parent_key, false);
            state."position" := CASE WHEN parent IS NOT NULL THEN state."position" END; -- its row has gone
        END IF;
        parent := coalesce(parent, etl._parent_row(of_extract, state.parent_key, true));
        is_complete := parent IS NULL;
    END IF;
    IF is_complete THEN
        state := etl._finish_http(definition, state);
        PERFORM etl._store_state(state);
        RETURN;
    END IF;
    handle := etl._open_extract(definition, state, parent);
END
$$;
COMMENT ON FUNCTION etl._next_request(etl.extract, etl.extract_state) IS
    'Begins with the pages of an extract, or of the next row of its parent; no handle: that was the last, and the run '
    'is finished.';

-- Each of these returns what went wrong and does not raise it, so that the run can be recorded as failed.
CREATE FUNCTION etl._try_next_request(
    definition etl.extract, INOUT state etl.extract_state, OUT parent jsonb, OUT handle integer, OUT failure jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    next record;
    problem etl._problem;
BEGIN
    next := etl._next_request(definition, state);
    state := next.state;
    parent := next.parent;
    handle := next.handle;
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS problem.sqlstate = RETURNED_SQLSTATE, problem.message = MESSAGE_TEXT,
            problem.detail = PG_EXCEPTION_DETAIL, problem.hint = PG_EXCEPTION_HINT;
        failure := to_jsonb(problem);
END
$$;
COMMENT ON FUNCTION etl._try_next_request(etl.extract, etl.extract_state) IS
    'etl._next_request, or what went wrong.';

CREATE FUNCTION etl._try_load_page(
    INOUT definition etl.extract, INOUT state etl.extract_state, INOUT loader etl._page_loader, handle integer,
    parent jsonb, OUT is_last boolean, OUT failure jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    loaded record;
    problem etl._problem;
BEGIN
    loaded := etl._load_http_page(definition, state, loader, handle, parent);
    definition := loaded.definition;
    state := loaded.state;
    loader := loaded.loader;
    is_last := loaded.is_last;
EXCEPTION
    WHEN OTHERS OR query_canceled THEN
        PERFORM etl._take_cancel_once(SQLSTATE);
        GET STACKED DIAGNOSTICS problem.sqlstate = RETURNED_SQLSTATE, problem.message = MESSAGE_TEXT,
            problem.detail = PG_EXCEPTION_DETAIL, problem.hint = PG_EXCEPTION_HINT;
        failure := to_jsonb(problem);
END
$$;
COMMENT ON FUNCTION etl._try_load_page(etl.extract, etl.extract_state, etl._page_loader, integer, jsonb) IS
    'etl._load_http_page, or what went wrong.';

-- Between COMMIT and CALL nothing is evaluated, so that no snapshot is there while the page is awaited.
CREATE PROCEDURE etl._load_pages(
    INOUT definition etl.extract, INOUT state etl.extract_state, handle integer, parent jsonb, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    found pg_catalog.bool;
    loaded pg_catalog.record;
    loader etl._page_loader;
BEGIN
    LOOP
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        CALL etl._try_await_page(handle, found, failure);
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        EXIT WHEN failure IS NOT NULL OR NOT found;
        loaded := etl._try_load_page(definition, state, loader, handle, parent);
        failure := loaded.failure;
        EXIT WHEN failure IS NOT NULL;
        definition := loaded.definition;
        state := loaded.state;
        loader := loaded.loader;
        EXIT WHEN loaded.is_last OR etl._is_extract_paused(definition);
    END LOOP;
    PERFORM etl._close_pages(handle);
END
$$;
COMMENT ON PROCEDURE etl._load_pages(etl.extract, etl.extract_state, integer, jsonb, jsonb) IS
    'Awaits and loads the pages of one request after the other; gives back what went wrong and does not raise it.';

CREATE FUNCTION etl._is_extract_paused(definition etl.extract)
RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM etl.extract AS e
                       WHERE e.extract_id = definition.extract_id AND e.owner = definition.owner
                         AND e.paused_at IS NULL)
$$;
COMMENT ON FUNCTION etl._is_extract_paused(etl.extract) IS 'Whether an extract was paused, or dropped, meanwhile.';

CREATE PROCEDURE etl._run_http_extract(definition etl.extract, run bigint, INOUT failure jsonb)
LANGUAGE plpgsql
AS $$
DECLARE
    state etl.extract_state;
    next pg_catalog.record;
BEGIN
    state := etl._begin_http(definition, run);
    PERFORM etl._store_state(state);
    LOOP
        next := etl._try_next_request(definition, state);
        failure := next.failure;
        EXIT WHEN failure IS NOT NULL OR next.handle IS NULL;
        state := next.state;
        CALL etl._load_pages(definition, state, next.handle, next.parent, failure);
        EXIT WHEN failure IS NOT NULL OR etl._is_extract_paused(definition);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE etl._run_http_extract(etl.extract, bigint, jsonb) IS
    'Carries out an extract from an HTTP API; gives back what went wrong and does not raise it.';
