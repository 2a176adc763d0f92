-- Blocks counted before anything is compared, and the pairs that they make.

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
    'than max_block (cut, an array''s text), how many they are, the pairs in them, the rows of the largest block, and '
    'the pairs of those that are not cut.';

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
            MESSAGE = format('blocking rule %s leaves out blocks of more than %s rows', rule.number,
                             spec ->> 'max_block'),
            DETAIL = format('The rule is %s. Blocks left out: %s, their pairs: %s, rows of the largest: %s. These '
                            'pairs are compared only where another rule finds them.',
                            spec -> 'blocking' -> (rule.number - 1), rule.value ->> 'cut_blocks',
                            rule.value ->> 'cut_pairs', rule.value ->> 'largest'),
            HINT = 'See etl.blocking_report, add a part to the rule, or raise "max_block".';
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._warn_of_cut_blocks(jsonb, jsonb) IS 'Warns of each rule that has blocks which are cut.';

CREATE FUNCTION etl._is_unique_column(relation regclass, column_name name)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- The index of a table from which others inherit says nothing of their rows; that of a partitioned table does.
    SELECT EXISTS (
        SELECT FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        JOIN pg_class AS c ON c.oid = i.indrelid
        WHERE i.indrelid = relation AND a.attname = column_name AND a.attnotnull AND i.indisunique AND i.indisvalid
          AND i.indimmediate AND i.indnkeyatts = 1 AND i.indpred IS NULL AND (c.relkind = 'p' OR NOT c.relhassubclass))
$$;
COMMENT ON FUNCTION etl._is_unique_column(regclass, name) IS
    'Whether an index and NOT NULL prove that the values of a column identify the rows of a table.';

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
        CONTINUE WHEN etl._is_unique_column(relation, (spec ->> 'id')::name);
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
    'more, pairs in them (a pair that several rules or several elements of an array find counts for each), the '
    'largest five blocks as the id of one row and the number of rows, and how many blocks and pairs max_block leaves '
    'out. Reads the table once for each rule. Errors are those of etl.train_match.';

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
