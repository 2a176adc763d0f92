-- What an extract from an HTTP API must be for etl.run_extract to carry it out. Tables change, so a run checks it, too.

CREATE FUNCTION etl._placeholders(definition etl.extract)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT m[1]
        FROM regexp_matches(concat_ws(' ', definition.source ->> 'path', definition.source ->> 'query'),
                            '\{([A-Za-z_][A-Za-z0-9_$]*)\}', 'g') AS m
        UNION
        SELECT m[1] FROM regexp_matches(definition.source ->> 'body', '"\{([A-Za-z_][A-Za-z0-9_$]*)\}"', 'g') AS m)
$$;
COMMENT ON FUNCTION etl._placeholders(etl.extract) IS
    'The names in braces in the path and query of an extract, and strings of its body that are nothing else: columns '
    'of the parent''s table, or cursor.';

CREATE FUNCTION etl._require_http_server(server text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrapper name;
BEGIN
    SELECT w.fdwname INTO wrapper
    FROM pg_foreign_server AS s
    JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
    WHERE s.srvname = server;
    IF wrapper IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN server IS NULL THEN 'no server was given'
                           ELSE format('server "%s" does not exist', server) END,
            HINT = format('CREATE SERVER %I FOREIGN DATA WRAPPER etl_http OPTIONS (base_url ''https://…'');',
                          coalesce(server, 'api'));
    ELSIF wrapper <> 'etl_http' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('server "%s" belongs to foreign-data wrapper "%s"', server, wrapper),
            HINT = 'Name a server of foreign-data wrapper etl_http.';
    ELSIF NOT has_server_privilege(server, 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for foreign server %s', server),
            HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I;', server, current_user);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_http_server(text) IS
    'Checks that a server of etl_http has that name (42704, 42809) and that the role may use it (42501).';

CREATE FUNCTION etl._require_cursor_values(definition etl.extract)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document CONSTANT jsonb := definition."cursor";
    reason text;
BEGIN
    PERFORM etl._cursor_value(definition, document ->> 'start');
EXCEPTION
    WHEN invalid_text_representation OR invalid_datetime_format OR datetime_field_overflow
        OR numeric_value_out_of_range THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE,
            MESSAGE = format('the cursor does not fit column "%s": %s', document ->> 'column', reason),
            DETAIL = format('Its start is %s, its lag %s.', coalesce(document ->> 'start', 'none'),
                            coalesce(document ->> 'lag', 'none')),
            HINT = 'start is a value of the column, lag an interval for moments and dates, and a number for numbers.';
END
$$;
COMMENT ON FUNCTION etl._require_cursor_values(etl.extract) IS
    'Checks that the start and the lag of a cursor fit its column (22007, 22008, 22P02, 22003; 22023).';

CREATE FUNCTION etl._require_cursor(definition etl.extract)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document CONSTANT jsonb := definition."cursor";
    used CONSTANT boolean := 'cursor' = ANY (etl._placeholders(definition));
    problem text;
BEGIN
    IF document IS NULL THEN
        IF used THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'the request names {cursor}, and the extract has no cursor',
                HINT = 'Give one, as in cursor => ''{"column": "updated_at"}''.';
        END IF;
        RETURN;
    END IF;
    PERFORM etl._require_keys_of(document, '{column,param,format,start,lag}', 'cursor');
    IF definition.parent IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'an extract with a parent cannot have a cursor',
            DETAIL = 'What a parent had before it appeared would never be asked for.',
            HINT = 'Leave it out: with key_columns, records that are there already are told.';
    END IF;
    IF document ->> 'column' IS NULL THEN
        problem := 'lacks "column", the column of the target that it follows';
    ELSIF document ->> 'param' IS NULL AND NOT used THEN
        problem := 'lacks "param", the parameter of the query that it is sent in';
    ELSIF definition.write_mode IN ('append', 'upsert') AND definition.key_columns IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'an extract with a cursor needs key_columns',
            DETAIL = 'Records at the cursor come again with the next run; the key tells that they are there already.',
            HINT = 'Give key_columns => ARRAY[''column'', …] with a unique index on them.';
    ELSIF definition.write_mode = 'replace' THEN
        problem := 'does not go with write_mode replace, which loads everything anew';
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the cursor %s', problem),
            HINT = 'Say for example '
                   'cursor => ''{"column": "updated_at", "param": "updated_since", "lag": "5 minutes"}''.';
    END IF;
    IF definition.target IS NOT NULL THEN
        PERFORM etl._require_cursor_values(definition);
        PERFORM FROM etl._mapped_columns(definition.target::regclass, definition.mapping) AS c
        WHERE c.name = document ->> 'column';
        IF NOT FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'undefined_column',
                MESSAGE = format('the cursor follows column "%s", which the mapping does not fill',
                                 document ->> 'column'),
                HINT = 'Give the column a rule in the mapping.';
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_cursor(etl.extract) IS
    'Checks what an extract says of its cursor (22023), and that its start and lag fit the column (22007, 22P02, …).';

CREATE FUNCTION etl._require_parent(definition etl.extract)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent etl.extract;
    named CONSTANT text[] := array_remove(etl._placeholders(definition), 'cursor');
    unknown text;
BEGIN
    IF definition.parent IS NULL THEN
        IF named <> '{}' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('the request names {%s}, and the extract has no parent', named[1]),
                HINT = 'Give parent => ''name of the extract whose rows it is asked for''.';
        END IF;
        RETURN;
    END IF;
    parent := etl._extract(definition.parent);
    IF parent.extract_id = definition.extract_id OR parent.parent = definition.name THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('extract "%s" cannot be the parent of extract "%s"', parent.name, definition.name),
            DETAIL = 'Each would wait for the rows of the other.',
            HINT = 'Name another parent.';
    ELSIF parent.target IS NULL OR parent.key_columns IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('extract "%s" has no %s', parent.name,
                             CASE WHEN parent.target IS NULL THEN 'table' ELSE 'key_columns' END),
            DETAIL = 'The requests are made for one row of its table after the other, in the order of its key.',
            HINT = format('SELECT %s(%L, …) gives it one.', etl._altering(parent.kind), parent.name);
    END IF;
    SELECT a.attname INTO unknown FROM pg_attribute AS a
    WHERE a.attrelid = parent.target::regclass AND a.attname = ANY (parent.key_columns) AND NOT a.attnotnull LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('column "%s" of the key of parent "%s" may be NULL', unknown, parent.name),
            DETAIL = 'Rows with NULL have no place in the order of the key, and would not be asked for.',
            HINT = format('ALTER TABLE %s ALTER %I SET NOT NULL;', parent.target, unknown);
    END IF;
    SELECT n INTO unknown FROM unnest(named) AS n
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                      WHERE a.attrelid = parent.target::regclass AND a.attname = n AND a.attnum > 0);
    IF named = '{}' OR unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = CASE WHEN named = '{}' THEN format('the request names no column of parent "%s"', parent.name)
                           ELSE format('table "%s" of parent "%s" has no column "%s"', parent.target, parent.name,
                                       unknown) END,
            HINT = format('Put one into the path, as in ''/things/{%s}/parts''.', parent.key_columns[1]);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_parent(etl.extract) IS
    'Checks that the rows of the parent''s table can be asked for: 22023, 42704, 42703, 55000.';

CREATE FUNCTION etl._require_extract_target(target regclass, privileges text[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_table(target, privileges), etl._require_permanent(target), etl._require_users_table(target);
END
$$;
COMMENT ON FUNCTION etl._require_extract_target(regclass, text[]) IS
    'Checks that a table can be what extracts write: there (22023), a table and not one of a session or of pg_etl '
    '(42809), with these privileges (42501).';

CREATE FUNCTION etl._require_extract_keys(definition etl.extract)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unmapped text;
BEGIN
    IF definition.key_columns IS NULL THEN
        IF definition.write_mode IN ('upsert', 'delete_insert') THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('write_mode %s needs key_columns', definition.write_mode),
                HINT = 'Give key_columns => ARRAY[''column'', …].';
        END IF;
        RETURN;
    END IF;
    PERFORM etl._require_keys(definition.target::regclass, definition.key_columns);
    IF definition.write_mode IN ('append', 'upsert') THEN
        PERFORM etl._key_index(definition.target::regclass, definition.key_columns);
    END IF;
    SELECT string_agg(quote_ident(k), ', ') INTO unmapped FROM unnest(definition.key_columns) AS k
    WHERE k NOT IN (SELECT m.name FROM etl._mapped_columns(definition.target::regclass, definition.mapping) AS m);
    IF unmapped IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('the mapping has no rule for key column %s', unmapped),
            DETAIL = 'Without a mapping all columns are filled but those that are GENERATED ALWAYS.',
            HINT = 'Records are told apart by their keys. Add the rule, or name other key_columns.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_extract_keys(etl.extract) IS
    'Checks that the key is there where the write mode needs it (22023), is unique (42P10), and is filled (42703).';

CREATE FUNCTION etl._check_http_extract(definition etl.extract)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_http_server(definition.source ->> 'server');
    IF definition.target IS NOT NULL THEN
        PERFORM etl._require_extract_target(definition.target::regclass, CASE definition.write_mode
            WHEN 'append' THEN '{INSERT}' WHEN 'upsert' THEN '{SELECT,INSERT,UPDATE}'
            ELSE '{SELECT,INSERT,DELETE}' END::text[]);
        PERFORM etl._check_mapping(definition.target::regclass, definition.mapping);
        PERFORM etl._require_extract_keys(definition);
    ELSIF definition.key_columns IS NULL AND definition.write_mode IN ('upsert', 'delete_insert') THEN
        PERFORM etl._require_extract_keys(definition);
    END IF;
    PERFORM etl._require_cursor(definition);
    PERFORM etl._require_parent(definition);
END
$$;
COMMENT ON FUNCTION etl._check_http_extract(etl.extract) IS
    'Checks all that can be known of an extract before it runs.';
