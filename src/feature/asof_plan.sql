-- The plan of a point-in-time join: checked arguments, and the queries for both sides. C++ runs them and joins what
-- they return.

-- The two sides ------------------------------------------------------------------------------------------------------

CREATE TYPE etl._asof_side AS (argument text, source text, names name[], types oid[], collations oid[]);
COMMENT ON TYPE etl._asof_side IS
    'One side of a point-in-time join: the argument that names it, what stands after FROM without its alias, and its '
    'columns.';

CREATE FUNCTION etl._asof_side(rows text, argument text)
RETURNS etl._asof_side
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement CONSTANT text := etl._query_of(rows, argument);
    side etl._asof_side;
BEGIN
    side.argument := argument;
    side.source := format(E'(\n%s\n)', statement);
    SELECT array_agg(q.name::name ORDER BY q.number), array_agg(q.type ORDER BY q.number),
           array_agg(q.collation_id ORDER BY q.number)
    INTO side.names, side.types, side.collations
    FROM ROWS FROM (etl._query_columns(statement)) WITH ORDINALITY AS q (name, type, collation_id, number);
    PERFORM etl._require_unique_columns(side.names, argument || ' has');
    RETURN side;
END
$$;
COMMENT ON FUNCTION etl._asof_side(text, text) IS
    'A side of a point-in-time join from what a user names. 22023 where it is no single SELECT, 42701 where two of its '
    'columns have one name.';

CREATE FUNCTION etl._require_asof_column(side etl._asof_side, column_name name, role text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF column_name IS NULL OR array_position(side.names, column_name) IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('%s column %s is not among the columns of %s', role,
                             coalesce(quote_ident(column_name), 'NULL'), side.argument),
            DETAIL = format('It has %s.', coalesce(etl._column_list(side.names), 'no columns')),
            HINT = CASE WHEN role = 'ts' THEN 'Name it with ts => …, and with feature_ts => … where it has another '
                                              'name in the features.'
                        ELSE 'Name one of these columns, or give it that name with AS.' END;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_asof_column(etl._asof_side, name, text) IS
    'Raises (42703) unless a side of a point-in-time join has the column.';

-- Common types -------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._asof_common(
    spine etl._asof_side, features etl._asof_side, spine_column name, VARIADIC feature_columns name[],
    OUT type oid, OUT collation_id oid)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other CONSTANT name := feature_columns[cardinality(feature_columns)];
BEGIN
    SELECT q.type, q.collation_id INTO type, collation_id
    FROM etl._query_columns(format('SELECT s.%I FROM %s AS s', spine_column, spine.source)
        || (SELECT string_agg(format(' UNION ALL SELECT f.%I FROM %s AS f', name, features.source), '')
            FROM unnest(feature_columns) AS name)) AS q;
    IF collation_id = 0 AND (SELECT t.typcollation <> 0 FROM pg_type AS t WHERE t.oid = type) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'collation_mismatch',
            MESSAGE = format('column "%s" has one collation in the spine and another in the features', spine_column),
            HINT = 'Choose one of them with COLLATE in a SELECT.';
    END IF;
EXCEPTION
    WHEN datatype_mismatch OR cannot_coerce THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of the spine cannot be compared with column "%s" of the features',
                             spine_column, other),
            DETAIL = format('One is of type %s, the other of type %s.',
                            format_type(spine.types[array_position(spine.names, spine_column)], NULL),
                            format_type(features.types[array_position(features.names, other)], NULL)),
            HINT = 'Cast one of them in a SELECT.';
END
$$;
COMMENT ON FUNCTION etl._asof_common(etl._asof_side, etl._asof_side, name, name[]) IS
    'The type and collation in which columns of both sides are compared: those that UNION would give them. 42804 where '
    'there are none, which is said of the last column, 42P21 where collations differ.';

