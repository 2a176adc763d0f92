-- The tables that belong to a rollup: created, and filled for the first time.

CREATE FUNCTION etl._sources(rollup etl.rollup)
RETURNS SETOF etl.rollup_source
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT * FROM etl.rollup_source AS s
    WHERE s.rollup_id = rollup.rollup_id AND s.owner = rollup.owner ORDER BY s.number;
END
$$;
COMMENT ON FUNCTION etl._sources(etl.rollup) IS 'The sources of a rollup in their order.';

CREATE FUNCTION etl._require_rollup_tables(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT p.suffix, etl._lacking_part(etl._rollup_relation(rollup, p.suffix), p.columns, p.unique_columns) AS lacks
        FROM (
            VALUES ('', etl._rollup_columns(rollup), rollup.key_columns, true),
                   ('_pending', rollup.key_columns || 'etl_by'::name, rollup.key_columns || 'etl_by'::name, true),
                   ('_state', etl._state_columns(rollup), rollup.key_columns, etl._is_delta(rollup)),
                   ('_frozen', rollup.key_columns || '{etl_ignored,etl_closed}'::name[], rollup.key_columns,
                    rollup.retention IS NOT DISTINCT FROM 'freeze')
        ) AS p(suffix, columns, unique_columns, is_needed)
        WHERE p.is_needed
    LOOP
        IF part.lacks IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('table "%s" of rollup "%s" lacks %s',
                                 etl._rollup_table(rollup.name, part.suffix), rollup.name, part.lacks),
                DETAIL = 'Somebody has dropped or renamed it.',
                HINT = 'Give it back, or have it made anew: ' || etl._rebuild_call(rollup);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._require_rollup_tables(etl.rollup) IS
    'Raises, with the way out, where a table of a rollup is gone (42P01), another''s (42501), another one (42809) or '
    'lacks a column or its unique index (55000).';

CREATE FUNCTION etl._require_column_types(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    altered record;
BEGIN
    SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS is_now, c ->> 'type' AS was INTO altered
    FROM jsonb_array_elements(rollup.plan -> 'columns') AS c
    JOIN pg_attribute AS a ON a.attrelid = etl._named_relation(rollup.name) AND a.attname = c ->> 'name'
    WHERE a.atttypid IS DISTINCT FROM to_regtype(c ->> 'type')
    ORDER BY a.attnum LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of rollup "%s" has become %s, and was %s', altered.name, rollup.name,
                             altered.is_now, altered.was),
            DETAIL = 'A rollup has the types that its query gives; values of others cannot be compared with them.',
            HINT = 'Alter it back, or have it made anew: ' || etl._rebuild_call(rollup);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_column_types(etl.rollup) IS
    'Raises (42804) where somebody has given a column of a rollup another type.';

-- In a database that publishes all tables rows without an identity cannot be updated or deleted. Key columns may be
-- NULL, so the unique indexes are none.
CREATE FUNCTION etl._identify_rows(relation text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', relation);
END
$$;
COMMENT ON FUNCTION etl._identify_rows(text) IS 'Lets the rows of a table be changed where a publication has it.';

CREATE FUNCTION etl._create_rollup_table(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._locked_command(format(
        E'CREATE TABLE %s AS SELECT %s FROM (\n%s\n) AS q WITH NO DATA', rollup.name,
        (SELECT string_agg(format('q.%1$I::%2$s AS %1$I', c.value ->> 'name', c.value ->> 'type'), ', '
                           ORDER BY c.ordinality)
         FROM jsonb_array_elements(rollup.plan -> 'columns') WITH ORDINALITY AS c),
        etl._unrestricted(rollup.plan -> 'recompute', rollup.plan)));
    EXECUTE format('CREATE UNIQUE INDEX ON %s (%s) NULLS NOT DISTINCT', rollup.name,
                   etl._column_list(rollup.key_columns));
    PERFORM etl._identify_rows(rollup.name);
    EXECUTE format('COMMENT ON TABLE %s IS %L', rollup.name,
                   coalesce(rollup.description, 'A rollup: etl.rollups has its query.'));
END
$$;
COMMENT ON FUNCTION etl._create_rollup_table(etl.rollup) IS
    'Creates the table of a rollup, with the columns of its query; a domain''s are of the type that it is made of, as '
    'an outer join has NULLs where the domain may refuse them. 42P07 where there is a relation of that name.';

CREATE FUNCTION etl._create_pending(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys CONSTANT text := etl._column_list(rollup.key_columns);
    stored CONSTANT text := etl._rollup_table(rollup.name, '_pending');
BEGIN
    EXECUTE format('CREATE TABLE %s AS SELECT %s FROM %s WITH NO DATA', stored, keys, rollup.name);
    -- Who marks groups by hand adds rows of their own: a refresh that computes the group without their changes takes
    -- the rows away that it has seen, and no other. Numbers of transactions would come again after a restore.
    EXECUTE format('ALTER TABLE %s ADD COLUMN etl_by uuid NOT NULL DEFAULT %L', stored,
                   '00000000-0000-0000-0000-000000000000');
    EXECUTE format('CREATE UNIQUE INDEX ON %s (%s, etl_by) NULLS NOT DISTINCT', stored, keys);
    PERFORM etl._identify_rows(stored);
    EXECUTE format('COMMENT ON TABLE %s IS %L', stored,
                   format('Groups of rollup %s that are to be computed anew.', rollup.name));
END
$$;
COMMENT ON FUNCTION etl._create_pending(etl.rollup) IS
    'Creates the table of the groups of a rollup that are known to need computing.';

CREATE FUNCTION etl._create_log(rollup etl.rollup, source etl.rollup_source)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._create_log_table(
        source.log_table, p.described ->> 'kind', source.relation::regclass,
        ARRAY(SELECT (l.value ->> 'name')::name
              FROM jsonb_array_elements(p.described -> 'log') WITH ORDINALITY AS l ORDER BY l.ordinality),
        ARRAY(SELECT l.value ->> 'expression'
              FROM jsonb_array_elements(p.described -> 'log') WITH ORDINALITY AS l ORDER BY l.ordinality),
        rollup.name)
    FROM etl._plan_source(rollup.plan, source.number) AS p(described)
$$;
COMMENT ON FUNCTION etl._create_log(etl.rollup, etl.rollup_source) IS 'Creates the log of a source of a rollup.';

CREATE FUNCTION etl._create_sources(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source etl.rollup_source;
BEGIN
    FOR source IN
        SELECT rollup.rollup_id, s.number, s.relation, etl._rollup_table(rollup.name, '_log_' || s.number),
               etl._family_names(s.relation::regclass), '{}', current_user
        FROM jsonb_to_recordset(rollup.plan -> 'sources') AS s(number integer, relation text)
        ORDER BY s.relation -- everybody locks in this order
    LOOP
        PERFORM etl._require_table(source.relation::regclass, ARRAY['SELECT', 'TRIGGER']);
        PERFORM etl._create_log(rollup, source);
        PERFORM etl._capture_source(rollup, source);
        INSERT INTO etl.rollup_source (rollup_id, number, relation, log_table, family, seals)
        VALUES (source.rollup_id, source.number, source.relation, source.log_table, source.family,
                etl._seals(source, source.family, etl._plan_source(rollup.plan, source.number) -> 'used'));
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._create_sources(etl.rollup) IS
    'Creates the logs and the triggers of a rollup. Waits for those who write its sources, and keeps others from '
    'writing them to the end of the transaction.';

CREATE FUNCTION etl._create_rollup_parts(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rollup.retention = 'freeze' THEN
        PERFORM etl._create_frozen(rollup);
    END IF;
    IF etl._is_delta(rollup) THEN
        PERFORM etl._create_rollup_state(rollup);
    END IF;
    PERFORM etl._create_sources(rollup);
END
$$;
COMMENT ON FUNCTION etl._create_rollup_parts(etl.rollup) IS
    'Creates what a rollup has beside its own table and the one of pending groups.';

CREATE FUNCTION etl._mark_all(rollup etl.rollup)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._mark_source(s) FROM etl._sources(rollup) AS s LIMIT 1
$$;
COMMENT ON FUNCTION etl._mark_all(etl.rollup) IS 'Notes for a rollup that all groups are to be computed anew.';

CREATE FUNCTION etl._stage_query(rollup etl.rollup, query text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stage CONSTANT text := format('%I.%I', (parse_ident(rollup.name))[1], 'etl_stage_' || rollup.rollup_id);
BEGIN
    PERFORM etl._locked_command(format(E'CREATE UNLOGGED TABLE %s AS SELECT * FROM (\n%s\n) AS q', stage, query));
    EXECUTE format('ANALYZE %s', stage);
    RETURN stage;
END
$$;
COMMENT ON FUNCTION etl._stage_query(etl.rollup, text) IS
    'Puts what a query over whole tables gives into a table, which the caller drops, and returns its name: so the '
    'query may have parallel workers, which it may not within a statement that changes another table.';

CREATE FUNCTION etl._fill_table(rollup etl.rollup, target text, columns name[], source text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unique_index regclass := (
        SELECT i.indexrelid FROM pg_index AS i WHERE i.indrelid = target::regclass AND i.indisunique);
    stage text;
    filled bigint;
BEGIN
    -- An index is made faster of rows that are there than row by row.
    EXECUTE format('DROP INDEX %s', unique_index);
    stage := etl._stage_query(rollup, source);
    EXECUTE format('INSERT INTO %s (%s) SELECT %2$s FROM %s', target, etl._column_list(columns), stage);
    GET DIAGNOSTICS filled = ROW_COUNT;
    EXECUTE format('DROP TABLE %s', stage);
    EXECUTE format('CREATE UNIQUE INDEX ON %s (%s) NULLS NOT DISTINCT', target, etl._column_list(rollup.key_columns));
    EXECUTE format('ANALYZE %s', target);
    RETURN filled;
END
$$;
COMMENT ON FUNCTION etl._fill_table(etl.rollup, text, name[], text) IS
    'Fills a table of a rollup that is new and empty from a query, and returns how many rows that were.';

-- The settings are those that a query's values may depend on: whoever refreshes gets the same.
CREATE FUNCTION etl._fill_rollup(rollup etl.rollup, as_of timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET lc_numeric = 'C'
SET lc_time = 'C'
SET array_nulls = on
SET quote_all_identifiers = off
SET pg_etl.rollup_as_of = ''
SET pg_etl.rollup_uses = ''
AS $$
DECLARE
    plan CONSTANT jsonb := rollup.plan;
    source text := etl._unrestricted(plan -> 'recompute', plan);
    filled bigint;
BEGIN
    PERFORM etl._hold_to(rollup, as_of);
    IF etl._is_delta(rollup) THEN
        PERFORM etl._fill_table(rollup, etl._rollup_table(rollup.name, '_state'), etl._state_columns(rollup),
                                etl._unrestricted(plan -> 'delta' -> 'states_query', plan));
        source := etl._visible_query(rollup);
    END IF;
    filled := etl._fill_table(rollup, rollup.name, etl._rollup_columns(rollup), source);
    UPDATE etl.rollup AS r SET refreshed_as_of = as_of
    WHERE r.rollup_id = rollup.rollup_id AND r.owner = current_user;
    RETURN filled;
END
$$;
COMMENT ON FUNCTION etl._fill_rollup(etl.rollup, timestamptz) IS
    'Fills the empty tables of a rollup as of a moment, and returns how many groups there are.';
