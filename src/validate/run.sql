-- Running a validation: from a table or query and a suite to outcomes, one an expectation.
--
-- A suite is bound to its parameters, its expectations are divided into scans, and each scan is one query around the
-- aggregate etl._validation_scan. There is one scan of the rows, whatever the suite holds; a second one only where
-- values repeat or lie too far out, to list their rows; and one in order where values shall increase or decrease.

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

CREATE FUNCTION etl._query_columns(query text, OUT name text, OUT type oid, OUT collation_id oid)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_query_columns';
COMMENT ON FUNCTION etl._query_columns(text) IS
    'The columns that a query returns, without running it. 22023 where it is no single SELECT.';

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

-- What is validated --------------------------------------------------------------------------------------------------

CREATE TYPE etl._source AS (
    target regclass, rows_sql text, columns json, keys name[], has_places bool
);
COMMENT ON TYPE etl._source IS
    'The rows that a validation reads: a FROM clause whose alias is "validated", with its WHERE; the columns as '
    '{"name": [type, collation]}; the key columns; and whether rows have a ctid to find them by.';

CREATE FUNCTION etl._columns_of(target regclass, query text)
RETURNS json
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(json_object_agg(c.name, json_build_array(
                        format_type(c.type, NULL),
                        CASE WHEN c.collation_id = 0 THEN '' ELSE c.collation_id::regcollation::text END)
                    ORDER BY c.number), '{}')
    FROM (SELECT a.attname::text AS name, a.atttypid AS type, a.attcollation AS collation_id, a.attnum AS number
          FROM pg_attribute AS a
          WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
          UNION ALL
          SELECT q.name, q.type, q.collation_id, q.number
          FROM ROWS FROM (etl._query_columns(query)) WITH ORDINALITY AS q (name, type, collation_id, number)
          WHERE target IS NULL) AS c
$$;
COMMENT ON FUNCTION etl._columns_of(regclass, text) IS
    'The columns of a table, or of a query where that is NULL, in their order: {"name": [type, collation]}.';

CREATE FUNCTION etl._key_columns(target regclass)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(a.attname ORDER BY k.number)
    FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, number)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = target AND i.indisprimary AND k.number <= i.indnkeyatts
$$;
COMMENT ON FUNCTION etl._key_columns(regclass) IS 'The columns of a table''s primary key; NULL without one.';

CREATE FUNCTION etl._table_source(target regclass, where_sql text, key_columns name[])
RETURNS etl._source
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._source;
    key name;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    FOREACH key IN ARRAY coalesce(key_columns, '{}') LOOP
        PERFORM etl._require_column(target, key);
    END LOOP;
    made.target := target;
    made.rows_sql := format('%s AS validated%s', target, ' WHERE (' || where_sql || E'\n)');
    made.columns := etl._columns_of(target, NULL);
    made.keys := coalesce(key_columns, etl._key_columns(target));
    made.has_places := true;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._table_source(regclass, text, name[]) IS
    'The rows of a table that where_sql admits, with the given keys or those of the primary key.';

CREATE FUNCTION etl._query_source(query text, key_columns name[])
RETURNS etl._source
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._source;
    unknown name;
BEGIN
    made.columns := etl._columns_of(NULL, query);
    made.rows_sql := format(E'(%s\n) AS validated', query);
    made.keys := key_columns;
    made.has_places := false;
    SELECT k INTO unknown FROM unnest(key_columns) AS k WHERE made.columns -> k IS NULL LIMIT 1;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('the query does not return the key column "%s"', unknown),
            DETAIL = (SELECT format('It returns %s.', string_agg(c, ', ')) FROM json_object_keys(made.columns) AS c);
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._query_source(text, name[]) IS 'The rows of a query.';

