-- What retention policies may do to each other: one archive for rows of two tables, rows that come back to where they
-- were, rows that two policies take. Looked at among the policies that the role sees, which are its own.

CREATE FUNCTION etl._retention_relatives(relation regclass)
RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE relative(member) AS (
        SELECT f::oid FROM etl._family(relation) AS f
        UNION
        SELECT i.inhparent FROM pg_inherits AS i JOIN relative AS r ON r.member = i.inhrelid
    )
    SELECT member::regclass FROM relative
$$;
COMMENT ON FUNCTION etl._retention_relatives(regclass) IS
    'The tables in which a row of the relation may lie as well: its parts, itself, and what any of these is a part of.';

CREATE FUNCTION etl._retention_steps(relation text, tiers etl.retention_tier[])
RETURNS TABLE(tier smallint, source regclass, target regclass, later text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
AS $$
    SELECT t.tier,
           to_regclass(CASE WHEN t.tier = 1 THEN relation
                            ELSE lag(etl._retention_table(relation, t.archive_to)) OVER (ORDER BY t.tier) END),
           to_regclass(etl._retention_table(relation, t.archive_to)),
           lead(format('%s (then %s)', t.after, coalesce('to ' || t.archive_to, 'deleted'))) OVER (ORDER BY t.tier)
    FROM unnest(tiers) AS t
$$;
COMMENT ON FUNCTION etl._retention_steps(text, etl.retention_tier[]) IS
    'The tiers of a policy as steps from table to table (NULL for what is none, or is missing), and what the next tier '
    'does with the rows.';

CREATE FUNCTION etl._retention_other_steps(except_policy text)
RETURNS TABLE(policy text, source regclass, target regclass, later text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
AS $$
    -- Of all policies at once: there may be thousands of them.
    SELECT s.name,
           to_regclass(CASE WHEN s.tier = 1 THEN s.relation ELSE lag(s.place) OVER tiers END),
           to_regclass(s.place),
           lead(format('%s (then %s)', s.after, coalesce('to ' || s.archive_to, 'deleted'))) OVER tiers
    FROM (
        SELECT p.name, p.relation, t.*,
               CASE WHEN t.archive_to LIKE 'schema:%' OR t.archive_to LIKE 'file:%'
                    THEN etl._retention_table(p.relation, t.archive_to) ELSE t.archive_to END AS place
        FROM etl.retention_policy AS p
        JOIN etl.retention_tier AS t USING (policy_id)
        WHERE p.name <> except_policy
    ) AS s
    WINDOW tiers AS (PARTITION BY s.policy_id ORDER BY s.tier)
$$;
COMMENT ON FUNCTION etl._retention_other_steps(text) IS
    'The steps, as etl._retention_steps has them, of every policy that the role sees but one.';

CREATE FUNCTION etl._retention_refuse_places(problem text, source regclass, target regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format(problem, source, target),
        HINT = 'Name another table in archive_to; where it is missing it is created.';
END
$$;
COMMENT ON FUNCTION etl._retention_refuse_places(text, regclass, regclass) IS
    'Raises that two tables cannot be places of one policy (22023).';

CREATE FUNCTION etl._retention_check_places(relation text, tiers etl.retention_tier[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    places regclass[] := ARRAY[relation::regclass] || ARRAY(
        SELECT s.target FROM etl._retention_steps(relation, tiers) AS s WHERE s.target IS NOT NULL ORDER BY s.tier);
    source regclass;
    target regclass;
BEGIN
    FOR later IN 2 .. cardinality(places) LOOP
        target := places[later];
        FOREACH source IN ARRAY places[:later - 1] LOOP
            IF source = target AND source = places[1] THEN
                PERFORM etl._retention_refuse_places('table "%1$s" cannot be its own archive', source, target);
            ELSIF source = target THEN
                PERFORM etl._retention_refuse_places('two tiers have archive table "%2$s"', source, target);
            ELSIF target IN (SELECT etl._family(source)) THEN
                PERFORM etl._retention_refuse_places('archive table "%2$s" is a part of table "%1$s"', source, target);
            ELSIF source IN (SELECT etl._family(target)) THEN
                PERFORM etl._retention_refuse_places('table "%1$s" is a part of archive table "%2$s"', source, target);
            ELSIF target IN (SELECT etl._retention_relatives(source)) THEN
                PERFORM etl._retention_refuse_places('tables "%1$s" and "%2$s" have a part in common', source, target);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION etl._retention_check_places(text, etl.retention_tier[]) IS
    'Checks that no place of a policy is another one of its places, or a part of it (22023).';

CREATE FUNCTION etl._retention_check_cycles(policy etl.retention_policy, tiers etl.retention_tier[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- the planner takes a few policies for millions of rows
AS $$
DECLARE
    back record;
BEGIN
    -- Where the rows of each step go on to, and whether they come to where the step took them.
    WITH RECURSIVE own AS MATERIALIZED (
        SELECT s.tier, s.source, s.target FROM etl._retention_steps(policy.relation, tiers) AS s
        WHERE s.source IS NOT NULL AND s.target IS NOT NULL
    ), step AS MATERIALIZED (
        SELECT s.source, s.target FROM etl._retention_other_steps(policy.name) AS s
        WHERE s.source IS NOT NULL AND s.target IS NOT NULL
        UNION ALL
        SELECT o.source, o.target FROM own AS o
    ), way(tier, source, first, place) AS (
        SELECT o.tier, o.source, o.target, o.target FROM own AS o
        UNION
        SELECT w.tier, w.source, w.first, s.target
        FROM way AS w
        CROSS JOIN LATERAL etl._retention_relatives(w.place) AS r(relative)
        JOIN step AS s ON s.source = r.relative
    )
    SELECT w.source, w.first AS target INTO back
    FROM way AS w
    WHERE w.source IN (SELECT etl._retention_relatives(w.place))
    ORDER BY w.tier
    LIMIT 1;
    IF FOUND THEN
        PERFORM etl._retention_refuse_places(
            'archive table "%2$s" is archived into table "%1$s" by other policies', back.source, back.target);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_check_cycles(etl.retention_policy, etl.retention_tier[]) IS
    'Checks that rows do not come back to where a policy took them, by way of other policies of the role (22023).';

CREATE FUNCTION etl._retention_check_sharing(policy etl.retention_policy, tiers etl.retention_tier[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- the planner takes a few policies for millions of rows
AS $$
DECLARE
    clash record;
BEGIN
    SELECT p AS other, m.target AS archive, coalesce(o.later, 'for ever') AS there,
           coalesce(m.later, 'for ever') AS here
        INTO clash
    FROM etl._retention_steps(policy.relation, tiers) AS m
    CROSS JOIN LATERAL etl._retention_relatives(m.target) AS r(relative)
    JOIN etl._retention_other_steps(policy.name) AS o ON o.target = r.relative
    JOIN etl.retention_policy AS p ON p.name = o.policy
    WHERE p.relation <> policy.relation
       OR (p.filter IS NULL OR policy.filter IS NULL) AND (
              m.later IS DISTINCT FROM o.later
              OR m.later IS NOT NULL AND (p.time_column, p.kind) IS DISTINCT FROM (policy.time_column, policy.kind))
    ORDER BY p.relation <> policy.relation DESC, p.policy_id, m.tier
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    ELSIF (clash.other).relation <> policy.relation THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive table "%s" belongs to retention policy "%s" of table "%s"', clash.archive,
                             (clash.other).name, (clash.other).relation),
            DETAIL = 'The later tiers of one policy would take the rows of the other table.',
            HINT = 'Name another table in archive_to; where it is missing it is created.';
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('retention policy "%s" keeps the rows of archive table "%s" for another time',
                         (clash.other).name, clash.archive),
        DETAIL = format('There they stay %s by column "%s", here %s by column "%s", and nothing tells them apart.',
                        clash.there, (clash.other).time_column, clash.here, policy.time_column),
        HINT = 'Give the same later tiers and time_column, another archive_to, or both policies a filter.';
END
$$;
COMMENT ON FUNCTION etl._retention_check_sharing(etl.retention_policy, etl.retention_tier[]) IS
    'Checks that no other policy of the role takes from an archive what this one keeps there, or the other way round '
    '(22023): an archive is that of one table, and policies that share it agree how long or have filters.';

CREATE FUNCTION etl._retention_check_keepers(policy etl.retention_policy, tiers etl.retention_tier[])
RETURNS void
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    SELECT etl._require_own_archive(o.relation)
    FROM (SELECT s.source AS place FROM etl._retention_steps(policy.relation, tiers) AS s
          UNION SELECT s.target FROM etl._retention_steps(policy.relation, tiers) AS s) AS p
    CROSS JOIN LATERAL etl._retention_relatives(p.place) AS r(relative)
    JOIN etl.archive_owner AS o ON o.relation = r.relative
$$;
COMMENT ON FUNCTION etl._retention_check_keepers(etl.retention_policy, etl.retention_tier[]) IS
    'Checks that no place of a policy, nor a part of one, is an archive of another role (22023).';

CREATE FUNCTION etl._retention_check_parts(policy etl.retention_policy, tiers etl.retention_tier[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off -- the planner takes a few policies for millions of rows
AS $$
DECLARE
    clash record;
BEGIN
    WITH own AS MATERIALIZED (
        SELECT s.source, s.target FROM etl._retention_steps(policy.relation, tiers) AS s
    ), other AS MATERIALIZED (
        SELECT s.policy, s.source, s.target FROM etl._retention_other_steps(policy.name) AS s
        UNION
        SELECT a.policy, NULL, etl._named(a.location) FROM etl.archive AS a
        WHERE a.policy <> policy.name AND a.owner = current_user AND a.action IN ('archived', 'opening')
          AND NOT etl._is_archive_file(a.location)
    )
    SELECT o.policy, o.target AS archive, r.relative AS part, w.source AS emptied INTO clash
    FROM own AS w
    CROSS JOIN LATERAL etl._retention_relatives(w.source) AS r(relative)
    JOIN other AS o ON o.target = r.relative
    WHERE r.relative <> w.source
    UNION ALL
    SELECT o.policy, w.target, r.relative, o.source
    FROM own AS w
    CROSS JOIN LATERAL etl._retention_relatives(w.target) AS r(relative)
    JOIN other AS o ON o.source = r.relative
    WHERE r.relative <> w.target
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('archive table "%s" has rows in common with table "%s"', clash.archive, clash.emptied),
            DETAIL = format('One is a part of the other. Retention policy "%s" is about one of them, and rows would '
                            'leave the archive without being counted.', clash.policy),
            HINT = format('Define the policy for "%s" itself, or name another table.', clash.archive);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_check_parts(etl.retention_policy, etl.retention_tier[]) IS
    'Checks that a policy takes no rows from what an archive of another one is a part of, nor from a part of it, and '
    'archives to nothing that is so to a table from which another takes rows (22023). Those that were removed count.';

CREATE FUNCTION etl._retention_warn_overlap(policy etl.retention_policy)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    others text;
BEGIN
    IF policy.filter IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT string_agg(format('"%s"', p.name), ', ' ORDER BY p.name) INTO others
    FROM etl.retention_policy AS p
    WHERE p.name <> policy.name AND p.filter IS NULL
      AND to_regclass(p.relation) IN (SELECT etl._retention_relatives(policy.relation::regclass));
    IF others IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('retention policy "%s" takes the same rows as %s', policy.name, others),
            DETAIL = format('None of them has a filter, so a row of table "%s" goes where the one that runs first puts '
                            'it.', policy.relation),
            HINT = 'Give them filters that exclude each other, or remove all but one.';
    END IF;
END
$$;
COMMENT ON FUNCTION etl._retention_warn_overlap(etl.retention_policy) IS
    'Warns of other policies of the role that are about all rows of the same table, or of a part of it, as this one.';
