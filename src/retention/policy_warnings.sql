-- What is said when a retention policy is defined: what makes it slow, and rows that it will not take.

CREATE FUNCTION etl._retention_warn_index(relation regclass, time_column name)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    slow CONSTANT regclass := etl._without_time_index(relation, time_column);
BEGIN
    IF slow IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('table "%s" has no index on column "%s", so every run reads the whole table', slow,
                             time_column),
            HINT = format('CREATE INDEX ON %s (%I);', slow, time_column);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_warn_index(regclass, name) IS
    'Warns when a table, or a part of it, has no index that leads with the time column of a policy.';

CREATE FUNCTION etl._retention_warn_security(relation regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF row_security_active(relation) THEN
        RAISE WARNING USING
            MESSAGE = format('row security of table "%s" applies to role "%s"', relation, current_user),
            DETAIL = 'Rows that it hides from the role are neither moved nor counted, however old they get.',
            HINT = 'Define the policy as the owner of the table, or as a role with BYPASSRLS, to reach all rows.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_warn_security(regclass) IS
    'Warns when row security may hide rows of a table from the current role, and so from its policy.';

CREATE FUNCTION etl._retention_has_index(relation regclass, columns smallint[])
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_index AS i
        WHERE i.indrelid = relation AND i.indisvalid AND i.indpred IS NULL
          AND (i.indkey::smallint[])[0:cardinality(columns) - 1] @> columns
    )
$$;
COMMENT ON FUNCTION etl._retention_has_index(regclass, smallint[]) IS
    'Whether a table has an index on all of its rows that leads with these columns, in any order.';

CREATE FUNCTION etl._retention_warn_references(relation regclass, follow_references boolean)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reference record;
BEGIN
    FOR reference IN
        SELECT r.name, r.child, etl._retention_has_index(r.child, c.conkey) AS has_index,
               (SELECT etl._column_list(array_agg(a.attname ORDER BY k.n))
                FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, n)
                JOIN pg_attribute AS a ON a.attrelid = r.child AND a.attnum = k.attnum) AS columns
        FROM etl._references(relation) AS r
        JOIN pg_constraint AS c ON c.oid = r.constraint_id
    LOOP
        IF NOT follow_references THEN
            RAISE WARNING USING
                MESSAGE = format('rows of table "%s" stay as long as rows of table "%s" refer to them', relation,
                                 reference.child),
                DETAIL = format('They do so by foreign key "%s".', reference.name),
                HINT = format('Let a policy of "%s" take its rows out first, or give follow_references => true.',
                              reference.child);
        END IF;
        IF NOT reference.has_index THEN
            RAISE WARNING USING
                MESSAGE = format('table "%s" has no index for foreign key "%s"', reference.child, reference.name),
                DETAIL = format('It is read as a whole to see which rows of table "%s" it refers to.', relation),
                HINT = format('CREATE INDEX ON %s (%s);', reference.child, reference.columns);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_warn_references(regclass, boolean) IS
    'Warns of foreign keys that point at a table: that rows stay because of them, unless the references are followed, '
    'and of those that are looked up without an index.';

CREATE FUNCTION etl._retention_warn(policy etl.retention_policy, tiers etl.retention_tier[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step record;
BEGIN
    FOR step IN SELECT * FROM etl._retention_steps(policy.relation, tiers) AS s ORDER BY s.tier LOOP
        IF step.source IS NOT NULL THEN
            PERFORM etl._retention_warn_index(step.source, policy.time_column),
                    etl._retention_warn_security(step.source),
                    etl._retention_warn_references(step.source, policy.follow_references);
        END IF;
    END LOOP;
    PERFORM etl._retention_warn_overlap(policy);
END
$$;
COMMENT ON FUNCTION etl._retention_warn(etl.retention_policy, etl.retention_tier[]) IS
    'Warns of what makes a policy slow or leaves rows behind, in each table that it takes rows from.';
