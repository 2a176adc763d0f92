-- What etl.resolve_new has kept, changed by hand: merges taken back, separations ended, members forgotten, all removed.

CREATE FUNCTION etl._require_resolution(relation text)
RETURNS etl.resolution
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row etl.resolution;
BEGIN
    SELECT * INTO found_row FROM etl.resolution AS r
    WHERE r.relation = _require_resolution.relation AND r.owner = current_user
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN relation IS NULL THEN 'no table was given'
                           ELSE format('there are no clusters of table "%s"', relation) END,
            DETAIL = format('etl.resolve_new was not called for it by role "%s".', current_user),
            HINT = 'SELECT * FROM etl.resolutions; lists the tables that have some.';
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION etl._require_resolution(text) IS
    'The current role''s resolution of a table, by the table''s name, locked to the end of the transaction (42704 '
    'without one).';

CREATE FUNCTION etl._require_merge(merge_id bigint)
RETURNS etl.cluster_merge
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_merge etl.cluster_merge;
BEGIN
    -- The lock first: another session may be about to undo the same one, or to remove all.
    PERFORM FROM etl.resolution AS r
    WHERE r.owner = current_user AND r.resolution_id = (
        SELECT g.resolution_id FROM etl.cluster_merge AS g WHERE g.merge_id = _require_merge.merge_id)
    FOR UPDATE;
    SELECT * INTO found_merge FROM etl.cluster_merge AS g WHERE g.merge_id = _require_merge.merge_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN merge_id IS NULL THEN 'no merge was given'
                           ELSE format('merge %s does not exist', merge_id) END,
            HINT = 'SELECT * FROM etl.merges; lists them.';
    END IF;
    PERFORM etl._require_owner(found_merge.owner, format('merge %s', merge_id));
    IF found_merge.undone_at IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('merge %s was undone at %s', merge_id, found_merge.undone_at),
            HINT = 'SELECT * FROM etl.merges WHERE undone_at IS NULL; lists the merges in force.';
    END IF;
    RETURN found_merge;
END
$$;
COMMENT ON FUNCTION etl._require_merge(bigint) IS
    'A merge of the current role that is in force, its resolution locked to the end of the transaction (42704 no such '
    'merge, 42501 another role''s, 55000 undone already).';

CREATE FUNCTION etl._parts_of_merge(merge etl.cluster_merge)
RETURNS TABLE (part_id bigint, cluster_id bigint)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH part AS MATERIALIZED (
        SELECT c.id::bigint AS part_id, c.cluster_id::bigint AS cluster_id
        FROM etl.clusters(format(
            'SELECT g.part_a, g.part_b FROM etl.cluster_merge AS g WHERE g.resolution_id = %s AND g.owner = %L '
            'AND g.undone_at IS NULL UNION ALL VALUES (%s::bigint, NULL::bigint), (%s, NULL)',
            merge.resolution_id, merge.owner, merge.part_a, merge.part_b)) AS c
    )
    SELECT p.part_id, p.cluster_id
    FROM part AS p
    WHERE p.cluster_id IN (SELECT o.cluster_id FROM part AS o WHERE o.part_id IN (merge.part_a, merge.part_b))
$$;
COMMENT ON FUNCTION etl._parts_of_merge(etl.cluster_merge) IS
    'The parts that the merges in force hold together with either end of a merge, and their cluster.';

