-- Capture: triggers on the tables that a rollup is made of, its sources, write what changes into logs of the rollup.
-- src/rollup/capture_pg.cpp says what is logged and when.
--
-- A source has one log. Each member of its family (itself, its partitions, the tables that inherit from it) has the
-- triggers, because a statement fires those of the table that it names, whatever table the rows lie in.

CREATE FUNCTION etl._capture()
RETURNS trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_capture';
COMMENT ON FUNCTION etl._capture() IS
    'Trigger AFTER INSERT, UPDATE, DELETE or TRUNCATE … FOR EACH STATEMENT, with the old and new rows as transition '
    'tables, which logs for a rollup what a statement has changed; BEFORE UPDATE it only makes ready. Arguments: the '
    'log as schema.table; its kind, keys, columns or images; the columns that the rollup reads, as an array; what '
    'the expressions may call, as an array of names from etl._rollup_uses; an expression over the columns of the '
    'table for each column of the log after etl_op, etl_at and, for keys, etl_to. The owner of the table must be '
    'allowed to insert into the log, whoever fires the trigger. Where a column in use is gone, an expression does '
    'not compile any more or would call another function, which is not run then, the log gets a row "a" and the '
    'writer goes on; where the log is gone, that is a WARNING and a row in etl.rollup_missed. Errors: 39P01 not '
    'called as such a trigger, 22023 other arguments, 42809 the log has more than columns, 42501 the owner may not '
    'insert into it, and what an expression raises for a row.';

CREATE FUNCTION etl._check_capture(source regclass, arguments text[])
RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'etl_check_capture';
COMMENT ON FUNCTION etl._check_capture(regclass, text[]) IS
    'Whether triggers etl._capture with these arguments can log the changes of a table. What they would put up with is '
    'an error here: 42804 the columns of the table or of the log do not fit, and what PostgreSQL says of an expression '
    'that does not compile. The current role needs the right TRIGGER on the table (42501).';

