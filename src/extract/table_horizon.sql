-- Up to where a cursor column can be trusted.
--
-- The mark M of a run is the highest value that is visible. A value that is taken after M was seen is higher than M, as
-- the column increases; so only transactions that were open at that moment can still commit a row at or below M. Once
-- all of them have ended, M is safe: every row up to it is there to be read, now and for ever. Which ones count?
--   writers       Those that had a lock on the table by which it can be written. It is enough where the value is taken
--                 by the INSERT or UPDATE itself, after it has locked the table: clock_timestamp() in a trigger, a
--                 sequence in a DEFAULT, an identity. But of a sequence nothing tells whether some session calls
--                 nextval() before its INSERT, so this is for those who say it.
--   transactions  All that were open in the database. A transaction may have its value, now() or a number, long before
--                 it touches the table.
-- They are told by their virtual ids, as pg_locks has them: it has every transaction (each holds a lock on its own id,
-- and a prepared one, which keeps its virtual id, on its transaction id), before it has a transaction id too. Virtual
-- ids begin anew with the server, so its start is noted with them.
--
-- A message of several statements may hold several transactions, and now() is in each the moment when the message came.
-- So a column of times also waits for the sessions of these transactions: each of them must have been seen in no
-- transaction, or in one that is known to have begun later.

-- Locks are looked at first, and what the sessions do after that: a transaction that was seen and whose session is at a
-- VACUUM afterwards is that VACUUM, or has ended.
CREATE FUNCTION etl._open_transactions()
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    seen jsonb;
BEGIN
    SELECT jsonb_object_agg(l.virtualtransaction, l.pid) INTO seen
    FROM pg_locks AS l
    WHERE l.locktype = 'virtualxid' AND l.virtualxid = l.virtualtransaction AND l.pid <> pg_backend_pid()
       OR l.locktype = 'transactionid' AND l.pid IS NULL AND l.mode = 'ExclusiveLock';
    PERFORM pg_stat_clear_snapshot();
    RETURN QUERY
        SELECT s.key
        FROM jsonb_each_text(coalesce(seen, '{}')) AS s
        LEFT JOIN pg_stat_activity AS a ON a.pid = s.value::integer
        WHERE (a.datid IS NULL OR a.datname = current_database())
          AND NOT EXISTS (SELECT FROM pg_stat_get_progress_info('VACUUM') AS v WHERE v.pid = a.pid);
END
$$;
COMMENT ON FUNCTION etl._open_transactions() IS
    'Virtual ids of the transactions that are open in this database but for the caller''s own: those of sessions that '
    'are not at a VACUUM, which writes no rows, and prepared ones, of whatever database.';

CREATE VIEW etl.open_transactions WITH (security_invoker = true) AS
SELECT t.transaction,
       pg_catalog.pg_postmaster_start_time() AS server_start,
       pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.text::bigint AS oldest_xid,
       pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text::bigint AS next_xid,
       (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c) AS server_id
FROM (SELECT etl._open_transactions() UNION ALL SELECT NULL) AS t(transaction);
COMMENT ON VIEW etl.open_transactions IS
    'The transactions that are open in this database (virtual ids as in pg_locks), without the reader''s own and '
    'without VACUUM, and a row with NULL, so that the rest is there when none is: when the server started, the '
    'oldest transaction id that is running, the next one, and which server this is. What copies of tables wait for; '
    'another database reads it as a foreign table and names that in etl.create_table_extract(…, transactions => …).';
GRANT SELECT ON etl.open_transactions TO PUBLIC;

CREATE FUNCTION etl._table_writers(relation regclass)
RETURNS SETOF text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    SELECT DISTINCT l.virtualtransaction
    FROM pg_locks AS l
    WHERE l.locktype = 'relation' AND l.granted AND l.relation IN (SELECT etl._family(_table_writers.relation))
      AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
      AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
      AND l.pid IS DISTINCT FROM pg_backend_pid()