CREATE FUNCTION etl._asof_expression(
    side etl._asof_side, alias text, column_name name, common_type oid, common_collation oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s.%I', alias, column_name)
        || CASE WHEN side.types[i] <> common_type THEN '::' || format_type(common_type, -1) ELSE '' END
        || CASE WHEN common_collation <> 0 AND side.collations[i] <> common_collation
                THEN ' COLLATE ' || common_collation::regcollation ELSE '' END
    FROM array_position(side.names, column_name) AS i
$$;
COMMENT ON FUNCTION etl._asof_expression(etl._asof_side, text, name, oid, oid) IS
    'A column of a side, in the type and collation in which both sides are compared.';

CREATE FUNCTION etl._collate_clause(collation_id oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ' COLLATE ' || collation_id::regcollation WHERE collation_id NOT IN (0, 'default'::regcollation)
$$;
COMMENT ON FUNCTION etl._collate_clause(oid) IS 'COLLATE and the name of a collation; NULL for none and the default.';

CREATE FUNCTION etl._asof_keys(
    spine etl._asof_side, features etl._asof_side, keys name[], OUT in_spine text, OUT in_features text,
    OUT are_equal text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key name;
    common record;
    in_both text[];
    conditions text[];
BEGIN
    IF coalesce(cardinality(keys), 0) = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no key column was given',
            DETAIL = 'A row of the features may be joined to a row of the spine that has the same keys.',
            HINT = 'Name one column of both or more: keys => ARRAY[''column'', …].';
    ELSIF cardinality(keys) > 94 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'too_many_columns',
            MESSAGE = format('at most 94 key columns can be given, not %s', cardinality(keys)),
            HINT = 'Put several into one in a SELECT: md5(ROW(a, b, …)::text) AS key.';
    END IF;
    PERFORM etl._require_unique_columns(keys, 'keys name', 'Name each key once.');
    FOREACH key IN ARRAY keys LOOP
        PERFORM etl._require_asof_column(spine, key, 'key'), etl._require_asof_column(features, key, 'key');
        SELECT * INTO common FROM etl._asof_common(spine, features, key, key);
        in_both := ARRAY[etl._asof_expression(spine, 's', key, common.type, common.collation_id),
                         etl._asof_expression(features, 'f', key, common.type, common.collation_id)];
        in_spine := concat_ws(', ', in_spine, in_both[1]);
        in_features := concat_ws(', ', in_features, in_both[2]);
        conditions := conditions || CASE WHEN etl._has_built_in_equality(common.type)
                                         THEN format('%s = %s', in_both[2], in_both[1]) END;
    END LOOP;
    IF array_position(conditions, NULL) IS NULL THEN
        are_equal := array_to_string(conditions, ' AND ');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._asof_keys(etl._asof_side, etl._asof_side, name[]) IS
    'The key columns of both sides as lists of expressions whose values can be compared, and the condition that they '
    'are equal: NULL where the operators of pg_catalog do not say so.';

CREATE FUNCTION etl._asof_moment_type(type oid, column_name name)
RETURNS oid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    base CONSTANT oid := etl._base_type(type);
BEGIN
    IF base::regtype NOT IN ('timestamptz', 'timestamp', 'date', 'int2', 'int4', 'int8') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('ts column "%s" is of type %s', column_name, format_type(type, NULL)),
            DETAIL = 'A moment is a timestamp with or without time zone, a date, or a whole number.',
            HINT = 'Cast it in a SELECT.';
    END IF;
    RETURN base;
END
$$;
COMMENT ON FUNCTION etl._asof_moment_type(oid, name) IS
    'The type in which moments are compared: that of the columns, or what a domain is made of. 42804 for other types.';

-- The window ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._asof_bound(moment text, type oid, sign text, ttl interval, tolerance bigint)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN tolerance IS NOT NULL
            THEN format('least(greatest(%s::numeric %s %s, -9223372036854775808), 9223372036854775807)::bigint', moment,
                        sign, tolerance)
        WHEN ttl IS NULL THEN 'NULL::bigint'
        -- The first day that does not begin before the bound, or the last one that does not begin after it.
        WHEN type = 'date'::regtype AND sign = '-'
            THEN format('(%s - %L::interval + interval ''1 day'' - interval ''1 microsecond'')::date', moment, ttl)
        WHEN type = 'date'::regtype THEN format('(%s + %L::interval)::date', moment, ttl)
        ELSE format('%s %s %L::interval', moment, sign, ttl) END
$$;
COMMENT ON FUNCTION etl._asof_bound(text, oid, text, interval, bigint) IS
    'Expression for the earliest (sign -) or the latest (sign +) moment of a row that may be joined to a moment.';

CREATE FUNCTION etl._check_asof_window(type oid, ttl interval, tolerance bigint)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_number CONSTANT bool := type::regtype IN ('int2', 'int4', 'int8');
BEGIN
    IF ttl IS NOT NULL THEN
        PERFORM etl._require_positive(ttl, 'ttl');
    END IF;
    IF ttl IS NOT NULL AND is_number OR tolerance IS NOT NULL AND NOT is_number THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s does not fit a ts of type %s', CASE WHEN is_number THEN 'ttl' ELSE 'tolerance' END,
                             format_type(type, NULL)),
            HINT = CASE WHEN is_number THEN 'Give tolerance => … instead, a whole number.'
                        ELSE 'Give ttl => … instead, an interval.' END;
    ELSIF tolerance < 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('tolerance must not be negative, not %s', tolerance),
            HINT = 'Give how far apart the two may be, or leave it out.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_asof_window(oid, interval, bigint) IS
    'Raises (22023) unless ttl or tolerance fits the type of the moments.';

-- The plan -----------------------------------------------------------------------------------------------------------

CREATE TYPE etl._asof_plan AS (
    spine_query text, features_query text, lookup_query text, columns name[], types oid[], spine_columns int,
    rules int, definition text, empty_query text
);
COMMENT ON TYPE etl._asof_plan IS
    'What a point-in-time join does: the queries for both sides, another one for the features that looks each label '
    'up (NULL where there is none), the columns of the result, how many of them are the spine''s, its rules as bits '
    '(1 backward, 2 forward, 4 exact matches, 8 not before created_ts, 16 the latest created_ts), the columns as a '
    'list of definitions, and a query that has these columns and no row.';

CREATE FUNCTION etl._asof_rules(
    direction text, allow_exact_matches bool, created_ts name, include_backfilled bool)
RETURNS int
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(allow_exact_matches, 'allow_exact_matches'),
            etl._require_flag(include_backfilled, 'include_backfilled');
    IF direction IS NULL OR direction NOT IN ('backward', 'forward', 'nearest') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown direction %s', coalesce(quote_literal(direction), 'NULL')),
            HINT = 'Give ''backward'', ''forward'' or ''nearest''.';
    END IF;
    RETURN CASE direction WHEN 'backward' THEN 1 WHEN 'forward' THEN 2 ELSE 3 END
        + CASE WHEN allow_exact_matches THEN 4 ELSE 0 END
        + CASE WHEN created_ts IS NULL THEN 0 WHEN include_backfilled THEN 16 ELSE 24 END;
END
$$;
COMMENT ON FUNCTION etl._asof_rules(text, bool, name, bool) IS
    'The rules of a point-in-time join as bits (see etl._asof_plan). 22023 for an unknown direction or a NULL.';

CREATE FUNCTION etl._asof_row(alias text, columns name[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'ROW(' || string_agg(format('%s.%I', alias, name), ', ' ORDER BY position) || ')'
    FROM unnest(columns) WITH ORDINALITY AS c(name, position)
$$;
COMMENT ON FUNCTION etl._asof_row(text, name[]) IS 'Expression for a row of these columns.';

CREATE FUNCTION etl._asof_spine_query(
    spine etl._asof_side, keys text, moment text, type oid, rules int, ttl interval, tolerance bigint)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT etl._asof_key($1, %s), %s, %s, %s, %s FROM %s AS s', keys, moment,
        CASE WHEN rules & 1 <> 0 THEN etl._asof_bound(moment, type, '-', ttl, tolerance) ELSE 'NULL::bigint' END,
        CASE WHEN rules & 2 <> 0 THEN etl._asof_bound(moment, type, '+', ttl, tolerance) ELSE 'NULL::bigint' END,
        etl._asof_row('s', spine.names), spine.source)
$$;
COMMENT ON FUNCTION etl._asof_spine_query(etl._asof_side, text, text, oid, int, interval, bigint) IS
    'The query for the spine: its key, its moment, the earliest and the latest moment of a row that may be joined, and '
    'the row. $1 is the seed of the keys.';

CREATE FUNCTION etl._asof_features_query(
    features etl._asof_side, keys text, moment text, created text, columns name[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT etl._asof_features($1, $2, %1$s, %2$s, %3$s, %4$s) FROM %5$s AS f '
                  'WHERE etl._asof_may_match($2, %4$s) AND ($3 IS NULL OR %2$s >= $3) AND ($4 IS NULL OR %2$s <= $4)',
                  etl._asof_row('f', columns), moment, coalesce(created, 'NULL::bigint'), keys, features.source)
$$;
COMMENT ON FUNCTION etl._asof_features_query(etl._asof_side, text, text, text, name[]) IS
    'The query for the features: one row, the list of what is set aside. $1 and $2 are the first arguments of '
    'etl._asof_features, $3 and $4 the first and the last moment that can be of use.';

CREATE FUNCTION etl._asof_empty_query(
    spine etl._asof_side, features etl._asof_side, feature_columns name[], columns name[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s FROM %s AS s LEFT JOIN %s AS f ON false',
                  string_agg(format('%s.%I AS %I', CASE WHEN n <= s THEN 's' ELSE 'f' END,
                                    CASE WHEN n <= s THEN columns[n] ELSE feature_columns[n - s] END, columns[n]),
                             ', ' ORDER BY n),
                  spine.source, features.source)
    FROM generate_subscripts(columns, 1) AS n
    CROSS JOIN cardinality(spine.names) AS s
$$;
COMMENT ON FUNCTION etl._asof_empty_query(etl._asof_side, etl._asof_side, name[], name[]) IS
    'A query whose columns are those of a point-in-time join.';

CREATE FUNCTION etl._make_asof_plan(
    spine etl._asof_side, features etl._asof_side, keys name[], ts name, feature_ts name, created_ts name, rules int,
    ttl interval, tolerance bigint, feature_columns name[], names name[])
RETURNS etl._asof_plan
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._asof_plan;
    key record := etl._asof_keys(spine, features, keys);
    type oid;
    moment text;
    created text;
BEGIN
    PERFORM etl._require_asof_column(spine, ts, 'ts'), etl._require_asof_column(features, feature_ts, 'ts');
    IF created_ts IS NOT NULL THEN
        PERFORM etl._require_asof_column(features, created_ts, 'created_ts');
    END IF;
    PERFORM etl._asof_common(spine, features, ts, feature_ts);
    type := etl._asof_moment_type((etl._asof_common(spine, features, ts,
        VARIADIC array_remove(ARRAY[feature_ts, created_ts], NULL))).type, ts);
    PERFORM etl._check_asof_window(type, ttl, tolerance);
    made.spine_query := etl._asof_spine_query(spine, key.in_spine, etl._asof_expression(spine, 's', ts, type, 0), type,
                                              rules, ttl, tolerance);
    moment := etl._asof_expression(features, 'f', feature_ts, type, 0);
    created := CASE WHEN created_ts IS NOT NULL THEN etl._asof_expression(features, 'f', created_ts, type, 0) END;
    made.features_query := etl._asof_features_query(features, key.in_features, moment, created, feature_columns);
    made.lookup_query := etl._asof_lookup_query(
        spine, features, key.in_features, key.are_equal, etl._asof_expression(spine, 's', ts, type, 0), moment, created,
        rules, feature_columns);
    made.columns := spine.names || names;
    made.types := spine.types || ARRAY(
        SELECT features.types[array_position(features.names, c.name)]
        FROM unnest(feature_columns) WITH ORDINALITY AS c(name, position) ORDER BY c.position);
    made.spine_columns := cardinality(spine.names);
    made.rules := rules;
    -- A list of columns has no name twice.
    made.definition := (
        SELECT string_agg(format('%I %s', CASE WHEN made.columns[n] = ANY (made.columns[:n - 1])
                                               THEN made.columns[n] || '_' || n ELSE made.columns[n] END,
                                 format_type(made.types[n], -1)), ', ' ORDER BY n)
        FROM generate_subscripts(made.columns, 1) AS n);
    made.empty_query := etl._asof_empty_query(spine, features, feature_columns, made.columns);
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._make_asof_plan(
    etl._asof_side, etl._asof_side, name[], name, name, name, int, interval, bigint, name[], name[]) IS
    'The plan of a point-in-time join. The last two arguments are the columns of the features that are joined, and '
    'their names in the result.';
