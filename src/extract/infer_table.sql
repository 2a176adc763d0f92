-- A table for records of which only samples are known: etl.table_definition writes the statement that creates it, and
-- etl.infer_mapping the mapping that fills it.

CREATE FUNCTION etl._infer_columns(records text[])
RETURNS TABLE(name text, type text, path text, nullable boolean, examples text[])
LANGUAGE C STRICT STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_infer_columns';
COMMENT ON FUNCTION etl._infer_columns(text[]) IS
    'Columns for records (JSON objects as texts) by samples, in the order of their fields: name, SQL type, path as a '
    'rule of a mapping has it, whether a sample lacks the field, and some values. A warning tells which fields share '
    'a column, or got another name or none. 22023 where there is no sample, or one is no object; 54011 where the '
    'fields are more than 1600 columns, the most that a table has.';

CREATE FUNCTION etl.infer_mapping(records text[])
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_object_agg(c.name, c.path) FROM etl._infer_columns(records) AS c
$$;
COMMENT ON FUNCTION etl.infer_mapping(text[]) IS
    'The mapping of records to the table of etl.table_definition: its columns and the paths of their fields. Argument: '
    'some records, as JSON texts. NULL where none has a field. 22023 where there is no sample, or one is no object; '
    '54011 more than 1600 fields.';

CREATE FUNCTION etl.table_definition(target text, records text[], key_columns name[] DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place CONSTANT text[] := parse_ident(target);
    names text[];
    columns text;
    missing text;
BEGIN
    IF place IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no table was given',
            HINT = 'Give a name for the table, as in ''public.orders''.';
    END IF;
    SELECT array_agg(c.name), string_agg(format('    %I %s', c.name, c.type), E',\n' ORDER BY c.number)
    INTO names, columns
    FROM etl._infer_columns(records) WITH ORDINALITY AS c(name, type, path, nullable, examples, number);
    IF columns IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the samples have no field',
            HINT = 'Give records that have fields.';
    END IF;
    SELECT string_agg(coalesce(quote_ident(k), 'NULL'), ', ') INTO missing FROM unnest(key_columns) AS k
    WHERE (k = ANY (names)) IS NOT TRUE;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('no field of the samples becomes column %s', missing),
            HINT = 'etl.infer_mapping tells the columns that the fields become.';
    END IF;
    RETURN format(E'CREATE TABLE %s (\n%s%s\n);',
                  (SELECT string_agg(quote_ident(p), '.' ORDER BY n) FROM unnest(place) WITH ORDINALITY AS t(p, n)),
                  columns, E',\n    PRIMARY KEY (' || etl._column_list(key_columns) || ')');
END
$$;
COMMENT ON FUNCTION etl.table_definition(text, text[], name[]) IS
    'The statement that creates a table for records. Arguments: target, the name of the table; records, some of them '
    'as JSON texts; key_columns, its primary key. A column has the narrowest type that holds every sample exactly, '
    'among bigint, numeric, boolean, uuid, date, timestamp, timestamptz, text and jsonb; a number in a string is '
    'text. Fields of an object are columns of their own, one level down. Nothing is created: run the statement when '
    'you have read it. Errors: 22023 no sample, or one that is no object, 54011 more than 1600 fields, 42703 a key '
    'that no field becomes.';
