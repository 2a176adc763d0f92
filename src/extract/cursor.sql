-- Incremental extracts: from where on an API is asked.
--
-- The cursor is the highest value of one column that a run has loaded. It moves only when a run has read every page,
-- for an API may give its records in any order; the place in the pages is what an unfinished run goes on with. The next
-- run asks from the cursor less the lag on, so that records which appear late are found; the key tells those that were
-- loaded before. A moment that lies in the future moves the cursor up to now and not further: one record with a wrong
-- date must not hide all that follow.

CREATE FUNCTION etl._column_type(relation text, column_name name)
RETURNS regtype
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._base_type(a.atttypid) FROM pg_attribute AS a
    WHERE a.attrelid = to_regclass(relation) AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION etl._column_type(text, name) IS 'The type of a column, of a domain what it is over; NULL: no such.';

CREATE FUNCTION etl._cursor_type(definition etl.extract)
RETURNS regtype
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name CONSTANT name := definition."cursor" ->> 'column';
    place CONSTANT text := CASE definition.kind WHEN 'table' THEN definition.source ->> 'relation'
                                                ELSE definition.target END;
    found CONSTANT regtype := etl._column_type(place, column_name);
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('table "%s" has no column "%s", which the cursor follows', place, column_name),
            HINT = 'Name one that it has, as in cursor => ''{"column": "updated_at", …}''.';
    ELSIF found::text NOT IN ('timestamp with time zone', 'timestamp without time zone', 'date', 'integer', 'bigint',
                              'smallint', 'numeric', 'text', 'uuid') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of type %s cannot be a cursor', column_name, found),
            HINT = 'Name a column with a moment, a date, a number, or a text that grows.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._cursor_type(etl.extract) IS
    'The type of the column that the cursor follows (42703 no such column, 42804 of a type that cannot be one).';

CREATE FUNCTION etl._cursor_value(definition etl.extract, value text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
DECLARE
    type CONSTANT regtype := etl._cursor_type(definition);
    lag CONSTANT text := definition."cursor" ->> 'lag';
    format CONSTANT text := definition."cursor" ->> 'format';
    is_time CONSTANT boolean := type::text LIKE 'timestamp%' OR type = 'date'::regtype;
    moment timestamptz;
    behind text;
BEGIN
    IF is_time THEN
        moment := value::timestamptz - coalesce(lag, '0')::interval;
        RETURN CASE coalesce(format, CASE type WHEN 'date'::regtype THEN 'YYYY-MM-DD' ELSE 'iso' END)
            WHEN 'iso' THEN to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            WHEN 'epoch' THEN floor(extract(epoch FROM moment))::text
            WHEN 'epoch_ms' THEN floor(extract(epoch FROM moment) * 1000)::text
            ELSE to_char(moment, coalesce(format, 'YYYY-MM-DD'))
        END;
    ELSIF format IS NOT NULL OR lag IS NOT NULL AND type IN ('text'::regtype, 'uuid'::regtype) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a cursor of type %s has no %s', type, CASE WHEN format IS NOT NULL THEN 'format'
                                                                         ELSE 'lag' END),
            HINT = 'Leave it out.';
    END IF;
    EXECUTE format('SELECT (%L::%s%s)::text', value, type, ' - ' || quote_literal(lag) || '::numeric') INTO behind;
    RETURN behind;
END
$$;
COMMENT ON FUNCTION etl._cursor_value(etl.extract, text) IS
    'A value of the cursor less its lag, as it is sent; NULL for NULL. Errors: those of values that are none of the '
    'column''s type, 22023 a format or lag that the type does not have.';

CREATE FUNCTION etl._later_cursor(definition etl.extract, one text, other text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
DECLARE
    type CONSTANT regtype := etl._cursor_type(definition);
    later text;
BEGIN
    EXECUTE format('SELECT greatest($1::%1$s, $2::%1$s)::text', type) INTO later USING one, other;
    RETURN later;
END
$$;
COMMENT ON FUNCTION etl._later_cursor(etl.extract, text, text) IS
    'The greater of two values of the cursor; a NULL loses.';

CREATE FUNCTION etl._highest_seen(definition etl.extract, rows_query text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
DECLARE
    type CONSTANT regtype := etl._cursor_type(definition);
    is_time CONSTANT boolean := type::text LIKE 'timestamp%' OR type = 'date'::regtype;
BEGIN
    RETURN etl._locked_value(format(
        'SELECT %s::text FROM (%s) AS r',
        format(CASE WHEN is_time THEN 'least(max(r.%I), now()::%s)' WHEN type = 'uuid'::regtype THEN 'max(r.%I::text)'
                    ELSE 'max(r.%I)' END, definition."cursor" ->> 'column', type), rows_query), NULL::text);
END
$$;
COMMENT ON FUNCTION etl._highest_seen(etl.extract, text) IS
    'The highest value of the cursor''s column among the rows of a query; of moments none after now.';

CREATE FUNCTION etl.reset_cursor(name text, value text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored CONSTANT etl.extract := etl._extract(name);
    was text;
BEGIN
    PERFORM etl._require_writable();
    IF stored.kind = 'evm' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('extract "%s" is one of logs', name),
            HINT = format('SELECT etl.reset_evm_extract(%L, from_block => …); sets it back to a block.', name);
    ELSIF stored.kind = 'ingest' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('"%s" waits for records and has no cursor', name),
            HINT = 'What was ingested can be sent again: rows are known by their keys.';
    ELSIF value IS NOT NULL AND stored."cursor" IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('extract "%s" has no cursor', name),
            HINT = CASE stored.kind WHEN 'http'
                   THEN format('SELECT etl.alter_extract(%L, "cursor" => …) gives it one.', name)
                   ELSE format('SELECT etl.reset_cursor(%L); without a value lets the next run read everything.', name)
                   END;
    ELSIF value IS NOT NULL THEN
        value := etl._later_cursor(stored, value, NULL);
    END IF;
    PERFORM etl._lock_extract(stored);
    SELECT s."cursor" INTO was FROM etl.extract_state AS s WHERE s.extract_id = stored.extract_id FOR UPDATE;
    UPDATE etl.extract_state AS s
    SET "cursor" = value, seen = NULL, "position" = NULL, parent_key = NULL, is_finished = true,
        detail = s.detail - '{complete,pending,sequence}'::text[], changed_at = clock_timestamp()
    WHERE s.extract_id = stored.extract_id;
    PERFORM etl._drop_stage(stored);
    PERFORM etl._unlock_run('etl.extract', stored.extract_id);
    RETURN was;
END
$$;
COMMENT ON FUNCTION etl.reset_cursor(text, text) IS
$$Sets the cursor of an extract, so that its next run asks from there on, and returns what it was. An unfinished run is
given up, also that of an extract without a cursor; rows that were loaded stay. value: as the cursor's column has it,
NULL: where the extract began.
Errors: 42704 no such extract, 42501 another role's, 42809 one of logs or a source of etl.ingest, 55000 it has no
cursor, 55006 it is being run, and those of a value that the column's type refuses.$$;
