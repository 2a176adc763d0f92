-- What is asked of a copy of a table when it is defined.

CREATE FUNCTION etl._table_require_source(source regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind CONSTANT text := etl._relation_kind(source);
BEGIN
    IF kind IN ('foreign table', 'view', 'materialized view') THEN
        IF has_table_privilege(source, 'SELECT') THEN
            RETURN;
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for %s "%s"', kind, source),
            HINT = format('GRANT SELECT ON %s TO %I;', source, current_user);
    END IF;
    PERFORM etl._require_table(source, ARRAY['SELECT']), etl._require_permanent(source),
            etl._require_no_foreign_children(source);
END
$$;
COMMENT ON FUNCTION etl._table_require_source(regclass) IS
    'Checks that a relation is there, has rows to copy and may be read (42809, 42P01, 42501).';

CREATE FUNCTION etl._table_require_target(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    needed text[] := CASE WHEN copy.write_mode = 'append' THEN '{INSERT}' ELSE '{SELECT,INSERT,UPDATE}' END;
BEGIN
    IF copy.deletes OR copy.write_mode = 'replace' THEN
        needed := needed || '{DELETE}';
    END IF;
    PERFORM etl._require_table(copy.target, needed), etl._require_permanent(copy.target),
            etl._require_users_table(copy.target), etl._require_no_foreign_children(copy.target);
    IF copy.source IN (SELECT etl._family(copy.target)) OR copy.target IN (SELECT etl._family(copy.source)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('table "%s" cannot be copied into "%s", of which it is a part', copy.source, copy.target),
            HINT = 'Name another table as target.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_target(etl._table_copy) IS
    'Checks that the target is a table that may be written as the copy does it, and not the source (42809, 42501, '
    '22023).';

CREATE FUNCTION etl._table_require_query(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF copy.filter IS NOT NULL THEN
        PERFORM etl._require_condition(copy.source, copy.filter, 'filter');
        IF copy.method <> 'full' THEN
            PERFORM etl._expression_columns(copy.source, copy.filter, 'filter');
        END IF;
    END IF;
    IF jsonb_typeof(copy.columns) <> 'object' OR copy.columns = '{}' OR EXISTS (
        SELECT FROM jsonb_each(copy.columns) AS c WHERE jsonb_typeof(c.value) <> 'string') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'columns must be a JSON object of texts',
            HINT = 'Each member is a column of the target with a column of the source, or an expression over its '
                   'columns: columns => ''{"id": "id", "total": "price * quantity"}''.';
    END IF;
    SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.name) INTO unknown
    FROM jsonb_object_keys(copy.columns) AS c(name) WHERE c.name <> ALL (coalesce(etl._table_columns(copy), '{}'));
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('table "%s" does not have columns %s', copy.target, unknown),
            DETAIL = format('It has columns %s.', etl._column_names(copy.target)),
            HINT = 'The members of columns are columns of the target.';
    END IF;
    PERFORM etl._table_plan(copy);
END
$$;
COMMENT ON FUNCTION etl._table_require_query(etl._table_copy) IS
    'Checks the filter and the columns of a copy: what is read must fit into the target, and unless all is read each '
    'time, only a change of the row itself may let it pass the filter. Plans and reads nothing.';

CREATE FUNCTION etl._table_plan(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns CONSTANT text := etl._column_list(etl._table_columns(copy));
    reason text;
BEGIN
    PERFORM FROM etl._query_columns(etl._table_query(copy));
    PERFORM etl._lock_role();
    EXECUTE format('EXPLAIN INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE %s', copy.target, columns,
                   etl._table_query(copy, 'false'));
    RAISE EXCEPTION USING ERRCODE = 'ETLOK', MESSAGE = 'it can be planned';
EXCEPTION
    WHEN SQLSTATE 'ETLOK' THEN
        NULL; -- rolled back, which unlocks the role
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('the columns of "%s" do not fit into table "%s": %s', copy.source, copy.target, reason),
            DETAIL = format('They are %s.', copy.columns),
            HINT = 'Give for each column of the target an expression of its type with columns => ''{…}''; functions '
                   'and types outside pg_catalog need their schema.';
END
$$;
COMMENT ON FUNCTION etl._table_plan(etl._table_copy) IS
    'Plans what a copy inserts, under the SQLSTATE of PostgreSQL''s own complaint.';

CREATE FUNCTION etl._table_require_keys(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text;
BEGIN
    IF copy.keys IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s needs key_columns', CASE WHEN copy.write_mode = 'upsert' THEN 'write_mode upsert'
                                                          ELSE 'deletes' END),
            DETAIL = format('Table "%s" has no primary key that could stand for them.', copy.target),
            HINT = 'Give the columns by which a row is known: key_columns => ARRAY[''id''].';
    END IF;
    PERFORM etl._require_keys(copy.target, copy.keys), etl._key_index(copy.target, copy.keys);
    SELECT string_agg(quote_ident(k), ', ') INTO missing FROM unnest(copy.keys) AS k WHERE NOT copy.columns ? k::text;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('the key columns %s are not among the columns that are copied', missing),
            DETAIL = format('These are %s.', etl._column_list(etl._table_columns(copy))),
            HINT = 'Add them to columns, or name other key_columns.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_keys(etl._table_copy) IS
    'Checks that the keys are copied and have a unique index in the target (22023, 42703, 42P10).';

-- The method ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._table_refuse(message text, detail text, hint text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF detail IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = message, HINT = hint;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = message, DETAIL = detail, HINT = hint;
END
$$;
COMMENT ON FUNCTION etl._table_refuse(text, text, text) IS
    'Raises (0A000) what a copy cannot promise.';

CREATE FUNCTION etl._table_horizon(copy etl._table_copy)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
               WHEN copy.horizon <> 'auto' THEN copy.horizon
               WHEN copy.lag IS NOT NULL AND copy.transactions IS NULL THEN 'lag'
               ELSE 'transactions'
           END;
END
$$;
COMMENT ON FUNCTION etl._table_horizon(etl._table_copy) IS
    'The horizon that auto means: lag where one is given, and transactions for all else. Never writers: a session may '
    'call nextval() before its INSERT, also of a serial or identity column, and only its owner knows that none does.';

CREATE FUNCTION etl._table_require_sequence(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number record;
BEGIN
    SELECT s.seqrelid::regclass AS name, s.seqcache, s.seqincrement, s.seqcycle INTO number
    FROM pg_sequence AS s WHERE s.seqrelid = etl._table_sequence(copy.source, copy.cursor_column);
    IF number.seqcache > 1 OR number.seqincrement < 0 OR number.seqcycle THEN
        PERFORM etl._table_refuse(
            format('sequence "%s" of cursor column "%s" does not only increase', number.name, copy.cursor_column),
            CASE WHEN number.seqcache > 1
                     THEN format('With CACHE %s a session keeps numbers that it uses after others have used higher '
                                 'ones.', number.seqcache)
                 ELSE 'It counts down, or begins anew at its end.' END,
            format('ALTER SEQUENCE %s CACHE 1 INCREMENT BY 1 NO CYCLE; or use method => ''xmin'', or a lag of as many '
                   'numbers as may be kept with write_mode => ''upsert''.', number.name));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_sequence(etl._table_copy) IS
    'Raises (0A000) where the sequence of the cursor may give a lower number after a higher one.';

CREATE FUNCTION etl._table_require_cursor(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_column(copy.source, copy.cursor_column);
    IF copy.cursor_type NOT IN ('smallint', 'integer', 'bigint', 'numeric', 'date', 'timestamp without time zone',
                                'timestamp with time zone') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of table "%s" is of type %s, which cannot be a cursor', copy.cursor_column,
                             copy.source, copy.cursor_type),
            HINT = 'Name a column of a type of whole numbers, numeric, date or timestamp, or use method => ''xmin''.';
    ELSIF copy.lag IS NOT NULL AND copy.write_mode = 'append' THEN
        PERFORM etl._table_refuse('a copy with a lag reads rows again, and append would store them twice', NULL,
                                  'Use write_mode => ''upsert'' with key_columns.');
    ELSIF copy.horizon = 'lag' AND copy.lag IS NULL THEN
        PERFORM etl._table_refuse('horizon lag needs a lag', NULL,
                                  'Say how far back a transaction may still write, as in '
                                  'cursor => ''{"column": "updated_at", "lag": "1 hour"}''.');
    ELSIF copy.lag IS NOT NULL THEN
        PERFORM etl._table_require_lag(copy);
    END IF;
    IF copy.is_foreign AND copy.transactions IS NULL AND etl._table_horizon(copy) <> 'lag' THEN
        PERFORM etl._table_refuse(
            format('which transactions of the server of foreign table "%s" are open cannot be told', copy.source),
            'A row that one of them commits late would be lost.',
            'Give with transactions => a foreign table over its etl.open_transactions, or say how far back a '
            'transaction may still write: cursor => ''{"column": "updated_at", "lag": "1 hour"}''.');
    ELSIF copy.horizon = 'writers' AND copy.transactions IS NOT NULL THEN
        PERFORM etl._table_refuse('horizon writers takes no list of transactions', NULL,
                                  'Leave out horizon, or transactions.');
    ELSIF etl._table_horizon(copy) <> 'lag' THEN
        PERFORM etl._table_require_sequence(copy);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_cursor(etl._table_copy) IS
    'Checks what method cursor needs: a column that can be compared with a mark (42703, 42804), and a horizon that '
    'can be told (0A000).';

CREATE FUNCTION etl._table_require_lag(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_time CONSTANT boolean := copy.cursor_type ~ '^(date|timestamp)';
    is_back boolean;
BEGIN
    BEGIN
        is_back := CASE WHEN is_time THEN copy.lag::interval > interval '0' AND isfinite(copy.lag::interval)
                        ELSE copy.lag::numeric > 0 AND copy.lag::numeric < 'infinity' END;
    EXCEPTION
        WHEN data_exception THEN
            is_back := false;
    END;
    IF NOT is_back THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('lag "%s" is no span of type %s that is longer than zero', copy.lag, copy.cursor_type),
            HINT = CASE WHEN is_time THEN 'Give an interval, as in "lag": "1 hour".'
                        ELSE 'Give a number, as in "lag": 1000.' END;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_lag(etl._table_copy) IS
    'Checks that a lag is an interval or a number, as the cursor needs it, and longer than zero (22023).';

CREATE FUNCTION etl._table_require_xmin(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other regclass;
BEGIN
    IF copy.write_mode = 'append' THEN
        PERFORM etl._table_refuse('method xmin reads some rows twice, and append would store them twice',
                                  'It reads each row again that was changed, too.',
                                  'Use write_mode => ''upsert'' with key_columns.');
    ELSIF copy.is_foreign AND (copy.xid_column IS NULL OR copy.transactions IS NULL) THEN
        PERFORM etl._table_refuse(format('foreign table "%s" does not tell the xmin of its rows', copy.source),
            'A foreign table has no system columns of its server.',
            'Let it read a view of that server with a column xmin::text::bigint, and name that with xid_column => '
            'and a foreign table over its etl.open_transactions with transactions =>.');
    ELSIF NOT copy.is_foreign AND copy.xid_column IS NOT NULL THEN
        PERFORM etl._table_refuse('xid_column is for foreign tables', NULL, 'Leave it out.');
    ELSIF copy.xid_column IS NOT NULL THEN
        PERFORM etl._require_column(copy.source, copy.xid_column);
    END IF;
    SELECT c.oid INTO other
    FROM pg_class AS c JOIN pg_am AS m ON m.oid = c.relam
    WHERE c.oid IN (SELECT etl._family(copy.source)) AND m.amname <> 'heap' LIMIT 1;
    IF other IS NOT NULL THEN
        PERFORM etl._table_refuse(format('table "%s" is not stored as a heap, whose rows have an xmin', other), NULL,
                                  'Use method => ''cursor''.');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_xmin(etl._table_copy) IS
    'Checks that the xmin of rows can be read, and read twice (0A000, 42703).';

CREATE FUNCTION etl._table_require_transactions(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text;
BEGIN
    IF copy.transactions IS NULL THEN
        RETURN;
    ELSIF NOT copy.is_foreign THEN
        PERFORM etl._table_refuse('transactions is for foreign tables', 'Here they are known.', 'Leave it out.');
    ELSIF NOT EXISTS (
        SELECT FROM pg_foreign_table AS t JOIN pg_foreign_table AS s USING (ftserver)
        WHERE t.ftrelid = copy.transactions AND s.ftrelid = copy.source) THEN
        PERFORM etl._table_refuse(
            format('"%s" is no foreign table of the server of "%s"', copy.transactions, copy.source),
            'Which transactions may still write the source can only be told there.',
            'IMPORT FOREIGN SCHEMA etl LIMIT TO (open_transactions) FROM SERVER … INTO …;');
    END IF;
    SELECT string_agg(format('%s %s', n.name, n.type), ', ' ORDER BY n.number) INTO missing
    FROM unnest('{transaction,server_start,oldest_xid,next_xid,server_id}'::text[],
                '{text,timestamptz,bigint,bigint,bigint}'::regtype[]) WITH ORDINALITY AS n(name, type, number)
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                      WHERE a.attrelid = copy.transactions AND a.attname = n.name AND a.atttypid = n.type
                        AND NOT a.attisdropped);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('"%s" is no list of open transactions: it lacks %s', copy.transactions, missing),
            HINT = 'IMPORT FOREIGN SCHEMA etl LIMIT TO (open_transactions) FROM SERVER … INTO …;';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_transactions(etl._table_copy) IS
    'Checks that a relation has the columns of etl.open_transactions (42703), is given for a foreign table only, and '
    'is one of the same server (0A000).';

CREATE FUNCTION etl._table_require_method(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_choice(copy.method, 'method', ARRAY['cursor', 'xmin', 'full']),
            etl._require_choice(copy.write_mode, 'write_mode', ARRAY['append', 'upsert', 'replace']),
            etl._require_choice(copy.horizon, 'horizon', ARRAY['auto', 'writers', 'transactions', 'lag']);
    IF copy.method <> 'full' AND copy.write_mode = 'replace' OR copy.method = 'full' AND copy.write_mode = 'append' THEN
        PERFORM etl._table_refuse(format('method %s cannot be used with write_mode %s', copy.method,
                                               copy.write_mode), NULL,
            CASE copy.method WHEN 'full' THEN 'Use write_mode => ''upsert'' or ''replace''.'
                             ELSE 'Use method => ''full'', or write_mode => ''upsert''.' END);
    ELSIF copy.method <> 'full' AND etl._relation_kind(copy.source) LIKE '%view' THEN
        PERFORM etl._table_refuse(format('method %s cannot be used with %s "%s"', copy.method,
                                               etl._relation_kind(copy.source), copy.source),
            'Who writes the tables below it, and when, cannot be told.',
            'Copy these tables, or use method => ''full''.');
    ELSIF copy.method = 'cursor' AND copy.cursor_column IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'method cursor needs a cursor',
            HINT = 'Name a column that grows, as in cursor => ''{"column": "updated_at"}'', or use method => '
                   '''xmin'' or ''full''.';
    ELSIF copy.method <> 'cursor' AND copy.cursor_column IS NOT NULL THEN
        PERFORM etl._table_refuse(format('method %s has no cursor', copy.method), NULL,
                                  'Leave it out, or use method => ''cursor''.');
    ELSIF copy.method <> 'xmin' AND copy.xid_column IS NOT NULL THEN
        PERFORM etl._table_refuse(format('method %s has no xid_column', copy.method), NULL,
                                  'Leave it out, or use method => ''xmin''.');
    END IF;
    PERFORM etl._table_require_transactions(copy);
    CASE copy.method
        WHEN 'cursor' THEN PERFORM etl._table_require_cursor(copy);
        WHEN 'xmin' THEN PERFORM etl._table_require_xmin(copy);
        ELSE NULL;
    END CASE;
END
$$;
COMMENT ON FUNCTION etl._table_require_method(etl._table_copy) IS
    'Checks that a method can be used with what it is to read and to write (22023, 0A000, and what each method asks).';
