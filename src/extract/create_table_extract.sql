-- etl.create_table_extract: defines a copy of a table.

CREATE FUNCTION etl._table_check(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._table_require_method(copy), etl._table_require_target(copy), etl._table_require_query(copy);
    IF copy.write_mode = 'upsert' OR copy.deletes OR copy.keys IS NOT NULL THEN
        PERFORM etl._table_require_keys(copy);
    END IF;
    IF copy.deletes THEN
        PERFORM etl._table_require_all_rows(copy);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_check(etl._table_copy) IS
    'Checks a definition of kind table against the tables that it names.';

CREATE FUNCTION etl._table_warn(copy etl._table_copy)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF copy.method = 'cursor' AND NOT copy.has_index THEN
        RAISE WARNING USING
            MESSAGE = format('table "%s" has no index on cursor column "%s"', copy.source, copy.cursor_column),
            DETAIL = 'Each run reads all of the table, and copies what is new in one transaction.',
            HINT = format('CREATE INDEX ON %s (%I);', copy.source, copy.cursor_column);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_warn(etl._table_copy) IS 'Warns of a cursor column without an index.';

CREATE FUNCTION etl._table_primary_key(target regclass)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(a.attname ORDER BY k.number)
    FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, number)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = target AND i.indisprimary AND k.number <= i.indnkeyatts
$$;
COMMENT ON FUNCTION etl._table_primary_key(regclass) IS
    'The columns of a table''s primary key; NULL where it has none.';

