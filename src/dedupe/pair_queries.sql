-- The queries behind a match: the rows of a table or two with what is compared and their keys, and the joins that make
-- pairs of them. src/dedupe/blocking.sql says what they are for.

-- Rows ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._match_id_sql(target regclass, link_to regclass, id_column name)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Numbers and uuids in their own order, all else as text, and so where two tables differ.
    SELECT CASE WHEN count(DISTINCT a.atttypid) = 1 AND bool_and(a.atttypid IN (
                         'smallint'::regtype, 'int'::regtype, 'bigint'::regtype, 'uuid'::regtype))
                THEN quote_ident(id_column) ELSE quote_ident(id_column) || '::text COLLATE "C"' END
    FROM pg_attribute AS a WHERE a.attrelid IN (target, link_to) AND a.attname = id_column
$$;
COMMENT ON FUNCTION etl._match_id_sql(regclass, regclass, name) IS
    'Expression for what identifies a row of one table or of two, with an order.';

CREATE FUNCTION etl._match_key_sql(rule etl._blocking_rule)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE rule.kind
        WHEN 'key' THEN E'etl._block_key(%s\n)'
        WHEN 'any' THEN E'ARRAY(SELECT DISTINCT etl._block_key(e) FROM unnest(%s\n) AS e WHERE etl._block_key(e) IS '
                        'NOT NULL ORDER BY 1)'
        ELSE E'CASE WHEN num_nulls(%1$s\n) = 0 THEN ROW(%1$s\n) END' END, rule.expression)
$$;
COMMENT ON FUNCTION etl._match_key_sql(etl._blocking_rule) IS
    'Expression for what a rule gives a row: a key, keys, or what it is sorted by.';

CREATE FUNCTION etl._match_side_sql(
    relation regclass, side int, id text, spec jsonb, rules etl._blocking_rule[], condition_a text, condition_b text,
    of_all text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s AS side, %s AS id, %s FROM %s AS %I%s', side, id,
        concat_ws(', ',
            (SELECT string_agg(format(E'(%s\n)::%s AS v%s', c.value ->> 'value',
                                      CASE c.value ->> 'type' WHEN 'number' THEN 'float8' ELSE 'text' END, c.number),
                               ', ' ORDER BY c.number)
             FROM jsonb_array_elements(spec -> 'comparisons') WITH ORDINALITY AS c (value, number)),
            (SELECT string_agg(format('%s AS k%s', etl._match_key_sql(r), (r).number), ', ' ORDER BY (r).number)
             FROM unnest(rules) AS r WHERE (r).kind <> 'equal'),
            format(E'(%s\n) IS TRUE AS in_a', condition_a), format(E'(%s\n) IS TRUE AS in_b', condition_b)),
        relation, (SELECT c.relname FROM pg_class AS c WHERE c.oid = relation), ' WHERE ' || format(of_all, id))
$$;
COMMENT ON FUNCTION etl._match_side_sql(regclass, int, text, jsonb, etl._blocking_rule[], text, text, text) IS
    'Query for the rows of one table with what is compared (v1, …), what the rules give them (k1, …), and whether they '
    'stand on the first and on the second side of pairs. of_all: a format for a condition on the id; NULL for all '
    'rows.';