-- Scans --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._scan_columns(source etl._source, document text, part int[], told jsonb)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH rules AS (
        SELECT r.* FROM etl._validation_rules(document) AS r WHERE r.number = ANY (part)
    ), needed AS (
        SELECT DISTINCT c AS name FROM rules, unnest(columns) AS c WHERE source.columns -> c IS NOT NULL
        UNION
        SELECT DISTINCT '(' || c || ')' FROM rules, unnest(ARRAY[condition, test]) AS c WHERE c IS NOT NULL
        UNION
        SELECT DISTINCT previous FROM rules WHERE previous IS NOT NULL
    )
    SELECT CASE WHEN source.has_places AND (told ->> 'passes_places')::bool THEN ARRAY['tableoid', 'ctid']
                WHEN NOT source.has_places AND source.keys IS NOT NULL THEN ARRAY['(keys)']
                ELSE '{}' END
           || coalesce((SELECT array_agg(n.name ORDER BY n.name) FROM needed AS n), '{(true)}')
$$;
COMMENT ON FUNCTION etl._scan_columns(etl._source, text, int[], jsonb) IS
    'The names of what a scan passes for a part of a suite: columns, conditions in parentheses, and where rows lie or '
    'what their keys are.';

CREATE FUNCTION etl._scan_groups(source etl._source, document text, part int[], told jsonb)
RETURNS SETOF int[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT int := 96; -- PostgreSQL's 100 arguments, but for the state and the plan
    gathered int[] := '{}';
    number int;
BEGIN
    IF cardinality(etl._scan_columns(source, document, part, told)) <= most THEN
        RETURN NEXT part;
        RETURN;
    END IF;
    FOREACH number IN ARRAY part LOOP
        IF cardinality(gathered) > 0
           AND cardinality(etl._scan_columns(source, document, gathered || number, told)) > most THEN
            RETURN NEXT gathered;
            gathered := '{}';
        END IF;
        gathered := gathered || number;
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
        'columns', (
            SELECT json_agg(json_build_array(
                       c.name,
                       coalesce(source.columns -> c.name ->> 0,
                                (SELECT source.columns -> r.columns[1] ->> 0
                                 FROM etl._validation_rules(document) AS r WHERE r.previous = c.name LIMIT 1),
                                CASE c.name WHEN 'ctid' THEN 'tid' WHEN 'tableoid' THEN 'oid' WHEN '(keys)' THEN 'text'
                                            ELSE 'boolean' END),
                       coalesce(source.columns -> c.name ->> 1,
                                (SELECT source.columns -> r.columns[1] ->> 1
                                 FROM etl._validation_rules(document) AS r WHERE r.previous = c.name LIMIT 1),
                                ''))
                       ORDER BY c.n)
            FROM unnest(etl._scan_columns(source, document, part, told)) WITH ORDINALITY AS c (name, n)),
        'part', part,
        'listed', told -> 'listed',
        'seed', told -> 'seed',
        'proven_unique', coalesce(told -> 'proven_unique', '[]'),
        'facts', coalesce(told -> 'facts', '{}'),
        'faults', coalesce(told -> 'faults', '{}'),
        'look_for', coalesce(told -> 'look_for', '{}'),
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
                  etl._scan_plan(source, document, part, told),
                  string_agg(
                      CASE WHEN source.columns -> c.name IS NOT NULL OR c.name IN ('ctid', 'tableoid')
                               THEN format('validated.%I', c.name)
                           WHEN c.name = '(keys)'
                               THEN (SELECT format('json_build_object(%s)::text',
                                                   string_agg(format('%L, validated.%I', k, k), ', '))
                                     FROM unnest(source.keys) AS k)
                           WHEN r.number IS NOT NULL THEN format('validated.previous_%s', r.number)
                           ELSE c.name END, ', ' ORDER BY c.n))
    FROM unnest(etl._scan_columns(source, document, part, told)) WITH ORDINALITY AS c (name, n)
    LEFT JOIN LATERAL (
        SELECT min(v.number) AS number FROM etl._validation_rules(document) AS v WHERE v.previous = c.name
    ) AS r ON true
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
    IF source.has_places AND NOT (told ->> 'passes_places')::bool AND NOT etl._lie_somewhere(states) THEN
        SELECT s.states, s.faults INTO states, faults
        FROM etl._scan(source, document, part, told || '{"passes_places": true}') AS s;
    END IF;
EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE ~ '^(40|53|57|58|XX)' OR cardinality(part) = 0 THEN
        RAISE;
    ELSIF half = 0 THEN
        states := '{}';
        faults := jsonb_build_object(part[1], SQLERRM);
    ELSE
        left_half := etl._scan(source, document, part[:half], told);
        right_half := etl._scan(source, document, part[half + 1:], told);
        states := left_half.states || right_half.states;
        faults := left_half.faults || right_half.faults;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._scan(etl._source, text, int[], jsonb) IS
    'Scans the rows once for a part of a suite. An expectation that raises an error on some row is found by halves, '
    'and the others are decided without it.';

CREATE FUNCTION etl._lie_somewhere(states etl.validation_state[])
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM etl._outcomes(states) AS o WHERE o.tables[1] = 0)
$$;
COMMENT ON FUNCTION etl._lie_somewhere(etl.validation_state[]) IS
    'Whether the failing rows came with their places. A scan whose rows are those of the table itself knows them; '
    'where the planner has put something between, tableoid and ctid must be passed, which takes about a tenth more '
    'time.';

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

-- What is found outside of the scan ----------------------------------------------------------------------------------

CREATE FUNCTION etl._is_proven_unique(target regclass, columns text[])
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM pg_inherits AS h
                       JOIN pg_class AS c ON c.oid = h.inhparent
                       WHERE h.inhparent = target AND c.relkind = 'r')
       AND EXISTS (
        SELECT
        FROM pg_index AS i
        JOIN pg_opclass AS o ON o.oid = ANY (i.indclass::oid[])
        WHERE i.indrelid = target AND i.indisunique AND i.indisvalid AND i.indimmediate
          AND i.indpred IS NULL AND i.indexprs IS NULL
          AND NOT EXISTS (
              SELECT
              FROM unnest(i.indkey::int2[], i.indcollation::oid[], i.indclass::oid[])
                   WITH ORDINALITY AS k (attnum, collation_id, opclass, number)
              JOIN pg_attribute AS a ON a.attrelid = target AND a.attnum = k.attnum
              LEFT JOIN pg_opclass AS c ON c.oid = k.opclass
              WHERE k.number <= i.indnkeyatts
                AND (NOT a.attname = ANY (columns) OR k.collation_id <> a.attcollation OR NOT c.opcdefault))
        )
$$;
COMMENT ON FUNCTION etl._is_proven_unique(regclass, text[]) IS
    'Whether a unique index proves that no two rows have the same values in these columns: valid, checked at once, '
    'over all rows, with the equality of the columns'' types, on some or all of the columns.';

