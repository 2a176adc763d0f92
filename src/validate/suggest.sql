-- Suites suggested from profiles: rules that the rows at hand keep, as a document for etl.load_suite.
--
-- A rule is meant to stay true: bounds are rounded outwards, moments get no upper bound, and what a few rows have in
-- common by chance is no rule.

CREATE FUNCTION etl._great_expectations_type(type text)
RETURNS text
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_great_expectations_type';
COMMENT ON FUNCTION etl._great_expectations_type(text) IS
    'The name that Great Expectations has for a type of PostgreSQL, such as INTEGER.';

CREATE FUNCTION etl._rounded_out(value numeric, upwards bool)
RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT trim_scale(CASE WHEN upwards AND c.cut < value THEN c.cut + p.step
                           WHEN NOT upwards AND c.cut > value THEN c.cut - p.step
                           ELSE c.cut END)
    FROM (SELECT CASE WHEN value = 0 THEN 1 ELSE ('5e' || floor(log(abs(value))) - 1)::numeric END AS step) AS p,
         LATERAL (SELECT value - mod(value, p.step) AS cut) AS c
$$;
COMMENT ON FUNCTION etl._rounded_out(numeric, bool) IS
    'The next round number, upwards or downwards: two significant digits, of which the second is 0 or 5.';

CREATE FUNCTION etl._kind_of_type(type regtype)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    base CONSTANT regtype := etl._base_type(type);
BEGIN
    RETURN CASE WHEN EXISTS (SELECT FROM pg_type AS t WHERE t.oid = base AND t.typtype = 'e') THEN 'enum'
                WHEN base IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN 'integer'
                WHEN base = 'real'::regtype THEN 'real'
                WHEN base = 'double precision'::regtype THEN 'double'
                WHEN base = 'numeric'::regtype THEN 'numeric'
                WHEN base IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN 'moment'
                WHEN base IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) THEN 'text'
                WHEN base = 'uuid'::regtype THEN 'uuid'
                ELSE 'other' END;
END
$$;
COMMENT ON FUNCTION etl._kind_of_type(regtype) IS
    'What rules may be suggested for a type; domains count as what they are made of.';

CREATE FUNCTION etl._enum_labels(type regtype)
RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
            FROM pg_enum AS e
            WHERE e.enumtypid = etl._base_type(type));
END
$$;
COMMENT ON FUNCTION etl._enum_labels(regtype) IS 'The labels of an enum in their order, also of a domain over one.';

CREATE FUNCTION etl._is_hashable(type regtype)
RETURNS bool
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    base CONSTANT regtype := etl._base_type(type);
BEGIN
    RETURN EXISTS (SELECT FROM pg_type AS t WHERE t.oid = base AND (t.typtype <> 'b' OR t.typcategory = 'A'))
        OR base = 'varchar'::regtype
        OR EXISTS (SELECT FROM pg_operator AS o WHERE o.oprcanhash AND o.oprleft = base AND o.oprright = base);
END
$$;
COMMENT ON FUNCTION etl._is_hashable(regtype) IS
    'Whether uniqueness can be tested: money, bit and some other types have an order and no hash function.';

CREATE FUNCTION etl._bound_json(value numeric, kind text)
RETURNS json
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN abs(b.value) >= CASE kind WHEN 'real' THEN 1e38 WHEN 'double' THEN 1e300 ELSE 'Infinity' END
                    THEN NULL
                WHEN b.value <> 0 AND abs(b.value) NOT BETWEEN 1e-15 AND 1e15 THEN to_json(b.value::text)
                ELSE to_json(b.value) END
    FROM (SELECT CASE WHEN kind = 'integer' THEN least(greatest(value, -9223372036854775808), 9223372036854775807)
                      ELSE value END AS value) AS b
$$;
COMMENT ON FUNCTION etl._bound_json(numeric, text) IS
    'A bound as a suite has it; a string where JSON''s numbers may lose digits, NULL where the type has no such value.';

CREATE FUNCTION etl._suggest_range(p etl._column_profile, kind text, is_key bool)
RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    least_value numeric;
    most_value numeric;
    least_bound json;
    most_bound json;
