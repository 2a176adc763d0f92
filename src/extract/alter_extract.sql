-- Extracts: how they are changed. Each kind has a function with the arguments of the one that makes it, less those that
-- its state relies on.

CREATE FUNCTION etl._changeable_extract(name text, kind text)
RETURNS etl.extract
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored etl.extract := etl._extract(name);
BEGIN
    PERFORM etl._require_writable();
    -- What another session changes meanwhile is not to be written over.
    SELECT e.* INTO stored FROM etl.extract AS e WHERE e.extract_id = stored.extract_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM etl._extract(name); -- raises: it was dropped meanwhile
    END IF;
    IF stored.kind <> kind THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('extract "%s" is of kind %s', name, stored.kind),
            HINT = format('Change it with %s(%L, …).', etl._altering(stored.kind), name);
    END IF;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION etl._changeable_extract(text, text) IS
    'The current role''s extract of that name and kind, locked to the end of the transaction (42704, 42501, 42809).';

CREATE FUNCTION etl._changed_extract(
    stored etl.extract, given jsonb, of_source jsonb, reset text[], may_reset text[])
RETURNS etl.extract
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    given := etl._without_nulls(given);
    of_source := etl._without_nulls(of_source);
    PERFORM etl._require_reset(reset, may_reset, ARRAY(SELECT jsonb_object_keys(given || of_source)));
    RETURN jsonb_populate_record(stored, (to_jsonb(stored) || given) - reset
        || (SELECT coalesce(jsonb_object_agg(r, NULL), '{}') FROM unnest(reset) AS r)
        || jsonb_build_object('source', (stored.source || of_source) - reset));
END
$$;
COMMENT ON FUNCTION etl._changed_extract(etl.extract, jsonb, jsonb, text[], text[]) IS
    'An extract with other settings: those that all kinds have, those of its source, and without those that are reset '
    '(22023 where one cannot be). NULL leaves each as it is.';