$$;
COMMENT ON FUNCTION etl._table_writers(regclass) IS
    'Virtual ids of the transactions that have a lock on a table, or on one below it, by which it can be written.';

CREATE FUNCTION etl._table_open(copy etl._table_copy)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids text[];
BEGIN
    IF copy.horizon = 'lag' THEN
        RETURN '{"ids": []}';
    ELSIF copy.transactions IS NOT NULL THEN
        RETURN etl._locked_value(format(
            'SELECT jsonb_build_object(''server'', max(t.server_start), ''ids'', '
            'coalesce(jsonb_agg(DISTINCT t.transaction) FILTER (WHERE t.transaction IS NOT NULL), ''[]'')) '
            'FROM %s AS t', copy.transactions), NULL::jsonb);
    ELSIF copy.horizon = 'writers' THEN
        ids := ARRAY(SELECT w FROM etl._table_writers(copy.source) AS w);
    ELSE
        ids := ARRAY(SELECT t FROM etl._open_transactions() AS t);
    END IF;
    RETURN jsonb_build_object('server', pg_postmaster_start_time(), 'ids', ids, 'at', clock_timestamp());
END
$$;
COMMENT ON FUNCTION etl._table_open(etl._table_copy) IS
    'The transactions that may still write rows of the source with values that are taken already (ids), when their '
    'server was started and, here, when that was seen (at).';