CREATE FUNCTION etl._table_require_settings(wait interval, batch_rows integer, deletes boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(deletes, 'deletes'), etl._retention_duration(wait, 'wait', '0', '1 day');
    IF batch_rows IS NULL OR batch_rows NOT BETWEEN 1 AND 10000000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('batch_rows must be 1 to 10000000, not %s', coalesce(batch_rows::text, 'NULL')),
            HINT = 'Give the number of rows that one transaction copies; the default is 50000.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_settings(interval, integer, boolean) IS
    'Checks settings of a copy that need no table (22023).';

CREATE FUNCTION etl._table_require_cursor_document("cursor" jsonb)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF "cursor" IS NULL THEN
        RETURN;
    END IF;
    PERFORM etl._require_keys_of("cursor", '{column,lag}', 'cursor');
    IF "cursor" ->> 'column' IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the cursor lacks "column", the column of the source that it follows',
            HINT = 'Say for example cursor => ''{"column": "updated_at"}''.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._table_require_cursor_document(jsonb) IS
    'Checks the members of the cursor of a copy (22023).';

CREATE FUNCTION etl.create_table_extract(
    name text,
    source regclass,
    target regclass,
    "cursor" jsonb DEFAULT NULL,
    method text DEFAULT 'cursor',
    key_columns name[] DEFAULT NULL,
    write_mode text DEFAULT 'upsert',
    deletes boolean DEFAULT false,
    filter text DEFAULT NULL,
    columns jsonb DEFAULT NULL,
    horizon text DEFAULT 'auto',
    wait interval DEFAULT '5 s',
    transactions regclass DEFAULT NULL,
    xid_column name DEFAULT NULL,
    batch_rows integer DEFAULT 50000,
    schedule text DEFAULT NULL,
    description text DEFAULT NULL,
    if_not_exists boolean DEFAULT false
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
AS $$
DECLARE
    made etl.extract;
    copy etl._table_copy;
BEGIN
    PERFORM etl._require_name(name, 'name'), etl._require_flag(if_not_exists, 'if_not_exists'),
            etl._table_require_settings(wait, batch_rows, deletes), etl._table_require_cursor_document("cursor"),
            etl._table_require_source(source), etl._require_table(target, '{}');
    made.name := name;
    made.kind := 'table';
    made.target := etl._relation_name(target);
    made.mapping := coalesce(columns, etl._table_equal_columns(source, target));
    made.key_columns := coalesce(key_columns, CASE WHEN write_mode <> 'append' OR deletes
                                                   THEN etl._table_primary_key(target) END);
    made."cursor" := jsonb_strip_nulls("cursor");
    made.write_mode := write_mode;
    made.on_bad_row := 'error';
    made.new_fields := 'ignore';
    made.keep_raw := false;
    made.schedule := btrim(schedule);
    made.description := description;
    made.source := jsonb_strip_nulls(jsonb_build_object(
        'relation', etl._relation_name(source), 'method', method, 'horizon', horizon, 'wait', wait, 'filter', filter,
        'deletes', deletes, 'transactions', etl._relation_name(transactions), 'xid_column', xid_column,
        'batch_rows', batch_rows));
    copy := etl._table_copy(made);
    PERFORM etl._table_check(copy);
    IF method = 'cursor' THEN
        made.source := made.source || jsonb_build_object('horizon', etl._table_horizon(copy));
    END IF;
    PERFORM etl._store_extract(made, if_not_exists);
    PERFORM etl._table_warn(copy);
END
$$;
COMMENT ON FUNCTION etl.create_table_extract(
    text, regclass, regclass, jsonb, text, name[], text, boolean, text, jsonb, text, interval, regclass, name, integer,
    text, text, boolean) IS
$$Defines an incremental copy of a table into another one. CALL etl.run_extract(name) copies what is new, in batches,
each a transaction in which rows and mark are written together.
name: 1 to 63 bytes, unique in the database.
source: a table, partitioned or foreign table; with method full also a view. target: an ordinary or partitioned table.
cursor: an object with column (of the source, which increases with each insert and, where updates are to be seen, each
update: whole numbers, numeric, date or timestamp) and lag (an interval, or a number for columns of numbers: each run
reads again what is less than this below the mark; what is committed later than the lag is lost). A lag is the only
horizon of foreign tables unless transactions names a foreign table over etl.open_transactions of their server.
method: cursor reads the rows above a mark in the order of the cursor's column. xmin reads the rows that were
written since the oldest transaction that was running when the last copy began, whatever is in them, and so all of the
table. full reads and loads everything.
key_columns: columns of the target by which a row is known, with a unique index (default: its primary key). write_mode:
upsert inserts new keys and updates rows that differ; append (cursor only) inserts; replace (full only) leaves in the
target what the source has and nothing else, in one transaction. deletes: rows of the target whose keys the source does
not have under the filter are deleted at the end of each run; those under a legal hold stay.
filter: a condition on rows of the source; one that a row can cease to fulfil needs deletes. But with method full it has
no subqueries and no volatile functions, which would let rows pass that a copy has gone past. columns: a JSON object,
column of the target to a column of the source or an SQL expression over its columns (default: columns of equal names,
as they are when the extract is defined).
horizon: which transactions may commit rows below the mark: transactions, all that are open in the database (now() is
when a transaction began, and nextval() may be called before the INSERT), lag, see cursor, writers, those that have
locked the table: enough only if each value is taken by the INSERT or UPDATE itself and no program calls nextval()
before it, as many do that map objects; auto means lag where one is given, and else transactions. wait: how long a run
waits for them to end. Then append leaves their rows and what is above for the next run; upsert copies what it sees,
does not move the mark past what is safe, and reads from there again in the next run.
transactions: of a foreign table, one over etl.open_transactions of its server. xid_column: for method xmin over a
foreign table, its column that has xmin::text::bigint of the rows there.
batch_rows: about how many rows a transaction copies. schedule: when pg_cron runs it. if_not_exists: an extract of that
name stays as it is, with a warning where it differs.
Errors: 42710 the name is taken, 0A000 what the method cannot promise, 22023 a bad argument, 42703 no such column, 42804
no column for a cursor, 42P10 no unique index, 42809 not a table, 42501 missing privilege, 55000 row security hides rows
of a source with deletes, or no pg_cron for schedule; for filter and columns PostgreSQL's own.$$;
