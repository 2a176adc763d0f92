-- One record out of several: golden values by rule, and where each came from.
--
-- A rule is an order of the rows of a group; the golden value is that of the first row whose value is not NULL. Behind
-- the rule's own sort key always stand order_by, the id and the place of the row, so that no two rows are equal and the
-- result is the same under any plan. Only most_frequent counts first and decides ties in this way. The aggregates keep
-- the first row while the rows pass and sort nothing (golden_pg.cpp).

-- The aggregates -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._pick_step(internal, "any", "any", text, VARIADIC "any")
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_pick_step';
COMMENT ON FUNCTION etl._pick_step(internal, "any", "any", text, "any") IS
    'Transition function of etl._pick and etl._pick_place.';
CREATE FUNCTION etl._most_frequent_step(internal, "any", "any", text, VARIADIC "any")
RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_most_frequent_step';
COMMENT ON FUNCTION etl._most_frequent_step(internal, "any", "any", text, "any") IS
    'Transition function of etl._most_frequent and etl._most_frequent_place.';
CREATE FUNCTION etl._picked_value(internal, anyelement, "any", text, VARIADIC "any")
RETURNS anyelement
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_picked_value';
COMMENT ON FUNCTION etl._picked_value(internal, anyelement, "any", text, "any") IS
    'Final function of the aggregates that return the golden value.';
CREATE FUNCTION etl._picked_place(internal, "any", anyelement, text, VARIADIC "any")
RETURNS anyelement
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_picked_place';
COMMENT ON FUNCTION etl._picked_place(internal, "any", anyelement, text, "any") IS
    'Final function of the aggregates that return the place of the golden value.';

