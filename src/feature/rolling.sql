-- Aggregates over several spans before every row, in one sorted pass.
--
-- etl._rolling_plan reads the arguments, etl._rolling_rows sets the rows of the target aside by their keys in one
-- parallel scan, and C++ goes through them key by key in the order of time (src/feature/rolling.hpp).

-- The scan --------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._rolling_rows_step(internal, bytea, bigint, int, text, VARIADIC "any")
RETURNS internal
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rolling_rows_step';
COMMENT ON FUNCTION etl._rolling_rows_step(internal, bytea, bigint, int, text, "any") IS
    'Transition function of etl._rolling_rows.';

CREATE FUNCTION etl._rolling_rows_combine(internal, internal)
RETURNS internal
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rolling_rows_combine';
COMMENT ON FUNCTION etl._rolling_rows_combine(internal, internal) IS 'Combine function of etl._rolling_rows.';

CREATE FUNCTION etl._rolling_rows_chunks(internal)
RETURNS bytea
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rolling_rows_chunks';
COMMENT ON FUNCTION etl._rolling_rows_chunks(internal) IS
    'Final function of etl._rolling_rows, and its state as bytes.';

CREATE FUNCTION etl._rolling_rows_deserial(bytea, internal)
RETURNS internal
LANGUAGE C STRICT VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_rolling_rows_deserial';
COMMENT ON FUNCTION etl._rolling_rows_deserial(bytea, internal) IS 'State of etl._rolling_rows from bytes.';

CREATE AGGREGATE etl._rolling_rows(area bytea, seed bigint, keys int, forms text, VARIADIC "values" "any") (
    SFUNC = etl._rolling_rows_step,
    STYPE = internal,
    COMBINEFUNC = etl._rolling_rows_combine,
    SERIALFUNC = etl._rolling_rows_chunks,
    DESERIALFUNC = etl._rolling_rows_deserial,
    FINALFUNC = etl._rolling_rows_chunks,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._rolling_rows(bytea, bigint, int, text, "any") IS
    'Sets rows aside for etl.rolling, in files of a directory that only that function makes. Arguments: the directory, '
    'the seed of the keys'' hash, the number of keys, a letter for each aggregated value, and the values: keys, time, '
    'what is aggregated, what is handed on. Errors: 22023 other arguments, 0A000 a key whose type is not told '
    'apart by its bytes.';

-- What users call -------------------------------------------------------------------------------------------------

CREATE FUNCTION etl.rolling(
    target text, keys name[], ts name, windows interval[], aggregates text[] DEFAULT '{count}',
    columns name[] DEFAULT NULL)
RETURNS SETOF record
LANGUAGE C STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_rolling';
COMMENT ON FUNCTION etl.rolling(text, name[], name, interval[], text[], name[]) IS
    'For each row of a target aggregates over the rows of its key in several spans of time that end at the row, in one '
    'sorted pass. Give the list of columns: SELECT * FROM etl.rolling(…) AS r(wallet text, ts timestamptz, count_1h '
    'bigint); an error shows it in full. target: a table with its schema, or one SELECT. keys: its columns that make '
    'up the key, of which NULL is a value; {} for one key. ts: a column of type timestamptz, timestamp or date. '
    'windows: spans above zero; the window of a row is (ts - span, ts], with all rows of the same ts; a day is 24 '
    'hours, months are refused. aggregates: count, count(column), sum, avg, min, max, distinct (how many different '
    'values) and latest (the newest value that is not NULL, of several of one ts the greatest), with the results of '
    'PostgreSQL''s own aggregates; sums of real and double precision are exact before they are rounded once. columns: '
    'the columns of the target that are handed on, keys and ts by default; then comes one column for each aggregate '
    'and span: count_1h, sum_amount_7d. A row whose ts is NULL lies in no window, and its aggregates are NULL; an '
    'infinite ts sees its equals only. Memory: work_mem times hash_mem_multiplier and 64 MB, beside the different '
    'values in the longest window of one key for distinct, and a falling or rising row of values for min and max; the '
    'rest goes to temporary files. Errors: 22023 a missing argument, an unknown aggregate or a span that is not above '
    'zero or has months, 42703 unknown column, 42804 ts is no time or the list of columns is another, 42883 a column '
    'cannot be summed, compared or hashed, 42701 and 42622 names of columns clash or are too long, 54011 more '
    'than 95 columns to read (keys, ts, those aggregated and those handed on, each as often as it is one of them) or '
    'than 1600 in the result, 0A000 a key of a type that is not told apart by its bytes, 22003 a sum is '
    'out of range.';

CREATE FUNCTION etl._rolling_into(
    new_table regclass, target text, keys name[], ts name, windows interval[], aggregates text[], columns name[])
RETURNS bigint
LANGUAGE C VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'etl_rolling_into';
COMMENT ON FUNCTION etl._rolling_into(regclass, text, name[], name, interval[], text[], name[]) IS
    'Writes the rows of etl.rolling into a table that the transaction has made with their columns (55000 else), and '
    'returns how many.';

CREATE FUNCTION etl.create_rolling(
    new_table text, target text, keys name[], ts name, windows interval[], aggregates text[] DEFAULT '{count}',
    columns name[] DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made CONSTANT text := etl._new_table_name(new_table);
BEGIN
    PERFORM etl._locked_command(format('CREATE TABLE %s AS %s WITH NO DATA', made, p.empty_query))
    FROM etl._rolling_plan(target, keys, ts, windows, aggregates, columns) AS p;
    RETURN etl._rolling_into(made::regclass, target, keys, ts, windows, aggregates, columns);
END
$$;
COMMENT ON FUNCTION etl.create_rolling(text, text, name[], name, interval[], text[], name[]) IS
    'Makes a table of the rows of etl.rolling(target, …), without a copy between: the fastest way to write them. '
    'new_table: its name with its schema; the other arguments and their errors are those of etl.rolling. Returns the '
    'number of rows. Errors: 42602 a name without a schema, 42P07 there is such a table.';
