-- etl.train_match: a match model learned from the rows themselves.
--
-- Four things are counted, and the rest is arithmetic (src/dedupe/match_estimate.hpp):
--
--   1. how frequent the values of a comparison are, where that shall count
--   2. the patterns of levels of random pairs: hardly any of these match, so they tell u, how often a level is
--      reached by chance
--   3. the patterns of the pairs of each blocking rule: a mixture of matches and others, from which m, how often
--      matches reach a level, is learned by expectation maximization
--   4. how many pairs there are
--
-- Which rows and blocks are looked at depends on their hashes and the seed alone: so the model is the same whatever the
-- plan and the number of workers.

CREATE FUNCTION etl._frequencies(rows_sql text, number int, most int DEFAULT 10000)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made jsonb;
BEGIN
    SELECT f.made INTO made FROM etl._locked_rows(format($query$
        WITH value AS MATERIALIZED (
            SELECT v%1$s COLLATE "C" AS value, count(*) AS n FROM (%2$s) AS r
            WHERE v%1$s <> '' GROUP BY 1
        ), frequent AS (
            SELECT * FROM value WHERE n > 1 ORDER BY n DESC, value LIMIT $1
        )
        SELECT jsonb_build_object(
            'rows', (SELECT coalesce(sum(n), 0) FROM value),
            'values', (SELECT coalesce(jsonb_object_agg(value, n), '{}') FROM frequent),
            'rest', (SELECT coalesce(round((sum(v.n) - coalesce((SELECT sum(f.n) FROM frequent AS f), 0))
                                           / nullif(count(*) - (SELECT count(*) FROM frequent), 0), 6), 1)
                     FROM value AS v),
            'chance', (SELECT coalesce(round(sum(n::numeric * n) / nullif(sum(n) ^ 2, 0), 12), 1) FROM value))
        $query$, number, rows_sql), most) AS f (made jsonb);
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._frequencies(text, int, int) IS
    'How many rows have each value of a comparison: the most frequent ones, and the mean of the rest; and how likely '
    'two rows are to have the same.';

