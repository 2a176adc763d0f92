-- The plan of a rollup, as etl._rollup_plan makes it and a definition stores it, and what is read from it.

CREATE FUNCTION etl._require_delta(name text, mode text, plan jsonb)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF mode = 'delta' AND jsonb_typeof(plan -> 'delta') IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('changes cannot be merged into rollup "%s"', name),
            DETAIL = coalesce(plan ->> 'delta_refused', 'Its query does not allow it.'),
            HINT = 'With mode => ''auto'' or ''recompute'' the groups that have changed are computed anew.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_delta(text, text, jsonb) IS
    'Raises (0A000) where mode delta was asked for, and the plan has none, with the reason.';

CREATE FUNCTION etl._source_types(relation regclass, columns jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(a.attname, etl._type_identity(a.atttypid, a.atttypmod, a.attcollation)), '{}')
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND columns ? a.attname
$$;
COMMENT ON FUNCTION etl._source_types(regclass, jsonb) IS
    'The types of some columns of a table, as etl._type_identity tells them, by their names.';

CREATE FUNCTION etl._first_plan(rollup etl.rollup)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    RETURN etl._rollup_plan(rollup.query, rollup.key_columns, rollup.affects, rollup.mode <> 'recompute');
EXCEPTION
    WHEN undefined_table THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = message,
            DETAIL = coalesce(nullif(detail, ''), 'The query is read without the search_path of the session.'),
            HINT = coalesce(nullif(hint, ''), 'Name each table with its schema, as in public.sales.');
END
$$;
COMMENT ON FUNCTION etl._first_plan(etl.rollup) IS
    'etl._rollup_plan of a definition, with images unless the mode is recompute; says what a table that is not found '
    'may lack.';

