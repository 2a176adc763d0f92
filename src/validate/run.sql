-- Running a validation: from a table or query and a suite to outcomes, one an expectation.
--
-- There is one scan of the rows, whatever the suite holds; a second one only where values repeat or lie too far out, to
-- list their rows; and one in order where values shall increase or decrease.

-- What is found outside of the scan ----------------------------------------------------------------------------------

CREATE FUNCTION etl._is_proven_unique(target regclass, columns text[])
RETURNS bool
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM pg_inherits AS h
                       JOIN pg_class AS c ON c.oid = h.inhparent
                       WHERE h.inhparent = target AND c.relkind = 'r')
       AND EXISTS (
        SELECT
        FROM pg_index AS i
        WHERE i.indrelid = target AND i.indisunique AND i.indisvalid AND i.indimmediate
          AND i.indpred IS NULL AND i.indexprs IS NULL
          AND NOT EXISTS (
              SELECT
              FROM unnest(i.indkey::int2[], i.indcollation::oid[], i.indclass::oid[])
                   WITH ORDINALITY AS k (attnum, collation_id, opclass, number)
              JOIN pg_attribute AS a ON a.attrelid = target AND a.attnum = k.attnum
              LEFT JOIN pg_opclass AS c ON c.oid = k.opclass
              WHERE k.number <= i.indnkeyatts
                AND (NOT a.attname = ANY (columns) OR k.collation_id <> a.attcollation OR NOT c.opcdefault
                     OR NOT (cardinality(columns) = 1 OR a.attnotnull OR i.indnullsnotdistinct)))
        );
END
$$;
COMMENT ON FUNCTION etl._is_proven_unique(regclass, text[]) IS
    'Whether a unique index proves that no two rows have the same values in these columns: valid, checked at once, '
    'over all rows, with the equality of the columns'' types, on some or all of the columns. Of several columns NULL '
    'is a value like any other, which an index must know, too.';

