-- Extracts: how they are defined, paused and dropped. alter_extract.sql changes them, run_extract.sql carries them out.

CREATE FUNCTION etl._extract(name text, or_superuser boolean DEFAULT false)
RETURNS etl.extract
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.extract;
BEGIN
    SELECT e.* INTO stored FROM etl.extract AS e WHERE e.name = _extract.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN name IS NULL THEN 'no extract was given'
                           ELSE format('extract "%s" does not exist', name) END,
            HINT = 'SELECT extract FROM etl.extracts lists those of the current role; etl.create_extract(…) makes one.';
    END IF;
    PERFORM etl._require_owner(stored.owner, format('extract "%s"', name), or_superuser);
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._extract(text, boolean) IS
    'The current role''s extract of that name (42704 when there is none, 42501 when it is another role''s and the '
    'caller no superuser for whom or_superuser makes an exception).';

CREATE FUNCTION etl._altering(kind text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE kind WHEN 'http' THEN 'etl.alter_extract' WHEN 'ingest' THEN 'etl.alter_ingest'
                     ELSE format('etl.alter_%s_extract', kind) END
$$;
COMMENT ON FUNCTION etl._altering(text) IS 'The function that changes extracts of a kind.';

CREATE FUNCTION etl._require_extract_table(definition etl.extract)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF definition.target IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('extract "%s" has no table yet', definition.name),
            HINT = format('SELECT etl.infer_table(%1$L); makes one from samples, '
                          'SELECT etl.alter_extract(%1$L, target => …) names one.', definition.name);
    ELSIF to_regclass(definition.target) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s" of extract "%s" does not exist', definition.target, definition.name),
            DETAIL = 'It was dropped or renamed after the extract had been defined.',
            HINT = CASE WHEN definition.kind IN ('http', 'ingest')
                        THEN format('SELECT %s(%L, target => …) names another one.', etl._altering(definition.kind),
                                    definition.name)
                        ELSE format('Give it that name again, or SELECT etl.drop_extract(%L); and define it anew.',
                                    definition.name) END;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_extract_table(etl.extract) IS
    'Raises where an extract has no table yet (55000), or has it no more (42P01).';

CREATE FUNCTION etl._lock_extract(definition etl.extract)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT etl._lock_run('etl.extract', definition.extract_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = format('extract "%s" is being run', definition.name),
            HINT = 'Wait for it to end, or cancel the session that runs it; etl.extracts shows how far it is.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._lock_extract(etl.extract) IS
    'Takes the session''s lock on an extract, which etl._unlock_run gives back; 55006 where a run of it has it.';

CREATE FUNCTION etl._extract_schedule(definition etl.extract)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF definition.schedule IS NULL THEN
        PERFORM etl._cron_unschedule(etl._cron_job_name('extract', definition.name), definition.owner);
    ELSE
        PERFORM etl._cron_schedule(etl._cron_job_name('extract', definition.name), definition.schedule,
                                   format('CALL etl.run_extract(%L)', definition.name));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._extract_schedule(etl.extract) IS
    'Gives the extract its pg_cron job in place of the one it may have, or takes that away when it has no schedule.';

CREATE FUNCTION etl._tell_extract_exists(wanted etl.extract, if_not_exists boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.extract;
    differing text;
BEGIN
    SELECT e.* INTO stored FROM etl.extract AS e WHERE e.name = wanted.name;
    IF stored.owner IS DISTINCT FROM current_user THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('extract "%s" already exists', wanted.name),
            DETAIL = 'Names of extracts are unique in the database; this one belongs to another role.',
            HINT = 'Choose another name.';
    ELSIF NOT if_not_exists THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('extract "%s" already exists', wanted.name),
            HINT = format('Change it with %1$s(%2$L, …), or call etl.drop_extract(%2$L) first.',
                          etl._altering(stored.kind), wanted.name);
    END IF;
    SELECT string_agg(w.key, ', ' ORDER BY w.key) INTO differing
    FROM jsonb_each(to_jsonb(wanted) - '{extract_id,paused_at,created_at,owner}'::text[]) AS w
    WHERE w.value IS DISTINCT FROM to_jsonb(stored) -> w.key;
    IF differing IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('extract "%s" already exists and was not changed', wanted.name),
            DETAIL = format('It differs from the definition that was given now in: %s.', differing),
            HINT = format('Change it with %s(%L, …).', etl._altering(stored.kind), wanted.name);
    ELSE
        RAISE NOTICE USING MESSAGE = format('extract "%s" already exists, skipping', wanted.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._tell_extract_exists(etl.extract, boolean) IS
    'Says that there is an extract of that name: as an error (42710), or where it may exist as a notice, or as a '
    'warning that lists what is different.';

CREATE FUNCTION etl._require_choices(definition etl.extract)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_one_of(definition.write_mode, '{append,upsert,replace,delete_insert}', 'write_mode'),
            etl._require_one_of(definition.on_bad_row, '{dead_letter,error,skip}', 'on_bad_row'),
            etl._require_one_of(definition.new_fields, '{ignore,report,add}', 'new_fields'),
            etl._require_flag(definition.keep_raw, 'keep_raw');
END
$$;
COMMENT ON FUNCTION etl._require_choices(etl.extract) IS
    'Checks what is one of a few words in an extract of any kind (22023).';

CREATE FUNCTION etl._store_extract(wanted etl.extract, if_not_exists boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number integer;
BEGIN
    PERFORM etl._require_writable(), etl._require_flag(if_not_exists, 'if_not_exists');
    PERFORM etl._require_name(wanted.name, 'name');
    PERFORM etl._require_choices(wanted);
    INSERT INTO etl.extract (
        name, kind, source, target, mapping, key_columns, "cursor", write_mode, on_bad_row, new_fields, keep_raw,
        parent, schedule, description)
    VALUES (
        wanted.name, wanted.kind, wanted.source, wanted.target, wanted.mapping, wanted.key_columns, wanted."cursor",
        wanted.write_mode, wanted.on_bad_row, wanted.new_fields, wanted.keep_raw, wanted.parent,
        wanted.schedule, wanted.description)
    ON CONFLICT DO NOTHING
    RETURNING extract_id INTO number;
    IF number IS NULL THEN
        PERFORM etl._tell_extract_exists(wanted, if_not_exists);
        RETURN;
    END IF;
    INSERT INTO etl.extract_state (extract_id) VALUES (number);
    IF wanted.schedule IS NOT NULL THEN
        PERFORM etl._extract_schedule(wanted);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._store_extract(etl.extract, boolean) IS
    'Writes a new extract of any kind down, whose kind''s own settings the caller has checked, and puts it on its '
    'schedule. 42710 where one of that name exists; 22023 a choice that is none.';

CREATE FUNCTION etl._without_nulls(document jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(m.key, m.value) FILTER (WHERE jsonb_typeof(m.value) <> 'null'), '{}')
    FROM jsonb_each(document) AS m
$$;
COMMENT ON FUNCTION etl._without_nulls(jsonb) IS
    'An object without its members that are null. Unlike jsonb_strip_nulls it leaves alone what is within the others, '
    'such as a null in the body of a request.';

CREATE FUNCTION etl._http_source(
    server text, path text, query jsonb, headers jsonb, method text, body jsonb, records_path text, paginate jsonb,
    max_pages integer, parallel integer)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF path IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no path was given',
            HINT = 'Give the path below the server''s base_url, as in ''/v1/events''.';
    ELSIF max_pages < 1 OR max_pages IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('max_pages must be 1 or more, not %s', coalesce(max_pages::text, 'NULL')),
            HINT = 'A run that would read more pages than this ends with an error.';
    END IF;
    IF query IS NOT NULL THEN
        PERFORM etl._require_object(query, 'query');
    END IF;
    IF headers IS NOT NULL THEN
        PERFORM etl._require_object(headers, 'headers');
    END IF;
    IF method IS NOT NULL THEN
        PERFORM etl._require_one_of(upper(method), '{GET,POST}', 'method');
    END IF;
    PERFORM etl._check_paging(records_path, paginate, query, headers, parallel);
    RETURN etl._without_nulls(jsonb_build_object(
        'server', server, 'path', path, 'query', query, 'headers', headers, 'method', upper(method), 'body', body,
        'records_path', records_path, 'paginate', paginate, 'max_pages', max_pages, 'parallel', parallel));
END
$$;
COMMENT ON FUNCTION etl._http_source(text, text, jsonb, jsonb, text, jsonb, text, jsonb, integer, integer) IS
    'What only extracts from HTTP APIs say, as a member each. 22023 where one cannot be.';

CREATE FUNCTION etl.create_extract(
    name text,
    server name,
    path text,
    target regclass DEFAULT NULL,
    records_path text DEFAULT 'auto',
    paginate jsonb DEFAULT '{"type": "auto"}',
    mapping jsonb DEFAULT NULL,
    key_columns name[] DEFAULT NULL,
    "cursor" jsonb DEFAULT NULL,
    write_mode text DEFAULT NULL,
    parent text DEFAULT NULL,
    on_bad_row text DEFAULT 'dead_letter',
    new_fields text DEFAULT 'ignore',
    keep_raw boolean DEFAULT false,
    query jsonb DEFAULT NULL,
    headers jsonb DEFAULT NULL,
    method text DEFAULT NULL,
    body jsonb DEFAULT NULL,
    max_pages integer DEFAULT 10000,
    parallel integer DEFAULT NULL,
    schedule text DEFAULT NULL,
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
    wanted.kind := 'http';
    wanted.source := etl._http_source(server, path, query, headers, method, body, records_path, paginate, max_pages,
                                      parallel);
    wanted.target := etl._relation_name(target);
    wanted.mapping := mapping;
    wanted.key_columns := key_columns;
    wanted."cursor" := "cursor";
    wanted.write_mode := coalesce(write_mode, CASE WHEN key_columns IS NULL THEN 'append' ELSE 'upsert' END);
    wanted.parent := parent;
    wanted.on_bad_row := on_bad_row;
    wanted.new_fields := new_fields;
    wanted.keep_raw := keep_raw;
    wanted.schedule := btrim(schedule);
    wanted.description := description;
    PERFORM etl._check_http_extract(wanted);
    PERFORM etl._store_extract(wanted, if_not_exists);
END
$$;
COMMENT ON FUNCTION etl.create_extract(
    text, name, text, regclass, text, jsonb, jsonb, name[], jsonb, text, text, text, text, boolean, jsonb, jsonb, text,
    jsonb, integer, integer, text, text, boolean) IS
$$Defines an extract: which records of an HTTP API go into which table. CALL etl.run_extract(name) carries it out.
name: 1 to 63 bytes, unique in the database. server: a foreign server of etl_http. path: below its base_url; {column}
stands for a column of the parent's table, {cursor} for the cursor; in query they may stand as well, and in body as
whole strings. query, headers: JSON objects that are sent along (secrets belong into a user mapping). body: JSON.
method: GET or POST, which it is where there is a body. records_path, paginate, max_pages, parallel: as in etl.fetch.
target: the table; NULL until etl.infer_table makes one. mapping: an object with a rule for each column, as
docs/mapping.md tells; NULL: fields go into the columns of the same names. key_columns: what identifies a row; append
and upsert need a unique index on it.
write_mode: append adds rows, with a key only those that are not there yet; upsert also changes those that are there
(the default with a key); replace puts the records in the place of all rows of the table, delete_insert in the place of
the rows that have one of their keys, both at the end and in one transaction.
cursor: an object with column (of the target, which grows from change to change), param (of the query, which asks for
records from there on), format (iso, epoch, epoch_ms or a pattern of to_char), start (the first value) and lag (how far
behind the highest value the next run begins, an interval or a number). It needs a key.
parent: an extract whose rows this one makes its requests for. on_bad_row: what does not fit goes to etl.dead_letters
(dead_letter), ends the run (error) or is only counted (skip). new_fields: fields that no rule names are left alone
(ignore), listed in the run (report) or become columns (add). keep_raw: keeps each record in etl.raw_record as well.
schedule: five fields of cron, for pg_cron. if_not_exists: one that exists is left as it is.
Errors: 42710 name taken, 42704 no such server or parent, 42501 missing privilege, 22023 an argument that cannot be,
42703 no such column, 42P10 no unique index on the key.$$;

CREATE FUNCTION etl._set_extract_paused(name text, paused boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._extract(name);
BEGIN
    PERFORM etl._require_writable();
    IF (stored.paused_at IS NOT NULL) = paused THEN
        RAISE NOTICE USING MESSAGE = format('extract "%s" is %s', name,
                                            CASE WHEN paused THEN 'paused already' ELSE 'not paused' END);
        RETURN;
    END IF;
    UPDATE etl.extract AS e SET paused_at = CASE WHEN paused THEN now() END WHERE e.extract_id = stored.extract_id;
END
$$;
COMMENT ON FUNCTION etl._set_extract_paused(text, boolean) IS
    'Pauses an extract or lets it go on; a notice where it is so already.';

CREATE FUNCTION etl.pause_extract(name text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT etl._set_extract_paused(name, true) $$;
COMMENT ON FUNCTION etl.pause_extract(text) IS
    'Lets etl.run_extract leave an extract alone, with a notice; a run under way ends after its page and is gone on '
    'with once etl.resume_extract was called. Errors: 42704 no such extract, 42501 another role''s.';

CREATE FUNCTION etl.resume_extract(name text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT etl._set_extract_paused(name, false) $$;
COMMENT ON FUNCTION etl.resume_extract(text) IS
    'Lets a paused extract be run again. Errors: 42704 no such extract, 42501 another role''s.';

CREATE FUNCTION etl.drop_extract(name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    doomed etl.extract;
    child text;
BEGIN
    PERFORM etl._require_writable(), etl._require_flag(if_exists, 'if_exists');
    IF if_exists AND name IS NOT NULL
       AND NOT EXISTS (SELECT FROM etl.extract AS e WHERE e.name = drop_extract.name) THEN
        RAISE NOTICE USING MESSAGE = format('extract "%s" does not exist, skipping', name);
        RETURN;
    END IF;
    doomed := etl._extract(name, or_superuser => true);
    SELECT e.name INTO child FROM etl.extract AS e WHERE e.parent = doomed.name ORDER BY e.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('extract "%s" is the parent of extract "%s"', name, child),
            HINT = format('SELECT etl.drop_extract(%L); first.', child);
    END IF;
    PERFORM etl._lock_extract(doomed);
    PERFORM etl._drop_stage(doomed);
    doomed.schedule := NULL;
    PERFORM etl._extract_schedule(doomed);
    DELETE FROM etl.extract AS e WHERE e.extract_id = doomed.extract_id;
    PERFORM etl._unlock_run('etl.extract', doomed.extract_id);
END
$$;
COMMENT ON FUNCTION etl.drop_extract(text, boolean) IS
    'Drops an extract with its state and its schedule. Its table, its dead letters and the record of its runs stay. '
    'Errors: 42704 no such extract, 42501 another role''s, 2BP01 it is the parent of another one, 55006 it is being '
    'run.';
