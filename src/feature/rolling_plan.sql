-- The arguments of etl.rolling: what they must be, and the plan that etl._rolling_plan makes of them.

CREATE FUNCTION etl._span_microseconds(span interval)
RETURNS bigint
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_span_microseconds';
COMMENT ON FUNCTION etl._span_microseconds(interval) IS
    'The length of a span of time, whose days have 24 hours. 22004 for NULL; 22023 for what is not above zero or is '
    'infinite, and for months.';

CREATE FUNCTION etl._span_name(span interval)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN p.days > 0 AND p.rest >= 0 THEN p.days || 'd' ELSE '' END ||
           CASE WHEN p.shown = 0 THEN ''
                WHEN p.shown % 3600000000 = 0 THEN p.shown / 3600000000 || 'h'
                WHEN p.shown % 60000000 = 0 THEN p.shown / 60000000 || 'm'
                WHEN p.shown % 1000000 = 0 THEN p.shown / 1000000 || 's'
                WHEN p.shown % 1000 = 0 THEN p.shown / 1000 || 'ms'
                ELSE p.shown || 'us' END
    FROM (SELECT d.days, d.rest, CASE WHEN d.days > 0 AND d.rest >= 0 THEN d.rest ELSE d.whole END
          FROM (SELECT extract(day FROM span)::bigint,
                       etl._span_microseconds(span) - extract(day FROM span)::bigint * 86400000000,
                       etl._span_microseconds(span)) AS d(days, rest, whole)) AS p(days, rest, shown)
$$;
COMMENT ON FUNCTION etl._span_name(interval) IS
    'A span as it stands in the name of a column: 30s, 90m, 24h, 7d, 1d12h. Errors as etl._span_microseconds.';

CREATE TYPE etl._rolling_call AS (function text, column_name name, letter "char", form "char", source oid, result oid);
COMMENT ON TYPE etl._rolling_call IS
    'An aggregate of etl.rolling: its name, its column (NULL where it counts rows), the letter for the function, the '
    'form in which the scan hands the column over, and the types of the column and of the result.';

CREATE FUNCTION etl._rolling_form(function text, type oid)
RETURNS "char"
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN function = 'count' THEN 'g'
        WHEN function = 'distinct' THEN 'p'
        WHEN b.type IN ('float4'::regtype, 'float8'::regtype) THEN 'r'
        WHEN b.type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN 'w'
        WHEN function IN ('sum', 'avg') THEN CASE WHEN b.type = 'numeric'::regtype THEN 'd' END
        WHEN b.type IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN 'w'
        ELSE 'b'
    END::"char"
    FROM (SELECT etl._base_type(type)) AS b(type)
$$;
COMMENT ON FUNCTION etl._rolling_form(text, oid) IS
    'The form in which etl._rolling_rows hands the values of a column to an aggregate; NULL where there is none.';

CREATE FUNCTION etl._rolling_result(function text, type oid)
RETURNS oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN function IN ('count', 'distinct') THEN 'int8'::regtype
        WHEN function IN ('min', 'max', 'latest') THEN type
        WHEN function = 'sum' AND b.type IN ('int2'::regtype, 'int4'::regtype) THEN 'int8'::regtype
        WHEN function = 'sum' AND b.type IN ('float4'::regtype, 'float8'::regtype) THEN b.type
        WHEN b.type IN ('float4'::regtype, 'float8'::regtype) THEN 'float8'::regtype
        ELSE 'numeric'::regtype
    END
    FROM (SELECT etl._base_type(type)) AS b(type)
$$;
COMMENT ON FUNCTION etl._rolling_result(text, oid) IS
    'The type of an aggregate of etl.rolling over a column of a type: as PostgreSQL''s own aggregates have it.';

CREATE FUNCTION etl._rolling_call(aggregate text, columns name[], types oid[], source text)
RETURNS etl._rolling_call
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts CONSTANT text[] := regexp_match(aggregate, '^\s*(\w+)\s*(?:\(\s*(.*?)\s*\)\s*)?$');
    made etl._rolling_call;
    type oid;
BEGIN
    made.function := lower(parts[1]);
    made.letter := CASE made.function WHEN 'count' THEN 'c' WHEN 'sum' THEN 's' WHEN 'avg' THEN 'a' WHEN 'min' THEN 'm'
                                      WHEN 'max' THEN 'x' WHEN 'distinct' THEN 'd' WHEN 'latest' THEN 'l' END;
    IF made.function = 'count' AND coalesce(parts[2], '*') IN ('*', '') THEN
        made.letter := '#';
        made.result := 'int8'::regtype;
        made.source := made.result;
        RETURN made;
    END IF;
    IF made.letter IS NULL OR coalesce(parts[2], '') = '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s is no aggregate of etl.rolling', coalesce(quote_literal(aggregate), 'NULL')),
            HINT = 'Choose from count, count(column), sum(column), avg(column), min(column), max(column), '
                   'distinct(column) and latest(column).';
    END IF;
    made.column_name := etl._rolling_column(parts[2]);
    PERFORM etl._require_query_column(columns, made.column_name);
    type := types[array_position(columns, made.column_name)];
    made.form := etl._rolling_form(made.function, type);
    made.source := type;
    made.result := etl._rolling_result(made.function, type);
    IF made.form IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_function',
            MESSAGE = format('%s(%I) needs a column of numbers, and it is of type %s', made.function, made.column_name,
                             format_type(type, NULL)),
            HINT = 'Choose a column of integers, numeric, real or double precision, or cast it in a query.';
    ELSIF made.form = 'b' THEN
        PERFORM etl._require_comparable(source, made.column_name);
    ELSIF made.form = 'p' THEN
        PERFORM etl._require_hashable(ARRAY[made.column_name], source);
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._rolling_call(text, name[], oid[], text) IS
    'An aggregate as the caller of etl.rolling writes it. 22023 where there is none of the kind, 42703 unknown column, '
    '42883 values that cannot be summed, compared or hashed.';

