-- From rows of the logs to the keys of groups.
--
-- The queries of a plan read CTEs: "etl changes N", the rows of source N that have changed, and "etl rows N", all rows
-- of source N and those. They are inlined, so that few changes are joined by indexes.

-- CTEs ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._logged_columns(source etl.rollup_source, logged jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A cast of NULL could be refused by a domain; a column of a row that is NULL is not.
    RETURN (
        SELECT string_agg(
            CASE WHEN logged ? a.attname THEN format('l.%I', a.attname)
                 ELSE format('(NULL::%1$s).%2$I AS %2$I', source.relation, a.attname) END, ', ' ORDER BY a.attnum)
        FROM pg_attribute AS a
        WHERE a.attrelid = etl._named_relation(source.relation) AND a.attnum > 0 AND NOT a.attisdropped
          -- Not dropped since the snapshot of the transaction, either: a column that is gone has no privileges.
          AND has_column_privilege(a.attrelid, a.attnum, 'SELECT') IS NOT NULL);
END
$$;
COMMENT ON FUNCTION etl._logged_columns(etl.rollup_source, jsonb) IS
    'The columns of a source as its log (alias l) has them, in their order: NULL where they are not logged.';

CREATE FUNCTION etl._all_columns(source etl.rollup_source)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_agg(a.attname) FROM pg_attribute AS a
    WHERE a.attrelid = etl._named_relation(source.relation) AND a.attnum > 0 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION etl._all_columns(etl.rollup_source) IS 'The columns of a source.';

-- The planner guesses the rows of a log by its pages, among them those of rows that were taken already, and would then
-- rather read a large table whole than look a few rows up in it. Under one snapshot their number is known.
CREATE FUNCTION etl._counted_log(source etl.rollup_source)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counted bigint;
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        RETURN source.log_table;
    END IF;
    EXECUTE format('SELECT count(*) FROM %s', source.log_table) INTO counted;
    RETURN format('(SELECT * FROM %s LIMIT %s)', source.log_table, counted);
END
$$;
COMMENT ON FUNCTION etl._counted_log(etl.rollup_source) IS
    'The log of a source as FROM takes it, with the number of its rows for the planner, as a limit that leaves none '
    'out: only where the transaction has one snapshot.';

CREATE FUNCTION etl._changes_query(rollup etl.rollup, source etl.rollup_source, condition text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('SELECT %s FROM %s AS l WHERE %s',
                      etl._logged_columns(source, CASE WHEN p.described ->> 'kind' = 'keys' THEN '[]' ELSE (
                          SELECT jsonb_agg(c -> 'name') FROM jsonb_array_elements(p.described -> 'log') AS c) END),
                      etl._counted_log(source), condition)
        FROM etl._plan_source(rollup.plan, source.number) AS p(described));
END
$$;
COMMENT ON FUNCTION etl._changes_query(etl.rollup, etl.rollup_source, text) IS
    'A query that gives the rows of a source''s log for which a condition (alias l) holds in the shape of the source.';

-- The conditions say which notes are none, for of a condition that says which ones are the planner thinks that few are.
CREATE FUNCTION etl._noted_rows(ops text[] DEFAULT '{c,+,-,e}')
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('l.etl_op <> ALL (%L::"char"[])', array_agg(o)::text)
    FROM unnest('{a,b,c,+,-,e,A,B}'::text[]) AS o WHERE o <> ALL (ops)
$$;
COMMENT ON FUNCTION etl._noted_rows(text[]) IS
    'A condition for the rows of a log (alias l) of some kinds; the default are those that tell of a row or a group.';

CREATE FUNCTION etl._rows_query(
    rollup etl.rollup, source etl.rollup_source, single_sources integer[], logged_sources integer[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(' UNION ALL ',
        CASE WHEN source.number <> ALL (logged_sources) THEN format(
            'SELECT %s FROM %s AS l', etl._logged_columns(source, etl._all_columns(source)), source.relation) END,
        CASE WHEN source.number = ANY (logged_sources) OR source.number <> ALL (single_sources) THEN
            etl._changes_query(rollup, source, etl._noted_rows()) END)
$$;
COMMENT ON FUNCTION etl._rows_query(etl.rollup, etl.rollup_source, integer[], integer[]) IS
    'A query that gives all rows of a source and those of its log. single_sources: of which only one of the two is '
    'wanted: the log for those that are among logged_sources, too.';

CREATE FUNCTION etl._key_query_ctes(
    rollup etl.rollup, described jsonb, conditions jsonb, replaced jsonb DEFAULT '{}',
    single_sources integer[] DEFAULT '{}', logged_sources integer[] DEFAULT '{}')
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(format('"%s" AS NOT MATERIALIZED (%s)', c.name, c.query), ', ')
        FROM etl._sources(rollup) AS s
        CROSS JOIN LATERAL (VALUES ('etl changes ' || s.number, 'etl rows ' || s.number)) AS n(changes, rows)
        CROSS JOIN LATERAL (
            SELECT n.changes,
                   coalesce(replaced ->> n.changes, etl._changes_query(rollup, s, conditions ->> s.number::text))
            WHERE conditions ? s.number::text
            UNION ALL
            SELECT n.rows, coalesce(replaced ->> n.rows, etl._rows_query(rollup, s, single_sources, logged_sources))
            WHERE described -> 'rows' @> to_jsonb(s.number)) AS c(name, query));
END
$$;
COMMENT ON FUNCTION etl._key_query_ctes(etl.rollup, jsonb, jsonb, jsonb, integer[], integer[]) IS
    'The CTEs that a query of keys reads, which a plan describes (a source, or a moving filter). conditions: for the '
    'source that has changed, which rows of its log have; replaced: queries in place of these, by the names of the '
    'CTEs; single_sources, logged_sources: as for etl._rows_query.';

-- Keys ---------------------------------------------------------------------------------------------------------------

-- A join with a table and its log is asked for twice, with the table and with the log: the planner can look up the few
-- changes in the table by an index, but joins with a union either all of the table or each change with all of the log.
CREATE FUNCTION etl._resolved_keys(rollup etl.rollup, described jsonb, conditions jsonb, replaced jsonb DEFAULT '{}')
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- A query that reads one twice would need each with each.
    single_sources CONSTANT integer[] := ARRAY(
        SELECT r::integer FROM jsonb_array_elements(described -> 'rows') AS r GROUP BY r HAVING count(*) = 1 LIMIT 3);
    logged_sources integer[];
    parts text[] := '{}';
BEGIN
    FOR choice IN 0 .. (1 << cardinality(single_sources)) - 1 LOOP
        logged_sources := ARRAY(SELECT s.number FROM unnest(single_sources) WITH ORDINALITY AS s(number, place)
                                WHERE choice & (1 << (s.place - 1)::integer) <> 0);
        parts := parts || format(
            E'SELECT %1$s FROM (WITH %2$s SELECT %1$s FROM (\n%3$s\n) AS k) AS k',
            etl._column_list(rollup.key_columns),
            etl._key_query_ctes(rollup, described, conditions, replaced, single_sources, logged_sources),
            described ->> 'keys_query');
    END LOOP;
    RETURN array_to_string(parts, E'\nUNION ALL ');
END
$$;
COMMENT ON FUNCTION etl._resolved_keys(etl.rollup, jsonb, jsonb, jsonb) IS
    'A query that gives the keys that a query of a plan gives, with what it reads. described, conditions, replaced: as '
    'for etl._key_query_ctes.';

CREATE FUNCTION etl._changed_keys(rollup etl.rollup, source etl.rollup_source, condition text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN p.described ->> 'keys_query' IS NULL THEN format(
                    'SELECT %s FROM %s AS l WHERE %s', etl._column_list(rollup.key_columns), source.log_table,
                    condition)
                ELSE etl._resolved_keys(rollup, p.described, jsonb_build_object(source.number, condition)) END
    FROM etl._plan_source(rollup.plan, source.number) AS p(described)
$$;
COMMENT ON FUNCTION etl._changed_keys(etl.rollup, etl.rollup_source, text) IS
    'A query that gives the keys of the groups that some rows of a source''s log (alias l) touch.';

CREATE FUNCTION etl._keys_between(rollup etl.rollup, low text, high text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key CONSTANT jsonb := rollup.plan -> 'keys' -> 0;
    -- What stands in place of the key may have another collation, and so another order.
    collated CONSTANT text := CASE
        WHEN (SELECT t.typcollation <> 0 FROM pg_type AS t WHERE t.oid = (key ->> 'type')::regtype)
        THEN ' COLLATE ' || coalesce(key ->> 'collation', 'pg_catalog."default"') ELSE '' END;
    least_one CONSTANT text := format('%s %L::%s', key ->> 'at_least', low, key ->> 'type');
    last_one CONSTANT text := format('%s %L::%s', key ->> 'at_most', high, key ->> 'type');
    conditions CONSTANT text[] := ARRAY(
        SELECT CASE WHEN r.value ->> 'key' = key ->> 'name'
                    THEN format('(%1$s)%2$s %3$s AND (%1$s)%2$s %4$s', r.value ->> 'expression', collated, least_one,
                                last_one)
                    ELSE 'true' END
        FROM jsonb_array_elements(rollup.plan -> 'restrictions') WITH ORDINALITY AS r ORDER BY r.ordinality);
BEGIN
    RETURN format(E'SELECT %1$s FROM (\n%2$s\n) AS q UNION ALL SELECT %1$s FROM %3$s AS t '
                  'WHERE t.%4$I%5$s %6$s AND t.%4$I%5$s %7$s',
                  etl._column_list(rollup.key_columns), etl._filled(etl._group_query(rollup), conditions),
                  etl._group_table(rollup), key ->> 'name', collated, least_one, last_one);
END
$$;
COMMENT ON FUNCTION etl._keys_between(etl.rollup, text, text) IS
    'A query that gives the keys of all groups, of the query and of the rollup, whose first key lies between two.';

CREATE FUNCTION etl._keys_of_changes(rollup etl.rollup, described jsonb, source etl.rollup_source, rows text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._resolved_keys(rollup, described, jsonb_build_object(source.number, 'false'),
                              jsonb_build_object('etl changes ' || source.number, rows))
$$;
COMMENT ON FUNCTION etl._keys_of_changes(etl.rollup, jsonb, etl.rollup_source, text) IS
    'A query that gives the keys that a query of a plan gives for rows of a source, which another query gives.';

CREATE FUNCTION etl._keys_of_rows(rollup etl.rollup, source etl.rollup_source, rows text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    described CONSTANT jsonb := etl._plan_source(rollup.plan, source.number);
BEGIN
    IF described ->> 'keys_query' IS NULL THEN
        RETURN (SELECT format('SELECT %s FROM (%s) AS l',
                              string_agg(format('(%s) AS %I', c.expression, c.name), ', '), rows)
                FROM jsonb_to_recordset(described -> 'log') AS c(name text, expression text));
    END IF;
    RETURN etl._keys_of_changes(rollup, described, source, rows);
END
$$;
COMMENT ON FUNCTION etl._keys_of_rows(etl.rollup, etl.rollup_source, text) IS
    'A query that gives the keys of the groups that rows of a source touch, which a query gives with its columns.';

CREATE FUNCTION etl._all_keys(rollup etl.rollup)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(E'SELECT %1$s FROM (\n%2$s\n) AS q UNION ALL SELECT %1$s FROM %3$s',
        etl._column_list(rollup.key_columns),
                  etl._unrestricted(etl._group_query(rollup), rollup.plan), etl._group_table(rollup))
$$;
COMMENT ON FUNCTION etl._all_keys(etl.rollup) IS
    'A query that gives the keys of all groups, of the query and of the rollup.';
