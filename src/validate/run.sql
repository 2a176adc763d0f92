-- Running a validation: from a table or query and a suite to outcomes, one an expectation.
--
-- There is one scan of the rows, whatever the suite holds; a second one only where values repeat or lie too far out, to
-- list their rows; and one in order where values shall increase or decrease.

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
        )
$$;
COMMENT ON FUNCTION etl._is_proven_unique(regclass, text[]) IS
    'Whether a unique index proves that no two rows have the same values in these columns: valid, checked at once, '
    'over all rows, with the equality of the columns'' types, on some or all of the columns. Of several columns NULL is '
    'a value like any other, which an index must know, too.';

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
    SELECT format(E'WITH _validated_batch AS (SELECT validated.* FROM %s%s)\n'
                  'SELECT jsonb_build_object(''count'', count(*), ''rows'', '
                  'coalesce(jsonb_agg(q.shown) FILTER (WHERE q.shown IS NOT NULL), ''[]'')) '
                  'FROM (SELECT CASE WHEN row_number() OVER () <= 20 THEN to_jsonb(u.*) END AS shown '
                  'FROM (%s\n) AS u) AS q',
                  CASE WHEN condition IS NULL THEN source.rows_sql
                       ELSE format('(SELECT validated.* FROM %s) AS validated', source.rows_sql) END,
                  ' WHERE (' || condition || E'\n)',
                  replace(etl._braces_undoubled(regexp_replace(query, '[\s;]+$', '')), '{batch}', '_validated_batch'))
$$;
COMMENT ON FUNCTION etl._rows_query(etl._source, text, text) IS
    'The statement that counts the rows of an unexpected_rows_query and shows the first 20. {batch} stands for the rows '
    'of the source that meet the condition, under a name, so that the query may write it wherever a table may stand.';

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
    IF SQLSTATE ~ '^(40|53|57|58|XX)' THEN
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
    FOR rule IN SELECT r.* FROM etl._validation_rules(document) AS r LOOP
        IF rule.kind IN ('other_table', 'query') THEN
            fact := etl._fact_of(source, rule.kind, rule.kwargs::jsonb, rule.condition);
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

CREATE FUNCTION etl._missing_columns(source etl._source, document text)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(m.number, format(E'column "%s" does not exist\nThe columns are %s.', m.name, (
               SELECT string_agg(c, ', ') FROM json_object_keys(source.columns) AS c))), '{}')
    FROM (SELECT r.number, min(c) AS name
          FROM etl._validation_rules(document) AS r, unnest(r.columns) AS c
          WHERE r.kind IN ('scan', 'unique', 'ordered') AND source.columns -> c IS NULL
          GROUP BY r.number) AS m
$$;
COMMENT ON FUNCTION etl._missing_columns(etl._source, text) IS
    'The expectations on columns that the rows do not have, and what to say of each.';

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
    SELECT coalesce(array_agg(r.number ORDER BY r.number) FILTER (
               WHERE r.kind IN ('scan', 'unique') OR r.kind = 'other_table' AND r.condition IS NOT NULL), '{}'),
           coalesce(array_agg(r.number ORDER BY r.number) FILTER (WHERE r.kind = 'ordered'), '{}')
    INTO scan_part, ordered_part
    FROM etl._validation_rules(document) AS r;
    told := jsonb_set(told, '{faults}', coalesce(told -> 'faults', '{}') || etl._missing_columns(source, document));
    scan_part := ARRAY(SELECT p FROM unnest(scan_part) AS p WHERE NOT told -> 'faults' ? p::text ORDER BY p);
    ordered_part := ARRAY(SELECT p FROM unnest(ordered_part) AS p WHERE NOT told -> 'faults' ? p::text ORDER BY p);
    told := jsonb_set(told, '{faults}', told -> 'faults' || coalesce(
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
