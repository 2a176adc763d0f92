-- Which partitions a tier can take out of its table whole.
--
-- Whole goes what would go row by row to its last row: the bounds, which the catalog has, say that a partition is past,
-- and its rows are looked at. Nothing that a deletion of rows would have set off may be passed over: where triggers,
-- foreign keys, row security or a publication would see the rows go, they go one by one.

CREATE FUNCTION etl._partition_bound(part regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET timezone = 'UTC'
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET quote_all_identifiers = off
AS $$
    SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_class AS c WHERE c.oid = part
$$;
COMMENT ON FUNCTION etl._partition_bound(regclass) IS
    'The bound of a partition as ATTACH PARTITION takes it, to be read under etl._attach_partition''s settings; NULL '
    'for a table that is none.';

CREATE FUNCTION etl._partition_condition(part regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, MDY'
SET intervalstyle = 'postgres'
SET extra_float_digits = 3
SET timezone = 'UTC'
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET quote_all_identifiers = off
AS $$
    SELECT pg_get_partition_constraintdef(part)
$$;
COMMENT ON FUNCTION etl._partition_condition(regclass) IS
    'The condition that the bounds of a partition set on its rows, to be read under the same settings.';

CREATE FUNCTION etl._partition_range(part regclass, type regtype, OUT lower timestamptz, OUT upper timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    -- A value of a bound as PostgreSQL writes it; a quote in it is doubled.
    value CONSTANT text := '(MINVALUE|MAXVALUE|E?''(?:[^'']|'''')*''|[-+.A-Za-z0-9]+)';
    ends CONSTANT text[] := regexp_match(
        etl._partition_bound(part),
        format('^FOR VALUES FROM \(%1$s(?:, %1$s)*\) TO \(%1$s(?:, %1$s)*\)$', value));
BEGIN
    lower := CASE ends[1] WHEN 'MINVALUE' THEN '-infinity' WHEN 'MAXVALUE' THEN 'infinity'
                          ELSE etl._bound_moment(btrim(ends[1], ''''), type) END;
    upper := CASE ends[3] WHEN 'MINVALUE' THEN '-infinity' WHEN 'MAXVALUE' THEN 'infinity'
                          ELSE etl._bound_moment(btrim(ends[3], ''''), type) END;
END
$$;
COMMENT ON FUNCTION etl._partition_range(regclass, regtype) IS
    'The moments from which and up to which the first key column of a partition by ranges goes, whose type is date, '
    'timestamp (both in UTC) or timestamptz. NULL for a default partition, and for what is none by ranges. With more '
    'key columns, rows of the very moment "upper" may be in it.';

CREATE FUNCTION etl._bound_moment(value text, type regtype)
RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, MDY'
AS $$
BEGIN
    RETURN CASE type WHEN 'date'::regtype THEN value::date::timestamp AT TIME ZONE 'UTC'
                     WHEN 'timestamp'::regtype THEN value::timestamp AT TIME ZONE 'UTC'
                     ELSE value::timestamptz END;
EXCEPTION
    WHEN datetime_field_overflow THEN
        RETURN 'infinity'; -- a date that no timestamp reaches
END
$$;
COMMENT ON FUNCTION etl._bound_moment(text, regtype) IS
    'A value of a bound, as ISO text in UTC, as a moment; a date behind the end of timestamps as infinity.';

CREATE FUNCTION etl._range_partitions(relation regclass, time_column name)
RETURNS TABLE(part regclass, parent regclass, level integer, lower timestamptz, upper timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE family(member, level) AS (
        SELECT relation::oid, 0
        UNION ALL
        SELECT i.inhrelid, f.level + 1
        FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.member AND NOT i.inhdetachpending
    )
    SELECT i.inhrelid::regclass, f.member::regclass, f.level + 1, r.lower, r.upper
    FROM family AS f
    JOIN pg_inherits AS i ON i.inhparent = f.member AND NOT i.inhdetachpending
    CROSS JOIN LATERAL etl._partition_range(
        i.inhrelid, etl._retention_time_type(f.member::regclass, time_column)) AS r
    WHERE etl._is_range_by(f.member::regclass, time_column)
$$;
COMMENT ON FUNCTION etl._range_partitions(regclass, name) IS
    'The partitions, on all levels, of a table and its parts where these are partitioned by ranges of a column: what '
    'each is a partition of, how deep, and from when to when it goes (NULL: the default partition).';

CREATE FUNCTION etl._retention_candidates(policy etl.retention_policy, tier integer, cutoff timestamptz)
RETURNS TABLE(part regclass, parent regclass, moved etl.detached_partition)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- A larger one before its parts: where it cannot go, one of these may.
    WITH source AS (SELECT etl._retention_source(policy, tier) AS relation)
    SELECT c.part, c.parent, c.moved
    FROM (
        SELECT p.part, p.parent, NULL::etl.detached_partition AS moved, p.level, p.upper
        FROM source AS s CROSS JOIN LATERAL etl._range_partitions(s.relation, (policy).time_column) AS p
        WHERE p.upper <= cutoff
        UNION ALL
        SELECT d.partition, s.relation, d, 1, d.created_at
        FROM source AS s
        JOIN pg_inherits AS i ON i.inhparent = s.relation
        JOIN etl.detached_partition AS d ON d.partition = i.inhrelid
        WHERE d.status = 'moved' AND d.owner = current_user
    ) AS c
    ORDER BY c.level, c.upper, c.part
$$;
COMMENT ON FUNCTION etl._retention_candidates(etl.retention_policy, integer, timestamptz) IS
    'Partitions that may go whole with a tier: those whose bounds lie before the moment, and former partitions in the '
    'schema of an archive.';

CREATE FUNCTION etl._partition_fate(
    policy etl.retention_policy, tier integer, parent regclass, OUT fate text, OUT target text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.fate, CASE WHEN f.fate <> 'drop' THEN f.place END
    FROM (
        SELECT p.place,
               CASE
                   WHEN p.place IS NULL THEN 'drop'
                   WHEN etl._is_archive_file(p.place) THEN NULL
                   WHEN pg_get_partkeydef(to_regclass(p.place)) IS NOT NULL THEN
                       CASE WHEN pg_get_partkeydef(to_regclass(p.place)) = pg_get_partkeydef(parent) THEN 'attach' END
                   WHEN t.archive_to LIKE 'schema:%' THEN 'move'
               END AS fate
        FROM etl.retention_tier AS t
        CROSS JOIN LATERAL etl._retention_place(policy, _partition_fate.tier) AS p(place)
        WHERE t.policy_id = (policy).policy_id AND t.tier = _partition_fate.tier
    ) AS f
$$;
COMMENT ON FUNCTION etl._partition_fate(etl.retention_policy, integer, regclass) IS
    'What becomes of partitions of a table that go whole with a tier: drop, move (into the schema of an archive), '
    'attach (to an archive that is partitioned in the same way); NULL where the tier takes rows only. And the table of '
    'the archive.';

-- What stands in the way ---------------------------------------------------------------------------------------------

CREATE FUNCTION etl._partition_kin(part regclass)
RETURNS oid[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT f::oid FROM etl._family(part) AS f UNION SELECT a::oid FROM etl._ancestors(part) AS a)
$$;
COMMENT ON FUNCTION etl._partition_kin(regclass) IS 'A partition, its parts and what it is part of.';

CREATE FUNCTION etl._drop_obstacle(policy etl.retention_policy, part regclass, parent regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM pg_class AS c
                     WHERE c.oid = ANY (parent::oid || k.family) AND NOT pg_has_role(c.relowner, 'USAGE'))
            THEN format('role "%s" does not own it and its table', current_user)
        WHEN EXISTS (SELECT FROM pg_class AS c WHERE c.oid = ANY (k.family) AND c.relkind = 'f')
            THEN 'a part of it is a foreign table'
        WHEN EXISTS (SELECT FROM unnest(k.family) AS f WHERE row_security_active(f)) OR row_security_active(parent)
            THEN 'row security is active'
        WHEN EXISTS (SELECT FROM etl._active_holds() AS h WHERE h.relation::oid = ANY (k.family))
            THEN 'a legal hold was placed on it'
        WHEN EXISTS (SELECT FROM pg_trigger AS t
                     WHERE t.tgfoid = 'etl._capture'::regproc AND t.tgrelid = ANY (k.family))
            THEN 'a rollup reads it'
        WHEN EXISTS (SELECT FROM etl.retention_policy AS o
                     LEFT JOIN etl.retention_tier AS t ON t.policy_id = o.policy_id
                     WHERE to_regclass(o.relation)::oid = ANY (k.family)
                        OR to_regclass(etl._retention_table(o.relation, t.archive_to))::oid = ANY (k.family))
            THEN 'a retention policy names it'
    END
    FROM (SELECT ARRAY(SELECT f::oid FROM etl._family(part) AS f) AS family) AS k
$$;
COMMENT ON FUNCTION etl._drop_obstacle(etl.retention_policy, regclass, regclass) IS
    'Why a partition cannot be taken out of its table, whatever its rows are; NULL where it can.';

CREATE FUNCTION etl._dependent_obstacle(part regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s depends on it', pg_describe_object(d.classid, d.objid, d.objsubid))
    FROM (SELECT ARRAY(SELECT f::oid FROM etl._family(part) AS f) AS family) AS k
    JOIN pg_depend AS d
        ON d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (k.family)
        OR d.refclassid = 'pg_type'::regclass
           AND d.refobjid IN (SELECT t.oid FROM pg_type AS t WHERE t.typrelid = ANY (k.family))
    WHERE d.deptype = 'n' AND (d.classid IN ('pg_rewrite'::regclass, 'pg_proc'::regclass)
                               OR d.classid = 'pg_class'::regclass AND d.objid <> ALL (k.family))
    LIMIT 1
$$;
COMMENT ON FUNCTION etl._dependent_obstacle(regclass) IS
    'What would keep a partition from being dropped: a view, a function; NULL where nothing does.';

CREATE FUNCTION etl._deletion_obstacle(part regclass)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM pg_trigger AS t
                     WHERE t.tgrelid = ANY (k.kin) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
                       AND t.tgtype & 40 <> 0) -- DELETE, TRUNCATE
            THEN 'a trigger must see its rows go'
        WHEN EXISTS (SELECT FROM etl._references(part)) THEN 'foreign keys refer to its rows'
        WHEN EXISTS (SELECT FROM unnest(k.kin) AS f WHERE row_security_active(f)) THEN 'row security is active'
        WHEN EXISTS (
            SELECT FROM pg_publication AS p
            WHERE p.pubdelete AND (
                p.puballtables
                OR EXISTS (SELECT FROM pg_publication_rel AS r WHERE r.prpubid = p.oid AND r.prrelid = ANY (k.kin))
                OR EXISTS (SELECT FROM pg_publication_namespace AS s
                           JOIN pg_class AS c ON c.relnamespace = s.pnnspid
                           WHERE s.pnpubid = p.oid AND c.oid = ANY (k.kin))))
            THEN 'a publication passes on which rows are deleted'
    END
    FROM (SELECT etl._partition_kin(part) AS kin) AS k
$$;
COMMENT ON FUNCTION etl._deletion_obstacle(regclass) IS
    'Why the rows of a partition must be deleted one by one: something else has to see it; NULL where nothing has.';

CREATE FUNCTION etl._archive_obstacle(part regclass, target regclass, fate text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN NOT pg_has_role(t.relowner, 'USAGE') OR NOT has_schema_privilege(t.relnamespace, 'CREATE')
            THEN format('role "%s" does not own the archive, or may not create tables in its schema', current_user)
        WHEN EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = target AND NOT g.tgisinternal
                                                   AND g.tgenabled <> 'D' AND g.tgtype & 4 <> 0)
            THEN 'a trigger of the archive must see its rows come'
        WHEN row_security_active(target) THEN 'row security of the archive is active'
        WHEN EXISTS (SELECT FROM etl._family(part) AS f JOIN pg_class AS c ON c.oid = f WHERE c.relpersistence <> 'p')
            THEN 'it is not logged'
        WHEN fate = 'move' AND p.relkind <> 'r' THEN 'it is partitioned itself'
        WHEN EXISTS (
            SELECT
            FROM (SELECT a.* FROM pg_attribute AS a
                  WHERE a.attrelid = part AND a.attnum > 0 AND NOT a.attisdropped) AS a
            FULL JOIN (SELECT b.* FROM pg_attribute AS b
                       WHERE b.attrelid = target AND b.attnum > 0 AND NOT b.attisdropped) AS b
                ON b.attname = a.attname
            WHERE (a.atttypid, a.atttypmod, a.attcollation) IS DISTINCT FROM
                  (b.atttypid, b.atttypmod, b.attcollation)
               OR b.attnotnull AND NOT a.attnotnull
               OR CASE fate WHEN 'move' THEN a.attgenerated NOT IN ('', 's') OR b.attgenerated <> ''
                            ELSE a.attgenerated <> b.attgenerated END)
            THEN 'the archive has other columns'
        WHEN EXISTS (SELECT FROM pg_constraint AS c
                     WHERE c.conrelid = target AND c.contype = 'c' AND NOT c.connoinherit
                       AND NOT EXISTS (SELECT FROM pg_constraint AS o
                                       WHERE o.conrelid = part AND o.contype = 'c' AND o.conname = c.conname))
            THEN 'the archive has constraints that it lacks'
    END
    FROM pg_class AS t, pg_class AS p
    WHERE t.oid = target AND p.oid = part
$$;
COMMENT ON FUNCTION etl._archive_obstacle(regclass, regclass, text) IS
    'Why an archive cannot take a partition as it is (fate move or attach); NULL where it can.';

CREATE FUNCTION etl._archive_partition(part regclass, target regclass, time_column name)
RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.part
    FROM etl._partition_range(part, etl._retention_time_type(part, time_column)) AS p
    JOIN etl._range_partitions(target, time_column) AS o
        ON o.parent = target AND (o.upper IS NULL OR o.lower < p.upper AND p.lower < o.upper)
    ORDER BY o.upper
    LIMIT 1
$$;
COMMENT ON FUNCTION etl._archive_partition(regclass, regclass, name) IS
    'A partition of an archive that takes rows of a partition, or some of them, the default one where there is no '
    'other; NULL where none does.';

CREATE FUNCTION etl._overlap_obstacle(part regclass, target regclass, time_column name)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    there CONSTANT regclass := etl._archive_partition(part, target, time_column);
    type CONSTANT regtype := etl._retention_time_type(part, time_column);
    range CONSTANT record := etl._partition_range(part, type);
    is_taken boolean := true;
BEGIN
    IF there IS NULL THEN
        RETURN NULL;
    ELSIF (SELECT p.partdefid FROM pg_partitioned_table AS p WHERE p.partrelid = target) = there THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t WHERE t.%I >= %s AND t.%2$I <= %4$s)', there, time_column,
                       etl._retention_literal(range.lower, type), etl._retention_literal(range.upper, type))
            INTO is_taken;
    END IF;
    RETURN CASE WHEN is_taken THEN format('the archive has partition "%s" for that time', there) END;
END
$$;
COMMENT ON FUNCTION etl._overlap_obstacle(regclass, regclass, name) IS
    'Which partition of an archive would overlap with one that is to be attached, or is the default one and has rows '
    'of that time; NULL where none does.';

-- Its rows -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION etl._partition_held(policy etl.retention_policy, tier integer, part regclass, parent regclass)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    -- Once it is detached, holds on its table are still about it.
    SELECT string_agg(DISTINCT c.held, ' OR ')
    FROM (SELECT coalesce(parent, part)
          UNION SELECT (policy).relation::regclass WHERE tier > 1
          UNION SELECT etl._archived_from(coalesce(parent, part))) AS o(origin)
    CROSS JOIN LATERAL etl._held_condition(part, etl._retention_alias(policy)::text, o.origin) AS c(held)
$$;
COMMENT ON FUNCTION etl._partition_held(etl.retention_policy, integer, regclass, regclass) IS
    'SQL condition that a row of a partition, attached or detached, is under a legal hold; NULL where none is active.';

CREATE FUNCTION etl._rows_obstacle(
    policy etl.retention_policy, tier integer, cutoff timestamptz, part regclass, parent regclass)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    alias CONSTANT name := etl._retention_alias(policy);
    held CONSTANT text := etl._partition_held(policy, tier, part, parent);
    reason text;
BEGIN
    -- Where an index leads with the time column, the first one takes three looks into it.
    EXECUTE format(
        'SELECT CASE WHEN EXISTS (SELECT FROM %1$s AS %2$I WHERE %2$I.%3$I >= %4$s)'
        ' OR EXISTS (SELECT FROM %1$s AS %2$I WHERE %2$I.%3$I IS NULL)'
        ' OR EXISTS (SELECT FROM %1$s AS %2$I WHERE %2$I.%3$I = ''-infinity'') THEN ''it has rows that are not due'''
        ' WHEN %5$s THEN ''it has rows that the filter leaves out'''
        ' WHEN %6$s THEN ''it has rows under a legal hold'' END',
        part, alias, policy.time_column,
        etl._retention_literal(cutoff, etl._retention_time_type(part, policy.time_column)),
        CASE WHEN policy.filter IS NULL THEN 'false'
             ELSE format(E'EXISTS (SELECT FROM %s AS %I WHERE (\n%s\n) IS NOT TRUE)', part, alias, policy.filter) END,
        CASE WHEN held IS NULL THEN 'false'
             ELSE format('EXISTS (SELECT FROM %s AS %I WHERE (%s) IS TRUE)', part, alias, held) END)
        INTO reason;
    RETURN reason;
END
$$;
COMMENT ON FUNCTION etl._rows_obstacle(etl.retention_policy, integer, timestamptz, regclass, regclass) IS
    'Which rows of a partition have to stay: not due, left out by the filter, held; NULL where all may go.';

CREATE FUNCTION etl._is_empty(relation regclass)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    has_rows boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO has_rows;
    RETURN NOT has_rows;
END
$$;
COMMENT ON FUNCTION etl._is_empty(regclass) IS 'Whether a table, with all parts of it, has no row.';

CREATE FUNCTION etl._partition_obstacle(
    policy etl.retention_policy, tier integer, cutoff timestamptz, part regclass, parent regclass,
    fate text, target regclass)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(
        etl._drop_obstacle(policy, part, parent),
        CASE WHEN fate IN ('drop', 'empty') THEN etl._dependent_obstacle(part) END,
        CASE WHEN fate <> 'empty' THEN etl._deletion_obstacle(part) END,
        CASE WHEN target IS NOT NULL THEN etl._archive_obstacle(part, target, fate) END,
        CASE WHEN fate = 'attach' THEN etl._overlap_obstacle(part, target, policy.time_column) END,
        CASE WHEN fate <> 'empty' THEN etl._rows_obstacle(policy, tier, cutoff, part, parent)
             WHEN NOT etl._is_empty(part) THEN 'it has rows' END);
END
$$;
COMMENT ON FUNCTION etl._partition_obstacle(
    etl.retention_policy, integer, timestamptz, regclass, regclass, text, regclass) IS
    'Why a partition cannot go whole, in words that end a sentence; NULL where it can.';