CREATE FUNCTION etl._table_present(copy etl._table_copy, open jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET jit = off
AS $$
DECLARE
    ids text[];
    early text[];
BEGIN
    IF copy.transactions IS NOT NULL THEN
        RETURN etl._table_open(copy);
    END IF;
    ids := ARRAY(SELECT DISTINCT l.virtualtransaction FROM pg_locks AS l);
    PERFORM pg_stat_clear_snapshot();
    early := ARRAY(SELECT l.virtualtransaction
                   FROM pg_locks AS l
                   JOIN pg_stat_activity AS a ON a.pid = l.pid
                   WHERE l.locktype = 'virtualxid' AND l.virtualxid = l.virtualtransaction
                     AND a.datname = current_database()
                     AND coalesce(a.xact_start <= (open ->> 'at')::timestamptz, true));
    RETURN jsonb_build_object('server', pg_postmaster_start_time(), 'ids', ids, 'early', early);
END
$$;
COMMENT ON FUNCTION etl._table_present(etl._table_copy, jsonb) IS
    'The transactions that are open now (ids) and, of those here, the ones which may have begun before others were '
    'noted (early): when transactions of other roles did is told to pg_read_all_stats only.';

-- A transaction that has ended here may not be visible yet to a snapshot that was taken before: the rows are read in a
-- later transaction. A session is known by what stands before the slash of a virtual id.
CREATE FUNCTION etl._table_still_open(copy etl._table_copy, open jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    here jsonb;
    early text[];
BEGIN
    IF open -> 'ids' = '[]' THEN
        RETURN '[]';
    END IF;
    here := etl._table_present(copy, open);
    IF (here ->> 'server')::timestamptz IS DISTINCT FROM (open ->> 'server')::timestamptz THEN
        RETURN NULL;
    ELSIF copy.horizon = 'transactions' AND copy.cursor_type ~ '^(date|timestamp)' THEN
        early := ARRAY(SELECT split_part(e, '/', 1)
                       FROM jsonb_array_elements_text(coalesce(here -> 'early', here -> 'ids')) AS e
                       WHERE NOT open -> 'ids' ? e);
    END IF;
    RETURN (SELECT coalesce(jsonb_agg(o), '[]') FROM jsonb_array_elements_text(open -> 'ids') AS o
            WHERE here -> 'ids' ? o OR split_part(o, '/', 1) = ANY (early));
END
$$;
COMMENT ON FUNCTION etl._table_still_open(etl._table_copy, jsonb) IS
    'Those of the transactions that are to be waited for still: they are open, or their session is in another one with '
    'a now() that may be as old. NULL where the server was started anew: they are known no more, as prepared ones have '
    'got other ids.';

-- Values of the cursor ------------------------------------------------------------------------------------------------

-- They are kept as JSON writes them, which no setting of a session changes.
CREATE FUNCTION etl._table_compute(copy etl._table_copy, expression text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    value text;
BEGIN
    EXECUTE format('SELECT to_jsonb((%s)::%s) #>> ''{}''', expression, copy.cursor_type) INTO value;
    RETURN value;
END
$$;
COMMENT ON FUNCTION etl._table_compute(etl._table_copy, text) IS 'The value of an expression of the cursor''s type.';

CREATE FUNCTION etl._table_least(copy etl._table_copy, one text, other text)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._table_compute(copy, format('least(%1$L::%3$s, %2$L::%3$s)', one, other, (copy).cursor_type))
$$;
COMMENT ON FUNCTION etl._table_least(etl._table_copy, text, text) IS 'The smaller of two values; of NULL the other.';

CREATE FUNCTION etl._table_floor(copy etl._table_copy, value text)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN (copy).lag IS NULL OR value IS NULL THEN value
                ELSE etl._table_compute(copy, format('%L::%s - %L::%s', value, (copy).cursor_type, (copy).lag,
                                                     CASE WHEN (copy).cursor_type ~ '^(date|timestamp)' THEN 'interval'
                                                          ELSE 'numeric' END)) END
$$;
COMMENT ON FUNCTION etl._table_floor(etl._table_copy, text) IS 'A mark less the lag of a copy.';

CREATE FUNCTION etl._table_above(copy etl._table_copy, comparison text, value text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%I.%I %s %L::%s', etl._table_alias(copy), (copy).cursor_column, comparison, value,
                  (copy).cursor_type)
    WHERE value IS NOT NULL
$$;
COMMENT ON FUNCTION etl._table_above(etl._table_copy, text, text) IS
    'Condition that compares the cursor with a value; NULL for none.';

CREATE FUNCTION etl._table_require_cursors(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place CONSTANT text := format('%I.%I', etl._table_alias(copy), copy.cursor_column);
    endless CONSTANT text := CASE
        WHEN copy.cursor_type LIKE 'timestamp%' OR copy.cursor_type = 'date'
            THEN format('%1$s = ''infinity'' OR %1$s = ''-infinity''', place)
        WHEN copy.cursor_type = 'numeric'
            THEN format('%1$s = ''infinity'' OR %1$s = ''-infinity'' OR %1$s = ''NaN''', place) END;
    is_not_null CONSTANT boolean := (
        SELECT a.attnotnull AND NOT copy.is_foreign FROM pg_attribute AS a
        WHERE a.attrelid = copy.source AND a.attname = copy.cursor_column);
    condition CONSTANT text := concat_ws(' OR ', CASE WHEN NOT is_not_null THEN place || ' IS NULL' END, endless);
    found text;
BEGIN
    IF condition <> '' THEN
        found := etl._locked_value(format('SELECT (SELECT coalesce(%s::text, ''NULL'') %s LIMIT 1)', place,
                                          etl._table_from(copy, condition)), NULL::text);
    END IF;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE found WHEN 'NULL' THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
            MESSAGE = format('table "%s" has rows whose %I is %s', copy.source, copy.cursor_column, found),
            DETAIL = 'Such a row comes neither before nor after a mark, so nobody could tell whether it was copied.',
            HINT = format('Give these rows a value, or leave them out with filter => %L.',
                          format('%I < ''infinity''', copy.cursor_column));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_cursors(etl._table_copy) IS
    'Raises where the cursor of a row is NULL (22004) or without end (22023).';

CREATE FUNCTION etl._table_require_ahead(copy etl._table_copy, mark text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sequence CONSTANT regclass := etl._table_sequence(copy.source, copy.cursor_column);
BEGIN
    IF sequence IS NULL OR NOT has_sequence_privilege(sequence, 'SELECT,USAGE') THEN
        RETURN;
    ELSIF coalesce(pg_sequence_last_value(sequence), 0) < mark::numeric THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('sequence "%s" is at %s, below the mark %s of extract "%s"', sequence,
                             coalesce(pg_sequence_last_value(sequence), 0), mark, copy.name),
            DETAIL = 'It was set back, as TRUNCATE … RESTART IDENTITY does: new rows get numbers that count as copied.',
            HINT = format('Set it past the mark with SELECT setval(%L, %s); or let the extract begin anew with '
                          'SELECT etl.reset_cursor(%L);', sequence::text, mark, copy.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_ahead(etl._table_copy, text) IS
    'Raises (55000) where the sequence of the cursor was set back below the mark.';

CREATE FUNCTION etl._table_sequence_file(copy etl._table_copy)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'file', pg_relation_filenode(s.sequence)::bigint,
        'database', (SELECT d.oid::bigint FROM pg_database AS d WHERE d.datname = current_database()),
        'server', (SELECT c.system_identifier FROM pg_control_system() AS c))
    FROM etl._table_sequence((copy).source, (copy).cursor_column) AS s(sequence)
    WHERE s.sequence IS NOT NULL
$$;
COMMENT ON FUNCTION etl._table_sequence_file(etl._table_copy) IS
    'The file of the sequence of the cursor, and of which database and server it is: TRUNCATE … RESTART IDENTITY and '
    'ALTER SEQUENCE … RESTART give it a new one. NULL where the cursor has no sequence.';

-- Once the numbers have passed the mark again, nothing but the file tells that they began anew.
CREATE FUNCTION etl._table_require_same_sequence(copy etl._table_copy, mark text, noted jsonb, present jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF mark IS NOT NULL AND noted - 'file' = present - 'file' AND noted <> present THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('sequence "%s" of extract "%s" was made anew or altered',
                             etl._table_sequence(copy.source, copy.cursor_column), copy.name),
            DETAIL = format('Where it began anew, as TRUNCATE … RESTART IDENTITY lets it, rows up to the mark %s are '
                            'new and would count as copied.', mark),
            HINT = format('SELECT etl.reset_cursor(%L); copies all rows anew. If no number was given twice, as with '
                          'ALTER SEQUENCE … MAXVALUE, go on at the mark: SELECT etl.reset_cursor(%L, %L);',
                          copy.name, copy.name, mark);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_same_sequence(etl._table_copy, text, jsonb, jsonb) IS
    'Raises (55000) where the sequence of the cursor has got another file in the same database since the mark was set.';

-- More rows with the mark's own value may come as long as nothing makes the values unique. An update reads those rows
-- again. What is appended is read once: rows with the highest value are left until a higher one is there. But times of
-- one microsecond are those of one transaction, and are complete with it; only round ones may be of a column that is
-- coarser than its type, as date_trunc('second', now()) is, or whose clock is.
CREATE FUNCTION etl._table_may_repeat(copy etl._table_copy, value text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (copy).has_ties AND CASE WHEN (copy).cursor_type LIKE 'timestamp%' AND (copy).write_mode = 'append'
                                    THEN extract(microseconds FROM value::timestamp) % 1000 = 0 ELSE true END
$$;
COMMENT ON FUNCTION etl._table_may_repeat(etl._table_copy, text) IS
    'Whether more rows with this value, the highest one, may come once the transactions that were open have ended. Of '
    'times that are appended only those of a whole millisecond.';

CREATE FUNCTION etl._table_comparison(copy etl._table_copy, mark text, detail jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN (copy).lag IS NOT NULL OR (copy).has_ties AND (copy).write_mode <> 'append'
                     OR detail ->> 'open_at' = mark
                THEN '>=' ELSE '>' END
$$;
COMMENT ON FUNCTION etl._table_comparison(etl._table_copy, text, jsonb) IS
    'How rows that are to be read compare with the mark: with or without those that are equal to it.';

-- A run chooses -------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._table_pause(copy etl._table_copy)
RETURNS double precision
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- A transaction has its now() a moment before it has an id.
    SELECT 0.02 WHERE (copy).cursor_type LIKE 'timestamp%' AND (copy).horizon <> 'lag'
$$;
COMMENT ON FUNCTION etl._table_pause(etl._table_copy) IS
    'How long, in seconds, after the highest time was seen another transaction may have the same one; NULL for never.';

CREATE FUNCTION etl._table_choose(copy etl._table_copy, mark text, detail jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    place CONSTANT text := format('%I.%I', etl._table_alias(copy), copy.cursor_column);
    file CONSTANT jsonb := etl._table_sequence_file(copy);
    highest text;
BEGIN
    PERFORM etl._table_require_cursors(copy), etl._table_require_ahead(copy, mark),
            etl._table_require_same_sequence(copy, mark, detail -> 'sequence', file);
    IF copy.horizon <> 'lag' THEN
        PERFORM etl._table_require_sequence(copy);
    END IF;
    detail := detail - 'sequence' || CASE WHEN file IS NULL THEN '{}' ELSE jsonb_build_object('sequence', file) END;
    highest := etl._locked_value(format('SELECT to_jsonb(max(%s)) #>> ''{}'' %s', place, etl._table_from(
        copy, coalesce(etl._table_above(copy, etl._table_comparison(copy, mark, detail), etl._table_floor(copy, mark)),
                       'true'))), NULL::text);
    IF highest IS NULL THEN
        RETURN detail || '{"stage": "deletes"}';
    END IF;
    PERFORM pg_sleep(etl._table_pause(copy));
    RETURN detail || jsonb_build_object('stage', 'wait', 'highest', highest, 'open', etl._table_open(copy),
                                        'since', clock_timestamp());
END
$$;
COMMENT ON FUNCTION etl._table_choose(etl._table_copy, text, jsonb) IS
    'Begins a run: the highest value there is, and the transactions that were open after it was seen.';

CREATE FUNCTION etl._table_resolve(copy etl._table_copy, detail jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    still CONSTANT jsonb := etl._table_still_open(copy, detail -> 'open');
    is_safe CONSTANT boolean := coalesce(still = '[]', false);
    earlier jsonb := detail -> 'pending';
    earlier_still jsonb;
    safe text;
BEGIN
    detail := jsonb_set(detail, '{open,ids}', coalesce(still, detail #> '{open,ids}'));
    IF NOT is_safe AND clock_timestamp() < (detail ->> 'since')::timestamptz + copy.wait THEN
        RETURN detail;
    END IF;
    earlier_still := etl._table_still_open(copy, earlier -> 'open');
    IF is_safe THEN
        safe := detail ->> 'highest';
        earlier := NULL;
    ELSIF earlier_still = '[]' THEN
        safe := earlier ->> 'highest';
        earlier := NULL;
    END IF;
    IF NOT is_safe AND (earlier IS NULL OR earlier_still IS NULL) THEN
        earlier := jsonb_build_object('highest', detail -> 'highest', 'open', detail -> 'open');
    ELSIF earlier IS NOT NULL THEN
        earlier := jsonb_set(earlier, '{open,ids}', earlier_still);
    END IF;
    RETURN jsonb_strip_nulls(detail - '{pending,since,open}'::text[] || jsonb_build_object(
        'stage', 'rows', 'safe', safe, 'pending', earlier,
        'upto', CASE WHEN copy.write_mode = 'append' THEN safe ELSE detail ->> 'highest' END,
        'waits_for', nullif(CASE WHEN is_safe THEN 0 ELSE jsonb_array_length(detail #> '{open,ids}') END, 0)));
END
$$;
COMMENT ON FUNCTION etl._table_resolve(etl._table_copy, jsonb) IS
    'What a run may read (upto) and up to where the mark may move (safe), or the same stage again, with the '
    'transactions that are to be waited for still. When these stay open for longer than the copy waits, what was the '
    'highest value then is kept as pending: it is safe in the first run after they have ended.';
