-- The rules of a golden record: what they may say, and what they say for one column.

CREATE FUNCTION etl._refuse_golden(message text, detail text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = message,
        DETAIL = coalesce(detail, 'The rules are an object with the keys id, order_by, source, priority, default and '
                                  'columns.'),
        HINT = 'Write them as in {"order_by": "updated_at", "default": "latest", "columns": {"name": "longest", '
               '"city": {"rule": "priority", "source": "system", "priority": ["erp", "crm"]}}}.';
END
$$;
COMMENT ON FUNCTION etl._refuse_golden(text, text) IS
    'Raises what is wrong with the rules of a golden record (22023), with an example.';

CREATE FUNCTION etl._check_golden_rule(target regclass, rule jsonb, place text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := '{latest,first,most_frequent,longest,priority,min,max,coalesce}';
    name text := rule ->> 'rule';
    sources jsonb := rule -> 'priority';
BEGIN
    IF jsonb_typeof(rule -> 'rule') IS DISTINCT FROM 'string' OR name <> ALL (known) THEN
        PERFORM etl._refuse_golden(format('unknown rule %s in %s', rule -> 'rule', place),
                                   format('The known ones are %s.', array_to_string(known, ', ')));
    END IF;
    PERFORM etl._check_golden_column(target, rule, key, place) FROM unnest('{order_by,source}'::text[]) AS key;
    IF rule ->> 'order_by' IS NOT NULL THEN
        PERFORM etl._require_ordering(target, (rule ->> 'order_by')::name, 'order_by column');
    END IF;
    IF name = 'priority' AND (rule ->> 'source' IS NULL OR coalesce(sources, '[]') = '[]') THEN
        PERFORM etl._refuse_golden(
            format('the rule "priority" in %s lacks its %s', place,
                   CASE WHEN rule ->> 'source' IS NULL THEN 'source' ELSE 'list of sources' END),
            'It needs "source", the column that says where a row comes from, and "priority", the values of that column '
            'with the most trusted first.');
    END IF;
    IF sources IS NOT NULL AND (
        jsonb_typeof(sources) <> 'array'
        OR EXISTS (SELECT FROM jsonb_array_elements(sources) AS s WHERE jsonb_typeof(s) <> 'string')
        OR (SELECT count(*) <> count(DISTINCT s) FROM jsonb_array_elements(sources) AS s)
    ) THEN
        PERFORM etl._refuse_golden(format('"priority" in %s is no list of different texts: %s', place, sources));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_golden_rule(regclass, jsonb, text) IS
    'Checks one rule with all that it inherits; place names it in the error. 22023 unknown or incomplete, 42703 a '
    'column that the table does not have, 42883 an order_by that cannot be compared.';

CREATE FUNCTION etl._check_golden_column(target regclass, rules jsonb, key text, place text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT rules ? key THEN
        RETURN;
    END IF;
    IF jsonb_typeof(rules -> key) <> 'string' THEN
        PERFORM etl._refuse_golden(format('"%s" in %s is no name of a column: %s', key, place, rules -> key));
    END IF;
    PERFORM etl._require_column(target, (rules ->> key)::name);
END
$$;
COMMENT ON FUNCTION etl._check_golden_column(regclass, jsonb, text, text) IS
    'Checks that the value of a key, where there is one, is a column of the table (22023, 42703).';

CREATE FUNCTION etl._golden_rule(rules jsonb, column_name name)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- A text is a rule without settings of its own. What a rule does not say, it takes from the level above.
    SELECT rules - '{id,default,columns}'::text[] || '{"rule": "latest"}' || coalesce(above, '{}')
           || coalesce(own, '{}')
    FROM (
        SELECT CASE jsonb_typeof(d) = 'object' WHEN true THEN d WHEN false THEN jsonb_build_object('rule', d) END,
               CASE jsonb_typeof(c) = 'object' WHEN true THEN c WHEN false THEN jsonb_build_object('rule', c) END
        FROM (SELECT rules -> 'default', rules -> 'columns' -> column_name::text) AS given(d, c)
    ) AS levels(above, own)
$$;
COMMENT ON FUNCTION etl._golden_rule(jsonb, name) IS
    'The rule of a column with all its settings: its own, those of "default", those of the rules themselves. A NULL '
    'column asks for the default.';

CREATE FUNCTION etl._check_golden_rules(target regclass, rules jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own record;
    keys CONSTANT text[] := '{rule,order_by,source,priority}';
BEGIN
    PERFORM etl._require_keys_of(rules, '{id,order_by,source,priority,default,columns}', 'the set of rules');
    PERFORM etl._check_golden_column(target, rules, 'id', 'the rules');
    IF rules ? 'id' THEN
        PERFORM etl._require_ordering(target, (rules ->> 'id')::name, 'id column');
    END IF;
    IF jsonb_typeof(rules -> 'default') = 'object' THEN
        PERFORM etl._require_keys_of(rules -> 'default', keys, 'the default rule');
    END IF;
    PERFORM etl._check_golden_rule(target, etl._golden_rule(rules, NULL), 'the default rule');
    IF NOT rules ? 'columns' THEN
        RETURN;
    ELSIF jsonb_typeof(rules -> 'columns') <> 'object' THEN
        PERFORM etl._refuse_golden(format('"columns" must be an object of rules, not %s', rules -> 'columns'));
    END IF;
    FOR own IN SELECT key::name AS name, value AS rule FROM jsonb_each(rules -> 'columns') LOOP
        PERFORM etl._require_column(target, own.name);
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = target AND attname = own.name AND attgenerated <> '') THEN
            PERFORM etl._refuse_golden(format('column "%s" is generated and can have no rule', own.name),
                                       'Its value is computed from other columns, whose rules decide.');
        ELSIF jsonb_typeof(own.rule) = 'object' THEN
            PERFORM etl._require_keys_of(own.rule, keys, format('the rule of column "%s"', own.name));
        END IF;
        PERFORM etl._check_golden_rule(target, etl._golden_rule(rules, own.name),
                                       format('the rule of column "%s"', own.name));
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._check_golden_rules(regclass, jsonb) IS
    'Checks all rules of a golden record: 22023 what they are not, 42703 a column that the table does not have, 42883 '
    'a column that would have to be compared and cannot be.';