CREATE FUNCTION etl._fact_of(source etl._source, kind text, kwargs jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fact jsonb;
    query text;
BEGIN
    IF kind = 'other_table' THEN
        EXECUTE format('SELECT jsonb_build_object(''other'', count(*)) FROM %s',
                       etl._table_named(source.target, kwargs ->> 'other_table_name')) INTO fact;
    ELSE
        query := replace(kwargs ->> 'unexpected_rows_query', '{batch}',
                         CASE WHEN source.has_places AND source.rows_sql = format('%s AS validated', source.target)
                              THEN source.target::text ELSE format('(SELECT * FROM %s)', source.rows_sql) END);
        EXECUTE format('SELECT jsonb_build_object(''count'', count(*), ''rows'', '
                       'coalesce(jsonb_agg(to_jsonb(q)) FILTER (WHERE q.n <= 20), ''[]'')) '
                       E'FROM (SELECT *, row_number() OVER () AS n FROM (%s\n) AS u) AS q', query) INTO fact;
        fact := jsonb_set(fact, '{rows}', (SELECT coalesce(jsonb_agg(r - 'n'), '[]')
                                           FROM jsonb_array_elements(fact -> 'rows') AS r));
    END IF;
    RETURN jsonb_build_object('fact', fact);
EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE ~ '^(40|53|57|58|XX)' THEN
        RAISE;
    END IF;
    RETURN jsonb_build_object('fault', SQLERRM);
END
$$;
COMMENT ON FUNCTION etl._fact_of(etl._source, text, jsonb) IS
    'What an expectation needs to know beyond the rows: {"fact": the count of another table, or count and first rows '
    'of a query}, or {"fault": why not}.';

CREATE FUNCTION etl._table_named(near regclass, name text)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found regclass := to_regclass(name);
BEGIN
    found := coalesce(found, (
        SELECT c.oid FROM pg_class AS c
        WHERE c.relname = name AND c.relnamespace = (SELECT t.relnamespace FROM pg_class AS t WHERE t.oid = near)));
    IF found IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('relation "%s" does not exist', name),
            HINT = 'Write the table''s name with its schema.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._table_named(regclass, text) IS
    'The table of a name: with its schema, or in the schema of the table at hand.';

-- The run ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._keys_at(target regclass, keys name[], tables oid[], row_ids tid[])
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format(
        'SELECT json_agg(%s ORDER BY u.n) FROM unnest($1, $2) WITH ORDINALITY AS u (relation, row_id, n) '
        'JOIN %s AS k ON k.ctid = u.row_id AND k.tableoid = u.relation',
        CASE WHEN cardinality(keys) > 0
             THEN (SELECT format('json_build_object(%s)', string_agg(format('%L, k.%I', key, key), ', '))
                   FROM unnest(keys) AS key)
             ELSE 'json_build_object(''ctid'', k.ctid)' END,
        target)
    INTO found USING tables, row_ids;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._keys_at(regclass, name[], oid[], tid[]) IS
    'The keys of the rows at these places, as a JSON array of objects; their places where the table has no key.';

CREATE FUNCTION etl._is_plain_table(target regclass)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = target AND c.relkind = 'r' AND NOT c.relhassubclass)
       AND NOT EXISTS (SELECT FROM pg_attribute AS a
                       WHERE a.attrelid = target AND a.attnum > 0 AND (a.attisdropped OR a.atthasmissing))
$$;
COMMENT ON FUNCTION etl._is_plain_table(regclass) IS
    'Whether a scan is likely to hand on the table''s own rows: no children, no dropped columns, and none that was '
    'added with a default.';

CREATE FUNCTION etl._told_of(source etl._source, document text, listed int)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    told jsonb := jsonb_build_object(
        'listed', listed,
        'seed', (random() * 9e18)::bigint::text,
        'passes_places', NOT etl._is_plain_table(source.target));
    rule record;
    fact jsonb;
BEGIN
    FOR rule IN SELECT r.number, r.kind, r.columns, r.kwargs FROM etl._validation_rules(document) AS r LOOP
        IF rule.kind IN ('other_table', 'query') THEN
            fact := etl._fact_of(source, rule.kind, rule.kwargs::jsonb);
            told := jsonb_set(told, ARRAY[CASE WHEN fact ? 'fault' THEN 'faults' ELSE 'facts' END],
                              coalesce(told -> CASE WHEN fact ? 'fault' THEN 'faults' ELSE 'facts' END, '{}')
                              || jsonb_build_object(rule.number, coalesce(fact -> 'fault', fact -> 'fact')));
        ELSIF rule.kind = 'unique' AND source.target IS NOT NULL
              AND etl._is_proven_unique(source.target, rule.columns) THEN
            told := jsonb_set(told, '{proven_unique}', coalesce(told -> 'proven_unique', '[]') || to_jsonb(rule.number));
        END IF;
    END LOOP;
    RETURN told;
END
$$;
COMMENT ON FUNCTION etl._told_of(etl._source, text, int) IS
    'What is known before the scan: how many failing rows are listed, the seed of fingerprints, what indexes prove, '
    'and what was found outside of the rows.';

CREATE FUNCTION etl._list_rows(source etl._source, document text, told jsonb, outcomes etl._outcome[])
RETURNS SETOF etl._outcome
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    look_for jsonb;
    part int[];
    states etl.validation_state[] := '{}';
