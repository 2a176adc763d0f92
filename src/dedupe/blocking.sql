-- Candidate pairs: which rows are worth comparing, and how many that would be.
--
-- A blocking rule gives each row a key; rows with the same key are a block, and the pairs within a block are
-- candidates. Several rules are joined by OR. Each pair comes up once: under the first of its rules, because the
-- others leave out what an earlier rule has found. There are four kinds of rules:
--
--   equal    comparisons of the specification; the values of all of them equal, and none NULL
--   key      the same of SQL expressions over one row
--   any      one expression for an array (the bands of etl.minhash_bands, tags); any element equal
--   sorted   rows in the order of expressions; at most `window` - 1 places apart (Hernández & Stolfo, "The merge/purge
--            problem for large databases", SIGMOD 1995)
--
-- All of it is one join for each rule, which PostgreSQL runs by hash, in parallel, and within work_mem. Its two sides
-- are the same subquery: the rows with what is compared and the keys of all rules. OFFSET '0' keeps the planner from
-- moving these expressions up into the join, where they would run for each pair.

CREATE FUNCTION etl._block_key(VARIADIC "any")
RETURNS uuid
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_block_key';
COMMENT ON FUNCTION etl._block_key("any") IS
    'The key of a block: etl.hash128 of the values; NULL where one of them is NULL or an empty text.';

CREATE FUNCTION etl._first_common_key(a uuid[], b uuid[])
RETURNS uuid
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_first_common_key';
COMMENT ON FUNCTION etl._first_common_key(uuid[], uuid[]) IS
    'The first element of a that b has, too: under this one a pair counts where it has several keys in common. Both '
    'are '
    'in ascending order.';

CREATE FUNCTION etl._expression_columns(relation regclass, expressions text, purpose text)
RETURNS text[]
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_expression_columns';
COMMENT ON FUNCTION etl._expression_columns(regclass, text, text) IS
    'The columns that one or more expressions over a row of the relation read. Raises what PostgreSQL has against '
    'them, with the purpose in the context. They hold no subquery, aggregate or window function.';

-- Rules --------------------------------------------------------------------------------------------------------------

CREATE TYPE etl._blocking_rule AS (
    number int, kind text, expression text, width int, columns text[]
);
COMMENT ON TYPE etl._blocking_rule IS
    'A blocking rule: its number from 1, its kind (equal, key, any, sorted), its expressions (of kind equal the values '
    'v1, … of comparisons), the window of a sorted one, and the columns that it reads.';

CREATE FUNCTION etl._refuse_blocking_rule(number int, given jsonb)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('blocking rule %s is not valid: %s', number, left(given::text, 200)),
        HINT = 'Name comparisons, {"equal": ["surname", "birthday"]}, or give SQL expressions over one row, '
               '"left(surname, 4), birthday", or an order with a window of 2 to 1000 rows, '
               '{"sort_by": "surname", "window": 10}.';
END
$$;
COMMENT ON FUNCTION etl._refuse_blocking_rule(int, jsonb) IS 'Raises (22023) that a blocking rule is not valid.';

CREATE FUNCTION etl._equal_rule(target regclass, spec jsonb, number int, given jsonb)
RETURNS etl._blocking_rule
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._blocking_rule := (number, 'equal', NULL, NULL, '{}');
    wanted text;
    compared record;
BEGIN
    IF jsonb_typeof(given -> 'equal') IS DISTINCT FROM 'array' OR jsonb_array_length(given -> 'equal') = 0 THEN
        PERFORM etl._refuse_blocking_rule(number, given);
    END IF;
    FOR wanted IN SELECT w.value FROM jsonb_array_elements_text(given -> 'equal') WITH ORDINALITY AS w ORDER BY 1 LOOP
        SELECT c.number, c.value ->> 'value' AS value INTO compared
        FROM jsonb_array_elements(spec -> 'comparisons') WITH ORDINALITY AS c (value, number)
        WHERE c.value ->> 'name' = wanted;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'undefined_column',
                MESSAGE = format('blocking rule %s names comparison "%s", which there is not', number, wanted),
                HINT = format('The comparisons are %s; other columns stand in a rule as SQL, "%s".', (
                    SELECT string_agg(c.value ->> 'name', ', ' ORDER BY c.number)
                    FROM jsonb_array_elements(spec -> 'comparisons') WITH ORDINALITY AS c (value, number)), wanted);
        END IF;
        made.expression := concat_ws(', ', made.expression, 'v' || compared.number);
        made.columns := made.columns || etl._expression_columns(target, compared.value,
                                                                format('comparison "%s"', wanted));
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._equal_rule(regclass, jsonb, int, jsonb) IS
    'A blocking rule that names comparisons. 42703 where there is no such.';

CREATE FUNCTION etl._blocking_rule(target regclass, spec jsonb, number int, given jsonb)
RETURNS etl._blocking_rule
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made etl._blocking_rule := (number, 'key', given #>> '{}', NULL, NULL);
BEGIN
    IF given ? 'equal' THEN
        PERFORM etl._require_keys_of(given, '{equal}', format('blocking rule %s', number));
        RETURN etl._equal_rule(target, spec, number, given);
    ELSIF jsonb_typeof(given) = 'object' THEN
        PERFORM etl._require_keys_of(given, '{sort_by,window}', format('blocking rule %s', number));
        made.kind := 'sorted';
        made.expression := given ->> 'sort_by';
        made.width := coalesce(given ->> 'window', '10');
    END IF;
    IF made.expression IS NULL OR jsonb_typeof(given) NOT IN ('string', 'object') OR made.width NOT BETWEEN 2 AND 1000
    THEN
        PERFORM etl._refuse_blocking_rule(number, given);
    END IF;
    made.columns := etl._expression_columns(target, made.expression, 'blocking rule ' || number);
    IF made.kind = 'key' AND (
        SELECT count(*) = 1 AND bool_and(t.typcategory = 'A')
        FROM etl._query_columns(format(E'SELECT %s\n FROM %s AS %I', made.expression, target,
                                       (SELECT c.relname FROM pg_class AS c WHERE c.oid = target))) AS q
        JOIN pg_type AS t ON t.oid = etl._base_type(q.type)
    ) THEN
        made.kind := 'any';
    END IF;
    RETURN made;
EXCEPTION
    WHEN invalid_text_representation OR numeric_value_out_of_range THEN
        PERFORM etl._refuse_blocking_rule(number, given);
END
$$;
COMMENT ON FUNCTION etl._blocking_rule(regclass, jsonb, int, jsonb) IS
    'Reads a blocking rule of a specification. 22023 where it is none; else what PostgreSQL has against its text.';

CREATE FUNCTION etl._blocking_rules(target regclass, spec jsonb)
RETURNS SETOF etl._blocking_rule
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT made.*
    FROM jsonb_array_elements(spec -> 'blocking') WITH ORDINALITY AS r (value, number)
    CROSS JOIN LATERAL etl._blocking_rule(target, spec, r.number::int, r.value) AS made
    ORDER BY r.number
$$;
COMMENT ON FUNCTION etl._blocking_rules(regclass, jsonb) IS 'The blocking rules of a specification, in their order.';

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
    'rows '
    'have no key of a block that is too large.';

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

-- Blocks -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._match_blocks_sql(rule etl._blocking_rule, rows_sql text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- sum(bigint) is numeric: a block of a hundred million rows is 5 * 10^15 pairs.
    SELECT format('SELECT key, sum(n) FILTER (WHERE side = 0) AS first, sum(n) FILTER (WHERE side = 1) AS second '
                  'FROM (SELECT %s AS key, side, count(*) AS n FROM (%s) AS r GROUP BY 1, 2) AS g '
                  'WHERE key IS NOT NULL GROUP BY key',
                  CASE rule.kind WHEN 'any' THEN 'unnest(k' || rule.number || ')' ELSE 'k' || rule.number END, rows_sql)
$$;
COMMENT ON FUNCTION etl._match_blocks_sql(etl._blocking_rule, text) IS
    'Query for the blocks of a rule, of any kind but sorted: its key, and its rows in the first and second table.';

CREATE FUNCTION etl._match_blocks(
    target regclass, link_to regclass, spec jsonb, rules etl._blocking_rule[])
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    max_block bigint := (spec ->> 'max_block')::bigint;
    made jsonb := '[]';
    rule etl._blocking_rule;
    found record;
BEGIN
    FOREACH rule IN ARRAY rules LOOP
        IF rule.kind = 'sorted' THEN
            made := made || '[{"pairs": 0, "cut_blocks": 0}]';
            CONTINUE;
        END IF;
        SELECT f.* INTO found
        FROM etl._locked_rows(format($query$
            SELECT (array_agg(key) FILTER (WHERE n > $1))::text AS cut, count(*) FILTER (WHERE n > $1) AS cut_blocks,
                sum(pairs) FILTER (WHERE n > $1) AS cut_pairs, max(n)::bigint AS largest,
                coalesce(sum(pairs) FILTER (WHERE n <= $1), 0) AS pairs
            FROM (SELECT key, coalesce(first, 0) + coalesce(second, 0) AS n,
                      CASE WHEN $2 THEN coalesce(first, 0) * coalesce(second, 0)
                           ELSE div(first * (first - 1), 2) END AS pairs
                  FROM (%s) AS b) AS counted
            $query$, etl._match_blocks_sql(rule, etl._match_rows_sql(target, link_to, spec, ARRAY[rule]))),
            max_block, link_to IS NOT NULL)
            AS f (cut text, cut_blocks bigint, cut_pairs numeric, largest bigint, pairs numeric);
        made := made || jsonb_build_array(to_jsonb(found));
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._match_blocks(regclass, regclass, jsonb, etl._blocking_rule[]) IS
    'What the blocks of each rule are, as an array in the order of the rules: the keys of those that have more rows '
    'than '
    'max_block (cut, an array''s text), how many they are, the pairs in them, the rows of the largest block, and the '
    'pairs of those that are not cut.';

CREATE FUNCTION etl._warn_of_cut_blocks(spec jsonb, counted jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rule record;
BEGIN
    FOR rule IN
        SELECT c.number::int, c.value FROM jsonb_array_elements(counted) WITH ORDINALITY AS c (value, number)
        WHERE (c.value ->> 'cut_blocks')::bigint > 0 ORDER BY c.number
    LOOP
        RAISE WARNING USING
            MESSAGE = format('blocking rule %s: %s block(s) of more than %s rows are left out, %s pair(s)', rule.number,
                             rule.value ->> 'cut_blocks', spec ->> 'max_block', rule.value ->> 'cut_pairs'),
            DETAIL = format('The rule is %s; its largest block has %s rows. Their pairs are compared only where '
                            'another rule finds them.', spec -> 'blocking' -> (rule.number - 1),
                            rule.value ->> 'largest'),
            HINT = 'See etl.blocking_report, add a part to the rule, or raise "max_block".';
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._warn_of_cut_blocks(jsonb, jsonb) IS 'Warns of each rule that has blocks which are cut.';

CREATE FUNCTION etl._require_match_tables(target regclass, link_to regclass, spec jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass;
    comparison jsonb;
    repeated text;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    FOREACH relation IN ARRAY array_remove(ARRAY[target, link_to], NULL) LOOP
        PERFORM etl._require_table(relation, ARRAY['SELECT']);
        PERFORM etl._require_column(relation, (spec ->> 'id')::name);
        FOR comparison IN SELECT c FROM jsonb_array_elements(spec -> 'comparisons') AS c LOOP
            PERFORM etl._expression_columns(relation, comparison ->> 'value',
                                            format('comparison "%s"', comparison ->> 'name'));
        END LOOP;
        PERFORM etl._blocking_rules(relation, spec);
        repeated := etl._locked_value(format(
            'SELECT (SELECT coalesce(id::text, ''NULL'') FROM (SELECT %I AS id FROM %s) AS r GROUP BY r.id '
            'HAVING count(*) > 1 OR r.id IS NULL LIMIT 1)', spec ->> 'id', relation), NULL::text);
        IF repeated IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'unique_violation',
                MESSAGE = format('column "%s" of table "%s" does not identify its rows: value %s', spec ->> 'id',
                                 relation, CASE WHEN repeated = 'NULL' THEN repeated
                                                ELSE format('"%s" occurs more than once', repeated) END),
                HINT = 'Name a column in "id" whose values are unique and not NULL.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._require_match_tables(regclass, regclass, jsonb) IS
    'Checks that a specification fits the tables: columns (42703), expressions (as PostgreSQL has it), and that the '
    'id identifies rows (23505).';

CREATE FUNCTION etl._blocking_spec(target regclass, spec jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Who only blocks has nothing to compare.
    IF spec ? 'blocking' AND NOT spec ? 'comparisons' THEN
        spec := spec || '{"comparisons": [{"name": "none", "value": "NULL::text"}]}';
    END IF;
    RETURN etl._any_spec(target, spec);
END
$$;
COMMENT ON FUNCTION etl._blocking_spec(regclass, jsonb) IS
    'A model, or a specification in full; one that has only blocking rules is enough.';

CREATE FUNCTION etl.candidate_pairs(target regclass, spec jsonb DEFAULT NULL, link_to regclass DEFAULT NULL)
RETURNS TABLE(id_a text, id_b text, rule int)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET enable_nestloop = off
SET enable_mergejoin = off
SET enable_hashjoin = on
SET jit = off
AS $$
DECLARE
    rules etl._blocking_rule[];
    counted jsonb;
    rows_sql text;
BEGIN
    spec := etl._blocking_spec(target, spec);
    PERFORM etl._require_match_tables(target, link_to, spec);
    rules := ARRAY(SELECT r FROM etl._blocking_rules(target, spec) AS r);
    counted := etl._match_blocks(target, link_to, spec, rules);
    PERFORM etl._warn_of_cut_blocks(spec, counted);
    rows_sql := etl._match_rows_sql(target, link_to, spec, rules, counted);
    FOR number IN 1 .. cardinality(rules) LOOP
        RETURN QUERY SELECT f.* FROM etl._locked_rows(format(
            'SELECT a.id::text, b.id::text, %s FROM %s AND %s', number,
            etl._match_pairs_sql(rules, number, rows_sql, link_to IS NOT NULL),
            etl._match_new_sql(rules, number))) AS f (id_a text, id_b text, rule int);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl.candidate_pairs(regclass, jsonb, regclass) IS
    'The pairs of rows that the blocking rules find, each once, with the number of the first rule that finds it: for '
    'comparing them in SQL. spec: a model, or a specification, of which "blocking" is enough, and "id" where the table '
    'has no primary key; see etl.match_spec. link_to: a second table; then id_a is of target and id_b of link_to. '
    'Warns of blocks that are left out because they have more rows than max_block. Errors are those of '
    'etl.train_match.';

CREATE FUNCTION etl.blocking_report(target regclass, spec jsonb DEFAULT NULL, link_to regclass DEFAULT NULL)
RETURNS TABLE(
    number int, rule jsonb, rows bigint, blocks bigint, pairs numeric, largest jsonb, cut_blocks bigint,
    cut_pairs numeric)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
AS $$
DECLARE
    rules etl._blocking_rule[];
    one etl._blocking_rule;
    rows_sql text;
BEGIN
    spec := etl._blocking_spec(target, spec);
    PERFORM etl._require_match_tables(target, link_to, spec);
    rules := ARRAY(SELECT r FROM etl._blocking_rules(target, spec) AS r);
    FOREACH one IN ARRAY rules LOOP
        rows_sql := etl._match_rows_sql(target, link_to, spec, rules);
        IF one.kind = 'sorted' THEN
            RETURN QUERY SELECT one.number, spec -> 'blocking' -> (one.number - 1), f.n, NULL::bigint,
                CASE WHEN link_to IS NULL THEN etl._sorted_pairs(f.n, one.width) END, NULL::jsonb, 0::bigint, 0::numeric
            FROM etl._locked_rows(format('SELECT count(k%s) FROM (%s) AS r', one.number, rows_sql)) AS f (n bigint);
            CONTINUE;
        END IF;
        RETURN QUERY SELECT one.number, spec -> 'blocking' -> (one.number - 1), f.*
        FROM etl._locked_rows(etl._blocking_report_sql(one, rows_sql, link_to IS NOT NULL),
                              (spec ->> 'max_block')::bigint)
            AS f (rows bigint, blocks bigint, pairs numeric, largest jsonb, cut_blocks bigint, cut_pairs numeric);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl.blocking_report(regclass, jsonb, regclass) IS
    'What each blocking rule of a specification or model costs, before anything is compared. link_to: the second '
    'table, where two are linked. Returns for each rule, with its number: rows that have a key, blocks of two rows or '
    'more, pairs in '
    'them (a pair that several rules or several elements of an array find counts for each), the largest five blocks '
    'as the id of one row and the '
    'number of rows, and how many blocks and pairs max_block leaves out. Reads the table once for each rule. Errors '
    'are those of etl.train_match.';

CREATE FUNCTION etl._sorted_pairs(n bigint, width int)
RETURNS numeric
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Each row with the width - 1 that follow; the last rows have fewer.
    SELECT CASE WHEN n >= width THEN n::numeric * (width - 1) - width * (width - 1) / 2
                ELSE n * (n - 1) / 2 END
$$;
COMMENT ON FUNCTION etl._sorted_pairs(bigint, int) IS 'Pairs of n sorted rows less than `width` places apart.';

CREATE FUNCTION etl._blocking_report_sql(rule etl._blocking_rule, rows_sql text, is_link bool)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($query$
        WITH block AS MATERIALIZED (
            SELECT %s AS key, count(*) AS n, count(*) FILTER (WHERE side = 0) AS first,
                count(*) FILTER (WHERE side = 1) AS second, min(id::text) AS example
            FROM (%s) AS r GROUP BY 1
        ), counted AS (
            SELECT n, example, %s AS pairs FROM block WHERE key IS NOT NULL
        )
        SELECT coalesce(sum(n), 0)::bigint, count(*) FILTER (WHERE pairs > 0), coalesce(sum(pairs), 0),
            (SELECT jsonb_agg(jsonb_build_object('id', example, 'rows', n) ORDER BY n DESC, example)
             FROM (SELECT n, example FROM counted WHERE pairs > 0 ORDER BY n DESC, example LIMIT 5) AS top),
            count(*) FILTER (WHERE n > $1), coalesce(sum(pairs) FILTER (WHERE n > $1), 0)
        FROM counted
        $query$, CASE rule.kind WHEN 'any' THEN 'unnest(k' || rule.number || ')' ELSE 'k' || rule.number END, rows_sql,
        CASE WHEN is_link THEN 'first::numeric * second' ELSE 'div(first::numeric * (first - 1), 2)' END)
$$;
COMMENT ON FUNCTION etl._blocking_report_sql(etl._blocking_rule, text, bool) IS
    'Query for a rule''s line of etl.blocking_report; its parameter is max_block.';