CREATE FUNCTION etl._require_not_staged(stored etl.extract, changed etl.extract)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF etl._stage_name(stored) IS NOT NULL AND to_regclass(etl._stage_name(stored)) IS NOT NULL
       AND (stored.target, stored.write_mode, stored.mapping)
           IS DISTINCT FROM (changed.target, changed.write_mode, changed.mapping) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('a run of extract "%s" is unfinished', stored.name),
            DETAIL = format('Its rows wait in table "%s" for those that are to come.', etl._stage_name(stored)),
            HINT = format('CALL etl.run_extract(%1$L); finishes it, SELECT etl.reset_cursor(%1$L); gives it up.',
                          stored.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_not_staged(etl.extract, etl.extract) IS
    'Checks that rows which wait in a staging table still fit the extract that is changed (55000).';

CREATE FUNCTION etl._store_changed_extract(stored etl.extract, changed etl.extract)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_choices(changed), etl._require_not_staged(stored, changed);
    UPDATE etl.extract AS e
    SET source = changed.source, target = changed.target, mapping = changed.mapping, key_columns = changed.key_columns,
        "cursor" = changed."cursor", write_mode = changed.write_mode, on_bad_row = changed.on_bad_row,
        new_fields = changed.new_fields, keep_raw = changed.keep_raw, parent = changed.parent,
        schedule = changed.schedule, description = changed.description
    WHERE e.extract_id = stored.extract_id;
    IF changed.schedule IS DISTINCT FROM stored.schedule THEN
        PERFORM etl._extract_schedule(changed);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._store_changed_extract(etl.extract, etl.extract) IS
    'Writes down what was changed of an extract, and puts it on its schedule.';

CREATE FUNCTION etl.alter_extract(
    name text,
    server name DEFAULT NULL,
    path text DEFAULT NULL,
    target regclass DEFAULT NULL,
    records_path text DEFAULT NULL,
    paginate jsonb DEFAULT NULL,
    mapping jsonb DEFAULT NULL,
    key_columns name[] DEFAULT NULL,
    "cursor" jsonb DEFAULT NULL,
    write_mode text DEFAULT NULL,
    parent text DEFAULT NULL,
    on_bad_row text DEFAULT NULL,
    new_fields text DEFAULT NULL,
    keep_raw boolean DEFAULT NULL,
    query jsonb DEFAULT NULL,
    headers jsonb DEFAULT NULL,
    method text DEFAULT NULL,
    body jsonb DEFAULT NULL,
    max_pages integer DEFAULT NULL,
    parallel integer DEFAULT NULL,
    schedule text DEFAULT NULL,
    description text DEFAULT NULL,
    reset text[] DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._changeable_extract(name, 'http');
    changed etl.extract := etl._changed_extract(
        stored,
        jsonb_build_object(
            'target', etl._relation_name(target), 'mapping', mapping, 'key_columns', key_columns, 'cursor', "cursor",
            'write_mode', write_mode, 'on_bad_row', on_bad_row, 'new_fields', new_fields, 'keep_raw', keep_raw,
            'parent', parent, 'schedule', btrim(schedule), 'description', description),
        jsonb_build_object(
            'server', server, 'path', path, 'method', method, 'records_path', records_path, 'paginate', paginate,
            'query', query, 'headers', headers, 'body', body, 'max_pages', max_pages, 'parallel', parallel),
        reset, '{mapping,key_columns,cursor,parent,query,headers,method,body,parallel,schedule,description}');
    s CONSTANT jsonb := changed.source;
BEGIN
    changed.source := etl._http_source(
        s ->> 'server', s ->> 'path', s -> 'query', s -> 'headers', s ->> 'method', s -> 'body', s ->> 'records_path',
        s -> 'paginate', (s ->> 'max_pages')::integer, (s ->> 'parallel')::integer);
    PERFORM etl._check_http_extract(changed), etl._store_changed_extract(stored, changed);
END
$$;
COMMENT ON FUNCTION etl.alter_extract(
    text, name, text, regclass, text, jsonb, jsonb, name[], jsonb, text, text, text, text, boolean, jsonb, jsonb, text,
    jsonb, integer, integer, text, text, text[]) IS
$$Changes an extract from an HTTP API, from its next run on. Arguments as in etl.create_extract; NULL leaves each as it
is. reset: names of those to take away: mapping, key_columns, cursor, parent, query, headers, method, body, parallel,
schedule, description. An unfinished run goes on where it was; CALL etl.run_extract(name, restart => true) begins anew.
Errors: 42704 no such extract, 42501 another role's, 42809 of another kind, 22023 an argument that cannot be, 55000
another target or write mode while rows wait in the staging table, and those of etl.create_extract.$$;

CREATE FUNCTION etl._require_mark_kept(stored etl.extract, changed etl.extract)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key name;
BEGIN
    IF (stored."cursor" - 'lag') IS DISTINCT FROM (changed."cursor" - 'lag')
       OR stored."cursor" ? 'lag' <> changed."cursor" ? 'lag' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('only how long the lag is can be changed of the cursor of extract "%s"', stored.name),
            DETAIL = format('Up to where it has copied is told by its cursor, %s.', stored."cursor"),
            HINT = format('Give a cursor with the same members, or SELECT etl.drop_extract(%L); and define it anew.',
                          stored.name);
    END IF;
    SELECT k INTO key FROM unnest(stored.key_columns) AS k
    WHERE stored.mapping ->> k IS DISTINCT FROM changed.mapping ->> k LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('what goes into key column "%s" of extract "%s" cannot be changed', key, stored.name),
            DETAIL = format('By it the rows are known that were copied. It is %s.', stored.mapping -> key),
            HINT = format('Leave it, or SELECT etl.drop_extract(%L); and define it anew.', stored.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_mark_kept(etl.extract, etl.extract) IS
    'Checks that the mark of a copy means the same after a change (22023).';

CREATE FUNCTION etl.alter_table_extract(
    name text,
    "cursor" jsonb DEFAULT NULL,
    deletes boolean DEFAULT NULL,
    filter text DEFAULT NULL,
    columns jsonb DEFAULT NULL,
    wait interval DEFAULT NULL,
    transactions regclass DEFAULT NULL,
    batch_rows integer DEFAULT NULL,
    schedule text DEFAULT NULL,
    description text DEFAULT NULL,
    reset text[] DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._changeable_extract(name, 'table');
    changed CONSTANT etl.extract := etl._changed_extract(
        stored,
        jsonb_build_object('cursor', "cursor", 'mapping', columns, 'schedule', btrim(schedule),
                           'description', description),
        jsonb_build_object('deletes', deletes, 'filter', filter, 'wait', wait, 'batch_rows', batch_rows,
                           'transactions', etl._relation_name(transactions)),
        reset, '{filter,schedule,description}');
    s CONSTANT jsonb := changed.source;
BEGIN
    PERFORM etl._table_require_settings((s ->> 'wait')::interval, (s ->> 'batch_rows')::integer,
                                        (s ->> 'deletes')::boolean),
            etl._table_require_cursor_document(changed."cursor");
    IF (stored."cursor", stored.mapping) IS DISTINCT FROM (changed."cursor", changed.mapping) THEN
        PERFORM etl._require_mark_kept(stored, changed);
    END IF;
    PERFORM etl._table_check(etl._table_copy(changed)), etl._store_changed_extract(stored, changed);
    IF s ->> 'method' <> 'full'
       AND (stored.mapping, stored.source -> 'filter') IS DISTINCT FROM (changed.mapping, s -> 'filter') THEN
        RAISE NOTICE USING
            MESSAGE = format('extract "%s" copies what is new by its changed columns and filter', name),
            DETAIL = 'Rows that were copied, or passed over, before stay as they are.',
            HINT = format('SELECT etl.reset_cursor(%L); lets the next run read all of the source.', name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl.alter_table_extract(
    text, jsonb, boolean, text, jsonb, interval, regclass, integer, text, text, text[]) IS
$$Changes a copy of a table, from its next run on; the mark up to which it has copied stays. Arguments as in
etl.create_table_extract; NULL leaves each as it is. cursor: only its lag can be longer or shorter. columns: what goes
into the key cannot be changed. With other columns or another filter, rows that were copied or passed over before stay
as they are, which a notice tells. reset: names of those to take away: filter, schedule, description. On what is not
among the arguments (source, target, method, keys, write mode, horizon) the mark relies: drop the extract, and define it
anew.
Errors: 42704 no such extract, 42501 another role's, 42809 of another kind, 22023 an argument that cannot be, and those
of etl.create_table_extract.$$;

CREATE FUNCTION etl._evm_require_no_orphans(job etl.extract, changed jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hashes text[];
    first bigint;
BEGIN
    SELECT array_agg(b.block_hash) INTO hashes
    FROM etl.evm_block AS b
    JOIN etl.extract_state AS s USING (extract_id)
    WHERE b.extract_id = job.extract_id AND b.owner = current_user
      AND b.block_number > coalesce((s.detail -> 'final')::bigint, -1);
    first := etl._locked_value(format(
        'SELECT min(t.block_number) FROM %s AS t WHERE t.block_hash = ANY (%L::text[]) AND %s AND NOT (%s)',
        job.target, hashes, etl._evm_own_rows(job.source), etl._evm_own_rows(changed)), NULL::bigint);
    IF first IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('table "%s" has rows, of blocks that may yet be replaced, that extract "%s" would not '
                             'know any more', job.target, job.name),
            DETAIL = 'They are of events or contracts that are taken away, and would stay when the chain replaces '
                     'their blocks.',
            HINT = format('SELECT etl.reset_evm_extract(%L, %s); deletes them; alter the extract after it, and its '
                          'next run loads what it still reads of these blocks anew.', job.name, first);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._evm_require_no_orphans(etl.extract, jsonb) IS
    'Raises (55000) where the table has rows of blocks that may be replaced which would not be the extract''s own by a '
    'changed source.';

CREATE FUNCTION etl.alter_evm_extract(
    name text,
    server name DEFAULT NULL,
    addresses text[] DEFAULT NULL,
    events text[] DEFAULT NULL,
    confirmations integer DEFAULT NULL,
    max_range integer DEFAULT NULL,
    max_logs integer DEFAULT NULL,
    batch_size integer DEFAULT NULL,
    head_lag integer DEFAULT NULL,
    block_times boolean DEFAULT NULL,
    retry_pause interval DEFAULT NULL,
    on_bad_row text DEFAULT NULL,
    path text DEFAULT NULL,
    schedule text DEFAULT NULL,
    description text DEFAULT NULL,
    reset text[] DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._changeable_extract(name, 'evm');
    changed etl.extract := etl._changed_extract(
        stored,
        jsonb_build_object('on_bad_row', on_bad_row, 'schedule', btrim(schedule), 'description', description),
        jsonb_build_object('server', server, 'addresses', addresses, 'events', events, 'confirmations', confirmations,
                           'max_range', max_range, 'max_logs', max_logs, 'batch_size', batch_size,
                           'head_lag', head_lag, 'block_times', block_times,
                           'retry_pause', extract(epoch FROM retry_pause), 'path', path),
        reset, '{confirmations,schedule,description}');
    s CONSTANT jsonb := changed.source;
    is_other boolean;
BEGIN
    PERFORM etl._require_http_server(s ->> 'server');
    changed.source := etl._evm_source(
        s ->> 'server', s ->> 'path', (s -> 'chain_id')::bigint, etl._evm_addresses(s), etl._evm_declarations(s),
        (s -> 'start_block')::bigint, (s ->> 'confirmations')::integer, (s -> 'head_lag')::integer,
        (s -> 'max_range')::integer, (s -> 'max_logs')::integer, (s -> 'batch_size')::integer,
        (s -> 'block_times')::boolean, make_interval(secs => (s -> 'retry_pause')::double precision));
    PERFORM etl._require_extract_table(changed), etl._evm_check_target(changed);
    is_other := etl._evm_own_rows(changed.source) <> etl._evm_own_rows(stored.source);
    IF is_other THEN
        -- To the end of the transaction: no run may begin with the events of before.
        PERFORM etl._lock_extract(stored);
        PERFORM pg_advisory_xact_lock('etl.extract'::regclass::oid::integer, stored.extract_id);
        PERFORM etl._unlock_run('etl.extract', stored.extract_id);
        PERFORM etl._evm_require_no_orphans(stored, changed.source);
    END IF;
    PERFORM etl._store_changed_extract(stored, changed);
END
$$;
COMMENT ON FUNCTION etl.alter_evm_extract(
    text, name, text[], text[], integer, integer, integer, integer, integer, boolean, interval, text, text, text, text,
    text[]) IS
$$Changes an extract of logs, from its next run on. Arguments as in etl.create_evm_extract; NULL leaves each as it is.
The table must have the columns of new events (the error tells the ALTER TABLE). Blocks that were loaded are not read
again for new events or contracts: etl.reset_evm_extract sets the extract back. Events and contracts can only be taken
away when the table has no rows of theirs of blocks that may yet be replaced. reset: names of those to take away:
confirmations (down to the block that the node says is finalized), schedule, description.
Errors: 42704 no such extract or server, 42501 another role's, 42809 of another kind, 22023 an argument that cannot be,
42P01 its table is gone, 42703 and 42P10 the table lacks columns or the unique index, 55000 it has such rows, 55006
other events or contracts while it is being run.$$;

CREATE FUNCTION etl.alter_ingest(
    name text,
    target regclass DEFAULT NULL,
    mapping jsonb DEFAULT NULL,
    key_columns name[] DEFAULT NULL,
    write_mode text DEFAULT NULL,
    suite text DEFAULT NULL,
    on_bad_row text DEFAULT NULL,
    description text DEFAULT NULL,
    reset text[] DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._changeable_extract(name, 'ingest');
    changed CONSTANT etl.extract := etl._changed_extract(
        stored,
        jsonb_build_object('target', etl._relation_name(target), 'mapping', mapping, 'key_columns', key_columns,
                           'write_mode', write_mode, 'on_bad_row', on_bad_row, 'description', description),
        jsonb_build_object('suite', suite), reset, '{mapping,key_columns,suite,description}');
BEGIN
    PERFORM etl._require_extract_table(changed), etl._check_ingest(changed),
            etl._store_changed_extract(stored, changed);
END
$$;
COMMENT ON FUNCTION etl.alter_ingest(text, regclass, jsonb, name[], text, text, text, text, text[]) IS
$$Changes a source of etl.ingest, from the next call on. Arguments as in etl.create_ingest; NULL leaves each as it is.
reset: names of those to take away: mapping, key_columns, suite, description.
Errors: 42704 no such source, 42501 another role's, 42809 an extract, 42P01 its table is gone, 22023 an argument that
cannot be, and those of etl.create_ingest.$$;
