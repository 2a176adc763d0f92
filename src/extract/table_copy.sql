-- Incremental copies of tables: what a copy is, and the queries that read its source.
--
-- The hard part is a row that is committed late. A transaction takes the value of a cursor column, another one takes a
-- higher one and commits, a copy reads that and notes the higher value; then the first commits, below the mark. Two
-- methods are safe from it:
--   cursor  The mark is only moved past a value when every transaction that was open when that value was the highest
--           one has ended (table_horizon.sql).
--   xmin    The mark is not in the rows, but the oldest transaction that was still running when the last copy began:
--           what any transaction from there on has written is read (table_rows.sql).
-- The third, full, reads everything. A mark is written in the transaction that writes the rows (table_run.sql).

CREATE TYPE etl._table_copy AS (
    name text, source regclass, target regclass, is_foreign boolean, method text, cursor_column name, cursor_type text,
    has_ties boolean, has_index boolean, horizon text, wait interval, lag text, transactions regclass, xid_column name,
    keys name[], key_index oid, write_mode text, deletes boolean, filter text, columns jsonb, batch_rows integer
);
COMMENT ON TYPE etl._table_copy IS
    'A copy of a table as it is run. has_ties: two rows may have one value of the cursor. has_index: '
    'rows can be read in the order of the cursor without sorting all of them.';

-- Columns -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._table_equal_columns(source regclass, target regclass)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
    columns jsonb;
BEGIN
    SELECT string_agg(quote_ident(s.attname), ', ' ORDER BY s.attnum) FILTER (WHERE t.attname IS NULL),
           jsonb_object_agg(s.attname, quote_ident(s.attname)) FILTER (WHERE t.attgenerated = '')
    INTO unknown, columns
    FROM pg_attribute AS s
    LEFT JOIN pg_attribute AS t ON t.attrelid = target AND t.attname = s.attname AND t.attnum > 0
                               AND NOT t.attisdropped
    WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('table "%s" does not have these columns of "%s": %s', target, source, unknown),
            DETAIL = format('It has columns %s.', etl._column_names(target)),
            HINT = 'Add them to the target, or say with columns which ones are copied, as in '
                   'columns => ''{"id": "id", "total": "price * quantity"}''.';
    ELSIF columns IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('table "%s" has no columns that could be copied', source),
            HINT = 'Say with columns what goes into which column of the target.';
    END IF;
    RETURN columns;
END
$$;
COMMENT ON FUNCTION etl._table_equal_columns(regclass, regclass) IS
    'Each column of the source with its quoted name, those apart that the target computes. 42703 where the target '
    'lacks one.';

CREATE FUNCTION etl._table_columns(copy etl._table_copy)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(a.attname ORDER BY a.attnum)
    FROM jsonb_object_keys((copy).columns) AS c(name)
    JOIN pg_attribute AS a ON a.attrelid = (copy).target AND a.attname = c.name AND a.attnum > 0
                          AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION etl._table_columns(etl._table_copy) IS
    'The columns of the target that a copy fills, in their order.';

-- Queries -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._table_alias(copy etl._table_copy)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.relname FROM pg_class AS c WHERE c.oid = (copy).source
$$;
COMMENT ON FUNCTION etl._table_alias(etl._table_copy) IS
    'The name under which the filter and the expressions of a copy know the source: its own.';

CREATE FUNCTION etl._table_from(copy etl._table_copy, condition text DEFAULT 'true', only_part regclass DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(E'FROM %s AS %I WHERE (%s)', coalesce('ONLY ' || only_part, (copy).source::text),
                  etl._table_alias(copy), condition)
        || coalesce(E' AND (\n' || (copy).filter || E'\n)', '')
$$;
COMMENT ON FUNCTION etl._table_from(etl._table_copy, text, regclass) IS
    'FROM and WHERE of a query of the source, or of one part of it: a condition, and the filter of the copy.';

CREATE FUNCTION etl._table_query(
    copy etl._table_copy, condition text DEFAULT 'true', only_part regclass DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s %s',
                  (SELECT string_agg(format(E'(\n%s\n) AS %I', (copy).columns ->> c.name, c.name), ', '
                                     ORDER BY c.number)
                   FROM unnest(etl._table_columns(copy)) WITH ORDINALITY AS c(name, number)),
                  etl._table_from(copy, condition, only_part))
$$;
COMMENT ON FUNCTION etl._table_query(etl._table_copy, text, regclass) IS
    'The query of the rows of the source under a condition, as rows of the target.';

CREATE FUNCTION etl._table_key_query(copy etl._table_copy, condition text DEFAULT 'true')
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s %s',
                  (SELECT string_agg(format('%s AS %I', etl._as_stored((copy).target, k.name,
                                                                       E'(\n' || ((copy).columns ->> k.name) || E'\n)'),
                                            k.name), ', ' ORDER BY k.number)
                   FROM unnest((copy).keys) WITH ORDINALITY AS k(name, number)),
                  etl._table_from(copy, condition))
