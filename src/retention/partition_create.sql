-- One partition: created as a table of its own, and then attached.
--
-- CREATE TABLE … PARTITION OF would lock the parent against everybody. A table that is created LIKE it and attached
-- needs only SHARE UPDATE EXCLUSIVE there, beside which rows are read and written. The new table is what PARTITION OF
-- would make; what that leaves open (schema, tablespace, storage parameters, subpartitions, replica identity) is as the
-- newest partition has it. Privileges on the partition itself are not copied: who uses the parent needs none.

CREATE FUNCTION etl._partition_sibling(relation regclass)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.partition
    FROM etl._partition_ranges(relation) AS r
    JOIN pg_class AS c ON c.oid = r.partition
    WHERE c.relkind IN ('r', 'p')
    ORDER BY r.upper_bound DESC, r.lower_bound DESC
    LIMIT 1
$$;
COMMENT ON FUNCTION etl._partition_sibling(regclass) IS
    'The newest partition of a table that is no foreign table, NULL without one: the model for the next.';

CREATE FUNCTION etl._partition_fit(base text, suffix text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WHILE octet_length(base) + octet_length(suffix) > 63 LOOP
        base := left(base, -1);
    END LOOP;
    RETURN base || suffix;
END
$$;
COMMENT ON FUNCTION etl._partition_fit(text, text) IS 'A name with its suffix, cut where 63 bytes are not enough.';

CREATE FUNCTION etl._partition_name(relation regclass, every interval, lower_bound timestamp)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT etl._partition_fit(c.relname, to_char(lower_bound, CASE
        WHEN every < interval '1 day' OR lower_bound::time <> '00:00' THEN '"_p"YYYYMMDD"_"HH24MISS'
        ELSE '"_p"YYYYMMDD' END))
    FROM pg_class AS c
    WHERE c.oid = relation
$$;
COMMENT ON FUNCTION etl._partition_name(regclass, interval, timestamp) IS
    'What a partition is called: the name of its table, cut where 63 bytes are not enough, and its lower bound in UTC, '
    'as pg_partman writes it.';

CREATE FUNCTION etl._partition_new_name(
    relation regclass, sibling regclass, every interval, lower_bound timestamp, bounds text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_name CONSTANT text := (
        SELECT format('%I.%I', n.nspname, etl._partition_name(relation, every, lower_bound))
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = coalesce(sibling, relation));
    there CONSTANT regclass := to_regclass(new_name);
BEGIN
    IF there IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_table',
            MESSAGE = format('partition "%s" of table "%s" cannot be created: there is a %s of that name', new_name,
                             relation, etl._relation_kind(there)),
            DETAIL = format('The partition is to be attached %s.', bounds),
            HINT = format('Give the other one another name with ALTER TABLE %s RENAME TO …; or, where it is to be '
                          'that partition: ALTER TABLE %s ATTACH PARTITION %1$s %3$s;', new_name, relation, bounds);
    END IF;
    RETURN new_name;
END
$$;
COMMENT ON FUNCTION etl._partition_new_name(regclass, regclass, interval, timestamp, text) IS
    'The name of a new partition, with the schema of its sibling or else of its table (42P07 where it is taken).';

CREATE FUNCTION etl._partition_storage(model regclass, relation regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(
        ' ',
        (SELECT format('USING %I', a.amname) FROM pg_am AS a
         WHERE a.oid = coalesce(nullif(r.relam, 0), m.relam)),
        (SELECT format('WITH (%s)', string_agg(format('%I = %L', o.option_name, o.option_value), ', '))
         FROM pg_options_to_table(m.reloptions) AS o HAVING count(*) > 0),
        (SELECT format('TABLESPACE %I', t.spcname) FROM pg_tablespace AS t
         WHERE t.oid = coalesce(nullif(r.reltablespace, 0), m.reltablespace)))
    FROM pg_class AS r LEFT JOIN pg_class AS m ON m.oid = model
    WHERE r.oid = relation
$$;
COMMENT ON FUNCTION etl._partition_storage(regclass, regclass) IS
    'How a new partition is stored, in SQL: as the parent says, or else as the model has it.';

CREATE FUNCTION etl._partition_check_subpartitions(sibling regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_partitioned_table AS p WHERE p.partrelid = sibling AND p.partstrat = 'r')
       OR EXISTS (SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
                  WHERE i.inhparent = sibling AND c.relkind <> 'r') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('partition "%s" has subpartitions that cannot be made for another one', sibling),
            DETAIL = format('It is partitioned by %s. One level of subpartitions by HASH or LIST, in ordinary tables, '
                            'is made for new partitions as the newest one has it.', pg_get_partkeydef(sibling)),
            HINT = 'Create the partitions by hand, or give the partition itself a policy where it is partitioned by '
                   'RANGE.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._partition_check_subpartitions(regclass) IS
    'Raises (0A000) where the subpartitions of a partition cannot be made for another one.';

CREATE FUNCTION etl._partition_give(relation regclass, made regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner CONSTANT name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = relation);
    member regclass;
BEGIN
    IF owner <> current_user THEN
        FOR member IN SELECT f FROM etl._family(made) AS f LOOP
            EXECUTE format('ALTER TABLE %s OWNER TO %I', member, owner);
        END LOOP;
    END IF;
END
$$;
COMMENT ON FUNCTION etl._partition_give(regclass, regclass) IS
    'Gives a new table and its partitions to the owner of another one. Before it is attached, so that indexes with '
    'functions in them are built with the rights of that owner.';

CREATE FUNCTION etl._partition_create_table(relation regclass, sibling regclass, new_name text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of CONSTANT text := pg_get_partkeydef(sibling);
    place CONSTANT text[] := parse_ident(new_name);
    sub record;
BEGIN
    EXECUTE format(
        'CREATE %s TABLE %s (LIKE %s INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE '
        'INCLUDING COMPRESSION) %s',
        (SELECT 'UNLOGGED' FROM pg_class AS c
         WHERE c.oid = coalesce(sibling, relation) AND c.relpersistence = 'u' AND of IS NULL),
        new_name, relation, coalesce('PARTITION BY ' || of, etl._partition_storage(sibling, relation)));
    FOR sub IN
        SELECT c.oid::regclass AS model, pg_get_expr(c.relpartbound, c.oid) AS bound,
               CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END AS persistence,
               format('_s%s', row_number() OVER (ORDER BY c.relname) - 1) AS suffix
        FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = sibling AND of IS NOT NULL
        ORDER BY c.relname
    LOOP
        EXECUTE format('CREATE %s TABLE %I.%I PARTITION OF %s %s %s', sub.persistence, place[1],
                       etl._partition_fit(place[2], sub.suffix), new_name, sub.bound,
                       etl._partition_storage(sub.model, sibling));
    END LOOP;
    PERFORM etl._partition_give(relation, new_name::regclass);
END
$$;
COMMENT ON FUNCTION etl._partition_create_table(regclass, regclass, text) IS
    'Creates a table that can be attached as a partition, with subpartitions _s0, _s1 … where its sibling has them, '
    'and gives it to the owner of the parent.';

CREATE FUNCTION etl._partition_set_identity(model regclass, made regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    identity CONSTANT "char" := (SELECT c.relreplident FROM pg_class AS c WHERE c.oid = model);
    index_name name;
BEGIN
    IF identity IN ('f', 'n') THEN
        EXECUTE format('ALTER TABLE %s REPLICA IDENTITY %s', made,
                       CASE identity WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END);
    ELSIF identity = 'i' THEN
        SELECT c.relname INTO index_name
        FROM pg_index AS m
        JOIN pg_index AS n ON n.indrelid = made
                          AND pg_partition_root(n.indexrelid) = pg_partition_root(m.indexrelid)
        JOIN pg_class AS c ON c.oid = n.indexrelid
        WHERE m.indrelid = model AND m.indisreplident;
        IF NOT FOUND THEN
            RAISE WARNING USING
                MESSAGE = format('partition "%s" has not the replica identity of "%s"', made, model),
                DETAIL = 'That is an index which does not come from the partitioned table.',
                HINT = format('ALTER TABLE %s REPLICA IDENTITY …; gives it one.', made);
            RETURN;
        END IF;
        EXECUTE format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', made, index_name);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._partition_set_identity(regclass, regclass) IS
    'Gives a new partition the replica identity of another one, without which publications refuse its updates.';

CREATE FUNCTION etl._partition_finish(relation regclass, model regclass, made regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sub record;
BEGIN
    PERFORM etl._partition_set_identity(model, made);
    IF (SELECT bool_or(c.relrowsecurity) FROM pg_class AS c WHERE c.oid IN (relation, model)) THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', made);
    END IF;
    FOR sub IN
        SELECT o.oid::regclass AS model, n.oid::regclass AS made
        FROM pg_inherits AS i
        JOIN pg_class AS n ON n.oid = i.inhrelid
        JOIN pg_inherits AS j ON j.inhparent = model
        JOIN pg_class AS o ON o.oid = j.inhrelid
                          AND pg_get_expr(o.relpartbound, o.oid) = pg_get_expr(n.relpartbound, n.oid)
        WHERE i.inhparent = made
    LOOP
        PERFORM etl._partition_finish(relation, sub.model, sub.made);
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._partition_finish(regclass, regclass, regclass) IS
    'Gives a partition that is attached, and its subpartitions, the replica identity of its sibling. Row security is '
    'on where the table or the sibling has it on: without policies of its own the partition shows nobody but its owner '
    'what the table hides.';

-- Rows that are in the way --------------------------------------------------------------------------------------------

CREATE FUNCTION etl._partition_way_out(
    relation regclass, fallback regclass, new_name text, bounds text, condition text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        E'BEGIN;\n'
        'ALTER TABLE %1$s DETACH PARTITION %2$s;\n'
        'CREATE TABLE %3$s PARTITION OF %1$s %4$s;\n'
        'INSERT INTO %3$s (%5$s) OVERRIDING SYSTEM VALUE SELECT %5$s FROM %2$s WHERE %6$s;\n'
        'DELETE FROM %2$s WHERE %6$s;\n'
        'ALTER TABLE %1$s ATTACH PARTITION %2$s DEFAULT;\n'
        'COMMIT;', relation, fallback, new_name, bounds, etl._column_list(array_agg(a.attname ORDER BY a.attnum)),
        condition)
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
$$;
COMMENT ON FUNCTION etl._partition_way_out(regclass, regclass, text, text, text) IS
    'SQL that creates a partition and moves its rows there out of the default partition.';

CREATE FUNCTION etl._partition_check_default(
    relation regclass, new_name text, bounds text, lower_literal text, upper_literal text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fallback CONSTANT regclass := (
        SELECT nullif(p.partdefid, 0) FROM pg_partitioned_table AS p WHERE p.partrelid = relation);
    condition CONSTANT text := format('%1$I >= %2$s AND %1$I < %3$s', (etl._partition_key(relation)).key, lower_literal,
                                      upper_literal);
    rows bigint;
BEGIN
    IF fallback IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT count(*) FROM %s WHERE %s', fallback, condition) INTO rows;
    IF rows > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('default partition "%s" has %s %s of partition "%s", which is to be created', fallback,
                             rows, CASE rows WHEN 1 THEN 'row' ELSE 'rows' END, new_name),
            DETAIL = format('The partition is to be attached %s, which PostgreSQL does only where none of its rows '
                            'are in the default partition.', bounds),
            HINT = E'This moves them, while the table is locked:\n'
                   || etl._partition_way_out(relation, fallback, new_name, bounds, condition);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._partition_check_default(regclass, text, text, text, text) IS
    'Raises (23514) where the default partition has rows of a partition that is to be created, with the SQL that moves '
    'them. Before any lock is taken on it.';

CREATE FUNCTION etl._partition_create(
    relation regclass, every interval, lower_bound timestamp, upper_bound timestamp)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type CONSTANT regtype := (etl._partition_key(relation)).type;
    lower_literal CONSTANT text := etl._partition_literal(lower_bound, type);
    upper_literal CONSTANT text := etl._partition_literal(upper_bound, type);
    bounds CONSTANT text := format('FOR VALUES FROM (%s) TO (%s)', lower_literal, upper_literal);
    sibling CONSTANT regclass := etl._partition_sibling(relation);
    new_name text;
BEGIN
    PERFORM etl._partition_check_subpartitions(sibling);
    new_name := etl._partition_new_name(relation, sibling, every, lower_bound, bounds);
    PERFORM etl._partition_check_default(relation, new_name, bounds, lower_literal, upper_literal),
            etl._partition_create_table(relation, sibling, new_name);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s %s', relation, new_name, bounds);
    PERFORM etl._partition_finish(relation, sibling, new_name::regclass);
    RETURN new_name;
END
$$;
COMMENT ON FUNCTION etl._partition_create(regclass, interval, timestamp, timestamp) IS
    'Creates one partition of a table and returns its name. Errors: 23514 the default partition has rows of it, 42P07 '
    'its name is taken, 0A000 its siblings have subpartitions that cannot be made again, 42501 not allowed to create '
    'tables in the schema.';
