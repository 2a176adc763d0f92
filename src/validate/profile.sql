-- Profiles: what is in each column of a table, from one scan. suggest.sql makes a suite of it.

CREATE TYPE etl._column_profile AS (
    column_name text, rows bigint, "values" bigint, "distinct" bigint, min text, max text, mean float8, stddev float8,
    quantiles text, top_values text, min_length int, max_length int, mean_length float8, pattern text, sought text
);
COMMENT ON TYPE etl._column_profile IS
    'What a scan has found in one column; JSON as text. "values" is the number of rows that are not NULL, sought a '
    'JSON array of fingerprints: the frequent values are among those, and a second scan finds them.';

CREATE FUNCTION etl._column_profiles(state etl.validation_state, most_frequent int)
RETURNS SETOF etl._column_profile
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_column_profiles';
COMMENT ON FUNCTION etl._column_profiles(etl.validation_state, int) IS
    'The profiles of the columns that a state''s plan told to profile, with so many of the most frequent values.';

CREATE FUNCTION etl._equal_is_identical(type oid, collation_id oid)
RETURNS bool
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_equal_is_identical';
COMMENT ON FUNCTION etl._equal_is_identical(oid, oid) IS
    'Whether equal values of a type look the same, as the type''s default B-tree operator class says.';

CREATE FUNCTION etl._profile_plan(source etl._source, columns text[], sought jsonb, area text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT json_build_object(
        'suite', '{"name": "profile", "expectations": []}'::json,
        'columns', json_agg(json_build_array(c.name, c.type, c.collation_name) ORDER BY c.n),
        'part', '[]'::json,
        'listed', 0,
        'seed', '0', -- the same values are shown in every run
        'proven_unique', '[]'::json,
        'facts', '{}'::json,
        'faults', '{}'::json,
        'look_for', '{}'::json,
        'table', '{}'::json,
        'area', area,
        'profiled', json_object_agg(c.n - 1, json_build_object(
            'identical', etl._equal_is_identical(
                c.type::regtype, coalesce(nullif(c.collation_name, '')::regcollation::oid, 0)),
            'sought', coalesce(sought -> c.name, '[]'))))::text
    FROM (SELECT u.name, u.n, s.value ->> 0 AS type, s.value ->> 1 AS collation_name
          FROM unnest(columns) WITH ORDINALITY AS u (name, n)
          JOIN json_each(source.columns) AS s ON s.key = u.name
          OFFSET 0) AS c
$$;
COMMENT ON FUNCTION etl._profile_plan(etl._source, text[], jsonb, text) IS
    'What a scan that profiles these columns is told to do, as the aggregate reads it; sought has the fingerprints to '
    'look for, by column.';

CREATE FUNCTION etl._profile_scan(source etl._source, columns text[], sought jsonb, area text)
RETURNS etl.validation_state[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT int := 96; -- columns that one call of an aggregate can pass
    plans text[];
    calls text;
    states etl.validation_state[];
BEGIN
    SELECT array_agg(g.plan ORDER BY g.first),
           string_agg(format('etl._validation_scan(%L, %s)', g.plan, g.arguments), ', ' ORDER BY g.first)
    INTO plans, calls
    FROM (SELECT f.first, etl._profile_plan(source, columns[f.first:f.first + most - 1], sought, area) AS plan,
                 (SELECT string_agg(format('%I.%I', source.alias, c.name), ', ' ORDER BY c.n)
                  FROM unnest(columns[f.first:f.first + most - 1]) WITH ORDINALITY AS c (name, n)) AS arguments
          FROM generate_series(1, cardinality(columns), most) AS f (first)
          OFFSET 0) AS g;
    states := etl._locked_value(format('SELECT ARRAY[%s]::etl.validation_state[] FROM %s', calls, source.rows_sql),
                                NULL::etl.validation_state[]);
    IF states[1] IS NULL THEN -- an aggregate over no row at all
        states := ARRAY(SELECT etl._empty_validation_state(p) FROM unnest(plans) AS p);
    END IF;
    RETURN states;
END
$$;
COMMENT ON FUNCTION etl._profile_scan(etl._source, text[], jsonb, text) IS
    'Scans the rows of a source once, into a state for every 96 columns.';

CREATE FUNCTION etl._profile(source etl._source, columns text[], most_frequent int)
RETURNS SETOF etl._column_profile
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET extra_float_digits = 1
AS $$
DECLARE
    area text;
    found etl._column_profile[];
    frequent etl._column_profile[];
    sought jsonb;
BEGIN
    IF cardinality(columns) = 0 THEN
        RETURN;
    END IF;
    area := etl._open_spill();
    SELECT array_agg(p::etl._column_profile), jsonb_object_agg(p.column_name, p.sought::jsonb)
                                              FILTER (WHERE p.sought IS NOT NULL)
    INTO found, sought
    FROM unnest(etl._profile_scan(source, columns, '{}', area)) AS s, etl._column_profiles(s, most_frequent) AS p;
    IF sought IS NOT NULL THEN
        frequent := ARRAY(
            SELECT p::etl._column_profile
            FROM unnest(etl._profile_scan(
                     source, ARRAY(SELECT c FROM unnest(columns) AS c WHERE sought ? c), sought, area)) AS s,
                 etl._column_profiles(s, most_frequent) AS p);
    END IF;
    RETURN QUERY
        SELECT p.column_name, p.rows, p."values", p."distinct", p.min, p.max, p.mean, p.stddev, p.quantiles,
               coalesce(p.top_values, f.top_values), p.min_length, p.max_length, p.mean_length, p.pattern, p.sought
        FROM unnest(found) WITH ORDINALITY AS p
        LEFT JOIN unnest(frequent) AS f ON f.column_name = p.column_name
        ORDER BY p.ordinality;
    PERFORM etl._close_spill(area);
END
$$;
COMMENT ON FUNCTION etl._profile(etl._source, text[], int) IS
    'Profiles columns of a source in their order: one scan, and a second one of those columns whose frequent values '
    'are known by their fingerprints alone.';

CREATE FUNCTION etl._columns_to_profile(target regclass, columns name[])
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted name;
BEGIN
    FOREACH wanted IN ARRAY coalesce(columns, '{}') LOOP
        PERFORM etl._require_column(target, wanted);
    END LOOP;
    RETURN ARRAY(SELECT a.attname::text
                 FROM pg_attribute AS a
                 WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
                   AND (columns IS NULL OR a.attname = ANY (columns))
                 ORDER BY a.attnum);
END
$$;
COMMENT ON FUNCTION etl._columns_to_profile(regclass, name[]) IS
    'The given columns of a table, all of them for NULL, in the order of the table; 42703 where it lacks one.';

CREATE FUNCTION etl.profile(target regclass, where_sql text DEFAULT NULL, columns name[] DEFAULT NULL)
RETURNS TABLE (
    column_name name, data_type text, rows bigint, nulls bigint, null_percent float8, "distinct" bigint,
    distinct_percent float8, min text, max text, mean float8, stddev float8, quantiles jsonb, top_values jsonb,
    min_length int, max_length int, mean_length float8, pattern text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), p.rows, p.rows - p."values",
           100 * (p.rows - p."values") / nullif(p.rows, 0)::float8,
           p."distinct", 100 * p."distinct" / nullif(p."values", 0)::float8,
           p.min, p.max, p.mean, p.stddev, p.quantiles::jsonb, p.top_values::jsonb,
           p.min_length, p.max_length, p.mean_length, p.pattern
    FROM etl._profile(etl._table_source(target, where_sql, NULL), etl._columns_to_profile(target, columns), 10) AS p
    JOIN pg_attribute AS a ON a.attrelid = target AND a.attname = p.column_name
    ORDER BY a.attnum
$$;
COMMENT ON FUNCTION etl.profile(regclass, text, name[]) IS
    'What is in each column of a table, exactly, from one scan, parallel where the planner sees a gain: rows, nulls '
    'and null_percent (0 to 100); distinct, how many different values, and distinct_percent, of the rows that are not '
    'NULL; min and max by the order of the column''s type; mean and stddev (of a sample) of numbers; quantiles of '
    'numbers, dates and timestamps at 0.05, 0.25, 0.50, 0.75 and 0.95, as percentile_disc has them (of numeric as the '
    'nearest float8); top_values, the ten most frequent values as [{"value", "count"}], where values that occur once '
    'are listed only if there are no more than ten; min_length, max_length and mean_length of texts in characters; '
    'pattern, a regular expression that all texts match, guessed from what they have in common, or NULL. What a type '
    'has no operators for is NULL (distinct and top_values without a hash function, min and max without an order). '
    'Frequent values of columns with many different ones take a second scan of these columns. Memory is bounded by '
    'work_mem and hash_mem_multiplier; what is beyond goes to temporary files. Arguments: target, an ordinary or '
    'partitioned table; where_sql, an SQL condition on the rows; columns, which of them, NULL for all. Values longer '
    'than 1000 bytes are shown cut. Errors: 42809 no table, 42501 no SELECT on it, 42703 no such column, that of '
    'PostgreSQL for what is no condition.';