CREATE FUNCTION etl._with_frequencies(rows_sql text, spec jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made jsonb := '[]';
    comparison record;
BEGIN
    FOR comparison IN
        SELECT c.value, c.number
        FROM jsonb_array_elements(spec -> 'comparisons') WITH ORDINALITY AS c (value, number) ORDER BY c.number
    LOOP
        IF comparison.value -> 'term_frequency' NOT IN ('false', 'null') AND comparison.value ->> 'type' = 'text' THEN
            made := made || jsonb_set(comparison.value, '{term_frequency}',
                                      etl._frequencies(rows_sql, comparison.number::int));
        ELSE
            made := made || (comparison.value - 'term_frequency');
        END IF;
    END LOOP;
    RETURN jsonb_set(spec, '{comparisons}', made);
END
$$;
COMMENT ON FUNCTION etl._with_frequencies(text, jsonb) IS
    'The specification with the frequencies of values in those comparisons that ask for them.';

CREATE TYPE etl._pair_patterns AS (
    patterns bytea[], counts bigint[], pair_rules int[]
);
COMMENT ON TYPE etl._pair_patterns IS
    'Patterns of levels, how many pairs have each, and under which blocking rule these came up: a negative number '
    'where an earlier rule has found them, too.';

CREATE FUNCTION etl._sample_sql(target regclass, link_to regclass, spec jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT r.*, row_number() OVER (PARTITION BY side ORDER BY hashtextextended(id::text, $1), id) '
                  'AS place FROM (%s) AS r',
        etl._match_rows_sql(target, link_to, spec, '{}', of_all =>
            '(hashtextextended(%s::text, $1) & 9223372036854775807) <= $2 * 9223372036854775807.0'))
$$;
COMMENT ON FUNCTION etl._sample_sql(regclass, regclass, jsonb) IS
    'Query for a share ($2) of the rows that a seed ($1) chooses, numbered in an order that it chooses, too.';

CREATE FUNCTION etl._random_patterns(
    sample_sql text, spec jsonb, first bigint, second bigint, seed bigint, pairs bigint)
RETURNS etl._pair_patterns
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET enable_hashjoin = on
SET jit = off
AS $$
DECLARE
    most_rows constant bigint := 100000;
    share float8 := least(1, most_rows::float8 / greatest(first, second, 1));
    steps bigint := ceil(pairs / greatest(least(first, most_rows), 1)::numeric);
    made etl._pair_patterns;
BEGIN
    -- Each row of the sample with the next few: pairs from all over, and none twice.
    SELECT f.patterns, f.counts INTO made.patterns, made.counts FROM etl._locked_rows(format($query$
        WITH sample AS MATERIALIZED (%1$s), size AS MATERIALIZED (
            SELECT max(place) AS n, max(place) - CASE WHEN $5 THEN 0 ELSE max(place) / 2 + 1 END AS most_steps
            FROM sample WHERE side = CASE WHEN $5 THEN 1 ELSE 0 END
        )
        SELECT array_agg(pattern ORDER BY pattern), array_agg(n ORDER BY pattern)
        FROM (
            SELECT etl._match_pattern($3, %2$s) AS pattern, count(*) AS n
            FROM (SELECT s.*, (s.place - 1 + d) %% size.n + 1 AS next
                  FROM sample AS s CROSS JOIN size CROSS JOIN generate_series(1, least($4, size.most_steps)) AS d
                  WHERE s.side = 0) AS a
            JOIN sample AS b ON b.place = a.next AND b.side = CASE WHEN $5 THEN 1 ELSE 0 END
            GROUP BY 1
        ) AS counted
        $query$, sample_sql, etl._pair_values_sql(spec)), seed, share, spec, steps,
        second IS NOT NULL)
        AS f (patterns bytea[], counts bigint[]);
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._random_patterns(text, jsonb, bigint, bigint, bigint, bigint) IS
    'Patterns of about so many random pairs. first, second: the rows of the tables; second is NULL for one table.';

CREATE FUNCTION etl._is_sampled(key anyelement, share float8, seed bigint)
RETURNS bool
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_is_sampled';
COMMENT ON FUNCTION etl._is_sampled(anyelement, float8, bigint) IS
    'Whether a block, by its key (uuid) or place (bigint), is one of a share of all that a seed chooses.';

CREATE FUNCTION etl._sampled_blocks_sql(rule etl._blocking_rule)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('etl._is_sampled(%s, $2, $3)',
        CASE rule.kind WHEN 'any' THEN 'a.e'
                       WHEN 'sorted' THEN format('least(a.k%1$s, b.k%1$s)', rule.number)
                       ELSE format('a.k%s', rule.number) END)
$$;
COMMENT ON FUNCTION etl._sampled_blocks_sql(etl._blocking_rule) IS
    'Condition for the pairs of a share ($2) of a rule''s blocks, which a seed ($3) chooses.';

CREATE FUNCTION etl._candidate_patterns(
    rows_sql text, spec jsonb, rules etl._blocking_rule[], is_link bool, counted jsonb, seed bigint, pairs bigint)
RETURNS etl._pair_patterns
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET enable_hashjoin = on
SET jit = off
AS $$
DECLARE
    made etl._pair_patterns := ('{}', '{}', '{}');
    share float8;
    found record;
BEGIN
    FOR number IN 1 .. cardinality(rules) LOOP
        share := least(1, pairs / greatest((counted -> (number - 1) ->> 'pairs')::float8, 1));
        SELECT f.* INTO found FROM etl._locked_rows(format($query$
            SELECT array_agg(pattern ORDER BY pattern, rule), array_agg(n ORDER BY pattern, rule),
                array_agg(rule ORDER BY pattern, rule)
            FROM (
                SELECT etl._match_pattern($1, %1$s) AS pattern, CASE WHEN %2$s THEN %3$s ELSE -%3$s END AS rule,
                    round(count(*) / $2)::bigint AS n
                FROM %4$s AND %5$s GROUP BY 1, 2
            ) AS counted
            $query$, etl._pair_values_sql(spec), etl._match_new_sql(rules, number), number,
            etl._match_pairs_sql(rules, number, rows_sql, is_link), etl._sampled_blocks_sql(rules[number])),
            spec, share, seed) AS f (patterns bytea[], counts bigint[], pair_rules int[]);
        CONTINUE WHEN found.patterns IS NULL;
        made.patterns := made.patterns || found.patterns;
        made.counts := made.counts || found.counts;
        made.pair_rules := made.pair_rules || found.pair_rules;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._candidate_patterns(text, jsonb, etl._blocking_rule[], bool, jsonb, bigint, bigint) IS
    'Patterns of the pairs of each blocking rule. Of a rule that has more than so many pairs, those of some blocks, '
    'which count for all.';

CREATE FUNCTION etl._excluded_comparisons(target regclass, spec jsonb, rules etl._blocking_rule[])
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(number, names), '{}')
    FROM (
        SELECT r.number, jsonb_agg(c.value ->> 'name' ORDER BY c.number) AS names
        FROM unnest(rules) AS r
        CROSS JOIN jsonb_array_elements(spec -> 'comparisons') WITH ORDINALITY AS c (value, number)
        WHERE etl._expression_columns(target, c.value ->> 'value', 'comparison') && r.columns
        GROUP BY r.number
    ) AS excluded
