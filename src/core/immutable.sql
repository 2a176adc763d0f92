-- Tables whose rows are never changed or deleted, as what was read from a chain: triggers on them refuse it, and are
-- the record of it, too.

CREATE FUNCTION etl._refuse_change()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'object_not_in_prerequisite_state',
        MESSAGE = format('table "%I.%I" is immutable: %s is not allowed', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP),
        DETAIL = 'Rows can only be added to it.',
        HINT = format('The owner of the table ends that with SELECT etl.set_immutable(%L, false);',
                      format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME));
END
$$;
COMMENT ON FUNCTION etl._refuse_change() IS 'Trigger of immutable tables (55000).';

CREATE FUNCTION etl._immutable_tables(relation regclass)
RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT t.tgrelid::regclass
    FROM pg_trigger AS t
    WHERE t.tgfoid = 'etl._refuse_change'::regproc
      AND t.tgrelid IN (SELECT etl._family(relation) UNION SELECT etl._ancestors(relation))
$$;
COMMENT ON FUNCTION etl._immutable_tables(regclass) IS
    'Which of the relation, its parts and what it is part of are immutable.';

CREATE FUNCTION etl._require_mutable(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    immutable CONSTANT regclass := (
        SELECT i FROM etl._immutable_tables(relation) AS i ORDER BY i <> relation, i LIMIT 1);
BEGIN
    IF immutable IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('table "%s" is immutable', relation),
            DETAIL = CASE WHEN immutable = relation THEN 'Its rows are never changed or deleted.'
                          ELSE format('It shares rows with table "%s", whose rows are never changed or deleted.',
                                      immutable) END,
            HINT = format('The owner of the table ends that with SELECT etl.set_immutable(%L, false);', immutable);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_mutable(regclass) IS
    'Raises (55000) when the relation, a part of it or what it is part of is immutable.';

CREATE FUNCTION etl._drop_immutable_triggers(relation regclass)
RETURNS bool
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger record;
    were_there bool := false;
BEGIN
    FOR trigger IN
        SELECT t.tgname, t.tgrelid::regclass AS of FROM pg_trigger AS t
        WHERE t.tgfoid = 'etl._refuse_change'::regproc AND t.tgparentid = 0
          AND t.tgrelid IN (SELECT etl._family(relation))
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger.tgname, trigger.of);
        were_there := true;
    END LOOP;
    RETURN were_there;
END
$$;
COMMENT ON FUNCTION etl._drop_immutable_triggers(regclass) IS
    'Drops what etl.set_immutable has put on the relation and its parts, and returns whether there was something.';

CREATE FUNCTION etl._create_immutable_triggers(relation regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT c.oid::regclass AS name, c.relispartition AND c.oid <> relation AS gets_row_trigger,
               format('etl_immutable_%s', c.oid) AS row_trigger,
               format('etl_immutable_truncate_%s', c.oid) AS truncation
        FROM pg_class AS c WHERE c.oid IN (SELECT etl._family(relation))
    LOOP
        -- For each row, as only such a trigger comes to partitions of itself, also to those that are made later.
        IF NOT part.gets_row_trigger THEN
            EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %s FOR EACH ROW '
                           'EXECUTE FUNCTION etl._refuse_change()', part.row_trigger, part.name);
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', part.name, part.row_trigger);
        END IF;
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %s FOR EACH STATEMENT '
                       'EXECUTE FUNCTION etl._refuse_change()', part.truncation, part.name);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', part.name, part.truncation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._create_immutable_triggers(regclass) IS
    'Puts triggers on a table, its partitions and children that refuse UPDATE, DELETE and TRUNCATE, also under '
    'session_replication_role = replica. Their names have the OID of the table, so that a partition can bring its own.';

CREATE FUNCTION etl.set_immutable(relation regclass, immutable bool DEFAULT true)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    foreign_part regclass;
    were_there bool;
BEGIN
    PERFORM etl._require_flag(immutable, 'immutable'), etl._require_table(relation, '{}'),
        etl._require_users_table(relation), etl._require_no_foreign_children(relation);
    SELECT c.oid INTO foreign_part FROM pg_class AS c
    WHERE c.oid IN (SELECT etl._family(relation)) AND NOT pg_has_role(c.relowner, 'USAGE') LIMIT 1;
    IF foreign_part IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must be owner of table "%s"', foreign_part),
            HINT = 'Its owner decides whether it is immutable.';
    END IF;
    were_there := etl._drop_immutable_triggers(relation);
    IF immutable THEN
        PERFORM etl._create_immutable_triggers(relation);
    ELSE
        PERFORM etl._require_mutable(relation); -- a parent may be immutable
    END IF;
    IF immutable OR were_there THEN
        PERFORM etl._audit(CASE WHEN immutable THEN 'made immutable' ELSE 'made mutable' END,
                           etl._relation_name(relation));
    END IF;
END
$$;
COMMENT ON FUNCTION etl.set_immutable(regclass, bool) IS
    'Makes a table immutable, or with false mutable again: rows can be added to it, but neither changed nor deleted, '
    'by nobody; policies and etl.dedupe refuse it. Triggers on the table, its partitions and children do it and are '
    'the record of it. Partitions that are made or attached later refuse UPDATE and DELETE, too; TRUNCATE of such a '
    'partition itself, after another call. The owner can still drop or detach what is his, and rewrite it with '
    'ALTER TABLE … TYPE … USING, which is written nowhere, disable or drop the triggers, which etl.immutable_tables '
    'shows, or call this with false, which etl.audit_log tells. Errors: 42501 not the owner of all of it, 42809 not a '
    'table, a table of pg_etl itself, or a foreign partition, 55000 what it is part of is immutable.';

CREATE VIEW etl.immutable_tables WITH (security_invoker = true) AS
SELECT etl._relation_name(t.tgrelid) AS relation,
       -- From TRUNCATE by one trigger, from DELETE and UPDATE by another.
       bool_and(t.tgenabled = 'A') AND bool_or(t.tgtype & 32 = 32) AND bool_or(t.tgtype & 24 = 24) AS is_protected,
       pg_get_userbyid(c.relowner) AS owner
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE t.tgfoid = 'etl._refuse_change'::regproc
GROUP BY t.tgrelid, c.relowner
UNION ALL
SELECT etl._relation_name(c.oid), false, pg_get_userbyid(c.relowner)
FROM (
    SELECT DISTINCT ON (l.owner, l.object) l.owner, l.object, l.action FROM etl.audit_log AS l
    WHERE l.action IN ('made immutable', 'made mutable') ORDER BY l.owner, l.object, l.seq DESC
) AS l
JOIN pg_roles AS r ON r.rolname = l.owner
JOIN pg_class AS c ON c.relkind IN ('r', 'p') AND pg_has_role(r.oid, c.relowner, 'USAGE')
                  AND etl._relation_name(c.oid) = l.object
WHERE l.action = 'made immutable'
  AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgfoid = 'etl._refuse_change'::regproc)
GROUP BY c.oid, c.relowner;
COMMENT ON VIEW etl.immutable_tables IS
    'Tables and partitions that etl.set_immutable keeps as they are. is_protected: all its triggers are there and at '
    'work; where not, the owner has disabled or dropped one, or it is a partition that came later, which '
    'etl.set_immutable of its parent protects from TRUNCATE, too. Where all were dropped only etl.audit_log says, to '
    'who may read that, that the table was made immutable.';
GRANT SELECT ON etl.immutable_tables TO PUBLIC;