CREATE AGGREGATE etl._pick(anyelement, "any", text, VARIADIC "any") (
    SFUNC = etl._pick_step,
    STYPE = internal,
    SSPACE = 512,
    FINALFUNC = etl._picked_value,
    FINALFUNC_EXTRA,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._pick(anyelement, "any", text, "any") IS
    'The value of the row that stands first among those whose value is not NULL. Arguments: the value, the place of '
    'the row, how the values and the sort keys are compared (for each + or -, and the OID of a collation), and the '
    'sort keys, at most four. A NULL key loses. Errors: 42883 a key of a type that cannot be compared.';
CREATE AGGREGATE etl._pick_place("any", anyelement, text, VARIADIC "any") (
    SFUNC = etl._pick_step,
    STYPE = internal,
    SSPACE = 512,
    FINALFUNC = etl._picked_place,
    FINALFUNC_EXTRA,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._pick_place("any", anyelement, text, "any") IS
    'The place of the row whose value etl._pick returns for the same arguments.';
CREATE AGGREGATE etl._most_frequent(anyelement, "any", text, VARIADIC "any") (
    SFUNC = etl._most_frequent_step,
    STYPE = internal,
    SSPACE = 512,
    FINALFUNC = etl._picked_value,
    FINALFUNC_EXTRA,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._most_frequent(anyelement, "any", text, "any") IS
    'The most frequent value that is not NULL; of equally frequent ones, and of values that are equal but look '
    'different, that of the row that stands first. Called with ORDER BY the value; arguments and errors are those of '
    'etl._pick.';
CREATE AGGREGATE etl._most_frequent_place("any", anyelement, text, VARIADIC "any") (
    SFUNC = etl._most_frequent_step,
    STYPE = internal,
    SSPACE = 512,
    FINALFUNC = etl._picked_place,
    FINALFUNC_EXTRA,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE etl._most_frequent_place("any", anyelement, text, "any") IS
    'The place of the row whose value etl._most_frequent returns for the same arguments.';

-- The calls -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._golden_key(target regclass, column_name name, descending bool, OUT key text, OUT direction text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT quote_ident(a.attname), CASE WHEN descending THEN '-' ELSE '+' END || a.attcollation
    FROM pg_attribute AS a
    WHERE a.attrelid = target AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION etl._golden_key(regclass, name, bool) IS
    'A column as a sort key of etl._pick: its expression, and how it is compared.';

CREATE FUNCTION etl._golden_keys(target regclass, rule jsonb, column_name name, id name, place text,
                                 OUT keys text, OUT directions text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- What is not there (no order_by, no key of the rule's own) is NULL and drops out.
    WITH chosen AS (SELECT rule ->> 'rule' AS name, rule ->> 'rule' <> 'first' AS latest),
    key(position, expression, direction) AS (
        SELECT 1, format('length(%I::text)', column_name), '-0' FROM chosen WHERE name = 'longest'
        UNION ALL
        SELECT 1, etl._null_count(target), '+0' FROM chosen WHERE name = 'coalesce'
        UNION ALL
        SELECT 1, format('array_position(%L::text[], %s::text)', s.trusted, quote_ident(rule ->> 'source')), '+0'
        FROM chosen, LATERAL (SELECT ARRAY(SELECT jsonb_array_elements_text(rule -> 'priority'))) AS s(trusted)
        WHERE name = 'priority'
        UNION ALL
        SELECT 1, k.key, k.direction
        FROM chosen, etl._golden_key(target, column_name, name = 'max') AS k WHERE name IN ('min', 'max')
        UNION ALL
        SELECT 2, k.key, k.direction
        FROM chosen, etl._golden_key(target, (rule ->> 'order_by')::name, latest) AS k
        UNION ALL
        SELECT 3, k.key, k.direction FROM chosen, etl._golden_key(target, id, latest) AS k
        UNION ALL
        SELECT 4, place, CASE WHEN latest THEN '-' ELSE '+' END || '"C"'::regcollation::oid FROM chosen
    )
    SELECT string_agg(expression, ', ' ORDER BY position), string_agg(direction, '' ORDER BY position)
    FROM key WHERE expression IS NOT NULL
$$;
COMMENT ON FUNCTION etl._golden_keys(regclass, jsonb, name, name, text) IS
    'The sort keys of a rule for one column: what the rule looks at, then order_by, id and place; and how each is '
    'compared.';

CREATE FUNCTION etl._golden_columns(target regclass, rules jsonb, place text)
RETURNS TABLE(column_name name, value text, provenance text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off -- catalog queries, which take a fraction of what compiling them would
AS $$
DECLARE
    col record;
    call text;
BEGIN
    PERFORM etl._check_golden_rules(target, rules);
    FOR col IN
        SELECT a.attname AS name, a.attcollation AS collation_id, r.rule ->> 'rule' AS rule, k.keys, k.directions
        FROM pg_attribute AS a
        CROSS JOIN LATERAL etl._golden_rule(rules, a.attname) AS r(rule)
        CROSS JOIN LATERAL etl._golden_keys(target, r.rule, a.attname, (rules ->> 'id')::name, place) AS k
        WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ORDER BY a.attnum
    LOOP
        IF col.rule IN ('most_frequent', 'min', 'max') THEN
            PERFORM etl._require_ordering(target, col.name, format('rule "%s": column', col.rule));
        END IF;
        call := format('(%I, %s, %L, %s%s)', col.name, place, '+' || col.collation_id || col.directions, col.keys,
                       CASE WHEN col.rule = 'most_frequent' THEN format(' ORDER BY %I', col.name) END);
        column_name := col.name;
        value := CASE col.rule WHEN 'most_frequent' THEN 'etl._most_frequent' ELSE 'etl._pick' END || call;
        provenance := CASE col.rule WHEN 'most_frequent' THEN 'etl._most_frequent_place' ELSE 'etl._pick_place' END
                      || call;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._golden_columns(regclass, jsonb, text) IS
    'For each column of a table that is not generated two aggregate expressions over a group of its rows: its golden '
    'value by the rules of etl.golden, and the place of the row from which that comes. place: an expression over a row '
    'that differs from row to row and can be compared, such as an id or ctid; it decides the last ties. Columns are '
    'named without their table. Errors are those of the rules in etl.golden.';

-- What users call -----------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._is_inherited(relation regclass)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid)
    FROM pg_class AS c WHERE c.oid = relation
$$;
COMMENT ON FUNCTION etl._is_inherited(regclass) IS
    'Whether tables that are no partitions inherit from the relation: its unique indexes do not know their rows.';

CREATE FUNCTION etl._golden_id(target regclass, rules jsonb)
RETURNS name
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys name[] := etl._key_columns(target);
    id name := coalesce(rules ->> 'id', CASE WHEN cardinality(keys) = 1 THEN keys[1] END);
    twice text;
BEGIN
    IF id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('no id column is known for table "%s"', target),
            DETAIL = 'It has no primary key of one column.',
            HINT = 'Name the column by whose values the clusters refer to rows: rules => ''{"id": "…"}''.';
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = target AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
          AND i.indnkeyatts = 1 AND a.attname = id
    ) OR etl._is_inherited(target) THEN
        twice := etl._locked_value(format('SELECT (SELECT %1$I::text FROM %2$s WHERE %1$I IS DISTINCT FROM NULL '
                                          'GROUP BY 1 HAVING count(*) > 1 LIMIT 1)', id, target), NULL::text);
    END IF;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'cardinality_violation',
            MESSAGE = format('several rows of table "%s" have the %s "%s"', target, id, twice),
            HINT = 'Name a column that tells the rows apart: rules => ''{"id": "…"}''.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION etl._golden_id(regclass, jsonb) IS
    'The column by which clusters refer to rows: "id" of the rules, or the primary key. 22023 where there is none, '
    '21000 where two rows have the same value.';

CREATE FUNCTION etl._require_cluster_query(clusters text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns bigint;
BEGIN
    IF clusters IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no query of clusters was given',
            HINT = 'Select an id and its cluster: ''SELECT id, cluster_id FROM etl.clusters(…)''.';
    END IF;
    SELECT count(*) INTO columns FROM etl._query_columns(clusters);
    IF columns <> 2 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the query of clusters returns %s %s, not two', columns,
                             CASE columns WHEN 1 THEN 'column' ELSE 'columns' END),
            HINT = 'Select an id and its cluster: ''SELECT id, cluster_id FROM etl.clusters(…)''.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_cluster_query(text) IS
    'Checks that a text is a query of two columns (22023, or PostgreSQL''s own error). It is not run.';

CREATE FUNCTION etl._free_name(target regclass, prefix text)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- One more than the highest of such names; those with longer numbers than this are in nobody's way.
    SELECT prefix || coalesce(max(substr(a.attname, length(prefix) + 1)::int), 0) + 1
    FROM pg_attribute AS a
    WHERE a.attrelid = target AND starts_with(a.attname, prefix)
      AND substr(a.attname, length(prefix) + 1) ~ '^[0-9]{1,8}$'
$$;
COMMENT ON FUNCTION etl._free_name(regclass, text) IS
    'A name that no column of the table has: the prefix and a number.';

CREATE FUNCTION etl._golden_groups(target regclass, clusters text, id name, singletons bool)
RETURNS TABLE(cluster_id text, source text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE WHEN singletons THEN 'coalesce(%I, min(%I::text))' ELSE '%I' END, n.cluster, id),
        format($query$%1$s AS t %2$s (
            SELECT DISTINCT q.id::text, q.cluster_id::text FROM (
%3$s
            ) AS q(id, cluster_id)
            WHERE q.id IS DISTINCT FROM NULL AND q.cluster_id IS DISTINCT FROM NULL
        ) AS c(%4$I, %5$I) ON c.%4$I = t.%6$I::text
        WHERE t.%6$I IS DISTINCT FROM NULL
        GROUP BY c.%5$I%7$s$query$,
        target, CASE WHEN singletons THEN 'LEFT JOIN' ELSE 'JOIN' END, regexp_replace(clusters, '[\s;]+$', ''),
        n.member, n.cluster, id,
        CASE WHEN singletons THEN format(', CASE WHEN c.%I IS NULL THEN t.%I::text END', n.cluster, id) END)
    FROM (SELECT etl._free_name(target, 'member'), etl._free_name(target, 'cluster')) AS n(member, cluster)
$$;
COMMENT ON FUNCTION etl._golden_groups(regclass, text, name, bool) IS
    'How the rows of a table are grouped by their clusters: the expression for the cluster''s id, and what stands '
    'after FROM. singletons: a row without a cluster is one of its own, which has the row''s id.';

CREATE FUNCTION etl._golden_query(target regclass, clusters text, rules jsonb, singletons bool)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off -- catalog queries, which take a fraction of what compiling them would
AS $$
DECLARE
    id CONSTANT name := etl._golden_id(target, rules);
    full_rules CONSTANT jsonb := rules || jsonb_build_object('id', id);
BEGIN
    RETURN (
        -- The aggregates stand in lists of their own: a query returns at most 1,664 columns, and each has two.
        SELECT format($query$
            SELECT %s, count(*), (SELECT to_jsonb(r.*) FROM (SELECT %s) AS r),
                (SELECT to_jsonb(r.*) FROM (SELECT %s) AS r)
            FROM %s
            $query$,
            g.cluster_id,
            string_agg(format('%s AS %I', c.value, c.column_name), ', ' ORDER BY c.number),
            string_agg(format('CASE WHEN %1$s IS NOT NULL THEN jsonb_build_object(''id'', %1$s, ''rule'', '
                              '%2$L::text) END AS %3$I',
                              c.provenance, etl._golden_rule(full_rules, c.column_name) ->> 'rule', c.column_name),
                       ', ' ORDER BY c.number),
            g.source)
        FROM etl._golden_columns(target, full_rules, format('%I::text', id))
            WITH ORDINALITY AS c(column_name, value, provenance, number),
            etl._golden_groups(target, clusters, id, singletons) AS g
        GROUP BY g.cluster_id, g.source);
END
$$;
COMMENT ON FUNCTION etl._golden_query(regclass, text, jsonb, bool) IS
    'The query behind etl.golden: one aggregation for the values and the places of all columns.';

CREATE FUNCTION etl.golden(target regclass, clusters text, rules jsonb DEFAULT '{}', singletons bool DEFAULT false)
RETURNS TABLE(cluster_id text, members bigint, record jsonb, provenance jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(singletons, 'singletons');
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    PERFORM etl._check_golden_rules(target, rules);
    PERFORM etl._require_cluster_query(clusters);
    RETURN QUERY SELECT * FROM etl._locked_rows(etl._golden_query(target, clusters, rules, singletons))
        AS g(cluster_id text, members bigint, record jsonb, provenance jsonb);
END
$$;
COMMENT ON FUNCTION etl.golden(regclass, text, jsonb, bool) IS
    'Makes one record of each cluster of rows, column by column, and tells where each value came from. target: the '
    'table. clusters: a query of two columns, the id of a row and its cluster, such as etl.clusters returns; names '
    'outside pg_catalog need their schema. rules: {"id": the column by which clusters refer to rows (default: the '
    'primary key), "order_by": a column that says which row is later, "source": a column that says where a row comes '
    'from, "priority": its values, the most trusted first, "default": a rule, "columns": {column: a rule}}. A rule is '
    'its name, or {"rule": name, "order_by": …, "source": …, "priority": …} for settings of its own: latest (the '
    'default) and first by order_by, most_frequent, longest (in characters, as text), priority, min, max, coalesce '
    '(the row with the fewest NULL columns, its gaps filled from the next). NULL wins only where all are NULL. Ties '
    'are decided by order_by, where NULL loses, and then by the id: the latest wins, for the rule first the first. '
    'singletons: rows without a cluster count as clusters of one, under their id. Returns for each cluster the number '
    'of its rows in the table, the record (jsonb_populate_record(NULL::the_table, record) makes a row of it; '
    'generated columns are not in it), and for each column the id of the row that gave the value, and the rule. A row '
    'that stands in two clusters counts in both. Errors: 22023 rules that are not understood, no id column, a query '
    'that does not return two columns, 42703 unknown column, 42883 a rule on values that cannot be compared, 21000 '
    'two rows with one id, 42501 missing privilege, 42809 not a table; for clusters the error of its text.';