BEGIN
    IF kind = 'moment' THEN -- later ones are to come
        RETURN CASE WHEN p.min ~ '^\d{4}-\d\d-\d\d' AND p.min !~ 'BC$' THEN json_build_object(
            'column', p.column_name,
            'min_value', regexp_replace(p.min, 'T\d\d:\d\d:\d\d(\.\d+)?', 'T00:00:00')) END;
    END IF;
    least_value := nullif(nullif(nullif(p.min, 'NaN'), 'Infinity'), '-Infinity')::numeric;
    most_value := nullif(nullif(nullif(p.max, 'NaN'), 'Infinity'), '-Infinity')::numeric;
    least_bound := etl._bound_json(
        CASE WHEN least_value >= 0 AND (is_key OR most_value IS NULL OR least_value < most_value / 2) THEN 0
             ELSE etl._rounded_out(least_value, false) END, kind);
    most_bound := CASE WHEN NOT is_key THEN etl._bound_json(etl._rounded_out(most_value, true), kind) END;
    IF least_bound IS NOT NULL OR most_bound IS NOT NULL THEN
        RETURN json_strip_nulls(json_build_object('column', p.column_name, 'min_value', least_bound,
                                                  'max_value', most_bound));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl._suggest_range(etl._column_profile, text, bool) IS
    'The arguments of expect_column_values_to_be_between for what a profile has seen, with room to grow: round '
    'numbers, 0 below values that begin near it, no upper bound for keys and moments; NULL for no bound.';

