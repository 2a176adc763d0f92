-- Scans: a part of a suite as one query around the aggregate etl._validation_scan.
--
-- A plan tells what one call of the aggregate does (plan.hpp). A part that reads more columns than one call can pass is
-- several calls of one query. An expectation that raises an error, as it is compiled or on some row, is found and left
-- out.

CREATE TYPE etl._outcome AS (
    number int, expectation text, kwargs text, severity text, success bool,
    element_count bigint, missing_count bigint, unexpected_count bigint, unexpected_percent float8,
    observed_value text, details text, failing_values text, failing_keys text, tables oid[], row_ids tid[],
    look_for text, fault text
);
COMMENT ON TYPE etl._outcome IS
    'What one expectation of a suite has come to; JSON as text. number counts from 0. look_for is what a second scan '
    'is told to list, fault why nothing is decided.';

CREATE TYPE etl._rule AS (
    number int, kind text, columns text[], condition text, test text, order_by text[], previous text, kwargs text
);
COMMENT ON TYPE etl._rule IS
    'How one expectation of a suite is decided (kind: scan, unique, ordered, table, type, other_table, query), and '
    'what it reads: columns, the SQL of its row condition, the SQL that it tests, its order, and the name of the '
    'column with the value before. number counts from 0.';

CREATE FUNCTION etl._validation_rules(document text)
RETURNS SETOF etl._rule
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_validation_rules';
COMMENT ON FUNCTION etl._validation_rules(text) IS 'The rules of a suite document, in its order.';

CREATE FUNCTION etl._outcomes(states etl.validation_state[])
RETURNS SETOF etl._outcome
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_outcomes';
COMMENT ON FUNCTION etl._outcomes(etl.validation_state[]) IS
    'The outcomes of a suite, from states each of which has a part of its expectations.';

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

CREATE FUNCTION etl._compile_faults(document text, part int[], columns text, OUT number int, OUT fault text)
RETURNS SETOF record
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_compile_faults';
COMMENT ON FUNCTION etl._compile_faults(text, int[], text) IS
    'The expectations of a part that do not fit the columns ({"name": [type, collation]}), and why: found before a '
    'row is read.';

CREATE FUNCTION etl._scan_calls(
    document text, part int[], others int[], told text, alias text, columns text, keys name[], passes_places bool,
    OUT plan text, OUT call text)
RETURNS SETOF record
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'etl_scan_calls';
COMMENT ON FUNCTION etl._scan_calls(text, int[], int[], text, text, text, name[], bool) IS
    'The SQL expressions that scan rows into the states of a part of a suite, and their plans. others are the '
    'expectations that need no row but stand in the first plan: those about the table, and those with a fault.';

CREATE FUNCTION etl._is_nobodys_fault(state text)
RETURNS bool
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN state ~ '^(40|53|57|58|XX)';
END
$$;
COMMENT ON FUNCTION etl._is_nobodys_fault(text) IS
    'Whether an SQLSTATE tells nothing about what was being done: transaction rollback, resources, operator '
    'intervention, system and internal errors. Such an error ends the run.';

CREATE FUNCTION etl._without(part int[], faults jsonb)
RETURNS int[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(SELECT p FROM unnest(part) AS p WHERE NOT faults ? p::text ORDER BY p);
END
$$;
COMMENT ON FUNCTION etl._without(int[], jsonb) IS 'The expectations of a part that have no fault, in order.';

-- One scan -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._ordered_rows(source etl._source, rules etl._rule[], part int[])
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('(SELECT %1$I.*%2$s, %3$s FROM %4$s) AS %1$I', source.alias,
                      CASE WHEN source.has_places THEN format(', %1$I.tableoid, %1$I.ctid', source.alias) ELSE '' END,
                      string_agg(format(
                          'lag(%1$I.%2$I) OVER (PARTITION BY %1$I.%2$I IS NULL%3$s%4$s) AS %5$I',
                          source.alias, r.columns[1], ', (' || r.condition || ') IS TRUE',
                          coalesce(' ORDER BY ' || (SELECT string_agg(format('%I.%I', source.alias, o), ', ')
                                                    FROM unnest(r.order_by) AS o),
                                   CASE WHEN source.has_places
                                        THEN format(' ORDER BY %1$I.tableoid, %1$I.ctid', source.alias) ELSE '' END),
                          format('(previous %s)', r.number)), ', '),
                      source.rows_sql)
        FROM unnest(rules) AS r
        WHERE r.number = ANY (part) AND r.previous IS NOT NULL
        HAVING count(*) > 0);
