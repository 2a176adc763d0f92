-- etl.match: the pairs of rows that are the same thing, by a Fellegi-Sunter model.
--
-- Where the rows fit into pg_etl.match_memory they are read once, and compared in memory (src/dedupe/match_rows.hpp);
-- else each blocking rule is a join, whose memory is work_mem. Both ways find the same pairs.

CREATE FUNCTION etl._any_spec(target regclass, spec jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    IF spec ? 'version' THEN
        IF spec -> 'version' <> '1' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('a match model of version %s is not known', left((spec -> 'version')::text, 20)),
                HINT = 'Version 1 is. ALTER EXTENSION pg_etl UPDATE may bring the version that made it.';
        END IF;
        PERFORM etl._require_array(spec -> 'comparisons', 'comparisons', '[…]');
        PERFORM etl._require_array(spec -> 'blocking', 'blocking', '["surname, birthday", "email"]');
        PERFORM etl._require_max_block(spec -> 'max_block');
        RETURN jsonb_build_object('max_block', 5000) || spec;
    END IF;
    RETURN etl.match_spec(target, spec);
END
$$;
COMMENT ON FUNCTION etl._any_spec(regclass, jsonb) IS
    'A model as it is, or a specification in full: both have id, comparisons, blocking and max_block.';

CREATE FUNCTION etl._pair_values_sql(spec jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('a.v%1$s, b.v%1$s', n), ', ' ORDER BY n)
    FROM generate_series(1, jsonb_array_length(spec -> 'comparisons')) AS n
$$;
COMMENT ON FUNCTION etl._pair_values_sql(jsonb) IS 'What is compared of a pair, as arguments: a.v1, b.v1, a.v2, …';

CREATE FUNCTION etl._match_weight_of(threshold float8)
RETURNS float8
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF threshold BETWEEN 0 AND 1 THEN
        RETURN CASE threshold WHEN 0 THEN '-infinity' WHEN 1 THEN 'infinity'
                              ELSE ln(threshold / (1 - threshold)) / ln(2::float8) END::float8;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('threshold must be a probability from 0 to 1, not %s', coalesce(threshold::text, 'NULL')),
        HINT = 'etl.match_report shows what a threshold keeps.';
END
$$;
COMMENT ON FUNCTION etl._match_weight_of(float8) IS
    'The weight, log2 of the odds, of a probability. 22023 where it is none.';

-- In memory -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._load_rows(
    rows_sql text, types text[], windows bigint[], is_link bool, rows bigint, max_block bigint,
    OUT handle bigint, OUT counted jsonb)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_load_rows';
COMMENT ON FUNCTION etl._load_rows(text, text[], bigint[], bool, bigint, bigint) IS
    'Reads the rows of etl._match_rows_sql into memory. types: text or number, for each comparison; windows: for each '
    'rule, 0 for one with keys; rows: about how many there are. Returns a number by which the functions below know '
    'them, to the end of the transaction, and what etl._match_blocks would; no row where they take more than '
    'pg_etl.match_memory.';

CREATE FUNCTION etl._match_loaded(
    handle bigint, model jsonb, least_weight float8, explain bool,
    OUT id_a text, OUT id_b text, OUT probability float8, OUT match_weight float8, OUT explanation jsonb)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_match_loaded';
COMMENT ON FUNCTION etl._match_loaded(bigint, jsonb, float8, bool) IS
    'The candidate pairs of loaded rows that have at least that weight.';

CREATE FUNCTION etl._loaded_patterns(
    handle bigint, model jsonb, kept bigint[], most_pairs float8, seed bigint,
    OUT pattern bytea, OUT pairs bigint, OUT rule int)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_loaded_patterns';
COMMENT ON FUNCTION etl._loaded_patterns(bigint, jsonb, bigint[], float8, bigint) IS
    'The patterns of the candidate pairs of loaded rows, as etl._candidate_patterns has them, by those rules whose '
    'numbers, from 0, are given; the others are left out for good.';

CREATE FUNCTION etl._unload_rows(handle bigint)
RETURNS void
LANGUAGE C STRICT VOLATILE
AS 'MODULE_PATHNAME', 'etl_unload_rows';
COMMENT ON FUNCTION etl._unload_rows(bigint) IS 'Frees the memory of loaded rows.';

CREATE FUNCTION etl._load_match(
    target regclass, link_to regclass, spec jsonb, rules etl._blocking_rule[], condition_a text, condition_b text,
    OUT handle bigint, OUT counted jsonb)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.handle, l.counted
    FROM etl._load_rows(
        etl._match_rows_sql(target, link_to, spec, rules, '[]', condition_a, condition_b),
        ARRAY(SELECT c.value ->> 'type' FROM jsonb_array_elements(spec -> 'comparisons') WITH ORDINALITY AS c
              ORDER BY c.ordinality),
        ARRAY(SELECT coalesce(r.width, 0)::bigint FROM unnest(rules) AS r ORDER BY r.number),
        link_to IS NOT NULL, etl._count_rows(target) + coalesce(etl._count_rows(link_to), 0),
        (spec ->> 'max_block')::bigint) AS l
$$;
COMMENT ON FUNCTION etl._load_match(regclass, regclass, jsonb, etl._blocking_rule[], text, text) IS
    'Loads the rows of a match where they fit into memory; else the number is NULL.';

-- By joins ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._match_joined(
    target regclass, model jsonb, least_weight float8, link_to regclass, rules etl._blocking_rule[], counted jsonb,
    condition_a text, condition_b text, explain bool)
RETURNS TABLE(id_a text, id_b text, probability float8, match_weight float8, explanation jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET enable_hashjoin = on
SET jit = off
AS $$
DECLARE
    rows_sql text := etl._match_rows_sql(target, link_to, model, rules, counted, condition_a, condition_b);
BEGIN
    FOR number IN 1 .. cardinality(rules) LOOP
        RETURN QUERY SELECT f.* FROM etl._locked_rows(format(
            'SELECT a, b, 1 / (1 + 2 ^ -greatest(least(w, 1000), -1000)), w, e FROM ('
            'SELECT a.id::text AS a, b.id::text AS b, etl._match_weight($1, %1$s) AS w, %2$s AS e FROM %3$s '
            'WHERE %4$s AND etl._match_weight($1, %1$s) >= $2) AS found',
            etl._pair_values_sql(model),
            CASE WHEN explain THEN format('etl._match_explain($1, %s)', etl._pair_values_sql(model))
                 ELSE 'NULL::jsonb' END,
            etl._match_pairs_sql(rules, number, rows_sql, link_to IS NOT NULL),
            etl._match_new_sql(rules, number)), model, least_weight)
            AS f (id_a text, id_b text, probability float8, match_weight float8, explanation jsonb);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._match_joined(
    regclass, jsonb, float8, regclass, etl._blocking_rule[], jsonb, text, text, bool) IS
    'The pairs of etl._match by a join for each rule. counted: what etl._match_blocks returns.';

-- Either way ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._match(
    target regclass, model jsonb, threshold float8, link_to regclass, condition_a text, condition_b text,
    explain bool)
RETURNS TABLE(id_a text, id_b text, probability float8, match_weight float8, explanation jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
AS $$
DECLARE
    least_weight float8 := etl._match_weight_of(threshold);
    rules etl._blocking_rule[];
    handle bigint;
    counted jsonb;
BEGIN
    PERFORM etl._require_match_tables(target, link_to, model);
    rules := ARRAY(SELECT r FROM etl._blocking_rules(target, model) AS r);
    SELECT l.handle, l.counted INTO handle, counted
    FROM etl._load_match(target, link_to, model, rules, condition_a, condition_b) AS l;
    IF handle IS NULL THEN
        counted := etl._match_blocks(target, link_to, model, rules);
    END IF;
    PERFORM etl._warn_of_cut_blocks(model, counted);
    IF handle IS NULL THEN
        RETURN QUERY SELECT m.* FROM etl._match_joined(target, model, least_weight, link_to, rules, counted,
                                                       condition_a, condition_b, explain) AS m;
        RETURN;
    END IF;
    RETURN QUERY SELECT m.* FROM etl._match_loaded(handle, model, least_weight, explain) AS m;
    PERFORM etl._unload_rows(handle);
END
$$;
COMMENT ON FUNCTION etl._match(regclass, jsonb, float8, regclass, text, text, bool) IS
    'The pairs of etl.match of which one row satisfies the first condition and the other the second.';

CREATE FUNCTION etl._tell_warnings(model jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- That near spellings weigh more than equal ones is common where names are few.
    warnings text[] := ARRAY(SELECT w FROM etl.match_warnings(model) AS w
                             WHERE w NOT LIKE '%than the level before it,%');
BEGIN
    IF cardinality(warnings) > 0 THEN
        RAISE NOTICE USING
            MESSAGE = 'the model that was trained has warnings',
            DETAIL = array_to_string(warnings, E'\n'),
            HINT = 'Keep a model and look at it before you rely on it: etl.train_match, etl.match_report.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._tell_warnings(jsonb) IS 'Tells what is doubtful about a model that nobody has looked at.';

CREATE FUNCTION etl.match(
    target regclass, model jsonb DEFAULT NULL, threshold float8 DEFAULT 0.9, link_to regclass DEFAULT NULL)
RETURNS TABLE(id_a text, id_b text, probability float8, match_weight float8, explanation jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF model IS NULL OR NOT model ? 'version' THEN
        model := etl.train_match(target, model, link_to => link_to);
        PERFORM etl._tell_warnings(model);
    END IF;
    RETURN QUERY SELECT m.* FROM etl._match(target, etl._any_spec(target, model), threshold, link_to, 'true', 'true',
                                            true) AS m;
END
$$;
COMMENT ON FUNCTION etl.match(regclass, jsonb, float8, regclass) IS
    'The pairs of rows that are the same thing, each once, by a Fellegi-Sunter model. target: table; the caller needs '
    'SELECT. model: what etl.train_match has made; without one, or with a specification only, it is trained first. '
    'threshold: the least probability of a match, from 0 to 1. link_to: a second table with the same columns; then '
    'pairs have one row in each, id_a in target and id_b in link_to. Only pairs that share a block of the model''s '
    'blocking rules are compared; see etl.blocking_report. Returns the ids as text; the probability; match_weight, '
    'which is log2 of its odds; and for each comparison the level that holds, both values, and its part of the '
    'weight. In no particular order. Dates, times, intervals, floats and bytes are texts in ISO form, in UTC, with '
    'all digits, and in hex, whatever the session has set. Warns of blocks that are left out because they have more '
    'rows than max_block. Errors: 22023 what is no model, or threshold out of range, 42703 unknown column, 23505 the '
    'id is not unique, 42501 missing privilege. Source: I. Fellegi, A. Sunter, "A theory for record linkage", JASA '
    '64, 1969.';

CREATE FUNCTION etl._match_pairs(target regclass, model jsonb, threshold float8, where_a text, where_b text)
RETURNS TABLE(id_a text, id_b text, probability float8, match_weight float8)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.id_a, m.id_b, m.probability, m.match_weight
    FROM etl._match(target, etl._any_spec(target, model), threshold, NULL, where_a, where_b, false) AS m
$$;
COMMENT ON FUNCTION etl._match_pairs(regclass, jsonb, float8, text, text) IS
    'etl.match without explanations, of pairs of which one row satisfies one condition and the other the other.';
