-- Scans: a part of a suite as one query around the aggregate etl._validation_scan.
--
-- A plan tells what the scan does (plan.hpp). A suite that reads more columns than one call can pass is divided into
-- groups, which are calls of one query. An expectation that raises an error, as it is compiled or on some row, is found
-- by halves and left out.

CREATE TYPE etl._outcome AS (
    number int, expectation text, kwargs text, severity text, success bool,
    element_count bigint, missing_count bigint, unexpected_count bigint, unexpected_percent float8,
    observed_value text, details text, failing_values text, failing_keys text, tables oid[], row_ids tid[],
    look_for text, fault text
);
COMMENT ON TYPE etl._outcome IS
    'What one expectation of a suite has come to; JSON as text. number counts from 0. look_for is what a second scan '
    'is told to list, fault why nothing is decided.';

CREATE FUNCTION etl._validation_rules(
    document text,
    OUT number int, OUT kind text, OUT columns text[], OUT condition text, OUT test text, OUT order_by text[],
    OUT previous text, OUT kwargs text)
RETURNS SETOF record
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_rules';
COMMENT ON FUNCTION etl._validation_rules(text) IS
    'How each expectation of a suite document is decided (kind: scan, ordered, table, type, rows, other_table, '
    'query), and what it reads: columns, the SQL of its row condition, the SQL that it tests, its order, and the name '
    'of the column with the value before.';

CREATE FUNCTION etl._outcomes(states etl.validation_state[])
RETURNS SETOF etl._outcome
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_outcomes';
COMMENT ON FUNCTION etl._outcomes(etl.validation_state[]) IS
    'The outcomes of a suite, from the states of scans that decide its parts over the same rows.';

CREATE FUNCTION etl._open_spill()
RETURNS text
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_open_spill';
COMMENT ON FUNCTION etl._open_spill() IS
    'Makes room for temporary files that parallel workers share; they go with etl._close_spill or the transaction.';

CREATE FUNCTION etl._close_spill(area text)
RETURNS void
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_close_spill';
COMMENT ON FUNCTION etl._close_spill(text) IS 'Deletes the files of etl._open_spill.';

CREATE FUNCTION etl._have_places(states etl.validation_state[])
RETURNS bool
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_have_places';
COMMENT ON FUNCTION etl._have_places(etl.validation_state[]) IS
    'Whether the failing rows came with their places. A scan whose rows are those of the table itself knows them; '
    'where the planner has put something between, tableoid and ctid must be passed, which takes about a tenth more '
    'time.';