$$;
COMMENT ON FUNCTION etl._table_key_query(etl._table_copy, text) IS
    'The query of the keys of the source''s rows, as the target stores them.';

-- A copy as it is run -------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._table_of_copy(relation text, name text, role text)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF relation IS NOT NULL AND to_regclass(relation) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('the %s "%s" of extract "%s" does not exist', role, relation, name),
            DETAIL = 'It was dropped or renamed after the extract had been defined.',
            HINT = format('Give it that name again, or drop extract %L and define it anew.', name);
    END IF;
    RETURN to_regclass(relation);
END
$$;
COMMENT ON FUNCTION etl._table_of_copy(text, text, text) IS
    'A relation of an extract by its stored name; 42P01, saying what it is for, where there is none any more.';

CREATE FUNCTION etl._table_is_unique(source regclass, column_name name)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = source AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL
          AND a.attname = column_name)
       AND NOT EXISTS (SELECT FROM pg_inherits AS h JOIN pg_class AS c ON c.oid = h.inhparent
                       WHERE h.inhparent = source AND c.relkind <> 'p')
$$;
COMMENT ON FUNCTION etl._table_is_unique(regclass, name) IS
    'Whether a unique index is on this column alone, and no table inherits, which it would not be about.';

CREATE FUNCTION etl._table_sequence(source regclass, column_name name)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.objid::regclass
    FROM pg_attribute AS a
    JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                       AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')
    JOIN pg_class AS c ON c.oid = d.objid AND c.relkind = 'S'
    WHERE a.attrelid = source AND a.attname = column_name
    ORDER BY d.deptype DESC LIMIT 1
$$;
COMMENT ON FUNCTION etl._table_sequence(regclass, name) IS
    'The sequence of a serial or identity column; NULL for none.';

CREATE FUNCTION etl._table_has_index(source regclass, column_name name)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_am AS m ON m.oid = c.relam AND m.amname = 'btree'
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = source AND i.indisvalid AND i.indpred IS NULL AND a.attname = column_name)
$$;
COMMENT ON FUNCTION etl._table_has_index(regclass, name) IS 'Whether the first column of a B-tree index is this one.';

CREATE FUNCTION etl._table_copy(definition etl.extract)
RETURNS etl._table_copy
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    spec CONSTANT jsonb := definition.source;
    copy etl._table_copy;
BEGIN
    copy.name := definition.name;
    copy.source := etl._table_of_copy(spec ->> 'relation', definition.name, 'source');
    copy.target := etl._table_of_copy(definition.target, definition.name, 'target');
    copy.transactions := etl._table_of_copy(spec ->> 'transactions', definition.name, 'list of transactions');
    copy.is_foreign := (SELECT c.relkind = 'f' FROM pg_class AS c WHERE c.oid = copy.source);
    copy.method := spec ->> 'method';
    copy.cursor_column := definition.cursor ->> 'column';
    copy.lag := definition.cursor ->> 'lag';
    copy.horizon := spec ->> 'horizon';
    copy.wait := spec ->> 'wait';
    copy.xid_column := spec ->> 'xid_column';
    copy.keys := definition.key_columns;
    copy.write_mode := definition.write_mode;
    copy.deletes := (spec ->> 'deletes')::boolean;
    copy.filter := spec ->> 'filter';
    copy.columns := definition.mapping;
    copy.batch_rows := (spec ->> 'batch_rows')::integer;
    SELECT format_type(t.oid, -1) INTO copy.cursor_type
    FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = etl._base_type(a.atttypid)
    WHERE a.attrelid = copy.source AND a.attname = copy.cursor_column AND NOT a.attisdropped;
    copy.has_index := copy.is_foreign OR etl._table_has_index(copy.source, copy.cursor_column);
    copy.has_ties := NOT etl._table_is_unique(copy.source, copy.cursor_column)
        AND (copy.write_mode <> 'append' OR etl._table_sequence(copy.source, copy.cursor_column) IS NULL)
        AND (cardinality(copy.keys) > 1 OR coalesce(copy.columns ->> copy.keys[1]::text, '')
                                           <> quote_ident(copy.cursor_column));
    RETURN copy;
END
$$;
COMMENT ON FUNCTION etl._table_copy(etl.extract) IS
    'A copy by its definition. 42P01 where one of its tables is gone.';
