-- A suite enforced on a table: triggers that judge every row before it is stored (etl.enforce). What an enforcement is
-- stands in the trigger's arguments and nowhere else: it is renamed, dumped, restored and dropped with its table.

CREATE FUNCTION etl._enforce()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_enforce';
COMMENT ON FUNCTION etl._enforce() IS
    'The trigger that etl.enforce creates, BEFORE INSERT OR UPDATE FOR EACH ROW: judges the row by a suite of the '
    'table''s owner. Its arguments are the suite, the mode, and options as name=value.';

CREATE FUNCTION etl._report_enforcement()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'etl_report_enforcement';
COMMENT ON FUNCTION etl._report_enforcement() IS
    'The trigger that etl.enforce creates beside the other in mode quarantine, AFTER INSERT OR UPDATE FOR EACH '
    'STATEMENT: tells how many rows the statement has put into quarantine.';

CREATE FUNCTION etl._enforceable(target regclass, suite text, document text, min_severity text, params text)
RETURNS integer
LANGUAGE C STABLE
AS 'MODULE_PATHNAME', 'etl_enforceable';
COMMENT ON FUNCTION etl._enforceable(regclass, text, text, text, text) IS
    'The number of expectations of a suite that single rows of the table are judged by. Raises what is wrong with '
    'them: 42703 a column that the table lacks, 42804 an expectation that does not fit its column''s type.';

CREATE FUNCTION etl._trigger_arguments(arguments bytea)
RETURNS text[]
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_trigger_arguments';
COMMENT ON FUNCTION etl._trigger_arguments(bytea) IS 'The arguments of a trigger, from pg_trigger.tgargs.';

CREATE FUNCTION etl._trigger_option(arguments text[], option text)
RETURNS text
LANGUAGE sql STRICT IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT substr(a, length(option) + 2) FROM unnest(arguments[3:]) AS a WHERE starts_with(a, option || '=') LIMIT 1
$$;
COMMENT ON FUNCTION etl._trigger_option(text[], text) IS
    'The value of an option among the arguments of a trigger of etl.enforce; NULL where it is not there.';

CREATE VIEW etl.enforcements WITH (security_invoker = true) AS
SELECT g.tgrelid::regclass AS relation,
       a.arguments[1] AS suite,
       a.arguments[2] AS mode,
       etl._trigger_option(a.arguments, 'tag_column')::name AS tag_column,
       coalesce(etl._trigger_option(a.arguments, 'min_severity'), 'info') AS min_severity,
       etl._trigger_option(a.arguments, 'params')::jsonb AS params,
       g.tgenabled IN ('O', 'A') AS enabled,
       g.tgname AS trigger_name,
       pg_get_userbyid(c.relowner) AS owner
FROM pg_catalog.pg_trigger AS g
JOIN pg_catalog.pg_class AS c ON c.oid = g.tgrelid
CROSS JOIN LATERAL etl._trigger_arguments(g.tgargs) AS a (arguments)
WHERE g.tgfoid = 'etl._enforce'::regproc AND g.tgparentid = 0;
COMMENT ON VIEW etl.enforcements IS
    'Suites that are enforced on tables of this database, by etl.enforce: the table, the suite of its owner, the mode '
    '(reject, quarantine, tag), the tag column, the least severity that counts, the values of the suite''s '
    'parameters, whether the trigger is enabled, and its name. Partitions follow their partitioned table.';
GRANT SELECT ON etl.enforcements TO PUBLIC;

-- Checks -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._require_enforcer(target regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = target);
BEGIN
    PERFORM etl._require_table(target, '{}');
    IF holder <> current_user THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('table "%s" belongs to role "%s"', target, holder),
            DETAIL = format('Who owns the table enforces suites on it, and the current role is "%s".', current_user),
            HINT = format('SET ROLE %I; and call again. The suite must be of that role, too.', holder);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_enforcer(regclass) IS
    'Checks that the relation is a table (42809) and that the current role owns it (42501).';

