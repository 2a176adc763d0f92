-- What etl.dedupe, and its neighbours, ask of their arguments.

CREATE FUNCTION etl._require_ordering(relation regclass, column_name name, purpose text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type_name text;
BEGIN
    PERFORM etl._require_column(relation, column_name);
    PERFORM FROM etl._locked_rows(
        format('SELECT row_number() OVER (PARTITION BY %1$I ORDER BY %1$I) FROM %2$s WHERE false',
               column_name, relation)) AS r(number bigint);
EXCEPTION
    WHEN undefined_function THEN
        SELECT format_type(atttypid, atttypmod) INTO type_name FROM pg_attribute
        WHERE attrelid = relation AND attname = column_name;
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_function',
            MESSAGE = format('%s "%s" has type %s, whose values cannot be compared', purpose, column_name, type_name),
            HINT = CASE WHEN type_name = 'json'
                THEN format('Add a column that can: ALTER TABLE %s ADD COLUMN %I jsonb GENERATED ALWAYS AS '
                            '(%I::text::jsonb) STORED;', relation, column_name || '_key', column_name)
                ELSE 'Choose a column whose type has a default btree operator class.' END;
END
$$;
COMMENT ON FUNCTION etl._require_ordering(regclass, name, text) IS
    'Raises unless the relation has the column (42703) and the values of its type can be compared (42883).';

CREATE FUNCTION etl._require_keys(relation regclass, keys name[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key name;
    seen name[] := '{}';
    most_keys CONSTANT int := 90; -- a function takes 100 arguments; those that hash keys have some of their own
BEGIN
    IF coalesce(cardinality(keys), 0) = 0 OR EXISTS (SELECT FROM unnest(keys) AS k WHERE k IS NULL) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('no key column given for table "%s"', relation),
            DETAIL = 'Rows are the same when they agree in every key column.',
            HINT = 'Name one column or more, none of them NULL, as in ARRAY[''column'', …].';
    ELSIF array_ndims(keys) > 1 OR cardinality(keys) > most_keys THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN array_ndims(keys) > 1
                THEN format('keys must be a list of columns, not an array of %s dimensions', array_ndims(keys))
                ELSE format('%s key columns given for table "%s", the most are %s', cardinality(keys), relation,
                            most_keys) END,
            HINT = 'Say ARRAY[''column'', …]. For more columns add a generated one that joins them.';
    END IF;
    FOREACH key IN ARRAY keys LOOP
        IF key = ANY (seen) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'duplicate_column',
                MESSAGE = format('key column "%s" is given twice', key),
                HINT = 'Name each key column once.';
        END IF;
        PERFORM etl._require_ordering(relation, key, 'key column');
        seen := seen || key;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._require_keys(regclass, name[]) IS
    'Raises unless the keys are a list of 1 to 90 columns (22023), each is a column of the relation (42703) that is '
    'given once (42701) and can be compared (42883).';

CREATE FUNCTION etl._require_latest_snapshots(call text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_transaction_state',
            MESSAGE = format('%s cannot run at isolation level %s', call, current_setting('transaction_isolation')),
            DETAIL = 'Its snapshot may be older than its lock: it would not see what another session has just done.',
            HINT = 'Call it in a transaction of its own that begins with BEGIN ISOLATION LEVEL READ COMMITTED.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_latest_snapshots(text) IS
    'Checks that each statement sees what was committed before it (25000); the argument names the call.';

CREATE FUNCTION etl._require_keep(keep text, known text[] DEFAULT '{first,last,most_complete,any,merge}')
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF keep IS NULL OR keep <> ALL (known) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN keep IS NULL THEN 'keep must not be NULL' ELSE format('unknown keep "%s"', keep) END,
            DETAIL = format('The known ones are %s.', array_to_string(known, ', ')),
            HINT = 'Say keep => ''last''.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_keep(text, text[]) IS 'Raises (22023) unless keep is one of the known ones.';

CREATE FUNCTION etl._require_batch_rows(batch_rows int)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF batch_rows IS NULL OR batch_rows < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('batch_rows must be at least 1, not %s', coalesce(batch_rows::text, 'NULL')),
            HINT = 'It is how many rows one statement deletes; leave it out to have 100000.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_batch_rows(int) IS 'Raises (22023) unless a batch has at least one row.';

CREATE FUNCTION etl._check_dedupe(
    target regclass, keys name[], keep text, order_by name, nulls_equal bool, where_sql text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(nulls_equal, 'nulls_equal');
    PERFORM etl._require_latest_snapshots('etl.dedupe');
    PERFORM etl._require_table(target, ARRAY['SELECT', 'DELETE']);
    PERFORM etl._require_no_foreign_children(target);
    PERFORM etl._require_mutable(target);
    PERFORM etl._require_keys(target, keys);
    PERFORM etl._require_keep(keep);
    IF order_by IS NOT NULL THEN
        PERFORM etl._require_ordering(target, order_by, 'order_by column');
    END IF;
    IF where_sql IS NOT NULL THEN
        PERFORM etl._require_condition(target, where_sql);
    END IF;
    IF row_security_active(target) THEN
        RAISE NOTICE 'row security is active on table "%": only rows that role "%" may see take part',
            target, current_user;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._check_dedupe(regclass, name[], text, name, bool, text) IS
    'Checks what etl.dedupe shall find before anything is locked.';

CREATE FUNCTION etl._require_no_rule(relation regclass, event text, advice text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rule name := (SELECT r.rulename FROM pg_rewrite AS r
                  WHERE r.ev_class = relation AND r.ev_type::text = event AND r.ev_enabled <> 'D'
                  ORDER BY r.rulename LIMIT 1);
BEGIN
    IF rule IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('table "%s" has rule "%s" on %s', relation, rule,
                             CASE event WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' ELSE 'DELETE' END),
            DETAIL = 'What a rule makes of a command cannot be written down.',
            HINT = format('%s ALTER TABLE %s DISABLE RULE %I; for the time of the call.', advice, relation, rule);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_no_rule(regclass, text, text) IS
    'Raises (0A000) when a rule rewrites a command on a table: 2 UPDATE, 3 INSERT, 4 DELETE. The last argument begins '
    'the hint.';

CREATE FUNCTION etl._has_trigger(relation regclass, kind int)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_trigger AS t
                   WHERE t.tgrelid IN (SELECT etl._family(relation)) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
                     AND t.tgtype & kind = kind)
$$;
COMMENT ON FUNCTION etl._has_trigger(regclass, int) IS
    'Whether a table or one below it has a trigger of these kinds, the bits of pg_trigger.tgtype: 1 for each row, 2 '
    'before, 4 INSERT, 8 DELETE.';

CREATE FUNCTION etl._require_auditable(target regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message text;
    detail text;
BEGIN
    PERFORM etl._require_no_rule(target, '4', 'Call with audit => false, or');
    PERFORM etl._require_no_wider_children(target);
EXCEPTION
    WHEN wrong_object_type THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type', MESSAGE = message, DETAIL = detail,
            HINT = 'Call with audit => false, which deletes them without writing them down.';
END
$$;
COMMENT ON FUNCTION etl._require_auditable(regclass) IS
    'Raises (42809) when a child of the table has columns of its own, which an audit by way of the parent would lose, '
    'and (0A000) when a rule rewrites DELETE.';

CREATE FUNCTION etl._check_removal(target regclass, audit bool, batch_rows int, dry_run bool, repoint regclass[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(audit, 'audit');
    PERFORM etl._require_flag(dry_run, 'dry_run');
    PERFORM etl._require_batch_rows(batch_rows);
    IF audit THEN
        PERFORM etl._require_auditable(target);
    END IF;
    PERFORM etl._check_repoint(target, repoint, audit);
END
$$;
COMMENT ON FUNCTION etl._check_removal(regclass, bool, int, bool, regclass[]) IS
    'Checks how etl.dedupe shall remove what it finds.';
