-- The triggers that note what writers change in the tables that a rollup reads: four on each table and on each of its
-- partitions or children. Partitions come and go between two refreshes, so every refresh looks.

CREATE FUNCTION etl._source_arguments(rollup etl.rollup, source etl.rollup_source)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._capture_arguments(
        source.log_table, p.described ->> 'kind',
        ARRAY(SELECT u::name FROM jsonb_array_elements_text(p.described -> 'used') AS u),
        ARRAY(SELECT l.value ->> 'expression'
              FROM jsonb_array_elements(p.described -> 'log') WITH ORDINALITY AS l ORDER BY l.ordinality),
        ARRAY(SELECT jsonb_array_elements_text(rollup.plan -> 'uses')))
    FROM etl._plan_source(rollup.plan, source.number) AS p(described)
$$;
COMMENT ON FUNCTION etl._source_arguments(etl.rollup, etl.rollup_source) IS
    'What the triggers of a source of a rollup are told.';

CREATE FUNCTION etl._capture_source(rollup etl.rollup, source etl.rollup_source)
RETURNS SETOF regclass
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._create_capture(
        source.relation::regclass, source.rollup_id, source.number, source.log_table, p.described ->> 'kind',
        ARRAY(SELECT u::name FROM jsonb_array_elements_text(p.described -> 'used') AS u),
        ARRAY(SELECT l.value ->> 'expression'
              FROM jsonb_array_elements(p.described -> 'log') WITH ORDINALITY AS l ORDER BY l.ordinality),
        ARRAY(SELECT jsonb_array_elements_text(rollup.plan -> 'uses')))
    FROM etl._plan_source(rollup.plan, source.number) AS p(described)
$$;
COMMENT ON FUNCTION etl._capture_source(etl.rollup, etl.rollup_source) IS
    'etl._create_capture of a source of a rollup: returns the tables that were not captured before.';

CREATE FUNCTION etl._source_triggers(source etl.rollup_source)
RETURNS TABLE(relation regclass, name name, holder name)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT g.tgrelid::regclass, g.tgname, pg_get_userbyid(c.relowner)
    FROM pg_trigger AS g
    JOIN pg_class AS c ON c.oid = g.tgrelid
    WHERE g.tgfoid = 'etl._capture'::regproc AND (etl._trigger_arguments(g.tgargs))[1] = source.log_table
      -- Not those of a rollup of the same name, which another role has made.
      AND (g.tgname IN (SELECT etl._capture_trigger(source.rollup_id, source.number, e.event)
                        FROM etl._capture_events() AS e)
           OR g.tgname !~ '^etl_rollup_[0-9]+_[0-9]+_[a-z]+$')
      AND (pg_get_userbyid(c.relowner) = source.owner
           OR has_table_privilege(c.relowner, etl._named_relation(source.log_table), 'INSERT') IS NOT FALSE)
$$;
COMMENT ON FUNCTION etl._source_triggers(etl.rollup_source) IS
    'The triggers of a source of a rollup, whatever tables have them, and whose these are: those that write into its '
    'log, renamed ones too. One that somebody has made who cannot write the log is none.';