CREATE FUNCTION etl._refuse_own_tables(rollup etl.rollup, plan jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own record;
BEGIN
    SELECT s ->> 'relation' AS relation, o.name INTO own
    FROM jsonb_array_elements(plan -> 'sources') AS s
    JOIN (
        SELECT r.name, etl._rollup_table(r.name, suffix) AS relation
        FROM etl.rollup AS r, unnest('{_pending,_state,_frozen}'::text[]) AS suffix
        UNION ALL
        SELECT r.name, x.log_table FROM etl.rollup AS r JOIN etl.rollup_source AS x USING (rollup_id, owner)
    ) AS o ON o.relation = s ->> 'relation'
    LIMIT 1;
    IF own.name IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('rollup "%s" cannot read table "%s", which belongs to rollup "%s"', rollup.name,
                             own.relation, own.name),
            DETAIL = 'Its triggers would be in the way of those who write what that rollup reads.',
            HINT = format('Let the query read "%s" itself.', own.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._refuse_own_tables(etl.rollup, jsonb) IS
    'Raises (0A000) where a rollup would read a log or another table that a rollup keeps beside its own.';

CREATE FUNCTION etl._planned_rollup(rollup etl.rollup)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plan jsonb := etl._first_plan(rollup);
BEGIN
    PERFORM etl._refuse_own_tables(rollup, plan), etl._require_delta(rollup.name, rollup.mode, plan);
    IF rollup.mode <> 'recompute' AND jsonb_typeof(plan -> 'delta') IS DISTINCT FROM 'object' THEN
        plan := etl._rollup_plan(rollup.query, rollup.key_columns, rollup.affects, false);
    ELSIF rollup.mode = 'recompute' THEN
        plan := plan || jsonb_build_object('delta', NULL, 'delta_refused', 'The rollup was made with mode recompute.');
    END IF;
    RETURN jsonb_set(plan, '{sources}', (
        SELECT jsonb_agg(s || jsonb_build_object('types', etl._source_types((s ->> 'relation')::regclass, s -> 'used'))
                         ORDER BY (s ->> 'number')::integer)
        FROM jsonb_array_elements(plan -> 'sources') AS s));
END
$$;
COMMENT ON FUNCTION etl._planned_rollup(etl.rollup) IS
    'The plan of a rollup, with the types that the columns of its sources have now.';

CREATE FUNCTION etl._require_same_uses(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := ARRAY(SELECT jsonb_array_elements_text(rollup.plan -> 'uses'));
    used CONSTANT text[] := etl._rollup_uses(rollup.query, rollup.key_columns, rollup.affects);
    other CONSTANT text := (SELECT min(u) FROM unnest(used) AS u WHERE u <> ALL (known));
    gone CONSTANT text := (SELECT min(k) FROM unnest(known) AS k WHERE k <> ALL (used));
BEGIN
    IF other IS NOT NULL OR gone IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format(CASE WHEN other IS NULL THEN 'the query of rollup "%s" does not find %s any more'
                                  ELSE 'the query of rollup "%s" would use %s, which it did not use when it was made'
                             END, rollup.name, coalesce(other, gone)),
            DETAIL = concat_ws(' ', CASE WHEN other IS NOT NULL THEN 'It used ' || gone || ' then.' END,
                               'Nothing of it was run.'),
            HINT = format('Mend that; or SELECT etl.alter_rollup(%L, query => …); with the query that is meant, which '
                          'takes what it finds now and fills the rollup anew.', rollup.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_same_uses(etl.rollup) IS
    'Raises (42809) where names in the query of a rollup do not mean the functions and types any more that they meant '
    'when it was made: whoever may create in the schema of a function may add one that fits better, which would run '
    'with the rights of who refreshes.';

CREATE FUNCTION etl._hold_to(rollup etl.rollup, as_of timestamptz)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT set_config('timezone', rollup.timezone, true), set_config('pg_etl.rollup_as_of', as_of::text, true),
           set_config('pg_etl.rollup_uses', (ARRAY[rollup.name] || ARRAY(
               SELECT jsonb_array_elements_text(rollup.plan -> 'uses')))::text, true)
$$;
COMMENT ON FUNCTION etl._hold_to(etl.rollup, timestamptz) IS
    'Sets what the queries of a rollup are run under: its time zone, the moment that they speak of, and the functions '
    'that they may call. For a function that has these settings among its own, so that they end with it.';

CREATE FUNCTION etl._btree_operator(class oid, strategy integer)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
    FROM pg_opclass AS c
    JOIN pg_amop AS p ON p.amopfamily = c.opcfamily AND p.amopstrategy = strategy
                     AND p.amoplefttype = c.opcintype AND p.amoprighttype = c.opcintype
    JOIN pg_operator AS o ON o.oid = p.amopopr
    JOIN pg_namespace AS n ON n.oid = o.oprnamespace
    WHERE c.oid = class
$$;
COMMENT ON FUNCTION etl._btree_operator(oid, integer) IS
    'An operator of an operator class for btree, as an expression takes it: strategy 2 <=, 3 =, 4 >=.';

CREATE FUNCTION etl._key_operators(unique_table regclass, keys jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_agg(k.value || jsonb_build_object(
               'equal', etl._btree_operator(x.class, 3), 'at_least', etl._btree_operator(x.class, 4),
               'at_most', etl._btree_operator(x.class, 2), 'is_array', y.typcategory = 'A',
               'is_read_in_array', y.typcategory <> 'A' AND y.typnamespace <> 'pg_catalog'::regnamespace)
               ORDER BY k.ordinality)
    FROM jsonb_array_elements(keys) WITH ORDINALITY AS k
    JOIN pg_attribute AS a
        ON a.attrelid = unique_table AND a.attname = (k.value ->> 'name')::name AND NOT a.attisdropped
    JOIN pg_type AS y ON y.oid = a.atttypid
    JOIN pg_index AS i ON i.indrelid = unique_table AND i.indisunique
    CROSS JOIN LATERAL ROWS FROM (unnest(i.indkey::smallint[]), unnest(i.indclass::oid[])) AS x(attnum, class)
    WHERE x.attnum = a.attnum
$$;
COMMENT ON FUNCTION etl._key_operators(regclass, jsonb) IS
    'The key columns of a plan with the operators by which they are compared, those of the unique index of a table: '
    'the search path may have others; with is_array, and is_read_in_array for types that are not PostgreSQL''s own.';

CREATE FUNCTION etl._plan_source(plan jsonb, number integer)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT s FROM jsonb_array_elements(plan -> 'sources') AS s WHERE (s ->> 'number')::integer = number);
END
$$;
COMMENT ON FUNCTION etl._plan_source(jsonb, integer) IS 'A source of a plan by its number.';

-- One pass: conditions hold values of users' rows, in which nothing is to be looked for.
CREATE FUNCTION etl._filled(pieces jsonb, conditions text[])
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(CASE jsonb_typeof(p.value) WHEN 'number' THEN '(' || conditions[p.value::integer] || ')'
                           ELSE p.value #>> '{}' END, '' ORDER BY p.ordinality)
    FROM jsonb_array_elements(pieces) WITH ORDINALITY AS p
$$;
COMMENT ON FUNCTION etl._filled(jsonb, text[]) IS
    'A query of a plan that is given in pieces, with conditions by the numbers of the places between them.';

CREATE FUNCTION etl._unrestricted(template jsonb, plan jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- What helps to find a few groups is in the way of all of them: the plan has the queries without it.
    SELECT CASE template WHEN plan -> 'recompute' THEN plan ->> 'whole' ELSE plan -> 'delta' ->> 'states_whole' END
$$;
COMMENT ON FUNCTION etl._unrestricted(jsonb, jsonb) IS
    'A query of a plan that is given in pieces (recompute, or states_query of delta) for all groups.';

-- A rollup that keeps states has more groups than it shows: HAVING leaves some out.
CREATE FUNCTION etl._group_query(rollup etl.rollup)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN etl._is_delta(rollup) THEN rollup.plan -> 'delta' -> 'states_query'
                ELSE rollup.plan -> 'recompute' END
$$;
COMMENT ON FUNCTION etl._group_query(etl.rollup) IS
    'The query that gives all groups that a rollup keeps, in pieces.';

CREATE FUNCTION etl._group_table(rollup etl.rollup)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN etl._is_delta(rollup) THEN etl._rollup_table(rollup.name, '_state') ELSE rollup.name END
$$;
COMMENT ON FUNCTION etl._group_table(etl.rollup) IS 'The table that has all groups that a rollup keeps.';

CREATE FUNCTION etl._table_suffixes(rollup etl.rollup)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '{_pending}'::text[] || CASE WHEN etl._is_delta(rollup) THEN '{_state}'::text[] END
           || CASE WHEN rollup.retention = 'freeze' THEN '{_frozen}'::text[] END
$$;
COMMENT ON FUNCTION etl._table_suffixes(etl.rollup) IS
    'What is added to the name of a rollup for the tables that it has beside its own and its logs.';

CREATE FUNCTION etl._rollup_columns(rollup etl.rollup)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT (c.value ->> 'name')::name
                 FROM jsonb_array_elements(rollup.plan -> 'columns') WITH ORDINALITY AS c ORDER BY c.ordinality)
$$;
COMMENT ON FUNCTION etl._rollup_columns(etl.rollup) IS 'The columns of a rollup in their order.';

CREATE FUNCTION etl._state_columns(rollup etl.rollup)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT rollup.key_columns || 'etl_rows'::name || ARRAY(
        SELECT (s.value ->> 'name')::name
        FROM jsonb_array_elements(rollup.plan -> 'delta' -> 'states') WITH ORDINALITY AS s ORDER BY s.ordinality)
$$;
COMMENT ON FUNCTION etl._state_columns(etl.rollup) IS 'The columns of the state table of a rollup in their order.';
