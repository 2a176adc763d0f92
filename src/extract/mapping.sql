-- Mappings: what of a record goes into which column of a table.
--
-- A mapping is a JSON object of columns and rules. A rule is a text of paths ("event_id|eventId|event.id"), or an
-- object with from, default, format, required and sql. Values are read by the input functions of their columns' types;
-- what a type refuses makes the record a reject, with the reason, and never anything else in the place of the value.

CREATE FUNCTION etl._check_mapping(target regclass, mapping jsonb)
RETURNS void
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_check_mapping';
COMMENT ON FUNCTION etl._check_mapping(regclass, jsonb) IS
    'Checks that a mapping is one for a table; NULL maps each column by its name. Errors: 22023 a rule that is none, '
    '42703 a column that the table does not have, 428C9 one that is generated, 23502 one that must have a value and '
    'gets none, 42804 a format or expression that does not fit its column, and those of expressions.';

CREATE FUNCTION etl._mapped_columns(target regclass, mapping jsonb)
RETURNS TABLE(name name, type text, expression text)
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_mapped_columns';
COMMENT ON FUNCTION etl._mapped_columns(regclass, jsonb) IS
    'The columns that a mapping fills, in the order of the table, with their types, and what gives their values in a '
    'row of etl._map_page: the column itself, for rules with "sql" are applied there too.';

CREATE FUNCTION etl._mapping_paths(mapping jsonb)
RETURNS TABLE(column_name text, path text, field text)
LANGUAGE C STRICT IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_mapping_paths';
COMMENT ON FUNCTION etl._mapping_paths(jsonb) IS
    'The paths of a mapping: the column, the path as the rule has it, and the field of the record that it begins with '
    '(NULL: it is the path of the whole record). 22023 a rule that is none.';

CREATE FUNCTION etl._map_records(
    records text[], target regclass, mapping jsonb, first integer DEFAULT NULL, last integer DEFAULT NULL)
RETURNS SETOF record
LANGUAGE C VOLATILE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_map_records';
COMMENT ON FUNCTION etl._map_records(text[], regclass, jsonb, integer, integer) IS
    'The rows of a table that records (JSON texts) are by a mapping. The caller lists the columns: ordinal integer '
    '(from 1), record jsonb (always NULL), and those of etl._mapped_columns. Arguments: first, last: only records '
    'with these ordinals and those between. The records are mapped once in a transaction, and a second call with the '
    'same ones reads what came of it. Records that are no rows are in etl._page_rejects(0).';

CREATE FUNCTION etl._map_page(
    handle integer, target regclass, mapping jsonb, first integer DEFAULT NULL, last integer DEFAULT NULL)
RETURNS SETOF record
LANGUAGE C VOLATILE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_map_page';
COMMENT ON FUNCTION etl._map_page(integer, regclass, jsonb, integer, integer) IS
    'The rows of a table that the records of the page are that etl._await_page has brought last; otherwise as '
    'etl._map_records. Records that are no rows are in etl._page_rejects(handle).';

CREATE FUNCTION etl._record_rejects(records text[], target regclass, mapping jsonb)
RETURNS TABLE(ordinal integer, column_name name, reason text, record text, sqlstate text)
LANGUAGE C VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_record_rejects';
COMMENT ON FUNCTION etl._record_rejects(text[], regclass, jsonb) IS
    'The records that are no rows of a table by a mapping, as etl._page_rejects lists them.';

CREATE FUNCTION etl._page_rejects(handle integer)
RETURNS TABLE(ordinal integer, column_name name, reason text, record text, sqlstate text)
LANGUAGE C STRICT VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_page_rejects';
COMMENT ON FUNCTION etl._page_rejects(integer) IS
    'The records of the page that was mapped last under a handle that are no rows: the column that refuses (NULL '
    'where it is no single one), the reason, the record and the SQLSTATE. Handle 0 is that of etl._map_records. '
    '55000 where nothing was mapped in the transaction.';

CREATE FUNCTION etl._mapped_query(call text, target regclass, mapping jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s FROM %s AS p(%I integer, %I jsonb, %s)',
                  string_agg(format('%s AS %I', c.expression, c.name), ', ' ORDER BY c.number), call,
                  etl._free_name(target, 'ordinal'), etl._free_name(target, 'record'),
                  string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.number))
    FROM etl._mapped_columns(target, mapping) WITH ORDINALITY AS c(name, type, expression, number)
$$;
COMMENT ON FUNCTION etl._mapped_query(text, regclass, jsonb) IS
    'A query of the mapped columns, by their names, over a call of etl._map_page or etl._map_records.';

CREATE FUNCTION etl.try_mapping(target regclass, mapping jsonb, records text[])
RETURNS TABLE(record integer, row_of jsonb, problem text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names name[];
    columns text;
BEGIN
    PERFORM etl._check_mapping(target, mapping);
    SELECT array_agg(c.name ORDER BY c.number), string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.number)
    INTO names, columns
    FROM etl._mapped_columns(target, mapping) WITH ORDINALITY AS c(name, type, expression, number);
    RETURN QUERY EXECUTE format(
        'SELECT p.%1$I, to_jsonb(r), NULL::text
         FROM etl._map_records($1, $2, $3) AS p(%1$I integer, %2$I jsonb, %3$s)
         CROSS JOIN LATERAL (SELECT %4$s) AS r',
        etl._free_name(target, 'ordinal'), etl._free_name(target, 'record'), columns,
        (SELECT string_agg(format('p.%I', n), ', ' ORDER BY o) FROM unnest(names) WITH ORDINALITY AS u(n, o)))
        USING records, target, mapping;
    RETURN QUERY SELECT r.ordinal, NULL::jsonb, r.reason FROM etl._record_rejects(records, target, mapping) AS r;
END
$$;
COMMENT ON FUNCTION etl.try_mapping(regclass, jsonb, text[]) IS
$$Shows what a mapping makes of records, and changes nothing.
target: a table. mapping: an object with a rule for each column, as docs/mapping.md tells; NULL: fields go into the
columns of the same names. records: JSON texts.
Returns a row for each record: its place from 1, the row as it would be stored (row_of), or what is wrong with the
record (problem). A default of the table is evaluated, and takes its number of a sequence.
Errors: 22023 a rule that is none, 42703 a column that the table does not have, 428C9 one that is generated, 23502 one
that must have a value and gets none, 42804 a format or expression that does not fit its column.$$;