CREATE FUNCTION etl._drop_source_triggers(source etl.rollup_source, but_of text[] DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger record;
BEGIN
    FOR trigger IN
        SELECT t.relation, t.holder, string_agg(format('DROP TRIGGER %I ON %s', t.name, t.relation), '; ') AS commands
        FROM etl._source_triggers(source) AS t
        WHERE etl._relation_name(t.relation) <> ALL (but_of)
        GROUP BY t.relation, t.holder ORDER BY t.relation
    LOOP
        IF NOT pg_has_role(trigger.holder, 'USAGE') THEN
            RAISE EXCEPTION USING
                ERRCODE = 'insufficient_privilege',
                MESSAGE = format('must be owner of table "%s" to drop the triggers of a rollup', trigger.relation),
                DETAIL = format('It belongs to role "%s".', trigger.holder),
                HINT = format('Let that role say: %s;', trigger.commands);
        END IF;
        EXECUTE trigger.commands;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._drop_source_triggers(etl.rollup_source, text[]) IS
    'Drops the triggers of a source of a rollup from all tables but some. 42501 where the current role does not '
    'own one.';

-- What the sources are, at each refresh ------------------------------------------------------------------------------

CREATE FUNCTION etl._require_table_kind(rollup etl.rollup, source etl.rollup_source, relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_now text;
BEGIN
    SELECT CASE WHEN c.relkind NOT IN ('r', 'p') THEN etl._relation_kind(relation) ELSE 'temporary table' END
    INTO is_now
    FROM pg_class AS c WHERE c.oid = relation AND (c.relkind NOT IN ('r', 'p') OR c.relpersistence = 't');
    IF is_now IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('"%s", which rollup "%s" reads, is a %s now, and was a table', source.relation,
                             rollup.name, is_now),
            DETAIL = 'Somebody has put it in the place of the table. Nothing was read from it.',
            HINT = format('Give the table back its name, or SELECT etl.alter_rollup(%L, query => …) with a query over '
                          'tables.', rollup.name);
    END IF;
    SELECT etl._relation_name(i.inhparent) INTO is_now
    FROM pg_inherits AS i WHERE i.inhrelid = relation ORDER BY i.inhseqno LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('table "%s", which rollup "%s" reads, has become a part of table "%s"', source.relation,
                             rollup.name, is_now),
            DETAIL = 'What is written through that table is not noted for the rollup.',
            HINT = format('SELECT etl.alter_rollup(%L, query => …); with a query over "%s" fills the rollup anew.',
                          rollup.name, is_now);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_table_kind(etl.rollup, etl.rollup_source, regclass) IS
    'Raises (42809) where another kind of relation has taken the place of a source: a view would run what its owner '
    'wishes, with the rights of who refreshes. 0A000 where it has become a partition or child: its own triggers do not '
    'see what is written through the other table.';

CREATE FUNCTION etl._require_source(rollup etl.rollup, source etl.rollup_source)
RETURNS regclass
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation CONSTANT regclass := etl._named_relation(source.relation, true);
    wrong record;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('table "%s", which rollup "%s" reads, does not exist', source.relation, rollup.name),
            DETAIL = 'Somebody has dropped or renamed it, or moved it to another schema.',
            HINT = format('Give it back its name, or SELECT etl.alter_rollup(%L, query => …) with a query that does '
                          'without.', rollup.name);
    END IF;
    PERFORM etl._require_table_kind(rollup, source, relation);
    IF (SELECT c.relrowsecurity FROM pg_class AS c WHERE c.oid = relation) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('table "%s", which rollup "%s" reads, has got row security', source.relation, rollup.name),
            DETAIL = 'Its rows are not the same for every role, and the rollup would show what its own role sees.',
            HINT = format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY; or SELECT etl.drop_rollup(%L);', source.relation,
                          rollup.name);
    END IF;
    SELECT c.key AS name, c.value AS type, t.found INTO wrong
    FROM jsonb_array_elements(rollup.plan -> 'sources') AS s
    CROSS JOIN LATERAL jsonb_each_text(s -> 'types') AS c
    LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.key AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN LATERAL etl._type_identity(a.atttypid, a.atttypmod, a.attcollation) AS t(found)
    WHERE (s ->> 'number')::integer = source.number AND t.found IS DISTINCT FROM c.value
    LIMIT 1;
    IF wrong.name IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN wrong.found IS NULL THEN 'undefined_column' ELSE 'datatype_mismatch' END,
            MESSAGE = CASE
                WHEN wrong.found IS NULL THEN
                    format('column "%s" of table "%s", which rollup "%s" reads, does not exist', wrong.name,
                           source.relation, rollup.name)
                ELSE format('column "%s" of table "%s", which rollup "%s" reads, has become %s, and was %s', wrong.name,
                            source.relation, rollup.name, wrong.found, wrong.type)
            END,
            DETAIL = 'The rollup stays as it is. What is written into the table goes on being noted.',
            HINT = format('SELECT etl.alter_rollup(%L, query => …); with the query as it should be now fills the '
                          'rollup anew.', rollup.name);
    END IF;
    RETURN relation;
END
$$;
COMMENT ON FUNCTION etl._require_source(etl.rollup, etl.rollup_source) IS
    'The table of a source, locked (ACCESS SHARE) to the end of the transaction. 42P01 where it is gone, 42809 where '
    'something else has taken its place, 42703 where a column that is read is gone, 42804 where one has another type '
    'or collation, 0A000 where it has row security by now.';

CREATE FUNCTION etl._family_names(relation regclass)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN etl._has_children(relation)
            THEN ARRAY(SELECT etl._relation_name(f) FROM etl._family(relation) AS f ORDER BY 1)
        ELSE ARRAY[etl._relation_name(relation)]
    END
$$;
COMMENT ON FUNCTION etl._family_names(regclass) IS
    'The names of a table and of all of its partitions or children, in their order.';

CREATE FUNCTION etl._require_retention(rollup etl.rollup, what text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rollup.retention IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('rollup "%s" does not say what becomes of groups whose rows are erased', rollup.name),
            DETAIL = what,
            HINT = format('SELECT etl.alter_rollup(%L, retention => ''freeze''); keeps such groups as they are, and '
                          'retention => ''follow'' computes them from what is left.', rollup.name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_retention(etl.rollup, text) IS
    'Raises (55000) where a rollup would lose its past and nobody has decided that it should or should not.';

CREATE FUNCTION etl._mark_source(source etl.rollup_source)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('INSERT INTO %s (etl_op, etl_at) VALUES (''a'', clock_timestamp())', source.log_table);
END
$$;
COMMENT ON FUNCTION etl._mark_source(etl.rollup_source) IS
    'Notes in the log of a source that anything may have changed.';

CREATE FUNCTION etl._bare_members(rollup etl.rollup, source etl.rollup_source, family text[])
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted CONSTANT text[] := etl._source_arguments(rollup, source);
BEGIN
    RETURN (
        SELECT ARRAY(
            SELECT m FROM unnest(family) AS m
            JOIN pg_class AS c ON c.oid = etl._named_relation(m)
            JOIN etl._capture_events() AS e ON NOT e.for_partitioned OR c.relkind = 'p'
            LEFT JOIN etl._capture_triggers(source.rollup_id, source.number) AS t
                ON t.relation = c.oid AND t.event = e.event
            GROUP BY m, c.oid
            HAVING NOT bool_and(coalesce(t.is_whole AND t.arguments = wanted, false))
                OR EXISTS (SELECT FROM etl._stray_triggers(c.oid, source.rollup_id, source.number, source.log_table))
            ORDER BY m));
END
$$;
COMMENT ON FUNCTION etl._bare_members(etl.rollup, etl.rollup_source, text[]) IS
    'Those of a source''s family that lack a trigger, or have one that is disabled, otherwise made, or too many.';

-- Who disables a trigger, writes, and enables it again, as pg_restore --disable-triggers does, leaves no note but this:
-- the rows of pg_trigger are new ones. So are those of pg_attribute where ALTER TABLE … USING has computed a column
-- anew, or where its name was given to another one.
CREATE FUNCTION etl._seals(source etl.rollup_source, members text[], columns jsonb DEFAULT '[]')
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(m.seal ORDER BY m.seal), '{}')
        FROM (
            SELECT hashtextextended(string_agg(format('%s %s %s', g.oid, g.xmin, g.ctid), ',' ORDER BY g.oid), 0)
                AS seal
            FROM unnest(members) AS m
            CROSS JOIN etl._capture_events() AS e
            JOIN pg_trigger AS g
                ON g.tgrelid = etl._named_relation(m)
                   AND g.tgname = etl._capture_trigger(source.rollup_id, source.number, e.event)
            GROUP BY m
            UNION ALL
            SELECT hashtextextended(string_agg(format('%s %s %s', a.attnum, a.xmin, a.ctid), ',' ORDER BY a.attname), 0)
            FROM pg_attribute AS a
            WHERE a.attrelid = to_regclass(source.relation) AND a.attnum > 0 AND columns ? a.attname
            HAVING count(*) > 0
        ) AS m);
END
$$;
COMMENT ON FUNCTION etl._seals(etl.rollup_source, text[], jsonb) IS
    'For each of some members of a source''s family a number that is another one after its triggers were altered, in '
    'any way and even back, or restored from a dump; and one for some columns of the source.';

CREATE FUNCTION etl._release_members(rollup etl.rollup, source etl.rollup_source, family text[], bare text[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone CONSTANT text[] := ARRAY(SELECT m FROM unnest(source.family) AS m WHERE m <> ALL (family) ORDER BY m);
    -- Who is not known by that name and yet has the triggers was renamed.
    renamed CONSTANT text[] := ARRAY(
        SELECT m FROM unnest(family) AS m WHERE m <> ALL (source.family) AND m <> ALL (bare));
    detached CONSTANT regclass[] := ARRAY(
        SELECT DISTINCT t.relation FROM etl._source_triggers(source) AS t
        WHERE etl._relation_name(t.relation) <> ALL (family));
    what text;
BEGIN
    IF cardinality(gone) <= cardinality(renamed) AND detached = '{}' THEN
        RETURN;
    END IF;
    what := format('Of table "%s" these parts are gone, or one of them: %s.', source.relation,
                   array_to_string(gone || ARRAY(SELECT etl._relation_name(d) FROM unnest(detached) AS d
                                                 WHERE etl._relation_name(d) <> ALL (gone)), ', '));
    PERFORM etl._require_retention(rollup, what);
    IF rollup.retention = 'follow' THEN
        PERFORM etl._require_followers(rollup);
        PERFORM etl._mark_source(source);
    ELSE
        PERFORM etl._freeze_members(rollup, source, detached, cardinality(gone) - cardinality(renamed), what);
    END IF;
    PERFORM etl._drop_source_triggers(source, family);
END
$$;
COMMENT ON FUNCTION etl._release_members(etl.rollup, etl.rollup_source, text[], text[]) IS
    'Lets go of partitions or children that were detached or dropped, where there are such: a rollup that follows '
    'computes all groups anew, and one that freezes freezes those of the detached ones. 55000 where it does not say, '
    'or cannot.';

CREATE FUNCTION etl._adopt_members(rollup etl.rollup, source etl.rollup_source, bare text[])
RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s' -- behind a lock that waits, other writers wait too
AS $$
DECLARE
    member regclass;
    has_rows boolean;
BEGIN
    FOR member IN SELECT etl._capture_source(rollup, source) LOOP
        has_rows := true; -- for all that is known of a partition that may be read through the whole table only
        IF has_table_privilege(member, 'SELECT') THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', member) INTO has_rows;
        END IF;
        -- A table that is known and has lost its triggers may have lost rows too.
        IF etl._relation_name(member) = ANY (source.family) THEN
            RAISE NOTICE USING
                MESSAGE = format('triggers of rollup "%s" on "%s" were gone or disabled, and are back', rollup.name,
                                 member),
                DETAIL = 'It is not known what was written meanwhile, so all groups are computed.';
            PERFORM etl._mark_source(source);
        ELSIF has_rows THEN
            PERFORM etl._mark_source(source);
        END IF;
    END LOOP;
    RETURN '{}';
EXCEPTION
    WHEN lock_not_available THEN
        RAISE WARNING USING
            MESSAGE = format('triggers of rollup "%s" on %s are left for the next refresh', rollup.name,
                             array_to_string(bare, ', ')),
            DETAIL = 'Others write there, and the rollup lacks what they write until then.';
        RETURN bare;
END
$$;
COMMENT ON FUNCTION etl._adopt_members(etl.rollup, etl.rollup_source, text[]) IS
    'Gives the triggers to tables of a source''s family that have none, and notes that there were rows already. '
    'Returns those that could not be had, as others write them for too long.';

CREATE FUNCTION etl._admit_owners(source etl.rollup_source, members text[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder name;
BEGIN
    FOR holder IN
        SELECT DISTINCT pg_get_userbyid(c.relowner)
        FROM unnest(members) AS m JOIN pg_class AS c ON c.oid = etl._named_relation(m)
        WHERE NOT has_table_privilege(c.relowner, etl._named_relation(source.log_table), 'INSERT')
    LOOP
        EXECUTE format('GRANT INSERT ON %s TO %I', source.log_table, holder);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._admit_owners(etl.rollup_source, text[]) IS
    'Lets new owners of a source''s family insert into its log: their writers fail until then.';

CREATE FUNCTION etl._take_missed(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missed record;
BEGIN
    FOR missed IN
        SELECT DISTINCT s.log_table, m.op
        FROM etl._missed_notes(rollup) AS m JOIN etl._sources(rollup) AS s ON s.number = m.number
    LOOP
        EXECUTE format('INSERT INTO %s (etl_op, etl_at) VALUES (%L, clock_timestamp())', missed.log_table, missed.op);
    END LOOP;
    DELETE FROM etl.rollup_missed AS m WHERE m.rollup_id = rollup.rollup_id;
END
$$;
COMMENT ON FUNCTION etl._take_missed(etl.rollup) IS
    'Writes into the logs what could not be logged while they were gone.';

CREATE FUNCTION etl._sync_source(rollup etl.rollup, source etl.rollup_source)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation CONSTANT regclass := etl._require_source(rollup, source);
    members CONSTANT text[] := etl._family_names(relation);
    bare text[] := etl._bare_members(rollup, source, members);
    adopted text[] := '{}';
    known CONSTANT bigint[] := etl._seals(
        source, ARRAY(SELECT m FROM unnest(members) AS m WHERE m <> ALL (bare)),
        etl._plan_source(rollup.plan, source.number) -> 'used');
BEGIN
    PERFORM etl._admit_owners(source, members);
    IF members = source.family AND bare = '{}' AND known <@ source.seals THEN
        RETURN;
    ELSIF current_setting('transaction_isolation') <> 'read committed' AND (members <> source.family OR bare <> '{}')
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('table "%s", which rollup "%s" reads, has other parts than before, or lost its triggers',
                             source.relation, rollup.name),
            DETAIL = 'What was written there since this transaction began cannot be seen.',
            HINT = format('CALL etl.refresh_rollup(%L); by itself, outside of BEGIN and COMMIT.', rollup.name);
    END IF;
    PERFORM etl._release_members(rollup, source, members, bare);
    IF NOT known <@ source.seals THEN
        PERFORM etl._mark_source(source);
    END IF;
    IF bare <> '{}' THEN
        adopted := bare;
        bare := etl._adopt_members(rollup, source, bare);
        adopted := ARRAY(SELECT m FROM unnest(adopted) AS m WHERE m <> ALL (bare));
    END IF;
    UPDATE etl.rollup_source AS s
    SET family = ARRAY(SELECT m FROM unnest(members) AS m WHERE m <> ALL (bare)),
        seals = known || etl._seals(source, adopted)
    WHERE s.rollup_id = rollup.rollup_id AND s.number = source.number AND s.owner = current_user;
END
$$;
COMMENT ON FUNCTION etl._sync_source(etl.rollup, etl.rollup_source) IS
    'Compares a source with what it was at the last refresh: gives triggers to new partitions or children, and where '
    'they were lost or disabled, notes where they were meanwhile, and lets go of parts that are gone. 42P01, 42703, '
    '42804 a table or column that is gone or another, 55000 rows are gone and nobody has decided what that means.';

CREATE FUNCTION etl._require_parts(rollup etl.rollup)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source etl.rollup_source;
BEGIN
    PERFORM etl._require_rollup_tables(rollup), etl._require_column_types(rollup);
    FOR source IN SELECT * FROM etl._sources(rollup) LOOP
        PERFORM etl._rollup_relation(rollup, '_log_' || source.number);
        PERFORM etl._require_source(rollup, source);
    END LOOP;
    PERFORM etl._require_same_uses(rollup);
END
$$;
COMMENT ON FUNCTION etl._require_parts(etl.rollup) IS
    'Checks, before anything is read, that the tables of a rollup, those that it reads and what its query uses are '
    'what they were: errors of etl._require_rollup_tables, etl._require_column_types, etl._require_source and '
    'etl._require_same_uses.';