CREATE FUNCTION etl._match_uncut_sql(rule etl._blocking_rule, cut text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN rule.kind = 'sorted' THEN format(
            'CASE WHEN k%1$s IS DISTINCT FROM NULL THEN row_number() OVER (ORDER BY k%1$s NULLS LAST, side, id) END',
            rule.number)
        WHEN rule.kind = 'any' AND cut IS NOT NULL THEN format(
            'ARRAY(SELECT e FROM unnest(k%s) AS e WHERE e <> ALL (%L::uuid[]) ORDER BY 1)', rule.number, cut)
        WHEN cut IS NOT NULL THEN format('CASE WHEN %1$s <> ALL (%2$L::uuid[]) THEN %1$s END', key, cut)
        ELSE key END
    FROM (SELECT CASE rule.kind WHEN 'equal' THEN format('etl._block_key(%s)', rule.expression)
                                ELSE 'k' || rule.number END) AS k (key)
$$;
COMMENT ON FUNCTION etl._match_uncut_sql(etl._blocking_rule, text) IS
    'Expression for the key that a rule gives a row whose values are known, or its place where the rule sorts; without '
    'the keys of blocks that are cut, an array''s text.';

CREATE FUNCTION etl._match_rows_sql(
    target regclass, link_to regclass, spec jsonb, rules etl._blocking_rule[], counted jsonb DEFAULT '[]',
    condition_a text DEFAULT 'true', condition_b text DEFAULT 'true', of_all text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT side, id, in_a, in_b%s%s FROM (%s%s OFFSET ''0'') AS made OFFSET ''0''',
        (SELECT string_agg(', v' || n, '' ORDER BY n)
         FROM generate_series(1, jsonb_array_length(spec -> 'comparisons')) AS n),
        (SELECT string_agg(format(', %s AS k%s', etl._match_uncut_sql(r, counted -> (r.number - 1) ->> 'cut'),
                                  r.number), '' ORDER BY r.number)
         FROM unnest(rules) AS r),
        etl._match_side_sql(target, 0, id, spec, rules, condition_a, condition_b, of_all),
        CASE WHEN link_to IS NOT NULL
             THEN ' UNION ALL ' || etl._match_side_sql(link_to, 1, id, spec, rules, condition_a, condition_b,
                                                               of_all) ELSE '' END)
    FROM etl._match_id_sql(target, link_to, spec ->> 'id') AS i (id)
$$;
COMMENT ON FUNCTION etl._match_rows_sql(regclass, regclass, jsonb, etl._blocking_rule[], jsonb, text, text, text) IS
    'Query for the rows that take part in a match, of one table or of two. counted: what etl._match_blocks returns; '
    'rows have no key of a block that is too large.';

-- Pairs --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._match_join_sql(rule etl._blocking_rule, rows_sql text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE rule.kind
        WHEN 'any' THEN '(SELECT *, unnest(k%2$s) AS e FROM (%1$s) AS r) AS a JOIN (SELECT *, unnest(k%2$s) AS e '
                        'FROM (%1$s) AS r) AS b ON a.e = b.e AND etl._first_common_key(a.k%2$s, b.k%2$s) = a.e'
        WHEN 'sorted' THEN '(SELECT r.*, r.k%2$s + d AS e FROM (%1$s) AS r '
                           'CROSS JOIN generate_series(1 - %3$s, %3$s - 1) AS d WHERE d <> 0) AS a '
                           'JOIN (%1$s) AS b ON a.e = b.k%2$s'
        ELSE '(%1$s) AS a JOIN (%1$s) AS b ON a.k%2$s = b.k%2$s' END, rows_sql, rule.number, rule.width)
$$;
COMMENT ON FUNCTION etl._match_join_sql(etl._blocking_rule, text) IS
    'What stands after FROM so that a and b are the pairs of a rule, both ways round.';

CREATE FUNCTION etl._match_earlier_sql(earlier etl._blocking_rule)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE earlier.kind
        WHEN 'any' THEN '(a.k%1$s && b.k%1$s)'
        WHEN 'sorted' THEN '(abs(a.k%1$s - b.k%1$s) < %2$s)'
        ELSE '(a.k%1$s = b.k%1$s)' END, earlier.number, earlier.width)
$$;
COMMENT ON FUNCTION etl._match_earlier_sql(etl._blocking_rule) IS 'Condition for a pair that a rule has found.';

CREATE FUNCTION etl._match_pairs_sql(
    rules etl._blocking_rule[], number int, rows_sql text, is_link bool)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._match_join_sql(rules[number], rows_sql) || ' AND a.in_a AND b.in_b AND ' ||
        CASE WHEN is_link THEN 'a.side = 0 AND b.side = 1'
             ELSE '(a.id < b.id OR a.id > b.id AND NOT (a.in_b AND b.in_a))' END
$$;
COMMENT ON FUNCTION etl._match_pairs_sql(etl._blocking_rule[], int, text, bool) IS
    'What stands after FROM so that a and b are the pairs of a rule, each once.';

CREATE FUNCTION etl._match_new_sql(rules etl._blocking_rule[], number int)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(etl._match_earlier_sql(r) || ' IS NOT TRUE', ' AND ' ORDER BY r.number), 'true')
    FROM unnest(rules[:number - 1]) AS r
$$;
COMMENT ON FUNCTION etl._match_new_sql(etl._blocking_rule[], int) IS
    'Condition for a pair that no earlier rule has found.';