CREATE FUNCTION etl._rolling_column(written text)
RETURNS name
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[];
BEGIN
    parts := parse_ident(written);
    IF cardinality(parts) = 1 THEN
        RETURN parts[1]::name;
    END IF;
    RAISE invalid_parameter_value;
EXCEPTION
    WHEN invalid_parameter_value THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('an aggregate takes one column, not %L', written),
            HINT = 'Compute what it should aggregate in a query, and name that column: sum(amount).';
END
$$;
COMMENT ON FUNCTION etl._rolling_column(text) IS 'The column between the parentheses of an aggregate of etl.rolling.';

CREATE FUNCTION etl._require_hashable(keys name[], source text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key name;
BEGIN
    FOREACH key IN ARRAY keys LOOP
        IF NOT etl._are_hashable(quote_ident(key), source) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'undefined_function',
                MESSAGE = format('the values of column "%s" cannot be hashed', key),
                HINT = 'Choose a column whose type has a hash operator class, or cast it in the query.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._require_hashable(name[], text) IS
    'Raises (42883) unless the values of these columns of a source (what stands after FROM) can be hashed.';

CREATE FUNCTION etl._require_result_names(names text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text;
BEGIN
    SELECT n INTO found FROM unnest(names) AS n WHERE octet_length(n) > 63 LIMIT 1;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'name_too_long',
            MESSAGE = format('the name "%s" of a result column is longer than 63 bytes', found),
            HINT = 'Give a query that calls the column by a shorter name.';
    END IF;
    SELECT n INTO found FROM unnest(names) AS n GROUP BY n HAVING count(*) > 1 LIMIT 1;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_column',
            MESSAGE = format('two columns of the result would be called "%s"', found),
            HINT = 'Name each column, aggregate and window once; a query can call a column by another name.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_result_names(text[]) IS
    'Raises unless names of columns are short enough (42622) and different (42701).';

CREATE FUNCTION etl._check_rolling(
    source text, columns name[], types oid[], keys name[], ts name, windows interval[], aggregates text[],
    carried name[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named name;
BEGIN
    IF coalesce(cardinality(windows), 0) = 0 OR coalesce(cardinality(aggregates), 0) = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('no %s was given', CASE WHEN coalesce(cardinality(windows), 0) = 0 THEN 'window'
                                                     ELSE 'aggregate' END),
            HINT = 'Give for example windows => ''{1 hour, 7 days}'', aggregates => ''{count, sum(amount)}''.';
    ELSIF EXISTS (SELECT FROM unnest(windows) AS w WHERE w IS NULL) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a window must not be NULL',
            HINT = 'Give for example windows => ''{1 hour, 7 days}''.';
    END IF;
    PERFORM etl._require_unique_columns(keys, 'keys name', 'Name each key once.');
    FOREACH named IN ARRAY keys || ts || carried LOOP
        PERFORM etl._require_query_column(columns, named);
    END LOOP;
    IF etl._base_type(types[array_position(columns, ts)]) NOT IN ('timestamptz'::regtype, 'timestamp'::regtype,
                                                                 'date'::regtype) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" is no time, but of type %s', ts,
                             format_type(types[array_position(columns, ts)], NULL)),
            HINT = 'ts names a column of type timestamptz, timestamp or date.';
    END IF;
    PERFORM etl._require_hashable(keys, source);
END
$$;
COMMENT ON FUNCTION etl._check_rolling(text, name[], oid[], name[], name, interval[], text[], name[]) IS
    'Checks the arguments of etl.rolling but its target and what an aggregate is.';

CREATE FUNCTION etl._require_rolling_columns(read int, result int)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF read > 95 THEN -- of the 100 arguments that an aggregate's function has, five are etl._rolling_rows_step's own
        RAISE EXCEPTION USING
            ERRCODE = 'too_many_columns',
            MESSAGE = format('etl.rolling reads at most 95 columns, not %s', read),
            DETAIL = 'The keys, ts, the aggregated columns and the columns that are handed on count, each as often as '
                     'it is one of them.',
            HINT = 'Hand on a column that identifies the row, and join the others to the result.';
    ELSIF result > 1600 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'too_many_columns',
            MESSAGE = format('the result would have %s columns, and a table has at most 1600', result),
            HINT = 'Give fewer windows or aggregates.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_rolling_columns(int, int) IS
    'Raises (54011) where etl.rolling would read or return too many columns.';

CREATE FUNCTION etl._rolling_plan(
    target text, keys name[], ts name, windows interval[], aggregates text[], columns name[],
    OUT scan text, OUT column_list text, OUT forms text, OUT slot_types oid[], OUT slot_collations oid[],
    OUT functions text, OUT slots int[], OUT sources oid[], OUT results oid[], OUT spans bigint[], OUT carried oid[],
    OUT empty_query text)
RETURNS record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query CONSTANT text := etl._query_of(target, 'target');
    found CONSTANT name[] := etl._require_query_columns(query);
    types CONSTANT oid[] := ARRAY(SELECT q.type FROM etl._query_columns(query) AS q);
    collations CONSTANT oid[] := ARRAY(SELECT q.collation_id FROM etl._query_columns(query) AS q);
    source CONSTANT text := format(E'(\n%s\n) AS q', query);
    by_keys CONSTANT name[] := coalesce(keys, '{}');
    handed_on CONSTANT name[] := coalesce(columns, by_keys || ts);
    calls etl._rolling_call[];
    slot_columns name[];
    names text[];
BEGIN
    PERFORM etl._check_rolling(source, found, types, by_keys, ts, windows, aggregates, handed_on);
    calls := ARRAY(SELECT etl._rolling_call(a.written, found, types, source)
                   FROM unnest(aggregates) WITH ORDINALITY AS a(written, number) ORDER BY a.number);
    spans := ARRAY(SELECT etl._span_microseconds(w.span)
                   FROM unnest(windows) WITH ORDINALITY AS w(span, number) ORDER BY w.number);
    -- A column is handed over once in each form.
    SELECT coalesce(array_agg(s.column_name), '{}'), coalesce(string_agg(s.form, ''), ''),
           coalesce(array_agg(types[array_position(found, s.column_name)]), '{}'),
           coalesce(array_agg(collations[array_position(found, s.column_name)]), '{}')
    INTO slot_columns, forms, slot_types, slot_collations
    FROM (SELECT c.column_name, c.form::text FROM unnest(calls) AS c WHERE c.form IS NOT NULL
          GROUP BY c.column_name, c.form ORDER BY c.column_name, c.form) AS s(column_name, form);
    SELECT string_agg(c.letter::text, '' ORDER BY c.number),
           array_agg(coalesce(s.slot - 1, 0) ORDER BY c.number),
           array_agg(c.source ORDER BY c.number), array_agg(c.result ORDER BY c.number)
    INTO functions, slots, sources, results
    FROM unnest(calls) WITH ORDINALITY AS c(function, column_name, letter, form, source, result, number)
    LEFT JOIN (SELECT u.column_name, substr(forms, u.slot::int, 1)::"char", u.slot::int
               FROM unnest(slot_columns) WITH ORDINALITY AS u(column_name, slot)) AS s(column_name, form, slot)
         ON s.column_name = c.column_name AND s.form = c.form;
    carried := ARRAY(SELECT types[array_position(found, h.name)]
                     FROM unnest(handed_on) WITH ORDINALITY AS h(name, number) ORDER BY h.number);
    names := handed_on::text[] || ARRAY(
        SELECT concat_ws('_', c.function, c.column_name, etl._span_name(w.span))
        FROM unnest(calls) WITH ORDINALITY AS c(function, column_name, letter, form, source, result, number)
        CROSS JOIN unnest(windows) WITH ORDINALITY AS w(span, number)
        ORDER BY c.number, w.number);
    PERFORM etl._require_result_names(names),
            etl._require_rolling_columns(cardinality(by_keys || ts || slot_columns || handed_on), cardinality(names));
    scan := format('SELECT etl._rolling_rows($1, %L::bigint, %s, %L::text, %s) FROM %s',
                   etl._new_seed(), cardinality(by_keys), forms,
                   etl._column_list(by_keys || ts || slot_columns || handed_on), source);
    SELECT string_agg(format('%I %s', n.name, format_type(n.type, -1)), ', ' ORDER BY n.number),
           string_agg(CASE WHEN n.number <= cardinality(handed_on) THEN format('q.%I', n.name)
                           ELSE format('NULL::%s AS %I', format_type(n.type, -1), n.name) END, ', '
                      ORDER BY n.number)
    INTO column_list, empty_query
    FROM ROWS FROM (unnest(names), unnest(carried || ARRAY(
             SELECT r.type FROM unnest(results) WITH ORDINALITY AS r(type, number), generate_subscripts(windows, 1)
             ORDER BY r.number))) WITH ORDINALITY AS n(name, type, number);
    empty_query := format('SELECT %s FROM %s', empty_query, source);
END
$$;
COMMENT ON FUNCTION etl._rolling_plan(text, name[], name, interval[], text[], name[]) IS
    'What etl.rolling does with these arguments: the query that sets rows aside ($1 is where), the columns of the '
    'result, and for C++ the aggregated columns with their forms, types and collations, the functions with their '
    'columns and types, the spans in microseconds and the types that are handed on; and a query with the columns of '
    'the result. Checks the arguments.';