BEGIN
    SELECT jsonb_object_agg(o.number, o.look_for::jsonb), array_agg(o.number ORDER BY o.number)
    INTO look_for, part
    FROM unnest(outcomes) AS o
    WHERE o.look_for IS NOT NULL AND (told ->> 'listed')::int > 0;
    IF part IS NOT NULL THEN
        states := (etl._scan(source, document, part, told || jsonb_build_object('look_for', look_for))).states;
    END IF;
    RETURN QUERY
        SELECT o.number, o.expectation, o.kwargs, o.severity, o.success, o.element_count, o.missing_count,
               o.unexpected_count, o.unexpected_percent, o.observed_value, o.details,
               coalesce(l.failing_values, o.failing_values), coalesce(l.failing_keys, o.failing_keys),
               coalesce(l.tables, o.tables), coalesce(l.row_ids, o.row_ids), o.look_for, o.fault
        FROM unnest(outcomes) AS o
        LEFT JOIN etl._outcomes(states) AS l ON l.number = o.number AND o.number = ANY (part);
END
$$;
COMMENT ON FUNCTION etl._list_rows(etl._source, text, jsonb, etl._outcome[]) IS
    'The outcomes with the failing rows of those that a first scan could only count: a second scan lists them.';

CREATE FUNCTION etl._run_suite(source etl._source, document text, listed int)
RETURNS SETOF etl._outcome
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    told jsonb := etl._told_of(source, document, listed);
    scan_part int[];
    ordered_part int[];
    scanned record;
    ordered record;
    outcomes etl._outcome[];
BEGIN
    told := told || jsonb_build_object('area', etl._open_spill());
    SELECT coalesce(array_agg(r.number ORDER BY r.number) FILTER (WHERE r.kind IN ('scan', 'unique')), '{}'),
           coalesce(array_agg(r.number ORDER BY r.number) FILTER (WHERE r.kind = 'ordered'), '{}')
    INTO scan_part, ordered_part
    FROM etl._validation_rules(document) AS r;
    told := jsonb_set(told, '{faults}', coalesce(told -> 'faults', '{}') || coalesce(
        (SELECT jsonb_object_agg(f.number, f.fault)
         FROM (SELECT * FROM etl._compile_faults(source, document, scan_part, told)
               UNION ALL
               SELECT * FROM etl._compile_faults(source, document, ordered_part, told)) AS f), '{}'));
    scan_part := ARRAY(SELECT p FROM unnest(scan_part) AS p WHERE NOT told -> 'faults' ? p::text ORDER BY p);
    ordered_part := ARRAY(SELECT p FROM unnest(ordered_part) AS p WHERE NOT told -> 'faults' ? p::text ORDER BY p);

    scanned := etl._scan(source, document, scan_part, told);
    IF cardinality(ordered_part) > 0 THEN
        ordered := etl._scan(etl._ordered_source(source, document, ordered_part), document, ordered_part,
                             told || '{"passes_places": true}');
        scanned.states := scanned.states || ordered.states;
        scanned.faults := scanned.faults || ordered.faults;
    END IF;
    IF cardinality(scanned.states) = 0 THEN -- everything failed on some row: the table itself is still judged
        scanned.states := (etl._scan(source, document, '{}', told)).states;
    END IF;
    outcomes := ARRAY(SELECT o FROM etl._outcomes(scanned.states) AS o);
    RETURN QUERY
        SELECT l.number, l.expectation, l.kwargs, l.severity,
               l.success AND NOT scanned.faults ? l.number::text, l.element_count, l.missing_count,
               l.unexpected_count, l.unexpected_percent, l.observed_value, l.details, l.failing_values,
               CASE WHEN cardinality(l.row_ids) > 0 AND source.has_places
                    THEN etl._keys_at(source.target, source.keys, l.tables, l.row_ids) ELSE l.failing_keys END,
               l.tables, l.row_ids, l.look_for, coalesce(scanned.faults ->> l.number::text, l.fault)
        FROM etl._list_rows(source, document, told, outcomes) AS l
        ORDER BY l.number;
    PERFORM etl._close_spill(told ->> 'area');
END
$$;
COMMENT ON FUNCTION etl._run_suite(etl._source, text, int) IS
    'Validates the rows of a source with a bound suite: one outcome an expectation, in the suite''s order.';
