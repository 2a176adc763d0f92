-- Candidate pairs: which rows are worth comparing, and how many that would be.
--
-- A blocking rule gives each row a key; rows with the same key are a block, and the pairs within a block are
-- candidates. Several rules are joined by OR. Each pair comes up once: under the first of its rules, because the
-- others leave out what an earlier rule has found. There are four kinds of rules:
--
--   equal    comparisons of the specification; the values of all of them equal, and none NULL
--   key      the same of SQL expressions over one row
--   any      one expression for an array (the bands of etl.minhash_bands, tags); any element equal
--   sorted   rows in the order of expressions; at most `window` - 1 places apart (Hernandez & Stolfo, "The merge/purge
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
    'are in ascending order.';

CREATE FUNCTION etl._expression_columns(relation regclass, expressions text, purpose text)
RETURNS text[]
LANGUAGE C STRICT STABLE
AS 'MODULE_PATHNAME', 'etl_expression_columns';
COMMENT ON FUNCTION etl._expression_columns(regclass, text, text) IS
    'The columns that one or more expressions over a row of the relation read. Raises what PostgreSQL has against '
    'them, with the purpose in the context. They hold no subquery, aggregate or window function.';

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