CREATE FUNCTION etl._require_enforcement_mode(mode text, tag_column name, add_column bool, min_severity text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(add_column, 'add_column');
    IF mode IS NULL OR mode NOT IN ('reject', 'quarantine', 'tag') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('mode must be reject, quarantine or tag, not %s', coalesce(quote_literal(mode), 'NULL')),
            HINT = 'reject raises an error, quarantine sets broken rows aside, tag stores them with their reasons.';
    ELSIF min_severity IS NULL OR min_severity NOT IN ('critical', 'warning', 'info') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('min_severity must be critical, warning or info, not %s',
                             coalesce(quote_literal(min_severity), 'NULL')),
            HINT = 'Expectations of a lesser severity are left out; info leaves none out.';
    ELSIF mode <> 'tag' AND (tag_column IS NOT NULL OR add_column) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('mode %s has no use for tag_column or add_column', mode),
            HINT = 'Leave them out, or give mode => ''tag''.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_enforcement_mode(text, name, bool, text) IS
    'Checks the arguments of etl.enforce that need no table (22023).';

CREATE FUNCTION etl._require_tag_column(target regclass, suite text, tag_column name, add_column bool)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type regtype := (SELECT a.atttypid FROM pg_attribute AS a
                     WHERE a.attrelid = target AND a.attname = tag_column AND a.attnum > 0 AND NOT a.attisdropped);
    rival text := (SELECT e.suite FROM etl.enforcements AS e
                   WHERE e.relation = target AND e.tag_column = _require_tag_column.tag_column
                     AND e.suite <> _require_tag_column.suite LIMIT 1);
BEGIN
    IF type IS NULL AND add_column THEN
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I text[]', target, tag_column);
    ELSIF type IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_column',
            MESSAGE = format('table "%s" has no column "%s" to be tagged', target, tag_column),
            HINT = 'Call etl.enforce(…, add_column => true) to have it added, or name a column of type text[] with '
                   'tag_column.';
    ELSIF type <> 'text[]'::regtype THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of table "%s" is of type %s, not text[]', tag_column, target, type),
            HINT = 'Name another column with tag_column.';
    ELSIF rival IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('column "%s" of table "%s" has the tags of suite "%s"', tag_column, target, rival),
            HINT = 'Name another column with tag_column.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_tag_column(regclass, text, name, bool) IS
    'Checks that the table has the column as text[] (42703, 42804) and that no other suite writes it (42710), or adds '
    'it.';

CREATE FUNCTION etl._require_quarantinable(target regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_permanent(target); -- its rows would outlive it
    IF (SELECT c.relispartition FROM pg_class AS c WHERE c.oid = target) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('table "%s" is a partition', target),
            DETAIL = 'An UPDATE that moves a row into it has taken the row out of another partition, where it would '
                     'be missing.',
            HINT = format('Enforce the suite on "%s", or give another mode.', pg_partition_root(target));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_quarantinable(regclass) IS
    'Raises (42809) when rows cannot be kept out of a table and released into it later: it is temporary, or a '
    'partition, to which rows come from other partitions.';

CREATE FUNCTION etl._hold_suite(suite text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document text;
BEGIN
    LOOP
        -- Changes nothing. A lock alone would not reach a transaction with an older snapshot, whose guard does not
        -- see the trigger that is made here: that one gets 40001 now.
        UPDATE etl.suite AS s SET loaded_at = s.loaded_at
        WHERE s.name = suite AND s.owner = current_user
        RETURNING s.document INTO document;
        EXIT WHEN FOUND;
        PERFORM etl._suite_document(suite); -- says what is wrong, unless the suite has come back this moment
    END LOOP;
    RETURN document;
END
$$;
COMMENT ON FUNCTION etl._hold_suite(text) IS
    'The document of a suite of the current role, which nobody else changes or drops before this transaction has '
    'ended; errors as of etl._suite_document.';

-- What is said at the definition -------------------------------------------------------------------------------------

CREATE FUNCTION etl._tell_left_out(target regclass, document text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    left_out text;
    children text;
BEGIN
    SELECT string_agg(e.label, ', ') INTO left_out FROM etl._suite_expectations(document) AS e WHERE NOT e.row_level;
    IF left_out IS NOT NULL THEN
        RAISE NOTICE 'one row alone cannot keep or break %, left out', left_out
            USING HINT = 'etl.validate looks at all rows.';
    END IF;
    SELECT string_agg(i.inhrelid::regclass::text, ', ' ORDER BY i.inhseqno, i.inhrelid) INTO children
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhparent AND c.relkind = 'r'
    WHERE i.inhparent = target;
    IF children IS NOT NULL THEN
        RAISE NOTICE 'rows of tables that inherit from "%" are not judged: %', target, children
            USING HINT = 'Call etl.enforce for each of them.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._tell_left_out(regclass, text) IS
    'Notices of etl.enforce: expectations that are no matter of one row, and children by inheritance, whose rows the '
    'triggers of their parent do not see.';

CREATE FUNCTION etl._skip_enforcement(wanted etl.enforcements, found etl.enforcements)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (wanted.mode, wanted.tag_column, wanted.min_severity, wanted.params)
       IS NOT DISTINCT FROM (found.mode, found.tag_column, found.min_severity, found.params) THEN
        RAISE NOTICE 'suite "%" is enforced on table "%" already, skipping', found.suite, found.relation;
    ELSE
        RAISE WARNING 'suite "%" is enforced on table "%" in another way, skipping', found.suite, found.relation
            USING DETAIL = format('Its mode is %s, its tag column %s, its least severity %s, its params are %s.',
                                  found.mode, coalesce(quote_literal(found.tag_column), 'none'), found.min_severity,
                                  coalesce(found.params::text, 'none')),
                  HINT = 'etl.enforce(…, replace => true) changes it.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._skip_enforcement(etl.enforcements, etl.enforcements) IS
    'What etl.enforce(…, if_not_exists => true) says of an enforcement that is there.';

CREATE FUNCTION etl._is_covered(wanted etl.enforcements, if_not_exists bool)
RETURNS bool
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relative etl.enforcements;
    is_above bool;
BEGIN
    SELECT e.* INTO relative FROM etl.enforcements AS e
    WHERE e.relation IN (SELECT relid FROM pg_partition_tree(wanted.relation)
                         UNION SELECT pg_partition_ancestors(wanted.relation))
      AND e.relation <> wanted.relation AND e.suite = wanted.suite LIMIT 1;
    IF relative.suite IS NULL THEN
        RETURN false;
    END IF;
    is_above := relative.relation IN (SELECT pg_partition_ancestors(wanted.relation));
    IF is_above AND if_not_exists THEN
        PERFORM etl._skip_enforcement(wanted, relative);
        RETURN true;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'duplicate_object',
        MESSAGE = format('suite "%s" is enforced on table "%s" already', wanted.suite,
                         CASE WHEN is_above THEN wanted.relation ELSE relative.relation END),
        DETAIL = CASE WHEN is_above THEN format('It is a partition of "%s".', relative.relation)
                      ELSE format('That is a partition of "%s".', wanted.relation) END,
        HINT = format('SELECT etl.remove_enforcement(%L, %L); ends that.', relative.relation, wanted.suite);
END
$$;
COMMENT ON FUNCTION etl._is_covered(etl.enforcements, bool) IS
    'Whether the suite is enforced on a table of which this one is a partition, which is an error (42710) unless '
    'if_not_exists. Raises it, too, where the suite is enforced on one of this table''s partitions.';

-- Definition ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._enforcement_trigger(kind text, suite text)
RETURNS name
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (format('zz_pg_etl_%s_', kind) || CASE WHEN octet_length(suite) > 40 THEN md5(suite) ELSE suite END)::name
$$;
COMMENT ON FUNCTION etl._enforcement_trigger(text, text) IS
    'The name of a trigger of etl.enforce. Triggers fire in the order of their names, and this one looks at what '
    'others have made of the row.';

CREATE FUNCTION etl._wanted_enforcement(
    target regclass, suite text, mode text, tag_column name, min_severity text, params jsonb)
RETURNS etl.enforcements
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted etl.enforcements;
BEGIN
    wanted.relation := target;
    wanted.suite := suite;
    wanted.mode := mode;
    wanted.tag_column := CASE WHEN mode = 'tag' THEN coalesce(tag_column, 'validation_errors') END;
    wanted.min_severity := min_severity;
    wanted.params := params;
    wanted.trigger_name := etl._enforcement_trigger('enforce', suite);
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION etl._wanted_enforcement(regclass, text, text, name, text, jsonb) IS
    'What the arguments of etl.enforce ask for, as etl.enforcements would show it.';

CREATE FUNCTION etl._create_enforcement(wanted etl.enforcements)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    arguments text := concat_ws(', ', quote_literal(wanted.suite), quote_literal(wanted.mode),
                                quote_literal('tag_column=' || wanted.tag_column),
                                quote_literal('min_severity=' || nullif(wanted.min_severity, 'info')),
                                quote_literal('params=' || wanted.params::text));
BEGIN
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION etl._enforce(%s)',
                   wanted.trigger_name, wanted.relation, arguments);
    IF wanted.mode = 'quarantine' THEN
        EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR UPDATE ON %s FOR EACH STATEMENT '
                       'EXECUTE FUNCTION etl._report_enforcement(%L)',
                       etl._enforcement_trigger('report', wanted.suite), wanted.relation, wanted.suite);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._create_enforcement(etl.enforcements) IS 'Creates the triggers of an enforcement.';

CREATE FUNCTION etl._drop_enforcement(target regclass, suite text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger_name name;
BEGIN
    FOR trigger_name IN
        SELECT g.tgname FROM pg_trigger AS g
        WHERE g.tgrelid = target AND g.tgparentid = 0
          AND g.tgfoid IN ('etl._enforce'::regproc, 'etl._report_enforcement'::regproc)
          AND (etl._trigger_arguments(g.tgargs))[1] = suite
        ORDER BY g.tgname
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, target);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._drop_enforcement(regclass, text) IS 'Drops the triggers of an enforcement.';

CREATE FUNCTION etl._define_enforcement(wanted etl.enforcements, if_not_exists bool, replace bool)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found etl.enforcements;
BEGIN
    SELECT * INTO found FROM etl.enforcements AS e WHERE e.relation = wanted.relation AND e.suite = wanted.suite;
    IF found.suite IS NOT NULL AND replace THEN
        PERFORM etl._drop_enforcement(wanted.relation, wanted.suite);
    ELSIF found.suite IS NOT NULL AND if_not_exists THEN
        PERFORM etl._skip_enforcement(wanted, found);
        RETURN;
    ELSIF found.suite IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('suite "%s" is enforced on table "%s" already', wanted.suite, wanted.relation),
            HINT = 'Call etl.enforce(…, replace => true) to change how, or etl.remove_enforcement.';
    END IF;
    PERFORM etl._create_enforcement(wanted);
END
$$;
COMMENT ON FUNCTION etl._define_enforcement(etl.enforcements, bool, bool) IS
    'Creates an enforcement, or deals with the one that is there (42710).';

CREATE FUNCTION etl.enforce(
    target regclass, suite text, mode text DEFAULT 'reject', tag_column name DEFAULT NULL,
    add_column bool DEFAULT false, min_severity text DEFAULT 'info', params jsonb DEFAULT NULL,
    if_not_exists bool DEFAULT false, replace bool DEFAULT false)
RETURNS name
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    document text;
    wanted etl.enforcements;
BEGIN
    PERFORM etl._require_flag(if_not_exists, 'if_not_exists');
    PERFORM etl._require_flag(replace, 'replace');
    PERFORM etl._require_enforcement_mode(mode, tag_column, add_column, min_severity);
    PERFORM etl._require_enforcer(target);
    -- Two that enforce at once take turns. DROP TRIGGER and ADD COLUMN want the stronger lock, and to ask for it later
    -- would be a deadlock with a transaction that reads now and writes then.
    EXECUTE format('LOCK TABLE ONLY %s IN %s MODE', target,
                   CASE WHEN replace OR add_column THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE ROW EXCLUSIVE' END);
    document := etl._hold_suite(suite);
    wanted := etl._wanted_enforcement(target, suite, mode, tag_column, min_severity, params);
    IF etl._is_covered(wanted, if_not_exists) THEN
        RETURN wanted.trigger_name;
    END IF;
    IF etl._enforceable(target, suite, document, min_severity, params::text) = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('suite "%s" has no expectation that a single row can break', suite),
            DETAIL = format('Expectations on all rows and those below severity %s do not count.', min_severity),
            HINT = 'etl.validate(target, suite) looks at all rows.';
    END IF;
    IF mode = 'tag' THEN
        PERFORM etl._require_tag_column(target, suite, wanted.tag_column, add_column);
    ELSIF mode = 'quarantine' THEN
        PERFORM etl._require_quarantinable(target);
    END IF;
    PERFORM etl._tell_left_out(target, document);
    PERFORM etl._define_enforcement(wanted, if_not_exists, replace);
    RETURN wanted.trigger_name;
END
$$;
COMMENT ON FUNCTION etl.enforce(regclass, text, text, name, bool, text, jsonb, bool, bool) IS
    'Enforces a suite on a table: from now on every row is judged before INSERT, UPDATE, COPY, MERGE and ON CONFLICT '
    'DO UPDATE store it, by the suite''s row-level expectations as the suite is when the statement begins; mostly does '
    'not count. Arguments: target, an ordinary or partitioned table (partitions follow) of the current role; suite, a '
    'suite of that role; mode, what becomes of a row that breaks an expectation: reject (an error, 23514), quarantine '
    '(it is set aside in etl.quarantined_rows and the rest is stored; of an UPDATE the old row stays), tag (it is '
    'stored with the reasons in a column); tag_column, the column of type text[] for that (default '
    'validation_errors), which is empty for rows that keep the suite; add_column, whether to add that column; '
    'min_severity, the least severity that counts (critical, warning, info); params, values for the suite''s '
    'parameters; if_not_exists, whether one that is there is a notice; replace, whether it is changed. Returns the '
    'name of the trigger, which fires after triggers with names below it. Rows that are in the table already are not '
    'judged. Errors: 42501 the table or suite is another role''s, 42704 no such suite, 42703 and 42804 the suite does '
    'not fit the table, 42710 it is enforced already, also on a table of which this one is a partition or on a '
    'partition of it, 42809 mode quarantine on a partition or a temporary table, 22023 a wrong argument or no '
    'expectation on single rows.';

CREATE FUNCTION etl.remove_enforcement(target regclass, suite text DEFAULT NULL, if_exists bool DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    enforced text;
    what text := CASE WHEN suite IS NULL THEN 'no suite' ELSE format('suite "%s"', suite) END;
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    PERFORM etl._require_table(target, '{}');
    FOR enforced IN
        SELECT e.suite FROM etl.enforcements AS e
        WHERE e.relation = target AND e.suite = coalesce(remove_enforcement.suite, e.suite)
    LOOP
        PERFORM etl._drop_enforcement(target, enforced);
    END LOOP;
    IF NOT FOUND AND if_exists THEN
        RAISE NOTICE '% is %enforced on table "%", skipping', what, CASE WHEN suite IS NULL THEN '' ELSE 'not ' END,
            target;
    ELSIF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('%s is %senforced on table "%s"', what, CASE WHEN suite IS NULL THEN '' ELSE 'not ' END,
                             target),
            HINT = 'SELECT * FROM etl.enforcements lists what is.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl.remove_enforcement(regclass, text, bool) IS
    'Ends what etl.enforce began. Quarantined rows and tag columns stay. Arguments: target, the table; suite (NULL: '
    'every suite that is enforced on it); if_exists, whether a missing one is a notice instead of an error (42704). '
    'Only the table''s owner may (42501).';