CREATE FUNCTION etl._braces_undoubled(query text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN regexp_replace(query, '\{batch\}|\{\{|\}\}', '', 'g') ~ '[{}]' THEN query
                ELSE replace(replace(query, '{{', '{'), '}}', '}') END
$$;
COMMENT ON FUNCTION etl._braces_undoubled(text) IS
    'A query as Great Expectations reads it: with Python''s str.format, in which a literal brace is written twice. '
    'A query that has a single brace beside {batch} was not written for it, and stays as it is.';

CREATE FUNCTION etl._rows_query(source etl._source, query text, condition text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(E'WITH _validated_batch AS (SELECT %I.* FROM %s%s)\n'
                  'SELECT jsonb_build_object(''count'', count(*), ''rows'', '
                  'coalesce(jsonb_agg(q.shown) FILTER (WHERE q.shown IS NOT NULL), ''[]'')) '
                  'FROM (SELECT CASE WHEN row_number() OVER () <= 20 THEN to_jsonb(u.*) END AS shown '
                  'FROM (%s\n) AS u) AS q',
                  source.alias,
                  CASE WHEN condition IS NULL THEN source.rows_sql
                       ELSE format('(SELECT %1$I.* FROM %2$s) AS %1$I', source.alias, source.rows_sql) END,
                  ' WHERE (' || condition || E'\n)',
                  replace(etl._braces_undoubled(regexp_replace(query, '[\s;]+$', '')), '{batch}', '_validated_batch'))
$$;
COMMENT ON FUNCTION etl._rows_query(etl._source, text, text) IS
    'The statement that counts the rows of an unexpected_rows_query and shows the first 20. {batch} stands for the '
    'rows of the source that meet the condition, under a name, so that the query may write it wherever a table may '
    'stand.';

CREATE FUNCTION etl._fact_of(source etl._source, kind text, kwargs jsonb, condition text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fact jsonb;
BEGIN
    IF kind = 'other_table' THEN
        EXECUTE format('SELECT jsonb_build_object(''other'', count(*)) FROM %s',
                       etl._table_named(source.target, kwargs ->> 'other_table_name')) INTO fact;
    ELSE
        EXECUTE etl._rows_query(source, kwargs ->> 'unexpected_rows_query', condition) INTO fact;
    END IF;
    RETURN jsonb_build_object('fact', fact);
EXCEPTION WHEN OTHERS THEN
    IF etl._is_nobodys_fault(SQLSTATE) THEN
        RAISE;
    END IF;
    RETURN jsonb_build_object('fault', SQLERRM);
END
$$;
COMMENT ON FUNCTION etl._fact_of(etl._source, text, jsonb, text) IS
    'What an expectation needs to know beyond the rows: {"fact": the count of another table, or count and first rows '
    'of a query}, or {"fault": why not}.';

CREATE FUNCTION etl._table_named(near regclass, name text)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found regclass := (
        SELECT c.oid FROM pg_class AS c
        WHERE c.relname = name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND c.relnamespace = (SELECT t.relnamespace FROM pg_class AS t WHERE t.oid = near));
BEGIN
    IF found IS NULL THEN
        found := to_regclass(name);
    END IF;
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
    'The table of a name: as it stands in the schema of the table at hand, or else as SQL writes it, with its schema.';

-- The run ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._can_be_read_alone(part regclass)
RETURNS bool
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN has_table_privilege(part, 'SELECT') AND NOT row_security_active(part)
           AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = part AND c.relkind = 'r');
END
$$;
COMMENT ON FUNCTION etl._can_be_read_alone(regclass) IS
    'Whether a partition or child shows its rows as the whole table does: no rights and no row security of its own '
    'stand against it.';

CREATE FUNCTION etl._rows_at(
    target regclass, shown text, tables oid[], row_ids tid[], OUT relation oid, OUT row_id tid, OUT found json)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT p.relation, array_agg(DISTINCT p.row_id) AS row_ids
        FROM unnest(tables, row_ids) AS p (relation, row_id)
        GROUP BY p.relation
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT $2, u.row_id, %s FROM unnest($1) AS u (row_id) '
            'JOIN %s AS found ON found.ctid = u.row_id AND found.tableoid = $2',
            shown,
            CASE WHEN etl._can_be_read_alone(part.relation) THEN format('ONLY %s', part.relation::regclass)
                 ELSE target::text END)
            USING part.row_ids, part.relation;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._rows_at(regclass, text, oid[], tid[]) IS
    'The rows at these places of a table, once each, as the SQL expression `shown` (JSON) makes them of the row '
    '"found". Each partition is asked for its own rows alone.';

CREATE FUNCTION etl._key_sql(source etl._source)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN cardinality(source.keys) > 0
            THEN (SELECT format('json_build_object(%s)', string_agg(format('%L, found.%I', key, key), ', '))
                  FROM unnest(source.keys) AS key)
        WHEN (SELECT c.relhassubclass FROM pg_class AS c WHERE c.oid = source.target)
            THEN 'json_build_object(''table'', found.tableoid::regclass, ''ctid'', found.ctid)'
        ELSE 'json_build_object(''ctid'', found.ctid)' END;
END
$$;
COMMENT ON FUNCTION etl._key_sql(etl._source) IS
    'What names the row "found" of a table, as an SQL expression: its key, or its place where the table has none.';

CREATE FUNCTION etl._keys_of(source etl._source, outcomes etl._outcome[], OUT number int, OUT keys text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    their_tables oid[];
    their_ids tid[];
BEGIN
    SELECT array_agg(p.relation), array_agg(p.row_id) INTO their_tables, their_ids
    FROM (SELECT DISTINCT u.relation, u.row_id
          FROM unnest(outcomes) AS o, unnest(o.tables, o.row_ids) AS u (relation, row_id)
          WHERE source.has_places) AS p;
    IF their_tables IS NOT NULL THEN
        RETURN QUERY
            SELECT o.number, json_agg(r.found ORDER BY u.n)::text
            FROM unnest(outcomes) AS o
            CROSS JOIN LATERAL unnest(o.tables, o.row_ids) WITH ORDINALITY AS u (relation, row_id, n)
            JOIN etl._rows_at(source.target, etl._key_sql(source), their_tables, their_ids) AS r
                ON r.relation = u.relation AND r.row_id = u.row_id
            GROUP BY o.number;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._keys_of(etl._source, etl._outcome[]) IS
    'The keys of the failing rows of a table, a JSON array of objects for each expectation that has some. A row is '
    'read once, however many expectations it fails.';

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

CREATE FUNCTION etl._told_of(source etl._source, rules etl._rule[], listed int)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    facts jsonb;
    faults jsonb;
    proven jsonb;
BEGIN
    SELECT jsonb_object_agg(f.number, f.found -> 'fact') FILTER (WHERE f.found ? 'fact'),
           jsonb_object_agg(f.number, f.found -> 'fault') FILTER (WHERE f.found ? 'fault')
    INTO facts, faults
    FROM (SELECT r.number, etl._fact_of(source, r.kind, r.kwargs::jsonb, r.condition) AS found
          FROM unnest(rules) AS r
          WHERE r.kind IN ('other_table', 'query')
          OFFSET 0) AS f; -- once each
    SELECT jsonb_agg(r.number) INTO proven
    FROM unnest(rules) AS r
    WHERE r.kind = 'unique' AND source.target IS NOT NULL AND etl._is_proven_unique(source.target, r.columns);
    RETURN jsonb_build_object(
        'listed', listed,
        'seed', (random() * 9e18)::bigint::text,
        'passes_places', NOT etl._is_plain_table(source.target),
        'area', etl._open_spill(),
        'proven_unique', coalesce(proven, '[]'),
        'facts', coalesce(facts, '{}'),
        'faults', coalesce(faults, '{}'));
END
$$;
COMMENT ON FUNCTION etl._told_of(etl._source, etl._rule[], int) IS
    'What is known before the scan: how many failing rows are listed, the seed of fingerprints, where runs of sorted '
    'values lie, what indexes prove, and what was found outside of the rows.';

CREATE FUNCTION etl._found_again(
    source etl._source, rules etl._rule[], document text, told jsonb, outcomes etl._outcome[])
RETURNS etl._outcome[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    look_for jsonb;
    part int[];
BEGIN
    SELECT jsonb_object_agg(o.number, o.look_for::jsonb), array_agg(o.number ORDER BY o.number)
    INTO look_for, part
    FROM unnest(outcomes) AS o
    WHERE o.look_for IS NOT NULL AND (told ->> 'listed')::int > 0;
    IF part IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT o
        FROM etl._outcomes((etl._scan(source, rules, document, part, '{}',
                                      told || jsonb_build_object('look_for', look_for))).states) AS o);
END
$$;
COMMENT ON FUNCTION etl._found_again(etl._source, etl._rule[], text, jsonb, etl._outcome[]) IS
    'The outcomes of a second scan, which lists the rows that the first one could only count.';

CREATE FUNCTION etl._with_rows(outcomes etl._outcome[], again etl._outcome[], source etl._source)
RETURNS SETOF etl._outcome
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        SELECT o.number, o.expectation, o.kwargs, o.severity, o.success, o.element_count, o.missing_count,
               o.unexpected_count, o.unexpected_percent, o.observed_value, o.details,
               coalesce(l.failing_values, o.failing_values), coalesce(k.keys, l.failing_keys, o.failing_keys),
               coalesce(l.tables, o.tables), coalesce(l.row_ids, o.row_ids), o.look_for, o.fault
        FROM unnest(outcomes) AS o
        LEFT JOIN unnest(again) AS l ON l.number = o.number
        LEFT JOIN etl._keys_of(source, outcomes || again) AS k ON k.number = o.number
        ORDER BY o.number;
END
$$;
COMMENT ON FUNCTION etl._with_rows(etl._outcome[], etl._outcome[], etl._source) IS
    'Outcomes in the suite''s order, with the failing rows that a second scan has listed, and with keys.';

CREATE FUNCTION etl._scan_all(source etl._source, rules etl._rule[], document text, told jsonb)
RETURNS etl.validation_state[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    faults jsonb := told -> 'faults';
    scan_part int[];
    ordered_part int[];
    others int[];
    scanned record;
    ordered record;
BEGIN
    SELECT array_agg(r.number) FILTER (WHERE r.kind IN ('scan', 'unique')
                                             OR r.kind = 'other_table' AND r.condition IS NOT NULL),
           array_agg(r.number) FILTER (WHERE r.kind = 'ordered'),
           array_agg(r.number) FILTER (WHERE r.kind IN ('table', 'type', 'query')
                                             OR r.kind = 'other_table' AND r.condition IS NULL)
    INTO scan_part, ordered_part, others
    FROM unnest(rules) AS r;
    SELECT faults || coalesce(jsonb_object_agg(f.number, f.fault), '{}') INTO faults
    FROM etl._compile_faults(document, etl._without(scan_part || ordered_part, faults), source.columns::text) AS f;
    scanned := etl._scan(source, rules, document, etl._without(scan_part, faults), etl._without(others, faults), told);
    ordered := etl._scan(source, rules, document, etl._without(ordered_part, faults), '{}', told);
    faults := faults || scanned.faults || ordered.faults;
    RETURN scanned.states || ordered.states || ARRAY(
        SELECT etl._empty_validation_state(c.plan)
        FROM etl._scan_calls(document, '{}', ARRAY(SELECT f::int FROM jsonb_object_keys(faults) AS f),
                             (told || jsonb_build_object('faults', faults))::text, source.alias, '{}', NULL, false) AS c
        WHERE faults <> '{}');
END
$$;
COMMENT ON FUNCTION etl._scan_all(etl._source, etl._rule[], text, jsonb) IS
    'The states that decide a bound suite over the rows of a source: of one scan, of another one in order where values '
    'shall increase or decrease, and of no row for those expectations that have a fault.';

CREATE FUNCTION etl._run_suite(source etl._source, document text, listed int)
RETURNS SETOF etl._outcome
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    rules CONSTANT etl._rule[] := ARRAY(SELECT r FROM etl._validation_rules(document) AS r);
    told CONSTANT jsonb := etl._told_of(source, rules, listed);
    outcomes etl._outcome[];
BEGIN
    PERFORM etl._tell_of_operators(source, ARRAY(
        SELECT c FROM unnest(rules) AS r, unnest(ARRAY[r.condition, r.test]) AS c WHERE c IS NOT NULL));
    outcomes := ARRAY(SELECT o FROM etl._outcomes(etl._scan_all(source, rules, document, told)) AS o);
    RETURN QUERY
        SELECT r.*
        FROM etl._with_rows(outcomes, etl._found_again(source, rules, document, told, outcomes), source) AS r;
    PERFORM etl._close_spill(told ->> 'area');
END
$$;
COMMENT ON FUNCTION etl._run_suite(etl._source, text, int) IS
    'Validates the rows of a source with a bound suite: one outcome an expectation, in the suite''s order.';