CREATE FUNCTION etl._suggest_statistics(p etl._column_profile)
RETURNS TABLE (type text, kwargs json, notes text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.type, json_build_object('column', p.column_name, 'min_value', s.least, 'max_value', s.greatest), s.notes
    FROM (SELECT 'expect_column_mean_to_be_between' AS type,
                 (p.mean - p.stddev / 2)::text::numeric AS low,
                 (p.mean + p.stddev / 2)::text::numeric AS high,
                 format('the mean of %s values is %s', p."values", p.mean) AS notes
          WHERE abs(p.mean) < 1e300 AND p.stddev < 1e300
          UNION ALL
          SELECT 'expect_column_stdev_to_be_between', (p.stddev / 2)::text::numeric, (p.stddev * 2)::text::numeric,
                 format('the standard deviation of %s values is %s', p."values", p.stddev)
          WHERE abs(p.mean) < 1e300 AND p.stddev < 1e300) AS r,
         LATERAL (SELECT r.type, r.notes, etl._rounded_out(r.low, false)::float8 AS least,
                         etl._rounded_out(r.high, true)::float8 AS greatest) AS s
    WHERE p."values" >= 30
$$;
COMMENT ON FUNCTION etl._suggest_statistics(etl._column_profile) IS
    'Bounds for mean and standard deviation of a column of 30 numbers and more: half a standard deviation off, and '
    'half to twice as much.';

CREATE TYPE etl._suggestion AS (kind text, type text, kwargs json, severity text, notes text);
COMMENT ON TYPE etl._suggestion IS 'A rule of etl.suggest_suite: its kind, and what a suite says of it.';

CREATE FUNCTION etl._suggest_for_text(p etl._column_profile)
RETURNS etl._suggestion
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p."distinct" >= 10 AND p.pattern !~ '^\^(\[(a-z|A-Z|A-Za-z)\]\+?)+[$]$' THEN -- words are no format
        RETURN ('patterns', 'expect_column_values_to_match_regex',
                json_build_object('column', p.column_name, 'regex', p.pattern),
                'warning', format('%s different values are alike', p."distinct"))::etl._suggestion;
    ELSIF p."distinct" >= 10 AND p.min_length = p.max_length THEN
        RETURN ('lengths', 'expect_column_value_lengths_to_equal',
                json_build_object('column', p.column_name, 'value', p.min_length),
                'warning', format('%s values of %s characters', p."values", p.min_length))::etl._suggestion;
    END IF;
    RETURN ('lengths', 'expect_column_value_lengths_to_be_between',
            json_build_object('column', p.column_name, 'min_value', least(p.min_length, 1),
                              'max_value', etl._rounded_out(p.max_length, true)),
            'warning', format('%s values of %s to %s characters', p."values", p.min_length, p.max_length))
            ::etl._suggestion;
END
$$;
COMMENT ON FUNCTION etl._suggest_for_text(etl._column_profile) IS
    'What a column of texts suggests: their pattern, or else their length.';

CREATE FUNCTION etl._suggest_for_column(target regclass, p etl._column_profile)
RETURNS SETOF etl._suggestion
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH t AS (
        SELECT a.atttypid::regtype AS type, etl._kind_of_type(a.atttypid) AS kind,
               p.rows - p."values" AS nulls, json_build_object('column', p.column_name) AS named,
               etl._is_proven_unique(target, ARRAY[p.column_name]) AND etl._is_hashable(a.atttypid) AS is_proven
        FROM pg_attribute AS a
        WHERE a.attrelid = target AND a.attname = p.column_name
    ), k AS (
        SELECT t.*,
               t.is_proven OR p.rows >= 10 AND p."distinct" = p.rows AND coalesce(p.max_length, 0) <= 100
                              AND t.kind IN ('integer', 'uuid', 'text') AS is_key
        FROM t
    ), c AS (
        SELECT k.*,
               k.kind = 'text' AND NOT k.is_key AND p."distinct" BETWEEN 1 AND 20 AND p.max_length <= 100
                   AND p."values" >= 5 * p."distinct" AS is_set
        FROM k
    )
    SELECT 'types', 'expect_column_values_to_be_of_type',
           json_build_object('column', p.column_name, 'type_',
                             etl._great_expectations_type(format_type(c.type, NULL))),
           'critical', format('the column is of type %s', format_type(c.type, NULL))
    FROM c
    UNION ALL
    SELECT 'nulls', 'expect_column_values_to_not_be_null', c.named, 'critical', format('no NULL in %s rows', p.rows)
    FROM c
    WHERE p.rows > 0 AND c.nulls = 0
    UNION ALL
    SELECT 'nulls', 'expect_column_values_to_not_be_null',
           json_build_object('column', p.column_name, 'mostly', trim_scale(trunc(1 - 2.0 * c.nulls / p.rows, 2))),
           'warning', format('%s of %s rows are NULL', c.nulls, p.rows)
    FROM c
    WHERE c.nulls > 0 AND c.nulls * 10 <= p.rows
    UNION ALL
    SELECT 'unique', 'expect_column_values_to_be_unique', c.named, 'critical',
           CASE WHEN c.is_proven THEN 'a unique index says so' ELSE format('%s rows differ', p.rows) END
    FROM c
    WHERE c.is_key
    UNION ALL
    SELECT 'sets', 'expect_column_values_to_be_in_set',
           json_build_object('column', p.column_name, 'value_set', (
               SELECT json_agg(v.value -> 'value' ORDER BY v.value ->> 'value')
               FROM json_array_elements(p.top_values::json) AS v)),
           'critical', format('all of %s values', p."values")
    FROM c
    WHERE c.is_set
    UNION ALL
    SELECT 'sets', 'expect_column_values_to_be_in_set',
           json_build_object('column', p.column_name, 'value_set', etl._enum_labels(c.type)),
           'critical', 'the labels of the enum'
    FROM c
    WHERE c.kind = 'enum'
    UNION ALL
    SELECT 'ranges', 'expect_column_values_to_be_between', r.kwargs, 'warning',
           format('%s values from %s to %s', p."values", p.min, p.max)
    FROM c, LATERAL (SELECT etl._suggest_range(p, c.kind, c.is_key) AS kwargs) AS r
    WHERE c.kind IN ('integer', 'real', 'double', 'numeric', 'moment') AND r.kwargs IS NOT NULL
    UNION ALL
    SELECT s.*
    FROM c, etl._suggest_for_text(p) AS s
    WHERE c.kind = 'text' AND NOT c.is_set AND p."values" > 0
    UNION ALL
    SELECT 'statistics', s.type, s.kwargs, 'warning', s.notes
    FROM c, etl._suggest_statistics(p) AS s
    WHERE c.kind IN ('integer', 'real', 'double', 'numeric') AND NOT c.is_key
$$;
COMMENT ON FUNCTION etl._suggest_for_column(regclass, etl._column_profile) IS
    'The rules that a column''s profile suggests, of all kinds that etl.suggest_suite knows.';

CREATE FUNCTION etl._suggest_for_table(target regclass, columns name[], profiled etl._column_profile[])
RETURNS SETOF etl._suggestion
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'columns', 'expect_table_columns_to_match_set',
           CASE WHEN columns IS NULL THEN json_build_object('column_set', c.names)
                ELSE json_build_object('column_set', c.names, 'exact_match', false) END,
           'critical', 'the columns of the table'
    FROM (SELECT json_agg(p.column_name ORDER BY p.ordinality) AS names
          FROM unnest(profiled) WITH ORDINALITY AS p) AS c
    WHERE c.names IS NOT NULL
    UNION ALL
    SELECT 'rows', 'expect_table_row_count_to_be_between',
           json_build_object('min_value', r.rows / 2, 'max_value', r.rows * 2),
           'warning', format('%s rows', r.rows)
    FROM (SELECT profiled[1].rows AS rows) AS r
    WHERE r.rows > 0
    UNION ALL
    SELECT 'unique', 'expect_compound_columns_to_be_unique', json_build_object('column_list', to_json(k.columns)),
           'critical', 'the primary key'
    FROM (SELECT etl._key_columns(target) AS columns) AS k
    WHERE cardinality(k.columns) > 1 AND (columns IS NULL OR k.columns <@ columns)
$$;
COMMENT ON FUNCTION etl._suggest_for_table(regclass, name[], etl._column_profile[]) IS
    'The rules that a table as a whole suggests; columns are those that were asked for, NULL for all.';

CREATE FUNCTION etl._members_of(object json)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%s: %s', to_json(m.key), m.value), ', ' ORDER BY m.n)
    FROM json_each(object) WITH ORDINALITY AS m (key, value, n)
$$;
COMMENT ON FUNCTION etl._members_of(json) IS 'The members of a JSON object as one line.';

CREATE FUNCTION etl._require_kinds(kinds text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := ARRAY['columns', 'rows', 'types', 'nulls', 'unique', 'sets', 'ranges', 'lengths',
                                   'patterns', 'statistics'];
    unknown text;
BEGIN
    SELECT k INTO unknown FROM unnest(kinds) AS k WHERE k IS NULL OR NOT k = ANY (known) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown kind of rule: %s', coalesce('"' || unknown || '"', 'NULL')),
            HINT = format('The kinds are %s.', array_to_string(known, ', '));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_kinds(text[]) IS 'Raises (22023) for a kind of rule that etl.suggest_suite lacks.';

CREATE FUNCTION etl.suggest_suite(
    target regclass, name text DEFAULT NULL, where_sql text DEFAULT NULL, columns name[] DEFAULT NULL,
    kinds text[] DEFAULT '{columns,rows,types,nulls,unique,sets,ranges,lengths,patterns}',
    as_of timestamptz DEFAULT now())
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    profiled etl._column_profile[];
    rules text;
BEGIN
    PERFORM etl._require_kinds(kinds);
    profiled := ARRAY(SELECT p::etl._column_profile
                      FROM etl._profile(etl._table_source(target, where_sql, NULL),
                                        etl._columns_to_profile(target, columns), 20) AS p);
    SELECT string_agg(format(E'\n    {"type": "%s", "kwargs": {%s},\n     "severity": "%s", "notes": %s}', r.type,
                             etl._members_of(r.kwargs), r.severity, to_json(r.notes)),
                      ',' ORDER BY r.place, r.ordinality)
    INTO rules
    FROM (SELECT 0 AS place, t.*
          FROM etl._suggest_for_table(target, columns, profiled) WITH ORDINALITY AS t
          UNION ALL
          SELECT place, c.*
          FROM generate_subscripts(profiled, 1) AS place,
               etl._suggest_for_column(target, profiled[place]) WITH ORDINALITY AS c) AS r
    WHERE r.kind = ANY (kinds);
    RETURN format(E'{\n  "name": %s,\n  "expectations": [%s\n  ],\n  "meta": {%s}\n}',
                  to_json(coalesce(name, (SELECT c.relname::text FROM pg_class AS c WHERE c.oid = target))), rules,
                  etl._members_of(json_build_object(
                      'suggested_by', 'pg_etl ' || etl.version(), 'table', target::text, 'where', where_sql,
                      'rows', profiled[1].rows, 'at', as_of)));
END
$$;
COMMENT ON FUNCTION etl.suggest_suite(regclass, text, text, name[], text[], timestamptz) IS
    'A suite that the rows of a table keep, made from its profile: a Great Expectations 1.x document for '
    'etl.load_suite. Take it as a first draft, and read it before you load it. Kinds of rules: columns (the set of '
    'columns), rows (half to twice as many), types, nulls (no NULL where there is none; up to twice as many where at '
    'most a tenth is NULL), unique (what an index says, and whole numbers, uuids and short texts that all differ), '
    'sets (texts of at most 20 different values, each five times on average; labels of enums), ranges (of numbers, '
    'rounded outwards, as 98.75 to 100; of moments from the first day on), patterns (of texts that have one), '
    'lengths (of other texts), and statistics (mean and standard deviation), which is not among the default ones. '
    'Each rule has a severity and says in its notes what it was made from. Arguments: target, an ordinary or '
    'partitioned table; name of the suite, the table''s own for NULL; where_sql, an SQL condition on the rows; '
    'columns, which of them, NULL for all; kinds; as_of, the moment that the document names. Errors: as '
    'etl.profile, and 22023 an unknown kind.';