END
$$;
COMMENT ON FUNCTION etl._ordered_rows(etl._source, etl._rule[], int[]) IS
    'The same rows, each with the value before it that ordered expectations compare with: by their order_by, or as '
    'the rows lie in the table. NULL where none of the part needs that.';

CREATE FUNCTION etl._scan_once(
    source etl._source, rules etl._rule[], document text, part int[], others int[], told jsonb)
RETURNS etl.validation_state[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ordered_rows CONSTANT text := etl._ordered_rows(source, rules, part);
    passes_places CONSTANT bool := source.has_places
                                   AND ((told ->> 'passes_places')::bool OR ordered_rows IS NOT NULL);
    plans text[];
    calls text;
    states etl.validation_state[] := '{}';
BEGIN
    IF cardinality(part || others) = 0 THEN
        RETURN states;
    END IF;
    SELECT array_agg(c.plan), string_agg(c.call, ', ') INTO plans, calls
    FROM etl._scan_calls(document, part, others, told::text, source.alias, source.columns::text,
                         CASE WHEN NOT source.has_places THEN source.keys END, passes_places) AS c;
    EXECUTE format('SELECT ARRAY[%s]::etl.validation_state[] FROM %s', calls,
                   coalesce(ordered_rows, source.rows_sql)) INTO states;
    IF states[1] IS NULL THEN -- an aggregate over no row at all
        RETURN ARRAY(SELECT etl._empty_validation_state(p) FROM unnest(plans) AS p);
    ELSIF source.has_places AND NOT passes_places AND NOT etl._have_places(states) THEN
        RETURN etl._scan_once(source, rules, document, part, others, told || '{"passes_places": true}');
    END IF;
    RETURN states;
END
$$;
COMMENT ON FUNCTION etl._scan_once(etl._source, etl._rule[], text, int[], int[], jsonb) IS
    'Scans the rows once for a part of a suite, and puts others beside it, which need no row.';

-- Errors on rows -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._note_condition(number int)
RETURNS bool
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_note_condition';
COMMENT ON FUNCTION etl._note_condition(int) IS
    'True. Notes for etl._noted_condition that the condition of this number is being evaluated.';

CREATE FUNCTION etl._condition_passed(result bool)
RETURNS bool
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_condition_passed';
COMMENT ON FUNCTION etl._condition_passed(bool) IS
    'Its argument. Notes that the condition of etl._note_condition was evaluated without an error.';

CREATE FUNCTION etl._noted_condition()
RETURNS int
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_noted_condition';
COMMENT ON FUNCTION etl._noted_condition() IS
    'The number of the condition during which an error was raised, once; NULL where there is none.';

CREATE FUNCTION etl._error_of(query text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE query;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    IF etl._is_nobodys_fault(SQLSTATE) THEN
        RAISE;
    END IF;
    RETURN SQLERRM;
END
$$;
COMMENT ON FUNCTION etl._error_of(text) IS 'The error that a query raises; NULL for none.';

CREATE FUNCTION etl._condition_error(
    source etl._source, conditions text[], OUT condition text, OUT message text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._noted_condition();
    message := etl._error_of(format(
        'SELECT count(ARRAY[%s]) FROM %s',
        (SELECT string_agg(format('etl._condition_passed(CASE WHEN etl._note_condition(%s) THEN (%s) IS TRUE END)',
                                  c.n, c.sql), ', ')
         FROM unnest(conditions) WITH ORDINALITY AS c (sql, n)),
        source.rows_sql));
    condition := conditions[etl._noted_condition()];
END
$$;
COMMENT ON FUNCTION etl._condition_error(etl._source, text[]) IS
    'The first of these conditions that raises an error on some row, and the error. It tells by marks that are set and '
    'cleared around each, which only one process can read, so this scan has no workers.';

CREATE FUNCTION etl._faulty_conditions(source etl._source, rules etl._rule[], part int[])
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    conditions text[] := ARRAY(SELECT DISTINCT c
                               FROM unnest(rules) AS r, unnest(ARRAY[r.condition, r.test]) AS c
                               WHERE r.number = ANY (part) AND c IS NOT NULL);
    messages jsonb;
    found record;
BEGIN
    SELECT coalesce(jsonb_object_agg(e.condition, e.message), '{}') INTO messages
    FROM (SELECT c AS condition,
                 etl._error_of(format('SELECT (%s) IS TRUE FROM %s LIMIT 0', c, source.rows_sql)) AS message
          FROM unnest(conditions) AS c OFFSET 0) AS e
    WHERE e.message IS NOT NULL;
    LOOP
        conditions := ARRAY(SELECT c FROM unnest(conditions) AS c WHERE NOT messages ? c);
        EXIT WHEN cardinality(conditions) = 0;
        found := etl._condition_error(source, conditions);
        EXIT WHEN found.condition IS NULL;
        messages := messages || jsonb_build_object(found.condition, found.message);
    END LOOP;
    RETURN (SELECT coalesce(jsonb_object_agg(r.number, coalesce(messages -> r.condition, messages -> r.test)), '{}')
            FROM unnest(rules) AS r
            WHERE r.number = ANY (part) AND coalesce(messages -> r.condition, messages -> r.test) IS NOT NULL);
END
$$;
COMMENT ON FUNCTION etl._faulty_conditions(etl._source, etl._rule[], int[]) IS
    'The expectations whose SQL cannot be planned or raises an error on some row, and the errors: a scan for each '
    'condition that raises one, and one more.';

CREATE FUNCTION etl._scan_by_halves(
    source etl._source, rules etl._rule[], document text, part int[], others int[], told jsonb,
    OUT states etl.validation_state[], OUT faults jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    half CONSTANT int := cardinality(part) / 2;
    left_half record;
    right_half record;
BEGIN
    faults := '{}';
    states := etl._scan_once(source, rules, document, part, others, told);
EXCEPTION WHEN OTHERS THEN
    IF etl._is_nobodys_fault(SQLSTATE) OR cardinality(part) = 0 THEN
        RAISE;
    ELSIF half = 0 THEN
        faults := jsonb_build_object(part[1], SQLERRM);
        states := etl._scan_once(source, rules, document, '{}', others, told);
    ELSE
        left_half := etl._scan_by_halves(source, rules, document, part[:half], others, told);
        right_half := etl._scan_by_halves(source, rules, document, part[half + 1:], '{}', told);
        states := left_half.states || right_half.states;
        faults := left_half.faults || right_half.faults;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._scan_by_halves(etl._source, etl._rule[], text, int[], int[], jsonb) IS
    'Scans the rows for a part of a suite. An expectation that raises an error on some row is found by halves, and '
    'the others are decided without it.';

CREATE FUNCTION etl._scan(
    source etl._source, rules etl._rule[], document text, part int[], others int[], told jsonb,
    OUT states etl.validation_state[], OUT faults jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found jsonb;
BEGIN
    faults := '{}';
    states := etl._scan_once(source, rules, document, part, others, told);
EXCEPTION WHEN OTHERS THEN
    IF etl._is_nobodys_fault(SQLSTATE) OR cardinality(part) = 0 THEN
        RAISE;
    END IF;
    EXECUTE format('SELECT count(*) FROM %s', source.rows_sql); -- rows that cannot be read are no expectation's fault
    found := etl._faulty_conditions(source, rules, part);
    SELECT s.states, found || s.faults INTO states, faults
    FROM etl._scan_by_halves(source, rules, document, etl._without(part, found), others, told) AS s;
END
$$;
COMMENT ON FUNCTION etl._scan(etl._source, etl._rule[], text, int[], int[], jsonb) IS
    'Scans the rows once for a part of a suite. Expectations that raise an error on some row are found, those with SQL '
    'of their own first, and the others are decided without them.';
