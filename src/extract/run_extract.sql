-- Carrying out extracts of any kind. Each kind has a procedure of its own, which commits as it goes and gives back what
-- went wrong; here are the lock, the record of the run, and the error that the caller gets in the end.

CREATE FUNCTION etl._begin_extract(definition etl.extract, restart boolean)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT etl._lock_run('etl.extract', definition.extract_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'lock_not_available',
            MESSAGE = format('extract "%s" is being run by another session (process %s)', definition.name,
                             etl._run_lock_holder('etl.extract', definition.extract_id)),
            HINT = 'Wait for it to end; etl.extracts shows how far it is.';
    END IF;
    PERFORM etl._close_lost_runs('extract', definition.name);
    IF restart THEN
        PERFORM etl._drop_stage(definition);
        UPDATE etl.extract_state AS s
        SET seen = NULL, "position" = NULL, parent_key = NULL, is_finished = true,
            detail = s.detail - 'complete', changed_at = clock_timestamp()
        WHERE s.extract_id = definition.extract_id;
    END IF;
    RETURN etl._start_run('extract', definition.name, now());
END
$$;
COMMENT ON FUNCTION etl._begin_extract(etl.extract, boolean) IS
    'Takes the lock of an extract (55P03 when another session has it) and records that a run begins. restart: an '
    'unfinished one is given up.';

CREATE FUNCTION etl._end_extract(definition etl.extract, run bigint, failure jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stopped CONSTANT boolean := failure IS NULL AND etl._is_extract_paused(definition) AND NOT coalesce((
        SELECT s.is_finished FROM etl.extract_state AS s WHERE s.extract_id = definition.extract_id), false);
BEGIN
    PERFORM etl._finish_run(
        r.run_id, CASE WHEN failure IS NOT NULL THEN 'failed' WHEN stopped THEN 'cancelled' ELSE 'succeeded' END,
        coalesce(r.rows, 0), r.detail || jsonb_strip_nulls(jsonb_build_object('sqlstate', failure -> 'sqlstate')),
        CASE WHEN stopped THEN 'the extract was paused' ELSE failure ->> 'message' END)
    FROM etl.run AS r WHERE r.run_id = run;
    PERFORM etl._unlock_run('etl.extract', definition.extract_id);
    IF stopped THEN
        RAISE NOTICE USING
            MESSAGE = format('extract "%s" was paused, and stopped after a page', definition.name),
            HINT = format('SELECT etl.resume_extract(%1$L); CALL etl.run_extract(%1$L); goes on.', definition.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._end_extract(etl.extract, bigint, jsonb) IS
    'Records how a run of an extract ended, and gives its lock back.';

CREATE FUNCTION etl._report_extract(definition etl.extract, run bigint, failure jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dead bigint;
BEGIN
    IF failure IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = coalesce(failure ->> 'sqlstate', 'XX000'),
            MESSAGE = format('extract "%s" failed: %s', definition.name, failure ->> 'message'),
            DETAIL = coalesce(nullif(failure ->> 'detail', ''), 'What was loaded before it stays loaded.'),
            HINT = coalesce(nullif(failure ->> 'hint', ''), format(
                'CALL etl.run_extract(%L); goes on where it stopped; etl.extracts shows where that is.',
                definition.name));
    END IF;
    SELECT (r.detail ->> 'dead')::bigint INTO dead FROM etl.run AS r WHERE r.run_id = run;
    IF dead > 0 THEN
        RAISE WARNING USING
            MESSAGE = format('extract "%s": %s records could not be loaded', definition.name, dead),
            HINT = CASE definition.on_bad_row
                WHEN 'dead_letter' THEN format(
                    'SELECT * FROM etl.dead_letters WHERE extract = %1$L; tells why; SELECT '
                    'etl.replay_dead_letters(%1$L); tries them again.', definition.name)
                ELSE format('SELECT %s(%L, on_bad_row => ''dead_letter''); keeps them.',
                            etl._altering(definition.kind), definition.name)
            END;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._report_extract(etl.extract, bigint, jsonb) IS
    'Raises what ended a run, or warns of records that could not be loaded.';

CREATE FUNCTION etl._runnable_extract(name text, restart boolean)
RETURNS etl.extract
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._extract(name);
BEGIN
    PERFORM etl._require_writable(), etl._require_flag(restart, 'restart');
    IF stored.kind = 'ingest' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('"%s" waits for records and is not run', name),
            HINT = format('SELECT * FROM etl.ingest(%L, …) takes records.', name);
    END IF;
    PERFORM etl._require_extract_table(stored);
    IF stored.kind = 'http' THEN
        PERFORM etl._check_http_extract(stored);
    END IF;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._runnable_extract(text, boolean) IS
    'The current role''s extract of that name, if it can be run as it and its table are now.';

CREATE PROCEDURE etl.run_extract(name text, restart boolean DEFAULT false)
LANGUAGE plpgsql
AS $$
DECLARE
    chosen etl.extract;
    run pg_catalog.int8;
    failure pg_catalog.jsonb;
BEGIN
    CALL etl._require_toplevel('etl.run_extract');
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    chosen := etl._runnable_extract(name, restart);
    IF chosen.paused_at IS NOT NULL THEN
        RAISE NOTICE USING
            MESSAGE = format('extract "%s" is paused', name),
            HINT = format('SELECT etl.resume_extract(%L); lets it go on.', name);
        RETURN;
    END IF;
    run := etl._begin_extract(chosen, restart);
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    CASE chosen.kind
        WHEN 'http' THEN CALL etl._run_http_extract(chosen, run, failure);
        WHEN 'table' THEN CALL etl._run_table_extract(chosen, run, failure);
        WHEN 'evm' THEN CALL etl._run_evm_extract(chosen, run, failure);
    END CASE;
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM etl._end_extract(chosen, run, failure);
    COMMIT; -- also where an error is raised now
    PERFORM etl._report_extract(chosen, run, failure);
END
$$;
COMMENT ON PROCEDURE etl.run_extract(text, boolean) IS
$$Carries out an extract: fetches what is new and loads it, page by page, each page with the place of the next one in a
transaction of its own; so it cannot be called inside a transaction block (2D000). A run that did not end (an error, a
cancel, a crash) is gone on with by the next one, at the page after the last that was loaded.
name: an extract of the current role. restart: an unfinished run is given up, and this one begins with the first page;
the cursor stays where it is.
Each run adds a row to etl.runs (kind extract), whose detail has pages, received, inserted, updated, unchanged, ignored
(it lost against a newer row, or another one of its page; or a trigger held it back) and dead: received is the sum of
the others. Where rows are replaced, inserted are those that this run has staged, and replaced tells what was put in
place in the end: inserted, deleted, and ignored (a later row has the same key). Nothing is advanced by a page that
cannot be trusted: etl.fetch tells which errors there are.
Errors: 42704 no such extract, 42501 another role's, 55P03 another session runs it, 55000 it has no table yet; what
stopped it is raised at the end under its own SQLSTATE: 08000 and kin for connections, 08P01 for answers that are none,
28000 for credentials, 53400 for limits.$$;