CREATE FUNCTION etl._scan_arguments(source etl._source, document text, part int[], told jsonb)
RETURNS TABLE (number bigint, name text, type text, collation_name text, argument text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH rules AS MATERIALIZED (
        SELECT r.* FROM etl._validation_rules(document) AS r WHERE r.number = ANY (part)
    ), needed (place, name, type, collation_name, argument) AS (
        SELECT 1, n.name, n.type, '', format('validated.%I', n.name)
        FROM (VALUES ('tableoid', 'oid'), ('ctid', 'tid')) AS n (name, type)
        WHERE source.has_places AND (told ->> 'passes_places')::bool
        UNION ALL
        SELECT 2, '(keys)', 'text', '',
               (SELECT format('json_build_object(%s)::text', string_agg(format('%L, validated.%I', k, k), ', '))
                FROM unnest(source.keys) AS k)
        WHERE NOT source.has_places AND source.keys IS NOT NULL
        UNION ALL
        SELECT DISTINCT 3, c, source.columns -> c ->> 0, source.columns -> c ->> 1, format('validated.%I', c)
        FROM rules AS r, unnest(r.columns) AS c
        WHERE source.columns -> c IS NOT NULL
        UNION ALL
        SELECT DISTINCT 4, '(' || c || ')', 'boolean', '', '(' || c || ')'
        FROM rules AS r, unnest(ARRAY[r.condition, r.test]) AS c
        WHERE c IS NOT NULL
        UNION ALL
        SELECT 5, r.previous, min(source.columns -> r.columns[1] ->> 0), min(source.columns -> r.columns[1] ->> 1),
               format('validated.previous_%s', min(r.number))
        FROM rules AS r
        WHERE r.previous IS NOT NULL
        GROUP BY r.previous
    )
    SELECT row_number() OVER (ORDER BY n.place, n.name), n.name, n.type, n.collation_name, n.argument FROM needed AS n
    UNION ALL
    SELECT 1, '(true)', 'boolean', '', 'true' WHERE NOT EXISTS (SELECT FROM needed)
$$;
COMMENT ON FUNCTION etl._scan_arguments(etl._source, text, int[], jsonb) IS
    'What a scan passes for a part of a suite: columns, conditions in parentheses, the values before, and where rows '
    'lie or what their keys are. argument is the SQL of each.';

CREATE FUNCTION etl._scan_groups(source etl._source, document text, part int[], told jsonb)
RETURNS SETOF int[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT int := 94; -- PostgreSQL's 100 arguments, but for the state, the plan, places and keys
    rule record;
    gathered int[] := '{}';
    reads text[] := '{}';
BEGIN
    IF (SELECT count(*) FROM etl._scan_arguments(source, document, part, told)) <= most THEN
        RETURN NEXT part;
        RETURN;
    END IF;
    FOR rule IN
        SELECT r.number, array_remove(r.columns || ARRAY[r.condition, r.test, r.previous], NULL) AS reads
        FROM etl._validation_rules(document) AS r
        WHERE r.number = ANY (part)
        ORDER BY r.number
    LOOP
        IF cardinality(gathered) > 0
           AND (SELECT count(DISTINCT c) FROM unnest(reads || rule.reads) AS c) > most THEN
            RETURN NEXT gathered;
            gathered := '{}';
            reads := '{}';
        END IF;
        gathered := gathered || rule.number;
        reads := ARRAY(SELECT DISTINCT c FROM unnest(reads || rule.reads) AS c);
    END LOOP;
    RETURN NEXT gathered;
END
$$;
COMMENT ON FUNCTION etl._scan_groups(etl._source, text, int[], jsonb) IS
    'A part of a suite divided so that each group reads no more columns than one call of an aggregate can pass.';

CREATE FUNCTION etl._scan_plan(source etl._source, document text, part int[], told jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT json_build_object(
        'suite', document::json,
        'columns', (SELECT json_agg(json_build_array(a.name, a.type, a.collation_name) ORDER BY a.number)
                    FROM etl._scan_arguments(source, document, part, told) AS a),
        'part', part,
        'listed', told -> 'listed',
        'seed', told -> 'seed',
        'proven_unique', coalesce(told -> 'proven_unique', '[]'),
        'facts', coalesce(told -> 'facts', '{}'),
        'faults', coalesce(told -> 'faults', '{}'),
        'look_for', coalesce(told -> 'look_for', '{}'),
        'profiled', '{}'::json,
        'table', json_build_object('columns', (
            SELECT json_agg(json_build_array(c.key, c.value ->> 0)) FROM json_each(source.columns) AS c)),
        'area', coalesce(told ->> 'area', ''))::text
$$;
COMMENT ON FUNCTION etl._scan_plan(etl._source, text, int[], jsonb) IS
    'What one scan is told to do, as the aggregate reads it.';

CREATE FUNCTION etl._scan_call(source etl._source, document text, part int[], told jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('coalesce(etl._validation_scan(%1$L, %2$s), etl._empty_validation_state(%1$L))',
                  etl._scan_plan(source, document, part, told), string_agg(a.argument, ', ' ORDER BY a.number))
    FROM etl._scan_arguments(source, document, part, told) AS a
$$;
COMMENT ON FUNCTION etl._scan_call(etl._source, text, int[], jsonb) IS
    'The SQL expression that scans rows into the state of a part of a suite.';

CREATE FUNCTION etl._compile_faults(source etl._source, document text, part int[], told jsonb)
RETURNS TABLE (number int, fault text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    half CONSTANT int := cardinality(part) / 2;
    message text;
    detail text;
BEGIN
    IF cardinality(part) = 0 THEN
        RETURN;
    END IF;
    PERFORM etl._empty_validation_state(etl._scan_plan(source, document, part, told));
EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE ~ '^(40|53|57|58|XX)' THEN
        RAISE;
    ELSIF half = 0 THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        RETURN QUERY SELECT part[1], concat_ws(E'\n', message, nullif(detail, ''));
    ELSE
        RETURN QUERY SELECT f.* FROM etl._compile_faults(source, document, part[:half], told) AS f
                     UNION ALL
                     SELECT f.* FROM etl._compile_faults(source, document, part[half + 1:], told) AS f;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._compile_faults(etl._source, text, int[], jsonb) IS
    'The expectations that do not fit the columns, and why: found before a row is read.';

CREATE FUNCTION etl._scan(
    source etl._source, document text, part int[], told jsonb,
    OUT states etl.validation_state[], OUT faults jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    half CONSTANT int := cardinality(part) / 2;
    calls text;
    left_half record;
    right_half record;
BEGIN
    SELECT string_agg(etl._scan_call(source, document, g, told), ', ') INTO calls
    FROM etl._scan_groups(source, document, part, told) AS g;
    EXECUTE format('SELECT ARRAY[%s]::etl.validation_state[] FROM %s', calls, source.rows_sql) INTO states;
    faults := '{}';
    IF source.has_places AND NOT (told ->> 'passes_places')::bool AND NOT etl._have_places(states) THEN
        SELECT s.states, s.faults INTO states, faults
        FROM etl._scan(source, document, part, told || '{"passes_places": true}') AS s;
    END IF;
EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE ~ '^(40|53|57|58|XX)' OR cardinality(part) = 0 THEN
        RAISE;
    END IF;
    IF told -> 'is_half' IS NULL THEN -- rows that cannot be read at all are nobody's fault
        PERFORM etl._scan(source, document, '{}', told);
    END IF;
    IF half = 0 THEN
        states := '{}';
        faults := jsonb_build_object(part[1], SQLERRM);
    ELSE
        left_half := etl._scan(source, document, part[:half], told || '{"is_half": true}');
        right_half := etl._scan(source, document, part[half + 1:], told || '{"is_half": true}');
        states := left_half.states || right_half.states;
        faults := left_half.faults || right_half.faults;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._scan(etl._source, text, int[], jsonb) IS
    'Scans the rows once for a part of a suite. An expectation that raises an error on some row is found by halves, '
    'and the others are decided without it.';

CREATE FUNCTION etl._ordered_source(source etl._source, document text, part int[])
RETURNS etl._source
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (source.target,
            format('(SELECT validated.*%s, %s FROM %s) AS validated',
                   CASE WHEN source.has_places THEN ', validated.tableoid, validated.ctid' ELSE '' END,
                   string_agg(format(
                       'lag(validated.%1$I) OVER (PARTITION BY validated.%1$I IS NULL%2$s%3$s) AS previous_%4$s',
                       r.columns[1], ', (' || r.condition || ') IS TRUE',
                       coalesce(' ORDER BY ' || (SELECT string_agg(format('validated.%I', o), ', ')
                                                 FROM unnest(r.order_by) AS o),
                                CASE WHEN source.has_places THEN ' ORDER BY validated.tableoid, validated.ctid'
                                     ELSE '' END),
                       r.number), ', '),
                   source.rows_sql),
            source.columns, source.keys, source.has_places)::etl._source
    FROM etl._validation_rules(document) AS r
    WHERE r.number = ANY (part)
$$;
COMMENT ON FUNCTION etl._ordered_source(etl._source, text, int[]) IS
    'The same rows, each with the value before it that ordered expectations compare with: by their order_by, or as '
    'the rows lie in the table.';