-- The log ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._strip_domains(relation regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    col record;
BEGIN
    FOR col IN
        SELECT a.attname AS name, format_type(etl._base_type(a.atttypid), NULL) AS type,
            CASE WHEN a.attcollation <> 0 THEN format('COLLATE %I.%I', n.nspname, c.collname) END AS collation
        FROM pg_attribute AS a
        LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
        LEFT JOIN pg_namespace AS n ON n.oid = c.collnamespace
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
          AND etl._base_type(a.atttypid) <> a.atttypid
        ORDER BY a.attnum
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s %s', relation, col.name, col.type, col.collation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._strip_domains(regclass) IS
    'Gives columns of a domain the type that it is made of: a row "a" of a log has no values, and a domain may want '
    'some.';

CREATE FUNCTION etl._create_log_table(
    log_table text, kind text, source regclass, columns name[], expressions text[], of_rollup text DEFAULT NULL)
RETURNS regclass
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    log regclass;
BEGIN
    PERFORM etl._locked_command(format(
        'CREATE TABLE %s WITH (%s) AS SELECT '''' ::"char" AS etl_op, now() AS etl_at%s FROM ONLY %s WITH NO DATA',
        log_table,
        -- Rows come and go: vacuum looks for the dead ones by their number, whatever the size of the table, and
        -- leaves those alone that have only come.
        'autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, '
        'autovacuum_vacuum_insert_threshold = -1',
        (
            SELECT string_agg(format(', %s AS %I', c.expression, c.name), '' ORDER BY c.place)
            FROM (
                SELECT 0, expressions[1], 'etl_to'::name WHERE kind = 'keys'
                UNION ALL
                SELECT e.place, e.expression, e.name
                FROM unnest(expressions, columns) WITH ORDINALITY AS e(expression, name, place)
            ) AS c(place, expression, name)
        ),
        source));
    log := log_table::regclass;
    PERFORM etl._strip_domains(log);
    EXECUTE format('ALTER TABLE %s ALTER etl_op SET NOT NULL, ALTER etl_at SET NOT NULL, REPLICA IDENTITY FULL', log);
    PERFORM etl._describe_log(log, kind, source, of_rollup);
    RETURN log;
END
$$;
COMMENT ON FUNCTION etl._create_log_table(text, text, regclass, name[], text[], text) IS
    'Creates the log of a source, which belongs to the current role, and returns it. Arguments: log_table, its name as '
    'schema.table, quoted where it must be; kind, keys, columns or images; source, the table whose changes it takes; '
    'columns, the names of what it logs, and expressions, their values over the columns of the source, whose types and '
    'collations they take; of_rollup, the name of the rollup, for the comment. With REPLICA IDENTITY FULL its rows can '
    'be deleted in a database that publishes all tables.';

CREATE FUNCTION etl._describe_log(log regclass, kind text, source regclass, of_rollup text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('COMMENT ON TABLE %s IS %L', log, format(
        'What has changed in table %s since %s was refreshed: its triggers add rows, and the refresh deletes them. '
        'It must have no index, constraint or trigger.',
        etl._relation_name(source), coalesce('rollup ' || of_rollup, 'the rollup')));
    EXECUTE format('COMMENT ON COLUMN %s.etl_op IS %L', log,
        CASE kind WHEN 'images' THEN '+ a new row, - an old row, e an old row that was erased by retention or by law, '
                  ELSE 'c changed, e changed because rows were erased by retention or by law, ' END
        || CASE kind WHEN 'keys' THEN 'b every first key from this one to etl_to, ' ELSE '' END
        || 'a anything may have changed; B, A likewise, because rows were erased.');
    EXECUTE format('COMMENT ON COLUMN %s.etl_at IS %L', log, 'When the statement that made the change began.');
    IF kind = 'keys' THEN
        EXECUTE format('COMMENT ON COLUMN %s.etl_to IS %L', log, 'The last first key of a range (etl_op b).');
    END IF;
END
$$;
COMMENT ON FUNCTION etl._describe_log(regclass, text, regclass, text) IS 'Comments on a log and its own columns.';

-- The triggers -------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._capture_events()
RETURNS TABLE(event text, moment text, rows text, for_partitioned boolean, kind int2)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    VALUES ('insert', 'AFTER INSERT', 'REFERENCING NEW TABLE AS etl_new', false, 4::int2),
           ('update', 'AFTER UPDATE', 'REFERENCING OLD TABLE AS etl_old NEW TABLE AS etl_new', false, 16::int2),
           ('delete', 'AFTER DELETE', 'REFERENCING OLD TABLE AS etl_old', false, 8::int2),
           ('truncate', 'AFTER TRUNCATE', '', false, 32::int2),
           ('before', 'BEFORE UPDATE', '', true, 18::int2);
END
$$;
COMMENT ON FUNCTION etl._capture_events() IS
    'The triggers that capture changes, when they fire, how they see the rows, and whether partitioned tables alone '
    'have them: there, a MERGE that is about to move rows must be known before its triggers fire. kind is '
    'pg_trigger.tgtype.';

CREATE FUNCTION etl._capture_trigger(rollup_id integer, number integer, event text)
RETURNS name
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('etl_rollup_%s_%s_%s', rollup_id, number, event);
END
$$;
COMMENT ON FUNCTION etl._capture_trigger(integer, integer, text) IS
    'The name of the trigger that captures an event of source number … of a rollup.';

CREATE FUNCTION etl._capture_triggers(
    rollup_id integer, number integer, OUT relation regclass, OUT name name, OUT event text, OUT is_whole boolean,
    OUT arguments text[])
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT g.tgrelid::regclass, g.tgname, e.event,
           g.tgenabled IN ('O', 'A') AND g.tgtype = e.kind AND g.tgqual IS NULL AND g.tgattr = ''
           AND (g.tgoldtable IS NOT NULL) = (e.rows LIKE '%etl_old%') AND coalesce(g.tgoldtable, 'etl_old') = 'etl_old'
           AND (g.tgnewtable IS NOT NULL) = (e.rows LIKE '%etl_new%') AND coalesce(g.tgnewtable, 'etl_new') = 'etl_new',
           etl._trigger_arguments(g.tgargs)
    FROM etl._capture_events() AS e
    JOIN pg_trigger AS g ON g.tgname = etl._capture_trigger(rollup_id, number, e.event)
    WHERE g.tgfoid = 'etl._capture'::regproc
$$;
COMMENT ON FUNCTION etl._capture_triggers(integer, integer) IS
    'The triggers that capture source number … of a rollup, whatever tables have them: a partition keeps its own when '
    'it is detached. Not whole are those that are disabled or were made anew in another way.';

CREATE FUNCTION etl._stray_triggers(member regclass, rollup_id integer, number integer, log_table text)
RETURNS SETOF name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT g.tgname FROM pg_trigger AS g
    WHERE g.tgrelid = member AND g.tgfoid = 'etl._capture'::regproc
      AND (etl._trigger_arguments(g.tgargs))[1] = log_table
      AND g.tgname NOT IN (SELECT etl._capture_trigger(rollup_id, number, e.event) FROM etl._capture_events() AS e)
$$;
COMMENT ON FUNCTION etl._stray_triggers(regclass, integer, integer, text) IS
    'Triggers of a table that write into the log of a source and have other names: somebody has renamed them, or made '
    'more. What they log is logged twice.';

CREATE FUNCTION etl._require_capturable(source regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member regclass;
BEGIN
    PERFORM etl._require_table(source, ARRAY['TRIGGER']);
    PERFORM etl._require_no_foreign_children(source);
    FOR member IN SELECT etl._family(source) LOOP
        PERFORM etl._require_table(member, ARRAY['TRIGGER']);
        PERFORM etl._require_permanent(member);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._require_capturable(regclass) IS
    'Checks that the changes of a table can be captured: it and its partitions and children are permanent tables '
    '(42809) on which the current role may create triggers (42501).';

CREATE FUNCTION etl._require_same_generation(source regclass, used name[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
BEGIN
    SELECT a.attname AS name, f.member, etl._relation_kind(source) AS kind INTO other
    FROM pg_attribute AS a
    JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    CROSS JOIN etl._family(source) AS f(member)
    JOIN pg_attribute AS b ON b.attrelid = f.member AND b.attname = a.attname
    JOIN pg_attrdef AS e ON e.adrelid = b.attrelid AND e.adnum = b.attnum
    WHERE a.attrelid = source AND a.attgenerated = 's' AND a.attname = ANY (used)
      AND pg_get_expr(e.adbin, e.adrelid) <> pg_get_expr(d.adbin, d.adrelid)
    LIMIT 1;
    IF other.kind = 'partitioned table' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('a rollup cannot read column "%s" of table "%s", which is generated in another way in '
                             'partition "%s"', other.name, source, other.member),
            DETAIL = 'PostgreSQL does not show triggers what it generates in rows that it routes to such partitions.',
            HINT = 'Write the expression into the query, or give the column the same one everywhere.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_same_generation(regclass, name[]) IS
    'Checks that the stored generated columns of a partitioned table, of some columns, are computed in the same way in '
    'all partitions (0A000).';

CREATE FUNCTION etl._require_trigger_owner(member regclass, rollup_id integer, number integer, holder name)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT pg_has_role(holder, 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('triggers of a rollup on table "%s" are disabled or others, and only its owner may '
                             'mend that', member),
            DETAIL = format('It belongs to role "%s".', holder),
            HINT = format('Let that role say: ALTER TABLE %s %s;', member, (
                SELECT string_agg(format('ENABLE TRIGGER %I', t.name), ', ' ORDER BY t.name)
                FROM etl._capture_triggers(rollup_id, number) AS t WHERE t.relation = member));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_trigger_owner(regclass, integer, integer, name) IS
    'Raises (42501), with the call for the owner, unless the current role may alter the triggers of a rollup that a '
    'table has.';

CREATE FUNCTION etl._create_capture_triggers(
    member regclass, rollup_id integer, number integer, arguments text[])
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stray name;
    lacking record;
    has_changed boolean := false;
BEGIN
    FOR stray IN SELECT etl._stray_triggers(member, rollup_id, number, arguments[1]) LOOP
        has_changed := true;
        PERFORM etl._require_trigger_owner(
            member, rollup_id, number, (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = member));
        EXECUTE format('DROP TRIGGER %I ON %s', stray, member);
    END LOOP;
    FOR lacking IN
        SELECT etl._capture_trigger(rollup_id, number, e.event) AS name, e.moment, e.rows,
            t.name IS NOT NULL AS is_there, pg_get_userbyid(c.relowner) AS holder
        FROM etl._capture_events() AS e
        JOIN pg_class AS c ON c.oid = member
        LEFT JOIN etl._capture_triggers(rollup_id, number) AS t ON t.relation = member AND t.event = e.event
        WHERE (NOT e.for_partitioned OR etl._relation_kind(member) = 'partitioned table')
          AND NOT coalesce(t.is_whole AND t.arguments = _create_capture_triggers.arguments, false)
    LOOP
        has_changed := true;
        IF lacking.is_there THEN
            PERFORM etl._require_trigger_owner(member, rollup_id, number, lacking.holder);
            EXECUTE format('DROP TRIGGER %I ON %s', lacking.name, member);
        END IF;
        EXECUTE format('CREATE TRIGGER %I %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION etl._capture(%s)',
                       lacking.name, lacking.moment, member, lacking.rows,
                       (SELECT string_agg(quote_literal(a), ', ' ORDER BY place)
                        FROM unnest(arguments) WITH ORDINALITY AS u(a, place)));
    END LOOP;
    RETURN has_changed;
END
$$;
COMMENT ON FUNCTION etl._create_capture_triggers(regclass, integer, integer, text[]) IS
    'Gives one table the triggers that it lacks, that are disabled or otherwise made, or that have other arguments, '
    'and drops strays. Whether there were any.';

CREATE FUNCTION etl._capture_arguments(
    log_table text, kind text, used name[], expressions text[], functions text[])
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY[log_table, kind, used::text, functions::text] || expressions
$$;
COMMENT ON FUNCTION etl._capture_arguments(text, text, name[], text[], text[]) IS
    'The arguments of the triggers that capture a source: those of etl._create_capture.';

CREATE FUNCTION etl._create_capture(
    source regclass, rollup_id integer, number integer, log_table text, kind text, used name[], expressions text[],
    functions text[] DEFAULT '{}')
RETURNS SETOF regclass
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    arguments text[] := etl._capture_arguments(log_table, kind, used, expressions, functions);
    member regclass;
    owner name;
BEGIN
    PERFORM etl._require_capturable(source), etl._require_same_generation(source, used);
    FOR member, owner IN
        SELECT f.member, pg_get_userbyid(c.relowner)
        FROM etl._family(source) WITH ORDINALITY AS f(member, place)
        JOIN pg_class AS c ON c.oid = f.member
        ORDER BY f.place
    LOOP
        IF NOT has_table_privilege(owner, log_table::regclass, 'INSERT') THEN
            EXECUTE format('GRANT INSERT ON %s TO %I', log_table, owner);
        END IF;
        PERFORM etl._check_capture(member, arguments);
        IF etl._create_capture_triggers(member, rollup_id, number, arguments) THEN
            RETURN NEXT member;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._create_capture(regclass, integer, integer, text, text, name[], text[], text[]) IS
    'Sees to it that the changes of a source are captured: gives every member of its family the triggers that it '
    'lacks, and the owners of these tables the right to insert into the log. Returns the members that had not been '
    'captured, or in another way: whatever changed in them before is not in the log. Waits for writers that are at '
    'work on them, so a snapshot taken later sees what they wrote. Arguments: source; rollup_id and number, which '
    'name the triggers; log_table, as schema.table; kind, keys, columns or images; used, the columns that the rollup '
    'reads; expressions, one for each column of the log; functions, what these may call beside PostgreSQL''s own, as '
    'etl._rollup_uses tells it. Errors: 42809 a foreign or temporary table, 42501 no right, '
    '42804 and others the expressions do not fit.';

CREATE FUNCTION etl._drop_capture(rollup_id integer, number integer DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger record;
BEGIN
    FOR trigger IN
        SELECT g.tgname AS name, g.tgrelid::regclass AS relation FROM pg_trigger AS g
        WHERE g.tgfoid = 'etl._capture'::regproc
          AND g.tgname ~ format('^etl_rollup_%s_%s_', rollup_id, coalesce(number::text, '[0-9]+'))
        ORDER BY g.tgrelid, g.tgname
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger.name, trigger.relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._drop_capture(integer, integer) IS
    'Drops the triggers that capture source number … of a rollup (all sources where it is NULL), whatever tables have '
    'them. The current role must own these tables (42501).';
