-- Giving the row that stays the values of others (keep => merge).
--
-- What it shall become is computed while all rows are there, and stored when the others are gone, so that a value which
-- must be unique is free.

CREATE FUNCTION etl._merge_rules(rules jsonb, order_by name)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN order_by IS NULL OR jsonb_typeof(rules) <> 'object' THEN coalesce(rules, '{}')
                ELSE jsonb_build_object('order_by', order_by) || coalesce(rules, '{}') END
$$;
COMMENT ON FUNCTION etl._merge_rules(jsonb, name) IS 'Rules of a golden record, with the order of etl.dedupe.';

CREATE FUNCTION etl._referenced_columns(target regclass)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT DISTINCT a.attname
        FROM pg_constraint AS c
        JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = ANY (c.confkey)
        WHERE c.contype = 'f' AND c.confrelid IN (SELECT etl._family(target)))
$$;
COMMENT ON FUNCTION etl._referenced_columns(regclass) IS
    'The columns that foreign keys refer to: a change of theirs would be passed on, or refused.';

CREATE FUNCTION etl._merged_columns(target regclass, keys name[], rules jsonb)
RETURNS TABLE(number bigint, column_name name, value text)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT row_number() OVER (ORDER BY a.attnum), g.column_name, g.value
    FROM etl._golden_columns(target, rules, CASE WHEN etl._has_children(target)
                                                 THEN '(tableoid::bigint::text || ctid::text)' ELSE 'ctid' END) AS g
    JOIN pg_attribute AS a ON a.attrelid = target AND a.attname = g.column_name
    WHERE a.attidentity = '' AND a.attname <> ALL (keys || etl._identity(target) || etl._referenced_columns(target))
$$;
COMMENT ON FUNCTION etl._merged_columns(regclass, name[], jsonb) IS
    'The columns that keep => merge may change and their golden values: all but the keys, the primary key, columns '
    'that foreign keys refer to, identity columns and generated ones.';

CREATE FUNCTION etl._require_merged_columns(target regclass, keys name[], rules jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept text := (SELECT min(c.name) FROM jsonb_object_keys(rules -> 'columns') AS c(name)
                  WHERE c.name NOT IN (SELECT m.column_name FROM etl._merged_columns(target, keys, rules) AS m));
BEGIN
    IF kept IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('column "%s" cannot take a value of another row', kept),
            DETAIL = 'Keys, the primary key, columns that foreign keys refer to, identity columns and generated ones '
                     'are those of the row that stays.',
            HINT = 'Leave it out of the rules; order_by decides which row stays.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_merged_columns(regclass, name[], jsonb) IS
    'Checks that the rules name no column (22023) that keep => merge leaves as it is.';

CREATE FUNCTION etl._check_merge(target regclass, keys name[], keep text, order_by name, rules jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF keep = 'merge' THEN
        PERFORM etl._require_table(target, ARRAY['SELECT', 'DELETE', 'UPDATE']);
        PERFORM etl._require_merged_columns(target, keys, etl._merge_rules(rules, order_by));
        PERFORM etl._require_no_wider_children(target);
        PERFORM etl._require_no_rule(target, '2', 'Give one row as it is with keep => ''last'', or');
    ELSIF rules IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('rules are of no use with keep "%s"', keep),
            DETAIL = 'They say which values the row that stays shall have of the others.',
            HINT = 'Say keep => ''merge'', or leave them out.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_merge(regclass, name[], text, name, jsonb) IS
    'Checks the rules of keep => merge (22023 and as etl.golden), that the caller may update the table (42501), and '
    'that no rule turns updates of it into something else (0A000).';

CREATE FUNCTION etl._plan_merge(
    run bigint, target regclass, keys name[], order_by name, nulls_equal bool, where_sql text, rules jsonb, seed bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._locked_command((
        SELECT format($query$
            INSERT INTO etl.dedupe_change (run_id, step, relation, before, after)
            SELECT %8$s, 1, NULL, b.texts, b.texts || m.texts
            FROM (
                SELECT (array_agg(tableoid ORDER BY %1$s))[1], (array_agg(ctid ORDER BY %1$s))[1]%2$s
                FROM %3$s
                GROUP BY %4$s HAVING count(*) > 1
            ) AS g(tab, place%5$s)
            JOIN %6$s AS kept ON kept.ctid = g.place AND kept.tableoid = g.tab
            CROSS JOIN LATERAL (SELECT etl._row_as_texts(kept.*)) AS b(texts)
            CROSS JOIN LATERAL (SELECT etl._row_as_texts(s.*) FROM (SELECT %7$s) AS s) AS m(texts)
            WHERE b.texts <> b.texts || m.texts
            $query$,
            etl._dedupe_order(target, 'merge', order_by),
            string_agg(', ' || c.value, '' ORDER BY c.number),
            etl._candidates(target, keys, nulls_equal, where_sql, seed),
            etl._column_list(keys),
            string_agg(', v' || c.number, '' ORDER BY c.number),
            target,
            string_agg(format('g.v%s AS %I', c.number, c.column_name), ', ' ORDER BY c.number),
            run)
        FROM etl._merged_columns(target, keys, etl._merge_rules(rules, order_by)) AS c));
END
$$;
COMMENT ON FUNCTION etl._plan_merge(bigint, regclass, name[], name, bool, text, jsonb, bigint) IS
    'Writes down what the rows that stay shall become, where that is something else.';

CREATE FUNCTION etl._start_merge(
    run bigint, target regclass, keys name[], order_by name, nulls_equal bool, where_sql text, rules jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seed bigint := CASE WHEN etl._are_hashable(etl._column_list(keys), target::text) THEN etl._new_seed() END;
BEGIN
    IF NOT EXISTS (SELECT FROM etl._merged_columns(target, keys, etl._merge_rules(rules, order_by))) THEN
        RETURN;
    END IF;
    BEGIN
        PERFORM etl._plan_merge(run, target, keys, order_by, nulls_equal, where_sql, rules, seed);
        RETURN;
    EXCEPTION
        WHEN undefined_function THEN -- a value within a key has no hash function
            IF seed IS NULL THEN
                RAISE;
            END IF;
    END;
    PERFORM etl._plan_merge(run, target, keys, order_by, nulls_equal, where_sql, rules, NULL);
END
$$;
COMMENT ON FUNCTION etl._start_merge(bigint, regclass, name[], name, bool, text, jsonb) IS
    'Decides what the rows that stay shall become, while all rows are there.';

CREATE FUNCTION etl._finish_merge(run bigint, target regclass, audit bool)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET lc_monetary = 'C'
AS $$
DECLARE
    shape record;
    counts bigint[]; -- wanted, changed
BEGIN
    FOR shape IN SELECT * FROM etl._changed_columns(run, target, NULL) LOOP
        counts := etl._locked_change(etl._change_query(target, shape.keys, shape.changed, 'before', 'after'),
                                     NULL::bigint[], run, NULL::text, shape.step, shape.keys, audit, shape.unchanged);
        IF counts[2] <> counts[1] THEN
            RAISE EXCEPTION USING
                ERRCODE = 'triggered_action_exception',
                MESSAGE = format('%s of %s rows of table "%s" did not take the values of their duplicates',
                                 counts[1] - counts[2], counts[1], target),
                DETAIL = 'A trigger, a rule or row security kept them from being updated; nothing was changed.',
                HINT = 'Disable it for the time of the call, or keep one row as it is with keep => ''last''.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._finish_merge(bigint, regclass, bool) IS
    'Stores what etl._start_merge has decided (09000 where a row does not take it), and writes down what came of it.';