$$;
COMMENT ON FUNCTION etl._excluded_comparisons(regclass, jsonb, etl._blocking_rule[]) IS
    'For each rule the comparisons that read a column which it blocks on: within its blocks they tell nothing.';

CREATE FUNCTION etl._count_rows(relation regclass)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made bigint;
BEGIN
    IF relation IS NOT NULL THEN
        made := etl._locked_value(format('SELECT count(*) FROM %s', relation), NULL::bigint);
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._count_rows(regclass) IS 'The number of rows of a table; NULL without one.';

CREATE FUNCTION etl._affordable_rules(INOUT spec jsonb, INOUT counted jsonb, rows bigint, OUT kept bigint[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most_pairs numeric := greatest(10 * rows, 1000000, (SELECT min((c ->> 'pairs')::numeric)
                                                        FROM jsonb_array_elements(counted) AS c));
    dropped text;
BEGIN
    SELECT string_agg((r.value -> 'equal')::text, ', ' ORDER BY r.number) FILTER (WHERE NOT r.affordable),
        jsonb_set(spec, '{blocking}', jsonb_agg(r.value ORDER BY r.number) FILTER (WHERE r.affordable)),
        jsonb_agg(r.counted ORDER BY r.number) FILTER (WHERE r.affordable),
        array_agg(r.number - 1 ORDER BY r.number) FILTER (WHERE r.affordable)
    INTO dropped, spec, counted, kept
    FROM (
        SELECT b.value, b.number, c.value AS counted, (c.value ->> 'pairs')::numeric <= most_pairs AS affordable
        FROM jsonb_array_elements(spec -> 'blocking') WITH ORDINALITY AS b (value, number)
        JOIN jsonb_array_elements(counted) WITH ORDINALITY AS c (value, number) USING (number)
    ) AS r;
    IF dropped IS NOT NULL THEN
        RAISE NOTICE USING
            MESSAGE = format('the model does without blocking rules of more than %s pairs', most_pairs),
            DETAIL = format('They are those by %s.', dropped),
            HINT = 'To have other rules, give "blocking" in the specification; see etl.match_spec.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._affordable_rules(jsonb, jsonb, bigint) IS
    'The specification without those of its rules, which nobody has given, that have more than ten pairs for each row '
    'and more than a million; one stays in any case. Tells of those that go. kept: the numbers of the others, from 0.';

CREATE FUNCTION etl.train_match(
    target regclass, spec jsonb DEFAULT NULL, seed bigint DEFAULT 1, link_to regclass DEFAULT NULL,
    sample_pairs bigint DEFAULT 1000000)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
AS $$
DECLARE
    full_spec jsonb := etl._any_spec(target, spec);
    first bigint := etl._count_rows(target);
    second bigint := etl._count_rows(link_to);
    rules etl._blocking_rule[];
    handle bigint;
    counted jsonb;
    kept bigint[];
    rows_sql text;
    random etl._pair_patterns;
    candidate etl._pair_patterns;
BEGIN
    PERFORM etl._require_sample(seed, sample_pairs);
    PERFORM etl._require_match_tables(target, link_to, full_spec);
    rules := ARRAY(SELECT r FROM etl._blocking_rules(target, full_spec) AS r);
    SELECT l.handle, l.counted INTO handle, counted
    FROM etl._load_match(target, link_to, full_spec, rules, 'true', 'true') AS l;
    IF handle IS NULL THEN
        counted := etl._match_blocks(target, link_to, full_spec, rules);
    END IF;
    kept := ARRAY(SELECT generate_subscripts(rules, 1) - 1);
    IF NOT coalesce(spec ? 'blocking', false) THEN
        SELECT a.spec, a.counted, a.kept INTO full_spec, counted, kept
        FROM etl._affordable_rules(full_spec, counted, first + coalesce(second, 0)) AS a;
        rules := ARRAY(SELECT r FROM etl._blocking_rules(target, full_spec) AS r);
    END IF;
    PERFORM etl._warn_of_cut_blocks(full_spec, counted);
    rows_sql := etl._match_rows_sql(target, link_to, full_spec, rules, counted);
    full_spec := etl._with_frequencies(rows_sql, full_spec);
    random := etl._random_patterns(etl._sample_sql(target, link_to, full_spec), full_spec, first, second, seed,
                                   sample_pairs);
    IF handle IS NULL THEN
        candidate := etl._candidate_patterns(rows_sql, full_spec, rules, link_to IS NOT NULL, counted, seed,
                                             sample_pairs);
    ELSE
        SELECT array_agg(p.pattern), array_agg(p.pairs), array_agg(p.rule)
        INTO candidate.patterns, candidate.counts, candidate.pair_rules
        FROM etl._loaded_patterns(handle, full_spec, kept, sample_pairs, seed) AS p;
        PERFORM etl._unload_rows(handle);
    END IF;
    RETURN etl._estimate_match(
        full_spec, random.patterns, random.counts, candidate.patterns, candidate.counts, candidate.pair_rules,
        etl._excluded_comparisons(target, full_spec, rules),
        coalesce(first::float8 * second, first::float8 * (first - 1) / 2), '{}');
END
$$;
COMMENT ON FUNCTION etl.train_match(regclass, jsonb, bigint, regclass, bigint) IS
    'Learns a match model from the rows of a table, or of two, without any examples. target: table; the caller needs '
    'SELECT. spec: as etl.match_spec explains; NULL guesses all of it; a model is trained again. seed: chooses the '
    'sampled pairs; the same seed gives the same model over the same rows. link_to: a second table with the same '
    'columns, whose rows are matched with those of target. sample_pairs: about how many pairs to look at for each '
    'thing to be learned. Returns the model, for etl.match and etl.match_report: the specification, and for each '
    'level m and u, the probabilities that a match and that another pair reaches it; u from random pairs, m by '
    'expectation maximization over the pairs of each blocking rule. Errors: 22023 what is no specification, 42703 '
    'unknown column, 23505 the id is not unique, 42501 missing privilege, and what PostgreSQL has against an '
    'expression. Sources: I. Fellegi, A. Sunter, "A theory for record linkage", JASA 64, 1969; W. Winkler, "Using the '
    'EM algorithm for weight computation in the Fellegi-Sunter model of record linkage", 1988.';

CREATE FUNCTION etl._require_sample(seed bigint, sample_pairs bigint)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF seed IS NULL OR sample_pairs IS NULL OR sample_pairs NOT BETWEEN 1000 AND 1000000000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN seed IS NULL THEN 'seed must not be NULL'
                           ELSE format('sample_pairs must be from 1000 to 1000000000, not %s',
                                       coalesce(sample_pairs::text, 'NULL')) END,
            HINT = 'Leave it out to have the default.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_sample(bigint, bigint) IS 'Checks how etl.train_match samples (22023).';