CREATE FUNCTION etl._undo_merge(merge etl.cluster_merge, keep_apart bool, as_of timestamptz)
RETURNS TABLE (cluster_id bigint, members bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE etl.cluster_merge AS g SET undone_at = as_of WHERE g.merge_id = merge.merge_id AND g.owner = merge.owner;
    IF keep_apart THEN
        INSERT INTO etl.separation (resolution_id, merge_id, id_a, id_b, part_a, part_b, since)
        VALUES (merge.resolution_id, merge.merge_id, merge.id_a, merge.id_b, merge.part_a, merge.part_b, as_of);
    END IF;
    -- Until now they all have the smaller number.
    WITH part AS MATERIALIZED (SELECT * FROM etl._parts_of_merge(merge))
    UPDATE etl.cluster_member AS m SET cluster_id = p.cluster_id
    FROM part AS p
    WHERE m.resolution_id = merge.resolution_id AND m.owner = merge.owner AND m.part_id = p.part_id
      AND m.cluster_id <> p.cluster_id AND m.cluster_id = (SELECT min(o.cluster_id) FROM part AS o);
    RETURN QUERY
        SELECT p.cluster_id, count(m.id)
        FROM (SELECT DISTINCT o.cluster_id FROM etl._parts_of_merge(merge) AS o) AS p
        LEFT JOIN etl.cluster_member AS m
            ON m.resolution_id = merge.resolution_id AND m.owner = merge.owner AND m.cluster_id = p.cluster_id
        GROUP BY p.cluster_id ORDER BY p.cluster_id;
END
$$;
COMMENT ON FUNCTION etl._undo_merge(etl.cluster_merge, bool, timestamptz) IS
    'Takes a merge back, and returns the two clusters that this leaves with the numbers of their members.';

CREATE FUNCTION etl.unmerge(
    merge_id bigint, keep_apart bool DEFAULT true, as_of timestamptz DEFAULT now(), dry_run bool DEFAULT false)
RETURNS TABLE (cluster_id bigint, members bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merge etl.cluster_merge;
    clusters bigint[];
    counts bigint[];
    finished bool := false;
BEGIN
    PERFORM etl._require_flag(keep_apart, 'keep_apart');
    PERFORM etl._require_flag(dry_run, 'dry_run');
    PERFORM etl._require_moment(as_of, 'as_of');
    PERFORM etl._require_latest_snapshots('etl.unmerge');
    BEGIN
        merge := etl._require_merge(merge_id);
        SELECT array_agg(u.cluster_id), array_agg(u.members) INTO clusters, counts
        FROM etl._undo_merge(merge, keep_apart, as_of) AS u;
        finished := true;
        IF dry_run THEN
            RAISE EXCEPTION USING
                ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN -- rolled back, counts kept
            IF NOT (dry_run AND finished) THEN
                RAISE; -- of another's function
            END IF;
    END;
    RETURN QUERY SELECT * FROM unnest(clusters, counts);
END
$$;
COMMENT ON FUNCTION etl.unmerge(bigint, bool, timestamptz, bool) IS
    'Takes back one merge of etl.merges, whatever has been merged since: the cluster falls into the two that the merge '
    'has joined, each with its own earlier and later merges, and with the rows that have joined it since then by their '
    'own best match. A cluster has the number that it would have without the merge. keep_apart: remembers it in '
    'etl.separations, so that etl.resolve_new does not join the two again by another row; with false a later row may. '
    'as_of: the moment that is noted. dry_run: does all of it and rolls it back. Returns the two clusters and how many '
    'members each has. Errors: 42704 no such merge, 42501 another role''s, 55000 it was undone before, 22023 a NULL '
    'argument, 25000 isolation level above READ COMMITTED.';

CREATE FUNCTION etl.remove_separation(separation_id bigint, if_exists bool DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    DELETE FROM etl.separation AS s
    WHERE s.separation_id = remove_separation.separation_id AND s.owner = current_user;
    IF FOUND THEN
        RETURN;
    ELSIF if_exists THEN
        RAISE NOTICE 'separation % does not exist, skipping', separation_id;
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'undefined_object',
        MESSAGE = CASE WHEN separation_id IS NULL THEN 'no separation was given'
                       ELSE format('separation %s of role "%s" does not exist', separation_id, current_user) END,
        HINT = 'SELECT * FROM etl.separations; lists them.';
END
$$;
COMMENT ON FUNCTION etl.remove_separation(bigint, bool) IS
    'Ends a separation: the next new row that matches both sides merges them. It merges nothing by itself. if_exists: '
    'a notice instead of an error where there is none. Errors: 42704 no such separation, 22023 a NULL flag.';

CREATE FUNCTION etl._members_to_forget(known etl.resolution, target regclass, ids text[])
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF ids IS NOT NULL THEN
        RETURN QUERY
            SELECT m.id FROM etl.cluster_member AS m
            WHERE m.resolution_id = known.resolution_id AND m.owner = known.owner AND m.id = ANY (ids);
        RETURN;
    END IF;
    PERFORM etl._require_column(target, known.id_column);
    RETURN QUERY SELECT l.id FROM etl._locked_rows(
        format('SELECT m.id FROM etl.cluster_member AS m WHERE m.resolution_id = $1 AND m.owner = $2 '
               'AND NOT EXISTS (SELECT FROM %s AS t WHERE (t.%I)::text = m.id)', target, known.id_column),
        known.resolution_id, known.owner) AS l(id text);
END
$$;
COMMENT ON FUNCTION etl._members_to_forget(etl.resolution, regclass, text[]) IS
    'Of the members of a table''s clusters those with the given ids or, for NULL, those whose row is gone.';

CREATE FUNCTION etl._forget(known etl.resolution, target regclass, ids text[], whole_clusters bool)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH named AS MATERIALIZED (
        SELECT m.id, m.cluster_id
        FROM etl._members_to_forget(known, target, ids) AS f(id)
        JOIN etl.cluster_member AS m
            ON m.resolution_id = known.resolution_id AND m.owner = known.owner AND m.id = f.id
    ),
    doomed AS (
        SELECT n.id FROM named AS n
        UNION
        SELECT m.id FROM named AS n
        JOIN etl.cluster_member AS m
            ON m.resolution_id = known.resolution_id AND m.owner = known.owner AND m.cluster_id = n.cluster_id
        WHERE whole_clusters
    ),
    gone AS (
        DELETE FROM etl.cluster_member AS m USING doomed AS d
        WHERE m.resolution_id = known.resolution_id AND m.owner = known.owner AND m.id = d.id
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION etl._forget(etl.resolution, regclass, text[], bool) IS
    'Deletes members, or all of the clusters that they are in, and returns how many went.';

CREATE FUNCTION etl.forget_members(
    target regclass, ids text[] DEFAULT NULL, whole_clusters bool DEFAULT false, dry_run bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres'
SET timezone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
AS $$
DECLARE
    forgotten bigint;
    finished bool := false;
BEGIN
    PERFORM etl._require_flag(whole_clusters, 'whole_clusters');
    PERFORM etl._require_flag(dry_run, 'dry_run');
    PERFORM etl._require_latest_snapshots('etl.forget_members');
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    BEGIN
        forgotten := etl._forget(etl._require_resolution(etl._relation_name(target)), target, ids, whole_clusters);
        finished := true;
        IF dry_run THEN
            RAISE EXCEPTION USING
                ERRCODE = 'ETL00', MESSAGE = 'end of the dry run';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'ETL00' THEN -- rolled back, count kept
            IF NOT (dry_run AND finished) THEN
                RAISE; -- of another's function
            END IF;
    END;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION etl.forget_members(regclass, text[], bool, bool) IS
    'Takes rows out of their clusters, so that the next etl.resolve_new matches them as new ones: after an UPDATE of '
    'what is compared. target: the table. ids: the rows'' ids as text, those that are not known are passed over; NULL '
    'stands for all members whose row is gone from the table. whole_clusters: also all other members of these '
    'clusters, which makes the next run find what a run over all rows would; without it the others stay together even '
    'where the row was all that has held them together. dry_run: does it and rolls it back. Returns how many members '
    'were forgotten. Errors: 42704 the table has no clusters, 42809 not a table, 42501 no SELECT on it, 42703 the '
    'column of its ids is gone, 22023 a NULL flag, 25000 isolation level above READ COMMITTED.';

CREATE FUNCTION etl.remove_resolution(relation text, if_exists bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known etl.resolution;
    removed bigint;
BEGIN
    PERFORM etl._require_flag(if_exists, 'if_exists');
    known := etl._require_resolution(coalesce(etl._relation_name(to_regclass(relation)), relation));
    DELETE FROM etl.separation AS s WHERE s.resolution_id = known.resolution_id AND s.owner = known.owner;
    DELETE FROM etl.cluster_merge AS g WHERE g.resolution_id = known.resolution_id AND g.owner = known.owner;
    DELETE FROM etl.cluster_member AS m WHERE m.resolution_id = known.resolution_id AND m.owner = known.owner;
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM etl.resolution AS r WHERE r.resolution_id = known.resolution_id AND r.owner = known.owner;
    RETURN removed;
EXCEPTION
    WHEN undefined_object THEN
        IF NOT if_exists OR relation IS NULL THEN
            RAISE;
        END IF;
        RAISE NOTICE 'there are no clusters of table "%", skipping', relation;
        RETURN 0;
END
$$;
COMMENT ON FUNCTION etl.remove_resolution(text, bool) IS
    'Removes all that etl.resolve_new knows about a table: members, merges and separations. The table itself stays as '
    'it is, and may be gone already. relation: its name with the schema, as etl.resolutions shows it. if_exists: a '
    'notice instead of an error where there is nothing. Returns how many members were removed. Errors: 42704 there are '
    'no clusters of that table, 22023 a NULL flag.';
